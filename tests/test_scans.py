"""What a scan is: published and made-up codes of every kind, and patterns that overlap refused with their place.

Vectors: tests/vectors/qr.json ("payment_codes", and the EMVCo payloads).
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from terminal.config import Config, ConfigErrors, parse_config
from terminal.scan_patterns import PatternError, ScanKind, overlaps, read_pattern
from terminal.scans import Scan, Why, classify

VECTORS = json.loads((Path(__file__).parent / "vectors" / "qr.json").read_text(encoding="utf-8"))
PATTERNS = Config.default().scans.patterns
EXPECTED = {"wechat": ScanKind.WECHAT, "alipay": ScanKind.ALIPAY, "unionpay": ScanKind.UNIONPAY}
EXPECTED["ean13-product"] = ScanKind.GOODS


def scan(text: str) -> Scan:
    return classify(text.encode(), PATTERNS)


@pytest.mark.parametrize("case", VECTORS["payment_codes"], ids=lambda case: case["code"])
def test_published_codes(case: dict[str, str]) -> None:
    assert scan(case["code"] + "\r\n").kind is EXPECTED[case["expect"]]


@pytest.mark.parametrize("vector", VECTORS["valid"], ids=lambda vector: vector["id"])
def test_emvco_codes(vector: dict[str, str]) -> None:
    kind = {"MPM": ScanKind.MERCHANT, "CPM": ScanKind.CONSUMER}[vector["mode"]]
    assert scan(vector["payload"]).kind is kind


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("69012342", None),
        ("96385074", ScanKind.GOODS),  # EAN-8
        ("036000291452", ScanKind.GOODS),  # UPC-A
        ("ZGM00001", ScanKind.MEMBER),
        ("ZGP00001", ScanKind.PREPAID),
        ("ZGC00001", ScanKind.COUPON),
        ("ZGB00001", ScanKind.BADGE),
        ("ZGX00001", None),
        ("163006109882800940", None),  # 18 digits that begin with 16: nobody's
        ("13006109882800940", None),  # one digit short
    ],
)
def test_other_codes(text: str, kind: ScanKind | None) -> None:
    assert scan(text).kind is kind


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", Why.UNREADABLE),
        (b"\r\n", Why.UNREADABLE),
        (b"13006109\x00828009406", Why.UNREADABLE),
        (b"\xff\xfe", Why.UNREADABLE),
        (b"1" * 2954, Why.UNREADABLE),
        (b"6901234567893", Why.CHECK_DIGIT),
        (b"hello", Why.UNKNOWN),
        (VECTORS["invalid"][0]["payload"].encode(), Why.BROKEN),
        (b"hQVDUFYwMWETTwegAAAAVVVVUAhQ", Why.BROKEN),
    ],
)
def test_what_is_not_known_has_a_reason(raw: bytes, why: Why) -> None:
    found = classify(raw, PATTERNS)
    assert (found.kind, found.why) == (None, why)
    assert bool(found.detail) is (why is Why.BROKEN)


def test_a_scan_does_not_show_its_code() -> None:
    assert "130061098828009406" not in repr(scan("130061098828009406"))


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode) | st.from_regex(rb"000201[0-9]{30}"))
def test_any_bytes_are_a_kind_or_a_reason(raw: bytes) -> None:
    found = classify(raw, PATTERNS)
    assert (found.kind is None) is (found.why is not None)


@given(st.from_regex(r"[0-9]{8,24}", fullmatch=True))
def test_no_code_is_two_things(text: str) -> None:
    assert sum(any(one.fits(text) for one in each) for each in PATTERNS.values()) <= 1


# Patterns


@pytest.mark.parametrize(
    ("one", "two", "both"),
    [
        ("10-15 18 digits", "25-30 16-24 digits", False),
        ("10-15 18 digits", "* 18 digits", True),
        ("10-15 18 digits", "130 18 digits", True),
        ("10-15 18 digits", "13 16-20 printable", True),
        ("A 8 printable", "* 8 digits", False),
        ("* 8 digits mod10", "* 8-9 digits", True),
        ("ABCDEF 8 text", "ABC 3-7 printable", False),
        ("ABCDEF 6-8 text", "ABC 3-7 printable", True),
        ("ABCDEF 7-8 text", "ABC 3-7 printable", True),
    ],
)
def test_which_patterns_overlap(one: str, two: str, both: bool) -> None:
    first, second = read_pattern(one), read_pattern(two)
    assert first.overlaps(second) is second.overlaps(first) is both


SMALL = st.builds(
    lambda prefix, low, more, alphabet: f"{prefix} {len(prefix) + low}-{len(prefix) + low + more} {alphabet}",
    st.from_regex(r"[01]{1,2}", fullmatch=True),
    st.integers(0, 2),
    st.integers(0, 2),
    st.sampled_from(["digits", "printable"]),
)


@given(SMALL, SMALL)
def test_overlap_is_true_to_the_codes(one: str, two: str) -> None:
    """Over every code of 0, 1 and A that is short enough."""
    first, second = read_pattern(one), read_pattern(two)
    codes = [""]
    for _ in range(max(first.lengths & second.lengths, default=0)):
        codes += [code + letter for code in codes for letter in "01A"]
        codes = sorted(set(codes))
    assert any(first.fits(code) and second.fits(code) for code in codes) is first.overlaps(second)


@pytest.mark.parametrize(
    "source",
    ["", "62", "62 19", "62 19 hex", "62 0 digits", "62 1 digits", "62 3000 digits", "A 8 digits", "1,,2 8 digits",
     "000-999 8 digits", "* 8 printable mod10", "* 8-x digits", "* , digits", "* 9999999999 digits", "62  19 digits"],
)  # fmt: skip
def test_a_pattern_that_says_nothing_usable(source: str) -> None:
    with pytest.raises(PatternError) as caught:
        read_pattern(source)
    assert caught.value.zh


def test_prefixes_that_are_no_range_stand_as_they_are() -> None:
    assert read_pattern("2-1,A-B,7 8 printable").prefixes == ("2-1", "A-B", "7")


# The configuration


def test_a_shop_may_have_its_own_patterns() -> None:
    config = parse_config('[scans]\nmember = ["88 10 digits"]\ncoupon = []\n')
    assert classify(b"8812345678", config.scans.patterns).kind is ScanKind.MEMBER
    assert classify(b"ZGC00001", config.scans.patterns).kind is None


def test_overlapping_patterns_are_a_configuration_error() -> None:
    with pytest.raises(ConfigErrors) as caught:
        parse_config('[scans]\nmember = ["13 18 digits"]\n')
    told = caught.value.text()
    assert '"10-15 18 digits" overlaps "13 18 digits" of member' in told
    assert "重叠" in caught.value.text("zh-CN")
    assert not list(overlaps(PATTERNS))


def test_a_bad_pattern_is_told_with_its_line() -> None:
    with pytest.raises(ConfigErrors, match=r"line 2: scans\.goods: is written"):
        parse_config('[scans]\ngoods = ["anything"]\n')
    with pytest.raises(ConfigErrors, match=r"scans\.goods: must be a list"):
        parse_config('[scans]\ngoods = "* 8 digits"\n')
