"""The acquirer's desk for downloads and activation, seen by a client that is no terminal of ours.

Shows that parts fit field 62 and together are the whole list, that a MAC is asked back for a MAC, and that a desk which
cannot read a request says so.
"""

from __future__ import annotations

import random

import pytest

from keys import KeyScheme
from sim.acquirer.downloads import TEST_CODE, DownloadDesk, parameter
from sim.acquirer.hostkeys import WorkingKeys
from sim.acquirer.requests import Answer, Refused
from terminal.hostlink.codec import Message

KEYS = WorkingKeys(random.Random(5).randbytes, KeyScheme.TDES)


def ask(desk: DownloadDesk, code: str, note: bytes = b"") -> Answer:
    fields: dict[int, str | bytes] = {11: "000007", 60: f"00000001{code}"}
    return desk.answer(Message("0800", {**fields, 62: note} if note else fields), (b"", b""), None)


def f62(answer: Answer) -> bytes:
    value = answer.fields[62]
    assert isinstance(value, bytes)
    return value


def test_parts_fit_and_make_the_whole() -> None:
    desk = DownloadDesk()
    desk.lists.blacklist = [f"{6_225_000_000_000_000 + at}".encode("ascii") for at in range(300)]
    got: list[bytes] = []
    digits: list[bytes] = []
    while not digits or digits[-1] == b"2":
        data = f62(ask(desk, "390", f"1{len(got):02d}".encode("ascii")))
        assert len(data) <= 512
        digits.append(data[:1])
        got += data[1:].split(b",")
    assert got == desk.lists.blacklist
    assert (digits[0], digits[-1]) == (b"2", b"3")


@pytest.mark.parametrize(("code", "names"), [("372", 6), ("382", 5)])
def test_every_name_has_its_entry(code: str, names: int) -> None:
    desk = DownloadDesk()
    told = f62(ask(desk, code, b"100"))
    assert told[:1] == b"1"
    parts = [b"\x9f\x06" + part for part in told[1:].split(b"\x9f\x06")[1:]]
    assert len(parts) == names
    load = {"372": "370", "382": "380"}[code]
    assert all(f62(ask(desk, load, name)).startswith(b"1" + name) for name in parts)
    assert f62(ask(desk, load, parts[0][:-1] + b"\x77")) == b"0"


def test_an_empty_list_is_said_to_be_empty() -> None:
    assert f62(ask(DownloadDesk(), "398", b"100")) == b"0"


@pytest.mark.parametrize(("code", "note", "answer"), [("390", b"", "30"), ("390", b"1x", "30"), ("777", b"100", "40")])
def test_what_cannot_be_read_is_refused(code: str, note: bytes, answer: str) -> None:
    assert ask(DownloadDesk(), code, note).code == answer


def test_a_mac_is_asked_back_for_a_mac() -> None:
    body = b"what the terminal has sent"
    message = Message("0800", {11: "000007", 60: "00000001391", 64: KEYS.mac(body)})
    desk = DownloadDesk()
    assert desk.answer(message, (body, KEYS.mac(body)), KEYS).keys is KEYS
    for wrong, keys in ((b"00000000", KEYS), (KEYS.mac(body), None)):
        with pytest.raises(Refused) as refused:
            desk.answer(message, (body, wrong), keys)
        assert refused.value.answer.code == "A0"
    assert desk.ended == {"391": 1}


def test_a_code_is_one_device_s() -> None:
    desk = DownloadDesk()

    def spend(code: str, serial: str) -> str:
        return desk.activate(Message("0800", {62: parameter("B1", code) + parameter("B2", serial)})).code

    asked = (("1", "A"), (TEST_CODE, ""), (TEST_CODE, "A"), (TEST_CODE, "A"), (TEST_CODE, "B"))
    assert [spend(*each) for each in asked] == ["97", "30", "00", "00", "58"]
    assert desk.activate(Message("0800", {62: b"\xff\xffgarbage"})).code == "30"
