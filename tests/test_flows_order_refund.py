"""Storyboards of what comes after a wallet's order is paid: void, refund, partial refunds, and asking about one.

After each story the books of terminal and acquirer agree, and so do the wallets: what the customer has less is what the
shop has kept. Then the power is cut at every commit of a partial refund: it is given back once, and both sides know.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
from hearing_host import ToldHost
from shop_days import AGREES
from test_flows_qr_life import QUERY, SHOWN, fault, moved_minor, slips_of
from test_flows_static_code import kept
from test_flows_stories import START

from drivers.ports import PaperLine, Qr
from sim.acquirer import Acquirer, Fault, FaultKind
from sim.acquirer.faults import EVERY
from sim.acquirer.requests import Answer, Request
from sim.books import all_payments, discrepancies
from sim.cut_loop import CutLoop, PowerCut
from sim.loop import START_WALL_MS
from sim.story import FIRST_RUN, OPERATOR, play, to_menu, to_transaction
from sim.world import MERCHANT_NO, TERMINAL_NO, World
from terminal.hostlink.codec import Message
from terminal.hostlink.messages import TOTAL_COUNT_LIMIT
from terminal.journal import Tx
from terminal.model import Kind, Method, Money, PaymentState
from terminal.receipts import SettlementSlip

K = FaultKind
PAY = "730000"
REFUND, REFUND_QUERY = "750000", "760000"
SALE = "idle: 5000 ENTER\nchoose_method: 3\nscan_code: show alipay\napproved:\n"
UNPAID = "idle: 12850 ENTER\nchoose_method: 2\nshow_qr: wait 1 CANCEL\norder_closed: ENTER\n"
ASKED = to_transaction("order-refund") + "enter_number: 2 ENTER\n"
VOID = to_transaction("void") + "enter_number: 2 ENTER\norder_found: ENTER\n" + AGREES


def back(amount: str) -> str:
    return ASKED + f"order_found: ENTER\nenter_amount: {amount} ENTER\n" + AGREES


@dataclass(frozen=True)
class Story:
    """`kept_minor`: what the shop has at the end. `states`: of the sale, then of each refund."""

    name: str
    text: str
    states: str
    kept_minor: int
    slips: int = 2
    faults: tuple[Fault, ...] = ()


STORIES = (
    Story("void", SALE + VOID + "approved:\nidle:", "voided completed", 0),
    Story(
        "voided twice: said, and not done", SALE + VOID + "approved:\n"
        + to_transaction("void") + "enter_number: 2 ENTER\nrefused: ENTER\nidle:", "voided completed", 0,
    ),
    Story("refund of a part", SALE + back("1200") + "approved:\nidle:", "completed completed", 3800),
    Story(
        "two parts are the whole, and then nothing is left",
        SALE + back("1200") + "approved:\n" + back("3800") + "approved:\n" + ASKED + "refused: ENTER\nidle:",
        "voided completed completed", 0, slips=3,
    ),
    Story(
        "more than is left is refused before anybody is asked",
        SALE + back("1200") + "approved:\n" + back("3801") + "refused: ENTER\nidle:", "completed completed", 3800,
    ),
    Story(
        "of which a part went back, it is not voided any more",
        SALE + back("1200") + "approved:\n" + to_transaction("void") + "enter_number: 2 ENTER\nrefused: ENTER\nidle:",
        "completed completed", 3800,
    ),
    Story(
        "refused by the wallet: said, on paper, and the whole may be asked for again",
        SALE + back("1200") + "declined: ENTER\n" + back("5000") + "approved:\nidle:", "voided declined completed", 0,
        faults=(Fault(K.CODE, processing_code=REFUND, code="61"),),
    ),
    Story(
        "taken and not done: asked about behind the idle screen until it is",
        SALE + back("1200") + "refund_open: ENTER\nidle: wait 400\norder_late: ENTER\nidle:", "completed completed",
        3800, faults=(fault(K.REFUND_PENDING, REFUND), fault(K.REFUND_PENDING, REFUND_QUERY, times=2)),
    ),
    Story(
        "how it ended comes up once; what nobody has read stays in the news",
        SALE + back("1200") + "refund_open: ENTER\nidle: wait 400\norder_late: wait 60\nidle: ENTER\n"
        + "order_late: ENTER\n" + to_menu("news") + "problem: ENTER\nidle:", "completed completed", 3800,
        faults=(fault(K.REFUND_PENDING, REFUND),),
    ),
    Story(
        "its answer is lost: what may be back counts as back, and is asked about",
        SALE + back("1200") + "refund_open: ENTER\n" + back("3801") + "refused: ENTER\n"
        + "idle: wait 400\norder_late: ENTER\nidle:", "completed completed", 3800,
        faults=(fault(K.DROP_REPLY, REFUND), fault(K.DROP_REPLY, REFUND_QUERY)),
    ),
    Story(
        "its answer is lost, and the question about it refused: that says nothing of the refund",
        SALE + back("1200") + "refund_open: ENTER\nidle: wait 400\norder_late: ENTER\nidle:", "completed completed",
        3800, faults=(fault(K.DROP_REPLY, REFUND), Fault(K.CODE, processing_code=REFUND_QUERY, code="58")),
    ),
    Story(
        "a part is back and the rest is on its way: asked about until all of it is",
        SALE + back("1200") + "refund_open: ENTER\nidle: wait 400\norder_late: ENTER\nidle:", "completed completed",
        3800, faults=(fault(K.PARTIAL, REFUND),),
    ),
    Story(
        "it never arrived: the refund query says so, and it is sent again",
        SALE + back("1200") + "refund_open: ENTER\nidle: wait 400\norder_late: ENTER\nidle:", "completed completed",
        3800, faults=(fault(K.DROP_REQUEST, REFUND),),
    ),
    Story(
        "asking about the order asks about its refund too",
        SALE + back("1200") + "refund_open: ENTER\n" + to_transaction("order-query")
        + "enter_number: 2 ENTER\napproved:\norder_found: ENTER\nidle:", "completed completed", 3800,
        faults=(fault(K.REFUND_PENDING, REFUND),),
    ),
    Story(
        "refused when it is asked about: said when the idle screen is reached",
        SALE + back("1200") + "refund_open: ENTER\nidle: wait 400\norder_late: ENTER\nidle:", "completed declined",
        5000, slips=1,
        faults=(fault(K.DROP_REQUEST, REFUND), Fault(K.CODE, processing_code=REFUND, nth=2, code="61")),
    ),
    Story("what was not paid is not refunded", UNPAID + ASKED + "refused: ENTER\nidle:", "reversed", 0, slips=0),
    Story(
        "a number that we do not know", SALE + to_transaction("order-refund")
        + "enter_number: 77 ENTER\nenter_number: CANCEL\nidle:", "completed", 5000, slips=1,
    ),
)  # fmt: skip


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_story(story: Story) -> None:
    with World(story.name) as world:
        for each in story.faults:
            world.acquirer.faults.add(each)
        world.run(play(world, START + story.text))
        payments = tuple(reversed(all_payments(world.journal)))
        assert [p.state.value for p in payments] == story.states.split()
        assert moved_minor(world) == story.kept_minor
        assert discrepancies(world.journal, world.acquirer) == []
        assert len(slips_of(world)) == story.slips
        assert world.journal.transact(lambda tx: tx.unprinted()) == ()
        numbers = [p.facts["refund_no"] for p in payments[1:]]
        assert len(set(numbers)) == len(numbers), "each refund has its own number"


def test_a_settled_order_is_refunded_and_no_longer_voided() -> None:
    """By its order number, which its slip bears; the refund is in the batch that is open now."""
    with World("settled") as world:
        settled = to_menu("settlement") + "confirm_settlement: ENTER\nsettled: ENTER\nidle: ENTER\nsigning_in:\nidle:\n"
        world.run(play(world, START + SALE + settled))
        number = slips_of(world)[0].order_no
        world.run(
            play(
                world,
                to_transaction("void")
                + "enter_number: 2 ENTER\nrefused: ENTER\n"
                + to_transaction("order-refund")
                + f"enter_number: {number} ENTER\norder_found: ENTER\nenter_amount: 5000 ENTER\n"
                + AGREES
                + "approved:\nidle:",
            )
        )
        refund, sale = all_payments(world.journal)
        assert (sale.state.value, refund.state.value) == ("settled", "completed")
        assert refund.batch == sale.batch + 1
        assert moved_minor(world) == 0
        assert discrepancies(world.journal, world.acquirer) == []


def scanned(code: str) -> str:
    return to_transaction("order-refund") + f"enter_number: UP\nscan_slip: scan {code}\n"


REST = "order_found: ENTER\nenter_amount: 5000 ENTER\n" + AGREES + "approved:\nidle:"


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_an_order_is_found_by_the_code_on_its_slip_even_of_last_week(language: str) -> None:
    """What was printed is scanned: its number has more digits than anybody types, and may have letters."""
    settled = to_menu("settlement") + "confirm_settlement: ENTER\nsettled: ENTER\nidle: ENTER\nsigning_in:\nidle:\n"
    with World("scan", language=language) as world:
        papers: list[PaperLine] = []
        world.printer_said = papers.extend
        world.run(play(world, START + SALE + settled + SALE + settled + SALE + settled))
        code = next(line.payload for line in papers if isinstance(line, Qr) and " " not in line.payload)
        assert code == slips_of(world)[0].order_no
        wrong = "enter_number: UP\nscan_slip: scan 6901-x\nproblem: ENTER\nscan_slip: scan 100000010000019\n"
        wrong += "enter_number: CANCEL\nidle:\n"
        world.run(play(world, to_transaction("order-refund") + wrong + scanned(code) + REST))
        first = all_payments(world.journal)[-1]
        refund = all_payments(world.journal)[0]
        assert (refund.kind, refund.facts["undoes"]) == (Kind.REFUND, first.id)
        assert discrepancies(world.journal, world.acquirer) == []


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_an_order_is_chosen_from_todays(language: str) -> None:
    """The newest stands first; what is no order is not in the list."""
    cash = "idle: 5000 ENTER\nchoose_method: 4\ncash_tendered: ENTER\ncash_change: ENTER\n"
    with World("list", language=language) as world:
        listed = to_transaction("order-refund") + "enter_number: DOWN\npick_payment: DOWN ENTER\n" + REST
        world.run(play(world, START + SALE + SALE + cash + listed))
        refund, _, _, first = all_payments(world.journal)
        assert refund.facts["undoes"] == first.id
        assert discrepancies(world.journal, world.acquirer) == []


def test_a_void_finds_an_order_by_its_slip_too() -> None:
    with World("void by slip") as world:
        world.run(play(world, START + SALE))
        code = slips_of(world)[0].order_no
        found = to_transaction("void") + f"enter_number: UP\nscan_slip: scan {code}\norder_found: ENTER\n"
        world.run(play(world, found + AGREES + "approved:\nidle:"))
        assert [p.state.value for p in all_payments(world.journal)] == ["completed", "voided"]


def test_a_refund_that_stays_pending_stays_open() -> None:
    """And no second one is sent for it."""
    with World("pending for ever") as world:
        for code in (REFUND, REFUND_QUERY):
            world.acquirer.faults.add(fault(K.REFUND_PENDING, code, times=EVERY))
        world.run(play(world, START + SALE + back("1200") + "refund_open: ENTER\nidle: wait 900\nidle:"))
        refund, sale = all_payments(world.journal)
        assert (refund.state.value, refund.facts["why"], sale.state.value) == ("unknown", "pending", "completed")
        assert len([e for e in world.acquirer.book.entries if e.kind is Kind.REFUND]) == 1


SETTLE = to_menu("settlement") + "confirm_settlement: ENTER\nsettled: ENTER\n"
SIGN_IN = "idle: ENTER\nsigning_in:\nidle:\n"


def test_a_refund_is_done_when_its_whole_amount_is() -> None:
    """Approved for a part, then told with another amount: it is asked about until it is what was asked for."""

    class Less(Acquirer):
        told = [("10", 600), ("00", 600)]

        def _money(self, request: Request) -> Answer:
            answer = super()._money(request)
            if self.told and request.message.text(3) in (REFUND, REFUND_QUERY):
                answer.code, minor = self.told.pop(0)
                answer.fields[4] = f"{minor:012d}"
            return answer

    host = Less()
    with World("less", acquirer=host) as world:
        late = "refund_open: ENTER\nidle: wait 400\norder_late: ENTER\nidle:"
        world.run(play(world, START + SALE + back("1200") + late))
        assert [p.state.value for p in all_payments(world.journal)] == ["completed", "completed"]
        assert host.told == []
        assert discrepancies(world.journal, host) == []


def test_a_full_batch_is_settled_before_another_refund() -> None:
    """Field 48 counts to 999, also what goes back."""

    def fill(tx: Tx) -> None:
        for _ in range(TOTAL_COUNT_LIMIT):
            refund = tx.new_payment(Method.QR_SHOWN, Money(1), "01", Kind.REFUND)
            for state in (PaymentState.REQUESTED, PaymentState.APPROVED, PaymentState.COMPLETED):
                tx.move(refund.id, state)

    with World("full") as world:
        world.run(play(world, START + SALE + "idle:"))
        world.journal.transact(fill)
        world.run(play(world, to_transaction("order-refund") + "refused: ENTER\n" + SETTLE + "idle:"))
        assert {p.state.value for p in all_payments(world.journal)} == {"settled"}


def pending_in(host: Acquirer, batch_no: str = "000001") -> None:
    """The wallet takes refunds and does none while this is the terminal's batch."""

    def is_now(request: Message) -> bool:
        batch = host.book.current((MERCHANT_NO, TERMINAL_NO))
        return batch is not None and batch.batch_no == batch_no

    for code in (REFUND, REFUND_QUERY):
        host.faults.add(Fault(K.REFUND_PENDING, processing_code=code, times=EVERY, when=is_now))


