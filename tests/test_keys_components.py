"""A key in components: two or three holders, nobody with two, nothing left of any component, any order of calls.

The sums and check values are computed here from the definition (XOR; the library's own ciphers elsewhere tested).
"""

from __future__ import annotations

import functools
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_keys_memory import memory_of

from keys import KeyRefused
from keys.components import Ceremony, CeremonyRefused, Parity, Plan, Reason, State, adjust_parity
from keys.kcv import Method, check_value
from keys.testkeys import TEST_TMK
from keys.usage import Algorithm

ROOT = Path(__file__).parent.parent
TDES = Plan(Algorithm.TDES, 16)
FIRST = bytes.fromhex("1032547698BADCFE0123456789ABCDEF")
HOLDERS = ("anna", "ben", "chen")


def xor(*parts: bytes) -> bytes:
    return bytes(functools.reduce(lambda left, right: left ^ right, column) for column in zip(*parts, strict=True))


def type_in(ceremony: Ceremony, component: bytes) -> None:
    for byte in component:
        assert ceremony.push(byte >> 4)
        assert ceremony.push(byte & 0xF)


def enter(ceremony: Ceremony, components: Iterable[bytes]) -> None:
    for component, holder in zip(components, HOLDERS, strict=False):
        type_in(ceremony, component)
        ceremony.confirm(holder)


def secrets_of(ceremony: Ceremony) -> bytes:
    """Everything that it holds in its bytearrays."""
    return bytes(ceremony._typed + ceremony._sum + ceremony._pad + ceremony._salt) + b"".join(ceremony._marks)


def refused(reason: Reason, ceremony: Ceremony, holder: str) -> None:
    with pytest.raises(CeremonyRefused) as told:
        ceremony.confirm(holder)
    assert told.value.reason is reason


# What comes out


@pytest.mark.parametrize(
    ("algorithm", "size"),
    [
        (Algorithm.TDES, 16),
        (Algorithm.TDES, 24),
        (Algorithm.AES, 16),
        (Algorithm.AES, 24),
        (Algorithm.AES, 32),
        (Algorithm.SM4, 16),
    ],
)
@pytest.mark.parametrize("count", [2, 3])
def test_the_key_is_the_sum_of_its_components(algorithm: Algorithm, size: int, count: int) -> None:
    components = [bytes((17 * i + 29 * n * n + 101 * i * n + 3) % 256 for i in range(size)) for n in range(count)]
    plan = Plan(algorithm, size, count, parity=Parity.KEEP)
    method = Method.CMAC if algorithm is Algorithm.AES else Method.LEGACY
    with Ceremony(plan) as ceremony:
        for number, component in enumerate(components):
            assert ceremony.number == number + 1
            assert ceremony.component_kcv is None
            type_in(ceremony, component)
            expected = check_value(algorithm, bytearray(component), method, size=3).hex().upper()
            assert ceremony.component_kcv == expected
            ceremony.confirm(HOLDERS[number])
            assert component not in secrets_of(ceremony)
        key = xor(*components)
        assert ceremony.final_kcv == check_value(algorithm, bytearray(key), method, size=3).hex().upper()
        assert ceremony.result() == key


def test_the_published_test_key_from_two_components() -> None:
    with Ceremony(Plan(Algorithm.TDES, 16, kcv_bytes=4)) as ceremony:
        enter(ceremony, (FIRST, xor(FIRST, TEST_TMK)))
        assert ceremony.final_kcv == "08D7B4FB"
        assert ceremony.result() == TEST_TMK


# What is refused


def test_one_holder_gives_one_component() -> None:
    with Ceremony(TDES) as ceremony:
        type_in(ceremony, FIRST)
        ceremony.confirm("anna")
        type_in(ceremony, TEST_TMK)
        refused(Reason.SAME_HOLDER, ceremony, "anna")
        assert (ceremony.state, ceremony.number, ceremony.digits) == (State.ENTERING, 2, 0)
        type_in(ceremony, xor(FIRST, TEST_TMK))
        assert ceremony.confirm("ben") is State.READY
        assert ceremony.result() == TEST_TMK


def test_a_holder_has_a_name() -> None:
    with Ceremony(TDES) as ceremony:
        type_in(ceremony, FIRST)
        refused(Reason.NO_HOLDER, ceremony, "")
        assert ceremony.digits == 0


@pytest.mark.parametrize("zero", [bytes(16), bytes([1]) * 16], ids=["zeros", "parity bits"])
def test_a_component_of_zeros_is_refused(zero: bytes) -> None:
    with Ceremony(TDES) as ceremony:
        type_in(ceremony, zero)
        refused(Reason.ZERO, ceremony, "anna")


@pytest.mark.parametrize("again", [0, 1], ids=["the first", "the second"])
@pytest.mark.parametrize("flip", [0, 1], ids=["same", "but for parity"])
def test_a_component_that_came_before_is_refused(again: int, flip: int) -> None:
    """The first and the second summed cannot be told apart any more; their marks can."""
    components = (FIRST, TEST_TMK)
    with Ceremony(Plan(Algorithm.TDES, 16, 3)) as ceremony:
        enter(ceremony, components)
        type_in(ceremony, xor(components[again], bytes([flip]) * 16))
        refused(Reason.IDENTICAL, ceremony, "chen")
        assert ceremony.number == 3


