"""A whole terminal whose WeChat orders go to the wallet itself: the published library, and our gateway behind the port.

In virtual time and without sockets: what carries bytes is handed the gateway. Both books are compared after each story.
"""

from __future__ import annotations

import dataclasses
import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from shop_days import AGREES
from wallet_gateways import Handed, Keys, gateway_of, wallet_of, wechat_contract

from sim.acquirer.wallets import Wallet, WalletKind
from sim.books import all_payments
from sim.gateways.till import Mood, State, Till
from sim.loop import START_WALL_MS
from sim.story import FIRST_RUN, OPERATOR, play, press, to_menu, to_transaction
from sim.world import MERCHANT_NO, TERMINAL_NO, World
from terminal.model import Kind, Method, Mode
from terminal.rail import ACQUIRER
from terminal.receipts import SettlementSlip, from_record
from terminal.wallets.direct import Direct
from terminal.wallets.wechat import NAME, WeChat

pytestmark = pytest.mark.slow
BEFORE_MINOR = 1_000_000


@dataclass
class Shop:
    """The world, the till behind the rail, and a customer whose code is read by `scan CODE`."""

    world: World
    till: Till
    user: Wallet
    line: Handed

    def code(self) -> str:
        return self.till.new_code(self.user, START_WALL_MS)

    def plays(self, text: str) -> None:
        self.world.run(play(self.world, FIRST_RUN + OPERATOR + text))

    def ends(self, states: str, kept_minor: int) -> None:
        """Both books: what the terminal says, what the wallet has moved, and that nothing is between them."""
        payments = tuple(reversed(all_payments(self.world.journal)))
        assert [payment.state.value for payment in payments] == states.split()
        assert {payment.facts["rail"] for payment in payments} == {NAME}
        assert self.till.taken_minor == kept_minor
        assert self.user.balance_minor == BEFORE_MINOR - kept_minor


@pytest.fixture(scope="module")
def keys() -> Keys:
    return Keys.made()


@pytest.fixture
def shop(keys: Keys) -> Iterator[Shop]:
    draw = random.Random(1).randbytes
    with World("direct") as world:
        till, gateway = gateway_of(NAME, keys, draw)
        line = Handed(gateway, world.world_ms)
        wallet = wallet_of(NAME, keys, line, world.world_ms)
        world.shop.rails = {NAME: Direct(wallet)}
        # The customer's codes are made before the day begins, and are good for all of it.
        user = Wallet(WalletKind.WECHAT, BEFORE_MINOR, confirm_from_minor=50_000)
        yield Shop(world, till, user, line)


def sale(code: str, minor: int = 5_000) -> str:
    return f"idle: {minor} ENTER\nchoose_method: 3\nscan_code: scan {code}\n"


def test_a_code_is_charged(shop: Shop) -> None:
    shop.plays(sale(shop.code()) + "approved:\nidle:")
    shop.ends("completed", 5_000)


def test_who_does_not_confirm_is_not_charged(shop: Shop) -> None:
    """After the wallet's own time, and not within fifteen seconds of the charge, the order is taken back."""
    shop.plays(sale(shop.code(), 60_000) + "wallet_paying: wait 31\norder_closed: ENTER\nidle:")
    shop.ends("reversed", 0)
    assert {trade.state for trade in shop.till.trades.values()} == {State.REVOKED}


def test_a_refusal_says_the_wallet_s_own_words(shop: Shop) -> None:
    shop.user.balance_minor = 1
    shop.plays(sale(shop.code()) + "declined: ENTER\nidle:")
    (payment,) = all_payments(shop.world.journal)
    assert (payment.state.value, payment.facts["response_code"]) == ("declined", "NOT_ENOUGH")


def test_a_code_that_is_spent_is_no_code(shop: Shop) -> None:
    code = shop.code()
    shop.plays(sale(code) + "approved:\n" + sale(code) + "bad_code: ENTER\nidle:")
    shop.ends("completed declined", 5_000)


def test_nothing_left_is_nothing_owed(shop: Shop) -> None:
    shop.line.cut = True
    shop.plays(sale(shop.code()) + "nothing_sent: ENTER\nidle:")
    shop.ends("abandoned", 0)


@pytest.mark.parametrize("mood", [Mood(deaf=True), Mood(forged=True), Mood(stale=True), Mood(other_order=True)])
def test_an_answer_that_cannot_be_believed_leaves_it_unknown_until_a_query(shop: Shop, mood: Mood) -> None:
    shop.till.mood = mood
    world = shop.world

    async def people() -> None:
        await play(world, FIRST_RUN + OPERATOR + sale(shop.code()) + "qr_unknown:")
        shop.till.mood = Mood()
        await press(world, "ENTER")
        await play(world, "approved:\nidle:")

    world.run(people())
    shop.ends("completed", 5_000)


