"""The clear part of a key block: what the key is for, in sixteen characters and optional blocks.

`parse` reads the text of a block strictly (printable ASCII, upper-case hex, every length exact, no optional
block twice, the padding block last) and says where it is wrong: nothing here depends on a key, so the place
of a fault tells an attacker nothing. `Header.text` writes it.

Two readings of an extended optional block's length are in use: the number before it counts bytes (02, then
four digits) or digits (04, then four digits). Both are read, since a block has fewer than 10000 characters
and a length of 0000 cannot be; 02 is written.

Numeric key usages and numeric optional blocks are proprietary and pass. Of numeric algorithms only our own
passes (4, SM4); numeric modes and exportabilities do not: nothing here could say how such a key may be used.

Spec: ASC X9.143-2021 §6.2, §6.3 (TR-31:2018 §A.2, §A.5); ISO 20038:2017 §A.2.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

from keys.errors import KeyRefused
from keys.usage import TABLE, Algorithm, Mode

FIXED_CHARACTERS = 16
BLOCK_LIMIT_CHARACTERS = 9999  # The length field has four decimal digits.
OPTIONAL_LIMIT = 99  # Their count has two.
_Code = TypeVar("_Code", bound=Enum)
_SHORT_LIMIT = 255  # A short length has two hex digits; longer ones are written extended.


class BlockMalformed(KeyRefused):
    """A key block breaks the format at `offset` (characters). Says nothing about any key."""

    def __init__(self, field: str, offset: int, reason: str) -> None:
        super().__init__(f"key block, {field} at {offset}: {reason}")
        self.field = field
        self.offset = offset
        self.reason = reason


class Version(Enum):
    """How a block is protected. Spec: X9.143 §4, §6.2."""

    A = "A"  # TDES variants, 4-byte MAC; deprecated since 2010.
    B = "B"  # TDES key derivation, CMAC.
    C = "C"  # As A, with stricter headers.
    D = "D"  # AES key derivation, CMAC, CBC.
    E = "E"  # AES key derivation, CMAC, CTR (ISO 20038).

    @property
    def is_aes(self) -> bool:
        return self in (Version.D, Version.E)

    @property
    def align_bytes(self) -> int:
        """The cipher's block, of which all optional blocks together are a multiple."""
        return 16 if self.is_aes else 8

    @property
    def payload_align_bytes(self) -> int:
        return 1 if self is Version.E else self.align_bytes

    @property
    def mac_bytes(self) -> int:
        if self.is_aes:
            return 16
        return 8 if self is Version.B else 4


class Exportability(Enum):
    """Where the key may go. Spec: X9.143 §6.3.5."""

    TRUSTED = "E"
    NONE = "N"
    SENSITIVE = "S"


class Context(Enum):
    """Whether the block is for storing, for exchanging, or not said. Spec: X9.143 §6.2."""

    ANY = "0"
    STORAGE = "1"
    EXCHANGE = "2"


# Each usage's name in Chinese; `keys.usage` has the English one. Spec: X9.143 §6.3.1.
_CHINESE = {
    "B0": "基础派生密钥",
    "B1": "DUKPT 初始密钥",
    "B2": "基础密钥变种",
    "B3": "派生密钥",
    "C0": "卡验证密钥",
    "D0": "数据加密",
    "D1": "非对称数据加密",
    "D2": "十进制化表加密",
    "D3": "敏感数据加密",
    "E0": "EMV 主密钥：应用密文",
    "E1": "EMV 主密钥：安全报文加密",
    "E2": "EMV 主密钥：安全报文鉴别",
    "E3": "EMV 主密钥：数据认证码",
    "E4": "EMV 主密钥：动态数",
    "E5": "EMV 主密钥：个人化",
    "E6": "EMV 主密钥：其他",
    "E7": "EMV PIN 加密密钥对",
    "I0": "初始向量",
    "K0": "密钥加密",
    "K1": "密钥块保护",
    "K2": "TR-34 密钥对",
    "K3": "密钥协商或包装密钥对",
    "K4": "密钥块保护（ISO 20038）",
    "M0": "MAC：ISO 16609",
    "M1": "MAC：ISO 9797-1 算法 1",
    "M2": "MAC：ISO 9797-1 算法 2",
    "M3": "MAC：ISO 9797-1 算法 3",
    "M4": "MAC：ISO 9797-1 算法 4",
    "M5": "MAC：ISO 9797-1:1999 算法 5",
    "M6": "MAC：CMAC",
    "M7": "MAC：HMAC",
    "M8": "MAC：ISO 9797-1 算法 6",
    "P0": "PIN 加密",
    "P1": "PIN 生成",
    "S0": "数字签名密钥对",
    "S1": "CA 密钥对",
    "S2": "其他密钥对",
    "V0": "PIN 验证",
    "V1": "PIN 验证：IBM 3624",
    "V2": "PIN 验证：PVV",
    "V3": "PIN 验证：X9.132 算法 1",
    "V4": "PIN 验证：X9.132 算法 2",
    "V5": "PIN 验证：X9.132 算法 3",
}

