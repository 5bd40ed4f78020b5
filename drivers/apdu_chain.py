"""GET RESPONSE and the corrected Le: one command APDU to its final answer.

PC/SC hands 61xx and 6Cxx back raw, so this part of the terminal's transport layer is ours, once, under the
real reader and under its twins. Short APDUs only; EMV knows no others.

Spec: EMV 4.4 Book 1 §9.3.1.1 (the four cases), §9.3.1.2 (procedure bytes 61 and 6C), Annex A (examples, among
them A8: a case 4 command with a warning).
"""

from __future__ import annotations

from collections.abc import Callable

from drivers.ports import CardFault, CardGone

CHAIN_LIMIT = 32  # Exchanges for one command. 256 bytes in the smallest pieces seen in the field (8) need 32.
RESPONSE_LIMIT_BYTES = 1024  # Four times what any EMV response may hold (256); a card that goes on babbles.
GET_RESPONSE = bytes.fromhex("00c00000")


class ChainBroken(CardFault):
    """The card promises more data without end; the card's fault, not the reader's."""

    def __init__(self, reason: str) -> None:
        super().__init__("card", reason)


def command_case(capdu: bytes) -> int:
    """1 to 4, from the length alone. Raises ValueError for what is no short APDU (our own fault).

    >>> command_case(bytes.fromhex("00b2010c00"))
    2
    """
    if len(capdu) == 4:
        return 1
    if len(capdu) == 5:
        return 2
    if len(capdu) > 5 and capdu[4] > 0:
        if len(capdu) == 5 + capdu[4]:
            return 3
        if len(capdu) == 6 + capdu[4]:
            return 4
    raise ValueError(f"no short APDU: {len(capdu)} bytes")


def exchange(transmit: Callable[[bytes], bytes], capdu: bytes, *, t0: bool) -> bytes:
    """Send one command and follow it to its end: data, then SW1 SW2.

    `transmit` carries one command to the card and gives its raw response. With `t0` the command goes in its
    TPDU form: case 1 gets a P3 of 00, case 4 loses its Le.
    Raises CardGone (a response too short to be one: the card died), ChainBroken, and whatever `transmit`
    raises.
    """
    case = command_case(capdu)
    command = capdu
    if t0 and case == 1:
        command = capdu + b"\x00"
    elif t0 and case == 4:
        command = capdu[:-1]
    takes_le = case == 2 or (case == 4 and not t0)
    collected = bytearray()
    warning = b""
    corrected = False
    for _ in range(CHAIN_LIMIT):
        response = transmit(command)
        if len(response) < 2:
            raise CardGone("card", "it stopped answering; insert it again and leave it in")
        collected += response[:-2]
        if len(collected) > RESPONSE_LIMIT_BYTES:
            raise ChainBroken(f"more than {RESPONSE_LIMIT_BYTES} bytes for one command")
        status = response[-2:]
        if status[0] == 0x61:
            command, takes_le, corrected = GET_RESPONSE + status[1:], True, False
        elif status[0] == 0x6C and takes_le and not corrected:
            # A second 6C to the same command is an answer like any other error, so a card cannot loop here.
            command, corrected = command[:-1] + status[1:], True
        elif t0 and case == 4 and status[0] in (0x62, 0x63) and not warning and not collected:
            # Annex A8: T=0 has no room for data beside a warning; it is fetched, the warning stays.
            warning = status
            command, takes_le, corrected = GET_RESPONSE + b"\x00", True, False
        else:
            return bytes(collected) + (warning or status)
    raise ChainBroken(f"61xx {CHAIN_LIMIT} times in a row")
