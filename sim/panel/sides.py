"""The two books side by side: each payment as the terminal's journal has it, and what the host's book makes of it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sim.acquirer import Book, Net, PaymentRow, books_agree
from sim.acquirer.book import Entry, Order
from sim.acquirer.core import CHINA
from sim.panel.journal_view import row_of
from sim.panel.protocol import JSONObject
from sim.panel.words import ENTRY_WORDS, ORDER_WORDS, kind_words, two, yuan
from terminal.hostlink.subfields import OrderState
from terminal.model import Kind, Method, PaymentState
from terminal.receipts.words import METHODS, STATES

SHOWN = 14  # Rows: as many as fit without scrolling.
DIFFERENCES = 20


class Sides:
    """The terminal's side as it was told, payment by payment."""

    def __init__(self) -> None:
        self._payments: dict[int, JSONObject] = {}

    def told(self, payments: Iterable[JSONObject]) -> None:
        """What has changed in the journal. Raises KeyError for what is no payment."""
        for payment in payments:
            self._payments[int(payment["id"])] = payment

    def beside(self, book: Book) -> JSONObject:
        """Verdict, rows newest first, and the differences in words. The caller holds the acquirer's lock."""
        rows = [row_of(payment["row"]) for payment in self._payments.values() if payment["row"] is not None]
        differences = books_agree(book, rows)
        is_open = any(row.net is Net.OPEN for row in rows)
        verdict = "open" if is_open else "differ" if differences else "agree"
        newest = sorted(self._payments.values(), key=lambda payment: int(payment["id"]), reverse=True)[:SHOWN]
        return {
            "verdict": verdict if self._payments or differences else "",
            "differences": differences[:DIFFERENCES],
            "rows": [_row(payment, _found(book, payment)) for payment in newest],
        }


def _found(book: Book, payment: JSONObject) -> Entry | Order | None:
    """What the host has of it: of a refund its own entry, of a wallet's sale the order, else the entry of its STAN."""
    if payment["order_no"] and payment["kind"] != Kind.REFUND.value:
        orders = (order for order in book.qr_orders if order.order_no == payment["order_no"])
        return next(orders, None)
    entries = (e for e in book.entries if (e.batch_no, e.stan) == (payment["batch_no"], payment["stan"]))
    return next(entries, None)


def _row(payment: JSONObject, found: Entry | Order | None) -> JSONObject:
    row = None if payment["row"] is None else row_of(payment["row"])
    kind = kind_words(Kind(payment["kind"]))
    method = METHODS[Method(payment["method"])]
    return {
        "time": f"{datetime.fromtimestamp(int(payment['at_ms']) / 1000, CHINA):%H:%M:%S}",
        "kind": two(f"{kind['zh']} {method[0]}", f"{kind['en']}, {method[1].lower().replace('qr', 'QR')}"),
        "stan": payment["stan"],
        "amount": yuan(int(payment["amount_minor"])),
        "terminal": _terminal_words(PaymentState(payment["state"])),
        "host": None if found is None else _host_words(found),
        "tone": _tone(row, found),
    }


def _terminal_words(state: PaymentState) -> JSONObject:
    zh, en = STATES[state]
    return two(zh, en.lower())


def _host_words(found: Entry | Order) -> JSONObject:
    zh, en = ENTRY_WORDS[found.state] if isinstance(found, Entry) else ORDER_WORDS[found.state]
    code = f" {found.code}" if isinstance(found, Entry) and not found.standing else ""
    return two(zh + code, en + code)


def _tone(row: PaymentRow | None, found: Entry | Order | None) -> str:
    """"open" while the terminal does not know, "bad" where the two say different things, else ""."""
    if row is None or row.kind is Kind.BALANCE or row.net is Net.UNANSWERED:
        return ""
    if row.net is Net.OPEN:
        return "open"
    stands = found is not None and (found.standing if isinstance(found, Entry) else found.state is OrderState.PAID)
    same = found is None or not stands or found.amount_minor == row.amount_minor
    return "" if same and stands == (row.net is Net.CHARGED) else "bad"
