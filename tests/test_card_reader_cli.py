"""`python -m terminal card` on cards in the in-process reader: endings, exit status, what it never shows."""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from drivers.ports import CardReader
from emv import tracefile
from emv.replay import Agreement, replay
from sim.card import PROFILES, CardProfile, VirtualCard
from sim.twins.card_reader import TwinCardReader
from terminal.tools import card

PAN = "6225001234567890"


def parsed(*extra: str, amount: str = "10.00", issuer: str = "approve") -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    card.add_arguments(parser)
    return parser.parse_args(["--reader", "Twin", "--amount", amount, "--issuer", issuer, "--json", *extra])


def put(profile: CardProfile, **kwargs: Any) -> TwinCardReader:
    reader = TwinCardReader()
    reader.insert(VirtualCard(profile), **kwargs)
    return reader


def run(
    capsys: pytest.CaptureFixture[str], reader: CardReader, args: argparse.Namespace
) -> tuple[int, dict[str, Any], str]:
    status = card.run(args, lambda name: reader)
    printed = capsys.readouterr()
    return status, json.loads(printed.out.splitlines()[-1]), printed.out + printed.err


def with_pan(name: str) -> CardProfile:
    profile = PROFILES[name]
    application = dataclasses.replace(profile.applications[0], pan=PAN)
    return dataclasses.replace(profile, applications=(application,))


def test_an_approval(capsys: pytest.CaptureFixture[str]) -> None:
    status, found, shown = run(capsys, put(PROFILES["unionpay-credit-pin"]), parsed())
    assert status == card.APPROVED
    assert found["outcome"] == "approved"
    assert found["aid"] == "A000000333010102"
    assert found["cryptogram_type"] == "TC"
    assert found["tvr"] == "8000048000"  # No offline data authentication, online PIN, over the floor limit.
    assert found["tsi"] == "6800"
    assert found["cvm_results"] == "420300"
    assert "Completion" in found["steps"]
    assert found["apdus"][0][0] == "00A404000E315041592E5359532E444446303100"
    assert "no ARPC" in shown
    assert "dummy" in shown


CHECKS_ITS_PIN = ("offline-pin-plain", "offline-pin-enciphered", "offline-pin-icc-key", "pin-and-signature")


@pytest.mark.parametrize("name", CHECKS_ITS_PIN)
def test_a_card_that_checks_the_pin_itself_is_sent_none(capsys: pytest.CaptureFixture[str], name: str) -> None:
    """A dummy would cost it a try: the method fails as with a broken PIN pad, and the list goes on."""
    reader = put(PROFILES[name])
    status, found, shown = run(capsys, reader, parsed())
    assert status in (card.APPROVED, card.REFUSED)
    assert bytes.fromhex(found["tvr"])[2] & 0x10  # PIN entry required, and the PIN pad is absent or fails.
    assert "PIN: not asked for" in shown
    assert not any(command.startswith("0020") for command, _ in found["apdus"])


@pytest.mark.parametrize(
    ("issuer", "reason"), [("decline", "declined-by-issuer"), ("none", "unable-to-go-online")]
)
def test_refusals(capsys: pytest.CaptureFixture[str], issuer: str, reason: str) -> None:
    status, found, _ = run(capsys, put(PROFILES["signature"]), parsed(issuer=issuer))
    assert status == card.REFUSED
    assert (found["outcome"], found["reason"], found["cryptogram_type"]) == ("declined", reason, "AAC")


@pytest.mark.parametrize("name", ["garbage-tlv", "garbage-gpo", "endless-61xx", "blocked", "unknown-aid"])
def test_bad_cards_end_in_words(capsys: pytest.CaptureFixture[str], name: str) -> None:
    status, found, _ = run(capsys, put(PROFILES[name]), parsed())
    assert status == card.REFUSED
    assert found["outcome"] == "terminated"


def test_a_card_pulled_out_is_told_with_what_was_seen(capsys: pytest.CaptureFixture[str]) -> None:
    reader = put(PROFILES["signature"], tear_at=4)
    status, found, shown = run(capsys, reader, parsed())
    assert status == card.TROUBLE
    assert found["outcome"] == "trouble"
    assert len(found["apdus"]) == 3
    assert "the card left" in shown


