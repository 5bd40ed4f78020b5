"""Key ceremonies at the keypad, told by screens and keys: what is loaded, what is refused, and that nothing is left.

Also the way back from a lock, a power cut at each moment of it, and that no screen ever knew a digit.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from key_papers import (
    CEREMONY,
    FROM_MENU,
    LOG_IN,
    OTHER_KEY,
    PAPERS,
    READY,
    START,
    TEST_KEY_KCV,
    THREE,
    UNLOCK,
    another_operator,
    given,
    hex_keys,
    menu_item,
)
from test_flows_recovery import CutLoop, PowerCut
from test_flows_stories import sale

from keys import KeyRef, Usage
from sim.acquirer import Acquirer
from sim.books import discrepancies
from sim.loop import START_WALL_MS
from sim.story import FUNCTION_KEYS, OPERATOR, play
from sim.world import World
from terminal.config import Keys
from terminal.model import Mode

pytestmark = pytest.mark.slow  # Many small ones: `make test-quick` is to stay quick.

TMK = KeyRef(Usage.TMK)
SOLD = sale("signature") + "approved:\nremove_card: remove\nidle:"
REAL = Keys(real_keys=True)
LIFE_MS = 600_000  # From one start to the next.


def last_slip(world: World) -> dict[str, object]:
    slip = world.journal.transact(lambda tx: tx.last_slip())
    assert slip is not None
    return dict(slip.body)


def test_two_holders_load_a_key_and_the_terminal_trades_again() -> None:
    with World("ceremony") as world:
        world.run(play(world, READY + FROM_MENU + CEREMONY + "idle: ENTER\nsigning_in:\n" + SOLD))
        assert world.shop.mode is Mode.SIGNED_IN
        assert world.shop.keys.kcv(TMK).startswith(TEST_KEY_KCV)
        slips = [e.body for e in world.journal.events_after(0) if e.kind == "slip" and e.body["slip"] == "key"]
        # Both by openssl enc -des-ede of eight zeros.
        assert [rows["body"]["components"] for rows in slips] == [[["01", "CA7E89"], ["02", "BF259A"]]]


def test_the_key_slip_has_check_values_and_no_digit_of_a_component() -> None:
    said: list[str] = []
    with World("slip") as world:
        world.printer_said = lambda lines: said.append(repr(lines))
        world.on_show = lambda picture: said.append(" ".join(picture.text()))
        world.run(play(world, READY + FROM_MENU + CEREMONY + "idle:"))
        assert last_slip(world)["kcv"] == "08D7B4FB"
    text = "".join(said).replace(" ", "")
    for paper in PAPERS:
        assert not [paper[at : at + 6] for at in range(27) if paper[at : at + 6] in text]


def test_three_holders_give_three_components() -> None:
    parts = given("01", THREE[0]) + given("02", THREE[1]) + given("03", THREE[2])
    story = READY + another_operator("03") + FROM_MENU.replace("menu: 1", "menu: 2") + parts
    with World("three") as world:
        world.run(play(world, story + "confirm_kcv: ENTER\nkeys_loaded: ENTER\nidle:"))
        assert world.shop.keys.kcv(TMK).startswith(TEST_KEY_KCV)
        assert world.shop.mode is Mode.KEYED


TYPED = f"type_component: {hex_keys(PAPERS[0])}\n"
FIRST = f"next_holder: ENTER\nenter_number: {LOG_IN['01']}\n"
REFUSED = {
    "the same holder comes again": (
        given("01", PAPERS[0]) + f"next_holder: ENTER\nenter_number: {LOG_IN['01']}\nceremony_problem: ENTER\n"
        "next_holder: CANCEL\nceremony_problem: ENTER\nidle:"
    ),
    "the same component again": (
        given("01", PAPERS[0]) + given("02", PAPERS[0]) + "ceremony_problem: ENTER\ntype_component: CANCEL\n"
        "ceremony_problem: ENTER\nidle:"
    ),
    "a component of zeros": FIRST + "type_component: " + "00 " * 16 + "\nconfirm_kcv: ENTER\nceremony_problem: ENTER\n"
    "type_component: CANCEL\nceremony_problem: ENTER\nidle:",
    "a check value that differs, and nobody types it again": FIRST + TYPED + "confirm_kcv: CANCEL\n"
    "type_component: CANCEL\nceremony_problem: ENTER\nidle:",
    "the key's check value differs": given("01", PAPERS[0]) + given("02", PAPERS[1]) + "confirm_kcv: CANCEL\n"
    "ceremony_problem: ENTER\nidle:",
    "a key that is not published": given("01", OTHER_KEY[0]) + given("02", OTHER_KEY[1]) + "confirm_kcv: ENTER\n"
    "ceremony_problem: ENTER\nidle:",
    "equal halves": given("01", "0123456789ABCDEF" * 2) + given("02", "1F1E1D1C1B1A1918" * 2)
    + "ceremony_problem: ENTER\nidle:",
    "cancelled at the first call": "next_holder: CANCEL\nceremony_problem: ENTER\nidle:",
    "cancelled at the log-in, then at the call": "next_holder: ENTER\nenter_number: CANCEL\nnext_holder: CANCEL\n"
    "ceremony_problem: ENTER\nidle:",
    "cancelled at the password": "next_holder: ENTER\nenter_number: 01 ENTER\noperator_password: 12 CANCEL\n"
    "next_holder: CANCEL\nceremony_problem: ENTER\nidle:",
    "cancelled while typing": FIRST + "type_component: 5 UP 2 CANCEL\nceremony_problem: ENTER\nidle:",
    "cancelled at the second call": given("01", PAPERS[0]) + "next_holder: CANCEL\nceremony_problem: ENTER\nidle:",
    "nobody comes": "next_holder: wait 301\nceremony_problem: ENTER\nidle:",
    "the holder walks away": FIRST + "type_component: 5 0 wait 301\nceremony_problem: ENTER\nidle:",
    "nobody compares": FIRST + TYPED + "confirm_kcv: wait 301\nceremony_problem: ENTER\nidle:",
    "nobody compares the key": given("01", PAPERS[0]) + given("02", PAPERS[1]) + "confirm_kcv: wait 301\n"
    "ceremony_problem: ENTER\nidle:",
}


@pytest.mark.parametrize("way", REFUSED)
def test_a_ceremony_that_ends_otherwise_changes_nothing(way: str) -> None:
    with World(way) as world:

        async def people() -> None:
            await play(world, READY + FROM_MENU + REFUSED[way])
            assert world.shop.mode is Mode.SIGNED_IN
            assert world.shop.keys.working_keys_ready()
            assert last_slip(world)["slip"] == "self-test"
            await play(world, SOLD)

        world.run(people())


def test_a_digit_too_few_a_wrong_letter_and_a_slip_of_the_finger_are_mended() -> None:
    """▲ 7 types nothing; CLEAR takes back a ▲, then a digit; a check value that differs begins the component again."""
    wrong = PAPERS[0][:-1] + "0"
    typed = f"UP 7 UP CLEAR 9 CLEAR {hex_keys(wrong)}"
    first = f"{FIRST}type_component: {typed}\nconfirm_kcv: CANCEL\n{TYPED}confirm_kcv: ENTER\n"
    story = READY + FROM_MENU + first + given("02", PAPERS[1]) + "confirm_kcv: ENTER\nkeys_loaded: ENTER\nidle:"
    with World("mended") as world:
        world.run(play(world, story))
        assert world.shop.keys.kcv(TMK).startswith(TEST_KEY_KCV)


def test_a_real_key_is_loaded_only_where_the_configuration_says_so() -> None:
    """The first run offers a second operator and a ceremony; the host, which has another key, refuses the sign-in."""
    parts = given("01", OTHER_KEY[0]) + given("02", OTHER_KEY[1]) + "confirm_kcv: ENTER\nkeys_loaded: ENTER\n"
    password = "operator_password: 4321 ENTER\noperator_password: wait 1 4321 ENTER\n"
    before = START.partition("confirm_test_keys")[0]
    story = before + "menu: 1\nenter_number: 02 ENTER\nmenu: 1\n" + password + "problem: ENTER\nmenu: 2\n" + parts
    with World("real", keys=REAL) as world:
        world.run(play(world, story + OPERATOR.replace("\n", "", 1) + "sign_in_failed: CANCEL\nidle:"))
        assert world.shop.mode is Mode.KEYED
        assert not world.shop.keys.is_test
        assert world.shop.activation is not None


def test_only_a_supervisor_loads_keys_and_adds_operators() -> None:
    for item in (11, 12):
        story = READY + f"idle: DOWN\nmenu: {menu_item(10)}\nenter_number: CLEAR CLEAR {LOG_IN['02']}\n"
        with World(f"cashier {item}") as world:
            world.run(play(world, story + f"idle: DOWN\nmenu: {menu_item(item)}\nrefused: ENTER\nidle:"))


def test_an_operators_number_is_given_once() -> None:
    taken = f"idle: DOWN\nmenu: {menu_item(12)}\nenter_number: 01 ENTER wait 1\nenter_number: CANCEL\nidle:"
    with World("taken") as world:
        world.run(play(world, READY + taken))
        assert set(world.journal.transact(lambda tx: tx.get("operators", {}))) == {"01", "02"}


# The lock, and the way back


@pytest.mark.parametrize("way", ["components", "test keys"])
def test_a_locked_terminal_comes_back_by_a_ceremony_and_sells(way: str) -> None:
    load = CEREMONY if way == "components" else "confirm_test_keys: ENTER\nkeys_loaded: ENTER\n"
    item = "menu: 1" if way == "components" else "menu: 3"
    with World(f"back {way}") as world:

        async def people() -> None:
            await play(world, READY + "idle:")
            world.tamper.open_case()
            await play(world, UNLOCK.replace("menu: 1", item) + load + OPERATOR + "signing_in:\n" + SOLD)

        world.run(people())
        assert world.shop.mode is Mode.SIGNED_IN
        assert discrepancies(world.journal, world.acquirer) == []
        modes = [e.body["to"] for e in world.journal.events_after(0) if e.kind == "mode"]
        assert modes == ["keyed", "signed-in", "locked", "blank", "keyed", "signed-in"]


def test_a_lock_with_one_operator_lets_the_supervisor_add_the_second() -> None:
    password = "operator_password: 4321 ENTER\noperator_password: wait 1 4321 ENTER\n"
    add = UNLOCK.replace("menu: 1", "menu: 4") + "enter_number: 02 ENTER\nmenu: 1\n" + password + "problem: ENTER\n"
    with World("alone") as world:

        async def people() -> None:
            await play(world, START)
            world.tamper.open_case()
            await play(world, add + UNLOCK + CEREMONY + OPERATOR + "idle:")

        world.run(people())
        assert world.shop.mode is Mode.SIGNED_IN


def test_a_terminal_that_was_never_set_up_is_set_up_after_its_case_was_opened() -> None:
    with World("blank") as world:

        async def people() -> None:
            await play(world, "choose_language:")
            world.tamper.open_case()
            await play(world, "locked: ENTER\n" + START)

        world.run(people())
        assert world.shop.mode is Mode.SIGNED_IN


@pytest.mark.parametrize("at", ["next_holder", "type_component", "confirm_kcv", "menu"])
def test_a_case_opened_during_a_ceremony_ends_it_locked(at: str) -> None:
    story = READY + FROM_MENU + {
        "menu": "", "next_holder": "next_holder:", "type_component": FIRST + "type_component: 5 UP 1",
        "confirm_kcv": FIRST + TYPED + "confirm_kcv:",
    }[at]  # fmt: skip
    with World(f"opened {at}") as world:

        async def people() -> None:
            await play(world, story)
            world.tamper.open_case()
            await play(world, "locked: wait 400")

        world.run(people())
        assert world.shop.mode is Mode.LOCKED
        assert not world.shop.keys.held()


def test_open_reversals_survive_the_lock_and_are_on_paper() -> None:
    """The host approved and its answer was lost; then the case was opened. Both books agree in the end."""
    cut = sale("unionpay-credit-pin") + "enter_pin: host mute 123456 ENTER\n"
    back = UNLOCK + CEREMONY + OPERATOR + "signing_in:\nreversing:\n" + SOLD
    with World("open") as world:

        async def people() -> None:
            await play(world, READY + cut + "waiting:")
            world.tamper.open_case()
            await play(world, "locked: remove host ok wait 1")
            (row,) = last_slip(world)["open_rows"]  # type: ignore[misc]  # the journal's JSON
            assert row["state"] == "reversing"
            assert row["masked_pan"].count("*") >= 6
            assert row["voucher_no"]
            world.press(FUNCTION_KEYS["CLEAR"])
            await play(world, back)

        world.run(people())
        assert discrepancies(world.journal, world.acquirer) == []


class Life:
    """A terminal on its own folder, before its own acquirer, started again after each cut."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.acquirer = Acquirer(seed=5)
        self.lives = 0
        self.live(READY + "idle:")

    def live(self, story: str, cut_at: int = 0, *, opened: bool = False) -> CutLoop:
        """One life; `opened`: its case is, once somebody has signed in. The loop knows where it was cut."""
        self.lives += 1
        loop = CutLoop(f"life {self.lives}", cut_at=cut_at, start_wall_ms=START_WALL_MS + self.lives * LIFE_MS)
        with World(loop=loop, data=self.data, acquirer=self.acquirer) as world:

            async def people() -> None:
                if opened:
                    await play(world, OPERATOR + "idle:")
                    world.tamper.open_case()
                await play(world, story)

            with contextlib.suppress(PowerCut):
                world.run(people())
        return loop

    def state(self) -> tuple[Mode, bool]:
        """The durable mode, and whether there is a master key."""
        with World(data=self.data, acquirer=self.acquirer) as world:
            return world.journal.transact(lambda tx: tx.mode), world.shop.keys.has(TMK)


BACK = UNLOCK + CEREMONY + OPERATOR + "idle:"


@pytest.mark.slow
def test_power_cut_at_every_moment_from_the_opened_case_to_the_next_sign_in(tmp_path: Path) -> None:
    """Whatever the moment: the next start is locked, or trades with a whole key; and comes to the same end."""
    moments = Life(tmp_path / "whole").live(BACK, opened=True).passed
    assert moments > 20
    seen: set[tuple[str, bool]] = set()
    for cut_at in range(1, moments + 1):
        life = Life(tmp_path / str(cut_at))
        where = life.live(BACK, cut_at, opened=True).where
        assert where
        mode, keyed = life.state()
        seen.add((mode.value, keyed))
        locks = mode is Mode.LOCKED or not keyed
        life.live(BACK if locks else OPERATOR + "idle:")
        assert life.state() == (Mode.SIGNED_IN, True), (cut_at, where)
    # Keys gone and not yet locked, locked, keys there and still locked, back: each was met.
    assert seen >= {("signed-in", False), ("locked", False), ("locked", True), ("keyed", True)}
