"""The transaction that another one is about: found as field 61 names it, and judged.

25 there is none, or it never came about; 14 another card's; 12 it has had its end already, or is of another kind; 22
settled, or too long ago; 64 the amount is not its own; 61 more than a completion or a tip may be.

Spec: docs/host-link.md §3 (F37, F38, F61), §9.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from sim.acquirer.book import Batch, Book, Entry, EntryState
from sim.acquirer.registry import Account, Registry, token_of
from sim.acquirer.requests import (
    INVALID_CARD,
    INVALID_TRANSACTION,
    NOT_FOUND,
    ORIGINAL_AMOUNT_WRONG,
    OUTSIDE_ITS_TIME,
    OVER_THE_LIMIT,
    Refused,
    Request,
)
from terminal.hostlink.subfields import Original61, read_f61
from terminal.hostlink.transactions import Effect, Names, Row
from terminal.model import Kind

DAY_MS = 86_400_000
REFUNDS = (Kind.REFUND, Kind.MOTO_REFUND, Kind.POINTS_REFUND)
COMPLETIONS = (Kind.COMPLETION, Kind.COMPLETION_NOTICE, Kind.MOTO_COMPLETION)
COMPLETION_VOIDS = (Kind.COMPLETION_VOID, Kind.MOTO_COMPLETION_VOID)
# What becomes of the original once the later one is approved. A refund and a tip leave it as it is.
ENDS: Mapping[Kind, EntryState] = MappingProxyType(
    dict.fromkeys(
        (
            Kind.VOID,
            Kind.AUTH_VOID,
            Kind.COMPLETION_VOID,
            Kind.MOTO_VOID,
            Kind.MOTO_AUTH_VOID,
            Kind.MOTO_COMPLETION_VOID,
            Kind.INSTALMENT_VOID,
            Kind.POINTS_VOID,
            Kind.REPAYMENT_VOID,
        ),
        EntryState.VOIDED,
    )
    | dict.fromkeys(COMPLETIONS, EntryState.COMPLETED)
)


class Originals:
    """Finds originals in the book."""

    def __init__(self, book: Book, registry: Registry) -> None:
        self._book = book
        self._registry = registry

    def find(self, request: Request, row: Row, batch: Batch, account: Account) -> Entry:
        """The original of this request by this card. Raises Refused."""
        named = read_f61(request.message.text(61))
        if row.names is Names.STAN:
            entry = self._by_stan(request, named, batch)
        else:
            entry = self._by_number(request, row, named, account.pan)
        if entry.kind is not row.undoes:
            raise Refused(INVALID_TRANSACTION)
        if entry.state in (EntryState.DECLINED, EntryState.REVERSED, EntryState.PREVENTED):
            raise Refused(NOT_FOUND)  # There is nothing that could be undone.
        if not same_card(entry, account.pan):
            raise Refused(INVALID_CARD)
        if entry.state is not EntryState.APPROVED:
            raise Refused(INVALID_TRANSACTION)
        if request.now_ms - entry.at_ms > self._registry.original_days * DAY_MS:
            raise Refused(OUTSIDE_ITS_TIME)
        self._check_amount(row, entry, int(request.message.text(4)))
        return entry

    def _by_stan(self, request: Request, named: Original61, batch: Batch) -> Entry:
        """In the open batch; what is told of its other numbers must be right."""
        if named.batch_no != batch.batch_no:
            known = self._book.batch(request.terminal, named.batch_no)
            raise Refused(NOT_FOUND if known is None or named.stan not in known.entries else OUTSIDE_ITS_TIME)
        entry = batch.entries.get(named.stan)
        told_rrn, told_code = request.message.text(37).strip(), request.message.text(38).strip()
        if entry is None or told_rrn not in ("", entry.rrn) or told_code not in ("", entry.auth_code):
            raise Refused(NOT_FOUND)
        return entry

    def _by_number(self, request: Request, row: Row, named: Original61, pan: str) -> Entry:
        """By reference number, or by authorisation code and date; the card tells two with one code apart."""
        merchant_no = request.terminal[0]
        if 37 in row.sends:
            entry = self._book.entry(merchant_no, request.message.text(37).strip())
            if entry is None or entry.rrn[:4] != named.date:
                raise Refused(NOT_FOUND)
            return entry
        found = self._book.authorisations(merchant_no, request.message.text(38).strip(), named.date)
        found = [entry for entry in found if entry.kind is row.undoes]
        if not found:
            raise Refused(NOT_FOUND)
        own = [entry for entry in found if same_card(entry, pan)]
        if not own:
            raise Refused(INVALID_CARD)
        return own[-1]

    def _check_amount(self, row: Row, original: Entry, amount_minor: int) -> None:
        """Refunds together are within the sale and its tip; a completion and a tip have a limit; a void is whole."""
        later = [entry for entry in self._book.about(original) if entry.standing]
        given_back = sum(entry.amount_minor for entry in later if entry.kind in REFUNDS)
        tips = sum(entry.amount_minor for entry in later if entry.kind is Kind.TIP)
        percent = self._registry.tip_percent if row.kind is Kind.TIP else self._registry.completion_percent
        limit = original.amount_minor * percent // 100
        if row.kind in REFUNDS:
            if given_back + amount_minor > original.amount_minor + tips:
                raise Refused(ORIGINAL_AMOUNT_WRONG)
        elif given_back or tips:
            raise Refused(INVALID_TRANSACTION)  # Refunded or adjusted: its slip is no longer what was paid.
        elif row.kind is Kind.TIP or row.kind in COMPLETIONS:
            if amount_minor > limit:
                raise Refused(OVER_THE_LIMIT)
        elif amount_minor != original.amount_minor:
            raise Refused(ORIGINAL_AMOUNT_WRONG)

    def may_be_reversed(self, entry: Entry) -> bool:
        """Whether nothing was built upon it since. What was undone, completed, refunded or tipped stays (12)."""
        if entry.state is not EntryState.APPROVED:
            return False
        if any(each.standing and not self._undone(each) for each in self._book.about(entry)):
            return False
        if entry.kind in COMPLETION_VOIDS:
            authorisation = self.before(self.before(entry))
            return authorisation is None or authorisation.state is EntryState.APPROVED
        return True

    def _undone(self, entry: Entry) -> bool:
        """A completion that was voided gives its authorisation back as it was."""
        return entry.kind in COMPLETIONS and entry.state is EntryState.VOIDED

    def before(self, entry: Entry | None) -> Entry | None:
        """The original of an entry."""
        if entry is None or not entry.original:
            return None
        return self._book.entry(entry.terminal[0], entry.original)

    def follow(self, entry: Entry, *, undo: bool = False) -> None:
        """The original's state after this entry was approved, or (`undo`) reversed."""
        end, original = ENDS.get(entry.kind), self.before(entry)
        if end is None or original is None:
            return
        self._set(original, EntryState.APPROVED if undo else end)
        authorisation = self.before(original) if entry.kind in COMPLETION_VOIDS else None
        if authorisation is not None:
            self._set(authorisation, EntryState.COMPLETED if undo else EntryState.APPROVED)

    def _set(self, entry: Entry, state: EntryState) -> None:
        entry.state = state
        self._book.keep(entry)


def held_by(row: Row, amount_minor: int, original: Entry | None) -> int:
    """What a transaction adds to the account's hold, or (negative) releases: `Entry.held_minor`."""
    if row.effect is Effect.NONE and row.undoes is None:
        return amount_minor
    if original is None:
        return 0
    # A completion void puts back what its completion has released.
    return -original.held_minor


def same_card(entry: Entry, pan: str) -> bool:
    """Whether the entry was paid with this card. The first version of a book on paper has only the masked number."""
    if entry.card:
        return entry.card == token_of(pan)
    return len(entry.pan) == len(pan) and (entry.pan[:6], entry.pan[-4:]) == (pan[:6], pan[-4:])
