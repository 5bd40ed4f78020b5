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

from keys import tdes
from keys.block_header import Algorithm, BlockMalformed, Header, OptionalBlock, Parsed, Version, parse
from keys.errors import KeyRefused

LEGACY_KCV_BYTES = 3
CMAC_KCV_BYTES = 5

_REFUSED = "the key block does not open"
_LENGTH_BYTES = 2
_TDES_KBPK_BYTES = (16, 24)
_AES_KEY_BYTES = (16, 24, 32)
# The lengths a key may have, and the one that hides them all. Spec: X9.143 §6.1.
_SIZES = {Algorithm.TDES: (8, 16, 24), Algorithm.DES: (8,), Algorithm.AES: _AES_KEY_BYTES}
_HIDDEN_SIZE = {Algorithm.TDES: 24, Algorithm.DES: 24, Algorithm.AES: 32}
_KBEK_MASK, _KBAK_MASK = 0x45, 0x4D  # Versions A and C: "E" and "M".
_FOR_CBC, _FOR_MAC, _FOR_CTR = 0, 1, 2  # The purposes of derived keys.
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
        raise KeyRefused(_REFUSED)
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
    if kbpk_strength(version, kbpk) < strength(header.algorithm, key):
        raise KeyRefused("the protection key is weaker than the key")
    header = _with_check_values(kbpk, header, key)
    if not _check_values_agree(kbpk, header, key):
        raise KeyRefused("a check value in the header is wrong")
    room = max(len(key), _HIDDEN_SIZE.get(header.algorithm, 0) if hide_length else 0)
    size = _LENGTH_BYTES + room + -(_LENGTH_BYTES + room) % version.payload_align_bytes
    text = header.text(2 * (size + version.mac_bytes))
    clear = bytearray(size)
    try:
        clear[:_LENGTH_BYTES] = (8 * len(key)).to_bytes(_LENGTH_BYTES, "big")
        view = memoryview(clear)  # Copies between views make no third copy on the way.
        view[_LENGTH_BYTES : _LENGTH_BYTES + len(key)] = memoryview(key)
        padding = random(size - _LENGTH_BYTES - len(key))
        view[_LENGTH_BYTES + len(key) :] = padding
        payload, mac = _seal(kbpk, version, text.encode("ascii"), clear)
    finally:
        tdes.wipe(clear)
    return text + payload.hex().upper() + mac.hex().upper()


def check_value(algorithm: Algorithm, key: bytearray, *, cmac: bool | None = None) -> bytes:
    """KCV: 3 bytes of E(key, 0…0), or 5 of CMAC(key, 0…0), which is an AES key's unless said otherwise.

    Raises KeyRefused for keys that are not of a block cipher, and for impossible lengths.
    Spec: ANSI X9.24-1:2017 Annex A.
    """
    if algorithm not in _SIZES or not _is_possible(algorithm, len(key)):
        raise KeyRefused("there is no check value for such a key")
    aes = algorithm is Algorithm.AES
    if cmac or (cmac is None and aes):
        return _cmac(aes, key, bytes(16 if aes else 8))[:CMAC_KCV_BYTES]
    zeros = bytearray(16 if aes else 8)
    return bytes(_crypt(aes, key, modes.ECB(), zeros, encrypting=True)[:LEGACY_KCV_BYTES])


def kbpk_strength(version: Version, kbpk: bytearray) -> int:
    """In bits."""
    return strength(Algorithm.AES if version.is_aes else Algorithm.TDES, kbpk)


def strength(algorithm: Algorithm, key: bytearray) -> int:
    """In bits: what the best known attack costs. Equal parts of a 3DES key count once. Spec: SP 800-57-1."""
    if algorithm in (Algorithm.TDES, Algorithm.DES):
        return _tdes_strength(key)
    if algorithm in (Algorithm.AES, Algorithm.HMAC):
        return min(8 * len(key), _STRONGEST)
    table = _EC_STRENGTHS if algorithm is Algorithm.EC else _RSA_STRENGTHS
    return next((bits for size, bits in table if len(key) <= size), _STRONGEST)


