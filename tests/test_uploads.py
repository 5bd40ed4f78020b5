"""Store and forward: what is queued with a payment, when it leaves, and what each answer makes of it."""

from __future__ import annotations

from typing import Any

import pytest
from shop_days import START, payments

from sim.acquirer import Acquirer, Fault, FaultKind
from sim.acquirer.requests import Answer
from sim.card import PROFILES
from sim.story import play, to_transaction
from sim.world import World
from terminal.flows.recovery import end_running
from terminal.hostlink.card_messages import Original
from terminal.hostlink.codec import Message
from terminal.hostlink.icc import elements
from terminal.journal import UPLOADS_LIMIT, PaymentRecord, Tx, UploadRecord
from terminal.methods.card_attempt import Deal
from terminal.methods.card_sealed import transact_sealed
from terminal.methods.uploads import send_uploads
from terminal.model import Kind, Method, Money, Notice, PaymentState

pytestmark = pytest.mark.slow  # Many small ones: `make test-quick` is to stay quick.

DONE = "approved:\nremove_card: remove\n"
SALE = "idle: 12850 ENTER\nchoose_method: 1\ninsert_card: insert signature\n" + DONE + "idle:"
ALONE = " wait 40\n"  # At the idle screen, long enough for what is done behind it.


class Host(Acquirer):
    """Remembers the notices it is given (0220 of an advice, 0620), in their order, and may refuse each with a code."""

    def __init__(self) -> None:
        super().__init__(seed=7)
        self.told: list[Message] = []
        self.codes: list[str] = []

    def _judge(self, message: Message, *rest: Any) -> Answer | None:
        answer = super()._judge(message, *rest)
        if message.mti == "0620" or message.mti == "0220" and message.text(60)[:2] != "25":
            self.told.append(message)
            if self.codes and answer is not None:
                answer.code = self.codes.pop(0)
        return answer


def uploads(world: World) -> list[tuple[str, str, str]]:
    def read(tx: Tx) -> tuple[UploadRecord, ...]:
        return tx.uploads(tx.get("batch", 1))

    return [(u.notice.value, u.state.value, u.code) for u in world.journal.transact(read)]


async def tip(world: World, at: int = 0) -> PaymentRecord | None:
    """A tip on the payment at this place, as a flow queues it."""
    sale = payments(world)[at]
    facts = sale.facts
    about = Original(
        str(facts["batch_no"]), str(sale.stan), str(facts["host_date"]), str(facts["rrn"]), str(facts["auth_code"])
    )
    deal = Deal(Kind.TIP, Money(1000), about, extra={48: "000000001000"}, facts={"undoes": sale.id}, undoes=sale)
    return await transact_sealed(world.shop, deal)


def test_a_tip_is_done_before_the_host_has_heard_of_it() -> None:
    host = Host()
    with World("tip", acquirer=host) as world:

        async def people() -> None:
            await play(world, START + SALE)
            made = await tip(world)
            assert made is not None
            assert (made.kind, made.state) == (Kind.TIP, PaymentState.COMPLETED)
            assert host.told == []
            assert uploads(world) == [("advice", "queued", "")]
            assert payments(world)[0].facts["adjusted"] is True
            assert await send_uploads(world.shop)

        world.run(people())
        (told,) = host.told
        assert (told.mti, told.text(3), told.text(4), told.text(60)[:2]) == ("0220", "000000", "000000001000", "34")
        assert told.text(48) == "000000001000"
        assert told.text(61) == str(payments(world)[0].facts["batch_no"]) + str(payments(world)[0].stan)
        assert told.text(11) == payments(world)[1].stan
        assert not {26, 35, 36, 52, 53} & set(told.fields)
        assert 64 in told.fields
        assert uploads(world) == [("advice", "done", "00")]
        assert world.printer.slip_count == 1 + 2 + 2


@pytest.mark.parametrize(
    ("code", "state"),
    [("94", "done"), ("25", "refused"), ("96", "refused"), ("09", "queued"), ("A0", "queued"), ("Z9", "queued")],
)
def test_what_a_hosts_word_makes_of_an_upload(code: str, state: str) -> None:
    host = Host()
    host.codes = [code]
    with World(f"code-{code}", acquirer=host) as world:

        async def people() -> None:
            await play(world, START + SALE)
            await tip(world)
            assert await send_uploads(world.shop) is (state != "queued")

        world.run(people())
        assert uploads(world) == [("advice", state, "" if state == "queued" else code)]


