"""A host from outside, over real TCP: what it says late, how it hangs up, and what a world before it cannot have."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from drivers.link import length_prefix
from sim.acquirer import Acquirer
from sim.acquirer.server import AcquirerServer
from sim.hand import Hand
from sim.live import Live
from sim.outside_host import OutsideHost
from sim.proxy import Address
from sim.stage import Terms
from sim.story import StoryError

PATIENCE_S = 10


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


def test_a_host_that_is_not_there_ends_the_beginning() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    host = OutsideHost(Address("127.0.0.1", port))
    with pytest.raises(StoryError, match="has not signed it in"):
        Live(Terms(seed=1), begin=host.stage)
    assert f"127.0.0.1:{port}" in host.problem
