"""What may be demanded of one place in a request, as words of the script, and whether a request fulfils it.

A place is a field (`4`), a part of one (`60.2`, `61.1`, `55.9F26`, `59.A4`), or what stands before the message (`tpdu`,
`header`). A demand is one of

    present, absent     new          in no earlier request of this case
    as N, as N.PLACE    as in request N of this case (N from 1), at the same place or at another
    answered N          the same in the host's answer to request N
    batch               the number of the host's open batch
    date                the host's day, MMDD
    mac                 field 64 is good under the host's key
    pin DIGITS          field 52 opens to this PIN under the host's key
    ~REGEX              the whole value has this form
    not DEMAND          none of that
    anything else       exactly this; binary values as upper-case hex

What is said about a value is masked by the host link's own rules; a PIN is never said.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sim.certify.host import Exchange
from terminal.hostlink.codec import FrameError, Message
from terminal.hostlink.icc import elements
from terminal.hostlink.masking import mask_digit_runs, mask_element, mask_track
from terminal.hostlink.subfields import read_f60, read_f61, read_tlv
from terminal.model import mask_pan

_PLACE = re.compile(r"tpdu|header|[0-9]{1,2}|6[01]\.[1-7]|55\.[0-9A-F]{2,6}|59\.[0-9A-Z]{2}")
_ABOUT = re.compile(r"(as|answered) ([0-9]{1,2})(?:\.(.+))?")
_PIN = re.compile(r"pin ([0-9]{4,12})")
ABSENT = "-"
_SECRET_PLACES = frozenset(("36", "52"))


@dataclass(frozen=True, slots=True)
class Finding:
    """Whether a demand is met, and what was there instead, masked."""

    met: bool
    actual: str


def check_predicate(place: str, demand: object) -> None:
    """Raises ValueError for what the language does not have."""
    if _PLACE.fullmatch(place) is None:
        raise ValueError(f"{place!r} is no place in a message")
    if not isinstance(demand, str) or not demand:
        raise ValueError(f"field {place}: a demand is text")
    if demand.startswith("not "):
        check_predicate(place, demand[4:])
    about = _ABOUT.fullmatch(demand)
    if about is not None and about[3] is not None and _PLACE.fullmatch(about[3]) is None:
        raise ValueError(f"field {place}: {about[3]!r} is no place in a message")
    if demand.startswith("~"):
        try:
            re.compile(demand[1:])
        except re.error as wrong:
            raise ValueError(f"field {place}: {wrong}") from None


def examine(place: str, demand: str, at: int, exchanges: Sequence[Exchange]) -> Finding:
    """Whether request `at` (from 0) fulfils the demand. Raises IndexError for a request that is not there."""
    exchange = exchanges[at]
    try:
        value = value_at(place, exchange)
    except FrameError as wrong:
        return Finding(False, str(wrong))
    if demand.startswith("not "):
        found = examine(place, demand[4:], at, exchanges)
        return Finding(not found.met, found.actual)
    if demand == "mac":
        return Finding(exchange.mac == "good", exchange.mac)
    pin = _PIN.fullmatch(demand)
    if pin is not None:
        return _opens_to(pin[1], exchange, value)
    shown = ABSENT if value is None else masked(place, value)
    if demand == "new":
        earlier = [value_at(place, before) for before in exchanges[:at]]
        return Finding(value is not None and value not in earlier, shown)
    return Finding(_fulfils(demand, value, place, exchange, exchanges), shown)


def _fulfils(demand: str, value: str | None, place: str, exchange: Exchange, all_of: Sequence[Exchange]) -> bool:
    if demand in ("present", "absent"):
        return (value is not None) == (demand == "present")
    if value is None:
        return False
    about = _ABOUT.fullmatch(demand)
    if about is not None:
        other = all_of[int(about[2]) - 1]
        there = about[3] or place
        wanted = value_at(there, other) if about[1] == "as" else value_in(there, other.answer)
        return value == wanted
    if demand == "batch":
        return value == exchange.batch_no
    if demand == "date":
        return value == exchange.date
    if demand.startswith("~"):
        return re.fullmatch(demand[1:], value) is not None
    return value == demand


def _opens_to(pin: str, exchange: Exchange, value: str | None) -> Finding:
    if value is None or exchange.message is None:
        return Finding(False, ABSENT)
    pan = exchange.message.text(2)
    opened = exchange.keys.pin(bytes.fromhex(value), pan) if exchange.keys is not None and pan else None
    if opened is None:
        return Finding(False, "解不开 opens to no PIN")
    return Finding(opened == pin, "所输密码 the PIN that was typed" if opened == pin else "另一密码 another PIN")


def value_at(place: str, exchange: Exchange) -> str | None:
    """What stands there in the request; None for nothing. Raises FrameError for a field that is cut short."""
    if place in ("tpdu", "header"):
        return None if exchange.outer is None else str(getattr(exchange.outer, place)) or None
    return value_in(place, exchange.message)


def value_in(place: str, message: Message | None) -> str | None:
    """The same in any message; binary as upper-case hex."""
    number, _, part = place.partition(".")
    value = message.fields.get(int(number)) if message is not None else None
    if value is None:
        return None
    if isinstance(value, bytes):
        if not part:
            return value.hex().upper()
        found = {each.tag: value[each.value : each.end].hex().upper() for each in elements(value)}
        return found.get(part)
    if not part:
        return value
    if number == "59":
        return read_tlv(value).get(part)
    return _sub_fields(number, value)[int(part) - 1] or None


def _sub_fields(number: str, value: str) -> tuple[str, ...]:
    if number == "60":
        f60 = read_f60(value)
        return (
            f60.type,
            f60.batch_no,
            f60.network_management,
            f60.capability,
            f60.ic_condition,
            f60.partial_approval,
            f60.account_type,
        )
    f61 = read_f61(value)
    return (f61.batch_no, f61.stan, f61.date, f61.auth_mode, f61.auth_institution, "", "")


def masked(place: str, value: str) -> str:
    """The value as a report may show it."""
    if place in _SECRET_PLACES:
        return "*" * len(value)
    if place == "2":
        return mask_pan(value)
    if place == "35":
        return mask_track(value)
    if place.startswith("55."):
        return mask_element(place[3:], value)
    if place == "55":
        return f"{len(value) // 2} bytes"
    if place == "62":  # Keys, a card's CVV2, a person's number: how much it is, and no more.
        return f"{len(value) // 2} bytes"
    return mask_digit_runs(value)
