"""The symmetric half of EMV that card and issuer share: keys, cryptograms, answers, secure messaging. Real 3DES.

A scheme is a row: how its keys are derived, what lies under its cryptogram, how it answers and how it sends scripts.
Because the virtual card and the simulated issuer both use this file, the tests check it against pyemv, against values
made by an HSM (tests/vectors/emv_symmetric_crypto.json), against a published PBOC example (emv_pboc_arqc.json) and
against openssl: two sides that share code could otherwise be wrong together.

Secure messaging is the Books' format 2: the command's data in clear or enciphered, then the MAC, no TLV around them.
The schemes' own choices (rows of SCHEMES) are from independent implementations and published examples, not from the
schemes' books; the PIN change of PBOC is taken to be Visa's.

Spec: EMV 4.4 Book 2 §8 (cryptograms), §9 (secure messaging), Annex A1 (derivation); Book 3 Annex C for the tags.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes

# The list of EMV 4.4 Book 2 §8.1.1 table 27, each with its length in bytes; the CVR follows it.
CRYPTOGRAM_TAGS: tuple[tuple[int, int], ...] = (
    (0x9F02, 6),  # Amount, Authorised
    (0x9F03, 6),  # Amount, Other
    (0x9F1A, 2),  # Terminal Country Code
    (0x95, 5),  # TVR
    (0x5F2A, 2),  # Transaction Currency Code
    (0x9A, 3),  # Transaction Date
    (0x9C, 1),  # Transaction Type
    (0x9F37, 4),  # Unpredictable Number
    (0x82, 2),  # AIP
    (0x9F36, 2),  # ATC
)
BLOCK = 8


class IssuerError(Exception):
    """What came in cannot be used: no such BIN or scheme, an element is missing or has the wrong length."""


class Session(Enum):
    """How the key of one transaction comes from the card's."""

    MASTER = "master"  # Not at all.
    COMMON = "common"  # EMV 4.4 Book 2 Annex A1.3.1, over the ATC.
    PBOC = "pboc"  # 3DES of the ATC and of its complement.
    MCHIP = "mchip"  # The common method over ATC, zeros and unpredictable number.
    XOR = "xor"  # ATC and its complement laid over the key's two halves (Visa's secure messaging).
    CRYPTOGRAM = "cryptogram"  # The common method over the cryptogram, counted up with each script command.


@dataclass(frozen=True, slots=True)
class Scheme:
    """One cryptogram version of one scheme."""

    family: str
    cvn: int
    session: Session
    option_b: bool = False  # Card keys of long PANs by way of SHA-1. Spec: Annex A1.4.2.
    zero_padding: bool = False  # Padding method 1 under the cryptogram, else method 2.
    whole_iad: bool = False  # All of 9F10 lies under the cryptogram, else the CVR alone.
    answer_session: Session | None = None  # None: the cryptogram's own key.
    method_2: bool = False  # ARPC of 4 bytes over a card status update.
    messaging: Session = Session.XOR
    length_byte: bool = True  # Enciphered script data begin with their length and are always padded; ECB, else CBC.
    mixed_pin: bool = True  # A new PIN's block has four bytes of the card's key laid over it; else it is format 2.
    mac_length: int = 8


_ROWS = (
    Scheme("pboc", 0x01, Session.PBOC, messaging=Session.PBOC, mac_length=4),
    Scheme("visa", 0x0A, Session.MASTER, zero_padding=True),
    Scheme("visa", 0x12, Session.COMMON, option_b=True, whole_iad=True, method_2=True),
    Scheme(
        "visa",
        0x16,
        Session.COMMON,
        option_b=True,
        whole_iad=True,
        method_2=True,
        messaging=Session.CRYPTOGRAM,
        mixed_pin=False,
    ),
    Scheme(
        "mchip",
        0x10,
        Session.MCHIP,
        answer_session=Session.MASTER,
        messaging=Session.CRYPTOGRAM,
        length_byte=False,
        mixed_pin=False,
    ),
    Scheme(
        "mchip",
        0x14,
        Session.COMMON,
        messaging=Session.CRYPTOGRAM,
        length_byte=False,
        mixed_pin=False,
    ),
)
SCHEMES: Mapping[tuple[str, int], Scheme] = MappingProxyType({(row.family, row.cvn): row for row in _ROWS})
# Where 9F10 has its cryptogram version and the card verification results.
CVN_AT: Mapping[str, int] = MappingProxyType({"pboc": 2, "visa": 2, "mchip": 1})
CVR_AT: Mapping[str, slice] = MappingProxyType({"pboc": slice(3, 7), "visa": slice(3, 7), "mchip": slice(2, 8)})


