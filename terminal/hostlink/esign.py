"""电子签名: what was signed on a pad as a picture, and the messages that carry it to the host, part by part.

0820, 60.1 `07`: the payment's own STAN and reference number say what was signed for; 60.3 is 800 for the only or last
part and 801, 802 … for those before it. F62 is the picture (JBIG1), F55 says what stands on the slip.
Acquirers differ in 60.3 and in F55's tags [A]; these are ours.
Spec: docs/host-link.md §3.
"""

from __future__ import annotations

from collections.abc import Sequence

from emv.tlv import build
from terminal.hostlink.codec import Message
from terminal.hostlink.messages import Terminal, base
from terminal.hostlink.profile import Profile

Strokes = Sequence[Sequence[tuple[int, int]]]  # Lines of points, 0 to SPAN across and down.
SPAN = 1000
WIDTH, HEIGHT = 240, 80  # Pixels of the picture: a slip is 384 wide, and a host's screen no larger.
PEN = 2
PARTS_LIMIT = 4
TYPE = "07"
LAST, FIRST = "800", 801
MERCHANT_FF00, KIND_FF01, OPERATOR_FF02, TIME_FF06, AUTH_CODE_FF07 = 0xFF00, 0xFF01, 0xFF02, 0xFF06, 0xFF07


def raster(strokes: Strokes) -> list[list[int]]:
    """The lines drawn with a round enough pen; 1 is ink.

    >>> sum(map(sum, raster([[(500, 500)]])))
    4
    """
    rows = [[0] * WIDTH for _ in range(HEIGHT)]
    for stroke in strokes:
        points = [(x * (WIDTH - PEN) // SPAN, y * (HEIGHT - PEN) // SPAN) for x, y in stroke]
        for (x0, y0), (x1, y1) in zip(points, points[1:] or points, strict=False):
            steps = max(abs(x1 - x0), abs(y1 - y0), 1)
            for step in range(steps + 1):
                x, y = x0 + (x1 - x0) * step // steps, y0 + (y1 - y0) * step // steps
                for down in range(PEN):
                    rows[y + down][x : x + PEN] = [1] * PEN
    return rows


def slip_data(*, merchant: str, kind: str, operator: str, at: str, auth_code: str) -> bytes:
    """F55 of a signature: what the slip says, in GB18030; `at` is YYYYMMDDhhmmss."""
    values = (
        (MERCHANT_FF00, merchant.encode("gb18030")),
        (KIND_FF01, kind.encode("gb18030")),
        (OPERATOR_FF02, operator.encode("ascii")),
        (TIME_FF06, bytes.fromhex(at)),
        (AUTH_CODE_FF07, auth_code.encode("ascii")),
    )
    return build((tag, value) for tag, value in values if value)


def signature_parts(
    terminal: Terminal,
    profile: Profile,
    *,
    stan: str,
    rrn: str,
    pan: str,
    amount_minor: int,
    icc: bytes,
    image: bytes,
) -> tuple[Message, ...]:
    """The messages, first part first. Raises ValueError for a picture of more than PARTS_LIMIT parts."""
    size = profile.fields[62].length
    parts = [image[start : start + size] for start in range(0, len(image), size)]
    if not 0 < len(parts) <= PARTS_LIMIT:
        raise ValueError(f"a signature takes 1 to {PARTS_LIMIT} parts of {size} bytes")
    messages = []
    for number, part in enumerate(parts, 1):
        code = LAST if number == len(parts) else str(FIRST + number - 1)
        fields = base(terminal, stan, f"{TYPE}{terminal.batch_no}{code}")
        fields |= {2: pan, 4: f"{amount_minor:012d}", 37: rrn.ljust(12), 55: icc, 62: part}
        messages.append(Message("0820", fields))
    return tuple(messages)
