"""Public key certificates and signed data: what RSA gives back, checked field by field in the Book's order.

A signature in EMV gives its content back (ISO/IEC 9796-2): a header, a format, data, the hash over the data and over
whatever did not fit, a trailer. Five things are signed that way: the issuer's key by the CA, the card's key and its key
for PIN encipherment by the issuer, static data by the issuer, dynamic data by the card. All are taken apart here,
purely: keys and bytes in, keys and facts out, and every check that fails is an `OdaFailure` that names the part and the
check.

Only RSA with SHA-1 is known (algorithm indicators 01 and 01), with the exponents 3 and 65537. The ECC of EMV 4.4 (XDA)
and the SM2 and SM3 of UnionPay are not in: a certificate that names another algorithm fails at that field.

Spec: EMV 4.4 Book 2 §5 (static), §6 (dynamic), §7.1 (PIN encipherment), Annex A2.1 (signature scheme), Annex B2.1.
"""

from __future__ import annotations

import datetime
import hashlib
import hmac
from collections.abc import Callable, Set
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Final

from emv.commands import CardError

HEADER, TRAILER = 0x6A, 0xBC
SHA_1, RSA_SHA_1 = 0x01, 0x01  # Spec: Book 2 Annex B2, B3: the only indicators that are assigned for RSA.
HASH_BYTES = 20
EXPONENTS: Final = frozenset({3, 65537})  # Spec: Book 2 Annex B2.1.
# 1984 bits is the longest key of the Books; below 512 bits the fields of what is signed would not fit.
MODULUS_BYTES: Final = range(64, 249)

STATIC_FORMAT, DYNAMIC_FORMAT = 0x03, 0x05
ISSUER_IDENTIFIER_DIGITS: Final = range(3, 9)
DYNAMIC_NUMBER_BYTES: Final = range(2, 9)
CRYPTOGRAM_BYTES = 8


class Part(Enum):
    """What was looked at when authentication failed."""

    CA_KEY = "ca-key"
    ISSUER_KEY = "issuer-key"
    ICC_KEY = "icc-key"
    PIN_KEY = "pin-key"
    STATIC_DATA = "static-data"
    DYNAMIC_DATA = "dynamic-data"


class Check(Enum):
    """What did not hold, in the order of looking."""

    MISSING = "missing"
    EXPIRED = "expired"
    TAG_LIST = "tag-list"
    RECORD = "record"
    DDOL = "ddol"
    LENGTH = "length"
    TRAILER = "trailer"
    HEADER = "header"
    FORMAT = "format"
    DYNAMIC_NUMBER = "dynamic-number"
    CRYPTOGRAM_TYPE = "cryptogram-type"
    HASH_ALGORITHM = "hash-algorithm"
    HASH = "hash"
    TRANSACTION_HASH = "transaction-hash"
    IDENTITY = "identity"
    REVOKED = "revoked"
    KEY_ALGORITHM = "key-algorithm"
    KEY_LENGTH = "key-length"
    EXPONENT = "exponent"


PART_WORDS: Final = MappingProxyType(
    {
        Part.CA_KEY: ("Certification authority public key", "认证中心公钥"),
        Part.ISSUER_KEY: ("Issuer public key certificate", "发卡行公钥证书"),
        Part.ICC_KEY: ("ICC public key certificate", "IC卡公钥证书"),
        Part.PIN_KEY: ("ICC PIN encipherment public key certificate", "IC卡PIN加密公钥证书"),
        Part.STATIC_DATA: ("Signed static application data", "签名的静态应用数据"),
        Part.DYNAMIC_DATA: ("Signed dynamic application data", "签名的动态应用数据"),
    }
)

