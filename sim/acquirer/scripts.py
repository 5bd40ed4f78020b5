"""Which issuer script goes with which answer: the rules of the test issuers.

A profile's `issuer_sends` names a script that comes once, with the issuer's next answer. Beside that, a card that says
its PIN tries are used up gets them back when its holder has proved to be himself by the online PIN.

Spec: EMV 4.4 Book 3 §10.10; field 55 of docs/host-link.md carries 71 and 72 as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from sim.acquirer.registry import Account
from sim.issuer import (
    AFTER_FINAL,
    BEFORE_FINAL,
    BLOCK_APPLICATION,
    BLOCK_CARD,
    UNBLOCK_PIN,
    CheckedCryptogram,
    Order,
    put_data,
)


@dataclass(frozen=True, slots=True)
class Script:
    """What is ordered, and in which template. `identifier` is tag 9F18."""

    orders: tuple[Order, ...]
    template: int = AFTER_FINAL
    identifier: bytes = b""


# The new limits: five offline transactions at most, and six with an issuer out of reach.
SCRIPTS: Mapping[str, Script] = MappingProxyType(
    {
        "block-application": Script((BLOCK_APPLICATION,), BEFORE_FINAL, bytes.fromhex("00000001")),
        "block-card": Script((BLOCK_CARD,), AFTER_FINAL, bytes.fromhex("00000002")),
        "unblock-pin": Script((UNBLOCK_PIN,), AFTER_FINAL, bytes.fromhex("00000003")),
        "set-limits": Script(
            (put_data(0x9F58, b"\x05"), put_data(0x9F59, b"\x06")), AFTER_FINAL, bytes.fromhex("00000004")
        ),
    }
)


def script_for(account: Account, checked: CheckedCryptogram, *, approved: bool, online_pin: bool) -> bytes:
    """Template 71 or 72 for this answer, or nothing. A script that the profile names is sent once."""
    name, account.sends = account.sends, ""
    if not name and checked.pin_blocked and approved and online_pin:
        name = "unblock-pin"
    if not name:
        return b""
    script = SCRIPTS[name]
    return checked.script(*script.orders, template=script.template, identifier=script.identifier)
