"""What `python -m terminal` and the simulator share: a Shop from a configuration and any devices that meet the ports.

No concrete driver is imported here; only `__main__` modules choose them.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from emv.aids import default_aids
from emv.capk import CaKeys, CapkError, default_capks, load_capks
from emv.ics import identity
from emv.profile import TerminalProfile
from emv.rows import Problem
from keys import KeyStore
from keys import selftest as key_selftest
from keys.device_key import OTP_FILE, FileOnly, PiOtp
from terminal.config import Config
from terminal.hostlink.profile import Profile, load_profile
from terminal.hygiene import private_folder
from terminal.journal import Journal
from terminal.loop import Loop
from terminal.manifest import FileCheck
from terminal.rail import Rail
from terminal.screens.font import Font, load_font
from terminal.shop import PASSWORD_COST, Devices, Shop
from terminal.version import VERSION
from terminal.wallets.contracts import NotReady, OpenHttps, build_rails

DEVICE_ID = "device-id"
# 9F33: chip and magnetic stripe; online PIN, both PINs of the card's own, signature, no CVM; SDA, DDA, CDA.
# Spec: EMV 4.4 Book 4 §A2.
CAPABILITIES = bytes.fromhex("E0F8C8")
ONLINE_ONLY, OFFLINE_TOO = 0x21, 0x22  # 9F35 of a shop's attended terminal. Spec: EMV 4.4 Book 4 §A1.
BUILT_MS = 1_795_305_600_000  # 2026-11-22: no clock that says less is right.


def device_id(data: Path) -> str:
    """This terminal's own random name, made once; the key store is bound to it."""
    path = data / DEVICE_ID
    if not path.exists():
        private_folder(data)
        fresh = path.with_suffix(".new")
        fresh.write_text(secrets.token_hex(8), encoding="ascii")
        os.replace(fresh, path)
    return path.read_text(encoding="ascii").strip()


def open_keys(config: Config, journal: Journal) -> KeyStore:
    """This terminal's key store, as the configuration has it; its counters are the journal's. Raises KeyRefused."""
    data, chosen = config.general.data, config.keys
    device = PiOtp(chosen.otp or OTP_FILE) if chosen.device_key == "pi-otp" else FileOnly()
    return KeyStore.open(
        data / "keys",
        terminal_id=device_id(data),
        test_only=not chosen.real_keys,
        counters=journal.counters,
        device=device,
    )


def kernel_profile(config: Config) -> TerminalProfile:
    """What the kernel is told of this terminal. Raises CapkError, also if the file of CA keys cannot be read."""
    return TerminalProfile(
        aids=default_aids(),
        capabilities=CAPABILITIES,
        ca_keys=_ca_keys(config.card.capks),
        merchant_name="",
        terminal_type=OFFLINE_TOO if config.card.offline else ONLINE_ONLY,
    )


def _ca_keys(path: Path | None) -> CaKeys:
    if path is None:
        return default_capks()
    try:
        return load_capks(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise CapkError((Problem("file", str(error)),)) from None


def assemble(
    config: Config,
    devices: Devices,
    loop: Loop,
    keys: KeyStore,
    *,
    profile: Profile | None = None,
    kernel: TerminalProfile | None = None,
    font: Font | None = None,
    service_reason: str = "",
    dial: Callable[[str], None] = lambda address: None,
    set_system_clock: Callable[[int], bool] = lambda wall_ms: False,
    known_answers: Callable[[], tuple[tuple[str, bool], ...]] = key_selftest.run,
    file_check: Callable[[], FileCheck] | None = None,
    serial: str = "",
    note: Callable[[str], None] = lambda text: None,
    password_cost: int = PASSWORD_COST,
    https: OpenHttps | None = None,
) -> Shop:
    """Put one terminal together.

    `dial` points the link at a host typed in at the first run; `set_system_clock` says whether it was allowed to;
    `note` hears what goes wrong on the line to the host, one line of text at a time, without any secret. `https` opens
    the way to a wallet's gateway; without it no contract of the configuration can be used.
    Raises CapkError if no `kernel` is given and its CA keys cannot be read; ValueError for a `kernel` that never goes
    online, because without a sign-in nothing can be told or settled, and for contracts without `https`.
    """
    kernel = kernel or kernel_profile(config)
    if kernel.offline_only:
        raise ValueError("9F35: this terminal has a host; the type must be one that can go online")

    rails = _rails(config, keys, https, loop)
    ready = tuple((wallet, not isinstance(rail, NotReady)) for wallet, rail in rails.items())

    def self_tests() -> tuple[tuple[str, bool], ...]:
        # Version and checksum of the kernel's options stand among the checks, on the first screen and on the slip.
        crypto = all(passed for _, passed in known_answers())
        return (("keys", crypto), ("journal", not service_reason), (identity(kernel), True), *ready)

    profile = profile or load_profile(config.link.profile)
    profile = replace(
        profile,
        connect_timeout_ms=config.link.connect_ms or profile.connect_timeout_ms,
        response_timeout_ms=config.link.reply_ms or profile.response_timeout_ms,
    )
    return Shop(
        config=config,
        profile=profile,
        kernel=kernel,
        loop=loop,
        devices=devices,
        keys=keys,
        font=font or load_font(config.display.font or "unifont"),
        self_tests=self_tests,
        version=VERSION,
        service_reason=service_reason,
        dial=dial,
        set_system_clock=set_system_clock,
        built_ms=BUILT_MS,
        file_check=file_check,
        serial=serial,
        note=note,
        password_cost=password_cost,
        rails=rails,
    )


def _rails(config: Config, keys: KeyStore, https: OpenHttps | None, loop: Loop) -> dict[str, Rail]:
    if https is None:
        if config.wallets.contracts:
            raise ValueError("a contract with a wallet needs a way to its gateway")
        return {}
    return build_rails(config, keys, https, lambda: loop.now().wall_ms)
