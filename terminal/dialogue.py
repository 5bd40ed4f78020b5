"""Questions to a person, each with its time-out and its way out: choose, type a number, type an amount, read this.

Every key sounds the same (Tone.KEY). CANCEL always leaves; CLEAR takes back one digit; ENTER confirms. An answer is a
value; None means cancelled or timed out.
"""

from __future__ import annotations

from collections.abc import Callable

from drivers.ports import Key, Tone
from terminal.loop import Race, Sleep, Wait
from terminal.model import Money
from terminal.screens.catalogue import EnterAmount, Screen
from terminal.shop import Shop

AMOUNT_TYPED_MAX_MINOR = 99_999_999  # 999,999.99: more than a handheld's customer pays, less than a slip of the finger.


async def next_key(shop: Shop, timeout_ms: int) -> Key | None:
    """The next key, with its tone; None when nobody pressed one in time."""
    won, key = await Race(Wait(shop.boxes.keys), Sleep(timeout_ms))
    if won == 1:
        return None
    shop.sound(Tone.KEY)
    assert_key: Key = key
    return assert_key


async def acknowledge(shop: Shop, screen: Screen, timeout_ms: int = 0) -> Key | None:
    """Show something to be read until any key, at most `timeout_ms` (0: the configured time)."""
    shop.boxes.keys.renew()
    shop.show(screen)
    return await next_key(shop, timeout_ms or shop.config.timeouts.result_ms)


async def choose(shop: Shop, count: int, screen: Callable[[int], Screen], selected: int = 0) -> int | None:
    """Pick one of `count`: UP and DOWN move, ENTER takes, a digit 1-9 takes at once."""
    while True:
        shop.show(screen(selected))
        key = await next_key(shop, shop.config.timeouts.key_ms)
        if key is None or key is Key.CANCEL:
            return None
        if key is Key.ENTER:
            return selected
        if key is Key.UP:
            selected = (selected - 1) % count
        elif key is Key.DOWN:
            selected = (selected + 1) % count
        elif key.digits and 1 <= int(key.digits) <= count:
            return int(key.digits) - 1


async def type_text(
    shop: Shop,
    screen: Callable[[str, str], Screen],
    *,
    initial: str = "",
    limit: int,
    check: Callable[[str], str],
    extra: dict[Key, str] | None = None,
    instead: dict[Key, str] | None = None,
) -> str | None:
    """Type digits (and what `extra` maps keys to). `check` gives "" or the reason why the value will not do.

    `screen(value, problem)` draws it. A key of `instead` leaves at once with that word as the answer.
    """
    value, problem = initial, ""
    while True:
        shop.show(screen(value, problem))
        key = await next_key(shop, shop.config.timeouts.key_ms)
        if key is None or key is Key.CANCEL:
            return None
        if instead and key in instead:
            return instead[key]
        problem = ""
        if key is Key.CLEAR:
            value = value[:-1]
        elif key is Key.ENTER:
            problem = check(value)
            if not problem:
                return value
            shop.sound(Tone.FAILURE)
        else:
            typed = (extra or {}).get(key, key.digits)
            if len(value) + len(typed) <= limit:
                value += typed


async def type_amount(
    shop: Shop, first: Key | None = None, screen: Callable[[Money], Screen] = EnterAmount
) -> Money | None:
    """Key in an amount from the right, in minor units; zero is not accepted."""
    amount_minor = int(first.digits) if first and first.digits else 0
    while True:
        shop.show(screen(Money(amount_minor)))
        key = await next_key(shop, shop.config.timeouts.key_ms)
        if key is None or key is Key.CANCEL:
            return None
        if key is Key.CLEAR:
            amount_minor //= 10
        elif key is Key.ENTER:
            if amount_minor:
                return Money(amount_minor)
            shop.sound(Tone.FAILURE)
        elif key.digits:
            grown = amount_minor * 10 ** len(key.digits) + int(key.digits)
            if grown <= AMOUNT_TYPED_MAX_MINOR:
                amount_minor = grown
            else:
                shop.sound(Tone.FAILURE)
