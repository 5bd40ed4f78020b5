"""What each kind of transaction must bring, as data: fields that are there, fields that are not, how the card came in.

Derived from its row of TRANSACTIONS, so that a kind that is added there is checked here. A field that a kind cannot do
without is 30, an entry mode that it has no business with 58.

Spec: docs/host-link.md §2 (F22), §3.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from sim.acquirer.requests import FORMAT_ERROR, INVALID_AMOUNT, NOT_AT_THIS_TERMINAL, Refused
from terminal.hostlink.card_messages import INSERTED, MANUAL, SWIPED
from terminal.hostlink.codec import Message
from terminal.hostlink.transactions import Card, Names, Row
from terminal.model import Kind

PIN_FIELDS = frozenset({26, 52, 53})
# By how far the card takes part: the ways in, the first two digits of F22.
_WAYS: Mapping[Card, tuple[str, ...]] = MappingProxyType(
    {
        Card.FULL: (INSERTED, SWIPED),
        Card.READ: (INSERTED, SWIPED),
        Card.TYPED: (MANUAL,),
        Card.NONE: (INSERTED, SWIPED, MANUAL),
    }
)
# What the row does not say.
_ALSO: Mapping[Kind, frozenset[int]] = MappingProxyType(
    {Kind.TIP: frozenset({48}), Kind.INSTALMENT: frozenset({62}), Kind.OFFLINE_SALE: frozenset({55})}
)


@dataclass(frozen=True, slots=True)
class Demands:
    """`fields`: always. `chip`, `stripe`: when the card came in that way. `ways`: how it may come in."""

    fields: frozenset[int]
    chip: frozenset[int]
    stripe: frozenset[int]
    ways: tuple[str, ...]
    pin: bool


def demands_of(row: Row) -> Demands:
    """What the host asks of a request of this kind."""
    fields = {3, 11, 22, 25, 49, 60} | _ALSO.get(row.kind, frozenset())
    if row.kind is not Kind.BALANCE:
        fields.add(4)
    if row.names is not Names.NOTHING:
        fields.add(61)
    if row.names in (Names.DATE, Names.AUTHORISER):
        # The original's own number is all there is to find it by; with batch and STAN it may be missing.
        fields |= set(row.sends)
    if row.card is Card.TYPED:
        fields |= {2, 14}
    online = row.card is Card.FULL and not row.advice
    ways = _WAYS[row.card]
    if row.card is Card.READ and (row.names is Names.STAN or row.advice):
        ways = (*ways, MANUAL)  # From the seal: a signature that differs, a notice that waited.
    return Demands(
        fields=frozenset(fields),
        chip=frozenset({55}) if row.card is Card.FULL else frozenset(),
        stripe=frozenset({35}) if online else frozenset(),
        ways=ways,
        pin=row.pin,
    )


def check_fields(message: Message, demands: Demands, currency: str) -> None:
    """Raises Refused for what is missing, too much, or of another currency."""
    present = message.fields
    if not demands.fields <= present.keys() or message.text(49) != currency or not (2 in present or 35 in present):
        raise Refused(FORMAT_ERROR)
    if 4 in present and not int(message.text(4)):
        raise Refused(INVALID_AMOUNT)
    entry_mode = message.text(22)
    way, with_pin = entry_mode[:2], entry_mode[2] == "1"
    if way not in demands.ways:
        raise Refused(NOT_AT_THIS_TERMINAL)
    if not (demands.chip if way == INSERTED else demands.stripe if way == SWIPED else frozenset()) <= present.keys():
        raise Refused(FORMAT_ERROR)
    if with_pin != (52 in present) or (with_pin and not (demands.pin and present.keys() >= PIN_FIELDS)):
        raise Refused(FORMAT_ERROR)
