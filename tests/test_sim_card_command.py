"""`python -m sim card`: the list, what is on a card, a card of one's own; and what each quirk does to an answer."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.__main__ import main
from sim.card import PROFILES, VirtualCard
from sim.card.command import described
from sim.card.hostile import CHANGES, DOES, CardPulled, apply, moments
from sim.card.model import Quirk
from sim.card.reading import GROUPS, read_cards
from sim.card.state import Step, parse_command
from sim.panel.shelf import FIRST, HOSTILE, cards

MINE = '[mine]\nbase = "cda"\nzh = "我的"\nen = "mine"\n'


def test_the_list_has_every_card_under_its_group(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["card", "--list"]) == 0
    told = capsys.readouterr().out
    for profile in PROFILES.values():
        assert f"  {profile.name} " in told and profile.en in told
    assert [line for line in told.splitlines() if line.startswith("[")] == [f"[{group}]" for group in GROUPS]


@pytest.mark.parametrize("name", sorted(PROFILES))
def test_each_card_can_be_described_and_its_number_stays_masked(name: str) -> None:
    profile = PROFILES[name]
    told = "\n".join(described(profile))
    assert profile.zh in told and "CDOL1" in told
    for app in profile.applications:
        assert app.pan not in told and app.aid.hex().upper() in told


def test_show_and_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["card", "--show", "cda-lies"]) == 0
    assert "wrong: dynamic-hash" in capsys.readouterr().out
    mine = tmp_path / "mine.toml"
    mine.write_text(MINE, encoding="utf-8")
    assert main(["card", "--show", str(mine)]) == 0
    assert main(["card", "--show", f"{mine}:mine"]) == 0
    assert "mine: 我的 / mine" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "which", "told"),
    [
        (MINE, ":other", "has these cards: mine; name one as"),
        (MINE + MINE.replace("mine", "two"), "", "has these cards: mine, two"),
        ("[mine]\npin = 1\n", "", "mine.pin: "),
    ],
)
def test_a_file_that_does_not_say_which(
    text: str, which: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text(text, encoding="utf-8")
    assert main(["card", "--profile", f"{mine}{which}"]) == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("which", ["nobody", "nowhere.toml"])
def test_no_such_card(which: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["card", "--show", which]) == 2
    assert which in capsys.readouterr().err


def test_the_example_in_the_documentation_is_a_card() -> None:
    text = (Path(__file__).parents[1] / "docs" / "simulator.md").read_text(encoding="utf-8")
    example = text.partition("```toml\n")[2].partition("```")[0]
    card = read_cards(example, PROFILES)["mine"]
    assert card.quirks == (Quirk("record 2.1", "fill", "1000"),)
    VirtualCard(card)


def test_the_bench_shows_useful_cards_once_each() -> None:
    shown = [str(card["name"]) for card in cards()]
    assert len(set(shown)) == len(shown)
    assert tuple(shown[: len(FIRST)]) == FIRST and all(name in PROFILES for name in shown)
    assert [card["name"] for card in cards() if PROFILES[str(card["name"])].group == "hostile"] == list(HOSTILE)
    assert all(PROFILES[str(card["name"])].pan not in str(card) for card in cards())


ANSWER = bytes.fromhex("700401020304") + b"\x90\x00"


@pytest.mark.parametrize(
    ("does", "value", "sent"),
    [
        ("patch", "0 71", "7104010203049000"),
        ("patch", "-1 FFEE", "70040102 03ffee9000"),
        ("replace", "0203 AA", "700401aa049000"),
        ("cut", "-2", "700401029000"),
        ("append", "00FF", "70040102030400ff9000"),
        ("status", "6A83", "6a83"),
        ("warning", "6281", "7004010203046281"),
        ("answer", "80009000", "80009000"),
        ("silent", "", ""),
        ("nested", "3", "70047002 70009000"),
        ("fill", "2", "7005df010200009000"),
    ],
)
def test_each_quirk(does: str, value: str, sent: str) -> None:
    assert apply(Quirk("all", does, value), ANSWER) == bytes.fromhex(sent)


def test_random_bytes_are_the_same_each_time() -> None:
    first, second = (apply(Quirk("all", "random", "40"), ANSWER) for _ in range(2))
    assert first == second and len(first) == 42
    with pytest.raises(ValueError, match="dance"):
        apply(Quirk("all", "dance"), ANSWER)
    assert set(CHANGES) < DOES


@pytest.mark.parametrize(
    ("capdu", "step", "names"),
    [
        ("00A404000E315041592E5359532E444446303100", Step.IDLE, {"pse"}),
        ("00A4040007A000000333010100", Step.IDLE, {"select"}),
        ("80A8000002830000", Step.SELECTED, {"gpo"}),
        ("00B2021400", Step.INITIATED, {"record", "record 2.2"}),
        ("80AE800000", Step.INITIATED, {"ac", "ac1"}),
        ("80AE400000", Step.ONLINE, {"ac", "ac2"}),
        ("80CA9F1700", Step.SELECTED, {"data", "data 9F17"}),
        ("841E000004AABBCCDD", Step.ONLINE, {"script"}),
        ("00", Step.IDLE, set()),
    ],
)
def test_each_moment_has_its_names(capdu: str, step: Step, names: set[str]) -> None:
    assert moments(parse_command(bytes.fromhex(capdu)), step, 4) == {"all", "apdu 4", *names}


@pytest.mark.parametrize(("when", "counted"), [("before", 0), ("during", 1), ("after", 1)])
def test_a_card_that_is_pulled_has_or_has_not_counted(when: str, counted: int) -> None:
    """The transaction counter is spent as soon as the command is carried out."""
    profile = dataclasses.replace(PROFILES["no-cvm"], quirks=(Quirk("gpo", "pulled", when),))
    card = VirtualCard(profile)
    card.reset()
    card.transmit(bytes.fromhex("00A4040008A00000033301010200"))
    with pytest.raises(CardPulled):
        card.transmit(bytes.fromhex("80A8000002830000"))
    assert card.atc == profile.atc + counted


@given(
    st.sampled_from(sorted(CHANGES)),
    st.sampled_from(["0 00", "00 11", "3", "-1", "9000", ""]),
    st.binary(min_size=2, max_size=60),
)
def test_a_quirk_never_breaks_in_another_way(does: str, value: str, answer: bytes) -> None:
    try:
        assert len(apply(Quirk("all", does, value), answer)) <= 65_537
    except ValueError:
        return
