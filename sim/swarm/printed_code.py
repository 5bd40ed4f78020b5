"""The shop's printed code, in the worlds where it hangs at the till: who pays to it, when, and how much.

The host announces what was paid only when it is asked, so money may be there before anybody has typed its amount, after
it was given up, or with nobody waiting for it at all.
"""

from __future__ import annotations

from dataclasses import replace

from sim.acquirer.faults import Fault, FaultKind
from sim.acquirer.wallets import PayResult
from sim.people import Intent
from sim.swarm.ledger import Ledger
from sim.swarm.world import SwarmWorld
from sim.world import MERCHANT_NO, TERMINAL_NO
from terminal.methods.static_code import IN_USE, RECEIPT_NO, payload
from terminal.model import Method
from terminal.screens.qr import qr_fits

HANGS = "printed-code"  # The fault of that name: in such a world the code hangs at the till.
# How a customer pays: by something else; before the code; when it was given up; before the amount is typed; another
# amount; not at all; by something else, and somebody passes by and pays to the code.
HOW = ("", "", "", "", "at-once", "at-once", "late", "before", "another", "never", "unasked")
TYPED = ("at-once", "late", "before", "another", "never")  # The cashier has typed the amount, and waits.
WALKS_IN = 8  # One customer in so many, after whom somebody sees to the code.
TOLD_AGAIN_IN = 6  # Customers.
WALLETS = ("wechat", "alipay")


class PrintedCode:
    """What is paid to it in one life of the terminal. `how` is the way of who is at the counter now."""

    def __init__(self, world: SwarmWorld, *, hangs: bool) -> None:
        self._world = world
        self._hangs = hangs and bool(world.shop.profile.qr_static_account)
        self._number = 0
        self._paid = False
        self._asked = 0
        self.how = ""

    def comes(self, number: int, intent: Intent, ledger: Ledger) -> Intent:
        """The next customer, and how he pays now; who pays before anybody has typed something does it here."""
        self._number, self._paid = number, False
        if not self._hangs:
            return intent
        self.how = self._world.draws.choice(number, "printed code", HOW)
        if not self._world.draws.number(number, "printed code told again", TOLD_AGAIN_IN):
            self._world.acquirer.faults.add(Fault(FaultKind.TOLD_AGAIN))
        if self.how in ("before", "unasked"):
            self._pay(intent.amount_minor, ledger)
        return replace(intent, method=Method.QR_STATIC) if self.how in TYPED else intent

    def walks(self, number: int) -> list[str]:
        """What somebody does at the menu of the code after this customer."""
        draws, display = self._world.draws, self._world.display
        if not self._hangs or draws.number(number, "walks to the code", WALKS_IN):
            return []
        shows = qr_fits(payload(self._world.shop), display.width, display.height) > 0
        return [draws.choice(number, "walk to the code", ("prints-code", "receipts", "shows-code")[: 2 + shows])]

    def keys_at(self, screen: str, amount_minor: int, ledger: Ledger) -> str:
        """What the cashier presses there; what the customer pays is paid before."""
        if not self._hangs:
            return ""
        if screen == "not_received":
            self._asked += 1
            if self.how == "late":
                self._pay(amount_minor, ledger)
            return "ENTER" if self._asked % 2 else "CANCEL"
        if screen == "give_up_order":
            gives_up = not self.how or self._world.draws.number(self._number, "printed code given up", 2)
            return "ENTER" if gives_up else "CANCEL"
        if self.how in ("at-once", "another") and not self._paid:
            self._pay(amount_minor, ledger)
            return ""
        return "CANCEL" if self.how in ("late", "another", "never") else ""

    def _pay(self, amount_minor: int, ledger: Ledger) -> None:
        """Once a customer, and only to a code that somebody may have seen; another amount is a cent more."""
        if self._paid or not ledger.settings.get(IN_USE):
            return
        self._paid = True
        world = self._world
        wallet = world.phone(world.draws.choice(self._number, "printed code wallet", WALLETS))
        amount_minor += self.how == "another"
        paid = wallet.phone.pay_printed(payload(world.shop), amount_minor, world.world_ms(), wallet=wallet.wallet.kind)
        if paid is not PayResult.PAID:
            raise LookupError(f"a wallet does not pay to the shop's own code: {paid.value}")

    def is_untold(self, ledger: Ledger) -> bool:
        """Whether the host still holds what the terminal has not heard of."""
        known = {paid.facts.get(RECEIPT_NO) for paid in ledger.payments.values()}
        receipts = self._world.acquirer.book.receipts_of((MERCHANT_NO, TERMINAL_NO))
        return any(number not in known and not receipt.taken for number, receipt in receipts.items())
