"""The bench in virtual time: a living world (sim.live) that speaks the panel's messages, in place of the real process.

What a page asks for becomes the deeds of scenarios, and what the world tells becomes what the page draws. Time follows
the wall clock, stands still, is stepped, or runs as fast as the machine can; the seed is shown, and a scenario is
played before everybody's eyes. Whatever a page does is a deed, the phone's touches too, so that the recording of this
world can be played again to the byte.
"""

from __future__ import annotations

import base64
import contextlib
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future
from dataclasses import replace
from functools import partial
from typing import Any

from drivers.ports import PaperLine, Picture
from sim.acquirer import Acquirer, WalletKind
from sim.acquirer.wallets import PayResult
from sim.cut_loop import CutLoop
from sim.deeds import Arm, Clear, Deed, Mend, Touch, step_from
from sim.live import Broken, Busy, Event, Live
from sim.loop import START_WALL_MS
from sim.panel.bank import books_of, entry_of
from sim.panel.card_talk import CardTalk
from sim.panel.faults import VIRTUAL, faults_message, in_force
from sim.panel.hub import Hub
from sim.panel.journal_view import JournalView, event_told
from sim.panel.phone_desk import PhoneOnDesk
from sim.panel.protocol import Do, JSONObject
from sim.panel.sides import Sides
from sim.panel.words import clock_of, problem, two
from sim.panel.world import SWITCHED_OFF, Sight
from sim.phone import Phone
from sim.reasons import in_chinese
from sim.recording.playing import recording_of
from sim.scenario.command import SHIPPED, shipped
from sim.scenario.playing import terms_of
from sim.scenario.reading import Scenario, load_scenario
from sim.stage import Stage, Terms
from sim.story import StoryError
from sim.twins.printer import TwinPrinter
from sim.wire.paper import PrintedQr
from sim.wire.roll import png_of, text_of
from terminal.hostlink.explain import explain
from terminal.journal import Journal, JournalError
from terminal.screens.font import Font

CELLS = 32
TICK_S = 0.1  # How often a page is told the time, and what lies about in the world.
SETTLE_MS = 100  # While time stands still: what the terminal takes to answer a key.
HOST_WORDS = {"normal": "ok", "silent": "mute", "refuse": "refused"}
PLAY_SPEED = 10  # Of a scenario that is played while time stands still: as fast as a person can follow.
DEED_LIMIT_MS = 600_000
RECORDING_S = 10.0  # Whoever wants a recording waits for the deed under way, but for no scenario.
POWER_WHY = {"on": "", "off": "switch", "crashed": "crashed"}
LAID_OUT = ("screen", "lamp", "host", "apdu", "event", "slip", "step", "playing")  # Of the world before.


