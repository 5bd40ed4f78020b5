"""The codec: public frames to the byte, each rule refused with its place, and garbage that raises only FrameError."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from terminal.hostlink.codec import BODY_LIMIT_BYTES, FrameError, Message, decode, encode
from terminal.hostlink.fields import FIELDS, Encoding, Field, Prefix, in_ascii
from terminal.hostlink.frame import Frame, reply_to, swap_tpdu, unwrap, wrap
from terminal.hostlink.icc import elements, select
from terminal.hostlink.profile import load_profile
from terminal.hostlink.subfields import (
    Original61,
    Reserved60,
    TotalsResult,
    read_f60,
    read_f61,
    read_tlv,
    read_totals_result,
    write_tlv,
)

PROFILE = load_profile("unionpay")
IN_ASCII = replace(PROFILE, fields=in_ascii(PROFILE.fields))
FRAMES: list[dict[str, Any]] = [
    vector
    for vector in json.loads((Path(__file__).parent / "vectors" / "hostlink.json").read_text("utf-8"))["vectors"]
    if vector["kind"] == "wire-frame"
]


def body_of(vector: dict[str, Any]) -> tuple[Frame | None, bytes]:
    data = bytes.fromhex(vector["hex"])
    if vector["has_length_prefix"]:
        assert int.from_bytes(data[:2], "big") == len(data) - 2
        data = data[2:]
    if not vector["header_bytes"]:
        return None, data
    frame = unwrap(data, PROFILE)
    assert wrap(frame.body, PROFILE, tpdu=frame.tpdu, header=frame.header, requirement=frame.requirement) == data
    return frame, frame.body


BODIES = [body_of(vector)[1] for vector in FRAMES]


@pytest.mark.parametrize("vector", FRAMES, ids=lambda vector: str(vector["id"]))
def test_public_frames_to_the_byte(vector: dict[str, Any]) -> None:
    frame, body = body_of(vector)
    message = decode(body, PROFILE)
    assert encode(message, PROFILE) == body
    seen = {
        str(number): value.hex().upper() if isinstance(value, bytes) else value
        for number, value in message.fields.items()
    }
    expected = dict(vector["fields"])
    header = expected.pop("h", None)
    assert message.mti == expected.pop("t")
    assert body[2:10].hex().upper() == expected.pop("p")
    assert seen == expected
    assert header == (frame and frame.tpdu + frame.header)


def test_there_are_eight_public_frames() -> None:
    assert len(FRAMES) == 8


def refused(data: str | bytes) -> FrameError:
    with pytest.raises(FrameError) as fault:
        decode(bytes.fromhex(data) if isinstance(data, str) else data, PROFILE)
    return fault.value


F3, F22, F23 = "2000000000000000", "0000040000000000", "0000020000000000"


@pytest.mark.parametrize(
    ("data", "field", "offset", "reason"),
    [
        ("", 0, 0, "cut short"),
        ("02", 0, 0, "cut short"),
        ("0A00" + F3 + "000000", 0, 0, "not BCD"),
        ("0200" + F3[:-2], 1, 9, "cut short in the bitmap"),
        ("0200" + "A000000000000000" + "000000", 1, 2, "bit 1"),
        ("0200" + F3, 3, 10, "cut short"),
        ("0200" + F3 + "0000", 3, 10, "cut short"),
        ("0200" + F3 + "00000A", 3, 10, "nibble"),
        ("0200" + F3 + "00000000", 0, 13, "1 bytes after"),
        ("0200" + "0800000000000000" + "00", 5, 10, "no such field"),
        # F22 stands left: a right-aligned one has a spare nibble that is not 0. F23 the other way round.
        ("0200" + F22 + "0021", 22, 11, "spare nibble"),
        ("0200" + F23 + "1000", 23, 10, "spare nibble"),
        # LLVAR: 20 digits of a PAN are one too many; a prefix that is no BCD; an odd length with its spare nibble set.
        ("0200" + "4000000000000000" + "20" + "11" * 10, 2, 10, "at most 19"),
        ("0200" + "4000000000000000" + "1A" + "11" * 10, 2, 10, "not BCD"),
        ("0200" + "4000000000000000" + "13" + "11" * 6 + "11", 2, 17, "spare nibble"),
        ("0200" + "4000000000000000" + "16" + "11" * 7, 2, 11, "cut short"),
        # Track 2 knows D, nothing else.
        ("0200" + "0000000020000000" + "04" + "62E1", 35, 11, "nibble"),
        # ASCII: a control character, a byte above 7F.
        ("0200" + "0000000000800000" + "3132333435363700", 41, 10, "character"),
        ("0200" + "0000000000800000" + "31323334353637FF", 41, 17, "not ans"),
        ("0200" + "0000000002000000" + "302A", 39, 10, "character"),
        # LLLVAR: 256 bytes of F55.
        ("0200" + "0000000000000200" + "0256" + "00" * 256, 55, 10, "at most 255"),
        # LLLVAR: a nibble that is no digit, whatever the other byte adds to it.
        *(
            ("0200" + "0000000000000200" + prefix, 55, 10, "not BCD")
            for prefix in ("00DA", "0A00", "10DA", "99AA", "FF99")
        ),
        # GB18030: half a character, and a console's escape.
        ("0810" + "0000000000000002" + "0001" + "D6", 63, 12, "not text"),
        ("0810" + "0000000000000002" + "0002" + "1B63", 63, 12, "character"),
        ("0200" + "0000000000000001" + "31" * 7, 64, 10, "cut short"),
    ],
)
def test_a_broken_rule_is_refused_with_its_place(data: str, field: int, offset: int, reason: str) -> None:
    fault = refused(data)
    assert (fault.field, fault.offset) == (field, offset)
    assert reason in fault.reason


def test_a_frame_longer_than_the_limit_is_refused_at_once() -> None:
    assert refused(bytes(BODY_LIMIT_BYTES + 1)).offset == BODY_LIMIT_BYTES


@pytest.mark.parametrize(
    ("number", "value", "wire"),
    [
        (22, "021", "0210"),
        (23, "001", "0001"),
        (2, "622500000000001", "15" + "6225000000000010"),
        (35, "4392260009942820D131210112008439", "32" + "4392260009942820D131210112008439"),
        (35, "6225D123", "08" + "6225D123"),
        (35, "6225D12", "07" + "6225D120"),
        (4, "000000012850", "000000012850"),
        (49, "156", "313536"),
        (60, "22000001", "0008" + "22000001"),
        (60, "00000001003", "0011" + "000000010030"),
        (55, b"\x9a\x03\x26\x11\x30", "0005" + "9A03261130"),
        (63, "拒绝", "0004" + "BEDCBEF8"),
        (63, "", "0000"),
    ],
)
def test_a_fields_wire_form(number: int, value: str | bytes, wire: str) -> None:
    body = encode(Message("0200", {number: value}), PROFILE)
    assert body[10:].hex().upper() == wire
    assert decode(body, PROFILE).fields[number] == value


@pytest.mark.parametrize(
    ("number", "value"),
    [
        (3, "00000"),
        (3, "0000000"),
        (3, b"\x00\x00\x00"),
        (35, "6225=1212"),
        (35, "6225d1212"),
        (41, "1234567"),
        (42, "测试商户号一二三四五六七八九十"),
        (52, "ACF46E73838A82F9"),
        (52, bytes(7)),
        (55, bytes(256)),
        (63, "line\nfeed"),
        (63, "\ud800"),
        (5, "000000000000"),
        (1, b""),
        (65, "0"),
    ],
)
def test_what_does_not_fit_is_not_sent(number: int, value: str | bytes) -> None:
    with pytest.raises(FrameError) as fault:
        encode(Message("0200", {number: value}), PROFILE)
    assert fault.value.field == number
    assert not isinstance(value, str) or len(value) < 4 or value not in str(fault.value)


@pytest.mark.parametrize("mti", ["", "020", "02000", "02x0", "０200"])
def test_an_mti_is_four_digits(mti: str) -> None:
    with pytest.raises(FrameError):
        encode(Message(mti, {}), PROFILE)


def test_a_message_shows_numbers_never_values() -> None:
    message = Message("0200", {64: b"SECRETXX", 2: "6225000000000014", 52: bytes(8)})
    assert repr(message) == "Message(0200, fields 2 52 64)"
    assert list(message.fields) == [2, 52, 64]


def test_a_message_cannot_be_changed_from_outside() -> None:
    fields: dict[int, str | bytes] = {3: "000000"}
    message = Message("0200", fields)
    fields[4] = "000000000001"
    assert 4 not in message.fields
    with pytest.raises(TypeError):
        message.fields[4] = "1"  # type: ignore[index]  # Refusing this is the point.


def test_asking_for_the_wrong_kind_is_our_own_mistake() -> None:
    message = Message("0200", {3: "000000", 52: bytes(8)})
    with pytest.raises(TypeError):
        message.text(52)
    with pytest.raises(TypeError):
        message.binary(3)
    assert message.text(4) == ""
    assert message.binary(55) == b""


def test_a_profile_may_change_a_row() -> None:
    """Four independent axes: F48 as text in an acquirer's dialect."""
    fields = dict(FIELDS)
    fields[48] = replace(FIELDS[48], encoding=Encoding.ANS)
    dialect = replace(PROFILE, fields=MappingProxyType(fields))
    message = Message("0200", {48: "PD08ABC"})
    assert encode(message, dialect)[10:] == b"\x00\x07PD08ABC"
    assert decode(encode(message, dialect), dialect) == message


