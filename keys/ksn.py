"""Key serial numbers of DUKPT: whose key it is, and which transaction's.

A KSN goes out in the clear with each message. Its last bits are the transaction counter; the rest names the
initial key. Not each counter is a transaction's: one with too many set bits would cost the host too many
derivations, so terminals skip it and hosts refuse it. 0 stands for the initial key itself.

Spec: ANSI X9.24-1:2009 Annex A.1 (TDES: 10 bytes, 21 bits of counter, at most 10 set); ANSI X9.24-3:2017 §6.1
(AES: 12 bytes, 32 bits of counter, at most 16 set).
"""

from __future__ import annotations

from dataclasses import dataclass

from keys.errors import KeyRefused


@dataclass(frozen=True, slots=True)
class KsnLayout:
    """The sizes of one scheme's KSN."""

    name: str
    size: int  # Bytes, the counter included.
    counter_bits: int
    set_bits: int  # How many of the counter's bits may be 1.

    @property
    def last(self) -> int:
        """The largest counter of a transaction: as many ones as may be, from the top."""
        return ((1 << self.set_bits) - 1) << (self.counter_bits - self.set_bits)


TDES_KSN = KsnLayout("tdes", 10, 21, 10)
AES_KSN = KsnLayout("aes", 12, 32, 16)


@dataclass(frozen=True, slots=True)
class Ksn:
    """One KSN. `identity` is the initial key's: all bytes, the counter's bits 0.

    >>> ksn = Ksn.parse(TDES_KSN, bytes.fromhex("FFFF9876543210E00005"))
    >>> ksn.counter, ksn
    (5, Ksn(FFFF9876543210E00005))
    """

    layout: KsnLayout
    identity: bytes
    counter: int = 0

    def __post_init__(self) -> None:
        room = (1 << self.layout.counter_bits) - 1
        if len(self.identity) != self.layout.size:
            raise KeyRefused(f"this KSN has {self.layout.size} bytes")
        if int.from_bytes(self.identity, "big") & room or not 0 <= self.counter <= room:
            raise KeyRefused("a KSN's counter is outside its bits")

    def __repr__(self) -> str:
        return f"Ksn({self.encode().hex().upper()})"

    @classmethod
    def parse(cls, layout: KsnLayout, data: bytes) -> Ksn:
        """A KSN as it is in a message. Raises KeyRefused for another length; `for_use` checks the counter."""
        number = int.from_bytes(data, "big")
        counter = number & ((1 << layout.counter_bits) - 1)
        if len(data) != layout.size:
            raise KeyRefused(f"this KSN has {layout.size} bytes")
        return cls(layout, (number - counter).to_bytes(layout.size, "big"), counter)

    def encode(self) -> bytes:
        return (int.from_bytes(self.identity, "big") | self.counter).to_bytes(self.layout.size, "big")

    def at(self, counter: int) -> Ksn:
        """The same initial key's KSN at another counter."""
        return Ksn(self.layout, self.identity, counter)

    def for_use(self) -> Ksn:
        """Itself, when a transaction may have it. Raises KeyRefused: 0, or too many set bits.

        Spec: X9.24-1 A.1, X9.24-3 §6.1. The supplement to X9.24-3 prints a key for counter 0x1FFFF, which has
        17 set bits: no terminal may use it.
        """
        if self.counter == 0 or self.counter.bit_count() > self.layout.set_bits:
            raise KeyRefused(f"a counter has 1 to {self.layout.set_bits} set bits")
        return self

    @property
    def counter_name(self) -> str:
        """What its durable counter is called. In groups of eight: a long number would look like a card's."""
        text = self.identity.hex().upper()
        return ".".join(["dukpt", self.layout.name, *(text[start : start + 8] for start in range(0, len(text), 8))])
