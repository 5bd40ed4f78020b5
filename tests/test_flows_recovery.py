"""The power is cut at every commit and every effect, in virtual time: whatever the moment, everything is set right.

Effects are what the world can see: a frame sent, an answer received, a slip printed, keys stored. After the cut the
same people come back to a terminal that starts from the same data folder, before the same acquirer, with the same
errands (sim.killed.errands). At the end each errand is charged once in both books, or not at all if it never could be.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hearing_host import ToldHost

from drivers.ports import Key, LinkFault, Paper
from keys import KeyStore, Usage
from sim.acquirer import Acquirer, Fault, FaultKind
from sim.acquirer.book import EntryState
from sim.books import all_payments, discrepancies
from sim.card import PROFILES
from sim.cut_loop import CutLoop, PowerCut
from sim.killed.errands import Errand, Insistent
from sim.loop import START_WALL_MS
from sim.story import play
from sim.twins.link import Network
from sim.world import World
from terminal.hostlink.subfields import OrderState
from terminal.journal import PaymentRecord
from terminal.model import Method, Mode, PaymentState

pytestmark = pytest.mark.slow  # Many small ones: `make test-quick` is to stay quick.

LIFE_MS = 10_000  # What a start and a sale take at least.
DARK_MS = 20_000  # How long the terminal is without power: an order that waits still waits.


class Counter:
    """The counter of a World; see sim.killed.errands.Place."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def see_any(self) -> str:
        return await self.world.eyes.see_any()

    def showing(self) -> str:
        picture = self.world.display.picture
        return picture.name if picture else ""

    def press(self, key: Key) -> None:
        self.world.press(key)

    def keys_waiting(self) -> bool:
        return self.world.keys_waiting()

    def typed_digits(self) -> int:
        return self.world.typed_digits()

    def insert(self, card: str) -> None:
        self.world.insert(card)

    def remove(self) -> None:
        self.world.remove()

    def pin_of(self, card: str) -> str:
        return PROFILES[card].pin

    def pay_what_is_shown(self, wallet: str) -> None:
        self.world.phone(wallet).scan_display()

    def show_code(self, wallet: str) -> None:
        self.world.scan(self.world.phone(wallet).show_code())

    def confirm(self, wallet: str) -> None:
        self.world.phone(wallet).confirm()

    def mend_paper(self) -> None:
        self.world.printer.set_paper(Paper.OK)

    def mode(self) -> Mode:
        return self.world.shop.mode

    def payments(self) -> tuple[PaymentRecord, ...]:
        return all_payments(self.world.journal)


def nothing(world: World) -> None:
    """An ordinary day."""


def paper_ends(world: World) -> None:
    world.printer.run_out_after(40)


@dataclass(frozen=True)
class Story:
    """What people come for. `charged`: which of it can be charged at all."""

    name: str
    errands: tuple[Errand, ...] = ()
    faults: tuple[Fault, ...] = ()
    charged: bool = True
    signed_in: bool = True  # It begins on a terminal that is; else on a new one.
    settle: bool = False
    refuse: tuple[int, ...] = ()  # Connections that are refused, counted from the start.
    prepare: Callable[[World], None] = nothing


CHIP = Errand(12850, Method.CARD, "unionpay-credit-pin")
SIGNED = Errand(9900, Method.CARD, "signature")
STORIES = (
    Story("first run and sign-in", signed_in=False),
    Story("chip sale with PIN", (CHIP,)),
    Story("declined", (Errand(12850, Method.CARD, "poor"),), charged=False),
    Story("the answer is lost", (SIGNED,), (Fault(FaultKind.DROP_REPLY, mti="0200"),)),
    Story(
        "answer and reversal are lost",
        (SIGNED,),
        (Fault(FaultKind.DROP_REPLY, mti="0200"), Fault(FaultKind.DROP_REPLY, mti="0400")),
    ),
    Story("the request is lost", (SIGNED,), (Fault(FaultKind.DROP_REQUEST, mti="0200"),)),
    Story("a wrong MAC", (SIGNED,), (Fault(FaultKind.WRONG_MAC, mti="0200"),)),
    Story("the connection is refused", (SIGNED,), refuse=(1, 2)),
    Story(
        "the card says no", (Errand(700, Method.CARD, "declines-after-approval", tries=2),), charged=False
    ),
    Story("QR shown", (Errand(4200, Method.QR_SHOWN, "wechat"),)),
    Story(
        "QR shown, its order's answer is lost",
        (Errand(4200, Method.QR_SHOWN, "alipay"),),
        (Fault(FaultKind.DROP_REPLY, mti="0200"),),
    ),
    Story("QR scanned", (Errand(4300, Method.QR_SCANNED, "alipay"),)),
    Story("QR scanned and confirmed", (Errand(150_000, Method.QR_SCANNED, "wechat"),)),
    Story("cash", (Errand(500, Method.CASH),)),
    Story("the paper ends", (SIGNED, Errand(500, Method.CASH)), prepare=paper_ends),
    Story("settlement", (SIGNED, Errand(500, Method.CASH)), settle=True),
    Story("settlement's answer is lost", (SIGNED,), (Fault(FaultKind.DROP_REPLY, mti="0500"),), settle=True),
)


