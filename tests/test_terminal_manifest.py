"""The signed list of files: everything that may be wrong with it or with them is found, in bounded slices.

And what the terminal does then, told by screens: a wrong file is a tamper, a failed self-test stops trading.
"""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from key_papers import CEREMONY, READY, START, UNLOCK
from test_flows_stories import sale

from drivers.ports import Key
from keys import KeyRef, KeyRefused, Usage, signatures
from sim.loop import SimLoop
from sim.story import OPERATOR, play
from sim.world import World
from terminal.flows.checks import DAY_MS
from terminal.loop import Sleep
from terminal.manifest import FILES_LIMIT, PACKAGES, SLICE_FILES, FileCheck, FilesChanged, make_manifest, product_root
from terminal.model import Mode

pytestmark = pytest.mark.slow  # Many small ones: `make test-quick` is to stay quick.

# RFC 8032 §7.1, test 1: secret key, public key, the signature of nothing.
SECRET = bytes.fromhex("9D61B19DEFFD5A60BA844AF492EC2CC44449C5697B326919703BAC031CAE7F60")
PUBLIC = bytes.fromhex("D75A980182B10AB7D54BFED3C964073A0EE172F3DAA62325AF021A68F707511A")
OF_NOTHING = bytes.fromhex(
    "E5564300C360AC729086E2CC806E828A84877F1EB8E5D974D873E065224901555FB8821590A33BACC61E39701CF9B46BD25BF5F0595BBE24655141438E7A100B"
)
PKCS8_HEAD = bytes.fromhex("302E020100300506032B657004220420")  # RFC 8410 §7.
DAY_S = DAY_MS // 1000


def pem(secret: bytes) -> bytes:
    return b"-----BEGIN PRIVATE KEY-----\n" + base64.b64encode(PKCS8_HEAD + secret) + b"\n-----END PRIVATE KEY-----\n"


KEY = pem(SECRET)


