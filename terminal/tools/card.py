"""`python -m terminal card`: run the kernel on a card in a PC/SC reader and print each step.

    python -m terminal card --reader NAME --amount 10.00 --issuer approve|decline|none [--aids FILE]
                               [--capks FILE] [--json]

The issuer is played: `approve` and `decline` answer with a response code and nothing else (no ARPC), `none` does
not answer. A PIN that the card wants is answered "entered" with none behind it. So no money moves, and a card that
insists on its issuer's authentication refuses in the end.

Exit status: 0 approved, 1 declined or terminated, 2 the call was wrong, 3 reader or card trouble.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import queue
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from drivers.apdu_chain import ChainBroken
from drivers.ports import CardGone, CardReader, DeviceError, Presence
from emv import tracefile
from emv.aids import default_aids, load_aids
from emv.apdu import COMMANDS
from emv.capk import default_capks, load_capks
from emv.commands import (
    AskOfflinePin,
    AskPin,
    CardError,
    ChooseApplication,
    Draw,
    GoOnline,
    KernelRequest,
    OnlineAnswer,
    Outcome,
    PinResult,
    Result,
    Transceive,
)
from emv.kernel import contact_session
from emv.profile import TerminalProfile, TransactionData
from emv.rows import RowsError
from emv.rules import REASONS
from emv.session import Session
from emv.tags import (
    ADF_NAME_4F,
    CVM_RESULTS_9F34,
    TERMINAL_VERIFICATION_RESULTS_95,
    TRANSACTION_STATUS_INFORMATION_9B,
)
from terminal.assembly import CAPABILITIES

T = TypeVar("T")

APPROVED, REFUSED, USAGE, TROUBLE = 0, 1, 2, 3
ISSUERS = {"approve": b"00", "decline": b"05", "none": None}  # Tag 8A; the bytes are its ASCII characters.
WAIT_LIMIT_S = 600
AMOUNT = re.compile(r"(\d{1,10})(?:\.(\d{2}))?", re.ASCII)
RESULTS = {
    Result.APPROVED: "APPROVED 批准",
    Result.DECLINED: "DECLINED 拒绝",
    Result.TERMINATED: "TERMINATED 交易终止",
    Result.CANCELLED: "CANCELLED 已取消",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Run the EMV kernel on a card in a PC/SC reader. The issuer is played here; no money moves. "
        "An online PIN is taken as entered (a dummy, nobody types it), one that the card checks itself is not sent; "
        "of several applications the card's first is taken. "
        "对读卡器中的卡运行EMV内核；发卡行由本命令扮演，不产生真实交易；不向卡片发送密码。"
    )
    parser.add_argument("--reader", required=True, metavar="NAME", help="the reader's name, or a part of it 读卡器名称")
    parser.add_argument("--amount", required=True, type=amount_minor, help="for example 10.00 金额")
    parser.add_argument("--issuer", required=True, choices=tuple(ISSUERS), help="what the issuer says 发卡行应答")
    parser.add_argument("--aids", type=Path, metavar="FILE", help="AID list in TOML (default: the shipped test list)")
    parser.add_argument("--capks", type=Path, metavar="FILE", help="CA keys in TOML (default: the shipped test keys)")
    parser.add_argument("--wait", type=wait_seconds, default=0, metavar="SECONDS", help="wait for a card to come")
    parser.add_argument(
        "--unmasked-test-card",
        action="store_true",
        help="show every byte; otherwise the middle digits of the PAN, track data, names and expiry dates "
        "are zeros (lengths stay, so that the TLV can be read). For TEST CARDS ONLY 仅限测试卡",
    )
    parser.add_argument(
        "--trace",
        type=Path,
        metavar="FILE",
        help="write down what the kernel decided and why, for python -m emv explain and replay; masked like the rest "
        "写下内核的决定及依据",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")


def amount_minor(text: str) -> int:
    """Minor units of an amount with none or two decimals.

    >>> amount_minor("10.00")
    1000
    """
    match = AMOUNT.fullmatch(text)
    if match is None:
        raise argparse.ArgumentTypeError("an amount is written as 10 or 10.00")
    return int(match[1]) * 100 + int(match[2] or 0)


def wait_seconds(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= WAIT_LIMIT_S):
        raise argparse.ArgumentTypeError(f"0 to {WAIT_LIMIT_S} seconds")
    return int(text)


def run(args: argparse.Namespace, open_reader: Callable[[str], CardReader]) -> int:
    """Run one card; `open_reader` gives the reader for a name. The exit status; nothing is raised."""
    try:
        profile = TerminalProfile(
            aids=_rows(args.aids, load_aids, default_aids),
            capabilities=CAPABILITIES,
            ca_keys=_rows(args.capks, load_capks, default_capks),
        )
    except _Unreadable as error:
        print(error, file=sys.stderr)
        return USAGE
    case = _Case(args.issuer, masked=not args.unmasked_test_card)
    session = Session(profile, _transaction(args.amount))
    status = _run_card(args, case, session, open_reader)
    if args.trace is not None:
        try:
            args.trace.write_text(tracefile.write(session, masked=not args.unmasked_test_card), encoding="utf-8")
        except OSError as error:
            print(f"card: {args.trace} cannot be written: {error}", file=sys.stderr)
            return TROUBLE
    return status


def _run_card(
    args: argparse.Namespace, case: _Case, session: Session, open_reader: Callable[[str], CardReader]
) -> int:
    try:
        reader = open_reader(args.reader)
        try:
            if args.wait:
                _wait_for_card(reader, args.wait)
            outcome = case.run(reader, session)
        finally:
            reader.close()
    except (DeviceError, CardError) as trouble:
        print(f"card: {trouble} 读卡器或卡片故障", file=sys.stderr)
        if args.json:
            print(json.dumps({"outcome": "trouble", "reason": str(trouble), **case.found(session)}))
        return TROUBLE
    reason_en, reason_zh = REASONS[outcome.reason]
    detail = f": {session.problem}" if session.problem else ""
    print(f"= {RESULTS[outcome.result]}  {reason_en}{detail}  {reason_zh}")
    if args.json:
        found = {"outcome": outcome.result.value, "reason": outcome.reason, **case.found(session)}
        print(json.dumps(found, ensure_ascii=False))
    return APPROVED if outcome.result is Result.APPROVED else REFUSED


class _Unreadable(Exception):
    """A file of the caller's, with every mistake in it."""


