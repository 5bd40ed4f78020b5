"""The answer to reset: a bounded reading, enough to tell a card from noise and T=0 from T=1.

Spec: EMV 4.4 Book 1 §8.2, §8.3; ISO/IEC 7816-3 §8.2. What EMV fixes for its own cards (TB1, TC1, TA3...) is
not enforced: a contactless reader makes up an ATR of its own (3B 8x 80 01...), and the reader, not we, sets
the line up.
"""

from __future__ import annotations

from dataclasses import dataclass

ATR_LIMIT_BYTES = 33  # TS and at most 32 characters after it (ISO/IEC 7816-3 §8.2).
INTERFACE_LIMIT = 8  # Groups of TA TB TC TD; 32 characters hold no more.
DIRECT_CONVENTION, INVERSE_CONVENTION = 0x3B, 0x3F


class AtrError(ValueError):
    """These bytes are no answer to reset; `position` is the offset of the first that cannot be."""

    def __init__(self, reason: str, position: int) -> None:
        super().__init__(f"{reason} at byte {position} of the answer to reset")
        self.position = position


@dataclass(frozen=True, slots=True)
class Atr:
    """`protocols` in the order offered, never empty; the first is the one a reader begins with."""

    protocols: tuple[int, ...]
    historical: bytes


def parse_atr(data: bytes) -> Atr:
    """Read an ATR. Raises AtrError. Spec: EMV 4.4 Book 1 §8.3.

    >>> parse_atr(bytes.fromhex("3b600000")).protocols
    (0,)
    """
    if len(data) < 2:
        raise AtrError("too short", len(data))
    if len(data) > ATR_LIMIT_BYTES:
        raise AtrError(f"longer than {ATR_LIMIT_BYTES} bytes", ATR_LIMIT_BYTES)
    if data[0] not in (DIRECT_CONVENTION, INVERSE_CONVENTION):
        raise AtrError("TS is neither 3B nor 3F", 0)
    protocols: list[int] = []
    follows, position = data[1] >> 4, 2
    for _ in range(INTERFACE_LIMIT):
        position += (follows & 0b0111).bit_count()  # TA, TB, TC
        if not follows & 0b1000:
            break
        if position >= len(data):
            raise AtrError("an interface character is missing", len(data))
        protocol = data[position] & 0x0F
        if protocol != 15 and protocol not in protocols:  # T=15 only announces global characters.
            protocols.append(protocol)
        follows = data[position] >> 4
        position += 1
    else:
        raise AtrError("TD characters without end", position)
    end = position + (data[1] & 0x0F)
    if end > len(data):
        raise AtrError("cut short", len(data))
    if any(protocol != 0 for protocol in protocols):
        if end >= len(data):
            raise AtrError("TCK is missing", end)
        check = 0
        for byte in data[1 : end + 1]:
            check ^= byte
        if check:
            raise AtrError("TCK is wrong", end)
        end += 1
    if end != len(data):
        raise AtrError("bytes after the end", end)
    return Atr(tuple(protocols) or (0,), data[position : position + (data[1] & 0x0F)])
