"""Application selection: which of the card's applications is used, the cardholder's word included.

The directory (PSE) is tried first; without a usable one, every AID of the terminal's list is tried by name.

Spec: EMV 4.4 Book 1 §12 (application selection), Book 4 §11.3 (terminal's part).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from emv import apdu
from emv.apdu import SW, Response, exchange, sw_hex
from emv.commands import Application, CardError, ChooseApplication, Outcome, Result
from emv.profile import AidEntry, TerminalProfile
from emv.session import Session
from emv.tags import (
    ADF_NAME_4F,
    AID_TERMINAL_9F06,
    APPLICATION_LABEL_50,
    APPLICATION_PREFERRED_NAME_9F12,
    APPLICATION_PRIORITY_INDICATOR_87,
    APPLICATION_TEMPLATE_61,
    DDF_NAME_9D,
    DF_NAME_84,
    FCI_PROPRIETARY_TEMPLATE_A5,
    FCI_TEMPLATE_6F,
    ISSUER_CODE_TABLE_INDEX_9F11,
    LANGUAGE_PREFERENCE_5F2D,
    PDOL_9F38,
    RECORD_TEMPLATE_70,
    SFI_88,
)
from emv.tlv import Tlv, TlvError, find, parse_one

PSE_NAME = b"1PAY.SYS.DDF01"
PSE_RECORDS_MAX = 32  # Real directories have one or two; a hostile one would have 255.
SELECT_NEXT_MAX = 16  # Applications of one brand on one card; real cards have at most three.
CANDIDATES_MAX = 16  # More than a person can choose from; the rest is dropped, the best priorities kept.
LABEL_MAX = 16  # Of tags 50 and 9F12.
FOR_CONVENIENCE = frozenset(
    {APPLICATION_LABEL_50, APPLICATION_PREFERRED_NAME_9F12, ISSUER_CODE_TABLE_INDEX_9F11, LANGUAGE_PREFERENCE_5F2D}
)  # Wrong or absent, they stop nothing. Spec: Book 1 §12.2.4.
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
    """Raises TlvError, also if DF name or the proprietary template is missing or comes twice."""
    template = parse_one(data, FCI_TEMPLATE_6F)
    name = _only(template.children, DF_NAME_84)
    proprietary = _only(template.children, FCI_PROPRIETARY_TEMPLATE_A5)
    if name is None or not 5 <= len(name.value) <= 16:
        raise TlvError("the FCI has no DF name of 5 to 16 bytes", position=template.position)
    if proprietary is None:
        raise TlvError("the FCI has no proprietary template A5", position=template.position)
    for tag in (APPLICATION_PRIORITY_INDICATOR_87, SFI_88, PDOL_9F38):
        _only(proprietary.children, tag)
    return Fci(name.value, tuple(item for item in proprietary.children if _plain(item, proprietary.children)))


def _only(items: tuple[Tlv, ...], tag: int) -> Tlv | None:
    """The one with this tag, if there is one. Raises TlvError for a second. Spec: Book 3 §7.5."""
    found = [item for item in items if item.tag == tag]
    if len(found) > 1:
        raise TlvError(f"{tag:X} comes twice", position=found[1].position)
    return found[0] if found else None


def _plain(item: Tlv, items: tuple[Tlv, ...]) -> bool:
    """What serves the cardholder's convenience counts as absent if it comes twice. Spec: Book 1 §12.2.4."""
    return item.tag not in FOR_CONVENIENCE or sum(other.tag == item.tag for other in items) == 1


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
        # No directory, a blocked, faulty or foreign one: try each AID by name. Spec: Book 1 §12.3.2 steps 1, 5.
        found = await _from_aid_list(session)
    if isinstance(found, Outcome):
        return found
    unique: dict[bytes, Candidate] = {}
    for candidate in found:  # Two rows of ours can lead to one application of the card.
        unique.setdefault(candidate.name, candidate)
    ordered = sorted(unique.values(), key=lambda candidate: candidate.priority or NO_PRIORITY_SORTS)
    if not ordered:
        return _none_left(session)
    return ordered[:CANDIDATES_MAX]


def _none_left(session: Session) -> Outcome:
    return session.end(Result.TERMINATED, "application-blocked" if session.blocked_seen else "no-application")


