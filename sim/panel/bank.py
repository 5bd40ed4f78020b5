"""The host on the bench: the real acquirer on a real socket, with its conversation and its books shown.

"Silent" is the case that hurts: the host takes the request and acts, and its answer is lost. "Refuse" closes the
port, so that not a byte can leave the terminal. What is shown is masked by the host link's own `explain`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from sim.acquirer.book import Batch, Entry, EntryState, Order
from sim.acquirer.bookfile import BookFile
from sim.acquirer.core import CHINA, Acquirer
from sim.acquirer.faults import EVERY, Fault, FaultKind, FaultPlan
from sim.acquirer.registry import default_registry
from sim.acquirer.server import AcquirerServer
from sim.panel.protocol import JSONObject
from terminal.hostlink.explain import Explanation, explain
from terminal.hostlink.meanings import MTI_WORDS, PROCESSING, Words
from terminal.hostlink.subfields import OrderState
from terminal.model import Kind
from terminal.receipts.words import KINDS

LATEST = 14  # Rows of the latest transactions: as many as fit without scrolling.
BATCHES = 6  # Closed batches shown.
APPROVING = ("00", "09", "10", "11", "16", "A2", "A4", "A5", "A6")
PORT_FILE = "acquirer-port"

_ENTRY_WORDS = {
    EntryState.APPROVED: ("已批准", "approved"),
    EntryState.DECLINED: ("已拒绝", "declined"),
    EntryState.REVERSED: ("已冲正", "reversed"),
    EntryState.PREVENTED: ("冲正先到", "reversed in advance"),
    EntryState.VOIDED: ("已撤销", "voided"),
    EntryState.COMPLETED: ("已完成", "completed"),
}
_ORDER_WORDS = {
    OrderState.NEW: ("新订单", "new"),
    OrderState.WAITING: ("待扫码", "waiting"),
    OrderState.PAYING: ("待确认", "being confirmed"),
    OrderState.PAID: ("已付款", "paid"),
    OrderState.CLOSED: ("已关闭", "closed"),
    OrderState.REFUNDED: ("已退款", "refunded"),
}


class AcquirerBank:
    """The Bank of sim.panel.world. Its port is kept in `folder`: the terminal's activation names it for ever."""

    def __init__(self, folder: Path, publish: Callable[[JSONObject], object]) -> None:
        self._folder = folder
        self._publish = publish
        folder.mkdir(parents=True, exist_ok=True)
        book = BookFile(folder / "acquirer.db")
        self.acquirer = Acquirer(default_registry(), book=book, draw=os.urandom, faults=FaultPlan())
        self._behaviour = "normal"
        self._server = self._start(self._kept_port())
        self.port = self._server.port
        (folder / PORT_FILE).write_text(f"{self.port}\n", encoding="ascii")

    def _kept_port(self) -> int:
        path = self._folder / PORT_FILE
        text = path.read_text(encoding="ascii").strip() if path.exists() else ""
        return int(text) if text.isdecimal() and int(text) < 65536 else 0

    def _start(self, port: int) -> AcquirerServer:
        """Raises OSError when the kept port is taken: another panel on the same folder, most often."""
        server = AcquirerServer(self.acquirer, port=port, on_exchange=self._seen)
        server.start()
        return server

    def behave(self, behaviour: str) -> None:
        """Raises OSError when the port was taken while the host refused."""
        with self.acquirer.lock:
            self.acquirer.faults.clear()
            if behaviour == "silent":
                self.acquirer.faults.add(Fault(FaultKind.DROP_REPLY, times=EVERY))
        if behaviour == "refuse":
            self._server.stop()
        elif self._behaviour == "refuse":
            self._server = self._start(self.port)
        self._behaviour = behaviour

    def close(self) -> None:
        self._server.stop()
        self.acquirer.book.close()

    def _seen(self, direction: str, frame: bytes) -> None:
        """One frame, on the server's thread; a request is shown before it is judged."""
        silent = direction == "in" and self._behaviour == "silent"
        now = datetime.fromtimestamp(time.time(), CHINA)
        told = explain(frame, self.acquirer.profile)
        shown = entry_of(told, direction, len(frame), f"{now:%H:%M:%S}")
        self._publish({"is": "host", **shown, "dropped": silent})
        if direction == "out" or silent:
            self._publish({"is": "books", **self.books()})

    # Books.

    def books(self) -> JSONObject:
        """The host's side: the open batch, the latest transactions, the batches that were closed."""
        with self.acquirer.lock:
            batches = list(self.acquirer.book.all_batches())
            with_qr = self.acquirer.profile.qr_in_totals
            sections = [_totals(batch, with_qr=with_qr) for batch in batches if batch.is_open]
            sections += [_latest(batches), _closed(batches)]
        return {"sections": [section for section in sections if section["rows"]]}


def two(zh: str, en: str) -> JSONObject:
    return {"zh": zh, "en": en}


