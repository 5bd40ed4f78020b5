"""The configuration's values: sections, defaults, and the rule for each.

The defaults suit the reference build of docs/ (a Raspberry Pi with an SSD1306, a 4 x 4 keypad on the GPIO
header and a 58 mm printer) and the acquirer of the simulator on this machine. Numbers are BCM pin numbers,
milliseconds, baud.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from terminal.config.rules import (
    Address,
    Complaint,
    Rule,
    Wrong,
    address,
    flag,
    matching,
    number,
    one_of,
    option,
    path,
    scan_patterns,
    several,
    text,
)
from terminal.config.wallets import AlipayContract, Wallets, WeChatContract
from terminal.scan_patterns import Pattern, Patterns, ScanKind, overlaps, read_pattern

LANGUAGES = ("zh-CN", "en")
BAUDS = (1200, 2400, 4800, 9600, 19_200, 38_400, 57_600, 115_200)
# What is on the menu beside the sale, by the words of `transactions.offered`.
OFFERED = ("void", "refund", "balance", "auth", "auth-void", "completion", "signature", "order-refund", "order-query")
MOTO = ("moto-sale", "moto-refund", "moto-auth", "moto-auth-void", "moto-completion")
# By a contract of their own: off unless named.
ADVICES = ("tip", "completion-notice", "offline-settlement")
OFFERABLE = (*OFFERED, "repayment", "instalment", "points", "points-refund", *MOTO, *ADVICES)
HOSTS_LIMIT = 6  # Two addresses over cable, Wi-Fi and cellular; a customer waits for no more.
PIN_MAX = 27  # GPIO 0 to 27 are on the 40-pin header.

_pin = number(0, PIN_MAX)
_wait_ms = number(1_000, 600_000)  # Under a second nobody can act; past ten minutes a counter is blocked.


@dataclass(frozen=True, slots=True)
class General:
    """`language` is the first one shown; the person may switch. `data` holds journal and keys (0700)."""

    language: str = option("zh-CN", one_of(*LANGUAGES))
    data: Path = option(Path("data"), path())
    utc_offset_minutes: int = option(480, number(-720, 840))  # The shop's civil time; China has one zone.


@dataclass(frozen=True, slots=True)
class Merchant:
    """Fields 42 and 41 of the host link, or the code that gives both. What is not set is asked for at the first run."""

    name: str = option("掌柜演示商店", text(40))
    merchant_no: str | None = option(
        None, matching(r"[0-9A-Za-z]{15}", "须为 15 位数字或字母", "must have 15 digits or letters")
    )
    terminal_no: str | None = option(
        None, matching(r"[0-9A-Za-z]{8}", "须为 8 位数字或字母", "must have 8 digits or letters")
    )
    activation_code: str | None = option(
        None, matching(r"[0-9]{8,16}", "须为 8 至 16 位数字", "must have 8 to 16 digits")
    )


@dataclass(frozen=True, slots=True)
class Keys:
    """`real_keys` lets keys be loaded that are not published. This is no certified device: it is for a laboratory.

    `test_keys` false takes the published ones off the menus, where a terminal must never fall back to them.

    `device_key` says what the stored keys rest under: a file alone, or also a Pi's one-time memory.
    """

    real_keys: bool = option(False, flag())
    test_keys: bool = option(True, flag())
    device_key: str = option("file", one_of("file", "pi-otp"))
    otp: Path | None = option(None, path())


@dataclass(frozen=True, slots=True)
class Tls:
    """`ca` pins the acquirer's authority: with it, no other is trusted. `cert`, `key`: ours, if it asks."""

    on: bool = option(False, flag())
    ca: Path | None = option(None, path())
    cert: Path | None = option(None, path())
    key: Path | None = option(None, path())
    server_name: str | None = option(None, text())

    def complaints(self) -> Iterator[Complaint]:
        if (self.cert is None) != (self.key is None):
            there = "cert" if self.cert else "key"
            yield there, Wrong("cert 与 key 须同时设置", "cert and key are set together or not at all")
        if self.on and self.ca is None:
            yield "on", Wrong("TLS 须有 ca: 只信任收单方的 CA", "TLS needs ca: the one authority that is trusted")
        for name in ("ca", "cert", "key", "server_name"):
            if not self.on and getattr(self, name) is not None:
                yield name, Wrong("tls.on 未开启, 此项无效", "has no effect while tls.on is false")


