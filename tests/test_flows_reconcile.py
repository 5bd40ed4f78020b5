"""Storyboards of 对账: a whole terminal fetches the acquirer's bill of a day, and says what is different.

In virtual time: the day of the sales passes, and the bill is published at nine the next morning. Direct wallets are
in test_flows_reconcile_direct.py, the matching itself in test_reconcile.py.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import pytest
from key_papers import LOG_IN, another_operator
from shop_days import AGREES
from test_flows_stories import START

from drivers.ports import PaperLine
from sim.acquirer import Fault, FaultKind
from sim.acquirer.bills import BillDesk
from sim.acquirer.faults import EVERY
from sim.acquirer.requests import Answer, Request
from sim.books import all_payments, discrepancies
from sim.loop import START_WALL_MS
from sim.stage import Stage, Terms, slip_text
from sim.story import OPERATOR, play, to_menu, to_transaction
from sim.world import World
from terminal.config.settings import Bill
from terminal.hostlink.profile import load_profile
from terminal.hostlink.subfields import read_tlv, write_tlv
from terminal.model import Finding, Mode, Money
from terminal.rail import Bill as FetchedBill
from terminal.rail import BillRow, Rail
from terminal.receipts import BillSlip, from_record

K, F = FaultKind, Finding
pytestmark = pytest.mark.slow  # Whole days of the world; `make test-quick` is to stay quick.

BILL = "770000"
SOLD = "idle: 5000 ENTER\nchoose_method: 3\nscan_code: show alipay\napproved:\n"
SHOWN = "idle: 12850 ENTER\nchoose_method: 2\nshow_qr: wait 2 phone wechat\napproved:\n"
REFUNDED = (
    to_transaction("order-refund")
    + "enter_number: 2 ENTER\norder_found: ENTER\nenter_amount: 1200 ENTER\n"
    + AGREES
    + "approved:\n"
)
DAY = SOLD + SHOWN + REFUNDED
TOMORROW = "idle: wait 76000 CANCEL\n"  # From half past twelve to half past nine.
AT_BILL = to_menu("reports") + "menu: 5\n"
ASK = AT_BILL + "enter_number: ENTER\n"


def fault(kind: FaultKind, *, nth: int = 1, times: int = 1) -> Fault:
    return Fault(kind, processing_code=BILL, nth=nth, times=times)


def bills(world: World) -> list[BillSlip]:
    found, after = [], 0
    while page := world.journal.events_after(after):
        found += [from_record(event.body["body"]) for event in page if event.kind == "slip"]
        after = page[-1].n
    return [slip for slip in found if isinstance(slip, BillSlip)]


def untouched(world: World, states: str) -> None:
    """A bill changes no payment, and every slip has come to paper."""
    assert [p.state.value for p in reversed(all_payments(world.journal))] == states.split()
    assert discrepancies(world.journal, world.acquirer) == []
    assert world.journal.transact(lambda tx: tx.unprinted()) == ()


def test_a_balanced_day() -> None:
    with World("balanced") as world:
        world.run(play(world, START + DAY + TOMORROW + ASK + "reconciled: ENTER\nprinting:\nidle:"))
        (slip,) = bills(world)
        assert (slip.rail, slip.day, slip.counts, slip.rows) == ("acquirer", "2026-12-23", ((F.MATCHED, 3),), ())
        assert slip.fees_checked
        untouched(world, "completed completed completed")
        told = world.journal.transact(lambda tx: tx.get("reconciled_acquirer"))
        assert (told["day"], told["matched"]) == ("2026-12-23", 3)


@dataclass(frozen=True)
class Story:
    """`row`: what the slip's one row says: finding, whose voucher, our amount, the bill's; `matched` beside it."""

    kind: FaultKind
    row: tuple[Finding, str, Money | None, Money | None]
    matched: int


STORIES = (
    Story(K.BILL_MISSING, (F.MISSING, "000002", Money(5_000), None), 2),
    Story(K.BILL_EXTRA, (F.EXTRA, "", None, Money(100)), 3),
    Story(K.BILL_AMOUNT, (F.AMOUNT, "000002", Money(5_000), Money(5_100)), 2),
    Story(K.BILL_FEE, (F.FEE, "000002", Money(5_000), Money(5_000)), 2),
)


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.kind.value)
def test_a_difference_is_named_on_glass_and_paper(story: Story) -> None:
    with World(story.kind.value) as world:
        world.acquirer.faults.add(fault(story.kind))
        world.run(
            play(world, START + DAY + TOMORROW + ASK + "reconciled: ENTER\nbill_difference: ENTER\nprinting:\nidle:")
        )
        (slip,) = bills(world)
        (row,) = slip.rows
        assert (row.finding, row.voucher_no, row.ours, row.bill) == story.row
        assert dict(slip.counts) == {F.MATCHED: story.matched, story.row[0]: 1}
        if story.kind is K.BILL_FEE:
            assert (row.due, row.fee) == (Money(30), Money(34))
        assert len(row.order_no) == 32
        untouched(world, "completed completed completed")


def test_before_it_is_published_a_bill_is_not_yet_and_nothing_is_missing() -> None:
    """Asked again after nine it is there."""
    early, later = "idle: wait 64800 CANCEL\n", "idle: wait 10800 CANCEL\n"  # Half past six, half past nine.
    with World("early") as world:
        text = early + ASK + "bill_failed: CANCEL\n" + later + ASK + "reconciled: ENTER\nprinting:\nidle:"
        world.run(play(world, START + DAY + text))
        (slip,) = bills(world)
        assert slip.counts == ((F.MATCHED, 3),)
        untouched(world, "completed completed completed")


def test_it_may_be_asked_again_at_once() -> None:
    with World("again") as world:
        world.acquirer.faults.add(fault(K.BILL_LATE))
        world.run(play(world, START + DAY + TOMORROW + ASK + "bill_failed: ENTER\nreconciled: ENTER\nprinting:\nidle:"))
        assert len(bills(world)) == 1


@pytest.mark.parametrize("kind", [K.DROP_REPLY, K.WRONG_MAC, K.NO_MAC, K.GARBLE])
def test_a_bill_that_cannot_be_believed_is_none(kind: FaultKind) -> None:
    with World(kind.value) as world:
        world.acquirer.faults.add(fault(kind))
        world.run(play(world, START + SOLD + TOMORROW + ASK + "bill_failed: CANCEL\nidle:"))
        assert bills(world) == []


def test_a_refusal_is_said_with_its_code() -> None:
    with World("refused") as world:
        world.acquirer.faults.add(Fault(K.CODE, processing_code=BILL, code="40"))
        world.run(play(world, START + SOLD + TOMORROW + ASK + "bill_failed:"))
        assert any("40" in line for line in world.display.text())
        world.run(play(world, "idle:"))


def test_a_host_that_has_lost_our_keys_is_not_asked_again_before_a_sign_in() -> None:
    with World("77") as world:
        world.acquirer.faults.add(Fault(K.CODE, processing_code=BILL, code="77"))
        world.run(play(world, START + SOLD + TOMORROW + ASK + "bill_failed: ENTER\nidle: wait 1\n"))
        assert (bills(world), world.shop.mode) == ([], Mode.KEYED)


def test_a_long_bill_comes_in_parts_and_a_lost_part_is_no_bill() -> None:
    asked: list[int] = []
    with World("long") as world:
        world.on_frame = lambda frame: asked.append(1) if bytes.fromhex("770000") in frame[:40] else None
        world.acquirer.faults.add(fault(K.DROP_REPLY, nth=2))
        sales = SOLD * 12
        world.run(
            play(world, START + sales + TOMORROW + ASK + "bill_failed: ENTER\nreconciled: ENTER\nprinting:\nidle:")
        )
        (slip,) = bills(world)
        assert slip.counts == ((F.MATCHED, 12),)
        assert len(asked) == 3 + 4  # Two parts, each asked for and answered; but the first time the second was lost.


class Changed(BillDesk):
    """Another desk's answer: whatever a test makes of the tags."""

    def __init__(self, world: World, change: Callable[[dict[str, str]], None]) -> None:
        super().__init__(world.acquirer.book)
        self._change = change

    def answer(self, request: Request) -> Answer:
        answer = super().answer(request)
        tags = read_tlv(str(answer.fields[59]))
        self._change(tags)
        return Answer(answer.code, {59: write_tlv(tags)})


