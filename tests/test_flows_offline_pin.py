"""The card's own PIN and its issuer's scripts, as the person at the counter meets them, on the whole terminal.

Each story is told by screen names and keys (sim.story explains the words); cards, reader chain, host and issuer are the
simulator's, keys and cryptograms real.
"""

from __future__ import annotations

import gc
from dataclasses import dataclass, replace

import pytest
from test_flows_stories import START, sale

from drivers.ports import Picture
from emv.commands import CardError, PinKey
from keys import Pin
from sim.books import all_payments, discrepancies
from sim.card import PROFILES, VirtualCard
from sim.story import play, press
from sim.world import World
from terminal.assembly import assemble
from terminal.hostlink.codec import Message, decode
from terminal.hostlink.frame import unwrap
from terminal.hostlink.icc import elements
from terminal.loop import Draw
from terminal.methods import card

pytestmark = pytest.mark.slow  # Whole sales with real keys: half a second each.

SOLD = "approved:\nremove_card: remove\nidle:"
TOLD = ("请输密码", "密码错误", "还可试2次", "最后一次")  # In the card's language, not in the terminal's.
GIVEN_UP = "cancelled: ENTER\nremove_card: remove\nidle:"
RIGHT, WRONG = "enter_pin: 123456 ENTER\n", "enter_pin: 999999 ENTER\n"


@dataclass(frozen=True)
class Story:
    """`cvm` is 9F34 and `tvr` byte 3 of the TVR of the request that went to the host; "" if none did."""

    card: str
    text: str
    states: tuple[str, ...]
    cvm: str = ""
    tvr: str = "00"


STORIES = {
    "in clear": Story("offline-pin-plain", RIGHT + SOLD, ("completed",), "410302"),
    "enciphered under a key of its own": Story("offline-pin-enciphered", RIGHT + SOLD, ("completed",), "440302"),
    "enciphered under the card's key": Story("offline-pin-icc-key", RIGHT + SOLD, ("completed",), "440302"),
    "with a signature": Story("pin-and-signature", RIGHT + SOLD, ("completed",), "430300"),
    "wrong once": Story("offline-pin-enciphered", WRONG + RIGHT + SOLD, ("completed",), "440302"),
    "wrong twice, and the last try is right": Story(
        "offline-pin-plain", WRONG * 2 + RIGHT + SOLD, ("completed",), "410302"
    ),
    "wrong three times: the card's list goes on with a signature": Story(
        "offline-pin-plain", WRONG * 3 + SOLD, ("completed",), "1e0000", "20"
    ),
    "the PIN is not entered": Story("offline-pin-plain", "enter_pin: CANCEL\n" + GIVEN_UP, ("abandoned",)),
    "nobody types": Story("offline-pin-plain", "enter_pin: wait 61\n" + GIVEN_UP, ("abandoned",)),
    "the card is pulled while the PIN is typed": Story(
        "offline-pin-plain", "enter_pin: 12 remove\ncard_problem: ENTER\nidle:", ("abandoned",)
    ),
}


class Watched:
    """A world whose frames and screens are looked at."""

    def __init__(self, seed: str) -> None:
        self.world = World(seed)
        self.requests: list[Message] = []
        self.screens: list[tuple[str, ...]] = []
        self.pins_held: list[int] = []  # How many digits each living PIN had when there was none to be typed.
        self.world.on_frame = self._frame
        self.world.on_show = self._screen

    def _frame(self, frame: bytes) -> None:
        profile = self.world.shop.profile
        message = decode(unwrap(frame, profile).body, profile)
        if message.mti in ("0200", "0400"):
            self.requests.append(message)

    def _screen(self, picture: Picture) -> None:
        if picture.name in ("connecting", "approved"):
            gc.collect()
            self.pins_held += [len(item) for item in gc.get_objects() if isinstance(item, Pin)]
        if picture.name == "enter_pin":
            self.screens.append(picture.text())  # type: ignore[attr-defined]  # a screen's picture has its words

    def icc(self, number: int = -1) -> dict[str, str]:
        data = self.requests[number].binary(55)
        return {each.tag: data[each.value : each.end].hex() for each in elements(data)}


@pytest.mark.parametrize("name", STORIES)
def test_story(name: str) -> None:
    story = STORIES[name]
    watched = Watched(name)
    with watched.world as world:
        world.run(play(world, START + sale(story.card) + story.text))
        assert tuple(p.state.value for p in reversed(all_payments(world.journal))) == story.states
        assert discrepancies(world.journal, world.acquirer) == []
        if story.cvm:
            assert watched.icc()["9F34"] == story.cvm
            assert watched.icc()["95"][4:6] == story.tvr
            assert watched.requests[-1].text(22) == "052"  # Chip, and no PIN for the host.
            assert 52 not in watched.requests[-1].fields
        else:
            assert watched.requests == []
        kept = b"".join(str(event.body).encode() for event in world.journal.events_after(0))
        assert b"123456f" not in kept.lower()


