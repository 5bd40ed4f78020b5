"""Every bit field of the Books as flags in the spec's order, with words in both languages.

A flag's value is the number that the field's bytes make, so that b8 of byte 1 is the highest bit: a TVR prints as it
stands on the wire, and `bytes(TVR.X)` is the field.

>>> bytes(TVR.OFFLINE_DATA_AUTHENTICATION_NOT_PERFORMED | TVR.ONLINE_PIN_ENTERED).hex()
'8000040000'

Spec: EMV 4.4 Book 3 Annex C (AIP, AUC, CVM rule, TVR, TSI), Book 4 Annex A (terminal capabilities).
"""

# ruff: noqa: E501  # Tables: one row a line.

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, IntEnum, IntFlag
from types import MappingProxyType
from typing import Any, Final


class TVR(IntFlag):
    """Terminal Verification Results, tag 95, 5 bytes. Spec: Book 3 §C5."""

    OFFLINE_DATA_AUTHENTICATION_NOT_PERFORMED = 0x80_00_00_00_00
    SDA_FAILED = 0x40_00_00_00_00
    ICC_DATA_MISSING = 0x20_00_00_00_00
    CARD_ON_EXCEPTION_FILE = 0x10_00_00_00_00
    DDA_FAILED = 0x08_00_00_00_00
    CDA_FAILED = 0x04_00_00_00_00
    SDA_SELECTED = 0x02_00_00_00_00
    XDA_SELECTED = 0x01_00_00_00_00
    APPLICATION_VERSIONS_DIFFER = 0x80_00_00_00
    EXPIRED_APPLICATION = 0x40_00_00_00
    APPLICATION_NOT_YET_EFFECTIVE = 0x20_00_00_00
    SERVICE_NOT_ALLOWED = 0x10_00_00_00
    NEW_CARD = 0x08_00_00_00
    BIOMETRIC_SUCCESSFUL = 0x02_00_00_00
    BIOMETRIC_FORMAT_NOT_SUPPORTED = 0x01_00_00_00
    CVM_NOT_SUCCESSFUL = 0x80_00_00
    UNRECOGNISED_CVM = 0x40_00_00
    PIN_TRY_LIMIT_EXCEEDED = 0x20_00_00
    PIN_PAD_NOT_WORKING = 0x10_00_00
    PIN_NOT_ENTERED = 0x08_00_00
    ONLINE_PIN_ENTERED = 0x04_00_00
    BIOMETRIC_DEVICE_NOT_WORKING = 0x02_00_00
    BIOMETRIC_BYPASSED = 0x01_00_00
    FLOOR_LIMIT_EXCEEDED = 0x80_00
    LOWER_OFFLINE_LIMIT_EXCEEDED = 0x40_00
    UPPER_OFFLINE_LIMIT_EXCEEDED = 0x20_00
    SELECTED_RANDOMLY = 0x10_00
    MERCHANT_FORCED_ONLINE = 0x08_00
    BIOMETRIC_TRY_LIMIT_EXCEEDED = 0x04_00
    BIOMETRIC_TYPE_NOT_SUPPORTED = 0x02_00
    XDA_FAILED = 0x01_00
    DEFAULT_TDOL_USED = 0x80
    ISSUER_AUTHENTICATION_FAILED = 0x40
    SCRIPT_FAILED_BEFORE_FINAL_GENERATE_AC = 0x20
    SCRIPT_FAILED_AFTER_FINAL_GENERATE_AC = 0x10
    CA_ECC_KEY_MISSING = 0x04
    ECC_KEY_RECOVERY_FAILED = 0x02

    def __bytes__(self) -> bytes:
        return self.to_bytes(5, "big")


class TSI(IntFlag):
    """Transaction Status Information, tag 9B, 2 bytes. Spec: Book 3 §C6."""

    OFFLINE_DATA_AUTHENTICATION_PERFORMED = 0x8000
    CARDHOLDER_VERIFICATION_PERFORMED = 0x4000
    CARD_RISK_MANAGEMENT_PERFORMED = 0x2000
    ISSUER_AUTHENTICATION_PERFORMED = 0x1000
    TERMINAL_RISK_MANAGEMENT_PERFORMED = 0x0800
    SCRIPT_PROCESSING_PERFORMED = 0x0400

    def __bytes__(self) -> bytes:
        return self.to_bytes(2, "big")


