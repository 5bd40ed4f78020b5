"""Lines of text that fit: wrapping for Chinese and Latin together, shortening with "…", the largest scale."""

from __future__ import annotations

import re
from collections.abc import Iterator

from terminal.screens.font import LINE_PX, Font, Scale

ELLIPSIS = "…"
# A word of letters and figures holds together; every other character may end a line. A closing mark belongs to
# what stands before it (Chinese typesetting: GB/T 15834, no line begins with a closing mark).
_TOKEN = re.compile(r"[!-~\u00a1-\u00ff]+[，。！？：；、）”’…]*|\s+|.[，。！？：；、）”’…]*", re.DOTALL)
_PAUSE = re.compile(r"(?<=，)")


def cut(text: str, width: int, font: Font) -> str:
    """The text, its end replaced by "…" if it is wider than `width` pixels."""
    if font.width(text) <= width:
        return text
    while text and font.width(text + ELLIPSIS) > width:
        text = text[:-1]
    return text.rstrip() + ELLIPSIS if font.width(ELLIPSIS) <= width else ""


def cut_start(text: str, width: int, font: Font) -> str:
    """The text, its beginning replaced by "…" if it is wider than `width` pixels."""
    if font.width(text) <= width:
        return text
    while text and font.width(ELLIPSIS + text) > width:
        text = text[1:]
    return ELLIPSIS + text


def fit_scale(text: str, width: int, height: int, font: Font) -> Scale | None:
    """The largest scale at which one line fits; None if none does."""
    for scale in (Scale.LARGE, Scale.TALL, Scale.SMALL):
        if font.width(text, scale) <= width and LINE_PX * scale.value[1] <= height:
            return scale
    return None


def wrap(text: str, width: int, limit: int, font: Font) -> tuple[str, ...]:
    """At most `limit` lines, each at most `width` pixels wide; what is left over is cut by "…".

    A line may end at a Chinese comma, which then is not drawn. Where breaking at commas alone fits, it is
    preferred: 读不到芯片 / 请重新插卡 reads better than 读不到芯片，请重 / 新插卡.
    """
    phrases = tuple(part.removesuffix("，").strip() for part in _PAUSE.split(text))
    if 1 < len(phrases) <= limit and all(font.width(part) <= width for part in phrases):
        return phrases
    lines = tuple(_lines(text, width, font))
    if len(lines) <= limit:
        return lines
    kept = lines[: limit - 1]
    return (*kept, cut("".join((lines[limit - 1], " ", lines[limit])), width, font)) if limit > 0 else ()


def _lines(text: str, width: int, font: Font) -> Iterator[str]:
    line = ""
    for token in _tokens(text, width, font):
        bare = token.removesuffix("，")
        if font.width((line + token).rstrip()) <= width:
            line += token
        elif font.width((line + bare).rstrip()) <= width:
            yield (line + bare).strip()
            line = ""
        else:
            if line.strip():
                yield line.strip().removesuffix("，")
            line = token.lstrip()
    if line.strip():
        yield line.strip()


def _tokens(text: str, width: int, font: Font) -> Iterator[str]:
    for token in _TOKEN.findall(text):
        while font.width(token) > width and len(token) > 1:  # A word longer than a line is broken.
            size = max(1, next(n for n in range(len(token), 0, -1) if n == 1 or font.width(token[:n]) <= width))
            yield token[:size]
            token = token[size:]
        if token:
            yield token
