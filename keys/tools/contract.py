"""`wallet`: the keys of a shop's contract with a wallet, from their files into a terminal's store, while it is off.

What is shown are fingerprints of public keys (SHA-256 of SubjectPublicKeyInfo: `openssl pkey -pubout -outform DER |
sha256sum` gives the same) and the API v3 key's check value. The files stay where they are: whoever loads them removes
them.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from keys import blocks, contract_intake, tdes
from keys.contracts import ContractRef
from keys.errors import KeyRefused
from keys.tools import terminal_store
from keys.tools.answer import Answer
from keys.tools.key_input import Keyboard, private_bytes
from keys.usage import Algorithm


def add_arguments(command: str, parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "name", metavar="NAME", help="合同密钥的名称 / the contract's name: wechat, alipay, wechat-2 ... alipay-9"
    )
    terminal_store.add_data(parser, required=True)
    what = parser.add_mutually_exclusive_group(required=True)
    words = "商户私钥文件，仅本用户可读 / the shop's private key, a file of this user alone: PEM, PKCS #8 or #1"
    what.add_argument("--private-key", type=Path, metavar="FILE", help=words)
    what.add_argument("--drop", action="store_true", help="删除此合同的密钥 / forget this contract's keys")
    words = "钱包平台公钥文件 / the wallet's public key: PEM, or base64 as Alipay shows it"
    parser.add_argument("--public-key", type=Path, metavar="FILE", help=words)
    words = "微信 APIv3 密钥文件，缺省时输入 / a file with WeChat's API v3 key; typed if left out"
    parser.add_argument("--api-v3-key", type=Path, metavar="FILE", help=words)


def run(args: argparse.Namespace, keyboard: Keyboard) -> Answer:
    ref = ContractRef(args.name)
    with terminal_store.opened(args, test_only=not args.allow_real_keys) as store:
        if args.drop:
            store.keys.contracts.drop(ref)
            return Answer({"name": ref.name, "dropped": True}, (f"已删除 / forgotten: {ref.name}",))
        return _load(args, keyboard, ref, store)


def _load(
    args: argparse.Namespace, keyboard: Keyboard, ref: ContractRef, store: terminal_store.TerminalStore
) -> Answer:
    if args.public_key is None:
        raise KeyRefused("--public-key: 还须钱包的公钥 / the wallet's public key is needed, too")
    limit = contract_intake.PEM_LIMIT_BYTES
    with args.public_key.open("rb") as file:
        wallet = file.read(limit + 1)
    secret, private = bytearray(), private_bytes(str(args.private_key), limit)
    try:
        secret = _api_v3_key(args, keyboard, ref)
        fresh = contract_intake.read(ref, private, wallet, secret)
        try:
            store.keys.contracts.load(fresh)
            value = blocks.check_value(Algorithm.AES, secret).hex().upper() if secret else ""
        finally:
            fresh.wipe()
    finally:
        tdes.wipe(private)
        tdes.wipe(secret)
    lines = [f"商户公钥 ours, SHA-256: {fresh.ours}", f"钱包公钥 wallet's, SHA-256: {fresh.theirs}"]
    lines += [f"APIv3 KCV: {value}"] if value else []
    lines += ["测试密钥 / published test keys"] if fresh.published else []
    facts: dict[str, object] = {"name": ref.name, "ours": fresh.ours, "wallet": fresh.theirs, "kcv": value}
    facts["test_key"] = fresh.published
    return Answer(facts, (*lines, f"已装入 / loaded: {ref.name} → {args.data}"))


def _api_v3_key(args: argparse.Namespace, keyboard: Keyboard, ref: ContractRef) -> bytearray:
    if ref.wallet != "wechat":
        return bytearray()
    if args.api_v3_key is None:
        return keyboard.characters("APIv3 密钥 key")
    return Keyboard.characters_of(str(args.api_v3_key))
