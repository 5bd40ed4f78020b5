"""The steps of a scenario: the words of sim.story, and what only a scenario says: waiting for text, and expectations.

A step is a verb with one argument, `insert: rich`, or a verb alone, `remove`. Whoever plays it needs a Bench; what
takes time runs on that bench's loop, virtual or not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol

from sim.acquirer.book import EntryState
from sim.story import ACTIONS, FUNCTION_KEYS, PATIENCE_MS, Counter, StoryError, act, press
from sim.takes import Takes, instead, like, number_from, one_of
from terminal.hostlink.subfields import OrderState
from terminal.loop import Sleep
from terminal.model import Mode, PaymentState
from terminal.screens import catalogue

EXPECT = "expect"
LOOK_MS = 50  # How often a person looks whether a text or a slip has come.
TEXT_LIMIT = 200
LIST_LIMIT = 100
SHOWN_LINES = 40  # Of a slip that is not the expected one.
_NAMES = (getattr(thing, "name", None) for thing in vars(catalogue).values() if isinstance(thing, type))
SCREENS = sorted({name for name in _NAMES if isinstance(name, str)})


class Bench(Counter, Protocol):
    """A terminal and its world, as far as a scenario can see them."""

    def showing(self) -> str:
        """The name of the screen that is on the glass."""

    def glass(self) -> tuple[str, ...]:
        """Its lines."""

    def paper(self) -> list[str]:
        """Every slip since the beginning, as text."""

    def messages(self) -> list[str]:
        """The types of the messages that the host was sent, in order."""

    def mode(self) -> str: ...

    def payments(self) -> list[str]:
        """What became of each payment, oldest first."""

    def host_book(self) -> list[str]: ...

    def differences(self) -> list[str]: ...

    @property
    def screens(self) -> list[str]:
        """The names of all screens since the beginning."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a file; lines and columns count from 1."""

    line: int = 0
    column: int = 0


@dataclass(frozen=True, slots=True)
class Text:
    """What is looked for: either may be found, for a terminal speaks one of the two."""

    zh: str
    en: str

    def found_in(self, text: str) -> bool:
        return self.zh in text or self.en in text

    def __str__(self) -> str:
        return self.en if self.en == self.zh else f"{self.zh} / {self.en}"


Argument = str | Text | Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Step:
    """`argument` is "" where the verb takes none, a Text for `read` and `slip`, a mapping for `expect`."""

    verb: str
    argument: Argument = ""
    mark: Mark = Mark()

    def __str__(self) -> str:
        if isinstance(self.argument, Mapping):
            return f"{self.verb} {', '.join(f'{key} {value}' for key, value in self.argument.items())}"
        return f"{self.verb} {self.argument}".strip()


_KEY = rf"([0-9]+|{'|'.join(FUNCTION_KEYS)})"
_PRESSED = like(f"{_KEY}( {_KEY}){{0,99}}", "digits and key names, with one blank between them, at most 100")


def _check_keys(text: str) -> None:
    for word in text.split():
        if not re.fullmatch(_KEY, word):
            raise ValueError(f"digits and key names; {word[:40]!r}: {instead(word, FUNCTION_KEYS)}")
    _PRESSED.check(text)


KEYS = Takes(_check_keys, _PRESSED.schema)
SCREEN = one_of(*SCREENS)
# What is waited for and what is pressed; the words of a story are beside them.
WAITING: Mapping[str, Takes | type[Text]] = MappingProxyType({"press": KEYS, "see": SCREEN, "read": Text, "slip": Text})
PAYMENT = one_of(*(state.value for state in PaymentState))
BOOKED = one_of(*(state.value for state in EntryState), *(state.name.lower() for state in OrderState))
MESSAGE = like(r"0[0-9]{3}", "a message type such as 0200")
MODE = one_of(*(mode.value for mode in Mode), "off")
# What can be expected of a moment: a Text, one value, or a list of values in brackets.
EXPECTATIONS: Mapping[str, Takes | type[Text] | list[Takes]] = MappingProxyType(
    {
        "slip": Text,
        "text": Text,
        "screen": SCREEN,
        "never": SCREEN,
        "mode": MODE,
        "slips": number_from(0, 999),
        "payments": [PAYMENT],
        "host": [BOOKED],
        "heard": [MESSAGE],
        "books": one_of("agree"),
    }
)


