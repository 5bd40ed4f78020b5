"""QR codes on a small panel: the modules of a payload, and whether a panel can carry them.

A phone reads a code of 2 pixels a module with at least one lit module around it; at 1 pixel a module half a module
of blur is enough to lose it. What does not fit at 2 pixels goes on paper. Modules are dark on lit ground, as on
paper. Spec: ISO/IEC 18004; error correction level L, for the smallest code.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

MODULE_MIN_PX = 2
BORDER_MODULES = 1
MATRICES_KEPT = 4  # A code is drawn anew each second of its countdown; one order at a time needs one.
SIDE_TEXT_PX = 56  # A panel this much wider than high has its words beside the code, not beneath it.
LINE_PX = 16


class QrTooLong(ValueError):
    """The payload exceeds what any QR code holds (2,953 bytes at level L)."""


@dataclass(frozen=True, slots=True)
class Modules:
    """`rows` from the top, `size` of them; most significant of `size` bits left; 1 is dark."""

    size: int
    rows: tuple[int, ...]


@lru_cache(maxsize=MATRICES_KEPT)
def modules(payload: str) -> Modules:
    """The code of a payload, without border. About 10 ms the first time. Raises QrTooLong."""
    # Imported here for boot time: 40 ms that the first screen does without.
    from qrcode.constants import ERROR_CORRECT_L  # type: ignore[import-untyped]  # has no stubs
    from qrcode.exceptions import DataOverflowError  # type: ignore[import-untyped]  # the same
    from qrcode.main import QRCode  # type: ignore[import-untyped]  # the same

    code = QRCode(error_correction=ERROR_CORRECT_L, border=0)
    code.add_data(payload.encode())
    try:
        code.make(fit=True)
    except (DataOverflowError, ValueError) as error:
        raise QrTooLong(f"{len(payload.encode())} bytes do not fit a QR code") from error
    rows = tuple(int("".join("1" if dark else "0" for dark in row), 2) for row in code.get_matrix())
    return Modules(len(rows), rows)


def code_area(width: int, height: int) -> tuple[int, int]:
    """The pixels (across, down) that a panel gives to a code; the words take the rest."""
    if width - height >= SIDE_TEXT_PX:
        return height, height
    return width, height - LINE_PX


def qr_fits(payload: str, width: int, height: int) -> int:
    """Pixels a module at which a panel of that size shows the payload; 0: print it on paper.

    >>> qr_fits("https://pay.example/q/8F3kQz81LmT0", 128, 64)
    2
    >>> qr_fits("x" * 60, 128, 64)
    0
    """
    try:
        size = modules(payload).size
    except QrTooLong:
        return 0
    module_px = min(code_area(width, height)) // (size + 2 * BORDER_MODULES)
    return module_px if module_px >= MODULE_MIN_PX else 0