@dataclass(frozen=True)
class Prepared:
    """A terminal that is signed in, and what its acquirer has seen."""

    data: Path
    frames: tuple[tuple[bytes, int], ...]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    data = tmp_path_factory.mktemp("prepared") / "data"
    acquirer = ToldHost()
    live(data, acquirer, CutLoop("prepared"), STORIES[0])
    return Prepared(data, tuple(acquirer.told))


def live(
    data: Path,
    acquirer: Acquirer,
    loop: CutLoop,
    story: Story,
    *,
    first: bool = True,
    settle: bool = False,
    reprint: bool = False,
    script: str = "",
) -> None:
    """One life of the terminal: until everything is done (or the script is at its end), or PowerCut."""

    def refuse(attempt: int) -> LinkFault | None:
        return LinkFault.REFUSED if first and attempt in story.refuse else None

    with World(loop=loop, data=data, acquirer=acquirer, network=Network(refuse=refuse)) as world:
        if first:
            story.prepare(world)
        people = Insistent(Counter(world), story.errands, settle=settle, reprint=reprint)
        world.run(play(world, script) if script else people.live())


class Case:
    """One story on its own data folder, with its own acquirer, cut as often as asked."""

    def __init__(self, story: Story, prepared: Prepared, data: Path) -> None:
        self.story = story
        self.data = data
        self.acquirer = ToldHost()
        self.lives = 0
        self.where: list[str] = []
        if story.signed_in:
            shutil.copytree(prepared.data, data)
            self.acquirer.brought_to(prepared.frames)
        for fault in story.faults:
            self.acquirer.faults.add(fault)

    def live(self, cut_at: int = 0, *, settle: bool = False, reprint: bool = False, script: str = "") -> int:
        """How many moments were passed before everything was done, or before the cut."""
        self.lives += 1
        seed, wall_ms = f"{self.story.name} {self.lives}", START_WALL_MS + (DARK_MS + LIFE_MS) * self.lives
        loop = CutLoop(seed, cut_at=cut_at, start_wall_ms=wall_ms)
        first = self.lives == 1
        try:
            live(
                self.data, self.acquirer, loop, self.story, first=first, settle=settle, reprint=reprint, script=script
            )
        except PowerCut:
            self.where.append(f"{loop.where} ({cut_at})")
        return loop.passed

    def wrongs(self) -> list[str]:
        """What is wrong after the last life."""
        found: list[str] = []
        with World(data=self.data, acquirer=self.acquirer) as world:
            journal = world.journal
            journal.verify()
            found += discrepancies(journal, self.acquirer)
            if journal.transact(lambda tx: tx.open_payments()):
                found.append("payments are open")
            if journal.transact(lambda tx: tx.unprinted()):
                found.append("a slip was not printed")
            if journal.transact(lambda tx: tx.last_slip()) is None:
                found.append("there is no slip to be reprinted")
            payments = all_payments(journal)
            own = [p.amount.amount_minor for p in payments if p.state is PaymentState.SETTLED]
            if own and len(str(world.shop.keys).split()) > 1 + len(Usage):
                found.append(f"a settled batch's key is still there: {world.shop.keys}")
        book = self.acquirer.book
        host = [e.amount_minor for e in book.entries if e.state is EntryState.APPROVED]
        host += [o.amount_minor for o in book.qr_orders if o.state is OrderState.PAID]
        wanted = sorted(e.amount_minor for e in self.story.errands if self.story.charged)
        cash = [e.amount_minor for e in self.story.errands if e.method is Method.CASH]
        if sorted(own) != wanted or sorted(host + cash) != wanted:
            found.append(f"to be charged: {wanted}; host {sorted(host)}, terminal {sorted(own)}")
        charged = [batch for batch in book.all_batches() if batch.totals(with_qr=True).debit_count]
        if any(batch.settlement is None or not batch.settlement.balanced for batch in charged):
            found.append("a batch is not settled in balance")
        return [f"{self.story.name}, cut {', '.join(self.where)}: {each}" for each in found]


def moments(story: Story, prepared: Prepared, data: Path) -> int:
    """How many moments the story passes when nothing is cut; the mended ending is checked on the way."""
    case = Case(story, prepared, data)
    passed = case.live(settle=story.settle)
    case.live(settle=True, reprint=True)
    assert case.wrongs() == []
    return passed