def entry_of(told: Explanation, direction: str, size: int, clock: str) -> JSONObject:
    """One message of the conversation, for the page."""
    values = {line.number: line.value for line in told.lines}
    said = MTI_WORDS.get(told.mti or "", Words("无法识别", "not readable"))
    if (told.mti or "").startswith("02") and values.get(3) in PROCESSING:
        said = PROCESSING[values[3]]
    code = values.get(39, "") if direction == "out" else ""
    tone = ("good" if code in APPROVING else "bad") if code else ""
    if told.problem is not None:
        tone = "bad"
    fields = [
        {
            "n": str(line.number),
            **two(line.zh, line.name),
            "value": line.value,
            "more": [two(note.zh, note.en) for note in line.notes],
        }
        for line in told.lines
    ]
    if told.problem is not None:
        problem = {"n": "!", **two("错误", "Fault"), "value": str(told.problem), "more": []}
        fields.append(problem)
    return {
        "way": direction,
        "time": clock,
        "mti": told.mti or "????",
        **two(said.zh, said.en),
        "badge": code,
        "tone": tone,
        "bytes": size,
        "fields": fields,
    }


def yuan(amount_minor: int) -> str:
    """In the page's own form; what is owed by the merchant has a minus."""
    whole, part = divmod(abs(amount_minor), 100)
    return f"{'-' if amount_minor < 0 else ''}¥{whole:,}.{part:02d}"


def _totals(batch: Batch, *, with_qr: bool) -> JSONObject:
    sums: dict[Kind, tuple[int, int]] = {}
    for entry in batch.entries.values():
        if entry.standing and entry.amount_minor:
            count, total = sums.get(entry.kind, (0, 0))
            sums[entry.kind] = count + 1, total + entry.amount_minor
    rows: list[JSONObject] = [
        {"cells": [kind_words(kind), str(count), yuan(total)]} for kind, (count, total) in sums.items()
    ]
    back = [entry.amount_minor for entry in batch.entries.values() if entry.state is EntryState.REVERSED]
    if back:
        rows.append({"cells": [two("已冲正", "Reversed"), str(len(back)), yuan(sum(back))]})
    paid = [order.amount_minor for order in batch.orders.values() if order.state is OrderState.PAID]
    if paid:
        rows.append({"cells": [two("扫码收款", "QR payments"), str(len(paid)), yuan(sum(paid))]})
    totals = batch.totals(with_qr=with_qr)
    counted = (
        two("结算合计（含扫码）", "To settle (with QR)")
        if with_qr
        else two("结算合计（不含扫码）", "To settle (without QR)")
    )
    count, net = totals.debit_count + totals.credit_count, totals.debit_minor - totals.credit_minor
    rows.append({"cells": [counted, str(count), yuan(net)], "total": True})
    return {**two(f"当前批次 {batch.batch_no}", f"Open batch {batch.batch_no}"), "align": "lrr", "rows": rows}


def kind_words(kind: Kind) -> JSONObject:
    """A kind in the words of the slips."""
    zh, en = KINDS[kind]
    return two(zh, en.capitalize())


def _latest(batches: list[Batch]) -> JSONObject:
    items: list[tuple[int, Entry | Order]] = []
    for batch in batches:
        items += [(entry.at_ms, entry) for entry in batch.entries.values()]
        items += [(order.created_ms, order) for order in batch.orders.values() if order.amount_minor]
    items.sort(key=lambda item: item[0], reverse=True)
    rows = []
    for at_ms, item in items[:LATEST]:
        state = _ENTRY_WORDS[item.state] if isinstance(item, Entry) else _ORDER_WORDS[item.state]
        kind = kind_words(item.kind) if isinstance(item, Entry) else two("扫码", "QR")
        clock = f"{datetime.fromtimestamp(at_ms / 1000, CHINA):%H:%M:%S}"
        code = f" {item.code}" if isinstance(item, Entry) and item.state is EntryState.DECLINED else ""
        rows.append({"cells": [clock, kind, item.stan, two(state[0] + code, state[1] + code), yuan(item.amount_minor)]})
    return {**two("最近交易", "Latest"), "align": "llllr", "rows": rows}


def _closed(batches: list[Batch]) -> JSONObject:
    rows = []
    for batch in [batch for batch in batches if batch.settlement is not None][: -BATCHES - 1 : -1]:
        settlement = batch.settlement
        if settlement is None:
            continue
        judged = two("对账平", "balanced") if settlement.balanced else two("对账不平", "does not balance")
        halves = settlement.booked, settlement.booked_foreign
        count = sum(half.debit_count + half.credit_count for half in halves)
        net = sum(half.debit_minor - half.credit_minor for half in halves)
        rows.append({"cells": [batch.batch_no, judged, str(count), yuan(net)]})
    return {**two("已结算批次", "Settled batches"), "align": "llrr", "rows": rows}
