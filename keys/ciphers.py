"""The block ciphers behind one door: single and triple DES, AES and SM4, in ECB, CBC, CBC-MAC and CMAC.

Keys are bytearrays that the caller wipes. A cipher object lives for one call: the library keeps an expanded key
as long as the object lives. Whatever is wrong with a key or with the data raises KeyRefused, which names sizes,
never contents.

Spec: NIST SP 800-67 (TDEA), FIPS 197 (AES), GB/T 32907-2016 (SM4), NIST SP 800-38A and 38B (modes).
"""

from __future__ import annotations

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import BlockCipherAlgorithm, Cipher, CipherContext, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES, SM4
from cryptography.hazmat.primitives.cmac import CMAC

from keys.errors import KeyRefused
from keys.tdes import expand, trimmed, wipe
from keys.usage import Algorithm

BLOCK_BYTES = {Algorithm.DES: 8, Algorithm.TDES: 8, Algorithm.AES: 16, Algorithm.SM4: 16}
KEY_BYTES = {
    Algorithm.DES: (8,),
    Algorithm.TDES: (16, 24),
    Algorithm.AES: (16, 24, 32),
    Algorithm.SM4: (16,),
}
_SPARE_BYTES = 15  # update_into asks for the room of one more block, less a byte.
_ECB = modes.ECB()


def block_bytes(algorithm: Algorithm) -> int:
    """8 or 16. Raises KeyRefused for what is no block cipher."""
    size = BLOCK_BYTES.get(algorithm)
    if size is None:
        raise KeyRefused(f"{algorithm.name} is no block cipher")
    return size


def check_key(algorithm: Algorithm, key: bytearray) -> None:
    """Raise KeyRefused unless the key has a length of this algorithm."""
    block_bytes(algorithm)
    if len(key) not in KEY_BYTES[algorithm]:
        sizes = ", ".join(str(size) for size in KEY_BYTES[algorithm])
        raise KeyRefused(f"a key for {algorithm.name} has {sizes} bytes")


def encrypt_ecb(algorithm: Algorithm, key: bytearray, data: bytes | bytearray) -> bytearray:
    """Whole blocks. The result is a bytearray, since it may be a secret on its way. Raises KeyRefused.

    >>> encrypt_ecb(Algorithm.AES, bytearray(16), bytes(16)).hex()
    '66e94bd4ef8a2c3b884cfa59ca342b2e'
    """
    return _secret(algorithm, key, data, _ECB, encrypting=True)


def encrypt_to_send(algorithm: Algorithm, key: bytearray, data: bytes | bytearray) -> bytes:
    """The same for cipher text that leaves this room: `bytes`, which nobody need wipe. Raises KeyRefused."""
    working = _working_key(algorithm, key, data)
    try:
        return _context(algorithm, working, _ECB, encrypting=True).update(data)
    finally:
        wipe(working)


def decrypt_ecb(algorithm: Algorithm, key: bytearray, data: bytes | bytearray) -> bytearray:
    """The inverse of `encrypt_ecb`; the caller wipes the result. Raises KeyRefused."""
    return _secret(algorithm, key, data, _ECB, encrypting=False)


def encrypt_cbc(algorithm: Algorithm, key: bytearray, data: bytes | bytearray) -> bytearray:
    """Whole blocks in CBC with a zero initial value: for a key that encrypts once. Raises KeyRefused."""
    return _secret(algorithm, key, data, modes.CBC(bytes(block_bytes(algorithm))), encrypting=True)


def decrypt_cbc(algorithm: Algorithm, key: bytearray, data: bytes | bytearray) -> bytearray:
    """The inverse of `encrypt_cbc`; the caller wipes the result. Raises KeyRefused."""
    return _secret(algorithm, key, data, modes.CBC(bytes(block_bytes(algorithm))), encrypting=False)


def cbc_mac(
    algorithm: Algorithm, key: bytearray, data: bytes | bytearray, chained: bytearray | None = None
) -> bytearray:
    """The last block of CBC over whole blocks, from zeros or from `chained`: a bare chain, no MAC by itself.

    The caller pads, cuts and, where the chain is not the answer, wipes. Raises KeyRefused.
    """
    size = block_bytes(algorithm)
    if not data:
        raise KeyRefused("a chain has at least one block")
    start = modes.CBC(bytes(size) if chained is None else chained)
    working = _working_key(algorithm, key, data)
    last, chain = bytearray(size), bytearray(len(data) + _SPARE_BYTES)
    try:
        _context(algorithm, working, start, encrypting=True).update_into(data, chain)
        memoryview(last)[:] = memoryview(chain)[len(data) - size : len(data)]
    finally:
        wipe(working)
        wipe(chain)
    return last


def cmac(algorithm: Algorithm, key: bytearray, data: bytes | bytearray) -> bytes:
    """The whole CMAC, 8 or 16 bytes. Raises KeyRefused. Spec: NIST SP 800-38B."""
    working = _working_key(algorithm, key)
    try:
        made = CMAC(_cipher(algorithm, working))
        made.update(data)  # type: ignore[arg-type]  # Typed for bytes, taken as any buffer.
        return made.finalize()
    except UnsupportedAlgorithm:
        raise KeyRefused(f"this OpenSSL has no {algorithm.name}") from None
    finally:
        wipe(working)


def _secret(
    algorithm: Algorithm,
    key: bytearray,
    data: bytes | bytearray,
    mode: modes.ECB | modes.CBC,
    *,
    encrypting: bool,
) -> bytearray:
    working = _working_key(algorithm, key, data)
    out = bytearray(len(data) + _SPARE_BYTES)
    try:
        _context(algorithm, working, mode, encrypting=encrypting).update_into(data, out)
    finally:
        wipe(working)
    return trimmed(out, len(data))


def _working_key(algorithm: Algorithm, key: bytearray, data: bytes | bytearray = b"") -> bytearray:
    """A copy of our own to wipe; for DES and TDES the 24 bytes that the library takes without copying.

    Raises KeyRefused for a key of a wrong length, and for data that are no whole blocks.
    """
    check_key(algorithm, key)
    if len(data) % BLOCK_BYTES[algorithm]:
        raise KeyRefused("the data is no whole blocks")
    if algorithm is Algorithm.TDES or algorithm is Algorithm.DES:
        return expand(key)
    copy = bytearray(len(key))
    memoryview(copy)[:] = memoryview(key)
    return copy


def _context(
    algorithm: Algorithm, key: bytearray, mode: modes.ECB | modes.CBC, *, encrypting: bool
) -> CipherContext:
    """It lives for one call: the library keeps the expanded key as long as it lives. Raises KeyRefused."""
    cipher = Cipher(_cipher(algorithm, key), mode)
    try:
        return cipher.encryptor() if encrypting else cipher.decryptor()
    except UnsupportedAlgorithm:
        raise KeyRefused(f"this OpenSSL has no {algorithm.name}") from None


def _cipher(algorithm: Algorithm, key: bytearray) -> BlockCipherAlgorithm:
    if algorithm is Algorithm.AES:
        return AES(key)
    if algorithm is Algorithm.SM4:
        return SM4(key)  # type: ignore[arg-type]  # Typed for bytes, taken as any buffer; bytes cannot be wiped.
    return TripleDES(key)  # type: ignore[arg-type]  # The same.
