"""The people of the swarm: those of the ordinary day, with mischief at their screens, and a patient end.

Whatever comes up on the screen, somebody does what a person would do; what nobody knows is left with CANCEL after a
while. When all customers have gone the faults stop, and the merchant sees to it that everything is cleared and settled.
"""

from __future__ import annotations

from collections import Counter as TallyOf
from collections.abc import Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from drivers.ports import Key, Paper
from sim.card import PROFILES
from sim.killed.errands import MENU_QUERY, MENU_REPRINT, MENU_SETTLEMENT, QUERY_TRIES
from sim.people import GAP_MS, Intent, People, Steps, draw_intent
from sim.story import KEY_MS, StoryError, keys_of
from sim.swarm.case import Case
from sim.swarm.closings import signed_last
from sim.swarm.draws import WORLD, Draws
from sim.swarm.inject import SLOW_BEHIND, SLOW_MS, Mischief, intent_with, put_in
from sim.swarm.notices import QUIET_HOUR
from sim.swarm.permitted import Permitted, befalling
from sim.swarm.printed_code import HANGS, PrintedCode
from sim.swarm.walks import steps_of
from sim.swarm.watch import Disowned, Over, Watch
from sim.swarm.world import SwarmWorld
from sim.twins.link import Trip
from terminal.loop import Sleep
from terminal.model import Method, Mode, PaymentState

REPRINTS_LIMIT = 5  # A key may get lost among others; a slip that does not come out again is none.
BORED_MS = 45_000  # Nothing new on the screen for so long, and somebody presses a key.
QUIET_MS = 60 * 60_000
SAME_LIMIT = 150  # The same screen again so often (a countdown shows once a second), and somebody cancels.
SEES_MS = 50  # Until what a key does is on the glass and seen; more than a pass of the display takes.
READS_MS = 1_000  # Whoever has agreed to something looks whether the terminal goes on.
IDLE_TICKS = 4  # Of the idle screen's clock, until somebody thinks that it is his turn.
SCREENS_LIMIT = 3_000  # Of one transaction, or of the end; a long wait is one a second.
PATIENCE_MS = 45 * 60_000  # At the end; half as long again as the terminal may take.
NEW_ROLL = 3  # One in so many times that the idle screen says so, somebody puts another roll in.
GOES_HOME = 4  # One in so many times that a reversal waits, whoever is about to ask the host signs out instead.
COMES_AGAIN = 7  # Customers in 10.
NOT_SOLD = (PaymentState.ABANDONED, PaymentState.REVERSED, PaymentState.REVERSING)
MENU_SIGN_IN = "6"
TEST_KEY, TEST_KEY_DUKPT = "3", "1"  # Among the locked terminal's ways to a key.
ODD_KEYS = ((Key.ENTER, Key.CANCEL), (Key.D1, Key.D2), (Key.CLEAR, Key.ENTER), (Key.UP, Key.DOWN))


@dataclass(slots=True)
class Company:
    """What the people know of their day, whatever became of the terminal meanwhile."""

    case: Case
    rows: Mapping[str, Permitted]
    watch: Watch
    left: Iterator[int] = field(init=False)
    mischief: Mischief = field(default_factory=Mischief)
    befell: TallyOf[str] = field(default_factory=TallyOf)  # Faults, by name.
    since_settled: int = 0
    calm_since_ms: int = -1  # When the faults stopped, by the right clock.
    served: Intent | None = None  # Who was at the counter when the terminal died.
    restarts: int = 0  # Of the terminal, since this transaction began.
    reprints: int = 0  # How often somebody has asked for the last slip again.

    def __post_init__(self) -> None:
        self.left = self.case.numbers()

    def world_has(self, name: str, draws: Draws) -> bool:
        """Whether that fault befalls the whole world."""
        return any(row.name == name and self.case.permits(WORLD, name) for row in befalling(self.rows, draws, WORLD))


