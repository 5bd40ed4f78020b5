"""A conversation with the kernel as a flat list of (request, answer), and the player that holds the kernel to it.

Requests are written as a person reads them: an APDU in hex, `DRAW 4`, `PIN`, `OFFLINE PIN 3` (tries left, ? if the
card did not say, ! after a wrong one), `VERIFY` (in clear) or `VERIFY` and the challenge, `EARLIER sequence`, `CHOOSE
label|label`, `ONLINE`. Answers are hex for APDUs and random bytes, else the value; an exception is thrown into the
kernel. The builders below make the pieces of an ordinary card; their TLV encoder is their own, so that kernel and test
cannot be wrong together.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from emv.commands import (
    AskOfflinePin,
    AskPin,
    ChooseApplication,
    Draw,
    EarlierAmount,
    GoOnline,
    KernelRequest,
    OnlineAnswer,
    Outcome,
    PinResult,
    Transceive,
    VerifyPin,
)
from emv.kernel import AidEntry, Session, TerminalProfile, TransactionData, contact_session

Exchange = tuple[str, Any]
Transcript = list[Exchange]

PSE = "315041592E5359532E4444463031"
CREDIT = "A000000333010102"
DEBIT = "A000000333010101"
VISA = "A0000000031010"
PAN = "6222021234567894321"
UN = "A1B2C3D4"
IAD = "07010103A0B80001"
ARPC = "0102030405060708"
YES = OnlineAnswer(b"00", bytes.fromhex(ARPC + "3030"))
NO = OnlineAnswer(b"51", bytes.fromhex(ARPC + "3531"))
PIN_THEN_SIGNATURE = "000000000000000042031E031F03"

UNIONPAY = AidEntry(
    bytes.fromhex("A000000333"),
    "UnionPay",
    avn=b"\x00\x30",
    tac_denial=bytes.fromhex("0010000000"),
    tac_online=bytes.fromhex("D84004F800"),
    tac_default=bytes.fromhex("D84000A800"),
)


def session(*, aids: tuple[AidEntry, ...] = (UNIONPAY,), sale: dict[str, Any] | None = None, **profile: Any) -> Session:
    facts: dict[str, Any] = {"amount_minor": 12850, "date": "240615", "time": "143000", "counter": 7, **(sale or {})}
    return Session(TerminalProfile(aids=aids, **profile), TransactionData(**facts))


def t(tag: str, *parts: str) -> str:
    """One TLV object in hex."""
    body = "".join(parts)
    length = len(body) // 2
    return tag + (f"{length:02X}" if length < 0x80 else f"81{length:02X}") + body


def ok(data: str = "") -> str:
    return data + "9000"


def text(words: str) -> str:
    return words.encode("ascii").hex().upper()


def describe(request: KernelRequest[Any]) -> str:
    match request:
        case Transceive(capdu):
            return capdu.hex().upper()
        case Draw(count):
            return f"DRAW {count}"
        case AskPin(pan):
            assert pan == PAN
            return "PIN"
        case AskOfflinePin(tries_left, wrong):
            return f"OFFLINE PIN {'?' if tries_left is None else tries_left}{'!' if wrong else ''}"
        case VerifyPin(key, challenge):
            assert (key is None) == (not challenge)
            return f"VERIFY {challenge.hex().upper()}".strip()
        case EarlierAmount(pan, sequence):
            assert pan == PAN
            return f"EARLIER {sequence}"
        case ChooseApplication(candidates):
            return "CHOOSE " + "|".join(candidate.label for candidate in candidates)
        case GoOnline():
            return "ONLINE"
    raise AssertionError(f"a request that nobody knows: {request!r}")


@dataclass
class Played:
    outcome: Outcome
    online_data: dict[int, bytes] | None


def play(
    card: Session,
    transcript: Transcript,
    start: Callable[[Session], Coroutine[Any, Any, Outcome]] = contact_session,
) -> Played:
    """Raises AssertionError at the first request that differs, and whatever the kernel raises."""
    kernel = start(card)
    online_data = None
    try:
        request = kernel.send(None)
        for number, (wanted, answer) in enumerate(transcript):
            got = describe(request)
            assert got == wanted, f"step {number}: the kernel asked\n  {got}\nnot\n  {wanted}"
            if isinstance(request, GoOnline):
                online_data = request.data
            if isinstance(answer, BaseException):
                request = kernel.throw(answer)
            elif isinstance(answer, str):
                request = kernel.send(bytes.fromhex(answer))
            else:
                request = kernel.send(answer)
    except StopIteration as end:
        assert number == len(transcript) - 1, f"the kernel ended before step {number + 1}: {end.value!r}"
        return Played(end.value, online_data)
    kernel.close()
    raise AssertionError(f"the transcript is at its end, and the kernel asks {describe(request)}")


# The pieces of an ordinary card's conversation


def select(name: str, answer: str, *, again: bool = False) -> Transcript:
    return [(f"00A404{'02' if again else '00'}{len(name) // 2:02X}{name}00", answer)]


def fci(name: str, *more: str) -> str:
    return t("6F", t("84", name), t("A5", *more))


def application(name: str, label: str, priority: str = "", *more: str) -> str:
    """A directory entry."""
    return t("61", t("4F", name), t("50", text(label)), t("87", priority) if priority else "", *more)


def directory(*records: str) -> Transcript:
    """SELECT PSE and its records (the content of each template 70)."""
    pages: Transcript = [(f"00B2{n:02X}0C00", ok(t("70", page))) for n, page in enumerate(records, 1)]
    return [
        *select(PSE, ok(fci(PSE, t("88", "01"), t("5F2D", text("zhen"))))),
        *pages,
        (f"00B2{len(records) + 1:02X}0C00", "6A83"),
    ]


def chosen(name: str = CREDIT, *more: str) -> Transcript:
    """The final SELECT."""
    return select(name, ok(fci(name, t("50", text("UNIONPAY")), t("87", "01"), *more)))


def selection(*more: str) -> Transcript:
    return [*directory(application(CREDIT, "UNIONPAY", "01")), *chosen(CREDIT, *more)]


def options(aip: str = "1C00", afl: str = "08010300") -> Transcript:
    return [("DRAW 4", UN), ("80A8000002830000", ok(t("80", aip, afl)))]


RECORD_1 = {"57": PAN + "D30122010000000001F"}
RECORD_2 = {
    "5A": PAN + "F",
    "5F34": "01",
    "5F24": "301231",
    "5F25": "200101",
    "5F28": "0156",
    "9F07": "FF00",
    "9F08": "0030",
    "8E": PIN_THEN_SIGNATURE,
}
RECORD_3 = {
    "8C": "9F02069F03069F1A0295055F2A029A039C019F3704",
    "8D": "8A02910A95059F3704",
    "9F0D": "D84000A800",
    "9F0E": "0010980000",
    "9F0F": "D84004F800",
    "9F42": "0156",
}


def record(number: int, content: dict[str, str], **changes: str | None) -> Exchange:
    """A record; `changes` are keyed x5F24 and so on, None removes."""
    merged: dict[str, str | None] = {**content, **{tag.removeprefix("x"): value for tag, value in changes.items()}}
    body = "".join(t(tag, value) for tag, value in merged.items() if value is not None)
    return (f"00B2{number:02X}0C00", ok(t("70", body)))


def records(**changes: str | None) -> Transcript:
    """The three records, with the changed elements where they belong (new ones in the third)."""
    places = [RECORD_1, RECORD_2, RECORD_3]
    return [
        record(
            number,
            place,
            **{
                tag: value
                for tag, value in changes.items()
                if tag.removeprefix("x") in place
                or (number == 3 and not any(tag.removeprefix("x") in other for other in places))
            },
        )
        for number, place in enumerate(places, 1)
    ]


def pin(result: PinResult = PinResult.ENTERED) -> Transcript:
    return [("PIN", result)]


def cryptogram(cid: str) -> str:
    return t("80", cid, "0042", "1122334455667788", IAD)


def first_generate_ac(
    tvr: str, *, wanted: str = "80", given: str = "80", answer: str | None = None, **sale: str
) -> Transcript:
    facts = {"amount": "000000012850", "other": "000000000000", "kind": "00", "currency": "0156", **sale}
    data = f"{facts['amount']}{facts['other']}0156{tvr}{facts['currency']}240615{facts['kind']}{UN}"
    return [(f"80AE{wanted}001D{data}00", ok(cryptogram(given)) if answer is None else answer)]


def online(answer: OnlineAnswer | None = YES) -> Transcript:
    return [("ONLINE", answer)]


def authenticate(sw: str = "9000", data: str = ARPC + "3030") -> Transcript:
    return [(f"008200000A{data}", sw)]


def second_generate_ac(
    tvr: str,
    *,
    wanted: str = "40",
    given: str = "40",
    code: str = "00",
    auth: str = ARPC + "3030",
    answer: str | None = None,
) -> Transcript:
    data = f"{text(code)}{auth}{tvr}{UN}"
    return [(f"80AE{wanted}0015{data}00", ok(cryptogram(given)) if answer is None else answer)]


PIN_TVR = "8000048000"  # No ODA, online PIN entered, floor limit (of zero) exceeded.


def approved_sale() -> Transcript:
    """The whole of the ordinary case: directory, online PIN, issuer authentication, TC."""
    return [
        *selection(),
        *options(),
        *records(),
        *pin(),
        *first_generate_ac(PIN_TVR),
        *online(),
        *authenticate(),
        *second_generate_ac(PIN_TVR),
    ]
