"""Walks: what people do at the menu beside selling: look something up, print it once more, ask the host, change places.

A walk is an errand that no payment takes. Each ends at the idle screen, whatever happens on its way; now and then
somebody turns back in the middle of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from sim.people import PASSWORD, Steps
from sim.story import parse_story, to_menu
from sim.swarm.draws import Draws

WALK = "walks-the-menu"  # The fault of that name.
TURNS_BACK = 6  # One walk in so many.
NEW_OPERATOR = "02"
# From a row of the main menu on: which, and what is pressed at each screen that comes.
WALKS: Mapping[str, tuple[str, Steps]] = MappingProxyType(
    {
        "looks-around": ("transactions", (("menu", "2"), ("menu", "CANCEL"))),
        "today": ("today", (("today", "DOWN DOWN UP CANCEL"),)),
        "reprint": ("reprint", ()),
        "query": ("query", ()),
        "language": ("language", (("choose_language", "DOWN ENTER"),)),
        "self-test": ("self_test", ()),
        "clock": ("set_clock", (("enter_number", "ENTER"),)),
        "changes-operator": ("operator", (("enter_number", "ENTER"),)),
        "other-operator": ("operator", (("enter_number", f"CLEAR {NEW_OPERATOR[-1]} ENTER"),)),
        "adds-operator": (
            "add_operator",
            (
                ("enter_number", f"{NEW_OPERATOR} ENTER"),
                ("menu", "1"),
                ("operator_password", f"{PASSWORD} ENTER"),
                ("operator_password", f"{PASSWORD} ENTER"),
            ),
        ),
        "downloads": ("downloads", (("downloads", "ENTER"),)),
        "parameters": ("downloads", (("downloads", "2"),)),
        "ca-keys": ("downloads", (("downloads", "3"),)),
        "blacklist": ("downloads", (("downloads", "5"),)),
        "echo": ("host", (("menu", "1"),)),
        "signs-out": ("host", (("menu", "2"),)),
        "cashier": ("host", (("menu", "3"), ("enter_number", "ENTER"))),
        "ways": ("host", (("menu", "4"), ("host_way", "DOWN CANCEL"))),
        "x-report": ("reports", (("menu", "1"),)),
        "details": ("reports", (("menu", "2"),)),
        "last-settlement": ("reports", (("menu", "3"),)),
        "last-details": ("reports", (("menu", "4"),)),
        "reconciles": ("reports", (("menu", "5"), ("enter_number", "ENTER"))),
        "news": ("news", ()),
        "receipts": ("static_code", (("menu", "1"),)),
        "prints-code": ("static_code", (("menu", "2"),)),
        "shows-code": ("static_code", (("menu", "3"),)),
    }
)
# What somebody comes to the menu for; one thing may lead to another.
WALKED: tuple[tuple[str, ...], ...] = (
    *((name,) for name in WALKS if name not in ("adds-operator", "other-operator", "prints-code", "shows-code")),
    ("adds-operator", "other-operator", "x-report"),
    ("x-report", "details", "today"),
    ("reprint", "last-settlement"),
    ("signs-out",),
    ("signs-out", "signs-out"),
)


def steps_of(name: str, draws: Draws, transaction: int, *, patient: bool = False) -> Steps:
    """The screens and keys of a walk, behind the first key at the idle screen. `patient`: nobody turns back."""
    row, steps = WALKS[name]
    way = tuple((line.screen, " ".join(line.actions)) for line in parse_story(to_menu(row))[1:])
    steps = (*way, *steps)
    if patient or draws.number(transaction, f"{name} turns back", TURNS_BACK):
        return steps
    at = draws.number(transaction, f"{name} turns back at", len(steps))
    return (*steps[:at], (steps[at][0], "CANCEL"))
