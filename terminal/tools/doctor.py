"""`python -m terminal doctor`: what is missing on this machine, and how to mend it.

One row for each thing the terminal needs: its name, ok, warn or missing, what was found, and what to do. Exit status 0
when all that is needed is there, 1 otherwise. Nothing is changed, and the journal is not opened.
"""

from __future__ import annotations

import argparse
import datetime
import json
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from drivers.ports import LinkFault
from emv.typed import language_of
from terminal.config import NO_PRINTER, Config, ConfigErrors, Tls, load_config
from terminal.screens.font import FontError, load_font
from terminal.strings import Words
from terminal.tools.hosts import REMEDIES, routes
from terminal.tools.machine import Machine

SYSTEM_CONFIG = Path("/etc/zhanggui/zhanggui.toml")
OLDEST_PYTHON = (3, 11)
LABORATORY = "127.0.0.1"  # The simulator's acquirer, which is also where the defaults look for one.
CLOCK_FLOOR = datetime.date(2025, 1, 1)  # Before this program was begun: a clock that says less was never set.
FREE_BYTES = 100_000_000  # A year's journal of a small shop, twice.
NEEDED = ("apsw", "cryptography", "PIL", "luma.oled", "serial", "escpos")
WALLETS = {"wechat": "wechatpayv3", "alipay": "alipay"}  # Of contracts that are configured.
WORLD = ("websockets", "zxingcpp")  # The simulator's; a terminal sells without them.


class State(Enum):
    OK = "ok"
    WARN = "warn"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Row:
    """One finding. `zh`, `en`: what to do, empty when all is well. `found_zh`: `found` in Chinese, if it has words."""

    name: str
    state: State
    found: str
    zh: str = ""
    en: str = ""
    found_zh: str = ""


NAMES: Mapping[str, tuple[str, str]] = {
    "config": ("配置文件", "configuration"),
    "python": ("Python 版本", "Python"),
    "packages": ("程序包", "packages"),
    "simulator": ("模拟环境程序包", "simulator's packages"),
    "card-package": ("读卡器程序包", "card reader package"),
    "pi-package": ("GPIO 程序包", "GPIO package"),
    "wallets": ("钱包直连程序包", "wallets' libraries"),
    "display": ("显示屏总线", "display bus"),
    "gpio": ("键盘与指示灯", "keypad and lamps"),
    "printer": ("打印机", "printer"),
    "scanner": ("扫码枪", "scanner"),
    "camera": ("摄像头", "camera"),
    "stripe": ("刷卡器", "stripe reader"),
    "pcscd": ("读卡器服务 pcscd", "pcscd"),
    "reader": ("读卡器", "card reader"),
    "clock": ("时钟", "clock"),
    "rtc": ("时钟来源", "clock source"),
    "data": ("数据文件夹", "data folder"),
    "disk": ("剩余空间", "free space"),
    "tls": ("TLS", "TLS"),
    "host": ("收单主机", "acquirer's host"),
    "font": ("字库", "font"),
    "core": ("内存转储", "core dumps"),
    "memory": ("内存锁定", "memory lock"),
    "files": ("程序文件", "installed files"),
}
# What is found in a word, where it is no name, number or path.
FOUND: Mapping[str, tuple[str, str]] = {
    "none": ("无", "none"),
    "defaults": ("默认值", "the defaults"),
    "off": ("关闭", "off"),
    "on": ("开启", "on"),
    "allowed": ("允许", "allowed"),
    "limited": ("受限", "limited"),
    "unsealed": ("未封存", "not sealed"),
}
CHINESE = Words("zh-CN")
MARKS = {State.OK: "[ok]", State.WARN: "[!]", State.MISSING: "[x]"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, help=f"the configuration (else {SYSTEM_CONFIG}, else the defaults)")
    parser.add_argument("--lang", type=language_of, default="en", metavar="zh-CN|en", help="language of the report")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace, machine: Machine | None = None) -> int:
    """Print the report; the exit status."""
    machine = machine or Machine()
    rows = tuple(examine(machine, args.config))
    good = all(row.state is not State.MISSING for row in rows)
    if args.json:
        listed = [
            {"name": row.name, "state": row.state.value, "found": row.found, "do": row.zh if _zh(args) else row.en}
            for row in rows
        ]
        print(json.dumps({"ok": good, "rows": listed}, ensure_ascii=False))
    else:
        print("\n".join(report(rows, chinese=_zh(args), good=good)))
    return 0 if good else 1


