"""The tag dictionary: every data object the project knows, one row a line, in both languages.

A constant carries its number, so that a reader need not look it up: `AMOUNT_AUTHORISED_9F02`. `Tag.format` decides how
a DOL pads and truncates; `Tag.source` decides whether a card may set the value (a card that sends its own 9F02 is
ignored); `Tag.sensitive` decides what is masked wherever a person may read it.

>>> lookup(0x9F02).en
'Amount, Authorised (Numeric)'

Spec: EMV 4.4 Book 3 Annex A (data elements dictionary); UnionPay rows: JR/T 0025.
"""

# ruff: noqa: E501, RUF001  # A table: one row a line; Chinese punctuation is meant.

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Final


class Format(Enum):
    """Spec: EMV 4.4 Book 3 §4.3."""

    A = "a"
    AN = "an"
    ANS = "ans"
    B = "b"
    CN = "cn"  # Digits to the left, padded with F.
    N = "n"  # Digits to the right, padded with 0.
    TEMPLATE = "template"


class Source(Enum):
    CARD = "card"
    TERMINAL = "terminal"
    ISSUER = "issuer"


@dataclass(frozen=True, slots=True)
class Tag:
    """One row. Lengths are bytes; `sensitive` values are masked before anyone sees them."""

    tag: int
    constant: str
    en: str
    zh: str
    format: Format
    min_bytes: int
    max_bytes: int
    source: Source
    sensitive: bool = False


