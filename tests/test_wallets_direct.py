"""WeChat and Alipay asked directly: the published libraries over real TLS, against gateways that check every signature.

The same story for both: what each wallet calls things is its own, what it comes to is the port's.
"""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from wallet_gateways import NOW_MS, Bench, Keys, alipay_contract, bench, order, private_pem, wechat_contract

from drivers.https import HttpsClient
from drivers.ports import LinkDown, LinkFault
from sim.gateways.till import State
from terminal.model import Method, Money, Payer
from terminal.rail import Fate, Refund, RefundFate
from terminal.wallets.alipay import CHINA, Alipay
from terminal.wallets.direct import Unbelievable
from terminal.wallets.wechat import WeChat

pytestmark = pytest.mark.slow
SCANNED = Method.QR_SCANNED


@pytest.fixture(scope="module")
def keys() -> Keys:
    return Keys.made()


@pytest.fixture(params=["wechat", "alipay"])
def place(request: pytest.FixtureRequest, keys: Keys, tmp_path: Path) -> Iterator[Bench]:
    with bench(request.param, keys, tmp_path) as made:
        yield made


def test_a_shown_code_is_paid(place: Bench) -> None:
    made = place.wallet.create(order())
    assert (made.fate, made.payload[:17]) == (Fate.WAITING, "https://pay.test/")
    assert place.wallet.query(order()).fate is Fate.WAITING
    place.till.scan(made.payload, place.user, NOW_MS)
    paid = place.wallet.query(order())
    assert (paid.fate, paid.wallet, paid.paid_ms) == (Fate.PAID, place.wallet.name, NOW_MS)
    assert paid.wallet_no == place.till.trades[order().number].wallet_no
    assert (place.user.balance_minor, place.till.taken_minor) == (100_000 - 12_850, 12_850)


def test_the_countdown_is_the_wallet_s_own_expiry(place: Bench) -> None:
    made = place.wallet.create(order())
    assert place.till.trades[order().number].expires_ms == order().expires_ms
    place.clock.ms += 120_000
    assert place.wallet.query(order()).fate is Fate.CLOSED
    with pytest.raises(Exception, match="closed"):
        place.till.scan(made.payload, place.user, place.clock.ms)


def test_a_shown_code_is_closed_and_cannot_be_paid(place: Bench) -> None:
    place.wallet.create(order())
    assert place.wallet.close(order()).fate is Fate.CLOSED
    assert place.wallet.query(order()).fate is Fate.CLOSED


def test_a_close_that_comes_too_late_finds_it_paid(place: Bench) -> None:
    made = place.wallet.create(order())
    place.till.scan(made.payload, place.user, NOW_MS)
    assert place.wallet.close(order()).fate is Fate.PAID


def test_a_close_that_comes_too_early_leaves_it_open(place: Bench) -> None:
    place.wallet.create(order())
    place.till.mood.no_early_close_ms = 300_000
    assert place.wallet.close(order()).fate in (Fate.REFUSED, Fate.WAITING)
    assert place.till.trades[order().number].state is State.UNPAID


def test_an_unscanned_order_may_not_be_known(place: Bench) -> None:
    place.till.mood.unscanned_unknown = True
    made = place.wallet.create(order())
    assert place.wallet.query(order()).fate is Fate.ABSENT
    assert place.wallet.close(order()).fate is Fate.ABSENT
    place.till.scan(made.payload, place.user, NOW_MS)
    assert place.wallet.query(order()).fate is Fate.PAID


def test_a_scanned_code_is_charged_once(place: Bench) -> None:
    code = place.till.new_code(place.user, NOW_MS)
    first = place.wallet.pay_by_code(order(method=SCANNED), code)
    again = place.wallet.pay_by_code(order(method=SCANNED), code)
    assert (first.fate, again.fate, place.till.taken_minor) == (Fate.PAID, Fate.PAID, 12_850)
    another = place.wallet.pay_by_code(order("T0000001000002", method=SCANNED), code)
    assert (another.fate, another.fault) == (Fate.REFUSED, "used")
    assert place.till.taken_minor == 12_850


def test_a_user_who_has_to_confirm(place: Bench) -> None:
    asked = order(minor=60_000, method=SCANNED)
    assert place.wallet.pay_by_code(asked, place.till.new_code(place.user, NOW_MS)).fate is Fate.PAYING
    assert place.wallet.query(asked).fate is Fate.PAYING
    place.till.confirm(place.till.trades[asked.number], NOW_MS)
    assert place.wallet.query(asked).fate is Fate.PAID


def test_no_money_is_a_refusal(place: Bench) -> None:
    place.user.balance_minor = 5
    code = place.till.new_code(place.user, NOW_MS)
    assert place.wallet.pay_by_code(order(method=SCANNED), code).fate is Fate.REFUSED


