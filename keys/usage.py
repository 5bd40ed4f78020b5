"""What each kind of key may do: the usages of a key block, its algorithms, its modes of use, and the operations.

One table, read by everything that opens a key. A key is described by three codes of its key block header: usage
(two characters), algorithm and mode of use (one each). An operation is permitted when the usage's row names it,
the row names the algorithm, and the mode of use covers it; everything else is refused. A row without operations
is a kind of key that we can recognise and have no business with: hosts verify PINs and make card keys.

No operation encrypts data of the caller's choice under a PIN, MAC or key-encrypting key, and none gives a key out
in the clear, but for the keys of a wallet's contract, whose library wants them (keys/contracts.py).

Codes of our own, from the range that the standard leaves free (digits): algorithm `4` is SM4, for which X9.143 has
no code; usage `10` seals the data of one batch; `12` to `14` are a wallet's contract. There is no SM2 in the library
that we build on, so an SM2 key has no row: it cannot be held, and remote loading and certificates are RSA.

Spec: ASC X9.143-2022 (TR-31:2018) §6.3 (usage, algorithm, mode of use); PCI PIN Security requirements 18-3 and 19;
PCI PTS POI requirement B12, B13. Strengths: NIST SP 800-57 part 1, table 2.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from enum import Enum, StrEnum

from keys.errors import KeyRefused
from keys.tdes import wipe


class Algorithm(StrEnum):
    """What the key is a key of. Spec: X9.143 §6.3.2, and one of our own."""

    AES = "A"
    DES = "D"
    EC = "E"
    HMAC = "H"
    RSA = "R"
    DSA = "S"
    TDES = "T"
    SM4 = "4"


class Mode(StrEnum):
    """How far the usage goes. Spec: X9.143 §6.3.3."""

    BOTH = "B"  # Encrypt and decrypt.
    MAKE_AND_CHECK = "C"
    DECRYPT = "D"
    ENCRYPT = "E"
    MAKE = "G"
    ANY = "N"  # No restriction but the usage's. Key blocks of large makers come with it.
    SIGN = "S"
    SIGN_AND_DECRYPT = "T"
    CHECK = "V"
    DERIVE = "X"
    VARIANTS = "Y"


class Operation(Enum):
    """What a key can be asked to do. The value is how a refusal names it."""

    WRAP_KEY = "wrap a key"  # Bare, in ECB: a sign-in block's item. Hosts only.
    UNWRAP_KEY = "unwrap a key"
    WRAP_BLOCK = "wrap a key block"
    UNWRAP_BLOCK = "unwrap a key block"
    DERIVE_INITIAL_KEY = "derive an initial DUKPT key"
    DERIVE_WORKING_KEY = "derive a DUKPT working key"
    DERIVE_CHIP_KEY = "derive a card's key"
    ENCRYPT_PIN = "encrypt a PIN"
    DECRYPT_PIN = "decrypt a PIN"
    MAKE_MAC = "make a UnionPay MAC"
    CHECK_MAC = "check a UnionPay MAC"
    MAKE_CBC_MAC = "make a MAC of ISO 9797-1 algorithm 1"
    CHECK_CBC_MAC = "check a MAC of ISO 9797-1 algorithm 1"
    MAKE_RETAIL_MAC = "make a MAC of ISO 9797-1 algorithm 3"
    CHECK_RETAIL_MAC = "check a MAC of ISO 9797-1 algorithm 3"
    MAKE_CMAC = "make a CMAC"
    CHECK_CMAC = "check a CMAC"
    MAKE_HMAC = "make an HMAC"
    CHECK_HMAC = "check an HMAC"
    ENCRYPT_DATA = "encrypt data"
    DECRYPT_DATA = "decrypt data"
    SEAL_BATCH = "seal a batch's data"
    UNSEAL_BATCH = "unseal a batch's data"
    LEND = "be lent to a wallet's library"
    CHECK_VALUE = "give a check value"


# The modes of use that cover an operation.
_MODES = {
    Operation.WRAP_KEY: "BEN",
    Operation.UNWRAP_KEY: "BDN",
    Operation.WRAP_BLOCK: "BEN",
    Operation.UNWRAP_BLOCK: "BDN",
    Operation.DERIVE_INITIAL_KEY: "XN",
    Operation.DERIVE_WORKING_KEY: "XN",
    Operation.DERIVE_CHIP_KEY: "XN",
    Operation.ENCRYPT_PIN: "BEN",
    Operation.DECRYPT_PIN: "BDN",
    Operation.MAKE_MAC: "CGN",
    Operation.CHECK_MAC: "CVN",
    Operation.MAKE_CBC_MAC: "CGN",
    Operation.CHECK_CBC_MAC: "CVN",
    Operation.MAKE_RETAIL_MAC: "CGN",
    Operation.CHECK_RETAIL_MAC: "CVN",
    Operation.MAKE_CMAC: "CGN",
    Operation.CHECK_CMAC: "CVN",
    Operation.MAKE_HMAC: "CGN",
    Operation.CHECK_HMAC: "CVN",
    Operation.ENCRYPT_DATA: "BEN",
    Operation.DECRYPT_DATA: "BDN",
    Operation.SEAL_BATCH: "B",
    Operation.UNSEAL_BATCH: "B",
    Operation.LEND: "DSV",
    Operation.CHECK_VALUE: "BCDEGNVXY",
}
# A check value says which symmetric key this is; a pair has a certificate for that, an HMAC key no such block.
_WITH_CHECK_VALUE = "ADT4"


@dataclass(frozen=True, slots=True)
class Row:
    """One usage: its code, its name, the algorithms and modes that a header may pair with it, what it may do."""

    usage: str
    name: str
    algorithms: str
    modes: str
    operations: tuple[Operation, ...] = ()


_WRAP = (Operation.WRAP_KEY, Operation.UNWRAP_KEY)
_BLOCK = (Operation.WRAP_BLOCK, Operation.UNWRAP_BLOCK)
_UNIONPAY = (Operation.MAKE_MAC, Operation.CHECK_MAC)
_CBC = (Operation.MAKE_CBC_MAC, Operation.CHECK_CBC_MAC)
_RETAIL = (Operation.MAKE_RETAIL_MAC, Operation.CHECK_RETAIL_MAC)
_CMAC = (Operation.MAKE_CMAC, Operation.CHECK_CMAC)
_HMAC = (Operation.MAKE_HMAC, Operation.CHECK_HMAC)
_PIN = (Operation.ENCRYPT_PIN, Operation.DECRYPT_PIN)
_DATA = (Operation.ENCRYPT_DATA, Operation.DECRYPT_DATA)
_CHIP = (Operation.DERIVE_CHIP_KEY,)

# Single DES is there for working keys only: acquirers still send single-length MAKs, and an old scheme has nothing
# longer (docs/host-link.md §4); `store` says from whom it is taken. A PIN key of SM4 is one that a sign-in brings and
# nothing uses yet: no format of a PIN block is defined for it.
TABLE = {
    row.usage: row
    for row in (
        Row("B0", "base derivation key", "TA", "XN", (Operation.DERIVE_INITIAL_KEY,)),
        Row("B1", "initial DUKPT key", "TA", "XN", (Operation.DERIVE_WORKING_KEY,)),
        Row("B2", "base key variant", "TA", "XN"),
        Row("B3", "derivation key outside X9.24", "TA", "XN"),
        Row("C0", "card verification key", "TA", "CGVN"),
        Row("D0", "data encryption key", "DTA4", "BDEN", _DATA),
        Row("D1", "asymmetric data encryption key", "RE", "BDE"),
        Row("D2", "key of a decimalisation table", "TA", "BDEN"),
        Row("D3", "key of sensitive data", "TA", "BDEN"),
        Row("E0", "chip master key for cryptograms", "TA", "XN", _CHIP),
        Row("E1", "chip master key for confidential messages", "TA", "XN", _CHIP),
        Row("E2", "chip master key for message integrity", "TA", "XN", _CHIP),
        Row("E3", "chip master key for authentication codes", "TA", "XN"),
        Row("E4", "chip master key for dynamic numbers", "TA", "XN"),
        Row("E5", "chip master key for personalisation", "TA", "XN"),
        Row("E6", "chip master key of another kind", "TA", "XN"),
        Row("E7", "chip key pair for PINs", "RE", "BDE"),
        Row("I0", "initialisation value", "TA", "N"),
        Row("K0", "key-encrypting key", "TA4", "BDEN", _WRAP),
        Row("K1", "key block protection key", "TA", "BDEN", _BLOCK),
        Row("K2", "TR-34 asymmetric key", "RE", "BDESTV"),
        Row("K3", "key agreement key", "RE", "XBDE"),
        Row("K4", "ISO 20038 key block protection key", "TA", "BDEN"),
        Row("M0", "ISO 16609 MAC key; the UnionPay MAK", "DT4", "CGVN", _UNIONPAY + _CBC),
        Row("M1", "MAC key, ISO 9797-1 algorithm 1", "DTA4", "CGVN", _CBC),
        Row("M2", "MAC key, ISO 9797-1 algorithm 2", "T", "CGVN"),
        Row("M3", "MAC key, ISO 9797-1 algorithm 3", "T", "CGVN", _RETAIL),
        Row("M4", "MAC key, ISO 9797-1 algorithm 4", "T", "CGVN"),
        Row("M5", "MAC key, ISO 9797-1:1999 algorithm 5", "T", "CGVN"),
        Row("M6", "CMAC key, ISO 9797-1:2011 algorithm 5", "TA4", "CGVN", _CMAC),
        Row("M7", "HMAC key", "H", "CGVN", _HMAC),
        Row("M8", "MAC key, ISO 9797-1:2011 algorithm 6", "T", "CGVN"),
        Row("P0", "PIN encryption key", "DTA4", "BDEN", _PIN),
        Row("P1", "PIN generation key", "TA", "CGVN"),
        Row("S0", "signature key", "RES", "SV"),
        Row("S1", "signature key of an authority", "RES", "SV"),
        Row("S2", "signature key outside X9.24", "RES", "SV"),
        Row("V0", "PIN verification key", "TA", "CGVN"),
        Row("V1", "PIN verification key, IBM 3624", "TA", "CGVN"),
        Row("V2", "PIN verification key, PVV", "TA", "CGVN"),
        Row("V3", "PIN verification key, X9.132 algorithm 1", "TA", "CGVN"),
        Row("V4", "PIN verification key, X9.132 algorithm 2", "TA", "CGVN"),
        Row("V5", "PIN verification key, X9.132 algorithm 3", "TA", "CGVN"),
        Row("10", "batch sealing key", "A", "B", (Operation.SEAL_BATCH, Operation.UNSEAL_BATCH)),
        Row("12", "signing key of a wallet's contract", "R", "S", (Operation.LEND,)),
        Row("13", "public key of a wallet", "R", "V", (Operation.LEND,)),
        Row("14", "API v3 key of a wallet's contract", "A", "D", (Operation.LEND,)),
    )
}


def check_attributes(usage: str, algorithm: str, mode: str) -> None:
    """Raise KeyRefused for codes that are unknown, or that no key has together.

    >>> check_attributes("M7", "H", "C")
    """
    row = TABLE.get(usage)
    known = row is not None and len(algorithm) == len(mode) == 1
    if row is None or not known or algorithm not in row.algorithms or mode not in row.modes:
        raise KeyRefused("no key has this usage, algorithm and mode of use together")


def check(usage: str, algorithm: str, mode: str, operation: Operation) -> None:
    """Raise KeyRefused unless a key with these three header codes may do this.

    >>> check("P0", "T", "E", Operation.ENCRYPT_PIN)
    >>> check("P0", "T", "E", Operation.ENCRYPT_DATA)
    Traceback (most recent call last):
    ...
    keys.errors.KeyRefused: a PIN encryption key (P0, T, E) may not encrypt data
    """
    check_attributes(usage, algorithm, mode)
    row = TABLE[usage]
    if operation is Operation.CHECK_VALUE:
        permitted = algorithm in _WITH_CHECK_VALUE
    else:
        permitted = operation in row.operations
    if not permitted or mode not in _MODES[operation]:
        raise KeyRefused(f"a {row.name} ({usage}, {algorithm}, {mode}) may not {operation.value}")


# Strength

_RSA_BITS = ((15360, 256), (7680, 192), (3072, 128), (2048, 112), (1024, 80))
_HASH_BITS = 256  # A longer HMAC key is no stronger than the digest.


def strength(algorithm: Algorithm, key: bytearray) -> int:
    """Bits of security of a symmetric key. Raises KeyRefused for a length that the algorithm has not.

    A triple DES key counts for what its parts make of it: K K is single DES, K L K has two keys.

    >>> strength(Algorithm.TDES, bytearray(range(0, 48, 2)))
    112
    """
    size = len(key)
    if algorithm is Algorithm.HMAC and size:
        return min(8 * size, _HASH_BITS)
    if (algorithm, size) in ((Algorithm.AES, 16), (Algorithm.AES, 24), (Algorithm.AES, 32), (Algorithm.SM4, 16)):
        return 8 * size
    if (algorithm, size) == (Algorithm.DES, 8):
        return 56
    if algorithm is Algorithm.TDES and size in (16, 24):
        return _tdes_strength(key)
    raise KeyRefused(f"there is no {algorithm.name} key of {size} bytes")


def _tdes_strength(key: bytearray) -> int:
    bare = bytearray(len(key))
    for index in range(len(key)):
        bare[index] = key[index] & 0xFE  # Parity bits do not count.
    parts = [memoryview(bare)[start : start + 8] for start in range(0, len(bare), 8)]
    try:
        if any(hmac.compare_digest(left, right) for left, right in zip(parts, parts[1:], strict=False)):
            return 56
        return 112 if len(parts) == 3 and not hmac.compare_digest(parts[0], parts[2]) else 80
    finally:
        wipe(bare)


def rsa_strength(modulus_bits: int) -> int:
    """Bits of security of an RSA key; 0 below 1024 bits."""
    return next((bits for size, bits in _RSA_BITS if modulus_bits >= size), 0)


def check_wrapping(outer_bits: int, inner_bits: int) -> None:
    """Raise KeyRefused when a key would travel or rest under a weaker one. Spec: PCI PTS POI B13.

    >>> check_wrapping(80, 128)
    Traceback (most recent call last):
    ...
    keys.errors.KeyRefused: no key may be wrapped under a weaker one
    """
    if outer_bits < inner_bits:
        raise KeyRefused("no key may be wrapped under a weaker one")
