"""The card reader: PC/SC through pyscard's low-level calls.

pyscard's own monitor dies for good when pcscd restarts and misses cards that were in before it began, so
watching is ours: one supervised SCardGetStatusChange loop, on a thread and a context of its own, because a
silent card can hold a context for 25 s. Readers are found by name, never by index. GET RESPONSE and 6Cxx are
in `apdu_chain`.

| function | supported | remark |
|---|---|---|
| presence, also at start | yes | within the reader's own polling, about 0.4 s on vpcd |
| card swapped between two looks | yes | pcscd's event counter tells; reported as ABSENT, PRESENT |
| pcscd restarted, reader unplugged | yes | READER_LOST, then found again by itself (RETRY_MS) |
| cold reset, one warm reset | yes | then CardMute; the ATR is read with bounds |
| T=0 and T=1, short APDUs | yes | the reader's choice of protocol |
| extended APDUs | no | EMV has none |
| stopping a command that hangs | no | SCardCancel does not reach it; the loop quarantines the reader |
| PIN pad readers (feature 6) | no | PIN entry is on the terminal's keypad |
| contactless entry point | no | PC/SC has no such flag; a reader's PICC slot works like a contact one |

Spec: PC/SC Workgroup parts 3 and 5; EMV 4.4 Book 1 §6.1, §8.3, §9.3.1.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from drivers.apdu_chain import exchange
from drivers.atr import AtrError, parse_atr
from drivers.ports import CardGone, CardMute, DeviceError, Presence

DEVICE = "card reader"
# The longest wait for a change: a cancel that comes a moment too early costs this much at most.
WATCH_MS = 1_000
# Then every 1.6 s: a reader plugged in again is back before anyone asks.
RETRY_MS = (100, 200, 400, 800, 1_600)
# Longer than one wait for a change; a command still hanging then is left to the process's end.
CLOSE_MS = 1_500

SERVICE_LOST = (
    "SCARD_E_NO_SERVICE",
    "SCARD_E_SERVICE_STOPPED",
    "SCARD_E_INVALID_HANDLE",
    "SCARD_E_SYSTEM_CANCELLED",
    "SCARD_F_COMM_ERROR",
)
CARD_GONE = (
    "SCARD_E_NO_SMARTCARD",
    "SCARD_E_NOT_TRANSACTED",
    "SCARD_W_REMOVED_CARD",
    "SCARD_W_RESET_CARD",
    "SCARD_W_UNPOWERED_CARD",
)
CARD_MUTE = (
    "SCARD_E_CARD_UNSUPPORTED",
    "SCARD_E_INVALID_ATR",
    "SCARD_E_PROTO_MISMATCH",
    "SCARD_W_UNPOWERED_CARD",
    "SCARD_W_UNRESPONSIVE_CARD",
    "SCARD_W_UNSUPPORTED_CARD",
    "SCARD_F_COMM_ERROR",  # pcscd says so too when a card answers garbage to its reset.
)
WORDS = {
    "SCARD_E_NO_READERS_AVAILABLE": "no reader is connected; plug it in and look at its lamp",
    "SCARD_E_UNKNOWN_READER": "the reader is not there; plug it in, or correct its name in the config",
    "SCARD_E_READER_UNAVAILABLE": "the reader was unplugged; plug it in again",
    "SCARD_E_SHARING_VIOLATION": "another program is using the card; stop it and insert the card again",
    "SCARD_W_SECURITY_VIOLATION": "this user may not use PC/SC; allow it in polkit",
    "SCARD_E_NO_ACCESS": "this user may not use PC/SC; allow it in polkit",
    "SCARD_E_NO_MEMORY": "pcscd has no place for one more program; stop others, or restart pcscd",
    "SCARD_E_TIMEOUT": "the reader did not answer in time; unplug it and plug it in again",
}
SERVICE_WORDS = "the card service does not answer; start pcscd or wait until it is back"


def _scard() -> Any:
    """pyscard's low-level module; it has no type hints. Raises DeviceError when it is not installed."""
    try:
        from smartcard import scard
    except ImportError as missing:
        raise DeviceError(DEVICE, "pyscard is missing; run make system-deps") from missing
    return scard


class _Codes:
    """The numbers of pcscd's errors, by name, and what each means for a person."""

    def __init__(self, scard: Any) -> None:
        prefixes = ("SCARD_E_", "SCARD_W_", "SCARD_F_")
        self._names = {getattr(scard, name): name for name in dir(scard) if name.startswith(prefixes)}

    def name(self, code: int) -> str:
        return self._names.get(code, f"PC/SC error {code & 0xFFFFFFFF:08X}")

    def error(self, code: int, *, during: str) -> DeviceError:
        """CardGone or DeviceError for a failed call, in words for people."""
        name = self.name(code)
        if name == "SCARD_E_NO_SMARTCARD":
            return CardGone(DEVICE, "there is no card; insert one and leave it in")
        if name in CARD_GONE:
            return CardGone(DEVICE, f"the card left {during}; insert it again and leave it in ({name})")
        words = SERVICE_WORDS if name in SERVICE_LOST else WORDS.get(name)
        return DeviceError(DEVICE, f"{words or 'the reader failed; unplug it and plug it in again'} ({name})")


