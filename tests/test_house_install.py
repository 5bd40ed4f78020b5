"""The service's files: their syntax, what systemd says of the unit, and a dry run of the installation."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from terminal.config import parse_config

ROOT = Path(__file__).parents[1]
INSTALL = ROOT / "terminal" / "install"


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, cwd=ROOT)


@pytest.mark.parametrize("script", [*sorted(INSTALL.glob("*.sh")), ROOT / ".ci" / "run"], ids=lambda path: path.name)
def test_scripts_are_sound_bash(script: Path) -> None:
    assert run("bash", "-n", script).stderr == ""
    text = script.read_text(encoding="utf-8")
    assert text.startswith("#!/usr/bin/env bash\n")
    assert "\nset -eu\n" in text
    assert script.stat().st_mode & 0o111 or script.suffix == ".sh"


def test_the_unit_has_what_the_terminal_relies_on() -> None:
    unit = (INSTALL / "zhanggui.service").read_text(encoding="utf-8")
    limits = ("LimitCORE=0", "LimitMEMLOCK=infinity", "StartLimitIntervalSec=0")
    for line in ("Type=notify", "Restart=always", "StateDirectory=zhanggui", *limits):
        assert f"\n{line}\n" in unit
    assert int(re.findall(r"\nWatchdogSec=(\d+)\n", unit)[0]) >= 10
    groups = re.findall(r"\nSupplementaryGroups=(.*)\n", unit)[0].split()
    script = (INSTALL / "install-pi.sh").read_text(encoding="utf-8")
    made = re.findall(r"for group in (.*); do", script)[0].split()
    assert set(groups) <= set(made), "a unit that names a group that is not there does not start"


@pytest.mark.system
def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is missing: make system-deps on a machine with systemd")
    unit = (INSTALL / "zhanggui.service").read_text(encoding="utf-8")
    # Its program is not installed where the test runs; everything else is checked as it is.
    checked = tmp_path / "zhanggui.service"
    checked.write_text(re.sub(r"(?m)^ExecStart=.*", "ExecStart=/bin/true", unit), encoding="utf-8")
    result = run("systemd-analyze", "verify", "--man=no", checked)
    assert (result.returncode, [line for line in result.stderr.splitlines() if "zhanggui" in line]) == (0, [])


def test_a_dry_run_prints_and_does_nothing() -> None:
    if shutil.which("apt-get") is None:
        pytest.skip("apt-get is missing: the installation is for Debian and Raspberry Pi OS")
    result = run("bash", INSTALL / "install-pi.sh", "--dry-run")
    assert result.returncode == 0, result.stderr
    for word in ("useradd", "zhanggui.service", "[card,pi]", "apt-get install", "zhanggui.toml"):
        assert word in result.stdout
    assert not Path("/opt/zhanggui").exists() or "would" in result.stdout


def test_the_list_of_files_is_named_in_the_installed_configuration(tmp_path: Path) -> None:
    """The script's own sed, on the example: signer and list come from the comments, and the result loads."""
    script = (INSTALL / "install-pi.sh").read_text(encoding="utf-8")
    command = next(line.strip() for line in script.splitlines() if line.strip().startswith("sed -i"))
    config = tmp_path / "zhanggui.toml"
    config.write_bytes((ROOT / "terminal" / "zhanggui.example.toml").read_bytes())
    told = f'line=\'signer = "{"ab" * 32}"\'; manifest=/opt/zhanggui/manifest; config={config}; '
    assert run("bash", "-c", told + command).stderr == ""
    checks = parse_config(config.read_text(encoding="utf-8"), folder=tmp_path).checks
    assert (checks.signer, checks.manifest) == ("ab" * 32, Path("/opt/zhanggui/manifest"))


def test_a_dry_run_says_what_it_would_sign(tmp_path: Path) -> None:
    if shutil.which("apt-get") is None:
        pytest.skip("apt-get is missing: the installation is for Debian and Raspberry Pi OS")
    key = tmp_path / "signer.pem"
    key.touch()
    result = run("env", f"SIGNER={key}", "bash", INSTALL / "install-pi.sh", "--dry-run")
    assert f"would sign: /opt/zhanggui/manifest with {key}" in result.stdout


def test_the_installed_configuration_is_the_example_with_its_own_folder(tmp_path: Path) -> None:
    script = (INSTALL / "install-pi.sh").read_text(encoding="utf-8")
    command = next(line.strip() for line in script.splitlines() if line.strip().startswith("sed "))
    command = command.split(" >")[0].replace("$source_tree", str(ROOT)).replace("$state", "/var/lib/zhanggui")
    text = run("bash", "-c", command).stdout
    assert parse_config(text, folder=tmp_path).general.data == Path("/var/lib/zhanggui")


def test_journald_is_kept_small() -> None:
    text = (INSTALL / "journald.conf").read_text(encoding="utf-8")
    assert "[Journal]" in text
    assert "SystemMaxUse=64M" in text
