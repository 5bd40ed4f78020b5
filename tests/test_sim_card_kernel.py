"""Every test card through the real kernel: each oddity ends as the Books say, and never in an offline approval."""

from __future__ import annotations

import pytest
from card_sessions import Bank, play

from emv.bits import TVR
from emv.commands import Cryptogram, Result
from sim.card import PROFILES

ONLINE = "approved-online"
HOSTILE = [name for name, profile in PROFILES.items() if profile.expect]  # Theirs is test_sim_card_hostile.py.


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
        ("offline-pin-only", Result.APPROVED, ONLINE, ["card's pin", "online"]),
        ("expired", Result.APPROVED, ONLINE, ["pin", "online"]),  # The issuer's word: no code denies it here.
        ("not-yet-valid", Result.APPROVED, ONLINE, ["pin", "online"]),
        ("not-for-goods", Result.DECLINED, "declined-offline", None),
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
    played = play(PROFILES[name], pins=("123456",))
    assert (played.result, played.reason) == (result, reason)
    if asked is not None:
        assert list(played.asked) == asked
    assert played.signature is (name == "signature")
    if "online" in played.asked:
        assert played.genuine, "the issuer did not recognise the cryptogram"
        assert not played.tvr & TVR.ISSUER_AUTHENTICATION_FAILED


def test_two_applications_are_put_to_the_cardholder() -> None:
    assert play(PROFILES["two-apps"]).asked[0] == "choose UICC DEBIT, UICC CREDIT"


@pytest.mark.parametrize("name", ["garbage-fci", "endless-61xx"])
def test_a_card_that_cannot_be_read_is_not_charged(name: str) -> None:
    played = play(PROFILES[name])
    assert played.result is Result.TERMINATED and not played.asked


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
    played = play(PROFILES[name], bank=Bank(arpc=arpc))
    assert played.result is result
    told = arpc == "bad" and name != "issuer-auth-in-cdol2"  # The terminal never learns what came of CDOL2's.
    assert bool(played.tvr & TVR.ISSUER_AUTHENTICATION_FAILED) is told


@pytest.mark.parametrize("code", [b"51", b"05", b"55"])
def test_a_refusal_ends_in_an_aac(code: bytes) -> None:
    played = play(PROFILES["unionpay-credit-pin"], bank=Bank(code))
    assert (played.result, played.reason) == (Result.DECLINED, "declined-by-issuer")
    assert played.cryptogram is Cryptogram.AAC


@pytest.mark.parametrize("name", sorted(name for name in PROFILES if not PROFILES[name].mute and name not in HOSTILE))
def test_no_card_is_approved_when_the_issuer_is_silent(name: str) -> None:
    played = play(PROFILES[name], bank=Bank(code=None), pins=("123456",))
    assert played.result is not Result.APPROVED
    if "online" in played.asked and not PROFILES[name].pin_exceeded_declines:
        assert played.reason == "unable-to-go-online"
