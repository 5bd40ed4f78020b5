"""Operator sign-in: a number and its password."""

from __future__ import annotations

from terminal.dialogue import type_text
from terminal.operators import FIRST_OPERATOR, authenticate
from terminal.screens import catalogue as screens
from terminal.shop import Shop


async def operator_sign_in(shop: Shop) -> bool:
    """Ask until an operator has signed in; False when nobody wants to (time-out, CANCEL)."""
    number = await type_text(
        shop,
        lambda value, problem: screens.EnterNumber(field="operator", value=value, hint=problem or "operator"),
        initial=FIRST_OPERATOR,
        limit=2,
        check=lambda value: "" if len(value) == 2 else "operator_wrong",
    )
    if number is None or not await authenticate(shop, number):
        return False
    shop.operator = number
    return True
