"""Checkers that look once, when everything is over: all books beside each other, liveness, the journal itself, secrets.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from keys.testkeys import TEST_TMK
from sim.acquirer.book import EntryState
from sim.acquirer.compare import books_agree
from sim.books import all_payments, payment_rows, unanswered, untold
from sim.canary import digits, found, needles, packed
from sim.card import PROFILES
from sim.people import ORDERED
from sim.swarm.watch import Durable, Happening, Logged, Over, Printed, Sent, Watch
from sim.world import MERCHANT_NO, PHONE_BALANCE_MINOR, TERMINAL_NO
from terminal.hostlink.messages import keys_ready, master_key
from terminal.hostlink.subfields import OrderState
from terminal.hostlink.transactions import TRANSACTIONS, Card, Effect, Silence
from terminal.journal import ChainBroken, PaymentRecord
from terminal.journal.events import canonical
from terminal.model import Method, PaymentState, mask_pan

LIVENESS_MS = 30 * 60_000  # After the last fault nothing may be pending longer than this.
CHIP = "05"  # F22: the number came from a chip.
_SIGN = {Effect.DEBIT: 1, Effect.CREDIT: -1, Effect.NONE: 0}


class Books:
    """1, 2, 5. The terminal's book beside the host's, row by row."""

    name = "books-agree"
    hears = (Over,)

    def event(self, happening: Happening, watch: Watch) -> Iterator[str]:
        if isinstance(happening, Over):
            payments, lost = all_payments(watch.world.journal), untold(watch.world.journal)
            yield from books_agree(watch.world.acquirer.book, payment_rows(payments, lost))


class ApprovalsEnd:
    """2. Every approval of the host is settled or was reversed; nothing stands in a batch that never closes."""

    name = "approvals-end"
    hears = (Over,)

    def event(self, happening: Happening, watch: Watch) -> Iterator[str]:
        if not isinstance(happening, Over):
            return
        for batch in watch.world.acquirer.book.all_batches():
            standing = [
                entry.stan
                for entry in batch.entries.values()
                if entry.state is EntryState.APPROVED and TRANSACTIONS[entry.kind].effect is not Effect.NONE
            ]
            paid = [order.order_no for order in batch.orders.values() if order.state is OrderState.PAID]
            if batch.settlement is None and (standing or paid):
                yield f"batch {batch.batch_no} is not settled and holds {standing + paid}"


class Liveness:
    """12. Once the faults have stopped nothing stays pending for longer than half an hour."""

    name = "liveness"
    hears = (Over,)

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
    hears = (Over,)

    def event(self, happening: Happening, watch: Watch) -> Iterator[str]:
        if not isinstance(happening, Over):
            return
        world = watch.world
        accounts = world.acquirer.registry.accounts.values()
        left_minor = world.bank.money_before_minor - sum(account.balance_minor for account in accounts)
        charged_minor, lost = 0, untold(world.journal)
        for payment in all_payments(world.journal):
            row = TRANSACTIONS[payment.kind]
            if payment.method.value != "card" or row.account:
                continue
            if unanswered(payment) or payment.id in lost:
                charged_minor += self._booked_minor(watch, payment)
                continue
            if payment.state in (PaymentState.COMPLETED, PaymentState.VOIDED, PaymentState.SETTLED):
                charged_minor += _SIGN[row.effect] * payment.amount.amount_minor
        if left_minor != charged_minor:
            yield f"{left_minor} left the accounts, the terminal charged {charged_minor}"

    @staticmethod
    def _booked_minor(watch: Watch, payment: PaymentRecord) -> int:
        """What the host's book says of a refund that nobody answered, or of a refused advice."""
        terminal, batch_no = (MERCHANT_NO, TERMINAL_NO), str(payment.facts.get("batch_no", ""))
        batch = watch.world.acquirer.book.batch(terminal, batch_no)
        entry = batch.entries.get(payment.stan) if batch and payment.stan else None
        return _SIGN[TRANSACTIONS[entry.kind].effect] * entry.amount_minor if entry and entry.standing else 0


