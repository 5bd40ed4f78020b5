"""WeChat Pay API v3, as much of it as a counter needs: native and code payments, query, close, reverse, refunds, bill.

A request is believed when its Authorization names our merchant, was signed by the merchant's key over method, path,
time, nonce and body, is not older than five minutes, and its nonce is new. An answer carries the wallet's signature
over time, nonce and body under the id of its public key.

Source: WeChat Pay's public API v3 documents, as wechatpayv3 2.0.4 speaks them.
"""

from __future__ import annotations

import base64
import datetime
import gzip
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from sim.gateways.till import Billed, No, Refund, Refused, State, Till, Trade

AGE_S = 300  # How old a request may be.
ZONE = datetime.timezone(datetime.timedelta(hours=8))
STATES = {
    State.UNPAID: "NOTPAY",
    State.ASKED: "USERPAYING",
    State.PAID: "SUCCESS",
    State.CLOSED: "CLOSED",
    State.REVOKED: "REVOKED",
}
# Status and code of each refusal.
ERRORS = {
    No.UNKNOWN: (404, "ORDER_NOT_EXIST"),
    No.NUMBER_USED: (400, "OUT_TRADE_NO_USED"),
    No.PAID: (400, "ORDERPAID"),
    No.CLOSED: (400, "ORDER_CLOSED"),
    No.BAD_CODE: (400, "AUTH_CODE_INVALID"),
    No.POOR: (403, "NOT_ENOUGH"),
    No.TOO_MUCH: (403, "NOT_ENOUGH"),
    No.NOT_PAID: (400, "INVALID_REQUEST"),
}
_AUTHORIZATION = re.compile(
    r'WECHATPAY2-SHA256-RSA2048 mchid="(\w{1,32})",nonce_str="(\w{1,64})",signature="([A-Za-z0-9+/=]{1,1024})"'
    r',timestamp="(\d{1,12})",serial_no="(\w{1,64})"'
)


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes = b""
    headers: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Merchant:
    """Who may ask: the numbers, and the merchant's public key."""

    mchid: str
    appid: str
    serial: str
    public_key: rsa.RSAPublicKey


