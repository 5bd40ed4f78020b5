"""PIN blocks of all formats and track encryption, against public vectors and against the host's own reading."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from keys import KeyLayout, KeyRef, KeyRefused, KeyStore, Pin, Usage
from keys.pin import format0
from keys.pin_formats import ONLINE, PinFormat, encrypt, format1, format2, format3, format4_pan_field
from keys.track import encrypt_track, tdb_place
from keys.usage import Algorithm
from sim.pin_host import open_block, read_clear
from sim.track_host import open_track

FOLDER = Path(__file__).parent / "vectors"
VECTORS: list[dict[str, Any]] = json.loads((FOLDER / "keys_pin_mac.json").read_text("utf-8"))["vectors"]
PIK = bytearray.fromhex("1A2B3C4D5E6F70818293A4B5C6D7E8F9")
TDK = bytearray.fromhex("13579BDF02468ACE1122334455667788")
PAN = "5555555551234567"
CIPHERS = {
    PinFormat.ISO_0: Algorithm.TDES,
    PinFormat.ISO_1: Algorithm.TDES,
    PinFormat.ISO_3: Algorithm.TDES,
    PinFormat.ISO_4: Algorithm.AES,
}
ALL = frozenset(PinFormat)

pins = st.text("0123456789", min_size=4, max_size=12)
pans = st.text("0123456789", min_size=13, max_size=19)


def group(name: str) -> list[dict[str, Any]]:
    found = [vector for vector in VECTORS if vector["group"] == name]
    assert found, name
    return found


def source(data: bytes) -> Callable[[int], bytes]:
    """A random source that says what it is told, again and again."""
    return lambda count: (data * count)[:count]


@pytest.mark.parametrize("vector", group("pinblock-iso0"))
def test_format_0(vector: dict[str, Any]) -> None:
    block = format0(Pin.of(vector["pin"]), vector["pan"])
    assert block.hex().upper() == vector["block"]
    assert read_clear(0, bytes(block), vector["pan"]).same_as(Pin.of(vector["pin"]))


@pytest.mark.parametrize("vector", group("pinblock-iso1"))
def test_format_1(vector: dict[str, Any]) -> None:
    fill = bytes.fromhex(vector["fill"])
    block = format1(Pin.of(vector["pin"]), source(bytes(8 - len(fill)) + fill))
    assert block.hex().upper() == vector["block"]
    assert read_clear(1, bytes(block)).same_as(Pin.of(vector["pin"]))


@pytest.mark.parametrize("vector", group("pinblock-iso2"))
def test_format_2(vector: dict[str, Any]) -> None:
    block = format2(Pin.of(vector["pin"]))
    assert block.hex().upper() == vector["block"]
    assert read_clear(2, bytes(block)).same_as(Pin.of(vector["pin"]))


@pytest.mark.parametrize("vector", group("pinblock-iso3"))
def test_format_3(vector: dict[str, Any]) -> None:
    drawn = bytes(int(letter, 16) - 10 for letter in vector["fill"])
    block = format3(Pin.of(vector["pin"]), vector["pan"], source(drawn))
    assert block.hex().upper() == vector["block"]
    assert read_clear(3, bytes(block), vector["pan"]).same_as(Pin.of(vector["pin"]))


@pytest.mark.parametrize("vector", group("pinblock-iso4"))
def test_format_4(vector: dict[str, Any]) -> None:
    key, random = bytearray.fromhex(vector["key"]), source(bytes.fromhex(vector["random"]))
    sent = encrypt(PinFormat.ISO_4, Algorithm.AES, key, Pin.of(vector["pin"]), vector["pan"], random)
    assert sent.hex().upper() == vector["encrypted"]
    assert open_block(4, bytes(key), sent, vector["pan"]).same_as(Pin.of(vector["pin"]))


@given(st.sampled_from(sorted(CIPHERS, key=lambda form: form.value)), pins, pans, st.binary(min_size=8, max_size=20))
def test_what_the_terminal_encrypts_the_host_reads(form: PinFormat, digits: str, pan: str, drawn: bytes) -> None:
    random = source(bytes(byte % 252 for byte in drawn))
    sent = encrypt(form, CIPHERS[form], PIK, Pin.of(digits), pan, random, allowed=ALL)
    found = open_block(form.value, bytes(PIK), sent, pan)
    assert found.same_as(Pin.of(digits))
    assert digits not in repr(found)


@given(st.integers(0, 5), st.binary(max_size=17), pans)
@example(4, bytes(16), PAN)
def test_a_garbled_block_is_a_pin_or_refused_in_one_text(form: int, block: bytes, pan: str) -> None:
    for attempt in (lambda: open_block(form, bytes(PIK), block, pan), lambda: read_clear(form, block, pan)):
        try:
            assert 4 <= len(attempt()) <= 12
        except KeyRefused as refused:
            assert str(refused) == "the PIN block does not open"
            assert refused.__cause__ is None


@pytest.mark.parametrize(
    ("form", "clear"),
    [
        (1, "0412340123456789"),  # Another format's number.
        (1, "1312340123456789"),  # Three digits.
        (1, "1D12340123456789"),  # Thirteen.
        (1, "14123A0123456789"),  # No digit.
        (2, "241234FFFFFFFFF0"),  # Fill.
        (2, "241234FFFFAFFFFF"),
        (4, "441234AAAAAAAAA5" + "00" * 8),
        (4, "44123AAAAAAAAAAA" + "00" * 8),
        (4, "441234AAAAAAAAAA"),  # Half a field.
    ],
)
def test_the_host_is_strict(form: int, clear: str) -> None:
    with pytest.raises(KeyRefused, match="^the PIN block does not open$"):
        read_clear(form, bytes.fromhex(clear))


def test_another_pan_does_not_open_formats_that_are_bound_to_it() -> None:
    # Digits that differ by one in places of fill make letters of the fill digits, or other letters.
    for form in (PinFormat.ISO_0, PinFormat.ISO_4):
        sent = encrypt(form, CIPHERS[form], PIK, Pin.of("1234"), PAN, source(bytes(8)))
        with pytest.raises(KeyRefused):
            open_block(form.value, bytes(PIK), sent, "5555555551234667")


def test_only_the_cipher_and_the_formats_that_are_allowed() -> None:
    for form in PinFormat:
        for algorithm in Algorithm:
            for allowed in (ONLINE, ALL):
                good = form in allowed and CIPHERS.get(form) is algorithm
                try:
                    encrypt(form, algorithm, PIK, Pin.of("1234"), PAN, source(bytes(8)), allowed=allowed)
                except KeyRefused:
                    assert not good, (form, algorithm)
                else:
                    assert good, (form, algorithm)


def test_format_3_takes_each_letter_alike_and_draws_again_what_would_favour_some() -> None:
    served = bytearray(bytes([255, 253]) + bytes(range(40)))

    def random(count: int) -> bytes:
        given = bytes(served[:count])
        del served[:count]
        return given

    block = bytearray(format3(Pin.of("1234"), "0000000000000000", random))
    assert block.hex().upper() == "341234ABCDEFABCD"
    with pytest.raises(KeyRefused, match="random source"):
        format3(Pin.of("1234"), PAN, source(b"\xff"))
    with pytest.raises(KeyRefused, match="random source"):
        format3(Pin.of("1234"), PAN, lambda _: b"")


@pytest.mark.parametrize("digits", ["", "123"])
def test_a_short_pin_is_refused_in_every_format(digits: str) -> None:
    for form in CIPHERS:
        with pytest.raises(KeyRefused):
            encrypt(form, CIPHERS[form], PIK, Pin.of(digits), PAN, source(bytes(8)), allowed=ALL)


@pytest.mark.parametrize("pan", ["", "12345678901234567890", "12345678901234x", "１２３４５６７８９０１２３"])
def test_what_is_no_pan_is_refused(pan: str) -> None:
    for form in ONLINE:
        with pytest.raises(KeyRefused) as refused:
            encrypt(form, CIPHERS[form], PIK, Pin.of("1234"), pan, source(bytes(8)))
        assert not pan or pan not in str(refused.value)


@pytest.mark.parametrize(
    ("pan", "field"),
    [
        ("123456789012", "0" + "123456789012" + "0" * 19),
        ("1234567890", "0" + "001234567890" + "0" * 19),
        ("1234567890123456", "4" + "1234567890123456" + "0" * 15),
    ],
)
def test_the_pan_field_of_format_4(pan: str, field: str) -> None:
    assert format4_pan_field(pan).hex() == field


def test_pins_are_compared_by_digits() -> None:
    assert Pin.of("1234").same_as(Pin.of("1234"))
    assert not Pin.of("1234").same_as(Pin.of("1235"))
    assert not Pin.of("1234").same_as(Pin.of("12345"))


# Tracks


@pytest.mark.parametrize("vector", group("track2-tdk"))
def test_track_vector(vector: dict[str, Any]) -> None:
    hidden = encrypt_track(bytearray.fromhex(vector["tdk"]), vector["track2"])
    assert hidden == vector["encrypted"]
    assert open_track(bytes.fromhex(vector["tdk"]), hidden) == vector["track2"]


@given(st.text("0123456789=D", min_size=17, max_size=104))
@example("6214832011141319D280620139490310130=1")
def test_tracks_come_back_and_keep_their_ends(track: str) -> None:
    hidden = encrypt_track(TDK, track)
    assert len(hidden) == len(track)
    plain = track.replace("=", "D")
    kept = 1 if len(track) % 2 else 2
    assert hidden[-kept:] == plain[-kept:]
    assert hidden[: -kept - 16] == plain[: -kept - 16]
    assert open_track(bytes(TDK), hidden) == plain


@pytest.mark.parametrize("track", ["", "1" * 16, "1" * 105, "1" * 20 + "x", "1" * 20 + "A", "１" * 20])
def test_what_is_no_track_is_refused(track: str) -> None:
    with pytest.raises(KeyRefused) as refused:
        encrypt_track(TDK, track)
    assert not track or track not in str(refused.value)


@given(st.text("0123456789ABCDEF x", max_size=110))
def test_a_garbled_track_is_refused_in_one_text(hidden: str) -> None:
    try:
        open_track(bytes(TDK), hidden)
    except KeyRefused as refused:
        assert str(refused) == "the track does not open"


def test_the_block_lies_before_the_last_byte_whole_or_half() -> None:
    assert [tdb_place(length) for length in (17, 18, 37)] == [slice(0, 16), slice(0, 16), slice(20, 36)]


def test_the_store_encrypts_tracks_under_the_tdk_only(tmp_path: Path) -> None:
    vectors = json.loads((FOLDER / "hostlink.json").read_text("utf-8"))["vectors"]
    block = next(vector["f62"] for vector in vectors if vector["id"] == "syn-key-004")
    store = KeyStore.open(tmp_path / "keys", terminal_id="10000001")
    store.load_test_tmk()
    with pytest.raises(KeyRefused, match="no TDK"):
        store.encrypt_track(KeyRef(Usage.TDK), "1" * 34)
    store.activate_working_keys(bytes.fromhex(block), KeyLayout.PIK_MAK_TDK)
    (vector,) = group("track2-tdk")
    assert store.encrypt_track(KeyRef(Usage.TDK), vector["track2"]) == vector["encrypted"]
    for usage in (Usage.TMK, Usage.PIK, Usage.MAK):
        with pytest.raises(KeyRefused):
            store.encrypt_track(KeyRef(usage), vector["track2"])
