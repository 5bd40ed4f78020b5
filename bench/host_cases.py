"""The acquirer: exchanges a second on one core, connections in how much memory, and ten thousand terminals at once.

Exchanges are counted by the processor's time, from frames that were built before: what a core can do does not depend
on what else the machine is doing. Connections and the storm are a process of its own on a real port.
"""

from __future__ import annotations

import asyncio
import json
import random
import resource
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from bench.cases import NOW_MS, ROOT, Row, Size, row
from bench.private_postgres import private_postgres, programs
from sim.acquirer import Acquirer, Book
from sim.acquirer.bookfile import BookFile
from sim.acquirer.caller import Caller, new_card
from sim.acquirer.command import LOAD_TERMINALS
from sim.acquirer.hostkeys import WorkingKeys
from sim.acquirer.registry import TEST_MERCHANT
from sim.acquirer.sharedbook import SharedBook
from sim.acquirer.sql import PostgresSql
from terminal.hostlink import messages
from terminal.hostlink.backoff import DRAWN_BYTES, Backoff
from terminal.hostlink.codec import decode, encode
from terminal.hostlink.frame import unwrap, wrap
from terminal.hostlink.messages import MAC_BYTES, Terminal, with_mac
from terminal.hostlink.profile import Profile, load_profile

SPARE_FILES = 200  # Beside one for each connection.
UP_TIMEOUT_S = 60.0
# The terminal's own back-off (flows/errands.py), a hundred times faster: ten minutes are six seconds.
AGAIN = Backoff(first_ms=300, limit_ms=6_000)
OUTAGE_S = 3.0
ANSWER_S = 30.0
GIVE_UP_S = 120.0


def acquirer(size: Size) -> list[Row]:
    """Card sales a second of one core: the codec and both MACs alone, and everything a request meets."""
    bare: list[float] = []
    whole: list[float] = []
    on_file: list[float] = []
    for seed in range(size.rounds):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            host, frames = _ready(Book(), seed, folder / "keys", size.exchanges)
            whole.append(_rate(lambda frame, host=host: host.handle(frame, NOW_MS), frames))  # type: ignore[misc]
            bare.append(_rate(_bare(host.profile), frames))
            host, frames = _ready(BookFile(folder / "book.db"), seed, folder / "more", size.exchanges)
            on_file.append(_rate(lambda frame, host=host: host.handle(frame, NOW_MS), frames))  # type: ignore[misc]
            host.book.close()
    return [
        row("host exchanges a second of a core, codec and MAC only", bare, "1/s", "aim", 8_000, less=False),
        row("host exchanges a second of a core, whole", whole, "1/s", "aim", 3_000, less=False),
        row("the same with the book in SQLite", on_file, "1/s", "aim of the whole", 3_000, less=False, aim=None),
    ]


def postgres(size: Size) -> list[Row]:
    """The same sales through one process with its book in a PostgreSQL of this machine, by the clock on the wall.

    Each answer waits for the database's commit (which is not synced here: the disk is no part of the figure). No row
    where Debian's postgresql is not installed.
    """
    if programs() is None:
        print("postgres: PostgreSQL is not installed (sudo make system-deps); nothing was measured", file=sys.stderr)
        return []
    rates: list[float] = []
    with private_postgres() as url, tempfile.TemporaryDirectory() as name:
        for seed in range(size.rounds):
            book = SharedBook(PostgresSql(url))
            host, frames = _ready(book, seed, Path(name) / str(seed), size.exchanges)
            began = time.perf_counter()
            for frame in frames:
                host.handle(frame, NOW_MS)
            rates.append(len(frames) / (time.perf_counter() - began))
            book.close()
    name = "host exchanges a second of one process, the book in PostgreSQL"
    return [row(name, rates, "1/s", "none", 1, less=False, aim=None)]


def _ready(book: Book, seed: int, folder: Path, count: int) -> tuple[Acquirer, list[bytes]]:
    """A host, and sales of a signed-in terminal, each with its own cryptogram, PIN block and MAC."""
    host = Acquirer(seed=seed, book=book)
    caller = Caller(lambda frame: host.handle(frame, NOW_MS), host.profile, folder)
    caller.sign_in()
    card = new_card("unionpay-credit-pin")
    frames: list[bytes] = []
    for _ in range(count):
        card.reset()
        message = caller.sale_message(100, card, pin=card.profile.pin)
        frames.append(wrap(encode(with_mac(message, caller.keys, host.profile), host.profile), host.profile))
    return host, frames


def _bare(profile: Profile) -> Callable[[bytes], object]:
    keys = WorkingKeys(lambda count: bytes(range(1, count + 1)))

    def exchange(frame: bytes) -> object:
        outer = unwrap(frame, profile)
        request = decode(outer.body, profile)
        keys.mac_ok(outer.body[:-MAC_BYTES], outer.body[-MAC_BYTES:])
        body = encode(request, profile)
        return wrap(body[:-MAC_BYTES] + keys.mac(body[:-MAC_BYTES]), profile)

    return exchange


