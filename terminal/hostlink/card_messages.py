"""The requests about money on a card, each from its row of TRANSACTIONS, and the reversal that takes one back.

A builder gives a Message without field 64 (`messages.with_mac` adds it). Who asks decides how the card takes part and
whether a PIN goes along; the row decides everything else. A reversal is built from what was kept when the request
became durable, never from a guess: `Kept` is that.

Spec: docs/host-link.md §2 (F22, F60, F61), §3, §5.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from terminal.hostlink.codec import Message
from terminal.hostlink.icc import select
from terminal.hostlink.messages import Terminal, base
from terminal.hostlink.profile import Profile
from terminal.hostlink.transactions import Names, Row
from terminal.model import Money

# Digits 1 and 2 of F22.
MANUAL, SWIPED, INSERTED = "01", "02", "05"
NOT_A_CHIP, CHIP_READ, CHIP_FAILED = "0", "1", "2"  # 60.5
_NO_ORIGINAL = "000000"


@dataclass(frozen=True, slots=True, repr=False)
class CardFields:
    """What the card, its seal or a keypad gives. `track2` with D or =, `expiry` YYMM, `icc` field 55.

    `entry` is the first two digits of F22, `chip` 60.5: swiped because the chip could not be read is CHIP_FAILED.
    """

    pan: str
    expiry: str = ""
    sequence: str = ""
    track2: str = ""
    track3: str = ""
    icc: bytes = b""
    entry: str = INSERTED
    chip: str = NOT_A_CHIP

    def __repr__(self) -> str:
        return f"CardFields(entry {self.entry})"


@dataclass(frozen=True, slots=True)
class Original:
    """The transaction that this one is about. `date` is MMDD; empty strings for what is not known."""

    batch_no: str = ""
    stan: str = ""
    date: str = ""
    rrn: str = ""
    auth_code: str = ""
    auth_mode: str = ""  # 61.4: 00 POS, 01 telephone, 02 stand-in.
    auth_institution: str = ""


@dataclass(frozen=True, slots=True, repr=False)
class Kept:
    """What a reversal repeats of its request. `f60`, `f61` as they were sent; `icc` is cut to the profile's tags."""

    stan: str
    amount: Money
    entry_mode: str
    f60: str
    f61: str = ""
    pan: str = ""
    expiry: str = ""
    sequence: str = ""
    auth_code: str = ""
    icc: bytes = field(default=b"")


def card_request(
    row: Row,
    terminal: Terminal,
    profile: Profile,
    *,
    stan: str,
    card: CardFields,
    amount: Money | None,
    pin_block: bytes = b"",
    original: Original | None = None,
    extra: Mapping[int, str | bytes] | None = None,
) -> Message:
    """The request of this row. `amount` None: none is sent (a balance). `extra`: F48, F54, F62 of some kinds.

    With a PIN block F22 ends in 1 and F26, F52, F53 are present; without, it ends in 2 and they are absent, but for
    F53 with a track that the profile wants encrypted (who asks has encrypted it). Raises ValueError for a row that
    needs an original and is given none, or takes no PIN and is given one.
    """
    if pin_block and not row.pin:
        raise ValueError(f"no PIN goes with {row.kind.value}")
    fields = base(terminal, stan, f60_of(row, terminal, profile, card.chip))
    fields |= {
        2: card.pan,
        3: row.processing_code,
        22: card.entry + ("1" if pin_block else "2"),
        25: row.condition,
        49: profile.currency,
    }
    if amount is not None:
        fields[4] = f"{amount.amount_minor:012d}"
    optional: dict[int, str | bytes] = {
        14: card.expiry,
        23: card.sequence.zfill(3) if card.sequence else "",
        35: card.track2.replace("=", "D"),
        36: card.track3.replace("=", "D"),
        55: card.icc,
    }
    fields |= {number: value for number, value in optional.items() if value}
    fields |= _about(row, profile, original)
    if pin_block:
        fields |= {26: profile.pin_capture_code, 52: pin_block}
    hidden = profile.tracks_encrypted and bool(card.track2 or card.track3)
    if (pin_block or hidden) and profile.ksn_field != 53:  # There the KSN will stand, with the MAC.
        fields[53] = f53_of(profile, pin=bool(pin_block), hidden=hidden)
    if profile.operator_in_f63:
        fields[63] = terminal.operator.ljust(3)
    return Message(row.mti, {**fields, **(extra or {})})


def f53_of(profile: Profile, *, pin: bool, hidden: bool) -> str:
    """The PIN block's format (0: no PIN), the cipher, whether the tracks are encrypted. Spec: docs/host-link.md §7."""
    digits = profile.security_control
    return f"{digits[0] if pin else '0'}{digits[1]}{'1' if hidden else digits[2]}{digits[3:]}"


def f60_of(row: Row, terminal: Terminal, profile: Profile, chip: str) -> str:
    """Type, batch, 000, what the terminal can read, the chip's condition; 60.6 and 60.7 only with an account."""
    digits = f"{row.type}{terminal.batch_no}000{profile.terminal_capability}{chip}"
    return f"{digits}0{row.account}" if row.account else digits


def _about(row: Row, profile: Profile, original: Original | None) -> dict[int, str | bytes]:
    """F37, F38 and F61. Raises ValueError for a missing original."""
    if row.names is Names.NOTHING:
        return {}
    if original is None:
        raise ValueError(f"{row.kind.value} is about an original")
    known = {37: original.rrn.ljust(12) if original.rrn else "", 38: original.auth_code}
    known[38] = known[38].ljust(profile.fields[38].length) if known[38] else ""
    fields: dict[int, str | bytes] = {number: known[number] for number in row.sends if known[number]}
    match row.names:
        case Names.STAN:
            fields[61] = f"{original.batch_no}{original.stan}"
        case Names.DATE:
            fields[61] = f"{_NO_ORIGINAL}{_NO_ORIGINAL}{original.date}"
        case Names.AUTHORISER:
            institution = original.auth_institution
            fields[61] = f"{_NO_ORIGINAL}{_NO_ORIGINAL}0000{original.auth_mode}{institution}"
    return fields


def card_reversal(row: Row, terminal: Terminal, profile: Profile, kept: Kept, *, reason: str) -> Message:
    """0400, 冲正: STAN, F22, F60 and F61 are the original's own; F55 is reduced to the profile's tags.

    Never carries track, PIN block or F26 (docs/host-link.md §5); `reason` is F39.
    """
    fields = base(terminal, kept.stan, kept.f60)
    fields |= {
        3: row.processing_code,
        4: f"{kept.amount.amount_minor:012d}",
        22: kept.entry_mode,
        25: row.condition,
        39: reason,
        49: profile.currency,
    }
    optional: dict[int, str | bytes] = {
        2: kept.pan,
        14: kept.expiry,
        23: kept.sequence.zfill(3) if kept.sequence else "",
        38: kept.auth_code.ljust(profile.fields[38].length) if kept.auth_code else "",
        55: select(kept.icc, profile.reversal_f55_tags),
        61: kept.f61,
    }
    fields |= {number: value for number, value in optional.items() if value}
    if profile.operator_in_f63:
        fields[63] = terminal.operator.ljust(3)
    return Message("0400", fields)
