"""The stripe reader in-process: a swipe is a call, and reaches whoever watches at once."""

from __future__ import annotations

from collections.abc import Callable


class TwinStripeReader:
    """The StripeReader port. `swipe` is what a customer does. `fitted` False: the terminal has none."""

    def __init__(self, *, fitted: bool = True) -> None:
        self.fitted = fitted
        self._on_swipe: Callable[[bytes], None] | None = None

    def watch(self, on_swipe: Callable[[bytes], None]) -> None:
        self._on_swipe = on_swipe

    def swipe(self, line: bytes) -> None:
        """Pull a card through: the tracks as the reader would send them; an empty line is no swipe."""
        if self.fitted and line and self._on_swipe is not None:
            self._on_swipe(line)

    def close(self) -> None:
        self._on_swipe = None