@dataclass(frozen=True, slots=True)
class KeySet:
    """Three double-length keys: cryptograms, script MACs, script encipherment. An issuer's or one card's."""

    ac: bytes = field(repr=False)
    smi: bytes = field(repr=False)
    smc: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class IssuerRow:
    """One test issuer: the family of its cards and its master keys."""

    family: str
    keys: KeySet = field(repr=False)


def _issuer(family: str, ac: str, smi: str, smc: str) -> IssuerRow:
    return IssuerRow(family, KeySet(*(bytes.fromhex(key) for key in (ac, smi, smc))))


BIN_DIGITS = 6
_SMI, _SMC = "FEDCBA98765432100123456789ABCDEF", "76543210FEDCBA9889ABCDEF01234567"
# The test issuers by BIN. Their keys are published on purpose: nothing real is behind them.
TEST_ISSUERS: Mapping[str, IssuerRow] = MappingProxyType(
    {
        "622500": _issuer("pboc", "0123456789ABCDEFFEDCBA9876543210", _SMI, _SMC),
        "622600": _issuer("pboc", "A1B2C3D4E5F607181F2E3D4C5B6A7988", _SMI, _SMC),
        "621700": _issuer("pboc", "89ABCDEF0123456776543210FEDCBA98", _SMI, _SMC),
        "411111": _issuer("visa", "2B7E151628AED2A6ABF7158809CF4F3C", _SMI, _SMC),
        "555555": _issuer("mchip", "3D5A9C1E07F2846BB1E8D60F4A937C25", _SMI, _SMC),
    }
)


# An issuer does this for each sale, so bytes are taken all at once and not one by one.
_ODD_PARITY = bytes((byte & 0xFE) | ((byte >> 1).bit_count() & 1 ^ 1) for byte in range(256))


def set_odd_parity(key: bytes) -> bytes:
    """Set the low bit of each byte so that the byte has an odd number of ones. DES itself ignores it."""
    return key.translate(_ODD_PARITY)


def _check_key(key: bytes) -> None:
    if len(key) != 16:
        raise IssuerError("a double-length key has 16 bytes")


def _xor(a: bytes, b: bytes) -> bytes:
    if len(a) != len(b):
        raise ValueError("only what is of one length is combined")
    return (int.from_bytes(a, "big") ^ int.from_bytes(b, "big")).to_bytes(len(a), "big")


def _complement(data: bytes) -> bytes:
    return _xor(data, b"\xff" * len(data))


def _encrypt(key: bytes, data: bytes) -> bytes:
    """3DES ECB of whole blocks; `key` is double length (16 bytes)."""
    return Cipher(TripleDES(key + key[:8]), modes.ECB()).encryptor().update(data)


def _cbc_mac_left(key: bytes, data: bytes) -> bytes:
    """The last block of DES CBC under the left half. E(K, D(K, E(K))) with one K is single DES."""
    left = key[:8]
    return Cipher(TripleDES(left * 3), modes.CBC(bytes(8))).encryptor().update(data)[-8:]


def derive_icc_master_key(issuer_key: bytes, pan: str, sequence: str = "00", *, option_b: bool = False) -> bytes:
    """The card's own master key. `pan` is digits, `sequence` two digits (5F34); 16 bytes come back.

    Option B differs for PANs of more than 16 digits only. Spec: EMV 4.4 Book 2 Annex A1.4.1, A1.4.2.
    """
    _check_key(issuer_key)
    digits = (pan + sequence)[-16:].rjust(16, "0")
    if option_b and len(pan) > 16:
        digest = hashlib.sha1(bytes.fromhex("0" * (len(pan) % 2) + pan + sequence)).hexdigest()
        kept = [each for each in digest if each.isdigit()] + [str("abcdef".index(x)) for x in digest if x.isalpha()]
        digits = "".join(kept)[:16]
    y = bytes.fromhex(digits)
    return set_odd_parity(_encrypt(issuer_key, y + _complement(y)))


def card_keys(issuer: KeySet, scheme: Scheme, pan: str, sequence: str) -> KeySet:
    """The keys that one card was born with."""
    ac, smi, smc = (
        derive_icc_master_key(key, pan, sequence, option_b=scheme.option_b)
        for key in (issuer.ac, issuer.smi, issuer.smc)
    )
    return KeySet(ac, smi, smc)


