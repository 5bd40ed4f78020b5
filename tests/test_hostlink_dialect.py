"""The second dialect on the wire: its profile, its framing over real TCP, and one DUKPT transaction a message."""

from __future__ import annotations

import queue
from pathlib import Path

import pytest

from drivers.link import FrameReader, TcpLink, length_prefix
from drivers.ports import LinkClosed, LinkFrame
from keys import KeyRefused, KeyStore, MacMethod, Pin
from sim.acquirer import Acquirer
from sim.acquirer.server import AcquirerServer
from terminal.flows.key_loading import laboratory_serial
from terminal.hostlink import messages
from terminal.hostlink.codec import FrameError, Message, decode, encode
from terminal.hostlink.frame import unwrap, wrap
from terminal.hostlink.profile import PROFILES, ProfileError, load_profile, parse_profile
from terminal.hostlink.reply import VerdictKind, check_reply

PROFILE = load_profile("iso8583-1987-ascii")
SHIPPED = (PROFILES / "iso8583-1987-ascii.toml").read_text(encoding="utf-8")
TERMINAL = messages.Terminal("898440153110001", "10000001", "000001")
PAN = "6225000000000014"


class Memory:
    """Counters that outlive a test's store."""

    def __init__(self) -> None:
        self.values: dict[str, int] = {}

    def last(self, name: str) -> int:
        return self.values.get(name, 0)

    def advance(self, name: str, value: int) -> None:
        self.values[name] = value


@pytest.fixture
def keys(tmp_path: Path) -> KeyStore:
    store = KeyStore.open(tmp_path / "keys", terminal_id="dialect", counters=Memory())
    store.load_test_initial_key(laboratory_serial("10000001"))
    return store


# The profile


def test_it_says_how_it_differs_and_nothing_else() -> None:
    base = load_profile("unionpay")
    assert (PROFILE.tpdu, PROFILE.header, PROFILE.length_digits) == ("", "", 4)
    assert PROFILE.reversal_ending_codes == base.reversal_ending_codes
    assert PROFILE.transactions == base.transactions
    assert PROFILE.dukpt and not base.dukpt


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('based_on = "unionpay"', 'based_on = "visa"', "based_on"),
        ("ksn_field = 53", "ksn_field = 42", "keys.ksn_field"),
        ("length = 20", "length = 16", "keys.ksn_field"),
        ('mac = "x9.19"', 'mac = "unionpay"', "keys.mac"),
        ("mac_bytes = 8", "mac_bytes = 6", "keys.mac_bytes"),
        ("ksn_field = 53", 'ksn_field = 53\ncipher = "sm4"', "keys.cipher"),
        ("ksn_field = 53", 'ksn_field = 53\ntmk_download = "401"', "keys.tmk_download"),
        ('digits = "ascii"', 'digits = "ebcdic"', "frame.digits"),
    ],
)
def test_what_does_not_go_together_is_named(old: str, new: str, key: str) -> None:
    assert old in SHIPPED
    with pytest.raises(ProfileError) as caught:
        parse_profile(SHIPPED.replace(old, new), source="mine.toml")
    assert key in [problem[1] for problem in caught.value.problems]


def test_a_cmac_needs_dukpt() -> None:
    with pytest.raises(ProfileError, match="needs keys.ksn_field"):
        parse_profile('based_on = "unionpay"\n[keys]\nmac = "cmac"\n', source="mine.toml")


# The frame


def test_a_frame_is_its_body() -> None:
    body = encode(messages.sign_in(TERMINAL, PROFILE, stan="000001"), PROFILE)
    assert wrap(body, PROFILE) == body
    assert unwrap(body, PROFILE).body == body
    assert body == b"0800" + b"0020000000C00012" + b"00000110000001898440153110001" + b"01100000001001" + b"003001"


@pytest.mark.parametrize(
    ("body", "field", "offset", "reason"),
    [
        (b"08", 0, 0, "cut short"),
        (b"08x0", 0, 0, "not ASCII digits"),
        (b"0800" + b"00200000", 1, 12, "bitmap"),
        (b"0800" + b"002000000000000g", 1, 4, "hex bitmap"),
        (b"0800" + b"002000000000000a", 1, 4, "hex bitmap"),
        (b"0800" + b"8020000000000000", 1, 4, "bit 1"),
        (b"0800" + b"0020000000000000" + b"00000", 11, 20, "cut short"),
        (b"0800" + b"0020000000000000" + b"00000x", 11, 20, "character"),
        (b"0800" + b"0000000000000001" + b"AB" * 7 + b"ab", 64, 20, "character"),
    ],
)
def test_a_broken_rule_is_refused_with_its_place(body: bytes, field: int, offset: int, reason: str) -> None:
    with pytest.raises(FrameError, match=reason) as fault:
        decode(body, PROFILE)
    assert (fault.value.field, fault.value.offset) == (field, offset)


