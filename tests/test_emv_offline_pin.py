"""The enciphered PIN with a real chain of keys: which key is taken, and when nobody is asked for a PIN at all.

Try counter, wrong PINs and status words have cases in tests/emv/cases/pin.toml.
Spec: EMV 4.4 Book 2 §7.1, §7.2; Book 3 §10.5.1.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from emv_card_script import (
    PAN,
    UN,
    Transcript,
    describe,
    first_generate_ac,
    ok,
    play,
    records,
    selection,
    session,
    t,
)

from emv.capk import CaKeys, default_capks
from emv.commands import CardError, PinKey, PinResult, VerifyPin
from emv.kernel import contact_session
from emv.trace import Decision
from sim.card.chain import icc_certificate, issuer_certificate
from sim.card.rsa_keys import CA_INDEX, published_keys

RULE_THEN_NO_CVM = "0000000000000000" + "4400" + "1F00"
CLAIM = bytes.fromhex("E0F800")
CHALLENGE, ANOTHER = "0102030405060708", "1112131415161718"
FAILED_THEN_NO_CVM = "8000008000"


@dataclass(frozen=True)
class Keys:
    """A card's certificates: with a PIN key of its own or not; `changes` are elements that are wrong or absent."""

    exponent: int = 3
    own: bool = True
    changes: dict[str, str | None] = field(default_factory=dict)

    def pages(self) -> list[dict[str, str | None]]:
        keys = {role: published_keys()[role, self.exponent] for role in ("ca", "issuer", "icc", "pin")}
        issuer = issuer_certificate(keys["ca"], keys["issuer"], PAN[:6])
        card = icc_certificate(keys["issuer"], keys["icc"], PAN)
        made: list[dict[str, str | None]] = [
            {"90": issuer.certificate.hex()},
            {
                "8F": f"{CA_INDEX[self.exponent]:02X}",
                "92": issuer.remainder.hex() or None,
                "9F32": keys["issuer"].exponent.hex(),
            },
            {"9F46": card.certificate.hex(), "9F47": keys["icc"].exponent.hex(), "9F48": card.remainder.hex() or None},
        ]
        if self.own:
            pin = icc_certificate(keys["issuer"], keys["pin"], PAN)
            made.append(
                {"9F2D": pin.certificate.hex(), "9F2E": keys["pin"].exponent.hex(), "9F2F": pin.remainder.hex() or None}
            )
        return [{tag: self.changes.get(tag, value) for tag, value in page.items()} for page in made]

    def start(self) -> Transcript:
        """Selection, GPO and every record, the certificates in file 2; nothing is authenticated offline."""
        pages = self.pages()
        locator = "08010300" + f"1001{len(pages):02X}00"
        bodies = ["".join(t(tag, value) for tag, value in page.items() if value is not None) for page in pages]
        return [
            *selection(),
            ("DRAW 4", UN),
            ("80A8000002830000", ok(t("80", "1C00", locator))),
            *records(x8E=RULE_THEN_NO_CVM, x9F0E=None),
            *((f"00B2{number:02X}1400", ok(t("70", body))) for number, body in enumerate(bodies, 1)),
        ]


def counter(tries: str = "03") -> Transcript:
    return [("80CA9F1700", ok(t("9F17", tries)))]


def verify(challenge: str, sw: str) -> Transcript:
    return [("0084000000", ok(challenge)), (f"VERIFY {challenge}", sw)]


def terminal(**profile: Any) -> dict[str, Any]:
    return {"capabilities": CLAIM, "ca_keys": default_capks(), **profile}


@pytest.mark.parametrize("exponent", [3, 65537])
@pytest.mark.parametrize(("own", "role"), [(True, "pin"), (False, "icc")])
def test_the_cards_own_pin_key_or_else_its_key(own: bool, role: str, exponent: int) -> None:
    transcript = [*Keys(exponent, own).start(), *counter(), ("OFFLINE PIN 3", PinResult.ENTERED)]
    kernel = contact_session(session(**terminal()))
    request = kernel.send(None)
    for wanted, answer in [*transcript, ("0084000000", ok(CHALLENGE))]:
        assert describe(request) == wanted
        request = kernel.send(bytes.fromhex(answer) if isinstance(answer, str) else answer)
    kernel.close()
    assert request == VerifyPin(PinKey(published_keys()[role, exponent].modulus, exponent), bytes.fromhex(CHALLENGE))