_ISO_TIME = r"\d{14}Z|\d{16}Z|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d\d)?Z"
_KCV = r"00[0-9A-F]{4}(?:[0-9A-F]{2})?|01(?:[0-9A-F]{2}){2,5}"
_ANYTHING = r"[ -~]*"
# Optional block: what its data looks like, and its name. Spec: X9.143 §6.3.6. Others pass as printable text.
_OPTIONAL = {
    "AL": (r"010[01]", "asymmetric key life"),
    "BI": (r"00[0-9A-F]{10}|01[0-9A-F]{8}", "base derivation key identifier"),
    "CT": (r"0[012][0-9A-Za-z+/=]+", "public key certificate"),
    "DA": (r"01(?:[0-9A-Za-z]{5})+", "derivations allowed"),
    "HM": (r"10|2[0-5]|3[0-3]|4[01]", "hash of HMAC"),
    "IK": (r"[0-9A-F]{16}", "initial key identifier (AES DUKPT)"),
    "KC": (_KCV, "check value of the key"),
    "KP": (_KCV, "check value of the protection key"),
    "KS": (r"[0-9A-F]{20}|[0-9A-F]{16}", "initial key serial number (TDES DUKPT)"),
    "KV": (r"[0-9A-Za-z]{4}", "key block values"),
    "LB": (_ANYTHING, "label"),
    "PB": (_ANYTHING, "padding"),
    "PK": (_KCV, "check value of the exporting protection key"),
    "TC": (_ISO_TIME, "time of creation"),
    "TS": (_ISO_TIME, "time stamp"),
    "WP": (r"00[0-3]", "wrapping pedigree"),
}


_VERSIONS = {code.value: code for code in Version}
_ALGORITHMS = {code.value: code for code in Algorithm}
_MODES = {code.value: code for code in Mode}
_EXPORTABILITIES = {code.value: code for code in Exportability}
_CONTEXTS = {code.value: code for code in Context}


@dataclass(frozen=True, slots=True)
class KeyUsage:
    """A usage code of the standard, or a proprietary one of two digits. Raises BlockMalformed for others."""

    code: str

    def __post_init__(self) -> None:
        if self.code not in _CHINESE and not re.fullmatch(r"[0-9]{2}", self.code):
            raise BlockMalformed("key usage", 5, "no such usage")

    @property
    def meaning(self) -> tuple[str, str]:
        """Chinese, English."""
        if self.code not in _CHINESE:
            return "专有用途", "proprietary"
        return _CHINESE[self.code], TABLE[self.code].name


