"""A merchant and a customer who react to what the terminal shows, each transaction by an intent drawn from the seed.

They follow no script: whatever screen comes, somebody does what a person would do, so a day goes on through every
fault. Only the way into a void, a refund or a pre-authorisation is a list of screens and keys (an errand), and it too
ends where something else comes up. Draws are keyed by (seed, transaction, site): leaving out one transaction moves no
other.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sim.card import PROFILES
from sim.story import KEY_MS, parse_story, press, to_transaction
from terminal.loop import Sleep
from terminal.methods.card_ending import DIFFERS, SIGNATURE
from terminal.model import Kind, Method, PaymentState

if TYPE_CHECKING:
    from sim.world import World
    from terminal.journal import PaymentRecord

PASSWORD = "1234"
LOCKABLE = "unionpay-credit-pin"  # The third wrong PIN is for good, and each card stands for many customers.
GAP_MS = (20_000, 100_000)
SETTLEMENT_KEY = "4"  # 结算 is the fourth row of the menu.
# What customers pay with: (weight, method, card or wallet). The rich card has a balance for a whole day.
TENDERS = (
    (45, Method.CARD, "rich"),
    (8, Method.CARD, "unionpay-credit-pin"),
    (8, Method.CARD, "signature"),
    (5, Method.CARD, "no-cvm"),
    (3, Method.CARD, "poor"),
    (2, Method.CARD, "declines-after-approval"),
    (1, Method.CARD, "garbage-tlv"),
    (1, Method.CARD, "expired"),
    (3, Method.CARD, "stripe-debit"),
    (10, Method.QR_SHOWN, "wechat"),
    (7, Method.QR_SCANNED, "alipay"),
    (10, Method.CASH, ""),
)


# What may follow a card sale of this customer, or come in its place: (weight, words). Each word is an errand, below.
ERRANDS = (
    (80, ()),
    (7, ("void",)),
    (4, ("refund",)),
    (4, ("auth", "completion")),
    (2, ("auth", "auth-void")),
    (3, ("balance",)),
    (3, ("tip",)),
    (2, ("auth", "completion-notice")),
    (2, ("instalment",)),
    (2, ("moto-sale", "void")),
)
ORDERED = PROFILES["rich"]  # The card of whoever orders by telephone.
AGREED = (("enter_number", "ENTER"), ("operator_password", f"{PASSWORD} ENTER"))
TOLD_BY_TELEPHONE = (("menu", "1"), ("enter_number", "246810 ENTER"), ("enter_number", "ENTER"))  # No institution.
VOID_REFUNDED = "void-refunded"  # The errand: the void of the sale that the last refund was of.
ORDERS = (Method.QR_SHOWN, Method.QR_SCANNED)
# What is done about something that went before, and what that must have been.
VOIDABLE = (
    Kind.SALE,
    Kind.MOTO_SALE,
    Kind.COMPLETION,
    Kind.MOTO_COMPLETION,
    Kind.INSTALMENT,
    Kind.POINTS,
    Kind.REPAYMENT,
)
ABOUT = {
    "void": VOIDABLE,
    "refund": (Kind.SALE,),
    "tip": (Kind.SALE,),
    "points-refund": (Kind.POINTS,),
    "moto-refund": (Kind.MOTO_SALE,),
    "moto-completion": (Kind.MOTO_AUTH,),
    "moto-auth-void": (Kind.MOTO_AUTH,),
    "completion": (Kind.AUTH,),
    "completion-notice": (Kind.AUTH,),
    "auth-void": (Kind.AUTH,),
}
Steps = tuple[tuple[str, str], ...]  # Screens to wait for, and the keys pressed there.
INTERRUPTIONS = ("refused", "reversal_pending", "problem")  # What may come up in the middle of an errand.


@dataclass(frozen=True, slots=True)
class Intent:
    """What one customer is about to do. `wrong_pins` come before the right one; `pulls_early` tears the card."""

    amount_minor: int
    method: Method
    means: str
    wrong_pins: int = 0
    cancels_pin: bool = False
    walks_away: bool = False  # A QR order that nobody pays.
    errands: tuple[str, ...] = ()


def draw_intent(seed: int | str, transaction: int) -> Intent:
    source = random.Random(f"{seed}/{transaction}/intent")
    _, method, means = source.choices(TENDERS, weights=[row[0] for row in TENDERS])[0]
    _, errands = random.Random(f"{seed}/{transaction}/errands").choices(ERRANDS, [row[0] for row in ERRANDS])[0]
    return Intent(
        amount_minor=source.choice((100, 990, 1280, 2500, 12850, 99900)) + source.randrange(0, 100),
        method=method,
        means=means,
        wrong_pins=source.choices((0, 1, 3 if means == LOCKABLE else 1), weights=(94, 5, 1))[0],
        cancels_pin=source.random() < 0.02,
        walks_away=source.random() < 0.05,
        errands=errands if method is Method.CARD and not PROFILES[means].mute else (),
    )


def draw_gap_ms(seed: int | str, transaction: int) -> int:
    """How long after the last customer this one comes: a shop that is busy, and takes fewer than 120 PINs an hour."""
    return random.Random(f"{seed}/{transaction}/gap").randrange(*GAP_MS)


def _named(payment: PaymentRecord, fact: str) -> Steps:
    """The number off its slip; the date stands there already."""
    return (("enter_number", f"{payment.facts[fact]} ENTER"), ("enter_number", "ENTER"))


class People:
    """Everybody at the counter for `transactions` sales, with a settlement after each `settle_every` and at the end."""

    def __init__(
        self,
        world: World,
        seed: int | str,
        transactions: int,
        settle_every: int,
        on_sale: Callable[[int], None],
        draw: Callable[[int | str, int], Intent] = draw_intent,
    ) -> None:
        self._world = world
        self._seed = seed
        self._transactions = transactions
        self._settle_every = settle_every
        self._on_sale = on_sale
        self._draw = draw
        self._settled_at = 0
        self._done = 0
        self._intent = draw(seed, 0)
        self._pins_tried = 0
        self._paid = False
        self._errands: list[str] = []

    async def live(self) -> None:
        """React until every sale is done and the batch is settled."""
        name = ""
        while True:
            before, name = name, await self._world.eyes.see_any()
            if before == name == "idle":
                continue  # Its clock went on, nothing else.
            if name == "settled":
                await self._press("ENTER")
                self._settled_at = self._done
                if self._done == self._transactions:
                    return
            reaction = self._REACTIONS.get(name)
            if reaction is not None:
                await reaction(self)

    async def _press(self, words: str) -> None:
        """Keys by their names, and digits, one after the other."""
        for word in words.split():
            await press(self._world, word)

    async def _idle(self) -> None:
        world = self._world
        world.remove()
        if world.shop.mode.value != "signed-in":
            await self._press("ENTER")
        elif (steps := self._next_errand()) is not None:
            await self._run(steps)
        elif self._done == self._transactions or self._done - self._settled_at >= self._settle_every:
            await self._press("DOWN")
        else:
            await Sleep(draw_gap_ms(self._seed, self._done))
            world.eyes.look_again()
            self._intent = self._draw(self._seed, self._done)
            self._pins_tried, self._paid, self._errands = 0, False, list(self._intent.errands)
            self._done += 1
            self._on_sale(self._done)
            await self._press(f"{self._intent.amount_minor} ENTER")

    def _next_errand(self) -> Steps | None:
        """The way into what this customer wants next; what is not possible any more is forgotten."""
        while self._errands:
            name = self._errands.pop(0)
            offered = self._world.shop.config.transactions.offered
            last = self._world.journal.transact(lambda tx: tx.payments(limit=1))[0]
            if name == VOID_REFUNDED:
                name, last = "void", self._undone(last)
            steps = self._steps(name, last)
            if steps is not None and name in offered:
                # The first line is the idle screen, which is before our eyes.
                way = parse_story(to_transaction(name, offered))[1:]
                return (*((line.screen, " ".join(line.actions)) for line in way), *steps)
        return None

    async def _run(self, steps: Steps) -> None:
        """Key in what it takes to begin; the card and the answer are then met like those of a sale."""
        await self._press("DOWN")
        for screen, keys in steps:
            if await self._world.eyes.see(screen, *INTERRUPTIONS) != screen:
                return await self._ok()
            await self._press(keys)
        return None

    def _steps(self, name: str, last: PaymentRecord) -> Steps | None:
        """From the item to the card; None where the last payment is not what it is about."""
        if name == "signature":  # The number is not asked for: it is the last that was signed for, or what is left.
            left = self._world.journal.transact(lambda tx: tx.with_fact(SIGNATURE, DIFFERS))
            signed = last.state is PaymentState.COMPLETED and last.facts.get("signed")
            return () if signed or any(p.state is PaymentState.COMPLETED for p in left) else None
        if name.startswith("order-") or name == "void" and last.method in ORDERS:
            return self._with_order(name, last)
        done = (last.method, last.state) == (Method.CARD, PaymentState.COMPLETED)
        if name in ABOUT and not (done and last.kind in ABOUT[name]):
            return None
        amount_minor = last.amount.amount_minor
        due = (("enter_amount", f"{self._intent.amount_minor} ENTER"),)
        month_year = ORDERED.applications[0].expiry[2:4] + ORDERED.applications[0].expiry[:2]
        typed = (("type_card_number", f"{ORDERED.pan} ENTER"), ("enter_number", f"{month_year} ENTER"))
        match name:
            case "auth" | "points" | "repayment":
                return due
            case "balance":
                return ()
            case "instalment":
                return (*due, ("choose_terms", "2"))
            case "offline-settlement":
                return (*AGREED, *due, *TOLD_BY_TELEPHONE)
            case "moto-sale" | "moto-auth":
                return (*AGREED, *due, *typed, ("type_cvv2", "123 ENTER"))
            case "tip":
                tenth = f"{amount_minor // 10 or 1} ENTER"
                return (("enter_number", f"{int(str(last.stan))} ENTER"), ("original", "ENTER"), ("enter_tip", tenth))
            case "void":
                return (("enter_number", f"{int(str(last.stan))} ENTER"), ("original", "ENTER"), *AGREED)
            case "refund" | "points-refund" | "moto-refund":
                part = (("enter_amount", f"{amount_minor // 2 or 1} ENTER"),)
                return (*AGREED, *_named(last, "rrn"), *part, *(typed if name == "moto-refund" else ()))
            case "moto-completion" | "moto-auth-void":
                part_minor = amount_minor * 9 // 10 or 1 if name == "moto-completion" else amount_minor
                return (*AGREED, *_named(last, "auth_code"), ("enter_amount", f"{part_minor} ENTER"), *typed)
            case "completion" | "completion-notice":
                return (*_named(last, "auth_code"), ("enter_amount", f"{amount_minor * 9 // 10 or 1} ENTER"))
        return (*AGREED, *_named(last, "auth_code"), ("enter_amount", f"{amount_minor} ENTER"))

    def _undone(self, last: PaymentRecord) -> PaymentRecord:
        """What it takes back or gives back; itself where it does neither."""
        if "undoes" not in last.facts:
            return last
        original = int(last.facts["undoes"])
        return self._world.journal.transact(lambda tx: tx.payment(original))

    def _with_order(self, name: str, last: PaymentRecord) -> Steps | None:
        """By the voucher number of the last order, or of the one that the last refund was of."""
        last = self._undone(last)
        if last.method not in ORDERS or last.state is not PaymentState.COMPLETED:
            return None
        found = (("enter_number", f"{int(str(last.stan))} ENTER"), ("order_found", "ENTER"))
        part = (("enter_amount", f"{last.amount.amount_minor // 2 or 1} ENTER"),) if name == "order-refund" else ()
        return found if name == "order-query" else (*found, *part, *AGREED)

    async def _menu(self) -> None:
        await self._press(SETTLEMENT_KEY)

    async def _choose_method(self) -> None:
        await self._press(str(tuple(Method).index(self._intent.method) + 1))

    async def _insert_card(self) -> None:
        await Sleep(KEY_MS)
        if PROFILES[self._intent.means].mute:
            self._world.swipe(self._intent.means)
        else:
            self._world.insert(self._intent.means)

    async def _enter_pin(self) -> None:
        """Only at the first look: the screen comes again with each digit and each second."""
        if self._world.typed_digits() or self._world.keys_waiting():
            return
        if self._intent.cancels_pin:
            await self._press("CANCEL")
            return
        right = PROFILES[self._intent.means].pin
        wrong = self._pins_tried < self._intent.wrong_pins
        self._pins_tried += 1
        await self._press(f"{'9999' if wrong else right} ENTER")

    async def _show_qr(self) -> None:
        if not self._paid and not self._intent.walks_away:
            self._paid = True
            await Sleep(2_000)
            self._world.phone(self._intent.means).scan_display()

    async def _scan_code(self) -> None:
        if not self._paid:
            self._paid = True
            await Sleep(1_000)
            self._world.scan(self._world.phone(self._intent.means).show_code())

    async def _wallet_paying(self) -> None:
        self._world.phone(self._intent.means).confirm()

    async def _remove_card(self) -> None:
        await Sleep(KEY_MS)
        self._world.remove()

    async def _ok(self) -> None:
        await self._press("ENTER")

    async def _leave(self) -> None:
        await self._press("CANCEL")

    async def _card_problem(self) -> None:
        await Sleep(KEY_MS)
        self._world.remove()
        await self._press("CANCEL")

    async def _password(self) -> None:
        if not self._world.typed_digits() and not self._world.keys_waiting():
            await self._press(f"{PASSWORD} ENTER")

    _REACTIONS: dict[str, Callable[[People], Coroutine[Any, Any, None]]] = {
        "choose_language": _ok,
        "enter_number": _ok,
        "operator_password": _password,
        "confirm_test_keys": _ok,
        "idle": _idle,
        "menu": _menu,
        "choose_method": _choose_method,
        "insert_card": _insert_card,
        "choose_application": _ok,
        "enter_pin": _enter_pin,
        "cash_tendered": _ok,
        "cash_change": _ok,
        "show_qr": _show_qr,
        "scan_code": _scan_code,
        "wallet_paying": _wallet_paying,
        "remove_card": _remove_card,
        "keep_card": _remove_card,
        "card_problem": _card_problem,
        "try_pin_again": _ok,
        "declined": _ok,
        "balance": _ok,
        "outcome_unknown": _ok,
        "compare_signature": _ok,
        "original": _ok,
        "cancelled": _ok,
        "reversal_pending": _ok,
        "reversal_done": _ok,
        "nothing_sent": _ok,
        "not_answered": _ok,
        "order_closed": _ok,
        "order_found": _ok,
        "refund_open": _ok,
        "qr_unknown": _ok,
        "sign_in_failed": _ok,
        "refused": _ok,
        "problem": _ok,
        "bad_code": _leave,
        "confirm_settlement": _ok,
    }
