"""Requests and judgements: each builder's fields, the MAC range, every way a reply can fail, codes and profiles."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keys import KeyLayout, KeyStore
from terminal.hostlink import messages
from terminal.hostlink.card_messages import CardFields, Kept, Original, card_request, card_reversal
from terminal.hostlink.codec import FrameError, Message, decode, encode
from terminal.hostlink.codes import APPROVING_CODES, RESPONSE_CODES, CodeClass, lookup
from terminal.hostlink.messages import Terminal, Totals
from terminal.hostlink.profile import PROFILES, ProfileError, load_profile, parse_profile
from terminal.hostlink.reply import (
    OrderReply,
    Verdict,
    VerdictKind,
    check_reply,
    ends_reversal,
    read_order,
    read_sign_in,
)
from terminal.hostlink.subfields import OrderState, read_tlv, write_tlv
from terminal.hostlink.transactions import TRANSACTIONS, Names
from terminal.model import Kind, Money

PROFILE = load_profile("unionpay")
VECTORS: dict[str, Any] = {
    vector["id"]: vector
    for vector in json.loads((Path(__file__).parent / "vectors" / "hostlink.json").read_text("utf-8"))["vectors"]
}
TERMINAL = Terminal("104110054110001", "10000001", "000007", "001")
ICC = bytes.fromhex("9F2608A1A2A3A4A5A6A7A89F10080102030405060708950580000400009F360200019A03261130")
TRACK_2 = "6225000000000014D30122011234567890"
CARD = CardFields("6225000000000014", "3012", "001", TRACK_2, icc=ICC)
KEPT = Kept("000009", Money(1), "052", "2200000700050")


def sale(**changes: Any) -> Message:
    said: dict[str, Any] = {"stan": "000123", "card": CARD, "amount": Money(12850)}
    return card_request(TRANSACTIONS[Kind.SALE], TERMINAL, PROFILE, **(said | changes))


def reversal(kept: Kept, terminal: Terminal = TERMINAL, reason: str = "98") -> Message:
    return card_reversal(TRANSACTIONS[Kind.SALE], terminal, PROFILE, kept, reason=reason)


@pytest.fixture
def keys(tmp_path: Path) -> KeyStore:
    store = KeyStore.open(tmp_path / "keys", terminal_id="10000001")
    store.load_test_tmk()
    store.activate_working_keys(bytes.fromhex(VECTORS["syn-key-004"]["f62"]), KeyLayout.PIK_MAK_TDK)
    return store


# Requests


def test_sign_in() -> None:
    message = messages.sign_in(TERMINAL, PROFILE, stan="000001")
    assert message == Message(
        "0800", {11: "000001", 41: "10000001", 42: "104110054110001", 60: "00000007004", 63: "001"}
    )
    assert encode(message, PROFILE)[2:10].hex().upper() == "0020000000C00012"


def test_sign_in_with_a_product_certificate_is_the_public_frame() -> None:
    """Vector frame-easy8583-0800, built from values."""
    text = (PROFILES / "unionpay.toml").read_text("utf-8")
    text = text.replace('sequence_no = ""', 'sequence_no = "306099999906"').replace('scheme = "004"', 'scheme = "003"')
    profile = parse_profile(text, source="test")
    terminal = Terminal("001430170119999", "99999906", "000000", "001")
    body = encode(messages.sign_in(terminal, profile, stan="000001"), profile)
    assert body.hex().upper() == VECTORS["frame-easy8583-0800"]["hex"][26:]


def test_a_chip_sale_with_a_pin() -> None:
    message = sale(pin_block=bytes(range(8)))
    assert message.mti == "0200"
    assert dict(message.fields) == {
        2: "6225000000000014",
        3: "000000",
        4: "000000012850",
        11: "000123",
        14: "3012",
        22: "051",
        23: "001",
        25: "00",
        26: "12",
        35: "6225000000000014D30122011234567890",
        41: "10000001",
        42: "104110054110001",
        49: "156",
        52: bytes(range(8)),
        53: "2600000000000000",
        55: ICC,
        60: "2200000700050",
    }


def test_a_chip_sale_without_a_pin() -> None:
    message = sale(card=replace(CARD, track2=TRACK_2.replace("D", "=")))
    assert message.text(22) == "052"
    assert message.text(35) == TRACK_2
    assert not {26, 52, 53} & set(message.fields)


@pytest.mark.parametrize("stan", ["000000", "12345", "1234567", "00000x", ""])
def test_no_stan_is_no_message(stan: str) -> None:
    with pytest.raises(ValueError, match="STAN"):
        messages.sign_in(TERMINAL, PROFILE, stan=stan)


def test_a_reversal_repeats_the_original_and_drops_its_secrets() -> None:
    request = sale(pin_block=bytes(8))
    later = Terminal("104110054110001", "10000001", "000008", "002")  # A new batch and operator since.
    kept = Kept(
        stan=request.text(11),
        amount=Money(12850),
        entry_mode=request.text(22),
        f60=request.text(60),
        pan=CARD.pan,
        expiry=CARD.expiry,
        sequence=CARD.sequence,
        auth_code="123456",
        icc=ICC,
    )
    message = reversal(kept, later, PROFILE.no_response_reason)
    assert message.mti == "0400"
    for number in (2, 3, 4, 11, 14, 22, 23, 25, 41, 42, 49, 60):
        assert message.fields[number] == request.fields[number]
    assert message.text(38) == "123456"
    assert message.text(39) == "98"
    assert message.binary(55) == bytes.fromhex("950580000400009F100801020304050607089F36020001")
    assert not {26, 35, 36, 37, 52, 53, 64} & set(message.fields)


def test_a_reversal_of_little() -> None:
    message = reversal(KEPT, reason="A0")
    assert set(message.fields) == {3, 4, 11, 22, 25, 39, 41, 42, 49, 60}


def test_every_kind_has_codes_of_its_own() -> None:
    """A host tells kinds apart by MTI, F3, F25, 60.1 and 60.7; a reversal by all but the MTI."""
    codes = [(r.processing_code, r.condition, r.type, r.account) for r in TRANSACTIONS.values()]
    assert len(set(codes)) == len(codes) == len(Kind)
    for row in TRANSACTIONS.values():
        assert row.undoes is None or row.undoes in TRANSACTIONS
        assert (row.names is Names.NOTHING) == (not row.sends)


ORIGINAL = Original("000006", "000012", "1126", "091947165060", "123456", "01", "12345")


@pytest.mark.parametrize(
    ("kind", "f61", "f37", "f38"),
    [
        (Kind.VOID, "000006000012", "091947165060", "123456"),
        (Kind.REFUND, "0000000000001126", "091947165060", ""),
        (Kind.AUTH_VOID, "0000000000001126", "", "123456"),
        (Kind.COMPLETION, "0000000000001126", "", "123456"),
        (Kind.OFFLINE_SETTLEMENT, "00000000000000000112345", "", "123456"),
        (Kind.SALE, "", "", ""),
    ],
)
def test_how_an_original_is_named(kind: Kind, f61: str, f37: str, f38: str) -> None:
    row = TRANSACTIONS[kind]
    message = card_request(row, TERMINAL, PROFILE, stan="000013", card=CARD, amount=Money(1), original=ORIGINAL)
    assert (message.text(61), message.text(37), message.text(38)) == (f61, f37, f38)
    assert (message.mti, message.text(3), message.text(25)) == (row.mti, row.processing_code, row.condition)


def test_what_a_row_does_not_take_is_our_own_mistake() -> None:
    with pytest.raises(ValueError, match="original"):
        card_request(TRANSACTIONS[Kind.VOID], TERMINAL, PROFILE, stan="000013", card=CARD, amount=Money(1))
    with pytest.raises(ValueError, match="PIN"):
        card_request(
            TRANSACTIONS[Kind.MOTO_SALE], TERMINAL, PROFILE, stan="000013", card=CARD, amount=None, pin_block=bytes(8)
        )


def test_points_name_their_account_and_a_balance_has_no_amount() -> None:
    points = card_request(TRANSACTIONS[Kind.POINTS], TERMINAL, PROFILE, stan="000013", card=CARD, amount=Money(1))
    assert points.text(60) == "22000007000500048"
    balance = card_request(TRANSACTIONS[Kind.BALANCE], TERMINAL, PROFILE, stan="000013", card=CARD, amount=None)
    assert 4 not in balance.fields and balance.text(60)[:2] == "01"


def test_an_acquirer_may_have_codes_of_its_own() -> None:
    text = (PROFILES / "unionpay.toml").read_text("utf-8")
    ours = parse_profile(text + '\n[transactions.repayment]\ntype = "77"\n', source="test")
    assert ours.transactions[Kind.REPAYMENT].type == "77" and ours.transactions[Kind.SALE] == TRANSACTIONS[Kind.SALE]
    for wrong in ('[transactions.sale]\ntype = "2"', "[transactions.nonsense]\n", '[transactions.sale]\nfee = "1"'):
        with pytest.raises(ProfileError, match="transactions"):
            parse_profile(f"{text}\n{wrong}\n", source="test")
    with pytest.raises(ProfileError, match="tell them apart"):
        parse_profile(text + '\n[transactions.repayment]\nprocessing_code = "000000"\ntype = "22"\n', source="test")


def test_settlement_totals_are_62_digits() -> None:
    totals = Totals(debit_minor=12850, debit_count=3, credit_minor=100, credit_count=1)
    message = messages.settlement(TERMINAL, PROFILE, stan="000002", domestic=totals)
    assert message.mti == "0500"
    assert message.text(48) == "0000000128500030000000001000010" + "0" * 31
    assert (message.text(49), message.text(60), message.text(63)) == ("156", "00000007201", "001")


def test_a_batch_too_full_for_its_totals_is_our_own_mistake() -> None:
    with pytest.raises(ValueError, match="999"):
        messages.settlement(TERMINAL, PROFILE, stan="000002", domestic=Totals(debit_count=1000))


@pytest.mark.parametrize(("balanced", "code"), [(True, "207"), (False, "202")])
def test_the_end_of_a_batch_upload(balanced: bool, code: str) -> None:
    message = messages.batch_end(TERMINAL, PROFILE, stan="000003", balanced=balanced, records=12)
    assert (message.mti, message.text(48), message.text(60)) == ("0320", "0012", f"00000007{code}")


def test_sign_out_and_echo() -> None:
    assert messages.sign_out(TERMINAL, PROFILE, stan="000003").text(60) == "00000007002"
    assert set(messages.echo(TERMINAL, PROFILE, stan="000003").fields) == {41, 42, 60}


def test_qr_orders() -> None:
    order = messages.qr_order(TERMINAL, PROFILE, stan="000010", amount=Money(990), order_no="M1")
    pay = messages.qr_pay(
        TERMINAL, PROFILE, stan="000011", amount=Money(990), order_no="M2", code="134567890123456789", seconds=60
    )
    query = messages.qr_query(TERMINAL, PROFILE, stan="000012", order_no="M1")
    close = messages.qr_close(TERMINAL, PROFILE, stan="000013", order_no="M1")
    reverse = messages.qr_reverse(TERMINAL, PROFILE, stan="000014", order_no="M2")
    every = (order, pay, query, close, reverse)
    assert [(m.mti, m.text(3), m.text(22), m.text(25)) for m in every] == [
        ("0200", "700000", "032", "00"),
        ("0200", "730000", "031", "00"),
        ("0200", "710000", "032", "00"),
        ("0200", "720000", "032", "00"),
        ("0200", "740000", "031", "00"),
    ]
    assert [m.text(4) for m in every] == ["000000000990", "000000000990", "", "", ""]
    assert read_tlv(pay.text(59)) == {"A3": "134567890123456789", "A4": "M2", "A7": "60"}
    assert read_tlv(order.text(59)) == {"A4": "M1"}, "without seconds the acquirer's own time holds"
    assert all(m.text(60).startswith("60000007") for m in every)


@pytest.mark.parametrize("order_no", ["", "x" * 33])
def test_an_order_number_has_32_characters_at_most(order_no: str) -> None:
    with pytest.raises(ValueError, match="order number"):
        messages.qr_query(TERMINAL, PROFILE, stan="000012", order_no=order_no)


def digits(count: int) -> st.SearchStrategy[str]:
    return st.text("0123456789", min_size=count, max_size=count)


STANS = st.integers(1, 999_999).map(lambda number: f"{number:06d}")
AMOUNTS = st.integers(1, 999_999_999_99).map(Money)
ORDER_NOS = st.text("0123456789ABCDEFGH-", min_size=1, max_size=32)
TERMINALS = st.builds(Terminal, digits(15), digits(8), digits(6), st.text("0123456789", max_size=3))


@st.composite
def any_request(draw: st.DrawFn) -> Message:
    terminal, stan, amount, order_no = draw(TERMINALS), draw(STANS), draw(AMOUNTS), draw(ORDER_NOS)
    pan = draw(st.text("0123456789", min_size=13, max_size=19))
    pin_block = draw(st.just(b"") | st.binary(min_size=8, max_size=8))
    row = TRANSACTIONS[draw(st.sampled_from(sorted(TRANSACTIONS, key=lambda kind: kind.value)))]
    card = CardFields(
        pan,
        draw(st.just("") | digits(4)),
        draw(st.just("") | digits(2)),
        f"{pan}D{draw(digits(7))}{draw(st.text('0123456789', max_size=10))}",
        icc=ICC[: draw(st.sampled_from([0, 11, len(ICC)]))],
    )
    original = Original("000007", "000001", "1126", draw(st.just("") | digits(12)), draw(st.just("") | digits(6)), "01")
    asked = card_request(
        row,
        terminal,
        PROFILE,
        stan=stan,
        card=card,
        amount=amount,
        pin_block=pin_block if row.pin else b"",
        original=original,
    )
    kept = Kept(stan, amount, "051", asked.text(60), asked.text(61), pan, icc=ICC)
    totals = st.builds(Totals, *([st.integers(0, 999_999_999_99), st.integers(0, 999)] * 2))
    built = {
        "sign in": lambda: messages.sign_in(terminal, PROFILE, stan=stan),
        "sign out": lambda: messages.sign_out(terminal, PROFILE, stan=stan),
        "card": lambda: asked,
        "reversal": lambda: card_reversal(row, terminal, PROFILE, kept, reason="98"),
        "settlement": lambda: messages.settlement(
            terminal, PROFILE, stan=stan, domestic=draw(totals), foreign=draw(totals)
        ),
        "end": lambda: messages.batch_end(terminal, PROFILE, stan=stan, balanced=True, records=1),
        "order": lambda: messages.qr_order(terminal, PROFILE, stan=stan, amount=amount, order_no=order_no),
        "query": lambda: messages.qr_query(terminal, PROFILE, stan=stan, order_no=order_no),
        "close": lambda: messages.qr_close(terminal, PROFILE, stan=stan, order_no=order_no),
        "pay": lambda: messages.qr_pay(
            terminal, PROFILE, stan=stan, amount=amount, order_no=order_no, code=draw(digits(18))
        ),
    }
    return built[draw(st.sampled_from(sorted(built)))]()


@given(any_request())
def test_every_request_comes_back(message: Message) -> None:
    assert decode(encode(message, PROFILE), PROFILE) == message
    sent = message.with_fields({64: b"0123ABCD"})
    body = encode(sent, PROFILE)
    assert decode(body, PROFILE) == sent
    assert body == messages.mac_range(message, PROFILE) + b"0123ABCD"


def test_the_mac_range_of_a_public_frame() -> None:
    """Vector mac-1: from the MTI, with bit 64 set, to the byte before F64."""
    body = bytes.fromhex(VECTORS["frame-blog-mab-0200"]["hex"])
    expected = bytes.fromhex(VECTORS["mac-1"]["mab"])
    message = decode(body, PROFILE)
    assert messages.mac_range(message, PROFILE) == expected
    assert messages.mac_range(message.without(64), PROFILE) == expected


def test_with_mac(keys: KeyStore) -> None:
    """The same range under the double-length key: vector syn-mac-double."""
    message = decode(bytes.fromhex(VECTORS["frame-blog-mab-0200"]["hex"]), PROFILE).without(64)
    assert messages.with_mac(message, keys, PROFILE).binary(64) == b"E9F93A63"


# Replies


def request_of(keys: KeyStore) -> Message:
    return messages.with_mac(sale(), keys, PROFILE)


def answer(
    request: Message,
    keys: KeyStore | None,
    code: str,
    changes: Mapping[int, str | bytes] | None = None,
    *,
    drop: tuple[int, ...] = (),
    mti: str | None = None,
) -> Message:
    """What a host says: the echoed fields, F39, and (with keys) a MAC over all of it."""
    fields = {n: request.fields[n] for n in (3, 4, 11, 41, 42, 60) if n in request.fields}
    fields |= {39: code, 37: "091947165060"} | dict(changes or {})
    reply = Message(mti or f"{int(request.mti) + 10:04d}", {n: v for n, v in fields.items() if n not in drop})
    return messages.with_mac(reply, keys, PROFILE) if keys else reply


@pytest.mark.parametrize("code", sorted(APPROVING_CODES))
def test_an_approval_needs_its_mac(keys: KeyStore, code: str) -> None:
    request = request_of(keys)
    assert check_reply(request, answer(request, keys, code), keys, PROFILE) == Verdict(VerdictKind.APPROVED, code)
    bare = answer(request, None, code)
    assert check_reply(request, bare, keys, PROFILE) == Verdict(VerdictKind.UNAUTHENTICATED, code, 64)
    forged = bare.with_fields({64: b"00000000"})
    assert check_reply(request, forged, keys, PROFILE) == Verdict(VerdictKind.UNAUTHENTICATED, code, 64)


@pytest.mark.parametrize("code", ["51", "55", "05", "94", "09", "A0", "ZZ"])
def test_a_decline_is_one_only_when_it_is_authentic(keys: KeyStore, code: str) -> None:
    request = request_of(keys)
    declined = check_reply(request, answer(request, keys, code), keys, PROFILE)
    assert (declined, declined.answered) == (Verdict(VerdictKind.DECLINED, code), True)
    silent = check_reply(request, answer(request, None, code), keys, PROFILE)
    assert (silent, silent.answered) == (Verdict(VerdictKind.UNAUTHENTICATED, code, 64), False)


@pytest.mark.parametrize(
    ("number", "value"),
    [
        (3, "200000"),
        (4, "000000012851"),
        (11, "000122"),
        (41, "10000002"),
        (42, "104110054110002"),
    ],
)
def test_each_echoed_field_must_come_back(keys: KeyStore, number: int, value: str) -> None:
    request = request_of(keys)
    for reply in (answer(request, keys, "00", {number: value}), answer(request, keys, "00", drop=(number,))):
        assert check_reply(request, reply, keys, PROFILE) == Verdict(VerdictKind.MISMATCH, "00", number)


@pytest.mark.parametrize("mti", ["0200", "0220", "0410", "0211"])
def test_another_mti_is_no_answer(keys: KeyStore, mti: str) -> None:
    request = request_of(keys)
    reply = answer(request, keys, "00", mti=mti)
    assert check_reply(request, reply, keys, PROFILE) == Verdict(VerdictKind.MISMATCH, "00", 0)


def test_an_answer_without_a_code_is_none(keys: KeyStore) -> None:
    request = request_of(keys)
    reply = answer(request, keys, "00", drop=(39,))
    assert check_reply(request, reply, keys, PROFILE) == Verdict(VerdictKind.MISMATCH, "", 39)


def test_a_partial_approval_may_change_the_amount(keys: KeyStore) -> None:
    request = request_of(keys)
    partial = answer(request, keys, "10", {4: "000000010000"})
    assert check_reply(request, partial, keys, PROFILE) == Verdict(VerdictKind.APPROVED, "10")
    missing = answer(request, keys, "10", drop=(4,))
    assert check_reply(request, missing, keys, PROFILE).kind is VerdictKind.MISMATCH


@pytest.mark.parametrize("code", sorted(APPROVING_CODES - {"10"}))
def test_any_other_approval_is_of_the_whole_amount(keys: KeyStore, code: str) -> None:
    request = request_of(keys)
    other = answer(request, keys, code, {4: "000000010000"})
    assert check_reply(request, other, keys, PROFILE) == Verdict(VerdictKind.MISMATCH, code, 4)


def test_every_covered_byte_of_a_reply_counts_but_for_the_fold(keys: KeyStore) -> None:
    request = request_of(keys)
    reply = answer(request, keys, "00")
    changed = reply.with_fields({37: "091947165061"})
    assert check_reply(request, changed, keys, PROFILE).kind is VerdictKind.UNAUTHENTICATED


def test_a_sign_in_needs_no_mac_but_a_wrong_one_is_wrong(keys: KeyStore, tmp_path: Path) -> None:
    request = messages.sign_in(TERMINAL, PROFILE, stan="000001")
    plain = answer(request, None, "00")
    assert check_reply(request, plain, keys, PROFILE) == Verdict(VerdictKind.APPROVED, "00")
    assert check_reply(request, answer(request, keys, "00"), keys, PROFILE).kind is VerdictKind.APPROVED
    forged = plain.with_fields({64: b"00000000"})
    assert check_reply(request, forged, keys, PROFILE).kind is VerdictKind.UNAUTHENTICATED
    blank = KeyStore.open(tmp_path / "blank", terminal_id="10000001")
    assert check_reply(request, forged, blank, PROFILE).kind is VerdictKind.UNAUTHENTICATED


@pytest.mark.parametrize("code", sorted({"00", "12", "25", "A0", "77", "97", "99", "96", "51"}))
def test_what_ends_a_reversal(keys: KeyStore, code: str) -> None:
    request = messages.with_mac(reversal(KEPT), keys, PROFILE)
    authentic = check_reply(request, answer(request, keys, code), keys, PROFILE)
    assert ends_reversal(authentic, PROFILE) is (code in ("00", "12", "25"))
    bare = check_reply(request, answer(request, None, code), keys, PROFILE)
    assert not ends_reversal(bare, PROFILE)


def test_a_sign_ins_answer_is_read() -> None:
    vector = VECTORS["frame-yuantu-0810"]
    read = read_sign_in(decode(bytes.fromhex(vector["hex"])[13:], PROFILE), PROFILE)
    assert (read.date, read.time, read.batch_no) == ("0428", "091942", "000007")
    assert read.key_block == bytes.fromhex(vector["fields"]["62"])
    assert vector["fields"]["62"][:8] not in repr(read)


@pytest.mark.parametrize("number", [12, 13, 60, 62])
def test_a_sign_ins_answer_with_a_gap_is_refused(number: int) -> None:
    reply = decode(bytes.fromhex(VECTORS["frame-yuantu-0810"]["hex"])[13:], PROFILE)
    with pytest.raises(FrameError) as fault:
        read_sign_in(reply.without(number), PROFILE)
    assert fault.value.field == number


def test_an_orders_answer_is_read() -> None:
    tags = {"A4": "M1", "A5": "https://qr.95516.com/1", "A6": "PAID", "A7": "117", "A8": "云闪付", "A9": "W9"}
    reply = decode(encode(Message("0210", {59: write_tlv(tags)}), PROFILE), PROFILE)
    assert read_order(reply) == OrderReply(OrderState.PAID, "M1", "https://qr.95516.com/1", 117, "云闪付", "W9")


@pytest.mark.parametrize(
    "f59", ["", "A6004DONE", "A6004PAIDA7002-1", "A6004PAIDA7000", "A6005PAID", "A6004PAIDA7006123456"]
)
def test_a_bad_orders_answer_is_refused(f59: str) -> None:
    with pytest.raises(FrameError) as fault:
        read_order(Message("0210", {59: f59}))
    assert fault.value.field == 59


# Codes


def test_the_terminal_facing_list_is_marked_as_known() -> None:
    listed = (
        "00 01 03 04 05 10 11 12 13 14 15 21 22 25 30 34 38 40 41 43 51 54 55 57 58 59 61 62 64 65 68 75 "
        "90 91 92 94 96 97 98 99 A0 A1 A2 A3 A4 A5 A6 A7"
    )
    listed_codes = sorted(listed.split(" "))
    assert sorted(code for code, row in RESPONSE_CODES.items() if row.known) == listed_codes


def test_approving_codes_and_actions_agree() -> None:
    assert {code for code, row in RESPONSE_CODES.items() if row.kind is CodeClass.APPROVE} == APPROVING_CODES
    assert {code for code, row in RESPONSE_CODES.items() if row.sign_in} == {"77", "99", "A0"}
    assert all(row.zh and row.en for row in RESPONSE_CODES.values())


def test_an_unknown_code_is_a_decline_that_shows_itself() -> None:
    row = lookup("Q7")
    assert row.kind is CodeClass.DECLINE
    assert "Q7" in row.zh
    assert "Q7" in row.en


# Profiles

SHIPPED = (PROFILES / "unionpay.toml").read_text("utf-8")


def test_the_shipped_profile() -> None:
    assert PROFILE.reversal_ending_codes == ("00", "12", "25")
    assert (PROFILE.connect_timeout_ms, PROFILE.response_timeout_ms) == (15_000, 60_000)
    assert (PROFILE.key_scheme, PROFILE.reversal_resend_count) == ("004", 3)


def problems(text: str) -> list[str]:
    with pytest.raises(ProfileError) as wrong:
        parse_profile(text, source="mine.toml")
    return str(wrong.value).splitlines()


def test_an_amount_in_fen_is_sent_as_no_other_currency() -> None:
    """¥128.50 is no 12,850 yen."""
    (found,) = problems(SHIPPED.replace('currency = "156"', 'currency = "392"'))
    assert found.endswith("batch.currency: must be one of 156")


def test_all_errors_of_a_profile_are_reported_at_once_with_their_lines() -> None:
    text = (
        SHIPPED.replace('tpdu = "6000030000"', 'tpdu = "7000030000"')
        .replace("connect_timeout_ms = 15000", "connect_timeout_ms = 15.5")
        .replace('ending_codes = ["00", "12", "25"]', 'ending_codes = "00"')
        .replace("in_totals = true", "in_totals = 1")
        .replace('currency = "156"', "")
        .replace("resend_count = 3", "resend_cuont = 3")
    )
    text += '\n[fields.48]\nencoding = "ebcdic"\nprefix = "ll"\n\n[fields.5]\nlength = 12\n'
    found = problems(text)
    lines = text.splitlines()
    expected = {
        "frame.tpdu: must be 60 and eight digits, or none",
        "timing.connect_timeout_ms: must be a whole number from 100 to 300000",
        "reversal.ending_codes: must be a list of two-character codes",
        "reversal.resend_count: missing",
        "reversal.resend_cuont: no such setting",
        "qr.in_totals: must be true or false",
        "batch.currency: missing",
        "fields.48.encoding: must be a known encoding",
        "fields.48.length: a prefix ll counts to 99 only",
        "fields.5: must be a section for a field of the table",
    }
    assert {line.split(": ", 1)[1] for line in found} == expected
    for line in found:
        _, number, key = line.split(":")[:3]
        name = key.strip().rpartition(".")[2]
        assert name in lines[int(number) - 1] or lines[int(number) - 1].startswith("[")


@pytest.mark.parametrize("text", ["", "frame = 1", "name = ", "fields = 3", "[nonsense]\na = 1"])
def test_a_broken_profile_is_refused(text: str) -> None:
    assert problems(text)


def test_a_missing_profile_is_refused(tmp_path: Path) -> None:
    for where in ("no-such-profile", tmp_path / "none.toml", tmp_path):
        with pytest.raises(ProfileError):
            load_profile(where)
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ProfileError, match="UTF-8"):
        load_profile(tmp_path / "binary.toml")


@given(st.text(max_size=200))
def test_any_text_is_a_profile_or_refused(text: str) -> None:
    with pytest.raises(ProfileError):
        parse_profile(text, source="any")


def test_a_profile_overrides_rows_of_the_field_table() -> None:
    profile = parse_profile(SHIPPED + '\n[fields.48]\nencoding = "ans"\nlength = 100\n', source="mine.toml")
    assert profile.fields[48].length == 100
    assert encode(Message("0200", {48: "ABC"}), profile)[10:] == b"\x00\x03ABC"


@pytest.mark.parametrize(("number", "encoding"), [(55, "text"), (62, "ans"), (37, "binary"), (59, "binary")])
def test_a_profile_cannot_make_text_of_bytes_or_bytes_of_text(number: int, encoding: str) -> None:
    with pytest.raises(ProfileError) as caught:
        parse_profile(SHIPPED + f'\n[fields.{number}]\nencoding = "{encoding}"\n', source="mine.toml")
    assert [problem[1] for problem in caught.value.problems] == [f"fields.{number}.encoding"]
