"""`python -m sim api`: one world over HTTP on this machine, for tests in any language (docs/simulator.md)."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import secrets
import signal
import sys
import threading
from pathlib import Path
from types import FrameType

from emv.typed import language_of
from sim.api.desk import Desk
from sim.api.openapi import document_text
from sim.api.params import PROFILES
from sim.api.server import ApiServer
from sim.arguments import port_number
from sim.outside_host import OutsideHost
from sim.pace import SPEED_LIMIT
from sim.proxy import Address
from sim.stage import Stage, Terms
from sim.story import StoryError
from terminal.hostlink.profile import load_profile

DEFAULT_PORT = 8087
TOKEN_BYTES = 16  # 128 bits.


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=port_number, default=DEFAULT_PORT, help="0 takes a free one (%(default)s)")
    parser.add_argument("--token-file", type=Path, metavar="FILE", help="write the token there, and do not print it")
    parser.add_argument("--seed", default="0", help="what the world is drawn from (default: %(default)s)")
    parser.add_argument("--lang", type=language_of, default="en", metavar="zh-CN|en", help="the terminal's (en)")
    parser.add_argument("--panel", choices=("128x64", "128x128"), default="128x64", help="the display (%(default)s)")
    parser.add_argument("--begin", choices=("signed-in", "new"), default="signed-in", help="(default: %(default)s)")
    parser.add_argument("--offered", choices=("usual", "all"), default="usual", help="the menu of transactions")
    parser.add_argument("--lines", type=int, choices=(1, 2), default=1, help="to the host (default: %(default)s)")
    parser.add_argument(
        "--profile", choices=sorted(path.stem for path in PROFILES.glob("*.toml")), default="unionpay", help="dialect"
    )
    parser.add_argument("--amount-codes", action="store_true", help="an amount's last two digits are the response code")
    parser.add_argument(
        "--host", type=Address.parse, metavar="HOST:PORT", help="a host of your own, over TCP, in place of the acquirer"
    )
    parser.add_argument("--speed", type=float, default=0.0, help="virtual time by the wall clock; 0: stopped (default)")
    parser.add_argument("--openapi", action="store_true", help="print the OpenAPI document and end")
    parser.add_argument("--json", action="store_true", help="say address and token as one JSON object")


def run(args: argparse.Namespace, stop: threading.Event | None = None) -> int:
    """Serve until Ctrl-C (or `stop`). 0: ended by a person; 1: it could not start; 2: bad arguments."""
    if args.openapi:
        print(document_text(), end="")
        return 0
    if not 0 <= args.speed <= SPEED_LIMIT:
        print(f"api: --speed is 0 to {SPEED_LIMIT}", file=sys.stderr)
        return 2
    token = secrets.token_urlsafe(TOKEN_BYTES)
    outside = _outside(args)
    with contextlib.ExitStack() as at_end:
        if outside is not None:
            at_end.callback(outside.close)
        try:
            desk = Desk(_terms(args), Stage if outside is None else outside.stage)
        except StoryError as error:
            why = f"; {outside.address.host}:{outside.address.port}: {outside.problem}" if outside is not None else ""
            print(f"api: the terminal does not get to where it begins: {error}{why}", file=sys.stderr)
            return 1
        at_end.callback(desk.close)
        try:
            server = ApiServer(desk, port=args.port, token=token)
            if args.token_file is not None:
                _write_privately(args.token_file, token)
        except OSError as error:
            print(f"api: {error.filename or f'127.0.0.1:{args.port}'}: {error.strerror or error}", file=sys.stderr)
            return 1
        at_end.callback(server.close)
        desk.live.speed(args.speed)
        server.start()
        _say(args, server, token)
        _wait(stop)
    return 0


def _terms(args: argparse.Namespace) -> Terms:
    width, height = args.panel.split("x")
    return Terms(
        seed=int(args.seed) if args.seed.isdecimal() and len(args.seed) < 19 else args.seed,
        language=args.lang,
        panel=(int(width), int(height)),
        begin=args.begin,
        offered=args.offered,
        lines=args.lines,
        profile=args.profile,
        amount_codes=args.amount_codes,
    )


def _outside(args: argparse.Namespace) -> OutsideHost | None:
    if args.host is None:
        return None
    return OutsideHost(args.host, length_digits=load_profile(args.profile).length_digits)


def _say(args: argparse.Namespace, server: ApiServer, token: str) -> None:
    where = {"token_file": str(args.token_file)} if args.token_file is not None else {"token": token}
    if args.json:
        print(json.dumps({"url": server.url, "seed": args.seed, **where}), flush=True)
        return
    told = f"$(cat {args.token_file})" if args.token_file is not None else token
    print(f"种子 seed: {args.seed}\n\n  export URL={server.url} TOKEN={told}")
    print('  curl -H "Authorization: Bearer $TOKEN" $URL/state\n', flush=True)


def _write_privately(path: Path, token: str) -> None:
    """For this user alone; never through a link that somebody else has put there."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(token + "\n")


def _wait(stop: threading.Event | None) -> None:
    if stop is not None:
        stop.wait()
        return
    ended = threading.Event()

    def on_signal(number: int, frame: FrameType | None) -> None:
        ended.set()

    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)
    ended.wait()
