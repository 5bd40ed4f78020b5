"""Checkers of what the host is told afterwards: advices, results of issuer scripts, and what a quiet hour must clear.
"""

from __future__ import annotations

from collections.abc import Iterator

from sim.acquirer.desk import SCRIPT_SENT
from sim.swarm.ledger import Paid
from sim.swarm.watch import Begun, Durable, Happening, Over, Sent, Watch
from terminal.hostlink.codes import is_last_word
from terminal.hostlink.transactions import TRANSACTIONS, Silence
from terminal.model import Method, Notice, PaymentState
from terminal.receipts.slips import SettlementSlip

QUIET_HOUR = "quiet-hour"  # The fault of that name: nobody comes for so long.


class NoticesEnd:
    """2. A notice ends by what the host has said of it, or unsent with its batch: never by silence."""

    name = "notices-end-by-answer"
    hears = (Durable, Sent)

    def __init__(self) -> None:
        self._sent: set[str] = set()

    def event(self, happening: Happening, watch: Watch) -> Iterator[str]:
        if isinstance(happening, Sent) and happening.message.mti in ("0220", "0620", "0820"):
            self._sent.add(happening.message.text(11))
        elif isinstance(happening, Durable) and happening.event.kind == "uploaded":
            body = happening.event.body
            to, code, told = body["to"], body["code"], watch.ledger.notices[body["id"]]
            name = f"{told['notice']} {body['id']} with STAN {told['stan']}"
            if to == "unsent":
                return
            if told["stan"] not in self._sent:
                yield f"{name} is {to}, and was never sent"
            said = watch.world.shop.profile.upload_done_codes
            if code not in said if to == "done" else code in said or not is_last_word(code):
                yield f"{name} is {to} by the answer {code!r}"


class LossesNamed:
    """5. What the host did not take of what it was told stands on its batch's settlement slip, by its STAN."""

    name = "losses-are-named"
    hears = (Over,)

    def event(self, happening: Happening, watch: Watch) -> Iterator[str]:
        if not isinstance(happening, Over):
            return
        named: set[tuple[str, str]] = set()
        for slip in watch.ledger.slips.values():
            if slip["slip"] == SettlementSlip.record_kind:
                body = slip["body"]
                named |= {(body["head"]["batch_no"], row["voucher_no"]) for row in body["upload_rows"]}
        for number in sorted(watch.ledger.untold):
            paid = watch.ledger.payments[number]
            if paid.state is PaymentState.SETTLED and (paid.batch_no, paid.stan) not in named:
                yield f"payment {number} was told to nobody, and its settlement slip does not name it"


class QuietHour:
    """12. After an hour in which nobody came, a terminal that is signed in owes the host no reversal and no notice."""

    name = "quiet-hour-clears"
    hears = (Begun,)

    def event(self, happening: Happening, watch: Watch) -> Iterator[str]:
        ledger = watch.ledger
        if not isinstance(happening, Begun) or QUIET_HOUR not in happening.faults or ledger.mode != "signed-in":
            return
        for paid in ledger.open.values():
            if paid.method is Method.CARD and paid.state is PaymentState.REVERSING and not paid.facts.get("parked"):
                yield f"payment {paid.id} has waited an hour for its reversal"
        if ledger.queued:
            oldest = min(ledger.queued)
            tries = ledger.tries[oldest]
            worn_out = tries > watch.world.shop.profile.upload_resend_count
            if not worn_out and (tries or self._host_takes(ledger.payments[max(ledger.payments)])):
                yield f"notice {oldest} has waited an hour, after {tries} tries"

    @staticmethod
    def _host_takes(newest: Paid) -> bool:
        """Whether the newest payment says that the host is there: then a notice need not wait for company."""
        online = TRANSACTIONS[newest.kind].silence is not Silence.REPEAT
        return newest.method is Method.CARD and newest.state is PaymentState.COMPLETED and online


class ScriptsAnswered:
    """What became of an issuer's script is told, if the sale that it came with was completed."""

    name = "scripts-are-answered"
    hears = (Over,)

    def event(self, happening: Happening, watch: Watch) -> Iterator[str]:
        if not isinstance(happening, Over):
            return
        told = {body["payment_id"] for body in watch.ledger.notices.values() if body["notice"] == SCRIPT}
        charged = (PaymentState.COMPLETED, PaymentState.VOIDED, PaymentState.SETTLED)
        paid_as = {(paid.batch_no, paid.stan): paid for paid in watch.ledger.payments.values() if not paid.order_no}
        for entry in watch.world.acquirer.book.entries:
            paid = paid_as.get((entry.batch_no, entry.stan))
            if entry.script == SCRIPT_SENT and paid and paid.state in charged and paid.id not in told:
                yield f"payment {paid.id} came with a script, and nobody is told what became of it"


SCRIPT = Notice.SCRIPT_RESULT.value
NOTICES = (NoticesEnd, LossesNamed, QuietHour, ScriptsAnswered)