def _tdes_strength(key: bytearray) -> int:
    bare = tdes.without_parity(key)
    try:
        parts = [memoryview(bare)[start : start + 8] for start in range(0, len(bare), 8)]
        if any(left == right for left, right in zip(parts, parts[1:], strict=False)):
            return 56  # Encrypting and decrypting undo each other.
        distinct = len(parts) if len(parts) < 3 or parts[0] != parts[2] else 2
        return {1: 56, 2: 80}.get(distinct, 112)
    finally:
        tdes.wipe(bare)


# Opening and sealing


def _open(kbpk: bytearray, parsed: Parsed, allow_weaker_kbpk: bool) -> UnwrappedKey:
    """Raises KeyRefused, whose words nobody sees."""
    header = parsed.header
    if not _fits(kbpk, header.version):
        raise KeyRefused(_REFUSED)
    clear = _authentic(kbpk, header.version, parsed)
    try:
        key = _key_of(header.algorithm, clear)
    finally:
        tdes.wipe(clear)
    good = False
    try:
        strong = allow_weaker_kbpk or kbpk_strength(header.version, kbpk) >= strength(header.algorithm, key)
        good = strong and _check_values_agree(kbpk, header, key)
    finally:
        if not good:
            tdes.wipe(key)
    if not good:
        raise KeyRefused(_REFUSED)
    return UnwrappedKey(header, key)


def _key_of(algorithm: Algorithm, clear: bytearray) -> bytearray:
    """The key out of an authentic payload."""
    bits = clear[0] << 8 | clear[1]
    size = bits // 8
    if bits % 8 or size > len(clear) - _LENGTH_BYTES or not _is_possible(algorithm, size):
        raise KeyRefused(_REFUSED)
    key = bytearray(size)
    memoryview(key)[:] = memoryview(clear)[_LENGTH_BYTES : _LENGTH_BYTES + size]
    return key


def _authentic(kbpk: bytearray, version: Version, parsed: Parsed) -> bytearray:
    """The clear payload, once its MAC is good; the caller wipes it."""
    text = parsed.header_text.encode("ascii")
    encrypting, authenticating = _derived(kbpk, version)
    clear = bytearray()
    try:
        if version in (Version.A, Version.C):
            good = hmac.compare_digest(_cbc_mac(authenticating, text + parsed.payload), parsed.mac)
            if good:
                clear = _crypt(False, encrypting, modes.CBC(text[:8]), parsed.payload, encrypting=False)
        else:
            mode = _mode(version, parsed.mac)
            clear = _crypt(version.is_aes, encrypting, mode, parsed.payload, encrypting=False)
            good = hmac.compare_digest(_cmac(version.is_aes, authenticating, text, clear), parsed.mac)
    finally:
        tdes.wipe(encrypting)
        tdes.wipe(authenticating)
    if not good:
        tdes.wipe(clear)
        raise KeyRefused(_REFUSED)
    return clear


def _seal(kbpk: bytearray, version: Version, text: bytes, clear: bytearray) -> tuple[bytes, bytes]:
    """Cipher text and MAC."""
    encrypting, authenticating = _derived(kbpk, version)
    try:
        if version is Version.C:
            payload = bytes(_crypt(False, encrypting, modes.CBC(text[:8]), clear, encrypting=True))
            return payload, _cbc_mac(authenticating, text + payload)
        mac = _cmac(version.is_aes, authenticating, text, clear)
        payload = bytes(_crypt(version.is_aes, encrypting, _mode(version, mac), clear, encrypting=True))
        return payload, mac
    finally:
        tdes.wipe(encrypting)
        tdes.wipe(authenticating)


def _mode(version: Version, mac: bytes) -> modes.CBC | modes.CTR:
    return modes.CTR(mac) if version is Version.E else modes.CBC(mac)


# What is in a header and belongs to the keys


def _with_check_values(kbpk: bytearray, header: Header, key: bytearray) -> Header:
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


