"""The checkers' own book of payments, folded from the journal's events and from nothing else.

It shares no code with the journal's projections, so that a projection that is wrong cannot agree with itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from terminal.hostlink.transactions import TRANSACTIONS, Effect
from terminal.journal import Event
from terminal.methods.static_code import ASKED
from terminal.model import Kind, Method, PaymentState

OPEN = frozenset({"new", "requested", "unknown", "approved", "reversing", "offline-approved"})


@dataclass(slots=True)
class Paid:
    """One payment as the journal's events tell it, and the transaction of the swarm that it came up in."""

    id: int
    transaction: int
    kind: Kind
    method: Method
    amount_minor: int
    state: PaymentState = PaymentState.NEW
    stan: str = ""
    batch: int = 0
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def batch_no(self) -> str:
        return str(self.facts.get("batch_no", ""))

    @property
    def order_no(self) -> str:
        return str(self.facts.get("order_no", ""))


@dataclass(slots=True)
class Ledger:
    """Fold events with `take`; each is taken once, in order."""

    payments: dict[int, Paid] = field(default_factory=dict)
    open: dict[int, Paid] = field(default_factory=dict)
    by_stan: dict[str, Paid] = field(default_factory=dict)  # The newest with that STAN.
    completed: dict[int, Paid] = field(default_factory=dict)  # What the open batch has to settle.
    queued: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    notices: dict[int, Mapping[str, Any]] = field(default_factory=dict)  # All that were ever queued.
    tries: Counter[int] = field(default_factory=Counter)  # Of a notice: how often it was sent and not answered.
    untold: set[int] = field(default_factory=set)  # Payments whose notice the host has refused, or never answered.
    slips: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    unprinted: set[int] = field(default_factory=set)
    slip_of: set[int] = field(default_factory=set)  # Payments that have one.
    stan: int = 0  # The counter.
    stans: set[str] = field(default_factory=set)  # Counted: durable before they are sent.
    mode: str = "blank"
    settings: dict[str, Any] = field(default_factory=dict)
    n: int = 0
    digest: str = ""  # Of event `n`.

    def take(self, event: Event, transaction: int) -> Paid | None:
        """Fold one event; the payment that it is about, if it is about one."""
        self.n, self.digest = event.n, event.digest
        body = event.body
        match event.kind:
            case "payment":
                paid = Paid(
                    body["id"],
                    transaction,
                    Kind(body["kind"]),
                    Method(body["method"]),
                    body["amount_minor"],
                    batch=body["batch"],
                    facts=dict(body["facts"]),
                )
                self.payments[paid.id] = self.open[paid.id] = paid
                return paid
            case "moved":
                return self._move(self.payments[body["id"]], body)
            case "reduced":
                self.payments[body["id"]].amount_minor = body["amount_minor"]
                return self.payments[body["id"]]
            case "carried":
                self.payments[body["id"]].batch = body["batch"]
                return self.payments[body["id"]]
            case "noted":
                noted = self.payments[body["id"]]
                noted.facts.update(body["facts"])
                if ASKED in body["facts"]:  # Money that came before its amount was typed: it is this customer's.
                    noted.transaction = transaction
                return noted
            case _:
                self._other(event.kind, body)
        return None

    def _move(self, paid: Paid, body: Mapping[str, Any]) -> Paid:
        paid.state = PaymentState(body["to"])
        paid.facts.update(body["facts"])
        if "stan" in body:
            paid.stan = body["stan"]
            self.by_stan[paid.stan] = paid
        if body["to"] in OPEN:
            self.open[paid.id] = paid
        else:
            self.open.pop(paid.id, None)
        if paid.state is PaymentState.COMPLETED and TRANSACTIONS[paid.kind].effect is not Effect.NONE:
            self.completed[paid.id] = paid
        return paid

    def _other(self, kind: str, body: Mapping[str, Any]) -> None:
        match kind:
            case "batch-settled":
                for paid in self.payments.values():
                    # A refund that nobody answered. A wallet's order stays open, to be asked about.
                    unheard = paid.state is PaymentState.UNKNOWN and paid.method is Method.CARD
                    done = paid.state in (PaymentState.COMPLETED, PaymentState.VOIDED)
                    if paid.batch == body["batch"] and (done or unheard):
                        paid.state = PaymentState.SETTLED
                        self.open.pop(paid.id, None)
                        self.completed.pop(paid.id, None)
            case "counted":
                if body["name"] == "stan":
                    self.stan = body["value"]
                    self.stans.add(f"{self.stan:06d}")
            case "setting":
                self.settings[body["name"]] = body["value"]
            case "mode":
                self.mode = body["to"]
            case "queued":
                self.queued[body["id"]] = self.notices[body["id"]] = body
            case "upload-tried":
                self.tries[body["id"]] += 1
            case "uploaded":
                ended = self.queued.pop(body["id"], None)
                if ended is not None and body["to"] != "done":
                    self.untold.add(ended["payment_id"])
            case "slip":
                self.slips[body["id"]] = body
                self.unprinted.add(body["id"])
                if body["payment_id"] is not None:
                    self.slip_of.add(body["payment_id"])
            case "printed":
                self.unprinted.discard(body["id"])
