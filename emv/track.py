"""The magnetic stripe: tracks 1, 2 and 3 as a reader gives them, taken apart strictly.

A track is text between a start and an end sentinel; parity is the reader's affair and is gone here, and the LRC (the
exclusive or of all characters' codes, sentinels included) follows the end sentinel where the reader hands it on:

    track 1   % B number ^ name ^ YYMM service discretionary ? [LRC]      6-bit codes, at most 79 characters
    track 2   ; number = YYMM service discretionary ? [LRC]               4-bit codes, at most 40
    track 3   ; format number = the rest, not taken apart ? [LRC]         4-bit codes, at most 107; some begin it with +

Tag 57 of a chip holds track 2 without sentinels, the separator as nibble D: `from_tag_57` and `tag_57` are that.
A fault names track, place and reason and quotes nothing; a repr shows nothing.

Spec: ISO/IEC 7811-2 (characters, sentinels, LRC), ISO/IEC 7813 (tracks 1 and 2), ISO/IEC 4909 (track 3), ISO/IEC
7812-1 Annex B (check digit), all from memory of the published layouts; EMV 4.4 Book 3 Annex A (tag 57).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from operator import xor
from typing import Final

# Characters of one swipe: three full tracks; whatever is longer was not sent by one card.
SWIPE_LIMIT: Final = 79 + 40 + 107
TRACK_LIMITS: Final = {1: 79, 2: 40, 3: 107}  # With both sentinels and the LRC.
PAN_DIGITS: Final = range(12, 20)
NAME_CHARACTERS: Final = range(2, 27)
CHIP_SERVICE: Final = ("2", "6")  # First digit of the service code: there is a chip, and it is to be used.
# Third digit: the PIN is required, or asked for where there is a PIN pad, as there always is here.
PIN_SERVICE: Final = ("0", "3", "5", "6", "7")
END: Final = "?"
EXPIRY: Final = (4, "expiry date")
SERVICE: Final = (3, "service code")
# Code of a character without its parity: ASCII less this. The alphabets are the codes' own.
_ZERO: Final = {1: 0x20, 2: 0x30, 3: 0x30}
_ALPHABETS: Final = {1: re.compile(r"[ -_]"), 2: re.compile(r"[0-?]"), 3: re.compile(r"[0-?]")}
_DIGITS: Final = re.compile(r"[0-9]*")
# A reader's own word for a track that it could not read.
_UNREAD: Final = ("E", "e")


class TrackError(Exception):
    """A swipe that cannot be used. `track` 0: the swipe as a whole; `position` counts characters from its start."""

    def __init__(self, track: int, position: int, reason: str) -> None:
        super().__init__(f"{f'track {track}' if track else 'swipe'} at character {position}: {reason}")
        self.track = track
        self.position = position
        self.reason = reason


@dataclass(frozen=True, slots=True, repr=False)
class Track:
    """Track 1 or 2. `expiry` is YYMM; it and `service` are empty where the card has a separator instead."""

    number: int
    pan: str
    expiry: str
    service: str
    discretionary: str
    name: str = ""

    def __repr__(self) -> str:
        return f"Track({self.number})"

    @property
    def has_chip(self) -> bool:
        """Whether the issuer says that there is a chip, and that it is to be used."""
        return self.service[:1] in CHIP_SERVICE

    @property
    def wants_pin(self) -> bool:
        return self.service[2:] in PIN_SERVICE

    @property
    def text(self) -> str:
        """What stands between the sentinels of track 2, as field 35 carries it but for its separator."""
        return f"{self.pan}={self.expiry or '='}{self.service or '='}{self.discretionary}"

    @property
    def tag_57(self) -> bytes:
        """Track 2 equivalent data. Spec: EMV 4.4 Book 3 Annex A."""
        digits = self.text.replace("=", "D")
        return bytes.fromhex(digits + "F" * (len(digits) % 2))


@dataclass(frozen=True, slots=True, repr=False)
class Stripe:
    """One swipe: track 2, and of the others what was there. `track3` is its text between the sentinels, or ""."""

    track2: Track
    track1: Track | None = None
    track3: str = ""

    def __repr__(self) -> str:
        return "Stripe(…)"


def lrc(track: int, text: str) -> str:
    """The character that follows the end sentinel. `text` includes both sentinels.

    >>> lrc(2, ";=?")
    '9'
    """
    zero = _ZERO[track]
    return chr(zero + reduce(xor, (ord(character) - zero for character in text), 0))


def luhn_holds(number: str) -> bool:
    """Whether the last digit is the check digit. Spec: ISO/IEC 7812-1 Annex B.

    >>> luhn_holds("6225000000000014"), luhn_holds("6225000000000015")
    (True, False)
    """
    doubled = (int(digit) * (2 if place % 2 else 1) for place, digit in enumerate(reversed(number)))
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0


def read_swipe(data: bytes, *, with_lrc: bool = False) -> Stripe:
    """The tracks of one swipe, as the reader sent them, without line end.

    `with_lrc`: the reader hands the LRC on, and it is checked. Track 2 must be there and whole; a track 1 that is
    there must be whole and of the same card. A track that the reader marks as unread (`;E?`) counts as missing.
    Raises TrackError, and nothing else, for any bytes whatever.
    """
    if len(data) > SWIPE_LIMIT:
        raise TrackError(0, SWIPE_LIMIT, f"longer than {SWIPE_LIMIT} characters")
    try:
        text = data.decode("ascii")
    except UnicodeDecodeError as fault:
        raise TrackError(0, fault.start, "not ASCII") from None
    found: dict[int, tuple[int, str]] = {}
    for number, start, body in _tracks(text, with_lrc):
        if number in found:
            raise TrackError(number, start, "it is there twice")
        found[number] = (start, body)
    unread = [number for number, (_, body) in found.items() if body in _UNREAD]
    for number in unread:
        del found[number]
    if 2 not in found:
        raise TrackError(2, 0, "it could not be read" if 2 in unread else "it is missing")
    track2 = _read_track2(*found[2])
    track1 = _read_track1(*found[1]) if 1 in found else None
    if track1 is not None and (track1.pan, track1.expiry) != (track2.pan, track2.expiry):
        raise TrackError(1, found[1][0], "it is not of the card of track 2")
    return Stripe(track2, track1, _read_track3(*found[3], track2) if 3 in found else "")


def from_tag_57(value: bytes) -> Track:
    """Track 2 from its equivalent in a chip. Raises TrackError."""
    digits = value.hex().upper()
    return _read_track2(0, (digits[:-1] if digits.endswith("F") else digits).replace("D", "="))


def _tracks(text: str, with_lrc: bool) -> Iterator[tuple[int, int, str]]:
    """(track, where its body begins, the body) for each; LRC and alphabet are checked. Raises TrackError."""
    at, numeric = 0, 0
    while at < len(text):
        if text[at] == "%":
            number = 1
        elif text[at] == "+":
            number = 3
        elif text[at] == ";":
            numeric += 1
            number = 2 if numeric == 1 else 3
        else:
            raise TrackError(0, at, "no start sentinel")
        end = text.find(END, at)
        if end < 0:
            raise TrackError(number, len(text), "no end sentinel")
        whole = text[at : end + 1]
        _check_characters(number, at, whole)
        after = end + 1 + with_lrc
        if after - at + (not with_lrc) > TRACK_LIMITS[number]:
            raise TrackError(number, at, f"longer than {TRACK_LIMITS[number]} characters")
        if with_lrc and text[end + 1 : after] != lrc(number, f";{whole[1:]}" if number == 3 else whole):
            raise TrackError(number, end + 1, "the LRC is wrong")
        yield number, at + 1, whole[1:-1]
        at = after


def _check_characters(number: int, at: int, whole: str) -> None:
    for place, character in enumerate(whole[1:], at + 1):
        unread = number != 1 and whole[1:-1] in _UNREAD
        if not unread and not _ALPHABETS[number].fullmatch(character):
            raise TrackError(number, place, "a character that this track does not have")


def _read_track2(start: int, body: str) -> Track:
    pan, separator, rest = body.partition("=")
    if not separator:
        raise TrackError(2, start + len(body), "no separator")
    _check_pan(2, start, pan)
    expiry, service, discretionary = _after_number(2, start + len(pan) + 1, rest, "=")
    if not _DIGITS.fullmatch(discretionary.replace("=", "")):
        raise TrackError(2, start + len(pan) + 1, "the discretionary data are no digits")
    return Track(2, pan, expiry, service, discretionary)


def _read_track1(start: int, body: str) -> Track:
    if body[:1] != "B":
        raise TrackError(1, start, "the format is not B")
    parts = body[1:].split("^", 2)
    if len(parts) != 3:
        raise TrackError(1, start + len(body), "a separator is missing")
    pan, name, rest = parts
    pan = pan.replace(" ", "")  # Some issuers group the digits. From memory of ISO/IEC 7813.
    _check_pan(1, start + 1, pan)
    if len(name) not in NAME_CHARACTERS:
        raise TrackError(1, start + 2 + len(pan), "the name's length")
    expiry, service, discretionary = _after_number(1, start + len(body) - len(rest), rest, "^")
    return Track(1, pan, expiry, service, discretionary, name)


def _read_track3(start: int, body: str, track2: Track) -> str:
    """Format code, number, separator; what follows is the issuer's. Spec: ISO/IEC 4909."""
    number, separator, rest = body.partition("=")
    if not _DIGITS.fullmatch(rest.replace("=", "")):
        raise TrackError(3, start + len(number) + 1, "what follows the number is no digits")
    if not separator or not _DIGITS.fullmatch(number) or len(number) < 2:
        raise TrackError(3, start, "no format code and number")
    _check_pan(3, start + 2, number[2:])
    if number[2:] != track2.pan:
        raise TrackError(3, start + 2, "it is not of the card of track 2")
    return body


