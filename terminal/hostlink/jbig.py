"""JBIG1: a bi-level picture, small and without loss, as hosts want a signature in field 62.

One stripe, one resolution, one plane, three-line template, no prediction, no adaptive pixel: the plainest picture that
the standard has, which every decoder reads. The arithmetic coder keeps an interval `a` and its base `c`, codes each
pixel against what its ten neighbours above and to the left have mostly led to before, and narrows the interval by that.

Spec: ITU-T T.82 (1993) §6.2 (bi-level image entity), §6.7 (template), §6.8 (coder, table 24).
"""

from __future__ import annotations

from collections.abc import Sequence

SIDE_LIMIT = 1024  # Pixels; a signature pad has a few hundred.
_CONTEXTS = 1024
_END_OF_STRIPE = b"\xff\x02"  # ESC SDNORM
_STUFFED = b"\xff\x00"  # ESC STUFF: a data byte that looks like an escape.
# Each state: width of the less probable symbol, next state after it, next after the other, whether the senses change.
# fmt: off
_STATES: tuple[tuple[int, int, int, int], ...] = (
    (0x5A1D, 1, 1, 1), (0x2586, 14, 2, 0), (0x1114, 16, 3, 0), (0x080B, 18, 4, 0), (0x03D8, 20, 5, 0),
    (0x01DA, 23, 6, 0), (0x00E5, 25, 7, 0), (0x006F, 28, 8, 0), (0x0036, 30, 9, 0), (0x001A, 33, 10, 0),
    (0x000D, 35, 11, 0), (0x0006, 9, 12, 0), (0x0003, 10, 13, 0), (0x0001, 12, 13, 0), (0x5A7F, 15, 15, 1),
    (0x3F25, 36, 16, 0), (0x2CF2, 38, 17, 0), (0x207C, 39, 18, 0), (0x17B9, 40, 19, 0), (0x1182, 42, 20, 0),
    (0x0CEF, 43, 21, 0), (0x09A1, 45, 22, 0), (0x072F, 46, 23, 0), (0x055C, 48, 24, 0), (0x0406, 49, 25, 0),
    (0x0303, 51, 26, 0), (0x0240, 52, 27, 0), (0x01B1, 54, 28, 0), (0x0144, 56, 29, 0), (0x00F5, 57, 30, 0),
    (0x00B7, 59, 31, 0), (0x008A, 60, 32, 0), (0x0068, 62, 33, 0), (0x004E, 63, 34, 0), (0x003B, 32, 35, 0),
    (0x002C, 33, 9, 0), (0x5AE1, 37, 37, 1), (0x484C, 64, 38, 0), (0x3A0D, 65, 39, 0), (0x2EF1, 67, 40, 0),
    (0x261F, 68, 41, 0), (0x1F33, 69, 42, 0), (0x19A8, 70, 43, 0), (0x1518, 72, 44, 0), (0x1177, 73, 45, 0),
    (0x0E74, 74, 46, 0), (0x0BFB, 75, 47, 0), (0x09F8, 77, 48, 0), (0x0861, 78, 49, 0), (0x0706, 79, 50, 0),
    (0x05CD, 48, 51, 0), (0x04DE, 50, 52, 0), (0x040F, 50, 53, 0), (0x0363, 51, 54, 0), (0x02D4, 52, 55, 0),
    (0x025C, 53, 56, 0), (0x01F8, 54, 57, 0), (0x01A4, 55, 58, 0), (0x0160, 56, 59, 0), (0x0125, 57, 60, 0),
    (0x00F6, 58, 61, 0), (0x00CB, 59, 62, 0), (0x00AB, 61, 63, 0), (0x008F, 61, 32, 0), (0x5B12, 65, 65, 1),
    (0x4D04, 80, 66, 0), (0x412C, 81, 67, 0), (0x37D8, 82, 68, 0), (0x2FE8, 83, 69, 0), (0x293C, 84, 70, 0),
    (0x2379, 86, 71, 0), (0x1EDF, 87, 72, 0), (0x1AA9, 87, 73, 0), (0x174E, 72, 74, 0), (0x1424, 72, 75, 0),
    (0x119C, 74, 76, 0), (0x0F6B, 74, 77, 0), (0x0D51, 75, 78, 0), (0x0BB6, 77, 79, 0), (0x0A40, 77, 48, 0),
    (0x5832, 80, 81, 1), (0x4D1C, 88, 82, 0), (0x438E, 89, 83, 0), (0x3BDD, 90, 84, 0), (0x34EE, 91, 85, 0),
    (0x2EAE, 92, 86, 0), (0x299A, 93, 87, 0), (0x2516, 86, 71, 0), (0x5570, 88, 89, 1), (0x4CA9, 95, 90, 0),
    (0x44D9, 96, 91, 0), (0x3E22, 97, 92, 0), (0x3824, 99, 93, 0), (0x32B4, 99, 94, 0), (0x2E17, 93, 86, 0),
    (0x56A8, 95, 96, 1), (0x4F46, 101, 97, 0), (0x47E5, 102, 98, 0), (0x41CF, 103, 99, 0), (0x3C3D, 104, 100, 0),
    (0x375E, 99, 93, 0), (0x5231, 105, 102, 0), (0x4C0F, 106, 103, 0), (0x4639, 107, 104, 0), (0x415E, 103, 99, 0),
    (0x5627, 105, 106, 1), (0x50E7, 108, 107, 0), (0x4B85, 109, 103, 0), (0x5597, 110, 109, 0), (0x504F, 111, 107, 0),
    (0x5A10, 110, 111, 1), (0x5522, 112, 109, 0), (0x59EB, 112, 111, 1),
)
# fmt: on


