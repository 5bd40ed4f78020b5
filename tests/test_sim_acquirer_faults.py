"""Each fault does what it says, as often as it says, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sim.acquirer import Acquirer, Fault, FaultKind, FaultPlan, Reply
from sim.acquirer.book import EntryState
from sim.acquirer.caller import Caller, new_card
from sim.acquirer.faults import parse_fault
from terminal.hostlink.codec import FrameError, Message, decode, encode
from terminal.hostlink.frame import unwrap, wrap
from terminal.hostlink.messages import with_mac
from terminal.hostlink.profile import load_profile
from terminal.hostlink.reply import VerdictKind

NOON = 1_795_233_600_000
PROFILE = load_profile("unionpay")


class Line:
    """A caller signed in before any fault, and the replies as the server would carry them out."""

    def __init__(self, folder: Path) -> None:
        self.acquirer = Acquirer()
        self.caller = Caller(lambda f: self.acquirer.handle(f, NOON), self.acquirer.profile, folder)
        self.caller.sign_in()

    def send(self, message: Message) -> tuple[Reply, ...]:
        profile = self.acquirer.profile
        frame = wrap(encode(with_mac(message, self.caller.keys, profile), profile), profile)
        return self.acquirer.exchange(frame, NOON)

    def sale(self) -> Message:
        return self.caller.sale_message(12850, new_card("no-cvm"))

    @property
    def approved(self) -> int:
        return sum(entry.state is EntryState.APPROVED for entry in self.acquirer.book.entries)


@pytest.fixture
def line(tmp_path: Path) -> Line:
    return Line(tmp_path / "keys")


@pytest.mark.parametrize(
    ("kind", "approved"),
    [(FaultKind.DROP_REQUEST, 0), (FaultKind.DROP_REPLY, 1)],
)
def test_silence_with_and_without_effect(line: Line, kind: FaultKind, approved: int) -> None:
    line.acquirer.faults.add(Fault(kind, mti="0200"))
    assert line.caller.call(line.sale(), mac=True) is None
    assert line.approved == approved
    assert line.caller.call(line.sale(), mac=True) is not None, "once"


@pytest.mark.parametrize(
    ("kind", "verdict", "field"),
    [
        (FaultKind.WRONG_MAC, VerdictKind.UNAUTHENTICATED, 64),
        (FaultKind.NO_MAC, VerdictKind.UNAUTHENTICATED, 64),
        (FaultKind.WRONG_STAN, VerdictKind.MISMATCH, 11),
        (FaultKind.WRONG_TERMINAL, VerdictKind.MISMATCH, 41),
        (FaultKind.WRONG_AMOUNT, VerdictKind.MISMATCH, 4),
    ],
)
def test_a_spoilt_reply_is_seen_for_what_it_is(line: Line, kind: FaultKind, verdict: VerdictKind, field: int) -> None:
    line.acquirer.faults.add(Fault(kind))
    sale = line.sale()
    reply = line.caller.call(sale, mac=True)
    assert reply is not None
    seen = line.caller.verdict(sale, reply)
    assert (seen.kind, seen.field) == (verdict, field)
    assert line.approved == 1


def test_a_reply_may_come_twice(line: Line) -> None:
    line.acquirer.faults.add(Fault(FaultKind.DUPLICATE))
    first, second = line.send(line.sale())
    assert first == second and line.approved == 1


def test_a_reply_may_be_late_split_cut_or_missing(line: Line) -> None:
    plan = line.acquirer.faults
    plan.add(Fault(FaultKind.DELAY, ms=3000))
    plan.add(Fault(FaultKind.SPLIT))
    (late,) = line.send(line.sale())
    assert (late.delay_ms, late.byte_by_byte) == (3000, True)
    plan.add(Fault(FaultKind.CUT))
    (cut,) = line.send(line.sale())
    assert cut.hang_up and 0 < len(cut.data) < cut.full_bytes
    plan.add(Fault(FaultKind.DISCONNECT))
    (gone,) = line.send(line.sale())
    assert gone.hang_up and not gone.data
    plan.add(Fault(FaultKind.CUT))
    assert line.caller.call(line.sale(), mac=True) is None, "without a line a cut reply is silence"


def test_a_garbled_reply_is_no_message(line: Line) -> None:
    line.acquirer.faults.add(Fault(FaultKind.GARBLE))
    (reply,) = line.send(line.sale())
    with pytest.raises(FrameError):
        decode(unwrap(reply.data, line.acquirer.profile).body, line.acquirer.profile)


def test_a_code_refuses_without_effect(line: Line) -> None:
    line.acquirer.faults.add(Fault(FaultKind.CODE, mti="0200", code="91", times=2))
    for _ in range(2):
        sale = line.sale()
        reply = line.caller.call(sale, mac=True)
        assert reply is not None and reply.text(39) == "91"
        assert line.caller.verdict(sale, reply).kind is VerdictKind.DECLINED
    assert line.approved == 0
    reply = line.caller.sale(100)
    assert reply is not None and reply.text(39) == "00"


def test_the_host_may_ask_for_a_sign_in(line: Line) -> None:
    line.acquirer.faults.add(Fault(FaultKind.REQUIREMENT, digit=3))
    (reply,) = line.send(line.sale())
    assert unwrap(reply.data, line.acquirer.profile).requirement == 3


def test_the_second_of_its_kind(line: Line) -> None:
    line.acquirer.faults.add(Fault(FaultKind.DROP_REPLY, mti="0200", nth=2, times=2))
    assert [line.caller.sale(100) is None for _ in range(5)] == [False, True, True, False, False]
    assert not line.acquirer.faults, "a fault that is used up is forgotten"


def test_a_predicate_chooses(line: Line) -> None:
    choose: Callable[[Message], bool] = lambda message: message.text(4) == "000000000666"
    line.acquirer.faults.add(Fault(FaultKind.DROP_REPLY, when=choose))
    assert line.caller.sale(100) is not None
    assert line.caller.sale(666) is None


def test_the_same_plan_gives_the_same_faults() -> None:
    request = Message("0200", {3: "000000"})
    texts = ("drop-reply,mti=0200,nth=3,times=2", "delay,ms=5,times=every", "code,code=91,f3=000000,nth=2")
    runs = []
    for _ in range(2):
        plan = FaultPlan(parse_fault(text) for text in texts)
        runs.append([sorted(kind.value for kind in plan.take(request)) for _ in range(6)])
    assert runs[0] == runs[1]
    assert runs[0][:4] == [["delay"], ["code", "delay"], ["delay", "drop-reply"], ["delay", "drop-reply"]]


@pytest.mark.parametrize("text", ["", "nonsense", "delay,ms=x", "delay,colour=red", "drop-reply,nth=every"])
def test_a_fault_that_cannot_be_read_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="fault"):
        parse_fault(text)


def test_a_stale_reply_comes_before_the_right_one(line: Line) -> None:
    (first,) = line.send(line.sale())
    line.acquirer.faults.add(Fault(FaultKind.STALE, mti="0200"))
    replies = line.send(line.sale())
    assert replies[0] == first
    profile = line.acquirer.profile
    stans = [decode(unwrap(reply.data, profile).body, profile).text(11) for reply in replies]
    assert int(stans[1]) == int(stans[0]) + 1
    assert len(line.send(line.sale())) == 1


@pytest.mark.parametrize(("code", "again"), [("51", "51"), ("09", "00"), ("A0", "00")])
def test_what_was_refused_for_good_is_refused_however_often_it_comes(line: Line, code: str, again: str) -> None:
    """But "in progress" is no word yet, and who has signed in anew may ask anew."""
    line.acquirer.faults.add(Fault(FaultKind.CODE, mti="0200", code=code))
    sale = line.sale()
    replies = [*line.send(sale), *line.send(sale)]
    codes = [decode(unwrap(reply.data, PROFILE).body, PROFILE).text(39) for reply in replies]
    assert codes == [code, again]
    assert line.approved == (again == "00")
    assert line.caller.call(line.sale(), mac=True) is not None and line.approved == 1 + (again == "00")