async def _from_directory(session: Session) -> list[Candidate] | Outcome:
    """Empty: the list of AIDs is to be used. Spec: Book 1 §12.3.2 (using the PSE)."""
    response = await exchange(apdu.select(PSE_NAME))
    if response.sw == SW.FUNCTION_NOT_SUPPORTED:
        # Step 1: 6A81 means that the card is blocked or does not know SELECT; the session ends.
        session.note("card-blocked", sw=sw_hex(response.sw))
        return session.end(Result.TERMINATED, "card-blocked")
    if not response.ok:
        # Step 1: 6A82 there is none, 6283 it is blocked, and any other status.
        session.note("directory-not-used", sw=sw_hex(response.sw))
        return []
    try:
        fci = parse_fci(response.data)
        sfi = _directory_file(fci)
        _take_language(session, fci)
        found = await _directory_records(session, sfi, _value(fci, ISSUER_CODE_TABLE_INDEX_9F11))
    except DirectoryError as error:
        session.note("directory-broken", what=error.reason)
        return []
    except TlvError:
        session.note("directory-broken", what="its data cannot be read")
        return []
    session.note("directory-read" if found else "directory-foreign", found=len(found))
    return found


class DirectoryError(CardError):
    """The directory is not as it should be: the candidates found so far do not count. Spec: Book 1 §12.3.2."""


def _directory_file(fci: Fci) -> int:
    value = _value(fci, SFI_88)
    if len(value) != 1 or not 1 <= value[0] <= 10:  # Spec: Book 1 §12.2.3.
        raise DirectoryError("it names no file from 1 to 10")
    return value[0]


async def _directory_records(session: Session, sfi: int, table: bytes) -> list[Candidate]:
    """Steps 2 to 4. Raises DirectoryError, TlvError."""
    found: list[Candidate] = []
    for record in range(1, PSE_RECORDS_MAX + 1):
        response = await exchange(apdu.read_record(sfi, record))
        if response.sw == SW.RECORD_NOT_FOUND:
            return found
        if not response.ok:
            raise DirectoryError(f"record {record} answers {sw_hex(response.sw)}")
        for item in parse_one(response.data, RECORD_TEMPLATE_70).children:
            if item.tag == APPLICATION_TEMPLATE_61:  # Other data are ignored. Spec: Book 1 §12.2.3.
                found += _directory_entry(session, item, table)
    raise DirectoryError(f"it has more than {PSE_RECORDS_MAX} records")


def _directory_entry(session: Session, item: Tlv, table: bytes) -> list[Candidate]:
    """The entry's application if it is ours. Raises DirectoryError, TlvError."""
    name = _only(item.children, ADF_NAME_4F)
    if name is None and item.child(DDF_NAME_9D) is not None:
        return []  # An entry for another directory, which may be ignored. Spec: Book 1 §12.2.3.
    if name is None or not 5 <= len(name.value) <= 16:
        raise DirectoryError("an entry has no name of 5 to 16 bytes")
    entry = _entry_for(session.terminal.aids, name.value)
    if entry is None:
        return []
    label = shown_label(item.children, table, entry, session.terminal)
    return [_candidate(session, name.value, label, _indicator(item.children), entry)]


def _candidate(session: Session, name: bytes, label: str, indicator: int, entry: AidEntry) -> Candidate:
    session.note("candidate", aid=name.hex().upper(), label=label, indicator=f"{indicator:02X}")
    return Candidate(name, label, indicator, entry)


def _value(fci: Fci, tag: int) -> bytes:
    item = find(fci.proprietary, tag)
    return item.value if item is not None else b""


def _take_language(session: Session, fci: Fci) -> None:
    session.prefer_language(_value(fci, LANGUAGE_PREFERENCE_5F2D))


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
            session.note("card-blocked", sw=sw_hex(response.sw))
            return session.end(Result.TERMINATED, "card-blocked")  # Step 2.
        for _ in range(SELECT_NEXT_MAX):
            if not await _listed(session, entry, response, found):
                break
            response = await exchange(apdu.select(entry.aid, next_occurrence=True))  # Step 7.
        else:
            session.note("list-endless", aid=entry.aid.hex().upper())
    return found