def jbig(rows: Sequence[Sequence[int]]) -> bytes:
    """The picture as a JBIG1 entity; `rows` of equal length, 1 is ink. Raises ValueError for no picture.

    >>> jbig([[0] * 8] * 8).hex()
    '000001000000000800000008000000080000000050ff02'
    """
    height, width = len(rows), len(rows[0]) if rows else 0
    if not 0 < height <= SIDE_LIMIT or not 0 < width <= SIDE_LIMIT or any(len(row) != width for row in rows):
        raise ValueError(f"a picture has 1 to {SIDE_LIMIT} rows of 1 to {SIDE_LIMIT} pixels, all of one length")
    sizes = b"".join(number.to_bytes(4, "big") for number in (width, height, height))
    head = bytes((0, 0, 1, 0)) + sizes + bytes(4)
    coder = _Coder()
    blank = [0] * (width + 4)
    above2, above1 = blank, blank
    for row in rows:
        # Two pixels to the left and two to the right of a picture are white.
        line = [0, 0, *row, 0, 0]
        for x in range(2, width + 2):
            context = (
                above2[x - 1] << 9 | above2[x] << 8 | above2[x + 1] << 7
                | above1[x - 2] << 6 | above1[x - 1] << 5 | above1[x] << 4 | above1[x + 1] << 3 | above1[x + 2] << 2
                | line[x - 2] << 1 | line[x - 1]
            )  # fmt: skip
            coder.code(context, line[x])
        above2, above1 = above1, line
    return head + coder.end().replace(b"\xff", _STUFFED) + _END_OF_STRIPE


class _Coder:
    """The arithmetic coder. `c` holds 16 bits of fraction below 12 of carry and output; `a` is the interval."""

    def __init__(self) -> None:
        self._states = bytearray(_CONTEXTS)
        self._likely = bytearray(_CONTEXTS)
        self._a, self._c, self._shifts = 0x10000, 0, 11
        self._out = bytearray()
        self._held = -1  # A byte to which a carry may still come; -1 before the first.
        self._full = 0  # Bytes FF behind it, which a carry would turn over.

    def code(self, context: int, pixel: int) -> None:
        """Spec: T.82 §6.8.2."""
        width, after_less, after_more, changes = _STATES[self._states[context]]
        self._a -= width
        if pixel == self._likely[context]:
            if self._a >= 0x8000:
                return
            if self._a < width:  # The shares change places where the likely one would be the smaller.
                self._c += self._a
                self._a = width
            self._states[context] = after_more
        else:
            if self._a >= width:
                self._c += self._a
                self._a = width
            self._likely[context] ^= changes
            self._states[context] = after_less
        while self._a < 0x8000:
            self._shift()

    def _shift(self) -> None:
        self._a <<= 1
        self._c <<= 1
        self._shifts -= 1
        if not self._shifts:
            self._byte_out()
            self._shifts = 8

    def _byte_out(self) -> None:
        byte = self._c >> 19
        if byte > 0xFF:  # A carry: it goes through every FF that waits.
            self._write(self._held + 1)
            self._out += bytes(self._full)
            self._held, self._full = byte & 0xFF, 0
        elif byte == 0xFF:
            self._full += 1
        else:
            self._write(self._held)
            self._out += b"\xff" * self._full
            self._held, self._full = byte, 0
        self._c &= 0x7FFFF

    def _write(self, byte: int) -> None:
        if byte >= 0:
            self._out.append(byte)

    def end(self) -> bytes:
        """The shortest number inside the last interval, without the zeros that a decoder adds by itself."""
        top = (self._c + self._a - 1) & ~0xFFFF
        self._c = top + 0x8000 if top < self._c else top
        self._c <<= self._shifts
        if self._c > 0x7FFFFFF:
            self._write(self._held + 1)
            self._out += bytes(self._full)
        else:
            self._write(self._held)
            self._out += b"\xff" * self._full
        self._out += bytes((self._c >> 19 & 0xFF, self._c >> 11 & 0xFF))
        return bytes(self._out).rstrip(b"\x00")
