"""The terminal's journal for whoever looks over its shoulder: what it wrote, and what became of each payment.

Nothing here is secret: events carry no card data, and a payment's facts are what its slip may print. The view follows
the journal commit by commit and tells only what has changed.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime

from sim.acquirer import Net, PaymentRow
from sim.acquirer.core import CHINA
from sim.books import all_payments, payment_rows
from sim.panel.protocol import JSONObject
from terminal.journal import Event, Journal, PaymentRecord
from terminal.model import Kind

EVENTS = 60  # Of the newest, shown.
BODY_CHARACTERS = 300  # Of one event: a slip's body is longer, and hangs in the tray anyway.


class JournalView:
    """Tells `say` {"payments": what changed, "events": the newest} after each `look` that finds something new."""

    def __init__(self, journal: Journal, say: Callable[[JSONObject], None]) -> None:
        self._journal = journal
        self._say = say
        self._n = 0
        self._told: dict[int, PaymentRecord] = {}

    def look(self) -> None:
        """After a commit, on the thread that made it."""
        fresh: list[Event] = []
        while page := self._journal.events_after(self._n):
            self._n = page[-1].n
            fresh = [*fresh, *page][-EVENTS:]
        if not fresh:
            return
        changed = [payment for payment in all_payments(self._journal) if self._told.get(payment.id) != payment]
        self._told |= {payment.id: payment for payment in changed}
        self._say(
            {
                "payments": [_payment(payment) for payment in reversed(changed)],
                "events": [_event(event) for event in fresh],
            }
        )


def _payment(payment: PaymentRecord) -> JSONObject:
    rows = payment_rows((payment,))
    return {
        "id": payment.id,
        "state": payment.state.value,
        "kind": payment.kind.value,
        "method": payment.method.value,
        "amount_minor": payment.amount.amount_minor,
        "stan": payment.stan or "",
        "batch_no": str(payment.facts.get("batch_no", "")),
        "order_no": str(payment.facts.get("order_no", "")),
        "at_ms": payment.created_ms,
        "row": None if not rows else {**asdict(rows[0]), "net": rows[0].net.value, "kind": rows[0].kind.value},
    }


def _event(event: Event) -> JSONObject:
    body = json.dumps(dict(event.body), ensure_ascii=False, sort_keys=True)
    return {
        "n": event.n,
        "time": f"{datetime.fromtimestamp(event.at_ms / 1000, CHINA):%H:%M:%S}",
        "kind": event.kind,
        "body": body if len(body) <= BODY_CHARACTERS else f"{body[:BODY_CHARACTERS]}…",
    }


def row_of(told: JSONObject) -> PaymentRow:
    """What `books_agree` wants, from a payment as it was told. Raises KeyError, ValueError."""
    return PaymentRow(
        stan=str(told["stan"]),
        batch_no=str(told["batch_no"]),
        amount_minor=int(told["amount_minor"]),
        net=Net(told["net"]),
        order_no=str(told["order_no"]),
        kind=Kind(told["kind"]),
    )
