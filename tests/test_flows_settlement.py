"""Settlement from its first notice to its paper: what goes up, in which order, and what each cut or answer leaves.

The host is the simulated acquirer with its own book (sim.acquirer), made to count something else where the batch is to
be unbalanced.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from shop_days import SETTLE, START, payments, run

from sim.acquirer import Acquirer, Fault, FaultKind
from sim.acquirer.requests import Answer
from sim.story import play, to_menu, to_transaction
from sim.world import MERCHANT_NO, TERMINAL_NO, World
from terminal.flows.batch import count_batch
from terminal.flows.batch_upload import PROGRESS
from terminal.hostlink.card_messages import Original
from terminal.hostlink.codec import Message
from terminal.hostlink.details import read_batch_details
from terminal.journal import Tx
from terminal.methods.card_attempt import Deal
from terminal.methods.card_sealed import transact_sealed
from terminal.model import Kind, Method, Mode, Money, Notice, PaymentState, UploadState
from terminal.receipts import Balance, OpenSlip, SettlementSlip, from_record

TERMINAL = (MERCHANT_NO, TERMINAL_NO)
DONE = "approved:\nremove_card: remove\n"
CHIP = "idle: 12850 ENTER\nchoose_method: 1\ninsert_card: insert no-cvm\n" + DONE + "idle:\n"
SWIPED = "approved:\nidle:\n"


class Host(Acquirer):
    """Hears everything; counts one fen more than it has booked when it is to be `unbalanced`."""

    def __init__(self, *, unbalanced: bool = False) -> None:
        super().__init__(seed=7)
        self.heard: list[Message] = []
        self.unbalanced = unbalanced
        self.codes: dict[str, str] = {}  # By MTI and 60.3: what is answered instead.

    def _judge(self, message: Message, *rest: Any) -> Answer | None:
        self.heard.append(message)
        answer = super()._judge(message, *rest)
        if answer is not None and message.mti == "0500" and self.unbalanced and 48 in answer.fields:
            f48 = str(answer.fields[48])
            answer.fields[48] = f48[:30] + "2" + f48[31:]
        code = self.codes.get(f"{message.mti}/{message.text(60)[8:11]}")
        if answer is not None and code:
            answer.code = code
        return answer

    def told(self) -> list[str]:
        """MTI and 60.3 of what was heard since the first 0500, in order."""
        codes = [f"{message.mti}/{message.text(60)[8:11]}" for message in self.heard]
        return codes[codes.index("0500/201") :]


def last_slip(world: World) -> SettlementSlip:
    record = world.journal.transact(lambda tx: tx.last_slip("settlement"))
    assert record is not None
    slip = from_record(record.body)
    assert isinstance(slip, SettlementSlip)
    return slip


async def tip(world: World) -> None:
    sale = payments(world)[0]
    facts = sale.facts
    about = Original(
        str(facts["batch_no"]), str(sale.stan), str(facts["host_date"]), str(facts["rrn"]), str(facts["auth_code"])
    )
    deal = Deal(Kind.TIP, Money(1000), about, extra={48: "000000001000"}, facts={"undoes": sale.id}, undoes=sale)
    await transact_sealed(world.shop, deal)


def test_a_batch_that_agrees_sends_its_certificates_and_closes() -> None:
    host = Host()
    with World("agrees", acquirer=host) as world:
        run(world, START + CHIP, CHIP + SETTLE)
        assert host.told() == ["0500/201", "0320/203", "0320/203", "0320/207", "0820/002"]
        certificate = host.heard[-3]
        assert certificate.text(11) == payments(world)[1].stan
        assert 55 in certificate.fields
        slip = last_slip(world)
        assert (slip.domestic, slip.uploaded, slip.not_taken) == (Balance.BALANCED, 2, 0)
        assert world.shop.mode is Mode.KEYED
        assert world.journal.transact(lambda tx: tx.get(PROGRESS)) is None
        (batch,) = host.book.all_batches()
        assert batch.upload is not None
        assert (batch.upload.ended, batch.upload.differences) == (True, [])


def test_an_imbalance_uploads_every_part_in_its_order() -> None:
    host = Host(unbalanced=True)
    with World("parts", acquirer=host) as world:
        run(world, START + CHIP, tip, SETTLE)
        told = host.told()
        tip_up = f"0320/{str(payments(world)[1].facts['f60_no'])[8:11]}"
        assert told == ["0500/201", tip_up, "0320/205", "0320/202", "0820/002"]
        end = next(m for m in host.heard if m.text(60)[8:11] == "202")
        assert end.text(48) == "0002"
        assert last_slip(world).domestic is Balance.UNBALANCED
        (batch,) = host.book.all_batches()
        assert batch.upload is not None
        assert (batch.upload.ended, batch.upload.differences) == (True, [])


def test_stripes_go_up_eight_at_a_time() -> None:
    host = Host(unbalanced=True)
    with World("stripes", acquirer=host) as world:
        swipe = "idle: 100 ENTER\nchoose_method: 1\ninsert_card: swipe stripe-debit\nenter_pin: 123456 ENTER\n" + SWIPED
        run(world, START + swipe * 9 + SETTLE)
        sent = [read_batch_details(m.text(48)) for m in host.heard if m.mti == "0320" and m.text(60)[8:11] == "201"]
        assert [len(details) for details in sent] == [8, 1]
        assert {detail.card_class for details in sent for detail in details} == {"00"}
        assert [d.stan for details in sent for d in details] == [p.stan for p in payments(world)]
        (batch,) = host.book.all_batches()
        assert batch.upload is not None
        assert batch.upload.differences == []


def test_a_chip_that_refused_is_a_failure_of_its_own() -> None:
    host = Host()
    with World("failure", acquirer=host) as world:
        card = "declines-after-approval"
        refused = f"idle: 700 ENTER\nchoose_method: 1\ninsert_card: insert {card}\nenter_pin: 123456 ENTER\n"
        refused += "reversal_done: ENTER\n"
        run(world, START + refused + "remove_card: remove\nidle:\n" + CHIP + SETTLE)
        assert host.told() == ["0500/201", "0320/203", "0320/204", "0320/207", "0820/002"]
        failure = next(m for m in host.heard if m.text(60)[8:11] == "204")
        assert failure.binary(62) == b"06"
        (batch,) = host.book.all_batches()
        assert batch.upload is not None
        assert batch.upload.differences == []


def test_a_failure_of_a_batch_that_the_host_has_left_is_no_record_of_the_next_one() -> None:
    """The host goes on with its next batch while the terminal's holds nothing but what was taken back."""
    host = Host(unbalanced=True)
    with World("left-behind", acquirer=host) as world:
        card = "declines-after-approval"
        refused = f"idle: 700 ENTER\nchoose_method: 1\ninsert_card: insert {card}\nenter_pin: 123456 ENTER\n"
        refused += "reversal_done: ENTER\nremove_card: remove\nidle:\n"

        async def go_on(world: World) -> None:
            host.change_batch(TERMINAL)

        sign_in = "idle: DOWN\nmenu: 6\nsigning_in:\nidle:\n"
        run(world, START + refused, go_on, sign_in + refused.replace("700", "900") + CHIP + SETTLE)
        left, named, sold = payments(world)
        assert [payment.facts["batch_no"] for payment in (left, named, sold)] == ["000001", "000002", "000002"]
        assert {payment.batch for payment in (left, named, sold)} == {1}
        records = {m.text(11): m.text(60) for m in host.heard if m.mti == "0320" and 55 in m.fields}
        assert records == {sold.stan: "00000002205", named.stan: "00000002206"}
        batch = host.book.batch(TERMINAL, "000002")
        assert batch is not None and batch.upload is not None
        assert (batch.upload.ended, batch.upload.stans) == (True, [sold.stan, named.stan])
        assert (last_slip(world).uploaded, last_slip(world).not_taken) == (2, 0)


