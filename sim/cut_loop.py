"""A loop on which the power can be cut: before and after each commit that writes and each effect the world can see.

A moment is named by what is about to happen or has just happened: "before commit", "after link" (a call of the line,
the printer or the keys), "before receive" (an answer is there and the terminal has not seen it).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from drivers.ports import LinkFrame
from sim.loop import JOURNAL_MS, START_WALL_MS, SimLoop
from terminal.journal import Tx
from terminal.loop import Deadlock, Mailbox, Task

WATCHED = ("link", "printer", "keys")
MOMENTS = (*(f"{when} {what}" for what in ("commit", *WATCHED) for when in ("before", "after")), "before receive")
COMMIT_DEADLINE_MS = 120_000


class PowerCut(BaseException):
    """Nothing after this moment happens. No Exception: no handler of the product's may catch it."""


class CutLoop(SimLoop):
    """Counts the moments before and after each commit that writes and each effect; dies at number `cut_at`.

    With `cut_next` set to one of MOMENTS it dies at the next such moment.
    """

    def __init__(self, seed: int | str, *, cut_at: int = 0, start_wall_ms: int = START_WALL_MS) -> None:
        super().__init__(seed, start_wall_ms=start_wall_ms)
        self.passed = 0
        self.where = ""
        self.cut_next = ""
        self._cut_at = cut_at

    def _pass(self, where: str) -> None:
        self.passed += 1
        if self.passed == self._cut_at or where == self.cut_next:
            self.where = where
            # Inside a call the error would reach only the task that asked, and some time later.
            self.at(0, self._die)
            self._die()

    def _die(self) -> None:
        raise PowerCut(self.where)

    def start_call(
        self, owner: str, call: Callable[[], Any], deadline_ms: int, task: Task, ticket: int
    ) -> None:
        def watched() -> Any:
            self._pass(f"before {owner}")
            value = call()
            self._pass(f"after {owner}")
            return value

        super().start_call(owner, watched if owner in WATCHED else call, deadline_ms, task, ticket)

    def start_commit(self, work: Callable[[Any], Any], task: Task, ticket: int) -> None:
        commit = self.commit
        if commit is None:
            raise Deadlock("this loop was made without a journal")
        wrote = False

        def counted(tx: Tx) -> Any:
            nonlocal wrote
            before = tx.n
            value = work(tx)
            wrote = tx.n != before
            if wrote:
                self._pass("before commit")
            return value

        def whole() -> Any:
            value = commit(counted)
            if wrote:
                self._pass("after commit")
            return value

        self._call("journal", whole, COMMIT_DEADLINE_MS, task, ticket, JOURNAL_MS)

    def post(self, mailbox: Mailbox[Any], value: Any, generation: int | None = None) -> None:
        if isinstance(value, LinkFrame):
            self._pass("before receive")
        super().post(mailbox, value, generation)
