"""A host with good keys and bad manners: whatever an authentic reply carries, the terminal lives on.

The acquirer answers as it should; then fields of its reply are replaced by drawn ones and its MAC is made anew with
the host's own keys. So nothing here can be refused as a forgery: it has to be borne.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from test_flows_stories import START, sale

from sim.acquirer import Acquirer, Fault, FaultKind
from sim.acquirer.book import EntryState
from sim.books import all_payments, discrepancies
from sim.story import play, press
from sim.world import World
from terminal.hostlink.codec import FrameError, Message, decode, encode
from terminal.hostlink.codes import APPROVING_CODES, RESPONSE_CODES
from terminal.hostlink.frame import unwrap, wrap
from terminal.hostlink.messages import MAC_BYTES, MAC_FIELD
from terminal.hostlink.subfields import OrderTag, read_tlv, write_tlv
from terminal.model import Mode, PaymentState

pytestmark = pytest.mark.slow  # Many small ones: `make test-quick` is to stay quick.

Fields = Mapping[int, Any]  # None: the field is left out. Field 59 may be tags, to be laid over the reply's own.
PAN = "6225000000000014"


class HostileAcquirer(Acquirer):
    """Replaces fields in its next `times` replies to requests of `mti` (and `processing_code`, if not empty)."""

    def __init__(self) -> None:
        super().__init__(seed=1)
        self.mti = self.processing_code = ""
        self.fields: Fields = {}
        self.times = 0
        self.requirement = 0

    def meddle(
        self, mti: str, fields: Fields, *, processing_code: str = "", times: int = 1, requirement: int = 0
    ) -> None:
        self.mti, self.processing_code, self.fields = mti, processing_code, fields
        self.times, self.requirement = times, requirement

    def handle(self, frame: bytes, now_ms: int) -> tuple[bytes, ...]:
        return tuple(self._spoil(reply) for reply in super().handle(frame, now_ms))

    def _spoil(self, reply: bytes) -> bytes:
        outer = unwrap(reply, self.profile)
        message = decode(outer.body, self.profile)
        if not self.times or message.mti != self.mti or self.processing_code not in ("", message.text(3)):
            return reply
        self.times -= 1
        fields = {number: value for number, value in {**message.fields, **self.fields}.items() if value is not None}
        if isinstance(fields.get(59), dict):
            fields[59] = write_tlv({**read_tlv(message.text(59)), **fields[59]})
        body = encode(Message(message.mti, fields), self.profile)
        if MAC_FIELD in fields:
            keys = self.keys_of((message.text(42), message.text(41)), message)
            body = body[:-MAC_BYTES] + keys.mac(body[:-MAC_BYTES])
        return wrap(body, self.profile, tpdu=outer.tpdu, header=outer.header, requirement=self.requirement)


# What a host may write, field by field: all that the codec lets through, and now and then what looks like a PAN.

AN = "0123456789ABCXYZabcxyz  "
DIGITS = "0123456789"


def an(low: int, high: int) -> st.SearchStrategy[str]:
    return st.one_of(st.text(AN, min_size=low, max_size=high), st.text(DIGITS, min_size=low, max_size=high))


def digits(low: int, high: int) -> st.SearchStrategy[str]:
    return st.text(DIGITS, min_size=low, max_size=high)


def element(tag: str, value: bytes) -> bytes:
    return bytes.fromhex(tag) + (bytes((len(value),)) if len(value) < 128 else bytes((0x81, len(value)))) + value


WORDS = st.one_of(
    st.text(max_size=30),
    st.sampled_from((PAN, f"{PAN}=30122010000", f"{PAN}D30122010000", "微信支付", "\x85")),
    an(0, 60),
)
ICC = st.one_of(
    st.binary(max_size=255),
    st.lists(
        st.builds(element, st.sampled_from(("91", "8A", "71", "72", "9F36", "5A")), st.binary(max_size=40)), max_size=6
    ).map(lambda parts: b"".join(parts)[:255]),
)
CODES = st.one_of(st.just("00"), st.sampled_from(sorted(RESPONSE_CODES)), an(2, 2))
STATES = st.sampled_from(("NEW", "WAITING", "PAYING", "PAID", "CLOSED", "REFUNDED", "", "SOLD"))
ORDER = st.fixed_dictionaries(
    {},
    optional={
        OrderTag.PAYLOAD: st.one_of(WORDS, st.text(DIGITS + "微信", min_size=200, max_size=400)),
        OrderTag.STATE: STATES,
        OrderTag.SECONDS_LEFT: st.one_of(digits(0, 5), WORDS),
        OrderTag.WALLET: WORDS,
        OrderTag.WALLET_NO: WORDS,
    },
)


def sendable(number: int, value: Any) -> bool:
    """Whether the codec carries it: what it does not is refused long before a flow sees it."""
    if value is None:
        return True
    if isinstance(value, dict):
        return len(write_tlv(value)) < 900 and sendable(number, write_tlv(value))
    profile = HOST.profile
    try:
        message = Message("0210", {number: value})
        return decode(encode(message, profile), profile) == message
    except FrameError:
        return False


HOST = Acquirer()
TEXTS: dict[int, st.SearchStrategy[Any]] = {
    12: digits(6, 6),
    13: digits(4, 4),
    37: an(12, 12),
    38: an(6, 6),
    44: an(0, 25),
    48: digits(0, 62),
    55: ICC,
    60: digits(0, 17),
    62: st.binary(max_size=84),
    63: WORDS,
}


def drawn(*numbers: int, more: Mapping[int, st.SearchStrategy[Any]] | None = None) -> st.SearchStrategy[Fields]:
    rows = {n: TEXTS[n] for n in numbers} | dict(more or {})
    return st.fixed_dictionaries(
        {},
        optional={
            n: st.one_of(st.none(), row).filter(partial(sendable, n)) for n, row in rows.items()
        },
    )


ORDER_FIELD = st.one_of(ORDER, WORDS)  # The reply's order with other values in it, or no order at all.
FEW = settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])


async def until_idle(world: World) -> None:
    """Somebody who presses ENTER at whatever must be read, takes the card out, and leaves what cannot be known."""
    answers = {"qr_unknown": "CANCEL", "show_qr": "CANCEL", "wallet_paying": "CANCEL", "qr_on_paper": "CANCEL"}
    read = {"declined", "reversal_pending", "reversal_done", "nothing_sent", "order_closed", "card_problem"}
    read |= {"cancelled", "refused", "settled", "sign_in_failed", "problem", "not_answered"}
    for _ in range(2_000):
        name = await world.eyes.see_any()
        if name == "idle":
            return
        if name in ("remove_card", "keep_card"):
            world.remove()
        elif name == "enter_pin":
            if not world.typed_digits() and not world.keys_waiting():
                await press(world, "123456")
                await press(world, "ENTER")
        elif name in answers:
            await press(world, answers[name])
        elif name in read:
            await press(world, "CANCEL" if name == "sign_in_failed" else "ENTER")
    raise AssertionError("the terminal never came to rest")


def run(people_after: Any, name: str = "hostile") -> World:
    """A world whose people sign in and then do what `people_after` says."""
    world = World(name, acquirer=HostileAcquirer())

    async def people() -> None:
        await play(world, START)
        await people_after(world)

    world.run(people())
    world.journal.verify()
    return world


def host_of(world: World) -> HostileAcquirer:
    assert isinstance(world.acquirer, HostileAcquirer)
    return world.acquirer


def sale_without_idle(card: str) -> str:
    return sale(card).replace("idle: 12850 ENTER\n", "")


async def begin(world: World, text: str) -> None:
    """A sale, seen from an idle screen that is on already."""
    await press(world, "12850")
    await press(world, "ENTER")
    await play(world, text)


@pytest.mark.slow
@FEW
@given(
    fields=drawn(12, 13, 37, 38, 44, 55, 60, 62, 63, more={39: CODES}),
    undone=drawn(12, 13, 37, 38, 44, 55, 63, more={39: CODES}),
    requirement=st.integers(0, 9),
    card=st.sampled_from(("signature", "declines-after-approval")),
)
@example(fields={39: "07"}, undone={}, requirement=0, card="signature")  # The card is to be kept.
def test_no_answer_to_a_sale_or_a_reversal_stops_the_terminal(
    fields: Fields, undone: Fields, requirement: int, card: str
) -> None:
    async def people(world: World) -> None:
        host = host_of(world)
        host.meddle("0210", fields, requirement=requirement)
        await begin(world, sale_without_idle(card))
        await until_idle(world)
        host.meddle("0410", undone, times=3)
        if world.shop.mode is Mode.SIGNED_IN:
            await begin(world, "choose_method: 1")
            if await world.eyes.see("insert_card", "reversal_pending", "refused") == "insert_card":
                world.insert("signature")
            await until_idle(world)

    world = run(people)
    first = all_payments(world.journal)[-1]
    booked = {entry.stan: entry.state for entry in world.acquirer.book.entries}
    code = fields.get(39, "00")
    if first.state is PaymentState.DECLINED:  # Only on a code that says so; then it is the host that lies.
        assert code in RESPONSE_CODES
        assert code not in (*APPROVING_CODES, "09", "94")
    if first.state is PaymentState.COMPLETED:
        assert booked[str(first.stan)] is EntryState.APPROVED
    world.close()


@pytest.mark.slow
@FEW
@given(
    fields=drawn(12, 13, 37, 38, 63, more={39: CODES, 59: ORDER_FIELD}),
    asked=drawn(12, 13, 37, more={39: CODES, 59: ORDER_FIELD}),
    row=st.sampled_from(("2", "3")),
)
def test_no_answer_about_an_order_stops_the_terminal(fields: Fields, asked: Fields, row: str) -> None:
    async def people(world: World) -> None:
        host = host_of(world)
        host.meddle("0210", fields)
        await begin(world, f"choose_method: {row}" + ("\nscan_code: show alipay" if row == "3" else ""))
        await until_idle(world)
        host.meddle("0210", asked, times=2)
        if world.shop.mode is Mode.SIGNED_IN:
            await play_query(world)

    world = run(people)
    (payment,) = all_payments(world.journal)
    (order,) = world.acquirer.book.orders.values()
    said = {str(reply.get(39, "00")) for reply in (fields, asked)}
    if payment.state is PaymentState.DECLINED:
        assert said & (set(RESPONSE_CODES) - APPROVING_CODES - {"09", "94", "96", "98", "68", "91", "06"})
    if said == {"00"} and 59 not in fields and 59 not in asked:
        problems = discrepancies(world.journal, world.acquirer)
        assert problems == [] or payment.state is PaymentState.UNKNOWN, (problems, order)
    world.close()


async def play_query(world: World) -> None:
    await play(world, "idle: DOWN\nmenu: 5")
    await until_idle(world)


@pytest.mark.slow
@FEW
@given(fields=drawn(12, 13, 37, 60, 62, 63, more={39: CODES}), requirement=st.integers(0, 9))
def test_no_answer_to_a_sign_in_stops_the_terminal(fields: Fields, requirement: int) -> None:
    async def people(world: World) -> None:
        host = host_of(world)
        await begin(world, sale_without_idle("signature"))
        await until_idle(world)
        host.meddle("0810", fields, requirement=requirement)
        await play(world, "idle: DOWN\nmenu: 6")
        await until_idle(world)

    world = run(people)
    assert world.shop.mode in (Mode.SIGNED_IN, Mode.KEYED, Mode.SETTLING)
    world.close()


@pytest.mark.slow
@FEW
@given(fields=drawn(12, 13, 37, 48, 60, 63, more={39: CODES}), requirement=st.integers(0, 9))
def test_no_answer_to_a_settlement_stops_the_terminal(fields: Fields, requirement: int) -> None:
    async def people(world: World) -> None:
        host = host_of(world)
        await begin(world, sale_without_idle("signature"))
        await until_idle(world)
        host.meddle("0510", fields, requirement=requirement)
        await play(world, "idle: DOWN\nmenu: 4\nconfirm_settlement: ENTER")
        await until_idle(world)
        if world.shop.mode is Mode.SETTLING:
            await press(world, "ENTER")
            await until_idle(world)

    world = run(people)
    assert world.shop.mode in (Mode.KEYED, Mode.SETTLING)
    world.close()


# One test for each thing that was found, so that it does not take a lucky draw to find it again.


def meddled_sale(card: str, fields: Fields, mti: str = "0210", begin_with: str = "") -> World:
    async def people(world: World) -> None:
        host_of(world).meddle(mti, fields)
        await begin(world, begin_with or sale_without_idle(card))
        await until_idle(world)

    return run(people)


def states(world: World) -> tuple[str, ...]:
    return tuple(payment.state.value for payment in reversed(all_payments(world.journal)))


@pytest.mark.parametrize("text", ["01020000   01030000123456"[:25], "0" * 25, f"ABCDEFGHIJK{PAN}"[:25]])
def test_long_numbers_in_field_44_are_starred_out_and_the_sale_stands(text: str) -> None:
    with meddled_sale("signature", {44: text}) as world:
        assert states(world) == ("completed",)
        assert discrepancies(world.journal, world.acquirer) == []


@pytest.mark.parametrize("auth_code", ["123   ", "   123", "      ", "AB C  "])
def test_a_short_authorisation_code_can_be_reversed(auth_code: str) -> None:
    with meddled_sale("declines-after-approval", {38: auth_code}) as world:
        assert states(world) == ("reversed",)
        assert discrepancies(world.journal, world.acquirer) == []


@pytest.mark.parametrize("code", ["08", "09", "94", "ZZ", "  "])
def test_a_code_that_is_no_last_word_is_reversed_not_shown_as_declined(code: str) -> None:
    """The host has approved, and says 09, or something that nobody knows."""
    with meddled_sale("signature", {39: code}) as world:
        assert states(world) == ("reversing",)
        assert "declined" not in world.eyes.history


SCANNED = "choose_method: 3\nscan_code: show alipay"
SHOWN = "choose_method: 2"


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({59: {OrderTag.WALLET_NO: f"{PAN}D30122010000"}}, "completed"),
        ({59: {OrderTag.WALLET: f"{PAN}=30122010000"}}, "completed"),
        ({39: "09", 59: None}, "asked"),  # The customer is paying, and nothing more is said.
        ({39: "96"}, "asked"),
        ({39: "98", 59: None}, "asked"),
        ({39: "94", 59: None}, "asked"),
        ({39: "05"}, "asked"),  # Refused, and paid in the same breath.
        ({39: "05", 59: None}, "declined"),
        ({59: {OrderTag.ORDER_NO: "another"}}, "asked"),
    ],
)
def test_what_an_answer_makes_of_a_scanned_order(fields: Fields, state: str) -> None:
    """The wallet was charged in every one of them. What is not believed is asked about at once."""
    with meddled_sale("", fields, begin_with=SCANNED) as world:
        assert states(world) == ("completed" if state == "asked" else state,)
        stans = world.journal.transact(lambda tx: tx.counter("stan"))
        assert (stans - int(str(all_payments(world.journal)[0].stan)) > 0) is (state == "asked")


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({59: {OrderTag.PAYLOAD: ""}}, "reversed"),  # Nothing to show: closed, not "declined: approved".
        ({59: {OrderTag.PAYLOAD: "", OrderTag.STATE: "PAID"}}, "completed"),
        ({59: {OrderTag.SECONDS_LEFT: "0"}}, "reversed"),
        ({59: {OrderTag.SECONDS_LEFT: "99999"}}, "reversed"),
    ],
)
def test_what_an_answer_makes_of_a_shown_order(fields: Fields, state: str) -> None:
    with meddled_sale("", fields, begin_with=SHOWN) as world:
        assert states(world) == (state,)


def test_a_query_that_says_paid_of_another_amount_is_not_believed() -> None:
    async def people(world: World) -> None:
        host_of(world).meddle("0210", {4: "000000000001"}, processing_code="710000", times=99)
        await begin(world, "choose_method: 2\nshow_qr: wait 2 phone wechat")
        await play(world, "show_qr: CANCEL")
        await until_idle(world)

    with run(people) as world:
        assert "approved" not in world.eyes.history or states(world) == ("completed",)


@pytest.mark.parametrize("code", ["77", "99", "A0"])
def test_a_settlement_refused_for_want_of_a_sign_in_leads_to_one(code: str) -> None:
    async def people(world: World) -> None:
        await begin(world, sale_without_idle("signature"))
        await until_idle(world)
        world.acquirer.faults.add(Fault(FaultKind.CODE, mti="0500", code=code))
        await press(world, "DOWN")
        await play(world, "menu: 4\nconfirm_settlement: ENTER\ndeclined: ENTER\nidle: ENTER\nsigning_in:\nidle: DOWN")
        await play(world, "menu: 4\nconfirm_settlement: ENTER\nsettled: ENTER\nidle:")

    with run(people) as world:
        assert states(world) == ("settled",)
