"""Remote loading: what the host signed for this terminal's open request loads once, and nothing else does.

The two sides are written apart; the worked example was checked with OpenSSL's command line and psec.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from hypothesis import given
from hypothesis import strategies as st
from test_keys_memory import memory_of

from keys import KeyRefused, blocks
from keys.block_header import Exportability, Header, KeyUsage, Version
from keys.remote import (
    NONCE_LIFE_S,
    OPEN_REQUEST,
    PRIVATE_KEY,
    TOKEN_LIMIT_BYTES,
    RemoteLoading,
    Token,
    fingerprint,
    load_public_key,
    public_bytes,
    read_token,
)
from keys.testkeys import TEST_TMK
from keys.usage import Algorithm, Mode
from keys.vault import Label, Place, Record, Vault
from sim.key_host import NEVER_ASKED, KeyHost

pytestmark = pytest.mark.slow  # RSA of 3072 bits: half a second each.

ROOT = Path(__file__).parent.parent
EXAMPLE: dict[str, Any] = json.loads((Path(__file__).parent / "vectors" / "keys_remote.json").read_text("utf-8"))
DEVICE: str = EXAMPLE["device"]
NONCE = bytes.fromhex(EXAMPLE["nonce"])
NOW: int = EXAMPLE["asked_s"]
REQUEST, TOKEN = bytes.fromhex(EXAMPLE["request"]), bytes.fromhex(EXAMPLE["token"])
TMK_HEADER = Header(Version.D, KeyUsage("K0"), Algorithm.TDES, Mode.DECRYPT)
REFUSED = "the key token does not open"


def private(name: str) -> rsa.RSAPrivateKey:
    key = serialization.load_der_private_key(bytes.fromhex(EXAMPLE["private_keys"][name]), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


HOST, OTHER, SHORT, THREE = (private(name) for name in ("host", "other", "short", "three"))
HOST_PUBLIC = public_bytes(HOST.public_key())


class MemoryDrawer:
    """Records without a disk; after `cut_in` more effects the power is gone, before or after the effect."""

    def __init__(self) -> None:
        self.kept: dict[Place, bytes] = {}
        self.cut_in: int | None = None

    def find(self, place: Place) -> Record | None:
        return Record(Label(place[0], "0", "N", place[1]), 0, b"", self.kept[place]) if place in self.kept else None

    def open_record(self, record: Record) -> bytearray:
        return bytearray(record.sealed)

    def put(self, secrets: list[tuple[Label, int, bytearray]]) -> None:
        self.effect(lambda: self.kept.update({label.place: bytes(secret) for label, _, secret in secrets}))

    def drop(self, places: list[Place]) -> None:
        self.effect(lambda: [self.kept.pop(place, None) for place in places])

    def effect(self, change: Callable[[], object]) -> None:
        if self.cut_in is not None:
            self.cut_in -= 1
            if self.cut_in == 0:
                raise OSError("power")
        change()
        if self.cut_in is not None:
            self.cut_in -= 1
            if self.cut_in == 0:
                raise OSError("power")


def terminal(drawer: MemoryDrawer | None = None, *, device: str = DEVICE, key: str = "terminal") -> RemoteLoading:
    drawer = drawer or MemoryDrawer()
    drawer.kept.setdefault(PRIVATE_KEY.place, bytes.fromhex(EXAMPLE["private_keys"][key]))
    return RemoteLoading(drawer, device=device, random=lambda count: NONCE[:count])


PUBLIC = terminal().public_key()


def host(signing_key: rsa.RSAPrivateKey = HOST, public: bytes = PUBLIC) -> KeyHost:
    return KeyHost(signing_key, {DEVICE: fingerprint(public)})


def asked(remote: RemoteLoading) -> RemoteLoading:
    remote.begin(HOST_PUBLIC, NOW)
    return remote


def refused(remote: RemoteLoading, token: bytes, now_s: int = NOW + 1) -> bool:
    """Whether it is refused in the one way there is."""
    with pytest.raises(KeyRefused) as told:
        remote.accept(token, now_s)
    return (type(told.value), str(told.value), told.value.__context__) == (KeyRefused, REFUSED, None)


def resigned(token: Token, signing_key: rsa.RSAPrivateKey = HOST, **changes: bytes) -> bytes:
    """The token with other parts, signed again: what only the host itself could send."""
    changed = replace(token, **changes)  # type: ignore[arg-type]  # Only parts of bytes are changed.
    said = (
        b"ZGT1"
        + bytes([len(changed.device)])
        + changed.device
        + changed.nonce
        + changed.fingerprint
        + len(changed.header).to_bytes(2, "big")
        + changed.header
        + bytes([len(changed.kcv)])
        + changed.kcv
        + len(changed.encrypted).to_bytes(2, "big")
        + changed.encrypted
        + len(changed.block).to_bytes(2, "big")
        + changed.block
    )
    signature = signing_key.sign(said, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())
    return said + len(signature).to_bytes(2, "big") + signature


# What works


def test_the_worked_example() -> None:
    remote = asked(terminal())
    assert REQUEST[: -384 - 2] == remote.begin(HOST_PUBLIC, NOW)[: -384 - 2]  # PSS has a random salt.
    assert host().read(REQUEST).nonce == NONCE
    found = remote.accept(TOKEN, NOW)
    assert found.key == TEST_TMK == bytes.fromhex(EXAMPLE["key"])
    assert (found.header.usage.code, found.header.algorithm, found.header.mode_of_use) == (
        "K0",
        Algorithm.TDES,
        Mode.DECRYPT,
    )
    assert read_token(TOKEN).kcv.hex().upper() == EXAMPLE["kcv"]


@pytest.mark.parametrize(
    ("header", "key"),
    [
        (TMK_HEADER, bytes(range(0, 48, 2))),
        (Header(Version.D, KeyUsage("K1"), Algorithm.AES, Mode.DECRYPT), bytes(range(16))),
        (Header(Version.D, KeyUsage("K0"), Algorithm.SM4, Mode.DECRYPT), bytes(range(16))),
        (Header(Version.D, KeyUsage("B1"), Algorithm.AES, Mode.DERIVE, "01", Exportability.NONE), bytes(range(16))),
    ],
)
def test_each_kind_of_key_from_host_to_vault(header: Header, key: bytes, tmp_path: Path) -> None:
    """With the real vault, opened again between request and token: a restart closes nothing."""
    folder = tmp_path / "keys"
    vault = Vault(folder, terminal_id="T", random=os.urandom)
    vault.put([(PRIVATE_KEY, 0, bytearray.fromhex(EXAMPLE["private_keys"]["terminal"]))])
    request = RemoteLoading(vault, device=DEVICE, random=os.urandom).begin(HOST_PUBLIC, NOW)
    token = host().answer(request, header, bytearray(key))
    again = RemoteLoading(
        Vault(folder, terminal_id="T", random=os.urandom), device=DEVICE, random=os.urandom
    )
    found = again.accept(token, NOW + NONCE_LIFE_S - 1)
    assert (found.key, found.header.usage, found.header.key_version) == (key, header.usage, header.key_version)
    third = RemoteLoading(
        Vault(folder, terminal_id="T", random=os.urandom), device=DEVICE, random=os.urandom
    )
    assert refused(third, token)


def test_the_terminals_key_is_made_once(tmp_path: Path) -> None:
    vault = Vault(tmp_path / "keys", terminal_id="T", random=os.urandom)
    remote = RemoteLoading(vault, device=DEVICE, random=os.urandom)
    with pytest.raises(KeyRefused, match="make one first"):
        remote.public_key()
    remote.make_key()
    made = remote.public_key()
    remote.make_key()
    assert remote.public_key() == made
    assert load_public_key(made).key_size == 3072
    with pytest.raises(KeyRefused, match="3072"):
        remote.make_key(2048)


# What does not


def test_a_token_opens_once() -> None:
    remote = asked(terminal())
    remote.accept(TOKEN, NOW)
    assert refused(remote, TOKEN)
    remote.begin(HOST_PUBLIC, NOW)  # The same nonce can only come from this test's source of randomness.
    assert remote.accept(TOKEN, NOW).key == TEST_TMK


def test_a_token_without_a_request_is_refused() -> None:
    assert refused(terminal(), TOKEN)
    remote = asked(terminal())
    remote.abandon()
    assert refused(remote, TOKEN)


def test_a_new_request_closes_the_one_before() -> None:
    drawer = MemoryDrawer()
    remote = asked(terminal(drawer))
    RemoteLoading(drawer, device=DEVICE, random=lambda count: bytes(count)).begin(HOST_PUBLIC, NOW)
    assert refused(remote, TOKEN)


@pytest.mark.parametrize(("at", "good"), [(NOW - 1, False), (NOW, True), (NOW + NONCE_LIFE_S, False)])
def test_a_request_expires_and_a_clock_set_back_does_not_help(at: int, good: bool) -> None:
    remote = asked(terminal())
    if good:
        assert remote.accept(TOKEN, at).key == TEST_TMK
        return
    assert refused(remote, TOKEN, at)
    assert refused(remote, TOKEN, NOW), "it is spent all the same"


def test_another_device_or_another_rsa_key_is_refused() -> None:
    assert refused(asked(terminal(device="ZG-000043")), TOKEN)
    assert refused(asked(terminal(key="other")), TOKEN)


def test_another_host_is_refused() -> None:
    remote = terminal()
    request = remote.begin(HOST_PUBLIC, NOW)
    assert refused(remote, host(OTHER).answer(request, TMK_HEADER, bytearray(TEST_TMK)))
    assert remote.accept(TOKEN, NOW).key == TEST_TMK, "what the host did not sign closes nothing"


@pytest.mark.parametrize(
    "changes",
    [
        {"device": b"ZG-000043"},
        {"nonce": bytes(32)},
        {"fingerprint": bytes(32)},
        {"header": b"D0112P0TD00N0000"},
        {"header": EXAMPLE["header"].encode().lower()},
        {"kcv": b"\x08\xd7\xb5"},
        {"kcv": b"\x08\xd7\xb4\xfb"},
        {"block": EXAMPLE["block"].replace("K0TD", "P0TE").encode()},
        {"block": EXAMPLE["block"].replace("K0TD", "P0TE").encode(), "header": b"D0112P0TE00N0000"},
        {"block": EXAMPLE["block"].lower().encode()},
        {"block": b"\xff" * 112},
        {"encrypted": bytes(384)},
        {"encrypted": b"\x01"},
    ],
    ids=lambda changes: "+".join(changes),
)
def test_a_part_that_does_not_fit_is_refused_even_if_the_host_signed_it(changes: dict[str, bytes]) -> None:
    assert refused(asked(terminal()), resigned(read_token(TOKEN), **changes))


def test_a_key_under_rsa_is_bound_to_what_was_said_before_it() -> None:
    """Key and block of one token cannot be put into another one, with another header or for another request."""
    remote = asked(terminal())
    header = replace(TMK_HEADER, usage=KeyUsage("P0"), mode_of_use=Mode.ENCRYPT)
    other = read_token(host().answer(REQUEST, header, bytearray(TEST_TMK)))
    spliced = resigned(read_token(TOKEN), encrypted=other.encrypted, block=other.block)
    assert refused(remote, spliced)
    asked(remote)
    assert refused(remote, resigned(read_token(TOKEN), header=other.header, block=other.block))
    asked(remote)
    assert remote.accept(resigned(read_token(TOKEN)), NOW).key == TEST_TMK, "signed again unchanged, it opens"


@pytest.mark.parametrize("version", [Version.B, Version.E])
def test_a_block_of_another_version_is_refused(version: Version) -> None:
    header = replace(TMK_HEADER, version=version)
    with pytest.raises(KeyRefused, match="version D"):
        host().answer(REQUEST, header, bytearray(TEST_TMK))
    block = blocks.wrap(bytearray.fromhex(EXAMPLE["kbpk"]), header, bytearray(TEST_TMK[:8] * 2), bytes)
    parts = {"block": block.encode(), "header": block[:16].encode()}
    assert refused(asked(terminal()), resigned(read_token(TOKEN), **parts))


def test_no_key_goes_under_weaker_rsa() -> None:
    """RSA of 3072 bits has the strength of AES-128. Spec: NIST SP 800-57 part 1, table 2."""
    header = Header(Version.D, KeyUsage("K1"), Algorithm.AES, Mode.DECRYPT)
    for size in (24, 32):
        with pytest.raises(KeyRefused, match="weaker"):
            host().answer(REQUEST, header, bytearray(range(size)))


@pytest.mark.parametrize("public", [SHORT, THREE], ids=["2048 bits", "exponent 3"])
def test_weak_rsa_is_refused_on_both_sides(public: rsa.RSAPrivateKey) -> None:
    der = public_bytes(public.public_key())
    with pytest.raises(KeyRefused, match="3072"):
        terminal().begin(der, NOW)
    drawer = MemoryDrawer()
    name = "short" if public is SHORT else "three"
    request = terminal(drawer, key=name).begin(HOST_PUBLIC, NOW)
    with pytest.raises(KeyRefused, match=NEVER_ASKED):
        host(public=der).answer(request, TMK_HEADER, bytearray(TEST_TMK))


@pytest.mark.parametrize(
    "der", [b"", b"garbage", HOST_PUBLIC[:-1], HOST_PUBLIC + b"\x00", bytes(5_000)], ids=lambda der: str(len(der))
)
def test_what_is_no_public_key_is_refused(der: bytes) -> None:
    with pytest.raises(KeyRefused, match="no RSA public key"):
        terminal().begin(der, NOW)


@pytest.mark.parametrize("device", ["", "x" * 33, "é", "a\n"])
def test_what_is_no_device_number_is_refused(device: str) -> None:
    with pytest.raises(KeyRefused, match="device number"):
        RemoteLoading(MemoryDrawer(), device=device, random=os.urandom)


# Bytes


def test_every_byte_of_a_token_counts() -> None:
    remote = asked(terminal())
    for place in range(len(TOKEN)):
        altered = TOKEN[:place] + bytes([TOKEN[place] ^ 1 << place % 8]) + TOKEN[place + 1 :]
        assert refused(remote, altered), place
    assert remote.accept(TOKEN, NOW).key == TEST_TMK, "none of them closed the request"


def test_a_cut_or_longer_token_is_refused() -> None:
    remote = asked(terminal())
    for altered in (*(TOKEN[:size] for size in range(0, len(TOKEN), 7)), TOKEN + b"\x00", TOKEN * 9):
        assert refused(remote, altered)


def test_every_byte_of_a_request_counts() -> None:
    desk = host()
    for place in range(len(REQUEST)):
        altered = REQUEST[:place] + bytes([REQUEST[place] ^ 1 << place % 8]) + REQUEST[place + 1 :]
        with pytest.raises(KeyRefused, match=NEVER_ASKED):
            desk.read(altered)


def test_the_host_knows_a_terminal_by_its_number_and_its_key() -> None:
    for terminals in ({}, {"ZG-000043": fingerprint(PUBLIC)}, {DEVICE: fingerprint(HOST_PUBLIC)}):
        with pytest.raises(KeyRefused, match=NEVER_ASKED):
            KeyHost(HOST, terminals).read(REQUEST)


PATIENT = asked(terminal())


@given(st.binary(max_size=400), st.booleans())
def test_garbage_is_refused_in_the_same_words(data: bytes, begins_well: bool) -> None:
    assert refused(PATIENT, (b"ZGT1" if begins_well else b"") + data)
    with pytest.raises(KeyRefused, match=NEVER_ASKED):
        host().read((b"ZGR1" if begins_well else b"") + data)


def test_a_token_over_the_limit_is_not_read() -> None:
    assert refused(asked(terminal()), b"ZGT1" + bytes(TOKEN_LIMIT_BYTES))


# Power cuts


@pytest.mark.parametrize(
    ("cut", "opens"),
    [(1, 0), (2, 1), (3, 1), (4, 0)],
    ids=["before the request is kept", "after it", "before the nonce is spent", "after it"],
)
def test_a_power_cut_never_lets_a_token_open_twice(cut: int, opens: int) -> None:
    drawer = MemoryDrawer()
    remote = terminal(drawer)
    drawer.cut_in = cut
    with pytest.raises(OSError, match="power"):
        asked(remote).accept(TOKEN, NOW)
    drawer.cut_in = None
    for turn in range(2):
        remote = terminal(drawer)
        if turn < opens:
            assert remote.accept(TOKEN, NOW).key == TEST_TMK
        else:
            assert refused(remote, TOKEN)
        assert OPEN_REQUEST.place not in drawer.kept


# Memory

CHILD = """
import os, sys
from pathlib import Path
from keys.remote import RemoteLoading
from keys.vault import Vault