def choose_reader(wanted: str, names: Sequence[str]) -> str:
    """The one reader meant: its exact name, else the only one that contains `wanted` (case does not matter).

    Raises DeviceError when none or several match: to take the first would be to choose by index.

    >>> choose_reader("acr39", ["ACS ACR39U 00 00", "Virtual PCD 00 00"])
    'ACS ACR39U 00 00'
    """
    if wanted in names:
        return wanted
    found = [name for name in names if wanted.casefold() in name.casefold()]
    if len(found) == 1:
        return found[0]
    if found:
        raise DeviceError(DEVICE, f'"{wanted}" fits {", ".join(found)}; give more of the name')
    there = f"there is {', '.join(names)}" if names else "there is none"
    raise DeviceError(DEVICE, f'no reader is called "{wanted}"; {there}')


def reader_names() -> tuple[str, ...]:
    """The readers that pcscd knows now. Raises DeviceError (pyscard missing, pcscd not running)."""
    scard = _scard()
    codes = _Codes(scard)
    code, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_USER)
    if code != scard.SCARD_S_SUCCESS:
        raise codes.error(code, during="before it was used")
    try:
        return _list(scard, codes, context)
    finally:
        scard.SCardReleaseContext(context)


def _list(scard: Any, codes: _Codes, context: Any) -> tuple[str, ...]:
    code, names = scard.SCardListReaders(context, [])
    if codes.name(code) == "SCARD_E_NO_READERS_AVAILABLE":
        return ()
    if code != scard.SCARD_S_SUCCESS:
        raise codes.error(code, during="before it was used")
    return tuple(names)


class PcscCardReader:
    """Meets `drivers.ports.CardReader`. `name` is a reader's name or a part of it that fits only one."""

    def __init__(self, name: str) -> None:
        self._wanted = name
        self._scard = _scard()
        self._codes = _Codes(self._scard)
        self._busy = threading.Lock()  # Calls come one after the other; only close() may come across them.
        self._context: Any = None
        self._card: Any = None
        self._protocol = 0
        self._monitor: _Monitor | None = None

    def watch(self, on_presence: Callable[[Presence], None]) -> None:
        """Report the present state at once and each change after it, from the monitor's thread."""
        if self._monitor is not None:
            self._monitor.stop()
        self._monitor = _Monitor(self._scard, self._codes, self._wanted, on_presence)

    def power_on(self) -> bytes:
        """Cold reset, then one warm reset. Raises CardMute, CardGone, DeviceError.

        Spec: EMV 4.4 Book 1 §6.1.3 (a card that fails both resets is rejected), §8.3.
        """
        with self._busy:
            self._drop_card()
            self._connect()
            try:
                return self._reset()
            except DeviceError:
                self._drop_card()
                raise

    def transceive(self, capdu: bytes) -> bytes:
        """One command to its final answer. Raises CardGone, ChainBroken, DeviceError."""
        with self._busy:
            if self._card is None:
                raise CardGone(DEVICE, "no card is powered; insert one")
            return exchange(self._transmit, capdu, t0=self._protocol == self._scard.SCARD_PROTOCOL_T0)

    def power_off(self) -> None:
        with self._busy:
            self._drop_card()

    def close(self) -> None:
        """Stop watching and let the card go. Idempotent; takes CLOSE_MS twice at most."""
        if self._monitor is not None:
            self._monitor.stop()
            self._monitor = None
        if self._busy.acquire(timeout=CLOSE_MS / 1000):
            try:
                self._drop_card()
                self._drop_context()
            finally:
                self._busy.release()

    # The card.

    def _connect(self) -> None:
        """A direct connection: it powers nothing, so the reset after it is a cold one, and the only one.

        A context from before a restart of pcscd is dead without knowing it: one retry with a fresh one.
        """
        scard = self._scard
        for fresh in (False, True):
            if self._context is None:
                code, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_USER)
                if code != scard.SCARD_S_SUCCESS:
                    raise self._codes.error(code, during="before it was read")
                self._context, fresh = context, True
            try:
                name = choose_reader(self._wanted, _list(scard, self._codes, self._context))
            except DeviceError:
                self._drop_context()
                if fresh:
                    raise
                continue
            code, card, _ = scard.SCardConnect(self._context, name, scard.SCARD_SHARE_DIRECT, 0)
            if code == scard.SCARD_S_SUCCESS:
                self._card = card
                return
            if fresh or self._codes.name(code) not in SERVICE_LOST:
                self._drop_context()
                raise self._codes.error(code, during="before it was read")
            self._drop_context()

    def _reset(self) -> bytes:
        scard = self._scard
        protocols = scard.SCARD_PROTOCOL_T0 | scard.SCARD_PROTOCOL_T1
        told = ""
        for reset in (scard.SCARD_UNPOWER_CARD, scard.SCARD_RESET_CARD):  # Cold, then warm.
            code, protocol = scard.SCardReconnect(self._card, scard.SCARD_SHARE_EXCLUSIVE, protocols, reset)
            if code == scard.SCARD_S_SUCCESS:
                self._protocol = protocol
                code, _, _, _, atr = scard.SCardStatus(self._card)
            if code == scard.SCARD_S_SUCCESS:
                try:
                    parse_atr(bytes(atr))
                except AtrError as broken:
                    told = str(broken)
                    continue
                return bytes(atr)
            told = self._codes.name(code)
            if told not in CARD_MUTE:
                raise self._failed(code, during="before it was read")
        raise CardMute(DEVICE, f"the card does not answer; is it upside down? ({told})")

    def _transmit(self, command: bytes) -> bytes:
        scard = self._scard
        pci = scard.SCARD_PCI_T0 if self._protocol == scard.SCARD_PROTOCOL_T0 else scard.SCARD_PCI_T1
        code, response = scard.SCardTransmit(self._card, pci, list(command))
        if code != scard.SCARD_S_SUCCESS:
            raise self._failed(code, during="during a command")
        return bytes(response)

    def _failed(self, code: int, *, during: str) -> DeviceError:
        if self._codes.name(code) in SERVICE_LOST:
            self._card = None  # The handle died with the service; to give it back could only fail.
            self._drop_context()
        return self._codes.error(code, during=during)

    def _drop_card(self) -> None:
        if self._card is not None:
            self._scard.SCardDisconnect(self._card, self._scard.SCARD_UNPOWER_CARD)
            self._card = None

    def _drop_context(self) -> None:
        if self._context is not None:
            self._scard.SCardReleaseContext(self._context)
            self._context = None


