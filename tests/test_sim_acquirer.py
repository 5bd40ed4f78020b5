"""The acquirer's core: what a good host accepts, and every way in which it refuses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyemv
import pytest
from host_bench import Bench, code

from keys import KcvMismatch
from sim.acquirer import (
    Fault,
    FaultKind,
    FaultPlan,
    Registry,
    TerminalRow,
    default_registry,
)
from sim.acquirer.book import EntryState
from sim.acquirer.caller import Caller, new_card
from sim.acquirer.originals import DAY_MS
from sim.acquirer.registry import TEST_MERCHANT, TEST_TERMINAL, card_accounts
from sim.card.profiles import PROFILES, make_test_pan
from sim.cryptograms import TEST_ISSUERS
from terminal.hostlink import messages
from terminal.hostlink.codec import Message, decode, encode
from terminal.hostlink.frame import unwrap, wrap
from terminal.hostlink.messages import Terminal, Totals
from terminal.hostlink.profile import load_profile
from terminal.hostlink.reply import VerdictKind
from terminal.model import Kind

CREDIT = PROFILES["unionpay-credit-pin"]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "keys").signed_in()


@pytest.fixture
def make_bench(tmp_path: Path) -> Callable[..., Bench]:
    return lambda **options: Bench(tmp_path / "keys", **options)


# Sign-in


def test_sign_in_brings_keys_batch_and_chinas_clock(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench()
    reply = bench.caller.sign_in()
    assert code(reply) == "00"
    assert reply is not None
    assert set(reply.fields) == {11, 12, 13, 32, 37, 39, 41, 42, 60, 62}
    assert (reply.text(13), reply.text(12)) == ("1121", "120000")
    assert reply.text(60) == "00000001004"
    assert len(reply.binary(62)) == 60
    assert bench.caller.keys.working_keys_ready()


def test_each_sign_in_has_fresh_keys_and_the_same_open_batch(bench: Bench) -> None:
    first = bench.caller.sign_in()
    second = bench.caller.sign_in()
    assert first is not None and second is not None
    assert first.binary(62) != second.binary(62)
    assert first.text(60) == second.text(60)


def test_a_host_whose_day_ends_first_takes_no_sale_into_the_old_batch_and_still_settles_it(bench: Bench) -> None:
    caller = bench.caller
    first = caller.sign_in()
    assert first is not None and code(caller.sale(100)) == "00"
    bench.acquirer.change_batch((TEST_MERCHANT, TEST_TERMINAL))
    assert code(caller.sale(100)) == "77"
    second = caller.sign_in()
    assert second is not None and second.text(60)[2:8] == "000002" != first.text(60)[2:8]
    old = bench.acquirer.book.batch((TEST_MERCHANT, TEST_TERMINAL), "000001")
    assert old is not None and old.is_open and len(old.entries) == 1


def test_the_same_seed_gives_the_same_keys(tmp_path: Path) -> None:
    blocks = []
    for name in ("a", "b"):
        reply = Bench(tmp_path / name, seed=7).caller.sign_in()
        assert reply is not None
        blocks.append(reply.binary(62))
    assert blocks[0] == blocks[1]


def test_a_bad_check_value_is_seen_by_the_terminal(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench(faults=FaultPlan([Fault(FaultKind.BAD_KCV, mti="0800")]))
    with pytest.raises(KcvMismatch):
        bench.caller.sign_in()
    assert not bench.caller.keys.working_keys_ready()
    assert code(bench.caller.sign_in()) == "00", "one fault, once"


def test_a_key_scheme_that_the_host_has_not_is_refused(bench: Bench) -> None:
    request = Message("0800", {11: "000009", 41: TEST_TERMINAL, 42: TEST_MERCHANT, 60: "00000001006", 63: "001"})
    assert code(bench.caller.call(request)) == "40"


def test_echo_and_sign_out(bench: Bench) -> None:
    caller = bench.caller
    assert code(caller.call(messages.echo(caller.terminal, caller.profile, stan="000100"))) == "00"
    assert bench.acquirer.signed_in(TEST_MERCHANT, TEST_TERMINAL)
    assert code(caller.call(messages.sign_out(caller.terminal, caller.profile, stan="000101"))) == "00"
    assert not bench.acquirer.signed_in(TEST_MERCHANT, TEST_TERMINAL)
    assert code(caller.sale(100)) == "77"


@pytest.mark.parametrize(
    ("batch_no", "expected"),
    [("000001", "00"), ("000002", "00"), ("999999", "00"), ("000003", "77")],
)
def test_a_sign_out_may_be_one_batch_off(bench: Bench, batch_no: str, expected: str) -> None:
    caller = bench.caller
    terminal = Terminal(TEST_MERCHANT, TEST_TERMINAL, batch_no)
    assert code(caller.call(messages.sign_out(terminal, caller.profile, stan="000101"))) == expected
    assert bench.acquirer.signed_in(TEST_MERCHANT, TEST_TERMINAL) == (expected == "77")


def test_a_cashier_has_a_number_and_a_terminal_that_is_signed_in(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench()
    fields = {11: "000102", 41: TEST_TERMINAL, 42: TEST_MERCHANT, 60: "00000001401"}
    cashier = Message("0820", fields | {63: "01 "})
    assert code(bench.caller.call(cashier)) == "77"
    bench.signed_in()
    assert code(bench.caller.call(cashier)) == "00"
    assert code(bench.caller.call(Message("0820", fields))) == "30"


# Sale


def test_an_approved_sale(bench: Bench) -> None:
    before = bench.account().balance_minor
    reply = bench.caller.sale(12850)
    assert reply is not None and bench.caller.last_sale is not None
    assert bench.caller.verdict(bench.caller.last_sale, reply).kind is VerdictKind.APPROVED
    assert {37, 38, 44, 55, 64} <= set(reply.fields)
    assert len(reply.text(37)) == 12 and len(reply.text(38)) == 6
    assert bench.account().balance_minor == before - 12850
    (entry,) = bench.acquirer.book.entries
    assert (entry.state, entry.amount_minor, entry.rrn) == (EntryState.APPROVED, 12850, reply.text(37))
    assert CREDIT.pan not in repr(entry)


def test_the_card_accepts_the_arpc_and_pyemv_made_the_same(bench: Bench) -> None:
    card = new_card("arpc-mandatory")
    reply = bench.caller.sale(12850, card)
    assert reply is not None and bench.caller.last_sale is not None
    tag_91 = reply.binary(55)
    assert tag_91[:2] == b"\x91\x0a"
    icc = bench.caller.last_sale.binary(55)
    arqc = icc[3:11]
    app = card.profile.applications[0]
    master = pyemv.kd.derive_icc_mk_a(TEST_ISSUERS[app.pan[:6]].keys.ac, app.pan, app.sequence)
    atc = card.atc.to_bytes(2, "big")
    block = bytes(6) + atc + bytes(6) + bytes(byte ^ 0xFF for byte in atc)  # PBOC's session key.
    session = pyemv.tools.encrypt_tdes_ecb(master, block)
    assert tag_91[2:] == pyemv.ac.generate_arpc_1(session, arqc, b"00") + b"00"
    assert card.transmit(b"\x00\x82\x00\x00\x0a" + tag_91[2:]) == b"\x90\x00"


def test_a_spoilt_arpc_is_refused_by_the_card(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench(faults=FaultPlan([Fault(FaultKind.BAD_ARPC)])).signed_in()
    card = new_card("unionpay-credit-pin")
    reply = bench.caller.sale(100, card)
    assert code(reply) == "00" and reply is not None
    assert card.transmit(b"\x00\x82\x00\x00\x0a" + reply.binary(55)[2:]) == b"\x63\x00"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("poor", "51"),
        ("expired", "54"),
        ("lost", "41"),
        ("do-not-honour", "05"),
        ("signature", "00"),
        ("no-cvm", "00"),
        ("unionpay-debit-pin", "00"),
    ],
)
def test_the_card_decides_the_answer(bench: Bench, name: str, expected: str) -> None:
    reply = bench.caller.sale(12850, new_card(name))
    assert code(reply) == expected and reply is not None
    assert reply.binary(55)[-2:] == expected.encode(), "the ARPC is over this very code"
    assert bench.caller.last_sale is not None
    assert bench.caller.verdict(bench.caller.last_sale, reply).answered


def test_wrong_pins_are_counted_and_a_right_one_forgives(bench: Bench) -> None:
    sale = bench.caller.sale
    assert code(sale(100, pin="9999")) == "55"
    assert code(sale(100, pin="123456")) == "00"
    assert [code(sale(100, pin="000000")) for _ in range(3)] == ["55", "55", "75"]
    assert code(sale(100, pin="123456")) == "75", "the right one comes too late"


def test_pin_tries_come_back_on_the_next_day(bench: Bench) -> None:
    assert [code(bench.caller.sale(100, pin="000000")) for _ in range(3)] == ["55", "55", "75"]
    bench.now_ms += DAY_MS
    assert code(bench.caller.sale(100, pin="123456")) == "00"


def test_a_debit_card_without_pin_is_refused(bench: Bench) -> None:
    assert code(bench.caller.sale(100, new_card("unionpay-debit-pin"), pin="")) == "55"
    assert code(bench.caller.sale(100, new_card("unionpay-credit-pin"), pin="")) == "00", "it may sign"


def with_changes(bench: Bench, **changes: str | bytes | None) -> str:
    """F39 of a good sale with fields changed (f4="…") or left out (f4=None), MACed as it then is."""
    message = bench.caller.sale_message(12850, new_card("unionpay-credit-pin"), pin="123456")
    for name, value in changes.items():
        number = int(name[1:])
        message = message.without(number) if value is None else message.with_fields({number: value})
    return code(bench.caller.call(message, mac=True))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "00"),
        ({"f42": "898440153119999"}, "03"),
        ({"f41": "99999999"}, "97"),
        ({"f3": None}, "30"),
        ({"f4": None}, "30"),
        ({"f11": None}, "30"),
        ({"f22": None}, "30"),
        ({"f25": None}, "30"),
        ({"f41": None}, "30"),
        ({"f42": None}, "30"),
        ({"f49": None}, "30"),
        ({"f49": "840"}, "30"),
        ({"f55": None}, "30"),
        ({"f60": None}, "30"),
        ({"f60": "2200000"}, "30"),
        ({"f52": None}, "30"),
        ({"f26": None}, "30"),
        ({"f22": "052"}, "30"),
        ({"f2": None, "f35": None}, "30"),
        ({"f2": None}, "00"),
        ({"f22": "021"}, "45"),
        ({"f22": "021", "f55": None}, "45"),
        ({"f22": "021", "f60": "2200000100051", "f55": None}, "45"),
        ({"f22": "021", "f60": "2200000100052", "f55": None}, "00"),
        ({"f22": "021", "f60": "2200000100052", "f35": None}, "30"),
        ({"f22": "021", "f60": "2200000100052", "f53": "2610000000000000"}, "14"),
        ({"f22": "011"}, "58"),
        ({"f3": "310000"}, "40"),
        ({"f4": "000000000000"}, "13"),
        ({"f60": "2200009900050"}, "77"),
        ({"f2": make_test_pan("622500", 999), "f35": None}, "14"),
        ({"f2": "6225000000000015", "f35": None}, "14"),
        ({"f2": make_test_pan("622500", 3)}, "14"),
        ({"f2": make_test_pan("400000", 1), "f35": None}, "15"),
        ({"f55": b"\x9f\x26\x08"}, "59"),
        ({"f55": b""}, "59"),
        ({"f4": "000000012851"}, "59"),
        ({"f23": "002"}, "59"),
        ({"f52": bytes(8)}, "99"),
    ],
)
def test_a_bad_sale_is_refused_for_its_fault(
    bench: Bench, changes: dict[str, str | bytes | None], expected: str
) -> None:
    assert with_changes(bench, **changes) == expected
    approved = [entry for entry in bench.acquirer.book.entries if entry.state is EntryState.APPROVED]
    assert len(approved) == (expected == "00")


def test_a_wrong_mac_is_refused_without_a_mac(bench: Bench) -> None:
    message = bench.caller.sale_message(100, new_card("no-cvm")).with_fields({64: b"00000000"})
    reply = bench.caller.call(message)
    assert code(reply) == "A0" and reply is not None
    assert 64 not in reply.fields
    assert not bench.acquirer.book.entries
    assert code(bench.caller.call(message.without(64))) == "30"


def test_old_keys_are_dead_after_a_new_sign_in(bench: Bench) -> None:
    message = messages.with_mac(
        bench.caller.sale_message(100, new_card("no-cvm")), bench.caller.keys, bench.caller.profile
    )
    bench.caller.sign_in()
    assert code(bench.caller.call(message)) == "A0"


def test_nobody_sells_before_sign_in(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench()
    message = bench.caller.sale_message(100, new_card("no-cvm")).with_fields({64: b"00000000"})
    assert code(bench.caller.call(message)) == "77"


def test_a_repeated_stan_is_a_duplicate(bench: Bench) -> None:
    bench.caller.sale(100)
    assert bench.caller.last_sale is not None
    assert code(bench.caller.call(bench.caller.last_sale, mac=True)) == "94"
    assert len(bench.acquirer.book.entries) == 1


def test_a_used_cryptogram_is_refused_under_a_new_stan(bench: Bench) -> None:
    bench.caller.sale(100)
    assert bench.caller.last_sale is not None
    replay = bench.caller.last_sale.with_fields({11: bench.caller.next_stan()})
    assert code(bench.caller.call(replay, mac=True)) == "59"


def test_a_disabled_terminal_is_not_registered(tmp_path: Path) -> None:
    registry = Registry([TerminalRow(TEST_MERCHANT, TEST_TERMINAL, enabled=False)], card_accounts())
    assert code(Bench(tmp_path / "k", registry=registry).caller.sign_in()) == "97"


def test_two_terminals_have_batches_and_keys_of_their_own(tmp_path: Path) -> None:
    registry = default_registry()
    registry.add_terminal(TerminalRow(TEST_MERCHANT, "10000002"))
    bench = Bench(tmp_path / "a", registry=registry).signed_in()
    other = Caller(bench.send, bench.acquirer.profile, tmp_path / "b", terminal_no="10000002")
    other.sign_in()
    assert code(bench.caller.sale(100)) == code(other.sale(200)) == "00"
    assert {entry.amount_minor for entry in bench.acquirer.book.entries} == {100, 200}
    stranger = messages.with_mac(
        other.sale_message(300, new_card("no-cvm")).with_fields({41: TEST_TERMINAL}), other.keys, other.profile
    )
    assert code(other.call(stranger)) == "A0"


def test_a_registry_refuses_numbers_that_the_fields_do_not_hold() -> None:
    with pytest.raises(ValueError, match="15"):
        default_registry().add_terminal(TerminalRow("123", TEST_TERMINAL))


def test_amounts_may_name_the_code(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench(amount_codes=True).signed_in()
    sales = [code(bench.caller.sale(amount)) for amount in (10000, 10051, 10005, 10096, 10091)]
    assert sales == ["00", "51", "05", "96", "91"]


# Reversal


def test_a_reversal_takes_the_sale_back_and_may_be_repeated(bench: Bench) -> None:
    before = bench.account().balance_minor
    bench.caller.sale(12850)
    assert bench.caller.last_sale is not None
    for _ in range(3):
        reply = bench.caller.reverse(bench.caller.last_sale)
        assert code(reply) == "00" and reply is not None
        request = bench.caller.reversal_message(bench.caller.last_sale)
        assert bench.caller.verdict(request, reply).kind is VerdictKind.APPROVED
    assert bench.account().balance_minor == before
    (entry,) = bench.acquirer.book.entries
    assert entry.state is EntryState.REVERSED


def test_a_reversal_before_its_sale_is_remembered(bench: Bench) -> None:
    sale = bench.caller.sale_message(12850, new_card("no-cvm"))
    assert code(bench.caller.reverse(sale)) == "25"
    assert code(bench.caller.call(sale, mac=True)) == "12", "the late sale is refused"
    assert code(bench.caller.reverse(sale)) == "25"
    (entry,) = bench.acquirer.book.entries
    assert entry.state is EntryState.PREVENTED


def test_a_reversal_survives_a_new_sign_in(bench: Bench) -> None:
    bench.caller.sale(12850)
    bench.caller.sign_in()
    assert bench.caller.last_sale is not None
    assert code(bench.caller.reverse(bench.caller.last_sale)) == "00"


def test_a_declined_sale_may_be_reversed_and_stays_declined(bench: Bench) -> None:
    bench.caller.sale(12850, new_card("poor"))
    assert bench.caller.last_sale is not None
    assert code(bench.caller.reverse(bench.caller.last_sale)) == "00"
    assert bench.account("poor").balance_minor == 100


def test_a_bad_reversal_changes_nothing(bench: Bench) -> None:
    bench.caller.sale(12850)
    sale = bench.caller.last_sale
    assert sale is not None
    good = bench.caller.reversal_message(sale)
    call = bench.caller.call
    assert code(call(good.with_fields({4: "000000000001"}), mac=True)) == "64"
    assert code(call(good.with_fields({3: "200000"}), mac=True)) == "40"
    assert code(call(good.with_fields({60: "2200009900050"}), mac=True)) == "25"
    assert code(call(good.without(39), mac=True)) == "30"
    assert code(call(good.with_fields({64: b"00000000"}))) == "A0"
    (entry,) = bench.acquirer.book.entries
    assert entry.state is EntryState.APPROVED


def test_settled_money_is_not_reversed(bench: Bench) -> None:
    bench.caller.sale(12850)
    sale = bench.caller.last_sale
    assert sale is not None
    bench.caller.settle(Totals(12850, 1))
    assert code(bench.caller.reverse(sale)) == "22"


# Settlement


def settle_digits(reply: Message | None) -> tuple[str, str]:
    assert code(reply) == "00" and reply is not None
    return reply.text(48)[30], reply.text(48)[61]


def test_a_balanced_settlement_closes_the_batch(bench: Bench) -> None:
    bench.caller.sale(12850)
    bench.caller.sale(100)
    bench.caller.sale(5000, new_card("poor"))
    assert bench.caller.last_sale is not None
    bench.caller.sale(300)
    bench.caller.reverse(bench.caller.last_sale)
    assert settle_digits(bench.caller.settle(Totals(12950, 2))) == ("1", "1")
    assert code(bench.caller.sale(100)) == "77", "the batch is closed"
    reply = bench.caller.sign_in()
    assert reply is not None and reply.text(60) == "00000002004"
    assert code(bench.caller.sale(100)) == "00"


@pytest.mark.parametrize("claimed", [Totals(), Totals(12849, 1), Totals(12850, 2), Totals(12850, 1, 1, 1)])
def test_other_totals_do_not_balance(bench: Bench, claimed: Totals) -> None:
    bench.caller.sale(12850)
    assert settle_digits(bench.caller.settle(claimed)) == ("2", "1")


DOMESTIC, FOREIGN = Totals(12850, 1), Totals(10000, 1, 10000, 1)


@pytest.mark.parametrize(
    ("claimed", "foreign", "judged"),
    [
        (DOMESTIC, FOREIGN, ("1", "1")),
        (Totals(), FOREIGN, ("2", "1")),
        (DOMESTIC, None, ("1", "2")),
        (FOREIGN, DOMESTIC, ("2", "2")),
    ],
)
def test_each_half_is_judged_by_itself(
    tmp_path: Path, claimed: Totals, foreign: Totals | None, judged: tuple[str, str]
) -> None:
    profile = replace(load_profile("unionpay"), domestic_organisations=("CUP",))
    bench = Bench(tmp_path / "abroad", profile=profile).signed_in()
    assert bench.do(Kind.SALE, 12850).text(63) == "CUP"
    assert bench.do(Kind.SALE, 10000, card="visa-like", pin="123456").text(63) == "VIS"
    assert bench.do(Kind.VOID, 10000, bench.original, card="visa-like").text(63) == "VIS"
    assert settle_digits(bench.caller.settle(claimed, foreign)) == judged
    batch = bench.acquirer.book.current((TEST_MERCHANT, TEST_TERMINAL))
    assert batch is not None and batch.settlement is not None
    assert batch.settlement.balanced == (judged == ("1", "1"))
    assert settle_digits(bench.caller.settle(claimed, foreign)) == judged, "asked again"


def test_a_repeat_is_told_whose_card_it_was(bench: Bench) -> None:
    bench.caller.sale(100)
    assert bench.caller.last_sale is not None
    again = bench.caller.call(bench.caller.last_sale, mac=True)
    assert again is not None
    assert (again.text(39), again.text(63)) == ("94", "CUP")


def test_a_repeated_settlement_gets_the_same_answer(bench: Bench) -> None:
    bench.caller.sale(12850)
    assert settle_digits(bench.caller.settle(Totals(12850, 1))) == ("1", "1")
    assert settle_digits(bench.caller.settle(Totals(12850, 1))) == ("1", "1")
    old = bench.caller.terminal
    bench.caller.sign_in()
    bench.caller.terminal = old
    assert settle_digits(bench.caller.settle(Totals(12850, 1))) == ("1", "1"), "even after the next sign-in"


def test_a_settlement_must_be_of_a_known_batch_and_well_formed(bench: Bench) -> None:
    caller = bench.caller
    stranger = Terminal(TEST_MERCHANT, TEST_TERMINAL, "000009")
    request = messages.settlement(stranger, caller.profile, stan="000050", domestic=Totals())
    assert code(caller.call(request)) == "77"
    request = messages.settlement(caller.terminal, caller.profile, stan="000051", domestic=Totals())
    assert code(caller.call(request.with_fields({48: "0" * 61}))) == "30"
    assert bench.acquirer.book.current((TEST_MERCHANT, TEST_TERMINAL)).is_open  # type: ignore[union-attr]  # Signed in.


def test_the_batch_numbers_wrap_without_zero(bench: Bench) -> None:
    book = bench.acquirer.book
    batch = book.current((TEST_MERCHANT, TEST_TERMINAL))
    assert batch is not None
    batch.batch_no = "999999"
    bench.caller.terminal = Terminal(TEST_MERCHANT, TEST_TERMINAL, "000001")
    bench.caller.settle(Totals())
    reply = bench.caller.sign_in()
    assert reply is not None and reply.text(60)[2:8] == "000001"


def test_what_is_not_built_is_said_to_be_unsupported(bench: Bench) -> None:
    fields = {11: "000070", 41: TEST_TERMINAL, 42: TEST_MERCHANT, 60: "10000001"}
    assert code(bench.caller.call(Message("0300", fields))) == "40"
    unknown = {3: "999999", 22: "012", 25: "00"}
    assert code(bench.caller.call(Message("0100", fields | unknown), mac=True)) == "40"
    reply = Message("0210", fields | {39: "00"})
    assert bench.caller.call(reply) is None, "an answer is not answered"


def test_a_frame_that_is_none_is_dropped_and_counted(bench: Bench) -> None:
    assert bench.send(b"") == ()
    assert bench.send(b"GET / HTTP/1.1\r\n\r\n") == ()
    profile = bench.caller.profile
    good = wrap(encode(messages.echo(bench.caller.terminal, profile, stan="000001"), profile), profile)
    assert bench.send(good[:-1]) == ()
    assert bench.acquirer.undecodable == 3


def test_the_reply_goes_back_where_the_request_came_from(bench: Bench) -> None:
    profile = bench.caller.profile
    body = encode(messages.echo(bench.caller.terminal, profile, stan="000001"), profile)
    (reply,) = bench.send(wrap(body, profile, tpdu="6000030008"))
    frame = unwrap(reply, profile)
    assert frame.tpdu == "6000080003"
    assert decode(frame.body, profile).mti == "0830"