@pytest.mark.parametrize(
    "other", [{"C1": "20261222"}, {"C2": "1"}, {"C3": "3", "C4": ""}, {"C3": "5001"}, {"C4": "x"}], ids=str
)
def test_another_part_than_was_asked_for_is_no_bill(other: dict[str, str]) -> None:
    with World("another part") as world:
        world.acquirer.bills = Changed(world, lambda tags: tags.update(other))
        world.run(play(world, START + SOLD + TOMORROW + ASK + "bill_failed: CANCEL\nidle:"))
        assert bills(world) == []


def test_a_bill_that_changes_while_it_is_fetched_is_no_bill() -> None:
    counts = iter(("12", "13"))
    with World("changes") as world:
        world.acquirer.bills = Changed(world, lambda tags: tags.update(C3=next(counts)))
        world.run(play(world, START + SOLD * 12 + TOMORROW + ASK + "bill_failed: CANCEL\nidle:"))
        assert bills(world) == []


def test_what_was_closed_voided_or_taken_back_is_on_the_bill_as_it_happened() -> None:
    """Closed: not at all. Voided: paid and given back. Paid just before it was taken back: both ways."""
    closed = "idle: 700 ENTER\nchoose_method: 2\nshow_qr: wait 1 CANCEL\norder_closed: ENTER\n"
    asked_back = "wallet_paying: wait 5 CANCEL\norder_closed: ENTER"
    taken_back = SOLD.replace("5000", "150000").replace("approved:", asked_back)
    asked = "idle:\n" + TOMORROW + ASK + "reconciled: ENTER\nprinting:\nidle:"
    with World("all ways") as world:
        world.acquirer.faults.add(Fault(K.CUSTOMER_PAYS, processing_code="740000"))

        async def people() -> None:
            await play(world, START + closed + SOLD)
            stan = int(str(all_payments(world.journal)[0].stan))
            void = to_transaction("void") + f"enter_number: {stan} ENTER\norder_found: ENTER\n" + AGREES
            await play(world, void + "approved:\n" + taken_back + asked)

        world.run(people())
        (slip,) = bills(world)
        assert dict(slip.counts) == {F.MATCHED: 4}
        untouched(world, "reversed voided completed reversed")


