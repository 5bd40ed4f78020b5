"""Traces: what the kernel decided and asked, in order; no bit without a note; no PIN and nothing personal in a file;
a file replays to the same end, and says in two languages why it came to it.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from emv_card_script import (
    NO,
    PAN,
    PIN_TVR,
    YES,
    Transcript,
    approved_sale,
    authenticate,
    first_generate_ac,
    online,
    options,
    pin,
    play,
    records,
    second_generate_ac,
    select,
    selection,
    session,
)
from emv_oda_card import CDA, DDA, SDA, KeyedCard
from hypothesis import given, settings
from hypothesis import strategies as st
from test_emv_hostile import Card

from emv import explain, tracefile
from emv.bits import TVR
from emv.commands import CardError, OnlineAnswer, Transceive
from emv.kernel import contact_session
from emv.masking import Masker, mask_digits
from emv.profile import CdaMode
from emv.replay import Agreement, bits_of, replay
from emv.rules import RULES, STEPS
from emv.session import Session
from emv.trace import APDUS_MAX, BYTES_MAX, Decision, Ending, Exchange, watched
from emv.tracefile import TraceError

NAME = b"TEST/CARDHOLDER".hex()
PERSONAL: dict[str, str | None] = {"x5F20": NAME, "x9F1F": "30303132333435363738"}


def lived(transcript: Transcript, **setting: Any) -> Session:
    card = session(**setting)
    play(card, transcript)
    return card


def met_by_chance(seed: int, wild: float, issuer: OnlineAnswer | None) -> Session:
    """A session with a card that answers wildly."""
    card, wild_card = session(), Card(seed, wild=wild, issuer=issuer)
    kernel = contact_session(card)
    answer: Any = None
    try:
        while True:
            answer = wild_card.answer(kernel.send(answer))
    except StopIteration:
        return card


# What is noted


def test_decisions_stand_between_the_exchanges_that_led_to_them() -> None:
    card = lived(approved_sale())
    kinds = [
        item.rule.word if isinstance(item, Decision) else type(item.request).__name__
        for item in card.trace
        if not isinstance(item, Ending)
    ]
    assert kinds.index("application-begun") < kinds.index("Draw") < kinds.index("avn-same") < kinds.index("GoOnline")
    assert sum(isinstance(item, Exchange) for item in card.trace) == len(approved_sale())
    assert isinstance(card.trace[-1], Ending)


def test_a_note_sets_the_bit_and_keeps_what_was_looked_at() -> None:
    card = session()
    card.data[0x9F08] = b"\x00\x31"
    card.note("avn-differs", 0x9F08, 0x9F09, 0x95, sets=TVR.APPLICATION_VERSIONS_DIFFER, place=1)
    assert card.tvr is TVR.APPLICATION_VERSIONS_DIFFER
    (decision,) = card.trace
    assert isinstance(decision, Decision)
    assert decision.inputs == ((0x9F08, b"\x00\x31"), (0x9F09, None), (0x95, bytes.fromhex("0080000000")))
    assert decision.facts == (("place", 1),)


def test_a_pin_is_not_kept() -> None:
    async def verify() -> None:
        await Transceive(bytes.fromhex("0020008008241234FFFFFFFFFF"))

    card = session()
    run = watched(verify(), card.trace).__await__()
    assert next(run) == Transceive(bytes.fromhex("0020008008241234FFFFFFFFFF"))
    with pytest.raises(StopIteration):
        run.send(b"\x90\x00")
    (exchange,) = card.trace
    assert isinstance(exchange, Exchange)
    assert exchange.request == Transceive(bytes.fromhex("00200080080000000000000000"))


@pytest.mark.parametrize("command", ["84200000", "8420000000", "842000000100"])
def test_a_verify_of_an_issuers_script_may_have_no_data(command: str) -> None:
    """Four bytes are a whole command. Found by the fuzzer: it ended the kernel with a ValueError."""
    kept: list[Any] = []

    async def script() -> None:
        await Transceive(bytes.fromhex(command))

    run = watched(script(), kept).__await__()
    next(run)
    with pytest.raises(StopIteration):
        run.send(b"\x90\x00")
    assert [exchange.request.capdu.hex() for exchange in kept] == [command]


@pytest.mark.parametrize(("answer", "sent"), [(b"\x90\x00", APDUS_MAX), (bytes(258), BYTES_MAX // 258 + 1)])
def test_a_session_has_a_limit(answer: bytes, sent: int) -> None:
    """Commands and bytes are counted over the whole session, whatever a step does with the fault."""
    asked = 0

    async def endless() -> str:
        try:
            while True:
                await Transceive(b"\x00\xb2\x01\x0c\x00")
        except CardError as error:
            return error.reason

    run = watched(endless(), []).__await__()
    try:
        next(run)
        while True:
            asked += 1
            run.send(answer)
    except StopIteration as end:
        assert end.value.startswith("more than")
    assert asked == sent


def test_each_rule_is_noted_somewhere_and_its_step_has_both_titles() -> None:
    """Words that are put together (`oda-` and the method) count by their beginning or end."""
    source = "".join(path.read_text(encoding="utf-8") for path in Path("emv").glob("*.py") if path.name != "rules.py")
    made = re.findall(r'f"(\w+-)\{|f"\{[\w.]+\}(-\w+)"', source)
    parts = tuple(part for pair in made for part in pair if part)
    for word, row in RULES.items():
        by_part = any(word.startswith(part) or word.endswith(part) for part in parts)
        assert f'"{word}"' in source or by_part, word
        assert row.step in STEPS
        assert row.en.isascii() and not row.zh.isascii()
        assert not row.en.endswith(".")


@settings(max_examples=60)
@given(st.integers(0, 2**32), st.sampled_from([0.0, 0.05, 0.3]), st.sampled_from([YES, NO, None]))
def test_no_bit_is_set_but_by_a_note(seed: int, wild: float, issuer: OnlineAnswer | None) -> None:
    card = met_by_chance(seed, wild, issuer)
    assert bits_of(item for item in card.trace if isinstance(item, Decision)) == (card.tvr, card.tsi)


# Files


def test_a_masked_file_holds_nothing_personal() -> None:
    card = lived([*selection(), *options(), *records(**PERSONAL), *pin(), *first_generate_ac(PIN_TVR), *online(None),
                  *second_generate_ac(PIN_TVR, wanted="00", given="00", code="Z3", auth="00" * 10)])  # fmt: skip
    text = tracefile.write(card).upper()
    whole = tracefile.write(card, masked=False).upper()
    for secret in (PAN, PAN[6:15], NAME.upper(), "30303132333435363738", "D3012201", "5F2403301231"):
        assert secret in whole
        assert secret not in text
    assert "6222020000000004321" in text
    assert tracefile.conversation(card)[0][0] == "00A404000E315041592E5359532E444446303100"


def test_a_list_that_asks_for_the_account_does_not_tell_it() -> None:
    lists = {"x8C": "5A0A57135F2013"}
    start = [*selection(), *options(), *records(**PERSONAL, **lists), *pin()]
    data = PAN + "F" + PAN + "D30122010000000001F" + NAME + "00000000"
    transcript = [*start, (f"80AE8000{len(data) // 2:02X}{data}00".upper(), "6985")]
    assert PAN not in tracefile.write(lived(transcript))
    assert NAME.upper() not in tracefile.write(lived(transcript)).upper()


def test_accounts_that_differ_stay_different() -> None:
    other = "6222029999999994321"
    masker = Masker(bytes.fromhex("240615"))
    one, two = (masker.value(0x5A, bytes.fromhex(account + "F")) for account in (PAN, other))
    assert (one.hex(), two.hex()) == ("6222020000000004321f", "6222020000000014321f")
    assert masker.value(0x57, bytes.fromhex(PAN + "D30122010000000001F")).hex().startswith("6222020000000004321d")
    assert masker.value(0x5A, bytes.fromhex("62A2")).hex() == "00a0"  # No account stays none.
    assert mask_digits("", 0) == ""


@pytest.mark.parametrize(
    ("date", "masked"),
    [("301231", "491231"), ("240615", "491231"), ("240614", "000101"), ("991231", "000101"), ("241331", "000000"),
     ("AABBCC", "000000"), ("2406", "0000")],
)  # fmt: skip
def test_an_expiry_date_stays_on_its_side_of_today(date: str, masked: str) -> None:
    assert Masker(bytes.fromhex("240615")).value(0x5F24, bytes.fromhex(date)).hex() == masked


@given(st.binary(max_size=260))
def test_masking_keeps_length_and_status_and_raises_nothing(rapdu: bytes) -> None:
    masker = Masker(bytes(3))
    masked = masker.response(rapdu)
    assert len(masked) == len(rapdu)
    assert masked[-2:] == rapdu[-2:]


def test_what_cannot_be_read_is_not_shown_and_that_is_said() -> None:
    masker = Masker(bytes(3))
    garbage = bytes.fromhex("70145AFF" + PAN + "F9000")
    assert PAN[6:12] not in masker.response(garbage).hex()
    assert masker.torn
    assert masker.response(b"") == b""
    deep = "00"
    for _ in range(8):
        deep = f"70{len(deep) // 2:02X}{deep}"
    masker.response(bytes.fromhex(deep + "9000"))
    gaps = Masker(bytes(3))
    assert gaps.response(bytes.fromhex("0000" + "5A041234567F" + "009000")).hex() == "00005a040000000f009000"
    assert not gaps.torn


def test_the_commands_alone_whole_and_masked() -> None:
    card = session()
    play(card, approved_sale())
    spoken = [(asked, answer) for asked, answer in approved_sale() if isinstance(answer, str) and asked != "DRAW 4"]
    assert tracefile.conversation(card, masked=False) == spoken
    masked = tracefile.conversation(card)
    assert [asked[:8] for asked, _ in masked] == [asked[:8] for asked, _ in spoken]
    assert PAN not in str(masked)


# Replay


def test_a_sale_replays_masked_and_whole() -> None:
    start = [*selection(), *options()]
    card = lived([*start, *records(**PERSONAL), *approved_sale()[len([*start, *records()]) :]])
    for masked in (True, False):
        trace = tracefile.parse(tracefile.write(card, masked=masked))
        again = replay(trace)
        assert (again.agreement, again.why, again.exchanges) == (Agreement.SAME, "", len(approved_sale()))
        assert again.outcome is not None
        assert again.outcome.reason == "approved-online"


@settings(max_examples=60)
@given(st.integers(0, 2**32), st.sampled_from([0.0, 0.05, 0.3]), st.sampled_from([YES, NO, None]))
def test_any_session_replays(seed: int, wild: float, issuer: OnlineAnswer | None) -> None:
    card = met_by_chance(seed, wild, issuer)
    whole = replay(tracefile.parse(tracefile.write(card, masked=False)))
    assert (whole.agreement, whole.why) == (Agreement.SAME, "")
    masked = tracefile.parse(tracefile.write(card))
    again = replay(masked)
    assert again.agreement is (Agreement.MASKED if again.why and masked.torn else Agreement.SAME), again.why


@pytest.mark.parametrize(("aip", "masked"), [(SDA, Agreement.SAME), (DDA, Agreement.SAME), (CDA, Agreement.MASKED)])
def test_what_was_authenticated_is_taken_from_a_masked_trace(aip: str, masked: Agreement) -> None:
    """Certificates are masked, so SDA and DDA are foretold; CDA goes on into the cryptogram, and there it stops."""
    keyed = KeyedCard(3, aip)
    start = [*keyed.start(), *(keyed.internal_authenticate() if aip == DDA else []), *pin()]
    card = keyed.session()
    play(card, [*start, (next_command(keyed.session(), start), "6985")])
    for whole, agreement in ((True, Agreement.SAME), (False, masked)):
        trace = tracefile.parse(tracefile.write(card, masked=not whole))
        again = replay(trace)
        assert again.agreement is agreement, again.why
        assert again.why == "" or again.why.startswith("the kernel asks for command 80AE80")


def test_a_bit_that_is_taken_back_is_told_and_replays() -> None:
    """CDA that is not asked for with the first cryptogram: set then, cleared before the second."""
    keyed = KeyedCard(3, CDA)
    card = keyed.session(cda_mode=CdaMode.MODE_3)
    second = second_generate_ac("0000048000", wanted="00", given="00", code="Z3", auth="00" * 10)
    play(card, [*keyed.start(), *pin(), *first_generate_ac(PIN_TVR), *online(None), *second])
    trace = tracefile.parse(tracefile.write(card, masked=False))
    assert replay(trace).agreement is Agreement.SAME
    assert bits_of(trace.decisions) == (card.tvr, card.tsi)
    assert "        clears TVR 1.8 Offline data authentication was not performed" in explain.table(trace, "en")
    assert [each["clears"] for each in explain.to_json(trace, "en")["decisions"] if each["clears"]] == ["8000000000"]


def next_command(card: Session, transcript: Transcript) -> str:
    """What the kernel sends after a transcript."""
    kernel = contact_session(card)
    request = kernel.send(None)
    for _, answer in transcript:
        request = kernel.send(bytes.fromhex(answer) if isinstance(answer, str) else answer)
    kernel.close()
    assert isinstance(request, Transceive)
    return request.capdu.hex().upper()


def test_a_card_that_leaves_replays_until_it_left() -> None:
    card = session()
    with pytest.raises(CardError):
        play(card, [*selection(), *options()[:1], ("80A8000002830000", CardError("removed", removed=True))])
    trace = tracefile.parse(tracefile.write(card))
    assert trace.ending is None
    assert replay(trace).agreement is Agreement.SAME
    assert explain.headline(trace, "en") == "The card left before the end"


def changed(card: Session, before: str, after: str) -> tracefile.Trace:
    text = tracefile.write(card, masked=False)
    assert before in text
    return tracefile.parse(text.replace(before, after))


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        ('"hex": "A1B2C3D4"', '"hex": "A1B2C3D5"', "the kernel asks for command 80AE80001D"),
        ('"hex": "A1B2C3D4"', '"hex": "A1B2C3"', "the kernel asks for Draw"),
        ('"value": "entered"', '"value": "cancelled"', "it ends cancelled, pin-cancelled"),
        ('"reason": "approved-online"', '"reason": "approved-offline"', "it ends approved, approved-online"),
        ('"note": "avn-same"', '"note": "avn-differs"', "decision 11 is avn-same"),
        ('{"end": "approved", "reason": "approved-online", "problem": ""}\n', "", "one of the two ended"),
        ('"note": "issuer-approved"', '"end": "declined", "reason": "cancelled", "problem": ""', "it ends approved"),
    ],
)
def test_a_changed_trace_is_found_out(before: str, after: str, why: str) -> None:
    again = replay(changed(lived(approved_sale()), before, after))
    assert again.agreement is Agreement.DIFFERENT
    assert again.why.startswith(why)


def test_a_trace_that_is_cut_or_too_long() -> None:
    lines = tracefile.write(lived(approved_sale()), masked=False).splitlines(keepends=True)
    asks = [at for at, line in enumerate(lines) if line.startswith('{"ask"')]
    cut = tracefile.parse("".join(lines[: asks[-1]]))
    assert replay(cut).why == "the trace is at its end, and the kernel asks for Transceive"
    more = tracefile.parse("".join([*lines[:-1], lines[asks[-1]], lines[-1]]))
    assert replay(more).why == "1 of the trace's requests were not made"
    longer = tracefile.parse("".join([*lines[:-1], '{"note": "avn-same"}\n', lines[-1]]))
    assert "decisions, and then there were" in replay(longer).why
    masked = [line for line in GOOD.splitlines(keepends=True) if '"note"' not in line]
    assert "decisions, and then there were 0" in replay(tracefile.parse("".join(masked))).why


def test_the_choice_of_nobody_is_a_difference() -> None:
    from test_emv_selection import CREDIT, DEBIT, REST, application, directory, used

    card = lived([*directory(application(CREDIT, "C", "01") + application(DEBIT, "D", "02")), ("CHOOSE C|D", 1),
                  *used(DEBIT), *REST])  # fmt: skip
    assert replay(tracefile.parse(tracefile.write(card))).agreement is Agreement.SAME
    assert replay(changed(card, '"again": false}, "answer": 1', '"again": false}, "answer": 7')).why


# What is no trace


@given(st.text(max_size=300))
def test_garbage_is_no_trace(text: str) -> None:
    with pytest.raises(TraceError):
        tracefile.parse(text)


GOOD = tracefile.write(lived(approved_sale()))


@settings(max_examples=150)
@given(
    st.integers(0, len(GOOD) - 1),
    st.integers(0, 30),
    st.sampled_from(['"', "0", "{", "}", "[", "null", "ZZ", "\n", ""]),
)
def test_a_damaged_trace_is_refused_or_replays_to_an_answer(at: int, length: int, put: str) -> None:
    try:
        trace = tracefile.parse(GOOD[:at] + put + GOOD[at + length :])
    except TraceError as error:
        assert error.line >= 1
        return
    replay(trace)
    for language in explain.LANGUAGES:
        explain.story(trace, language)
        explain.table(trace, language)
        json.dumps(explain.to_json(trace, language))


HEAD = GOOD.splitlines()[0]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("[]", "this is no JSON object"),
        ("{", "this is no JSON"),
        ("{}", "neither a request, a decision nor an end"),
        ('{"note": "nobody"}', "no rule is called 'nobody'"),
        ('{"note": "avn-same", "in": {"9F08": 3}}', "the inputs are no tags with hex"),
        ('{"note": "avn-same", "in": {"ZZ": "00"}}', "the inputs are no tags with hex"),
        ('{"note": "avn-same", "facts": []}', "the facts are no words with texts or numbers"),
        ('{"note": "avn-same", "tvr": "00"}', "tvr is 5 bytes in hex"),
        ('{"note": "avn-same", "cleared": "zz"}', "cleared is 5 bytes in hex"),
        ('{"note": "avn-same", "tsi": 7}', "tsi is 2 bytes in hex"),
        ('{"end": "approved", "reason": "nobody", "problem": ""}', "no session ends like this"),
        ('{"ask": {"is": "Nothing"}, "answer": 1}', "the kernel has no request 'Nothing'"),
        ('{"ask": {"is": "Transceive"}, "answer": {"hex": "9000"}}', "a command is bytes in hex"),
        ('{"ask": {"is": "Draw", "count": 4}, "answer": 4}', "this is no answer to Draw"),
        ('{"ask": {"is": "EarlierAmount"}, "answer": true}', "this is no answer to EarlierAmount"),
        ('{"ask": {"is": "Draw", "count": 4}, "answer": {"is": "CardError"}}', "a value is not what"),
        ('{"ask": {"is": "GoOnline"}, "answer": {"is": "OnlineAnswer", "response_code": "00"}}', "a value is not what"),
        ('{"ask": {"is": "Draw", "count": 4}, "answer": 1.5}', "a value is not what"),
    ],
)
def test_faults_name_their_line(line: str, reason: str) -> None:
    with pytest.raises(TraceError) as caught:
        tracefile.parse(f"{HEAD}\n{line}\n")
    assert caught.value.line == 2
    assert caught.value.reason.startswith(reason)


@pytest.mark.parametrize(
    "head",
    [
        HEAD.replace('"trace": 1', '"trace": 2'),
        HEAD.replace('"is": "TerminalProfile"', '"is": "AidEntry"'),
        HEAD.replace('"amount_minor": 12850', '"amount_minor": "12850"'),
        '{"trace": 1, "terminal": 1, "transaction": 2}',
        HEAD.replace('"is": "TransactionData", ', ""),
        "x" * (tracefile.BYTES_MAX + 1),
        "\n" * (tracefile.LINES_MAX + 1),
        "",
    ],
)
def test_a_head_that_is_none(head: str) -> None:
    with pytest.raises(TraceError) as caught:
        tracefile.parse(head)
    assert caught.value.line == 1


def test_only_the_kernels_languages_have_a_form() -> None:
    with pytest.raises(TypeError):
        tracefile.plain(1.5)
    keys = {"day": "2030-12-31"}
    assert tracefile.plain(tracefile.value_of(keys)) == keys
    assert tracefile.value_of({"set": [{"hex": "00"}]}) == frozenset({b"\x00"})


# Stories


def told(card: Session, language: str) -> str:
    return "\n".join(explain.story(tracefile.parse(tracefile.write(card)), language))


def test_why_the_terminal_declined() -> None:
    """The card does not allow purchases here, the acquirer's denial code has that bit, and the story says both."""
    card = lived(
        [*selection(), *options(), *records(x9F07="0100"), *pin(),
         *first_generate_ac("8010048000", wanted="00", given="00")]
    )  # fmt: skip
    english, chinese = told(card, "en"), told(card, "zh-CN")
    assert english.splitlines()[0] == "Declined: Declined by the terminal"
    assert chinese.splitlines()[0] == "拒绝: 终端拒绝"
    assert "  - The card does not allow purchases here [Book 3 §10.4.2 table 36]" in english
    assert "met by: 2.5 Requested service not allowed for card product" in english
    assert "  - 卡片不允许在此消费 [Book 3 §10.4.2 table 36]" in chinese
    assert "相符的位: 2.5 卡片不允许所请求的服务" in chinese


