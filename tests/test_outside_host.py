"""A host from outside, over real TCP: what it says late, how it hangs up, and what a world before it cannot have."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from key_papers import CEREMONY, FROM_MENU, OTHER_KEY, another_operator, given

from drivers.link import length_prefix
from sim.__main__ import main as simulator
from sim.acquirer import Acquirer
from sim.acquirer.faults import parse_fault
from sim.acquirer.server import AcquirerServer
from sim.canary import digits, found, needles
from sim.card import PROFILES
from sim.hand import Hand
from sim.live import Live
from sim.outside_host import OutsideHost
from sim.panel.line import BreakableLine
from sim.proxy import Address
from sim.recording.following import follow
from sim.recording.playing import is_full, recording_of, replay
from sim.recording.typed import A_CARD, A_COMPONENT
from sim.stage import EXCHANGES_LIMIT_BYTES, Stage, Terms
from sim.story import StoryError, to_transaction
from terminal.config.settings import OFFERABLE

pytestmark = pytest.mark.slow  # Processes of their own, or worlds with a host outside.

PATIENCE_S = 10
WAIT = "wait 1 "


def told(*frames: bytes) -> bytes:
    return b"".join(length_prefix(len(frame)) + frame for frame in frames)


@pytest.fixture
def serve() -> Iterator[Callable[..., OutsideHost]]:
    """A host that says these bytes to each request, one after the other; None: it hangs up. Its patience is short."""
    listener = socket.create_server(("127.0.0.1", 0))
    hosts: list[OutsideHost] = []

    def answer(script: list[bytes | None]) -> None:
        line: socket.socket | None = None
        for said in script:
            if line is None:
                line, _ = listener.accept()
            line.recv(4096)
            if said is None:
                line.close()
                line = None
            else:
                line.sendall(said)
        if line is not None:
            line.recv(4096)
            line.close()

    def begin(*script: bytes | None, patience_s: float = PATIENCE_S) -> OutsideHost:
        threading.Thread(target=answer, args=(list(script),), daemon=True).start()
        host = OutsideHost(Address("127.0.0.1", listener.getsockname()[1]), patience_s=patience_s)
        hosts.append(host)
        return host

    yield begin
    for host in hosts:
        host.close()
    listener.close()


def test_a_frame_goes_out_and_its_answer_comes_back(serve: Callable[..., OutsideHost]) -> None:
    host = serve(told(b"answer"), told(b"one", b"two"))
    assert host(b"request", 0) == (b"answer",)
    assert host(b"again", 0) == (b"one", b"two")
    assert host.problem == ""


def test_what_comes_too_late_comes_before_the_next_answer(serve: Callable[..., OutsideHost]) -> None:
    whole = told(b"late")
    host = serve(whole[:3], whole[3:] + told(b"right"), patience_s=0.3)
    assert host(b"request", 0) == ()
    assert host.problem == "no answer"
    assert host(b"again", 0) == (b"late", b"right")


def test_a_host_that_hangs_up_is_called_again(serve: Callable[..., OutsideHost]) -> None:
    host = serve(None, told(b"back"))
    assert host(b"request", 0) == ()
    assert "hung up" in host.problem
    assert host(b"again", 0) == (b"back",)


def test_a_length_that_is_none_ends_the_connection(serve: Callable[..., OutsideHost]) -> None:
    host = serve(b"\xff\xff" + bytes(10))
    assert host(b"request", 0) == ()
    assert host.problem


def test_a_world_before_it_says_what_it_cannot_have() -> None:
    with AcquirerServer(Acquirer()) as outside:
        host = OutsideHost(Address("127.0.0.1", outside.port))
        with Live(Terms(seed=1), begin=host.stage) as live:
            world = Hand(live)
            for what, how in (("fault", "drop-reply"), ("host", "new")):
                with pytest.raises(StoryError, match="outside this world"):
                    world.break_(what, how)
            with pytest.raises(StoryError, match="its book is its own"):
                assert world.differences
            with pytest.raises(ValueError, match="remembers what a snapshot cannot"):
                world.snapshot()
            world.break_("host", "silent")  # Its line is ours.
            world.press("500 ENTER")
            world.press("1")
            world.insert("signature")
            world.run_until(screen="reversal_pending")
        host.close()


def test_what_is_owed_to_a_world_is_not_waited_for_by_the_next() -> None:
    with AcquirerServer(Acquirer()) as outside, contextlib.closing(BreakableLine(0, outside.port, str)) as line:
        host = OutsideHost(Address("127.0.0.1", line.port), patience_s=1.0)
        with Live(Terms(seed=1), begin=host.stage) as live:
            world = Hand(live)
            line.add("delay,ms=60000")  # Of that connection all that comes behind it, too.
            world.press("500 ENTER")
            world.press("1")
            world.insert("signature")
            world.run_until(screen="reversal_pending")
            live.reset(Terms(seed=2)).result()
            assert world.screen == "idle"
        host.close()


def test_a_host_that_is_not_there_ends_the_beginning() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    host = OutsideHost(Address("127.0.0.1", port))
    with pytest.raises(StoryError, match="has not signed it in"):
        Live(Terms(seed=1), begin=host.stage)
    assert f"127.0.0.1:{port}" in host.problem


# Its recording.


@contextmanager
def before_a_host(*faults: str) -> Iterator[Hand]:
    acquirer = Acquirer()
    for fault in faults:
        acquirer.faults.add(parse_fault(fault))
    with AcquirerServer(acquirer) as outside:
        host = OutsideHost(Address("127.0.0.1", outside.port))
        with Live(Terms(seed=3, offered="all"), begin=host.stage) as live:
            yield Hand(live)
        host.close()


def at_the_counter(world: Hand, story: str) -> None:
    """Lines of a story (sim.story), with keys alone."""
    for line in story.splitlines():
        screen, _, keys = line.partition(": ")
        world.run_until(screen=screen)
        if keys.startswith(WAIT):
            world.advance(1_000)
        world.press(keys.removeprefix(WAIT))


def sell_by_card(world: Hand) -> None:
    world.press("12850 ENTER")
    world.press("1")
    world.insert("pin-12")
    at_the_counter(world, f"enter_pin: {PROFILES['pin-12'].pin} ENTER")
    world.run_until(screen="remove_card")
    world.remove()
    world.run_until(idle=True)


def order(number: str) -> str:
    agreed = "enter_number: ENTER\noperator_password: 1234 ENTER\nenter_amount: 500 ENTER\n"
    slip_of_the_finger = f"type_card_number: {number[:5]} ENTER\n"
    typed = f"type_card_number: {number[5:]} ENTER\nenter_number: 1399 ENTER\nenter_number: {'CLEAR ' * 4}1230 ENTER\n"
    return to_transaction("moto-sale", OFFERABLE) + agreed + slip_of_the_finger + typed + "type_cvv2: 739 ENTER"


def cut_the_power(world: Hand) -> None:
    world.break_("power", "cut")
    at_the_counter(world, "check_clock: ENTER\nenter_number: ENTER\noperator_password: 1234 ENTER")
    world.run_until(idle=True)


def test_lives_troubles_and_a_typed_test_card_are_played_again_without_the_host(tmp_path: Path) -> None:
    path = tmp_path / "outside.jsonl"
    with before_a_host() as world:
        sell_by_card(world)
        at_the_counter(world, order(PROFILES["rich"].pan))
        world.run_until(screen="approved")
        cut_the_power(world)
        for what, how in (("line", "drop-reply"), ("line", "duplicate"), ("host", "mute")):
            world.break_(what, how)
            world.press("500 ENTER")
            world.press("1")
            world.insert("signature")
            world.advance(200_000)
            world.remove()
            world.advance(60_000)
        world.record(path)
    assert is_full(path)
    assert replay(path).same
    lines = path.read_text(encoding="utf-8").splitlines()
    at = next(number for number, line in enumerate(lines) if json.loads(line).get("is") == "host")
    lines[at] = lines[at].replace('"answers":1', '"answers":0')  # That of the sign-in.
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    with pytest.raises(StoryError, match="not signed it in"):
        replay(path)


NUMBER = "4111111111111111"  # No test card's.


@pytest.mark.parametrize(("fault", "ends"), [("code,nth=2,code=14", "declined"), ("code,nth=2,code=00", "approved")])
def test_the_number_of_no_test_card_is_in_no_recording_and_the_flow_is_followed(
    fault: str, ends: str, tmp_path: Path
) -> None:
    path = tmp_path / "redacted.jsonl"
    with before_a_host(f"{fault},mti=0200") as world:
        sell_by_card(world)
        at_the_counter(world, order(NUMBER))
        world.run_until(screen=ends)
        world.press("ENTER")
        cut_the_power(world)
        sell_by_card(world)
        world.record(path)
    text = path.read_bytes()
    header = json.loads(text.splitlines()[0])
    assert (header["full"], header["redacted"]) == (False, A_CARD)
    card = PROFILES["pin-12"]
    secrets = {"typed": list(digits(NUMBER)), "PAN": list(digits(card.pan)), "PIN": list(digits(card.pin))}
    assert found(needles(secrets), "the recording", text) == []
    assert b'"lost"' not in text
    followed = follow(path)
    assert followed.redacted == A_CARD
    assert (followed.same, followed.lives) == (True, 2), followed
    assert followed.decisions >= 10
    turned = text.decode().replace(f'"to":"{ends}"', '"to":"unknown"', 1)
    path.write_text(turned, encoding="utf-8")
    assert not follow(path).same


OTHERS = given("01", OTHER_KEY[0]) + given("02", OTHER_KEY[1]) + "confirm_kcv: ENTER\nceremony_problem: ENTER\n"


@pytest.mark.parametrize(
    ("ceremony", "full"),
    [(CEREMONY, True), (OTHERS, False), (OTHERS + FROM_MENU + CEREMONY, False), (CEREMONY[:150], False)],
    ids=["published", "refused", "published after one that was refused", "left off"],
)
def test_components_are_in_a_recording_when_a_published_key_has_come_of_them(
    ceremony: str, full: bool, tmp_path: Path
) -> None:
    with before_a_host() as world:
        at_the_counter(world, another_operator("02") + FROM_MENU + ceremony)
        text = recording_of(world.live.story().result())
    header = json.loads(text.splitlines()[0])
    assert (header["full"], header.get("redacted", "")) == (full, "" if full else A_COMPONENT)
    assert ('"key":"8"' in text) == full
    path = tmp_path / "ceremony.jsonl"
    path.write_text(text, encoding="utf-8")
    if full:
        assert replay(path).same
        return
    followed = follow(path)  # To the second operator's number, which nobody has.
    assert (followed.same, followed.why_until) == (True, "what was typed on enter_number is not in the recording")
    assert json.loads(text.splitlines()[followed.until - 1])["key"] == "digit"


def test_a_redacted_recording_is_followed_to_what_nothing_stands_in_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An original's number: what came before it is judged, and what is behind it is not."""
    path = tmp_path / "redacted.jsonl"
    with before_a_host("code,nth=2,code=00,mti=0200") as world:
        sell_by_card(world)
        at_the_counter(world, order(NUMBER))
        world.run_until(screen="approved")
        world.press("ENTER")
        at_the_counter(world, to_transaction("void", OFFERABLE) + "enter_number: 77 ENTER\nenter_number: CANCEL")
        cut_the_power(world)
        sell_by_card(world)
        world.record(path)
    followed = follow(path)
    lines = path.read_text(encoding="utf-8").splitlines()
    assert (followed.same, followed.lives) == (True, 1), followed
    seen = [json.loads(line) for line in lines[: followed.until]]  # To the number of the void's original.
    screens = [line["name"] for line in seen if line.get("is") == "screen"]
    assert (screens[-2:], seen[-1].get("key")) == (["menu", "enter_number"], "digit")
    assert simulator(["replay", str(path)]) == 0
    assert f"followed to line {followed.until}: " in capsys.readouterr().out
    first, *_, last = (at for at, line in enumerate(lines) if '"to":"completed"' in line)
    assert first < followed.until < last
    for at, same in ((last, True), (first, False)):
        lines[at] = lines[at].replace('"to":"completed"', '"to":"declined"')
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        assert follow(path).same is same, "what came before is judged, and nothing behind"


def test_what_is_too_much_to_keep_is_refused_with_what_to_do() -> None:
    def big(frame: bytes, now_ms: int) -> tuple[bytes, ...]:
        return (bytes(8_192),) * 64

    def overflow(stage: Stage) -> None:
        while stage.exchanges_bytes < EXCHANGES_LIMIT_BYTES:
            assert stage.world.answers is not None
            stage.world.answers(b"?", 0)

    with Live(Terms(begin="new"), begin=lambda terms: Stage(terms, big)) as live:
        live.ask(overflow).result()
        with pytest.raises(ValueError, match="more than 64 MB went to and from the host; .* reset begins one"):
            live.story().result()
