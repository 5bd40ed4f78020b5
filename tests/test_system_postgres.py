"""One book in PostgreSQL under several acquirers: they are one bank, whoever of them is asked.

A private server is started for these tests; without Debian's postgresql they say so and are skipped.
"""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from host_bench import NOON, Bench, code

from bench.private_postgres import private_postgres, programs
from sim.acquirer import Acquirer, TerminalRow, default_registry
from sim.acquirer.caller import Caller, new_card
from sim.acquirer.command import add_arguments, run
from sim.acquirer.registry import TEST_MERCHANT
from sim.acquirer.sharedbook import SharedBook
from sim.acquirer.sql import PostgresSql
from sim.card.profiles import PROFILES
from terminal.hostlink.messages import Totals
from terminal.model import Kind

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(programs() is None, reason="PostgreSQL is not installed: sudo make system-deps"),
]
ROOT = Path(__file__).parents[1]
TERMINALS = ("10000001", "10000002", "10000003")


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with private_postgres() as url:
        yield url


@pytest.fixture
def url(server: str) -> str:
    """An empty database."""
    sql = PostgresSql(server)
    for statement in ("drop schema public cascade", "create schema public"):
        sql.rows(statement)
    sql.close()
    return server


class Bank:
    """Several acquirers over one book; each message goes to the next of them."""

    def __init__(self, url: str, folder: Path, workers: int = 2) -> None:
        self.workers = [self._worker(url) for _ in range(workers)]
        self.turn = 0
        self.folder = folder

    def _worker(self, url: str) -> Acquirer:
        registry = default_registry()
        for number in TERMINALS[1:]:
            registry.add_terminal(TerminalRow(TEST_MERCHANT, number))
        return Acquirer(registry, book=SharedBook(PostgresSql(url)), draw=os.urandom)

    def handle(self, frame: bytes) -> tuple[bytes, ...]:
        self.turn += 1
        return self.workers[self.turn % len(self.workers)].handle(frame, NOON)

    def caller(self, number: str = TERMINALS[0]) -> Caller:
        caller = Caller(self.handle, self.workers[0].profile, self.folder / number, terminal_no=number)
        caller.sign_in()
        return caller

    def close(self) -> None:
        for worker in self.workers:
            worker.book.close()


@pytest.fixture
def bank(url: str, tmp_path: Path) -> Iterator[Bank]:
    made = Bank(url, tmp_path)
    yield made
    made.close()


def balance(url: str) -> int:
    sql = PostgresSql(url)
    ((body,),) = sql.rows("select body::json ->> 'balance_minor' from account")
    sql.close()
    return int(body)


def test_a_terminal_may_ask_another_process_each_time(bank: Bank, url: str) -> None:
    caller = bank.caller()
    for amount in (100, 200, 300):
        assert code(caller.sale(amount)) == "00"
    assert caller.last_sale is not None
    assert code(caller.call(caller.last_sale, mac=True)) == "94", "the other process knows the STAN"
    assert [code(caller.reverse(caller.last_sale)) for _ in range(2)] == ["00", "00"]
    assert balance(url) == PROFILES["unionpay-credit-pin"].balance_minor - 300
    settled = caller.settle(Totals(300, 2))
    assert settled is not None and settled.text(48)[30] == "1"
    assert code(caller.sale(1)) == "77", "the other process knows that the batch is closed"


def test_a_used_cryptogram_is_used_everywhere(bank: Bank) -> None:
    caller = bank.caller()
    caller.sale(100)
    assert caller.last_sale is not None
    assert code(caller.call(caller.last_sale.with_fields({11: caller.next_stan()}), mac=True)) == "59"


def test_two_terminals_refund_one_sale_no_further_than_it_was(bank: Bank) -> None:
    first, second = bank.caller(TERMINALS[0]), bank.caller(TERMINALS[1])
    sale = first.sale_message(1000, new_card("unionpay-credit-pin"))
    reply = first.call(sale, mac=True)
    assert reply is not None and code(reply) == "00"
    original = first.original(sale, reply)
    codes = []
    for caller in (second, first, second, first):
        refund = caller.request(Kind.REFUND, 400, new_card("unionpay-credit-pin"), original=original)
        codes.append(code(caller.call(refund, mac=True)))
    assert codes == ["00", "00", "64", "64"]


