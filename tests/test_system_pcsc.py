"""The real driver over real pyscard, pcscd and vpcd: what only a whole stack can show.

What the port promises is in test_card_reader_conformance.py, where the same stack takes part.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator

import pytest
from card_sessions import GONE, play
from chip_cards import ATR_T1, CardInVpcd, TableCard

from drivers.card_reader import PcscCardReader, reader_names
from drivers.ports import CardGone, DeviceError, Presence
from sim.card import PROFILES, VirtualCard
from sim.wire.pcsc import PrivatePcscd

pytestmark = [pytest.mark.system, pytest.mark.slow]

PATIENCE_S = 15
CHALLENGE = bytes.fromhex("0084000008")


class Watched:
    """A reader and what it reported."""

    def __init__(self, name: str) -> None:
        self.reader = PcscCardReader(name)
        self._seen: queue.Queue[Presence] = queue.Queue()
        self.reader.watch(self._seen.put)

    def sees(self, *expected: Presence) -> None:
        for presence in expected:
            assert self._seen.get(timeout=PATIENCE_S) is presence


@pytest.fixture
def open_reader(pcscd: PrivatePcscd) -> Iterator[Callable[[int], Watched]]:
    opened: list[Watched] = []

    def open_slot(slot: int) -> Watched:
        opened.append(Watched(pcscd.reader(slot)))
        return opened[-1]

    yield open_slot
    for watched in opened:
        watched.reader.close()


@pytest.fixture
def insert(pcscd: PrivatePcscd) -> Iterator[Callable[..., CardInVpcd]]:
    inserted: list[CardInVpcd] = []

    def put(card: TableCard | VirtualCard, slot: int = 0) -> CardInVpcd:
        inserted.append(CardInVpcd(pcscd.port(slot), card))
        return inserted[-1]

    yield put
    for card in inserted:
        card.remove()
    if inserted:
        empty = [Watched(pcscd.reader(slot)) for slot in (0, 1)]
        for watched in empty:  # The next test begins with empty slots.
            while watched._seen.get(timeout=PATIENCE_S) is not Presence.ABSENT:
                continue
            watched.reader.close()


def test_both_slots_are_listed_by_name(pcscd: PrivatePcscd) -> None:
    assert reader_names() == (pcscd.reader(0), pcscd.reader(1))


def test_a_name_that_fits_both_is_refused(pcscd: PrivatePcscd) -> None:
    reader = PcscCardReader("zhanggui virtual")
    with pytest.raises(DeviceError, match="give more of the name"):
        reader.power_on()
    reader.close()


def test_two_slots_are_told_apart(
    open_reader: Callable[[int], Watched], insert: Callable[..., CardInVpcd]
) -> None:
    first, second = open_reader(0), open_reader(1)
    first.sees(Presence.ABSENT)
    second.sees(Presence.ABSENT)
    insert(TableCard({CHALLENGE.hex(): "2222222222222222" + "9000"}), 1)
    second.sees(Presence.PRESENT)
    second.reader.power_on()
    assert second.reader.transceive(CHALLENGE).hex() == "22222222222222229000"
    with pytest.raises(CardGone):
        first.reader.power_on()


def test_the_virtual_card_keeps_its_transaction_while_pcscd_looks_at_it(
    open_reader: Callable[[int], Watched], insert: Callable[..., CardInVpcd]
) -> None:
    watched = open_reader(0)
    watched.sees(Presence.ABSENT)
    insert(VirtualCard(PROFILES["long-61xx"]))
    watched.sees(Presence.PRESENT)
    watched.reader.power_on()
    profile = PROFILES["long-61xx"]
    aid = profile.applications[0].aid
    select = b"\x00\xa4\x04\x00" + bytes((len(aid),)) + aid + b"\x00"
    assert watched.reader.transceive(select)[-2:] == b"\x90\x00"
    threading.Event().wait(1.0)  # pcscd asks every 0.4 s whether the card is there.
    options = watched.reader.transceive(bytes.fromhex("80a8000002830000"))
    assert options[-2:] == b"\x90\x00"
    record = watched.reader.transceive(bytes.fromhex("00b2021400"))
    assert (record[0], record[-2:]) == (0x70, b"\x90\x00")
    assert len(record) > 66  # More than one GET RESPONSE's worth of this card.


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("cda", "approved-online"),
        ("offline-pin-enciphered", "approved-online"),
        ("mastercard-like-cda", "approved-online"),
        ("cda-lies", "card-not-authenticated"),
        ("pulled-at-ac", GONE),
        ("one-byte-answers", GONE),
        ("slow", "approved-online"),
        ("endless-61xx", "card-fault"),
    ],
)
def test_a_payment_through_the_whole_stack_ends_as_in_process(
    name: str, reason: str, open_reader: Callable[[int], Watched], insert: Callable[..., CardInVpcd]
) -> None:
    watched = open_reader(0)
    watched.sees(Presence.ABSENT)
    insert(VirtualCard(PROFILES[name]))
    watched.sees(Presence.PRESENT)
    watched.reader.power_on()
    assert play(PROFILES[name], pins=("123456",), transceive=watched.reader.transceive).reason == reason


def test_a_restart_of_pcscd_is_survived(
    pcscd: PrivatePcscd, open_reader: Callable[[int], Watched], insert: Callable[..., CardInVpcd]
) -> None:
    watched = open_reader(0)
    watched.sees(Presence.ABSENT)
    insert(TableCard({CHALLENGE.hex(): "9000"}, atrs=(ATR_T1,)))
    watched.sees(Presence.PRESENT)
    watched.reader.power_on()
    for end in (pcscd.stop, pcscd.kill):
        end()
        watched.sees(Presence.READER_LOST)
        with pytest.raises(DeviceError):
            watched.reader.transceive(CHALLENGE)
        with pytest.raises(DeviceError, match="start pcscd"):
            watched.reader.power_on()
        with pytest.raises(DeviceError, match="start pcscd"):
            reader_names()
        pcscd.start()
        watched.sees(Presence.ABSENT)
        insert(TableCard({CHALLENGE.hex(): "9000"}, atrs=(ATR_T1,)))
        watched.sees(Presence.PRESENT)
        assert watched.reader.power_on() == ATR_T1
        assert watched.reader.transceive(CHALLENGE) == b"\x90\x00"


def test_a_card_that_says_nothing_does_not_blind_the_watch(
    open_reader: Callable[[int], Watched], insert: Callable[..., CardInVpcd]
) -> None:
    """A transmit in flight cannot be stopped; the other slot, and the watch over it, go on meanwhile."""
    release = threading.Event()
    card = SilentCard(release)
    silent, other = open_reader(0), open_reader(1)
    silent.sees(Presence.ABSENT)
    other.sees(Presence.ABSENT)
    insert(card)
    silent.sees(Presence.PRESENT)
    silent.reader.power_on()
    answers: queue.Queue[bytes] = queue.Queue()
    call = threading.Thread(target=lambda: answers.put(silent.reader.transceive(CHALLENGE)))
    call.start()
    assert card.asked.wait(PATIENCE_S)
    insert(TableCard({CHALLENGE.hex(): "9000"}), 1)
    other.sees(Presence.PRESENT)
    other.reader.power_on()
    assert other.reader.transceive(CHALLENGE) == b"\x90\x00"
    assert answers.empty()
    release.set()
    assert answers.get(timeout=PATIENCE_S) == b"\x90\x00"
    call.join(PATIENCE_S)


class SilentCard(TableCard):
    """Answers when released."""

    def __init__(self, release: threading.Event) -> None:
        super().__init__(atrs=(ATR_T1,))
        self._release = release
        self.asked = threading.Event()

    def transmit(self, capdu: bytes) -> bytes:
        self.asked.set()
        self._release.wait(PATIENCE_S)
        return b"\x90\x00"


def test_a_card_exchanged_while_nobody_looked_is_told(
    pcscd: PrivatePcscd, open_reader: Callable[[int], Watched], insert: Callable[..., CardInVpcd]
) -> None:
    """One watch is held up in its report while the other sees the exchange; pcscd's counter tells it later."""
    attentive = open_reader(0)
    attentive.sees(Presence.ABSENT)
    seen: queue.Queue[Presence] = queue.Queue()
    go_on = threading.Event()

    def slow(presence: Presence) -> None:
        seen.put(presence)
        if presence is Presence.PRESENT:
            go_on.wait(PATIENCE_S)

    held_up = PcscCardReader(pcscd.reader(0))
    held_up.watch(slow)
    first = insert(TableCard())
    attentive.sees(Presence.PRESENT)
    first.remove()
    attentive.sees(Presence.ABSENT)
    insert(TableCard())
    attentive.sees(Presence.PRESENT)
    go_on.set()
    got = [seen.get(timeout=PATIENCE_S) for _ in range(4)]
    held_up.close()
    assert got == [Presence.ABSENT, Presence.PRESENT] * 2


def test_another_programs_card_is_not_taken_away(
    open_reader: Callable[[int], Watched], insert: Callable[..., CardInVpcd]
) -> None:
    first, second = open_reader(0), open_reader(0)
    insert(TableCard({CHALLENGE.hex(): "9000"}))
    first.sees(Presence.ABSENT, Presence.PRESENT)
    first.reader.power_on()
    with pytest.raises(DeviceError, match="another program"):
        second.reader.power_on()
    assert first.reader.transceive(CHALLENGE) == b"\x90\x00"
    first.reader.power_off()
    second.reader.power_on()