def _zh(args: argparse.Namespace) -> bool:
    return bool(args.lang == "zh-CN")


def report(rows: tuple[Row, ...], *, chinese: bool, good: bool) -> Iterator[str]:
    """The lines a person reads."""
    for row in rows:
        name = NAMES[row.name][0 if chinese else 1]
        found = FOUND.get(row.found, (row.found_zh or row.found, row.found))[0 if chinese else 1]
        yield f"{MARKS[row.state]:<5}{name}: {found}"
        remedy = row.zh if chinese else row.en
        if remedy:
            yield f"     → {remedy}"
    if good:
        yield "所需的都有了。" if chinese else "All that is needed is here."
    elif chinese:
        yield "标 [x] 的缺了就不能用, 标 [!] 的只是提醒; 没有真实设备也可以 make run (模拟环境)。"
    else:
        yield "[x] is needed and missing, [!] is a warning. Without any device: make run (the simulator)."
    yield "In English: --lang en" if chinese else "中文: python -m terminal doctor --lang zh-CN"


def examine(machine: Machine, config_path: Path | None = None) -> Iterator[Row]:
    """Every row, in the order a person would mend them."""
    path = config_path
    if path is None and machine.exists(SYSTEM_CONFIG):
        path = machine.under(SYSTEM_CONFIG)
    config = Config.default()
    if path is None:
        yield Row(
            "config",
            State.OK,
            "defaults",
            f"没有 {SYSTEM_CONFIG}: 按默认值检查; 检查自己的文件用 --config",
            f"there is no {SYSTEM_CONFIG}; --config FILE looks at yours",
        )
    else:
        try:
            config = load_config(path)
            yield Row("config", State.OK, str(path))
        except ConfigErrors as errors:
            yield Row("config", State.MISSING, str(path), errors.text("zh-CN"), errors.text("en"))
    checks: tuple[Callable[[Machine, Config], Iterator[Row]], ...] = (
        _python, _packages, _display, _gpio, _printer, _scanner, _stripe, _reader, _clock, _data, _tls, _hosts, _font,
        _core, _memory, _files,
    )  # fmt: skip
    for check in checks:
        yield from check(machine, config)


def _python(machine: Machine, config: Config) -> Iterator[Row]:
    version = machine.python()
    found = ".".join(str(part) for part in version)
    if version[:2] >= OLDEST_PYTHON:
        yield Row("python", State.OK, found)
    else:
        yield Row("python", State.MISSING, found, "需要 Python 3.11 或更新", "Python 3.11 or newer is needed")


def _packages(machine: Machine, config: Config) -> Iterator[Row]:
    yield _modules(machine, "packages", NEEDED, State.MISSING, "make venv")
    yield _modules(machine, "card-package", ("smartcard",), State.MISSING, "sudo make system-deps && make venv")
    state = State.MISSING if machine.is_pi() else State.WARN
    yield _modules(machine, "pi-package", ("RPi",), state, "pip install rpi-lgpio")
    yield _modules(machine, "simulator", WORLD, State.WARN, "make venv")
    libraries = tuple(WALLETS[wallet] for wallet, _ in config.wallets.contracts)
    if libraries:
        yield _modules(machine, "wallets", libraries, State.MISSING, "pip install '.[wallets]'")


def _modules(machine: Machine, name: str, modules: tuple[str, ...], state: State, command: str) -> Row:
    absent = [module for module in modules if not machine.has_module(module)]
    if not absent:
        return Row(name, State.OK, ", ".join(modules))
    return Row(name, state, ", ".join(absent), f"运行: {command}", f"run: {command}")


