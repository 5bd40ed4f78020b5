"""Slips as values and as lines: records come back equal, nothing is wider than the paper, nothing secret is on it."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.ports import Cut, Qr, Text
from sim.slip_samples import CARD_SIGNED, HEAD, SAMPLES
from terminal.model import Kind, Method, Money, PaymentState
from terminal.receipts import (
    Balance,
    CardSlip,
    CashSlip,
    Chip,
    Copy,
    Entry,
    OpenRow,
    QrSlip,
    SettlementSlip,
    Slip,
    SlipError,
    TotalRow,
    Verification,
    from_record,
    lay_out,
    to_record,
)
from terminal.receipts.lines import cells_of
from terminal.receipts.words import BALANCES, KINDS, METHODS, STATES

LANGUAGES = ("zh-CN", "en")
WIDTHS = (32, 48)


def texts(slip: Slip, language: str = "en", cells: int = 48, **options: Any) -> list[str]:
    return [
        line.text
        for line in lay_out(slip, cells=cells, language=language, **options)
        if isinstance(line, Text)
    ]


def check_widths(slip: Slip) -> None:
    for cells in WIDTHS:
        for language in LANGUAGES:
            for copy in Copy:
                for line in lay_out(slip, cells=cells, language=language, copy=copy, reprint=True):
                    if isinstance(line, Text):
                        assert cells_of(line.text) * (2 if line.large else 1) <= cells, line


@pytest.mark.parametrize("name", SAMPLES)
def test_a_record_is_plain_json_and_comes_back_equal(name: str) -> None:
    record = to_record(SAMPLES[name])
    assert from_record(json.loads(json.dumps(record))) == SAMPLES[name]


@pytest.mark.parametrize("name", SAMPLES)
def test_no_line_is_wider_than_the_paper_and_the_end_is_cut(name: str) -> None:
    check_widths(SAMPLES[name])
    assert isinstance(lay_out(SAMPLES[name], cells=32, language="en")[-1], Cut)


# What a host, a wallet or a person can put into a slip's words.
WORDS = st.text(st.sampled_from("掌柜茶馆，。（）ABC xyz-09/é😀"), max_size=80)
AMOUNTS = st.integers(0, 999_999_999_99).map(Money)


@given(WORDS, WORDS, WORDS, WORDS, AMOUNTS)
def test_no_words_make_a_line_wider_than_the_paper(a: str, b: str, c: str, d: str, amount: Money) -> None:
    head = dataclasses.replace(HEAD, merchant_name=a, operator=b)
    check_widths(
        CardSlip(head, amount, "622500******0014", c, issuer=d, acquirer=b, chip=Chip(label=c, aid=d))
    )
    check_widths(QrSlip(head, amount, c, d, wallet=a, wallet_transaction_no=b))
    check_widths(CashSlip(head, amount, amount, amount, receipt_no=c))
    row = TotalRow(Method.CASH, Kind.COMPLETION, 10**7, amount, in_host_totals=False)
    lost = OpenRow(Method.QR_SCANNED, PaymentState.REVERSING, amount, order_no=d)
    check_widths(SettlementSlip(head, (row, row), 10**7, amount, Balance.ERROR, Balance.ERROR, (lost,)))


@pytest.mark.parametrize("pan", ["6225000000000014", "6225000000000014 ", "card 622500000000"])
def test_a_clear_card_number_never_gets_onto_a_slip_nor_into_the_message(pan: str) -> None:
    with pytest.raises(SlipError) as refused:
        dataclasses.replace(CARD_SIGNED, masked_pan=pan)
    assert "6225" not in str(refused.value)
    record = to_record(CARD_SIGNED)
    with pytest.raises(SlipError) as refused:
        from_record({**record, "masked_pan": pan})
    assert "6225" not in str(refused.value)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_reprint_is_marked_and_a_first_print_is_not(language: str) -> None:
    for slip in SAMPLES.values():
        assert not any("DUPLICATED" in line for line in texts(slip, language))
        marked = texts(slip, language, reprint=True)
        assert [n for n, line in enumerate(marked) if "DUPLICATED" in line] == [0, len(marked) - 1]
        assert language == "en" or "重打印" in marked[0]


def test_each_copy_names_itself_and_only_the_merchants_is_signed() -> None:
    merchant, cardholder = texts(CARD_SIGNED, "zh-CN"), texts(CARD_SIGNED, "zh-CN", copy=Copy.CARDHOLDER)
    assert "商户存根 MERCHANT COPY" in merchant and "持卡人存根 CARDHOLDER COPY" in cardholder
    assert any("持卡人签名" in line for line in merchant)
    assert not any("持卡人签名" in line for line in cardholder)


@pytest.mark.parametrize(
    ("verification", "said", "signed"),
    [
        (Verification.SIGNATURE, "", True),
        (Verification.PIN, "PIN ENTERED, NO SIGNATURE REQUIRED", False),
        (Verification.PIN_AND_SIGNATURE, "PIN ENTERED, PLEASE SIGN", True),
        (Verification.NONE, "NO PIN, NO SIGNATURE REQUIRED", False),
    ],
)
def test_what_the_cardholder_did_is_what_the_slip_says(
    verification: Verification, said: str, signed: bool
) -> None:
    lines = texts(dataclasses.replace(CARD_SIGNED, verification=verification))
    assert not said or said in lines
    assert any("CARDHOLDER SIGNATURE" in line for line in lines) == signed


def test_a_card_slip_has_every_line_a_dispute_needs() -> None:
    lines = "\n".join(texts(CARD_SIGNED, cells=48))
    for needed in (
        "898310048990001", "12345678", "622500******0014 /I", "SALE", "000017", "000042", "A1B2C3", "260305142231",
        "2026/03/05 14:22:31", "RMB 128.50", "TC:0102030405060708", "TVR:0000008000", "TSI:E800", "ATC:0001",
        "AID:A000000333010101", "UNPR NUM:A1B2C3D4", "CVMR:420300", "APP LABEL:UNIONPAY CREDIT",
    ):  # fmt: skip
        assert needed in lines


def test_an_english_slip_has_english_labels_only() -> None:
    for slip in SAMPLES.values():
        head = dataclasses.replace(slip.head, merchant_name="Tea House")
        plain = dataclasses.replace(slip, head=head)
        strange = [line for line in texts(plain) if not line.isascii()]
        theirs = ["银", "支付宝"]  # Names as the host sent them, and what a wallet has said.
        if isinstance(slip, QrSlip):
            theirs += [*slip.extras, *filter(None, (each.name for each in slip.promotions))]
        assert all(any(word in line for word in theirs) for line in strange), strange


def test_test_keys_are_named_on_each_slip_and_real_ones_are_not() -> None:
    for slip in SAMPLES.values():
        assert "** TEST KEYS **" in texts(slip)
        real = dataclasses.replace(slip, head=dataclasses.replace(slip.head, test_keys=False))
        assert not any("TEST KEYS" in line for line in texts(real))


def test_a_settlement_says_what_is_open_and_what_did_not_balance() -> None:
    lines = texts(SAMPLES["settlement-unbalanced"], "zh-CN")
    assert any("对账不平" in line for line in lines)
    assert any("冲正未完成" in line for line in lines) and any("结果未知" in line for line in lines)
    assert "无未决交易 NO OPEN ITEMS" in texts(SAMPLES["settlement"], "zh-CN")


def test_every_value_has_its_words_in_both_languages() -> None:
    tables: list[tuple[Any, Any]] = [
        (Kind, KINDS),
        (Method, METHODS),
        (PaymentState, STATES),
        (Balance, BALANCES),
    ]
    for values, table in tables:
        assert set(table) == set(values)
        assert all(all(words) for words in table.values())


def test_a_qr_is_on_the_order_slip_as_it_was_given() -> None:
    lines = lay_out(SAMPLES["qr-order"], cells=32, language="zh-CN")
    assert [line.payload for line in lines if isinstance(line, Qr)] == [
        "https://qr.example.cn/pay?o=20260305000042"
    ]


def test_another_width_or_language_is_our_own_mistake() -> None:
    with pytest.raises(ValueError, match="32"):
        lay_out(CARD_SIGNED, cells=40, language="en")
    with pytest.raises(ValueError, match="zh-CN"):
        lay_out(CARD_SIGNED, cells=32, language="fr")


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(JUNK)
def test_garbage_is_refused_as_no_record(junk: Any) -> None:
    with pytest.raises(SlipError):
        from_record(junk)


@given(st.sampled_from(sorted(SAMPLES)), st.data())
def test_a_damaged_record_is_refused_or_is_a_slip(name: str, data: st.DataObject) -> None:
    record = to_record(SAMPLES[name])
    record[data.draw(st.sampled_from(sorted(record)))] = data.draw(JUNK)
    try:
        slip = from_record(record)
    except SlipError:
        return
    assert from_record(to_record(slip)) == slip


def test_the_entry_letters_are_those_of_the_slip() -> None:
    assert [entry.value for entry in Entry] == ["I", "S", "C", "M", "F"]
