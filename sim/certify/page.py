"""The report as one HTML file: nothing from elsewhere, both languages side by side, readable on screen and paper.

A summary first (who was tried, the totals, a line for each case), then each case with its messages and checks. What
failed is marked by a word and a bar, not by colour alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from itertools import groupby
from typing import Any

from sim.certify.words import FITTINGS, GROUPS, HOWS, MACS, VERDICTS, place_words
from sim.panel.webfont import FAMILY, font_face
from terminal.screens.font import Font

WORDS = {True: "passed", False: "failed"}
STYLE = """
:root { --ink: #1b1f24; --soft: #5b6570; --line: #d5dae0; --good: #1a7f37; --bad: #b42318; --tint: #f5f7f9 }
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 1080px; padding: 32px 24px; color: var(--ink); background: #fff;
  font: 14px/1.5 FAMILY, system-ui, sans-serif }
h1 { font-size: 26px; margin: 0 } h1 small, h2 small { color: var(--soft); font-weight: 400 }
h2 { font-size: 18px; margin: 32px 0 8px; border-bottom: 2px solid var(--ink) }
h3 { font-size: 15px; margin: 0 }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; vertical-align: top; padding: 3px 10px 3px 0; border-bottom: 1px solid var(--line) }
th { color: var(--soft); font-weight: 600; white-space: nowrap }
.en { color: var(--soft) }
.mono, .message { font-family: ui-monospace, "DejaVu Sans Mono", "Noto Sans Mono CJK SC", FAMILY, monospace;
  font-size: 11.5px }
td.mono:first-child { white-space: nowrap }
.passed { color: var(--good); font-weight: 700; white-space: nowrap }
.failed { color: var(--bad); font-weight: 700; white-space: nowrap }
.skipped { color: var(--soft); font-weight: 700; white-space: nowrap }
.totals { display: flex; gap: 40px; margin: 20px 0; flex-wrap: wrap }
.totals b { font-size: 30px; display: block; line-height: 1.1 }
.case { border: 1px solid var(--line); border-left: 4px solid var(--good); padding: 10px 14px; margin: 14px 0 }
.was-failed { border-left: 10px solid var(--bad) } .was-skipped { border-left-color: var(--soft) }
.case header { display: flex; justify-content: space-between; gap: 16px; break-after: avoid }
.case p { margin: 4px 0 }
.steps { color: var(--soft); overflow-wrap: anywhere }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: 0 18px; margin: 8px 0; break-inside: avoid-page }
.pair > * { min-width: 0 }
.message { background: var(--tint); padding: 6px 8px; overflow-wrap: anywhere }
.message b { display: block; margin-bottom: 2px }
.message span { display: block; padding-left: 3.4em; text-indent: -3.4em }
.message i { color: var(--soft); font-style: normal }
.nothing { color: var(--soft); padding: 6px 8px }
.checks { font-size: 12px } .checks td { overflow-wrap: anywhere }
pre { font-size: 11px; line-height: 1.25; background: var(--tint); padding: 8px; width: max-content;
  font-family: "Noto Sans Mono CJK SC", FAMILY, ui-monospace, monospace }
@media print { body { max-width: none; padding: 0; font-size: 10px } .message, pre { background: none; font-size: 8px }
  .mono, .checks { font-size: 8.5px } .message { border: 1px solid var(--line) } .case { margin: 8px 0 }
  a { color: inherit; text-decoration: none } @page { size: A4; margin: 14mm } }
"""


def page(report: Mapping[str, Any], font: Font) -> str:
    """The whole file. `font` is the terminal's: its glyphs go along for machines that have no Chinese font."""
    title = report["title"]
    groups = [(name, list(cases)) for name, cases in groupby(report["cases"], key=lambda case: case["group"])]
    body = [
        f"<h1>{escape(title['zh'])} <small>{escape(title['en'])}</small></h1>",
        _totals(report["totals"]),
        _subject(report),
        *(_summary(name, cases) for name, cases in groups),
    ]
    for name, cases in groups:
        body += [_heading(name), *(_case(case) for case in cases)]
    text = "\n".join(body)
    style = font_face(text, font) + STYLE.replace("FAMILY", f'"{FAMILY}"')
    head = [
        '<!doctype html><html lang="zh-CN"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(title['zh'])} {escape(title['en'])}</title><style>{style}</style></head><body>",
    ]
    return "\n".join((*head, text, "</body></html>\n"))


def _two(words: tuple[str, str]) -> str:
    zh, en = map(escape, words)
    return zh if zh == en else f'{zh} <span class="en">{en}</span>'


def _heading(group: str) -> str:
    zh, en = GROUPS[group]
    return f"<h2>{escape(zh)} <small>{escape(en)}</small></h2>"


def _verdict(word: str) -> str:
    zh, en = VERDICTS[word]
    return f'<span class="{word}">{escape(zh)} {escape(en)}</span>'


def _totals(totals: Mapping[str, int]) -> str:
    cells = [f"<div><b>{totals['cases']}</b>用例 <span class=en>cases</span></div>"]
    cells += [f"<div><b>{totals[word]}</b>{_verdict(word)}</div>" for word in VERDICTS]
    return f'<div class="totals">{"".join(cells)}</div>'


