"""交易: the menu of everything that is done with a card beside the sale, as far as this merchant offers it.

To add a transaction: its flow, a row here, its word in `config.settings` and in the strings, its row in `rights.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from terminal.dialogue import choose
from terminal.flows import order_refund
from terminal.flows.card_only import (
    authorise,
    authorise_order,
    balance,
    instalment,
    order,
    points,
    repayment,
    told_by_telephone,
)
from terminal.flows.later import (
    complete,
    complete_order,
    notify_completion,
    refund,
    refund_order,
    refund_points,
    void_authorisation,
    void_order_authorisation,
)
from terminal.flows.sale import sale
from terminal.flows.tip import tip
from terminal.flows.void import signature_differs, void
from terminal.hostlink.transactions import Card
from terminal.model import Kind
from terminal.screens import catalogue as screens
from terminal.shop import Shop

Flow = Callable[[Shop], Coroutine[Any, Any, None]]
Rows = tuple[tuple[str, Flow], ...]
SALE = "sale"  # Is always offered.
OF_ORDERS = ("order-refund", "order-query")
# The digits 1 to 9 reach what stands in one group, so none has more rows.
GROUPS: tuple[tuple[str, Rows], ...] = (
    (
        "sales",
        (
            (SALE, sale),
            ("void", void),
            ("refund", refund),
            ("order-refund", order_refund.refund),
            ("signature", signature_differs),
            ("tip", tip),
            ("instalment", instalment),
            ("points", points),
            ("points-refund", refund_points),
        ),
    ),
    (
        "preauth",
        (
            ("auth", authorise),
            ("auth-void", void_authorisation),
            ("completion", complete),
            ("completion-notice", notify_completion),
        ),
    ),
    (
        "moto",
        (
            ("moto-sale", order),
            ("moto-refund", refund_order),
            ("moto-auth", authorise_order),
            ("moto-auth-void", void_order_authorisation),
            ("moto-completion", complete_order),
        ),
    ),
    (
        "other",
        (
            ("balance", balance),
            ("order-query", order_refund.query),
            ("repayment", repayment),
            ("offline-settlement", told_by_telephone),
        ),
    ),
)


def offered(names: tuple[str, ...]) -> tuple[tuple[str, Rows], ...]:
    """The groups as this merchant sees them: without what is not in `names`, and without empty ones."""
    found = (
        (group, tuple(row for row in rows if row[0] == SALE or row[0] in names)) for group, rows in GROUPS
    )
    return tuple((group, rows) for group, rows in found if rows)


async def transactions(shop: Shop) -> None:
    """Choose one and do it. What cannot be done now says so itself. A single group needs no choice."""
    groups = offered(tuple(name for name in shop.config.transactions.offered if _host_allows(shop, name)))
    at = 0 if len(groups) == 1 else await _choose(shop, "transactions", [name for name, _ in groups])
    if at is None:
        return
    group, rows = groups[at]
    chosen = await _choose(shop, group, [name for name, _ in rows])
    if chosen is not None:
        _, flow = rows[chosen]
        await flow(shop)


async def _choose(shop: Shop, title: str, names: Sequence[str]) -> int | None:
    items = tuple(f"menu.{name}" for name in names)
    return await choose(shop, len(items), lambda at: screens.Menu(title=f"menu.{title}", items=items, selected=at))


def _host_allows(shop: Shop, name: str) -> bool:
    """Whether the parameters that were loaded have nothing against it. 签名不符 is a void, whose word it is."""
    if name in OF_ORDERS:  # No parameter speaks of wallets.
        return shop.profile.qr_scheme != "none"
    told = shop.downloaded.parameters
    if told is None:
        return True
    kind = Kind.VOID if name == "signature" else Kind(name)
    typed = shop.profile.transactions[kind].card is Card.TYPED
    forbidden = (typed and told.manual_entry is False) or (kind is Kind.TIP and told.tip is False)
    return told.allows(kind) and not forbidden
