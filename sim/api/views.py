"""What is told of a world, as JSON: read off a Stage on the thread that owns it. Everything in it is masked already."""

from __future__ import annotations

import io
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from PIL import Image

from drivers.ports import PaperLine
from sim.acquirer.faults import EVERY
from sim.books import all_payments
from sim.card import PROFILES
from sim.line_faults import LINE_FAULTS
from sim.loop import START_WALL_MS
from sim.mishaps import BYTES_ONLY
from sim.panel.faults import HOST_FAULTS
from sim.stage import Stage
from sim.story import ACTIONS, MISHAPS
from sim.takes import Takes
from sim.twins.printer import TwinPrinter
from sim.wire.roll import png_of
from terminal.hostlink.codes import RESPONSE_CODES
from terminal.hostlink.explain import explain
from terminal.journal import Event
from terminal.screens.font import load_font

CELLS = 32  # Of a slip of 58 mm.
EVENT = ("n", "at_ms", "kind", "digest")
JSON = dict[str, Any]


def screen(stage: Stage) -> JSON:
    """The glass: its screen's name and its lines. Dark while there is no power."""
    display = stage.world.display
    return {
        "name": stage.showing(),
        "lines": list(stage.glass()),
        "width": display.width,
        "height": display.height,
        "lamps": sorted(lamp.value for lamp in stage.world.lamps.lit) if stage.is_on else [],
    }


