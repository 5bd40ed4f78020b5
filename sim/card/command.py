"""`python -m sim card`: the rack of test cards, what is on one, and one in a virtual reader with its conversation."""

from __future__ import annotations

import argparse
import sys
import threading
from pathlib import Path

from sim.card.card import VirtualCard
from sim.card.cvm_words import words
from sim.card.files import personalise
from sim.card.model import CardApplication, CardProfile, Oda
from sim.card.profiles import PROFILES, read_card_file
from sim.card.reading import GROUPS, CardFileError
from sim.card.vpcd import VPCD_PORT, VpcdError, serve
from sim.takes import instead
from terminal.model import mask_pan


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--vpcd",
        metavar="HOST:PORT",
        default=f"127.0.0.1:{VPCD_PORT}",
        help="the virtual reader (default: %(default)s)",
    )
    parser.add_argument(
        "--profile",
        metavar="CARD",
        default="unionpay-credit-pin",
        help="which card: a name of --list, FILE.toml, or FILE.toml:NAME (default: %(default)s)",
    )
    parser.add_argument("--show", metavar="CARD", help="say what is on that card, and end")
    parser.add_argument("--list", action="store_true", help="list the cards and end")
    parser.add_argument("--quiet", action="store_true", help="do not show the APDUs")


def run(args: argparse.Namespace) -> int:
    """0: the reader closed, or the person pressed Ctrl-C; 1: there is no reader; 2: a bad card or address."""
    if args.list:
        print("\n\n".join(_group(name) for name in GROUPS))
        return 0
    try:
        profile = find_card(args.show or args.profile)
    except CardFileError as error:
        for problem in error.problems:
            print(problem, file=sys.stderr)
        return 2
    except (OSError, UnicodeDecodeError, LookupError) as error:
        print(f"card: {error.args[0] if isinstance(error, LookupError) else error}", file=sys.stderr)
        return 2
    if args.show:
        print("\n".join(described(profile)))
        return 0
    return _serve(args, profile)


def find_card(which: str) -> CardProfile:
    """A shipped card, or one of a file. Raises LookupError with words, CardFileError, OSError."""
    if which in PROFILES:
        return PROFILES[which]
    path, _, name = which.rpartition(":") if ".toml:" in which else (which, "", "")
    if not path.endswith(".toml"):
        raise LookupError(f"there is no card {which!r}; {instead(which, PROFILES)}; --list, or a .toml file")
    cards = read_card_file(Path(path))
    if not name and len(cards) == 1:
        return next(iter(cards.values()))
    if name not in cards:
        raise LookupError(f"{path} has these cards: {', '.join(cards)}; name one as {path}:NAME")
    return cards[name]


def _group(group: str) -> str:
    rows = [f"[{group}]"]
    rows += [f"  {each.name:28} {each.zh}  {each.en}" for each in PROFILES.values() if each.group == group]
    return "\n".join(rows)


def described(profile: CardProfile) -> list[str]:
    """What is on the card, line by line; its number is masked, and no key is named."""
    lines = [f"{profile.name}: {profile.zh} / {profile.en}"]
    if profile.mute:
        lines.append("  does not answer to reset")
    if profile.pin:
        lines.append(f"  PIN {profile.pin}, tries {profile.tries_left_now} of {profile.pin_tries}")
    if profile.issuer_refuses:
        lines.append(f"  the issuer always answers {profile.issuer_refuses}")
    if profile.issuer_sends:
        lines.append(f"  the issuer's next answer brings the script {profile.issuer_sends}")
    lines.append(f"  issuer authentication: {profile.issuer_authentication.value}")
    for app in profile.applications:
        lines += _application(app)
    for quirk in profile.quirks:
        lines.append(f"  at {quirk.at}: {quirk.does} {quirk.value}".rstrip())
    if profile.expect is not None:
        bits = f" with {', '.join(profile.expect.tvr)}" if profile.expect.tvr else ""
        lines.append(f"  a payment ends as {profile.expect.reason}{bits}")
    return lines


def _application(app: CardApplication) -> list[str]:
    made = personalise(app)
    lines = [
        f"  {app.aid.hex().upper()} {app.label}{' (blocked)' if app.blocked else ''}",
        f"    {mask_pan(app.pan)}/{app.sequence}, {app.effective} to {app.expiry}, service code {app.service_code}",
        f"    {app.family}, cryptogram version {app.cvn:02X}",
        f"    AIP {app.aip.hex().upper()}, AUC {app.usage.hex().upper()}",
        f"    AFL {made.locator.hex(' ', 4).upper()}",
    ]
    lines += [f"    CVM {each}" for each in words(app.cvm_list)]
    for name, dol in (("PDOL", app.pdol), ("CDOL1", app.cdol1), ("CDOL2", app.cdol2), ("DDOL", app.ddol)):
        if dol:
            lines.append(f"    {name} {dol.hex().upper()}")
    how = app.authentication
    if how.kind is not Oda.NONE:
        extra = (", a PIN key" if how.pin_key else "") + (f", wrong: {how.fault}" if how.fault else "")
        lines.append(f"    {how.kind.value.upper()} under keys with exponent {how.exponent}{extra}")
    return lines


def _serve(args: argparse.Namespace, profile: CardProfile) -> int:
    host, _, port = args.vpcd.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        print(f"--vpcd wants HOST:PORT, not {args.vpcd!r}", file=sys.stderr)
        return 2
    print(f"{profile.zh} / {profile.en}: → {host}:{port}", flush=True)
    stop = threading.Event()
    card = VirtualCard(profile, wait=lambda ms: _pause(stop, ms))
    try:
        serve(host, int(port), card, stop=stop, on_exchange=None if args.quiet else _show)
    except VpcdError as error:
        print(f"card: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        stop.set()
    return 0


def _show(capdu: bytes, rapdu: bytes) -> None:
    """Header and status word only: the data would show the card number, or a PIN."""
    print(f"→ {capdu[:5].hex(' ')} … ({len(capdu)})   ← {rapdu[-2:].hex()} ({len(rapdu) - 2})", flush=True)


def _pause(stop: threading.Event, ms: int) -> None:
    """A slow card thinks; a stop ends that too."""
    stop.wait(ms / 1000)
