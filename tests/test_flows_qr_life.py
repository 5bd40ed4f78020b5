"""Storyboards of a wallet's order, both ways round: every ending, every awkward wallet, the line lost at each step.

After each story the terminal's books, the acquirer's and the wallets' agree, and what a person was shown is what was
booked. What the customer does between two messages is a switch of the fault plan, so that it happens at that very
moment.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from test_flows_stories import START

from sim.acquirer import Fault, FaultKind, PayResult
from sim.acquirer.faults import EVERY
from sim.books import all_payments, discrepancies
from sim.story import play
from sim.world import PHONE_BALANCE_MINOR, World
from terminal.hostlink.codec import decode
from terminal.hostlink.frame import unwrap
from terminal.model import Kind
from terminal.receipts import QrSlip, from_record

CREATE, QUERY, CLOSE, PAY, REVERSE = "700000", "710000", "720000", "730000", "740000"
SHOWN = "idle: 12850 ENTER\nchoose_method: 2\n"
SCANNED = "idle: 150000 ENTER\nchoose_method: 3\nscan_code: show wechat\n"
SMALL = "idle: 5000 ENTER\nchoose_method: 3\nscan_code: show alipay\n"
DARK = "idle: wait 400\nidle: CANCEL\nidle:"  # Long enough for every order to die.


def fault(kind: FaultKind, code: str, nth: int = 1, times: int = 1, ms: int = 0) -> Fault:
    return Fault(kind, processing_code=code, nth=nth, times=times, ms=ms)


@dataclass(frozen=True)
class Story:
    """`asked`: the requests about the order, as far as they tell something; "…" stands for any queries."""

    name: str
    text: str
    state: str
    faults: tuple[Fault, ...] = ()
    asked: str = ""
    charged_minor: int = 0
    slips: int = 0
    late: str = ""


K = FaultKind
STORIES = (
    Story(
        "shown and paid", SHOWN + "show_qr: wait 2 phone wechat\napproved:\nidle:", "completed",
        charged_minor=12850, slips=1, asked="create … query",
    ),
    Story(
        "shown, scanned, and paid while the customer thinks", SHOWN + "show_qr:\napproved:\nidle:", "completed",
        (fault(K.CUSTOMER_SCANS, QUERY, 1), fault(K.CUSTOMER_PAYS, QUERY, 3)), asked="create … query", slips=1,
    ),
    Story(
        "shown, scanned and refused, then cancelled",
        SHOWN + "show_qr: wait 12 CANCEL\norder_closed: ENTER\nidle:", "reversed",
        (fault(K.CUSTOMER_SCANS, QUERY, 1), fault(K.CUSTOMER_REFUSES, QUERY, 2)), asked="create … query close",
    ),
    Story("shown and expired", SHOWN + "show_qr: wait 130\norder_closed: ENTER\nidle:", "reversed"),
    Story(
        "cancelled by the merchant: a last query, and with no gap the close",
        SHOWN + "show_qr: wait 1 CANCEL\norder_closed: ENTER\nidle:", "reversed", asked="create query close",
    ),
    Story(
        "paid between the last poll and the last query",
        SHOWN + "show_qr: wait 1 CANCEL\napproved:\nidle:", "completed",
        (fault(K.CUSTOMER_PAYS, QUERY),), asked="create query", slips=1, late="completed",
    ),
    Story(
        "paid between the last query and the close",
        SHOWN + "show_qr: wait 1 CANCEL\napproved:\nidle:", "completed",
        (fault(K.CUSTOMER_PAYS, CLOSE),), asked="create query close", slips=1, late="completed",
    ),
    Story(
        "the wallet refuses an early close, and closes later behind the idle screen",
        SHOWN + "show_qr: wait 1 CANCEL\norder_closing: ENTER\n" + DARK, "reversed",
        (fault(K.EARLY_CLOSE, CLOSE, times=EVERY, ms=20_000),),
    ),
    Story(
        "paid behind the idle screen: said and printed there",
        SHOWN + "show_qr: wait 1 CANCEL\norder_closing: ENTER\nidle: wait 90\norder_late: ENTER\nidle:", "completed",
        (fault(K.EARLY_CLOSE, CLOSE, times=EVERY, ms=600_000), fault(K.CUSTOMER_PAYS, QUERY, 2)), slips=1,
        late="completed",
    ),
    Story(
        "an order that nobody has scanned is not known: it is closed when its time has surely passed",
        SHOWN + "show_qr: wait 1 CANCEL\norder_closing: ENTER\n" + DARK, "reversed",
        (fault(K.UNSCANNED, QUERY, times=EVERY), fault(K.UNSCANNED, CLOSE, times=EVERY)),
    ),
    Story(
        "not known because nobody had scanned it, and then somebody did",
        SHOWN + "show_qr: wait 1 CANCEL\norder_closing: ENTER\nidle: wait 90\norder_late: ENTER\nidle:", "completed",
        (fault(K.UNSCANNED, QUERY, times=1), fault(K.UNSCANNED, CLOSE, times=1), fault(K.CUSTOMER_PAYS, QUERY, 2)),
        slips=1, late="completed",
    ),
    Story(
        "the clock leaps ahead while nobody has scanned it: it is not dead, and then somebody did",
        SHOWN + "show_qr: wait 1 CANCEL\norder_closing: ENTER\nidle: clock 7200 wait 90\norder_late: ENTER\nidle:",
        "completed",
        (fault(K.UNSCANNED, QUERY, times=2), fault(K.UNSCANNED, CLOSE, times=2), fault(K.CUSTOMER_PAYS, QUERY, 3)),
        slips=1, late="completed",
    ),
    Story("scanned and paid at once", SMALL + "approved:\nidle:", "completed", charged_minor=5000, slips=1),
    Story(
        "scanned: the user is paying, then has paid",
        SCANNED + "wallet_paying: wait 5 confirm wechat\napproved:\nidle:",
        "completed", charged_minor=150000, slips=1, asked="pay … query",
    ),
    Story(
        "scanned: the user is paying, then says no",
        SCANNED + "wallet_paying: wait 5 refuse wechat\norder_closed: ENTER\nidle:",
        "reversed", asked="pay … query",
    ),
    Story(
        "scanned: the user never answers, and the order is taken back",
        SCANNED + "wallet_paying: wait 70\norder_closed: ENTER\nidle:", "reversed",
    ),
    Story(
        "scanned and cancelled by the merchant: one query, one reversal",
        SCANNED + "wallet_paying: wait 1 CANCEL\norder_closed: ENTER\nidle:", "reversed", asked="pay query reverse",
    ),
    Story(
        "scanned, cancelled, and confirmed before the last query: it is a sale",
        SCANNED + "wallet_paying: wait 1 CANCEL\napproved:\nidle:", "completed",
        (fault(K.CUSTOMER_PAYS, QUERY),), asked="pay query", charged_minor=150000, slips=1, late="completed",
    ),
    Story(
        "scanned, cancelled, and confirmed between the last query and the reversal: the reversal gives it back",
        SCANNED + "wallet_paying: wait 1 CANCEL\norder_closed: ENTER\nidle:", "reversed",
        (fault(K.CUSTOMER_PAYS, REVERSE),), asked="pay query reverse",
    ),
    Story(
        "scanned, cancelled, and told as paid by an answer that was lost: it is too late for a reversal",
        SCANNED + "wallet_paying: wait 1 CANCEL\nqr_unknown: ENTER\napproved:\nidle:", "completed",
        (fault(K.CUSTOMER_PAYS, QUERY), fault(K.DROP_REPLY, QUERY)), charged_minor=150000, slips=1, late="completed",
    ),
    Story(
        "the reversal's answer is lost: it is repeated, and its end is definite",
        SCANNED + "wallet_paying: wait 1 CANCEL\nqr_unknown: ENTER\norder_closed: ENTER\nidle:", "reversed",
        (fault(K.DROP_REPLY, REVERSE),), asked="pay query reverse query",
    ),
    Story(
        "the reversal never arrives: it is repeated",
        SCANNED + "wallet_paying: wait 1 CANCEL\nqr_unknown: ENTER\norder_closed: ENTER\nidle:", "reversed",
        (fault(K.DROP_REQUEST, REVERSE),),
    ),
    Story(
        "the reversal is too early, and is repeated behind the idle screen",
        SCANNED + "wallet_paying: wait 1 CANCEL\norder_closing: ENTER\n" + DARK, "reversed",
        (fault(K.EARLY_CLOSE, REVERSE, times=EVERY, ms=20_000),),
    ),
    # The line is lost at each step.
    Story("the order's request is lost", SHOWN + "qr_unknown: ENTER\norder_closed: ENTER\nidle:", "reversed",
          (fault(K.DROP_REQUEST, CREATE),)),
    Story("the order's answer is lost", SHOWN + "qr_unknown: ENTER\norder_closed: ENTER\nidle:", "reversed",
          (fault(K.DROP_REPLY, CREATE),), asked="create query close"),
    Story("every second poll is lost", SHOWN + "show_qr: wait 2 phone alipay\napproved:\nidle:", "completed",
          (fault(K.DROP_REQUEST, QUERY), fault(K.DROP_REPLY, QUERY, 1)), charged_minor=12850, slips=1),
    Story("the last query is lost", SHOWN + "show_qr: wait 1 CANCEL\nqr_unknown: ENTER\norder_closed: ENTER\nidle:",
          "reversed", (fault(K.DROP_REPLY, QUERY),)),
    Story("the close is lost", SHOWN + "show_qr: wait 1 CANCEL\nqr_unknown: ENTER\norder_closed: ENTER\nidle:",
          "reversed", (fault(K.DROP_REQUEST, CLOSE),)),
    Story("the close's answer is lost", SHOWN + "show_qr: wait 1 CANCEL\nqr_unknown: ENTER\norder_closed: ENTER\nidle:",
          "reversed", (fault(K.DROP_REPLY, CLOSE),)),
    Story("the close's answer is lost, and nobody stays", SHOWN + "show_qr: wait 1 CANCEL\nqr_unknown: CANCEL\n" + DARK,
          "reversed", (fault(K.DROP_REPLY, CLOSE),)),
    Story("the charge is lost", SMALL + "order_closed: ENTER\nidle:", "reversed", (fault(K.DROP_REQUEST, PAY),),
          asked="pay query"),
    Story("the charge's answer is lost", SMALL + "approved:\nidle:", "completed", (fault(K.DROP_REPLY, PAY),),
          asked="pay query", charged_minor=5000, slips=1),
    Story("the charge's answer and the query's are lost", SMALL + "qr_unknown: ENTER\napproved:\nidle:", "completed",
          (fault(K.DROP_REPLY, PAY), fault(K.DROP_REPLY, QUERY)), charged_minor=5000, slips=1),
    Story("nobody knows, and the user is still paying: a question does not take it back",
          SCANNED + "qr_unknown: ENTER\nqr_unknown: confirm wechat ENTER\napproved:\nidle:", "completed",
          (fault(K.WRONG_MAC, PAY), fault(K.WRONG_MAC, QUERY)), asked="pay query query query",
          charged_minor=150000, slips=1),
    Story("left open, and settled by query behind the idle screen",
          SMALL + "qr_unknown: CANCEL\ngive_up_order: CANCEL\nidle: wait 90\nidle:", "completed",
          (fault(K.DROP_REPLY, PAY), fault(K.DROP_REPLY, QUERY)), charged_minor=5000, slips=1),
    Story("given up while nobody knows: it is taken back",
          SCANNED + "qr_unknown: CANCEL\ngive_up_order: ENTER\norder_closed: ENTER\nidle:",
          "reversed", (fault(K.DROP_REPLY, PAY), fault(K.DROP_REQUEST, QUERY))),
    Story("a scan twice is one order", "idle: 5000 ENTER\nchoose_method: 3\nscan_code: scan 134567890123456789 "
          "scan 134567890123456789\nbad_code: CANCEL\nidle:", "declined"),
)  # fmt: skip
NAMES = {CREATE: "create", QUERY: "query", CLOSE: "close", PAY: "pay", REVERSE: "reverse"}


def listen(world: World) -> list[str]:
    """The requests about orders that leave the terminal from now on."""
    asked: list[str] = []

    def note(frame: bytes) -> None:
        message = decode(unwrap(frame, world.shop.profile).body, world.shop.profile)
        if message.mti == "0200" and message.text(3) in NAMES:
            asked.append(NAMES[message.text(3)])

    world.on_frame = note
    return asked


def told(asked: list[str], wanted: str) -> bool:
    """Whether `asked` is `wanted`, where "…" stands for any number of queries."""
    if "…" not in wanted:
        return asked == wanted.split()
    head, tail = (part.split() for part in wanted.split("…"))
    middle = asked[len(head) : len(asked) - len(tail)]
    return asked[: len(head)] == head and asked[len(asked) - len(tail) :] == tail and set(middle) <= {"query"}


def moved_minor(world: World) -> int:
    """What has left the wallets of the customer's phone."""
    kinds = ("wechat", "alipay", "unionpay")
    return sum(PHONE_BALANCE_MINOR - world.phone(kind).wallet.balance_minor for kind in kinds)


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_story(story: Story) -> None:
    with World(story.name) as world:
        asked = listen(world)
        for each in story.faults:
            world.acquirer.faults.add(each)
        world.run(play(world, START + story.text))
        (payment,) = all_payments(world.journal)
        assert payment.state.value == story.state
        assert discrepancies(world.journal, world.acquirer) == []
        assert moved_minor(world) == story.charged_minor or not story.charged_minor
        assert story.state == "completed" or moved_minor(world) == 0
        assert not story.asked or told(asked, story.asked), asked
        slips = slips_of(world)
        assert len(slips) == story.slips
        assert [slip.late.value for slip in slips] == [story.late] * story.slips
        assert world.journal.transact(lambda tx: tx.unprinted()) == ()


