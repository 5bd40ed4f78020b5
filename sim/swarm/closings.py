"""Checkers of what must be so before something is begun: a settlement, a signed-in terminal, the next customer.
"""

from __future__ import annotations

from collections.abc import Iterator

from sim.swarm.ledger import Ledger, Paid
from sim.swarm.reversals import VOIDS
from sim.swarm.watch import Begun, Disowned, Durable, Happening, Over, Restarted, Sent, Shown, Watch
from terminal.hostlink.card_messages import MANUAL
from terminal.hostlink.transactions import TRANSACTIONS, Card
from terminal.methods.card_ending import DIFFERS, SIGNATURE
from terminal.model import Kind, Method, PaymentState
from terminal.receipts.slips import LockSlip

ORDERS = (Method.QR_SHOWN, Method.QR_SCANNED)
RUNNING = (PaymentState.NEW, PaymentState.REQUESTED, PaymentState.APPROVED, PaymentState.OFFLINE_APPROVED)
REFUNDS = (Kind.REFUND, Kind.MOTO_REFUND, Kind.POINTS_REFUND)
NOT_KNOWN = (PaymentState.UNKNOWN, PaymentState.REVERSING)


class ClearedBeforeSettled:
    """5. A merchant's settlement begins when nothing is open that a later answer could still change.

    One that the host has forced, by another batch number, has no choice.
    """

    name = "cleared-before-settled"
    hears = (Durable, Sent)

    def event(self, happening: Happening, watch: Watch) -> Iterator[str]:
        ledger = watch.ledger
        if isinstance(happening, Sent):
            if happening.message.mti == "0500" and ledger.mode != "settling":
                yield f"the totals leave, and durably the terminal is {ledger.mode}"
            return
        if not isinstance(happening, Durable) or happening.event.kind != "mode":
            return
        body = happening.event.body
        if body["to"] != "settling" or body["facts"].get("reason"):
            return
        for paid in ledger.open.values():
            if self._may_change(paid):
                yield f"a settlement begins, and payment {paid.id} is {paid.state.value}"
        for number in ledger.queued:
            if ledger.tries[number] <= watch.world.shop.profile.upload_resend_count:
                yield f"a settlement begins, and notice {number} waits after {ledger.tries[number]} tries"

    @staticmethod
    def _may_change(paid: Paid) -> bool:
        if paid.method is Method.CARD:
            return paid.state is PaymentState.REVERSING and not paid.facts.get("parked")
        return paid.method in ORDERS and paid.kind is Kind.SALE and paid.state in NOT_KNOWN


class KeysChecked:
    """9. No terminal is signed in by keys of which one was not what its check value says."""

    name = "signed-in-by-checked-keys"
    hears = (Durable, Sent)

    def __init__(self) -> None:
        self._asked = ""  # The STAN of the last sign-in.

    def event(self, happening: Happening, watch: Watch) -> Iterator[str]:
        if isinstance(happening, Sent) and happening.message.mti == "0800":
            self._asked = happening.message.text(11)
        elif isinstance(happening, Durable) and happening.event.kind == "mode":
            body = happening.event.body
            brought = not watch.world.shop.profile.dukpt  # Under DUKPT no sign-in brings any.
            entered = brought and body["to"] == "signed-in" and not body["facts"].get("reason")
            if entered and self._asked in watch.world.bank.plan.wrong_keys:
                yield f"the sign-in with STAN {self._asked} gave a wrong key, and counts"


def differs(paid: Paid) -> bool:
    return paid.facts.get(SIGNATURE) == DIFFERS


def signed_last(ledger: Ledger) -> Paid | None:
    """What 签名不符 is about: what is left to take back, oldest first, else the last of all if it was signed."""
    left = [paid for paid in ledger.completed.values() if differs(paid) and paid.state is PaymentState.COMPLETED]
    last = ledger.payments[max(ledger.payments)]
    signed = last.state is PaymentState.COMPLETED and last.facts.get("signed")
    return min(left, key=lambda paid: paid.id) if left else last if signed else None


