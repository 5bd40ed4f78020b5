"""Power cuts at each write of counter and registers: never a KSN twice, and never a key that the host has not."""

from __future__ import annotations

import pytest
from dukpt_reference import PowerCut, Storage, aes_working, tdes_key
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from keys.dukpt import CounterExhausted, Transaction
from keys.dukpt_aes import AesKeyType, AesTerminal, AesUsage, AesUse, aes_ksn
from keys.dukpt_tdes import TdesTerminal, TdesUse
from keys.ksn import TDES_KSN, Ksn

TDES_IK = bytes.fromhex("6AC292FAA1315B4D858AB3A3D7D5933A")
AES_IK = bytes.fromhex("1273671EA26AC29AFA4D1084127652A1")
TDES_ID = Ksn.parse(TDES_KSN, bytes.fromhex("FFFF9876543210E00000"))
AES_ID = aes_ksn(bytes.fromhex("1234567890123456"))
MAC = AesUse(AesUsage.MAC_GENERATE, AesKeyType.AES128)
HISTORIES = 60  # A second of them; a run of 3 000 found nothing more.
WRITES = 4  # Half-writes of a transaction: before and after the counter, before and after the registers.


class Life:
    """A terminal that is switched off and on, and a host that remembers every KSN it was sent."""

    def __init__(self, *, aes: bool) -> None:
        self.aes = aes
        self.storage = Storage()
        self.ksn = AES_ID if aes else TDES_ID
        self.sent: list[int] = []
        self.boot()
        self.load()

    def boot(self) -> None:
        self.storage.cut_in = None
        kind = AesTerminal if self.aes else TdesTerminal
        self.terminal: AesTerminal | TdesTerminal = kind(self.storage, self.storage)

    def load(self) -> None:
        self.terminal.load_initial_key(bytearray(AES_IK if self.aes else TDES_IK), self.ksn)

    def take(self) -> None:
        """A transaction; its KSN is sent, and the host checks it and the key."""
        if isinstance(self.terminal, AesTerminal):
            with self.terminal.take(MAC) as taken:
                assert taken.key(MAC) == aes_working(AES_IK, taken.ksn.encode(), 0x2000, "AES128")
                self.send(taken)
        else:
            with self.terminal.take(TdesUse.MAC_REQUEST) as taken:
                key = bytearray(tdes_key(TDES_IK, taken.ksn.encode()))
                key[6] ^= 0xFF
                key[14] ^= 0xFF
                assert taken.key(TdesUse.MAC_REQUEST) == key
                self.send(taken)

    def send(self, taken: Transaction[AesUse] | Transaction[TdesUse]) -> None:
        # Durable before use: both are on storage by now.
        assert self.storage.last(self.ksn.counter_name) == taken.ksn.counter
        assert self.storage.image is not None
        assert int.from_bytes(self.storage.image[18:22], "big") == taken.ksn.counter
        assert not self.sent or taken.ksn.counter > max(self.sent), "a KSN twice, or backwards"
        self.sent.append(taken.ksn.counter)


@pytest.mark.parametrize("aes", [False, True], ids=["tdes", "aes"])
@pytest.mark.parametrize("cut_in", range(WRITES))
@pytest.mark.parametrize("again", [None, *range(WRITES)])
def test_a_cut_at_each_write_and_one_more_in_the_next_life(aes: bool, cut_in: int, again: int | None) -> None:
    life = Life(aes=aes)
    for _ in range(3):
        life.take()
    for when in (cut_in, again):
        if when is None:
            continue
        life.storage.cut_in = when
        with pytest.raises(PowerCut):
            life.take()
        life.boot()
    life.take()
    # At most one KSN is lost to a cut.
    assert life.sent[:3] == [1, 2, 3]
    assert 4 <= life.sent[3] <= 6


@pytest.mark.parametrize("cut_in", range(WRITES))
def test_a_write_that_fails_spends_the_serial_number_in_the_same_life(cut_in: int) -> None:
    """The process lives on after an error of the storage, which may have written or not."""
    life = Life(aes=False)
    life.take()
    life.storage.cut_in = cut_in
    with pytest.raises(PowerCut):
        life.take()
    life.storage.cut_in = None
    life.take()
    assert life.sent == [1, 3]


