"""What a store takes: the checks that every new key passes, however it comes.

A key is refused when its usage, algorithm and mode of use do not go together, when it is weak, when it is single DES
for anything but a MAC (a sign-in of that scheme is the exception), and when it is kept in another place already.

Spec: PCI PIN Security requirements 6, 18-3, 19; docs/host-link.md §4.
"""

from __future__ import annotations

from collections.abc import Iterable

from keys import blocks, tdes, usage
from keys.block_header import Header
from keys.errors import KeyRefused
from keys.loading import ClearKey, KeyLayout, KeyScheme, unwrap_working_keys
from keys.mac_methods import MacMethod
from keys.refs import MAC_USAGES, KeyRef, Usage, working_keys
from keys.sound import check_sound, same_key
from keys.usage import Algorithm, Mode
from keys.vault import Label, Place, Vault

ONLY_PUBLISHED = "only published test keys are taken here: [keys] real_keys is false"
# The mode of use of a sign-in's keys: a terminal encrypts with PIK and TDK, and makes and checks with the MAK.
SIGN_IN_MODES = {Usage.PIK: Mode.ENCRYPT, Usage.MAK: Mode.MAKE_AND_CHECK, Usage.TDK: Mode.ENCRYPT}
_COMPARED = frozenset(use.value for use in Usage) - {Usage.INITIAL_KEY.value}  # Registers hold no initial key.


def place(ref: KeyRef) -> Place:
    return ref.usage.value, ref.slot


def label(ref: KeyRef, algorithm: Algorithm, mode: Mode) -> Label:
    return Label(ref.usage.value, algorithm.value, mode.value, ref.slot)


def check_new(vault: Vault, ref: KeyRef, algorithm: Algorithm, mode: Mode, key: bytearray) -> None:
    """Raise KeyRefused, with the reason, for a key that may not come to this place."""
    usage.check_attributes(ref.usage.value, algorithm.value, mode.value)
    if algorithm is Algorithm.DES and ref.usage not in MAC_USAGES:
        raise KeyRefused("single DES is taken from a sign-in whose scheme it is, and for a MAC")
    check_sound(ref.usage.name, algorithm, key)
    _check_elsewhere(vault, ref, algorithm, key, but=(ref,))


def opened_block(kbpk: bytearray, algorithm: Algorithm, block: str) -> blocks.UnwrappedKey:
    """The key in a block, which the caller wipes. Raises KeyRefused, alike for whatever keeps it from opening."""
    try:
        # A key of one algorithm is no key of another, though both may have 16 bytes.
        fits = blocks.inspect(block).version.is_aes is (algorithm is Algorithm.AES)
    except KeyRefused:
        fits = False
    return blocks.unwrap(kbpk if fits else bytearray(), block)


def check_header(header: Header) -> None:
    """Raise KeyRefused for what a terminal may not hold."""
    if header.is_component or header.usage.code not in {use.value for use in Usage}:
        what = "component" if header.is_component else f"{header.usage.meaning[1]} ({header.usage.code})"
        raise KeyRefused(f"a terminal does not take a {what}")


def by_length(algorithm: Algorithm, key: bytearray) -> Algorithm:
    """Old key blocks, and old records of this store, name a key of eight bytes TDES."""
    return Algorithm.DES if algorithm is Algorithm.TDES and len(key) == tdes.BLOCK_BYTES else algorithm


def sign_in_keys(
    vault: Vault, tmk: KeyRef, algorithm: Algorithm, key: bytearray, block: bytes, layout: KeyLayout, mac: MacMethod
) -> tuple[ClearKey, ...]:
    """The keys of a sign-in under a TMK, checked against each other and all that stays; the caller wipes them.

    Raises KcvMismatch, KeyRefused.
    """
    scheme = layout.scheme
    if algorithm is not scheme.tmk_algorithm:
        raise KeyRefused(f"working keys of {scheme.value} do not come under a TMK of {algorithm.name}")
    if mac not in (MacMethod.UNIONPAY, MacMethod.X9_19):
        raise KeyRefused(f"a sign-in brings no key for {mac.code}")
    if mac is MacMethod.X9_19 and scheme is not KeyScheme.TDES:
        raise KeyRefused("X9.19 takes a MAK of double length")
    fresh = unwrap_working_keys(key, block, layout)
    try:
        for one in fresh:
            role = mac.usage if one.usage is Usage.MAK else one.usage
            usage.check_attributes(role.value, one.algorithm.value, SIGN_IN_MODES[one.usage].value)
            replaced = (tmk, *working_keys(tmk.slot))  # The TMK was compared already.
            _check_elsewhere(vault, KeyRef(role, tmk.slot), one.algorithm, one.key, but=replaced)
    except KeyRefused:
        for one in fresh:
            one.wipe()
        raise
    return fresh


def _check_elsewhere(vault: Vault, ref: KeyRef, algorithm: Algorithm, key: bytearray, *, but: Iterable[KeyRef]) -> None:
    """Refuse a key that is kept in a place that is not in `but`: one key has one purpose."""
    passed = {place(one) for one in but}
    for record in vault.records:
        kept_as = record.label
        if kept_as.place in passed or kept_as.usage not in _COMPARED:
            continue
        kept = vault.open_record(record)
        try:
            if same_key(algorithm, key, Algorithm(kept_as.algorithm), kept):
                raise KeyRefused(f"the {ref.usage.name} is kept as {Usage(kept_as.usage).name} already")
        finally:
            tdes.wipe(kept)
