"""The first run: language, numbers, link, the first operator's password, test keys, and a self-test slip.

Each answer is one question with a prepared value from the configuration. Nothing is kept until the last question is
answered; then all of it in one commit, and it is never asked again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from drivers.ports import Key, Tone
from terminal.config.rules import Wrong, address
from terminal.dialogue import acknowledge, choose, type_text
from terminal.flows.self_test import self_test_slip
from terminal.loop import Commit, Offload
from terminal.model import Mode
from terminal.operators import FIRST_OPERATOR, SUPERVISOR, set_password, type_password
from terminal.printing import keep, print_kept
from terminal.screens import catalogue as screens
from terminal.shop import Activation, Shop
from terminal.strings import LANGUAGES

if TYPE_CHECKING:
    from terminal.journal import Tx

KEY_DEADLINE_MS = 30_000
LINK_KEYS = {Key.UP: ".", Key.DOWN: ":"}


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
    password = await _first_password(shop)
    if password is None:
        return False
    if await acknowledge(shop, screens.ConfirmTestKeys(), shop.config.timeouts.key_ms) is not Key.ENTER:
        return False
    await set_password(shop, FIRST_OPERATOR, password, SUPERVISOR)
    await Offload("keys", lambda: shop.keys.load_test_tmk(shop.profile.key_cipher), KEY_DEADLINE_MS)

    shop.activation = activation
    slip = await self_test_slip(shop)

    def keep_all(tx: Tx) -> int:
        """The terminal's numbers and the slip that proves them: a power cut leaves both or neither."""
        tx.set("language", shop.language)
        tx.set(
            "activation",
            {
                "merchant_no": activation.merchant_no,
                "terminal_no": activation.terminal_no,
                "host": activation.host,
            },
        )
        tx.set_mode(Mode.KEYED)
        return keep(tx, slip)

    slip_id = await Commit(keep_all)
    shop.mode = Mode.KEYED
    shop.dial(activation.host)
    await print_kept(shop, slip_id, slip)
    return True


async def _numbers(shop: Shop) -> Activation | None:
    config = shop.config
    merchant_no = await _ask(shop, "merchant_no", config.merchant.merchant_no or "", 15, lambda v: len(v) == 15)
    if merchant_no is None:
        return None
    terminal_no = await _ask(shop, "terminal_no", config.merchant.terminal_no or "", 8, lambda v: len(v) == 8)
    if terminal_no is None:
        return None
    host = await _ask(shop, "link", str(config.link.hosts[0]), 64, _is_address, LINK_KEYS)
    if host is None:
        return None
    return Activation(merchant_no=merchant_no, terminal_no=terminal_no, host=host)


async def _ask(  # type: ignore[no-untyped-def]  # `good` is a plain predicate
    shop: Shop, name: str, initial: str, limit: int, good, extra: dict[Key, str] | None = None
) -> str | None:
    return await type_text(
        shop,
        lambda value, problem: screens.EnterNumber(field=name, value=value, hint=problem or name),
        initial=initial,
        limit=limit,
        check=lambda value: "" if good(value) else f"{name}_wrong",
        extra=extra,
    )


def _is_address(typed: str) -> bool:
    """What the configuration would take: what is kept here is dialled at every start."""
    try:
        address()(typed)
    except Wrong:
        return False
    return True


async def _first_password(shop: Shop) -> str | None:
    """The first operator's own password, typed twice: there is no default password to forget to change."""
    problem = "new"
    while True:
        first = await type_password(shop, FIRST_OPERATOR, problem)
        if first is None:
            return None
        again = await type_password(shop, FIRST_OPERATOR, "repeat")
        if again is None:
            return None
        if first == again:
            return first
        shop.sound(Tone.FAILURE)
        problem = "differs"
