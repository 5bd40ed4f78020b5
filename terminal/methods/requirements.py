"""What a host's header asks for with any answer: one table from the digit to what is done about it.

Obeyed once the transaction is over: what is asked for is durable with the answer that asked, and the idle screen does
it first. Believed without a MAC, too: a forged one costs a sign-in or a download, which are authenticated themselves.

Source: docs/host-link.md §1, §17; host-link digest §1.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING

from terminal.hostlink.downloads import wanted
from terminal.loop import Commit
from terminal.shop import Shop

if TYPE_CHECKING:
    from terminal.journal import Tx

DOWNLOADS_DUE = "downloads_due"  # Setting: lists by name, until each has been loaded.
WISHES = "host_wishes"  # Setting: digits that were asked for and cannot be done; negative once somebody was told.


class Wish(Enum):
    NOTHING = "nothing"
    DOWNLOAD = "download"  # The lists of hostlink/downloads.py that have this digit.
    SIGN_IN = "sign-in"
    NOT_SUPPORTED = "not-supported"  # Told to whoever works here, once between two sign-ins.


REQUIREMENTS: Mapping[int, Wish] = MappingProxyType(
    {
        0: Wish.NOTHING,
        1: Wish.DOWNLOAD,  # Terminal parameters.
        2: Wish.NOT_SUPPORTED,  # Upload of the terminal's status.
        3: Wish.SIGN_IN,
        4: Wish.DOWNLOAD,  # CA public keys.
        5: Wish.DOWNLOAD,  # AIDs.
        6: Wish.NOT_SUPPORTED,  # A new program.
        7: Wish.DOWNLOAD,  # Black lists.
        8: Wish.NOT_SUPPORTED,  # No public source says what it is.
        9: Wish.NOT_SUPPORTED,  # Contactless parameters: there is no such reader.
    }
)


async def note(shop: Shop, requirement: int) -> bool:
    """Keep what this answer's header asks for; whether that is a sign-in, which the caller demands."""
    match REQUIREMENTS[requirement]:
        case Wish.DOWNLOAD:
            names = [name.value for name in wanted(requirement)]

            def due(tx: Tx) -> None:
                old: list[str] = list(tx.get(DOWNLOADS_DUE, ()))
                tx.set(DOWNLOADS_DUE, old + [name for name in names if name not in old])

            await Commit(due)
            shop.download_wanted = True
        case Wish.NOT_SUPPORTED:
            shop.wish_untold = await Commit(lambda tx: _wished(tx, requirement))
        case Wish.SIGN_IN:
            return True
    return False


def _wished(tx: Tx, requirement: int) -> bool:
    """Whether somebody has still to be told."""
    known: list[int] = list(tx.get(WISHES, ()))
    if requirement not in known and -requirement not in known:
        known.append(requirement)
        tx.set(WISHES, known)
    return any(digit > 0 for digit in known)


def untold(tx: Tx) -> tuple[int, ...]:
    """What somebody has to be told now; it counts as told from here on."""
    known: tuple[int, ...] = tx.get(WISHES, ())
    if known:
        tx.set(WISHES, [-abs(digit) for digit in known])
    return tuple(digit for digit in known if digit > 0)


def forget(tx: Tx) -> None:
    """At a sign-in: the host may ask again."""
    tx.set(WISHES, None)
