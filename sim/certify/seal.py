"""The laboratory's signature over a report: who made it, and that nobody has changed it since.

A report is a folder: report.json, report.html, and report.sig, which names the files' checksums and signs them. The
laboratory has an Ed25519 key of its own, made at its first run; whoever checks a report needs its public half from
elsewhere, since a report may come with any key it likes. A test laboratory's key lies in clear, as its terminal's does.

    report.sig   {"algorithm": "Ed25519", "key": HEX, "files": {NAME: SHA-256}, "signature": HEX}

The signature is over `zhanggui certification 1`, and a line `SHA-256  NAME` for each file in order of its name.

Spec: RFC 8032 (Ed25519).
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from terminal.hygiene import private_folder

ALGORITHM = "Ed25519"
SIGNATURE = "report.sig"
SIGNED = ("report.html", "report.json")
PURPOSE = "zhanggui certification 1"
REPORT_LIMIT = 256 * 1024 * 1024  # A whole script is some megabytes; more is no report of ours.


class SealError(Exception):
    """A report that cannot be believed; the text says why."""


def lab_key(path: Path) -> Ed25519PrivateKey:
    """The laboratory's key, made with its public half (.pub) when there is none. Raises OSError, SealError."""
    if not path.exists():
        private_folder(path.parent)
        key = Ed25519PrivateKey.generate()
        raw = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(raw)
        public_half(path).write_text(public_hex(key.public_key()) + "\n", encoding="ascii")
        return key
    try:
        loaded = serialization.load_pem_private_key(path.read_bytes(), None)
    except (ValueError, TypeError) as error:
        raise SealError(f"{path}: 不是实验室密钥 is no laboratory key: {error}") from None
    if not isinstance(loaded, Ed25519PrivateKey):
        raise SealError(f"{path}: 不是 Ed25519 密钥 is no Ed25519 key")
    return loaded


def public_half(path: Path) -> Path:
    return path.with_suffix(".pub")


def public_hex(key: Ed25519PublicKey) -> str:
    return key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw).hex()


def sign(folder: Path, key: Ed25519PrivateKey) -> None:
    """Write report.sig beside the report's files. Raises OSError."""
    files = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in SIGNED}
    sealed = {
        "algorithm": ALGORITHM,
        "key": public_hex(key.public_key()),
        "files": files,
        "signature": key.sign(_signed_text(files)).hex(),
    }
    (folder / SIGNATURE).write_text(json.dumps(sealed, indent=1) + "\n", encoding="ascii")


def verify(folder: Path, public: str) -> None:
    """That the report is as this laboratory (its public key as hex) has signed it. Raises SealError, OSError."""
    try:
        sealed = json.loads((folder / SIGNATURE).read_text(encoding="ascii"))
        files, key, signature = sealed["files"], sealed["key"], bytes.fromhex(sealed["signature"])
        if sealed["algorithm"] != ALGORITHM or set(files) != set(SIGNED):
            raise SealError("签名文件的内容不对 report.sig names another algorithm, or other files")
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(key)).verify(signature, _signed_text(files))
    except InvalidSignature:
        raise SealError("签名不对 the signature is wrong") from None
    except (ValueError, KeyError, TypeError) as error:
        raise SealError(f"签名文件读不懂 report.sig cannot be read: {error}") from None
    for name in SIGNED:
        path = folder / name
        if path.stat().st_size > REPORT_LIMIT or hashlib.sha256(path.read_bytes()).hexdigest() != files[name]:
            raise SealError(f"{name} 已被改动 was changed after it was signed")
    if key != public.strip():
        raise SealError("由另一把密钥签名 was signed by another key than this laboratory's")


def _signed_text(files: Mapping[str, str]) -> bytes:
    return "\n".join((PURPOSE, *(f"{files[name]}  {name}" for name in sorted(files)))).encode("ascii")
