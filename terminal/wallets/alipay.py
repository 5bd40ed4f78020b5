"""Alipay (OpenAPI) behind the port, around `python-alipay-sdk`, which builds, signs and verifies.

What the library leaves open is closed here: order number and amount are those that were asked about, the clock is the
terminal's in China's civil time, TLS believes the authority that is configured, and an answer without a signature is
no answer.

Source: Alipay's public documents; retail digest, "QR payments". Nobody has tried it with a real contract.
"""

from __future__ import annotations

import datetime
import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from alipay import AliPay, AliPayConfig
from alipay.exceptions import AliPayException, AliPayValidationError

from drivers.ports import HTTP_WITHIN_S, Https
from terminal.model import Method, Money, Payer, Promotion
from terminal.rail import (
    CHINA,
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
from terminal.wallets.bills import BillError, civil_ms, minor, money, rows, when
from terminal.wallets.direct import NAME_LIMIT, Unbelievable, text_in

NAME = "alipay"
BILL_LIMIT_BYTES = 16 << 20
# Query every 3 s; a scanned code that is not paid after 60 s is cancelled, with no gap after the last query.
RULES = Rules(poll_ms=3_000, paying_seconds=60)
OK, ASKED, BUSINESS = "10000", "10003", "40004"
DOUBT = frozenset({"ACQ.SYSTEM_ERROR", "aop.ACQ.SYSTEM_ERROR", "isp.unknow-error"})
STATES = {
    "TRADE_SUCCESS": Fate.PAID,
    "TRADE_FINISHED": Fate.PAID,
    "TRADE_CLOSED": Fate.CLOSED,
}
CLOSED_CODES = frozenset({"ACQ.TRADE_HAS_CLOSE"})
PAID_CODES = frozenset({"ACQ.TRADE_HAS_SUCCESS", "ACQ.TRADE_STATUS_ERROR", "ACQ.REASON_TRADE_STATUS_INVALID"})
BAD_CODES = {"ACQ.PAYMENT_AUTH_CODE_INVALID": "used"}
ABSENT = "ACQ.TRADE_NOT_EXIST"
BILL_ABSENT = frozenset({"isp.bill_not_exist", "BILL_NOT_EXIST", "bill_not_exist"})
COLUMNS = {
    "wallet_no": "支付宝交易号",
    "order_no": "商户订单号",
    "what": "业务类型",
    "at": "完成时间",
    "amount": "订单金额（元）",
    "refund_no": "退款批次号/请求号",
    "fee": "服务费（元）",
}
REFUNDED = "退款"
PACKINGS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
# What the library lets out for a broken file beside its own error: offsets before the beginning, records cut short.
UNZIPPING_FAULTS = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, RuntimeError, ValueError)


@dataclass(frozen=True, slots=True, repr=False)
class Contract:
    """A merchant's app. `private_key` (PEM) is the app's, `public_key` (PEM) Alipay's own."""

    app_id: str
    private_key: str
    public_key: str
    store_id: str
    subject: str

    def __repr__(self) -> str:
        return f"Contract(alipay {self.app_id})"


