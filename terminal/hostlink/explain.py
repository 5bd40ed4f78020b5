"""A frame for people: each field by name in both languages, its value masked, its meaning, what is wrong.

Used by `python -m terminal decode` and by the panel. Nothing it gives out holds more of a PAN than 6+4, a
track's rest, or a PIN block; so it may be shown, logged and kept.

Spec: docs/host-link.md §1 to §8.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import Any

from keys import KeyRefused, KeyScheme, mac_methods
from keys.usage import Algorithm
from terminal.hostlink.codec import FRAMING, FrameError, Placed, read_mti, walk
from terminal.hostlink.frame import TPDU_BYTES, TPDU_ID, preamble_bytes, unwrap
from terminal.hostlink.masking import masked_raw, masked_value
from terminal.hostlink.meanings import MEANINGS, MTI_WORDS, REQUIREMENTS, Words
from terminal.hostlink.messages import mac_wire_bytes, shown_mac
from terminal.hostlink.profile import Profile
from terminal.hostlink.wire import BITMAP_BYTES

LENGTH_PREFIX_BYTES = 2
MAC_FIELD = 64
MAC_WORDS = {"good": Words("正确", "good"), "bad": Words("错误", "bad")}
REFUSED = Words("拒绝", "refused")


@dataclass(frozen=True, slots=True)
class Line:
    """One field. `value` is masked text (binary: hex), `raw` masked wire bytes in hex, length included."""

    number: int
    name: str
    zh: str
    value: str
    raw: str
    notes: tuple[Words, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """A frame as far as it could be read. `mac`: good, bad, absent, or unchecked (no key was given)."""

    mti: str | None
    mti_words: Words
    tpdu: str | None
    header: str | None
    requirement: int | None
    bitmap: str | None
    lines: tuple[Line, ...]
    mac: str
    problem: FrameError | None

    def to_json(self, language: str = "") -> dict[str, Any]:
        """`language` "zh-CN" or "en": the notes in that one; "": each in both."""
        problem = self.problem
        return {
            "mti": self.mti,
            "tpdu": self.tpdu,
            "header": self.header,
            "requirement": self.requirement,
            "bitmap": self.bitmap,
            "mac": self.mac,
            "fields": {
                str(line.number): {
                    "name": line.name,
                    "zh": line.zh,
                    "value": line.value,
                    "raw": line.raw,
                    "notes": [note.told(language) for note in line.notes],
                }
                for line in self.lines
            },
            "problem": problem and {"field": problem.field, "offset": problem.offset, "reason": problem.reason},
        }

    def to_lines(self, language: str = "") -> list[str]:
        """For a console: one line a field, its notes indented below it; `language` as for `to_json`."""
        out: list[str] = []
        if self.tpdu:
            out.append(f"TPDU    {self.tpdu}")
        if self.header:
            wish = REQUIREMENTS.get(self.requirement or 0, Words("")).told(language)
            out.append(f"header  {self.header}  {wish}".rstrip())
        if self.mti is not None:
            out.append(f"MTI     {self.mti}  {self.mti_words.told(language)}".rstrip())
        if self.bitmap is not None:
            out.append(f"bitmap  {self.bitmap}")
        for line in self.lines:
            out.append(f"F{line.number:<3} {line.value}  {Words(line.zh, line.name).told(language)}")
            out += [f"       {note.told(language)}" for note in line.notes]
        if self.mac in MAC_WORDS:
            out.append(f"MAC     {MAC_WORDS[self.mac].told(language)}")
        if self.problem is not None:
            out.append(f"{REFUSED.told(language)}: {self.problem}")
        return out


def explain(data: bytes, profile: Profile, *, bare: bool = False, mak: bytearray | None = None) -> Explanation:
    """Explain a frame, with or without its length prefix; `bare` data starts at the MTI.

    Never raises for bad data: the fault is in `problem`, its offset counted from the start of `data`. With a
    *test* MAK (which stays the caller's to wipe) field 64 is checked.
    """
    tpdu = header = None
    requirement = None
    start = 0
    if not bare:
        try:
            start = _after_length(data, profile)
            frame = unwrap(data[start:], profile)
        except FrameError as fault:
            return Explanation(None, Words(""), None, None, None, None, (), "unchecked", fault.moved(start))
        tpdu, header, requirement = frame.tpdu, frame.header, frame.requirement
        start += preamble_bytes(data[start:], profile)
    body = data[start:]
    mti: str | None = None
    lines: list[Line] = []
    problem: FrameError | None = None
    try:
        mti = read_mti(body, profile)
        for item in walk(body, profile):
            lines.append(_line(item, body[item.start : item.end], mti))
    except FrameError as fault:
        problem = fault.moved(start)
    bitmap = _bitmap(body, profile)
    words = MTI_WORDS.get(mti or "", Words(""))
    mac = "absent" if problem is None else "unchecked"
    if problem is None and lines and lines[-1].number == MAC_FIELD:
        mac = _check_mac(body, profile, mak)
    return Explanation(mti, words, tpdu, header, requirement, bitmap, tuple(lines), mac, problem)


def _after_length(data: bytes, profile: Profile) -> int:
    """Where the frame begins: after a length prefix that counts exactly the rest, or at once.

    Raises FrameError when two bytes stand before a TPDU but count something else: the frame was cut or
    joined.
    """
    size = profile.length_digits or LENGTH_PREFIX_BYTES
    head, rest = data[:size], len(data) - size
    if profile.length_digits:
        return size if head.isdigit() and int(head) == rest else 0
    prefix = int.from_bytes(head, "big")
    if rest >= 0 and prefix == rest:
        return size
    if profile.tpdu and rest > TPDU_BYTES and data[0] != TPDU_ID and data[size] == TPDU_ID:
        raise FrameError(FRAMING, 0, f"the length prefix says {prefix} bytes, {rest} follow")
    return 0


def _bitmap(body: bytes, profile: Profile) -> str | None:
    """Sixteen hex digits, or None for a body that ends before."""
    wire = profile.wire
    raw = body[wire.mti_bytes : wire.fields_at]
    if len(raw) != wire.fields_at - wire.mti_bytes:
        return None
    return raw.hex().upper() if len(raw) == BITMAP_BYTES else printable(raw.decode("latin-1"))


def _check_mac(body: bytes, profile: Profile, key: bytearray | None) -> str:
    if key is None:
        return "unchecked"
    size = mac_wire_bytes(profile)
    try:
        made = shown_mac(mac_methods.compute(profile.mac, _algorithm(profile), key, body[:-size]), profile)
    except KeyRefused:
        return "unchecked"  # A key that this MAC does not take.
    shown = made if size == len(made) else made.hex().upper().encode("ascii")
    return "good" if hmac.compare_digest(shown, body[-size:]) else "bad"


def _algorithm(profile: Profile) -> Algorithm:
    return Algorithm.SM4 if profile.key_cipher is KeyScheme.SM4 else Algorithm.TDES


def _line(item: Placed, wire: bytes, mti: str) -> Line:
    row = item.row
    meaning = MEANINGS.get(row.number)
    try:
        notes = meaning(item, mti) if meaning else ()
    except FrameError as fault:
        notes = (Words(f"! {fault.reason}"),)  # The field is well formed; only its inside is not.
    value = printable(masked_value(item))
    shown = tuple(note.each(printable) for note in notes)
    return Line(row.number, row.name, row.zh, value, masked_raw(item, wire), shown)


def printable(text: str) -> str:
    """Text that cannot move a console's cursor: whatever is no letter, mark or space becomes a dot."""
    return "".join(c if c.isprintable() or c == "\u3000" else "." for c in text)
