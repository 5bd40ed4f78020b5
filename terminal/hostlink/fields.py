"""The field table of the UnionPay host link: one row a field, four independent axes.

What makes ISO 8583 dialects differ is always one of the same four things, so each is a column of its own:

- *length*: how many units at most (exactly, when there is no prefix); digits for BCD, bytes for the rest
- *encoding*: how one unit looks on the wire
- *prefix*: no length prefix, or the units counted in two or three digits: BCD, ASCII or binary
- *padding*: where the spare nibble (or nibbles) of a BCD field stands; it is always 0

An acquirer that differs overrides a row in its profile; nothing in the codec names a field number. A whole dialect
whose numbers are ASCII is the same table, turned over by `in_ascii`.

Spec: the UnionPay POS host link as collected in docs/host-link.md §2; the axes are ISO 8583:1987 §4.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from types import MappingProxyType


class Encoding(Enum):
    __hash__ = object.__hash__  # Each field of each message looks its encoding up; Enum's own hash is slow.

    BCD = "bcd"  # Two digits a byte.
    TRACK = "track"  # BCD with the nibble D for the separator "=".
    NIBBLES = "nibbles"  # Two of the sixteen nibbles a byte: a track of which a part is encrypted.
    AN = "an"  # ASCII letters, digits and space.
    ANS = "ans"  # Printable ASCII.
    TEXT = "text"  # ASCII in requests, GB18030 in replies; no control characters.
    BINARY = "binary"
    DIGITS = "digits"  # One ASCII digit a byte.
    TRACK_TEXT = "track-text"  # One ASCII digit a byte, and "=" for the separator.
    HEX = "hex"  # Two ASCII characters, 0-9 and A-F, for each byte of the value.


class Prefix(Enum):
    """How the field's units are counted before it: digits, and how they are written."""

    __hash__ = object.__hash__

    NONE = (0, "")
    LL = (2, "bcd")  # One byte.
    LLL = (3, "bcd")  # Two bytes, leading 0.
    LL_ASCII = (2, "ascii")
    LLL_ASCII = (3, "ascii")
    LL_BINARY = (2, "binary")  # One byte.
    LLL_BINARY = (3, "binary")  # Two bytes, big-endian.

    def __init__(self, digits: int, style: str) -> None:
        self.digits = digits
        self.style = style
        self.size_bytes = digits if style == "ascii" else (digits + 1) // 2
        self.limit = 256**self.size_bytes - 1 if style == "binary" else 10**digits - 1

    @property
    def code(self) -> str:
        """As a profile names it: ll, lll-ascii."""
        return self.name.lower().replace("_", "-")


class Padding(Enum):
    """Where the zero nibbles stand that fill a BCD field to whole bytes."""

    BEFORE = "before"  # Digits right aligned: F23 001 → 0001.
    AFTER = "after"  # Digits left aligned: F22 021 → 0210, and every odd variable field.


@dataclass(frozen=True, slots=True)
class Field:
    """One row. `length` counts digits (BCD, TRACK, NIBBLES) or bytes (the rest; of the value, for HEX)."""

    number: int
    name: str
    zh: str
    length: int
    encoding: Encoding
    prefix: Prefix = Prefix.NONE
    padding: Padding = Padding.AFTER

    @property
    def is_binary(self) -> bool:
        """Whether a value of this field is bytes."""
        return self.encoding in (Encoding.BINARY, Encoding.HEX)


_BCD, _TRACK, _AN, _ANS = Encoding.BCD, Encoding.TRACK, Encoding.AN, Encoding.ANS
_TEXT, _BIN = Encoding.TEXT, Encoding.BINARY
_LL, _LLL = Prefix.LL, Prefix.LLL
_BEFORE = Padding.BEFORE

