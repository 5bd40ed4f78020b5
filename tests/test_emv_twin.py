"""The kernel against the virtual cards and their issuer, every profile: real cryptograms, checked at both ends."""

from __future__ import annotations

from typing import Any

import pytest

from emv.aids import default_aids
from emv.commands import (
    AskPin,
    ChooseApplication,
    Draw,
    GoOnline,
    KernelRequest,
    OnlineAnswer,
    Outcome,
    PinResult,
    Transceive,
)
from emv.kernel import Session, TerminalProfile, TransactionData, contact_session
from sim.card.card import VirtualCard
from sim.card.profiles import PROFILES
from sim.issuer import Issuer

UN = bytes.fromhex("01020304")


class World:
    """A card in a slot, and its issuer at the end of the line."""

    def __init__(self, profile: str, code: bytes | None = b"00", *, forge: bool = False) -> None:
        self.card = VirtualCard(PROFILES[profile])
        self.card.reset()
        self.code = code
        self.forge = forge
        self.arqc_good = False

    def answer(self, request: KernelRequest[Any]) -> Any:
        match request:
            case Transceive(capdu):
                return self.card.transmit(capdu)
            case Draw():
                return UN
            case AskPin():
                return PinResult.ENTERED
            case ChooseApplication():
                return 0
            case GoOnline(data):
                if self.code is None:
                    return None
                checked = Issuer().check(data[0x5A].hex().rstrip("f"), data[0x5F34].hex(), data)
                self.arqc_good = checked.genuine
                arpc = bytes(10) if self.forge else checked.answer(self.code)
                return OnlineAnswer(self.code, arpc)
        raise AssertionError(request)


def sell(world: World) -> Outcome:
    kernel = contact_session(
        Session(
            TerminalProfile(aids=default_aids()),
            TransactionData(amount_minor=12850, date="240615", time="143000", counter=7),
        )
    )
    answer: Any = None
    try:
        while True:
            answer = world.answer(kernel.send(answer))
    except StopIteration as end:
        outcome: Outcome = end.value
        return outcome


ENDS = {
    "unionpay-credit-pin": "approved-online",
    "unionpay-debit-pin": "approved-online",
    "signature": "approved-online",
    "no-cvm": "approved-online",
    "two-apps": "approved-online",
    "blocked": "card-blocked",
    "app-blocked": "application-blocked",
    "expired": "approved-online",  # The issuer's word: expired is a bit of the TVR, and no code denies it here.
    "not-yet-valid": "approved-online",
    "not-for-goods": "declined-offline",
    "garbage-tlv": "bad-data",
    "garbage-fci": "no-application",
    "garbage-gpo": "bad-data",
    "garbage-ac": "bad-data",
    "declines-first": "declined-by-card",
    "declines-after-approval": "declined-by-card",
    "offline-approver": "cryptogram-not-allowed",
    "no-pse": "approved-online",
    "issuer-auth-in-cdol2": "approved-online",
    "no-cdol2-8a": "approved-online",
    "arpc-mandatory": "approved-online",
    "format-77": "approved-online",
    "gpo-refused": "approved-online",
    "no-pan": "data-missing",
    "no-cdol": "data-missing",
    "unknown-aid": "no-application",
    "offline-pin-only": "approved-online",
}


@pytest.mark.parametrize("profile", ENDS)
def test_every_virtual_card_ends_as_it_should(profile: str) -> None:
    world = World(profile)
    outcome = sell(world)
    assert outcome.reason == ENDS[profile]
    if outcome.online:
        assert world.arqc_good, "the issuer did not recognise the cryptogram"
        assert not outcome.data[0x95][4] & 0x40, "issuer authentication failed"


@pytest.mark.parametrize("profile", ["unionpay-credit-pin", "arpc-mandatory", "issuer-auth-in-cdol2"])
def test_a_forged_issuer_is_noticed(profile: str) -> None:
    outcome = sell(World(profile, forge=True))
    if profile == "unionpay-credit-pin":
        # The card leaves it to the issuer (authentication optional), the TVR tells.
        assert outcome.data[0x95][4] & 0x40
    else:
        assert outcome.reason == "declined-by-card"


@pytest.mark.parametrize(("code", "reason"), [(None, "unable-to-go-online"), (b"51", "declined-by-issuer")])
def test_no_yes_from_the_issuer_no_approval(code: bytes | None, reason: str) -> None:
    assert sell(World("unionpay-credit-pin", code)).reason == reason
