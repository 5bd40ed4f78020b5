"""What a terminal tells afterwards: results of issuer scripts, the details of a settled batch, signatures.

None of it moves money. What a batch's details say is compared with the book, and each difference is kept with the
batch; the upload itself is taken, because a host wants to know what the terminal believes. Its end must count what has
come (95 otherwise). A record, a part or a notice that comes again is taken and counted once.

Spec: docs/host-link.md §6, §16.
"""

from __future__ import annotations

from sim.acquirer.book import Batch, Book, Entry, Signature, Upload
from sim.acquirer.desk import SCRIPT_SENT
from sim.acquirer.originals import same_card
from sim.acquirer.requests import (
    APPROVED,
    BATCH_MISMATCH,
    COUNT_WRONG,
    DUPLICATE,
    FORMAT_ERROR,
    INVALID_TRANSACTION,
    NOT_FOUND,
    Answer,
    Refused,
    Request,
)
from terminal.hostlink.details import DOMESTIC, FOREIGN, BatchDetail, read_batch_details
from terminal.hostlink.icc import select
from terminal.hostlink.profile import Profile
from terminal.hostlink.subfields import read_f61

DETAILS = "201"
ENDS = ("202", "207")  # Not balanced, balanced.
RECORDS = ("203", "204", "205", "206")  # Of a chip: approved online, failed; balanced, not balanced.
LAST_PART, FIRST_PART = "800", 801  # F60.3 of a signature: the last or only part; the first of several.
PARTS_LIMIT = 99
SIGNATURE_FIELDS = (2, 11, 37, 62)


class UploadDesk:
    def __init__(self, book: Book, profile: Profile) -> None:
        self._book = book
        self._profile = profile

    def script_notice(self, request: Request, batch: Batch) -> Answer:
        """0620: what became of the script that went with an answer. Raises Refused."""
        stan = request.message.text(11)
        if stan in batch.stans:
            raise Refused(DUPLICATE)
        named = read_f61(request.message.text(61))
        about = self._book.batch(request.terminal, named.batch_no)
        entry = about.entries.get(named.stan) if about is not None else None
        if entry is None:
            raise Refused(NOT_FOUND)
        if not entry.script:
            raise Refused(INVALID_TRANSACTION)  # We have sent none.
        results = select(request.message.binary(55), ("DF31",))
        if not results:
            raise Refused(FORMAT_ERROR)
        if entry.script == SCRIPT_SENT:
            entry.script = results.hex()
            self._book.keep(entry)
        batch.stans.add(stan)
        return Answer(APPROVED, {37: entry.rrn})

    def batch_upload(self, request: Request) -> Answer:
        """0320: details, records and notices of a batch that was settled, and the end of them. Raises Refused."""
        batch = self._book.batch(request.terminal, request.f60.batch_no)
        if batch is None:
            raise Refused(BATCH_MISMATCH)
        if batch.is_open:
            raise Refused(INVALID_TRANSACTION)  # Totals come first.
        upload = batch.upload = batch.upload or Upload()
        message, code = request.message, request.f60.network_management
        answer = Answer(APPROVED, {37: self._book.next_rrn(request.date)})
        if request.f60.type == "00" and code in ENDS:
            if len(message.text(48)) != 4:
                raise Refused(FORMAT_ERROR)
            if int(message.text(48)) != len(upload.stans):
                raise Refused(COUNT_WRONG)
            upload.ended = True
        elif request.f60.type == "00" and code == DETAILS:
            for detail in read_batch_details(message.text(48)):
                self._record(batch, upload, detail, told=detail.card_class)
        elif request.f60.type == "00" and code not in RECORDS:
            raise Refused(FORMAT_ERROR)
        else:
            if not {2, 4, 11} <= message.fields.keys():
                raise Refused(FORMAT_ERROR)
            detail = BatchDetail(DOMESTIC, message.text(11), message.text(2), int(message.text(4)))
            self._record(batch, upload, detail, failed=code in ("204", "206"))
        self._book.keep(batch)
        if 48 in message.fields:
            answer.fields[48] = message.text(48)
        return answer

    def _record(
        self, batch: Batch, upload: Upload, detail: BatchDetail, *, failed: bool = False, told: str = ""
    ) -> None:
        """`told`: the class that the record gives its card; "" where it gives none."""
        if detail.stan in upload.stans:
            return
        upload.stans.append(detail.stan)
        entry = batch.entries.get(detail.stan)
        difference = _difference(entry, detail, failed=failed)
        if entry is not None and not difference and told:
            booked = FOREIGN if self._profile.is_foreign(entry.organisation) else DOMESTIC
            difference = "" if told == booked else f"card class {told} at the terminal, {booked} in the book"
        if difference:
            upload.differences.append(f"STAN {detail.stan}: {difference}")

    def signature(self, request: Request) -> Answer:
        """0820, 60.1 07: an image or the next part of one, for what has F11 and F37. Raises Refused."""
        message, code = request.message, request.f60.network_management
        if any(number not in message.fields for number in SIGNATURE_FIELDS) or not message.binary(62):
            raise Refused(FORMAT_ERROR)
        entry = self._book.entry(request.terminal[0], message.text(37).strip())
        if entry is None or entry.terminal != request.terminal or entry.stan != message.text(11):
            raise Refused(NOT_FOUND)
        batch = self._book.batch(request.terminal, entry.batch_no)
        if batch is None:
            raise RuntimeError("an entry has no batch")
        known = batch.signatures.setdefault(entry.stan, Signature(entry.stan))
        if known.whole:
            raise Refused(DUPLICATE)
        part = 0 if code == LAST_PART else int(code or "0") - FIRST_PART + 1
        if part and not 0 < part <= PARTS_LIMIT:
            raise Refused(FORMAT_ERROR)
        if part and part == known.parts:
            raise Refused(DUPLICATE)
        if part and part != known.parts + 1:
            raise Refused(INVALID_TRANSACTION)  # One before it is missing.
        known.image += message.binary(62)
        known.parts, known.whole = part or known.parts, not part
        self._book.keep(batch)
        return Answer(APPROVED, {37: entry.rrn})


def _difference(entry: Entry | None, detail: BatchDetail, *, failed: bool) -> str:
    if entry is None or not entry.standing:
        return "" if failed else f"{detail.amount_minor} at the terminal, nothing in the book"
    if failed:
        return f"failed at the terminal, {entry.amount_minor} in the book"
    if entry.amount_minor != detail.amount_minor:
        return f"{detail.amount_minor} at the terminal, {entry.amount_minor} in the book"
    return "" if same_card(entry, detail.pan) else "another card"
