"""What a downloaded list means: its entries to the very rows that the shipped files give, or every mistake at once.

Entries are kept as the host sent them and read again at each start, so that there is one reader and no second spelling
of a key or an AID. `Downloaded` is all that is in force; it knows what it changes in the kernel's terminal data and in
the profile of the link, and nothing else.

Spec: docs/host-link.md §13; EMV 4.4 Book 2 §11 (CA public keys), Book 4 §10.2 (application dependent data).
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType

from emv import tlv
from emv.aids import aids_of
from emv.capk import CaKeys, CapkSet, capks_of, default_capks
from emv.profile import AidEntry, TerminalProfile
from emv.rows import Problem, RowsError
from terminal.hostlink.downloads import ListName
from terminal.hostlink.profile import RESEND_LIMIT, Profile
from terminal.model import Kind

Entries = Sequence[bytes]
Row = dict[str, object]

NAME_BYTES_MAX = 40
REPLY_S_MIN = 5  # A host that shortens it to less would make every sale a reversal.

_CARD = re.compile(r"([0-9]{13,19})(/[0-9]{2})?")
_BIN = re.compile(r"[0-9]{4,12}")

# Tag to column of emv/capks.toml; what is not here is passed over. [A]
_CA_KEY_COLUMNS: Mapping[int, str] = MappingProxyType(
    {
        0x9F06: "rid",
        0x9F22: "index",
        0xDF02: "modulus",
        0xDF03: "checksum",
        0xDF04: "exponent",
        0xDF05: "expiry",
        0xDF06: "hash_algorithm",
        0xDF07: "key_algorithm",
    }
)
# Tag to column of emv/aids.toml. [A]; 97 and 50 [ours]. The order of the action codes is right: default comes first.
_AID_COLUMNS: Mapping[int, str] = MappingProxyType(
    {
        0x50: "name",
        0x97: "default_tdol",
        0x9F06: "aid",
        0x9F08: "avn",
        0x9F1B: "floor_limit_minor",
        0xDF01: "partial",
        0xDF11: "tac_default",
        0xDF12: "tac_online",
        0xDF13: "tac_denial",
        0xDF14: "default_ddol",
        0xDF15: "random_threshold_minor",
        0xDF16: "random_target_max",
        0xDF17: "random_target",
    }
)


class ListError(RowsError):
    """Every mistake of a list that has no rows of its own kind."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """Terminal parameters; None: the host has not set it. The tag stands behind each."""

    reply_timeout_s: int | None = None  # 12
    tip: bool | None = None  # 18
    tip_percent_max: int | None = None  # 19
    manual_entry: bool | None = None  # 20
    merchant_name: str | None = None  # 22
    resend_count: int | None = None  # 23
    transactions: int | None = None  # 26: a bit for each of TRANSACTION_BITS, the first one highest
    offline_max: int | None = None  # 27

    def allows(self, kind: Kind) -> bool:
        """Whether the host lets this terminal do it; what has no bit is not the host's to say."""
        bit = TRANSACTION_BITS.get(kind)
        return self.transactions is None or bit is None or bool(self.transactions >> (31 - bit) & 1)


# The order is a convention of our own: no public source gives one. [A]
TRANSACTION_BITS: Mapping[Kind, int] = MappingProxyType(
    {
        kind: bit
        for bit, kind in enumerate(
            (
                Kind.BALANCE,
                Kind.AUTH,
                Kind.AUTH_VOID,
                Kind.COMPLETION,
                Kind.COMPLETION_VOID,
                Kind.SALE,
                Kind.VOID,
                Kind.REFUND,
                Kind.OFFLINE_SETTLEMENT,
                Kind.TIP,
                Kind.COMPLETION_NOTICE,
                Kind.OFFLINE_SALE,
                Kind.MOTO_SALE,
                Kind.INSTALMENT,
                Kind.POINTS,
                Kind.REPAYMENT,
            )
        )
    }
)


def _whole(low: int, high: int) -> Callable[[str], int | None]:
    def read(text: str) -> int | None:
        good = text.isascii() and text.isdigit() and low <= int(text) <= high
        return int(text) if good else None

    return read


def _flag(text: str) -> bool | None:
    return {"0": False, "1": True}.get(text)


