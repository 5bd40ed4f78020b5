"""The test cards, one row a card. PIN and balance are what the test issuer knows.

Card numbers are BIN 622500, 622600 or 621700, zeros, a running number and a Luhn digit: nobody's card.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from types import MappingProxyType

AID_DEBIT = bytes.fromhex("A000000333010101")
AID_CREDIT = bytes.fromhex("A000000333010102")
AID_QUASI_CREDIT = bytes.fromhex("A000000333010103")
AID_UNKNOWN = bytes.fromhex("F04649525354")  # A proprietary AID no terminal lists.

# Amounts X and Y are zero: no rule below refers to them. Spec: EMV 4.4 Book 3 §10.5, Annex C3.
CVM_PIN_OR_SIGNATURE = bytes(8) + bytes.fromhex("42031E00")
CVM_PIN_ONLY = bytes(8) + bytes.fromhex("0203")
CVM_SIGNATURE = bytes(8) + bytes.fromhex("1E00")
CVM_NONE = bytes(8) + bytes.fromhex("1F00")
CVM_OFFLINE_PIN_OR_SIGNATURE = bytes(8) + bytes.fromhex("41031E00")

AIP_EXTERNAL_AUTHENTICATE = bytes.fromhex("1C00")  # CVM, terminal risk management, issuer authentication.
AIP_NO_EXTERNAL_AUTHENTICATE = bytes.fromhex("1800")

_DATA = "9F02069F03069F1A0295055F2A029A039C019F3704"  # The list under the cryptogram, as a DOL.
CDOL1 = bytes.fromhex(_DATA)
CDOL2 = bytes.fromhex("8A02" + _DATA)
CDOL2_WITH_91 = bytes.fromhex("8A02910A" + _DATA)
CDOL2_WITHOUT_8A = CDOL1

# Direct convention. T=1 with IFSC 254 and the block and character waiting times that EMV wants; T=0 plain.
ATR_T1 = bytes.fromhex("3BE500008131FE455A47313233C3")
ATR_T0 = bytes.fromhex("3B6500005A47313233")


class IssuerAuthentication(Enum):
    """How much the card cares for the ARPC. A wrong one always ends in an AAC."""

    NONE = "none"  # It has no way to check one.
    OPTIONAL = "optional"  # A missing one is forgiven.
    MANDATORY = "mandatory"  # A missing one ends in an AAC.


class Garbage(Enum):
    """Which answer is broken, and the rest is a good card."""

    NONE = "none"
    FCI = "fci"
    RECORD = "record"
    OPTIONS = "options"
    CRYPTOGRAM = "cryptogram"


@dataclass(frozen=True, slots=True)
class CardApplication:
    """One application (ADF) with its data. Dates are YYMMDD."""

    aid: bytes
    label: str
    pan: str = field(repr=False)
    sequence: str = "01"
    priority: int = 1  # 1..15; 0: none given.
    confirm: bool = False  # Tag 87 b8: not without the cardholder's confirmation.
    expiry: str = "301231"
    effective: str = "200101"
    service_code: str = "201"
    holder: str = "TEST/CARDHOLDER"
    language: str = "zhen"
    country: bytes = bytes.fromhex("0156")
    usage: bytes = bytes.fromhex("FF00")
    version: bytes = bytes.fromhex("0030")
    aip: bytes = AIP_EXTERNAL_AUTHENTICATE
    pdol: bytes = b""
    cdol1: bytes = CDOL1
    cdol2: bytes = CDOL2
    cvm_list: bytes = CVM_PIN_OR_SIGNATURE
    action_default: bytes = bytes.fromhex("D8689CF800")
    action_denial: bytes = bytes.fromhex("0010000000")
    action_online: bytes = bytes.fromhex("D8689CF800")
    template_77: bool = False  # GPO and GENERATE AC answer in format 2.
    blocked: bool = False  # The application (not the card) is blocked: 6283 and AACs only.
    refuses_options: bool = False  # GPO answers 6985: conditions of use not satisfied.
    left_out: frozenset[int] = frozenset()  # Tags that its records do not have.

    @property
    def track2(self) -> bytes:
        """Tag 57: PAN, D, YYMM, service code, discretionary data, padded with F."""
        digits = f"{self.pan}D{self.expiry[:4]}{self.service_code}00000000"
        return bytes.fromhex(digits + "F" * (len(digits) % 2))


@dataclass(frozen=True, slots=True)
class CardProfile:
    name: str
    zh: str
    en: str
    applications: tuple[CardApplication, ...]
    pin: str = field(default="", repr=False)  # "": the issuer has no PIN for it.
    balance_minor: int = 500_000
    issuer_refuses: str = ""  # The response code that the issuer always gives ("41": lost).
    pse: bool = True
    mute: bool = False  # No answer to reset: upside down, or no chip.
    blocked: bool = False  # Every command answers 6A81.
    transport_t0: bool = False  # 61xx and 6Cxx reach the reader.
    endless_61: bool = False  # GET RESPONSE never comes to an end.
    garbage: Garbage = Garbage.NONE
    first_answers: int | None = None  # CID (b8-b7) of the first AC, whatever was asked.
    second_answers: int | None = None  # CID of the second AC, whatever was asked.
    issuer_authentication: IssuerAuthentication = IssuerAuthentication.OPTIONAL

    @property
    def pin_required(self) -> bool:
        """Whether the issuer approves nothing without a PIN: a card whose only verification is the online PIN."""
        return bool(self.pin) and self.applications[0].cvm_list == CVM_PIN_ONLY

    @property
    def pan(self) -> str:
        """The number of its first application."""
        return self.applications[0].pan


def luhn_digit(number: str) -> str:
    """The check digit that makes `number` + digit a valid card number.

    >>> luhn_digit("622500000000001")
    '4'
    """
    total = 0
    for place, digit in enumerate(reversed(number)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return str(-total % 10)


def make_test_pan(bin_digits: str, running: int, length: int = 16) -> str:
    """A test card number: BIN, zeros, running number, Luhn digit."""
    body = bin_digits + f"{running:0{length - len(bin_digits) - 1}d}"
    return body + luhn_digit(body)


def _credit(running: int, **changes: object) -> CardApplication:
    base = CardApplication(AID_CREDIT, "UICC CREDIT", make_test_pan("622500", running))
    return replace(base, **changes)  # type: ignore[arg-type]  # Rows of a table: a test builds each of them.


def _debit(running: int, **changes: object) -> CardApplication:
    base = CardApplication(
        AID_DEBIT,
        "UICC DEBIT",
        make_test_pan("621700", running, 19),
        cvm_list=CVM_PIN_ONLY,
        pdol=bytes.fromhex("9F33039F1A02"),
    )
    return replace(base, **changes)  # type: ignore[arg-type]  # See _credit.


def _card(
    name: str, zh: str, en: str, *applications: CardApplication, pin: str = "123456", **changes: object
) -> CardProfile:
    return replace(CardProfile(name, zh, en, applications, pin), **changes)  # type: ignore[arg-type]  # See _credit.


AAC, TC = 0x00, 0x40
_MANDATORY = IssuerAuthentication.MANDATORY

_ROWS: tuple[CardProfile, ...] = (
    _card("unionpay-credit-pin", "信用卡,联机密码", "credit, online PIN", _credit(1)),
    _card("unionpay-debit-pin", "借记卡,联机密码", "debit, online PIN", _debit(2)),
    _card("pin-12", "十二位密码", "a PIN of 12 digits", _credit(90), pin="904718263517"),
    _card("signature", "信用卡,签名", "credit, signature", _credit(3, cvm_list=CVM_SIGNATURE), pin=""),
    _card("no-cvm", "无需验证", "no cardholder verification", _credit(4, cvm_list=CVM_NONE), pin=""),
    _card(
        "two-apps",
        "两个应用,须选择",
        "two applications, one asks for confirmation",
        _debit(5, priority=1, confirm=True),
        _credit(6, priority=2),
    ),
    _card("poor", "余额不足", "almost no balance", _debit(7), balance_minor=100),
    _card("blocked", "卡片已锁", "card blocked (6A81)", _credit(8), blocked=True),
    _card("app-blocked", "应用已锁", "application blocked (6283)", _credit(9, blocked=True)),
    _card("expired", "过期卡", "expired", _credit(10, expiry="201231", effective="150101")),
    _card("not-yet-valid", "未生效", "not yet effective", _credit(11, effective="390101", expiry="491231")),
    _card("not-for-goods", "只可取现", "cash only (9F07)", _credit(12, usage=bytes.fromhex("C300"))),
    _card("garbage-tlv", "数据损坏", "a record that is no TLV", _credit(13), garbage=Garbage.RECORD),
    _card("garbage-fci", "选择应答损坏", "an FCI that is no TLV", _credit(14), garbage=Garbage.FCI),
    _card("garbage-gpo", "GPO 应答损坏", "a GPO answer that is no TLV", _credit(15), garbage=Garbage.OPTIONS),
    _card("garbage-ac", "密文应答损坏", "a cut cryptogram answer", _credit(16), garbage=Garbage.CRYPTOGRAM),
    _card("mute", "无应答", "no answer to reset", _credit(17), mute=True),
    _card("declines-first", "卡片拒绝", "AAC at once", _credit(18), first_answers=AAC),
    _card("declines-after-approval", "批准后卡片拒绝", "AAC after approval", _credit(19), second_answers=AAC),
    _card("offline-approver", "脱机批准", "TC where ARQC was asked", _credit(20), first_answers=TC),
    _card("no-pse", "无 PSE", "no PSE, AID list only", _credit(21), pse=False),
    _card("long-61xx", "T=0 分段应答", "T=0: 61xx and 6Cxx", _credit(22), transport_t0=True),
    _card("endless-61xx", "无尽 61xx", "61xx without end", _credit(23), transport_t0=True, endless_61=True),
    _card(
        "issuer-auth-in-cdol2",
        "ARPC 在 CDOL2",
        "ARPC in CDOL2, not EXTERNAL AUTHENTICATE",
        _credit(24, aip=AIP_NO_EXTERNAL_AUTHENTICATE, cdol2=CDOL2_WITH_91),
        issuer_authentication=_MANDATORY,
    ),
    _card(
        "no-cdol2-8a",
        "CDOL2 无 8A",
        "CDOL2 without the response code",
        _credit(25, cdol2=CDOL2_WITHOUT_8A),
    ),
    _card(
        "arpc-mandatory",
        "必须发卡行认证",
        "AAC without a good ARPC",
        _credit(26),
        issuer_authentication=_MANDATORY,
    ),
    _card("format-77", "格式二应答", "answers in template 77", _debit(27, template_77=True)),
    _card(
        "gpo-refused",
        "首个应用不可用",
        "first application refuses GPO (6985)",
        _debit(28, refuses_options=True),
        _credit(29, priority=2),
    ),
    _card("no-pan", "缺少卡号", "no PAN in the records", _credit(30, left_out=frozenset({0x5A}))),
    _card("no-cdol", "缺少 CDOL", "no CDOL1 in the records", _credit(31, left_out=frozenset({0x8C}))),
    _card(
        "unknown-aid",
        "不支持的应用",
        "no application that a terminal knows",
        _credit(32, aid=AID_UNKNOWN, label="UNKNOWN"),
    ),
    _card(
        "offline-pin-only",
        "脱机密码",
        "offline PIN first, else signature",
        _credit(33, cvm_list=CVM_OFFLINE_PIN_OR_SIGNATURE),
    ),
    _card("lost", "挂失卡", "reported lost (41)", _debit(35), issuer_refuses="41"),
    _card("do-not-honour", "不予承兑", "the issuer refuses (05)", _credit(36), issuer_refuses="05"),
    _card("rich", "余额充足", "a balance for a whole day", _debit(34), balance_minor=99_999_999_99),
)

PROFILES: Mapping[str, CardProfile] = MappingProxyType({row.name: row for row in _ROWS})