class Installation:
    """A small product tree and its list, signed with the published key."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "site-packages"
        for package in PACKAGES:
            (self.root / package / "__pycache__").mkdir(parents=True)
            (self.root / package / "__init__.py").write_text(f'"""{package}"""\n', encoding="utf-8")
            (self.root / package / "__pycache__" / "__init__.pyc").write_bytes(b"\x00compiled")
        self.manifest = folder / "manifest"
        self.sign()

    def sign(self, key: bytes = KEY) -> None:
        self.manifest.write_bytes(make_manifest(self.root, partial(signatures.sign, key)))

    def check(self) -> FileCheck:
        return FileCheck(self.root, self.manifest, PUBLIC)

    def problem(self) -> str:
        check = self.check()
        while not check.step():
            pass
        return check.problem


@pytest.fixture
def installed(tmp_path: Path) -> Installation:
    return Installation(tmp_path)


def test_signatures_are_those_of_rfc_8032() -> None:
    assert signatures.public_half(KEY) == PUBLIC
    assert signatures.sign(KEY, b"") == OF_NOTHING
    assert signatures.is_signed(PUBLIC, b"", OF_NOTHING)
    assert not signatures.is_signed(PUBLIC, b"x", OF_NOTHING)
    assert not signatures.is_signed(PUBLIC, b"", OF_NOTHING[:-1])
    for what in (b"", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"):
        with pytest.raises(KeyRefused):
            signatures.sign(what, b"")
    with pytest.raises(KeyRefused):
        signatures.is_signed(PUBLIC[:-1], b"", OF_NOTHING)


def test_an_untouched_installation_is_well(installed: Installation) -> None:
    assert installed.problem() == ""


def changed_byte(it: Installation) -> None:
    path = it.root / "keys" / "__init__.py"
    path.write_bytes(path.read_bytes().replace(b"keys", b"kays"))


def changed_list(it: Installation) -> None:
    """The digest of the changed file is put into the list: only its signature tells."""
    changed_byte(it)
    unsigned = make_manifest(it.root, lambda body: bytes(64)).rpartition(b"signature ")[0]
    it.manifest.write_bytes(unsigned + b"signature " + it.manifest.read_bytes().rpartition(b"signature ")[2])


def other_key(it: Installation) -> None:
    it.sign(pem(bytes(range(32))))


def folder_is_a_link(it: Installation) -> None:
    (it.root / "emv").rename(it.root / "elsewhere")
    (it.root / "emv").symlink_to(it.root / "elsewhere")


def file_is_a_link(it: Installation) -> None:
    """To a file of the same bytes, and yet it can be another one tomorrow."""
    path = it.root / "emv" / "__init__.py"
    path.rename(it.root / "same.py")
    path.symlink_to(it.root / "same.py")


WRONG: dict[str, tuple[Callable[[Installation], object], str]] = {
    "a changed byte": (changed_byte, "changed: keys/__init__.py"),
    "a changed compiled file": (
        lambda it: (it.root / "keys" / "__pycache__" / "__init__.pyc").write_bytes(b"\x00compilad"),
        "changed: keys/__pycache__/__init__.pyc",
    ),
    "a missing file": (lambda it: (it.root / "emv" / "__init__.py").unlink(), "missing: emv/__init__.py"),
    "an extra file": (lambda it: (it.root / "emv" / "more.py").write_text("x"), "extra: emv/more.py"),
    "an extra compiled file": (
        lambda it: (it.root / "emv" / "__pycache__" / "more.pyc").write_bytes(b"x"),
        "extra: emv/__pycache__/more.pyc",
    ),
    "a missing package": (lambda it: (it.root / "emv").rename(it.root / "gone"), "unreadable: emv"),
    "a file that is a link": (file_is_a_link, "link: "),
    "a folder that is a link": (folder_is_a_link, "link: emv"),
    "a pipe": (lambda it: os.mkfifo(it.root / "emv" / "pipe"), "no file: "),
    "a name with a line end": (lambda it: (it.root / "emv" / "a\nb").write_text("x"), "no file: "),
    "a changed list": (changed_list, "signature: "),
    "a list signed by another key": (other_key, "signature: "),
    "a list cut short": (lambda it: it.manifest.write_bytes(it.manifest.read_bytes()[:-20]), "signature: "),
    "a list without a signature": (
        lambda it: it.manifest.write_bytes(it.manifest.read_bytes().rpartition(b"signature ")[0]),
        "no list: ",
    ),
    "an empty list": (lambda it: it.manifest.write_bytes(b""), "no list: "),
    "a signature that is no hex": (
        lambda it: it.manifest.write_bytes(b"zhanggui files 1\nsignature \xff\n"),
        "signature: ",
    ),
    "no list": (lambda it: it.manifest.unlink(), "unreadable: the list itself"),
    "a list as large as a disk": (lambda it: it.manifest.write_bytes(b"x" * 2_000_000), "no list: "),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_found_and_named(installed: Installation, what: str) -> None:
    spoil, problem = WRONG[what]
    spoil(installed)
    assert installed.problem().startswith(problem)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody who may not read a file")
def test_a_file_that_cannot_be_read_is_wrong(installed: Installation) -> None:
    """Root reads everything, so the check is somebody else's for a moment."""
    (installed.root / "emv" / "__init__.py").chmod(0)
    for folder in (installed.root, *installed.root.parents):
        if not folder.stat().st_mode & 0o001:
            folder.chmod(0o711)
    os.seteuid(65_534)
    try:
        problem = installed.problem()
    finally:
        os.seteuid(0)
    assert problem.startswith("unreadable: emv/__init__.py")


@pytest.mark.slow
def test_more_files_than_any_installation_has_are_not_looked_at(installed: Installation) -> None:
    first = installed.root / "emv" / "0.py"
    first.touch()
    for number in range(1, FILES_LIMIT + 1):
        os.link(first, installed.root / "emv" / f"{number}.py")
    assert installed.problem().startswith("too many")


