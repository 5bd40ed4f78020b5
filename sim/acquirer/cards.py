"""Whose card it is, and whether it is genuine: number, track, cryptogram, PIN, expiry, what the issuer thinks of it.

A PIN is judged before the balance, so that a wrong one says nothing about the account.

Spec: docs/host-link.md §3, §7, §8.
"""

from __future__ import annotations

import hmac

from sim.acquirer.book import Book
from sim.acquirer.hostkeys import HostKeys
from sim.acquirer.registry import Account, Registry
from sim.acquirer.requests import (
    CARD_CHECK_FAILED,
    CHIP_REQUIRED,
    EXPIRED,
    FORMAT_ERROR,
    INVALID_CARD,
    NO_SUCH_ISSUER,
    PIN_FORMAT,
    PIN_TRIES_EXCEEDED,
    WRONG_PIN,
    Refused,
    Request,
)
from sim.card.profiles import luhn_digit
from sim.cryptograms import IssuerError
from sim.issuer import CheckedCryptogram, Issuer
from terminal.hostlink.card_messages import CHIP_FAILED, SWIPED
from terminal.hostlink.codec import FrameError, Message
from terminal.hostlink.icc import elements

PIN_TRIES = 3
CHIP_CONDITION = slice(12, 13)  # 60.5
CHIP_SERVICE = ("2", "6")  # First digit of the service code (ISO/IEC 7813).
OFFLINE_APPROVED = b"Y1"  # Tag 8A of what the card has approved alone.
TC = 0x40  # 9F27, its first two bits.


class CardDesk:
    """Asks the issuers behind the test cards."""

    def __init__(self, registry: Registry, book: Book, issuer: Issuer) -> None:
        self._registry = registry
        self._book = book
        self._issuer = issuer

    def account(self, message: Message, keys: HostKeys) -> Account:
        """The account behind F2, or F35. Raises Refused: 14, 15, 45."""
        track = keys.track(message.text(35)) if message.text(53)[2:3] == "1" else message.text(35)
        pan = message.text(2) or track.split("D")[0]
        if len(pan) < 13 or luhn_digit(pan[:-1]) != pan[-1] or (track and track.split("D")[0] != pan):
            raise Refused(INVALID_CARD)
        if not self._issuer.knows(pan):
            raise Refused(NO_SUCH_ISSUER)
        account = self._registry.accounts.get(pan)
        if account is None:
            raise Refused(INVALID_CARD)
        if message.text(22)[:2] == SWIPED:
            self._check_stripe(message, track)
        self._book.fresh(account)
        return account

    def _check_stripe(self, message: Message, track: str) -> None:
        """A chip card's stripe only after its chip failed, and only if fallback is allowed at all."""
        service = track.partition("D")[2][4:7]
        excused = message.text(60)[CHIP_CONDITION] == CHIP_FAILED and self._registry.fallback
        if service[:1] in CHIP_SERVICE and not excused:
            raise Refused(CHIP_REQUIRED)

    def cryptogram(self, message: Message, account: Account, *, offline: bool = False) -> CheckedCryptogram:
        """The ARQC (`offline`: the TC, and 8A Y1) must be genuine, new, and over this message's amount.

        Raises Refused: 59, or 30 for an offline approval that does not say that it is one.
        """
        data = message.binary(55)
        try:
            values = {int(each.tag, 16): data[each.value : each.end] for each in elements(data)}
            checked = self._issuer.check(account.pan, message.text(23)[-2:] or "00", values)
        except (FrameError, IssuerError):
            raise Refused(CARD_CHECK_FAILED) from None
        if offline and (values.get(0x8A) != OFFLINE_APPROVED or values.get(0x9F27, b"\x00")[0] & 0xC0 != TC):
            raise Refused(FORMAT_ERROR)
        amount = message.text(4) or "0" * 12
        genuine = checked.genuine and values[0x9F02].hex() == amount
        if not genuine or not self._book.first_use(checked.arqc):
            raise Refused(CARD_CHECK_FAILED)
        return checked

    def holder(self, request: Request, account: Account, *, typed: bool) -> None:
        """Whether the issuer lets this card pay at all. `typed`: the expiry was read to us, and must be right."""
        message = request.message
        if account.refuses:
            raise Refused(account.refuses)
        if account.expiry < request.year_month or (typed and message.text(14) != account.expiry):
            raise Refused(EXPIRED)
        if 52 not in message.fields and account.pin_required and not typed:
            raise Refused(WRONG_PIN)
        self.pin(request, account)

    def pin(self, request: Request, account: Account) -> None:
        """A PIN that came along must be right; three wrong ones a day. Raises Refused: 55, 75, 99."""
        block = request.message.binary(52)
        if not block:
            return
        if account.pins_day != request.date:
            account.wrong_pins = 0
        if account.wrong_pins >= PIN_TRIES:
            raise Refused(PIN_TRIES_EXCEEDED)
        pin = request.working_keys.pin(block, account.pan)
        if pin is None:
            raise Refused(PIN_FORMAT)
        if not hmac.compare_digest(pin, account.pin):
            account.wrong_pins, account.pins_day = account.wrong_pins + 1, request.date
            raise Refused(PIN_TRIES_EXCEEDED if account.wrong_pins >= PIN_TRIES else WRONG_PIN)
        account.wrong_pins = 0
