"""The gallery as one HTML file that needs nothing else: what has changed first, then every screen and slip.

A filter narrows by words, name, language and place; pictures are drawn pixel for pixel, twice as large.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Sequence
from html import escape
from itertools import groupby

from sim.gallery.book import Change, difference
from sim.gallery.pieces import Piece
from sim.panel.webfont import FAMILY, font_face
from terminal.screens.font import Font

KINDS = {"screen": ("屏幕", "Screens"), "slip": ("小票", "Slips")}
CHANGES = {"changed": ("变了", "changed"), "new": ("新增", "new"), "gone": ("没有了", "gone")}
FILTER = "筛选 filter: approved en 128x64"
STYLE = """
:root { --ink: #1b1f24; --soft: #5b6570; --line: #d5dae0; --tint: #f5f7f9; --mark: #b45309 }
* { box-sizing: border-box }
body { margin: 0; color: var(--ink); background: #fff;
  font: 14px/1.5 FAMILY, system-ui, sans-serif }
header { position: sticky; top: 0; background: #fff; border-bottom: 1px solid var(--line); padding: 12px 24px;
  display: flex; gap: 24px; align-items: baseline; flex-wrap: wrap; z-index: 1 }
h1 { font-size: 20px; margin: 0 } h1 small, h2 small { color: var(--soft); font-weight: 400 }
header input { font: inherit; color: inherit; padding: 4px 10px; border: 1px solid var(--line); border-radius: 4px;
  width: 22em }
header output { color: var(--soft) }
main { padding: 0 24px 48px } h2 { font-size: 17px; margin: 28px 0 10px }
.wall { display: flex; flex-wrap: wrap; gap: 18px 16px; align-items: flex-start }
figure { margin: 0; max-width: 100% } figure[hidden] { display: none }
img { image-rendering: pixelated; display: block; border: 1px solid var(--line); max-width: 100%; height: auto }
.screen img { background: #000; border: 5px solid #000; border-radius: 4px }
figcaption { font-size: 12px; color: var(--soft); margin-top: 4px }
.change { border-left: 4px solid var(--mark); padding-left: 12px } .change b { color: var(--mark) }
.sides { display: flex; gap: 12px; flex-wrap: wrap } .sides span { font-size: 12px; color: var(--soft) }
"""
SCRIPT = """
const find = document.querySelector("input"), count = document.querySelector("output");
const figures = [...document.querySelectorAll("figure")];
function show() {
  const words = find.value.toLowerCase().split(/\\s+/).filter(Boolean);
  let seen = 0;
  for (const figure of figures) {
    figure.hidden = !words.every(word => figure.dataset.words.includes(word));
    seen += !figure.hidden;
  }
  for (const part of document.querySelectorAll("section"))
    part.hidden = ![...part.querySelectorAll("figure")].some(figure => !figure.hidden);
  count.textContent = seen + " / " + figures.length;
  history.replaceState(null, "", "#" + encodeURIComponent(find.value));
}
find.value = decodeURIComponent(location.hash.slice(1));
find.addEventListener("input", show);
show();
"""


def page_of(pieces: Sequence[Piece], changes: Sequence[Change], since: str, font: Font) -> str:
    """The whole page. `since` names what was compared with, "" when nothing was."""
    parts = [
        "<header><h1>掌柜 <small>所有屏幕与小票 · every screen and slip</small></h1>",
        f'<input type="search" autofocus placeholder="{FILTER}" aria-label="filter">',
        "<output></output></header><main>",
    ]
    if since:
        parts.append(_changes(changes, since))
    for (kind, where, language), group in groupby(pieces, lambda each: (each.kind, each.where, each.language)):
        zh, en = KINDS[kind]
        parts.append(f"<section><h2>{zh} <small>{en}</small> · {where} · {language}</h2>")
        parts.append(f'<div class="wall">{"".join(map(_figure, group))}</div></section>')
    body = "\n".join((*parts, f"</main><script>{SCRIPT}</script></html>\n"))
    # The pictures' words stand in attributes, which show nothing and need no font.
    written = re.sub("<[^>]*>", "", body) + FILTER
    style = font_face(written, font) + STYLE.replace("FAMILY", f'"{FAMILY}"')
    head = f'<!doctype html><html lang="zh-CN"><meta charset="utf-8"><title>掌柜 gallery</title><style>{style}</style>'
    return f"{head}\n{body}"


def _changes(changes: Sequence[Change], since: str) -> str:
    head = f"<h2>与 {escape(since)} 相比 <small>compared with {escape(since)}: {len(changes)}</small></h2>"
    if not changes:
        return f"{head}<p>没有变化 · nothing has changed</p>"
    return f'<section>{head}<div class="wall">{"".join(map(_change, changes))}</div></section>'


def _change(change: Change) -> str:
    zh, en = CHANGES[change.word]
    sides = [
        f"<div><span>{label}</span>{_image(piece.png, piece)}</div>"
        for label, piece in (("之前 before", change.before), ("之后 after", change.after))
        if piece is not None
    ]
    if both := difference(change):
        sides.append(f"<div><span>差别 difference</span>{_image(both, change.piece)}</div>")
    caption = f"<figcaption><b>{zh} {en}</b> {escape(change.piece.key)}</figcaption>"
    opening = f'<figure class="change {change.piece.kind}" {_words(change.piece, change.word)}>'
    return f'{opening}<div class="sides">{"".join(sides)}</div>{caption}</figure>'


def _figure(piece: Piece) -> str:
    caption = f"<figcaption>{escape(piece.name)}</figcaption>"
    return f'<figure class="{piece.kind}" {_words(piece)}>{_image(piece.png, piece)}{caption}</figure>'


def _words(piece: Piece, *more: str) -> str:
    told: Iterable[str] = (piece.kind, piece.where, piece.language, piece.name, *piece.text, *more)
    return f'data-words="{escape(" ".join(told).lower())}"'


def _image(png: bytes, piece: Piece) -> str:
    """A picture with its words as what a screen reader says. A panel's pixel is drawn twice as large."""
    width = int.from_bytes(png[16:20], "big") * (2 if piece.kind == "screen" else 1)
    alt = escape("\n".join(piece.text))
    # A panel's frame is part of the box.
    width += 10 if piece.kind == "screen" else 2
    data = base64.b64encode(png).decode()
    return f'<img width="{width}" loading="lazy" alt="{alt}" title="{alt}" src="data:image/png;base64,{data}">'
