"""A profile: all that an acquirer may choose, as data: one TOML file, read into a frozen dataclass.

Every error of a file is reported at once, each with its line, key and reason, so that a person mends it in one go. A
profile may say only how it differs from a shipped one (`based_on = "unionpay"`). It may override rows of the field
table, `[fields.48]` with length, encoding, prefix or padding, and the codes of a transaction,
`[transactions.repayment]` with mti, processing_code, condition, type or account.

Spec: docs/host-link.md, whatever is graded [S] or [A].
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from pathlib import Path
from typing import Any

from emv.capk import CapkSet
from keys import KeyLayout, KeyScheme, MacMethod
from terminal.hostlink.fields import FIELDS, Field, in_ascii
from terminal.hostlink.profile_checks import Check, flag, line_of, list_of, one_of, one_of_numbers, pattern, whole
from terminal.hostlink.profile_tables import KSN_CHARACTERS, any_nibbles, holds_ksn, override_fields, recode
from terminal.hostlink.transactions import Row
from terminal.hostlink.wire import Wire, compile_rows
from terminal.model import CNY, Kind

PROFILES = Path(__file__).parent / "profiles"
TIMEOUT_LIMIT_MS = 300_000  # Five minutes before a silent host is longer than any customer stands there.
BASES = ("unionpay",)
RESEND_LIMIT = 9
NO_ORGANISATION = "000"  # F63.1 where no card is known.


class ProfileError(Exception):
    """A profile cannot be used. `problems` holds every fault: (line, key, reason); line 0 for none."""

    def __init__(self, source: str, problems: tuple[tuple[int, str, str], ...]) -> None:
        lines = (f"{source}:{line}: {key}: {reason}" for line, key, reason in problems)
        super().__init__("\n".join(lines))
        self.problems = problems


class PinRule(Enum):
    """When a swiped card is asked for its PIN."""

    ALWAYS = "always"
    SERVICE_CODE = "service-code"  # When the third digit of the card's service code says so.


class Fallback(Enum):
    """Whether a chip card may be swiped when its chip cannot be read, and who has to say so."""

    FORBIDDEN = "forbidden"
    OPERATOR = "operator"
    SUPERVISOR = "supervisor"


class Cvv2Rule(Enum):
    """Whether the number on the back of the card goes with a new order that is read out."""

    ALWAYS = "always"
    OPTIONAL = "optional"  # Where the cardholder has one.
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Profile:
    """Times in milliseconds. `tpdu` is 10 digits, `header` 12, of which the sixth is replaced on sending; or ""."""

    length_digits: int  # The link's length prefix: so many ASCII digits; 0: two binary bytes.
    tpdu: str
    header: str
    accept_lri: bool
    ascii_digits: bool  # MTI, numbers and their lengths are ASCII characters; else BCD.
    hex_bitmap: bool
    key_scheme: str  # F60.3 of the sign-in.
    key_cipher: KeyScheme
    ksn_field: int  # Where a message says its DUKPT transaction; 0: session keys, brought by the sign-in.
    mac: MacMethod
    mac_bytes: int  # How much of the MAC F64 has: 4, as eight hex characters, or all 8 as they are.
    sequence_no: str
    tmk_download: str  # F60.3 of a new TMK from the host; "" when this acquirer has none.
    connect_timeout_ms: int
    response_timeout_ms: int
    connection_kept: bool
    connection_echo_ms: int  # A kept connection is proved by an echo after so much silence,
    connection_trusted_ms: int  # and no request is put on it after so much.
    keep_card_codes: tuple[str, ...]  # Field 39s after which the card stays with the merchant.
    reversal_ending_codes: tuple[str, ...]
    reversal_resend_count: int
    no_response_reason: str
    mac_error_reason: str
    terminal_failure_reason: str
    reversal_f55_tags: tuple[str, ...]
    upload_done_codes: tuple[str, ...]
    upload_resend_count: int
    upload_count_limit: int  # So many advices waiting are sent at once.
    script_f55_tags: tuple[str, ...]
    pin_capture_code: str
    security_control: str
    terminal_capability: str
    operator_in_f63: bool
    tracks_encrypted: bool  # Tracks go out under the TDK, and F53's third digit says so.
    stripe_pin: PinRule
    fallback: Fallback
    fallback_without_application: bool
    moto_cvv2: Cvv2Rule
    instalment_terms: tuple[str, ...]  # What may be chosen, two digits each.
    instalment_product: str
    instalment_fee: str
    qr_scheme: str
    qr_transaction_type: str
    qr_terminal_capability: str
    qr_in_totals: bool
    eslip_address: str  # Where the acquirer shows slips to customers, "" for nowhere.
    qr_static_account: str  # The acquirer's identifier in the shop's printed code; "": there is no such code.
    qr_static_category: str
    qr_static_city: str
    qr_static_ask_s: int  # How often the host is asked for receipts while nobody is served.
    currency: str
    domestic_organisations: tuple[str, ...]  # 63.1 of an answer; empty: every card is domestic.
    sign_out_after_settlement: bool
    certificates_when_balanced: bool  # The chips' TCs go up after a settlement that balances, too.
    settled_behind: bool  # Behind the idle screen, with nobody waiting.
    downloads_mac: bool
    downloads_at_sign_in: bool
    ca_key_set: CapkSet
    fields: Mapping[int, Field]
    transactions: Mapping[Kind, Row]
    wire: Wire = field(init=False, repr=False, compare=False)  # What `fields` says, ready to read and write.

    def __post_init__(self) -> None:
        wire = compile_rows(self.fields, ascii_mti=self.ascii_digits, hex_bitmap=self.hex_bitmap)
        object.__setattr__(self, "wire", wire)

    @property
    def dukpt(self) -> bool:
        """Whether each message has keys of its own; else those of the last sign-in serve all of them."""
        return self.ksn_field > 0

    def is_foreign(self, organisation: str) -> bool:
        """Whether F63.1 names a card organisation that is not called domestic."""
        domestic = self.domestic_organisations
        return bool(domestic) and organisation not in ("", NO_ORGANISATION, *domestic)


def load_profile(name_or_path: str | Path) -> Profile:
    """A shipped profile by its name ("unionpay"), or any TOML file by its path.

    Raises ProfileError with all that is wrong.
    """
    path = Path(name_or_path)
    if isinstance(name_or_path, str) and re.fullmatch(r"[a-z0-9_-]+", name_or_path):
        path = PROFILES / f"{name_or_path}.toml"
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        reason = fault.strerror if isinstance(fault, OSError) else "not UTF-8"
        raise ProfileError(str(path), ((0, "file", str(reason)),)) from None
    return parse_profile(text, source=str(path))


@lru_cache(maxsize=8)  # A pure function of its text; terminal and simulated host read the same few.
def parse_profile(text: str, *, source: str) -> Profile:
    """As `load_profile`, from text; `source` is named in errors."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as fault:
        raise ProfileError(source, ((0, "file", str(fault)),)) from None
    problems: list[tuple[int, str, str]] = []
    table = _on_its_base(table, problems, text)
    flat = _flatten(table, problems, text)
    values: dict[str, Any] = {}
    for setting in _SETTINGS:
        line = line_of(text, setting.key)
        if setting.key not in flat:
            problems.append((line, setting.key, "missing"))
            continue
        value, reason = setting.check(flat.pop(setting.key))
        if reason:
            problems.append((line, setting.key, reason))
        values[setting.attribute] = value
    problems += [(line_of(text, key), key, "no such setting") for key in flat]
    problems += [(line_of(text, key), key, reason) for key, reason in _disagreements(values)]
    plain = in_ascii(FIELDS) if values.get("ascii_digits") else FIELDS
    values["fields"] = override_fields(plain, table.get("fields", {}), problems, text)
    if values.get("ksn_field") and not holds_ksn(values["fields"][values["ksn_field"]]):
        reason = f"field {values['ksn_field']} must take a text of {KSN_CHARACTERS} characters 0-9, A-F"
        problems.append((line_of(text, "keys.ksn_field"), "keys.ksn_field", reason))
    if values.get("tracks_encrypted"):
        values["fields"] = any_nibbles(values["fields"])
    values["transactions"] = recode(table.get("transactions", {}), problems, text)
    if problems:
        raise ProfileError(source, tuple(sorted(problems)))
    return Profile(**values)


