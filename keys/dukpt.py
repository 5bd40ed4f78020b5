"""DUKPT on the terminal: a key for each transaction, from registers of future keys that forget the past.

The keys form a tree. Below the key of counter c hang those of c with one more bit set, each lower than c's
lowest. The terminal holds, of all branches still ahead, the topmost key: at most one for each bit of the
counter. To take the smallest one, its children are derived and it is erased; a counter at its limit of set
bits has no children, and so the counters to be skipped are never reached. Whoever opens the terminal later
finds no key of a past transaction and none to derive it from.

Never a KSN twice, whatever moment the power goes at. Two things are durable before a key is used: the counter
(the journal's, through `Counters`), and the registers without that key (`Registers`, sealed at rest). Each may
be one step ahead of the other after a power cut, and the further one counts: registers that lag behind are
moved on, their keys erased unused; a counter that lags behind finds that the keys are no longer there. One of
the two put back to an older copy therefore repeats nothing. Both put back together cannot be noticed.

Nothing is kept in memory between transactions but the last counter that was tried.

Spec: ANSI X9.24-1:2009 Annex A.2, A.3; ANSI X9.24-3:2017 §6.
"""

from __future__ import annotations

import struct
import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Generic, Protocol, TypeVar

from keys import tdes
from keys.errors import KeyRefused
from keys.ksn import Ksn, KsnLayout

MAGIC = b"ZGD1"
_HEAD = struct.Struct(">4sBB12sIB")  # Magic, counter's bits, key's bytes, identity (zeros after it), position, count.
_COUNTER = struct.Struct(">I")
_REFUSED = "the stored future keys do not open"

Use = TypeVar("Use")
_UseIn = TypeVar("_UseIn", contravariant=True)


class CounterExhausted(KeyRefused):
    """The initial key has no transaction left; only a new initial key helps."""

    def __init__(self) -> None:
        super().__init__("the DUKPT counter is exhausted: a new initial key is needed")


class Counters(Protocol):
    """Durable numbers that only grow. The journal implements it, so that a counter has one owner."""

    def last(self, name: str) -> int:
        """The largest value that was ever advanced to; 0 for a name never seen."""

    def advance(self, name: str, value: int) -> None:
        """Keep `value`: durable when this returns.

        Values may leave gaps; one that is not above `last` is an error of the caller and is raised. When it
        raises for any reason, the value counts as used.
        """


class Registers(Protocol):
    """Where one terminal's future keys rest, sealed. Each save replaces the whole, or nothing."""

    def load(self) -> bytearray | None:
        """The image that was saved last, which the caller wipes; None: never any."""

    def save(self, image: bytearray) -> None:
        """Keep it: durable when this returns, the old one gone. The caller wipes `image`."""


class Scheme(Protocol[_UseIn]):
    """One initial key's derivations, TDES or AES, without the key."""

    @property
    def ksn(self) -> Ksn:
        """With counter 0."""

    @property
    def key_bytes(self) -> int: ...

    def child(self, parent: bytearray, counter: int) -> bytearray:
        """The key of `counter`, of which `parent` is the key without the lowest set bit. The caller wipes it."""

    def working_key(self, key: bytearray, counter: int, use: _UseIn) -> bytearray:
        """The key for one use in the transaction `counter`, whose own key is `key`. The caller wipes it."""

    def check(self, use: _UseIn) -> None:
        """Raise KeyRefused for a use that these keys may not have."""


class Transaction(Generic[Use]):
    """One transaction's working keys, each for its use. They stay inside this room; `with` wipes them."""

    def __init__(self, ksn: Ksn, keys: Mapping[Use, bytearray]) -> None:
        self.ksn = ksn
        self._keys = dict(keys)

    def __repr__(self) -> str:
        return f"Transaction({self.ksn})"

    def key(self, use: Use) -> bytearray:
        """It stays the transaction's to wipe. Raises KeyRefused when it was not asked for, or is wiped."""
        if use not in self._keys:
            raise KeyRefused("this transaction has no key for that use")
        return self._keys[use]

    def wipe(self) -> None:
        for key in self._keys.values():
            tdes.wipe(key)
        self._keys.clear()

    def __enter__(self) -> Transaction[Use]:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.wipe()


def working_keys(scheme: Scheme[Use], key: bytearray, counter: int, uses: tuple[Use, ...]) -> Transaction[Use]:
    """The transaction whose key is `key`, with a working key for each use."""
    made: dict[Use, bytearray] = {}
    for use in uses:
        if use not in made:
            made[use] = scheme.working_key(key, counter, use)
    return Transaction(scheme.ksn.at(counter), made)


