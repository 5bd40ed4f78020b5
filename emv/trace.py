"""The trace: every decision and every exchange of one session, as frozen values in the order they came.

A step writes with `session.note(word, tag, ..., sets=TVR.X)`; `watched` writes what the kernel asked and what it was
answered. Nothing here formats or masks: that is paid when somebody reads (`emv.tracefile`), not at the till.
A reference PIN is the one exception: it is not kept at all.
"""

from __future__ import annotations

from collections.abc import Coroutine, Generator
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

from emv.bits import TSI, TVR
from emv.commands import CardError, KernelRequest, Result, Transceive
from emv.rules import Rule

T = TypeVar("T")

VERIFY_INS = 0x20
HEADER_BYTES = 5  # CLA INS P1 P2 Lc
APDUS_MAX = 512  # In one session. A real sale takes about twenty, the longest lists of all bounds together 450.
NO_TVR: Final = TVR(0)
BYTES_MAX = 65_536  # Of answers in one session. Real cards send two to six thousand.


@dataclass(frozen=True, slots=True)
class Decision:
    """One branch taken: the row of `emv.rules`, the elements it looked at, facts that are no element, bits moved."""

    rule: Rule
    inputs: tuple[tuple[int, bytes | None], ...] = field(repr=False)  # Tag to value; None: it was absent.
    facts: tuple[tuple[str, int | str], ...]
    sets: TVR | TSI | None
    clears: TVR = NO_TVR  # What the Books take back: CDA that waits for the last cryptogram. Spec: Book 2 §6.6.


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request of the kernel and its answer; a CardError if that was thrown instead."""

    request: KernelRequest[Any] = field(repr=False)
    answer: Any = field(repr=False)


@dataclass(frozen=True, slots=True)
class Ending:
    """How the session ended; a session without one ended by the card's leaving."""

    result: Result
    reason: str
    problem: str


class SessionLimit(CardError):
    """The card goes on and on."""


Item = Decision | Exchange | Ending


class watched(Generic[T]):  # noqa: N801  # It is awaited like a function.
    """Await `steps` and write down in `trace` every request that passes, with its answer."""

    __slots__ = ("_steps", "_trace")

    def __init__(self, steps: Coroutine[Any, Any, T], trace: list[Item]) -> None:
        self._steps = steps
        self._trace = trace

    def __await__(self) -> Generator[Any, Any, T]:
        answer: Any = None
        error: CardError | None = None
        apdus = received = 0
        try:
            while True:
                try:
                    request = self._steps.throw(error) if error else self._steps.send(answer)
                except StopIteration as end:
                    result: T = end.value
                    return result
                answer = error = None
                apdus += isinstance(request, Transceive)
                if apdus > APDUS_MAX or received > BYTES_MAX:
                    error = SessionLimit(f"more than {APDUS_MAX} commands or {BYTES_MAX} bytes in one session")
                    continue
                try:
                    answer = yield request
                except CardError as fault:
                    error = fault
                if isinstance(answer, bytes):
                    received += len(answer)
                self._trace.append(Exchange(_without_pin(request), error or answer))
        finally:
            self._steps.close()


def _without_pin(request: KernelRequest[Any]) -> KernelRequest[Any]:
    """VERIFY with zeros where the PIN was; an issuer's may have no data. Spec: EMV 4.4 Book 3 §6.5.12."""
    if isinstance(request, Transceive) and request.capdu[1] == VERIFY_INS:
        return Transceive(request.capdu[:HEADER_BYTES] + bytes(len(request.capdu[HEADER_BYTES:])))
    return request
