"""`python -m terminal manifest`: make, sign and check the list of installed files.

    manifest --make-key KEYFILE    a new signing key (0600) and its public half, for [checks] signer
    manifest --sign KEYFILE        list the installed files, sign the list, write it (--out, else as configured)
    manifest --check               compare, as the terminal does at each start and each day

The signing key belongs to whoever installs terminals, and stays with them. Exit status: 0 done, 1 the files are not
what was signed, 2 the call was wrong.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from keys import KeyRefused, signatures
from terminal.config import Config, ConfigErrors, load_config
from terminal.manifest import FileCheck, FilesChanged, make_manifest, product_root
from terminal.tools.doctor import SYSTEM_CONFIG

FINE, CHANGED, USAGE = 0, 1, 2
KEY_LIMIT = 10_000  # Bytes of a signing key's file; it has 119.


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, help=f"the configuration (else {SYSTEM_CONFIG}, else the defaults)")
    parser.add_argument("--out", type=Path, help="where the signed list goes")
    parser.add_argument("--root", type=Path, default=None, help="the folder of the packages (else this program's own)")
    ways = parser.add_mutually_exclusive_group(required=True)
    ways.add_argument("--make-key", type=Path, metavar="KEYFILE")
    ways.add_argument("--sign", type=Path, metavar="KEYFILE")
    ways.add_argument("--check", action="store_true")


def run(args: argparse.Namespace) -> int:
    """Do one of the three; the exit status."""
    try:
        if args.make_key:
            return _make_key(args.make_key)
        path = args.config or (SYSTEM_CONFIG if SYSTEM_CONFIG.exists() else None)
        config = load_config(path) if path else Config.default()
        root = args.root or product_root()
        return _sign(args, config, root) if args.sign else _check(config, root)
    except (OSError, KeyRefused, ConfigErrors) as fault:
        print(f"manifest: {fault}", file=sys.stderr)
        return USAGE
    except FilesChanged as changed:
        print(f"manifest: {changed}", file=sys.stderr)
        return CHANGED


def _make_key(path: Path) -> int:
    pem = signatures.new_signing_key()
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(pem)
    print(f'signer = "{signatures.public_half(pem).hex()}"')
    return FINE


def _sign(args: argparse.Namespace, config: Config, root: Path) -> int:
    out = args.out or config.checks.manifest
    if out is None:
        print("manifest: where to? --out FILE, or [checks] manifest", file=sys.stderr)
        return USAGE
    with args.sign.open("rb") as file:
        pem = file.read(KEY_LIMIT)
    text = make_manifest(root, lambda body: signatures.sign(pem, body))
    fresh = out.with_name(out.name + ".new")
    fresh.write_bytes(text)
    fresh.chmod(0o644)
    os.replace(fresh, out)
    print(f'signer = "{signatures.public_half(pem).hex()}"')
    return FINE


def _check(config: Config, root: Path) -> int:
    signer, manifest = config.checks.signer, config.checks.manifest
    if signer is None or manifest is None:
        print("the files are not sealed: [checks] signer and manifest are not set")
        return FINE
    check = FileCheck(root, manifest, bytes.fromhex(signer))
    while not check.step():
        pass
    if check.problem:
        raise FilesChanged(check.problem)
    print("the installed files are what was signed")
    return FINE
