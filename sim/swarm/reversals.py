"""Checkers of reversals, and of whatever repeats a request: that it comes first, says the same, and ends by a word.
"""

from __future__ import annotations

from collections.abc import Iterator

from sim.swarm.checkers import moves_money
from sim.swarm.watch import Durable, Happening, Over, Printed, Sent, Shown, Watch
from terminal.hostlink.transactions import TRANSACTIONS, Effect, Names
from terminal.model import Method, PaymentState

VOIDS = frozenset(row.kind for row in TRANSACTIONS.values() if row.names is Names.STAN and row.effect is Effect.CREDIT)


class ReversalFirst:
    """4. Before a card's money is asked for, nothing older waits for its reversal, unless a supervisor parked it."""

    name = "reversal-before-sale"
    hears = (Sent,)

    def event(self, happening: Happening, watch: Watch) -> Iterator[str]:
        if not isinstance(happening, Sent) or happening.message.mti not in ("0100", "0200"):
            return
        asked = watch.ledger.by_stan.get(happening.message.text(11))
        if asked is None or asked.method is not Method.CARD or not moves_money(asked.kind):
            return
        for paid in watch.ledger.open.values():
            older = paid.id < asked.id and paid.method is Method.CARD and moves_money(paid.kind)
            waits = paid.state in (PaymentState.REQUESTED, PaymentState.APPROVED, PaymentState.REVERSING)
            if older and waits and not paid.facts.get("parked"):
                yield f"payment {asked.id} is sent while payment {paid.id} is {paid.state.value}"


class ReversalsEnd:
    """4. A reversal ends by the host's word alone: never because tries ran out."""

    name = "reversals-end-by-answer"
    hears = (Durable, Sent)

    def __init__(self) -> None:
        self._asked: set[str] = set()

    def event(self, happening: Happening, watch: Watch) -> Iterator[str]:
        if isinstance(happening, Sent) and happening.message.mti == "0400":
            self._asked.add(happening.message.text(11))
        elif isinstance(happening, Durable) and happening.event.kind == "moved":
            paid = happening.paid
            if paid is None or paid.method is not Method.CARD or paid.state is not PaymentState.REVERSED:
                return
            if paid.stan not in self._asked:
                yield f"payment {paid.id} is reversed, and nobody was asked"
            if paid.facts.get("reversal_code") not in ("00", "12", "25"):
                yield f"payment {paid.id} is reversed by the answer {paid.facts.get('reversal_code')!r}"
            elif watch.world.bank.plan.has_spoilt(paid.stan, "0400"):
                yield f"payment {paid.id} is reversed by an answer that was spoilt"


class SaidAgain:
    """4. What repeats a request (a reversal, a row of the batch upload) has its amount and its batch.

    A reversal has the amount that was asked for, whatever was approved of it.
    """

    name = "said-again-is-the-same"
    hears = (Durable, Sent)

    def __init__(self) -> None:
        self._asked_minor: dict[int, int] = {}

    def event(self, happening: Happening, watch: Watch) -> Iterator[str]:
        if isinstance(happening, Durable):
            if happening.event.kind == "payment" and happening.paid is not None:
                self._asked_minor[happening.paid.id] = happening.paid.amount_minor
        elif isinstance(happening, Sent) and happening.message.mti in ("0400", "0320") and happening.message.text(4):
            message = happening.message
            paid = watch.ledger.by_stan.get(message.text(11))
            if paid is None or paid.method is not Method.CARD:
                return
            amount_minor = self._asked_minor[paid.id] if message.mti == "0400" else paid.amount_minor
            if int(message.text(4)) != amount_minor:
                yield f"{message.mti} of payment {paid.id} says {int(message.text(4))}, which is {amount_minor}"
            if message.text(60)[2:8] != paid.batch_no:
                yield f"{message.mti} of payment {paid.id} names batch {message.text(60)[2:8]}, not {paid.batch_no}"


class ReversedIsTrue:
    """4. Who reads that a payment was taken back may rely on it."""

    name = "reversed-is-true"
    hears = (Shown,)

    def event(self, happening: Happening, watch: Watch) -> Iterator[str]:
        if not isinstance(happening, Shown) or happening.name != "reversal_done":
            return
        newest = watch.ledger.payments[max(watch.ledger.payments)]
        if newest.state is not PaymentState.REVERSED:
            yield f"it is shown that payment {newest.id} was taken back, which is {newest.state.value}"


class VoidsEndTheirSale:
    """1. A void that is completed has voided its sale before anybody hears of it: it cannot be voided once more."""

    name = "voids-end-their-sale"
    hears = (Durable, Sent, Shown, Printed, Over)

    def __init__(self) -> None:
        self._left: dict[int, int] = {}  # Sales, and the void of each.

    def event(self, happening: Happening, watch: Watch) -> Iterator[str]:
        if not isinstance(happening, Durable):
            for sale, void in self._left.items():
                yield f"void {void} is completed, and payment {sale} is {watch.ledger.payments[sale].state.value}"
            self._left.clear()
        elif (paid := happening.paid) is not None and happening.event.kind == "moved":
            if paid.state is PaymentState.COMPLETED and paid.kind in VOIDS and paid.method is Method.CARD:
                self._left[int(paid.facts["undoes"])] = paid.id
            elif paid.state is PaymentState.VOIDED:
                self._left.pop(paid.id, None)


REVERSALS = (ReversalFirst, ReversalsEnd, SaidAgain, ReversedIsTrue, VoidsEndTheirSale)
