"""签到: the terminal signs in and receives working keys, batch number and clock.

The three keys become active together or not at all: each is checked by its KCV, and one wrong KCV discards all three.
A new sign-in with an open batch never changes its number; another number from the host stops trading until settled.
Source: host-link digest §3, §4, §9, §11.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from drivers.ports import Key, LinkFault, Tone
from keys import KcvMismatch, KeyLayout, KeyRefused
from terminal.dialogue import acknowledge
from terminal.flows.batch import is_open
from terminal.flows.batch_upload import PROGRESS
from terminal.flows.clock import set_clock
from terminal.flows.master_key import tell
from terminal.hostlink import messages
from terminal.hostlink.codec import FrameError, Message
from terminal.hostlink.codes import Action
from terminal.hostlink.reply import SignedIn, read_sign_in
from terminal.hostlink.session import YIELDED, Silence
from terminal.loop import Commit, Offload
from terminal.methods.answers import next_step, words_of
from terminal.methods.asking import authenticated
from terminal.methods.requirements import forget
from terminal.methods.reversal import blocking_reversals, clear_reversals, grant_tries, identity
from terminal.methods.sign_in_due import Due, signing_in
from terminal.model import Mode, infer_year
from terminal.screens import catalogue as screens
from terminal.shop import Shop, wall_ms

if TYPE_CHECKING:
    from terminal.journal import Tx

KEY_DEADLINE_MS = 30_000  # The key store syncs its file; a bad SD card stalls for seconds.
APPROVED = "00"
NO_HOST = frozenset({*(fault.value for fault in LinkFault), YIELDED})  # The reasons that pass by themselves.


async def sign_in(shop: Shop) -> bool:
    """Sign in, offering to try again while the person wants to and it may help; True when the mode is SIGNED_IN."""
    while True:
        shop.show(screens.SigningIn())
        if await tell(shop):
            reason, code = await _attempt(shop)
        else:
            reason, code = LinkFault.TIMEOUT.value, ""
        shop.sign_in_owed = reason in NO_HOST
        if not reason:
            if not await clear_reversals(shop):
                count = len(await blocking_reversals(shop))
                await acknowledge(shop, screens.ReversalPending(count=count, code=""))
            return True
        shop.sound(Tone.FAILURE)
        refused = reason == "declined"
        then = next_step(code) if refused else Action.AGAIN
        text = words_of(shop, code) if refused else ""
        failed = screens.SignInFailed(reason=reason, code=code, text=text, then=then.value)
        if await acknowledge(shop, failed) is not Key.ENTER or then is Action.ACQUIRER:
            return False
        if shop.mode is Mode.SETTLING:
            return False
        if reason == LinkFault.TLS_DATE.value and not await set_clock(shop):
            return False


async def sign_in_unseen(shop: Shop) -> bool:
    """One try with nobody before the screen; True when the mode is SIGNED_IN."""
    if not await tell(shop):
        return False
    reason, _ = await _attempt(shop)
    shop.sign_in_owed = reason in NO_HOST
    return not reason


async def _attempt(shop: Shop) -> tuple[str, str]:
    """One 0800; ("", "") when signed in, else a word of the screen's reasons and the host's code."""

    held = shop.mode

    def prepare(tx: Tx) -> Message:
        """From the moment this request leaves, the host may have other keys than we: durably signed out until then."""
        if tx.mode is Mode.SIGNED_IN:
            tx.set_mode(Mode.KEYED, reason=Due.INTERRUPTED.value)
        stan = tx.next_stan()
        serial = shop.activation.serial if shop.activation else ""
        return messages.sign_in(identity(shop, tx.get("batch_no", "000001")), shop.profile, stan=stan, serial=serial)

    request = await Commit(prepare)
    shop.mode = Mode.KEYED
    if shop.profile.dukpt:  # Its keys are there before the host has said anything, so it may be asked who it is.
        request = await authenticated(shop, request)
    answer = await shop.host.exchange(request)
    if isinstance(answer, Silence):
        if not answer.sent and held is Mode.SIGNED_IN:  # The host has heard nothing: our keys are still its keys.
            await Commit(lambda tx: tx.set_mode(Mode.SIGNED_IN, reason="withdrawn"))
            shop.mode = Mode.SIGNED_IN
        return (answer.reason if answer.reason not in ("garbled", "foreign") else "bad_reply"), ""
    code = answer.verdict.code
    if not answer.verdict.answered:
        return "bad_mac", code
    if code != APPROVED:
        return "declined", code
    try:
        given = read_sign_in(answer.reply, shop.profile)
    except FrameError:
        return "bad_reply", code
    if not shop.profile.dukpt and (problem := await _take_keys(shop, given)):
        return problem, code
    problem = await _enter(shop, given)
    return problem, code if problem else ""


async def _take_keys(shop: Shop, given: SignedIn) -> str:
    """The working keys of an approved sign-in; "" or why not, and then none is left."""
    try:
        layout = KeyLayout.of(shop.profile.key_scheme, shop.profile.key_cipher, len(given.key_block))
        await Offload(
            "keys",
            lambda: shop.keys.activate_working_keys(given.key_block, layout, mac=shop.profile.mac),
            KEY_DEADLINE_MS,
        )
    except KcvMismatch:
        await _discard(shop)
        return "bad_keys"
    except KeyRefused:
        await _discard(shop)
        return "bad_reply"
    return ""


async def _discard(shop: Shop) -> None:
    """No key of this or an earlier sign-in is trusted now."""

    def forget(tx: Tx) -> None:
        if tx.mode is Mode.SIGNED_IN:
            tx.set_mode(Mode.KEYED, reason=Due.WRONG_KEYS.value)

    await Offload("keys", shop.keys.discard_working_keys, KEY_DEADLINE_MS)
    await Commit(forget)
    if shop.mode is Mode.SIGNED_IN:
        shop.mode = Mode.KEYED


async def _enter(shop: Shop, given: SignedIn) -> str:
    """Batch number, clock and mode in one commit; "" or why not.

    Another number from the host while our batch is open stops trading until ours is settled.
    """
    now_ms = await wall_ms()
    offset_ms = clock_offset(shop, given.date, given.time, now_ms)

    def enter(tx: Tx) -> str:
        held = tx.get("batch_no", "")
        open_batch = is_open(tx)
        signing_in(shop, tx, now_ms)
        if offset_ms is not None:
            tx.set("clock_offset_ms", offset_ms)
        tx.set_mode(Mode.SIGNED_IN)
        grant_tries(tx)
        forget(tx)
        another = given.batch_no != held and held and open_batch
        if another or tx.get(PROGRESS) is not None:  # A settlement that the host has judged is finished first.
            tx.set("host_batch_no", given.batch_no if given.batch_no != held else None)
            tx.set_mode(Mode.SETTLING, reason="batch")
            return "batch"
        tx.set("batch_no", given.batch_no)
        tx.set("host_batch_no", None)
        return ""

    problem = await Commit(enter)
    shop.mode = Mode.SETTLING if problem else Mode.SIGNED_IN
    if offset_ms is not None:
        shop.clock_offset_ms = offset_ms
    return problem


def clock_offset(shop: Shop, month_day: str, time: str, now_ms: int) -> int | None:
    """Milliseconds to add to the system's clock to get the host's; None when the host gave no usable time.

    Fields 12 and 13 carry no year: it is the one nearest to our last durable date.
    """
    system = shop.local_time(now_ms)
    try:
        day = infer_year(month_day, system.date())
        told = datetime.datetime.combine(
            day, datetime.time(int(time[:2]), int(time[2:4]), int(time[4:6])), tzinfo=system.tzinfo
        )
    except ValueError:
        return None
    drift_ms = int((told - system).total_seconds() * 1000)
    return shop.clock_offset_ms + drift_ms
