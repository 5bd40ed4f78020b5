"""Activation: a code from the acquirer, spent once on one device, for the numbers that a terminal trades under.

It is the one message of a terminal that has neither numbers nor keys, so it carries no MAC: F41 and F42 are zeros, and
whoever answers says only what a person then compares with the contract. The same device may ask again with the same
code, because an answer may be lost; another device may not.

Spec: docs/host-link.md §14 [ours].
"""

from __future__ import annotations

from dataclasses import dataclass

from terminal.hostlink.codec import FrameError, Message
from terminal.hostlink.lists import shop_name
from terminal.hostlink.messages import Terminal, base
from terminal.hostlink.subfields import read_tlv, write_tlv

ACTIVATION = "981"  # F60.3
USED = "58"  # F39: another device has spent the code.
NOBODY = Terminal(merchant_no="0" * 15, terminal_no="0" * 8, batch_no="000000")

CODE, SERIAL = "B1", "B2"  # F62 of the request.
MERCHANT_NO, TERMINAL_NO, MERCHANT_NAME = "B3", "B4", "B5"  # F62 of the answer.


@dataclass(frozen=True, slots=True)
class MerchantFile:
    """Who this terminal is from now on."""

    merchant_no: str
    terminal_no: str
    merchant_name: str


def activation_request(*, stan: str, code: str, serial: str) -> Message:
    """0800 from nobody yet."""
    fields = base(NOBODY, stan, f"00000000{ACTIVATION}")
    return Message("0800", {**fields, 62: write_tlv({CODE: code, SERIAL: serial}).encode("ascii")})


def read_merchant_file(reply: Message) -> MerchantFile:
    """Raises FrameError for an answer that lacks a number or holds one that F41 and F42 do not take."""
    try:
        tags = read_tlv(reply.binary(62).decode("gb18030"))
    except UnicodeDecodeError:
        raise FrameError(62, 0, "is no GB18030") from None
    except FrameError as fault:
        raise FrameError(62, fault.offset, fault.reason) from None
    merchant_no, terminal_no = tags.get(MERCHANT_NO, ""), tags.get(TERMINAL_NO, "")
    name = shop_name(tags.get(MERCHANT_NAME, ""))
    for number, length in ((merchant_no, 15), (terminal_no, 8)):
        if len(number) != length or not (number.isascii() and number.isalnum()):
            raise FrameError(62, 0, "no merchant number of 15 characters, or no terminal number of 8")
    if name is None:
        raise FrameError(62, 0, "no name that could be printed")
    return MerchantFile(merchant_no, terminal_no, name)
