"""签退, 回响, 收银员签到: what a terminal says to its host beside transactions, none of it about money.

And 线路状态: by which way it says anything.

Source: docs/host-link.md §3; host-link digest §3, §9.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from drivers.ports import Tone
from terminal.dialogue import acknowledge, choose
from terminal.hostlink import messages
from terminal.hostlink.codec import Message
from terminal.hostlink.session import Answered, Silence
from terminal.loop import Commit
from terminal.methods.answers import next_step, words_of
from terminal.methods.asking import ask
from terminal.methods.order import refusal
from terminal.methods.reversal import blocking_reversals, clear_reversals, identity
from terminal.methods.sign_in_due import Due, demand
from terminal.methods.uploads import Told, send_before_settlement
from terminal.model import Mode
from terminal.operators import log_in
from terminal.screens import catalogue as screens
from terminal.shop import Shop

if TYPE_CHECKING:
    from terminal.journal import Tx

APPROVED = "00"


async def sign_out(shop: Shop) -> None:
    """签退: what waits goes up first; with a reversal open there is none, because its MAC needs these keys."""
    if shop.mode is not Mode.SIGNED_IN:
        await acknowledge(shop, await refusal(shop, "sign_in"))
        return
    await clear_reversals(shop)
    blocking = await blocking_reversals(shop)
    if blocking:
        await acknowledge(shop, screens.ReversalPending(count=len(blocking), code=""))
        return
    if await send_before_settlement(shop) is not Told.ENDED:
        await acknowledge(shop, screens.Refused(reason="uploads_wait"))
        return
    answer = await leave(shop, await Commit(lambda tx: tx.get("batch_no", "000001")))
    if isinstance(answer, Answered) and answer.verdict.code == APPROVED:
        shop.mode = await Commit(lambda tx: demand(tx, Due.SIGNED_OUT))
    await _tell(shop, answer, "sign_out")


async def leave(shop: Shop, batch_no: str) -> Answered | Silence:
    """0820/002 once. After a settlement nobody waits for it twice: the mode is durable already."""
    return await ask(shop, await Commit(lambda tx: _sign_out_request(shop, tx, batch_no)), "sign_out")


def _sign_out_request(shop: Shop, tx: Tx, batch_no: str) -> Message:
    return messages.sign_out(identity(shop, batch_no), shop.profile, stan=tx.next_stan())


async def echo(shop: Shop) -> None:
    """回响: is the host there? Whatever the mode."""
    await _tell(shop, await ask(shop, await Commit(lambda tx: echo_request(shop, tx)), "echo"), "echo")


def echo_request(shop: Shop, tx: Tx) -> Message:
    """0820/301."""
    return messages.echo(identity(shop, tx.get("batch_no", "000001")), shop.profile, stan=tx.next_stan())


async def cashier_sign_in(shop: Shop) -> None:
    """收银员签到: the host is told who works here now; the terminal has signed in itself before."""
    if shop.mode is not Mode.SIGNED_IN:
        await acknowledge(shop, await refusal(shop, "sign_in"))
        return
    operator = await log_in(shop, shop.operator)
    if operator is None:
        return

    def request(tx: Tx) -> Message:
        terminal = identity(shop, tx.get("batch_no", "000001"))
        return messages.cashier(terminal, shop.profile, stan=tx.next_stan(), operator=operator)

    answer = await ask(shop, await Commit(request), "cashier")
    if isinstance(answer, Answered) and answer.verdict.code == APPROVED:
        shop.operator = operator
    await _tell(shop, answer, "cashier")


async def _tell(shop: Shop, answer: Answered | Silence, what: str) -> None:
    """Say how it ended. `what` is a word of the menu."""
    reason, code = (answer.reason, "") if isinstance(answer, Silence) else ("", answer.verdict.code)
    good = code == APPROVED
    shop.sound(Tone.SUCCESS if good else Tone.FAILURE)
    refused = "" if good else code
    told = screens.LineAnswer(
        what=what,
        reason=reason,
        code=refused,
        text=words_of(shop, refused) if refused else "",
        then=next_step(refused).value if refused else "",
    )
    await acknowledge(shop, told)


async def ways(shop: Shop) -> None:
    """线路状态: which ways to the host there are, which is in use, and which rests because it has failed."""
    count = len(shop.host.line.ways())

    def page(at: int) -> screens.HostWay:
        name, state = shop.host.line.ways()[at]
        return screens.HostWay(number=at + 1, count=count, address=name, state=state.value)

    await choose(shop, count, page)


HOST_MENU: tuple[tuple[str, Callable[[Shop], Coroutine[Any, Any, None]]], ...] = (
    ("echo", echo),
    ("sign_out", sign_out),
    ("cashier", cashier_sign_in),
    ("ways", ways),
)


async def host_menu(shop: Shop) -> None:
    """What may be said to the host by hand."""
    items = tuple(f"menu.{name}" for name, _ in HOST_MENU)
    chosen = await choose(shop, len(items), lambda at: screens.Menu(title="menu.host", items=items, selected=at))
    if chosen is not None:
        _, flow = HOST_MENU[chosen]
        await flow(shop)
