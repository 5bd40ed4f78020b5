"""Checkers of what people read: a report, a list, a settlement's slip say what the journal's events come to.

The host counts only its own part of a batch; cash, and what is said on paper or on the glass, is counted here, from the
checkers' own ledger.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from hashlib import blake2b

from sim.swarm.ledger import Paid
from sim.swarm.watch import DUPLICATE_MARKS, Durable, Happening, Printed, Sent, Shown, Torn, Watch
from terminal.flows.batch import UNANSWERED
from terminal.hostlink.downloads import DOWNLOADS
from terminal.hostlink.transactions import TRANSACTIONS, Effect
from terminal.model import Money, PaymentState
from terminal.receipts.slips import SettlementSlip
from terminal.receipts.words import PHRASES

COUNTED = (PaymentState.COMPLETED, PaymentState.VOIDED, PaymentState.SETTLED)
_SIGN = {Effect.DEBIT: 1, Effect.CREDIT: -1}


def worth_minor(paid: Paid) -> int | None:
    """What a payment adds to a total; None: it is in none."""
    effect = TRANSACTIONS[paid.kind].effect
    if paid.state not in COUNTED or effect is Effect.NONE or paid.facts.get(UNANSWERED):
        return None
    return _SIGN[effect] * paid.amount_minor


def counted(watch: Watch, wanted: Callable[[Paid], bool]) -> list[Paid]:
    """The payments that a total counts, of those wanted."""
    return [paid for paid in watch.ledger.payments.values() if wanted(paid) and worth_minor(paid) is not None]


def total(payments: list[Paid]) -> Money:
    return Money(sum(worth_minor(paid) or 0 for paid in payments))


class Settled:
    """5. A settlement's slip counts all of its batch, also what no host counts."""

    name = "slip-counts-the-batch"
    hears = (Durable,)

    def __init__(self) -> None:
        self._batch = 0

    def event(self, happening: Happening, watch: Watch) -> Iterator[str]:
        if not isinstance(happening, Durable):
            return
        body = happening.event.body
        if happening.event.kind == "batch-settled":
            self._batch = body["batch"]
        elif happening.event.kind == "slip" and body["slip"] == SettlementSlip.record_kind:
            found = counted(watch, lambda paid: paid.batch == self._batch)
            told = body["body"]["total_count"], Money(body["body"]["total"]["amount_minor"])
            if told != (len(found), total(found)):
                said = f"{told[0]} payments and {told[1]}"
                yield f"batch {self._batch}: the slip says {said}, and {len(found)} come to {total(found)}"


class Reports:
    """5, 8. An X report and the details say what the journal holds when they are printed."""

    name = "reports-tell-the-truth"
    hears = (Printed,)

    def event(self, happening: Happening, watch: Watch) -> Iterator[str]:
        if not isinstance(happening, Printed):
            return
        lines = happening.text.splitlines()
        titles = {line.strip() for line in lines[:4]}
        batch = watch.ledger.settings.get("batch", 1)
        if titles & set(PHRASES["x_report_title"]):
            yield from self._x_report(lines, counted(watch, lambda paid: paid.batch == batch))
        elif titles & set(PHRASES["details_title"]) and not any(PHRASES["strip"][1] in line for line in lines):
            yield from self._details(lines, watch, batch)

    @staticmethod
    def _x_report(lines: list[str], found: list[Paid]) -> Iterator[str]:
        told = [line.split()[-2:] for line in lines if line.startswith(PHRASES["total"])]
        if told != [[str(len(found)), str(total(found))]]:
            yield f"the X report says {told}, and {len(found)} payments come to {total(found)}"

    @staticmethod
    def _details(lines: list[str], watch: Watch, batch: int) -> Iterator[str]:
        """Of this batch, or of the last: the paper has the host's number of it, which may be the same."""
        told = Counter(tuple(line.split()) for line in lines if line.startswith(" ") and line[-3:-2] == ".")
        for number in (batch, batch - 1):
            held = [paid for paid in watch.ledger.payments.values() if paid.batch == number]
            rows = [paid for paid in held if worth_minor(paid) is not None or _is_unknown(paid)]
            if told == Counter((*filter(None, [paid.stan]), str(Money(paid.amount_minor))) for paid in rows):
                return
        yield f"the details are of no batch: {sorted(told)}"


