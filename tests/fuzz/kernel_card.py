"""The whole kernel with a card, a person and an issuer that answer as the fuzzer's bytes say.

Each answer of the card begins as an honest card's own. One byte of the input then says what becomes of it: nothing
(most often, or no run would come far); one of its objects gets another value, another length, goes, comes twice, or has
a stranger beside it, while all around it stays TLV, so that what is wrong is met deep in the kernel; or the bytes
themselves are spoilt, the status word is another one, the card is gone. Card, terminal, sale and issuer are chosen by
the first three bytes, people decide by a byte each. When the input ends, everybody is honest.

What must hold: the kernel asks a bounded number of times and ends in an Outcome, or in the CardError of a card that
left; and nothing is approved but by a TC, and where the issuer was asked, by its word.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import product
from typing import Any

from emv.aids import default_aids
from emv.capk import default_capks
from emv.commands import (
    AskOfflinePin,
    AskPin,
    CardError,
    ChooseApplication,
    Cryptogram,
    Draw,
    EarlierAmount,
    GoOnline,
    OnlineAnswer,
    Outcome,
    PinResult,
    Result,
    Transceive,
    VerifyPin,
)
from emv.kernel import contact_session
from emv.profile import CdaMode, TerminalProfile, TransactionData
from emv.session import Session
from emv.tags import TAGS
from emv.trace import APDUS_MAX
from sim.card import PROFILES, VirtualCard
from sim.card.build import tlv

REQUESTS_MAX = APDUS_MAX + 200  # Commands, and what is asked of people beside them.
CARDS = (
    "unionpay-credit-pin",
    "two-apps",
    "no-pse",
    "offline-pin-only",
    "format-77",
    "sda",
    "dda",
    "cda",
    "offline-pin-plain",
    "offline-pin-enciphered",
    "pin-and-signature",
    "offline-limits",
    "visa-like-cda",
    "issuer-auth-in-cdol2",
)
PINS = tuple(PinResult)
ALL_CVMS_AND_ODA = bytes.fromhex("E0F8C8")
# 9F33 without the online PIN, which a terminal that never goes online cannot have.
OFFLINE_ONLY = bytes.fromhex("E0B8C8")
FLOOR_LIMIT_MINOR = 20_000
SALE = TransactionData(amount_minor=12_850, date="261126", time="120000", counter=1)
SALES = (
    SALE,
    replace(SALE, amount_minor=30_000, other_minor=10_000, kind=0x09),
    replace(SALE, amount_minor=1, forced_online=True),
    replace(SALE, amount_minor=FLOOR_LIMIT_MINOR, kind=0x01),
)
# What a card may add to its objects: whatever there is, and what nobody knows.
STRANGERS = (*TAGS, 0xDF8129)


class WentWrong(AssertionError):
    """What the kernel must never do."""


@dataclass(frozen=True, slots=True)
class Run:
    """One session and its end; no outcome: the card left."""

    outcome: Outcome | None
    session: Session


@dataclass(slots=True)
class Node:
    """One object of an answer; a template has what is `inside`, and anything else nothing."""

    tag: int
    value: bytes
    inside: list[Node] = field(default_factory=list)


class Bytes:
    """The input, taken from the left; zeros behind its end."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def byte(self) -> int:
        self.at += 1
        return self.data[self.at - 1] if self.at <= len(self.data) else 0

    def take(self, count: int) -> bytes:
        found = self.data[self.at : self.at + count]
        self.at += count
        return found


