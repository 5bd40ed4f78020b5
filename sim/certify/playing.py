"""A case's story, played line by line with what crosses the line: faults from here on, and values off earlier slips."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from sim.acquirer.faults import parse_fault
from sim.certify.host import Exchange, Host
from sim.certify.script import FAULT
from sim.story import FIRST_RUN, OPERATOR, Counter, StoryError, act, parse_story, play

_ABOUT = re.compile(r"<([0-9]{1,2})\.([0-9]{1,2})>")


async def switch_on(counter: Counter, host: Host) -> None:
    """The first run and the sign-in, up to the idle screen; what the host has heard so far does not count."""
    await play(counter, FIRST_RUN + OPERATOR)
    await counter.eyes.see("idle")
    with host.lock:
        host.exchanges.clear()
    counter.eyes.history.clear()


async def perform(counter: Counter, host: Host, story: str, *, on_the_glass: str = "idle") -> None:
    """Play a story that begins at the screen on the glass. Raises StoryError with the line."""
    for number, text in enumerate(story.splitlines(), 1):
        try:
            if text.startswith(FAULT):
                with host.lock:
                    host.faults.add(parse_fault(text[len(FAULT) :].strip()))
                continue
            for line in parse_story(filled(text, host.exchanges)):
                if line.screen != on_the_glass:
                    await counter.eyes.see(line.screen)
                on_the_glass = ""
                await act(counter, list(line.actions))
        except StoryError as stopped:
            raise StoryError(f"{number}, {text.strip()}: {stopped}") from None


def filled(line: str, exchanges: Sequence[Exchange]) -> str:
    """The line with each `<N.F>` replaced by field F of message N: the answer's, or the request's.

    Raises StoryError when there is no such message, or it has no such field.
    """

    def value(found: re.Match[str]) -> str:
        at, number = int(found[1]) - 1, int(found[2])
        exchange = exchanges[at] if at < len(exchanges) else None
        for message in (exchange.answer, exchange.message) if exchange is not None else ():
            if message is not None and message.text(number):
                return message.text(number)
        raise StoryError(f"{found[0]}: no such value has crossed the line")

    return _ABOUT.sub(value, line)


def steps(history: Iterable[str]) -> tuple[str, ...]:
    """The screens in order, each once in a row: a countdown shows the same one every second."""
    found: list[str] = []
    for name in history:
        if not found or found[-1] != name:
            found.append(name)
    return tuple(found)
