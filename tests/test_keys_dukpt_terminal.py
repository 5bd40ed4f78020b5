"""The terminal's registers of future keys: in the host's step, forgetful of the past, and never past the end."""

from __future__ import annotations

import random
import struct

import pytest
from dukpt_reference import AES_TYPES, PowerCut, Storage, aes_key, aes_working, tdes_key
from dukpt_walk import walk
from hypothesis import given, settings
from hypothesis import strategies as st

from keys import KeyRefused, dukpt_aes, dukpt_tdes
from keys.dukpt import CounterExhausted, FutureKeys
from keys.dukpt_aes import AesKeyType, AesScheme, AesTerminal, AesUsage, AesUse, aes_ksn
from keys.dukpt_tdes import TdesScheme, TdesTerminal, TdesUse
from keys.ksn import AES_KSN, TDES_KSN, Ksn, KsnLayout

IK = bytes.fromhex("6AC292FAA1315B4D858AB3A3D7D5933A")
KSN = Ksn.parse(TDES_KSN, bytes.fromhex("FFFF9876543210E00000"))
AES_IK = bytes.fromhex("1273671EA26AC29AFA4D1084127652A1")
AES_ID = aes_ksn(bytes.fromhex("1234567890123456"))
PIN128 = AesUse(AesUsage.PIN, AesKeyType.AES128)
FEW_THOUSANDS = 2_100  # Past 0x7FF, the first counter of 11 bits.


def tdes_terminal(storage: Storage, *, after: int = 0) -> TdesTerminal:
    storage.counters[KSN.counter_name] = after
    terminal = TdesTerminal(storage, storage)
    terminal.load_initial_key(bytearray(IK), KSN)
    return terminal


def aes_terminal(storage: Storage, *, after: int = 0, key: bytes = AES_IK) -> AesTerminal:
    storage.counters[AES_ID.counter_name] = after
    terminal = AesTerminal(storage, storage)
    terminal.load_initial_key(bytearray(key), AES_ID)
    return terminal


def usable(layout: KsnLayout, first: int, count: int) -> list[int]:
    found: list[int] = []
    while len(found) < count and first < 1 << layout.counter_bits:
        if 0 < first.bit_count() <= layout.set_bits:
            found.append(first)
        first += 1
    return found


# In step with the host


@pytest.mark.parametrize("first", [1, 0x7F0, 0xFF7F0, 0x1FF000])
def test_tdes_registers_give_the_hosts_keys(first: int) -> None:
    storage = Storage()
    terminal = tdes_terminal(storage, after=first - 1)
    for counter in usable(TDES_KSN, first, 100):
        with terminal.take(TdesUse.PIN) as taken:
            assert taken.ksn == KSN.at(counter)
            variant = bytearray(tdes_key(IK, taken.ksn.encode()))
            variant[7] ^= 0xFF
            variant[15] ^= 0xFF
            assert taken.key(TdesUse.PIN) == variant
            host = dukpt_tdes.transaction_key(bytearray(IK), taken.ksn)
            assert host == tdes_key(IK, taken.ksn.encode())


def test_the_standards_sequence_of_serial_numbers() -> None:
    """X9.24-1:2009 Annex A.4.3: at ten bits the terminal skips on, from 0xFF800 to 0x100000."""
    terminal = tdes_terminal(Storage(), after=0xFF7FF)
    expected = [0xFF800, *(0xFF800 + (1 << bit) for bit in range(11)), 0x100000]
    assert [terminal.take().ksn.counter for _ in expected] == expected


@pytest.mark.parametrize("layout", [TDES_KSN, AES_KSN], ids=["tdes", "aes"])
def test_a_few_thousand_counters(layout: KsnLayout) -> None:
    checked = walk(layout, 0, limit=FEW_THOUSANDS)
    assert checked == FEW_THOUSANDS


