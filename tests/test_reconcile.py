"""The matching of a trade bill, by itself: what is put into a bill or taken out of it is named, and nothing else is."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from terminal.journal import PaymentRecord
from terminal.model import Finding, Kind, Method, Money, PaymentState
from terminal.rail import BillRow
from terminal.reconcile import DAY_MS, MARGIN_MS, Line, Ours, Stand, bounds, contract_fee, of_payments, reconcile

DAY = datetime.date(2026, 7, 14)
BEGINS_MS, ENDS_MS = bounds(DAY)
NOON_MS = BEGINS_MS + DAY_MS // 2
RATE_BP = 60
F = Finding


Span = tuple[int, int]
NOON = (NOON_MS, NOON_MS + 20_000)


def sale(number: str = "A1", minor: int = 12_850, stand: Stand = Stand.MOVED, at: Span = NOON) -> Ours:
    first, last = at
    return Ours(number, "", Money(minor), stand, first, last, "000001")


def refund(number: str = "A1", minor: int = 1_000, stand: Stand = Stand.MOVED, at: Span = NOON) -> Ours:
    return replace(sale(number, minor, stand, at), refund_no=f"R{number}")


def row(ours: Ours, at_ms: int = NOON_MS) -> BillRow:
    """As a bill has it that says the same as we do."""
    fee = contract_fee(ours.amount, RATE_BP)
    return BillRow(
        ours.order_no, ours.refund_no, "wechat", "42", ours.amount, -fee if ours.refund_no else fee, at_ms
    )


def found(*lines: Line) -> list[tuple[str, Finding]]:
    return [(line.order_no + line.refund_no, line.finding) for line in lines if line.finding is not F.MATCHED]


def day_of(rows: list[BillRow], ours: list[Ours], fee_bp: int | None = RATE_BP) -> list[tuple[str, Finding]]:
    return found(*reconcile(DAY, rows, ours, fee_bp=fee_bp).lines)


def test_a_balanced_day_has_nothing_to_say() -> None:
    ours = [sale("A1"), sale("A2", 1), refund("A1")]
    assert day_of([row(each) for each in ours], ours) == []


def test_what_the_bill_has_not_got_is_missing() -> None:
    assert day_of([], [sale("A1"), refund("A1")]) == [("A1", F.MISSING), ("A1RA1", F.MISSING)]


def test_what_is_none_of_ours_is_extra_and_so_is_a_second_row() -> None:
    ours = sale()
    assert day_of([row(ours), row(ours), row(sale("B1"))], [ours]) == [("A1", F.EXTRA), ("B1", F.EXTRA)]


def test_another_amount_is_told_with_both() -> None:
    ours = sale()
    (line,) = reconcile(DAY, [replace(row(ours), amount=Money(12_950))], [ours]).lines
    assert (line.finding, line.ours, line.bill, line.voucher_no) == (F.AMOUNT, Money(12_850), Money(12_950), "000001")


def test_a_bill_at_068_percent_on_a_contract_of_060_is_flagged() -> None:
    """F03: the fee that a bill takes against the contract's rate."""
    ours = [sale(f"A{n}", minor) for n, minor in enumerate((12_850, 100, 99_999))]
    dear = [replace(row(each), fee_minor=contract_fee(each.amount, 68)) for each in ours]
    lines = reconcile(DAY, dear, ours, fee_bp=RATE_BP).lines
    # Of a yuan 0.60 % and 0.68 % are both a fen and nothing is lost.
    assert [(line.finding, line.due_minor, line.fee_minor) for line in lines] == [
        (F.FEE, 77, 87), (F.MATCHED, 1, 1), (F.FEE, 600, 680),
    ]  # fmt: skip
    assert day_of(dear, ours, fee_bp=None) == []


