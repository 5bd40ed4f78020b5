"""The acquirer's core: `handle(frame, now_ms)` gives the frames it answers. No socket, no clock, no random of its own.

It checks what a good host checks, in this order: terminal known (03, 97), fields present (30), signed in (77), MAC
(A0), batch (77), duplicate (94); then the transaction itself, by its desk. What it answers before it has verified the
MAC carries none: a terminal takes that for no answer about money.

`now_ms` is milliseconds since 1970 in UTC; fields 12 and 13 are China's time.

Spec: docs/host-link.md §3-§6, §8, §9, §11.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from types import MappingProxyType

from keys import KeyRefused
from sim.acquirer.bills import BillDesk
from sim.acquirer.book import BATCH_LIMIT, Batch, Book, Entry, EntryState, Order, TerminalId
from sim.acquirer.desk import TransactionDesk
from sim.acquirer.downloads import DownloadDesk
from sim.acquirer.dukpt_keys import DukptDesk
from sim.acquirer.eslips import ESlips
from sim.acquirer.faults import Fault, FaultKind, FaultPlan, Refusals
from sim.acquirer.hostkeys import SCHEMES, HostKeys, WorkingKeys
from sim.acquirer.master_keys import MasterKeys
from sim.acquirer.order_refunds import REFUNDING, OrderRefundDesk
from sim.acquirer.orders import ABOUT, MAKING, OrderDesk
from sim.acquirer.registry import ACQUIRER_ID, Registry, default_registry
from sim.acquirer.replies import replies_to
from sim.acquirer.requests import (
    APPROVED,
    BATCH_MISMATCH,
    DUPLICATE,
    FORMAT_ERROR,
    INVALID_MERCHANT,
    INVALID_TRANSACTION,
    MAC_FAILED,
    NOT_FOUND,
    NOT_SUPPORTED,
    TERMINAL_UNKNOWN,
    Answer,
    Refused,
    Reply,
    Request,
)
from sim.acquirer.settling import SettlementDesk
from sim.acquirer.signins import SignIns
from sim.acquirer.sql import Conflict
from sim.acquirer.static_codes import StaticDesk
from sim.acquirer.uploads import UploadDesk
from sim.acquirer.wallets import WalletGateway
from sim.issuer import Issuer
from terminal.hostlink.codec import FrameError, Message, decode
from terminal.hostlink.codes import PARTIAL_APPROVAL
from terminal.hostlink.frame import unwrap
from terminal.hostlink.messages import QR_BILL, QR_RECEIPTS, mac_wire_bytes
from terminal.hostlink.profile import Profile, load_profile
from terminal.hostlink.subfields import OrderTag, read_f60, write_tlv
from terminal.hostlink.transactions import Effect, Row, Silence

CHINA = timezone(timedelta(hours=8))

# The fields that each request must have, beyond 41 and 42. F64 is asked for below.
MANDATORY: Mapping[str, tuple[int, ...]] = MappingProxyType(
    {
        "0100": (3, 11, 22, 25, 60),
        "0200": (3, 11, 22, 25, 60),
        "0220": (3, 11, 22, 25, 60),
        "0400": (3, 4, 11, 22, 25, 39, 49, 60),
        "0500": (11, 48, 49, 60),
        "0320": (11, 60),
        "0620": (3, 11, 55, 60, 61),
        "0800": (11, 60),
        "0820": (60,),
    }
)
AUTHENTICATED = frozenset({"0100", "0200", "0220", "0400", "0620"})
SIGNATURE = "07"  # 60.1 of an 0820; authenticated too.
CONFLICTS_LIMIT = 5  # A message that others get in the way of this often is dropped.


class Acquirer:
    """One acquirer with its book, its keys and its wallets. Thread-safe: phone and line may call at once.

    `draw(n)` gives n random bytes; without it a source seeded by `seed` is used. `amount_codes`: the last two
    digits of an amount are the response code (00: none; one that approves is booked); off by default, as test hosts
    of the old kind have it.
    """

    def __init__(
        self,
        registry: Registry | None = None,
        *,
        profile: Profile | None = None,
        book: Book | None = None,
        seed: int = 0,
        draw: Callable[[int], bytes] | None = None,
        faults: FaultPlan | None = None,
        issuer: Issuer | None = None,
        amount_codes: bool = False,
    ) -> None:
        self.registry = registry or default_registry()
        self.profile = profile or load_profile("unionpay")
        self.book = book or Book()
        self.faults = FaultPlan() if faults is None else faults  # An empty plan may be filled later.
        self.lock = threading.RLock()
        self.undecodable = 0
        self._draw = draw or random.Random(seed).randbytes
        self.gateway = WalletGateway(self.book, self._draw, self.lock)
        self.eslips = ESlips(self.book, self._draw, self.lock)
        self._orders = OrderDesk(self.gateway, self.book, self.profile, self.eslips)
        self.static_codes = StaticDesk(self.book, self.profile)
        self.gateway.printed = self.static_codes.pay
        self._order_refunds = OrderRefundDesk(self.gateway, self.book)
        self.bills = BillDesk(self.book)
        self.downloads = DownloadDesk()
        self._transactions = TransactionDesk(
            self.registry, self.book, issuer or Issuer(), self.profile, amount_codes
        )
        self._settling = SettlementDesk(self.book, self.gateway, self.profile)
        self._uploads = UploadDesk(self.book, self.profile)
        self._dukpt = DukptDesk(self.profile)
        self._sign_ins = SignIns(self.book, self.profile)
        self.master_keys = MasterKeys(self.registry)
        for account in self.registry.accounts.values():
            self.book.restore(account)
        for row in self.registry.terminals.values():
            self._sign_ins.recall(row)
        self._last: dict[TerminalId, Reply] = {}  # What a stale reply would be.
        self._refusals = Refusals()
        self._clock: tuple[int, str, str, str] = (-1, "", "", "")
        self._desks: dict[str, Callable[[Request], Answer]] = {
            "0100": self._money,
            "0200": self._money,
            "0220": self._money,
            "0320": self._batch_upload,
            "0400": self._reversal,
            "0500": self._settlement,
            "0620": self._script_notice,
            "0800": self._sign_in,
            "0820": self._network,
        }

    def handle(self, frame: bytes, now_ms: int) -> tuple[bytes, ...]:
        """The answering frames (no length prefix), delays and line faults left out. Never raises for any bytes."""
        return tuple(reply.data for reply in self.exchange(frame, now_ms) if reply.data and not reply.hang_up)

    def exchange(self, frame: bytes, now_ms: int) -> tuple[Reply, ...]:
        """As `handle`, with how each reply is to be sent. What cannot be decoded is dropped and counted."""
        try:
            outer = unwrap(frame, self.profile)
            message = decode(outer.body, self.profile)
        except FrameError:
            self.undecodable += 1
            return ()
        with self.lock:
            faults = self.faults.take(message) if self.faults else {}
            if FaultKind.DROP_REQUEST in faults:
                return ()
            answer = self._judge_alone(message, outer.body, now_ms, faults)
            if answer is None:
                return ()
            replies = replies_to(outer, message, answer, faults, self.profile)
            terminal = message.text(42), message.text(41)
            last = self._last.get(terminal)
            if replies:
                self._last[terminal] = replies[-1]
            return (last, *replies) if last is not None and FaultKind.STALE in faults else replies

    def signed_in(self, merchant_no: str, terminal_no: str) -> bool:
        return self._sign_ins.keys((merchant_no, terminal_no)) is not None

    def merchant_of(self, paid: Order | Entry) -> str:
        """The merchant's name, for whoever pays; "" for a terminal that is no longer registered."""
        row = self.registry.terminals.get(paid.terminal)
        return row.merchant_name if row is not None else ""

    def forget_keys(self) -> None:
        """As after a restart of a host whose book keeps no keys: every terminal must sign in again."""
        self._sign_ins.forget()

    def change_batch(self, terminal: TerminalId) -> None:
        """The host's day has ended before the shop's: it goes on with its next batch, and the open one waits."""
        if self.book.current(terminal) is not None:
            self.book.next_batch(terminal)

    def keys_of(self, terminal: TerminalId, message: Message) -> HostKeys | None:
        """The keys that a message of this terminal is under, for whoever judges it (sim.certify); None: none fit."""
        if not self.profile.dukpt:
            return self._sign_ins.keys(terminal)
        try:
            return self._dukpt.keys(terminal, message)
        except KeyRefused:
            return None

    # Checks that every message passes

    def _judge_alone(
        self, message: Message, body: bytes, now_ms: int, faults: Mapping[FaultKind, Fault]
    ) -> Answer | None:
        """With the book to itself, as far as this terminal goes; anew, where the book has taken all of it back."""
        row = self.registry.terminal(message.text(42), message.text(41))
        if row is None:  # It is refused, or activated; the book knows nothing of it.
            return self._judge(message, body, now_ms, faults)
        for _ in range(CONFLICTS_LIMIT):
            try:
                with self.book.message((row.merchant_no, row.terminal_no)):
                    self._sign_ins.recall(row)
                    return self._judge(message, body, now_ms, faults)
            except Conflict:
                continue
        return None  # A host whose database is gone says nothing.

    def _judge(
        self, message: Message, body: bytes, now_ms: int, faults: Mapping[FaultKind, Fault]
    ) -> Answer | None:
        """None for a message that no host would answer: no desk has its MTI."""
        desk = self._desks.get(message.mti)
        if desk is None:
            return Answer(NOT_SUPPORTED) if message.mti[2] in "02" and message.mti[3] == "0" else None
        refusal = self._refusals.code(message, faults)
        if refusal:
            return Answer(refusal, {}, self.keys_of((message.text(42), message.text(41)), message))
        if self.downloads.activates(message):
            return self.downloads.activate(message)
        verified: HostKeys | None = None
        try:
            request = self._identify(message, body, now_ms, faults)
            if message.mti in AUTHENTICATED or request.f60.type == SIGNATURE:
                request.keys = verified = self._authenticate(request)
            answer = desk(request)
        except Refused as refused:
            answer = refused.answer
        except FrameError:
            # A sub-field that is cut short, found by the desk that reads it.
            answer = Answer(FORMAT_ERROR)
        answer.keys = answer.keys or verified
        day, clock, _ = self._time(now_ms)
        answer.fields |= {12: clock, 13: day, 32: ACQUIRER_ID}
        return answer

    def _identify(
        self, message: Message, body: bytes, now_ms: int, faults: Mapping[FaultKind, Fault]
    ) -> Request:
        merchant_no, terminal_no = message.text(42), message.text(41)
        if not merchant_no or not terminal_no:
            raise Refused(FORMAT_ERROR)
        row = self.registry.terminal(merchant_no, terminal_no)
        if row is None:
            raise Refused(TERMINAL_UNKNOWN if merchant_no in self.registry.merchants else INVALID_MERCHANT)
        present = message.fields
        if any(number not in present for number in MANDATORY[message.mti]):
            raise Refused(FORMAT_ERROR)
        day, clock, year_month = self._time(now_ms)
        f60 = read_f60(message.text(60))
        return Request(message, body, now_ms, day, clock, year_month, (merchant_no, terminal_no), row, f60, faults)

    def _authenticate(self, request: Request) -> HostKeys:
        if 64 not in request.message.fields:
            raise Refused(FORMAT_ERROR)
        keys = self._signed_in_keys(request)
        if self.profile.dukpt:
            return self._message_keys(request)
        self._check_mac(request, keys)
        return keys

    def _check_mac(self, request: Request, keys: HostKeys) -> None:
        size = mac_wire_bytes(self.profile)  # The codec is strict: F64 can only be the last bytes.
        if not keys.mac_ok(request.body[:-size], request.body[-size:]):
            raise Refused(MAC_FAILED)

    def _message_keys(self, request: Request) -> HostKeys:
        """DUKPT: the keys of this message, whose MAC is good. They serve its answer, too."""
        try:
            keys = self._dukpt.keys(request.terminal, request.message)
        except KeyRefused:
            raise Refused(MAC_FAILED) from None
        self._check_mac(request, keys)
        self._dukpt.took(request.message)
        self._sign_ins.put(request.terminal, keys)
        return keys

    def _signed_in_keys(self, request: Request) -> HostKeys:
        keys = self._sign_ins.keys(request.terminal)
        if keys is None:
            raise Refused(BATCH_MISMATCH)
        return keys

    def _open_batch(self, request: Request) -> Batch:
        batch = self.book.current(request.terminal)
        if batch is None or not batch.is_open or batch.batch_no != request.f60.batch_no:
            raise Refused(BATCH_MISMATCH)
        return batch

    # Network management

    def _sign_in(self, request: Request) -> Answer:
        layout = request.f60.network_management
        if self.profile.tmk_download and layout == self.profile.tmk_download:
            return Answer(APPROVED, {62: self.master_keys.block(request.terminal, request.row)})
        sign_ins = (self.profile.key_scheme,) if self.profile.dukpt else SCHEMES[self.profile.key_cipher][1]
        if layout not in sign_ins:
            return self._download(request)
        if self.downloads.is_bound_elsewhere(request.message):
            return Answer(TERMINAL_UNKNOWN)
        if self.profile.dukpt:
            return self._log_on(request)
        keys = WorkingKeys(self._draw, self.profile.key_cipher, self.profile.mac)
        block = keys.block(request.row.tmk, layout, wrong_kcv=FaultKind.BAD_KCV in request.faults)
        self._sign_ins.sign_in(request.row, keys, layout)
        batch = self.book.open_batch(request.terminal)
        return Answer(
            APPROVED,
            {37: self.book.next_rrn(request.date), 60: f"00{batch.batch_no}{layout}", 62: block},
        )

    def _log_on(self, request: Request) -> Answer:
        """A sign-in that brings no keys, because each message has its own: it is authenticated itself."""
        if 64 not in request.message.fields:
            raise Refused(FORMAT_ERROR)
        keys = self._message_keys(request)
        batch = self.book.open_batch(request.terminal)
        f60 = f"00{batch.batch_no}{self.profile.key_scheme}"
        return Answer(APPROVED, {37: self.book.next_rrn(request.date), 60: f60}, keys)

    def _network(self, request: Request) -> Answer:
        if self.profile.tmk_download and request.f60.network_management == self.profile.tmk_download:
            known = self.master_keys.taken(request.terminal, request.row, request.message.binary(62))
            return Answer(APPROVED if known else NOT_FOUND)
        if request.f60.type == SIGNATURE:
            return self._uploads.signature(request)
        match request.f60.network_management:
            case "002":
                self._check_batch_at_sign_out(request)
                self._sign_ins.sign_out(request.terminal)
                return Answer(APPROVED)
            case "301":
                return Answer(APPROVED)
            case "401":  # A cashier: whoever it is works on a terminal that has signed in itself.
                self._signed_in_keys(request)
                return Answer(APPROVED if request.message.text(63).strip() else FORMAT_ERROR)
        return self._download(request)

    def _download(self, request: Request) -> Answer:
        keys = self._sign_ins.keys(request.terminal)
        if keys is not None and self.profile.dukpt and 64 in request.message.fields:
            keys = self._message_keys(request)
        cut = len(request.body) - mac_wire_bytes(self.profile)
        return self.downloads.answer(request.message, (request.body[:cut], request.body[cut:]), keys)

    def _check_batch_at_sign_out(self, request: Request) -> None:
        """A terminal that has just settled may already count one batch further than the book, or not yet."""
        batch = self.book.current(request.terminal)
        told = request.f60.batch_no
        if batch is None or not told.isdecimal():
            raise Refused(BATCH_MISMATCH)
        ahead = (int(told) - int(batch.batch_no)) % BATCH_LIMIT  # 999999 is followed by 000001.
        if ahead not in (0, 1, BATCH_LIMIT - 1):
            raise Refused(BATCH_MISMATCH)

    # Money: cards, orders, reversals; settlement and what is told afterwards

    def _money(self, request: Request) -> Answer:
        stan, code = request.message.text(11), request.message.text(3)
        if request.message.mti == "0200" and code == QR_RECEIPTS:
            return self.static_codes.answer(request)
        order = request.message.mti == "0200" and code in (*MAKING, *ABOUT, *REFUNDING, QR_BILL)
        if order and code in (*ABOUT, QR_BILL):
            # An order of a settled batch may still be asked about.
            batch = self.book.batch(request.terminal, request.f60.batch_no)
            if batch is None:
                raise Refused(BATCH_MISMATCH)
        else:
            batch = self._open_batch(request)
        if order and code in REFUNDING:  # The same refund again has its old STAN, and the same answer.
            batch.stans.add(stan)
            return self._order_refunds.answer(request, batch)
        row = None if order else self._transactions.row(request)
        if stan in batch.stans:
            raise _repeated(batch.entries.get(stan), row)
        if order:
            batch.stans.add(stan)
            return self.bills.answer(request) if code == QR_BILL else self._orders.answer(request, batch)
        if row is None:
            raise Refused(NOT_SUPPORTED)
        answer = self._transactions.transact(request, row, batch)
        if answer.code == APPROVED and self.profile.eslip_address:
            answer.fields[59] = write_tlv({OrderTag.ESLIP_KEY: self.eslips.key(batch.entries[stan])})
        icc = answer.fields.get(55)
        faults = {**self._transactions.told_by_amount(row, batch.entries[stan].amount_minor), **request.faults}
        if FaultKind.BAD_ARPC in faults and isinstance(icc, bytes):
            answer.fields[55] = icc[:2] + bytes((icc[2] ^ 0xFF,)) + icc[3:]
        refund = row.silence is Silence.UNKNOWN
        if FaultKind.PARTIAL in faults and answer.code == APPROVED and (refund or row.effect is Effect.DEBIT):
            answer.code = PARTIAL_APPROVAL
            answer.fields[4] = f"{self._transactions.give_half(batch.entries[stan]):012d}"
        if FaultKind.APPROVE in faults and answer.code == APPROVED:
            answer.code = faults[FaultKind.APPROVE].code
        return answer

    def _reversal(self, request: Request) -> Answer:
        row = self._transactions.row(request)
        if row is None:
            raise Refused(NOT_SUPPORTED)
        batch = self.book.batch(request.terminal, request.f60.batch_no)
        if batch is None:
            raise Refused(NOT_FOUND)
        return self._transactions.reverse(request, row, batch)

    def _settlement(self, request: Request) -> Answer:
        self._signed_in_keys(request)
        return self._settling.settle(request)

    def _batch_upload(self, request: Request) -> Answer:
        self._signed_in_keys(request)
        return self._uploads.batch_upload(request)

    def _script_notice(self, request: Request) -> Answer:
        return self._uploads.script_notice(request, self._open_batch(request))

    def _time(self, now_ms: int) -> tuple[str, str, str]:
        """(MMDD, hhmmss, YYMM) in China; the last second's answer is kept, for many messages share it."""
        second = now_ms // 1000
        if self._clock[0] != second:
            now = datetime.fromtimestamp(second, CHINA)
            self._clock = (second, now.strftime("%m%d"), now.strftime("%H%M%S"), now.strftime("%y%m"))
        return self._clock[1:]


def _repeated(entry: Entry | None, row: Row | None) -> Refused:
    """94; 12 where a reversal came first. An advice that was refused is refused again, since 94 would mean: done.

    Whose card it is, is said again: the first answer may have been lost, and the terminal's totals hang on that.
    """
    if entry is None:
        return Refused(DUPLICATE)
    code = DUPLICATE
    if entry.state is EntryState.PREVENTED:
        code = INVALID_TRANSACTION
    elif row is not None and row.advice and entry.state is EntryState.DECLINED:
        code = entry.code
    return Refused(code, {63: entry.organisation} if entry.organisation else {})
