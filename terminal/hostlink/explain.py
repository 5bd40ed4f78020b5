"""A frame for people: each field by name in both languages, its value masked, its meaning, what is wrong.

Used by `python -m terminal decode` and by the panel. Nothing it gives out holds more of a PAN than 6+4, a
track's rest, or a PIN block; so it may be shown, logged and kept.

Spec: docs/host-link.md §1 to §8.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from keys import KeyLayout
from keys.mac import unionpay_mac
from terminal.hostlink.codec import FRAMING, FrameError, Placed, read_mti, walk
from terminal.hostlink.codes import RESPONSE_CODES, lookup
from terminal.hostlink.details import read_additional_amounts
from terminal.hostlink.frame import TPDU_BYTES, TPDU_ID, preamble_bytes, unwrap
from terminal.hostlink.icc import elements
from terminal.hostlink.masking import mask_digit_runs, mask_element, masked_raw, masked_value
from terminal.hostlink.profile import Profile
from terminal.hostlink.subfields import OrderTag, read_f60, read_f61, read_tlv
from terminal.hostlink.wire import BITMAP_BYTES
from terminal.model import mask_pan

LENGTH_PREFIX_BYTES = 2
MAC_FIELD = 64


@dataclass(frozen=True, slots=True)
class Line:
    """One field. `value` is masked text (binary: hex), `raw` masked wire bytes in hex, length included."""

    number: int
    name: str
    zh: str
    value: str
    raw: str
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """A frame as far as it could be read. `mac`: good, bad, absent, or unchecked (no key was given)."""

    mti: str | None
    mti_words: str
    tpdu: str | None
    header: str | None
    requirement: int | None
    bitmap: str | None
    lines: tuple[Line, ...]
    mac: str
    problem: FrameError | None

    def to_json(self) -> dict[str, Any]:
        problem = self.problem
        return {
            "mti": self.mti,
            "tpdu": self.tpdu,
            "header": self.header,
            "requirement": self.requirement,
            "bitmap": self.bitmap,
            "mac": self.mac,
            "fields": {
                str(line.number): {
                    "name": line.name,
                    "zh": line.zh,
                    "value": line.value,
                    "raw": line.raw,
                    "notes": list(line.notes),
                }
                for line in self.lines
            },
            "problem": problem and {"field": problem.field, "offset": problem.offset, "reason": problem.reason},
        }

    def to_lines(self) -> list[str]:
        """For a console: one line a field, its notes indented below it."""
        out: list[str] = []
        if self.tpdu is not None:
            out.append(f"TPDU    {self.tpdu}")
        if self.header is not None:
            out.append(f"header  {self.header}  {REQUIREMENTS.get(self.requirement or 0, '')}".rstrip())
        if self.mti is not None:
            out.append(f"MTI     {self.mti}  {self.mti_words}".rstrip())
        if self.bitmap is not None:
            out.append(f"bitmap  {self.bitmap}")
        for line in self.lines:
            out.append(f"F{line.number:<3} {line.value}  {line.zh} {line.name}")
            out += [f"       {note}" for note in line.notes]
        if self.mac in ("good", "bad"):
            out.append(f"MAC     {'正确 good' if self.mac == 'good' else '错误 bad'}")
        if self.problem is not None:
            out.append(f"拒绝 refused: {self.problem}")
        return out


def explain(data: bytes, profile: Profile, *, bare: bool = False, mak: bytearray | None = None) -> Explanation:
    """Explain a frame, with or without its length prefix; `bare` data starts at the MTI.

    Never raises for bad data: the fault is in `problem`, its offset counted from the start of `data`. With a
    *test* MAK (which stays the caller's to wipe) field 64 is checked.
    """
    tpdu = header = None
    requirement = None
    start = 0
    if not bare:
        try:
            start = _after_length(data)
            frame = unwrap(data[start:], profile)
        except FrameError as fault:
            return Explanation(None, "", None, None, None, None, (), "unchecked", fault.moved(start))
        tpdu, header, requirement = frame.tpdu, frame.header, frame.requirement
        start += preamble_bytes(data[start:], profile)
    body = data[start:]
    mti: str | None = None
    lines: list[Line] = []
    problem: FrameError | None = None
    try:
        mti = read_mti(body, profile)
        for item in walk(body, profile):
            lines.append(_line(item, body[item.start : item.end], mti))
    except FrameError as fault:
        problem = fault.moved(start)
    bitmap = _bitmap(body, profile)
    words = MTI_WORDS.get(mti or "", "")
    mac = "absent" if problem is None else "unchecked"
    if problem is None and lines and lines[-1].number == MAC_FIELD:
        mac = _check_mac(body, mak)
    return Explanation(mti, words, tpdu, header, requirement, bitmap, tuple(lines), mac, problem)


def _after_length(data: bytes) -> int:
    """Where the frame begins: after a length prefix that counts exactly the rest, or at once.

    Raises FrameError when two bytes stand before a TPDU but count something else: the frame was cut or
    joined.
    """
    prefix = int.from_bytes(data[:LENGTH_PREFIX_BYTES], "big")
    rest = len(data) - LENGTH_PREFIX_BYTES
    if rest >= 0 and prefix == rest:
        return LENGTH_PREFIX_BYTES
    if rest > TPDU_BYTES and data[0] != TPDU_ID and data[LENGTH_PREFIX_BYTES] == TPDU_ID:
        raise FrameError(FRAMING, 0, f"the length prefix says {prefix} bytes, {rest} follow")
    return 0


def _bitmap(body: bytes, profile: Profile) -> str | None:
    """Sixteen hex digits, or None for a body that ends before."""
    wire = profile.wire
    raw = body[wire.mti_bytes : wire.fields_at]
    if len(raw) != wire.fields_at - wire.mti_bytes:
        return None
    return raw.hex().upper() if len(raw) == BITMAP_BYTES else printable(raw.decode("latin-1"))


def _check_mac(body: bytes, mak: bytearray | None) -> str:
    if mak is None:
        return "unchecked"
    return "good" if hmac.compare_digest(unionpay_mac(mak, body[:-8]), body[-8:]) else "bad"


def _line(item: Placed, wire: bytes, mti: str) -> Line:
    row = item.row
    meaning = _MEANINGS.get(row.number)
    try:
        notes = meaning(item, mti) if meaning else ()
    except FrameError as fault:
        notes = (f"! {fault.reason}",)  # The field is well formed; only its inside is not.
    value = printable(masked_value(item))
    return Line(row.number, row.name, row.zh, value, masked_raw(item, wire), tuple(map(printable, notes)))


def printable(text: str) -> str:
    """Text that cannot move a console's cursor: whatever is no letter, mark or space becomes a dot."""
    return "".join(c if c.isprintable() or c == "\u3000" else "." for c in text)


# What the values mean. One function a field that has something to say.


def _text(item: Placed) -> str:
    return item.value if isinstance(item.value, str) else ""


def _binary(item: Placed) -> bytes:
    return item.value if isinstance(item.value, bytes) else b""


def _processing(item: Placed, mti: str) -> tuple[str, ...]:
    return _known(PROCESSING, _text(item))


def _amount(item: Placed, mti: str) -> tuple[str, ...]:
    value = _text(item)
    minor = int(value) if value.isdecimal() else 0  # A profile may have made the field something else.
    return (f"{minor // 100}.{minor % 100:02d} 元 CNY",)


def _entry_mode(item: Placed, mti: str) -> tuple[str, ...]:
    value = _text(item)
    pin = {"1": "有密码 with PIN", "2": "无密码 no PIN"}.get(value[2:3], "")
    return _known(ENTRY_MODES, value[:2]) + ((pin,) if pin else ())


def _condition(item: Placed, mti: str) -> tuple[str, ...]:
    return _known(CONDITIONS, _text(item))


def _code(item: Placed, mti: str) -> tuple[str, ...]:
    """A response code; in a reversal's request, the reason."""
    value = _text(item)
    if mti == "0400":
        return _known(REVERSAL_REASONS, value)
    row = lookup(value)
    unknown = "" if value in RESPONSE_CODES else "(不在表中 not in the table)"
    return (f"{row.zh} {row.en}{unknown}",)


def _icc(item: Placed, mti: str) -> tuple[str, ...]:
    data = _binary(item)
    return tuple(
        f"{part.tag} {mask_element(part.tag, data[part.value : part.end].hex().upper())}" for part in elements(data)
    )


def _additional(item: Placed, mti: str) -> tuple[str, ...]:
    return tuple(
        f"账户 account {one.account}, 类型 type {one.type}: {'-' if one.amount_minor < 0 else ''}"
        f"{abs(one.amount_minor) // 100}.{abs(one.amount_minor) % 100:02d} {one.currency}"
        for one in read_additional_amounts(_text(item))
    )


def _order(item: Placed, mti: str) -> tuple[str, ...]:
    notes: list[str] = []
    for tag, value in read_tlv(_text(item)).items():
        shown = mask_pan(value) if tag == OrderTag.SCANNED_CODE else value
        shown = shown if tag == OrderTag.ORDER_NO else mask_digit_runs(shown)
        notes.append(f"{tag} {shown}  {ORDER_TAGS.get(tag, '')}".rstrip())
    return tuple(notes)


def _reserved(item: Placed, mti: str) -> tuple[str, ...]:
    parts = read_f60(_text(item))
    named = (
        ("类型 type", parts.type),
        ("批次号 batch", parts.batch_no),
        ("管理码 network management", parts.network_management),
        ("终端能力 capability", parts.capability),
        ("IC条件 IC condition", parts.ic_condition),
        ("部分批准 partial approval", parts.partial_approval),
        ("账户类型 account type", parts.account_type),
    )
    return tuple(f"{name} {value}" for name, value in named if value)


def _original(item: Placed, mti: str) -> tuple[str, ...]:
    parts = read_f61(_text(item))
    return (f"原批次 batch {parts.batch_no}, 原流水 STAN {parts.stan}, 原日期 date {parts.date}",)


def _free(item: Placed, mti: str) -> tuple[str, ...]:
    """A sign-in's key block: only the check values are worth reading."""
    data = _binary(item)
    layout = next((layout for layout in KeyLayout if layout.size_bytes == len(data)), None)
    if mti != "0810" or layout is None:
        return ()
    step = len(data) // len(layout.usages)
    values = (data[end - 4 : end].hex().upper() for end in range(step, len(data) + 1, step))
    return tuple(f"{usage.name} KCV {value}" for usage, value in zip(layout.usages, values, strict=True))


def _authentication(item: Placed, mti: str) -> tuple[str, ...]:
    data = _binary(item)
    return (data.decode("ascii"),) if data.isalnum() else ()  # bytes.isalnum() knows ASCII only.


def _known(table: Mapping[str, str], value: str) -> tuple[str, ...]:
    return (table[value],) if value in table else ()


_MEANINGS: Mapping[int, Callable[[Placed, str], tuple[str, ...]]] = MappingProxyType(
    {
        3: _processing,
        4: _amount,
        22: _entry_mode,
        25: _condition,
        39: _code,
        54: _additional,
        55: _icc,
        59: _order,
        60: _reserved,
        61: _original,
        62: _free,
        64: _authentication,
    }
)

MTI_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "0100": "预授权请求 authorisation",
        "0110": "预授权应答 authorisation answer",
        "0200": "金融请求 financial request",
        "0210": "金融应答 financial answer",
        "0220": "通知 advice",
        "0230": "通知应答 advice answer",
        "0320": "批上送 batch upload",
        "0330": "批上送应答 batch upload answer",
        "0400": "冲正 reversal",
        "0410": "冲正应答 reversal answer",
        "0500": "结算 settlement",
        "0510": "结算应答 settlement answer",
        "0620": "脚本通知 script notice",
        "0630": "脚本通知应答 script notice answer",
        "0800": "签到/管理 sign-in, management",
        "0810": "签到应答 sign-in answer",
        "0820": "签退/回响 sign-out, echo",
        "0830": "签退应答 sign-out answer",
    }
)
REQUIREMENTS: Mapping[int, str] = MappingProxyType(
    {
        1: "请下载参数 download parameters",
        2: "请上送状态 upload status",
        3: "请重新签到 sign in again",
        4: "请更新公钥 download CA keys",
        5: "请下载IC参数 download AIDs",
        6: "请更新程序 update the program",
        7: "请下载黑名单 download the card black list",
        9: "请下载非接参数 download contactless parameters",
    }
)
PROCESSING: Mapping[str, str] = MappingProxyType(
    {
        "000000": "消费 sale",
        "200000": "撤销/退货 void, refund",
        "310000": "余额查询 balance",
        "030000": "预授权 authorisation",
        "700000": "扫码下单 create QR order",
        "710000": "扫码查询 query QR order",
        "720000": "扫码关单 close QR order",
        "730000": "付款码支付 pay by scanned code",
    }
)
ENTRY_MODES: Mapping[str, str] = MappingProxyType(
    {
        "00": "未知 unknown",
        "01": "手工 manual",
        "02": "磁条 magnetic stripe",
        "03": "二维码 QR code",
        "05": "插卡 contact chip",
        "07": "非接 contactless",
        "92": "预约 reservation",
        "96": "手机 mobile",
    }
)
CONDITIONS: Mapping[str, str] = MappingProxyType(
    {
        "00": "正常 normal",
        "06": "预授权 pre-authorisation",
        "08": "订购 MOTO",
        "64": "分期 instalment",
        "65": "积分 points",
    }
)
REVERSAL_REASONS: Mapping[str, str] = MappingProxyType(
    {
        "98": "超时无应答 no response",
        "06": "终端故障 terminal failure",
        "A0": "应答MAC错 MAC error in the answer",
    }
)
ORDER_TAGS: Mapping[str, str] = MappingProxyType(
    {
        OrderTag.TERMINAL_INFO: "终端信息 terminal",
        OrderTag.SCANNED_CODE: "付款码 payment code",
        OrderTag.ORDER_NO: "商户订单号 order",
        OrderTag.PAYLOAD: "二维码内容 payload",
        OrderTag.STATE: "订单状态 state",
        OrderTag.SECONDS_LEFT: "剩余秒数 seconds left",
        OrderTag.WALLET: "钱包 wallet",
        OrderTag.WALLET_NO: "钱包流水号 wallet's number",
    }
)
