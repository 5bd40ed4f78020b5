"""One card, one transaction: what the kernel learns, and what can be read afterwards.

`Session` is what the steps write into; whoever drives the kernel owns it and may read `data`, `tvr`, `steps` at any
time, also after the card was pulled out. What the terminal says stands in `emv.profile`.

Spec: EMV 4.4 Book 3 §10 (transaction flow).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from emv.bits import TSI, TVR, wants_signature
from emv.certificates import OdaFailure, PublicKey
from emv.commands import CardError, Cryptogram, Outcome, Result
from emv.profile import BINARY_AMOUNT_MAX, AidEntry, TerminalProfile, TransactionData, terminal_data
from emv.rules import REASONS, RULES
from emv.tags import (
    APPLICATION_VERSION_TERMINAL_9F09,
    CVM_RESULTS_9F34,
    TAGS,
    TERMINAL_FLOOR_LIMIT_9F1B,
    TERMINAL_VERIFICATION_RESULTS_95,
    TRANSACTION_STATUS_INFORMATION_9B,
    Source,
    belongs,
)
from emv.tlv import Tlv, TlvError
from emv.trace import NO_TVR, Decision, Ending, Exchange


class MissingData(CardError):
    """A mandatory element is absent. Spec: EMV 4.4 Book 3 §7.2, §7.5."""


class WrongCryptogram(CardError):
    """The card answered GENERATE AC with what it was not asked for. Spec: EMV 4.4 Book 3 §9.3."""


@dataclass(slots=True)
class Authentication:
    """What offline data authentication keeps from step to step."""

    records: list[tuple[int, bytes]] = field(default_factory=list, repr=False)  # SFI and data of what the AFL marks.
    sent: bytes = field(default=b"", repr=False)  # What went to the card by PDOL, CDOL1 and CDOL2, in this order.
    icc_key: PublicKey | None = None  # The card's key, once CDA is chosen and the key was recovered.
    failure: OdaFailure | None = None
    signature_failed: bool = False  # The answer to a GENERATE AC with CDA was not genuine.


class Session:
    """The context of one contact session. Make one for each card; give it to `kernel.contact_session`.

    `data` holds every element known by now, tag to value. `steps` names what was performed, `not_performed`
    what the Books have and this kernel leaves out, `problem` says in words what was wrong with the card, and
    `trace` holds every decision and every exchange. `language` is the ISO 639 word of the language that the
    cardholder prefers and the terminal speaks, empty if there is none.
    """

    __slots__ = (
        "terminal",
        "transaction",
        "data",
        "tvr",
        "tsi",
        "aid",
        "cryptogram",
        "online",
        "advice",
        "steps",
        "not_performed",
        "problem",
        "blocked_seen",
        "cardholder_chose",
        "language",
        "trace",
        "oda",
    )

    def __init__(self, terminal: TerminalProfile, transaction: TransactionData) -> None:
        self.terminal = terminal
        self.transaction = transaction
        self.data: dict[int, bytes] = terminal_data(terminal, transaction)
        self.tvr = TVR(0)
        self.tsi = TSI(0)
        self.aid: AidEntry | None = None
        self.cryptogram: Cryptogram | None = None
        self.online = False
        self.advice = False  # The card wants its issuer to be told.
        self.steps: list[str] = []
        self.not_performed: list[str] = []
        self.problem = ""
        self.blocked_seen = False  # The card has an application of ours, and it is blocked.
        self.cardholder_chose = False  # From then on no application is taken without the cardholder's word.
        self.language = ""
        self.trace: list[Decision | Exchange | Ending] = []
        self.oda = Authentication()

    def begin_application(self, aid: AidEntry) -> None:
        """Forget whatever another application said: a card's answers never mix. Spec: Book 3 §10.1."""
        self.data = terminal_data(self.terminal, self.transaction)
        floor_limit = min(aid.floor_limit_minor, BINARY_AMOUNT_MAX)
        self.data[TERMINAL_FLOOR_LIMIT_9F1B] = floor_limit.to_bytes(4, "big")
        if aid.avn:
            self.data[APPLICATION_VERSION_TERMINAL_9F09] = aid.avn
        self.tvr = TVR(0)
        self.tsi = TSI(0)
        self.aid = aid
        self.oda = Authentication()
        self.note("application-begun")

    def prefer_language(self, preference: bytes) -> None:
        """The first of the card's languages (5F2D) that the terminal speaks; the first card file that tells wins.

        Capitals count too; what is no language is as if absent. Spec: Book 4 §11.1, Book 1 §12.2.2, §12.2.4.
        """
        if self.language:
            return
        words = preference.decode("ascii", "replace").lower()
        for at in range(0, len(words) - 1, 2):
            if words[at : at + 2] in self.terminal.languages:
                self.language = words[at : at + 2]
                self.note("language-preferred", language=self.language)
                return

    def selected(self) -> AidEntry:
        """The AID list's row of the application in use."""
        if self.aid is None:
            raise RuntimeError("no application is selected yet")
        return self.aid

    def note(
        self, word: str, *tags: int, sets: TVR | TSI | None = None, clears: TVR = NO_TVR, **facts: int | str
    ) -> None:
        """Write down the branch that is taken, set what it sets and clear what it clears: no bit moves but by a note.

        `word` is a row of `emv.rules`, `tags` the elements that were looked at, `facts` what is no element (a
        rule's number, a status word). Never put anything of a person or a PIN into a fact.
        """
        if isinstance(sets, TVR):
            self.tvr |= sets
        elif sets is not None:
            self.tsi |= sets
        self.tvr &= ~clears
        looked_at = tuple((tag, self._element(tag)) for tag in tags)
        self.trace.append(Decision(RULES[word], looked_at, tuple(facts.items()), sets, clears))

    def _element(self, tag: int) -> bytes | None:
        if tag == TERMINAL_VERIFICATION_RESULTS_95:
            return bytes(self.tvr)
        return self.data.get(tag)

    def performed(self, step: str) -> None:
        """Write down a step by the Book's title."""
        self.steps.append(step)

    def left_out(self, step: str) -> None:
        """Write down what the Books have and this kernel did not do, once."""
        if step not in self.not_performed:
            self.not_performed.append(step)

    def elements(self) -> dict[int, bytes]:
        """A copy of every element, with TVR and TSI as they stand."""
        return {
            **self.data,
            TERMINAL_VERIFICATION_RESULTS_95: bytes(self.tvr),
            TRANSACTION_STATUS_INFORMATION_9B: bytes(self.tsi),
        }

    def accept(self, tag: int, value: bytes, *, within: int | None = None) -> bool:
        """Keep what the card said, if the dictionary knows it, the card may say it, and says it `within` its
        template.

        A card that sends its own 9F02, 95 or 8A must not change ours, and length zero is as if absent.
        Spec: EMV 4.4 Book 3 §5.2 (length zero), §7.5 (sources and templates), §10.2 (unrecognised data).
        """
        row = TAGS.get(tag)
        if row is None or row.source is not Source.CARD or not value:
            return False
        if within is not None and not belongs(tag, within):
            return False
        self.data[tag] = value
        return True

    def take(self, items: Iterable[Tlv], seen: set[int], *, within: int) -> None:
        """Accept the primitive ones of a template's `items`; `seen` holds the tags that may not come again.

        What is not accepted may come as often as it likes. Raises TlvError.
        Spec: EMV 4.4 Book 3 §7.5, §10.2 (redundant primitive data objects).
        """
        for item in items:
            if item.constructed or not item.value:
                continue
            if item.tag in seen:
                raise TlvError(f"{item.tag:X} comes twice", position=item.position)
            if self.accept(item.tag, item.value, within=within):
                seen.add(item.tag)

    def end(self, result: Result, reason: str) -> Outcome:
        """The Outcome of the session as it stands. `reason` is a word of REASONS."""
        if reason not in REASONS:
            raise KeyError(f"no such reason: {reason}")
        self.trace.append(Ending(result, reason, self.problem))
        signature = result is Result.APPROVED and wants_signature(self.data.get(CVM_RESULTS_9F34, b""))
        return Outcome(result, reason, self.cryptogram, self.online, signature, self.elements(), self.advice)