def test_a_list_is_not_made_of_what_no_check_would_take(installed: Installation) -> None:
    file_is_a_link(installed)
    with pytest.raises(FilesChanged):
        installed.sign()


def test_the_work_is_done_in_slices(installed: Installation) -> None:
    for number in range(3 * SLICE_FILES):
        (installed.root / "emv" / f"{number}.py").touch()
    installed.sign()
    check = installed.check()
    steps = 0
    while not check.step():
        steps += 1
    assert check.problem == ""
    assert steps >= 5


def test_this_very_program_can_be_sealed(tmp_path: Path) -> None:
    """Of a checkout the sources only: what Python compiles meanwhile would be extra files."""
    root = tmp_path / "tree"
    for package in PACKAGES:
        for path in (product_root() / package).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                target = root / path.relative_to(product_root())
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(path.read_bytes())
    manifest = tmp_path / "manifest"
    manifest.write_bytes(make_manifest(root, partial(signatures.sign, KEY)))
    check = FileCheck(root, manifest, PUBLIC)
    while not check.step():
        pass
    assert check.problem == ""


@pytest.mark.slow
def test_the_command_makes_a_key_signs_and_checks(installed: Installation, tmp_path: Path) -> None:
    def manifest(*words: str | Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "terminal", "manifest", "--root", installed.root, *words]
        return subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)

    key, out = tmp_path / "signer.pem", tmp_path / "files"
    made = manifest("--make-key", key)
    assert (made.returncode, key.stat().st_mode & 0o777) == (0, 0o600)
    assert manifest("--make-key", key).returncode == 2  # Never over another one.
    signed = manifest("--sign", key, "--out", out)
    assert (signed.returncode, signed.stdout) == (0, made.stdout)
    config = tmp_path / "zhanggui.toml"
    config.write_text(f'[checks]\n{signed.stdout}manifest = "{out}"\n', encoding="utf-8")
    assert manifest("--check", "--config", config).returncode == 0
    changed_byte(installed)
    found = manifest("--check", "--config", config)
    assert (found.returncode, found.stderr) == (1, "manifest: changed: keys/__init__.py\n")


# What the terminal does


def test_a_changed_file_at_the_start_is_a_tamper(installed: Installation, tmp_path: Path) -> None:
    data = tmp_path / "data"
    with World("sealed", data=data, file_check=installed.check) as world:
        world.run(play(world, START))
        acquirer = world.acquirer
    changed_byte(installed)
    with World("changed", data=data, file_check=installed.check, acquirer=acquirer) as world:
        world.run(play(world, "boot:\nlocked: wait 5"))
        assert world.shop.mode is Mode.LOCKED
        assert not world.shop.keys.held()
        assert world.journal.transact(lambda tx: dict(tx.mode_facts)) == {"reason": "files"}
        assert "Program changed" in " ".join(world.display.text())