def test_each_try_has_a_challenge_of_its_own() -> None:
    transcript = [
        *Keys().start(),
        *counter(),
        ("OFFLINE PIN 3", PinResult.ENTERED),
        *verify(CHALLENGE, "63C2"),
        ("OFFLINE PIN 2!", PinResult.ENTERED),
        *verify(ANOTHER, "9000"),
        *first_generate_ac("8000008000", given="00"),
    ]
    outcome = play(session(**terminal()), transcript).outcome
    assert outcome.data[0x9F34].hex() == "440002"


NO_KEYS: dict[str, tuple[Keys, CaKeys, str]] = {
    "no certificate of the issuer": (Keys(changes={"90": None}), default_capks(), "issuer-key/missing"),
    "no such CA key": (Keys(), CaKeys(), "ca-key/missing"),
    "a PIN certificate that is wrong, though the card's own would do": (
        Keys(changes={"9F2D": "00" * 176}),
        default_capks(),
        "pin-key/trailer",
    ),
    "neither a PIN key nor a card's key": (
        Keys(own=False, changes={"9F46": None}),
        default_capks(),
        "icc-key/missing",
    ),
}


@pytest.mark.parametrize("name", NO_KEYS)
def test_without_a_key_nobody_is_asked_and_the_method_has_failed(name: str) -> None:
    keys, capks, why = NO_KEYS[name]
    card = session(**terminal(ca_keys=capks))
    transcript = [*keys.start(), *counter(), *first_generate_ac(FAILED_THEN_NO_CVM, given="00")]
    outcome = play(card, transcript).outcome
    assert outcome.data[0x9F34].hex() == "1f0002"
    noted = [item for item in card.trace if isinstance(item, Decision) and item.rule.word == "pin-key-missing"]
    assert [item.facts for item in noted] == [(("failure", why),)]


@pytest.mark.parametrize("answer", ["9000", CHALLENGE[:14] + "9000", CHALLENGE + "AA9000", CHALLENGE + "6283", "6D00"])
def test_anything_but_eight_bytes_is_no_challenge(answer: str) -> None:
    transcript = [
        *Keys().start(),
        *counter(),
        ("OFFLINE PIN 3", PinResult.ENTERED),
        ("0084000000", answer),
        *first_generate_ac(FAILED_THEN_NO_CVM, given="00"),
    ]
    assert play(session(**terminal()), transcript).outcome.data[0x9F34].hex() == "1f0002"


def test_a_card_that_leaves_at_any_step_of_it_comes_out_as_removed() -> None:
    start = Keys().start()
    steps = [*counter(), ("OFFLINE PIN 3", PinResult.ENTERED), *verify(CHALLENGE, "9000")]
    removed = CardError("removed", removed=True)
    for number, (request, _) in enumerate(steps):
        with pytest.raises(CardError) as caught:
            play(session(**terminal()), [*start, *steps[:number], (request, removed)])
        assert caught.value is removed


def test_a_card_that_counts_up_is_not_asked_for_ever() -> None:
    """63CF after 63CF: after as many tries as one digit can count, the method has failed."""
    tries: Transcript = [("OFFLINE PIN ?", PinResult.ENTERED), *verify(CHALLENGE, "63CF")]
    for _ in range(14):
        tries += [("OFFLINE PIN 15!", PinResult.ENTERED), *verify(CHALLENGE, "63CF")]
    transcript = [
        *Keys().start(),
        ("80CA9F1700", "6A88"),
        *tries,
        *first_generate_ac("8000208000", given="00"),
    ]
    assert play(session(**terminal()), transcript).outcome.data[0x9F34].hex() == "1f0002"
