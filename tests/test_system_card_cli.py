"""`python -m terminal card` as a process, on the virtual card behind the real pcscd and pyscard."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from chip_cards import CardInVpcd

from drivers.card_reader import PcscCardReader
from drivers.ports import Presence
from sim.card import PROFILES, VirtualCard
from sim.wire.pcsc import PrivatePcscd

pytestmark = [pytest.mark.system, pytest.mark.slow]

PATIENCE_S = 60


class Slot:
    """Puts a card in and waits until pcscd has noticed; the slot is empty again at the end."""

    def __init__(self, pcscd: PrivatePcscd) -> None:
        self._pcscd = pcscd
        self._seen: queue.Queue[Presence] = queue.Queue()
        self._watch = PcscCardReader(pcscd.reader(0))
        self._watch.watch(self._seen.put)
        self._card: CardInVpcd | None = None
        self._until(Presence.ABSENT)

    def insert(self, name: str) -> None:
        self._card = CardInVpcd(self._pcscd.port(0), VirtualCard(PROFILES[name]))
        self._until(Presence.PRESENT)

    def close(self) -> None:
        if self._card is not None:
            self._card.remove()
            self._until(Presence.ABSENT)
        self._watch.close()

    def _until(self, presence: Presence) -> None:
        assert self._seen.get(timeout=PATIENCE_S) is presence


@pytest.fixture
def slot(pcscd: PrivatePcscd) -> Iterator[Slot]:
    made = Slot(pcscd)
    yield made
    made.close()


def command(
    pcscd: PrivatePcscd, *more: str, reader: str | None = None, issuer: str = "approve"
) -> tuple[int, dict[str, Any], str]:
    """Exit status, the last line's object, everything printed."""
    words = ["--reader", reader or pcscd.reader(0), "--amount", "10.00", "--issuer", issuer, "--json", *more]
    done = subprocess.run(
        [sys.executable, "-m", "terminal", "card", *words],
        env={**os.environ, **pcscd.environment},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout.splitlines()[-1]), done.stdout + done.stderr


@pytest.mark.parametrize("name", ["unionpay-credit-pin", "long-61xx", "format-77", "two-apps"])
def test_an_approval(pcscd: PrivatePcscd, slot: Slot, name: str) -> None:
    slot.insert(name)
    status, found, _ = command(pcscd)
    assert (status, found["outcome"], found["cryptogram_type"]) == (0, "approved", "TC")
    assert all(len(pair) == 2 and pair[1].endswith(("9000", "6A83")) for pair in found["apdus"])


def test_a_trace_of_a_real_reader_replays_without_it(pcscd: PrivatePcscd, slot: Slot, tmp_path: Path) -> None:
    slot.insert("unionpay-credit-pin")
    status, _, _ = command(pcscd, "--trace", str(tmp_path / "sale.jsonl"))
    assert status == 0
    again = subprocess.run(
        [sys.executable, "-m", "emv", "replay", str(tmp_path / "sale.jsonl"), "--json"],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert again.stdout, again.stderr
    assert json.loads(again.stdout)["agreement"] == "same"


@pytest.mark.parametrize("issuer", ["decline", "none"])
def test_a_refusal(pcscd: PrivatePcscd, slot: Slot, issuer: str) -> None:
    slot.insert("unionpay-debit-pin")
    status, found, _ = command(pcscd, issuer=issuer)
    assert (status, found["outcome"], found["cryptogram_type"]) == (1, "declined", "AAC")


@pytest.mark.parametrize("name", ["garbage-tlv", "endless-61xx"])
def test_a_card_that_breaks_the_rules(pcscd: PrivatePcscd, slot: Slot, name: str) -> None:
    slot.insert(name)
    status, found, _ = command(pcscd)
    assert (status, found["outcome"]) == (1, "terminated")


def test_a_mute_card(pcscd: PrivatePcscd, slot: Slot) -> None:
    slot.insert("mute")
    status, found, said = command(pcscd)
    assert (status, found["outcome"]) == (3, "trouble")
    assert "upside down" in said


def test_no_card_and_no_reader(pcscd: PrivatePcscd, slot: Slot) -> None:
    status, _, said = command(pcscd)
    assert status == 3
    assert "there is no card" in said
    status, _, said = command(pcscd, reader="ACR39U")
    assert status == 3
    assert f'no reader is called "ACR39U"; there is {pcscd.reader(0)}' in said
