"""A card that answers from a table and checks what it is asked: coding, order, lengths of the lists it sent.

It is no payment application: cryptograms are constants, nothing is counted. What it complains of fails the case.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from conformance.case import TAG
from conformance.keyed import Keys, signed_record
from conformance.notation import element, encode, list_entries, list_values, named

PSE = b"1PAY.SYS.DDF01"
AC = "1122334455667788"
CHALLENGE = bytes.fromhex("C0C1C2C3C4C5C6C7")
COMMANDS = frozenset({"00A4", "00B2", "80A8", "80AE", "0082", "0088", "80CA", "0020", "0084"})
TYPES = {"AAC": 0x00, "TC": 0x40, "ARQC": 0x80, "RFU": 0xC0}
PLACES = ("fci", "gpo", "get data")
ANSWERED = frozenset({"82", "94", "9F10", "9F36"})  # What GPO and GENERATE AC answer with.


class Pulled(Exception):
    """The card leaves the slot."""


@dataclass
class ScriptedCard:
    """One card's life in the slot. `table` is a case's `card`; `sent` what it was asked, in words."""

    table: dict[str, Any]
    sent: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    given: list[str] = field(default_factory=list)
    told: list[dict[str, str]] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    _next: int = 0
    _queues: dict[str, list[str]] = field(default_factory=dict)
    _tags: dict[str, str] = field(default_factory=dict)
    _exchanged: bytes = b""  # What PDOL and CDOLs brought, and goes under a CDA signature.

    def __post_init__(self) -> None:
        self._queues = {pattern: list(answers) for pattern, answers in self.table.get("answers", {}).items()}
        for tag, value in self.table.items():
            if TAG.fullmatch(tag) and value != "-":
                self._tags[tag] = encode(value).hex().upper() if isinstance(value, str) else named(tag, value)
        if self.keys is not None:
            made = self.keys.elements(self.static_data)
            self._tags = {**{tag: value for tag, value in made.items() if tag not in self.table}, **self._tags}

    # Its data

    @property
    def keys(self) -> Keys | None:
        pan = str(self.table.get("5A", "")).rstrip("F")
        return Keys(self.table["keys"], pan) if "keys" in self.table else None

    def tags(self) -> dict[str, str]:
        """Every element that it has, in hex: those of the table (but for "-"), and those that its keys made."""
        return self._tags

    def layout(self) -> dict[str, list[str]]:
        """Place → tags; what has no place of its own lies at the end of the last record."""
        places = {place: list(tags) for place, tags in self.table["layout"].items()}
        placed = {tag for tags in places.values() for tag in tags}
        last = [place for place in places if place not in PLACES][-1]
        places[last] += [tag for tag in self.tags() if tag not in placed and tag not in ANSWERED]
        return places

    def content(self, place: str, tags: dict[str, str] | None = None) -> bytes:
        tags = self.tags() if tags is None else tags
        return b"".join(element(tag, bytes.fromhex(tags[tag])) for tag in self.layout()[place] if tag in tags)

    def static_data(self, changes: dict[str, str]) -> bytes:
        """The signed records' data, with some elements as they were when the card was signed."""
        tags = {**self.tags(), **changes}
        data = b""
        for place in self.layout():
            if place in PLACES:
                continue
            sfi, number = (int(part) for part in place.split("."))
            if number <= self.table.get("signed", {}).get(str(sfi), 0):
                data += signed_record(sfi, self.content(place, tags))
        return data + (bytes.fromhex(tags["82"]) if tags.get("9F4A") == "82" else b"")

    def locator(self) -> str:
        """Tag 94: given, or made from the layout."""
        if "94" in self.table:
            return "" if self.table["94"] == "-" else str(self.table["94"])
        files: dict[int, list[int]] = {}
        for place in self.layout():
            if place not in PLACES:
                sfi, number = (int(part) for part in place.split("."))
                files.setdefault(sfi, []).append(number)
        signed = self.table.get("signed", {})
        entries = [(sfi << 3, min(n), max(n), signed.get(str(sfi), 0)) for sfi, n in files.items()]
        return "".join(f"{a:02X}{b:02X}{c:02X}{d:02X}" for a, b, c, d in entries)

    # Its answers

    def transmit(self, capdu: bytes, *, challenge: bytes = b"") -> bytes:
        """Raises Pulled. `challenge`: what the driver was told to encipher a PIN with."""
        if capdu[1:4] == b"\x20\x00\x88":
            self._check(challenge == CHALLENGE and self.sent[-1] == "GET CHALLENGE", "the challenge is not the card's")
        words = self._describe(capdu)
        self.sent.append(words)
        honest = self._honest(capdu, words)
        for pattern, queue in self._queues.items():
            if queue and matches(words, pattern):
                scripted = queue[0]
                if queue[1:2] != ["..."]:  # Else the same answer again and again.
                    del queue[0]
                if scripted == "pulled":
                    raise Pulled
                if scripted == "honest":
                    return honest
                answer = honest[:-2] + bytes.fromhex(scripted[1:]) if scripted[:1] == "~" else encode(scripted)
                if words.startswith("GENERATE"):
                    self.given[-1] = _type_in(answer)
                return answer
        return honest

    def _describe(self, capdu: bytes) -> str:
        """In words; complains of a command that is coded wrongly."""
        cla, ins, p1, p2 = capdu[:4]
        head = capdu[:4].hex().upper()
        if head[:4] not in COMMANDS:
            return capdu.hex().upper()  # An issuer's command, delivered as it is.
        data, le = self._body(capdu)
        match head[:4]:
            case "00A4":
                self._check(p1 == 4 and p2 in (0, 2) and le, f"SELECT is coded {head}, Le {le}")
                name = "PSE" if data == PSE else data.hex().upper()
                return f"SELECT {'NEXT ' if p2 == 2 else ''}{name}"
            case "00B2":
                self._check(p2 & 7 == 4 and not data and le, f"READ RECORD is coded {capdu.hex()}")
                return f"READ {p2 >> 3}.{p1}"
            case "80A8":
                self._check(p1 == p2 == 0 and le, f"GPO is coded {head}, Le {le}")
                return f"GPO {data.hex().upper()}"
            case "80AE":
                self._check(not p1 & 0x2F and p1 & 0xC0 != 0xC0 and p2 == 0 and le, f"GENERATE AC is coded {head}")
                kind = next(name for name, value in TYPES.items() if value == p1 & 0xC0)
                return f"GENERATE {kind}{'+CDA' if p1 & 0x10 else ''} {data.hex().upper()}"
            case "0082":
                self._check(p1 == p2 == 0 and not le, f"EXTERNAL AUTHENTICATE is coded {head}, Le {le}")
                return f"EXTERNAL AUTHENTICATE {data.hex().upper()}"
            case "0088":
                self._check(p1 == p2 == 0 and le, f"INTERNAL AUTHENTICATE is coded {head}, Le {le}")
                return f"INTERNAL AUTHENTICATE {data.hex().upper()}"
            case "80CA":
                self._check(not data and le, f"GET DATA is coded {capdu.hex()}")
                return f"GET DATA {head[4:].removeprefix('00')}"
            case "0020":
                self._check(p1 == 0 and p2 in (0x80, 0x88) and not le, f"VERIFY is coded {head}, Le {le}")
                return f"VERIFY {'enciphered' if p2 == 0x88 else 'plain'} {len(data)}"
            case "0084":
                self._check(p1 == p2 == 0 and not data and le, f"GET CHALLENGE is coded {capdu.hex()}")
                return "GET CHALLENGE"
        raise KeyError(head)

    def _body(self, capdu: bytes) -> tuple[bytes, bool]:
        """(data, whether Le = 00 follows)."""
        body = capdu[4:]
        if len(body) <= 1:
            self._check(body in (b"", b"\x00"), f"Le is {body.hex()}")
            return b"", bool(body)
        data, rest = body[1 : 1 + body[0]], body[1 + body[0] :]
        self._check(0 < len(data) == body[0] and rest in (b"", b"\x00"), f"Lc is wrong in {capdu.hex()}")
        return data, bool(rest)

    def _honest(self, capdu: bytes, words: str) -> bytes:
        name, _, rest = words.partition(" ")
        data = capdu[5 : 5 + capdu[4]] if len(capdu) > 5 else b""
        match name:
            case "SELECT":
                return self._select(rest)
            case "READ":
                return self._read(rest)
            case "GPO":
                return self._options(data)
            case "GENERATE":
                return self._generate(rest.split(" ")[0], data)
            case "GET" if rest != "CHALLENGE":
                tag = rest.removeprefix("DATA ")
                tags = self.tags()
                if tag in self.layout().get("get data", []) and tag in tags:
                    return element(tag, bytes.fromhex(tags[tag])) + b"\x90\x00"
                return bytes.fromhex("6A88")
            case "INTERNAL" if self.keys is not None:
                wanted = sum(length for _, length in list_entries(bytes.fromhex(self.tags().get("9F49", "9F3704"))))
                self._check(len(data) == wanted, f"INTERNAL AUTHENTICATE carries {len(data)} bytes")
                return element("80", self.keys.dynamic(data)) + b"\x90\x00"
            case "EXTERNAL":
                return bytes.fromhex(self.table.get("authenticate", "9000"))
            case "GET":
                return CHALLENGE + b"\x90\x00"
        return bytes.fromhex("9000" if name == "VERIFY" else "6D00")

    def _select(self, rest: str) -> bytes:
        again = rest.startswith("NEXT ")
        name = rest.removeprefix("NEXT ")
        if name == "PSE":
            if "directory" not in self.table:
                return bytes.fromhex("6A82")
            return encode(f"6F[84:'{PSE.decode()}' A5[88:01 5F2D:'zhen']] 9000")
        applications: dict[str, str] = self.table["applications"]
        fitting = [aid for aid, own in applications.items() if aid.startswith(name) and own != "-"]
        self._next = self._next + 1 if again else 0
        if self._next >= len(fitting):
            return bytes.fromhex("6A82")
        chosen = fitting[self._next]
        own = encode(applications[chosen]) + self.content("fci")
        return element("6F", element("84", bytes.fromhex(chosen)) + element("A5", own)) + b"\x90\x00"

    def _read(self, place: str) -> bytes:
        if not any(words.startswith("GPO") for words in self.sent):
            pages: list[str] = self.table.get("directory", [])
            sfi, number = (int(part) for part in place.split("."))
            if sfi == 1 and 1 <= number <= len(pages):
                return element("70", encode(pages[number - 1])) + b"\x90\x00"
            return bytes.fromhex("6A83")
        if place not in self.layout():
            return bytes.fromhex("6A83")
        return element("70", self.content(place)) + b"\x90\x00"

    def _options(self, data: bytes) -> bytes:
        wanted = sum(length for _, length in list_entries(bytes.fromhex(self.tags().get("9F38", ""))))
        self._check(data == element("83", data[-wanted:] if wanted else b""), f"GPO carries {data.hex()}")
        self._exchanged += data[-wanted:] if wanted else b""
        tags = self.tags()
        profile, locator = tags.get("82", ""), self.locator()
        if self.table.get("format") == "77":
            parts = [("82", profile), ("94", locator)]
            body = b"".join(element(tag, bytes.fromhex(value)) for tag, value in parts if value)
            return element("77", body + self.content("gpo")) + b"\x90\x00"
        return element("80", bytes.fromhex(profile + locator)) + b"\x90\x00"

    def _generate(self, kind: str, data: bytes) -> bytes:
        number = len(self.asked)
        self.asked.append(kind)
        self._check(number < 2, "a third GENERATE AC")
        entries = list_entries(bytes.fromhex(self.tags().get("8C" if number == 0 else "8D", "")))
        wanted = sum(length for _, length in entries)
        self._check(len(data) == wanted, f"GENERATE AC carries {len(data)} bytes, the list asks for {wanted}")
        self.told.append(list_values(entries, data))
        gives = self.table.get("gives", [])
        given = gives[number] if number < len(gives) and gives[number] else kind.removesuffix("+CDA")
        cid = f"{TYPES[given]:02X}" if given in TYPES else given
        self.given.append(_type_of(int(cid, 16)))
        tags = self.tags()
        atc, issuer = tags.get("9F36", ""), tags.get("9F10", "")
        self._exchanged += data
        if kind.endswith("+CDA") and int(cid, 16) & 0xC0 and self.keys is not None:
            head = element("9F27", bytes.fromhex(cid)) + element("9F36", bytes.fromhex(atc))
            tail = element("9F10", bytes.fromhex(issuer)) + encode(self.keys.table.get("more", ""))
            exchanged = self._exchanged + head + tail
            signature = self.keys.combined(int(cid, 16), AC, self.told[-1]["9F37"], exchanged)
            return element("77", head + element("9F4B", signature) + tail) + b"\x90\x00"
        if self.table.get("format") == "77":
            parts = (("9F27", cid), ("9F36", atc), ("9F26", AC), ("9F10", issuer))
            return element("77", b"".join(element(t, bytes.fromhex(v)) for t, v in parts if v)) + b"\x90\x00"
        return element("80", bytes.fromhex(cid + atc + AC + issuer)) + b"\x90\x00"

    def _check(self, right: bool, complaint: str) -> None:
        if not right:
            self.complaints.append(complaint)


def _type_of(cid: int) -> str:
    return next(name for name, value in TYPES.items() if value == cid & 0xC0)


def _type_in(answer: bytes) -> str:
    """The type of the cryptogram in a scripted answer, "" if it has none."""
    at = answer.find(b"\x9f\x27\x01")
    if answer[:1] == b"\x80":
        return _type_of(answer[2]) if len(answer) > 4 else ""
    return _type_of(answer[at + 3]) if at >= 0 else ""


def matches(words: str, pattern: str) -> bool:
    """Whether a command is what the pattern says: `GPO`, `GENERATE ARQC 0000*`, `READ 1.?`."""
    return fnmatchcase(words, pattern) or words.startswith(pattern + " ")
