"""`python -m bench [--json] [NAME ...]`: measure, print each figure as a ratio, and write build/bench.json.

Exit status 0: measured (an aim that is missed is told, not failed: machines differ); 1: the peers are not there (make
bench-peers); 2: usage.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from bench import codec_cases, emv_cases, host_cases, kernel_cases, key_cases, qr_cases, qr_waits
from bench.beside import PeersMissing
from bench.cases import CASES as OWN
from bench.cases import FULL, ROOT, TINY, Row, Size
from sim.measured import commit

OUT = ROOT / "build" / "bench.json"
CASES = OWN | {
    "acquirer": host_cases.acquirer,
    "postgres": host_cases.postgres,
    "connections": host_cases.connections,
    "storm": host_cases.storm,
    "keys": key_cases.beside_peers,
    "stored-keys": key_cases.stored,
    "emv": emv_cases.beside_peers,
    "codec": codec_cases.beside_peers,
    "qr": qr_cases.beside_peers,
    "qr-on-glass": qr_cases.on_the_glass,
    "qr-orders": qr_cases.orders,
    "qr-waits": qr_waits.in_a_world,
    "qr-waits-processes": qr_waits.in_processes,
    "tlv": emv_cases.beside_the_barest_loop,
    "kernel": kernel_cases.kernel,
    "card-chain": kernel_cases.card_chain,
}


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    what = f"what to measure: {', '.join(CASES)} (all); a name stands for all that begin with it and a dash, too"
    parser.add_argument("names", nargs="*", metavar="NAME", help=what)
    parser.add_argument("--json", action="store_true", help="print one JSON object on the last line")
    parser.add_argument("--tiny", action="store_true", help="see only that everything runs; the figures mean nothing")
    parser.add_argument("--out", type=Path, default=OUT, help="where the figures are written")
    args = parser.parse_args(argv)
    if unknown := [name for name in args.names if not chosen([name])]:
        parser.error(f"no such bench: {', '.join(unknown)}; there are {', '.join(CASES)}")
    where = machine()
    if not args.json:
        print(" · ".join(f"{name} {value}" for name, value in where.items()))
    try:
        benches = measure(chosen(args.names) or list(CASES), TINY if args.tiny else FULL, args.json)
    except PeersMissing as missing:
        print(missing, file=sys.stderr)
        return 1
    report = {"machine": where, "benches": benches}
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(report, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    if args.json:
        print(json.dumps(report, ensure_ascii=False))
    return 0


def chosen(names: Sequence[str]) -> list[str]:
    """The benches of these names, and of the families that they begin.

    >>> chosen(["first-screen", "qr"])
    ['first-screen', 'qr', 'qr-on-glass', 'qr-orders', 'qr-waits', 'qr-waits-processes']
    """
    return [case for case in CASES if any(case == name or case.startswith(f"{name}-") for name in names)]


def measure(names: Sequence[str], size: Size, quiet: bool) -> dict[str, list[dict[str, object]]]:
    found: dict[str, list[dict[str, object]]] = {}
    for name in names:
        rows = CASES[name](size)
        found[name] = [asdict(row) | {"ratio": row.ratio, "met": row.met} for row in rows]
        for row in rows if not quiet else ():
            print(line(row), flush=True)
    return found


def line(row: Row) -> str:
    """One figure in words.

    >>> line(Row("speed", 300.0, 250.0, 310.0, "1/s", "aim", 400, less=False))
    'speed: 300 1/s (250 to 310) = 0.75 x aim (400 1/s); wanted at least 1 x: MISSED'
    """
    def plain(value: float) -> str:
        return f"{value:.3g}" if value < 100 else f"{value:.0f}"

    text = f"{row.name}: {plain(row.value)} {row.unit} ({plain(row.least)} to {plain(row.most)})"
    text += f" = {row.ratio:.2f} x {row.peer} ({plain(row.bound)} {row.unit})"
    if row.aim is not None:
        text += f"; wanted at {'most' if row.less else 'least'} {row.aim:g} x: {'met' if row.met else 'MISSED'}"
    return text


def machine() -> dict[str, str]:
    """What the figures belong to."""
    return {
        "commit": commit(),
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "load": f"{os.getloadavg()[0]:.2f}",
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith(("model name", "Model")))
    return next(named, platform.machine())


if __name__ == "__main__":
    sys.exit(main())
