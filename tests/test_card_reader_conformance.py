"""What the port promises, asked of the twin, and of the real driver over pyscard, pcscd and vpcd, alike."""

from __future__ import annotations

import queue
from collections.abc import Iterator

import pytest
from chip_cards import ATR_T0, ATR_T1, NO_ATR, CardInVpcd, TableCard

from drivers.card_reader import PcscCardReader
from drivers.ports import CardGone, CardMute, CardReader, DeviceError, Presence
from sim.twins.card_reader import TwinCardReader
from sim.wire.pcsc import PrivatePcscd

PATIENCE_S = 15

SELECT = bytes.fromhex("00a4040007a000000333010100")


class TwinRig:
    def __init__(self) -> None:
        self._twin = TwinCardReader()
        self.reader: CardReader = self._twin
        self._seen: list[Presence] = []

    def watch(self) -> None:
        self.reader.watch(self._seen.append)

    def sees(self, presence: Presence) -> None:
        assert self._seen.pop(0) is presence

    def insert(self, card: TableCard) -> None:
        self._twin.insert(card, tear_at=1 if card.dies else None)
        card.leave_dying_to_the_reader()

    def remove(self) -> None:
        self._twin.remove()

    def unplug(self) -> None:
        self._twin.unplug()

    def plug(self) -> None:
        self._twin.plug()

    def close(self) -> None:
        self.reader.close()
        assert not self._seen


class WireRig:
    def __init__(self, pcscd: PrivatePcscd) -> None:
        self._pcscd = pcscd
        self.reader: CardReader = PcscCardReader(pcscd.reader(0))
        self._arrivals = PcscCardReader(pcscd.reader(0))  # Tells the rig when pcscd has noticed; no product part.
        self._noticed: queue.Queue[Presence] = queue.Queue()
        self._seen: queue.Queue[Presence] = queue.Queue()
        self._card: CardInVpcd | None = None
        self._arrivals.watch(self._noticed.put)
        assert self._noticed.get(timeout=PATIENCE_S) is Presence.ABSENT

    def watch(self) -> None:
        self.reader.watch(self._seen.put)

    def sees(self, presence: Presence) -> None:
        assert self._seen.get(timeout=PATIENCE_S) is presence

    def insert(self, card: TableCard) -> None:
        self._card = CardInVpcd(self._pcscd.port(0), card)
        assert self._noticed.get(timeout=PATIENCE_S) is Presence.PRESENT

    def remove(self) -> None:
        if self._card is not None:
            self._card.remove()
            self._card = None
            assert self._noticed.get(timeout=PATIENCE_S) is Presence.ABSENT

    def unplug(self) -> None:
        self._pcscd.stop()
        self._pcscd.start(plugged=False)

    def plug(self) -> None:
        self._pcscd.stop()
        self._pcscd.start()

    def close(self) -> None:
        self.reader.close()
        self.remove()
        self._arrivals.close()
        assert self._seen.empty()


Rig = TwinRig | WireRig


@pytest.fixture(params=["twin", pytest.param("pcscd", marks=[pytest.mark.system, pytest.mark.slow])])
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    made: Rig = TwinRig() if request.param == "twin" else WireRig(request.getfixturevalue("pcscd"))
    yield made
    made.close()


def test_arrival_and_departure_are_seen(rig: Rig) -> None:
    rig.watch()
    rig.sees(Presence.ABSENT)
    rig.insert(TableCard())
    rig.sees(Presence.PRESENT)
    rig.remove()
    rig.sees(Presence.ABSENT)


def test_a_card_that_was_in_before_is_seen_at_once(rig: Rig) -> None:
    rig.insert(TableCard())
    rig.watch()
    rig.sees(Presence.PRESENT)


def test_commands_reach_a_t1_card_whole(rig: Rig) -> None:
    card = TableCard({SELECT.hex(): "6f009000"}, atrs=(ATR_T1,))
    rig.insert(card)
    assert rig.reader.power_on() == ATR_T1
    assert rig.reader.transceive(SELECT).hex() == "6f009000"
    assert card.heard == [SELECT.hex()]


