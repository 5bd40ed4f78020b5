"""The disk beneath a world's journal: full, failing or lying, at each moment of a sale; how the terminal goes on."""

from __future__ import annotations

from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from sim.deeds import Clear, Until, step_from
from sim.live import Event, Live, Outcome
from sim.recording.playing import recording_of, replay
from sim.scenario.steps import run_step
from sim.stage import RESTART_MS, Stage, Terms
from sim.story import StoryError
from sim.wire.disk import FAILURES, LIES, WELL
from sim.world import World
from terminal.journal import JournalBroken
from terminal.supervision import CRASHES, OUT_OF_SERVICE_S

pytestmark = pytest.mark.slow  # Many small ones: `make test-quick` is to stay quick.
WITHIN_S = 60
SALE: tuple[object, ...] = (
    {"press": "500 ENTER"},
    {"see": "choose_method"},
    {"press": "1"},
    {"see": "insert_card"},
    {"insert": "unionpay-credit-pin"},
    {"see": "enter_pin"},
    {"press": "123456 ENTER"},
    {"see": "waiting"},
    {"see": "approved"},
    {"see": "remove_card"},
    "remove",
    {"see": "idle"},
)
SIGN_ON: tuple[object, ...] = (
    {"see": "enter_number"},
    {"press": "ENTER"},
    {"see": "operator_password"},
    {"press": "1234 ENTER"},
    {"see": "idle"},
)
ENDED = {"abandoned", "reversed", "completed"}


def perform(stage: Stage, *steps: object) -> None:
    for step in steps:
        stage.perform(step_from(step))


def sell_until_it_ends(stage: Stage, how: str, at: int) -> None:
    """A sale, and before step number `at` the disk does that; it stops where the terminal does, or at its end."""
    lives = stage.lives
    for number, step in enumerate(SALE):
        if number == at:
            perform(stage, {"disk": how})
        if stage.lives != lives or not stage.is_on:
            return
        stage.do(run_step(stage, step_from(step)))  # Not `perform`: nobody looks for a screen of this sale again.


@pytest.mark.parametrize("how", FAILURES)
def test_whatever_the_disk_does_at_whatever_moment_of_a_sale_both_books_agree(how: str) -> None:
    """Full or failing before each step; then well, a restart in order with its close, and a start that recovers."""
    struck = 0
    for at in range(len(SALE)):
        with Stage(Terms(seed=f"{how} {at}")) as stage:
            sell_until_it_ends(stage, how, at)
            if stage.is_on:
                perform(stage, {"power": "restart"}, {"wait": 5})
            struck += stage.disk.failed > 0
            perform(stage, {"disk": WELL}, {"power": "cut"})
            perform(stage, *SIGN_ON, {"wait": 120})
            assert stage.differences() == [], f"{how} before {SALE[at]}"
            assert set(stage.payments()) <= ENDED
            if stage.world.reader.holds_card:
                perform(stage, "remove")
            perform(stage, *SALE)
            assert stage.payments()[-1] == "completed"
            stage.journal.verify()
    assert struck, "the disk has to fail in some of them"


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_a_full_disk_is_said_on_the_panel_and_looked_at_again(language: str) -> None:
    told: list[tuple[str, Any]] = []
    with Stage(Terms(seed=1, language=language)) as stage:
        stage.told = lambda what, value: told.append((what, value))
        perform(stage, *SALE[:4], {"disk": "full"}, SALE[4], {"see": "service_mode"})
        assert [value for what, value in told if what == "power"] == ["crashed", "on"]
        assert (stage.is_on, stage.is_lit, stage.mode(), stage.ended) == (False, True, "off", "crashed")
        assert {"en": "Disk unwritable", "zh-CN": "磁盘写不进"}[language] in " ".join(stage.glass())
        assert stage.messages() == []
        for step in ({"press": "1"}, {"see": "idle"}, {"power": "on"}):
            with pytest.raises(StoryError):
                perform(stage, step)
        with pytest.raises(StoryError, match="out of service"):
            stage.payments()
        lives = stage.lives
        perform(stage, {"wait": OUT_OF_SERVICE_S * 3 + 5})
        assert stage.lives == lives + 3, "it looks every ten minutes"
        perform(stage, {"disk": WELL}, {"wait": OUT_OF_SERVICE_S}, *SIGN_ON)
        assert stage.payments() == []


def test_a_terminal_out_of_service_has_a_switch() -> None:
    with Stage(Terms(seed=1)) as stage:
        perform(stage, *SALE[:4], {"disk": "full"}, SALE[4], {"see": "service_mode"}, {"power": "off"})
        assert (stage.is_lit, stage.showing(), stage.glass()) == (False, "", ())
        perform(stage, {"wait": OUT_OF_SERVICE_S * 2})
        assert not stage.is_lit, "nobody has switched it on"
        # The first start after a power cut is not counted: it finds out when it begins to work.
        perform(stage, {"power": "on"}, {"see": "service_mode"}, {"power": "cut"}, {"see": "service_mode"})
        perform(stage, {"disk": WELL}, {"power": "cut"}, *SIGN_ON)


