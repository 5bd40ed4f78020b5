"""Stories: what a person sees and does, line by line, played against a world in virtual time.

A line is `screen: actions`. The person waits until the screen with that name has been shown (after the last one
waited for), then acts. Screens are named, never described by pixels. Lines that start with # say why.

    idle: 1 2 8 5 0 ENTER
    choose_method: 1
    insert_card: insert unionpay-credit-pin
    enter_pin: 123456 ENTER
    approved:
    remove_card: remove

Actions: digits, 00, ENTER, CANCEL, CLEAR, UP, DOWN, and the words of ACTIONS below, which are also the verbs of
scenarios (sim.scenario) and of the world's API (sim.api). docs/simulator.md explains each.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Protocol

from drivers.ports import Key, Paper
from sim.acquirer.faults import parse_fault
from sim.acquirer.wallets import PayResult, WalletKind
from sim.card.stripe import FAULTS as STRIPE_FAULTS
from sim.cut_loop import MOMENTS
from sim.line_faults import parse_line_fault
from sim.phone import PhoneInHand
from sim.takes import CODE_CHARACTERS, Takes, instead, like, number_from, one_of, parsed_by
from sim.wire.disk import FAILURES, LIES, WELL
from terminal.config.settings import OFFERED
from terminal.flows import transactions
from terminal.flows.power_on import MENU
from terminal.loop import Loop, Mailbox, Race, Sleep, Wait

SEEN_LIMIT = 10_000  # Screens between two things a person waits for; a countdown is one a second.
PATIENCE_MS = 10 * 60_000  # Nobody waits ten minutes for a screen.
# What every terminal is asked first, and what every day begins with.
FIRST_RUN = """
choose_language: ENTER
enter_number: ENTER
enter_number: ENTER
enter_number: ENTER
operator_password: 1234 ENTER
operator_password: wait 1 1234 ENTER
confirm_test_keys: ENTER
"""
OPERATOR = """
enter_number: ENTER
operator_password: 1234 ENTER
"""
TO_TRANSACTIONS = "idle: DOWN\nmenu: 1\n"
KEY_MS = 150  # From key to key: a practised cashier.
FUNCTION_KEYS = {
    "ENTER": Key.ENTER,
    "CANCEL": Key.CANCEL,
    "CLEAR": Key.CLEAR,
    "UP": Key.UP,
    "DOWN": Key.DOWN,
    "00": Key.DOUBLE_ZERO,
}


def to_transaction(name: str, offered: tuple[str, ...] = OFFERED) -> str:
    """The lines from the idle screen to a row of the menu of transactions, on a terminal that offers these."""
    groups = transactions.offered(offered)
    for at, (_, rows) in enumerate(groups, 1):
        names = [row for row, _ in rows]
        if name in names:
            group = f"menu: {at}\n" if len(groups) > 1 else ""
            return f"{TO_TRANSACTIONS}{group}menu: {names.index(name) + 1}\n"
    raise StoryError(f"{name} is not offered")


def to_menu(name: str) -> str:
    """The lines from the idle screen to a row of the main menu; the digits reach the first nine of them."""
    if f"menu.{name}" not in MENU:
        raise StoryError(f"the menu has no {name}")
    at = MENU.index(f"menu.{name}")
    return f"idle: DOWN\nmenu: {at + 1 if at < 9 else 'UP ' * (len(MENU) - at) + 'ENTER'}\n"


class StoryError(Exception):
    """The story cannot be read, or the terminal did not show what it says. The message names the line."""


class Eyes:
    """What people have seen: every screen that came onto the glass, in order, for whoever waits for one."""

    def __init__(self, loop: Loop, patience_ms: int = PATIENCE_MS) -> None:
        self._loop = loop
        self._patience_ms = patience_ms
        self._seen: Mailbox[str] = Mailbox("seen", limit=SEEN_LIMIT)
        self.history: deque[str] = deque(maxlen=SEEN_LIMIT)

    def shown(self, name: str) -> None:
        """A screen is on the glass; from any thread."""
        self.history.append(name)
        self._loop.post(self._seen, name)

    def look_again(self) -> None:
        """Nobody was looking: what was shown meanwhile is not waited for."""
        self._seen.renew()

    async def see(self, *names: str) -> str:
        """Wait until one of these screens is shown (after the last one waited for). Raises StoryError."""
        passed: list[str] = []
        deadline_ms = self._loop.clock_ms() + self._patience_ms
        while self._loop.clock_ms() < deadline_ms:
            won, name = await Race(Wait(self._seen), Sleep(self._patience_ms))
            if won == 0 and name in names:
                return str(name)
            if won == 0 and (not passed or passed[-1] != name):
                passed.append(name)
        raise StoryError(f"never shown; seen since: {', '.join(passed) or 'nothing'}")

    async def see_within(self, ms: int) -> str:
        """The next screen, whatever it is; "" when nothing new was shown for so long."""
        won, name = await Race(Wait(self._seen), Sleep(ms))
        return str(name) if won == 0 else ""

    async def see_any(self) -> str:
        """The next screen, whatever it is."""
        name: str = await Wait(self._seen)
        return name


class Counter(Protocol):
    """Where a story is played: what people can do to one terminal and the world around it."""

    @property
    def eyes(self) -> Eyes: ...

    def press(self, key: Key) -> None: ...

    def insert(self, profile: str) -> None: ...

    def swipe(self, card: str) -> None: ...

    def remove(self) -> None: ...

    def scan(self, code: str) -> None: ...

    def phone(self, wallet: str) -> PhoneInHand: ...

    def set_paper(self, paper: Paper) -> None: ...

    def host_behaviour(self, behaviour: str) -> None: ...

    def happen(self, what: str, how: str) -> None:
        """A mishap of MISHAPS. Raises StoryError where it cannot happen."""


@dataclass(frozen=True, slots=True)
class Line:
    number: int
    screen: str
    actions: tuple[str, ...]


def parse_story(text: str) -> tuple[Line, ...]:
    """The lines of a story. Raises StoryError with the line number."""
    lines: list[Line] = []
    for number, raw in enumerate(text.splitlines(), 1):
        content = raw.partition("#")[0].strip()
        if not content:
            continue
        screen, colon, rest = content.partition(":")
        if not colon and " " in content:
            raise StoryError(f"line {number}: a line is `screen: actions`")
        lines.append(Line(number, screen.strip(), tuple(rest.split())))
    return tuple(lines)


async def play(world: Counter, text: str) -> None:
    """Play a story to its end. Raises StoryError when a screen does not come."""
    for line in parse_story(text):
        try:
            await world.eyes.see(line.screen)
            await act(world, list(line.actions))
        except StoryError as error:
            raise StoryError(f"line {line.number} ({line.screen}): {error}") from None


async def act(world: Counter, words: list[str]) -> None:
    """Do what one line says, now. Raises StoryError for a word that is no action."""
    while words:
        word = words.pop(0)
        if word in FUNCTION_KEYS or word.isdigit():
            await press(world, word)
            continue
        action = ACTIONS.get(word)
        if action is None:
            raise StoryError(f"no such action: {word}; {instead(word, ACTIONS)}")
        arguments = [words.pop(0) for _ in range(action.arguments) if words]
        if len(arguments) != action.arguments:
            raise StoryError(f"{word} needs {action.arguments} word(s)")
        if action.takes is not None:
            try:
                action.takes.check(arguments[0])
            except ValueError as wrong:
                raise StoryError(f"{word} {arguments[0]}: {wrong}") from None
        await action.run(world, *arguments)


def keys_of(word: str) -> tuple[Key, ...]:
    """One function key by its name, or digits."""
    return (FUNCTION_KEYS[word],) if word in FUNCTION_KEYS else tuple(Key(digit) for digit in word)


async def press(world: Counter, word: str) -> None:
    """One function key by its name, or digits one after the other."""
    for key in keys_of(word):
        await Sleep(KEY_MS)
        world.press(key)


async def _insert(world: Counter, card: str) -> None:
    await Sleep(KEY_MS)
    world.insert(card)


async def _swipe(world: Counter, card: str) -> None:
    await Sleep(KEY_MS)
    world.swipe(card)


async def _remove(world: Counter) -> None:
    await Sleep(KEY_MS)
    world.remove()


async def _scan(world: Counter, code: str) -> None:
    await Sleep(KEY_MS)
    world.scan(code)


async def _show(world: Counter, wallet: str) -> None:
    await Sleep(KEY_MS)
    world.scan(world.phone(wallet).show_code())


async def _phone(world: Counter, wallet: str) -> None:
    await Sleep(KEY_MS)
    world.phone(wallet).scan_display()


async def _pay_printed(world: Counter, payment: str) -> None:
    await Sleep(KEY_MS)
    wallet, _, amount = payment.partition(":")
    result = world.phone(wallet).pay_printed(int(amount))
    if result is not PayResult.PAID:
        raise StoryError(f"the wallet says {result.value}: is the code up at the till?")


async def _confirm(world: Counter, wallet: str) -> None:
    await Sleep(KEY_MS)
    world.phone(wallet).confirm()


async def _refuse(world: Counter, wallet: str) -> None:
    await Sleep(KEY_MS)
    world.phone(wallet).refuse()


async def _paper(world: Counter, state: str) -> None:
    world.set_paper(Paper(state))


async def _host(world: Counter, behaviour: str) -> None:
    world.host_behaviour(behaviour)


async def _wait(world: Counter, seconds: str) -> None:
    await Sleep(int(seconds) * 1000)


def _happens(what: str) -> Callable[[Counter, str], Coroutine[Any, Any, None]]:
    async def run(world: Counter, how: str) -> None:
        world.happen(what, how)

    return run


@dataclass(frozen=True, slots=True)
class Action:
    """One word of a story. `takes`: its argument, None where it has none."""

    takes: Takes | None
    run: Callable[..., Coroutine[Any, Any, None]]

    @property
    def arguments(self) -> int:
        return 0 if self.takes is None else 1


CARD = like(r"[a-z0-9][a-z0-9-]*", "a card's name")  # A world may have cards of its own beside those that are shipped.
SWIPE = like(f"((?:{'|'.join(STRIPE_FAULTS)}):)?[a-z0-9][a-z0-9-]*", "CARD or FAULT:CARD")
WALLET = one_of(*(kind.value for kind in WalletKind))
PAYMENT = like(f"({'|'.join(kind.value for kind in WalletKind)}):[1-9][0-9]{{0,8}}", "WALLET:AMOUNT in fen")
SECONDS_LIMIT = 7 * 24 * 3600  # A week covers every timer of the terminal.
# What befalls a world, beside what people do at the counter: see sim.mishaps.
MISHAPS = {
    "tear": number_from(1, 999),
    "reader": one_of("unplug", "plug"),
    "scanner": one_of("broken", "mended"),
    "paper-left": number_from(1, 200),
    "fault": parsed_by(parse_fault, r"[a-z-]+(,[a-z0-9]+=[A-Za-z0-9]+)*"),
    "line": parsed_by(parse_line_fault, r"[a-z-]+(,[a-z]+=[a-z0-9]+)*"),
    "cable": one_of("out", "in"),
    "case": one_of("open", "shut"),
    "clock": number_from(-SECONDS_LIMIT, SECONDS_LIMIT),
    "power": one_of("cut", "off", "on", "restart"),
    "power-fails": one_of(*(moment.replace(" ", "-") for moment in MOMENTS)),
    "disk": one_of(*FAILURES, LIES, WELL),
}
BEHAVIOURS = ("ok", "silent", "mute", "refused", "new")
ACTIONS = {
    "insert": Action(CARD, _insert),
    "swipe": Action(SWIPE, _swipe),
    "remove": Action(None, _remove),
    "scan": Action(like(rf"\S{{1,{CODE_CHARACTERS}}}", "a code without spaces"), _scan),
    "show": Action(WALLET, _show),
    "phone": Action(WALLET, _phone),
    "pay-printed": Action(PAYMENT, _pay_printed),
    "confirm": Action(WALLET, _confirm),
    "refuse": Action(WALLET, _refuse),
    "paper": Action(one_of(*(state.value for state in Paper)), _paper),
    "host": Action(one_of(*BEHAVIOURS), _host),
    "wait": Action(number_from(0, SECONDS_LIMIT), _wait),
    **{what: Action(takes, _happens(what)) for what, takes in MISHAPS.items()},
}
