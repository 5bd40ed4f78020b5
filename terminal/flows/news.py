"""通知 told: by itself where it concerns a customer who may still be near, else by a word on the idle screen.

Nobody is asked anything from behind: how it ended is read in the menu (通知) or with ENTER, one after the other. Paper
that ran out there is asked for then. What is kept, and since when, is methods/news.py's.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from drivers.ports import Tone
from terminal.dialogue import acknowledge
from terminal.flows.recovery import print_unprinted
from terminal.hostlink.codes import Action
from terminal.loop import Commit
from terminal.methods import qr_static
from terminal.methods.news import LATE, About, News, drop, kept, mark_said
from terminal.model import Money
from terminal.screens import catalogue as screens
from terminal.shop import Shop

if TYPE_CHECKING:
    from terminal.journal import Tx

UNPRINTED = "unprinted"  # The word while a settlement's slip has found no paper.
COMES_UP = (About.ORDER,)


def word(tx: Tx) -> str | screens.Received:
    """What the idle screen says of the newest, in the room "news"; "" when nothing waits to be read."""
    unread = kept(tx)
    if not unread:
        return ""
    newest = unread[-1]
    if newest.about is About.RECEIPT:
        payment = tx.payment(newest.payment_id)
        return screens.Received(str(payment.facts.get("wallet", "")), payment.amount)
    if newest.about is About.UNREADABLE:
        return "unreadable"
    if newest.about is About.ORDER:
        return "order"
    if newest.code:
        return "refused"
    return UNPRINTED if tx.unprinted() else "balanced" if newest.balanced else "unbalanced"


async def tell(shop: Shop) -> None:
    """What comes up by itself, one by one, each until a key. What no key answers stays to be read."""
    fresh = [each for each in await Commit(kept) if each.about in COMES_UP and not each.said]
    for news in fresh:
        shop.sound(Tone.ATTENTION)
        seen = await acknowledge(shop, await _screen(shop, news)) is not None
        await Commit(partial(_after, seen, news))
    if fresh:
        await print_unprinted(shop)


def _after(seen: bool, news: News, tx: Tx) -> None:
    (drop if seen else mark_said)(tx, news)


async def read(shop: Shop) -> bool:
    """Show all that waits, and print what found no paper; False when there is nothing.

    Nobody's reading leaves the rest there.
    """
    unread = await Commit(kept)
    for news in unread:
        if await acknowledge(shop, await _screen(shop, news)) is None:
            return True
        await Commit(partial(_after, True, news))
    if unread:
        await print_unprinted(shop)
    return bool(unread)


async def _screen(shop: Shop, news: News) -> screens.Screen:
    if news.about is About.SETTLEMENT:
        if news.code:
            return refused(news.code, Action(news.then))
        return screens.Settled(balanced=news.balanced, count=news.count, total=Money(news.total_minor))
    if news.about is About.UNREADABLE:
        return screens.ReceiptUnreadable(called=news.called)
    payment = await Commit(lambda tx: tx.payment(news.payment_id))
    if news.about is About.RECEIPT:
        return qr_static.found(shop, payment, "ok")
    return screens.OrderLate(amount=payment.amount, late=str(payment.facts.get(LATE, "")) or "completed")


def refused(code: str, then: Action) -> screens.Screen:
    """The host did not take the settlement."""
    return screens.Declined(code=code, text="declined.settling", then=then.value)