def _on_its_base(table: dict[str, Any], problems: list[tuple[int, str, str]], text: str) -> dict[str, Any]:
    """What `based_on` names, with this file's own settings over it; a file without it says everything itself."""
    base = table.pop("based_on", None)
    if base is None:
        return table
    if base not in BASES:
        problems.append((line_of(text, "based_on"), "based_on", f"must be one of {', '.join(BASES)}"))
        return table
    merged: dict[str, Any] = tomllib.loads((PROFILES / f"{base}.toml").read_text(encoding="utf-8"))
    for name, section in table.items():
        both = isinstance(section, dict) and isinstance(merged.get(name), dict)
        merged[name] = {**merged[name], **section} if both else section
    return merged


def _disagreements(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Settings that are good each by itself, and not together."""
    found: list[tuple[str, str]] = []
    code, cipher, mac = (values.get(name) for name in ("key_scheme", "key_cipher", "mac"))
    dukpt = bool(values.get("ksn_field"))
    if dukpt:
        found += _of_dukpt(values)
    elif mac is MacMethod.CMAC:
        found.append(("keys.mac", "no sign-in brings a key for cmac: it needs keys.ksn_field"))
    if mac is MacMethod.UNIONPAY and values.get("mac_bytes") == 8:
        found.append(("keys.mac_bytes", "must be 4: this MAC is eight characters"))
    fitting = [layout.code for layout in KeyLayout if layout.scheme is cipher]
    if fitting and code in _SCHEMES and code not in fitting and not dukpt:
        found.append(("keys.scheme", f"must be one of {', '.join(dict.fromkeys(fitting))} with this cipher"))
    if mac is MacMethod.X9_19 and cipher not in (KeyScheme.TDES, None):
        found.append(("keys.mac", "x9.19 takes keys of double length: cipher must be 3des"))
    echo_ms, trusted_ms = values.get("connection_echo_ms"), values.get("connection_trusted_ms")
    if isinstance(echo_ms, int) and isinstance(trusted_ms, int) and trusted_ms <= echo_ms:
        found.append(("connection.trusted_ms", "must be longer than echo_ms, or no echo ever comes in time"))
    if values.get("tracks_encrypted"):
        if cipher is KeyScheme.SM4:
            found.append(("sale.tracks_encrypted", "no public text says which bytes of a track SM4 hides"))
        elif code not in ("004", None):
            found.append(("sale.tracks_encrypted", "needs a TDK: keys.scheme must be 004"))
    return found


def _of_dukpt(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What does not go with a key for each message. The initial key is one of TDES: F52 has room for no other."""
    found: list[tuple[str, str]] = []
    if values.get("key_cipher") not in (KeyScheme.TDES, None):
        found.append(("keys.cipher", "must be 3des with DUKPT"))
    if values.get("mac") is MacMethod.UNIONPAY:
        found.append(("keys.mac", "must be x9.19 or cmac with DUKPT"))
    if values.get("tmk_download"):
        found.append(("keys.tmk_download", "must be none: with DUKPT there is no TMK"))
    return found


@dataclass(frozen=True, slots=True)
class _Setting:
    key: str
    attribute: str
    check: Check


_CODE = r"[0-9A-Z]{2}"
_ADDRESS = r"(https?|HTTPS?)://[0-9A-Za-z.:/_~%-]{1,52}/"  # Short, or no small panel can show it.
_MACS = (MacMethod.UNIONPAY, MacMethod.X9_19, MacMethod.CMAC)
_SCHEMES = tuple(sorted({layout.code for layout in KeyLayout}))
_SETTINGS = (
    _Setting("frame.length", "length_digits", one_of({"binary": 0, "ascii": 4})),
    _Setting("frame.tpdu", "tpdu", pattern(r"(60[0-9]{8})?", "60 and eight digits, or none")),
    _Setting("frame.header", "header", pattern(r"([0-9]{12})?", "twelve digits, or none")),
    _Setting("frame.accept_lri", "accept_lri", flag),
    _Setting("frame.digits", "ascii_digits", one_of({"bcd": False, "ascii": True})),
    _Setting("frame.bitmap", "hex_bitmap", one_of({"binary": False, "hex": True})),
    _Setting("keys.scheme", "key_scheme", pattern("|".join(_SCHEMES), f"one of {', '.join(_SCHEMES)}")),
    _Setting("keys.cipher", "key_cipher", one_of({cipher.value: cipher for cipher in KeyScheme})),
    _Setting("keys.ksn_field", "ksn_field", one_of_numbers(0, 48, 53, 57, 59, 63)),
    _Setting("keys.mac", "mac", one_of({method.code: method for method in _MACS})),
    _Setting("keys.mac_bytes", "mac_bytes", one_of_numbers(4, 8)),
    _Setting("keys.tmk_download", "tmk_download", pattern(r"([0-9]{3})?", "three digits, or none")),
    _Setting("keys.sequence_no", "sequence_no", pattern(r"[\x20-\x7e]{0,99}", "at most 99 ASCII characters")),
    _Setting("timing.connect_timeout_ms", "connect_timeout_ms", whole(100, TIMEOUT_LIMIT_MS)),
    _Setting("timing.response_timeout_ms", "response_timeout_ms", whole(100, TIMEOUT_LIMIT_MS)),
    _Setting("connection.keep", "connection_kept", flag),
    _Setting("connection.echo_ms", "connection_echo_ms", whole(5_000, 3_600_000)),
    _Setting("connection.trusted_ms", "connection_trusted_ms", whole(5_000, 3_600_000)),
    _Setting("codes.keep_card", "keep_card_codes", list_of(_CODE, "two-character codes")),
    _Setting("reversal.ending_codes", "reversal_ending_codes", list_of(_CODE, "two-character codes")),
    _Setting("reversal.resend_count", "reversal_resend_count", whole(0, RESEND_LIMIT)),
    _Setting("reversal.no_response_reason", "no_response_reason", pattern(_CODE, "a two-character code")),
    _Setting("reversal.mac_error_reason", "mac_error_reason", pattern(_CODE, "a two-character code")),
    _Setting("reversal.terminal_failure_reason", "terminal_failure_reason", pattern(_CODE, "a two-character code")),
    _Setting("reversal.f55_tags", "reversal_f55_tags", list_of(r"([0-9A-F]{2}){1,3}", "tags in hex")),
    _Setting("uploads.done_codes", "upload_done_codes", list_of(_CODE, "two-character codes")),
    _Setting("uploads.resend_count", "upload_resend_count", whole(0, RESEND_LIMIT)),
    _Setting("uploads.count_limit", "upload_count_limit", whole(1, 99)),
    _Setting("uploads.script_f55_tags", "script_f55_tags", list_of(r"([0-9A-F]{2}){1,3}", "tags in hex")),
    _Setting("sale.pin_capture_code", "pin_capture_code", pattern(r"[0-9]{2}", "two digits")),
    _Setting("sale.security_control", "security_control", pattern(r"[0-9]{16}", "sixteen digits")),
    _Setting("sale.terminal_capability", "terminal_capability", pattern(r"[0-9]", "one digit")),
    _Setting("sale.operator_in_f63", "operator_in_f63", flag),
    _Setting("sale.tracks_encrypted", "tracks_encrypted", flag),
    _Setting("stripe.pin", "stripe_pin", one_of({rule.value: rule for rule in PinRule})),
    _Setting("stripe.fallback", "fallback", one_of({rule.value: rule for rule in Fallback})),
    _Setting("stripe.fallback_without_application", "fallback_without_application", flag),
    _Setting("moto.cvv2", "moto_cvv2", one_of({rule.value: rule for rule in Cvv2Rule})),
    _Setting("instalment.terms", "instalment_terms", list_of(r"[0-9]{2}", "terms of two digits")),
    _Setting("instalment.product", "instalment_product", pattern(r"[\x20-\x7e]{0,30}", "at most 30 ASCII characters")),
    _Setting("instalment.fee", "instalment_fee", pattern(r"[0-9]", "one digit")),
    _Setting("qr.scheme", "qr_scheme", pattern(r"acquirer-orders|none", '"acquirer-orders" or "none"')),
    _Setting("qr.transaction_type", "qr_transaction_type", pattern(r"[0-9]{2}", "two digits")),
    _Setting("qr.terminal_capability", "qr_terminal_capability", pattern(r"[0-9]", "one digit")),
    _Setting("qr.in_totals", "qr_in_totals", flag),
    _Setting("eslip.address", "eslip_address", pattern(rf"({_ADDRESS})?", "a short http(s) address, or none")),
    _Setting("qr.static_account", "qr_static_account", pattern(r"[\x20-\x7e]{0,32}", "at most 32 ASCII characters")),
    _Setting("qr.static_category", "qr_static_category", pattern(r"[0-9]{4}", "four digits")),
    _Setting("qr.static_city", "qr_static_city", pattern(r"[\x20-\x7e]{1,15}", "1 to 15 ASCII characters")),
    _Setting("qr.static_ask_s", "qr_static_ask_s", whole(10, 3600)),
    # Every amount is in fen, so another F49 would make 12,850 yen of ¥128.50.
    _Setting("batch.currency", "currency", one_of({CNY.numeric: CNY.numeric})),
    _Setting("batch.domestic", "domestic_organisations", list_of(r"[0-9A-Z]{3}", "three-character organisations")),
    _Setting("batch.sign_out", "sign_out_after_settlement", flag),
    _Setting("batch.certificates_when_balanced", "certificates_when_balanced", flag),
    _Setting("batch.background", "settled_behind", flag),
    _Setting("downloads.mac", "downloads_mac", flag),
    _Setting("downloads.at_sign_in", "downloads_at_sign_in", flag),
    _Setting("downloads.ca_keys", "ca_key_set", one_of({world.value: world for world in CapkSet})),
)
_SECTIONS = frozenset(setting.key.split(".")[0] for setting in _SETTINGS if "." in setting.key)


def _flatten(table: dict[str, Any], problems: list[tuple[int, str, str]], text: str) -> dict[str, Any]:
    """Settings by dotted key; `fields` and `transactions` stay apart."""
    flat: dict[str, Any] = {}
    for name, value in table.items():
        if name in ("fields", "transactions"):
            continue
        if name in _SECTIONS:
            if isinstance(value, dict):
                flat |= {f"{name}.{key}": inner for key, inner in value.items()}
            else:
                problems.append((line_of(text, name), name, "must be a section"))
        else:
            flat[name] = value
    return flat
