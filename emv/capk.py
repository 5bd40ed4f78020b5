"""CA public keys and the revocation list as a file: TOML to frozen rows, with every mistake reported at once.

The shipped `emv/capks.toml` documents the format and holds the simulator's CA. A key is taken only if its check sum
fits (an issuer's acquirer hands it over with the key, so that a slip of a digit cannot make a key), and test keys and
production keys never stand in one profile: a card under a published test key could otherwise pass for a real one.

Spec: EMV 4.4 Book 2 §5.2 and §6.2 (retrieval), §11 (management of CA public keys in the terminal).
"""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from importlib import resources

from emv.certificates import EXPONENTS, MODULUS_BYTES, RSA_SHA_1, SHA_1, Check, OdaFailure, Part, PublicKey
from emv.rows import Problem, Row, RowsError, check_names, hex_field, read

CAPKS_MAX = 256  # Six a scheme are the Books' least; thirty schemes' worth.
REVOKED_MAX = 4096  # The Books' least is thirty a scheme.
RID_BYTES = 5

_CAPK_BYTES = {
    "rid": range(RID_BYTES, RID_BYTES + 1),
    "index": range(1, 2),
    "modulus": MODULUS_BYTES,
    "exponent": range(1, 4),
    "hash_algorithm": range(1, 2),
    "key_algorithm": range(1, 2),
    "checksum": range(20, 21),
}
_CAPK_KEYS = (*_CAPK_BYTES, "expiry", "set")
_REVOKED_BYTES = {"rid": range(RID_BYTES, RID_BYTES + 1), "index": range(1, 2), "serial": range(3, 4)}


class CapkSet(Enum):
    """Which world a key belongs to."""

    TEST = "test"
    PRODUCTION = "production"


@dataclass(frozen=True, slots=True)
class CaPublicKey:
    """One row. `expiry` is the last day on which it may be used."""

    rid: bytes
    index: int
    key: PublicKey
    expiry: datetime.date
    set: CapkSet

    @property
    def name(self) -> str:
        """RID and index as people write them: `A000000333/80`."""
        return f"{self.rid.hex().upper()}/{self.index:02X}"


@dataclass(frozen=True, slots=True)
class RevokedCertificate:
    """An issuer certificate that a scheme called back. Spec: Book 2 §5.3 step 10."""

    rid: bytes
    index: int
    serial: bytes


@dataclass(frozen=True, slots=True)
class CaKeys:
    """What a terminal knows of certification authorities. Raises ValueError if it mixes test and production."""

    keys: tuple[CaPublicKey, ...] = ()
    revoked: frozenset[RevokedCertificate] = frozenset()

    def __post_init__(self) -> None:
        sets = {which: [key.name for key in self.keys if key.set is which] for which in CapkSet}
        if all(sets.values()):
            told = "; ".join(f"{which.value}: {', '.join(names)}" for which, names in sets.items())
            raise ValueError(f"test and production CA public keys in one profile ({told})")

    def find(self, rid: bytes, index: int, today: datetime.date) -> PublicKey:
        """Raises OdaFailure if there is none, or only an expired one. Spec: Book 2 §5.2, §6.2."""
        for row in self.keys:
            if (row.rid, row.index) == (rid, index):
                if row.expiry < today:
                    raise OdaFailure(Part.CA_KEY, Check.EXPIRED)
                return row.key
        raise OdaFailure(Part.CA_KEY, Check.MISSING)

    def revoked_under(self, rid: bytes, index: int) -> frozenset[bytes]:
        """The serial numbers that are no longer good under this CA key."""
        return frozenset(row.serial for row in self.revoked if (row.rid, row.index) == (rid, index))


class CapkError(RowsError):
    """Every mistake of a file of CA public keys."""


def checksum(rid: bytes, index: int, modulus: bytes, exponent: bytes) -> bytes:
    """SHA-1 over RID, index, modulus and exponent, 20 bytes. Spec: Book 2 §11 (CA public key check sum)."""
    return hashlib.sha1(rid + bytes((index,)) + modulus + exponent).digest()


@lru_cache(maxsize=2)  # A pure function of its text; a day in the simulator starts thousands of terminals.
def load_capks(text: str) -> CaKeys:
    """Keys and revocations in the file's order. Raises CapkError with all mistakes.

    >>> load_capks('[[capk]]')  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    emv.capk.CapkError: capk[1].rid: is missing; capk[1].index: is missing; ...
    """
    problems: list[Problem] = []
    tables = read(text, ("capk", "revoked"), problems)
    return capks_of(tables["capk"], tables["revoked"], problems)