def test_a_disk_that_fails_again_and_again_ends_in_service_mode() -> None:
    """The first life began long ago; each start after a crash counts, and CRASHES of them are enough."""
    dies = (*SALE[:4], {"disk": "sync-fails"}, SALE[4])
    with Stage(Terms(seed=1)) as stage:
        for _ in range(CRASHES):
            perform(stage, *dies, *SIGN_ON, "remove")
        perform(stage, *dies, *SIGN_ON[:-1], {"see": "service_mode"})
        assert (stage.is_on, stage.lives) == (True, CRASHES + 2), "this is the terminal's own service mode"
        perform(stage, {"power": "restart"}, *SIGN_ON)  # As docs/raspberry-pi.md says: a clean stop forgives.


def test_the_real_service_waits_as_long_before_a_restart() -> None:
    unit = (Path(__file__).parents[1] / "terminal" / "install" / "zhanggui.service").read_text("utf-8")
    assert f"RestartSec={RESTART_MS // 1000}\n" in unit


def test_a_disk_that_lies_loses_all_since_then_and_nothing_before() -> None:
    with Stage(Terms(seed=1)) as stage:
        perform(stage, *SALE, {"disk": LIES}, *SALE, {"wait": 60})
        kept = stage.journal.last_n
        assert stage.payments() == ["completed", "completed"]
        perform(stage, {"power": "cut"}, {"see": "enter_number"})
        assert stage.payments() == ["completed"]
        assert stage.host_book() == ["approved", "approved"]
        assert stage.journal.last_n < kept
        assert stage.differences() != [], "what is lost is seen"
        perform(stage, {"disk": WELL}, *SIGN_ON[1:])
        rows = stage.journal.last_n
        perform(stage, {"power": "cut"}, {"see": "enter_number"})
        assert stage.journal.last_n >= rows, "a disk that is well again keeps what it is given"


def test_what_a_lying_disk_leaves_behind_is_refused_or_looks_new_and_never_crashes() -> None:
    """Well again after a checkpoint that it only claimed: the pages are gone, what was logged after them is there."""
    seen = set()
    for seed in range(6):
        with Stage(Terms(seed=seed)) as stage:
            perform(stage, *SALE, {"disk": LIES}, *SALE, {"power": "restart"}, *SIGN_ON, {"disk": WELL}, *SALE)
            perform(stage, {"power": "cut"}, {"wait": 5})
            seen.add(" ".join(stage.glass()) if stage.showing() == "service_mode" else stage.showing())
    assert seen - {"choose_language"}, "some of it is seen to be damaged"
    assert all(glass == "choose_language" or "Sales are off" in glass for glass in seen)


def test_an_honest_disk_loses_nothing_at_a_power_cut() -> None:
    with Stage(Terms(seed=1)) as stage:
        perform(stage, *SALE, {"power": "cut"}, {"see": "enter_number"})
        assert (stage.payments(), stage.differences()) == (["completed"], [])


def test_a_journal_that_breaks_by_itself_is_a_finding() -> None:
    """Only what was done to the disk is played as a crash; all else is let through to whoever plays."""
    with Stage(Terms(seed=1)) as stage:
        stage.world.journal._broken = "a bug"
        with pytest.raises(JournalBroken):
            perform(stage, *SALE)


def test_a_world_without_such_a_disk_says_so() -> None:
    with World(1) as world, pytest.raises(StoryError, match="no disk that can fail"):
        world.happen("disk", "full")


def did(future: Future[Outcome]) -> Outcome:
    return future.result(WITHIN_S)


def test_a_living_world_tells_of_the_crash_and_is_made_again_to_the_byte(tmp_path: Path) -> None:
    events: list[Event] = []
    with Live(Terms(seed=7), told=events.append) as live:
        for step in (*SALE[:7], {"disk": "full"}):
            assert did(live.do(step_from(step))).ended == "done"
        assert did(live.do(Until("idle"), 60_000)).ended == "crashed"
        live.advance(OUT_OF_SERVICE_S * 1000).result(WITHIN_S)
        did(live.do(step_from({"disk": WELL})))
        live.advance(OUT_OF_SERVICE_S * 1000).result(WITHIN_S)
        for step in SIGN_ON:
            did(live.do(step_from(step)))
        kept = live.snapshot().result(WITHIN_S)
        events.clear()
        live.restore(kept).result(WITHIN_S)
        assert live.ask(Stage.differences).result(WITHIN_S) == []
        told = [event.value for event in events if event.what == "power"]
        kept = live.story().result(WITHIN_S)
    assert told[-4:] == ["crashed", "on", "on", "on"]
    (tmp_path / "disk.jsonl").write_text(recording_of(kept), encoding="utf-8")
    assert replay(tmp_path / "disk.jsonl").same


def test_what_was_to_fail_once_is_cleared_and_what_is_broken_stays() -> None:
    with Live(Terms(seed=1)) as live:
        for how, left in (("sync-fails", {}), ("full", {"full": True}), (LIES, {"full": True, LIES: True})):
            did(live.do(step_from({"disk": how})))
            assert how in live.ask(lambda stage: stage.disk.in_force()).result(WITHIN_S)
            did(live.do(Clear()))
            assert live.ask(lambda stage: stage.disk.in_force()).result(WITHIN_S) == left
