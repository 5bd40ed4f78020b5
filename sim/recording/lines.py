"""The lines of a full recording: what was done to a world, and everything that came of it.

    {"recording": 1, "full": true, "version": ..., "commit": ..., "terms": {...}}
    {"at": 1200, "do": {"step": {"press": "12850 ENTER"}}}
    {"at": 1200, "is": "key", "key": "1"}
    {"at": 1350, "is": "screen", "name": "type_amount", "text": [...], "pixels": "…"}

`at` is the age of the world in virtual milliseconds; `pixels` a digest of what is on the glass. Keys, codes, a card's
commands and answers, frames either way, random draws, screens, slips, tones, lamps, journal rows: all in the order in
which they happened. It holds PINs, keys and card numbers as they were, so only a simulated world, whose cards and keys
are published, is recorded so; a terminal is recorded by terminal/recording.py, and that holds none.

A host outside is one device more: `"outside": {"first_stan": N}` in the header, and for each request that it was asked

    {"at": 1300, "is": "host", "answers": 1}

says how many of the frames behind it are its answers, those of the sign-in before the first deed included. With these
the world is made again without it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from drivers.ports import Key, Lamp, PaperLine, Picture, Tone
from sim.deeds import Done, Entry, Passed, entry_json, perform
from sim.outside_host import HostSaid
from sim.pace import TimeIsUp
from sim.stage import Stage, Terms
from sim.story import StoryError
from sim.witness import Witness, drawn
from terminal.journal import Event

FORMAT = 1
Line = dict[str, Any]
Numbered = tuple[int, Line]


def header(terms: Terms, version: str, commit: str, host: HostSaid | None = None) -> Line:
    """The first line: what to begin with, and which program it was."""
    outside = {} if host is None else {"outside": {"first_stan": host.first_stan}}
    return {"recording": FORMAT, "full": True, "version": version, "commit": commit, "terms": asdict(terms), **outside}


def _screen(picture: Picture) -> Line:
    return {"name": picture.name, "text": list(picture.text())}


def _slip(lines: tuple[PaperLine, ...]) -> Line:
    return {"lines": [repr(line) for line in lines]}


def _apdu(exchange: tuple[bytes, bytes]) -> Line:
    return {"command": exchange[0].hex(), "answer": exchange[1].hex()}


def _lamp(change: tuple[Lamp, bool]) -> Line:
    return {"lamp": change[0].value, "lit": change[1]}


def _journal(event: Event) -> Line:
    return {"n": event.n, "kind": event.kind, "body": dict(event.body), "digest": event.digest}


_FORMS: Mapping[str, Callable[[Any], Line]] = {
    "screen": _screen,
    "slip": _slip,
    "apdu": _apdu,
    "lamp": _lamp,
    "journal": _journal,
    "frame": lambda frame: {"hex": frame.hex()},
    "draw": lambda drawn: {"hex": drawn.hex()},
    "host": lambda answers: {"answers": len(answers)},
    "code": lambda code: {"code": code},
    "key": lambda key: {"key": Key(key).value},
    "tone": lambda tone: {"tone": Tone(tone).value},
    "power": lambda state: {"power": state},
}


def lines_of(terms: Terms, entries: Sequence[Entry], host: HostSaid | None = None) -> Iterator[Line]:
    """A world of these terms, to which all this is done: each line as it happens, without the header.

    A deed that does not come about is a line "failed", an exception that nobody caught, behind which nothing is done,
    "broken". The last line has the digest of it all. Raises StoryError when there is no such world.
    """
    held: list[Line] = []
    with Stage(terms) if host is None else host.stage(terms) as stage:

        def take(at_ms: int, what: str, value: Any) -> None:
            glass = {"pixels": drawn(value, terms)} if what == "screen" else {}
            held.append({"at": at_ms, "is": what, **_FORMS[what](value), **glass})

        for asked, answers in stage.exchanges:
            for what, value in (("frame", asked), ("host", answers), *(("frame", answer) for answer in answers)):
                take(stage.elapsed_ms(), what, value)
        witness, done = Witness(stage, take), 0
        witness.look()
        for entry in entries:
            done += 1
            held.append({"at": stage.elapsed_ms(), "do": entry_json(entry)})
            ended = do(stage, entry)
            witness.look()
            if ended:
                held.append({"at": stage.elapsed_ms(), **ended})
            yield from held
            held.clear()
            if ended.get("is") == "broken":
                break
        yield from held
        digest = witness.digest
    yield {"end": done, "digest": digest}


def do(stage: Stage, entry: Entry) -> Line:
    """Nothing, or the line that says what came of it instead."""
    try:
        if isinstance(entry, Passed):
            stage.pass_to(entry.to_ms)
        elif isinstance(entry, Done):
            perform(stage, entry.deed, entry.to_ms)
    except (StoryError, TimeIsUp) as why:
        return {"is": "failed", "why": str(why)}
    except Exception as error:
        return {"is": "broken", "why": f"{type(error).__name__}: {error}"}
    return {}
