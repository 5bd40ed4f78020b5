"""One line a message for people who watch the acquirer: what it is, whose, how much, how it ended. PANs masked."""

from __future__ import annotations

from terminal.hostlink.codec import FrameError, Message, decode
from terminal.hostlink.downloads import DOWNLOADS, ListName
from terminal.hostlink.frame import unwrap
from terminal.hostlink.messages import (
    QR_BILL,
    QR_CLOSE,
    QR_CREATE,
    QR_PAY,
    QR_QUERY,
    QR_RECEIPTS,
    QR_REFUND,
    QR_REFUND_QUERY,
    QR_REVERSE,
)
from terminal.hostlink.profile import Profile
from terminal.hostlink.subfields import OrderTag, read_f60, read_tlv
from terminal.model import mask_pan
from terminal.receipts.words import KINDS

_BY_MTI = {
    "0320": "批上送 batch upload",
    "0500": "结算 settlement",
    "0620": "脚本通知 script notice",
}
# F60.3 of an 0800 or 0820. Who signs in names the scheme of its keys; the lists are in docs/host-link.md §13.
_BY_CODE = {
    "001": "签到 sign-in",
    "003": "签到 sign-in",
    "004": "签到 sign-in",
    "006": "签到 sign-in",
    "002": "签退 sign-out",
    "202": "批上送结束 upload end, not balanced",
    "207": "批上送结束 upload end, balanced",
    "301": "回响 echo",
    "401": "收银员签到 cashier sign-in",
    "981": "激活 activation",
}
_LISTS = {
    ListName.PARAMETERS: "终端参数 parameters",
    ListName.CA_KEYS: "公钥 CA keys",
    ListName.AIDS: "AID参数 AIDs",
    ListName.BLACKLIST: "卡黑名单 card blacklist",
    ListName.NO_PIN_BINS: "免密BIN no-PIN BINs",
    ListName.BIN_BLACKLIST: "BIN黑名单 BIN blacklist",
    ListName.CARD_BINS: "卡BIN card BINs",
}
_ORDERS = {
    QR_CREATE: "扫码下单 QR order",
    QR_QUERY: "扫码查询 QR query",
    QR_CLOSE: "扫码关单 QR close",
    QR_PAY: "付款码支付 QR pay",
    QR_REVERSE: "付款码撤销 QR reverse",
    QR_REFUND: "扫码退款 QR refund",
    QR_REFUND_QUERY: "退款查询 QR refund query",
    QR_BILL: "对账单 trade bill",
    QR_RECEIPTS: "静态码到账 QR receipts",
}


def kind_words(message: Message, profile: Profile) -> str:
    """What a request (or the request of an answer) is, in both languages; "?" for what no desk knows."""
    request = f"{message.mti[:2]}{int(message.mti[2]) & ~1}{message.mti[3]}"
    try:
        f60 = read_f60(message.text(60)) if 60 in message.fields else None
    except FrameError:
        f60 = None
    code = f60.network_management if f60 is not None else ""
    if request in ("0800", "0820"):
        if f60 is not None and f60.type == "07":
            return "电子签名 signature"
        if profile.tmk_download and code == profile.tmk_download:
            return "主密钥下载 TMK download"
        return _BY_CODE.get(code) or _list_words(code) or "网络管理 network"
    if request == "0320" and code in _BY_CODE:
        return _BY_CODE[code]
    if request in _BY_MTI:
        return _BY_MTI[request]
    if request == "0200" and message.text(3) in _ORDERS:
        return _ORDERS[message.text(3)]
    codes = (message.text(3), message.text(25), f60.type, f60.account_type) if f60 is not None else ()
    for row in profile.transactions.values():
        if codes == (row.processing_code, row.condition, row.type, row.account) and request in (row.mti, "0400"):
            zh, en = KINDS[row.kind]
            return f"冲正{zh} reversal of {en.lower()}" if request == "0400" else f"{zh} {en.lower()}"
    return "冲正 reversal" if request == "0400" else "?"


def _list_words(code: str) -> str:
    for name, row in DOWNLOADS.items():
        if code and code in (row.names, row.load, row.more, row.end):
            return f"{_LISTS[name]} download"
    return ""


def describe(direction: str, frame: bytes, profile: Profile) -> dict[str, str | int]:
    """The message's facts for a line or for JSON; `direction` is "in" (from a terminal) or "out"."""
    facts: dict[str, str | int] = {"direction": direction, "bytes": len(frame)}
    try:
        message = decode(unwrap(frame, profile).body, profile)
    except FrameError as error:
        return facts | {"error": str(error)}
    facts |= {"mti": message.mti, "kind": kind_words(message, profile)}
    for name, number in (("stan", 11), ("terminal", 41), ("merchant", 42), ("code", 39), ("rrn", 37)):
        if number in message.fields:
            facts[name] = message.text(number)
    if 4 in message.fields:
        facts["amount_minor"] = int(message.text(4))
    if 2 in message.fields:
        facts["pan"] = mask_pan(message.text(2))
    return facts | _inside(message)


def _inside(message: Message) -> dict[str, str | int]:
    """Batch and order, where the sub-fields can be read."""
    found: dict[str, str | int] = {"mac": int(64 in message.fields)}
    try:
        if 60 in message.fields:
            found["batch"] = read_f60(message.text(60)).batch_no
        if 59 in message.fields:
            tags = read_tlv(message.text(59))
            found["order"] = tags.get(OrderTag.ORDER_NO, "")
            if OrderTag.STATE in tags:
                found["state"] = tags[OrderTag.STATE]
    except FrameError as error:
        found["error"] = str(error)
    return found


def one_line(facts: dict[str, str | int]) -> str:
    """The same facts as one line of text."""
    arrow = "→" if facts["direction"] == "in" else "←"
    if "mti" not in facts:
        return f"{arrow} {facts['bytes']} bytes: {facts.get('error', '')}"
    parts = [arrow, str(facts["mti"]), f"{facts['kind']}"]
    for name, label in (("terminal", ""), ("batch", "batch "), ("stan", "stan "), ("order", "order "), ("pan", "")):
        if facts.get(name):
            parts.append(f"{label}{facts[name]}")
    amount = facts.get("amount_minor")
    if isinstance(amount, int):
        parts.append(f"¥{amount // 100}.{amount % 100:02d}")
    if "code" in facts:
        parts.append(f"[{facts['code']}]")
    if "state" in facts:
        parts.append(str(facts["state"]))
    return " ".join(parts)
