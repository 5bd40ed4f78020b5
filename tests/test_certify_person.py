"""A certification with a real terminal: what the person reads and types, what the host waits for, how a case ends.

The terminal is a caller on a real socket; the person's keyboard is a pipe, and the prompts are read line by line.
"""

from __future__ import annotations

import os
import queue
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from sim.__main__ import main
from sim.acquirer.caller import Caller
from sim.acquirer.faults import FaultPlan
from sim.certify.host import Host
from sim.certify.judge import Result, Verdict, judge
from sim.certify.line import Line
from sim.certify.person import Console, Person
from sim.certify.script import Case, load_script
from sim.story import StoryError

WAIT_S = 10
SILENCE_S = 0.2  # How long the caller listens to a host that says nothing.
SCRIPT = {case.id: case for case in load_script()}


class Prompts:
    """What the person reads; a test waits for a line that holds some words."""

    def __init__(self) -> None:
        self._lines: queue.Queue[str] = queue.Queue()
        self.read: list[str] = []

    def write(self, text: str) -> int:
        for line in text.splitlines():
            if line.strip():
                self._lines.put(line)
        return len(text)

    def flush(self) -> None: ...

    def until(self, words: str) -> None:
        while True:
            self.read.append(self._lines.get(timeout=WAIT_S))
            if words in self.read[-1]:
                return


class Desk:
    """Host, line, a person's console, and a caller for a terminal."""

    def __init__(self, folder: Path, patience_s: int = WAIT_S) -> None:
        self.host = Host(faults=FaultPlan())
        self.line = Line(self.host)
        self.prompts = Prompts()
        out, self._keys = os.pipe()
        self._keyboard = os.fdopen(out)
        console = Console(self._keyboard, self.prompts)  # type: ignore[arg-type]  # It is written to, no more.
        self.person = Person(self.host, self.line, console, now_ms=lambda: 1_798_000_000_000, patience_s=patience_s)
        self.caller = Caller(self._send, self.host.profile, folder)
        self._results: queue.Queue[Result] = queue.Queue()

    def _send(self, frame: bytes) -> tuple[bytes, ...]:
        with closing(socket.create_connection(("127.0.0.1", self.line.port), timeout=SILENCE_S)) as line:
            line.sendall(len(frame).to_bytes(2, "big") + frame)
            with line.makefile("rb") as stream:
                try:
                    return (stream.read(int.from_bytes(stream.read(2), "big")),)
                except TimeoutError:
                    return ()

    def type(self, text: str) -> None:
        os.write(self._keys, (text + "\n").encode())

    def start(self, case: Case) -> None:
        run = threading.Thread(target=lambda: self._results.put(judge(case, self.person.observe(case))), daemon=True)
        run.start()

    def result(self) -> Result:
        return self._results.get(timeout=WAIT_S)

    def close(self) -> None:
        os.close(self._keys)
        self.line.close()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.close()


def test_a_person_plays_a_case_and_the_host_judges_the_messages(desk: Desk) -> None:
    desk.start(SCRIPT["SIGN-03"])
    desk.prompts.until("0/2")
    assert desk.caller.sign_in() is None, "the fault of the case"
    desk.prompts.until("1/2")
    desk.caller.sign_in()
    desk.prompts.until("?")
    desk.type("")
    result = desk.result()
    assert result.verdict is Verdict.PASSED, result.checks
    assert [exchange.mti for exchange in result.observed.exchanges] == ["0800", "0800"]
    text = "\n".join(desk.prompts.read)
    assert SCRIPT["SIGN-03"].zh in text and SCRIPT["SIGN-03"].en in text
    assert "等到「签到失败」：按 确认" in text and "wait for: sign-in failed: press ENTER" in text


def test_what_the_person_did_not_see_fails_the_case(desk: Desk) -> None:
    desk.start(SCRIPT["SIGN-03"])
    desk.prompts.until("0/2")
    desk.caller.sign_in()
    desk.caller.sign_in()
    desk.prompts.until("?")
    desk.type("n")
    result = desk.result()
    assert [check.place for check in result.checks if not check.passed] == ["person"]


def test_a_case_is_skipped_and_the_next_is_not(desk: Desk) -> None:
    desk.start(SCRIPT["SIGN-03"])
    desk.prompts.until("0/2")
    desk.type("s")
    assert desk.result().verdict is Verdict.SKIPPED
    desk.start(SCRIPT["SET-07"])
    desk.prompts.until("?")
    desk.type("")
    assert desk.result().verdict is Verdict.PASSED, "its fault did not outlive it, and nothing was sent"


def test_a_person_is_told_what_the_terminal_is_to_have_and_may_have_none(desk: Desk) -> None:
    desk.start(SCRIPT["PAD-01"])
    desk.prompts.until("a signature pad")
    desk.type("s")
    assert desk.result().verdict is Verdict.SKIPPED
    desk.start(SCRIPT["PAD-01"])
    desk.prompts.until("ENTER when it is there")
    desk.type("")
    desk.prompts.until("0/2")
    desk.type("q")
    assert desk.result().verdict is Verdict.SKIPPED


def test_who_quits_skips_the_rest(desk: Desk) -> None:
    desk.start(SCRIPT["SIGN-03"])
    desk.prompts.until("0/2")
    desk.type("q")
    assert desk.result().verdict is Verdict.SKIPPED
    desk.start(SCRIPT["SET-07"])
    assert desk.result().verdict is Verdict.SKIPPED


def test_messages_that_do_not_come_are_not_waited_for_for_ever(tmp_path: Path) -> None:
    desk = Desk(tmp_path, patience_s=0)
    desk.start(SCRIPT["SIGN-03"])
    desk.prompts.until("?")
    desk.type("")
    result = desk.result()
    assert result.verdict is Verdict.FAILED
    assert {check.place for check in result.checks if not check.passed} == {"1.MTI", "2.MTI"}
    desk.close()


def test_the_host_closes_its_port_before_the_card_goes_in_and_opens_it_after(desk: Desk) -> None:
    case = replace(SCRIPT["REV-09"], frames=())
    desk.start(case)
    desk.prompts.until("ENTER when this is done")
    desk.type("")
    desk.prompts.until("ENTER when this is done")
    with pytest.raises(OSError):
        desk.caller.sign_in()
    desk.type("")
    desk.prompts.until("?")
    assert desk.caller.sign_in() is not None
    desk.type("")
    desk.result()
    text = "\n".join(desk.prompts.read)
    assert text.index("ENTER when this is done") < text.index("插卡: ")


def test_a_line_knows_no_other_behaviour(desk: Desk) -> None:
    with pytest.raises(StoryError):
        desk.line.behave("rude")


@pytest.mark.parametrize("words", [("--listen", "0", "--terminal", "12:34"), ("--listen", "0", "--tls", "nowhere")])
def test_a_line_that_cannot_be_opened_is_told(words: tuple[str, ...]) -> None:
    assert main(["certify", *words]) == 2
