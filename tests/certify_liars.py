"""Terminals that do one thing wrong: a host that stands on the line and changes what the good terminal sends.

What is changed gets a good MAC again, so that nothing else is wrong but what is meant to be.
"""

from __future__ import annotations

from collections.abc import Callable

from sim.acquirer.faults import FaultPlan
from sim.acquirer.requests import Reply
from sim.certify.host import Host
from sim.certify.judge import Result, judge
from sim.certify.script import Case, load_script
from sim.certify.simulated import observe
from terminal.hostlink.codec import Message, decode, encode
from terminal.hostlink.frame import Frame, unwrap, wrap
from terminal.hostlink.messages import MAC_BYTES
from terminal.hostlink.profile import Profile, load_profile

Change = Callable[[Message], Message | None]
UNIONPAY = load_profile("unionpay")
SCRIPT = {case.id: case for case in load_script()}


class Liar(Host):
    """`change(message)` gives what is said instead; None: it is never said."""

    change: Change = staticmethod(lambda message: message)
    spoil_mac = False

    def exchange(self, frame: bytes, now_ms: int) -> tuple[Reply, ...]:
        outer = unwrap(frame, self.profile)
        message = decode(outer.body, self.profile)
        said = self.change(message)
        if said is None:
            return ()
        if said is not message:
            frame = self._again(outer, said)
        return super().exchange(frame, now_ms)

    def _again(self, outer: Frame, said: Message) -> bytes:
        keys = self.keys_of((said.text(42), said.text(41)), said)
        body = encode(said, self.profile)
        if keys is not None and 64 in said.fields and not self.spoil_mac:
            body = body[:-MAC_BYTES] + keys.mac(body[:-MAC_BYTES])
        return wrap(body, self.profile, tpdu=outer.tpdu, header=outer.header)


def tried(case_id: str, change: Change | None = None, *, spoil_mac: bool = False) -> Result:
    """This case on a terminal that is good, or does this one thing wrong."""

    def make(seed: int, profile: Profile) -> Host:
        host = Liar(seed=seed, profile=profile, faults=FaultPlan())
        if change is not None:
            host.change = change
        host.spoil_mac = spoil_mac
        return host

    case: Case = SCRIPT[case_id]
    return judge(case, observe(case, UNIONPAY, 1, make))


def wrong_places(result: Result) -> set[str]:
    return {check.place for check in result.checks if not check.passed}