ISSUER_IDENTIFICATION_NUMBER_42: Final = 0x42
ADF_NAME_4F: Final = 0x4F
APPLICATION_LABEL_50: Final = 0x50
TRACK_2_EQUIVALENT_DATA_57: Final = 0x57
PAN_5A: Final = 0x5A
CARDHOLDER_NAME_5F20: Final = 0x5F20
APPLICATION_EXPIRATION_DATE_5F24: Final = 0x5F24
APPLICATION_EFFECTIVE_DATE_5F25: Final = 0x5F25
ISSUER_COUNTRY_CODE_5F28: Final = 0x5F28
TRANSACTION_CURRENCY_CODE_5F2A: Final = 0x5F2A
LANGUAGE_PREFERENCE_5F2D: Final = 0x5F2D
SERVICE_CODE_5F30: Final = 0x5F30
PAN_SEQUENCE_NUMBER_5F34: Final = 0x5F34
TRANSACTION_CURRENCY_EXPONENT_5F36: Final = 0x5F36
ISSUER_URL_5F50: Final = 0x5F50
IBAN_5F53: Final = 0x5F53
BIC_5F54: Final = 0x5F54
ISSUER_COUNTRY_ALPHA2_5F55: Final = 0x5F55
ISSUER_COUNTRY_ALPHA3_5F56: Final = 0x5F56
ACCOUNT_TYPE_5F57: Final = 0x5F57
APPLICATION_TEMPLATE_61: Final = 0x61
FCI_TEMPLATE_6F: Final = 0x6F
RECORD_TEMPLATE_70: Final = 0x70
ISSUER_SCRIPT_TEMPLATE_1_71: Final = 0x71
ISSUER_SCRIPT_TEMPLATE_2_72: Final = 0x72
DIRECTORY_DISCRETIONARY_TEMPLATE_73: Final = 0x73
RESPONSE_TEMPLATE_FORMAT_2_77: Final = 0x77
RESPONSE_TEMPLATE_FORMAT_1_80: Final = 0x80
AMOUNT_AUTHORISED_BINARY_81: Final = 0x81
APPLICATION_INTERCHANGE_PROFILE_82: Final = 0x82
COMMAND_TEMPLATE_83: Final = 0x83
DF_NAME_84: Final = 0x84
ISSUER_SCRIPT_COMMAND_86: Final = 0x86
APPLICATION_PRIORITY_INDICATOR_87: Final = 0x87
SFI_88: Final = 0x88
AUTHORISATION_CODE_89: Final = 0x89
AUTHORISATION_RESPONSE_CODE_8A: Final = 0x8A
CDOL1_8C: Final = 0x8C
CDOL2_8D: Final = 0x8D
CVM_LIST_8E: Final = 0x8E
CA_PUBLIC_KEY_INDEX_8F: Final = 0x8F
ISSUER_PUBLIC_KEY_CERTIFICATE_90: Final = 0x90
ISSUER_AUTHENTICATION_DATA_91: Final = 0x91
ISSUER_PUBLIC_KEY_REMAINDER_92: Final = 0x92
SIGNED_STATIC_APPLICATION_DATA_93: Final = 0x93
APPLICATION_FILE_LOCATOR_94: Final = 0x94
TERMINAL_VERIFICATION_RESULTS_95: Final = 0x95
TDOL_97: Final = 0x97
TC_HASH_VALUE_98: Final = 0x98
TRANSACTION_PIN_DATA_99: Final = 0x99
TRANSACTION_DATE_9A: Final = 0x9A
TRANSACTION_STATUS_INFORMATION_9B: Final = 0x9B
TRANSACTION_TYPE_9C: Final = 0x9C
DDF_NAME_9D: Final = 0x9D
ACQUIRER_IDENTIFIER_9F01: Final = 0x9F01
AMOUNT_AUTHORISED_9F02: Final = 0x9F02
AMOUNT_OTHER_9F03: Final = 0x9F03
AMOUNT_OTHER_BINARY_9F04: Final = 0x9F04
APPLICATION_DISCRETIONARY_DATA_9F05: Final = 0x9F05
AID_TERMINAL_9F06: Final = 0x9F06
APPLICATION_USAGE_CONTROL_9F07: Final = 0x9F07
APPLICATION_VERSION_CARD_9F08: Final = 0x9F08
APPLICATION_VERSION_TERMINAL_9F09: Final = 0x9F09
CARDHOLDER_NAME_EXTENDED_9F0B: Final = 0x9F0B
ISSUER_ACTION_CODE_DEFAULT_9F0D: Final = 0x9F0D
ISSUER_ACTION_CODE_DENIAL_9F0E: Final = 0x9F0E
ISSUER_ACTION_CODE_ONLINE_9F0F: Final = 0x9F0F
ISSUER_APPLICATION_DATA_9F10: Final = 0x9F10
ISSUER_CODE_TABLE_INDEX_9F11: Final = 0x9F11
APPLICATION_PREFERRED_NAME_9F12: Final = 0x9F12
LAST_ONLINE_ATC_9F13: Final = 0x9F13
LOWER_CONSECUTIVE_OFFLINE_LIMIT_9F14: Final = 0x9F14
MERCHANT_CATEGORY_CODE_9F15: Final = 0x9F15
MERCHANT_IDENTIFIER_9F16: Final = 0x9F16
PIN_TRY_COUNTER_9F17: Final = 0x9F17
ISSUER_SCRIPT_IDENTIFIER_9F18: Final = 0x9F18
TERMINAL_COUNTRY_CODE_9F1A: Final = 0x9F1A
TERMINAL_FLOOR_LIMIT_9F1B: Final = 0x9F1B
TERMINAL_IDENTIFICATION_9F1C: Final = 0x9F1C
TERMINAL_RISK_MANAGEMENT_DATA_9F1D: Final = 0x9F1D
INTERFACE_DEVICE_SERIAL_NUMBER_9F1E: Final = 0x9F1E
TRACK_1_DISCRETIONARY_DATA_9F1F: Final = 0x9F1F
TRACK_2_DISCRETIONARY_DATA_9F20: Final = 0x9F20
TRANSACTION_TIME_9F21: Final = 0x9F21
CA_PUBLIC_KEY_INDEX_TERMINAL_9F22: Final = 0x9F22
UPPER_CONSECUTIVE_OFFLINE_LIMIT_9F23: Final = 0x9F23
APPLICATION_CRYPTOGRAM_9F26: Final = 0x9F26
CRYPTOGRAM_INFORMATION_DATA_9F27: Final = 0x9F27
ICC_PIN_KEY_CERTIFICATE_9F2D: Final = 0x9F2D
ICC_PIN_KEY_EXPONENT_9F2E: Final = 0x9F2E
ICC_PIN_KEY_REMAINDER_9F2F: Final = 0x9F2F
ISSUER_PUBLIC_KEY_EXPONENT_9F32: Final = 0x9F32
TERMINAL_CAPABILITIES_9F33: Final = 0x9F33
CVM_RESULTS_9F34: Final = 0x9F34
TERMINAL_TYPE_9F35: Final = 0x9F35
APPLICATION_TRANSACTION_COUNTER_9F36: Final = 0x9F36
UNPREDICTABLE_NUMBER_9F37: Final = 0x9F37
PDOL_9F38: Final = 0x9F38
POS_ENTRY_MODE_9F39: Final = 0x9F39
AMOUNT_REFERENCE_CURRENCY_9F3A: Final = 0x9F3A
APPLICATION_REFERENCE_CURRENCY_9F3B: Final = 0x9F3B
TRANSACTION_REFERENCE_CURRENCY_9F3C: Final = 0x9F3C
TRANSACTION_REFERENCE_EXPONENT_9F3D: Final = 0x9F3D
ADDITIONAL_TERMINAL_CAPABILITIES_9F40: Final = 0x9F40
TRANSACTION_SEQUENCE_COUNTER_9F41: Final = 0x9F41
APPLICATION_CURRENCY_CODE_9F42: Final = 0x9F42
APPLICATION_REFERENCE_EXPONENT_9F43: Final = 0x9F43
APPLICATION_CURRENCY_EXPONENT_9F44: Final = 0x9F44
DATA_AUTHENTICATION_CODE_9F45: Final = 0x9F45
ICC_PUBLIC_KEY_CERTIFICATE_9F46: Final = 0x9F46
ICC_PUBLIC_KEY_EXPONENT_9F47: Final = 0x9F47
ICC_PUBLIC_KEY_REMAINDER_9F48: Final = 0x9F48
DDOL_9F49: Final = 0x9F49
SDA_TAG_LIST_9F4A: Final = 0x9F4A
SIGNED_DYNAMIC_APPLICATION_DATA_9F4B: Final = 0x9F4B
ICC_DYNAMIC_NUMBER_9F4C: Final = 0x9F4C
LOG_ENTRY_9F4D: Final = 0x9F4D
MERCHANT_NAME_AND_LOCATION_9F4E: Final = 0x9F4E
LOG_FORMAT_9F4F: Final = 0x9F4F
ISSUER_SCRIPT_RESULTS_9F5B: Final = 0x9F5B
PRODUCT_IDENTIFICATION_9F63: Final = 0x9F63
TERMINAL_TRANSACTION_QUALIFIERS_9F66: Final = 0x9F66
CARD_TRANSACTION_QUALIFIERS_9F6C: Final = 0x9F6C
FORM_FACTOR_INDICATOR_9F6E: Final = 0x9F6E
ELECTRONIC_CASH_AUTHORISATION_CODE_9F74: Final = 0x9F74
ELECTRONIC_CASH_INDICATOR_9F7A: Final = 0x9F7A
FCI_PROPRIETARY_TEMPLATE_A5: Final = 0xA5
FCI_ISSUER_DISCRETIONARY_BF0C: Final = 0xBF0C
SCRIPT_RESULTS_DF31: Final = 0xDF31
SM_SUPPORT_INDICATOR_DF69: Final = 0xDF69