def test_an_encrypted_track_may_be_any_nibbles_where_the_profile_says_so_and_nowhere_else() -> None:
    fields = {number: replace(FIELDS[number], encoding=Encoding.NIBBLES) for number in (35, 36)}
    dialect = replace(PROFILE, fields=MappingProxyType({**FIELDS, **fields}))
    message = Message("0200", {35: "6225000000000014A0B1C2D3E4F56789000"})
    body = encode(message, dialect)
    assert body[10:].hex().upper() == "35" + "6225000000000014A0B1C2D3E4F567890000"
    assert decode(body, dialect) == message
    with pytest.raises(FrameError):
        encode(message, PROFILE)
    with pytest.raises(FrameError):
        decode(body, PROFILE)


# Each axis for itself: one message of one field in a table of one row.


@pytest.mark.parametrize(
    ("encoding", "prefix", "value", "wire"),
    [
        (Encoding.DIGITS, Prefix.LL_ASCII, "62250", b"0562250"),
        (Encoding.DIGITS, Prefix.LL, "62250", b"\x0562250"),
        (Encoding.BCD, Prefix.LL_ASCII, "62250", b"05\x62\x25\x00"),
        (Encoding.BCD, Prefix.LLL_BINARY, "62250", b"\x00\x05\x62\x25\x00"),
        (Encoding.TRACK_TEXT, Prefix.LL_ASCII, "6225D3012", b"096225=3012"),
        (Encoding.HEX, Prefix.LLL_ASCII, b"\x9a\x03", b"0029A03"),
        (Encoding.BINARY, Prefix.LL_BINARY, b"\x9a\x03", b"\x02\x9a\x03"),
        (Encoding.ANS, Prefix.LLL_BINARY, "A" * 300, b"\x01\x2c" + b"A" * 300),
    ],
)
def test_each_axis_is_free_of_the_others(encoding: Encoding, prefix: Prefix, value: str | bytes, wire: bytes) -> None:
    dialect = replace(PROFILE, fields=MappingProxyType({48: Field(48, "x", "x", 400, encoding, prefix)}))
    body = encode(Message("0200", {48: value}), dialect)
    assert body[10:] == wire
    assert decode(body, dialect).fields == {48: value}


