"""A tester at `python -m sim certify --listen`: two processes, and the prompts are all that is known of the script.

What the console says is read line by line and done at the terminal (`python -m sim handheld`: real drivers on wire
twins, TCP to the port); numbers are read off the printed slips. So what a prompt leaves out stops a case here, as it
would stop a person.
"""

from __future__ import annotations

import json
import queue
import re
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from drivers.ports import Key
from sim.certify.words import KEYS, SCREENS
from sim.panel.child import Handheld
from sim.story import FIRST_RUN, FUNCTION_KEYS, KEY_MS, OPERATOR, Eyes, play, to_menu
from terminal.config.settings import OFFERED
from terminal.loop import Sleep
from terminal.loop.real import RealLoop

PATIENCE_MS = 150_000  # A host that is silent for its time-out, on a machine that is busy.
PASSWORD = "1234"
SETTLED = to_menu("settlement") + "confirm_settlement: ENTER\nsettled: ENTER\nidle: ENTER\nidle:"
_SCREEN_OF = {en: name for name, (_, en) in SCREENS.items()}
_KEY_OF = {en: FUNCTION_KEYS[name] for name, (_, en) in KEYS.items()}
_DEED = r"press |type |insert: |swipe: |take the card out|wait \d"
_BETWEEN = re.compile(rf", (?={_DEED})")
_ON_SLIP = {"voucher number": "凭证号", "reference number": "参考号", "authorisation code": "授权码"}


class Terminal:
    """sim.story.Counter over a handheld's process, as far as a case by card needs it."""

    def __init__(self, loop: RealLoop, folder: Path, port: int, record: Path | None = None) -> None:
        self.eyes = Eyes(loop, PATIENCE_MS)
        self.slips: list[str] = []
        self._log = folder / "log"
        where: tuple[str, ...] = ("--data", str(folder), "--host", f"127.0.0.1:{port}", "--reply-seconds", "5")
        where += ("--record", str(record)) if record else ()
        self._command = (sys.executable, "-m", "sim", "handheld", *where)
        self._child = self._switched_on(OFFERED)

    def _switched_on(self, offered: Sequence[str]) -> Handheld:
        command = (*self._command, "--offered", *offered)
        return Handheld(command, log=self._log, on_said=self._said, on_end=lambda status: None)

    def fit(self, offered: Sequence[str]) -> None:
        """Switch it off, give it another menu, switch it on."""
        self._child.kill()
        self.eyes.look_again()
        self._child = self._switched_on(offered)

    def _said(self, message: dict[str, Any]) -> None:
        if message["is"] == "screen":
            self.eyes.shown(str(message["name"]))
        elif message["is"] == "paper":
            self.slips.append(str(message["text"]))

    def press(self, key: Key) -> None:
        self._child.tell({"do": "press", "key": key.value})

    def __getattr__(self, act: str) -> Any:
        """insert CARD, swipe CARD, remove: by the names that the handheld has for them."""
        return lambda *card: self._child.tell({"do": act, **({"card": card[0]} if card else {})})

    def close(self) -> None:
        self._child.kill()