def _check_pan(track: int, start: int, pan: str) -> None:
    if not _DIGITS.fullmatch(pan):
        raise TrackError(track, start, "the card number is no number")
    if len(pan) not in PAN_DIGITS:
        raise TrackError(track, start, "the card number's length")
    if not luhn_holds(pan):
        raise TrackError(track, start + len(pan) - 1, "the check digit is wrong")


def _after_number(track: int, start: int, rest: str, separator: str) -> tuple[str, str, str]:
    """Expiry, service code and discretionary data; a separator may stand in the place of either of the first two."""
    expiry, after = _item(track, start, rest, separator, EXPIRY)
    if expiry and not 1 <= int(expiry[2:]) <= 12:
        raise TrackError(track, start, "the expiry date is no year and month")
    service, discretionary = _item(track, start + len(rest) - len(after), after, separator, SERVICE)
    return expiry, service, discretionary


def _item(track: int, at: int, rest: str, separator: str, item: tuple[int, str]) -> tuple[str, str]:
    """So many digits, or "" for a separator; and what follows. Raises TrackError."""
    length, name = item
    if rest.startswith(separator):
        return "", rest[1:]
    digits = rest[:length]
    if len(digits) < length or not _DIGITS.fullmatch(digits):
        raise TrackError(track, at, f"the {name} is no {length} digits")
    return digits, rest[length:]
