"""What a batch holds: by kind and method for people, as debit and credit for the host, by step for the batch upload.

Everything is counted from the journal whenever it is asked for: a settlement that was cut counts the same again.
Source: docs/host-link.md §6; host-link digest §6.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from itertools import islice
from types import MappingProxyType
from typing import TYPE_CHECKING

from terminal.hostlink.card_messages import INSERTED
from terminal.hostlink.messages import TOTAL_COUNT_LIMIT, Totals
from terminal.hostlink.transactions import Card, Effect, Row, Silence
from terminal.methods.qr_giveback import OPEN_REFUND, REFUND_NO, is_pending
from terminal.methods.qr_order import THROUGH_ORDERS
from terminal.methods.qr_split import DISBELIEVED, split_in
from terminal.methods.rails import RAIL
from terminal.methods.reversal import is_parked
from terminal.model import HELD_STATES, OPEN_STATES, Kind, Method, Money, PaymentState
from terminal.rail import ACQUIRER
from terminal.receipts import Discounts, OpenRow, TotalRow, UploadRow
from terminal.shop import Shop

if TYPE_CHECKING:
    from terminal.journal import PaymentRecord, Tx, UploadRecord

NEARLY_FULL = TOTAL_COUNT_LIMIT * 9 // 10  # From here on the idle screen says that a settlement is due.
CARRIED = "carried"  # Fact of a payment that was open when its batch was settled, and ends in another.
UNANSWERED = "unanswered"  # Fact of a payment that was UNKNOWN when its batch was settled.
COUNTED = (PaymentState.COMPLETED, PaymentState.VOIDED, PaymentState.SETTLED)
PAGE = 16  # Payments read at once: a step of the upload wants one, or a message's few, of a batch of 999.


@dataclass(frozen=True, slots=True)
class Batch:
    """What is to be settled. `domestic` and `foreign` are what the host should have, too.

    All of these count an order by its amount, whoever paid it; `discounts` says who did, None where only customers did.
    """

    number: int  # Ours, ever growing.
    batch_no: str  # The host's.
    rows: tuple[TotalRow, ...]
    open_rows: tuple[OpenRow, ...]
    upload_rows: tuple[UploadRow, ...]
    domestic: Totals
    foreign: Totals
    discounts: Discounts | None

    @property
    def count(self) -> int:
        return sum(row.count for row in self.rows)

    @property
    def total(self) -> Money:
        return sum((row.amount for row in self.rows), Money(0))


def count_batch(shop: Shop, tx: Tx) -> Batch:
    """The open batch by kind and method, from the journal.

    What was voided counts as what it was, and its void on the other side (docs/host-link.md §6). What moved no money,
    an authorisation or a balance, is in no total.
    """
    number = tx.get("batch", 1)
    sums: dict[tuple[Method, bool, Kind], list[int]] = {}
    sides = {(foreign, effect): [0, 0] for foreign in (False, True) for effect in (Effect.DEBIT, Effect.CREDIT)}
    counted: list[PaymentRecord] = []
    for payment in of_batch(tx, number):
        if worth(shop, payment) is None:
            continue
        counted.append(payment)
        effect = shop.profile.transactions[payment.kind].effect
        inside = _in_host(shop, payment)
        _add(sums.setdefault((payment.method, inside, payment.kind), [0, 0]), payment)
        if inside:
            _add(sides[is_foreign(shop, payment), effect], payment)
    rows = tuple(
        TotalRow(
            method,
            kind,
            count,
            Money(-minor if shop.profile.transactions[kind].effect is Effect.CREDIT else minor),
            inside,
        )
        for (method, inside, kind), (minor, count) in sorted(sums.items(), key=_by_name)
    )
    domestic, foreign = (
        Totals(*sides[abroad, Effect.DEBIT], *sides[abroad, Effect.CREDIT]) for abroad in (False, True)
    )
    batch_no = tx.get("batch_no", "000001")
    late = open_rows(tx), upload_rows(tx, number)
    return Batch(number, batch_no, rows, *late, domestic, foreign, _discounts(shop, counted))


def _discounts(shop: Shop, payments: list[PaymentRecord]) -> Discounts | None:
    """Who bore what of these payments, refunds taken off."""
    merchant_minor = platform_minor = 0
    disbelieved = sum(payment.facts.get(DISBELIEVED) is True for payment in payments)
    splits = [(payment, split) for payment in payments if (split := split_in(payment.facts)) is not None]
    for payment, split in splits:
        sign = -1 if shop.profile.transactions[payment.kind].effect is Effect.CREDIT else 1
        merchant_minor += sign * split.merchant_minor
        platform_minor += sign * split.platform_minor
    return Discounts(Money(merchant_minor), Money(platform_minor), disbelieved) if splits or disbelieved else None


def worth(shop: Shop, payment: PaymentRecord) -> Money | None:
    """What a payment adds to the totals of its batch, less than nothing where money goes back; None: it is in none.

    A refund that nobody had answered when its batch was settled is settled, and in no total.
    """
    effect = shop.profile.transactions[payment.kind].effect
    if payment.state not in COUNTED or effect is Effect.NONE or payment.facts.get(UNANSWERED):
        return None
    return Money(-payment.amount.amount_minor) if effect is Effect.CREDIT else payment.amount


def leave_unanswered(tx: Tx, batch: int) -> None:
    """Inside the commit that settles the batch: whose end nobody knows stays told apart from what was counted.

    A wallet's order stays open: its end can be asked for at any time.
    """
    for payment in tx.open_payments():
        unknown = payment.state is PaymentState.UNKNOWN and payment.method is Method.CARD
        if payment.batch == batch and unknown:
            tx.note(payment.id, **{UNANSWERED: True})


def carry_on(tx: Tx, batch: int) -> None:
    """Inside the same commit: what stays open and is to count where it ends belongs to the next batch.

    That is what was typed at the till and not paid to the printed code, refunds of orders, and orders that a supervisor
    has parked.
    """
    for payment in tx.open_payments():
        parked = payment.method in THROUGH_ORDERS and is_parked(payment)
        waits = payment.method is Method.QR_STATIC or REFUND_NO in payment.facts or parked
        if waits and payment.batch == batch and payment.state in OPEN_REFUND:
            tx.carry(payment.id, batch + 1)
            tx.note(payment.id, **{CARRIED: True})


def is_unknown(payment: PaymentRecord) -> bool:
    """Whether nobody knows its end, before its settlement or after it."""
    return payment.state is PaymentState.UNKNOWN or payment.facts.get(UNANSWERED) is True


def _by_name(item: tuple[tuple[Method, bool, Kind], list[int]]) -> tuple[str, bool, str]:
    (method, inside, kind), _ = item
    return method.value, inside, kind.value


def _add(sums: list[int], payment: PaymentRecord) -> None:
    sums[0] += payment.amount.amount_minor
    sums[1] += 1


def _in_host(shop: Shop, payment: PaymentRecord) -> bool:
    return _is_hosts(payment) and (payment.method is Method.CARD or shop.profile.qr_in_totals)


def _is_hosts(payment: PaymentRecord) -> bool:
    """Not cash, the printed code, or an order that a wallet was asked for directly."""
    if payment.method in THROUGH_ORDERS:
        return payment.facts.get(RAIL, ACQUIRER) == ACQUIRER
    return payment.method is Method.CARD


def is_foreign(shop: Shop, payment: PaymentRecord) -> bool:
    """By the card organisation that the host has named in its answer, or in its answer to the original."""
    return shop.profile.is_foreign(str(payment.facts.get("organisation", "")))


def of_batch(tx: Tx, batch: int, after: int = 0) -> Iterator[PaymentRecord]:
    """All payments of a batch after the one with this number, oldest first; read as far as they are wanted."""
    while page := tx.payments(batch=batch, newest_first=False, limit=PAGE, after=after):
        yield from page
        after = page[-1].id


def held(tx: Tx) -> int:
    """How many payments of the open batch a settlement would have to carry. Cash counts, so that all fit an amount."""
    return tx.count_payments(tx.get("batch", 1), HELD_STATES)


def is_open(tx: Tx) -> bool:
    """Whether the open batch holds anything that its host should know under this very number.

    Not what is not its own, nor what an earlier batch has left open.
    """
    return any(
        _is_hosts(payment)
        and payment.state in HELD_STATES
        and payment.state is not PaymentState.NEW
        and not (payment.state in OPEN_STATES and payment.facts.get(CARRIED))
        for payment in of_batch(tx, tx.get("batch", 1))
    )


def open_rows(tx: Tx) -> tuple[OpenRow, ...]:
    """Of any batch: what nobody knows the end of, and reversals that the host has not taken."""
    return tuple(
        OpenRow(
            p.method,
            p.state,
            p.amount,
            str(p.stan or ""),
            str(p.facts.get("order_no", "")),
            str(p.facts.get("masked_pan", "")),
            str(p.facts.get("batch_no", "")),
            is_pending(p),
        )
        for p in tx.open_payments()
    )


def upload_rows(tx: Tx, batch: int) -> tuple[UploadRow, ...]:
    """What the host did not take of what it was told afterwards: refused with a code, or not answered ("")."""
    return tuple(_upload_row(tx, upload) for upload in tx.uploads(batch) if upload.state.value in ("refused", "unsent"))


def _upload_row(tx: Tx, upload: UploadRecord) -> UploadRow:
    payment = tx.payment(upload.payment_id)
    return UploadRow(
        upload.notice,
        payment.kind,
        payment.amount,
        str(payment.stan),
        str(payment.facts.get("masked_pan", "")),
        upload.code,
    )


class Part(Enum):
    """The parts of a batch upload, in their order. The value names the step in the journal."""

    OFFLINE = "offline"
    STRIPES = "stripes"  # Whatever was online and left no certificate.
    REFUNDS = "refunds"
    ADVICES = "advices"
    CERTIFICATES = "certificates"
    FAILURES = "failures"


def _is_chip(payment: PaymentRecord, row: Row) -> bool:
    return row.card is Card.FULL and str(payment.facts.get("entry_mode", "")).startswith(INSERTED)


def _counts(payment: PaymentRecord, row: Row) -> bool:
    return payment.state in COUNTED and row.effect is not Effect.NONE


_BELONGS: MappingProxyType[Part, Callable[[PaymentRecord, Row], bool]] = MappingProxyType(
    {
        Part.OFFLINE: lambda p, row: _counts(p, row) and p.kind is Kind.OFFLINE_SALE,
        Part.STRIPES: lambda p, row: _counts(p, row) and row.reversible and not _is_chip(p, row),
        Part.REFUNDS: lambda p, row: _counts(p, row) and row.silence is Silence.UNKNOWN,
        Part.ADVICES: lambda p, row: _counts(p, row) and row.advice and p.kind is not Kind.OFFLINE_SALE,
        Part.CERTIFICATES: lambda p, row: _counts(p, row) and row.reversible and _is_chip(p, row),
        # The host said yes and the card no: a chip's failure.
        Part.FAILURES: lambda p, row: (
            p.state in (PaymentState.REVERSED, PaymentState.REVERSING) and _is_chip(p, row) and "rrn" in p.facts
        ),
    }
)


def part_of_batch(shop: Shop, tx: Tx, part: Part, after: int, limit: int) -> tuple[PaymentRecord, ...]:
    """At most `limit` card payments of this part of the open batch, after the one with this number.

    What was taken back does not hold the host's number of the batch (`is_open`). A failure sent under an earlier one is
    left out: a record is found by batch and STAN, so under the new number it would name nothing, and under its own a
    batch that has had no totals. The host knows of it by the reversal, which had the old number, the reason and F55.
    Spec: docs/host-link.md §6.
    """
    belongs, batch_no = _BELONGS[part], tx.get("batch_no", "000001")
    found = (
        p
        for p in of_batch(tx, tx.get("batch", 1), after)
        if p.method is Method.CARD
        and belongs(p, shop.profile.transactions[p.kind])
        and (part is not Part.FAILURES or p.facts["batch_no"] == batch_no)
    )
    return tuple(islice(found, limit))