def test_a_refund_s_fee_may_be_a_fen_off_and_no_more() -> None:
    ours = refund(minor=1_000)
    for fee, flagged in ((-6, False), (-5, False), (-7, False), (-4, True), (0, True), (6, True)):
        assert bool(day_of([replace(row(ours), fee_minor=fee)], [ours])) is flagged


@pytest.mark.parametrize("stand", [Stand.NOT_MOVED, Stand.OPEN])
def test_money_that_moved_on_the_bill_alone_is_said(stand: Stand) -> None:
    for ours in (sale(stand=stand), refund(stand=stand)):
        assert [each for _, each in day_of([row(ours)], [ours])] == [F.STATE]
        assert day_of([], [ours]) == []


def test_what_a_refund_s_fee_should_be_is_told_as_what_comes_back() -> None:
    ours = refund(minor=1_000)
    (line,) = reconcile(DAY, [replace(row(ours), fee_minor=6)], [ours], fee_bp=RATE_BP).lines
    assert (line.finding, line.due_minor, line.fee_minor) == (F.FEE, -6, 6)


def test_an_order_that_was_taken_back_stands_both_ways_or_not_at_all() -> None:
    ours = sale(stand=Stand.BACK)
    back = replace(row(ours), refund_no="A1", fee_minor=-77)
    assert day_of([], [ours]) == []
    assert day_of([row(ours), back], [ours]) == []
    assert day_of([row(ours)], [ours]) == [("A1", F.STATE)]
    assert day_of([row(sale()), back], [sale()]) == [("A1A1", F.STATE)]


# Around midnight

BEFORE_MIDNIGHT = (ENDS_MS - 20_000, ENDS_MS + 10_000)
AFTER_MIDNIGHT = (BEGINS_MS - 20_000, BEGINS_MS + 10_000)


def test_what_may_be_paid_after_midnight_is_left_to_the_next_bill() -> None:
    result = reconcile(DAY, [], [sale(at=BEFORE_MIDNIGHT)])
    assert (found(*result.lines), result.wants_before) == ([("A1", F.OTHER_DAY)], False)
    assert day_of([row(sale(at=BEFORE_MIDNIGHT))], [sale(at=BEFORE_MIDNIGHT)]) == []


def test_what_may_have_been_paid_before_midnight_is_looked_for_on_the_last_bill() -> None:
    ours = sale(at=AFTER_MIDNIGHT)
    assert day_of([row(ours)], [ours]) == []
    first = reconcile(DAY, [], [ours])
    assert (found(*first.lines), first.wants_before) == ([("A1", F.OTHER_DAY)], True)
    assert reconcile(DAY, [], [ours], before=[row(ours)]).lines == ()
    assert found(*reconcile(DAY, [], [ours], before=[]).lines) == [("A1", F.MISSING)]


def test_a_refund_that_took_days_is_never_called_missing_but_is_matched_wherever_it_stands() -> None:
    ours = refund(at=(BEGINS_MS - 3 * DAY_MS, NOON_MS))
    assert found(*reconcile(DAY, [], [ours], before=[]).lines) == [("A1RA1", F.OTHER_DAY)]
    assert day_of([row(ours)], [ours]) == []


def test_what_is_of_another_day_is_nothing() -> None:
    others = [sale(at=(at, at)) for at in (BEGINS_MS - MARGIN_MS - 1, ENDS_MS + MARGIN_MS)]
    for ours in others:
        assert day_of([], [ours]) == []


def test_five_minutes_between_two_clocks_are_no_difference() -> None:
    for late_ms, finding in ((MARGIN_MS, F.OTHER_DAY), (MARGIN_MS + 60_000, F.MISSING)):
        at = ENDS_MS - late_ms
        assert day_of([], [sale(at=(at, at))]) == [("A1", finding)]
    assert 60_000 < MARGIN_MS < DAY_MS // 100


# Out of the journal

CREATED_MS, KNOWN_MS, EXPIRES_MS = NOON_MS, NOON_MS + 500_000, NOON_MS + 120_000


