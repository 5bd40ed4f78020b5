"""EMVCo QR codes: published payloads read to the value, bad ones refused with place and reason, and what is built

holds for an independent checker (cemacqr) too. Vectors: tests/vectors/qr.json, which names the source of each.
"""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import cemacqr
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emv.__main__ import main
from emv.masking import shown_text
from emv.qr import (
    CHARACTERS_MAX,
    ROOT,
    TEMPLATES,
    Item,
    MerchantCode,
    QrError,
    build,
    crc,
    parse,
    read,
    walk,
)
from emv.qr_consumer import looks_like
from emv.qr_consumer import parse as parse_consumer
from emv.tlv import Tlv, encode

VECTORS = json.loads((Path(__file__).parent / "vectors" / "qr.json").read_text(encoding="utf-8"))
MERCHANT = [vector for vector in VECTORS["valid"] if vector["mode"] == "MPM"]
CONSUMER = [vector for vector in VECTORS["valid"] if vector["mode"] == "CPM"]
LEAST = {"26": {"00": "A000"}, "52": "5411", "53": "156", "58": "CN", "59": "N", "60": "C"}


def named(vectors: list[dict[str, Any]]) -> Any:
    return pytest.mark.parametrize("vector", vectors, ids=lambda vector: vector["id"])


def pairs(items: tuple[Item, ...]) -> list[dict[str, str]]:
    return [{"id": item.id, "value": item.value} for item in items]


def test_the_published_check_value_of_the_crc() -> None:
    assert crc("123456789") == VECTORS["crc"]["check_123456789"]


@named(MERCHANT)
def test_a_published_payload_is_read_to_the_value(vector: dict[str, Any]) -> None:
    code, breaches = read(vector["payload"])
    assert pairs(code.items) == vector["root"]
    for id, children in vector["templates"].items():
        assert pairs(next(item for item in code.items if item.id == id).children) == children
    assert (not breaches) is vector["strict_emvco"]


@named([vector for vector in MERCHANT if vector["strict_emvco"]])
def test_a_published_payload_is_built_again_to_the_character(vector: dict[str, Any]) -> None:
    code = parse(vector["payload"])
    assert build({item.id: item.value for item in code.items if item.id not in ("00", "63")}) == vector["payload"]


def test_the_breaches_of_a_sample_are_named_with_their_place() -> None:
    vector = next(vector for vector in MERCHANT if vector["id"] == "mvallim-4220")
    _, breaches = read(vector["payload"])
    assert [breach.id for breach in breaches] == ["62.09", "65", "56", "57"]
    for breach in breaches:
        assert vector["payload"][breach.position :].startswith(breach.id[-2:])
    with pytest.raises(QrError, match=r"62\.09"):
        parse(vector["payload"])


@named(VECTORS["invalid"])
def test_a_payload_that_breaks_the_standard_is_refused(vector: dict[str, Any]) -> None:
    with pytest.raises(QrError) as caught:
        parse(vector["payload"])
    assert 0 <= caught.value.position <= len(vector["payload"])


def with_crc(body: str) -> str:
    return body + "6304" + crc(body + "6304")


REST = "2608" + "0004A000" + "52045411530315658" + "02CN" + "5901N6001C"


@pytest.mark.parametrize(
    ("payload", "position", "reason"),
    [
        ("", 0, "00 must come first"),
        ("00020", 0, "format other|00 must|four digits|announced"),
        (with_crc("000201" + "0٣02XX" + REST), 6, "four digits"),
        (with_crc("000201" + REST + REST[:12]), 6 + len(REST), "26: comes twice"),
        (with_crc("000201" + "2604" + "00" + "9X" + REST[12:]), 10, "four digits"),
        (with_crc("000201" + "62080112" + "AB" + "CD" + REST), 10, "01: 12 characters announced, 4 left"),
        ("000201" + REST, 6 + len(REST), "no CRC"),
        ("000201" + "5" * CHARACTERS_MAX, CHARACTERS_MAX, "longer than"),
        (with_crc("000201" + REST).replace("6304", "6303")[:-1], None, "CRC"),
        ("000201" + REST + "6101\ud800" + "6304ABCD", 6 + len(REST) + 4, "no character of Unicode"),
        (with_crc("000201" + REST[12:]), len("000201" + REST[12:]), "no merchant account"),
        (with_crc("000201" + "0102" + "13" + REST), 6, "Point of initiation"),
        (with_crc("000201" + REST.replace("02CN", "02cn")), 33, "Country"),
        (with_crc("000201" + "5401." + REST), 6, "Amount"),
        (with_crc("000201" + "54051.2.3" + REST), 6, "Amount"),
        (with_crc("000201" + "5402.5" + REST), 6, "Amount"),
        (with_crc("000201" + "550203" + REST), 6, "03 needs object 57"),
        (with_crc("000201" + "550203" + "5703100" + REST), 12, "percent"),
        (with_crc("000201" + "64060002ZH" + REST), 16, "64.01"),
        (with_crc("000201" + "62070903AMA" + REST), 10, "Asked of the consumer"),
        (with_crc("000201" + REST.replace("5901N", "5901名")), 39, "Merchant name"),
    ],
)  # fmt: skip
def test_a_fault_has_its_place_and_its_reason(payload: str, position: int | None, reason: str) -> None:
    with pytest.raises(QrError, match=reason) as caught:
        parse(payload)
    if position is not None:
        assert caught.value.position == position