def batches(host: Acquirer) -> list[tuple[bool, int, int]]:
    """Of each settled batch: whether it balanced, its debit and its credit."""
    settled = [batch.settlement for batch in host.book.all_batches() if batch.settlement is not None]
    return [(each.balanced, each.booked.debit_minor, each.booked.credit_minor) for each in settled]


def test_a_pending_refund_stays_open_over_the_settlement_and_counts_where_it_ends() -> None:
    with World("pending") as world:
        pending_in(world.acquirer)
        world.run(play(world, START + SALE + back("1200") + "refund_open: ENTER\n" + SETTLE))
        (slip,) = (slip for slip in kept(world) if isinstance(slip, SettlementSlip))
        assert [(row.amount.amount_minor, row.pending) for row in slip.open_rows] == [(1200, True)]
        assert batches(world.acquirer) == [(True, 5000, 0)]
        assert moved_minor(world) == 5000
        world.run(play(world, SIGN_IN + "order_late: ENTER\n" + SALE + SETTLE + "idle:"))
        assert batches(world.acquirer) == [(True, 5000, 0), (True, 5000, 1200)]
        _, refund, sale = all_payments(world.journal)
        assert (sale.batch, refund.batch, refund.state.value, refund.amount.amount_minor) == (1, 2, "settled", 1200)
        assert moved_minor(world) == 8800
        assert discrepancies(world.journal, world.acquirer) == []


