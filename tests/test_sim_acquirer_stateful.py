"""Whatever is asked for in whatever order: accounts, holds, totals and reversals never go wrong.

A terminal, two cards and the whole of what the host can do. After each step the book is added up again by itself: each
account is what it began with and what its entries say, the hold is what authorisations hold and their ends released,
and the totals of the batch are the sum of what stands. A reversal may come any number of times, at any time.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from host_bench import Bench, code
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule

from sim.acquirer.book import EntryState
from sim.acquirer.originals import COMPLETION_VOIDS, COMPLETIONS
from sim.acquirer.registry import TEST_MERCHANT, TEST_TERMINAL, token_of
from sim.card.profiles import PROFILES
from terminal.hostlink.card_messages import Original
from terminal.hostlink.codec import Message
from terminal.hostlink.messages import Totals
from terminal.hostlink.transactions import TRANSACTIONS, Effect
from terminal.model import Kind

CARDS = ("unionpay-credit-pin", "no-cvm")
BEGINNINGS = (Kind.SALE, Kind.AUTH, Kind.POINTS, Kind.REPAYMENT, Kind.INSTALMENT, Kind.MOTO_SALE, Kind.MOTO_AUTH)
LATER = tuple(kind for kind in Kind if TRANSACTIONS[kind].undoes is not None)
STANDING = ("approved", "voided", "completed")
SIGNS = {Effect.DEBIT: -1, Effect.CREDIT: 1, Effect.NONE: 0}
Done = tuple[Message, Kind, Original, str, int]


class Shop(RuleBasedStateMachine):
    done = Bundle("done")

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self.bench = Bench(Path(self._folder.name)).signed_in()
        self.began = {name: self._pockets(name) for name in CARDS}

    def teardown(self) -> None:
        self._folder.cleanup()

    def _pockets(self, card: str) -> tuple[int, int, int]:
        account = self.bench.account(card)
        return account.balance_minor, account.points_minor, account.owed_minor

    def _do(self, kind: Kind, amount: int, card: str, about: Original | None) -> Any:
        extra: dict[int, str | bytes] = {}
        if kind is Kind.TIP:
            extra[48] = f"{amount:012d}"
        if kind is Kind.INSTALMENT:
            extra[62] = b"12"
        reply = self.bench.do(kind, amount, about, card=card, extra=extra)
        request = self.bench.last
        assert request is not None and code(reply) in ("00", "12", "14", "22", "25", "51", "61", "64"), kind
        return multiple((request, kind, self.bench.original, card, amount)) if code(reply) == "00" else multiple()

    @rule(target=done, kind=st.sampled_from(BEGINNINGS), amount=st.integers(1, 400_000), card=st.sampled_from(CARDS))
    def begin(self, kind: Kind, amount: int, card: str) -> Any:
        return self._do(kind, amount, card, None)

    @rule(
        target=done,
        about=done,
        kind=st.sampled_from(LATER),
        part=st.sampled_from((10, 50, 100, 115, 120)),
        own=st.booleans(),
    )
    def follow(self, about: Done, kind: Kind, part: int, own: bool) -> Any:
        _, before, original, card, amount = about
        if TRANSACTIONS[kind].undoes is not before:
            kind = next((each for each in LATER if TRANSACTIONS[each].undoes is before), kind)
        other = CARDS[1 - CARDS.index(card)]
        return self._do(kind, max(1, amount * part // 100), card if own else other, original)

    @rule(about=done)
    def reverse(self, about: Done) -> None:
        request, kind, *_ = about
        if not TRANSACTIONS[kind].reversible:
            return
        first = self.bench.reverse(request, kind)
        after = [self._pockets(name) for name in CARDS]
        assert first in ("00", "12", "22", "25")
        assert self.bench.reverse(request, kind) == first
        assert [self._pockets(name) for name in CARDS] == after, "the second one changes nothing"

    @rule()
    def settle(self) -> None:
        batch = self.bench.acquirer.book.current((TEST_MERCHANT, TEST_TERMINAL))
        assert batch is not None
        reply = self.bench.caller.settle(batch.totals(with_qr=True))
        assert reply is not None and reply.text(48)[30] == "1"
        self.bench.caller.sign_in()

    @invariant()
    def accounts_are_what_their_entries_say(self) -> None:
        for name in CARDS:
            token = token_of(PROFILES[name].pan)
            mine = [e for e in self.bench.acquirer.book.entries if e.card == token and e.state.value in STANDING]
            money = points = owed = 0
            for entry in mine:
                row = TRANSACTIONS[entry.kind]
                moved = SIGNS[row.effect] * entry.amount_minor
                if row.account:
                    points += moved
                else:
                    money += moved
                owed += moved if entry.kind in (Kind.REPAYMENT, Kind.REPAYMENT_VOID) else 0
            assert self._pockets(name) == tuple(map(sum, zip(self.began[name], (money, points, owed), strict=True)))
            # What is held is held by the authorisations that have not had their end, and by nothing else.
            open_ones = sum(
                e.amount_minor for e in mine if e.kind in (Kind.AUTH, Kind.MOTO_AUTH) and e.state is EntryState.APPROVED
            )
            account = self.bench.account(name)
            assert account.held_minor == open_ones >= 0
            assert account.available_minor >= 0 or any(TRANSACTIONS[e.kind].advice for e in mine)
            assert account.points_minor >= 0

    @invariant()
    def originals_have_one_end(self) -> None:
        book = self.bench.acquirer.book
        for entry in book.entries:
            ends = [e for e in book.about(entry) if e.standing and TRANSACTIONS[e.kind].undoes is entry.kind]
            completed = [e for e in ends if e.kind in COMPLETIONS and e.state is EntryState.APPROVED]
            voided = [e for e in ends if TRANSACTIONS[e.kind].effect is not Effect.DEBIT and "void" in e.kind.value]
            assert len(completed) + len(voided) <= 1
            assert (entry.state is EntryState.COMPLETED) == bool(completed)
            assert (entry.state is EntryState.VOIDED) == bool(voided)
            back = sum(e.amount_minor for e in ends if "refund" in e.kind.value)
            tips = sum(e.amount_minor for e in ends if e.kind is Kind.TIP)
            assert back <= entry.amount_minor + tips
            assert entry.kind not in COMPLETION_VOIDS or not ends

    @invariant()
    def totals_are_the_sum_by_effect(self) -> None:
        for batch in self.bench.acquirer.book.all_batches():
            sides = {Effect.DEBIT: [0, 0], Effect.CREDIT: [0, 0], Effect.NONE: [0, 0]}
            for entry in batch.entries.values():
                if entry.state.value in STANDING:
                    side = sides[TRANSACTIONS[entry.kind].effect]
                    side[0] += entry.amount_minor
                    side[1] += 1
            assert batch.totals(with_qr=True) == Totals(*sides[Effect.DEBIT], *sides[Effect.CREDIT])
            assert batch.settlement is None or batch.settlement.booked == batch.totals(with_qr=True)


Shop.TestCase.settings = settings(max_examples=15, stateful_step_count=25)
TestShop = pytest.mark.slow(Shop.TestCase)
