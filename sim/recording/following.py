"""A terminal's recording followed in a simulated world: does it decide again what it decided?

What is compared is durable: each state that a payment went through and each mode of the terminal, in order. The world
has test cards and its own host, operator and numbers (sim.recording.standins), so amounts of time, numbers and texts
differ, and decisions must not.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sim.deeds import perform, step_from
from sim.pace import TimeIsUp
from sim.recording.lines import Line
from sim.recording.reading import RecordingError, is_shipped_name, read_header, read_lines
from sim.recording.standins import Cue, Numbered, cues
from sim.recording.verdict import Verdict
from sim.stage import Stage, Terms
from sim.story import StoryError
from terminal.journal import Event

PATIENCE_MS = 180_000  # For the screen on which the next deed was done; a host's silence and its reversal.
PANELS = {"ssd1306": (128, 64), "sh1107": (128, 128)}
RECORDED_LIMIT = 500_000  # Lines that are held at once.


def follow(path: Path) -> Verdict:
    """Raises RecordingError, OSError, UnicodeDecodeError, StoryError, ProfileError."""
    lives: list[list[Numbered]] = []
    with path.open(encoding="utf-8") as file:
        for number, line in read_lines(file):
            if "recording" in line or not lives:
                read_header(number, line)
                lives.append([])
            if number > RECORDED_LIMIT:
                raise RecordingError(number, f"more than {RECORDED_LIMIT} lines cannot be followed")
            lives[-1].append((number, line))
    if not lives:
        raise RecordingError(1, "an empty file")
    with Stage(_terms(*lives[0][0], lives[0])) as stage:
        return _Follower(stage).all(lives)


def _terms(number: int, header: Line, life: list[Numbered]) -> Terms:
    if header.get("panel") not in PANELS:
        raise RecordingError(number, f"panel is none of {', '.join(PANELS)}")
    profile = str(header.get("profile"))
    if not is_shipped_name(profile):
        raise RecordingError(number, "profile is no shipped one's name")
    language = "en" if header.get("language") == "en" else "zh-CN"
    new = any(line.get("name") == "choose_language" for _, line in life)
    return Terms(
        seed="followed",
        language=language,
        panel=PANELS[str(header["panel"])],
        begin="new" if new else "signed-in",
        offered="all",
        profile=profile,
    )


class _Follower:
    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._deeds = 0
        self._n = stage.world.journal.last_n
        self._here: list[str] = []

    def all(self, lives: list[list[Numbered]]) -> Verdict:
        recorded: list[tuple[int, str]] = []
        for life_no, whole in enumerate(lives):
            if life_no:
                self._stage.perform(step_from({"power": "cut"}))
            life = self._from_where_we_are(whole) if life_no == 0 else whole
            recorded += [(number, said) for number, line in life if (said := _decision(line.get("kind"), line))]
            departed = self._live(life, last=life_no == len(lives) - 1)
            if departed is not None:
                return self._verdict(len(lives), *departed)
        return self._judge(len(lives), recorded)

    def _verdict(self, lives: int, line: int = 0, recorded: str = "", seen: str = "") -> Verdict:
        return Verdict(self._deeds, lives, decisions=len(self._here), line=line, recorded=recorded, seen=seen)

    def _from_where_we_are(self, life: list[Numbered]) -> list[Numbered]:
        """A world that is signed in begins at its idle screen."""
        if self._stage.terms.begin == "new":
            return life
        for index, (_, line) in enumerate(life):
            if line.get("is") == "screen" and line.get("name") == "idle":
                return life[index:]
        raise RecordingError(life[0][0], "its terminal never came to the idle screen")

    def _live(self, life: list[Numbered], *, last: bool) -> tuple[int, str, str] | None:
        """Where it departs, if it does. A life that was cut ends when it did, the last one when nothing is left."""
        moments = [line["at"] for _, line in life if type(line.get("at")) is int] or [0]
        started_ms, ended_ms = moments[0], moments[-1]
        base_ms = self._stage.elapsed_ms()
        for cue in cues(life):
            self._deeds += 1
            self._stage.pass_to(base_ms + max(0, cue.at_ms - started_ms))
            departed = self._perform(cue)
            self._look()
            if departed:
                return cue.line, str(cue.deed), f"{departed}; on the glass: {self._stage.showing() or 'nothing'}"
        self._stage.pass_to(self._stage.elapsed_ms() + PATIENCE_MS if last else base_ms + max(0, ended_ms - started_ms))
        self._look()
        return None

    def _perform(self, cue: Cue) -> str:
        try:
            perform(self._stage, cue.deed, self._stage.elapsed_ms() + PATIENCE_MS)
        except StoryError as why:
            return str(why)
        except TimeIsUp:
            return "it did not come about"
        return ""

    def _look(self) -> None:
        """What has become durable here."""
        if self._stage.is_on:
            for event in self._stage.world.journal.events_after(self._n):
                self._n = event.n
                said = _of(event)
                self._here += [said] if said else []

    def _judge(self, lives: int, recorded: list[tuple[int, str]]) -> Verdict:
        for (line, theirs), ours in zip(recorded, [*self._here, *[""] * len(recorded)], strict=False):
            if theirs != ours:
                return self._verdict(lives, line, theirs, ours)
        return self._verdict(lives)


def _of(event: Event) -> str:
    return _decision(event.kind, event.body)


def _decision(kind: object, row: Any) -> str:
    """Of a payment's or a mode's row: from where to where. "" of another row."""
    return f"{kind} {row['from']} to {row['to']}" if "from" in row and "to" in row else ""
