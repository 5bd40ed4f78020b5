"""`wrap` and `unwrap`: key blocks made of typed keys, and opened into a terminal's store."""

from __future__ import annotations

import argparse
import os

from keys import blocks, tdes
from keys.block_header import Exportability, Header, KeyUsage, OptionalBlock, Version
from keys.tools import terminal_store
from keys.tools.answer import Answer
from keys.tools.key_input import ORIGIN_HELP, Keyboard, only_published, origin
from keys.tools.look import header_facts, header_lines
from keys.usage import Algorithm, Mode, check_attributes

_WITHOUT_CHECK_VALUE = (Algorithm.RSA, Algorithm.EC, Algorithm.DSA, Algorithm.HMAC)


def add_arguments(command: str, parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--kbpk", metavar="ORIGIN", type=origin, default="-", help=ORIGIN_HELP)
    if command == "unwrap":
        parser.add_argument("block", metavar="BLOCK", help="TR-31 / X9.143, version B to E")
        parser.add_argument("--allow-version-a", action="store_true", help="已弃用 / deprecated since 2010")
        terminal_store.add_data(parser)
        terminal_store.add_slot(parser)
        return
    parser.add_argument("--key", metavar="ORIGIN", type=origin, default="-", help=ORIGIN_HELP)
    parser.add_argument("--version", choices="BCDE", default="D", help="default: %(default)s")
    parser.add_argument("--usage", required=True, metavar="CODE", help="K0, K1, P0, M0, D0, B1 ...")
    parser.add_argument("--algorithm", required=True, choices=[row.name for row in Algorithm])
    parser.add_argument("--mode", required=True, choices=[row.value for row in Mode], help="B, C, D, E, G, N, V, X ...")
    parser.add_argument("--key-version", default="00", metavar="CC", help="default: %(default)s")
    parser.add_argument(
        "--exportability", choices=[row.value for row in Exportability], default="N", help="default: %(default)s"
    )
    parser.add_argument(
        "--optional", action="append", default=[], metavar="CODE[:DATA]", help="KC, KP, KS:HEX, LB:TEXT ..."
    )


def run(args: argparse.Namespace, keyboard: Keyboard) -> Answer:
    return _unwrap(args, keyboard) if args.command == "unwrap" else _wrap(args, keyboard)


def _wrap(args: argparse.Namespace, keyboard: Keyboard) -> Answer:
    algorithm, mode = Algorithm[args.algorithm], Mode(args.mode)
    if not args.usage.isdecimal():
        check_attributes(args.usage, algorithm.value, mode.value)
    header = Header(
        Version(args.version),
        KeyUsage(args.usage),
        algorithm,
        mode,
        args.key_version,
        Exportability(args.exportability),
        tuple(OptionalBlock(*text.split(":", 1)) for text in args.optional),
    )
    found = keyboard.keys(((args.kbpk, "保护密钥 protection key"), (args.key, "密钥 key")))
    try:
        only_published(found, allow_real=args.allow_real_keys)
        block = blocks.wrap(found[0], header, found[1], os.urandom)
        value = _value(algorithm, found[1])
    finally:
        for key in found:
            tdes.wipe(key)
    lines = (block, *([f"KCV: {value}"] if value else []))
    return Answer({"key_block": block, "kcv": value}, lines)


def _unwrap(args: argparse.Namespace, keyboard: Keyboard) -> Answer:
    blocks.inspect(args.block)  # Says where the format is broken; what follows says nothing.
    kbpk = keyboard.key(args.kbpk, "保护密钥 protection key")
    try:
        opened = blocks.unwrap(kbpk, args.block, allow_version_a=args.allow_version_a)
    finally:
        tdes.wipe(kbpk)
    try:
        published = only_published([opened.key], allow_real=args.allow_real_keys)
        value = _value(opened.header.algorithm, opened.key)
        if args.data is not None:
            with terminal_store.opened(args, test_only=not args.allow_real_keys) as store:
                store.keys.load_unwrapped(opened, slot=args.slot, test=published)
    finally:
        opened.wipe()
    lines = [*header_lines(opened.header), *([f"KCV: {value}"] if value else [])]
    lines += ["测试密钥 / a published test key"] if published else []
    lines += [f"已装入 / loaded: {args.data}"] if args.data is not None else []
    facts = {
        **header_facts(opened.header),
        "authenticated": True,
        "kcv": value,
        "test_key": published,
        "loaded": args.data is not None,
    }
    return Answer(facts, tuple(lines))


def _value(algorithm: Algorithm, key: bytearray) -> str | None:
    """The check value; pairs and HMAC keys have none."""
    return None if algorithm in _WITHOUT_CHECK_VALUE else blocks.check_value(algorithm, key).hex().upper()
