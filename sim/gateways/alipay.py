"""Alipay's OpenAPI, as much of it as a counter needs: precreate, pay, query, cancel, close, refund, refund query, bill.

A request is a query string (or form) whose parameters, sorted and joined, are signed under RSA2 by the app's key; an
answer's inner JSON is signed by Alipay's. Times are civil times of China.

Source: Alipay's public documents, as python-alipay-sdk 3.4.0 speaks them.
"""

from __future__ import annotations

import base64
import datetime
import io
import json
import zipfile
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from sim.gateways.till import Billed, No, Refused, State, Till, Trade
from sim.gateways.wechat import ZONE, Answer

AGE_S = 600
STATES = {
    State.UNPAID: "WAIT_BUYER_PAY",
    State.ASKED: "WAIT_BUYER_PAY",
    State.PAID: "TRADE_SUCCESS",
    State.CLOSED: "TRADE_CLOSED",
    State.REVOKED: "TRADE_CLOSED",
}
ERRORS = {
    No.UNKNOWN: "ACQ.TRADE_NOT_EXIST",
    No.NUMBER_USED: "ACQ.CONTEXT_INCONSISTENT",
    No.PAID: "ACQ.TRADE_HAS_SUCCESS",
    No.CLOSED: "ACQ.TRADE_HAS_CLOSE",
    No.BAD_CODE: "ACQ.PAYMENT_AUTH_CODE_INVALID",
    No.POOR: "ACQ.BUYER_BALANCE_NOT_ENOUGH",
    No.TOO_MUCH: "ACQ.REFUND_AMT_NOT_EQUAL_TOTAL",
    No.NOT_PAID: "ACQ.TRADE_STATUS_ERROR",
}
OK, ASKED, BUSINESS, BUSY = "10000", "10003", "40004", "20000"


