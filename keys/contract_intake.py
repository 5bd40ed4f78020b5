"""The keys of a wallet's contract as files have them, read strictly: what is taken, and how people know it again.

A key is one PEM block (PKCS #8 or PKCS #1, without a password), or the bare base64 that Alipay's key tool writes: RSA
of 2048 bits, which both wallets issue, up to 4096. A certificate is no key; of a file with two things neither is taken.

Apart from `contracts`, which every start of the terminal imports: RSA takes 50 ms to import, and loading is rare.

Source: RFC 7468, RFC 5208, RFC 8017; WeChat Pay API v3 and Alipay OpenAPI, public documents.
"""

from __future__ import annotations

import binascii
import re

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from keys.contracts import API_V3_BYTES, ContractRef, Fresh
from keys.errors import KeyRefused
from keys.remote import OWN_RSA_BITS_MAX, RSA_EXPONENT, fingerprint, public_bytes
from keys.testkeys import CONTRACT_FINGERPRINTS, TEST_API_V3_KEY

BITS_MIN = 2_048
PEM_LIMIT_BYTES = 8_192  # A key of 4096 bits has 3.3 KB; a few lines of comment beside it.

_PEM = re.compile(rb"-----BEGIN ([A-Z ]+)-----\s*([A-Za-z0-9+/=\s]+)-----END \1-----")
_BARE = re.compile(rb"\s*([A-Za-z0-9+/=\s]+)")


def read(ref: ContractRef, private: bytes | bytearray, wallet: bytes | bytearray, api_v3_key: bytearray) -> Fresh:
    """The keys, as the store takes them. `api_v3_key` is empty for Alipay.

    Raises KeyRefused, which says nothing of a key. The library's copies of the private key cannot be wiped.
    """
    wanted = API_V3_BYTES if ref.wallet == "wechat" else 0
    if len(api_v3_key) != wanted:
        raise KeyRefused(f"WeChat's API v3 key has {API_V3_BYTES} characters, and Alipay has none")
    if not all(0x21 <= byte <= 0x7E for byte in api_v3_key):
        raise KeyRefused("the API v3 key has printable ASCII characters and no spaces")
    ours, theirs = _private(private), _public(wallet)
    mine, other = public_bytes(ours.public_key()), public_bytes(theirs)
    if mine == other:
        raise KeyRefused("the wallet's public key is another than the shop's own")
    prints = fingerprint(mine).hex().upper(), fingerprint(other).hex().upper()
    published = CONTRACT_FINGERPRINTS.issuperset(prints) and bytes(api_v3_key) in (b"", TEST_API_V3_KEY)
    pkcs8 = ours.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Fresh(ref, bytearray(pkcs8), bytearray(other), api_v3_key, *prints, published)


def _private(text: bytes | bytearray) -> rsa.RSAPrivateKey:
    """Raises KeyRefused. The library checks that the numbers are a pair."""
    key = None
    try:
        key = serialization.load_der_private_key(_der(text, "PRIVATE KEY"), password=None)
    except (TypeError, ValueError, UnsupportedAlgorithm):
        key = None
    # Raised out here, the refusal carries no trace of its cause.
    if not isinstance(key, rsa.RSAPrivateKey):
        raise KeyRefused("this is no RSA private key (PKCS #8 or PKCS #1, without a password)")
    _check_size(key.public_key())
    return key


def _public(text: bytes | bytearray) -> rsa.RSAPublicKey:
    key = None
    try:
        key = serialization.load_der_public_key(_der(text, "PUBLIC KEY"))
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, rsa.RSAPublicKey):
        raise KeyRefused("this is no RSA public key (SubjectPublicKeyInfo)")
    _check_size(key)
    return key


def _check_size(key: rsa.RSAPublicKey) -> None:
    if not BITS_MIN <= key.key_size <= OWN_RSA_BITS_MAX or key.public_numbers().e != RSA_EXPONENT:
        raise KeyRefused(f"an RSA key has {BITS_MIN} to {OWN_RSA_BITS_MAX} bits and the exponent {RSA_EXPONENT}")


def _der(text: bytes | bytearray, what: str) -> bytes:
    if len(text) > PEM_LIMIT_BYTES:
        raise KeyRefused(f"a key's file has at most {PEM_LIMIT_BYTES} bytes")
    blocks = _PEM.findall(text)
    bare = None if blocks else _BARE.fullmatch(text)
    if len(blocks) == 1 and blocks[0][0].decode("ascii") in (what, f"RSA {what}"):
        body = blocks[0][1]
    elif bare is not None:
        body = bare[1]
    else:
        raise KeyRefused(f"the file holds no {what}, or more than one thing")
    try:
        return binascii.a2b_base64(b"".join(body.split()), strict_mode=True)
    except binascii.Error:
        raise KeyRefused("the base64 of the key is broken") from None
