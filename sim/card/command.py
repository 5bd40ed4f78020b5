"""`python -m sim card`: put a virtual card into a virtual reader and show its conversation."""

from __future__ import annotations

import argparse
import sys
import threading

from sim.card.card import VirtualCard
from sim.card.profiles import PROFILES
from sim.card.vpcd import VPCD_PORT, VpcdError, serve


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--vpcd",
        metavar="HOST:PORT",
        default=f"127.0.0.1:{VPCD_PORT}",
        help="the virtual reader (default: %(default)s)",
    )
    names = sorted(PROFILES)
    parser.add_argument("--profile", choices=names, default="unionpay-credit-pin", help="which card")
    parser.add_argument("--list", action="store_true", help="list the cards and end")
    parser.add_argument("--quiet", action="store_true", help="do not show the APDUs")


def run(args: argparse.Namespace) -> int:
    """0: the reader closed, or the person pressed Ctrl-C; 1: there is no reader; 2: a bad address."""
    if args.list:
        for profile in PROFILES.values():
            print(f"{profile.name:24} {profile.zh}  {profile.en}")
        return 0
    host, _, port = args.vpcd.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        print(f"--vpcd wants HOST:PORT, not {args.vpcd!r}", file=sys.stderr)
        return 2
    profile = PROFILES[args.profile]
    print(f"{profile.zh} / {profile.en}: → {host}:{port}", flush=True)
    stop = threading.Event()
    try:
        serve(host, int(port), VirtualCard(profile), stop=stop, on_exchange=None if args.quiet else _show)
    except VpcdError as error:
        print(f"card: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        stop.set()
    return 0


def _show(capdu: bytes, rapdu: bytes) -> None:
    """Header and status word only: the data would show the card number."""
    print(f"→ {capdu[:5].hex(' ')} … ({len(capdu)})   ← {rapdu[-2:].hex()} ({len(rapdu) - 2})", flush=True)
