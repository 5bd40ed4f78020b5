"""The requests a terminal sends, each built from plain values, and the MAC that closes them.

A builder gives a Message without field 64; `with_mac` adds it just before sending, so that a reversal
repeated after a new sign-in is authenticated under the new MAK while F11 and F60.2 stay what they were.

Spec: docs/host-link.md §3, §5, §6, §7. QR orders, their bill and the printed code's receipts (F3 700000 to 780000,
F59 A3 to C4) are a convention of our own.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping
from dataclasses import dataclass

from keys import KeyRef, KeyStore, MacMethod, Usage
from terminal.hostlink.codec import Message, encode
from terminal.hostlink.fields import Encoding
from terminal.hostlink.profile import Profile
from terminal.hostlink.subfields import OrderTag, write_tlv
from terminal.model import Money

PIN_FIELD = 52
MAC_FIELD = 64
MAC_BYTES = 8
NO_BATCH = "000000"

QR_CREATE = "700000"
QR_QUERY = "710000"
QR_CLOSE = "720000"
QR_PAY = "730000"
QR_REVERSE = "740000"
QR_REFUND = "750000"
QR_REFUND_QUERY = "760000"
QR_BILL = "770000"
QR_RECEIPTS = "780000"
SHOWN = "032"  # F22 of a code that the terminal shows.
SCANNED = "031"  # F22 of a code that the terminal scans.

TOTAL_COUNT_LIMIT = 999  # F48 holds three digits of each count.
ORDER_NO_LIMIT = 32
NO_CERTIFICATE = "0000"  # Before the serial in a sign-in's F62: the product's certificate, which this one has not.


@dataclass(frozen=True, slots=True)
class Terminal:
    """Who sends: merchant (15 characters), terminal (8), batch (6 digits), operator (at most 3)."""

    merchant_no: str
    terminal_no: str
    batch_no: str
    operator: str = "001"


@dataclass(frozen=True, slots=True)
class Totals:
    """What a batch holds for the host, in minor units: debit is what the host owes the merchant's account."""

    debit_minor: int = 0
    debit_count: int = 0
    credit_minor: int = 0
    credit_count: int = 0


def base(terminal: Terminal, stan: str, f60: str) -> dict[int, str | bytes]:
    """The fields that every request has. Raises ValueError for what is no STAN."""
    if not re.fullmatch(r"[0-9]{6}", stan) or stan == "000000":
        raise ValueError("a STAN is 000001 to 999999")
    return {11: stan, 41: terminal.terminal_no, 42: terminal.merchant_no, 60: f60}


def sign_in(terminal: Terminal, profile: Profile, *, stan: str, serial: str = "") -> Message:
    """0800, 签到: ask for working keys, batch number and clock. Carries no MAC.

    `serial`: the device that an activation code was spent on; the host refuses another under the same numbers.
    """
    fields = base(terminal, stan, f"00{terminal.batch_no}{profile.key_scheme}")
    fields[63] = terminal.operator.ljust(3)
    number = profile.sequence_no or (f"{NO_CERTIFICATE}{serial}" if serial else "")
    if number:
        fields[62] = f"Sequence No{len(number):02d}{number}".encode("ascii")
    return Message("0800", fields)


def tmk_request(terminal: Terminal, profile: Profile, *, stan: str) -> Message:
    """0800, 主密钥下载: ask for a new TMK under the present one. Carries no MAC; the batch is 000000."""
    return Message("0800", base(terminal, stan, f"00{NO_BATCH}{profile.tmk_download}"))


def tmk_taken(terminal: Terminal, profile: Profile, *, stan: str, kcv: str) -> Message:
    """0820 with the same F60.3: this is the check value (8 hex digits) of the TMK that the terminal has now."""
    fields = base(terminal, stan, f"00{NO_BATCH}{profile.tmk_download}")
    return Message("0820", {**fields, 62: bytes.fromhex(kcv)})


def sign_out(terminal: Terminal, profile: Profile, *, stan: str) -> Message:
    """0820, 签退."""
    return Message("0820", base(terminal, stan, f"00{terminal.batch_no}002"))


def echo(terminal: Terminal, profile: Profile, *, stan: str) -> Message:
    """0820, 回响: is the host there?"""
    fields = base(terminal, stan, f"00{terminal.batch_no}301")
    del fields[11]  # §3 lists F41, F42 and F60 only.
    return Message("0820", fields)


def cashier(terminal: Terminal, profile: Profile, *, stan: str, operator: str) -> Message:
    """0820/401, 收银员签到: who works at the terminal now."""
    fields = base(terminal, stan, f"00{terminal.batch_no}401")
    return Message("0820", {**fields, 63: operator.zfill(3)[-3:].ljust(3)})


