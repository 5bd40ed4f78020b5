"""`python -m sim proxy`: a network that breaks, between any terminal and any host that speak frames over TCP.

It knows nothing of what is in a frame but its length, so neither side has to be ours. Faults are those of
sim.line_faults, by the same names and options; `nth` counts requests from the terminal, over all its connections (of
`refuse` its connections). TLS cannot be looked into: put the proxy where the line is plain.

While it runs, each line on the standard input is another fault, or `clear`. It ends with Ctrl-C, or with the pipe on
its input.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import socket
import stat
import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TextIO

from sim.arguments import port_number
from sim.line_faults import LINE_FAULTS, LineFault, LinePlan, parse_line_fault

LENGTH_BYTES = 2
Told = Callable[[dict[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Address:
    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Address:
        """For argparse.

        >>> Address.parse("[::1]:8583").port
        8583

        Raises argparse.ArgumentTypeError.
        """
        host, colon, port = text.rpartition(":")
        if not colon or not host:
            raise argparse.ArgumentTypeError(f"an address is HOST:PORT, not {text!r}")
        return cls(host.strip("[]"), port_number(port))


class Proxy:
    """Faults between `listen` and `to`. `told` hears what happens, in the order in which it does."""

    def __init__(self, to: Address, faults: LinePlan, told: Told = lambda event: None) -> None:
        self.faults = faults
        self._to = to
        self._told = told
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()

    async def start(self, listen: Address) -> int:
        """Begin to listen; the port. Raises OSError."""
        self._server = await asyncio.start_server(self._accept, listen.host, listen.port)
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            for task in tuple(self._open):
                task.cancel()
            await asyncio.gather(*self._open, return_exceptions=True)

    async def _accept(self, terminal: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._open.add(task)
            task.add_done_callback(self._open.discard)
        if self.faults.take(connecting=True) is not None:
            self._told({"fault": "refuse"})
            _reset(back)
            return
        try:
            host, forth = await asyncio.open_connection(self._to.host, self._to.port)
        except OSError as error:
            self._told({"problem": f"the host cannot be reached: {error.strerror or error}"})
            _reset(back)
            return
        line = _Line(self, terminal, back, host, forth)
        try:
            await line.run()
        finally:
            for writer in (back, forth):
                writer.close()

    def befalls(self) -> LineFault | None:
        """The fault of the next request."""
        fault = self.faults.take(connecting=False)
        self._told({"fault": fault.name if fault else "", "said": LINE_FAULTS[fault.name].en if fault else ""})
        return fault


class _Line:
    """One connection through the proxy, until one of its ends or a fault ends it."""

    def __init__(
        self,
        proxy: Proxy,
        terminal: asyncio.StreamReader,
        back: asyncio.StreamWriter,
        host: asyncio.StreamReader,
        forth: asyncio.StreamWriter,
    ) -> None:
        self._proxy = proxy
        self._terminal, self._back = terminal, back
        self._host, self._forth = host, forth
        self._fault: LineFault | None = None  # Of the request that was sent last, for its answer.
        self._dead = False  # Half open: both ends are there, and nothing passes.

    async def run(self) -> None:
        ways = [asyncio.create_task(self._requests()), asyncio.create_task(self._answers())]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()

    async def _requests(self) -> None:
        while (frame := await _frame(self._terminal)) is not None:
            fault = self._fault = self._proxy.befalls()
            name = fault.name if fault else ""
            if name == "half-open":
                self._dead = True
            if self._dead or name == "drop-request":
                continue
            if fault and name == "delay-request":
                await asyncio.sleep(fault.ms / 1000)
            if fault and name == "cut-request":
                await _write(self._forth, frame[: fault.after])
                return
            await _write(self._forth, frame * (2 if name == "duplicate-request" else 1))

    async def _answers(self) -> None:
        while (frame := await _frame(self._host)) is not None:
            fault = self._fault
            name = fault.name if fault else ""
            if self._dead or name == "drop-reply":
                continue
            if fault and name == "delay":
                await asyncio.sleep(fault.ms / 1000)
            if fault and name == "cut":
                await _write(self._back, frame[: fault.after])
                return
            if fault and name in ("split", "drip"):
                for at in range(len(frame)):
                    await _write(self._back, frame[at : at + 1])
                    await asyncio.sleep(fault.ms / 1000 if name == "drip" else 0)
                continue
            if name == "garble":
                middle = LENGTH_BYTES + (len(frame) - LENGTH_BYTES) // 2
                frame = frame[:middle] + bytes([frame[middle] ^ 0x10]) + frame[middle + 1 :]
            await _write(self._back, frame * (2 if name == "duplicate" else 1))


async def _frame(reader: asyncio.StreamReader) -> bytes | None:
    """A whole frame with its length before it; None at the end, also in the middle of one."""
    try:
        length = await reader.readexactly(LENGTH_BYTES)
        return length + await reader.readexactly(int.from_bytes(length, "big"))
    except (asyncio.IncompleteReadError, OSError):
        return None


async def _write(writer: asyncio.StreamWriter, data: bytes) -> None:
    """An end that has gone is noticed by whoever reads from it."""
    with contextlib.suppress(OSError):
        writer.write(data)
        await writer.drain()


def _reset(writer: asyncio.StreamWriter) -> None:
    """As if nobody were there: a reset, not an orderly end."""
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.close()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--listen", type=Address.parse, metavar="HOST:PORT", help="for the terminal")
    parser.add_argument("--to", type=Address.parse, metavar="HOST:PORT", help="where the host is")
    parser.add_argument(
        "--fault", action="append", default=[], type=_fault, metavar="NAME[,nth=2][,times=3|every][,ms=500][,after=3]"
    )
    parser.add_argument("--list", action="store_true", help="say which faults there are, and end")
    parser.add_argument("--json", action="store_true", help="one JSON object an event")


def run(args: argparse.Namespace) -> int:
    """0: ended by Ctrl-C or the end of the input; 2: usage, or the port cannot be taken."""
    if args.list:
        for name, row in LINE_FAULTS.items():
            told = {"name": name, "zh": row.zh, "en": row.en}
            print(json.dumps(told, ensure_ascii=False) if args.json else f"{name:20} {row.zh}  {row.en}")
        return 0
    if args.listen is None or args.to is None:
        print("give --listen and --to, or --list", file=sys.stderr)
        return 2
    try:
        return asyncio.run(_run(args))
    except OSError as error:
        print(f"cannot listen on {args.listen.host}:{args.listen.port}: {error.strerror or error}", file=sys.stderr)
        return 2


async def _run(args: argparse.Namespace) -> int:
    def told(event: dict[str, Any]) -> None:
        words = event.get("problem") or (f"{event['fault']}: {event.get('said', '')}" if event["fault"] else "passed")
        print(json.dumps(event) if args.json else words, flush=True)

    proxy = Proxy(args.to, LinePlan(args.fault), told)
    port = await proxy.start(args.listen)
    here = f"{args.listen.host}:{port}"
    print(json.dumps({"listening": here}) if args.json else f"listening on {here}", flush=True)
    if not _can_be_awaited(sys.stdin):
        for line in sys.stdin or ():
            _heard(proxy, line)
        await asyncio.Event().wait()  # Until Ctrl-C.
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while raw := await lines.readline():
        _heard(proxy, raw.decode("utf-8", "replace"))
    await proxy.stop()
    return 0


def _can_be_awaited(given: TextIO | None) -> bool:
    """A person or a pipe. A file is all there, and so is the nothing of a command in the background (/dev/null)."""
    if given is None:  # It was closed.
        return False
    mode = os.fstat(given.fileno()).st_mode
    return given.isatty() or stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


def _heard(proxy: Proxy, line: str) -> None:
    word = line.strip()
    try:
        if word == "clear":
            proxy.faults.clear()
        elif word:
            proxy.faults.add(parse_line_fault(word))
    except ValueError as wrong:
        print(wrong, file=sys.stderr, flush=True)


def _fault(text: str) -> LineFault:
    try:
        return parse_line_fault(text)
    except ValueError as wrong:
        raise argparse.ArgumentTypeError(str(wrong)) from None