@pytest.mark.parametrize(
    ("encoding", "prefix", "wire", "offset", "reason"),
    [
        (Encoding.DIGITS, Prefix.LL_ASCII, b"0", 10, "cut short"),
        (Encoding.DIGITS, Prefix.LL_ASCII, b"+5", 10, "no digits"),
        (Encoding.DIGITS, Prefix.LL_ASCII, b"\xb25", 10, "no digits"),
        (Encoding.DIGITS, Prefix.LL_ASCII, b"026x", 12, "character"),
        (Encoding.DIGITS, Prefix.LL_ASCII, b"026\xb2", 13, "not digits"),
        (Encoding.DIGITS, Prefix.LL_ASCII, b"41", 10, "at most 40"),
        (Encoding.TRACK_TEXT, Prefix.LL_ASCII, b"026D", 12, "character"),
        (Encoding.HEX, Prefix.LL_ASCII, b"019a", 12, "character"),
        (Encoding.HEX, Prefix.LL_ASCII, b"019", 12, "cut short: 2"),
        (Encoding.BINARY, Prefix.LLL_BINARY, b"\x00", 10, "cut short"),
        (Encoding.BINARY, Prefix.LLL_BINARY, b"\x01\x00", 10, "says 256"),
    ],
)
def test_a_broken_rule_of_a_dialect(encoding: Encoding, prefix: Prefix, wire: bytes, offset: int, reason: str) -> None:
    dialect = replace(PROFILE, fields=MappingProxyType({48: Field(48, "x", "x", 40, encoding, prefix)}))
    with pytest.raises(FrameError, match=reason) as fault:
        decode(bytes.fromhex("0200" + "0000000000010000") + wire, dialect)
    assert (fault.value.field, fault.value.offset) == (48, offset)


