"""Power cuts at every write of the key store: the old state or the new, never half a key, never a KSN twice."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from dukpt_reference import aes_working, tdes_key
from folder_cut import Fate, FolderCut, PowerOff, every_cut

from keys import (
    DukptUse,
    KeyLayout,
    KeyRef,
    KeyRefused,
    KeyScheme,
    KeyStore,
    MacMethod,
    Usage,
    blocks,
    ciphers,
    mac_methods,
)
from keys.block_header import Header, KeyUsage, Version
from keys.testkeys import TEST_TMK
from keys.usage import Algorithm, Mode
from sim.wire.disk import Disk
from terminal.journal import Journal, JournalBroken

pytestmark = pytest.mark.slow  # Many small ones: `make test-quick` is to stay quick.

TMK, KBPK, IK = (KeyRef(usage) for usage in (Usage.TMK, Usage.KBPK, Usage.INITIAL_KEY))
AES_KBPK = bytes.fromhex("000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F")
ONE = [bytes.fromhex(text) for text in ("1A2B3C4D5E6F70818293A4B5C6D7E8F9", "0F1E2D3C4B5A69788796A5B4C3D2E1F0")]
TWO = [bytes.fromhex(text) for text in ("13579BDF02468ACE1122334455667788", "31425364758697A899AABBCCDDEEFF01")]
JOURNAL = Path("/journal.db")
TDES_IK = bytes.fromhex("6AC292FAA1315B4D858AB3A3D7D5933A")
AES_IK = bytes.fromhex("1273671EA26AC29AFA4D1084127652A1")
TDES_KSN, AES_KSN = bytes.fromhex("FFFF9876543210E00000"), bytes.fromhex("123456789012345600000000")


def opened(folder: Path) -> KeyStore:
    return KeyStore.open(folder, terminal_id="10000001", test_only=False)


def sign_in_block(keys: list[bytes]) -> bytes:
    made = b""
    for key in keys:
        made += bytes(ciphers.encrypt_ecb(Algorithm.TDES, bytearray(TEST_TMK), key))
        made += bytes(ciphers.encrypt_ecb(Algorithm.TDES, bytearray(key), bytes(8))[:4])
    return made


def sign_in(store: KeyStore, keys: list[bytes]) -> None:
    store.activate_working_keys(sign_in_block(keys), KeyLayout.PIK_MAK)


def key_block() -> str:
    header = Header(Version.D, KeyUsage("P0"), Algorithm.TDES, Mode.ENCRYPT)
    return blocks.wrap(bytearray(AES_KBPK), header, bytearray(TWO[0]), os.urandom)


def new_tmk() -> bytes:
    return sign_in_block([TWO[1]])


def state(store: KeyStore) -> object:
    """All that is held, and which keys they are; each opens."""
    return store.check_values()


DEEDS: dict[str, Callable[[KeyStore], object]] = {
    "a ceremony's TMK": lambda store: store.load_key(TMK, bytearray(TWO[0]), Algorithm.TDES, Mode.DECRYPT),
    "the test TMK": lambda store: store.load_test_tmk(KeyScheme.TRIPLE),
    "a key block": lambda store: store.load_block(KBPK, key_block()),
    "a sign-in": lambda store: sign_in(store, TWO),
    "a TMK under the old one": lambda store: store.replace_tmk(new_tmk()),
    "the keys given up": lambda store: store.discard_working_keys(),
    "zeroising": lambda store: store.zeroise(),
}


@pytest.mark.parametrize("name", DEEDS)
def test_a_cut_at_each_effect_leaves_the_old_state_or_the_new(tmp_path: Path, name: str) -> None:
    prepared = tmp_path / "prepared"
    store = opened(prepared)
    store.load_test_tmk()
    store.load_key(KBPK, bytearray(AES_KBPK), Algorithm.AES, Mode.DECRYPT)
    sign_in(store, ONE)
    sealed = store.seal(7, b"context", b"clear")
    old = state(store)
    new = expected(tmp_path / "new", prepared, name)
    seen = set()
    cuts = 0
    for folder, which in every_cut(prepared, lambda folder: DEEDS[name](opened(folder))):
        cuts += 1
        again = opened(folder)
        found = state(again)
        assert found in (old, new), which
        seen.add("old" if found == old else "new")
        if found or name != "zeroising":
            assert again.unseal(7, b"context", sealed) == b"clear", which
        # And it goes on from there.
        again.load_test_tmk()
        sign_in(again, ONE)
        assert opened(folder).working_keys_ready()
        assert not list(folder.glob("*.new")) and not list(folder.glob("*.dead"))
    assert cuts >= 6, "a deed has a write, a rename and a sync at the least, each with three fates"
    assert seen == {"old", "new"}, "the cuts lie on both sides of the deed"


def expected(folder: Path, prepared: Path, name: str) -> object:
    """The state after the deed without a cut."""
    folder.mkdir(mode=0o700)
    for path in prepared.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
        (folder / path.name).chmod(0o600)
    store = opened(folder)
    DEEDS[name](store)
    return state(store)


def test_a_store_that_is_cut_while_it_is_made_begins_anew(tmp_path: Path) -> None:
    prepared = tmp_path / "prepared"
    prepared.mkdir(mode=0o700)
    for folder, which in every_cut(prepared, lambda folder: opened(folder).load_test_tmk()):
        store = opened(folder)
        store.load_test_tmk()
        assert opened(folder).kcv(TMK) == "08D7B4FB", which


# DUKPT: the counter in the journal, the registers in the vault


class Life:
    """A terminal that is switched off and on, and a host that checks each message and remembers each KSN."""

    def __init__(self, folder: Path, algorithm: Algorithm, seed: int) -> None:
        self.folder = folder
        self.algorithm = algorithm
        self.disk = Disk(seed)
        self.cut = FolderCut(folder)
        self.sent: list[int] = []
        self.boot()
        self.load()

    def boot(self) -> None:
        self.journal = Journal.open(JOURNAL, wall_ms=lambda: 1_798_000_000_000, vfs=self.disk.name)
        self.store = KeyStore.open(self.folder, terminal_id="10000001", test_only=True, counters=self.journal.counters)

    def load(self) -> None:
        aes = self.algorithm is Algorithm.AES
        key, ksn = (AES_IK, AES_KSN) if aes else (TDES_IK, TDES_KSN)
        self.store.load_initial_key(IK, bytearray(key), self.algorithm, ksn)

    def trade(self) -> None:
        with self.store.next_transaction(IK, DukptUse.MAC) as transaction:
            ksn, mac = transaction.ksn, transaction.mac(b"message 1")
        counter = int.from_bytes(ksn, "big") & (0xFFFF_FFFF if self.algorithm is Algorithm.AES else 0x1F_FFFF)
        if self.algorithm is Algorithm.TDES:
            key = bytearray(tdes_key(TDES_IK, ksn))
            key[6] ^= 0xFF
            key[14] ^= 0xFF
            assert mac == mac_methods.compute(MacMethod.X9_19, Algorithm.TDES, key, b"message 1")
        else:
            key = bytearray(aes_working(AES_IK, ksn, 0x2000, "AES128"))
            assert mac == mac_methods.compute(MacMethod.CMAC, Algorithm.AES, key, b"message 1")
        assert counter not in self.sent, "a KSN twice"
        self.sent.append(counter)

    def attempt(self, *, folder_cut: int | None = None, disk_cut: int | None = None) -> bool:
        """Trade with the power going at that effect of the vault's or the journal's; whether it went."""
        self.cut.cut_in, self.disk.cut_after = folder_cut, disk_cut
        try:
            with self.cut:
                self.trade()
        except (PowerOff, JournalBroken):
            return True
        finally:
            self.disk.cut_after, self.cut.cut_in = None, None
        return False

    def power_on(self, fate: Fate) -> None:
        """After a cut everything in memory is gone, and what was not synced may be."""
        self.disk.dead = True
        self.cut.mend(fate)
        self.disk.mend()
        self.boot()


@pytest.mark.parametrize("algorithm", [Algorithm.TDES, Algorithm.AES])
@pytest.mark.parametrize("fate", Fate)
def test_no_ksn_twice_wherever_the_power_goes(tmp_path: Path, algorithm: Algorithm, fate: Fate) -> None:
    """Each effect of one transaction, in the vault and in the journal, with another cut in the life after it."""
    places = [{"folder_cut": at} for at in range(4)] + [{"disk_cut": at} for at in range(8)]
    cuts = 0
    for number, place in enumerate(places):
        life = Life(tmp_path / str(number), algorithm, seed=number)
        for _ in range(3):
            assert not life.attempt()
        for next_place in (place, {"folder_cut": number % 3}, {"disk_cut": number % 5}):
            if life.attempt(**next_place):
                cuts += 1
                life.power_on(fate)
        assert not life.attempt()
        assert not life.attempt()
        assert life.sent[:3] == [1, 2, 3]
        assert life.sent == sorted(life.sent)
        assert life.sent[-1] <= 3 + 3 + 2, "a cut costs one KSN at the most"
    assert cuts > 20


def test_a_cut_while_an_initial_key_is_loaded(tmp_path: Path) -> None:
    """The old registers or the new ones; and the same key once more goes on where its counter stood."""
    for at in range(3):
        for fate in Fate:
            life = Life(tmp_path / f"{at}-{fate.value}", Algorithm.TDES, seed=at)
            for _ in range(3):
                life.trade()
            life.cut.cut_in = at
            with life.cut, pytest.raises(PowerOff):
                life.store.load_initial_key(IK, bytearray(AES_IK), Algorithm.AES, AES_KSN)
            life.power_on(fate)
            assert life.store.algorithm(IK) in (Algorithm.TDES, Algorithm.AES)
            if life.store.algorithm(IK) is Algorithm.TDES:
                life.trade()
                assert life.sent == [1, 2, 3, 4]
            else:
                assert life.store.ksn(IK) == AES_KSN
            life.load()
            life.algorithm = Algorithm.TDES
            life.trade()
            assert life.sent == sorted(set(life.sent))


def test_registers_put_back_to_an_older_copy_repeat_nothing(tmp_path: Path) -> None:
    life = Life(tmp_path / "keys", Algorithm.TDES, seed=1)
    life.trade()
    old = (tmp_path / "keys" / "records").read_bytes()
    for _ in range(3):
        life.trade()
    (tmp_path / "keys" / "records").write_bytes(old)
    life.journal.close()
    life.boot()
    life.trade()
    assert life.sent == [1, 2, 3, 4, 5]


def test_a_counter_of_another_journal_repeats_nothing(tmp_path: Path) -> None:
    """The journal is lost and begun anew: the registers still know where they stand."""
    life = Life(tmp_path / "keys", Algorithm.AES, seed=1)
    for _ in range(3):
        life.trade()
    life.disk = Disk(2)
    life.boot()
    life.trade()
    assert life.sent == [1, 2, 3, 4]


def test_an_old_image_of_the_whole_card_is_not_noticed(tmp_path: Path) -> None:
    """What the README says: with registers and counter both put back, the terminal repeats what came after."""
    life = Life(tmp_path / "keys", Algorithm.TDES, seed=1)
    life.trade()
    records = (tmp_path / "keys" / "records").read_bytes()
    life.journal.close()
    disk = {name: bytes(content.seen) for name, content in life.disk.files.items()}
    life.boot()
    life.trade()
    life.journal.close()
    (tmp_path / "keys" / "records").write_bytes(records)
    for name, data in disk.items():
        life.disk.files[name].seen[:] = data
    life.boot()
    with pytest.raises(AssertionError, match="a KSN twice"):
        life.trade()


def test_without_counters_there_is_no_dukpt(tmp_path: Path) -> None:
    store = opened(tmp_path / "keys")
    with pytest.raises(KeyRefused, match="durable counters"):
        store.load_initial_key(IK, bytearray(TDES_IK), Algorithm.TDES, TDES_KSN)
