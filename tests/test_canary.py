"""A day at the counter with marked secrets, and then everything that was written or said is searched for them.

The terminal is the real one, a process of its own over wire twins; a page stands before it that only keeps what it
hears. What is searched: the terminal's folder (journal, keys, log) after it was closed, everything that the panel said
to the page and the page to the panel, the slips, and a traceback that the process left when it was made to fall. What
is looked for: card number, track, PIN, passwords, clear and enciphered PIN block, TMK and working keys; as they are,
in hex, in packed digits and in base64 at each of its three places.

Allowed, and so left out: the rack of test cards (a test card's PIN is written on it) and the simulated host's own
folder, which holds its side of the keys.
"""

from __future__ import annotations

import base64
import json
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from drivers.ports import DeviceError, Picture
from keys import tdes
from keys.pin import Pin, format0
from keys.testkeys import TEST_TMK
from sim.canary import digits, found, needles, packed
from sim.card import PROFILES
from sim.card.profiles import CardProfile
from sim.panel.command import Bench
from sim.story import FIRST_RUN, OPERATOR, play
from sim.world import World
from terminal.model import mask_pan

CARD = "pin-12"  # So long that no ruler and no date looks like it.
PASSWORD = "860194725038"
HEAR_S = 30
MESSAGES_LIMIT = 5_000  # A day has some five hundred.