CHECK_WORDS: Final = MappingProxyType(
    {
        Check.MISSING: ("missing", "缺失"),
        Check.EXPIRED: ("expired, or its date is none", "已过期或日期无效"),
        Check.TAG_LIST: ("the tag list 9F4A names more than the AIP", "标签列表9F4A含有AIP以外的标签"),
        Check.RECORD: ("a signed record is not coded as template 70", "参与认证的记录不是70模板"),
        Check.DDOL: ("the DDOL does not ask for the unpredictable number", "DDOL不含不可预知数"),
        Check.LENGTH: ("its length is not that of the signing key", "长度与签名密钥不一致"),
        Check.TRAILER: ("no trailer BC", "结尾不是BC"),
        Check.HEADER: ("no header 6A", "开头不是6A"),
        Check.FORMAT: ("a wrong format byte", "格式字节错误"),
        Check.DYNAMIC_NUMBER: ("the dynamic data do not fit", "动态数据长度错误"),
        Check.CRYPTOGRAM_TYPE: ("another cryptogram type than outside the signature", "密文类型与签名外不一致"),
        Check.HASH_ALGORITHM: ("an unknown hash algorithm", "未知的哈希算法"),
        Check.HASH: ("the hash differs", "哈希不一致"),
        Check.TRANSACTION_HASH: ("the hash over the transaction's data differs", "交易数据哈希不一致"),
        Check.IDENTITY: ("it is for another card number", "与卡号不符"),
        Check.REVOKED: ("revoked", "已被回收"),
        Check.KEY_ALGORITHM: ("an unknown key algorithm", "未知的公钥算法"),
        Check.KEY_LENGTH: ("the key has not the length that it says", "公钥长度错误"),
        Check.EXPONENT: ("an exponent other than 3 and 65537, or of a wrong length", "公钥指数错误"),
    }
)


class OdaFailure(CardError):
    """Authentication failed: `part` says of what, `check` says where. `data_missing`: the card lacks an element."""

    def __init__(self, part: Part, check: Check, *, data_missing: bool = False) -> None:
        super().__init__(failure_words(f"{part.value}/{check.value}"))
        self.part = part
        self.check = check
        self.data_missing = data_missing

    @property
    def word(self) -> str:
        """A stable word for traces and tests: `issuer-key/hash`."""
        return f"{self.part.value}/{self.check.value}"


def failure_words(word: str, *, language: str = "en") -> str:
    """What a person reads for the word of a failure.

    >>> failure_words("issuer-key/expired", language="zh-CN")
    '发卡行公钥证书: 已过期或日期无效'
    """
    column = 1 if language.startswith("zh") else 0
    part, _, check = word.partition("/")
    return f"{PART_WORDS[Part(part)][column]}: {CHECK_WORDS[Check(check)][column]}"