PRINTED = to_menu("static_code") + "menu: 2\nidle:\n"
PAID = "idle: pay-printed wechat:1200 wait 700\n"
SELDOM = dataclasses.replace(load_profile("unionpay"), qr_static_ask_s=600)  # Who asks all night has little to say.


def test_what_came_over_the_printed_code_stands_on_the_bill_under_its_own_number() -> None:
    """One that nobody waited for, one that a sale at the till waited for, and one that was never told before."""
    till = "idle: 700 ENTER\nchoose_method: 5\nawait_receipt: pay-printed alipay:700\napproved:\n"
    untold = "idle: host refused pay-printed unionpay:300 wait 86400 host ok CANCEL\n"
    with World("printed", profile=SELDOM) as world:
        text = START + PRINTED + PAID + till + SOLD + TOMORROW + ASK + "reconciled: ENTER\nprinting:\n"
        world.run(play(world, text + untold + ASK + "reconciled: ENTER\nprinting:\nidle:"))
        first, second = bills(world)
        assert (first.day, first.counts, first.rows) == ("2026-12-23", ((F.MATCHED, 3),), ())
        assert (second.day, second.counts, second.rows) == ("2026-12-24", ((F.MATCHED, 1),), ())
        untouched(world, "completed completed completed completed")


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.kind.value)
def test_a_difference_of_a_receipt_is_named(story: Story) -> None:
    finding, _, _, bill = story.row
    with World(story.kind.value, profile=SELDOM) as world:
        world.acquirer.faults.add(fault(story.kind))
        told = "reconciled: ENTER\nbill_difference: ENTER\nprinting:\nidle:"
        world.run(play(world, START + PRINTED + PAID + TOMORROW + ASK + told))
        (slip,) = bills(world)
        (row,) = slip.rows
        paid, dearer = Money(1_200), Money(1_300)
        amounts = {F.MISSING: (paid, None), F.EXTRA: (None, bill), F.AMOUNT: (paid, dearer), F.FEE: (paid, paid)}
        assert (row.finding, (row.ours, row.bill)) == (finding, amounts[finding])
        assert row.order_no == ("S00000001" if finding is not F.EXTRA else row.order_no)
        untouched(world, "completed")