def payment(state: PaymentState, **facts: str | int) -> PaymentRecord:
    told = {"order_no": "A1", "expires_ms": EXPIRES_MS, **facts}
    return PaymentRecord(
        7, state, Kind.SALE, Method.QR_SHOWN, Money(500), "01", 1, "000009", CREATED_MS, KNOWN_MS, told
    )


def mine(state: PaymentState, offset_ms: int = 0, **facts: str | int) -> Ours:
    (found_ours,) = of_payments([payment(state, **facts)], clock_offset_ms=offset_ms)
    return found_ours


def test_an_order_cannot_have_been_paid_after_its_time_whenever_that_was_heard_of() -> None:
    assert mine(PaymentState.COMPLETED) == Ours("A1", "", Money(500), Stand.MOVED, CREATED_MS, EXPIRES_MS, "000009")


def test_a_refund_was_done_before_its_settlement_and_may_take_as_long_as_nobody_heard_of_its_end() -> None:
    done = mine(PaymentState.SETTLED, refund_no="R1", done_ms=CREATED_MS + 3_000)
    assert (done.number, done.from_ms, done.to_ms) == (("A1", "R1"), CREATED_MS, CREATED_MS + 3_000)
    assert mine(PaymentState.UNKNOWN, refund_no="R1").to_ms == KNOWN_MS


def test_times_are_the_host_s() -> None:
    shifted = mine(PaymentState.COMPLETED, offset_ms=-60_000)
    assert (shifted.from_ms, shifted.to_ms) == (CREATED_MS - 60_000, EXPIRES_MS - 60_000)


def test_a_clock_that_was_set_back_turns_no_span_around() -> None:
    (back,) = of_payments([replace(payment(PaymentState.COMPLETED), changed_ms=CREATED_MS - 9_000)])
    assert (back.from_ms, back.to_ms) == (CREATED_MS - 9_000, CREATED_MS - 9_000)


def receipt(paid_time: str, changed_ms: int = KNOWN_MS) -> Ours:
    facts = {"receipt_no": "S1", "paid_time": paid_time}
    (ours,) = of_payments([replace(payment(PaymentState.COMPLETED), facts=facts, changed_ms=changed_ms)])
    return ours


def test_a_receipt_was_paid_when_the_host_says_so_whatever_our_clock_says() -> None:
    paid_ms = BEGINS_MS + 12 * 3_600_000 + 30_000
    assert receipt("20260714120030") == Ours("S1", "", Money(500), Stand.MOVED, paid_ms, paid_ms)


@pytest.mark.parametrize("paid_time", ["", "20269999999999"])
@pytest.mark.parametrize("days", range(-3, 4))
def test_a_receipt_without_its_moment_is_never_called_missing(paid_time: str, days: int) -> None:
    at_ms = NOON_MS + days * DAY_MS
    facts = {"receipt_no": "S1", "paid_time": paid_time}
    booked = replace(payment(PaymentState.SETTLED), facts=facts, created_ms=at_ms, changed_ms=at_ms + DAY_MS)
    ours = list(of_payments([booked]))
    assert F.MISSING not in reconcile(DAY, [], ours, before=[]).counts
    assert day_of([row(ours[0])], ours) == []


@pytest.mark.parametrize("state", PaymentState)
def test_every_state_has_its_stand(state: PaymentState) -> None:
    stands = {
        Stand.MOVED: "approved completed voided settled",
        Stand.OPEN: "new requested unknown reversing",
        Stand.BACK: "reversed",
        Stand.NOT_MOVED: "abandoned declined offline-approved",
    }
    assert state.value in stands[mine(state).stand].split()


# Whatever is done to a bill


@dataclass(frozen=True)
class Deed:
    """What befalls one row, and what has to be said of it."""

    what: str
    finding: Finding


DEEDS = (
    Deed("none", F.MATCHED), Deed("drop", F.MISSING), Deed("amount", F.AMOUNT), Deed("fee", F.FEE),
    Deed("twice", F.EXTRA), Deed("state", F.STATE),
)  # fmt: skip