def screen_png(stage: Stage, scale: int) -> bytes:
    display = stage.world.display
    pixels = display.pixels() if stage.is_lit else bytes(display.width // 8 * display.height)
    glass = Image.frombytes("1", (display.width, display.height), pixels)
    out = io.BytesIO()
    glass.resize((glass.width * scale, glass.height * scale), 0).save(out, "PNG")
    return out.getvalue()


def state(stage: Stage) -> JSON:
    age_ms = stage.elapsed_ms()
    return {
        "seed": stage.terms.seed,
        "age_ms": age_ms,
        "clock": datetime.fromtimestamp((START_WALL_MS + age_ms) / 1000, UTC).isoformat(timespec="milliseconds"),
        "power": stage.is_lit,
        "lives": stage.lives,
        "mode": stage.mode(),
        "screen": stage.showing(),
        "slips": stage.printed,
        "card": stage.world.reader.holds_card,
        "host": "simulated" if stage.host is None else "outside",
    }


def slips(stage: Stage) -> JSON:
    first = stage.printed - len(stage.slips) + 1
    return {"slips": [{"number": first + at, "text": paper} for at, paper in enumerate(stage.paper())]}


def slip_lines(stage: Stage, slip_number: int) -> tuple[PaperLine, ...]:
    """Raises LookupError for one that was never printed, or is no longer kept."""
    at = slip_number - 1 - (stage.printed - len(stage.slips))
    if not 0 <= at < len(stage.slips):
        raise LookupError(f"slip {slip_number}: there are {stage.printed}, of which {len(stage.slips)} are kept")
    return stage.slips[at]


def slip_png(lines: tuple[PaperLine, ...]) -> bytes:
    printer = TwinPrinter(CELLS)
    printer.print(lines)
    return png_of(printer.roll(1), CELLS, load_font("unifont"))


def payments(stage: Stage) -> JSON:
    """What the terminal's journal has, oldest first."""
    rows = []
    for payment in reversed(all_payments(stage.journal)):
        rows.append(
            {
                "id": payment.id,
                "state": payment.state.value,
                "kind": payment.kind.value,
                "method": payment.method.value,
                "amount_minor": payment.amount.amount_minor,
                "batch": payment.batch,
                "stan": payment.stan or "",
                "created_ms": payment.created_ms,
                "facts": dict(payment.facts),
            }
        )
    return {"payments": rows}


def events(found: tuple[Event, ...]) -> JSON:
    return {"events": [{name: getattr(row, name) for name in EVENT} | {"body": dict(row.body)} for row in found]}


def books(stage: Stage) -> JSON:
    """Both sides, and where they differ."""
    differences = stage.differences()
    book = stage.world.acquirer.book
    return {
        "terminal": stage.payments(),
        "host": [
            {
                "kind": entry.kind.value,
                "batch_no": entry.batch_no,
                "stan": entry.stan,
                "rrn": entry.rrn,
                "amount_minor": entry.amount_minor,
                "state": entry.state.value,
                "code": entry.code,
            }
            for entry in book.entries
        ],
        "orders": [
            {"order_no": order.order_no, "amount_minor": order.amount_minor, "state": order.state.name.lower()}
            for order in book.qr_orders
        ],
        "agree": not differences,
        "differences": differences,
    }


def message(stage: Stage, number: int, at_ms: int, frame: bytes) -> JSON:
    """A frame of the host link, decoded; what is secret in it is masked."""
    told = explain(frame, stage.world.shop.profile)
    return {"number": number, "at_ms": at_ms, **told.to_json("")}


# What can go wrong: the mishaps of stories, and two words for people that break things, too.

FAULTS: Mapping[str, Takes] = MappingProxyType(
    {**MISHAPS, **{word: takes for word in ("paper", "host") if (takes := ACTIONS[word].takes) is not None}}
)

_WORDS = {
    "tear": ("下一张卡在第几条命令拔出", "the next card is torn out during this command"),
    "reader": ("读卡器的插头", "the card reader's plug"),
    "scanner": ("扫码枪", "the code scanner"),
    "paper": ("纸", "the paper"),
    "paper-left": ("纸只剩几行", "lines of paper that are left"),
    "host": ("主机", "the host as a whole"),
    "cable": ("网线", "the line's cable"),
    "case": ("机壳；撬开即毁密钥", "the case; opening it destroys the keys"),
    "clock": ("终端时钟跳几秒", "the terminal's clock jumps by so many seconds"),
    "power": ("电源", "the power"),
    "power-fails": ("到下一个这样的时刻断电", "the power fails at the next such moment"),
    "disk": ("日志所在的磁盘", "the disk beneath the journal"),
}


def faults(stage: Stage) -> JSON:
    """Every fault by name, and those in force."""
    known = [
        {"what": "fault", "how": kind.value, "zh": zh, "en": en}
        for kind, (_, zh, en, _, _) in HOST_FAULTS.items()
        if kind not in BYTES_ONLY
    ]
    known += [
        {"what": "line", "how": name, "zh": row.zh, "en": row.en}
        for name, row in LINE_FAULTS.items()
        if row.trip is not None
    ]
    for what, takes in FAULTS.items():
        if what in _WORDS:
            zh, en = _WORDS[what]
            choices = takes.schema.get("enum") or [f"{takes.schema['minimum']} to {takes.schema['maximum']}"]
            known += [{"what": what, "how": str(how), "zh": zh, "en": en} for how in choices]
    plans = [("fault", fault.kind.value, fault.times) for fault in stage.world.acquirer.faults.active]
    plans += [("line", fault.name, fault.times) for fault in stage.world.line_faults.active]
    in_force = [{"what": what, "how": how, "times": None if n == EVERY else n} for what, how, n in plans]
    return {"faults": known, "in_force": in_force}


def cards() -> JSON:
    """The shipped cards."""
    return {
        "cards": [
            {"name": name, "group": card.group, "zh": card.zh, "en": card.en, "pin": card.pin}
            for name, card in PROFILES.items()
        ]
    }


def response_codes() -> JSON:
    """What each code says, and an amount that makes the host give it in a world with `amount_codes`."""
    rows = []
    for code, row in RESPONSE_CODES.items():
        amount_minor = 100 + int(code) if code.isdecimal() else None  # Letters are no amount.
        rows.append({"code": code, "zh": row.zh, "en": row.en, "amount_minor": amount_minor})
    return {"codes": rows}
