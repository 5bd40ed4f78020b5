"""What the card decides by itself, what it keeps, and that it keeps all of it or nothing."""

from __future__ import annotations

import dataclasses

import pytest
from apdus import AAC, ARQC, OK, TC, apdu, cid, first_ac, get_data, iad, initiated, second_ac, select
from card_sessions import Bank, play, shop_terminal
from hypothesis import given, settings
from hypothesis import strategies as st

from emv.aids import default_aids
from sim.card import PROFILES, VirtualCard
from sim.card.card import COMMANDS
from sim.card.hostile import CardPulled
from sim.card.model import CardProfile, Limits, Quirk
from sim.card.state import Step
from sim.card.transaction import LOG_FORMAT


def with_limits(name: str = "unionpay-credit-pin", **limits: int) -> CardProfile:
    profile = PROFILES[name]
    app = dataclasses.replace(profile.applications[0], limits=Limits(**limits), currency=bytes.fromhex("0156"))
    return dataclasses.replace(profile, applications=(app,))


@pytest.mark.parametrize("asked", [AAC, TC, ARQC])
def test_a_card_never_gives_more_than_it_was_asked_for(asked: int) -> None:
    """An order of its own: AAC < ARQC < TC."""
    rank = {AAC: 0, ARQC: 1, TC: 2}
    for profile in (PROFILES["unionpay-credit-pin"], PROFILES["new-card"], with_limits(consecutive_lower=0)):
        assert rank[cid(first_ac(initiated(profile), asked))] <= rank[asked]


def test_offline_until_the_lower_limit_then_online_and_again() -> None:
    profile = with_limits(consecutive_lower=2)
    card = VirtualCard(profile)
    given_types = []
    for _ in range(3):
        given_types.append(cid(first_ac(initiated(profile, card), TC)))
    assert given_types == [TC, TC, ARQC]
    assert card.memory.consecutive == 2
    assert cid(second_ac(card)) == TC
    assert card.memory.consecutive == 0 and card.memory.last_online_atc == card.atc


@pytest.mark.parametrize(
    ("limits", "amounts", "types"),
    [
        ({"cumulative_lower": 30_000}, (12_850, 12_850, 12_850), [TC, TC, ARQC]),
        ({"cumulative_lower": 30_000}, (30_001,), [ARQC]),
        ({"cumulative_lower": 30_000}, (30_000,), [TC]),
        ({"cumulative_upper": 0}, (1,), [ARQC]),
        ({"consecutive_upper": 1}, (1, 1), [TC, ARQC]),
    ],
)
def test_each_limit(limits: dict[str, int], amounts: tuple[int, ...], types: list[int]) -> None:
    profile = with_limits(**limits)
    card = VirtualCard(profile)
    seen = []
    for amount in amounts:
        initiated(profile, card)
        seen.append(cid(first_ac(card, TC, t9F02=bytes.fromhex(f"{amount:012d}"))))
    assert seen == types


def test_foreign_amounts_are_not_added_up() -> None:
    profile = with_limits(cumulative_lower=0)
    assert cid(first_ac(initiated(profile), TC, t5F2A=bytes.fromhex("0840"))) == TC


@pytest.mark.parametrize(
    ("profile", "code", "expected"),
    [
        (with_limits(), b"Y3", TC),
        (with_limits(consecutive_upper=0), b"Y3", AAC),
        (with_limits(consecutive_upper=0), b"00", TC),
        (PROFILES["new-card"], b"Y3", AAC),
        (PROFILES["pin-tries-used-up"], b"Y3", AAC),
        (PROFILES["arpc-mandatory"], b"Y3", AAC),
    ],
)
def test_with_the_issuer_out_of_reach_the_upper_limits_count(profile: CardProfile, code: bytes, expected: int) -> None:
    card = initiated(profile)
    assert cid(first_ac(card)) == ARQC
    assert cid(second_ac(card, TC, t8A=code)) & 0xC0 == expected


