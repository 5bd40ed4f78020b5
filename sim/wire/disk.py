"""A disk that can fail and lose power: an apsw VFS in memory under the very engine that runs on the terminal.

What was written but not synced may be lost, kept or torn, sector by sector and in any order, as the seed decides.
A new file's name, and a deletion, are durable when their folder has been synced, which is a moment of its own.
After the cut nothing works until `mend`, which is the next power-on. A disk may also be full, or fail at a write, a
sync, a deletion, a folder's sync or a close; it is well again at once, which a journal must not believe, or when
somebody makes it so (`befall("well")`).

Its limit is a disk that lies about its syncs (`lying`): what it loses nobody can keep; a test shows that it is seen.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import apsw

SECTOR = 512
_NUMBERS = itertools.count()


class PowerCut(apsw.IOError):
    """The disk is gone; SQLite sees an I/O error."""


@dataclass(frozen=True, slots=True)
class Failure:
    """An error to come: at the next call `at` ("write", "sync", "delete", "folder", "close") after `after` effects.

    `lasting`: at each such call, until the disk is made well.
    """

    at: str
    error: type[apsw.Error]
    after: int = 0
    lasting: bool = False


LIES, WELL = "lies", "well"
# What a disk does wrong, by the name that scenarios, the panel and the swarm have for it.
FAILURES: Mapping[str, Failure] = MappingProxyType(
    {
        "full": Failure("write", apsw.FullError, lasting=True),
        "write-fails": Failure("write", apsw.IOError),
        "sync-fails": Failure("sync", apsw.IOError),
        "delete-fails": Failure("delete", apsw.IOError),
        "folder-fails": Failure("folder", apsw.IOError),
        "close-fails": Failure("close", apsw.IOError),
    }
)


@dataclass(slots=True)
class Content:
    """One file: what is safe, what a reader sees, and the sectors written since the last sync."""

    safe: bytearray = field(default_factory=bytearray)
    seen: bytearray = field(default_factory=bytearray)
    dirty: set[int] = field(default_factory=set)
    safe_name: bool = False  # The folder's entry is durable: SQLite syncs the folder at a new file's first sync.


class Disk(apsw.VFS):
    """Use `disk.name` as `vfs`. `cut_after` counts writes, syncs, truncations and deletions; None: never."""

    def __init__(self, seed: int, *, lying: bool = False) -> None:
        self.name = f"power-cut-{next(_NUMBERS)}"
        super().__init__(self.name, "")
        self.random = random.Random(seed)
        self.files: dict[str, Content] = {}
        self.unlinked: dict[str, Content] = {}  # Deleted, and their folder is not synced since.
        self.cut_after: int | None = None
        self.dead = False
        self.lying = lying
        self.forgets = False  # What it has not kept is lost at the cut, all of it: no sector is left to chance.
        self.lied = False  # It has done so once: whatever is found later may come of it.
        self.fail_sync: type[apsw.Error] | None = None
        self.failure: Failure | None = None
        self.failed = 0  # How often it has.
        self.effects = 0
        self.on_cut: Callable[[], None] = lambda: None

    def befall(self, how: str) -> None:
        """One of FAILURES in place of the one before; LIES: from now on, forgetting all at the cut; WELL: no more."""
        if how == LIES:
            self.lying = self.forgets = self.lied = True
            return
        if how == WELL:
            self.lying = self.forgets = False
        self.failure = FAILURES.get(how)

    def in_force(self) -> dict[str, bool]:
        """What is wrong with it, or about to be, and whether that lasts."""
        found = {name: failure.lasting for name, failure in FAILURES.items() if failure is self.failure}
        return {**found, **({LIES: True} if self.forgets else {})}

    def unplan(self) -> None:
        """What was to fail once does not."""
        if self.failure is not None and not self.failure.lasting:
            self.failure = None

    def effect(self, what: str) -> None:
        """Something is about to reach the disk; the power may end here, or the disk may fail."""
        self.alive()
        self.effects += 1
        self.fail(what)
        if self.cut_after is not None:
            if self.cut_after == 0:
                self.dead = True
                self.on_cut()
                raise PowerCut
            self.cut_after -= 1

    def fail(self, what: str) -> None:
        """Fail here, if that was planned for this kind of call."""
        planned = self.failure
        if planned is None or self.effects < planned.after or planned.at != what:
            return
        if not planned.lasting:
            self.failure = None
        self.failed += 1
        raise planned.error

    def alive(self) -> None:
        if self.dead:
            raise PowerCut

    def mend(self) -> None:
        """Power is back: decide what became of each deletion and each sector that was not synced."""
        for name, content in self.unlinked.items():
            if name not in self.files and (self.forgets or self.random.random() < 0.5):
                self.files[name] = content
        self.unlinked.clear()
        for name, content in list(self.files.items()):
            if not content.safe_name and self.random.random() < 0.5:
                del self.files[name]
                continue
            result = bytearray(content.safe)
            if len(content.seen) < len(result) and not self.forgets and self.random.random() < 0.5:
                del result[len(content.seen) :]
            for sector in sorted(content.dirty):
                fate = "lost" if self.forgets else self.random.choice(("lost", "kept", "torn"))
                new = content.seen[sector * SECTOR : (sector + 1) * SECTOR]
                if fate == "torn":
                    new = new[: self.random.randrange(len(new) + 1)]
                if fate != "lost" and new:
                    end = sector * SECTOR + len(new)
                    result.extend(bytes(max(0, end - len(result))))
                    result[sector * SECTOR : end] = new
            self.files[name] = Content(result, bytearray(result), set(), True)
        self.dead = False
        self.cut_after = None
        self.unplan()

    # What SQLite calls.

    def xFullPathname(self, name: str) -> str:
        return name

    def xOpen(self, name: Any, flags: list[int]) -> Any:  # An object with the methods will do; VFSFile has a base.
        self.alive()
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        flags[1] = flags[0]
        if path is None:
            return OpenFile(self, Content())
        if path not in self.files and not flags[0] & apsw.SQLITE_OPEN_CREATE:
            raise apsw.CantOpenError
        return OpenFile(self, self.files.setdefault(path, Content()))

    def xDelete(self, name: str, sync_folder: bool) -> None:
        self.effect("delete")
        if name in self.files:
            self.unlinked[name] = self.files.pop(name)
        if sync_folder:
            self.sync_folder()

    def sync_folder(self) -> None:
        """The names that were made and those that are gone are durable from here on, unless the disk lies."""
        self.effect("folder")
        if not self.lying:
            self.unlinked.clear()

    def xAccess(self, name: str, flags: int) -> bool:
        self.alive()
        return name in self.files


class OpenFile:
    """One descriptor. Locks are granted: a second process is the business of journal.lock."""

    def __init__(self, disk: Disk, content: Content) -> None:
        self.disk = disk
        self.content = content

    def xRead(self, amount: int, offset: int) -> bytes:
        self.disk.alive()
        return bytes(self.content.seen[offset : offset + amount])

    def xWrite(self, data: bytes, offset: int) -> None:
        self.disk.effect("write")
        seen, end = self.content.seen, offset + len(data)
        seen.extend(bytes(max(0, end - len(seen))))
        seen[offset:end] = data
        self.content.dirty.update(range(offset // SECTOR, (end - 1) // SECTOR + 1))

    def xTruncate(self, size: int) -> None:
        self.disk.effect("truncate")
        del self.content.seen[size:]

    def xSync(self, flags: int) -> None:
        self.disk.effect("sync")
        if self.disk.fail_sync:
            raise self.disk.fail_sync
        if not self.disk.lying:
            self.content.safe = bytearray(self.content.seen)
            self.content.dirty.clear()
        if not self.content.safe_name:
            self.disk.sync_folder()
            self.content.safe_name = True

    def xFileSize(self) -> int:
        self.disk.alive()
        return len(self.content.seen)

    def xLock(self, level: int) -> None: ...

    def xUnlock(self, level: int) -> None: ...

    def xCheckReservedLock(self) -> bool:
        return False

    def xFileControl(self, op: int, pointer: int) -> bool:
        return False

    def xSectorSize(self) -> int:
        return SECTOR

    def xDeviceCharacteristics(self) -> int:
        return 0

    def xClose(self) -> None:
        self.disk.fail("close")
