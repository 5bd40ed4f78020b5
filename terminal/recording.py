"""What a terminal did, a JSON line each, to be attached to a bug: `python -m terminal --record FILE`.

It holds what passes the devices, and nothing that may not be shown. Of a digit only that one was pressed, unless the
glass shows it (an amount, a choice); of a card's command its header, and of the answer its length and status; of a
frame its fields as `decode` shows them, masked; of a scanned code and a swipe their length; of random bytes their
number; of a slip what is printed. Masked before it is written: there is no moment at which the file holds more.

A line never delays a payment. Lines wait in a bounded queue for a thread of their own; what finds it full is counted,
and told in a line "lost". A file that cannot be written, or has grown to its limit, ends the recording, nothing else.

Source: PCI DSS 4.0 §3.3, §3.4; docs/security.md.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from drivers.ports import Key, PaperLine, Text
from emv.masking import shown_text
from terminal.hostlink.explain import explain
from terminal.hostlink.profile import Profile
from terminal.journal import Journal, JournalBroken, JournalError
from terminal.version import VERSION

FORMAT = 1
QUEUE_LIMIT = 10_000  # Lines: a minute of the busiest terminal on a card that has stalled.
SIZE_LIMIT_BYTES = 64 * 1024 * 1024  # Some weeks of trade.
CLOSE_S = 5.0
SELECT = b"\xa4"  # INS.
SHOWN_FACTS = ("id", "from", "to", "name")  # Of a row: which payment or slip, between which states, which setting.
# Where digits stand on the glass as they are typed; and where the first one is a choice.
OPEN = frozenset({"enter_amount", "enter_tip", "cash_tendered"})
IDLE = "idle"  # A digit there begins an amount.
CHOICES = frozenset({"choose_method", "choose_application", "choose_language", "choose_terms", "menu"})

T = TypeVar("T")
Line = dict[str, Any]


class Recording:
    """One life of a terminal, behind what the file has of lives before. A life of which nothing is told leaves nothing.

    Every method is safe from any thread, and none waits for the disk but `close`. `about`: what the header says of this
    terminal. `report` hears, once, why a recording ended early. `patient`: where time is virtual, a line waits for the
    disk, and none is lost. Raises OSError when the file cannot be begun.
    """

    def __init__(
        self,
        path: Path,
        *,
        profile: Profile,
        about: Line,
        clock_ms: Callable[[], int],
        report: Callable[[str], None] = lambda text: None,
        limit_bytes: int = SIZE_LIMIT_BYTES,
        patient: bool = False,
    ) -> None:
        self._profile = profile
        self._clock_ms = clock_ms
        self._report = report
        self._patient = patient
        self._path = path
        self._is_new = not os.path.lexists(path)
        self._file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600), "a", encoding="utf-8")
        size = self._file.tell()
        self._torn = size > 0 and os.pread(self._file.fileno(), 1, size - 1) != b"\n"  # The power went in a line.
        self._room_bytes = limit_bytes - size
        self._lock = threading.Lock()
        self._lost = 0
        self._screen = ""
        self._digits = ""
        self._open = False  # Whether a digit that is pressed now is one that the glass shows.
        self._queue: queue.Queue[Callable[[], Line] | None] = queue.Queue(QUEUE_LIMIT)
        self._header: Line = {"recording": FORMAT, "full": False, "version": VERSION, **about}  # {} once written.
        self._thread = threading.Thread(target=self._run, name="recording", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Write what waits, and end. A file that this life has made and nothing was written to is taken away."""
        with contextlib.suppress(queue.Full):  # A disk that stands still keeps nobody from ending.
            self._queue.put(None, timeout=CLOSE_S)
        self._thread.join(CLOSE_S)
        self._file.close()
        with contextlib.suppress(OSError):  # Gone already, or in a folder that lets nobody remove it: then it stays.
            if self._is_new and self._path.stat().st_size == 0:
                self._path.unlink()

    # What passed.

    def key(self, key: Key) -> None:
        """After a function key the glass may lag behind what the terminal asks for: no digit is kept until it shows."""
        with self._lock:
            if not key.digits:
                self._open = False
            elif self._open:
                self._digits += key.digits
        self._line("key", key="digit" if key.digits else key.value)

    def screen(self, name: str) -> None:
        """The digits since the last screen are told now, if this one or the last shows them."""
        with self._lock:
            before, digits = self._screen, self._digits
            self._screen, self._digits, self._open = name, "", name in OPEN | CHOICES | {IDLE}
        if digits and (name in OPEN or before in CHOICES):
            self._line("typed", digits=digits if name in OPEN else digits[:1])
        self._line("screen", name=name)

    def slip(self, lines: Sequence[PaperLine]) -> None:
        self._line("slip", text=[shown_text(line.text) for line in lines if isinstance(line, Text)])

    def apdu(self, command: bytes, answer: bytes) -> None:
        """Of a SELECT by name also the name, which is an application's or a directory's."""
        selected: Line = {}
        if command[1:2] == SELECT and len(command) > 5:
            selected = {"name": command[5 : 5 + command[4]].hex()}
        self._line("apdu", command=command[:4].hex(), answer=len(answer), status=answer[-2:].hex(), **selected)

    def frame(self, frame: bytes, sender: str) -> None:
        """Masked on the writing thread: a payment does not wait for it."""
        at_ms = self._clock_ms()

        def line() -> Line:
            told = explain(frame, self._profile)
            fields = {str(field.number): field.value for field in told.lines}
            return {"at": at_ms, "is": "frame", "from": sender, "mti": told.mti, "fields": fields}

        self._put(line)

    def rows(self, journal: Journal) -> Callable[[Callable[[Any], T]], T]:
        """`journal.transact`, which also tells what has become durable by it: which rows, when, not what they hold."""
        told = journal.last_n

        def transact(work: Callable[[Any], T]) -> T:
            nonlocal told
            try:
                value = journal.transact(work)
            except JournalBroken:
                self._line("journal-failed")
                raise
            with contextlib.suppress(JournalError):  # It is durable; whoever writes next hears what is wrong.
                for event in journal.events_after(told):
                    told = event.n
                    facts = {name: event.body[name] for name in SHOWN_FACTS if name in event.body}
                    self._line("journal", n=event.n, kind=event.kind, wall_ms=event.at_ms, **facts)
            return value

        return transact

    def drawn(self, count: int) -> None:
        self._line("draw", bytes=count)

    def note(self, what: str, **facts: str | int | bool) -> None:
        """A tone, a lamp, a card that comes or goes, the length of a code: nothing that is a secret."""
        self._line(what, **facts)

    # The file.

    def _line(self, what: str, **facts: Any) -> None:
        line = {"at": self._clock_ms(), "is": what, **facts}
        self._put(lambda: line)

    def _put(self, line: Callable[[], Line]) -> None:
        try:
            self._queue.put(line, block=self._patient)
        except queue.Full:
            self._lost += 1

    def _run(self) -> None:
        while (line := self._queue.get()) is not None:
            if self._room_bytes <= 0:
                continue
            lost, self._lost = self._lost, 0
            try:
                if self._header:
                    self._file.write("\n" * self._torn)
                    self._write(self._header)
                    self._header = {}
                if lost:
                    self._write({"is": "lost", "lines": lost})
                self._write(line())
                if self._room_bytes <= 0:
                    self._report("the recording has grown to its limit, and ends here")
            except OSError as error:
                self._room_bytes = 0
                self._report(f"the recording ends here: {error.strerror}")

    def _write(self, line: Line) -> None:
        self._room_bytes -= self._file.write(json.dumps(line, ensure_ascii=True, separators=(",", ":")) + "\n")
        self._file.flush()
