"""VERIFY with its PIN: in clear byte by byte, and enciphered so that only the card's private key opens it.

The private half is the test world's (sim.card.chain), written apart from the terminal.
Spec: EMV 4.4 Book 3 §6.5.12, Book 2 §7.2.
"""

from __future__ import annotations

import pytest

from keys import KeyRefused, Pin
from keys.offline_pin import padding_bytes, verify_enciphered, verify_plain
from sim.card.chain import RsaKey
from sim.card.rsa_keys import published_keys

CHALLENGE = bytes.fromhex("0102030405060708")
ROLES = ("ca", "issuer", "icc", "pin")


@pytest.mark.parametrize(
    ("digits", "block"),
    [
        ("1234", "241234FFFFFFFFFF"),
        ("12345", "2512345FFFFFFFFF"),
        ("123456789012", "2C123456789012FF"),
    ],
)
def test_in_clear(digits: str, block: str) -> None:
    assert verify_plain(Pin.of(digits)).hex().upper() == "0020008008" + block


def enciphered(key: RsaKey, digits: str = "1234") -> tuple[bytearray, bytes]:
    padding = bytes(range(1, padding_bytes(key.modulus) + 1))
    return verify_enciphered(Pin.of(digits), key.modulus, key.e, CHALLENGE, padding), padding


@pytest.mark.parametrize("exponent", [3, 65537])
@pytest.mark.parametrize("role", ROLES)
def test_enciphered(role: str, exponent: int) -> None:
    key = published_keys()[role, exponent]
    command, padding = enciphered(key)
    assert command[:5] == bytes((0x00, 0x20, 0x00, 0x88, key.size))
    assert len(command) == 5 + key.size
    opened = key.private(bytes(command[5:]))
    assert opened == bytes.fromhex("7F" + "241234FFFFFFFFFF") + CHALLENGE + padding


def test_the_pin_is_the_callers_to_wipe() -> None:
    pin = Pin.of("1234")
    verify_plain(pin)
    assert pin.same_as(Pin.of("1234"))


ICC = published_keys()["icc", 3]
EVEN = ICC.modulus[:-1] + b"\x00"


@pytest.mark.parametrize(
    ("digits", "modulus", "exponent", "challenge", "padding", "reason"),
    [
        ("123", ICC.modulus, 3, CHALLENGE, None, "4 to 12 digits"),
        ("1234", ICC.modulus, 5, CHALLENGE, None, "exponent"),
        ("1234", ICC.modulus, 3, CHALLENGE[:7], None, "challenge"),
        ("1234", ICC.modulus, 3, CHALLENGE, bytes(5), "padding"),
        ("1234", EVEN, 3, CHALLENGE, None, "no RSA modulus"),
        ("1234", b"\x7f" + ICC.modulus[1:], 3, CHALLENGE, None, "no RSA modulus"),
        ("1234", ICC.modulus[:63], 3, CHALLENGE, bytes(46), "length"),
        ("1234", ICC.modulus + bytes(249 - ICC.size), 3, CHALLENGE, bytes(232), "length"),
    ],
)
def test_what_does_not_fit_is_refused(
    digits: str, modulus: bytes, exponent: int, challenge: bytes, padding: bytes | None, reason: str
) -> None:
    padding = bytes(padding_bytes(modulus)) if padding is None else padding
    with pytest.raises(KeyRefused, match=reason) as caught:
        verify_enciphered(Pin.of(digits), modulus, exponent, challenge, padding)
    assert digits not in str(caught.value)


def test_a_short_pin_is_refused_in_clear() -> None:
    with pytest.raises(KeyRefused):
        verify_plain(Pin.of("123"))