@dataclass(frozen=True, slots=True)
class OptionalBlock:
    """One optional block: two characters and its data as it is written.

    `wrap` fills a KC or KP whose data is empty, and adds a PB where one is needed.
    """

    code: str
    data: str = ""

    @property
    def meaning(self) -> str:
        return _OPTIONAL.get(self.code, ("", "proprietary"))[1]

    def text(self) -> str:
        """With its length. Raises BlockMalformed for data that such a block may not hold."""
        self.check(FIXED_CHARACTERS)
        if len(self.data) + 4 <= _SHORT_LIMIT:
            return f"{self.code}{len(self.data) + 4:02X}{self.data}"
        if len(self.data) > BLOCK_LIMIT_CHARACTERS:
            raise BlockMalformed(f"optional block {self.code}", FIXED_CHARACTERS, "longer than a key block")
        return f"{self.code}0002{len(self.data) + 10:04X}{self.data}"

    def check(self, offset: int) -> None:
        """Raise BlockMalformed, naming `offset`."""
        if not re.fullmatch(r"[0-9A-Z]{2}", self.code):
            raise BlockMalformed("optional block", offset, "its name is two letters or digits")
        shape = _OPTIONAL.get(self.code, (_ANYTHING, ""))[0]
        if not re.fullmatch(shape, self.data):
            raise BlockMalformed(f"optional block {self.code}", offset, "its data are not what it must hold")
        if self.code == "CT" and self.data.startswith("02") and not _is_chain(self.data[2:]):
            raise BlockMalformed("optional block CT", offset, "the certificates' lengths do not add up")


@dataclass(frozen=True, slots=True)
class Header:
    """What a key block says of its key. `key_version` is 00 for none; c and a digit is a component."""

    version: Version
    usage: KeyUsage
    algorithm: Algorithm
    mode_of_use: Mode
    key_version: str = "00"
    exportability: Exportability = Exportability.NONE
    optional: tuple[OptionalBlock, ...] = ()
    context: Context = Context.ANY

    @property
    def is_component(self) -> bool:
        return self.key_version.startswith("c")

    def find(self, code: str) -> OptionalBlock | None:
        return next((block for block in self.optional if block.code == code), None)

    def text(self, after_characters: int) -> str:
        """The header of a block with `after_characters` of payload and MAC; padded by a PB where needed.

        Raises BlockMalformed for a header that may not be.
        """
        if not re.fullmatch(r"[0-9A-Za-z]{2}", self.key_version):
            raise BlockMalformed("key version", 9, "it is two letters or digits")
        _check_order(self.optional)
        align = self.version.align_bytes
        blocks = [block.text() for block in self.optional]
        if sum(map(len, blocks)) % align:
            blocks = [block.text() for block in self.optional if block.code != "PB"]
            missing = -sum(map(len, blocks)) % align
            # A padding block has at least its own four characters.
            blocks += [OptionalBlock("PB", "0" * ((missing - 4) % align)).text()] if missing else []
        if len(blocks) > OPTIONAL_LIMIT:
            raise BlockMalformed("optional blocks", 12, f"there are more than {OPTIONAL_LIMIT}")
        joined = "".join(blocks)
        length = FIXED_CHARACTERS + len(joined) + after_characters
        if length > BLOCK_LIMIT_CHARACTERS:
            raise BlockMalformed("length", 1, f"it is over {BLOCK_LIMIT_CHARACTERS} characters")
        fixed = (
            f"{self.version.value}{length:04}{self.usage.code}{self.algorithm.value}{self.mode_of_use.value}"
            f"{self.key_version}{self.exportability.value}{len(blocks):02}{self.context.value}0"
        )
        return fixed + joined


@dataclass(frozen=True, slots=True)
class Parsed:
    """A block in its parts: nothing of it is authentic yet."""

    header: Header
    header_text: str
    payload: bytes
    mac: bytes