@pytest.mark.slow
@pytest.mark.parametrize("layout", [TDES_KSN, AES_KSN], ids=["tdes", "aes"])
def test_stretches_of_all_bit_patterns(layout: KsnLayout) -> None:
    """Around each power of two, where every register is filled anew, and at 150 places by chance."""
    dice = random.Random(921)
    places = [(1 << bit) - 40 for bit in range(6, layout.counter_bits)]
    places += [dice.randrange(layout.last) for _ in range(150)]
    for place in places:
        assert walk(layout, place, limit=60) > 0
    assert walk(layout, layout.last - 3_000, limit=10_000) < 3_000  # To the very end.


@pytest.mark.parametrize("key_bytes", [16, 24, 32])
def test_aes_working_keys_of_every_kind(key_bytes: int) -> None:
    """Each usage and type that the initial key is strong enough for; the others are refused before a KSN is spent."""
    key = bytes(range(1, key_bytes + 1))
    storage = Storage()
    terminal = aes_terminal(storage, after=0xFFFE, key=key)
    expected = AES_ID.at(0xFFFF)
    granted: list[AesUse] = []
    for usage in AesUsage:
        for kind in AesKeyType:
            use = AesUse(usage, kind)
            strong = kind.strength_bits > key_bytes * 8
            encrypting = kind.name.startswith("HMAC") and not usage.name.startswith("MAC")
            if strong or encrypting:
                with pytest.raises(KeyRefused):
                    terminal.take(use)
            else:
                granted.append(use)
    with terminal.take(*granted) as taken:
        assert taken.ksn == expected
        for use in granted:
            kind = use.key_type.name.replace("TDEA2", "2TDEA").replace("TDEA3", "3TDEA")
            assert taken.key(use) == aes_working(key, expected.encode(), use.usage.value, kind)
            assert len(taken.key(use)) * 8 == AES_TYPES[kind][1]


def test_the_indicators_are_the_standards() -> None:
    """X9.24-3:2017 §6.3.2, table 2; the examples use only some of them."""
    assert {usage.name: f"{usage.value:04X}" for usage in AesUsage} == {
        "KEY_ENCRYPTION": "0002",
        "PIN": "1000",
        "MAC_GENERATE": "2000",
        "MAC_VERIFY": "2001",
        "MAC_BOTH_WAYS": "2002",
        "DATA_ENCRYPT": "3000",
        "DATA_DECRYPT": "3001",
        "DATA_BOTH_WAYS": "3002",
    }


def test_working_keys_of_one_transaction_differ() -> None:
    with tdes_terminal(Storage()).take(*TdesUse) as taken:
        assert len({bytes(taken.key(use)) for use in TdesUse}) == len(TdesUse)


# The end


@pytest.mark.parametrize("make,layout", [(tdes_terminal, TDES_KSN), (aes_terminal, AES_KSN)], ids=["tdes", "aes"])
def test_after_the_last_counter_there_is_no_key(make: type, layout: KsnLayout) -> None:
    storage = Storage()
    terminal = make(storage, after=layout.last - 1)
    assert terminal.take().ksn.counter == layout.last
    for _ in range(2):
        with pytest.raises(CounterExhausted):
            terminal.take()
    again = type(terminal)(storage, storage)
    with pytest.raises(CounterExhausted):
        again.take()


def test_a_counter_beyond_the_last_leaves_nothing_in_the_registers() -> None:
    storage = Storage()
    terminal = tdes_terminal(storage)
    full = storage.image
    storage.counters[KSN.counter_name] = TDES_KSN.last
    with pytest.raises(CounterExhausted):
        terminal.take()
    assert full is not None and storage.image is not None
    assert len(storage.image) < len(full)
    assert FutureKeys.decode(TdesScheme(KSN), bytearray(storage.image)).counters == ()


# The past


def scheme_of(layout: KsnLayout) -> AesScheme | TdesScheme:
    return TdesScheme(KSN) if layout == TDES_KSN else AesScheme(AES_ID, AesKeyType.AES128)


def true_key(layout: KsnLayout, counter: int) -> bytes:
    if layout == TDES_KSN:
        return tdes_key(IK, KSN.at(counter).encode())
    return aes_key(AES_IK, AES_ID.at(counter).encode())