def test_an_unauthenticated_word_ends_nothing() -> None:
    host = Host()
    host.faults.add(Fault(FaultKind.WRONG_MAC, mti="0220"))
    with World("forged", acquirer=host) as world:

        async def people() -> None:
            await play(world, START + SALE)
            await tip(world)
            assert not await send_uploads(world.shop)
            assert await send_uploads(world.shop)

        world.run(people())
        assert len(host.told) == 2
        assert host.told[0].fields == host.told[1].fields  # The same STAN, to the byte: no second payment.


def test_it_leaves_after_the_next_good_transaction_and_in_order() -> None:
    host = Host()
    with World("after", acquirer=host) as world:

        async def people() -> None:
            await play(world, START + SALE)
            await play(world, SALE)
            for at in (1, 0):
                await tip(world, at)
            assert host.told == []
            await play(world, SALE)
            assert host.told == []
            await play(world, "idle:" + ALONE)

        world.run(people())
        assert [told.text(61)[6:] for told in host.told] == [payments(world)[1].stan, payments(world)[0].stan]
        assert uploads(world) == [("advice", "done", "00")] * 2


def test_so_many_advices_leave_without_a_transaction() -> None:
    host = Host()
    with World("limit", acquirer=host) as world:

        async def people() -> None:
            await play(world, START + SALE)
            limit = world.shop.profile.upload_count_limit
            for _ in range(limit - 1):
                await tip(world)
            assert host.told == []
            await play(world, "idle: CANCEL\nidle:" + ALONE)
            assert host.told == []
            await tip(world)
            await play(world, "idle: CANCEL\nidle:" + ALONE)
            assert len(host.told) == limit

        world.run(people())


def test_after_its_last_send_it_waits_for_the_settlement() -> None:
    host = Host()
    with World("worn", acquirer=host) as world:
        tries = world.shop.profile.upload_resend_count + 1
        host.faults.add(Fault(FaultKind.DROP_REPLY, mti="0220", times=tries))

        async def people() -> None:
            await play(world, START + SALE)
            await tip(world)
            for _ in range(tries + 2):
                assert not await send_uploads(world.shop)

        world.run(people())
        assert len(host.told) == tries
        assert uploads(world) == [("advice", "queued", "")]
        (waiting,) = world.journal.transact(lambda tx: tx.uploads(1))
        assert waiting.tries == tries


SCRIPTED = "idle: 12850 ENTER\nchoose_method: 1\ninsert_card: insert sends-limits\nenter_pin: 123456 ENTER\n" + DONE


def test_the_results_of_scripts_are_a_notice_of_their_own() -> None:
    host = Host()
    with World("scripts", acquirer=host) as world:
        world.run(play(world, START + SCRIPTED + "idle:" + ALONE))
        (sale,) = payments(world)
        (told,) = host.told
        assert (told.mti, told.text(3), told.text(25)) == ("0620", "000000", "00")
        assert told.text(60) == "22" + str(sale.facts["batch_no"]) + "95150"
        assert told.text(61) == str(sale.facts["batch_no"]) + str(sale.stan) + str(sale.facts["host_date"])
        assert told.text(11) not in ("", sale.stan)
        icc = {element.tag: told.binary(55)[element.value : element.end] for element in elements(told.binary(55))}
        assert icc["DF31"].hex().upper() == sale.facts["script_results"]
        assert set(icc) <= set(world.shop.profile.script_f55_tags)
        assert uploads(world) == [("script-result", "done", "00")]


def test_a_notice_that_was_not_answered_goes_before_the_next_request() -> None:
    host = Host()
    host.faults.add(Fault(FaultKind.DROP_REPLY, mti="0620"))
    with World("scripts-first", acquirer=host) as world:
        world.run(play(world, START + SCRIPTED + "idle:\n" + SALE))
        assert uploads(world) == [("script-result", "done", "94")]  # The host had heard it the first time.
        stans = [entry.stan for entry in host.book.entries]
        assert len(host.told) == 2
        assert host.told[0].fields == host.told[1].fields
        # Its STAN was drawn with the first sale, and it was heard before the second.
        assert stans == [payments(world)[0].stan, payments(world)[1].stan]


