"""`remote-key`, `remote-request` and `remote-accept`: a key from the host by files, while the terminal is off.

Fingerprints are compared by people, over another way than the files: the host registers the terminal's, and the
request names the host's.
"""

from __future__ import annotations

import argparse
import os
import re
import time
from pathlib import Path

from keys import blocks
from keys.errors import KeyRefused
from keys.remote import (
    NONCE_LIFE_S,
    PUBLIC_KEY_LIMIT_BYTES,
    RSA_BITS_MIN,
    TOKEN_LIMIT_BYTES,
    RemoteLoading,
    fingerprint,
)
from keys.tools import terminal_store
from keys.tools.answer import Answer
from keys.tools.key_input import Keyboard, only_published
from keys.tools.look import header_facts, header_lines


def add_arguments(command: str, parser: argparse.ArgumentParser) -> None:
    terminal_store.add_data(parser, required=True)
    if command == "remote-accept":
        terminal_store.add_slot(parser)
        parser.add_argument("token", type=Path, metavar="TOKEN", help="主机发来的文件 / the host's file")
        return
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="写入的文件 / the file to write")
    if command == "remote-key":
        parser.add_argument("--bits", type=int, default=RSA_BITS_MIN, help="default: %(default)s")
        return
    parser.add_argument("--host-key", type=Path, required=True, metavar="FILE", help="主机公钥 / host's key, DER")
    parser.add_argument(
        "--host-fingerprint",
        required=True,
        metavar="HEX",
        help="主机公钥的 SHA-256，另行取得 / its SHA-256, got another way",
    )


def run(args: argparse.Namespace, keyboard: Keyboard) -> Answer:
    allow_real = args.command == "remote-accept" and args.allow_real_keys
    with terminal_store.opened(args, test_only=not allow_real) as store:
        remote = RemoteLoading(store.vault, device=store.device, random=os.urandom)
        if args.command == "remote-key":
            return _public_key(args, remote, store.device)
        if args.command == "remote-request":
            return _request(args, remote)
        return _accept(args, remote, store)


def _public_key(args: argparse.Namespace, remote: RemoteLoading, device: str) -> Answer:
    remote.make_key(args.bits)
    public = remote.public_key()
    args.out.write_bytes(public)
    told = fingerprint(public).hex().upper()
    lines = (f"设备 device: {device}", f"指纹 fingerprint (SHA-256): {told}", f"公钥 public key: {args.out}")
    return Answer({"device": device, "fingerprint": told, "file": str(args.out)}, lines)


def _request(args: argparse.Namespace, remote: RemoteLoading) -> Answer:
    host = _bounded(args.host_key, PUBLIC_KEY_LIMIT_BYTES)
    if re.sub(r"[\s:]", "", args.host_fingerprint).upper() != fingerprint(host).hex().upper():
        raise KeyRefused("主机公钥与指纹不符 / the host's key has another fingerprint")
    args.out.write_bytes(remote.begin(host, int(time.time())))
    minutes = NONCE_LIFE_S // 60
    lines = (f"请求 request: {args.out}  {minutes} 分钟内有效 / good for {minutes} minutes, for one answer",)
    return Answer({"file": str(args.out), "seconds": NONCE_LIFE_S}, lines)


def _accept(args: argparse.Namespace, remote: RemoteLoading, store: terminal_store.TerminalStore) -> Answer:
    opened = remote.accept(_bounded(args.token, TOKEN_LIMIT_BYTES), int(time.time()))
    try:
        published = only_published([opened.key], allow_real=args.allow_real_keys)
        value = blocks.check_value(opened.header.algorithm, opened.key).hex().upper()
        store.keys.load_unwrapped(opened, slot=args.slot, test=published)
    finally:
        opened.wipe()
    lines = (*header_lines(opened.header), f"KCV: {value}", f"已装入 / loaded: {args.data}")
    return Answer({**header_facts(opened.header), "kcv": value, "test_key": published, "loaded": True}, lines)


def _bounded(path: Path, limit: int) -> bytes:
    """A file's bytes, one more than `limit` at most: what is too long is then refused by its reader."""
    with path.open("rb") as file:
        return file.read(limit + 1)
