"""`python -m emv`: explain what a card, an issuer or a log says. Sensitive values are masked.

    python -m emv tlv 9F0206000000012850 [--json]
    python -m emv tvr 8000048000 [--json]
"""

from __future__ import annotations

import argparse
import json
import sys

from emv.bits import tvr_lines, tvr_of
from emv.tags import lookup, shown
from emv.tlv import Tlv, TlvError, parse, tag_bytes

EXIT_BAD_INPUT = 2


def main(arguments: list[str] | None = None) -> int:
    """Exit status 0, or 2 for input that cannot be read."""
    parser = argparse.ArgumentParser(prog="python -m emv", description="Explain EMV data 解释EMV数据")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (("tlv", "a TLV string 一串TLV"), ("tvr", "a TVR, tag 95 终端验证结果")):
        command = commands.add_parser(name, help=text)
        command.add_argument("hex", nargs="+", help="hex digits, spaces allowed")
        command.add_argument("--json", action="store_true", help="one object on the last line")
    options = parser.parse_args(arguments)
    try:
        data = bytes.fromhex("".join(options.hex))
    except ValueError:
        print("not hex 不是十六进制", file=sys.stderr)
        return EXIT_BAD_INPUT
    try:
        if options.command == "tvr":
            _explain_tvr(data, as_json=options.json)
        else:
            _explain_tlv(parse(data), as_json=options.json)
    except (TlvError, ValueError) as error:
        print(f"cannot be read 无法解析: {error}", file=sys.stderr)
        return EXIT_BAD_INPUT
    return 0


def _explain_tlv(items: tuple[Tlv, ...], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"objects": [tlv_object(item) for item in items]}, ensure_ascii=False))
        return
    for line in tlv_lines(items):
        print(line)


def _explain_tvr(data: bytes, *, as_json: bool) -> None:
    value = tvr_of(data)
    both = zip(tvr_lines(value), tvr_lines(value, language="zh-CN"), strict=True)
    lines = [f"{english} {chinese.partition(' ')[2]}" for english, chinese in both]
    if as_json:
        print(json.dumps({"tvr": data.hex().upper(), "set": lines}, ensure_ascii=False))
        return
    for line in lines:
        print(line)


def tlv_lines(items: tuple[Tlv, ...], depth: int = 0) -> list[str]:
    """One line an object, children indented.

    >>> tlv_lines(parse(bytes.fromhex("70048A023030")))
    ['70 READ RECORD Response Message Template 读记录响应模板', '  8A Authorisation Response Code 授权响应码: 3030']
    """
    lines = []
    for item in items:
        row = lookup(item.tag)
        name = f"{'  ' * depth}{tag_bytes(item.tag).hex().upper()} {row.en} {row.zh}"
        if item.constructed:
            lines += [name, *tlv_lines(item.children, depth + 1)]
        else:
            lines.append(f"{name}: {shown(item.tag, item.value)}")
    return lines


def tlv_object(item: Tlv) -> dict[str, object]:
    """The same for programs."""
    row = lookup(item.tag)
    found: dict[str, object] = {"tag": tag_bytes(item.tag).hex().upper(), "en": row.en, "zh": row.zh}
    if item.constructed:
        found["children"] = [tlv_object(child) for child in item.children]
    else:
        found["value"] = shown(item.tag, item.value)
    return found


if __name__ == "__main__":
    sys.exit(main())