@cache
def terminals() -> tuple[TerminalProfile, ...]:
    """A shop's that always goes online, one that may stay offline in each CDA mode, and those that differ most."""
    online_only = TerminalProfile(aids=default_aids(), capabilities=ALL_CVMS_AND_ODA, ca_keys=default_capks())
    aids = tuple(
        replace(
            aid, floor_limit_minor=FLOOR_LIMIT_MINOR, random_target=30, random_target_max=60, default_tdol=b"\x9a\x03"
        )
        for aid in online_only.aids
    )
    either = replace(online_only, aids=aids, terminal_type=0x22, pin_bypass=True, card_log=True)
    unattended = replace(either, pin_bypass=False, terminal_type=0x25, cardholder_choice=False)
    cash_machine = replace(unattended, terminal_type=0x14, additional_capabilities=bytes.fromhex("F000F0A001"))
    return (
        online_only,
        *(replace(either, cda_mode=mode) for mode in CdaMode),
        replace(either, terminal_type=0x23, capabilities=OFFLINE_ONLY),
        unattended,
        cash_machine,
    )


def honest_inputs() -> tuple[bytes, ...]:
    """Every card in every terminal, all honest; the issuer approves, is not reached, or sends two scripts."""
    return tuple(bytes(place) for place in product(range(len(CARDS)), range(len(terminals())), (0x00, 0x70, 0x82)))


