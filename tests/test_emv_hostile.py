"""A card that sends anything at all: the kernel always ends, and never approves what the issuer did not."""

from __future__ import annotations

import random
from typing import Any

import pytest
from emv_card_script import NO, PAN, UNIONPAY, YES, approved_sale, records, session
from hypothesis import given, settings
from hypothesis import strategies as st

from emv.commands import (
    AskOfflinePin,
    AskPin,
    CardError,
    ChooseApplication,
    Cryptogram,
    Draw,
    GoOnline,
    KernelRequest,
    OnlineAnswer,
    Outcome,
    PinResult,
    Result,
    Transceive,
    VerifyPin,
)
from emv.kernel import AidEntry, contact_session
from emv.rules import REASONS

# Directory 33, list 17, a final SELECT and GPO for each of 16 candidates, 128 records, three commands at the end,
# and as many questions to people: nothing a card says may make the kernel ask more.
REQUESTS_MAX = 300

STATUS = [b"\x90\x00", b"\x62\x83", b"\x69\x85", b"\x6a\x81", b"\x6a\x82", b"\x6a\x83", b"\x63\x00", b""]


class Card:
    """Answers honestly from a transcript where it can, and else, or when the dice say so, wildly."""

    def __init__(self, seed: int, *, wild: float, issuer: OnlineAnswer | None) -> None:
        self.dice = random.Random(seed)
        self.wild = wild
        self.issuer = issuer
        self.known = {request[:8]: answer for request, answer in approved_sale() if isinstance(answer, str)}
        self.asked = 0

    def answer(self, request: KernelRequest[Any]) -> Any:
        self.asked += 1
        assert self.asked <= REQUESTS_MAX, "the kernel goes on and on"
        match request:
            case Transceive(capdu):
                assert 4 <= len(capdu) <= 261
                return self.response(capdu)
            case ChooseApplication(candidates):
                return self.dice.randrange(len(candidates))
            case AskOfflinePin(tries_left, _):
                assert tries_left != 0
                return self.dice.choice([PinResult.ENTERED] * 5 + [PinResult.BYPASSED, PinResult.PAD_FAILED])
            case VerifyPin():
                return self.response(bytes.fromhex("00200080"))
            case AskPin(pan):
                assert 8 <= len(pan) <= 19 or pan == PAN
                return PinResult.ENTERED
            case GoOnline(data):
                assert data[0x9F02].hex() == "000000012850"
                assert data[0x95][0] & 0x80
                return self.issuer
            case Draw(count):
                return self.dice.randbytes(count)
        raise AssertionError(request)

    def response(self, capdu: bytes) -> bytes:
        honest = bytes.fromhex(self.known.get(capdu[:4].hex().upper(), "6A82"))
        if self.dice.random() >= self.wild:
            return honest
        kind = self.dice.randrange(5)
        if kind == 0:
            return self.dice.randbytes(self.dice.randrange(0, 260)) + self.dice.choice(STATUS)
        if kind == 1:
            return honest[: self.dice.randrange(len(honest) + 1)]
        if kind == 2:
            return honest[:-2] + self.dice.choice(STATUS)
        if kind == 3:
            return bytes.fromhex(self.dice.choice(list(self.known.values())))
        torn = bytearray(honest)
        for _ in range(self.dice.randrange(1, 4)):
            torn[self.dice.randrange(len(torn))] = self.dice.randrange(256)
        return bytes(torn)


def run(card: Card, **profile: Any) -> Outcome:
    kernel = contact_session(session(**profile))
    answer: Any = None
    try:
        while True:
            answer = card.answer(kernel.send(answer))
    except StopIteration as end:
        outcome: Outcome = end.value
        return outcome


@settings(max_examples=150)
@given(st.integers(0, 2**32), st.sampled_from([0.05, 0.2, 1.0]), st.sampled_from([YES, NO, None]))
def test_the_kernel_ends_and_approves_only_what_the_issuer_approved(
    seed: int, wild: float, issuer: OnlineAnswer | None
) -> None:
    outcome = run(Card(seed, wild=wild, issuer=issuer))
    assert outcome.reason in REASONS
    if outcome.result is Result.APPROVED:
        assert issuer is YES
        assert outcome.online
    if outcome.result is not Result.APPROVED:
        assert not outcome.signature


SCRIPTS = [b"", bytes.fromhex("720D8609841E000004AABBCCDD007106860484180000"), bytes(range(113, 200))]
KINDS = [0x14, 0x15, 0x16, 0x21, 0x22, 0x23, 0x26]


@settings(max_examples=150)
@given(
    st.integers(0, 2**32),
    st.sampled_from([0.05, 0.2]),
    st.sampled_from([b"00", b"51", b"01", None]),
    st.sampled_from(SCRIPTS),
    st.sampled_from(KINDS),
)
def test_whatever_the_terminal_is_only_issuer_or_action_codes_approve(
    seed: int, wild: float, code: bytes | None, scripts: bytes, kind: int
) -> None:
    """Every kind of terminal, the card's own PIN, scripts: no card talks a terminal into an approval."""
    card = Card(seed, wild=wild, issuer=None if code is None else OnlineAnswer(code, bytes(10), scripts))
    record_2 = dict(records(x8E="0000000000000000" + "41031F03"))
    card.known |= {request[:8]: str(answer) for request, answer in record_2.items() if request.startswith("00B202")}
    card.known |= {"00200080": "63C2", "80CA9F17": "9F1701039000", "80CA9F36": "9F360200429000"}
    row = AidEntry(UNIONPAY.aid, "x", floor_limit_minor=20_000, random_target=50, random_target_max=50)
    outcome = run(card, aids=(row,), terminal_type=kind, capabilities=bytes.fromhex("E0B800"))
    if outcome.result is Result.APPROVED:
        assert outcome.cryptogram is Cryptogram.TC
        assert (outcome.data[0x8A], outcome.online) == (b"00", True)  # Every action code denies what is offline.


@pytest.mark.parametrize("issuer", [YES, NO, None])
def test_an_honest_card_for_comparison(issuer: OnlineAnswer | None) -> None:
    outcome = run(Card(1, wild=0.0, issuer=issuer))
    # The script's second GENERATE AC says TC whatever was asked: only the first of the three may end well.
    assert (outcome.result is Result.APPROVED) == (issuer is YES)


@settings(max_examples=100)
@given(st.integers(0, 10), st.binary(max_size=258))
def test_one_answer_of_anything(step: int, junk: bytes) -> None:
    """Each APDU of the ordinary sale in turn answered with anything."""
    transcript = approved_sale()
    kernel = contact_session(session())
    apdus = 0
    try:
        request = kernel.send(None)
        while True:
            if isinstance(request, Transceive):
                key = request.capdu[:4].hex().upper()
                honest = next((a for r, a in transcript if r[:8] == key), "6A82")
                answer: Any = junk if apdus == step else bytes.fromhex(honest)
                apdus += 1
            else:
                answer = {Draw: bytes(4), AskPin: PinResult.ENTERED, ChooseApplication: 0, GoOnline: NO}[type(request)]
            request = kernel.send(answer)
    except StopIteration as end:
        assert end.value.result is not Result.APPROVED
    except CardError as error:
        raise AssertionError("a fault of the card came out of the kernel") from error