@dataclass(frozen=True, slots=True)
class Host:
    """One way to the acquirer. `interface` is the network device to leave by; None: the system's choice.

    `tls` false: a private line without TLS, whatever `link.tls` says; what else is set here is stronger than there.
    """

    address: Address
    interface: str | None = None
    tls: bool = True
    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None
    server_name: str | None = None

    def __str__(self) -> str:
        return str(self.address)


_HOST: Mapping[str, Rule] = MappingProxyType(
    {
        "address": address(),
        "interface": matching(r"[A-Za-z0-9_.-]{1,15}", "须为网络接口名, 如 eth0", 'must be an interface ("eth0")'),
        "tls": flag(),
        "ca": path(),
        "cert": path(),
        "key": path(),
        "server_name": text(),
    }
)


def _host() -> Rule:
    def check(value: Any) -> Host:
        """ "host:port", or a table with more about it."""
        told = {"address": value} if isinstance(value, str) else value
        if not isinstance(told, dict) or "address" not in told:
            raise Wrong('须为 "主机:端口" 或 { address = ... }', 'must be "host:port" or { address = ... }')
        unknown = sorted(set(told) - set(_HOST))
        if unknown:
            raise Wrong(f"没有这一项: {unknown[0]}", f"there is no such key: {unknown[0]}")
        host = Host(**{name: _HOST[name](given) for name, given in told.items()})
        if (host.cert is None) != (host.key is None):
            raise Wrong("cert 与 key 须同时设置", "cert and key are set together or not at all")
        return host

    return check


@dataclass(frozen=True, slots=True)
class Link:
    """`hosts` are the ways to the acquirer, the preferred one first: terminal/hostlink/line.py says how they are used.

    `profile` names the acquirer's profile (a shipped one, or a file).
    """

    hosts: tuple[Host, ...] = option((Host(Address("127.0.0.1", 8583)),), several(_host(), 1, HOSTS_LIMIT))
    profile: str = option("unionpay", text())
    connect_ms: int | None = option(None, _wait_ms)
    reply_ms: int | None = option(None, _wait_ms)
    tls: Tls = field(default_factory=Tls)

    def complaints(self) -> Iterator[Complaint]:
        ways = [(host.address, host.interface) for host in self.hosts]
        if len(set(ways)) < len(ways):
            yield "hosts", Wrong("有重复的一项", "names one of them twice")

    def tls_of(self, host: Host) -> Tls:
        """TLS on that way: its own settings over those for all, its own name unless another is set."""
        return replace(
            self.tls,
            on=self.tls.on and host.tls,
            ca=host.ca or self.tls.ca,
            cert=host.cert or self.tls.cert,
            key=host.key or self.tls.key,
            server_name=host.server_name or self.tls.server_name or host.address.host,
        )


@dataclass(frozen=True, slots=True)
class Display:
    """`font` is a file, or None for the shipped one; it is never guessed. `port` is the I²C bus."""

    driver: str = option("ssd1306", one_of("ssd1306", "sh1107"))
    port: int = option(1, number(0, 22))
    address: int = option(0x3C, number(0x03, 0x77))
    rotate: int = option(0, one_of(0, 90, 180, 270))
    font: Path | None = option(None, path())

    def complaints(self) -> Iterator[Complaint]:
        if self.driver == "ssd1306" and self.rotate in (90, 270):
            yield "rotate", Wrong("128x64 屏只能旋转 0 或 180", "a 128x64 panel turns by 0 or 180 only")


NO_PRINTER = "none"


@dataclass(frozen=True, slots=True)
class Printer:
    """`cells` follow from `width_mm`: 58 mm has 32, 80 mm has 48. `transport` "none": there is no printer."""

    transport: str = option("serial", one_of("serial", "file", "network", NO_PRINTER))
    device: str = option("/dev/serial0", text())
    baud: int = option(9600, one_of(*BAUDS))
    address: Address | None = option(None, address())
    width_mm: int = option(58, one_of(58, 80))
    encoding: str = option("gb18030", one_of("gb18030", "gbk"))
    cutter: bool = option(False, flag())
    customer_last4: bool = option(True, flag())  # Of a card's number, on the customer's copy; else first 6 and last 4.

    @property
    def cells(self) -> int:
        return 48 if self.width_mm == 80 else 32

    def complaints(self) -> Iterator[Complaint]:
        if self.transport == "network" and self.address is None:
            yield "transport", Wrong("network 需要 address", 'network needs address = "host:port"')


