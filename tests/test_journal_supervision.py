"""Three crashes in five minutes are seen; a clean stop forgives; a clock that jumps does not confuse."""

from __future__ import annotations

import pytest

from terminal.journal import Journal
from terminal.supervision import CRASHES, KEPT, WINDOW_MS, clean_stop, record_start, within_window

MINUTE_MS = 60_000


class Wall:
    now_ms = 1_798_000_000_000

    def __call__(self) -> int:
        return self.now_ms


def start(journal: Journal) -> bool:
    return journal.transact(record_start)


def test_the_fourth_start_after_three_crashes_is_a_service_start() -> None:
    wall = Wall()
    journal = Journal.open(None, wall_ms=wall)
    seen = []
    for _ in range(5):
        seen.append(start(journal))
        wall.now_ms += MINUTE_MS
    assert seen == [False, False, False, True, True]
    journal.close()


def test_crashes_far_apart_do_not_count() -> None:
    wall = Wall()
    journal = Journal.open(None, wall_ms=wall)
    for _ in range(10):
        assert not start(journal)
        wall.now_ms += 2 * MINUTE_MS  # Two more starts at most lie within the window.
    journal.close()


def test_a_clean_stop_forgives() -> None:
    journal = Journal.open(None, wall_ms=Wall())
    for _ in range(CRASHES):
        start(journal)
    journal.transact(clean_stop)
    assert not start(journal)
    journal.close()


def test_a_clock_set_back_neither_hides_nor_invents_crashes() -> None:
    wall = Wall()
    journal = Journal.open(None, wall_ms=wall)
    for _ in range(CRASHES):
        start(journal)
    wall.now_ms -= MINUTE_MS  # By a little: still the same five minutes.
    assert start(journal)
    wall.now_ms -= 10 * 365 * 24 * 60 * MINUTE_MS  # By years: the old ones say nothing.
    assert not start(journal)
    journal.close()


def test_what_is_kept_is_bounded() -> None:
    journal = Journal.open(None, wall_ms=Wall())
    for _ in range(50):
        start(journal)
    assert len(journal.transact(lambda tx: tx.get("starts", ()))) == KEPT
    journal.close()


@pytest.mark.parametrize(
    ("starts", "count"),
    [([], 0), ([0], 1), ([-WINDOW_MS], 1), ([-WINDOW_MS - 1], 0), ([WINDOW_MS + 1], 0), ([-1, -2, -3], 3)],
)
def test_the_windows_edges(starts: list[int], count: int) -> None:
    assert len(within_window(starts, 0)) == count
