"""The cards that lie on the bench: the simulator's profiles, those that tell most first, none with its full number."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from sim.card.profiles import PROFILES
from sim.panel.protocol import JSONObject
from terminal.model import mask_pan

# What a person tries first: approved, out of funds, another PIN card, no PIN at all; then the accidents.
FIRST = (
    "unionpay-credit-pin",
    "poor",
    "unionpay-debit-pin",
    "no-cvm",
    "signature",
    "two-apps",
    "lost",
    "do-not-honour",
    "declines-after-approval",
    "stripe-debit",
    "mute",
    "expired",
    "rich",
)
# The rest by group, with its heading in both languages.
GROUPS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "good": ("好卡", "Good cards"),
        "authentication": ("认证与脱机密码", "Authentication, offline PIN"),
        "refused": ("被拒绝的卡", "Refused cards"),
        "odd": ("特殊的卡", "Odd cards"),
        "hostile": ("恶意与损坏的卡", "Hostile and broken cards"),
    }
)
# Of nearly a hundred hostile cards those whose end a person can tell apart; `python -m sim card --list` has them all.
HOSTILE = (
    "garbage-tlv",
    "garbage-gpo",
    "garbage-ac",
    "random-record",
    "duplicate-tag",
    "pan-differs",
    "no-expiry",
    "endless-61xx",
    "silent-at-ac",
    "pulled-at-ac",
    "pulled-at-second-ac",
    "slow",
    "ac-flipped",
    "offline-approver",
    "second-arqc",
    "second-ac-6985",
    "issuer-hash-wrong",
    "icc-certificate-expired",
    "cda-lies",
    "verify-6d00",
    "verify-endless",
)


def cards() -> list[JSONObject]:
    """For the page: name, words in both languages, masked PAN, and the PIN, which on a test card is no secret.

    `group` is a heading in both languages, but for the cards that lie on top.
    """
    names = list(FIRST)
    for group in GROUPS:
        shown = HOSTILE if group == "hostile" else [name for name in PROFILES if PROFILES[name].group == group]
        names += [name for name in shown if name not in names]
    return [
        {
            "name": name,
            "zh": PROFILES[name].zh,
            "en": PROFILES[name].en,
            "pan": mask_pan(PROFILES[name].pan),
            "pin": PROFILES[name].pin,
            "group": None if name in FIRST else dict(zip(("zh", "en"), GROUPS[PROFILES[name].group], strict=True)),
        }
        for name in names
    ]