def _derived(kbpk: bytearray, version: Version) -> tuple[bytearray, bytearray]:
    """The keys to encrypt and to authenticate with; the caller wipes both."""
    if version in (Version.A, Version.C):
        return _masked(kbpk, _KBEK_MASK), _masked(kbpk, _KBAK_MASK)
    aes = version.is_aes
    purposes = (_FOR_CTR if version is Version.E else _FOR_CBC, _FOR_MAC)
    block_bytes = 16 if aes else 8
    each = -(-len(kbpk) // block_bytes)
    subkey = _crypt(aes, kbpk, modes.ECB(), bytes(block_bytes), encrypting=True)
    code = _ALGORITHM_CODE[aes, len(kbpk)]
    inputs = bytearray()
    try:
        _double(subkey)
        for purpose in purposes:
            for counter in range(1, each + 1):
                inputs += bytes((counter, 0, purpose, 0, 0, code)) + (8 * len(kbpk)).to_bytes(2, "big")
                if aes:
                    inputs += b"\x80" + bytes(7)
        if aes:
            _double(subkey)  # Eight bytes are less than a block of AES: padded, and under the second subkey.
        for index in range(len(inputs)):
            inputs[index] ^= subkey[index % block_bytes]
        made = _crypt(aes, kbpk, modes.ECB(), inputs, encrypting=True)
    finally:
        tdes.wipe(subkey)
        tdes.wipe(inputs)
    encrypting, authenticating = bytearray(len(kbpk)), bytearray(len(kbpk))
    memoryview(encrypting)[:] = memoryview(made)[: len(kbpk)]
    memoryview(authenticating)[:] = memoryview(made)[each * block_bytes :][: len(kbpk)]
    tdes.wipe(made)
    return encrypting, authenticating


def _masked(kbpk: bytearray, mask: int) -> bytearray:
    made = bytearray(len(kbpk))
    for index in range(len(kbpk)):
        made[index] = kbpk[index] ^ mask
    return made


def _double(subkey: bytearray) -> None:
    """Multiply by x in GF(2^64) or GF(2^128), in place. Spec: SP 800-38B §6.1."""
    carry = subkey[0] >> 7
    for index in range(len(subkey) - 1):
        subkey[index] = (subkey[index] << 1 & 0xFF) | subkey[index + 1] >> 7
    subkey[-1] = (subkey[-1] << 1 & 0xFF) ^ (carry * (0x87 if len(subkey) == 16 else 0x1B))


def _crypt(
    aes: bool,
    key: bytearray,
    mode: modes.ECB | modes.CBC | modes.CTR,
    data: bytes | bytearray,
    *,
    encrypting: bool,
) -> bytearray:
    """The result in a bytearray, since it may be a secret."""
    full = key if aes else tdes.expand(key)
    out = bytearray(len(data) + 15)  # update_into asks for the room of one more block, less a byte.
    try:
        # Typed for bytes, taken as any buffer; a bytes copy could not be wiped.
        cipher = Cipher(AES(full) if aes else TripleDES(full), mode)  # type: ignore[arg-type]  # see above
        (cipher.encryptor() if encrypting else cipher.decryptor()).update_into(data, out)
    finally:
        if full is not key:
            tdes.wipe(full)
    return tdes.trimmed(out, len(data))


def _cmac(aes: bool, key: bytearray, *parts: bytes | bytearray) -> bytes:
    full = key if aes else tdes.expand(key)
    try:
        mac = CMAC(AES(full) if aes else TripleDES(full))  # type: ignore[arg-type]  # as in _crypt
        for part in parts:
            mac.update(part)  # type: ignore[arg-type]  # as in _crypt
        return mac.finalize()
    finally:
        if full is not key:
            tdes.wipe(full)


def _cbc_mac(key: bytearray, data: bytes) -> bytes:
    """The first 4 bytes of the last block. Spec: X9.143 §7.1; the data are whole blocks."""
    chained = _crypt(False, key, modes.CBC(bytes(8)), data, encrypting=True)
    return bytes(chained[-8:-4])


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
