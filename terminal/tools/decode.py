"""`python -m terminal decode [--json] [--language zh-CN|en] HEX|FILE`: frames of the host link by field, PAN masked.

A FILE holds frames as hex, one a line (what follows # is a remark), or as bytes one after the other with their lengths,
as a line carries them. A key is never an argument, where other users of the machine can read it: it is a published
test key by its name, or in a file.

Exit status: 0 all frames are fine, 1 one was refused (reason, field and offset are printed), 2 the call was wrong.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from drivers.link import FrameReader
from emv.typed import language_of
from keys import KeyRefused
from keys.dukpt_tdes import TdesUse, host_keys
from keys.ksn import TDES_KSN, Ksn
from keys.tdes import wipe
from keys.testkeys import BY_NAME
from terminal.hostlink.codec import BODY_LIMIT_BYTES, FrameError, decode
from terminal.hostlink.explain import explain
from terminal.hostlink.frame import unwrap
from terminal.hostlink.profile import Profile, ProfileError, load_profile

FILE_LIMIT_BYTES = 64 * 1024 * 1024  # A day's frames of a busy host.
HEX_LIMIT = 4 * BODY_LIMIT_BYTES  # Twice the longest frame, as hex: longer is no frame of this link.
KEY_BYTES = (8, 16)
FINE, REFUSED, USAGE = 0, 1, 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("frame", nargs="+", metavar="HEX|FILE", help="hex digits (spaces do not matter), or a file")
    parser.add_argument("--bare", action="store_true", help="no length prefix, TPDU or header: starts at the MTI")
    parser.add_argument("--json", action="store_true", help="print one JSON object a frame")
    parser.add_argument("--language", type=language_of, metavar="zh-CN|en", help="in one language only")
    parser.add_argument("--profile", default="unionpay", help="the acquirer's profile: a name or a TOML file")
    checked = parser.add_mutually_exclusive_group()
    names = ", ".join(BY_NAME)
    checked.add_argument("--test-key", choices=BY_NAME, metavar="NAME", help=f"check the MAC with this key: {names}")
    checked.add_argument("--mak-file", type=Path, metavar="FILE", help="check it with the key in FILE, as hex digits")


def run(args: argparse.Namespace) -> int:
    """Print the frames; give the exit status."""
    key: bytearray | None = None
    status = FINE
    try:
        profile = load_profile(args.profile)
        key = _key_of(args.test_key, args.mak_file)
        for data in _frames(args.frame, profile, bare=args.bare):
            status = max(status, _show(data, profile, key, args))
    except BrokenPipeError:  # It is nothing that was read; __main__ knows what to do.
        raise
    except (ValueError, OSError, ProfileError) as fault:
        said = fault.strerror if isinstance(fault, OSError) else fault
        print(f"decode: {said}", file=sys.stderr)
        return USAGE
    finally:
        if key is not None:
            wipe(key)
    return status


def _show(data: bytes, profile: Profile, key: bytearray | None, args: argparse.Namespace) -> int:
    mak = _message_key(data, profile, key) if key is not None and profile.dukpt else key
    told = explain(data, profile, bare=args.bare, mak=mak)
    if mak is not None and mak is not key:
        wipe(mak)
    if args.json:
        print(json.dumps(told.to_json(args.language or ""), ensure_ascii=False))
    else:
        between = ("",) if _is_file(args.frame) else ()
        print("\n".join((*told.to_lines(args.language or ""), *between)))
    return FINE if told.problem is None else REFUSED


def _message_key(data: bytes, profile: Profile, base: bytearray) -> bytearray | None:
    """With DUKPT: the MAC key of a request that says its KSN. None for an answer, which does not say it."""
    size = profile.length_digits
    try:
        body = data[size:] if size and data[:size].isdigit() and int(data[:size]) == len(data) - size else data
        message = decode(unwrap(body, profile).body, profile)
        ksn = Ksn.parse(TDES_KSN, bytes.fromhex(message.text(profile.ksn_field)))
        with host_keys(base, ksn, TdesUse.MAC_REQUEST) as made:
            return bytearray(made.key(TdesUse.MAC_REQUEST))
    except (FrameError, KeyRefused, ValueError):
        return None


def _is_file(words: list[str]) -> bool:
    """Hex digits alone are hex, whatever lies in the folder."""
    return len(words) == 1 and not set(words[0]) <= set("0123456789abcdefABCDEF") and Path(words[0]).is_file()


def _frames(words: list[str], profile: Profile, *, bare: bool) -> Iterator[bytes]:
    """Raises ValueError, which quotes nothing of the text: it may hold a PAN; OSError."""
    if not _is_file(words):
        yield _bytes_of("".join(words))
        return
    path = Path(words[0])
    if path.stat().st_size > FILE_LIMIT_BYTES:
        raise ValueError(f"文件过大 the file is too large: {FILE_LIMIT_BYTES} bytes at most")
    data = path.read_bytes()
    lines = [line.partition(b"#")[0].strip() for line in data.splitlines()]
    if all(not line.translate(None, b"0123456789abcdefABCDEF \t") for line in lines):
        for line in filter(None, lines):
            yield _bytes_of(line.decode("ascii"))
        return
    if bare:
        raise ValueError("不是十六进制 not hex: frames as bytes need their lengths")
    reader = FrameReader(digits=profile.length_digits)
    yield from reader.take(data)
    if reader.inside:
        raise ValueError("文件在报文中间结束 the file ends inside a frame")


def _bytes_of(text: str) -> bytes:
    digits = "".join(text.split())
    if not digits or len(digits) > HEX_LIMIT:
        raise ValueError(f"请给出 1 至 {HEX_LIMIT // 2} 字节 give 1 to {HEX_LIMIT // 2} bytes as hex digits, or a file")
    try:
        return bytes.fromhex(digits)
    except ValueError:
        raise ValueError("不是十六进制, 也没有此文件 no such file, and not hex: an even number of 0-9, A-F") from None


def _key_of(name: str | None, path: Path | None) -> bytearray | None:
    """The key to check with. Raises ValueError, OSError."""
    if name is not None:
        return bytearray(BY_NAME[name])
    if path is None:
        return None
    try:
        key = bytearray.fromhex(path.read_text(encoding="ascii").strip())
    except ValueError:
        key = bytearray()
    if len(key) not in KEY_BYTES:
        raise ValueError(f"{path}: a key is 8 or 16 bytes as hex digits")
    return key
