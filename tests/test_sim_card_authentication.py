"""Cards with keys: what they sign is right by arithmetic done here, and the real kernel believes exactly the honest."""

from __future__ import annotations

import hashlib

import pytest
from apdus import AAC, ARQC, CDA, OK, TC, VALUES, apdu, filled, first_ac, initiated, second_ac, select
from card_sessions import play, shop_terminal

from emv.bits import TSI, TVR
from emv.capk import CaKeys, RevokedCertificate, default_capks
from sim.card import PROFILES, VirtualCard
from sim.card.rsa_keys import CA_INDEX, capk_rows, published_keys

FAILED = (
    TVR.OFFLINE_DATA_AUTHENTICATION_NOT_PERFORMED
    | TVR.SDA_FAILED
    | TVR.DDA_FAILED
    | TVR.CDA_FAILED
    | TVR.ICC_DATA_MISSING
)
HONEST = [name for name, profile in PROFILES.items() if profile.group == "authentication"]


def recovered(signature: bytes, exponent: int) -> bytes:
    key = published_keys()["icc", exponent]
    return pow(int.from_bytes(signature, "big"), key.e, key.n).to_bytes(key.size, "big")


def parts(answer: bytes) -> dict[int, bytes]:
    """The objects of one template; tags of two bytes, lengths in one of the two forms that occur."""
    at = 3 if answer[1] == 0x81 else 2
    found = {}
    while at < len(answer) - 2:
        tag = int.from_bytes(answer[at : at + 2], "big")
        size, at = (answer[at + 3], at + 4) if answer[at + 2] == 0x81 else (answer[at + 2], at + 3)
        found[tag] = answer[at : at + size]
        at += size
    return found


@pytest.mark.parametrize("name", HONEST)
def test_the_kernel_authenticates_each_honest_card(name: str) -> None:
    played = play(PROFILES[name], pins=(PROFILES[name].pin,))
    assert played.reason == "approved-online", played.problem
    assert not played.tvr & FAILED, played.tvr
    assert TSI(int.from_bytes(played.data[0x9B], "big")) & TSI.OFFLINE_DATA_AUTHENTICATION_PERFORMED
    assert played.genuine


@pytest.mark.parametrize(
    ("name", "pins", "results", "tries"),
    [
        ("offline-pin-plain", ("123456",), "410302", (3,)),
        ("offline-pin-plain", ("999999", "123456"), "410302", (3, 2)),
        ("offline-pin-enciphered", ("123456",), "440302", (3,)),
        ("offline-pin-icc-key", ("999999", "123456"), "440302", (3, 2)),
        ("pin-and-signature", ("123456",), "430300", (3,)),
        ("last-pin-try", ("123456",), "410302", (1,)),
    ],
)
def test_the_kernel_takes_the_pin_to_the_card(
    name: str, pins: tuple[str, ...], results: str, tries: tuple[int, ...]
) -> None:
    played = play(PROFILES[name], pins=pins)
    assert played.data[0x9F34].hex() == results
    assert played.tries == tries
    assert not played.tvr & TVR.PIN_TRY_LIMIT_EXCEEDED


def test_a_blocked_pin_goes_to_the_next_method() -> None:
    played = play(PROFILES["offline-pin-enciphered"], pins=("0000", "1111", "2222"))
    assert played.tvr & TVR.PIN_TRY_LIMIT_EXCEEDED and played.online_pins == 1
    assert played.reason == "approved-online"


@pytest.mark.parametrize(("name", "exponent"), [("dda", 3), ("dda-65537", 65537)])
def test_the_dynamic_signature(name: str, exponent: int) -> None:
    card = initiated(name)
    number = bytes.fromhex("0A0B0C0D")
    answer = card.transmit(apdu("00880000", number))
    assert answer[-2:] == OK
    block = recovered(answer[3:-2], exponent)
    assert block[:5].hex() == "6a05010908" and block[-1] == 0xBC
    assert hashlib.sha1(block[1:-21] + number).digest() == block[-21:-1]
    again = card.transmit(apdu("00880000", number))
    assert recovered(again[3:-2], exponent)[5:13] != block[5:13], "the dynamic number is new each time"