@pytest.mark.parametrize(
    ("algorithm", "key"),
    [
        (Algorithm.TDES, "0123456789ABCDEF0123456789ABCDEF"),
        (Algorithm.TDES, "0123456789ABCDEF0022446688AACCEE"),  # The halves differ in parity only.
        (Algorithm.TDES, "0101010101010101FEDCBA9876543210"),  # Weak, then semi-weak.
        (Algorithm.TDES, "FEDCBA987654321001FE01FE01FE01FE"),
        (Algorithm.TDES, "0123456789ABCDEFFEDCBA98765432100123456789ABCDEF"),  # Triple in name only.
        (Algorithm.AES, "0011223344556677" * 4),
        (Algorithm.AES, "00112233445566778899AABB" * 2),
        (Algorithm.SM4, "FEDCBA9876543210FEDCBA9876543210"),
    ],
)
def test_components_that_make_a_weak_key_end_the_ceremony(algorithm: Algorithm, key: str) -> None:
    wanted = bytes.fromhex(key)
    first = bytes(range(1, len(wanted) + 1))
    with Ceremony(Plan(algorithm, len(wanted))) as ceremony:
        type_in(ceremony, first)
        ceremony.confirm("anna")
        type_in(ceremony, xor(first, wanted))
        refused(Reason.WEAK, ceremony, "ben")
        assert ceremony.state is State.OVER
        assert not any(secrets_of(ceremony))


def test_three_components_that_cancel_out_make_no_key() -> None:
    with Ceremony(Plan(Algorithm.AES, 16, 3)) as ceremony:
        enter(ceremony, (FIRST, TEST_TMK))
        type_in(ceremony, xor(FIRST, TEST_TMK))
        refused(Reason.WEAK, ceremony, "chen")


def test_an_incomplete_component_stays_as_it_is() -> None:
    with Ceremony(TDES) as ceremony:
        ceremony.push(7)
        refused(Reason.INCOMPLETE, ceremony, "anna")
        assert ceremony.digits == 1


@pytest.mark.parametrize(
    ("algorithm", "size", "count", "kcv"),
    [
        (Algorithm.DES, 8, 2, 3),
        (Algorithm.TDES, 8, 2, 3),
        (Algorithm.AES, 20, 2, 3),
        (Algorithm.RSA, 256, 2, 3),
        (Algorithm.AES, 16, 1, 3),
        (Algorithm.AES, 16, 4, 3),
        (Algorithm.AES, 16, 2, 1),
        (Algorithm.AES, 16, 2, 16),
    ],
)
def test_a_plan_that_cannot_be(algorithm: Algorithm, size: int, count: int, kcv: int) -> None:
    with pytest.raises(KeyRefused):
        Plan(algorithm, size, count, kcv)


# Parity


def test_parity_errors_are_shown_and_do_no_harm() -> None:
    with Ceremony(TDES) as ceremony:
        ceremony.push(0)
        assert ceremony.parity_errors == ()  # Half a byte is none.
        ceremony.push(3)
        assert ceremony.parity_errors == (1,)
        ceremony.back()
        ceremony.push(2)
        assert ceremony.parity_errors == ()
    with Ceremony(Plan(Algorithm.AES, 16)) as ceremony:
        type_in(ceremony, bytes(16))
        assert ceremony.parity_errors == ()


@pytest.mark.parametrize("parity", Parity)
def test_two_odd_components_make_an_even_key(parity: Parity) -> None:
    second = xor(FIRST, TEST_TMK)[:-1] + b"\x13"
    even = xor(FIRST, second)
    with Ceremony(Plan(Algorithm.TDES, 16, parity=parity)) as ceremony:
        type_in(ceremony, FIRST)
        ceremony.confirm("anna")
        type_in(ceremony, second)
        if parity is Parity.REQUIRE:
            refused(Reason.PARITY, ceremony, "ben")
            assert ceremony.state is State.OVER
            return
        ceremony.confirm("ben")
        odd = bytearray(even)
        adjust_parity(odd)
        assert odd != even
        assert ceremony.result() == (odd if parity is Parity.ADJUST else even)


# Nothing stays, whatever the order


def test_the_key_is_handed_over_once_and_not_wiped_with_the_ceremony() -> None:
    with Ceremony(TDES) as ceremony:
        enter(ceremony, (FIRST, xor(FIRST, TEST_TMK)))
        key = ceremony.result()
        with pytest.raises(CeremonyRefused):
            ceremony.result()
        assert not any(secrets_of(ceremony))
    assert key == TEST_TMK


