"""A terminal that does one thing wrong fails the case that is about it, at the very place; a good one passes it.

The certification is only worth what it refuses: each wrong terminal here is the good one with one change on the wire.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from certify_liars import Change, tried, wrong_places

from sim.certify.judge import Verdict
from terminal.hostlink.codec import Message

pytestmark = pytest.mark.slow  # Whole sales, some seventy of them.


def only(mti: str, change: Callable[[Message], Message | None], *, nth: int = 1) -> Change:
    """The change from the nth message of this type on; the terminal's own sign-in before the case counts, too."""
    seen = [0]

    def apply(message: Message) -> Message | None:
        seen[0] += message.mti == mti
        return change(message) if message.mti == mti and seen[0] >= nth else message

    return apply


def with_(**fields: str | bytes) -> Callable[[Message], Message]:
    return lambda message: message.with_fields({int(name[1:]): value for name, value in fields.items()})


def without(*numbers: int) -> Callable[[Message], Message]:
    return lambda message: message.without(*numbers)


def first_stan_again() -> Callable[[Message], Message]:
    """Every sale has the STAN of the first."""
    stans: list[str] = []

    def change(message: Message) -> Message:
        stans.append(message.text(11))
        return message.with_fields({11: stans[0]})

    return change


@dataclass(frozen=True)
class Wrong:
    name: str
    case: str
    place: str  # Of a check that must fail.
    change: Callable[[], Change] = field(repr=False)
    spoil_mac: bool = False


def _flip(message: Message) -> Message:
    mac = message.binary(64)
    return message.with_fields({64: bytes((mac[0] ^ 1,)) + mac[1:]})


WRONG = (
    Wrong("F22 says that there was no PIN", "SALE-01", "1.F22", lambda: only("0200", with_(f22="052"))),
    Wrong("no PIN capture code", "SALE-01", "1.F26", lambda: only("0200", without(26))),
    Wrong("a PIN block of another PIN", "SALE-01", "1.F52", lambda: only("0200", with_(f52=bytes(8)))),
    Wrong("a PIN where the card has checked it", "SALE-04", "1.fields",
          lambda: only("0200", with_(f22="051", f26="12", f52=bytes(8), f53="2600000000000000"))),
    Wrong("another amount in F4 than the cryptogram is over", "SALE-11", "1.F4",
          lambda: only("0200", with_(f4="000000000002"))),
    Wrong("no cryptogram", "SALE-02", "1.F55.9F26", lambda: only("0200", without(55))),
    Wrong("a field that nobody asked for", "SALE-02", "1.fields", lambda: only("0200", with_(f57="HELLO"))),
    Wrong("the MAC is wrong", "SALE-02", "1.F64", lambda: only("0200", _flip), spoil_mac=True),
    Wrong("no MAC", "SALE-02", "1.F64", lambda: only("0200", without(64))),
    Wrong("the same STAN again", "SEC-06", "2.F11", lambda: only("0200", first_stan_again())),
    Wrong("the old STAN after a wrong PIN", "SALE-06", "2.F11", lambda: only("0200", first_stan_again())),
    Wrong("no reversal", "REV-01", "2.MTI", lambda: only("0400", lambda message: None)),
    Wrong("a reversal with a STAN of its own", "REV-01", "2.F11", lambda: only("0400", with_(f11="000099"))),
    Wrong("a reversal for another reason", "SEC-01", "2.F39", lambda: only("0400", with_(f39="98"))),
    Wrong("a reversal that carries the track", "MAG-07", "2.F35",
          lambda: only("0400", with_(f35="6225000000000014D30122010000"))),
    Wrong("a reversal of another amount", "CODE-05", "2.F4", lambda: only("0400", with_(f4="000000006425"))),
    Wrong("fallback not told", "MAG-03", "1.F60.5", lambda: only("0200", with_(f60="2200000100050"))),
    Wrong("a sign-in without the operator", "SIGN-01", "1.F63", lambda: only("0800", without(63), nth=2)),
    Wrong("no sign-in where one is demanded", "SIGN-05", "2.MTI", lambda: only("0800", lambda message: None, nth=2)),
    Wrong("totals that leave a sale out", "SET-01", "3.F48",
          lambda: only("0500", with_(f48="000000012850001" + "0" * 47))),
    Wrong("an order without its number", "QR-01", "1.F59.A4", lambda: only("0200", without(59))),
    Wrong("numbers in an activation", "ACT-01", "1.F41", lambda: only("0800", with_(f41="10000001"))),
    Wrong("another master key than the host gave", "TMK-01", "2.answer", lambda: only("0820", with_(f62=b"WXYZ"))),
    Wrong("an offline sale that nobody is told of", "ADV-07", "books", lambda: only("0220", lambda message: None)),
    Wrong("an offline sale of another amount", "ADV-07", "books", lambda: only("0220", with_(f4="000000000900"))),
    Wrong("a signature of another payment", "PAD-01", "2.F11", lambda: only("0820", with_(f11="000099"))),
    Wrong("a signature without its picture", "PAD-01", "2.F62", lambda: only("0820", without(62))),
    Wrong("no echo on a kept connection", "LINK-03", "2.MTI", lambda: only("0820", lambda message: None)),
    Wrong("a parked reversal that is forgotten", "REV-13", "8.MTI",
          lambda: only("0400", lambda message: None, nth=5)),
)  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.name)
def test_a_wrong_terminal_is_seen(wrong: Wrong) -> None:
    result = tried(wrong.case, wrong.change(), spoil_mac=wrong.spoil_mac)
    assert result.verdict is Verdict.FAILED
    assert wrong.place in wrong_places(result)


@pytest.mark.parametrize("case", sorted({wrong.case for wrong in WRONG}))
def test_the_good_terminal_passes_each_of_these_cases(case: str) -> None:
    result = tried(case)
    assert wrong_places(result) == set()
    assert result.verdict is Verdict.PASSED


def test_a_terminal_that_charges_twice_is_seen_by_both_books() -> None:
    """It never hears of the reversal, so the customer pays what the terminal calls reversed."""
    result = tried("REV-01", only("0400", lambda message: None))
    assert {"host book", "books"} <= wrong_places(result)


def test_each_turn_of_a_case_is_judged() -> None:
    """REV-04 is played once for each of three codes, with two reversals in each turn."""
    spoilt = tried("REV-04", only("0400", with_(f39="06")))
    assert {f"{number}.F39" for number in (2, 3, 6, 7, 10, 11)} <= wrong_places(spoilt)
