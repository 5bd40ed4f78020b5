"""One line a message for people who watch the acquirer: what it is, whose, how much, how it ended. PANs masked."""

from __future__ import annotations

from terminal.hostlink.codec import FrameError, Message, decode
from terminal.hostlink.frame import unwrap
from terminal.hostlink.profile import Profile
from terminal.hostlink.subfields import OrderTag, read_f60, read_tlv
from terminal.model import mask_pan

_KINDS = {
    "0200": "消费 sale",
    "0320": "批上送 upload",
    "0400": "冲正 reversal",
    "0500": "结算 settlement",
    "0620": "脚本通知 script notice",
    "0800": "签到 sign-in",
    "0820": "网络管理 network",
}
_ORDERS = {
    "700000": "扫码下单 QR order",
    "710000": "扫码查询 QR query",
    "720000": "扫码关单 QR close",
    "730000": "付款码支付 QR pay",
}


def describe(direction: str, frame: bytes, profile: Profile) -> dict[str, str | int]:
    """The message's facts for a line or for JSON; `direction` is "in" (from a terminal) or "out"."""
    facts: dict[str, str | int] = {"direction": direction, "bytes": len(frame)}
    try:
        message = decode(unwrap(frame, profile).body, profile)
    except FrameError as error:
        return facts | {"error": str(error)}
    request = f"{message.mti[:2]}{int(message.mti[2]) & ~1}{message.mti[3]}"
    code = message.text(3)
    facts |= {"mti": message.mti, "kind": _ORDERS.get(code, _KINDS.get(request, "")) or "?"}
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
