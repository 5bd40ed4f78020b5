"""`python -m sim key-host`: the host's side of remote loading, by files.

The folder keeps the host's RSA key (in clear, worth nothing) and the terminals that a person registered by their
fingerprints. Keys are named test keys: a simulator has no others.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import sys
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from keys import KeyRefused
from keys.block_header import Header, KeyUsage, Version
from keys.testkeys import BY_NAME
from keys.usage import Algorithm, Mode
from sim.key_host import REQUEST_LIMIT_BYTES, KeyHost
from terminal.hygiene import private_folder

PRIVATE, PUBLIC, TERMINALS = "host.key", "host-public.der", "terminals.json"
RSA_BITS = 3072


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="DIR", help="the host's key and its terminals; made if empty")
    parser.add_argument(
        "--register", action="append", default=[], metavar="DEVICE=FINGERPRINT", help="a terminal and its key"
    )
    parser.add_argument("--request", type=Path, metavar="FILE", help="a terminal's request, to be answered")
    parser.add_argument("--token", type=Path, metavar="FILE", help="where the answer goes")
    parser.add_argument("--key", choices=sorted(BY_NAME), default="tmk", help="which test key (default: %(default)s)")
    parser.add_argument("--usage", default="K0", help="its key block usage (default: %(default)s)")
    parser.add_argument("--algorithm", choices=["TDES", "AES", "SM4"], default="TDES", help="default: %(default)s")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")


def run(args: argparse.Namespace) -> int:
    """0: done; 1: refused, or a file that cannot be used; 2: bad arguments."""
    if (args.request is None) != (args.token is None):
        print("key-host: --request and --token go together", file=sys.stderr)
        return 2
    try:
        host = _host(args.folder, args.register)
        if args.request is not None:
            with args.request.open("rb") as file:
                request = file.read(REQUEST_LIMIT_BYTES + 1)
            header = Header(Version.D, KeyUsage(args.usage), Algorithm[args.algorithm], Mode.DECRYPT)
            args.token.write_bytes(host.answer(request, header, bytearray(BY_NAME[args.key])))
    except (KeyRefused, OSError, ValueError) as error:
        print(f"key-host: {error}", file=sys.stderr)
        return 1
    facts = {
        "public_key": str(args.folder / PUBLIC),
        "fingerprint": hashlib.sha256(host.public_key).hexdigest().upper(),
        "token": str(args.token) if args.token else None,
    }
    if args.json:
        print(json.dumps(facts, ensure_ascii=False))
        return 0
    print(f"主机公钥 public key: {facts['public_key']}\n指纹 fingerprint (SHA-256): {facts['fingerprint']}")
    if args.token:
        print(f"令牌 token: {facts['token']}")
    return 0


def _host(folder: Path, register: list[str]) -> KeyHost:
    """The folder's host, with these terminals as well. Raises ValueError, OSError."""
    terminals = json.loads((folder / TERMINALS).read_text("utf-8")) if (folder / TERMINALS).exists() else {}
    for text in register:
        device, _, told = text.partition("=")
        if not device or not re.fullmatch(r"[0-9A-Fa-f]{64}", told):
            raise ValueError("--register takes DEVICE=FINGERPRINT, with 64 hex digits")
        terminals[device] = told.upper()
    if not (folder / PRIVATE).exists():
        _make(folder)
    (folder / TERMINALS).write_text(json.dumps(terminals, indent=1) + "\n", "utf-8")
    key = serialization.load_der_private_key((folder / PRIVATE).read_bytes(), None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ValueError(f"{folder / PRIVATE} is no RSA key")
    return KeyHost(key, {device: bytes.fromhex(told) for device, told in terminals.items()})


def _make(folder: Path) -> None:
    key = rsa.generate_private_key(65537, RSA_BITS)
    private_folder(folder)
    der, plain = serialization.Encoding.DER, serialization.NoEncryption()
    descriptor = os.open(folder / PRIVATE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(key.private_bytes(der, serialization.PrivateFormat.PKCS8, plain))
    (folder / PUBLIC).write_bytes(key.public_key().public_bytes(der, serialization.PublicFormat.SubjectPublicKeyInfo))
