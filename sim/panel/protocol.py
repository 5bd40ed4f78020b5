"""The words that browser, panel and handheld exchange: JSON objects, one a message, each with "do" or "is".

Down (browser → panel → handheld) goes what a person does, up comes what the world showed. The panel checks
everything that a browser says against the table below before any of it reaches a device; it is the one door
to the outside.

    down  {"do":"press","key":"5"}  insert swipe remove scan paper happen pixels | power restart host phone mend clear
    up    {"is":"screen",...} paper tone lamp scanner paper-state apdu journal ready | hello power host phone
          books cards card slip event host-state faults faults-on problem

A world in virtual time (sim.panel.staged) also hears time, play and begin, and says time, scenarios, playing,
step and begun. `happen` is a mishap in the words of the scenarios (sim.story.MISHAPS); `mend` takes a lasting one back
by its name.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from drivers.ports import Key, Paper
from sim.story import MISHAPS

MESSAGE_LIMIT = 4096  # Characters of one message from a browser: a scanned code of 1 KB escapes to less than this.
CODE_LIMIT = 1024  # Characters of a scanned code: a version 40 QR holds more, no payment code comes near.
NAME_LIMIT = 64
LINE_LIMIT = 4 * 1024 * 1024  # Bytes of one line from the handheld: a long slip as PNG in base64 is 100 KB.

BEHAVIOURS = ("normal", "silent", "refuse")
PHONE_ACTS = ("wallet", "look", "confirm", "cancel", "code", "hold", "one-code")

JSONObject = dict[str, Any]


class ProtocolError(ValueError):
    """A message that is none of ours; the text says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Do:
    """One thing that a person did. `values` holds only checked fields of this `act`."""

    act: str
    values: Mapping[str, str | bool]

    def wire(self) -> JSONObject:
        """The message as it goes on to the handheld."""
        return {"do": self.act, **self.values}


_CHOICES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "press": ("key", tuple(key.value for key in Key)),
    "paper": ("state", tuple(state.value for state in Paper)),
    "host": ("behaviour", BEHAVIOURS),
}
_TEXTS: Mapping[str, tuple[str, int]] = {
    "insert": ("card", NAME_LIMIT),
    "swipe": ("card", NAME_LIMIT),
    "scan": ("code", CODE_LIMIT),
    "play": ("scenario", NAME_LIMIT),
    "begin": ("seed", NAME_LIMIT),
}
TIME_ACTS = ("speed", "step", "stop")
TIME_LIMITS = {"speed": 3600, "step": 86_400_000, "stop": 0}  # Times the wall clock's, milliseconds.
_BARE = ("remove", "pixels", "restart", "clear")
TO_HANDHELD = ("press", "insert", "swipe", "remove", "scan", "paper", "happen", "pixels")


def parse_do(text: str | bytes) -> Do:
    """Check one message from a browser.

    >>> parse_do('{"do":"press","key":"5"}').wire()
    {'do': 'press', 'key': '5'}

    Raises ProtocolError, never anything else, whatever the text is.
    """
    if isinstance(text, bytes):
        raise ProtocolError("a binary message; this channel speaks JSON text")
    if len(text) > MESSAGE_LIMIT:
        raise ProtocolError(f"a message of {len(text)} characters; at most {MESSAGE_LIMIT}")
    try:
        said = json.loads(text)
    except (ValueError, RecursionError) as broken:
        raise ProtocolError("not JSON") from broken
    if not isinstance(said, dict) or not isinstance(said.get("do"), str):
        raise ProtocolError('not an object with "do"')
    act = said["do"]
    if act in _CHOICES:
        field, choices = _CHOICES[act]
        return Do(act, {field: _choice(said, field, choices)})
    if act in _TEXTS:
        field, limit = _TEXTS[act]
        return Do(act, {field: _text(said, field, limit)})
    if act in _BARE:
        return Do(act, {})
    if act == "power":
        if not isinstance(said.get("on"), bool):
            raise ProtocolError('power: "on" is true or false')
        return Do(act, {"on": said["on"]})
    if act == "time":
        return Do(act, _time(said))
    if act in ("happen", "mend"):
        return Do(act, _mishap(said))
    if act == "phone":
        deed = _choice(said, "act", PHONE_ACTS)
        if deed == "wallet":
            return Do(act, {"act": deed, "wallet": _text(said, "wallet", NAME_LIMIT)})
        return Do(act, {"act": deed})
    raise ProtocolError(f"unknown deed {act[:NAME_LIMIT]!r}")


def _choice(said: JSONObject, field: str, choices: tuple[str, ...]) -> str:
    value = said.get(field)
    if not isinstance(value, str) or value not in choices:
        raise ProtocolError(f"{said['do']}: {field} is one of {', '.join(choices)}")
    return value


def _time(said: JSONObject) -> dict[str, str | bool]:
    act = _choice(said, "act", TIME_ACTS)
    value = said.get("value", 0)
    if type(value) is not int or not 0 <= value <= TIME_LIMITS[act]:
        raise ProtocolError(f"time: value is a whole number from 0 to {TIME_LIMITS[act]}")
    return {"act": act, "value": str(value)}


def _mishap(said: JSONObject) -> dict[str, str | bool]:
    what = _choice(said, "what", tuple(MISHAPS))
    if said["do"] == "mend":
        return {"what": what, "name": _text(said, "name", NAME_LIMIT)}
    how = _text(said, "how", NAME_LIMIT)
    try:
        MISHAPS[what].check(how)
    except ValueError as wrong:
        raise ProtocolError(f"{what} {how}: {wrong}") from wrong
    return {"what": what, "how": how}


def _text(said: JSONObject, field: str, limit: int) -> str:
    value = said.get(field)
    if not isinstance(value, str) or not 0 < len(value) <= limit:
        raise ProtocolError(f"{said['do']}: {field} is 1 to {limit} characters")
    if any(0xD800 <= ord(letter) <= 0xDFFF for letter in value):
        raise ProtocolError(f"{said['do']}: {field} holds half a character")
    return value


def parse_said(line: bytes) -> JSONObject:
    """Check one line from the handheld. Raises ProtocolError."""
    if len(line) > LINE_LIMIT:
        raise ProtocolError(f"a line of {len(line)} bytes; at most {LINE_LIMIT}")
    try:
        said = json.loads(line)
    except (ValueError, RecursionError) as broken:
        raise ProtocolError(f"not JSON: {line[:80]!r}") from broken
    if not isinstance(said, dict) or not isinstance(said.get("is"), str):
        raise ProtocolError('not an object with "is"')
    return said


def to_line(message: Mapping[str, Any]) -> bytes:
    """One message as one line: ASCII, so that no terminal encoding can hurt it."""
    return json.dumps(message, ensure_ascii=True, separators=(",", ":")).encode("ascii") + b"\n"
