"""The wire and the meaning of downloaded lists: what is refused, and that what is kept is what was sent.

Shows that garbage raises the two errors that the flow catches and no others, that a CA key whose check sum is wrong
never gets in, and that the acquirer's own writing of an AID or a key comes back as the very row it was made from.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emv import tlv
from emv.aids import default_aids
from emv.capk import CapkSet, default_capks
from emv.certificates import OdaFailure
from emv.profile import AidEntry, TerminalProfile
from emv.rows import RowsError
from sim.acquirer.downloads import aid_entry, ca_key_entry, parameter
from terminal.hostlink.codec import FrameError, Message
from terminal.hostlink.downloads import (
    DOWNLOADS,
    ListName,
    Row,
    entry_request,
    names_request,
    part_request,
    read_entry,
    read_names,
    read_part,
    wanted,
)
from terminal.hostlink.lists import Downloaded, read_aids, read_ca_keys, read_parameters
from terminal.hostlink.messages import Terminal
from terminal.hostlink.profile import load_profile
from terminal.model import Kind

US = Terminal("898440153110001", "10000001", "000001")
KEYS = default_capks().keys
RANDOM = replace(
    default_aids()[0],
    partial=False,
    floor_limit_minor=20_000,
    random_threshold_minor=5_000,
    random_target=20,
    random_target_max=80,
)


def reply(f62: bytes) -> Message:
    return Message("0810", {39: "00", 62: f62})


@pytest.mark.parametrize("entry", [*default_aids(), RANDOM], ids=lambda entry: str(entry.name))
def test_an_aid_comes_back_as_it_was(entry: AidEntry) -> None:
    (read,) = read_aids([aid_entry(entry)], default_aids())
    assert read == entry


def test_an_aid_that_nobody_has_named_shows_its_number() -> None:
    (read,) = read_aids([aid_entry(RANDOM)])
    assert read.name == "A000000333010101"


def test_ca_keys_come_back_as_they_were() -> None:
    assert read_ca_keys([ca_key_entry(key) for key in KEYS], CapkSet.TEST).keys == KEYS


def test_the_date_may_be_written_in_ascii() -> None:
    entry = ca_key_entry(KEYS[0]).replace(bytes.fromhex("DF050420491231"), b"\xdf\x05\x0820491231")
    assert read_ca_keys([entry], CapkSet.TEST).keys == KEYS[:1]


def test_an_expired_key_is_kept_and_not_used() -> None:
    entry = ca_key_entry(KEYS[0]).replace(bytes.fromhex("DF050420491231"), bytes.fromhex("DF050420251231"))
    keys = read_ca_keys([entry], CapkSet.TEST)
    assert keys.find(KEYS[0].rid, KEYS[0].index, datetime.date(2025, 12, 31)) == KEYS[0].key
    with pytest.raises(OdaFailure):
        keys.find(KEYS[0].rid, KEYS[0].index, datetime.date(2026, 1, 1))


def test_a_published_test_key_is_none_of_production() -> None:
    with pytest.raises(RowsError, match="published test key"):
        read_ca_keys([ca_key_entry(KEYS[0])], CapkSet.PRODUCTION)


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda entry: entry[:-1] + bytes((entry[-1] ^ 1,)), "checksum"),
        (lambda entry: entry.replace(bytes.fromhex("DF050420491231"), bytes.fromhex("DF050420491331")), "expiry"),
        (lambda entry: entry.replace(bytes.fromhex("DF060101"), bytes.fromhex("DF060102")), "hash_algorithm"),
        (lambda entry: entry[:-10], "TLV"),
        (lambda entry: entry + tlv.encode(0x9F22, b"\x01"), "twice"),
        (lambda entry: b"", "missing"),
    ],
)
def test_one_wrong_key_spoils_the_list(spoil: Callable[[bytes], bytes], why: str) -> None:
    good = [ca_key_entry(key) for key in KEYS[:2]]
    with pytest.raises(RowsError, match=why):
        read_ca_keys([good[0], spoil(good[1])], CapkSet.TEST)


@pytest.mark.parametrize(
    "entry",
    [
        aid_entry(RANDOM).replace(bytes.fromhex("DF160180"), bytes.fromhex("DF16018A")),
        aid_entry(RANDOM).replace(bytes.fromhex("DF010101"), bytes.fromhex("DF010102")),
        aid_entry(RANDOM).replace(bytes.fromhex("9F1B0400004E20"), bytes.fromhex("9F1B034E2000")),
        aid_entry(RANDOM).replace(bytes.fromhex("DF1403"), bytes.fromhex("DF1903")) + bytes.fromhex("DF14019F"),
        aid_entry(RANDOM).replace(bytes.fromhex("DF1105"), bytes.fromhex("DF1205")),
    ],
    ids=["percent", "indicator", "floor limit", "DDOL", "action codes"],
)
def test_an_aid_with_a_wrong_value_is_refused(entry: bytes) -> None:
    assert entry != aid_entry(RANDOM)
    with pytest.raises(RowsError):
        read_aids([entry])


def test_two_rows_for_one_aid_are_refused() -> None:
    with pytest.raises(RowsError, match="the same as"):
        read_aids([aid_entry(RANDOM), aid_entry(replace(RANDOM, partial=True))])


def test_parameters_change_what_they_name() -> None:
    told = read_parameters([b"1245", b"2209" + "掌柜".encode("gb18030"), b"235", b"2600000000", b"1405551234"])
    assert (told.reply_timeout_s, told.resend_count, told.tip) == (45, 5, None)
    profile = load_profile("unionpay")
    changed = Downloaded(parameters=told).profile(profile)
    assert (changed.response_timeout_ms, changed.reversal_resend_count) == (45_000, 5)
    assert Downloaded().profile(profile) == profile


@pytest.mark.parametrize("entry", [b"1200", b"1204", b"12x", b"182", b"22", b"23A", b"26ff", b"26FFFF000G", b"27100"])
def test_a_parameter_out_of_its_range_is_refused(entry: bytes) -> None:
    with pytest.raises(RowsError):
        read_parameters([entry])


def test_a_bit_of_the_bitmap_allows_one_kind() -> None:
    only_sale = read_parameters([b"2604000000"])
    assert only_sale.allows(Kind.SALE)
    assert not only_sale.allows(Kind.REFUND)
    assert only_sale.allows(Kind.MOTO_VOID), "what has no bit is not the host's to say"
    assert read_parameters([b"1245"]).allows(Kind.REFUND)


def test_numbers_are_told_apart_and_never_named_in_an_error() -> None:
    row, whole = ListName.BLACKLIST, Downloaded()
    kept = whole.having(row, [b"6225000000000014", b"6225000000000014/01"], world=CapkSet.TEST, known=())
    assert kept.kernel(TerminalProfile(aids=default_aids())).exception_file == {
        "6225000000000014",
        "6225000000000014/01",
    }
    assert "6225" not in repr(kept)
    for wrong in ([b"6225000000000014"] * 2, [b"622500"], [b"62250000000x0014"], ["６".encode()]):
        with pytest.raises(RowsError) as refused:
            whole.having(row, wrong, world=CapkSet.TEST, known=())
        assert "6225" not in str(refused.value)


@pytest.mark.parametrize("row", DOWNLOADS.values(), ids=lambda row: str(row.name.value))
def test_requests_say_how_much_has_come(row: Row) -> None:
    first, later = (part_request(US, row, stan="000002", received=count) for count in (0, 120))
    assert (first.binary(62), later.binary(62)) == (b"100", b"1120")
    assert (first.text(60)[8:], later.text(60)[8:]) == (row.load, row.more)
    if row.names:
        assert names_request(US, row, stan="000002", received=0).mti == "0820"
        assert entry_request(US, row, stan="000002", name=b"\x9f\x06\x01\x00").text(60)[8:] == row.load


def test_a_requirement_names_its_lists() -> None:
    assert wanted(1) == (ListName.PARAMETERS,)
    assert wanted(7) == (ListName.BLACKLIST, ListName.BIN_BLACKLIST)
    assert wanted(0) == wanted(3) == ()


@pytest.mark.parametrize("f62", [b"", b"4", b"1", b"2", b"3", b"0x", b"\xff"])
def test_a_reply_says_how_it_goes_on(f62: bytes) -> None:
    for row in (DOWNLOADS[ListName.BLACKLIST], DOWNLOADS[ListName.PARAMETERS]):
        with pytest.raises(FrameError, match="field 62"):
            read_part(row, reply(f62))
    with pytest.raises(FrameError, match="field 62"):
        read_names(reply(f62))


def test_another_entry_than_the_one_asked_for_is_refused() -> None:
    name = bytes.fromhex("9F0605A0000003339F2201F1")
    assert read_entry(reply(b"1" + ca_key_entry(KEYS[0])), name) == ca_key_entry(KEYS[0])
    for other in (b"0", b"1" + ca_key_entry(KEYS[1]), b"1" + ca_key_entry(KEYS[2])):
        with pytest.raises(FrameError, match="another entry"):
            read_entry(reply(other), name)


@given(st.binary(max_size=200))
def test_garbage_raises_the_two_errors_only(data: bytes) -> None:
    """The list of whatever can be read at all is read as every list, too."""
    for row in DOWNLOADS.values():
        entries: tuple[bytes, ...] = (data,)
        try:
            entries = (read_names(reply(data)) if row.names else read_part(row, reply(data))).entries
        except FrameError:
            if row.name is ListName.PARAMETERS:
                continue
        try:
            Downloaded().having(row.name, entries, world=CapkSet.TEST, known=())
        except RowsError:
            continue


@given(st.sampled_from(KEYS), st.integers(0, 400), st.integers(1, 255))
def test_no_flipped_byte_makes_another_key(key: object, at: int, flip: int) -> None:
    """The check sum covers what makes the key; the expiry it does not cover, and the tags are the key's no more."""
    entry = bytearray(ca_key_entry(key))  # type: ignore[arg-type]
    entry[at % len(entry)] ^= flip
    try:
        read = read_ca_keys([bytes(entry)], CapkSet.TEST).keys[0]
    except RowsError:
        return
    assert (read.rid, read.index, read.key) == (key.rid, key.index, key.key)  # type: ignore[attr-defined]


def test_a_list_of_parameters_is_a_chain() -> None:
    row = DOWNLOADS[ListName.PARAMETERS]
    part = read_part(row, reply(b"2" + parameter("12", "45") + parameter("22", "掌柜")))
    assert part.more
    assert part.entries == (b"1245", b"22" + "掌柜".encode("gb18030"))
    with pytest.raises(FrameError, match="cut short"):
        read_part(row, reply(b"1" + parameter("12", "45")[:-1]))
