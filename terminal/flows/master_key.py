"""主密钥下载: a new TMK from the host, under the present one, and the word that it has arrived.

Two questions, because an answer may be lost. The host keeps the new key beside the old one until the terminal has told
its check value (0820 with the same F60.3): only then does it use it. That it must be told is durable before the key is
replaced, and is told again before each sign-in until the host has answered. So the two sides never part: whatever cut
comes, the check value that the terminal tells is that of the key that it has.

The download itself carries no MAC, since the terminal may have no working keys; a block that is not under the present
TMK, or is altered, does not have its check value and changes nothing.

Source: docs/host-link.md §4 (TMK download; the confirmation is a convention of ours).
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from keys import KeyRef, KeyRefused, Usage
from terminal.hostlink import messages
from terminal.hostlink.codec import Message
from terminal.hostlink.session import Answered
from terminal.loop import Commit, Offload
from terminal.methods.reversal import identity
from terminal.methods.sign_in_due import Due
from terminal.model import Mode
from terminal.screens import catalogue as screens
from terminal.shop import Shop

if TYPE_CHECKING:
    from terminal.journal import Tx

APPROVED, NOT_FOUND = "00", "25"  # 25: the host knows no such key; it goes on with the one it has.
UNTOLD = "tmk_untold"  # Setting: the host must hear which TMK this terminal has.
KEY_DEADLINE_MS = 30_000
TMK = KeyRef(Usage.TMK)


async def download(shop: Shop) -> str:
    """Ask for a new TMK and take it; "" when both sides have it, else a word of the room "key_problem"."""
    shop.show(screens.Connecting(what="host_key"))
    answer = await shop.host.exchange(await Commit(lambda tx: _request(shop, tx)))
    if not isinstance(answer, Answered):
        return "no_answer"
    block = answer.reply.binary(62)
    if answer.verdict.code != APPROVED or not block:
        return "host_refused"
    shop.mode = await Commit(_must_tell)
    try:
        await Offload("keys", partial(shop.keys.replace_tmk, block), KEY_DEADLINE_MS)
    except KeyRefused:
        return "bad_block"
    return "" if await tell(shop) else "no_answer"


def _request(shop: Shop, tx: Tx) -> Message:
    stan = tx.next_stan()
    return messages.tmk_request(identity(shop, messages.NO_BATCH), shop.profile, stan=stan)


def _must_tell(tx: Tx) -> Mode:
    """From here on the keys may change: the working keys under the old TMK go with it."""
    tx.set(UNTOLD, True)
    if tx.mode is Mode.SIGNED_IN:
        tx.set_mode(Mode.KEYED, reason=Due.NEW_MASTER_KEY.value)
    return tx.mode


async def tell(shop: Shop) -> bool:
    """Tell the host which TMK this is, if that is due; False when it has not heard.

    An answer that is neither 00 nor 25 leaves it due and does not stand in the sign-in's way: the check values of the
    working keys show whether both sides have one TMK.
    """
    if not await Commit(lambda tx: tx.get(UNTOLD, False)):
        return True
    kcv = await Offload("keys", partial(shop.keys.kcv, TMK), KEY_DEADLINE_MS)

    def prepare(tx: Tx) -> Message:
        stan = tx.next_stan()
        return messages.tmk_taken(identity(shop, messages.NO_BATCH), shop.profile, stan=stan, kcv=kcv)

    answer = await shop.host.exchange(await Commit(prepare))
    if not isinstance(answer, Answered):
        return False
    if answer.verdict.code in (APPROVED, NOT_FOUND):
        await Commit(lambda tx: tx.set(UNTOLD, None))
    return True
