"""Application selection: which of the card's applications is used, the cardholder's word included.

The directory (PSE) is tried first; without a usable one, every AID of the terminal's list is tried by name.

Spec: EMV 4.4 Book 1 §12 (application selection), Book 4 §11.3 (terminal's part).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from emv import apdu
from emv.apdu import SW, exchange
from emv.commands import Application, CardError, ChooseApplication, Outcome, Result
from emv.session import AidEntry, Session, TerminalProfile
from emv.tags import (
    ADF_NAME_4F,
    AID_TERMINAL_9F06,
    APPLICATION_LABEL_50,
    APPLICATION_PREFERRED_NAME_9F12,
    APPLICATION_PRIORITY_INDICATOR_87,
    APPLICATION_TEMPLATE_61,
    DF_NAME_84,
    FCI_PROPRIETARY_TEMPLATE_A5,
    FCI_TEMPLATE_6F,
    ISSUER_CODE_TABLE_INDEX_9F11,
    RECORD_TEMPLATE_70,
    SFI_88,
)
from emv.tlv import Tlv, TlvError, find, parse_one

PSE_NAME = b"1PAY.SYS.DDF01"
PSE_RECORDS_MAX = 32  # Real directories have one or two; a hostile one would have 255.
SELECT_NEXT_MAX = 16  # Applications of one brand on one card; real cards have at most three.
CANDIDATES_MAX = 16  # More than a person can choose from; the rest is dropped, the best priorities kept.
LABEL_MAX = 16  # Of tags 50 and 9F12.
CONFIRMATION_BIT = 0x80  # 87 b8: not to be selected without the cardholder's word.
PRIORITY_MASK = 0x0F
NO_PRIORITY_SORTS = 0x10  # An application without a priority comes after the fifteenth.


@dataclass(frozen=True, slots=True)
class Candidate:
    """An application that card and terminal share. `indicator` is tag 87, 0 if it was absent."""

    name: bytes
    label: str
    indicator: int
    entry: AidEntry

    @property
    def priority(self) -> int:
        return self.indicator & PRIORITY_MASK

    @property
    def needs_confirmation(self) -> bool:
        return bool(self.indicator & CONFIRMATION_BIT)


@dataclass(frozen=True, slots=True)
class Fci:
    """File control information of an application. Spec: Book 1 §11.3.4."""

    name: bytes
    proprietary: tuple[Tlv, ...]


def parse_fci(data: bytes) -> Fci:
    """Raises TlvError, also if DF name or the proprietary template is missing."""
    template = parse_one(data, FCI_TEMPLATE_6F)
    name, proprietary = template.child(DF_NAME_84), template.child(FCI_PROPRIETARY_TEMPLATE_A5)
    if name is None or not 5 <= len(name.value) <= 16:
        raise TlvError("the FCI has no DF name of 5 to 16 bytes", position=template.position)
    if proprietary is None:
        raise TlvError("the FCI has no proprietary template A5", position=template.position)
    return Fci(name.value, proprietary.children)


def shown_label(items: Iterable[Tlv], code_table: bytes, entry: AidEntry, terminal: TerminalProfile) -> str:
    """What the cardholder reads: the preferred name if it can be shown, else the label, else our name.

    Spec: Book 1 §12.4 and Book 4 §11.3: 9F12 only with a supported 9F11.
    """
    items = tuple(items)
    preferred = find(items, APPLICATION_PREFERRED_NAME_9F12)
    if preferred is not None and code_table and code_table_supported(code_table, terminal):
        number = int(code_table.hex())
        text = _printable(preferred.value.decode(f"iso8859-{number}", "replace"))
        if text:
            return text
    label = find(items, APPLICATION_LABEL_50)
    return (_printable(label.value.decode("ascii", "ignore")) if label is not None else "") or entry.name


def _printable(text: str) -> str:
    return "".join(char for char in text if char.isprintable()).strip()[:LABEL_MAX].strip()


def code_table_supported(index: bytes, terminal: TerminalProfile) -> bool:
    """Whether ISO 8859-n can be shown. Spec: Book 4 §A3 (9F40 byte 4 b2-b1: 10, 9; byte 5: 8 to 1)."""
    if len(index) != 1 or not index.hex().isdigit() or not 1 <= int(index.hex()) <= 10:
        return False
    tables = int.from_bytes(terminal.additional_capabilities[3:5], "big")
    return bool(tables & 1 << (int(index.hex()) - 1))


async def build_candidate_list(session: Session) -> list[Candidate] | Outcome:
    """Every application that both know, best first; an Outcome if the card is blocked or shares none."""
    session.performed("Application selection")
    found = await _from_directory(session)
    if not isinstance(found, Outcome) and not found:
        # No directory, a blocked, faulty or foreign one: try each AID by name. Spec: Book 1 §12.3.2 step 5.
        found = await _from_aid_list(session)
    if isinstance(found, Outcome):
        return found
    unique = {candidate.name: candidate for candidate in reversed(found)}
    ordered = sorted(
        (candidate for candidate in found if unique.get(candidate.name) is candidate),
        key=lambda candidate: candidate.priority or NO_PRIORITY_SORTS,
    )
    if not ordered:
        return _none_left(session)
    return ordered[:CANDIDATES_MAX]


def _none_left(session: Session) -> Outcome:
    return session.end(Result.TERMINATED, "application-blocked" if session.blocked_seen else "no-application")


async def _from_directory(session: Session) -> list[Candidate] | Outcome:
    """Spec: Book 1 §12.3.2 (using the PSE)."""
    response = await exchange(apdu.select(PSE_NAME))
    if response.sw == SW.FUNCTION_NOT_SUPPORTED:
        # Step 1: 6A81 means that the card is blocked or does not know SELECT; the session ends.
        return session.end(Result.TERMINATED, "card-blocked")
    if not response.ok:
        return []  # 6A82 none, 6283 blocked, or anything else: the AID list.
    try:
        fci = parse_fci(response.data)
    except TlvError:
        return []
    sfi = find(fci.proprietary, SFI_88)
    if sfi is None or len(sfi.value) != 1 or not 1 <= sfi.value[0] <= 10:
        return []
    table = find(fci.proprietary, ISSUER_CODE_TABLE_INDEX_9F11)
    found: list[Candidate] = []
    for record in range(1, PSE_RECORDS_MAX + 1):
        response = await exchange(apdu.read_record(sfi.value[0], record))
        if response.sw == SW.RECORD_NOT_FOUND:
            break
        if response.ok:
            found += _directory_record(response.data, table.value if table else b"", session.terminal)
    return found


def _directory_record(data: bytes, table: bytes, terminal: TerminalProfile) -> list[Candidate]:
    """The record's entries; what cannot be read is ignored. Spec: Book 1 §12.2.3."""
    try:
        template = parse_one(data, RECORD_TEMPLATE_70)
    except TlvError:
        return []
    found = []
    for item in template.children:
        name = item.child(ADF_NAME_4F)
        if item.tag != APPLICATION_TEMPLATE_61 or name is None or not 5 <= len(name.value) <= 16:
            continue
        entry = _entry_for(terminal.aids, name.value)
        if entry is not None:
            label = shown_label(item.children, table, entry, terminal)
            found.append(Candidate(name.value, label, _indicator(item.children), entry))
    return found


