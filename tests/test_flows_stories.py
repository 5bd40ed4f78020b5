"""Storyboards: every ending of a sale as the person sees it, and what journal, host and paper say after it.

Each story is told by screen names and keys (sim.story explains the words), on the whole terminal in virtual time.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import pytest

from drivers.ports import Key
from sim.acquirer import Fault, FaultKind
from sim.books import all_payments, discrepancies
from sim.card import PROFILES, VirtualCard
from sim.story import FIRST_RUN, OPERATOR, play, press
from sim.twins.link import Network, Trip
from sim.world import World
from terminal.hostlink.codec import Message
from terminal.hostlink.profile import load_profile
from terminal.hostlink.reply import Verdict, VerdictKind
from terminal.hostlink.session import Answered
from terminal.hostlink.subfields import OrderState, OrderTag, write_tlv
from terminal.loop import Sleep
from terminal.methods.host_rail import read_news
from terminal.model import Method, Mode, Money
from terminal.rail import Fate, Order

START = FIRST_RUN + OPERATOR + "idle:\n"


def sale(card: str, amount: str = "12850") -> str:
    return f"""
idle: {amount} ENTER
choose_method: 1
insert_card: insert {card}
"""


@dataclass(frozen=True)
class Story:
    name: str
    text: str
    states: tuple[str, ...]  # Of all payments, oldest first.
    slips: int  # Printed since the self-test slip, copies counted.
    faults: tuple[Fault, ...] = ()
    mode: Mode = Mode.SIGNED_IN
    agree: bool = True


PIN = "enter_pin: 123456 ENTER\n"
STORIES = (
    Story(
        "chip sale approved with PIN",
        sale("unionpay-credit-pin") + PIN + "approved:\nremove_card: remove\nidle:",
        ("completed",),
        2,
    ),
    Story("signature", sale("signature") + "approved:\nremove_card: remove\nidle:", ("completed",), 2),
    Story("no CVM", sale("no-cvm") + "approved:\nremove_card: remove\nidle:", ("completed",), 2),
    Story("no PSE", sale("no-pse") + PIN + "approved:\nremove_card: remove\nidle:", ("completed",), 2),
    Story("T=0 in pieces", sale("long-61xx") + PIN + "approved:\nremove_card: remove\nidle:", ("completed",), 2),
    Story(
        "the cardholder chooses the second application",
        sale("two-apps") + "choose_application: DOWN ENTER\n" + PIN + "approved:\nremove_card: remove\nidle:",
        ("completed",),
        2,
    ),
    Story(
        "the first application refuses GPO",
        sale("gpo-refused")
        + "choose_application: ENTER\nchoose_application: ENTER\n"
        + PIN
        + "approved:\nremove_card: remove\nidle:",
        ("completed",),
        2,
    ),
    Story(
        "declined 51",
        sale("poor") + PIN + "declined: ENTER\nremove_card: remove\nidle:",
        ("declined",),
        1,
    ),
    Story(
        "declined 05",
        sale("do-not-honour") + PIN + "declined: ENTER\nremove_card: remove\nidle:",
        ("declined",),
        1,
    ),
    Story(
        "wrong PIN, then the right one: a new try from selection on, with a new STAN",
        sale("unionpay-credit-pin")
        + "enter_pin: 999999 ENTER\ndeclined: ENTER\ntry_pin_again: ENTER\n"
        + PIN
        + "approved:\nremove_card: remove\nidle:",
        ("declined", "completed"),
        2,
    ),
    Story(
        "host silent after it acted: reversed before the next card sale",
        sale("unionpay-credit-pin")
        + PIN
        + "waiting:\nreversal_pending: ENTER\nremove_card: remove\n"
        + sale("signature")
        + "approved:\nremove_card: remove\nidle:",
        ("reversed", "completed"),
        3,
        faults=(Fault(FaultKind.DROP_REPLY, mti="0200"),),
    ),
    Story(
        "the reversal is lost too: kept, and no card sale until it is answered",
        sale("unionpay-credit-pin")
        + PIN
        + "reversal_pending: ENTER\nremove_card: remove\n"
        + "idle: 500 ENTER\nchoose_method: 1\nreversing:\nreversal_pending: ENTER\n"
        + sale("signature")
        + "approved:\nremove_card: remove\nidle:",
        ("reversed", "completed"),
        3,
        faults=(Fault(FaultKind.DROP_REPLY, mti="0200"), Fault(FaultKind.DROP_REPLY, mti="0400")),
    ),
    Story(
        "wrong MAC in the answer: no approval, a reversal",
        sale("signature") + "reversal_pending: ENTER\nremove_card: remove\n" + sale("signature") + "approved:\n"
        "remove_card: remove\nidle:",
        ("reversed", "completed"),
        3,
        faults=(Fault(FaultKind.WRONG_MAC, mti="0200"),),
    ),
    Story(
        "another STAN's answer is dropped, and silence follows",
        sale("signature") + "reversal_pending: ENTER\nremove_card: remove\nidle:",
        ("reversing",),
        1,
        faults=(Fault(FaultKind.WRONG_STAN, mti="0200"),),
        agree=False,
    ),
    Story(
        "the line repeats the request and the host says 94: the first one may stand, so it is reversed",
        sale("signature") + "reversal_pending: ENTER\nremove_card: remove\n" + sale("signature") + "approved:\n"
        "remove_card: remove\nidle:",
        ("reversed", "completed"),
        3,
        faults=(Fault(FaultKind.CODE, mti="0200", code="94"),),
    ),
    Story(
        "77: sign in again, then the customer starts again",
        sale("signature") + "declined: ENTER\nremove_card: remove\nidle: ENTER\nsigning_in:\n" + sale("signature")
        + "approved:\nremove_card: remove\nidle:",
        ("declined", "completed"),
        3,
        faults=(Fault(FaultKind.CODE, mti="0200", code="77"),),
    ),
    Story(
        "the host asks for a new sign-in with its approval: the sale is good, then 签到",
        sale("signature") + "approved:\nremove_card: remove\nidle: ENTER\nsigning_in:\nidle:",
        ("completed",),
        2,
        faults=(Fault(FaultKind.REQUIREMENT, mti="0200", digit=3),),
    ),
    Story(
        "the host approves a part only: given back at once, nothing is sold",
        sale("unionpay-credit-pin") + PIN + "reversing:\nreversal_done: ENTER\nremove_card: remove\nidle:",
        ("reversed",),
        1,
        faults=(Fault(FaultKind.PARTIAL),),
    ),
    Story(
        "a part only, and the reversal is lost: kept for the next sale",
        sale("signature")
        + "reversal_pending: ENTER\nremove_card: remove\n"
        + sale("signature")
        + "approved:\nremove_card: remove\nidle:",
        ("reversed", "completed"),
        3,
        faults=(Fault(FaultKind.PARTIAL), Fault(FaultKind.DROP_REPLY, mti="0400")),
    ),
    Story(
        "the host asks for a new sign-in as it takes a reversal: no sale before 签到",
        sale("signature")
        + "reversal_pending: ENTER\nremove_card: remove\n"
        + "idle: 500 ENTER\nchoose_method: 1\nreversing:\nsign_in_due: ENTER\nidle: ENTER\nsigning_in:\n"
        + sale("signature")
        + "approved:\nremove_card: remove\nidle:",
        ("reversed", "completed"),
        3,
        faults=(Fault(FaultKind.DROP_REPLY, mti="0200"), Fault(FaultKind.REQUIREMENT, mti="0400", digit=3)),
    ),
    Story(
        "the host asks for a new sign-in with an order's answer: paid, then 签到",
        "idle: 5000 ENTER\nchoose_method: 3\nscan_code: show alipay\napproved:\nidle: 100\nsign_in_due: ENTER\n"
        "idle: ENTER\nsigning_in:\nidle:",
        ("completed",),
        2,
        faults=(Fault(FaultKind.REQUIREMENT, processing_code="730000", digit=3),),
    ),
    Story(
        "the host asks for a new sign-in as a reversal clears the way for settlement: first 签到, then settled",
        sale("signature")
        + "reversal_pending: ENTER\nremove_card: remove\n"
        + "idle: 100 ENTER\nchoose_method: 4\ncash_tendered: ENTER\ncash_change: ENTER\n"
        + "idle: DOWN\nmenu: 4\nreversing:\nsign_in_due: ENTER\nidle: ENTER\nsigning_in:\n"
        + "idle: DOWN\nmenu: 4\nconfirm_settlement: ENTER\nsettled: ENTER\nidle:",
        ("reversed", "settled"),
        3,
        faults=(Fault(FaultKind.DROP_REPLY, mti="0200"), Fault(FaultKind.REQUIREMENT, mti="0400", digit=3)),
        mode=Mode.KEYED,
    ),
    Story(
        "connection refused: the reversal is withdrawn, nothing was sent",
        sale("signature").replace("insert_card:", "insert_card: host refused")
        + "nothing_sent: ENTER\nremove_card: remove host ok\n"
        + sale("signature")
        + "approved:\nremove_card: remove\nidle:",
        ("abandoned", "completed"),
        3,
    ),
    Story(
        "the card says no after the host said yes: reversed at once",
        sale("declines-after-approval")
        + PIN
        + "reversing:\nreversal_done: ENTER\nremove_card: remove\nidle:",
        ("reversed",),
        1,
    ),
    Story(
        "cancelled at the PIN",
        sale("unionpay-credit-pin") + "enter_pin: 12 CANCEL\ncancelled: ENTER\nremove_card: remove\nidle:",
        ("abandoned",),
        0,
    ),
    Story(
        "nobody types a PIN",
        sale("unionpay-credit-pin") + "enter_pin: wait 90\ncancelled: ENTER\nremove_card: remove\nidle:",
        ("abandoned",),
        0,
    ),
    Story(
        "the card is pulled out at the PIN",
        sale("unionpay-credit-pin") + "enter_pin: 12 remove\ncard_problem: ENTER\nidle:",
        ("abandoned",),
        0,
    ),
    Story(
        "CLEAR at the PIN, three digits are too few",
        sale("unionpay-credit-pin")
        + "enter_pin: 999 ENTER 9 CLEAR 123456 ENTER\napproved:\nremove_card: remove\nidle:",
        ("completed",),
        2,
    ),
    Story(
        "no card comes: cancelled",
        "idle: 12850 ENTER\nchoose_method: 1\ninsert_card: CANCEL\nidle:",
        (),
        0,
    ),
    Story(
        "a mute card, then the card the right way round",
        sale("mute")
        + "card_problem: remove\ninsert_card: insert signature\napproved:\nremove_card: remove\nidle:",
        ("completed",),
        2,
    ),
    *(
        Story(
            f"{card}: a clear message, and ready for the next",
            sale(card) + "card_problem: ENTER\nremove_card: remove\nidle:",
            ("abandoned",),
            0,
        )
        for card in ("blocked", "garbage-tlv", "garbage-fci", "garbage-gpo", "no-pan", "unknown-aid", "endless-61xx")
    ),
    Story(
        "a card that approves offline is never believed",
        sale("offline-approver") + PIN + "card_problem: ENTER\nremove_card: remove\nidle:",
        ("abandoned",),
        0,
    ),
    Story(
        "cash with change",
        "idle: 12850 ENTER\nchoose_method: 4\ncash_tendered: 20000 ENTER\ncash_change: ENTER\nidle:",
        ("completed",),
        1,
    ),
    Story(
        "QR shown, scanned off the display's pixels, paid",
        "idle: 12850 ENTER\nchoose_method: 2\nshow_qr: wait 2 phone wechat\napproved:\nidle:",
        ("completed",),
        2,
    ),
    Story(
        "QR shown and cancelled: closed",
        "idle: 12850 ENTER\nchoose_method: 2\nshow_qr: wait 2 CANCEL\norder_closed: ENTER\nidle:",
        ("reversed",),
        0,
    ),
    Story(
        "QR shown and expired: closed",
        "idle: 12850 ENTER\nchoose_method: 2\nshow_qr: wait 130\norder_closed: ENTER\nidle:",
        ("reversed",),
        0,
    ),
    Story(
        "QR shown, then the host is silent: unknown, and settled by query",
        "idle: 12850 ENTER\nchoose_method: 2\nshow_qr: wait 2 phone alipay host silent CANCEL\n"
        "qr_unknown: host ok ENTER\napproved:\nidle:",
        ("completed",),
        2,
    ),
    Story(
        "QR scanned: paid at once",
        "idle: 5000 ENTER\nchoose_method: 3\nscan_code: show alipay\napproved:\nidle:",
        ("completed",),
        2,
    ),
    Story(
        "QR scanned: the customer must confirm, and does",
        "idle: 150000 ENTER\nchoose_method: 3\nscan_code: show wechat\nwallet_paying: wait 5 confirm wechat\n"
        "approved:\nidle:",
        ("completed",),
        2,
    ),
    Story(
        "QR scanned: the customer must confirm, and refuses",
        "idle: 150000 ENTER\nchoose_method: 3\nscan_code: show wechat\nwallet_paying: wait 5 refuse wechat\n"
        "order_closed: ENTER\nidle:",
        ("reversed",),
        0,
    ),
    Story(
        "a scan that is no payment code, then one that is",
        "idle: 5000 ENTER\nchoose_method: 3\nscan_code: scan 6901234567892\nbad_code: ENTER\n"
        "scan_code: show unionpay\napproved:\nidle:",
        ("completed",),
        2,
    ),
    Story(
        "paper out: the slip is printed again from its top",
        sale("signature")
        + "approved: paper out\npaper_stopped: wait 3 paper ok\nremove_card: remove\nidle:",
        ("completed",),
        2,
    ),
    Story(
        "reprint of the last slip",
        "idle: 12850 ENTER\nchoose_method: 4\ncash_tendered: ENTER\ncash_change: ENTER\nidle: DOWN\nmenu: 3\nidle:",
        ("completed",),
        2,
    ),
    Story(
        "settlement: balanced, the batch closed, sign-in required",
        sale("signature")
        + "approved:\nremove_card: remove\n"
        + "idle: 100 ENTER\nchoose_method: 4\ncash_tendered: ENTER\ncash_change: ENTER\n"
        + "idle: DOWN\nmenu: 4\nconfirm_settlement: ENTER\nsettled: ENTER\nidle: 100\nsign_in_due: ENTER\nidle:",
        ("settled", "settled"),
        4,
        mode=Mode.KEYED,
    ),
    Story(
        "settlement lost on its way goes on",
        sale("signature")
        + "approved:\nremove_card: remove\nidle: DOWN\n"
        + "menu: 4\nconfirm_settlement: host mute ENTER\nrefused: host ok ENTER\nidle: ENTER\nsettled: ENTER\nidle:",
        ("settled",),
        3,
        mode=Mode.KEYED,
    ),
    Story("today's list", "idle: DOWN\nmenu: 2\ntoday: CANCEL\nidle:", (), 0),
    Story("the other language", "idle: DOWN\nmenu: 7\nchoose_language: 1\nidle:", (), 0),
    Story(
        "wrong KCV discards all three keys",
        "idle: DOWN\nmenu: 6\nsign_in_failed: CANCEL\nidle: 100\nsign_in_due: ENTER\nidle:",
        (),
        0,
        faults=(Fault(FaultKind.BAD_KCV, mti="0800", nth=2),),
        mode=Mode.KEYED,
    ),
)


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_story(story: Story) -> None:
    with World(story.name) as world:
        for fault in story.faults:
            world.acquirer.faults.add(fault)
        world.run(play(world, START + story.text))
        payments = tuple(p.state.value for p in reversed(all_payments(world.journal)))
        assert payments == story.states
        assert world.printer.slip_count == story.slips + 1
        assert world.shop.mode is story.mode
        assert (discrepancies(world.journal, world.acquirer) == []) is story.agree
        world.journal.verify()


def test_a_lost_sale_and_its_lost_reversal_never_charge_twice() -> None:
    """The reply is lost on the line; the host's book ends with one charge for the two tries."""

    def trip(serial: int) -> Trip:
        return Trip(drop_reply=serial == 2)

    story = (
        START
        + sale("signature")
        + "reversal_pending: ENTER\nremove_card: remove\n"
        + sale("signature")
        + "approved:\nremove_card: remove\nidle:"
    )
    with World("lost", network=Network(trip=trip)) as world:
        world.run(play(world, story))
        assert discrepancies(world.journal, world.acquirer) == []
        assert sum(e.state.value == "approved" for e in world.acquirer.book.entries) == 1


