"""What a field's value means, in Chinese and in English: one function a field that has something to say, and its words.

Nothing here shows more of a PAN, a track or a PIN block than `masking` does.

Spec: docs/host-link.md §1 to §8.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from keys import KeyLayout
from terminal.hostlink.codec import FrameError, Placed
from terminal.hostlink.codes import RESPONSE_CODES, lookup
from terminal.hostlink.details import read_additional_amounts
from terminal.hostlink.free_data import SERIAL_MARK, read_device_number, read_key_block
from terminal.hostlink.icc import elements
from terminal.hostlink.masking import mask_digit_runs, mask_element
from terminal.hostlink.subfields import OrderTag, read_f60, read_f61, read_terminal_info, read_tlv
from terminal.model import mask_pan


class Words(str):
    """One meaning in both languages. As a string it is both of them, for a console that shows both.

    >>> Words("消费", "sale"), Words("消费", "sale").en
    ('消费 sale', 'sale')
    """

    zh: str
    en: str

    def __new__(cls, zh: str, en: str | None = None, both: str | None = None) -> Words:
        """Without `en` the text belongs to no language."""
        en = zh if en is None else en
        made = super().__new__(cls, both if both is not None else zh if zh == en else f"{zh} {en}")
        made.zh, made.en = zh, en
        return made

    def told(self, language: str) -> str:
        """In "zh-CN", in "en", or for "" in both."""
        return {"zh-CN": self.zh, "en": self.en}.get(language, str(self))

    def each(self, change: Callable[[str], str]) -> Words:
        return Words(change(self.zh), change(self.en), change(str(self)))


def _text(item: Placed) -> str:
    return item.value if isinstance(item.value, str) else ""


def _binary(item: Placed) -> bytes:
    return item.value if isinstance(item.value, bytes) else b""


def _processing(item: Placed, mti: str) -> tuple[Words, ...]:
    return _known(PROCESSING, _text(item))


def _amount(item: Placed, mti: str) -> tuple[Words, ...]:
    value = _text(item)
    minor = int(value) if value.isdecimal() else 0  # A profile may have made the field something else.
    yuan = f"{minor // 100}.{minor % 100:02d}"
    return (Words(f"{yuan} 元", f"{yuan} CNY", f"{yuan} 元 CNY"),)


def _entry_mode(item: Placed, mti: str) -> tuple[Words, ...]:
    value = _text(item)
    return _known(ENTRY_MODES, value[:2]) + _known(PIN_ENTRY, value[2:3])


def _condition(item: Placed, mti: str) -> tuple[Words, ...]:
    return _known(CONDITIONS, _text(item))


def _code(item: Placed, mti: str) -> tuple[Words, ...]:
    """A response code; in a reversal's request, the reason."""
    value = _text(item)
    if mti == "0400":
        return _known(REVERSAL_REASONS, value)
    row = lookup(value)
    if value in RESPONSE_CODES:
        return (Words(row.zh, row.en),)
    return (Words(f"{row.zh}(不在表中)", f"{row.en} (not in the table)"),)


def _icc(item: Placed, mti: str) -> tuple[Words, ...]:
    data = _binary(item)
    return tuple(
        Words(f"{part.tag} {mask_element(part.tag, data[part.value : part.end].hex().upper())}")
        for part in elements(data)
    )


def _additional(item: Placed, mti: str) -> tuple[Words, ...]:
    notes: list[Words] = []
    for one in read_additional_amounts(_text(item)):
        yuan, part = divmod(abs(one.amount_minor), 100)
        shown = f"{'-' if one.amount_minor < 0 else ''}{yuan}.{part:02d} {one.currency}"
        notes.append(
            Words(
                f"账户 {one.account}, 类型 {one.type}: {shown}",
                f"account {one.account}, type {one.type}: {shown}",
                f"账户 account {one.account}, 类型 type {one.type}: {shown}",
            )
        )
    return tuple(notes)


