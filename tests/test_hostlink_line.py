"""Routes and connections in virtual time: which way a request goes, that it goes once, and what is dropped."""

from __future__ import annotations

from collections.abc import Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from drivers.link import FLOOD_LIMIT
from drivers.ports import LinkClosed, LinkFault, LinkFrame
from keys import KeyStore
from sim.loop import SimLoop
from sim.twins.link import Network, Trip, TwinLink
from terminal.hostlink.codec import Message, decode, encode
from terminal.hostlink.frame import unwrap, wrap
from terminal.hostlink.messages import Terminal, echo
from terminal.hostlink.profile import Profile, load_profile
from terminal.hostlink.session import FOREIGN_LIMIT, Answered, HostSession, Silence
from terminal.loop import Mailbox, Now, Sleep

PLAIN = load_profile("unionpay")
KEPT = replace(PLAIN, connection_kept=True)
TERMINAL = Terminal("898440153110001", "10000001", "000001", "001")


class Bench:
    """A session before a host that answers every echo; `heard` counts what reached it, by STAN-less MTI."""

    def __init__(self, folder: Path, profile: Profile = PLAIN, *networks: Network) -> None:
        self.loop = SimLoop(seed=1)
        first, *others = networks or (Network(),)
        self.twin = TwinLink(self.loop, self._host, first, others=others, spend=self.loop.spend)
        box: Mailbox[LinkFrame | LinkClosed] = Mailbox("link")
        self.twin.watch(lambda event: self.loop.post(box, event))
        self.profile, self.heard, self.answers = profile, 0, 1
        self.spoil = lambda reply: (reply,)
        self.notes: list[str] = []
        keys = KeyStore.open(folder, terminal_id="bench")
        self.session = HostSession(self.twin, box, profile, keys, self.notes.append)

    def _host(self, frame: bytes, now_ms: int) -> tuple[bytes, ...]:
        self.heard += 1
        request = decode(unwrap(frame, self.profile).body, self.profile)
        reply = Message("0830", {**request.fields, 39: "00"})
        return tuple(wrap(encode(each, self.profile), self.profile) for each in self.spoil(reply) * self.answers)

    def run(self, story: Coroutine[Any, Any, None]) -> None:
        self.loop.run(story)

    async def ask(self, **how: Any) -> Answered | Silence:
        return await self.session.exchange(echo(TERMINAL, self.profile, stan="000001"), **how)


def refuses(fault: LinkFault = LinkFault.REFUSED) -> Network:
    return Network(refuse=lambda attempt: fault)


def loses(**trip: Any) -> Network:
    return Network(trip=lambda serial: Trip(**trip))


def test_the_preferred_route_is_taken_while_it_works(tmp_path: Path) -> None:
    bench = Bench(tmp_path, PLAIN, Network(), Network())

    async def story() -> None:
        for _ in range(3):
            assert isinstance(await bench.ask(), Answered)

    bench.run(story())
    assert bench.twin.taken == [0, 0, 0]


def test_a_route_that_does_not_open_is_passed_over_and_rests(tmp_path: Path) -> None:
    bench = Bench(tmp_path, PLAIN, refuses(), Network())

    async def story() -> None:
        assert isinstance(await bench.ask(), Answered)
        assert bench.session.line.resting() == (0,)
        assert bench.session.line.order() == (1, 0)
        assert isinstance(await bench.ask(), Answered)

    bench.run(story())
    assert bench.twin.taken == [1, 1]


def test_routes_share_the_one_time_to_connect(tmp_path: Path) -> None:
    """A customer waits no longer for three routes than for one."""
    bench = Bench(tmp_path, PLAIN, *[refuses(LinkFault.TIMEOUT)] * 3)

    async def story() -> None:
        began_ms = (await Now()).mono_ms
        assert await bench.ask() == Silence(False, "timeout")
        assert (await Now()).mono_ms - began_ms <= PLAIN.connect_timeout_ms + 100

    bench.run(story())
    assert bench.heard == 0


@pytest.mark.parametrize("trip", [{"drop_request": True}, {"drop_reply": True}, {"cut_request_after": 5}])
def test_what_may_have_left_is_never_sent_by_another_route(tmp_path: Path, trip: dict[str, Any]) -> None:
    bench = Bench(tmp_path, PLAIN, loses(**trip), Network())

    async def story() -> None:
        answer = await bench.ask()
        assert isinstance(answer, Silence)
        assert answer.sent

    bench.run(story())
    assert bench.twin.taken == [0]
    assert bench.heard <= 1


def test_after_silence_the_next_request_goes_the_other_way(tmp_path: Path) -> None:
    bench = Bench(tmp_path, PLAIN, loses(drop_reply=True), Network())

    async def story() -> None:
        await bench.ask()
        assert isinstance(await bench.ask(), Answered)

    bench.run(story())
    assert bench.twin.taken == [0, 1]


def test_what_had_not_begun_to_leave_goes_by_the_next_route(tmp_path: Path) -> None:
    bench = Bench(tmp_path, PLAIN, loses(cut_request_after=0), Network())

    async def story() -> None:
        assert isinstance(await bench.ask(), Answered)

    bench.run(story())
    assert bench.twin.taken == [0, 1]
    assert bench.heard == 1