_ROWS: Final = (
    Tag(ISSUER_IDENTIFICATION_NUMBER_42, "ISSUER_IDENTIFICATION_NUMBER_42", "Issuer Identification Number (IIN)", "发卡行标识号", Format.N, 3, 3, Source.CARD),
    Tag(ADF_NAME_4F, "ADF_NAME_4F", "Application Identifier (AID), card", "应用标识符(卡片)", Format.B, 5, 16, Source.CARD),
    Tag(APPLICATION_LABEL_50, "APPLICATION_LABEL_50", "Application Label", "应用标签", Format.ANS, 1, 16, Source.CARD),
    Tag(TRACK_2_EQUIVALENT_DATA_57, "TRACK_2_EQUIVALENT_DATA_57", "Track 2 Equivalent Data", "磁条2等效数据", Format.B, 0, 19, Source.CARD, sensitive=True),
    Tag(PAN_5A, "PAN_5A", "Application Primary Account Number (PAN)", "应用主账号", Format.CN, 0, 10, Source.CARD, sensitive=True),
    Tag(CARDHOLDER_NAME_5F20, "CARDHOLDER_NAME_5F20", "Cardholder Name", "持卡人姓名", Format.ANS, 2, 26, Source.CARD, sensitive=True),
    Tag(APPLICATION_EXPIRATION_DATE_5F24, "APPLICATION_EXPIRATION_DATE_5F24", "Application Expiration Date", "应用失效日期", Format.N, 3, 3, Source.CARD, sensitive=True),
    Tag(APPLICATION_EFFECTIVE_DATE_5F25, "APPLICATION_EFFECTIVE_DATE_5F25", "Application Effective Date", "应用生效日期", Format.N, 3, 3, Source.CARD),
    Tag(ISSUER_COUNTRY_CODE_5F28, "ISSUER_COUNTRY_CODE_5F28", "Issuer Country Code", "发卡行国家代码", Format.N, 2, 2, Source.CARD),
    Tag(TRANSACTION_CURRENCY_CODE_5F2A, "TRANSACTION_CURRENCY_CODE_5F2A", "Transaction Currency Code", "交易货币代码", Format.N, 2, 2, Source.TERMINAL),
    Tag(LANGUAGE_PREFERENCE_5F2D, "LANGUAGE_PREFERENCE_5F2D", "Language Preference", "首选语言", Format.AN, 2, 8, Source.CARD),
    Tag(SERVICE_CODE_5F30, "SERVICE_CODE_5F30", "Service Code", "服务码", Format.N, 2, 2, Source.CARD, sensitive=True),
    Tag(PAN_SEQUENCE_NUMBER_5F34, "PAN_SEQUENCE_NUMBER_5F34", "PAN Sequence Number", "应用主账号序列号", Format.N, 1, 1, Source.CARD),
    Tag(TRANSACTION_CURRENCY_EXPONENT_5F36, "TRANSACTION_CURRENCY_EXPONENT_5F36", "Transaction Currency Exponent", "交易货币指数", Format.N, 1, 1, Source.TERMINAL),
    Tag(ISSUER_URL_5F50, "ISSUER_URL_5F50", "Issuer URL", "发卡行网址", Format.ANS, 0, 252, Source.CARD),
    Tag(IBAN_5F53, "IBAN_5F53", "International Bank Account Number (IBAN)", "国际银行账号", Format.B, 0, 34, Source.CARD, sensitive=True),
    Tag(BIC_5F54, "BIC_5F54", "Bank Identifier Code (BIC)", "银行识别代码", Format.B, 8, 11, Source.CARD),
    Tag(ISSUER_COUNTRY_ALPHA2_5F55, "ISSUER_COUNTRY_ALPHA2_5F55", "Issuer Country Code (alpha2)", "发卡行国家代码(两字母)", Format.A, 2, 2, Source.CARD),
    Tag(ISSUER_COUNTRY_ALPHA3_5F56, "ISSUER_COUNTRY_ALPHA3_5F56", "Issuer Country Code (alpha3)", "发卡行国家代码(三字母)", Format.A, 3, 3, Source.CARD),
    Tag(ACCOUNT_TYPE_5F57, "ACCOUNT_TYPE_5F57", "Account Type", "账户类型", Format.N, 1, 1, Source.TERMINAL),
    Tag(APPLICATION_TEMPLATE_61, "APPLICATION_TEMPLATE_61", "Application Template", "应用模板", Format.TEMPLATE, 0, 252, Source.CARD),
    Tag(FCI_TEMPLATE_6F, "FCI_TEMPLATE_6F", "File Control Information (FCI) Template", "文件控制信息模板", Format.TEMPLATE, 0, 252, Source.CARD),
    Tag(RECORD_TEMPLATE_70, "RECORD_TEMPLATE_70", "READ RECORD Response Message Template", "读记录响应模板", Format.TEMPLATE, 0, 252, Source.CARD),
    Tag(ISSUER_SCRIPT_TEMPLATE_1_71, "ISSUER_SCRIPT_TEMPLATE_1_71", "Issuer Script Template 1", "发卡行脚本模板1", Format.TEMPLATE, 0, 252, Source.ISSUER),
    Tag(ISSUER_SCRIPT_TEMPLATE_2_72, "ISSUER_SCRIPT_TEMPLATE_2_72", "Issuer Script Template 2", "发卡行脚本模板2", Format.TEMPLATE, 0, 252, Source.ISSUER),
    Tag(DIRECTORY_DISCRETIONARY_TEMPLATE_73, "DIRECTORY_DISCRETIONARY_TEMPLATE_73", "Directory Discretionary Template", "目录自定义模板", Format.TEMPLATE, 0, 252, Source.CARD),
    Tag(RESPONSE_TEMPLATE_FORMAT_2_77, "RESPONSE_TEMPLATE_FORMAT_2_77", "Response Message Template Format 2", "响应报文模板格式2", Format.TEMPLATE, 0, 255, Source.CARD),
    Tag(RESPONSE_TEMPLATE_FORMAT_1_80, "RESPONSE_TEMPLATE_FORMAT_1_80", "Response Message Template Format 1", "响应报文模板格式1", Format.B, 0, 255, Source.CARD),
    Tag(AMOUNT_AUTHORISED_BINARY_81, "AMOUNT_AUTHORISED_BINARY_81", "Amount, Authorised (Binary)", "授权金额(二进制)", Format.B, 4, 4, Source.TERMINAL),
    Tag(APPLICATION_INTERCHANGE_PROFILE_82, "APPLICATION_INTERCHANGE_PROFILE_82", "Application Interchange Profile (AIP)", "应用交互特征", Format.B, 2, 2, Source.CARD),
    Tag(COMMAND_TEMPLATE_83, "COMMAND_TEMPLATE_83", "Command Template", "命令模板", Format.B, 0, 255, Source.TERMINAL),
    Tag(DF_NAME_84, "DF_NAME_84", "Dedicated File (DF) Name", "专用文件名", Format.B, 5, 16, Source.CARD),
    Tag(ISSUER_SCRIPT_COMMAND_86, "ISSUER_SCRIPT_COMMAND_86", "Issuer Script Command", "发卡行脚本命令", Format.B, 0, 261, Source.ISSUER),
    Tag(APPLICATION_PRIORITY_INDICATOR_87, "APPLICATION_PRIORITY_INDICATOR_87", "Application Priority Indicator", "应用优先指示符", Format.B, 1, 1, Source.CARD),
    Tag(SFI_88, "SFI_88", "Short File Identifier (SFI)", "短文件标识符", Format.B, 1, 1, Source.CARD),
    Tag(AUTHORISATION_CODE_89, "AUTHORISATION_CODE_89", "Authorisation Code", "授权码", Format.ANS, 6, 6, Source.ISSUER),
    Tag(AUTHORISATION_RESPONSE_CODE_8A, "AUTHORISATION_RESPONSE_CODE_8A", "Authorisation Response Code", "授权响应码", Format.AN, 2, 2, Source.ISSUER),
    Tag(CDOL1_8C, "CDOL1_8C", "Card Risk Management Data Object List 1 (CDOL1)", "卡片风险管理数据对象列表1", Format.B, 0, 252, Source.CARD),
    Tag(CDOL2_8D, "CDOL2_8D", "Card Risk Management Data Object List 2 (CDOL2)", "卡片风险管理数据对象列表2", Format.B, 0, 252, Source.CARD),
    Tag(CVM_LIST_8E, "CVM_LIST_8E", "Cardholder Verification Method (CVM) List", "持卡人验证方法列表", Format.B, 8, 252, Source.CARD),
    Tag(CA_PUBLIC_KEY_INDEX_8F, "CA_PUBLIC_KEY_INDEX_8F", "Certification Authority Public Key Index, card", "认证中心公钥索引(卡片)", Format.B, 1, 1, Source.CARD),
    Tag(ISSUER_PUBLIC_KEY_CERTIFICATE_90, "ISSUER_PUBLIC_KEY_CERTIFICATE_90", "Issuer Public Key Certificate", "发卡行公钥证书", Format.B, 0, 248, Source.CARD),
    Tag(ISSUER_AUTHENTICATION_DATA_91, "ISSUER_AUTHENTICATION_DATA_91", "Issuer Authentication Data", "发卡行认证数据", Format.B, 8, 16, Source.ISSUER),
    Tag(ISSUER_PUBLIC_KEY_REMAINDER_92, "ISSUER_PUBLIC_KEY_REMAINDER_92", "Issuer Public Key Remainder", "发卡行公钥余数", Format.B, 0, 248, Source.CARD),
    Tag(SIGNED_STATIC_APPLICATION_DATA_93, "SIGNED_STATIC_APPLICATION_DATA_93", "Signed Static Application Data", "签名的静态应用数据", Format.B, 0, 248, Source.CARD),
    Tag(APPLICATION_FILE_LOCATOR_94, "APPLICATION_FILE_LOCATOR_94", "Application File Locator (AFL)", "应用文件定位器", Format.B, 4, 252, Source.CARD),
    Tag(TERMINAL_VERIFICATION_RESULTS_95, "TERMINAL_VERIFICATION_RESULTS_95", "Terminal Verification Results (TVR)", "终端验证结果", Format.B, 5, 5, Source.TERMINAL),
    Tag(TDOL_97, "TDOL_97", "Transaction Certificate Data Object List (TDOL)", "交易证书数据对象列表", Format.B, 0, 252, Source.CARD),
    Tag(TC_HASH_VALUE_98, "TC_HASH_VALUE_98", "Transaction Certificate (TC) Hash Value", "交易证书哈希值", Format.B, 20, 20, Source.TERMINAL),
    Tag(TRANSACTION_PIN_DATA_99, "TRANSACTION_PIN_DATA_99", "Transaction PIN Data", "交易PIN数据", Format.B, 0, 255, Source.TERMINAL, sensitive=True),
    Tag(TRANSACTION_DATE_9A, "TRANSACTION_DATE_9A", "Transaction Date", "交易日期", Format.N, 3, 3, Source.TERMINAL),
    Tag(TRANSACTION_STATUS_INFORMATION_9B, "TRANSACTION_STATUS_INFORMATION_9B", "Transaction Status Information (TSI)", "交易状态信息", Format.B, 2, 2, Source.TERMINAL),
    Tag(TRANSACTION_TYPE_9C, "TRANSACTION_TYPE_9C", "Transaction Type", "交易类型", Format.N, 1, 1, Source.TERMINAL),
    Tag(DDF_NAME_9D, "DDF_NAME_9D", "Directory Definition File (DDF) Name", "目录定义文件名", Format.B, 5, 16, Source.CARD),
    Tag(ACQUIRER_IDENTIFIER_9F01, "ACQUIRER_IDENTIFIER_9F01", "Acquirer Identifier", "收单行标识", Format.N, 6, 6, Source.TERMINAL),
    Tag(AMOUNT_AUTHORISED_9F02, "AMOUNT_AUTHORISED_9F02", "Amount, Authorised (Numeric)", "授权金额", Format.N, 6, 6, Source.TERMINAL),
    Tag(AMOUNT_OTHER_9F03, "AMOUNT_OTHER_9F03", "Amount, Other (Numeric)", "其他金额", Format.N, 6, 6, Source.TERMINAL),
    Tag(AMOUNT_OTHER_BINARY_9F04, "AMOUNT_OTHER_BINARY_9F04", "Amount, Other (Binary)", "其他金额(二进制)", Format.B, 4, 4, Source.TERMINAL),
    Tag(APPLICATION_DISCRETIONARY_DATA_9F05, "APPLICATION_DISCRETIONARY_DATA_9F05", "Application Discretionary Data", "应用自定义数据", Format.B, 1, 32, Source.CARD),
    Tag(AID_TERMINAL_9F06, "AID_TERMINAL_9F06", "Application Identifier (AID), terminal", "应用标识符(终端)", Format.B, 5, 16, Source.TERMINAL),
    Tag(APPLICATION_USAGE_CONTROL_9F07, "APPLICATION_USAGE_CONTROL_9F07", "Application Usage Control (AUC)", "应用用途控制", Format.B, 2, 2, Source.CARD),
    Tag(APPLICATION_VERSION_CARD_9F08, "APPLICATION_VERSION_CARD_9F08", "Application Version Number, card", "应用版本号(卡片)", Format.B, 2, 2, Source.CARD),
    Tag(APPLICATION_VERSION_TERMINAL_9F09, "APPLICATION_VERSION_TERMINAL_9F09", "Application Version Number, terminal", "应用版本号(终端)", Format.B, 2, 2, Source.TERMINAL),
    Tag(CARDHOLDER_NAME_EXTENDED_9F0B, "CARDHOLDER_NAME_EXTENDED_9F0B", "Cardholder Name Extended", "持卡人姓名扩展", Format.ANS, 27, 45, Source.CARD, sensitive=True),
    Tag(ISSUER_ACTION_CODE_DEFAULT_9F0D, "ISSUER_ACTION_CODE_DEFAULT_9F0D", "Issuer Action Code, Default", "发卡行行为代码-缺省", Format.B, 5, 5, Source.CARD),
    Tag(ISSUER_ACTION_CODE_DENIAL_9F0E, "ISSUER_ACTION_CODE_DENIAL_9F0E", "Issuer Action Code, Denial", "发卡行行为代码-拒绝", Format.B, 5, 5, Source.CARD),
    Tag(ISSUER_ACTION_CODE_ONLINE_9F0F, "ISSUER_ACTION_CODE_ONLINE_9F0F", "Issuer Action Code, Online", "发卡行行为代码-联机", Format.B, 5, 5, Source.CARD),
    Tag(ISSUER_APPLICATION_DATA_9F10, "ISSUER_APPLICATION_DATA_9F10", "Issuer Application Data", "发卡行应用数据", Format.B, 0, 32, Source.CARD),
    Tag(ISSUER_CODE_TABLE_INDEX_9F11, "ISSUER_CODE_TABLE_INDEX_9F11", "Issuer Code Table Index", "发卡行代码表索引", Format.N, 1, 1, Source.CARD),
    Tag(APPLICATION_PREFERRED_NAME_9F12, "APPLICATION_PREFERRED_NAME_9F12", "Application Preferred Name", "应用首选名称", Format.ANS, 1, 16, Source.CARD),
    Tag(LAST_ONLINE_ATC_9F13, "LAST_ONLINE_ATC_9F13", "Last Online Application Transaction Counter", "上次联机应用交易计数器", Format.B, 2, 2, Source.CARD),
    Tag(LOWER_CONSECUTIVE_OFFLINE_LIMIT_9F14, "LOWER_CONSECUTIVE_OFFLINE_LIMIT_9F14", "Lower Consecutive Offline Limit", "连续脱机交易下限", Format.B, 1, 1, Source.CARD),
    Tag(MERCHANT_CATEGORY_CODE_9F15, "MERCHANT_CATEGORY_CODE_9F15", "Merchant Category Code", "商户类别码", Format.N, 2, 2, Source.TERMINAL),
    Tag(MERCHANT_IDENTIFIER_9F16, "MERCHANT_IDENTIFIER_9F16", "Merchant Identifier", "商户标识", Format.ANS, 15, 15, Source.TERMINAL),
    Tag(PIN_TRY_COUNTER_9F17, "PIN_TRY_COUNTER_9F17", "PIN Try Counter", "PIN尝试计数器", Format.B, 1, 1, Source.CARD),
    Tag(ISSUER_SCRIPT_IDENTIFIER_9F18, "ISSUER_SCRIPT_IDENTIFIER_9F18", "Issuer Script Identifier", "发卡行脚本标识", Format.B, 4, 4, Source.ISSUER),
    Tag(TERMINAL_COUNTRY_CODE_9F1A, "TERMINAL_COUNTRY_CODE_9F1A", "Terminal Country Code", "终端国家代码", Format.N, 2, 2, Source.TERMINAL),
    Tag(TERMINAL_FLOOR_LIMIT_9F1B, "TERMINAL_FLOOR_LIMIT_9F1B", "Terminal Floor Limit", "终端最低限额", Format.B, 4, 4, Source.TERMINAL),
    Tag(TERMINAL_IDENTIFICATION_9F1C, "TERMINAL_IDENTIFICATION_9F1C", "Terminal Identification", "终端标识", Format.AN, 8, 8, Source.TERMINAL),
    Tag(TERMINAL_RISK_MANAGEMENT_DATA_9F1D, "TERMINAL_RISK_MANAGEMENT_DATA_9F1D", "Terminal Risk Management Data", "终端风险管理数据", Format.B, 1, 8, Source.TERMINAL),
    Tag(INTERFACE_DEVICE_SERIAL_NUMBER_9F1E, "INTERFACE_DEVICE_SERIAL_NUMBER_9F1E", "Interface Device (IFD) Serial Number", "接口设备序列号", Format.AN, 8, 8, Source.TERMINAL),
    Tag(TRACK_1_DISCRETIONARY_DATA_9F1F, "TRACK_1_DISCRETIONARY_DATA_9F1F", "Track 1 Discretionary Data", "磁条1自定义数据", Format.ANS, 0, 252, Source.CARD, sensitive=True),
    Tag(TRACK_2_DISCRETIONARY_DATA_9F20, "TRACK_2_DISCRETIONARY_DATA_9F20", "Track 2 Discretionary Data", "磁条2自定义数据", Format.CN, 0, 252, Source.CARD, sensitive=True),
    Tag(TRANSACTION_TIME_9F21, "TRANSACTION_TIME_9F21", "Transaction Time", "交易时间", Format.N, 3, 3, Source.TERMINAL),
    Tag(CA_PUBLIC_KEY_INDEX_TERMINAL_9F22, "CA_PUBLIC_KEY_INDEX_TERMINAL_9F22", "Certification Authority Public Key Index, terminal", "认证中心公钥索引(终端)", Format.B, 1, 1, Source.TERMINAL),
    Tag(UPPER_CONSECUTIVE_OFFLINE_LIMIT_9F23, "UPPER_CONSECUTIVE_OFFLINE_LIMIT_9F23", "Upper Consecutive Offline Limit", "连续脱机交易上限", Format.B, 1, 1, Source.CARD),
    Tag(APPLICATION_CRYPTOGRAM_9F26, "APPLICATION_CRYPTOGRAM_9F26", "Application Cryptogram", "应用密文", Format.B, 8, 8, Source.CARD),
    Tag(CRYPTOGRAM_INFORMATION_DATA_9F27, "CRYPTOGRAM_INFORMATION_DATA_9F27", "Cryptogram Information Data (CID)", "密文信息数据", Format.B, 1, 1, Source.CARD),
    Tag(ICC_PIN_KEY_CERTIFICATE_9F2D, "ICC_PIN_KEY_CERTIFICATE_9F2D", "ICC PIN Encipherment Public Key Certificate", "IC卡PIN加密公钥证书", Format.B, 0, 248, Source.CARD),
    Tag(ICC_PIN_KEY_EXPONENT_9F2E, "ICC_PIN_KEY_EXPONENT_9F2E", "ICC PIN Encipherment Public Key Exponent", "IC卡PIN加密公钥指数", Format.B, 1, 3, Source.CARD),
    Tag(ICC_PIN_KEY_REMAINDER_9F2F, "ICC_PIN_KEY_REMAINDER_9F2F", "ICC PIN Encipherment Public Key Remainder", "IC卡PIN加密公钥余数", Format.B, 0, 248, Source.CARD),
    Tag(ISSUER_PUBLIC_KEY_EXPONENT_9F32, "ISSUER_PUBLIC_KEY_EXPONENT_9F32", "Issuer Public Key Exponent", "发卡行公钥指数", Format.B, 1, 3, Source.CARD),
    Tag(TERMINAL_CAPABILITIES_9F33, "TERMINAL_CAPABILITIES_9F33", "Terminal Capabilities", "终端性能", Format.B, 3, 3, Source.TERMINAL),
    Tag(CVM_RESULTS_9F34, "CVM_RESULTS_9F34", "Cardholder Verification Method (CVM) Results", "持卡人验证方法结果", Format.B, 3, 3, Source.TERMINAL),
    Tag(TERMINAL_TYPE_9F35, "TERMINAL_TYPE_9F35", "Terminal Type", "终端类型", Format.N, 1, 1, Source.TERMINAL),
    Tag(APPLICATION_TRANSACTION_COUNTER_9F36, "APPLICATION_TRANSACTION_COUNTER_9F36", "Application Transaction Counter (ATC)", "应用交易计数器", Format.B, 2, 2, Source.CARD),
    Tag(UNPREDICTABLE_NUMBER_9F37, "UNPREDICTABLE_NUMBER_9F37", "Unpredictable Number", "不可预知数", Format.B, 4, 4, Source.TERMINAL),
    Tag(PDOL_9F38, "PDOL_9F38", "Processing Options Data Object List (PDOL)", "处理选项数据对象列表", Format.B, 0, 252, Source.CARD),
    Tag(POS_ENTRY_MODE_9F39, "POS_ENTRY_MODE_9F39", "Point-of-Service (POS) Entry Mode", "销售点输入方式", Format.N, 1, 1, Source.TERMINAL),
    Tag(AMOUNT_REFERENCE_CURRENCY_9F3A, "AMOUNT_REFERENCE_CURRENCY_9F3A", "Amount, Reference Currency", "参考货币金额", Format.B, 4, 4, Source.TERMINAL),
    Tag(APPLICATION_REFERENCE_CURRENCY_9F3B, "APPLICATION_REFERENCE_CURRENCY_9F3B", "Application Reference Currency", "应用参考货币", Format.N, 2, 8, Source.CARD),
    Tag(TRANSACTION_REFERENCE_CURRENCY_9F3C, "TRANSACTION_REFERENCE_CURRENCY_9F3C", "Transaction Reference Currency Code", "交易参考货币代码", Format.N, 2, 2, Source.TERMINAL),
    Tag(TRANSACTION_REFERENCE_EXPONENT_9F3D, "TRANSACTION_REFERENCE_EXPONENT_9F3D", "Transaction Reference Currency Exponent", "交易参考货币指数", Format.N, 1, 1, Source.TERMINAL),
    Tag(ADDITIONAL_TERMINAL_CAPABILITIES_9F40, "ADDITIONAL_TERMINAL_CAPABILITIES_9F40", "Additional Terminal Capabilities", "终端附加性能", Format.B, 5, 5, Source.TERMINAL),
    Tag(TRANSACTION_SEQUENCE_COUNTER_9F41, "TRANSACTION_SEQUENCE_COUNTER_9F41", "Transaction Sequence Counter", "交易序列计数器", Format.N, 2, 4, Source.TERMINAL),
    Tag(APPLICATION_CURRENCY_CODE_9F42, "APPLICATION_CURRENCY_CODE_9F42", "Application Currency Code", "应用货币代码", Format.N, 2, 2, Source.CARD),
    Tag(APPLICATION_REFERENCE_EXPONENT_9F43, "APPLICATION_REFERENCE_EXPONENT_9F43", "Application Reference Currency Exponent", "应用参考货币指数", Format.N, 1, 4, Source.CARD),
    Tag(APPLICATION_CURRENCY_EXPONENT_9F44, "APPLICATION_CURRENCY_EXPONENT_9F44", "Application Currency Exponent", "应用货币指数", Format.N, 1, 1, Source.CARD),
    Tag(DATA_AUTHENTICATION_CODE_9F45, "DATA_AUTHENTICATION_CODE_9F45", "Data Authentication Code", "数据认证码", Format.B, 2, 2, Source.CARD),
    Tag(ICC_PUBLIC_KEY_CERTIFICATE_9F46, "ICC_PUBLIC_KEY_CERTIFICATE_9F46", "ICC Public Key Certificate", "IC卡公钥证书", Format.B, 0, 248, Source.CARD),
    Tag(ICC_PUBLIC_KEY_EXPONENT_9F47, "ICC_PUBLIC_KEY_EXPONENT_9F47", "ICC Public Key Exponent", "IC卡公钥指数", Format.B, 1, 3, Source.CARD),
    Tag(ICC_PUBLIC_KEY_REMAINDER_9F48, "ICC_PUBLIC_KEY_REMAINDER_9F48", "ICC Public Key Remainder", "IC卡公钥余数", Format.B, 0, 248, Source.CARD),
    Tag(DDOL_9F49, "DDOL_9F49", "Dynamic Data Authentication Data Object List (DDOL)", "动态数据认证数据对象列表", Format.B, 0, 252, Source.CARD),
    Tag(SDA_TAG_LIST_9F4A, "SDA_TAG_LIST_9F4A", "Static Data Authentication Tag List", "静态数据认证标签列表", Format.B, 0, 252, Source.CARD),
    Tag(SIGNED_DYNAMIC_APPLICATION_DATA_9F4B, "SIGNED_DYNAMIC_APPLICATION_DATA_9F4B", "Signed Dynamic Application Data", "签名的动态应用数据", Format.B, 0, 248, Source.CARD),
    Tag(ICC_DYNAMIC_NUMBER_9F4C, "ICC_DYNAMIC_NUMBER_9F4C", "ICC Dynamic Number", "IC卡动态数", Format.B, 2, 8, Source.CARD),
    Tag(LOG_ENTRY_9F4D, "LOG_ENTRY_9F4D", "Log Entry", "交易日志入口", Format.B, 2, 2, Source.CARD),
    Tag(MERCHANT_NAME_AND_LOCATION_9F4E, "MERCHANT_NAME_AND_LOCATION_9F4E", "Merchant Name and Location", "商户名称和位置", Format.ANS, 0, 252, Source.TERMINAL),
    Tag(LOG_FORMAT_9F4F, "LOG_FORMAT_9F4F", "Log Format", "日志格式", Format.B, 0, 252, Source.CARD),
    Tag(ISSUER_SCRIPT_RESULTS_9F5B, "ISSUER_SCRIPT_RESULTS_9F5B", "Issuer Script Results", "发卡行脚本结果", Format.B, 0, 252, Source.TERMINAL),
    Tag(PRODUCT_IDENTIFICATION_9F63, "PRODUCT_IDENTIFICATION_9F63", "Card product identification (UnionPay)", "卡产品标识信息(银联)", Format.B, 16, 16, Source.CARD),
    Tag(TERMINAL_TRANSACTION_QUALIFIERS_9F66, "TERMINAL_TRANSACTION_QUALIFIERS_9F66", "Terminal Transaction Qualifiers (TTQ)", "终端交易属性", Format.B, 4, 4, Source.TERMINAL),
    Tag(CARD_TRANSACTION_QUALIFIERS_9F6C, "CARD_TRANSACTION_QUALIFIERS_9F6C", "Card Transaction Qualifiers (CTQ)", "卡片交易属性", Format.B, 2, 2, Source.CARD),
    Tag(FORM_FACTOR_INDICATOR_9F6E, "FORM_FACTOR_INDICATOR_9F6E", "Form Factor Indicator", "产品形态标识", Format.B, 0, 32, Source.CARD),
    Tag(ELECTRONIC_CASH_AUTHORISATION_CODE_9F74, "ELECTRONIC_CASH_AUTHORISATION_CODE_9F74", "Electronic cash issuer authorisation code (UnionPay)", "电子现金发卡行授权码(银联)", Format.AN, 6, 6, Source.CARD),
    Tag(ELECTRONIC_CASH_INDICATOR_9F7A, "ELECTRONIC_CASH_INDICATOR_9F7A", "Electronic cash terminal support indicator (UnionPay)", "电子现金终端支持指示器(银联)", Format.B, 1, 1, Source.TERMINAL),
    Tag(FCI_PROPRIETARY_TEMPLATE_A5, "FCI_PROPRIETARY_TEMPLATE_A5", "FCI Proprietary Template", "文件控制信息专用模板", Format.TEMPLATE, 0, 252, Source.CARD),
    Tag(FCI_ISSUER_DISCRETIONARY_BF0C, "FCI_ISSUER_DISCRETIONARY_BF0C", "FCI Issuer Discretionary Data", "发卡行自定义数据", Format.TEMPLATE, 0, 222, Source.CARD),
    Tag(SCRIPT_RESULTS_DF31, "SCRIPT_RESULTS_DF31", "Issuer script results (UnionPay)", "发卡行脚本结果(银联)", Format.B, 0, 252, Source.TERMINAL),
    Tag(SM_SUPPORT_INDICATOR_DF69, "SM_SUPPORT_INDICATOR_DF69", "SM algorithm support indicator (UnionPay)", "国密算法支持指示器(银联)", Format.B, 1, 1, Source.TERMINAL),
)

