"""Downloads: the host's lists, each taken as a whole or not at all.

Names or parts come first, then every entry; the list is read as what it is to be used as, every mistake at once; then
the host is told that it has ended. Only its answer to that puts the new list in the old one's place, in one commit,
and from the next payment on the kernel works with it. Whatever happens before, a lost line, a power cut or a list that
is wrong, leaves the old list as it was: nothing of a download is kept before its end.

What is kept is sealed, under a key of its own that no settlement destroys: a black list is other people's card
numbers, and nobody may change a CA key in the journal's file.

Source: docs/host-link.md §13.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

from drivers.ports import Key, Tone
from emv.rows import RowsError
from keys import KeyRefused
from terminal.dialogue import acknowledge, choose
from terminal.hostlink.codec import FrameError, Message
from terminal.hostlink.downloads import (
    DOWNLOADS,
    ListName,
    Row,
    end_request,
    entry_request,
    names_request,
    part_request,
    read_entry,
    read_names,
    read_part,
)
from terminal.hostlink.session import Silence
from terminal.loop import Commit, Offload
from terminal.methods.asking import ask, authenticated
from terminal.methods.order import NEEDED
from terminal.methods.requirements import DOWNLOADS_DUE
from terminal.methods.reversal import identity
from terminal.model import Mode
from terminal.screens import catalogue as screens
from terminal.shop import Shop, wall_ms

if TYPE_CHECKING:
    from terminal.journal import Tx

KEY_DEADLINE_MS = 30_000
STANDING = 2**31 - 1  # The batch number of what no settlement destroys; no batch that is settled comes near it.
APPROVED = "00"


class Stopped(Exception):
    """The download ends here and the old list stays. `reason` is a word of the screen's, `code` the host's."""

    def __init__(self, reason: str, code: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code


async def download(shop: Shop, names: Iterable[ListName]) -> bool:
    """Load these lists one after the other, asking again while the person wants to; whether all are in force."""
    for name in names:
        while True:
            try:
                await _load(shop, DOWNLOADS[name])
                break
            except Stopped as stopped:
                shop.sound(Tone.FAILURE)
                failed = screens.DownloadFailed(what=name.value, reason=stopped.reason, code=stopped.code)
                if await acknowledge(shop, failed) is not Key.ENTER or shop.mode is not Mode.SIGNED_IN:
                    return False
    return True


async def load_due(shop: Shop) -> bool:
    """What the host's headers have asked for. What fails stays due until an operator next signs in."""
    shop.download_wanted = False
    due = await Commit(lambda tx: tx.get(DOWNLOADS_DUE, ()))
    return await download(shop, tuple(ListName(name) for name in due))


async def load_needed(shop: Shop) -> bool:
    """After a sign-in: what is due, and, if the profile wants it so, what the kernel needs and was never given."""
    if not await load_due(shop):
        return False
    if not shop.profile.downloads_at_sign_in:
        return True
    return await download(shop, tuple(name for name in NEEDED if not shop.downloaded.count(name)))


async def downloads_menu(shop: Shop) -> None:
    """What is loaded, and a download of all of it or of one list. A supervisor has agreed before."""
    chosen: int | None = 0
    while True:
        rows = await loaded(shop)
        chosen = await choose(
            shop, len(rows) + 1, partial(screens.Downloads, rows), chosen or 0
        )
        if chosen is None:
            return
        if shop.mode is not Mode.SIGNED_IN:
            await acknowledge(shop, screens.Refused(reason="sign_in"))
            return
        if await download(shop, ListName if chosen == 0 else (tuple(ListName)[chosen - 1],)):
            shop.sound(Tone.SUCCESS)


async def loaded(shop: Shop) -> tuple[tuple[str, int, str], ...]:
    """Of every list: its name, how many entries are in force, and since when ("11-22"; "" for never)."""

    def dates(tx: Tx) -> dict[ListName, int]:
        return {name: _kept(tx, name).get("loaded_ms", 0) for name in ListName}

    known = await Commit(dates)
    return tuple(
        (name.value, shop.downloaded.count(name), f"{shop.local_time(at_ms):%m-%d}" if at_ms else "")
        for name, at_ms in known.items()
    )


