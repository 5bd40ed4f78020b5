"""Cardholder verification: the card's list of methods, tried rule by rule.

Performed here: online PIN, signature, no CVM. The card's own PIN check (offline PIN) is not claimed in 9F33
and is treated as unsupported; biometric methods (codes 06-0F) are unrecognised.

Spec: EMV 4.4 Book 3 §10.5 (cardholder verification), Book 4 §6.3.4 (CVM results, bypass).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

from emv.bits import (
    AIP,
    NEXT_RULE_IF_UNSUCCESSFUL,
    TSI,
    TVR,
    Cvm,
    CvmCapability,
    CvmCondition,
    CvmResult,
    TransactionType,
)
from emv.commands import AskPin, CardError, Outcome, PinResult, Result
from emv.records import pan_digits
from emv.session import Session
from emv.tags import (
    APPLICATION_CURRENCY_CODE_9F42,
    APPLICATION_INTERCHANGE_PROFILE_82,
    CVM_LIST_8E,
    CVM_RESULTS_9F34,
    PAN_5A,
    TRANSACTION_CURRENCY_CODE_5F2A,
)

NOT_PERFORMED = bytes((Cvm.NOT_PERFORMED.value, 0x00, 0x00))
NONE_APPLIED = bytes((Cvm.NOT_PERFORMED.value, 0x00, CvmResult.FAILED.value))

# What 9F33 byte 2 must say for each method.
NEEDED = {
    Cvm.PLAINTEXT_PIN: CvmCapability.PLAINTEXT_PIN,
    Cvm.ONLINE_PIN: CvmCapability.ONLINE_PIN,
    Cvm.PLAINTEXT_PIN_AND_SIGNATURE: CvmCapability.PLAINTEXT_PIN | CvmCapability.SIGNATURE,
    Cvm.ENCIPHERED_PIN: CvmCapability.ENCIPHERED_PIN,
    Cvm.ENCIPHERED_PIN_AND_SIGNATURE: CvmCapability.ENCIPHERED_PIN | CvmCapability.SIGNATURE,
    Cvm.SIGNATURE: CvmCapability.SIGNATURE,
    Cvm.NO_CVM: CvmCapability.NO_CVM,
}
# 3F exists in results only.
_METHODS = MappingProxyType({method.value: method for method in Cvm if method is not Cvm.NOT_PERFORMED})
OFFLINE_PINS = frozenset(
    {
        Cvm.PLAINTEXT_PIN,
        Cvm.PLAINTEXT_PIN_AND_SIGNATURE,
        Cvm.ENCIPHERED_PIN,
        Cvm.ENCIPHERED_PIN_AND_SIGNATURE,
    }
)


@dataclass(frozen=True, slots=True)
class Rule:
    """Two bytes of the list."""

    code: int
    condition: int

    @property
    def method(self) -> Cvm | None:
        """None: unrecognised."""
        return _METHODS.get(self.code & 0x3F)

    @property
    def next_if_unsuccessful(self) -> bool:
        return bool(self.code & NEXT_RULE_IF_UNSUCCESSFUL)


@dataclass(frozen=True, slots=True)
class CvmList:
    """Tag 8E: two amounts in minor units of the application's currency, and the rules."""

    x_minor: int
    y_minor: int
    rules: tuple[Rule, ...]


class Verdict(Enum):
    """What became of one method."""

    SUCCESSFUL = "successful"
    UNSUCCESSFUL = "unsuccessful"
    NOT_PERFORMED = "not-performed"  # Unsupported or unrecognised: it leaves no trace in 9F34.


def parse_cvm_list(data: bytes) -> CvmList:
    """Raises CardError. Spec: Book 3 §10.5: amounts X and Y, then pairs.

    >>> parse_cvm_list(bytes.fromhex("000000000000000042031F03")).rules
    (Rule(code=66, condition=3), Rule(code=31, condition=3))
    """
    if len(data) < 8 or len(data) % 2:
        raise CardError("a CVM list is two amounts and pairs of bytes", position=len(data))
    rules = tuple(Rule(data[at], data[at + 1]) for at in range(8, len(data), 2))
    return CvmList(int.from_bytes(data[:4], "big"), int.from_bytes(data[4:8], "big"), rules)


async def cardholder_verification(session: Session) -> Outcome | None:
    """Sets 9F34, TVR and TSI. An Outcome if the cardholder gave up. Raises CardError."""
    session.data[CVM_RESULTS_9F34] = NOT_PERFORMED
    profile = AIP(int.from_bytes(session.data[APPLICATION_INTERCHANGE_PROFILE_82], "big"))
    if not profile & AIP.CARDHOLDER_VERIFICATION:
        session.left_out("Cardholder verification")
        return None
    value = session.data.get(CVM_LIST_8E)
    if value is None:
        # The card says that it supports verification and sends no list. Spec: Book 3 §7.5, §10.5.
        session.tvr |= TVR.ICC_DATA_MISSING
        session.left_out("Cardholder verification")
        return None
    methods = parse_cvm_list(value)
    if not methods.rules:
        session.left_out("Cardholder verification")
        return None
    ended = await _apply_rules(session, methods)
    if ended is not None:
        return ended
    session.tsi |= TSI.CARDHOLDER_VERIFICATION_PERFORMED
    session.performed("Cardholder verification")
    return None