class _Api(AliPay):  # type: ignore[misc]  # The library has no types.
    """The library with a transport and a clock of ours."""

    def __init__(self, contract: Contract, client: Https, wall_ms: Callable[[], int]) -> None:
        super().__init__(
            contract.app_id,
            app_private_key_string=contract.private_key,
            alipay_public_key_string=contract.public_key,
            config=AliPayConfig(timeout=HTTP_WITHIN_S),
        )
        self._client = client
        self._wall_ms = wall_ms

    def build_body(self, method: str, biz_content: Any = None, **more: Any) -> Any:
        at = datetime.datetime.fromtimestamp(self._wall_ms() // 1000, CHINA)
        return super().build_body(method, biz_content, timestamp=f"{at:%Y-%m-%d %H:%M:%S}", **more)

    def verified_sync_response(self, data: Any, response_type: str) -> Mapping[str, Any]:
        """The inner answer. Raises LinkDown, and Unbelievable for one that is not Alipay's."""
        headers = {"User-Agent": "zhanggui"}
        answer = self._client.exchange("GET", f"/gateway.do?{self.sign_data(data)}", headers)
        if answer.status != 200:
            raise Unbelievable("garbled")
        try:
            told = self._verify_and_return_sync_response(answer.body.decode("utf-8"), response_type)
        except (AliPayException, AliPayValidationError) as error:
            raise Unbelievable("unauthenticated") from error
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:  # Whatever its parsing meets.
            raise Unbelievable("garbled") from error
        if not isinstance(told, dict):
            raise Unbelievable("garbled")
        return told


class Alipay:
    """Meets `terminal.wallets.direct.Wallet`. Raises ValueError for a contract whose keys cannot be read."""

    name = NAME
    rules = RULES

    def __init__(self, contract: Contract, client: Https, wall_ms: Callable[[], int]) -> None:
        self._contract = contract
        self._client = client
        try:
            self._api = _Api(contract, client, wall_ms)
        except (IndexError, TypeError, ValueError) as error:
            raise ValueError("the keys of the Alipay contract cannot be read") from error

    def create(self, order: Order) -> OrderNews:
        ends = datetime.datetime.fromtimestamp(order.expires_ms // 1000, CHINA)
        told = self._api.api_alipay_trade_precreate(
            self._contract.subject,
            order.number,
            _yuan(order.amount),
            time_expire=f"{ends:%Y-%m-%d %H:%M:%S}",
            store_id=self._contract.store_id,
        )
        if told.get("code") != OK:
            return self._refused(order, told)
        payload = text_in(told, "qr_code")
        if not payload or told.get("out_trade_no") != order.number:
            raise Unbelievable("garbled")
        return OrderNews(Fate.WAITING, wallet=NAME, payload=payload, seconds=order.seconds)

    def pay_by_code(self, order: Order, code: str) -> OrderNews:
        told = self._api.api_alipay_trade_pay(
            order.number,
            "bar_code",
            code,
            self._contract.subject,
            total_amount=_yuan(order.amount),
            store_id=self._contract.store_id,
        )
        match told.get("code"):
            case "10000":
                return self._news(order, told, Fate.PAID)
            case "10003":
                return OrderNews(Fate.PAYING, ASKED, wallet=NAME)
        return self._refused(order, told)

    def query(self, order: Order) -> OrderNews:
        told = self._api.api_alipay_trade_query(order.number)
        if told.get("code") != OK:
            return self._refused(order, told, asked=True)
        state = text_in(told, "trade_status")
        if state == "WAIT_BUYER_PAY":
            return self._news(order, told, Fate.PAYING if order.method is Method.QR_SCANNED else Fate.WAITING)
        fate = STATES.get(state)
        if fate is None:
            raise Unbelievable("garbled")
        if fate is Fate.CLOSED and text_in(told, "send_pay_date"):
            fate = Fate.REFUNDED  # It was paid once: closed then means that all of it went back.
        return self._news(order, told, fate)

    def close(self, order: Order) -> OrderNews:
        told = self._api.api_alipay_trade_close(order.number)
        if told.get("code") == OK and told.get("out_trade_no") == order.number:
            return OrderNews(Fate.CLOSED, wallet=NAME)
        return self._refused(order, told)

    def reverse(self, order: Order) -> OrderNews:
        told = self._api.api_alipay_trade_cancel(order.number)
        if told.get("code") != OK:
            return self._refused(order, told)
        if told.get("out_trade_no") != order.number or told.get("retry_flag") == "Y":
            return OrderNews(Fate.SILENT, fault="unsure")
        return OrderNews(Fate.REFUNDED if told.get("action") == "refund" else Fate.CLOSED, wallet=NAME)

    def refund(self, order: Order, refund: Refund) -> RefundNews:
        more = {"refund_reason": refund.reason} if refund.reason else {}
        told = self._api.api_alipay_trade_refund(
            _yuan(refund.amount), order.number, out_request_no=refund.number, **more
        )
        if told.get("code") != OK:
            return _refund_refused(told)
        if told.get("out_trade_no") != order.number:
            raise Unbelievable("garbled")
        # "N": this call has moved nothing, because an earlier one has, or because it is under way.
        return RefundNews(RefundFate.DONE if told.get("fund_change") == "Y" else RefundFate.PENDING)

    def refund_query(self, order: Order, refund: Refund) -> RefundNews:
        told = self._api.api_alipay_trade_fastpay_refund_query(refund.number, order.number)
        if told.get("code") != OK:  # The query was refused: of the refund that says nothing, unless there is no order.
            code, said = text_in(told, "sub_code"), text_in(told, "sub_msg")
            if told.get("code") == BUSINESS and code == ABSENT:
                return RefundNews(RefundFate.ABSENT, code, said=said)
            return RefundNews(RefundFate.SILENT, code, "unsure", said)
        if "out_request_no" not in told:
            return RefundNews(RefundFate.ABSENT)
        mine = (told.get("out_request_no"), told.get("out_trade_no")) == (refund.number, order.number)
        if not mine or told.get("refund_amount") != _yuan(refund.amount):
            raise Unbelievable("garbled")
        done = told.get("refund_status") == "REFUND_SUCCESS"
        return RefundNews(RefundFate.DONE if done else RefundFate.PENDING)

    def bill(self, day: datetime.date) -> Bill:
        told = self._api.server_api(
            "alipay.data.dataservice.bill.downloadurl.query",
            {"bill_type": "trade", "bill_date": day.isoformat()},
        )
        if told.get("code") != OK:
            return Bill(None, "" if text_in(told, "sub_code") in BILL_ABSENT else "garbled")
        url = urlsplit(text_in(told, "bill_download_url"))
        client = self._client
        if url.hostname and url.hostname != client.host:
            if url.scheme != "https" or not url.hostname.endswith(".alipay.com"):
                raise Unbelievable("garbled")  # Nobody who is signed for sends us elsewhere.
            client = client.at(url.hostname)
        target = url.path + (f"?{url.query}" if url.query else "")
        answer = client.exchange("GET", target, {}, limit_bytes=BILL_LIMIT_BYTES)
        if answer.status != 200:
            raise Unbelievable("garbled")
        return Bill(tuple(_bill_rows(_unpacked(answer.body))))

    def _news(self, order: Order, told: Mapping[str, Any], fate: Fate) -> OrderNews:
        """Raises Unbelievable when it is about another order, or another amount."""
        if told.get("out_trade_no") != order.number or told.get("total_amount") != _yuan(order.amount):
            raise Unbelievable("garbled")
        return OrderNews(
            fate,
            wallet=NAME,
            wallet_no=text_in(told, "trade_no"),
            paid_ms=_civil_ms(text_in(told, "send_pay_date") or text_in(told, "gmt_payment")),
            promotions=_promotions(told),
            customer=_customer(text_in(told, "buyer_pay_amount")),
        )

    def _refused(self, order: Order, told: Mapping[str, Any], *, asked: bool = False) -> OrderNews:
        """`asked`: it was a query already, so a word of "paid" is not asked about again."""
        code, said = text_in(told, "sub_code"), text_in(told, "sub_msg")
        if told.get("code") != BUSINESS or code in DOUBT or not code:
            return OrderNews(Fate.SILENT, code, "unsure", said)
        if code == ABSENT:
            return OrderNews(Fate.ABSENT, code, said=said)
        if code in PAID_CODES and not asked:  # Only an answer about the order itself makes it paid.
            return self.query(order)
        fate = Fate.CLOSED if code in CLOSED_CODES else Fate.REFUSED
        return OrderNews(fate, code, BAD_CODES.get(code, ""), said, NAME)


def _refund_refused(told: Mapping[str, Any]) -> RefundNews:
    code, said = text_in(told, "sub_code"), text_in(told, "sub_msg")
    if told.get("code") != BUSINESS or code in DOUBT or not code:
        return RefundNews(RefundFate.SILENT, code, "unsure", said)
    return RefundNews(RefundFate.REFUSED, code, said=said)


def _yuan(amount: Money) -> str:
    return f"{amount.amount_minor // 100}.{amount.amount_minor % 100:02d}"


def _civil_ms(text: str) -> int:
    """China's civil time as milliseconds, 0 for none. Raises Unbelievable."""
    try:
        return civil_ms(text) if text else 0
    except ValueError as error:
        raise Unbelievable("garbled") from error


def _customer(yuan: str) -> Money | None:
    """What the buyer has paid; None where the answer does not say it, or not as an amount."""
    try:
        return Money(minor(yuan, 0, "buyer")) if yuan else None
    except (BillError, ValueError):
        return None


def _promotions(told: Mapping[str, Any]) -> tuple[Promotion, ...] | None:
    """Each voucher by who bears it; None for what cannot be read: the payment stands all the same."""
    found = []
    try:
        for row in told.get("voucher_detail_list", ()):
            name = str(row.get("name", ""))[:NAME_LIMIT]
            ours = minor(str(row.get("merchant_contribute", "0")), 0, "ours")
            theirs = minor(str(row["amount"]), 0, "amount") - ours
            found += [
                Promotion(name, Money(part), payer)
                for part, payer in ((ours, Payer.MERCHANT), (theirs, Payer.PLATFORM))
                if part
            ]
    except (AttributeError, BillError, KeyError, TypeError, ValueError):
        return None
    return tuple(found)


def _unpacked(packed: bytes) -> str:
    """The details in the ZIP. Raises Unbelievable for anything but a bounded CSV in GBK, one under a password too."""
    try:
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            # Beside the details lies their summary, which says so in its name.
            names = [info for info in archive.infolist() if not info.filename.endswith(("汇总).csv", "汇总.csv"))]
            if len(names) != 1 or names[0].file_size > BILL_LIMIT_BYTES or names[0].compress_type not in PACKINGS:
                raise Unbelievable("garbled")
            with archive.open(names[0]) as file:
                return file.read(BILL_LIMIT_BYTES).decode("gb18030")
    except UNZIPPING_FAULTS as error:
        raise Unbelievable("garbled") from error


def _bill_rows(text: str) -> list[BillRow]:
    try:
        return [_bill_row(line, cells) for line, cells in rows(text, COLUMNS)]
    except BillError as error:
        raise Unbelievable("garbled") from error


def _bill_row(line: int, cells: Mapping[str, str]) -> BillRow:
    # An order that was cancelled has no refund of ours.
    number = cells["refund_no"] or cells["order_no"]
    return BillRow(
        order_no=cells["order_no"],
        refund_no=number if cells["what"] == REFUNDED else "",
        wallet=NAME,
        wallet_no=cells["wallet_no"],
        amount=money(cells["amount"], line, "amount"),
        fee_minor=-minor(cells["fee"], line, "fee"),  # The file says what is taken as a negative amount.
        at_ms=when(cells["at"], line),
    )