TAGS: Final = MappingProxyType({row.tag: row for row in _ROWS})

# Where a card may put what the Books define; elsewhere the same tag is unknown and ignored.
# Spec: Book 3 §7.5 (not within the template of the dictionary), Annex A2 (templates).
IN_FCI: Final = frozenset(
    {
        APPLICATION_LABEL_50, LANGUAGE_PREFERENCE_5F2D, APPLICATION_PRIORITY_INDICATOR_87, SFI_88,
        ISSUER_CODE_TABLE_INDEX_9F11, APPLICATION_PREFERRED_NAME_9F12, PDOL_9F38,
    }
)  # fmt: skip
IN_RESPONSES: Final = frozenset(
    {
        APPLICATION_INTERCHANGE_PROFILE_82, APPLICATION_FILE_LOCATOR_94, ISSUER_APPLICATION_DATA_9F10,
        APPLICATION_CRYPTOGRAM_9F26, CRYPTOGRAM_INFORMATION_DATA_9F27, APPLICATION_TRANSACTION_COUNTER_9F36,
        SIGNED_DYNAMIC_APPLICATION_DATA_9F4B,
    }
)  # fmt: skip
BY_OTHER_WAYS: Final = frozenset(
    {
        ADF_NAME_4F, DF_NAME_84, DDF_NAME_9D, LAST_ONLINE_ATC_9F13, PIN_TRY_COUNTER_9F17, DATA_AUTHENTICATION_CODE_9F45,
        ICC_DYNAMIC_NUMBER_9F4C, LOG_ENTRY_9F4D, LOG_FORMAT_9F4F, ISSUER_IDENTIFICATION_NUMBER_42, ISSUER_URL_5F50,
        IBAN_5F53, BIC_5F54, ISSUER_COUNTRY_ALPHA2_5F55, ISSUER_COUNTRY_ALPHA3_5F56,
    }
)  # fmt: skip

