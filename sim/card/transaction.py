"""The commands in which card and issuer meet: GENERATE AC, EXTERNAL AUTHENTICATE, INTERNAL AUTHENTICATE.

Spec: EMV 4.4 Book 3 §6.5.4, §6.5.5, §6.5.9, §10.8-10.11; Book 2 §6.5 (DDA), §6.6 (CDA), §8 (cryptograms).
"""

from __future__ import annotations

import hmac

from sim.card.build import dol_length, dol_values, tlv
from sim.card.certificates import faulty_signature
from sim.card.chain import combined_data, signed_dynamic_data
from sim.card.model import AAC, AIP_CDA, AIP_DDA, AIP_EXTERNAL_AUTHENTICATE, ARQC, TC, IssuerAuthentication
from sim.card.risk import (
    Decision,
    count_transaction,
    first_decision,
    issuer_application_data,
    second_decision,
)
from sim.card.state import (
    AUTHENTICATION_FAILED,
    CONDITIONS_NOT_SATISFIED,
    OK,
    WRONG_LENGTH,
    WRONG_P1_P2,
    Chip,
    Command,
    Step,
)
from sim.cryptograms import CRYPTOGRAM_TAGS, Transaction

CDA_REQUESTED = 0x10  # P1 b5.
RESERVED_TYPE = 0xC0
DYNAMIC_NUMBER_BYTES = 8
UN_BYTES = 4  # The least that a terminal sends for a signature.
# 9F4F: date, time, amounts, country, currency, merchant, type, ATC. PBOC's own list, from memory.
LOG_FORMAT = bytes.fromhex("9A039F21039F02069F03069F1A025F2A029F4E149C019F3602")


def generate_ac(chip: Chip, command: Command) -> bytes:
    """The first time by CDOL1, after an ARQC once more by CDOL2."""
    app, power = chip.app, chip.power
    kind, cda = command.p1 & RESERVED_TYPE, bool(command.p1 & CDA_REQUESTED)
    if command.p2 or command.p1 & ~(RESERVED_TYPE | CDA_REQUESTED) or kind == RESERVED_TYPE:
        return WRONG_P1_P2
    if cda and not app.aip[0] & AIP_CDA:
        return WRONG_P1_P2
    first = power.step is Step.INITIATED
    dol = app.cdol1 if first else app.cdol2
    if len(command.data) != dol_length(dol):
        return WRONG_LENGTH
    if not first and kind == ARQC:
        return CONDITIONS_NOT_SATISFIED
    values = dol_values(dol, command.data)
    power.sent += command.data
    power.values |= values
    if first:
        un = power.values.get(0x9F37, bytes(UN_BYTES))
        power.transaction = Transaction.begin(
            chip.personalised.scheme, chip.personalised.keys, chip.memory.atc.to_bytes(2, "big"), un
        )
        decision = first_decision(chip, kind)
        power.first_type = decision.kind
    else:
        if 0x91 in values and any(values[0x91]):
            power.authenticated = arpc_is_good(chip, values[0x91])
        decision = second_decision(chip, kind, values)
    answer = _answer(chip, decision, first=first, cda=cda)
    count_transaction(chip, decision, values, first=first)
    if decision.kind == TC:
        _write_log(chip)
    power.step = Step.ONLINE if first and decision.kind == ARQC else Step.ENDED
    return answer + OK


def _answer(chip: Chip, decision: Decision, *, first: bool, cda: bool) -> bytes:
    """CID, ATC, cryptogram and 9F10, in format 1 or 2, or signed. An AAC is never signed (Book 2 §6.6.1)."""
    app, power = chip.app, chip.power
    if power.transaction is None:
        raise RuntimeError("no transaction was begun")
    signs = cda and decision.kind != AAC
    atc, cid = power.transaction.atc, decision.kind | decision.notes
    iad = issuer_application_data(chip, decision, first=first, cda=signs)
    elements = {tag: power.values.get(tag, bytes(length)) for tag, length in CRYPTOGRAM_TAGS}
    elements |= {0x82: app.aip, 0x9F36: atc}
    cryptogram = power.transaction.cryptogram(elements, iad)
    if first:
        power.cryptogram = cryptogram
    if signs:
        plain = (tlv(0x9F27, bytes((cid,))), tlv(0x9F36, atc), tlv(0x9F10, iad))
        return tlv(0x77, *plain[:2], tlv(0x9F4B, _combined(chip, cid, cryptogram, b"".join(plain))), plain[2])
    if app.template_77:
        parts = ((0x9F27, bytes((cid,))), (0x9F36, atc), (0x9F26, cryptogram), (0x9F10, iad))
        return tlv(0x77, *(tlv(tag, value) for tag, value in parts))
    return tlv(0x80, bytes((cid,)), atc, cryptogram, iad)


