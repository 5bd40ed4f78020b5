"""激活: an activation code for the terminal's numbers, at the first run, beside typing them by hand.

The code is spent on this device (`shop.serial`), so that a copied code activates nothing else; the same device may ask
again, because an answer may be lost. The message has no MAC, since there is no key yet: the person compares the
merchant's name and number with the contract before anything is kept.

Source: docs/host-link.md §14.
"""

from __future__ import annotations

from drivers.ports import Key, Tone
from terminal.dialogue import acknowledge
from terminal.hostlink.activation import USED, activation_request, read_merchant_file
from terminal.hostlink.codec import FrameError
from terminal.hostlink.session import Silence
from terminal.loop import Commit
from terminal.screens import catalogue as screens
from terminal.shop import Activation, Shop

APPROVED = "00"


async def activate(shop: Shop, host: str, code: str) -> Activation | None:
    """Spend a code at that host, trying again while the person wants to; None when it was not to be."""
    shop.dial(host)
    while True:
        shop.show(screens.Activating())
        found = await _attempt(shop, host, code)
        if isinstance(found, Activation):
            shown = screens.Activated(
                merchant_name=found.merchant_name, merchant_no=found.merchant_no, terminal_no=found.terminal_no
            )
            agreed = await acknowledge(shop, shown, shop.config.timeouts.key_ms) is Key.ENTER
            return found if agreed else None
        shop.sound(Tone.FAILURE)
        reason, answered = found
        if await acknowledge(shop, screens.ActivationFailed(reason=reason, code=answered)) is not Key.ENTER:
            return None


async def _attempt(shop: Shop, host: str, code: str) -> Activation | tuple[str, str]:
    """The numbers, or why not: a word of the screen's reasons and the host's code."""
    request = activation_request(stan=await Commit(lambda tx: tx.next_stan()), code=code, serial=shop.serial)
    answer = await shop.host.exchange(request)
    if isinstance(answer, Silence):
        return answer.reason, ""
    answered = answer.verdict.code
    if answered != APPROVED:
        return ("used" if answered == USED else "declined"), answered
    try:
        file = read_merchant_file(answer.reply)
    except FrameError:
        return "bad_reply", answered
    return Activation(file.merchant_no, file.terminal_no, host, file.merchant_name, shop.serial)
