"""One case: the kernel against the scripted card, and people who answer as the case says; what differs, in words."""

from __future__ import annotations

import dataclasses
import datetime
import typing
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cache
from typing import Any

from conformance.card import Pulled, ScriptedCard, matches
from conformance.case import Case
from conformance.notation import encode, named, names_of
from emv.capk import CaKeys, CaPublicKey, RevokedCertificate, default_capks
from emv.commands import (
    AskOfflinePin,
    AskPin,
    CardError,
    ChooseApplication,
    Draw,
    EarlierAmount,
    GoOnline,
    KernelRequest,
    OnlineAnswer,
    Outcome,
    PinResult,
    Transceive,
    VerifyPin,
)
from emv.kernel import AidEntry, Session, TerminalProfile, TransactionData, contact_session
from emv.trace import Decision

REQUESTS_MAX = 400  # A kernel that goes on and on fails the case.
REMOVED = "card-removed"  # The end of a session whose card was pulled: the error comes out of the kernel.
ANY = "..."
# What an end means; every other one terminates the session.
RESULTS = {
    "approved-online": "approved",
    "approved-offline": "approved",
    "declined-offline": "declined",
    "declined-by-card": "declined",
    "declined-by-issuer": "declined",
    "service-not-allowed": "declined",
    "pin-tries-exceeded": "declined",
    "issuer-not-authentic": "declined",
    "card-not-authenticated": "declined",
    "unable-to-go-online": "declined",
    "referred": "declined",
    "cancelled": "cancelled",
    "pin-cancelled": "cancelled",
    "pin-timed-out": "cancelled",
}
PIN_BLOCK = "241234FFFFFFFFFF"


class Stuck(Exception):
    """The kernel asked what the case has no answer for, or too much."""


@dataclass
class World:
    """What stands around the kernel in one case."""

    case: Case
    card: ScriptedCard
    offered: list[list[str]] = field(default_factory=list)
    pins: list[str] = field(default_factory=list)
    looked_up: list[str] = field(default_factory=list)
    request: dict[str, str] | None = None
    draws: int = 0
    requests: int = 0

    def answer(self, request: KernelRequest[Any]) -> Any:
        self.requests += 1
        if self.requests > REQUESTS_MAX:
            raise Stuck("the kernel goes on and on")
        people = self.case.people
        match request:
            case Transceive(capdu):
                return self.card.transmit(capdu)
            case VerifyPin(key, challenge):
                # A driver enciphers; the card here looks only at the form. Spec: Book 2 §7, Book 3 §6.5.12.
                block = bytes.fromhex(PIN_BLOCK) if key is None else bytes(len(key.modulus))
                head = f"002000{'80' if key is None else '88'}{len(block):02X}"
                return self.card.transmit(bytes.fromhex(head) + block, challenge=challenge)
            case Draw(count):
                self.draws += 1
                drawn = bytes.fromhex(self._from("draw", self.draws))
                if len(drawn) != count:
                    raise Stuck(f"the kernel draws {count} bytes, the case has {len(drawn)}")
                return drawn
            case AskPin():
                self.pins.append("online")
                return PinResult[self._from("pin", len(self.pins))]
            case AskOfflinePin(tries, wrong):
                self.pins.append(f"offline {'?' if tries is None else tries}{' wrong' if wrong else ''}")
                return PinResult[self._from("pin", len(self.pins))]
            case EarlierAmount(pan, sequence):
                self.looked_up.append(f"{pan}/{sequence}")
                return int(people["earlier"])
            case ChooseApplication(candidates):
                self.offered.append([candidate.label for candidate in candidates])
                index = self._from("choose", len(self.offered))
                return None if index == "cancel" else index
            case GoOnline(data):
                self.request = {f"{tag:X}": value.hex().upper() for tag, value in data.items()}
                if people["online"] == "none":
                    return None
                arpc, scripts = encode(people.get("arpc", "")), encode(people.get("scripts", ""))
                return OnlineAnswer(people["online"].encode("latin-1"), arpc, scripts)
        raise Stuck(f"the runner does not know {type(request).__name__}")

    def _from(self, word: str, number: int) -> Any:
        answers = self.case.people.get(word, [])
        if answers[-1:] == [ANY]:
            return answers[min(number, len(answers) - 1) - 1]
        if number > len(answers):
            raise Stuck(f"the kernel asked {word} {number} times")
        return answers[number - 1]