def _node(machine: Machine, name: str, node: str, zh: str, en: str, group: str) -> Row:
    """A device node: there, and usable by this user."""
    if not machine.exists(node):
        return Row(name, State.MISSING, node, zh, en)
    if not machine.usable(node):
        command = f"sudo usermod -aG {group} $USER"
        return Row(
            name,
            State.MISSING,
            f"{node} (permission)",
            f"没有权限: {command}, 然后重新登录",
            f"no permission: {command}, then log in again",
            found_zh=f"{node} (没有权限)",
        )
    return Row(name, State.OK, node)


def _display(machine: Machine, config: Config) -> Iterator[Row]:
    command = "sudo raspi-config nonint do_i2c 0"
    zh, en = f"打开总线: {command}", f"switch the bus on: {command}"
    if not machine.is_pi():
        zh, en = "显示屏接在树莓派的 I2C 上, 本机不是树莓派", "the display hangs on a Raspberry Pi's I2C; this is no Pi"
    yield _node(machine, "display", f"/dev/i2c-{config.display.port}", zh, en, "i2c")


def _gpio(machine: Machine, config: Config) -> Iterator[Row]:
    zh, en = "GPIO 只在树莓派上才有", "GPIO is there on a Raspberry Pi only"
    yield _node(machine, "gpio", "/dev/gpiochip0", zh, en, "gpio")


def _printer(machine: Machine, config: Config) -> Iterator[Row]:
    printer = config.printer
    if printer.transport == NO_PRINTER:
        return
    if printer.transport == "network" and printer.address is not None:
        if machine.reachable(printer.address.host, printer.address.port):
            yield Row("printer", State.OK, str(printer.address))
        else:
            zh, en = "打印机没有应答: 检查电源和网线", "it does not answer: look at its power and its cable"
            yield Row("printer", State.MISSING, str(printer.address), zh, en)
    else:
        zh = f"没有 {printer.device}: 接好打印机, 或改 [printer] device"
        en = f"no {printer.device}: plug the printer in, or change [printer] device"
        group = "dialout" if printer.transport == "serial" else "lp"
        yield _node(machine, "printer", printer.device, zh, en, group)


def _scanner(machine: Machine, config: Config) -> Iterator[Row]:
    if config.scanner.kind == "camera":
        yield from _camera(machine)
        return
    device = config.scanner.device
    if device is None:
        zh, en = "没有扫码枪: 不能扫顾客的付款码", "no scanner: customers' payment codes cannot be read"
        yield Row("scanner", State.WARN, "none", zh, en)
        return
    zh, en = f"没有 {device}: 接好扫码枪", f"no {device}: plug the scanner in, or change [scanner] device"
    yield _node(machine, "scanner", device, zh, en, "dialout")


def _camera(machine: Machine) -> Iterator[Row]:
    """picamera2 comes with the system (it is bound to the system's libcamera), zxing-cpp from pip.

    The first capture node appears with a camera, whatever its kind.
    """
    for module, command in (
        ("picamera2", "sudo apt install python3-picamera2"),
        ("zxingcpp", "pip install zxing-cpp"),
    ):
        if not machine.has_module(module):
            yield Row("camera", State.MISSING, module, f"运行: {command}", f"run: {command}")
    zh = "没有摄像头: 关机后插好排线, 用 rpicam-hello --list-cameras 查看"
    en = "no camera: plug its ribbon cable in with the power off; rpicam-hello --list-cameras lists what is found"
    yield _node(machine, "camera", "/dev/video0", zh, en, "video")


def _stripe(machine: Machine, config: Config) -> Iterator[Row]:
    device = config.stripe.device
    if device is None:
        zh, en = "没有刷卡器: 只能插卡, 也不能降级", "no stripe reader: chips only, and no fallback"
        yield Row("stripe", State.WARN, "none", zh, en)
        return
    zh, en = f"没有 {device}: 接好刷卡器", f"no {device}: plug the stripe reader in, or change [stripe] device"
    yield _node(machine, "stripe", device, zh, en, "dialout")


