"""The magnetic stripe as a way to pay, and fallback: storyboards on the whole terminal in virtual time.

Each story says what the person sees, what the journal and the host's book hold after it, and what stood on the wire.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hearing_host import HearingHost
from shop_days import AGREES
from test_flows_stories import OPERATOR, START
from test_flows_trouble import slip_of, states

from emv.rules import REASONS
from sim.acquirer import Fault, FaultKind
from sim.books import all_payments, discrepancies
from sim.card import PROFILES, VirtualCard
from sim.story import play, to_transaction
from sim.world import World
from terminal.config.settings import Stripe
from terminal.hostlink.codec import Message, decode
from terminal.hostlink.frame import unwrap
from terminal.hostlink.profile import PROFILES as FOLDER
from terminal.hostlink.profile import Fallback, PinRule, Profile, ProfileError, load_profile, parse_profile
from terminal.methods.fallback import MUTE, READER_LOST, RULES, Failed, Verdict, allowed

pytestmark = pytest.mark.slow  # Whole sales with real keys: half a second each.

UNIONPAY = load_profile("unionpay")
PIN = "enter_pin: 123456 ENTER\n"
MUTE_THRICE = "insert_card: insert mute\ncard_problem: wait 1 remove\n" * 3
SUPERVISED = dataclasses.replace(UNIONPAY, fallback=Fallback.SUPERVISOR)
FORBIDDEN = dataclasses.replace(UNIONPAY, fallback=Fallback.FORBIDDEN)
BY_SERVICE_CODE = dataclasses.replace(UNIONPAY, stripe_pin=PinRule.SERVICE_CODE)


def buy(text: str, amount: str = "12850") -> str:
    return f"idle: {amount} ENTER\nchoose_method: 1\n{text}"


@dataclass(frozen=True)
class Story:
    name: str
    text: str
    states: tuple[str, ...]
    entry: str = "021"  # F22 of the last payment, "" if nothing was asked.
    slip: dict[str, str] = field(default_factory=dict)  # What stands on the last slip.
    profile: Profile = UNIONPAY
    fallbacks: int = 0
    faults: tuple[Fault, ...] = ()


GARBAGE_SECOND_AC = dataclasses.replace(
    PROFILES["unionpay-credit-pin"],
    quirks=tuple(dataclasses.replace(quirk, at="ac2") for quirk in PROFILES["garbage-ac"].quirks),
)
SALE_SLIP = {"entry": "S", "verification": "pin-and-signature"}
FALLBACK_SLIP = {"entry": "F", "verification": "pin-and-signature"}
STORIES = (
    Story("a swipe with PIN", buy("insert_card: swipe stripe-debit\n" + PIN + "approved:\nidle:"), ("completed",),
          slip=SALE_SLIP),
    Story("a wrong PIN and the right one",
          buy("insert_card: swipe stripe-debit\nenter_pin: 654321 ENTER\ndeclined: ENTER\ntry_pin_again: ENTER\n"
              "enter_pin: 123456 ENTER\napproved:\nidle:"),
          ("declined", "completed"), slip=SALE_SLIP),
    Story("no PIN by the card's service code", buy("insert_card: swipe stripe-credit\napproved:\nidle:"),
          ("completed",), "022", {"entry": "S", "verification": "signature"}, BY_SERVICE_CODE),
    Story("a PIN by the card's service code", buy("insert_card: swipe stripe-debit\n" + PIN + "approved:\nidle:"),
          ("completed",), slip=SALE_SLIP, profile=BY_SERVICE_CODE),
    Story("PIN entry cancelled", buy("insert_card: swipe stripe-debit\nenter_pin: 12 CANCEL\ncancelled: ENTER\nidle:"),
          ("abandoned",), ""),
    Story("nobody types a PIN", buy("insert_card: swipe stripe-debit\nenter_pin:\ncancelled: ENTER\nidle:"),
          ("abandoned",), ""),
    Story("a chip card that is swiped goes into the slot",
          buy("insert_card: swipe unionpay-credit-pin\ncard_problem: insert unionpay-credit-pin\n" + PIN
              + "approved:\nremove_card: remove\nidle:"),
          ("completed",), "051", {"entry": "I"}),
    Story("swiped again and again for nothing",
          buy("insert_card: swipe unionpay-credit-pin\n" + "card_problem: swipe unionpay-credit-pin\n" * 4 + "idle:"),
          (), ""),
    Story("a short track, then a good one",
          buy("insert_card: swipe short:stripe-debit\ncard_problem: swipe stripe-debit\n" + PIN + "approved:\nidle:"),
          ("completed",), slip=SALE_SLIP),
    Story("a track that the reader could not read", buy(
        "insert_card: swipe unread:stripe-debit\ncard_problem: swipe noise:stripe-debit\ncard_problem: CANCEL\nidle:"),
          (), ""),
    Story("declined for the balance", buy("insert_card: swipe stripe-debit\n" + PIN + "declined: ENTER\nidle:",
                                          amount="99999900"), ("declined",)),
    Story("silence, and the reversal before the next sale",
          buy("insert_card: host silent swipe stripe-debit\n" + PIN + "reversal_pending: host ok ENTER\n")
          + buy("reversing:\ninsert_card: swipe stripe-debit\n" + PIN + "approved:\nidle:"),
          ("reversed", "completed"), slip=SALE_SLIP),
    Story("the host acts and is not heard",
          buy("insert_card: host mute swipe stripe-debit\n" + PIN + "reversal_pending: host ok ENTER\n")
          + buy("reversing:\ninsert_card: CANCEL\nidle:"), ("reversed",)),
    Story("fallback after three resets without an answer",
          buy(MUTE_THRICE + "offer_fallback: ENTER\nswipe_card: swipe mute\n" + PIN + "approved:\nidle:"),
          ("completed",), slip=FALLBACK_SLIP, fallbacks=1),
    Story("fallback by a supervisor",
          buy(MUTE_THRICE + "offer_fallback: ENTER\nenter_number: ENTER\noperator_password: 1234 ENTER\n"
              "swipe_card: swipe mute\n" + PIN + "approved:\nidle:"),
          ("completed",), slip=FALLBACK_SLIP, profile=SUPERVISED, fallbacks=1),
    Story("no supervisor, no fallback",
          buy(MUTE_THRICE + "offer_fallback: ENTER\nenter_number: ENTER\noperator_password: CANCEL\nidle:"),
          (), "", profile=SUPERVISED),
    Story("the operator does not agree", buy(MUTE_THRICE + "offer_fallback: CANCEL\nidle:"), (), ""),
    Story("nobody answers the offer", buy(MUTE_THRICE + "offer_fallback:\nidle:"), (), ""),
    Story("nobody swipes", buy(MUTE_THRICE + "offer_fallback: ENTER\nswipe_card:\nidle:"), (), ""),
    Story("fallback with a card that has no chip",
          buy(MUTE_THRICE + "offer_fallback: ENTER\nswipe_card: swipe stripe-debit\ncard_problem: CANCEL\nidle:"),
          (), ""),
    Story("fallback with a stripe that cannot be read, and then can",
          buy(MUTE_THRICE + "offer_fallback: ENTER\nswipe_card: swipe short:mute\ncard_problem: swipe mute\n" + PIN
              + "approved:\nidle:"),
          ("completed",), slip=FALLBACK_SLIP, fallbacks=1),
    Story("fallback forbidden by the profile", buy(MUTE_THRICE + "idle:"), (), "", profile=FORBIDDEN),
    Story("the host takes no fallback and wants the chip",
          buy(MUTE_THRICE + "offer_fallback: ENTER\nswipe_card: swipe mute\n" + PIN
              + "declined: ENTER\ninsert_card: insert unionpay-credit-pin\n" + PIN
              + "approved:\nremove_card: remove\nidle:"),
          ("declined", "completed"), "051", {"entry": "I"}, fallbacks=1,
          faults=(Fault(FaultKind.CODE, mti="0200", code="45"),)),
    Story("a blocked application is no reason to swipe",
          buy("insert_card: insert app-blocked\ncard_problem: ENTER\nremove_card: remove\nidle:"), ("abandoned",), ""),
    Story("nor is a blocked card",
          buy("insert_card: insert blocked\ncard_problem: ENTER\nremove_card: remove\nidle:"), ("abandoned",), ""),
    Story("nor is a chip without an application in common",
          buy("insert_card: insert unknown-aid\ncard_problem: ENTER\nremove_card: remove\nidle:"), ("abandoned",), ""),
    Story("unless the profile says so",
          buy("insert_card: insert unknown-aid\ncard_problem: ENTER\nremove_card: remove\noffer_fallback: ENTER\n"
              "swipe_card: CANCEL\nidle:"), ("abandoned",), "",
          profile=dataclasses.replace(UNIONPAY, fallback_without_application=True)),
    Story("nor is a card that declines",
          buy("insert_card: insert declines-first\n" + PIN + "card_problem: ENTER\nremove_card: remove\nidle:"),
          ("abandoned",), ""),
    Story("another chip card than the one whose chip failed",
          buy("insert_card: insert garbage-ac\n" + PIN + "card_problem: ENTER\nremove_card: remove\n"
              "offer_fallback: ENTER\nswipe_card: swipe signature\ncard_problem: swipe garbage-ac\n" + PIN
              + "approved:\nidle:"),
          ("abandoned", "completed"), slip=FALLBACK_SLIP, fallbacks=1),
    Story("a chip that fails after the host has approved is reversed, and that is all",
          buy("insert_card: insert garbage-second-ac\n" + PIN + "reversal_done: ENTER\nremove_card: remove\nidle:"),
          ("reversed",), "051"),
    Story("a swipe that nobody asked for",
          "idle: swipe stripe-debit wait 1\n" + buy("insert_card: wait 2 CANCEL\nidle:"), (), ""),
    Story("another card in the slot while the PIN of a swiped one is typed",
          buy("insert_card: swipe stripe-debit\nenter_pin: 12 insert signature wait 1 remove wait 1 3456 ENTER\n"
              "approved:\nidle:"),
          ("completed",), slip=SALE_SLIP),
    Story("a chip whose data cannot be read",
          buy("insert_card: insert garbage-tlv\ncard_problem: ENTER\nremove_card: remove\noffer_fallback: ENTER\n"
              "swipe_card: swipe garbage-tlv\n" + PIN + "approved:\nidle:"),
          ("abandoned", "completed"), slip=FALLBACK_SLIP, fallbacks=1),
)  # fmt: skip


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_story(story: Story) -> None:
    with World(story.name, profile=story.profile) as world:
        world.cards["garbage-second-ac"] = VirtualCard(GARBAGE_SECOND_AC, wait=world.loop.spend)
        for fault in story.faults:
            world.acquirer.faults.add(fault)
        world.run(play(world, START + story.text))
        assert states(world) == story.states
        assert ("offer_fallback" in world.eyes.history) == ("offer_fallback" in story.text)
        last = all_payments(world.journal)[:1]
        assert [payment.facts.get("entry_mode", "") for payment in last] == ([story.entry] if story.states else [])
        assert discrepancies(world.journal, world.acquirer) == []
        assert world.journal.transact(lambda tx: tx.counter("fallback")) == story.fallbacks
        if story.slip:
            body = slip_of(world, "card")
            assert {name: body[name] for name in story.slip} == story.slip
        else:
            assert not any(event.kind == "slip" and event.body["slip"] == "card" for event in events(world))


def events(world: World) -> tuple[Any, ...]:
    return tuple(world.journal.events_after(0))


# On the wire


def profile_with(*changes: tuple[str, str]) -> Profile:
    """The shipped profile with words of its text changed."""
    text = (FOLDER / "unionpay.toml").read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return parse_profile(text, source="test")


def sent(story: str, *, profile: Profile = UNIONPAY, at: str = "0200", setup: Callable[[World], None] = lambda w: None
         ) -> list[Message]:  # fmt: skip
    """The messages of one MTI of a story."""
    frames: list[bytes] = []
    with World("wire", profile=profile) as world:
        setup(world)
        world.on_frame = frames.append
        world.run(play(world, START + story))
    messages = [decode(unwrap(frame, profile).body, profile) for frame in frames]
    return [message for message in messages if message.mti == at]


def test_a_swipe_is_f22_02_with_track_2_and_without_field_55() -> None:
    (request,) = sent(buy("insert_card: swipe stripe-debit\n" + PIN + "approved:\nidle:"))
    app = PROFILES["stripe-debit"].applications[0]
    assert request.text(22) == "021"
    assert request.text(60)[12:13] == "0"
    assert request.text(35) == f"{app.pan}D{app.expiry[:4]}{app.service_code}{app.discretionary}"
    assert (request.text(2), request.text(14)) == (app.pan, app.expiry[:4])
    assert not {23, 36, 55} & set(request.fields)
    assert {26, 52, 53} <= set(request.fields)


def test_track_3_goes_along_where_the_reader_has_read_it() -> None:
    app = PROFILES["stripe-credit"].applications[0]
    swipe = f";{app.pan}=3012101?;99{app.pan}=156156000?".encode()
    with World("track 3", profile=BY_SERVICE_CODE) as world:
        frames: list[bytes] = []
        world.on_frame = frames.append

        async def people() -> None:
            await play(world, START + buy("insert_card:"))
            world.stripe.swipe(swipe)
            await play(world, "approved:\nidle:")

        world.run(people())
    messages = [decode(unwrap(frame, UNIONPAY).body, UNIONPAY) for frame in frames]
    (track3,) = [message.text(36) for message in messages if message.mti == "0200"]
    assert track3 == f"99{app.pan}D156156000"


def test_a_number_too_short_for_a_pin_block_is_never_sent() -> None:
    with World("short PAN") as world:

        async def people() -> None:
            await play(world, START + buy("insert_card:"))
            world.stripe.swipe(b";622500000006=3012101?")
            await play(world, "card_problem: ENTER\nidle:")

        world.run(people())
        assert states(world) == ("abandoned",)


def test_a_fallback_says_that_the_chip_failed() -> None:
    (request,) = sent(buy(MUTE_THRICE + "offer_fallback: ENTER\nswipe_card: swipe mute\n" + PIN + "approved:\nidle:"))
    assert (request.text(22), request.text(60)[12:13]) == ("021", "2")


def test_a_swipe_s_reversal_has_no_track_and_the_original_s_f22() -> None:
    story = buy("insert_card: host mute swipe stripe-debit\n" + PIN + "reversal_pending: host ok ENTER\n")
    (reversal,) = sent(story + buy("reversing:\ninsert_card: CANCEL\nidle:"), at="0400")
    assert reversal.text(22) == "021"
    assert not {26, 35, 36, 52, 53, 55} & set(reversal.fields)


@pytest.mark.parametrize(
    ("card", "text", "security"),
    [("stripe-debit", PIN, "2610000000000000"), ("stripe-credit", "", "0610000000000000")],
    ids=["with PIN", "without"],
)
def test_an_encrypted_track_is_opened_by_the_host(card: str, text: str, security: str) -> None:
    encrypted = ("tracks_encrypted = false", "tracks_encrypted = true")
    hidden = profile_with(encrypted, ('pin = "always"', 'pin = "service-code"'))

    def same_at_the_host(world: World) -> None:
        world.acquirer.profile = hidden

    story = buy(f"insert_card: swipe {card}\n{text}approved:\nidle:")
    (request,) = sent(story, profile=hidden, setup=same_at_the_host)
    app = PROFILES[card].applications[0]
    track = f"{app.pan}D{app.expiry[:4]}{app.service_code}{app.discretionary}"
    assert len(request.text(35)) == len(track)
    assert request.text(35) != track
    assert request.text(53) == security


def test_an_encrypted_track_needs_a_key_for_it() -> None:
    """A sign-in that gives no TDK, and a cipher that nobody says how to use."""
    on = ("tracks_encrypted = false", "tracks_encrypted = true")
    for change in (('scheme = "004"', 'scheme = "003"'), ('cipher = "3des"', 'cipher = "sm4"')):
        with pytest.raises(ProfileError, match="sale.tracks_encrypted"):
            profile_with(on, change)


# Refusals of the host's own


def test_a_host_refuses_a_chip_card_s_stripe_unless_its_chip_failed() -> None:
    with World("host 45") as world:
        world.acquirer.registry.fallback = False
        story = MUTE_THRICE + "offer_fallback: ENTER\nswipe_card: swipe mute\n" + PIN
        world.run(play(world, START + buy(story + "declined: ENTER\ninsert_card: CANCEL\nidle:")))
        (payment,) = all_payments(world.journal)
        assert payment.facts["response_code"] == "45"
        assert discrepancies(world.journal, world.acquirer) == []


def test_with_the_chip_reader_lost_a_chip_card_is_a_fallback_and_another_is_not() -> None:
    with World("reader lost") as world:

        async def people() -> None:
            await play(world, START + "idle: 12850 ENTER\nchoose_method: 1\ninsert_card:")
            world.reader.unplug()
            await play(world, "card_problem: swipe stripe-debit\n" + PIN + "approved:\nidle:")
            await play(world, "idle: 12850 ENTER\nchoose_method: 1\ncard_problem: swipe signature")
            await play(world, "offer_fallback: ENTER")
            await play(world, "enter_pin: ENTER wait 1 CANCEL\ncancelled: ENTER\nidle:")

        world.run(people())
        assert states(world) == ("completed", "abandoned")
        assert all_payments(world.journal)[0].facts["fallback"] == READER_LOST


def test_a_wrong_lrc_is_a_stripe_that_cannot_be_read() -> None:
    with World("lrc") as world:
        world.shop.config = world.config = dataclasses.replace(world.config, stripe=Stripe(lrc=True))
        story = "insert_card: swipe wrong-lrc:stripe-debit\ncard_problem: swipe stripe-debit\n" + PIN
        world.run(play(world, START + buy(story + "approved:\nidle:")))
        assert states(world) == ("completed",)


def test_without_a_stripe_reader_nobody_is_asked_to_swipe() -> None:
    shown: list[str] = []
    with World("none", stripe=False) as world:
        world.on_show = lambda picture: shown.append(" ".join(picture.text()))
        world.run(play(world, START + buy(MUTE_THRICE + "idle:")))
        assert states(world) == ()
    assert any("Insert card" in text for text in shown)
    assert not any("wipe" in text for text in shown)


# The rules


def test_every_reason_of_the_kernel_has_a_rule_but_the_good_ends() -> None:
    assert set(RULES) == {*REASONS, MUTE, READER_LOST, "removed"} - {"approved-online", "approved-offline", "card-read"}
    assert all(rule.why for rule in RULES.values())


@pytest.mark.parametrize("reason", sorted(RULES))
@pytest.mark.parametrize("rule", Fallback)
@pytest.mark.parametrize("without_application", [False, True])
def test_rules_and_profile_together(reason: str, rule: Fallback, without_application: bool) -> None:
    profile = dataclasses.replace(UNIONPAY, fallback=rule, fallback_without_application=without_application)
    verdict = RULES[reason].verdict
    wanted = verdict is Verdict.YES or (verdict is Verdict.PROFILE and without_application)
    assert allowed(profile, reason) is (wanted and rule is not Fallback.FORBIDDEN)


def test_an_unknown_reason_is_no_reason() -> None:
    assert not allowed(UNIONPAY, "")
    assert not allowed(UNIONPAY, "approved-online")


def test_what_a_failed_chip_knows_is_not_in_its_repr() -> None:
    assert "6225" not in repr(Failed("bad-data", "6225000000000014"))


def test_a_power_cut_while_the_host_is_asked_ends_in_a_reversal(tmp_path: Path) -> None:
    with World("cut", data=tmp_path) as world:
        world.run(play(world, START + buy("insert_card: host mute swipe stripe-debit\n" + PIN + "waiting:")))
        assert states(world) == ("requested",)
        acquirer, at_ms = world.acquirer, world.loop.now().wall_ms
    with World("cut again", data=tmp_path, acquirer=acquirer, start_wall_ms=at_ms) as world:
        world.run(play(world, OPERATOR + "reversing:\nidle: wait 1"))
        assert states(world) == ("reversed",)
        assert discrepancies(world.journal, acquirer) == []


def test_a_swiped_balance_is_told_and_no_sale_is_made_of_it() -> None:
    host = HearingHost()
    host.set_balance("stripe-debit", 777701)
    with World("swiped-balance", acquirer=host) as world:
        shown: list[str] = []
        world.on_show = lambda picture: shown.append(" ".join(picture.text()))
        asked = "insert_card: swipe stripe-debit\nenter_pin: 123456 ENTER\nbalance: ENTER\nidle:"
        world.run(play(world, START + to_transaction("balance") + asked))
        assert world.printer.slip_count == 1, "the self-test's alone"
    assert any("7777.01" in text for text in shown)
    assert any("Insert or swipe" in text and "Balance" in text for text in shown)
    assert not [text for text in shown if "0.00" in text]


def test_a_swiped_pre_authorisation_is_called_one_on_glass_and_paper() -> None:
    with World("swiped-auth", acquirer=HearingHost()) as world:
        said: list[str] = []
        world.on_show = lambda picture: said.append(f"{picture.name} " + " ".join(picture.text()))
        world.printer_said = lambda lines: said.append("slip " + repr(lines))
        asked = "enter_amount: 10000 ENTER\ninsert_card: swipe stripe-debit\nenter_pin: 123456 ENTER\napproved:\nidle:"
        world.run(play(world, START + to_transaction("auth") + asked))
    assert any(text.startswith("insert_card") and "Pre-auth" in text for text in said)
    assert sum("TRANS TYPE:" in text and "AUTH" in text for text in said if text.startswith("slip")) == 2


SWIPED_SALE = buy("insert_card: swipe stripe-debit\n" + PIN + "approved:\n")
VOID = to_transaction("void") + "enter_number: 2 ENTER\noriginal: ENTER\n" + AGREES


def test_a_sale_by_stripe_is_voided_by_its_stripe_with_its_pin() -> None:
    host = HearingHost()
    with World("stripe-void", acquirer=host) as world:
        void = VOID + "insert_card: swipe stripe-debit\n" + PIN + "approved:\nidle:"
        world.run(play(world, START + SWIPED_SALE + void))
        assert [(p.kind.value, p.state.value) for p in reversed(all_payments(world.journal))] == [
            ("sale", "voided"),
            ("void", "completed"),
        ]
    (request,) = host.asked
    assert request.text(22) == "021" and {35, 52} <= set(request.fields)


def test_another_stripe_voids_nothing() -> None:
    host = HearingHost()
    with World("stripe-other", acquirer=host) as world:
        wrong = "insert_card: swipe stripe-credit\ncard_problem: ENTER\nidle:"
        world.run(play(world, START + SWIPED_SALE + VOID + wrong))
        assert host.asked == []


def test_what_is_told_afterwards_may_be_swiped() -> None:
    host = HearingHost()
    names = ("offline-settlement",)
    with World("stripe-advice", acquirer=host) as world:
        offered = dataclasses.replace(world.config.transactions, offered=names)
        world.shop.config = dataclasses.replace(world.config, transactions=offered)
        typed = "enter_amount: 12850 ENTER\nmenu: 1\nenter_number: 123456 ENTER\nenter_number: ENTER\n"
        swiped = to_transaction("offline-settlement", names) + AGREES + typed + "insert_card: swipe stripe-debit\n"
        world.run(play(world, START + swiped + "approved:\nidle:"))
        assert [p.state.value for p in all_payments(world.journal)] == ["completed"]