@pytest.mark.parametrize("layout", [TDES_KSN, AES_KSN], ids=["tdes", "aes"])
@settings(max_examples=25)
@given(data=st.data())
def test_skipping_is_taking_and_no_key_of_the_past_is_left(layout: KsnLayout, data: st.DataObject) -> None:
    """The keys held are the topmost of branches wholly ahead; so nothing held leads to a key of the past."""
    place = data.draw(st.integers(0, layout.last - 1))
    initial = bytearray(IK if layout == TDES_KSN else AES_IK)
    future: FutureKeys[object] = FutureKeys.plant(scheme_of(layout), initial)  # type: ignore[arg-type]
    future.skip_to(place)
    counter, key = future.take()
    assert counter == usable(layout, place + 1, 1)[0]
    assert key == true_key(layout, counter)
    held = future.counters
    assert len(held) <= layout.counter_bits
    assert all(found > counter for found in held)
    assert len({found & -found for found in held}) == len(held)  # One for each register of the standard.
    image = bytes(future.encode())
    assert bytes(key) not in image
    for past in (counter & (counter - 1), counter & (counter - 1) & ((counter & (counter - 1)) - 1)):
        if past:
            assert true_key(layout, past) not in image
    again = FutureKeys.decode(scheme_of(layout), bytearray(image))  # type: ignore[arg-type,var-annotated]
    assert (again.counters, again.position, bytes(again.encode())) == (held, counter, image)


def test_the_initial_key_is_not_kept() -> None:
    storage = Storage()
    terminal = tdes_terminal(storage)
    for _ in range(3):
        with terminal.take(TdesUse.PIN):
            pass
        assert storage.image is not None
        assert IK not in storage.image


def test_a_transactions_keys_are_wiped() -> None:
    with tdes_terminal(Storage()).take(TdesUse.PIN) as taken:
        key = taken.key(TdesUse.PIN)
        assert any(key)
        with pytest.raises(KeyRefused):
            taken.key(TdesUse.MAC_REQUEST)
    assert not any(key)
    with pytest.raises(KeyRefused):
        taken.key(TdesUse.PIN)


class WatchedScheme(TdesScheme):
    """It remembers each key that it made."""

    def __init__(self, ksn: Ksn, made: list[bytearray]) -> None:
        super().__init__(ksn)
        self.made = made

    def child(self, parent: bytearray, counter: int) -> bytearray:
        self.made.append(super().child(parent, counter))
        return self.made[-1]

    def working_key(self, key: bytearray, counter: int, use: TdesUse) -> bytearray:
        assert any(key)
        self.made.append(super().working_key(key, counter, use))
        return self.made[-1]


class WatchedTerminal(TdesTerminal):
    made: list[bytearray]

    def scheme(self, ksn: Ksn, key_bytes: int) -> TdesScheme:
        return WatchedScheme(ksn, self.made)


class WatchedStorage(Storage):
    """It remembers each image that went through the terminal's hands."""

    def __init__(self, made: list[bytearray]) -> None:
        super().__init__()
        self.made = made

    def load(self) -> bytearray | None:
        image = super().load()
        self.made += [] if image is None else [image]
        return image

    def save(self, image: bytearray) -> None:
        self.made.append(image)
        super().save(image)


def test_every_key_that_was_made_is_wiped() -> None:
    """Registers filled, taken from, moved on over a gap, filled anew; and a write that fails in the middle."""
    made: list[bytearray] = []
    storage = WatchedStorage(made)
    terminal = WatchedTerminal(storage, storage)
    terminal.made = made
    terminal.load_initial_key(bytearray(IK), KSN)
    for skip in (0, 6, 0, 0x7F0):
        storage.counters[KSN.counter_name] = storage.last(KSN.counter_name) + skip
        with terminal.take(*TdesUse) as taken:
            alive = sum(any(secret) for secret in made)
            assert alive == len(TdesUse), taken
    storage.cut_in = 1
    with pytest.raises(PowerCut):
        terminal.take(TdesUse.PIN)
    assert len(made) > 50
    assert not [secret for secret in made if any(secret)]


# The update


