"""What goes wrong around a sale: a code too large for the panel, an opened case, a bad clock, service mode, leaks."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from test_flows_stories import FIRST_RUN, OPERATOR, START, sale

from drivers.ports import LinkFault, Text
from sim.acquirer import Acquirer, Fault, FaultKind
from sim.acquirer.wallets import WalletKind
from sim.books import all_payments, discrepancies
from sim.card import PROFILES
from sim.loop import START_WALL_MS
from sim.phone import Phone
from sim.story import play
from sim.swarm.watch import DUPLICATE_MARKS, text_of
from sim.twins.link import Network
from sim.wire.roll import png_of
from sim.world import World
from terminal.journal import Tx
from terminal.model import Method, Mode, Money, PaymentState
from terminal.receipts import LockSlip, OpenSlip, from_record

LONG_PREFIX = "HTTPS://QR.ACQUIRER.TEST/MERCHANT/898440153110001/TERMINAL/10000001/ORDER/"
YEAR_END_MS = int(datetime.datetime(2026, 12, 31, 15, 59, 30, tzinfo=datetime.UTC).timestamp() * 1000)


def states(world: World) -> tuple[str, ...]:
    return tuple(payment.state.value for payment in reversed(all_payments(world.journal)))


def test_a_code_too_large_for_the_panel_is_printed_and_paid_from_the_paper() -> None:
    with World("paper") as world:
        world.acquirer.gateway.prefix = LONG_PREFIX

        async def people() -> None:
            await play(world, START + "idle: 4500 ENTER\nchoose_method: 2\nqr_on_paper: wait 2")
            picture = png_of(world.printer.roll(1), world.printer.cells, world.shop.font)
            phone = Phone(world.acquirer.gateway, {WalletKind.ALIPAY: 100_000})
            payload = phone.look_at_png(picture)
            assert payload is not None
            assert payload.startswith(LONG_PREFIX)
            phone.pay(payload, world.loop.now().wall_ms, wallet=WalletKind.ALIPAY)
            await play(world, "approved:\nidle:")

        world.run(people())
        assert states(world) == ("completed",)
        assert discrepancies(world.journal, world.acquirer) == []


def test_low_paper_stops_nobody_and_the_idle_screen_says_so_until_a_slip_finds_a_new_roll() -> None:
    """A reversal that waits is more urgent, and stands in its place meanwhile."""
    cash = "idle: 100 ENTER\nchoose_method: 4\ncash_tendered: ENTER\ncash_change: ENTER\nidle:"
    with World("low") as world:
        shown: list[str] = []
        world.on_show = lambda picture: shown.append(picture.name)

        def foot() -> str:
            picture = world.display.picture
            assert picture is not None
            return picture.text()[-1]

        async def people() -> None:
            await play(world, START + "idle: paper low")
            assert "Paper low" not in foot()  # Nobody has printed yet.
            await play(world, cash)
            assert "Paper low" in foot()
            await play(world, "idle: host silent\n" + sale("no-cvm") + "reversal_pending: remove ENTER\nidle:")
            assert "1 pending" in foot()
            await play(world, "idle: paper ok host ok")
            assert world.shop.paper_low
            await play(world, cash)
            assert not world.shop.paper_low and "Paper low" not in foot()

        world.run(people())
        assert "paper_stopped" not in shown


@pytest.mark.parametrize(
    ("trouble", "marked"),
    [("paper-left 9", (True, False)), ("paper out", (False, False)), ("paper cover-open", (False, False))],
    ids=["begun", "not begun", "cover open before it"],
)
def test_a_slip_that_had_begun_is_marked_when_it_comes_again(trouble: str, marked: tuple[bool, bool]) -> None:
    """A piece of a slip and the whole one are one sale; a slip that was only late is none that came twice."""
    with World("begun") as world:
        text = sale("signature").replace("idle:", f"idle: {trouble}", 1)
        world.run(play(world, START + text + "approved:\npaper_stopped: wait 3 paper ok\nremove_card: remove\nidle:"))
        slips = world.printer.slips[-2:]
        found = tuple(sum("DUPLICATED" in line.text for line in slip if isinstance(line, Text)) for slip in slips)
        assert found == tuple(2 * mark for mark in marked)  # At its head and at its foot.
        assert states(world) == ("completed",)


def test_what_the_power_cut_left_unprinted_is_marked_and_what_comes_after_it_is_not(tmp_path: Path) -> None:
    """It may be on paper already, in part or whole: two slips without a mark would be two sales."""
    cash = "idle: 12850 ENTER\nchoose_method: 4\ncash_tendered: ENTER\nprinting:\n"
    host = Acquirer(seed=1)
    with World("before", acquirer=host, data=tmp_path) as world:
        world.run(play(world, START + cash))
    with World("after", acquirer=host, data=tmp_path, start_wall_ms=START_WALL_MS + 60_000) as world:
        world.run(play(world, "printing:\n" + OPERATOR + cash + "cash_change: ENTER\nidle:"))
        slips = ["".join(line.text for line in slip if isinstance(line, Text)) for slip in world.printer.slips]
        assert ["DUPLICATED" in slip for slip in slips] == [True, False]


def test_the_same_code_is_drawn_on_the_larger_panel() -> None:
    with World("larger", panel=(128, 128)) as world:
        world.acquirer.gateway.prefix = LONG_PREFIX
        story = "idle: 4500 ENTER\nchoose_method: 2\nshow_qr: wait 2 phone wechat\napproved:\nidle:"
        world.run(play(world, START + story))
        assert states(world) == ("completed",)


def test_an_opened_case_destroys_the_keys_and_locks() -> None:
    with World("tamper") as world:

        async def people() -> None:
            await play(world, START)
            world.tamper.open_case()
            await play(world, "locked: 5 ENTER\nlocked:")

        papers: list[str] = []
        world.printer_said = lambda lines: papers.append(text_of(lines))
        world.run(people())
        assert world.shop.mode is Mode.LOCKED
        assert not world.shop.keys.working_keys_ready()
        locks = [paper for paper in papers if "终端已锁定" in paper or "LOCKED" in paper]
        assert locks and not any(mark in paper for paper in locks for mark in DUPLICATE_MARKS), "it is the first"


def test_an_opened_case_locks_however_much_is_open() -> None:
    """What there is to be settled by telephone goes on in strips."""

    def fill(tx: Tx) -> None:
        for _ in range(300):
            waits = tx.new_payment(Method.QR_STATIC, Money(1200), "01")
            tx.move(waits.id, PaymentState.REQUESTED)
            tx.move(waits.id, PaymentState.UNKNOWN)

    filled: list[int] = []
    with World("much is open") as world:

        async def people() -> None:
            await play(world, START)
            world.journal.transact(fill)
            filled.append(world.journal.last_n)
            world.tamper.open_case()
            await play(world, "locked: 5 ENTER\nlocked:")

        world.run(people())
        assert world.shop.mode is Mode.LOCKED
        events = world.journal.events_after(filled[0])
        slips = [from_record(event.body["body"]) for event in events if event.kind == "slip"]
        assert sum(len(slip.open_rows) for slip in slips if isinstance(slip, LockSlip | OpenSlip)) == 300


@pytest.mark.parametrize("at", ["insert_card", "enter_pin", "waiting"])
def test_a_case_opened_in_the_middle_of_a_sale_stops_it_there(at: str) -> None:
    steps = {
        "insert_card": "insert_card:",
        "enter_pin": "insert_card: insert unionpay-credit-pin\nenter_pin: 12",
        "waiting": "insert_card: insert unionpay-credit-pin\nenter_pin: host silent 123456 ENTER\nwaiting:",
    }
    with World(f"tamper {at}") as world:

        async def people() -> None:
            await play(world, START + "idle: 12850 ENTER\nchoose_method: 1\n" + steps[at])
            world.tamper.open_case()
            await play(world, "locked: wait 120 ENTER\nlocked:")

        world.run(people())
        assert world.shop.mode is Mode.LOCKED
        assert not world.shop.keys.working_keys_ready()
        # What may have been sent is not forgotten: it is reversed once there are keys again.
        assert states(world)[-1:] == {"insert_card": (), "enter_pin": ("abandoned",), "waiting": ("reversing",)}[at]


def test_in_service_mode_nothing_is_sold() -> None:
    with World("service") as world:
        world.shop.service_reason = "crashes"
        story = FIRST_RUN + OPERATOR + "service_mode: ENTER\nidle: 100\nrefused: ENTER\nidle:"
        world.run(play(world, story))
        assert states(world) == ()


def test_a_certificate_date_failure_names_the_clock_and_offers_to_set_it() -> None:
    def refuse(attempt: int) -> LinkFault | None:
        return LinkFault.TLS_DATE if attempt == 1 else None

    story = FIRST_RUN + OPERATOR + "sign_in_failed: ENTER\nenter_number: CLEAR CLEAR CLEAR CLEAR 1830 ENTER\nidle:"
    with World("tls", network=Network(refuse=refuse)) as world:
        world.run(play(world, story))
        assert world.shop.mode is Mode.SIGNED_IN


def test_a_clock_before_the_build_is_held_and_asked_about() -> None:
    with World("1970", start_wall_ms=1_000) as world:
        # The host's clock is the world's, so it is wrong, too: this is about what is shown before anybody is asked.
        world.run(play(world, "check_clock: ENTER\n" + FIRST_RUN))
        assert world.shop.local_time(world.loop.now().wall_ms).year >= 2026


def test_the_year_turns_between_sign_in_and_sale() -> None:
    with World("new year", start_wall_ms=YEAR_END_MS - 25_000) as world:
        world.run(
            play(
                world,
                START
                + "idle: wait 90\nidle: DOWN\nmenu: 6\nidle:\n"
                + sale("signature")
                + "approved:\nremove_card: remove\nidle:",
            )
        )
        assert world.shop.local_time(world.loop.now().wall_ms).date() == datetime.date(2027, 1, 1)
        assert states(world) == ("completed",)


SETTLE = "idle: DOWN\nmenu: 4\nconfirm_settlement: ENTER\n"
SOLD = "approved:\nremove_card: remove\n"


def test_a_host_that_lost_our_sign_in_says_77_to_the_settlement_and_is_asked_again() -> None:
    with World("77") as world:
        world.acquirer.faults.add(Fault(FaultKind.CODE, mti="0500", code="77"))
        story = sale("signature") + SOLD + SETTLE + "declined: ENTER\nidle: ENTER\nsigning_in:\n" + SETTLE
        world.run(play(world, START + story + "settled: ENTER\nidle:"))
        assert states(world) == ("settled",)
        assert [entry.state.value for entry in world.acquirer.book.entries] == ["approved"]
        assert slip_of(world)["domestic"] == "balanced"


def test_a_host_with_another_batch_stops_trading_until_ours_is_settled() -> None:
    """The host was replaced and knows nothing of our batch: the slip says so, and a new batch begins."""
    with World("replaced") as world:

        async def people() -> None:
            await play(world, START + sale("signature") + SOLD + SETTLE + "settled: ENTER\nidle: ENTER\nsigning_in:")
            await play(world, sale("signature") + SOLD + "idle:")
            world.acquirer = Acquirer(seed=99)
            await play(world, "idle: DOWN\nmenu: 6\nsign_in_failed: ENTER\nidle: 100\nrefused: ENTER\nidle: ENTER")
            await play(world, "settled: ENTER\nidle: ENTER\nsigning_in:\n" + sale("signature") + SOLD + "idle:")

        world.run(people())
        assert states(world) == ("settled", "settled", "completed")
        assert slip_of(world, kind="settlement")["domestic"] == "error"


def slip_of(world: World, kind: str = "") -> Mapping[str, Any]:
    """The body of the last slip (of a kind)."""
    slips = [e.body for e in world.journal.events_after(0) if e.kind == "slip" and kind in str(e.body["slip"])]
    body: Mapping[str, Any] = slips[-1]["body"]
    return body


@pytest.mark.parametrize("wrong", [3, 4])
def test_three_wrong_passwords_lock_the_operator(wrong: int) -> None:
    story = FIRST_RUN + "enter_number: ENTER\n" + "operator_password: 9999 ENTER wait 1\n" * wrong
    with World(f"password {wrong}") as world:

        async def people() -> None:
            await play(world, story + "operator_password: 1234 ENTER wait 1")
            assert world.shop.operator == ""
            await play(world, "operator_password: CANCEL wait 301\n" + OPERATOR + "idle:")

        world.run(people())
        assert world.shop.operator == "01"


def test_no_secret_reaches_file_screen_slip_or_frame_in_clear(tmp_path: Path) -> None:
    """PAN, track 2, PIN and password of a day with every card, looked for in all that the terminal leaves behind."""
    pins = ("unionpay-credit-pin", "poor", "declines-after-approval", "unionpay-debit-pin")
    names = (*pins, "signature")
    said: list[str] = []
    with World("canary", data=tmp_path) as world:
        world.on_show = lambda picture: said.append(" ".join(picture.text()))
        world.printer_said = lambda lines: said.append(repr(lines))

        async def people() -> None:
            await play(world, START)
            for name in names:
                await play(world, sale(name) + ("enter_pin: 123456 ENTER\n" if name in pins else ""))
                ends = {"poor": "declined: ENTER", "declines-after-approval": "reversal_done: ENTER"}
                await play(world, f"{ends.get(name, 'approved:')}\nremove_card: remove")
            await play(world, "idle:")

        world.run(people())
        said += [str(dict(event.body)) for event in world.journal.events_after(0)]
    files = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    text = "\n".join(said)
    for name in names:
        pan = PROFILES[name].pan
        assert pan not in text
        assert pan.encode() not in files
        assert bytes.fromhex(pan + "f" * (len(pan) % 2)) not in files
    assert not re.search(r"(?<!\d)123456(?!\d)", text)
