"""The terminal's configuration: one TOML file, read into one frozen value.

What the shop decides once and what the hardware is stands here; what changes while trading (operators and
their passwords, the batch, the merchant's numbers typed in at the first run) stands in the journal. A
password has no default, so there is none in this file.

`settings.py` and `wallets.py` hold the values, their defaults and their rules; `reading.py` reads a file and reports
all of its errors at once. A commented example: terminal/zhanggui.example.toml.
"""

from terminal.config.reading import ConfigErrors, load_config, parse_config
from terminal.config.rules import Address, Problem
from terminal.config.settings import (
    NO_PRINTER,
    Card,
    Checks,
    Config,
    Display,
    General,
    Gpio,
    Host,
    Keys,
    Link,
    Merchant,
    Printer,
    Reader,
    Scanner,
    Timeouts,
    Tls,
)
from terminal.config.wallets import AlipayContract, Contract, Wallets, WeChatContract

__all__ = [
    "NO_PRINTER",
    "Address",
    "AlipayContract",
    "Card",
    "Checks",
    "Config",
    "ConfigErrors",
    "Contract",
    "Display",
    "General",
    "Gpio",
    "Host",
    "Keys",
    "Link",
    "Merchant",
    "Printer",
    "Problem",
    "Reader",
    "Scanner",
    "Timeouts",
    "Tls",
    "Wallets",
    "WeChatContract",
    "load_config",
    "parse_config",
]