def test_what_waits_goes_up_before_the_totals() -> None:
    host = Host()
    with World("first", acquirer=host) as world:
        run(world, START + CHIP, tip, SETTLE)
        order = [m.mti for m in host.heard if m.mti in ("0220", "0500")]
        assert order == ["0220", "0500"]
        assert last_slip(world).domestic is Balance.BALANCED
        assert last_slip(world).upload_rows == ()


def test_a_refused_upload_stands_on_the_slip() -> None:
    host = Host()
    with World("refused", acquirer=host) as world:

        async def refuse(world: World) -> None:
            await tip(world)
            host.codes[f"0220/{str(payments(world)[1].facts['f60_no'])[8:11]}"] = "61"

        run(world, START + CHIP, refuse, SETTLE)
        (row,) = last_slip(world).upload_rows
        assert (row.kind, row.code, row.voucher_no) == (Kind.TIP, "61", payments(world)[1].stan)


def test_uploads_that_nobody_answers_keep_the_batch_open_for_a_while_and_no_longer() -> None:
    host = Host()
    host.faults.add(Fault(FaultKind.DROP_REQUEST, mti="0220", times=99))
    with World("silent", acquirer=host) as world:
        wait = "idle: DOWN\nmenu: 4\nrefused: ENTER\nidle:\n"
        tries = world.shop.profile.upload_resend_count
        run(world, START + CHIP, tip, wait * tries, SETTLE)
        (row,) = last_slip(world).upload_rows
        assert (row.kind, row.code) == (Kind.TIP, "")
        assert [p.state for p in payments(world)] == [PaymentState.SETTLED, PaymentState.SETTLED]


