"""The world over HTTP: each route, each mistake, and the document that describes them."""

from __future__ import annotations

import argparse
import io
import json
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from api_bench import TOKEN, Answer, Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from PIL import Image

from sim.__main__ import main as simulator
from sim.acquirer import Acquirer
from sim.acquirer.faults import FaultKind
from sim.acquirer.server import AcquirerServer
from sim.api import views
from sim.api.command import add_arguments, run
from sim.api.desk import Desk
from sim.api.openapi import MISTAKES, TABLE, document, document_text
from sim.api.server import BODY_LIMIT, ApiServer
from sim.card import PROFILES
from sim.outside_host import OutsideHost
from sim.panel.faults import HOST_FAULTS
from sim.proxy import Address
from sim.reasons import in_chinese
from sim.recording.playing import replay
from sim.scenario.command import SHIPPED
from sim.stage import Terms
from sim.story import MISHAPS

pytestmark = pytest.mark.slow  # Many small ones: `make test-quick` is to stay quick.
ROOT = Path(__file__).parents[1]
LIMIT = 120_000


@pytest.fixture(scope="module")
def server() -> Iterator[ApiServer]:
    desk = Desk(Terms(seed=7))
    served = ApiServer(desk, port=0, token=TOKEN)
    served.start()
    yield served
    served.close()
    desk.close()


@pytest.fixture
def api(server: ApiServer) -> Iterator[Client]:
    """A world that has just begun."""
    client = Client(server)
    client.post("/time", speed=0)
    client.post(
        "/reset", seed=7, language="en", panel="128x64", begin="signed-in", offered="usual", lines=1,
        profile="unionpay", amount_codes=False,
    )  # fmt: skip
    yield client
    client.close()


def sell(api: Client, card: str = "signature", keys: str = "500 ENTER") -> None:
    api.post("/press", keys=keys)
    api.post("/press", keys="1")
    api.post("/insert", card=card)
    assert api.post("/run-until", slip="SALES SLIP", limit_ms=LIMIT)["ended"] == "done"
    api.post("/remove")
    assert api.post("/run-until", idle=True, limit_ms=LIMIT)["screen"]["name"] == "idle"


# What can be done and seen.


def test_a_sale_is_done_and_both_books_have_it(api: Client) -> None:
    sell(api)
    assert [payment["state"] for payment in api.get("/payments")["payments"]] == ["completed"]
    books = api.get("/books")
    assert (books["agree"], books["differences"]) == (True, [])
    assert [(entry["amount_minor"], entry["state"]) for entry in books["host"]] == [(500, "approved")]
    slips = api.get("/slips")["slips"]
    assert slips[0]["number"] == 1
    assert "RMB 5.00" in slips[0]["text"]
    assert api.call("GET", "/slips/1.txt").data.decode().rstrip("\n") == slips[0]["text"].rstrip("\n")
    assert [message["mti"] for message in api.get("/messages")["messages"]] == ["0200", "0210"]
    events = api.get("/events", "?after=3&limit=5")["events"]
    assert [event["n"] for event in events] == [4, 5, 6, 7, 8]


def test_the_answer_to_a_key_is_the_screen_that_it_makes(api: Client) -> None:
    assert api.post("/press", keys="500 ENTER")["screen"]["name"] == "choose_method"
    seen = api.get("/screen")
    assert seen["lines"][0] == "Pay by ¥5.00"


def test_pictures_are_what_the_text_says(api: Client) -> None:
    sell(api)
    for path, size in (("/screen.png?scale=2", (256, 128)), ("/slips/1.png", (384, None))):
        answer = api.raw("GET", f"/v1{path}")
        assert answer.headers["Content-Type"] == "image/png"
        picture = Image.open(io.BytesIO(answer.data))
        assert picture.width == size[0]
        assert size[1] in (None, picture.height)
        assert len(picture.convert("L").getcolors() or ()) == 2, "ink and paper"


def test_a_wallet_pays_at_the_phone(api: Client) -> None:
    api.post("/press", keys="500 ENTER")
    api.post("/press", keys="3")
    api.post("/phone", wallet="wechat", does="show")
    assert api.post("/run-until", screen="approved", limit_ms=LIMIT)["ended"] == "done"
    assert [order["state"] for order in api.get("/books")["orders"]] == ["paid"]