LOST = "idle: 500 ENTER\nchoose_method: 1\nreversing:\nreversal_pending: ENTER\n"


@pytest.mark.parametrize(
    "way",
    [
        "idle: DOWN\nmenu: 5\nreversing:\nproblem: ENTER\n",
        "idle: DOWN\nmenu: 6\nsigning_in:\nreversing:\n",
    ],
    ids=["query", "sign-in"],
)
def test_a_reversal_that_had_all_its_tries_keeps_no_customer_waiting(way: str) -> None:
    """1 + resend_count sends, then the sale is refused at once; the menu's query and a sign-in send it again."""
    tries = load_profile("unionpay").reversal_resend_count + 1
    text = (
        START
        + sale("signature")
        + "reversal_pending: ENTER\nremove_card: remove\n"
        + LOST * tries
        + "idle: 500 ENTER\nchoose_method: 1\nreversal_pending: ENTER\n"
    )
    with World("tries") as world:
        world.acquirer.faults.add(Fault(FaultKind.DROP_REPLY, mti="0200"))
        world.acquirer.faults.add(Fault(FaultKind.DROP_REPLY, mti="0400", times=tries))

        async def people() -> None:
            await play(world, text)
            assert world.eyes.history.count("reversing") == tries
            await play(world, way + sale("signature") + "approved:\nremove_card: remove\nidle:")

        world.run(people())
        assert world.eyes.history.count("reversing") == tries + 1
        assert tuple(p.state.value for p in reversed(all_payments(world.journal))) == ("reversed", "completed")
        assert discrepancies(world.journal, world.acquirer) == []


