"""The terminal's journal for whoever looks over its shoulder: what it wrote, and what became of each payment.

Nothing here is secret: events carry no card data, and a payment's facts are what its slip may print. The view follows
the journal commit by commit and tells only what has changed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from types import MappingProxyType

from sim.acquirer import Net, PaymentRow
from sim.books import all_payments, payment_rows
from sim.panel.protocol import JSONObject
from sim.panel.words import clock_of
from terminal.journal import Event, Journal, PaymentRecord
from terminal.model import Kind

EVENTS = 60  # Of the newest, shown.
VALUE_CHARACTERS = 200  # Of one value of an event.
EVENT_WORDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "opened": ("日志建立", "the journal begins"),
        "mode": ("终端状态", "the terminal's mode"),
        "setting": ("设置", "a setting"),
        "counted": ("计数器", "a counter"),
        "payment": ("新交易", "a payment begins"),
        "moved": ("交易状态", "a payment's state"),
        "reduced": ("金额减少", "a payment's amount is lowered"),
        "carried": ("转入下一批", "goes into the next batch"),
        "noted": ("记下事实", "facts of a payment"),
        "batch-settled": ("批次已结算", "a batch is settled"),
        "slip": ("签购单", "a slip is made"),
        "printed": ("已打印", "a slip is printed"),
        "queued": ("待上送", "a notice waits"),
        "uploaded": ("已上送", "a notice has ended"),
        "upload-tried": ("上送一次", "a notice was tried"),
        "sealed": ("封存数据", "data is sealed"),
        "seals-dropped": ("封存数据已毁", "sealed data is destroyed"),
    }
)

# Who answers for an event: whoever was signed in, and whoever has agreed to it.
PEOPLE_WORDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {"operator": ("操作员", "operator"), "approved_by": ("授权", "approved by")}
)


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
                "events": [event_told(event) for event in fresh],
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


def event_told(event: Event) -> JSONObject:
    """One row of the journal: its words, and what changed."""
    zh, en = EVENT_WORDS.get(event.kind, (event.kind, event.kind))
    body = {key: value for key, value in event.body.items() if key not in PEOPLE_WORDS}
    shown = {"name": body["name"]} if event.kind == "setting" else body  # Its value may be a verifier.
    step = [f"{shown['from']} → {shown['to']}"] if "from" in shown and "to" in shown else []
    rest = {key: value for key, value in shown.items() if not (step and key in ("from", "to"))}
    told = ", ".join([*step, *_pairs(rest)])
    by = [(words, event.body[role]) for role, words in PEOPLE_WORDS.items() if role in event.body]
    return {
        "n": event.n,
        "time": clock_of(event.at_ms),
        "kind": event.kind,
        "zh": " · ".join((zh, *(f"{words[0]} {number}" for words, number in by))),
        "en": " · ".join((en, *(f"{words[1]} {number}" for words, number in by))),
        "told": told,
    }


def _plain(value: object) -> str:
    if isinstance(value, Mapping):
        return f"({', '.join(_pairs(value))})"
    return str(value)


def _pairs(values: Mapping[str, object]) -> list[str]:
    said = {key: value for key, value in values.items() if value not in ("", {}, None) and not _is_long(value)}
    return [f"{key} {_plain(value)}" for key, value in said.items()]


def _is_long(value: object) -> bool:
    """A slip's text, a list: it is on the paper, or nobody reads it."""
    return isinstance(value, list) or len(json.dumps(value, ensure_ascii=False)) > VALUE_CHARACTERS


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