def test_four_digits_before_each_frame() -> None:
    reader = FrameReader(digits=4)
    assert reader.take(b"0003abc00") == (b"abc",)
    assert reader.take(b"02de0000") == (b"de",)
    assert not reader.inside
    for bad in (b"00x1a", b"9999", b"-001"):
        with pytest.raises(ValueError):
            FrameReader(digits=4).take(bad)


def test_over_real_tcp(keys: KeyStore) -> None:
    """The log-on of this dialect: to the simulated acquirer's port and back, authenticated both ways."""
    events: queue.Queue[LinkFrame | LinkClosed] = queue.Queue()
    request = messages.with_mac(messages.sign_in(TERMINAL, PROFILE, stan="000001"), keys, PROFILE)
    with AcquirerServer(Acquirer(profile=PROFILE)) as server:
        link = TcpLink("127.0.0.1", server.port, length_digits=PROFILE.length_digits)
        link.watch(events.put)
        link.connect(5_000)
        link.send(wrap(encode(request, PROFILE), PROFILE), 5_000)
        event = events.get(timeout=5)
        link.close()
    assert isinstance(event, LinkFrame)
    assert check_reply(request, decode(event.data, PROFILE), keys, PROFILE).kind is VerdictKind.APPROVED


def test_a_peer_with_another_length_is_hung_up_on() -> None:
    events: queue.Queue[LinkFrame | LinkClosed] = queue.Queue()
    with AcquirerServer(Acquirer(profile=PROFILE)) as server:
        link = TcpLink("127.0.0.1", server.port)
        link.watch(events.put)
        link.connect(5_000)
        link.send(b"0800", 5_000)
        assert isinstance(events.get(timeout=5), LinkClosed)
        link.close()


def test_the_log_on_is_the_documents(keys: KeyStore) -> None:
    text = (Path(__file__).parents[1] / "docs" / "host-link.md").read_text(encoding="utf-8")
    shown = text.partition("```text ascii-log-on\n")[2].partition("```")[0].replace(" ", "").strip().encode("ascii")
    body = encode(
        messages.with_mac(messages.sign_in(TERMINAL, PROFILE, stan="000001"), keys, PROFILE), PROFILE
    )
    assert length_prefix(len(body), PROFILE.length_digits) + body == shown


# One transaction a message


def asked(pin_block: bytes = b"") -> Message:
    fields: dict[int, str | bytes] = {3: "000000", 11: "000042"}
    return Message("0200", fields | ({52: pin_block} if pin_block else {}))


def test_pin_and_mac_are_of_one_transaction(keys: KeyStore) -> None:
    block = keys.messages.pin_block(Pin.of("123456"), PAN)
    first = messages.with_mac(asked(block), keys, PROFILE)
    second = messages.with_mac(asked(), keys, PROFILE)
    assert (first.text(53)[-1:], second.text(53)[-1:]) == ("1", "2")
    assert first.binary(64) != second.binary(64)


def test_a_message_in_between_does_not_spend_the_pins_transaction(keys: KeyStore) -> None:
    block = keys.messages.pin_block(Pin.of("123456"), PAN)
    reversal = messages.with_mac(asked(), keys, PROFILE)
    sold = messages.with_mac(asked(block), keys, PROFILE)
    assert (reversal.text(53)[-1:], sold.text(53)[-1:]) == ("2", "1")


def test_a_pin_block_goes_with_its_own_transaction_or_not_at_all(keys: KeyStore) -> None:
    block = keys.messages.pin_block(Pin.of("123456"), PAN)
    messages.with_mac(asked(block), keys, PROFILE)
    with pytest.raises(KeyRefused, match="typed again"):
        messages.with_mac(asked(block), keys, PROFILE)
    other = keys.messages.pin_block(Pin.of("123456"), PAN)
    keys.messages.pin_block(Pin.of("123456"), PAN)
    with pytest.raises(KeyRefused, match="typed again"):
        messages.with_mac(asked(other), keys, PROFILE)


def test_nobody_answers_what_was_not_asked(keys: KeyStore) -> None:
    with pytest.raises(KeyRefused):
        keys.messages.mac_ok(b"", bytes(8), MacMethod.X9_19)
    messages.with_mac(asked(), keys, PROFILE)
    keys.messages.wipe()
    with pytest.raises(KeyRefused):
        keys.messages.mac_ok(b"", bytes(8), MacMethod.X9_19)
    assert repr(keys.messages) == "DukptMessages(…)"


def test_a_pin_that_makes_no_block_leaves_no_keys(keys: KeyStore) -> None:
    with pytest.raises(KeyRefused):
        keys.messages.pin_block(Pin.of("12"), PAN)
    assert keys.messages._typed is None


def test_ready_means_the_initial_key(keys: KeyStore, tmp_path: Path) -> None:
    assert messages.keys_ready(keys, PROFILE)
    assert not messages.keys_ready(keys, load_profile("unionpay"))
    assert not messages.keys_ready(KeyStore.open(tmp_path / "other", terminal_id="x"), PROFILE)
