"""What the documents say is true: links lead somewhere, commands exist, tables and worked examples are the code's."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from host_link_table import HEADS, table_of_kinds

from keys import tdes
from keys.mac import final_block, fold, unionpay_mac
from sim.acquirer.core import MANDATORY
from sim.acquirer.faults import FaultKind
from sim.story import ACTIONS, parse_story
from terminal.config import Config
from terminal.hostlink import messages
from terminal.hostlink.codec import Message, encode
from terminal.hostlink.codes import APPROVING_CODES, RESPONSE_CODES
from terminal.hostlink.fields import FIELDS, Encoding, Prefix
from terminal.hostlink.frame import wrap
from terminal.hostlink.profile import Profile, load_profile
from terminal.hostlink.subfields import OrderState, OrderTag, write_tlv
from terminal.hostlink.transactions import Names
from terminal.model import Money

pytestmark = pytest.mark.slow  # Many small ones: `make test-quick` is to stay quick.

ROOT = Path(__file__).parents[1]
READMES = (ROOT / "README.md", ROOT / "README.zh-CN.md")
DOCUMENTS = [*READMES, *sorted((ROOT / "docs").glob("*.md"))]
HOST_LINK = (ROOT / "docs" / "host-link.md").read_text(encoding="utf-8")
LINKS = re.compile(r"\]\(([^)\s]+)\)|<img src=\"([^\"]+)\"")
# `make X` as a command: in backticks, or a line of its own in an indented block.
MAKES = re.compile(r"(?:`|^ {4})(?:sudo )?make ([a-z-]+)", re.MULTILINE)
CALLS = re.compile(r"(?:`|^ {4}|/)(?:\S*/)?python -m ([^`\n]+)", re.MULTILINE)
HELP_S = 60


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def block(label: str) -> str:
    """The text of the fenced block ```text LABEL in docs/host-link.md."""
    found = re.search(rf"^```text {label}\n(.*?)^```", HOST_LINK, re.MULTILINE | re.DOTALL)
    assert found, f"docs/host-link.md has no example {label}"
    return found[1]


def rows_of(label: str) -> dict[str, str]:
    return dict(line.split() for line in block(label).splitlines())


def table(first_cell: str) -> list[list[str]]:
    """The rows of the table in docs/host-link.md whose heading begins with this cell."""
    after = HOST_LINK.partition(f"\n| {first_cell} |")[2]
    assert after, f"docs/host-link.md has no table {first_cell!r}"
    rows: list[list[str]] = []
    for line in after.splitlines()[2:]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split(" |")])
    return rows


@pytest.mark.parametrize("path", DOCUMENTS, ids=name)
def test_every_relative_link_leads_somewhere(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    targets = [first or second for first, second in LINKS.findall(text)]
    local = [target for target in targets if not re.match(r"[a-z]+:", target)]
    broken = [t for t in local if not (path.parent / t.partition("#")[0]).exists()]
    assert broken == []


def test_every_make_target_named_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {found for path in DOCUMENTS for found in MAKES.findall(path.read_text(encoding="utf-8"))}
    assert len(named) >= 10
    assert named - targets == set()


def calls() -> Iterator[tuple[str, str, frozenset[str]]]:
    """(module, sub-command, options) of each `python -m` of ours that a document shows."""
    for path in DOCUMENTS:
        for found in CALLS.findall(path.read_text(encoding="utf-8")):
            words = shlex.split(found)
            module, rest = words[0], words[1:]
            command = rest[0] if rest and not rest[0].startswith("-") else ""
            yield module, command, frozenset(word for word in rest if word.startswith("--"))


@pytest.mark.parametrize(("module", "command"), sorted({(module, command) for module, command, _ in calls()}))
def test_every_command_named_exists(module: str, command: str) -> None:
    run = [sys.executable, "-m", module, *([command] if command else []), "--help"]
    done = subprocess.run(run, capture_output=True, text=True, timeout=HELP_S, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    options = {option for m, c, found in calls() if (m, c) == (module, command) for option in found}
    assert {option for option in options if option not in done.stdout} == set()


def test_the_readmes_have_the_same_shape() -> None:
    """Headings, code blocks, tables, pictures and links one for one; only the words differ."""
    shapes: list[list[str]] = []
    for path in READMES:
        shape: list[str] = []
        for line in path.read_text(encoding="utf-8").splitlines():
            heading = re.match(r"#+ ", line)
            if heading:
                shape.append(heading[0])
            elif line.startswith("    "):
                shape.append(line)
            elif line.startswith("|"):
                shape += re.findall(r"`[^`]+`", line.split("|")[1])
            elif re.match(r"(\d+\.|-) ", line):
                shape.append("item")
        shapes.append(shape)
    assert shapes[0] == shapes[1]
    assert all("README" in path.read_text(encoding="utf-8").splitlines()[2] for path in READMES)


def test_the_chinese_readme_has_its_own_commas_and_says_what_is_in_english() -> None:
    text = READMES[1].read_text(encoding="utf-8")
    plain = re.sub(r"`[^`]+`", "“”", re.sub(r"(?m)^ {4}.*", "", text))  # Code keeps its commas.
    assert re.findall(r".*[一-鿿”]\s*,.*", plain) == []
    for line in text.replace("\n  ", " ").splitlines():
        documents = re.findall(r"\]\((docs/[a-z-]+\.md)", line)
        assert not documents or "（英文）" in line, documents


def test_the_readme_says_first_what_this_is_not() -> None:
    text = READMES[0].read_text(encoding="utf-8")
    assert text.index("not PCI PTS") < text.index("make run")
    assert "sudo apt install git make python3-venv" in text


# The host link


def test_the_field_table_is_the_code_s() -> None:
    rows: list[list[str]] = []
    for row in FIELDS.values():
        odd = row.encoding in (Encoding.BCD, Encoding.TRACK) and (row.prefix is not Prefix.NONE or row.length % 2)
        prefix = "-" if row.prefix is Prefix.NONE else row.prefix.name.lower()
        padding = row.padding.value if odd else "-"
        rows.append([str(row.number), row.name, row.zh, row.encoding.value, str(row.length), prefix, padding])
    assert table("F") == rows


def test_the_table_of_kinds_is_the_code_s(unionpay: Profile) -> None:
    """After a change of TRANSACTIONS: PYTHONPATH=.:tests python tests/host_link_table.py"""
    assert table(HEADS[0]) == table_of_kinds(unionpay)


def test_what_is_refused_is_said_of_every_kind_that_has_an_original(unionpay: Profile) -> None:
    told = [kind for row in table("kinds") for kind in row[0].split(", ")]
    about = (Names.STAN, Names.DATE)
    assert sorted(told) == sorted(row.kind.value for row in unionpay.transactions.values() if row.names in about)


def test_every_message_that_a_host_must_know_is_in_the_overview() -> None:
    named = {mti for row in table("message") for mti in row[1].split(", ")}
    assert named == set(MANDATORY)


def test_the_response_codes_are_the_code_s() -> None:
    assert table("code") == [
        [row.code, row.zh, row.en, row.kind.value, row.action.value] for row in RESPONSE_CODES.values()
    ]
    sentence = re.search(r"^([0-9A-Z, ]+) and (\w\w) approve\.", HOST_LINK, re.MULTILINE)
    assert sentence and {*sentence[1].split(", "), sentence[2]} == APPROVING_CODES


def test_the_order_tags_and_states_are_the_code_s() -> None:
    tags = {value for key, value in vars(OrderTag).items() if key.isupper()}
    assert {row[0] for row in table("F59 tag")} == tags - {OrderTag.TERMINAL_INFO}
    named = {state for row in table("state") for state in row[0].split(", ")}
    assert named == {state.value for state in OrderState}


def test_the_settings_named_are_the_profile_s(unionpay: Profile) -> None:
    text = " ".join(HOST_LINK.split())
    assert f"F26 is `{unionpay.pin_capture_code}` and F53 `{unionpay.security_control}`" in text
    assert f"tags: {' '.join(unionpay.reversal_f55_tags)}," in text
    seconds = (unionpay.connect_timeout_ms // 1000, unionpay.response_timeout_ms // 1000)
    assert "Connecting may take {} s, an answer {} s".format(*seconds) in text
    assert unionpay.reversal_ending_codes == ("00", "12", "25")


@pytest.fixture(scope="module")
def unionpay() -> Profile:
    return load_profile("unionpay")


TERMINAL = messages.Terminal("898440153110001", "10000001", "000001", "001")


def on_the_wire(message: Message, profile: Profile) -> bytes:
    frame = wrap(encode(message, profile), profile)
    return len(frame).to_bytes(2, "big") + frame


def test_the_sign_in_example_is_what_the_terminal_sends(unionpay: Profile) -> None:
    frame = on_the_wire(messages.sign_in(TERMINAL, unionpay, stan="000001"), unionpay)
    assert bytes.fromhex(block("sign-in")) == frame


def test_the_key_block_example() -> None:
    example = {key: bytes.fromhex(value) for key, value in rows_of("key-block").items()}
    tmk = bytearray(example["TMK"])
    made = b"".join(
        bytes(tdes.encrypt_ecb(tmk, example[usage])) + tdes.check_value(bytearray(example[usage]))
        for usage in ("PIK", "MAK", "TDK")
    )
    assert made == example["F62"]
    assert tdes.check_value(tmk).hex().upper() in HOST_LINK


def test_the_mac_example_step_by_step() -> None:
    example = rows_of("mac")
    key, data = bytearray.fromhex(example["MAK"]), bytes.fromhex(example["data"])
    folded = fold(data)
    text = folded.hex().upper().encode("ascii")
    first = bytes(tdes.encrypt_ecb(key, text[:8]))
    chained = bytes(left ^ right for left, right in zip(first, text[8:], strict=True))
    steps = {"fold": folded, "A": text[:8], "E(A)": first, "B": text[8:], "xor": chained}
    assert {name: example[name] for name in steps} == {name: value.hex().upper() for name, value in steps.items()}
    assert example["result"] == final_block(key, data).hex().upper()
    assert example["F64"] == unionpay_mac(key, data).decode("ascii")
    double = re.search(r"double-length key `([0-9A-F]{32})` gives `([0-9A-F]{8})`", HOST_LINK)
    assert double and unionpay_mac(bytearray.fromhex(double[1]), data).decode("ascii") == double[2]


def test_the_qr_order_example_with_its_mac(unionpay: Profile) -> None:
    order_no = "10000001000001000000020000000000"
    request = messages.qr_order(TERMINAL, unionpay, stan="000005", amount=Money(990), order_no=order_no)
    key = re.search(r"double-length key `([0-9A-F]{32})`", HOST_LINK)
    assert key
    mac = unionpay_mac(bytearray.fromhex(key[1]), messages.mac_range(request, unionpay))
    assert bytes.fromhex(block("qr-order")) == on_the_wire(request.with_fields({64: mac}), unionpay)
    assert request.text(59) == write_tlv({OrderTag.ORDER_NO: order_no})


def test_every_section_that_a_docstring_cites_exists() -> None:
    sections = set(re.findall(r"^## (\d+)\. ", HOST_LINK, re.MULTILINE))
    cited: set[str] = set()
    for room in ("terminal", "keys", "sim"):
        for path in (ROOT / room).rglob("*.py"):
            for spec in re.findall(r"docs/host-link\.md(?: |, )?((?:§\d+(?:[-, ]| to )*)+)", path.read_text("utf-8")):
                cited |= set(re.findall(r"§(\d+)", spec))
    assert {"1", "2", "7", "11"} <= cited <= sections


# The simulator and the Pi


def test_the_story_of_the_simulator_s_page_can_be_read() -> None:
    text = (ROOT / "docs" / "simulator.md").read_text(encoding="utf-8")
    story = re.search(r"^```text\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert story and len(parse_story(story[1])) == 6
    assert {action for action in ACTIONS if f"`{action}" not in text} == set()
    faults = re.findall(r"(?m)^\| ([a-z, -]+) \|", text.partition("\n| kind | what happens |\n")[2])
    assert sorted(", ".join(faults).split(", ")) == sorted(kind.value for kind in FaultKind), "each of them once"


def test_the_wiring_is_the_configuration_s_default() -> None:
    text = (ROOT / "docs" / "raspberry-pi.md").read_text(encoding="utf-8")
    gpio, printer = Config.default().gpio, Config.default().printer
    expected = {
        "keypad rows, top to bottom": ", ".join(map(str, gpio.rows)),
        "keypad columns, left to right": ", ".join(map(str, gpio.columns)),
        "buzzer": str(gpio.buzzer),
        "lamp power": str(gpio.lamp_power),
        "lamp online": str(gpio.lamp_online),
        "lamp card": str(gpio.lamp_card),
        "lamp alert": str(gpio.lamp_alert),
    }
    rows = dict(re.findall(r"^\| ([^|]+?) \| ([^|]+?) \|$", text, re.MULTILINE))
    # The parts list above the wiring has a buzzer, too; the wiring comes later and wins.
    assert {signal: rows.get(signal) for signal in expected} == expected
    assert f"`{printer.device}`, {printer.baud} baud" in text