def test_the_update_key_is_there_until_the_last_transaction() -> None:
    key = AES_IK * 2
    expected = dukpt_aes.host_update_key(bytearray(key), AES_ID)
    for place in (0, 1, 0xFFFF, 0x8000_0000, 0xFFFE_0000, AES_KSN.last - 1):
        terminal = aes_terminal(Storage(), after=place, key=key)
        assert terminal.update_key() == expected
    assert terminal.take().ksn.counter == AES_KSN.last
    with pytest.raises(CounterExhausted):
        terminal.update_key()
    with pytest.raises(KeyRefused):
        aes_terminal(Storage()).update_key(AesKeyType.AES256)


def test_an_updated_initial_key_begins_its_own_count() -> None:
    storage = Storage()
    terminal = aes_terminal(storage)
    assert [terminal.take().ksn.counter for _ in range(3)] == [1, 2, 3]
    fresh = aes_ksn(bytes.fromhex("1234567890123457"))
    terminal.load_initial_key(bytearray(range(32)), fresh)
    use = AesUse(AesUsage.PIN, AesKeyType.AES256)
    with terminal.take(use) as taken:
        assert taken.ksn == fresh.at(1)
        assert taken.key(use) == aes_working(bytes(range(32)), taken.ksn.encode(), 0x1000, "AES256")


def test_loading_the_same_key_again_does_not_begin_anew() -> None:
    storage = Storage()
    terminal = tdes_terminal(storage)
    assert [terminal.take().ksn.counter for _ in range(5)] == [1, 2, 3, 4, 5]
    terminal.load_initial_key(bytearray(IK), KSN)
    assert terminal.take().ksn.counter == 6
    storage.counters.clear()
    other = TdesTerminal(storage, storage)
    other.load_initial_key(bytearray(IK), KSN)
    assert other.take().ksn.counter == 7
    assert other.loaded() == KSN.at(7)


# Refusals


def test_nothing_without_an_initial_key() -> None:
    storage = Storage()
    for terminal in (TdesTerminal(storage, storage), AesTerminal(storage, storage)):
        assert terminal.loaded() is None
        with pytest.raises(KeyRefused):
            terminal.take()
    with pytest.raises(KeyRefused):
        AesTerminal(storage, storage).update_key()


@pytest.mark.parametrize("size", [0, 8, 15, 17, 24, 32])
def test_tdes_takes_double_length_keys_only(size: int) -> None:
    storage = Storage()
    with pytest.raises(KeyRefused):
        TdesTerminal(storage, storage).load_initial_key(bytearray(size), KSN)
    with pytest.raises(KeyRefused):
        dukpt_tdes.initial_key(bytearray(size), KSN)
    with pytest.raises(KeyRefused):
        dukpt_tdes.transaction_key(bytearray(size), KSN.at(1))


def test_a_weak_bdk_is_refused() -> None:
    with pytest.raises(KeyRefused):
        dukpt_tdes.initial_key(bytearray(bytes.fromhex("0123456789ABCDEF") * 2), KSN)


@pytest.mark.parametrize("counter", [0, 0x7FF, 0xFFFFF, 0x1FFFFF])
def test_the_host_refuses_unusable_tdes_counters(counter: int) -> None:
    with pytest.raises(KeyRefused):
        dukpt_tdes.transaction_key(bytearray(IK), KSN.at(counter))
    with pytest.raises(KeyRefused):
        dukpt_tdes.host_keys(bytearray(IK), KSN.at(counter), TdesUse.PIN)


@pytest.mark.parametrize("counter", [0, 0x1FFFF, 0xFFFF8000, 0xFFFFFFFF])
def test_the_host_refuses_unusable_aes_counters(counter: int) -> None:
    with pytest.raises(KeyRefused):
        dukpt_aes.transaction_key(bytearray(AES_IK), AES_ID.at(counter))
    with pytest.raises(KeyRefused):
        dukpt_aes.host_keys(bytearray(AES_IK), AES_ID.at(counter), PIN128)


