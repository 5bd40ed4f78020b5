"""The bench around a handheld: order, power cuts, crashes, and what lies in the world meanwhile."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from panel_bench import FAKE, bench

from sim.panel.hub import LOGS, Hub
from sim.panel.world import CRASHES_LIMIT

pytestmark = pytest.mark.slow  # Many small ones: `make test-quick` is to stay quick.


def is_(kind: str, **more: Any) -> Any:
    return lambda message: message["is"] == kind and all(message.get(key) == value for key, value in more.items())


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_a_hundred_fast_keys_arrive_in_order(tmp_path: Path) -> None:
    typed = [str(7 * index % 10) for index in range(100)]
    with bench(tmp_path) as panel, panel.page() as page:
        hello = page.until(is_("ready"))[0]
        for key in typed:
            page.say(do="press", key=key)
        heard = page.until(lambda message: str(message.get("text", [""])[0]).count("[") == len(typed))
        assert re.findall(r"\[(\d)\]", heard[-1]["text"][0]) == typed
        numbers = [message["seq"] for message in heard if message["seq"] > hello["seq"]]  # Before it: the last of each.
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def test_two_pages_see_the_same_numbered_story(tmp_path: Path) -> None:
    with bench(tmp_path) as panel, panel.page() as one, panel.page() as two:
        one.until(is_("ready"))
        two.until(is_("ready"))
        one.say(do="press", key="1")
        two.until(is_("screen", name="typed"))
        two.say(do="press", key="enter")
        told = [page.until(is_("slip"))[-3:] for page in (one, two)]
        assert told[0] == told[1]
        assert "SLIP [1][enter]" in told[0][-1]["text"]


def test_power_off_is_a_kill_and_power_on_a_new_life(tmp_path: Path) -> None:
    with bench(tmp_path) as panel, panel.page() as page:
        first = page.until(is_("ready"))[-1]["pid"]
        page.say(do="power", on=False)
        page.until(is_("power", on=False))
        assert gone(first)
        page.say(do="press", key="5")  # Nobody hears it: it must not come out of the next life.
        page.say(do="power", on=True)
        second = page.until(is_("ready"))[-1]["pid"]
        assert second != first
        page.say(do="press", key="1")
        assert page.until(is_("screen", name="typed"))[-1]["text"] == ["[1]"]


def test_a_killed_process_is_started_again(tmp_path: Path) -> None:
    with bench(tmp_path) as panel, panel.page() as page:
        first = page.until(is_("ready"))[-1]["pid"]
        os.kill(first, 9)
        fallen = page.until(is_("power", on=False))[-1]
        assert (fallen["why"], fallen["status"]) == ("crashed", -9)
        assert page.until(is_("ready"))[-1]["pid"] != first


@pytest.mark.slow
def test_a_handheld_that_keeps_falling_is_left_off(tmp_path: Path) -> None:
    with bench(tmp_path, [sys.executable, "-c", "raise SystemExit(3)"]) as panel, panel.page() as page:
        heard = page.until(is_("power", on=False, why="crashed-often"))
        assert sum(is_("power", why="crashed")(message) for message in heard) <= CRASHES_LIMIT
        page.say(do="power", on=True)  # A person may always try.
        page.until(is_("power", on=True))


def test_the_card_stays_in_its_slot_through_a_power_cut(tmp_path: Path) -> None:
    with bench(tmp_path) as panel, panel.page() as page:
        page.until(is_("ready"))
        page.say(do="insert", card="good")
        page.until(is_("card", card="good"))
        page.say(do="restart")
        page.until(is_("ready"))
        assert page.until(is_("card"))[-1]["card"] == "good"  # Told to the new life by the world.


def test_a_card_in_the_slot_comes_out_to_be_swiped(tmp_path: Path) -> None:
    with bench(tmp_path) as panel, panel.page() as page:
        page.until(is_("ready"))
        page.say(do="insert", card="good")
        page.until(is_("card", card="good"))
        page.say(do="swipe", card="good")
        page.until(is_("card", card=""))
        page.say(do="swipe", card="wrong-lrc:good")
        assert "no card" in page.until(is_("problem"))[-1]["text"]["en"]


def test_an_unknown_card_never_reaches_the_slot(tmp_path: Path) -> None:
    with bench(tmp_path) as panel, panel.page() as page:
        page.until(is_("ready"))
        page.say(do="insert", card="../../etc")
        assert "no card" in page.until(is_("problem"))[-1]["text"]["en"]


def test_the_phone_s_code_goes_through_the_scanner(tmp_path: Path) -> None:
    with bench(tmp_path) as panel, panel.page() as page:
        page.until(is_("ready"))
        page.say(do="phone", act="hold")
        assert page.until(is_("screen", name="scanned"))[-1]["text"] == ["2800123456789"]


def test_the_host_s_switch_is_shown(tmp_path: Path) -> None:
    with bench(tmp_path) as panel, panel.page() as page:
        page.say(do="host", behaviour="silent")
        page.until(is_("host-state", behaviour="silent"))
        assert panel.bank.behaviours == ["silent"]


def test_a_late_page_sees_what_it_missed(tmp_path: Path) -> None:
    with bench(tmp_path) as panel:
        with panel.page() as page:
            page.until(is_("ready"))
            page.say(do="press", key="1")
            page.say(do="press", key="enter")
            page.until(is_("slip"))
        with panel.page() as late:
            hello = late.hear()
            heard = late.until(lambda message: message["seq"] >= hello["seq"])
            kinds = {message["is"] for message in heard}
            assert {"screen", "slip", "power", "cards", "phone", "books", "lamp"} <= kinds
            assert [m["text"] for m in heard if m["is"] == "screen"] == [["[1][enter]"]]


def test_what_a_handheld_babbles_is_a_message_not_a_fall(tmp_path: Path) -> None:
    babble = "import sys\nfor line in sys.stdin: print('Traceback or worse', flush=True)"
    with bench(tmp_path, [sys.executable, "-c", babble]) as panel, panel.page() as page:
        page.say(do="press", key="5")  # A page hears of what happens from now on.
        assert "not JSON" in page.until(is_("problem"))[-1]["text"]["en"]
        page.say(do="power", on=False)
        page.until(is_("power", on=False))


def test_closing_the_panel_leaves_no_process(tmp_path: Path) -> None:
    with bench(tmp_path, FAKE) as panel, panel.page() as page:
        pid = page.until(is_("ready"))[-1]["pid"]
    assert gone(pid)


def test_a_page_that_does_not_read_is_cut_off_and_the_others_go_on() -> None:
    hub = Hub()
    sleeper, reader = hub.join({}), hub.join({})
    for index in range(2100):
        hub.publish({"is": "tone", "index": index})
        reader.next(0)
    assert sleeper.lost and not reader.lost


def test_the_logs_of_the_hub_are_bounded() -> None:
    hub = Hub()
    for index in range(LOGS["host"] + 50):
        hub.publish({"is": "host", "index": index})
    late = hub.join({})
    told = [json.loads(str(late.next(0))) for _ in range(LOGS["host"] + 1)]
    assert told[-1]["index"] == LOGS["host"] + 49 and told[1]["index"] == 50


def test_a_card_that_is_to_be_torn_out_is_told_until_one_is_put_in(tmp_path: Path) -> None:
    with bench(tmp_path) as panel, panel.page() as page:
        page.until(is_("ready"))
        page.say(do="happen", what="tear", how="7")
        page.until(is_("reader-state", tears=True))
        page.say(do="restart")  # The next card is the next card, whatever befalls the terminal.
        page.until(is_("ready"))
        page.say(do="swipe", card="good")
        page.until(is_("reader-state", tears=True))
        page.say(do="insert", card="good")
        page.until(is_("reader-state", tears=False))
