"""通知: what ended while nobody stood there, kept in the commit that made it true until somebody has read it.

One list for all of it: a settlement behind the idle screen, a wallet's order or refund that ended there, money that
came over the shop's printed code. What concerns a customer who may still be near comes up by itself, once; everything
is a word on the idle screen and a row of the menu. How it is told is flows/news.py's.

Source: docs/host-link.md §6, §12; docs/architecture.md, "A wallet's order".
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from terminal.journal import Tx

NEWS = "unread_news"  # Setting.
LATE = "late"  # Fact of a payment that is news: a word of the room "order_late".


class About(Enum):
    SETTLEMENT = "settlement"
    ORDER = "order"
    RECEIPT = "receipt"  # Money that came over the printed code, and no sale has waited for it.
    UNREADABLE = "unreadable"  # A receipt of the printed code of which nobody can say what it is.


# How many of each are kept: an evening of them. What is older stands on its slip and in today's list.
LIMITS = MappingProxyType({About.SETTLEMENT: 1, About.ORDER: 20, About.RECEIPT: 20, About.UNREADABLE: 10})


@dataclass(frozen=True, slots=True)
class News:
    """Of a payment, or how a settlement ended: closed with `count` payments of `total_minor`, or refused with `code`.

    `called`: how a receipt that cannot be read is to be named. `said`: it has come up by itself already.
    """

    about: About
    payment_id: int = 0
    balanced: bool = False
    count: int = 0
    total_minor: int = 0
    code: str = ""
    then: str = ""  # Of a refusal: a value of Action.
    called: str = ""
    said: bool = False


def keep_news(tx: Tx, news: News) -> None:
    """Inside the commit that makes it true; of its kind only the last few are news."""
    known = kept(tx)
    same = [each for each in known if each.about is news.about]
    dropped = same[: len(same) + 1 - LIMITS[news.about]] if len(same) >= LIMITS[news.about] else []
    _write(tx, (*(each for each in known if each not in dropped), news))


def tell_later(tx: Tx, payment_id: int) -> None:
    """A wallet's payment or refund has ended and nobody was told."""
    keep_news(tx, News(About.ORDER, payment_id))


def kept(tx: Tx) -> tuple[News, ...]:
    """What nobody has read yet, oldest first."""
    found: tuple[dict[str, Any], ...] = tx.get(NEWS, ())
    return tuple(News(**{**told, "about": About(told["about"])}) for told in found)


def drop(tx: Tx, news: News) -> None:
    """Somebody has read it."""
    _write(tx, tuple(each for each in kept(tx) if each != news))


def mark_said(tx: Tx, news: News) -> None:
    """It has come up, and nobody has pressed a key."""
    _write(tx, tuple(replace(each, said=True) if each == news else each for each in kept(tx)))


def _write(tx: Tx, all_of_it: tuple[News, ...]) -> None:
    rows = [
        {each.name: getattr(news, each.name) for each in fields(news)} | {"about": news.about.value}
        for news in all_of_it
    ]
    tx.set(NEWS, rows or None)
