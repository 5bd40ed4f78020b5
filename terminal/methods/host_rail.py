"""The acquirer as a rail: the scheme "acquirer-orders" on the host link, whichever wallet the customer has.

Only what is authenticated, and about this order and its amount, is believed; everything else is silence, and a query
tells. A number that the acquirer does not know (25) is dead at once if a code was scanned, because the acquirer refuses
it from then on. If a code was shown it says less: the wallet may never have heard of what nobody has scanned.

Spec: docs/host-link.md, "acquirer-orders".
"""

from __future__ import annotations

import datetime
from dataclasses import replace
from types import MappingProxyType

from terminal.hostlink import messages
from terminal.hostlink.codec import FrameError, Message
from terminal.hostlink.codes import PARTIAL_APPROVAL, is_last_word, lookup
from terminal.hostlink.profile import Profile
from terminal.hostlink.promotions import eslip_url
from terminal.hostlink.reply import VerdictKind, read_order, read_refund
from terminal.hostlink.session import Answered, Silence
from terminal.hostlink.subfields import OrderState
from terminal.journal import harmless
from terminal.loop import Commit
from terminal.methods import host_bill
from terminal.methods.asking import ask_authenticated
from terminal.methods.reversal import identity
from terminal.model import Method
from terminal.rail import ACQUIRER, BOTH_WAYS, Bill, Fate, Order, OrderNews, Refund, RefundFate, RefundNews, Rules
from terminal.shop import Shop

# The wallet's own trouble (error, time-outs, malfunction): it may have been charged, which only a query can tell.
IN_DOUBT = frozenset({"06", "68", "91", "96", "98"})
NOT_KNOWN = "25"
CODE_WORDS = MappingProxyType({"14": "used", "54": "expired"})  # Of a scanned code, not of a card: room "bad_code".
QUERY_MS = 8_000  # A query is asked again anyway, and somebody may want to cancel: nobody waits a minute for it.
RULES = Rules()
_FATES = MappingProxyType(
    {
        OrderState.NEW: Fate.WAITING,
        OrderState.WAITING: Fate.WAITING,
        OrderState.PAYING: Fate.PAYING,
        OrderState.PAID: Fate.PAID,
        OrderState.CLOSED: Fate.CLOSED,
        OrderState.REFUNDED: Fate.REFUNDED,
    }
)


class HostRail:
    """Meets `terminal.rail.Rail`. Holds nothing: made anew for each order."""

    name = ACQUIRER
    rules = RULES
    takes = BOTH_WAYS

    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    @property
    def fee_bp(self) -> int | None:
        return self._shop.config.bill.fee_bp

    async def create(self, order: Order) -> OrderNews:
        request = messages.qr_order(
            self._identity(order),
            self._shop.profile,
            stan=order.stan,
            amount=order.amount,
            order_no=order.number,
            seconds=order.seconds,
        )
        return await self._make(order, request, "qr_order")

    async def pay_by_code(self, order: Order, code: str) -> OrderNews:
        request = messages.qr_pay(
            self._identity(order),
            self._shop.profile,
            stan=order.stan,
            amount=order.amount,
            order_no=order.number,
            code=code,
            seconds=order.seconds,
        )
        return await self._make(order, request, "qr_pay")

    async def query(self, order: Order) -> OrderNews:
        request = messages.qr_query(
            self._identity(order),
            self._shop.profile,
            stan=await _next_stan(),
            order_no=order.number,
            entry=_entry(order),
        )
        return await self._ask(order, request, "", QUERY_MS)

    async def close(self, order: Order) -> OrderNews:
        request = messages.qr_close(
            self._identity(order), self._shop.profile, stan=await _next_stan(), order_no=order.number
        )
        return await self._ask(order, request, "qr_close")

    async def reverse(self, order: Order) -> OrderNews:
        request = messages.qr_reverse(
            self._identity(order), self._shop.profile, stan=await _next_stan(), order_no=order.number
        )
        return await self._ask(order, request, "qr_close")

    async def refund(self, order: Order, refund: Refund) -> RefundNews:
        request = messages.qr_refund(
            await self._current(),
            self._shop.profile,
            stan=refund.stan,
            amount=refund.amount,
            order_no=order.number,
            refund_no=refund.number,
            entry=_entry(order),
        )
        news = await self._ask_refund(order, refund, request)
        return replace(news, fate=RefundFate.REFUSED) if news.fate is RefundFate.ABSENT else news

    async def refund_query(self, order: Order, refund: Refund) -> RefundNews:
        request = messages.qr_refund_query(
            await self._current(),
            self._shop.profile,
            stan=await _next_stan(),
            order_no=order.number,
            refund_no=refund.number,
            entry=_entry(order),
        )
        return await self._ask_refund(order, refund, request, asked=True)

    async def bill(self, day: datetime.date) -> Bill:
        return await host_bill.fetch(self._shop, day)

    async def _current(self) -> messages.Terminal:
        """A refund belongs into the batch that is open when it is sent, whichever its order was in."""
        return identity(self._shop, await Commit(lambda tx: tx.get("batch_no", "000001")))

    def _identity(self, order: Order) -> messages.Terminal:
        return identity(self._shop, order.batch_no)

    async def _make(self, order: Order, request: Message, what: str) -> OrderNews:
        """Of an order that is only being made, "not known" is a refusal like any other."""
        news = await self._ask(order, request, what)
        absent = news.fate in (Fate.ABSENT, Fate.CLOSED) and news.code == NOT_KNOWN
        return OrderNews(Fate.REFUSED, code=NOT_KNOWN) if absent else news

    async def _ask(self, order: Order, request: Message, what: str, within_ms: int | None = None) -> OrderNews:
        answer = await ask_authenticated(self._shop, request, what, within_ms)
        if isinstance(answer, Silence):
            return OrderNews(Fate.SILENT if answer.sent else Fate.UNSENT, fault=answer.reason)
        return read_news(answer, order, self._shop.profile)

    async def _ask_refund(
        self, order: Order, refund: Refund, request: Message, *, asked: bool = False
    ) -> RefundNews:
        answer = await ask_authenticated(self._shop, request, "qr_refund")
        if isinstance(answer, Silence):
            return RefundNews(RefundFate.SILENT if answer.sent else RefundFate.UNSENT, fault=answer.reason)
        return read_refund_news(answer, order, refund, asked=asked)