vault = Vault(Path(sys.argv[1]), terminal_id="T", random=os.urandom)
remote = RemoteLoading(vault, device=sys.argv[2], random=os.urandom)
sys.stdout.buffer.write(remote.begin(bytes.fromhex(sys.argv[3]), 1000000))
sys.stdout.buffer.flush()
token = os.read(0, 4096)
opened = remote.accept(token, 1000000)
opened.wipe()
print("done", flush=True)
os.read(0, 1)
"""


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs /proc/PID/mem (Linux)")
def test_the_key_leaves_no_copy_and_what_rsa_leaves_is_counted(tmp_path: Path, record_property: Any) -> None:
    """The loaded key: none. The RSA key is in the library's memory, which nobody wipes: counted, not promised."""
    vault = Vault(tmp_path / "keys", terminal_id="T", random=os.urandom)
    vault.put([(PRIVATE_KEY, 0, bytearray.fromhex(EXAMPLE["private_keys"]["terminal"]))])
    secret, kbpk = bytes(range(0x91, 0xA1)), bytes((91 * place + 5) % 256 for place in range(16))
    prime = private("terminal").private_numbers().p
    desk = KeyHost(HOST, {DEVICE: fingerprint(PUBLIC)}, lambda count: (kbpk * 4)[:count])
    command = [sys.executable, "-c", CHILD, str(tmp_path / "keys"), DEVICE, HOST_PUBLIC.hex()]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, bufsize=0) as child:
        if child.stdin is None or child.stdout is None:
            pytest.fail("the child has no pipes")
        request = os.read(child.stdout.fileno(), 4096)
        child.stdin.write(desk.answer(request, TMK_HEADER, bytearray(secret)))
        assert child.stdout.readline() == b"done\n"
        memory = memory_of(child.pid)
        child.stdin.close()
    assert DEVICE.encode() in memory, "the scan itself must be able to find what is there"
    left = sum(memory.count(prime.to_bytes(192, order)[:64]) for order in ("big", "little"))
    record_property("copies_of_an_rsa_prime", left)
    record_property("copies_of_the_key_between", memory.count(kbpk[:8]))
    assert memory.count(secret[:8]) + memory.count(secret[8:]) == 0