def _order(item: Placed, mti: str) -> tuple[Words, ...]:
    notes: list[Words] = []
    for tag, value in read_tlv(_text(item)).items():
        shown = mask_pan(value) if tag == OrderTag.SCANNED_CODE else value
        shown = shown if tag == OrderTag.ORDER_NO else mask_digit_runs(shown)
        named = ORDER_TAGS.get(tag, Words(""))
        notes.append(_each(f"{tag} {shown}  ", named))
        if tag == OrderTag.TERMINAL_INFO:
            notes += _terminal(value)
    return tuple(notes)


def _terminal(a2: str) -> list[Words]:
    """The device, as far as A2 says it. Nothing for an A2 that another acquirer fills in another way."""
    try:
        info = read_terminal_info(a2)
    except FrameError:
        return []
    named = (
        ("设备类型", "device type", info.device_type),
        ("序列号", "serial", info.serial),
        ("随机因子", "factor", info.factor),
        ("程序版本", "version", info.version),
    )
    return [_about(zh, en, value) for zh, en, value in named if value]


def _reserved(item: Placed, mti: str) -> tuple[Words, ...]:
    parts = read_f60(_text(item))
    named = (
        ("类型", "type", parts.type),
        ("批次号", "batch", parts.batch_no),
        ("管理码", "network management", parts.network_management),
        ("终端能力", "capability", parts.capability),
        ("IC条件", "IC condition", parts.ic_condition),
        ("部分批准", "partial approval", parts.partial_approval),
        ("账户类型", "account type", parts.account_type),
    )
    return tuple(_about(zh, en, value) for zh, en, value in named if value)


def _original(item: Placed, mti: str) -> tuple[Words, ...]:
    parts = read_f61(_text(item))
    named = (
        ("原批次", "batch", parts.batch_no),
        ("原流水", "STAN", parts.stan),
        ("原日期", "date", parts.date),
        ("授权方式", "authorisation mode", parts.auth_mode),
        ("授权机构", "institution", parts.auth_institution),
    )
    return tuple(_about(zh, en, value) for zh, en, value in named if value)


def _free(item: Placed, mti: str) -> tuple[Words, ...]:
    """What can be told by this field alone: a key block's check values, a device's number, an instalment's terms."""
    data = _binary(item)
    layout = next((layout for layout in KeyLayout if layout.size_bytes == len(data)), None)
    if mti == "0810" and layout is not None:
        return tuple(
            Words(f"{key.usage} KCV {key.check_value.hex().upper()}") for key in read_key_block(data, layout)
        )
    if mti == "0800" and data.startswith(SERIAL_MARK):
        number = read_device_number(data)
        return _about("证书", "certificate", number.certificate), _about("序列号", "serial", number.serial)
    return ()


def _authentication(item: Placed, mti: str) -> tuple[Words, ...]:
    data = _binary(item)
    return (Words(data.decode("ascii")),) if data.isalnum() else ()  # bytes.isalnum() knows ASCII only.


def _about(zh: str, en: str, value: str) -> Words:
    return Words(f"{zh} {value}", f"{en} {value}", f"{zh} {en} {value}")


def _each(before: str, words: Words) -> Words:
    return Words(*(f"{before}{text}".rstrip() for text in (words.zh, words.en, str(words))))


def _known(table: Mapping[str, Words], value: str) -> tuple[Words, ...]:
    return (table[value],) if value in table else ()


