"""Whatever happens to a wallet's order, in whatever order: one payment at most stands for one sale, all books agree.

The customer acts just before any request, replies and requests are lost, wallets are awkward, the merchant gives up or
waits, sells otherwise or not, and the power is cut at any moment: before and after each commit that writes and each
effect the world can see. Then the terminal stands idle before an acquirer that is well until every order is dead.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hearing_host import ToldHost
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.acquirer import Fault, FaultKind
from sim.acquirer.book import EntryState
from sim.books import all_payments, discrepancies
from sim.cut_loop import CutLoop, PowerCut
from sim.loop import START_WALL_MS
from sim.phone import Phone
from sim.story import FIRST_RUN, OPERATOR, play
from sim.world import PHONE_BALANCE_MINOR, World
from terminal.hostlink.subfields import OrderState
from terminal.loop import Sleep
from terminal.model import Kind, Method, PaymentState

pytestmark = pytest.mark.slow

CREATE, QUERY, CLOSE, PAY, REVERSE = "700000", "710000", "720000", "730000", "740000"
AMOUNT_MINOR = 150_000
CASH = f"idle: {AMOUNT_MINOR} ENTER\nchoose_method: 4\ncash_tendered: ENTER\ncash_change: ENTER\n"
K = FaultKind
LOST = (K.DROP_REQUEST, K.DROP_REPLY)
ACTS = (K.CUSTOMER_SCANS, K.CUSTOMER_PAYS, K.CUSTOMER_REFUSES)
LIFE_MS = 3_600_000


@dataclass(frozen=True)
class Life:
    """One customer at the counter. `patience`: seconds before the merchant presses CANCEL; 0: never.

    `otherwise`: the sale is paid in cash after the order was given up.
    """

    scanned: bool = False
    patience: int = 1
    otherwise: bool = False
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True)
class Ready:
    data: Path
    frames: tuple[tuple[bytes, int], ...]


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ready]:
    data, host = tmp_path_factory.mktemp("ready") / "data", ToldHost()
    with World("ready", data=data, acquirer=host) as world:
        world.run(play(world, FIRST_RUN + OPERATOR + "idle:"))
    yield Ready(data, tuple(host.told))


async def until_idle(world: World) -> None:
    """Nobody presses anything: each screen goes by itself."""
    while world.display.picture is None or world.display.picture.name != "idle":
        await Sleep(500)


async def people(world: World, life: Life) -> None:
    await play(world, OPERATOR + f"idle: {AMOUNT_MINOR} ENTER\nchoose_method: {3 if life.scanned else 2}\n")
    if life.scanned:
        await play(world, "scan_code: show wechat")
    if life.patience:
        await Sleep(life.patience * 1000)
        if world.display.picture and world.display.picture.name in ("show_qr", "wallet_paying"):
            await play(world, f"{world.display.picture.name}: CANCEL")
    await until_idle(world)
    payments = all_payments(world.journal)
    if life.otherwise and not any(p.state is PaymentState.COMPLETED for p in payments):
        open_first = any(p.state is PaymentState.UNKNOWN for p in payments)  # And then this sale, on purpose.
        await play(world, CASH.replace("choose", "same_amount_open: 2\nchoose") if open_first else CASH)
    await Sleep(120_000)


class Case:
    """One customer's story before a host of its own, cut once or not at all, and what is left when all is over."""

    def __init__(self, ready: Ready, life: Life, folder: Path) -> None:
        self.life, self.data = life, folder / "data"
        shutil.copytree(ready.data, self.data)
        self.host = ToldHost().brought_to(ready.frames)
        self.phone = Phone(self.host.gateway, dict.fromkeys(Phone(self.host.gateway).wallets, PHONE_BALANCE_MINOR))
        for fault in life.faults:
            self.host.faults.add(fault)

    def live(self, cut_at: int = 0) -> int:
        loop = CutLoop(f"{self.life}", cut_at=cut_at, start_wall_ms=START_WALL_MS + LIFE_MS)
        try:
            with World(loop=loop, data=self.data, acquirer=self.host) as world:
                world._phone = self.phone
                world.run(people(world, self.life))
        except PowerCut:
            pass
        return loop.passed

    def end(self) -> None:
        """The next morning's terminal, before a host that is well, until nothing can happen any more."""
        self.host.faults.clear()
        with World("end", data=self.data, acquirer=self.host, start_wall_ms=START_WALL_MS + 2 * LIFE_MS) as world:
            world.run(play(world, OPERATOR + "idle: wait 900\nidle:"))

    def wrongs(self) -> list[str]:
        with World(data=self.data, acquirer=self.host) as world:
            journal = world.journal
            journal.verify()
            found = discrepancies(journal, self.host)
            payments = all_payments(journal)
            if journal.transact(lambda tx: tx.open_payments() or tx.unprinted()):
                found.append("something is open, or not printed")
        standing = [p for p in payments if p.kind is Kind.SALE and p.state is PaymentState.COMPLETED]
        if len(standing) > 1:
            found.append(f"charged {len(standing)} times: {[p.method.value for p in standing]}")
        book = self.host.book
        paid = sum(o.amount_minor for o in book.qr_orders if o.state is OrderState.PAID)
        paid -= sum(e.amount_minor for e in book.entries if e.kind is Kind.REFUND and e.state is EntryState.APPROVED)
        booked = sum(p.amount.amount_minor for p in standing if p.method is not Method.CASH)
        payers = (*self.phone.wallets.values(), self.host.gateway._somebody)
        moved = sum(PHONE_BALANCE_MINOR - wallet.balance_minor for wallet in payers)
        if not paid == booked == moved:
            found.append(f"terminal {booked}, acquirer {paid}, wallets {moved}")
        return found