def _reader(machine: Machine, config: Config) -> Iterator[Row]:
    if not machine.exists("/run/pcscd/pcscd.comm"):
        zh, en = (
            "启动 pcscd: sudo systemctl enable --now pcscd.socket",
            "start it: sudo systemctl enable --now pcscd.socket",
        )
        if not machine.exists("/usr/sbin/pcscd"):
            zh, en = "安装 pcscd: sudo apt install pcscd", "install it: sudo apt install pcscd"
        yield Row("pcscd", State.MISSING, "none", zh, en)
        return
    yield Row("pcscd", State.OK, "/run/pcscd/pcscd.comm")
    try:
        names = machine.readers()
    except OSError as error:
        zh, en = (
            "pcscd 拒绝访问: 查看 polkit 规则",
            "pcscd refuses us: look at its polkit rule (install-pi puts one there)",
        )
        yield Row("reader", State.MISSING, str(error), zh, en)
        return
    wanted = config.reader.name
    fitting = [name for name in names if wanted is None or wanted in name]
    listed = ", ".join(names) or "none"
    if len(fitting) == 1:
        yield Row("reader", State.OK, fitting[0])
    elif fitting:
        zh, en = "有多个读卡器: 在 [reader] name 中指定一个", "several readers: name one in [reader] name"
        yield Row("reader", State.MISSING, listed, zh, en)
    else:
        zh, en = "接好读卡器, 或改 [reader] name", "plug the reader in, or change [reader] name"
        yield Row("reader", State.MISSING, listed, zh, en)


def _clock(machine: Machine, config: Config) -> Iterator[Row]:
    today = datetime.datetime.fromtimestamp(machine.wall_s(), datetime.UTC)
    found = f"{today:%Y-%m-%d %H:%M} UTC"
    if today.date() >= CLOCK_FLOOR:
        yield Row("clock", State.OK, found)
    else:
        zh, en = '校准时钟: sudo timedatectl set-time "..."', 'set it: sudo timedatectl set-time "YYYY-MM-DD hh:mm"'
        yield Row("clock", State.MISSING, found, zh, en)
    if machine.exists("/dev/rtc0"):
        yield Row("rtc", State.OK, "/dev/rtc0")
    elif machine.exists("/run/systemd/timesync/synchronized"):
        zh, en = "断网开机时日期会错: 建议加 RTC", "without a network the date is wrong after power-on: add an RTC"
        yield Row("rtc", State.WARN, "NTP", zh, en)
    else:
        zh, en = "既无 RTC 也未对时: 开机后先核对日期", "neither an RTC nor a time server: check the date at power-on"
        yield Row("rtc", State.WARN, "none", zh, en)


def _data(machine: Machine, config: Config) -> Iterator[Row]:
    existing = config.general.data
    while not machine.exists(existing) and existing != existing.parent:
        existing = existing.parent
    folder = machine.under(config.general.data).absolute()
    if not machine.usable(existing):
        zh, en = f"不可写: sudo chown $USER {existing}", f"not writable: sudo chown $USER {existing}"
        yield Row("data", State.MISSING, str(folder), zh, en)
        return
    held = (folder, *folder.glob("journal.db*")) if folder.exists() else ()
    loose = [path for path in held if _others_may(path)]
    if loose:
        listed = " ".join(str(path) for path in loose)
        zh, en = f"他人可读: chmod go= {listed}", f"others may read it: chmod go= {listed}"
        yield Row("data", State.MISSING, str(folder), zh, en)
    else:
        yield Row("data", State.OK, str(folder))
    free = machine.free_bytes(machine.under(existing))
    found = f"{free // 1_000_000} MB"
    if free >= FREE_BYTES:
        yield Row("disk", State.OK, found)
    else:
        yield Row("disk", State.MISSING, found, "清理存储空间", "make room: the journal must never meet a full disk")


def _others_may(path: Path) -> bool:
    return bool(stat.S_IMODE(path.stat().st_mode) & 0o077)


def _tls(machine: Machine, config: Config) -> Iterator[Row]:
    if not config.link.tls.on:
        zh, en = "出实验室必须开启: [link.tls] on = true", "it must be on outside the laboratory: [link.tls] on = true"
        yield Row("tls", State.WARN, "off", zh, en)
        return
    for tls in dict.fromkeys(config.link.tls_of(host) for host in config.link.hosts):
        yield from _tls_files(machine, tls)
    bare = [str(host) for host in config.link.hosts if not host.tls]
    if bare:
        zh, en = "此线路不用 TLS: 只可用于专线", "without TLS: for a private line only"
        yield Row("tls", State.WARN, ", ".join(bare), zh, en)


