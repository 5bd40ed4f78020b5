"""A terminal's recording as deeds in a simulated world: where it holds no secret, something equal stands in.

A card that was put in is a test card that does as much (sim.recording.cards); its PIN, the operator's number and
password, the merchant's and the terminal's numbers and a payment code are the world's own: no recording has them.
Whoever typed a password that was refused types a wrong one here, and whoever typed too short a one as short a one;
whoever typed a wrong PIN types a right one here, and the host says it was wrong, as it did then. A card that was read
out is a test card's number, expiry and CVV2, or something that is refused where that was.
What the host answered, or that it was silent, is a fault given before the request. An answer that was not believed
was spoilt in a way that no recording shows; its MAC is wrong here. An order of which the host said that it was paid is
paid just before, and so is the printed code. Where no request left, the line is refused; a card that was pulled out of
a command is torn out of the same one; reader, scanner, stripe and printer fail where they failed; the clock jumps where
the rows say so. Each deed waits for the screen on which it was done, and for the moment.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile

from sim.card import PROFILES
from sim.deeds import SETTLE_MS, Act, Deed, Until, step_from
from sim.people import ORDERED, PASSWORD
from sim.recording.cards import DEEDS, PROBLEM, stand_in, torn_at
from sim.recording.lines import Line, Numbered
from sim.recording.reading import RecordingError
from sim.recording.wallet_news import other_fee_bp, receipt_of
from sim.scenario.steps import SCREENS
from sim.story import SECONDS_LIMIT

FUNCTION = {"enter": "ENTER", "cancel": "CANCEL", "clear": "CLEAR", "up": "UP", "down": "DOWN"}
ACCEPTS = ("enter", "cancel")  # Keys that are pressed also where the number is the world's own.
IDLE, NUMBER, PASSWORD_SCREEN = "idle", "enter_number", "operator_password"
CARD_NUMBER, CVV2, CLOCK = "type_card_number", "type_cvv2", "check_clock"
WRONG_PASSWORD = PASSWORD[::-1]
SWIPED = "stripe-debit"
CODE_LENGTHS = {18: "wechat"}  # A scanned payment code by its length; any other is Alipay's.
APPROVED = ("00", None)
PRINTS = ("ok", "low")  # States of the paper.
PAPER = (*PRINTS, "out", "cover-open", "offline")
ANY_DIGIT = (IDLE, "refused", "sign_in_due", "approved")  # Where one that is not shown does what each would have done.
A_JUMP_MS = 60_000  # Of a clock: no drift comes to so much from one row to the next.
TO_PAY_MS = 1_000  # From what a customer sees to what the host knows of it.

NEW, REQUESTED, PAID, ABANDONED, REVERSING = "new", "requested", "approved", "abandoned", "reversing"
PAN = "2"  # The field.
SPOILT = {(REQUESTED, REVERSING): "wrong-mac", (PAID, REVERSING): "bad-arpc"}  # Not believed; by the card.


def _step(line: Line) -> tuple[str, str]:
    """Of a payment's row: from where to where."""
    moved = line.get("kind") == "moved"
    return (str(line.get("from")), str(line.get("to"))) if moved else ("", "")


def wall_ahead_ms(line: Line) -> int | None:
    """How much the wall clock said more than the recording counted, of a row that says so."""
    wall_ms, at_ms = line.get("wall_ms"), line.get("at")
    return wall_ms - at_ms if type(wall_ms) is int and type(at_ms) is int else None


def clock_step(jumped_ms: int) -> dict[str, str]:
    """As far as a test world's clock goes."""
    return {"clock": str(max(-SECONDS_LIMIT, min(SECONDS_LIMIT, round(jumped_ms / 1000))))}


def _paper_of_first_slip(lines: Sequence[Line]) -> str:
    """What it was printed on, or stopped by: as the printer said behind it, else "offline"; "" where there is none."""
    found = ""
    for line in lines:
        match line.get("is"):
            case "slip" if found:
                break
            case "slip":
                found = "ok"
            case "printer-failed" if found:
                found = "offline"
            case "paper" if found == "offline" and line.get("state") not in PRINTS:
                return str(line.get("state"))
    return found


class NothingStandsIn(RecordingError):
    """What was done there is not in the recording, and this world has nothing in its place: nobody can go on."""


@dataclass(frozen=True, slots=True)
class Cue:
    """`deed` is done at `at_ms` of the recording, on that screen. `line`: where the recording has it."""

    line: int
    at_ms: int
    deed: Deed