def _combined(chip: Chip, cid: int, cryptogram: bytes, objects: bytes) -> bytes:
    """9F4B of CDA: over all that was sent by PDOL and CDOLs and all that is answered beside it."""
    key = chip.personalised.icc
    if key is None:
        raise RuntimeError("a card with CDA has a key")
    number = chip.draw(DYNAMIC_NUMBER_BYTES)
    data = combined_data(number, cid, cryptogram, chip.power.pdol_data + chip.power.sent + objects)
    un = chip.power.values.get(0x9F37, b"")
    return faulty_signature(chip.app, signed_dynamic_data(key, data, un))


def _write_log(chip: Chip) -> None:
    """A record of the transaction log, the newest first."""
    if not chip.app.log_records:
        return
    known = chip.power.values | {0x9F36: chip.memory.atc.to_bytes(2, "big")}
    entry = b"".join(
        known.get(tag, b"").ljust(length, b"\x00")[:length]
        for tag, length in (
            (0x9A, 3),
            (0x9F21, 3),
            (0x9F02, 6),
            (0x9F03, 6),
            (0x9F1A, 2),
            (0x5F2A, 2),
            (0x9F4E, 20),
            (0x9C, 1),
            (0x9F36, 2),
        )
    )
    chip.write(log=(entry, *chip.memory.log)[: chip.app.log_records])


def external_authenticate(chip: Chip, command: Command) -> bytes:
    """Once a transaction. Spec: EMV 4.4 Book 3 §6.5.4, §10.9; Book 2 §8.2."""
    if chip.power.authenticated is not None:
        return CONDITIONS_NOT_SATISFIED
    none = chip.profile.issuer_authentication is IssuerAuthentication.NONE
    if none or not chip.app.aip[0] & AIP_EXTERNAL_AUTHENTICATE:
        return CONDITIONS_NOT_SATISFIED
    if command.p1_p2 != (0, 0):
        return WRONG_P1_P2
    if not 8 <= len(command.data) <= 16:
        return WRONG_LENGTH
    chip.power.authenticated = arpc_is_good(chip, command.data)
    return OK if chip.power.authenticated else AUTHENTICATION_FAILED


def arpc_is_good(chip: Chip, data: bytes) -> bool:
    """Whether tag 91 holds the answer to our ARQC; with a status update, also whether that approves."""
    transaction = chip.power.transaction
    if transaction is None or len(data) < transaction.answer_length():
        return False
    data = data[: transaction.answer_length()]
    code = data[4:] if transaction.scheme.method_2 else data[8:]
    return hmac.compare_digest(transaction.answer(chip.power.cryptogram, code), data)


def internal_authenticate(chip: Chip, command: Command) -> bytes:
    """DDA. Spec: EMV 4.4 Book 3 §6.5.9, Book 2 §6.5.1."""
    app, key = chip.app, chip.personalised.icc
    if key is None or not app.aip[0] & (AIP_DDA | AIP_CDA):
        return CONDITIONS_NOT_SATISFIED
    if command.p1_p2 != (0, 0):
        return WRONG_P1_P2
    if len(command.data) != (dol_length(app.ddol) or UN_BYTES):
        return WRONG_LENGTH
    number = chip.draw(DYNAMIC_NUMBER_BYTES)
    signature = signed_dynamic_data(key, bytes((len(number),)) + number, command.data)
    chip.power.dynamic_signature = True
    signature = faulty_signature(app, signature)
    return tlv(0x77, tlv(0x9F4B, signature)) + OK if app.template_77 else tlv(0x80, signature) + OK