def _subject(report: Mapping[str, Any]) -> str:
    subject = report["terminal"]
    rows = (
        (("生成时间", "made"), report["made"]),
        (("测试方式", "how"), " ".join(HOWS[subject["how"]])),
        (("软件版本", "version"), subject["version"]),
        (("代码提交", "commit"), subject["commit"]),
        (("配置校验值", "configuration, SHA-256"), subject["config_sha256"]),
        (("收单方协议", "profile"), subject["profile"]),
        (("内核标识", "kernel, ICS checksum"), subject["kernel"]),
        (("测试脚本校验值", "script, SHA-256"), report["script_sha256"]),
        (("随机种子", "seed"), str(report["seed"])),
    )
    body = "".join(f'<tr><th>{_two(words)}</th><td class="mono">{escape(value)}</td></tr>' for words, value in rows)
    return f"<table>{body}</table>"


def _summary(group: str, cases: Iterable[Mapping[str, Any]]) -> str:
    rows = "".join(
        f'<tr><td class="mono"><a href="#{escape(case["id"])}">{escape(case["id"])}</a></td>'
        f'<td>{escape(case["requirement"]["zh"])}<br><span class="en">{escape(case["requirement"]["en"])}</span></td>'
        f"<td>§{escape(case['section'])}</td><td>{_verdict(case['verdict'])}</td></tr>"
        for case in cases
    )
    return f"{_heading(group)}<table>{rows}</table>"


def _case(case: Mapping[str, Any]) -> str:
    wrong = [check for check in case["checks"] if not check["passed"]]
    right = len(case["checks"]) - len(wrong)
    name = f"{escape(case['id'])} <small>docs/host-link.md §{escape(case['section'])}</small>"
    parts = [
        f'<section class="case was-{case["verdict"]}" id="{escape(case["id"])}">',
        f"<header><h3>{name}</h3>{_verdict(case['verdict'])}</header>",
        f'<p>{escape(case["requirement"]["zh"])}<br><span class="en">{escape(case["requirement"]["en"])}</span></p>',
        f'<p class="mono">{escape(case["began"])} – {escape(case["ended"][11:])}</p>',
    ]
    if case["fittings"]:
        parts += [f"<p>{_two(FITTINGS[name])}</p>" for name in case["fittings"]]
    if case["skipped"]:
        parts.append(f"<p>{escape(case['skipped'])}</p>")
    parts.append(f'<p class="mono steps">{escape(" → ".join(case["screens"]))}</p>')
    parts += _exchanges(case["messages"])
    if case["slip"]:
        parts.append(f"<pre>{escape(case['slip'].strip(chr(10)))}</pre>")
    if wrong:
        parts.append(_table(wrong))
    if case["checks"]:
        failed = f", {len(wrong)} {_verdict('failed')}" if wrong else ""
        counted = f"检查 <span class=en>checks</span>: {right} {_verdict('passed')}{failed}"
        parts.append(f"<details><summary>{counted}</summary>{_table(case['checks'])}</details>")
    return "\n".join((*parts, "</section>"))


def _exchanges(messages: Iterable[Mapping[str, Any]]) -> list[str]:
    """Each request beside its answers."""
    pairs: list[list[Mapping[str, Any]]] = []
    for message in messages:
        if message["direction"] == "in":
            pairs.append([message])
        else:
            pairs[-1].append(message)
    nothing = '<div class="nothing">没有应答 no answer</div>'
    parts: list[str] = []
    for number, (asked, *answers) in enumerate(pairs, 1):
        said = "".join(_message(0, answer) for answer in answers) or nothing
        parts.append(f'<div class="pair">{_message(number, asked)}<div>{said}</div></div>')
    return parts


def _message(number: int, message: Mapping[str, Any]) -> str:
    arrow = f"{number} → " if number else "← "
    mac = f" · MAC {' '.join(MACS[message['mac']])}" if message["mac"] else ""
    title = f"{arrow}{escape(message['mti'])} {escape(message['words'])}"
    lines = [f"<b>{title}</b><i>{escape(message['at'][11:])}{mac}</i>"]
    for field in message["fields"]:
        notes = "; ".join(field["notes"])
        value = escape(field["value"]) if field["n"] != 55 else ""
        lines.append(f"<span>F{field['n']} {value} <i>{escape(notes)}</i></span>")
    if message["problem"]:
        lines.append(f"<span>! {escape(message['problem'])}</span>")
    return f'<div class="message">{"".join(lines)}</div>'


def _table(checks: Iterable[Mapping[str, Any]]) -> str:
    rows = "".join(
        f"<tr><td>{_two(place_words(check['place']))}</td><td class=mono>{escape(check['expected'])}</td>"
        f"<td class=mono>{escape(check['actual'])}</td><td>{_verdict(WORDS[check['passed']])}</td></tr>"
        for check in checks
    )
    heads = (("位置", "place"), ("应为", "expected"), ("实为", "actual"), ("结论", "verdict"))
    head = "".join(f"<th>{_two(words)}</th>" for words in heads)
    return f'<table class="checks"><tr>{head}</tr>{rows}</table>'
