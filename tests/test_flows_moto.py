"""订购 (MOTO): what is typed, asked, sealed and printed, whose card it must be; and the CVV2 is found nowhere."""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest
from hearing_host import HearingHost
from shop_days import AGREES, START, offer, payments, states

from sim.acquirer import Fault, FaultKind
from sim.books import discrepancies
from sim.card import PROFILES
from sim.story import play, to_transaction
from sim.world import World
from terminal.config.settings import MOTO
from terminal.hostlink.codec import decode
from terminal.hostlink.explain import explain
from terminal.hostlink.frame import unwrap
from terminal.hostlink.profile import Cvv2Rule, load_profile
from terminal.journal import PaymentRecord

pytestmark = pytest.mark.slow  # Many small ones: `make test-quick` is to stay quick.

NAMES = ("void", *MOTO)
PAN, EXPIRY, CVV2 = "6225000000000014", "3012", "739"
CARD = f"type_card_number: {PAN} ENTER\nenter_number: 1230 ENTER\n"
CODE = f"type_cvv2: {CVV2} ENTER\n"
DONE = "approved:\n"


def to(name: str) -> str:
    return to_transaction(name, NAMES) + AGREES


def new(name: str, amount: str = "12850") -> str:
    return to(name) + f"enter_amount: {amount} ENTER\n" + CARD + CODE


def later(name: str, number: str, amount: str, card: str = CARD) -> str:
    return to(name) + f"enter_number: {number} ENTER\nenter_number: ENTER\nenter_amount: {amount} ENTER\n" + card


def run(world: World, first: str, then: Callable[[PaymentRecord], str]) -> None:
    """`then` is told the first payment."""
    offer(world, NAMES)

    async def people() -> None:
        await play(world, START + first + "idle: CANCEL\n")
        await play(world, then(payments(world)[0]))

    world.run(people())


def test_an_order_is_asked_for_by_number_expiry_and_cvv2_and_nobody_signs() -> None:
    host = HearingHost()
    with World("order", acquirer=host) as world:
        slips: list[str] = []
        world.printer_said = lambda lines: slips.append(repr(lines))
        run(world, new("moto-sale") + DONE, lambda sold: "idle:")
        assert states(world) == [("moto-sale", "completed")]
        (request,) = host.asked
        assert (request.mti, request.text(3), request.text(25), request.text(60)[:2]) == ("0200", "000000", "08", "22")
        assert (request.text(2), request.text(14), request.text(22)) == (PAN, EXPIRY, "012")
        assert request.binary(62) == b"CV003739"
        assert not {26, 35, 52, 53, 55} & set(request.fields)
        assert all("MOTO SALE" in slip and "/M" in slip and "____" not in slip for slip in slips[1:])
        assert len(slips) == 1 + 2


def test_an_order_is_voided_without_anything_typed_but_its_voucher_number() -> None:
    host = HearingHost()
    with World("void", acquirer=host) as world:
        void = to_transaction("void", NAMES) + "enter_number: 2 ENTER\noriginal: ENTER\n" + AGREES + DONE + "idle:"
        run(world, new("moto-sale") + DONE, lambda sold: void)
        assert states(world) == [("moto-sale", "voided"), ("moto-void", "completed")]
        undone = host.asked[1]
        assert (undone.text(3), undone.text(25), undone.text(60)[:2]) == ("200000", "08", "23")
        assert (undone.text(2), undone.text(14), undone.text(61)[6:]) == (PAN, EXPIRY, "000002")
        assert 62 not in undone.fields


def test_an_order_is_refunded_to_the_card_that_paid_and_within_what_it_paid() -> None:
    host = HearingHost()
    with World("refund", acquirer=host) as world:

        def then(sold: PaymentRecord) -> str:
            rrn = str(sold.facts["rrn"])
            other = CARD.replace(PAN, PROFILES["no-cvm"].pan)
            wrong_card = later("moto-refund", rrn, "100", other) + "card_problem: ENTER\n"
            over = to("moto-refund") + f"enter_number: {rrn} ENTER\nenter_number: ENTER\nenter_amount: 12851 ENTER\n"
            return wrong_card + over + "refused: ENTER\n" + later("moto-refund", rrn, "2850") + DONE + "idle:"

        run(world, new("moto-sale") + DONE, then)
        assert states(world)[1:] == [("moto-refund", "abandoned"), ("moto-refund", "completed")]
        request = host.asked[1]
        assert (request.mti, request.text(25), request.text(60)[:2]) == ("0220", "08", "25")
        assert request.text(4) == "000000002850"
        assert 62 not in request.fields, "the CVV2 was for the order alone"


def test_the_pre_authorisation_family_of_an_order() -> None:
    host = HearingHost()
    with World("auth", acquirer=host) as world:

        def then(held: PaymentRecord) -> str:
            code = str(held.facts["auth_code"])
            completed = later("moto-completion", code, "11000") + DONE
            over = later("moto-completion", code, "100").partition("type_card")[0] + "refused: ENTER\n"
            void = to_transaction("void", NAMES) + "enter_number: 3 ENTER\noriginal: ENTER\n" + AGREES + DONE
            return completed + over + void + later("moto-auth-void", code, "10000") + DONE + "idle:"

        run(world, new("moto-auth", "10000") + DONE, then)
        assert states(world) == [
            ("moto-auth", "voided"),
            ("moto-completion", "voided"),
            ("moto-completion-void", "completed"),
            ("moto-auth-void", "completed"),
        ]
        codes = [(m.mti, m.text(3), m.text(25), m.text(60)[:2]) for m in host.asked]
        assert codes == [
            ("0100", "030000", "08", "10"),
            ("0200", "000000", "08", "20"),
            ("0200", "200000", "08", "21"),
            ("0100", "200000", "08", "11"),
        ]
        assert [62 in m.fields for m in host.asked] == [True, False, False, False]


