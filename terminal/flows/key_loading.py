"""Loading a master key at the keypad: two or three holders, each with a component of their own on paper.

A holder logs in, types the component in hex, compares the check value with the paper and confirms; then the next one.
Whoever has given a component is refused another, here and by `keys.Ceremony`, which alone holds what was typed. The
key's own check value is compared last, and only then is it stored: in one durable step, after which the terminal has
to sign in.

The keypad has sixteen keys and hex has sixteen digits, six of which the keypad lacks: ▲ and then 1 to 6 is A to F.
Nothing that was typed is ever shown, and no screen value holds it: dots count the digits of the group of four that
the paper is printed in, and the check value tells a slip of the finger. Whoever looks at a recording of the display
learns how many digits, not which.

Every way out wipes: CANCEL, a time-out, a power cut, an opened case. Nothing of a ceremony outlives it but its slip,
on which there are check values and the holders' numbers.

Spec: PCI PIN Security requirements 6, 12, 13 (dual control and split knowledge).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from drivers.ports import Key, Tone
from keys import Ceremony, CeremonyRefused, CeremonyState, KeyRef, KeyRefused, Plan, Usage
from terminal.dialogue import acknowledge, choose, next_key
from terminal.flows.master_key import download
from terminal.loop import Commit, Offload
from terminal.methods.sign_in_due import Due
from terminal.model import Mode
from terminal.operators import log_in
from terminal.printing import keep, print_kept, slip_head
from terminal.receipts import KeySlip
from terminal.screens import catalogue as screens
from terminal.shop import Shop

if TYPE_CHECKING:
    from terminal.journal import Tx

TMK = KeyRef(Usage.TMK)
TMK_BYTES_MIN = 16  # Also over single-length working keys: a key is never under a weaker one.
HOLDER_MS = 300_000  # From key to key: a holder reads 32 digits off paper, or is called from the next room.
KEY_DEADLINE_MS = 30_000
LETTERS = {Key.D1: 0xA, Key.D2: 0xB, Key.D3: 0xC, Key.D4: 0xD, Key.D5: 0xE, Key.D6: 0xF}  # After ▲.
COMPONENTS = {"menu.two_components": 2, "menu.three_components": 3}
TEST_KEYS = "menu.test_keys"
HOST_KEY = "menu.host_key"

Given = tuple[tuple[str, str], ...]  # Of each component: its holder's number and its check value, for the slip.


def offered(shop: Shop) -> tuple[str, ...]:
    """The ways to load a master key that configuration and acquirer allow, as menu items.

    DUKPT's initial key is no key of components, and no screen takes the block that one comes in yet.
    """
    test_keys = (TEST_KEYS,) if shop.config.keys.test_keys else ()
    if shop.profile.dukpt:
        return test_keys
    from_host = (HOST_KEY,) if shop.profile.tmk_download and shop.keys.has(TMK) else ()
    return (*COMPONENTS, *test_keys, *from_host)


async def load_test_keys(shop: Shop) -> str:
    """The published key of the profile's scheme; its check value. With DUKPT each terminal has one of its own."""
    if not shop.profile.dukpt:
        await Offload("keys", lambda: shop.keys.load_test_tmk(shop.profile.key_cipher), KEY_DEADLINE_MS)
        return shop.keys.kcv(TMK)
    serial = laboratory_serial(shop.activation.terminal_no if shop.activation else "")
    return await Offload("keys", partial(shop.keys.load_test_initial_key, serial), KEY_DEADLINE_MS)


def laboratory_serial(terminal_no: str) -> bytes:
    """The KSN of a laboratory's terminal, counter 0: no two terminals of a host share one.

    >>> laboratory_serial("10000001").hex()
    'ffff9810000001000000'
    """
    digits = "".join(f"{ord(character) & 0xF:x}" for character in terminal_no)
    return bytes.fromhex(f"ffff98{digits:0>8.8}000000")


async def choose_and_load(shop: Shop) -> bool:
    """As `load`, after the person has said how."""
    items = offered(shop)
    chosen = await choose(shop, len(items), lambda at: screens.Menu(title="menu.load_keys", items=items, selected=at))
    return chosen is not None and await load(shop, items[chosen])


async def load(shop: Shop, way: str, also: Callable[[Tx], None] | None = None) -> bool:
    """Load a master key `way`; True when the terminal is KEYED by it. `also` joins the commit that says so."""
    if way == TEST_KEYS:
        if await acknowledge(shop, screens.ConfirmTestKeys(), shop.config.timeouts.key_ms) is not Key.ENTER:
            return False
        await _keyed(shop, (), also, await load_test_keys(shop))
        return True
    if way == HOST_KEY:
        problem = await download(shop)
        if problem:
            await _tell(shop, problem)
            return False
        await _keyed(shop, (), also, shop.keys.kcv(TMK))
        return True
    scheme = shop.profile.key_cipher
    plan = Plan(scheme.tmk_algorithm, max(TMK_BYTES_MIN, scheme.key_bytes), COMPONENTS[way])
    with Ceremony(plan) as ceremony:
        try:
            given = await _components(shop, ceremony)
            if given and await _key_confirmed(shop, ceremony):
                await Offload("keys", partial(shop.keys.load_components, TMK, ceremony), KEY_DEADLINE_MS)
                await _keyed(shop, given, also, shop.keys.kcv(TMK))
                return True
            problem = "stopped"
        except CeremonyRefused as refused:
            problem = refused.reason.name.lower()
        except KeyRefused:
            problem = "not_allowed"
    await _tell(shop, problem)
    return False


