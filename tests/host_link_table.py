"""The table of all kinds of card transaction in docs/host-link.md, made from TRANSACTIONS and the very message builder.

    PYTHONPATH=.:tests python tests/host_link_table.py

prints it, for whoever has added a kind. Further fields are those of a request beside the ones that every one has.
"""

from __future__ import annotations

from sim.acquirer.checks import demands_of
from terminal.hostlink.card_messages import INSERTED, MANUAL, SWIPED, CardFields, Original, card_request
from terminal.hostlink.messages import Terminal
from terminal.hostlink.notices import keepable
from terminal.hostlink.profile import Profile, load_profile
from terminal.hostlink.transactions import Card, Effect, Names, Row, Silence
from terminal.model import Kind, Money
from terminal.receipts.words import KINDS

HEADS = (
    *("kind", "MTI", "F3", "F25", "60.1", "60.7", "by chip", "by stripe", "typed or sealed", "PIN", "original"),
    *("no answer", "counts as", "on the slip"),
)
COMMON = frozenset({2, 3, 11, 22, 25, 41, 42, 49, 60, 64})
TERMINAL = Terminal("898440153110001", "10000001", "000001")
ORIGINAL = Original("000001", "000002", "1223", "122300000002", "000002", "01", "00010000")
TRACK = "6225000000000014D30122010000000000"
CHIP = CardFields("6225000000000014", "3012", "001", TRACK, icc=b"\x95\x01\x00", entry=INSERTED)
STRIPE = CardFields("6225000000000014", "3012", track2=TRACK, track3="99156", entry=SWIPED)
TYPED = CardFields("6225000000000014", "3012", entry=MANUAL)
SEALED = CardFields("6225000000000014", "3012", "001", entry=MANUAL)
SILENCES = {
    Silence.REVERSE: "reversal",
    Silence.REPEAT: "sent again",
    Silence.UNKNOWN: "unknown",
    Silence.NOTHING: "nothing moved",
}
NAMES = {
    Names.NOTHING: "",
    Names.STAN: "61 batch, STAN",
    Names.DATE: "61 zeros, date",
    Names.AUTHORISER: "61 zeros, who",
}
EFFECTS = {Effect.DEBIT: "debit", Effect.CREDIT: "credit", Effect.NONE: ""}


def table_of_kinds(profile: Profile) -> list[list[str]]:
    """The cells of each row."""
    return [_cells(row, profile) for row in profile.transactions.values()]


def _cells(row: Row, profile: Profile) -> list[str]:
    zh, en = KINDS[row.kind]
    full, read = row.card is Card.FULL, row.card is Card.READ
    typed = row.card is Card.TYPED
    from_seal = row.card is Card.NONE or (read and row.names is Names.STAN)
    return [
        row.kind.value,
        row.mti,
        row.processing_code,
        row.condition,
        row.type,
        row.account,
        _fields(row, profile, CHIP if full else _without_icc()) if full or read else "",
        _fields(row, profile, STRIPE) if (full and not row.advice) or read else "",
        _fields(row, profile, TYPED if typed else SEALED) if typed or from_seal else "",
        "may" if row.pin else "never",
        NAMES[row.names],
        SILENCES[row.silence],
        EFFECTS[row.effect],
        f"{zh} {en}" if row.kind is not Kind.BALANCE else "none",
    ]


def _without_icc() -> CardFields:
    return CardFields(CHIP.pan, CHIP.expiry, CHIP.sequence, CHIP.track2, entry=INSERTED)


def _fields(row: Row, profile: Profile, card: CardFields) -> str:
    """What stands in a request by this card beside COMMON; 36 only if there is a track 3."""
    amount = None if row.kind is Kind.BALANCE else Money(100)
    request = card_request(row, TERMINAL, profile, stan="000003", card=card, amount=amount, original=ORIGINAL)
    if row.advice:
        request = keepable(request)
    cvv2 = {62} if row.kind in (Kind.MOTO_SALE, Kind.MOTO_AUTH) else set()  # What a flow adds.
    return " ".join(map(str, sorted((set(request.fields) | demands_of(row).fields | cvv2) - COMMON)))


if __name__ == "__main__":
    print("| " + " | ".join(HEADS) + " |\n" + "|---" * len(HEADS) + "|")
    for cells in table_of_kinds(load_profile("unionpay")):
        print("| " + " | ".join(cells) + " |")