class Counter:
    """Somebody before the panel's page who hears everything and forgets nothing."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.heard: list[str] = []
        self.said: list[str] = []
        self.screens: list[str] = []

    def do(self, act: str, **values: Any) -> None:
        self.said.append(json.dumps({"do": act, **values}))
        self.socket.send(self.said[-1])

    def press(self, *keys: str) -> None:
        for key in keys:
            self.do("press", key=key)

    def hear(self) -> dict[str, Any]:
        assert len(self.heard) < MESSAGES_LIMIT
        text = str(self.socket.recv(timeout=HEAR_S))
        message: dict[str, Any] = json.loads(text)
        if message["is"] != "cards":
            self.heard.append(text)
        return message

    def see(self, *names: str) -> str:
        """Until one of these screens is there."""
        seen: list[str] = []
        while True:
            message = self.hear()
            if message["is"] == "screen":
                seen.append(str(message["name"]))
                if message["name"] in names:
                    return str(message["name"])
            assert len(seen) < 500, seen

    def until(self, **wanted: Any) -> dict[str, Any]:
        while True:
            message = self.hear()
            if wanted.items() <= message.items():
                return message

    def first_run(self) -> None:
        self.see("choose_language")
        for _ in range(4):
            self.press("enter")
        self.see("operator_password")
        self.press(*PASSWORD, "enter", *PASSWORD, "enter")
        self.see("confirm_test_keys")
        self.press("enter")

    def operator(self) -> None:
        self.see("enter_number")
        self.press("enter")
        self.see("operator_password")
        self.press(*PASSWORD, "enter")
        self.see("idle")

    def menu(self, key: str) -> None:
        self.press("down")
        self.see("menu")
        self.press(key)

    def sale(self, digits: str, method: str) -> None:
        self.press(*digits)
        self.see("enter_amount")
        self.press("enter")
        self.see("choose_method")
        self.press(method)

    def chip(self, digits: str, *pins: str) -> None:
        self.sale(digits, "1")
        self.see("insert_card")
        self.do("insert", card=CARD)
        for place, pin in enumerate(pins):
            if place:
                self.see("try_pin_again")
                self.press("enter")
            self.see("enter_pin")
            self.press(*pin, "enter")


def trade(counter: Counter, pin: str, signed_in: Callable[[], None]) -> None:
    """The day: wrong PIN and right one, declined, cash, a swipe, a power cut with the host silent, reprint, settlement.
    `signed_in` is called when the host has given new keys."""
    wrong = pin[1:] + pin[0]
    counter.first_run()
    counter.operator()
    signed_in()
    counter.chip("12850", wrong, pin)
    counter.see("remove_card")
    counter.do("remove")
    counter.see("idle")
    counter.chip("99999900", pin)
    counter.see("declined")
    counter.press("enter")
    counter.do("remove")
    counter.see("idle")
    counter.sale("500", "4")
    counter.see("cash_tendered")
    counter.press("enter")
    counter.see("idle")
    counter.sale("700", "1")
    counter.see("insert_card")
    counter.do("swipe", card=CARD)  # It has a chip: its stripe is read and refused.
    counter.see("card_problem")
    counter.press("cancel")
    counter.see("idle")
    counter.do("host", behaviour="silent")
    counter.chip("300", pin)
    counter.see("connecting", "waiting")
    counter.do("restart")
    counter.do("host", behaviour="normal")
    counter.do("remove")
    counter.operator()
    signed_in()
    counter.menu("3")
    counter.see("idle")
    counter.menu("4")
    counter.see("confirm_settlement")
    counter.press("enter")
    counter.see("settled")
    counter.press("enter")
    counter.see("idle")


def test_the_search_finds_what_is_there() -> None:
    wanted = needles({"PAN": list(digits("6225000000000014")), "key": [bytes(range(16))]})
    for form in (b"x6225000000000014", b"\x62\x25\x00\x00\x00\x00\x00\x14", b"000102030405060708090a0b0c0d0e0f"):
        assert len(found(wanted, "here", form)) == 1
    for shift in range(3):
        assert found(wanted, "here", base64.b64encode(b"abc"[:shift] + bytes(range(16)) + b"more"))
    assert not found(wanted, "here", b"622500******0014")


def secrets_of(card: CardProfile, keys: list[bytes], piks: list[bytes]) -> dict[str, set[bytes]]:
    """Everything that must be nowhere."""
    typed = card.pin
    clear = bytes(format0(Pin.of(typed), card.pan))
    applications = card.applications
    tracks = [f"{card.pan}D{app.expiry[:4]}{app.service_code}" for app in applications]
    return needles(
        {
            "PAN": list(digits(card.pan)),
            "track": [form for track in tracks for form in (track.encode(), packed(track))],
            "PIN": list(digits(typed)),
            "password": list(digits(PASSWORD)),
            "clear PIN block": [clear],
            "PIN block": [bytes(tdes.encrypt_ecb(bytearray(pik), clear)) for pik in piks],
            "key": [part for key in keys for part in (key, key[:8], key[8:])],
        }
    )


@pytest.mark.slow
def test_a_day_leaves_no_secret_behind(tmp_path: Path) -> None:
    card = PROFILES[CARD]
    bench = Bench(tmp_path, port=0, panel="128x64", lang="en")
    keys: list[bytes] = [bytes(TEST_TMK)]
    piks: list[bytes] = []

    def signed_in() -> None:
        for working in bench.acquirer._sign_ins._keys.values():
            keys.extend(working._keys)
            piks.append(working._keys[0])

    bench.start()
    try:
        address = urlsplit(bench.url)
        page = f"ws://{address.netloc}/channel?{address.query}"
        with connect(page, origin=Origin(f"http://{address.netloc}")) as socket:
            counter = Counter(socket)
            trade(counter, card.pin, signed_in)
    finally:
        bench.close()
    wanted = secrets_of(card, keys, piks)
    assert len(piks) == 2
    places = {"what the panel said": "\n".join(counter.heard).encode()}
    places["the log"] = (tmp_path / "terminal.log").read_bytes()
    files = [path for path in (tmp_path / "terminal").rglob("*") if path.is_file()]
    places |= {str(path.relative_to(tmp_path)): path.read_bytes() for path in files}
    assert len(files) >= 3 and all(any(name in place for place in places) for name in ("journal.db", "records"))
    shown = mask_pan(card.pan).encode()
    assert shown in places["what the panel said"], "the search itself must have something to find"
    assert [hit for place, data in places.items() for hit in found(wanted, place, data)] == []


SALE = f"""
{FIRST_RUN}{OPERATOR}
idle: 12850 ENTER
choose_method: 1
insert_card: insert {CARD}
enter_pin: {PROFILES[CARD].pin} ENTER
approved:
remove_card: remove
idle:
"""


SWIPED = "stripe-debit"
SWIPE = f"""
{FIRST_RUN}{OPERATOR}
idle: 12850 ENTER
choose_method: 1
insert_card: swipe {SWIPED}
enter_pin: {PROFILES[SWIPED].pin} ENTER
approved:
idle:
"""
SCREENS = ["reading_card", "enter_pin", "connecting", "approved", "printing"]


@pytest.mark.parametrize(
    ("screen", "card", "story"),
    [*((screen, CARD, SALE) for screen in SCREENS), *((screen, SWIPED, SWIPE) for screen in SCREENS[1:])],
)
def test_a_traceback_in_the_middle_of_a_sale_holds_no_secret(screen: str, card: str, story: str) -> None:
    """The display dies for good at that moment, and nobody catches it: what the log would get is searched."""

    def die(picture: Picture) -> None:
        if picture.name == screen:
            raise DeviceError("display", "it does not answer: look at its cable")

    with World(f"canary-{screen}-{card}") as world:
        world.on_show = die
        with pytest.raises(DeviceError) as died:
            world.run(play(world, story))
        keys = [key for working in world.acquirer._sign_ins._keys.values() for key in working._keys]
    text = "".join(traceback.format_exception(died.value)).encode()
    assert b"it does not answer" in text and b"power_on" in text or b"_display_task" in text
    assert found(secrets_of(PROFILES[card], [bytes(TEST_TMK), *keys], keys[:1]), "the traceback", text) == []


def test_a_swiped_card_s_track_is_in_no_file_slip_or_screen(tmp_path: Path) -> None:
    """Sold, reversed after silence, and cut short: what is kept of it all."""
    said: list[str] = []
    silent = f"insert_card: host silent swipe {SWIPED}\nenter_pin: 123456 ENTER\nreversal_pending: host ok ENTER\n"
    bad = "insert_card: swipe short:stripe-debit\ncard_problem: CANCEL\nidle:\n"
    with World("canary-stripe", data=tmp_path) as world:
        world.on_show = lambda picture: said.append(" ".join(picture.text()))
        world.printer_said = lambda lines: said.append(repr(lines))
        pay = "idle: 12850 ENTER\nchoose_method: 1\n"
        sold = SWIPE.rstrip().removesuffix("idle:")
        world.run(play(world, sold + pay + silent + pay + bad))
        said += [str(dict(event.body)) for event in world.journal.events_after(0)]
    card = PROFILES[SWIPED]
    wanted = {name: values for name, values in secrets_of(card, [], []).items() if name in ("PAN", "track")}
    places = {path.name: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    places["what was said"] = "\n".join(said).encode()
    assert mask_pan(card.pan).encode() in places["what was said"], "the search itself must have something to find"
    assert [hit for place, data in places.items() for hit in found(wanted, place, data)] == []
