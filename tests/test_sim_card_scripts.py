"""Issuer scripts at the card: each order obeyed once its MAC is right, refused strictly otherwise, and remembered."""

from __future__ import annotations

import pytest
from apdus import AAC, OK, VALUES, apdu, cid, first_ac, get_data, iad, initiated, second_ac, select
from card_sessions import Bank, play

from sim.acquirer.scripts import SCRIPTS
from sim.card import PROFILES, VirtualCard
from sim.cryptograms import CRYPTOGRAM_TAGS
from sim.issuer import (
    BEFORE_FINAL,
    BLOCK_APPLICATION,
    BLOCK_CARD,
    UNBLOCK_APPLICATION,
    UNBLOCK_PIN,
    CheckedCryptogram,
    Issuer,
    Order,
    change_pin,
    put_data,
    update_record,
)

CARDS = ["unionpay-credit-pin", "visa-like", "visa-like-18", "visa-like-22", "mastercard-like", "mastercard-like-20"]


def online(name: str, card: VirtualCard | None = None) -> tuple[VirtualCard, CheckedCryptogram]:
    """A card after its first cryptogram, and its issuer, who has checked it."""
    card = initiated(name, card)
    answer = first_ac(card)
    app = card.profile.applications[0]
    values = {tag: VALUES[tag] for tag, _ in CRYPTOGRAM_TAGS if tag in VALUES}
    values |= {0x82: app.aip, 0x9F36: answer[3:5], 0x9F26: answer[5:13], 0x9F10: iad(answer)}
    checked = Issuer().check(app.pan, app.sequence, values)
    assert checked.genuine
    return card, checked


@pytest.mark.parametrize("name", CARDS)
def test_each_scheme_obeys_a_chain_of_orders(name: str) -> None:
    card, issuer = online(name)
    orders = (put_data(0x9F58, b"\x07"), UNBLOCK_PIN, change_pin(b"8642"), BLOCK_APPLICATION)
    for number, order in enumerate(orders):
        assert card.transmit(issuer.command(order, number)) == OK, order.header.hex()
    assert card.memory.limits.consecutive_lower == 7
    assert card.memory.pin == b"8642" and card.memory.pin_tries == 3
    assert select(card)[-2:] == b"\x62\x83"


@pytest.mark.parametrize("name", CARDS)
def test_a_mac_is_for_one_command_of_one_transaction(name: str) -> None:
    card, issuer = online(name)
    good = issuer.command(put_data(0x9F58, b"\x07"))
    for spoilt in (good[:-1] + bytes((good[-1] ^ 1,)), good[:5] + b"\x09" + good[6:]):
        assert card.transmit(spoilt) == b"\x69\x88"
    assert card.memory.limits.consecutive_lower is None and card.memory.script_failed
    assert card.transmit(good) == OK
    other, _ = online(name, card)
    assert other.transmit(good) == b"\x69\x88", "played back in the next transaction"


def test_a_blocked_application_gives_aacs_and_can_be_unblocked() -> None:
    card, issuer = online("unionpay-credit-pin")
    assert card.transmit(issuer.command(BLOCK_APPLICATION)) == OK
    assert cid(second_ac(card)) == AAC
    card, issuer = online("unionpay-credit-pin", card)
    assert card.transmit(issuer.command(UNBLOCK_APPLICATION)) == OK
    assert select(card)[-2:] == OK


def test_a_blocked_card_is_blocked_for_ever() -> None:
    card, issuer = online("unionpay-credit-pin")
    assert card.transmit(issuer.command(BLOCK_CARD)) == OK
    assert cid(second_ac(card)) == AAC, "the transaction comes to its end"
    assert select(card) == b"\x6a\x81"
    card.reset()
    assert card.transmit(apdu("00840000")) == b"\x6a\x81"


def test_a_changed_record_is_read_changed() -> None:
    card, issuer = online("unionpay-credit-pin")
    old = card.transmit(apdu("00B2010C"))[:-2]
    new = old.replace(b"TEST", b"BEST")
    assert card.transmit(issuer.command(update_record(1, 1, new))) == OK
    assert card.transmit(apdu("00B2010C")) == new + OK
    card.reset()
    select(card)
    assert card.transmit(apdu("00B2010C")) == new + OK