_UNKNOWN_BYTES_MAX = 65535


def belongs(tag: int, template: int) -> bool:
    """Whether an element of this tag may stand directly in the card's `template` (A5, 70 or 77).

    Elements of schemes and issuers (9F50 to 9F7F, private ones) may stand anywhere.

    >>> belongs(PAN_5A, RECORD_TEMPLATE_70), belongs(PAN_5A, FCI_PROPRIETARY_TEMPLATE_A5), belongs(0x9F63, 0xA5)
    (True, False, True)
    """
    if tag in BY_OTHER_WAYS:
        return False
    if tag in IN_FCI:
        return template == FCI_PROPRIETARY_TEMPLATE_A5
    if tag in IN_RESPONSES:
        return template == RESPONSE_TEMPLATE_FORMAT_2_77
    if template == FCI_PROPRIETARY_TEMPLATE_A5:
        return not _of_the_books(tag)
    return True  # What a record may hold may also come in template 77.


def _of_the_books(tag: int) -> bool:
    """A primitive tag that EMVCo assigns: 4F to 9E, 9F01 to 9F4F and those of ISO 7816. Spec: Book 3 §B1."""
    return tag < 0xC0 or 0x5F00 <= tag <= 0x5FFF or 0x9F00 <= tag <= 0x9F4F


def lookup(tag: int) -> Tag:
    """The row of `tag`, or one that says that it is unknown: an unknown tag is normal, the Books let cards have them."""
    row = TAGS.get(tag)
    if row is None:
        return Tag(tag, "", "unknown", "未知", Format.B, 0, _UNKNOWN_BYTES_MAX, Source.CARD)
    return row


def shown(tag: int, value: bytes) -> str:
    """A value in hex as a person may read it: of a PAN the first six and last four digits, of other secrets nothing.

    >>> shown(0x5A, bytes.fromhex("6222021234567894321F"))
    '622202*********4321'
    >>> shown(0x9F37, bytes(4))
    '00000000'
    """
    if tag == PAN_5A:
        digits = value.hex().rstrip("f")
        return digits[:6] + "*" * (len(digits) - 10) + digits[-4:] if len(digits) > 12 else "*" * len(digits)
    if lookup(tag).sensitive:
        return f"<{len(value)} bytes>"
    return value.hex().upper()