class AlipayGateway:
    """`key` signs answers; `forger` does in a bad mood."""

    def __init__(
        self,
        till: Till,
        app_id: str,
        app_key: rsa.RSAPublicKey,
        key: rsa.RSAPrivateKey,
        forger: rsa.RSAPrivateKey,
    ) -> None:
        self.till = till
        self._app_id = app_id
        self._app_key = app_key
        self._key = key
        self._forger = forger

    def handle(self, query: str, now_ms: int) -> Answer | None:
        """One request, by its parameters; None when the answer is lost. Raises nothing for what a client may send."""
        asked = dict(parse_qsl(query, keep_blank_values=True))
        method = asked.get("method", "")
        refused = self._stranger(asked, now_ms)
        if refused:
            return self._plain(method, {"code": "40002", "msg": "Invalid Arguments", "sub_code": refused})
        if self.till.mood.busy:
            return self._signed(method, {"code": BUSY, "msg": "Service Currently Unavailable"}, now_ms)
        try:
            told = self._answer(method, json.loads(asked.get("biz_content") or "{}"), now_ms)
        except Refused as no:
            told = {"code": BUSINESS, "msg": "Business Failed", "sub_code": ERRORS[no.why], "sub_msg": no.why.value}
        except (KeyError, TypeError, ValueError, ArithmeticError) as error:
            told = {"code": BUSINESS, "msg": "Business Failed", "sub_code": "ACQ.INVALID_PARAMETER"}
            told["sub_msg"] = type(error).__name__
        return None if self.till.mood.deaf else self._signed(method, told, now_ms)

    def bill(self, query: str) -> Answer:
        """The file behind a bill's address: a ZIP with one CSV in GBK."""
        day = dict(parse_qsl(query)).get("day", "")
        lines = [f"#支付宝业务明细查询 {day}", BILL_HEAD]
        lines += [_bill_row(row) for row in self.till.billed(lambda at_ms: _time(at_ms)[:10] == day)]
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("details.csv", "\n".join(lines).encode("gbk"))
        return Answer(200, out.getvalue(), {"Content-Type": "application/zip"})

    def _stranger(self, asked: Mapping[str, str], now_ms: int) -> str:
        if asked.get("app_id") != self._app_id:
            return "isv.invalid-app-id"
        signed = "&".join(f"{name}={value}" for name, value in sorted(asked.items()) if name != "sign")
        try:
            signature = base64.b64decode(asked.get("sign", ""), validate=True)
            self._app_key.verify(signature, signed.encode(), padding.PKCS1v15(), SHA256())
            at = datetime.datetime.fromisoformat(asked.get("timestamp", "")).replace(tzinfo=ZONE)
        except (InvalidSignature, ValueError):
            return "isv.invalid-signature"
        return "isv.invalid-timestamp" if abs(at.timestamp() - now_ms / 1000) > AGE_S else ""

    def _plain(self, method: str, told: Mapping[str, Any]) -> Answer:
        body = json.dumps({method.replace(".", "_") + "_response": told}, ensure_ascii=False)
        return Answer(200, body.encode(), {"Content-Type": "application/json"})

    def _signed(self, method: str, told: dict[str, Any], now_ms: int) -> Answer:
        inner = json.dumps(told, ensure_ascii=False, separators=(",", ":"))
        key = self._forger if self.till.mood.forged else self._key
        sign = base64.b64encode(key.sign(inner.encode(), padding.PKCS1v15(), SHA256())).decode()
        name = method.replace(".", "_") + "_response"
        body = f'{{"{name}":{inner},"sign":"{sign}"}}'
        return Answer(200, body.encode(), {"Content-Type": "application/json"})

    def _answer(self, method: str, asked: Mapping[str, Any], now_ms: int) -> dict[str, Any]:
        number = str(asked.get("out_trade_no", ""))
        match method:
            case "alipay.trade.precreate":
                ends = datetime.datetime.fromisoformat(asked["time_expire"]).replace(tzinfo=ZONE)
                trade = self.till.create(number, _minor(asked["total_amount"]), now_ms, int(ends.timestamp() * 1000))
                return {"code": OK, "msg": "Success", "out_trade_no": number, "qr_code": trade.payload}
            case "alipay.trade.pay":
                trade = self.till.charge(number, _minor(asked["total_amount"]), str(asked["auth_code"]), now_ms)
                if trade.state is State.ASKED:
                    return {"code": ASKED, "msg": "order success pay inprocess", "out_trade_no": number}
                return self._told(trade)
            case "alipay.trade.query":
                trade = self.till.find(number, now_ms)
                return self._told(trade) | {"trade_status": STATES[trade.state]}
            case "alipay.trade.cancel":
                trade = self.till.reverse(number, now_ms)
                action = "refund" if trade.paid_ms else "close"
                return {"code": OK, "msg": "Success", "out_trade_no": number, "retry_flag": "N", "action": action}
            case "alipay.trade.close":
                self.till.close(number, now_ms)
                return {"code": OK, "msg": "Success", "out_trade_no": number}
            case "alipay.trade.refund":
                before = self.till.find(number, now_ms)
                again = asked["out_request_no"] in before.refunds
                given = self.till.refund(number, asked["out_request_no"], _minor(asked["refund_amount"]), now_ms)
                change = "N" if again or given.settled_ms > now_ms else "Y"
                return {
                    "code": OK,
                    "msg": "Success",
                    "out_trade_no": number,
                    "fund_change": change,
                    "refund_fee": _yuan(before.given_back_minor),
                }
            case "alipay.trade.fastpay.refund.query":
                return self._refund_told(asked["out_request_no"], now_ms)
            case "alipay.data.dataservice.bill.downloadurl.query":
                if self.till.mood.bill_late:
                    return {"code": BUSINESS, "msg": "Business Failed", "sub_code": "isp.bill_not_exist"}
                return {"code": OK, "msg": "Success", "bill_download_url": f"/bill?day={asked['bill_date']}"}
        raise ValueError("no such method")

    def _told(self, trade: Trade) -> dict[str, Any]:
        number = "OTHER" + trade.number[5:] if self.till.mood.other_order else trade.number
        told: dict[str, Any] = {
            "code": OK,
            "msg": "Success",
            "out_trade_no": number,
            "total_amount": _yuan(trade.amount_minor),
        }
        if trade.paid_ms:
            paid = trade.amount_minor - trade.discount_minor
            told |= {
                "trade_no": trade.wallet_no,
                "buyer_pay_amount": _yuan(paid),
                "receipt_amount": _yuan(trade.amount_minor if trade.platform else paid),
                "send_pay_date": _time(trade.paid_ms),
                "gmt_payment": _time(trade.paid_ms),
            }
        if trade.discount_minor:
            ours, theirs = (0, trade.discount_minor) if trade.platform else (trade.discount_minor, 0)
            told["voucher_detail_list"] = [
                {
                    "id": "2015102600073002039000002D5O",
                    "name": "立减优惠",
                    "type": "ALIPAY_COMMON_ITEM_VOUCHER",
                    "amount": "some" if self.till.mood.odd_discount else _yuan(trade.discount_minor),
                    "merchant_contribute": _yuan(ours),
                    "other_contribute": _yuan(theirs),
                }
            ]
        return told

    def _refund_told(self, refund_no: str, now_ms: int) -> dict[str, Any]:
        """An unknown refund is a success without a refund in it: that is how it is told apart."""
        try:
            trade, given = self.till.find_refund(refund_no)
        except Refused:
            return {"code": OK, "msg": "Success"}
        told = {
            "code": OK,
            "msg": "Success",
            "out_trade_no": trade.number,
            "out_request_no": given.number,
            "refund_amount": _yuan(given.amount_minor),
            "total_amount": _yuan(trade.amount_minor),
        }
        return told | ({"refund_status": "REFUND_SUCCESS"} if given.settled_ms <= now_ms else {})


BILL_HEAD = "支付宝交易号,商户订单号,业务类型,完成时间,订单金额（元）,退款批次号/请求号,服务费（元）"


def _bill_row(row: Billed) -> str:
    minor = -row.amount_minor if row.back else row.amount_minor
    cells = (
        row.trade.wallet_no,
        row.trade.number,
        "退款" if row.back else "交易",
        _time(row.at_ms),
        f"{minor / 100:.2f}",
        row.refund_no,
        f"{-row.fee_yuan(2)}",
    )
    return ",".join(f"{cell}\t" for cell in cells)


def _minor(yuan: Any) -> int:
    """"12.30" to 1230. Raises ValueError for anything but a positive amount with at most two decimals."""
    whole, _, part = str(yuan).partition(".")
    if not whole.isdecimal() or len(part) > 2 or (part and not part.isdecimal()):
        raise ValueError("no amount")
    minor = int(whole) * 100 + int(part.ljust(2, "0"))
    if minor < 1:
        raise ValueError("no amount")
    return minor


def _yuan(minor: int) -> str:
    return f"{minor // 100}.{minor % 100:02d}"


def _time(ms: int) -> str:
    return datetime.datetime.fromtimestamp(ms // 1000, ZONE).strftime("%Y-%m-%d %H:%M:%S")