def run_kernel(data: bytes) -> Run:
    """One session. Raises WentWrong."""
    said = Bytes(data)
    card = VirtualCard(PROFILES[CARDS[said.byte() % len(CARDS)]])
    card.reset()
    choice = terminals()
    place = said.byte()
    session = Session(choice[place % len(choice)], SALES[place // 0x40])
    issuer_kind = said.byte()
    steps = contact_session(session)
    answer: Any = None
    fault: CardError | None = None
    issuer: OnlineAnswer | None = None
    for _ in range(REQUESTS_MAX):
        try:
            request = steps.throw(fault) if fault else steps.send(answer)
        except StopIteration as end:
            _judge(session, end.value, issuer)
            return Run(end.value, session)
        except CardError as gone:
            if not gone.removed:
                raise WentWrong("an error of the card came out of the kernel") from gone
            return Run(None, session)
        answer = fault = None
        try:
            answer = _issuer(issuer_kind, said) if isinstance(request, GoOnline) else _answer(card, said, request)
        except CardError as left:
            fault = left
        if isinstance(request, GoOnline):
            issuer = answer
    raise WentWrong(f"more than {REQUESTS_MAX} requests")


def _judge(session: Session, outcome: Outcome, issuer: OnlineAnswer | None) -> None:
    """Who may have approved. Raises WentWrong."""
    if outcome.result is not Result.APPROVED:
        return
    if outcome.cryptogram is not Cryptogram.TC:
        raise WentWrong("approved without a TC")
    if session.oda.signature_failed:
        raise WentWrong("approved by a card whose signature is wrong")
    said_yes = issuer is not None and issuer.response_code in session.terminal.approval_codes
    unheard = not outcome.online or issuer is None or len(issuer.response_code) != 2
    if not said_yes and (session.terminal.online_only or not unheard):
        raise WentWrong("approved, and the issuer has not said so")


def reached(run: object) -> tuple[str, ...]:
    """Where a run came: its steps, and how it ended."""
    if not isinstance(run, Run):
        raise TypeError("run_kernel gives a Run")
    ended = "the card left" if run.outcome is None else f"ended {run.outcome.result.value}"
    return (*dict.fromkeys(run.session.steps), ended)


def _answer(card: VirtualCard, said: Bytes, request: object) -> Any:
    match request:
        case Transceive(capdu):
            return _spoilt(card.transmit(bytes(capdu)), said)
        case VerifyPin():
            return _spoilt(b"\x90\x00", said)
        case ChooseApplication(candidates):
            chosen = said.byte()
            return None if chosen == 0xFF else chosen % len(candidates)
        case AskPin() | AskOfflinePin():
            # Mostly a PIN: who cancels ends everything.
            chosen = said.byte()
            return PINS[chosen % len(PINS)] if chosen >= 0xC0 else PinResult.ENTERED
        case EarlierAmount():
            return said.byte() * 100
        case Draw(count):
            return bytes(range(count))
        case _:
            raise TypeError(type(request).__name__)


def _issuer(kind: int, said: Bytes) -> OnlineAnswer | None:
    if kind < 0x30:
        return OnlineAnswer(b"00")
    if kind < 0x60:
        return OnlineAnswer(b"00", bytes(8) + b"00")
    if kind < 0x70:
        return OnlineAnswer(b"05")
    if kind < 0x80:
        return None
    if kind < 0xE0:
        return OnlineAnswer(b"00", said.take(said.byte() % 20), b"".join(_script(said) for _ in range(kind % 4)))
    return OnlineAnswer(said.take(2), said.take(said.byte() % 20), said.take(said.byte()))


def _script(said: Bytes) -> bytes:
    """A template 71 or 72 with commands of any bytes."""
    kind = said.byte()
    commands = (tlv(0x86, said.take(said.byte() % 16)) for _ in range(kind // 2 % 4))
    return tlv(0x71 + kind % 2, tlv(0x9F18, said.take(4)) if kind & 0x40 else b"", *commands)


# What becomes of an answer


def _spoilt(answer: bytes, said: Bytes) -> bytes:
    kind = said.byte()
    if kind < 0xC8:
        return answer
    if kind < 0xF0:
        return _other_object(answer[:-2], kind, said) + answer[-2:]
    if kind < 0xF3:
        place = said.byte() % len(answer)
        return answer[:place] + bytes((said.byte(),)) + answer[place + 1 :]
    if kind < 0xF5:
        return answer[: said.byte() % (len(answer) + 1)]
    if kind < 0xFB:
        return answer[:-2] + said.take(2)
    if kind < 0xFF:
        return said.take(said.byte())
    raise CardError("removed", removed=True)


def _other_object(data: bytes, kind: int, said: Bytes) -> bytes:
    """`data` with one of its primitive objects changed; the templates around it are written anew."""
    tree = _tree(data)
    leaves = [(beside, place) for beside in _levels(tree) for place, node in enumerate(beside) if not node.inside]
    if not leaves:
        return data
    beside, place = leaves[said.byte() % len(leaves)]
    node = beside[place]
    match kind % 5:
        case 0:
            new = [Node(node.tag, _one_byte_other(node.value, said))]
        case 1:
            new = [Node(node.tag, said.take(len(node.value)).ljust(len(node.value), b"\x00"))]
        case 2:
            new = [Node(node.tag, said.take(said.byte()))]
        case 3:
            new = [node, node] if said.byte() < 0x80 else []
        case _:
            new = [node, Node(STRANGERS[said.byte() % len(STRANGERS)], said.take(said.byte() % 32))]
    beside[place : place + 1] = new
    return _written(tree)


def _one_byte_other(value: bytes, said: Bytes) -> bytes:
    if not value:
        return value
    place = said.byte() % len(value)
    return value[:place] + bytes((value[place] ^ said.byte(),)) + value[place + 1 :]


# The fuzzer's own TLV, for honest answers only: it must not be wrong together with the kernel's.


def _tree(data: bytes) -> list[Node]:
    nodes = []
    at = 0
    while at < len(data):
        start, constructed = at, data[at] & 0x20
        at += 2 if data[at] & 0x1F == 0x1F else 1
        tag = int.from_bytes(data[start:at], "big")
        more = data[at] - 0x80 if data[at] > 0x80 else 0
        length = int.from_bytes(data[at + 1 : at + 1 + more], "big") if more else data[at]
        at += 1 + more
        value = data[at : at + length]
        at += length
        nodes.append(Node(tag, value, _tree(value) if constructed else []))
    return nodes


def _levels(tree: list[Node]) -> Iterator[list[Node]]:
    """Every list of nodes, each template's own among them."""
    yield tree
    for node in tree:
        if node.inside:
            yield from _levels(node.inside)


def _written(tree: list[Node]) -> bytes:
    return b"".join(tlv(node.tag, _written(node.inside) if node.inside else node.value) for node in tree)
