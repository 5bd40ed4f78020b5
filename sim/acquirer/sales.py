"""Card sales and their reversals: what issuer and acquirer decide together.

Checks, in order: fields, amount, card number and track, issuer known, account known, standing refusal, expiry, PIN,
cryptogram, balance. A PIN is judged before the balance, so that a wrong one says nothing about the account.

Spec: docs/host-link.md §3, §5, §8, §11.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field

from sim.acquirer.book import Batch, Book, Entry, EntryState
from sim.acquirer.hostkeys import WorkingKeys
from sim.acquirer.registry import ACQUIRER_ID, Account, Registry
from sim.acquirer.scripts import script_for
from sim.card.build import tlv
from sim.card.profiles import luhn_digit
from sim.cryptograms import IssuerError
from sim.issuer import CheckedCryptogram, Issuer
from terminal.hostlink.codec import FrameError, Message
from terminal.hostlink.codes import RESPONSE_CODES
from terminal.hostlink.icc import elements
from terminal.hostlink.profile import Profile

APPROVED = "00"
INVALID_TRANSACTION = "12"
INVALID_AMOUNT = "13"
INVALID_CARD = "14"
NO_SUCH_ISSUER = "15"
SUSPECTED_MALFUNCTION = "22"
NOT_FOUND = "25"
FORMAT_ERROR = "30"
CHIP_REQUIRED = "45"
INSUFFICIENT_FUNDS = "51"
EXPIRED = "54"
WRONG_PIN = "55"
NOT_AT_THIS_TERMINAL = "58"
CARD_CHECK_FAILED = "59"
ORIGINAL_AMOUNT_WRONG = "64"
PIN_TRIES_EXCEEDED = "75"
PIN_FORMAT = "99"

PIN_TRIES = 3
CHIP, SWIPE = "05", "02"  # The beginning of F22.
CHIP_CONDITION, CHIP_FAILED = slice(12, 13), "2"  # 60.5: the last reading of a chip failed.
CHIP_SERVICE = ("2", "6")  # First digit of the service code (ISO/IEC 7813).
CRYPTOGRAMS_LIMIT = 100_000  # How many used ones are remembered; a replay is tried soon or never.
# Field 44 names issuer and acquirer, 11 characters each.
INSTITUTIONS = f"{'01020000':11}{ACQUIRER_ID:11}"


@dataclass(slots=True)
class Decision:
    code: str
    fields: dict[int, str | bytes] = field(default_factory=dict)


class _Refused(Exception):
    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class SaleDesk:
    """Decides sales and reversals and writes them into the book."""

    def __init__(
        self, registry: Registry, book: Book, issuer: Issuer, profile: Profile, amount_codes: bool
    ) -> None:
        self._registry = registry
        self._book = book
        self._issuer = issuer
        self._profile = profile
        self._amount_codes = amount_codes
        self._seen: dict[bytes, None] = {}  # Cryptograms already used, oldest first.

    def sale(
        self, message: Message, batch: Batch, keys: WorkingKeys, now_ms: int, day: str, year_month: str
    ) -> Decision:
        """`day` is MMDD, `year_month` YYMM: the host's today."""
        amount_minor = int(message.text(4) or "0")
        track = keys.track(message.text(35)) if message.text(53)[2:3] == "1" else message.text(35)
        pan = message.text(2) or track.split("D")[0]
        rrn = self._book.next_rrn(day)
        decision = Decision(APPROVED, {15: day, 37: rrn, 44: INSTITUTIONS, 63: "CUP"})
        checked: CheckedCryptogram | None = None
        auth_code = ""
        try:
            self._check_fields(message)
            account = self._account(pan, track)
            if message.text(22)[:2] == CHIP:
                checked = self._cryptogram(message, pan)
            else:
                self._check_stripe(message, track)
            self._judge(message, account, keys, amount_minor, year_month)
            account.balance_minor -= amount_minor
            auth_code = f"{self._book.last_rrn % 1_000_000:06d}"
            decision.fields[38] = auth_code
        except _Refused as refused:
            decision.code = refused.code
        if checked is not None:
            script = script_for(account, checked, approved=decision.code == APPROVED, online_pin=52 in message.fields)
            decision.fields[55] = tlv(0x91, checked.answer(decision.code.encode("ascii"))) + script
        state = EntryState.APPROVED if decision.code == APPROVED else EntryState.DECLINED
        stan, code = message.text(11), decision.code
        self._book.add_entry(
            batch,
            Entry(batch.terminal, batch.batch_no, stan, amount_minor, state, code, now_ms, pan, rrn, auth_code),
        )
        return decision

    def reversal(self, message: Message, batch: Batch, now_ms: int) -> Decision:
        """Idempotent. One that comes before its sale is remembered, and the late sale refused."""
        stan, amount_minor = message.text(11), int(message.text(4))
        entry = batch.entries.get(stan)
        if entry is None:
            if stan in batch.stans:
                return Decision(INVALID_TRANSACTION)  # It was an order; orders are closed, not reversed.
            if batch.is_open:
                prevented = EntryState.PREVENTED
                self._book.add_entry(
                    batch,
                    Entry(batch.terminal, batch.batch_no, stan, amount_minor, prevented, NOT_FOUND, now_ms),
                )
            return Decision(NOT_FOUND)
        if entry.state is EntryState.PREVENTED:
            return Decision(NOT_FOUND)
        if entry.amount_minor != amount_minor:
            return Decision(ORIGINAL_AMOUNT_WRONG)
        if entry.state is EntryState.APPROVED:
            if not batch.is_open:
                return Decision(SUSPECTED_MALFUNCTION)  # Settled money goes back by refund only.
            entry.state = EntryState.REVERSED
            account = self._registry.accounts.get(entry.pan)
            if account is not None:
                account.balance_minor += amount_minor
            self._book.keep(entry)
        decision = Decision(APPROVED, {37: entry.rrn})
        if entry.auth_code:
            decision.fields[38] = entry.auth_code
        return decision

    # The checks, each raising _Refused

    def _check_fields(self, message: Message) -> None:
        present = message.fields
        if 4 not in present or message.text(49) != self._profile.currency or not (2 in present or 35 in present):
            raise _Refused(FORMAT_ERROR)
        if not int(message.text(4)):
            raise _Refused(INVALID_AMOUNT)
        entry_mode = message.text(22)
        if entry_mode[:2] not in (CHIP, SWIPE):
            raise _Refused(NOT_AT_THIS_TERMINAL)
        with_pin = entry_mode[2] == "1"
        if (55 if entry_mode[:2] == CHIP else 35) not in present or with_pin != (52 in present):
            raise _Refused(FORMAT_ERROR)
        if with_pin and not {26, 53} <= set(present):
            raise _Refused(FORMAT_ERROR)

    def _check_stripe(self, message: Message, track: str) -> None:
        """A chip card's stripe only after its chip failed, and only if fallback is allowed at all."""
        service = track.partition("D")[2][4:7]
        excused = message.text(60)[CHIP_CONDITION] == CHIP_FAILED and self._registry.fallback
        if service[:1] in CHIP_SERVICE and not excused:
            raise _Refused(CHIP_REQUIRED)

    def _account(self, pan: str, track: str) -> Account:
        if len(pan) < 13 or luhn_digit(pan[:-1]) != pan[-1] or (track and track.split("D")[0] != pan):
            raise _Refused(INVALID_CARD)
        if not self._issuer.knows(pan):
            raise _Refused(NO_SUCH_ISSUER)
        account = self._registry.accounts.get(pan)
        if account is None:
            raise _Refused(INVALID_CARD)
        return account

    def _cryptogram(self, message: Message, pan: str) -> CheckedCryptogram:
        """The ARQC must be genuine, new, and over this message's amount."""
        data = message.binary(55)
        try:
            values = {int(each.tag, 16): data[each.value : each.end] for each in elements(data)}
            checked = self._issuer.check(pan, message.text(23)[-2:] or "00", values)
        except (FrameError, IssuerError):
            raise _Refused(CARD_CHECK_FAILED) from None
        if not checked.genuine or values[0x9F02].hex() != message.text(4) or checked.arqc in self._seen:
            raise _Refused(CARD_CHECK_FAILED)
        if len(self._seen) >= CRYPTOGRAMS_LIMIT:
            del self._seen[next(iter(self._seen))]
        self._seen[checked.arqc] = None
        return checked

    def _judge(
        self, message: Message, account: Account, keys: WorkingKeys, amount_minor: int, year_month: str
    ) -> None:
        if account.refuses:
            raise _Refused(account.refuses)
        if account.expiry < year_month:
            raise _Refused(EXPIRED)
        self._check_pin(message, account, keys)
        if self._amount_codes and amount_minor % 100:
            code = f"{amount_minor % 100:02d}"
            if code in RESPONSE_CODES:
                raise _Refused(code)
        if account.balance_minor < amount_minor:
            raise _Refused(INSUFFICIENT_FUNDS)

    def _check_pin(self, message: Message, account: Account, keys: WorkingKeys) -> None:
        block = message.binary(52)
        if not block:
            if account.pin_required:
                raise _Refused(WRONG_PIN)
            return
        if account.wrong_pins >= PIN_TRIES:
            raise _Refused(PIN_TRIES_EXCEEDED)
        pin = keys.pin(block, account.pan)
        if pin is None:
            raise _Refused(PIN_FORMAT)
        if not hmac.compare_digest(pin, account.pin):
            account.wrong_pins += 1
            raise _Refused(PIN_TRIES_EXCEEDED if account.wrong_pins >= PIN_TRIES else WRONG_PIN)
        account.wrong_pins = 0