def test_a_crc_in_small_letters_is_readable_and_a_breach() -> None:
    payload = build({**LEAST, "01": "12"})
    small = next(
        text
        for text in (build({**LEAST, "54": str(amount)}) for amount in range(1, 100))
        if not text[-4:].isdigit()
    )
    code, breaches = read(small[:-4] + small[-4:].lower())
    assert code.text("58") == "CN"
    assert [breach.id for breach in breaches] == ["63"]
    assert str(breaches[0]).startswith(f"at character {len(small) - 8}: 63: ")
    assert parse(payload).dynamic
    assert not parse(small).dynamic


def test_what_is_asked_of_a_code() -> None:
    code = parse(MERCHANT[0]["payload"])
    assert code.text("64", "01") == "最佳运输"
    assert [item.id for item in code.accounts] == ["29", "31"]
    assert (code.text("61"), code.text("61", "01"), code.text("62", "01")) == ("", "", "")
    assert next(walk(code.items, lambda item: item.value))[2:] == ("00", "01")
    deepest = max(depth for depth, *_ in walk(code.items, lambda item: item.value))
    assert deepest == 1


@pytest.mark.parametrize("amount", ["0", "0.00", "-1", "1e3", "", "12345678901234"])
def test_what_is_no_amount(amount: str) -> None:
    with pytest.raises(QrError, match="54: "):
        build({**LEAST, "54": amount})


def test_too_long_a_template_is_not_built() -> None:
    with pytest.raises(QrError, match="62: 116 characters"):
        build({**LEAST, "62": {f"{id:02d}": "x" * 25 for id in range(1, 5)}})


@pytest.mark.parametrize("id", ["5", "590", "１2", "A1", "", "63", "00"])
def test_what_is_no_id_or_not_the_caller_s_is_not_built(id: str) -> None:
    with pytest.raises(QrError):
        build({**LEAST, id: "ABCD"})


def test_text_that_has_no_bytes_is_not_built() -> None:
    with pytest.raises(QrError, match="Unicode"):
        build({**LEAST, "64": {"00": "ZH", "01": "\ud800"}})


# Whatever is built, an independent checker accepts; whatever comes in, only QrError comes out


PRINTABLE = st.characters(min_codepoint=0x20, max_codepoint=0x7E)
SEEN = st.characters(min_codepoint=0x20, exclude_categories=["Cs", "Cc"])


def ans(most: int, least: int = 1) -> st.SearchStrategy[str]:
    return st.text(PRINTABLE, min_size=least, max_size=most)


CODES = st.fixed_dictionaries(
    {
        "26": st.fixed_dictionaries({"00": ans(32)}, optional={"01": ans(25), "05": ans(25)}),
        "52": st.from_regex("[0-9]{4}", fullmatch=True),
        "53": st.just("156"),
        "58": st.just("CN"),
        "59": ans(25),
        "60": ans(15),
    },
    optional={
        "01": st.sampled_from(["11", "12"]),
        "15": st.from_regex("[0-9]{16}", fullmatch=True),
        "54": st.decimals("0.01", "9999999999.99", places=2).map(str),
        "61": ans(10),
        "62": st.fixed_dictionaries({"05": ans(25)}, optional={"07": ans(25), "09": st.just("ME")}),
        "64": st.fixed_dictionaries({"00": st.just("ZH"), "01": st.text(SEEN, min_size=1, max_size=25)}),
        "80": st.fixed_dictionaries({"00": ans(32)}),
    },
)


@given(CODES)
def test_what_is_built_is_read_again_and_accepted_by_an_independent_checker(objects: dict[str, Any]) -> None:
    payload = build(objects)
    code = parse(payload)
    for id, value in objects.items():
        if isinstance(value, str):
            assert code.text(id) == value
        else:
            assert {child: code.text(id, child) for child in value} == value
    report = cemacqr.validate(cemacqr.parse_payload(payload), cemacqr.EMVCO)
    assert report.ok, report.violations


@given(st.text(max_size=80) | st.builds(with_crc, st.text("0123456789abc", max_size=60)))
def test_any_text_is_a_code_or_a_qr_error(text: str) -> None:
    try:
        code, _ = read(text)
    except QrError:
        return
    assert isinstance(code, MerchantCode)


@given(st.sampled_from(MERCHANT), st.data())
def test_one_changed_character_is_noticed(vector: dict[str, Any], data: st.DataObject) -> None:
    payload = vector["payload"]
    place = data.draw(st.integers(0, len(payload) - 1))
    other = data.draw(PRINTABLE.filter(lambda letter: letter.upper() != payload[place].upper()))
    with pytest.raises(QrError):
        read(payload[:place] + other + payload[place + 1 :])


