"""The world behind the API: what each route does, from any of the server's threads.

A deed waits for its turn at the one living world and answers when it is done, with the screen that is there then.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from sim.api import views
from sim.api.params import TERMS, Wrong, read_all, terms_json, terms_of
from sim.deeds import DEEDS_LIMIT, ENDS, Act, Arm, Clear, Deed, Until, entry_json, read_entry
from sim.live import Event, Live, Outcome, Snapshot
from sim.recording.playing import recording_of
from sim.scenario.playing import terms_of as scenario_terms
from sim.scenario.reading import ScenarioError, read_scenario
from sim.scenario.steps import Mark, Step
from sim.stage import Stage, Terms
from sim.story import StoryError
from terminal.version import VERSION

MESSAGES_LIMIT = 1_000  # Of the host link, the newest.
JSON = dict[str, Any]
Values = dict[str, Any]


class Conflict(Exception):
    """The request can be read, and the world is not so that it could be done."""


class Missing(Exception):
    """There is no such thing."""


class Desk:
    """`close()` it. Every method raises Wrong, Conflict, Missing, and Broken or Busy of sim.live."""

    def __init__(self, terms: Terms, begin: Callable[[Terms], Stage] = Stage) -> None:
        """Raises what `begin` raises."""
        self._lock = threading.Lock()  # Guards the frames, which the world's thread writes.
        self._frames: deque[tuple[int, int, bytes]] = deque(maxlen=MESSAGES_LIMIT)
        self._frames_seen = 0
        self._playing: Step | None = None
        self.live = Live(terms, told=self._told, begin=begin)

    def close(self) -> None:
        self.live.close()

    def _told(self, event: Event) -> None:
        with self._lock:
            if event.what == "begun":
                self._frames.clear()
                self._frames_seen = 0
            elif event.what == "frame":
                self._frames_seen += 1
                self._frames.append((self._frames_seen, event.at_ms, event.value))
            elif event.what == "step":
                self._playing = event.value

    # Looking.

    def look(self, view: Callable[[Stage], Any]) -> Any:
        try:
            return self.live.ask(view).result()
        except StoryError as wrong:
            raise Conflict(str(wrong)) from None
        except LookupError as missing:
            raise Missing(str(missing)) from None

    def state(self, values: Values) -> JSON:
        return {**self.look(views.state), "speed": self.live.pace, "version": VERSION}

    def screen(self, values: Values) -> JSON:
        return dict(self.look(views.screen))

    def screen_png(self, values: Values) -> bytes:
        return bytes(self.look(lambda stage: views.screen_png(stage, values.get("scale", 4))))

    def slips(self, values: Values) -> JSON:
        return dict(self.look(views.slips))

    def slip_text(self, values: Values) -> str:
        def text(stage: Stage) -> str:
            views.slip_lines(stage, values["number"])
            paper: str = stage.paper()[values["number"] - stage.printed - 1]
            return paper

        return str(self.look(text)) + "\n"

    def slip_png(self, values: Values) -> bytes:
        return views.slip_png(self.look(lambda stage: views.slip_lines(stage, values["number"])))

    def faults(self, values: Values) -> JSON:
        return dict(self.look(views.faults))

    def payments(self, values: Values) -> JSON:
        return dict(self.look(lambda stage: views.payments(stage)))

    def events(self, values: Values) -> JSON:
        after, limit = values.get("after", 0), values.get("limit", 100)
        return dict(self.look(lambda stage: views.events(stage.journal.events_after(after, limit))))

    def books(self, values: Values) -> JSON:
        return dict(self.look(views.books))

    def messages(self, values: Values) -> JSON:
        after, limit = values.get("after", 0), values.get("limit", 100)
        with self._lock:
            frames = [frame for frame in self._frames if frame[0] > after][:limit]
        return {"messages": self.look(lambda stage: [views.message(stage, *frame) for frame in frames])}

    def cards(self, values: Values) -> JSON:
        return views.cards()

    def response_codes(self, values: Values) -> JSON:
        return views.response_codes()

    # Doing.

    def do(self, deed: Deed, limit_ms: int | None = None) -> JSON:
        try:
            return self._outcome(self.live.do(deed, limit_ms).result())
        except StoryError as wrong:
            raise Conflict(str(wrong)) from None

    def _outcome(self, outcome: Outcome) -> JSON:
        return {"ended": outcome.ended, "at_ms": outcome.at_ms, "screen": self.look(views.screen)}

    def press(self, values: Values) -> JSON:
        return self.do(Act(Step("press", values["keys"])))

    def insert(self, values: Values) -> JSON:
        return self.do(Act(Step("insert", values["card"])))

    def remove(self, values: Values) -> JSON:
        return self.do(Act(Step("remove")))

    def swipe(self, values: Values) -> JSON:
        return self.do(Act(Step("swipe", values["card"])))

    def scan(self, values: Values) -> JSON:
        return self.do(Act(Step("scan", values["code"])))

    def phone(self, values: Values) -> JSON:
        does = str(values["does"])
        return self.do(Act(Step("phone" if does == "scan" else does, values["wallet"])))

    def step(self, values: Values) -> JSON:
        return self.do(values["step"], values.get("limit_ms"))

    def run_until(self, values: Values) -> JSON:
        ends = [end for end in ENDS if end in values]
        if len(ends) != 1:
            raise Wrong("", f"one of {', '.join(ENDS)}")
        [end] = ends
        try:
            until = Until(end, "" if end == "idle" else values[end])
        except ValueError as wrong:
            raise Wrong(end, str(wrong)) from None
        return self.do(until, values["limit_ms"])

    def set_fault(self, values: Values) -> JSON:
        what, how = values["what"], values["how"]
        try:
            views.FAULTS[what].check(how)
        except ValueError as wrong:
            raise Wrong("how", str(wrong)) from None
        self.do(Arm(how) if what == "power-fails" else Step(what, how))
        return self.faults({})

    def clear_faults(self, values: Values) -> JSON:
        self.do(Clear())
        return self.faults({})

    def time(self, values: Values) -> JSON:
        if "speed" in values:
            self.live.speed(values["speed"])
        if "advance_ms" in values:
            self.live.advance(values["advance_ms"]).result()
        return {"speed": self.live.pace, "age_ms": self.live.age_ms}

    def interrupt(self, values: Values) -> JSON:
        self.live.interrupt()
        return {"speed": self.live.pace, "age_ms": self.live.age_ms}

    def scenario(self, values: Values) -> JSON:
        """In a world of its own, which stays; with `here` in the one that is there."""
        try:
            scenario = read_scenario(values["yaml"], "yaml")
        except ScenarioError as wrong:
            raise Wrong("yaml", f"line {wrong.mark.line}, column {wrong.mark.column}: {wrong.problem}") from None
        if not values.get("here", False):
            terms = self.look(lambda stage: stage.terms)
            self._begin(scenario_terms(scenario, terms.language, values.get("seed", 0)))
        problem, outcome = "", Outcome("done", self.live.age_ms)
        try:
            outcome = self.live.play(scenario.steps).result()
        except StoryError as wrong:
            problem, outcome = str(wrong), Outcome("failed", self.live.age_ms)
        step = self._playing if problem or not outcome.met else None
        mark = step.mark if step is not None else Mark()
        at = scenario.steps.index(step) + 1 if step is not None else len(scenario.steps)
        return {**self._outcome(outcome), "step": at, "line": mark.line, "column": mark.column, "problem": problem}

    # Worlds.

    def _begin(self, terms: Terms) -> None:
        try:
            self.live.reset(terms).result()
        except StoryError as wrong:
            raise Conflict(str(wrong)) from None

    def reset(self, values: Values) -> JSON:
        self._begin(terms_of(values, self.look(lambda stage: stage.terms)))
        return self.state({})

    def snapshot(self, values: Values) -> JSON:
        try:
            kept = self.live.snapshot().result()
        except ValueError as wrong:
            raise Conflict(str(wrong)) from None
        entries = [entry_json(entry) for entry in kept.entries]
        return {"version": VERSION, "terms": terms_json(kept.terms), "entries": entries, "digest": kept.digest}

    def recording(self, values: Values) -> str:
        try:
            return recording_of(self.live.story().result())
        except (ValueError, StoryError) as wrong:
            raise Conflict(str(wrong)) from None

    def restore(self, values: Values) -> JSON:
        terms = terms_of(read_all(TERMS, values["terms"]), Terms())
        told = values["entries"]
        if len(told) > DEEDS_LIMIT:
            raise Wrong("entries", f"at most {DEEDS_LIMIT}")
        entries = []
        for number, entry in enumerate(told):
            try:
                entries.append(read_entry(entry))
            except ValueError as wrong:
                raise Wrong(f"entries[{number}]", str(wrong)) from None
        try:
            self.live.restore(Snapshot(terms, tuple(entries), values["digest"])).result()
        except (ValueError, StoryError) as wrong:
            raise Conflict(str(wrong)) from None
        return self.state({})