MEANINGS: Mapping[int, Callable[[Placed, str], tuple[Words, ...]]] = MappingProxyType(
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

MTI_WORDS: Mapping[str, Words] = MappingProxyType(
    {
        "0100": Words("预授权请求", "authorisation"),
        "0110": Words("预授权应答", "authorisation answer"),
        "0200": Words("金融请求", "financial request"),
        "0210": Words("金融应答", "financial answer"),
        "0220": Words("通知", "advice"),
        "0230": Words("通知应答", "advice answer"),
        "0320": Words("批上送", "batch upload"),
        "0330": Words("批上送应答", "batch upload answer"),
        "0400": Words("冲正", "reversal"),
        "0410": Words("冲正应答", "reversal answer"),
        "0500": Words("结算", "settlement"),
        "0510": Words("结算应答", "settlement answer"),
        "0620": Words("脚本通知", "script notice"),
        "0630": Words("脚本通知应答", "script notice answer"),
        "0800": Words("签到/管理", "sign-in, management"),
        "0810": Words("签到应答", "sign-in answer"),
        "0820": Words("签退/回响", "sign-out, echo"),
        "0830": Words("签退应答", "sign-out answer"),
    }
)
REQUIREMENTS: Mapping[int, Words] = MappingProxyType(
    {
        1: Words("请下载参数", "download parameters"),
        2: Words("请上送状态", "upload status"),
        3: Words("请重新签到", "sign in again"),
        4: Words("请更新公钥", "download CA keys"),
        5: Words("请下载IC参数", "download AIDs"),
        6: Words("请更新程序", "update the program"),
        7: Words("请下载黑名单", "download the card black list"),
        9: Words("请下载非接参数", "download contactless parameters"),
    }
)
PROCESSING: Mapping[str, Words] = MappingProxyType(
    {
        "000000": Words("消费", "sale"),
        "200000": Words("撤销/退货", "void, refund"),
        "310000": Words("余额查询", "balance"),
        "030000": Words("预授权", "authorisation"),
        "700000": Words("扫码下单", "create QR order"),
        "710000": Words("扫码查询", "query QR order"),
        "720000": Words("扫码关单", "close QR order"),
        "730000": Words("付款码支付", "pay by scanned code"),
        "740000": Words("付款码撤销", "take a scanned code's order back"),
        "750000": Words("扫码退款", "refund an order"),
        "760000": Words("退款查询", "query a refund"),
        "770000": Words("对账单", "trade bill"),
        "780000": Words("静态码到账", "receipts of the printed code"),
    }
)
ENTRY_MODES: Mapping[str, Words] = MappingProxyType(
    {
        "00": Words("未知", "unknown"),
        "01": Words("手工", "manual"),
        "02": Words("磁条", "magnetic stripe"),
        "03": Words("二维码", "QR code"),
        "05": Words("插卡", "contact chip"),
        "07": Words("非接", "contactless"),
        "92": Words("预约", "reservation"),
        "96": Words("手机", "mobile"),
    }
)
CONDITIONS: Mapping[str, Words] = MappingProxyType(
    {
        "00": Words("正常", "normal"),
        "06": Words("预授权", "pre-authorisation"),
        "08": Words("订购", "MOTO"),
        "64": Words("分期", "instalment"),
        "65": Words("积分", "points"),
    }
)
PIN_ENTRY: Mapping[str, Words] = MappingProxyType({"1": Words("有密码", "with PIN"), "2": Words("无密码", "no PIN")})
REVERSAL_REASONS: Mapping[str, Words] = MappingProxyType(
    {
        "98": Words("超时无应答", "no response"),
        "06": Words("终端故障", "terminal failure"),
        "A0": Words("应答MAC错", "MAC error in the answer"),
    }
)
ORDER_TAGS: Mapping[str, Words] = MappingProxyType(
    {
        OrderTag.TERMINAL_INFO: Words("终端信息", "terminal"),
        OrderTag.SCANNED_CODE: Words("付款码", "payment code"),
        OrderTag.ORDER_NO: Words("商户订单号", "order"),
        OrderTag.PAYLOAD: Words("二维码内容", "payload"),
        OrderTag.STATE: Words("订单状态", "state"),
        OrderTag.SECONDS_LEFT: Words("剩余秒数", "seconds left"),
        OrderTag.WALLET: Words("钱包", "wallet"),
        OrderTag.WALLET_NO: Words("钱包流水号", "wallet's number"),
        OrderTag.BILL_DAY: Words("账单日", "bill of"),
        OrderTag.BILL_FROM: Words("已收行数", "rows before"),
        OrderTag.BILL_COUNT: Words("账单行数", "rows in all"),
        OrderTag.BILL_ROWS: Words("账单", "rows"),
        OrderTag.REFUND_NO: Words("退款单号", "refund"),
        OrderTag.REFUND_STATE: Words("退款状态", "state of the refund"),
        OrderTag.CUSTOMER_PAID: Words("顾客实付", "customer paid"),
        OrderTag.PROMOTIONS: Words("优惠", "discounts"),
        OrderTag.EXTRAS: Words("随单所得", "came with it"),
        OrderTag.ESLIP_KEY: Words("电子小票口令", "key of the e-slip"),
    }
)
