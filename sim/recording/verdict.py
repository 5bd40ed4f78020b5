"""What came of a recording that was played again or followed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Verdict:
    """`line` 0: the same, as far as it could be followed: behind the line `until` (0: the end) nobody can say what
    would come, for the reason `why_until`. Else the first line that is not, what it says, and what came about instead.

    Of a full recording every one of `lines` is compared, to the byte; of a terminal's own its `decisions`. `commit`:
    with which program it was made, `redacted`: why it is not full, where the recording says so.
    """

    deeds: int
    lives: int = 0
    lines: int = 0
    decisions: int = 0
    commit: str = ""
    redacted: str = ""
    until: int = 0
    why_until: str = ""
    line: int = 0
    recorded: str = ""
    seen: str = ""

    @property
    def same(self) -> bool:
        return not self.line