def fault(kind: FaultKind, code: str, nth: int = 1, times: int = 1, ms: int = 0) -> Fault:
    return Fault(kind, processing_code=code, nth=nth, times=times, ms=ms)


CUT = {
    "shown, held open by the wallet, paid late: completed": Life(
        faults=(fault(K.EARLY_CLOSE, CLOSE, times=9, ms=600_000), fault(K.CUSTOMER_PAYS, QUERY, 2))
    ),
    "shown, held open, paid otherwise, paid late: refunded": Life(
        otherwise=True, faults=(fault(K.EARLY_CLOSE, CLOSE, times=9, ms=600_000), fault(K.CUSTOMER_PAYS, QUERY, 2))
    ),
    "shown, paid during the close": Life(faults=(fault(K.CUSTOMER_PAYS, CLOSE),)),
    "shown, not known to the wallet": Life(
        faults=(fault(K.UNSCANNED, QUERY, times=3), fault(K.UNSCANNED, CLOSE, times=3))
    ),
    "scanned, the user paying, taken back": Life(scanned=True),
    "scanned, confirmed before the reversal": Life(scanned=True, faults=(fault(K.CUSTOMER_PAYS, REVERSE),)),
    "scanned, then paid": Life(scanned=True, patience=0, faults=(fault(K.CUSTOMER_PAYS, QUERY, 2),)),
}


@pytest.mark.parametrize("name", CUT)
def test_cut_at_every_moment(name: str, ready: Ready, tmp_path: Path) -> None:
    whole = Case(ready, CUT[name], tmp_path / "whole")
    total = whole.live()
    whole.end()
    assert whole.wrongs() == []
    wrong: list[str] = []
    for cut_at in range(1, total + 1):
        case = Case(ready, CUT[name], tmp_path / f"{cut_at}")
        case.live(cut_at)
        case.end()
        wrong += [f"cut {cut_at}: {each}" for each in case.wrongs()]
        shutil.rmtree(tmp_path / f"{cut_at}")
    assert wrong == []


faults = st.one_of(
    st.builds(fault, st.sampled_from(LOST), st.sampled_from((CREATE, QUERY, CLOSE, PAY, REVERSE)), st.integers(1, 4)),
    st.builds(fault, st.sampled_from(ACTS), st.sampled_from((QUERY, CLOSE, REVERSE)), st.integers(1, 5)),
    st.builds(
        fault, st.just(K.EARLY_CLOSE), st.sampled_from((CLOSE, REVERSE)), times=st.just(9), ms=st.integers(1, 200_000)
    ),
    st.builds(fault, st.just(K.UNSCANNED), st.sampled_from((QUERY, CLOSE)), st.integers(1, 2), st.integers(1, 9)),
)
lives = st.builds(
    Life, st.booleans(), st.integers(0, 20), st.booleans(), st.lists(faults, max_size=5).map(tuple)
)


@settings(max_examples=60)
@given(life=lives, cut_at=st.integers(0, 40))
def test_at_most_one_payment_stands_and_all_books_agree(ready: Ready, life: Life, cut_at: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        case = Case(ready, life, Path(folder))
        case.live(cut_at)
        case.end()
        assert case.wrongs() == []