def test_a_receipt_that_was_told_days_later_is_matched_on_the_day_it_was_paid() -> None:
    """The terminal has slept over the weekend; the days between have nothing to say of it."""
    weekend = "idle: host refused pay-printed wechat:1200 wait 250000 host ok\n"
    before = "enter_number: CLEAR CLEAR CLEAR CLEAR {day} ENTER\nreconciled: ENTER\nprinting:\n"
    asked = "".join(AT_BILL + before.format(day=day) for day in ("1223", "1224", "1225"))
    with World("weekend", profile=SELDOM) as world:
        world.run(play(world, START + PRINTED + weekend + TOMORROW + asked + "idle:"))
        assert [dict(slip.counts) for slip in bills(world)] == [{F.MATCHED: 1}, {F.MATCHED: 0}, {F.MATCHED: 0}]


def test_without_a_contract_rate_fees_are_not_checked_and_the_slip_says_so() -> None:
    with World("no rate") as world:
        world.shop.config = dataclasses.replace(world.shop.config, bill=Bill())
        world.acquirer.faults.add(fault(K.BILL_FEE))
        world.run(play(world, START + SOLD + TOMORROW + ASK + "reconciled: ENTER\nprinting:\nidle:"))
        (slip,) = bills(world)
        assert (slip.counts, slip.fees_checked) == (((F.MATCHED, 1),), False)


LATE_MS = START_WALL_MS + 41_300_000  # 23:55 by China's clock.


def test_over_midnight_each_bill_has_its_own_and_nothing_is_missing() -> None:
    """Made before midnight and paid after it, and a refund on the next day: both days' bills are right about them."""
    over = "idle: wait 230 12850 ENTER\nchoose_method: 2\nshow_qr: wait 70 phone wechat\napproved:\n"
    morning, a_day_later = "idle: wait 36000 CANCEL\n", "idle: wait 86400 CANCEL\n"
    asked = ASK + "reconciled: ENTER\nprinting:\n"
    with World("midnight", start_wall_ms=LATE_MS) as world:
        world.run(play(world, START + SOLD + over + REFUNDED + morning + asked + a_day_later + asked + "idle:"))
        order = next(o for o in world.acquirer.book.qr_orders if o.amount_minor == 12_850)
        assert [world.shop.local_time(at).day for at in (order.created_ms, order.paid_ms)] == [23, 24]
        first, second = bills(world)
        assert (first.day, dict(first.counts)) == ("2026-12-23", {F.MATCHED: 1, F.OTHER_DAY: 2})
        assert (second.day, dict(second.counts)) == ("2026-12-24", {F.MATCHED: 2})
        untouched(world, "completed completed completed")


def test_what_both_bills_have_not_got_is_missing_on_the_second() -> None:
    over = "idle: wait 230 12850 ENTER\nchoose_method: 2\nshow_qr: wait 70 phone wechat\napproved:\n"
    with World("midnight, missing", start_wall_ms=LATE_MS) as world:
        world.acquirer.faults.add(fault(K.BILL_MISSING))
        world.run(
            play(world, START + over + "idle: wait 122400 CANCEL\n" + ASK + "reconciled: ENTER\n"
                 + "bill_difference: ENTER\nprinting:\nidle:")
        )  # fmt: skip
        (slip,) = bills(world)
        assert [(row.finding, row.voucher_no) for row in slip.rows] == [(F.MISSING, "000002")]


def test_an_order_whose_fate_is_unknown_stays_so_and_is_found_by_its_query() -> None:
    """The bill says that it was paid. That is said, and settles nothing."""
    with World("unknown") as world:
        world.acquirer.faults.add(Fault(K.DROP_REPLY, processing_code="730000"))
        for code in ("710000", "740000"):
            world.acquirer.faults.add(Fault(K.DROP_REQUEST, processing_code=code, times=EVERY))
        unsure = SOLD.replace("approved:", "qr_unknown: CANCEL\ngive_up_order: CANCEL")
        told = "reconciled: ENTER\nbill_difference: ENTER\nprinting:\nidle:"

        async def people() -> None:
            await play(world, START + unsure + TOMORROW + ASK + told)
            assert [p.state.value for p in all_payments(world.journal)] == ["unknown"]
            world.acquirer.faults.clear()
            await play(world, to_menu("query") + "qr_unknown: ENTER\napproved:\nidle:")

        world.run(people())
        (slip,) = bills(world)
        assert [(row.finding, row.ours, row.bill) for row in slip.rows] == [(F.STATE, Money(5_000), Money(5_000))]
        untouched(world, "completed")


