"""Cards for the reader's tests: they do exactly what a table says, in process or in the virtual reader."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Mapping

from sim.card import VirtualCard
from sim.card.vpcd import VpcdError, serve

ATR_T0 = bytes.fromhex("3b600000")
ATR_T1 = bytes.fromhex("3b80800101")  # T=1 after T=0's TD1: TCK is 01.
NO_ATR = bytes.fromhex("123456")


class TableCard:
    """Answers each command from a table of hex; what is not in it gets 6D00. `heard` keeps what came.

    `atrs`: the first answers cold resets, the last warm ones (pcscd makes cold ones of its own).
    """

    def __init__(self, answers: Mapping[str, str] = {}, *, atrs: tuple[bytes, ...] = (ATR_T0,)) -> None:
        self._answers = dict(answers)
        self._atrs = atrs
        self.dies = "dies" in answers.values()
        self.resets: list[str] = []
        self.heard: list[str] = []

    def reset(self, *, warm: bool = False) -> bytes:
        self.resets.append("warm" if warm else "cold")
        return self._atrs[-1 if warm else 0]

    def leave_dying_to_the_reader(self) -> None:
        """In process it is the reader that tears the card out; the card itself answers."""
        for command in [command for command, answer in self._answers.items() if answer == "dies"]:
            self._answers[command] = "9000"

    def transmit(self, capdu: bytes) -> bytes:
        self.heard.append(capdu.hex())
        answer = self._answers.get(capdu.hex(), "6d00")
        if answer == "dies":
            raise VpcdError("the card died, as arranged")
        return bytes.fromhex(answer)


class CardInVpcd:
    """Holds a card in one slot of the virtual reader until `remove`."""

    def __init__(self, port: int, card: TableCard | VirtualCard) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(port, card), daemon=True)
        self._thread.start()

    def _run(self, port: int, card: TableCard | VirtualCard) -> None:
        with contextlib.suppress(VpcdError):  # The reader went away, or the card was told to die.
            serve("127.0.0.1", port, card, stop=self._stop)  # type: ignore[arg-type]

    def remove(self) -> None:
        self._stop.set()
        self._thread.join(10)
        assert not self._thread.is_alive()
