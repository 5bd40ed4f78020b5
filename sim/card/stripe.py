"""The magnetic stripe of a test card: tracks 1 and 2 of its first application, as a swipe reader sends them.

"FAULT:CARD" is the same card with a damaged stripe or a dirty head; FAULTS has the words. The LRC is computed here
bit by bit and not by `emv.track`: two sides that share code can be wrong together.

Spec: ISO/IEC 7811-2 (LRC), ISO/IEC 7813.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from sim.card.model import CardApplication
from sim.card.profiles import PROFILES

BITS = {"%": 6, ";": 4}  # Of a character, parity apart, by the start sentinel.


def swipe_of(card: str, *, with_lrc: bool = False) -> bytes:
    """One swipe, without line end. `with_lrc`: the reader hands the LRC on. Raises KeyError for an unknown card."""
    fault, colon, name = card.rpartition(":")
    application = PROFILES[name].applications[0]
    tracks = [_track1(application), _track2(application)]
    if colon:
        return FAULTS[fault](tracks, with_lrc)
    return _joined(tracks, with_lrc)


def _track1(application: CardApplication) -> str:
    app = application
    return f"%B{app.pan}^{app.holder}^{app.expiry[:4]}{app.service_code}{app.discretionary}?"


def _track2(application: CardApplication) -> str:
    app = application
    return f";{app.pan}={app.expiry[:4]}{app.service_code}{app.discretionary}?"


def _lrc(track: str) -> str:
    """Even parity down each column of bits."""
    bits = BITS[track[0]]
    zero = 0x20 if bits == 6 else 0x30
    codes = [ord(character) - zero for character in track]
    return chr(zero + sum((sum(code >> bit & 1 for code in codes) % 2) << bit for bit in range(bits)))


def _joined(tracks: list[str], with_lrc: bool) -> bytes:
    return "".join(track + (_lrc(track) if with_lrc else "") for track in tracks).encode("ascii")


def _wrong_lrc(tracks: list[str], with_lrc: bool) -> bytes:
    whole = _joined(tracks, with_lrc)
    return whole[:-1] + bytes((whole[-1] ^ 0x01,))


def _short(tracks: list[str], with_lrc: bool) -> bytes:
    """The card was pulled out too early: the number and no more."""
    return _joined([tracks[1].partition("=")[0] + "?"], with_lrc)


def _unread(tracks: list[str], with_lrc: bool) -> bytes:
    """The reader could not decode track 2, and says so."""
    return _joined([tracks[0], ";E?"], False)


def _noise(tracks: list[str], with_lrc: bool) -> bytes:
    return b"\x00\xff;?%"


FAULTS: Mapping[str, Callable[[list[str], bool], bytes]] = MappingProxyType(
    {"wrong-lrc": _wrong_lrc, "short": _short, "unread": _unread, "noise": _noise}
)
