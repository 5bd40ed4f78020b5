"""From a kept slip to paper. The slip is in the journal before it is printed, so paper never decides about money.

Paper out, cover open or a dead printer stop here: the person mends it and the slip is printed again from its top, or
gives up with CANCEL and prints it later as a reprint. What had been begun before is marked 重打印 the second time, so
that a piece of a slip and the whole one are not taken for two sales. A terminal may have no printer at all: slips are
kept all the same, and where the acquirer has a page for them the customer is shown its code.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from drivers.ports import DeviceError, Key, Paper, PaperStopped, Tone
from terminal.config import NO_PRINTER
from terminal.dialogue import acknowledge
from terminal.hostlink.messages import master_key
from terminal.loop import CallOverdue, Commit, Offload, Race, Sleep, Wait
from terminal.receipts import CardSlip, Copy, Head, QrSlip, Slip, SlipError, from_record, lay_out, to_record
from terminal.screens import catalogue as screens
from terminal.screens.qr import qr_fits
from terminal.shop import Shop, wall_ms

if TYPE_CHECKING:
    from terminal.journal import SlipRecord, Tx

PRINT_DEADLINE_MS = 60_000  # The longest slip with a raster code takes about 15 s at 9,600 baud.
STATUS_DEADLINE_MS = 3_000
PAPER_POLL_MS = 1_000


async def slip_head(shop: Shop, batch_no: str) -> Head:
    return head_at(shop, batch_no, await wall_ms())


def head_at(shop: Shop, batch_no: str, at_ms: int) -> Head:
    """The head of a slip that is made inside a transaction: `at_ms` is its `now_ms`."""
    now = shop.local_time(at_ms)
    return Head(
        merchant_name=shop.merchant_name,
        merchant_no=shop.activation.merchant_no if shop.activation else "",
        terminal_no=shop.activation.terminal_no if shop.activation else "",
        operator=shop.operator,
        batch_no=batch_no,
        at=now.replace(tzinfo=None, microsecond=0).isoformat(),
        test_keys=shop.keys.is_test_key(master_key(shop.profile)),
    )


def copies_of(slip: Slip) -> tuple[Copy, ...]:
    """A card or wallet payment has two copies; everything else is the merchant's paper."""
    return (Copy.MERCHANT, Copy.CARDHOLDER) if isinstance(slip, CardSlip | QrSlip) else (Copy.MERCHANT,)


def keep(tx: Tx, slip: Slip, payment_id: int | None = None) -> int:
    """Keep a slip in the transaction that makes it true."""
    return tx.keep_slip(slip.record_kind, to_record(slip), payment_id)


def has_printer(shop: Shop) -> bool:
    """Whether slips go onto paper here; if not, a customer may look at an e-slip, and all stay in the journal."""
    return shop.config.printer.transport != NO_PRINTER


async def show_eslip(shop: Shop, slip: Slip) -> bool:
    """The code behind which the customer finds this slip, until a key; False where there is none that fits."""
    display = shop.devices.display
    if not isinstance(slip, CardSlip | QrSlip) or not slip.eslip_url:
        return False
    if not qr_fits(slip.eslip_url, display.width, display.height):
        return False
    screen = screens.ShowESlip(amount=slip.amount, payload=slip.eslip_url)
    await acknowledge(shop, screen, shop.config.timeouts.key_ms)
    return True


async def print_kept(
    shop: Shop, slip_id: int, slip: Slip, between: Callable[[], Coroutine[Any, Any, bool]] | None = None
) -> None:
    """Print every copy of a kept slip and note that it was printed (or given up: it can be reprinted).

    One of which a piece came out behind the idle screen is marked as a reprint.
    Without a printer, or when the person gives up on the paper, the customer is shown the e-slip, if there is one.
    `between` is asked after the first copy; False wants no other.
    """
    if not has_printer(shop):
        await show_eslip(shop, slip)
        await Commit(lambda tx: tx.slip_printed(slip_id))
        return
    first, *others = copies_of(slip)
    going_on = await print_copy(shop, slip, first, reprint=slip_id in shop.begun_slips)
    if not going_on:
        await show_eslip(shop, slip)
    if going_on and between is not None:
        going_on = await between()
    for copy in others:
        going_on = going_on and await print_copy(shop, slip, copy, reprint=False)
    await Commit(lambda tx: tx.slip_printed(slip_id))