def _is_unknown(paid: Paid) -> bool:
    return paid.state is PaymentState.UNKNOWN or bool(paid.facts.get(UNANSWERED))


class Today:
    """5. The total of today's list is what was sold and given back since midnight."""

    name = "today-adds-up"
    hears = (Durable, Shown)

    def __init__(self) -> None:
        self._created_ms: dict[int, int] = {}

    def event(self, happening: Happening, watch: Watch) -> Iterator[str]:
        if isinstance(happening, Durable) and happening.event.kind == "payment":
            self._created_ms[happening.event.body["id"]] = happening.event.at_ms
        elif isinstance(happening, Shown) and happening.name == "today":
            shop = watch.world.shop
            day = shop.local_time(watch.world.clock.now().wall_ms).date()
            found = counted(watch, lambda paid: shop.local_time(self._created_ms[paid.id]).date() == day)
            picture = watch.world.display.picture
            words = "".join(picture.text()) if picture else ""
            if str(total(found)).lstrip("-") not in words.replace(",", ""):
                yield f"{len(found)} payments of today come to {total(found)}, and the list says {words[-20:]}"


class Marked:
    """8. The same paper twice, if only a piece of it, carries a mark the second time, so that nobody takes it for two.

    Also after a power cut, where the terminal cannot know whether it was printed.
    """

    name = "copies-are-marked"
    hears = (Printed, Torn)

    def __init__(self) -> None:
        self._seen: set[bytes] = set()

    def event(self, happening: Happening, watch: Watch) -> Iterator[str]:
        if isinstance(happening, Printed | Torn):
            text = happening.text
            digest = blake2b(text.encode(), digest_size=16).digest()
            if digest in self._seen and not any(mark in text for mark in MAY_COME_TWICE):
                yield f"printed twice without a mark: {text.split()[:3]}"
            self._seen.add(digest)


class ListsWhole:
    """A list comes into force when the host has been told that all of it has come, and not before."""

    name = "lists-come-whole"
    hears = (Durable, Sent)

    def __init__(self) -> None:
        self._asked = ""

    def event(self, happening: Happening, watch: Watch) -> Iterator[str]:
        if isinstance(happening, Sent):
            self._asked = happening.message.text(60)[8:11]
        elif isinstance(happening, Durable) and happening.event.kind == "setting":
            row = ENDS.get(str(happening.event.body["name"]))
            if row is not None and self._asked != row:
                yield f"{happening.event.body['name']} is kept, and the last question was {self._asked}"


class ClearedBeforeSignOut:
    """4. Nobody signs out over a reversal or a notice that waits: they need the keys of this sign-in."""

    name = "cleared-before-signed-out"
    hears = (Sent,)

    def event(self, happening: Happening, watch: Watch) -> Iterator[str]:
        if not isinstance(happening, Sent) or happening.message.mti != "0820":
            return
        ledger = watch.ledger
        if happening.message.text(60)[8:11] != SIGN_OUT or ledger.mode != "signed-in":
            return  # A settlement's own, behind which nothing can be cleared any more.
        for paid in ledger.open.values():
            if paid.state is PaymentState.REVERSING and not paid.order_no and not paid.facts.get("parked"):
                yield f"a sign-out leaves, and payment {paid.id} waits for its reversal"


class ModeDurable:
    """3. What the idle screen says of the terminal's mode is durable."""

    name = "mode-is-durable"
    hears = (Shown,)

    def event(self, happening: Happening, watch: Watch) -> Iterator[str]:
        mode = watch.world.shop.mode.value
        if isinstance(happening, Shown) and happening.name == "idle" and mode != watch.ledger.mode:
            yield f"the idle screen says {mode}, and durably the terminal is {watch.ledger.mode}"


ENDS = {f"download_{row.name.value}": row.end for row in DOWNLOADS.values()}
SIGN_OUT = "002"
MAY_COME_TWICE = (*DUPLICATE_MARKS, *PHRASES["static_title"])  # Marked, or the shop's code, which is no sale.
PAPERS = (Settled, Reports, Today, Marked, ListsWhole, ClearedBeforeSignOut, ModeDurable)
