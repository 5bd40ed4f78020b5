"""The swarm: nothing is lost in worlds that break everything, the same case is the same run, and a failure shrinks.

`make swarm` plays a hundred thousand transactions; here are two thousand, and some power cuts. That its checkers can
find something is shown by `make planted`, and here by a disk that lies and by a book that was changed by hand.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from test_flows_stories import START

from drivers.ports import Key, Picture
from sim.__main__ import main
from sim.acquirer.book import Entry, EntryState
from sim.story import play as story
from sim.swarm import replay
from sim.swarm.case import Case
from sim.swarm.checkers import TERMINAL, all_checkers
from sim.swarm.crowd import Company, Crowd
from sim.swarm.draws import WORLD, Draws
from sim.swarm.inject import PUT_IN
from sim.swarm.many import seed_range
from sim.swarm.permitted import FaultsUnreadable, befalling, load
from sim.swarm.play import play
from sim.swarm.shrink import Shrinker
from sim.swarm.walks import WALKS, steps_of
from sim.swarm.watch import Over, Watch
from sim.swarm.world import SwarmWorld
from sim.world import World
from terminal.model import Mode
from terminal.screens import catalogue as screens
from terminal.screens.font import load_font
from terminal.screens.render import picture

ROOT = Path(__file__).parents[1]
WORLDS, TRANSACTIONS = 40, 50


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, WORLDS, 4))
def test_two_thousand_faulted_transactions_lose_nothing(first: int) -> None:
    for seed in range(first, first + 4):
        result = play(Case(seed, TRANSACTIONS))
        assert result.findings == (), result.case.command()
        assert sum(result.faults.values()) > TRANSACTIONS // 2, "so few faults show nothing"


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_the_power_is_cut_again_and_again_and_nothing_is_lost(seed: int) -> None:
    result = play(Case(seed, 15, power=True))
    assert result.findings == (), result.case.command()
    assert result.cuts > 0


@pytest.mark.slow
def test_without_faults_nothing_is_found_and_nothing_befalls() -> None:
    result = play(Case(3, 20, "none"))
    assert result.clean and not result.faults and result.payments["settled"] > 10


def _trace(case: Case, hash_seed: str) -> str:
    """The trace that another process finds, by the very command that a failure prints."""
    done = subprocess.run(
        [sys.executable, *case.command().split()[1:], "--json"],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=True,
    )
    return str(json.loads(done.stdout.splitlines()[-1])["trace"])


@pytest.mark.slow
@pytest.mark.parametrize("power", [False, True])
def test_the_same_case_is_the_same_run_in_every_process(power: bool) -> None:
    case = Case(4, 8, skip=frozenset({2}), without=frozenset({(3, "refused")}), power=power)
    here = play(case).trace
    assert _trace(case, "0") == _trace(case, "1") == here
    assert play(Case(5, 8, power=power)).trace != here


@pytest.mark.slow
def test_leaving_out_a_transaction_moves_no_other_one_s_draws() -> None:
    """What a customer wants and which faults befall him is the same, whoever came before him."""
    whole, fewer = _began(Case(6, 6)), _began(Case(6, 6, skip=frozenset({1, 3})))
    assert [told for number, told in enumerate(whole) if number not in (1, 3)] == fewer


def _began(case: Case) -> list[str]:
    said: list[str] = []
    play(case, say=said.append)
    return [line.partition(": ")[2] for line in said if line.startswith("-- transaction")][:-1]


# The checkers can fail


@pytest.mark.slow
def test_a_disk_that_lies_is_found_by_name() -> None:
    """The named limit: what a disk only claims to have synced is lost, and a checker says so."""
    found = {finding.checker for seed in range(4) for finding in play(Case(seed, 15, power=True), lying=True).findings}
    assert found & {"nothing-forgotten", "stands", "numbers-once"}


@pytest.mark.slow
def test_an_entry_too_many_at_the_host_is_found_from_each_side() -> None:
    watch = Watch(all_checkers())
    with SwarmWorld(Draws(1)) as world:
        watch.look_at(world)
        batch = world.acquirer.book.open_batch(TERMINAL)
        entry = Entry(TERMINAL, batch.batch_no, "000009", 100, EntryState.APPROVED, "00", 0)
        world.acquirer.book.add_entry(batch, entry)
        watch.tell(Over(0))
    assert {"books-agree", "approvals-end"} <= {finding.checker for finding in watch.findings}


def test_checkers_have_names_of_their_own() -> None:
    names = [checker.name for checker in all_checkers()]
    assert len(set(names)) == len(names) >= 20


def test_each_checker_stands_beside_its_invariant_in_the_documentation() -> None:
    told = (ROOT / "docs" / "simulator.md").read_text(encoding="utf-8")
    assert [each.name for each in all_checkers() if f"`{each.name}`" not in told] == []


# The people


class Glass(SwarmWorld):
    """No terminal is behind this glass: the keys are only kept."""

    pressed: list[Key]

    def press(self, key: Key) -> None:
        self.pressed.append(key)


def _screen(screen: screens.Screen) -> Picture:
    return picture(screen, "en", load_font("unifont"))


@pytest.mark.parametrize(
    ("changes_at_ms", "pressed"), [(50, []), (160, [Key.D1]), (None, [Key.D1, Key.D2, Key.ENTER])]
)
def test_nobody_presses_a_key_on_a_screen_that_has_changed_under_the_finger(
    changes_at_ms: int | None, pressed: list[Key]
) -> None:
    """A person looks, and a key takes time: what has come up meanwhile is read first."""
    company = Company(Case(1, 1), {}, Watch(()))
    with Glass(Draws(1)) as world:
        world.pressed = []
        world.display.show(_screen(screens.Cancelled()))
        if changes_at_ms is not None:
            world.loop.at(changes_at_ms, lambda: world.display.show(_screen(screens.CardProblem(reason="removed"))))
        world.loop.run(Crowd(world, company)._press("12 ENTER"))
        assert world.pressed == pressed


# What each walk comes to after one sale in cash: a row that has moved in its menu is seen here.
WALKS_END: dict[str, tuple[str, ...]] = {
    "looks-around": ("menu", "menu", "idle"),
    "today": ("today", "idle"),
    "reprint": ("printing", "idle"),
    "query": ("problem",),
    "language": ("choose_language", "idle"),
    "self-test": ("printing", "idle"),
    "clock": ("enter_number", "idle"),
    "changes-operator": ("enter_number", "operator_password"),
    "other-operator": ("enter_number", "operator_password"),
    "adds-operator": ("enter_number", "menu", "operator_password", "problem"),
    "downloads": ("downloads", "downloading", "downloads"),
    "parameters": ("downloads", "downloading", "downloads"),
    "ca-keys": ("downloads", "downloading", "downloads"),
    "blacklist": ("downloads", "downloading", "downloads"),
    "echo": ("menu", "line_answer"),
    "signs-out": ("menu", "line_answer"),
    "cashier": ("menu", "enter_number", "operator_password"),
    "ways": ("menu", "host_way", "idle"),
    "x-report": ("menu", "printing", "idle"),
    "details": ("menu", "printing", "idle"),
    "last-settlement": ("menu", "refused"),
    "last-details": ("menu", "refused"),
    "reconciles": ("menu", "enter_number", "connecting"),
    "news": ("problem",),
    "receipts": ("menu", "connecting", "problem"),
    "prints-code": ("menu", "printing", "idle"),
    "shows-code": ("menu", "show_static"),
}


@pytest.mark.parametrize("name", WALKS)
def test_a_walk_comes_where_it_wants_to(name: str) -> None:
    with World(f"walk {name}", panel=(128, 128)) as world:
        sale = "idle: 1200 ENTER\nchoose_method: 4\ncash_tendered: ENTER\ncash_change: ENTER\nidle: DOWN\n"
        steps = "".join(f"{screen}: {keys}\n" for screen, keys in steps_of(name, Draws(0), 0, patient=True))
        end = "".join(f"{screen}:\n" for screen in WALKS_END[name][-1:])
        world.run(story(world, START + sale + steps + end))
        seen = iter(list(world.eyes.history))
        assert all(any(shown == wanted for shown in seen) for wanted in WALKS_END[name])
        if name == "signs-out":
            assert world.shop.mode is Mode.KEYED


# The list of faults


@pytest.mark.parametrize("level", ["usual", "harsh"])
def test_each_permitted_fault_can_be_put_in_and_says_what_it_loses(level: str) -> None:
    rows = load(level)
    assert len(rows) >= 50
    for row in rows.values():
        assert row.name in PUT_IN or row.kind is not None or row.site == "world", row.name
        assert row.loses and row.rate > 0
    assert not set(PUT_IN) - set(rows), "a fault that no list permits"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("fault = 3", "rows"),
        ("[[fault]]\nname = 'x'\nsite = 'network'\nrate = 10001", "from 0 to 10000"),
        ("[[fault]]\nname = 'x'\nsite = 'moon'\nrate = 1", "sites are"),
        ("[[fault]]\nname = 'x'\nsite = 'host'\nrate = 1\nkind = 'no'", "no kind"),
        ("[[fault]]\nname = 'x'\nsite = 'host'\nrate = 1\nodds = 1", "no key 'odds'"),
        ("[[fault]]\nname = 'x'\nsite = 'network'\nrate = 1", "nobody knows how"),
        ("fault", "faults.toml: Expected"),
        ("[[row]]", "each under"),
    ],
)
def test_a_file_of_faults_that_cannot_be_used_says_why(text: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / "faults.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(FaultsUnreadable, match=says):
        load(str(path))
    with pytest.raises(FaultsUnreadable, match="No such file"):
        load(str(path.with_name("none.toml")))


def test_a_file_of_one_s_own_permits_what_it_names(tmp_path: Path) -> None:
    path = tmp_path / "faults.toml"
    path.write_text("[[fault]]\nname = 'reply-lost'\nsite = 'network'\nrate = 10000\n", encoding="utf-8")
    rows = load(str(path))
    assert [row.name for row in befalling(rows, Draws(1), 7)] == ["reply-lost"]


def test_draws_depend_on_seed_transaction_and_site_alone() -> None:
    rows = load("harsh")
    once, again = Draws(5), Draws(5)
    forwards = [befalling(rows, once, number) for number in range(50)]
    assert forwards == [befalling(rows, again, number) for number in reversed(range(50))][::-1]
    assert once.number(1, "a", 2**60) == again.number(1, "a", 2**60) != once.number(1, "b", 2**60)
    assert forwards != [befalling(rows, Draws(6), number) for number in range(50)]


# Shrinking


def _shrunk(needs: Iterable[tuple[int, str]], befall: dict[int, tuple[str, ...]], transactions: int) -> Case:
    wanted = set(needs)

    def faults_of(case: Case) -> tuple[tuple[int, str], ...]:
        return tuple((n, name) for n in case.numbers() for name in befall.get(n, ()) if case.permits(n, name))

    return Shrinker(lambda case: wanted <= set(faults_of(case)), faults_of).shrink(Case(1, transactions))


def test_a_failure_shrinks_until_leaving_out_anything_makes_it_pass() -> None:
    befall = dict.fromkeys(range(30), ("reply-lost", "card-torn", "refused"))
    needs = {(7, "reply-lost"), (19, "refused")}
    small = _shrunk(needs, befall, 30)
    assert list(small.numbers()) == [7, 19]
    left = {(number, name) for number in small.numbers() for name in befall[number] if small.permits(number, name)}
    assert left == needs


@pytest.mark.parametrize(
    ("case", "row"),
    [
        (Case(1268, 8, skip=frozenset(range(7))), "rare-errand"),  # An order's refund, repeated under its own STAN.
        (Case(6458, 50, skip=frozenset(range(50)) - {35, 36}), "request-twice"),  # Paid late: on the sale's own slip.
    ],
)
def test_worlds_in_which_a_checker_was_wrong(case: Case, row: str) -> None:
    result = play(case)
    assert result.faults.get(row) and result.payments.get("settled")
    assert result.findings == ()


def test_a_case_s_command_is_read_back_as_the_case() -> None:
    left_out = frozenset({(4, "reply-lost"), (WORLD, "case-opened")})
    case = Case(7, 20, "usual", frozenset({3, 5}), left_out, power=True, day=True)
    assert _read_back(case.command()) == case


def _read_back(command: str) -> Case:
    parser = argparse.ArgumentParser()
    replay.add_arguments(parser)
    args = parser.parse_args(command.split()[4:])
    return Case(args.seed, args.transactions, args.faults, args.skip, args.without, args.power, args.day)


# The commands


@pytest.mark.slow
def test_swarm_tells_its_figures(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    out = tmp_path / "figures.json"
    arguments = ["swarm", "--seeds", "1:3", "--transactions", "4", "--workers", "1", "--json", "--out", str(out)]
    assert main(arguments) == 0
    told: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (told["worlds"], told["transactions"], told["failures"]) == (2, 8, [])
    assert "smallest" not in told
    assert json.loads(out.read_text(encoding="utf-8")) == told and told["commit"] and told["machine"]


def _with_a_defect(name: str, words: list[str]) -> subprocess.CompletedProcess[str]:
    """A command of the simulator over a product with that mistake in it."""
    planted = f"from planted.defect import defects; next(d for d in defects() if d.name == {name!r}).plant()"
    program = f"import sys; {planted}; from sim.__main__ import main; sys.exit(main({words!r}))"
    env = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "tests")))}
    return subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=env, capture_output=True, text=True)


@pytest.mark.slow
def test_the_smallest_case_is_told_to_programs_and_fails_alone() -> None:
    arguments = ["swarm", "--seeds", "0:1", "--transactions", "8", "--workers", "1", "--json"]
    done = _with_a_defect("reprint-without-a-mark", arguments)
    told: dict[str, Any] = json.loads(done.stdout)
    whole, small = told["failures"][0]["command"].split(), told["smallest"].split()
    assert done.returncode == 1 and small[:4] == ["python", "-m", "sim", "replay"]
    assert len(small) > len(whole), "nothing was left out"
    again = _with_a_defect("reprint-without-a-mark", [*small[3:], "--json"])
    assert again.returncode == 1
    found = json.loads(again.stdout.splitlines()[-1])["findings"]
    assert found[0]["checker"] == told["failures"][0]["findings"][0]["checker"]
    assert main(small[3:]) == 0, "the product as it is passes"


@pytest.mark.slow
def test_leaving_out_any_one_thing_of_the_smallest_case_makes_it_pass() -> None:
    """Also where the same mistake is then found by another checker: that is no pass."""
    arguments = ["swarm", "--power", "--seeds", "0:1", "--transactions", "17", "--workers", "1", "--json"]
    done = _with_a_defect("no-recovery", arguments)
    case = _read_back(json.loads(done.stdout)["smallest"])
    befall = [row.name for row in befalling(load("harsh"), Draws(0), 16) if case.permits(16, row.name)]
    assert (list(case.numbers()), befall) == ([16], ["power-cut"])
    for less in (replace(case, skip=case.skip | {16}), replace(case, without=case.without | {(16, "power-cut")})):
        assert _with_a_defect("no-recovery", less.command().split()[3:]).returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize(("what", "noun"), [("swarm", "worlds"), ("day", "days")])
def test_ctrl_c_ends_the_workers_with_a_word_and_no_traceback(what: str, noun: str) -> None:
    hears = "import runpy, signal; signal.signal(signal.SIGINT, signal.default_int_handler)"  # Also under nohup.
    program = f"{hears}; runpy.run_module('sim', run_name='__main__')"
    command = [sys.executable, "-c", program, what, "--seeds", "0:100000", "--workers", "2", "--json"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdout=pipe, stderr=pipe, text=True, start_new_session=True) as swarm:
        children = Path(f"/proc/{swarm.pid}/task/{swarm.pid}/children")
        workers: list[int] = []
        while len(workers) < 2:
            with contextlib.suppress(subprocess.TimeoutExpired):
                assert swarm.wait(0.05) is None
            workers = [int(pid) for pid in children.read_text("ascii").split()]
        os.killpg(swarm.pid, signal.SIGINT)
        said, error = swarm.communicate(timeout=60)
    assert swarm.returncode == 130
    assert said == "" and re.fullmatch(rf"stopped after \d+ of 100000 {noun}, 0 not clean\n", error)
    assert not [pid for pid in workers if Path(f"/proc/{pid}").exists()]


@pytest.mark.parametrize(
    "arguments",
    [["--transactions", "0"], ["--faults", "nowhere.toml"], ["--workers", "0"]],
)
def test_what_cannot_be_played_is_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["swarm", *arguments]) == 2
    assert arguments[0] in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["--skip", "99"], "no transaction 99"), (["--without", "1:reply-lots"], "no fault 'reply-lots'")],
)
def test_what_is_to_be_left_out_must_be_there(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["replay", "--seed", "3", "--transactions", "3", *arguments]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("text", ["", "a:b", "5:5", "9:3", "1:x", "0:99999999999"])
def test_seeds_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        seed_range(text)
