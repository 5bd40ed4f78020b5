"""Words that more than one part of the bench says: amounts, kinds, and what the host calls the state of a thing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType

from sim.acquirer.book import EntryState
from sim.acquirer.core import CHINA
from sim.panel.protocol import JSONObject
from sim.reasons import in_chinese
from terminal.hostlink.subfields import OrderState
from terminal.model import Kind
from terminal.receipts.words import KINDS

Two = tuple[str, str]

ENTRY_WORDS: Mapping[EntryState, Two] = MappingProxyType(
    {
        EntryState.APPROVED: ("已批准", "approved"),
        EntryState.DECLINED: ("已拒绝", "declined"),
        EntryState.REVERSED: ("已冲正", "reversed"),
        EntryState.PREVENTED: ("冲正先到", "reversed in advance"),
        EntryState.VOIDED: ("已撤销", "voided"),
        EntryState.COMPLETED: ("已完成", "completed"),
    }
)
ORDER_WORDS: Mapping[OrderState, Two] = MappingProxyType(
    {
        OrderState.NEW: ("新订单", "new"),
        OrderState.WAITING: ("待扫码", "waiting"),
        OrderState.PAYING: ("待确认", "being confirmed"),
        OrderState.PAID: ("已付款", "paid"),
        OrderState.CLOSED: ("已关闭", "closed"),
        OrderState.REFUNDED: ("已退款", "refunded"),
    }
)


def clock_of(at_ms: int) -> str:
    """The time of day at the shop, to the second, of a moment in milliseconds since 1970."""
    return f"{datetime.fromtimestamp(at_ms / 1000, CHINA):%H:%M:%S}"


def two(zh: str, en: str) -> JSONObject:
    return {"zh": zh, "en": en}


def problem(text: str) -> JSONObject:
    """What could not be done, for the page: as it was said, and in Chinese."""
    return {"is": "problem", "text": two(in_chinese(text), text)}


def kind_words(kind: Kind) -> JSONObject:
    """A kind in the words of the slips."""
    zh, en = KINDS[kind]
    return two(zh, en.capitalize())


def yuan(amount_minor: int) -> str:
    """In the page's own form; what is owed by the merchant has a minus."""
    whole, part = divmod(abs(amount_minor), 100)
    return f"{'-' if amount_minor < 0 else ''}¥{whole:,}.{part:02d}"
