"""The module's byte stream: answers and texts, split and joined anyhow, and garbage."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from drivers.scanner import CODE_LIMIT, Answer, Code, ScanStream, crc16, write_command
from sim.wire.scanner import crc16_xmodem

ACCEPTED = bytes.fromhex("02000001003331")
TEXTS = (
    st.binary(min_size=1, max_size=60)
    .map(lambda b: b.translate(None, b"\r\n"))
    .filter(lambda b: b[:1] > b"\x02")
)


def test_the_frames_of_the_manual() -> None:
    assert write_command(2, b"\x01") == bytes.fromhex("7e00080100020102da")
    assert ScanStream().feed(ACCEPTED) == [Answer(True, b"\x00")]


def test_an_answer_with_a_wrong_crc_is_not_accepted() -> None:
    assert ScanStream().feed(ACCEPTED[:-1] + b"\x00") == [Answer(False, b"\x00")]


def test_a_refusal_is_told() -> None:
    body = b"\x01\x01\x00"
    assert ScanStream().feed(b"\x02\x00" + body + crc16(body).to_bytes(2, "big")) == [Answer(False, b"\x00")]


def test_an_answer_may_hold_a_line_end() -> None:
    body = b"\x00\x02\x0d\x0a"
    frame = b"\x02\x00" + body + crc16(body).to_bytes(2, "big")
    assert ScanStream().feed(frame + b"A\r") == [Answer(True, b"\r\n"), Code(b"A")]


def test_what_begins_like_an_answer_and_is_none_does_not_leave_a_tail_that_counts_as_a_code() -> None:
    assert ScanStream().feed(b"\x02\x41evil\r\nA\r\n") == [Code(b"A")]
    assert ScanStream().feed(b"\x02\x00\x00\xffevil\r\nA\r\n") == [Code(b"A")]


@given(st.lists(st.one_of(TEXTS, st.just(ACCEPTED)), max_size=12), st.lists(st.integers(0, 400), max_size=8))
def test_texts_and_answers_come_out_however_they_are_cut(items: list[bytes], cuts: list[int]) -> None:
    wire = b"".join(item if item == ACCEPTED else item + b"\r\n" for item in items)
    expected = [Answer(True, b"\x00") if item == ACCEPTED else Code(item) for item in items]
    stream, found, at = ScanStream(), [], 0
    for cut in [*sorted(cuts), len(wire)]:
        found += stream.feed(wire[at:cut])
        at = max(at, min(cut, len(wire)))
    assert found == expected
    assert stream.dropped == 0


@given(st.lists(st.binary(max_size=300), max_size=30))
def test_garbage_never_raises_and_never_grows(pieces: list[bytes]) -> None:
    stream = ScanStream()
    for piece in pieces:
        for found in stream.feed(piece):
            assert len(found.data) <= CODE_LIMIT
        assert len(stream._buffer) <= CODE_LIMIT


def test_a_babbler_is_cut_off_and_counted() -> None:
    stream = ScanStream()
    for _ in range(10):
        assert stream.feed(b"\xa5" * 5000) == []
    assert stream.babbling
    assert stream.feed(b"tail\rgood\r") == [Code(b"good")]
    assert not stream.babbling
    assert stream.dropped == 50_000 + len(b"tail")


@given(st.binary(max_size=200))
def test_both_sides_have_a_crc_of_their_own_and_agree(data: bytes) -> None:
    assert crc16(data) == crc16_xmodem(data)
