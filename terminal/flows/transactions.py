"""交易: the menu of everything that is done with a card beside the sale, as far as this merchant offers it.

To add a transaction: its flow, a row here, its word in `config.settings.OFFERS` and in the strings.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from terminal.dialogue import choose
from terminal.flows.card_only import authorise, balance, points, repayment
from terminal.flows.later import complete, refund, void_authorisation
from terminal.flows.sale import sale
from terminal.flows.void import signature_differs, void
from terminal.screens import catalogue as screens
from terminal.shop import Shop

Flow = Callable[[Shop], Coroutine[Any, Any, None]]
SALE = "sale"  # Is always offered.
FLOWS: tuple[tuple[str, Flow], ...] = (
    (SALE, sale),
    ("void", void),
    ("refund", refund),
    ("auth", authorise),
    ("auth-void", void_authorisation),
    ("completion", complete),
    ("balance", balance),
    ("signature", signature_differs),
    ("repayment", repayment),
    ("points", points),
)


async def transactions(shop: Shop) -> None:
    """Choose one and do it. What cannot be done now says so itself."""
    rows = [(name, flow) for name, flow in FLOWS if name == SALE or name in shop.config.transactions.offered]
    items = tuple(f"menu.{name}" for name, _ in rows)
    chosen = await choose(
        shop, len(items), lambda at: screens.Menu(title="menu.transactions", items=items, selected=at)
    )
    if chosen is not None:
        _, flow = rows[chosen]
        await flow(shop)
