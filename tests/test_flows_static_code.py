"""Storyboards of the shop's printed code: its receipts are told, listed, matched and settled, each of them once.

The code is the one that came out of the printer. After each story both books agree, and the shop has what the wallets
have less.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hearing_host import ToldHost
from test_flows_stories import START

from emv import qr
from sim.acquirer import Fault, FaultKind
from sim.acquirer.book import Receipt
from sim.acquirer.requests import Answer, Request
from sim.acquirer.static_codes import StaticDesk
from sim.books import all_payments, discrepancies
from sim.cut_loop import CutLoop, PowerCut
from sim.loop import START_WALL_MS
from sim.phone import Phone
from sim.slip_samples import STATIC_CODE
from sim.story import FIRST_RUN, OPERATOR, act, play, to_menu
from sim.swarm.watch import DUPLICATE_MARKS, text_of
from sim.world import MERCHANT_NO, PHONE_BALANCE_MINOR, TERMINAL_NO, World
from terminal.methods.news import About
from terminal.methods.news import kept as kept_news
from terminal.methods.static_code import ASKED, RECEIPT_NO
from terminal.model import Finding, Method
from terminal.receipts import BillSlip, QrSlip, SettlementSlip, from_record

ROOT = Path(__file__).parent
RECEIPTS = "780000"
PRINT = to_menu("static_code") + "menu: 2\nidle:\n"
TILL = "idle: 1200 ENTER\nchoose_method: 5\n"
K = FaultKind


@dataclass(frozen=True)
class Story:
    """`states`: of each payment, oldest first. `matched`: how many of the receipts are a sale's."""

    name: str
    text: str
    states: str
    got_minor: int
    matched: int = 0
    faults: tuple[Fault, ...] = ()


def lost(kind: K, nth: int = 1, times: int = 1, code: str = "96") -> Fault:
    return Fault(kind, processing_code=RECEIPTS, nth=nth, times=times, code=code)