class StagedWorld:
    """Stands where sim.panel.world.World stands. `do` may be called from any thread; `close` ends it all."""

    def __init__(self, hub: Hub, terms: Terms, *, cards: Sequence[JSONObject], font: Font) -> None:
        self._hub = hub
        self._font = font
        self._stage: Stage | None = None
        self._sides = Sides()
        self._desk: tuple[Acquirer, PhoneOnDesk] | None = None
        self._talk = CardTalk()
        self._display: Sight | None = None
        self._paper: Sight | None = None
        self._stale = False
        self._closed = threading.Event()
        self._terms = terms
        hub.publish({"is": "cards", "cards": list(cards)})
        hub.publish({"is": "scenarios", "scenarios": [_titles(load_scenario(path)) for path in shipped()]})
        hub.publish(faults_message(VIRTUAL))
        self._live = Live(terms, told=self._told, begin=self._begin)
        self._ticker = threading.Thread(target=self._tick, name="staged-ticker", daemon=True)

    def start(self) -> None:
        self._ticker.start()
        self._live.speed(1)

    def do(self, deed: Do) -> None:
        """Do it, or say why not. Nothing here waits for the world."""
        try:
            self._do(deed)
        except (Busy, ValueError) as wrong:
            self._problem(str(wrong))

    def recording(self) -> bytes:
        """All that has happened since this world began. Raises ValueError, StoryError, and Busy during a long deed."""
        try:
            kept = self._live.story().result(RECORDING_S)
        except TimeoutError:
            raise Busy("a scenario is being played: stop it, or wait for its end") from None
        return recording_of(kept).encode()

    def close(self) -> None:
        self._closed.set()
        self._live.close()
        if self._ticker.is_alive():
            self._ticker.join(2)

    # What a page asks for.

    def _do(self, deed: Do) -> None:
        values = {name: str(value) for name, value in deed.values.items()}
        match deed.act:
            case "press":
                self._perform(step_from({"press": values["key"].upper()}))
            case "insert" | "swipe":
                if self._stage is not None and self._stage.world.reader.holds_card:
                    self._perform(step_from("remove"))
                self._perform(step_from({deed.act: values["card"]}))
            case "scan":
                self._perform(step_from({"scan": values["code"]}))
            case "remove":
                self._perform(step_from("remove"))
            case "paper":
                self._perform(step_from({"paper": values["state"]}))
            case "host":
                self._perform(step_from({"host": HOST_WORDS[values["behaviour"]]}))
            case "power":
                self._perform(step_from({"power": "on" if deed.values["on"] else "off"}))
            case "restart":
                self._perform(step_from({"power": "cut"}))
            case "happen":
                self._happen(values["what"], values["how"])
            case "mend":
                self._perform(Mend(values["what"], values["name"]))
            case "clear":
                self._perform(Clear())
            case "phone":
                self._ask(lambda stage: self._phone_does(stage, deed))
            case "time":
                self._time(values["act"], int(values["value"]))
            case "play":
                self._play(values["scenario"])
            case "begin":
                self._begin_again(values["seed"])

    def _perform(self, deed: Deed) -> None:
        self._follow(self._live.do(deed, DEED_LIMIT_MS))
        if not self._live.pace:
            self._follow(self._live.advance(SETTLE_MS))

    def _ask(self, look: Callable[[Stage], object]) -> None:
        self._follow(self._live.ask(look))
        self._stale = True

    def _happen(self, what: str, how: str) -> None:
        if what == "power-fails":
            self._perform(Arm(how))
            return
        if what in ("fault", "line"):
            self._perform(Mend(what, how.partition(",")[0]))  # It takes the place of its like.
        self._perform(step_from({what: how}))

    def _time(self, act: str, value: int) -> None:
        if act == "speed":
            self._live.speed(value)
        elif act == "step":
            self._follow(self._live.advance(value))
        else:
            self._live.interrupt()

    def _play(self, name: str) -> None:
        """Another world, the one that the scenario begins with; then its steps."""
        if name not in {path.stem for path in shipped()}:
            raise ValueError(f"no such scenario: {name}")
        scenario = load_scenario(SHIPPED / f"{name}.yaml")
        self._live.interrupt()
        begun = self._live.reset(terms_of(scenario, self._terms.language))
        self._follow(begun)
        begun.add_done_callback(lambda future: self._say_playing(scenario, "playing"))
        if not self._live.pace:
            self._live.speed(PLAY_SPEED)
        self._live.play(scenario.steps).add_done_callback(partial(self._played, scenario))

    def _begin_again(self, seed: str) -> None:
        if self._stage is not None:
            fresh = replace(self._terms, seed=seed)
            self._live.interrupt()
            self._hub.publish({"is": "playing", "state": ""})
            self._follow(self._live.reset(fresh))

    def _phone_does(self, stage: Stage, deed: Do) -> None:
        """On the world's thread: phone and line share the book."""
        sights = [sight for sight in (self._display, self._paper) if sight is not None]
        shown, held = self._phone(stage).act(deed, sights)
        if held is not None:
            self._perform(step_from({"scan": held}))
        self._hub.publish({"is": "phone", **shown})

    def _phone(self, stage: Stage) -> PhoneOnDesk:
        """The customer's phone at this world's host: a host that has lost its state knows none of before."""
        acquirer = stage.world.acquirer
        if self._desk is None or self._desk[0] is not acquirer:
            phone = _TouchedPhone(stage.phone(WalletKind.ALIPAY.value).phone, acquirer, self._live.touch)
            self._desk = acquirer, PhoneOnDesk(acquirer, lambda: stage.world.world_ms(), phone)
        return self._desk[1]

    def _follow(self, future: Future[Any]) -> None:
        future.add_done_callback(self._ended)

    def _ended(self, future: Future[Any]) -> None:
        try:
            future.result()
        except (StoryError, Broken, ValueError) as wrong:
            self._problem(str(wrong))
        except CancelledError:
            return

    def _played(self, scenario: Scenario, future: Future[Any]) -> None:
        try:
            ended = future.result().ended
        except (StoryError, Broken) as wrong:
            self._say_playing(scenario, "failed", str(wrong))
        except CancelledError:
            return
        else:
            self._say_playing(scenario, "played" if ended == "done" else "")

    def _say_playing(self, scenario: Scenario, state: str, text: str = "") -> None:
        self._hub.publish({"is": "playing", "state": state, "text": two(in_chinese(text), text), **_titles(scenario)})

    def _problem(self, text: str) -> None:
        self._hub.publish(problem(text))

    # What the world tells; on its own thread.

    def _begin(self, terms: Terms) -> Stage:
        stage = Stage(terms)
        self._hub.forget(LAID_OUT)
        self._hub.publish({"is": "begun", "seed": str(terms.seed)})
        self._stage, self._sides, self._desk = stage, Sides(), None
        self._talk, self._display, self._paper = CardTalk(), None, None
        return stage

    def _told(self, event: Event) -> None:
        stage = self._stage
        if stage is None:
            return
        match event.what:
            case "begun":
                self._hub.publish({"is": "power", "on": stage.is_lit, "why": ""})
                for lamp in stage.world.lamps.lit:
                    self._hub.publish({"is": "lamp", "lamp": lamp.value, "lit": True})
                if (picture := stage.world.display.picture) is not None:
                    self._screen(stage, picture)
            case "power":
                self._power(str(event.value))
            case "screen":
                self._screen(stage, event.value)
            case "slip":
                self._slip(event.value)
            case "tone":
                self._hub.publish({"is": "tone", "tone": event.value.value})
            case "lamp":
                lamp, lit = event.value
                self._hub.publish({"is": "lamp", "lamp": lamp.value, "lit": lit})
            case "apdu":
                command, answer = event.value
                self._hub.publish({"is": "apdu", **self._talk.exchange(command, answer, self._clock(event))})
            case "frame":
                self._frame(stage, event)
            case "journal":
                self._hub.publish({"is": "event", **event_told(event.value)})
            case "step":
                self._hub.publish({"is": "step", "text": str(event.value)})
            case "broken":
                self._problem(f"{type(event.value).__name__}: {event.value}")
                self._hub.publish({"is": "power", "on": False, "why": "crashed-often"})
        self._stale = True

    def _power(self, state: str) -> None:
        self._display, self._talk = None, CardTalk()
        if state != "on":
            self._hub.forget(SWITCHED_OFF)
        self._hub.publish({"is": "power", "on": state == "on", "why": POWER_WHY[state]})

    def _screen(self, stage: Stage, picture: Picture) -> None:
        width, height = stage.terms.panel
        pixels = picture.pixels(width, height)
        self._display = Sight("display", width, height, pixels)
        message = {"is": "screen", "name": picture.name, "text": list(picture.text()), "mode": stage.mode()}
        coded = base64.b64encode(pixels).decode("ascii")
        self._hub.publish({**message, "width": width, "height": height, "pixels": coded})

    def _slip(self, lines: tuple[PaperLine, ...]) -> None:
        printer = TwinPrinter(CELLS)
        printer.print(lines)
        roll = printer.roll(1)
        png = png_of(roll, CELLS, self._font)
        self._paper = Sight("paper", 0, 0, png)
        codes = [piece.payload.decode("utf-8", "replace") for piece in roll if isinstance(piece, PrintedQr)]
        text = "\n".join(text_of(roll, CELLS))
        self._hub.publish({"is": "slip", "text": text, "png": base64.b64encode(png).decode("ascii"), "qr": codes})

    def _frame(self, stage: Stage, event: Event) -> None:
        told = explain(event.value, stage.world.acquirer.profile)
        asked = (told.mti or "????")[2:3] in "02468"  # What the terminal is answered has an odd third digit.
        entry = entry_of(told, "in" if asked else "out", len(event.value), self._clock(event))
        self._hub.publish({"is": "host", **entry, "dropped": False})

    @staticmethod
    def _clock(event: Event) -> str:
        return clock_of(START_WALL_MS + event.at_ms)

    # What lies about in the world, told from time to time.

    def _tick(self) -> None:
        told: dict[str, JSONObject] = {}
        view: tuple[Journal, JournalView] | None = None
        while not self._closed.wait(TICK_S):
            stage = self._stage
            if stage is None:
                continue
            for message in self._around(stage):
                if told.get(message["is"]) != message:
                    told[message["is"]] = message
                    self._hub.publish(message)
            if self._stale:
                self._stale = False
                if view is None or view[0] is not stage.world.journal:
                    view = stage.world.journal, JournalView(stage.world.journal, partial(_to_sides, self._sides))
                with contextlib.suppress(JournalError):  # The power has gone meanwhile.
                    view[1].look()
                self._tell_books(stage)

    def _around(self, stage: Stage) -> tuple[JSONObject, ...]:
        world = stage.world
        age_ms = self._live.age_ms
        time = {"is": "time", "speed": self._live.pace, "clock": clock_of(START_WALL_MS + age_ms), "age_ms": age_ms}
        held = world.reader.card
        card = next((name for name, each in world.cards.items() if each is held), "")
        host = next((name for name, word in HOST_WORDS.items() if word == world.behaviour), "normal")
        return (
            {**time, "seed": str(stage.terms.seed)},
            {"is": "card", "card": card},
            {"is": "paper-state", "state": world.printer.status().value},
            {"is": "host-state", "behaviour": host},
            {"is": "scanner", "on": world.scanner.looking},
            {"is": "faults-on", "on": _in_force(stage)},
        )

    def _tell_books(self, stage: Stage) -> None:
        acquirer = stage.world.acquirer
        with acquirer.lock:
            self._hub.publish({"is": "books", **books_of(acquirer, self._sides)})
            self._hub.publish({"is": "phone", **self._phone(stage).shown()})