def test_a_changed_file_is_found_within_a_day_but_not_in_the_middle_of_a_sale(installed: Installation) -> None:
    with World("daily", file_check=installed.check) as world:

        async def people() -> None:
            await play(world, READY + "idle:")
            changed_byte(installed)
            # Somebody keeps a sale open: amount after amount, each cancelled within a minute, for a whole day.
            await play(world, "idle: 1 wait 50 " + "1 CLEAR wait 50 " * (DAY_S // 50))
            assert world.shop.mode is Mode.SIGNED_IN
            await play(world, "enter_amount: CANCEL\nlocked:")

        world.run(people())
        assert world.shop.mode is Mode.LOCKED


def test_a_lock_for_files_comes_back_once_they_are_right(installed: Installation) -> None:
    with World("mended", file_check=installed.check) as world:

        async def people() -> None:
            await play(world, READY + "idle:")
            kept = (installed.root / "keys" / "__init__.py").read_bytes()
            changed_byte(installed)
            await Sleep(DAY_MS)
            await play(world, "locked:")
            (installed.root / "keys" / "__init__.py").write_bytes(kept)
            world.press(Key.ENTER)
            await play(world, UNLOCK.partition("\n")[2] + CEREMONY + OPERATOR + "signing_in:\nidle:")

        world.run(people())
        assert world.shop.mode is Mode.SIGNED_IN


def test_the_day_s_check_goes_on_after_a_start_that_ended_locked(installed: Installation, tmp_path: Path) -> None:
    """The alarm came before the boot screen was over; what looks every day must not have died with it."""
    data = tmp_path / "data"
    with World("before", data=data, file_check=installed.check) as world:
        world.run(play(world, READY + "idle:"))
        acquirer, stopped_ms = world.acquirer, world.loop.now().wall_ms
    kept = (installed.root / "keys" / "__init__.py").read_bytes()
    changed_byte(installed)
    loop = SimLoop("after", start_wall_ms=stopped_ms)
    with World(loop=loop, data=data, file_check=installed.check, acquirer=acquirer) as world:

        async def people() -> None:
            await play(world, "locked:")
            (installed.root / "keys" / "__init__.py").write_bytes(kept)
            world.press(Key.ENTER)
            await play(world, UNLOCK.partition("\n")[2] + CEREMONY + OPERATOR + "signing_in:\nidle:")
            changed_byte(installed)
            await Sleep(DAY_MS)
            await play(world, "locked:")

        world.run(people())


class Answers:
    """The known answers, right until somebody says otherwise; and how often they were asked."""

    def __init__(self) -> None:
        self.right = True
        self.asked = 0

    def __call__(self) -> tuple[tuple[str, bool], ...]:
        self.asked += 1
        return (("3DES", self.right),)


def test_a_self_test_that_fails_at_the_start_stops_everything() -> None:
    answers = Answers()
    answers.right = False
    with World("broken", known_answers=answers) as world:
        world.run(play(world, "boot:\nservice_mode: 5 ENTER\nservice_mode: wait 200"))
        assert world.eyes.history[-1] == "service_mode"


@pytest.mark.slow
def test_the_self_test_runs_daily_and_its_failure_stops_trading_and_leaves_the_keys() -> None:
    answers = Answers()
    with World("daily answers", known_answers=answers) as world:

        async def people() -> None:
            await play(world, START)
            begun = answers.asked
            await Sleep(DAY_MS)
            assert answers.asked == begun + 1
            answers.right = False
            await Sleep(DAY_MS)
            await play(world, "service_mode: 100 ENTER\nservice_mode:")

        world.run(people())
        assert world.shop.keys.has(KeyRef(Usage.TMK))
        assert world.shop.service_reason == "self_test"


def test_a_case_opened_while_the_self_test_has_stopped_all_still_costs_the_keys() -> None:
    answers = Answers()
    with World("both", known_answers=answers) as world:

        async def people() -> None:
            await play(world, START)
            answers.right = False
            await Sleep(DAY_MS)
            await play(world, "service_mode:")
            world.tamper.open_case()
            await play(world, "service_mode: wait 5")

        world.run(people())
        assert world.shop.mode is Mode.LOCKED
        assert not world.shop.keys.held()


@pytest.mark.slow
def test_a_sale_that_spans_the_hour_is_not_disturbed() -> None:
    """The check waits for its end and comes right after it."""
    answers = Answers()
    with World("span", known_answers=answers) as world:

        async def people() -> None:
            await play(world, START + "idle: 1")
            begun = answers.asked
            await play(world, "enter_amount: wait 50 " + "CLEAR 1 wait 50 " * (DAY_S // 50))
            assert answers.asked == begun
            await play(world, "enter_amount: CANCEL\nidle: wait 3")
            assert answers.asked == begun + 1
            # A day is the age of working keys, too.
            await play(world, "idle: 12850 ENTER\nchoose_method: 1\nsign_in_due: ENTER\nidle: ENTER\nsigning_in:\n")
            await play(world, sale("signature") + "approved:\nremove_card: remove\nidle:")

        world.run(people())
