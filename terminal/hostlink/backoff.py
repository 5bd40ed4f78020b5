"""How long to wait before something is tried again that nobody is waiting for.

The wait doubles with each failure up to a limit, and half of it is drawn: ten thousand terminals that lost their host
in the same second come back spread over the wait, not in the same second again. A customer who waits is never made to
wait for this.
"""

from __future__ import annotations

from dataclasses import dataclass

DRAWN_BYTES = 4


@dataclass(frozen=True, slots=True)
class Backoff:
    """`first_ms` is the longest wait before the second try, `limit_ms` the longest of all."""

    first_ms: int
    limit_ms: int

    def wait_ms(self, failures: int, drawn: bytes) -> int:
        """Between half of the wait and all of it; `drawn` are DRAWN_BYTES random bytes.

        >>> Backoff(30_000, 600_000).wait_ms(2, bytes(4)), Backoff(30_000, 600_000).wait_ms(99, b"\\0\\4\\x93\\xe0")
        (60000, 600000)
        """
        doublings = min(failures, (self.limit_ms // self.first_ms).bit_length())  # More reach the limit anyway.
        longest = min(self.limit_ms, self.first_ms << doublings)
        return longest // 2 + int.from_bytes(drawn, "big") % (longest - longest // 2 + 1)
