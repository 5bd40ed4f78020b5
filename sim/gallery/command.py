"""`make gallery`: a page of every screen and slip; with --since, what a change has made of them, before and after."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from sim.arguments import why
from sim.gallery.book import BookError, Change, compare, read_book, write_book
from sim.gallery.page import page_of
from sim.gallery.pieces import Piece, every_piece, how_many
from terminal.screens.font import load_font

OUT = Path("build/gallery")
BOOK, PAGE = "gallery.json", "index.html"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, default=OUT, metavar="DIR", help="where the page goes (%(default)s)")
    compared = parser.add_mutually_exclusive_group()
    compared.add_argument("--since", metavar="REVISION", help="compare with a revision, such as HEAD~3")
    compared.add_argument("--before", type=Path, metavar="DIR", help="compare with a gallery that was kept")
    parser.add_argument("--json", action="store_true", help="one JSON object: where the page is, and what has changed")


def run(args: argparse.Namespace) -> int:
    """0: written (whatever has changed); 2: there is nothing to compare with, or nowhere to write, and why."""
    try:
        before = _before(args)
    except (BookError, OSError) as error:
        print(f"nothing to compare with: {why(error)}", file=sys.stderr)
        return 2
    try:
        return _write(args, before)
    except OSError as error:
        print(f"--out {why(error)}", file=sys.stderr)
        return 2


def _write(args: argparse.Namespace, before: tuple[Piece, ...] | None) -> int:
    """Raises OSError."""
    args.out.mkdir(parents=True, exist_ok=True)  # Before all is drawn: that takes a while.
    pieces = _drawn(quiet=args.json or not sys.stderr.isatty())
    changes = compare(before, pieces) if before is not None else ()
    since = args.since or (str(args.before) if args.before else "")
    write_book(args.out / BOOK, pieces)
    page = args.out / PAGE
    page.write_text(page_of(pieces, changes, since, load_font()), encoding="utf-8")
    _report(page, pieces, changes, since, as_json=args.json)
    return 0


def _report(
    page: Path, pieces: tuple[Piece, ...], changes: tuple[Change, ...], since: str, *, as_json: bool
) -> None:
    if as_json:
        told = {change.piece.key: change.word for change in changes}
        print(json.dumps({"page": str(page), "pieces": len(pieces), "since": since, "changes": told}))
        return
    print(f"{len(pieces)} pictures in {page}")
    if since:
        print(f"{len(changes)} are not as they were in {since}")


def _drawn(*, quiet: bool) -> tuple[Piece, ...]:
    pieces, whole = [], how_many()
    for piece in every_piece(load_font()):
        pieces.append(piece)
        if not quiet and (len(pieces) % 20 == 0 or len(pieces) == whole):
            end = "\n" if len(pieces) == whole else ""
            print(f"\r{len(pieces)} of {whole} pictures", end=end, file=sys.stderr, flush=True)
    return tuple(pieces)


def _before(args: argparse.Namespace) -> tuple[Piece, ...] | None:
    if args.before:
        return read_book(args.before / BOOK if args.before.is_dir() else args.before)
    return _of_revision(args.since) if args.since else None


def _of_revision(revision: str) -> tuple[Piece, ...]:
    """The gallery as that revision draws it, by its own code in a checkout of its own. Raises BookError."""
    with tempfile.TemporaryDirectory(prefix="zhanggui-gallery-") as folder:
        there = Path(folder, "checkout")
        _git("worktree", "add", "--quiet", "--detach", str(there), f"{revision}^{{commit}}")
        try:
            if not (there / "sim" / "gallery").is_dir():
                raise BookError(f"{revision} is from before there was a gallery")
            drawn = subprocess.run(
                [sys.executable, "-m", "sim", "gallery", "--out", str(Path(folder, "gallery")), "--json"],
                cwd=there,
                capture_output=True,
                text=True,
                check=False,
            )
            if drawn.returncode:
                raise BookError(f"{revision} could not draw its gallery: {drawn.stderr.strip()[-300:]}")
            return read_book(Path(folder, "gallery", BOOK))
        finally:
            _git("worktree", "remove", "--force", str(there))


def _git(*words: str) -> None:
    done = subprocess.run(["git", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise BookError(f"git {words[0]} {words[1]}: {done.stderr.strip()[-300:]}")
