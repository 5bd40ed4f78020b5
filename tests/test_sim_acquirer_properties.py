"""Whatever a line brings, in whatever order: the acquirer answers or is silent, and its book stays a book."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from sim.acquirer import Acquirer, Fault, FaultKind, Wallet, WalletKind
from sim.acquirer.book import EntryState
from sim.acquirer.caller import Caller, new_card
from terminal.hostlink import messages
from terminal.hostlink.codec import FrameError, Message, decode, encode
from terminal.hostlink.frame import unwrap, wrap
from terminal.hostlink.messages import Totals, with_mac
from terminal.hostlink.profile import load_profile
from terminal.hostlink.subfields import OrderState
from terminal.model import Money

NOON = 1_795_233_600_000
PROFILE = load_profile("unionpay")
CARDS = ("no-cvm", "unionpay-credit-pin", "poor", "lost")


@given(st.lists(st.binary(max_size=200), max_size=5))
def test_any_bytes_are_answered_or_dropped(frames: list[bytes]) -> None:
    acquirer = Acquirer(profile=PROFILE)
    for frame in frames:
        assert acquirer.handle(frame, NOON) == ()
    assert acquirer.undecodable == len(frames)


FIELDS = st.dictionaries(
    st.sampled_from([2, 3, 4, 11, 22, 25, 35, 39, 48, 49, 52, 53, 55, 59, 60, 61, 62, 63, 64]),
    st.one_of(
        st.text("0123456789", max_size=20),
        st.binary(max_size=20),
        st.sampled_from(["000000", "700000", "710000", "720000", "730000", "000001", "156", "22000001000", "0" * 62]),
    ),
)


@given(
    st.sampled_from(["0100", "0200", "0210", "0220", "0320", "0400", "0500", "0620", "0800", "0820", "9999"]), FIELDS
)
def test_any_message_that_can_be_encoded_is_survived(mti: str, fields: dict[int, str | bytes]) -> None:
    acquirer = Acquirer(profile=PROFILE)
    everything = {41: "10000001", 42: "898440153110001"} | fields
    try:
        frame = wrap(encode(Message(mti, everything), PROFILE), PROFILE)
    except FrameError:
        return
    for reply in acquirer.handle(frame, NOON):
        decode(unwrap(reply, PROFILE).body, PROFILE)
    assert not acquirer.book.entries


class Shift:
    """Random deeds of one terminal, and what must be true after each."""

    def __init__(self, folder: Path) -> None:
        self.now_ms = NOON
        self.acquirer = Acquirer(profile=PROFILE)
        self.caller = Caller(lambda frame: self.acquirer.handle(frame, self.now_ms), PROFILE, folder)
        self.caller.sign_in()
        self.sent: list[Message] = []
        self.orders: list[str] = []
        self.wallet = Wallet(WalletKind.WECHAT, 1_000_000)
        self.money = self._money()

    def _money(self) -> int:
        """Everything there is: accounts, wallets, and what merchants got."""
        accounts = sum(account.balance_minor for account in self.acquirer.registry.accounts.values())
        book = self.acquirer.book
        taken = sum(e.amount_minor for e in book.entries if e.state is EntryState.APPROVED)
        taken += sum(o.amount_minor for o in book.qr_orders if o.state is OrderState.PAID)
        return accounts + self.wallet.balance_minor + taken

    def do(self, deed: str, number: int) -> None:
        caller = self.caller
        stan = caller.next_stan()
        match deed:
            case "sign in":
                caller.sign_in()
            case "sale":
                self.sent.append(caller.sale_message(number + 1, new_card(CARDS[number % 4]), pin="123456"))
                caller.call(self.sent[-1], mac=True)
            case "prepare":
                self.sent.append(caller.sale_message(number + 1, new_card("no-cvm")))
            case "repeat" if self.sent:
                caller.call(self.sent[number % len(self.sent)], mac=True)
            case "reverse" if self.sent:
                caller.reverse(self.sent[number % len(self.sent)])
            case "settle":
                caller.settle(Totals(number, number % 7))
            case "wrong batch":
                mine = caller.terminal
                caller.terminal = replace(mine, batch_no=f"{number % 5:06d}")
                caller.sale(number + 1)
                caller.terminal = mine
            case "order":
                self.orders.append(f"Q{number}")
                amount = Money(number + 1)
                caller.call(
                    messages.qr_order(caller.terminal, PROFILE, stan=stan, amount=amount, order_no=f"Q{number}"),
                    mac=True,
                )
            case "charge":
                self.orders.append(f"P{number}")
                code = self.acquirer.gateway.new_code(self.wallet, self.now_ms)
                caller.call(
                    messages.qr_pay(
                        caller.terminal,
                        PROFILE,
                        stan=stan,
                        amount=Money(number * 40 + 1),
                        order_no=f"P{number}",
                        code=code,
                    ),
                    mac=True,
                )
            case "phone pays":
                for order in self.acquirer.book.qr_orders[: number % 3]:
                    self.acquirer.gateway.pay(order.payload, self.wallet, self.now_ms, confirmed=number % 2 == 0)
            case "phone answers":
                for order in self.acquirer.gateway.waiting(self.wallet, self.now_ms):
                    if number % 2:
                        self.acquirer.gateway.confirm(order, self.wallet, self.now_ms)
                    else:
                        self.acquirer.gateway.refuse(order, self.now_ms)
            case "ask" | "close" if self.orders:
                order_no = self.orders[number % len(self.orders)]
                make = messages.qr_query if deed == "ask" else messages.qr_close
                caller.call(make(caller.terminal, PROFILE, stan=stan, order_no=order_no), mac=True)
            case "time passes":
                self.now_ms += number * 100
            case "fault":
                kinds = (FaultKind.DROP_REQUEST, FaultKind.DROP_REPLY, FaultKind.CODE, FaultKind.DUPLICATE)
                self.acquirer.faults.add(Fault(kinds[number % 4], mti="0200" if number % 2 else "0400"))

    def check(self) -> None:
        book = self.acquirer.book
        assert self._money() == self.money, "money is moved, never made or lost"
        numbers = [(entry.batch_no, entry.stan) for entry in book.entries]
        assert len(set(numbers)) == len(numbers), "one entry a STAN"
        for batch in book.all_batches():
            if batch.settlement is not None:
                assert batch.totals(with_qr=True) == batch.settlement.booked, "a settled batch does not change"
        assert all(
            batch.settlement is not None
            for batches in book.batches.values()
            for batch in list(batches.values())[:-1]
        ), "only the newest batch is open"
        assert self.wallet.balance_minor >= 0


DEEDS = st.sampled_from(
    ["sale", "sale", "prepare", "repeat", "reverse", "settle", "sign in", "wrong batch", "order", "charge"]
    + ["phone pays", "phone answers", "ask", "close", "time passes", "fault"]
)


@settings(max_examples=40)
@given(st.lists(st.tuples(DEEDS, st.integers(0, 3000)), max_size=30))
def test_no_sequence_of_messages_breaks_the_book(deeds: list[tuple[str, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        shift = Shift(Path(folder))
        for deed, number in deeds:
            shift.do(deed, number)
            shift.check()


def test_the_mac_of_the_host_is_the_mac_of_the_terminal() -> None:
    """Two programs, one rule: the host's MAC is written apart from the key room's."""
    with tempfile.TemporaryDirectory() as folder:
        acquirer = Acquirer(profile=PROFILE)
        caller = Caller(lambda frame: acquirer.handle(frame, NOON), PROFILE, Path(folder))
        caller.sign_in()
        sale = with_mac(caller.sale_message(1, new_card("no-cvm")), caller.keys, PROFILE)
        body = encode(sale, PROFILE)
        keys = acquirer.keys_of(("898440153110001", "10000001"), sale)
        assert keys is not None and keys.mac(body[:-8]) == sale.binary(64)