def derive_session_key(icc_master_key: bytes, diversifier: bytes) -> bytes:
    """The EMV common session key: over an ATC (2 bytes) or a whole block. Spec: EMV 4.4 Book 2 Annex A1.3.1."""
    _check_key(icc_master_key)
    if len(diversifier) not in (2, BLOCK):
        raise IssuerError("an ATC has 2 bytes, a cryptogram 8")
    block = diversifier.ljust(BLOCK, b"\x00")
    both = block[:2] + b"\xf0" + block[3:] + block[:2] + b"\x0f" + block[3:]
    return set_odd_parity(_encrypt(icc_master_key, both))


def session_key(how: Session, master: bytes, atc: bytes, un: bytes = bytes(4), cryptogram: bytes = bytes(8)) -> bytes:
    """The key of one transaction, or of one script command, out of the card's `master`."""
    _check_key(master)
    complement = _complement(atc)
    match how:
        case Session.MASTER:
            return master
        case Session.COMMON:
            return derive_session_key(master, atc)
        case Session.MCHIP:
            return derive_session_key(master, atc + bytes(2) + un)
        case Session.CRYPTOGRAM:
            return derive_session_key(master, cryptogram)
        case Session.PBOC:
            return set_odd_parity(_encrypt(master, bytes(6) + atc + bytes(6) + complement))
        case Session.XOR:
            return set_odd_parity(_xor(master, bytes(6) + atc + bytes(6) + complement))


def mac(key: bytes, data: bytes, *, zero_padding: bool = False) -> bytes:
    """ISO/IEC 9797-1 algorithm 3 over `data` (unpadded), 8 bytes; padding method 2, or 1.

    Single DES over all blocks but the last, 3DES over the last: that is algorithm 3 said in another way.
    Spec: EMV 4.4 Book 2 §8.1.2, Annex A1.2.1.
    """
    _check_key(key)
    padded = data if zero_padding else data + b"\x80"
    padded += bytes(-len(padded) % BLOCK)
    head, last = padded[:-BLOCK], padded[-BLOCK:]
    chained = _cbc_mac_left(key, head) if head else bytes(BLOCK)
    return _encrypt(key, _xor(chained, last))


def application_cryptogram(key: bytes, data: bytes) -> bytes:
    """ARQC, TC or AAC over `data` with padding method 2: 8 bytes. Spec: EMV 4.4 Book 2 §8.1."""
    return mac(key, data)


def response_cryptogram(key: bytes, arqc: bytes, response_code: bytes) -> bytes:
    """ARPC method 1: 8 bytes over the ARQC and two bytes, mostly the characters of the response code.

    Tag 91 is this, then the code. Spec: EMV 4.4 Book 2 §8.2.1.
    """
    if len(arqc) != 8 or len(response_code) != 2:
        raise IssuerError("an ARQC has 8 bytes and a response code 2")
    return _encrypt(key, _xor(arqc, response_code + bytes(6)))


def status_cryptogram(key: bytes, arqc: bytes, status: bytes) -> bytes:
    """ARPC method 2: 4 bytes over the ARQC and a card status update of 4. Spec: EMV 4.4 Book 2 §8.2.2."""
    if len(arqc) != 8 or len(status) != 4:
        raise IssuerError("an ARQC has 8 bytes and a card status update 4")
    return mac(key, arqc + status)[:4]


def cryptogram_input(elements: Mapping[int, bytes], tail: bytes) -> bytes:
    """The data under the cryptogram; `tail` is the CVR, or all of 9F10. 9F03 may be absent and is zero then.

    Raises IssuerError.
    """
    parts: list[bytes] = []
    for tag, length in CRYPTOGRAM_TAGS:
        value = elements.get(tag, bytes(6) if tag == 0x9F03 else b"")
        if len(value) != length:
            raise IssuerError(f"tag {tag:X} is missing or is not {length} bytes long")
        parts.append(value)
    parts.append(tail)
    return b"".join(parts)