def slips_of(world: World) -> list[QrSlip]:
    """Every receipt of an order that was kept; two of one order would be two."""
    kept = (from_record(event.body["body"]) for event in world.journal.events_after(0) if event.kind == "slip")
    return [slip for slip in kept if isinstance(slip, QrSlip)]


CANCELLED = SHOWN + "show_qr: wait 1 CANCEL\norder_closing: ENTER\n"
CASH = "idle: 12850 ENTER\nchoose_method: 4\ncash_tendered: ENTER\ncash_change: ENTER\n"
HELD_OPEN = fault(K.EARLY_CLOSE, CLOSE, times=EVERY, ms=600_000)


def test_a_late_payment_goes_back_when_something_else_was_paid_for_its_sale() -> None:
    """In full, under a number of its own; both are in the totals, on paper and on the glass."""
    with World("late, refunded") as world:
        world.acquirer.faults.add(HELD_OPEN)
        world.acquirer.faults.add(fault(K.CUSTOMER_PAYS, QUERY, 2))
        world.run(play(world, START + CANCELLED + CASH + "idle: wait 90\norder_late: ENTER\nidle: wait 60\nidle:"))
        refund, cash, order = all_payments(world.journal)
        assert [p.state.value for p in (order, cash, refund)] == ["voided", "completed", "completed"]
        assert (refund.kind, refund.amount, refund.facts["undoes"]) == (Kind.REFUND, order.amount, order.id)
        (slip,) = slips_of(world)
        assert (slip.late.value, slip.refund_no) == ("refunded", refund.facts["refund_no"])
        assert discrepancies(world.journal, world.acquirer) == []
        (back,) = [entry for entry in world.acquirer.book.entries if entry.kind is Kind.REFUND]
        assert (back.refund_no, back.amount_minor) == (refund.facts["refund_no"], 12850)
        assert world.journal.transact(lambda tx: tx.unprinted()) == ()