@dataclass(frozen=True, slots=True)
class PublicKey:
    """An RSA public key. `modulus` has the key's length in bytes."""

    modulus: bytes
    exponent: int


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate as the card sent it: the signed part, and what did not fit (None: absent)."""

    signed: bytes
    remainder: bytes | None
    exponent: bytes


@dataclass(frozen=True, slots=True)
class Layout:
    """What tells one kind of certificate from the other. `identity` is its length: issuer identifier or PAN."""

    part: Part
    format: int
    identity: int

    @property
    def fixed(self) -> int:
        """The bytes before the key: header, format, identity, expiry, serial, two algorithms, two lengths."""
        return self.identity + 11


ISSUER = Layout(Part.ISSUER_KEY, 0x02, 4)  # Spec: Book 2 §5.3 table 6.
ICC = Layout(Part.ICC_KEY, 0x04, 10)  # Spec: Book 2 §6.4 table 14.
PIN = Layout(Part.PIN_KEY, 0x04, 10)  # Spec: Book 2 §7.1.


def opened(signed: bytes, key: PublicKey, part: Part, format_byte: int) -> bytes:
    """What was signed, header to trailer. Raises OdaFailure.

    Spec: Book 2 §5.3, §5.4, §6.4, §6.5.2 and §6.6.2, steps 1 to 4 of each.
    """
    if len(signed) != len(key.modulus):
        raise OdaFailure(part, Check.LENGTH)
    number = pow(int.from_bytes(signed, "big"), key.exponent, int.from_bytes(key.modulus, "big"))
    found = number.to_bytes(len(key.modulus), "big")
    if found[-1] != TRAILER:
        raise OdaFailure(part, Check.TRAILER)
    if found[0] != HEADER:
        raise OdaFailure(part, Check.HEADER)
    if found[1] != format_byte:
        raise OdaFailure(part, Check.FORMAT)
    return found


def _check_hash(found: bytes, algorithm: int, part: Part, appended: bytes) -> None:
    """Over everything between header and hash, and what did not fit the signature."""
    if algorithm != SHA_1:
        raise OdaFailure(part, Check.HASH_ALGORITHM)
    body, wanted = found[1 : -HASH_BYTES - 1], found[-HASH_BYTES - 1 : -1]
    if not hmac.compare_digest(hashlib.sha1(body + appended).digest(), wanted):
        raise OdaFailure(part, Check.HASH)


def recover_key(
    certificate: Certificate,
    signer: PublicKey,
    layout: Layout,
    *,
    today: datetime.date,
    belongs: Callable[[bytes], bool],
    static_data: bytes = b"",
    revoked: Set[bytes] = frozenset(),
) -> PublicKey:
    """The key that a certificate holds. Raises OdaFailure.

    `belongs` says whether the certificate's identity is this card's; `revoked` holds three-byte serial numbers.
    Spec: Book 2 §5.3 (issuer), §6.4 (card), §7.1 (PIN encipherment); the steps stand in the Book's order.
    """
    part, fixed = layout.part, layout.fixed
    found = opened(certificate.signed, signer, part, layout.format)
    identity, facts = found[2 : 2 + layout.identity], found[2 + layout.identity : fixed]
    expiry, serial = facts[:2], facts[2:5]
    hash_algorithm, key_algorithm, length, exponent_length = facts[5:]
    digits, remainder = found[fixed : -HASH_BYTES - 1], certificate.remainder or b""
    if length > len(digits) and not remainder:
        # Only now it shows that the remainder was needed. Spec: Book 3 §7.5 (ICC data missing).
        raise OdaFailure(part, Check.MISSING, data_missing=True)
    _check_hash(found, hash_algorithm, part, remainder + certificate.exponent + static_data)
    if not belongs(identity):
        raise OdaFailure(part, Check.IDENTITY)
    if month_is_over(expiry, today):
        raise OdaFailure(part, Check.EXPIRED)
    if serial in revoked:
        raise OdaFailure(part, Check.REVOKED)
    if key_algorithm != RSA_SHA_1:
        raise OdaFailure(part, Check.KEY_ALGORITHM)
    modulus = digits[:length] if length <= len(digits) else digits + remainder
    if len(modulus) != length or length not in MODULUS_BYTES or not modulus[0]:
        raise OdaFailure(part, Check.KEY_LENGTH)
    exponent = int.from_bytes(certificate.exponent, "big")
    if len(certificate.exponent) != exponent_length or exponent not in EXPONENTS:
        raise OdaFailure(part, Check.EXPONENT)
    return PublicKey(modulus, exponent)


def is_issuer_of(pan: str) -> Callable[[bytes], bool]:
    """Whether an issuer identifier (3 to 8 digits, padded with F) begins this PAN. Spec: Book 2 §5.3 step 8.

    >>> is_issuer_of("6225000000000014")(bytes.fromhex("622500FF"))
    True
    """

    def belongs(identity: bytes) -> bool:
        identifier = identity.hex().rstrip("f")
        return len(identifier) in ISSUER_IDENTIFIER_DIGITS and pan.startswith(identifier)

    return belongs


def is_card_of(pan: str) -> Callable[[bytes], bool]:
    """Whether a certificate's PAN (padded with F) is this one. Spec: Book 2 §6.4 step 8."""
    return lambda identity: identity.hex().rstrip("f") == pan


