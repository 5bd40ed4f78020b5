"""The journal's promises to the flows: what a transaction does, refuses and rolls back."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from terminal.journal import Journal, JournalError, PaymentRecord, Tx
from terminal.journal.tx import UPLOADS_LIMIT
from terminal.model import PAYMENT_EDGES, IllegalEdge, Method, Mode, Money, Notice, PaymentState, UploadState

P = PaymentState


def clock(start_ms: int = 1_798_000_000_000) -> Callable[[], int]:
    ticks = itertools.count(start_ms, 1000)
    return lambda: next(ticks)


@pytest.fixture
def journal() -> Iterator[Journal]:
    opened = Journal.open(None, wall_ms=clock())
    yield opened
    opened.close()


def sale(tx: Tx, amount: int = 12_850, **facts: str) -> PaymentRecord:
    return tx.new_payment(Method.CARD, Money(amount), "01", **facts)


# Payments


def test_a_payment_lives_through_its_table(journal: Journal) -> None:
    first = journal.transact(lambda tx: sale(tx, scheme="unionpay"))
    assert (first.id, first.state, first.method, first.amount) == (1, P.NEW, Method.CARD, Money(12_850))
    assert (first.batch, first.stan, first.operator) == (1, None, "01")

    def request(tx: Tx) -> PaymentRecord:
        return tx.move(1, P.REQUESTED, stan=tx.next_stan())

    requested = journal.transact(request)
    assert (requested.state, requested.stan) == (P.REQUESTED, "000001")
    approved = journal.transact(lambda tx: tx.move(1, P.APPROVED, rrn="123456789012", offline=False, tries=2))
    assert approved.stan == "000001", "kept when nothing new is said"
    assert dict(approved.facts) == {"scheme": "unionpay", "rrn": "123456789012", "offline": False, "tries": 2}
    assert approved.changed_ms > approved.created_ms == first.created_ms
    noted = journal.transact(lambda tx: tx.note(1, tries=3))
    assert noted.state is P.APPROVED
    assert noted.facts["tries"] == 3


def test_a_part_is_the_payments_amount_from_then_on(journal: Journal) -> None:
    journal.transact(sale)
    reduced = journal.transact(lambda tx: tx.reduce(1, Money(6_425)))
    assert (reduced.amount, reduced.state) == (Money(6_425), P.NEW)
    assert [total.amount_minor for total in journal.transact(lambda tx: tx.totals(1))] == [6_425]
    journal.rebuild()
    assert journal.transact(lambda tx: tx.payment(1)).amount == Money(6_425)
    for none in (Money(6_425), Money(0), Money(7_000)):
        with pytest.raises(JournalError, match="a part"):
            journal.transact(lambda tx, amount=none: tx.reduce(1, amount))


@pytest.mark.parametrize("old", list(P))
@pytest.mark.parametrize("new", list(P))
def test_only_the_tables_edges_are_walked(old: PaymentState, new: PaymentState) -> None:
    journal = Journal.open(None, wall_ms=clock())
    journal.transact(sale)
    for step in path_to(old):
        journal.transact(lambda tx, step=step: tx.move(1, step))  # type: ignore[misc]
    if new in PAYMENT_EDGES[old]:
        assert journal.transact(lambda tx: tx.move(1, new)).state is new
    else:
        head = journal.events_after(0)
        with pytest.raises(IllegalEdge):
            journal.transact(lambda tx: tx.move(1, new))
        assert journal.transact(lambda tx: tx.payment(1)).state is old
        assert journal.events_after(0) == head
    journal.close()


def path_to(wanted: PaymentState) -> tuple[PaymentState, ...]:
    """The shortest way from NEW, breadth first."""
    ways: list[tuple[PaymentState, ...]] = [()]
    for way in ways:
        at = way[-1] if way else P.NEW
        if at is wanted:
            return way
        ways += [(*way, step) for step in PAYMENT_EDGES[at] if step not in way]
    raise AssertionError(f"{wanted} cannot be reached")


def test_an_exception_rolls_everything_back_and_is_raised(journal: Journal) -> None:
    def work(tx: Tx) -> None:
        sale(tx)
        tx.set("language", "en")
        tx.count("stan", limit=9)
        raise KeyError("ours")

    before = journal.events_after(0)
    with pytest.raises(KeyError, match="ours"):
        journal.transact(work)
    assert journal.events_after(0) == before
    assert journal.transact(lambda tx: (tx.payments(), tx.get("language"), tx.count("stan", limit=9))) == ((), None, 1)
    journal.verify()


def test_a_read_is_never_older_than_the_last_write(journal: Journal) -> None:
    """Settings are remembered, what only reads begins no transaction; neither may show."""

    def seen(tx: Tx) -> tuple[Any, ...]:
        payments = [(payment.id, payment.state, payment.facts.get("code")) for payment in tx.open_payments()]
        return tx.mode, tx.counter("stan"), payments, tx.queued_uploads(), tx.get("batch_no"), tx.get("gone"), tx.n

    def write(tx: Tx) -> tuple[Any, ...]:
        before = seen(tx)
        payment = sale(tx, code="a")
        tx.set("batch_no", f"{payment.id:06d}")
        between = seen(tx)
        tx.set("gone", None)
        tx.set_mode(Mode.KEYED)
        tx.count("stan", limit=9)
        tx.move(payment.id, P.REQUESTED, stan="000001", code="b")
        tx.queue_upload(Notice.SCRIPT_RESULT, payment.id, "000002")
        assert len({repr(each) for each in (before, between, seen(tx))}) == 3
        return seen(tx)

    def fail(tx: Tx) -> None:
        write(tx)
        raise KeyError("ours")

    journal.transact(lambda tx: tx.set("gone", 1))
    first = journal.transact(seen)
    with pytest.raises(KeyError, match="ours"):
        journal.transact(fail)
    assert journal.transact(seen) == first == (Mode.BLANK, 0, [], 0, None, 1, 2)
    written = journal.transact(write)
    assert journal.transact(seen) == journal.transact(seen) == written
    assert written[:6] == (Mode.KEYED, 1, [(1, P.REQUESTED, "b")], 1, "000001", None)
    journal.rebuild()
    assert journal.transact(seen) == written


def test_open_payments_are_oldest_first_and_finished_ones_are_not_open(journal: Journal) -> None:
    def work(tx: Tx) -> None:
        for _ in range(4):
            sale(tx)
        tx.move(2, P.ABANDONED)
        tx.move(1, P.REQUESTED, stan="000007")

    journal.transact(work)
    assert [payment.id for payment in journal.transact(lambda tx: tx.open_payments())] == [1, 3, 4]


def test_payments_are_paged_by_batch(journal: Journal) -> None:
    def work(tx: Tx) -> None:
        for batch in (1, 2):
            tx.set("batch", batch)
            for _ in range(5):
                sale(tx)

    journal.transact(work)

    def ids(**wanted: Any) -> list[int]:
        return [payment.id for payment in journal.transact(lambda tx: tx.payments(**wanted))]

    assert ids(batch=1) == [5, 4, 3, 2, 1]
    assert ids(batch=2, newest_first=False, limit=2, offset=1) == [7, 8]
    assert ids(limit=3) == [10, 9, 8]


def test_what_was_alive_in_a_span_is_found_by_its_times_and_its_method() -> None:
    now = [0]
    journal = Journal.open(None, wall_ms=lambda: now[0])
    for now[0] in (1_000, 2_000, 3_000):
        journal.transact(lambda tx: tx.new_payment(Method.QR_SHOWN, Money(100), "01"))
    journal.transact(lambda tx: tx.new_payment(Method.CARD, Money(100), "01"))
    now[0] = 9_000
    journal.transact(lambda tx: tx.move(1, PaymentState.ABANDONED))

    def alive(from_ms: int, to_ms: int, after: int = 0) -> list[int]:
        orders = (Method.QR_SHOWN, Method.QR_SCANNED)
        return [p.id for p in journal.transact(lambda tx: tx.alive_between(from_ms, to_ms, orders, after=after))]

    assert alive(0, 10_000) == [1, 2, 3]
    assert alive(0, 10_000, after=1) == [2, 3]
    assert alive(2_000, 3_000) == [1, 2]
    assert alive(3_001, 10_000) == [1]
    assert alive(0, 1_000) == []
    journal.close()


def test_settling_a_batch_is_one_event(journal: Journal) -> None:
    def work(tx: Tx) -> None:
        for number in range(1, 5):
            sale(tx)
            tx.move(number, P.COMPLETED)
        tx.move(4, P.VOIDED)
        sale(tx)  # Still open: stays as it is.
        tx.set("batch", 2)
        sale(tx)
        tx.move(6, P.COMPLETED)

    journal.transact(work)
    n = journal.events_after(0)[-1].n
    assert journal.transact(lambda tx: tx.settle(1)) == 4
    assert [event.kind for event in journal.events_after(n)] == ["batch-settled"]
    states = [p.state for p in journal.transact(lambda tx: tx.payments(newest_first=False))]
    assert states == [P.SETTLED] * 4 + [P.NEW, P.COMPLETED]


def test_totals_count_every_payment_of_the_batch(journal: Journal) -> None:
    def work(tx: Tx) -> None:
        for amount in (100, 250, 1):
            tx.move(sale(tx, amount).id, P.COMPLETED)
        tx.move(tx.new_payment(Method.CASH, Money(999), "01").id, P.COMPLETED)
        sale(tx, 5)

    journal.transact(work)
    found = {(t.method, t.state): (t.count, t.amount_minor) for t in journal.transact(lambda tx: tx.totals(1))}
    assert found == {
        (Method.CARD, P.COMPLETED): (3, 351),
        (Method.CASH, P.COMPLETED): (1, 999),
        (Method.CARD, P.NEW): (1, 5),
    }


# The mode


def test_the_mode_follows_its_table(journal: Journal) -> None:
    assert journal.transact(lambda tx: tx.mode) is Mode.BLANK
    journal.transact(lambda tx: tx.set_mode(Mode.KEYED))
    journal.transact(lambda tx: tx.set_mode(Mode.SIGNED_IN, operator="01"))
    assert journal.transact(lambda tx: (tx.mode, dict(tx.mode_facts))) == (Mode.SIGNED_IN, {"operator": "01"})
    with pytest.raises(IllegalEdge):
        journal.transact(lambda tx: tx.set_mode(Mode.BLANK))
    assert journal.transact(lambda tx: tx.mode) is Mode.SIGNED_IN


# Settings and counters


def test_settings_hold_plain_json(journal: Journal) -> None:
    value = {"列表": [1, True, None, "元"], "inner": {"a": "b"}}
    journal.transact(lambda tx: tx.set("thing", value))
    assert journal.transact(lambda tx: tx.get("thing")) == value
    assert journal.transact(lambda tx: tx.get("absent", 7)) == 7
    journal.transact(lambda tx: tx.set("thing", None))
    assert journal.transact(lambda tx: tx.get("thing", "gone")) == "gone"


def test_an_unchanged_setting_writes_no_event(journal: Journal) -> None:
    journal.transact(lambda tx: tx.set("language", "en"))
    before = journal.events_after(0)
    journal.transact(lambda tx: tx.set("language", "en"))
    journal.transact(lambda tx: tx.set("absent", None))
    journal.transact(lambda tx: tx.get("language"))
    assert journal.events_after(0) == before


def test_a_setting_of_another_type_than_its_default_is_an_error(journal: Journal) -> None:
    journal.transact(lambda tx: tx.set("batch", "1"))
    with pytest.raises(JournalError, match="is a str, not a int"):
        journal.transact(lambda tx: tx.get("batch", 1))
    journal.transact(lambda tx: tx.set("starts", [1, 2]))
    assert journal.transact(lambda tx: tx.get("starts", ())) == (1, 2)


@pytest.mark.parametrize("value", [1.5, b"bytes", {1: 2}, {"a": {"b": 0.1}}, [object()]])
def test_a_setting_that_is_no_plain_json_is_refused(journal: Journal, value: Any) -> None:
    with pytest.raises(JournalError):
        journal.transact(lambda tx: tx.set("thing", value))


def test_a_counter_wraps_to_one_and_never_gives_zero(journal: Journal) -> None:
    seen = [journal.transact(lambda tx: tx.count("stan", limit=3)) for _ in range(7)]
    assert seen == [1, 2, 3, 1, 2, 3, 1]
    assert journal.transact(lambda tx: tx.count("other", limit=3)) == 1


def test_a_counters_number_is_not_given_again_after_it_was_committed(journal: Journal) -> None:
    def abandoned(tx: Tx) -> None:
        tx.count("stan", limit=9)
        raise ValueError

    assert journal.transact(lambda tx: tx.count("stan", limit=9)) == 1
    with pytest.raises(ValueError):
        journal.transact(abandoned)
    assert journal.transact(lambda tx: tx.count("stan", limit=9)) == 2, "nothing was sent with the rolled-back one"


# Slips


def test_slips_are_kept_printed_once_and_can_be_reprinted(journal: Journal) -> None:
    assert journal.transact(lambda tx: tx.last_slip()) is None
    body = {"slip": "card", "rows": [["金额", "128.50"]], "version": 1}
    assert journal.transact(lambda tx: tx.keep_slip("card", body, None)) == 1
    assert journal.transact(lambda tx: tx.keep_slip("cash", body, None)) == 2
    assert [slip.id for slip in journal.transact(lambda tx: tx.unprinted())] == [1, 2]
    journal.transact(lambda tx: tx.slip_printed(1))
    n = journal.events_after(0)[-1].n
    journal.transact(lambda tx: tx.slip_printed(1))
    assert journal.events_after(n) == (), "saying it twice changes nothing"
    assert [slip.id for slip in journal.transact(lambda tx: tx.unprinted())] == [2]
    journal.transact(lambda tx: tx.slip_printed(2))
    last = journal.transact(lambda tx: tx.last_slip())
    assert last is not None
    assert (last.id, last.kind, dict(last.body), last.printed) == (2, "cash", body, True)


# Sealed data


def test_sealed_data_lives_until_its_batch_is_dropped_and_enters_no_event(journal: Journal) -> None:
    secret = bytes(range(60, 120))
    journal.transact(lambda tx: (sale(tx), tx.seal(1, "reversal", secret)))
    journal.transact(lambda tx: (tx.set("batch", 2), sale(tx), tx.seal(2, "reversal", secret)))
    assert journal.transact(lambda tx: tx.sealed(1, "reversal")) == secret
    assert journal.transact(lambda tx: tx.sealed(1, "upload")) is None
    journal.transact(lambda tx: tx.drop_sealed(1))
    assert journal.transact(lambda tx: (tx.sealed(1, "reversal"), tx.sealed(2, "reversal"))) == (None, secret)
    for event in journal.events_after(0):
        assert secret.hex() not in str(event.body)
        assert secret.decode("latin-1") not in str(event.body)
    with pytest.raises(JournalError, match="more than"):
        journal.transact(lambda tx: tx.seal(2, "reversal", bytes(5000)))


# The transaction itself


def test_a_transaction_may_not_hold_another(journal: Journal) -> None:
    with pytest.raises(JournalError, match="inside a transaction"):
        journal.transact(lambda tx: journal.transact(lambda inner: inner.mode))
    assert journal.transact(lambda tx: tx.mode) is Mode.BLANK


def test_a_tx_may_not_be_kept(journal: Journal) -> None:
    kept = journal.transact(lambda tx: tx)
    for use in (lambda: kept.mode, lambda: kept.set("a", 1), lambda: kept.payments(), lambda: sale(kept)):
        with pytest.raises(JournalError, match="has ended"):
            use()


def test_unknown_things_are_refused(journal: Journal) -> None:
    for work in (
        lambda tx: tx.payment(1),
        lambda tx: tx.move(1, P.REQUESTED),
        lambda tx: tx.note(1, a="b"),
        lambda tx: tx.seal(1, "reversal", b""),
        lambda tx: tx.slip_printed(1),
    ):
        with pytest.raises(JournalError, match="there is no"):
            journal.transact(work)
    journal.transact(sale)
    for stan in ("1", "00000a", "0000001", "００００００"):
        with pytest.raises(JournalError, match="six digits"):
            journal.transact(lambda tx, stan=stan: tx.move(1, P.REQUESTED, stan=stan))  # type: ignore[misc]
    with pytest.raises(JournalError, match="at least 1"):
        journal.transact(lambda tx: tx.count("stan", limit=0))
    with pytest.raises(JournalError, match="more than"):
        journal.transact(lambda tx: tx.keep_slip("card", {"lines": ["x" * 200] * 200}, None))


def test_a_closed_journal_says_so() -> None:
    journal = Journal.open(None, wall_ms=clock())
    journal.close()
    with pytest.raises(JournalError, match="closed"):
        journal.transact(lambda tx: tx.mode)


# Uploads


def queue(tx: Tx, notice: Notice, stan: str) -> int:
    return tx.queue_upload(notice, sale(tx).id, stan)


def test_uploads_leave_in_the_order_in_which_they_came(journal: Journal) -> None:
    script, advice = Notice.SCRIPT_RESULT, Notice.ADVICE
    for number, notice in enumerate((advice, script, advice), 1):
        assert journal.transact(lambda tx, n=notice, s=f"{number:06d}": queue(tx, n, s)) == number  # type: ignore[misc]

    def heads(tx: Tx) -> tuple[int, ...]:
        found = (tx.next_upload(), tx.next_upload(script), tx.next_upload(advice))
        return tuple(head.id if head else 0 for head in found)

    assert journal.transact(heads) == (1, 2, 1)
    journal.transact(lambda tx: tx.end_upload(1, UploadState.REFUSED, "25"))
    assert journal.transact(heads) == (2, 2, 3)
    journal.transact(lambda tx: tx.end_upload(2, UploadState.DONE, "94"))
    assert journal.transact(heads) == (3, 0, 3)
    assert journal.transact(lambda tx: tx.queued_uploads()) == 1
    journal.transact(lambda tx: tx.upload_tried(3))
    told = [(u.stan, u.state.value, u.code, u.tries) for u in journal.transact(lambda tx: tx.uploads(1))]
    assert told == [("000001", "refused", "25", 0), ("000002", "done", "94", 0), ("000003", "queued", "", 1)]
    assert journal.transact(lambda tx: tx.uploads(2)) == ()


def test_an_upload_that_has_ended_stays_as_it_is(journal: Journal) -> None:
    journal.transact(lambda tx: queue(tx, Notice.ADVICE, "000001"))
    journal.transact(lambda tx: tx.end_upload(1, UploadState.DONE, "00"))
    events = len(journal.events_after(0))
    journal.transact(lambda tx: tx.end_upload(1, UploadState.REFUSED, "96"))
    assert len(journal.events_after(0)) == events
    assert [u.state for u in journal.transact(lambda tx: tx.uploads(1))] == [UploadState.DONE]
    with pytest.raises(JournalError, match="no upload 2"):
        journal.transact(lambda tx: tx.end_upload(2, UploadState.DONE, "00"))
    with pytest.raises(JournalError, match="no payment 9"):
        journal.transact(lambda tx: tx.queue_upload(Notice.ADVICE, 9, "000002"))


def test_the_queue_is_bounded_and_keeps_what_it_has(journal: Journal) -> None:
    def fill(tx: Tx) -> None:
        payment = sale(tx).id
        for _ in range(UPLOADS_LIMIT):
            tx.queue_upload(Notice.ADVICE, payment, "000001")

    journal.transact(fill)
    with pytest.raises(JournalError, match="must be uploaded before"):
        journal.transact(lambda tx: tx.queue_upload(Notice.ADVICE, 1, "000002"))
    assert journal.transact(lambda tx: tx.queued_uploads()) == UPLOADS_LIMIT
    journal.transact(lambda tx: tx.end_upload(1, UploadState.DONE, "00"))
    assert journal.transact(lambda tx: tx.queue_upload(Notice.ADVICE, 1, "000002")) == UPLOADS_LIMIT + 1


# Folding


STATES = st.sampled_from(list(P))
OPERATIONS = st.one_of(
    st.tuples(st.just("sale"), st.integers(1, 99_999), st.sampled_from(list(Method))),
    st.tuples(st.just("move"), st.integers(1, 8), STATES),
    st.tuples(st.just("note"), st.integers(1, 8), st.text("ab元", max_size=3)),
    st.tuples(st.just("set"), st.sampled_from(["language", "batch_no", "x"]), st.one_of(st.none(), st.text("12ab"))),
    st.tuples(st.just("count"), st.sampled_from(["stan", "order"]), st.integers(1, 4)),
    st.tuples(st.just("mode"), st.sampled_from(list(Mode)), st.just(0)),
    st.tuples(st.just("slip"), st.integers(1, 3), st.text("ab", max_size=3)),
    st.tuples(st.just("printed"), st.integers(1, 5), st.just(0)),
    st.tuples(st.just("batch"), st.integers(1, 3), st.just(0)),
    st.tuples(st.just("settle"), st.integers(1, 3), st.just(0)),
    st.tuples(st.just("queue"), st.integers(1, 5), st.sampled_from(list(Notice))),
    st.tuples(st.just("uploaded"), st.integers(1, 4), st.sampled_from(list(UploadState)[1:])),
    st.tuples(st.just("tried"), st.integers(1, 4), st.just(0)),
    st.tuples(st.just("seal"), st.integers(1, 5), st.just(0)),
)


def apply(tx: Tx, name: str, first: Any, second: Any) -> None:
    if name == "sale":
        tx.new_payment(second, Money(first), "01", source="test")
    elif name == "move":
        tx.move(first, second, stan="000009" if second is P.REQUESTED else None, reason="because")
    elif name == "note":
        tx.note(first, remark=second)
    elif name == "set":
        tx.set(first, second)
    elif name == "count":
        tx.count(first, limit=second)
    elif name == "mode":
        tx.set_mode(first, operator="01")
    elif name == "slip":
        tx.keep_slip("card", {"text": second}, first)
    elif name == "printed":
        tx.slip_printed(first)
    elif name == "batch":
        tx.set("batch", first)
    elif name == "settle":
        tx.settle(first)
    elif name == "queue":
        tx.queue_upload(second, first, "000010")
    elif name == "uploaded":
        tx.end_upload(first, second, "00")
    elif name == "tried":
        tx.upload_tried(first)
    else:
        tx.seal(first, "reversal", b"\x01")


def tables(journal: Journal) -> dict[str, list[Any]]:
    names = ("terminal", "settings", "counters", "payments", "slips", "uploads", "sealed")
    return {name: journal._db.execute(f"SELECT * FROM {name} ORDER BY 1, 2").fetchall() for name in names}


@settings(max_examples=60)
@given(st.lists(st.lists(OPERATIONS, min_size=1, max_size=4), max_size=25))
def test_folding_the_events_gives_the_projections(transactions: list[list[tuple[str, Any, Any]]]) -> None:
    journal = Journal.open(None, wall_ms=clock())
    for operations in transactions:
        try:
            journal.transact(lambda tx, operations=operations: [apply(tx, *operation) for operation in operations])  # type: ignore[misc]
        except (IllegalEdge, JournalError):
            continue  # Rolled back as a whole.
    live = tables(journal)
    events = journal.events_after(0)
    assert journal.rebuild() == len(events) == journal.verify()
    assert tables(journal) == live
    assert journal.events_after(0) == events, "rebuilding writes no event"
    journal.close()


# Counters that never begin anew


def test_a_counter_that_only_grows(journal: Journal) -> None:
    counters = journal.counters
    assert counters.last("dukpt.tdes.FFFF9876.543210E0.0000") == 0
    counters.advance("dukpt.tdes.FFFF9876.543210E0.0000", 5)
    counters.advance("dukpt.tdes.FFFF9876.543210E0.0000", 6)
    assert counters.last("dukpt.tdes.FFFF9876.543210E0.0000") == 6
    assert counters.last("another") == 0
    events = len(journal.events_after(0))
    for value in (6, 5, 0, -1):
        with pytest.raises(JournalError, match="only grows"):
            counters.advance("dukpt.tdes.FFFF9876.543210E0.0000", value)
    assert len(journal.events_after(0)) == events
    journal.rebuild()
    assert counters.last("dukpt.tdes.FFFF9876.543210E0.0000") == 6


def test_a_counter_is_not_for_code_inside_a_transaction(journal: Journal) -> None:
    with pytest.raises(JournalError, match="inside"):
        journal.transact(lambda tx: journal.counters.advance("c", 1))
    assert journal.counters.last("c") == 0
