"""What is done to a living world, in the order in which it was done: enough to make the same world once more.

A deed is a step of a scenario, or one of the words that only a living world has: `act` (a step, and the moment in which
it is seen to work), `until` (go on until something has come about), `arm` (the power fails at a moment), `clear` (no
more faults of host and line), `mend` (not this one), `touch` (what a customer does on the own phone). Between two deeds
time passes. A record of deeds is JSON, each in the form in which a scenario has its steps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sim.acquirer.faults import FaultKind
from sim.line_faults import LINE_FAULTS
from sim.pace import TimeIsUp
from sim.scenario.reading import Node, read_step
from sim.scenario.steps import LOOK_MS, SCREENS, TEXT_LIMIT, Mark, Step, Text
from sim.stage import Stage
from sim.story import MISHAPS, WALLET, StoryError
from sim.takes import one_of
from terminal.loop import Sleep

DEEDS_LIMIT = 100_000  # A day of scripted trade; each takes about a millisecond to do again.
AGE_LIMIT_MS = 366 * 24 * 3600 * 1000
SETTLE_MS = 100  # Until a person sees what a key has done.
ENDS = ("screen", "text", "slip", "idle")
TOUCHES = ("read", "show", "confirm", "refuse")


@dataclass(frozen=True, slots=True)
class Act:
    """A step of somebody who looks first, and then for a moment at what comes of it.

    What was shown before is no longer waited for; what is shown in that moment is not missed.
    """

    step: Step


@dataclass(frozen=True, slots=True)
class Until:
    """Go on until it is so: `screen` shown, `text` on the glass, a new `slip` with that text, or all is `idle`.

    A screen counts that is there now, or was shown since the last Act and the last screen that was waited for.
    """

    end: str
    value: str = ""

    def __post_init__(self) -> None:
        if self.end not in ENDS:
            raise ValueError(f"run until what? {', '.join(ENDS)}")
        if self.end == "screen":
            try:
                one_of(*SCREENS).check(self.value)
            except ValueError as wrong:
                raise ValueError(f"{self.value[:60]!r}: {wrong}") from None
        elif self.end == "text" and not self.value:
            raise ValueError("text is missing")
        if len(self.value) > TEXT_LIMIT:
            raise ValueError(f"at most {TEXT_LIMIT} characters")


@dataclass(frozen=True, slots=True)
class Arm:
    """The power fails at the next such moment, whenever that is."""

    moment: str

    def __post_init__(self) -> None:
        MISHAPS["power-fails"].check(self.moment)


@dataclass(frozen=True, slots=True)
class Clear:
    """What was to go wrong with host and line does not."""


@dataclass(frozen=True, slots=True)
class Mend:
    """A fault of the host or the line that was to come, or came again and again, does not."""

    what: str
    name: str

    def __post_init__(self) -> None:
        names = {"fault": [kind.value for kind in FaultKind], "line": list(LINE_FAULTS)}
        if self.what not in names:
            raise ValueError(f"{self.what} is not mended by its name")
        if self.name not in names[self.what]:
            raise ValueError(f"{self.what}: there is no {self.name[:40]}")


@dataclass(frozen=True, slots=True)
class Touch:
    """A touch of the customer's phone, with `wallet` open: `read` a payment code and think about it, `show` one.

    `confirm` and `refuse` answer all that the wallets ask. It takes no time, and the terminal needs no power for it.
    """

    does: str
    wallet: str
    code: str = ""

    def __post_init__(self) -> None:
        one_of(*TOUCHES).check(self.does)
        WALLET.check(self.wallet)
        if len(self.code) > TEXT_LIMIT or bool(self.code) != (self.does == "read"):
            raise ValueError(f"only what is read is a code, of at most {TEXT_LIMIT} characters")


Deed = Step | Act | Until | Arm | Clear | Mend | Touch


@dataclass(frozen=True, slots=True)
class Passed:
    """Time went by until the world was so old."""

    to_ms: int


@dataclass(frozen=True, slots=True)
class Done:
    """`to_ms`: the deed was ended then, before it was done; None: it came to its own end, good or bad."""

    deed: Deed
    to_ms: int | None = None


Entry = Passed | Done


def perform(stage: Stage, deed: Deed, to_ms: int | None = None) -> None:
    """Do it, until the world is `to_ms` old at most. Raises StoryError, TimeIsUp."""
    if isinstance(deed, Touch):
        touch(stage, deed)
        return
    if isinstance(deed, Mend):
        stage.mend(deed.what, deed.name)
        return
    if not stage.is_on:
        if isinstance(deed, Step | Act):
            stage.perform(deed.step if isinstance(deed, Act) else deed)
            return
        raise StoryError(stage.why_dark)
    if to_ms is None:
        _perform(stage, deed)
        return
    with stage.limited(to_ms):
        _perform(stage, deed)


def _perform(stage: Stage, deed: Deed) -> None:
    match deed:
        case Step():
            stage.perform(deed)
        case Act(step):
            lives = stage.lives
            stage.eyes.look_again()
            stage.perform(step)
            if stage.is_on and stage.lives == lives:
                stage.do(_settle())
        case Until():
            stage.do(_until(stage, deed))
        case Arm(moment):
            stage.happen("power-fails", moment)
        case Clear():
            stage.clear_faults()


def touch(stage: Stage, deed: Touch) -> Any:
    """Do it; what the phone then says: a PayResult of what was read, the code that is shown, what came of answers."""
    in_hand = stage.phone(deed.wallet)
    match deed.does:
        case "read":
            return in_hand.phone.pay(deed.code, stage.world.world_ms(), wallet=in_hand.wallet.kind, confirmed=False)
        case "show":
            return in_hand.show_code()
        case "confirm":
            return in_hand.confirm()
        case _:
            return in_hand.refuse()


async def _settle() -> None:
    await Sleep(SETTLE_MS)


async def _until(stage: Stage, until: Until) -> None:
    """A key that was just pressed has been looked at before anything is: the first look comes after LOOK_MS."""
    text = Text(until.value, until.value)
    if until.end == "screen":
        await _until_shown(stage, until.value)
        return
    while True:
        await Sleep(LOOK_MS)
        if until.end == "slip":
            if stage.find_slip(text):
                return
        elif until.end == "text":
            lines = stage.glass()
            if text.found_in(" ".join(lines)) or text.found_in("".join(lines)):
                return
        elif stage.showing() == "idle" and not stage.world.keys_waiting():
            return


async def _until_shown(stage: Stage, name: str) -> None:
    """Also a screen that is gone again a moment later is seen."""
    if stage.showing() == name and not stage.world.keys_waiting():
        stage.eyes.look_again()
        return
    while await stage.eyes.see_any() != name:
        pass


def do_again(stage: Stage, entries: list[Entry]) -> None:
    """All of it, on a stage that has just begun; what failed then fails now."""
    for entry in entries:
        if isinstance(entry, Passed):
            stage.pass_to(entry.to_ms)
            continue
        try:
            perform(stage, entry.deed, entry.to_ms)
        except (StoryError, TimeIsUp):
            continue


# As JSON.


def entry_json(entry: Entry) -> dict[str, Any]:
    """One line of a record."""
    if isinstance(entry, Passed):
        return {"pass_to": entry.to_ms}
    ended = {} if entry.to_ms is None else {"ended_at": entry.to_ms}
    match entry.deed:
        case Step():
            return {"step": _step_json(entry.deed), **ended}
        case Act(step):
            return {"act": _step_json(step), **ended}
        case Until(end, value):
            return {"until": {end: value}, **ended}
        case Arm(moment):
            return {"arm": moment, **ended}
        case Clear():
            return {"clear": True, **ended}
        case Mend(what, name):
            return {"mend": {what: name}, **ended}
        case Touch(does, wallet, code):
            return {"touch": {does: wallet, **({"code": code} if code else {})}, **ended}


def _step_json(step: Step) -> object:
    return {step.verb: _plain(step.argument)} if step.argument else step.verb


def _plain(argument: object) -> object:
    if isinstance(argument, Text):
        return {"zh": argument.zh, "en": argument.en}
    if isinstance(argument, Mapping):
        return {key: _plain(value) for key, value in argument.items()}
    return argument


def read_entry(told: object) -> Entry:
    """The other way. Raises ValueError."""
    if not isinstance(told, dict):
        raise ValueError("an entry is an object")
    rest = dict(told)
    if set(rest) == {"pass_to"}:
        return Passed(_moment(rest["pass_to"]))
    to_ms = _moment(rest.pop("ended_at")) if "ended_at" in rest else None
    if len(rest) != 1:
        raise ValueError("an entry is pass_to, step, act, until, arm, clear, mend or touch")
    [(what, value)] = rest.items()
    if what == "step":
        return Done(step_from(value), to_ms)
    if what == "act":
        return Done(Act(step_from(value)), to_ms)
    if what == "until" and isinstance(value, dict) and len(value) == 1:
        [(end, wanted)] = value.items()
        return Done(Until(str(end), str(wanted)), to_ms)
    if what == "arm":
        return Done(Arm(str(value)), to_ms)
    if what == "clear" and value is True:
        return Done(Clear(), to_ms)
    if what == "mend" and isinstance(value, dict) and len(value) == 1:
        [(fault, name)] = value.items()
        return Done(Mend(str(fault), str(name)), to_ms)
    if what == "touch" and isinstance(value, dict):
        return Done(_read_touch(value), to_ms)
    raise ValueError(f"no such entry: {str(what)[:40]}")


def _read_touch(told: dict[Any, Any]) -> Touch:
    rest = {str(name): str(value) for name, value in told.items()}
    code = rest.pop("code", "")
    if len(rest) != 1:
        raise ValueError(f"a touch is one of {', '.join(TOUCHES)}, and the wallet")
    [(does, wallet)] = rest.items()
    return Touch(does, wallet, code)


def _moment(value: object) -> int:
    if type(value) is not int or not 0 <= value <= AGE_LIMIT_MS:
        raise ValueError("a moment is a whole number of milliseconds, of at most a year")
    return value


def step_from(value: object) -> Step:
    """A step as JSON has it: "remove" or {"insert": "rich"}. Raises ValueError with what is wrong."""
    step = read_step(_node(value, 1), "step")
    return Step(step.verb, step.argument)


def _node(value: object, depth: int) -> Node:
    """What the reader of scenarios reads, without places. A number is what it was typed as."""
    if isinstance(value, bool) or value is None or depth > 4:
        raise ValueError("a step is made of words, numbers, lists and names")
    if isinstance(value, dict):
        return Node(Mark(), {str(key): _node(each, depth + 1) for key, each in value.items()})
    if isinstance(value, list):
        return Node(Mark(), [_node(each, depth + 1) for each in value])
    return Node(Mark(), str(value))