async def print_unseen(shop: Shop, slip_id: int, slip: Slip) -> bool:
    """One try with nobody before the screen; False when there was no paper, and the slip is as unprinted as it was."""
    for copy in copies_of(slip) if has_printer(shop) else ():
        stopped = await _print_once(shop, slip, copy, reprint=False)
        if stopped is not None:
            if stopped.begun:
                shop.begun_slips.add(slip_id)
            return False
    await Commit(lambda tx: tx.slip_printed(slip_id))
    return True


async def print_copy(shop: Shop, slip: Slip, copy: Copy, *, reprint: bool) -> bool:
    """One copy on paper; False when the person gave up, or (said here) when there is no printer.

    A copy that stopped with something of it on paper is marked as a reprint when it comes again.
    """
    if not has_printer(shop):
        await acknowledge(shop, screens.Refused(reason="no_printer"))
        return False
    while True:
        stopped = await _print_once(shop, slip, copy, reprint=reprint)
        if stopped is None:
            return True
        reprint = reprint or stopped.begun
        if not await _paper_mended(shop, stopped.paper):
            return False


@dataclass(frozen=True, slots=True)
class _Stopped:
    """What is wrong with the printer, and whether something of the slip may be on paper."""

    paper: Paper
    begun: bool


async def _print_once(shop: Shop, slip: Slip, copy: Copy, *, reprint: bool) -> _Stopped | None:
    """None when the copy is on paper, else what is wrong."""
    printer = shop.devices.printer
    last4 = shop.config.printer.customer_last4
    lines = lay_out(slip, cells=printer.cells, language=shop.language, copy=copy, reprint=reprint, last4=last4)
    shop.show(screens.Printing(copy=copy.value))
    try:
        await Offload("printer", lambda: printer.print(lines), PRINT_DEADLINE_MS)
    except PaperStopped as stopped:
        return _Stopped(stopped.paper, stopped.begun)
    except DeviceError as failed:
        return _Stopped(Paper.OFFLINE, failed.begun)
    except CallOverdue:
        return _Stopped(Paper.OFFLINE, begun=True)
    return None


async def _paper_mended(shop: Shop, state: Paper) -> bool:
    """Wait until there is paper again (True), or until CANCEL (False); ENTER tries at once."""
    printer = shop.devices.printer
    shop.sound(Tone.ATTENTION)
    shop.boxes.keys.renew()
    while True:
        shop.show(screens.PaperStopped(state=state.value))
        won, key = await Race(Wait(shop.boxes.keys), Sleep(PAPER_POLL_MS))
        if won == 0:
            shop.sound(Tone.KEY)
            if key is Key.CANCEL:
                return False
            if key is Key.ENTER:
                return True
        try:
            seen = await Offload("printer", printer.status, STATUS_DEADLINE_MS)
        except (DeviceError, CallOverdue):
            seen = Paper.OFFLINE
        if seen in (Paper.OK, Paper.LOW):
            return True
        state = seen


async def reprint_last(shop: Shop) -> bool:
    """The last slip again, every copy marked 重打印. False when there is none that can be read."""

    def last(tx: Any) -> SlipRecord | None:
        found: SlipRecord | None = tx.last_slip()
        return found

    record = await Commit(last)
    return record is not None and await print_record(shop, record)


async def print_record(shop: Shop, record: SlipRecord) -> bool:
    """A kept slip again, every copy marked 重打印; without a printer its e-slip. False for another version's.

    That stays kept.
    """
    try:
        slip = from_record(record.body)
    except SlipError:
        return False
    if not has_printer(shop) and await show_eslip(shop, slip):
        return True
    for copy in copies_of(slip):
        if not await print_copy(shop, slip, copy, reprint=True):
            break
    return True