def done(deed: Deed, ours: Ours) -> tuple[list[BillRow], Ours]:
    good = row(ours)
    match deed.what:
        case "drop":
            return [], ours
        case "amount":
            return [replace(good, amount=ours.amount + Money(1))], ours
        case "fee":
            return [replace(good, fee_minor=good.fee_minor + 2)], ours
        case "twice":
            return [good, good], ours
        case "state":
            return [good], replace(ours, stand=Stand.OPEN)
    return [good], ours


@settings(max_examples=300)
@given(
    st.lists(st.tuples(st.sampled_from(DEEDS), st.booleans(), st.integers(1, 99_999_999)), max_size=30),
    st.integers(0, 5),
    st.randoms(use_true_random=False),
)
def test_each_injected_difference_is_found_and_nothing_else(
    deeds: list[tuple[Deed, bool, int]], strangers: int, random: object
) -> None:
    """N02: injected missing, extra and different rows are found."""
    rows: list[BillRow] = []
    ours: list[Ours] = []
    wanted: list[tuple[str, Finding]] = []
    for n, (deed, back, minor) in enumerate(deeds):
        begins = BEGINS_MS + MARGIN_MS + n * 1_000
        clean = (refund if back else sale)(f"A{n}", minor, at=(begins, begins + 500))
        billed, mine = done(deed, clean)
        rows += billed
        ours.append(mine)
        if deed.finding is not F.MATCHED:
            wanted.append((mine.order_no + mine.refund_no, deed.finding))
    for n in range(strangers):
        rows.append(row(sale(f"B{n}")))
        wanted.append((f"B{n}", F.EXTRA))
    random.shuffle(rows)  # type: ignore[attr-defined]  # hypothesis's Random.
    random.shuffle(ours)  # type: ignore[attr-defined]
    result = reconcile(DAY, rows, ours, fee_bp=RATE_BP, before=())
    assert sorted(found(*result.lines), key=str) == sorted(wanted, key=str)
    assert len(result.differences) == len(wanted)


@settings(max_examples=200)
@given(
    st.lists(
        st.tuples(st.integers(-DAY_MS, 2 * DAY_MS), st.integers(0, 180_000), st.floats(0, 1), st.integers(1, 10_000)),
        max_size=20,
    )
)
def test_three_days_of_bills_by_the_wallet_s_clock_never_name_an_honest_order(
    orders: list[tuple[int, int, float, int]]
) -> None:
    """Whenever within its span each was paid, no day's matching with its two bills calls anything different."""
    ours, rows = [], []
    for n, (begins, lasts, part, minor) in enumerate(orders):
        mine = sale(f"A{n}", minor, at=(BEGINS_MS + begins, BEGINS_MS + begins + lasts))
        ours.append(mine)
        rows.append(row(mine, mine.from_ms + int(part * lasts)))
    for shift in (-1, 0, 1):
        day = DAY + datetime.timedelta(days=shift)
        (first, last), (earlier, _) = bounds(day), bounds(day - datetime.timedelta(days=1))
        bill = [each for each in rows if first <= each.at_ms < last]
        before = [each for each in rows if earlier <= each.at_ms < first]
        assert reconcile(day, bill, ours, fee_bp=RATE_BP, before=before).differences == ()


@settings(max_examples=200)
@given(st.integers(-20_000, 20_000), st.integers(0, 60_000))
def test_an_order_on_no_bill_is_missing_on_exactly_one_day(begins: int, lasts: int) -> None:
    """Around midnight, too: not twice, and not never."""
    ours = [sale(at=(ENDS_MS + begins, ENDS_MS + begins + lasts))]
    days = (DAY, DAY + datetime.timedelta(days=1))
    named = [each.finding for day in days for each in reconcile(day, [], ours, before=()).differences]
    assert named == [F.MISSING]
