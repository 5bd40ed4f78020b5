"""One ordered channel from the world to every open page.

Each message gets the next sequence number under one lock and goes into every page's queue in that order. The
hub also remembers what a page that opens late must see: the last message of each kind of state, and the last
few of each log.
"""

from __future__ import annotations

import json
import queue
import threading
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

from sim.panel.protocol import JSONObject

QUEUE_LIMIT = 2000  # Messages waiting for one page: a minute of busy trading. A page that far behind must reload.
# How many of each log a page that opens late is shown.
LOGS: Mapping[str, int] = {"host": 200, "apdu": 200, "event": 60, "slip": 40}
STATE_KEYS: Mapping[str, str] = {
    "screen": "",
    "power": "",
    "phone": "",
    "books": "",
    "cards": "",
    "card": "",
    "paper-state": "",
    "host-state": "",
    "faults": "",
    "faults-on": "",
    "reader-state": "",
    "scenarios": "",
    "time": "",
    "playing": "",
    "step": "",
    "scanner": "",
    "ready": "",
    "lamp": "lamp",  # One remembered message for each lamp.
}


class Listener:
    """One page's queue. `lost` is set when it fell too far behind; it then has to reconnect."""

    def __init__(self) -> None:
        self._queue: queue.Queue[str | None] = queue.Queue(QUEUE_LIMIT)
        self.lost = False

    def put(self, text: str | None) -> None:
        try:
            self._queue.put_nowait(text)
        except queue.Full:
            self.lost = True

    def next(self, timeout_s: float) -> str | None:
        """The next message, or None when the channel ended. Raises queue.Empty after `timeout_s` seconds."""
        return self._queue.get(timeout=timeout_s)


class Hub:
    """Numbers, remembers and hands out what happened. Safe to call from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seq = 0
        self._state: dict[str, JSONObject] = {}
        self._logs: dict[str, deque[JSONObject]] = {kind: deque(maxlen=limit) for kind, limit in LOGS.items()}
        self._listeners: list[Listener] = []

    def publish(self, message: Mapping[str, Any]) -> int:
        """Give `message` the next number, remember it if its kind is remembered, tell every page. The number."""
        with self._lock:
            self._seq += 1
            numbered: JSONObject = {**message, "seq": self._seq}
            kind = str(numbered["is"])
            if kind in self._logs:
                self._logs[kind].append(numbered)
            elif kind in STATE_KEYS:
                part = STATE_KEYS[kind]
                self._state[f"{kind}:{numbered.get(part, '')}" if part else kind] = numbered
            text = json.dumps(numbered, ensure_ascii=False, separators=(",", ":"))
            for listener in self._listeners:
                listener.put(text)
            return self._seq

    def forget(self, kinds: Iterable[str]) -> None:
        """Drop what is remembered of these kinds: what a switched-off handheld showed, what a world before said."""
        with self._lock:
            for kind in kinds:
                if kind in self._logs:
                    self._logs[kind].clear()
                for key in [key for key in self._state if key == kind or key.startswith(kind + ":")]:
                    del self._state[key]

    def join(self, hello: Mapping[str, Any]) -> Listener:
        """A new page: first `hello`, then everything remembered in its order, then what happens from now on."""
        listener = Listener()
        with self._lock:
            remembered = [*self._state.values(), *(item for log in self._logs.values() for item in log)]
            remembered.sort(key=lambda item: int(item["seq"]))
            for message in ({**hello, "is": "hello", "seq": self._seq}, *remembered):
                listener.put(json.dumps(message, ensure_ascii=False, separators=(",", ":")))
            self._listeners.append(listener)
        return listener

    def leave(self, listener: Listener) -> None:
        with self._lock:
            if listener in self._listeners:
                self._listeners.remove(listener)

    def end(self) -> None:
        """Tell every page that the panel is closing."""
        with self._lock:
            for listener in self._listeners:
                listener.put(None)
