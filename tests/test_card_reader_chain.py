"""GET RESPONSE, the corrected Le and the answer to reset: dialogues of bytes, no reader."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.apdu_chain import CHAIN_LIMIT, ChainBroken, command_case, exchange
from drivers.atr import AtrError, parse_atr
from drivers.card_reader import choose_reader
from drivers.ports import CardGone, DeviceError

SELECT = "00a4040007a000000333010100"
READ = "00b2010c00"


class Dialogue:
    """Plays the card: each command must be the next expected one."""

    def __init__(self, *turns: tuple[str, str]) -> None:
        self._turns = list(turns)

    def __call__(self, command: bytes) -> bytes:
        expected, answer = self._turns.pop(0)
        assert command.hex() == expected
        return bytes.fromhex(answer)

    def ended(self) -> bool:
        return not self._turns


def run(capdu: str, *turns: tuple[str, str], t0: bool) -> str:
    card = Dialogue(*turns)
    answer = exchange(card, bytes.fromhex(capdu), t0=t0)
    assert card.ended()
    return answer.hex()


def test_t1_carries_the_whole_command() -> None:
    assert run(SELECT, (SELECT, "6f009000"), t0=False) == "6f009000"


def test_t0_case_4_goes_without_le_and_its_data_is_fetched() -> None:
    turns = ((SELECT[:-2], "6102"), ("00c0000002", "6f009000"))
    assert run(SELECT, *turns, t0=True) == "6f009000"


def test_t0_case_1_gets_a_p3() -> None:
    assert run("00820000", ("0082000000", "9000"), t0=True) == "9000"


def test_le_is_corrected_once() -> None:
    assert run(READ, (READ, "6c03"), ("00b2010c03", "7001559000"), t0=True) == "7001559000"


def test_a_second_correction_is_the_cards_answer() -> None:
    assert run(READ, (READ, "6c03"), ("00b2010c03", "6c04"), t0=True) == "6c04"


def test_get_response_may_itself_be_corrected() -> None:
    turns = ((SELECT[:-2], "6100"), ("00c0000000", "6c02"), ("00c0000002", "6f009000"))
    assert run(SELECT, *turns, t0=True) == "6f009000"


def test_pieces_are_joined() -> None:
    turns = ((READ, "70016102"), ("00c0000002", "55666101"), ("00c0000001", "779000"))
    assert run(READ, *turns, t0=True) == "70015566779000"


def test_a_warning_at_t0_keeps_its_status_and_gives_its_data() -> None:
    """A blocked application answers SELECT with 6283 and an FCI. Spec: EMV 4.4 Book 1 Annex A."""
    turns = ((SELECT[:-2], "6283"), ("00c0000000", "6c02"), ("00c0000002", "6f009000"))
    assert run(SELECT, *turns, t0=True) == "6f006283"


def test_a_warning_without_data_stays_a_warning() -> None:
    assert run(SELECT, (SELECT[:-2], "6283"), ("00c0000000", "6985"), t0=True) == "6283"


def test_an_error_is_final() -> None:
    assert run(SELECT, (SELECT[:-2], "6a82"), t0=True) == "6a82"


@pytest.mark.parametrize("t0", [True, False])
@pytest.mark.parametrize("answer", ["6100", "6101", "556101"])
def test_endless_61_is_refused(answer: str, t0: bool) -> None:
    asked = []

    def card(command: bytes) -> bytes:
        asked.append(command)
        return bytes.fromhex(answer)

    with pytest.raises(ChainBroken):
        exchange(card, bytes.fromhex(READ), t0=t0)
    assert len(asked) == CHAIN_LIMIT


def test_a_flood_is_refused() -> None:
    with pytest.raises(ChainBroken, match="1024 bytes"):
        exchange(lambda command: bytes(256) + b"\x61\x00", bytes.fromhex(READ), t0=True)


@pytest.mark.parametrize("answer", [b"", b"\x90"])
def test_no_status_word_means_that_the_card_died(answer: bytes) -> None:
    with pytest.raises(CardGone):
        exchange(lambda command: answer, bytes.fromhex(READ), t0=False)


@pytest.mark.parametrize(
    ("capdu", "case"), [("00820000", 1), (READ, 2), ("0082000001ff", 3), ("0082000001ff00", 4)]
)
def test_the_case_follows_from_the_length(capdu: str, case: int) -> None:
    assert command_case(bytes.fromhex(capdu)) == case


@pytest.mark.parametrize("capdu", ["", "0082", "0082000002ff", "008200000000", "0082000001ff0000"])
def test_what_is_no_short_apdu_is_our_own_fault(capdu: str) -> None:
    with pytest.raises(ValueError, match="no short APDU"):
        command_case(bytes.fromhex(capdu))


@given(st.lists(st.binary(max_size=20), max_size=60), st.binary(min_size=4, max_size=12), st.booleans())
def test_whatever_a_card_says_the_chain_ends(answers: list[bytes], capdu: bytes, t0: bool) -> None:
    left = list(answers)
    try:
        answer = exchange(lambda command: left.pop(0) if left else b"\x61\x00", capdu, t0=t0)
    except (DeviceError, ValueError):
        return
    assert len(answer) >= 2
    assert len(answers) - len(left) <= CHAIN_LIMIT


# The answer to reset.


@pytest.mark.parametrize(
    ("atr", "protocols", "historical"),
    [
        ("3b600000", (0,), ""),  # EMV's own T=0. Spec: EMV 4.4 Book 1 §8.3.
        ("3be800008131fe45" + "4142434445464748" + "fb", (1,), "4142434445464748"),
        ("3f6325083031323334"[:12] + "33", (0,), "303133"),
        ("3b80800101", (0, 1), ""),  # A contactless reader's own: T=0 and T=1 offered.
        ("3b00", (0,), ""),
    ],
)
def test_good_answers_to_reset(atr: str, protocols: tuple[int, ...], historical: str) -> None:
    data = bytearray.fromhex(atr)
    if any(protocols):
        check = 0
        for byte in data[1:-1]:
            check ^= byte
        data[-1] = check
    read = parse_atr(bytes(data))
    assert read.protocols == protocols
    assert read.historical.hex() == historical


@pytest.mark.parametrize(
    ("atr", "position"),
    [
        ("", 0),
        ("3b", 1),
        ("0060", 0),
        ("3b6500", 3),  # Five historical bytes announced, none there.
        ("3b80", 2),  # TD1 announced.
        ("3b80800102", 4),  # TCK
        ("3b808001", 4),
        ("3b60000055", 4),  # Bytes after the end.
        ("3b" + "80" * 20, 10),  # TD after TD after TD.
        ("3b0f" + "00" * 40, 33),
    ],
)
def test_what_is_no_answer_to_reset_is_refused_with_its_position(atr: str, position: int) -> None:
    with pytest.raises(AtrError) as refused:
        parse_atr(bytes.fromhex(atr))
    assert refused.value.position == position


@given(st.binary(max_size=40))
def test_garbage_raises_only_the_parsers_own_error(data: bytes) -> None:
    try:
        read = parse_atr(data)
    except AtrError:
        return
    assert read.protocols


# Names.


def test_the_exact_name_wins_over_a_part() -> None:
    assert choose_reader("ACR 00", ["ACR 00 00", "ACR 00"]) == "ACR 00"


def test_two_that_fit_are_not_chosen_by_index() -> None:
    with pytest.raises(DeviceError, match='"Virtual" fits Virtual 00 00, Virtual 00 01'):
        choose_reader("Virtual", ["Virtual 00 00", "Virtual 00 01"])


def test_an_absent_reader_is_named_with_those_that_are_there() -> None:
    with pytest.raises(DeviceError, match='no reader is called "ACR"; there is Virtual 00 00'):
        choose_reader("ACR", ["Virtual 00 00"])
