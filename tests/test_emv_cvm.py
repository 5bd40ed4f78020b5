"""The CVM list, rule by rule: 9F34 and TVR to the bit. Spec: EMV 4.4 Book 3 §10.5, Book 4 §6.3.4."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from emv_card_script import (
    Transcript,
    first_generate_ac,
    options,
    pin,
    play,
    records,
    selection,
    session,
)

from emv.commands import PinResult, Result
from emv.cvm import parse_cvm_list

NOTHING = "8000008000"
FAILED = "8000808000"
PIN_ENTERED = "8000048000"


@dataclass
class Case:
    """`rules` after the amounts X and Y; `tvr` at the first GENERATE AC; `results` is 9F34."""

    rules: str
    results: str
    tvr: str = NOTHING
    pins: list[PinResult] = field(default_factory=list)
    x: str = "00002710"  # 100.00
    y: str = "00004E20"  # 200.00
    amount: int = 12850
    other: int = 0
    kind: int = 0
    tsi: str = "6800"
    currency: str | None = "0156"
    profile: dict[str, Any] = field(default_factory=dict)


E = PinResult.ENTERED
BYPASS = {"pin_bypass": True}
NO_PIN_PAD = {"capabilities": bytes.fromhex("E02800")}
NO_SIGNATURE = {"capabilities": bytes.fromhex("E04800")}

CASES = {
    "online PIN": Case("4203", "420300", PIN_ENTERED, [E]),
    "online PIN, always": Case("0200", "020000", PIN_ENTERED, [E]),
    "signature": Case("1E03", "1E0300"),
    "no CVM": Case("1F03", "1F0302"),
    "fail": Case("0000", "000001", FAILED),
    "fail ends, whatever b7 says": Case("40001F00", "400001", FAILED),
    "no rule applies": Case("1F011E04", "3F0001", FAILED),
    "a condition that nobody knows is passed over": Case("1F0A1F801F03", "1F0302"),
    # Conditions that look at the transaction.
    "01 unattended cash: not attended": Case("1F01", "3F0001", FAILED, kind=0x01),
    "01 unattended cash": Case("1F01", "1F0102", kind=0x01, profile={"terminal_type": 0x24}),
    "02 a purchase": Case("1F02", "1F0202"),
    "02 not for cash": Case("1F02", "3F0001", FAILED, kind=0x01),
    "02 not for cash back": Case("1F02", "3F0001", FAILED, kind=0x09, other=5000),
    "04 manual cash": Case("1F04", "1F0402", kind=0x01),
    "04 not for a purchase": Case("1F04", "3F0001", FAILED),
    "05 cash back": Case("1F05", "1F0502", kind=0x09, other=5000),
    "05 not for a purchase": Case("1F05", "3F0001", FAILED),
    "06 under X": Case("1F06", "1F0602", amount=9999),
    "06 X itself is not under X": Case("1F06", "3F0001", FAILED, amount=10000),
    "07 over X": Case("1F07", "1F0702", amount=10001),
    "07 X itself is not over X": Case("1F07", "3F0001", FAILED, amount=10000),
    "08 under Y": Case("1F08", "1F0802", amount=19999),
    "08 over": Case("1F08", "3F0001", FAILED, amount=20001),
    "09 over Y": Case("1F09", "1F0902", amount=20001),
    "09 under": Case("1F09", "3F0001", FAILED, amount=19999),
    "06 in another currency": Case("1F06", "3F0001", FAILED, amount=1, currency="0840"),
    "06 without a currency": Case("1F06", "3F0001", FAILED, amount=1, currency=None),
    "limits: signature under X, PIN over": Case("1E064207", "420700", PIN_ENTERED, [E], amount=10001),
    # 03: if the terminal supports the method.
    "03 passes over what is not supported": Case("41031E03", "1E0300"),
    "03 without a PIN pad": Case("42031E03", "1E0300", profile=NO_PIN_PAD),
    "03 for all, none supported": Case("41034403", "3F0001", FAILED),
    # Unsupported methods under another condition.
    "offline PIN is required and not supported": Case("41001E00", "1E0000", "8000108000"),
    "offline PIN is required and is all": Case("0100", "3F0001", "8000908000"),
    "enciphered PIN and signature, then no CVM": Case("45001F00", "1F0002", "8000108000"),
    "online PIN is required and there is no pad": Case("42001F00", "1F0002", "8000108000", profile=NO_PIN_PAD),
    "online PIN without a pad and without a next rule": Case("02001F00", "3F0001", "8000908000", profile=NO_PIN_PAD),
    "signature is required and not supported": Case("5E001F00", "1F0002", profile=NO_SIGNATURE),
    "signature unsupported, no next rule": Case("1E001F00", "3F0001", FAILED, profile=NO_SIGNATURE),
    # Unrecognised methods.
    "an unrecognised method, then signature": Case("46001E00", "1E0000", "8000408000"),
    "an unrecognised method alone": Case("06001E00", "3F0001", "8000C08000"),
    "3F is no method of a list": Case("7F001E00", "1E0000", "8000408000"),
    "an unrecognised method whose condition fails leaves no trace": Case("46041E00", "1E0000"),
    # The PIN pad's answers.
    "bypass, then signature": Case("42001E00", "1E0000", "8000088000", [PinResult.BYPASSED], profile=BYPASS),
    "bypass without a next rule": Case("0200", "020001", "8000888000", [PinResult.BYPASSED], profile=BYPASS),
    "one bypass holds for the next PIN": Case(
        "420042031F00", "1F0002", "8000088000", [PinResult.BYPASSED], profile=BYPASS
    ),
    "the pad fails, then signature": Case("42001E00", "1E0000", "8000108000", [PinResult.PAD_FAILED]),
    "the pad fails without a next rule": Case("0200", "020001", "8000908000", [PinResult.PAD_FAILED]),
    "the pad fails, then fail": Case("42000000", "000001", "8000908000", [PinResult.PAD_FAILED]),
    # Nothing to verify.
    "a list without rules": Case("", "3F0000", "A000008000", tsi="2800"),
}


@pytest.mark.parametrize("name", CASES)
def test_rules(name: str) -> None:
    case = CASES[name]
    card = session(
        sale={"amount_minor": case.amount, "other_minor": case.other, "kind": case.kind}, **case.profile
    )
    transcript: Transcript = [
        *selection(),
        *options(),
        # Without issuer codes, so that nothing is denied and the result alone is looked at.
        *records(x8E=case.x + case.y + case.rules, x9F42=case.currency, x9F0E=None, x9F07="FFC0"),
        *(exchange for result in case.pins for exchange in pin(result)),
        *first_generate_ac(
            case.tvr,
            given="00",
            amount=f"{case.amount:012d}",
            other=f"{case.other:012d}",
            kind=f"{case.kind:02X}",
        ),
    ]
    data = play(card, transcript).outcome.data
    assert data[0x9F34].hex().upper() == case.results
    assert data[0x9B].hex().upper() == case.tsi


@pytest.mark.parametrize(
    ("answer", "bypass", "reason"),
    [
        (PinResult.CANCELLED, False, "pin-cancelled"),
        (PinResult.TIMED_OUT, False, "pin-timed-out"),
        (PinResult.BYPASSED, False, "pin-cancelled"),  # Nobody permitted a bypass: it is giving up.
    ],
)
def test_the_cardholder_gives_up(answer: PinResult, bypass: bool, reason: str) -> None:
    transcript = [*selection(), *options(), *records(), *pin(answer)]
    outcome = play(session(pin_bypass=bypass), transcript).outcome
    assert (outcome.result, outcome.reason) == (Result.CANCELLED, reason)
    assert not outcome.online


def test_the_card_does_not_support_verification() -> None:
    transcript = [*selection(), *options("0C00"), *records(), *first_generate_ac(NOTHING, given="00")]
    card = session()
    data = play(card, transcript).outcome.data
    assert data[0x9F34].hex() == "3f0000"
    assert data[0x9B].hex() == "2800"
    assert "Cardholder verification" in card.not_performed


def test_the_card_supports_verification_and_has_no_list() -> None:
    transcript = [*selection(), *options(), *records(x8E=None), *first_generate_ac("A000008000", given="00")]
    data = play(session(), transcript).outcome.data
    assert data[0x9F34].hex() == "3f0000"
    assert data[0x9B].hex() == "2800"


@pytest.mark.parametrize("value", ["0000000000000000421E03", "000000000000000042"])
def test_a_list_of_an_odd_length_ends_the_session(value: str) -> None:
    transcript = [*selection(), *options(), *records(x8E=value)]
    assert play(session(), transcript).outcome.reason == "bad-data"


def test_amounts_are_read() -> None:
    methods = parse_cvm_list(bytes.fromhex("0000271000004E201F03"))
    assert (methods.x_minor, methods.y_minor) == (10000, 20000)