def _entry(order: Order) -> str:
    return messages.SHOWN if order.method is Method.QR_SHOWN else messages.SCANNED


def read_news(answer: Answered, order: Order, profile: Profile) -> OrderNews:
    """What an answer says of this order. Never raises."""
    code, told = answer.verdict.code, answer.reply.text(59)
    refused = answer.verdict.kind is VerdictKind.DECLINED
    if answer.verdict.kind is VerdictKind.UNAUTHENTICATED:
        return OrderNews(Fate.SILENT, fault="unauthenticated")
    if code == PARTIAL_APPROVAL:
        return OrderNews(Fate.SILENT, fault="partial")  # An order is paid whole or not; which, only a query can tell.
    unsure = refused and (code in IN_DOUBT or not is_last_word(code))
    if not told:
        return OrderNews(Fate.SILENT, fault="unsure") if unsure or not refused else _refusal(code, order)
    try:
        said = read_order(answer.reply)
    except FrameError:
        return OrderNews(Fate.SILENT, fault="garbled")
    # A query asks for no amount, so nobody has compared it yet.
    amount = answer.reply.text(4)
    paid_other = said.state is OrderState.PAID and amount != "" and int(amount) != order.amount.amount_minor
    if refused and said.state is not OrderState.PAYING:
        # A refusal of an order that lives says two things at once.
        return OrderNews(Fate.SILENT, fault="unsure") if unsure or said.state is not OrderState.CLOSED else _refusal(
            code, order
        )
    if said.order_no != order.number or paid_other:
        return OrderNews(Fate.SILENT, fault="garbled")
    return OrderNews(
        _FATES[said.state],
        code,
        wallet=harmless("wallet", said.wallet),
        wallet_no=harmless("wallet_no", said.wallet_no),
        payload=said.payload,
        seconds=said.expires_s or 0,
        promotions=said.came_with.promotions,
        customer=said.came_with.customer,
        extras=said.came_with.extras,
        eslip_url=eslip_url(profile, order.number, said.came_with.key),
    )


def _refusal(code: str, order: Order) -> OrderNews:
    scanned = order.method is Method.QR_SCANNED
    if code == NOT_KNOWN:
        return OrderNews(Fate.CLOSED if scanned else Fate.ABSENT, code)
    return OrderNews(Fate.REFUSED, code, fault=CODE_WORDS.get(code, "") if scanned else "")


def read_refund_news(answer: Answered, order: Order, refund: Refund, *, asked: bool) -> RefundNews:
    """What an answer says of this refund. Never raises. `asked`: of a query, which may itself be what is refused."""
    code = answer.verdict.code
    if answer.verdict.kind is VerdictKind.UNAUTHENTICATED:
        return RefundNews(RefundFate.SILENT, fault="unauthenticated")
    if code == PARTIAL_APPROVAL:
        return RefundNews(RefundFate.SILENT, fault="partial")
    if answer.verdict.kind is VerdictKind.DECLINED:
        if code == NOT_KNOWN:
            return RefundNews(RefundFate.ABSENT, code)
        if asked or code in IN_DOUBT or not is_last_word(code) or lookup(code).sign_in:
            return RefundNews(RefundFate.SILENT, code, fault="unsure")
        return RefundNews(RefundFate.REFUSED, code)
    try:
        said = read_refund(answer.reply)
    except FrameError:
        return RefundNews(RefundFate.SILENT, fault="garbled")
    amount = answer.reply.text(4)  # A query asks for none, as of an order.
    another = amount != "" and int(amount) != refund.amount.amount_minor
    if (said.order_no, said.refund_no) != (order.number, refund.number) or another:
        return RefundNews(RefundFate.SILENT, fault="garbled")
    return RefundNews(RefundFate(said.state.value.lower()), code, wallet_no=harmless("wallet_no", said.wallet_no))


async def _next_stan() -> str:
    return await Commit(lambda tx: tx.next_stan())