def test_without_paper_the_slip_waits_and_nothing_is_lost() -> None:
    with World("no paper") as world:

        async def people() -> None:
            await play(world, START + SOLD + TOMORROW + ASK + "reconciled: paper out ENTER\npaper_stopped:")
            assert len(bills(world)) == 1
            await play(world, "paper_stopped: paper ok ENTER\nprinting:\nidle:")

        world.run(people())
        untouched(world, "completed")


def test_a_power_cut_before_the_paper_loses_no_slip() -> None:
    """What was found is durable before anybody sees it, and printed at the next start."""
    with Stage(Terms("cut", language="en")) as stage:
        stage.do(play(stage, SOLD + TOMORROW + ASK + "reconciled: power cut"))
        assert not any("TRADE BILL" in paper for paper in stage.paper())
        stage.do(play(stage, OPERATOR + "idle:"))
        assert sum("TRADE BILL" in paper for paper in stage.paper()) == 1
        assert stage.payments() == ["completed"]


def test_the_last_slip_can_be_printed_again() -> None:
    with World("again on paper") as world:
        printed: list[tuple[PaperLine, ...]] = []
        world.printer_said = printed.append
        text = TOMORROW + ASK + "reconciled: ENTER\nprinting:\n" + to_menu("reprint") + "printing:\nidle:"
        world.run(play(world, START + SOLD + text))
        assert sum("BILL DAY" in slip_text(lines) for lines in printed) == 2


@pytest.mark.parametrize("typed", ["1223", "1224", "9999"])
def test_only_a_day_that_is_over_has_a_bill(typed: str) -> None:
    with World("today") as world:
        text = START + AT_BILL + f"enter_number: CLEAR CLEAR CLEAR CLEAR {typed} ENTER\nenter_number: CANCEL\nidle:"
        world.run(play(world, text))
        assert bills(world) == []


def test_a_terminal_that_is_not_signed_in_asks_for_no_bill() -> None:
    with World("signed out") as world:
        world.run(play(world, START))
        world.journal.transact(lambda tx: tx.set_mode(Mode.KEYED))
        world.run(play(world, AT_BILL + "refused: ENTER\nidle:"))
        assert bills(world) == []


def test_a_cashier_needs_a_supervisor_s_word() -> None:
    with World("cashier") as world:
        as_cashier = to_menu("operator") + f"enter_number: CLEAR CLEAR {LOG_IN['02']}\n"
        asked = AT_BILL + AGREES + "enter_number: CANCEL\nidle:"
        world.run(play(world, START + another_operator("02") + as_cashier + asked))


@dataclass(frozen=True)
class Flooding:
    """Of a rail, what a bill needs."""

    given: FetchedBill
    name: str = "wechat"
    fee_bp: int | None = None

    async def bill(self, day: datetime.date) -> FetchedBill:
        return self.given


def test_a_flood_of_differences_is_bounded_and_says_so() -> None:
    """Ten strips of forty, and how many found no room."""
    with World("flood") as world:
        rows = tuple(BillRow(f"X{n}", "", "wechat", "", Money(100 + n), 1, START_WALL_MS) for n in range(500))
        world.shop.rails = {"wechat": cast(Rail, Flooding(FetchedBill(rows)))}
        story = "reconciled: CANCEL\nprinting:\nreconciled: CANCEL\n" + "printing:\n" * 10 + "idle:"
        world.run(play(world, START + ASK + story))
        _, *slips = bills(world)  # The acquirer's comes first, and has no rows.
        assert [len(slip.rows) for slip in slips] == [40] * 10
        assert [slip.unnamed for slip in slips] == [0] * 9 + [100]
        assert {slip.counts for slip in slips} == {((F.MATCHED, 0), (F.EXTRA, 500))}
