"""Each refusal about an original, in the words that stand on the glass, in both languages; nobody is asked about it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

import pytest
from hearing_host import HearingHost
from shop_days import AGREES, START

from sim.books import all_payments
from sim.story import play, to_transaction
from sim.world import World
from terminal.config.settings import OFFERABLE
from terminal.screens.catalogue.samples import REFUSALS
from terminal.strings import LANGUAGES, Words

pytestmark = pytest.mark.slow  # Many small ones: `make test-quick` is to stay quick.

CARD, OTHER_CARD = "insert_card: insert signature\n", "insert_card: insert no-cvm\n"
DONE = "approved:\nremove_card: remove\n"
SALE = "idle: 10000 ENTER\nchoose_method: 1\n" + CARD + DONE
SETTLE = "idle: DOWN\nmenu: 4\nconfirm_settlement: ENTER\nsettled: ENTER\nidle: ENTER\nsigning_in:\n"
SEEN = "refused: ENTER\n"


def to(name: str) -> str:
    return to_transaction(name, OFFERABLE)


AUTH = to("auth") + "enter_amount: 10000 ENTER\n" + CARD + DONE
FOUND = "enter_number: 2 ENTER\n"
VOID = to("void") + FOUND
VOIDED = VOID + "original: ENTER\n" + AGREES + CARD + DONE
TIPPED = to("tip") + FOUND + "original: ENTER\nenter_tip: 1000 ENTER\napproved:\n"
NAMED = "enter_number: {rrn} ENTER\nenter_number: ENTER\nenter_amount: "
CODED = "enter_number: {auth_code} ENTER\nenter_number: ENTER\nenter_amount: "
COMPLETED = to("completion") + CODED + "9000 ENTER\n" + CARD + DONE


@dataclass(frozen=True)
class Refusal:
    reason: str
    first: str
    then: str  # {rrn} and {auth_code} are the first payment's.
    asked: int = 0  # Requests about money that are no plain sale, made on the way.


REFUSED: Mapping[str, Refusal] = {
    "void of what is voided": Refusal("already_voided", SALE + VOIDED, VOID + SEEN, asked=1),
    "void of what a tip has changed": Refusal("adjusted", SALE + TIPPED, VOID + SEEN),
    "void of what is settled": Refusal("original_settled", SALE + SETTLE, VOID + SEEN),
    "void of a void": Refusal("not_voidable", SALE + VOIDED, to("void") + "enter_number: 3 ENTER\n" + SEEN, asked=1),
    "refund above the original": Refusal("over_original", SALE, to("refund") + AGREES + NAMED + "10001 ENTER\n" + SEEN),
    "refund of what is voided": Refusal(
        "already_voided", SALE + VOIDED, to("refund") + AGREES + NAMED + "1 ENTER\n" + SEEN, asked=1
    ),
    "completion above the limit": Refusal(
        "over_authorised", AUTH, to("completion") + CODED + "11501 ENTER\n" + SEEN, asked=1
    ),
    "completion of what is completed": Refusal(
        "already_completed", AUTH, COMPLETED + to("completion") + CODED + "1 ENTER\n" + SEEN, asked=2
    ),
    "notice above the limit": Refusal(
        "over_authorised", AUTH, to("completion-notice") + CODED + "11501 ENTER\n" + SEEN, asked=1
    ),
    "void of a part of an authorisation": Refusal(
        "not_whole", AUTH, to("auth-void") + AGREES + CODED + "9999 ENTER\n" + SEEN, asked=1
    ),
    "tip of what is tipped": Refusal("adjusted", SALE + TIPPED, to("tip") + FOUND + SEEN),
    "tip of a pre-authorisation": Refusal("no_tip", AUTH, to("tip") + FOUND + SEEN, asked=1),
    "tip above the limit": Refusal(
        "over_tip", SALE, TIPPED.partition("enter_tip")[0] + "enter_tip: 2001 ENTER\n" + SEEN
    ),
    "no signature to differ": Refusal("not_signed", SALE.replace("signature", "no-cvm"), to("signature") + SEEN),
}


def offer(world: World) -> None:
    offered = dataclasses.replace(world.config.transactions, offered=OFFERABLE)
    world.shop.config = dataclasses.replace(world.config, transactions=offered)


def refusal_seen(world: World, first: str, then: str) -> str:
    """What the last refusal said, without blanks: a panel breaks its lines."""
    shown: list[str] = []
    world.on_show = lambda picture: shown.append("".join(picture.text())) if picture.name == "refused" else None
    offer(world)

    async def people() -> None:
        await play(world, START + first + "idle: CANCEL\n")
        facts = all_payments(world.journal)[-1].facts
        named = {name: str(facts.get(name, "")) for name in ("rrn", "auth_code")}
        await play(world, then.format(**named) + "idle:")

    world.run(people())
    return shown[-1].replace(" ", "")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("case", REFUSED)
def test_the_refusal_stands_on_the_glass(case: str, language: str) -> None:
    refusal, host = REFUSED[case], HearingHost()
    with World(f"{case} {language}", acquirer=host, panel=(128, 128), language=language) as world:
        said = refusal_seen(world, refusal.first, refusal.then)
        assert world.shop.language == language
    assert Words(language).about("refused", refusal.reason).replace(" ", "") in said
    assert refusal.reason in REFUSALS, "and so it has goldens"
    assert len(host.asked) == refusal.asked


@pytest.mark.parametrize("name", ["void", "refund", "completion"])
def test_another_card_is_no_way_to_what_was_paid_with_one(name: str) -> None:
    ways = {
        "void": (SALE, VOID + "original: ENTER\n" + AGREES),
        "refund": (SALE, to("refund") + AGREES + NAMED + "100 ENTER\n"),
        "completion": (AUTH, to("completion") + CODED + "100 ENTER\n"),
    }
    first, then = ways[name]
    host = HearingHost()
    with World(f"other {name}", acquirer=host) as world:
        shown: list[str] = []
        world.on_show = lambda picture: shown.append("".join(picture.text()))
        offer(world)

        async def people() -> None:
            await play(world, START + first + "idle: CANCEL\n")
            facts = all_payments(world.journal)[-1].facts
            named = {key: str(facts[key]) for key in ("rrn", "auth_code")}
            await play(world, then.format(**named) + OTHER_CARD + "card_problem: ENTER\nremove_card: remove\nidle:")

        world.run(people())
        assert any("Notthecardofthatsale" in text.replace(" ", "") for text in shown)
        assert [m.mti for m in host.asked] == (["0100"] if name == "completion" else [])


def test_an_original_that_is_not_found_is_said_by_the_terminal_or_by_the_host() -> None:
    host = HearingHost()
    with World("not found", acquirer=host) as world:
        shown: list[str] = []
        world.on_show = lambda picture: shown.append(f"{picture.name} " + "".join(picture.text()))
        offer(world)
        unknown = to("void") + "enter_number: 77 ENTER wait 1 CANCEL\n"
        elsewhere = to("refund") + AGREES + NAMED.format(rrn="112200000099") + "100 ENTER\n"
        declined = CARD + "declined: ENTER\nremove_card: remove\nidle:"
        world.run(play(world, START + unknown + elsewhere + declined))
    assert any("Not found" in text for text in shown)
    assert any(text.startswith("declined") and "25" in text for text in shown)
