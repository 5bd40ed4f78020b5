"""`components` and `combine`: a key as two or three components on paper, and back.

The tool has no logins: whoever holds it holds every component, so it makes test material and checks papers. The
ceremony with two holders is the terminal's (docs/key-loading.md). Components are the one secret that is shown,
because they were asked for, each in a file of its own or on the screen.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
from dataclasses import dataclass
from pathlib import Path

from keys import tdes
from keys.components import COMPONENTS, Ceremony, Plan, adjust_parity
from keys.errors import KeyRefused
from keys.tools.answer import Answer
from keys.tools.key_input import ORIGIN_HELP, STANDARD_INPUT, Keyboard, only_published, origin
from keys.usage import Algorithm

ALGORITHMS = ("TDES", "AES", "SM4")
DEFAULT_BYTES = 16
_GROUP_BYTES = 2


@dataclass(frozen=True, slots=True)
class Entered:
    """What may be shown of a component."""

    number: int
    kcv: str
    parity_errors: tuple[int, ...]


def add_arguments(command: str, parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--algorithm", choices=ALGORITHMS, default="TDES", help="default: %(default)s")
    parser.add_argument("--count", type=int, choices=COMPONENTS, default=2, help="组件个数 / how many components")
    parser.add_argument("--kcv-bytes", type=int, default=3, metavar="N", help="default: %(default)s")
    if command == "combine":
        parser.add_argument(
            "--component",
            metavar="ORIGIN",
            type=origin,
            action="append",
            default=[],
            help="各组件的来源，缺省时逐行读取 / where each is: -, file:, fd: (default: a line each)",
        )
        return
    parser.add_argument(
        "--key", metavar="ORIGIN", type=origin, help=ORIGIN_HELP.replace("%(default)s", "随机 / a random key")
    )
    parser.add_argument(
        "--bytes", type=int, default=DEFAULT_BYTES, metavar="N", help="随机密钥的长度 / of a random key: 16, 24, 32"
    )
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--out", type=Path, metavar="DIR", help="每个组件一个文件 / a file (0600) for each component")
    where.add_argument("--show", action="store_true", help="显示在屏幕上 / on the screen, where others may look")


def run(args: argparse.Namespace, keyboard: Keyboard) -> Answer:
    return _combine(args, keyboard) if args.command == "combine" else _split(args, keyboard)


# components


def _split(args: argparse.Namespace, keyboard: Keyboard) -> Answer:
    key = bytearray(os.urandom(args.bytes)) if args.key is None else keyboard.key(args.key, "密钥 key")
    parts: list[bytearray] = []
    try:
        only_published([key], allow_real=args.allow_real_keys)
        plan = Plan(Algorithm[args.algorithm], len(key), args.count, args.kcv_bytes)
        parts += _shares(key, args.count, odd=plan.algorithm is Algorithm.TDES)
        with Ceremony(plan) as ceremony:
            entered = _enter(ceremony, parts)
            whole = ceremony.final_kcv
        rows = [_hand_out(args, one, part) for one, part in zip(entered, parts, strict=True)]
    finally:
        for secret in (key, *parts):
            tdes.wipe(secret)
    lines = [f"组件 component {row['number']}: {row['place']}  KCV: {row['kcv']}" for row in rows]
    return Answer({"kcv": whole, "components": rows}, (*lines, f"密钥 key  KCV: {whole}"))


def _shares(key: bytearray, count: int, *, odd: bool) -> list[bytearray]:
    """All but the last at random; the last is what is missing. With `odd`, parity as a DES key has it."""
    last = bytearray(len(key))
    memoryview(last)[:] = memoryview(key)
    parts = [bytearray(os.urandom(len(key))) for _ in range(count - 1)]
    for part in parts:
        for index in range(len(last)):
            last[index] ^= part[index]
    parts.append(last)
    for part in parts if odd else ():
        adjust_parity(part)
    return parts


def _hand_out(args: argparse.Namespace, one: Entered, part: bytearray) -> dict[str, object]:
    digits = hexed(part)
    try:
        if args.show:
            return {"number": one.number, "kcv": one.kcv, "place": digits.decode("ascii")}
        args.out.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = args.out / f"component-{one.number}"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb", buffering=0) as file:
            file.write(digits)
            file.write(f"\n{args.algorithm}, {one.number} / {args.count}, KCV: {one.kcv}\n".encode("ascii"))
        return {"number": one.number, "kcv": one.kcv, "place": str(path)}
    finally:
        tdes.wipe(digits)


def hexed(secret: bytearray) -> bytearray:
    """Upper-case hex in groups of four, as it is read aloud; the caller wipes it.

    >>> hexed(bytearray(b"\\x01\\x23\\xab")).decode()
    '0123 AB'
    """
    alphabet = b"0123456789ABCDEF"
    room = bytearray(b" ") * (2 * len(secret) + (len(secret) - 1) // _GROUP_BYTES)
    for index in range(len(secret)):
        place = 2 * index + index // _GROUP_BYTES
        room[place] = alphabet[secret[index] >> 4]
        room[place + 1] = alphabet[secret[index] & 0xF]
    return room


# combine


def _combine(args: argparse.Namespace, keyboard: Keyboard) -> Answer:
    places = args.component or [STANDARD_INPUT] * args.count
    parts = keyboard.keys((place, f"组件 component {number}") for number, place in enumerate(places, start=1))
    try:
        plan = Plan(Algorithm[args.algorithm], len(parts[0]), len(parts), args.kcv_bytes)
        with Ceremony(plan) as ceremony:
            entered = _enter(ceremony, parts)
            whole = ceremony.final_kcv
            key = ceremony.result()
    finally:
        for part in parts:
            tdes.wipe(part)
    try:
        published = only_published([key], allow_real=args.allow_real_keys)
    finally:
        tdes.wipe(key)
    lines = [f"组件 component {one.number}  KCV: {one.kcv}{_parity(one)}" for one in entered]
    lines += [f"密钥 key  KCV: {whole}"]
    lines += ["测试密钥 / a published test key"] if published else []
    rows = [dataclasses.asdict(one) for one in entered]
    return Answer({"kcv": whole, "components": rows, "test_key": published}, tuple(lines))


def _parity(one: Entered) -> str:
    if not one.parity_errors:
        return ""
    return f"  非奇校验字节 bytes without odd parity: {', '.join(map(str, one.parity_errors))}"


def _enter(ceremony: Ceremony, parts: list[bytearray] | tuple[bytearray, ...]) -> tuple[Entered, ...]:
    """What may be said of each component; the ceremony is READY then. Raises KeyRefused."""
    entered = []
    for number, part in enumerate(parts, start=1):
        if len(part) != ceremony.plan.size_bytes:
            raise KeyRefused("the components have different lengths")
        for index in range(len(part)):
            ceremony.push(part[index] >> 4)
            ceremony.push(part[index] & 0xF)
        entered.append(Entered(number, ceremony.component_kcv or "", ceremony.parity_errors))
        ceremony.confirm(f"component {number}")
    return tuple(entered)