class UnsignedTakenBack:
    """8. A payment whose signature differs is taken back, or somebody reads that it stands, before anybody else comes.

    A power cut, or a case that is opened, leaves it to the next start of a day; a merchant's settlement tries it once
    more.
    """

    name = "unsigned-is-taken-back"
    hears = (Durable, Disowned, Shown, Restarted, Begun, Over)

    def __init__(self) -> None:
        self._left: set[int] = set()
        self._told: set[int] = set()  # Of these it was said before.
        self._said: set[int] = set()  # Of these somebody has said it at the menu, and the journal is yet to tell.
        self._tried: set[int] = set()  # Since the idle screen.

    @staticmethod
    def _is_locked(happening: Happening) -> bool:
        return (
            isinstance(happening, Durable)
            and happening.event.kind == "mode"
            and happening.event.body["to"] == "locked"
        )

    def event(self, happening: Happening, watch: Watch) -> Iterator[str]:
        if isinstance(happening, Durable) and happening.paid is not None:
            paid, body = happening.paid, happening.event.body
            if happening.event.kind == "payment" and (undone := paid.facts.get("undoes")) is not None:
                self._left.discard(int(undone))
                self._tried.add(int(undone))
            elif happening.event.kind == "noted" and body["facts"].get(SIGNATURE) == DIFFERS:
                self._said.discard(paid.id)
                if paid.id in self._told:
                    self._tried.add(paid.id)
                    self._left.discard(paid.id)  # Nothing came of taking it back, and the screen says so.
                else:
                    self._told.add(paid.id)
                    self._left.add(paid.id)
        elif isinstance(happening, Restarted) or self._is_locked(happening):
            self._left.clear()
            self._said.clear()
        elif isinstance(happening, Durable):
            if happening.event.kind == "mode" and happening.event.body["to"] == "settling":
                yield from self._settled_over(happening, watch)
        elif isinstance(happening, Disowned):
            if not differs(watch.ledger.payments[happening.payment]):
                self._said.add(happening.payment)
        elif isinstance(happening, Shown):
            if happening.name == "idle":
                self._tried.clear()
        else:
            for number in sorted(self._left):
                yield f"the signature of payment {number} differs, and nobody has tried to take it back"
            for number in sorted(self._said):
                yield f"somebody has said that the signature of payment {number} differs, and the journal has not"

    def _settled_over(self, happening: Durable, watch: Watch) -> Iterator[str]:
        if happening.event.body["facts"].get("reason"):
            return  # The host has forced it.
        for paid in watch.ledger.completed.values():
            stands = differs(paid) and paid.state is PaymentState.COMPLETED and not given_back(watch.ledger, paid)
            if stands and paid.id not in self._tried:
                yield f"a settlement begins, and nobody has tried once more to take back payment {paid.id}"


def given_back(ledger: Ledger, paid: Paid) -> bool:
    """Whether a refund has given something of it back, or may have."""
    later = (p for p in ledger.payments.values() if p.facts.get("undoes") == paid.id and p.kind in REFUNDS)
    return any(p.state not in (PaymentState.NEW, PaymentState.ABANDONED, PaymentState.DECLINED) for p in later)


class RefundedStands:
    """1. What a refund has given back, or may have, is not given back as a whole by a void."""

    name = "refunded-is-not-voided"
    hears = (Sent,)

    def event(self, happening: Happening, watch: Watch) -> Iterator[str]:
        if not isinstance(happening, Sent) or happening.message.mti != "0200":
            return
        void = watch.ledger.by_stan.get(happening.message.text(11))
        sale = watch.ledger.payments.get(void.facts.get("undoes", 0)) if void and void.kind in VOIDS else None
        if void is not None and sale is not None and sale.method is Method.CARD and given_back(watch.ledger, sale):
            yield f"void {void.id} leaves for payment {sale.id}, of which a refund has given something back"


class SaidBeforeTakenBack:
    """3. A void leaves without its card only for what was ordered, or once it is durable that the signature differs."""

    name = "said-before-taken-back"
    hears = (Sent,)

    def event(self, happening: Happening, watch: Watch) -> Iterator[str]:
        if not isinstance(happening, Sent) or happening.message.mti != "0200":
            return
        message, ledger = happening.message, watch.ledger
        void = ledger.by_stan.get(message.text(11))
        if void is None or "undoes" not in void.facts or not message.text(22).startswith(MANUAL):
            return
        original = ledger.payments[int(void.facts["undoes"])]
        if TRANSACTIONS[original.kind].card not in (Card.TYPED, Card.NONE) and not differs(original):
            yield f"void {void.id} leaves without its card, and nobody has said anything of payment {original.id}"


class LockedWithPaper:
    """10. The slip of a lock names what is open, each as it stands from then on: nothing of it is running any more."""

    name = "locked-with-its-slip"
    hears = (Durable,)

    def event(self, happening: Happening, watch: Watch) -> Iterator[str]:
        if not isinstance(happening, Durable) or happening.event.kind != "slip":
            return
        body = happening.event.body
        if body["slip"] != LockSlip.record_kind:
            return
        named = {(row["voucher_no"], row["order_no"]): row["state"] for row in body["body"]["open_rows"]}
        for paid in watch.ledger.open.values():
            state = named.get((paid.stan, paid.order_no))
            if state != paid.state.value or paid.state in RUNNING:
                yield f"payment {paid.id} is {paid.state.value}, and the slip of the lock says {state}"


class OneQuestion:
    """4. While somebody is served, whatever went on behind the idle screen has ended, or has been told to.

    Two questions at once would take each other's answers. On the line they look like one that made way, so this looks
    inside.
    """

    name = "one-question-at-a-time"
    hears = (Sent,)

    def event(self, happening: Happening, watch: Watch) -> Iterator[str]:
        shop = watch.world.shop
        if isinstance(happening, Sent) and shop.busy and shop.behind.running and not shop.host.yielding:
            yield f"{happening.message.mti} leaves while somebody is served and an errand is being run"


CLOSINGS = (
    ClearedBeforeSettled,
    KeysChecked,
    UnsignedTakenBack,
    RefundedStands,
    SaidBeforeTakenBack,
    LockedWithPaper,
    OneQuestion,
)
