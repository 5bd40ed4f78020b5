"""Which test card stands in for one of which a recording holds no data, and out of which command it is torn.

A good one with the application that was selected, with a PIN if one was asked for; or one that comes to nothing at the
same step as the card of which nothing came. Of that step nothing else is told, so what was wrong with it may differ.
"""

from __future__ import annotations

from collections.abc import Sequence

from sim.card import PROFILES
from sim.recording.lines import Numbered

DEEDS = ("key", "card", "swipe", "code")
PROBLEM = "card_problem"
AIDS = {application.aid.hex() for card in PROFILES.values() for application in card.applications}
# A card of which nothing came by itself: whether a PIN had been asked for, and whether a fallback was offered then.
UNREADABLE = {
    (False, False): "gpo-6f00",
    (False, True): "garbage-tlv",
    (True, False): "ac-6985",
    (True, True): "garbage-ac",
}


def stand_in(lines: Sequence[Numbered], index: int) -> str:
    """A test card that does as much as the one that is put in there; "" where none has its application."""
    if unreadable := _unreadable(lines, index):
        return unreadable
    names, pin = set[str](), False
    for _, line in lines[index + 1 :]:
        if line.get("is") == "card" and line.get("presence") == "absent":
            break
        names.add(str(line.get("name", "")))
        pin = pin or line.get("name") == "enter_pin"
    if "choose_application" in names:
        return "two-apps"
    chosen = names & AIDS  # None: it was taken out before there was one, or was never read.
    for name, card in PROFILES.items():
        aid = card.applications[0].aid.hex()
        if card.group == "good" and aid in (chosen or AIDS) and bool(card.pin) == pin:
            return name
    return ""


def _unreadable(lines: Sequence[Numbered], index: int) -> str:
    """The test card that comes to nothing as this one does; "" for one that may go on."""
    read = pin = False
    for at, (_, line) in enumerate(lines[index + 1 :], index + 1):
        match line.get("is"):
            case "card" | "swipe" | "frame":
                break
            case "atr":
                read = True
            case "screen" if line.get("name") == PROBLEM:
                return UNREADABLE[pin, _is_fallback_offered(lines, at)] if read else "mute"
            case "screen":
                pin = pin or line.get("name") == "enter_pin"
    return ""


def _is_fallback_offered(lines: Sequence[Numbered], problem: int) -> bool:
    """Whether it is offered when the card has been taken out."""
    names = (line.get("name") for _, line in lines[problem:] if line.get("is") == "screen")
    return next((name for name in names if name not in (PROBLEM, "remove_card")), "") == "offer_fallback"


def torn_at(lines: Sequence[Numbered], start: int) -> int:
    """The command out of which the card that was put in is pulled; 0 when it is taken out between two."""
    commands, inside = 0, False
    for at, (_, line) in enumerate(lines[start:], start):
        if line.get("is") == "card" and line.get("presence") == "absent":
            return commands + 1 if inside or _failed_at_once(lines, at) else 0
        commands += line.get("is") == "apdu"
        if line.get("is") in ("apdu", "key", "screen", "frame"):
            inside = line.get("is") == "apdu"
    return 0


def _failed_at_once(lines: Sequence[Numbered], gone: int) -> bool:
    """Whether the card was missed in a command."""
    behind = (line.get("is") for _, line in lines[gone + 1 :])
    return next((what for what in behind if what in ("card-failed", "apdu", *DEEDS, "screen")), "") == "card-failed"