def test_another_key_of_the_wallet_than_the_configured_one_is_said(shop: Shop, keys: Keys) -> None:
    """Whoever mistypes its id hears so at the first sale; the order is unknown, for it may have been charged."""
    told = dataclasses.replace(wechat_contract(keys), public_key_id="PUB_KEY_ID_02")
    numbers = itertools.count()
    wallet = WeChat(told, shop.line, shop.world.world_ms, lambda: f"M{next(numbers):08d}")
    shop.world.shop.rails = {NAME: Direct(wallet)}
    shop.plays(sale(shop.code()) + "refused: ENTER\nqr_unknown: CANCEL\ngive_up_order: CANCEL\nidle:")
    shop.ends("unknown", 5_000)


def test_another_merchant_s_number_is_refused_in_the_wallet_s_own_words(shop: Shop, keys: Keys) -> None:
    told = dataclasses.replace(wechat_contract(keys), serial="SERIAL02")
    wallet = WeChat(told, shop.line, shop.world.world_ms, lambda: "N")
    shop.world.shop.rails = {NAME: Direct(wallet)}
    shop.plays(sale(shop.code()) + "declined: ENTER\nidle:")
    (payment,) = all_payments(shop.world.journal)
    assert (payment.state.value, payment.facts["response_code"]) == ("declined", "SIGN_ERROR")


def shown(row: int) -> str:
    return f"idle: 5000 ENTER\nchoose_method: 2\nchoose_wallet: {row}\nshow_qr: "


def test_a_shown_code_is_the_chosen_wallet_s_own(shop: Shop) -> None:
    async def people() -> None:
        await play(shop.world, FIRST_RUN + OPERATOR + shown(1) + "wait 1")
        (trade,) = shop.till.trades.values()
        shop.till.scan(trade.payload, shop.user, shop.world.world_ms())
        await play(shop.world, "approved:\nidle:")

    shop.world.run(people())
    shop.ends("completed", 5_000)


def test_a_code_for_another_wallet_is_the_acquirer_s(shop: Shop) -> None:
    shop.plays(shown(2) + "phone alipay\napproved:\nidle:")
    (payment,) = all_payments(shop.world.journal)
    assert (payment.facts["rail"], shop.till.trades) == (ACQUIRER, {})


def test_who_leaves_the_question_has_no_order(shop: Shop) -> None:
    shop.plays("idle: 5000 ENTER\nchoose_method: 2\nchoose_wallet: CANCEL\nidle:")
    assert all_payments(shop.world.journal) == ()


def test_codes_that_are_not_asked_for_directly_are_the_acquirer_s(shop: Shop) -> None:
    direct = shop.world.shop.rails[NAME]
    assert isinstance(direct, Direct)
    direct.takes = frozenset({Method.QR_SCANNED})
    by_acquirer = "idle: 5000 ENTER\nchoose_method: 2\nshow_qr: phone wechat\napproved:\n"
    shop.plays(by_acquirer + sale(shop.code()) + "approved:\nidle:")
    payments = tuple(reversed(all_payments(shop.world.journal)))
    assert [payment.facts["rail"] for payment in payments] == [ACQUIRER, NAME]


def test_without_the_acquirer_s_scheme_only_contracts_take_codes(shop: Shop) -> None:
    terminal = shop.world.shop
    terminal.own_profile = dataclasses.replace(terminal.own_profile, qr_scheme="none")
    terminal.profile = terminal.host.profile = terminal.own_profile
    shop.plays(
        "idle: 5000 ENTER\nchoose_method: 2\nshow_qr: CANCEL\norder_closed: ENTER\n"
         "idle: 5000 ENTER\nchoose_method: 3\nscan_code: show alipay\nbad_code: ENTER\n"
        + sale(shop.code())
        + "approved:\nidle:"
    )
    shop.ends("reversed completed", 5_000)


def test_a_part_goes_back_and_is_pending_until_its_query(shop: Shop) -> None:
    shop.till.mood.pending_ms = 120_000
    shop.plays(
        sale(shop.code())
        + "approved:\n"
        + to_transaction("order-refund")
        + "enter_number: 2 ENTER\norder_found: ENTER\nenter_amount: 1200 ENTER\n"
        + AGREES
        + "refund_open: ENTER\nidle: wait 400\norder_late: ENTER\nidle:"
    )
    shop.ends("completed completed", 3_800)


