"""`python -m emv`: explain what a card, an issuer, a log or a trace says. Sensitive values are masked.

    python -m emv tlv 9F0206000000012850        a TLV string
    python -m emv bits TVR 8000048000           a field of flags: TVR TSI AIP AUC CAPABILITIES, or its tag
    python -m emv tags [amount]                 the tag dictionary, or what of it holds this text
    python -m emv apdu 00B2010C00               a command, or an answer with its status
    python -m emv explain TRACE                 why a card was declined, sent online or refused
    python -m emv replay TRACE                  the kernel once more on a trace, without the card
    python -m emv qr PAYLOAD                    a merchant's or a consumer's QR code
    python -m emv ics                           what options this kernel has, and its checksum

`-` reads standard input. Exit status: 0 fine, 1 a replay that differs or a QR code that breaks the standard, 2 input
that cannot be read, 3 a replay that stopped because what follows hangs on masked data.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, TextIO

from emv import explain, ics, masking, qr, qr_consumer
from emv.apdu import COMMANDS, status_words
from emv.bits import FIELDS
from emv.commands import CardError
from emv.profile import TerminalProfile
from emv.replay import Agreement, replay
from emv.tags import TAGS, Tag, lookup, shown
from emv.tlv import BYTES_MAX, Tlv, TlvError, parse, tag_bytes
from emv.tracefile import BYTES_MAX as TRACE_MAX
from emv.tracefile import Trace, TraceError
from emv.tracefile import parse as parse_trace
from emv.typed import InputError, fault_in_chinese, language_of, typed_bytes

FINE, DIFFERS, BAD_INPUT, MASKED = 0, 1, 2, 3
BREAKS = DIFFERS
STATUS = {Agreement.SAME: FINE, Agreement.DIFFERENT: DIFFERS, Agreement.MASKED: MASKED}
BOTH = "both"
HEX_MAX = 4 * BYTES_MAX  # Twice the longest TLV, as hex.
TYPED_MAX = 8 * HEX_MAX  # With what stands between the digits.
VERIFY_INS = 0x20


@dataclass(frozen=True, slots=True)
class Told:
    """What a command says: lines for people, an object for programs, and the exit status."""

    lines: list[str]
    found: dict[str, Any]
    status: int = FINE


def main(arguments: list[str] | None = None, stdin: TextIO | None = None) -> int:
    """The exit status; nothing is raised. `stdin` stands for standard input."""
    options = _parser().parse_args(arguments)
    options.stdin = stdin or sys.stdin
    try:
        told: Told = options.run(options)
    except (CardError, ValueError, OSError) as error:
        return _refused(options, error)
    print(json.dumps(told.found, ensure_ascii=False) if options.json else "\n".join(told.lines), flush=True)
    return told.status


def _refused(options: argparse.Namespace, error: Exception) -> int:
    """Say what is wrong with the input, and where: on standard error, for programs as JSON too."""
    position = getattr(error, "position", None)
    reason = str(error)
    if isinstance(error, CardError):  # TLV: the position is in the bytes.
        reason = f"{error} {fault_in_chinese(error.reason)}" + ("" if position is None else f"（第{position}字节起）")
    elif isinstance(error, FileNotFoundError):
        reason = f"there is no such file 没有此文件: {error.filename}"
    elif isinstance(error, OSError):
        reason = f"the file cannot be read 文件无法读取: {error.filename}: {error.strerror}"
    print(f"cannot be read 无法解析: {reason}", file=sys.stderr)
    if options.json:
        print(json.dumps({"error": reason, "position": position}, ensure_ascii=False))
    return BAD_INPUT


def _language(text: str) -> str:
    return BOTH if text == BOTH else language_of(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m emv", description="Explain EMV data 解释EMV数据")
    commands = parser.add_subparsers(dest="command", required=True)

    def add(name: str, text: str, run: Callable[[argparse.Namespace], Told]) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text)
        command.set_defaults(run=run)
        command.add_argument("--json", action="store_true", help="one JSON object")
        command.add_argument(
            "--language", type=_language, default=BOTH, metavar="zh-CN|en|both", help="语言 (default: both 双语)"
        )
        return command

    def hex_of(command: argparse.ArgumentParser) -> None:
        command.add_argument("hex", nargs="+", metavar="HEX", help="hex, spaces or 0x allowed; - reads standard input")

    hex_of(add("tlv", "a TLV string 一串TLV", _tlv))
    bits = add("bits", "a field of flags 标志位字段", _bits)
    bits.add_argument("field", metavar="FIELD", help=", ".join(field.name for field in FIELDS) + ", or its tag 或标签")
    hex_of(bits)
    hex_of(add("tvr", "a TVR, the same as bits TVR 终端验证结果", _tvr))
    add("tags", "the tag dictionary 标签字典", _tags).add_argument("query", nargs="?", default="", metavar="QUERY")
    hex_of(add("apdu", "a command or an answer 命令或应答", _apdu))
    tell = add("explain", "why a card was declined, sent online or refused 解释交易结果", _explain)
    tell.add_argument("trace", metavar="TRACE", help="a trace file 轨迹文件; - reads standard input")
    again = add("replay", "run the kernel again on a trace 重放轨迹", _replay)
    again.add_argument("trace", metavar="TRACE", help="a trace file 轨迹文件; - reads standard input")
    code = add("qr", "a merchant's or a consumer's QR code 二维码内容", _qr)
    code.add_argument("payload", metavar="PAYLOAD", help="its text 二维码文本; - reads standard input")
    add("ics", "what options this kernel has 内核选项声明", _ics)
    return parser


# What is given


def _bytes(options: argparse.Namespace) -> bytes:
    """Raises InputError."""
    text = " ".join(options.hex)
    if text == "-":
        text = options.stdin.read(TYPED_MAX)
    return typed_bytes(text, HEX_MAX // 2)


def _trace(options: argparse.Namespace) -> Trace:
    """Raises TraceError, OSError, InputError."""
    if options.trace == "-":
        return parse_trace(options.stdin.read(TRACE_MAX + 1).removeprefix("\ufeff"))
    path = Path(options.trace)
    if path.stat().st_size > TRACE_MAX * 4:
        raise TraceError(f"longer than {TRACE_MAX} characters", 1)
    try:
        return parse_trace(path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError:
        raise InputError("the file is no text in UTF-8 文件不是UTF-8文本") from None


def _say(options: argparse.Namespace, english: str, chinese: str) -> str:
    if options.language == BOTH:
        return f"{english} {chinese}"
    return explain.say((english, chinese), options.language)


# What is told


def _tlv(options: argparse.Namespace) -> Told:
    items = parse(_bytes(options))
    return Told(tlv_lines(items, language=options.language), {"objects": [tlv_object(item) for item in items]})


Names = Mapping[int, tuple[str, str]]
DICTIONARY: Names = MappingProxyType({})


def tlv_lines(
    items: tuple[Tlv, ...], depth: int = 0, *, language: str = BOTH, names: Names = DICTIONARY
) -> list[str]:
    """One line an object, children indented. `names` are those that mean something else here than to a card.

    >>> tlv_lines(parse(bytes.fromhex("70048A023030")))
    ['70 READ RECORD Response Message Template 读记录响应模板', '  8A Authorisation Response Code 授权响应码: 3030']
    """
    lines = []
    for item in items:
        both = names.get(item.tag) or (lookup(item.tag).en, lookup(item.tag).zh)
        words = " ".join(both) if language == BOTH else explain.say(both, language)
        name = f"{'  ' * depth}{tag_bytes(item.tag).hex().upper()} {words}"
        if item.constructed:
            lines += [name, *tlv_lines(item.children, depth + 1, language=language, names=names)]
        else:
            lines.append(f"{name}: {shown(item.tag, item.value)}")
    return lines


def tlv_object(item: Tlv, names: Names = DICTIONARY) -> dict[str, object]:
    """The same for programs."""
    en, zh = names.get(item.tag) or (lookup(item.tag).en, lookup(item.tag).zh)
    found: dict[str, object] = {"tag": tag_bytes(item.tag).hex().upper(), "en": en, "zh": zh}
    if item.constructed:
        found["children"] = [tlv_object(child, names) for child in item.children]
    else:
        found["value"] = shown(item.tag, item.value)
    return found


def _tvr(options: argparse.Namespace) -> Told:
    options.field = "TVR"
    return _bits(options)


def _bits(options: argparse.Namespace) -> Told:
    wanted = options.field.upper().removeprefix("0X")
    field = next((each for each in FIELDS if wanted in (each.name, f"{each.tag:X}")), None)
    if field is None:
        raise InputError("the fields are 字段有 " + ", ".join(f"{each.name} ({each.tag:X})" for each in FIELDS))
    value = _bytes(options)
    if len(value) != field.length:
        raise InputError(f"{field.name} has {field.length} bytes, not {len(value)} 应为{field.length}字节")
    both = zip(field.lines(value), field.lines(value, language="zh-CN"), strict=True)
    lines = [
        f"{place} {_say(options, english, chinese.partition(' ')[2])}"
        for (place, _, english), chinese in ((line.partition(" "), other) for line, other in both)
    ]
    return Told(lines, {field.name.lower(): value.hex().upper(), "set": lines})


def _tags(options: argparse.Namespace) -> Told:
    query = options.query.casefold().removeprefix("0x")

    def holds(row: Tag) -> bool:
        return query == f"{row.tag:x}" or query in row.en.casefold() or query in row.zh.casefold()

    rows = [row for row in TAGS.values() if holds(row)]
    lines = [
        f"{row.tag:X} {_say(options, row.en, row.zh)} ({row.format.value}, {row.min_bytes}-{row.max_bytes}, "
        f"{row.source.value}{', masked' if row.sensitive else ''})"
        for row in rows
    ]
    return Told(lines or [_say(options, "no tag holds this", "没有符合的标签")], {"tags": [_row(row) for row in rows]})


def _row(row: Tag) -> dict[str, Any]:
    return {
        "tag": f"{row.tag:X}",
        "en": row.en,
        "zh": row.zh,
        "format": row.format.value,
        "bytes": [row.min_bytes, row.max_bytes],
        "source": row.source.value,
        "sensitive": row.sensitive,
    }


def _apdu(options: argparse.Namespace) -> Told:
    data = _bytes(options)
    if len(data) >= 4 and data[0] & 0xF3 in (0x00, 0x80) and data[1] in COMMANDS:
        return _command(options, data)
    if len(data) < 2:
        raise InputError("an answer has at least its two status bytes 应答至少有两个状态字节")
    sw = int.from_bytes(data[-2:], "big")
    english, chinese = status_words(sw), status_words(sw, language="zh-CN")
    status = _say(options, english.partition(" ")[2], chinese.partition(" ")[2])
    try:
        items = parse(data[:-2])
    except TlvError as error:  # A challenge is no TLV, for one. What it is nobody can say, so it is not shown.
        told = _say(options, f"data ({len(data) - 2}), no TLV", f"数据，不是TLV: {fault_in_chinese(error.reason)}")
        return Told([f"{told} ({error})", f"SW {sw:04X} {status}"], {"no_tlv": str(error), "sw": f"{sw:04X}"})
    lines = [*tlv_lines(items, language=options.language), f"SW {sw:04X} {status}"]
    return Told(lines, {"objects": [tlv_object(item) for item in items], "sw": f"{sw:04X}"})


def _command(options: argparse.Namespace, data: bytes) -> Told:
    name, chinese = COMMANDS[data[1]]
    body = data[5 : 5 + data[4]] if len(data) > 5 else b""
    rest = data[5 + len(body) :] if body else data[4:]
    if (body and len(body) != data[4]) or len(rest) > 1:
        raise InputError(f"the length byte says {data[4]}, {len(data) - 5} bytes follow 长度字节与数据不符")
    secret = data[1] == VERIFY_INS
    value = f"<{len(body)} bytes>" if secret else body.hex().upper()
    lines = [f"{_say(options, name, chinese)}  CLA {data[0]:02X} INS {data[1]:02X} P1 {data[2]:02X} P2 {data[3]:02X}"]
    if body:
        lines.append(f"  {_say(options, 'data', '数据')} ({len(body)}): {value}")
    if rest:
        lines.append(f"  Le {rest.hex().upper()}")
    found = {"command": name, "p1": data[2], "p2": data[3], "data": value, "le": rest.hex().upper() or None}
    return Told(lines, found)


def _explain(options: argparse.Namespace) -> Told:
    trace = _trace(options)
    languages = explain.LANGUAGES if options.language == BOTH else (options.language,)
    lines: list[str] = []
    for language in languages:
        lines += [*explain.story(trace, language), ""]
    lines += explain.table(trace, languages[-1])
    return Told(lines, explain.to_json(trace, languages[-1]))


def _replay(options: argparse.Namespace) -> Told:
    trace = _trace(options)
    again = replay(trace)
    spoken = [language for language in explain.LANGUAGES if options.language in (BOTH, language)]
    lines = [explain.headline(trace, language) for language in spoken]
    told = {
        Agreement.SAME: ("The kernel decides the same again", "内核重放结果一致"),
        Agreement.DIFFERENT: ("The kernel decides otherwise", "内核重放结果不一致"),
        Agreement.MASKED: ("The same as far as the masked data go", "在脱敏数据允许的范围内一致"),
    }[again.agreement]
    lines.append(f"{_say(options, *told)} ({again.exchanges})" + (f": {again.why}" if again.why else ""))
    found = {
        "agreement": again.agreement.value,
        "exchanges": again.exchanges,
        "why": again.why,
        "result": again.outcome.result.value if again.outcome else None,
        "reason": again.outcome.reason if again.outcome else None,
    }
    return Told(lines, found, STATUS[again.agreement])


def _qr(options: argparse.Namespace) -> Told:
    payload = options.payload
    if payload == "-":
        payload = options.stdin.read(qr_consumer.CHARACTERS_MAX + 1).rstrip("\r\n")
    if not payload:
        raise InputError("nothing to read 没有内容")
    try:
        if qr_consumer.looks_like(payload):
            return _consumer_code(options, qr_consumer.parse(payload))
        code, breaches = qr.read(payload)
    except qr.QrError as error:
        line = f"{_say(options, 'breaks the standard', '不符合标准')}: {error}"
        found = {"ok": False, "reasons": [str(error)], "position": error.position, "unit": error.unit}
        return Told([line], found, BREAKS)
    lines = [_say(options, "Merchant-presented", "商户展示码")]
    lines += [
        f"{'  ' * depth}{id} {_say(options, row.en, row.zh)}" + (f": {value}" if value else "")
        for depth, row, id, value in qr.walk(code.items, lambda item: masking.shown_text(item.value))
    ]
    if breaches:
        lines.append(_say(options, "Breaks the standard:", "不符合标准："))
        lines += [f"  {breach}" for breach in breaches]
    found = {"mode": "merchant", "objects": [_item(item) for item in code.items]}
    found |= {"ok": not breaches, "reasons": [str(breach) for breach in breaches]}
    return Told(lines, found, BREAKS if breaches else FINE)


def _item(item: qr.Item) -> dict[str, Any]:
    if item.children:
        return {"id": item.id, "children": [_item(child) for child in item.children]}
    return {"id": item.id, "value": masking.shown_text(item.value)}


def _consumer_code(options: argparse.Namespace, code: qr_consumer.ConsumerCode) -> Told:
    lines = [_say(options, "Consumer-presented", "顾客付款码")]
    lines += tlv_lines(code.items, language=options.language, names=qr_consumer.NAMES)
    objects = [tlv_object(item, qr_consumer.NAMES) for item in code.items]
    return Told(lines, {"mode": "consumer", "objects": objects, "ok": True, "reasons": []})


def _ics(options: argparse.Namespace) -> Told:
    """For the profile of a terminal as it comes: `TerminalProfile`'s defaults."""
    stated, profile = ics.statement(), TerminalProfile(aids=())
    answers = ics.configuration(stated, profile)
    lines = [f"{stated.kernel} {stated.version} ({stated.books}) {ics.checksum(stated, profile)}"]
    for option in stated.options:
        why = f" - {_say(options, option.why, option.why_zh)}" if option.why else ""
        mark = "*" if option.major else " "
        lines.append(f"{mark} {option.word}: {answers[option.word]}  {_say(options, option.en, option.zh)}{why}")
    found = {
        "kernel": stated.kernel,
        "version": stated.version,
        "books": stated.books,
        "checksum": ics.checksum(stated, profile),
        "options": answers,
    }
    return Told(lines, found)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BrokenPipeError:
        # Whoever reads has read enough (`| head`). Python would complain once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
