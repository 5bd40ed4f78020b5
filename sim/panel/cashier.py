"""The page behind an aggregated code, as the phone's own browser shows it: its lines, and whether it can be paid.

The phone calls itself what its open wallet calls itself; what it sees and what paying does is the page's affair
(sim.acquirer.cashier_page). Any browser may open the same address.
"""

from __future__ import annotations

from dataclasses import dataclass
from html.parser import HTMLParser
from urllib.parse import urlsplit

from sim.acquirer.cashier_page import AGENTS, CashierPage
from sim.acquirer.wallets import WalletKind


@dataclass(frozen=True, slots=True)
class Shown:
    """`pay_path`: where its button leads, "" without one."""

    lines: tuple[str, ...]
    pay_path: str


def open_page(cashier: CashierPage, path: str, kind: WalletKind, *, paying: bool = False) -> Shown:
    """What the page says to this wallet's browser."""
    agent = next(name for name, each in AGENTS.items() if each is kind)
    _, text = cashier.answer(path, agent, paying=paying)
    reader = _Reader()
    reader.feed(text)
    reader.close()
    return Shown(tuple(reader.lines), reader.pay_path)


def path_of(cashier: CashierPage, payload: str) -> str:
    """The path of a code that leads to this page, "" for any other."""
    return urlsplit(payload).path if payload.startswith(cashier.url) else ""


class _Reader(HTMLParser):
    """Paragraphs, and the form's action."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.pay_path = ""
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside = tag == "p"
        if tag == "p":
            self.lines.append("")
        elif tag == "form":
            self.pay_path = dict(attrs).get("action") or ""

    def handle_endtag(self, tag: str) -> None:
        self._inside = False

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.lines[-1] += data
