"""`python -m terminal decode [--bare] [--json] HEX`: a frame of the host link, field by field, PAN masked.

Exit status: 0 the frame is fine, 1 it was refused (reason, field and offset are printed), 2 the call was
wrong.
"""

from __future__ import annotations

import argparse
import json
import sys

from keys.tdes import wipe
from terminal.hostlink.codec import BODY_LIMIT_BYTES
from terminal.hostlink.explain import explain
from terminal.hostlink.profile import ProfileError, load_profile

HEX_LIMIT = 4 * BODY_LIMIT_BYTES  # Twice the longest frame, as hex: longer is no frame of this link.
FINE, REFUSED, USAGE = 0, 1, 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("hex", nargs="+", metavar="HEX", help="the frame as hex digits; spaces do not matter")
    parser.add_argument("--bare", action="store_true", help="no length prefix, TPDU or header: starts at the MTI")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--profile", default="unionpay", help="the acquirer's profile: a name or a TOML file")
    parser.add_argument("--test-mak", metavar="HEX", help="check the MAC with a test key (8 or 16 bytes)")


def run(args: argparse.Namespace) -> int:
    """Print the frame; give the exit status."""
    try:
        data = _bytes_of("".join(args.hex))
        mak = _mak_of(args.test_mak)
        profile = load_profile(args.profile)
    except (ValueError, ProfileError) as fault:
        print(f"decode: {fault}", file=sys.stderr)
        return USAGE
    explanation = explain(data, profile, bare=args.bare, mak=mak)
    if mak is not None:
        wipe(mak)
    if args.json:
        print(json.dumps(explanation.to_json(), ensure_ascii=False))
    else:
        print("\n".join(explanation.to_lines()))
    return FINE if explanation.problem is None else REFUSED


def _bytes_of(text: str) -> bytes:
    """Raises ValueError, which quotes nothing of the text: it may hold a PAN."""
    digits = "".join(text.split())
    if not digits or len(digits) > HEX_LIMIT:
        raise ValueError(f"请给出 1 至 {HEX_LIMIT // 2} 字节 give 1 to {HEX_LIMIT // 2} bytes as hex digits")
    try:
        return bytes.fromhex(digits)
    except ValueError:
        raise ValueError("不是十六进制 not hex: an even number of digits 0-9, A-F") from None


def _mak_of(text: str | None) -> bytearray | None:
    if text is None:
        return None
    try:
        key = bytearray.fromhex(text)
    except ValueError:
        key = bytearray()
    if len(key) not in (8, 16):
        raise ValueError("a test MAK is 8 or 16 bytes as hex digits")
    return key
