"""The host's side of downloads and activation: the lists it gives, in parts that fit F62, and the codes it knows.

The lists are plain attributes, so that a test makes one too long, wrong or empty and sees what the terminal does. F62
is written here from docs/host-link.md, apart from the terminal's reader: two sides that share code can be wrong
together.

Spec: docs/host-link.md §13, §14.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from emv import tlv
from emv.aids import default_aids
from emv.capk import CaPublicKey, checksum, default_capks
from emv.profile import AidEntry
from sim.acquirer.hostkeys import HostKeys
from sim.acquirer.registry import TEST_MERCHANT, TEST_TERMINAL
from sim.acquirer.requests import APPROVED, FORMAT_ERROR, MAC_FAILED, NOT_SUPPORTED, TERMINAL_UNKNOWN, Answer, Refused
from terminal.hostlink.codec import Message
from terminal.hostlink.subfields import read_f60

PART_BYTES = 400  # Entries of one reply: F62 has 512.
TEST_CODE = "20260001"  # The published activation code of the test terminal.
ACTIVATION = "981"
CODE_USED = "58"


def ca_key_entry(key: CaPublicKey) -> bytes:
    """Tags of a CA public key, as acquirers send them."""
    size = (key.key.exponent.bit_length() + 7) // 8
    exponent = key.key.exponent.to_bytes(size, "big")
    return tlv.build(
        (
            (0x9F06, key.rid),
            (0x9F22, bytes((key.index,))),
            (0xDF05, bytes.fromhex(f"{key.expiry:%Y%m%d}")),
            (0xDF06, b"\x01"),
            (0xDF07, b"\x01"),
            (0xDF02, key.key.modulus),
            (0xDF04, exponent),
            (0xDF03, checksum(key.rid, key.index, key.key.modulus, exponent)),
        )
    )


def aid_entry(entry: AidEntry) -> bytes:
    """Tags of an application's parameters; DF18 (online PIN) is one that terminals of this kind pass over."""
    return tlv.build(
        (
            (0x9F06, entry.aid),
            (0xDF01, b"\x00" if entry.partial else b"\x01"),
            (0x9F08, entry.avn),
            (0xDF11, entry.tac_default),
            (0xDF12, entry.tac_online),
            (0xDF13, entry.tac_denial),
            (0x9F1B, entry.floor_limit_minor.to_bytes(4, "big")),
            (0xDF15, entry.random_threshold_minor.to_bytes(4, "big")),
            (0xDF16, bytes.fromhex(f"{entry.random_target_max:02d}")),
            (0xDF17, bytes.fromhex(f"{entry.random_target:02d}")),
            (0xDF14, entry.default_ddol),
            (0xDF18, b"\x01"),
        )
    )


def _parameters() -> list[bytes]:
    told = {"11": "60", "12": "45", "18": "1", "19": "20", "23": "3", "26": "FFFF0000", "27": "10"}
    return [parameter(tag, value) for tag, value in (*told.items(), ("22", "掌柜测试商户"))]


def parameter(tag: str, value: str) -> bytes:
    data = value.encode("gb18030")
    return f"{tag}{len(data):03d}".encode("ascii") + data


@dataclass(slots=True)
class Lists:
    """What is given, entry by entry, by the code that loads it."""

    parameters: list[bytes] = field(default_factory=_parameters)
    ca_keys: list[bytes] = field(default_factory=lambda: [ca_key_entry(key) for key in default_capks().keys])
    aids: list[bytes] = field(default_factory=lambda: [aid_entry(entry) for entry in default_aids()])
    blacklist: list[bytes] = field(default_factory=lambda: [b"6225000000009999", b"6222021234567894321/01"])
    no_pin_bins: list[bytes] = field(default_factory=lambda: [b"622500"])
    bin_blacklist: list[bytes] = field(default_factory=list)
    card_bins: list[bytes] = field(default_factory=lambda: [b"622500", b"621700"])


# F60.3 of a query for names, or for a part: the list. What else: loading by name, and the end.
_NAMES: Mapping[str, str] = MappingProxyType({"372": "ca_keys", "382": "aids"})
_ENTRIES: Mapping[str, str] = MappingProxyType({"370": "ca_keys", "380": "aids"})
_PARTS: Mapping[str, str] = MappingProxyType(
    {
        "360": "parameters",
        "364": "parameters",
        "390": "blacklist",
        "396": "no_pin_bins",
        "398": "bin_blacklist",
        "960": "card_bins",
    }
)
_ENDS = frozenset({"361", "371", "381", "391", "397", "399", "961"})