def test_a_host_that_takes_no_upload_does_not_keep_the_batch() -> None:
    host = Host()
    host.codes = {"0320/203": "40", "0320/207": "40"}
    with World("no-upload", acquirer=host) as world:
        run(world, START + CHIP + SETTLE)
        slip = last_slip(world)
        assert (slip.uploaded, slip.not_taken) == (0, 2)
        assert world.shop.mode is Mode.KEYED


def test_a_lost_sign_in_in_the_middle_of_the_upload_is_no_second_settlement() -> None:
    host = Host()
    host.codes = {"0320/203": "77"}
    with World("lost", acquirer=host) as world:

        async def heal(world: World) -> None:
            host.codes = {}

        begin = "idle: DOWN\nmenu: 4\nconfirm_settlement: ENTER\ndeclined: ENTER\nidle:\n"
        again = "idle: ENTER\nsigning_in:\nsign_in_failed: CANCEL\nidle: ENTER\nsettled: ENTER\nidle:"
        run(world, START + CHIP, begin, heal, again)
        assert [m.mti for m in host.heard].count("0500") == 1
        slip = last_slip(world)
        assert (slip.domestic, slip.uploaded, slip.not_taken) == (Balance.BALANCED, 1, 0)


def test_a_silent_host_leaves_the_upload_where_it_was() -> None:
    host = Host()
    host.faults.add(Fault(FaultKind.DROP_REPLY, mti="0320", nth=2, times=3))
    with World("halfway", acquirer=host) as world:
        begin = "idle: DOWN\nmenu: 4\nconfirm_settlement: ENTER\nrefused: ENTER\nidle:\n"
        run(world, START + CHIP, CHIP, begin, "idle: ENTER\nsettled: ENTER\nidle:")
        stans = [m.text(11) for m in host.heard if m.text(60)[8:11] == "203"]
        first, second = (str(p.stan) for p in payments(world))
        assert stans == [first, second, second, second, second]
        assert last_slip(world).uploaded == 2


def test_no_sign_out_and_no_certificates_where_the_profile_wants_none() -> None:
    host = Host()
    with World("plain", acquirer=host) as world:
        quiet = {"sign_out_after_settlement": False, "certificates_when_balanced": False}

        async def change(world: World) -> None:
            world.shop.own_profile = dataclasses.replace(world.shop.own_profile, **quiet)
            world.shop.use(world.shop.downloaded)

        run(world, START + CHIP, change, SETTLE)
        assert host.told() == ["0500/201"]


def test_foreign_cards_have_totals_of_their_own() -> None:
    with World("foreign", acquirer=Host()) as world:
        run(world, START + CHIP, CHIP)
        first, second = payments(world)
        world.journal.transact(lambda tx: tx.note(second.id, organisation="VIS"))
        world.journal.transact(lambda tx: tx.note(first.id, organisation="CUP"))
        shop = world.shop
        shop.profile = dataclasses.replace(shop.profile, domestic_organisations=("CUP",))
        batch = world.journal.transact(lambda tx: count_batch(shop, tx))
        assert (batch.domestic.debit_count, batch.foreign.debit_count) == (1, 1)
        shop.profile = dataclasses.replace(shop.profile, domestic_organisations=())
        batch = world.journal.transact(lambda tx: count_batch(shop, tx))
        assert (batch.domestic.debit_count, batch.foreign.debit_count) == (2, 0)


def test_a_settlement_is_finished_also_where_the_host_keeps_its_batch_number() -> None:
    """Some acquirers leave counting batches to the terminal: what was judged is closed before anything is sold."""
    host = Host()
    host.codes = {"0320/203": "77"}
    with World("same-number", acquirer=host) as world:

        async def heal(world: World) -> None:
            host.codes = {}
            host.book.open_batch = lambda terminal: next(iter(host.book.all_batches()))  # type: ignore[method-assign]

        begin = "idle: DOWN\nmenu: 4\nconfirm_settlement: ENTER\ndeclined: ENTER\nidle:\n"
        again = "idle: ENTER\nsigning_in:\nsign_in_failed: CANCEL\nidle: ENTER\nsettled: ENTER\nidle:"
        run(world, START + CHIP, begin, heal, again)
        assert [m.mti for m in host.heard].count("0500") == 1
        assert last_slip(world).uploaded == 1


def test_a_host_that_wants_a_sign_in_for_each_upload_does_not_keep_the_batch() -> None:
    host = Host()
    host.codes = {"0320/203": "77", "0320/207": "77"}
    with World("for-ever", acquirer=host) as world:
        begin = "idle: DOWN\nmenu: 4\nconfirm_settlement: ENTER\ndeclined: ENTER\nidle:\n"
        sign_in = "idle: ENTER\nsigning_in:\nsign_in_failed: CANCEL\nidle: ENTER\n"
        run(world, START + CHIP, begin + sign_in + "declined: ENTER\nidle:\n" + sign_in + "settled: ENTER\nidle:")
        slip = last_slip(world)
        assert (slip.uploaded, slip.not_taken) == (0, 2)


