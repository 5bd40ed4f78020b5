"""docs/keys.md names files and tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
ROWS = [
    line.split("|")
    for line in (ROOT / "docs" / "keys.md").read_text("utf-8").splitlines()
    if line.startswith("| ") and "::" in line
]


def test_every_row_of_the_coverage_table_leads_somewhere() -> None:
    assert len(ROWS) >= 20
    for row in ROWS:
        path, test = re.findall(r"`([^`]+)::(\w+)`", row[5])[0]
        (module,) = re.findall(r"`([^`]+)`", row[4])
        assert (ROOT / module).is_file(), module
        assert f"\ndef {test}(" in (ROOT / path).read_text("utf-8"), test