def test_a_route_is_preferred_again_once_something_has_passed_by_it(tmp_path: Path) -> None:
    bench = Bench(tmp_path, PLAIN, Network(), Network())

    async def story() -> None:
        bench.twin.unplug(0)
        assert isinstance(await bench.ask(), Answered)
        bench.twin.plug_in(0)
        assert isinstance(await bench.ask(), Answered)  # Nobody has looked yet: still the other one.
        assert isinstance(await bench.ask(only=0), Answered)
        assert isinstance(await bench.ask(), Answered)

    bench.run(story())
    assert bench.twin.taken == [1, 1, 0, 0]
    assert bench.session.line.resting() == ()


def test_of_routes_that_all_failed_the_one_that_failed_longest_ago_is_first(tmp_path: Path) -> None:
    bench = Bench(tmp_path, PLAIN, refuses(), refuses(LinkFault.UNREACHABLE), refuses(LinkFault.TIMEOUT))

    async def story() -> None:
        assert await bench.ask() == Silence(False, "refused")
        assert bench.session.line.order() == (0, 1, 2)

    bench.run(story())


def test_a_certificates_date_is_told_before_any_other_fault(tmp_path: Path) -> None:
    bench = Bench(tmp_path, PLAIN, refuses(), refuses(LinkFault.TLS_DATE))

    async def story() -> None:
        assert await bench.ask() == Silence(False, "tls-date")

    bench.run(story())


# One connection for many exchanges


def test_a_kept_connection_carries_many_exchanges(tmp_path: Path) -> None:
    bench = Bench(tmp_path, KEPT)

    async def story() -> None:
        for _ in range(4):
            assert isinstance(await bench.ask(), Answered)

    bench.run(story())
    assert bench.twin.taken == [0]


def test_no_request_is_put_on_a_connection_that_was_silent_too_long(tmp_path: Path) -> None:
    bench = Bench(tmp_path, KEPT)

    async def story() -> None:
        await bench.ask()
        await Sleep(KEPT.connection_trusted_ms)
        assert isinstance(await bench.ask(), Answered)

    bench.run(story())
    assert bench.twin.taken == [0, 0]


def test_an_echo_is_due_before_the_connection_is_not_trusted_any_more(tmp_path: Path) -> None:
    bench = Bench(tmp_path, KEPT)

    async def story() -> None:
        await bench.ask()
        assert not await bench.session.line.is_due(KEPT)
        await Sleep(KEPT.connection_echo_ms)
        assert await bench.session.line.is_due(KEPT)
        await bench.ask()
        await Sleep(KEPT.connection_trusted_ms - KEPT.connection_echo_ms)
        await bench.ask()

    bench.run(story())
    assert bench.twin.taken == [0]


def test_a_connection_that_the_host_has_ended_is_made_anew_and_its_route_is_not_blamed(tmp_path: Path) -> None:
    bench = Bench(tmp_path, KEPT, Network(), Network())

    async def story() -> None:
        await bench.ask()
        bench.twin.break_connection()
        assert isinstance(await bench.ask(), Answered)

    bench.run(story())
    assert bench.twin.taken == [0, 0]
    assert bench.session.line.resting() == ()


def test_a_kept_connection_is_given_up_after_silence(tmp_path: Path) -> None:
    bench = Bench(tmp_path, KEPT)

    async def story() -> None:
        await bench.ask()
        bench.answers = 0
        assert isinstance(await bench.ask(), Silence)
        bench.answers = 1
        assert isinstance(await bench.ask(), Answered)

    bench.run(story())
    assert bench.twin.taken == [0, 0]


# What is dropped


def test_a_second_reply_does_not_meet_the_next_question(tmp_path: Path) -> None:
    bench = Bench(tmp_path, KEPT)
    bench.answers = 2

    async def story() -> None:
        for _ in range(3):
            assert isinstance(await bench.ask(), Answered)
            await Sleep(1_000)
        await bench.ask()

    bench.run(story())
    assert bench.session.dropped == 3
    assert sum("unasked" in note for note in bench.notes) == 3


@pytest.mark.parametrize("other", [{41: "99999999"}, {42: "999999999999999"}, {39: ""}])
def test_an_answer_to_somebody_else_is_dropped_and_the_right_one_awaited(tmp_path: Path, other: dict[int, str]) -> None:
    bench = Bench(tmp_path)

    def both(reply: Message) -> tuple[Message, ...]:
        fields = {number: value for number, value in {**reply.fields, **other}.items() if value}
        return Message("0830", fields), reply

    bench.spoil = both

    async def story() -> None:
        assert isinstance(await bench.ask(), Answered)

    bench.run(story())
    assert bench.session.dropped == 1
    assert not any(digit in note for note in bench.notes for digit in ("9999", "8984"))


def test_a_host_that_answers_everything_but_the_question_is_hung_up_on(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.spoil = lambda reply: (Message("0810", reply.fields),)
    bench.answers = 10 * FOREIGN_LIMIT

    async def story() -> None:
        assert await bench.ask() == Silence(True, "foreign")

    bench.run(story())
    assert bench.session.dropped == FOREIGN_LIMIT


def test_a_flood_ends_the_connection_and_not_the_terminal(tmp_path: Path) -> None:
    bench = Bench(tmp_path, KEPT)

    async def story() -> None:
        bench.answers = 30 * FLOOD_LIMIT  # More than the loop's inbox would take.
        assert isinstance(await bench.ask(), Answered)
        await Sleep(1_000)
        bench.answers = 1
        assert isinstance(await bench.ask(), Answered)

    bench.run(story())
    assert bench.twin.taken == [0, 0]
    assert len(bench.notes) <= 100