def test_the_person_is_told_of_each_wrong_pin_and_of_the_last_try() -> None:
    watched = Watched("told")
    with watched.world as world:
        world.run(play(world, START + sale("offline-pin-plain") + WRONG * 2 + RIGHT + SOLD))
    told = [words for words in watched.screens if not any("●" in word for word in words)]
    seen = [tuple(word for word in words if word.startswith(TOLD)) for words in told]
    without_seconds = dict.fromkeys((words[0].rpartition(" ")[0], *words[1:]) for words in seen)
    assert list(without_seconds) == [TOLD[:1], TOLD[1:3], (TOLD[1], TOLD[3])]


@pytest.mark.parametrize("profile", ["offline-pin-plain", "offline-pin-enciphered"])
def test_the_digits_are_gone_before_the_next_screen(profile: str) -> None:
    watched = Watched("gone")
    with watched.world as world:
        world.run(play(world, START + sale(profile) + WRONG + RIGHT + SOLD))
    assert watched.pins_held
    assert set(watched.pins_held) == {0}


def test_one_try_left_is_said_before_the_first_digit() -> None:
    watched = Watched("last")
    with watched.world as world:
        text = START + sale("offline-pin-plain") + WRONG * 2 + "enter_pin: CANCEL\n" + GIVEN_UP
        again = sale("offline-pin-plain") + RIGHT + SOLD
        world.run(play(world, text))
        before = len(watched.screens)
        world.run(play(world, again))
        assert "最后一次" in watched.screens[before]


async def react(world: World) -> None:
    """Do what each screen asks for, until the terminal idles again."""
    while True:
        name = await world.eyes.see_any()
        if name == "enter_pin" and not world.typed_digits() and not world.keys_waiting():
            await press(world, "123456")
            await press(world, "ENTER")
        elif name in ("card_problem", "reversal_done", "reversal_pending"):
            await press(world, "ENTER")
        elif name == "remove_card":
            world.remove()
        elif name == "idle":
            return


# Selection, records, PIN, cryptograms: the whole conversation of this card.
COMMANDS = 20


@pytest.mark.slow
@pytest.mark.parametrize("command", range(1, COMMANDS + 1))
def test_the_card_is_torn_out_at_any_command(command: int) -> None:
    """Whatever was on its way, PIN or cryptogram: host and journal agree, and the next sale goes on."""
    with World(f"torn {command}") as world:
        torn_card = world.cards["torn"] = VirtualCard(PROFILES["offline-pin-enciphered"])

        async def people() -> None:
            await play(world, START + "idle: 12850 ENTER\nchoose_method: 1\ninsert_card:")
            world.reader.insert(torn_card, tear_at=command)
            await react(world)
            await play(world, sale("signature") + SOLD)

        world.run(people())
        torn = all_payments(world.journal)[-1]
        assert torn.state.value in ("abandoned", "reversed")
        assert discrepancies(world.journal, world.acquirer) == []


def test_that_is_every_command_of_the_card() -> None:
    with World("counted") as world:
        whole = world.cards["whole"] = VirtualCard(PROFILES["offline-pin-enciphered"])

        async def people() -> None:
            await play(world, START + "idle: 12850 ENTER\nchoose_method: 1\ninsert_card:")
            world.reader.insert(whole, tear_at=COMMANDS + 1)
            await react(world)

        world.run(people())
        assert all_payments(world.journal)[-1].state.value == "completed"


def test_a_script_after_the_payment_is_delivered_and_its_result_kept() -> None:
    watched = Watched("script")
    with watched.world as world:
        world.run(play(world, START + sale("sends-unblock-pin") + RIGHT + "approved:\nremove_card: remove\nidle:"))
        (payment,) = all_payments(world.journal)
        assert payment.state.value == "completed"
        assert payment.facts["script_results"] == "2000000003"


def test_a_script_before_the_last_cryptogram_that_blocks_the_card_undoes_the_sale() -> None:
    """The reversal tells the issuer what became of its script (tag DF31) and the TVR at the end."""
    watched = Watched("block")
    with watched.world as world:
        world.run(play(world, START + sale("sends-block") + RIGHT + "reversal_done: ENTER\nremove_card: remove\nidle:"))
        (payment,) = all_payments(world.journal)
        assert (payment.state.value, payment.facts["script_results"]) == ("reversed", "2000000001")
        assert watched.requests[-1].mti == "0400"
        assert watched.icc()["DF31"] == "2000000001"
        assert discrepancies(world.journal, world.acquirer) == []


def test_a_terminal_that_never_goes_online_is_not_put_together() -> None:
    with World("offline") as world:
        shop = world.shop
        never = replace(shop.kernel, terminal_type=0x23, capabilities=bytes.fromhex("E0B8C8"))
        with pytest.raises(ValueError, match="one that can go online"):
            assemble(shop.config, shop.devices, shop.loop, shop.keys, kernel=never)


def test_a_pin_key_that_no_pin_fits_under_is_the_cards_fault_and_the_digits_are_gone() -> None:
    """A modulus whose highest bit is not set: the block, which begins with 7F, could be the larger number."""
    digits = Pin.of("1234")
    with World("key") as world:
        driver = card._verify_pin(world.shop, digits, PinKey(b"\x41" * 128, 3), bytes(8))
        assert driver.send(None) == Draw(111)
        with pytest.raises(CardError, match="no RSA modulus"):
            driver.send(bytes(111))
    assert len(digits) == 0
