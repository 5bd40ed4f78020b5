"""The trace: every decision and every exchange of one session, as frozen values in the order they came.

A step writes with `session.note(word, tag, ..., sets=TVR.X)`; `watched` writes what the kernel asked and what it was
answered. Nothing here formats or masks: that is paid when somebody reads (`emv.tracefile`), not at the till.
A reference PIN is the one exception: it is not kept at all.
"""

from __future__ import annotations

from collections.abc import Coroutine, Generator
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from emv.bits import TSI, TVR
from emv.commands import CardError, KernelRequest, Transceive
from emv.rules import Rule

T = TypeVar("T")

VERIFY_INS = 0x20
HEADER_BYTES = 5  # CLA INS P1 P2 Lc


@dataclass(frozen=True, slots=True)
class Decision:
    """One branch taken: the row of `emv.rules`, the elements it looked at, facts that are no element, bits set."""

    rule: Rule
    inputs: tuple[tuple[int, bytes | None], ...] = field(repr=False)  # Tag to value; None: it was absent.
    facts: tuple[tuple[str, int | str], ...]
    sets: TVR | TSI | None


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request of the kernel and its answer; a CardError if that was thrown instead."""

    request: KernelRequest[Any] = field(repr=False)
    answer: Any = field(repr=False)


class watched(Generic[T]):  # noqa: N801  # It is awaited like a function.
    """Await `steps` and write down in `trace` every request that passes, with its answer."""

    __slots__ = ("_steps", "_trace")

    def __init__(self, steps: Coroutine[Any, Any, T], trace: list[Decision | Exchange]) -> None:
        self._steps = steps
        self._trace = trace

    def __await__(self) -> Generator[Any, Any, T]:
        answer: Any = None
        error: CardError | None = None
        try:
            while True:
                try:
                    request = self._steps.throw(error) if error else self._steps.send(answer)
                except StopIteration as end:
                    result: T = end.value
                    return result
                answer = error = None
                try:
                    answer = yield request
                except CardError as fault:
                    error = fault
                self._trace.append(Exchange(_without_pin(request), error or answer))
        finally:
            self._steps.close()


def _without_pin(request: KernelRequest[Any]) -> KernelRequest[Any]:
    """VERIFY with zeros where the PIN was. Spec: EMV 4.4 Book 3 §6.5.12."""
    if isinstance(request, Transceive) and request.capdu[1] == VERIFY_INS:
        return Transceive(request.capdu[:HEADER_BYTES] + bytes(len(request.capdu) - HEADER_BYTES))
    return request