@pytest.mark.parametrize("cut_in", range(2))
def test_a_cut_while_a_key_is_loaded_leaves_the_old_or_the_new(cut_in: int) -> None:
    life = Life(aes=True)
    life.take()
    fresh = aes_ksn(bytes.fromhex("1234567890123457"))
    life.storage.cut_in = cut_in
    with pytest.raises(PowerCut):
        life.terminal.load_initial_key(bytearray(range(16)), fresh)
    life.boot()
    assert isinstance(life.terminal, AesTerminal)
    with life.terminal.take(MAC) as taken:
        initial, expected = (AES_IK, AES_ID.at(2)) if cut_in == 0 else (bytes(range(16)), fresh.at(1))
        assert taken.ksn == expected
        assert taken.key(MAC) == aes_working(initial, expected.encode(), 0x2000, "AES128")


class PowerCuts(RuleBasedStateMachine):
    """Transactions, cuts, failed writes, reloads, and either part of the storage put back to an older copy."""

    @initialize(aes=st.booleans(), place=st.sampled_from([0, 0x7F0, 0xFF7F0, 0x1FF7F0, TDES_KSN.last - 4]))
    def begin(self, aes: bool, place: int) -> None:
        self.life = Life(aes=aes)
        self.life.storage.counters[self.life.ksn.counter_name] = place
        self.life.load()
        self.old_image = self.life.storage.image
        self.old_counter = place
        self.stale_image = self.stale_counter = False

    def attempt(self) -> None:
        try:
            self.life.take()
        except CounterExhausted:
            assert not self.life.aes
            return
        self.stale_image = self.stale_counter = False  # Both were written anew.

    @rule(count=st.integers(1, 20))
    def trade(self, count: int) -> None:
        for _ in range(count):
            self.attempt()

    @rule(cut_in=st.integers(0, WRITES - 1), reboot=st.booleans())
    def cut(self, cut_in: int, reboot: bool) -> None:
        """The power goes in the middle of a transaction, or a write fails and the process lives on."""
        storage, name = self.life.storage, self.life.ksn.counter_name
        before, saves = storage.last(name), storage.saves
        storage.cut_in = cut_in
        try:
            self.attempt()
        except PowerCut:
            # What was not written stays as old as it was.
            self.stale_counter = self.stale_counter and storage.last(name) == before
            self.stale_image = self.stale_image and storage.saves == saves
        self.life.storage.cut_in = None
        if reboot:
            self.life.boot()

    @rule()
    def reboot(self) -> None:
        self.life.boot()

    @rule(cut_in=st.sampled_from([None, 0, 1]))
    def load_again(self, cut_in: int | None) -> None:
        """The same initial key once more does not begin anew, whichever of the two still knows where it stood."""
        saves = self.life.storage.saves
        self.life.storage.cut_in = cut_in
        try:
            self.life.load()
        except PowerCut:
            self.life.boot()
        self.life.storage.cut_in = None
        self.stale_image = self.stale_image and self.life.storage.saves == saves

    @rule()
    def keep_copies(self) -> None:
        if not self.stale_image and not self.stale_counter:
            self.old_image = self.life.storage.image
            self.old_counter = self.life.storage.last(self.life.ksn.counter_name)

    @precondition(lambda self: not self.stale_counter)
    @rule()
    def put_back_the_registers(self) -> None:
        self.life.storage.image = self.old_image
        self.stale_image = True
        self.life.boot()

    @precondition(lambda self: not self.stale_image)
    @rule()
    def put_back_the_counter(self) -> None:
        self.life.storage.counters[self.life.ksn.counter_name] = self.old_counter
        self.stale_counter = True
        self.life.boot()

    @invariant()
    def no_serial_number_twice(self) -> None:
        if hasattr(self, "life"):
            assert len(set(self.life.sent)) == len(self.life.sent)


TestPowerCuts = PowerCuts.TestCase
TestPowerCuts.settings = settings(max_examples=HISTORIES, stateful_step_count=30)
