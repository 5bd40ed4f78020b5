"""Every route of the API, one row each: the server dispatches by this table and openapi.json is written from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sim.api import views
from sim.api.desk import Desk, Values
from sim.api.params import TERMS, Param, anything, number, text, whole, word, yes
from sim.card import PROFILES
from sim.deeds import DEEDS_LIMIT, step_from
from sim.pace import SPEED_LIMIT
from sim.scenario.reading import SIZE_LIMIT
from sim.scenario.steps import KEYS, SCREENS, TEXT_LIMIT
from sim.story import ACTIONS, SWIPE, WALLET
from sim.takes import Takes, one_of

WEEK_MS = 7 * 24 * 3600 * 1000
PNG, PLAIN, JSONL = "image/png", "text/plain", "application/x-ndjson"
UNTIL_MS = 3_600_000  # Nothing of the terminal's takes an hour; a world that is looked at for so long takes a second.
READ_LIMIT = 1_000  # Rows in one answer.


@dataclass(frozen=True, slots=True)
class Route:
    """`path` may hold one {number}. `takes`: of a GET what may stand behind the ?, else the body.

    `gives`: a component of sim.api.schemas, or a media type.
    """

    method: str
    path: str
    words: str
    does: Callable[[Desk, Values], Any]
    gives: str
    takes: Mapping[str, Param] = field(default_factory=dict)


def _of_action(name: str) -> Takes:
    takes = ACTIONS[name].takes
    if takes is None:
        raise LookupError(f"{name} stands alone")
    return takes


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError("a list")
    return value


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("an object")
    return value


LIMIT_MS = whole(0, UNTIL_MS, "virtual milliseconds after which it ends, done or not")
SLIP_NUMBER = {"number": whole(1, 1_000_000, "of the slip, from 1")}
PAGE = {
    "after": whole(0, 10**9, "only those behind this number").or_not(),
    "limit": whole(1, READ_LIMIT, "at most so many").or_not(),
}
STEP_SCHEMA = {"type": ["string", "object"], "description": "as in a scenario's file: remove, or an object of one verb"}
UNTIL = {
    "screen": word(one_of(*SCREENS), "this screen is on the glass").or_not(),
    "text": text(TEXT_LIMIT, "the glass says so").or_not(),
    "slip": text(TEXT_LIMIT, "a slip with this text, after the last one that was waited for; empty: any").or_not(),
    "idle": yes("the terminal waits for the next sale").or_not(),
    "limit_ms": LIMIT_MS,
}
ROUTES: tuple[Route, ...] = (
    Route("GET", "/v1/state", "Seed, virtual time, power, mode.", Desk.state, "State"),
    Route("GET", "/v1/screen", "The glass as text.", Desk.screen, "Screen"),
    Route(
        "GET", "/v1/screen.png", "The glass as a picture.", Desk.screen_png, PNG,
        {"scale": whole(1, 16, "dots of the picture for one of the glass (4)").or_not()},
    ),
    Route("POST", "/v1/press", "Press keys, 150 virtual ms apart.", Desk.press, "Outcome",
          {"keys": word(KEYS, "digits and key names: 12850 ENTER")}),
    Route("POST", "/v1/insert", "Put a card in.", Desk.insert, "Outcome",
          {"card": word(one_of(*PROFILES), "a name from /v1/cards")}),
    Route("POST", "/v1/remove", "Take the card out.", Desk.remove, "Outcome"),
    Route("POST", "/v1/swipe", "Swipe a card's stripe.", Desk.swipe, "Outcome",
          {"card": word(SWIPE, "CARD or FAULT:CARD")}),
    Route("POST", "/v1/scan", "Hold a code to the scanner.", Desk.scan, "Outcome",
          {"code": word(_of_action("scan"), "its characters")}),
    Route("POST", "/v1/phone", "What the customer's phone does.", Desk.phone, "Outcome",
          {"wallet": word(WALLET, "which wallet is open"),
           "does": word(one_of("scan", "show", "confirm", "refuse"),
                        "scan the display, show a code to the scanner, or answer the wallet's question")}),
    Route("POST", "/v1/step", "Any step of a scenario, also expect.", Desk.step, "Outcome",
          {"step": anything(step_from, STEP_SCHEMA, "for example {\"insert\": \"signature\"}"),
           "limit_ms": LIMIT_MS.or_not()}),
    Route("POST", "/v1/scenario", "Play a scenario in a world of its own, which stays.", Desk.scenario, "Played",
          {"yaml": text(SIZE_LIMIT, "the file's text"), "seed": TERMS["seed"],
           "here": yes("in the world that is there").or_not()}),
    Route("POST", "/v1/run-until", "Go on until one thing is so.", Desk.run_until, "Outcome", UNTIL),
    Route("POST", "/v1/time", "Set the speed (0: stopped), or let time pass at once.", Desk.time, "Time",
          {"speed": number(0, SPEED_LIMIT, "virtual milliseconds in a real one").or_not(),
           "advance_ms": whole(0, WEEK_MS, "virtual milliseconds").or_not()}),
    Route("POST", "/v1/interrupt", "End the deed that is under way.", Desk.interrupt, "Time"),
    Route("GET", "/v1/slips", "Every slip as text, oldest first.", Desk.slips, "Slips"),
    Route("GET", "/v1/slips/{number}.txt", "One slip as text.", Desk.slip_text, PLAIN, SLIP_NUMBER),
    Route("GET", "/v1/slips/{number}.png", "One slip as a picture.", Desk.slip_png, PNG, SLIP_NUMBER),
    Route("GET", "/v1/faults", "Every fault by name, and those in force.", Desk.faults, "Faults"),
    Route("POST", "/v1/faults", "Let something go wrong.", Desk.set_fault, "Faults",
          {"what": word(one_of(*views.FAULTS), "from /v1/faults"),
           "how": text(200, "from /v1/faults, with options: drop-reply,mti=0200,nth=2")}),
    Route("DELETE", "/v1/faults", "No more faults of host, line and power.", Desk.clear_faults, "Faults"),
    Route("GET", "/v1/payments", "The payments in the terminal's journal.", Desk.payments, "Payments"),
    Route("GET", "/v1/events", "The journal's events.", Desk.events, "Events", PAGE),
    Route("GET", "/v1/books", "Both books, and where they differ.", Desk.books, "Books"),
    Route("GET", "/v1/messages", "The talk with the host, decoded and masked.", Desk.messages, "Messages", PAGE),
    Route("GET", "/v1/cards", "The cards that can be put in.", Desk.cards, "Cards"),
    Route("GET", "/v1/response-codes", "Response codes, and amounts that trigger them.", Desk.response_codes, "Codes"),
    Route("POST", "/v1/reset", "Another world; what is not said stays as it was.", Desk.reset, "State", TERMS),
    Route("GET", "/v1/snapshot", "All of which this world is made, to keep.", Desk.snapshot, "Snapshot"),
    Route("GET", "/v1/recording", "All that has happened so far, for python -m sim replay.", Desk.recording, JSONL),
    Route("POST", "/v1/restore", "The world of a snapshot, to the byte.", Desk.restore, "State",
          {"version": text(40, "which program wrote it"),
           "terms": anything(_object, {"type": "object"}, "as in the snapshot"),
           "entries": anything(_list, {"type": "array", "maxItems": DEEDS_LIMIT}, "as in the snapshot"),
           "digest": text(64, "as in the snapshot")}),
)  # fmt: skip