async def _apply_rules(session: Session, methods: CvmList) -> Outcome | None:
    session.data[CVM_RESULTS_9F34] = NONE_APPLIED
    bypassed = False
    for rule in _applicable(session, methods):
        method = rule.method
        if method is Cvm.FAIL:
            # No further rule is looked at, whatever b7 says. Spec: Book 3 §10.5.5.
            _keep_result(session, rule, CvmResult.FAILED)
            break
        if method is None:
            session.tvr |= TVR.UNRECOGNISED_CVM
            verdict = Verdict.NOT_PERFORMED
        elif method is Cvm.ONLINE_PIN and supported(session, method):
            # One bypass holds for every PIN of the transaction. Spec: Book 4 §6.3.4.3.
            answer = PinResult.BYPASSED if bypassed else await AskPin(pan_digits(session.data[PAN_5A]))
            ended = _pin_given_up(session, answer)
            if ended is not None:
                return ended
            bypassed = answer is PinResult.BYPASSED
            verdict = _online_pin(session, rule, answer)
        else:
            verdict = _perform(session, rule, method)
        if verdict is Verdict.SUCCESSFUL:
            return None
        if not rule.next_if_unsuccessful:
            break
    session.tvr |= TVR.CVM_NOT_SUCCESSFUL
    return None


def _pin_given_up(session: Session, answer: PinResult) -> Outcome | None:
    if answer is PinResult.CANCELLED or (answer is PinResult.BYPASSED and not session.terminal.pin_bypass):
        return session.end(Result.CANCELLED, "pin-cancelled")
    if answer is PinResult.TIMED_OUT:
        return session.end(Result.CANCELLED, "pin-timed-out")
    return None


def _online_pin(session: Session, rule: Rule, answer: PinResult) -> Verdict:
    """Spec: Book 3 §10.5.2."""
    if answer is PinResult.ENTERED:
        session.tvr |= TVR.ONLINE_PIN_ENTERED
        _keep_result(session, rule, CvmResult.UNKNOWN)  # Only the issuer knows whether it was right.
        return Verdict.SUCCESSFUL
    session.tvr |= TVR.PIN_PAD_NOT_WORKING if answer is PinResult.PAD_FAILED else TVR.PIN_NOT_ENTERED
    _keep_result(session, rule, CvmResult.FAILED)
    return Verdict.UNSUCCESSFUL


def _perform(session: Session, rule: Rule, method: Cvm) -> Verdict:
    """Signature and no CVM succeed if they are supported; offline PIN never is."""
    if supported(session, method):
        if method is Cvm.SIGNATURE:
            _keep_result(session, rule, CvmResult.UNKNOWN)  # It is on the slip, later. Spec: Book 4 §6.3.4.4.
            return Verdict.SUCCESSFUL
        if method is Cvm.NO_CVM:
            _keep_result(session, rule, CvmResult.SUCCESSFUL)
            return Verdict.SUCCESSFUL
        raise RuntimeError(f"9F33 claims {method.name}, which is not in yet")
    if method in OFFLINE_PINS or method is Cvm.ONLINE_PIN:
        # A terminal without this kind of PIN says so in the TVR. Spec: Book 3 §10.5.1, §10.5.2.
        session.tvr |= TVR.PIN_PAD_NOT_WORKING
    return Verdict.NOT_PERFORMED


def _keep_result(session: Session, rule: Rule, result: CvmResult) -> None:
    session.data[CVM_RESULTS_9F34] = bytes((rule.code, rule.condition, result.value))


def supported(session: Session, method: Cvm) -> bool:
    """Whether 9F33 claims everything that this method needs."""
    claimed = CvmCapability(session.terminal.capabilities[1])
    needed = NEEDED.get(method)
    return needed is not None and claimed & needed == needed


def _applicable(session: Session, methods: CvmList) -> Iterator[Rule]:
    return (rule for rule in methods.rules if condition_satisfied(session, methods, rule))


def condition_satisfied(session: Session, methods: CvmList, rule: Rule) -> bool:
    """False also for what is unknown or lacks its data: the rule is bypassed. Spec: Book 3 §10.5."""
    transaction = session.transaction
    cash = transaction.kind == TransactionType.CASH
    cashback = transaction.kind == TransactionType.CASHBACK or transaction.other_minor > 0
    amount = transaction.amount_minor
    currency = session.data.get(APPLICATION_CURRENCY_CODE_9F42)
    own_currency = currency == session.data[TRANSACTION_CURRENCY_CODE_5F2A]
    match rule.condition:
        case CvmCondition.ALWAYS.value:
            return True
        case CvmCondition.UNATTENDED_CASH.value:
            return cash and not session.terminal.attended
        case CvmCondition.NOT_CASH_NOT_CASHBACK.value:
            return not cash and not cashback
        case CvmCondition.SUPPORTED.value:
            return rule.method is Cvm.FAIL or (rule.method is not None and supported(session, rule.method))
        case CvmCondition.MANUAL_CASH.value:
            return cash and session.terminal.attended
        case CvmCondition.CASHBACK.value:
            return cashback
        case CvmCondition.UNDER_X.value:
            return own_currency and amount < methods.x_minor
        case CvmCondition.OVER_X.value:
            return own_currency and amount > methods.x_minor
        case CvmCondition.UNDER_Y.value:
            return own_currency and amount < methods.y_minor
        case CvmCondition.OVER_Y.value:
            return own_currency and amount > methods.y_minor
        case _:
            return False