def test_a_sign_in_gives_a_reversal_its_tries_again() -> None:
    """Lost at the sign-in too: the next customer's sale sends it, and finds the host answering."""
    tries = load_profile("unionpay").reversal_resend_count + 1
    text = (
        START
        + sale("signature")
        + "reversal_pending: ENTER\nremove_card: remove\n"
        + LOST * tries
        + "idle: DOWN\nmenu: 6\nsigning_in:\nreversing:\nreversal_pending: ENTER\n"
        + sale("signature")
        + "approved:\nremove_card: remove\nidle:"
    )
    with World("tries-again") as world:
        world.acquirer.faults.add(Fault(FaultKind.DROP_REPLY, mti="0200"))
        world.acquirer.faults.add(Fault(FaultKind.DROP_REPLY, mti="0400", times=tries + 1))
        world.run(play(world, text))
        assert world.eyes.history.count("reversing") == tries + 2
        assert discrepancies(world.journal, world.acquirer) == []


def test_an_order_whose_money_went_back_is_closed() -> None:
    """Paid while the line was silent, refunded by the acquirer: the query says so, and nothing was sold."""
    before = (
        START + "idle: 12850 ENTER\nchoose_method: 2\nshow_qr: wait 2 phone alipay host silent CANCEL\nqr_unknown:"
    )
    with World("refunded") as world:

        async def people() -> None:
            await play(world, before)
            (order,) = world.acquirer.book.orders.values()
            assert order.state is OrderState.PAID
            order.state = OrderState.REFUNDED
            world.host_behaviour("ok")
            await press(world, "ENTER")
            await play(world, "order_closed: ENTER\nidle:")

        world.run(people())
        (payment,) = all_payments(world.journal)
        assert (payment.state.value, payment.facts["closed_as"]) == ("reversed", "refunded")
        assert discrepancies(world.journal, world.acquirer) == []


