"""The first run: language, numbers, link, the first operator's password, keys, and a self-test slip.

Each answer is one question with a prepared value from the configuration; ▲ at the first number takes an activation
code in the place of both (flows/activation.py). Nothing is kept until the last question is
answered; then all of it in one commit, and it is never asked again. Where real keys are allowed the keys are the test
keys or a ceremony's, for which a second operator is added first; a ceremony that is left off begins the first run anew.
"""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING

from drivers.ports import Key
from terminal.config.rules import Wrong, address
from terminal.dialogue import acknowledge, choose, type_text
from terminal.flows import key_loading
from terminal.flows.activation import activate
from terminal.flows.self_test import self_test_slip
from terminal.loop import Commit
from terminal.model import Mode
from terminal.operators import FIRST_OPERATOR, add_operator, choose_password, set_password
from terminal.printing import keep, print_kept
from terminal.rights import Role
from terminal.screens import catalogue as screens
from terminal.shop import Activation, Shop
from terminal.strings import LANGUAGES

if TYPE_CHECKING:
    from terminal.journal import Tx

LINK_KEYS = {Key.UP: ".", Key.DOWN: ":"}
BY_CODE = "by_code"  # No merchant number has an underscore.
CODE_DIGITS = range(8, 17)


async def first_run(shop: Shop) -> bool:
    """Set the terminal up; False when the person left off (it is asked again at the next start)."""
    chosen = await choose(
        shop,
        len(LANGUAGES),
        lambda at: screens.ChooseLanguage(selected=at),
        LANGUAGES.index(shop.language) if shop.language in LANGUAGES else 0,
    )
    if chosen is None:
        return False
    shop.language = LANGUAGES[chosen]
    activation = await _numbers(shop)
    if activation is None:
        return False
    password = await choose_password(shop, FIRST_OPERATOR)
    if password is None:
        return False
    if shop.config.keys.real_keys:
        await _first_operator(shop, password)
        return await _with_real_keys(shop, activation)
    if await acknowledge(shop, screens.ConfirmTestKeys(), shop.config.timeouts.key_ms) is not Key.ENTER:
        return False
    await _first_operator(shop, password)
    shop.activation = activation
    await key_loading.load_test_keys(shop)
    slip = await self_test_slip(shop)

    def keep_all(tx: Tx) -> int:
        """The terminal's numbers and the slip that proves them: a power cut leaves both or neither."""
        _keep_numbers(shop, tx, activation)
        tx.set_mode(Mode.KEYED)
        return keep(tx, slip)

    slip_id = await Commit(keep_all)
    shop.mode = Mode.KEYED
    shop.dial(activation.host)
    await print_kept(shop, slip_id, slip)
    return True


async def _first_operator(shop: Shop, password: str) -> None:
    """The administrator; whoever was added in a first run that was left off is forgotten."""
    await Commit(lambda tx: tx.set("operators", None))
    await set_password(shop, FIRST_OPERATOR, password, Role.ADMINISTRATOR)


async def _with_real_keys(shop: Shop, activation: Activation) -> bool:
    """The last step where real keys are allowed: whoever comes for the second component gets a number first."""
    shop.activation = activation  # For the slip's head.
    while True:
        items = ("menu.add_operator", *key_loading.offered(shop))
        chosen = await choose(shop, len(items), partial(_key_menu, items))
        if chosen is None:
            shop.activation = None
            return False
        if chosen == 0:
            await add_operator(shop)
        elif await key_loading.load(shop, items[chosen], lambda tx: _keep_numbers(shop, tx, activation)):
            shop.dial(activation.host)
            return True


def _key_menu(items: tuple[str, ...], selected: int) -> screens.Menu:
    return screens.Menu(title="menu.load_keys", items=items, selected=selected)


def _keep_numbers(shop: Shop, tx: Tx, activation: Activation) -> None:
    tx.set("language", shop.language)
    tx.set("activation", asdict(activation))


async def _numbers(shop: Shop) -> Activation | None:
    config = shop.config
    merchant_no = await _ask(
        shop,
        "merchant_no",
        config.merchant.merchant_no or "",
        15,
        lambda v: len(v) == 15,
        instead={Key.UP: BY_CODE},
    )
    if merchant_no is None:
        return None
    if merchant_no == BY_CODE:
        return await _by_code(shop)
    terminal_no = await _ask(shop, "terminal_no", config.merchant.terminal_no or "", 8, lambda v: len(v) == 8)
    if terminal_no is None:
        return None
    host = await _host(shop)
    if host is None:
        return None
    return Activation(merchant_no=merchant_no, terminal_no=terminal_no, host=host)


async def _by_code(shop: Shop) -> Activation | None:
    host = await _host(shop)
    if host is None:
        return None
    prepared = shop.config.merchant.activation_code or ""
    code = await _ask(shop, "activation_code", prepared, CODE_DIGITS[-1], lambda v: len(v) in CODE_DIGITS)
    return None if code is None else await activate(shop, host, code)


async def _host(shop: Shop) -> str | None:
    return await _ask(shop, "link", str(shop.config.link.hosts[0]), 64, _is_address, LINK_KEYS)


async def _ask(  # type: ignore[no-untyped-def]  # `good` is a plain predicate
    shop: Shop,
    name: str,
    initial: str,
    limit: int,
    good,
    extra: dict[Key, str] | None = None,
    instead: dict[Key, str] | None = None,
) -> str | None:
    return await type_text(
        shop,
        lambda value, problem: screens.EnterNumber(field=name, value=value, hint=problem or name),
        initial=initial,
        limit=limit,
        check=lambda value: "" if good(value) else f"{name}_wrong",
        extra=extra,
        instead=instead,
    )


def _is_address(typed: str) -> bool:
    """What the configuration would take: what is kept here is dialled at every start."""
    try:
        address()(typed)
    except Wrong:
        return False
    return True
