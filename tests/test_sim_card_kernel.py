"""Every test card through the real kernel: each oddity ends as the Books say, and never in an offline approval."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from drivers.apdu_chain import ChainBroken, exchange
from emv.aids import default_aids
from emv.commands import (
    AskPin,
    CardError,
    ChooseApplication,
    Draw,
    GoOnline,
    OnlineAnswer,
    Outcome,
    PinResult,
    Result,
    Transceive,
)
from emv.kernel import contact_session
from emv.session import Session, TerminalProfile, TransactionData
from sim.card import PROFILES, VirtualCard
from sim.card.profiles import ATR_T0
from sim.issuer import Issuer

ONLINE = "approved-online"
HOSTILE = [name for name, profile in PROFILES.items() if profile.expect]  # Theirs is test_sim_card_hostile.py.


def play(name: str, *, code: bytes = b"00", arpc: str = "good") -> tuple[Outcome, list[str]]:
    """One card, one transaction, the real issuer (whose ARPC may be spoilt or missing); what was asked on the way."""
    card = VirtualCard(PROFILES[name])
    is_t0 = card.reset() == ATR_T0
    asked: list[str] = []
    transaction = TransactionData(amount_minor=12850, date="261121", time="120000", counter=1)
    coroutine = contact_session(Session(TerminalProfile(aids=default_aids()), transaction))
    send: Callable[[Any], Any] = coroutine.send
    answer: Any = None
    while True:
        try:
            request = send(answer)
        except StopIteration as end:
            outcome: Outcome = end.value
            return outcome, asked
        send = coroutine.send
        match request:
            case Transceive(capdu):
                try:
                    answer = exchange(card.transmit, capdu, t0=is_t0)
                except ChainBroken as broken:
                    send, answer = coroutine.throw, CardError(str(broken))
            case Draw(count):
                answer = bytes(range(count))
            case ChooseApplication(candidates):
                asked.append("choose " + ", ".join(each.label for each in candidates))
                answer = 0
            case AskPin():
                asked.append("pin")
                answer = PinResult.ENTERED
            case GoOnline(data):
                asked.append("online")
                answer = issuer_answer(data, code, arpc)
            case _:
                raise TypeError(type(request).__name__)


def issuer_answer(data: dict[int, bytes], code: bytes, arpc: str) -> OnlineAnswer | None:
    if arpc == "silent":
        return None
    pan = data[0x5A].hex().upper().rstrip("F")
    checked = Issuer().check(pan, data[0x5F34].hex(), data)
    assert checked.genuine, "the issuer believes the card's ARQC"
    value = checked.answer(code)
    if arpc == "bad":
        value = bytes(8) + value[8:]
    return OnlineAnswer(code, b"" if arpc == "none" else value)


@pytest.mark.parametrize(
    ("name", "result", "reason", "asked"),
    [
        ("unionpay-credit-pin", Result.APPROVED, ONLINE, ["pin", "online"]),
        ("unionpay-debit-pin", Result.APPROVED, ONLINE, ["pin", "online"]),
        ("signature", Result.APPROVED, ONLINE, ["online"]),
        ("no-cvm", Result.APPROVED, ONLINE, ["online"]),
        ("no-pse", Result.APPROVED, ONLINE, ["pin", "online"]),
        ("long-61xx", Result.APPROVED, ONLINE, ["pin", "online"]),
        ("format-77", Result.APPROVED, ONLINE, ["pin", "online"]),
        ("issuer-auth-in-cdol2", Result.APPROVED, ONLINE, ["pin", "online"]),
        ("no-cdol2-8a", Result.APPROVED, ONLINE, ["pin", "online"]),
        ("arpc-mandatory", Result.APPROVED, ONLINE, ["pin", "online"]),
        ("gpo-refused", Result.APPROVED, ONLINE, None),
        ("two-apps", Result.APPROVED, ONLINE, None),
        ("offline-pin-only", Result.APPROVED, ONLINE, ["online"]),
        ("blocked", Result.TERMINATED, "card-blocked", []),
        ("app-blocked", Result.TERMINATED, "application-blocked", []),
        ("unknown-aid", Result.TERMINATED, "no-application", []),
        ("garbage-tlv", Result.TERMINATED, "bad-data", []),
        ("garbage-gpo", Result.TERMINATED, "bad-data", []),
        ("garbage-ac", Result.TERMINATED, "bad-data", ["pin"]),
        ("no-pan", Result.TERMINATED, "data-missing", []),
        ("no-cdol", Result.TERMINATED, "data-missing", []),
        ("offline-approver", Result.TERMINATED, "cryptogram-not-allowed", ["pin"]),
        ("declines-first", Result.DECLINED, "declined-by-card", ["pin"]),
        ("declines-after-approval", Result.DECLINED, "declined-by-card", ["pin", "online"]),
    ],
)
def test_each_card_ends_as_it_should(name: str, result: Result, reason: str, asked: list[str] | None) -> None:
    outcome, seen = play(name)
    assert (outcome.result, outcome.reason) == (result, reason)
    if asked is not None:
        assert seen == asked
    assert outcome.signature is (name in ("signature", "offline-pin-only"))


def test_two_applications_are_put_to_the_cardholder() -> None:
    _, asked = play("two-apps")
    assert asked[0] == "choose UICC DEBIT, UICC CREDIT"


@pytest.mark.parametrize("name", ["garbage-fci", "endless-61xx"])
def test_a_card_that_cannot_be_read_is_not_charged(name: str) -> None:
    outcome, asked = play(name)
    assert outcome.result is Result.TERMINATED and not asked


@pytest.mark.parametrize(
    ("name", "arpc", "result"),
    [
        ("unionpay-credit-pin", "none", Result.APPROVED),
        ("unionpay-credit-pin", "bad", Result.DECLINED),
        ("arpc-mandatory", "none", Result.DECLINED),
        ("arpc-mandatory", "bad", Result.DECLINED),
        ("issuer-auth-in-cdol2", "bad", Result.DECLINED),
        ("issuer-auth-in-cdol2", "none", Result.DECLINED),
    ],
)
def test_the_card_judges_the_arpc(name: str, arpc: str, result: Result) -> None:
    assert play(name, arpc=arpc)[0].result is result


@pytest.mark.parametrize("code", [b"51", b"05", b"55"])
def test_a_refusal_ends_in_an_aac(code: bytes) -> None:
    outcome, _ = play("unionpay-credit-pin", code=code)
    assert outcome.result is Result.DECLINED
    assert outcome.cryptogram is not None and outcome.cryptogram.name == "AAC"


@pytest.mark.parametrize("name", sorted(set(PROFILES) - MUTE - set(HOSTILE)))
def test_no_card_is_approved_when_the_issuer_is_silent(name: str) -> None:
    outcome, _ = play(name, arpc="silent")
    assert outcome.result is not Result.APPROVED