@pytest.mark.parametrize(("name", "exponent"), [("cda", 3), ("cda-65537", 65537)])
def test_the_combined_signature_covers_all_that_was_exchanged(name: str, exponent: int) -> None:
    card = initiated(name)
    app = card.profile.applications[0]
    sent = filled(app.pdol) + filled(app.cdol1)
    for second in (False, True):
        answer = second_ac(card, TC | CDA) if second else first_ac(card, ARQC | CDA)
        found = parts(answer)
        sent += filled(app.cdol2) if second else b""
        assert list(found) == [0x9F27, 0x9F36, 0x9F4B, 0x9F10], "no cryptogram in clear"
        block = recovered(found[0x9F4B], exponent)
        assert hashlib.sha1(block[1:-21] + VALUES[0x9F37]).digest() == block[-21:-1]
        size = block[4]
        assert block[3] == 1 + size + 1 + 8 + 20
        assert block[5 + size : 6 + size] == found[0x9F27]
        beside = b"".join(
            tag.to_bytes(2, "big") + bytes((len(found[tag]),)) + found[tag] for tag in (0x9F27, 0x9F36, 0x9F10)
        )
        assert block[14 + size : 34 + size] == hashlib.sha1(sent + beside).digest()


def test_an_aac_is_never_signed_and_a_card_without_cda_refuses_the_wish() -> None:
    assert 0x9F4B not in parts(first_ac(initiated("cda"), AAC | CDA))
    assert first_ac(initiated("dda"), ARQC | CDA) == b"\x6a\x86"
    assert first_ac(initiated("unionpay-credit-pin"), ARQC | CDA) == b"\x6a\x86"


@pytest.mark.parametrize(
    ("name", "command", "status"),
    [
        ("sda", "0088000004A1B2C3D400", "6985"),
        ("dda", "0088010004A1B2C3D400", "6a86"),
        ("dda", "0088000003A1B2C300", "6700"),
    ],
)
def test_an_internal_authenticate_that_is_none(name: str, command: str, status: str) -> None:
    assert initiated(name).transmit(bytes.fromhex(command)).hex() == status


def test_a_revoked_issuer_certificate_is_refused_only_by_who_knows() -> None:
    profile = PROFILES["issuer-revoked"]
    assert not play(profile).tvr & TVR.DDA_FAILED
    rid = profile.applications[0].aid[:5]
    revoked = frozenset({RevokedCertificate(rid, CA_INDEX[3], bytes.fromhex("00DEAD"))})
    known = CaKeys(default_capks().keys, revoked)
    assert play(profile, terminal=shop_terminal(ca_keys=known)).tvr & TVR.DDA_FAILED


def test_a_terminal_that_does_not_know_our_ca_believes_nobody() -> None:
    played = play(PROFILES["cda"], terminal=shop_terminal(ca_keys=CaKeys()))
    assert played.tvr & FAILED


def test_the_published_ca_keys_are_the_terminals() -> None:
    keys = {(each.rid, each.index): each.key.modulus for each in default_capks().keys}
    for exponent, index in CA_INDEX.items():
        assert keys[bytes.fromhex("A000000333"), index] == published_keys()["ca", exponent].modulus
    assert capk_rows(published_keys()).count("[[capk]]") == len(keys)


def test_card_keys_are_made_once_and_the_repr_hides_their_primes() -> None:
    key = published_keys()["icc", 3]
    assert published_keys()["icc", 3] is key
    assert str(key.p) not in repr(key)
    card = VirtualCard(PROFILES["cda"])
    card.reset()
    select(card)
    assert str(key.p) not in repr(card._chip)
