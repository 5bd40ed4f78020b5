"""What came with a wallet's payment: shown, printed, kept as facts, and given back by the order's amount.

Shown: a discount of the merchant's and one of the platform's, both ways round, on both panels and in both languages;
the customer pays what is left and has exactly that back; figures that do not come to the order leave it paid, and say
that they are not believed.
"""

from __future__ import annotations

import pytest
from test_flows_order_refund import SUPERVISOR
from test_flows_qr_life import slips_of
from test_flows_stories import START

from drivers.ports import Text
from sim.books import all_payments, discrepancies
from sim.story import play, to_transaction
from sim.world import PHONE_BALANCE_MINOR, World
from terminal.journal import PaymentRecord

pytestmark = pytest.mark.slow  # Whole stories.

GIVEN = "idle: fault merchant-discount,minor=500 fault platform-discount,minor=300 fault red-packet,minor=88\n"
SHOWN = "idle: 12850 ENTER\nchoose_method: 2\nshow_qr: wait 2 phone wechat\napproved:\nidle:"
SCANNED = "idle: 5000 ENTER\nchoose_method: 3\nscan_code: show alipay\napproved:\nidle:"
FALSE = "idle: fault merchant-discount,minor=500 fault false-discount,times=every\n"


def payments(world: World) -> list[PaymentRecord]:
    return list(reversed(all_payments(world.journal)))


def parts(payment: PaymentRecord) -> tuple[int, int, int]:
    customer, merchant, platform = (
        int(payment.facts[name]) for name in ("customer_minor", "discount_minor", "platform_minor")
    )
    return customer, merchant, platform


def printed(world: World) -> str:
    return "\n".join(line.text for slip in world.printer.slips for line in slip if isinstance(line, Text))


def left_minor(world: World, wallet: str) -> int:
    return PHONE_BALANCE_MINOR - world.phone(wallet).wallet.balance_minor


@pytest.mark.parametrize("language", ["zh-CN", "en"])
@pytest.mark.parametrize("panel", [(128, 64), (128, 128)])
def test_the_customer_pays_less_and_everybody_is_told(panel: tuple[int, int], language: str) -> None:
    seen: list[str] = []
    with World("promotions", panel=panel, language=language) as world:
        world.on_show = lambda picture: seen.extend(world.display.text() if picture.name == "approved" else ())
        world.run(play(world, START + GIVEN + SHOWN))
        (sale,) = payments(world)
        assert (sale.state.value, sale.amount.amount_minor, parts(sale)) == ("completed", 12_850, (12_050, 500, 300))
        assert left_minor(world, "wechat") == 12_050
        assert discrepancies(world.journal, world.acquirer) == []
        paper = printed(world)
    for words in ("商家立减", "-5.00", "平台立减", "-3.00", "RMB 120.50", "RMB 128.50", "获得红包 ¥0.88"):
        assert words in paper
    shown = " ".join(seen)
    assert "128.50" in shown and "120.50" in shown and "-8.00" in shown and "0.88" in shown


def test_a_scanned_code_is_charged_less() -> None:
    with World("promotions-scanned") as world:
        world.run(play(world, START + GIVEN + SCANNED))
        (sale,) = payments(world)
        assert parts(sale) == (4_200, 500, 300)
        assert left_minor(world, "alipay") == 4_200


def test_figures_that_do_not_add_up_lose_no_payment() -> None:
    with World("promotions-false") as world:
        world.run(play(world, START + FALSE + SHOWN))
        (sale,) = payments(world)
        assert sale.state.value == "completed"
        assert sale.facts["discounts_disbelieved"] is True and "customer_minor" not in sale.facts
        assert discrepancies(world.journal, world.acquirer) == []
        assert [slip.disbelieved for slip in slips_of(world)] == [True]
        assert "NOT BELIEVED" in printed(world)


def test_refunds_are_by_the_order_and_give_back_what_was_paid() -> None:
    """Two parts of an order with discounts: each bears its share, and together they have all of it back."""
    ask = to_transaction("order-refund") + "enter_number: 2 ENTER\norder_found: ENTER\nenter_amount: {} ENTER\n"
    with World("promotions-refund") as world:
        first, second = (ask.format(minor) + SUPERVISOR + "approved:\n" for minor in (3333, 9517))
        story = START + GIVEN + SHOWN.removesuffix("idle:") + first + second
        world.run(play(world, story + "idle:"))
        sale, *refunds = payments(world)
        assert [p.state.value for p in (sale, *refunds)] == ["voided", "completed", "completed"]
        assert [refund.amount.amount_minor for refund in refunds] == [3_333, 9_517]
        assert tuple(map(sum, zip(*map(parts, refunds), strict=True))) == parts(sale)
        assert left_minor(world, "wechat") == 0
        assert discrepancies(world.journal, world.acquirer) == []
