"""Key blocks: a key with what it is for, wrapped under a key block protection key (KBPK).

`inspect` reads a header without any key; `unwrap` gives header and key; `wrap` makes a block. Versions B, C,
D and E both ways; version A is only read, and only when the caller asks for it by name.

Each version makes two keys of the KBPK, one to encrypt and one to authenticate: by XOR with a constant (A, C)
or by CMAC of a counter and a purpose (B, D, E). The MAC covers the header as it is written, so a strict
reading of letter case matters: a block has one spelling. A and C authenticate the cipher text with 4 bytes;
the others authenticate the clear text, and their MAC is the first cipher block's input as well. Nothing of
the clear text is looked at, not even its length, before the MAC is good.

Every failure to unwrap is the same KeyRefused, whatever its cause. Clear keys live in bytearrays that are
wiped; the derived keys too; CMAC subkeys are doubled in place, without an int.

Spec: ASC X9.143-2021 §5 to §7 (TR-31:2018 §5, §A); ISO 20038:2017 (version E); NIST SP 800-38B, SP 800-57-1
table 2 (strengths); PCI PIN Security requirement 18.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass, replace

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC

from keys import kcv, tdes, usage
from keys.block_header import BlockMalformed, Header, OptionalBlock, Parsed, Version, parse
from keys.errors import KeyRefused
from keys.usage import Algorithm

LEGACY_KCV_BYTES = 3
CMAC_KCV_BYTES = 5

REFUSED = "the key block does not open"
_LENGTH_BYTES = 2
_TDES_KBPK_BYTES = (16, 24)
_AES_KEY_BYTES = (16, 24, 32)
# The lengths a key may have, and the one that hides them all. Spec: X9.143 §6.1.
_SIZES = {
    Algorithm.TDES: (8, 16, 24),
    Algorithm.DES: (8,),
    Algorithm.AES: _AES_KEY_BYTES,
    Algorithm.SM4: (16,),
}
_HIDDEN_SIZE = {Algorithm.TDES: 24, Algorithm.DES: 24, Algorithm.AES: 32}
_KBEK_MASK, _KBAK_MASK = 0x45, 0x4D  # Versions A and C: "E" and "M".
_FOR_CBC, _FOR_MAC, _FOR_CTR = 0, 1, 2  # The purposes of derived keys.
_TDES_BLOCK_BYTES = 8
_SPARE_BYTES = 15  # update_into asks for the room of one more block, less a byte.
_AUTHENTICATING_CIPHER_TEXT = (Version.A, Version.C)
# The blocks that make one derived key; two-key TDES ends with its first block again.
_COUNTERS = {
    (False, 16): (1, 2, 1),
    (False, 24): (1, 2, 3),
    (True, 16): (1,),
    (True, 24): (1, 2),
    (True, 32): (1, 2),
}
_ALGORITHM_CODE = {(False, 16): 0, (False, 24): 1, (True, 16): 2, (True, 24): 3, (True, 32): 4}
# Strength in bits by the size of a DER private key, up to so many bytes. Sizes between two moduli count as
# the larger one's. Spec: SP 800-57-1 table 2.
_RSA_STRENGTHS = ((650, 80), (1250, 112), (1850, 128), (4500, 192))  # 1024, 2048, 3072, 7680 bits.
_EC_STRENGTHS = ((150, 128), (200, 192))  # P-256, P-384.
_STRONGEST = 256


@dataclass(slots=True, repr=False, eq=False)
class UnwrappedKey:
    """A clear key on its way to the store. `wipe` it."""

    header: Header
    key: bytearray

    def __repr__(self) -> str:
        return f"UnwrappedKey({self.header.usage.code})"

    def wipe(self) -> None:
        tdes.wipe(self.key)


def inspect(block: str) -> Header:
    """The header, which nothing vouches for without the KBPK. Raises BlockMalformed with the place."""
    return parse(block).header


def unwrap(
    kbpk: bytearray, block: str, *, allow_version_a: bool = False, allow_weaker_kbpk: bool = False
) -> UnwrappedKey:
    """The key and its header; the caller wipes the key.

    Raises KeyRefused, the same for every reason: a malformed or altered block, another KBPK, a check value
    in it that is wrong, a key of an impossible length, version A, or a KBPK that is weaker than the key (the
    last two unless allowed by name).
    """
    opened: UnwrappedKey | None = None
    try:
        parsed = parse(block)
        if parsed.header.version is not Version.A or allow_version_a:
            opened = _open(kbpk, parsed, allow_weaker_kbpk)
    except KeyRefused:
        opened = None
    # Raised out here, the refusal carries no trace of its cause.
    if opened is None:
        raise KeyRefused(REFUSED)
    return opened


def wrap(
    kbpk: bytearray,
    header: Header,
    key: bytearray,
    random: Callable[[int], bytes],
    *,
    hide_length: bool = True,
) -> str:
    """The block of `key` under `kbpk`; both stay the caller's to wipe.

    An optional block KC or KP without data is given its check value. `random(n)` gives the padding; with
    `hide_length` there is as much of it as for the algorithm's longest key. Raises KeyRefused: version A, a
    KBPK that does not fit the version or is weaker than the key, a key of an impossible length, a header
    that may not be or whose check values are wrong.
    """
    version = header.version
    if version is Version.A:
        raise KeyRefused("version A is only read")
    if not _fits(kbpk, version) or not _is_possible(header.algorithm, len(key)):
        raise KeyRefused("the key or its protection key has a wrong length")
    usage.check_wrapping(kbpk_strength(version, kbpk), strength(header.algorithm, key))
    header = _with_check_values(kbpk, header, key)
    if not _check_values_agree(kbpk, header, key):
        raise KeyRefused("a check value in the header is wrong")
    room = max(len(key), _HIDDEN_SIZE.get(header.algorithm, 0) if hide_length else 0)
    size = _LENGTH_BYTES + room + -(_LENGTH_BYTES + room) % version.payload_align_bytes
    text = header.text(2 * (size + version.mac_bytes)).encode("ascii")
    start, end = len(text) + _LENGTH_BYTES, len(text) + size
    whole = bytearray(end)
    try:
        view = memoryview(whole)  # Copies between views make no third copy on the way.
        view[: len(text)] = text
        view[len(text) : start] = (8 * len(key)).to_bytes(_LENGTH_BYTES, "big")
        view[start : start + len(key)] = memoryview(key)
        view[start + len(key) :] = random(end - start - len(key))
        payload, mac = _sealed(kbpk, version, text, whole, end)
    finally:
        tdes.wipe(whole)
    return text.decode("ascii") + payload.hex().upper() + mac.hex().upper()


def check_value(algorithm: Algorithm, key: bytearray, *, cmac: bool | None = None) -> bytes:
    """KCV: 3 bytes of E(key, 0…0), or 5 of CMAC(key, 0…0), which is an AES key's unless said otherwise.

    Raises KeyRefused for keys that are not of a block cipher, and for impossible lengths.
    Spec: ANSI X9.24-1:2017 Annex A.
    """
    if algorithm not in _SIZES or not _is_possible(algorithm, len(key)):
        raise KeyRefused("there is no check value for such a key")
    algorithm = _as_named(algorithm, len(key))
    if cmac or (cmac is None and algorithm is Algorithm.AES):
        return kcv.check_value(algorithm, key, kcv.Method.CMAC, size=CMAC_KCV_BYTES)
    return kcv.check_value(algorithm, key, kcv.Method.LEGACY, size=LEGACY_KCV_BYTES)


def kbpk_strength(version: Version, kbpk: bytearray) -> int:
    """In bits. Raises KeyRefused for a length that such a key has not."""
    return usage.strength(Algorithm.AES if version.is_aes else Algorithm.TDES, kbpk)


def strength(algorithm: Algorithm, key: bytearray) -> int:
    """In bits: what the best known attack costs. A private key's is taken from its size as DER.

    Raises KeyRefused for a length that such a key has not. Spec: SP 800-57-1.
    """
    if algorithm in (Algorithm.RSA, Algorithm.DSA, Algorithm.EC):
        table = _EC_STRENGTHS if algorithm is Algorithm.EC else _RSA_STRENGTHS
        return next((bits for size, bits in table if len(key) <= size), _STRONGEST)
    return usage.strength(_as_named(algorithm, len(key)), key)


def _as_named(algorithm: Algorithm, size_bytes: int) -> Algorithm:
    """A key of 8 bytes that goes as TDES, as old blocks have them, is a DES key."""
    return Algorithm.DES if algorithm is Algorithm.TDES and size_bytes == 8 else algorithm


# Opening and sealing


def _open(kbpk: bytearray, parsed: Parsed, allow_weaker_kbpk: bool) -> UnwrappedKey:
    """Raises KeyRefused, whose words nobody sees."""
    header = parsed.header
    if not _fits(kbpk, header.version):
        raise KeyRefused(REFUSED)
    key = _authentic_key(kbpk, parsed)
    good = False
    try:
        strong = allow_weaker_kbpk or kbpk_strength(header.version, kbpk) >= strength(header.algorithm, key)
        good = strong and _check_values_agree(kbpk, header, key)
    finally:
        if not good:
            tdes.wipe(key)
    if not good:
        raise KeyRefused(REFUSED)
    return UnwrappedKey(header, key)


def _authentic_key(kbpk: bytearray, parsed: Parsed) -> bytearray:
    """The key, once the MAC is good; the caller wipes it."""
    version, algorithm = parsed.header.version, parsed.header.algorithm
    text, payload = parsed.header_text.encode("ascii"), parsed.payload
    start, end = len(text), len(text) + len(payload)
    whole = bytearray(end + _SPARE_BYTES)
    view = memoryview(whole)
    keys = _derived(kbpk, version)
    try:
        view[:start] = text
        if version in _AUTHENTICATING_CIPHER_TEXT:
            # The cipher text is authenticated before it is decrypted.
            good = hmac.compare_digest(keys.cbc_mac(text + payload), parsed.mac)
        else:
            keys.cipher(parsed.mac).decryptor().update_into(payload, view[start:])
            good = hmac.compare_digest(keys.cmac(view[:end]), parsed.mac)
        if not good:
            raise KeyRefused(REFUSED)
        if version in _AUTHENTICATING_CIPHER_TEXT:
            keys.cipher(text[:_TDES_BLOCK_BYTES]).decryptor().update_into(payload, view[start:])
        bits = whole[start] << 8 | whole[start + 1]
        size = bits // 8
        if bits % 8 or size > len(payload) - _LENGTH_BYTES or not _is_possible(algorithm, size):
            raise KeyRefused(REFUSED)
        key = bytearray(size)
        memoryview(key)[:] = view[start + _LENGTH_BYTES : start + _LENGTH_BYTES + size]
        return key
    finally:
        tdes.wipe(whole)
        keys.wipe()


def _sealed(kbpk: bytearray, version: Version, text: bytes, whole: bytearray, end: int) -> tuple[bytes, bytes]:
    """Cipher text and MAC of the header and the clear payload that `whole` starts with, up to `end`."""
    out = bytearray(end - len(text) + _SPARE_BYTES)
    view = memoryview(whole)[:end]
    keys = _derived(kbpk, version)
    try:
        if version in _AUTHENTICATING_CIPHER_TEXT:
            keys.cipher(text[:_TDES_BLOCK_BYTES]).encryptor().update_into(view[len(text) :], out)
            payload = bytes(out[: end - len(text)])
            return payload, keys.cbc_mac(text + payload)
        mac = keys.cmac(view)
        keys.cipher(mac).encryptor().update_into(view[len(text) :], out)
        return bytes(out[: end - len(text)]), mac
    finally:
        keys.wipe()


# What is in a header and belongs to the keys


def _with_check_values(kbpk: bytearray, header: Header, key: bytearray) -> Header:
    if not header.optional:
        return header
    filled = []
    for block in header.optional:
        if block.code in ("KC", "KP") and not block.data:
            aes = header.version.is_aes
            own = Algorithm.AES if aes else Algorithm.TDES
            algorithm, of = (header.algorithm, key) if block.code == "KC" else (own, kbpk)
            method = "01" if algorithm is Algorithm.AES else "00"
            block = OptionalBlock(block.code, method + check_value(algorithm, of).hex().upper())
        filled.append(block)
    return replace(header, optional=tuple(filled))


def _check_values_agree(kbpk: bytearray, header: Header, key: bytearray) -> bool:
    """Whether KC and KP, where they are, are the key's and the KBPK's. Raises KeyRefused or BlockMalformed."""
    if not header.optional:
        return True
    own = Algorithm.AES if header.version.is_aes else Algorithm.TDES
    good = True
    for code, algorithm, of in (("KC", header.algorithm, key), ("KP", own, kbpk)):
        block = header.find(code)
        if block is None:
            continue
        block.check(0)
        told = bytes.fromhex(block.data[2:])
        found = check_value(algorithm, of, cmac=block.data.startswith("01"))
        good &= hmac.compare_digest(found[: len(told)], told)
    return good


def _fits(kbpk: bytearray, version: Version) -> bool:
    return len(kbpk) in (_AES_KEY_BYTES if version.is_aes else _TDES_KBPK_BYTES)


def _is_possible(algorithm: Algorithm, size_bytes: int) -> bool:
    return size_bytes in _SIZES[algorithm] if algorithm in _SIZES else size_bytes > 0


# Derivation and ciphers


@dataclass(slots=True, repr=False, eq=False)
class _Keys:
    """The key to encrypt with in the first half of `room`, the one to authenticate with in the second.

    A TDES key is there in the 24 bytes that the library takes without a copy.
    """

    version: Version
    room: bytearray
    size: int

    def cipher(self, start: bytes) -> Cipher[modes.CTR] | Cipher[modes.CBC]:
        if self.version is Version.E:
            return Cipher(self._key(0), modes.CTR(start))
        return Cipher(self._key(0), modes.CBC(start))

    def cmac(self, data: memoryview) -> bytes:
        mac = CMAC(self._key(1))
        mac.update(data)  # type: ignore[arg-type]  # As in _key.
        return mac.finalize()

    def cbc_mac(self, data: bytes) -> bytes:
        """The first 4 bytes of the last block. Spec: X9.143 §7.1; the data are whole blocks."""
        chained = bytearray(len(data) + _SPARE_BYTES)
        Cipher(self._key(1), modes.CBC(bytes(_TDES_BLOCK_BYTES))).encryptor().update_into(data, chained)
        return bytes(chained[len(data) - 8 : len(data) - 4])

    def wipe(self) -> None:
        tdes.wipe(self.room)

    def _key(self, which: int) -> AES | TripleDES:
        start = which * ((len(self.room) - _SPARE_BYTES) // 2)
        view = memoryview(self.room)[start : start + self.size]
        # Typed for bytes, taken as any buffer; a bytes copy could not be wiped.
        return AES(view) if self.version.is_aes else TripleDES(view)  # type: ignore[arg-type]  # see above


def _derived(kbpk: bytearray, version: Version) -> _Keys:
    """The keys to encrypt and to authenticate with; the caller wipes them."""
    if version in _AUTHENTICATING_CIPHER_TEXT:
        return _Keys(version, _masked(kbpk), 24)
    aes = version.is_aes
    block_bytes = 16 if aes else _TDES_BLOCK_BYTES
    counters = _COUNTERS[aes, len(kbpk)]
    half = len(counters) * block_bytes
    base, inputs, made = bytearray(block_bytes), bytearray(2 * half), bytearray(2 * half + _SPARE_BYTES)
    view = memoryview(inputs)
    full = kbpk if aes else tdes.expand(kbpk)
    try:
        algorithm = AES(full) if aes else TripleDES(full)  # type: ignore[arg-type]  # As in _Keys.
        encryptor = Cipher(algorithm, modes.ECB()).encryptor()
        encryptor.update_into(bytes(block_bytes), made)
        _subkey(made, base, 2 if aes else 1)
        base[5] ^= _ALGORITHM_CODE[aes, len(kbpk)]
        base[6] ^= 8 * len(kbpk) >> 8
        base[7] ^= 8 * len(kbpk) & 0xFF
        if aes:
            base[8] ^= 0x80  # Eight bytes are less than a block of AES: padded, and under the second subkey.
        offset = 0
        for purpose in (_FOR_CTR if version is Version.E else _FOR_CBC, _FOR_MAC):
            for counter in counters:
                view[offset : offset + block_bytes] = base
                inputs[offset] ^= counter
                inputs[offset + 2] ^= purpose
                offset += block_bytes
        encryptor.update_into(inputs, made)
    finally:
        tdes.wipe(base)
        tdes.wipe(inputs)
        if full is not kbpk:
            tdes.wipe(full)
    return _Keys(version, made, len(full))


def _subkey(zeros_encrypted: bytearray, subkey: bytearray, number: int) -> None:
    """CMAC's subkey 1 or 2 into `subkey`: the block times x or x² in its field. Spec: SP 800-38B §6.1."""
    last, back = len(subkey) - 1, 8 - number
    for index in range(last):
        subkey[index] = (zeros_encrypted[index] << number & 0xFF) | zeros_encrypted[index + 1] >> back
    subkey[last] = zeros_encrypted[last] << number & 0xFF
    polynomial = 0x87 if last == 15 else 0x1B
    carry = zeros_encrypted[0] >> back
    folded = (polynomial if carry & 1 else 0) ^ (polynomial << 1 if carry & 2 else 0)
    subkey[last] ^= folded & 0xFF
    subkey[last - 1] ^= folded >> 8


def _masked(kbpk: bytearray) -> bytearray:
    """Versions A and C: both keys are the KBPK with a letter over each byte."""
    made = bytearray(48 + _SPARE_BYTES)
    for index in range(24):
        byte = kbpk[index % len(kbpk)]
        made[index] = byte ^ _KBEK_MASK
        made[24 + index] = byte ^ _KBAK_MASK
    return made


__all__ = [
    "BlockMalformed",
    "UnwrappedKey",
    "check_value",
    "inspect",
    "kbpk_strength",
    "strength",
    "unwrap",
    "wrap",
]
