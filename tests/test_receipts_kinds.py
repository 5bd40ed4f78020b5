"""A golden slip of every kind of card transaction: both copies, both languages, 58 and 80 mm, one sheet each.

What each kind has to show is derived from its row of TRANSACTIONS, so that a kind without a slip cannot be added. The
sheet is the text that stands on the paper after the bytes have been through the printer.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from drivers.escpos_encoder import PrinterSettings, encode
from drivers.ports import Text
from sim.slip_samples import CHIP, HEAD
from sim.wire.paper import PaperPrinter
from sim.wire.roll import text_of
from terminal.hostlink.transactions import TRANSACTIONS, Card, Names, Row
from terminal.model import Kind, Money
from terminal.receipts import CardSlip, Copy, Entry, Verification, lay_out

pytestmark = pytest.mark.slow  # Many small ones: `make test-quick` is to stay quick.

PRINTED = [kind for kind in Kind if kind is not Kind.BALANCE]  # A balance is for the glass alone.
WIDTHS = (32, 48)
LANGUAGES = ("zh-CN", "en")


def sample(kind: Kind) -> CardSlip:
    """The slip of a kind as its flow makes it: chip block with a cryptogram, original by what names it."""
    row = TRANSACTIONS[kind]
    entry, verification = _how(row)
    slip = CardSlip(
        HEAD,
        Money(12850),
        "622500******0014",
        "000042",
        kind=kind,
        entry=entry,
        verification=verification,
        acquirer="银联商务",
        issuer="示例银行",
        auth_code="A1B2C3",
        ref_no="260305142231",
        chip=CHIP if row.card is Card.FULL else None,
        terms="12" if kind is Kind.INSTALMENT else "",
        base=Money(100_00) if kind is Kind.TIP else None,
    )
    return dataclasses.replace(slip, **_original(row))


def _how(row: Row) -> tuple[Entry, Verification]:
    if row.card in (Card.TYPED, Card.NONE):
        return Entry.MANUAL, Verification.ABSENT
    return Entry.CHIP, Verification.SIGNATURE


def _original(row: Row) -> dict[str, str]:
    match row.names:
        case Names.STAN:
            return {"original": "000017", "original_by": "voucher"}
        case Names.DATE if row.sends == (37,):
            return {"original": "260304091500", "original_by": "rrn", "original_date": "0304"}
        case Names.DATE:
            return {"original": "X9Y8Z7", "original_by": "auth_code", "original_date": "0304"}
        case Names.AUTHORISER:
            return {"original": "X9Y8Z7", "original_by": "auth_code"}
        case _:
            return {}


@pytest.mark.parametrize("cells", WIDTHS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_sheet(language: str, cells: int, golden: Callable[[str, bytes], None]) -> None:
    printer = PaperPrinter(cells)
    for kind in PRINTED:
        for copy in Copy:
            lines = lay_out(sample(kind), cells=cells, language=language, copy=copy)
            printer.receive(b"".join(encode(lines, PrinterSettings(cells=cells))))
    golden(f"slips/kinds-{language}-{cells}.txt", ("\n".join(text_of(printer.roll, cells)) + "\n").encode())


def said(kind: Kind, copy: Copy) -> str:
    lines = lay_out(sample(kind), cells=48, language="en", copy=copy)
    return "\n".join(line.text for line in lines if isinstance(line, Text))


@pytest.mark.parametrize("kind", PRINTED)
def test_a_slip_shows_what_its_kind_has(kind: Kind) -> None:
    row, merchant, customer = TRANSACTIONS[kind], said(kind, Copy.MERCHANT), said(kind, Copy.CARDHOLDER)
    present = row.card in (Card.FULL, Card.READ)
    assert ("622500******0014 /" in merchant, "622500" in customer) == (True, False)
    assert "************0014 /" in customer
    assert (" /I" in merchant, " /M" in merchant) == (present, not present)
    assert ("____" in merchant, "____" in customer) == (present, False)
    agreed = "I ACKNOWLEDGE" in merchant or "I CONFIRM" in merchant
    assert ("NO SIGNATURE" in merchant, agreed) == (not present, present)
    assert ("TVR:" in merchant) is (row.card is Card.FULL)
    assert ("ORIG " in merchant) is (row.names is not Names.NOTHING)
    assert ("ORIG DATE" in merchant) is (row.names is Names.DATE)
    assert "MERCHANT COPY" in merchant and "CARDHOLDER COPY" in customer


def test_each_kind_is_called_something_else() -> None:
    def words(kind: Kind) -> str:
        return next(line for line in said(kind, Copy.MERCHANT).splitlines() if line.startswith("TRANS TYPE"))

    assert len({words(kind) for kind in PRINTED}) == len(PRINTED)


def test_a_repayment_has_a_slip_of_its_own() -> None:
    assert said(Kind.REPAYMENT, Copy.MERCHANT).startswith("CARD REPAYMENT")
    assert "GOODS" not in said(Kind.REPAYMENT, Copy.MERCHANT)


def test_a_tip_adds_up_on_its_slip() -> None:
    merchant = said(Kind.TIP, Copy.MERCHANT)
    assert [amount in merchant for amount in ("RMB 100.00", "RMB 128.50", "RMB 228.50")] == [True] * 3


def test_an_acquirer_that_wants_six_and_four_on_both_copies_gets_them() -> None:
    lines = lay_out(sample(Kind.SALE), cells=48, language="en", copy=Copy.CARDHOLDER, last4=False)
    assert any("622500******0014 /I" in line.text for line in lines if isinstance(line, Text))