def test_a_swipe_a_scan_and_a_step_are_done(api: Client) -> None:
    api.post("/press", keys="500 ENTER")
    api.post("/press", keys="1")
    assert api.post("/swipe", card="unread:signature")["ended"] == "done"
    assert api.post("/scan", code="123456789")["ended"] == "done"
    assert api.post("/step", step={"wait": 3}, limit_ms=1_000)["ended"] == "limit"
    answer = api.call("POST", "/step", {"step": {"expect": {"payments": ["settled"]}}})
    assert (answer.status, answer.reason) == (409, ("", "expected payments [settled]; there is []"))


def test_faults_have_names_are_set_and_are_cleared(api: Client) -> None:
    listed = api.get("/faults")
    names = {(fault["what"], fault["how"]) for fault in listed["faults"]}
    assert {("fault", "drop-reply"), ("line", "delay"), ("power", "cut"), ("paper", "out"), ("host", "mute")} <= names
    assert ("line", "drip") not in names, "only a line of bytes can"
    assert all(re.search(r"[一-鿿]", fault["zh"]) and fault["en"].isascii() for fault in listed["faults"])
    there = api.post("/faults", what="fault", how="drop-reply,mti=0200,times=every")
    there = api.post("/faults", what="line", how="drop-request,nth=2")
    assert there["in_force"] == [
        {"what": "fault", "how": "drop-reply", "times": None},
        {"what": "line", "how": "drop-request", "times": 1},
    ]
    answer = api.call("DELETE", "/faults")
    assert (answer.status, answer.json["in_force"]) == (200, [])
    sell(api)


def test_no_fault_is_left_out_of_the_list_for_want_of_words() -> None:
    assert set(HOST_FAULTS) == set(FaultKind)
    assert set(MISHAPS) - {"fault", "line"} <= set(views.FAULTS)


@pytest.mark.parametrize("what", ["fault", "line", "tear", "reader", "scanner", "paper", "paper-left", "host", "cable",
                                  "case", "clock", "power", "power-fails"])  # fmt: skip
def test_each_fault_that_is_listed_can_be_set(api: Client, what: str) -> None:
    """What is listed as a range is set by its first number."""
    for fault in api.get("/faults")["faults"]:
        if fault["what"] == what and fault["how"] != "on":
            api.post("/reset")
            api.post("/faults", what=what, how=fault["how"].split(" to ")[0])


def test_a_reversal_over_a_cut_of_the_power(api: Client) -> None:
    api.post("/faults", what="fault", how="drop-reply,mti=0200")
    api.post("/press", keys="500 ENTER")
    api.post("/press", keys="1")
    api.post("/insert", card="signature")
    assert api.post("/run-until", screen="reversal_pending", limit_ms=LIMIT)["ended"] == "done"
    api.post("/faults", what="power-fails", how="before-link")
    api.post("/press", keys="ENTER")
    api.post("/remove")
    api.post("/press", keys="500 ENTER")
    assert api.post("/press", keys="1")["ended"] == "power-cut"  # The reversal goes before the next sale.
    assert api.get("/state")["lives"] == 2
    api.post("/press", keys="ENTER")
    api.post("/press", keys="1234 ENTER")
    assert api.post("/run-until", idle=True, limit_ms=LIMIT)["ended"] == "done"
    assert "REVERSED" in api.get("/slips")["slips"][-1]["text"]
    assert api.get("/books")["terminal"] == ["reversed"]
    assert api.get("/books")["agree"]


def test_time_is_stopped_stepped_and_sped_up(api: Client) -> None:
    age_ms = api.get("/state")["age_ms"]
    assert api.post("/time", advance_ms=60_000) == {"speed": 0, "age_ms": age_ms + 60_000}
    assert api.post("/time", speed=60)["speed"] == 60
    assert api.get("/state")["speed"] == 60
    assert api.post("/time", speed=0)["age_ms"] >= age_ms + 60_000
    assert api.call("POST", "/time", {"speed": -1}).reason[0] == "speed"


def test_what_takes_long_is_interrupted_from_another_connection(api: Client, server: ApiServer) -> None:
    api.post("/time", speed=1)
    other, ended = Client(server), threading.Event()
    answers: list[Answer] = []

    def wait() -> None:
        answers.append(other.call("POST", "/run-until", {"text": "never said", "limit_ms": LIMIT}))
        ended.set()

    waiting = threading.Thread(target=wait)
    waiting.start()
    while not ended.is_set():
        api.post("/interrupt")
    waiting.join(30)
    other.close()
    assert answers[0].json["ended"] == "interrupted"


