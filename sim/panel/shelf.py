"""The cards that lie on the bench: the simulator's profiles, those that tell most first, none with its full number."""

from __future__ import annotations

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
    "mute",
    "expired",
    "rich",
)


def cards() -> list[JSONObject]:
    """For the page: name, words in both languages, masked PAN, and the PIN, which on a test card is no secret."""
    names = [name for name in FIRST if name in PROFILES]
    names += [name for name in PROFILES if name not in names]
    return [
        {
            "name": name,
            "zh": PROFILES[name].zh,
            "en": PROFILES[name].en,
            "pan": mask_pan(PROFILES[name].pan),
            "pin": PROFILES[name].pin,
        }
        for name in names
    ]
