"""A trace as a file: one JSON object a line, versioned, masked unless it is of a test card.

    {"trace": 1, "kernel": "EMV2 A469D235", "masked": true, "torn": false, "terminal": {...}, "transaction": {...}}
    {"ask": {"is": "Transceive", "capdu": {"hex": "00A4..."}}, "answer": {"hex": "6F...9000"}}
    {"note": "avn-same", "in": {"9F08": "0030", "9F09": "0030"}}
    {"note": "expired", "in": {...}, "tvr": "0040000000"}
    {"note": "cda-still-open", "cleared": "8000000000"}
    {"end": "declined", "reason": "declined-by-issuer", "problem": ""}

Masked, the file holds no account, track, name or expiry date (`emv.masking`); a PIN it never holds, nor the list of
cards that are not to be trusted, nor what a request marks as not to be shown. A full recording also holds the CA keys,
so that it replays without the terminal; it is for test cards and test keys.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from enum import Enum
from types import MappingProxyType, UnionType
from typing import Any, Final, TypeVar, get_args, get_origin, get_type_hints

from emv import capk, certificates, commands, profile
from emv.bits import TSI, TVR
from emv.commands import CardError, Result, Transceive
from emv.ics import identity
from emv.masking import Masker
from emv.profile import TerminalProfile, TransactionData
from emv.rules import REASONS, RULES
from emv.session import Session
from emv.tags import TRANSACTION_DATE_9A
from emv.trace import NO_TVR, Decision, Ending, Exchange, Item

Flags = TypeVar("Flags", TVR, TSI)

VERSION = 1
BYTES_MAX = 4_194_304  # A session's 512 commands, their answers and as many decisions take under a megabyte.
LINES_MAX = 8_192
_WORDS = (commands, profile, capk, certificates)  # Where the classes of requests, answers and profiles are.
# Request → what answers it.
ANSWERS: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "Transceive": bytes,
        "Draw": bytes,
        "VerifyPin": bytes,
        "ChooseApplication": int | None,
        "AskPin": commands.PinResult,
        "AskOfflinePin": commands.PinResult,
        "EarlierAmount": int,
        "GoOnline": commands.OnlineAnswer | None,
    }
)
_KEPT_OUT = frozenset({"exception_file"})  # Other people's accounts.


class TraceError(ValueError):
    """The text is no trace. `line` counts from 1."""

    def __init__(self, reason: str, line: int) -> None:
        super().__init__(f"line {line}: {reason}")
        self.reason = reason
        self.line = line


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it was written, and its answer; `error` if the card left or broke the protocol instead."""

    request: Mapping[str, Any]
    answer: Any
    error: CardError | None = None


@dataclass(frozen=True, slots=True)
class Trace:
    """A file that was read. Inputs of decisions are as the file has them, masked or not."""

    kernel: str
    masked: bool
    torn: bool  # Masking replaced bytes of the card that are no TLV.
    terminal: TerminalProfile
    transaction: TransactionData
    items: tuple[Asked | Decision | Ending, ...]

    @property
    def decisions(self) -> tuple[Decision, ...]:
        return tuple(item for item in self.items if isinstance(item, Decision))

    @property
    def ending(self) -> Ending | None:
        """None: the card left before the end."""
        return next((item for item in self.items if isinstance(item, Ending)), None)


def write(traced: Session, *, masked: bool = True) -> str:
    """The session's trace as the text of a file."""
    masker = _masker(traced) if masked else None
    terminal = traced.terminal if not masked else replace(traced.terminal, ca_keys=capk.CaKeys())
    head = {
        "trace": VERSION,
        "kernel": identity(traced.terminal),
        "masked": masked,
        "torn": masker is not None and masker.torn,
        "terminal": plain(terminal),
        "transaction": plain(traced.transaction),
    }
    lines: list[dict[str, Any]] = [head, *(_item(item, masker) for item in traced.trace)]
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)


def conversation(traced: Session, *, masked: bool = True) -> list[tuple[str, str]]:
    """The commands and answers alone, as pairs of upper-case hex."""
    masker = _masker(traced) if masked else None
    pairs = _answered(traced)
    if masker is not None:
        pairs = [(masker.anywhere(capdu), masker.response(rapdu)) for capdu, rapdu in pairs]
    return [(capdu.hex().upper(), rapdu.hex().upper()) for capdu, rapdu in pairs]


def _masker(traced: Session) -> Masker:
    masker = Masker(traced.data[TRANSACTION_DATE_9A])
    for _, rapdu in _answered(traced):
        masker.learn(rapdu)
    return masker


def _answered(traced: Session) -> list[tuple[bytes, bytes]]:
    return [
        (item.request.capdu, item.answer)
        for item in traced.trace
        if isinstance(item, Exchange) and isinstance(item.request, Transceive) and isinstance(item.answer, bytes)
    ]


