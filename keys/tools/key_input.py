"""How a key gets into the tool: never as an argument, which every user of the machine can read.

A key is named by where it is: `-` (the next line of standard input, or a prompt without echo), `file:PATH` (a file of
its owner's alone), `fd:NUMBER` (an open descriptor), `test:NAME` (a published key). Wherever it comes from, it is one
line of hex, spaces allowed, read into a bytearray that the caller wipes.
"""

from __future__ import annotations

import argparse
import io
import os
import stat
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from keys import tdes
from keys.errors import KeyRefused
from keys.testkeys import BY_NAME, is_published

INPUT_LIMIT_CHARACTERS = 160  # 32 bytes of hex, grouped as one likes.
ORIGIN_HELP = "密钥来源 / where the key is: -, file:PATH, fd:NUMBER, test:NAME (default: %(default)s)"
_RETURN, _NEW_LINE, _SPACE = 0x0D, 0x0A, 0x20


class Source(Protocol):
    """An unbuffered stream: no copy of what it gives stays in it."""

    def readinto(self, room: bytearray, /) -> int | None: ...


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a key is."""

    kind: str
    value: str = ""


STANDARD_INPUT = Origin("-")


def origin(text: str) -> Origin:
    """For argparse. Raises argparse.ArgumentTypeError, which does not repeat what might be a key.

    >>> origin("test:tmk")
    Origin(kind='test', value='tmk')
    """
    if text == "-":
        return STANDARD_INPUT
    kind, _, value = text.partition(":")
    if kind == "test" and value not in BY_NAME:
        raise argparse.ArgumentTypeError(f"test: {', '.join(BY_NAME)}")
    if kind == "fd" and not (value.isascii() and value.isdecimal() and len(value) <= 4):
        raise argparse.ArgumentTypeError("fd:NUMBER")
    if kind not in ("file", "fd", "test") or not value:
        raise argparse.ArgumentTypeError(
            "命令行人人可见，密钥不写在上面 / the command line is seen by everybody, so it takes no key: "
            "-, file:PATH, fd:NUMBER or test:NAME"
        )
    return Origin(kind, value)


class Keyboard:
    """Where keys come from. `prompt` is told what is asked for before a line of `source` is read."""

    def __init__(self, source: Source, prompt: Callable[[str], None] = lambda words: None) -> None:
        self._source = source
        self._prompt = prompt
        self._after_return = False

    def key(self, where: Origin, asked: str) -> bytearray:
        """The key, which the caller wipes. Raises KeyRefused, which says nothing of the key; OSError."""
        if where.kind == "test":
            return bytearray(BY_NAME[where.value])
        if where.kind == "file":
            with _private_file(where.value) as file:
                return Keyboard(file).line()
        if where.kind == "fd":
            with io.FileIO(int(where.value), closefd=False) as file:
                return Keyboard(file).line()
        self._prompt(asked)
        return self.line()

    def keys(self, places: Iterable[tuple[Origin, str]]) -> tuple[bytearray, ...]:
        """Several, all or none."""
        found: list[bytearray] = []
        try:
            for where, asked in places:
                found.append(self.key(where, asked))
        except (KeyRefused, OSError):
            for key in found:
                tdes.wipe(key)
            raise
        return tuple(found)

    def line(self) -> bytearray:
        """The key on the next line."""
        typed, used = self._typed()
        try:
            return _unhexed(typed, used)
        finally:
            tdes.wipe(typed)

    def characters(self, asked: str) -> bytearray:
        """A secret that is text, on the next line; the caller wipes it. Raises KeyRefused."""
        self._prompt(asked)
        typed, used = self._typed()
        return tdes.trimmed(typed, used)

    @staticmethod
    def characters_of(path: str) -> bytearray:
        """The same, from a file of its owner's alone. Raises KeyRefused, OSError."""
        with _private_file(path) as file:
            return Keyboard(file).characters("")

    def _typed(self) -> tuple[bytearray, int]:
        """The next line, in a room that the caller wipes, and how much of it is used."""
        typed, room = bytearray(INPUT_LIMIT_CHARACTERS), bytearray(1)
        used = 0
        try:
            while self._source.readinto(room):  # Byte by byte: what comes after the line is the next key's.
                after_return, self._after_return = self._after_return, room[0] == _RETURN
                if room[0] == _NEW_LINE and after_return and not used:
                    continue
                if room[0] in (_RETURN, _NEW_LINE):
                    break
                if used == len(typed):
                    tdes.wipe(typed)
                    raise KeyRefused("the key is too long")
                typed[used] = room[0]
                used += 1
            return typed, used
        finally:
            tdes.wipe(room)


def private_bytes(path: str, limit: int) -> bytearray:
    """A file of its owner's alone, one byte more than `limit` at most; the caller wipes it.

    Raises KeyRefused for what others may read; OSError.
    """
    with _private_file(path) as file:
        found = bytearray(limit + 1)
        return tdes.trimmed(found, file.readinto(found) or 0)


def only_published(keys: Iterable[bytearray], *, allow_real: bool) -> bool:
    """Whether all of them are; raises KeyRefused when not, unless allowed by name."""
    published = all(is_published(key) for key in keys)
    if not published and not allow_real:
        raise KeyRefused("这不是公开的测试密钥 / this is not a published test key; --allow-real-keys takes it")
    return published


def _private_file(path: str) -> io.FileIO:
    """Raises KeyRefused for what others may read; OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode) or stat.S_IMODE(found.st_mode) & 0o077 or found.st_uid != os.geteuid():
        os.close(descriptor)
        raise KeyRefused(f"{path} must be a file of this user alone: chmod 600 {path}")
    return io.FileIO(descriptor)


def _unhexed(typed: bytearray, used: int) -> bytearray:
    """Digit by digit: `bytes.fromhex` would leave copies that nobody wipes."""
    digits = bytearray(used)
    count = 0
    try:
        for index in range(used):
            value = b"0123456789ABCDEFabcdef".find(typed[index])
            if value < 0 and typed[index] != _SPACE:
                raise KeyRefused("the key is not hex")
            if value >= 0:
                digits[count] = value if value < 16 else value - 6
                count += 1
        if count % 2 or not count:
            raise KeyRefused("the key has an odd number of hex digits, or none")
        key = bytearray(count // 2)
        for index in range(len(key)):
            key[index] = digits[2 * index] << 4 | digits[2 * index + 1]
        return key
    finally:
        tdes.wipe(digits)