def test_a_track_has_one_form_in_a_message_whatever_the_wire_has() -> None:
    dialect = replace(PROFILE, fields=in_ascii(FIELDS))
    with pytest.raises(FrameError, match="character"):
        encode(Message("0200", {35: "6225=3012"}), dialect)


# Any message, any bytes


def values_of(row: Field) -> st.SearchStrategy[str | bytes]:
    least = row.length if row.prefix is Prefix.NONE else 0
    most = min(row.length, 60) if row.prefix is not Prefix.NONE else row.length
    if row.is_binary:
        return st.binary(min_size=least, max_size=most)
    alphabet = {
        Encoding.BCD: "0123456789",
        Encoding.DIGITS: "0123456789",
        Encoding.TRACK: "0123456789D",
        Encoding.TRACK_TEXT: "0123456789D",
        Encoding.NIBBLES: "0123456789ABCDEF",
        Encoding.AN: "0189AZaz ",
        Encoding.ANS: "09 AZ~!*",
        Encoding.TEXT: "09 AZ交易成功",
    }[row.encoding]
    longest = most // 2 if row.encoding is Encoding.TEXT else most
    return st.text(alphabet, min_size=least, max_size=max(least, longest))


ANY_FIELDS = st.lists(st.sampled_from(sorted(FIELDS)), unique=True, max_size=20).flatmap(
    lambda numbers: st.fixed_dictionaries({number: values_of(FIELDS[number]) for number in numbers})
)


@given(st.from_regex(r"[0-9]{4}", fullmatch=True), ANY_FIELDS)
def test_any_message_comes_back(mti: str, fields: dict[int, str | bytes]) -> None:
    message = Message(mti, fields)
    for profile in (PROFILE, IN_ASCII):
        body = encode(message, profile)
        assert decode(body, profile) == message
        assert encode(decode(body, profile), profile) == body


def decodes_or_frame_error(data: bytes) -> None:
    """A body keeps the rules and comes back byte for byte, or is refused inside its own bounds."""
    try:
        message = decode(data, PROFILE)
    except FrameError as fault:
        assert 0 <= fault.offset <= len(data)
        assert 0 <= fault.field <= 64
        assert fault.reason
    else:
        assert encode(message, PROFILE) == data


@given(st.binary(max_size=400))
def test_random_bytes(data: bytes) -> None:
    decodes_or_frame_error(data)