def test_a_reverse_gives_back_what_was_paid(place: Bench) -> None:
    paid = order(method=SCANNED)
    place.wallet.pay_by_code(paid, place.till.new_code(place.user, NOW_MS))
    assert place.wallet.reverse(paid).fate is Fate.REFUNDED
    assert place.wallet.reverse(paid).fate is Fate.REFUNDED  # The same intent again is the same.
    assert (place.user.balance_minor, place.till.taken_minor) == (100_000, 0)


def test_a_reverse_of_what_was_not_paid_closes_it(place: Bench) -> None:
    asked = order(minor=60_000, method=SCANNED)
    place.wallet.pay_by_code(asked, place.till.new_code(place.user, NOW_MS))
    assert place.wallet.reverse(asked).fate is Fate.CLOSED
    assert place.wallet.query(asked).fate is Fate.CLOSED


def test_refunds_in_parts_never_exceed_the_order(place: Bench) -> None:
    made = place.wallet.create(order())
    place.till.scan(made.payload, place.user, NOW_MS)
    first, second = Refund("R1", Money(5_000)), Refund("R2", Money(7_850))
    assert place.wallet.refund(order(), first).fate is RefundFate.DONE
    assert place.wallet.refund(order(), first).fate in (RefundFate.DONE, RefundFate.PENDING)  # Nothing moves twice.
    assert place.wallet.refund_query(order(), first).fate is RefundFate.DONE
    assert place.wallet.refund(order(), second).fate is RefundFate.DONE
    assert place.wallet.refund(order(), Refund("R3", Money(1))).fate is RefundFate.REFUSED
    assert (place.user.balance_minor, place.till.taken_minor) == (100_000, 0)


def test_a_question_about_a_refund_is_no_refusal_of_it(place: Bench) -> None:
    """Our clock is wrong, so the question is not taken; what became of the refund, nobody knows."""
    assert place.wallet.refund_query(order(), Refund("R1", Money(5_000))).fate is RefundFate.ABSENT
    place.clock.skew_ms = 3_600_000
    with contextlib.suppress(Unbelievable):  # Alipay signs no such answer.
        assert place.wallet.refund_query(order(), Refund("R1", Money(5_000))).fate is RefundFate.SILENT


def test_a_refund_is_pending_until_its_query_says_so(place: Bench) -> None:
    made = place.wallet.create(order())
    place.till.scan(made.payload, place.user, NOW_MS)
    place.till.mood.pending_ms = 60_000
    refund = Refund("R1", Money(12_850))
    assert place.wallet.refund_query(order(), refund).fate is RefundFate.ABSENT
    assert place.wallet.refund(order(), refund).fate is RefundFate.PENDING
    assert place.wallet.refund_query(order(), refund).fate is RefundFate.PENDING
    place.clock.ms += 60_000
    assert place.wallet.refund_query(order(), refund).fate is RefundFate.DONE


@pytest.mark.parametrize("platform", [True, False])
def test_who_bears_a_discount_is_told(place: Bench, platform: bool) -> None:
    made = place.wallet.create(order())
    place.till.discount_minor = 500
    place.till.trades[order().number].platform = platform
    place.till.scan(made.payload, place.user, NOW_MS)
    news = place.wallet.query(order())
    (promotion,) = news.promotions or ()
    assert news.customer == Money(12_350)
    assert (promotion.amount, promotion.payer) == (Money(500), Payer.PLATFORM if platform else Payer.MERCHANT)
    assert place.user.balance_minor == 100_000 - 12_350


def test_a_discount_that_is_no_amount_loses_no_payment(place: Bench) -> None:
    made = place.wallet.create(order())
    place.till.discount_minor, place.till.mood.odd_discount = 500, True
    place.till.scan(made.payload, place.user, NOW_MS)
    news = place.wallet.query(order())
    assert (news.fate, news.promotions) == (Fate.PAID, None)


def test_nothing_is_believed_that_the_wallet_has_not_signed(place: Bench) -> None:
    place.wallet.create(order())
    place.till.mood.forged = True
    for ask in (place.wallet.query, place.wallet.create):
        with pytest.raises(Unbelievable, match="unauthenticated"):
            ask(order())


def test_an_answer_about_another_order_is_none(place: Bench) -> None:
    made = place.wallet.create(order())
    place.till.scan(made.payload, place.user, NOW_MS)
    place.till.mood.other_order = True
    with pytest.raises(Unbelievable, match="garbled"):
        place.wallet.query(order())


