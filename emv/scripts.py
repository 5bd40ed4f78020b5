"""Issuer-to-card scripts: commands of the issuer, delivered as they are, before (71) or after (72) the last cryptogram.

The terminal neither reads nor changes a command; it delivers them in order, stops a script at the first that fails,
and writes five bytes about each script for the issuer. A script that cannot be taken apart to its end is not begun:
half of one could lock a card.

Spec: EMV 4.4 Book 3 §10.10 (issuer-to-card script processing); Book 4 §6.3.9, §A5 (issuer script results).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from emv.apdu import exchange
from emv.bits import TSI, TVR
from emv.commands import CardError
from emv.session import Session
from emv.tags import (
    ISSUER_SCRIPT_COMMAND_86,
    ISSUER_SCRIPT_IDENTIFIER_9F18,
    ISSUER_SCRIPT_TEMPLATE_1_71,
    ISSUER_SCRIPT_TEMPLATE_2_72,
)
from emv.tlv import TlvError, parse, read_length, read_tag

BEFORE, AFTER = ISSUER_SCRIPT_TEMPLATE_1_71, ISSUER_SCRIPT_TEMPLATE_2_72
TEMPLATES = frozenset({BEFORE, AFTER})
SCRIPTS_BYTES_MAX = 128  # All scripts of one answer, tags and lengths included. Spec: Book 4 §6.3.9.
IDENTIFIER_BYTES = 4
IDENTIFIER_FIRST = bytes.fromhex("9F1804")  # Where and how the Books have it. Spec: Book 3 §10.10, figure 16.
HEADER_BYTES = 4  # CLA INS P1 P2.
SEQUENCE_MAX = 0x0F  # 15 stands for the fifteenth command and all behind it.
# SW1 after which the next command is delivered: done, or a warning. Spec: Book 3 §10.10.
GOES_ON = frozenset({0x90, 0x62, 0x63})


class ScriptResult(IntEnum):
    """The high half of a result's first byte. Spec: Book 4 §A5."""

    NOT_PERFORMED = 0
    FAILED = 1
    SUCCESSFUL = 2


@dataclass(frozen=True, slots=True)
class Script:
    """One template. Without `commands` that are all there it is broken, and not to be begun."""

    template: int
    identifier: bytes  # 9F18, or zeros.
    commands: tuple[bytes, ...]
    broken: str = ""  # What is wrong with it.


def parse_scripts(data: bytes) -> tuple[Script, ...]:
    """Templates 71 and 72 in their order; never raises. What is no template ends the list as one broken script.

    >>> parse_scripts(bytes.fromhex("720B9F1804000000018602" "0084"))[0].broken
    'no command: 2 bytes'
    """
    scripts: list[Script] = []
    at = 0
    while at < len(data):
        try:
            tag, at = read_tag(data, at)
            length, at = read_length(data, at)
        except TlvError as error:
            return (*scripts, _broken(BEFORE, error.reason))
        if tag not in TEMPLATES or at + length > len(data):
            template, body = (tag, data[at:]) if tag in TEMPLATES else (BEFORE, b"")
            return (*scripts, _broken(template, "no whole template", body))
        body, at = data[at : at + length], at + length
        if at > SCRIPTS_BYTES_MAX:
            scripts.append(_broken(tag, f"beyond {SCRIPTS_BYTES_MAX} bytes", body))
        else:
            scripts.append(_script(tag, body))
    return tuple(scripts)


def _script(template: int, body: bytes) -> Script:
    """What one whole template holds. Unknown elements are passed over. Spec: Book 3 §10.10, §7.1."""
    identifier = bytes(IDENTIFIER_BYTES)
    commands: list[bytes] = []
    try:
        items = parse(body)
    except TlvError as error:
        return _broken(template, error.reason, body)
    for item in items:
        if item.tag == ISSUER_SCRIPT_IDENTIFIER_9F18 and len(item.value) == IDENTIFIER_BYTES:
            identifier = item.value
        elif item.tag == ISSUER_SCRIPT_COMMAND_86:
            if not _can_be_sent(item.value):
                return Script(template, identifier, (), f"no command: {len(item.value)} bytes")
            commands.append(item.value)
    return Script(template, identifier, tuple(commands))


def _can_be_sent(command: bytes) -> bool:
    """Whether its length is that of a short command APDU. Spec: Book 1 §9.4.1; ISO/IEC 7816-4 §5.1."""
    body = len(command) - HEADER_BYTES
    return body in (0, 1) or (body > 1 and command[HEADER_BYTES] in (body - 1, body - 2) and command[HEADER_BYTES] > 0)


def _broken(template: int, reason: str, body: bytes = b"") -> Script:
    """A script that is not begun, with its identifier if it begins with one. Spec: Book 4 §12.2.4."""
    known = body.startswith(IDENTIFIER_FIRST) and len(body) >= len(IDENTIFIER_FIRST) + IDENTIFIER_BYTES
    identifier = body[len(IDENTIFIER_FIRST) :][:IDENTIFIER_BYTES] if known else bytes(IDENTIFIER_BYTES)
    return Script(template, identifier, (), reason)


async def issuer_scripts(session: Session, scripts: tuple[Script, ...], template: int) -> None:
    """Deliver those of one kind and write down their results. Raises CardError if the card left before the end.

    After the last cryptogram the payment is decided: a card that leaves then has failed a script and nothing else.
    """
    failed = (
        TVR.SCRIPT_FAILED_BEFORE_FINAL_GENERATE_AC
        if template == BEFORE
        else TVR.SCRIPT_FAILED_AFTER_FINAL_GENERATE_AC
    )
    results = b""
    gone = False
    for script in scripts:
        if script.template != template:
            continue
        if script.broken or gone:
            session.note("script-not-begun", sets=failed, why=script.broken or "the card is gone")
            results += _result(ScriptResult.NOT_PERFORMED, 0, script)
            continue
        number, gone = await _deliver(script)
        if number:
            session.note("script-failed", sets=failed, command=number)
            results += _result(ScriptResult.FAILED, number, script)
        else:
            session.note("script-delivered", commands=len(script.commands))
            results += _result(ScriptResult.SUCCESSFUL, 0, script)
    if results:
        tag = session.terminal.script_results_tag
        session.data[tag] = session.data.get(tag, b"") + results
        session.note("scripts-done", tag, sets=TSI.SCRIPT_PROCESSING_PERFORMED)
        session.performed("Issuer-to-card script processing")


async def _deliver(script: Script) -> tuple[int, bool]:
    """The number of the command that failed, 0 if none did; and whether the card left.

    Raises CardError if it left while the payment was still open.
    """
    for number, command in enumerate(script.commands, 1):
        try:
            response = await exchange(command)
        except CardError as error:
            if error.removed and script.template == BEFORE:
                raise
            return number, error.removed
        if response.sw >> 8 not in GOES_ON:
            return number, False
    return 0, False


def _result(result: ScriptResult, number: int, script: Script) -> bytes:
    """Five bytes: what became of it and at which command, then the script's identifier. Spec: Book 4 §A5."""
    return bytes((result << 4 | min(number, SEQUENCE_MAX),)) + script.identifier
