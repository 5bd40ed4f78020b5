"""A terminal's recording followed in a simulated world: does it decide again what it decided?

What is compared is durable: each state that a payment went through and each mode of the terminal, in order. The world
has test cards and its own host, operator and numbers (sim.recording.standins), so amounts of time, numbers and texts
differ, and decisions must not: none less than the recording has, and none more. A life may have ended in the middle of
something, and what would have come then is nobody's to say; so a decision is one too many where the recording went on
to a deed, or stood at its idle screen for a while, without it. Where nothing here can stand in for what was typed
(a key's component, an original's number), following ends: what came before that line is judged, and nothing behind it.
A disk that failed may have kept its row or not: a departure behind that line is none, and following ends there, too.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from drivers.display import PANELS
from sim.deeds import AGE_LIMIT_MS, perform, step_from
from sim.pace import TimeIsUp
from sim.recording.lines import Line, Numbered
from sim.recording.reading import RecordingError, is_shipped_name, read_header, read_lines
from sim.recording.standins import (
    A_JUMP_MS,
    IDLE,
    Cue,
    NothingStandsIn,
    clock_step,
    cues,
    wall_ahead_ms,
)
from sim.recording.verdict import Verdict
from sim.stage import Stage, Terms
from sim.story import StoryError
from terminal.journal import Event

PATIENCE_MS = 180_000  # For the screen on which the next deed was done; a host's silence and its reversal.
STEP_MS = 100  # How closely the world is watched while what was recorded is still to come.
DISK_FAILED = "the disk failed, and what it kept of the row is nobody's to say"
JITTER_MS = 10_000  # So much sooner than there may a thing come here that the end of the recording has cut off.
RECORDED_LIMIT = 500_000  # Lines that are held at once.
SILENCE_LIMIT_MS = 7 * 24 * 3600 * 1000  # An idle screen has a clock.
Departure = tuple[int, str, str]  # The line, what it says, and what came about instead; "" where there is nothing.


def follow(path: Path) -> Verdict:
    """Raises RecordingError, OSError, UnicodeDecodeError, StoryError, ProfileError."""
    lives: list[list[Numbered]] = []
    with path.open(encoding="utf-8") as file:
        for number, line in read_lines(file, lives=True):
            if "recording" in line or not lives:
                read_header(number, line)
                lives.append([])
            if number > RECORDED_LIMIT:
                raise RecordingError(number, f"more than {RECORDED_LIMIT} lines cannot be followed")
            lives[-1].append((number, line))
    if not lives:
        raise RecordingError(1, "an empty file")
    for life in lives:
        _check_moments(life)
    with Stage(_terms(*lives[0][0], lives[0])) as stage:
        return replace(_Follower(stage).all(lives), redacted=str(lives[0][0][1].get("redacted", "")))


def _check_moments(life: list[Numbered]) -> None:
    """Its time is lived through here. Raises RecordingError."""
    told = [(number, line["at"]) for number, line in life if type(line.get("at")) is int]
    for (_, before_ms), (number, at_ms) in pairwise(told):
        if at_ms - before_ms > SILENCE_LIMIT_MS:
            raise RecordingError(number, "at is more than a week after the line before it")


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
        offered="usual" if header.get("offered") == "usual" else "all",
        profile=profile,
    )


class _Follower:
    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._deeds = 0
        self._decisions = 0  # Of the lives before this one.
        self._n = stage.world.journal.last_n
        self._here: list[str] = []  # Decided in this life.
        self._gap: NothingStandsIn | None = None  # Where following ended.
        self._asked_for_time = False  # Whether this life began with a clock that is wrong.

    def all(self, lives: list[list[Numbered]]) -> Verdict:
        disk_failed = 0  # The line.
        for life_no, whole in enumerate(lives):
            if life_no:
                self._next_life(lives[life_no - 1], whole)
            life = self._from_where_we_are(whole) if life_no == 0 else whole
            recorded = [(number, said) for number, line in life if (said := _decision(line.get("kind"), line))]
            found = self._live(life, recorded, last=life_no == len(lives) - 1)
            for (line, theirs), ours in zip(recorded, self._here, strict=False):
                if theirs != ours and (found is None or line < found[0]):
                    found = line, theirs, ours
                    break
            self._decisions += len(self._here)
            self._here = []
            disk_failed = disk_failed or next((no for no, line in whole if line.get("is") == "journal-failed"), 0)
            if found is not None and 0 < disk_failed < found[0]:
                self._gap, found = NothingStandsIn(disk_failed, DISK_FAILED), None
            if found is not None or self._gap is not None:
                return self._verdict(life_no + 1, *(found or ()))
        return self._verdict(len(lives))

    def _next_life(self, before: list[Numbered], life: list[Numbered]) -> None:
        """The power goes, for as long as it was gone, where the rows say so; or a clock comes back that is behind."""
        gone_ms = _gone_ms(before, life)
        self._asked_for_time = gone_ms < -A_JUMP_MS
        if self._asked_for_time:
            self._stage.perform(step_from(clock_step(gone_ms)))
        if gone_ms <= A_JUMP_MS:
            self._stage.perform(step_from({"power": "cut"}))
            return
        self._stage.perform(step_from({"power": "off"}))
        self._stage.pass_to(self._stage.elapsed_ms() + min(gone_ms, AGE_LIMIT_MS))
        self._stage.perform(step_from({"power": "on"}))

    def _held(self) -> str:
        """The card that is in the reader, by its name."""
        world = self._stage.world
        return next((name for name, card in world.cards.items() if card is world.reader.card), "")

    def _verdict(self, lives: int, line: int = 0, recorded: str = "", seen: str = "") -> Verdict:
        told = Verdict(self._deeds, lives, decisions=self._decisions, line=line, recorded=recorded, seen=seen)
        return told if self._gap is None else replace(told, until=self._gap.line, why_until=self._gap.reason)

    def _from_where_we_are(self, life: list[Numbered]) -> list[Numbered]:
        """A world that is signed in begins at its idle screen."""
        if self._stage.terms.begin == "new":
            return life
        for index, (_, line) in enumerate(life):
            if line.get("is") == "screen" and line.get("name") == "idle":
                return life[index:]
        raise RecordingError(life[0][0], "its terminal never came to the idle screen")

    def _live(self, life: list[Numbered], recorded: list[tuple[int, str]], *, last: bool) -> Departure | None:
        """Where it departs, if it does. A life that was cut ends when it did, the last one when nothing is left."""
        moments = [line["at"] for _, line in life if type(line.get("at")) is int] or [0]
        started_ms, ended_ms = moments[0], moments[-1]
        base_ms = self._stage.elapsed_ms()
        try:
            departed = self._do(life, recorded, base_ms - started_ms)
        except NothingStandsIn as gap:
            self._gap = gap
            return self._wait_for([row for row in recorded if row[0] < gap.line])
        return departed or self._end(life, recorded, base_ms + max(0, ended_ms - started_ms), last=last)

    def _do(self, life: list[Numbered], recorded: list[tuple[int, str]], later_ms: int) -> Departure | None:
        """Each deed at its moment, which is so much later here. Raises NothingStandsIn."""
        for cue in cues(life, held=self._held(), asked_for_time=self._asked_for_time):
            self._deeds += 1
            self._pass_to(cue.at_ms + later_ms)
            if len(self._here) > len(recorded):
                return cue.line, "", self._here[len(recorded)]
            departed = self._perform(cue)
            self._look()
            if departed:
                return cue.line, str(cue.deed), f"{departed}; on the glass: {self._stage.showing() or 'nothing'}"
        return None

    def _wait_for(self, recorded: list[tuple[int, str]]) -> Departure | None:
        """Until all of this has come about; else the first that does not."""
        patient_ms = self._stage.elapsed_ms() + PATIENCE_MS
        while len(self._here) < len(recorded) and self._stage.elapsed_ms() < patient_ms:
            self._pass_to(self._stage.elapsed_ms() + STEP_MS)
        return None if len(self._here) >= len(recorded) else (*recorded[len(self._here)], "")

    def _end(
        self, life: list[Numbered], recorded: list[tuple[int, str]], end_ms: int, *, last: bool
    ) -> Departure | None:
        """Behind the last deed: what was recorded comes about, and where the terminal stood at rest, nothing else."""
        if (missing := self._wait_for(recorded)) is not None:
            return missing
        self._pass_to(self._stage.elapsed_ms() + _rest_ms(life) - JITTER_MS)
        if _rest_ms(life) > JITTER_MS and len(self._here) > len(recorded):
            return life[-1][0], "", self._here[len(recorded)]
        if not last:
            self._pass_to(end_ms)
        return None

    def _pass_to(self, elapsed_ms: int) -> None:
        self._stage.pass_to(elapsed_ms)
        self._look()

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


def _gone_ms(before: list[Numbered], life: list[Numbered]) -> int:
    """How much later than the end of one life the next one began, by the clock of their rows; 0: they do not say."""
    ended_ms, began_ms = _wall_ms(before, -1), _wall_ms(life, 0)
    return 0 if ended_ms is None or began_ms is None else began_ms - ended_ms


def _wall_ms(life: list[Numbered], end: int) -> int | None:
    """The wall clock at one end of a life, by the row that is nearest to it; None: none says so."""
    moments = [line["at"] for _, line in life if type(line.get("at")) is int]
    ahead = [ahead_ms for _, line in life if (ahead_ms := wall_ahead_ms(line)) is not None]
    return moments[end] + ahead[end] if ahead else None


def _rest_ms(life: list[Numbered]) -> int:
    """How long it stood at its idle screen at the end, with nothing under way; 0 when it ended in the middle."""
    screens = [(line.get("name") == IDLE, line["at"]) for _, line in life if line.get("is") == "screen"]
    busy = max((at for at, (idle, _) in enumerate(screens) if not idle), default=-1)
    moments = [line["at"] for _, line in life if type(line.get("at")) is int]
    return moments[-1] - screens[busy + 1][1] if busy + 1 < len(screens) else 0


def _of(event: Event) -> str:
    return _decision(event.kind, event.body)


def _decision(kind: object, row: Any) -> str:
    """Of a payment's or a mode's row: from where to where. "" of another row."""
    return f"{kind} {row['from']} to {row['to']}" if "from" in row and "to" in row else ""
