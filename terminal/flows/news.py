"""通知: what a settlement behind the idle screen has to say, kept until somebody has read it.

Nobody is asked anything from behind: how it ended stands on the idle screen in a word, and in the menu (通知) in full.
Paper that ran out there is asked for when the news are read. They are durable in the commit that makes them true.

Source: docs/host-link.md §6.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from terminal.dialogue import acknowledge
from terminal.flows.recovery import print_unprinted
from terminal.hostlink.codes import Action
from terminal.loop import Commit
from terminal.model import Money
from terminal.screens import catalogue as screens
from terminal.shop import Shop

if TYPE_CHECKING:
    from terminal.journal import Tx

NEWS = "news"  # Setting.
UNPRINTED = "unprinted"  # The word while its slip has found no paper.


@dataclass(frozen=True, slots=True)
class News:
    """How a settlement ended: closed with `count` payments of `total_minor`, or refused with `code`."""

    balanced: bool = False
    count: int = 0
    total_minor: int = 0
    code: str = ""
    then: str = ""  # Of a refusal: a value of Action.

    @property
    def word(self) -> str:
        """In the room "news"."""
        return "refused" if self.code else "balanced" if self.balanced else "unbalanced"

    def keep(self, tx: Tx) -> None:
        """Inside the commit that makes it true; what was not read yet is no news any more."""
        tx.set(NEWS, {name: getattr(self, name) for name in self.__slots__})


def kept(tx: Tx) -> News | None:
    told: dict[str, Any] | None = tx.get(NEWS)
    return News(**told) if told else None


def word(tx: Tx) -> str:
    """What the idle screen says of it; "" when nothing waits to be read."""
    news = kept(tx)
    if news is None:
        return ""
    return UNPRINTED if tx.unprinted() and not news.code else news.word


async def read(shop: Shop) -> bool:
    """Show what waits, and print what found no paper; False when there is nothing. Nobody's reading leaves it there."""
    news = await Commit(kept)
    if news is None:
        return False
    screen: screens.Screen = screens.Settled(balanced=news.balanced, count=news.count, total=Money(news.total_minor))
    if news.code:
        screen = refused(news.code, Action(news.then))
    if await acknowledge(shop, screen) is not None:
        await Commit(lambda tx: tx.set(NEWS, None))
        await print_unprinted(shop)
    return True


def refused(code: str, then: Action) -> screens.Screen:
    """The host did not take the settlement."""
    return screens.Declined(code=code, text="declined.settling", then=then.value)