@pytest.mark.parametrize("kind", [K.DROP_REQUEST, K.DROP_REPLY, K.WRONG_MAC], ids=lambda kind: kind.value)
def test_a_refund_that_nobody_answers_is_repeated_until_it_is_certain(kind: FaultKind) -> None:
    with World(f"refund {kind.value}") as world:
        for each in (HELD_OPEN, fault(K.CUSTOMER_PAYS, QUERY, 2), fault(kind, "750000"), fault(kind, "760000")):
            world.acquirer.faults.add(each)
        world.run(play(world, START + CANCELLED + CASH + "idle: wait 90\norder_late: ENTER\nidle: wait 400\nidle:"))
        states = [p.state.value for p in all_payments(world.journal)]
        assert states == ["completed", "completed", "voided"]
        assert len([e for e in world.acquirer.book.entries if e.kind is Kind.REFUND]) == 1, "one refund, never two"
        assert discrepancies(world.journal, world.acquirer) == []


def test_a_refund_that_is_refused_is_said_and_on_paper() -> None:
    with World("refund refused") as world:
        refused = Fault(K.CODE, processing_code="750000", code="61")
        for each in (HELD_OPEN, fault(K.CUSTOMER_PAYS, QUERY, 2), refused):
            world.acquirer.faults.add(each)
        story = CANCELLED + CASH + "idle: wait 90\norder_late: ENTER\norder_late: ENTER\nidle:"
        world.run(play(world, START + story))
        refund, _, order = all_payments(world.journal)
        assert (refund.state.value, refund.facts["response_code"], order.state.value) == ("declined", "61", "completed")
        assert world.journal.transact(lambda tx: tx.unprinted()) == ()


