"""Checkers that watch all the time: each is one rule about money or numbers, with a name and a memory of its own.

They hear of events and frames in their order and may look into the host's book, which no terminal can. The numbers in
the docstrings are those of the invariants in docs/simulator.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from sim.acquirer.book import Entry
from sim.swarm.ledger import Ledger, Paid
from sim.swarm.watch import (
    DUPLICATE_MARKS,
    HAPPENINGS,
    Checker,
    Durable,
    Happening,
    Over,
    Printed,
    Restarted,
    Sent,
    Shown,
    Unsent,
    Watch,
)
from sim.world import MERCHANT_NO, TERMINAL_NO
from terminal.flows.batch import UNANSWERED
from terminal.hostlink.messages import QR_BILL, QR_QUERY, QR_RECEIPTS, QR_REFUND, QR_REFUND_QUERY
from terminal.hostlink.subfields import OrderState
from terminal.hostlink.transactions import TRANSACTIONS, Effect, Silence
from terminal.methods.news import LATE
from terminal.methods.static_code import ASKED, RECEIPT_NO
from terminal.model import PAYMENT_EDGES, Kind, Method, PaymentState
from terminal.receipts import Late, LockSlip, OpenSlip

TERMINAL = (MERCHANT_NO, TERMINAL_NO)
LOCKS = (LockSlip.record_kind, OpenSlip.record_kind)
MONEY = frozenset({"0100", "0200", "0220"})
ASKING = (QR_QUERY, QR_REFUND_QUERY, QR_BILL, QR_RECEIPTS)  # F3 of what asks, and moves nothing.
NOT_CHARGED = (PaymentState.DECLINED, PaymentState.REVERSED, PaymentState.ABANDONED)


def entry_of(watch: Watch, paid: Paid) -> Entry | None:
    """The host's entry of a card payment."""
    batch = watch.world.acquirer.book.batch(TERMINAL, paid.batch_no)
    return batch.entries.get(paid.stan) if batch and paid.stan else None


def stands_at_host(watch: Watch, paid: Paid) -> bool:
    """Whether the host's book holds money for this payment at this moment."""
    if paid.order_no:
        book = watch.world.acquirer.book
        order = book.any_order(MERCHANT_NO, paid.order_no)
        if order is not None and (refund_no := paid.facts.get("refund_no")):
            return any(entry.standing and entry.refund_no == refund_no for entry in book.refunds_of(order))
        return order is not None and order.state is OrderState.PAID
    if paid.method is Method.QR_STATIC:
        receipt = watch.world.acquirer.book.receipts_of(TERMINAL).get(str(paid.facts.get(RECEIPT_NO)))
        return receipt is not None and receipt.amount_minor == paid.amount_minor
    entry = entry_of(watch, paid)
    return moves_money(paid.kind) and entry is not None and entry.kind is paid.kind and entry.standing


def came_unasked(paid: Paid) -> bool:
    """Whether somebody has paid it to the printed code, and nobody has typed its amount at the till."""
    return paid.method is Method.QR_STATIC and not paid.facts.get(ASKED)


def moves_money(kind: Kind) -> bool:
    return TRANSACTIONS[kind].silence is not Silence.NOTHING


class NothingUndurable:
    """3. What a frame is about was durable before its first byte left: its STAN, its payment, its reversal."""

    name = "durable-before-sent"
    hears = (Sent,)

    def event(self, happening: Happening, watch: Watch) -> Iterator[str]:
        if not isinstance(happening, Sent):
            return
        message, ledger = happening.message, watch.ledger
        stan = message.text(11)
        if stan and stan not in ledger.stans:
            yield f"{message.mti} with STAN {stan}, which was not durable"
        paid = ledger.by_stan.get(stan)
        # A close of a wallet's order has a STAN of its own and no payment under it.
        moves = message.mti in MONEY and message.text(3) not in ASKING
        if moves and paid is None and not any(paid.order_no for paid in ledger.open.values()):
            yield f"{message.mti} with STAN {stan} without a durable payment"
        if message.mti == "0400" and (paid is None or paid.state is not PaymentState.REVERSING):
            yield f"0400 for STAN {stan}, whose reversal is not durable"


