"""Every message and every inside of a field comes back: written, read, written again, in both dialects.

The requests are those of the builders, over any card, amount, PIN and original; the insides are F54, F59's A2, F60, F61
and what F62 holds in each message.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keys import KeyLayout
from terminal.hostlink import messages
from terminal.hostlink.card_messages import CardFields, Kept, Original, card_request, card_reversal
from terminal.hostlink.codec import FrameError, Message, decode, encode
from terminal.hostlink.details import read_balance
from terminal.hostlink.free_data import (
    DeviceNumber,
    Free,
    Terms,
    free_data_of,
    read_device_number,
    read_key_block,
    read_terms,
    write_device_number,
    write_key_block,
    write_terms,
)
from terminal.hostlink.profile import load_profile
from terminal.hostlink.subfields import (
    Original61,
    Reserved60,
    TerminalInfo,
    read_f60,
    read_f61,
    read_terminal_info,
    write_f60,
    write_f61,
    write_terminal_info,
)
from terminal.hostlink.transactions import TRANSACTIONS
from terminal.model import AMOUNT_MAX_MINOR, Kind, Money

PROFILES = (load_profile("unionpay"), load_profile("iso8583-1987-ascii"))
TERMINAL = messages.Terminal("898440153110001", "10000001", "000001")


def digits(least: int, most: int) -> st.SearchStrategy[str]:
    return st.text("0123456789", min_size=least, max_size=most)


def printable(least: int, most: int) -> st.SearchStrategy[str]:
    return st.text("09 AZaz-", min_size=least, max_size=most).filter(lambda text: text == text.strip(" "))


STANS = st.integers(1, 999_999).map("{:06d}".format)
AMOUNTS = st.integers(1, AMOUNT_MAX_MINOR).map(Money)
CARDS = st.builds(
    CardFields,
    pan=digits(13, 19),
    expiry=st.sampled_from(["", "3012"]),
    sequence=st.sampled_from(["", "1", "01"]),
    track2=digits(1, 12).map(lambda rest: f"6225000000000014={rest}"),
    icc=st.binary(max_size=255),
)
BLOCKS = st.binary(min_size=8, max_size=8)
ORIGINALS = st.builds(
    Original, digits(6, 6), STANS, digits(4, 4), digits(12, 12), digits(6, 6), st.just("00"), digits(11, 11)
)


def comes_back(message: Message) -> None:
    for profile in PROFILES:
        body = encode(message.with_fields({64: b"21CDAB98"}), profile)
        assert decode(body, profile) == message.with_fields({64: b"21CDAB98"})
        assert encode(decode(body, profile), profile) == body


@given(st.sampled_from(list(TRANSACTIONS.values())), STANS, CARDS, AMOUNTS, ORIGINALS, BLOCKS)
def test_a_request_of_any_kind_and_its_reversal(
    row: Any, stan: str, card: CardFields, amount: Money, original: Original, block: bytes
) -> None:
    profile = PROFILES[0]
    sent = card_request(
        row, TERMINAL, profile, stan=stan, card=card, amount=amount, pin_block=block if row.pin else b"",
        original=original,
    ).without(53)  # fmt: skip  # What F53 says is the one thing that each dialect says in its own way.
    comes_back(sent)
    assert write_f60(read_f60(sent.text(60))) == sent.text(60)
    if 61 in sent.fields:
        assert write_f61(read_f61(sent.text(61))) == sent.text(61)
    kept = Kept(stan, amount, "051", sent.text(60), sent.text(61), pan=card.pan)
    comes_back(card_reversal(row, TERMINAL, profile, kept, reason="98"))


@given(STANS, st.integers(0, 10**11 - 2), st.integers(0, 999), st.booleans())
def test_the_messages_about_no_card(stan: str, minor: int, count: int, flag: bool) -> None:
    profile = PROFILES[0]
    totals = messages.Totals(minor, count, minor // 2, count // 2)
    comes_back(messages.sign_in(TERMINAL, profile, stan=stan, serial="A1"))
    comes_back(messages.sign_out(TERMINAL, profile, stan=stan))
    comes_back(messages.echo(TERMINAL, profile, stan=stan))
    comes_back(messages.settlement(TERMINAL, profile, stan=stan, domestic=totals))
    comes_back(messages.batch_end(TERMINAL, profile, stan=stan, balanced=flag, records=count))
    comes_back(messages.qr_pay(TERMINAL, profile, stan=stan, amount=Money(minor + 1), order_no="A1", code="130" * 6))


# The insides


@given(
    digits(2, 2), digits(6, 6), st.lists(st.just(0), max_size=5), digits(3, 3), digits(1, 1), digits(3, 3)
)
def test_all_seven_parts_of_f60(kind: str, batch: str, more: list[int], network: str, one: str, account: str) -> None:
    parts = Reserved60(kind, batch, *(network, one, one, one, account)[: len(more)])
    assert read_f60(write_f60(parts)) == parts


@given(digits(6, 6), digits(6, 6), st.integers(0, 3), digits(4, 4), digits(2, 2), digits(11, 11))
def test_all_five_parts_of_f61(batch: str, stan: str, more: int, date: str, mode: str, institution: str) -> None:
    parts = Original61(batch, stan, *(date, mode, institution)[:more])
    assert read_f61(write_f61(parts)) == parts


@given(
    st.builds(
        TerminalInfo,
        st.sampled_from(["", "02", "04"]),
        st.one_of(st.just(""), printable(1, 50)),
        st.one_of(st.just(""), digits(6, 6)),
        st.sampled_from(["", "21CDAB98"]),
        printable(0, 8),
    )
)
def test_the_terminal_in_f59(info: TerminalInfo) -> None:
    assert read_terminal_info(write_terminal_info(info)) == info


@given(st.builds(DeviceNumber, printable(4, 4), printable(0, 40)))
def test_a_device_number(number: DeviceNumber) -> None:
    assert read_device_number(write_device_number(number)) == number


@given(st.builds(Terms, digits(2, 2), printable(0, 30), digits(1, 1)))
def test_terms_of_an_instalment(terms: Terms) -> None:
    assert read_terms(write_terms(terms)) == terms


@given(st.sampled_from(list(KeyLayout)), st.data())
def test_a_key_block(layout: KeyLayout, data: st.DataObject) -> None:
    block = data.draw(st.binary(min_size=layout.size_bytes, max_size=layout.size_bytes))
    items = read_key_block(block, layout)
    assert write_key_block(items) == block
    assert [item.usage for item in items] == [usage.name for usage in layout.usages]


@pytest.mark.parametrize(
    ("write", "parts"),
    [
        (write_f60, Reserved60("22", "1")),
        (write_f60, Reserved60("22", "000001", "", "5")),
        (write_f60, Reserved60("2x", "000001")),
        (write_f61, Original61("000001", "000042", "", "00")),
        (write_terminal_info, TerminalInfo("4")),
        (write_terminal_info, TerminalInfo(factor="12345")),
        (write_terminal_info, TerminalInfo(version="123456789")),
        (write_device_number, DeviceNumber("000", "A")),
        (write_device_number, DeviceNumber("0000", "x" * 96)),
        (write_device_number, DeviceNumber("0000", "机")),
        (write_terms, Terms("1", "SPRING", "0")),
        (write_terms, Terms("12", "x" * 31, "0")),
    ],
)
def test_what_would_not_come_back_is_not_written(write: Callable[[Any], object], parts: object) -> None:
    with pytest.raises(FrameError):
        write(parts)


@pytest.mark.parametrize(
    ("read", "data", "field"),
    [
        (read_terminal_info, "0200101", 59),
        (read_terminal_info, "0100204" + "0100204", 59),
        (read_terminal_info, "02001A" + "0100204", 59),
        (read_terminal_info, "0500 8x", 59),
        (read_terminal_info, "05008        ", 59),
        (read_device_number, b"", 62),
        (read_device_number, b"Sequence No05000", 62),
        (read_device_number, b"Sequence No03000", 62),
        (read_terms, b"12SPRING0", 62),
        (lambda data: read_key_block(data, KeyLayout.PIK_MAK), bytes(41), 62),
        (read_balance, "1002840C000000012850", 54),
    ],
)
def test_a_broken_rule_is_refused(read: Callable[[Any], object], data: object, field: int) -> None:
    with pytest.raises(FrameError) as fault:
        read(data)
    assert fault.value.field == field


# Which of them field 62 is


@pytest.mark.parametrize(
    ("mti", "fields", "free"),
    [
        ("0800", {60: "00000001004"}, Free.SERIAL),
        ("0810", {60: "00000001004"}, Free.KEYS),
        ("0800", {60: "00000001370"}, Free.LIST),
        ("0830", {60: "00000001372"}, Free.LIST),
        ("0800", {60: "00000000981"}, Free.NOTHING),
        ("0820", {60: "07000001800"}, Free.SIGNATURE),
        ("0320", {60: "00000001204"}, Free.REASON),
        ("0320", {60: "00000001203"}, Free.NOTHING),
        ("0200", {25: "64", 60: "22000001"}, Free.TERMS),
        ("0200", {25: "08", 60: "22000001"}, Free.ELEMENTS),
        ("0200", {25: "00", 60: "22000001"}, Free.NOTHING),
        ("0500", {60: "00000001201"}, Free.NOTHING),
        ("0200", {25: "64"}, Free.NOTHING),
    ],
)
def test_what_field_62_is(mti: str, fields: dict[int, str | bytes], free: Free) -> None:
    assert free_data_of(Message(mti, {**fields, 62: b"x"})) is free
    assert free_data_of(Message(mti, fields)) is Free.NOTHING


def test_the_builders_fill_it_as_it_is_read() -> None:
    profile = PROFILES[0]
    asked = messages.sign_in(TERMINAL, profile, stan="000001", serial="A1")
    assert free_data_of(asked) is Free.SERIAL
    assert read_device_number(asked.binary(62)) == DeviceNumber("0000", "A1")
    row = profile.transactions[Kind.INSTALMENT]
    sold = card_request(
        row, TERMINAL, profile, stan="000001", card=CardFields("6225000000000014"), amount=Money(1),
        extra={62: write_terms(Terms("12", "SPRING", "0"))},
    )  # fmt: skip
    assert free_data_of(sold) is Free.TERMS