def test_a_refund_of_which_nobody_knows_whether_it_is_done_holds_the_settlement_up() -> None:
    """The host may have counted it already."""
    with World("silent") as world:
        for kind in (fault(K.REFUND_PENDING, REFUND), fault(K.DROP_REPLY, REFUND_QUERY)):
            world.acquirer.faults.add(kind)
        text = SALE + back("1200") + "refund_open: ENTER\n" + to_menu("settlement") + "refused: ENTER\n" + SETTLE
        world.run(play(world, START + text + "idle:"))
        assert batches(world.acquirer) == [(True, 5000, 1200)]
        assert discrepancies(world.journal, world.acquirer) == []


DAY_S = 24 * 3600
UNTOLD = to_menu("settlement") + "offer_parking: {}\n"
PARKED = UNTOLD.format("ENTER") + AGREES + "confirm_settlement: ENTER\nsettled: ENTER\n"


def test_a_supervisor_settles_without_a_refund_that_nobody_has_told_the_end_of_for_a_day() -> None:
    """Not before, not without the password, and not for good: it is asked about until it has ended."""
    with World("untold") as world:
        world.acquirer.faults.add(Fault(K.DROP_REPLY, processing_code=REFUND))
        world.acquirer.faults.add(Fault(K.CODE, processing_code=REFUND_QUERY, times=EVERY, code="58"))
        early = SALE + back("1200") + "refund_open: ENTER\n" + to_menu("settlement") + "refused: ENTER\n"
        no = UNTOLD.format("CANCEL") + "refused: ENTER\n"
        wrong = UNTOLD.format("ENTER") + AGREES.replace("1234 ENTER", "4321 ENTER CANCEL") + "refused: ENTER\n"
        world.run(play(world, START + early + f"idle: wait {DAY_S}\n" + no + wrong + PARKED))
        refund, _ = all_payments(world.journal)
        (slip,) = (slip for slip in kept(world) if isinstance(slip, SettlementSlip))
        assert (refund.state.value, refund.batch, slip.open_rows[0].amount.amount_minor) == ("unknown", 2, 1200)
        world.acquirer.faults.clear()
        world.run(play(world, SIGN_IN + "idle: wait 400\norder_late: ENTER\nidle:"))
        refund, sale = all_payments(world.journal)
        assert (sale.state.value, refund.state.value) == ("settled", "completed")
        assert discrepancies(world.journal, world.acquirer) == []