class NotChargedIsTrue:
    """2. What the terminal holds for declined, reversed or abandoned stands nowhere at the host, then or later."""

    name = "not-charged-is-true"
    hears = (Durable, Over)

    def event(self, happening: Happening, watch: Watch) -> Iterator[str]:
        if isinstance(happening, Durable):
            paid = happening.paid
            if happening.event.kind == "moved" and paid is not None and paid.state in NOT_CHARGED:
                yield from self._look(watch, paid)
        elif isinstance(happening, Over):
            for paid in watch.ledger.payments.values():
                if paid.state in NOT_CHARGED:
                    yield from self._look(watch, paid)

    @staticmethod
    def _look(watch: Watch, paid: Paid) -> Iterator[str]:
        if stands_at_host(watch, paid):
            yield f"payment {paid.id} is {paid.state.value}, and stands at the host"


class ChargedIsTrue:
    """2. What the terminal completes stands at the host; what it keeps approved nobody has refused."""

    name = "charged-is-true"
    hears = (Durable,)

    def event(self, happening: Happening, watch: Watch) -> Iterator[str]:
        if not isinstance(happening, Durable) or happening.event.kind != "moved":
            return
        paid = happening.paid
        if paid is None or paid.method is Method.CASH or not moves_money(paid.kind):
            return
        if paid.state is PaymentState.APPROVED and not stands_at_host(watch, paid):
            yield f"payment {paid.id} is approved, and does not stand at the host"


class UnknownIsNoRefusal:
    """2. Nobody reads "declined" while the host may have approved. Of the printed code it was never asked."""

    name = "unknown-is-not-declined"
    hears = (Shown,)

    def event(self, happening: Happening, watch: Watch) -> Iterator[str]:
        if isinstance(happening, Shown) and happening.name == "declined" and watch.ledger.payments:
            newest = watch.ledger.payments[max(watch.ledger.payments)]
            open_ = newest.state in (PaymentState.UNKNOWN, PaymentState.REQUESTED)
            if open_ and newest.method is not Method.QR_STATIC:
                yield f"payment {newest.id} is {newest.state.value}, and the screen says declined"


class LegalSteps:
    """Each step of a payment is one that the table has, and begins where the last one ended."""

    name = "legal-steps"
    hears = (Durable,)

    def event(self, happening: Happening, watch: Watch) -> Iterator[str]:
        if isinstance(happening, Durable) and happening.event.kind == "moved" and happening.was is not None:
            came, to = PaymentState(happening.event.body["from"]), PaymentState(happening.event.body["to"])
            if came is not happening.was:
                yield f"a step from {came.value} of a payment that was {happening.was.value}"
            if to not in PAYMENT_EDGES[came]:
                yield f"{came.value} → {to.value}"


class NumbersOnce:
    """6. A STAN asks for money once; the counter only grows; a batch's number too."""

    name = "numbers-once"
    hears = (Durable, Sent, Unsent)

    def __init__(self) -> None:
        self._asked: set[tuple[str, str]] = set()
        self._last = 0
        self._batch = 0

    def event(self, happening: Happening, watch: Watch) -> Iterator[str]:
        if isinstance(happening, Durable) and happening.event.kind == "counted":
            body = happening.event.body
            if body["name"] == "stan":
                if body["value"] <= self._last:
                    yield f"the STAN {body['value']} comes after {self._last}"
                self._last = body["value"]
        elif isinstance(happening, Durable) and happening.event.kind == "setting":
            body = happening.event.body
            if body["name"] == "batch" and body["value"] is not None:
                if body["value"] <= self._batch:
                    yield f"batch {body['value']} comes after {self._batch}"
                self._batch = body["value"]
        elif isinstance(happening, Sent | Unsent) and happening.message.mti in ("0100", "0200"):
            asked = happening.message.text(60)[2:8], happening.message.text(11)
            if isinstance(happening, Unsent):
                self._asked.discard(asked)
                return
            if asked in self._asked and not self._is_same_refund(happening, watch.ledger):
                yield f"STAN {asked[1]} of batch {asked[0]} asks for money twice"
            self._asked.add(asked)

    @staticmethod
    def _is_same_refund(sent: Sent, ledger: Ledger) -> bool:
        """An order's refund that nobody has answered is repeated under its number and STAN (docs/host-link.md §12)."""
        paid = ledger.by_stan.get(sent.message.text(11))
        unanswered = paid is not None and "refund_no" in paid.facts and paid.state is PaymentState.UNKNOWN
        return unanswered and sent.message.text(3) == QR_REFUND