class Wallets:
    """The wallets: what left them is what the terminal's paid orders come to, without what went back."""

    name = "wallets-agree"
    hears = (Over,)

    def event(self, happening: Happening, watch: Watch) -> Iterator[str]:
        if not isinstance(happening, Over):
            return
        wallets = watch.world.bank.phone.wallets
        left_minor = PHONE_BALANCE_MINOR * len(wallets) - watch.world.wallets_minor()
        done = (PaymentState.COMPLETED, PaymentState.VOIDED, PaymentState.SETTLED)
        through = (p for p in watch.ledger.payments.values() if p.order_no or p.method is Method.QR_STATIC)
        orders = (p for p in through if p.state in done)
        charged_minor = sum(_SIGN[TRANSACTIONS[p.kind].effect] * p.amount_minor for p in orders)
        if left_minor != charged_minor:
            yield f"{left_minor} left the wallets, the terminal charged {charged_minor}"


class JournalFolds:
    """The journal: its chain holds, and what its tables say is what its events come to."""

    name = "journal-folds"
    hears = (Over,)

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


class Canary:
    """9. No card number, track or key is in the journal, on paper or in the log."""

    name = "no-secret-outside"
    hears = (Durable, Printed, Logged, Over)

    def __init__(self) -> None:
        self._said: list[str] = []

    def event(self, happening: Happening, watch: Watch) -> Iterator[str]:
        if isinstance(happening, Durable):
            self._said.append(canonical(dict(happening.event.body)))
        elif isinstance(happening, Printed | Logged):
            self._said.append(happening.text)
        elif isinstance(happening, Over):
            everything = "\n".join(self._said).encode()
            for name in (*watch.world.cards, ORDERED.name):
                yield from found(_secrets_of(name), f"journal, paper or log ({name})", everything)


@cache
def _secrets_of(name: str) -> dict[str, set[bytes]]:
    """What must be nowhere, of one card; and the terminal's master key. Made once a process: it never changes."""
    applications = PROFILES[name].applications
    tracks = [f"{app.pan}D{app.expiry[:4]}{app.service_code}" for app in applications]
    return needles(
        {
            "PAN": [form for app in applications for form in digits(app.pan)],
            "track": [form for track in tracks for form in (track.encode(), packed(track))],
            "TMK": [bytes(TEST_TMK)],
        }
    )


class Cards:
    """The cards' own logs: what the terminal completed online by chip, the card has agreed to."""

    name = "cards-agree"
    hears = (Durable,)

    def event(self, happening: Happening, watch: Watch) -> Iterator[str]:
        if not isinstance(happening, Durable) or happening.was is not PaymentState.APPROVED:
            return
        paid = happening.paid
        if paid is None or paid.state is not PaymentState.COMPLETED or paid.method is not Method.CARD:
            return
        row, entry_mode = TRANSACTIONS[paid.kind], str(paid.facts.get("entry_mode", ""))
        if row.card is not Card.FULL or row.silence is Silence.NOTHING or entry_mode[:2] != CHIP:
            return
        card = next(
            (c for c in watch.world.cards.values() if mask_pan(c.profile.pan) == paid.facts.get("masked_pan")), None
        )
        if card is None or card.profile.quirks or "asked_minor" in paid.facts:
            return
        logged = [int(record[6:12].hex()) for record in card.memory.log]
        if card.profile.applications[0].log_records and paid.amount_minor not in logged:
            yield f"payment {paid.id} is completed, and its card has not agreed"


class KeysDie:
    """10. Once the case was opened no key is left and nothing leaves, until a supervisor has brought a key."""

    name = "keys-die-with-the-case"
    hears = (Sent, Durable, Over)

    def __init__(self) -> None:
        self._opened = False

    def event(self, happening: Happening, watch: Watch) -> Iterator[str]:
        if isinstance(happening, Durable) and happening.event.kind == "mode":
            self._opened = happening.event.body["to"] == "locked"
            shop = watch.world.shop
            left = keys_ready(shop.keys, shop.profile) or shop.keys.has(master_key(shop.profile))
            if self._opened and left:
                yield "the case was opened, and there are keys"
        elif isinstance(happening, Sent) and self._opened:
            yield f"a locked terminal sends {happening.message.mti}"
        elif isinstance(happening, Over) and watch.case_opened and not self._opened:
            yield "the case was opened, and the terminal is not locked"


ENDINGS = (Books, ApprovalsEnd, Liveness, Accounts, Wallets, JournalFolds, Canary, Cards, KeysDie)
