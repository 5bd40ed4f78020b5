"""A world that lives: deeds from other threads, time on a rein, and the same world once more."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.deeds import Arm, Clear, Done, Passed, Until, entry_json, read_entry, step_from
from sim.live import Broken, Busy, Event, Live, Outcome, Snapshot
from sim.loop import SimLoop
from sim.stage import Stage, Terms
from sim.story import StoryError
from terminal.loop import Sleep

pytestmark = pytest.mark.slow  # Many small ones: `make test-quick` is to stay quick.
WITHIN_S = 20


def did(future: Future[Outcome]) -> Outcome:
    return future.result(WITHIN_S)


def do(live: Live, *steps: object) -> list[Outcome]:
    return [did(live.do(step_from(step))) for step in steps]


def until(live: Live, end: str, value: str = "", limit_ms: int = 60_000) -> Outcome:
    return did(live.do(Until(end, value), limit_ms))


def sell(live: Live) -> None:
    """A sale by chip and PIN, from the idle screen to the idle screen."""
    do(live, {"press": "500 ENTER"}, {"see": "choose_method"}, {"press": "1"}, {"see": "insert_card"})
    do(live, {"insert": "unionpay-credit-pin"}, {"see": "enter_pin"}, {"press": "123456 ENTER"})
    assert until(live, "slip", "SALES SLIP").met
    do(live, "remove")
    assert until(live, "idle").met


def test_a_sale_from_another_thread_and_what_it_told() -> None:
    events: list[Event] = []
    with Live(Terms(seed=7), told=events.append) as live:
        sell(live)
        assert live.ask(Stage.payments).result(WITHIN_S) == ["completed"]
        assert live.ask(Stage.differences).result(WITHIN_S) == []
    told = {event.what for event in events}
    assert told >= {"begun", "screen", "frame", "apdu", "tone", "slip", "journal", "power"}
    assert [event.at_ms for event in events] == sorted(event.at_ms for event in events)
    sent = next(at for at, event in enumerate(events) if event.what == "frame")
    assert "payment" in [event.value.kind for event in events[:sent] if event.what == "journal"], "durable before sent"


def test_time_stands_still_at_speed_0_and_can_be_stepped() -> None:
    with Live() as live:
        before = live.age_ms
        assert live.ask(Stage.elapsed_ms).result(WITHIN_S) == before
        assert did(live.advance(1_000)) == Outcome("done", before + 1_000)
        assert live.age_ms == before + 1_000


def test_time_follows_the_clock_and_a_deed_does_too() -> None:
    with Live() as live:
        live.speed(20)
        began, age = time.monotonic(), live.age_ms
        do(live, {"wait": "4"})
        took = time.monotonic() - began
        assert took >= 0.2, "four virtual seconds at twenty to one"
        assert live.age_ms >= age + 4_000
        live.speed(0)
        assert live.pace == 0


def test_without_anybody_time_passes_and_a_step_to_speed_0_ends_a_long_wait_at_once() -> None:
    moved = threading.Event()

    def told(event: Event) -> None:
        if event.what == "screen" and live.pace:
            moved.set()

    with Live(told=told) as live:
        live.speed(3600)
        assert moved.wait(WITHIN_S), "the idle screen's clock is drawn each minute"
        live.speed(1)
        waits = live.do(step_from({"wait": "3600"}))
        live.speed(0)
        assert did(waits).met


def test_a_deed_is_interrupted_and_the_next_one_is_not() -> None:
    with Live() as live:
        live.speed(1)
        waits = live.do(step_from({"see": "approved"}))
        while not waits.done():
            live.interrupt()
        assert did(waits).ended == "interrupted"
        live.speed(0)
        assert do(live, {"press": "5"})[0].met


def test_a_limit_ends_what_does_not_come() -> None:
    with Live() as live:
        age = live.age_ms
        assert until(live, "text", "no such words", 5_000) == Outcome("limit", age + 5_000)
        assert until(live, "screen", "approved", 100).ended == "limit"


def test_the_power_goes_at_a_moment_and_comes_back() -> None:
    with Live() as live:
        did(live.do(Arm("before-link")))
        do(live, {"press": "500 ENTER"}, {"see": "choose_method"}, {"press": "1"}, {"see": "insert_card"})
        do(live, {"insert": "signature"})
        assert until(live, "screen", "approved").ended == "power-cut"
        assert live.ask(lambda stage: stage.lives).result(WITHIN_S) == 2
        do(live, {"power": "off"})
        with pytest.raises(StoryError, match="no power"):
            until(live, "idle")
        age = live.age_ms
        did(live.advance(60_000))
        assert live.age_ms == age + 60_000, "dark hours pass, too"
        do(live, {"power": "on"}, {"see": "enter_number"})


def test_a_slice_of_time_leaves_no_trace() -> None:
    """Once or in a hundred pieces: the same world, also over a cut of the power."""

    def lived(slices: int) -> tuple[str, int]:
        with Live(Terms(seed=3)) as live:
            do(live, {"press": "500 ENTER"}, {"see": "choose_method"}, {"press": "1"}, {"see": "insert_card"})
            do(live, {"insert": "signature"})
            did(live.do(Arm("before-receive")))
            for _ in range(slices):
                did(live.advance(120_000 // slices))
            kept = live.snapshot().result(WITHIN_S)
            return kept.digest, live.ask(lambda stage: stage.lives).result(WITHIN_S)

    whole = lived(1)
    assert whole[1] == 2
    assert lived(100) == whole


def everything(stage: Stage) -> tuple[object, ...]:
    """What has been seen of a world so far."""
    events = [(event.n, event.digest) for event in stage.world.journal.events_after(0)]
    return list(stage.slips), list(stage.screens), list(stage.heard), events, stage.elapsed_ms(), stage.host_book()


def test_a_snapshot_is_the_same_world_to_the_byte() -> None:
    with Live(Terms(seed=7)) as live:
        sell(live)
        do(live, {"fault": "drop-reply,mti=0200"}, {"press": "700 ENTER"}, {"see": "choose_method"}, {"press": "1"})
        until(live, "text", "nothing", 1_234)
        live.speed(3600)
        did(live.do(step_from({"wait": "90"})))
        live.speed(0)
        kept = live.snapshot().result(WITHIN_S)
        was = live.ask(everything).result(WITHIN_S)
        until(live, "text", "nothing", 200_000)
        live.restore(kept).result(WITHIN_S)
        now = live.ask(everything).result(WITHIN_S)
        assert now == was
        assert live.snapshot().result(WITHIN_S) == kept


def test_a_snapshot_of_another_world_is_refused() -> None:
    with Live(Terms(seed=7)) as live:
        sell(live)
        kept = live.snapshot().result(WITHIN_S)
        with pytest.raises(ValueError, match="did not make the same world"):
            live.restore(Snapshot(kept.terms, kept.entries[:-1], kept.digest)).result(WITHIN_S)


def test_faults_are_cleared() -> None:
    with Live() as live:
        do(live, {"fault": "drop-reply,times=every"}, {"line": "drop-request,times=every"})
        did(live.do(Clear()))
        sell(live)
        assert live.ask(Stage.payments).result(WITHIN_S) == ["completed"]


def test_what_the_terminal_raises_breaks_the_world_until_another_one_begins() -> None:
    class Fragile(Stage):
        def clear_faults(self) -> None:
            loop: SimLoop = self.world.loop

            async def crash() -> None:
                await Sleep(10)
                raise ZeroDivisionError("a planted mistake")

            loop.spawn(crash(), "crash")

    with Live(begin=Fragile) as live:
        did(live.do(Clear()))
        for _ in range(2):
            with pytest.raises(Broken, match="a planted mistake"):
                did(live.advance(1_000))
        kept = live.snapshot().result(WITHIN_S)
        assert kept.entries[-1] == Passed(live.age_ms - 10 + 1_000), "what broke it is the last that was done"
        live.reset(Terms(seed=1)).result(WITHIN_S)
        assert did(live.advance(1_000)).met


def test_deeds_are_bounded_and_a_closed_world_takes_none() -> None:
    live = Live()
    held = threading.Event()
    live.ask(lambda stage: held.wait(WITHIN_S))
    with pytest.raises(Busy, match="waiting already"):
        for _ in range(2_000):
            live.advance(1)
    held.set()
    live.close()
    with pytest.raises(Busy, match="closed"):
        live.advance(1)


def test_a_world_that_cannot_begin_says_why() -> None:
    def never(terms: Terms) -> Stage:
        raise StoryError("it does not get there")

    with pytest.raises(StoryError, match="does not get there"):
        Live(begin=never)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda each: st.lists(each, max_size=3) | st.dictionaries(st.text(max_size=10), each, max_size=3),
    max_leaves=8,
)


@given(ANYTHING | st.fixed_dictionaries({"step": ANYTHING}) | st.fixed_dictionaries({"until": ANYTHING}))
def test_a_record_from_outside_is_read_or_refused(told: Any) -> None:
    try:
        entry = read_entry(told)
    except ValueError:
        return
    assert read_entry(entry_json(entry)) == entry


@pytest.mark.parametrize(
    "told",
    [
        {"pass_to": 5},
        {"step": "remove"},
        {"step": {"press": "00 ENTER"}, "ended_at": 700},
        {"step": {"expect": {"payments": ["reversed"], "slip": {"zh": "已", "en": "R"}}}},
        {"act": {"insert": "signature"}},
        {"until": {"slip": ""}},
        {"arm": "before-receive"},
        {"clear": True},
        {"mend": {"fault": "drop-reply"}},
        {"touch": {"read": "wechat", "code": "HTTPS://Q.TEST/AB"}},
        {"touch": {"show": "alipay"}},
    ],
)
def test_each_kind_of_entry_goes_out_and_comes_back(told: dict[str, Any]) -> None:
    entry = read_entry(told)
    assert entry_json(entry) == told
    assert "ended_at" not in told or (isinstance(entry, Done) and entry.to_ms == 700)