class TotalsAgree:
    """5. What the host counted at a settlement is what the terminal said, and the slip says so."""

    name = "totals-agree"
    hears = (Shown, Over)

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def event(self, happening: Happening, watch: Watch) -> Iterator[str]:
        if not isinstance(happening, Shown | Over) or isinstance(happening, Shown) and happening.name != "settled":
            return
        for batch in watch.world.acquirer.book.batches.get(TERMINAL, {}).values():
            if batch.settlement is None or batch.batch_no in self._seen:
                continue
            self._seen.add(batch.batch_no)
            told, booked = batch.settlement.claimed, batch.settlement.booked
            entries = batch.entries.values()
            ours = {(p.batch_no, p.stan): p for p in reversed(tuple(watch.ledger.payments.values()))}
            refunds = [e.amount_minor for e in entries if e.standing and self._is_unanswered(ours, e)]
            untold = self._untold(watch, batch.batch_no)
            told = replace(
                told,
                debit_minor=told.debit_minor - sum(untold),
                debit_count=told.debit_count - len(untold),
                credit_minor=told.credit_minor + sum(refunds),
                credit_count=told.credit_count + len(refunds),
            )
            abroad = batch.settlement.claimed_foreign == batch.settlement.booked_foreign
            listed = bool(refunds or untold)  # On the settlement slip, by name: the batch is not balanced, and says so.
            if told != booked or not abroad or (not listed and not batch.settlement.balanced):
                yield f"batch {batch.batch_no}: the terminal said {told}, the host counted {booked}"

    @staticmethod
    def _untold(watch: Watch, batch_no: str) -> list[int]:
        """Advices that the host has refused, or never answered: the money is the shop's, and the slip lists them."""
        refused = (watch.ledger.payments[number] for number in watch.ledger.untold)
        return [p.amount_minor for p in refused if p.batch_no == batch_no and entry_of(watch, p) is None]

    @staticmethod
    def _is_unanswered(ours: Mapping[tuple[str, str], Paid], entry: Entry) -> bool:
        """A refund that nobody answered: the terminal cannot count what it does not know; its slip lists it."""
        paid = ours.get((entry.batch_no, entry.stan))
        if paid is None or TRANSACTIONS[paid.kind].silence is not Silence.UNKNOWN:
            return False
        return paid.state is PaymentState.UNKNOWN or UNANSWERED in paid.facts


class SettledWithPaper:
    """2, 5. A batch is closed in the commit that keeps its slip, with nothing of it left open but what is named."""

    name = "settled-with-its-slip"
    hears = HAPPENINGS

    def __init__(self) -> None:
        self._closed = 0  # A batch whose slip has not been seen yet.

    def event(self, happening: Happening, watch: Watch) -> Iterator[str]:
        if not isinstance(happening, Durable):
            if self._closed:
                yield f"batch {self._closed} was closed without its settlement slip"
                self._closed = 0
        elif happening.event.kind == "batch-settled":
            self._closed = happening.event.body["batch"]
        elif happening.event.kind == "slip" and happening.event.body["slip"] == "settlement":
            self._closed = 0


class SlipForEach:
    """8. Whoever paid has a slip that can be printed again; it carries the amount."""

    name = "slip-for-each"
    hears = (Over,)

    def event(self, happening: Happening, watch: Watch) -> Iterator[str]:
        if not isinstance(happening, Over):
            return
        for paid in watch.ledger.payments.values():
            charged = paid.state in (PaymentState.COMPLETED, PaymentState.VOIDED, PaymentState.SETTLED)
            if came_unasked(paid):
                continue
            if charged and moves_money(paid.kind) and self._slip_of(paid, watch.ledger) not in watch.ledger.slip_of:
                yield f"payment {paid.id} ({paid.kind.value}, {paid.method.value}) has no slip"
        if watch.ledger.unprinted:
            yield f"slips never printed: {sorted(watch.ledger.unprinted)}"

    @staticmethod
    def _slip_of(paid: Paid, ledger: Ledger) -> int:
        """The payment on whose slip it stands: what was paid late and goes back is said on the sale's own slip."""
        sale = ledger.payments.get(paid.facts.get("undoes", 0))
        return sale.id if sale is not None and sale.facts.get(LATE) == Late.REFUNDED.value else paid.id


