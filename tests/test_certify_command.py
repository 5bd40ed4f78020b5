"""`python -m sim certify`: the whole script on our own terminal, its report, its signature, its exit statuses."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from panel_browser import Browser, chromium

from keys.testkeys import TEST_TMK
from sim.__main__ import main
from sim.card import PROFILES
from sim.certify.script import load_script
from sim.certify.seal import SIGNATURE, lab_key, public_half, sign
from sim.world import MERCHANT_NO

pytestmark = pytest.mark.slow
SUITE_S = 30


class Lab:
    """A folder with a report of the whole script, made once."""

    def __init__(self, folder: Path) -> None:
        self.out, self.key = folder / "report", folder / "lab.key"
        began = time.process_time()
        self.status = self.run("--spawn")
        self.cpu_s = time.process_time() - began
        self.json = (self.out / "report.json").read_text(encoding="utf-8")
        self.html = (self.out / "report.html").read_text(encoding="utf-8")
        self.report: dict[str, Any] = json.loads(self.json)

    def run(self, *words: str, out: Path | None = None) -> int:
        return main(["certify", *words[:1], "--lab-key", str(self.key), "--out", str(out or self.out), *words[1:]])

    def verify(self, folder: Path) -> int:
        return main(["certify", "verify", str(folder), "--lab", str(public_half(self.key))])


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    yield Lab(tmp_path_factory.mktemp("certify"))


def test_our_own_terminal_passes_the_whole_script(lab: Lab) -> None:
    failed = [case["id"] for case in lab.report["cases"] if case["verdict"] != "passed"]
    assert failed == [], f"python -m sim certify --spawn --case {failed[0]}"
    assert lab.status == 0
    whole = len(load_script())
    assert lab.report["totals"] == {"cases": whole, "passed": whole, "failed": 0, "skipped": 0}
    assert lab.cpu_s < SUITE_S


def test_the_header_says_who_was_tried_and_with_what(lab: Lab) -> None:
    terminal = lab.report["terminal"]
    assert re.fullmatch(r"EMV[0-9]+ [0-9A-F]{8}", terminal["kernel"])
    assert re.fullmatch(r"[0-9a-f]{64}", terminal["config_sha256"])
    assert re.fullmatch(r"[0-9a-f]{12}\+?|-", terminal["commit"])
    assert (terminal["how"], terminal["profile"]) == ("simulated", "unionpay")
    assert all(terminal[name] in lab.html for name in ("kernel", "config_sha256", "commit", "version"))


def test_a_terminal_s_configuration_has_one_number_in_every_process() -> None:
    asked = (
        "from sim.certify.report import our_subject; from terminal.config import Config;"
        " from terminal.hostlink.profile import load_profile;"
        " print(our_subject('', Config.default(), '', load_profile(NAME)).config_sha256)"
    )

    def number(profile: str, hash_seed: str) -> str:
        command = [sys.executable, "-c", asked.replace("NAME", repr(profile))]
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout

    found = [number(profile, seed) for profile in ("unionpay", "iso8583-1987-ascii") for seed in ("0", "1", "2")]
    assert [found.count(each) for each in found] == [3] * 6


def test_every_case_is_on_the_page_with_its_messages(lab: Lab) -> None:
    for case in lab.report["cases"]:
        assert f'id="{case["id"]}"' in lab.html
        assert case["began"] < case["ended"]
        for message in case["messages"]:
            assert message["fields"] or message["problem"], case["id"]
    assert "http://" not in lab.html and "https://" not in lab.html, "nothing is loaded from elsewhere"


@pytest.mark.skipif(chromium() is None, reason="Chromium is not installed (make system-deps)")
def test_every_word_is_drawn_also_where_there_is_no_chinese_font(lab: Lab, tmp_path: Path) -> None:
    """A box is narrower than a character: the same words must be equally wide wherever they stand."""
    widths = (
        "document.fonts.ready.then(() => new Promise((done) => setTimeout(done, 500))).then(() =>"
        " [...document.querySelectorAll('.totals .passed, td.passed, td .passed')].slice(0, 9).map((e) => {"
        " const words = document.createRange(); words.selectNodeContents(e);"
        " return Math.round(words.getBoundingClientRect().width); }))"
    )
    with Browser(tmp_path) as browser:
        browser.open((lab.out / "report.html").as_uri())
        browser.until("document.querySelector('.totals .passed')")
        assert len(set(browser.run(widths))) == 1
        assert browser.console == []


def test_the_report_holds_no_secret(lab: Lab) -> None:
    """No card number but masked, no track, no PIN typed, no PIN block, no key, clear or enciphered."""
    text = lab.json + lab.html.partition("</style>")[2]
    numbers = set(re.findall(r"[0-9]{13,19}", text))
    assert {app.pan for card in PROFILES.values() for app in card.applications} & numbers == set()
    assert MERCHANT_NO in numbers, "what is looked at is the report"
    assert TEST_TMK.hex().upper() not in text.upper()
    typed = [line for case in lab.report["cases"] for line in case["story"] if line.startswith("enter_pin")]
    demands = [c["expected"] for case in lab.report["cases"] for c in case["checks"] if c["expected"][:4] == "pin "]
    assert typed and not any(re.search(r"[0-9]", line) for line in typed)
    assert demands and set(demands) == {"pin ******"}
    for case in lab.report["cases"]:
        for message in case["messages"]:
            values = {field["n"]: field["value"] for field in message["fields"]}
            assert set(values.get(52, "*")) == {"*"}
            assert re.fullmatch(r"\([0-9]+ bytes\)", values.get(62, "(0 bytes)"))
            assert re.fullmatch(r"[0-9*]+D\**", values.get(35, "0D"))


def test_a_report_is_intact_until_somebody_touches_it(lab: Lab, tmp_path: Path) -> None:
    assert lab.verify(lab.out) == 0
    assert lab.verify(lab.out / "report.html") == 0
    for name in ("report.json", "report.html", SIGNATURE):
        copy = tmp_path / name
        copy.mkdir()
        for file in lab.out.iterdir():
            data = file.read_bytes()
            (copy / file.name).write_bytes(data.replace(b"0", b"1", 1) if file.name == name else data)
        assert lab.verify(copy) == 1


def test_another_laboratory_s_signature_is_not_ours(lab: Lab, tmp_path: Path) -> None:
    for name in ("report.json", "report.html"):
        (tmp_path / name).write_bytes((lab.out / name).read_bytes())
    sign(tmp_path, lab_key(tmp_path / "their.key"))
    assert lab.verify(tmp_path) == 1
    assert main(["certify", "verify", str(tmp_path), "--lab", str(tmp_path / "their.pub")]) == 0


def test_the_laboratory_s_key_is_its_own(lab: Lab) -> None:
    assert lab.key.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("words", [("--spawn", "--case", "NONE-99"), ("--spawn", "--profile", "nobody"), ("--json",)])
def test_a_wrong_call_is_told(lab: Lab, words: tuple[str, ...], tmp_path: Path) -> None:
    assert lab.run(*words, out=tmp_path) == 2


def test_nothing_to_verify_is_a_wrong_call(lab: Lab, tmp_path: Path) -> None:
    assert lab.verify(tmp_path) == 2


def test_the_list_and_a_choice(lab: Lab, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert lab.run("--list", "--group", "qr", "--json") == 0
    listed = [json.loads(line)["id"] for line in capsys.readouterr().out.splitlines()]
    assert listed == [case.id for case in load_script() if case.group == "qr"]
    assert lab.run("--spawn", "--case", "SALE-02", "--case", "SIGN-01", "--json", out=tmp_path) == 0
    *cases, last = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [case["case"] for case in cases] == ["SIGN-01", "SALE-02"]
    assert last["totals"]["passed"] == 2


def test_the_other_dialect_passes_its_script(lab: Lab, tmp_path: Path) -> None:
    """Numbers in ASCII, no TPDU, DUKPT: other wire, other keys, the same demands."""
    groups = [word for group in ("sign-in", "sale", "reversal", "settlement") for word in ("--group", group)]
    assert lab.run("--spawn", "--profile", "iso8583-1987-ascii", *groups, out=tmp_path) == 0
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert report["terminal"]["profile"] == "iso8583-1987-ascii"
    assert report["totals"]["cases"] >= 35


def test_a_case_alone_is_as_it_is_among_the_others(lab: Lab, tmp_path: Path) -> None:
    assert lab.run("--spawn", "--case", "REV-03", out=tmp_path) == 0
    (alone,) = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))["cases"]
    assert alone in lab.report["cases"]


@pytest.mark.parametrize("case", ["SALE-01", "FAULT-07"])
def test_the_terminal_as_a_process_over_tcp_passes_too(case: str, lab: Lab, tmp_path: Path) -> None:
    """Real drivers on wire twins; an answer byte by byte exists on a real line only."""
    assert lab.run("--spawn", "--real", "--case", case, out=tmp_path) == 0
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert report["terminal"]["how"] == "process"
    assert {check["place"] for check in report["cases"][0]["checks"]} >= {"screens", "1.F64", "journal", "books"}


def test_what_a_terminal_cannot_be_fitted_with_is_no_case_of_its_run() -> None:
    assert main(["certify", "--spawn", "--real", "--case", "PAD-01"]) == 2
    assert main(["certify", "--listen", "0", "--case", "LINK-01"]) == 2