STORIES = (
    Story(
        "told behind the idle screen, sounded, and read", PRINT
        + "idle: pay-printed wechat:1200 wait 60\nidle: ENTER\nreceipt_found: ENTER\nidle:", "completed", 1200,
    ),
    Story(
        "typed at the till, and paid before it", PRINT + TILL
        + "await_receipt: pay-printed alipay:1200\napproved:\nidle:", "completed", 1200, matched=1,
    ),
    Story(
        "another amount is another receipt", PRINT + TILL
        + "await_receipt: pay-printed alipay:1199 wait 8 CANCEL\nnot_received: CANCEL\ngive_up_order: ENTER\n"
        + "idle: ENTER\nreceipt_found: ENTER\nidle:", "declined completed", 1199,
    ),
    Story(
        "left open, and paid behind the idle screen: it comes up and is printed", PRINT + TILL
        + "await_receipt: CANCEL\nnot_received: CANCEL\ngive_up_order: CANCEL\nidle: pay-printed wechat:1200 wait 60\n"
        + "order_late: ENTER\nidle:", "completed", 1200, matched=1,
    ),
    Story(
        "left open, asked for in the menu, and paid", PRINT + TILL
        + "await_receipt: CANCEL\nnot_received: CANCEL\ngive_up_order: CANCEL\n" + to_menu("query")
        + "not_received: ENTER\nnot_received: pay-printed wechat:1200 ENTER\napproved:\nidle:", "completed",
        1200, matched=1,
    ),
    Story(
        "left open, and typed again: what waits is shown first", PRINT + TILL
        + "await_receipt: CANCEL\nnot_received: CANCEL\ngive_up_order: CANCEL\nidle: 1200 ENTER\nsame_amount_open: 1\n"
        + "not_received: pay-printed wechat:1200 ENTER\napproved:\nidle:", "completed", 1200, matched=1,
    ),
    Story(
        "nobody pays for three minutes: it is left open", PRINT + TILL
        + "await_receipt: wait 190\nnot_received: wait 120\nidle:", "unknown", 0,
    ),
    Story(
        "paid before it was typed: the receipt that is there is offered", PRINT
        + "idle: pay-printed wechat:1200 wait 60\n" + TILL + "receipt_found: ENTER\napproved:\nidle:",
        "completed", 1200, matched=1,
    ),
    Story(
        "two customers pay the same amount, one of them at the till", PRINT + TILL
        + "await_receipt: pay-printed wechat:1200 pay-printed alipay:1200\napproved:\nidle: wait 60\nidle:",
        "completed completed", 2400, matched=1,
    ),
    Story(
        "the announcement is lost, and told again", PRINT + "idle: pay-printed wechat:1200 wait 300\nidle:",
        "completed", 1200, faults=(lost(K.DROP_REPLY, times=2),),
    ),
    Story(
        "told again and again: it is booked once", PRINT
        + "idle: pay-printed wechat:1200 pay-printed wechat:700 wait 300\nidle:", "completed completed", 1900,
        faults=(lost(K.TOLD_AGAIN, times=60),),
    ),
    Story(
        "told as no till takes it, and rightly when it is asked for again", PRINT
        + "idle: pay-printed wechat:1200 wait 60\nidle: pay-printed alipay:700 wait 60\nidle: wait 400\nidle:",
        "completed completed", 1900,
        faults=(Fault(K.LARGE_RECEIPT, digit=0), lost(K.LARGE_RECEIPT, nth=3), lost(K.TRACK_RECEIPT, nth=5)),
    ),
    Story(
        "the host tells of it late", PRINT + "idle: pay-printed wechat:1200 wait 200\nidle: wait 60\nidle:",
        "completed", 1200, faults=(lost(K.CODE, times=4, code="25"),),
    ),
    Story(
        "an announcement that nobody can believe is none", PRINT + "idle: pay-printed wechat:1200 wait 300\nidle:",
        "completed", 1200, faults=(lost(K.WRONG_MAC), lost(K.NO_MAC, nth=2)),
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
        receipts = [p for p in payments if RECEIPT_NO in p.facts]
        assert sum(p.amount.amount_minor for p in receipts) == story.got_minor == spent(world)
        assert sum(bool(p.facts.get(ASKED)) for p in receipts) == story.matched
        slips = [slip for slip in kept(world) if isinstance(slip, QrSlip)]
        assert [slip.method for slip in slips] == [Method.QR_STATIC] * story.matched
        assert world.journal.transact(lambda tx: tx.unprinted()) == ()
        assert all(r.taken for known in world.acquirer.book.receipts.values() for r in known.values())
        assert discrepancies(world.journal, world.acquirer) == []


def spent(world: World) -> int:
    return sum(PHONE_BALANCE_MINOR - wallet.balance_minor for wallet in world._phone.wallets.values())


def kept(world: World) -> list[object]:
    """Every slip that is kept, oldest first."""
    return [
        from_record(event.body["body"])
        for event in world.journal.events_after(0, 10_000)
        if event.kind == "slip"
    ]


def test_what_was_paid_while_another_was_asked_about_is_not_given_up() -> None:
    """Two wait: the answer to the question about the first brings the second one's money."""
    left = "await_receipt: CANCEL\nnot_received: CANCEL\ngive_up_order: CANCEL\n"
    second = "idle: 1500 ENTER\nchoose_method: 5\n" + left
    asked = to_menu("query") + "not_received: pay-printed wechat:1500 ENTER\nnot_received: CANCEL\n"
    with World("two wait") as world:
        story = TILL + left + second + asked + "give_up_order: CANCEL\norder_late: ENTER\nidle:"
        world.run(play(world, START + PRINT + story))
        assert [p.state.value for p in all_payments(world.journal)] == ["completed", "unknown"]


def test_before_the_code_was_printed_nobody_is_asked() -> None:
    with World("not in use") as world:
        frames: list[bytes] = []
        world.on_frame = frames.append
        world.run(play(world, START + "idle:\n"))
        frames.clear()
        world.run(play(world, "idle: wait 900\nidle:"))
        assert frames == []


def test_it_stands_beside_the_hosts_totals() -> None:
    """Counted on the slip, in no total of the host's, and settled with the batch in which it was received."""
    sale = "idle: 5000 ENTER\nchoose_method: 3\nscan_code: show alipay\napproved:\n"
    with World("settled") as world:
        text = PRINT + "idle: pay-printed wechat:1200 wait 60\n" + sale
        world.run(play(world, START + text + to_menu("settlement") + "confirm_settlement: ENTER\nsettled:\nidle:"))
        (slip,) = (slip for slip in kept(world) if isinstance(slip, SettlementSlip))
        rows = {row.method: (row.count, row.amount.amount_minor, row.in_host_totals) for row in slip.rows}
        assert rows == {Method.QR_STATIC: (1, 1200, False), Method.QR_SCANNED: (1, 5000, True)}
        (batch,) = (b for b in world.acquirer.book.all_batches() if b.settlement is not None)
        assert batch.settlement is not None
        assert batch.settlement.balanced
        assert batch.settlement.booked.debit_minor == 5000
        assert {p.state.value for p in all_payments(world.journal)} == {"settled"}


def test_what_waits_goes_on_waiting_over_a_settlement() -> None:
    """And counts in the batch in which it is paid."""
    sale = "idle: 5000 ENTER\nchoose_method: 3\nscan_code: show alipay\napproved:\n"
    left = TILL + "await_receipt: CANCEL\nnot_received: CANCEL\ngive_up_order: CANCEL\n"
    settled = to_menu("settlement") + "confirm_settlement: ENTER\nsettled:\nidle: ENTER\nsigning_in:\nidle:\n"
    with World("waits") as world:
        text = PRINT + sale + left + settled + "idle: pay-printed wechat:1200 wait 60\norder_late: ENTER\nidle:"
        world.run(play(world, START + text))
        waited, sold = all_payments(world.journal)
        assert (sold.state.value, waited.state.value, waited.batch - sold.batch) == ("settled", "completed", 1)
        assert discrepancies(world.journal, world.acquirer) == []


def test_a_receipt_is_listed_and_printed_on_demand() -> None:
    with World("list") as world:
        slips: list[str] = []
        listed = to_menu("static_code") + "menu: 1\npick_payment: ENTER\nreceipt_found: ENTER\nprinting:\n"
        world.printer_said = lambda lines: slips.append(text_of(lines))
        world.run(play(world, START + PRINT + "idle: pay-printed unionpay:880\n" + listed + listed + "idle:"))
        first, again = slips[-4:-2], slips[-2:]
        assert all("S00000001" in slip for slip in (*first, *again))
        assert all(DUPLICATE_MARKS[1] in slip for slip in again), "it is to be told from another sale"
        assert not any(mark in slip for slip in first for mark in DUPLICATE_MARKS)


def test_a_receipt_that_was_printed_before_it_was_a_sales_has_one_slip() -> None:
    """What comes out at the till is marked: nobody takes the two for two sales."""
    with World("printed, then matched") as world:
        slips: list[str] = []
        listed = to_menu("static_code") + "menu: 1\npick_payment: ENTER\nreceipt_found: ENTER\nprinting:\n"
        world.printer_said = lambda lines: slips.append(text_of(lines))
        came = "idle: pay-printed wechat:1200\n" + listed + TILL + "receipt_found: ENTER\napproved:\nprinting:\nidle:"
        world.run(play(world, START + PRINT + came))
        first, again = slips[-4:-2], slips[-2:]
        assert all("S00000001" in slip for slip in (*first, *again))
        assert not any(mark in slip for slip in first for mark in DUPLICATE_MARKS)
        assert all(DUPLICATE_MARKS[1] in slip for slip in again)
        assert len([slip for slip in kept(world) if isinstance(slip, QrSlip)]) == 1


def test_a_phone_reads_the_code_from_the_paper_and_from_a_panel_that_can_carry_it() -> None:
    with World("paper", panel=(128, 128), language="zh-CN") as world:
        show = to_menu("static_code") + "menu: 3\nshow_static:"
        world.run(play(world, START + PRINT + show))
        phone = Phone(world.acquirer.gateway)
        seen = phone.look(world.display.pixels(), 128, 128)
        assert seen == world.printed_code
        paper = ROOT / "goldens" / "slips" / "static-code-zh-CN-32.png"
        assert phone.look_at_png(paper.read_bytes(), blur_px=1.0) == STATIC_CODE.payload
        code = qr.parse(world.printed_code)
        assert (code.dynamic, code.text("54"), code.text("62", "07")) == (False, "", "10000001")


def live(data: Path, host: ToldHost, text: str, life: int, cut_at: int = 0, code: str = "") -> tuple[CutLoop, str]:
    loop = CutLoop(f"life {life}", cut_at=cut_at, start_wall_ms=START_WALL_MS + life * 600_000)
    try:
        with World(loop=loop, data=data, acquirer=host) as world:
            world.printed_code = code
            world.run(play(world, text))
            code = world.printed_code
    except PowerCut:
        pass
    return loop, code


@pytest.mark.slow
def test_the_power_is_cut_at_every_moment_of_a_receipt(tmp_path: Path) -> None:
    """After the next start each receipt is booked once, whether somebody waited for it or not."""
    ready, before = tmp_path / "ready", ToldHost()
    _, code = live(ready, before, FIRST_RUN + OPERATOR + PRINT, 0)
    text = OPERATOR + TILL + "await_receipt: pay-printed alipay:1200 pay-printed wechat:700\napproved:\n"
    text += "idle: wait 40\nidle:"
    shutil.copytree(ready, tmp_path / "whole")
    loop, _ = live(tmp_path / "whole", ToldHost().brought_to(before.told), text, 1, code=code)
    assert loop.passed > 10
    wrong: list[str] = []
    for cut_at in range(1, loop.passed + 1):
        data, host = tmp_path / f"{cut_at}", ToldHost().brought_to(before.told)
        shutil.copytree(ready, data)
        where = live(data, host, text, 1, cut_at, code)[0].where
        live(data, host, OPERATOR + "idle: wait 200\n", 2, code=code)
        with World(data=data, acquirer=host) as world:
            paid = [r for known in host.book.receipts.values() for r in known.values()]
            booked = [p for p in all_payments(world.journal) if RECEIPT_NO in p.facts]
            if sorted(p.facts[RECEIPT_NO] for p in booked) != [r.number for r in paid]:
                wrong.append(f"{where} ({cut_at}): {len(paid)} paid, {len(booked)} booked")
            if not all(r.taken for r in paid):
                wrong.append(f"{where} ({cut_at}): one is not acknowledged")
            wrong += [f"{where} ({cut_at}): {each}" for each in discrepancies(world.journal, host)]
            world.journal.verify()
        shutil.rmtree(data)
    assert wrong == []


BEHIND = (700, 800)


def unreadable(number: str = "S-1", minor: int = 1200) -> Receipt:
    return Receipt((MERCHANT_NO, TERMINAL_NO), number, minor, "wechat", "T1", START_WALL_MS)


def put(world: World, *receipts: Receipt) -> None:
    """Paid before anything else; then two that can be read."""
    for receipt in receipts:
        world.acquirer.book.add_receipt(receipt)
    for minor in BEHIND:
        receipt = Receipt((MERCHANT_NO, TERMINAL_NO), f"S{minor:08d}", minor, "alipay", f"T{minor}", START_WALL_MS)
        world.acquirer.book.add_receipt(receipt)


def booked(world: World) -> list[int]:
    return sorted(p.amount.amount_minor for p in all_payments(world.journal))


def told(world: World) -> list[str]:
    """How those are called of which nobody has read yet that they cannot be read."""
    return [news.called for news in world.journal.transact(kept_news) if news.about is About.UNREADABLE]


@pytest.mark.parametrize(
    ("bad", "called"), [
        (unreadable(), "S-1"),
        (unreadable(" "), "#1"),
        (unreadable("S1", 0), "S1"),
        (unreadable("S1", 100_000_000), "S1"),
        (unreadable("S1", 999_999_999_999), "S1"),
        (unreadable("20261127000001D0000001"), "#1"),
    ],
)
def test_a_receipt_that_cannot_be_read_is_said_once_and_does_not_stand_before_the_others(
    bad: Receipt, called: str
) -> None:
    """It is not acknowledged: the host keeps it, and the next day's bill has it."""
    noted: list[str] = []
    with World("unreadable", language="en") as world:
        world.shop.note = noted.append
        put(world, bad)

        async def people() -> None:
            await play(world, START + PRINT + "idle: wait 300\n")
            assert (booked(world), bad.taken) == ([700, 800], False)
            assert len(noted) == 1 and noted[0].startswith("a receipt of the printed code cannot be read: field ")
            await play(world, to_menu("news") + "receipt_unreadable:\n")
            assert called in world.display.text()
            await act(world, ["ENTER"])
            await play(world, "receipt_found: ENTER\nreceipt_found: ENTER\nidle: wait 300\n")

        world.run(people())
        assert not world.journal.transact(kept_news)
        assert (booked(world), bad.taken, len(noted)) == ([700, 800], False, 1)


def test_a_receipt_that_the_host_mends_is_read_and_is_no_news_any_more() -> None:
    bad = unreadable("S00000009", 0)
    with World("mended") as world:
        put(world, unreadable(), bad)

        async def people() -> None:
            await play(world, START + PRINT + "idle: wait 60\n")
            assert told(world) == ["S-1", "S00000009"]
            bad.amount_minor = 1200
            await play(world, "idle: wait 120\n")

        world.run(people())
        assert (booked(world), bad.taken) == ([700, 800, 1200], True)
        assert told(world) == ["S-1"]


def test_two_that_say_the_same_of_themselves_are_told_apart() -> None:
    with World("the same") as world:
        put(world, unreadable("A", 0), unreadable("B", 0))
        for receipt in world.acquirer.book.receipts_of((MERCHANT_NO, TERMINAL_NO)).values():
            if not receipt.amount_minor:
                receipt.number = "S1"
                receipt.wallet_no = f"T{id(receipt)}"
        world.run(play(world, START + PRINT + "idle: wait 60\nidle:"))
        assert told(world) == ["S1", "#2"]
        assert booked(world) == [700, 800]


def test_a_host_that_cannot_pass_one_over_is_not_asked_without_end() -> None:
    """It says the same again: those behind it wait, and the person knows why."""

    class Deaf(StaticDesk):
        def answer(self, request: Request) -> Answer:
            return super().answer(replace(request, message=request.message.with_fields({59: ""})))

    questions: list[bytes] = []
    with World("deaf") as world:
        put(world, unreadable())
        world.acquirer.static_codes = Deaf(world.acquirer.book, world.acquirer.profile)
        world.on_frame = lambda frame: questions.append(frame) if bytes.fromhex(RECEIPTS) in frame[:40] else None
        world.run(play(world, START + PRINT + "idle: wait 60\nidle:"))
        assert booked(world) == []
        assert told(world) == ["S-1"]
        assert len(questions) < 20


def test_a_host_that_speaks_another_language_is_told_of_no_more_than_ten_times() -> None:
    with World("another language") as world:
        put(world, *(unreadable(f"S-{place}") for place in range(20)))
        world.run(play(world, START + PRINT + "idle: wait 120\nidle:"))
        assert len(world.journal.transact(kept_news)) == 10
        assert booked(world) == []


@pytest.mark.slow
def test_what_was_passed_over_stands_on_the_bill() -> None:
    seen = "reconciled: ENTER\nbill_difference: ENTER\nprinting:\nidle:"
    ask = to_menu("reports") + "menu: 5\nenter_number: ENTER\n"
    with World("on the bill") as world:
        put(world, unreadable("S1", 0))
        world.run(play(world, START + PRINT + "idle: wait 76000 CANCEL\n" + ask + seen))
        found: list[object] = []
        after = 0
        while page := world.journal.events_after(after):
            found += [from_record(event.body["body"]) for event in page if event.kind == "slip"]
            after = page[-1].n
        (slip,) = (each for each in found if isinstance(each, BillSlip))
        assert [(row.finding.value, row.order_no) for row in slip.rows] == [("extra", "S1")]
        assert dict(slip.counts)[Finding.MATCHED] == len(BEHIND)