def test_other_wallets_still_go_to_the_acquirer(shop: Shop) -> None:
    shop.plays("idle: 5000 ENTER\nchoose_method: 3\nscan_code: show alipay\napproved:\nidle:")
    (payment,) = all_payments(shop.world.journal)
    assert (payment.facts["rail"], shop.till.trades) == (ACQUIRER, {})


@pytest.mark.parametrize("platform", [True, False])
def test_a_discount_is_booked_and_the_whole_goes_back(shop: Shop, platform: bool) -> None:
    """The wallet's order is for all of it, and so is the void; the customer has paid, and gets back, less."""
    shop.till.discount_minor, shop.till.by_platform = 500, platform
    world = shop.world
    void = to_transaction("void") + "enter_number: 2 ENTER\norder_found: ENTER\n" + AGREES + "approved:\nidle:"

    async def people() -> None:
        await play(world, FIRST_RUN + OPERATOR + sale(shop.code()) + "approved:\n")
        (paid,) = all_payments(world.journal)
        merchant, by_platform = (0, 500) if platform else (500, 0)
        assert [paid.facts[name] for name in ("customer_minor", "discount_minor", "platform_minor")] == [
            4_500, merchant, by_platform,
        ]  # fmt: skip
        assert shop.user.balance_minor == BEFORE_MINOR - 4_500
        await play(world, void)

    world.run(people())
    shop.ends("voided completed", 0)


def test_a_discount_that_cannot_be_read_is_said_and_sold(shop: Shop) -> None:
    shop.till.discount_minor, shop.till.mood = 500, Mood(odd_discount=True)
    shop.plays(sale(shop.code()) + "approved:\nidle:")
    (paid,) = all_payments(shop.world.journal)
    assert (paid.state.value, paid.facts["discounts_disbelieved"]) == ("completed", True)


def test_the_host_is_told_of_its_own_orders_alone(shop: Shop) -> None:
    """What a wallet was asked for directly stands on the slip beside the host's totals, and the batch is balanced."""
    its_own = "idle: 1300 ENTER\nchoose_method: 3\nscan_code: show alipay\napproved:\n"
    ours = sale(shop.code()) + "approved:\n" + sale(shop.code(), 700) + "approved:\n"
    back = to_transaction("void") + "enter_number: 2 ENTER\norder_found: ENTER\n" + AGREES + "approved:\n"
    settle = to_menu("settlement") + "confirm_settlement: ENTER\nsettled:\nidle:"
    shop.plays(ours + its_own + back + settle)
    (batch,) = shop.world.acquirer.book.all_batches()
    assert batch.settlement is not None and batch.settlement.balanced
    assert (batch.settlement.booked.debit_minor, batch.settlement.booked.credit_minor) == (1_300, 0)
    record = shop.world.journal.transact(lambda tx: tx.last_slip(SettlementSlip.record_kind))
    assert record is not None
    slip = from_record(record.body)
    assert isinstance(slip, SettlementSlip)
    assert [(row.kind, row.count, row.amount.amount_minor, row.in_host_totals) for row in slip.rows] == [
        (Kind.REFUND, 1, -5_000, False),
        (Kind.SALE, 2, 5_700, False),
        (Kind.SALE, 1, 1_300, True),
    ]


def test_direct_orders_alone_keep_no_number_of_the_hosts_away(shop: Shop) -> None:
    """The host goes on with its next batch: nothing of ours is in the one before."""
    shop.plays(sale(shop.code()) + "approved:\nidle: CANCEL\n")
    shop.world.acquirer.change_batch((MERCHANT_NO, TERMINAL_NO))
    shop.world.run(play(shop.world, to_menu("sign_in") + "signing_in:\nidle:"))
    assert shop.world.shop.mode is Mode.SIGNED_IN


def test_a_question_that_the_wallet_does_not_take_says_nothing_of_the_refund(shop: Shop) -> None:
    """Its answer is lost, and then our clock is an hour wrong: 401. What may be back is not given back twice."""
    asked = to_transaction("order-refund") + "enter_number: 2 ENTER\norder_found: ENTER\nenter_amount: 1200 ENTER\n"

    async def people() -> None:
        await play(shop.world, FIRST_RUN + OPERATOR + sale(shop.code()) + "approved:\nidle: CANCEL\n")
        shop.till.mood.deaf = True
        await play(shop.world, asked + AGREES + "refund_open: ENTER\n")
        shop.till.mood.deaf, shop.line.ahead_ms = False, 3_600_000
        await play(shop.world, "idle: wait 400 CANCEL\n")
        shop.line.ahead_ms = 0
        await play(shop.world, "idle: wait 900\norder_late: ENTER\nidle:")

    shop.world.run(people())
    shop.ends("completed completed", 3_800)
