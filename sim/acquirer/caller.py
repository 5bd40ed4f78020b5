"""A plain terminal on the telephone: says what a terminal says, message by message, and checks the answers.

For tests and for bench: no journal, no flows, no devices. The keys are the product's own key store and the cards
the virtual ones, so that host and terminal meet as they do in the shop.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from keys import KeyLayout, KeyRef, KeyStore, Pin, Usage
from sim.acquirer.registry import TEST_MERCHANT, TEST_TERMINAL
from sim.card.build import dol_entries, tlv
from sim.card.card import VirtualCard
from sim.card.profiles import PROFILES, CardProfile
from terminal.hostlink import messages
from terminal.hostlink.card_messages import MANUAL, CardFields, Kept, Original, card_request, card_reversal
from terminal.hostlink.codec import Message, decode, encode
from terminal.hostlink.frame import unwrap, wrap
from terminal.hostlink.messages import Terminal, Totals, with_mac
from terminal.hostlink.profile import Profile
from terminal.hostlink.reply import Verdict, check_reply, read_sign_in
from terminal.hostlink.transactions import Card
from terminal.model import Kind, Money

UNPREDICTABLE_BYTES = 4


class Caller:
    """`send(frame)` gives the answering frames (see Acquirer.handle). Not signed in at first."""

    def __init__(
        self,
        send: Callable[[bytes], tuple[bytes, ...]],
        profile: Profile,
        folder: Path,
        *,
        terminal_no: str = TEST_TERMINAL,
    ) -> None:
        self._send = send
        self.profile = profile
        self.keys = KeyStore.open(folder, terminal_id=terminal_no)
        self.keys.load_test_tmk(profile.key_cipher)
        self.terminal = Terminal(TEST_MERCHANT, terminal_no, "000000")
        self.stan = 0
        self.last_sale: Message | None = None

    def next_stan(self) -> str:
        self.stan = self.stan % 999_999 + 1
        return f"{self.stan:06d}"

    def call(self, message: Message, *, mac: bool = False) -> Message | None:
        """The first answer, or None for silence. Raises FrameError for an answer that is no message."""
        request = with_mac(message, self.keys, self.profile) if mac else message
        frames = self._send(wrap(encode(request, self.profile), self.profile))
        return decode(unwrap(frames[0], self.profile).body, self.profile) if frames else None

    def verdict(self, request: Message, reply: Message) -> Verdict:
        """What the terminal's own check says of an answer to a message that was sent with a MAC."""
        return check_reply(with_mac(request, self.keys, self.profile), reply, self.keys, self.profile)

    def sign_in(self) -> Message | None:
        """签到; on success the keys and the batch number are ours. Raises KcvMismatch."""
        reply = self.call(messages.sign_in(self.terminal, self.profile, stan=self.next_stan()))
        if reply is not None and reply.text(39) == "00":
            answer = read_sign_in(reply, self.profile)
            block = answer.key_block
            layout = KeyLayout.of(self.profile.key_scheme, self.profile.key_cipher, len(block))
            self.keys.activate_working_keys(block, layout, mac=self.profile.mac)
            self.terminal = replace(self.terminal, batch_no=answer.batch_no)
        return reply

    def sale_message(self, amount_minor: int, card: VirtualCard, *, pin: str = "") -> Message:
        """An 0200 with that card's own ARQC, without F64. `pin`: as the cardholder keys it ("": none)."""
        return self.request(Kind.SALE, amount_minor, card, pin=pin)

    def request(
        self,
        kind: Kind,
        amount_minor: int,
        card: VirtualCard,
        *,
        pin: str = "",
        original: Original | None = None,
        extra: Mapping[int, str | bytes] | None = None,
    ) -> Message:
        """Any kind, the card taking part as its row says, without F64. A balance has no amount."""
        row = self.profile.transactions[kind]
        stan = self.next_stan()
        app = card.profile.applications[0]
        fields = CardFields(pan=app.pan, expiry=app.expiry[:4], sequence=app.sequence)
        if row.card is Card.FULL:
            icc = draw_cryptogram(card, amount_minor, bytes.fromhex(stan).rjust(UNPREDICTABLE_BYTES, b"\x00"))
            fields = replace(fields, icc=icc)
        if row.card in (Card.FULL, Card.READ):
            fields = replace(fields, track2=app.track2.hex().upper().rstrip("F"))
        else:
            fields = replace(fields, entry=MANUAL)
        return card_request(
            row,
            self.terminal,
            self.profile,
            stan=stan,
            card=fields,
            amount=None if kind is Kind.BALANCE else Money(amount_minor),
            pin_block=(self.keys.pin_block(KeyRef(Usage.PIK), Pin.of(pin), app.pan) or b"") if pin else b"",
            original=original,
            extra=extra,
        )

    def original(self, request: Message, reply: Message) -> Original:
        """A transaction as a later one names it."""
        return Original(
            batch_no=request.text(60)[2:8],
            stan=request.text(11),
            date=reply.text(13),
            rrn=reply.text(37).strip(),
            auth_code=reply.text(38).strip(),
        )

    def sale(self, amount_minor: int, card: VirtualCard | None = None, *, pin: str | None = None) -> Message | None:
        """消费 by a fresh credit card unless another is given; the card's own PIN unless another is keyed."""
        card = card or new_card("unionpay-credit-pin")
        keyed = card.profile.pin if pin is None else pin
        self.last_sale = self.sale_message(amount_minor, card, pin=keyed)
        return self.call(self.last_sale, mac=True)

    def reversal_message(self, sale: Message, *, kind: Kind = Kind.SALE) -> Message:
        """The 0400 that belongs to a request of this kind."""
        kept = Kept(
            stan=sale.text(11),
            amount=Money(int(sale.text(4))),
            entry_mode=sale.text(22),
            f60=sale.text(60),
            f61=sale.text(61),
            pan=sale.text(2),
            expiry=sale.text(14),
            sequence=sale.text(23),
            icc=sale.binary(55),
        )
        row = self.profile.transactions[kind]
        return card_reversal(row, self.terminal, self.profile, kept, reason="98")

    def reverse(self, sale: Message, *, kind: Kind = Kind.SALE) -> Message | None:
        return self.call(self.reversal_message(sale, kind=kind), mac=True)

    def settle(self, totals: Totals, foreign: Totals | None = None) -> Message | None:
        """Domestic cards' totals, and foreign ones'."""
        stan = self.next_stan()
        return self.call(messages.settlement(self.terminal, self.profile, stan=stan, domestic=totals, foreign=foreign))