@pytest.mark.parametrize("steps", range(6))
def test_a_way_out_at_any_step_leaves_nothing(steps: int) -> None:
    with pytest.raises(RuntimeError), Ceremony(TDES) as ceremony:
        todo = [
            lambda: type_in(ceremony, FIRST),
            lambda: ceremony.confirm("anna"),
            lambda: type_in(ceremony, FIRST[:3]),
            lambda: type_in(ceremony, xor(FIRST, TEST_TMK)[3:]),
            lambda: ceremony.confirm("ben"),
        ]
        for step in todo[:steps]:
            step()
        raise RuntimeError("the flow is closed")
    assert not any(secrets_of(ceremony))
    assert ceremony.state is State.OVER


STEPS = st.one_of(
    st.tuples(st.just("push"), st.integers(-1, 16)),
    st.tuples(st.just("back"), st.none()),
    st.tuples(st.just("fill"), st.sampled_from([FIRST, TEST_TMK, bytes(16), xor(FIRST, TEST_TMK)])),
    st.tuples(st.just("confirm"), st.sampled_from(["anna", "ben", "chen", ""])),
    st.tuples(st.just("result"), st.none()),
    st.tuples(st.sampled_from(["cancel", "look"]), st.none()),
)


@given(st.lists(STEPS, max_size=30), st.sampled_from([2, 3]))
def test_any_order_of_calls_gives_a_key_of_different_holders_or_a_refusal(
    steps: list[tuple[str, object]], count: int
) -> None:
    """A model of what was rightly confirmed runs beside it."""
    ceremony = Ceremony(Plan(Algorithm.TDES, 16, count, parity=Parity.KEEP))
    given_by: dict[str, bytes] = {}
    typed = ""
    for what, value in steps:
        before = (ceremony.state, ceremony.number)
        try:
            if what == "push" and ceremony.push(int(str(value))):
                typed += f"{value:X}"
            elif what == "fill" and ceremony.state is State.ENTERING and isinstance(value, bytes):
                while ceremony.back():
                    pass
                type_in(ceremony, value)
                typed = value.hex()
            elif what == "back" and ceremony.back():
                typed = typed[:-1]
            elif what == "confirm":
                ceremony.confirm(str(value))
                assert value not in given_by
                assert bytes.fromhex(typed) not in given_by.values()
                given_by[str(value)] = bytes.fromhex(typed)
            elif what == "result":
                assert ceremony.result() == xor(*given_by.values())
                assert len(given_by) == count
            elif what == "cancel":
                ceremony.cancel()
            elif what == "look":
                shown = f"{ceremony!r} {ceremony.component_kcv} {ceremony.final_kcv} {ceremony.parity_errors}"
                assert not any(part.hex().upper() in shown for part in given_by.values())
        except CeremonyRefused as refusal:
            over = refusal.reason in (Reason.WEAK, Reason.PARITY)
            assert over or (ceremony.state, ceremony.number) == before
        if ceremony.digits == 0:
            typed = ""
        assert ceremony.digits == len(typed)
        if ceremony.state is State.OVER:
            assert not any(secrets_of(ceremony))


CHILD = """
import os
from keys import tdes
from keys.components import Ceremony, Plan
from keys.usage import Algorithm

room = bytearray(16)
ceremony = Ceremony(Plan(Algorithm.TDES, 16))
for holder in ("anna", "ben"):
    os.readv(0, [room])
    for place in range(16):
        ceremony.push(room[place] >> 4)
        ceremony.push(room[place] & 15)
    tdes.wipe(room)
    print(ceremony.component_kcv, ceremony.parity_errors)
    ceremony.confirm(holder)
    print("confirmed", flush=True)
    os.read(0, 1)
key = ceremony.result()
tdes.wipe(key)
print("done", flush=True)
os.read(0, 1)
"""


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs /proc/PID/mem (Linux)")
def test_no_component_and_no_key_stays_in_a_live_process() -> None:
    """Looked at between the holders too: the sum of one component is that component, unless a pad is over it."""
    first, second = bytes(range(0x91, 0xA1)), bytes((91 * place + 5) % 256 for place in range(16))
    patterns = (first, second, xor(first, second))
    with subprocess.Popen(
        [sys.executable, "-c", CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, bufsize=0
    ) as child:
        if child.stdin is None or child.stdout is None:
            pytest.fail("the child has no pipes")
        for component in (first, second, b""):
            child.stdin.write(component)
            while child.stdout.readline() not in (b"confirmed\n", b"done\n"):
                pass
            memory = memory_of(child.pid)
            assert b"PCI PIN Security" in memory, "the scan itself must be able to find what is there"
            assert not [part.hex() for part in patterns for half in (part[:8], part[8:]) if half in memory]
            child.stdin.write(b".")


def test_a_refusal_says_nothing_of_the_digits() -> None:
    with Ceremony(TDES) as ceremony:
        type_in(ceremony, FIRST)
        with pytest.raises(CeremonyRefused) as told:
            ceremony.confirm("")
    assert FIRST.hex() not in str(told.value).lower()
    assert FIRST.hex() not in repr(ceremony).lower()
    assert told.value.__context__ is None