def test_the_two_schemes_do_not_mix() -> None:
    storage = Storage()
    for refused in (
        lambda: dukpt_tdes.initial_key(bytearray(IK), AES_ID),
        lambda: dukpt_aes.initial_key(bytearray(AES_IK), KSN),
        lambda: dukpt_aes.initial_key(bytearray(8), AES_ID),
        lambda: dukpt_aes.host_keys(bytearray(AES_IK), AES_ID.at(1), AesUse(AesUsage.PIN, AesKeyType.AES192)),
        lambda: dukpt_tdes.host_keys(bytearray(IK), KSN.at(1), PIN128),  # type: ignore[arg-type]
        lambda: dukpt_aes.host_keys(bytearray(IK), AES_ID.at(1), TdesUse.PIN),  # type: ignore[arg-type]
        lambda: aes_terminal(storage) and TdesTerminal(storage, storage).take(),
        lambda: TdesTerminal(storage, storage).load_initial_key(bytearray(IK), AES_ID),
        lambda: TdesTerminal(Storage(), storage).load_initial_key(bytearray(IK), KSN.at(1)),
        lambda: aes_ksn(b"1234567"),
    ):
        with pytest.raises(KeyRefused):
            refused()


@given(st.binary(max_size=16))
def test_any_bytes_are_a_serial_number_or_are_refused(data: bytes) -> None:
    for layout in (TDES_KSN, AES_KSN):
        if len(data) != layout.size:
            with pytest.raises(KeyRefused):
                Ksn.parse(layout, data)
            continue
        ksn = Ksn.parse(layout, data)
        assert ksn.encode() == data
        assert ksn.at(0).at(ksn.counter) == ksn


@given(st.data())
def test_damaged_registers_are_refused_or_are_others(data: st.DataObject) -> None:
    """At rest they are sealed; what opens nevertheless is read strictly, and only KeyRefused comes out."""
    future = FutureKeys.plant(TdesScheme(KSN), bytearray(IK))
    future.skip_to(data.draw(st.integers(0, TDES_KSN.last)))
    image = future.encode()
    start = data.draw(st.integers(0, len(image)))
    image[start : start + data.draw(st.integers(0, 8))] = data.draw(st.binary(max_size=8))
    storage = Storage()
    storage.image = bytes(image)
    try:
        taken = TdesTerminal(storage, storage).take()
    except KeyRefused:
        return
    assert 0 < taken.ksn.counter.bit_count() <= TDES_KSN.set_bits


@pytest.mark.parametrize(
    "counters,position",
    [((4, 8), 4), ((4, 8), 9), ((8, 4), 0), ((8, 8), 0), ((0x7FF,), 0), ((0x200000,), 0), ((0,), 0)],
    ids=["taken", "past", "order", "twice", "eleven bits", "beyond the last", "initial key"],
)
def test_registers_hold_keys_of_the_future_only(counters: tuple[int, ...], position: int) -> None:
    image = bytearray(struct.pack(">4sBB12sIB", b"ZGD1", 21, 16, KSN.identity, position, len(counters)))
    for counter in counters:
        image += counter.to_bytes(4, "big") + bytes(16)
    with pytest.raises(KeyRefused):
        FutureKeys.decode(TdesScheme(KSN), image)


def test_no_secret_in_a_repr() -> None:
    storage = Storage()
    terminal = aes_terminal(storage)
    future = FutureKeys.plant(AesScheme(AES_ID, AesKeyType.AES128), bytearray(AES_IK))
    with terminal.take(PIN128) as taken:
        key = taken.key(PIN128).hex()
        shown = f"{terminal!r} {taken!r} {future!r} {future.scheme!r} {taken.ksn!r} {PIN128!r}".lower()
    assert "transaction(ksn(123456789012345600000001))" in shown
    assert key[:8] not in shown
    assert AES_IK.hex()[:8] not in shown


def test_a_counters_name_is_no_card_number() -> None:
    assert AES_ID.counter_name == "dukpt.aes.12345678.90123456.00000000"
    assert KSN.at(9).counter_name == "dukpt.tdes.FFFF9876.543210E0.0000"
