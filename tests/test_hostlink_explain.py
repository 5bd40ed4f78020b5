"""`decode` for people: every field in both languages, nothing a person may not see, exit statuses, bad input."""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keys import KeyLayout, mac
from keys.testkeys import BY_NAME
from terminal.hostlink import messages
from terminal.hostlink.card_messages import CardFields, card_request
from terminal.hostlink.codec import Message, encode, walk
from terminal.hostlink.explain import explain, printable
from terminal.hostlink.fields import FIELDS
from terminal.hostlink.frame import wrap
from terminal.hostlink.masking import masked_raw
from terminal.hostlink.meanings import (
    CONDITIONS,
    ENTRY_MODES,
    MTI_WORDS,
    ORDER_TAGS,
    PIN_ENTRY,
    PROCESSING,
    REQUIREMENTS,
    REVERSAL_REASONS,
)
from terminal.hostlink.messages import Terminal
from terminal.hostlink.profile import load_profile
from terminal.hostlink.subfields import write_tlv
from terminal.model import Kind, Money
from terminal.tools import decode

PROFILE = load_profile("unionpay")
VECTORS: dict[str, Any] = {
    vector["id"]: vector
    for vector in json.loads((Path(__file__).parent / "vectors" / "hostlink.json").read_text("utf-8"))["vectors"]
}
HOST_LINK = (Path(__file__).parents[1] / "docs" / "host-link.md").read_text(encoding="utf-8")
FRAMES = [vector for vector in VECTORS.values() if vector["kind"] == "wire-frame"]
PAN, TRACK = "6225000000000014", "6225000000000014D30122011234567890"
MASKED = "622500******0014"
TERMINAL = Terminal("104110054110001", "10000001", "000007", "001")


def decoded(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    parser = argparse.ArgumentParser()
    decode.add_arguments(parser)
    status = decode.run(parser.parse_args(list(arguments)))
    out, err = capsys.readouterr()
    return status, out, err


def as_json(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any]]:
    status, out, _ = decoded(capsys, "--json", *arguments)
    return status, json.loads(out.splitlines()[-1])


def wire(message: Message) -> str:
    return wrap(encode(message, PROFILE), PROFILE).hex().upper()


@pytest.mark.parametrize("vector", FRAMES, ids=lambda vector: str(vector["id"]))
def test_public_frames_field_by_field(capsys: pytest.CaptureFixture[str], vector: dict[str, Any]) -> None:
    bare = [] if vector["header_bytes"] else ["--bare"]
    status, seen = as_json(capsys, *bare, vector["hex"])
    expected = dict(vector["fields"])
    header = expected.pop("h", None)
    assert status == 0
    assert seen["problem"] is None
    assert seen["mti"] == expected.pop("t")
    assert seen["bitmap"] == expected.pop("p")
    assert (seen["tpdu"] or "") + (seen["header"] or "") == (header or "")
    assert set(seen["fields"]) == set(expected)
    for number, value in expected.items():
        field = seen["fields"][number]
        assert field["name"] == FIELDS[int(number)].name
        assert field["zh"] == FIELDS[int(number)].zh
        assert len(field["value"]) == len(value)
        if number not in ("2", "35", "52"):
            assert field["value"] == value
            assert field["raw"] in vector["hex"]
        else:
            assert "*" in field["value"]
            assert field["raw"] not in vector["hex"]


def test_with_and_without_a_length_prefix(capsys: pytest.CaptureFixture[str]) -> None:
    text = VECTORS["frame-yuantu-0210"]["hex"]
    spaced = " ".join(text[i : i + 2] for i in range(4, len(text), 2)).lower()
    assert as_json(capsys, text) == as_json(capsys, text[4:]) == as_json(capsys, *spaced.split())


def secret_sale() -> Message:
    """A sale with a secret in every field that can hold one."""
    track = TRACK + "0123"  # Even digits, as in tag 57 without a filler.
    icc = bytes.fromhex(f"5A08{PAN}5713{track}5F2004{b'WANG'.hex()}9F1F033132339F360200019A03261130")
    sale = card_request(
        PROFILE.transactions[Kind.SALE],
        TERMINAL,
        PROFILE,
        stan="000123",
        card=CardFields(PAN, "3012", track2=TRACK, icc=icc),
        amount=Money(12850),
        pin_block=bytes.fromhex("ACF46E73838A82F9"),
    )
    return sale.with_fields(
        {36: "99" + PAN + "D156156", 57: f"card {PAN} kept", 62: f"PAN={PAN};".encode(), 63: f"001{'x' * 3}{PAN}"}
    )


SECRETS = (
    PAN,
    TRACK[17:],
    "D3012201",
    "ACF46E73838A82F9",
    PAN.encode().hex(),  # As ASCII in hex.
    b"WANG".hex(),
)


