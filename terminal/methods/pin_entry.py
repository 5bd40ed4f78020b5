"""PIN entry: digits to an encrypted block for the issuer, or to the card's own VERIFY, and nothing else leaves.

Three mailboxes race: the keys, the card's removal, and time. Digits are masked, every key sounds the same, the block
is encrypted at once and the digits are wiped on every way out. How often anybody may try, `pin_rate` says.
Spec: ISO 9564-1 §5, §6; EMV 4.4 Book 3 §10.5.2, Book 4 §11.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from drivers.ports import Key, Presence, Tone
from emv.commands import PinResult
from keys import KeyRef, Pin, Usage
from terminal.dialogue import acknowledge
from terminal.loop import Commit, Now, Offload, Race, Sleep, Wait
from terminal.methods.asking import KEY_DEADLINE_MS
from terminal.methods.pin_rate import take_entry
from terminal.model import Money
from terminal.screens import catalogue as screens
from terminal.shop import Shop

PIN_MIN, PIN_MAX = 4, 12  # ISO 9564-1: 4 to 12 digits.
TICK_MS = 1_000
PIN_PAN_DIGITS = range(13, 20)  # A PIN block needs 12 digits beside the check digit (ISO 9564-1 §9.3.2).
PIK = KeyRef(Usage.PIK)


@dataclass(frozen=True, slots=True)
class PinEntry:
    """`block` is the encrypted PIN block when `result` is ENTERED. `removed`: the card left meanwhile."""

    result: PinResult
    block: bytes = b""
    removed: bool = False

    def __repr__(self) -> str:
        return f"PinEntry({self.result}, removed={self.removed})"


async def enter_pin(
    shop: Shop, amount: Money | None, pan: str, *, in_slot: bool = True, may_skip: bool = False
) -> PinEntry:
    """Ask for the online PIN of `pan`: the block is encrypted and the digits are wiped before this returns.

    `in_slot`: the card has to stay in; a swiped one is back in its holder's hand. `may_skip`: ENTER alone says that
    there is no PIN.
    """
    pin = Pin()
    try:
        entry = await type_pin(shop, amount, pin, in_slot=in_slot, may_skip=may_skip)
        if entry.result is PinResult.ENTERED:
            return PinEntry(PinResult.ENTERED, await _encrypted(shop, pin, pan))
        return entry
    finally:
        pin.wipe()


async def _encrypted(shop: Shop, pin: Pin, pan: str) -> bytes:
    """The block, under the PIK of the sign-in or, with DUKPT, a key that this message alone has. Raises KeyRefused."""
    if not shop.profile.dukpt:
        return shop.keys.pin_block(PIK, pin, pan)
    return await Offload("keys", partial(shop.keys.messages.pin_block, pin, pan), KEY_DEADLINE_MS)


async def type_pin(
    shop: Shop,
    amount: Money | None,
    pin: Pin,
    *,
    tries_left: int | None = None,
    wrong: bool = False,
    in_slot: bool = True,
    may_skip: bool = False,
) -> PinEntry:
    """Let the cardholder type into `pin`, which the caller wipes; at most `config.timeouts.pin_ms` from key to key.

    More entries than `pin_rate` allows are refused, and cancelled. `tries_left` and `wrong` are the card's words about
    its own PIN (EMV 4.4 Book 3 §10.5.1).
    """
    pin.wipe()
    if not await Commit(take_entry):
        await acknowledge(shop, screens.Refused(reason="pin_rate"))
        return PinEntry(PinResult.CANCELLED)
    shop.boxes.keys.renew()
    deadline_ms = (await Now()).mono_ms + shop.config.timeouts.pin_ms
    while True:
        left_ms = deadline_ms - (await Now()).mono_ms
        if left_ms <= 0:
            return PinEntry(PinResult.TIMED_OUT)
        seconds = -(-left_ms // 1000)
        shop.show(screens.EnterPin(amount, len(pin), seconds, tries_left, wrong=wrong))
        won, value = await Race(Wait(shop.boxes.cards), Wait(shop.boxes.keys), Sleep(min(TICK_MS, left_ms)))
        if won == 0 and in_slot and value is not Presence.PRESENT:
            return PinEntry(PinResult.CANCELLED, removed=True)
        if won != 1:
            continue
        shop.sound(Tone.KEY)
        deadline_ms = (await Now()).mono_ms + shop.config.timeouts.pin_ms
        if value is Key.CANCEL:
            return PinEntry(PinResult.CANCELLED)
        if value is Key.CLEAR:
            pin.wipe()
        elif value is Key.ENTER:
            if len(pin) == 0 and (may_skip or shop.kernel.pin_bypass):
                return PinEntry(PinResult.BYPASSED)
            if PIN_MIN <= len(pin) <= PIN_MAX:
                return PinEntry(PinResult.ENTERED)
        elif len(value.digits) == 1 and len(pin) < PIN_MAX:
            pin.push(int(value.digits))
