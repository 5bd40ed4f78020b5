"""The swarm's draws: each has its transaction and its site, and leaving out a transaction or a fault moves no other."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import fields, replace
from pathlib import Path

import pytest

from sim.swarm.case import Case
from sim.swarm.checkers import all_checkers
from sim.swarm.crowd import Company
from sim.swarm.draws import WORLD, Draws
from sim.swarm.lives import Lives
from sim.swarm.permitted import SHIPPED, befalling, load
from sim.swarm.play import REPEATS, judge, play, playable
from sim.swarm.watch import Watch
from sim.swarm.world import Drawn, SwarmLoop, SwarmWorld, drawn
from terminal.screens import catalogue as screens
from terminal.screens.font import load_font
from terminal.screens.render import picture


class Notebook(Draws):
    """Keeps each site at which a generator was asked for."""

    def __init__(self, seed: int | str) -> None:
        super().__init__(seed)
        self.sites: list[tuple[int, str]] = []

    def source(self, transaction: int, site: str) -> random.Random:
        self.sites.append((transaction, site))
        return super().source(transaction, site)


def sites_of(case: Case) -> tuple[Notebook, int]:
    """Where its draws stand, and how often its power was cut."""
    draws = Notebook(case.seed)
    watch = Watch(all_checkers())
    company = Company(case, playable(case, load(case.faults)), watch)
    lives = Lives(draws, drawn(draws), watch, company, None)
    lives.run()
    assert watch.findings == []
    return draws, lives.cuts


@pytest.mark.slow
def test_a_power_cut_that_is_left_out_moves_no_draw_of_a_later_customer() -> None:
    """Neither the latencies, the random bytes and the host's nor what the disk keeps at the next cut."""
    case = Case(1, 6, power=True)
    cut = {(0, "power-cut"), (1, "power-cut")}
    whole, cuts = sites_of(case)
    fewer, left = sites_of(replace(case, without=frozenset(cut)))
    assert left < cuts

    def first_of(notebook: Notebook) -> list[tuple[int, str]]:
        """Of each later customer, as he begins."""
        return [(n, site) for n, site in notebook.sites if n > 1 and not site[-1].isdecimal()]

    assert {site for _, site in first_of(whole)} >= {"latency", "bytes", "line", "host", "card", "disk"}
    assert first_of(whole) == first_of(fewer)


def test_what_can_be_left_out_of_a_failure_is_what_befalls() -> None:
    """What befalls a whole world stands in the middle of the list, and is drawn apart."""
    case = Case(3, 12)
    rows = playable(case, load(case.faults))
    told = Counter(row.name for number in case.numbers() for row in befalling(rows, Draws(case.seed), number))
    assert told == play(case).faults
    world = {row.name for seed in range(200) for row in befalling(rows, Draws(seed), WORLD)}
    assert world == {name for name, row in rows.items() if row.site == "world"}


def test_a_row_that_is_taken_out_of_the_list_moves_no_other(tmp_path: Path) -> None:
    shipped = SHIPPED.read_text(encoding="utf-8").split("[[fault]]")
    ours = [part.replace("harsh = ", "rate = ") for part in shipped if 'name = "reply-lost"' not in part]
    ours = ["\n".join(line for line in part.splitlines() if not line.startswith("usual")) for part in ours]
    path = tmp_path / "faults.toml"
    path.write_text("\n[[fault]]".join(ours), encoding="utf-8")
    whole, fewer = load("harsh"), load(str(path))
    for number in range(100):
        left = tuple(row for row in befalling(whole, Draws(5), number) if row.name != "reply-lost")
        assert left == befalling(fewer, Draws(5), number)


def test_a_seed_draws_all_that_a_world_is_and_its_clock_drifts() -> None:
    seen = [drawn(Draws(seed)) for seed in range(100)]
    assert [each.name for each in fields(Drawn) if len({getattr(world, each.name) for world in seen}) < 2] == []
    assert min(world.drift_ppm for world in seen) < -100 and max(world.drift_ppm for world in seen) > 100
    loop = SwarmLoop(Draws(1), drift_ppm=-200)
    loop.idle(10_000_000)
    assert loop.now().wall_ms == loop.true_ms() - 2_000


def test_a_case_that_is_not_the_same_run_twice_is_found() -> None:
    rows = load("harsh")

    def forget(customer: int) -> None:
        """What a program does that remembers an earlier run: the second one has no faults."""
        if customer == 3:
            rows.clear()

    assert judge(Case(0, 3)).clean
    assert [finding.checker for finding in judge(Case(0, 3), rows, forget).findings] == [REPEATS]


def test_the_trace_has_the_words_of_each_screen() -> None:
    def trace(reason: str) -> str:
        watch = Watch(())
        with SwarmWorld(Draws(1)) as world:
            watch.look_at(world)
            world.display.show(picture(screens.CardProblem(reason=reason), "en", load_font("unifont")))
        return watch.trace.hexdigest()

    assert trace("removed") == trace("removed") != trace("bad_data")
