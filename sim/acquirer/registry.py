"""Who the acquirer knows: merchants with their terminals, and the accounts behind the test cards."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from keys.testkeys import TEST_TMK
from sim.card.profiles import PROFILES, CardProfile

TEST_MERCHANT = "898440153110001"
TEST_TERMINAL = "10000001"
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
    """What a test issuer knows of one card number. `expiry` is YYMM."""

    pan: str = field(repr=False)
    balance_minor: int
    expiry: str
    pin: str = field(default="", repr=False)
    pin_required: bool = False
    refuses: str = ""  # A response code that is always given.
    sends: str = ""  # The script that goes with the next answer: see sim.acquirer.scripts.
    wrong_pins: int = 0


class Registry:
    """Terminals by (merchant, terminal), accounts by PAN.

    `fallback`: a chip card's stripe is taken if its chip could not be read.
    """

    def __init__(self, terminals: Iterable[TerminalRow] = (), accounts: Iterable[Account] = ()) -> None:
        self.terminals: dict[tuple[str, str], TerminalRow] = {}
        self.merchants: set[str] = set()
        self.fallback = True
        self.accounts: dict[str, Account] = {}
        for row in terminals:
            self.add_terminal(row)
        for account in accounts:
            self.accounts[account.pan] = account

    def add_terminal(self, row: TerminalRow) -> None:
        """Raises ValueError for numbers that fields 41 and 42 do not hold."""
        if len(row.merchant_no) != 15 or len(row.terminal_no) != 8:
            raise ValueError("a merchant number has 15 characters, a terminal number 8")
        self.terminals[row.merchant_no, row.terminal_no] = row
        self.merchants.add(row.merchant_no)

    def terminal(self, merchant_no: str, terminal_no: str) -> TerminalRow | None:
        row = self.terminals.get((merchant_no, terminal_no))
        return row if row is not None and row.enabled else None


def card_accounts(profiles: Mapping[str, CardProfile] = PROFILES) -> tuple[Account, ...]:
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
        for profile in profiles.values()
        for app in profile.applications
    )


def default_registry() -> Registry:
    """The published test merchant with its terminal, and all test cards."""
    return Registry([TerminalRow(TEST_MERCHANT, TEST_TERMINAL)], card_accounts())
