"""The card's own PIN: tries, both ways of sending it, and what a pulled card or a probing terminal gets of it."""

from __future__ import annotations

import dataclasses

import pytest
from apdus import apdu, first_ac, get_data, iad, initiated

from sim.card import PROFILES, VirtualCard
from sim.card.hostile import CardPulled
from sim.card.model import Quirk
from sim.card.rsa_keys import published_keys
from sim.cryptograms import format_2

RIGHT, WRONG = format_2(b"123456"), format_2(b"999999")


def plain(block: bytes) -> bytes:
    return apdu("00200080", block, le=False)


def enciphered(
    card: VirtualCard, block: bytes, *, header: int = 0x7F, role: str = "pin", challenge: bytes = b""
) -> bytes:
    """VERIFY as a terminal makes it, under the key that the card's certificate names."""
    challenge = challenge or card.transmit(apdu("00840000"))[:-2]
    key = published_keys()[role, 3]
    clear = bytes((header,)) + block + challenge
    clear += bytes(range(1, key.size - len(clear) + 1))
    sealed = pow(int.from_bytes(clear, "big"), key.e, key.n).to_bytes(key.size, "big")
    return apdu("00200088", sealed, le=False)


def tries(card: VirtualCard) -> int:
    return get_data(card, "9F17")[3]


def test_three_wrong_pins_and_it_is_blocked_until_somebody_helps() -> None:
    card = initiated("offline-pin-plain")
    for left in (2, 1, 0):
        assert card.transmit(plain(WRONG)) == bytes((0x63, 0xC0 | left))
        assert tries(card) == left
    assert card.transmit(plain(RIGHT)) == b"\x69\x83", "the tries ran out just now"
    card = initiated("offline-pin-plain", card)
    assert card.transmit(plain(RIGHT)) == b"\x69\x84", "there were none to begin with"


def test_the_right_pin_gives_the_tries_back() -> None:
    card = initiated("offline-pin-plain")
    card.transmit(plain(WRONG))
    assert card.transmit(plain(RIGHT)) == b"\x90\x00"
    assert tries(card) == 3


def test_the_cvr_tells_of_the_pin() -> None:
    said = {}
    for name, block in (("right", RIGHT), ("wrong", WRONG)):
        card = initiated("pin-and-signature")
        card.transmit(plain(block))
        said[name] = iad(first_ac(card))[4]
    assert said["right"] & 0x06 == 0x04, "performed"
    assert said["wrong"] & 0x06 == 0x06, "performed, and failed"


@pytest.mark.parametrize(("name", "role"), [("offline-pin-enciphered", "pin"), ("offline-pin-icc-key", "icc")])
def test_an_enciphered_pin(name: str, role: str) -> None:
    card = initiated(name)
    assert card.transmit(enciphered(card, WRONG, role=role)) == b"\x63\xc2"
    assert card.transmit(enciphered(card, RIGHT, role=role)) == b"\x90\x00"


def test_a_challenge_serves_once_and_only_the_next_command() -> None:
    card = initiated("offline-pin-enciphered")
    first = enciphered(card, RIGHT)
    assert card.transmit(first) == b"\x90\x00"
    assert card.transmit(first) == b"\x63\xc2", "played back"
    late = enciphered(card, RIGHT)
    tries(card)
    assert card.transmit(late) == b"\x63\xc1", "another command came between"
    assert card.transmit(enciphered(card, RIGHT, challenge=bytes(8))) == b"\x63\xc0", "not the card's"


def test_what_does_not_decipher_costs_a_try() -> None:
    card = initiated("offline-pin-enciphered")
    assert card.transmit(enciphered(card, RIGHT, header=0x7E)) == b"\x63\xc2"
    assert card.transmit(enciphered(card, b"\x3f" + RIGHT[1:])) == b"\x63\xc1"


@pytest.mark.parametrize(
    ("name", "command", "status"),
    [
        ("offline-pin-plain", apdu("00200180", RIGHT, le=False), "6a86"),
        ("offline-pin-plain", apdu("00200081", RIGHT, le=False), "6a86"),
        ("offline-pin-plain", apdu("00200080", RIGHT + b"\x00", le=False), "6700"),
        ("offline-pin-plain", apdu("00200080", b"\x34" + RIGHT[1:], le=False), "6a80"),
        ("offline-pin-enciphered", apdu("00200088", bytes(120), le=False), "6700"),
        ("offline-pin-enciphered", apdu("00200088", b"\xff" * 128, le=False), "6a80"),
        ("offline-pin-only", apdu("00200088", bytes(128), le=False), "6a86"),
        ("unionpay-credit-pin", apdu("00200080", RIGHT, le=False), "6a88"),
    ],
)
def test_a_verify_that_is_none_costs_nothing(name: str, command: bytes, status: str) -> None:
    card = initiated(name)
    assert card.transmit(command).hex() == status
    assert tries(card) == 3


def test_a_pin_after_the_cryptogram_is_too_late() -> None:
    card = initiated("offline-pin-only")
    first_ac(card)
    assert card.transmit(plain(RIGHT)) == b"\x69\x85"


@pytest.mark.parametrize("when", ["during", "after"])
def test_pulling_the_card_out_saves_no_try(when: str) -> None:
    """The try is written before the digits are compared."""
    base = PROFILES["offline-pin-plain"]
    card = VirtualCard(dataclasses.replace(base, quirks=(Quirk("verify", "pulled", when),)))
    initiated(base, card)
    with pytest.raises(CardPulled):
        card.transmit(plain(WRONG))
    assert card.memory.pin_tries == 2
    initiated(base, card)
    assert tries(card) == 2


def test_the_right_pin_and_then_torn_leaves_a_try_less() -> None:
    base = PROFILES["offline-pin-plain"]
    card = VirtualCard(dataclasses.replace(base, quirks=(Quirk("verify", "pulled", "during"),)))
    initiated(base, card)
    with pytest.raises(CardPulled):
        card.transmit(plain(RIGHT))
    assert card.memory.pin_tries == 2


def test_no_pin_in_any_repr() -> None:
    card = initiated("offline-pin-plain")
    told = repr((card, card.memory, card._chip, card.profile))
    assert "123456" not in told and RIGHT.hex() not in told and repr(b"123456") not in told
