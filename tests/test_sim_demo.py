"""`make demo`: the story is told, every screen and slip is a picture and a text, and the books agree."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCREENS = {"idle", "insert_card", "enter_pin", "approved", "declined", "remove_card", "show_qr", "scan_code", "settled"}


@pytest.mark.slow
@pytest.mark.parametrize(("language", "panel"), [("zh-CN", "128x64"), ("en", "128x128")])
def test_the_demo_ends_with_agreeing_books(tmp_path: Path, language: str, panel: str) -> None:
    (mine := tmp_path / "mine.txt").write_text("not the demo's", encoding="utf-8")
    (old := tmp_path / "999-screen-idle.png").write_bytes(b"of an earlier demo")
    done = subprocess.run(
        [sys.executable, "-m", "sim", "demo", "--out", str(tmp_path), "--lang", language, "--panel", panel, "--json"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout.splitlines()[-1])
    assert report["books_agree"]
    assert mine.exists() and not old.exists()
    assert report["payments"] == 5
    assert len(list(tmp_path.glob("*.png"))) == report["screens"] + report["slips"]
    names = {path.stem.partition("screen-")[2] for path in tmp_path.glob("*-screen-*.png")}
    assert names >= SCREENS
    slips = "\n".join(path.read_text(encoding="utf-8") for path in sorted(tmp_path.glob("*-slip.txt")))
    assert ("***重打印" in slips) or ("DUPLICATED" in slips)
    assert "6225000000000014" not in slips
