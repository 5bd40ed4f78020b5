"""The two books side by side: each payment as the terminal's journal has it, and what the host's book makes of it."""

from __future__ import annotations

from collections.abc import Iterable

from sim.acquirer import Book, Net, PaymentRow, books_agree
from sim.acquirer.book import Entry, EntryState, Order
from sim.panel.journal_view import row_of
from sim.panel.protocol import JSONObject
from sim.panel.words import ENTRY_WORDS, ORDER_WORDS, clock_of, kind_words, two, yuan
from terminal.hostlink.subfields import OrderState
from terminal.model import Kind, Method, PaymentState
from terminal.receipts.words import METHODS, STATES

SHOWN = 14  # Rows: as many as fit without scrolling.


class Sides:
    """The terminal's side as it was told, payment by payment."""

    def __init__(self) -> None:
        self._payments: dict[int, JSONObject] = {}

    def told(self, payments: Iterable[JSONObject]) -> None:
        """What has changed in the journal. Raises KeyError for what is no payment."""
        for payment in payments:
            self._payments[int(payment["id"])] = payment

    def beside(self, book: Book) -> JSONObject:
        """Verdict, and rows newest first. The caller holds the acquirer's lock."""
        rows = [row_of(payment["row"]) for payment in self._payments.values() if payment["row"] is not None]
        differ = bool(books_agree(book, rows))
        is_open = any(row.net is Net.OPEN for row in rows)
        verdict = "open" if is_open else "differ" if differ else "agree"
        newest = sorted(self._payments.values(), key=lambda payment: int(payment["id"]), reverse=True)[:SHOWN]
        strangers = [_stranger(entry) for entry in _only_at_the_host(book, rows)][:SHOWN]
        return {
            "verdict": verdict if self._payments or differ else "",
            "rows": [*strangers, *(_row(payment, _found(book, payment)) for payment in newest)],
        }


def _only_at_the_host(book: Book, rows: Iterable[PaymentRow]) -> list[Entry | Order]:
    """What stands there and the terminal has never heard of."""
    known = {(row.batch_no, row.stan) for row in rows} | {("", row.order_no) for row in rows}
    found: list[Entry | Order] = [e for e in book.entries if e.standing and (e.batch_no, e.stan) not in known]
    paid = (order for order in book.qr_orders if order.state is OrderState.PAID)
    return [*found, *(order for order in paid if ("", order.order_no) not in known)]


def _stranger(found: Entry | Order) -> JSONObject:
    at_ms = found.at_ms if isinstance(found, Entry) else found.created_ms
    return {
        "time": clock_of(at_ms),
        **(kind_words(found.kind) if isinstance(found, Entry) else two("扫码", "QR")),
        "stan": found.stan,
        "amount": yuan(found.amount_minor),
        "terminal": None,
        "host": _host_words(found),
        "tone": "bad",
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
        "time": clock_of(int(payment["at_ms"])),
        **two(f"{kind['zh']} {method[0]}", f"{kind['en']}, {method[1].lower().replace('qr', 'QR')}"),
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
    code = f" {found.code}" if isinstance(found, Entry) and found.state is EntryState.DECLINED else ""
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