def test_an_acquirer_without_orders_is_offered_card_and_cash_only() -> None:
    profile = dataclasses.replace(load_profile("unionpay"), qr_scheme="none")
    story = "idle: 12850 ENTER\nchoose_method: 3 4 2\ncash_tendered: ENTER\ncash_change: ENTER\nidle:"
    with World("no-qr", profile=profile) as world:
        world.run(play(world, START + story))
        (payment,) = all_payments(world.journal)
        assert payment.method is Method.CASH


def test_a_part_is_no_payment_of_an_order() -> None:
    """Code 10 with "paid" in it is not believed: the order is asked about again."""
    tags = write_tlv({OrderTag.ORDER_NO: "1", OrderTag.STATE: "PAID"})
    order = Order("1", Method.QR_SHOWN, Money(100), expires_ms=0, seconds=120, batch_no="000001", stan="000001")
    for code, fate in (("00", Fate.PAID), ("10", Fate.SILENT)):
        reply = Message("0210", {39: code, 59: tags})
        news = read_news(Answered(reply, Verdict(VerdictKind.APPROVED, code), 0), order, load_profile("unionpay"))
        assert news.fate is fate


def test_what_the_cardholder_is_asked_is_asked_in_the_cards_language() -> None:
    """Spec: EMV 4.4 Book 4 §11.1. What the shop's people read stays in theirs."""
    guest = PROFILES["two-apps"]
    applications = tuple(dataclasses.replace(each, language="frzhen") for each in guest.applications)
    said: dict[str, str] = {}
    with World("guest") as world:
        world.cards["two-apps"] = VirtualCard(dataclasses.replace(guest, applications=applications))
        world.on_show = lambda picture: said.update({picture.name: picture.text()[0]})

        async def people() -> None:
            await play(world, START + sale("two-apps") + "choose_application: DOWN ENTER\n" + PIN + "approved:\n")

        world.run(people())
    # This card tells its languages with the application, so the choice before it is still in the shop's.
    assert (said["choose_application"], said["enter_pin"]) == ("Choose one", "请输密码 60秒")
    assert (said["insert_card"], said["connecting"], said["approved"]) == ("Insert or swipe", "Connecting", "Approved")


def test_the_double_zero_types_two_zeros_and_the_glass_says_the_exact_amount() -> None:
    said: list[str] = []

    async def people(world: World) -> None:
        await play(world, START)
        for key in (Key.D1, Key.DOUBLE_ZERO, Key.D5, Key.DOUBLE_ZERO, Key.CLEAR, Key.DOUBLE_ZERO):
            world.press(key)
            await Sleep(200)
            said.append(" ".join(world.display.text()))

    with World("double-zero") as world:
        world.run(people(world))
    for text, amount in zip(said, ("0.01", "1.00", "10.05", "1005.00", "100.50", "10050.00"), strict=True):
        assert amount in text.replace(",", ""), (text, amount)