@pytest.mark.parametrize("form", ["json", "text"])
def test_nothing_that_a_person_may_not_see(capsys: pytest.CaptureFixture[str], form: str) -> None:
    text = wire(secret_sale())
    status, out, _ = decoded(capsys, *(["--json"] if form == "json" else []), text)
    assert status == 0
    for secret in SECRETS:
        assert secret.lower() not in out.lower()
    assert MASKED in out


@pytest.mark.parametrize("form", ["json", "text"])
def test_nor_in_the_second_dialect(capsys: pytest.CaptureFixture[str], form: str) -> None:
    """There a track is text, and a PIN block is spelled in hex."""
    dialect = load_profile("iso8583-1987-ascii")
    body = encode(secret_sale().without(53), dialect)
    arguments = ["--profile", "iso8583-1987-ascii", *(["--json"] if form == "json" else [])]
    status, out, _ = decoded(capsys, *arguments, body.hex())
    assert status == 0
    spelled = [secret.encode("ascii").hex() for secret in (TRACK[17:], "ACF46E73838A82F9")]
    for secret in (*SECRETS, *spelled):
        assert secret.lower() not in out.lower()
    assert MASKED in out
    for item in walk(body, dialect):
        wire_bytes = body[item.start : item.end]
        assert len(masked_raw(item, wire_bytes)) == 2 * len(wire_bytes)


def test_each_masked_field(capsys: pytest.CaptureFixture[str]) -> None:
    _, seen = as_json(capsys, wire(secret_sale()))
    fields = {number: (field["value"], field["raw"]) for number, field in seen["fields"].items()}
    assert fields["2"] == (MASKED, "16" + MASKED)
    assert fields["35"] == (MASKED + "D" + "*" * 17, "34" + MASKED + "D" + "*" * 17)
    assert fields["36"] == ("*" * 25, "0025" + "*" * 25 + "0")
    assert fields["52"] == ("*" * 16, "*" * 16)
    assert fields["57"][0] == f"card {MASKED} kept"
    assert fields["57"][1] == "0026" + b"card 622500".hex().upper() + "**" * 6 + b"0014 kept".hex().upper()
    assert fields["62"][0] == b"PAN=622500".hex().upper() + "**" * 6 + b"0014;".hex().upper()
    assert fields["55"][0].startswith("5A08" + MASKED + "5713" + MASKED + "D" + "*" * 17)
    assert fields["55"][0].endswith("5F2004********9F1F03******9F360200019A03261130")
    notes = seen["fields"]["55"]["notes"]
    assert notes[0] == f"5A {MASKED}"
    assert notes[-1] == "9A 261130"


def test_a_field_55_that_is_no_tlv_is_hidden_whole(capsys: pytest.CaptureFixture[str]) -> None:
    _, seen = as_json(capsys, wire(Message("0200", {55: bytes.fromhex("5A10" + PAN)})))
    field = seen["fields"]["55"]
    assert (field["value"], field["raw"]) == ("*" * 20, "0010" + "*" * 20)
    assert field["notes"] == ["! an element is cut short"]


def test_a_template_is_hidden_but_a_script_is_shown() -> None:
    script = "72" + "0F" + "9F1804000000018604" + "84240000" + "0000"
    icc = bytes.fromhex("700A5A08" + PAN + script[:4] + script[4:34].ljust(30, "0"))
    lines = explain(wrap(encode(Message("0210", {55: icc}), PROFILE), PROFILE), PROFILE).lines
    assert lines[0].value.startswith("700A" + "*" * 20 + "720F9F18")


def test_a_payment_code_is_masked_and_an_order_number_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    code, order_no = "134567890123456789", "10000001" + "0" * 10 + "42"
    pay = messages.qr_pay(TERMINAL, PROFILE, stan="000001", amount=Money(1), order_no=order_no, code=code)
    status, out, _ = decoded(capsys, wire(pay))
    assert status == 0
    assert code not in out
    assert order_no in out


def test_wallet_words_survive(capsys: pytest.CaptureFixture[str]) -> None:
    _, seen = as_json(capsys, wire(Message("0210", {59: write_tlv({"A6": "PAID", "A8": "微信支付"})})))
    assert seen["fields"]["59"]["notes"][1].startswith("A8 微信支付")


def test_batch_details_are_masked(capsys: pytest.CaptureFixture[str]) -> None:
    details = "02" + ("000001230000" + PAN + "000000012850") * 2
    _, seen = as_json(capsys, wire(Message("0320", {48: details})))
    masked = "02" + ("000001230000" + MASKED + "000000012850") * 2
    assert seen["fields"]["48"]["value"] == masked
    assert PAN not in json.dumps(seen)


