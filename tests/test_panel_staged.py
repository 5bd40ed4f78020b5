"""The bench in virtual time, without a browser: the same messages as the real one, time in hand, scenarios played."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sim.panel.faults import VIRTUAL
from sim.panel.hub import Hub, Listener
from sim.panel.protocol import JSONObject, parse_do
from sim.panel.shelf import cards
from sim.panel.staged import StagedWorld
from sim.recording.playing import replay
from sim.stage import Terms
from terminal.screens.font import load_font

pytestmark = pytest.mark.slow  # Each begins a world, and waits for its ticker.

WAIT_S = 20.0


class Page:
    """A page's end: says what a person does, hears what the bench tells."""

    def __init__(self, world: StagedWorld, listener: Listener) -> None:
        self._world, self._listener = world, listener

    def say(self, **message: Any) -> None:
        self._world.do(parse_do(json.dumps(message)))

    def until(self, kind: str, wanted: Callable[[JSONObject], object] = lambda message: True) -> JSONObject:
        heard, end = [], time.monotonic() + WAIT_S
        while time.monotonic() < end:
            message: JSONObject = json.loads(str(self._listener.next(WAIT_S)))
            if message["is"] == kind and wanted(message):
                return message
            if message["is"] != "time":
                heard.append(f"{message['is']} {message.get('name', message.get('text', ''))}")
        pytest.fail(f"never said: {kind}; heard {heard[-10:]}")

    def see(self, name: str) -> JSONObject:
        return self.until("screen", lambda screen: screen["name"] == name)


@pytest.fixture
def hub() -> Hub:
    return Hub()


@pytest.fixture
def world(hub: Hub) -> Iterator[StagedWorld]:
    world = StagedWorld(hub, Terms(seed=7), cards=cards(), font=load_font())
    yield world
    world.close()


@pytest.fixture
def page(hub: Hub, world: StagedWorld) -> Page:
    world.start()
    page = Page(world, hub.join({}))
    page.see("idle")
    page.say(do="time", act="speed", value=20)
    return page


def pay_by_chip(page: Page) -> None:
    for key in ("5", "0", "0", "enter"):
        page.say(do="press", key=key)
    page.see("choose_method")
    page.say(do="press", key="1")
    page.see("insert_card")
    page.say(do="insert", card="signature")


def test_a_sale_shows_screens_talk_slips_and_books_that_agree(page: Page) -> None:
    pay_by_chip(page)
    apdu = page.until("apdu", lambda entry: entry["en"] == "GENERATE AC")
    assert apdu["badge"] == "9000"
    asked = page.until("host", lambda entry: entry["mti"] == "0200")
    answered = page.until("host", lambda entry: entry["mti"] == "0210")
    assert (asked["way"], answered["way"], answered["badge"]) == ("in", "out", "00")
    screen = page.see("approved")
    assert len(base64.b64decode(screen["pixels"])) == 128 * 64 // 8
    slip = page.until("slip")
    assert "5.00" in slip["text"] and base64.b64decode(slip["png"]).startswith(b"\x89PNG")
    page.see("remove_card")
    page.say(do="remove")
    books = page.until("books", lambda books: [row["host"] and row["tone"] for row in books["sides"]["rows"]] == [""])
    assert books["sides"]["verdict"] == "agree"
    assert books["sides"]["rows"][0]["terminal"]["en"] == "completed"


def test_time_stands_still_is_stepped_and_goes_on(page: Page) -> None:
    page.say(do="time", act="speed", value=0)
    still = page.until("time", lambda told: told["speed"] == 0)
    page.say(do="time", act="step", value=60_000)
    later = page.until("time", lambda told: told["age_ms"] > still["age_ms"])
    assert later["age_ms"] - still["age_ms"] >= 60_000
    page.say(do="press", key="5")  # A key is answered also while time stands still.
    assert page.see("enter_amount")["text"]
    page.say(do="time", act="speed", value=60)
    assert page.until("time", lambda told: told["speed"] == 60)["age_ms"] > later["age_ms"]


