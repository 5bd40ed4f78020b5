"""What came with a wallet's payment: shown, printed, kept as facts, and given back by the order's amount.

Shown: a discount of the merchant's and one of the platform's, both ways round, on both panels and in both languages;
the customer pays what is left and has exactly that back; figures that do not come to the order leave it paid, and say
that they are not believed.
"""

from __future__ import annotations

import pytest
from shop_days import AGREES
from test_flows_qr_life import slips_of
from test_flows_stories import START

from drivers.ports import Text
from sim.books import all_payments, discrepancies
from sim.story import play, to_menu, to_transaction
from sim.world import PHONE_BALANCE_MINOR, World
from terminal.journal import PaymentRecord
from terminal.model import Kind, Money
from terminal.receipts import Balance, Discounts, SettlementSlip, from_record

pytestmark = pytest.mark.slow  # Whole stories.

GIVEN = "idle: fault merchant-discount,minor=500 fault platform-discount,minor=300 fault red-packet,minor=88\n"
SHOWN = "idle: 12850 ENTER\nchoose_method: 2\nshow_qr: wait 2 phone wechat\napproved:\nidle:"
SCANNED = "idle: 5000 ENTER\nchoose_method: 3\nscan_code: show alipay\napproved:\nidle:"
REPORTS = to_menu("reports")
SETTLE = to_menu("settlement") + "confirm_settlement: ENTER\nsettled: ENTER\nidle:"
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
        first, second = (ask.format(minor) + AGREES + "approved:\n" for minor in (3333, 9517))
        story = START + GIVEN + SHOWN.removesuffix("idle:") + first + second
        world.run(play(world, story + "idle:"))
        sale, *refunds = payments(world)
        assert [p.state.value for p in (sale, *refunds)] == ["voided", "completed", "completed"]
        assert [refund.amount.amount_minor for refund in refunds] == [3_333, 9_517]
        assert tuple(map(sum, zip(*map(parts, refunds), strict=True))) == parts(sale)
        assert left_minor(world, "wechat") == 0
        assert discrepancies(world.journal, world.acquirer) == []


def settlement_of(world: World) -> SettlementSlip:
    record = world.journal.transact(lambda tx: tx.last_slip(SettlementSlip.record_kind))
    assert record is not None
    slip = from_record(record.body)
    assert isinstance(slip, SettlementSlip)
    return slip


def test_a_settlement_counts_orders_and_says_who_bore_what() -> None:
    """Two orders with discounts, one whose figures are false, and a part of the first given back: the host agrees."""
    back = to_transaction("order-refund") + "enter_number: 2 ENTER\norder_found: ENTER\nenter_amount: 2570 ENTER\n"
    sales = GIVEN + SHOWN.removesuffix("idle:") + GIVEN + SCANNED.removesuffix("idle:")
    story = START + sales + back + AGREES + "approved:\n"
    with World("promotions-settled") as world:
        world.run(play(world, story + FALSE + SHOWN.removesuffix("idle:") + REPORTS + "menu: 1\n" + SETTLE))
        slip = settlement_of(world)
        report, settled = (
            "\n".join(line.text for line in paper if isinstance(line, Text)) for paper in world.printer.slips[-2:]
        )
        assert (slip.domestic, slip.total) == (Balance.BALANCED, Money(12_850 + 5_000 - 2_570 + 12_850))
        assert slip.discounts == Discounts(Money(500 + 500 - 100), Money(300 + 300 - 60), disbelieved=1)
        counted = [p for p in payments(world) if "customer_minor" in p.facts]
        signs = [-1 if p.kind is Kind.REFUND else 1 for p in counted]
        assert sum(s * parts(p)[0] for s, p in zip(signs, counted, strict=True)) == 12_050 + 4_200 - 2_410
        assert discrepancies(world.journal, world.acquirer) == []
        for paper in (report, settled):
            assert "281.30" in paper and "-9.00" in paper and "272.30" in paper and "5.40" in paper


def test_nobody_reads_of_discounts_where_there_were_none() -> None:
    with World("no-promotions") as world:
        world.run(play(world, START + SHOWN.removesuffix("idle:") + SETTLE))
        assert settlement_of(world).discounts is None
        assert "DISCOUNT" not in printed(world)
