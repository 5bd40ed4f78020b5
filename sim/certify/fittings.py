"""What a case wants of its terminal beside the delivered one: a pad, a card that may approve alone, a second way to the
host, a profile that says something else; or a terminal that nobody has switched on yet.

The names are the script's (`fittings`), their words for people are in sim.certify.words.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from importlib import resources

from drivers.signature_file import SignatureFile
from sim.twins.link import Network
from sim.twins.pad import Strokes, TwinSignaturePad
from sim.world import World
from terminal.assembly import kernel_profile
from terminal.config.settings import Card
from terminal.hostlink.profile import Profile

PAD, OFFLINE, NEW_TMK, KEPT, ROUTES, BLANK = "pad", "offline", "new-tmk", "kept", "routes", "blank"
FITTINGS = (PAD, OFFLINE, NEW_TMK, KEPT, ROUTES, BLANK)
# A port that closes is a person's only way to the host, so nobody sees the second one taken.
SIMULATED_ONLY = frozenset((ROUTES,))
STROKES = "signature.json"
TMK_CODE = "401"  # F60.3; no shipped profile has one.
FLOOR_LIMIT_MINOR = 100_000


class SignedPad(TwinSignaturePad):
    """The cardholder signs as soon as the pad is ready."""

    def __init__(self, signature: Strokes) -> None:
        super().__init__()
        self._signature = signature

    def clear(self) -> None:
        super().clear()
        self.sign(self._signature)


def signature() -> Strokes:
    """The strokes of the script's file, as a pad's program would write it."""
    with resources.as_file(resources.files("sim.certify").joinpath("script", STROKES)) as path:
        return SignatureFile(path).strokes() or ()


def profile_for(fittings: Sequence[str], profile: Profile) -> Profile:
    if NEW_TMK in fittings:
        profile = dataclasses.replace(profile, tmk_download=TMK_CODE)
    return dataclasses.replace(profile, connection_kept=True) if KEPT in fittings else profile


def pad_for(fittings: Sequence[str]) -> TwinSignaturePad | None:
    return SignedPad(signature()) if PAD in fittings else None


def lines_for(fittings: Sequence[str]) -> tuple[Network, ...]:
    """The ways to the host beside the first, which alone closes when a story says `host refused`."""
    return (Network(),) if ROUTES in fittings else ()


def fit(world: World, fittings: Sequence[str]) -> None:
    """What is set on a world that stands: for `offline` the terminal's type, and each application's floor limit."""
    if OFFLINE not in fittings:
        return
    world.shop.config = dataclasses.replace(world.shop.config, card=Card(offline=True))
    kernel = kernel_profile(world.shop.config)
    aids = tuple(
        dataclasses.replace(row, floor_limit_minor=FLOOR_LIMIT_MINOR, tac_online=bytes(5), tac_default=bytes(5))
        for row in kernel.aids
    )
    world.shop.kernel = dataclasses.replace(kernel, aids=aids)