def test_a_hold_is_completed_at_another_terminal(bank: Bank, url: str) -> None:
    first, second = bank.caller(TERMINALS[0]), bank.caller(TERMINALS[1])
    card = new_card("unionpay-credit-pin")
    auth = first.request(Kind.AUTH, 1000, card)
    reply = first.call(auth, mac=True)
    assert reply is not None
    completion = second.request(Kind.COMPLETION, 900, card, original=first.original(auth, reply))
    assert code(second.call(completion, mac=True)) == "00"
    assert code(second.call(completion.with_fields({11: second.next_stan()}), mac=True)) == "12"
    sql = PostgresSql(url)
    ((held,),) = sql.rows("select body::json ->> 'held_minor' from account")
    sql.close()
    assert held == "0"


def test_processes_at_once_lose_nothing(bank: Bank, url: str) -> None:
    """Three terminals sell on one account at the same time."""
    callers = [bank.caller(number) for number in TERMINALS]
    done: list[str] = []

    def sell(caller: Caller, worker: Acquirer, amount: int) -> None:
        caller._send = lambda frame: worker.handle(frame, NOON)
        for _ in range(15):
            done.append(code(caller.sale(amount)))

    threads = [
        threading.Thread(target=sell, args=(caller, bank.workers[at % 2], 100 * (at + 1)))
        for at, caller in enumerate(callers)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert done == ["00"] * 45
    assert balance(url) == PROFILES["unionpay-credit-pin"].balance_minor - 15 * 600


def test_the_database_holds_no_card_number_and_no_key(bank: Bank, url: str) -> None:
    caller = bank.caller()
    caller.sale(100)
    dump = b""
    sql = PostgresSql(url)
    for table in ("terminal", "batch", "entry", "account", "cryptogram"):
        dump += repr(sql.rows(f"select * from {table}")).encode()
    sql.close()
    assert b"622500******0014" in dump
    for profile in PROFILES.values():
        assert profile.pan.encode() not in dump
    assert caller.last_sale is not None
    keys = bank.workers[0].keys_of((TEST_MERCHANT, TERMINALS[0]), caller.last_sale)
    for key in keys._keys:  # type: ignore[union-attr]  # The secret itself is what must not be there.
        assert key.hex().encode() not in dump.lower()


def test_a_database_that_goes_away_is_silence_and_not_a_crash(bank: Bank, url: str) -> None:
    caller = bank.caller()
    sql = PostgresSql(url)
    sql.rows("select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid()")
    sql.close()
    assert code(caller.sale(100)) == "00", "the connection is made again"


@pytest.mark.slow
def test_workers_share_a_port(url: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sim", "acquirer", "--port", "0", "--json", "--book", url, "--workers", "2"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            lines = [process.stdout.readline() for _ in range(2)]
            ports = {line.split('"listening": "')[1].split('"')[0] for line in lines}
            assert len(ports) == 1, "both listen on one port"
            host, _, port = ports.pop().rpartition(":")
            assert sell_over(host, int(port), tmp_path, 12) == ["00"] * 12
        finally:
            process.terminate()


def sell_over(host: str, port: int, folder: Path, sales: int) -> list[str]:
    """Each message over a connection of its own, so that both processes are asked."""
    def exchange(frame: bytes) -> tuple[bytes, ...]:
        with socket.create_connection((host, port), timeout=20) as line:
            line.sendall(len(frame).to_bytes(2, "big") + frame)
            with line.makefile("rb") as stream:
                return (stream.read(int.from_bytes(stream.read(2), "big")),)

    caller = Caller(exchange, Bench(folder / "any").acquirer.profile, folder / "keys")
    caller.sign_in()
    return [code(caller.sale(100)) for _ in range(sales)]


def test_workers_without_a_shared_book_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    assert run(parser.parse_args(["--workers", "2", "--book", "book.db"])) == 2
    assert "postgresql://" in capsys.readouterr().err