def test_a_lost_answer_is_reversed_and_the_fault_is_gone_by_itself(page: Page) -> None:
    page.say(do="happen", what="fault", how="drop-reply,mti=0200")
    assert page.until("faults-on", lambda told: told["on"])["on"] == {"fault:drop-reply": "once"}
    pay_by_chip(page)
    assert page.until("faults-on", lambda told: not told["on"])["on"] == {}
    page.until("books", lambda books: books["sides"]["verdict"] == "open")
    page.say(do="remove")
    page.until("host", lambda entry: entry["mti"] == "0410")
    rows = page.until("books", lambda books: books["sides"]["verdict"] == "agree")["sides"]["rows"]
    assert [(row["terminal"]["en"], row["host"]["en"]) for row in rows] == [("reversed", "reversed")]


def test_lasting_mishaps_are_told_and_mended(page: Page) -> None:
    for what, how, off in (("reader", "unplug", "plug"), ("scanner", "broken", "mended"), ("cable", "out", "in")):
        page.say(do="happen", what=what, how=how)
        page.until("faults-on", lambda told, name=f"{what}:{what}": told["on"] == {name: "always"})
        page.say(do="happen", what=what, how=off)
        page.until("faults-on", lambda told: not told["on"])
    page.say(do="happen", what="line", how="delay,ms=5000,times=every")
    page.until("faults-on", lambda told: told["on"] == {"line:delay": "always"})
    page.say(do="mend", what="line", name="delay")
    page.until("faults-on", lambda told: not told["on"])
    page.say(do="happen", what="fault", how="no-mac")
    page.until("faults-on", lambda told: told["on"] == {"fault:no-mac": "once"})
    page.say(do="clear")
    page.until("faults-on", lambda told: not told["on"])
    page.say(do="mend", what="fault", name="deluge")
    assert "deluge" in page.until("problem")["text"]["en"]


def test_the_power_fails_at_a_named_moment_and_the_terminal_recovers(page: Page) -> None:
    page.say(do="happen", what="power-fails", how="after-link")
    page.until("faults-on", lambda told: told["on"] == {"power-fails:after-link": "once"})
    pay_by_chip(page)
    assert page.until("power")["on"] is False
    assert page.until("power")["on"] is True
    page.see("enter_number")  # The operator signs on again.


def test_the_switch_darkens_the_terminal_and_wakes_it(page: Page) -> None:
    page.say(do="power", on=False)
    assert page.until("power")["on"] is False
    page.say(do="press", key="5")
    told = page.until("problem")["text"]
    assert "no power" in told["en"] and "没有通电" in told["zh"]
    page.say(do="power", on=True)
    assert page.until("power")["on"] is True
    page.see("enter_number")


@pytest.mark.parametrize("name", ["wrong-pin-thrice-reversal-lost-power-cut"])
def test_a_scenario_is_played_step_by_step(page: Page, name: str) -> None:
    page.say(do="play", scenario=name)
    assert page.until("begun")["seed"] == "0"  # As on the command line.
    assert page.until("playing")["state"] == "playing"
    assert page.until("step")["text"]
    assert page.until("power")["on"] is False  # Its power cut, before everybody's eyes.
    ended = page.until("playing")
    assert (ended["state"], ended["text"]["en"]) == ("played", "")


def test_a_scenario_can_be_stopped_and_an_unknown_one_is_refused(page: Page) -> None:
    page.say(do="time", act="speed", value=1)
    page.say(do="play", scenario="wrong-pin-thrice-reversal-lost-power-cut")
    page.until("step")
    page.say(do="time", act="stop")
    assert page.until("playing", lambda told: told["state"] != "playing")["state"] == ""
    page.say(do="play", scenario="../../etc")
    assert "没有这个场景" in page.until("problem")["text"]["zh"]


def test_another_world_offers_what_the_first_one_did() -> None:
    hub = Hub()
    world = StagedWorld(hub, Terms(seed=7, offered="all"), cards=cards(), font=load_font())
    world.start()
    try:
        page = Page(world, hub.join({}))
        page.see("idle")
        page.say(do="begin", seed="42")
        page.until("begun", lambda told: told["seed"] == "42")
        terms = json.loads(world.recording().splitlines()[0])["terms"]
        assert (terms["seed"], terms["offered"]) == ("42", "all")
    finally:
        world.close()