def test_no_card_and_a_mute_card(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, TwinCardReader(), parsed())[0] == card.TROUBLE
    status, _, shown = run(capsys, put(PROFILES["mute"]), parsed())
    assert status == card.TROUBLE
    assert "upside down" in shown


def test_waiting_for_a_card_that_is_in_takes_no_time(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, put(PROFILES["no-cvm"]), parsed("--wait", "600"))[0] == card.APPROVED


def test_the_number_the_name_and_the_track_are_never_shown(capsys: pytest.CaptureFixture[str]) -> None:
    _, found, shown = run(capsys, put(with_pan("signature")), parsed())
    for secret in (PAN, PAN[4:12], b"TEST/CARDHOLDER".hex().upper(), "3012201"):
        assert secret not in shown.upper()
    assert "6225000000007890" in json.dumps(found["apdus"])


def test_a_test_card_may_be_shown_whole(capsys: pytest.CaptureFixture[str]) -> None:
    _, _, shown = run(capsys, put(with_pan("signature")), parsed("--unmasked-test-card"))
    assert PAN in shown


def test_an_aid_list_with_mistakes_names_them_all(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "aids.toml"
    path.write_text("[[aid]]\naid = 'zz'\nfloor = 1\n")
    assert card.run(parsed("--aids", str(path)), lambda name: TwinCardReader()) == card.USAGE
    told = capsys.readouterr().err
    assert "aid[1].aid" in told
    assert "aid[1].floor" in told
    assert "aid[1].tac_online" in told


@pytest.mark.parametrize("option", ["--aids", "--capks"])
def test_an_absent_file_is_told(capsys: pytest.CaptureFixture[str], tmp_path: Path, option: str) -> None:
    assert card.run(parsed(option, str(tmp_path / "none.toml")), lambda name: TwinCardReader()) == card.USAGE
    assert "none.toml" in capsys.readouterr().err


def test_a_file_of_ca_keys_with_mistakes_names_them_all(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "capks.toml"
    path.write_text("[[capk]]\nrid = 'A0'\n")
    assert card.run(parsed("--capks", str(path)), lambda name: TwinCardReader()) == card.USAGE
    told = capsys.readouterr().err
    assert f"{path}: capk[1].rid: is 5 byte(s) in hex" in told
    assert "capk[1].checksum: is missing" in told


@pytest.mark.parametrize("amount", ["", "-1", "1.5", "1,00", "1.000", "١٠", "12345678901"])
def test_what_is_no_amount_is_refused(amount: str) -> None:
    with pytest.raises(SystemExit) as ended:
        parsed(amount=amount)
    assert ended.value.code == card.USAGE


# Traces


def test_a_trace_is_written_masked_and_replays(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "sale.jsonl"
    status, found, _ = run(capsys, put(with_pan("signature")), parsed("--trace", str(path)))
    assert status == card.APPROVED
    trace = tracefile.parse(path.read_text(encoding="utf-8"))
    assert PAN not in path.read_text(encoding="utf-8")
    again = replay(trace)
    assert again.outcome is not None
    assert (again.agreement, again.outcome.reason) == (Agreement.SAME, found["reason"])


def test_a_test_cards_trace_may_be_whole(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "sale.jsonl"
    run(capsys, put(with_pan("signature")), parsed("--trace", str(path), "--unmasked-test-card"))
    assert PAN in path.read_text(encoding="utf-8")
    assert replay(tracefile.parse(path.read_text(encoding="utf-8"))).agreement is Agreement.SAME


def test_a_card_pulled_out_leaves_its_trace(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "sale.jsonl"
    status, _, _ = run(capsys, put(PROFILES["signature"], tear_at=4), parsed("--trace", str(path)))
    assert status == card.TROUBLE
    trace = tracefile.parse(path.read_text(encoding="utf-8"))
    assert (trace.ending, replay(trace).agreement) == (None, Agreement.SAME)


def test_a_trace_that_cannot_be_written_is_told(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    args = parsed("--trace", str(tmp_path))  # A folder.
    assert card.run(args, lambda name: put(PROFILES["signature"])) == card.TROUBLE
    assert "cannot be written" in capsys.readouterr().err
