"""A scenario played headless, in virtual time, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass

from sim.scenario.reading import Scenario
from sim.scenario.steps import Mark
from sim.stage import Stage, Terms
from sim.story import StoryError
from terminal.loop import LoopError


@dataclass(frozen=True, slots=True)
class Played:
    """`problem` is "" when every step came about; else `line` and `column` are the step's."""

    file: str
    name: str
    zh: str
    en: str
    problem: str
    line: int
    column: int
    steps: int
    lives: int
    virtual_ms: int
    payments: list[str]
    slips: int


def terms_of(scenario: Scenario, language: str, seed: int | str = 0) -> Terms:
    """Its world. The seed does not depend on the file's name: who gets the text alone plays in the same one."""
    width, height = scenario.terminal.get("panel", "128x64").split("x")
    return Terms(
        seed=seed,
        language=language,
        panel=(int(width), int(height)),
        begin=scenario.terminal.get("begin", "signed-in"),
        offered=scenario.terminal.get("offered", "usual"),
        lines=int(scenario.terminal.get("lines", "1")),
    )


def play_scenario(scenario: Scenario, language: str = "en", seed: int | str = 0) -> Played:
    """Whatever the terminal raises beside StoryError and LoopError is a crash, and is let through: a finding."""
    with Stage(terms_of(scenario, language, seed)) as stage:
        done, problem, mark = 0, "", Mark()
        try:
            for step in scenario.steps:
                mark = step.mark
                stage.perform(step)
                done += 1
        except (StoryError, LoopError) as error:
            problem = f"{step}: {error}"
        return Played(
            file=scenario.path,
            name=scenario.name,
            zh=scenario.zh,
            en=scenario.en,
            problem=problem,
            line=mark.line if problem else 0,
            column=mark.column if problem else 0,
            steps=done,
            lives=stage.lives,
            virtual_ms=stage.elapsed_ms(),
            payments=stage.payments() if stage.is_on else [],
            slips=len(stage.slips),
        )