def test_a_snapshot_goes_out_and_comes_back_to_the_byte(api: Client) -> None:
    sell(api)
    api.post("/press", keys="7")
    kept = api.get("/snapshot")
    slips, events, state = api.get("/slips"), api.get("/events"), api.get("/state")
    glass = api.raw("GET", "/v1/screen.png").data
    api.post("/reset", seed=1, language="zh-CN", panel="128x128")
    assert api.get("/state")["seed"] == 1
    assert api.post("/restore", **kept) == state
    assert (api.get("/slips"), api.get("/events")) == (slips, events)
    assert api.raw("GET", "/v1/screen.png").data == glass
    assert api.get("/snapshot") == kept
    answer = api.call("POST", "/restore", {**kept, "digest": "0" * 64})
    assert answer.status == 409
    assert "did not make the same world" in answer.reason[1]


def test_the_recording_of_a_session_is_played_again_to_the_byte(api: Client, tmp_path: Path) -> None:
    api.post("/faults", what="power-fails", how="after-link")
    api.post("/press", keys="500 ENTER")
    api.post("/press", keys="1")
    api.post("/insert", card="signature")
    assert api.post("/run-until", screen="approved", limit_ms=LIMIT)["ended"] == "power-cut"
    api.post("/time", advance_ms=60_000)
    answer = api.call("GET", "/recording")
    assert answer.headers["Content-Type"].startswith("application/x-ndjson")
    path = tmp_path / "session.jsonl"
    path.write_bytes(answer.data)
    found = replay(path)
    assert (found.same, found.deeds) == (True, 6)
    assert api.call("GET", "/recording").data == answer.data, "to record changes nothing"


@pytest.mark.parametrize("seed", ["", "42"])
def test_a_scenario_s_world_is_the_one_of_the_command_line(api: Client, tmp_path: Path, seed: str) -> None:
    file, kept = SHIPPED / "card-mute.yaml", tmp_path / "kept.jsonl"
    command = ["scenario", str(file), "--record", str(kept), *(["--seed", seed] if seed else [])]
    assert simulator(command) == 0
    api.post("/scenario", yaml=file.read_text(encoding="utf-8"), **({"seed": int(seed)} if seed else {}))
    *_, here = api.raw("GET", "/v1/recording").data.decode().splitlines()
    *_, there = kept.read_text(encoding="utf-8").splitlines()
    assert json.loads(here)["digest"] == json.loads(there)["digest"], "all that it showed, printed, sent and recorded"


def test_a_scenario_is_played_and_what_does_not_come_about_has_a_place(api: Client) -> None:
    text = (SHIPPED / "wrong-pin-thrice-reversal-lost-power-cut.yaml").read_text(encoding="utf-8")
    played = api.post("/scenario", yaml=text)
    assert (played["ended"], played["problem"]) == ("done", "")
    assert api.get("/books")["agree"]
    failed = api.post("/scenario", yaml="title: t\nsteps:\n  - press: 5 ENTER\n  - expect: {mode: locked}\n", here=True)
    assert (failed["ended"], failed["step"], failed["line"]) == ("failed", 2, 4)
    assert "locked" in failed["problem"]
    answer = api.call("POST", "/scenario", {"yaml": "title: t\nsteps: 5"})
    assert (answer.status, answer.reason) == (422, ("yaml", "line 2, column 8: steps are a list of 1 to 500"))


def test_lists_for_people_who_write_tests(api: Client) -> None:
    cards = {card["name"]: card for card in api.get("/cards")["cards"]}
    assert cards["unionpay-credit-pin"]["pin"] == "123456"
    codes = {code["code"]: code for code in api.get("/response-codes")["codes"]}
    assert [codes[code]["amount_minor"] for code in ("51", "00", "A0")] == [151, 100, None]
    assert api.call("GET", "/openapi.json").json == json.loads(document_text())


def test_another_dialect_language_and_panel(api: Client) -> None:
    api.post("/reset", profile="iso8583-1987-ascii", language="zh-CN", panel="128x128")
    assert api.post("/press", keys="500 ENTER")["screen"]["height"] == 128
    api.post("/press", keys="1")
    api.post("/insert", card="signature")
    assert api.post("/run-until", slip="签购单", limit_ms=LIMIT)["ended"] == "done"
    assert [message["problem"] for message in api.get("/messages")["messages"]] == [None, None]
    assert api.get("/books")["agree"]


