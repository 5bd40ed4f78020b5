"""What a flow is handed: the devices, the mailboxes, the keys and the few facts that outlive one flow.

There is no module state anywhere; everything a flow needs comes down through `Shop`. Three small tasks stand between
flows and devices, so that a flow never waits for a lamp or a pixel: the *display* task (only the last screen
matters), the *sounder* (tones and lamps, best effort) and the *slot* (card presence).
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING

from drivers.ports import (
    Buzzer,
    CardReader,
    DeviceError,
    Display,
    Key,
    Keypad,
    Lamp,
    Lamps,
    Link,
    LinkClosed,
    LinkFrame,
    Presence,
    Printer,
    Scanner,
    SignaturePad,
    StripeReader,
    TamperSwitch,
    Tone,
)
from emv.profile import TerminalProfile
from keys import KeyStore
from terminal.config import Config
from terminal.hostlink.lists import Downloaded
from terminal.hostlink.profile import Profile
from terminal.hostlink.session import HostSession
from terminal.loop import CallOverdue, Commit, Loop, Mailbox, Now, Offload, Sleep, Spawn, Task, Wait
from terminal.manifest import FileCheck
from terminal.model import Mode
from terminal.rail import Rail
from terminal.screens.catalogue import Idle, Screen
from terminal.screens.font import Font
from terminal.screens.render import picture

if TYPE_CHECKING:
    from terminal.journal import Tx

DISPLAY_DEADLINE_MS = 2_000  # A full frame at 100 kHz takes 93 ms; two seconds means a dead bus.
SOUND_DEADLINE_MS = 1_000
PASSWORD_COST = 2**13  # Scrypt's N: about 25 ms on a PC, 300 ms on a Zero 2 W, 8 MiB.
DISPLAY_TRIES = 5  # A loose cable recovers within seconds; a display that stays dead stops the terminal.


@dataclass(frozen=True, slots=True)
class Devices:
    display: Display
    keypad: Keypad
    buzzer: Buzzer
    lamps: Lamps
    tamper: TamperSwitch
    printer: Printer
    reader: CardReader
    scanner: Scanner
    stripe: StripeReader
    link: Link
    pad: SignaturePad | None = None  # Most terminals have none: the cardholder signs on paper.


class Alarm(Enum):
    """What stops the terminal wherever it is. The value is the reason, as screens and journal have it."""

    CASE = "tamper"  # The switch: keys die.
    FILES = "files"  # An installed file is not what was signed: keys die.
    SELF_TEST = "self_test"  # The cryptography is not to be trusted: keys are left alone, and not used.


@dataclass(frozen=True, slots=True)
class Boxes:
    """Where everything unasked arrives."""

    keys: Mailbox[Key] = field(default_factory=lambda: Mailbox("keys"))
    presence: Mailbox[Presence] = field(default_factory=lambda: Mailbox("presence"))
    cards: Mailbox[Presence] = field(default_factory=lambda: Mailbox("cards"))
    scans: Mailbox[bytes] = field(default_factory=lambda: Mailbox("scans", limit=4))
    swipes: Mailbox[bytes] = field(default_factory=lambda: Mailbox("swipes", limit=2))
    link: Mailbox[LinkFrame | LinkClosed] = field(default_factory=lambda: Mailbox("link"))
    screens: Mailbox[tuple[Screen, str]] = field(default_factory=lambda: Mailbox("screens", keep_newest=True))
    sounds: Mailbox[Tone | tuple[Lamp, bool]] = field(default_factory=lambda: Mailbox("sounds", limit=16))
    alarms: Mailbox[Alarm] = field(default_factory=lambda: Mailbox("alarms", limit=4))


@dataclass(frozen=True, slots=True)
class Activation:
    """What the first run settled, kept in the journal: who this terminal is and whom it calls."""

    merchant_no: str
    terminal_no: str
    host: str  # "address:port"
    merchant_name: str = ""  # Told with an activation code; "" when the numbers were typed.
    serial: str = ""  # What the code was spent on: this device, as the acquirer knows it.


@dataclass(slots=True)
class Behind:
    """What goes on behind the idle screen (flows/errands.py). `tried`: an errand's failures, and when it may run.

    `shown`: somebody waits for its end, and is shown what it does.
    """

    running: bool = False
    whole: bool = False  # An exchange of it is not broken off.
    shown: bool = False
    task: Task | None = None
    over: Mailbox[None] = field(default_factory=lambda: Mailbox("errand", keep_newest=True))
    owed: frozenset[str] = frozenset()
    receipts_ms: int = 0  # Not sooner is the host asked what was paid to the printed code.
    tried: dict[str, tuple[int, int]] = field(default_factory=dict)


class Shop:
    """One terminal, assembled. Made by the composition root (terminal/__main__.py, or the simulator)."""

    def __init__(
        self,
        *,
        config: Config,
        profile: Profile,
        kernel: TerminalProfile,
        loop: Loop,
        devices: Devices,
        keys: KeyStore,
        font: Font,
        self_tests: Callable[[], tuple[tuple[str, bool], ...]],
        version: str,
        service_reason: str = "",
        dial: Callable[[str], None] = lambda address: None,
        set_system_clock: Callable[[int], bool] = lambda wall_ms: False,
        built_ms: int = 0,
        file_check: Callable[[], FileCheck] | None = None,
        serial: str = "",
        note: Callable[[str], None] = lambda text: None,
        password_cost: int = PASSWORD_COST,
        rails: Mapping[str, Rail] | None = None,
    ) -> None:
        self.config = config
        self.profile = profile
        self.kernel = kernel
        self.loop = loop
        self.devices = devices
        self.keys = keys
        self.font = font
        self.self_tests = self_tests
        self.version = version
        self.service_reason = service_reason  # Not empty: trading is off, and this is why.
        self.dial = dial
        self.set_system_clock = set_system_clock
        self.built_ms = built_ms
        self.file_check = file_check  # None: the installed files are not sealed.
        self.serial = serial  # This device's own name, which an activation code is spent on.
        self.password_cost = password_cost  # Of new passwords; each keeps the one that it was made with.
        self.own_profile = profile  # As the acquirer's file and the configuration have it; `profile`: with downloads.
        self.rails = rails or {}  # By wallet: those that the shop has a contract of its own with.
        self.boxes = Boxes()
        self.host = HostSession(devices.link, self.boxes.link, profile, keys, note)
        self.note = note  # Hears, for the log, what was not as it should be: no field's content, no secret.
        # Copies of durable settings, changed only right after the commit that changed them.
        self.language = config.general.language
        self.spoken = ""  # The language of a cardholder who is asked something, if it is another.
        self.activation: Activation | None = None
        self.downloaded = Downloaded()
        self.download_wanted = False  # A host's header has asked for a list; not tried yet.
        self.wish_untold = False  # A host's header has asked for what we cannot do; nobody was told yet.
        self.operator = ""
        self.approved_by = ""  # The supervisor who has agreed to what is being done; nobody once it is over.
        self.mode = Mode.BLANK
        self.behind = Behind()
        self.sign_in_owed = False  # The last one found no host: it is tried again behind the idle screen.
        self.half_printed: set[int] = set()  # Slips of which something may be on paper, for all we know.
        self.wondered_ms: dict[int, int] = {}  # When an order was first not known there, by the clock that nobody sets.
        self.busy = False  # Somebody is being served: what can wait, waits.
        self.paper_low = False  # As the last slip has found it: low paper prints, and nobody is asked for anything.
        self.clock_offset_ms = 0
        self.card_presence = Presence.ABSENT

    def kernel_profile(self) -> TerminalProfile:
        """The kernel's terminal data with the host's lists and this terminal's own numbers (tags 9F16, 9F1C)."""
        kernel = self.downloaded.kernel(self.kernel)
        if self.activation is None:
            return kernel
        numbers = self.activation
        return replace(kernel, merchant_no=numbers.merchant_no, terminal_no=numbers.terminal_no)

    def use(self, downloaded: Downloaded) -> None:
        """From now on these lists are in force. A time-out that stands in the configuration is stronger."""
        self.downloaded = downloaded
        told = downloaded.profile(self.own_profile)
        if self.config.link.reply_ms:
            told = replace(told, response_timeout_ms=self.own_profile.response_timeout_ms)
        self.profile = self.host.profile = told

    @property
    def merchant_name(self) -> str:
        """The name on slips: the host's last word, else the one told at activation, else the configured one."""
        told = self.downloaded.parameters
        named = self.activation.merchant_name if self.activation else ""
        return (told.merchant_name if told else None) or named or self.config.merchant.name

    @property
    def own_profile(self) -> Profile:
        """As the acquirer's file and the configuration have it; `profile`: with downloads."""
        return self._own_profile

    @own_profile.setter
    def own_profile(self, profile: Profile) -> None:
        self._own_profile = profile
        self.own_profile_text = repr(profile)  # Asked for before each transaction (methods/sign_in_due.py).

    # People

    def people(self) -> dict[str, str]:
        """Who answers for what the journal writes now: by number, and without those that there are not."""
        told = {"operator": self.operator, "approved_by": self.approved_by}
        return {role: number for role, number in told.items() if number}

    def show(self, screen: Screen) -> None:
        if self.behind.running and not self.behind.shown and not isinstance(screen, Idle):
            return  # What goes on behind the idle screen is not shown.
        self.loop.post(self.boxes.screens, (screen, self.spoken or self.language))

    def sound(self, tone: Tone) -> None:
        self.loop.post(self.boxes.sounds, tone)

    def lamp(self, lamp: Lamp, lit: bool) -> None:
        self.loop.post(self.boxes.sounds, (lamp, lit))

    def local_time(self, wall_ms: int) -> datetime.datetime:
        """The shop's civil time of a system time, by the host's clock (see flows/sign_in.py)."""
        zone = datetime.timezone(datetime.timedelta(minutes=self.config.general.utc_offset_minutes))
        return datetime.datetime.fromtimestamp((wall_ms + self.clock_offset_ms) / 1000, zone)

    # Devices

    def connect_devices(self) -> None:
        """Let everything unasked arrive in the mailboxes."""
        post, boxes, devices = self.loop.post, self.boxes, self.devices
        devices.keypad.watch(lambda key: post(boxes.keys, key))
        devices.reader.watch(lambda presence: post(boxes.presence, presence))
        devices.scanner.watch(lambda scan: post(boxes.scans, scan))
        devices.stripe.watch(lambda swipe: post(boxes.swipes, swipe))
        devices.link.watch(lambda event: post(boxes.link, event))
        devices.tamper.watch(lambda: post(boxes.alarms, Alarm.CASE))

    async def start_tasks(self) -> tuple[Task, ...]:
        return (
            await Spawn(self._display_task(), "display"),
            await Spawn(self._sound_task(), "sounder"),
            await Spawn(self._slot_task(), "slot"),
        )

    async def _display_task(self) -> None:
        failures = 0
        while True:
            screen, language = await Wait(self.boxes.screens)
            drawn = picture(screen, language, self.font)
            while True:
                try:
                    await Offload("display", partial(self.devices.display.show, drawn), DISPLAY_DEADLINE_MS)
                    failures = 0
                    break
                except (DeviceError, CallOverdue):
                    failures += 1
                    if failures >= DISPLAY_TRIES:
                        raise
                    await Sleep(1_000)

    async def _sound_task(self) -> None:
        """Tones and lamps. A terminal without its buzzer still sells, so a fault here is not the flow's."""
        while True:
            item = await Wait(self.boxes.sounds)
            try:
                if isinstance(item, Tone):
                    await Offload("gpio", partial(self.devices.buzzer.sound, item), SOUND_DEADLINE_MS)
                else:
                    await Offload("gpio", partial(self.devices.lamps.set, *item), SOUND_DEADLINE_MS)
            except (DeviceError, CallOverdue):
                continue

    async def _slot_task(self) -> None:
        while True:
            self.card_presence = await Wait(self.boxes.presence)
            self.lamp(Lamp.CARD, self.card_presence is Presence.PRESENT)
            self.loop.post(self.boxes.cards, self.card_presence)


async def load_settings(shop: Shop) -> None:
    """Read the durable settings that flows look at all the time."""

    def read(tx: Tx) -> tuple[Mode, object, object, object]:
        return tx.mode, tx.get("language"), tx.get("activation"), tx.get("clock_offset_ms", 0)

    shop.mode, language, activation, offset = await Commit(read)
    if isinstance(language, str):
        shop.language = language
    if isinstance(activation, dict):
        shop.activation = Activation(**activation)
        shop.dial(shop.activation.host)
    shop.clock_offset_ms = int(str(offset))


async def wall_ms() -> int:
    return (await Now()).wall_ms