def new_card(name: str) -> VirtualCard:
    """A card of that profile, powered up."""
    card = VirtualCard(PROFILES[name])
    card.reset()
    return card


def draw_cryptogram(card: VirtualCard, amount_minor: int, un: bytes) -> bytes:
    """Run a card as far as its first cryptogram (asking for an ARQC) and give field 55."""
    profile: CardProfile = card.profile
    app = profile.applications[0]
    values = {
        0x9F02: bytes.fromhex(f"{amount_minor:012d}"),
        0x9F03: bytes(6),
        0x9F1A: bytes.fromhex("0156"),
        0x95: bytes.fromhex("8000040000"),
        0x5F2A: bytes.fromhex("0156"),
        0x9A: bytes.fromhex("261122"),
        0x9C: bytes(1),
        0x9F37: un,
        0x9F33: bytes.fromhex("E0E0C8"),
    }

    def command(header: str, data: bytes) -> bytes:
        answer = card.transmit(bytes.fromhex(header) + bytes((len(data),)) + data + b"\x00")
        if answer[-2:] != b"\x90\x00":
            raise ValueError(f"the card answered {answer[-2:].hex()} to {header}")
        return answer[:-2]

    def by_dol(dol: bytes) -> bytes:
        return b"".join(values[tag].ljust(length, b"\x00")[:length] for tag, length in dol_entries(dol))

    command("00A40400", app.aid)
    command("80A80000", tlv(0x83, by_dol(app.pdol)))
    answer = command("80AE8000", by_dol(app.cdol1))
    atc, arqc, iad = answer[3:5], answer[5:13], answer[13:]
    sent = values | {0x9F26: arqc, 0x9F10: iad, 0x9F36: atc, 0x82: app.aip, 0x84: app.aid}
    sent |= {0x9F34: bytes.fromhex("420300"), 0x9F35: bytes.fromhex("21")}
    order = (0x9F26, 0x9F10, 0x9F37, 0x9F36, 0x95, 0x9A, 0x9C, 0x9F02, 0x5F2A, 0x82, 0x9F1A, 0x9F03, 0x9F33, 0x9F34)
    return b"".join(tlv(tag, sent[tag]) for tag in (*order, 0x9F35, 0x84))