def test_a_t0_cards_answer_is_fetched(rig: Rig) -> None:
    card = TableCard({SELECT.hex()[:-2]: "6102", "00c0000002": "6f009000"})
    rig.insert(card)
    assert rig.reader.power_on() == ATR_T0
    assert rig.reader.transceive(SELECT).hex() == "6f009000"


def test_a_length_is_corrected(rig: Rig) -> None:
    rig.insert(TableCard({"00b2010c00": "6c02", "00b2010c02": "70009000"}))
    rig.reader.power_on()
    assert rig.reader.transceive(bytes.fromhex("00b2010c00")).hex() == "70009000"


def test_endless_61_is_refused_and_the_reader_goes_on(rig: Rig) -> None:
    rig.insert(TableCard({"00b2010c00": "6101", "00c0000001": "6101", "0084000008": "9000"}))
    rig.reader.power_on()
    with pytest.raises(DeviceError, match="in a row"):
        rig.reader.transceive(bytes.fromhex("00b2010c00"))
    assert rig.reader.transceive(bytes.fromhex("0084000008")).hex() == "9000"


def test_resets_and_commands_disturb_no_watching(rig: Rig) -> None:
    rig.watch()
    rig.sees(Presence.ABSENT)
    rig.insert(TableCard({"0084000008": "9000"}))
    rig.sees(Presence.PRESENT)
    for _ in range(2):
        rig.reader.power_on()
        rig.reader.transceive(bytes.fromhex("0084000008"))
    rig.reader.power_off()
    rig.remove()
    rig.sees(Presence.ABSENT)


def test_without_a_card_there_is_nothing_to_power(rig: Rig) -> None:
    with pytest.raises(CardGone):
        rig.reader.power_on()


def test_an_unpowered_card_takes_no_command(rig: Rig) -> None:
    rig.insert(TableCard())
    with pytest.raises(CardGone):
        rig.reader.transceive(SELECT)
    rig.reader.power_on()
    rig.reader.power_off()
    with pytest.raises(CardGone):
        rig.reader.transceive(SELECT)


def test_a_mute_card_is_tried_cold_then_warm_then_rejected(rig: Rig) -> None:
    card = TableCard(atrs=(NO_ATR,))
    rig.insert(card)
    with pytest.raises(CardMute, match="upside down"):
        rig.reader.power_on()
    assert card.resets[-2:] == ["cold", "warm"]


def test_a_card_may_need_the_warm_reset(rig: Rig) -> None:
    card = TableCard(atrs=(NO_ATR, ATR_T0))
    rig.insert(card)
    assert rig.reader.power_on() == ATR_T0
    assert card.resets[-2:] == ["cold", "warm"]


def test_a_second_power_on_is_a_cold_reset(rig: Rig) -> None:
    card = TableCard()
    rig.insert(card)
    rig.reader.power_on()
    before = len(card.resets)
    rig.reader.power_on()
    assert card.resets[before:] == ["cold"]


def test_a_card_that_dies_in_a_command_is_gone(rig: Rig) -> None:
    rig.watch()
    rig.sees(Presence.ABSENT)
    rig.insert(TableCard({SELECT.hex(): "dies"}, atrs=(ATR_T1,)))
    rig.sees(Presence.PRESENT)
    rig.reader.power_on()
    with pytest.raises(CardGone):
        rig.reader.transceive(SELECT)
    rig.sees(Presence.ABSENT)


def test_a_reader_unplugged_is_told_and_comes_back_by_itself(rig: Rig) -> None:
    rig.watch()
    rig.sees(Presence.ABSENT)
    rig.unplug()
    rig.sees(Presence.READER_LOST)
    with pytest.raises(DeviceError):
        rig.reader.power_on()
    rig.plug()
    rig.sees(Presence.ABSENT)
    if isinstance(rig, TwinRig):
        rig.insert(TableCard())
        rig.sees(Presence.PRESENT)
        assert rig.reader.power_on() == ATR_T0


def test_close_may_be_repeated_and_ends_the_reports(rig: Rig) -> None:
    rig.watch()
    rig.sees(Presence.ABSENT)
    rig.reader.close()
    rig.reader.close()
    rig.insert(TableCard())
