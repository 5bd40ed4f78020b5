"""Checkers that no planted defect is caught by first: each finds the wrong that it is for, and nothing without it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sim.acquirer.wallets import WalletKind
from sim.swarm.checkers import all_checkers
from sim.swarm.draws import Draws
from sim.swarm.endings import LIVENESS_MS
from sim.swarm.ledger import Paid
from sim.swarm.watch import Durable, Over, Printed, Restarted, Shown, Watch
from sim.swarm.world import SwarmWorld
from terminal.journal import Event
from terminal.model import Kind, Method, Money, PaymentState

Wrong = Callable[[Watch, SwarmWorld], None]


def paid(watch: Watch, number: int, method: Method, state: PaymentState) -> Paid:
    watch.ledger.payments[number] = Paid(number, 0, Kind.SALE, method, 100, state)
    return watch.ledger.payments[number]


def refused_while_unknown(watch: Watch, world: SwarmWorld) -> None:
    paid(watch, 1, Method.CARD, PaymentState.UNKNOWN)
    watch.tell(Shown("declined"))


def no_such_step(watch: Watch, world: SwarmWorld) -> None:
    sale = paid(watch, 1, Method.CARD, PaymentState.APPROVED)
    body = {"id": 1, "from": "declined", "to": "approved", "facts": {}}
    event = Event(n=1, at_ms=0, kind="moved", version=1, body=body, digest="")
    watch.tell(Durable(event, sale, PaymentState.DECLINED))


def no_reprint(watch: Watch, world: SwarmWorld) -> None:
    watch.ledger.slips[1] = {"slip": "sale", "body": {"head": {"at": "2026-12-23T12:43:44"}}}
    watch.tell(Over(0))


def another_reprint(watch: Watch, world: SwarmWorld) -> None:
    for text in ("DUPLICATED\n2026/12/23 12:43:43", "2026/12/23 12:43:44"):  # Another one; not marked.
        watch.tell(Printed(text))
    no_reprint(watch, world)


def charged_twice(watch: Watch, world: SwarmWorld) -> None:
    for number in (1, 2):
        paid(watch, number, Method.CASH, PaymentState.SETTLED)
    watch.tell(Over(0))


def never_back(watch: Watch, world: SwarmWorld) -> None:
    watch.tell(Restarted())
    watch.tell(Over(0))


def still_pending(watch: Watch, world: SwarmWorld) -> None:
    watch.ledger.open[1] = paid(watch, 1, Method.CARD, PaymentState.REVERSING)
    watch.tell(Over(0))


def too_late(watch: Watch, world: SwarmWorld) -> None:
    watch.tell(Over(LIVENESS_MS + 1))


def account_short(watch: Watch, world: SwarmWorld) -> None:
    next(iter(world.acquirer.registry.accounts.values())).balance_minor -= 1
    watch.tell(Over(0))


def wallet_short(watch: Watch, world: SwarmWorld) -> None:
    world.bank.phone.wallets[WalletKind.WECHAT].balance_minor -= 1
    watch.tell(Over(0))


def unheard_of(watch: Watch, world: SwarmWorld) -> None:
    world.journal.transact(lambda tx: tx.new_payment(Method.CARD, Money(100), "01"))
    watch.tell(Over(0))


def of_another_state(watch: Watch, world: SwarmWorld) -> None:
    unheard = world.journal.transact(lambda tx: tx.new_payment(Method.CARD, Money(100), "01"))
    paid(watch, unheard.id, Method.CARD, PaymentState.ABANDONED)
    watch.tell(Over(0))


@pytest.mark.parametrize(
    ("checker", "wrong"),
    [
        ("unknown-is-not-declined", refused_while_unknown),
        ("legal-steps", no_such_step),
        ("last-slip-again", no_reprint),
        ("last-slip-again", another_reprint),
        ("one-net-charge", charged_twice),
        ("recovers", never_back),
        ("liveness", still_pending),
        ("liveness", too_late),
        ("accounts-agree", account_short),
        ("wallets-agree", wallet_short),
        ("journal-folds", unheard_of),
        ("journal-folds", of_another_state),
    ],
)
def test_it_finds_what_it_is_for(checker: str, wrong: Wrong) -> None:
    watch = Watch(all_checkers())
    with SwarmWorld(Draws(1)) as world:
        watch.look_at(world)
        wrong(watch, world)
    assert checker in {finding.checker for finding in watch.findings}


def test_none_finds_anything_in_an_empty_day() -> None:
    watch = Watch(all_checkers())
    with SwarmWorld(Draws(1)) as world:
        watch.look_at(world)
        watch.tell(Over(0))
    assert watch.findings == []
