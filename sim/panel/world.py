"""The world on the bench: the handheld's process, the host, the phone, the cards, and what a person does to
them.

Whatever a page asks for goes through one queue and is done by one thread, in order: a hundred fast key
presses reach the keypad as they were typed. What the handheld says goes to the pages from its reader thread,
so that its pipe is always drained and the two sides can never wait for each other.

What lies in the world outlives the terminal's power: a card stays in its slot, the paper in its tray.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sim.panel.child import Handheld
from sim.panel.faults import ON_THE_WIRE, faults_message
from sim.panel.hub import Hub
from sim.panel.protocol import TO_HANDHELD, Do, JSONObject
from sim.panel.words import problem

QUEUE_LIMIT = 1000  # Deeds waiting: a page that sends faster than the world acts is slowed down by its own socket.
CRASHES_LIMIT = 3  # As on the real device: three crashes within CRASHES_MS, and a person has to look.
CRASHES_MS = 300_000
RESTART_MS = 1_000  # systemd's RestartSec on the real device.
PUT_WAIT_S = 30
SWITCHED_OFF = ("screen", "lamp", "scanner", "ready")


class Bank(Protocol):
    """The host, as far as the panel switches and shows it. See sim/panel/bank.py."""

    def behave(self, behaviour: str) -> None: ...
    def happen(self, what: str, how: str) -> None: ...
    def mend(self, what: str, name: str) -> None: ...
    def faults(self) -> dict[str, str]: ...
    def books(self) -> JSONObject: ...
    def journal(self, payments: list[JSONObject]) -> None: ...
    def close(self) -> None: ...


class PhoneDesk(Protocol):
    """The phone. `act` does one thing and returns what the phone shows then. See sim/panel/phone_desk.py."""

    def act(self, deed: Do, sights: Sequence[Sight]) -> tuple[JSONObject, str | None]:
        """What the phone shows, and a code that it holds before the scanner (None: none)."""

    def shown(self) -> JSONObject: ...


@dataclass(frozen=True, slots=True)
class Sight:
    """Something a phone's camera can be pointed at: the display's pixels, or a slip as PNG."""

    kind: str  # "display": rows of 1 bit a pixel; "paper": a PNG file.
    width: int
    height: int
    data: bytes


@dataclass(frozen=True, slots=True)
class _Ended:
    life: int
    status: int


@dataclass(frozen=True, slots=True)
class _StartAgain:
    life: int


class World:
    """Everything on the bench. `do` may be called from any thread; `close` ends it all."""

    def __init__(
        self,
        hub: Hub,
        *,
        command: Sequence[str],
        log: Path,
        bank: Bank,
        phone: PhoneDesk,
        cards: Sequence[JSONObject],
        sight_of: Callable[[JSONObject], Sight | None],
    ) -> None:
        self._hub = hub
        self._command = tuple(command)
        self._log = log
        self._bank = bank
        self._phone = phone
        self._cards = {str(card["name"]) for card in cards}
        self._sight_of = sight_of
        self._queue: queue.Queue[Do | _Ended | _StartAgain | None] = queue.Queue(QUEUE_LIMIT)
        self._thread = threading.Thread(target=self._run, name="world", daemon=True)
        self._handheld: Handheld | None = None
        self._life = 0
        self._crashes: list[int] = []
        self._lock = threading.Lock()  # Guards the sights, which the reader thread writes and the phone reads.
        self._display: Sight | None = None
        self._paper: Sight | None = None
        self._card = ""
        self._paper_state = "ok"
        self._reader_how = "plug"
        self._tear_at = ""  # Of the next card: the command during which it is torn out.
        self._event_n = 0
        hub.publish(faults_message(ON_THE_WIRE))
        hub.publish({"is": "faults-on", "on": bank.faults()})
        self._tell_reader()
        hub.publish({"is": "cards", "cards": list(cards)})
        hub.publish({"is": "card", "card": ""})
        hub.publish({"is": "paper-state", "state": "ok"})
        hub.publish({"is": "host-state", "behaviour": "normal"})
        hub.publish({"is": "power", "on": False, "why": ""})
        hub.publish({"is": "phone", **phone.shown()})
        hub.publish({"is": "books", **bank.books()})

    def start(self) -> None:
        self._thread.start()
        self.do(Do("power", {"on": True}))

    def do(self, deed: Do) -> None:
        """Put one deed in the line. Waits when the line is full."""
        self._queue.put(deed, timeout=PUT_WAIT_S)

    def close(self) -> None:
        self._queue.put(None, timeout=PUT_WAIT_S)
        if self._thread.is_alive():
            self._thread.join(PUT_WAIT_S)
        self._bank.close()

    # The one thread.

    def _run(self) -> None:
        while (item := self._queue.get()) is not None:
            if isinstance(item, _Ended):
                self._ended(item)
            elif isinstance(item, _StartAgain):
                if item.life == self._life and self._handheld is None:
                    self._power(True)
            else:
                self._do(item)
        self._kill()

    def _do(self, deed: Do) -> None:
        if deed.act == "power":
            self._crashes.clear()
            self._power(bool(deed.values["on"]))
        elif deed.act == "restart":
            self._power(False)
            self._power(True)
        elif deed.act == "host":
            behaviour = str(deed.values["behaviour"])
            self._bank.behave(behaviour)
            self._hub.publish({"is": "host-state", "behaviour": behaviour})
        elif deed.act == "phone":
            self._phone_does(deed)
        elif deed.act == "clear":
            for what, _, name in (key.partition(":") for key in self._bank.faults()):
                self._bank.mend(what, name)
        elif deed.act in ("happen", "mend") and deed.values["what"] in ("fault", "line"):
            self._to_bank(deed)
        elif deed.act in TO_HANDHELD:
            self._to_handheld(deed)

    def _to_bank(self, deed: Do) -> None:
        what = str(deed.values["what"])
        try:
            if deed.act == "happen":
                self._bank.happen(what, str(deed.values["how"]))
            else:
                self._bank.mend(what, str(deed.values["name"]))
        except ValueError as wrong:
            self._problem(str(wrong))

    def _to_handheld(self, deed: Do) -> None:
        if deed.act in ("insert", "swipe"):
            name = str(deed.values["card"])
            if name not in self._cards:
                self._problem(f"no card {name!r}")
                return
            if self._card:
                self._tell({"do": "remove"})
            self._card = name if deed.act == "insert" else ""
            self._hub.publish({"is": "card", "card": self._card})
            self._tear_at = "" if self._card else self._tear_at
            self._tell_reader()
        elif deed.act == "remove":
            self._card = ""
            self._hub.publish({"is": "card", "card": ""})
        elif deed.act == "paper":
            self._paper_state = str(deed.values["state"])
            self._hub.publish({"is": "paper-state", "state": self._paper_state})
        elif deed.act == "happen" and deed.values["what"] == "reader":
            self._reader_how = str(deed.values["how"])
            self._tell_reader()
        elif deed.act == "happen" and deed.values["what"] == "tear":
            self._tear_at = str(deed.values["how"])
            self._tell_reader()
        self._tell(deed.wire())

    def _tell_reader(self) -> None:
        self._hub.publish({"is": "reader-state", "how": self._reader_how, "tears": bool(self._tear_at)})

    def _tell(self, message: JSONObject) -> None:
        if self._handheld is not None:
            self._handheld.tell(message)

    def _phone_does(self, deed: Do) -> None:
        with self._lock:
            sights = [sight for sight in (self._display, self._paper) if sight is not None]
        shown, held = self._phone.act(deed, sights)
        if held is not None:
            self._tell({"do": "scan", "code": held})
        self._hub.publish({"is": "phone", **shown})
        self._hub.publish({"is": "books", **self._bank.books()})

    # Power.

    def _power(self, on: bool) -> None:
        if not on:
            self._kill()
            self._hub.publish({"is": "power", "on": False, "why": "switch"})
            return
        if self._handheld is not None:
            return
        self._life += 1
        life = self._life
        self._handheld = Handheld(
            self._command,
            log=self._log,
            on_said=self._said,
            on_end=lambda status: self._queue.put(_Ended(life, status), timeout=PUT_WAIT_S),
        )
        self._hub.publish({"is": "power", "on": True, "why": "", "pid": self._handheld.pid})
        # The world as it lies there; the pipe keeps it until the handheld's twins are up.
        self._tell({"do": "paper", "state": self._paper_state})
        if self._reader_how != "plug":
            self._tell({"do": "happen", "what": "reader", "how": self._reader_how})
        if self._tear_at:
            self._tell({"do": "happen", "what": "tear", "how": self._tear_at})
        if self._card:
            self._tell({"do": "insert", "card": self._card})

    def _kill(self) -> None:
        if self._handheld is None:
            return
        self._life += 1  # What this life still says about its end is no crash.
        handheld, self._handheld = self._handheld, None
        handheld.kill()
        self._dark()

    def _dark(self) -> None:
        with self._lock:
            self._display = None
        self._hub.forget(SWITCHED_OFF)

    def _ended(self, ended: _Ended) -> None:
        """The process ended by itself: start it again as systemd would, unless it keeps falling."""
        if ended.life != self._life or self._handheld is None:
            return
        self._handheld = None
        self._dark()
        now_ms = time.monotonic_ns() // 1_000_000
        self._crashes = [at for at in self._crashes if now_ms - at < CRASHES_MS] + [now_ms]
        gave_up = len(self._crashes) > CRASHES_LIMIT
        why = "crashed-often" if gave_up else "crashed"
        self._hub.publish({"is": "power", "on": False, "why": why, "status": ended.status})
        if not gave_up:
            again = threading.Timer(RESTART_MS / 1000, lambda: self._queue.put(_StartAgain(ended.life)))
            again.daemon = True
            again.start()

    # What the handheld says; on its reader thread.

    def _said(self, message: JSONObject) -> None:
        kind = message["is"]
        sight = self._sight_of(message)
        if sight is not None:
            with self._lock:
                if sight.kind == "display":
                    self._display = sight
                else:
                    self._paper = sight
        if kind == "paper-state":
            self._paper_state = str(message.get("state", "ok"))
        if kind == "journal":
            self._journal_said(message)
            return
        if kind == "problem":
            message = problem(str(message.get("text")))
        if kind == "paper":
            message = {**message, "is": "slip"}
        self._hub.publish(message)

    def _journal_said(self, message: JSONObject) -> None:
        """A new life begins with what the pages know already: only what comes after that is told."""
        try:
            self._bank.journal(message["payments"])
            for event in message["events"]:
                if int(event["n"]) > self._event_n:
                    self._event_n = int(event["n"])
                    self._hub.publish({"is": "event", **event})
        except (KeyError, TypeError, ValueError) as broken:
            self._problem(f"handheld: its journal cannot be read: {broken!r}")
            return
        self._hub.publish({"is": "books", **self._bank.books()})

    def _problem(self, text: str) -> None:
        self._hub.publish(problem(text))
