"""What a hostile or broken card does on the wire: quirks, each bound to a command, applied to an honest answer.

A quirk is data (`[[...quirk]]` in a profile): `at` which command, `does` what, with which `value`. Several at one
command act in their order. docs/simulator.md lists both vocabularies.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from types import MappingProxyType

from sim.card.build import tlv
from sim.card.model import Quirk
from sim.card.state import OK, Command, Step

# What `at` may be called beside "all", "apdu N", "record S.N" and "data TAG".
MOMENTS: Mapping[int, str] = MappingProxyType(
    {
        0xA4: "select",
        0xA8: "gpo",
        0xB2: "record",
        0xAE: "ac",
        0x82: "external",
        0x88: "internal",
        0xCA: "data",
        0x84: "challenge",
        0x20: "verify",
        0xC0: "response",
        0x1E: "script",
        0x18: "script",
        0x16: "script",
        0x24: "script",
        0xDA: "script",
        0xDC: "script",
    }
)
PSE_FIRST = b"1PAY."
NEST_MAX = 60  # Templates within templates that one short APDU holds.
ANSWER_MAX = 65_000  # vpcd has two bytes of length.


class CardPulled(Exception):
    """The card left the reader in the middle of a command."""


def moments(command: Command | None, step: Step, number: int) -> frozenset[str]:
    """Every name by which a quirk may mean this command, the `number`-th since the reset."""
    names = {"all", f"apdu {number}"}
    if command is None:
        return frozenset(names)
    name = MOMENTS.get(command.ins, "other")
    names.add(name)
    if name == "select" and command.data.startswith(PSE_FIRST):
        names |= {"pse"}
        names.discard("select")
    elif name == "record":
        names.add(f"record {command.p2 >> 3}.{command.p1}")
    elif name == "data":
        names.add(f"data {command.p1:02X}{command.p2:02X}")
    elif name == "ac":
        names.add("ac2" if step is Step.ONLINE else "ac1")
    return frozenset(names)


def apply(quirk: Quirk, answer: bytes) -> bytes:
    """What is sent in the place of `answer`. Raises ValueError for a quirk that means nothing."""
    change = CHANGES.get(quirk.does)
    if change is None:
        raise ValueError(f"no quirk does {quirk.does!r}")
    return change(answer[:-2], answer[-2:], quirk.value)


def _patch(data: bytes, status: bytes, value: str) -> bytes:
    """"AT HEX": other bytes from this offset on (negative: from the end)."""
    where, _, fresh = value.partition(" ")
    at, new = int(where), bytes.fromhex(fresh)
    at = at if at >= 0 else len(data) + at
    return data[:at] + new + data[at + len(new) :] + status


def _replace(data: bytes, status: bytes, value: str) -> bytes:
    """"OLD NEW" in hex, wherever OLD stands."""
    old, new = (bytes.fromhex(part) for part in value.split())
    return data.replace(old, new) + status


def _cut(data: bytes, status: bytes, value: str) -> bytes:
    return data[: int(value)] + status


def _append(data: bytes, status: bytes, value: str) -> bytes:
    return data + bytes.fromhex(value) + status


def _status(data: bytes, status: bytes, value: str) -> bytes:
    return bytes.fromhex(value)


def _warning(data: bytes, status: bytes, value: str) -> bytes:
    return data + bytes.fromhex(value)


def _answer(data: bytes, status: bytes, value: str) -> bytes:
    return bytes.fromhex(value)


def _silent(data: bytes, status: bytes, value: str) -> bytes:
    return b""


def _random(data: bytes, status: bytes, value: str) -> bytes:
    return random.Random(value).randbytes(min(int(value), ANSWER_MAX)) + OK


def _nested(data: bytes, status: bytes, value: str) -> bytes:
    body = b""
    for _ in range(min(int(value), NEST_MAX)):
        body = tlv(0x70, body)
    return body + OK


def _fill(data: bytes, status: bytes, value: str) -> bytes:
    """So many bytes, as one well-formed object where it can be."""
    return tlv(0x70, tlv(0xDF01, bytes(min(int(value), ANSWER_MAX)))) + OK


CHANGES: Mapping[str, Callable[[bytes, bytes, str], bytes]] = MappingProxyType(
    {
        "patch": _patch,
        "replace": _replace,
        "cut": _cut,
        "append": _append,
        "status": _status,
        "warning": _warning,
        "answer": _answer,
        "silent": _silent,
        "random": _random,
        "nested": _nested,
        "fill": _fill,
    }
)
# These are not changes of an answer: the card itself does them.
PULLED, SLOW, ENDLESS = "pulled", "slow", "endless"
DOES = frozenset({*CHANGES, PULLED, SLOW, ENDLESS})
PULLED_WHEN = ("before", "during", "after")  # The command was not carried out; was, but not written; was.
