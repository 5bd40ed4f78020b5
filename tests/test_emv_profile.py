"""What the terminal may say of itself, the AID list as a file, and the explaining tool."""

from __future__ import annotations

import json
from typing import Any

import pytest
from emv_card_script import UNIONPAY

from emv.__main__ import main
from emv.aids import AidListError, default_aids, load_aids
from emv.commands import Result
from emv.kernel import AidEntry, Session, TerminalProfile, TransactionData


@pytest.mark.parametrize(
    "claim",
    [
        {"terminal_type": 0x20},
        {"terminal_type": 0x17},
        {"terminal_type": 0x31},  # Nobody attends a cardholder's own terminal.
        {"terminal_type": 0x23},  # Never online, and online PIN.
        {"terminal_type": 0x24, "pin_bypass": True},  # Nobody attends, and somebody lets the PIN be left out.
        {"capabilities": bytes.fromhex("E06804")},  # XDA
        {"capabilities": bytes.fromhex("E06900")},  # Enciphered PIN with elliptic curves.
        {"capabilities": bytes.fromhex("E06C00")},  # Biometrics.
        {"capabilities": bytes.fromhex("E068")},
        {"country": "CN"},
        {"currency": "15"},
        {"serial": "1"},
        {"merchant_no": "1"},
        {"terminal_no": "１２３４５６７８"},
        {"currency_exponent": 10},
    ],
)
def test_a_profile_cannot_claim_what_is_not_in(claim: dict[str, Any]) -> None:
    TerminalProfile(aids=(UNIONPAY,))
    with pytest.raises(ValueError, match=r"9F|digit|character|bypass"):
        TerminalProfile(aids=(UNIONPAY,), **claim)


# Type → online only, offline only, attended. Spec: EMV 4.4 Book 4 §A1.
TYPES = {
    0x11: (True, False, True),
    0x12: (False, False, True),
    0x13: (False, True, True),
    0x14: (True, False, False),
    0x15: (False, False, False),
    0x16: (False, True, False),
    0x21: (True, False, True),
    0x22: (False, False, True),
    0x23: (False, True, True),
    0x24: (True, False, False),
    0x25: (False, False, False),
    0x26: (False, True, False),
    0x34: (True, False, False),
    0x35: (False, False, False),
    0x36: (False, True, False),
}


@pytest.mark.parametrize("kind", range(0x100))
def test_every_terminal_type(kind: int) -> None:
    claim: dict[str, Any] = {"aids": (UNIONPAY,), "terminal_type": kind, "capabilities": bytes.fromhex("E0B800")}
    if kind not in TYPES:
        with pytest.raises(ValueError, match="9F35"):
            TerminalProfile(**claim)
        return
    profile = TerminalProfile(**claim)
    assert (profile.online_only, profile.offline_only, profile.attended) == TYPES[kind]


def test_a_cash_machine_is_a_banks_unattended_and_dispenses() -> None:
    cash, none = bytes.fromhex("8000000000"), bytes.fromhex("7000000000")
    assert TerminalProfile(aids=(UNIONPAY,), terminal_type=0x14, additional_capabilities=cash).cash_machine
    assert not TerminalProfile(aids=(UNIONPAY,), terminal_type=0x14, additional_capabilities=none).cash_machine
    assert not TerminalProfile(aids=(UNIONPAY,), terminal_type=0x24, additional_capabilities=cash).cash_machine


@pytest.mark.parametrize(
    "fact",
    [
        {"amount_minor": -1},
        {"amount_minor": 10**12},
        {"other_minor": 200},
        {"date": "20240615"},
        {"time": "14:30"},
        {"counter": -1},
        {"kind": 0x0A},
    ],
)
def test_transaction_data_that_cannot_be(fact: dict[str, Any]) -> None:
    good: dict[str, Any] = {"amount_minor": 100, "date": "240615", "time": "143000", "counter": 1}
    TransactionData(**good)
    with pytest.raises(ValueError):
        TransactionData(**{**good, **fact})


def test_an_aid_entry_that_cannot_be() -> None:
    facts: tuple[dict[str, Any], ...] = (
        {"aid": b"1234"},
        {"avn": b"1"},
        {"floor_limit_minor": -1},
        {"tac_online": b"1"},
        {"random_target": 100, "random_target_max": 100},
        {"random_target": -1},
        {"random_target": 2, "random_target_max": 1},
        {"random_threshold_minor": 1},
        {"floor_limit_minor": 5, "random_threshold_minor": 5},
        {"floor_limit_minor": 5, "random_threshold_minor": -1},
    )
    for fact in facts:
        with pytest.raises(ValueError):
            AidEntry(**{"aid": bytes(5), "name": "x", **fact})


def test_the_shipped_list() -> None:
    entries = default_aids()
    assert [entry.aid.hex().upper() for entry in entries] == [
        "A000000333010101",
        "A000000333010102",
        "A000000333010103",
        "A0000000031010",
        "A0000000041010",
    ]
    assert all(len(entry.tac_online) == 5 and entry.avn for entry in entries)


