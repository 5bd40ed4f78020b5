"""`python -m sim acquirer`: the acquirer on a port, one line a message."""

from __future__ import annotations

import argparse
import json
import os
import re
import sqlite3
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from keys.testkeys import TEST_TMK
from sim.acquirer.book import Book
from sim.acquirer.bookfile import BookFile
from sim.acquirer.core import Acquirer
from sim.acquirer.faults import FaultPlan, parse_fault
from sim.acquirer.lines import describe, one_line
from sim.acquirer.registry import TEST_MERCHANT, TEST_TERMINAL, TerminalRow, default_registry
from sim.acquirer.server import SERVER_CERTIFICATE, STALE_S, AcquirerServer, tls_context
from sim.acquirer.sharedbook import SharedBook
from sim.acquirer.sql import PostgresSql
from sim.acquirer.workers import WORKERS_LIMIT, run_workers
from sim.arguments import port_number
from sim.tls import make_certificates
from terminal.hostlink.profile import Profile, ProfileError, load_profile

DEFAULT_PORT = 8583
LOAD_TERMINALS = tuple(f"{number:08d}" for number in range(20_000_000, 20_010_000))  # Of the test merchant.


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: %(default)s)")
    parser.add_argument(
        "--port", type=port_number, default=DEFAULT_PORT, help="0 takes a free one (default: %(default)s)"
    )
    parser.add_argument(
        "--tls",
        metavar="DIR",
        type=Path,
        help="speak TLS with the certificate in DIR (an empty DIR gets a test authority, server and client)",
    )
    parser.add_argument("--client-cert", action="store_true", help="demand a client certificate of DIR's authority")
    parser.add_argument(
        "--book",
        metavar="FILE|URL",
        help="keep the book in this SQLite file, or in the PostgreSQL at postgresql://…",
    )
    parser.add_argument(
        "--workers", type=int, default=1, metavar="N", help="processes on this port; PostgreSQL only (default: 1)"
    )
    parser.add_argument(
        "--stale", type=float, default=STALE_S, metavar="S", help="drop what has waited longer (default: %(default)s s)"
    )
    parser.add_argument(
        "--terminal",
        metavar="MERCHANT:TERMINAL",
        action="append",
        default=[],
        help=f"register one more terminal (beside {TEST_MERCHANT}:{TEST_TERMINAL})",
    )
    parser.add_argument(
        "--load-terminals",
        action="store_true",
        help=f"register {len(LOAD_TERMINALS)} more terminals: {LOAD_TERMINALS[0]} to {LOAD_TERMINALS[-1]}",
    )
    parser.add_argument(
        "--faults",
        metavar="FAULT",
        action="append",
        default=[],
        help="for example drop-reply,mti=0200,nth=2 or delay,ms=3000,times=every (see sim/acquirer/faults.py)",
    )
    parser.add_argument("--profile", default="unionpay", help="the dialect: a profile's name or file (%(default)s)")
    parser.add_argument("--amount-codes", action="store_true", help="an amount's last two digits are the response code")
    parser.add_argument("--seed", type=int, help="draw keys and codes from this seed (default: from the system)")
    parser.add_argument("--json", action="store_true", help="one JSON object a message instead of a line")
    parser.add_argument("--quiet", action="store_true", help="no line a message")


def run(args: argparse.Namespace, stop: threading.Event | None = None) -> int:
    """Serve until Ctrl-C (or `stop`). 0: ended by a person; 1: cannot serve; 2: bad arguments."""
    if args.workers > 1:
        problem = _why_alone(args)
        if problem:
            print(f"acquirer: {problem}", file=sys.stderr)
            return 2
        return run_workers(args, serve, stop or threading.Event())
    return serve(args, stop)


def _why_alone(args: argparse.Namespace) -> str:
    """Why there can be one process only, or ""."""
    if args.workers > WORKERS_LIMIT:
        return f"--workers is 1 to {WORKERS_LIMIT}"
    if not is_url(args.book):
        return "--workers needs --book postgresql://…: a SQLite file, or memory, is one process's own"
    if args.seed is not None:
        return "--workers draws from the system: several processes with one --seed would give the same keys"
    return ""


def serve(args: argparse.Namespace, stop: threading.Event | None = None) -> int:
    """One process, as `run`."""
    try:
        acquirer = build(args)
    except (ValueError, ProfileError) as error:
        print(f"acquirer: {error}", file=sys.stderr)
        return 2
    except (OSError, sqlite3.Error) as error:
        print(f"acquirer: --book {_without_password(args.book)}: {error}", file=sys.stderr)
        return 1
    try:
        tls = None
        if args.tls is not None:
            if not (args.tls / SERVER_CERTIFICATE).exists():
                make_certificates(args.tls)
            tls = tls_context(args.tls, demand_client=args.client_cert)
        show = None if args.quiet else printer(acquirer.profile, as_json=args.json)
        server = AcquirerServer(
            acquirer, args.host, args.port, tls=tls, on_exchange=show, stale_s=args.stale, share_port=args.workers > 1
        )
        server.start()
    except OSError as error:
        print(f"acquirer: {args.host}:{args.port}: {error.strerror or error}", file=sys.stderr)
        return 1
    listening = {"listening": f"{server.host}:{server.port}", "tls": tls is not None}
    print(json.dumps(listening) if args.json else f"收单行 acquirer: {server.host}:{server.port}", flush=True)
    try:
        (stop or threading.Event()).wait()
    except KeyboardInterrupt:
        pass
    finally:
        server.stop()
        acquirer.book.close()
    return 0


def build(args: argparse.Namespace) -> Acquirer:
    """The acquirer that the arguments describe. Raises ValueError, ProfileError, OSError, sqlite3.Error."""
    registry = default_registry()
    for pair in args.terminal:
        merchant_no, _, terminal_no = pair.partition(":")
        registry.add_terminal(TerminalRow(merchant_no, terminal_no, tmk=TEST_TMK))
    for terminal_no in LOAD_TERMINALS if args.load_terminals else ():
        registry.add_terminal(TerminalRow(TEST_MERCHANT, terminal_no))
    plan = FaultPlan(parse_fault(text) for text in args.faults)
    draw = os.urandom if args.seed is None else None
    return Acquirer(
        registry,
        profile=load_profile(args.profile),
        book=open_book(args.book),
        seed=args.seed or 0,
        draw=draw,
        faults=plan,
        amount_codes=args.amount_codes,
    )


def is_url(book: str | None) -> bool:
    return book is not None and book.startswith(("postgresql://", "postgres://"))


def open_book(book: str | None) -> Book:
    """In memory, in a file, or in a PostgreSQL. Raises ValueError, OSError, sqlite3.Error."""
    if book is None:
        return Book()
    return SharedBook(PostgresSql(book)) if is_url(book) else BookFile(Path(book))


def _without_password(book: str) -> str:
    return re.sub(r"(?<=://)[^@/]*@", "", book)


def printer(profile: Profile, *, as_json: bool) -> Callable[[str, bytes], None]:
    """What prints each frame as a line."""

    def show(direction: str, frame: bytes) -> None:
        facts = describe(direction, frame, profile)
        print(json.dumps(facts, ensure_ascii=False) if as_json else one_line(facts), flush=True)

    return show
