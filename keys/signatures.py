"""Ed25519 signatures over what is not secret: the list of installed files.

The private key belongs to whoever installs the terminal and never lies on one; a terminal holds 32 public bytes and
asks whether a signature is theirs.

Spec: RFC 8032 §5.1; RFC 8410 (keys as PKCS 8).
"""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from keys.errors import KeyRefused

PUBLIC_BYTES = 32


def new_signing_key() -> bytes:
    """A private key as unencrypted PEM, for a file that only its owner reads."""
    return Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def public_half(pem: bytes) -> bytes:
    """The 32 public bytes of a private key. Raises KeyRefused."""
    return _private(pem).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def sign(pem: bytes, data: bytes) -> bytes:
    """64 bytes. Raises KeyRefused when the PEM holds no such key."""
    return _private(pem).sign(data)


def is_signed(public: bytes, data: bytes, signature: bytes) -> bool:
    """Whether the signature is this key's over this data. Raises KeyRefused for what is no public key."""
    if len(public) != PUBLIC_BYTES:
        raise KeyRefused(f"a public key has {PUBLIC_BYTES} bytes")
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, data)
    except InvalidSignature:
        return False
    return True


def _private(pem: bytes) -> Ed25519PrivateKey:
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise KeyRefused("no private key in it, or one with a password") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyRefused("a signing key is Ed25519 (openssl genpkey -algorithm ed25519)")
    return key
