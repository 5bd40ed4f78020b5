"""Why a terminal must sign in before it sells again: one table of reasons, kept with the mode KEYED and told to people.

Some are demanded by the host's answer, some by what has just been done; three are looked for before each transaction,
because nothing announces them: keys that are gone, keys that are old, a program or an acquirer that has changed.

Source: host-link digest §9, §11; docs/host-link.md §17.
"""

from __future__ import annotations

import hashlib
from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING

from terminal.hostlink import messages
from terminal.hostlink.session import Answered
from terminal.loop import Commit
from terminal.model import Mode
from terminal.shop import Activation, Shop, wall_ms

if TYPE_CHECKING:
    from terminal.journal import Tx

KEY_AGE_MS = 24 * 3_600_000  # Working keys older than a day are renewed (host-link digest §9).
SIGNED_IN_AS = "signed_in_as"  # Setting: what the terminal was when it last signed in.


class Due(Enum):
    """The value stands in the journal as the mode's reason; its words are in the room "sign_in_due"."""

    NO_KEYS = "no-keys"
    WRONG_KEYS = "kcv"  # A check value did not fit, and all keys were discarded.
    LOST_BATCH = "77"
    PIN_FORMAT = "99"
    MAC_FAILED = "A0"
    HEADER = "header"  # Processing requirement 3.
    SETTLED = "settled"
    SIGNED_OUT = "signed-out"
    AGE = "age"
    CHANGED = "changed"  # Another version, profile, host or number than those that signed in.
    TAMPER = "tamper"  # Keys were loaded anew after a lock.
    NEW_MASTER_KEY = "new-tmk"
    INTERRUPTED = "signing-in"  # The power went while a sign-in was under way.


def of_answer(answer: Answered) -> Due:
    """Why an answer that demands a sign-in does so."""
    code = answer.verdict.code
    return Due(code) if code in (Due.LOST_BATCH.value, Due.PIN_FORMAT.value, Due.MAC_FAILED.value) else Due.HEADER


def demand(tx: Tx, due: Due) -> Mode:
    """Inside a transaction: nothing is sold until the next sign-in; the mode that it leaves.

    A settlement that has begun goes on: it ends in a sign-in anyway.
    """
    if tx.mode is Mode.SIGNED_IN:
        tx.set_mode(Mode.KEYED, reason=due.value)
    return tx.mode


def reason(tx: Tx) -> Due:
    """Why a terminal that is not signed in is to sign in. What the journal has no word of was never signed in."""
    told = str(tx.mode_facts.get("reason", ""))
    return Due(told) if told in {due.value for due in Due} else Due.NO_KEYS


def signing_in(shop: Shop, tx: Tx, now_ms: int) -> None:
    """Inside the transaction that signs in: when that was, and as what."""
    tx.set("signed_in_ms", now_ms)
    tx.set(SIGNED_IN_AS, _fingerprint(shop))


def _fingerprint(shop: Shop) -> str:
    """Version, host, numbers and the acquirer's whole profile, as they are before any download."""
    return _digest(shop.version, shop.activation, shop.own_profile_text)


@lru_cache(maxsize=1)
def _digest(version: str, activation: Activation | None, profile: str) -> str:
    """Asked for before each transaction, and the same all day."""
    return hashlib.sha256("\n".join((version, repr(activation), profile)).encode()).hexdigest()[:32]


async def look(shop: Shop) -> None:
    """Before a transaction: sign the terminal out if its keys are gone or old, or if it is not what signed in."""
    if shop.mode is not Mode.SIGNED_IN:
        return
    ready, now_ms = messages.keys_ready(shop.keys, shop.profile), await wall_ms()

    def judge(tx: Tx) -> Mode:
        if not ready:
            return demand(tx, Due.NO_KEYS)
        if not 0 <= now_ms - tx.get("signed_in_ms", 0) < KEY_AGE_MS:
            return demand(tx, Due.AGE)
        if tx.get(SIGNED_IN_AS, "") != _fingerprint(shop):
            return demand(tx, Due.CHANGED)
        return tx.mode

    shop.mode = await Commit(judge)