def test_an_online_transaction_that_never_ended_is_told_next_time() -> None:
    card = initiated("unionpay-credit-pin")
    first_ac(card)
    initiated("unionpay-credit-pin", card)
    answer = first_ac(card, TC)
    assert cid(answer) == ARQC and iad(answer)[5] & 0x80
    second_ac(card)
    initiated("unionpay-credit-pin", card)
    assert not iad(first_ac(card))[5] & 0x80


def test_a_wrong_and_a_missing_arpc_are_told_next_time() -> None:
    card = initiated("unionpay-credit-pin")
    first_ac(card)
    assert card.transmit(apdu("00820000", bytes(10), le=False)) == b"\x63\x00"
    assert cid(second_ac(card)) == AAC
    initiated("unionpay-credit-pin", card)
    assert iad(first_ac(card))[5] & 0x08
    second_ac(card)
    initiated("unionpay-credit-pin", card)
    assert iad(first_ac(card))[5] & 0x04


def test_reason_codes_where_the_card_gives_them() -> None:
    profile = dataclasses.replace(PROFILES["arpc-mandatory"], gives_reasons=True)
    card = initiated(profile)
    first_ac(card)
    assert cid(second_ac(card)) == AAC | 0x08 | 0x03, "advice, issuer authentication failed"
    profile = dataclasses.replace(PROFILES["pin-tries-used-up"], pin_exceeded_declines=True)
    assert cid(first_ac(initiated(profile))) == AAC | 0x08 | 0x02, "advice, PIN try limit exceeded"


def test_the_last_transaction_counter_is_never_passed() -> None:
    card = VirtualCard(dataclasses.replace(PROFILES["unionpay-credit-pin"], atc=0xFFFE))
    initiated("unionpay-credit-pin", card)
    assert card.atc == 0xFFFF
    card.reset()
    select(card)
    assert card.transmit(apdu("80A80000", b"\x83\x00")) == b"\x69\x85"
    assert card.atc == 0xFFFF


def test_the_log_keeps_the_newest_first_and_no_more_than_it_may() -> None:
    profile = dataclasses.replace(
        PROFILES["unionpay-credit-pin"],
        applications=(dataclasses.replace(PROFILES["unionpay-credit-pin"].applications[0], log_records=2),),
    )
    card = VirtualCard(profile)
    for amount in ("000000000001", "000000000002", "000000000003"):
        initiated(profile, card)
        first_ac(card, TC, t9F02=bytes.fromhex(amount))
    initiated(profile, card)
    first_ac(card, AAC)
    card.reset()
    assert bytes.fromhex("9F4D020B02") in select(card)
    assert get_data(card, "9F4F") == bytes.fromhex("9F4F19") + LOG_FORMAT + OK
    rows = [card.transmit(apdu(f"00B2{number:02X}5C")) for number in (1, 2, 3)]
    assert rows[2] == b"\x6a\x83"
    assert [row[6:12].hex() for row in rows[:2]] == ["000000000003", "000000000002"]
    assert len(rows[0]) - 2 == sum(LOG_FORMAT[at] for at in (1, 4, 7, 10, 13, 16, 19, 21, 24))


MOMENTS = st.integers(1, 9)


@settings(max_examples=60)
@given(st.lists(st.tuples(MOMENTS, st.sampled_from(["before", "during", "after"])), min_size=1, max_size=6))
def test_torn_anywhere_the_counters_only_rise_and_the_card_goes_on(tears: list[tuple[int, str]]) -> None:
    """However often it is pulled out: no ATC comes twice, and an ordinary payment works afterwards."""
    base = PROFILES["unionpay-credit-pin"]
    card = VirtualCard(base)
    used: list[int] = []
    for number, when in tears:
        card.profile = dataclasses.replace(base, quirks=(Quirk(f"apdu {number}", "pulled", when),))
        before = card.atc
        try:
            initiated(base, card)
            answer = first_ac(card)
            used.append(int.from_bytes(answer[3:5], "big"))
            second_ac(card)
        except CardPulled:
            assert card.atc in (before, before + 1)
    card.profile = base
    assert len(set(used)) == len(used)
    played = play(base, card=card)
    assert played.reason == "approved-online" and played.genuine