def cues(lines: Sequence[Numbered], *, held: str = "", asked_for_time: bool = False) -> Iterator[Cue]:
    """The deeds of one life, in order. `held`: the card that is in; `asked_for_time`: whether the clock is wrong.

    Raises NothingStandsIn where that is so, else RecordingError.
    """
    person = _Person(lines, held, asked_for_time)
    for index, (number, line) in enumerate(lines):
        try:
            for deed in person.does(index, line):
                yield Cue(number, _int(line, "at", number), deed)
        except ValueError as wrong:  # No such deed: a line says what no terminal does.
            raise RecordingError(number, str(wrong)) from None


def _at_ms(line: Line) -> int:
    at_ms = line.get("at")
    return at_ms if type(at_ms) is int else 0


def _int(line: Line, name: str, number: int) -> int:
    value = line.get(name)
    if type(value) is not int or value < 0:
        raise RecordingError(number, f"{name} is no number")
    return value


class _Person:
    def __init__(self, lines: Sequence[Numbered], held: str, asked_for_time: bool) -> None:
        self._lines = lines
        self._screen, self._before, self._seen = "", "", True
        self._card, self._swiped = held, ""
        self._asked_for_time = asked_for_time
        self._ahead_ms: int | None = None  # The wall clock, of what the recording counts.
        self._receipts = set[str]()  # Of money for the printed code, which the host has told.
        self._money = self._money_for_the_printed_code()
        self._reader_lost = False
        self._scanner_broken = False
        self._paper = "ok"
        self._typed: list[str] = []
        self._ready = False  # Whether the idle screen has been shown in this life.
        self._hidden = 0  # Digits so far on this screen that the recording does not show.
        self._told_to = 0

    def does(self, index: int, line: Line) -> Iterator[Deed]:
        if index in self._money:
            yield step_from({"pay-printed": self._money[index]})
        match line.get("is"):
            case "screen":
                if line.get("name") != self._screen:  # Each digit draws the same screen anew.
                    self._before, self._screen = self._screen, str(line.get("name"))
                    self._seen, self._hidden = False, 0
                    self._ready = self._ready or self._screen == IDLE
                self._typed = self._shown_digits(index + 1)
            case "key" if self._screen == CLOCK and line.get("key") == "enter" and not self._asked_for_time:
                pass  # Nobody has to look at the clock of a test world: it is its host's.
            case "key":
                yield from self._about_to(index)
                if pressed := self._key(index, str(line.get("key"))):
                    yield Act(step_from({"press": pressed}))
            case "card" if line.get("presence") == "reader-lost" and not self._reader_lost:
                self._reader_lost = True
                yield from self._about_to(index)
                yield Act(step_from({"reader": "unplug"}))
            case "card" if line.get("presence") != "reader-lost" and self._reader_lost:
                self._reader_lost = False
                yield step_from({"reader": "plug"})
                yield from self.does(index, line)
            case "card" if line.get("presence") == "present" and not self._card:
                self._card = stand_in(self._lines, index)
                if not self._card:
                    raise NothingStandsIn(
                        self._lines[index][0], "no test card has the application of the card that was put in"
                    )
                yield from self._about_to(index)
                if torn := torn_at(self._lines, index + 1):
                    yield step_from({"tear": torn})
                yield Act(step_from({"insert": self._card}))
            case "card" if line.get("presence") == "absent" and self._card:
                self._card = ""
                yield from self._about_to(index)
                yield Act(step_from("remove"))
            case "swipe":
                yield from self._about_to(index)
                unread = self._screen_after(index) == PROBLEM
                self._swiped = "" if unread else SWIPED
                yield Act(step_from({"swipe": self._swiped or f"unread:{SWIPED}"}))
            case "code":
                yield from self._about_to(index)
                yield Act(step_from({"show": CODE_LENGTHS.get(line.get("length", 0), "alipay")}))
            case "paper" if line.get("state") != self._paper and line.get("state") in PAPER:
                self._paper = str(line["state"])
                yield step_from({"paper": self._paper})
            case "case":
                yield step_from({"case": "open"})
            case "journal" if (ahead_ms := wall_ahead_ms(line)) is not None:
                self._ahead_ms = ahead_ms

    def _about_to(self, index: int) -> Iterator[Deed]:
        """Wait for the screen, and have devices and host ready for what will be asked of them."""
        if not self._seen and self._screen in SCREENS:
            yield Until("screen", self._screen)
        self._seen = True
        for state in self._devices_until_next_deed(index + 1):
            yield step_from(state)
        for fault in self._host_until_next_deed(index + 1):
            yield step_from(fault)

    def _key(self, index: int, key: str) -> str:
        """What is pressed; a whole secret in place of its first digit, and nothing for the others."""
        if card := self._read_out():
            return self._read(index, key, card)
        if key not in ACCEPTS and self._is_offered(index):
            return ""
        if key in FUNCTION:
            self._hidden = 0
            return FUNCTION[key]
        if self._typed:
            return self._typed.pop(0)
        self._hidden += 1
        secret = ""
        if self._screen == "enter_pin" and (card := self._card or self._swiped):
            secret = PROFILES[card].pin
        elif self._screen == PASSWORD_SCREEN:
            secret = self._password(index) if self._hidden == 1 else PASSWORD
        if secret:
            return secret if self._hidden == 1 else ""
        if self._screen in ANY_DIGIT:
            return "1"
        raise NothingStandsIn(self._lines[index][0], f"what was typed on {self._screen} is not in the recording")

    def _read_out(self) -> str:
        """What stands in, on a screen that asks for a part of a card that is not there; "" on any other."""
        expiry = ORDERED.applications[0].expiry
        if self._screen == NUMBER:
            return expiry[2:4] + expiry[:2] if self._before == CARD_NUMBER else ""
        return {CARD_NUMBER: ORDERED.pan, CVV2: "123"}.get(self._screen, "")

    def _read(self, index: int, key: str, card: str) -> str:
        """All of it with the ENTER that was taken; where that was refused, or nothing was typed, ENTER alone."""
        if key == "enter":
            typed, self._hidden = self._hidden, 0
            return f"{card} ENTER" if typed and self._is_taken(index + 1) else "ENTER"
        self._hidden = 0 if self._screen == CVV2 and key == "clear" else self._hidden + (key == "digit")
        return "CANCEL" if key == "cancel" else ""

    def _is_taken(self, start: int) -> bool:
        for _, line in self._lines[start:]:
            if line.get("is") == "screen":
                return line.get("name") != self._screen
            if line.get("tone") == "failure":
                return False
        return True

    def _password(self, index: int) -> str:
        """What is typed in place of the password that begins here: as good, as wrong or as short as that one was."""
        keys, entered = 1, False
        for _, line in self._lines[index + 1 :]:
            if line.get("is") == "key" and line.get("key") == "digit":
                keys += not entered
            elif line.get("is") == "key":
                if entered or line.get("key") != "enter":
                    break
                entered = True
            elif entered and line.get("tone") == "failure":
                return WRONG_PASSWORD
            elif line.get("is") == "screen" and line.get("name") != PASSWORD_SCREEN:
                return PASSWORD
        return PASSWORD[:keys]

    def _is_offered(self, index: int) -> bool:
        """Whether this is a number that the world offers by itself: of merchant, terminal, host, operator."""
        if self._screen != NUMBER:
            return False
        names = (line.get("name") for _, line in self._lines[index:] if line.get("is") == "screen")
        return not self._ready or next((name for name in names if name != NUMBER), "") == PASSWORD_SCREEN

    def _shown_digits(self, start: int) -> list[str]:
        """What the line "typed" before the next screen says of the digits on this one."""
        for _, line in self._lines[start:]:
            if line.get("is") == "typed":
                return [digit for digit in str(line.get("digits")) if digit.isdigit()]
            if line.get("is") == "screen":
                break
        return []

    def _screen_after(self, index: int) -> str:
        """The next one."""
        return next((str(line.get("name")) for _, line in self._lines[index + 1 :] if line.get("is") == "screen"), "")

    def _devices_until_next_deed(self, start: int) -> Iterator[dict[str, str]]:
        """What will not work, or works again, or has jumped: reader, scanner, paper of the next slip, clock."""
        ahead = list(takewhile(lambda line: line.get("is") not in DEEDS, (line for _, line in self._lines[start:])))
        if self._reader_lost and self._is_plugged_at_once(start - 1, start + len(ahead)):
            self._reader_lost = False
            yield {"reader": "plug"}
        for line in ahead:
            if (ahead_ms := wall_ahead_ms(line)) is not None:
                jumped_ms = 0 if self._ahead_ms is None else ahead_ms - self._ahead_ms
                self._ahead_ms = ahead_ms
                if abs(jumped_ms) > A_JUMP_MS:
                    yield clock_step(jumped_ms)
        broken = any(line.get("is") == "scanner-failed" for line in ahead)
        if broken is not self._scanner_broken:
            self._scanner_broken = broken
            yield {"scanner": "broken" if broken else "mended"}
        paper = _paper_of_first_slip(ahead)
        if paper and (paper == "ok") is not (self._paper in PRINTS):
            self._paper = paper
            yield {"paper": paper}

    def _is_plugged_at_once(self, deed: int, then: int) -> bool:
        """Whether the reader was there again when a person saw what that deed had done."""
        if then >= len(self._lines):
            return False
        line, back = self._lines[deed][1], self._lines[then][1]
        return back.get("is") == "card" and _at_ms(back) < _at_ms(line) + SETTLE_MS

    def _host_until_next_deed(self, start: int) -> Iterator[dict[str, str]]:
        """A fault for each request up to the next deed that the host refused, or left without an answer to believe."""
        asked, sent = False, Counter[str]()
        for at, (_, line) in enumerate(self._lines[start:], start):
            if at < self._told_to:
                continue
            if line.get("is") in ("key", "swipe", "code") or (line.get("is") == "card" and at > start):
                break
            if _step(line) == (NEW, REQUESTED):
                asked = False
            elif _step(line) == (REQUESTED, ABANDONED) and not asked:
                self._told_to = at + 1
                yield {"line": "refuse"}
            if line.get("is") == "frame" and line.get("from") == "terminal":
                asked, self._told_to = True, at + 1
                code = self._answer(at + 1)
                mti = str(line.get("mti"))
                sent[mti] += 1
                which = f"mti={mti},nth={sent[mti]}"
                if any(row.get("name") == "host_batch_no" for row in self._until_next(at)):
                    yield {"host": "new"}  # One whose batch is another.
                if receipt := receipt_of(line, self._reply(at)):
                    if receipt.number in self._receipts:
                        yield {"fault": f"told-again,{which}"}
                    self._receipts.add(receipt.number)
                if (fee_bp := other_fee_bp(line, self._reply(at))) is not None:
                    yield {"fault": f"bill-fee,{which},bp={fee_bp}"}
                if self._is_paid_by(at):
                    yield {"fault": f"customer-pays,{which}"}
                if code == "":
                    yield {"fault": f"drop-reply,{which}"}
                elif code not in APPROVED:
                    yield {"fault": f"code,{which},code={code}"}
                elif spoilt := self._spoilt(at):
                    yield {"fault": f"{spoilt},{which}"}

    def _money_for_the_printed_code(self) -> dict[int, str]:
        """What is paid, and at which line: as late as the customer has time for it before the host tells of it."""
        found, told = dict[int, str](), set[str]()
        for at, (_, line) in enumerate(self._lines):
            receipt = receipt_of(line, self._reply(at)) if line.get("from") == "terminal" else None
            if receipt is None or receipt.number in told:
                continue
            told.add(receipt.number)
            due_ms = _at_ms(line) - TO_PAY_MS
            for before in range(at - 1, -1, -1):
                seen = self._lines[before][1]
                if before not in found and seen.get("is") == "screen" and _at_ms(seen) <= due_ms:
                    found[before] = receipt.payment
                    break
        return found

    def _reply(self, request: int) -> Line:
        """The next frame, if it is the host's."""
        frames = (line for _, line in self._lines[request + 1 :] if line.get("is") == "frame")
        reply = next(frames, {})
        return reply if reply.get("from") == "host" else {}

    def _until_next(self, request: int) -> Iterator[Line]:
        """What came of it by itself, before the next request or deed."""
        for _, line in self._lines[request + 1 :]:
            if line.get("is") in ("key", "card") or line.get("from") == "terminal" and line.get("is") == "frame":
                break
            yield line

    def _is_paid_by(self, request: int) -> bool:
        """Whether the answer was that somebody has paid the order on his phone, which no recording sees."""
        by_card = PAN in self._lines[request][1].get("fields", {})
        if receipt_of(self._lines[request][1], self._reply(request)):
            return False  # It was paid before.
        return not by_card and any(_step(line)[1] == PAID for line in self._until_next(request))

    def _spoilt(self, request: int) -> str:
        """What was wrong with a good answer that came to nothing, by itself and at once; "" with one that counted."""
        by_card = PAN in self._lines[request][1].get("fields", {})  # An order is closed for want of a payer, too.
        for line in self._until_next(request):
            if line.get("kind") == "mode":
                break
            if by_card and _step(line) in SPOILT:
                return SPOILT[_step(line)]
            if line.get("name") == "sign_in_failed":
                return "bad-kcv"
        return ""

    def _answer(self, start: int) -> str | None:
        """The response code of the next frame; None: it has none; "": the terminal went on or ended without one."""
        for _, line in self._lines[start:]:
            if line.get("is") != "frame":
                continue
            if line.get("from") == "terminal":
                return ""
            fields = line.get("fields")
            return str(fields["39"]) if isinstance(fields, dict) and "39" in fields else None
        return ""  # Its life ended before the answer came.