def _rate(call: Callable[[bytes], object], frames: Sequence[bytes]) -> float:
    began = time.process_time()
    for frame in frames:
        call(frame)
    return len(frames) / (time.process_time() - began)


# A process of its own


@contextmanager
def _host_process(port: int = 0) -> Iterator[tuple[int, int]]:
    """(its process, its port)."""
    words = ["--port", str(port), "--quiet", "--json", "--seed", "1", "--load-terminals"]
    with subprocess.Popen(
        [sys.executable, "-m", "sim", "acquirer", *words], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            if process.stdout is None:
                raise RuntimeError("a pipe was asked for")
            listening = json.loads(process.stdout.readline())["listening"]
            yield process.pid, int(listening.rpartition(":")[2])
        finally:
            process.terminate()


def _allow_files(count: int) -> int:
    """How many connections this process, and the one it starts, may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count + SPARE_FILES
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))
    return min(count, max(soft, min(wanted, hard)) - SPARE_FILES)


def connections(size: Size) -> list[Row]:
    """Memory of the whole process with so many terminals connected, each of which has had an answer."""
    count = _allow_files(size.terminals)
    frame = _sign_in(0, load_profile("unionpay"))
    megabytes: list[float] = []
    with _host_process() as (pid, port), ExitStack() as stack:
        for at in range(count):
            line = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=UP_TIMEOUT_S))
            if at % 10 == 0:  # A tenth of them talks; the others are only there.
                line.sendall(len(frame).to_bytes(2, "big") + frame)
                line.recv(4096)
        megabytes.append(_resident_kb(pid) / 1024)
    return [row(f"memory of a host with {count} plain connections", megabytes, "MB", "aim", 150)]


def _resident_kb(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))


# The storm


@dataclass(slots=True)
class Storm:
    sent: int = 0  # Requests that left.
    unanswered: int = 0
    signed_in: int = 0
    refused: int = 0
    most_tries: int = 0  # With the host up.
    last_s: float = 0.0


def storm(size: Size) -> list[Row]:
    """Every terminal has lost its host in the same second; it comes back, and all sign in."""
    count = _allow_files(size.terminals)
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        port = holder.getsockname()[1]
    found = asyncio.run(_storm(count, port))
    wasted = 100 * found.unanswered / max(1, found.sent)
    return [
        row(f"of {count} terminals still out after an outage", [float(count - found.signed_in)], "", "all", 1, aim=0),
        row("requests wasted on the way", [wasted], "%", "aim", 1),
        row("tries of the terminal that tried most, once the host was up", [float(found.most_tries)], "", "a few", 5),
        row("until the last had signed in (time runs 100-fold)", [found.last_s], "s", "none", 60, aim=None),
    ]


async def _storm(count: int, port: int) -> Storm:
    found, source = Storm(), random.Random(1)
    profile = load_profile("unionpay")
    frames = [_sign_in(number, profile) for number in range(count)]
    up = asyncio.Event()
    began = [0.0]
    tasks = [
        asyncio.create_task(_terminal(frame, port, profile, random.Random(source.random()), up, found, began))
        for frame in frames
    ]
    await asyncio.sleep(OUTAGE_S)
    with _host_process(port):
        began[0] = time.monotonic()
        up.set()
        await asyncio.wait(tasks, timeout=GIVE_UP_S)
        for task in tasks:
            task.cancel()
    return found


async def _terminal(
    frame: bytes,
    port: int,
    profile: Profile,
    source: random.Random,
    up: asyncio.Event,
    found: Storm,
    began: list[float],
) -> None:
    """One terminal: tries, waits as its back-off says, until it is in."""
    failures = tries = 0
    while True:
        tries += up.is_set()
        with suppress(OSError, asyncio.TimeoutError, asyncio.IncompleteReadError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                found.sent += 1
                found.unanswered += 1
                writer.write(len(frame).to_bytes(2, "big") + frame)
                size = await asyncio.wait_for(reader.readexactly(2), ANSWER_S)
                reply = await asyncio.wait_for(reader.readexactly(int.from_bytes(size, "big")), ANSWER_S)
                found.unanswered -= 1
            finally:
                writer.close()
            if decode(unwrap(reply, profile).body, profile).text(39) == "00":
                found.signed_in += 1
                found.most_tries = max(found.most_tries, tries)
                found.last_s = time.monotonic() - began[0]
                return
            found.refused += 1
        await asyncio.sleep(AGAIN.wait_ms(failures, source.randbytes(DRAWN_BYTES)) / 1000)
        failures += 1


def _sign_in(number: int, profile: Profile) -> bytes:
    terminal = Terminal(TEST_MERCHANT, LOAD_TERMINALS[number], "000000")
    return wrap(encode(messages.sign_in(terminal, profile, stan="000001"), profile), profile)