class _Monitor:
    """The supervised watch over one reader, on its own thread and context."""

    def __init__(self, scard: Any, codes: _Codes, wanted: str, tell: Callable[[Presence], None]) -> None:
        self._scard = scard
        self._codes = codes
        self._wanted = wanted
        self._tell = tell
        self._told: Presence | None = None
        self._stopping = threading.Event()
        self._lock = threading.Lock()  # Guards the context against a cancel after its release.
        self._context: Any = None
        self._thread = threading.Thread(target=self._run, name="card-presence", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """No report comes after this returns (unless one was being made for longer than CLOSE_MS)."""
        self._stopping.set()
        with self._lock:
            if self._context is not None:
                self._scard.SCardCancel(self._context)
        if threading.current_thread() is not self._thread:
            self._thread.join(CLOSE_MS / 1000)

    def _run(self) -> None:
        tries = 0
        while not self._stopping.is_set():
            if self._open():
                try:
                    if self._follow():
                        tries = 0
                finally:
                    with self._lock:
                        self._scard.SCardReleaseContext(self._context)
                        self._context = None
            self._report(Presence.READER_LOST)
            self._stopping.wait(RETRY_MS[min(tries, len(RETRY_MS) - 1)] / 1000)
            tries += 1

    def _open(self) -> bool:
        code, context = self._scard.SCardEstablishContext(self._scard.SCARD_SCOPE_USER)
        if code != self._scard.SCARD_S_SUCCESS:
            return False
        with self._lock:
            self._context = context
        return True

    def _follow(self) -> bool:
        """Watch until the reader or the service is lost; True if the reader was there at all."""
        scard = self._scard
        try:
            name = choose_reader(self._wanted, _list(scard, self._codes, self._context))
        except DeviceError:
            return False  # power_on says in words what is wrong; here it is only "not there".
        seen = scard.SCARD_STATE_UNAWARE
        swaps: int | None = None
        timeout_ms = 0  # The first look must not wait: a card may have been in since before the start.
        while not self._stopping.is_set():
            code, states = scard.SCardGetStatusChange(self._context, timeout_ms, [(name, seen)])
            timeout_ms = WATCH_MS
            if self._codes.name(code) == "SCARD_E_TIMEOUT":
                continue
            if code != scard.SCARD_S_SUCCESS:
                return True
            state = states[0][1]
            lost = scard.SCARD_STATE_UNKNOWN | scard.SCARD_STATE_UNAVAILABLE | scard.SCARD_STATE_IGNORE
            if state & lost:
                return True
            present = Presence.PRESENT if state & scard.SCARD_STATE_PRESENT else Presence.ABSENT
            count = state >> 16 & 0xFFFF  # pcscd counts insertions and removals here.
            if swaps is not None and count != swaps and present is self._told is Presence.PRESENT:
                self._report(Presence.ABSENT)  # Out and in again between two looks: another card, perhaps.
            swaps = count
            self._report(present)
            seen = state & ~scard.SCARD_STATE_CHANGED
        return True

    def _report(self, presence: Presence) -> None:
        if presence is not self._told and not self._stopping.is_set():
            self._told = presence
            self._tell(presence)