def test_two_orders_for_one_sale_are_one_charge_at_most() -> None:
    """The first is given up while the second is still open: it goes back, although nobody has paid the second yet."""
    with World("two orders") as world:
        world.acquirer.faults.add(HELD_OPEN)
        world.acquirer.faults.add(fault(K.CUSTOMER_PAYS, QUERY, 3))
        late = "idle: wait 90\norder_late: ENTER\nidle: wait 400\nidle:"
        world.run(play(world, START + CANCELLED + CANCELLED + late))
        refund, second, first = all_payments(world.journal)
        assert [p.state.value for p in (first, second, refund)] == ["voided", "reversed", "completed"]
        assert discrepancies(world.journal, world.acquirer) == []


def test_a_code_is_used_once() -> None:
    with World("used twice") as world:

        async def people() -> None:
            await play(world, START + "idle: 5000 ENTER\nchoose_method: 3\nscan_code:")
            code = world.phone("alipay").show_code()
            world.scan(code)
            again = f"scan_code: scan {code}\nbad_code: CANCEL\nidle:"
            await play(world, "approved:\nidle: 700 ENTER\nchoose_method: 3\n" + again)

        world.run(people())
        assert [p.state.value for p in all_payments(world.journal)] == ["declined", "completed"]
        assert moved_minor(world) == 5000
        assert discrepancies(world.journal, world.acquirer) == []


