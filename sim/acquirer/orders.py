"""QR orders on the wire: create, query, close, pay by a scanned code, reverse. The wallets themselves: wallets.py.

A convention of our own (profile scheme "acquirer-orders"): field 59 carries the order, field 39 says whether the
request was understood, and 25 is the last word on an order number.

Spec: docs/host-link.md, "acquirer-orders".
"""

from __future__ import annotations

import re

from sim.acquirer.book import Batch, Book, Order
from sim.acquirer.eslips import ESlips
from sim.acquirer.faults import FaultKind
from sim.acquirer.requests import (
    APPROVED,
    DUPLICATE,
    FORMAT_ERROR,
    INVALID_AMOUNT,
    INVALID_TRANSACTION,
    NOT_FOUND,
    USER_PAYING,
    Answer,
    Refused,
    Request,
)
from sim.acquirer.wallets import CONFIRM_LIFE_MS, ORDER_LIFE_MS, Offer, WalletGateway
from terminal.hostlink.messages import ORDER_NO_LIMIT, QR_CLOSE, QR_CREATE, QR_PAY, QR_QUERY, QR_REVERSE
from terminal.hostlink.profile import Profile
from terminal.hostlink.promotions import write_extras, write_promotions
from terminal.hostlink.subfields import OrderState, OrderTag, read_tlv, write_tlv
from terminal.model import Money, Payer, Promotion

MAKING = (QR_CREATE, QR_PAY)
ABOUT = (QR_QUERY, QR_CLOSE, QR_REVERSE)  # An order that is there already, of a settled batch too.
GIVING = (FaultKind.MERCHANT_DISCOUNT, FaultKind.PLATFORM_DISCOUNT, FaultKind.RED_PACKET)


