"""The card's side of the vpcd protocol, against a reader that is a plain socket here."""

from __future__ import annotations

import argparse
import queue
import socket
import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from drivers.card_reader import PcscCardReader
from drivers.ports import CardMute, Presence
from sim.card import PROFILES, VirtualCard
from sim.card.command import add_arguments, run
from sim.card.profiles import ATR_T1
from sim.card.vpcd import serve
from sim.wire.pcsc import PrivatePcscd


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        server.settimeout(5)
        yield server


def exchange(reader: socket.socket, payload: bytes) -> bytes:
    reader.sendall(len(payload).to_bytes(2, "big") + payload)
    with reader.makefile("rb") as stream:
        count = int.from_bytes(stream.read(2), "big")
        return stream.read(count)


def test_the_reader_gets_atr_and_answers(listener: socket.socket) -> None:
    seen: list[tuple[bytes, bytes]] = []
    card = VirtualCard(PROFILES["unionpay-credit-pin"])
    port = listener.getsockname()[1]
    thread = threading.Thread(
        target=serve, args=("127.0.0.1", port, card), kwargs={"on_exchange": lambda *pair: seen.append(pair)}
    )
    thread.start()
    reader, _ = listener.accept()
    with closing(reader):
        reader.settimeout(5)
        for code in (0, 1):
            reader.sendall(b"\x00\x01" + bytes((code,)))
        assert exchange(reader, b"\x04") == ATR_T1
        challenge = bytes.fromhex("0084000000")
        answer = exchange(reader, challenge)
        assert answer[-2:] == b"\x90\x00"
        # A message in two segments is one message.
        reader.sendall(b"\x00")
        reader.sendall(b"\x05" + challenge[:2])
        reader.sendall(challenge[2:])
        with reader.makefile("rb") as stream:
            assert stream.read(2) == b"\x00\x0a"
            assert stream.read(10)[-2:] == b"\x90\x00"
    thread.join(5)
    assert not thread.is_alive(), "the card ends when the reader closes"
    assert seen[0] == (challenge, answer)


def test_a_stop_withdraws_the_card(listener: socket.socket) -> None:
    stop = threading.Event()
    card = VirtualCard(PROFILES["unionpay-credit-pin"])
    port = listener.getsockname()[1]
    thread = threading.Thread(target=serve, args=("127.0.0.1", port, card), kwargs={"stop": stop})
    thread.start()
    reader, _ = listener.accept()
    with closing(reader):
        reader.settimeout(5)
        assert exchange(reader, b"\x04") == ATR_T1
        stop.set()
        assert reader.recv(1) == b""
    thread.join(5)
    assert not thread.is_alive()


def arguments(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return parser.parse_args(words)


def test_the_command_lists_the_cards(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments("--list")) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in PROFILES)


def test_the_command_names_a_bad_address(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments("--vpcd", "nowhere")) == 2
    assert "HOST:PORT" in capsys.readouterr().err


@pytest.mark.system
@pytest.mark.slow
@pytest.mark.parametrize("name", ["unionpay-credit-pin", "long-61xx"])
def test_the_card_lives_in_a_real_pcscd(pcscd: PrivatePcscd, name: str) -> None:
    """Behind the real pcscd and pyscard, by both protocols, until it is withdrawn."""
    seen: queue.Queue[Presence] = queue.Queue()
    reader = PcscCardReader(pcscd.reader(1))
    stop = threading.Event()
    card = VirtualCard(PROFILES[name])
    thread = threading.Thread(target=serve, args=("127.0.0.1", pcscd.port(1), card), kwargs={"stop": stop})
    try:
        reader.watch(seen.put)
        assert seen.get(timeout=15) is Presence.ABSENT
        thread.start()
        assert seen.get(timeout=15) is Presence.PRESENT
        assert reader.power_on() == card.reset()
        selected = reader.transceive(bytes.fromhex("00A4040005A00000033300"))
        assert selected[:1] == b"\x6f" and selected[-2:] == b"\x90\x00"
        assert reader.transceive(bytes.fromhex("80A8000002830000"))[-2:] == b"\x90\x00"
        assert reader.transceive(bytes.fromhex("00B2021400"))[-2:] == b"\x90\x00"
        reader.power_off()
        stop.set()
        assert seen.get(timeout=15) is Presence.ABSENT
    finally:
        stop.set()
        thread.join(5)
        reader.close()


@pytest.mark.system
@pytest.mark.slow
def test_a_mute_card_is_present_and_silent(pcscd: PrivatePcscd) -> None:
    seen: queue.Queue[Presence] = queue.Queue()
    reader = PcscCardReader(pcscd.reader(1))
    stop = threading.Event()
    card = VirtualCard(PROFILES["mute"])
    thread = threading.Thread(target=serve, args=("127.0.0.1", pcscd.port(1), card), kwargs={"stop": stop})
    try:
        reader.watch(seen.put)
        assert seen.get(timeout=15) is Presence.ABSENT
        thread.start()
        assert seen.get(timeout=15) is Presence.PRESENT
        with pytest.raises(CardMute):
            reader.power_on()
        stop.set()
        assert seen.get(timeout=15) is Presence.ABSENT
    finally:
        stop.set()
        thread.join(5)
        reader.close()