def _rows(path: Path | None, load: Callable[[str], T], shipped: Callable[[], T]) -> T:
    """What a file holds, or the shipped one. Raises _Unreadable."""
    if path is None:
        return shipped()
    try:
        return load(path.read_text(encoding="utf-8"))
    except RowsError as error:
        raise _Unreadable("\n".join(f"{path}: {problem}" for problem in error.problems)) from None
    except (OSError, UnicodeDecodeError) as error:
        raise _Unreadable(f"card: {path} cannot be read: {error}") from None


def _transaction(amount: int) -> TransactionData:
    now = datetime.datetime.now()
    return TransactionData(amount_minor=amount, date=f"{now:%y%m%d}", time=f"{now:%H%M%S}", counter=1)


def _wait_for_card(reader: CardReader, seconds: int) -> None:
    """Return when a card is in, or when the time is over: power_on then says what is missing."""
    seen: queue.Queue[Presence] = queue.Queue()
    reader.watch(seen.put)
    print("? insert a card 请插卡", flush=True)
    end = datetime.datetime.now() + datetime.timedelta(seconds=seconds)
    while (left := (end - datetime.datetime.now()).total_seconds()) > 0:
        try:
            if seen.get(timeout=left) is Presence.PRESENT:
                return
        except queue.Empty:
            return


