"""The host on the bench: the real acquirer on a real socket, with its conversation and its books shown.

"Silent" is the case that hurts: the host takes the request and acts, and its answer is lost. "Refuse" closes the
port, so that not a byte can leave the terminal. Every fault of the host's plan and of the line in front of it can be
asked for by name. What is shown is masked by the host link's own `explain`.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

from sim.acquirer.book import Batch, EntryState
from sim.acquirer.bookfile import BookFile
from sim.acquirer.core import Acquirer
from sim.acquirer.faults import EVERY, Fault, FaultKind, FaultPlan, parse_fault
from sim.acquirer.registry import default_registry
from sim.acquirer.server import AcquirerServer, wall_ms
from sim.panel.faults import in_force
from sim.panel.line import BreakableLine, befallen
from sim.panel.protocol import JSONObject
from sim.panel.sides import Sides
from sim.panel.words import clock_of, kind_words, two, yuan
from terminal.hostlink.explain import Explanation, explain
from terminal.hostlink.meanings import MTI_WORDS, PROCESSING, Words
from terminal.hostlink.subfields import OrderState
from terminal.hygiene import private_folder
from terminal.model import Kind

BATCHES = 6  # Closed batches shown.
APPROVING = ("00", "09", "10", "11", "16", "A2", "A4", "A5", "A6")
PORT_FILE = "acquirer-port"


class AcquirerBank:
    """The Bank of sim.panel.world. Its port is kept in `folder`: the terminal's activation names it for ever."""

    def __init__(self, folder: Path, publish: Callable[[JSONObject], object]) -> None:
        self._folder = folder
        self._publish = publish
        private_folder(folder)
        book = BookFile(folder / "acquirer.db")
        self.acquirer = Acquirer(default_registry(), book=book, draw=os.urandom, faults=FaultPlan())
        self._behaviour = "normal"
        self._sides = Sides()
        self._server = AcquirerServer(self.acquirer, on_exchange=self._seen)
        self._server.start()
        try:
            self._line = BreakableLine(self._kept_port(), self._server.port, self._befallen)
        except OSError:  # The kept port is taken: another panel on the same folder, most often.
            self._server.stop()
            book.close()
            raise
        self.port = self._line.port
        (folder / PORT_FILE).write_text(f"{self.port}\n", encoding="ascii")

    def _kept_port(self) -> int:
        path = self._folder / PORT_FILE
        text = path.read_text(encoding="ascii").strip() if path.exists() else ""
        return int(text) if text.isdecimal() and int(text) < 65536 else 0

    def behave(self, behaviour: str) -> None:
        """Raises OSError when the port was taken while the host refused."""
        if "silent" in (behaviour, self._behaviour):
            self.mend("fault", FaultKind.DROP_REPLY.value)
        if behaviour == "silent":
            with self.acquirer.lock:
                self.acquirer.faults.add(Fault(FaultKind.DROP_REPLY, times=EVERY))
        self._line.refuse(behaviour == "refuse")
        self._behaviour = behaviour
        self._tell_faults()

    def happen(self, what: str, how: str) -> None:
        """A "fault" of the host or of the "line". It takes the place of the one of the same name. Raises ValueError."""
        if what == "line":
            self._line.add(how)
        else:
            fault = parse_fault(how)
            with self.acquirer.lock:
                self.acquirer.faults.remove(fault.kind)
                self.acquirer.faults.add(fault)
        self._tell_faults()

    def mend(self, what: str, name: str) -> None:
        """Raises ValueError for a name that no fault has."""
        if what == "line":
            self._line.mend(name)
        else:
            with self.acquirer.lock:
                self.acquirer.faults.remove(FaultKind(name))
        self._tell_faults()

    def faults(self) -> dict[str, str]:
        """What is in force: "WHAT:NAME" → "once" or "always"."""
        with self.acquirer.lock:
            host = self.acquirer.faults.active
        return in_force(host, self._line.active())

    def close(self) -> None:
        self._server.stop()  # Before the line: its last word asks what is in force there.
        self._line.close()
        self.acquirer.book.close()

    def _tell_faults(self) -> None:
        self._publish({"is": "faults-on", "on": self.faults()})

    def _befallen(self, event: JSONObject) -> None:
        entry = befallen(event, clock_of(wall_ms()))
        if entry is not None:
            self._publish({"is": "host", **entry})
            self._tell_faults()

    def _seen(self, direction: str, frame: bytes) -> None:
        """One frame, on the server's thread; a request is shown before it is judged."""
        silent = direction == "in" and self._silent()
        told = explain(frame, self.acquirer.profile)
        self._publish({"is": "host", **entry_of(told, direction, len(frame), clock_of(wall_ms())), "dropped": silent})
        if direction == "out" or silent:
            asyncio.get_running_loop().call_soon(self._judged)

    def _judged(self) -> None:
        """On the server's thread, when the request at hand has been acted upon."""
        self._publish({"is": "books", **self.books()})
        self._tell_faults()

    def _silent(self) -> bool:
        with self.acquirer.lock:
            return any(f.kind is FaultKind.DROP_REPLY and f.nth == 1 for f in self.acquirer.faults.active)

    # Books.

    def books(self) -> JSONObject:
        """Both books side by side; then the host's: the open batch, and those that were closed."""
        with self.acquirer.lock:
            return books_of(self.acquirer, self._sides)

    def journal(self, payments: list[JSONObject]) -> None:
        """What has changed in the terminal's journal. Raises KeyError, ValueError for what are no payments."""
        with self.acquirer.lock:
            self._sides.told(payments)


def books_of(acquirer: Acquirer, sides: Sides) -> JSONObject:
    """The books of this host, the terminal's beside them. The caller holds the acquirer's lock."""
    batches = list(acquirer.book.all_batches())
    with_qr = acquirer.profile.qr_in_totals
    sections = [_totals(batch, with_qr=with_qr) for batch in batches if batch.is_open]
    sections.append(_closed(batches))
    return {
        "sides": sides.beside(acquirer.book),
        "sections": [section for section in sections if section["rows"]],
    }


def entry_of(told: Explanation, direction: str, size: int, at: str) -> JSONObject:
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
        "time": at,
        "mti": told.mti or "????",
        **two(said.zh, said.en),
        "badge": code,
        "tone": tone,
        "bytes": size,
        "fields": fields,
    }


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
