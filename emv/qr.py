"""Merchant-presented QR codes of EMVCo: the payload that a merchant shows and a wallet scans. Built, and read strictly.

A payload is text: objects of two digits ID, two digits length, value. **The length counts characters; the CRC at the
end runs over the bytes in UTF-8**, its own `6304` included. Two kinds of fault, because two kinds of code are met:

    QrError     it cannot be read: no objects, a length that runs out, a wrong CRC. Nothing of it is believed.
    Breach      it can be read, and breaks a "shall": national schemes leave out a city, add objects of their own.
                `parse` refuses those too; `read` returns them beside the objects, and `build` never makes one.

>>> text = build({"15": "3123456789012345", "52": "5411", "53": "156", "54": "8.50", "58": "CN",
...               "59": "ZHANGGUI", "60": "BEIJING", "64": {"00": "ZH", "01": "掌柜"}})
>>> text[-8:], parse(text).text("54"), parse(text).text("64", "01")
('63041CDE', '8.50', '掌柜')

Spec: EMVCo QR Code Specification for Payment Systems, Merchant-Presented Mode 1.1, §3 (payload, objects), §4 (values),
the sections of the values from memory; ISO/IEC 13239 (CRC).
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Final, NamedTuple

CHARACTERS_MAX: Final = 512  # A reader's bound: what a code at error correction level M is meant to carry at most.
FORMAT, CRC = "00", "63"
TIP, FEE_FIXED, FEE_PERCENT = "55", "56", "57"
_CRC_HEAD: Final = "6304"


class QrError(ValueError):
    """A payload that cannot be used. `position`: where the faulty object begins, from 0.

    It counts characters of the payload or, in a consumer's code, bytes of what that decodes to (`unit`).
    """

    def __init__(self, position: int, reason: str, unit: str = "character") -> None:
        super().__init__(f"at {unit} {position}: {reason}")
        self.position = position
        self.unit = unit
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Breach:
    """A "shall" that a readable payload breaks. `id` is `62` or, inside a template, `62.09`."""

    position: int
    id: str
    reason: str

    def __str__(self) -> str:
        return f"at character {self.position}: {self.id}: {self.reason}"


class Item(NamedTuple):
    """One data object; a template also has its `children`. A tuple, because nothing is made faster."""

    id: str
    value: str
    position: int
    children: tuple[Item, ...] = ()


@dataclass(frozen=True, slots=True)
class MerchantCode:
    """What a payload says, in its own order."""

    items: tuple[Item, ...]

    def text(self, id: str, child: str = "") -> str:
        """The value of an object, or of one inside a template; empty where there is none."""
        item = next((item for item in self.items if item.id == id), None)
        if item is None or not child:
            return item.value if item else ""
        return next((inner.value for inner in item.children if inner.id == child), "")

    @property
    def dynamic(self) -> bool:
        """Whether it was made for one transaction."""
        return self.text("01") == "12"

    @property
    def accounts(self) -> tuple[Item, ...]:
        """Merchant account information: who can pay this merchant how."""
        return tuple(item for item in self.items if "02" <= item.id <= "51")


# What each object is


@dataclass(frozen=True, slots=True)
class Row:
    """`holds` must match the whole value; `template` names the rows of its children."""

    en: str
    zh: str
    holds: str
    mandatory: bool = False
    template: str = ""


_ANS = "[ -~]"
_ANY = "[^\\x00-\\x1f\\x7f]"  # Format S: any character that can be seen.
_DIGITS = "[0-9]"
_MONEY = r"(?=.{1,13}$)(?=.*[1-9])[0-9]+(\.[0-9]*)?"
_PERCENT = r"(?=.{1,5}$)(?=.*[1-9])[0-9]{1,2}(\.[0-9]{0,2})?"


def _span(first: int, last: int, row: Row) -> dict[str, Row]:
    return {f"{id:02d}": row for id in range(first, last + 1)}


_ACCOUNT = Row("Merchant account", "商户账户", f"{_ANS}{{1,99}}")
_CARD_SCHEMES = {
    "02": "Visa", "03": "Visa", "04": "Mastercard", "05": "Mastercard", "09": "Discover", "10": "Discover",
    "11": "American Express", "12": "American Express", "13": "JCB", "14": "JCB", "15": "UnionPay 银联",
    "16": "UnionPay 银联",
}  # fmt: skip
_UNIQUE = Row("Globally unique identifier", "全球唯一标识", f"{_ANS}{{1,32}}", mandatory=True)
_OWN = Row("Of the scheme itself", "机构自定义", f"{_ANY}{{1,99}}")
_RESERVED = Row("Reserved", "保留", "(?!)")

ROOT: Final[Mapping[str, Row]] = MappingProxyType(
    {
        "00": Row("Payload format", "载荷格式", "01", mandatory=True),
        "01": Row("Point of initiation", "发起方式", "11|12"),
        **_span(2, 25, _ACCOUNT),
        **{
            id: Row(f"Merchant account, {scheme.partition(' ')[0]}", f"商户账户（{scheme}）", _ACCOUNT.holds)
            for id, scheme in _CARD_SCHEMES.items()
        },
        **_span(26, 51, Row("Merchant account template", "商户账户模板", f"{_ANY}{{1,99}}", template="scheme")),
        "52": Row("Merchant category code", "商户类别码", f"{_DIGITS}{{4}}", mandatory=True),
        "53": Row("Currency", "币种", f"{_DIGITS}{{3}}", mandatory=True),
        "54": Row("Amount", "金额", _MONEY),
        "55": Row("Tip or convenience fee", "小费或手续费方式", "0[123]"),
        "56": Row("Convenience fee, fixed", "固定手续费", _MONEY),
        "57": Row("Convenience fee, percent", "手续费百分比", _PERCENT),
        "58": Row("Country", "国家", "[A-Z]{2}", mandatory=True),
        "59": Row("Merchant name", "商户名称", f"{_ANS}{{1,25}}", mandatory=True),
        "60": Row("Merchant city", "商户城市", f"{_ANS}{{1,15}}", mandatory=True),
        "61": Row("Postal code", "邮政编码", f"{_ANS}{{1,10}}"),
        "62": Row("Additional data", "附加数据", f"{_ANY}{{1,99}}", template="additional"),
        "63": Row("CRC", "校验码", "[0-9A-F]{4}", mandatory=True),
        "64": Row("In another language", "本地语言信息", f"{_ANY}{{1,99}}", template="language"),
        **_span(65, 79, _RESERVED),
        **_span(80, 99, Row("Unreserved template", "自定义模板", f"{_ANY}{{1,99}}", template="scheme")),
    }
)
_SHORT = f"{_ANS}{{1,25}}"
TEMPLATES: Final[Mapping[str, Mapping[str, Row]]] = MappingProxyType(
    {
        "scheme": {"00": _UNIQUE, **_span(1, 99, _OWN)},
        "additional": {
            "01": Row("Bill number", "账单号", _SHORT),
            "02": Row("Mobile number", "手机号", _SHORT),
            "03": Row("Store", "门店", _SHORT),
            "04": Row("Loyalty number", "会员号", _SHORT),
            "05": Row("Reference", "参考号", _SHORT),
            "06": Row("Customer", "顾客", _SHORT),
            "07": Row("Terminal", "终端", _SHORT),
            "08": Row("Purpose", "用途", _SHORT),
            "09": Row("Asked of the consumer", "向顾客索取", r"(?!.*(.).*\1)[AME]{1,3}"),
            "10": Row("Merchant tax number", "商户税号", f"{_ANS}{{1,20}}"),
            "11": Row("Merchant channel", "商户渠道", f"{_ANS}{{3}}"),
            **_span(12, 49, _RESERVED),
            **_span(50, 99, Row("Template of a scheme", "机构模板", f"{_ANY}{{1,99}}", template="scheme")),
        },
        "language": {
            "00": Row("Language", "语言", "[A-Za-z]{2}", mandatory=True),
            "01": Row("Merchant name", "商户名称", f"{_ANY}{{1,25}}", mandatory=True),
            "02": Row("Merchant city", "商户城市", f"{_ANY}{{1,15}}"),
        },
    }
)
_UNKNOWN: Final = Row("Unknown", "未知", f"{_ANY}{{1,99}}")
_LEVELS: Final = {"": dict(ROOT)} | {name: dict(rows) for name, rows in TEMPLATES.items()}
_MANDATORY: Final = {
    name: tuple((id, row) for id, row in rows.items() if row.mandatory) for name, rows in _LEVELS.items()
}


def row_of(id: str, template: str = "") -> Row:
    """What this ID is at the root, or inside a template. IDs that mean nothing there are `Unknown`, and ignored."""
    return _LEVELS[template].get(id, _UNKNOWN)


@cache
def _pattern(holds: str) -> re.Pattern[str]:
    """Compiled when it is first wanted, for boot time: two dozen there are, and a code has ten."""
    return re.compile(holds)


# Reading


def crc(text: str) -> str:
    """Four hex digits over the text in UTF-8.

    >>> crc("123456789")
    '29B1'
    """
    return f"{binascii.crc_hqx(text.encode(), 0xFFFF):04X}"


def read(payload: str) -> tuple[MerchantCode, tuple[Breach, ...]]:
    """Its objects, and every "shall" that it breaks. Raises QrError if it cannot be read."""
    items = _objects(payload, 0)
    if not items or items[0].id != FORMAT:
        raise QrError(0, "object 00 must come first")
    if items[0].value != "01":
        raise QrError(0, "payload format other than 01")
    place = next((place for place, item in enumerate(items) if item.id == CRC), None)
    if place is None:
        raise QrError(len(payload), "no CRC (object 63)")
    if place != len(items) - 1:
        raise QrError(items[place + 1].position, "an object after the CRC")
    # Lower case digits are counted as a breach later: the value is right.
    if items[-1].value.upper() != _right_crc(payload[: items[-1].position] + _CRC_HEAD):
        raise QrError(items[-1].position, "the CRC does not match")
    items = _opened(items, "")
    return MerchantCode(items), tuple(_breaches(items))


def parse(payload: str) -> MerchantCode:
    """As `read`, and strict: a broken "shall" is a QrError too."""
    code, breaches = read(payload)
    _must_be_none(breaches)
    return code


def _must_be_none(breaches: Iterable[Breach]) -> None:
    for breach in breaches:
        raise QrError(breach.position, f"{breach.id}: {breach.reason}")


def _objects(text: str, start: int) -> tuple[Item, ...]:
    """Spec: §3.2. `start` is where `text` stands in the payload."""
    at, end, seen = 0, len(text), set[str]()
    if end > CHARACTERS_MAX:
        raise QrError(CHARACTERS_MAX, f"longer than {CHARACTERS_MAX} characters")
    items: list[Item] = []
    while at < end:
        head = text[at : at + 4]
        if len(head) < 4 or not (head.isascii() and head.isdigit()):
            raise QrError(start + at, "here must stand four digits: an ID and a length")
        id, length = head[:2], int(head[2:])
        after = at + 4 + length
        if not length:
            raise QrError(start + at, f"{id}: length 00")
        if after > end:
            raise QrError(start + at, f"{id}: {length} characters announced, {end - at - 4} left")
        if id in seen:
            raise QrError(start + at, f"{id}: comes twice")
        seen.add(id)
        items.append(Item(id, text[at + 4 : after], start + at))
        at = after
    return tuple(items)


def _right_crc(text: str) -> str:
    """As `crc`; QrError for text that has no bytes."""
    try:
        return crc(text)
    except UnicodeEncodeError as error:
        raise QrError(error.start, "no character of Unicode") from None


def _opened(items: tuple[Item, ...], template: str) -> tuple[Item, ...]:
    """Each template with its children; QrError where they cannot be read."""
    rows = _LEVELS[template]
    return tuple(
        Item(item.id, item.value, item.position, _opened(_objects(item.value, item.position + 4), inner))
        if (inner := rows.get(item.id, _UNKNOWN).template)
        else item
        for item in items
    )


def _breaches(items: tuple[Item, ...]) -> Iterator[Breach]:
    end = items[-1].position
    yield from _level(items, "", end, "")
    held = {item.id: item for item in items}
    if not any("02" <= id <= "51" for id in held):
        yield Breach(end, "02-51", "no merchant account")
    tip = held[TIP].value if TIP in held else ""
    for fee, wanted in ((FEE_FIXED, "02"), (FEE_PERCENT, "03")):
        if fee in held and tip != wanted:
            yield Breach(held[fee].position, fee, f"only together with {TIP} = {wanted}")
        if fee not in held and tip == wanted:
            yield Breach(held[TIP].position, TIP, f"{wanted} needs object {fee}")


def _level(items: tuple[Item, ...], template: str, end: int, path: str) -> Iterator[Breach]:
    """The objects of the root or of one template. `end`: where what is missing would have stood."""
    rows = _LEVELS[template]
    for item in items:
        row = rows.get(item.id, _UNKNOWN)
        if row is _RESERVED:
            yield Breach(item.position, path + item.id, "reserved for future use")
        elif not _pattern(row.holds).fullmatch(item.value):
            yield Breach(item.position, path + item.id, f"{row.en}: not a value that it can have")
        if row.template:
            after = item.position + 4 + len(item.value)
            yield from _level(item.children, row.template, after, f"{path}{item.id}.")
    held = {item.id for item in items}
    for id, row in _MANDATORY[template]:
        if id not in held:
            yield Breach(end, path + id, f"{row.en}: is missing")


# Building

Value = str | Mapping[str, "Value"]


def build(objects: Mapping[str, Value]) -> str:
    """The payload of these objects in this order; 00 and 63 are added. Raises QrError for what would break a rule."""
    text = _joined({FORMAT: "01", **objects}) + _CRC_HEAD
    payload = text + _right_crc(text)
    _must_be_none(_breaches(_opened(_objects(payload, 0), "")))
    return payload


_LENGTHS: Final = tuple(f"{length:02d}" for length in range(100))


def _joined(objects: Mapping[str, Value]) -> str:
    parts = []
    for id, value in objects.items():
        text = value if isinstance(value, str) else _joined(value)
        if len(id) != 2 or not (id.isascii() and id.isdigit()):
            raise QrError(0, f"{id}: an ID has two digits")
        if len(text) > 99:
            raise QrError(0, f"{id}: {len(text)} characters, at most 99")
        parts.append(f"{id}{_LENGTHS[len(text)]}{text}")
    return "".join(parts)


def walk(
    items: tuple[Item, ...], shown: Callable[[Item], str], template: str = ""
) -> Iterator[tuple[int, Row, str, str]]:
    """Depth, row, ID and value as `shown` gives it, for a person or a program: templates have no value."""
    for item in items:
        row = row_of(item.id, template)
        yield (0, row, item.id, "" if item.children else shown(item))
        for depth, inner, id, value in walk(item.children, shown, row.template):
            yield (depth + 1, inner, id, value)
