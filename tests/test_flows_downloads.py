"""Downloads at the counter: a list is taken whole or not at all, works at once, and outlives a restart.

Shows each way in which a list may be hostile or the line may fail, and that the old list stays; the power is cut before
and after every commit and every frame of a download; and a payment, without a restart, is decided by the new list.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from key_papers import LOG_IN, another_operator, menu_item
from test_flows_recovery import CutLoop, PowerCut
from test_flows_stories import START, sale

from emv.aids import default_aids
from sim.acquirer import Acquirer, Fault, FaultKind
from sim.acquirer.downloads import Lists, aid_entry
from sim.acquirer.faults import EVERY
from sim.books import all_payments
from sim.card import PROFILES
from sim.story import play, press
from sim.world import World, hash_seed
from terminal.flows.power_on import MENU
from terminal.hostlink.downloads import DOWNLOADS, ListName, wanted
from terminal.hostlink.lists import Downloaded, read_parameters
from terminal.hostlink.profile import load_profile
from terminal.methods.requirements import DOWNLOADS_DUE

pytestmark = pytest.mark.slow  # Many small ones: `make test-quick` is to stay quick.

CHOSEN = menu_item(MENU.index("menu.downloads") + 1)
OPEN = f"idle: ENTER\nmenu: {CHOSEN}\ndownloads:"
LOADED = "downloads: CANCEL\nidle:\n"
EVERYTHING = OPEN + " ENTER\ndownloading:\n" + LOADED
OPERATOR = "boot:\nenter_number: ENTER\noperator_password: 1234 ENTER\n"
PAID = sale("unionpay-credit-pin", "100") + "enter_pin: 123456 ENTER\napproved:\nremove_card: remove\n"
PAN = PROFILES["unionpay-credit-pin"].applications[0].pan


def only(name: ListName) -> str:
    """The story of loading one list, up to its first frame."""
    return OPEN + f" {tuple(ListName).index(name) + 2}\ndownloading:\n"


def test_everything_is_loaded_and_in_force_without_a_restart() -> None:
    with World("all") as world:
        world.run(play(world, START + EVERYTHING))
        shop = world.shop
        given = world.acquirer.downloads.lists
        for name in ListName:
            expected = 7 if name is ListName.PARAMETERS else len(getattr(given, name.value))
            assert shop.downloaded.count(name) == expected
        assert set(world.acquirer.downloads.ended) == {row.end for row in DOWNLOADS.values()}
        kernel = shop.kernel_profile()
        assert kernel.aids == default_aids()
        assert "6225000000009999" in kernel.exception_file
        assert shop.host.profile.response_timeout_ms == 45_000
        assert shop.merchant_name == "掌柜测试商户"


def test_a_card_on_the_new_black_list_is_refused_at_the_next_payment() -> None:
    with World("barred") as world:
        lists = world.acquirer.downloads.lists
        lists.blacklist = [PAN.encode("ascii")]
        # The bit "card on exception file" refuses, and is in no list that the terminal came with.
        lists.aids = [aid_entry(replace(entry, tac_denial=bytes.fromhex("1010000000"))) for entry in default_aids()]
        story = EVERYTHING + "idle: 100 ENTER\nchoose_method: 1\ninsert_card: insert unionpay-credit-pin\n"
        world.run(play(world, START + story + "enter_pin: 123456 ENTER\ncard_problem:\nremove_card: remove\nidle:"))
        (payment,) = all_payments(world.journal)
        assert payment.state.value in ("abandoned", "declined")
        assert not world.acquirer.book.current((world.shop.activation.merchant_no, "10000001")).entries  # type: ignore[union-attr]


def _twice(lists: Lists) -> None:
    lists.ca_keys.append(lists.ca_keys[0])


def _wrong_checksum(lists: Lists) -> None:
    lists.ca_keys[-1] = lists.ca_keys[-1][:-1] + bytes((lists.ca_keys[-1][-1] ^ 1,))


def _garbage(lists: Lists) -> None:
    lists.blacklist = [b"6225000000000014", b"nobody"]


def _too_long(lists: Lists) -> None:
    lists.blacklist = [f"{6225_0000_0000_0000 + at}".encode("ascii") for at in range(1025)]


def _no_aid(lists: Lists) -> None:
    lists.aids = []


HOSTILE: dict[str, tuple[ListName, Callable[[Lists], None]]] = {
    "a key twice": (ListName.CA_KEYS, _twice),
    "a check sum": (ListName.CA_KEYS, _wrong_checksum),
    "no number": (ListName.BLACKLIST, _garbage),
    "too long": (ListName.BLACKLIST, _too_long),
    "no AID": (ListName.AIDS, _no_aid),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_list_leaves_the_old_one(what: str) -> None:
    name, spoil = HOSTILE[what]
    with World(what) as world:

        async def people() -> None:
            await play(world, START + EVERYTHING)
            old = world.shop.downloaded
            spoil(world.acquirer.downloads.lists)
            await play(world, only(name) + "download_failed: CANCEL\n" + LOADED)
            assert world.shop.downloaded is old

        world.run(people())
        assert world.acquirer.downloads.ended[DOWNLOADS[name].end] == 1


FAULTS = {
    "lost": Fault(FaultKind.DROP_REPLY, mti="0800", nth=3),
    "false": Fault(FaultKind.WRONG_MAC, mti="0800", nth=2),
    "without a MAC": Fault(FaultKind.NO_MAC, mti="0820"),
    "declined": Fault(FaultKind.CODE, mti="0800", nth=2, code="96"),
    "its end": Fault(FaultKind.DROP_REPLY, mti="0800", nth=7),
}


@pytest.mark.parametrize("what", FAULTS)
def test_a_download_that_is_lost_in_its_middle_leaves_the_old_list_and_is_tried_again(what: str) -> None:
    with World(what) as world:

        async def people() -> None:
            await play(world, START)
            world.acquirer.faults.add(FAULTS[what])
            await play(world, only(ListName.CA_KEYS) + "download_failed:")
            assert world.shop.downloaded == Downloaded()
            await press(world, "ENTER")
            await play(world, LOADED)

        world.run(people())
        assert world.shop.downloaded.count(ListName.CA_KEYS) == 6


def test_whoever_is_no_supervisor_or_not_signed_in_loads_nothing() -> None:
    change = f"idle: ENTER\nmenu: {menu_item(MENU.index('menu.operator') + 1)}\n"
    log_in = f"enter_number: CLEAR CLEAR {LOG_IN['02']}\n"
    refused = f"idle: ENTER\nmenu: {CHOSEN}\nrefused:"
    with World("cashier") as world:
        world.run(play(world, START + another_operator("02") + change + log_in + refused))
        assert world.acquirer.downloads.ended == {}
    with World("signed-out") as world:
        no_sign_in = START.rpartition("idle:")[0] + "sign_in_failed: CANCEL\n"
        world.host_behaviour("refused")
        world.run(play(world, no_sign_in + f"idle: DOWN\nmenu: {CHOSEN}\ndownloads: ENTER\nrefused:"))


def test_the_lists_that_were_never_loaded_come_after_the_sign_in_where_the_profile_says_so() -> None:
    profile = replace(load_profile("unionpay"), downloads_at_sign_in=True)
    with World("first", profile=profile) as world:
        world.run(play(world, START))
        assert world.shop.downloaded.count(ListName.AIDS) == 5
        assert world.shop.downloaded.count(ListName.CARD_BINS) == 0


@pytest.mark.parametrize("digit", [1, 4, 5, 7])
def test_what_a_header_asks_for_is_loaded_after_the_transaction(digit: int) -> None:
    with World(f"requirement-{digit}") as world:
        world.acquirer.faults.add(Fault(FaultKind.REQUIREMENT, mti="0200", digit=digit))
        paid = PAID + "downloading:\nidle:"
        world.run(play(world, START + paid))
        assert [payment.state.value for payment in all_payments(world.journal)] == ["completed"]
        assert set(world.acquirer.downloads.ended) == {DOWNLOADS[name].end for name in wanted(digit)}
        assert world.journal.transact(lambda tx: tx.get(DOWNLOADS_DUE)) is None


def test_what_was_asked_for_and_failed_is_tried_again_when_an_operator_signs_in(tmp_path: Path) -> None:
    acquirer = Acquirer(seed=hash_seed("due"))
    with World("due", data=tmp_path, acquirer=acquirer) as world:
        acquirer.faults.add(Fault(FaultKind.REQUIREMENT, mti="0200", digit=5))
        acquirer.faults.add(Fault(FaultKind.CODE, mti="0820", code="96"))
        failed = "download_failed: CANCEL\nidle:"
        world.run(play(world, START + PAID + failed))
        assert world.shop.downloaded == Downloaded()
    with World("due", data=tmp_path, acquirer=acquirer) as world:
        world.run(play(world, OPERATOR + "downloading:\nidle:"))
        assert world.shop.downloaded.count(ListName.AIDS) == 5


def test_the_self_test_slip_tells_what_is_in_force() -> None:
    self_test = f"idle: ENTER\nmenu: {menu_item(MENU.index('menu.self_test') + 1)}\nprinting:\nidle:"
    with World("slip") as world:
        world.run(play(world, START + only(ListName.AIDS) + LOADED + self_test))
        record = world.journal.transact(lambda tx: tx.last_slip())
        assert record is not None
        rows = {name: (count, bool(since)) for name, count, since in record.body["lists"]}
        assert rows["aids"] == (5, True)
        assert rows["ca_keys"] == (0, False)


def test_a_host_that_makes_no_mac_can_be_asked_without_one() -> None:
    with World("bare", profile=replace(load_profile("unionpay"), downloads_mac=False)) as world:
        world.acquirer.faults.add(Fault(FaultKind.NO_MAC, mti="0800", times=EVERY))
        world.acquirer.faults.add(Fault(FaultKind.NO_MAC, mti="0820", times=EVERY))
        world.run(play(world, START + EVERYTHING))
        assert world.shop.downloaded.count(ListName.CA_KEYS) == 6


def test_a_time_out_in_the_configuration_is_stronger_than_the_host_s() -> None:
    with World("configured") as world:
        shop = world.shop
        configured = replace(shop.config.link, reply_ms=20_000)
        told = Downloaded(parameters=read_parameters([b"1245", b"231"]))
        shop.use(told)
        assert (shop.profile.response_timeout_ms, shop.host.profile.reversal_resend_count) == (45_000, 1)
        shop.config = replace(shop.config, link=configured)
        shop.use(told)
        assert shop.profile.response_timeout_ms == 60_000, "the one that the terminal was assembled with"


def test_lists_outlive_a_restart_and_die_with_the_keys(tmp_path: Path) -> None:
    acquirer = Acquirer(seed=hash_seed("restart"))
    with World("restart", data=tmp_path, acquirer=acquirer) as world:
        world.run(play(world, START + EVERYTHING))
        loaded = world.shop.downloaded
        kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
        assert b"6225000000009999" not in kept
        assert b"6225000000009999".hex().encode() not in kept
    with World("restart", data=tmp_path, acquirer=acquirer) as world:
        world.run(play(world, OPERATOR + "idle:"))
        assert world.shop.downloaded == loaded
        world.shop.keys.zeroise()
    with World("restart", data=tmp_path, acquirer=acquirer) as world:
        world.run(play(world, "boot:\nlocked:"))
        assert world.shop.downloaded == Downloaded()


@pytest.mark.slow
def test_a_power_cut_at_any_moment_leaves_the_old_list_or_the_new_one(tmp_path: Path) -> None:
    before, after = ("622500", "621700"), ("621799",)
    acquirer = Acquirer(seed=hash_seed("cut"))
    with World("cut", data=tmp_path / "first", acquirer=acquirer) as world:
        world.run(play(world, START + only(ListName.CARD_BINS) + LOADED))
        assert world.shop.downloaded.card_bins == before
    acquirer.downloads.lists.card_bins = [number.encode("ascii") for number in after]
    seen, cut_at = set(), 0
    while True:
        cut_at += 1
        data = tmp_path / f"cut-{cut_at}"
        shutil.copytree(tmp_path / "first", data)
        ended = dict(acquirer.downloads.ended)
        loop = CutLoop("cut", cut_at=cut_at)
        whole = False
        with World("cut", data=data, acquirer=acquirer, loop=loop) as world:
            try:
                world.run(play(world, OPERATOR + only(ListName.CARD_BINS) + LOADED))
                whole = True
            except PowerCut:
                pass
        with World("cut", data=data, acquirer=acquirer) as world:
            world.run(play(world, "boot:\nenter_number:"))
            found = world.shop.downloaded.card_bins
        seen.add(found)
        assert found in (before, after), loop.where
        assert found == before or acquirer.downloads.ended != ended, loop.where
        if whole:
            break
    assert seen == {before, after}
    assert cut_at > 20