class AIP(IntFlag):
    """Application Interchange Profile, tag 82, 2 bytes. Spec: Book 3 §C1."""

    XDA = 0x8000
    SDA = 0x4000
    DDA = 0x2000
    CARDHOLDER_VERIFICATION = 0x1000
    TERMINAL_RISK_MANAGEMENT = 0x0800
    ISSUER_AUTHENTICATION = 0x0400
    CDA = 0x0100


class AUC(IntFlag):
    """Application Usage Control, tag 9F07, 2 bytes. Spec: Book 3 §C2."""

    DOMESTIC_CASH = 0x8000
    INTERNATIONAL_CASH = 0x4000
    DOMESTIC_GOODS = 0x2000
    INTERNATIONAL_GOODS = 0x1000
    DOMESTIC_SERVICES = 0x0800
    INTERNATIONAL_SERVICES = 0x0400
    ATM = 0x0200
    OTHER_THAN_ATM = 0x0100
    DOMESTIC_CASHBACK = 0x0080
    INTERNATIONAL_CASHBACK = 0x0040


class CvmCapability(IntFlag):
    """Terminal Capabilities, tag 9F33, byte 2. Spec: Book 4 §A2."""

    PLAINTEXT_PIN = 0x80
    ONLINE_PIN = 0x40
    SIGNATURE = 0x20
    ENCIPHERED_PIN = 0x10
    NO_CVM = 0x08
    ONLINE_BIOMETRIC = 0x04
    OFFLINE_BIOMETRIC = 0x02
    ENCIPHERED_PIN_ECC = 0x01


class SecurityCapability(IntFlag):
    """Terminal Capabilities, tag 9F33, byte 3. Spec: Book 4 §A2."""

    SDA = 0x80
    DDA = 0x40
    CARD_CAPTURE = 0x20
    CDA = 0x08
    XDA = 0x04


OFFLINE_PIN: Final = (
    CvmCapability.PLAINTEXT_PIN | CvmCapability.ENCIPHERED_PIN | CvmCapability.ENCIPHERED_PIN_ECC
)
BIOMETRIC: Final = CvmCapability.ONLINE_BIOMETRIC | CvmCapability.OFFLINE_BIOMETRIC


class Cvm(Enum):
    """CVM codes, b6-b1 of the first byte of a CVM rule. Spec: Book 3 §C3."""

    FAIL = 0x00
    PLAINTEXT_PIN = 0x01
    ONLINE_PIN = 0x02
    PLAINTEXT_PIN_AND_SIGNATURE = 0x03
    ENCIPHERED_PIN = 0x04
    ENCIPHERED_PIN_AND_SIGNATURE = 0x05
    SIGNATURE = 0x1E
    NO_CVM = 0x1F
    NOT_PERFORMED = 0x3F  # Only in CVM Results: no rule was ever performed.


class CvmCondition(Enum):
    """CVM condition codes, the second byte of a CVM rule. Spec: Book 3 §C3."""

    ALWAYS = 0x00
    UNATTENDED_CASH = 0x01
    NOT_CASH_NOT_CASHBACK = 0x02
    SUPPORTED = 0x03
    MANUAL_CASH = 0x04
    CASHBACK = 0x05
    UNDER_X = 0x06
    OVER_X = 0x07
    UNDER_Y = 0x08
    OVER_Y = 0x09


class CvmResult(Enum):
    """The third byte of CVM Results, tag 9F34. Spec: Book 4 §A4."""

    UNKNOWN = 0x00  # Signature, online PIN: others will tell.
    FAILED = 0x01
    SUCCESSFUL = 0x02


class TransactionType(IntEnum):
    """Tag 9C: the first two digits of the ISO 8583:1987 processing code."""

    PURCHASE = 0x00
    CASH = 0x01
    CASHBACK = 0x09
    REFUND = 0x20


NEXT_RULE_IF_UNSUCCESSFUL = 0x40  # b7 of a CVM code.