@given(st.sampled_from(BODIES), st.data())
@settings(max_examples=400)
def test_mutated_public_frames(body: bytes, data: st.DataObject) -> None:
    changed = bytearray(body)
    for _ in range(data.draw(st.integers(1, 4))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    decodes_or_frame_error(bytes(changed))


@pytest.mark.parametrize("body", BODIES, ids=[str(vector["id"]) for vector in FRAMES])
def test_a_public_frame_cut_anywhere_is_refused(body: bytes) -> None:
    for length in range(len(body)):
        refused(body[:length])
    refused(body + b"\x00")


@given(st.binary(max_size=80))
def test_random_text_of_a_host(raw: bytes) -> None:
    decodes_or_frame_error(bytes.fromhex("08100000000000000002") + bytes.fromhex(f"{len(raw):04d}") + raw)


# Frames


def test_a_reply_goes_back_where_it_came_from() -> None:
    request = unwrap(wrap(b"body", replace(PROFILE, tpdu="6000030001")), PROFILE)
    answer = unwrap(reply_to(request, b"answer", PROFILE, requirement=3), PROFILE)
    assert answer == Frame("6000010003", "603103311108", 3, b"answer")
    assert swap_tpdu(swap_tpdu("6012345678")) == "6012345678"


@pytest.mark.parametrize(
    ("data", "offset"),
    [
        ("", 0),
        ("6000030000", 5),
        ("60000300006031003111", 10),
        ("6100030000603100311108", 0),
        ("60000300AA603100311108", 0),
        ("600003000060310031110F", 5),
    ],
)
def test_a_bad_preamble_is_refused(data: str, offset: int) -> None:
    with pytest.raises(FrameError) as fault:
        unwrap(bytes.fromhex(data), PROFILE)
    assert (fault.value.field, fault.value.offset) == (0, offset)


def test_a_dial_lines_report_is_stripped_when_the_profile_says_so() -> None:
    report = b"LRI\x00\x1c" + bytes(28)
    plain = wrap(b"body", PROFILE)
    dialled = plain[:5] + report + plain[5:]
    assert unwrap(dialled, replace(PROFILE, accept_lri=True)) == unwrap(plain, PROFILE)
    for profile, cut in ((PROFILE, dialled), (replace(PROFILE, accept_lri=True), dialled[:40])):
        with pytest.raises(FrameError):
            unwrap(cut, profile)


@given(st.binary(max_size=60))
def test_any_bytes_unwrap_or_are_refused(data: bytes) -> None:
    for profile in (PROFILE, replace(PROFILE, accept_lri=True)):
        try:
            unwrap(data, profile)
        except FrameError as fault:
            assert 0 <= fault.offset <= len(data)


# The inside of fields


@pytest.mark.parametrize(
    ("digits", "parts"),
    [
        ("22000001", Reserved60("22", "000001")),
        ("00000001003", Reserved60("00", "000001", "003")),
        ("2200000700050", Reserved60("22", "000007", "000", "5", "0")),
        ("22000024000600", Reserved60("22", "000024", "000", "6", "0", "0")),
        ("22000024000600048", Reserved60("22", "000024", "000", "6", "0", "0", "048")),
    ],
)
def test_f60_as_far_as_it_was_sent(digits: str, parts: Reserved60) -> None:
    assert read_f60(digits) == parts


@pytest.mark.parametrize("digits", ["", "22", "2200000", "2200000100", "22000024000600048" + "0"])
def test_an_f60_that_ends_inside_a_part_is_refused(digits: str) -> None:
    with pytest.raises(FrameError) as fault:
        read_f60(digits)
    assert fault.value.field == 60


def test_f61() -> None:
    assert read_f61("0000010000421130") == Original61("000001", "000042", "1130")
    with pytest.raises(FrameError):
        read_f61("000001")


def test_totals_results_stand_at_digits_31_and_62() -> None:
    digits = "0" * 30 + "1" + "0" * 30 + "2"
    assert read_totals_result(digits) == (TotalsResult.BALANCED, TotalsResult.NOT_BALANCED)
    for bad in (digits[:-1], "0" * 30 + "4" + "0" * 31):
        with pytest.raises(FrameError):
            read_totals_result(bad)


@given(
    st.dictionaries(st.from_regex(r"[0-9A-Z]{2}", fullmatch=True), st.text("09 AZ微信支付", max_size=40), max_size=10)
)
def test_f59_comes_back(tags: dict[str, str]) -> None:
    assert read_tlv(write_tlv(tags)) == tags


@pytest.mark.parametrize("value", ["A3", "A3004622", "a3001x", "A30-1x", "A3001xA3001y", "A30" + "000" * 3])
def test_a_bad_f59_is_refused(value: str) -> None:
    with pytest.raises(FrameError) as fault:
        read_tlv(value)
    assert fault.value.field == 59


@given(st.text("A30126交", max_size=60))
def test_any_f59_is_read_or_refused(value: str) -> None:
    try:
        assert write_tlv(read_tlv(value)) == value
    except FrameError as fault:
        assert fault.field == 59


def test_field_55_element_by_element() -> None:
    data = bytes.fromhex("9F360200019F108110010203040506070809000102030405069A03261130")
    assert [(item.tag, item.end - item.value) for item in elements(data)] == [("9F36", 2), ("9F10", 16), ("9A", 3)]
    assert select(data, ("9A", "95", "9F36")) == bytes.fromhex("9A032611309F36020001")


@given(st.binary(max_size=255))
def test_any_field_55_is_read_or_refused(data: bytes) -> None:
    try:
        found = elements(data)
    except FrameError as fault:
        assert fault.field == 55
        assert 0 <= fault.offset <= len(data)
    else:
        assert b"".join(data[item.start : item.end] for item in found) == data