def _hosts(machine: Machine, config: Config) -> Iterator[Row]:
    """Each way to the host is called. One that answers is enough to sell; the others are what it falls back on."""
    ways = [(route, machine.calls(route)) for route in routes(config)]
    needed = State.WARN if any(fault is None for _, fault in ways) else State.MISSING
    for route, fault in ways:
        if fault is None:
            yield Row("host", State.OK, str(route))
        else:
            zh, en = REMEDIES[fault]
            if fault is LinkFault.REFUSED and route.host == LABORATORY:
                command = f"python -m sim acquirer --port {route.port}"
                zh, en = f"试用: 先运行 {command}; 或改 [link] hosts", f"to try it: {command}; or set [link] hosts"
            found_zh = f"{route}: {CHINESE[f'fault.{fault.value}']}"
            yield Row("host", needed, f"{route}: {fault.value}", zh, en, found_zh)


def _tls_files(machine: Machine, tls: Tls) -> Iterator[Row]:
    if not tls.on:
        return
    if tls.ca is not None and not machine.trusts(tls.ca):
        zh, en = "CA 文件读不了或不是证书", "the CA file cannot be read, or holds no certificate (PEM)"
        yield Row("tls", State.MISSING, str(tls.ca), zh, en)
        return
    for path in (tls.cert, tls.key):
        if path is not None and not path.is_file():
            yield Row("tls", State.MISSING, str(path), "文件不存在", "there is no such file")
            return
    if tls.key is not None and _others_may(tls.key):
        yield Row("tls", State.MISSING, str(tls.key), f"chmod 0600 {tls.key}", f"chmod 0600 {tls.key}")
        return
    yield Row("tls", State.OK, str(tls.ca or "system CAs"), found_zh=str(tls.ca or "系统 CA"))


def _font(machine: Machine, config: Config) -> Iterator[Row]:
    font = config.display.font or "unifont"
    try:
        load_font(font)
    except (FontError, OSError) as error:
        zh, en = "检查 [display] font", f"look at [display] font ({type(error).__name__})"
        yield Row("font", State.MISSING, str(font), zh, en)
    else:
        yield Row("font", State.OK, str(font))


def _core(machine: Machine, config: Config) -> Iterator[Row]:
    if machine.core_limit() == 0:
        yield Row("core", State.OK, "off")
    else:
        zh, en = (
            "服务方式运行时自动关闭 (LimitCORE=0); 手动: ulimit -c 0",
            "off in the service (LimitCORE=0); by hand: ulimit -c 0",
        )
        yield Row("core", State.WARN, "on", zh, en)


def _memory(machine: Machine, config: Config) -> Iterator[Row]:
    if machine.may_lock_memory():
        yield Row("memory", State.OK, "allowed")
    else:
        zh, en = (
            "密钥可能被换出到磁盘: 以服务方式运行 (LimitMEMLOCK=infinity) 或关闭 swap",
            "a key may be swapped out: run it as the service (LimitMEMLOCK=infinity), or switch swap off",
        )
        yield Row("memory", State.WARN, "limited", zh, en)


def _files(machine: Machine, config: Config) -> Iterator[Row]:
    """Whether they are sealed; what is in them the terminal looks at itself, at each start and each day."""
    manifest = config.checks.manifest
    if manifest is None:
        zh, en = "封存后改动会被发现: 见 docs/raspberry-pi.md", "sealed, a change would be found: docs/raspberry-pi.md"
        yield Row("files", State.WARN, "unsealed", zh, en)
    elif machine.exists(manifest):
        yield Row("files", State.OK, str(manifest))
    else:
        zh, en = "清单不存在, 终端会锁定", "there is no such list: the terminal will lock itself"
        yield Row("files", State.MISSING, str(manifest), zh, en)
