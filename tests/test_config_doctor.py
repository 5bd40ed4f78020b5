"""doctor on machines that lack this or that: a folder stands for the machine's root."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from drivers.link import Route
from drivers.ports import LinkFault
from sim.tls import make_certificates
from terminal.strings import Words
from terminal.tools import doctor
from terminal.tools.doctor import NAMES, Row, State
from terminal.tools.machine import Machine

NOVEMBER_2026_S = 1_795_000_000.0


@dataclass(frozen=True, slots=True)
class Bench(Machine):
    """A machine made for a test: files below `root`, and answers instead of hardware."""

    version: tuple[int, int, int] = (3, 13, 1)
    absent: tuple[str, ...] = ()
    names: tuple[str, ...] | None = ("ACS ACR39U ICC Reader 00 00",)
    now_s: float = NOVEMBER_2026_S
    free: int = 10**10
    network: bool = True
    lockable: bool = True
    faults: Mapping[str, LinkFault] = field(default_factory=dict)  # Of hosts that do not answer.

    def python(self) -> tuple[int, int, int]:
        return self.version

    def has_module(self, name: str) -> bool:
        return name not in self.absent

    def readers(self) -> tuple[str, ...]:
        if self.names is None:
            raise OSError("refused")
        return self.names

    def reachable(self, host: str, port: int) -> bool:
        return self.network

    def calls(self, route: Route) -> LinkFault | None:
        return self.faults.get(str(route))

    def wall_s(self) -> float:
        return self.now_s

    def free_bytes(self, path: Path) -> int:
        return self.free

    def core_limit(self) -> int:
        return 0

    def may_lock_memory(self) -> bool:
        return self.lockable


class Locked(Bench):
    """One whose device nodes belong to somebody else."""

    def usable(self, path: str | Path) -> bool:
        return not str(path).startswith("/dev/")


@pytest.fixture
def pi(tmp_path: Path) -> Bench:
    """A complete Raspberry Pi."""
    serial = ("dev/serial0", "dev/ttyUSB0", "dev/ttyACM0")
    for node in ("dev/i2c-1", "dev/gpiochip0", *serial, "dev/rtc0", "run/pcscd/pcscd.comm"):
        path = tmp_path / node
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "proc/device-tree").mkdir(parents=True)
    (tmp_path / "proc/device-tree/model").write_bytes(b"Raspberry Pi Zero 2 W Rev 1.0\0")
    config = tmp_path / "etc/zhanggui/zhanggui.toml"
    config.parent.mkdir(parents=True)
    ca = make_certificates(tmp_path / "tls").ca
    config.write_text(
        '[general]\ndata = "/var/lib/zhanggui"\n[scanner]\ndevice = "/dev/ttyUSB0"\n'
        '[stripe]\ndevice = "/dev/ttyACM0"\n'
        f'[link.tls]\non = true\nca = "{ca}"\n[checks]\nsigner = "{"ab" * 32}"\nmanifest = "/opt/zhanggui/manifest"\n'
    )
    (tmp_path / "opt/zhanggui").mkdir(parents=True)
    (tmp_path / "opt/zhanggui/manifest").touch()
    (tmp_path / "var/lib/zhanggui").mkdir(parents=True, mode=0o700)
    return Bench(root=tmp_path)


def rows(machine: Machine, config: Path | None = None) -> dict[str, Row]:
    return {row.name: row for row in doctor.examine(machine, config)}


def configured(pi: Bench, text: str) -> Path:
    path = pi.root / "other.toml"
    path.write_text(f'[general]\ndata = "/var/lib/zhanggui"\n{text}')
    return path


def given(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    doctor.add_arguments(parser)
    return parser.parse_args(arguments)


def test_a_complete_machine_is_well(pi: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    assert {name: row.state for name, row in rows(pi).items() if row.state is not State.OK} == {}
    assert doctor.run(given(), pi) == 0
    assert "All that is needed is here." in capsys.readouterr().out


def test_a_newcomer_s_machine_is_told_what_can_be_done_there(tmp_path: Path) -> None:
    """No Raspberry Pi, no configuration, nothing installed: no advice that only a Pi can follow, and no bare dash."""
    machine = Bench(root=tmp_path, faults={"127.0.0.1:8583": LinkFault.REFUSED})
    found = rows(machine)
    for text in ("raspi-config", "systemctl"):
        assert not [row.name for row in found.values() if text in row.zh + row.en]
    assert "python -m sim acquirer --port 8583" in found["host"].en
    assert "python -m sim acquirer --port 8583" in found["host"].zh
    assert "apt install pcscd" in found["pcscd"].en
    assert found["data"].found.startswith("/")
    for chinese in (True, False):
        lines = list(doctor.report(tuple(found.values()), chinese=chinese, good=False))
        assert not [line for line in lines if line.endswith(": -")]
        assert "--lang" in lines[-1]
    told = "\n".join(doctor.report(tuple(found.values()), chinese=True, good=False))
    assert not [word for word in (": off", ": allowed", ": none", ": unsealed") if word in told]


def test_files_are_not_sealed_or_their_list_is_gone(pi: Bench) -> None:
    assert rows(pi, configured(pi, ""))["files"].state is State.WARN
    (pi.root / "opt/zhanggui/manifest").unlink()
    gone = rows(pi)["files"]
    assert gone.state is State.MISSING
    assert gone.zh
    assert "lock itself" in gone.en


def test_a_process_that_may_not_lock_its_memory_is_warned(pi: Bench) -> None:
    found = rows(dataclasses.replace(pi, lockable=False))["memory"]
    assert found.state is State.WARN
    assert "LimitMEMLOCK" in found.zh
    assert "LimitMEMLOCK" in found.en


def test_a_contract_with_a_wallet_needs_its_library(pi: Bench) -> None:
    machine = dataclasses.replace(pi, absent=("wechatpayv3", "alipay"))
    assert "wallets" not in rows(machine)
    found = rows(machine, configured(pi, '[wallets.alipay]\napp_id = "2021000000000001"\n'))["wallets"]
    assert (found.state, found.found) == (State.MISSING, "alipay")


@pytest.mark.parametrize(
    ("change", "row"),
    [
        ({"version": (3, 10, 9)}, "python"),
        ({"absent": ("luma.oled",)}, "packages"),
        ({"absent": ("smartcard",)}, "card-package"),
        ({"absent": ("RPi",)}, "pi-package"),
        ({"names": ()}, "reader"),
        ({"names": ("A", "B")}, "reader"),
        ({"names": None}, "reader"),
        ({"now_s": 86_400.0}, "clock"),
        ({"free": 5_000_000}, "disk"),
    ],
)
def test_what_is_missing_is_named_and_nothing_else(pi: Bench, change: dict[str, object], row: str) -> None:
    machine = dataclasses.replace(pi, **change)  # type: ignore[arg-type]
    missing = [name for name, found in rows(machine).items() if found.state is State.MISSING]
    assert missing == [row]
    assert doctor.run(given(), machine) == 1


@pytest.mark.parametrize(
    ("node", "row"),
    [
        ("dev/i2c-1", "display"),
        ("dev/gpiochip0", "gpio"),
        ("dev/serial0", "printer"),
        ("dev/ttyUSB0", "scanner"),
        ("dev/ttyACM0", "stripe"),
        ("run/pcscd/pcscd.comm", "pcscd"),
    ],
)
def test_an_absent_device_is_named_with_what_to_do(pi: Bench, node: str, row: str) -> None:
    (pi.root / node).unlink()
    found = rows(pi)[row]
    assert found.state is State.MISSING
    assert found.zh
    assert found.en


def test_a_camera_is_looked_for_where_it_reads_the_codes(pi: Bench) -> None:
    filmed = configured(pi, '[scanner]\nkind = "camera"\n')
    absent = dataclasses.replace(pi, absent=pi.absent + ("picamera2",))
    (pi.root / "dev/ttyUSB0").unlink()
    found = [row for row in doctor.examine(absent, filmed) if row.name in ("camera", "scanner")]
    assert [(row.name, row.state, row.found) for row in found] == [
        ("camera", State.MISSING, "picamera2"),
        ("camera", State.MISSING, "/dev/video0"),
    ]
    assert "python3-picamera2" in found[0].en and "排线" in found[1].zh
    (pi.root / "dev/video0").touch()
    assert rows(pi, filmed)["camera"].state is State.OK


def test_the_reader_may_be_named(pi: Bench) -> None:
    machine = dataclasses.replace(pi, names=("ACS ACR39U 00", "Other 00"))
    assert rows(machine, configured(pi, '[reader]\nname = "ACR39U"\n'))["reader"].found == "ACS ACR39U 00"
    assert rows(machine, configured(pi, '[reader]\nname = "Absent"\n'))["reader"].state is State.MISSING


def test_network_and_usb_printers(pi: Bench) -> None:
    network = configured(pi, '[printer]\ntransport = "network"\naddress = "10.0.0.9:9100"\n')
    assert rows(pi, network)["printer"].state is State.OK
    assert rows(dataclasses.replace(pi, network=False), network)["printer"].state is State.MISSING
    usb = configured(pi, '[printer]\ntransport = "file"\ndevice = "/dev/usb/lp0"\n')
    assert rows(pi, usb)["printer"].state is State.MISSING
    (pi.root / "dev/usb").mkdir(parents=True)
    (pi.root / "dev/usb/lp0").touch()
    assert rows(pi, usb)["printer"].state is State.OK


def test_a_terminal_without_a_printer_misses_none(pi: Bench) -> None:
    config = configured(pi, '[printer]\ntransport = "none"\n')
    assert "printer" not in rows(pi, config)


def test_a_broken_configuration_is_reported_whole(pi: Bench) -> None:
    row = rows(pi, configured(pi, "[printer]\nwidth_mm = 57\nbuad = 3\n"))["config"]
    assert row.state is State.MISSING
    assert "line 4" in row.en
    assert "line 5" in row.en
    assert "did you mean baud?" in row.en


@pytest.mark.parametrize("fault", LinkFault, ids=lambda fault: fault.value)
def test_what_is_wrong_with_the_host_is_said_in_the_reports_language(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], fault: LinkFault
) -> None:
    machine = Bench(root=tmp_path, faults={"127.0.0.1:8583": fault})
    told = {}
    for language in ("zh-CN", "en"):
        doctor.run(given("--lang", language), machine)
        told[language] = next(line for line in capsys.readouterr().out.splitlines() if "127.0.0.1:8583: " in line)
    assert told["en"].endswith(f": {fault.value}")
    assert told["zh-CN"].endswith(f": {Words('zh-CN')[f'fault.{fault.value}']}")
    assert fault.value not in told["zh-CN"]


def test_a_node_that_may_not_be_used_is_said_in_chinese(pi: Bench) -> None:
    found = {row.name: row for row in doctor.examine(Locked(root=pi.root))}["display"]
    told = "\n".join(doctor.report((found,), chinese=True, good=False))
    assert "(没有权限)" in told
    assert "permission" not in told


def test_data_that_others_may_read_is_told(pi: Bench) -> None:
    folder = pi.root / "var/lib/zhanggui"
    (folder / "journal.db").touch(mode=0o644)
    os.chmod(folder / "journal.db", 0o644)
    row = rows(pi)["data"]
    assert row.state is State.MISSING
    assert "journal.db" in row.en


def test_tls_files_are_looked_at(pi: Bench) -> None:
    ca = pi.root / "ca.pem"
    ca.write_text("no certificate")
    row = rows(pi, configured(pi, f'[link.tls]\non = true\nca = "{ca}"\n'))["tls"]
    assert row.state is State.MISSING
    key = pi.root / "terminal.key"
    key.write_text("key")
    key.chmod(0o644)
    good = pi.root / "tls" / "ca.pem"
    tls = f'[link.tls]\non = true\nca = "{good}"\n'
    row = rows(pi, configured(pi, f'{tls}cert = "{key}"\nkey = "{key}"\n'))["tls"]
    assert "chmod 0600" in row.en
    row = rows(pi, configured(pi, f'{tls}cert = "absent"\nkey = "absent"\n'))["tls"]
    assert row.state is State.MISSING


def host_rows(machine: Bench, hosts: str) -> list[Row]:
    config = configured(machine, f"[link]\nhosts = {hosts}\n")
    return [row for row in doctor.examine(machine, config) if row.name == "host"]


TWO = '["10.1.0.1:8583", { address = "10.2.0.1:8583", interface = "wwan0" }]'


def test_each_way_to_the_host_is_called(pi: Bench) -> None:
    assert [(row.state, row.found) for row in host_rows(pi, TWO)] == [
        (State.OK, "10.1.0.1:8583"),
        (State.OK, "10.2.0.1:8583 (wwan0)"),
    ]


@pytest.mark.parametrize("fault", LinkFault)
def test_one_way_that_answers_is_enough_and_none_is_not(pi: Bench, fault: LinkFault) -> None:
    one = dataclasses.replace(pi, faults={"10.1.0.1:8583": fault})
    first, second = host_rows(one, TWO)
    assert (first.state, second.state) == (State.WARN, State.OK)
    assert fault.value in first.found
    assert first.zh
    assert first.en
    none = dataclasses.replace(pi, faults={**one.faults, "10.2.0.1:8583 (wwan0)": fault})
    assert [row.state for row in host_rows(none, TWO)] == [State.MISSING] * 2


def test_a_line_without_tls_beside_others_is_told(pi: Bench) -> None:
    ca = pi.root / "tls" / "ca.pem"
    hosts = '["pos.test:1", { address = "10.2.0.1:1", tls = false }]'
    text = f'[link]\nhosts = {hosts}\n[link.tls]\non = true\nca = "{ca}"\n'
    found = [row for row in doctor.examine(pi, configured(pi, text)) if row.name == "tls"]
    assert [(row.state, row.found) for row in found] == [(State.OK, str(ca)), (State.WARN, "10.2.0.1:1")]


def test_a_font_that_is_none_is_told(pi: Bench) -> None:
    assert rows(pi, configured(pi, '[display]\nfont = "absent.pcf"\n'))["font"].state is State.MISSING


def test_json_is_one_object_on_the_last_line(pi: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor.run(given("--json", "--lang", "zh-CN"), dataclasses.replace(pi, names=())) == 1
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert last["ok"] is False
    row = {"name": "reader", "state": "missing", "found": "none", "do": "接好读卡器, 或改 [reader] name"}
    assert row in last["rows"]


def test_every_row_has_a_name_in_both_languages(pi: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    assert set(rows(pi)) <= set(NAMES)
    doctor.run(given("--lang", "zh-CN"), pi)
    text = capsys.readouterr().out
    for name in rows(pi):
        assert NAMES[name][0] in text


def test_this_very_machine_can_be_examined(capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor.run(given()) in (0, 1)
    assert "Python" in capsys.readouterr().out
