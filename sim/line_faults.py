"""What a network does to a message, by name: one table for the line in virtual time and for the proxy on a real one.

A fault is `NAME[,nth=2][,times=3|every][,ms=500][,after=BYTES]`; it befalls the `nth` request from now (or its answer)
and the `times - 1` that follow. Some exist only where bytes flow: a line in virtual time carries whole frames.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from sim.acquirer.faults import EVERY
from sim.takes import instead
from sim.twins.link import Trip

NUMBER_LIMIT = 1_000_000


@dataclass(frozen=True, slots=True)
class LineFault:
    """From the `nth` request on, `times` of them. `ms`: how late. `after`: bytes that pass before a cut."""

    name: str
    nth: int = 1
    times: int = 1
    ms: int = 1000
    after: int = 3  # The length and the first byte: the other side has something, and waits for the rest.


@dataclass(frozen=True, slots=True)
class Row:
    """`trip` is what it comes to in virtual time; None where only a real line can do it."""

    zh: str
    en: str
    trip: Callable[[LineFault], Trip] | None


LINE_FAULTS: Mapping[str, Row] = MappingProxyType(
    {
        "refuse": Row("连接被拒绝", "the connection is refused", lambda f: Trip()),  # No trip is left to go wrong.
        "drop-request": Row("请求丢失", "the request is lost", lambda f: Trip(drop_request=True)),
        "drop-reply": Row("应答丢失", "the answer is lost", lambda f: Trip(drop_reply=True)),
        "delay-request": Row("请求迟到", "the request is late", lambda f: Trip(delay_request_ms=f.ms)),
        "delay": Row("应答迟到", "the answer is late", lambda f: Trip(delay_reply_ms=f.ms)),
        "duplicate-request": Row("请求到两次", "the request arrives twice", lambda f: Trip(duplicate_request=True)),
        "duplicate": Row("应答来两次", "the answer comes twice", lambda f: Trip(duplicate_reply=True)),
        "cut-request": Row("请求中途断线", "the line breaks in the request", lambda f: Trip(cut_request_after=f.after)),
        "cut": Row("应答中途断线", "the line breaks in the answer", lambda f: Trip(cut_reply_after=f.after)),
        "split": Row("应答逐字节到", "the answer comes byte by byte", None),
        "drip": Row("应答慢慢滴", "a byte of the answer each `ms`", None),
        "garble": Row("应答错一位", "a bit of the answer is wrong", None),
        "half-open": Row("连接还在，什么都不再过", "the line stays up, and nothing passes any more", None),
    }
)


def parse_line_fault(text: str) -> LineFault:
    """Raises ValueError with what would have been right.

    >>> parse_line_fault("delay,ms=70000").ms
    70000
    """
    name, *options = text.split(",")
    if name not in LINE_FAULTS:
        raise ValueError(f"no fault of a line is called {name!r}; {instead(name, LINE_FAULTS)}")
    values: dict[str, int] = {}
    for option in options:
        key, _, value = option.partition("=")
        if key not in ("nth", "times", "ms", "after"):
            raise ValueError(f"{text!r}: no option {key!r}; they are nth, times, ms, after")
        if (key, value) == ("times", "every"):
            values[key] = EVERY
        elif value.isascii() and value.isdecimal() and int(value) <= NUMBER_LIMIT:
            values[key] = int(value)
        else:
            raise ValueError(f"{text!r}: {key} is a number up to {NUMBER_LIMIT}")
    return LineFault(name, **values)


class LinePlan:
    """Faults in force, each with its own count of requests. Not thread-safe: whoever shares it has a lock."""

    def __init__(self, faults: Iterable[LineFault] = ()) -> None:
        self._faults: list[tuple[LineFault, list[int]]] = [(fault, [0]) for fault in faults]

    def add(self, fault: LineFault) -> None:
        self._faults.append((fault, [0]))

    def clear(self) -> None:
        self._faults.clear()

    def remove(self, name: str) -> None:
        """Every fault of this name."""
        self._faults = [(fault, count) for fault, count in self._faults if fault.name != name]

    @property
    def active(self) -> tuple[LineFault, ...]:
        """What is still to come, in the order in which it was asked for."""
        return tuple(fault for fault, _ in self._faults)

    def take(self, *, connecting: bool) -> LineFault | None:
        """The fault of the next connection (`connecting`) or the next request; None: it has a good trip."""
        taken = None
        for fault, count in self._faults:
            if (fault.name == "refuse") is connecting:
                count[0] += 1
                if fault.nth <= count[0] < fault.nth + fault.times:
                    taken = taken or fault
        self._faults = [(f, c) for f, c in self._faults if c[0] < f.nth + f.times - 1]
        return taken
