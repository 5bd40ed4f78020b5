"""What went wrong at the line, at the host and with a card is followed in a recording that holds no secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from keys.testkeys import TEST_TMK
from sim.canary import digits, found, needles, packed
from sim.card import PROFILES
from sim.recording.following import PANELS, follow
from sim.scenario.command import shipped
from sim.scenario.playing import terms_of
from sim.scenario.reading import load_scenario
from sim.stage import Stage
from terminal.hostlink.profile import load_profile
from terminal.loop import Loop
from terminal.recording import Recording

pytestmark = pytest.mark.slow
FOLLOWED = (
    "another-amount",
    "another-stan",
    "another-terminal",
    "bad-issuer-authentication",
    "cable-out-then-in",
    "card-refuses-the-approval",
    "card-torn-at-command-7",
    "card-torn-at-the-second-cryptogram",
    "customer-walks-away",
    "flapping-line",
    "garbled-reply",
    "no-mac",
    "power-cut-again-in-recovery",
    "qr-host-silent",
    "qr-power-cut",
    "refused",
    "reversal-lost",
    "settlement-lost",
    "sign-in-bad-key",
    "wallet-discount",
    "wrong-mac",
)
APPLICATIONS = [app for card in PROFILES.values() for app in card.applications]
SECRETS = needles(
    {
        "PAN": [form for app in APPLICATIONS for form in digits(app.pan)],
        "track": [packed(f"{app.pan}D{app.expiry[:4]}") for app in APPLICATIONS],
        "key": [bytes(TEST_TMK)],
    }
)


@pytest.mark.parametrize("path", [path for path in shipped() if path.stem in FOLLOWED], ids=lambda path: path.stem)
def test_it_decides_again_what_it_decided(path: Path, tmp_path: Path) -> None:
    scenario = load_scenario(path)
    terms = terms_of(scenario, "en")
    panel = next(name for name, size in PANELS.items() if size == terms.panel)
    about = {"language": terms.language, "profile": terms.profile, "panel": panel, "offered": terms.offered}
    out = tmp_path / "bug.jsonl"

    def tape(loop: Loop) -> Recording:
        profile = load_profile(terms.profile)
        return Recording(out, profile=profile, about=about, clock_ms=loop.clock_ms, patient=True)

    with Stage(terms, tape=tape) as stage:
        for step in scenario.steps:
            stage.perform(step)
    assert found(SECRETS, "the recording", out.read_bytes()) == []
    verdict = follow(out)
    assert verdict.same, verdict
    assert verdict.decisions


def test_each_of_them_is_there() -> None:
    assert set(FOLLOWED) <= {path.stem for path in shipped()}
