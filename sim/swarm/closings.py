"""Checkers of what must be so before something is begun: a settlement, a signed-in terminal, the next customer.
"""

from __future__ import annotations

from collections.abc import Iterator

from sim.swarm.ledger import Paid
from sim.swarm.watch import Begun, Durable, Happening, Over, Restarted, Sent, Watch
from terminal.methods.card_ending import DIFFERS, SIGNATURE
from terminal.model import Kind, Method, PaymentState
from terminal.receipts.slips import LockSlip

ORDERS = (Method.QR_SHOWN, Method.QR_SCANNED)
RUNNING = (PaymentState.NEW, PaymentState.REQUESTED, PaymentState.APPROVED, PaymentState.OFFLINE_APPROVED)
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


class UnsignedTakenBack:
    """8. A payment whose signature differs is taken back, or somebody reads that it stands, before anybody else comes.

    A power cut, or a case that is opened, leaves it to the next start of a day.
    """

    name = "unsigned-is-taken-back"
    hears = (Durable, Restarted, Begun, Over)

    def __init__(self) -> None:
        self._left: set[int] = set()
        self._told: set[int] = set()  # Of these it was said before.

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
            elif happening.event.kind == "noted" and body["facts"].get(SIGNATURE) == DIFFERS:
                if paid.id in self._told:
                    self._left.discard(paid.id)  # Nothing came of taking it back, and the screen says so.
                else:
                    self._told.add(paid.id)
                    self._left.add(paid.id)
        elif isinstance(happening, Restarted) or self._is_locked(happening):
            self._left.clear()
        elif isinstance(happening, Begun | Over):
            for number in sorted(self._left):
                yield f"the signature of payment {number} differs, and nobody has tried to take it back"


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


CLOSINGS = (ClearedBeforeSettled, KeysChecked, UnsignedTakenBack, LockedWithPaper, OneQuestion)
