"""The state tables as pictures: Mermaid text and a self-drawn SVG, so that docs cannot disagree with the
code.

States stand in columns by their distance from the first one; an edge to the right is a curve, an edge back or
within a column an arc below or above. `--check` compares with what is on disk and exits 1 if anything
differs.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from xml.sax.saxutils import escape

from terminal.model import MODE_EDGES, PAYMENT_EDGES, Mode, PaymentState

Edges = Mapping[str, tuple[str, ...]]

BOX_WIDTH, BOX_HEIGHT = 118, 34
COLUMN, ROW = 178, 86
MARGIN, TOP = 46, 90  # The arcs above need room.

_STYLE = (
    "text{font:13px sans-serif;text-anchor:middle;dominant-baseline:central;fill:#1b2a34}"
    "rect{fill:#eef4f7;stroke:#37617a;stroke-width:1.5}rect.end{fill:#dfe8df;stroke:#4c6b4c}"
    "path{fill:none;stroke:#37617a;stroke-width:1.3;marker-end:url(#to)}path.back{stroke:#a3552f}"
)
_XMLNS = "http://www.w3.org/2000/svg"
_DEFS = (
    '<defs><marker id="to" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
    '<path d="M0 0L8 4L0 8z" style="fill:#37617a;stroke:none;marker-end:none"/></marker></defs>'
)


def tables() -> dict[str, tuple[str, Edges]]:
    """File name → (first state, edges by name)."""
    return {
        "payment": (PaymentState.NEW.value, _named(PAYMENT_EDGES)),
        "mode": (Mode.BLANK.value, _named(MODE_EDGES)),
    }


def _named(edges: Mapping[PaymentState, tuple[PaymentState, ...]] | Mapping[Mode, tuple[Mode, ...]]) -> Edges:
    def name(state: Enum) -> str:
        return str(state.value)

    return {name(state): tuple(name(to) for to in targets) for state, targets in edges.items()}


def mermaid(first: str, edges: Edges) -> str:
    """The table as a Mermaid state diagram.

    >>> print(mermaid("a", {"a": ("b-c",), "b-c": ()}))
    stateDiagram-v2
        direction LR
        [*] --> a
        a --> b_c
        b_c --> [*]
        b_c: b-c
    <BLANKLINE>
    """
    names = {state: state.replace("-", "_") for state in edges}
    lines = ["stateDiagram-v2", "    direction LR", f"    [*] --> {names[first]}"]
    for state, targets in edges.items():
        lines += [f"    {names[state]} --> {names[to]}" for to in targets]
        if not targets:
            lines.append(f"    {names[state]} --> [*]")
    lines += [f"    {name}: {state}" for state, name in names.items() if name != state]
    return "\n".join(lines) + "\n"


def columns(first: str, edges: Edges) -> dict[str, tuple[int, int]]:
    """The (column, row) of each state: the longest way to it along the table's order, and its place in the column.

    >>> columns("a", {"a": ("b", "c"), "b": ("c",), "c": ("a",)})
    {'a': (0, 0), 'b': (1, 0), 'c': (2, 0)}
    """
    order = {state: index for index, state in enumerate(edges)}
    column = dict.fromkeys(edges, 0)
    for state in edges:
        for to in edges[state]:
            if order[to] > order[state]:
                column[to] = max(column[to], column[state] + 1)
    filled: dict[int, int] = {}
    places: dict[str, tuple[int, int]] = {}
    for state in sorted(edges, key=lambda state: (state != first, column[state], order[state])):
        places[state] = (column[state], filled.get(column[state], 0))
        filled[column[state]] = filled.get(column[state], 0) + 1
    return places


def svg(title: str, first: str, edges: Edges) -> str:
    """The table as a picture."""
    places = columns(first, edges)
    rows = 1 + max(row for _, row in places.values())
    width = 2 * MARGIN + COLUMN * max(column for column, _ in places.values()) + BOX_WIDTH
    height = TOP + MARGIN + ROW * (rows - 1) + BOX_HEIGHT
    parts = [
        f'<svg xmlns="{_XMLNS}" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">',
        f"<title>{escape(title)}</title><style>{_STYLE}</style>",
        _DEFS,
    ]
    for state, targets in edges.items():
        parts += [_edge(places[state], places[to]) for to in targets]
    for state, place in places.items():
        x, y = _corner(place)
        kind = ' class="end"' if not edges[state] else ""
        parts.append(f'<rect{kind} x="{x}" y="{y}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="9"/>')
        parts.append(f'<text x="{x + BOX_WIDTH // 2}" y="{y + BOX_HEIGHT // 2}">{escape(state)}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def _corner(place: tuple[int, int]) -> tuple[int, int]:
    return MARGIN + COLUMN * place[0], TOP + ROW * place[1]


def _edge(old: tuple[int, int], new: tuple[int, int]) -> str:
    """A curve from box to box: to the right straight across, within a column on the side, back underneath."""
    (x1, y1), (x2, y2) = _corner(old), _corner(new)
    middle = BOX_HEIGHT // 2
    if new == old:  # Around the upper right corner.
        x, y = x1 + BOX_WIDTH, y1
        return f'<path class="back" d="M{x - 30} {y}C{x - 30} {y - 30} {x + 30} {y - 4} {x} {y + 10}"/>'
    if new[0] > old[0]:
        bend = (x2 - x1 - BOX_WIDTH) // 2
        start, end = (x1 + BOX_WIDTH, y1 + middle), (x2, y2 + middle)
        lift = -ROW // 2 if old[1] == new[1] and new[0] - old[0] > 1 else 0  # Over the boxes between them.
        return (
            f'<path d="M{start[0]} {start[1]}C{start[0] + bend} {start[1] + lift * 2} '
            f'{end[0] - bend} {end[1] + lift * 2} {end[0]} {end[1]}"/>'
        )
    if new[0] == old[0]:
        side = BOX_WIDTH if new[1] > old[1] else 0
        out = 34 if side else -34
        return (
            f'<path d="M{x1 + side} {y1 + middle}C{x1 + side + out} {y1 + middle} '
            f'{x2 + side + out} {y2 + middle} {x2 + side} {y2 + middle}"/>'
        )
    start, end = (x1 + BOX_WIDTH // 2, y1 + BOX_HEIGHT), (x2 + BOX_WIDTH // 2 + 14, y2 + BOX_HEIGHT)
    return (
        f'<path class="back" d="M{start[0]} {start[1]}C{start[0]} {start[1] + 40} '
        f'{end[0]} {end[1] + 40} {end[0]} {end[1]}"/>'
    )


def drawn() -> dict[str, str]:
    """File name → content, of every diagram."""
    files: dict[str, str] = {}
    for name, (first, edges) in tables().items():
        files[f"{name}.mmd"] = mermaid(first, edges)
        files[f"{name}.svg"] = svg(f"{name}: states and edges", first, edges)
    return files


def run(folder: Path, *, check: bool) -> int:
    """Write the diagrams, or (check) name those that differ; the exit status."""
    stale = []
    for name, content in drawn().items():
        path = folder / name
        if path.exists() and path.read_text(encoding="utf-8") == content:
            continue
        stale.append(name)
        if not check:
            folder.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
    if check and stale:
        print(f"{', '.join(stale)}: not what the tables say; run: make diagrams")
        return 1
    return 0


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m terminal.tools.diagrams", description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    given = parser.parse_args(arguments)
    return run(given.folder, check=given.check)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