def test_a_supervisor_settles_without_an_order_that_nobody_has_told_the_end_of_for_a_day() -> None:
    """Found paid later it is a sale, and counts in the batch that is open then."""
    unknown = SALE.replace("approved:", "qr_unknown: CANCEL\ngive_up_order: CANCEL")
    with World("untold order") as world:
        world.acquirer.faults.add(Fault(K.DROP_REPLY, processing_code=PAY, nth=2))
        world.acquirer.faults.add(Fault(K.DROP_REPLY, processing_code=QUERY, times=EVERY))
        world.run(play(world, START + SALE + unknown + f"idle: wait {DAY_S}\n" + PARKED))
        assert batches(world.acquirer) == [(False, 10_000, 0)]  # It counts the order, which nobody here knew of.
        world.acquirer.faults.clear()
        world.run(play(world, SIGN_IN + "idle: wait 400\norder_late: ENTER\nidle:"))
        late, _ = all_payments(world.journal)
        assert (late.state.value, late.batch, moved_minor(world)) == ("completed", 2, 10_000)
        assert discrepancies(world.journal, world.acquirer) == []


def test_the_query_of_the_menu_asks_about_a_refund() -> None:
    """Until it has ended; then there is nothing to ask about."""
    with World("asked") as world:
        for kind in (fault(K.REFUND_PENDING, REFUND), fault(K.REFUND_PENDING, REFUND_QUERY)):
            world.acquirer.faults.add(kind)
        ask = to_menu("query")
        text = SALE + back("1200") + "refund_open: ENTER\n" + ask + "refund_open: ENTER\n" + ask + "approved:\n"
        world.run(play(world, START + text + ask + "problem: ENTER\nidle:"))
        assert [p.state.value for p in all_payments(world.journal)] == ["completed", "completed"]
        assert moved_minor(world) == 3800
        assert len(slips_of(world)) == 2