@pytest.mark.parametrize(
    ("text", "bare", "field", "offset", "reason"),
    [
        ("60", False, 0, 1, "cut short"),
        ("0053" + VECTORS["frame-halo-0400"]["hex"][4:-2], False, 0, 0, "length prefix says 83 bytes, 82 follow"),
        (VECTORS["frame-halo-0400"]["hex"][4:-2], False, 64, 75, "cut short"),
        (VECTORS["frame-jspos-0800"]["hex"][:-2], True, 63, 46, "cut short"),
        (VECTORS["frame-jspos-0800"]["hex"], False, 0, 0, "TPDU"),
    ],
)
def test_a_refused_frame_says_where(
    capsys: pytest.CaptureFixture[str], text: str, bare: bool, field: int, offset: int, reason: str
) -> None:
    arguments = (["--bare"] if bare else []) + [text]
    status, seen = as_json(capsys, *arguments)
    assert status == 1
    assert (seen["problem"]["field"], seen["problem"]["offset"]) == (field, offset)
    assert reason in seen["problem"]["reason"]
    status, out, _ = decoded(capsys, *arguments)
    assert status == 1
    assert f"at byte {offset}" in out
    assert reason in out


def test_what_stands_before_the_fault_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    _, seen = as_json(capsys, VECTORS["frame-halo-0400"]["hex"][4:-2])
    assert list(seen["fields"]) == ["3", "4", "11", "22", "25", "39", "41", "42", "49", "60", "63"]
    assert seen["fields"]["39"]["notes"] == ["超时无应答 no response"]


@pytest.mark.parametrize(
    "arguments",
    [("0",), ("xyz",), ("",), ("--mak-file", "none", "60"), ("--profile", "no-such", "60"), ("0" * 40_000,)],
)
def test_a_wrong_call_is_status_2(capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]) -> None:
    status, out, err = decoded(capsys, *arguments)
    assert (status, out) == (2, "")
    assert err.startswith("decode: ")


def test_bad_hex_is_not_quoted(capsys: pytest.CaptureFixture[str]) -> None:
    status, _, err = decoded(capsys, PAN + "x")
    assert status == 2
    assert PAN not in err


@pytest.mark.parametrize(("key", "verdict"), [(None, "unchecked"), ("mak", "good"), ("flipped", "bad")])
def test_the_mac_is_checked_with_a_key_in_a_file(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, key: str | None, verdict: str
) -> None:
    vector = VECTORS["mac-1"]
    keys = {"mak": vector["mak"], "flipped": "C34A8FB57AA2F123"}
    file = tmp_path / "mak"
    file.write_text(keys.get(key or "", "") + "\n", encoding="ascii")
    more = ["--mak-file", str(file)] if key else []
    text = VECTORS["frame-blog-mab-0200"]["hex"]
    status, seen = as_json(capsys, "--bare", *more, text)
    assert (status, seen["mac"]) == (0, verdict)
    assert mac.unionpay_mac(bytearray.fromhex(vector["mak"]), bytes.fromhex(vector["mab"])).decode() in str(seen)


def test_a_published_key_goes_by_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    order = messages.qr_query(TERMINAL, PROFILE, stan="000001", order_no="A1")
    for named, verdict in (("tmk", "good"), ("bdk", "bad"), ("aes256", "unchecked")):
        made = mac.unionpay_mac(bytearray(BY_NAME["tmk"]), messages.mac_range(order, PROFILE))
        _, seen = as_json(capsys, "--test-key", named, wire(order.with_fields({64: made})))
        assert seen["mac"] == verdict


def test_a_dukpt_message_is_checked_with_the_base_key(capsys: pytest.CaptureFixture[str]) -> None:
    """The log-on of docs/host-link.md §15; its answer does not say whose keys it has, and is not checked."""
    text = HOST_LINK.partition("```text ascii-log-on\n")[2].partition("```")[0].replace(" ", "").strip()
    frame = text.encode("ascii").hex()
    dialect = ("--profile", "iso8583-1987-ascii", "--test-key", "bdk")
    status, seen = as_json(capsys, *dialect, frame)
    assert (status, seen["mac"], seen["mti"], seen["bitmap"]) == (0, "good", "0800", "0020000000C00813")
    assert as_json(capsys, *dialect, frame.replace("303138", "303238", 1))[1]["mac"] != "good"
    assert as_json(capsys, *dialect, (text[:-1] + "5").encode("ascii").hex())[1]["mac"] == "bad"


