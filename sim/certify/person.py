"""A case on a real terminal: a person reads what to do, the host waits for the messages and then asks what was seen.

A story becomes numbered prompts in both languages. Where the host has to change in the middle (a fault from here on, a
closed port) or a number has to be read off a slip first, the person says with ENTER that everything before is done. The
messages that the case expects are waited for with a time-out; `s` skips the case, `q` the rest.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TextIO

from sim.acquirer.faults import Fault, parse_fault
from sim.certify.host import Exchange, Host, book_of
from sim.certify.judge import Observed
from sim.certify.line import Line
from sim.certify.script import FAULT, Case
from sim.certify.words import EMPTY_BATCH, FITTINGS, Prompt, ask_about, menu_words, prompts_of
from sim.story import parse_story
from terminal.config.settings import OFFERED

PATIENCE_S = 300  # For all messages of one stretch: a person, a PIN, a host's minute of silence.
SKIP, QUIT, NO = "s", "q", "n"


class Skipped(Exception):
    """The person does not do this case; the text is the reason in both languages."""


class Console:
    """Lines that a person types, read by a thread of its own; and where the prompts go."""

    def __init__(self, keyboard: TextIO, screen: TextIO) -> None:
        self.events: queue.Queue[str | Exchange | None] = queue.Queue()
        self._screen = screen
        threading.Thread(target=self._read, args=(keyboard,), name="certify-keyboard", daemon=True).start()

    def _read(self, keyboard: TextIO) -> None:
        for line in keyboard:
            self.events.put(line.strip().lower())
        self.events.put(None)  # Nobody is there any more.

    def say(self, text: str) -> None:
        print(text, file=self._screen, flush=True)


@dataclass(slots=True)
class _Stretch:
    """Prompts that are done without a stop, and what the host does after them."""

    prompts: list[str]
    then: Callable[[], None] | None = None


class Person:
    """Plays cases with whoever sits at the console. `now_ms()`: milliseconds since 1970."""

    def __init__(
        self, host: Host, line: Line, console: Console, *, now_ms: Callable[[], int], patience_s: int = PATIENCE_S
    ) -> None:
        self._host = host
        self._line = line
        self._console = console
        self._now_ms = now_ms
        self._patience_s = patience_s
        self._gone = ""
        self._menu: tuple[str, ...] = OFFERED  # What the terminal's menu has now.
        host.on_exchange = console.events.put

    def begin(self) -> None:
        """Until the terminal has signed in with this host, and the person says so."""
        self._console.say("请签到，到待机屏后按回车 sign the terminal in; at its idle screen press ENTER (q 结束 quit)")
        try:
            self._typed()
        except Skipped:
            return  # Every case will say so.

    def observe(self, case: Case) -> Observed:
        began_ms = self._now_ms()
        with self._host.lock:
            self._host.exchanges.clear()
            self._host.faults.clear()
        self._line.behave("ok")
        skipped, confirmed = self._gone, None
        if not skipped:
            self._console.say(f"\n{case.id}  {case.zh}\n{'':{len(case.id)}}  {case.en}")
            try:
                self._fitted(case)
                for stretch in self._stretches(case):
                    self._walk(stretch)
                self._await_messages(len(case.frames))
                confirmed = self._ask(ask_about(case))
            except Skipped as reason:
                skipped = str(reason)
        with self._host.lock:
            exchanges = tuple(self._host.exchanges)
        self._line.behave("ok")
        return Observed(
            exchanges,
            began_ms,
            self._now_ms(),
            book=book_of(self._host, exchanges),
            confirmed=confirmed,
            skipped=skipped,
        )

    def _fitted(self, case: Case) -> None:
        """The person makes the terminal what the case wants, or skips it; the digits of its prompts count in a menu."""
        menu = OFFERED if case.offered is None else case.offered
        wanted = [FITTINGS[name] for name in case.fittings]
        if menu != self._menu:
            wanted.append(menu_words(menu))
        if any(frame.shape.name == "settlement" for frame in case.frames) and self._batch_is_open():
            wanted.append(EMPTY_BATCH)
        for zh, en in wanted:
            self._console.say(f"  需要 wanted: {zh}\n     {en}")
            self._console.say("  … 备好按回车 ENTER when it is there (s 跳过 skip, q 结束 quit)")
            self._typed()
        self._menu = menu
        with self._host.lock:
            self._host.exchanges.clear()  # What it took to get there is no part of the case.

    def _batch_is_open(self) -> bool:
        """Whether earlier cases have left something that a settlement would count as well."""
        with self._host.lock:
            return any(batch.is_open and batch.entries for batch in self._host.book.all_batches())

    def _stretches(self, case: Case) -> list[_Stretch]:
        """The story cut where the host changes. What it says of the host (`host refused`) is the host's own to do."""
        stretches = [_Stretch([])]
        number = 0
        for text in case.story.splitlines():
            if text.startswith(FAULT):
                fault = parse_fault(text[len(FAULT) :].strip())
                stretches[-1].then = partial(self._arm, fault)
                stretches.append(_Stretch([]))
                continue
            for line in parse_story(text):
                number += 1
                for part in prompts_of(line):
                    if isinstance(part, Prompt):
                        stretches[-1].prompts.append(part.text(number))
                    else:
                        stretches[-1].then = partial(self._line.behave, part)
                        stretches.append(_Stretch([]))
        return stretches

    def _walk(self, stretch: _Stretch) -> None:
        for prompt in stretch.prompts:
            self._console.say(prompt)
        if stretch.then is None:
            return
        if stretch.prompts:
            self._console.say("  … 做到这里按回车 ENTER when this is done (s 跳过 skip, q 结束 quit)")
            self._typed()
        stretch.then()

    def _arm(self, fault: Fault) -> None:
        with self._host.lock:
            self._host.faults.add(fault)

    def _await_messages(self, count: int) -> None:
        """Until all have come, the time is over, or the person says that nothing more will come (ENTER)."""
        deadline = time.monotonic() + self._patience_s
        while True:
            with self._host.lock:
                come = len(self._host.exchanges)
            left = deadline - time.monotonic()
            if come >= count or left <= 0:
                return
            self._console.say(f"  … 已收到 {come}/{count} 条报文 messages (回车=不再有 ENTER: no more; s; q)")
            try:
                event = self._console.events.get(timeout=left)
            except queue.Empty:
                return
            if not isinstance(event, Exchange) and self._word(event) == "":
                return

    def _ask(self, question: str) -> bool:
        self._console.say(f"  ? {question}  [回车=是 ENTER: yes, n=否 no, s, q]")
        return self._typed() != NO

    def _typed(self) -> str:
        """The next line typed; messages that come meanwhile are in the host's list already."""
        while True:
            event = self._console.events.get()
            if not isinstance(event, Exchange):
                return self._word(event)

    def _word(self, event: str | None) -> str:
        if event is None or event == QUIT:
            self._gone = "测试员结束了测试 the person has ended the run"
            raise Skipped(self._gone)
        if event == SKIP:
            raise Skipped("测试员跳过 skipped by the person")
        return event