def parse(block: str) -> Parsed:
    """Take a key block apart. Raises BlockMalformed with the field and its place."""
    if not FIXED_CHARACTERS <= len(block) <= BLOCK_LIMIT_CHARACTERS:
        raise BlockMalformed("length", 0, f"a block has {FIXED_CHARACTERS} to {BLOCK_LIMIT_CHARACTERS} characters")
    if not (block.isascii() and block.isprintable()):
        raise BlockMalformed("text", 0, "a character is not printable ASCII")
    version = _code(_VERSIONS, block, 0, "version")
    if block[1:5] != f"{len(block):04}":
        raise BlockMalformed("length", 1, f"it is not the block's, which is {len(block)}")
    if not block[12:14].isdigit():
        raise BlockMalformed("number of optional blocks", 12, "it is not a number")
    if not block[9:11].isalnum():
        raise BlockMalformed("key version", 9, "it is two letters or digits")
    if block[15] != "0":
        raise BlockMalformed("reserved", 15, "it is 0")
    optional, end = _optional_blocks(block, int(block[12:14]))
    if (end - FIXED_CHARACTERS) % version.align_bytes:
        raise BlockMalformed("optional blocks", end, f"they do not fill blocks of {version.align_bytes}")
    header = Header(
        version,
        KeyUsage(block[5:7]),
        _code(_ALGORITHMS, block, 7, "algorithm"),
        _code(_MODES, block, 8, "mode of use"),
        block[9:11],
        _code(_EXPORTABILITIES, block, 11, "exportability"),
        optional,
        _code(_CONTEXTS, block, 14, "key context"),
    )
    payload, mac = _body(block, end, version)
    return Parsed(header, block[:end], payload, mac)


def _code(codes: dict[str, _Code], block: str, offset: int, field: str) -> _Code:
    found = codes.get(block[offset])
    if found is None:
        raise BlockMalformed(field, offset, "no such code")
    return found


def _body(block: str, start: int, version: Version) -> tuple[bytes, bytes]:
    text = block[start:]
    try:
        body = bytes.fromhex(text)
    except ValueError:
        body = b""
    if body.hex().upper() != text:  # Blanks and small letters are read, and are not what is written.
        raise BlockMalformed("payload", start, "it is not upper-case hex")
    payload, mac = body[: -version.mac_bytes], body[-version.mac_bytes :]
    # At least a length and a byte; whole cipher blocks but for version E, which encrypts as a stream.
    if len(payload) < 3 or len(payload) % version.payload_align_bytes:
        raise BlockMalformed("payload", start, "its length is not one that this version has")
    return payload, mac


def _optional_blocks(block: str, count: int) -> tuple[tuple[OptionalBlock, ...], int]:
    """The optional blocks, and where they end."""
    if not count:
        return (), FIXED_CHARACTERS
    found: list[OptionalBlock] = []
    offset = FIXED_CHARACTERS
    for _ in range(count):
        start, end = _optional_extent(block, offset)
        found.append(OptionalBlock(block[offset : offset + 2], block[start:end]))
        found[-1].check(offset)
        offset = end
    _check_order(tuple(found))
    return tuple(found), offset


def _optional_extent(block: str, offset: int) -> tuple[int, int]:
    """Where the data of the optional block at `offset` start and end."""
    digits = offset + 2, offset + 4
    if block[slice(*digits)] == "00":
        counted = block[offset + 4 : offset + 6]
        if counted not in ("02", "04"):
            raise BlockMalformed("optional block", offset, "its extended length has 02 or 04")
        wide = counted == "04" and block[offset + 6 : offset + 10] == "0000"
        digits = offset + 6, offset + (14 if wide else 10)
    text = block[slice(*digits)]
    if len(text) != digits[1] - digits[0] or not re.fullmatch(r"[0-9A-F]+", text):
        raise BlockMalformed("optional block", offset, "its length is not upper-case hex")
    end = offset + int(text, 16)
    if not digits[1] <= end <= len(block):
        raise BlockMalformed("optional block", offset, "its length leaves the block")
    return digits[1], end


def _check_order(optional: tuple[OptionalBlock, ...]) -> None:
    codes = [block.code for block in optional]
    if len(set(codes)) != len(codes):
        raise BlockMalformed("optional blocks", FIXED_CHARACTERS, "one is there twice")
    if "PB" in codes[:-1]:
        raise BlockMalformed("optional blocks", FIXED_CHARACTERS, "the padding block is the last one")


def _is_chain(chain: str) -> bool:
    """Certificates, each with its format (00, 01), four hex digits of length, and base64."""
    offset = 0
    while offset < len(chain):  # Each turn moves on by six characters or more.
        found = re.fullmatch(r"0[01]([0-9A-F]{4})", chain[offset : offset + 6])
        if found is None:
            return False
        offset += 6 + int(found[1], 16)
    return offset == len(chain) and offset > 0