@dataclass(frozen=True, slots=True)
class Transaction:
    """One transaction's cryptography, alike on both sides: scheme, the card's keys, ATC, unpredictable number."""

    scheme: Scheme
    keys: KeySet = field(repr=False)
    atc: bytes
    un: bytes
    ac_key: bytes = field(repr=False)

    @classmethod
    def begin(cls, scheme: Scheme, keys: KeySet, atc: bytes, un: bytes) -> Transaction:
        return cls(scheme, keys, atc, un, session_key(scheme.session, keys.ac, atc, un))

    def cryptogram(self, elements: Mapping[int, bytes], iad: bytes) -> bytes:
        """9F26 over the transaction's data and 9F10. Raises IssuerError."""
        tail = iad if self.scheme.whole_iad else iad[CVR_AT[self.scheme.family]]
        return mac(self.ac_key, cryptogram_input(elements, tail), zero_padding=self.scheme.zero_padding)

    def answer(self, arqc: bytes, code: bytes) -> bytes:
        """The value of tag 91: ARPC, then two bytes of response code, or the four of a card status update."""
        how = self.scheme.answer_session
        key = self.ac_key if how is None else session_key(how, self.keys.ac, self.atc, self.un)
        if self.scheme.method_2:
            return status_cryptogram(key, arqc, code) + code
        return response_cryptogram(key, arqc, code) + code

    def answer_length(self) -> int:
        """How many bytes of tag 91 count; what follows is the issuer's own."""
        return 8 if self.scheme.method_2 else 10

    def script_mac(self, header: bytes, data: bytes, arqc: bytes, number: int) -> bytes:
        """The MAC of script command `number` (from 0): over header, ATC, cryptogram and data.

        `header` is CLA INS P1 P2 Lc, the MAC counted in Lc. Spec: EMV 4.4 Book 2 §9.2.
        """
        counted = self._counted(arqc, number)
        key = session_key(self.scheme.messaging, self.keys.smi, self.atc, cryptogram=counted)
        return mac(key, header + self.atc + counted + data)[: self.scheme.mac_length]

    def encipher(self, data: bytes, arqc: bytes, number: int) -> bytes:
        """Data of a script command, enciphered. Spec: EMV 4.4 Book 2 §9.3."""
        if self.scheme.length_byte:
            data = bytes((len(data),)) + data
        if self.scheme.length_byte or len(data) % BLOCK:
            data += b"\x80" + bytes(-(len(data) + 1) % BLOCK)
        return self._cipher(arqc, number).encryptor().update(data)

    def decipher(self, data: bytes, arqc: bytes, number: int) -> bytes | None:
        """What `encipher` made; None where the length or the padding is wrong."""
        if not data or len(data) % BLOCK:
            return None
        clear = self._cipher(arqc, number).decryptor().update(data)
        if not self.scheme.length_byte:
            return clear
        body, padding = clear.rstrip(b"\x00")[:-1], clear.rstrip(b"\x00")[-1:]
        return body[1:] if padding == b"\x80" and body and body[0] == len(body) - 1 else None

    def pin_block(self, pin: bytes) -> bytes:
        """A new PIN for a script: format 2, or Visa's with four bytes of the card's key laid over it."""
        plain = format_2(pin)
        if not self.scheme.mixed_pin:
            return plain
        return _xor(bytes((len(pin),)) + plain[1:], bytes(4) + self.keys.ac[4:8])

    def read_pin_block(self, block: bytes) -> bytes | None:
        """The digits of a block that `pin_block` made, or None."""
        if len(block) != BLOCK:
            return None
        if not self.scheme.mixed_pin:
            return read_format_2(block)
        clear = _xor(block, bytes(4) + self.keys.ac[4:8])
        return read_format_2(bytes((0x20 | clear[0],)) + clear[1:]) if clear[0] < 0x10 else None

    def _cipher(self, arqc: bytes, number: int) -> Cipher[modes.ECB] | Cipher[modes.CBC]:
        counted = self._counted(arqc, number)
        key = session_key(self.scheme.messaging, self.keys.smc, self.atc, cryptogram=counted)
        triple = TripleDES(key + key[:8])
        if self.scheme.length_byte:
            return Cipher(triple, modes.ECB())
        return Cipher(triple, modes.CBC(bytes(BLOCK)))

    def _counted(self, arqc: bytes, number: int) -> bytes:
        """Where the key comes from the cryptogram, each command has its own: the cryptogram plus its number."""
        if self.scheme.messaging is not Session.CRYPTOGRAM:
            return arqc
        return ((int.from_bytes(arqc, "big") + number) % (1 << 64)).to_bytes(BLOCK, "big")


def format_2(pin: bytes) -> bytes:
    """A PIN (4 to 12 ASCII digits) as an offline PIN block. Spec: EMV 4.4 Book 3 §6.5.12, ISO 9564-1 format 2."""
    digits = pin.decode("ascii")
    return bytes.fromhex(f"2{len(digits):X}{digits:F<14}")


def read_format_2(block: bytes) -> bytes | None:
    """The digits of an offline PIN block, or None for what is none."""
    if len(block) != BLOCK or block[0] >> 4 != 2:
        return None
    count, digits = block[0] & 0x0F, block.hex()[2:]
    pin, fill = digits[:count], digits[count:]
    if not 4 <= count <= 12 or not pin.isdigit() or fill != "f" * len(fill):
        return None
    return pin.encode("ascii")