@pytest.mark.parametrize(
    ("rule", "typed", "sent"),
    [
        (Cvv2Rule.OPTIONAL, "type_cvv2: ENTER\n", False),
        (Cvv2Rule.OPTIONAL, CODE, True),
        (Cvv2Rule.OPTIONAL, f"type_cvv2: 73 ENTER CLEAR {CVV2} ENTER\n", True),
        (Cvv2Rule.NEVER, "", False),
    ],
)
def test_the_cvv2_is_asked_for_as_the_acquirer_wants(rule: Cvv2Rule, typed: str, *, sent: bool) -> None:
    host = HearingHost()
    profile = dataclasses.replace(load_profile("unionpay"), moto_cvv2=rule)
    with World(f"{rule} {typed}", acquirer=host, profile=profile) as world:
        run(world, new("moto-sale").replace(CODE, typed) + DONE, lambda sold: "idle:")
        assert states(world) == [("moto-sale", "completed")]
        assert [62 in request.fields for request in host.asked] == [sent]
        assert discrepancies(world.journal, host) == []


SLIPS_OF_A_FINGER = {
    "a wrong check digit": "type_card_number: 6225000000000015 ENTER wait 1 CANCEL\nidle:",
    "a short number": "type_card_number: 622500000018 ENTER wait 1 CANCEL\nidle:",
    "no month": f"type_card_number: {PAN} ENTER\nenter_number: 1330 ENTER wait 1 CANCEL\nidle:",
    "past": f"type_card_number: {PAN} ENTER\nenter_number: 0125 ENTER wait 1 CANCEL\nidle:",
    "two digits": CARD + "type_cvv2: 73 ENTER wait 1 CANCEL\nidle:",
}


@pytest.mark.parametrize("case", SLIPS_OF_A_FINGER)
def test_a_slip_of_the_finger_is_said_and_nobody_is_asked(case: str) -> None:
    host = HearingHost()
    with World(case, acquirer=host) as world:
        offer(world, NAMES)
        world.run(play(world, START + to("moto-sale") + "enter_amount: 100 ENTER\n" + SLIPS_OF_A_FINGER[case]))
        assert (payments(world), host.asked) == ((), [])


def test_a_setting_gives_orders_to_the_cashier() -> None:
    with World("right", acquirer=HearingHost()) as world:
        rights = dataclasses.replace(world.config.transactions, offered=NAMES, supervisor=())
        world.shop.config = dataclasses.replace(world.config, transactions=rights)
        direct = to_transaction("moto-sale", NAMES) + "enter_amount: 100 ENTER\n" + CARD + CODE + DONE + "idle:"
        world.run(play(world, START + direct))
        assert states(world) == [("moto-sale", "completed")]


def forms(code: str) -> set[bytes]:
    """The CVV2 as it stands in the request, and as text might carry that."""
    data = b"CV003" + code.encode()
    joined = {base64.b64encode(b"abc"[:shift] + data)[4:-4] for shift in range(3)}
    return {data, data.hex().encode(), data.hex().upper().encode(), *joined}


def test_the_cvv2_is_in_one_request_and_nowhere_else(tmp_path: Path) -> None:
    """Sold, then unanswered, so that a reversal follows; settled; and everything that was kept is searched."""
    host = HearingHost()
    host.faults.add(Fault(FaultKind.DROP_REPLY, processing_code="000000", nth=2))
    said: list[str] = []
    frames: list[bytes] = []
    with World("canary", acquirer=host, data=tmp_path) as world:
        world.on_show = lambda picture: said.append(" ".join(picture.text()))
        world.printer_said = lambda lines: said.append(repr(lines))
        world.on_frame = frames.append
        lost = new("moto-sale") + "reversal_pending: ENTER\n"
        again = new("moto-sale", "100").partition("type_card")[0]
        settle = "idle: DOWN\nmenu: 4\nconfirm_settlement: ENTER\nsettled: ENTER\nidle:"
        run(world, new("moto-sale") + DONE + lost, lambda sold: again + "type_card_number: CANCEL\n" + settle)
        assert states(world) == [("moto-sale", "settled"), ("moto-sale", "reversed")]
        said += [str(dict(event.body)) for event in world.journal.events_after(0)]
        facts = [str(value) for payment in payments(world) for value in payment.facts.values()]
    assert not [value for value in facts if value == CVV2]
    profile = load_profile("unionpay")
    carrying = [decode(unwrap(frame, profile).body, profile) for frame in frames if b"CV003" + CVV2.encode() in frame]
    assert [message.mti for message in carrying] == ["0200", "0200"]
    said += ["\n".join(explain(frame, profile).to_lines()) for frame in frames]
    said += [str(explain(frame, profile).to_json()) for frame in frames]
    places = {path.name: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    places["what was said"] = "\n".join(said).encode()
    assert b"622500******0014" in places["what was said"], "the search itself must have something to find"
    assert [name for name, data in places.items() if any(form in data for form in forms(CVV2))] == []
    assert [name for name, data in places.items() if PAN.encode() in data] == []
