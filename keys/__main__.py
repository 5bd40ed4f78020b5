"""`python -m keys`: look at a key block without its key, and compute check values.

Key material comes from standard input, never from the command line (which every user of the machine can
read), is not echoed, and is never shown. Only published test keys are taken unless `--real-keys` is named:
a computer with a prompt is no place for a real key.

Ends with 0; 1 for what is refused; 2 for a wrong command line.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import sys
import termios
from collections.abc import Iterator, Sequence
from typing import Protocol, TextIO

from keys import blocks, tdes
from keys.block_header import BlockMalformed, Parsed, Version, parse
from keys.errors import KeyRefused
from keys.testkeys import is_published
from keys.usage import Algorithm

INPUT_LIMIT_CHARACTERS = 160  # 32 bytes of hex, grouped as one likes, and the end of the line.

_PROTECTION = {
    Version.A: ("3DES 变种（已弃用）", "3DES variants, deprecated"),
    Version.B: ("3DES 密钥派生", "3DES key derivation"),
    Version.C: ("3DES 变种", "3DES variants"),
    Version.D: ("AES 密钥派生", "AES key derivation"),
    Version.E: ("AES 密钥派生，CTR", "AES key derivation, CTR"),
}


class Source(Protocol):
    """An unbuffered stream: no copy of what it gives stays in it."""

    def readinto(self, room: bytearray, /) -> int | None: ...


def main(argv: Sequence[str], source: Source, out: TextIO, err: TextIO) -> int:
    """Run one command; the exit code."""
    args = _parser().parse_args(argv)
    try:
        shown, lines = _inspect(args.block) if args.command == "inspect" else _check_value(args, source)
    except BlockMalformed as fault:
        facts: dict[str, str | int] = {"field": fault.field, "offset": fault.offset, "reason": fault.reason}
        return _refuse(str(fault), facts, args, out, err)
    except KeyRefused as fault:
        return _refuse(str(fault), {"reason": str(fault)}, args, out, err)
    print(json.dumps(shown, ensure_ascii=False) if args.json else "\n".join(lines), file=out)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m keys", description="密钥工具 / Key tool")
    commands = parser.add_subparsers(dest="command", required=True)
    look = commands.add_parser("inspect", help="密钥块的头部，无需密钥 / a key block's header, without its key")
    look.add_argument("block", metavar="BLOCK", help="TR-31 / X9.143, version A to E")
    value = commands.add_parser("kcv", help="校验值，密钥从标准输入读取 / a check value; standard input has the key")
    value.add_argument("--algorithm", required=True, choices=["DES", "TDES", "AES", "SM4"])
    value.add_argument("--method", choices=["legacy", "cmac"], help="default: cmac for AES, legacy for the others")
    value.add_argument("--real-keys", action="store_true", help="接受非测试密钥 / take keys that are not published")
    for command in (look, value):
        command.add_argument("--json", action="store_true", help="for programs")
    return parser


def _refuse(text: str, facts: dict[str, str | int], args: argparse.Namespace, out: TextIO, err: TextIO) -> int:
    if args.json:
        print(json.dumps({"refused": facts}, ensure_ascii=False), file=out)
    print(f"拒绝 / refused: {text}", file=err)
    return 1


# inspect


def _inspect(block: str) -> tuple[dict[str, object], list[str]]:
    parsed = parse(block)
    header = parsed.header
    protection, usage = _PROTECTION[header.version], header.usage.meaning
    shown: dict[str, object] = {
        "version": header.version.value,
        "characters": len(block),
        "usage": {"code": header.usage.code, "zh": usage[0], "en": usage[1]},
        "algorithm": {"code": header.algorithm.value, "name": header.algorithm.name},
        "mode_of_use": {"code": header.mode_of_use.value, "name": _spoken(header.mode_of_use.name)},
        "key_version": header.key_version,
        "component": header.is_component,
        "exportability": {"code": header.exportability.value, "name": _spoken(header.exportability.name)},
        "context": {"code": header.context.value, "name": _spoken(header.context.name)},
        "optional": [{"code": b.code, "name": b.meaning, "data": b.data} for b in header.optional],
        "payload_bytes": len(parsed.payload),
        "mac_bytes": len(parsed.mac),
        "authenticated": False,
    }
    rows = [
        ("版本 version", header.version.value, " / ".join(protection)),
        ("用途 usage", header.usage.code, " / ".join(usage)),
        ("算法 algorithm", header.algorithm.value, header.algorithm.name),
        ("使用方式 mode of use", header.mode_of_use.value, _spoken(header.mode_of_use.name)),
        ("密钥版本 key version", header.key_version, "component" if header.is_component else ""),
        ("可导出 exportability", header.exportability.value, _spoken(header.exportability.name)),
        ("场合 context", header.context.value, _spoken(header.context.name)),
        *((f"可选 optional {b.code}", b.data, b.meaning) for b in header.optional),
    ]
    lines = [f"{name}: {code}  {meaning}".rstrip() for name, code, meaning in rows]
    return shown, [*lines, _sizes(parsed)]


def _sizes(parsed: Parsed) -> str:
    return (
        f"密文 payload: {len(parsed.payload)} bytes, MAC: {len(parsed.mac)} bytes"
        "  未经验证 / nothing here is authenticated without the protection key"
    )


def _spoken(name: str) -> str:
    return name.lower().replace("_", " ")


# kcv


def _check_value(args: argparse.Namespace, source: Source) -> tuple[dict[str, object], list[str]]:
    key = read_key(source)
    try:
        published = is_published(key)
        if not published and not args.real_keys:
            raise KeyRefused("这不是公开的测试密钥 / this is not a published test key; --real-keys takes it")
        cmac = None if args.method is None else args.method == "cmac"
        found = blocks.check_value(Algorithm[args.algorithm], key, cmac=cmac).hex().upper()
        weak = args.algorithm in ("DES", "TDES") and tdes.is_weak(key)
    finally:
        tdes.wipe(key)
    method = args.method or ("cmac" if args.algorithm == "AES" else "legacy")
    shown: dict[str, object] = {
        "algorithm": args.algorithm,
        "method": method,
        "kcv": found,
        "test_key": published,
        "weak": weak,
    }
    lines = [f"KCV: {found}  ({args.algorithm}, {method})"]
    lines += ["测试密钥 / a published test key"] if published else []
    lines += ["弱密钥 / a weak key: it would be refused"] if weak else []
    return shown, lines


def read_key(source: Source) -> bytearray:
    """One line of hex, spaces allowed, which the caller wipes. Raises KeyRefused without showing any of it."""
    typed = bytearray(INPUT_LIMIT_CHARACTERS)
    room = bytearray(INPUT_LIMIT_CHARACTERS)
    used, ended = 0, False
    try:
        while not ended and used < len(typed):  # Each turn takes a byte or more, or is the last.
            count = source.readinto(room) or 0
            ended = count == 0
            for index in range(count):
                ended = ended or room[index] in b"\r\n"
                if not ended and used < len(typed):
                    typed[used] = room[index]
                    used += 1
        if not ended:
            raise KeyRefused("the key is too long")
        return _unhexed(typed, used)
    finally:
        tdes.wipe(typed)
        tdes.wipe(room)


def _unhexed(typed: bytearray, used: int) -> bytearray:
    """Digit by digit: `bytes.fromhex` would leave copies that nobody wipes."""
    digits = bytearray(used)
    count = 0
    try:
        for index in range(used):
            value = b"0123456789ABCDEFabcdef".find(typed[index])
            if value < 0 and typed[index] != 0x20:
                raise KeyRefused("the key is not hex")
            if value >= 0:
                digits[count] = value if value < 16 else value - 6
                count += 1
        if count % 2 or not count:
            raise KeyRefused("the key has an odd number of hex digits, or none")
        key = bytearray(count // 2)
        for index in range(len(key)):
            key[index] = digits[2 * index] << 4 | digits[2 * index + 1]
        return key
    finally:
        tdes.wipe(digits)


@contextlib.contextmanager
def _without_echo(descriptor: int) -> Iterator[None]:
    """A terminal must not show what is typed; a pipe needs nothing."""
    if not os.isatty(descriptor):
        yield
        return
    before = termios.tcgetattr(descriptor)
    silent = [*before[:3], before[3] & ~termios.ECHO, *before[4:]]
    try:
        termios.tcsetattr(descriptor, termios.TCSAFLUSH, silent)
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSAFLUSH, before)


if __name__ == "__main__":
    with _without_echo(sys.stdin.fileno()), io.FileIO(sys.stdin.fileno(), closefd=False) as keyboard:
        sys.exit(main(sys.argv[1:], keyboard, sys.stdout, sys.stderr))