class _Case:
    """One card's conversation: drives the kernel, plays everyone else, prints as it goes."""

    def __init__(self, issuer: str, *, masked: bool) -> None:
        self._issuer = issuer
        self._masked = masked
        self._told = 0
        self._left_out = 0

    def run(self, reader: CardReader, session: Session) -> Outcome:
        """Raises DeviceError, and CardError when the card left."""
        print(f"  ATR {reader.power_on().hex().upper()}")
        coroutine = contact_session(session)
        answer: Any = None
        error: CardError | None = None
        try:
            while True:
                try:
                    request = coroutine.throw(error) if error else coroutine.send(answer)
                except StopIteration as end:
                    self._tell_steps(session)
                    outcome: Outcome = end.value
                    return outcome
                self._tell_steps(session)
                answer = error = None
                try:
                    answer = self._answer(reader, request)
                except CardError as fault:
                    error = fault
        finally:
            coroutine.close()
            reader.power_off()

    def found(self, session: Session) -> dict[str, Any]:
        """What the card and the kernel have said so far, for programs."""
        data = session.elements()
        return {
            "aid": _aid(session),
            "tvr": data[TERMINAL_VERIFICATION_RESULTS_95].hex().upper(),
            "tsi": data[TRANSACTION_STATUS_INFORMATION_9B].hex().upper(),
            "cvm_results": data.get(CVM_RESULTS_9F34, b"").hex().upper(),
            "cryptogram_type": session.cryptogram.name if session.cryptogram else None,
            "steps": list(session.steps),
            "not_performed": list(session.not_performed),
            "apdus": tracefile.conversation(session, masked=self._masked),
        }

    def _answer(self, reader: CardReader, request: KernelRequest[Any]) -> Any:
        match request:
            case Transceive(capdu):
                return self._transceive(reader, capdu)
            case Draw(count):
                return os.urandom(count)
            case ChooseApplication(candidates):
                labels = ", ".join(candidate.label for candidate in candidates)
                print(f"? applications 应用: {labels}; the first is taken 取第一个")
                return 0
            case AskPin():
                print("? PIN: taken as entered (a dummy) 视为已输入密码（演示）")
                return PinResult.ENTERED
            case AskOfflinePin():
                # A dummy would cost the card a try, and a person's PIN does not belong here.
                print("? the card's own PIN: not asked for, as if the PIN pad failed 不输入卡片密码，视为密码键盘故障")
                return PinResult.PAD_FAILED
            case GoOnline():
                return self._go_online()
            case _:
                raise TypeError(f"the kernel asked for {type(request).__name__}")

    def _transceive(self, reader: CardReader, capdu: bytes) -> bytes:
        try:
            rapdu = reader.transceive(capdu)
        except CardGone as gone:
            raise CardError(str(gone), removed=True) from gone
        except ChainBroken as broken:
            raise CardError(str(broken)) from broken
        name = COMMANDS[capdu[1]][0]
        print(f"  {name:24} {capdu[:4].hex().upper()}  →  {rapdu[-2:].hex().upper()}, {len(rapdu) - 2} bytes 字节")
        return rapdu

    def _go_online(self) -> OnlineAnswer | None:
        code = ISSUERS[self._issuer]
        if code is None:
            print("? issuer: no answer 发卡行无应答")
            return None
        print(f"? issuer: {self._issuer}, 8A = {code.hex().upper()}, no ARPC 发卡行应答（无ARPC）")
        return OnlineAnswer(response_code=code)

    def _tell_steps(self, session: Session) -> None:
        for step in session.steps[self._told :]:
            print(f"• {step}")
        for step in session.not_performed[self._left_out :]:
            print(f"– {step}: not performed 未执行")
        self._told, self._left_out = len(session.steps), len(session.not_performed)


def _aid(session: Session) -> str | None:
    """The application in use: the card's own name for it, else the list's row."""
    if session.aid is None:
        return None
    name = session.data.get(0x84) or session.data.get(ADF_NAME_4F) or session.aid.aid
    return name.hex().upper()
