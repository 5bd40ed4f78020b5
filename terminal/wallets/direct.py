"""A wallet that is asked directly, as a `Rail`: its calls block, so each is made on the wallet's own thread.

Whatever goes wrong in a call has one of two ends: no byte left (UNSENT), or it may have been done (SILENT). What a
wallet says is made fit for journal and paper here, once for all of them.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Protocol, TypeVar

from drivers.ports import LinkDown
from terminal.journal import harmless
from terminal.loop import CallOverdue, Offload
from terminal.model import Method
from terminal.rail import BOTH_WAYS, Bill, Fate, Order, OrderNews, Refund, RefundFate, RefundNews, Rules

DEADLINE_MS = 90_000  # Of a call, which may be up to three exchanges: past it the thread is stuck, whatever the reason.

T = TypeVar("T")
TEXT_LIMIT = 512  # Characters of anything that a wallet says; an address for a code is the longest.
NAME_LIMIT = 32  # Of a discount: a slip has that many cells.


class Unbelievable(Exception):
    """An answer that nobody can be held to: not signed, too old, about something else. `args[0]` is its fault."""


def text_in(told: Mapping[str, object], name: str) -> str:
    """A text of an answer, cut to TEXT_LIMIT; "" for what is none."""
    value = told.get(name, "")
    return value[:TEXT_LIMIT] if isinstance(value, str) else ""


class Wallet(Protocol):
    """One wallet's calls, each blocking. They raise LinkDown and Unbelievable, and nothing else for what comes back."""

    @property
    def name(self) -> str: ...
    @property
    def rules(self) -> Rules: ...

    def create(self, order: Order) -> OrderNews: ...
    def pay_by_code(self, order: Order, code: str) -> OrderNews: ...
    def query(self, order: Order) -> OrderNews: ...
    def close(self, order: Order) -> OrderNews: ...
    def reverse(self, order: Order) -> OrderNews: ...
    def refund(self, order: Order, refund: Refund) -> RefundNews: ...
    def refund_query(self, order: Order, refund: Refund) -> RefundNews: ...
    def bill(self, day: datetime.date) -> Bill: ...


class Direct:
    """Meets `terminal.rail.Rail` with a wallet's blocking calls."""

    def __init__(self, wallet: Wallet, takes: frozenset[Method] = BOTH_WAYS, fee_bp: int | None = None) -> None:
        self._wallet = wallet
        self.takes = takes
        self.fee_bp = fee_bp

    @property
    def name(self) -> str:
        return self._wallet.name

    @property
    def rules(self) -> Rules:
        return self._wallet.rules

    async def create(self, order: Order) -> OrderNews:
        return await self._order(partial(self._wallet.create, order))

    async def pay_by_code(self, order: Order, code: str) -> OrderNews:
        return await self._order(partial(self._wallet.pay_by_code, order, code))

    async def query(self, order: Order) -> OrderNews:
        return await self._order(partial(self._wallet.query, order))

    async def close(self, order: Order) -> OrderNews:
        return await self._order(partial(self._wallet.close, order))

    async def reverse(self, order: Order) -> OrderNews:
        return await self._order(partial(self._wallet.reverse, order))

    async def refund(self, order: Order, refund: Refund) -> RefundNews:
        return await self._refund(partial(self._wallet.refund, order, refund))

    async def refund_query(self, order: Order, refund: Refund) -> RefundNews:
        return await self._refund(partial(self._wallet.refund_query, order, refund))

    async def bill(self, day: datetime.date) -> Bill:
        news, fault, _ = await self._call(partial(self._wallet.bill, day))
        return news or Bill(None, fault)

    async def _order(self, call: Callable[[], OrderNews]) -> OrderNews:
        news, fault, sent = await self._call(call)
        if news is None:
            return OrderNews(Fate.SILENT if sent else Fate.UNSENT, fault=fault)
        return replace(
            news,
            code=harmless("code", news.code),
            said=harmless("said", news.said),
            wallet_no=harmless("wallet_no", news.wallet_no),
        )

    async def _refund(self, call: Callable[[], RefundNews]) -> RefundNews:
        news, fault, sent = await self._call(call)
        if news is None:
            return RefundNews(RefundFate.SILENT if sent else RefundFate.UNSENT, fault=fault)
        return replace(
            news,
            code=harmless("code", news.code),
            said=harmless("said", news.said),
            wallet_no=harmless("wallet_no", news.wallet_no),
        )

    async def _call(self, call: Callable[[], T]) -> tuple[T | None, str, bool]:
        """What came back, or None, why, and whether it may have been heard."""
        try:
            return await Offload(f"wallet {self.name}", call, DEADLINE_MS), "", True
        except LinkDown as down:
            return None, down.fault.value, down.sent
        except Unbelievable as why:
            return None, str(why), True
        except CallOverdue:
            return None, "overdue", True
