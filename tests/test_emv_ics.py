"""The statement of options: it says what the code does, and a changed major option is another checksum.

And the version: what the kernel decides is held to a digest, so that it cannot change under the same number.
"""

from __future__ import annotations

import hashlib
import random
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from emv_card_script import UNIONPAY

sys.path.insert(0, str(Path(__file__).parent / "fuzz"))

from kernel_card import Run, honest_inputs, run_kernel  # its folder is no package: the fuzzer runs it as it stands

from emv import ics
from emv.bits import CvmCapability, SecurityCapability
from emv.commands import Transceive
from emv.ics import StatementError, checksum, configuration, identity, parse_statement, statement
from emv.profile import CdaMode, TerminalProfile
from emv.rules import RULES
from emv.trace import Decision, Ending, Exchange

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
    assert checksum(replace(STATED, version="0"), PROFILE) != checksum(STATED, PROFILE)


def test_who_the_kernel_is_fits_a_panel() -> None:
    """Sixteen characters, of which the tick of a check takes three."""
    name = identity(PROFILE)
    assert name == f"EMV{STATED.version} {checksum(STATED, PROFILE)}"
    assert len(name) <= 13


# The version

VERSIONS = Path(__file__).parent / "vectors" / "kernel_versions.toml"
DIGEST_DIGITS = 16
ODD_SESSIONS, ODD_BYTES = 500, 80


def rules_and_options() -> Iterator[str]:
    """What the kernel can decide, and what it says that it has; not the sentences in either language."""
    for rule in RULES.values():
        yield f"{rule.word} {rule.step} {rule.verdict.value}"
    for option in STATED.options:
        yield f"{option.word} {option.answer} {option.major}"


def decided(run: Run) -> Iterator[str]:
    """What it does in one session: the commands' headers, every decision with the bits that it moves, the end."""
    for item in run.session.trace:
        match item:
            case Exchange(Transceive(capdu), _):
                yield capdu[:4].hex()
            case Exchange(request, _):
                yield type(request).__name__
            case Decision(rule, _, _, sets, clears):
                yield f"{rule.word} {bytes(sets or b'').hex()} {bytes(clears).hex()}"
            case Ending(result, reason, _):
                yield f"{result.value} {reason}"


@pytest.mark.slow  # Eight hundred sessions.
def test_a_kernel_that_decides_otherwise_is_another_version() -> None:
    """Test cards in every kind of terminal, and cards that answer oddly. A finer change is the cases' to notice."""
    dice = random.Random("cards that answer oddly")
    inputs = (*honest_inputs(), *(dice.randbytes(ODD_BYTES) for _ in range(ODD_SESSIONS)))
    lines = [*sorted(rules_and_options()), *(line for data in inputs for line in decided(run_kernel(data)))]
    digest = hashlib.sha256("\n".join(lines).encode("utf-8")).hexdigest()[:DIGEST_DIGITS].upper()
    versions = tomllib.loads(VERSIONS.read_text(encoding="utf-8"))["versions"]
    newest = max(versions, key=int)
    assert STATED.version == newest
    assert versions[newest] == digest, (
        f"the kernel (or what the fuzzer's cards do) is not what it was in version {newest}: raise `version` in "
        f'emv/ics.toml and write {int(newest) + 1} = "{digest}" under it in {VERSIONS.name}'
    )


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
