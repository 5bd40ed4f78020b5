"""A CVM list in words, for profiles and for people: "always: enciphered PIN offline, else next".

Spec: EMV 4.4 Book 3 §10.5, Annex C3 (codes and conditions).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

METHODS: Mapping[str, int] = MappingProxyType(
    {
        "fail": 0x00,
        "plaintext PIN offline": 0x01,
        "PIN online": 0x02,
        "plaintext PIN offline and signature": 0x03,
        "enciphered PIN offline": 0x04,
        "enciphered PIN offline and signature": 0x05,
        "signature": 0x1E,
        "nothing": 0x1F,
    }
)
CONDITIONS: Mapping[str, int] = MappingProxyType(
    {
        "always": 0x00,
        "unattended cash": 0x01,
        "no cash, no cashback": 0x02,
        "if supported": 0x03,
        "manual cash": 0x04,
        "cashback": 0x05,
        "under X": 0x06,
        "over X": 0x07,
        "under Y": 0x08,
        "over Y": 0x09,
    }
)
NEXT = ", else next"
NEXT_BIT = 0x40


def rule(text: str) -> bytes:
    """Two bytes. `0x2A` stands for any code or condition without a word. Raises ValueError.

    >>> rule("if supported: PIN online, else next").hex()
    '4203'
    """
    condition, colon, method = text.partition(": ")
    if not colon:
        raise ValueError(f'{text!r} is not "condition: method"')
    goes_on = method.endswith(NEXT)
    code = _code(method.removesuffix(NEXT), METHODS)
    return bytes((code | (NEXT_BIT if goes_on else 0), _code(condition, CONDITIONS)))


def _code(word: str, table: Mapping[str, int]) -> int:
    if word in table:
        return table[word]
    if word.startswith("0x"):
        value = int(word, 16)
        if 0 <= value <= 0xFF:
            return value
    raise ValueError(f"{word!r} is none of: {', '.join(table)}")


def words(value: bytes) -> tuple[str, ...]:
    """The rules of tag 8E, as `rule` reads them.

    >>> words(bytes(8) + bytes.fromhex("42031E00"))
    ('if supported: PIN online, else next', 'always: signature')
    """
    methods = {code: word for word, code in METHODS.items()}
    conditions = {code: word for word, code in CONDITIONS.items()}
    found = []
    for at in range(8, len(value) - 1, 2):
        code, condition = value[at], value[at + 1]
        method = methods.get(code & ~NEXT_BIT, f"0x{code & ~NEXT_BIT:02X}")
        tail = NEXT if code & NEXT_BIT else ""
        found.append(f"{conditions.get(condition, f'0x{condition:02X}')}: {method}{tail}")
    return tuple(found)
