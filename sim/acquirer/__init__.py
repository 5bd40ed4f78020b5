"""The acquirer on the other end of the line: its book, its keys, its wallets, and the faults it can be told to have."""

from sim.acquirer.book import Book
from sim.acquirer.compare import Net, PaymentRow, books_agree
from sim.acquirer.core import Acquirer
from sim.acquirer.faults import Fault, FaultKind, FaultPlan
from sim.acquirer.registry import Account, Registry, TerminalRow, default_registry
from sim.acquirer.requests import Reply
from sim.acquirer.wallets import PayResult, Wallet, WalletGateway, WalletKind

__all__ = [
    "Account",
    "Acquirer",
    "Book",
    "Fault",
    "FaultKind",
    "FaultPlan",
    "Net",
    "PayResult",
    "PaymentRow",
    "Registry",
    "Reply",
    "TerminalRow",
    "Wallet",
    "WalletGateway",
    "WalletKind",
    "books_agree",
    "default_registry",
]