class Reprints:
    """8. The last slip can always be printed again: what comes out is marked, and was made when the last slip was.

    Of a case that is opened when all is over, nobody prints the lock's slip again.
    """

    name = "last-slip-again"
    hears = (Printed, Over)

    def __init__(self) -> None:
        self._again = 0  # The number of the slip that was the last one when it came out again.

    def event(self, happening: Happening, watch: Watch) -> Iterator[str]:
        slips = watch.ledger.slips
        if isinstance(happening, Printed):
            last = max(slips, default=0)
            made = str(slips[last]["body"]["head"]["at"]).replace("-", "/").replace("T", " ") if last else ""
            if made in happening.text and any(mark in happening.text for mark in DUPLICATE_MARKS):
                self._again = last
        elif isinstance(happening, Over):
            wanted = (number for number, slip in slips.items() if not (watch.case_opened and slip["slip"] in LOCKS))
            if self._again < max(wanted, default=0):
                yield "the last slip did not come out again"


class OneCharge:
    """1. Whatever happened, what one customer came for was charged at most once."""

    name = "one-net-charge"
    hears = (Over,)

    def event(self, happening: Happening, watch: Watch) -> Iterator[str]:
        if not isinstance(happening, Over):
            return
        charged: dict[tuple[int, Kind], list[int]] = {}
        for paid in watch.ledger.payments.values():
            if TRANSACTIONS[paid.kind].effect is not Effect.DEBIT or came_unasked(paid):
                continue
            cash = paid.method is Method.CASH and paid.state in (PaymentState.COMPLETED, PaymentState.SETTLED)
            entry = entry_of(watch, paid)
            taken_back = entry is not None and entry.state.value == "voided"
            if (cash or stands_at_host(watch, paid)) and not taken_back:
                charged.setdefault((paid.transaction, paid.kind), []).append(paid.id)
        for (transaction, kind), payments in charged.items():
            if len(payments) > 1:
                yield f"transaction {transaction}: {kind.value} stands {len(payments)} times: {payments}"


class Recovers:
    """7. After any end a terminal comes back to its idle screen by itself, with nobody's help but its operator's.

    One whose case was opened comes back locked.
    """

    name = "recovers"
    hears = (Shown, Restarted, Over)

    def __init__(self) -> None:
        self._waiting = False

    def event(self, happening: Happening, watch: Watch) -> Iterator[str]:
        if isinstance(happening, Restarted):
            self._waiting = True
        elif isinstance(happening, Shown) and happening.name == ("locked" if watch.case_opened else "idle"):
            self._waiting = False
        elif isinstance(happening, Over) and self._waiting:
            yield "it never came back to its idle screen"


class NothingForgotten:
    """3, 7. What the journal has acknowledged is there after every start, word for word."""

    name = "nothing-forgotten"
    hears = (Restarted,)

    def event(self, happening: Happening, watch: Watch) -> Iterator[str]:
        if isinstance(happening, Restarted) and watch.ledger.n:
            found = watch.world.journal.events_after(watch.ledger.n - 1, 1)
            if not found or found[0].digest != watch.ledger.digest:
                yield f"event {watch.ledger.n} was durable, and is {'another now' if found else 'gone'}"


class Authentic:
    """A payment is decided by an answer that the host made for it, and by no other."""

    name = "decided-by-authentic-answer"
    hears = (Durable,)

    def event(self, happening: Happening, watch: Watch) -> Iterator[str]:
        if isinstance(happening, Durable) and happening.event.kind == "moved":
            paid = happening.paid
            if paid is None or happening.was is not PaymentState.REQUESTED or paid.method is not Method.CARD:
                return
            decided = paid.state in (PaymentState.APPROVED, PaymentState.DECLINED)
            if decided and watch.world.bank.plan.has_spoilt(paid.stan, *MONEY):
                yield f"payment {paid.id} is {paid.state.value} by an answer that was spoilt"


CHECKERS = (
    NothingUndurable,
    NotChargedIsTrue,
    ChargedIsTrue,
    UnknownIsNoRefusal,
    LegalSteps,
    NumbersOnce,
    TotalsAgree,
    SettledWithPaper,
    SlipForEach,
    Reprints,
    OneCharge,
    Recovers,
    NothingForgotten,
    Authentic,
)


def all_checkers() -> tuple[Checker, ...]:
    """One of each, new."""
    from sim.swarm.closings import CLOSINGS
    from sim.swarm.endings import ENDINGS
    from sim.swarm.notices import NOTICES
    from sim.swarm.papers import PAPERS
    from sim.swarm.reversals import REVERSALS

    return tuple(made() for made in (*CHECKERS, *REVERSALS, *CLOSINGS, *NOTICES, *PAPERS, *ENDINGS))
