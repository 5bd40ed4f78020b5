"""The book on paper (SQLite), and whether two books agree."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from sim.acquirer import Acquirer, Book, Net, PaymentRow, Wallet, WalletKind, books_agree
from sim.acquirer.bookfile import BookFile
from sim.acquirer.caller import Caller, new_card
from sim.card.profiles import PROFILES
from terminal.hostlink import messages
from terminal.hostlink.card_messages import Original
from terminal.hostlink.messages import Totals
from terminal.hostlink.reply import read_order
from terminal.model import Kind, Money

NOON = 1_795_233_600_000


def day(folder: Path, book: Book) -> Acquirer:
    """Two sales, one reversed; one decline; one paid order; a settlement; then one more sale in the next batch."""
    acquirer = Acquirer(book=book)
    caller = Caller(lambda frame: acquirer.handle(frame, NOON), acquirer.profile, folder)
    caller.sign_in()
    caller.sale(12850)
    caller.sale(300)
    assert caller.last_sale is not None
    caller.reverse(caller.last_sale)
    caller.sale(5000, new_card("poor"))
    order = messages.qr_order(
        caller.terminal, caller.profile, stan=caller.next_stan(), amount=Money(700), order_no="Q1"
    )
    reply = caller.call(order, mac=True)
    assert reply is not None
    acquirer.gateway.pay(read_order(reply).payload, Wallet(WalletKind.WECHAT, 1000), NOON)
    caller.settle(Totals(13550, 2))
    caller.sign_in()
    caller.sale(42)
    return acquirer


ROWS = (
    PaymentRow("000002", "000001", 12850, Net.CHARGED),
    PaymentRow("000003", "000001", 300, Net.NOT_CHARGED),
    PaymentRow("000004", "000001", 5000, Net.NOT_CHARGED),
    PaymentRow("000005", "000001", 700, Net.CHARGED, order_no="Q1"),
    PaymentRow("000008", "000002", 42, Net.CHARGED),
)


def test_equal_books_agree(tmp_path: Path) -> None:
    book = day(tmp_path / "keys", Book()).book
    assert books_agree(book, ROWS) == []
    assert books_agree(book, ROWS, terminal=("898440153110001", "10000001")) == []
    assert books_agree(book, (), terminal=("898440153110001", "10000002")) == []


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (ROWS[1:], "charged at the host, unknown at the terminal"),
        ((PaymentRow("000002", "000001", 12850, Net.NOT_CHARGED), *ROWS[1:]), "not-charged at the terminal"),
        ((PaymentRow("000002", "000001", 12850, Net.OPEN), *ROWS[1:]), "open at the terminal"),
        ((PaymentRow("000002", "000001", 12851, Net.CHARGED), *ROWS[1:]), "12850 at the host, 12851"),
        ((ROWS[0], PaymentRow("000003", "000001", 300, Net.CHARGED), *ROWS[2:]), "not at the host"),
        ((*ROWS, PaymentRow("000099", "000001", 1, Net.CHARGED)), "unknown at the host"),
        ((*ROWS, PaymentRow("000098", "000001", 1, Net.CHARGED, order_no="Q9")), "order Q9"),
        ((*ROWS[:3], ROWS[4]), "order Q1: charged at the host"),
        ((*ROWS, ROWS[0]), "twice at the terminal"),
    ],
)
def test_each_difference_is_told(tmp_path: Path, rows: tuple[PaymentRow, ...], told: str) -> None:
    found = books_agree(day(tmp_path / "keys", Book()).book, rows)
    assert found and any(told in line for line in found)


def test_a_book_on_paper_is_the_same_book(tmp_path: Path) -> None:
    path = tmp_path / "book.db"
    book = BookFile(path)
    day(tmp_path / "keys", book)
    book.close()
    again = BookFile(path)
    assert books_agree(again, ROWS) == []
    assert again.batches.keys() == book.batches.keys()
    for old, new in zip(book.all_batches(), again.all_batches(), strict=True):
        assert (old.batch_no, old.settlement, old.stans) == (new.batch_no, new.settlement, new.stans)
        assert old.orders == new.orders
        assert old.totals(with_qr=True) == new.totals(with_qr=True)
    again.close()


def test_a_restarted_acquirer_goes_on_where_it_was(tmp_path: Path) -> None:
    path = tmp_path / "book.db"
    book = BookFile(path)
    day(tmp_path / "keys", book)
    book.close()
    acquirer = Acquirer(book=BookFile(path), seed=1)
    caller = Caller(lambda frame: acquirer.handle(frame, NOON), acquirer.profile, tmp_path / "keys")
    caller.stan = 8
    reply = caller.sign_in()
    assert reply is not None and reply.text(60)[2:8] == "000002", "the open batch is still open"
    sale = caller.sale(43)
    assert sale is not None and sale.text(39) == "00"
    rrns = [entry.rrn for entry in acquirer.book.entries]
    assert len(set(rrns)) == len(rrns)
    settled = caller.settle(Totals(85, 2))
    assert settled is not None and settled.text(48)[30] == "1"
    acquirer.book.close()


def test_a_book_from_before_foreign_totals_is_read(tmp_path: Path) -> None:
    """Its settlements and entries know of no organisation: all was domestic then."""
    path = tmp_path / "book.db"
    book = BookFile(path)
    day(tmp_path / "keys", book)
    book.close()
    with closing(sqlite3.connect(path)) as database, database:
        for table, column, added in (
            ("batch", "settlement", ("claimed_foreign", "booked_foreign")),
            ("entry", "body", ("organisation",)),
        ):
            rows = database.execute(f"select rowid, {column} from {table} where {column} is not null").fetchall()
            for row, text in rows:
                old = {name: value for name, value in json.loads(text).items() if name not in added}
                database.execute(f"update {table} set {column} = ? where rowid = ?", (json.dumps(old), row))
    again = BookFile(path)
    assert [batch.settlement for batch in again.all_batches()] == [batch.settlement for batch in book.all_batches()]
    assert {entry.organisation for entry in again.entries} == {""}
    again.close()


def test_the_file_holds_no_card_number(tmp_path: Path) -> None:
    book = BookFile(tmp_path / "book.db")
    day(tmp_path / "keys", book)
    book.close()
    data = b"".join(path.read_bytes() for path in tmp_path.glob("book.db*"))
    for profile in PROFILES.values():
        assert profile.pan.encode() not in data
    assert b"622500******0014" in data


def test_a_restarted_acquirer_knows_its_terminals_and_accounts(tmp_path: Path) -> None:
    path = tmp_path / "book.db"
    first = Acquirer(book=BookFile(path), seed=1)
    caller = Caller(lambda frame: first.handle(frame, NOON), first.profile, tmp_path / "keys")
    caller.sign_in()
    caller.sale(100, pin="999999")
    auth = caller.request(Kind.AUTH, 700, new_card("unionpay-credit-pin"))
    reply = caller.call(auth, mac=True)
    assert reply is not None and reply.text(39) == "00"
    first.book.close()

    second = Acquirer(book=BookFile(path), seed=2)
    caller._send = lambda frame: second.handle(frame, NOON)
    account = second.registry.accounts[PROFILES["unionpay-credit-pin"].pan]
    assert (account.held_minor, account.wrong_pins) == (700, 1)
    completion = caller.request(
        Kind.COMPLETION, 700, new_card("unionpay-credit-pin"), original=caller.original(auth, reply)
    )
    completed = caller.call(completion, mac=True)
    assert completed is not None and completed.text(39) == "00", "no new sign-in was needed"
    assert account.held_minor == 0
    caller.call(messages.sign_out(caller.terminal, caller.profile, stan=caller.next_stan()))
    second.book.close()
    third = Acquirer(book=BookFile(path))
    assert not third.signed_in(*("898440153110001", "10000001"))
    third.book.close()


OLD = """
create table batch (merchant text, terminal text, batch_no text, place integer, settlement text,
    primary key (merchant, terminal, batch_no));