class Crowd(People):
    """Everybody at the counter during one life of the terminal."""

    def __init__(self, world: SwarmWorld, company: Company, *, restarted: bool = False) -> None:
        super().__init__(world, company.case.seed, company.case.transactions, 0, lambda sale: None)
        self._place = world
        self._company = company
        self._interrupted = company.served if restarted else None
        self._watch = company.watch
        self._mischief = company.mischief if company.calm_since_ms < 0 and not restarted else Mischief()
        self._code = PrintedCode(world, hangs=company.world_has(HANGS, world.draws))
        self._row = MENU_SETTLEMENT
        self._done_for = False
        self._asks_about_reversals = False
        self._queries = 0
        self._screens = 0

    async def live(self) -> None:
        """React until everything is done, or patience is at its end."""
        name, same = "", 0
        while not self._watch.findings:
            before, name = name, await self._place.eyes.see_within(BORED_MS)
            same = same + 1 if name == before else 0
            self._screens += 1
            if self._screens > SCREENS_LIMIT:
                self._watch.found("goes-on", f"{SCREENS_LIMIT} screens and no end: {before}, {name}")
            elif name == "" or same > SAME_LIMIT:
                same = 0
                await self._bored()
            elif name != self._showing() or before == name == "idle" and same % IDLE_TICKS:
                continue  # It has gone already; or its clock went on, nothing else.
            elif await self._mischief_at(name):
                continue
            elif (react := HANDLERS.get(name) or self._REACTIONS.get(name)) is not None:
                await react(self)
            if self._done_for or self._calm_for_ms() > PATIENCE_MS:
                break
        self._watch.sync()
        if not self._watch.findings:
            self._watch.tell(Over(self._calm_for_ms()))

    def _showing(self) -> str:
        picture = self._place.display.picture
        return picture.name if picture else ""

    def _calm_for_ms(self) -> int:
        since_ms = self._company.calm_since_ms
        return self._place.clock.true_ms() - since_ms if since_ms >= 0 else 0

    async def _bored(self) -> None:
        self._place.remove()
        await self._press("CANCEL")

    # Mischief

    async def _mischief_at(self, name: str) -> bool:
        """What goes wrong at this screen; True when nobody does what the screen asks for."""
        mischief, place = self._mischief, self._place
        if name == mischief.impatient_at:
            mischief.impatient_at = ""
            await self._press("ENTER")
        if name == mischief.two_keys_at:
            mischief.two_keys_at = ""
            for key in place.draws.choice(self._watch.transaction, "keys", ODD_KEYS):
                place.press(key)
        if name == mischief.pull_at:
            mischief.pull_at = ""
            await Sleep(place.draws.between(self._watch.transaction, "pulls after", 0, 1_500))
            place.remove()
            return name == "enter_pin"
        if name == mischief.cancel_at:
            mischief.cancel_at = ""
            await self._press("CANCEL")
            return True
        if name == mischief.leaves_at:
            mischief.leaves_at = ""
            await Sleep(place.draws.between(self._watch.transaction, "comes back after", 20_000, 150_000))
            return True
        return False

    # The day

    async def _idle(self) -> None:
        place, ledger = self._place, self._watch.ledger
        place.remove()
        if self._company.calm_since_ms >= 0:
            await self._closing()
        elif self._mischief.walks:  # In any mode.
            await self._walk(self._mischief.walks.pop(0))
        elif place.shop.mode.value != "signed-in":
            if not self._leaves_it_behind():
                await self._press("ENTER")
        elif self._mischief.settles or self._company.since_settled >= place.drawn.settle_every:
            self._mischief.settles, self._company.since_settled = False, 0
            await self._choose(MENU_SETTLEMENT)
        elif self._mischief.signs_in:
            self._mischief.signs_in = False
            await self._choose(MENU_SIGN_IN)
        elif ledger.payments and (steps := self._next_errand()) is not None:
            await self._go(steps)
        elif self._asks_about_reversals and any(p.state is PaymentState.REVERSING for p in ledger.open.values()):
            self._asks_about_reversals = False
            if place.draws.number(self._watch.transaction, "goes home over a reversal", GOES_HOME) == 0:
                await self._walk("signs-out")  # Refused: its MAC needs these keys.
            else:
                await self._choose(MENU_QUERY)
        elif self._comes_again():
            await self._come(self._watch.transaction)
        else:
            await self._next_customer()

    def _leaves_it_behind(self) -> bool:
        """Whether the merchant lets a settlement go on behind the idle screen; sooner or later he wants to see it."""
        place = self._place
        waits = place.draws.number(self._watch.transaction, f"waits behind {self._screens}", 4) > 0
        return place.drawn.settled_behind and place.shop.mode.value == "settling" and waits

    async def _go(self, steps: Steps) -> None:
        """Key in what an errand takes; who does not see what he expects gives it up."""
        try:
            await self._run(steps)
        except StoryError:
            await self._bored()

    async def _walk(self, name: str) -> None:
        self._row, patient = "CANCEL", self._company.calm_since_ms >= 0  # At another menu somebody turns back.
        await self._go(steps_of(name, self._place.draws, self._watch.transaction, patient=patient))

    def _comes_again(self) -> bool:
        """Whether the customer whom a power cut has interrupted tries again: nothing was sold, and he is patient."""
        served, self._interrupted = self._interrupted, None
        if served is None:
            return False
        number = self._watch.transaction
        self._intent = replace(served, errands=())
        mine = [paid for paid in self._watch.ledger.payments.values() if paid.transaction == number]
        patient = self._place.draws.number(number, f"comes again {self._company.restarts}", 10) < COMES_AGAIN
        return patient and all(paid.state in NOT_SOLD for paid in mine)

    async def _next_customer(self) -> None:
        company, place = self._company, self._place
        number = next(company.left, None)
        if number is None:
            self._stop_faults()
            await self._closing()
            return
        rows = befalling(company.rows, place.draws, number)
        befall = tuple(row for row in rows if company.case.permits(number, row.name))
        names = tuple(row.name for row in befall)
        if SLOW_BEHIND in names:
            place.storm.between = Trip(delay_reply_ms=place.draws.between(number, SLOW_BEHIND, *SLOW_MS))
        await Sleep(place.draws.between(number, "gap", *GAP_MS) + QUIET_MS * (QUIET_HOUR in names))
        place.eyes.look_again()
        self._watch.begin(number, names)
        company.restarts = 0
        place.begin(number)
        company.befell.update(names)
        if place.shop.paper_low and place.draws.number(number, "new roll", NEW_ROLL) == 0:
            place.set_paper(Paper.OK)
        company.mischief = self._mischief = put_in(place, number, befall)
        for after_ms, mend in self._mischief.mend:
            place.loop.at(place.loop.clock_ms() + after_ms, mend)
        if self._mischief.dies_after_ms >= 0:
            killed = self._mischief.killed
            place.loop.at(place.loop.clock_ms() + self._mischief.dies_after_ms, lambda: place.die(killed))
        if self._mischief.opened_after_ms >= 0:
            place.loop.at(place.loop.clock_ms() + self._mischief.opened_after_ms, self._open_case)
        self._intent = intent_with(draw_intent(self._seed, number), place.draws, number, befall)
        self._mischief.walks += self._code.walks(number)
        company.since_settled += 1
        await self._come(number)

    async def _come(self, number: int) -> None:
        """This customer's payment begins."""
        self._company.served = self._intent
        self._pins_tried, self._paid, self._errands = 0, False, list(self._intent.errands)
        self._screens = 0
        self._intent = self._code.comes(number, self._intent, self._watch.ledger)
        self._asks_about_reversals = True
        await self._press(f"{self._intent.amount_minor} ENTER")

    def _open_case(self) -> None:
        """A look inside; then the lid is on again."""
        self._place.remove()
        self._place.tamper.open_case()
        self._place.tamper.shut()

    def _stop_faults(self) -> None:
        place = self._place
        number = self._company.case.transactions
        self._watch.begin(number, ())
        self._company.restarts = 0
        place.begin(number)
        self._mischief = Mischief()
        self._code.how = ""
        place.set_paper(Paper.OK)
        place.link.plug_in(0)
        place.scanner.broken = False
        place.reader.plug()
        place.display.break_off("")
        place.clock.wrong_ms = 0
        self._errands = []
        self._screens = 0
        if place.disk is not None:
            place.disk.cut_after = place.disk.failure = None
        self._company.calm_since_ms = place.clock.true_ms()

    async def _closing(self) -> None:
        """After the last customer: what is open is asked about, what is complete is settled, the slip is printed."""
        self._watch.sync()
        ledger, place = self._watch.ledger, self._place
        pending = bool(ledger.open or ledger.completed or ledger.queued or self._code.is_untold(ledger))
        if ledger.mode == "settling" or ledger.mode != "signed-in" and pending:
            await self._press("ENTER")
        elif ledger.open:
            refunds = all((p.state, p.method) == (PaymentState.UNKNOWN, Method.CARD) for p in ledger.open.values())
            await self._choose(MENU_SETTLEMENT if refunds else MENU_QUERY)
        elif ledger.completed or ledger.queued:
            await self._choose(MENU_SETTLEMENT)
        elif self._code.is_untold(ledger):
            await self._walk("receipts")
        elif ledger.slips and not self._watch.came_again and self._company.reprints < REPRINTS_LIMIT:
            self._company.reprints += 1
            await self._choose(MENU_REPRINT)
        elif self._company.world_has("case-opened", place.draws):
            self._watch.case_opened = True
            place.tamper.open_case()
            await Sleep(BORED_MS)
            self._done_for = True
        else:
            self._done_for = True

    async def _press(self, words: str) -> None:
        """Look, move the finger, look again: nobody presses a key on a screen that has changed meanwhile."""
        for key in (key for word in words.split() for key in keys_of(word)):
            seen = self._showing()
            await Sleep(KEY_MS - SEES_MS)
            if self._showing() != seen:
                return
            self._place.press(key)
            await Sleep(SEES_MS)  # What the key has done is on the glass.

    async def _choose(self, row: str) -> None:
        self._row = row
        self._place.eyes.look_again()  # What was shown before the key says nothing of what it does.
        await self._press("DOWN")

    async def _locked(self) -> None:
        """Opened when all else was over (the power may have gone since); or before, and a supervisor brings the key."""
        self._done_for = self._watch.case_opened
        if not self._done_for:
            self._row = TEST_KEY_DUKPT if self._place.shop.profile.dukpt else TEST_KEY
            await self._press("ENTER")

    async def _menu(self) -> None:
        await self._press(self._row)

    # At the counter

    async def _at_code(self) -> None:
        await Sleep(KEY_MS)
        await self._press(self._code.keys_at(self._showing(), self._intent.amount_minor, self._watch.ledger))

    async def _show_qr(self) -> None:
        await (self._at_code() if self._intent.method is Method.QR_STATIC else super()._show_qr())

    async def _insert_card(self) -> None:
        await Sleep(KEY_MS)
        place, mischief = self._place, self._mischief
        if self._intent.method is not Method.CARD:
            await self._press("CANCEL")
            return
        if place.reader.holds_card:
            return
        if mischief.unplugs_for_ms:
            place.reader.unplug()
            place.loop.at(place.loop.clock_ms() + mischief.unplugs_for_ms, place.reader.plug)
            mischief.unplugs_for_ms = 0
        if PROFILES[self._intent.means].mute:
            place.swipe(self._intent.means)
        else:
            place.insert(self._intent.means, tear_at=mischief.tear_at)
            mischief.tear_at = None

    async def _swipe(self) -> None:
        await Sleep(KEY_MS)
        self._place.remove()
        self._place.swipe(self._intent.means)

    async def _settled(self) -> None:
        await self._press("ENTER")
        self._company.since_settled = 0

    async def _paper_stopped(self) -> None:
        place = self._place
        await Sleep(place.draws.between(self._watch.transaction, "mends paper", 500, 20_000))
        place.set_paper(Paper.OK)

    async def _sign_on_pad(self) -> None:
        if self._place.pad is not None:
            self._place.pad.sign([[(10, 10), (60, 30), (90, 12)]])
        await self._press("ENTER")

    async def _compare_signature(self) -> None:
        """Once in a customer's visit it may be somebody else's."""
        differs, self._mischief.differs = self._mischief.differs, False
        await self._press("CANCEL" if differs else "ENTER")

    async def _original(self) -> None:
        """What the slip in somebody's hand was for: the signature on it is not the cardholder's."""
        self._watch.sync()
        paid = signed_last(self._watch.ledger)
        await self._press("ENTER")
        await Sleep(READS_MS)
        if paid is not None and self._showing() != "original" and self._place.shop.mode is Mode.SIGNED_IN:
            self._watch.tell(Disowned(paid.id))

    async def _qr_unknown(self) -> None:
        """Ask a few times, then go back: the query is in the menu, too."""
        self._queries += 1
        await self._press("CANCEL" if self._queries % QUERY_TRIES == 0 else "ENTER")

    async def _cash_tendered(self) -> None:
        """The exact sum; what somebody's elbow has typed is taken back first."""
        if "¥0.00" not in " ".join(self._place.display.text()):
            await self._press("CLEAR CLEAR")
        await self._press("ENTER")

    async def _service(self) -> None:
        self._watch.found("stays-in-service", "the terminal took itself out of service")