class Declining(Host):
    """Says no to every sale, with whatever its issuer sends along."""

    def _judge(self, message: Message, *rest: Any) -> Answer | None:
        answer = super()._judge(message, *rest)
        if answer is not None and message.mti == "0200":
            answer.code = "51"
        return answer


def test_a_declined_sale_tells_of_its_scripts_too() -> None:
    host = Declining()
    with World("declined", acquirer=host) as world:
        sale = SCRIPTED.replace("approved:", "declined: ENTER")
        again = SALE.replace("approved:", "declined: ENTER")
        world.run(play(world, START + sale + "idle:\n" + again))
        assert [(told.mti, told.text(61)[6:12]) for told in host.told] == [("0620", payments(world)[0].stan)]
        assert uploads(world) == [("script-result", "done", "00")]


def test_a_cut_between_an_advice_and_its_slip_is_made_good() -> None:
    """OFFLINE_APPROVED is durable with the queue; what completes it and its original comes with the next start."""
    with World("cut", acquirer=Host()) as world:

        async def people() -> None:
            await play(world, START + SALE)
            sale = payments(world)[0]

            def cut(tx: Tx) -> int:
                made = tx.new_payment(Method.CARD, Money(1000), "01", Kind.TIP, undoes=sale.id)
                facts = {name: str(sale.facts[name]) for name in ("batch_no", "masked_pan", "f60_no")}
                known = {"auth_code": "1", "rrn": "2", "entry_mode": "012"}
                tx.move(made.id, PaymentState.OFFLINE_APPROVED, stan="000900", **facts, **known)
                return made.id

            made = world.journal.transact(cut)
            assert world.journal.transact(lambda tx: end_running(world.shop, tx, "power-cut")) == 1
            assert world.journal.transact(lambda tx: tx.payment(made)).state is PaymentState.COMPLETED
            assert world.journal.transact(lambda tx: tx.payment(sale.id)).facts["adjusted"] is True
            assert len(world.journal.transact(lambda tx: tx.unprinted())) == 1

        world.run(people())


def test_a_full_queue_refuses_the_next_sale_in_words() -> None:
    """Nothing is ever dropped from it: what would come on top of it is not begun."""
    host = Host()
    host.codes = ["09"] * 4
    with World("full", acquirer=host) as world:

        async def people() -> None:
            await play(world, START + SALE)
            await tip(world)

            def fill(tx: Tx) -> None:
                for _ in range(UPLOADS_LIMIT - 1):
                    tx.queue_upload(Notice.ADVICE, 2, "000900")

            world.journal.transact(fill)
            await play(world, "idle: 100 ENTER\nchoose_method: 1\nwaiting:\nrefused: ENTER\nidle:")

        world.run(people())
        assert len(uploads(world)) == UPLOADS_LIMIT


def test_scripts_that_come_with_a_balance_are_told_of_too() -> None:
    host = Host()
    with World("balance-scripts", acquirer=host) as world:
        story = to_transaction("balance") + "insert_card: insert sends-limits\nenter_pin: 123456 ENTER\n"
        world.run(play(world, START + story + "balance: ENTER\nremove_card: remove\nidle:" + ALONE))
        assert [(told.mti, told.text(3)) for told in host.told] == [("0620", "310000")]


def test_what_waits_is_sealed() -> None:
    """Neither the number nor the message is in any event; the seal alone has them, and dies with its batch."""
    with World("sealed", acquirer=Host()) as world:

        async def people() -> None:
            await play(world, START + SALE)
            await tip(world)

        world.run(people())
        pan = PROFILES["signature"].pan
        made = payments(world)[1]
        sealed = world.journal.transact(lambda tx: tx.sealed(made.id, "advice-1"))
        assert sealed is not None
        assert bytes.fromhex(pan) not in sealed
        assert pan not in "".join(str(event.body) for event in world.journal.events_after(0))
        world.run(play(world, "idle: DOWN\nmenu: 4\nconfirm_settlement: ENTER\nsettled: ENTER\nidle:"))
        assert world.journal.transact(lambda tx: tx.sealed(made.id, "advice-1")) is None