# Consumer-presented


def objects(items: tuple[Tlv, ...]) -> list[dict[str, Any]]:
    return [
        {"tag": f"{item.tag:02X}", "value": item.value.hex().upper()}
        | ({"children": objects(item.children)} if item.children else {})
        for item in items
    ]


@named(CONSUMER)
def test_a_published_consumer_code_is_read(vector: dict[str, Any]) -> None:
    assert looks_like(vector["payload"])
    assert objects(parse_consumer(vector["payload"]).items) == vector["tlv"]


def test_an_application_finds_its_own_data_then_the_common_ones() -> None:
    first, second = (parse_consumer(vector["payload"]) for vector in CONSUMER)
    assert [app.aid.hex() for app in first.applications] == ["a0000000555555", "a0000000666666"]
    assert {app.pan for app in first.applications} == {"1234567890123458"}
    assert first.applications[1].value(0x9F26).hex() == "584fd385fa234bcc"
    assert second.applications[0].pan == "6263600100713672"
    assert second.applications[0].value(0x9F33) == b""
    assert "1234567890123458" not in repr(first) + repr(first.applications)


HEAD = encode(0x85, b"CPV01")
NAMED = encode(0x4F, bytes.fromhex("A000000333010101"))


@pytest.mark.parametrize(
    ("data", "position", "reason"),
    [
        (b"", 0, "85"),
        (encode(0x61, NAMED) + HEAD, 0, "85"),
        (encode(0x85, b"CPV02") + encode(0x61, NAMED), 0, "CPV01"),
        (HEAD, 7, "no application"),
        (HEAD + encode(0x61, encode(0x50, b"X")), 7, "4F"),
        (HEAD + encode(0x61, NAMED) + encode(0x62) + encode(0x62), 21, "62: comes twice"),
        (HEAD + encode(0x61, NAMED, encode(0x9F36, b"\x01")), 19, "9F36: 1 bytes"),
        (HEAD + b"\x61\x05\x4f", 7, "61 says 5 bytes"),
    ],
)
def test_a_consumer_code_that_breaks_the_standard(data: bytes, position: int, reason: str) -> None:
    with pytest.raises(QrError, match=reason) as caught:
        parse_consumer(base64.b64encode(data).decode())
    assert (caught.value.position, caught.value.unit) == (position, "byte")


@pytest.mark.parametrize("text", ["hQVDUFYwMQ", "hQVDUFYwMQ==\n", "hQVDUFY*", "付款码", "A" * 2954])
def test_what_is_no_base64(text: str) -> None:
    with pytest.raises(QrError):
        parse_consumer(text)


# The command


def said(*arguments: str, stdin: str = "") -> int:
    return main(["qr", *arguments], io.StringIO(stdin))


def test_the_command_tells_a_merchants_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert said(MERCHANT[0]["payload"]) == 0
    told = capsys.readouterr().out
    assert "  01 Merchant name 商户名称: 最佳运输" in told
    assert said("--json", "-", stdin=MERCHANT[0]["payload"] + "\n") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["ok"]
    assert {"id": "54", "value": "23.72"} in found["objects"]


def test_the_command_says_why_a_code_breaks_the_standard(capsys: pytest.CaptureFixture[str]) -> None:
    assert said("--language", "zh-CN", VECTORS["invalid"][0]["payload"]) == 1
    assert capsys.readouterr().out.startswith("不符合标准: at character 117")
    lacking = next(vector for vector in MERCHANT if vector["id"] == "promptparse-42be")
    assert said("--json", lacking["payload"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert not found["ok"]
    assert len(found["reasons"]) == 3
    assert said(lacking["payload"]) == 1
    assert "60: Merchant city: is missing" in capsys.readouterr().out
    assert said("") == 2


def test_the_command_masks_a_consumers_pan(capsys: pytest.CaptureFixture[str]) -> None:
    assert said(CONSUMER[0]["payload"]) == 0
    told = capsys.readouterr().out
    assert "123456******3458" in told
    assert "1234567890123458" not in told
    assert "Token" not in told
    assert said("--json", CONSUMER[1]["payload"]) == 0
    assert "6263600100713672" not in capsys.readouterr().out


def test_a_merchants_card_number_is_masked(capsys: pytest.CaptureFixture[str]) -> None:
    assert said(build({**LEAST, "02": "4000123456789017"})) == 0
    assert "400012******9017" in capsys.readouterr().out
    assert shown_text("no 4000123456789018") == "no 4000123456789018"


def test_the_rows_have_words_in_both_languages() -> None:
    rows = [*ROOT.values(), *(row for template in TEMPLATES.values() for row in template.values())]
    assert all(row.en and any(ord(letter) > 0x3000 for letter in row.zh) for row in rows)
