"""A case on the simulated terminal, in virtual time: a world of its own for each, so that no case leans on another.

The terminal is the product's own flows on the in-process twins (sim.world). Before the case it is switched on for the
first time and signed in; only what comes after counts.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from sim.acquirer import FaultPlan
from sim.books import all_payments, discrepancies
from sim.certify.fittings import BLANK, fit, lines_for, pad_for, profile_for
from sim.certify.host import Host, book_of
from sim.certify.judge import Observed
from sim.certify.playing import perform, steps, switch_on
from sim.certify.script import Case
from sim.story import StoryError
from sim.wire.roll import text_of
from sim.world import World, hash_seed
from terminal.hostlink.profile import Profile
from terminal.loop import Deadlock

HostMaker = Callable[[int, Profile], Host]


def make_host(seed: int, profile: Profile) -> Host:
    return Host(seed=seed, profile=profile, faults=FaultPlan())


def observe(case: Case, profile: Profile, seed: int | str = 1, host_maker: HostMaker = make_host) -> Observed:
    """Play one case and tell what was seen. A terminal that crashes is let fall: that is our own bug, with a trace."""
    name = f"{seed} {case.id}"
    profile = profile_for(case.fittings, profile)
    host = host_maker(hash_seed(name), profile)
    lines, pad = lines_for(case.fittings), pad_for(case.fittings)
    with World(name, acquirer=host, profile=profile, language="zh-CN", other_lines=lines, pad=pad) as world:
        fit(world, case.fittings)
        host.later = world.link.answer_later
        if case.offered is not None:
            rights = dataclasses.replace(world.config.transactions, offered=case.offered)
            world.shop.config = dataclasses.replace(world.shop.config, transactions=rights)
        began_ms = 0
        printed: list[str] = []

        async def people() -> None:
            nonlocal began_ms
            if BLANK not in case.fittings:
                await switch_on(world, host)
            began_ms = world.loop.now().wall_ms
            world.printer_said = lambda lines: printed.append(_paper(world))
            await perform(world, host, case.story, on_the_glass="" if BLANK in case.fittings else "idle")

        problem = ""
        try:
            world.run(people())
        except (StoryError, Deadlock) as error:
            problem = str(error)
        return Observed(
            exchanges=tuple(host.exchanges),
            began_ms=began_ms,
            ended_ms=world.loop.now().wall_ms,
            problem=problem,
            screens=steps(world.eyes.history),
            payments=tuple(f"{p.kind.value} {p.state.value}" for p in reversed(all_payments(world.journal))),
            book=book_of(host, host.exchanges),
            slips=tuple(printed),
            disagreements=tuple(discrepancies(world.journal, host)),
        )


def _paper(world: World) -> str:
    return "\n".join(text_of(world.printer.roll(1), world.printer.cells))
