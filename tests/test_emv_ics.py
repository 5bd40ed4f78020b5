"""The statement of options: it says what the code does, and a changed major option is another checksum."""

from __future__ import annotations

from dataclasses import replace

import pytest
from emv_card_script import UNIONPAY

from emv import ics
from emv.bits import CvmCapability, SecurityCapability
from emv.ics import StatementError, checksum, configuration, identity, parse_statement, statement
from emv.session import CdaMode, TerminalProfile

PROFILE = TerminalProfile(aids=(UNIONPAY,))
STATED = statement()
# Bits of 9F33, bytes 2 and 3, and the options that speak of them.
CLAIMS = {
    "cvm-plaintext-pin": (1, CvmCapability.PLAINTEXT_PIN),
    "cvm-online-pin": (1, CvmCapability.ONLINE_PIN),
    "cvm-signature": (1, CvmCapability.SIGNATURE),
    "cvm-enciphered-pin": (1, CvmCapability.ENCIPHERED_PIN),
    "cvm-none": (1, CvmCapability.NO_CVM),
    "cvm-biometric": (1, CvmCapability.OFFLINE_BIOMETRIC),
    "cvm-enciphered-pin-ecc": (1, CvmCapability.ENCIPHERED_PIN_ECC),
    "sda": (2, SecurityCapability.SDA),
    "dda": (2, SecurityCapability.DDA),
    "cda": (2, SecurityCapability.CDA),
    "xda": (2, SecurityCapability.XDA),
}


def with_answer(word: str, answer: str) -> ics.Statement:
    options = tuple(replace(option, answer=answer) if option.word == word else option for option in STATED.options)
    return replace(STATED, options=options)


@pytest.mark.parametrize("word", CLAIMS)
def test_the_statement_says_no_just_where_9f33_may_not_claim(word: str) -> None:
    place, bit = CLAIMS[word]
    capabilities = bytearray(bytes.fromhex("E00000"))
    capabilities[place] |= bit
    stated = next(option.answer for option in STATED.options if option.word == word)
    try:
        profile = TerminalProfile(aids=(UNIONPAY,), capabilities=bytes(capabilities))
    except ValueError:
        assert stated == "no"
        return
    assert stated == "profile"
    assert configuration(STATED, profile)[word] == "yes"
    assert configuration(STATED, replace(profile, capabilities=bytes.fromhex("E00000")))[word] == "no"


FIXED = [option for option in STATED.options if option.answer != "profile"]


@pytest.mark.parametrize("option", FIXED, ids=lambda option: option.word)
def test_a_changed_major_option_changes_the_checksum_and_another_does_not(option: ics.Option) -> None:
    other = "no" if option.answer == "yes" else "yes"
    assert (checksum(with_answer(option.word, other), PROFILE) != checksum(STATED, PROFILE)) is option.major


@pytest.mark.parametrize(
    ("change", "differs"),
    [
        ({"terminal_type": 0x22}, True),
        ({"capabilities": bytes.fromhex("E068C8")}, True),
        ({"cda_mode": CdaMode.MODE_3}, True),
        ({"pin_bypass": True}, True),
        ({"cardholder_choice": False}, True),
        ({"card_log": True}, True),
        ({"additional_capabilities": bytes.fromhex("F000F0A001")}, True),
        ({"languages": ("zh",)}, False),  # Minor, as are the alphabets of 9F40.
        ({"additional_capabilities": bytes.fromhex("7000F0A003")}, False),
        ({"merchant_no": "104110070110001", "country": "840"}, False),  # No option of the kernel.
        ({"aids": ()}, False),
    ],
)
def test_the_profile_is_part_of_a_configuration(change: dict[str, object], differs: bool) -> None:
    assert (checksum(STATED, replace(PROFILE, **change)) != checksum(STATED, PROFILE)) is differs  # type: ignore[arg-type]


def test_the_order_of_the_file_does_not_count_and_the_version_does() -> None:
    assert checksum(replace(STATED, options=STATED.options[::-1]), PROFILE) == checksum(STATED, PROFILE)
    assert checksum(replace(STATED, version="2"), PROFILE) != checksum(STATED, PROFILE)


def test_who_the_kernel_is_fits_a_panel() -> None:
    """Sixteen characters, of which the tick of a check takes three."""
    name = identity(PROFILE)
    assert name == f"EMV{STATED.version} {checksum(STATED, PROFILE)}"
    assert len(name) <= 13


HEAD = 'kernel = "K"\nversion = "1"\nbooks = "B"\n'
ROW = '[[option]]\nword = "a"\nsection = "s"\nen = "e"\nzh = "z"\n'


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("kernel = ", "Invalid value"),
        ("", "kernel, version and books"),
        (HEAD, "there are options"),
        (HEAD + (ROW + 'answer = "yes"\nmajor = true\n') * 2, "none comes twice"),
        (HEAD + ROW + 'answer = "yes"\n', "a: unknown keys, or major"),
        (HEAD + ROW + 'answer = "yes"\nmajor = true\nextra = 1\n', "a: unknown keys"),
        (HEAD + ROW + 'answer = "maybe"\nmajor = true\n', "a: word, section"),
        (HEAD + ROW + 'answer = "no"\nmajor = true\n', "a: a no has its reason"),
        (HEAD + ROW + 'answer = "no"\nmajor = true\nwhy = "w"\n', "a: a no has its reason"),
        (HEAD + ROW + 'answer = "yes"\nmajor = true\nwhy = "w"\nwhy_zh = "w"\n', "a: a no has its reason"),
        (HEAD + ROW + 'answer = "profile"\nmajor = true\n', "a: the profile answers"),
    ],
)
def test_what_is_no_statement(text: str, reason: str) -> None:
    with pytest.raises(StatementError, match=reason):
        parse_statement(text)


def test_each_option_is_said_in_both_languages() -> None:
    for option in STATED.options:
        assert option.en.isascii() and not option.zh.isascii()
        assert option.why.isascii() and not (option.why_zh and option.why_zh.isascii())
