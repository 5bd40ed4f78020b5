"""What `python -m sim replay FILE` says of a recording."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

from sim.arguments import why
from sim.recording.following import follow
from sim.recording.playing import is_full, replay
from sim.recording.reading import RecordingError
from sim.recording.verdict import Verdict
from sim.story import StoryError
from terminal.hostlink.profile import ProfileError

TOLD = 300  # Characters of a line that differs.


def run(path: Path, *, as_json: bool) -> int:
    """Exit status 0: the same again; 1: not; 2: no recording."""
    try:
        found = replay(path) if is_full(path) else follow(path)
    except OSError as missing:
        print(why(missing), file=sys.stderr)
        return 2
    except (RecordingError, UnicodeDecodeError, StoryError, ProfileError) as refused:
        print(f"{path}: {refused}", file=sys.stderr)
        return 2
    if as_json:
        print(json.dumps({**asdict(found), "same": found.same}, ensure_ascii=False))
    elif found.same:
        print(f"{path}: {_same(found)}")
    else:
        made = f"; it was made at commit {found.commit}" if found.commit else ""
        print(f"{path}:{found.line}: not what comes about here{made}")
        print(f"  recorded  {found.recorded[:TOLD] or '(nothing more)'}")
        print(f"  here      {found.seen[:TOLD] or '(nothing more)'}")
    return 0 if found.same else 1


def _same(found: Verdict) -> str:
    if found.lines:
        return f"{found.deeds} deeds, {found.lines} lines, the same to the byte"
    redacted = f"; redacted: {found.redacted[:TOLD]!r}" if found.redacted else ""
    told = f"{found.deeds} deeds in {found.lives} lives, {found.decisions} decisions taken again{redacted}"
    if not found.until:
        return told
    return f"followed to line {found.until}: {told}\n  and from there on it cannot be: {found.why_until}"