class PromptReader:
    """Reads the console, does what it says, answers its questions with yes."""

    def __init__(self, folder: Path, cases: Sequence[str]) -> None:
        chosen = [word for case in cases for word in ("--case", case)]
        out = ("--out", str(folder / "report"), "--lab-key", str(folder / "lab.key"))
        command = [sys.executable, "-m", "sim", "certify", "--listen", "0", "--address", "127.0.0.1", *out, *chosen]
        self._certify = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self._folder = folder
        self._lines: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        self.read: list[str] = []
        self._about = 0  # Slips that were there before this case.

    def _read(self) -> None:
        for line in self._certify.stdout or ():
            self._lines.put(line.rstrip("\n"))
        self._lines.put(None)

    def work(self) -> tuple[int, dict[str, Any]]:
        """Everything from the first prompt to the report: the command's exit status, and the report."""
        loop = RealLoop(lambda work: None)
        terminal = Terminal(loop, self._folder / "terminal", self._port())
        try:
            loop.run(self._day(terminal))
        finally:
            loop.close()
            terminal.close()
            self._certify.kill()
        report = json.loads((self._folder / "report" / "report.json").read_text("utf-8"))
        return self._certify.wait(), report

    def _port(self) -> int:
        while (line := self._line()) is not None:
            if found := re.search(r"acquirer: \S+:(\d+)$", line):
                return int(found[1])
        raise RuntimeError("\n".join(self.read))

    def _line(self) -> str | None:
        line = self._lines.get(timeout=2 * PATIENCE_MS / 1000)
        self.read.append(line or "")
        return line

    async def _day(self, terminal: Terminal) -> None:
        await play(terminal, FIRST_RUN + OPERATOR + "idle:")
        on_the_glass = "idle"
        while (line := await self._next_line()) is not None:
            if menu := re.search(r"the terminal's menu: .* offered = (\[.*\])$", line):
                terminal.fit(json.loads(menu[1]))
                await play(terminal, OPERATOR + "idle:")
                on_the_glass = "idle"
            elif "an empty batch" in line:
                await play(terminal, SETTLED)  # The idle screen comes again with each quarter of a minute.
                on_the_glass = "idle"
            elif line.startswith(("请签到", "  ? ")) or "按回车" in line:
                self._type("")
            elif re.match(r"[A-Z]+-[0-9]+  ", line):
                self._about = len(terminal.slips)
            elif line.startswith("     wait for: "):
                screen, _, deeds = line.removeprefix("     wait for: ").partition(": ")
                name = _SCREEN_OF[screen]
                if name != on_the_glass:
                    await terminal.eyes.see(name)
                for deed in _BETWEEN.split(deeds) if deeds else ():
                    await self._do(terminal, deed)
                on_the_glass = "" if deeds else name
        self._certify.wait()

    async def _next_line(self) -> str | None:
        """The console's next line; the loop goes on meanwhile."""
        while self._lines.empty():
            await Sleep(20)
        return self._line()

    def _type(self, text: str) -> None:
        if self._certify.stdin is not None and self._certify.poll() is None:
            self._certify.stdin.write(text + "\n")
            self._certify.stdin.flush()

    async def _do(self, terminal: Terminal, deed: str) -> None:
        word, _, rest = deed.partition(" ")
        await Sleep(KEY_MS)
        if word == "wait":
            await Sleep(int(rest.split()[0]) * 1000)
        elif word == "take":
            terminal.remove()
        elif word in ("insert:", "swipe:"):
            fault = re.search(r" \((\S+)\)$", rest)
            card = rest.removesuffix(fault[0] if fault else "").split()[-1]
            getattr(terminal, word[:-1])(f"{fault[1]}:{card}" if fault else card)
        elif word == "press":
            terminal.press(_KEY_OF[rest])
        else:
            for digit in self._typed(terminal, rest):
                await Sleep(KEY_MS)
                terminal.press(Key(digit))

    def _typed(self, terminal: Terminal, words: str) -> str:
        if words == "the operator's password":
            return PASSWORD
        for name, printed in _ON_SLIP.items():
            if name in words:
                return self._off_the_slip(terminal, printed, int(words.split()[-1]))
        return words

    def _off_the_slip(self, terminal: Terminal, printed: str, message: int) -> str:
        """What stands there on the paper of the case's message with this number: each voucher was one."""
        by_voucher: dict[str, str] = {}
        for slip in terminal.slips[self._about :]:
            voucher, wanted = (re.search(rf"^{words}\(.*\): *(\w+)$", slip, re.M) for words in ("凭证号", printed))
            if voucher and wanted:
                by_voucher[voucher[1]] = wanted[1]
        return tuple(by_voucher.values())[message - 1]
