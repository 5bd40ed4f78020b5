"""Hex as people type and paste it, the name of their language, and the faults of TLV in it.

Spaces, lines, colons, commas, hyphens and 0x or \\x before a byte are how logs, readers and programs write the same
bytes. Whatever else stands there is refused with its place in what was typed, and never quoted: it may be a PAN.
"""

from __future__ import annotations

import argparse
import re
from types import MappingProxyType
from typing import Final

SEPARATORS = r"\s:,;\-"
_PREFIX = re.compile(rf"(?:(?<=[{SEPARATORS}])|^)0[xX](?=[0-9a-fA-F])|\\x")
_WORD = re.compile(rf"[^{SEPARATORS}]+")
_NO_HEX = re.compile(r"[^0-9a-fA-F]")

# What emv.tlv says is wrong → the same in Chinese.
_FAULTS: Final = MappingProxyType(
    {
        r"a tag is missing": "缺少标签",
        r"the tag is cut short": "标签不完整",
        r"the tag is longer than (\d+) bytes": r"标签超过\1字节",
        r"00 is no tag": "00不是标签",
        r"the length is missing": "缺少长度",
        r"length form (\w+) is not allowed": r"不允许的长度形式\1",
        r"the length is cut short": "长度不完整",
        r"tag (\w+) says (\d+) bytes, (\d+) are there": r"标签\1声明\2字节，实有\3字节",
        r"nested deeper than (\d+)": r"嵌套超过\1层",
        r"more than (\d+) objects": r"超过\1个数据对象",
        r"more than (\d+) bytes": r"超过\1字节",
    }
)


class InputError(ValueError):
    """What was given cannot be read; `position` is the character, counted from 1, or None."""

    def __init__(self, reason: str, position: int | None = None) -> None:
        super().__init__(reason)
        self.position = position


def typed_bytes(text: str, limit: int) -> bytes:
    """At most `limit` bytes. Raises InputError.

    >>> typed_bytes("9f 02", 4).hex(), typed_bytes("0x9F,0x02", 4).hex(), typed_bytes("9F:02", 4).hex()
    ('9f02', '9f02', '9f02')
    """
    plain = _PREFIX.sub("  ", text)  # As long as it was, so that places stay.
    words = list(_WORD.finditer(plain))
    for word in words:
        if wrong := _NO_HEX.search(word[0]):
            place = word.start() + wrong.start() + 1
            raise InputError(f"character {place} is no hex digit 第{place}个字符不是十六进制数字", place)
        if len(word[0]) == 1 and len(words) > 1:
            # Joined to its neighbours it would shift all that follows.
            place = word.start() + 1
            told = f"character {place} stands alone: a byte is two digits 第{place}个字符：一个字节须两位"
            raise InputError(told, place)
    digits = "".join(word[0] for word in words)
    if not 1 <= len(digits) <= 2 * limit:
        raise InputError(f"give 1 to {limit} bytes as hex digits 请给出1至{limit}字节的十六进制数字")
    if len(digits) % 2:
        raise InputError(f"{len(digits)} hex digits are no whole bytes 十六进制数字个数为奇数", len(text))
    return bytes.fromhex(digits)


def language_of(text: str) -> str:
    """What every command of this project takes for a language: zh-CN or zh, en.

    >>> language_of("zh"), language_of("zh-CN"), language_of("en")
    ('zh-CN', 'zh-CN', 'en')

    For argparse. Raises argparse.ArgumentTypeError.
    """
    try:
        return {"zh": "zh-CN", "zh-cn": "zh-CN", "en": "en"}[text.lower()]
    except KeyError:
        raise argparse.ArgumentTypeError(f"zh-CN (or zh) or en, not {text!r}") from None


def fault_in_chinese(reason: str) -> str:
    """A TlvError's reason; in English if it has no row.

    >>> fault_in_chinese("tag 5A says 8 bytes, 2 are there")
    '标签5A声明8字节，实有2字节'
    """
    for pattern, chinese in _FAULTS.items():
        if match := re.fullmatch(pattern, reason):
            return match.expand(chinese)
    return reason