def run(case: Case) -> list[str]:
    """What the kernel did otherwise than the case says; empty if nothing."""
    return played(case)[1]


def decisions(case: Case) -> set[str]:
    """The words of emv.rules that the kernel noted."""
    return {item.rule.word for item in played(case)[0].trace if isinstance(item, Decision)}


def played(case: Case) -> tuple[Session, list[str]]:
    """The session as it ended, and what differs."""
    world = World(case, ScriptedCard(case.card))
    session = Session(built(TerminalProfile, {**case.terminal, "aids": _aids(case)}), built(TransactionData, case.sale))
    kernel = contact_session(session)
    outcome: Outcome | None = None
    reason = REMOVED
    try:
        request = kernel.send(None)
        while True:
            try:
                answer = world.answer(request)
            except Pulled:
                request = kernel.throw(CardError("pulled out", removed=True))
            else:
                request = kernel.send(answer)
    except StopIteration as end:
        outcome = end.value
        reason = end.value.reason
    except CardError as error:
        if not error.removed:
            return session, [f"a CardError came out of the kernel: {error}"]
    except Stuck as stuck:
        kernel.close()
        return session, [str(stuck), f"sent: {world.card.sent[-3:]}"]
    return session, [*world.card.complaints, *_differences(case, world, session, outcome, reason)]


def _aids(case: Case) -> tuple[AidEntry, ...]:
    rows = case.terminal.get("aids", [{}])
    return tuple(built(AidEntry, {**case.aid, **row}) for row in rows)


def ca_keys(table: dict[str, str]) -> CaKeys:
    """The simulator's CA keys; `last_day` is theirs, `revoked` is RID/index/serial."""
    keys = _test_keys()
    if "last_day" in table:
        last_day = datetime.date.fromisoformat(table["last_day"])
        keys = tuple(dataclasses.replace(key, expiry=last_day) for key in keys)
    revoked: frozenset[RevokedCertificate] = frozenset()
    if "revoked" in table:
        rid, index, serial = table["revoked"].split("/")
        revoked = frozenset({RevokedCertificate(bytes.fromhex(rid), int(index, 16), bytes.fromhex(serial))})
    return CaKeys(keys, revoked)


@cache
def _test_keys() -> tuple[CaPublicKey, ...]:
    return default_capks().keys


def built(kind: type[Any], table: dict[str, Any]) -> Any:
    """A dataclass of the kernel from a table: hex for bytes, hex for the terminal's type, lists for tuples."""
    hints = _hints(kind)  # type: ignore[arg-type]  # mypy does not see that classes are hashable.
    values = {}
    for name, value in table.items():
        if name not in hints:
            raise KeyError(f"{kind.__name__} has no {name}")
        values[name] = _typed(hints[name], name, value)
    return kind(**values)


@cache
def _hints(kind: type[Any]) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _typed(hint: Any, name: str, value: Any) -> Any:
    if hint is bytes:
        return bytes.fromhex(named("95", value) if isinstance(value, list) else value)
    if hint is int and isinstance(value, str):
        return int(value, 16)
    if hint is CaKeys:
        return ca_keys(value)
    if isinstance(hint, type) and issubclass(hint, IntEnum):
        return hint(value)
    if isinstance(value, list) and typing.get_origin(hint) is frozenset:
        return frozenset(value)
    if isinstance(value, list):
        texts = bytes in typing.get_args(hint)  # A tuple of bytes is one of codes: characters.
        return tuple(item.encode("ascii") if texts and isinstance(item, str) else item for item in value)
    return value