@dataclass(frozen=True, slots=True)
class Reader:
    """`name` is a part of the PC/SC reader's name; readers are never chosen by number."""

    name: str | None = option(None, text())


@dataclass(frozen=True, slots=True)
class Card:
    """`capks` is the file of CA public keys for offline data authentication; None: the shipped test keys.

    `offline`: a card may approve a sale by itself, below its application's floor limit; the host hears of it later.
    """

    capks: Path | None = option(None, path())
    offline: bool = option(False, flag())


@dataclass(frozen=True, slots=True)
class Scanner:
    """`kind` "serial": a GM65-type module, and no device means no scanner. "camera": the Pi's, by its number."""

    kind: str = option("serial", one_of("serial", "camera"))
    camera: int = option(0, number(0, 3))

    device: str | None = option(None, text())
    baud: int = option(9600, one_of(*BAUDS))


def _patterns(*sources: str) -> tuple[Pattern, ...]:
    """A field of `Scans`: a list of patterns; an empty one means that the shop has no such codes."""
    return option(tuple(read_pattern(source) for source in sources), scan_patterns())


@dataclass(frozen=True, slots=True)
class Scans:
    """How each kind of code is known (terminal/scan_patterns.py has the notation).

    The wallets' own are public practice. Members', prepaid cards', coupons' and badges' are what we print ourselves.
    """

    wechat: tuple[Pattern, ...] = _patterns("10-15 18 digits")
    alipay: tuple[Pattern, ...] = _patterns("25-30 16-24 digits")
    unionpay: tuple[Pattern, ...] = _patterns("62 19 digits")
    consumer: tuple[Pattern, ...] = _patterns("hQVDUFY 24-2953 printable")
    merchant: tuple[Pattern, ...] = _patterns("000201 30-512 text")
    goods: tuple[Pattern, ...] = _patterns("* 8,12-13 digits mod10")
    member: tuple[Pattern, ...] = _patterns("ZGM 8-40 printable")
    prepaid: tuple[Pattern, ...] = _patterns("ZGP 8-40 printable")
    coupon: tuple[Pattern, ...] = _patterns("ZGC 8-40 printable")
    badge: tuple[Pattern, ...] = _patterns("ZGB 8-40 printable")

    @property
    def patterns(self) -> Patterns:
        return {kind: getattr(self, kind.value) for kind in ScanKind}

    def complaints(self) -> Iterator[Complaint]:
        for kind, one, other, two in overlaps(self.patterns):
            yield (
                kind.value,
                Wrong(
                    f'"{one.source}" 与 {other.value} 的 "{two.source}" 重叠: 同一个码会有两种意思',
                    f'"{one.source}" overlaps "{two.source}" of {other.value}: one code would be two things',
                ),
            )


@dataclass(frozen=True, slots=True)
class Stripe:
    """A serial swipe reader; no device means none. `lrc`: it hands on the character after each track's end."""

    device: str | None = option(None, text())
    baud: int = option(9600, one_of(*BAUDS))
    lrc: bool = option(False, flag())


@dataclass(frozen=True, slots=True)
class Signature:
    """`file`: where a signature pad's program leaves its strokes (drivers/signature_file.py); none means paper."""

    file: Path | None = option(None, path())


@dataclass(frozen=True, slots=True)
class Gpio:
    """BCM pins of the 4 x 4 keypad, the buzzer, the lamps and the tamper switch (None: not there)."""

    rows: tuple[int, ...] = option((5, 6, 13, 19), several(_pin, 4, 4))
    columns: tuple[int, ...] = option((12, 16, 20, 21), several(_pin, 4, 4))
    buzzer: int | None = option(18, _pin)
    lamp_power: int | None = option(22, _pin)
    lamp_online: int | None = option(23, _pin)
    lamp_card: int | None = option(24, _pin)
    lamp_alert: int | None = option(25, _pin)
    tamper: int | None = option(None, _pin)

    def complaints(self) -> Iterator[Complaint]:
        used: dict[int, str] = {}
        singles = ("buzzer", "lamp_power", "lamp_online", "lamp_card", "lamp_alert", "tamper")
        groups = [("rows", self.rows), ("columns", self.columns)]
        groups += [(name, (getattr(self, name),)) for name in singles if getattr(self, name) is not None]
        for name, pins in groups:
            for pin in pins:
                if pin in used:
                    yield (
                        name,
                        Wrong(f"引脚 {pin} 已用于 {used[pin]}", f"pin {pin} is already used by {used[pin]}"),
                    )
                used.setdefault(pin, name)