@pytest.mark.slow
@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_cut_at_every_moment(story: Story, prepared: Prepared, tmp_path: Path, record_property: Any) -> None:
    total = moments(story, prepared, tmp_path / "whole")
    record_property("cuts", total)
    assert total > 4
    wrong: list[str] = []
    for cut_at in range(1, total + 1):
        case = Case(story, prepared, tmp_path / f"{cut_at}")
        case.live(cut_at, settle=story.settle)
        case.live(settle=True, reprint=True)
        wrong += case.wrongs()
        shutil.rmtree(case.data)
    assert wrong == []


def test_cut_here_and_there(prepared: Prepared, tmp_path: Path) -> None:
    """A few moments of the chip sale, for those who cannot wait for all of them."""
    story = STORIES[1]
    wrong: list[str] = []
    for cut_at in range(3, moments(story, prepared, tmp_path / "whole"), 7):
        case = Case(story, prepared, tmp_path / f"{cut_at}")
        case.live(cut_at)
        case.live(settle=True, reprint=True)
        wrong += case.wrongs()
    assert wrong == []


TWICE = ("chip sale with PIN", "answer and reversal are lost", "QR shown", "settlement", "first run and sign-in")


@pytest.mark.slow
@pytest.mark.parametrize("story", [s for s in STORIES if s.name in TWICE], ids=lambda story: story.name)
def test_cut_again_while_recovering(story: Story, prepared: Prepared, tmp_path: Path, record_property: Any) -> None:
    """A second cut, at a moment drawn from the seed, in the life that sets the first one right."""
    total = moments(story, prepared, tmp_path / "whole")
    wrong: list[str] = []
    for cut_at in range(1, total + 1):
        again = random.Random(f"{story.name}/{cut_at}").randint(1, total)
        case = Case(story, prepared, tmp_path / f"{cut_at}")
        case.live(cut_at, settle=story.settle)
        case.live(again, settle=True)
        case.live(settle=True, reprint=True)
        wrong += case.wrongs()
        shutil.rmtree(case.data)
    record_property("cuts", total)
    assert wrong == []


SIGN_IN_AGAIN = """
enter_number: ENTER
operator_password: 1234 ENTER
idle: DOWN
menu: 6
signing_in:
idle:
"""


def test_cut_in_a_second_sign_in(prepared: Prepared, tmp_path: Path) -> None:
    """The host may have new keys that we never got: we are signed out, and the next sale succeeds at once."""
    story = Story("sign in again", (SIGNED,))
    total = Case(story, prepared, tmp_path / "whole").live(script=SIGN_IN_AGAIN)
    assert total > 8
    for cut_at in range(1, total + 1):
        case = Case(story, prepared, tmp_path / f"{cut_at}")
        case.live(cut_at, script=SIGN_IN_AGAIN)
        case.live(settle=True, reprint=True)
        assert case.wrongs() == []
        with World(data=case.data, acquirer=case.acquirer) as world:
            states = [p.state for p in all_payments(world.journal)]
        assert states == [PaymentState.SETTLED], case.where


def test_a_sign_in_that_never_left_changes_nothing(prepared: Prepared, tmp_path: Path) -> None:
    case = Case(Story("refused", refuse=(1,)), prepared, tmp_path / "data")
    case.live(script=SIGN_IN_AGAIN.replace("signing_in:\n", "sign_in_failed: CANCEL\n"))
    with World(data=case.data, acquirer=case.acquirer) as world:
        assert world.journal.transact(lambda tx: tx.mode) is Mode.SIGNED_IN


def test_keys_that_died_without_a_word_lock_the_terminal(prepared: Prepared, tmp_path: Path) -> None:
    """The case was opened and the power went at once: the keys are gone, and nothing had been written yet."""
    case = Case(Story("opened"), prepared, tmp_path / "data")
    KeyStore.open(case.data / "keys", terminal_id="simulated").zeroise()
    case.live(script="locked:")
    with World(data=case.data, acquirer=case.acquirer) as world:
        assert world.journal.transact(lambda tx: tx.mode) is Mode.LOCKED


def test_an_order_that_still_waits_is_closed_by_the_next_start(prepared: Prepared, tmp_path: Path) -> None:
    """Nobody shows its code any more, and the customer may be asked to pay by another one."""
    case = Case(Story("left waiting", (Errand(4200, Method.QR_SHOWN, "wechat"),)), prepared, tmp_path / "data")
    start = SIGN_IN_AGAIN.partition("idle:")[0]
    case.live(script=start + "idle: 4200 ENTER\nchoose_method: 2\nshow_qr:")
    case.live(script=start + "order_closed: ENTER\nidle:")
    with World(data=case.data, acquirer=case.acquirer) as world:
        assert [p.state for p in all_payments(world.journal)] == [PaymentState.REVERSED]
    assert [order.state for order in case.acquirer.book.qr_orders] == [OrderState.CLOSED]