create table entry (merchant text, terminal text, batch_no text, stan text, body text,
    primary key (merchant, terminal, batch_no, stan));
create table qr_order (merchant text, order_no text, place integer, body text, primary key (merchant, order_no));
insert into batch values ('898440153110001', '10000001', '000001', 1, null);
insert into entry values ('898440153110001', '10000001', '000001', '000002', '{"terminal": ["898440153110001",
    "10000001"], "batch_no": "000001", "stan": "000002", "amount_minor": 100, "state": "approved", "code": "00",
    "at_ms": 1795233600000, "pan": "622500******0014", "rrn": "112100000002", "auth_code": "000002"}');
"""


def test_a_book_of_the_first_version_is_read_and_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "book.db"
    with sqlite3.connect(path) as old:
        old.executescript(OLD)
    old.close()
    acquirer = Acquirer(book=BookFile(path))
    caller = Caller(lambda frame: acquirer.handle(frame, NOON), acquirer.profile, tmp_path / "keys")
    caller.stan = 2
    caller.sign_in()
    original = Original("000001", "000002", "1121", "112100000002", "000002")
    other = caller.request(Kind.VOID, 100, new_card("no-cvm"), original=original)
    own = caller.request(Kind.VOID, 100, new_card("unionpay-credit-pin"), original=original)
    codes = [reply.text(39) for reply in (caller.call(other, mac=True), caller.call(own, mac=True)) if reply]
    assert codes == ["14", "00"]
    acquirer.book.close()
    again = BookFile(path)
    assert [entry.state.value for entry in again.entries] == ["voided", "declined", "approved"]
    again.close()


def test_a_newer_book_is_refused_with_words(tmp_path: Path) -> None:
    path = tmp_path / "book.db"
    BookFile(path).close()
    with sqlite3.connect(path) as db:
        db.execute("pragma user_version = 99")
    db.close()
    with pytest.raises(ValueError, match="newer than 3: use the newer program"):
        BookFile(path)


def test_a_refund_that_nobody_answered_agrees_with_either_book(tmp_path: Path) -> None:
    book = day(tmp_path / "keys", Book()).book
    either = PaymentRow("000099", "000001", 5, Net.UNANSWERED, kind=Kind.REFUND)
    assert books_agree(book, (*ROWS, either)) == []
    part = replace(ROWS[0], amount_minor=ROWS[0].amount_minor + 1, net=Net.UNANSWERED)
    assert books_agree(book, (part, *ROWS[1:])) == []
    more = replace(part, amount_minor=ROWS[0].amount_minor - 1)
    assert "at the host" in books_agree(book, (more, *ROWS[1:]))[0]
    other = replace(ROWS[0], kind=Kind.AUTH)
    assert "sale at the host, auth at the terminal" in books_agree(book, (other, *ROWS[1:]))[0]
