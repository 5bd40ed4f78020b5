"""Checkers that look once, when everything is over: all books beside each other, liveness, the journal itself, secrets.
"""

from __future__ import annotations

from collections.abc import Iterator

from sim.acquirer.book import EntryState
from sim.acquirer.compare import books_agree
from sim.books import all_payments, payment_rows, unanswered
from sim.swarm.watch import Happening, Over, Watch
from sim.world import MERCHANT_NO, PHONE_BALANCE_MINOR, TERMINAL_NO
from terminal.hostlink.subfields import OrderState
from terminal.hostlink.transactions import TRANSACTIONS, Effect
from terminal.journal import ChainBroken
from terminal.model import PaymentState

LIVENESS_MS = 30 * 60_000  # After the last fault nothing may be pending longer than this.
_SIGN = {Effect.DEBIT: 1, Effect.CREDIT: -1, Effect.NONE: 0}


class Books:
    """1, 2, 5. The terminal's book beside the host's, row by row."""

    name = "books-agree"

    def event(self, happening: Happening, watch: Watch) -> Iterator[str]:
        if isinstance(happening, Over):
            payments = all_payments(watch.world.journal)
            yield from books_agree(watch.world.acquirer.book, payment_rows(payments))


class ApprovalsEnd:
    """2. Every approval of the host is settled or was reversed; nothing stands in a batch that never closes."""

    name = "approvals-end"

    def event(self, happening: Happening, watch: Watch) -> Iterator[str]:
        if not isinstance(happening, Over):
            return
        for batch in watch.world.acquirer.book.all_batches():
            standing = [e.stan for e in batch.entries.values() if e.state is EntryState.APPROVED]
            paid = [order.order_no for order in batch.orders.values() if order.state is OrderState.PAID]
            if batch.settlement is None and (standing or paid):
                yield f"batch {batch.batch_no} is not settled and holds {standing + paid}"


class Liveness:
    """12. Once the faults have stopped nothing stays pending for longer than half an hour."""

    name = "liveness"

    def event(self, happening: Happening, watch: Watch) -> Iterator[str]:
        if not isinstance(happening, Over):
            return
        ledger = watch.ledger
        pending = [f"payment {paid.id} {paid.state.value}" for paid in ledger.open.values()]
        pending += [f"notice {number}" for number in ledger.queued]
        pending += [f"payment {paid.id} unsettled" for paid in ledger.completed.values()]
        if pending:
            yield f"{happening.calm_ms // 60_000} minutes after the last fault: {', '.join(pending[:5])}"
        elif happening.calm_ms > LIVENESS_MS:
            yield f"it took {happening.calm_ms // 60_000} minutes until nothing was pending"


class Accounts:
    """The issuer's accounts: what left them is what the terminal has charged."""

    name = "accounts-agree"

    def event(self, happening: Happening, watch: Watch) -> Iterator[str]:
        if not isinstance(happening, Over):
            return
        world = watch.world
        accounts = world.acquirer.registry.accounts.values()
        left_minor = world.bank.money_before_minor - sum(account.balance_minor for account in accounts)
        charged_minor = 0
        for payment in all_payments(world.journal):
            row = TRANSACTIONS[payment.kind]
            if payment.method.value != "card" or row.account or unanswered(payment):
                continue
            if payment.state in (PaymentState.COMPLETED, PaymentState.VOIDED, PaymentState.SETTLED):
                charged_minor += _SIGN[row.effect] * payment.amount.amount_minor
        charged_minor += self._unanswered_minor(watch)
        if left_minor != charged_minor:
            yield f"{left_minor} left the accounts, the terminal charged {charged_minor}"

    @staticmethod
    def _unanswered_minor(watch: Watch) -> int:
        """Refunds that nobody answered: what the host's book says of them."""
        total = 0
        for payment in all_payments(watch.world.journal):
            if unanswered(payment) and payment.stan:
                batch = watch.world.acquirer.book.batch(
                    (MERCHANT_NO, TERMINAL_NO), str(payment.facts.get("batch_no", ""))
                )
                entry = batch.entries.get(payment.stan) if batch else None
                if entry is not None and entry.standing:
                    total += _SIGN[TRANSACTIONS[entry.kind].effect] * entry.amount_minor
        return total


class Wallets:
    """The wallets: what left them is what the terminal's paid orders come to."""

    name = "wallets-agree"

    def event(self, happening: Happening, watch: Watch) -> Iterator[str]:
        if not isinstance(happening, Over):
            return
        wallets = watch.world.bank.phone.wallets
        left_minor = PHONE_BALANCE_MINOR * len(wallets) - watch.world.wallets_minor()
        done = (PaymentState.COMPLETED, PaymentState.VOIDED, PaymentState.SETTLED)
        charged_minor = sum(p.amount_minor for p in watch.ledger.payments.values() if p.order_no and p.state in done)
        if left_minor != charged_minor:
            yield f"{left_minor} left the wallets, the terminal charged {charged_minor}"


class JournalFolds:
    """The journal: its chain holds, and what its tables say is what its events come to."""

    name = "journal-folds"

    def event(self, happening: Happening, watch: Watch) -> Iterator[str]:
        if not isinstance(happening, Over):
            return
        try:
            watch.world.journal.verify()
        except ChainBroken as error:
            yield str(error)
        for record in all_payments(watch.world.journal):
            paid = watch.ledger.payments.get(record.id)
            if paid is None:
                yield f"payment {record.id} is in no event"
                continue
            told = (paid.state, paid.stan, paid.amount_minor, paid.kind)
            if told != (record.state, record.stan or "", record.amount.amount_minor, record.kind):
                yield f"payment {record.id}: its events come to {told}"


ENDINGS = (Books, ApprovalsEnd, Liveness, Accounts, Wallets, JournalFolds)
