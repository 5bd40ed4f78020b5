"""The contact kernel against every case of tests/emv/cases; each requirement has a case, or says why it has none."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from conformance.card import ScriptedCard
from conformance.case import Case, CaseError, cases, read_cases
from conformance.matrix import ALL, kills, only_cases, place, survivors_explained
from conformance.mutants import mutants
from conformance.notation import bits, encode
from conformance.requirements import requirements
from conformance.runner import decisions, run

from emv.bits import AIP, AUC, TSI, TVR
from emv.rules import RULES


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.id)
def test_case(case: Case) -> None:
    assert run(case) == []


def test_every_case_shows_a_requirement_that_exists() -> None:
    unknown = {name for case in cases() for name in case.shows} - set(requirements())
    assert unknown == set()


def test_every_requirement_has_a_case_or_a_reason() -> None:
    shown = {name for case in cases() for name in case.shows}
    bare = [row.id for row in requirements().values() if row.id not in shown and not row.no_case]
    assert bare == []
    both = [row.id for row in requirements().values() if row.id in shown and row.no_case]
    assert both == [], "a requirement with a case needs no excuse"


def test_no_session_is_played_twice() -> None:
    """Two cases that differ in what they expect only are one case."""
    sessions: dict[str, str] = {}
    for case in cases():
        session = repr((case.card, case.terminal, case.aid, case.sale, case.people))
        assert sessions.setdefault(session, case.id) == case.id


def test_every_case_kills_a_mutant_alone_or_is_the_only_one_or_says_why_it_stands() -> None:
    earned = kills().keys() | only_cases() | {case.id for case in cases() if case.stands}
    assert [case.id for case in cases() if case.id not in earned] == []
    assert [case.id for case in cases() if case.stands and case.id in kills()] == [], "these need no excuse"


def test_what_cases_kill_and_what_lives_is_said_of_mutants_that_there_are() -> None:
    there = {mutant.id for module in ALL for mutant in mutants(module)}
    assert kills().keys() - {case.id for case in cases()} == set(), "make kills"
    assert set(kills().values()) - there == set(), "make kills"
    assert survivors_explained().keys() - there - {place(name) for name in there} == set()


@pytest.mark.slow
def test_what_is_said_of_the_mutants_of_one_module_is_true() -> None:
    """All of them take `make mutation`; a small one is tried anew, in a process that has not imported the kernel."""
    command = [sys.executable, "-m", "conformance", "mutation", "emv.cda", "--fresh"]
    done = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_every_decision_of_the_kernel_is_taken_in_a_case() -> None:
    taken = {word for case in cases() for word in decisions(case)}
    assert set(RULES) - taken == set()


@pytest.mark.parametrize(("flags", "size"), [(TVR, 5), (TSI, 2), (AIP, 2), (AUC, 2)])
def test_the_cases_table_of_bits_and_the_kernel_s_are_the_same(flags: type[TVR], size: int) -> None:
    places = {}
    for flag in flags:
        bit = flag.value.bit_length() - 1
        places[flag.name] = f"{size - bit // 8}.{bit % 8 + 1}"
    assert bits()[flags.__name__] == places


# The harness itself must be able to fail.


def only(case: Case, **changes: object) -> list[str]:
    import dataclasses

    return run(dataclasses.replace(case, **changes))  # type: ignore[arg-type]


def test_a_wrong_expectation_of_each_kind_is_noticed() -> None:
    base = next(case for case in cases() if case.id.startswith("base: online"))
    wrong: dict[str, object] = {
        "end": "declined-by-issuer",
        "tvr": "0000000000",
        "tsi": "0000",
        "cvm": "1E0300",
        "asked": ["ARQC"],
        "arc": "05",
        "sent": ["SELECT PSE"],
        "offered": [["A"]],
        "pins": ["online"],
        "signature": True,
        "online": False,
        "told1": {"9F02": "000000000001"},
        "told2": {"8A": "'05'"},
        "data": {"9F02": "-"},
        "problem": "anything",
    }
    for word, value in wrong.items():
        differences = only(base, expect={**base.expect, word: value}, said=frozenset({word}))
        assert len(differences) == 1, word
        assert differences[0].startswith(word), differences


def test_the_card_complains_of_what_is_coded_wrongly() -> None:
    card = ScriptedCard(cases()[0].card)
    for capdu in ("00A4040005", "00B2010D00", "80A80000028301", "80AEC0000000", "008200000101" + "00"):
        before = len(card.complaints)
        card.transmit(bytes.fromhex(capdu))
        assert len(card.complaints) > before, capdu


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('[[case]]\nname = "x"\nshows = "KERNEL-FLOW"\ntvr = ["NO_SUCH_BIT"]', "no bit of TVR"),
        ('[[case]]\nname = "x"\nshows = "KERNEL-FLOW"\ntvr = ["-SDA_FAILED"]', "does not set it"),
        ('[[case]]\nname = "x"\nshows = "KERNEL-FLOW"\ncard = { colour = "red" }', "not known"),
        ('[[case]]\nname = "x"\nshows = "KERNEL-FLOW"\nbase = "none"', "no base"),
        ('[[case]]\nname = "x"', "shows"),
        ('[[case]]\nname = "x"\nshows = "A"\n[[case]]\nname = "x"\nshows = "A"', "twice"),
    ],
)
def test_a_case_that_cannot_be_read_is_named(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(CaseError, match=reason):
        read_cases(path)


@pytest.mark.parametrize("notation", ["70[5A:62", "5A:6]", "hello", "5A:'open"])
def test_notation_that_cannot_be_read(notation: str) -> None:
    with pytest.raises(ValueError):
        encode(notation)
