"""From a desk's answer to the frames that leave, spoilt as the faults say.

Spec: docs/host-link.md §1, §3, §7.
"""

from __future__ import annotations

from collections.abc import Mapping

from sim.acquirer.faults import Fault, FaultKind
from sim.acquirer.hostkeys import HostKeys
from sim.acquirer.requests import Answer, Reply
from terminal.hostlink.codec import Message, encode
from terminal.hostlink.frame import Frame, reply_to
from terminal.hostlink.messages import MAC_BYTES, mac_wire_bytes
from terminal.hostlink.profile import Profile

FLOOD_FRAMES = 40  # More than a terminal reads in one exchange.
# What a reply repeats from its request (docs/host-link.md §3, the public 0210 frames).
ECHOED = (2, 3, 4, 11, 14, 23, 25, 41, 42, 49, 60)


def replies_to(
    outer: Frame, request: Message, answer: Answer, faults: Mapping[FaultKind, Fault], profile: Profile
) -> tuple[Reply, ...]:
    """The answer as it goes out: what it repeats of its request, its MAC, its header, and the faults of the line."""
    if FaultKind.DROP_REPLY in faults:
        return ()
    if FaultKind.DISCONNECT in faults:
        return (Reply(b"", hang_up=True),)
    fields: dict[int, str | bytes] = {n: request.fields[n] for n in ECHOED if n in request.fields}
    fields |= answer.fields
    fields[39] = answer.code
    if answer.keys is not None:
        fields[64] = bytes(MAC_BYTES)
    body = _finish(f"{int(request.mti) + 10:04d}", fields, answer.keys, faults, profile)
    requirement = faults[FaultKind.REQUIREMENT].digit if FaultKind.REQUIREMENT in faults else 0
    data = reply_to(outer, body, profile, requirement=requirement)
    if not faults:
        return (Reply(data),)
    return _line_faults(data, faults)


def _finish(
    mti: str,
    fields: dict[int, str | bytes],
    keys: HostKeys | None,
    faults: Mapping[FaultKind, Fault],
    profile: Profile,
) -> bytes:
    """The body with its MAC, spoilt as the faults say."""
    if {FaultKind.WRONG_STAN, FaultKind.FLOOD} & faults.keys() and 11 in fields:
        fields[11] = f"{int(str(fields[11])) % 999_999 + 1:06d}"
    if FaultKind.WRONG_TERMINAL in faults:
        fields[41] = "99999999"
    if FaultKind.WRONG_AMOUNT in faults and 4 in fields:
        fields[4] = f"{(int(str(fields[4])) + 1) % 10**12:012d}"
    if FaultKind.NO_MAC in faults:
        fields.pop(64, None)
        keys = None
    if FaultKind.WRONG_MTI in faults:
        mti = f"{int(mti) + 20:04d}"  # An advice's.
    body = encode(Message(mti, fields), profile)
    if keys is None:
        return body
    covered = body[: -mac_wire_bytes(profile)]
    mac = keys.mac(covered)
    if FaultKind.WRONG_MAC in faults:
        wrong = b"0" * len(mac)
        mac = wrong if mac != wrong else b"F" * len(mac)
    return covered + mac


def _line_faults(data: bytes, faults: Mapping[FaultKind, Fault]) -> tuple[Reply, ...]:
    if FaultKind.GARBLE in faults:
        data = data[:13] + bytes((data[13] ^ 0x20,)) + data[14:]  # Behind TPDU, header and MTI stands the bitmap.
    delay_ms = faults[FaultKind.DELAY].ms if FaultKind.DELAY in faults else 0
    if FaultKind.CUT in faults:
        return (Reply(data[: len(data) // 2], delay_ms, hang_up=True, full_bytes=len(data)),)
    reply = Reply(data, delay_ms, FaultKind.SPLIT in faults)
    if FaultKind.FLOOD in faults:
        return (reply,) * FLOOD_FRAMES
    return (reply, reply) if FaultKind.DUPLICATE in faults else (reply,)
