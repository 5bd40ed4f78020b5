"""What may enter the journal: identifiers may, cardholder data may not, and never by chance."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from terminal.journal import Journal, JournalError, SecretRefused
from terminal.journal.screening import check_facts, check_json, harmless
from terminal.model import Method, Money

PAN = "6225000000000014"
TRACK2 = "6225000000000014=30121010000012300000"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("note", PAN),
        ("remark", f"card {PAN} was wet"),
        ("pan", PAN),
        ("pan", "1234567890"),
        ("card_no", PAN),
        ("account_no", PAN),
        ("masked_pan", PAN),
        ("label", "4111111111111111"),
        ("label", "4222222222222"),  # 13 digits
        ("label", "6225000000000000014"),  # 19 digits
        ("label", TRACK2),
        ("order_no", TRACK2),  # Under an identifier's name too.
        ("payload", TRACK2.replace("=", "D") + "F"),
        ("track2", "x"),
        ("track_2_data", "12"),
        ("pin", "1234"),
        ("pin", 1234),
        ("pin_block", "0412AC89ABCDEF67"),
        ("cvv2", "123"),
        ("pik", "0123456789ABCDEF"),
        ("amount", 6225000000000014),
    ],
)
def test_cardholder_data_is_refused_and_not_repeated(key: str, value: str | int) -> None:
    with pytest.raises(SecretRefused) as caught:
        check_facts({"fine": "yes", key: value})
    assert key in str(caught.value)
    assert str(value) not in str(caught.value) or len(str(value)) < 4


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("masked_pan", "622500******0014"),
        ("pan", "622500******0014"),
        ("pan", "****"),
        ("rrn", "123456789012"),
        ("rrn", "1126123456789012"),
        ("merchant_no", "898310000000001"),
        ("order_no", "20261122103000000017"),
        ("order_no", "2026112210300000"),
        ("wallet_transaction_no", "4200001234202611"),
        ("payload", "https://pay.example/qr/6212345678901234"),
        ("at", "2026-11-22T10:30:00"),
        ("expires_ms", 1_798_000_000_000),
        ("deadline", 1_798_000_000_000),
        ("local_time", "20261122103000"),
        ("cryptogram", "1234567890123456"),
        ("tvr", "0000008000"),
        ("aid", "A000000333010101"),
        ("issuer_application_data", "0701010300000000"),
        ("field55_hex", "9F2608123456789012345682027C00"),
        ("pin_entered", True),
        ("pin_bypassed", False),
        ("tries", 3),
        ("auth_code", "123456"),
        ("phone", "13800138000"),
        ("text", "金额 128.50 元"),
    ],
)
def test_what_a_sale_has_to_remember_is_allowed(key: str, value: str | int | bool) -> None:
    check_facts({key: value})
    check_json(key, value)


@given(st.from_regex(r"[0-9]{12}", fullmatch=True), st.from_regex(r"[0-9]{15}", fullmatch=True))
def test_no_reference_or_merchant_number_is_refused_by_chance(rrn: str, merchant_no: str) -> None:
    """One in ten passes Luhn's formula; a rule by that formula would stop one sale in ten."""
    check_facts({"rrn": rrn, "order": f"{merchant_no}0001", "merchant_no": merchant_no})


@given(st.from_regex(r"[3-6][0-9]{12,18}", fullmatch=True))
def test_every_long_number_under_a_plain_name_is_refused(number: str) -> None:
    with pytest.raises(SecretRefused):
        check_facts({"label": number})


@pytest.mark.parametrize("value", [None, 1.0, b"x", ["a"], {"a": 1}])
def test_facts_are_str_int_or_bool(value: Any) -> None:
    with pytest.raises(JournalError, match="str, int or bool"):
        check_facts({"fact": value})


def test_every_door_of_the_journal_is_screened() -> None:
    journal = Journal.open(None, wall_ms=lambda: 1_798_000_000_000)
    journal.transact(lambda tx: tx.new_payment(Method.CARD, Money(1), "01"))
    head = journal.events_after(0)
    for work in (
        lambda tx: tx.new_payment(Method.CARD, Money(1), "01", number=PAN),
        lambda tx: tx.new_payment(Method.CARD, Money(1), PAN),
        lambda tx: tx.note(1, number=PAN),
        lambda tx: tx.set("last", {"inner": [{"deep": PAN}]}),
        lambda tx: tx.keep_slip("card", {"rows": [["card", PAN]]}, 1),
        lambda tx: tx.set_mode(tx.mode.KEYED, number=PAN),
    ):
        with pytest.raises(SecretRefused):
            journal.transact(work)
    assert journal.events_after(0) == head
    journal.close()


def test_nesting_is_bounded() -> None:
    value: list[Any] = []
    for _ in range(20):
        value = [value]
    with pytest.raises(JournalError, match="too deeply"):
        check_json("x", value)


@given(
    st.sampled_from(("acquirer", "rrn", "wallet", "wallet_no", "label", "issuer_application_data", "card_no")),
    st.one_of(st.text(max_size=40), st.text("0123456789=D *A", max_size=60)),
)
def test_what_a_peer_said_can_always_be_kept(key: str, text: str) -> None:
    kept = harmless(key, text)
    check_facts({key: kept})
    assert harmless(key, kept) == kept


def test_what_is_no_card_number_is_kept_as_it_was_said() -> None:
    assert harmless("acquirer", "01020000 银联") == "01020000 银联"
    assert harmless("rrn", "123456789012") == "123456789012"
    assert PAN not in harmless("label", f"CREDIT {PAN}")