# Bit → words, in the spec's order.
TVR_WORDS: Final = MappingProxyType(
    {
        TVR.OFFLINE_DATA_AUTHENTICATION_NOT_PERFORMED: ("Offline data authentication was not performed", "未进行脱机数据认证"),
        TVR.SDA_FAILED: ("SDA failed", "静态数据认证失败"),
        TVR.ICC_DATA_MISSING: ("ICC data missing", "IC卡数据缺失"),
        TVR.CARD_ON_EXCEPTION_FILE: ("Card appears on terminal exception file", "卡片在终端异常文件中"),
        TVR.DDA_FAILED: ("DDA failed", "动态数据认证失败"),
        TVR.CDA_FAILED: ("CDA failed", "复合动态数据认证失败"),
        TVR.SDA_SELECTED: ("SDA selected", "选择了静态数据认证"),
        TVR.XDA_SELECTED: ("XDA selected", "选择了扩展数据认证"),
        TVR.APPLICATION_VERSIONS_DIFFER: ("ICC and terminal have different application versions", "卡片与终端应用版本不一致"),
        TVR.EXPIRED_APPLICATION: ("Expired application", "应用已过期"),
        TVR.APPLICATION_NOT_YET_EFFECTIVE: ("Application not yet effective", "应用尚未生效"),
        TVR.SERVICE_NOT_ALLOWED: ("Requested service not allowed for card product", "卡片不允许所请求的服务"),
        TVR.NEW_CARD: ("New card", "新卡"),
        TVR.BIOMETRIC_SUCCESSFUL: ("Biometric performed and successful", "生物特征验证成功"),
        TVR.BIOMETRIC_FORMAT_NOT_SUPPORTED: ("Biometric template format not supported", "不支持的生物特征模板格式"),
        TVR.CVM_NOT_SUCCESSFUL: ("Cardholder verification was not successful", "持卡人验证失败"),
        TVR.UNRECOGNISED_CVM: ("Unrecognised CVM", "未知的持卡人验证方法"),
        TVR.PIN_TRY_LIMIT_EXCEEDED: ("PIN Try Limit exceeded", "密码尝试次数超限"),
        TVR.PIN_PAD_NOT_WORKING: ("PIN entry required and PIN pad not present or not working", "要求输入密码但密码键盘不存在或故障"),
        TVR.PIN_NOT_ENTERED: ("PIN entry required, PIN pad present, but PIN was not entered", "要求输入密码且密码键盘可用但未输入"),
        TVR.ONLINE_PIN_ENTERED: ("Online CVM captured", "已采集联机验证数据"),
        TVR.BIOMETRIC_DEVICE_NOT_WORKING: ("Biometric required but capture device not working", "要求生物特征但采集设备故障"),
        TVR.BIOMETRIC_BYPASSED: ("Biometric required, capture device present, but entry was bypassed", "要求生物特征且设备可用但被跳过"),
        TVR.FLOOR_LIMIT_EXCEEDED: ("Transaction exceeds floor limit", "交易超过最低限额"),
        TVR.LOWER_OFFLINE_LIMIT_EXCEEDED: ("Lower consecutive offline limit exceeded", "超过连续脱机交易下限"),
        TVR.UPPER_OFFLINE_LIMIT_EXCEEDED: ("Upper consecutive offline limit exceeded", "超过连续脱机交易上限"),
        TVR.SELECTED_RANDOMLY: ("Transaction selected randomly for online processing", "交易被随机选择联机"),
        TVR.MERCHANT_FORCED_ONLINE: ("Merchant forced transaction online", "商户要求联机"),
        TVR.BIOMETRIC_TRY_LIMIT_EXCEEDED: ("Biometric Try Limit exceeded", "生物特征尝试次数超限"),
        TVR.BIOMETRIC_TYPE_NOT_SUPPORTED: ("A selected Biometric Type not supported", "不支持所选的生物特征类型"),
        TVR.XDA_FAILED: ("XDA signature verification failed", "扩展数据认证失败"),
        TVR.DEFAULT_TDOL_USED: ("Default TDOL used", "使用了缺省TDOL"),
        TVR.ISSUER_AUTHENTICATION_FAILED: ("Issuer authentication failed", "发卡行认证失败"),
        TVR.SCRIPT_FAILED_BEFORE_FINAL_GENERATE_AC: ("Script processing failed before final GENERATE AC", "最后一次GENERATE AC之前脚本处理失败"),
        TVR.SCRIPT_FAILED_AFTER_FINAL_GENERATE_AC: ("Script processing failed after final GENERATE AC", "最后一次GENERATE AC之后脚本处理失败"),
        TVR.CA_ECC_KEY_MISSING: ("CA ECC key missing", "缺少认证中心椭圆曲线公钥"),
        TVR.ECC_KEY_RECOVERY_FAILED: ("ECC key recovery failed", "椭圆曲线公钥恢复失败"),
    }
)