class WeChatGateway:
    """`key` signs answers under `key_id`; `forger` is who signs them in a bad mood."""

    def __init__(
        self,
        till: Till,
        merchant: Merchant,
        key: rsa.RSAPrivateKey,
        key_id: str,
        forger: rsa.RSAPrivateKey,
        draw: Callable[[int], bytes],
    ) -> None:
        self.till = till
        self._merchant = merchant
        self._key = key
        self._key_id = key_id
        self._forger = forger
        self._draw = draw
        self._nonces: dict[str, int] = {}
        self._bills: dict[str, bytes] = {}

    def handle(self, method: str, target: str, headers: Mapping[str, str], body: bytes, now_ms: int) -> Answer | None:
        """One request; None when the answer is lost. Raises nothing for what a client may send."""
        refused = self._stranger(method, target, headers, body, now_ms)
        if refused:
            return self._signed(401, {"code": "SIGN_ERROR", "message": refused}, now_ms)
        if self.till.mood.busy:
            return self._signed(500, {"code": "SYSTEM_ERROR", "message": "busy"}, now_ms)
        try:
            answer = self._answer(method, urlsplit(target), body, now_ms)
        except Refused as no:
            status, code = ERRORS[no.why]
            answer = status, {"code": code, "message": no.why.value}
        except (KeyError, TypeError, ValueError) as error:
            answer = 400, {"code": "PARAM_ERROR", "message": f"{type(error).__name__}"}
        if self.till.mood.deaf:
            return None
        status, told = answer
        if isinstance(told, bytes):
            return Answer(status, told, {"Content-Type": "text/plain"})
        return self._signed(status, told, now_ms)

    def _stranger(self, method: str, target: str, headers: Mapping[str, str], body: bytes, now_ms: int) -> str:
        found = _AUTHORIZATION.fullmatch(headers.get("authorization", ""))
        if not found:
            return "no Authorization"
        mchid, nonce, signature, timestamp, serial = found.groups()
        if (mchid, serial) != (self._merchant.mchid, self._merchant.serial):
            return "another merchant"
        if abs(now_ms // 1000 - int(timestamp)) > AGE_S:
            return "too old"
        if nonce in self._nonces:
            return "seen before"
        signed = f"{method}\n{target}\n{timestamp}\n{nonce}\n".encode() + body + b"\n"
        try:
            self._merchant.public_key.verify(base64.b64decode(signature), signed, padding.PKCS1v15(), SHA256())
        except (InvalidSignature, ValueError):
            return "wrong signature"
        self._nonces = {seen: at for seen, at in self._nonces.items() if now_ms - at < 2 * AGE_S * 1000}
        self._nonces[nonce] = now_ms
        return ""

    def _signed(self, status: int, told: dict[str, Any] | None, now_ms: int) -> Answer:
        body = json.dumps(told, ensure_ascii=False).encode() if told is not None else b""
        at = str(now_ms // 1000 - (600 if self.till.mood.stale else 0))
        nonce = self._draw(16).hex()
        key = self._forger if self.till.mood.forged else self._key
        signature = key.sign(f"{at}\n{nonce}\n".encode() + body + b"\n", padding.PKCS1v15(), SHA256())
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Wechatpay-Signature-Type": "WECHATPAY2-SHA256-RSA2048",
            "Wechatpay-Timestamp": at,
            "Wechatpay-Nonce": nonce,
            "Wechatpay-Serial": self._key_id,
            "Wechatpay-Signature": base64.b64encode(signature).decode(),
        }
        return Answer(status, body, headers)

    def _answer(self, method: str, url: Any, body: bytes, now_ms: int) -> tuple[int, dict[str, Any] | bytes | None]:
        path, query = url.path, {name: values[0] for name, values in parse_qs(url.query).items()}
        asked = json.loads(body) if body else {}
        order = re.fullmatch(r"/v3/pay/transactions/out-trade-no/(\w{6,32})(/close|/reverse)?", path)
        refund = re.fullmatch(r"/v3/refund/domestic/refunds/([\w@|*-]{1,64})", path)
        match method, path:
            case "POST", "/v3/pay/transactions/native":
                return self._native(asked, now_ms)
            case "POST", "/v3/pay/transactions/codepay":
                return self._code(asked, now_ms)
            case "POST", "/v3/refund/domestic/refunds":
                return self._refund(asked, now_ms)
            case "GET", "/v3/bill/tradebill":
                return self._bill(query["bill_date"], packed=query.get("tar_type") == "GZIP")
            case "GET", "/v3/billdownload/file":
                return 200, self._bills[query["token"]]
        if order and method == "GET" and order[2] is None:
            return 200, self._told(self.till.find(order[1], now_ms))
        if order and method == "POST" and order[2] == "/close":
            self.till.close(order[1], now_ms)
            return 204, None
        if order and method == "POST" and order[2] == "/reverse":
            return 200, self._told(self.till.reverse(order[1], now_ms))
        if refund and method == "GET":
            trade, given = self.till.find_refund(refund[1])
            return 200, self._refund_told(trade, given, now_ms)
        return 404, {"code": "RESOURCE_NOT_EXISTS", "message": path}

    def _amount(self, asked: Mapping[str, Any]) -> int:
        if (asked["appid"], asked["mchid"]) != (self._merchant.appid, self._merchant.mchid):
            raise ValueError("another merchant's order")
        amount = asked["amount"]
        if amount.get("currency", "CNY") != "CNY" or not isinstance(amount["total"], int) or amount["total"] < 1:
            raise ValueError("an amount in minor units of CNY")
        return int(amount["total"])

    def _native(self, asked: Mapping[str, Any], now_ms: int) -> tuple[int, dict[str, Any]]:
        ends = datetime.datetime.fromisoformat(asked["time_expire"])
        trade = self.till.create(
            asked["out_trade_no"], self._amount(asked), now_ms, int(ends.timestamp() * 1000)
        )
        return 200, {"code_url": trade.payload}

    def _code(self, asked: Mapping[str, Any], now_ms: int) -> tuple[int, dict[str, Any]]:
        code = asked["payer"]["auth_code"]
        trade = self.till.charge(asked["out_trade_no"], self._amount(asked), code, now_ms)
        return 200, self._told(trade)

    def _told(self, trade: Trade) -> dict[str, Any]:
        told: dict[str, Any] = {
            "appid": self._merchant.appid,
            "mchid": self._merchant.mchid,
            "out_trade_no": "OTHER" + trade.number[5:] if self.till.mood.other_order else trade.number,
            "trade_type": "NATIVE" if trade.payload else "MICROPAY",
            "trade_state": "REFUND" if trade.state is State.PAID and trade.refunds else STATES[trade.state],
            "trade_state_desc": "",
            "amount": {"total": trade.amount_minor, "currency": "CNY"},
        }
        if trade.paid_ms:
            paid = trade.amount_minor - trade.discount_minor
            told |= {
                "transaction_id": trade.wallet_no,
                "success_time": _time(trade.paid_ms),
                "amount": told["amount"] | {"payer_total": paid, "payer_currency": "CNY"},
            }
        if trade.discount_minor:
            told["promotion_detail"] = [
                {
                    "coupon_id": "109519",
                    "name": "立减优惠",
                    "scope": "GLOBAL",
                    "type": "CASH" if trade.platform else "NOCASH",
                    "amount": "some" if self.till.mood.odd_discount else trade.discount_minor,
                    "wechatpay_contribute": trade.discount_minor if trade.platform else 0,
                    "merchant_contribute": 0 if trade.platform else trade.discount_minor,
                    "currency": "CNY",
                }
            ]
        return told

    def _refund(self, asked: Mapping[str, Any], now_ms: int) -> tuple[int, dict[str, Any]]:
        amount = asked["amount"]
        trade = self.till.find(asked["out_trade_no"], now_ms)
        if amount["total"] != trade.amount_minor:
            raise Refused(No.NUMBER_USED)
        given = self.till.refund(trade.number, asked["out_refund_no"], int(amount["refund"]), now_ms)
        return 200, self._refund_told(trade, given, now_ms)

    def _refund_told(self, trade: Trade, given: Refund, now_ms: int) -> dict[str, Any]:
        return {
            "refund_id": f"50{given.number}"[:32],
            "out_refund_no": given.number,
            "transaction_id": trade.wallet_no,
            "out_trade_no": trade.number,
            "channel": "ORIGINAL",
            "create_time": _time(given.at_ms),
            "status": "SUCCESS" if given.settled_ms <= now_ms else "PROCESSING",
            "amount": {"total": trade.amount_minor, "refund": given.amount_minor, "currency": "CNY"},
        }

    def _bill(self, day: str, *, packed: bool) -> tuple[int, dict[str, Any]]:
        """The trade bill of a day: rows begin with a backquote, as in the wallet's own files."""
        if self.till.mood.bill_late:
            return 400, {"code": "NO_STATEMENT_EXIST", "message": "not yet"}
        lines = [BILL_HEAD]
        lines += [_bill_row(row) for row in self.till.billed(lambda at_ms: _time(at_ms)[:10] == day)]
        data = "\n".join(lines).encode()
        token = hashlib.sha1(data).hexdigest()
        self._bills[token] = gzip.compress(data) if packed else data
        return 200, {"hash_type": "SHA1", "hash_value": token, "download_url": f"{DOWNLOAD}?token={token}"}


DOWNLOAD = "/v3/billdownload/file"
BILL_HEAD = "交易时间,微信订单号,商户订单号,交易状态,商户退款单号,订单金额,退款金额,手续费,费率"


def _bill_row(row: Billed) -> str:
    trade, state = row.trade, "SUCCESS"
    if row.back:
        state = "REFUND" if row.refund_no else "REVOKED"
    paid = trade.amount_minor if row.back else row.amount_minor
    cells = (
        _time(row.at_ms)[:19].replace("T", " "),
        trade.wallet_no,
        trade.number,
        state,
        row.refund_no or "0",
        f"{paid / 100:.2f}",
        f"{row.amount_minor / 100:.2f}" if row.back else "0.00",
        f"{row.fee_yuan(5)}",
        f"{row.fee_bp / 100:.2f}%",
    )
    return ",".join(f"`{cell}" for cell in cells)


def _time(ms: int) -> str:
    return datetime.datetime.fromtimestamp(ms // 1000, ZONE).isoformat()