class OrderDesk:
    """Answers the five order requests of a signed-in terminal."""

    def __init__(self, gateway: WalletGateway, book: Book, profile: Profile, eslips: ESlips) -> None:
        self._gateway = gateway
        self._eslips = eslips
        self._book = book
        self._profile = profile

    def answer(self, request: Request, batch: Batch) -> Answer:
        message, now_ms = request.message, request.now_ms
        tags = read_tlv(message.text(59))
        order_no, stan = tags.get(OrderTag.ORDER_NO, ""), message.text(11)
        if not 0 < len(order_no) <= ORDER_NO_LIMIT:
            raise Refused(FORMAT_ERROR)
        known = self._book.any_order(request.terminal[0], order_no)
        if known is not None and known.terminal != request.terminal:
            raise Refused(DUPLICATE)
        if message.text(3) in MAKING:
            return self._make(request, batch, known, tags)
        if known is None or known.prevented:
            # 25 is the last word on this number: should the order itself still be on its way, it is refused.
            if known is None:
                self._gateway.prevent(batch, request.terminal, order_no, stan, now_ms)
            raise Refused(NOT_FOUND)
        self._customer_acts(request, known)
        self._gateway.refresh(known, now_ms)
        if FaultKind.UNSCANNED in request.faults and known.state is OrderState.WAITING:
            raise Refused(NOT_FOUND)  # No last word: the code may be scanned yet.
        early = request.faults.get(FaultKind.EARLY_CLOSE)
        if early is None or now_ms >= known.created_ms + early.ms:
            if message.text(3) == QR_CLOSE:
                self._gateway.close(known, now_ms)
            elif message.text(3) == QR_REVERSE:
                self._gateway.reverse(known, now_ms)
        self._gateway.tell(known)
        return self._told(known, APPROVED, request)

    def _customer_acts(self, request: Request, order: Order) -> None:
        """What the fault plan has the customer do in the last moment before this request."""
        faults, now_ms = request.faults, request.now_ms
        if FaultKind.CUSTOMER_SCANS in faults:
            self._gateway.passer_by(order, now_ms, scans=True)
        if FaultKind.CUSTOMER_PAYS in faults:
            self._gateway.passer_by(order, now_ms)
        if FaultKind.CUSTOMER_REFUSES in faults:
            self._gateway.passer_by(order, now_ms, refuses=True)

    def _make(
        self, request: Request, batch: Batch, known: Order | None, tags: dict[str, str]
    ) -> Answer:
        message, now_ms = request.message, request.now_ms
        if not message.text(4) or message.text(49) != self._profile.currency:
            raise Refused(FORMAT_ERROR)
        amount_minor = int(message.text(4))
        if not amount_minor:
            raise Refused(INVALID_AMOUNT)
        scanned = message.text(3) == QR_PAY
        code = tags.get(OrderTag.SCANNED_CODE, "")
        if scanned and not code:
            raise Refused(FORMAT_ERROR)
        if known is not None:
            if known.prevented:
                raise Refused(INVALID_TRANSACTION)
            # The same order again is a repeat and changes nothing; another amount is another order.
            if known.amount_minor != amount_minor:
                raise Refused(DUPLICATE)
            self._gateway.refresh(known, now_ms)
            self._gateway.tell(known)
            return self._told(known, _pay_code(known) if scanned else APPROVED, request)
        order_no, stan, terminal = tags[OrderTag.ORDER_NO], message.text(11), request.terminal
        self._gateway.offer = _offer(request) or self._gateway.offer
        life_ms = _life_ms(tags, CONFIRM_LIFE_MS if scanned else ORDER_LIFE_MS)
        if not scanned:
            order = self._gateway.create(
                batch, terminal, order_no, stan, amount_minor, now_ms, life_ms=life_ms
            )
            return self._told(order, APPROVED, request)
        order = self._gateway.pay_by_code(
            batch, terminal, order_no, stan, amount_minor, code, now_ms, life_ms=life_ms
        )
        self._gateway.tell(order)
        return self._told(order, _pay_code(order), request)

    def _told(self, order: Order, code: str, request: Request) -> Answer:
        tags = {OrderTag.ORDER_NO: order.order_no}
        if order.payload:
            tags[OrderTag.PAYLOAD] = order.payload
        tags[OrderTag.STATE] = order.state.value
        if order.state in (OrderState.WAITING, OrderState.PAYING):
            tags[OrderTag.SECONDS_LEFT] = str(max(0, (order.expires_ms - request.now_ms) // 1000))
        if order.wallet:
            tags[OrderTag.WALLET] = order.wallet
        if order.wallet_no:
            tags[OrderTag.WALLET_NO] = order.wallet_no
        if order.state is OrderState.PAID:
            tags |= _came_with(order, lies=FaultKind.FALSE_DISCOUNT in request.faults)
            if self._profile.eslip_address:
                tags[OrderTag.ESLIP_KEY] = self._eslips.key(order)
        fields: dict[int, str | bytes] = {59: write_tlv(tags)}
        if order.amount_minor:
            fields[4] = f"{order.amount_minor:012d}"
        return Answer(code, fields)


def _life_ms(tags: dict[str, str], otherwise_ms: int) -> int:
    """A7 of a request: how long the merchant wants the order to live."""
    asked = tags.get(OrderTag.SECONDS_LEFT)
    if asked is None:
        return otherwise_ms
    if not re.fullmatch(r"[0-9]{1,5}", asked) or not int(asked):
        raise Refused(FORMAT_ERROR)
    return int(asked) * 1000


def _pay_code(order: Order) -> str:
    """F39 of a scanned code's answer."""
    if order.state is OrderState.PAYING:
        return USER_PAYING
    if order.state is OrderState.PAID:
        return APPROVED
    return order.code if order.code not in (APPROVED, USER_PAYING) else INVALID_TRANSACTION


def _offer(request: Request) -> Offer | None:
    """What the fault plan has the wallets give with this order; None: nothing but what was offered already."""
    named = {kind: fault.minor for kind, fault in request.faults.items() if kind in GIVING}
    if not named:
        return None
    packet = named.get(FaultKind.RED_PACKET, 0)
    return Offer(
        named.get(FaultKind.MERCHANT_DISCOUNT, 0),
        named.get(FaultKind.PLATFORM_DISCOUNT, 0),
        f"获得红包 ¥{packet // 100}.{packet % 100:02d}" if packet else "",
    )


def _came_with(order: Order, *, lies: bool) -> dict[str, str]:
    """Tags B6 to B8 of an order that is paid; `lies`: the customer is said to have paid a cent more."""
    given = (
        Promotion("商家立减", Money(order.merchant_minor), Payer.MERCHANT),
        Promotion("平台立减", Money(order.platform_minor), Payer.PLATFORM),
    )
    tags: dict[str, str] = {}
    if order.customer_minor != order.amount_minor or lies:
        tags[OrderTag.CUSTOMER_PAID] = f"{order.customer_minor + lies:012d}"
        tags[OrderTag.PROMOTIONS] = write_promotions(each for each in given if each.amount.amount_minor)
    if order.extra:
        tags[OrderTag.EXTRAS] = write_extras((order.extra,))
    return tags
