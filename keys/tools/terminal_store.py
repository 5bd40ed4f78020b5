"""A terminal's own store, for the commands that load a key into it while the terminal is off.

The terminal's data folder has `device-id` (its number, made at the first start), `journal.lock` (held while it runs)
and `keys` (the store).
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from keys.device_key import OTP_FILE, PiOtp
from keys.errors import KeyRefused
from keys.refs import SLOT_LIMIT
from keys.store import KeyStore
from keys.vault import Vault

DEVICE_ID, LOCK, FOLDER = "device-id", "journal.lock", "keys"
DEVICE_LIMIT_BYTES = 64


@dataclass(frozen=True, slots=True)
class TerminalStore:
    """The terminal's number, and both of what owns a part of its store."""

    device: str
    vault: Vault
    keys: KeyStore


def add_data(parser: argparse.ArgumentParser, *, required: bool = False) -> None:
    words = "终端的数据目录（终端须已停止）/ the terminal's data folder, while the terminal is off"
    parser.add_argument("--data", type=Path, metavar="DIR", required=required, help=words)
    words = "若配置 [keys] device_key 为 pi-otp / if that is the configuration's device key (default: %(const)s)"
    parser.add_argument("--otp", type=Path, metavar="FILE", nargs="?", const=OTP_FILE, help=words)


def add_slot(parser: argparse.ArgumentParser) -> None:
    words = "密钥位置 / which key of its usage (default: %(default)s)"
    parser.add_argument("--slot", type=int, choices=range(SLOT_LIMIT + 1), metavar="N", default=0, help=words)


@contextlib.contextmanager
def opened(args: argparse.Namespace, *, test_only: bool) -> Iterator[TerminalStore]:
    """The store in `args.data`. Raises KeyRefused when the terminal runs, or never did; OSError."""
    data: Path = args.data
    try:
        with (data / DEVICE_ID).open("rb") as file:
            device = file.read(DEVICE_LIMIT_BYTES).decode("ascii").strip()
        lock = os.open(data / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except FileNotFoundError:
        raise KeyRefused(f"{data}: 终端从未启动 / no terminal was ever started with this folder") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise KeyRefused(f"{data}: 终端正在运行 / the terminal is running; stop it first") from None
    else:
        vault = Vault(
            data / FOLDER,
            terminal_id=device,
            random=os.urandom,
            device=PiOtp(args.otp) if args.otp else None,
        )
        yield TerminalStore(device, vault, KeyStore(
            vault, terminal_id=device, random=os.urandom, test_only=test_only
        ))
    finally:
        os.close(lock)