_ROWS = (
    Field(2, "Primary account number", "主账号", 19, _BCD, _LL),
    Field(3, "Processing code", "交易处理码", 6, _BCD),
    Field(4, "Amount", "交易金额", 12, _BCD, padding=_BEFORE),
    Field(11, "System trace audit number (STAN)", "受卡方系统跟踪号", 6, _BCD, padding=_BEFORE),
    Field(12, "Local time hhmmss", "受卡方所在地时间", 6, _BCD),
    Field(13, "Local date MMDD", "受卡方所在地日期", 4, _BCD),
    Field(14, "Expiry YYMM", "卡有效期", 4, _BCD),
    Field(15, "Settlement date MMDD", "清算日期", 4, _BCD),
    Field(22, "Entry mode", "服务点输入方式码", 3, _BCD),
    Field(23, "Card sequence number", "卡序列号", 3, _BCD, padding=_BEFORE),
    Field(25, "Service condition", "服务点条件码", 2, _BCD),
    Field(26, "PIN capture code", "服务点PIN获取码", 2, _BCD),
    Field(32, "Acquirer", "受理机构标识码", 11, _BCD, _LL),
    Field(35, "Track 2", "2磁道数据", 37, _TRACK, _LL),
    Field(36, "Track 3", "3磁道数据", 104, _TRACK, _LLL),
    Field(37, "Retrieval reference number", "检索参考号", 12, _AN),
    Field(38, "Authorisation code", "授权标识应答码", 6, _AN),
    Field(39, "Response code", "应答码", 2, _AN),
    Field(41, "Terminal number", "受卡机终端标识码", 8, _ANS),
    Field(42, "Merchant number", "受卡方标识码", 15, _ANS),
    Field(44, "Issuer and acquirer", "附加响应数据", 25, _AN, _LL),
    Field(48, "Totals and batch details", "附加数据-私有", 322, _BCD, _LLL),
    Field(49, "Currency", "交易货币代码", 3, _AN),
    Field(52, "PIN block", "个人标识码数据", 8, _BIN),
    Field(53, "Security control", "安全控制信息", 16, _BCD),
    Field(54, "Additional amounts", "附加金额", 20, _AN, _LLL),
    Field(55, "IC card data", "IC卡数据域", 255, _BIN, _LLL),
    # §2 gives no maximum for 57 and 59; three BCD digits of length end at 999 in any case.
    Field(57, "Additional private data", "附加交易信息", 999, _TEXT, _LLL),
    Field(58, "PBOC purse data", "PBOC电子钱包标准的交易信息", 100, _ANS, _LLL),
    Field(59, "Terminal and QR data", "自定义域(终端/扫码)", 999, _TEXT, _LLL),
    Field(60, "Transaction type, batch, network management", "自定义域(类型/批次/管理码)", 17, _BCD, _LLL),
    Field(61, "Original message", "原始信息域", 29, _BCD, _LLL),
    Field(62, "Free data", "自定义域", 512, _BIN, _LLL),
    Field(63, "Operator and issuer text", "自定义域(操作员/附言)", 163, _TEXT, _LLL),
    Field(64, "Message authentication code (MAC)", "报文鉴别码", 8, _BIN),
)

FIELDS: Mapping[int, Field] = MappingProxyType({row.number: row for row in _ROWS})

_ASCII_ENCODINGS = {Encoding.BCD: Encoding.DIGITS, Encoding.TRACK: Encoding.TRACK_TEXT}
_ASCII_PREFIXES = {Prefix.LL: Prefix.LL_ASCII, Prefix.LLL: Prefix.LLL_ASCII}


def in_ascii(fields: Mapping[int, Field]) -> Mapping[int, Field]:
    """The table of a dialect that writes numbers and lengths as ASCII characters; binary fields stay binary.

    >>> in_ascii(FIELDS)[2].encoding, in_ascii(FIELDS)[2].prefix.code
    (<Encoding.DIGITS: 'digits'>, 'll-ascii')
    """
    return MappingProxyType(
        {
            number: replace(
                row,
                encoding=_ASCII_ENCODINGS.get(row.encoding, row.encoding),
                prefix=_ASCII_PREFIXES.get(row.prefix, row.prefix),
            )
            for number, row in fields.items()
        }
    )
