"""What a browser says is checked before any of it reaches a device."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.panel.protocol import CODE_LIMIT, MESSAGE_LIMIT, ProtocolError, parse_do, parse_said, to_line


@pytest.mark.parametrize(
    "message",
    [
        {"do": "press", "key": "00"},
        {"do": "insert", "card": "unionpay-credit-pin"},
        {"do": "swipe", "card": "stripe-debit"},
        {"do": "remove"},
        {"do": "scan", "code": "28 0012 付"},
        {"do": "paper", "state": "cover-open"},
        {"do": "happen", "what": "case", "how": "open"},
        {"do": "pixels"},
        {"do": "power", "on": False},
        {"do": "host", "behaviour": "silent"},
        {"do": "phone", "act": "wallet", "wallet": "alipay"},
        {"do": "phone", "act": "look"},
    ],
)
def test_every_deed_passes_as_it_is(message: dict[str, object]) -> None:
    assert parse_do(json.dumps(message)).wire() == message


@pytest.mark.parametrize(
    "text",
    [
        "",
        "5",
        "[]",
        "null",
        "{}",
        '{"do":5}',
        '{"do":"format"}',
        '{"do":"press"}',
        '{"do":"press","key":"F1"}',
        '{"do":"press","key":["5"]}',
        '{"do":"power","on":1}',
        '{"do":"scan","code":""}',
        '{"do":"scan","code":"\\ud800"}',
        json.dumps({"do": "scan", "code": "9" * (CODE_LIMIT + 1)}),
        '{"do":"phone","act":"call"}',
        '{"do":"phone","act":"wallet"}',
        '{"do":"happen","what":"flood","how":"high"}',
        '{"do":"happen","what":"tear","how":"0"}',
        '{"do":"happen","what":"fault","how":"code,code=123456"}',
        '{"do":"happen","what":"fault","how":"delay,ms=99999999999"}',
        '{"do":"mend","what":"fault"}',
        '{"do":"remove"' + " " * MESSAGE_LIMIT + "}",
        "[" * 3000,
    ],
)
def test_what_is_no_deed_is_refused(text: str) -> None:
    with pytest.raises(ProtocolError):
        parse_do(text)


def test_fields_that_a_deed_does_not_have_go_no_further() -> None:
    assert parse_do('{"do":"press","key":"5","card":"x","do2":1}').wire() == {"do": "press", "key": "5"}


def test_binary_is_refused() -> None:
    with pytest.raises(ProtocolError):
        parse_do(b'{"do":"remove"}')


@given(st.text())
def test_garbage_raises_the_protocol_s_own_error_only(text: str) -> None:
    with pytest.raises(ProtocolError):
        parse_do(text)


@given(st.binary())
def test_garbage_from_the_handheld_raises_the_protocol_s_own_error_only(line: bytes) -> None:
    with pytest.raises(ProtocolError):
        parse_said(line)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), _JSON, max_size=4), st.text())
def test_a_line_comes_back_as_it_went(body: dict[str, object], kind: str) -> None:
    message = {**body, "is": kind}
    line = to_line(message)
    assert line.count(b"\n") == 1 and line.isascii()
    assert parse_said(line) == message
