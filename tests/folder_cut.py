"""A folder whose power can go: the interpreter's audit events tell of each effect on it before it happens.

What was written and not synced may be torn; a rename whose folder was not synced may be lost.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from enum import Enum
from pathlib import Path


class PowerOff(BaseException):
    """The process is gone; no handler of the product's may see it as an error of a file."""


class Fate(Enum):
    """What became of the effects that no sync had reached."""

    KEPT = "kept"
    LOST = "lost"
    TORN = "torn"


class FolderCut:
    """Counts the effects on `folder`: files opened to be written, renames, deletions, and syncs of the folder."""

    _watching: FolderCut | None = None
    _hooked = False

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cut_in: int | None = None
        self.dead = False
        self._before_rename: dict[str, bytes] = {}
        self._written: Path | None = None  # Since the last effect; whether it was synced cannot be seen.

    def __enter__(self) -> FolderCut:
        if not FolderCut._hooked:
            sys.addaudithook(_hook)  # It stays for the process's life, and then does nothing.
            FolderCut._hooked = True
        FolderCut._watching = self
        return self

    def __exit__(self, *_: object) -> None:
        FolderCut._watching = None

    def event(self, name: str, args: tuple[object, ...]) -> None:
        if name not in ("open", "os.rename", "os.remove") or not isinstance(args[0], str | os.PathLike):
            return
        path = Path(os.fspath(args[0]))
        if self.folder != path and self.folder not in path.parents:
            return
        if self.dead:
            raise PowerOff
        flags = args[2] if name == "open" and isinstance(args[2], int) else 0
        if name == "open" and path != self.folder and not flags & (os.O_WRONLY | os.O_RDWR):
            return
        if self.cut_in == 0:
            self.dead = True
            raise PowerOff
        if self.cut_in is not None:
            self.cut_in -= 1
        # The folder's sync comes right after it was opened, so the next effect is behind it.
        self._before_rename = _contents(self.folder) if name != "open" else {}
        self._written = path if name == "open" and path != self.folder else None

    def mend(self, fate: Fate) -> None:
        """Power is back. Not while the folder is watched."""
        self.dead, self.cut_in = False, None
        before, self._before_rename = self._before_rename, {}
        if fate is Fate.LOST and before:
            for path in self.folder.iterdir():
                path.unlink()
            for name, data in before.items():
                (self.folder / name).write_bytes(data)
                (self.folder / name).chmod(0o600)
        if fate is Fate.TORN:
            for path in {*self.folder.glob("*.new"), *((self._written,) if self._written else ())}:
                if path.exists():
                    path.write_bytes(path.read_bytes()[:-5])


def _hook(name: str, args: tuple[object, ...]) -> None:
    if FolderCut._watching is not None:
        FolderCut._watching.event(name, args)


def _contents(folder: Path) -> dict[str, bytes]:
    watching, FolderCut._watching = FolderCut._watching, None
    try:
        return {path.name: path.read_bytes() for path in folder.iterdir()}
    finally:
        FolderCut._watching = watching


def every_cut(prepared: Path, deed: Callable[[Path], object], limit: int = 40) -> Iterator[tuple[Path, str]]:
    """For each effect of `deed` and each fate: a copy of `prepared` after a cut there, and which one it is.

    Ends when the deed came through.
    """
    for cut_in in range(limit):
        for fate in Fate:
            folder = prepared.parent / f"cut-{cut_in}-{fate.value}"
            shutil.copytree(prepared, folder)
            with FolderCut(folder) as cut:
                cut.cut_in = cut_in
                try:
                    deed(folder)
                    return
                except PowerOff:
                    pass  # As it was meant to.
            cut.mend(fate)
            yield folder, f"cut before effect {cut_in}, unsynced {fate.value}"
    raise ValueError(f"a deed of more than {limit} effects")
