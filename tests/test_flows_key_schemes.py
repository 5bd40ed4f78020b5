"""The whole terminal with an acquirer of each key scheme: first run, sign-in, a sale with a PIN; and DUKPT beside."""

from __future__ import annotations

from dataclasses import replace

import pytest
from test_flows_stories import START, sale

from keys import DukptUse, KeyLayout, KeyRef, KeyScheme, MacMethod, Usage
from keys.testkeys import TEST_TMK, TEST_TMK_TRIPLE
from keys.usage import Algorithm
from sim.acquirer import Acquirer, Registry, TerminalRow
from sim.acquirer.registry import card_accounts
from sim.books import all_payments, discrepancies
from sim.story import play
from sim.world import MERCHANT_NO, TERMINAL_NO, World
from terminal.hostlink.profile import Profile, load_profile
from terminal.loop import Offload

PAID = sale("unionpay-credit-pin") + "enter_pin: 123456 ENTER\napproved:\nremove_card: remove\nidle:"


def world_of(code: str, cipher: KeyScheme, mac: MacMethod) -> World:
    profile: Profile = replace(load_profile("unionpay"), key_scheme=code, key_cipher=cipher, mac=mac)
    tmk = TEST_TMK_TRIPLE if cipher is KeyScheme.TRIPLE else TEST_TMK
    row = TerminalRow(MERCHANT_NO, TERMINAL_NO, tmk=tmk)
    return World("schemes", acquirer=Acquirer(Registry([row], card_accounts()), profile=profile), profile=profile)


@pytest.mark.parametrize(
    ("code", "cipher", "mac"),
    [
        ("001", KeyScheme.DES, MacMethod.UNIONPAY),
        ("003", KeyScheme.TDES, MacMethod.X9_19),
        ("004", KeyScheme.TRIPLE, MacMethod.UNIONPAY),
    ],
)
def test_a_sale_in_each_scheme(code: str, cipher: KeyScheme, mac: MacMethod) -> None:
    with world_of(code, cipher, mac) as world:
        world.run(play(world, START + PAID))
        assert [payment.state.value for payment in all_payments(world.journal)] == ["completed"]
        assert discrepancies(world.journal, world.acquirer) == []
        assert world.shop.keys.is_test
        layout = next(one for one in KeyLayout if (one.code, one.scheme) == (code, cipher))
        held = {ref.usage for ref in world.shop.keys.held()}
        expected = {Usage.TMK, *layout.usages} - {Usage.MAK} | {mac.usage}
        assert held == expected


def test_an_initial_key_lives_beside_the_session_keys() -> None:
    """From a flow: the keys' own thread takes the transaction, and the journal has its counter."""
    with world_of("004", KeyScheme.TDES, MacMethod.UNIONPAY) as world:
        ref, keys = KeyRef(Usage.INITIAL_KEY), world.shop.keys
        initial = bytearray.fromhex("6AC292FAA1315B4D858AB3A3D7D5933A")
        keys.load_initial_key(ref, initial, Algorithm.TDES, bytes.fromhex("FFFF9876543210E00000"))
        seen: list[bytes] = []

        def authenticate() -> bytes:
            with keys.next_transaction(ref, DukptUse.MAC) as transaction:
                transaction.mac(b"a message")
                return transaction.ksn

        async def people() -> None:
            await play(world, START)
            for _ in range(2):
                seen.append(await Offload("keys", authenticate, 30_000))
            await play(world, PAID)

        world.run(people())
        assert [ksn.hex().upper() for ksn in seen] == ["FFFF9876543210E00001", "FFFF9876543210E00002"]
        bodies = [event.body for event in world.journal.events_after(0) if event.kind == "counted"]
        counted = [(body["name"], body["value"]) for body in bodies]
        assert ("dukpt.tdes.FFFF9876.543210E0.0000", 2) in counted
        assert [payment.state.value for payment in all_payments(world.journal)] == ["completed"]