def _entry_for(aids: Iterable[AidEntry], name: bytes) -> AidEntry | None:
    """The row for a card's application: the longest that matches, so that a product's wins over a brand's."""
    matching = (entry for entry in aids if entry.matches(name))
    return max(matching, key=lambda entry: len(entry.aid), default=None)


def _indicator(items: Iterable[Tlv]) -> int:
    item = find(items, APPLICATION_PRIORITY_INDICATOR_87)
    return item.value[0] if item is not None and len(item.value) == 1 else 0


async def _from_aid_list(session: Session) -> list[Candidate] | Outcome:
    """Spec: Book 1 §12.3.3 (using a list of AIDs)."""
    found: list[Candidate] = []
    for entry in session.terminal.aids:
        response = await exchange(apdu.select(entry.aid))
        if response.sw == SW.FUNCTION_NOT_SUPPORTED:
            return session.end(Result.TERMINATED, "card-blocked")  # Step 2.
        for _ in range(SELECT_NEXT_MAX):
            if response.sw not in (SW.OK, SW.SELECTED_FILE_INVALIDATED):
                break  # Step 3: not there.
            try:
                fci = parse_fci(response.data)
            except TlvError:
                break
            if not fci.name.startswith(entry.aid):
                break  # An answer that is not about what was asked.
            if response.sw == SW.SELECTED_FILE_INVALIDATED:
                session.blocked_seen = True
            elif entry.matches(fci.name):
                found.append(_from_fci(fci, entry, session.terminal))
            if fci.name == entry.aid or not entry.partial:
                break  # Steps 4 and 6: only a longer name calls for the next occurrence.
            response = await exchange(apdu.select(entry.aid, next_occurrence=True))  # Step 7.
    return found


def _from_fci(fci: Fci, entry: AidEntry, terminal: TerminalProfile) -> Candidate:
    table = find(fci.proprietary, ISSUER_CODE_TABLE_INDEX_9F11)
    label = shown_label(fci.proprietary, table.value if table else b"", entry, terminal)
    return Candidate(fci.name, label, _indicator(fci.proprietary), entry)


async def final_selection(session: Session, candidates: list[Candidate]) -> Candidate | Outcome:
    """Choose and SELECT; what cannot be selected leaves `candidates`. Spec: Book 1 §12.4."""
    while candidates:  # Every round ends the session, selects, or shortens the list.
        chosen = await _choose(session, candidates)
        if isinstance(chosen, Outcome):
            return chosen
        session.begin_application(chosen.entry)
        response = await exchange(apdu.select(chosen.name))
        if response.ok and _take_fci(session, chosen, response.data):
            return chosen
        # Other than 9000, an FCI in error or another DF name: off the list, choose again.
        if response.sw == SW.SELECTED_FILE_INVALIDATED:
            session.blocked_seen = True
        candidates.remove(chosen)
    return _none_left(session)


def _take_fci(session: Session, chosen: Candidate, data: bytes) -> bool:
    try:
        fci = parse_fci(data)
    except CardError:
        return False
    if fci.name != chosen.name:
        return False
    for item in fci.proprietary:
        if not item.constructed:
            session.accept(item.tag, item.value)
    session.data[DF_NAME_84] = fci.name
    session.data[ADF_NAME_4F] = fci.name
    session.data[AID_TERMINAL_9F06] = fci.name
    return True


async def _choose(session: Session, candidates: list[Candidate]) -> Candidate | Outcome:
    """Spec: Book 1 §12.4 steps 1-4."""
    only = len(candidates) == 1
    if only and not candidates[0].needs_confirmation:
        return candidates[0]
    if not session.terminal.cardholder_choice:
        # Nobody can be asked: the best one that needs no confirmation, or none.
        free = next((candidate for candidate in candidates if not candidate.needs_confirmation), None)
        return free if free is not None else session.end(Result.TERMINATED, "no-application")
    shown = tuple(Application(c.name, c.label, c.priority) for c in candidates)
    index = await ChooseApplication(shown)
    if index is None:
        return session.end(Result.CANCELLED, "cancelled")
    if not 0 <= index < len(candidates):
        raise IndexError("the choice is not on the list")
    return candidates[index]
