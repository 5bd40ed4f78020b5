"""A virtual card on vpcd: the card is the TCP client of the virtual reader behind the real pcscd.

Protocol: 2-byte big-endian length and payload, both ways. One-byte payloads from the reader: 00 power off,
01 power on, 02 reset, 04 give the ATR; everything longer is a command APDU. Only 04 and APDUs are answered.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable

from sim.card.card import VirtualCard
from sim.card.hostile import CardPulled

VPCD_PORT = 35963
POWER_OFF, POWER_ON, RESET, GIVE_ATR = 0x00, 0x01, 0x02, 0x04
NO_ANSWER_TO_RESET = b"\x00"  # A mute card's: to vpcd an empty answer would mean that there is no card.
RECEIVE_STEP_S = 0.2  # How soon a stop is noticed.
CONNECT_STEP_S = 0.1
CONNECT_TIMEOUT_S = 10.0  # pcscd opens its port some seconds after its start.


class VpcdError(Exception):
    """The virtual reader could not be reached, or ended in the middle of a message."""


def serve(
    host: str,
    port: int,
    card: VirtualCard,
    *,
    stop: threading.Event | None = None,
    on_exchange: Callable[[bytes, bytes], None] | None = None,
) -> None:
    """Be the card in that reader until the reader closes or `stop` is set: then the card is withdrawn.

    `on_exchange(capdu, rapdu)` sees each exchange. Raises VpcdError.
    """
    stop = stop or threading.Event()
    with contextlib.closing(_connect(host, port, stop)) as reader:
        atr = card.reset()
        while not stop.is_set():
            message = _receive(reader, stop)
            if message is None:
                return
            if message[0] == GIVE_ATR and len(message) == 1:
                # pcscd asks every 0.4 s whether a card is there, also between commands: no reset, or the card
                # would forget its transaction.
                _send(reader, atr or NO_ANSWER_TO_RESET)
                continue
            if len(message) == 1:
                if message[0] in (POWER_ON, RESET):
                    atr = card.reset(warm=message[0] == RESET)
                continue
            try:
                answer = card.transmit(message)
            except CardPulled:
                return  # To the reader a card that closes the line is a card that was pulled out.
            if on_exchange is not None:
                on_exchange(message, answer)
            _send(reader, answer)


def _connect(host: str, port: int, stop: threading.Event) -> socket.socket:
    deadline = time.monotonic() + CONNECT_TIMEOUT_S
    while True:
        try:
            reader = socket.create_connection((host, port), timeout=CONNECT_TIMEOUT_S)
        except OSError as error:
            if time.monotonic() >= deadline or stop.wait(CONNECT_STEP_S):
                raise VpcdError(f"no virtual reader at {host}:{port}: {error.strerror or error}") from error
            continue
        reader.settimeout(RECEIVE_STEP_S)
        reader.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return reader


def _send(reader: socket.socket, payload: bytes) -> None:
    try:
        reader.sendall(len(payload).to_bytes(2, "big") + payload)
    except OSError as error:
        raise VpcdError(f"the virtual reader left: {error}") from error


def _receive(reader: socket.socket, stop: threading.Event) -> bytes | None:
    """One payload; None when the reader closed between messages, or on stop."""
    prefix = _receive_exactly(reader, 2, stop)
    if len(prefix) < 2:
        return None
    payload = _receive_exactly(reader, int.from_bytes(prefix, "big"), stop)
    return payload or None


def _receive_exactly(reader: socket.socket, count: int, stop: threading.Event) -> bytes:
    got = bytearray()
    while len(got) < count and not stop.is_set():
        _quick_ack(reader)
        try:
            piece = reader.recv(count - len(got))
        except TimeoutError:
            continue
        except OSError:
            break
        finally:
            _quick_ack(reader)
        if not piece:
            break
        got += piece
    return bytes(got) if len(got) == count else b""


def _quick_ack(reader: socket.socket) -> None:
    """Linux forgets TCP_QUICKACK after each use; without it a round trip takes 44 ms instead of 0.07 ms."""
    if hasattr(socket, "TCP_QUICKACK"):
        with contextlib.suppress(OSError):
            reader.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
