"""TLV, DOL, APDU, AFL, the tables: what the kernel's codecs accept, and that garbage raises only their own error."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emv import tags, tlv
from emv.apdu import RESPONSE_MAX, STATUS_WORDS, SW, command, split, status_words
from emv.bits import AIP, AUC, TSI, TSI_WORDS, TVR, TVR_WORDS, tsi_lines, tvr_lines, tvr_of, wants_signature
from emv.commands import CardError
from emv.cvm import parse_cvm_list
from emv.dol import DolEntry, fill, parse_dol
from emv.initiate import RECORDS_MAX, parse_afl
from emv.tlv import BYTES_MAX, COUNT_MAX, DEPTH_MAX, Tlv, TlvError, build, encode, parse, parse_one, walk

PRIMITIVE = st.sampled_from([0x5A, 0x82, 0x9F02, 0x9F37, 0x5F24, 0xDF31, 0x9F8101, 0xC1])
CONSTRUCTED = st.sampled_from([0x70, 0x61, 0xA5, 0xBF0C, 0x6F, 0xE1])


def trees() -> st.SearchStrategy[bytes]:
    leaf = st.builds(encode, PRIMITIVE, st.binary(max_size=140))
    return st.recursive(
        leaf,
        lambda inner: st.builds(lambda tag, parts: encode(tag, *parts), CONSTRUCTED, st.lists(inner, max_size=4)),
        max_leaves=12,
    )


@given(st.lists(st.tuples(PRIMITIVE, st.binary(max_size=300)), max_size=8))
def test_what_is_built_is_read_back(items: list[tuple[int, bytes]]) -> None:
    assert [(item.tag, item.value) for item in parse(build(items))] == items


@given(trees())
def test_nested_objects_are_read_back(data: bytes) -> None:
    try:
        items = parse(data)
    except TlvError as error:
        assert "nested" in error.reason or "more than" in error.reason
        return
    assert b"".join(bytes(item) for item in items) == data
    for item in walk(items):
        if item.constructed:
            assert b"".join(bytes(child) for child in item.children) == item.value
        # A position is where the object's own tag stands in the whole string.
        assert data[item.position :].startswith(bytes(item))


@given(st.binary(max_size=300))
def test_garbage_raises_only_tlv_errors_with_a_position(data: bytes) -> None:
    try:
        parse(data)
    except TlvError as error:
        assert error.position is not None
        assert 0 <= error.position <= len(data)


@given(st.binary(max_size=260))
def test_garbage_lists_raise_only_card_errors(data: bytes) -> None:
    for reader in (parse_dol, parse_afl, parse_cvm_list):
        try:
            reader(data)
        except CardError as error:
            assert error.position is None or 0 <= error.position <= len(data)


@pytest.mark.parametrize(
    ("data", "position", "reason"),
    [
        ("9F", 0, "the tag is cut short"),
        ("5A", 1, "the length is missing"),
        ("5A01625F24033012", 3, "tag 5F24 says 3 bytes, 2 are there"),
        ("5A80620000", 1, "length form 80 is not allowed"),
        ("5A83000001AA", 1, "length form 83 is not allowed"),
        ("5A82FF", 1, "the length is cut short"),
        ("9F81810102", 0, "the tag is longer than 3 bytes"),
        ("70045A036222", 2, "tag 5A says 3 bytes, 2 are there"),
    ],
)
def test_faults_name_their_byte(data: str, position: int, reason: str) -> None:
    with pytest.raises(TlvError) as caught:
        parse(bytes.fromhex(data))
    assert (caught.value.position, caught.value.reason) == (position, reason)


def test_zeros_between_objects_are_no_objects() -> None:
    assert [item.tag for item in parse(bytes.fromhex("00005A01620000820200000000"))] == [0x5A, 0x82]


def test_longer_length_forms_than_needed_are_read() -> None:
    assert parse(bytes.fromhex("5A810162"))[0].value == b"\x62"
    assert parse(bytes.fromhex("5A82000162"))[0].value == b"\x62"


def nested(depth: int) -> bytes:
    data = b""
    for _ in range(depth):
        data = encode(0x70, data)
    return data


def test_depth_count_and_length_are_bounded() -> None:
    assert len(list(walk(parse(nested(DEPTH_MAX))))) == DEPTH_MAX
    with pytest.raises(TlvError, match="nested"):
        parse(nested(DEPTH_MAX + 1))
    with pytest.raises(TlvError, match="nested"):
        parse(nested(1000))
    empty = encode(0x5A, b"")
    assert len(parse(empty * COUNT_MAX)) == COUNT_MAX
    with pytest.raises(TlvError, match="objects"):
        parse(empty * (COUNT_MAX + 1))
    half = encode(0x70, empty * (COUNT_MAX // 2))
    with pytest.raises(TlvError, match="more than"):  # Counted over all templates, not in each.
        parse(half + half)
    assert parse(bytes(BYTES_MAX)) == ()
    with pytest.raises(TlvError, match="bytes"):
        parse(bytes(BYTES_MAX + 1))


def test_one_object_where_one_should_be() -> None:
    assert parse_one(encode(0x70, b""), 0x70).children == ()
    for data in ("", "70007000", "7700"):
        with pytest.raises(TlvError):
            parse_one(bytes.fromhex(data), 0x70)


def test_no_value_in_a_repr() -> None:
    assert "6222" not in repr(parse(bytes.fromhex("5A0262220000")))


# Data object lists. Spec: Book 3 §5.4.


# One tag of each format, by the name of the format: what is short, long, absent or no element at all.
@pytest.mark.parametrize(
    ("tag", "length", "value", "filled"),
    [
        (0x9F02, 6, "000000012850", "000000012850"),
        (0x9F02, 8, "000000012850", "0000000000012850"),  # n: zeros to the left
        (0x9F02, 2, "000000012850", "2850"),  # n: cut on the left
        (0x9A, 1, "240615", "15"),
        (0x9F1A, 4, "0156", "00000156"),
        (0x5A, 10, "6222021234567894", "6222021234567894FFFF"),  # cn: F to the right
        (0x5A, 4, "6222021234567894", "62220212"),  # cn: cut on the right
        (0x5F55, 4, "434E", "434E0000"),  # a: zeros to the right
        (0x5F55, 1, "434E", "43"),  # a: cut on the right
        (0x9F1C, 10, "3132333435363738", "31323334353637380000"),  # an: zeros to the right
        (0x9F1C, 3, "3132333435363738", "313233"),  # an: cut on the right
        (0x9F4E, 5, "414243", "4142430000"),  # ans: zeros to the right
        (0x9F4E, 2, "414243", "4142"),  # ans: cut on the right
        (0x95, 7, "8000048000", "80000480000000"),  # b: zeros to the right
        (0x95, 1, "8000048000", "80"),  # b: cut on the right
        (0x9F37, 0, "A1B2C3D4", ""),
        (0x9F02, 0, "000000012850", ""),
        (0x9F37, 4, None, "00000000"),  # absent
        (0x5A, 4, None, "00000000"),  # absent: zeros whatever the format
        (0xDF19, 2, "FFFF", "0000"),  # unknown
        (0x70, 2, "5A00", "0000"),  # constructed
        (0xE1, 2, "5A00", "0000"),  # constructed and unknown
    ],
)
def test_fitted_to_the_length_asked(tag: int, length: int, value: str | None, filled: str) -> None:
    elements = {} if value is None else {tag: bytes.fromhex(value)}
    assert fill((DolEntry(tag, length),), elements).hex().upper() == filled


def test_a_list_that_would_not_fit_a_command() -> None:
    assert len(fill(parse_dol(bytes.fromhex("9F02FF")), {})) == 255
    with pytest.raises(TlvError):
        parse_dol(bytes.fromhex("9F02FF9F0301"))


# APDUs and the AFL.


def test_a_response_is_split() -> None:
    assert split(bytes.fromhex("6A82")).sw == SW.FILE_NOT_FOUND
    assert split(bytes(256) + b"\x90\x00").ok
    for data in (b"", b"\x90", bytes(RESPONSE_MAX + 1)):
        with pytest.raises(CardError):
            split(data)


def test_status_words_in_both_languages() -> None:
    for sw in SW:
        assert sw.value in STATUS_WORDS
    for sw in STATUS_WORDS:
        assert status_words(sw) != status_words(sw, language="zh-CN")
    assert status_words(0x1234).endswith("unknown")


@pytest.mark.parametrize(
    ("afl", "position"),
    [
        ("", 0),
        ("080101", 3),
        ("00010100", 0),  # File 0.
        ("F8010100", 0),  # File 31.
        ("08000100", 1),
        ("08020100", 1),
        ("08010102", 3),
        ("0801010008000100", 5),
    ],
)
def test_an_afl_out_of_order(afl: str, position: int) -> None:
    with pytest.raises(CardError) as caught:
        parse_afl(bytes.fromhex(afl))
    assert caught.value.position == position


def test_reserved_bits_of_an_afl_are_not_looked_at() -> None:
    """Spec: Book 3 §6.3.6."""
    assert parse_afl(bytes.fromhex("0F010100")) == parse_afl(bytes.fromhex("08010100"))


def test_an_afl_without_end_is_bounded() -> None:
    assert sum(e.last - e.first + 1 for e in parse_afl(bytes((8, 1, RECORDS_MAX, 0)))) == RECORDS_MAX
    with pytest.raises(CardError, match="records"):
        parse_afl(bytes((8, 1, RECORDS_MAX, 0, 16, 1, 1, 0)))


# What only our own fault could bring.


@pytest.mark.parametrize(
    "broken",
    [
        lambda: tlv.tag_bytes(0),
        lambda: tlv.encode_length(0x10000),
        lambda: command(0, 0xA4, 4, 0, bytes(256)),
        lambda: tvr_of(bytes(4)),
        lambda: tlv.read_tag(b"", 0),
    ],
)
def test_what_the_kernel_itself_may_not_ask_of_its_codecs(broken: Callable[[], object]) -> None:
    with pytest.raises((ValueError, TlvError)):
        broken()


@pytest.mark.parametrize(
    ("results", "wanted"),
    [("", False), ("1E0300", True), ("1E0301", False), ("030300", True), ("450302", True), ("020300", False)],
)
def test_when_a_signature_is_due(results: str, wanted: bool) -> None:
    assert wants_signature(bytes.fromhex(results)) is wanted


# The tables.


def test_each_tag_has_its_constant_and_both_names() -> None:
    for tag, row in tags.TAGS.items():
        assert getattr(tags, row.constant) == tag
        assert row.constant.endswith(f"_{tag:X}")
        assert row.en.isascii()
        assert not row.zh.isascii()
        assert 0 <= row.min_bytes <= row.max_bytes
        assert tlv.is_constructed(tag) == (row.format is tags.Format.TEMPLATE)


def test_what_a_person_may_see() -> None:
    assert tags.shown(0x57, bytes(19)) == "<19 bytes>"
    assert tags.shown(0x5A, bytes.fromhex("6222021234567894")) == "622202******7894"
    assert tags.shown(0x5A, b"\x62\x22") == "****"
    assert tags.shown(0x95, bytes(5)) == "0000000000"


def test_each_bit_has_words_and_its_place() -> None:
    assert set(TVR_WORDS) == set(TVR)
    assert set(TSI_WORDS) == set(TSI)
    assert bytes(TVR.CVM_NOT_SUCCESSFUL).hex() == "0000800000"
    assert bytes(TVR.ISSUER_AUTHENTICATION_FAILED).hex() == "0000000040"
    assert bytes(TSI.SCRIPT_PROCESSING_PERFORMED).hex() == "0400"
    assert AIP(0x1C00) == AIP.CARDHOLDER_VERIFICATION | AIP.TERMINAL_RISK_MANAGEMENT | AIP.ISSUER_AUTHENTICATION
    assert AUC(0x0100) is AUC.OTHER_THAN_ATM
    assert tsi_lines(TSI(0x8400))[1] == "Script processing was performed"


@given(st.binary(min_size=5, max_size=5))
def test_any_five_bytes_are_a_tvr_with_a_line_a_bit(data: bytes) -> None:
    value = tvr_of(data)
    assert bytes(value) == data
    bits = int.from_bytes(data, "big").bit_count()
    assert len(tvr_lines(value)) == len(tvr_lines(value, language="zh-CN")) == bits


def test_an_object_is_what_it_says_not_where_it_stands() -> None:
    here, there, other = Tlv(0x5A, b"\x12\x34", (), 0), Tlv(0x5A, b"\x12\x34", (), 7), Tlv(0x5A, b"\x12\x35")
    assert here == there
    assert not here != there  # noqa: SIM202  # `!=` is written by hand too.
    assert hash(here) == hash(there)
    assert here != other
    assert here != (0x5A, b"\x12\x34")
    assert "1234" not in repr(here)