def test_why_the_session_was_refused() -> None:
    card = lived([*selection(), *options(), *records(x5A=None)])
    english = told(card, "en").splitlines()
    assert english[0] == "Refused, the session ended early: The card lacks mandatory data"
    assert english[1] == "What was wrong: Application Primary Account Number (PAN) is missing"
    assert "  - Mandatory data is missing [Book 3 §7.2, §7.5]" in english


def test_the_story_of_a_blocked_card_needs_no_application() -> None:
    from emv_card_script import PSE

    card = lived(select(PSE, "6A81"))
    assert "卡片已锁定或不支持选择命令" in told(card, "zh-CN")


def test_the_table_says_each_decision_with_its_section_inputs_and_bits() -> None:
    trace = tracefile.parse(tracefile.write(lived([*approved_sale()[:-2], *authenticate("6300"), *second_generate_ac(
        "8000048040", given="00")])))  # fmt: skip
    lines = explain.table(trace, "en")
    assert "Issuer authentication" in lines
    assert any("issuer-not-authentic (finding)" in line for line in lines)
    assert "        sets TVR 5.7 Issuer authentication failed" in lines
    assert "        9F08 Application Version Number, card: 0030" in lines
    assert "        9F38 Processing Options Data Object List (PDOL): absent" in lines
    assert "  定" not in "".join(lines)
    found = explain.to_json(trace, "zh-CN")
    assert (found["aid"], found["tvr"], found["tsi"]) == ("A000000333010102", "8000048040", "7800")
    assert len(found["decisions"]) == len(trace.decisions)


def test_a_code_written_by_hand_tips_nothing() -> None:
    decision = '{"note": "action-denied", "in": {"95": "00", "9F0E": "00"}, "facts": {"tac": "x"}}'
    trace = tracefile.parse(f"{HEAD}\n{decision}\n")
    assert explain.tipped(trace.decisions[0], "en") == ()
