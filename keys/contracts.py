"""A shop's contract with a wallet: the shop's signing key, the wallet's public key, and WeChat's API v3 key.

They rest in the vault like every key, records that are put there in one step, and are found by the contract's name: the
wallet's, and a digit where there is another (`wechat`, `wechat-2`), so that the next key can be loaded while the
present one is in use.

This is the one narrow door out of the room. The wallets' libraries sign and verify themselves and want the keys as
text, so `lend` gives them out as text: it lives in the process until that ends, nobody can wipe it, and whoever reads
the process's memory has it. No other key ever leaves: the rows of these three are no `Usage`, so no key block, ceremony
or sign-in brings them, no operation of the store takes them, and `lend` asks for an operation that no other row has.

Source: WeChat Pay API v3 and Alipay OpenAPI, public documents; RFC 7468.
"""

from __future__ import annotations

import binascii
import hmac
import re
from dataclasses import dataclass

from keys import tdes, usage
from keys.errors import KeyRefused
from keys.usage import Algorithm, Mode, Operation
from keys.vault import IS_TEST, Label, Place, Vault

WALLETS = ("wechat", "alipay")
NAME = re.compile(rf"({'|'.join(WALLETS)})(?:-([2-9]))?")
API_V3_BYTES = 32

SIGNING, WALLET_PUBLIC, API_V3 = "12", "13", "14"  # Usages; numbers are free for one's own.
_LINE_CHARACTERS = 64  # Of a PEM file.


@dataclass(frozen=True, slots=True)
class ContractRef:
    """The handle of one contract's keys. Raises KeyRefused for what is no name."""

    name: str

    def __post_init__(self) -> None:
        if NAME.fullmatch(self.name) is None:
            raise KeyRefused("a contract is called wechat or alipay, with -2 to -9 behind it where there are several")

    @property
    def wallet(self) -> str:
        return self.name.partition("-")[0]

    @property
    def slot(self) -> int:
        """Where its records are.

        >>> ContractRef("wechat").slot, ContractRef("alipay-2").slot
        (1, 12)
        """
        return 10 * WALLETS.index(self.wallet) + int(self.name.partition("-")[2] or 1)


@dataclass(frozen=True, slots=True, repr=False)
class Fresh:
    """A contract's keys on their way in, as `contract_intake.read` found them; wiped by whoever had it read.

    `private` is PKCS #8 and `wallet` SubjectPublicKeyInfo, in DER. `ours` and `theirs`: what people compare, SHA-256 of
    both public keys in hex. `published`: all of it is.
    """

    ref: ContractRef
    private: bytearray
    wallet: bytearray
    api_v3_key: bytearray
    ours: str
    theirs: str
    published: bool

    def __repr__(self) -> str:
        return f"Fresh({self.ref.name})"

    def wipe(self) -> None:
        tdes.wipe(self.private)
        tdes.wipe(self.api_v3_key)


@dataclass(frozen=True, slots=True, repr=False)
class ContractKeys:
    """What a wallet's library is lent: two keys as PEM, and the API v3 key ("" for a wallet that has none)."""

    private_pem: str
    wallet_pem: str
    api_v3_key: str

    def __repr__(self) -> str:
        return "ContractKeys()"


class ContractRoom:
    """The contracts of one vault. With `test_only` it takes published keys and no others."""

    def __init__(self, vault: Vault, *, test_only: bool) -> None:
        self._vault = vault
        self._test_only = test_only

    @property
    def holds_own(self) -> bool:
        """Whether any of them is not published."""
        codes = (SIGNING, WALLET_PUBLIC, API_V3)
        return any(r.label.usage in codes and not r.flags & IS_TEST for r in self._vault.records)

    def has(self, ref: ContractRef) -> bool:
        return self._vault.find((SIGNING, ref.slot)) is not None

    def load(self, fresh: Fresh) -> None:
        """Take a contract's keys in one durable step, in the place of those that it had. Raises KeyRefused."""
        if self._test_only and not fresh.published:
            raise KeyRefused("only published test keys are taken here: [keys] real_keys is false")
        self._check_elsewhere(fresh)
        slot, flags = fresh.ref.slot, IS_TEST if fresh.published else 0
        records = [
            (Label(SIGNING, Algorithm.RSA.value, Mode.SIGN.value, slot), flags, fresh.private),
            (Label(WALLET_PUBLIC, Algorithm.RSA.value, Mode.CHECK.value, slot), flags, fresh.wallet),
        ]
        if fresh.api_v3_key:
            label = Label(API_V3, Algorithm.AES.value, Mode.DECRYPT.value, slot)
            records.append((label, flags, fresh.api_v3_key))
        self._vault.put(records, replacing=_places(fresh.ref))

    def lend(self, ref: ContractRef) -> ContractKeys:
        """The keys as text, for the wallet's library and nobody else. Raises KeyRefused when there are none."""
        private, wallet = self._opened(SIGNING, ref), self._opened(WALLET_PUBLIC, ref)
        secret = self._opened(API_V3, ref) if ref.wallet == "wechat" else bytearray()
        try:
            return ContractKeys(_pem("PRIVATE KEY", private), _pem("PUBLIC KEY", wallet), secret.decode("ascii"))
        finally:
            tdes.wipe(private)
            tdes.wipe(secret)

    def drop(self, ref: ContractRef) -> None:
        """Forget a contract's keys. Repeating changes nothing."""
        self._vault.drop(_places(ref))

    def _opened(self, code: str, ref: ContractRef) -> bytearray:
        record = self._vault.find((code, ref.slot))
        if record is None:
            raise KeyRefused(f"there is no key of the contract {ref.name}")
        usage.check(record.label.usage, record.label.algorithm, record.label.mode, Operation.LEND)
        return self._vault.open_record(record)

    def _check_elsewhere(self, fresh: Fresh) -> None:
        """One key has one place: a signing key under two names would outlive the contract that gives it up."""
        for record in self._vault.records:
            if record.label.usage != SIGNING or record.label.slot == fresh.ref.slot:
                continue
            kept = self._vault.open_record(record)
            try:
                if hmac.compare_digest(kept, fresh.private):
                    raise KeyRefused("this signing key is kept under another contract's name already")
            finally:
                tdes.wipe(kept)


def _places(ref: ContractRef) -> list[Place]:
    return [(code, ref.slot) for code in (SIGNING, WALLET_PUBLIC, API_V3)]


def _pem(what: str, der: bytearray) -> str:
    """Spec: RFC 7468 §2."""
    text = binascii.b2a_base64(der, newline=False).decode("ascii")
    lines = [text[at : at + _LINE_CHARACTERS] for at in range(0, len(text), _LINE_CHARACTERS)]
    return "\n".join((f"-----BEGIN {what}-----", *lines, f"-----END {what}-----", ""))