def _item(item: Item, masker: Masker | None) -> dict[str, Any]:
    if isinstance(item, Ending):
        return {"end": item.result.value, "reason": item.reason, "problem": item.problem}
    if isinstance(item, Exchange):
        return _exchange(item, masker)
    found: dict[str, Any] = {"note": item.rule.word}
    if item.inputs:
        found["in"] = {f"{tag:X}": _shown(tag, value, masker) for tag, value in item.inputs}
    if item.facts:
        found["facts"] = dict(item.facts)
    if item.sets is not None:
        found["tvr" if isinstance(item.sets, TVR) else "tsi"] = bytes(item.sets).hex().upper()
    if item.clears:
        found["cleared"] = bytes(item.clears).hex().upper()
    return found


def _exchange(item: Exchange, masker: Masker | None) -> dict[str, Any]:
    line = {"ask": ask(item.request, masker)}
    if isinstance(item.answer, CardError):
        return {**line, "error": {"reason": item.answer.reason, "removed": item.answer.removed}}
    answer = item.answer
    if masker is not None and isinstance(item.request, Transceive):
        answer = masker.response(answer)
    return {**line, "answer": plain(answer)}


def _shown(tag: int, value: bytes | None, masker: Masker | None) -> str | None:
    if value is None:
        return None
    return (masker.value(tag, value) if masker is not None else value).hex().upper()


def ask(request: commands.KernelRequest[Any], masker: Masker | None = None) -> dict[str, Any]:
    """A request as a file holds it: without what is not to be shown."""
    if masker is not None and isinstance(request, Transceive):
        request = Transceive(masker.anywhere(request.capdu))
    found: dict[str, Any] = plain(request)
    return found


def plain(value: Any) -> Any:
    """A value of the kernel's languages for JSON; fields that a repr hides are hidden here too.

    >>> plain((1, b"ab", Result.APPROVED))
    [1, {'hex': '6162'}, {'is': 'Result', 'value': 'approved'}]
    """
    if isinstance(value, bytes):
        return {"hex": value.hex().upper()}
    if isinstance(value, Enum):
        return {"is": type(value).__name__, "value": value.value}
    if isinstance(value, tuple):
        return [plain(each) for each in value]
    if isinstance(value, frozenset):
        return {"set": [plain(each) for each in sorted(value, key=repr)]}
    if is_dataclass(value) and not isinstance(value, type):
        shown = (each for each in fields(value) if each.repr and each.name not in _KEPT_OUT)
        return {"is": type(value).__name__, **{each.name: plain(getattr(value, each.name)) for each in shown}}
    if isinstance(value, datetime.date):
        return {"day": value.isoformat()}
    if value is None or isinstance(value, bool | int | str):
        return value
    raise TypeError(f"a {type(value).__name__} has no form in a trace")


# Reading


def parse(text: str) -> Trace:
    """Raises TraceError with the line and what is wrong with it, and nothing else."""
    if len(text) > BYTES_MAX:
        raise TraceError(f"longer than {BYTES_MAX} characters", 1)
    lines = text.rstrip().splitlines()
    if not 1 <= len(lines) <= LINES_MAX:
        raise TraceError(f"{len(lines)} lines; a trace has 1 to {LINES_MAX}", 1)
    objects = list(_objects(lines))
    head = objects[0]
    if head.get("trace") != VERSION:
        raise TraceError(f"this is no trace of version {VERSION}", 1)
    terminal, transaction = (_checked(1, head.get(key)) for key in ("terminal", "transaction"))
    if not isinstance(terminal, TerminalProfile) or not isinstance(transaction, TransactionData):
        raise TraceError("terminal and transaction are not what they should be", 1)
    items = tuple(_read_item(number, found) for number, found in enumerate(objects[1:], 2))
    masked, torn = head.get("masked") is not False, head.get("torn") is True
    return Trace(str(head.get("kernel")), masked, torn, terminal, transaction, items)


def _objects(lines: list[str]) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(lines, 1):
        try:
            found = json.loads(line)
        except (ValueError, RecursionError):
            raise TraceError("this is no JSON", number) from None
        if not isinstance(found, dict):
            raise TraceError("this is no JSON object", number)
        yield found


