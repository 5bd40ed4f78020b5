"""Processing restrictions: version, usage control, dates. Spec: EMV 4.4 Book 3 §10.4."""

from __future__ import annotations

from typing import Any

import pytest
from emv_card_script import first_generate_ac, options, pin, play, records, selection, session

FINE = "8000048000"
EXPIRED = "8040048000"
EARLY = "8020048000"
NOT_ALLOWED = "8010048000"
VERSION = "8080048000"

CASES: dict[str, tuple[dict[str, str | None], dict[str, Any], str]] = {
    "the same version": ({"x9F08": "0030"}, {}, FINE),
    "another version": ({"x9F08": "0031"}, {}, VERSION),
    "no version": ({"x9F08": None}, {}, FINE),
    "expires today": ({"x5F24": "240615"}, {}, FINE),
    "expired yesterday": ({"x5F24": "240614"}, {}, EXPIRED),
    "expires in the last century": ({"x5F24": "991231"}, {}, EXPIRED),
    "expires in 2049": ({"x5F24": "491231"}, {}, FINE),
    "effective today": ({"x5F25": "240615"}, {}, FINE),
    "effective tomorrow": ({"x5F25": "240616"}, {}, EARLY),
    "no effective date": ({"x5F25": None}, {}, FINE),
    "no usage control": ({"x9F07": None}, {}, FINE),
    "only at cash machines": ({"x9F07": "FE00"}, {}, NOT_ALLOWED),
    "domestic goods": ({"x9F07": "2100"}, {}, FINE),
    "domestic services": ({"x9F07": "0900"}, {}, FINE),
    "abroad only": ({"x9F07": "1500"}, {}, NOT_ALLOWED),
    "abroad, goods": ({"x9F07": "1100", "x5F28": "0840"}, {}, FINE),
    "abroad, services": ({"x9F07": "0500", "x5F28": "0840"}, {}, FINE),
    "at home only, abroad": ({"x9F07": "2900", "x5F28": "0840"}, {}, NOT_ALLOWED),
    "no issuer country: only the place counts": ({"x9F07": "0100", "x5F28": None}, {}, FINE),
    "cash at home": ({"x9F07": "8100"}, {"kind": 1}, FINE),
    "no cash at home": ({"x9F07": "7D00"}, {"kind": 1}, NOT_ALLOWED),
    "cash abroad": ({"x9F07": "4100", "x5F28": "0840"}, {"kind": 1}, FINE),
    "cash back at home": ({"x9F07": "2180"}, {"kind": 9, "other_minor": 5000}, FINE),
    "no cash back": ({"x9F07": "2100"}, {"kind": 9, "other_minor": 5000}, NOT_ALLOWED),
    "cash back abroad": ({"x9F07": "1140", "x5F28": "0840"}, {"kind": 9, "other_minor": 5000}, FINE),
}


@pytest.mark.parametrize("name", CASES)
def test_tvr(name: str) -> None:
    changes, sale, tvr = CASES[name]
    transcript = [
        *selection(),
        *options(),
        # Without issuer codes, so that nothing is denied and the TVR alone is looked at.
        *records(x9F0E=None, **changes),
        *pin(),
        *first_generate_ac(
            tvr,
            wanted="00" if tvr == NOT_ALLOWED else "80",  # The test list's TAC-Denial denies that one.
            given="00",
            kind=f"{sale.get('kind', 0):02X}",
            other=f"{sale.get('other_minor', 0):012d}",
        ),
    ]
    assert play(session(sale=sale), transcript).outcome.data[0x95].hex().upper() == tvr


CASH_MACHINE = {"terminal_type": 0x14, "additional_capabilities": bytes.fromhex("8000F0A001")}


@pytest.mark.parametrize(
    ("usage", "profile", "tvr"),
    [
        ("8200", CASH_MACHINE, FINE),
        ("8100", CASH_MACHINE, NOT_ALLOWED),
        ("8100", {**CASH_MACHINE, "additional_capabilities": bytes.fromhex("7000F0A001")}, FINE),  # Gives out no cash.
        ("8200", {**CASH_MACHINE, "terminal_type": 0x11}, NOT_ALLOWED),  # A branch's counter is no machine.
    ],
)
def test_what_is_a_cash_machine(usage: str, profile: dict[str, Any], tvr: str) -> None:
    """Spec: Book 4 §A1: types 14, 15, 16 that give out cash."""
    transcript = [
        *selection(),
        *options(),
        *records(x9F0E=None, x9F07=usage),
        *pin(),
        *first_generate_ac(tvr, wanted="00" if tvr == NOT_ALLOWED else "80", given="00", kind="01"),
    ]
    assert play(session(sale={"kind": 1}, **profile), transcript).outcome.data[0x95].hex().upper() == tvr


@pytest.mark.parametrize("change", [{"x5F24": "240230"}, {"x5F24": "AABBCC"}, {"x5F25": "200001"}])
def test_what_is_no_date_ends_the_session(change: dict[str, str]) -> None:
    outcome = play(session(), [*selection(), *options(), *records(**change)]).outcome
    assert outcome.reason == "bad-data"