TSI_WORDS: Final = MappingProxyType(
    {
        TSI.OFFLINE_DATA_AUTHENTICATION_PERFORMED: ("Offline data authentication was performed", "已进行脱机数据认证"),
        TSI.CARDHOLDER_VERIFICATION_PERFORMED: ("Cardholder verification was performed", "已进行持卡人验证"),
        TSI.CARD_RISK_MANAGEMENT_PERFORMED: ("Card risk management was performed", "已进行卡片风险管理"),
        TSI.ISSUER_AUTHENTICATION_PERFORMED: ("Issuer authentication was performed", "已进行发卡行认证"),
        TSI.TERMINAL_RISK_MANAGEMENT_PERFORMED: ("Terminal risk management was performed", "已进行终端风险管理"),
        TSI.SCRIPT_PROCESSING_PERFORMED: ("Script processing was performed", "已进行脚本处理"),
    }
)

AIP_WORDS: Final = MappingProxyType(
    {
        AIP.XDA: ("XDA supported", "支持扩展数据认证"),
        AIP.SDA: ("SDA supported", "支持静态数据认证"),
        AIP.DDA: ("DDA supported", "支持动态数据认证"),
        AIP.CARDHOLDER_VERIFICATION: ("Cardholder verification is supported", "支持持卡人验证"),
        AIP.TERMINAL_RISK_MANAGEMENT: ("Terminal risk management is to be performed", "要求终端风险管理"),
        AIP.ISSUER_AUTHENTICATION: ("Issuer authentication is supported", "支持发卡行认证"),
        AIP.CDA: ("CDA supported", "支持复合动态数据认证"),
    }
)

AUC_WORDS: Final = MappingProxyType(
    {
        AUC.DOMESTIC_CASH: ("Valid for domestic cash transactions", "可用于国内取现"),
        AUC.INTERNATIONAL_CASH: ("Valid for international cash transactions", "可用于国际取现"),
        AUC.DOMESTIC_GOODS: ("Valid for domestic goods", "可用于国内商品"),
        AUC.INTERNATIONAL_GOODS: ("Valid for international goods", "可用于国际商品"),
        AUC.DOMESTIC_SERVICES: ("Valid for domestic services", "可用于国内服务"),
        AUC.INTERNATIONAL_SERVICES: ("Valid for international services", "可用于国际服务"),
        AUC.ATM: ("Valid at ATMs", "可用于自动柜员机"),
        AUC.OTHER_THAN_ATM: ("Valid at terminals other than ATMs", "可用于自动柜员机以外的终端"),
        AUC.DOMESTIC_CASHBACK: ("Domestic cashback allowed", "允许国内返现"),
        AUC.INTERNATIONAL_CASHBACK: ("International cashback allowed", "允许国际返现"),
    }
)

# Terminal Capabilities, tag 9F33, the three bytes as one number. Spec: Book 4 §A2.
CAPABILITY_WORDS: Final = MappingProxyType(
    {
        0x80_00_00: ("Manual key entry", "手工输入"),
        0x40_00_00: ("Magnetic stripe", "磁条"),
        0x20_00_00: ("IC with contacts", "接触式IC卡"),
        CvmCapability.PLAINTEXT_PIN << 8: ("Plaintext PIN for ICC verification", "卡片验证明文密码"),
        CvmCapability.ONLINE_PIN << 8: ("Enciphered PIN for online verification", "联机验证密文密码"),
        CvmCapability.SIGNATURE << 8: ("Signature", "签名"),
        CvmCapability.ENCIPHERED_PIN << 8: ("Enciphered PIN for offline verification (RSA)", "脱机验证密文密码（RSA）"),
        CvmCapability.NO_CVM << 8: ("No CVM required", "无需持卡人验证"),
        CvmCapability.ONLINE_BIOMETRIC << 8: ("Online biometric", "联机生物特征"),
        CvmCapability.OFFLINE_BIOMETRIC << 8: ("Offline biometric", "脱机生物特征"),
        CvmCapability.ENCIPHERED_PIN_ECC << 8: ("Enciphered PIN for offline verification (ECC)", "脱机验证密文密码（椭圆曲线）"),
        SecurityCapability.SDA: ("SDA", "静态数据认证"),
        SecurityCapability.DDA: ("DDA", "动态数据认证"),
        SecurityCapability.CARD_CAPTURE: ("Card capture", "吞卡"),
        SecurityCapability.CDA: ("CDA", "复合动态数据认证"),
        SecurityCapability.XDA: ("XDA", "扩展数据认证"),
    }
)


