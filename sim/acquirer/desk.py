"""Every kind of card transaction and its reversal: what issuer and acquirer decide together, and write into the book.

One way for all kinds; the row of TRANSACTIONS says what is checked. In order: fields, card number and track, issuer and
account known, cryptogram, standing refusal, expiry, PIN, the original, the money.

A reversal is idempotent. One that comes before its request is remembered, and the late request refused. What something
was built upon since (a void, a completion, a refund, a tip) is not reversed any more (12): the later transaction has
moved that money already, and each side has paper for it.

Spec: docs/host-link.md §3, §5, §8, §11.
"""

from __future__ import annotations

from collections.abc import Mapping

from sim.acquirer.accounts import DO, UNDO, can_pay, move
from sim.acquirer.book import Batch, Book, Entry, EntryState
from sim.acquirer.cards import CardDesk
from sim.acquirer.checks import Demands, check_fields, demands_of
from sim.acquirer.faults import Fault, FaultKind
from sim.acquirer.originals import Originals, held_by
from sim.acquirer.registry import ACQUIRER_ID, Account, Registry
from sim.acquirer.requests import (
    APPROVED,
    FORMAT_ERROR,
    INSUFFICIENT_FUNDS,
    INVALID_TRANSACTION,
    NOT_FOUND,
    NOT_SUPPORTED,
    ORIGINAL_AMOUNT_WRONG,
    OUTSIDE_ITS_TIME,
    Answer,
    Refused,
    Request,
)
from sim.acquirer.scripts import script_for
from sim.card.build import tlv
from sim.issuer import CheckedCryptogram, Issuer, organisation_of
from terminal.hostlink.card_messages import INSERTED
from terminal.hostlink.codes import APPROVING_CODES, PARTIAL_APPROVAL, RESPONSE_CODES
from terminal.hostlink.details import AdditionalAmount, write_additional_amounts
from terminal.hostlink.profile import NO_ORGANISATION, Profile
from terminal.hostlink.transactions import Card, Effect, Names, Row
from terminal.model import Kind

# Field 44 names issuer and acquirer, 11 characters each.
INSTITUTIONS = f"{'01020000':11}{ACQUIRER_ID:11}"
SCRIPT_SENT = "sent"
TERMS = slice(0, 2)  # F62 of an instalment begins with the number of terms.
CURRENT, AVAILABLE = "10", "02"  # F54: which account, which amount of it.