def settlement(
    terminal: Terminal, profile: Profile, *, stan: str, domestic: Totals, foreign: Totals | None = None
) -> Message:
    """0500, 结算: F48 is debit amount n12, count n3, credit n12, n3, result 0; domestic, then foreign."""
    fields = base(terminal, stan, f"00{terminal.batch_no}201")
    fields[48] = _half(domestic) + _half(foreign or Totals())
    fields[49] = profile.currency
    fields[63] = terminal.operator.ljust(3)
    return Message("0500", fields)


def _half(totals: Totals) -> str:
    if max(totals.debit_count, totals.credit_count) > TOTAL_COUNT_LIMIT:
        raise ValueError(f"a batch holds at most {TOTAL_COUNT_LIMIT} of a kind")
    debit = f"{totals.debit_minor:012d}{totals.debit_count:03d}"
    return debit + f"{totals.credit_minor:012d}{totals.credit_count:03d}0"


def batch_end(terminal: Terminal, profile: Profile, *, stan: str, balanced: bool, records: int) -> Message:
    """0320, 批上送结束: 60.3 is 207 when balanced, 202 when not; F48 counts the records sent."""
    fields = base(terminal, stan, f"00{terminal.batch_no}{'207' if balanced else '202'}")
    fields[48] = f"{records:04d}"
    return Message("0320", fields)


def _qr(
    terminal: Terminal,
    profile: Profile,
    stan: str,
    code: str,
    entry: str,
    amount: Money | None,
    tags: Mapping[str, str],
) -> Message:
    if not all(0 < len(tags[tag]) <= ORDER_NO_LIMIT for tag in (OrderTag.ORDER_NO, OrderTag.RECEIPT_NO) if tag in tags):
        raise ValueError(f"an order number, or a receipt's, has 1 to {ORDER_NO_LIMIT} characters")
    f60 = f"{profile.qr_transaction_type}{terminal.batch_no}000{profile.qr_terminal_capability}0"
    fields = base(terminal, stan, f60)
    fields |= {3: code, 22: entry, 25: "00"}
    if tags:
        fields[59] = write_tlv(tags)
    if amount is not None:
        fields |= {4: f"{amount.amount_minor:012d}", 49: profile.currency}
    return Message("0200", fields)


def qr_order(
    terminal: Terminal, profile: Profile, *, stan: str, amount: Money, order_no: str, seconds: int = 0
) -> Message:
    """0200/700000: ask the acquirer for an order whose code the terminal shows, for so many seconds (0: its own)."""
    tags = {OrderTag.ORDER_NO: order_no} | _life(seconds)
    return _qr(terminal, profile, stan, QR_CREATE, SHOWN, amount, tags)


def qr_query(terminal: Terminal, profile: Profile, *, stan: str, order_no: str, entry: str = SHOWN) -> Message:
    """0200/710000: what has become of an order; may be asked any number of times."""
    return _qr(terminal, profile, stan, QR_QUERY, entry, None, {OrderTag.ORDER_NO: order_no})


def qr_close(terminal: Terminal, profile: Profile, *, stan: str, order_no: str) -> Message:
    """0200/720000: close an order whose code was shown. The answer may still be PAID, or WAITING: too early."""
    return _qr(terminal, profile, stan, QR_CLOSE, SHOWN, None, {OrderTag.ORDER_NO: order_no})


def qr_pay(
    terminal: Terminal, profile: Profile, *, stan: str, amount: Money, order_no: str, code: str, seconds: int = 0
) -> Message:
    """0200/730000: charge the wallet whose one-time payment code was scanned; its user has so long to confirm."""
    tags = {OrderTag.SCANNED_CODE: code, OrderTag.ORDER_NO: order_no} | _life(seconds)
    return _qr(terminal, profile, stan, QR_PAY, SCANNED, amount, tags)


def _life(seconds: int) -> dict[str, str]:
    return {OrderTag.SECONDS_LEFT: str(seconds)} if seconds else {}


def qr_reverse(terminal: Terminal, profile: Profile, *, stan: str, order_no: str) -> Message:
    """0200/740000: take back an order whose code was scanned, charged or not. PAID: it is too late for that."""
    return _qr(terminal, profile, stan, QR_REVERSE, SCANNED, None, {OrderTag.ORDER_NO: order_no})


def qr_refund(
    terminal: Terminal, profile: Profile, *, stan: str, amount: Money, order_no: str, refund_no: str, entry: str = SHOWN
) -> Message:
    """0200/750000: give back so much of a paid order. The same refund number again is the same refund."""
    tags = {OrderTag.ORDER_NO: order_no, OrderTag.REFUND_NO: refund_no}
    return _qr(terminal, profile, stan, QR_REFUND, entry, amount, tags)


