"""The host's side of remote loading: it knows terminals by their RSA keys and sends each its keys.

Written apart from the terminal's side on purpose, from docs/key-loading.md: two sides that share code can be wrong
together. Only the key block is the common one, which published samples hold to account.

Spec: docs/key-loading.md; RFC 8017 §7.1, §8.1.
"""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from keys import KeyRefused, blocks
from keys.block_header import Header, Version, parse

REQUEST_LIMIT_BYTES = 2_400  # 4 + 33 + 32 + 2 + 1062 + 2 + 1024, and some room.
PSS = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
NEVER_ASKED = "this is no request of a terminal that we know"


@dataclass(frozen=True, slots=True)
class Request:
    """A request whose signature is good, of a terminal that we know."""

    device: bytes
    nonce: bytes
    public: bytes
    key: rsa.RSAPublicKey


class KeyHost:
    """`terminals` are the device numbers with the SHA-256 of each one's public key, as registered by a person."""

    def __init__(
        self,
        signing_key: rsa.RSAPrivateKey,
        terminals: Mapping[str, bytes],
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._signing_key = signing_key
        self._terminals = dict(terminals)
        self._random = random

    @property
    def public_key(self) -> bytes:
        """SubjectPublicKeyInfo, for the terminals to pin."""
        return self._signing_key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    def answer(self, request: bytes, header: Header, key: bytearray) -> bytes:
        """The token with this key. Raises KeyRefused for strangers, and for keys that RSA is too weak for."""
        asked = self.read(request)
        return self.token(asked, header, key)

    def read(self, request: bytes) -> Request:
        """Raises KeyRefused in the same words for whatever is wrong."""
        found: Request | None = None
        try:
            found = self._read(request)
        except (struct.error, ValueError, UnsupportedAlgorithm, InvalidSignature):
            found = None
        if found is None:
            raise KeyRefused(NEVER_ASKED)
        return found

    def _read(self, request: bytes) -> Request:
        magic, size = struct.unpack_from(">4sB", request)
        device, nonce, public_size = struct.unpack_from(f">{size}s32sH", request, 5)
        start = 5 + size + 34
        public, signature_size = struct.unpack_from(f">{public_size}sH", request, start)
        end = start + public_size
        signature = request[end + 2 :]
        if magic != b"ZGR1" or not size or len(request) > REQUEST_LIMIT_BYTES or len(signature) != signature_size:
            raise ValueError
        if self._terminals.get(device.decode("ascii")) != hashlib.sha256(public).digest():
            raise ValueError
        key = serialization.load_der_public_key(public)
        if not isinstance(key, rsa.RSAPublicKey) or key.key_size < 3072 or key.public_numbers().e != 65537:
            raise ValueError
        key.verify(signature, request[:end], PSS, hashes.SHA256())
        return Request(device, nonce, public, key)

    def token(self, asked: Request, header: Header, key: bytearray) -> bytes:
        """The parts in their order; each step binds what came before it."""
        if header.version is not Version.D:
            raise KeyRefused("the key travels in a block of version D")
        kbpk = bytearray(self._random(16 if asked.key.key_size < 7680 else 24))
        block = blocks.wrap(kbpk, header, key, self._random)
        head_text = parse(block).header_text.encode("ascii")
        kcv = blocks.check_value(header.algorithm, key)
        bound = b"".join(
            (
                struct.pack(f">4sB{len(asked.device)}s", b"ZGT1", len(asked.device), asked.device),
                asked.nonce,
                hashlib.sha256(asked.public).digest(),
                struct.pack(f">H{len(head_text)}s", len(head_text), head_text),
                struct.pack(f">B{len(kcv)}s", len(kcv), kcv),
            )
        )
        oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), bound)
        encrypted = asked.key.encrypt(bytes(kbpk), oaep)
        sealed = block.encode("ascii")
        said = bound + struct.pack(f">H{len(encrypted)}sH", len(encrypted), encrypted, len(sealed)) + sealed
        signature = self._signing_key.sign(said, PSS, hashes.SHA256())
        return said + struct.pack(">H", len(signature)) + signature
