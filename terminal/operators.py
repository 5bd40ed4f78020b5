"""Operators: a number, a password and a role. Three wrong passwords lock an operator for a while, durably."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Any

from drivers.ports import Key, Tone
from terminal.dialogue import next_key
from terminal.loop import Commit, Draw, Now, Offload
from terminal.screens import catalogue as screens
from terminal.shop import Shop

if TYPE_CHECKING:
    from terminal.journal import Tx

TRIES = 3
LOCK_MS = 300_000  # Five minutes make a 4-digit password cost 11 days of guessing.
PASSWORD_MIN, PASSWORD_MAX = 4, 12
HASH_DEADLINE_MS = 10_000
SCRYPT_COST = 2**13  # About 25 ms on a PC, 300 ms on a Zero 2 W, 8 MiB.
FIRST_OPERATOR = "01"
SUPERVISOR = "supervisor"


async def authenticate(shop: Shop, number: str) -> bool:
    """Ask this operator for the password until it is right; False when cancelled."""
    problem = ""
    while True:
        password = await type_password(shop, number, problem)
        if password is None:
            return False
        problem = await _verify(shop, number, password)
        if not problem:
            return True
        shop.sound(Tone.FAILURE)


async def supervisor_consents(shop: Shop) -> bool:
    """A supervisor's password: the operator's own, if that is one, else of the first there is."""

    def find(tx: Tx) -> str:
        operators: dict[str, Any] = tx.get("operators", {})
        supervisors = sorted(number for number, known in operators.items() if known["role"] == SUPERVISOR)
        return shop.operator if shop.operator in supervisors else next(iter(supervisors), "")

    number = await Commit(find)
    return bool(number) and await authenticate(shop, number)


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


async def set_password(shop: Shop, number: str, password: str, role: str) -> None:
    salt = await Draw(16)
    digest = await Offload("passwords", lambda: _digest(password, salt), HASH_DEADLINE_MS)

    def store(tx: Tx) -> None:
        operators = dict(tx.get("operators", {}))
        operators[number] = {"salt": salt.hex(), "hash": digest.hex(), "role": role, "failed": 0, "until_ms": 0}
        tx.set("operators", operators)

    await Commit(store)


async def _verify(shop: Shop, number: str, password: str) -> str:
    """"" or the problem in a word (room "password_problem"); failures are counted durably."""
    now_ms = (await Now()).wall_ms
    known: dict[str, Any] | None = await Commit(lambda tx: tx.get("operators", {}).get(number))
    if known is None:
        return "unknown"
    if now_ms < known["until_ms"]:
        return "locked"
    salt = bytes.fromhex(known["salt"])
    digest = await Offload("passwords", lambda: _digest(password, salt), HASH_DEADLINE_MS)
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


def _digest(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=SCRYPT_COST, r=8, p=1, dklen=32)
