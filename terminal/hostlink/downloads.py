"""Lists that a host gives a terminal: what asks for each, and how a reply is cut into entries. One row a list.

Two ways. A list of *named* entries (CA public keys, AIDs) is asked for by its names first, then each entry by its name.
Every other list comes in parts, each of which says whether more follow. Both end in a message that the host
acknowledges; only then is the list put in the place of the old one, by whoever has asked. What the entries mean is
not known here (`lists.py`), only where each begins and ends.

F62 of a request is `1` and how many entries have come (two digits at least), or an entry's name. F62 of a reply is a
digit and entries: 0 none, 1 these are all, 2 more follow, 3 these are the last.

Spec: docs/host-link.md §13.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

from emv import tlv
from emv.aids import AIDS_MAX
from emv.capk import CAPKS_MAX
from terminal.hostlink.codec import FrameError, Message
from terminal.hostlink.messages import Terminal, base
from terminal.hostlink.subfields import read_tlv

F62 = 62
NUMBERS_MAX = 1024  # Card numbers or BINs of a list: 20 KB in the journal, and some thirty parts of F62.
PARAMETERS_MAX = 40
AID_9F06 = 0x9F06  # Before its index, a CA key's RID.
INDEX_9F22 = 0x9F22


class ListName(Enum):
    """What can be downloaded. The value names it in the journal, on the screen and on the slip."""

    PARAMETERS = "parameters"
    CA_KEYS = "ca_keys"
    AIDS = "aids"
    BLACKLIST = "blacklist"
    NO_PIN_BINS = "no_pin_bins"
    BIN_BLACKLIST = "bin_blacklist"
    CARD_BINS = "card_bins"


@dataclass(frozen=True, slots=True)
class Row:
    """F60.3 of each step. `names`: the query for the entries' names, "" when the list comes in parts.

    `more` asks for a part after the first. `limit` counts entries. `requirement`: the header's digit that wants it.
    """

    name: ListName
    names: str
    load: str
    more: str
    end: str
    limit: int
    requirement: int = 0


L = ListName
# fmt: off
_ROWS = (
    Row(L.PARAMETERS,    "",    "360", "364", "361", PARAMETERS_MAX, 1),
    Row(L.CA_KEYS,       "372", "370", "370", "371", CAPKS_MAX,      4),
    Row(L.AIDS,          "382", "380", "380", "381", AIDS_MAX,       5),
    Row(L.BLACKLIST,     "",    "390", "390", "391", NUMBERS_MAX,    7),
    Row(L.NO_PIN_BINS,   "",    "396", "396", "397", NUMBERS_MAX),
    Row(L.BIN_BLACKLIST, "",    "398", "398", "399", NUMBERS_MAX,    7),
    Row(L.CARD_BINS,     "",    "960", "960", "961", NUMBERS_MAX),
)
# fmt: on
DOWNLOADS: Mapping[ListName, Row] = MappingProxyType({row.name: row for row in _ROWS})


def wanted(requirement: int) -> tuple[ListName, ...]:
    """The lists that a header's processing requirement asks for; none for what is no download.

    >>> wanted(4)
    (<ListName.CA_KEYS: 'ca_keys'>,)
    """
    return tuple(row.name for row in _ROWS if requirement and row.requirement == requirement)


@dataclass(frozen=True, slots=True, repr=False)
class Part:
    """Entries (or names) of one reply. `more`: there are others behind them."""

    entries: tuple[bytes, ...]
    more: bool

    def __repr__(self) -> str:
        """Without the entries, which may be card numbers."""
        return f"Part({len(self.entries)} entries, more={self.more})"


def names_request(terminal: Terminal, row: Row, *, stan: str, received: int) -> Message:
    """0820: which entries are there? `received`: how many names have come."""
    return _request("0820", terminal, row.names, stan, _count(received))


def entry_request(terminal: Terminal, row: Row, *, stan: str, name: bytes) -> Message:
    """0800: the entry of this name."""
    return _request("0800", terminal, row.load, stan, name)


def part_request(terminal: Terminal, row: Row, *, stan: str, received: int) -> Message:
    """0800: the next part. `received`: how many entries have come."""
    return _request("0800", terminal, row.more if received else row.load, stan, _count(received))


def end_request(terminal: Terminal, row: Row, *, stan: str) -> Message:
    """0800: all of the list has come, and it is good."""
    return _request("0800", terminal, row.end, stan, b"")


def _request(mti: str, terminal: Terminal, code: str, stan: str, note: bytes) -> Message:
    fields = base(terminal, stan, f"00{terminal.batch_no}{code}")
    return Message(mti, {**fields, F62: note} if note else fields)


def _count(received: int) -> bytes:
    return f"1{received:02d}".encode("ascii")


def read_names(reply: Message) -> Part:
    """The names in a reply to `names_request`, each as `entry_request` takes it. Raises FrameError."""
    more, body = _status(reply)
    names: list[bytes] = []
    for item in _objects(body):
        if item.tag == AID_9F06:
            names.append(bytes(item))
        elif item.tag == INDEX_9F22 and names:
            names[-1] += bytes(item)
    return _part(tuple(names), more)


def read_entry(reply: Message, name: bytes) -> bytes:
    """The entry in a reply to `entry_request`. Raises FrameError, also when it is not the one asked for."""
    _, body = _status(reply)
    told = {item.tag: item.value for item in _objects(body)}
    if any(told.get(item.tag) != item.value for item in _objects(name)):
        raise FrameError(F62, 0, "another entry than was asked for, or none")
    return body


def read_part(row: Row, reply: Message) -> Part:
    """A part of a list of parameters (tag and value) or of numbers. Raises FrameError."""
    more, body = _status(reply)
    if row.name is ListName.PARAMETERS:
        return _part(_parameters(body), more)
    return _part(tuple(body.split(b",")) if body else (), more)


def _status(reply: Message) -> tuple[bool, bytes]:
    data = reply.binary(F62)
    if data[:1] not in (b"0", b"1", b"2", b"3") or (data[:1] == b"0") != (len(data) == 1):
        raise FrameError(F62, 0, "begins with 0 and nothing else, or with 1, 2, 3 and entries")
    return data[:1] == b"2", data[1:]


def _part(entries: tuple[bytes, ...], more: bool) -> Part:
    if more and not entries:
        raise FrameError(F62, 0, "more follow, and there are none")
    return Part(entries, more)


def _objects(data: bytes) -> tuple[tlv.Tlv, ...]:
    try:
        return tlv.parse(data)
    except tlv.TlvError:
        raise FrameError(F62, 1, "is no TLV") from None


def _parameters(body: bytes) -> tuple[bytes, ...]:
    """Tag 2, length 3, value, as in F59."""
    try:
        tags = read_tlv(body.decode("gb18030"))
    except UnicodeDecodeError:
        raise FrameError(F62, 1, "is no GB18030") from None
    except FrameError as fault:
        raise FrameError(F62, fault.offset + 1, fault.reason) from None
    return tuple((tag + value).encode("gb18030") for tag, value in tags.items())
