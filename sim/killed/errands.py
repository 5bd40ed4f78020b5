"""People with errands: they react to what the terminal shows until everything they came for is done, whatever died.

An errand is named by its amount. Before each sale the merchant looks at the list of payments, as anybody would after
a power cut: what was sold is not sold again, what was not is. So the same people with the same errands can be sent to
the terminal after every kill, and at the end each errand must stand in both books exactly once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol

from drivers.ports import Key
from sim.story import FUNCTION_KEYS
from terminal.journal import PaymentRecord
from terminal.loop import Sleep
from terminal.model import OPEN_STATES, Method, Mode, PaymentState

PASSWORD = "1234"
KEY_MS = 150  # From key to key: a practised cashier.
QUERY_TRIES = 3  # Looks at open orders and reversals before the people say that nobody will ever clear them.
IDLE_LIMIT = 60  # Returns to the idle screen; ten errands need about thirty.
DONE = (PaymentState.COMPLETED, PaymentState.SETTLED, PaymentState.DECLINED)
MENU_REPRINT, MENU_SETTLEMENT, MENU_QUERY = "3", "4", "5"
SALE_TRIES = 6


class NeverDone(Exception):
    """The people gave up: the terminal does not get them where they want to go. The message says what is left."""


@dataclass(frozen=True, slots=True)
class Errand:
    """`means` is a card's name or a wallet's. `tries` payments, however they ended, and the customer goes home."""

    amount_minor: int
    method: Method
    means: str = ""
    tries: int = SALE_TRIES


class Place(Protocol):
    """The counter, as people see and touch it."""

    async def see_any(self) -> str:
        """The next screen's name."""

    def showing(self) -> str:
        """What is on the glass now."""

    def press(self, key: Key) -> None: ...

    def keys_waiting(self) -> bool: ...

    def typed_digits(self) -> int: ...

    def insert(self, card: str) -> None: ...

    def remove(self) -> None: ...

    def pin_of(self, card: str) -> str: ...

    def pay_what_is_shown(self, wallet: str) -> None: ...

    def show_code(self, wallet: str) -> None: ...

    def confirm(self, wallet: str) -> None: ...

    def mend_paper(self) -> None: ...

    def mode(self) -> Mode: ...

    def payments(self) -> tuple[PaymentRecord, ...]: ...