def qr_refund_query(
    terminal: Terminal, profile: Profile, *, stan: str, order_no: str, refund_no: str, entry: str = SHOWN
) -> Message:
    """0200/760000: what has become of a refund; may be asked any number of times."""
    tags = {OrderTag.ORDER_NO: order_no, OrderTag.REFUND_NO: refund_no}
    return _qr(terminal, profile, stan, QR_REFUND_QUERY, entry, None, tags)


def qr_bill(terminal: Terminal, profile: Profile, *, stan: str, day: datetime.date, received: int) -> Message:
    """0200/770000: the trade bill of a day, from the row after `received` on; may be asked any number of times."""
    tags = {OrderTag.BILL_DAY: f"{day:%Y%m%d}", OrderTag.BILL_FROM: str(received)}
    return _qr(terminal, profile, stan, QR_BILL, SHOWN, None, tags)


def qr_receipts(
    terminal: Terminal, profile: Profile, *, stan: str, taken: str = "", passed_over: int = 0
) -> Message:
    """0200/780000: the next receipt of the shop's printed code. `taken`: the last one, which is durable here.

    `passed_over`: the oldest so many cannot be read; the one behind them is wanted.
    """
    tags = {OrderTag.RECEIPT_NO: taken} if taken else {}
    if passed_over:
        tags[OrderTag.PASSED_OVER] = str(passed_over)
    return _qr(terminal, profile, stan, QR_RECEIPTS, SHOWN, None, tags)


# Protection: the seam between the two ways that keys are managed. Session keys lie in the store from one sign-in to the
# next; with DUKPT each message has its own, and the store keeps them until its answer is judged.


def master_key(profile: Profile) -> KeyRef:
    """The key that the terminal is keyed by: what all others come under, or out of."""
    return KeyRef(Usage.INITIAL_KEY if profile.dukpt else Usage.TMK)


def keys_ready(keys: KeyStore, profile: Profile) -> bool:
    """Whether a message could be authenticated now."""
    return keys.has(master_key(profile)) if profile.dukpt else keys.working_keys_ready()


def mac_range(message: Message, profile: Profile) -> bytes:
    """The bytes that the MAC covers: MTI to the last field before F64, with bit 64 set in the bitmap.

    TPDU and header are not included (§7). Raises FrameError.
    """
    return encode(message.with_fields({MAC_FIELD: bytes(MAC_BYTES)}), profile)[: -mac_wire_bytes(profile)]


def mac_wire_bytes(profile: Profile) -> int:
    """How long F64, the last field of a body, is on the wire."""
    return MAC_BYTES * (2 if profile.fields[MAC_FIELD].encoding is Encoding.HEX else 1)


def with_mac(message: Message, keys: KeyStore, profile: Profile) -> Message:
    """The message with F64 under the present MAK, or under its own key and with its KSN.

    With DUKPT a message with a PIN block has the block's transaction, and the store waits for the journal: never call
    it inside a Commit. Raises KeyRefused when there is no key.
    """
    if profile.dukpt:
        ksn = keys.messages.begin(message.binary(PIN_FIELD))
        message = message.with_fields({profile.ksn_field: ksn.hex().upper()})
        made = keys.messages.mac(mac_range(message, profile), profile.mac)
    else:
        made = keys.mac(mak(profile), mac_range(message, profile), profile.mac)
    return message.with_fields({MAC_FIELD: shown_mac(made, profile)})


def mac_is_good(message: Message, keys: KeyStore, profile: Profile) -> bool:
    """Whether F64, which is there, is the MAC of the message: an answer's, with DUKPT to the last that was sent.

    Raises KeyRefused without a key, FrameError.
    """
    told, data = message.binary(MAC_FIELD), mac_range(message, profile)
    if profile.mac is not MacMethod.UNIONPAY and profile.mac_bytes != MAC_BYTES:
        if re.fullmatch(rb"[0-9A-F]{8}", told) is None:
            return False
        told = bytes.fromhex(told.decode("ascii"))
    if profile.dukpt:
        return keys.messages.mac_ok(data, told, profile.mac)
    return keys.mac_ok(mak(profile), data, told, profile.mac)


def mak(profile: Profile) -> KeyRef:
    """The session key that authenticates messages in this profile."""
    return KeyRef(profile.mac.usage)


def shown_mac(made: bytes, profile: Profile) -> bytes:
    """F64 of a MAC: all of it, or a standard's first half as eight ASCII characters. Spec: docs/host-link.md §7."""
    if profile.mac is MacMethod.UNIONPAY or profile.mac_bytes == MAC_BYTES:
        return made[:MAC_BYTES]
    return made.hex().upper().encode("ascii")[:MAC_BYTES]
