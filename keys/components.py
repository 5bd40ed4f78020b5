"""A key in two or three components: each known to one holder, the key known to nobody.

Each holder types a component, digit by digit, and compares its check value with the paper. Confirmed, it is
XORed into the sum and wiped; then the next holder comes. Nobody may give two components: the holders' names
must differ here, and the flow over it makes them log in. A component of zeros would leave the key to the
others, and one that came before would cancel itself out, so neither is taken; parity bits do not make two
components of triple DES different.

Components are kept in memory only, and only as their sum. A power cut, a time-out or a cancel starts over,
and so does a key that turns out to be none: weak, semi-weak, or with equal halves.

| state | taken |
|---|---|
| ENTERING | push, back, confirm, cancel |
| READY | result, cancel |
| OVER | cancel |

Everything else is refused and changes nothing. Wrong holders, zeros and repeated components are wiped and may be
entered anew; nothing of the sum is lost.

Parity: a component needs none (the XOR of two keys of odd parity has even parity), so its errors are shown and do
no harm. What becomes of the key's own is the plan's to say; by convention it is set to odd, which changes no
cipher text and no check value.

Spec: PCI PIN Security requirements 6, 12, 13 (split knowledge, dual control); ANSI X9.24-1 (components);
FIPS 46-3 (parity); NIST SP 800-67 (weak keys).
"""

from __future__ import annotations

import hmac
import os
from dataclasses import dataclass
from enum import Enum, auto
from types import TracebackType

from keys import ciphers, kcv, mac_iso9797, tdes
from keys.errors import KeyRefused
from keys.sound import check_sound
from keys.usage import Algorithm

COMPONENTS = (2, 3)
_SALT_BYTES = 32
_NIBBLE_MAX = 0xF


class Reason(Enum):
    """Why something was refused; the screens have words for each."""

    ORDER = "this is not the time for it"
    DIGIT = "a hex digit is 0 to 15"
    INCOMPLETE = "the component is not complete"
    NO_HOLDER = "a component needs its holder's name"
    SAME_HOLDER = "this holder has given a component already"
    ZERO = "the component is zero"
    IDENTICAL = "the component is one of those before it"
    WEAK = "the components make a weak key, or one with equal halves"
    PARITY = "the components make a key without odd parity"


class CeremonyRefused(KeyRefused):
    """What the ceremony does not take, and why. Says nothing about any digit."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason


class State(Enum):
    """Where the ceremony stands."""

    ENTERING = auto()
    READY = auto()
    OVER = auto()


class Parity(Enum):
    """What becomes of the parity of a triple DES key; other algorithms have none."""

    ADJUST = auto()
    KEEP = auto()
    REQUIRE = auto()


@dataclass(frozen=True, slots=True)
class Plan:
    """What is entered. Raises KeyRefused for lengths and numbers that cannot be.

    `method` None is the usual one: CMAC for AES, else legacy. `kcv_bytes` is how many bytes are shown.
    """

    algorithm: Algorithm
    size_bytes: int
    components: int = 2
    kcv_bytes: int = 3
    method: kcv.Method | None = None
    parity: Parity = Parity.ADJUST

    def __post_init__(self) -> None:
        if self.algorithm is Algorithm.DES or self.size_bytes not in ciphers.KEY_BYTES.get(self.algorithm, ()):
            raise KeyRefused(f"no {self.algorithm.name} key of {self.size_bytes} bytes is entered in components")
        if self.components not in COMPONENTS:
            raise KeyRefused("a key is entered in 2 or 3 components")
        if not kcv.KCV_BYTES_MIN <= self.kcv_bytes <= kcv.KCV_BYTES_MAX:
            raise KeyRefused(f"a check value has {kcv.KCV_BYTES_MIN} to {kcv.KCV_BYTES_MAX} bytes")

    def check_value(self, key: bytearray) -> str:
        """In upper-case hex; of a component or of the key, which stay the caller's to wipe."""
        usual = kcv.Method.CMAC if self.algorithm is Algorithm.AES else kcv.Method.LEGACY
        return kcv.check_value(self.algorithm, key, self.method or usual, size=self.kcv_bytes).hex().upper()