async def _load(shop: Shop, row: Row) -> None:
    """Raises Stopped."""
    try:
        entries = await (_by_name(shop, row) if row.names else _in_parts(shop, row))
        having = shop.downloaded.having(row.name, entries, world=shop.profile.ca_key_set, known=shop.kernel.aids)
    except FrameError:
        raise Stopped("bad_reply") from None
    except RowsError:
        raise Stopped("bad_list") from None
    await _exchange(shop, row, len(entries), partial(end_request, row=row))
    clear = b"\n".join(entry.hex().encode("ascii") for entry in entries)
    sealed = await Offload("keys", lambda: shop.keys.seal(STANDING, _context(row.name), clear), KEY_DEADLINE_MS)
    now_ms = await wall_ms()

    def replace_old(tx: Tx) -> None:
        tx.set(_setting(row.name), {"sealed_hex": sealed.hex(), "loaded_ms": now_ms})
        due: tuple[str, ...] = tx.get(DOWNLOADS_DUE, ())
        tx.set(DOWNLOADS_DUE, [name for name in due if name != row.name.value] or None)

    await Commit(replace_old)
    shop.use(having)


async def _by_name(shop: Shop, row: Row) -> tuple[bytes, ...]:
    """Raises Stopped, FrameError."""
    names: tuple[bytes, ...] = ()
    more = True
    while more:  # Every part has a name at least, so the limit ends it.
        reply = await _exchange(shop, row, 0, partial(names_request, row=row, received=len(names)))
        part = read_names(reply)
        names, more = (*names, *part.entries), part.more
        _check(row, names)
    entries: list[bytes] = []
    for name in names:
        reply = await _exchange(shop, row, len(entries), partial(entry_request, row=row, name=name))
        entries.append(read_entry(reply, name))
    return tuple(entries)


async def _in_parts(shop: Shop, row: Row) -> tuple[bytes, ...]:
    """Raises Stopped, FrameError."""
    entries: tuple[bytes, ...] = ()
    more = True
    while more:  # As above.
        received = len(entries)
        part = read_part(row, await _exchange(shop, row, received, partial(part_request, row=row, received=received)))
        entries, more = (*entries, *part.entries), part.more
        _check(row, entries)
    return entries


def _check(row: Row, entries: tuple[bytes, ...]) -> None:
    """Raises Stopped at once for a list that is too long, however much of it is still to come."""
    if len(entries) > row.limit:
        raise Stopped("too_long")


async def _exchange(shop: Shop, row: Row, received: int, build: Callable[..., Message]) -> Message:
    """One question under the terminal's MAC, and its approved answer. Raises Stopped."""
    shop.show(screens.Downloading(what=row.name.value, received=received))

    def prepare(tx: Tx) -> Message:
        stan = tx.next_stan()
        return build(identity(shop, tx.get("batch_no", "000001")), stan=stan)

    request = await Commit(prepare)
    try:
        signed = await authenticated(shop, request) if shop.profile.downloads_mac else request
    except KeyRefused:
        raise Stopped("sign_in") from None
    answer = await ask(shop, signed, "")
    if isinstance(answer, Silence):
        raise Stopped(answer.reason)
    code = answer.verdict.code
    if not answer.verdict.answered:
        raise Stopped("unauthenticated", code)
    if code != APPROVED:
        raise Stopped("declined", code)
    return answer.reply


async def restore(shop: Shop) -> None:
    """At the start: the lists that were loaded. One that does not open or cannot be read counts as never loaded."""

    def kept(tx: Tx) -> dict[ListName, bytes]:
        stored = {name: _kept(tx, name) for name in ListName}
        return {name: bytes.fromhex(value["sealed_hex"]) for name, value in stored.items() if value}

    downloaded = shop.downloaded
    for name, sealed in (await Commit(kept)).items():
        try:
            clear = await Offload(
                "keys", partial(shop.keys.unseal, STANDING, _context(name), sealed), KEY_DEADLINE_MS
            )
            entries = tuple(bytes.fromhex(line.decode("ascii")) for line in clear.split(b"\n") if line)
            downloaded = downloaded.having(
                name, entries, world=shop.profile.ca_key_set, known=shop.kernel.aids
            )
        except (KeyRefused, RowsError):
            # The keys were destroyed since, or the profile is of another world now: the host has to be asked again.
            continue
    shop.use(downloaded)


def _kept(tx: Tx, name: ListName) -> dict[str, Any]:
    """`sealed_hex` and `loaded_ms` of a list that was loaded; {} for one that never was."""
    found: dict[str, Any] = tx.get(_setting(name), {})
    return found


def _setting(name: ListName) -> str:
    return f"download_{name.value}"


def _context(name: ListName) -> bytes:
    return f"download {name.value}".encode("ascii")
