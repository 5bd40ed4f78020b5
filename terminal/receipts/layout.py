"""A slip as lines of paper."""

from __future__ import annotations

from drivers.ports import PaperLine, Text
from terminal.receipts.slips import Copy, Slip


def lay_out(
    slip: Slip, *, cells: int, language: str, copy: Copy = Copy.MERCHANT, reprint: bool = False
) -> tuple[PaperLine, ...]:
    """The lines of one copy of a slip, each at most `cells` half-width cells (32 or 48) wide.

    `language` is "zh-CN" (Chinese labels with the English in brackets) or "en". `reprint` marks it 重打印.
    """
    return (Text(type(slip).__name__),)
