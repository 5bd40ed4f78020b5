"""Who the acquirer knows: merchants with their terminals, and the accounts behind the test cards."""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from dataclasses import dataclass, field

from keys.testkeys import TEST_TMK
from sim.card.profiles import PROFILES

TEST_MERCHANT = "898440153110001"
TEST_TERMINAL = "10000001"
_TOKEN_KEY = b"test cards only"  # A real host has this one in a vault.
POINTS_MINOR = 1_000_000  # What each test cardholder has saved in points...
OWED_MINOR = 5_000_000  # ...and owes on the credit account.
ACQUIRER_ID = "48440000"  # F32 of a reply: the institution that answers.


@dataclass(frozen=True, slots=True)
class TerminalRow:
    """One terminal of one merchant. `tmk` is a 16-byte 3DES key."""

    merchant_no: str
    terminal_no: str
    merchant_name: str = "掌柜测试商户"
    tmk: bytes = field(default=TEST_TMK, repr=False)
    enabled: bool = True


@dataclass(slots=True)
class Account:
    """What a test issuer knows of one card number. `expiry` is YYMM.

    `balance_minor` is the account's money (a credit card's: what it may still spend), of which `held_minor` is promised
    to pre-authorisations. `points_minor` is what the holder's points are worth, `owed_minor` what is owed on the
    holder's credit account, which a repayment lowers (below zero: paid in advance).
    """

    pan: str = field(repr=False)
    balance_minor: int
    expiry: str
    pin: str = field(default="", repr=False)
    pin_required: bool = False
    refuses: str = ""  # A response code that is always given.
    sends: str = ""  # The script that goes with the next answer: see sim.acquirer.scripts.
    wrong_pins: int = 0
    pins_day: str = ""  # MMDD of the last wrong PIN: the tries come back on another day.
    held_minor: int = 0
    points_minor: int = POINTS_MINOR
    owed_minor: int = OWED_MINOR

    card: str = field(init=False)  # The token of `pan`.

    def __post_init__(self) -> None:
        self.card = token_of(self.pan)

    @property
    def available_minor(self) -> int:
        return self.balance_minor - self.held_minor


def token_of(pan: str) -> str:
    """What stands for a card number wherever it is written down: the number cannot be read back without the key."""
    return hmac.new(_TOKEN_KEY, pan.encode("ascii"), "sha256").hexdigest()[:24]


class Registry:
    """Terminals by (merchant, terminal), accounts by PAN.

    `fallback`: a chip card's stripe is taken if its chip could not be read. `completion_percent`: how much of a
    pre-authorisation may be completed, `tip_percent`: of a sale how much a tip may be. An original is found for
    `original_days`.
    """

    def __init__(self, terminals: Iterable[TerminalRow] = (), accounts: Iterable[Account] = ()) -> None:
        self.terminals: dict[tuple[str, str], TerminalRow] = {}
        self.merchants: set[str] = set()
        self.fallback = True
        self.completion_percent = 115
        self.tip_percent = 20
        self.original_days = 30
        self.accounts: dict[str, Account] = {}
        self._by_card: dict[str, Account] = {}
        for row in terminals:
            self.add_terminal(row)
        for account in accounts:
            self.add_account(account)

    def add_account(self, account: Account) -> None:
        self.accounts[account.pan] = account
        self._by_card[account.card] = account

    def account_of(self, card: str) -> Account | None:
        """The account with this token."""
        return self._by_card.get(card)

    def add_terminal(self, row: TerminalRow) -> None:
        """Raises ValueError for numbers that fields 41 and 42 do not hold."""
        if len(row.merchant_no) != 15 or len(row.terminal_no) != 8:
            raise ValueError("a merchant number has 15 characters, a terminal number 8")
        self.terminals[row.merchant_no, row.terminal_no] = row
        self.merchants.add(row.merchant_no)

    def terminal(self, merchant_no: str, terminal_no: str) -> TerminalRow | None:
        row = self.terminals.get((merchant_no, terminal_no))
        return row if row is not None and row.enabled else None


def card_accounts() -> tuple[Account, ...]:
    """An account for every application of every card profile; one card's applications share nothing."""
    return tuple(
        Account(
            pan=app.pan,
            balance_minor=profile.balance_minor,
            expiry=app.expiry[:4],
            pin=profile.pin,
            pin_required=profile.pin_required,
            refuses=profile.issuer_refuses,
            sends=profile.issuer_sends,
        )
        for profile in PROFILES.values()
        for app in profile.applications
    )


def default_registry() -> Registry:
    """The published test merchant with its terminal, and all test cards."""
    return Registry([TerminalRow(TEST_MERCHANT, TEST_TERMINAL)], card_accounts())