@dataclass(frozen=True, slots=True)
class Checks:
    """The daily self-test, and the signed list of installed files (`python -m terminal manifest`).

    `signer` is the public key that the list must be signed by. It stands here, and not beside the files, so that
    whoever can change the files cannot choose it.
    """

    daily: str = option("03:30", matching(r"([01][0-9]|2[0-3]):[0-5][0-9]", "须为 时:分", 'must be "hh:mm"'))
    signer: str | None = option(
        None, matching(r"[0-9a-f]{64}", "须为 64 位小写十六进制", "must be 64 lower-case hex digits")
    )
    manifest: Path | None = option(None, path())

    def complaints(self) -> Iterator[Complaint]:
        if (self.signer is None) != (self.manifest is None):
            there = "signer" if self.signer else "manifest"
            yield there, Wrong("signer 与 manifest 须同时设置", "signer and manifest are set together or not at all")


@dataclass(frozen=True, slots=True)
class Transactions:
    """`offered` beside the sale: what this merchant's contract has.

    `supervisor`: what one must agree to each time; None is what is customary (`rights.RIGHTS`).
    """

    offered: tuple[str, ...] = option(OFFERED, several(one_of(*OFFERABLE), 0, len(OFFERABLE)))
    supervisor: tuple[str, ...] | None = option(None, several(one_of("sale", *OFFERABLE), 0, len(OFFERABLE) + 1))
    tip_percent: int = option(20, number(1, 100))  # Of a sale, the highest tip; the host may allow less.
    partial: str = option("refuse", one_of("ask", "refuse"))  # When the issuer approves a part of a sale only (10).
    completion_percent: int = option(115, number(100, 200))  # Of what was authorised, the most that is completed.


@dataclass(frozen=True, slots=True)
class Bill:
    """`fee_bp`: what the acquirer keeps of a wallet's order, in basis points (60: 0.60 %); None: not checked."""

    fee_bp: int | None = option(None, number(0, 10_000))


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long the terminal waits for a person before it gives the sale up."""

    pin_ms: int = option(60_000, _wait_ms)
    card_ms: int = option(60_000, _wait_ms)
    key_ms: int = option(60_000, _wait_ms)
    result_ms: int = option(5_000, _wait_ms)


@dataclass(frozen=True, slots=True)
class Config:
    """All of it. `Config.default()` is what an empty file gives."""

    general: General = field(default_factory=General)
    merchant: Merchant = field(default_factory=Merchant)
    keys: Keys = field(default_factory=Keys)
    link: Link = field(default_factory=Link)
    display: Display = field(default_factory=Display)
    printer: Printer = field(default_factory=Printer)
    reader: Reader = field(default_factory=Reader)
    card: Card = field(default_factory=Card)
    scanner: Scanner = field(default_factory=Scanner)
    scans: Scans = field(default_factory=Scans)
    stripe: Stripe = field(default_factory=Stripe)
    signature: Signature = field(default_factory=Signature)
    gpio: Gpio = field(default_factory=Gpio)
    checks: Checks = field(default_factory=Checks)
    transactions: Transactions = field(default_factory=Transactions)
    bill: Bill = field(default_factory=Bill)
    timeouts: Timeouts = field(default_factory=Timeouts)
    wallets: Wallets = field(default_factory=Wallets)

    @classmethod
    def default(cls) -> Config:
        return cls()


SECTIONS: Mapping[str, Callable[[], Any]] = MappingProxyType(
    {
        "general": General,
        "merchant": Merchant,
        "link": Link,
        "link.tls": Tls,
        "display": Display,
        "printer": Printer,
        "reader": Reader,
        "card": Card,
        "scanner": Scanner,
        "scans": Scans,
        "stripe": Stripe,
        "signature": Signature,
        "gpio": Gpio,
        "keys": Keys,
        "checks": Checks,
        "transactions": Transactions,
        "bill": Bill,
        "timeouts": Timeouts,
        "wallets": Wallets,
        "wallets.wechat": WeChatContract,
        "wallets.alipay": AlipayContract,
    }
)