async def _listed(session: Session, entry: AidEntry, response: Response, found: list[Candidate]) -> bool:
    """Steps 3 to 6: keep what the answer names; True if the next occurrence is to be asked for."""
    aid = entry.aid.hex().upper()
    if response.sw not in (SW.OK, SW.SELECTED_FILE_INVALIDATED):
        session.note("list-absent", aid=aid, sw=sw_hex(response.sw))
        return False
    try:
        fci = parse_fci(response.data)
    except TlvError as error:
        session.note("list-broken", aid=aid, what=error.reason)
        return False
    if not fci.name.startswith(entry.aid):
        session.note("list-broken", aid=aid, what="another application answers")
        return False
    exact = fci.name == entry.aid
    if not exact and not entry.partial:
        session.note("list-longer", aid=aid)
        return False
    if response.sw == SW.SELECTED_FILE_INVALIDATED:
        session.blocked_seen = True
        session.note("application-blocked", aid=fci.name.hex().upper())
    else:
        _take_language(session, fci)
        row = _entry_for(session.terminal.aids, fci.name) or entry
        label = shown_label(fci.proprietary, _value(fci, ISSUER_CODE_TABLE_INDEX_9F11), row, session.terminal)
        found.append(_candidate(session, fci.name, label, _indicator(fci.proprietary), row))
    return not exact  # Only a longer name calls for the next occurrence.


async def final_selection(session: Session, candidates: list[Candidate]) -> Candidate | Outcome:
    """Choose and SELECT; what cannot be selected leaves `candidates`. Spec: Book 1 §12.4."""
    while candidates:  # Every round ends the session, selects, or shortens the list.
        chosen = await _choose(session, candidates)
        if isinstance(chosen, Outcome):
            return chosen
        session.begin_application(chosen.entry)
        response = await exchange(apdu.select(chosen.name))
        fault = _take_fci(session, chosen, response)
        if not fault:
            session.note("application-selected", AID_TERMINAL_9F06)
            return chosen
        # Other than 9000, an FCI in error or another DF name: off the list, choose again.
        session.note("application-refused", aid=chosen.name.hex().upper(), what=fault)
        candidates.remove(chosen)
    return _none_left(session)


def _take_fci(session: Session, chosen: Candidate, response: Response) -> str:
    """Keep what the application says of itself; what is wrong with it, or nothing."""
    if not response.ok:
        session.blocked_seen |= response.sw == SW.SELECTED_FILE_INVALIDATED
        return sw_hex(response.sw)
    try:
        fci = parse_fci(response.data)
        session.take(fci.proprietary, set(), within=FCI_PROPRIETARY_TEMPLATE_A5)
    except TlvError as error:
        return error.reason
    if fci.name != chosen.name:
        return "another application answers"
    _take_language(session, fci)
    for tag in (DF_NAME_84, ADF_NAME_4F, AID_TERMINAL_9F06):
        session.data[tag] = fci.name
    return ""


async def _choose(session: Session, candidates: list[Candidate]) -> Candidate | Outcome:
    """Spec: Book 1 §12.4 steps 1-5.

    Whoever has chosen once is asked again when that application fell out, even if only one is left.
    """
    if not session.terminal.cardholder_choice:
        # Nobody can be asked: the best one that needs no confirmation, or none.
        free = next((candidate for candidate in candidates if not candidate.needs_confirmation), None)
        session.note("chosen-by-terminal" if free is not None else "nobody-to-confirm", of=len(candidates))
        return free if free is not None else session.end(Result.TERMINATED, "no-application")
    if len(candidates) == 1 and not candidates[0].needs_confirmation and not session.cardholder_chose:
        session.note("chosen-alone")
        return candidates[0]
    shown = tuple(Application(c.name, c.label, c.priority) for c in candidates)
    index = await ChooseApplication(shown, again=session.cardholder_chose)
    if index is None:
        session.note("choice-cancelled", of=len(candidates))
        return session.end(Result.CANCELLED, "cancelled")
    if not 0 <= index < len(candidates):
        raise IndexError("the choice is not on the list")
    session.cardholder_chose = True
    session.note("chosen-by-cardholder", of=len(candidates), label=candidates[index].label)
    return candidates[index]
