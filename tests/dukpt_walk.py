"""The terminal's registers beside the reference, counter by counter.

`.venv/bin/python tests/dukpt_walk.py` walks all 1 048 575 counters of TDES DUKPT (a few minutes);
`--parts 2 --part 1` walks the first half of them, for a second core.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from dukpt_reference import aes_step, des

from keys import tdes
from keys.dukpt import CounterExhausted, FutureKeys
from keys.dukpt_aes import AesKeyType, AesScheme, aes_ksn
from keys.dukpt_tdes import TdesScheme
from keys.ksn import TDES_KSN, Ksn, KsnLayout

IK = bytes.fromhex("6AC292FAA1315B4D858AB3A3D7D5933A")
TDES_ID = Ksn.parse(TDES_KSN, bytes.fromhex("FFFF9876543210E00000"))
AES_ID = aes_ksn(bytes.fromhex("1234567890123456"))
LOW = (1 << 64) - 1
MASK = 0xC0C0C0C000000000


def is_above(reached: int, counter: int) -> bool:
    """Whether the path from the initial key to `counter` leads through `reached`."""
    lowest = reached & -reached or 1 << 32
    return counter & ~(lowest - 1) == reached


class HostWalk:
    """The host's walk down from the initial key, in whole numbers; it keeps the steps that the next one shares."""

    def __init__(self, layout: KsnLayout) -> None:
        self.layout = layout
        self.steps: list[tuple[int, bytes]] = [(0, IK)]

    def key(self, counter: int) -> bytes:
        while not is_above(self.steps[-1][0], counter):
            self.steps.pop()
        reached, key = self.steps[-1]
        for bit in range((counter ^ reached).bit_length() - 1, -1, -1):
            if (counter ^ reached) >> bit & 1:
                reached |= 1 << bit
                key = self.step(key, reached)
                self.steps.append((reached, key))
        return key

    def step(self, key: bytes, counter: int) -> bytes:
        if self.layout != TDES_KSN:
            return aes_step(key, 0x8000, "AES128", AES_ID.identity[4:8] + counter.to_bytes(4, "big"))
        register = int.from_bytes(TDES_ID.at(counter).encode()[2:], "big")
        left, right = int.from_bytes(key[:8], "big"), int.from_bytes(key[8:], "big")
        new_right = des(left, register ^ right) ^ right
        left, right = left ^ MASK, right ^ MASK
        return ((des(left, register ^ right) ^ right) << 64 | new_right).to_bytes(16, "big")


def walk(layout: KsnLayout, after: int, *, limit: int, upto: int = 1 << 32) -> int:
    """Compare up to `limit` keys from the first counter above `after` on; how many there were.

    Which counters come is checked as well: each one with few enough set bits, and no other.
    """
    scheme = TdesScheme(TDES_ID) if layout == TDES_KSN else AesScheme(AES_ID, AesKeyType.AES128)
    future: FutureKeys[object] = FutureKeys.plant(scheme, bytearray(IK))  # type: ignore[arg-type]
    future.skip_to(after)
    host, previous = HostWalk(layout), after
    for checked in range(limit):
        try:
            counter, key = future.take()
        except CounterExhausted:
            if previous != layout.last:
                raise ValueError(f"the registers end at {previous:#x}") from None
            return checked
        if counter > upto:
            return checked
        for skipped in range(previous + 1, counter):
            if skipped.bit_count() <= layout.set_bits:
                raise ValueError(f"the terminal skips {skipped:#x}")
        if counter.bit_count() > layout.set_bits:
            raise ValueError(f"the terminal uses {counter:#x}")
        if host.key(counter) != key:
            raise ValueError(f"terminal and host differ at {counter:#x}")
        tdes.wipe(key)
        previous = counter
    return limit


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", type=int, default=1, help="into how many the counters are cut")
    parser.add_argument("--part", type=int, default=1, help="which of them to walk, from 1")
    args = parser.parse_args()
    size = -(-(TDES_KSN.last + 1) // args.parts)
    first = (args.part - 1) * size
    checked = walk(TDES_KSN, max(first - 1, 0), limit=1 << TDES_KSN.counter_bits, upto=first + size - 1)
    print(f"{checked} counters: the terminal's keys are the host's")
    return 0


if __name__ == "__main__":
    sys.exit(main())
