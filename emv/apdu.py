"""Command APDUs of the contact flow, and what a card's status words mean.

Commands are built with Le = 00 where data is expected; T=0 details (61xx, 6Cxx, GET RESPONSE) belong to
the reader.

>>> select(b"1PAY.SYS.DDF01").hex().upper()
'00A404000E315041592E5359532E444446303100'

Spec: EMV 4.4 Book 1 §11 (SELECT, READ RECORD), Book 3 §6.5 (commands), ISO/IEC 7816-4 §5.3.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from types import MappingProxyType
from typing import Final

from emv.commands import CardError, Cryptogram, Transceive
from emv.tags import RESPONSE_TEMPLATE_FORMAT_1_80, RESPONSE_TEMPLATE_FORMAT_2_77
from emv.tlv import Tlv, TlvError, parse, parse_one

DATA_MAX = 255  # Lc is one byte.
CDA_REQUESTED = 0x10  # GENERATE AC, P1 b5.
RESPONSE_MAX = 258  # 256 bytes of data and the status words: Le is one byte.


class StatusError(CardError):
    """The card answered a command with status words that end the session."""


class SW(IntEnum):
    """Status words that the kernel tells apart."""

    OK = 0x9000
    SELECTED_FILE_INVALIDATED = 0x6283
    AUTHENTICATION_FAILED = 0x6300
    AUTHENTICATION_METHOD_BLOCKED = 0x6983
    REFERENCE_DATA_INVALIDATED = 0x6984
    CONDITIONS_NOT_SATISFIED = 0x6985
    FUNCTION_NOT_SUPPORTED = 0x6A81
    FILE_NOT_FOUND = 0x6A82
    RECORD_NOT_FOUND = 0x6A83


# Status words → English, Chinese. Spec: EMV 4.4 Book 3 §6.3.5; ISO/IEC 7816-4 §5.6.
STATUS_WORDS: Final = MappingProxyType(
    {
        0x9000: ("process completed", "正常"),
        0x6200: ("warning, no information", "警告，无信息"),
        0x6281: ("part of the data may be corrupted", "部分数据可能损坏"),
        0x6283: ("selected file invalidated", "所选文件已失效"),
        0x6300: ("authentication failed", "认证失败"),
        0x6700: ("wrong length", "长度错误"),
        0x6982: ("security status not satisfied", "安全状态不满足"),
        0x6983: ("authentication method blocked", "认证方法已锁定"),
        0x6984: ("referenced data invalidated", "引用数据已失效"),
        0x6985: ("conditions of use not satisfied", "使用条件不满足"),
        0x6986: ("command not allowed", "命令不允许"),
        0x6A80: ("wrong data", "数据错误"),
        0x6A81: ("function not supported", "功能不支持"),
        0x6A82: ("file not found", "文件未找到"),
        0x6A83: ("record not found", "记录未找到"),
        0x6A86: ("wrong P1 P2", "P1 P2错误"),
        0x6A88: ("referenced data not found", "引用数据未找到"),
        0x6B00: ("wrong P1 P2", "P1 P2错误"),
        0x6D00: ("instruction not supported", "指令不支持"),
        0x6E00: ("class not supported", "类别不支持"),
        0x6F00: ("no precise diagnosis", "无法诊断"),
    }
)


# INS → English, Chinese. Spec: EMV 4.4 Book 3 §6.3.2.
COMMANDS: Final = MappingProxyType(
    {
        0x16: ("CARD BLOCK", "卡片锁定"),
        0x18: ("APPLICATION UNBLOCK", "应用解锁"),
        0x1E: ("APPLICATION BLOCK", "应用锁定"),
        0x20: ("VERIFY", "验证密码"),
        0x24: ("PIN CHANGE/UNBLOCK", "密码修改或解锁"),
        0x82: ("EXTERNAL AUTHENTICATE", "外部认证"),
        0x84: ("GET CHALLENGE", "取随机数"),
        0x88: ("INTERNAL AUTHENTICATE", "内部认证"),
        0xA4: ("SELECT", "选择"),
        0xA8: ("GET PROCESSING OPTIONS", "获取处理选项"),
        0xAE: ("GENERATE AC", "生成应用密文"),
        0xB2: ("READ RECORD", "读记录"),
        0xC0: ("GET RESPONSE", "取响应"),
        0xCA: ("GET DATA", "取数据"),
    }
)


def status_words(sw: int, *, language: str = "en") -> str:
    """What a person reads for SW1 SW2.

    >>> status_words(0x6A82), status_words(0x63C2)
    ('6A82 file not found', '63C2 counter is 2')
    """
    column = 1 if language.startswith("zh") else 0
    if sw & 0xFFF0 == 0x63C0:
        return f"{sw:04X} " + (f"计数器为{sw & 0x0F}" if column else f"counter is {sw & 0x0F}")
    return f"{sw:04X} {STATUS_WORDS.get(sw, ('unknown', '未知'))[column]}"


def sw_hex(sw: int) -> str:
    """SW1 SW2 as everybody writes it.

    >>> sw_hex(0x6A83)
    '6A83'
    """
    return f"{sw:04X}"


@dataclass(frozen=True, slots=True)
class Response:
    """A response APDU: its data and SW1 SW2 as one number."""

    data: bytes = field(repr=False)
    sw: int

    @property
    def ok(self) -> bool:
        return self.sw == SW.OK


def split(rapdu: bytes) -> Response:
    """Raises CardError if it is no response APDU."""
    if len(rapdu) < 2:
        raise CardError("the response has no status words", position=len(rapdu))
    if len(rapdu) > RESPONSE_MAX:
        raise CardError(f"the response is longer than {RESPONSE_MAX} bytes", position=RESPONSE_MAX)
    return Response(bytes(rapdu[:-2]), int.from_bytes(rapdu[-2:], "big"))


async def exchange(capdu: bytes) -> Response:
    """One command and its response. Raises CardError."""
    return split(await Transceive(capdu))


def expect_ok(response: Response, command: str) -> bytes:
    """The data of a response that must be 9000. Raises StatusError."""
    if not response.ok:
        raise StatusError(f"{command}: {status_words(response.sw)}")
    return response.data


def response_template(data: bytes, command: str) -> Tlv:
    """The only object of an answer: format 1 (80, the values one after the other) or format 2 (77, TLV).

    Raises TlvError. Spec: Book 3 §6.5.5.4, §6.5.8.4, §6.5.9.4.

    >>> response_template(bytes.fromhex("80027C00"), "GET PROCESSING OPTIONS")
    Tlv(80, 2 bytes at 0)
    """
    items = parse(data)
    if len(items) != 1:
        raise TlvError(f"{command} answers one template", position=0)
    if items[0].tag not in (RESPONSE_TEMPLATE_FORMAT_1_80, RESPONSE_TEMPLATE_FORMAT_2_77):
        raise TlvError(f"template {items[0].tag:X} where 80 or 77 should be", position=items[0].position)
    return items[0]


def command(cla: int, ins: int, p1: int, p2: int, data: bytes = b"", *, le: bool = True) -> bytes:
    """A short command APDU. Raises ValueError."""
    if len(data) > DATA_MAX:
        raise ValueError("a short APDU carries at most 255 bytes")
    body = bytes((len(data),)) + data if data else b""
    return bytes((cla, ins, p1, p2)) + body + (b"\x00" if le else b"")


def select(name: bytes, *, next_occurrence: bool = False) -> bytes:
    """SELECT by name. Spec: Book 1 §11.3."""
    return command(0x00, 0xA4, 0x04, 0x02 if next_occurrence else 0x00, name)


def read_record(sfi: int, record: int) -> bytes:
    """READ RECORD. Spec: Book 1 §11.2.

    >>> read_record(1, 2).hex()
    '00b2020c00'
    """
    return command(0x00, 0xB2, record, sfi << 3 | 0x04)


def get_processing_options(template: bytes) -> bytes:
    """GET PROCESSING OPTIONS; `template` is the whole object 83. Spec: Book 3 §6.5.8."""
    return command(0x80, 0xA8, 0x00, 0x00, template)


def generate_ac(wanted: Cryptogram, data: bytes, *, cda: bool = False) -> bytes:
    """GENERATE APPLICATION CRYPTOGRAM; `cda` asks for a signature with it. Spec: Book 3 §6.5.5.

    >>> generate_ac(Cryptogram.ARQC, b"", cda=True).hex()
    '80ae900000'
    """
    return command(0x80, 0xAE, wanted.value | (CDA_REQUESTED if cda else 0), 0x00, data)


def internal_authenticate(data: bytes) -> bytes:
    """INTERNAL AUTHENTICATE with the DDOL's data. Spec: Book 3 §6.5.9.

    >>> internal_authenticate(bytes(4)).hex()
    '00880000040000000000'
    """
    return command(0x00, 0x88, 0x00, 0x00, data)


def get_data(tag: int) -> bytes:
    """GET DATA of an element with a two-byte tag. Spec: Book 3 §6.5.7.

    >>> get_data(0x9F17).hex()
    '80ca9f1700'
    """
    return command(0x80, 0xCA, tag >> 8, tag & 0xFF)


def get_challenge() -> bytes:
    """GET CHALLENGE: eight random bytes of the card, good for the next command only. Spec: Book 3 §6.5.6.

    >>> get_challenge().hex()
    '0084000000'
    """
    return command(0x00, 0x84, 0x00, 0x00)


async def retrieve(tag: int) -> bytes | None:
    """What GET DATA tells of one element; None if the card does not have it or answers anything else.

    Raises CardError only if the card broke the protocol. Spec: Book 3 §6.5.7.
    """
    response = await exchange(get_data(tag))
    if not response.ok:
        return None
    try:
        return parse_one(response.data, tag).value
    except TlvError:
        return None


def external_authenticate(data: bytes) -> bytes:
    """EXTERNAL AUTHENTICATE with Issuer Authentication Data. Spec: Book 3 §6.5.4.

    >>> external_authenticate(bytes(8)).hex()
    '00820000080000000000000000'
    """
    return command(0x00, 0x82, 0x00, 0x00, data, le=False)
