"""A case on the simulated terminal, in virtual time: a world of its own for each, so that no case leans on another.

The terminal is the product's own flows on the in-process twins (sim.world). Before the case it is switched on for the
first time and signed in; only what comes after counts.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable

from sim.acquirer.faults import FaultPlan, parse_fault
from sim.books import all_payments, discrepancies
from sim.certify.host import Exchange, Host, book_of
from sim.certify.judge import Observed
from sim.certify.script import FAULT, Case
from sim.story import FIRST_RUN, OPERATOR, StoryError, play
from sim.wire.roll import text_of
from sim.world import World, hash_seed
from terminal.hostlink.profile import Profile
from terminal.loop import Deadlock

START = FIRST_RUN + OPERATOR + "idle:"
_ABOUT = re.compile(r"<([0-9]{1,2})\.([0-9]{1,2})>")
HostMaker = Callable[[int, Profile], Host]


def make_host(seed: int, profile: Profile) -> Host:
    return Host(seed=seed, profile=profile, faults=FaultPlan())


def observe(case: Case, profile: Profile, seed: int | str = 1, host_maker: HostMaker = make_host) -> Observed:
    """Play one case and tell what was seen. Never raises for what the terminal does."""
    name = f"{seed} {case.id}"
    host = host_maker(hash_seed(name), profile)
    with World(name, acquirer=host, profile=profile, language="zh-CN") as world:
        host.later = world.link.answer_later
        if case.offered is not None:
            rights = dataclasses.replace(world.config.transactions, offered=case.offered)
            world.shop.config = dataclasses.replace(world.config, transactions=rights)
        began: list[int] = []
        printed: list[str] = []

        async def people() -> None:
            await play(world, START)
            host.exchanges.clear()
            began.append(world.loop.now().wall_ms)
            world.eyes.history.clear()
            world.printer_said = lambda lines: printed.append(_paper(world))
            for number, line in enumerate(case.story.splitlines(), 1):
                try:
                    if line.startswith(FAULT):
                        host.faults.add(parse_fault(line[len(FAULT) :].strip()))
                    else:
                        await play(world, filled(line, host.exchanges))
                except StoryError as stopped:
                    raise StoryError(f"line {number}, {line.strip()}: {stopped}") from None

        problem = ""
        try:
            world.run(people())
        except (StoryError, Deadlock) as error:
            problem = str(error)
        return Observed(
            exchanges=tuple(host.exchanges),
            began_ms=began[0] if began else 0,
            ended_ms=world.loop.now().wall_ms,
            problem=problem,
            screens=_steps(world.eyes.history),
            payments=tuple(f"{p.kind.value} {p.state.value}" for p in reversed(all_payments(world.journal))),
            book=book_of(host, host.exchanges),
            slips=tuple(printed),
            disagreements=tuple(discrepancies(world.journal, host)),
        )


def filled(line: str, exchanges: list[Exchange]) -> str:
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


def _paper(world: World) -> str:
    return "\n".join(text_of(world.printer.roll(1), world.printer.cells))


def _steps(history: Iterable[str]) -> tuple[str, ...]:
    """The screens in order, each once in a row: a countdown shows the same one every second."""
    steps: list[str] = []
    for name in history:
        if not steps or steps[-1] != name:
            steps.append(name)
    return tuple(steps)