def test_another_amount_is_not_this_order_s(place: Bench) -> None:
    made = place.wallet.create(order())
    place.till.scan(made.payload, place.user, NOW_MS)
    with pytest.raises(Unbelievable, match="garbled"):
        place.wallet.query(order(minor=12_851))


def test_a_busy_wallet_leaves_everything_open(place: Bench) -> None:
    place.till.mood.busy = True
    assert place.wallet.create(order()).fate is Fate.SILENT
    assert place.wallet.query(order()).fate is Fate.SILENT
    assert place.wallet.refund(order(), Refund("R1", Money(1))).fate is RefundFate.SILENT


def test_a_clock_that_is_wrong_is_refused_and_says_nothing_of_the_order(place: Bench) -> None:
    place.clock.skew_ms = 3_600_000
    with contextlib.suppress(Unbelievable):
        assert place.wallet.create(order()).fate in (Fate.REFUSED, Fate.SILENT)
    assert not place.till.trades


def test_a_stale_answer_is_not_the_wallet_s(keys: Keys, tmp_path: Path) -> None:
    with bench("wechat", keys, tmp_path) as place:
        place.wallet.create(order())
        place.till.mood.stale = True
        with pytest.raises(Unbelievable, match="unauthenticated"):
            place.wallet.query(order())


def test_the_gateway_refuses_another_key_and_a_second_use(keys: Keys, tmp_path: Path) -> None:
    with bench("wechat", keys, tmp_path) as place:
        client = HttpsClient("127.0.0.1", place.port, ca_file=place.ca)
        contract = wechat_contract(Keys(keys.forger, keys.wallet, keys.forger))
        stranger = WeChat(contract, client, lambda: NOW_MS, lambda: "N1")
        assert stranger.create(order()).fate is Fate.REFUSED
        replayed = WeChat(wechat_contract(keys), client, lambda: NOW_MS, lambda: "ONCE")
        assert replayed.create(order()).fate is Fate.WAITING
        assert replayed.create(order("T0000001000002")).code == "SIGN_ERROR"
        assert list(place.till.trades) == [order().number]


def test_tls_believes_only_the_authority_that_was_named(place: Bench, keys: Keys, tmp_path: Path) -> None:
    from sim.tls import make_certificates

    other = make_certificates(tmp_path / "other").ca
    with pytest.raises(LinkDown) as down:
        HttpsClient("127.0.0.1", place.port, ca_file=other).exchange("GET", "/", {})
    assert (down.value.fault, down.value.sent) == (LinkFault.TLS, False)


def test_nobody_there_is_nothing_sent(tmp_path: Path) -> None:
    with pytest.raises(LinkDown) as down:
        HttpsClient("127.0.0.1", 1).exchange("GET", "/", {})
    assert (down.value.fault, down.value.sent) == (LinkFault.REFUSED, False)


def test_a_lost_answer_may_have_been_done(place: Bench) -> None:
    place.wallet.create(order())
    place.till.mood.deaf = True
    place.client.patience_s = 0.3
    with pytest.raises(LinkDown) as down:
        place.wallet.close(order())
    assert down.value.sent
    assert place.till.trades[order().number].state is State.CLOSED


def test_keys_that_cannot_be_read_are_refused_at_once(keys: Keys) -> None:
    client = HttpsClient("127.0.0.1", 1)
    with pytest.raises(ValueError, match="cannot be read"):
        WeChat(replace(wechat_contract(keys), private_key="no key"), client, lambda: 0, lambda: "")
    with pytest.raises(ValueError, match="cannot be read"):
        Alipay(replace(alipay_contract(keys), private_key="no key"), client, lambda: 0)


def test_no_contract_shows_its_key(keys: Keys) -> None:
    secret = private_pem(keys.merchant)[40:80]
    assert secret not in repr(wechat_contract(keys)) + repr(alipay_contract(keys))


def test_the_day_s_bill(place: Bench) -> None:
    day = datetime.datetime.fromtimestamp(NOW_MS / 1000, CHINA).date()
    place.till.mood.bill_late = True
    late = place.wallet.bill(day)
    assert (late.rows, late.fault) == (None, "")
    place.till.mood.bill_late = False
    made = place.wallet.create(order())
    place.till.scan(made.payload, place.user, NOW_MS)
    place.wallet.refund(order(), Refund("R1", Money(5_000)))
    rows = place.wallet.bill(day).rows
    assert rows is not None
    assert [(row.order_no, row.refund_no, row.amount, row.fee_minor) for row in rows] == [
        (order().number, "", Money(12_850), 77),
        (order().number, "R1", Money(5_000), -30),
    ]
    assert {row.at_ms for row in rows} == {NOW_MS}
    assert place.wallet.bill(day + datetime.timedelta(days=1)).rows == ()
