"""Operators: a number, a password of their own, a role. Three wrong passwords lock that operator for a while, durably.

What each role may do is the table of `rights.py`. The first operator is the administrator; they or a supervisor add the
others, but each types their own password, twice: nobody knows two. Whether 02 is another person than 01 the terminal
cannot know; whoever runs a key ceremony has to see to it.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Container
from typing import TYPE_CHECKING, Any

from drivers.ports import Key, Tone
from terminal.dialogue import acknowledge, choose, next_key, type_text
from terminal.loop import Commit, Draw, Now, Offload
from terminal.rights import Right, Role, least, right
from terminal.screens import catalogue as screens
from terminal.shop import PASSWORD_COST, Shop

if TYPE_CHECKING:
    from terminal.journal import Tx

TRIES = 3
LOCK_MS = 300_000  # Five minutes make a 4-digit password cost 11 days of guessing.
PASSWORD_MIN, PASSWORD_MAX = 4, 12
HASH_DEADLINE_MS = 10_000
FIRST_OPERATOR = "01"


async def operator_sign_in(shop: Shop) -> bool:
    """Ask until an operator has signed in; False when nobody wants to (time-out, CANCEL)."""
    number = await log_in(shop, FIRST_OPERATOR)
    if number is None:
        return False
    shop.operator = number
    return True


async def log_in(shop: Shop, initial: str = "") -> str | None:
    """Somebody's number and password; the number, or None when nobody wants to (time-out, CANCEL)."""
    number = await _type_number(shop, "operator", initial)
    if number is None:
        return None
    problem = ""
    while True:
        password = await type_password(shop, number, problem)
        if password is None:
            return None
        problem = await _verify(shop, number, password)
        if not problem:
            return number
        shop.sound(Tone.FAILURE)


async def allowed(shop: Shop, entry: str) -> bool:
    """Whether this may be done now: by the role of who is signed in, and if need be with a supervisor's login."""
    role = await role_of(shop, shop.operator)
    match right(role, entry, shop.config.transactions.supervisor):
        case Right.MAY:
            return True
        case Right.ASK:
            return await supervisor_agrees(shop)
    return await _refused(shop, least(entry))


async def supervisor_agrees(shop: Shop) -> bool:
    """Whether a supervisor has logged in, now and here; the journal then says who, until this is over."""
    number = await log_in(shop, FIRST_OPERATOR)
    if number is None:
        return False
    role = await role_of(shop, number)
    if not role.is_at_least(Role.SUPERVISOR):
        return await _refused(shop, Role.SUPERVISOR)
    shop.approved_by = number
    return True


async def _refused(shop: Shop, wanted: Role) -> bool:
    shop.sound(Tone.FAILURE)
    await acknowledge(shop, screens.Refused(reason=f"not_{wanted.value}"))
    return False


async def role_of(shop: Shop, number: str) -> Role:
    """An operator's role. A terminal that was set up before there were administrators has its first operator as one."""
    known: dict[str, dict[str, Any]] = await Commit(lambda tx: tx.get("operators", {}))
    roles = {each: Role(entry["role"]) for each, entry in known.items()}
    if number == FIRST_OPERATOR and Role.ADMINISTRATOR not in roles.values():
        return Role.ADMINISTRATOR
    return roles.get(number, Role.CASHIER)


async def add_operator(shop: Shop, by: Role = Role.SUPERVISOR) -> None:
    """A new number, what they may do (no more than `by`, who adds them), and their own password."""
    known: Container[str] = await Commit(lambda tx: tuple(tx.get("operators", {})))
    number = await _type_number(shop, "new_operator", "", known)
    if number is None:
        return
    roles = tuple(role for role in Role if by.is_at_least(role))
    items = tuple(f"role.{role.value}" for role in roles)
    chosen = await choose(shop, len(roles), lambda at: screens.Menu(title="menu.role", items=items, selected=at))
    if chosen is None:
        return
    password = await choose_password(shop, number)
    if password is not None:
        await set_password(shop, number, password, roles[chosen])
        await acknowledge(shop, screens.Problem(title="menu.add_operator", text="operator.added"))


async def _type_number(shop: Shop, field: str, initial: str, taken: Container[str] = ()) -> str | None:
    def check(value: str) -> str:
        return "operator_taken" if value in taken else "" if len(value) == 2 else "operator_wrong"

    return await type_text(
        shop,
        lambda value, problem: screens.EnterNumber(field=field, value=value, hint=problem or "operator"),
        initial=initial,
        limit=2,
        check=check,
    )


async def choose_password(shop: Shop, number: str) -> str | None:
    """An operator's own password, typed twice: there is no default password to forget to change."""
    problem = "new"
    while True:
        first = await type_password(shop, number, problem)
        if first is None:
            return None
        again = await type_password(shop, number, "repeat")
        if again is None:
            return None
        if first == again:
            return first
        shop.sound(Tone.FAILURE)
        problem = "differs"


async def type_password(shop: Shop, number: str, problem: str) -> str | None:
    """A masked password of 4 to 12 digits; None when cancelled."""
    digits = ""
    while True:
        shop.show(screens.OperatorPassword(operator=number, digits=len(digits), problem=problem))
        key = await next_key(shop, shop.config.timeouts.key_ms)
        if key is None or key is Key.CANCEL:
            return None
        problem = ""
        if key is Key.CLEAR:
            digits = ""
        elif key is Key.ENTER:
            if len(digits) >= PASSWORD_MIN:
                return digits
            problem = "short"
        elif key.digits and len(digits) + len(key.digits) <= PASSWORD_MAX:
            digits += key.digits


async def set_password(shop: Shop, number: str, password: str, role: Role) -> None:
    salt, cost = await Draw(16), shop.password_cost
    digest = await Offload("passwords", lambda: _digest(password, salt, cost), HASH_DEADLINE_MS)
    kept = {"salt": salt.hex(), "cost": cost, "hash": digest.hex(), "role": role.value, "failed": 0, "until_ms": 0}

    def store(tx: Tx) -> None:
        tx.set("operators", {**tx.get("operators", {}), number: kept})

    await Commit(store)


async def _verify(shop: Shop, number: str, password: str) -> str:
    """"" or the problem in a word (room "password_problem"); failures are counted durably."""
    now_ms = (await Now()).wall_ms
    known: dict[str, Any] | None = await Commit(lambda tx: tx.get("operators", {}).get(number))
    if known is None:
        return "unknown"
    if now_ms < known["until_ms"]:
        return "locked"
    salt, cost = bytes.fromhex(known["salt"]), known.get("cost", PASSWORD_COST)
    digest = await Offload("passwords", lambda: _digest(password, salt, cost), HASH_DEADLINE_MS)
    good = hmac.compare_digest(digest, bytes.fromhex(known["hash"]))

    def count(tx: Tx) -> bool:
        operators = dict(tx.get("operators", {}))
        failed = 0 if good else known["failed"] + 1
        locked = failed >= TRIES
        operators[number] = {
            **known,
            "failed": 0 if locked else failed,
            "until_ms": now_ms + LOCK_MS if locked else 0,
        }
        tx.set("operators", operators)
        return locked

    locked = await Commit(count)
    return "" if good else "locked" if locked else "wrong"


def _digest(password: str, salt: bytes, cost: int) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=cost, r=8, p=1, dklen=32)