def test_a_scan_of_the_same_code_while_its_customer_is_asked_makes_no_second_order() -> None:
    with World("scanned again") as world:

        async def people() -> None:
            await play(world, START + "idle: 150000 ENTER\nchoose_method: 3\nscan_code:")
            code = world.phone("wechat").show_code()
            world.scan(code)
            await play(world, f"wallet_paying: wait 1 scan {code} wait 2 confirm wechat\napproved:\nidle:")

        world.run(people())
        assert [p.state.value for p in all_payments(world.journal)] == ["completed"]
        assert moved_minor(world) == 150_000


def test_the_countdown_travels_to_the_wallet() -> None:
    """What is on the glass when the code is drawn is the acquirer's own expiry, and it dies there by itself."""
    with World("expiry") as world:
        world.host_behaviour("ok")

        async def people() -> None:
            await play(world, START + "idle: 12850 ENTER\nchoose_method: 2\nshow_qr: host silent")
            (order,) = world.acquirer.book.qr_orders
            assert order.expires_ms - order.created_ms == 120_000
            await play(world, "qr_unknown: CANCEL")
            assert world.phone("wechat").phone.pay(order.payload, world.loop.now().wall_ms) is PayResult.EXPIRED

        world.run(people())


LEFT = "qr_unknown: CANCEL\ngive_up_order: CANCEL\n"
SAME = "idle: 12850 ENTER\nsame_amount_open: "
TWICE = (
    ("queried and paid, it is the sale", "1\nqr_unknown: ENTER\napproved:\nidle:", "completed", (K.CUSTOMER_PAYS,)),
    (
        "queried and closed, a new one begins",
        "1\nqr_unknown: CANCEL\ngive_up_order: ENTER\norder_closed: ENTER\nchoose_method: CANCEL\nidle:",
        "reversed",
        (),
    ),
    (
        "on purpose there are two",
        "2\nchoose_method: 3\nscan_code: show wechat\napproved:\nidle:",
        "unknown completed",
        (),
    ),
    ("neither: it is as open as it was", "CANCEL\nidle:", "unknown", ()),
)


@pytest.mark.parametrize(("name", "text", "states", "customer"), TWICE, ids=[case[0] for case in TWICE])
def test_the_same_amount_typed_again_shows_what_is_open(
    name: str, text: str, states: str, customer: tuple[FaultKind, ...]
) -> None:
    """Its creation was not answered, and the cashier left it open; another amount is asked nothing."""
    with World(name) as world:
        world.acquirer.faults.add(fault(K.DROP_REPLY, CREATE))
        other = "idle: 12851 ENTER\nchoose_method: CANCEL\n"
        for each in customer:
            world.acquirer.faults.add(fault(each, QUERY))
        world.run(play(world, START + SHOWN + LEFT + other + SAME + text))
        found = [payment.state.value for payment in reversed(all_payments(world.journal))]
        assert found == states.split()
