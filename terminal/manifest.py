"""The signed list of installed files: what stands on the disk is what was installed, or somebody has been at it.

One line a file (SHA-256 and path), sorted, and a signature under all of them. The public key that it must be signed by
stands in the configuration, out of reach of whoever can only change the program. Every file below the four packages
counts, compiled ones too: Python runs those instead of their sources. So one file more is as wrong as one file less,
and a symbolic link is wrong wherever it points.

What this shows: a program changed on the disk, by accident or by hand, before the next start or the next day's check.
What it cannot show: a change by root, who can change this check as well, or one made in memory. Python and the
libraries are the system's packages and not on the list.

    zhanggui files 1
    9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08  terminal/rail.py
    ...
    signature 5f2a...

Spec: PCI PTS POI v7 requirement B2, from memory (firmware integrity); RFC 8032.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from keys import signatures

PACKAGES = ("drivers", "emv", "keys", "terminal")
HEADER = b"zhanggui files 1\n"
SIGNED_BY = b"signature "
FILES_LIMIT = 4_000  # The four packages have some 150 files, and as many compiled ones.
BYTES_LIMIT = 64 * 1024 * 1024  # They have 5 MB.
MANIFEST_LIMIT = 1024 * 1024
SLICE_BYTES = 256 * 1024  # A few milliseconds on a PC, some 20 on a Zero 2 W.
SLICE_FILES = 32


class FilesChanged(Exception):
    """What is wrong: a word ("changed", "missing", "extra", "link", ...) and where."""


def product_root() -> Path:
    """The folder that the running program's packages lie in."""
    return Path(__file__).resolve().parents[1]


def make_manifest(root: Path, sign: Callable[[bytes], bytes]) -> bytes:
    """The list of what lies below `root` now, signed. Raises FilesChanged for what no list can hold."""
    lines = [HEADER]
    for name in sorted(_files(root)):
        digest = hashlib.sha256(_read(root, name)).hexdigest()
        lines.append(f"{digest}  {name}\n".encode())
    body = b"".join(lines)
    return body + SIGNED_BY + sign(body).hex().encode() + b"\n"


class FileCheck:
    """One comparison of disk and list, a slice at a time."""

    def __init__(self, root: Path, manifest: Path, signer: bytes) -> None:
        self._root = root
        self._manifest = manifest
        self._signer = signer
        self._slices = self._compare()
        self.problem = ""  # What was found first; "" while all is well.

    def step(self) -> bool:
        """Do one slice, bounded in bytes and files; True when nothing is left to do."""
        try:
            next(self._slices)
        except StopIteration:
            return True
        except FilesChanged as changed:
            self.problem = str(changed)
            return True
        return False

    def _compare(self) -> Iterator[None]:
        wanted = self._wanted()
        yield
        found = set(_files(self._root))
        for word, names in (("missing", wanted.keys() - found), ("extra", found - wanted.keys())):
            if names:
                raise FilesChanged(f"{word}: {min(names)}")
        yield
        size = count = total = 0
        for name, digest in wanted.items():
            data = _read(self._root, name)
            if hashlib.sha256(data).hexdigest() != digest:
                raise FilesChanged(f"changed: {name}")
            size, count, total = size + len(data), count + 1, total + len(data)
            if total > BYTES_LIMIT:
                raise FilesChanged("too much: the files are larger than any installation")
            if size >= SLICE_BYTES or count >= SLICE_FILES:
                size = count = 0
                yield

    def _wanted(self) -> dict[str, str]:
        """Path → digest, as signed. Raises FilesChanged."""
        try:
            with self._manifest.open("rb") as file:
                text = file.read(MANIFEST_LIMIT + 1)
        except OSError as error:
            raise FilesChanged(f"unreadable: the list itself ({error.strerror})") from error
        body, mark, signature = text.rpartition(SIGNED_BY)
        try:
            claimed = bytes.fromhex(signature.decode("ascii").removesuffix("\n"))
        except ValueError:
            claimed = b""
        if not mark or len(text) > MANIFEST_LIMIT or not body.startswith(HEADER):
            raise FilesChanged("no list: it does not look like one")
        if not signatures.is_signed(self._signer, body, claimed):
            raise FilesChanged("signature: the list is not signed by the configured key")
        lines = body[len(HEADER) :].decode("utf-8").splitlines()
        return {name: digest for digest, _, name in (line.partition("  ") for line in lines)}


def _files(root: Path) -> Iterator[str]:
    """Every regular file of the packages, by its path from `root`. Raises FilesChanged for anything else."""
    pending, count = list(PACKAGES), 0
    while pending:
        folder = pending.pop()
        try:
            entries = list(os.scandir(root / folder))
            kinds = [entry.stat(follow_symlinks=False).st_mode for entry in entries]
            if stat.S_ISLNK(os.lstat(root / folder).st_mode):
                raise FilesChanged(f"link: {folder}")
        except OSError as error:
            raise FilesChanged(f"unreadable: {folder} ({error.strerror})") from error
        for entry, kind in zip(entries, kinds, strict=True):
            name = f"{folder}/{entry.name}"
            count += 1
            if count > FILES_LIMIT:
                raise FilesChanged("too many: more files than any installation has")
            if stat.S_ISDIR(kind):
                pending.append(name)
            elif stat.S_ISREG(kind) and name.isprintable():
                yield name
            else:
                raise FilesChanged(f"{'link' if stat.S_ISLNK(kind) else 'no file'}: {name!a}")


def _read(root: Path, name: str) -> bytes:
    try:
        descriptor = os.open(root / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            if os.fstat(descriptor).st_size > BYTES_LIMIT:
                raise FilesChanged(f"too much: {name}")
            return file.read()
    except OSError as error:
        raise FilesChanged(f"unreadable: {name} ({error.strerror})") from error