def _read_item(number: int, found: dict[str, Any]) -> Asked | Decision | Ending:
    match found:
        case {"ask": {"is": str()} as asked, "error": {"reason": str(reason), "removed": bool(removed)}}:
            _ = _answer_kind(number, asked)
            return Asked(asked, None, CardError(reason, removed=removed))
        case {"ask": {"is": str()} as asked, "answer": answer}:
            return Asked(asked, _answer(number, asked, answer))
        case {"note": str(word)}:
            if word not in RULES:
                raise TraceError(f"no rule is called {word[:40]!r}", number)
            cleared = _bits(number, found, "cleared", TVR) or NO_TVR
            sets = _bits(number, found, "tvr", TVR) or _bits(number, found, "tsi", TSI)
            return Decision(RULES[word], _inputs(number, found), _facts(number, found), sets, cleared)
        case {"end": str(result), "reason": str(reason), "problem": str(problem)}:
            if result not in {each.value for each in Result} or reason not in REASONS:
                raise TraceError("no session ends like this", number)
            return Ending(Result(result), reason, problem)
    raise TraceError("neither a request, a decision nor an end", number)


def _answer_kind(number: int, asked: dict[str, Any]) -> Any:
    kind = ANSWERS.get(asked["is"])
    if kind is None:
        raise TraceError(f"the kernel has no request {asked['is'][:40]!r}", number)
    if asked["is"] == "Transceive" and not isinstance(_checked(number, asked.get("capdu")), bytes):
        raise TraceError("a command is bytes in hex", number)
    return kind


def _answer(number: int, asked: dict[str, Any], answer: Any) -> Any:
    kind, value = _answer_kind(number, asked), _checked(number, answer)
    if not _fits(value, kind):
        raise TraceError(f"this is no answer to {asked['is']}", number)
    return value


def _inputs(number: int, found: dict[str, Any]) -> tuple[tuple[int, bytes | None], ...]:
    try:
        given = found.get("in", {})
        return tuple(
            (int(tag, 16), None if value is None else bytes.fromhex(value)) for tag, value in given.items()
        )
    except (AttributeError, TypeError, ValueError):
        raise TraceError("the inputs are no tags with hex", number) from None


def _facts(number: int, found: dict[str, Any]) -> tuple[tuple[str, int | str], ...]:
    facts = found.get("facts", {})
    if not isinstance(facts, dict) or not all(isinstance(value, int | str) for value in facts.values()):
        raise TraceError("the facts are no words with texts or numbers", number)
    return tuple(facts.items())


def _bits(number: int, found: dict[str, Any], key: str, kind: type[Flags]) -> Flags | None:
    if key not in found:
        return None
    length = len(bytes(kind(0)))
    try:
        value = bytes.fromhex(found[key])
    except (TypeError, ValueError):
        value = b""
    if len(value) != length:
        raise TraceError(f"{key} is {length} bytes in hex", number)
    return kind(int.from_bytes(value, "big"))


def _checked(number: int, value: Any) -> Any:
    try:
        return value_of(value)
    except (TypeError, ValueError, KeyError, AttributeError, RecursionError):
        raise TraceError("a value is not what the kernel's languages have", number) from None


def value_of(found: Any) -> Any:
    """The inverse of `plain`. Raises TypeError, ValueError, KeyError, AttributeError for anything else.

    >>> value_of(plain((1, b"ab", Result.APPROVED)))
    (1, b'ab', <Result.APPROVED: 'approved'>)
    """
    match found:
        case None | bool() | int() | str():
            return found
        case list():
            return tuple(value_of(each) for each in found)
        case {"hex": str(digits)}:
            return bytes.fromhex(digits)
        case {"set": list(each)}:
            return frozenset(value_of(one) for one in each)
        case {"day": str(day)}:
            return datetime.date.fromisoformat(day)
        case {"is": str(name), **rest}:
            kind = _class(name)
            if issubclass(kind, Enum):
                return kind(rest["value"])
            given = {str(key): value_of(value) for key, value in rest.items()}
            hints = get_type_hints(kind)
            if not all(_fits(value, hints[key]) for key, value in given.items()):
                raise TypeError(f"a field of {name} has the wrong kind of value")
            return kind(**given)
    raise TypeError("no such form")


def _fits(value: Any, hint: Any) -> bool:
    """Whether a value read from a file is of the kind that a field wants: what the kernel relies on."""
    if get_origin(hint) in (tuple, frozenset):
        return isinstance(value, get_origin(hint)) and all(_fits(each, get_args(hint)[0]) for each in value)
    if get_origin(hint) is UnionType:
        return any(_fits(value, one) for one in get_args(hint))
    return isinstance(value, hint) and (hint is bool) == isinstance(value, bool)


def _class(name: str) -> Any:
    """The class that a file may name: a dataclass or an enumeration of the kernel's languages, and none else."""
    for room in _WORDS:
        kind = vars(room).get(name)
        if not isinstance(kind, type) or kind.__module__ != room.__name__:
            continue
        if is_dataclass(kind) or issubclass(kind, Enum):
            return kind
    raise KeyError(name)