def month_is_over(expiry: bytes, today: datetime.date) -> bool:
    """Whether the last day of a month MMYY lies before today, or it is no month. Spec: Book 2 §5.3 step 9.

    >>> month_is_over(bytes.fromhex("1230"), datetime.date(2030, 12, 31))
    False
    """
    digits = expiry.hex()
    if not digits.isdigit() or not 1 <= int(digits[:2]) <= 12:
        return True
    year = int(digits[2:])
    # Two digits of a year: 00-49 are 20xx. Spec: Book 4 §6.7.3.
    return (year + (2000 if year < 50 else 1900), int(digits[:2])) < (today.year, today.month)


def recover_static(signed: bytes, issuer: PublicKey, static_data: bytes) -> bytes:
    """The Data Authentication Code (9F45) of good signed static data. Raises OdaFailure. Spec: Book 2 §5.4."""
    found = opened(signed, issuer, Part.STATIC_DATA, STATIC_FORMAT)
    _check_hash(found, found[2], Part.STATIC_DATA, static_data)
    return found[3:5]


@dataclass(frozen=True, slots=True)
class DynamicData:
    """What a card signed: its number (9F4C), and what follows it (nothing in DDA)."""

    number: bytes
    rest: bytes


def _dynamic_data(found: bytes) -> DynamicData:
    """Spec: Book 2 §6.5.1: length, then data whose first byte is the length of the ICC Dynamic Number."""
    length = found[3]
    data = found[4 : 4 + length]
    # Four bytes before the data, hash and trailer behind them.
    fits = length <= len(found) - 4 - HASH_BYTES - 1
    if not fits or not data or data[0] not in DYNAMIC_NUMBER_BYTES or len(data) <= data[0]:
        raise OdaFailure(Part.DYNAMIC_DATA, Check.DYNAMIC_NUMBER)
    return DynamicData(data[1 : 1 + data[0]], data[1 + data[0] :])


def recover_dynamic(signed: bytes, icc: PublicKey, ddol_data: bytes) -> DynamicData:
    """What the card signed over the DDOL's data. Raises OdaFailure. Spec: Book 2 §6.5.2."""
    found = opened(signed, icc, Part.DYNAMIC_DATA, DYNAMIC_FORMAT)
    data = _dynamic_data(found)
    _check_hash(found, found[2], Part.DYNAMIC_DATA, ddol_data)
    return data


@dataclass(frozen=True, slots=True)
class CombinedData:
    """What a card signed together with its cryptogram: its number (9F4C) and the cryptogram (9F26)."""

    number: bytes
    cryptogram: bytes


def recover_combined(
    signed: bytes, icc: PublicKey, *, cryptogram_information: bytes, unpredictable: bytes, exchanged: bytes
) -> CombinedData:
    """What the card signed over a GENERATE AC. Raises OdaFailure.

    `cryptogram_information` is 9F27 as it stands outside the signature; `exchanged` is what was sent by PDOL and CDOLs
    and what the card answered, but for 9F4B. Spec: Book 2 §6.6.2, table 19.
    """
    found = opened(signed, icc, Part.DYNAMIC_DATA, DYNAMIC_FORMAT)
    data = _dynamic_data(found)
    kind, cryptogram = data.rest[:1], data.rest[1 : 1 + CRYPTOGRAM_BYTES]
    wanted = data.rest[1 + CRYPTOGRAM_BYTES : 1 + CRYPTOGRAM_BYTES + HASH_BYTES]
    if len(wanted) != HASH_BYTES:
        raise OdaFailure(Part.DYNAMIC_DATA, Check.DYNAMIC_NUMBER)
    if kind != cryptogram_information:
        raise OdaFailure(Part.DYNAMIC_DATA, Check.CRYPTOGRAM_TYPE)
    _check_hash(found, found[2], Part.DYNAMIC_DATA, unpredictable)
    if not hmac.compare_digest(hashlib.sha1(exchanged).digest(), wanted):
        raise OdaFailure(Part.DYNAMIC_DATA, Check.TRANSACTION_HASH)
    return CombinedData(data.number, cryptogram)
