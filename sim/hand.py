"""A hand and two eyes in a living world, for tests: do, wait until it is so, look. No HTTP, no threads to think of.

    world = Hand(Live(Terms(seed=7)))
    world.press("500 ENTER")
    world.press("1")
    world.insert("signature")
    world.run_until(slip="SALES SLIP")
    assert world.payments == ["completed"]

Each deed takes its own virtual time, at once; between two nothing happens. Whatever does not come about raises
AssertionError with what is there instead; what cannot be done (a second card in the slot) raises StoryError.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import TypeVar

from sim.deeds import ENDS, Act, Arm, Clear, Deed, Until, entry_json, step_from
from sim.live import Live, Outcome, Snapshot
from sim.recording.playing import recording_of
from sim.stage import Stage
from sim.story import StoryError

T = TypeVar("T")
WITHIN_MS = 120_000  # Twice what a terminal waits for its host.
PATIENCE_S = 120  # Of the real clock: a week of virtual time takes less.
TOLD_LIMIT = 20_000  # Characters of deeds in a failed test's report.
__tracebackhide__ = True  # So pytest shows the test's line.


class Hand:
    """One world. `live` is for what is not here; close that."""

    def __init__(self, live: Live) -> None:
        self.live = live

    # Doing.

    def press(self, keys: str) -> None:
        """Digits and key names: "12850 ENTER"."""
        self._act({"press": keys})

    def insert(self, card: str) -> None:
        """A card by its name (`python -m sim card --list`)."""
        self._act({"insert": card})

    def remove(self) -> None:
        self._act("remove")

    def swipe(self, card: str) -> None:
        """CARD, or FAULT:CARD for a stripe that is read badly."""
        self._act({"swipe": card})

    def scan(self, code: str) -> None:
        self._act({"scan": code})

    def phone(self, wallet: str, does: str = "scan") -> None:
        """The customer's phone: scan the display, show a code to the scanner, confirm or refuse."""
        self._act({"phone" if does == "scan" else does: wallet})

    def step(self, step: object) -> None:
        """Any step of a scenario as JSON or YAML has it: "remove", {"wait": 5}, {"expect": {"books": "agree"}}."""
        self._do(step_from(step))

    def break_(self, what: str, how: str) -> None:
        """A mishap: ("fault", "drop-reply,mti=0200"), ("line", "drop-request"), ("paper", "out"), ("power", "cut")…

        ("power-fails", "before-link") arms it: the power goes at the next such moment.
        """
        self._do(Arm(how) if what == "power-fails" else step_from({what: how}))

    def clear_faults(self) -> None:
        """What was to go wrong with host, line and power does not."""
        self._do(Clear())

    def advance(self, ms: int) -> None:
        """Virtual time passes."""
        _of(self.live.advance(ms))

    def run_until(
        self,
        *,
        screen: str | None = None,
        text: str | None = None,
        slip: str | None = None,
        idle: bool = False,
        within_ms: int = WITHIN_MS,
    ) -> None:
        """Go on until one of these is so: see sim.deeds.Until. Raises AssertionError if none is in time."""
        wanted = dict(zip(ENDS, (screen, text, slip, "" if idle else None), strict=True))
        ends = [(end, value) for end, value in wanted.items() if value is not None]
        if len(ends) != 1:
            raise ValueError(f"run until what? one of {', '.join(ENDS)}")
        until = Until(*ends[0])
        outcome = self._do(until, within_ms)
        if not outcome.met:
            wanted_one = f"{until.end} {until.value!r}" if until.value else until.end
            why = f"not within {within_ms / 1000:g} s" if outcome.ended == "limit" else outcome.ended
            raise AssertionError(f"{wanted_one}: {why}; {self.describe()}")

    # Looking.

    @property
    def screen(self) -> str:
        """The name of the screen that is on the glass; "" when it is dark."""
        return self.ask(Stage.showing)

    @property
    def text(self) -> str:
        """What the glass says, line by line."""
        return "\n".join(self.ask(Stage.glass))

    @property
    def slips(self) -> list[str]:
        """Every slip, oldest first."""
        return self.ask(lambda stage: list(stage.paper()))

    @property
    def payments(self) -> list[str]:
        """What became of each payment in the terminal's book, oldest first."""
        return self.ask(Stage.payments)

    @property
    def host_book(self) -> list[str]:
        """What the host made of each request, oldest first. Raises StoryError for a host outside."""
        return self.ask(Stage.host_book)

    @property
    def differences(self) -> list[str]:
        """Where the two books differ; empty when they agree. Raises StoryError for a host outside."""
        return self.ask(Stage.differences)

    @property
    def messages(self) -> list[str]:
        """The types of what the host was sent, oldest first."""
        return self.ask(lambda stage: list(stage.messages()))

    def ask(self, look: Callable[[Stage], T]) -> T:
        """What a function makes of the Stage; it must change nothing."""
        return _of(self.live.ask(look))

    def snapshot(self) -> Snapshot:
        return _of(self.live.snapshot())

    def restore(self, snapshot: Snapshot) -> None:
        """To the byte. Raises ValueError when it cannot be."""
        _of(self.live.restore(snapshot))

    def record(self, path: Path) -> None:
        """All that has happened so far, for `python -m sim replay`. Raises ValueError, OSError."""
        path.write_text(recording_of(_of(self.live.story())), encoding="utf-8")

    def describe(self) -> str:
        """What a person would tell of it: the screen, and the newest slip's first lines."""
        slips = self.slips
        last = " / ".join(line.strip() for line in slips[-1].splitlines() if line.strip())[:200] if slips else "none"
        return f"screen {self.screen!r}: {' | '.join(self.text.splitlines())}; last slip: {last}"

    def story(self) -> str:
        """Everything of which this world is made, as JSON: terms, then each deed."""
        snapshot = _of(self.live.story())
        told = [json.dumps({"seed": snapshot.terms.seed}, ensure_ascii=False)]
        told += [json.dumps(entry_json(entry), ensure_ascii=False) for entry in snapshot.entries]
        return "\n".join(told)[-TOLD_LIMIT:]

    def _act(self, step: object) -> None:
        self._do(Act(step_from(step)))

    def _do(self, deed: Deed, limit_ms: int | None = None) -> Outcome:
        return _of(self.live.do(deed, limit_ms))


def _of(future: Future[T]) -> T:
    try:
        return future.result(PATIENCE_S)
    except StoryError as refused:
        raise StoryError(str(refused)) from None  # A failing test needs its own line, not how a world looks inside.