async def _components(shop: Shop, ceremony: Ceremony) -> Given:
    """Every component, confirmed; () when somebody left off. Raises CeremonyRefused when together they are no key."""
    given: Given = ()
    while ceremony.state is CeremonyState.ENTERING:
        holder = await _holder(shop, ceremony, tuple(number for number, _ in given))
        kcv = await _component(shop, ceremony, holder) if holder else ""
        if not kcv:
            return ()
        given = (*given, (holder, kcv))
    return given


async def _holder(shop: Shop, ceremony: Ceremony, before: tuple[str, ...]) -> str:
    """The next holder's number, logged in and not one of those before; "" when nobody comes."""
    call = screens.NextHolder(number=ceremony.number, count=ceremony.plan.components)
    while await acknowledge(shop, call, HOLDER_MS) is Key.ENTER:
        holder = await log_in(shop)
        if holder is None:
            continue
        if holder not in before:
            return holder
        await _tell(shop, "same_holder")
    return ""


async def _component(shop: Shop, ceremony: Ceremony, holder: str) -> str:
    """Type a component until its holder confirms it and the ceremony takes it; its check value, "" when left off.

    Raises CeremonyRefused when it was the last one and together they are no key.
    """
    while await _type(shop, ceremony):
        kcv = str(ceremony.component_kcv)
        question = screens.ConfirmKcv(number=ceremony.number, kcv=kcv, parity_errors=len(ceremony.parity_errors))
        key = await acknowledge(shop, question, HOLDER_MS)
        if key is None:
            return ""
        if key is not Key.ENTER:  # Not what the paper says: all of it again.
            while ceremony.digits:
                ceremony.back()
            continue
        try:
            ceremony.confirm(holder)
            return kcv
        except CeremonyRefused as refused:
            if ceremony.state is CeremonyState.OVER:
                raise
            await _tell(shop, refused.reason.name.lower())
    return ""


async def _type(shop: Shop, ceremony: Ceremony) -> bool:
    """Digits until the component is complete; False on CANCEL or when nobody types any more."""
    letter = wrong = False
    shop.boxes.keys.renew()
    while not ceremony.complete:
        shop.show(
            screens.TypeComponent(
                number=ceremony.number,
                count=ceremony.plan.components,
                digits=ceremony.digits,
                length=2 * ceremony.plan.size_bytes,
                problem="letter" if wrong else "",
            )
        )
        key = await next_key(shop, HOLDER_MS)
        if key is None or key is Key.CANCEL:
            return False
        wrong = letter and bool(key.digits) and key not in LETTERS
        if letter and key in LETTERS:
            ceremony.push(LETTERS[key])
        elif not letter and key is Key.CLEAR:
            ceremony.back()
        elif not letter:
            for digit in key.digits:
                ceremony.push(int(digit))
        letter = key is Key.UP
    return True


async def _key_confirmed(shop: Shop, ceremony: Ceremony) -> bool:
    """The key's own check value, compared by all who gave a component."""
    question = screens.ConfirmKcv(number=0, kcv=str(ceremony.final_kcv), parity_errors=0)
    return await acknowledge(shop, question, HOLDER_MS) is Key.ENTER


async def _keyed(shop: Shop, given: Given, also: Callable[[Tx], None] | None, kcv: str) -> None:
    """The key is stored: say so durably, on glass and paper. A cut before this commit leaves the mode as it was."""
    slip = KeySlip(head=await slip_head(shop, ""), kcv=kcv, components=given)

    def keyed(tx: Tx) -> int:
        due = Due.TAMPER if tx.mode is Mode.LOCKED else Due.NEW_MASTER_KEY
        if tx.mode is Mode.LOCKED:
            tx.set_mode(Mode.BLANK, reason="keys-loaded")
        if tx.mode is not Mode.KEYED:
            tx.set_mode(Mode.KEYED, reason=due.value)
        if also is not None:
            also(tx)
        return keep(tx, slip)

    slip_id = await Commit(keyed)
    shop.mode = Mode.KEYED
    shop.sound(Tone.SUCCESS)
    await acknowledge(shop, screens.KeysLoaded(kcv=kcv))
    await print_kept(shop, slip_id, slip)


async def _tell(shop: Shop, problem: str) -> None:
    shop.sound(Tone.FAILURE)
    await acknowledge(shop, screens.CeremonyProblem(reason=problem))