def shop_name(text: str) -> str | None:
    """A merchant's name as a host tells it; None for one that no slip may carry.

    A long number in it is none of a name's, and a kept slip with what looks like a card's number is refused.
    """
    text = text.strip()
    good = text.isprintable() and 0 < len(text.encode("gb18030")) <= NAME_BYTES_MAX
    return text if good and not re.search("[0-9]{12}", text) else None


def _bitmap(text: str) -> int | None:
    return int(text, 16) if re.fullmatch(r"[0-9A-F]{8}", text) else None


_PARAMETERS: Mapping[str, tuple[str, Callable[[str], int | str | None]]] = MappingProxyType(
    {
        "12": ("reply_timeout_s", _whole(REPLY_S_MIN, 99)),
        "18": ("tip", _flag),
        "19": ("tip_percent_max", _whole(0, 99)),
        "20": ("manual_entry", _flag),
        "22": ("merchant_name", shop_name),
        "23": ("resend_count", _whole(0, RESEND_LIMIT)),
        "26": ("transactions", _bitmap),
        "27": ("offline_max", _whole(0, 99)),
    }
)


def read_parameters(entries: Entries) -> Parameters:
    """Raises ListError. Tags without a use here (telephone numbers, dial retries) are passed over."""
    values: dict[str, int | str] = {}
    problems: list[Problem] = []
    if not entries:
        problems.append(Problem("parameter", "there is none"))
    for entry in entries:
        text = entry.decode("gb18030")
        tag, column = text[:2], _PARAMETERS.get(text[:2])
        if column is None:
            continue
        name, read = column
        value = read(text[2:])
        if value is None or name in values:
            problems.append(Problem(f"parameter {tag}", "is not what it may be, or comes twice"))
        else:
            values[name] = value
    if problems:
        raise ListError(tuple(problems))
    return Parameters(**values)  # type: ignore[arg-type]  # Each was read by its column's own rule.


def read_ca_keys(entries: Entries, world: CapkSet) -> CaKeys:
    """Raises CapkError. Every key is of the `world` that the profile names, and none there that is published.

    The wire says nothing of worlds: a test key in a production list is known by its modulus alone.
    """
    problems: list[Problem] = []
    if not entries:
        problems.append(Problem("capk", "the list has no key"))
    rows = [_row(f"capk[{number}]", entry, _CA_KEY_COLUMNS, problems) for number, entry in enumerate(entries, 1)]
    for row in rows:
        row |= {"set": world.value}
        if "expiry" in row:
            row["expiry"] = _day(str(row["expiry"]))
    keys = capks_of(rows, found=problems)
    published = {key.key.modulus for key in default_capks().keys} if world is CapkSet.PRODUCTION else set()
    mixed = [Problem(key.name, "is a published test key") for key in keys.keys if key.key.modulus in published]
    if mixed:
        raise ListError(tuple(mixed))
    return keys


def read_aids(entries: Entries, known: Sequence[AidEntry] = ()) -> tuple[AidEntry, ...]:
    """Raises AidListError. An entry without a name has that of the `known` application with its AID."""
    problems: list[Problem] = []
    names = {entry.aid.hex(): entry.name for entry in known}
    rows = [_row(f"aid[{number}]", entry, _AID_COLUMNS, problems) for number, entry in enumerate(entries, 1)]
    for row in rows:
        aid = str(row.get("aid", ""))
        row["name"] = bytes.fromhex(str(row["name"])).decode("gb18030", "replace") if "name" in row else names.get(
            aid, aid.upper() or "?"
        )
        for column, read in _AID_VALUES.items():
            if column in row:
                row[column] = read(str(row[column]))
    return aids_of(rows, problems)


def _row(where: str, entry: bytes, columns: Mapping[int, str], problems: list[Problem]) -> Row:
    row: Row = {}
    try:
        items = tlv.parse(entry)
    except tlv.TlvError:
        problems.append(Problem(where, "is no TLV"))
        return row
    for item in items:
        column = columns.get(item.tag)
        if column is None:
            continue
        if column in row:
            problems.append(Problem(f"{where}.{column}", "comes twice"))
        row[column] = item.value.hex()
    return row


