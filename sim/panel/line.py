"""The line of the bench: a proxy between the terminal's process and the host, on a thread of its own, that can break.

What it does to a message is sim.line_faults, as `python -m sim proxy` does it to any terminal and any host.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from sim.line_faults import LINE_FAULTS, LineFault, LinePlan, parse_line_fault
from sim.panel.protocol import JSONObject
from sim.proxy import Address, Proxy, Told

T = TypeVar("T")
WAIT_S = 10.0  # Its thread does nothing that takes long.
LOOPBACK = "127.0.0.1"


class BreakableLine:
    """Listens on `port` (0: any; `port` then tells) and passes to the host at `to`.

    `told` hears each fault that befalls a request, on the line's own thread. Raises OSError when the port is taken.
    """

    def __init__(self, port: int, to: int, told: Told) -> None:
        self._plan = LinePlan()
        self._to = Address(LOOPBACK, to)
        self._told = told
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="line", daemon=True)
        self._thread.start()
        self._proxy: Proxy | None = None
        try:
            self.port = self._open(port)
        except OSError:
            self._end()
            raise

    def refuse(self, refusing: bool) -> None:
        """Not a byte passes while it does: nobody listens. Raises OSError when the port was taken meanwhile."""
        if refusing and self._proxy is not None:
            self._ask(self._proxy.stop())
            self._proxy = None
        elif not refusing and self._proxy is None:
            self._open(self.port)

    def add(self, how: str) -> None:
        """A fault as sim.line_faults writes it. Raises ValueError."""
        fault = parse_line_fault(how)
        self._run(lambda: self._plan.remove(fault.name))
        self._run(lambda: self._plan.add(fault))

    def mend(self, name: str) -> None:
        self._run(lambda: self._plan.remove(name))

    def active(self) -> tuple[LineFault, ...]:
        return self._run(lambda: self._plan.active)

    def close(self) -> None:
        self.refuse(True)
        self._end()

    def _open(self, port: int) -> int:
        proxy = Proxy(self._to, self._plan, self._told)
        port = self._ask(proxy.start(Address(LOOPBACK, port)))
        self._proxy = proxy
        return port

    def _ask(self, what: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(WAIT_S)

    def _run(self, what: Callable[[], T]) -> T:
        """On the line's thread, which alone touches the plan."""
        if threading.current_thread() is self._thread:
            return what()

        async def done() -> T:
            return what()

        return self._ask(done())

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(WAIT_S)
        self._loop.close()


def befallen(event: JSONObject, clock: str) -> JSONObject | None:
    """What befell a request, as an entry of the conversation; None for a good trip."""
    words = LINE_FAULTS.get(event.get("fault", ""))
    if words is None:
        return None
    return {
        "way": "line",
        "time": clock,
        "mti": "----",
        "zh": f"线路：{words.zh}",
        "en": f"The line: {words.en}",
        "badge": event["fault"],
        "tone": "bad",
        "bytes": 0,
        "fields": [],
    }
