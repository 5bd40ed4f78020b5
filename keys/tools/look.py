"""`inspect` and `kcv`: what can be said of a key block without its key, and which key this is."""

from __future__ import annotations

import argparse

from keys import blocks, tdes
from keys.block_header import Header, Parsed, Version, parse
from keys.tools.answer import Answer
from keys.tools.key_input import ORIGIN_HELP, Keyboard, only_published, origin
from keys.usage import Algorithm

BLOCK_CIPHERS = ("DES", "TDES", "AES", "SM4")
_PROTECTION = {
    Version.A: ("3DES 变种（已弃用）", "3DES variants, deprecated"),
    Version.B: ("3DES 密钥派生", "3DES key derivation"),
    Version.C: ("3DES 变种", "3DES variants"),
    Version.D: ("AES 密钥派生", "AES key derivation"),
    Version.E: ("AES 密钥派生，CTR", "AES key derivation, CTR"),
}


def add_arguments(command: str, parser: argparse.ArgumentParser) -> None:
    if command == "inspect":
        parser.add_argument("block", metavar="BLOCK", help="TR-31 / X9.143, version A to E")
        return
    parser.add_argument("--algorithm", required=True, choices=BLOCK_CIPHERS)
    parser.add_argument("--key", metavar="ORIGIN", type=origin, default="-", help=ORIGIN_HELP)
    parser.add_argument("--method", choices=["legacy", "cmac"], help="default: cmac for AES, legacy for the others")


def run(args: argparse.Namespace, keyboard: Keyboard) -> Answer:
    return _inspect(args.block) if args.command == "inspect" else _check_value(args, keyboard)


# inspect


def _inspect(block: str) -> Answer:
    parsed = parse(block)
    header = parsed.header
    shown: dict[str, object] = {
        "version": header.version.value,
        "characters": len(block),
        **header_facts(header),
        "payload_bytes": len(parsed.payload),
        "mac_bytes": len(parsed.mac),
        "authenticated": False,
    }
    return Answer(shown, (*header_lines(header), _sizes(parsed)))


def header_facts(header: Header) -> dict[str, object]:
    """What a header says, for programs."""
    usage = header.usage.meaning
    return {
        "usage": {"code": header.usage.code, "zh": usage[0], "en": usage[1]},
        "algorithm": {"code": header.algorithm.value, "name": header.algorithm.name},
        "mode_of_use": {"code": header.mode_of_use.value, "name": _spoken(header.mode_of_use.name)},
        "key_version": header.key_version,
        "component": header.is_component,
        "exportability": {"code": header.exportability.value, "name": _spoken(header.exportability.name)},
        "context": {"code": header.context.value, "name": _spoken(header.context.name)},
        "optional": [{"code": b.code, "name": b.meaning, "data": b.data} for b in header.optional],
    }


def header_lines(header: Header) -> tuple[str, ...]:
    """The same for people."""
    rows = [
        ("版本 version", header.version.value, " / ".join(_PROTECTION[header.version])),
        ("用途 usage", header.usage.code, " / ".join(header.usage.meaning)),
        ("算法 algorithm", header.algorithm.value, header.algorithm.name),
        ("使用方式 mode of use", header.mode_of_use.value, _spoken(header.mode_of_use.name)),
        ("密钥版本 key version", header.key_version, "component" if header.is_component else ""),
        ("可导出 exportability", header.exportability.value, _spoken(header.exportability.name)),
        ("场合 context", header.context.value, _spoken(header.context.name)),
        *((f"可选 optional {b.code}", b.data, b.meaning) for b in header.optional),
    ]
    return tuple(f"{name}: {code}  {meaning}".rstrip() for name, code, meaning in rows)


def _sizes(parsed: Parsed) -> str:
    return (
        f"密文 payload: {len(parsed.payload)} bytes, MAC: {len(parsed.mac)} bytes"
        "  未经验证 / nothing here is authenticated without the protection key"
    )


def _spoken(name: str) -> str:
    return name.lower().replace("_", " ")


# kcv


def _check_value(args: argparse.Namespace, keyboard: Keyboard) -> Answer:
    key = keyboard.key(args.key, "密钥 key")
    try:
        published = only_published([key], allow_real=args.allow_real_keys)
        cmac = None if args.method is None else args.method == "cmac"
        found = blocks.check_value(Algorithm[args.algorithm], key, cmac=cmac).hex().upper()
        weak = args.algorithm in ("DES", "TDES") and tdes.is_weak(key)
    finally:
        tdes.wipe(key)
    method = args.method or ("cmac" if args.algorithm == "AES" else "legacy")
    facts: dict[str, object] = {
        "algorithm": args.algorithm,
        "method": method,
        "kcv": found,
        "test_key": published,
        "weak": weak,
    }
    lines = [f"KCV: {found}  ({args.algorithm}, {method})"]
    lines += ["测试密钥 / a published test key"] if published else []
    lines += ["弱密钥 / a weak key: it would be refused"] if weak else []
    return Answer(facts, tuple(lines))
