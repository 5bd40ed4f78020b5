"""Cardholder verification: the card's list of methods, tried rule by rule.

Performed here: online PIN, signature, no CVM, and in `offline_pin` the card's own check of the PIN. Biometric methods
(codes 06-0F) are not in this kernel and count as unrecognised, like every code that is reserved or a payment
system's or issuer's own.

Spec: EMV 4.4 Book 3 §10.5 (cardholder verification), Book 4 §6.3.4 (CVM results, bypass).
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

from emv.bits import (
    AIP,
    NEXT_RULE_IF_UNSUCCESSFUL,
    OFFLINE_PIN,
    TSI,
    TVR,
    Cvm,
    CvmCapability,
    CvmCondition,
    CvmResult,
    TransactionType,
)
from emv.commands import AskPin, CardError, Outcome, PinResult
from emv.offline_pin import Pins, not_entered, not_typed, offline_pin
from emv.records import pan_digits
from emv.session import Session
from emv.tags import (
    APPLICATION_CURRENCY_CODE_9F42,
    APPLICATION_INTERCHANGE_PROFILE_82,
    CVM_LIST_8E,
    CVM_RESULTS_9F34,
    PAN_5A,
    TERMINAL_CAPABILITIES_9F33,
    TRANSACTION_CURRENCY_CODE_5F2A,
)

NO_RULES = bytes(8)  # Amounts X and Y, and nothing behind them.
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
PINS = OFFLINE_PINS | {Cvm.ONLINE_PIN}
# Byte 3 of 9F34 after success: what only issuer or cashier will know is unknown. Spec: Book 4 §6.3.4.5.
RESULTS = MappingProxyType(
    {
        Cvm.PLAINTEXT_PIN: CvmResult.SUCCESSFUL,
        Cvm.ONLINE_PIN: CvmResult.UNKNOWN,
        Cvm.PLAINTEXT_PIN_AND_SIGNATURE: CvmResult.UNKNOWN,
        Cvm.ENCIPHERED_PIN: CvmResult.SUCCESSFUL,
        Cvm.ENCIPHERED_PIN_AND_SIGNATURE: CvmResult.UNKNOWN,
        Cvm.SIGNATURE: CvmResult.UNKNOWN,
        Cvm.NO_CVM: CvmResult.SUCCESSFUL,
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
        session.note("cvm-not-asked", APPLICATION_INTERCHANGE_PROFILE_82)
        session.left_out("Cardholder verification")
        return None
    methods = parse_cvm_list(session.data.get(CVM_LIST_8E, NO_RULES))
    if not methods.rules:
        # The card says that it supports verification and sends no list, or one without rules, which counts as none.
        # Spec: Book 3 §7.5, §10.5 (note).
        session.note("cvm-list-missing", CVM_LIST_8E, sets=TVR.ICC_DATA_MISSING)
        session.left_out("Cardholder verification")
        return None
    ended = await _apply_rules(session, methods)
    if ended is not None:
        return ended
    session.note("cvm-done", CVM_RESULTS_9F34, sets=TSI.CARDHOLDER_VERIFICATION_PERFORMED)
    session.performed("Cardholder verification")
    return None


async def _apply_rules(session: Session, methods: CvmList) -> Outcome | None:
    """Rule after rule, until one succeeds or one fails that allows no other. Spec: Book 3 §10.5, §10.5.5."""
    session.data[CVM_RESULTS_9F34] = NONE_APPLIED
    pins = Pins()
    for number, rule in enumerate(methods.rules, 1):
        met = condition_satisfied(session, methods, rule)
        word = "cvm-rule" if met else "cvm-condition-not-met"
        session.note(word, rule=number, code=f"{rule.code:02X}", condition=f"{rule.condition:02X}")
        if not met:
            continue
        succeeded = await _perform(session, rule, pins)
        if isinstance(succeeded, Outcome):
            return succeeded
        if succeeded:
            return None
        # After "fail CVM processing" no further rule is looked at, whatever b7 says. Spec: Book 3 §10.5.5.
        if rule.method is Cvm.FAIL or not rule.next_if_unsuccessful:
            break
    session.note("cvm-not-successful", sets=TVR.CVM_NOT_SUCCESSFUL)
    return None


async def _perform(session: Session, rule: Rule, pins: Pins) -> bool | Outcome:
    """Whether one rule whose condition is met succeeds; 9F34 tells of it if its method was performed.

    Spec: Book 4 §6.3.4.5.
    """
    method = rule.method
    if method is None:
        session.note("cvm-unrecognised", sets=TVR.UNRECOGNISED_CVM)
        return False
    if method is Cvm.FAIL:
        session.note("cvm-fail")
        _keep_result(session, rule, CvmResult.FAILED)
        return False
    if not supported(session, method):
        return _unsupported(session, method)
    succeeded: bool | Outcome = True
    if method is Cvm.ONLINE_PIN:
        succeeded = await _online_pin(session, pins)
    elif method in OFFLINE_PINS:
        succeeded = await offline_pin(session, method, pins)
    if isinstance(succeeded, Outcome):
        return succeeded
    if succeeded:
        session.note("cvm-performed", method=method.name)
    _keep_result(session, rule, RESULTS[method] if succeeded else CvmResult.FAILED)
    return succeeded


def _unsupported(session: Session, method: Cvm) -> bool:
    """False, always. A terminal without any PIN of this kind says so in the TVR.

    One kind of offline PIN stands for the other. Spec: Book 3 §10.5.1 and its footnote, §10.5.2.
    """
    kind = CvmCapability.ONLINE_PIN if method is Cvm.ONLINE_PIN else OFFLINE_PIN
    if method in PINS and not session.terminal.capabilities[1] & kind:
        session.note("pin-pad-absent", TERMINAL_CAPABILITIES_9F33, sets=TVR.PIN_PAD_NOT_WORKING)
    else:
        session.note("cvm-unsupported", TERMINAL_CAPABILITIES_9F33)
    return False


async def _online_pin(session: Session, pins: Pins) -> bool | Outcome:
    """Spec: Book 3 §10.5.2."""
    if pins.bypassed:
        return not_entered(session)
    answer = await AskPin(pan_digits(session.data[PAN_5A]))
    if answer is not PinResult.ENTERED:
        return not_typed(session, answer, pins)
    session.note("online-pin-entered", sets=TVR.ONLINE_PIN_ENTERED)
    return True


def _keep_result(session: Session, rule: Rule, result: CvmResult) -> None:
    session.data[CVM_RESULTS_9F34] = bytes((rule.code, rule.condition, result.value))


def supported(session: Session, method: Cvm) -> bool:
    """Whether 9F33 claims everything that this method needs."""
    claimed = CvmCapability(session.terminal.capabilities[1])
    needed = NEEDED.get(method)
    return needed is not None and claimed & needed == needed


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