def test_a_batch_with_nothing_but_a_pending_refund_is_no_reason_to_keep_the_hosts_number_away() -> None:
    with World("number") as world:
        pending_in(world.acquirer)
        world.run(play(world, START + SALE + back("1200") + "refund_open: ENTER\n" + SETTLE + SIGN_IN))
        assert world.shop.mode.value == "signed-in"
        assert world.journal.transact(lambda tx: tx.get("batch_no")) == "000002"


def a_host(before: ToldHost | None = None, *, pending: bool = False) -> ToldHost:
    """A fresh one, or one that is where `before` is."""
    host = ToldHost()
    if pending:
        pending_in(host)
    host.faults.add(fault(K.CUSTOMER_PAYS, QUERY, times=EVERY))  # No phone of the first life is there later.
    return host.brought_to(before.told if before else ())


def live(data: Path, host: ToldHost, text: str, life: int, cut_at: int = 0) -> CutLoop:
    loop = CutLoop(f"life {life}", cut_at=cut_at, start_wall_ms=START_WALL_MS + life * 600_000)
    try:
        with World(loop=loop, data=data, acquirer=host) as world:
            world.run(play(world, text))
    except PowerCut:
        pass
    return loop


def wrongs(data: Path, host: ToldHost) -> list[str]:
    """What is not as it should be after the cut and the start that follows it."""
    found: list[str] = []
    with World(data=data, acquirer=host) as world:
        *refunds, sale = all_payments(world.journal)
        at_host = [entry for entry in host.book.entries if entry.kind is Kind.REFUND]
        done = [p.facts["refund_no"] for p in refunds if p.state is PaymentState.COMPLETED]
        if [entry.refund_no for entry in at_host] != done:
            found.append(f"the host gave back {at_host}, the terminal {refunds}")
        if len(refunds) > 1 or any(p.state is not PaymentState.COMPLETED for p in refunds):
            found.append(f"refunds: {[p.state.value for p in refunds]}")
        if sale.state is not PaymentState.COMPLETED:
            found.append(f"the sale is {sale.state.value}")
        found += [str(each) for each in discrepancies(world.journal, host)]
        if len(slips_of(world)) != 1 + len(refunds):
            found.append("a refund without its slip")
        world.journal.verify()
    return found