class TransactionDesk:
    """Decides requests about money on a card."""

    def __init__(self, registry: Registry, book: Book, issuer: Issuer, profile: Profile, amount_codes: bool) -> None:
        self._registry = registry
        self._book = book
        self._profile = profile
        self._amount_codes = amount_codes
        self._cards = CardDesk(registry, book, issuer)
        self._originals = Originals(book, registry)
        rows = profile.transactions.values()
        self._demands: Mapping[Kind, Demands] = {row.kind: demands_of(row) for row in rows}
        self._rows = {(row.mti, *_codes(row)): row for row in rows}
        self._reversed = {_codes(row): row for row in rows}

    def _code_of(self, amount_minor: int) -> str:
        """The response code that an amount names; APPROVED where amounts name none."""
        return f"{amount_minor % 100:02d}" if self._amount_codes else APPROVED

    def told_by_amount(self, row: Row, amount_minor: int) -> dict[FaultKind, Fault]:
        """What an amount asks for that names an approving code: that is booked, and said so."""
        code = self._code_of(amount_minor)
        if code not in APPROVING_CODES - {APPROVED} or row.undoes is not None or row.advice:
            return {}
        kind = FaultKind.PARTIAL if code == PARTIAL_APPROVAL else FaultKind.APPROVE
        return {kind: Fault(kind, code=code)}

    def row(self, request: Request) -> Row | None:
        """Which kind a request is; of a 0400, which kind it takes back."""
        message, f60 = request.message, request.f60
        codes = (message.text(3), message.text(25), f60.type, f60.account_type)
        return self._reversed.get(codes) if message.mti == "0400" else self._rows.get((message.mti, *codes))

    def transact(self, request: Request, row: Row, batch: Batch) -> Answer:
        """Whatever comes of it, the book has an entry under its STAN."""
        message, rrn = request.message, self._book.next_rrn(request.date)
        entry = Entry(
            terminal=batch.terminal,
            batch_no=batch.batch_no,
            stan=message.text(11),
            amount_minor=int(message.text(4) or "0"),
            state=EntryState.DECLINED,
            code=APPROVED,
            at_ms=request.now_ms,
            rrn=rrn,
            kind=row.kind,
        )
        answer = Answer(APPROVED, {15: request.date, 37: rrn, 44: INSTITUTIONS, 63: NO_ORGANISATION})
        account: Account | None = None
        checked: CheckedCryptogram | None = None
        try:
            check_fields(message, self._demands[row.kind], self._profile.currency)
            account = self._cards.account(message, request.working_keys)
            entry.pan, entry.card = account.pan, account.card
            entry.organisation = answer.fields[63] = organisation_of(account.pan)
            if row.card is Card.FULL and message.text(22)[:2] == INSERTED:
                checked = self._cards.cryptogram(message, account, offline=row.advice)
            self._judge(request, row, batch, account, entry)
            self._approve(request, row, account, entry, answer)
        except Refused as refused:
            answer.code = entry.code = refused.answer.code
        if checked is not None and account is not None and not row.advice:
            approved = answer.code == APPROVED
            script = script_for(account, checked, approved=approved, online_pin=52 in message.fields)
            entry.script = SCRIPT_SENT if script else ""
            answer.fields[55] = tlv(0x91, checked.answer(answer.code.encode("ascii"))) + script
        self._book.add_entry(batch, entry)
        if account is not None:
            self._book.keep(account)
        if entry.state is EntryState.APPROVED:
            self._originals.follow(entry)
        return answer

    def _judge(self, request: Request, row: Row, batch: Batch, account: Account, entry: Entry) -> None:
        """The holder, the original, the money. Raises Refused."""
        message = request.message
        begins = row.undoes is None and not row.advice
        if begins:
            typed = row.card is Card.TYPED
            self._cards.holder(request, account, typed=typed)
        else:
            self._cards.pin(request, account)
        original: Entry | None = None
        if row.names in (Names.STAN, Names.DATE):
            original = self._originals.find(request, row, batch, account)
            entry.original = original.rrn
        if row.kind is Kind.TIP and int(message.text(48)) != entry.amount_minor:
            raise Refused(ORIGINAL_AMOUNT_WRONG)
        if row.kind is Kind.INSTALMENT and not message.binary(62)[TERMS].isdigit():
            raise Refused(FORMAT_ERROR)
        entry.held_minor = held_by(row, entry.amount_minor, original)
        if begins and self._code_of(entry.amount_minor) in RESPONSE_CODES.keys() - APPROVING_CODES:
            raise Refused(self._code_of(entry.amount_minor))
        # An advice tells what has happened: the issuer has promised it, and pays.
        if not row.advice and row.effect is not Effect.CREDIT and not can_pay(account, entry):
            raise Refused(INSUFFICIENT_FUNDS)

    def _approve(self, request: Request, row: Row, account: Account, entry: Entry, answer: Answer) -> None:
        entry.state = EntryState.APPROVED
        move(account, entry)
        if row.kind is Kind.BALANCE:
            amount = AdditionalAmount(CURRENT, AVAILABLE, self._profile.currency, account.available_minor)
            answer.fields[54] = write_additional_amounts([amount])
            return
        told = request.message.text(38).strip() if row.advice else ""
        entry.auth_code = told or f"{self._book.last_rrn % 1_000_000:06d}"
        answer.fields[38] = entry.auth_code.ljust(self._profile.fields[38].length)

    def reverse(self, request: Request, row: Row, batch: Batch) -> Answer:
        """Raises Refused with what stands against it."""
        stan, amount_minor = request.message.text(11), int(request.message.text(4))
        if not row.reversible:
            raise Refused(NOT_SUPPORTED)
        entry = batch.entries.get(stan)
        if entry is None:
            if stan in batch.stans:
                raise Refused(INVALID_TRANSACTION)  # It was an order; orders are closed, not reversed.
            if batch.is_open:
                self._book.add_entry(batch, _prevented(batch, stan, amount_minor, row, request.now_ms))
            raise Refused(NOT_FOUND)
        if entry.state is EntryState.PREVENTED:
            raise Refused(NOT_FOUND)
        if entry.kind is not row.kind:
            raise Refused(INVALID_TRANSACTION)
        if (entry.asked_minor or entry.amount_minor) != amount_minor:
            raise Refused(ORIGINAL_AMOUNT_WRONG)
        if entry.standing:
            if not batch.is_open:
                raise Refused(OUTSIDE_ITS_TIME)  # Settled money goes back by refund only.
            if not self._originals.may_be_reversed(entry):
                raise Refused(INVALID_TRANSACTION)
            self._undo(entry)
        answer = Answer(APPROVED, {37: entry.rrn})
        if entry.auth_code:
            answer.fields[38] = entry.auth_code.ljust(self._profile.fields[38].length)
        return answer

    def give_half(self, entry: Entry) -> int:
        """Approve half of it after all: what the account pays. A reversal will repeat what was asked for."""
        self._move(entry, UNDO)
        entry.asked_minor, entry.amount_minor = entry.amount_minor, entry.amount_minor // 2
        self._move(entry, DO)
        self._book.keep(entry)
        return entry.amount_minor

    def _undo(self, entry: Entry) -> None:
        entry.state = EntryState.REVERSED
        self._move(entry, UNDO)
        self._originals.follow(entry, undo=True)
        self._book.keep(entry)

    def _move(self, entry: Entry, direction: int) -> None:
        account = self._registry.account_of(entry.card)
        if account is not None:
            self._book.fresh(account)
            move(account, entry, direction)
            self._book.keep(account)


def _codes(row: Row) -> tuple[str, str, str, str]:
    return row.processing_code, row.condition, row.type, row.account


def _prevented(batch: Batch, stan: str, amount_minor: int, row: Row, now_ms: int) -> Entry:
    return Entry(
        batch.terminal, batch.batch_no, stan, amount_minor, EntryState.PREVENTED, NOT_FOUND, now_ms, kind=row.kind
    )
