"""Today's list: what was sold and given back since midnight by the shop's clock, page by page.

Its total is counted as a batch's is: a sale and its void are nothing together, and what nobody knows is in no total.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from drivers.ports import Key
from terminal.dialogue import next_key
from terminal.flows.batch import is_unknown, worth
from terminal.methods.pick import todays
from terminal.methods.static_code import ASKED, is_receipt
from terminal.model import Method, Money, PaymentState
from terminal.screens import catalogue as screens
from terminal.shop import Shop

if TYPE_CHECKING:
    from terminal.journal import PaymentRecord


async def today(shop: Shop) -> None:
    payments = await todays(shop)
    total = sum((worth(shop, payment) or Money(0) for payment in payments), Money(0))
    a_page = screens.rows_a_page(shop.devices.display.height)
    pages = max(1, -(-len(payments) // a_page))
    page = 1
    while True:
        shown = payments[(page - 1) * a_page : page * a_page]
        rows = tuple(
            screens.TodayRow(
                time=f"{shop.local_time(p.created_ms):%H:%M}",
                kind=p.method.value,
                amount=p.amount,
                state=_state_of(p),
            )
            for p in shown
        )
        shop.show(screens.Today(rows=rows, page=page, pages=pages, total=total))
        key = await next_key(shop, shop.config.timeouts.key_ms)
        if key is Key.DOWN and page < pages:
            page += 1
        elif key is Key.UP and page > 1:
            page -= 1
        elif key in (None, Key.CANCEL, Key.ENTER, Key.CLEAR):
            return


def _state_of(payment: PaymentRecord) -> str:
    """A wallet's order is not reversed but closed; a settled refund that nobody answered is still unknown."""
    if is_unknown(payment):
        return PaymentState.UNKNOWN.value
    if is_receipt(payment) and not payment.facts.get(ASKED):
        return "unmatched"
    closing = payment.state is PaymentState.REVERSING and payment.method is not Method.CARD
    return "closing" if closing else payment.state.value