# Beside what everybody does (sim.people).
HANDLERS: Mapping[str, Callable[[Any], Coroutine[Any, Any, None]]] = MappingProxyType(
    {
        "idle": Crowd._idle,
        "menu": Crowd._menu,
        "locked": Crowd._locked,
        "insert_card": Crowd._insert_card,
        "settled": Crowd._settled,
        "paper_stopped": Crowd._paper_stopped,
        "sign_on_pad": Crowd._sign_on_pad,
        "compare_signature": Crowd._compare_signature,
        "original": Crowd._original,
        "swipe_card": Crowd._swipe,
        "service_mode": Crowd._service,
        "part_approved": Crowd._ok,
        "still_due": Crowd._leave,
        "offer_fallback": Crowd._ok,
        "offer_parking": Crowd._leave,
        "sign_in_due": Crowd._ok,
        "today": Crowd._leave,
        "line_answer": Crowd._ok,
        "host_way": Crowd._leave,
        "downloads": Crowd._leave,
        "show_static": Crowd._leave,
        "bill_failed": Crowd._leave,
        "reconciled": Crowd._ok,
        "bill_difference": Crowd._ok,
        "pick_payment": Crowd._ok,
        "show_qr": Crowd._show_qr,
        "await_receipt": Crowd._at_code,
        "not_received": Crowd._at_code,
        "give_up_order": Crowd._at_code,
        "receipt_found": Crowd._ok,
        "receipt_unreadable": Crowd._ok,
        "download_failed": Crowd._ok,
        "check_clock": Crowd._ok,
        "keys_loaded": Crowd._ok,
        "order_late": Crowd._ok,
        "qr_on_paper": Crowd._ok,
        "qr_unknown": Crowd._qr_unknown,
        "cash_tendered": Crowd._cash_tendered,
    }
)