def test_what_nobody_knows_the_end_of_stands_on_the_slip() -> None:
    host = Host()
    host.faults.add(Fault(FaultKind.DROP_REPLY, mti="0220"))
    with World("unknown-refund", acquirer=host) as world:

        async def refund(world: World) -> None:
            rrn = str(payments(world)[0].facts["rrn"])
            await play(
                world,
                to_transaction("refund") + "enter_number: ENTER\noperator_password: 1234 ENTER\n"
                f"enter_number: {rrn} ENTER\nenter_number: ENTER\nenter_amount: 2850 ENTER\n"
                "insert_card: insert no-cvm\noutcome_unknown: ENTER\nremove_card: remove\nidle:",
            )

        papers: list[str] = []
        world.printer_said = lambda lines: papers.append(" ".join(str(line) for line in lines))
        lists: list[tuple[str, ...]] = []
        world.on_show = lambda picture: lists.append(picture.text()) if picture.name == "today" else None
        later = to_menu("reports") + "menu: 4\n" + to_menu("today") + "today: CANCEL\nidle:"
        run(world, START + CHIP, refund, SETTLE + "\n" + later)
        (row,) = last_slip(world).open_rows
        assert (row.state, row.amount) == (PaymentState.UNKNOWN, Money(2850))
        assert payments(world)[1].state is PaymentState.SETTLED
        assert papers[-1].count("UNKNOWN") == 1  # The details of a batch that is settled still tell it apart.
        assert [line.split()[-1] for line in lists[-1] if ":" in line] == ["？", "✔"]
        assert lists[-1][-1].split()[-1] == "¥128.50"


def test_a_parked_reversal_stands_on_the_slip_and_keeps_its_seal() -> None:
    host = Host()
    host.faults.add(Fault(FaultKind.DROP_REPLY, mti="0200", nth=2))
    host.faults.add(Fault(FaultKind.DROP_REPLY, mti="0400", times=99))
    with World("parked", acquirer=host) as world:
        lost = CHIP.replace(DONE, "reversal_pending: ENTER\nremove_card: remove\n")

        async def park(world: World) -> None:
            number = payments(world)[1].id
            world.journal.transact(lambda tx: tx.note(number, parked=True))

        run(world, START + CHIP, lost, park, SETTLE)
        (row,) = last_slip(world).open_rows
        assert (row.state, row.masked_pan) == (PaymentState.REVERSING, payments(world)[1].facts["masked_pan"])
        number = payments(world)[1].id
        assert world.journal.transact(lambda tx: tx.sealed(number, "reversal")) is not None


def test_whatever_the_host_did_not_take_is_named_and_the_batch_is_closed() -> None:
    """More than one paper, or one event of the journal, holds: the slip goes on in strips, each printed once."""
    count = 300

    def fill(tx: Tx) -> None:
        for number in range(500, 500 + count):
            stan = f"{number:06d}"
            sale = tx.new_payment(Method.CARD, Money(100), "01", Kind.OFFLINE_SALE, masked_pan="622500******0014")
            tx.move(sale.id, PaymentState.OFFLINE_APPROVED, stan=stan, batch_no="000001", entry_mode="051")
            tx.move(sale.id, PaymentState.COMPLETED)
            tx.end_upload(tx.queue_upload(Notice.ADVICE, sale.id, stan), UploadState.REFUSED, "40")

    with World("many", acquirer=Host()) as world:
        world.run(play(world, START))
        world.journal.transact(fill)
        before, filled = world.printer.slip_count, world.journal.last_n
        world.run(play(world, to_menu("reports") + "menu: 1\nprinting:\n" + SETTLE))
        kept = [from_record(e.body["body"]) for e in world.journal.events_after(filled) if e.kind == "slip"]
        first, *others = (slip for slip in kept if isinstance(slip, SettlementSlip | OpenSlip))
        assert isinstance(first, SettlementSlip) and first.total_count == count
        assert [slip.strip for slip in others if isinstance(slip, OpenSlip)] == list(range(2, first.strips + 1))
        named = [row.voucher_no for slip in (first, *others) for row in slip.upload_rows]
        assert named == [f"{number:06d}" for number in range(500, 500 + count)]
        assert world.printer.slip_count == before + 2 * first.strips
        assert world.journal.transact(lambda tx: tx.unprinted()) == ()
        world.run(play(world, to_menu("reports") + "menu: 3\nprinting:\nidle:"))
        assert world.printer.slip_count == before + 3 * first.strips
