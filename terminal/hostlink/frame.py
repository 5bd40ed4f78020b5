"""What stands before the message: TPDU (5 bytes) and header (6 bytes, 12 BCD digits); no length prefix.

The length prefix belongs to the link. A reply's TPDU has destination and source exchanged. The header's sixth digit is
the *processing requirement*: what the host wants done after the current transaction. Either may be missing: a profile
whose TPDU or header is "" has none.

Spec: docs/host-link.md §1.
"""

from __future__ import annotations

from dataclasses import dataclass

from terminal.hostlink.codec import FRAMING, FrameError
from terminal.hostlink.profile import Profile

TPDU_BYTES = 5
HEADER_BYTES = 6
TPDU_ID = 0x60
REQUIREMENT_DIGIT = 5  # The sixth, counted from 0.
LRI_MARK = b"LRI\x00\x1c"  # A dial line's report between TPDU and header; stripped, never sent.
LRI_BYTES = 33


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame without its length prefix. `tpdu` is hex digits, `header` 12 digits; "" for none."""

    tpdu: str
    header: str
    requirement: int
    body: bytes


def wrap(
    body: bytes, profile: Profile, *, tpdu: str | None = None, header: str | None = None, requirement: int = 0
) -> bytes:
    """TPDU, header and body; the profile's TPDU and header unless given (a host gives the request's)."""
    if not 0 <= requirement <= 9:
        raise ValueError("a processing requirement is one digit")
    digits = profile.header if header is None else header
    if digits:
        digits = digits[:REQUIREMENT_DIGIT] + str(requirement) + digits[REQUIREMENT_DIGIT + 1 :]
    return bytes.fromhex(profile.tpdu if tpdu is None else tpdu) + bytes.fromhex(digits) + body


def unwrap(data: bytes, profile: Profile) -> Frame:
    """Take a frame apart. Raises FrameError when it is too short, or TPDU or header are not BCD."""
    start = preamble_bytes(b"", profile)
    if len(data) < start:
        raise FrameError(FRAMING, len(data), "cut short before the end of the header")
    tpdu = data[:TPDU_BYTES].hex() if profile.tpdu else ""
    if profile.tpdu and (data[0] != TPDU_ID or not tpdu.isdecimal()):
        raise FrameError(FRAMING, 0, "a TPDU is 60 and eight digits")
    start = preamble_bytes(data, profile)
    if not profile.header:
        return Frame(tpdu, "", 0, data[start:])
    header = data[start - HEADER_BYTES : start].hex()
    if len(header) != 2 * HEADER_BYTES or not header.isdecimal():
        raise FrameError(FRAMING, start - HEADER_BYTES, "a header is twelve digits")
    return Frame(tpdu, header, int(header[REQUIREMENT_DIGIT]), data[start:])


def preamble_bytes(data: bytes, profile: Profile) -> int:
    """How many bytes stand before the MTI: of TPDU, header, and with a dial line's report 33 more."""
    tpdu = TPDU_BYTES if profile.tpdu else 0
    report = profile.accept_lri and data[tpdu : tpdu + len(LRI_MARK)] == LRI_MARK
    return tpdu + (HEADER_BYTES if profile.header else 0) + (LRI_BYTES if report else 0)


def swap_tpdu(tpdu: str) -> str:
    """Destination and source exchanged, as a reply carries them.

    >>> swap_tpdu("6000030000")
    '6000000003'
    """
    return tpdu[:2] + tpdu[6:10] + tpdu[2:6]


def reply_to(request: Frame, body: bytes, profile: Profile, *, requirement: int = 0) -> bytes:
    """A host's answer to a frame: its TPDU swapped, its header kept, the processing requirement set."""
    return wrap(body, profile, tpdu=swap_tpdu(request.tpdu), header=request.header, requirement=requirement)