def test_nothing_that_is_told_has_a_whole_card_number(api: Client) -> None:
    """Snapshots and recordings have the keys that were pressed, a PIN among them: they are to keep to oneself."""
    card = "unionpay-credit-pin"
    pan = PROFILES[card].applications[0].pan
    api.post("/press", keys="500 ENTER")
    api.post("/press", keys="1")
    api.post("/insert", card=card)
    api.post("/run-until", screen="enter_pin", limit_ms=LIMIT)
    api.post("/press", keys="123456 ENTER")
    api.post("/run-until", slip="", limit_ms=LIMIT)
    for path in ("/state", "/screen", "/slips", "/payments", "/events", "/books", "/messages", "/slips/1.txt"):
        told = api.call("GET", path).data.decode()
        assert pan not in told, path
        assert "123456" not in told, path
    assert f"{pan[:6]}******{pan[-4:]}" in api.call("GET", "/messages").data.decode()


# Mistakes.


@pytest.mark.parametrize(
    ("path", "told", "status", "field", "reason"),
    [
        ("/press", {}, 422, "keys", "is missing"),
        ("/press", {"keys": "HELLO"}, 422, "keys", "digits and key names"),
        ("/press", {"keys": 5}, 422, "keys", "a text of at most"),
        ("/press", {"keys": "5", "more": 1}, 422, "more", "no such field; one of keys"),
        ("/press", [1], 400, "", "a JSON object"),
        ("/insert", {"card": "gold"}, 422, "card", "one of "),
        ("/insert", {"card": "signatur"}, 422, "card", "did you mean signature? one of "),
        ("/faults", {"what": "fault", "how": "drop-rply"}, 422, "how", "did you mean drop-reply? one of "),
        ("/phone", {"wallet": "wechat", "dose": "scan"}, 422, "dose", "no such field; did you mean does?"),
        ("/run-until", {"limit_ms": 5}, 400, "", "one of screen, text, slip, idle"),
        ("/run-until", {"limit_ms": 5, "idle": True, "text": "x"}, 400, "", "one of screen, text, slip, idle"),
        ("/run-until", {"limit_ms": -5, "idle": True}, 422, "limit_ms", "a whole number from 0"),
        ("/step", {"step": "dance"}, 422, "step", "no such step"),
        ("/step", {"step": {"press": None}}, 422, "step", "words, numbers"),
        ("/step", {"step": {"power": "on"}}, 409, "", "the terminal is on"),
        ("/faults", {"what": "fault", "how": "delay,ms=5"}, 409, "", "here the line has it"),
        ("/faults", {"what": "fault", "how": "nonsense"}, 422, "how", "no fault is called 'nonsense'; one of"),
        ("/reset", {"seed": -1}, 422, "seed", "below 2^63"),
        ("/reset", {"lines": True}, 422, "lines", "from 1 to 2"),
        ("/restore", {"version": "", "terms": {}, "entries": [{"act": 1}], "digest": ""}, 422, "entries[0]", ""),
        ("/restore", {"version": "", "terms": {"seed": []}, "entries": [], "digest": ""}, 422, "seed", "below"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_field(
    api: Client, path: str, told: Any, status: int, field: str, reason: str
) -> None:
    answer = api.call("POST", path, told)
    assert answer.status == status
    assert answer.reason[0] == field
    assert reason in answer.reason[1]


def test_a_mistake_is_told_in_the_language_that_was_asked_for(api: Client) -> None:
    body = json.dumps({"card": "signatur"}).encode()
    told = [
        api.raw("POST", "/v1/insert", body, **({"Accept-Language": asked} if asked else {}))
        for asked in ("", "en", "zh-CN,zh;q=0.9,en;q=0.8", "fr")
    ]
    assert [answer.headers["Content-Language"] for answer in told] == ["en", "en", "zh-CN", "en"]
    english, chinese = told[0].json["error"], told[2].json["error"]
    assert (chinese["status"], chinese["field"]) == (english["status"], english["field"]) == (422, "card")
    assert english["reason"].startswith("did you mean signature? one of ")
    assert chinese["reason"].startswith("是不是 signature？共有")
    scenario = json.dumps({"yaml": "title: t\nsteps:\n  - expect: {mode: locked}\n"}).encode()
    played = api.raw("POST", "/v1/scenario", scenario, **{"Accept-Language": "zh"}).json
    assert (played["ended"], played["problem"]) == ("failed", "期待mode locked；现在是signed-in")
    stranger = api.raw("GET", "/v1/state", **{"Accept-Language": "zh", "Authorization": ""})
    assert stranger.reason[1].startswith("须有 Authorization")


@pytest.mark.parametrize(
    ("method", "path", "body", "headers", "status"),
    [
        ("GET", "/v1/state", None, {"Authorization": ""}, 401),
        ("GET", "/v1/state", None, {"Authorization": "Bearer wrong"}, 401),
        ("GET", "/v1/state", None, {"Authorization": f"Basic {TOKEN}"}, 401),
        ("GET", "/v1/state", None, {"Origin": "http://evil.example"}, 403),
        ("GET", "/v1/state", None, {"Host": "evil.example"}, 421),
        ("GET", "/v1/nothing", None, {}, 404),
        ("GET", "/state", None, {}, 404),
        ("GET", "/v1/slips/99.txt", None, {}, 404),
        ("GET", "/v1/press", None, {}, 405),
        ("PUT", "/v1/press", b"{}", {}, 501),
        ("POST", "/v1/press", b"{", {}, 400),
        ("POST", "/v1/press", b"\xff", {}, 400),
        ("POST", "/v1/press", b"[" * 100_000, {}, 400),
        ("POST", "/v1/press", b'{"keys": "5"}', {"Content-Type": "text/plain"}, 415),
        ("GET", "/v1/events?after=1&after=2", None, {}, 400),
        ("GET", "/v1/events?after=minus", None, {}, 422),
        ("GET", "/v1/events?who=me", None, {}, 422),
    ],
)  # fmt: skip
def test_what_is_not_let_in_is_told_in_the_same_form(
    api: Client, method: str, path: str, body: bytes | None, headers: dict[str, str], status: int
) -> None:
    answer = api.raw(method, path, body, **headers)
    assert answer.status == status
    assert answer.json["error"]["status"] == status
    assert str(status) in {**MISTAKES, "501": "of no path that the document has"}
    told = document()
    Draft202012Validator({"$ref": "#/components/schemas/Error", "components": told["components"]}).validate(answer.json)
    assert in_chinese(answer.reason[1]) != answer.reason[1]
    assert ("Allow" in answer.headers) == (status == 405)


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        ("POST /v1/press HTTP/1.1\r\nHost: {host}\r\nContent-Length: 99999999999999\r\n\r\n", 400),
        (f"POST /v1/press HTTP/1.1\r\nHost: {{host}}\r\nContent-Length: {BODY_LIMIT + 1}\r\n\r\n", 413),
        ("POST /v1/press HTTP/1.1\r\nHost: {host}\r\nContent-Length: -1\r\n\r\n", 400),
        ("POST /v1/press HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\n", 411),
        ("GET /" + "a" * 70_000 + " HTTP/1.1\r\n\r\n", 414),
        ("GET /v1/state HTTP/1.1\r\nHost: {host}\r\nHost: {host}\r\nConnection: close\r\n\r\n", 421),
        ("nonsense\r\n\r\n", 400),
    ],
)
def test_bytes_that_are_no_request_are_refused(server: ApiServer, request_line: str, status: int) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as line:
        line.sendall(request_line.format(host=f"127.0.0.1:{server.port}").encode())
        answer = b""
        while data := line.recv(4096):
            answer += data
    assert json.loads(answer.split(b"\r\n\r\n")[-1].splitlines()[-1])["error"]["status"] == status


BODIES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda each: st.lists(each, max_size=3) | st.dictionaries(st.text(max_size=8), each, max_size=3),
    max_leaves=6,
)
POSTS = [route for route in TABLE if route.method == "POST" and route.takes and route.path != "/v1/time"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_is_posted_is_done_or_refused(api: Client, data: st.DataObject) -> None:
    route = data.draw(st.sampled_from(POSTS))
    fields = {name: BODIES | st.just("5") for name in route.takes}
    told = data.draw(st.fixed_dictionaries(fields) | st.dictionaries(st.sampled_from(sorted(fields)), BODIES))
    assert api.call("POST", route.path.removeprefix("/v1"), told).status in (200, 400, 409, 422)


# The document.


def test_the_shipped_document_is_what_the_table_writes() -> None:
    shipped = (ROOT / "sim" / "api" / "openapi.json").read_text(encoding="utf-8")
    assert shipped == document_text(), "python -m sim api --openapi > sim/api/openapi.json"


def test_the_document_is_whole() -> None:
    told = document()
    for schema in told["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    referred = set(re.findall(r"#/components/schemas/(\w+)", json.dumps(told)))
    assert referred == set(told["components"]["schemas"])
    operations = [operation for path in told["paths"].values() for operation in path.values()]
    assert len({operation["operationId"] for operation in operations}) == len(operations) == len(TABLE)
    for path, each in told["paths"].items():
        for operation in each.values():
            language, *others = operation["parameters"]
            assert language == {"$ref": "#/components/parameters/Language"}
            named = {parameter["name"] for parameter in others if parameter["in"] == "path"}
            assert named == set(re.findall(r"\{(\w+)\}", path))


# A host from outside, and the command.


def test_a_host_of_ones_own_answers_over_tcp(tmp_path: Path) -> None:
    acquirer = Acquirer(amount_codes=True)
    with AcquirerServer(acquirer) as outside:
        host = OutsideHost(Address("127.0.0.1", outside.port))
        desk = Desk(Terms(seed=1), host.stage)
        served = ApiServer(desk, port=0, token=TOKEN)
        served.start()
        client = Client(served)
        sell(client)
        client.post("/reset", seed=2)
        sell(client)  # By a terminal that has forgotten everything, which the host has not.
        client.post("/press", keys="651 ENTER")
        client.post("/press", keys="1")
        client.post("/insert", card="signature")
        assert client.post("/run-until", screen="declined", limit_ms=LIMIT)["ended"] == "done"
        client.post("/remove")
        assert client.post("/run-until", idle=True, limit_ms=LIMIT)["ended"] == "done"
        assert [entry.state.value for entry in acquirer.book.entries] == ["approved", "approved", "declined"]
        assert client.get("/state")["host"] == "outside"
        for path in ("/books", "/snapshot"):
            answer = client.call("GET", path)
            assert (answer.status, "outside" in answer.reason[1]) == (409, True)
        outside.stop()  # It restarts; a sale meanwhile is not answered, and reversed when it is back.
        client.post("/press", keys="500 ENTER")
        client.post("/press", keys="1")
        client.post("/insert", card="signature")
        assert client.post("/run-until", screen="reversal_pending", limit_ms=LIMIT)["ended"] == "done"
        path = tmp_path / "outside.jsonl"
        path.write_bytes(client.call("GET", "/recording").data)
        client.close()
        served.close()
        desk.close()
        host.close()
    found = replay(path)  # The host is gone, and its answers are in the file.
    assert (found.same, found.deeds) == (True, 16), found


def test_the_command_says_where_it_is_and_keeps_its_token(tmp_path: Path) -> None:
    token = tmp_path / "token"
    command = [sys.executable, "-m", "sim", "api", "--port", "0", "--json", "--seed", "9", "--token-file", str(token)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as running:
        assert running.stdout is not None
        told = json.loads(running.stdout.readline())
        assert told == {"url": told["url"], "seed": "9", "token_file": str(token)}
        assert token.stat().st_mode & 0o777 == 0o600
        port = int(told["url"].split(":")[2].split("/")[0])
        with socket.create_connection(("127.0.0.1", port), timeout=30) as line:
            key = token.read_text(encoding="ascii").strip()
            asked = f"GET /v1/state HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {key}\r\n\r\n"
            line.sendall(asked.encode())
            assert b'"seed": 9' in line.recv(4096)
        running.terminate()
        assert running.wait(30) == 0


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["--speed", "-1"], 2, "--speed is 0 to 3600"),
        (["--host", "127.0.0.1:1"], 1, "127.0.0.1:1: [Errno 111]"),
        (["--openapi"], 0, ""),
    ],
)  # fmt: skip
def test_the_command_says_what_is_wrong(
    words: list[str], status: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    assert run(parser.parse_args(["--port", "0", *words])) == status
    assert said in capsys.readouterr().err


def test_a_port_that_is_taken_is_said(server: ApiServer, capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    assert run(parser.parse_args(["--port", str(server.port)])) == 1
    assert f"127.0.0.1:{server.port}: Address already in use" in capsys.readouterr().err