def test_ten_mistakes_are_ten_lines() -> None:
    text = """
    surprise = 1
    [[aid]]
    aid = "A0"
    name = 5
    partial = "yes"
    floor_limit_minor = 1.5
    tac_denial = "00"
    tac_online = "zz"
    default_ddol = "9F02"
    colour = "red"
    """
    with pytest.raises(AidListError) as caught:
        load_aids(text)
    assert [problem.where for problem in caught.value.problems] == [
        "surprise",
        "aid[1].tac_default",
        "aid[1].colour",
        "aid[1].aid",
        "aid[1].tac_denial",
        "aid[1].tac_online",
        "aid[1].default_ddol",
        "aid[1].name",
        "aid[1].partial",
        "aid[1].floor_limit_minor",
    ]


ROW = """
[[aid]]
aid = "A000000333"
name = "UnionPay"
floor_limit_minor = 20000
tac_denial = "0000000000"
tac_online = "0000000000"
tac_default = "0000000000"
"""


def test_random_selection_by_the_file() -> None:
    text = ROW + "random_target = 10\nrandom_target_max = 90\nrandom_threshold_minor = 1000\n"
    (row,) = load_aids(text)
    assert (row.random_target, row.random_target_max, row.random_threshold_minor) == (10, 90, 1000)


@pytest.mark.parametrize(
    ("line", "where"),
    [
        ("random_target = 100", "aid[1].random_target"),
        ("random_target = true", "aid[1].random_target"),
        ("random_threshold_minor = -1", "aid[1].random_threshold_minor"),
        ("random_target = 5", "aid[1]"),  # More than the maximum, which is 0.
        ("random_threshold_minor = 20000", "aid[1]"),  # Not under the floor limit.
    ],
)
def test_random_selection_that_cannot_be(line: str, where: str) -> None:
    with pytest.raises(AidListError) as caught:
        load_aids(ROW + line)
    assert [problem.where for problem in caught.value.problems] == [where]


def test_the_same_application_twice() -> None:
    codes = "".join(f'tac_{name} = "0000000000"\n' for name in ("denial", "online", "default"))
    row = f'[[aid]]\naid = "A000000333"\nname = "x"\n{codes}'
    assert len(load_aids(row)) == 1
    with pytest.raises(AidListError, match=r"aid\[2\].aid: is the same as aid\[1\].aid"):
        load_aids(row * 2)


def test_more_applications_than_a_card_can_be_asked_for() -> None:
    codes = "".join(f'tac_{name} = "0000000000"\n' for name in ("denial", "online", "default"))
    rows = "".join(f'[[aid]]\naid = "A0000003{number:02X}"\nname = "x"\n{codes}' for number in range(65))
    with pytest.raises(AidListError, match="more than 64 applications"):
        load_aids(rows)


@pytest.mark.parametrize("text", ["", "aid = 3", "[aid]\n", "[[aid]", "aid = [1]"])
def test_what_is_no_list(text: str) -> None:
    with pytest.raises(AidListError):
        load_aids(text)


def test_no_toml_names_the_line() -> None:
    with pytest.raises(AidListError, match="line 2"):
        load_aids("[[aid]]\naid = ?\n")


# The session


def test_a_session_keeps_to_its_words() -> None:
    card = Session(TerminalProfile(aids=(UNIONPAY,)), TransactionData(1, "240615", "143000", 1))
    with pytest.raises(RuntimeError, match="no application"):
        card.selected()
    with pytest.raises(KeyError):
        card.end(Result.DECLINED, "because")
    card.left_out("Velocity checking")
    card.left_out("Velocity checking")
    assert card.not_performed == ["Velocity checking"]


# python -m emv


def test_explaining_tlv(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tlv", "7011", "5A086222021234567894", "5F2403301231", "8200"]) != 0  # One byte too many inside.
    assert main(["tlv", "7010", "5A086222021234567894", "5F2403301231"]) == 0
    out = capsys.readouterr().out
    assert "622202******7894" in out
    assert "6222021234567894" not in out
    assert "301231" not in out
    assert "应用主账号" in out


def test_explaining_tlv_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tlv", "--json", "70045F340101"]) == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert found["objects"][0]["tag"] == "70"
    assert found["objects"][0]["children"][0]["value"] == "01"


def test_explaining_a_tvr(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tvr", "8000048000"]) == 0
    assert capsys.readouterr().out.splitlines()[1] == "3.3 Online CVM captured 已采集联机验证数据"
    assert main(["tvr", "--json", "0000000001"]) == 0
    assert json.loads(capsys.readouterr().out)["set"] == ["5.1 RFU 保留"]


@pytest.mark.parametrize("arguments", [["tlv", "xyz"], ["tlv", "5A"], ["tvr", "00"], ["tvr", "123"]])
def test_what_cannot_be_read(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert capsys.readouterr().err
