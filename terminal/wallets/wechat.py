"""WeChat Pay (API v3) behind the port, around `wechatpayv3`, which builds, signs and verifies.

What the library leaves open is closed here: an answer's time is compared with our clock, order number, merchant and
amount are those that were asked about, TLS believes the authority that is configured, and only the wallet's public key
verifies (no certificates are fetched). A refusal (4xx) is not signed by the wallet, so TLS alone vouches for it; it
ends nothing that may have been paid.

Source: WeChat Pay's public API v3 documents; retail digest, "QR payments". Nobody has tried it with a real contract.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from wechatpayv3 import WeChatPay, WeChatPayType
from wechatpayv3.core import Core
from wechatpayv3.type import RequestType
from wechatpayv3.utils import rsa_sign

from drivers.ports import Https
from terminal.model import AMOUNT_MAX_MINOR, Money, Payer, Promotion
from terminal.rail import (
    CHINA,
    KEY_ID,
    Bill,
    BillRow,
    Fate,
    Order,
    OrderNews,
    Refund,
    RefundFate,
    RefundNews,
    Rules,
)
from terminal.wallets.bills import BillError, minor, money, rows, when
from terminal.wallets.direct import NAME_LIMIT, Unbelievable, text_in

NAME = "wechat"
AGE_S = 300  # How far an answer's time may be from ours.
BILL_LIMIT_BYTES = 16 << 20
# Query every 5 s; a scanned code that is not paid after 30 s is taken back, but not within 15 s of being charged.
RULES = Rules(poll_ms=5_000, paying_seconds=30, reverse_after_ms=15_000)
STATES = {
    "NOTPAY": Fate.WAITING,
    "USERPAYING": Fate.PAYING,
    "ACCEPT": Fate.PAYING,
    "SUCCESS": Fate.PAID,
    "REFUND": Fate.REFUNDED,
    "CLOSED": Fate.CLOSED,
    "REVOKED": Fate.CLOSED,
    "PAYERROR": Fate.CLOSED,
}
BAD_CODES = {"AUTH_CODE_INVALID": "used", "AUTH_CODE_EXPIRED": "expired", "AUTHCODEEXPIRE": "expired"}
PAYING_CODES = ("USERPAYING", "USER_PAYING")
REFUNDS = {
    "SUCCESS": RefundFate.DONE,
    "PROCESSING": RefundFate.PENDING,
    "ABNORMAL": RefundFate.PENDING,  # The wallet could not deliver it; somebody has to see to it there.
    "CLOSED": RefundFate.REFUSED,
}
# Codes of 4xx that say nothing about the order itself: it may yet have been done.
DOUBT = frozenset({"SYSTEM_ERROR", "SYSTEMERROR", "BANK_ERROR", "BANKERROR", "FREQUENCY_LIMITED", "RATELIMIT_EXCEEDED"})
COLUMNS = {
    "at": "交易时间",
    "wallet_no": "微信订单号",
    "order_no": "商户订单号",
    "state": "交易状态",
    "refund_no": "商户退款单号",
    "amount": "订单金额",
    "refund": "退款金额",
    "fee": "手续费",
}


@dataclass(frozen=True, slots=True, repr=False)
class Contract:
    """A contract. `private_key` (PEM) is the merchant's; `public_key` (PEM) the wallet's, named by its id."""

    mchid: str
    appid: str
    serial: str
    private_key: str
    api_v3_key: str
    public_key: str
    public_key_id: str
    store_id: str
    description: str
    notify_url: str = "https://terminal.invalid/wechat"  # The wallet insists on one; a terminal cannot be called.

    def __repr__(self) -> str:
        return f"Contract(wechat {self.mchid})"


class _Core(Core):  # type: ignore[misc]  # The library has no types.
    """The library's core with a transport of ours."""

    def __init__(self, contract: Contract, client: Https, wall_ms: Callable[[], int], nonce: Callable[[], str]):
        super().__init__(
            contract.mchid,
            contract.serial,
            contract.private_key,
            contract.api_v3_key,
            public_key=contract.public_key,
            public_key_id=contract.public_key_id,
        )
        self._client = client
        self._wall_ms = wall_ms
        self._nonce = nonce

    def request(
        self, path: str, method: Any = RequestType.GET, data: Any = None, skip_verify: bool = False, **_: Any
    ) -> tuple[int, bytes]:
        """Status and body. Raises LinkDown, and Unbelievable for a success that is not the wallet's."""
        body = json.dumps(data) if data else ""
        at, nonce = str(self._wall_ms() // 1000), self._nonce()
        signature = rsa_sign(self._private_key, f"{method.value}\n{path}\n{at}\n{nonce}\n{body}\n")
        headers = {
            "Accept": "application/json",
            "Content-Type": "application/json",
            "User-Agent": "zhanggui",
            "Wechatpay-Serial": self._public_key_id,
            "Authorization": f'WECHATPAY2-SHA256-RSA2048 mchid="{self._mchid}",nonce_str="{nonce}",'
            f'signature="{signature}",timestamp="{at}",serial_no="{self._cert_serial_no}"',
        }
        limit = {"limit_bytes": BILL_LIMIT_BYTES} if skip_verify else {}
        answer = self._client.exchange(method.value, path, headers, body.encode(), **limit)
        if 200 <= answer.status < 300 and not skip_verify:
            self._believe(answer.headers, answer.body)
        return answer.status, answer.body

    def _believe(self, headers: Mapping[str, str], body: bytes) -> None:
        marks = {name.title(): value for name, value in headers.items() if name.startswith("wechatpay-")}
        at = marks.get("Wechatpay-Timestamp", "")
        if marks.get("Wechatpay-Serial") != self._public_key_id:
            raise Unbelievable(KEY_ID)  # Signed, if at all, by another key than the one that we were told of.
        if not at.isdecimal():
            raise Unbelievable("unauthenticated")
        try:
            good = self._verify_signature(marks, body.decode("utf-8"))
        except Exception as error:  # The library raises bare Exceptions, for another algorithm as for broken text.
            raise Unbelievable("unauthenticated") from error
        if not good or abs(self._wall_ms() // 1000 - int(at)) > AGE_S:
            raise Unbelievable("unauthenticated")


class WeChat:
    """Meets `terminal.wallets.direct.Wallet`. Raises ValueError for a contract whose keys cannot be read."""

    name = NAME
    rules = RULES

    def __init__(
        self, contract: Contract, client: Https, wall_ms: Callable[[], int], nonce: Callable[[], str]
    ) -> None:
        self._contract = contract
        self._wall_ms = wall_ms
        try:
            self._pay = WeChatPay(
                WeChatPayType.NATIVE,
                contract.mchid,
                contract.private_key,
                contract.serial,
                contract.appid,
                contract.api_v3_key,
                contract.notify_url,
                public_key=contract.public_key,
                public_key_id=contract.public_key_id,
            )
            self._pay._core = _Core(contract, client, wall_ms, nonce)
        except Exception as error:  # Bare Exceptions again.
            raise ValueError("the keys of the WeChat contract cannot be read") from error

    def create(self, order: Order) -> OrderNews:
        ends = datetime.datetime.fromtimestamp(order.expires_ms // 1000, CHINA).isoformat()
        status, told = _told(
            self._pay.pay(self._contract.description, order.number, _amount(order.amount), time_expire=ends)
        )
        if status != 200:
            return self._refused(order, status, told)
        payload = text_in(told, "code_url")
        if not payload:
            raise Unbelievable("garbled")
        return OrderNews(Fate.WAITING, wallet=NAME, payload=payload, seconds=order.seconds)

    def pay_by_code(self, order: Order, code: str) -> OrderNews:
        status, told = _told(
            self._pay.pay(
                self._contract.description,
                order.number,
                _amount(order.amount),
                payer={"auth_code": code},
                scene_info={"store_info": {"id": self._contract.store_id}},
                pay_type=WeChatPayType.CODEPAY,
            )
        )
        return self._news(order, told) if status == 200 else self._refused(order, status, told)

    def query(self, order: Order) -> OrderNews:
        status, told = _told(self._pay.query(out_trade_no=order.number))
        return self._news(order, told) if status == 200 else self._refused(order, status, told)

    def close(self, order: Order) -> OrderNews:
        status, told = _told(self._pay.close(order.number))
        if status == 204:
            return OrderNews(Fate.CLOSED, wallet=NAME)
        return self._refused(order, status, told)

    def reverse(self, order: Order) -> OrderNews:
        status, told = _told(self._pay.codepay_reverse(order.number))
        if status != 200:
            return self._refused(order, status, told)
        news = self._news(order, told)
        return OrderNews(Fate.REFUNDED, wallet=NAME, wallet_no=news.wallet_no) if news.wallet_no else news

    def refund(self, order: Order, refund: Refund) -> RefundNews:
        status, told = _told(
            self._pay.refund(
                refund.number,
                {
                    "refund": refund.amount.amount_minor,
                    "total": order.amount.amount_minor,
                    "currency": order.amount.currency.code,
                },
                out_trade_no=order.number,
                reason=refund.reason or None,
            )
        )
        return self._refund_news(order, refund, status, told, asked=False)

    def refund_query(self, order: Order, refund: Refund) -> RefundNews:
        status, told = _told(self._pay.query_refund(refund.number))
        return self._refund_news(order, refund, status, told, asked=True)

    def bill(self, day: datetime.date) -> Bill:
        status, told = _told(self._pay.trade_bill(day.isoformat()))
        if status != 200:
            code = text_in(told, "code")
            return Bill(None, "" if code == "NO_STATEMENT_EXIST" else "garbled")
        url = urlsplit(text_in(told, "download_url"))
        target = url.path + (f"?{url.query}" if url.query else "")
        status, packed = self._pay.download_bill(target)  # From the gateway itself, whatever host the address names.
        if status != 200:
            raise Unbelievable("garbled")
        text = _unpacked(packed)
        if hashlib.sha1(text).hexdigest().lower() != text_in(told, "hash_value").lower():
            raise Unbelievable("unauthenticated")
        return Bill(tuple(_bill_rows(text)))

    def _news(self, order: Order, told: Mapping[str, Any]) -> OrderNews:
        """A signed answer about an order. Raises Unbelievable when it is about another one, or another amount."""
        amount = told.get("amount")
        total = amount.get("total") if isinstance(amount, dict) else None
        mine = (told.get("out_trade_no"), told.get("mchid")) == (order.number, self._contract.mchid)
        fate = STATES.get(text_in(told, "trade_state"))
        if not mine or fate is None:
            raise Unbelievable("garbled")
        if total != order.amount.amount_minor and (fate is Fate.PAID or total is not None):
            raise Unbelievable("garbled")
        return OrderNews(
            fate,
            said=text_in(told, "trade_state_desc"),
            wallet=NAME,
            wallet_no=text_in(told, "transaction_id"),
            paid_ms=_time(text_in(told, "success_time")),
            promotions=_promotions(told),
            customer=_customer(amount),
        )

    def _refused(self, order: Order, status: int, told: Mapping[str, Any]) -> OrderNews:
        code, said = text_in(told, "code"), text_in(told, "message")
        if code in PAYING_CODES:
            return OrderNews(Fate.PAYING, code, wallet=NAME)
        if status >= 500 or code in DOUBT or not code:
            return OrderNews(Fate.SILENT, code, "unsure", said)
        if status == 404:
            return OrderNews(Fate.ABSENT, code, said=said)
        if code == "ORDERPAID":  # Only a signed answer makes it paid.
            return self.query(order)
        fate = Fate.CLOSED if code in ("ORDER_CLOSED", "ORDERCLOSED") else Fate.REFUSED
        return OrderNews(fate, code, BAD_CODES.get(code, ""), said, NAME)

    def _refund_news(
        self, order: Order, refund: Refund, status: int, told: Mapping[str, Any], *, asked: bool
    ) -> RefundNews:
        """`asked`: it was a query, and a refusal of that (a clock that is wrong: 401) says nothing of the refund."""
        code, said = text_in(told, "code"), text_in(told, "message")
        if status == 404:
            return RefundNews(RefundFate.ABSENT if asked else RefundFate.REFUSED, code, said=said)
        if status >= 500 or code in DOUBT or status != 200 and (asked or not code):
            return RefundNews(RefundFate.SILENT, code, "unsure", said)
        if status != 200:
            return RefundNews(RefundFate.REFUSED, code, said=said)
        amount = told.get("amount")
        given = amount.get("refund") if isinstance(amount, dict) else None
        fate = REFUNDS.get(text_in(told, "status"))
        mine = (told.get("out_refund_no"), told.get("out_trade_no")) == (refund.number, order.number)
        if not mine or fate is None or given != refund.amount.amount_minor:
            raise Unbelievable("garbled")
        return RefundNews(fate, wallet_no=text_in(told, "refund_id"))


def _told(answer: tuple[int, bytes]) -> tuple[int, Mapping[str, Any]]:
    """Raises Unbelievable for what is no JSON object."""
    status, body = answer
    try:
        told = json.loads(body) if body else {}
    except ValueError as error:
        raise Unbelievable("garbled") from error
    if not isinstance(told, dict):
        raise Unbelievable("garbled")
    return status, told


def _amount(amount: Money) -> dict[str, Any]:
    return {"total": amount.amount_minor, "currency": amount.currency.code}


def _time(text: str) -> int:
    """RFC 3339 as milliseconds, 0 for none. Raises Unbelievable."""
    try:
        return int(datetime.datetime.fromisoformat(text).timestamp() * 1000) if text else 0
    except ValueError as error:
        raise Unbelievable("garbled") from error


def _customer(amount: object) -> Money | None:
    """What the payer has paid; None where the answer does not say it, or not as an amount."""
    paid = amount.get("payer_total") if isinstance(amount, dict) else None
    return Money(paid) if type(paid) is int and 0 <= paid <= AMOUNT_MAX_MINOR else None


def _promotions(told: Mapping[str, Any]) -> tuple[Promotion, ...] | None:
    """Each discount by who bears it; None for what cannot be read: the payment stands all the same."""
    found = []
    try:
        for row in told.get("promotion_detail", ()):
            ours = int(row.get("merchant_contribute", 0))
            theirs = int(row["amount"]) - ours
            name = str(row.get("name", ""))[:NAME_LIMIT]
            found += [
                Promotion(name, Money(part), payer)
                for part, payer in ((ours, Payer.MERCHANT), (theirs, Payer.PLATFORM))
                if part
            ]
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
    return tuple(found)


def _unpacked(packed: bytes) -> bytes:
    """Raises Unbelievable for what is no GZIP of a bounded size."""
    try:
        unpack = zlib.decompressobj(wbits=31)
        text = unpack.decompress(packed, BILL_LIMIT_BYTES)
    except zlib.error as error:
        raise Unbelievable("garbled") from error
    if not unpack.eof:
        raise Unbelievable("garbled")
    return text


def _bill_rows(data: bytes) -> list[BillRow]:
    try:
        return [_bill_row(line, cells) for line, cells in rows(data.decode("utf-8-sig"), COLUMNS)]
    except (BillError, UnicodeDecodeError) as error:
        raise Unbelievable("garbled") from error


def _bill_row(line: int, cells: Mapping[str, str]) -> BillRow:
    refund = cells["state"] in ("REFUND", "REVOKED")
    amount = cells["refund"] if refund else cells["amount"]
    # A revoked order has no refund of ours, whatever stands in that column.
    number = (cells["refund_no"] if cells["state"] == "REFUND" else "") or cells["order_no"]
    return BillRow(
        order_no=cells["order_no"],
        refund_no=number if refund else "",
        wallet=NAME,
        wallet_no=cells["wallet_no"],
        amount=money(amount, line, "amount"),
        fee_minor=minor(cells["fee"], line, "fee"),
        at_ms=when(cells["at"], line),
    )