@pytest.mark.parametrize(
    ("order", "status"),
    [
        (Order(bytes.fromhex("841E0100")), "6a86"),
        (Order(bytes.fromhex("841E0000"), b"\x00"), "6700"),
        (Order(bytes.fromhex("84180001")), "6a86"),
        (Order(bytes.fromhex("84160000"), b"\x00"), "6700"),
        (Order(bytes.fromhex("84160100")), "6a86"),
        (Order(bytes.fromhex("84240001")), "6a86"),
        (Order(bytes.fromhex("84240000"), b"\x00"), "6700"),
        (Order(bytes.fromhex("84240002"), bytes(16)), "6a80"),
        (Order(bytes.fromhex("84240002"), bytes(3)), "6a80"),
        (put_data(0x9F02, b"\x00"), "6a88"),
        (put_data(0x9F58, b"\x00\x00"), "6700"),
        (put_data(0x9F54, b"\xff" * 6), "6a80"),
        (update_record(1, 2, b"\x70\x00"), "6a83"),
        (update_record(9, 1, b"\x70\x00"), "6a83"),
        (update_record(1, 1, b"\x70\x00"), "6700"),
        (update_record(1, 1, bytes(42)), None),
        (Order(bytes.fromhex("04DC010D"), b"\x70\x00"), "6a86"),
    ],
)
def test_an_order_that_is_none_is_refused_and_remembered(order: Order, status: str | None) -> None:
    card, issuer = online("unionpay-credit-pin")
    before = card.memory
    answer = card.transmit(issuer.command(order)).hex()
    assert answer == status if status else answer in ("6700", "6a80")
    after = card.memory
    assert after.script_failed and (after.blocked, after.pin, after.updated) == (before.blocked, before.pin, ())
    card = initiated("unionpay-credit-pin", card)
    assert iad(first_ac(card))[6] & 0x08, "the next 9F10 tells of it"


def test_without_secure_messaging_or_an_online_transaction_nothing_is_done() -> None:
    card = initiated("unionpay-credit-pin")
    assert card.transmit(apdu("841E0000", bytes(4), le=False)) == b"\x69\x85", "no cryptogram yet"
    card, _ = online("unionpay-credit-pin")
    assert card.transmit(apdu("801E0000", le=False)) == b"\x69\x82"
    assert card.transmit(apdu("841E0000", bytes(3), le=False)) == b"\x67\x00"
    card = initiated("unionpay-credit-pin", card)
    first_ac(card, AAC)
    assert card.transmit(apdu("841E0000", bytes(4), le=False)) == b"\x69\x85", "it was never online"


def test_limits_that_were_set_are_told() -> None:
    card, issuer = online("unionpay-credit-pin")
    assert get_data(card, "9F54") == b"\x6a\x88"
    assert card.transmit(issuer.command(put_data(0x9F54, bytes.fromhex("000000050000")))) == OK
    assert get_data(card, "9F54").hex() == "9f5406" + "000000050000" + "9000"
    assert card.memory.limits.cumulative_lower == 50000


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_kernel_delivers_each_script_that_the_acquirer_knows(name: str) -> None:
    script = SCRIPTS[name]
    card = VirtualCard(PROFILES["sends-unblock-pin"])
    played = play(PROFILES["sends-unblock-pin"], card=card, bank=Bank(orders=script.orders, template=script.template))
    assert played.genuine
    assert card.memory.scripts == len(script.orders) and not card.memory.script_failed
    assert card.memory.blocked is (name == "block-application")
    assert card._chip.stored.card_blocked is (name == "block-card")
    assert card.memory.pin_tries == (3 if name == "unblock-pin" else 0)


def test_a_block_before_the_final_cryptogram_ends_in_an_aac() -> None:
    played = play(PROFILES["unionpay-credit-pin"], bank=Bank(orders=(BLOCK_APPLICATION,), template=BEFORE_FINAL))
    assert played.reason == "declined-by-card"