class _TouchedPhone(Phone):
    """That phone, each touch of which is a deed. Only on the world's thread."""

    def __init__(self, phone: Phone, acquirer: Acquirer, touch: Callable[[Touch], Any]) -> None:
        super().__init__(acquirer.gateway)
        self.wallets = phone.wallets
        self._touch = touch

    def pay(
        self, payload: str, now_ms: int, *, wallet: WalletKind = WalletKind.WECHAT, confirmed: bool = False
    ) -> PayResult:
        return PayResult(self._touch(Touch("read", wallet.value, payload)))

    def show_code(self, now_ms: int, *, wallet: WalletKind = WalletKind.WECHAT) -> str:
        return str(self._touch(Touch("show", wallet.value)))

    def confirm(self, now_ms: int) -> tuple[PayResult, ...]:
        return tuple(self._touch(Touch("confirm", WalletKind.ALIPAY.value)))

    def refuse(self, now_ms: int) -> int:
        return int(self._touch(Touch("refuse", WalletKind.ALIPAY.value)))


def _to_sides(sides: Sides, news: JSONObject) -> None:
    sides.told(news["payments"])


def _in_force(stage: Stage) -> dict[str, str]:
    """What is going wrong, or about to: as sim.panel.faults names it."""
    world = stage.world
    with world.acquirer.lock:
        found = in_force(world.acquirer.faults.active, world.line_faults.active)
    lasting = {
        "reader:reader": not world.reader.plugged,
        "scanner:scanner": world.scanner.broken,
        "cable:cable": world.link.is_unplugged(0),
        "case:case": world.tamper.is_open,
    }
    found |= {name: "always" for name, is_so in lasting.items() if is_so}
    if world.tear_at is not None:
        found["tear:tear"] = "once"
    if isinstance(world.loop, CutLoop) and world.loop.cut_next:
        found[f"power-fails:{world.loop.cut_next.replace(' ', '-')}"] = "once"
    found |= {f"disk:{name}": "always" if lasts else "once" for name, lasts in stage.disk.in_force().items()}
    return found


def _titles(scenario: Scenario) -> JSONObject:
    return {"name": scenario.name, "zh": scenario.zh, "en": scenario.en}