def _differences(case: Case, world: World, session: Session, outcome: Outcome | None, reason: str) -> list[str]:
    expect = case.expect
    data = {f"{tag:X}": value.hex().upper() for tag, value in session.elements().items()}
    whole = outcome is not None and (outcome.result.value in ("approved", "declined"))
    got: dict[str, Any] = {
        "end": reason,
        "tvr": data["95"],
        "tsi": data["9B"],
        "cvm": data.get("9F34", ""),
        "asked": world.card.asked,
        "arc": bytes.fromhex(data.get("8A", "")).decode("latin-1"),
        "offered": world.offered,
        "pins": world.pins,
        "signature": outcome is not None and outcome.signature,
        "looked_up": world.looked_up,
        "advice": outcome is not None and outcome.advice,
        "language": session.language,
        "online": world.request is not None,
        "failure": session.oda.failure.word if session.oda.failure else "",
    }
    found = []
    for word, value in got.items():
        # A session that broke off is held to what the case itself says, a whole one to everything.
        if word not in expect or not (whole or word in case.said or word == "end"):
            continue
        if not (repeats(value, expect[word]) if word == "pins" else value == expect[word]):
            found.append(_said(word, expect[word], value))
    if "sent" in expect and (whole or "sent" in case.said) and not follows(world.card.sent, expect["sent"]):
        found.append("sent: " + " | ".join(world.card.sent))
    for number, word in enumerate(("told1", "told2")):
        told = world.card.told[number] if number < len(world.card.told) else {}
        if word in case.said:
            found += _elements(word, expect[word], told)
    if "request" in case.said:
        found += _elements("request", expect["request"], world.request or {})
    if "data" in case.said:
        found += _elements("data", expect["data"], data)
    if "decided" in case.said:
        found += _decisions(expect["decided"], session)
    if "problem" in case.said and expect["problem"] not in session.problem:
        found.append(_said("problem", expect["problem"], session.problem))
    return found + (_outcome(outcome, world) if outcome is not None else [])


def _outcome(outcome: Outcome, world: World) -> list[str]:
    """What the outcome says of itself must fit its reason and what happened."""
    given = world.card.given[-1] if world.card.given else None
    if len(world.card.given) > 1 and (world.card.asked[-1].split("+")[0], given) != ("TC", "TC"):
        given = "AAC"  # The last time only a TC that was asked for approves. Spec: EMV 4.4 Book 3 §9.3.
    facts = (
        ("Outcome.result", RESULTS.get(outcome.reason, "terminated"), outcome.result.value),
        ("Outcome.online", world.request is not None, outcome.online),
        ("Outcome.cryptogram", given, outcome.cryptogram.name if outcome.cryptogram else None),
    )
    whole = outcome.result.value in ("approved", "declined")
    return [
        _said(name, wanted, said) for name, wanted, said in facts if wanted != said and (whole or name != facts[2][0])
    ]


def _decisions(expected: list[str], session: Session) -> list[str]:
    """Words of emv.rules that the trace must have, or with "-" must not have."""
    taken = {item.rule.word for item in session.trace if isinstance(item, Decision)}
    wrong = [word for word in expected if (word.lstrip("-") in taken) == word.startswith("-")]
    return [_said("decided", wrong, sorted(taken))] if wrong else []


def _elements(word: str, expected: dict[str, str], got: dict[str, str]) -> list[str]:
    """`-` expects an absent element, `+` one of any value."""
    wrong = []
    for tag, value in expected.items():
        there = got.get(tag, "-")
        fits = there != "-" if value == "+" else there == (value if value == "-" else encode(value).hex().upper())
        if not fits:
            wrong.append(_said(f"{word} {tag}", value, there))
    return wrong


def _said(word: str, expected: Any, got: Any) -> str:
    if word in ("tvr", "tsi"):
        tag = "95" if word == "tvr" else "9B"
        return f"{word}: {got} ({names_of(tag, got)}), expected {expected} ({names_of(tag, expected)})"
    return f"{word}: {got!r}, expected {expected!r}"


def repeats(got: list[str], expected: list[str]) -> bool:
    """Whether both are equal; `...` at the end stands for the one before it, any number of times.

    >>> repeats(["offline 3", "offline 1", "offline 1"], ["offline 3", "offline 1", "..."])
    True
    """
    if expected[-1:] != [ANY]:
        return got == expected
    first = expected[:-1]
    return got[: len(first)] == first and set(got[len(first) :]) <= {first[-1]}


def follows(sent: list[str], patterns: list[str]) -> bool:
    """Whether the commands are the patterns one for one; `...` stands for any number of them.

    >>> follows(["SELECT PSE", "READ 1.1", "GPO 8300"], ["SELECT", "...", "GPO"])
    True
    >>> follows(["SELECT PSE", "READ 1.1"], ["SELECT PSE"])
    False
    """
    if not patterns:
        return not sent
    if patterns[0] == ANY:
        return any(follows(sent[at:], patterns[1:]) for at in range(len(sent) + 1))
    return bool(sent) and matches(sent[0], patterns[0]) and follows(sent[1:], patterns[1:])