@pytest.mark.slow
def test_the_power_is_cut_at_every_moment_of_a_settlement_with_a_pending_refund(tmp_path: Path) -> None:
    """Whatever is settled balances, and the refund counts once, in the same batch of both books."""
    ready, before = tmp_path / "ready", a_host(pending=True)
    refunded = back("1200") + "refund_open: ENTER\nidle:"
    live(ready, before, FIRST_RUN + OPERATOR + "idle:\n" + SHOWN + "show_qr:\napproved:\nidle: CANCEL\n" + refunded, 0)
    text = OPERATOR + SETTLE + SIGN_IN + "idle: wait 400\norder_late: ENTER\nidle:"
    shutil.copytree(ready, tmp_path / "whole")
    total = live(tmp_path / "whole", a_host(before, pending=True), text, 1).passed
    assert total > 20
    wrong: list[str] = []
    for cut_at in range(1, total + 1):
        data, host = tmp_path / f"{cut_at}", a_host(before, pending=True)
        shutil.copytree(ready, data)
        where = live(data, host, text, 1, cut_at).where
        live(data, host, OPERATOR + "idle: wait 400\n", 2)
        if not batches(host):  # The cut came before the settlement had begun.
            live(data, host, OPERATOR + SETTLE + SIGN_IN + "idle: wait 400\n", 3)
        live(data, host, OPERATOR + "idle:\n" + SHOWN + "show_qr:\napproved:\n" + SETTLE + "idle:", 4)
        with World(data=data, acquirer=host) as world:
            if batches(host) != [(True, 12850, 0), (True, 12850, 1200)]:
                wrong.append(f"{where} ({cut_at}): {batches(host)}")
            wrong += [f"{where} ({cut_at}): {each}" for each in discrepancies(world.journal, host)]
            world.journal.verify()
        shutil.rmtree(data)
    assert wrong == []


@pytest.mark.slow
def test_the_power_is_cut_at_every_moment_of_a_refund(tmp_path: Path) -> None:
    """After the next sign-in it was never begun, or is done once, in both books and on paper."""
    ready, before = tmp_path / "ready", a_host()
    live(ready, before, FIRST_RUN + OPERATOR + "idle:\n" + SHOWN + "show_qr:\napproved:\nidle:", 0)
    text = OPERATOR + "idle: CANCEL\n" + back("1200") + "approved:\nidle:"
    shutil.copytree(ready, tmp_path / "whole")
    total = live(tmp_path / "whole", a_host(before), text, 1).passed
    assert total > 8
    wrong: list[str] = []
    for cut_at in range(1, total + 1):
        data, host = tmp_path / f"{cut_at}", a_host(before)
        shutil.copytree(ready, data)
        where = live(data, host, text, 1, cut_at).where
        live(data, host, OPERATOR + "idle: wait 200\n", 2)
        wrong += [f"{where} ({cut_at}): {each}" for each in wrongs(data, host)]
        shutil.rmtree(data)
    assert wrong == []