class FutureKeys(Generic[Use]):
    """The topmost key of each branch ahead, by its counter. `position` is the last counter taken."""

    def __init__(self, scheme: Scheme[Use], keys: dict[int, bytearray], position: int) -> None:
        self.scheme = scheme
        self.position = position
        self._keys = keys

    def __repr__(self) -> str:
        return f"FutureKeys({self.scheme.ksn.at(self.position)})"

    @classmethod
    def plant(cls, scheme: Scheme[Use], initial_key: bytearray) -> FutureKeys[Use]:
        """From the initial key, which the caller wipes and the terminal then forgets."""
        future = cls(scheme, {}, 0)
        future._grow(0, initial_key)
        return future

    @property
    def counters(self) -> tuple[int, ...]:
        return tuple(sorted(self._keys))

    def take(self) -> tuple[int, bytearray]:
        """The next counter and its key, which the caller wipes. Raises CounterExhausted."""
        if not self._keys:
            raise CounterExhausted
        counter = min(self._keys)
        key = self._keys.pop(counter)
        self._grow(counter, key)
        self.position = counter
        return counter, key

    def skip_to(self, position: int) -> None:
        """As if all up to `position` had been taken, at the cost of one path down the tree."""
        # Each round opens one branch, and only the branch that holds `position` is opened again: at most
        # set_bits rounds that grow, and counter_bits keys dropped in each.
        while self._keys and min(self._keys) <= position:
            counter = min(self._keys)
            key = self._keys.pop(counter)
            if self._end(counter) > position:
                self._grow(counter, key, after=position)
            tdes.wipe(key)
        self.position = max(self.position, position)

    def topmost(self) -> tuple[int, bytearray]:
        """The last branch's counter (ones only, from the top) and its key, still ours. Raises CounterExhausted."""
        if not self._keys:
            raise CounterExhausted
        counter = max(self._keys)
        return counter, self._keys[counter]

    def wipe(self) -> None:
        for key in self._keys.values():
            tdes.wipe(key)
        self._keys.clear()

    def encode(self) -> bytearray:
        """What the registers keep; a secret that the caller wipes."""
        ksn, size = self.scheme.ksn, self.scheme.key_bytes
        bits = ksn.layout.counter_bits
        image = bytearray(_HEAD.size + len(self._keys) * (_COUNTER.size + size))
        _HEAD.pack_into(image, 0, MAGIC, bits, size, ksn.identity, self.position, len(self._keys))
        offset, room = _HEAD.size, memoryview(image)
        for counter in sorted(self._keys):
            _COUNTER.pack_into(image, offset, counter)
            offset += _COUNTER.size
            room[offset : offset + size] = self._keys[counter]
            offset += size
        return image

    @classmethod
    def decode(cls, scheme: Scheme[Use], image: bytearray) -> FutureKeys[Use]:
        """The inverse of `encode`; `image` stays the caller's to wipe. Raises KeyRefused for anything else."""
        ksn, size = identity_of(image, scheme.ksn.layout)
        *_, position, count = _HEAD.unpack_from(image)
        step = _COUNTER.size + size
        if ksn != scheme.ksn or size != scheme.key_bytes or len(image) != _HEAD.size + count * step:
            raise KeyRefused(_REFUSED)
        if count > ksn.layout.counter_bits:
            raise KeyRefused(_REFUSED)
        future = cls(scheme, {}, position)
        source, before = memoryview(image), position
        for offset in range(_HEAD.size, len(image), step):
            (counter,) = _COUNTER.unpack_from(image, offset)
            # Sorted and ahead of the position: a past key put back by hand is not taken for a future one.
            if counter <= before or counter > ksn.layout.last or counter.bit_count() > ksn.layout.set_bits:
                future.wipe()
                raise KeyRefused(_REFUSED)
            key = future._keys[counter] = bytearray(size)
            memoryview(key)[:] = source[offset + _COUNTER.size : offset + step]
            before = counter
        return future

    def _grow(self, counter: int, key: bytearray, *, after: int = 0) -> None:
        """Derive the children of `counter` of which anything is ahead of `after`."""
        layout = self.scheme.ksn.layout
        if counter.bit_count() >= layout.set_bits:
            return
        for bit in range(_lowest_bit(counter, layout)):
            child = counter | 1 << bit
            if self._end(child) > after:
                self._keys[child] = self.scheme.child(key, child)

    def _end(self, counter: int) -> int:
        """The largest counter of the branch that begins at `counter`."""
        layout = self.scheme.ksn.layout
        free = _lowest_bit(counter, layout)
        ones = min(free, layout.set_bits - counter.bit_count())
        return counter | ((1 << ones) - 1) << (free - ones)