async def run_step(bench: Bench, step: Step) -> None:
    """Whatever takes time. Raises StoryError when it does not come about."""
    match step.verb, step.argument:
        case "press", str(words):
            for word in words.split():
                await press(bench, word)
        case "see", str(screen):
            await bench.eyes.see(screen)
        case "read", Text() as text:
            await _until(lambda: _on_glass(bench, text), lambda: f"the display says: {_quoted(bench.glass())}")
        case "slip", Text() as text:
            await _until(lambda: _on_paper(bench, text), lambda: _last_slip(bench))
        case "power-fails", str(moment):
            bench.happen("power-fails", moment)
            await Sleep(PATIENCE_MS)
            raise StoryError(f"nothing came {moment} within {PATIENCE_MS // 60_000} minutes")
        case verb, str(argument) if verb in ACTIONS:
            await act(bench, [verb, argument] if argument else [verb])
        case _:
            raise StoryError(f"{step} is no step that takes time")


async def _until(holds: Callable[[], bool], seen: Callable[[], str]) -> None:
    for _ in range(PATIENCE_MS // LOOK_MS):
        if holds():
            return
        await Sleep(LOOK_MS)
    raise StoryError(f"never seen; {seen()}")


def _on_glass(bench: Bench, text: Text) -> bool:
    lines = bench.glass()
    return text.found_in(" ".join(lines)) or text.found_in("".join(lines))


def _on_paper(bench: Bench, text: Text) -> bool:
    return any(text.found_in(slip) for slip in bench.paper())


def _quoted(lines: tuple[str, ...]) -> str:
    return " | ".join(line.strip() for line in lines if line.strip()) or "nothing"


def _last_slip(bench: Bench) -> str:
    slips = bench.paper()
    if not slips:
        return "nothing was printed"
    lines = [line for line in slips[-1].splitlines() if line.strip()][:SHOWN_LINES]
    return f"{len(slips)} slips; the last one:\n" + "\n".join(f"    {line}" for line in lines)


def check(bench: Bench, step: Step) -> None:
    """All that an `expect` names, now. Raises StoryError with what is there instead."""
    if not isinstance(step.argument, Mapping):
        raise StoryError(f"{EXPECT} names what it expects")
    for what, wanted in step.argument.items():
        seen = _CHECKS[what](bench, wanted)
        if seen:
            raise StoryError(f"expected {what} {_plain(wanted)}; {seen}")


def _plain(wanted: object) -> str:
    return f"[{', '.join(wanted)}]" if isinstance(wanted, list) else str(wanted)


def _same(seen: list[str], wanted: list[str]) -> str:
    return "" if seen == wanted else f"there is {_plain(seen)}"


def _screen(bench: Bench, wanted: str) -> str:
    return "" if bench.showing() == wanted else f"the display shows {bench.showing() or 'nothing'}"


# Each says what is wrong, "" when nothing is.
_CHECKS: Mapping[str, Callable[[Bench, Any], str]] = MappingProxyType(
    {
        "slip": lambda bench, text: "" if _on_paper(bench, text) else _last_slip(bench),
        "text": lambda bench, text: "" if _on_glass(bench, text) else f"the display says: {_quoted(bench.glass())}",
        "screen": _screen,
        "never": lambda bench, name: "it was shown" if name in bench.screens else "",
        "mode": lambda bench, mode: "" if bench.mode() == mode else f"it is {bench.mode()}",
        "slips": lambda bench, n: "" if len(bench.paper()) == int(n) else f"there are {len(bench.paper())}",
        "payments": lambda bench, states: _same(bench.payments(), states),
        "host": lambda bench, states: _same(bench.host_book(), states),
        "heard": lambda bench, mtis: _same(bench.messages(), mtis),
        "books": lambda bench, _: "; ".join(bench.differences()),
    }
)
