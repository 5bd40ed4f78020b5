"""The acquirer's desks: each kind is approved with what it needs, moves what it says, and is refused for each fault."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from host_bench import CREDIT, Bench, code

from sim.acquirer import TerminalRow
from sim.acquirer.book import EntryState
from sim.acquirer.caller import Caller, new_card
from sim.acquirer.originals import DAY_MS
from sim.acquirer.registry import TEST_MERCHANT
from terminal.hostlink.card_messages import Original
from terminal.hostlink.codec import Message
from terminal.hostlink.details import read_additional_amounts
from terminal.hostlink.messages import Totals
from terminal.hostlink.transactions import TRANSACTIONS, Effect
from terminal.model import Kind

K = Kind
PHONE = Original(auth_code="123456", auth_mode="01", auth_institution="48440000000")
TERMS: dict[int, str | bytes] = {62: b"12"}


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "keys").signed_in()


# One of each: what it moves


EXTRA: dict[Kind, dict[int, str | bytes]] = {K.INSTALMENT: TERMS, K.TIP: {48: "000000001000"}}
AMOUNTS = {K.TIP: 1000, K.BALANCE: 0}


def chain(kind: Kind) -> tuple[Kind, ...]:
    """What has to come before it, oldest first, and itself."""
    undoes = TRANSACTIONS[kind].undoes
    return (*chain(undoes), kind) if undoes is not None else (kind,)


def run(bench: Bench, kind: Kind) -> Message:
    """A transaction about what the bench did last."""
    about = PHONE if kind is K.OFFLINE_SETTLEMENT else bench.original if TRANSACTIONS[kind].undoes else None
    reply = bench.do(kind, AMOUNTS.get(kind, 10000), about, extra=EXTRA.get(kind))
    assert code(reply) == "00", kind
    return reply


def run_chain(bench: Bench, kinds: tuple[Kind, ...]) -> None:
    for kind in kinds:
        run(bench, kind)


ONLINE = [kind for kind in Kind if kind is not K.OFFLINE_SALE]  # That one needs a TC: below.


@pytest.mark.parametrize("kind", ONLINE, ids=lambda kind: kind.value)
def test_each_kind_is_approved_and_moves_what_its_row_says(bench: Bench, kind: Kind) -> None:
    account, row = bench.account(), TRANSACTIONS[kind]
    run_chain(bench, chain(kind)[:-1])
    before = account.balance_minor + account.points_minor
    reply = run(bench, kind)
    sign = {Effect.DEBIT: -1, Effect.CREDIT: 1, Effect.NONE: 0}[row.effect]
    assert account.balance_minor + account.points_minor - before == sign * AMOUNTS.get(kind, 10000)
    assert bench.entry(bench.original).kind is kind
    assert (38 in reply.fields) == (kind is not K.BALANCE)
    assert reply.mti == f"{int(row.mti) + 10:04d}"


REVERSIBLE = [kind for kind in Kind if TRANSACTIONS[kind].reversible]


@pytest.mark.parametrize("kind", REVERSIBLE, ids=lambda kind: kind.value)
def test_a_reversal_undoes_exactly_what_was_done_and_may_be_repeated(bench: Bench, kind: Kind) -> None:
    account = bench.account()
    run_chain(bench, chain(kind)[:-1])
    before = replace(account)
    states = [entry.state for entry in bench.acquirer.book.entries]
    run(bench, kind)
    assert bench.last is not None
    for _ in range(3):
        assert bench.reverse(bench.last, kind) == "00"
    assert account == before
    assert [entry.state for entry in bench.acquirer.book.entries] == [*states, EntryState.REVERSED]


@pytest.mark.parametrize("kind", REVERSIBLE, ids=lambda kind: kind.value)
def test_a_reversal_that_comes_first_prevents_its_request(bench: Bench, kind: Kind) -> None:
    run_chain(bench, chain(kind)[:-1])
    before = replace(bench.account())
    about = bench.original if TRANSACTIONS[kind].undoes else None
    late = bench.caller.request(kind, 10000, new_card(CREDIT), original=about, extra=EXTRA.get(kind))
    assert bench.reverse(late, kind) == "25"
    assert code(bench.caller.call(late, mac=True)) == "12"
    assert bench.account() == before


@pytest.mark.parametrize("kind", [kind for kind in ONLINE if kind not in REVERSIBLE], ids=lambda kind: kind.value)
def test_what_is_never_reversed_says_so(bench: Bench, kind: Kind) -> None:
    run_chain(bench, chain(kind))
    assert bench.last is not None
    with_amount = bench.last.with_fields({4: bench.last.text(4) or "000000000001"})
    assert bench.reverse(with_amount, kind) == "40"
    assert bench.entry(bench.original).state is EntryState.APPROVED


def test_the_totals_are_the_sum_by_effect(bench: Bench) -> None:
    run_chain(bench, chain(K.COMPLETION_VOID))
    run_chain(bench, chain(K.REFUND))
    run_chain(bench, chain(K.TIP))
    run_chain(bench, (K.BALANCE,))
    assert code(bench.do(K.SALE, 5000, card="poor")) == "55"
    batch = bench.acquirer.book.current((TEST_MERCHANT, "10000001"))
    assert batch is not None
    assert batch.totals(with_qr=True) == Totals(10000 * 3 + 1000, 4, 10000 * 2, 2)


# Money


def test_a_balance_says_what_can_be_spent(bench: Bench) -> None:
    account = bench.account()
    bench.do(K.AUTH, 10000)
    reply = bench.do(K.BALANCE, 0)
    (told,) = read_additional_amounts(reply.text(54))
    assert told.amount_minor == account.balance_minor - 10000
    assert 4 not in reply.fields


def test_what_is_held_cannot_be_spent_twice(bench: Bench) -> None:
    account = bench.account()
    account.balance_minor = 10000
    assert code(bench.do(K.AUTH, 8000)) == "00"
    held = bench.original
    assert code(bench.do(K.SALE, 2001)) == "51"
    assert code(bench.do(K.SALE, 2000)) == "00"
    assert code(bench.do(K.COMPLETION, 8001, held)) == "51", "more than was held needs money of its own"
    assert code(bench.do(K.COMPLETION, 8000, held)) == "00"
    assert (account.balance_minor, account.held_minor) == (0, 0)


def test_a_repayment_lowers_what_is_owed(bench: Bench) -> None:
    account = bench.account()
    before = account.owed_minor
    run_chain(bench, (K.REPAYMENT,))
    assert account.owed_minor == before - 10000
    run(bench, K.REPAYMENT_VOID)
    assert account.owed_minor == before


def test_points_are_not_money(bench: Bench) -> None:
    account = bench.account()
    balance, points = account.balance_minor, account.points_minor
    assert code(bench.do(K.POINTS, points + 1)) == "51"
    assert code(bench.do(K.POINTS, points)) == "00"
    assert (account.balance_minor, account.points_minor) == (balance, 0)


# Originals


@pytest.mark.parametrize(
    ("kind", "amount_minor", "expected"),
    [
        (K.VOID, 9999, "64"),
        (K.REFUND, 10001, "64"),
        (K.TIP, 2001, "61"),
        (K.TIP, 2000, "00"),
    ],
)
def test_an_amount_fits_its_original(bench: Bench, kind: Kind, amount_minor: int, expected: str) -> None:
    run_chain(bench, (K.SALE,))
    extra: dict[int, str | bytes] = {48: f"{amount_minor:012d}"} if kind is K.TIP else {}
    assert code(bench.do(kind, amount_minor, bench.original, extra=extra)) == expected


def test_a_completion_is_within_its_limit_and_the_only_one(bench: Bench) -> None:
    run_chain(bench, (K.AUTH,))
    held = bench.original
    assert code(bench.do(K.COMPLETION, 11501, held)) == "61"
    assert code(bench.do(K.COMPLETION_NOTICE, 11501, held)) == "61"
    assert code(bench.do(K.AUTH_VOID, 9999, held)) == "64"
    assert code(bench.do(K.COMPLETION, 11500, held)) == "00"
    completed = bench.original
    for kind in (K.COMPLETION, K.COMPLETION_NOTICE, K.AUTH_VOID):
        assert code(bench.do(kind, 10000, held)) == "12"
    assert code(bench.do(K.COMPLETION_VOID, 11500, completed)) == "00"
    assert bench.account().held_minor == 10000, "the hold is back"
    assert code(bench.do(K.AUTH_VOID, 10000, held)) == "00"
    assert bench.account().held_minor == 0


def test_refunds_together_stay_within_the_sale_and_its_tip(bench: Bench) -> None:
    run_chain(bench, (K.SALE,))
    sale = bench.original
    assert code(bench.do(K.TIP, 1000, sale, extra=EXTRA[K.TIP])) == "00"
    assert code(bench.do(K.TIP, 1000, sale, extra=EXTRA[K.TIP])) == "12", "one tip a sale"
    assert [code(bench.do(K.REFUND, amount, sale)) for amount in (6000, 5001, 5000, 1)] == ["00", "64", "00", "64"]


Spoil = Callable[[Original], Original]


@pytest.mark.parametrize(
    ("kind", "spoil", "expected"),
    [
        (K.VOID, lambda o: replace(o, stan="000777"), "25"),
        (K.VOID, lambda o: replace(o, batch_no="000009"), "25"),
        (K.VOID, lambda o: replace(o, rrn="112100009999"), "25"),
        (K.VOID, lambda o: replace(o, auth_code="999999"), "25"),
        (K.VOID, lambda o: replace(o, rrn="", auth_code=""), "00"),
        (K.REFUND, lambda o: replace(o, rrn="112100009999"), "25"),
        (K.REFUND, lambda o: replace(o, date="1120"), "25"),
        (K.REFUND, lambda o: replace(o, rrn=""), "30"),
    ],
)
def test_an_original_is_found_by_its_numbers_or_not(bench: Bench, kind: Kind, spoil: Spoil, expected: str) -> None:
    run_chain(bench, (K.SALE,))
    assert code(bench.do(kind, 10000, spoil(bench.original))) == expected


@pytest.mark.parametrize(
    ("kind", "spoil", "expected"),
    [
        (K.COMPLETION, lambda o: replace(o, auth_code="999999"), "25"),
        (K.AUTH_VOID, lambda o: replace(o, date="1120"), "25"),
        (K.COMPLETION_NOTICE, lambda o: replace(o, auth_code=""), "30"),
    ],
)
def test_an_authorisation_is_found_by_code_and_date(bench: Bench, kind: Kind, spoil: Spoil, expected: str) -> None:
    run_chain(bench, (K.AUTH,))
    assert code(bench.do(kind, 10000, spoil(bench.original))) == expected


@pytest.mark.parametrize("kind", [K.VOID, K.REFUND, K.AUTH_VOID, K.COMPLETION, K.MOTO_VOID])
def test_an_original_belongs_to_its_card(bench: Bench, kind: Kind) -> None:
    run_chain(bench, chain(kind)[:-1])
    assert code(bench.do(kind, 10000, bench.original, card="no-cvm")) == "14"


def test_one_code_of_two_cards_is_told_apart_by_the_card(bench: Bench) -> None:
    bench.do(K.AUTH, 10000, card="no-cvm")
    theirs = bench.original
    bench.acquirer.book.last_rrn += 999_999
    bench.do(K.AUTH, 10000)
    assert bench.original.auth_code == theirs.auth_code
    assert code(bench.do(K.COMPLETION, 9000, bench.original)) == "00"
    assert bench.account("no-cvm").held_minor == 10000 and bench.account().held_minor == 0


@pytest.mark.parametrize("second", [K.VOID, K.REFUND, K.TIP])
def test_what_was_voided_has_had_its_end(bench: Bench, second: Kind) -> None:
    run_chain(bench, (K.SALE,))
    sale = bench.original
    assert code(bench.do(K.VOID, 10000, sale)) == "00"
    assert code(bench.do(second, AMOUNTS.get(second, 10000), sale, extra=EXTRA.get(second))) == "12"


@pytest.mark.parametrize("first", [K.REFUND, K.TIP])
def test_what_was_refunded_or_tipped_is_not_voided(bench: Bench, first: Kind) -> None:
    run_chain(bench, (K.SALE,))
    sale = bench.original
    assert code(bench.do(first, 1000, sale, extra=EXTRA.get(first))) == "00"
    assert code(bench.do(K.VOID, 10000, sale)) == "12"


def test_what_never_came_about_is_not_undone(bench: Bench) -> None:
    run_chain(bench, (K.SALE,))
    sale, request = bench.original, bench.last
    assert request is not None and bench.reverse(request, K.SALE) == "00"
    assert code(bench.do(K.VOID, 10000, sale)) == "25"
    bench.do(K.SALE, 10000, card="poor")
    assert code(bench.do(K.REFUND, 1, bench.original, card="poor")) == "25"


def test_another_kind_is_no_original(bench: Bench) -> None:
    run_chain(bench, (K.POINTS,))
    assert code(bench.do(K.VOID, 10000, bench.original)) == "12"


def test_a_settled_sale_is_refunded_and_not_voided(bench: Bench) -> None:
    run_chain(bench, (K.SALE,))
    sale = bench.original
    bench.caller.settle(Totals(10000, 1))
    bench.caller.sign_in()
    assert code(bench.do(K.VOID, 10000, sale)) == "22"
    assert code(bench.do(K.REFUND, 10000, sale)) == "00"


def test_an_original_is_too_old_after_a_month(bench: Bench) -> None:
    run_chain(bench, (K.AUTH,))
    bench.now_ms += 31 * DAY_MS
    assert code(bench.do(K.COMPLETION, 10000, bench.original)) == "22"


def test_another_terminal_of_the_merchant_may_refund(bench: Bench, tmp_path: Path) -> None:
    bench.acquirer.registry.add_terminal(TerminalRow(TEST_MERCHANT, "10000002"))
    other = Caller(bench.send, bench.acquirer.profile, tmp_path / "other", terminal_no="10000002")
    other.sign_in()
    run_chain(bench, (K.SALE,))
    refund = other.request(K.REFUND, 4000, new_card(CREDIT), original=bench.original)
    void = other.request(K.VOID, 10000, new_card(CREDIT), original=bench.original)
    assert code(other.call(refund, mac=True)) == "00"
    assert code(other.call(void, mac=True)) == "25", "a void is of the terminal's own batch"


@pytest.mark.parametrize("then", [K.VOID, K.REFUND, K.TIP])
def test_what_was_built_upon_is_not_reversed(bench: Bench, then: Kind) -> None:
    run_chain(bench, (K.SALE,))
    request = bench.last
    assert request is not None
    run(bench, then)
    before = replace(bench.account())
    assert bench.reverse(request, K.SALE) == "12"
    assert bench.account() == before


def test_a_void_of_a_completion_is_not_reversed_once_there_is_another(bench: Bench) -> None:
    run_chain(bench, (K.AUTH,))
    held = bench.original
    bench.do(K.COMPLETION, 9000, held)
    bench.do(K.COMPLETION_VOID, 9000, bench.original)
    void = bench.last
    assert void is not None
    assert code(bench.do(K.COMPLETION, 8000, held)) == "00"
    assert bench.reverse(void, K.COMPLETION_VOID) == "12"


# Fields


@pytest.mark.parametrize("kind", ONLINE, ids=lambda kind: kind.value)
def test_each_mandatory_field_is_missed(bench: Bench, kind: Kind) -> None:
    run_chain(bench, chain(kind)[:-1])
    about = PHONE if kind is K.OFFLINE_SETTLEMENT else bench.original if TRANSACTIONS[kind].undoes else None
    row = TRANSACTIONS[kind]
    fields = [22, 25, 49, 60] + ([4] if kind is not K.BALANCE else []) + list(EXTRA.get(kind, {}))
    fields += [61] if about else []
    fields += [55] if row.card.value == "full" else [14] if row.card.value == "typed" else []
    for number in fields:
        reply = bench.do(kind, AMOUNTS.get(kind, 10000), about, extra=EXTRA.get(kind), without=(number,))
        assert code(reply) == "30", number


@pytest.mark.parametrize(
    ("kind", "extra", "expected"),
    [
        (K.MOTO_SALE, {22: "022"}, "58"),
        (K.MOTO_SALE, {14: "4912"}, "54"),
        (K.REFUND, {22: "012"}, "58"),
        (K.VOID, {22: "012"}, "00"),
        (K.TIP, {48: "000000000999"}, "64"),
        (K.INSTALMENT, {62: b"xx"}, "30"),
        (K.AUTH, {4: "000000000000"}, "13"),
        (K.AUTH, {49: "840"}, "30"),
    ],
)
def test_a_field_with_the_wrong_value(
    bench: Bench, kind: Kind, extra: dict[int, str | bytes], expected: str
) -> None:
    run_chain(bench, chain(kind)[:-1])
    about = bench.original if TRANSACTIONS[kind].undoes else None
    amount_minor = AMOUNTS.get(kind, 10000)
    assert code(bench.do(kind, amount_minor, about, extra={**EXTRA.get(kind, {}), **extra})) == expected


def test_a_pin_with_a_void_must_be_right(bench: Bench) -> None:
    run_chain(bench, (K.SALE,))
    sale = bench.original
    assert code(bench.do(K.VOID, 10000, sale, pin="999999")) == "55"
    assert code(bench.do(K.VOID, 10000, sale, pin="123456")) == "00"


def test_a_kind_that_takes_no_pin_is_given_none(bench: Bench) -> None:
    run_chain(bench, (K.SALE,))
    pin: dict[int, str | bytes] = {22: "051", 26: "12", 52: bytes(8), 53: "2600000000000000"}
    assert code(bench.do(K.REFUND, 1, bench.original, extra=pin)) == "30"


# Advices


def test_an_offline_sale_is_a_tc_with_y1(bench: Bench) -> None:
    def offline(icc: bytes) -> str:
        return code(bench.do(K.OFFLINE_SALE, 10000, extra={55: icc}))

    arqc = bench.caller.request(K.OFFLINE_SALE, 10000, new_card(CREDIT)).binary(55)
    assert offline(arqc) == "30", "it must say that the card has approved it"
    marked = arqc + bytes.fromhex("8A0259319F270140")
    assert offline(marked) == "00"
    assert offline(marked) == "59", "a cryptogram is used once"
    assert offline(marked[:10] + bytes((marked[10] ^ 1,)) + marked[11:]) == "59"


def test_an_advice_that_comes_again_is_a_duplicate_and_a_refused_one_is_refused_again(bench: Bench) -> None:
    assert code(bench.do(K.OFFLINE_SETTLEMENT, 10000, PHONE)) == "00"
    first = bench.last
    assert code(bench.do(K.OFFLINE_SETTLEMENT, 10000, PHONE, extra={22: "031"})) == "58"
    second = bench.last
    assert first is not None and second is not None
    assert code(bench.caller.call(first, mac=True)) == "94"
    assert code(bench.caller.call(second, mac=True)) == "58"


def test_an_advice_is_paid_even_from_an_empty_account(bench: Bench) -> None:
    bench.account().balance_minor = 0
    assert code(bench.do(K.OFFLINE_SETTLEMENT, 10000, PHONE)) == "00"
    assert bench.account().balance_minor == -10000
