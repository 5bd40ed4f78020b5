"""The certification script: it is whole and means something; its language refuses what it does not have."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sim.acquirer.faults import FaultKind, parse_fault
from sim.certify.fittings import FITTINGS, signature
from sim.certify.host import Exchange
from sim.certify.judge import Observed, Verdict, judge
from sim.certify.predicates import check_predicate, examine
from sim.certify.script import (
    FAULT,
    GROUPS,
    Case,
    Expected,
    ScriptError,
    load_script,
    read_cases,
    read_shapes,
    read_steps,
)
from sim.certify.words import FITTINGS as FITTING_WORDS
from sim.certify.words import GROUPS as GROUP_WORDS
from sim.certify.words import Prompt, place_words, prompts_of
from sim.story import parse_story
from terminal.hostlink.codec import Message
from terminal.hostlink.codes import RESPONSE_CODES
from terminal.hostlink.profile import load_profile

ROOT = Path(__file__).parents[1]
CASES = load_script()
PAN = "6225000000000014"


# The shipped script


def test_the_script_is_whole() -> None:
    assert len(CASES) >= 145
    assert {case.group for case in CASES} == set(GROUPS) == set(GROUP_WORDS)
    numbers = [re.fullmatch(r"[A-Z]+-[0-9]{2}", case.id) for case in CASES]
    assert all(numbers) and len({case.id for case in CASES}) == len(CASES)


def test_everything_that_a_terminal_can_be_fitted_with_is_wanted_and_has_words() -> None:
    assert {name for case in CASES for name in case.fittings} == set(FITTINGS) == set(FITTING_WORDS)
    assert len(signature()) == 3


def test_every_requirement_is_of_a_section_that_exists() -> None:
    text = (ROOT / "docs" / "host-link.md").read_text(encoding="utf-8")
    assert {case.section for case in CASES} <= set(re.findall(r"^## (\d+)\. ", text, re.MULTILINE))


def test_every_requirement_is_said_in_both_languages() -> None:
    for case in CASES:
        assert re.search(r"[\u4e00-\u9fff]", case.zh) and case.zh.endswith("。"), case.id
        assert not re.search(r"[\u4e00-\u9fff]", case.en) and case.en.endswith("."), case.id


def test_no_two_cases_are_the_same() -> None:
    assert len({case.story for case in CASES}) == len(CASES)


def test_every_case_demands_something_of_the_wire_or_of_the_books() -> None:
    assert [case.id for case in CASES if not case.frames and case.payments is None] == []


def test_every_response_code_and_every_fault_is_tried() -> None:
    """00 is in every sale, 10 is the fault "partial", 55 is a wrong PIN.

    A bill's rows are of a day that is over, which no certification waits for: tests/test_flows_reconcile.py. What a
    wallet gives its customer is the wallet's affair (tests/test_flows_promotions.py), and receipts of a printed code
    come unasked (tests/test_flows_static_code.py).
    """
    next_day = {FaultKind.BILL_MISSING, FaultKind.BILL_AMOUNT, FaultKind.BILL_FEE}
    gifts = {FaultKind.MERCHANT_DISCOUNT, FaultKind.PLATFORM_DISCOUNT, FaultKind.FALSE_DISCOUNT, FaultKind.RED_PACKET}
    receipts = {FaultKind.TOLD_AGAIN, FaultKind.LARGE_RECEIPT, FaultKind.TRACK_RECEIPT}
    armed = [line[len(FAULT) :].strip() for case in CASES for line in case.story.splitlines() if line.startswith(FAULT)]
    faults = [parse_fault(text) for text in armed]
    codes = {fault.code for fault in faults if fault.kind in (FaultKind.CODE, FaultKind.APPROVE)} | {"00", "10", "55"}
    assert set(RESPONSE_CODES) - codes == set()
    assert set(FaultKind) - {fault.kind for fault in faults} == next_day | gifts | receipts


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_a_person_can_be_told_what_to_do(case: Case) -> None:
    lines = [line for line in case.story.splitlines() if not line.startswith(FAULT)]
    for line in parse_story("\n".join(lines)):
        told = [part for part in prompts_of(line) if isinstance(part, Prompt)]
        assert told and all(zh and en for prompt in told for zh, en in (prompt.screen, *prompt.deeds))


# Reading


SHAPES = read_shapes('[m]\nmti = "0200"\nfields = { 3 = "000000" }\nhas = [4]\n[n]\nbase = "m"\nmay = [5]\n')
STEPS = read_steps('sale = "idle: $1 ENTER\\ninsert_card: insert $2"')


def read(text: str) -> tuple[Case, ...]:
    return read_cases("sale", text, SHAPES, STEPS)


def case_text(more: str = "", story: str = "idle: 1") -> str:
    return f'[[case]]\nid = "X-01"\nsection = "3"\nzh = "甲。"\nen = "A."\nstory = """{story}"""\n{more}'


def test_steps_and_turns_are_unfolded() -> None:
    (case,) = read(
        case_text(
            'each = ["05", "51"]\nfaults = ["code,mti=0200,code={each}"]\npayments = ["sale declined"]\nslips = 2\n'
            'frames = [{ shape = "n", answer = "{each}" }, { shape = "m", fields = { 4 = "as 1" } }]',
            "+sale 100 signature\nidle: <1.37> ENTER",
        )
    )
    turn = "! code,mti=0200,code={}\nidle: 100 ENTER\ninsert_card: insert signature\nidle: <{}.37> ENTER"
    assert case.story == turn.format("05", 1) + "\n" + turn.format("51", 3)
    assert [frame.answer for frame in case.frames] == ["05", "00", "51", "00"]
    assert [frame.fields["4"] for frame in case.frames] == ["present", "as 1", "present", "as 3"]
    assert case.frames[0].shape.may == {5} and case.frames[0].fields["3"] == "000000"
    assert (case.payments, case.slips) == (("sale declined", "sale declined"), 4)


@pytest.mark.parametrize(
    ("more", "story", "said"),
    [
        ("flips = 2", "idle:", "unknown flips"),
        ('frames = [{ shape = "q" }]', "idle:", "no shape 'q'"),
        ('frames = [{ shape = "m", fields = { X = "1" } }]', "idle:", "'X' is no place"),
        ('frames = [{ shape = "m", fields = { 4 = 1 } }]', "idle:", "a demand is text"),
        ('frames = [{ shape = "m", fields = { 4 = "~(" } }]', "idle:", "field 4"),
        ('fittings = ["wings"]', "idle:", "no terminal is fitted with wings"),
        ('faults = ["explode"]', "idle:", "explode"),
        ("", "+sale 1", "takes 2 word(s), not 1"),
        ("", "+buy 1", "no step +buy"),
        ("", "# nothing", "nobody does anything"),
        ("", "go to idle", "line 1"),
    ],
)
def test_what_is_wrong_with_a_case_is_said(more: str, story: str, said: str) -> None:
    with pytest.raises(ScriptError, match=re.escape(said)):
        read(case_text(more, story))


@pytest.mark.parametrize(
    ("text", "said"), [("[[case]]\n", "lacks"), ("x = 1", "unknown x"), ("", "has 0 cases"), ("[", "sale: ")]
)
def test_what_is_wrong_with_a_file_is_said(text: str, said: str) -> None:
    with pytest.raises(ScriptError, match=re.escape(said)):
        read(text)


def test_a_profile_s_script_is_in_its_dialect_and_leaves_out_what_it_has_not() -> None:
    ascii_dukpt = load_profile("iso8583-1987-ascii")
    there = {case.id: case for case in load_script(ascii_dukpt)}
    assert {case.id for case in CASES} - set(there) >= {"SIGN-02", "SIGN-05", "LIST-01"}
    (sign_in, sale) = there["SIGN-01"].frames
    assert (sign_in.fields["64"], sign_in.fields["tpdu"]) == ("mac", "absent")
    assert sale.fields["53"] == "~[0-9A-F]{20}"
    page = (ROOT / "docs" / "certification.md").read_text("utf-8")
    assert f"{len(CASES)} cases for `unionpay`, {len(there)} for" in page


def test_the_case_on_the_certification_s_page_is_the_script_s() -> None:
    page = (ROOT / "docs" / "certification.md").read_text("utf-8")
    example = re.search(r"^```toml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert example
    assert example[1] in (ROOT / "sim" / "certify" / "script" / "reversal.toml").read_text("utf-8")


def test_a_word_that_no_profile_has_is_told() -> None:
    with pytest.raises(ScriptError, match="no profile is asked for luck"):
        read(case_text('needs = ["luck"]'))


def test_a_shape_begins_only_from_one_before_it() -> None:
    with pytest.raises(ScriptError, match="no shape 'later'"):
        read_shapes('[first]\nbase = "later"\n[later]\nmti = "0200"')


# Demands and verdicts


def exchange(fields: dict[int, str | bytes], answer: dict[int, str | bytes] | None = None, **more: str) -> Exchange:
    message = Message(more.get("mti", "0200"), fields)
    reply = None if answer is None else Message("0210", answer)
    return Exchange(1_798_000_000_000, b"", None, message, "", more.get("mac", "good"), None, "000007", (), reply)


SEEN = (
    exchange({2: PAN, 4: "000000000100", 11: "000001", 60: "22000007"}, {37: "122300000001", 39: "00"}),
    exchange({11: "000002", 37: "122300000001", 13: "1223", 55: bytes.fromhex("9F260411223344"), 60: "2200000700050"}),
    exchange({11: "000001", 59: "A4003123", 61: "0000070000010000"}, mac="bad"),
)


@pytest.mark.parametrize(
    ("place", "demand", "at", "met"),
    [
        ("4", "present", 0, True), ("4", "present", 1, False), ("4", "absent", 1, True),
        ("4", "000000000100", 0, True), ("4", "100", 0, False), ("4", "~0+100", 0, True), ("4", "~0+", 0, False),
        ("11", "new", 1, True), ("11", "new", 2, False), ("11", "as 1", 2, True), ("11", "not as 1", 1, True),
        ("37", "answered 1", 1, True), ("39", "answered 1", 1, False), ("13", "date", 1, True),
        ("60.2", "batch", 0, True), ("60.4", "5", 1, True), ("60.4", "absent", 0, True),
        ("55.9F26", "11223344", 1, True), ("55.9F26", "absent", 0, True), ("55.9F27", "absent", 1, True),
        ("59.A4", "123", 2, True), ("61.2", "as 1", 2, False), ("61.2", "000001", 2, True),
        ("64", "mac", 0, True), ("64", "mac", 2, False), ("52", "pin 1234", 0, False),
        ("tpdu", "present", 0, False),
    ],
)  # fmt: skip
def test_a_demand_is_met_or_not(place: str, demand: str, at: int, met: bool) -> None:
    check_predicate(place, demand)
    assert examine(place, demand, at, SEEN).met is met


def test_a_field_that_is_cut_short_meets_no_demand() -> None:
    assert not examine("60.2", "present", 0, (exchange({60: "2200"}),)).met


def test_what_is_said_of_a_value_is_masked() -> None:
    told = examine("2", "absent", 0, SEEN)
    assert (told.met, told.actual) == (False, "622500******0014")
    track = exchange({35: f"{PAN}D3012201", 36: "99156", 52: bytes(8), 62: b"123"})
    shown = [examine(place, "absent", 0, (track,)).actual for place in ("35", "36", "52", "62")]
    assert shown == ["622500******0014D*******", "*****", "*" * 16, "3 bytes"]


def a_case(frames: tuple[Expected, ...], **more: object) -> Case:
    return Case("X-01", "sale", "3", "甲。", "A.", "idle:", frames, **more)  # type: ignore[arg-type]


def test_messages_missing_and_too_many_fail() -> None:
    wanted = Expected(SHAPES["m"], {"11": "new"}, "none")
    two = (exchange({11: "000001"}), exchange({11: "000002"}))
    for expected, count in ((1, 2), (3, 2)):
        result = judge(a_case((wanted,) * expected), Observed(two[:count], 0, 0))
        assert result.verdict is Verdict.FAILED
        assert {check.place for check in result.checks if not check.passed} == {f"{max(expected, 2)}.MTI"}
    assert judge(a_case((wanted, wanted)), Observed(two, 0, 0)).verdict is Verdict.PASSED


@pytest.mark.parametrize(
    ("demanded", "observed", "place"),
    [
        ({}, {"problem": "never shown"}, "screens"),
        ({"payments": ("sale completed",)}, {"payments": ("sale declined",)}, "journal"),
        ({"book": ("approved",)}, {"book": ()}, "host book"),
        ({"slips": 2}, {"slips": ("one",)}, "slips"),
        ({"slip": ("RMB 1.00",)}, {"slips": ("RMB 2.00",)}, "slip"),
        ({}, {"disagreements": ("STAN 1",)}, "books"),
        ({}, {"confirmed": False}, "person"),
    ],
)
def test_an_ending_that_differs_fails(demanded: dict[str, object], observed: dict[str, object], place: str) -> None:
    result = judge(a_case((), **demanded), Observed((), 0, 0, **observed))  # type: ignore[arg-type]
    assert result.verdict is Verdict.FAILED
    wrong = [check for check in result.checks if not check.passed]
    assert [check.place for check in wrong] == [place]
    assert all(place_words(place))


def test_what_cannot_be_seen_is_not_judged() -> None:
    case = a_case((), payments=("sale completed",), slips=2, slip=("RMB",), book=("approved",))
    assert judge(case, Observed((), 0, 0)).verdict is Verdict.PASSED
    assert judge(case, Observed((), 0, 0, skipped="no scanner")).verdict is Verdict.SKIPPED