def test_a_tear_before_the_second_cryptogram_is_written_leaves_all_as_it_was() -> None:
    card = VirtualCard(dataclasses.replace(PROFILES["unionpay-credit-pin"], quirks=(Quirk("ac2", "pulled", "during"),)))
    initiated(card.profile, card)
    first_ac(card)
    before = card.memory
    with pytest.raises(CardPulled):
        second_ac(card)
    assert card.memory == before


def test_the_kernel_approves_offline_what_the_card_allows() -> None:
    """A terminal that may, with a floor limit: after two payments the card wants its issuer, who is silent."""
    profile = PROFILES["offline-limits"]
    card = VirtualCard(profile)
    aids = tuple(
        dataclasses.replace(row, floor_limit_minor=100_000, tac_online=bytes(5), tac_default=bytes(5))
        for row in default_aids()
    )
    terminal = shop_terminal(terminal_type=0x22, aids=aids)
    silent = [play(profile, card=card, bank=Bank(code=None), terminal=terminal, amount_minor=9_000) for _ in range(4)]
    assert [each.reason for each in silent] == ["approved-offline"] * 2 + ["unable-to-go-online"] * 2
    assert (card.memory.consecutive, card.memory.cumulative_minor) == (2, 18_000)
    back = play(profile, card=card, terminal=terminal, amount_minor=9_000)
    assert back.reason == "approved-online" and card.memory.cumulative_minor == 0


def test_the_issuer_reads_the_pin_tries_from_9f10() -> None:
    for name, blocked in (("pin-tries-used-up", True), ("last-pin-try", False)):
        played_bank = Bank()
        play(PROFILES[name], bank=played_bank, pins=("123456",))
        assert played_bank.checked is not None and played_bank.checked.pin_blocked is blocked


COMMANDS_BY_HAND = {
    (0x00, 0x88): apdu("00880000", bytes(4)),
    (0x00, 0x20): apdu("00200080", bytes(8), le=False),
    (0x80, 0xA8): apdu("80A80000", b"\x83\x00"),
    (0x80, 0xAE): apdu("80AE8000", bytes(29)),
    (0x00, 0x82): apdu("00820000", bytes(10), le=False),
    (0x80, 0xCA): apdu("80CA9F36"),
    (0x00, 0xB2): apdu("00B2010C"),
    (0x84, 0x1E): apdu("841E0000", bytes(4), le=False),
}


def brought_to(step: Step) -> VirtualCard:
    """A card in that step, by honest commands only."""
    card = VirtualCard(PROFILES["dda"])
    card.reset()
    if step is Step.DIRECTORY:
        card.transmit(apdu("00A40400", b"1PAY.SYS.DDF01"))
    elif step is Step.SELECTED:
        select(card)
    elif step is not Step.IDLE:
        initiated("dda", card)
        if step is not Step.INITIATED:
            first_ac(card, ARQC if step is Step.ONLINE else AAC)
    return card


@pytest.mark.parametrize("step", Step)
@pytest.mark.parametrize("key", COMMANDS_BY_HAND, ids=lambda key: f"{key[0]:02X}{key[1]:02X}")
def test_the_table_of_steps_is_the_cards_behaviour(step: Step, key: tuple[int, int]) -> None:
    """Outside its steps a command says 6985 and changes nothing; inside, whatever it says, it was heard."""
    card = brought_to(step)
    before = card.memory
    answer = card.transmit(COMMANDS_BY_HAND[key])
    if step not in COMMANDS[key][1]:
        assert answer == b"\x69\x85" and card.memory == before
    elif key != (0x84, 0x1E) or step is Step.ONLINE:
        assert answer != b"\x69\x85"


def test_a_slow_card_says_how_long_it_takes() -> None:
    played = play(PROFILES["slow"], pins=("123456",))
    assert played.waited_ms == 5 * 2_000, "the directory, its end, and three records"
