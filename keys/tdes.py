"""Triple DES on bytearrays: expand, ECB, check value, and which keys are too weak to take.

Keys are bytearrays that the caller wipes. A 16-byte key is expanded to 24 bytes in a bytearray of our own
(the library's expansion leaves a copy behind) and wiped with it; no cipher object outlives a call; nothing
becomes hex.

Spec: NIST SP 800-67; ANSI X9.24-1 (check value).
"""

from __future__ import annotations

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes

from keys.errors import KeyRefused

BLOCK_BYTES = 8
KCV_BYTES = 4
KEY_BYTES = (8, 16, 24)

# SP 800-67 §3.3.2 (and FIPS 74): keys under which DES undoes itself or pairs with another; parity bits
# cleared.
_WEAK = tuple(
    bytes(byte & 0xFE for byte in bytes.fromhex(text))
    for text in [
        "0101010101010101",
        "FEFEFEFEFEFEFEFE",
        "E0E0E0E0F1F1F1F1",
        "1F1F1F1F0E0E0E0E",
        "011F011F010E010E",
        "1F011F010E010E01",
        "01E001E001F101F1",
        "E001E001F101F101",
        "01FE01FE01FE01FE",
        "FE01FE01FE01FE01",
        "1FE01FE00EF10EF1",
        "E01FE01FF10EF10E",
        "1FFE1FFE0EFE0EFE",
        "FE1FFE1FFE0EFE0E",
        "E0FEE0FEF1FEF1FE",
        "FEE0FEE0FEF1FEF1",
    ]
)


def wipe(secret: bytearray) -> None:
    """Overwrite in place."""
    secret[:] = bytes(len(secret))


def expand(key: bytearray) -> bytearray:
    """A 24-byte copy of an 8-, 16- or 24-byte key; the caller wipes it. Raises KeyRefused."""
    if len(key) not in KEY_BYTES:
        raise KeyRefused("a 3DES key has 8, 16 or 24 bytes")
    full = bytearray(24)
    room, source = memoryview(full), memoryview(key)  # Copies between views make no third copy on the way.
    room[: len(key)] = source
    if len(key) < 24:
        room[16:] = source[:BLOCK_BYTES]
        if len(key) == BLOCK_BYTES:
            room[8:16] = source
    return full


def encrypt_ecb(key: bytearray, data: bytes | bytearray) -> bytearray:
    """Whole blocks under an 8-, 16- or 24-byte key. The result is a bytearray, since it may be a secret."""
    return _ecb(key, data, encrypting=True)


def decrypt_ecb(key: bytearray, data: bytes | bytearray) -> bytearray:
    """The inverse of `encrypt_ecb`; the caller wipes the result."""
    return _ecb(key, data, encrypting=False)


def _ecb(key: bytearray, data: bytes | bytearray, *, encrypting: bool) -> bytearray:
    if len(data) % BLOCK_BYTES:
        raise KeyRefused("ECB takes whole blocks")
    full = expand(key)
    out = bytearray(len(data) + BLOCK_BYTES - 1)  # update_into asks for the room of one more block, less a byte.
    try:
        # Typed for bytes, taken as any buffer; a bytes copy could not be wiped.
        cipher = Cipher(TripleDES(full), modes.ECB())  # type: ignore[arg-type]  # see above
        (cipher.encryptor() if encrypting else cipher.decryptor()).update_into(data, out)
    finally:
        wipe(full)
    return trimmed(out, len(data))


def trimmed(secret: bytearray, size: int) -> bytearray:
    """Its first `size` bytes in a bytearray of that size; `secret` is wiped.

    Shortening it in place may move it and leave the old bytes behind.
    """
    exact = bytearray(size)
    memoryview(exact)[:] = memoryview(secret)[:size]
    wipe(secret)
    return exact


def check_value(key: bytearray) -> bytes:
    """KCV: the first 4 bytes of E(key, 00…00)."""
    return bytes(encrypt_ecb(key, bytes(BLOCK_BYTES))[:KCV_BYTES])


def is_weak(key: bytearray) -> bool:
    """Whether any 8-byte part is a weak or semi-weak DES key, or two neighbouring parts are equal."""
    bare = without_parity(key)
    try:
        # Views, not slices: a slice would be a copy that nobody wipes.
        parts = [memoryview(bare)[start : start + BLOCK_BYTES] for start in range(0, len(bare), BLOCK_BYTES)]
        weak = any(part == known for part in parts for known in _WEAK)
        return weak or any(left == right for left, right in zip(parts, parts[1:], strict=False))
    finally:
        wipe(bare)


def without_parity(key: bytearray) -> bytearray:
    """The key's 7 bits a byte that count; the caller wipes it."""
    bare = bytearray(len(key))
    for index in range(len(key)):
        bare[index] = key[index] & 0xFE
    return bare