class Insistent:
    """Everybody at the counter. `live` returns when the errands are done, the batch settled, the slip reprinted."""

    def __init__(self, place: Place, errands: tuple[Errand, ...], *, settle: bool, reprint: bool) -> None:
        self._place = place
        self._errands = errands
        self._settle = settle
        self._reprint = reprint
        self._errand = errands[0] if errands else Errand(100, Method.CASH)
        self._row = MENU_SETTLEMENT
        self._queries = 0
        self._idle_seen = 0
        self._phoned = False

    async def live(self) -> None:
        """Raises NeverDone."""
        while True:
            name = await self._place.see_any()
            if name != self._place.showing():
                continue  # It has gone already; the one that is there now is still to be told.
            if name == "idle":
                if await self._idle():
                    return
                continue
            keys = KEYS.get(name)
            if keys is not None:
                await self._press(keys)
            elif name in REACTIONS:
                await REACTIONS[name](self)

    async def _press(self, words: str) -> None:
        for word in words.split():
            for key in [FUNCTION_KEYS[word]] if word in FUNCTION_KEYS else [Key(digit) for digit in word]:
                await Sleep(KEY_MS)
                self._place.press(key)

    async def _idle(self) -> bool:
        """The next thing to be done; True when there is none."""
        self._idle_seen += 1
        left = self._left()
        if self._idle_seen > IDLE_LIMIT:
            raise NeverDone(f"still to do: {left or 'settlement'}")
        self._place.remove()
        if self._place.mode() is not Mode.SIGNED_IN:
            if not left and not self._must_settle() and self._place.mode() is Mode.KEYED and self._settle:
                return await self._last_slip()
            await self._press("ENTER")
        elif self._open():
            self._queries += 1
            if self._queries > QUERY_TRIES:
                raise NeverDone(f"open for ever: {[p.state.value for p in self._place.payments()]}")
            await self._choose(MENU_QUERY)
        elif left:
            self._queries = 0
            self._errand, self._phoned = left[0], False
            await self._press(f"{self._errand.amount_minor} ENTER")
        elif self._must_settle():
            await self._choose(MENU_SETTLEMENT)
        else:
            return await self._last_slip()
        return False

    async def _last_slip(self) -> bool:
        if not self._reprint:
            return True
        await self._choose(MENU_REPRINT)
        return False

    async def _choose(self, row: str) -> None:
        self._row = row
        await self._press("DOWN")

    def _left(self) -> tuple[Errand, ...]:
        tried: Counter[int] = Counter()
        done: set[int] = set()
        for payment in self._place.payments():
            tried[payment.amount.amount_minor] += 1
            if payment.state in DONE:
                done.add(payment.amount.amount_minor)
        return tuple(
            e for e in self._errands if e.amount_minor not in done and tried[e.amount_minor] < e.tries
        )

    def _open(self) -> bool:
        return any(p.state in OPEN_STATES for p in self._place.payments())

    def _must_settle(self) -> bool:
        return self._settle and any(p.state is PaymentState.COMPLETED for p in self._place.payments())

    async def _menu(self) -> None:
        await self._press(self._row)
        if self._row == MENU_REPRINT:  # Only now: a key that comes while the screen changes may be lost.
            self._reprint = False

    async def _choose_method(self) -> None:
        await self._press(str(tuple(Method).index(self._errand.method) + 1))

    async def _insert_card(self) -> None:
        await Sleep(KEY_MS)
        self._place.insert(self._errand.means)

    async def _remove_card(self) -> None:
        await Sleep(KEY_MS)
        self._place.remove()

    async def _card_problem(self) -> None:
        self._place.remove()
        await self._press("CANCEL")

    async def _enter_pin(self) -> None:
        """Only at the first look: the screen comes again with each digit and each second."""
        if not self._place.typed_digits() and not self._place.keys_waiting():
            await self._press(f"{self._place.pin_of(self._errand.means)} ENTER")

    async def _password(self) -> None:
        if not self._place.typed_digits() and not self._place.keys_waiting():
            await self._press(f"{PASSWORD} ENTER")

    async def _show_qr(self) -> None:
        if not self._phoned:
            self._phoned = True
            await Sleep(KEY_MS)
            self._place.pay_what_is_shown(self._errand.means)

    async def _scan_code(self) -> None:
        if not self._phoned:
            self._phoned = True
            await Sleep(KEY_MS)
            self._place.show_code(self._errand.means)

    async def _wallet_paying(self) -> None:
        self._place.confirm(self._errand.means)

    async def _paper_stopped(self) -> None:
        await Sleep(KEY_MS)
        self._place.mend_paper()


# Screens that everybody answers with the same keys.
AGREED = (
    "choose_language", "enter_number", "confirm_test_keys", "choose_application", "cash_tendered", "cash_change",
    "declined", "cancelled", "reversal_pending", "reversal_done", "nothing_sent", "not_answered", "order_closed",
    "order_closing", "order_late", "sign_in_failed",
    "refused", "sign_in_due", "line_answer", "problem", "confirm_settlement", "settled", "try_pin_again", "qr_unknown",
)  # fmt: skip
LEFT = ("bad_code", "give_up_order", "today")
KEYS = MappingProxyType(dict.fromkeys(AGREED, "ENTER") | dict.fromkeys(LEFT, "CANCEL"))
REACTIONS: MappingProxyType[str, Callable[[Insistent], Coroutine[Any, Any, None]]] = MappingProxyType(
    {
        "menu": Insistent._menu,
        "choose_method": Insistent._choose_method,
        "insert_card": Insistent._insert_card,
        "remove_card": Insistent._remove_card,
        "keep_card": Insistent._remove_card,
        "card_problem": Insistent._card_problem,
        "enter_pin": Insistent._enter_pin,
        "operator_password": Insistent._password,
        "show_qr": Insistent._show_qr,
        "scan_code": Insistent._scan_code,
        "wallet_paying": Insistent._wallet_paying,
        "paper_stopped": Insistent._paper_stopped,
    }
)
