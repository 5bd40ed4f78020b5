"""`python -m emv`: what developers ask it, in both languages, for people and programs, and what it refuses."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from emv_card_script import approved_sale, play, session
from hypothesis import given
from hypothesis import strategies as st

from emv import tracefile
from emv.__main__ import BAD_INPUT, DIFFERS, FINE, HEX_MAX, MASKED, main
from emv.bits import FIELDS
from emv.tlv import TlvError, parse
from emv.typed import fault_in_chinese


def said(capsys: pytest.CaptureFixture[str], *words: str, piped: str = "") -> tuple[int, str]:
    status = main(list(words), io.StringIO(piped))
    printed = capsys.readouterr()
    return status, printed.out + printed.err


def found(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    status, text = said(capsys, *words, "--json")
    assert status == FINE
    answer: dict[str, Any] = json.loads(text)
    return answer


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("bits", "TVR", "8000048000"), "3.3 Online CVM captured 已采集联机验证数据"),
        (("bits", "95", "8000048000", "--language", "en"), "3.3 Online CVM captured"),
        (("bits", "tvr", "0000000001", "--language", "zh-CN"), "5.1 保留"),
        (("bits", "0x95", "0x8000048000", "--language", "en"), "4.8 Transaction exceeds floor limit"),
        (("tvr", "80 00 04 80 00"), "1.8 Offline data authentication was not performed 未进行脱机数据认证"),
        (("bits", "TSI", "7800", "--language", "zh-CN"), "1.7 已进行持卡人验证"),
        (("bits", "AIP", "1C00", "--language", "en"), "1.3 Issuer authentication is supported"),
        (("bits", "9F07", "FFC0", "--language", "en"), "2.7 International cashback allowed"),
        (("bits", "CAPABILITIES", "E068C8", "--language", "en"), "3.4 CDA"),
        (("tlv", "9F0206000000012850"), "9F02 Amount, Authorised (Numeric) 授权金额: 000000012850"),
        (("tlv", "7003C10100", "--language", "en"), "  C1 unknown: 00"),
        (("tags", "9f38"), "9F38 Processing Options Data Object List (PDOL) 处理选项数据对象列表 (b, 0-252, card)"),
        (("tags", "0x9F38", "--language", "zh-CN"), "9F38 处理选项数据对象列表 (b, 0-252, card)"),
        (("tags", "密钥", "--language", "en"), "no tag holds this"),
        (("tags", "PAN)", "--language", "en"), "5A Application Primary Account Number (PAN) (cn, 0-10, card, masked)"),
        (("apdu", "00B2010C00", "--language", "en"), "READ RECORD  CLA 00 INS B2 P1 01 P2 0C"),
        (("apdu", "80A8000002830000"), "  data 数据 (2): 8300"),
        (("apdu", "0020008008241234FFFFFFFFFF"), "  data 数据 (8): <8 bytes>"),
        (("apdu", "00820000"), "EXTERNAL AUTHENTICATE 外部认证  CLA 00 INS 82 P1 00 P2 00"),
        (("apdu", "63C2"), "SW 63C2 counter is 2 计数器为2"),
        (("apdu", "70045F3401019000", "--language", "zh-CN"), "SW 9000 正常"),
    ],
)
def test_what_is_told(capsys: pytest.CaptureFixture[str], words: tuple[str, ...], line: str) -> None:
    status, text = said(capsys, *words)
    assert status == FINE
    assert line in text.splitlines()


def test_the_same_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    assert found(capsys, "bits", "TSI", "8000") == {
        "tsi": "8000",
        "set": ["1.8 Offline data authentication was performed 已进行脱机数据认证"],
    }
    assert found(capsys, "tags", "9F38")["tags"][0]["source"] == "card"
    assert found(capsys, "apdu", "00B2010C00") == {"command": "READ RECORD", "p1": 1, "p2": 12, "data": "", "le": "00"}
    assert found(capsys, "apdu", "6A83") == {"objects": [], "sw": "6A83"}
    stated = found(capsys, "ics")
    assert (len(stated["checksum"]), stated["options"]["terminal-type"]) == (8, "21")
    assert "* terminal-type: 21  Terminal type (9F35) 终端类型" in said(capsys, "ics")[1]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("tlv", "5A0"), "3 hex digits are no whole bytes"),
        (("tlv", "9F 02 6 00"), "character 7 stands alone"),
        (("tlv", "9F02", "0x0G"), "character 9 is no hex digit"),
        (("tlv", "9F 0\uff12"), "character 5 is no hex digit"),
        (("tlv", "9F1x02"), "character 4 is no hex digit"),
        (("tlv", "9F02020"), "7 hex digits are no whole bytes 十六进制数字个数为奇数"),
        (("tlv", "9F0206"), "标签9F02声明6字节，实有0字节（第0字节起）"),
        (("tlv", "5A0G"), "character 4 is no hex digit"),
        (("tlv", "5A02 62"), "(at byte 0) 标签5A声明2字节，实有1字节（第0字节起）"),
        (("tlv", " "), "give 1 to"),
        (("tlv", "0" * (HEX_MAX + 2)), "give 1 to"),
        (("tlv", "00" * 4097), "more than 4096 bytes"),
        (("bits", "NOTHING", "00"), "the fields are 字段有 TVR (95)"),
        (("bits", "TSI", "000000"), "TSI has 2 bytes, not 3"),
        (("apdu", "90"), "an answer has at least its two status bytes"),
        (("apdu", "00A4040005A000"), "the length byte says 5, 2 bytes follow"),
        (("apdu", "00A4040002A000FFFF"), "the length byte says 2"),
        (("explain", "/nowhere/at/all"), "there is no such file 没有此文件: /nowhere/at/all"),
        (("replay", "/"), "the file cannot be read 文件无法读取: /"),
    ],
)
def test_what_cannot_be_read_says_where(capsys: pytest.CaptureFixture[str], words: tuple[str, ...], told: str) -> None:
    status, text = said(capsys, *words)
    assert status == BAD_INPUT
    assert told in text


@pytest.mark.parametrize(
    "typed",
    [
        ("9f0206000000012850",),
        ("9F", "02", "06", "00", "00", "00", "01", "28", "50"),
        ("0x9F0206000000012850",),
        ("0x9F, 0x02, 0x06, 0x00, 0x00, 0x00, 0x01, 0x28, 0x50",),
        ("9f:02:06:00:00:00:01:28:50",),
        ("9F-02-06-00-00-00-01-28-50",),
        ("\\x9F\\x02\\x06\\x00\\x00\\x00\\x01\\x28\\x50",),
        ("9F0206\n  0000 0001\t2850\r\n",),
    ],
)
def test_hex_as_people_have_it(capsys: pytest.CaptureFixture[str], typed: tuple[str, ...]) -> None:
    assert said(capsys, "tlv", *typed, "--language", "en") == (
        FINE,
        "9F02 Amount, Authorised (Numeric): 000000012850\n",
    )


def test_a_program_is_told_what_is_wrong_and_where(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tlv", "70045A036222", "--json"]) == BAD_INPUT
    printed = capsys.readouterr()
    assert json.loads(printed.out)["position"] == 2
    assert "5A" in printed.err


def test_an_answer_that_is_no_tlv_keeps_its_status(capsys: pytest.CaptureFixture[str]) -> None:
    status, text = said(capsys, "apdu", "A1B2C3D4E5F607089000", "--language", "en")
    assert status == FINE
    assert text.splitlines()[0].startswith("data (8), no TLV")
    assert text.splitlines()[1] == "SW 9000 process completed"
    assert "C3D4" not in text


@given(st.binary(max_size=300))
def test_every_fault_of_tlv_is_said_in_chinese(data: bytes) -> None:
    try:
        parse(data)
    except TlvError as error:
        assert fault_in_chinese(error.reason) != error.reason
    assert fault_in_chinese("what no row knows") == "what no row knows"


def test_a_field_of_flags_has_its_length() -> None:
    with pytest.raises(ValueError, match="TVR has 5 bytes, not 4"):
        next(field for field in FIELDS if field.name == "TVR").lines(bytes(4))


def test_a_reader_that_has_read_enough_is_no_fault() -> None:
    """`python -m emv tags | head -1`: nothing on standard error, and the status of what was told."""
    with subprocess.Popen(
        [sys.executable, "-m", "emv", "tags"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        if child.stdout is None or child.stderr is None:
            raise RuntimeError("a child without pipes")
        child.stdout.close()
        complaint = child.stderr.read()
    assert (child.returncode, complaint) == (FINE, "")


def test_standard_input(capsys: pytest.CaptureFixture[str]) -> None:
    assert "000000012850" in said(capsys, "tlv", "-", piped="9F02 06 0000\n00012850\n")[1]
    refused = said(capsys, "replay", "-", piped="not a trace")
    assert refused == (BAD_INPUT, "cannot be read 无法解析: line 1: this is no JSON\n")


@given(st.text(max_size=60), st.sampled_from(["tlv", "apdu", "tvr"]))
def test_anything_is_told_or_refused(text: str, command: str) -> None:
    assert main([command, "--json", "--", text]) in (FINE, BAD_INPUT)


def test_each_field_has_words_for_its_known_bits_and_a_place_for_the_others() -> None:
    for field in FIELDS:
        everything = b"\xff" * field.length
        assert len(field.lines(everything)) == 8 * field.length
        assert sum("RFU" not in line for line in field.lines(everything)) == len(field.words)
        for english, chinese in field.words.values():
            assert english.isascii() and chinese


# Traces


@pytest.fixture
def sale(tmp_path: Path) -> Path:
    card = session()
    play(card, approved_sale())
    path = tmp_path / "sale.jsonl"
    path.write_text(tracefile.write(card), encoding="utf-8")
    return path


def test_a_trace_is_explained_in_one_language_or_both(capsys: pytest.CaptureFixture[str], sale: Path) -> None:
    both = said(capsys, "explain", str(sale))[1]
    assert both.startswith("批准: 发卡行批准\n")
    assert "\nApproved: Approved by the issuer\n" in both
    chinese = said(capsys, "explain", str(sale), "--language", "zh-CN")[1]
    assert "Approved" not in chinese
    assert "处理限制" in chinese
    assert found(capsys, "explain", str(sale))["reason"] == "approved-online"


def test_a_trace_is_replayed_with_an_exit_status(capsys: pytest.CaptureFixture[str], sale: Path) -> None:
    status, text = said(capsys, "replay", str(sale))
    assert (status, text.splitlines()[-1]) == (FINE, "The kernel decides the same again 内核重放结果一致 (14)")
    assert found(capsys, "replay", str(sale))["agreement"] == "same"
    text = sale.read_text(encoding="utf-8")
    sale.write_text(text.replace('"note": "avn-same"', '"note": "avn-differs"'), encoding="utf-8")
    assert said(capsys, "replay", str(sale))[0] == DIFFERS
    changed = text.replace('"torn": false', '"torn": true').replace("A1B2C3D4", "A1B2C3")
    sale.write_text(changed, encoding="utf-8")
    assert said(capsys, "replay", str(sale))[0] == MASKED


def test_a_file_that_is_no_trace(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(b"\xff\xd8\xff")
    assert "no text in UTF-8" in said(capsys, "explain", str(path))[1]
    path.write_bytes(b" " * (4 * tracefile.BYTES_MAX + 1))
    assert said(capsys, "explain", str(path))[0] == BAD_INPUT


def test_a_language_that_nobody_speaks_here_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        main(["tlv", "--lang", "fr", "--", "9F02"])
    assert refused.value.code == 2
    assert "zh-CN (or zh) or en, not 'fr'" in capsys.readouterr().err