@dataclass(frozen=True, slots=True)
class BitField:
    """A field of flags: its tag, its length, and what each bit means in English and Chinese."""

    name: str
    tag: int
    length: int
    words: Mapping[Any, tuple[str, str]]  # A bit of the number that the bytes make → words.

    def lines(self, value: bytes, *, language: str = "en") -> tuple[str, ...]:
        """What is set, in the spec's order, as `byte.bit words`; reserved bits are named so. Raises ValueError."""
        if len(value) != self.length:
            raise ValueError(f"{self.name} has {self.length} bytes, not {len(value)}")
        column = 1 if language.startswith("zh") else 0
        number = int.from_bytes(value, "big")
        return tuple(
            f"{self.length - bit // 8}.{bit % 8 + 1} {self.words.get(1 << bit, ('RFU', '保留'))[column]}"
            for bit in range(8 * self.length - 1, -1, -1)
            if number & 1 << bit
        )


FIELDS: Final = (
    BitField("TVR", 0x95, 5, TVR_WORDS),
    BitField("TSI", 0x9B, 2, TSI_WORDS),
    BitField("AIP", 0x82, 2, AIP_WORDS),
    BitField("AUC", 0x9F07, 2, AUC_WORDS),
    BitField("CAPABILITIES", 0x9F33, 3, CAPABILITY_WORDS),
)


def tvr_of(value: bytes) -> TVR:
    """The flags of five bytes. Raises ValueError.

    >>> tvr_of(bytes.fromhex("8000048000"))
    <TVR.OFFLINE_DATA_AUTHENTICATION_NOT_PERFORMED|ONLINE_PIN_ENTERED|FLOOR_LIMIT_EXCEEDED: 549756108800>
    """
    if len(value) != 5:
        raise ValueError("a TVR has 5 bytes")
    return TVR(int.from_bytes(value, "big"))


def tvr_lines(value: TVR, *, language: str = "en") -> tuple[str, ...]:
    """What is set, in the spec's order, as `byte.bit words`; bits reserved for future use are named so.

    >>> tvr_lines(TVR.ONLINE_PIN_ENTERED)
    ('3.3 Online CVM captured',)
    """
    return FIELDS[0].lines(bytes(value), language=language)


def tsi_lines(value: TSI, *, language: str = "en") -> tuple[str, ...]:
    """What was performed, in the spec's order."""
    column = 1 if language.startswith("zh") else 0
    return tuple(words[column] for flag, words in TSI_WORDS.items() if value & flag)


def verified_by_card(cvm_results: bytes) -> bool:
    """Whether 9F34 says that the card has found its PIN right. Spec: Book 4 §6.3.4.5.

    >>> verified_by_card(bytes.fromhex("410302")), verified_by_card(bytes.fromhex("410301"))
    (True, False)
    """
    return bool(cvm_results) and cvm_results[0] & 0x3F in (
        Cvm.PLAINTEXT_PIN.value,
        Cvm.PLAINTEXT_PIN_AND_SIGNATURE.value,
        Cvm.ENCIPHERED_PIN.value,
        Cvm.ENCIPHERED_PIN_AND_SIGNATURE.value,
    ) and cvm_results[2:3] != b"\x01"


def wants_signature(cvm_results: bytes) -> bool:
    """Whether 9F34 says that a signature is to be taken. Spec: Book 4 §6.3.4.4.

    >>> wants_signature(bytes.fromhex("1E0300")), wants_signature(bytes.fromhex("420300"))
    (True, False)
    """
    return bool(cvm_results) and cvm_results[0] & 0x3F in (
        Cvm.SIGNATURE.value,
        Cvm.PLAINTEXT_PIN_AND_SIGNATURE.value,
        Cvm.ENCIPHERED_PIN_AND_SIGNATURE.value,
    ) and cvm_results[2:3] != b"\x01"