def capks_of(rows: Sequence[Row], revoked_rows: Sequence[Row] = (), found: Iterable[Problem] = ()) -> CaKeys:
    """Keys and revocations of rows, whoever wrote them: a file, or an acquirer's download.

    Raises CapkError with all mistakes, those already `found` first.
    """
    problems = list(found)
    for key, count, limit in (("capk", len(rows), CAPKS_MAX), ("revoked", len(revoked_rows), REVOKED_MAX)):
        if count > limit:
            problems.append(Problem(key, f"more than {limit} rows"))
    keys = [_capk(f"capk[{number}]", row, problems) for number, row in enumerate(rows, 1)]
    revoked = [_revoked(f"revoked[{number}]", row, problems) for number, row in enumerate(revoked_rows, 1)]
    _check_once(keys, problems)
    if not problems:
        try:
            return CaKeys(tuple(key for key in keys if key), frozenset(row for row in revoked if row))
        except ValueError as error:
            problems.append(Problem("capk", str(error)))
    raise CapkError(tuple(problems))


def default_capks() -> CaKeys:
    """The shipped file: the simulator's test CA. It reads a file of this package, nothing else."""
    return load_capks(resources.files("emv").joinpath("capks.toml").read_text(encoding="utf-8"))


def _capk(where: str, row: Row, problems: list[Problem]) -> CaPublicKey | None:
    before = len(problems)
    check_names(where, row, frozenset(_CAPK_KEYS), _CAPK_KEYS, problems)
    values = {key: hex_field(where, row, key, span, problems) for key, span in _CAPK_BYTES.items() if key in row}
    expiry, which = _day(where, row, problems), row.get("set")
    if "set" in row and which not in {each.value for each in CapkSet}:
        problems.append(Problem(f"{where}.set", 'is "test" or "production"'))
    if expiry is None or len(problems) > before:
        return None
    exponent = int.from_bytes(values["exponent"], "big")
    for key, known in (("hash_algorithm", SHA_1), ("key_algorithm", RSA_SHA_1)):
        if values[key][0] != known:
            problems.append(Problem(f"{where}.{key}", f"is not known; {known:02X} is (SHA-1, RSA)"))
    if exponent not in EXPONENTS:
        problems.append(Problem(f"{where}.exponent", "is 03 or 010001"))
    if not values["modulus"][0] or not values["modulus"][-1] & 1:
        problems.append(Problem(f"{where}.modulus", "is no modulus: it begins with 00 or is even"))
    index = values["index"][0]
    if checksum(values["rid"], index, values["modulus"], values["exponent"]) != values["checksum"]:
        problems.append(Problem(f"{where}.checksum", "does not fit the key: a digit of the row is wrong"))
    return CaPublicKey(values["rid"], index, PublicKey(values["modulus"], exponent), expiry, CapkSet(which))


def _day(where: str, row: Row, problems: list[Problem]) -> datetime.date | None:
    expiry = row.get("expiry")
    if isinstance(expiry, datetime.date) and not isinstance(expiry, datetime.datetime):
        return expiry
    if "expiry" in row:
        problems.append(Problem(f"{where}.expiry", "is a date without quotes: 2049-12-31"))
    return None


def _revoked(where: str, row: Row, problems: list[Problem]) -> RevokedCertificate | None:
    before = len(problems)
    check_names(where, row, frozenset(_REVOKED_BYTES), tuple(_REVOKED_BYTES), problems)
    values = {key: hex_field(where, row, key, span, problems) for key, span in _REVOKED_BYTES.items() if key in row}
    if len(problems) > before:
        return None
    return RevokedCertificate(values["rid"], values["index"][0], values["serial"])


def _check_once(keys: Iterable[CaPublicKey | None], problems: list[Problem]) -> None:
    seen: dict[tuple[bytes, int], int] = {}
    for number, key in enumerate(keys, 1):
        if key is not None and seen.setdefault((key.rid, key.index), number) != number:
            problems.append(Problem(f"capk[{number}]", f"has the RID and index of capk[{seen[key.rid, key.index]}]"))