class Ceremony:
    """One entry of one key. Use it in a `with`: whichever way that ends, nothing is left."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.state = State.ENTERING
        self.digits = 0  # How many of this component's are typed.
        self._typed = bytearray(plan.size_bytes)
        # The sum begins with random bytes, which come off at its end: so not even the first component stays as it is.
        self._pad = bytearray(os.urandom(plan.size_bytes))
        self._sum = bytearray(plan.size_bytes)
        _xor_into(self._sum, self._pad)
        self._holders: list[str] = []
        # Once summed a component cannot be compared with, so each leaves a keyed digest until the end.
        self._salt = bytearray(os.urandom(_SALT_BYTES))
        self._marks: list[bytes] = []

    def __enter__(self) -> Ceremony:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cancel()

    def __repr__(self) -> str:
        return f"Ceremony({self.state.name}, component {self.number} of {self.plan.components})"

    # What may be shown.

    @property
    def number(self) -> int:
        """Which component is being entered, from 1; at the end, the last."""
        return min(len(self._holders) + 1, self.plan.components)

    @property
    def complete(self) -> bool:
        """Whether the component has all its digits."""
        return self.state is State.ENTERING and self.digits == 2 * self.plan.size_bytes

    @property
    def component_kcv(self) -> str | None:
        """The complete component's check value, for its holder to compare; None before."""
        return self.plan.check_value(self._typed) if self.complete else None

    @property
    def parity_errors(self) -> tuple[int, ...]:
        """The bytes typed so far without odd parity, counted from 1; triple DES only, and no reason to refuse."""
        if self.plan.algorithm is not Algorithm.TDES:
            return ()
        return tuple(i + 1 for i in range(self.digits // 2) if self._typed[i].bit_count() % 2 == 0)

    @property
    def final_kcv(self) -> str | None:
        """The key's check value once all components are there; None before and after."""
        return self.plan.check_value(self._sum) if self.state is State.READY else None

    # What a holder does.

    def push(self, nibble: int) -> bool:
        """Take a hex digit; False when the component is complete already. Raises CeremonyRefused."""
        self._only(State.ENTERING)
        if not 0 <= nibble <= _NIBBLE_MAX:
            raise CeremonyRefused(Reason.DIGIT)
        if self.complete:
            return False
        self._typed[self.digits // 2] |= nibble if self.digits % 2 else nibble << 4
        self.digits += 1
        return True

    def back(self) -> bool:
        """Take the last digit away; False when there is none. Raises CeremonyRefused."""
        self._only(State.ENTERING)
        if not self.digits:
            return False
        self.digits -= 1
        self._typed[self.digits // 2] &= 0xF0 if self.digits % 2 else 0x00
        return True

    def confirm(self, holder: str) -> State:
        """Add the component to the sum; READY after the last one.

        Raises CeremonyRefused: then the component is wiped and this one's turn again, except that an incomplete
        one stays as it is, and components that make no good key end the ceremony.
        """
        self._only(State.ENTERING)
        if not self.complete:
            raise CeremonyRefused(Reason.INCOMPLETE)
        try:
            mark = self._checked(holder)
            _xor_into(self._sum, self._typed)
        finally:
            self._wipe_typed()
        self._marks.append(mark)
        self._holders.append(holder)
        if len(self._holders) == self.plan.components:
            self._finish()
        return self.state

    def cancel(self) -> None:
        """Wipe everything. At any time, as often as one likes."""
        self.state = State.OVER
        self._wipe_typed()
        tdes.wipe(self._sum)
        self._forget()

    def result(self) -> bytearray:
        """The key, once; from here on it is the caller's to wipe. Raises CeremonyRefused."""
        self._only(State.READY)
        key, self._sum = self._sum, bytearray(self.plan.size_bytes)
        self.cancel()
        return key

    # Inside.

    def _only(self, state: State) -> None:
        if self.state is not state:
            raise CeremonyRefused(Reason.ORDER)

    def _checked(self, holder: str) -> bytes:
        """The component's mark. Raises CeremonyRefused."""
        if not holder:
            raise CeremonyRefused(Reason.NO_HOLDER)
        if holder in self._holders:
            raise CeremonyRefused(Reason.SAME_HOLDER)
        tdes_key = self.plan.algorithm is Algorithm.TDES
        counted = tdes.without_parity(self._typed) if tdes_key else self._typed
        try:
            if not any(counted):
                raise CeremonyRefused(Reason.ZERO)
            # Typed for bytes, taken as any buffer; a bytes copy could not be wiped.
            mark = mac_iso9797.hmac(self._salt, counted)  # type: ignore[arg-type]  # see above
        finally:
            if counted is not self._typed:
                tdes.wipe(counted)
        if any(hmac.compare_digest(mark, earlier) for earlier in self._marks):
            raise CeremonyRefused(Reason.IDENTICAL)
        return mark

    def _finish(self) -> None:
        """READY, or over with CeremonyRefused."""
        _xor_into(self._sum, self._pad)
        is_tdes = self.plan.algorithm is Algorithm.TDES
        fault: Reason | None = None
        if _is_weak(self.plan.algorithm, self._sum):
            fault = Reason.WEAK
        elif is_tdes and self.plan.parity is Parity.REQUIRE and not has_odd_parity(self._sum):
            fault = Reason.PARITY
        if fault is not None:
            self.cancel()
            raise CeremonyRefused(fault)
        if is_tdes and self.plan.parity is Parity.ADJUST:
            adjust_parity(self._sum)
        self.state = State.READY
        self._forget()

    def _wipe_typed(self) -> None:
        tdes.wipe(self._typed)
        self.digits = 0

    def _forget(self) -> None:
        """Pad, salt and marks have served once the last component is in."""
        tdes.wipe(self._pad)
        tdes.wipe(self._salt)
        self._marks.clear()


def _xor_into(total: bytearray, part: bytearray) -> None:
    for index in range(len(total)):
        total[index] ^= part[index]


def has_odd_parity(key: bytearray) -> bool:
    """Whether each byte has an odd number of ones. Spec: FIPS 46-3."""
    return all(byte.bit_count() % 2 for byte in key)


def adjust_parity(key: bytearray) -> None:
    """Set the lowest bit of each byte so that its ones are odd, in place; it is no bit of the key.

    >>> key = bytearray.fromhex("0001FEFF")
    >>> adjust_parity(key)
    >>> key.hex()
    '0101fefe'
    """
    for index in range(len(key)):
        key[index] ^= 1 - key[index].bit_count() % 2


def _is_weak(algorithm: Algorithm, key: bytearray) -> bool:
    """What the store would not take, and equal halves of any algorithm: papers of half the length, typed twice."""
    try:
        check_sound("key", algorithm, key)
    except KeyRefused:
        return True
    half = len(key) // 2
    return hmac.compare_digest(memoryview(key)[:half], memoryview(key)[half:])
