"""What the host is told afterwards: advices as they are kept, results of issuer scripts, and the batch upload.

A builder gives a Message without field 64, as in `messages`. What is kept until it is sent is the whole message without
what no memory may hold once a card has been decided on: tracks and PIN.

Spec: docs/host-link.md §3 (0220, 0620), §6 (0320).
"""

from __future__ import annotations

from collections.abc import Sequence

from terminal.hostlink.card_messages import Kept
from terminal.hostlink.codec import Message
from terminal.hostlink.details import BatchDetail, write_batch_details
from terminal.hostlink.icc import select
from terminal.hostlink.messages import Terminal, base
from terminal.hostlink.profile import Profile
from terminal.hostlink.transactions import Row

SCRIPT_RESULT = "951"  # F60.3
DETAILS = "201"
# 60.3 of a chip's record, by whether the totals agree: of a certificate, and of a card that refused what was approved.
CERTIFICATE, FAILURE = {True: "203", False: "205"}, {True: "204", False: "206"}
NETWORK_CODE = slice(8, 11)  # 60.3 within F60.
_NOT_KEPT = (26, 35, 36, 52, 53, 64)


def keepable(request: Message) -> Message:
    """The request without tracks, PIN and MAC."""
    return Message(request.mti, {n: value for n, value in request.fields.items() if n not in _NOT_KEPT})


def script_notice(row: Row, terminal: Terminal, profile: Profile, kept: Kept, *, stan: str, date: str) -> Message:
    """0620, 脚本结果通知: what became of the scripts that came with the answer to `kept`, of the day `date` (MMDD)."""
    f60 = f"{kept.f60[: NETWORK_CODE.start]}{SCRIPT_RESULT}{kept.f60[NETWORK_CODE.stop :]}"
    fields = base(terminal, stan, f60)
    fields |= {
        3: row.processing_code,
        4: f"{kept.amount.amount_minor:012d}",
        22: kept.entry_mode,
        25: row.condition,
        49: profile.currency,
        55: select(kept.icc, profile.script_f55_tags),
        61: f"{terminal.batch_no}{kept.stan}{date}",
    }
    optional = {2: kept.pan, 23: kept.sequence.zfill(3) if kept.sequence else ""}
    return Message("0620", {**fields, **{number: value for number, value in optional.items() if value}})


def details_upload(terminal: Terminal, *, stan: str, details: Sequence[BatchDetail]) -> Message:
    """0320/201: eight payments by stripe at most, each as card class, STAN, number and amount."""
    return Message(
        "0320",
        {**base(terminal, stan, f"00{terminal.batch_no}{DETAILS}"), 48: write_batch_details(details)},
    )


def certificate_upload(terminal: Terminal, kept: Kept, *, balanced: bool, failed: str = "") -> Message:
    """0320/203 to 206: a chip's last cryptogram with what it was made over, under the STAN of its payment.

    `failed`: why its payment was reversed (F39 of the reversal), in F62; "" for one that stands.
    """
    code = (FAILURE if failed else CERTIFICATE)[balanced]
    fields = base(terminal, kept.stan, f"00{terminal.batch_no}{code}")
    fields |= {4: f"{kept.amount.amount_minor:012d}", 22: kept.entry_mode}
    optional: dict[int, str | bytes] = {
        2: kept.pan,
        23: kept.sequence.zfill(3) if kept.sequence else "",
        55: kept.icc,
        62: failed.encode("ascii"),
    }
    return Message("0320", {**fields, **{number: value for number, value in optional.items() if value}})


def advice_upload(advice: Message) -> Message:
    """0320: an advice as it was sent, once more among the details of its batch."""
    return Message("0320", keepable(advice).fields)


def refund_upload(row: Row, terminal: Terminal, profile: Profile, kept: Kept, *, rrn: str) -> Message:
    """0320: a refund that the host has approved, with its own STAN, F60 and F61; `rrn` names what was paid, or ""."""
    fields = base(terminal, kept.stan, kept.f60)
    fields |= {
        3: row.processing_code,
        4: f"{kept.amount.amount_minor:012d}",
        22: kept.entry_mode,
        25: row.condition,
        49: profile.currency,
    }
    optional: dict[int, str | bytes] = {
        2: kept.pan,
        14: kept.expiry,
        23: kept.sequence.zfill(3) if kept.sequence else "",
        37: rrn.ljust(12) if rrn else "",
        61: kept.f61,
    }
    return Message("0320", {**fields, **{number: value for number, value in optional.items() if value}})