def _lowest_bit(counter: int, layout: KsnLayout) -> int:
    """Its number; for 0, that of the bit above the counter."""
    return (counter & -counter).bit_length() - 1 if counter else layout.counter_bits


def identity_of(image: bytearray, layout: KsnLayout) -> tuple[Ksn, int]:
    """Whose keys an image holds (KSN at 0) and of how many bytes. Raises KeyRefused: no image of this layout."""
    if len(image) < _HEAD.size:
        raise KeyRefused(_REFUSED)
    magic, bits, size, padded, _, _ = _HEAD.unpack_from(image)
    if magic != MAGIC or bits != layout.counter_bits or any(padded[layout.size :]):
        raise KeyRefused(_REFUSED)
    return Ksn(layout, padded[: layout.size]), size


class Terminal(Generic[Use]):
    """The terminal's side, for one place of registers. `TdesTerminal` and `AesTerminal` say of which kind.

    Calls may come from several threads; they are served one after the other.
    """

    layout: KsnLayout

    def __init__(self, registers: Registers, counters: Counters) -> None:
        self._registers = registers
        self._counters = counters
        self._serving = threading.Lock()
        self._tried: dict[str, int] = {}  # By counter's name: one for each initial key that was loaded.

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    def scheme(self, ksn: Ksn, key_bytes: int) -> Scheme[Use]:
        """The derivations of an initial key of this many bytes. Raises KeyRefused for a wrong size."""
        raise NotImplementedError

    def loaded(self) -> Ksn | None:
        """The KSN of the last counter taken (0: none yet), None without an initial key. Raises KeyRefused."""
        with self._serving:
            future = self._load()
            if future is None:
                return None
            future.wipe()
            return future.scheme.ksn.at(max(future.position, self._floor(future.scheme.ksn)))

    def key_bytes(self) -> int:
        """The length of the initial key that is loaded. Raises KeyRefused without one."""
        with self._serving:
            future = self._load()
            if future is None:
                raise KeyRefused("no initial key is loaded")
            future.wipe()
            return future.scheme.key_bytes

    def load_initial_key(self, initial_key: bytearray, ksn: Ksn) -> None:
        """Plant a new initial key; the old registers are gone when this returns. The caller wipes the key.

        The counter of a key that was loaded before goes on where it stood. Raises KeyRefused for a wrong size
        or KSN.
        """
        if ksn.layout != self.layout or ksn.counter:
            raise KeyRefused("an initial key's KSN has the counter 0")
        scheme = self.scheme(ksn, len(initial_key))
        with self._serving:
            floor = self._floor(ksn)
            old = self._load()
            if old is not None:
                floor = max(floor, old.position if old.scheme.ksn == ksn else 0)
                old.wipe()
            future = FutureKeys.plant(scheme, initial_key)
            try:
                future.skip_to(floor)
                self._save(future)
            finally:
                future.wipe()

    def take(self, *uses: Use) -> Transaction[Use]:
        """The next transaction with a key for each use; its counter is durable and its own key erased.

        Raises CounterExhausted; KeyRefused without an initial key or for a use that it may not have; and
        whatever the storage raises, in which case the KSN is spent and no key was given out.
        """
        with self._serving:
            future = self._load()
            if future is None:
                raise KeyRefused("no initial key is loaded")
            key = bytearray()
            try:
                for use in uses:
                    future.scheme.check(use)
                ksn = future.scheme.ksn
                future.skip_to(self._floor(ksn))
                if not future.counters:
                    self._save(future)
                counter, key = future.take()
                self._tried[ksn.counter_name] = counter
                self._counters.advance(ksn.counter_name, counter)
                self._save(future)
                return working_keys(future.scheme, key, counter, uses)
            finally:
                tdes.wipe(key)
                future.wipe()

    # Inside.

    def _floor(self, ksn: Ksn) -> int:
        return max(self._counters.last(ksn.counter_name), self._tried.get(ksn.counter_name, 0))

    def _load(self) -> FutureKeys[Use] | None:
        image = self._registers.load()
        if image is None:
            return None
        try:
            ksn, size = identity_of(image, self.layout)
            return FutureKeys.decode(self.scheme(ksn, size), image)
        finally:
            tdes.wipe(image)

    def _save(self, future: FutureKeys[Use]) -> None:
        image = future.encode()
        try:
            self._registers.save(image)
        finally:
            tdes.wipe(image)