def test_a_file_of_frames_as_hex(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "day.txt"
    shown = [VECTORS["frame-halo-0400"]["hex"], VECTORS["frame-signin-A"]["hex"]]
    file.write_text(f"# a day\n{shown[0]}  # a reversal\n\n{shown[1].lower()}\n", encoding="ascii")
    status, out, _ = decoded(capsys, "--json", str(file))
    assert (status, [json.loads(line)["mti"] for line in out.splitlines()]) == (0, ["0400", "0800"])
    file.write_text(f"{shown[0]}\n{shown[1][:-4]}\n", encoding="ascii")
    assert decoded(capsys, str(file))[0] == 1


def test_a_file_of_frames_as_a_line_carries_them(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "day.bin"
    data = b"".join(bytes.fromhex(VECTORS[name]["hex"]) for name in ("frame-halo-0400", "frame-signin-A"))
    file.write_bytes(data)
    status, out, _ = decoded(capsys, "--json", str(file))
    assert (status, [json.loads(line)["mti"] for line in out.splitlines()]) == (0, ["0400", "0800"])
    file.write_bytes(data[:-1])
    assert decoded(capsys, "--json", str(file))[0] == 2
    assert decoded(capsys, "--bare", str(file))[0] == 2


@pytest.mark.parametrize(("language", "wanted", "other"), [("zh", "冲正", "reversal"), ("en", "reversal", "冲正")])
def test_one_language_alone(capsys: pytest.CaptureFixture[str], language: str, wanted: str, other: str) -> None:
    text = VECTORS["frame-halo-0400"]["hex"]
    _, out, _ = decoded(capsys, "--language", language, text)
    assert wanted in out and other not in out
    assert not (language == "en" and re.search(r"[\u4e00-\u9fff]", out))
    _, seen = as_json(capsys, "--language", language, text)
    assert seen["fields"]["39"]["notes"] == [{"zh": "超时无应答", "en": "no response"}[language]]


def test_every_word_is_in_both_languages() -> None:
    tables = (MTI_WORDS, REQUIREMENTS, PROCESSING, ENTRY_MODES, CONDITIONS, PIN_ENTRY, REVERSAL_REASONS, ORDER_TAGS)
    for table in tables:
        for words in table.values():
            assert re.search(r"[\u4e00-\u9fff]", words.zh)
            assert words.en.isascii()


def test_a_frame_without_a_mac_says_so() -> None:
    assert explain(bytes.fromhex(VECTORS["frame-signin-A"]["hex"]), PROFILE).mac == "absent"


def test_both_languages_and_the_processing_requirement() -> None:
    body = encode(Message("0210", {39: "77", 63: "001重新签到"}), PROFILE)
    text = "\n".join(explain(wrap(body, PROFILE, requirement=3), PROFILE).to_lines())
    for words in ("请重新签到 sign in again", "应答码 Response code", "请重新签到 batch mismatch", "001重新签到"):
        assert words in text


def test_a_hosts_text_cannot_move_the_cursor() -> None:
    assert printable("a\x1b[2J\u202eb\u3000交") == "a.[2J.b\u3000交"


@given(st.binary(max_size=300), st.booleans())
def test_any_bytes_are_explained(data: bytes, bare: bool) -> None:
    seen = explain(data, PROFILE, bare=bare)
    assert json.dumps(seen.to_json())
    assert seen.to_lines()
    if seen.problem is not None:
        assert 0 <= seen.problem.offset <= len(data)


@given(st.sampled_from(FRAMES), st.data())
def test_mutated_frames_are_explained(vector: dict[str, Any], data: st.DataObject) -> None:
    changed = bytearray.fromhex(vector["hex"])
    for _ in range(data.draw(st.integers(1, 3))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    seen = explain(bytes(changed), PROFILE, bare=not vector["header_bytes"])
    assert all(re.fullmatch(r"[0-9A-FD*]*", line.raw) for line in seen.lines)
    assert json.dumps(seen.to_json()) and seen.to_lines()


@pytest.mark.parametrize("layout", KeyLayout)
def test_the_check_values_of_each_sign_in_layout(layout: KeyLayout) -> None:
    step = layout.size_bytes // len(layout.usages)
    block = b"".join(bytes([place]) * step for place in range(1, len(layout.usages) + 1))
    reply = Message(
        "0810", {11: "000001", 39: "00", 41: "10000001", 42: "104110054110001", 60: "00000001004", 62: block}
    )
    (line,) = [one for one in explain(wrap(encode(reply, PROFILE), PROFILE), PROFILE).lines if one.number == 62]
    expected = [f"{usage.name} KCV {f'{place:02d}' * 4}" for place, usage in enumerate(layout.usages, start=1)]
    assert list(line.notes) == expected


def test_a_balance_is_told_with_its_sign() -> None:
    for sign, shown in (("C", "128.50 156"), ("D", "-128.50 156")):
        body = encode(Message("0210", {54: f"1002156{sign}000000012850"}), PROFILE)
        assert explain(body, PROFILE, bare=True).lines[0].notes == (f"账户 account 10, 类型 type 02: {shown}",)
