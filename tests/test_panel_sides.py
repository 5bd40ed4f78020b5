"""Both books side by side, and the list of faults: complete, in both languages, and true."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.acquirer import Acquirer, FaultKind
from sim.acquirer.caller import Caller
from sim.cut_loop import MOMENTS
from sim.line_faults import LINE_FAULTS
from sim.panel.faults import HOST_FAULTS, MOMENT_WORDS, ON_THE_WIRE, VIRTUAL, Row
from sim.panel.journal_view import EVENT_WORDS, event_told
from sim.panel.protocol import JSONObject, parse_do, to_line
from sim.panel.sides import Sides
from terminal.journal import Event
from terminal.journal.schema import KINDS

NOON = 1_795_233_600_000


def payment(stan: str, state: str, net: str, *, amount_minor: int = 1280, number: int = 1) -> JSONObject:
    row = {"stan": stan, "batch_no": "000001", "amount_minor": amount_minor, "net": net, "order_no": "", "kind": "sale"}
    shown = {"id": number, "state": state, "method": "card", "at_ms": NOON}
    return {**row, **shown, "row": row}


@pytest.fixture
def acquirer(tmp_path: Path) -> Acquirer:
    """A host that has approved one sale of 12.80 under STAN 000002."""
    acquirer = Acquirer()
    caller = Caller(lambda frame: acquirer.handle(frame, NOON), acquirer.profile, tmp_path)
    caller.sign_in()
    caller.sale(1280)
    return acquirer


def test_the_same_in_both_books(acquirer: Acquirer) -> None:
    sides = Sides()
    sides.told([payment("000002", "completed", "charged")])
    told = sides.beside(acquirer.book)
    assert told["verdict"] == "agree"
    [row] = told["rows"]
    assert (row["terminal"]["en"], row["host"]["en"]) == ("completed", "approved")
    assert (row["tone"], row["amount"]) == ("", "¥12.80")
    assert (row["terminal"]["zh"], row["host"]["zh"]) == ("已完成", "已批准")


def test_what_is_not_known_yet_is_open_and_no_difference(acquirer: Acquirer) -> None:
    sides = Sides()
    sides.told([payment("000002", "reversing", "open")])
    told = sides.beside(acquirer.book)
    assert (told["verdict"], told["rows"][0]["tone"]) == ("open", "open")
    sides.told([payment("000002", "completed", "charged")])  # The same payment, later.
    assert sides.beside(acquirer.book)["verdict"] == "agree"


@pytest.mark.parametrize(
    "wrong",
    [
        payment("000002", "reversed", "not-charged"),
        payment("000002", "completed", "charged", amount_minor=1281),
    ],
)
def test_a_difference_is_a_row_and_the_verdict(acquirer: Acquirer, wrong: JSONObject) -> None:
    sides = Sides()
    sides.told([wrong])
    told = sides.beside(acquirer.book)
    assert (told["verdict"], told["rows"][0]["tone"]) == ("differ", "bad")


def test_what_only_the_host_knows_has_a_row(acquirer: Acquirer) -> None:
    told = Sides().beside(acquirer.book)
    assert told["verdict"] == "differ"
    assert [(row["stan"], row["terminal"], row["tone"]) for row in told["rows"]] == [("000002", None, "bad")]


def test_what_only_the_terminal_knows_differs(acquirer: Acquirer) -> None:
    sides = Sides()
    sides.told([payment("000002", "completed", "charged"), payment("000009", "completed", "charged", number=2)])
    told = sides.beside(acquirer.book)
    assert told["verdict"] == "differ"
    assert [(row["stan"], row["host"] is None, row["tone"]) for row in told["rows"]] == [
        ("000009", True, "bad"),
        ("000002", False, ""),
    ]


def test_every_fault_every_moment_and_every_event_has_its_words() -> None:
    assert set(HOST_FAULTS) == set(FaultKind)
    assert set(MOMENT_WORDS) == set(MOMENTS)
    assert set(EVENT_WORDS) == set(KINDS)
    wire = {row.name for row in ON_THE_WIRE if row.what == "line"}
    virtual = {row.name for row in VIRTUAL if row.what == "line"}
    assert wire == set(LINE_FAULTS)
    assert virtual == {name for name, row in LINE_FAULTS.items() if row.trip is not None}
    assert all(row.zh and row.en for row in (*ON_THE_WIRE, *VIRTUAL))


@pytest.mark.parametrize("row", dict.fromkeys((*ON_THE_WIRE, *VIRTUAL)), ids=lambda row: f"{row.what}:{row.name}")
def test_what_a_row_asks_for_can_be_asked_for(row: Row) -> None:
    assert row.once or row.always
    for how in (row.once, row.always, row.off):
        if how:
            message = {"do": "happen", "what": row.what, "how": how.replace("{value}", row.value)}
            assert parse_do(to_line(message).decode()).wire() == message


def test_the_journal_on_the_page_says_who_did_it_and_who_agreed_in_both_languages() -> None:
    body = {"from": "signed-in", "to": "settling", "facts": {}, "operator": "02", "approved_by": "01"}
    told = event_told(Event(7, NOON, "mode", 1, body, ""))
    assert told["zh"] == "终端状态 · 操作员 02 · 授权 01"
    assert told["en"] == "the terminal's mode · operator 02 · approved by 01"
    assert told["told"] == "signed-in → settling"
    assert event_told(Event(8, NOON, "printed", 1, {"id": 1}, ""))["en"] == "a slip is printed"