def _day(digits: str) -> datetime.date | str:
    """YYYYMMDD in BCD, or as eight ASCII digits; what is no day stays what it is, for the rows' reader to refuse."""
    if len(digits) == 16:
        digits = bytes.fromhex(digits).decode("ascii", "replace")
    try:
        return datetime.date.fromisoformat(digits) if len(digits) == 8 else digits
    except ValueError:
        return digits


def _binary(digits: str) -> int:
    return int(digits, 16) if len(digits) == 8 else -1


def _percent(digits: str) -> int:
    """BCD, one byte."""
    return int(digits) if re.fullmatch("[0-9]{2}", digits) else -1


def _partial(digits: str) -> object:
    """Application selection indicator: 00 partial, 01 the whole name."""
    return {"00": True, "01": False}.get(digits, digits)


_AID_VALUES: Mapping[str, Callable[[str], object]] = MappingProxyType(
    {
        "floor_limit_minor": _binary,
        "random_threshold_minor": _binary,
        "random_target": _percent,
        "random_target_max": _percent,
        "partial": _partial,
    }
)


def read_numbers(entries: Entries, shape: re.Pattern[str], what: str) -> tuple[str, ...]:
    """Card numbers or BINs, each once. Raises ListError, which tells places and never a number."""
    problems: list[Problem] = []
    seen: dict[str, int] = {}
    for number, entry in enumerate(entries, 1):
        text = entry.decode("ascii", "replace")
        if not shape.fullmatch(text):
            problems.append(Problem(f"{what}[{number}]", "is no number of this list"))
        elif seen.setdefault(text, number) != number:
            problems.append(Problem(f"{what}[{number}]", f"is the same as {what}[{seen[text]}]"))
    if problems:
        raise ListError(tuple(problems))
    return tuple(seen)


@dataclass(frozen=True, slots=True)
class Downloaded:
    """Every list in force. None: never loaded, and what the terminal came with is used."""

    parameters: Parameters | None = None
    ca_keys: CaKeys | None = None
    aids: tuple[AidEntry, ...] | None = None
    blacklist: tuple[str, ...] | None = field(default=None, repr=False)
    no_pin_bins: tuple[str, ...] | None = None
    bin_blacklist: tuple[str, ...] | None = None
    card_bins: tuple[str, ...] | None = None

    def having(self, name: ListName, entries: Entries, *, world: CapkSet, known: Sequence[AidEntry]) -> Downloaded:
        """With this list in the place of the old one. Raises RowsError with every mistake of it."""
        value: object
        if name is ListName.PARAMETERS:
            value = read_parameters(entries)
        elif name is ListName.CA_KEYS:
            value = read_ca_keys(entries, world)
        elif name is ListName.AIDS:
            value = read_aids(entries, known)
        else:
            value = read_numbers(entries, _CARD if name is ListName.BLACKLIST else _BIN, name.value)
        return replace(self, **{name.value: value})  # type: ignore[arg-type]  # Fields bear the lists' names.

    def count(self, name: ListName) -> int:
        """How many entries a list has; for parameters, how many are set."""
        value = getattr(self, name.value)
        if isinstance(value, Parameters):
            return sum(getattr(value, each.name) is not None for each in fields(value))
        return len(value.keys if isinstance(value, CaKeys) else value or ())

    def kernel(self, kernel: TerminalProfile) -> TerminalProfile:
        """The kernel's terminal data with what was loaded; issuer certificates called back stay called back."""
        if self.ca_keys is not None:
            kernel = replace(kernel, ca_keys=replace(self.ca_keys, revoked=kernel.ca_keys.revoked))
        if self.aids is not None:
            kernel = replace(kernel, aids=self.aids)
        if self.blacklist is not None:
            kernel = replace(kernel, exception_file=frozenset(self.blacklist))
        return kernel

    def profile(self, profile: Profile) -> Profile:
        """The link's profile with the host's own time-out and count of resends."""
        told = self.parameters
        if told is not None and told.reply_timeout_s is not None:
            profile = replace(profile, response_timeout_ms=told.reply_timeout_s * 1000)
        if told is not None and told.resend_count is not None:
            profile = replace(profile, reversal_resend_count=told.resend_count)
        if told is not None and told.offline_max:
            profile = replace(profile, upload_count_limit=told.offline_max)
        return profile
