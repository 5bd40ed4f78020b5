"""Who may import whom: downward only. The table is the one of docs and DESIGN; a new room needs a row here."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from house import ROOT, imports, name, sources

# A room may import rooms on lower floors, and itself. Rooms on one floor do not know each other.
FLOORS = {
    "model": 0,
    "version": 0,
    "strings": 1,
    "rights": 1,
    "watchdog": 1,
    "hygiene": 1,
    "scan_patterns": 1,
    "scans": 2,
    "loop": 2,
    "config": 3,
    "journal": 3,
    "screens": 3,
    "receipts": 3,
    "supervision": 4,
    "rail": 4,
    "manifest": 4,
    "wallets": 5,
    "reconcile": 5,
    "hostlink": 5,
    "shop": 6,
    "recording": 6,
    "recorded": 7,
    "dialogue": 7,
    "printing": 8,
    "operators": 8,
    "methods": 9,
    "flows": 10,
    "assembly": 11,
    "tools": 12,
    "__main__": 13,
}
# What the rooms of words and pictures may see besides themselves.
NARROW = {
    "strings": {"terminal.model"},
    "screens": {"terminal.model", "terminal.strings", "drivers.ports"},
    "receipts": {"terminal.model", "terminal.strings", "drivers.ports"},
}
OURS = {"terminal", "drivers", "emv", "keys", "sim", "bench", "tests"}
# What the terminal itself may import from outside: its journal's engine, QR modules and fonts' pixels, doctor's look.
TERMINAL_VENDORS = {
    "terminal.journal": {"apsw"},
    "terminal.screens": {"PIL", "qrcode"},
    "terminal.tools": {"smartcard"},
    "terminal.wallets": {"alipay", "wechatpayv3"},
}


def top(module: str) -> str:
    return module.split(".")[0]


def from_outside(module: str) -> bool:
    return top(module) not in OURS and top(module) not in sys.stdlib_module_names


def ids(path: Path) -> str:
    return name(path)


@pytest.mark.parametrize("path", sources("emv"), ids=ids)
def test_emv_knows_itself_and_the_standard_library(path: Path) -> None:
    bad = [i for i in imports(path) if from_outside(i.module) or top(i.module) in OURS - {"emv"}]
    assert not bad


@pytest.mark.parametrize("path", sources("keys"), ids=ids)
def test_keys_know_themselves_and_cryptography(path: Path) -> None:
    bad = [i for i in imports(path) if from_outside(i.module) and top(i.module) != "cryptography"]
    bad += [i for i in imports(path) if top(i.module) in OURS - {"keys"}]
    assert not bad


@pytest.mark.parametrize("path", sources("drivers"), ids=ids)
def test_a_driver_imports_its_vendor_inside_itself(path: Path) -> None:
    """For boot time: vendors cost up to 750 ms, and are needed one after the other, after the first screen."""
    top_level = [i for i in imports(path) if from_outside(i.module) and not i.inside and not i.typing]
    assert not top_level
    assert not [i for i in imports(path) if top(i.module) in OURS - {"drivers"}]


def test_ports_know_nothing_but_the_standard_library() -> None:
    assert not [i for i in imports(ROOT / "drivers" / "ports.py") if top(i.module) not in sys.stdlib_module_names]


def room(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


@pytest.mark.parametrize("path", sources("terminal"), ids=ids)
def test_the_terminals_rooms_import_downward(path: Path) -> None:
    mine = room(name(path))
    if not mine:
        assert not imports(path), "the package itself assembles nothing"
        return
    assert mine in FLOORS, f"{mine} is a new room: give it a floor in {Path(__file__).name}"
    for found in imports(path):
        if top(found.module) != "terminal" or room(found.module) == mine:
            continue
        theirs = room(found.module)
        assert FLOORS[theirs] < FLOORS[mine], f"line {found.line}: {mine} may not import {found.module}"


@pytest.mark.parametrize("path", sources("terminal"), ids=ids)
def test_only_entry_points_choose_drivers(path: Path) -> None:
    """Concrete drivers are imported by `__main__` and by the tools that are commands of their own."""
    if room(name(path)) in ("__main__", "tools"):
        return
    assert not [i for i in imports(path) if top(i.module) == "drivers" and i.module != "drivers.ports"]


@pytest.mark.parametrize("path", sources("terminal"), ids=ids)
def test_vendors_have_their_rooms(path: Path) -> None:
    allowed: set[str] = set()
    for prefix, vendors in TERMINAL_VENDORS.items():
        if name(path).startswith(prefix):
            allowed = vendors
    assert not [i for i in imports(path) if from_outside(i.module) and top(i.module) not in allowed]


@pytest.mark.parametrize("narrow", NARROW)
def test_words_and_pictures_see_values_only(narrow: str) -> None:
    for path in sources("terminal"):
        if room(name(path)) == narrow:
            seen = {i.module for i in imports(path) if top(i.module) in OURS and room(i.module) != narrow}
            assert seen <= NARROW[narrow], name(path)


@pytest.mark.parametrize("path", sources("terminal", "drivers", "emv", "keys"), ids=ids)
def test_the_product_never_imports_the_world(path: Path) -> None:
    assert not [i for i in imports(path) if top(i.module) in ("sim", "bench", "tests")]


def test_hostlink_takes_handles_not_devices() -> None:
    for path in sources("terminal"):
        if room(name(path)) == "hostlink":
            assert not [i for i in imports(path) if top(i.module) == "drivers" and i.module != "drivers.ports"]


def test_these_tests_see_what_they_look_for() -> None:
    """An import inside a function, under TYPE_CHECKING and relative: each is told apart."""
    found = {(i.module, i.inside) for i in imports(ROOT / "tests" / "house.py")}
    assert ("ast", False) in found
    inside = [i for path in sources("drivers") for i in imports(path) if i.inside and from_outside(i.module)]
    assert inside, "no driver imports a vendor? then this file looks at nothing"
