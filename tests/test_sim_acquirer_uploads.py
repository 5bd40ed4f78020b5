"""What a terminal tells afterwards: script results, the details of a settled batch and their end, signatures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from host_bench import Bench, code

from sim.acquirer.book import Batch
from sim.acquirer.registry import TEST_MERCHANT, TEST_TERMINAL
from sim.card.profiles import PROFILES
from terminal.hostlink import messages
from terminal.hostlink.card_messages import Original
from terminal.hostlink.codec import Message
from terminal.hostlink.details import BatchDetail, write_batch_details
from terminal.hostlink.messages import Totals
from terminal.model import Kind

CARD = "unionpay-credit-pin"
DF31 = bytes.fromhex("DF31052000000001")


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "keys").signed_in()


def batch_of(bench: Bench) -> Batch:
    batch = bench.acquirer.book.current((TEST_MERCHANT, TEST_TERMINAL))
    assert batch is not None
    return batch


def base(bench: Bench, f60: str, **fields: str | bytes) -> dict[int, str | bytes]:
    terminal = bench.caller.terminal
    own: dict[int, str | bytes] = {11: bench.caller.next_stan(), 41: terminal.terminal_no, 42: terminal.merchant_no}
    own[60] = f60.format(batch=terminal.batch_no)
    return own | {int(name[1:]): value for name, value in fields.items()}


# Script notices


def notice(bench: Bench, original: Original, icc: bytes = DF31, stan: str = "") -> str:
    f61 = f"{original.batch_no}{original.stan}{original.date}"
    fields = base(bench, "00{batch}951", f3="000000", f22="051", f25="00", f55=icc, f61=f61)
    return code(bench.caller.call(Message("0620", fields | ({11: stan} if stan else {})), mac=True))


def test_a_script_s_results_are_kept_with_what_it_went_with(bench: Bench) -> None:
    bench.account().sends = "block-card"
    bench.do(Kind.SALE, 100)
    with_script = bench.original
    assert bench.entry(with_script).script == "sent"
    assert notice(bench, with_script, icc=b"\x9f\x36\x02\x00\x01") == "30"
    assert notice(bench, with_script, stan="000900") == "00"
    assert notice(bench, with_script, stan="000900") == "94"
    assert bench.entry(with_script).script == DF31.hex()
    bench.do(Kind.SALE, 200)
    assert notice(bench, bench.original) == "12", "none was sent with that one"
    assert notice(bench, Original(batch_no="000001", stan="000777", date="1121")) == "25"


# Batch upload


def details(bench: Bench, *records: BatchDetail) -> str:
    return code(bench.caller.call(Message("0320", base(bench, "00{batch}201", f48=write_batch_details(records)))))


def end(bench: Bench, records: int, *, balanced: bool = True) -> str:
    caller = bench.caller
    message = messages.batch_end(
        caller.terminal, caller.profile, stan=caller.next_stan(), balanced=balanced, records=records
    )
    return code(caller.call(message))


def detail(original: Original, amount_minor: int = 100, card: str = CARD) -> BatchDetail:
    return BatchDetail("00", original.stan, PROFILES[card].pan, amount_minor)


def test_details_that_the_book_has_leave_no_difference(bench: Bench) -> None:
    bench.do(Kind.SALE, 100)
    first = detail(bench.original)
    bench.do(Kind.REFUND, 40, bench.original)
    second = detail(bench.original, 40)
    assert details(bench, first) == "12", "the totals come first"
    bench.caller.settle(Totals(100, 1, 40, 1))
    assert details(bench, first, second) == "00"
    assert details(bench, first, second) == "00", "its answer was lost"
    assert end(bench, 3) == "95"
    assert end(bench, 2) == "00"
    upload = batch_of(bench).upload
    assert upload is not None and (upload.differences, upload.ended) == ([], True)


def test_each_difference_is_kept_and_taken(bench: Bench) -> None:
    bench.do(Kind.SALE, 100)
    wrong_amount = detail(bench.original, 101)
    bench.do(Kind.SALE, 100)
    wrong_card = detail(bench.original, card="no-cvm")
    bench.do(Kind.SALE, 999_999_999_99)
    declined = detail(bench.original)
    unknown = BatchDetail("00", "000777", PROFILES[CARD].pan, 5)
    bench.do(Kind.SALE, 100)
    foreign = replace(detail(bench.original), card_class="01")
    bench.caller.settle(Totals())
    assert details(bench, wrong_amount, wrong_card, declined, unknown, foreign) == "00"
    upload = batch_of(bench).upload
    assert upload is not None
    told = [line.split(": ")[1] for line in upload.differences]
    assert told == [
        "101 at the terminal, 100 in the book",
        "another card",
        "100 at the terminal, nothing in the book",
        "5 at the terminal, nothing in the book",
        "card class 01 at the terminal, 00 in the book",
    ]


@pytest.mark.parametrize(
    ("f60", "difference"), [("00{batch}203", False), ("00{batch}206", True), ("25{batch}00050", False)]
)
def test_records_and_notices_count_as_one_each(bench: Bench, f60: str, difference: bool) -> None:
    bench.do(Kind.SALE, 100)
    about = bench.original
    bench.caller.settle(Totals(100, 1))
    fields = base(bench, f60, f2=PROFILES[CARD].pan, f4="000000000100", f22="051", f55=DF31)
    record = Message("0320", fields | {11: about.stan})
    assert code(bench.caller.call(record.without(4))) == "30"
    assert code(bench.caller.call(record)) == "00"
    upload = batch_of(bench).upload
    assert upload is not None and (len(upload.stans), bool(upload.differences)) == (1, difference)


def test_an_upload_of_an_unknown_batch_or_code(bench: Bench) -> None:
    bench.caller.settle(Totals())
    assert code(bench.caller.call(Message("0320", base(bench, "00000077201", f48="0000")))) == "77"
    assert code(bench.caller.call(Message("0320", base(bench, "00{batch}299", f48="0000")))) == "30"


# Signatures


def sign(bench: Bench, part: str, image: bytes, original: Original, **fields: str | bytes) -> str:
    sent = base(bench, "07{batch}" + part, f2=PROFILES[CARD].pan, f37=original.rrn, f62=image, **fields)
    return code(bench.caller.call(Message("0820", sent | {11: original.stan}), mac=True))


def test_a_signature_comes_whole_or_in_parts(bench: Bench) -> None:
    bench.do(Kind.SALE, 100)
    whole = bench.original
    assert sign(bench, "800", b"image", whole) == "00"
    assert sign(bench, "800", b"image", whole) == "94"
    bench.do(Kind.SALE, 200)
    parts = bench.original
    assert sign(bench, "802", b"b", parts) == "12", "the first is missing"
    assert [sign(bench, part, data, parts) for part, data in (("801", b"a"), ("801", b"a"), ("802", b"b"))] == [
        "00",
        "94",
        "00",
    ]
    assert sign(bench, "800", b"c", parts) == "00"
    kept = batch_of(bench).signatures
    assert (kept[whole.stan].image, kept[parts.stan].image) == (b"image", b"abc")


def test_a_signature_belongs_to_a_transaction_and_has_a_mac(bench: Bench) -> None:
    bench.do(Kind.SALE, 100)
    about = bench.original
    assert sign(bench, "800", b"image", Original(stan="000777", rrn=about.rrn)) == "25"
    assert sign(bench, "700", b"image", about) == "30"
    bare = base(bench, "07{batch}800", f2=PROFILES[CARD].pan, f37=about.rrn, f62=b"image")
    assert code(bench.caller.call(Message("0820", bare))) == "30"
