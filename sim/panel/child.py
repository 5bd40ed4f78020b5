"""The handheld as a process: JSON lines down its stdin, JSON lines up its stdout, its log on stderr.

Switching it off is SIGKILL, as pulling the battery is: the terminal gets no chance to tidy up, which is the
point.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sim.panel.protocol import LINE_LIMIT, JSONObject, ProtocolError, parse_said, to_line
from terminal.hygiene import private_folder

LAUNCHER = (sys.executable, "-m", "sim", "handheld")
KILL_WAIT_S = 10  # A killed process is gone at once, unless a disk holds it.


class Handheld:
    """One life of the terminal's process. `on_said` and `on_end` come from its reader thread, in order."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        log: Path,
        on_said: Callable[[JSONObject], None],
        on_end: Callable[[int], None],
    ) -> None:
        private_folder(log.parent)
        self._on_said = on_said
        self._on_end = on_end
        with log.open("ab") as stderr:
            self._process = subprocess.Popen(
                list(command),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                start_new_session=True,
            )
        self._reader = threading.Thread(target=self._read, name="handheld-reader", daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def tell(self, message: Mapping[str, Any]) -> bool:
        """Send one message; False if the process is gone."""
        if self._process.stdin is None or self._process.poll() is not None:
            return False
        try:
            self._process.stdin.write(to_line(message))
            self._process.stdin.flush()
        except (BrokenPipeError, ValueError):
            return False
        return True

    def kill(self) -> None:
        """SIGKILL and wait until it is gone and everything it said has been handed on."""
        self._process.kill()
        self._process.wait(KILL_WAIT_S)
        if threading.current_thread() is not self._reader:
            self._reader.join(KILL_WAIT_S)

    def _read(self) -> None:
        stdout = self._process.stdout
        if stdout is None:
            raise RuntimeError("the handheld was started without a pipe")
        while line := stdout.readline(LINE_LIMIT + 1):
            try:
                said = parse_said(line)
            except ProtocolError as broken:
                self._on_said({"is": "problem", "text": f"handheld: {broken}"})
                continue
            self._on_said(said)
        status = self._process.wait()
        stdout.close()
        if self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()
        self._on_end(status)