@dataclass(slots=True)
class Code:
    """An activation code: whose numbers it gives, and the device that it was spent on."""

    merchant_no: str
    terminal_no: str
    merchant_name: str
    serial: str = ""


class DownloadDesk:
    """Answers 0800 and 0820 of downloads, and activation. `ended` counts lists that a terminal took to their end."""

    def __init__(self) -> None:
        self.lists = Lists()
        self.codes = {TEST_CODE: Code(TEST_MERCHANT, TEST_TERMINAL, "掌柜测试商户")}
        self.ended: dict[str, int] = {}
        self._devices: dict[tuple[str, str], str] = {}

    def answer(self, message: Message, signed: tuple[bytes, bytes], keys: HostKeys | None) -> Answer:
        """Of a terminal that is known; `signed` is what its MAC covers, and that. Raises Refused.

        A message with a MAC is answered with one.
        """
        if 64 not in message.fields:
            keys = None
        elif keys is None or not keys.mac_ok(*signed):
            raise Refused(MAC_FAILED)
        code = read_f60(message.text(60)).network_management
        note = message.binary(62)
        if code in _ENDS:
            self.ended[code] = self.ended.get(code, 0) + 1
            return Answer(APPROVED, keys=keys)
        if code in _ENTRIES:
            found = [entry for entry in self._list(_ENTRIES[code]) if entry.startswith(note)]
            return Answer(APPROVED, {62: b"1" + found[0] if found else b"0"}, keys)
        if code not in _NAMES and code not in _PARTS:
            return Answer(NOT_SUPPORTED)
        if note[:1] != b"1" or not note[1:].isdigit():
            return Answer(FORMAT_ERROR, keys=keys)
        entries = [_name(entry) for entry in self._list(_NAMES[code])] if code in _NAMES else self._list(_PARTS[code])
        plain = code in _NAMES or code in ("360", "364")
        return Answer(APPROVED, {62: _part(entries, int(note[1:]), b"" if plain else b",")}, keys)

    def _list(self, name: str) -> Sequence[bytes]:
        entries: Sequence[bytes] = getattr(self.lists, name)
        return entries

    def activates(self, message: Message) -> bool:
        """Whether it is the one message that comes from a terminal without numbers."""
        return message.mti == "0800" and message.text(60)[8:11] == ACTIVATION

    def activate(self, message: Message) -> Answer:
        told = _chain(message.binary(62))
        code, serial = self.codes.get(told.get("B1", "")), told.get("B2", "")
        if not serial:
            return Answer(FORMAT_ERROR)
        if code is None:
            return Answer(TERMINAL_UNKNOWN)
        if code.serial not in ("", serial):
            return Answer(CODE_USED)
        code.serial = serial
        self._devices[code.merchant_no, code.terminal_no] = serial
        given = (("B3", code.merchant_no), ("B4", code.terminal_no), ("B5", code.merchant_name))
        return Answer(APPROVED, {62: b"".join(parameter(tag, value) for tag, value in given)})

    def is_bound_elsewhere(self, message: Message) -> bool:
        """Whether these numbers were given to another device than the one whose serial a sign-in tells in F62."""
        serial = self._devices.get((message.text(42), message.text(41)))
        told = b"" if serial is None else f"Sequence No{len(serial) + 4:02d}0000{serial}".encode("ascii")
        return message.binary(62) != told if told else False


def _name(entry: bytes) -> bytes:
    """What an entry is asked for by: 9F06, and a CA key's 9F22."""
    items = tlv.parse(entry)
    return b"".join(bytes(item) for item in items if item.tag in (0x9F06, 0x9F22))


def _part(entries: Sequence[bytes], received: int, between: bytes) -> bytes:
    """A digit and as many entries as fit, from `received` on."""
    body, at = b"", received
    while at < len(entries) and (at == received or len(body) + len(entries[at]) < PART_BYTES):
        body += (between if at > received else b"") + entries[at]
        at += 1
    if at < len(entries):
        return b"2" + body
    if not body:
        return b"0"
    return (b"3" if received else b"1") + body


def _chain(data: bytes) -> dict[str, str]:
    """Tag 2, length 3, value. What does not fit is left out: such a code is not known."""
    found: dict[str, str] = {}
    while len(data) >= 5 and data[2:5].isdigit():
        length = int(data[2:5])
        found[data[:2].decode("ascii", "replace")] = data[5 : 5 + length].decode("ascii", "replace")
        data = data[5 + length :]
    return found