def test_another_seed_is_another_world_and_a_late_page_sees_only_that(hub: Hub, page: Page) -> None:
    pay_by_chip(page)
    page.until("slip")
    page.say(do="begin", seed="42")
    assert page.until("begun")["seed"] == "42"
    page.until("time", lambda told: told["seed"] == "42")
    late = hub.join({})
    kinds = set()
    while (message := json.loads(str(late.next(WAIT_S))))["is"] != "time":
        kinds.add(message["is"])
    assert {"slip", "host", "apdu"} & kinds == set()


def test_the_phone_scans_the_glass_and_pays(page: Page) -> None:
    for key in ("1", "0", "0", "enter"):
        page.say(do="press", key=key)
    page.see("choose_method")
    page.say(do="press", key="2")
    page.see("show_qr")
    page.say(do="phone", act="look")
    asked = page.until("phone", lambda phone: phone["screen"] == "confirm")
    assert asked["amount"] == "1.00" and asked["view"]["text"]
    page.say(do="phone", act="confirm")
    page.see("approved")
    assert page.until("phone", lambda phone: phone["history"])["history"][0]["amount"] == "-1.00"


def test_whatever_a_page_did_is_recorded_and_played_again_to_the_byte(
    page: Page, world: StagedWorld, tmp_path: Path
) -> None:
    """By chip over a line that was to be slow and is not, by both kinds of code, and with the power off."""
    page.say(do="happen", what="line", how="delay,ms=5000,times=every")
    page.say(do="mend", what="line", name="delay")
    pay_by_chip(page)
    page.see("remove_card")
    page.say(do="remove")
    page.see("idle")
    for key in ("1", "0", "0", "enter"):
        page.say(do="press", key=key)
    page.see("choose_method")
    page.say(do="press", key="2")
    page.see("show_qr")
    page.say(do="phone", act="look")
    page.until("phone", lambda phone: phone["screen"] == "confirm")
    page.say(do="phone", act="cancel")
    page.say(do="phone", act="look")
    page.until("phone", lambda phone: phone["screen"] == "confirm")
    page.say(do="phone", act="confirm")
    page.see("approved")
    page.see("idle")
    page.say(do="phone", act="wallet", wallet="wechat")
    page.say(do="power", on=False)
    page.say(do="phone", act="code")
    page.until("phone", lambda phone: phone["screen"] == "code")
    page.say(do="power", on=True)
    for screen, keys in (("enter_number", ("enter",)), ("operator_password", ("1", "2", "3", "4", "enter"))):
        page.see(screen)
        for key in keys:
            page.say(do="press", key=key)
    page.see("idle")
    for key in ("2", "0", "0", "enter"):
        page.say(do="press", key=key)
    page.see("choose_method")
    page.say(do="press", key="3")
    page.until("scanner", lambda scanner: scanner["on"])
    page.say(do="phone", act="code")  # The one from before is older than a minute by now.
    page.until("phone", lambda phone: phone["screen"] == "code")
    page.say(do="phone", act="hold")
    page.see("approved")
    path = tmp_path / "bench.jsonl"
    path.write_bytes(world.recording())
    found = replay(path)
    assert found.same, found
    text = path.read_text(encoding="utf-8")
    assert text.count('"touch":{"') == 6 and '"mend":{"line":"delay"}' in text
    assert text.count('"to":"completed"') == 3


def test_whatever_the_page_offers_to_break_can_be_broken(hub: Hub, page: Page) -> None:
    page.say(do="time", act="speed", value=0)
    for row in VIRTUAL:
        for how in filter(None, (row.once, row.always, row.off)):
            page.say(do="happen", what=row.what, how=how.replace("{value}", row.value))
    page.say(do="happen", what="fault", how="split")  # The first that cannot be, and that is not offered.
    assert page.until("problem")["text"]["en"].startswith("split of the host needs a line of bytes")
