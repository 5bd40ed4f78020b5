"""Processing restrictions: version, usage control, dates. Nothing ends here; each finding is a bit of the
TVR.

Spec: EMV 4.4 Book 3 §10.4 (processing restrictions).
"""

from __future__ import annotations

from collections.abc import Iterator

from emv.bits import AUC, TVR, TransactionType
from emv.records import card_date
from emv.session import Session
from emv.tags import (
    APPLICATION_EFFECTIVE_DATE_5F25,
    APPLICATION_EXPIRATION_DATE_5F24,
    APPLICATION_USAGE_CONTROL_9F07,
    APPLICATION_VERSION_CARD_9F08,
    APPLICATION_VERSION_TERMINAL_9F09,
    ISSUER_COUNTRY_CODE_5F28,
    TERMINAL_COUNTRY_CODE_9F1A,
    TRANSACTION_DATE_9A,
)


def processing_restrictions(session: Session) -> None:
    """Raises CardError for a date that is none."""
    _application_version_number(session)
    _application_usage_control(session)
    _dates(session)
    session.performed("Processing restrictions")


def _application_version_number(session: Session) -> None:
    """A card without a version is taken to have the terminal's. Spec: Book 3 §10.4.1."""
    card = session.data.get(APPLICATION_VERSION_CARD_9F08)
    terminal = session.data.get(APPLICATION_VERSION_TERMINAL_9F09)
    compared = (APPLICATION_VERSION_CARD_9F08, APPLICATION_VERSION_TERMINAL_9F09)
    if card is None or terminal is None:
        session.note("avn-absent", *compared)
    elif card == terminal:
        session.note("avn-same", *compared)
    else:
        session.note("avn-differs", *compared, sets=TVR.APPLICATION_VERSIONS_DIFFER)


def _application_usage_control(session: Session) -> None:
    """Spec: Book 3 §10.4.2, table 36."""
    value = session.data.get(APPLICATION_USAGE_CONTROL_9F07)
    if value is None:
        session.note("auc-absent")
        return
    allowed = AUC(int.from_bytes(value, "big"))
    looked_at = (APPLICATION_USAGE_CONTROL_9F07, ISSUER_COUNTRY_CODE_5F28, TERMINAL_COUNTRY_CODE_9F1A)
    fine = True
    for word, any_of in _needed(session):
        if not allowed & any_of:
            fine = False
            session.note(word, *looked_at, sets=TVR.SERVICE_NOT_ALLOWED)
    if fine:
        session.note("auc-allows", *looked_at)


def _needed(session: Session) -> Iterator[tuple[str, AUC]]:
    """What the usage control must allow: the rule that is broken if it does not, and the bits of which one will do."""
    if session.terminal.cash_machine:
        yield "auc-not-at-cash-machines", AUC.ATM
    else:
        yield "auc-only-at-cash-machines", AUC.OTHER_THAN_ATM
    country = session.data.get(ISSUER_COUNTRY_CODE_5F28)
    if country is None:
        return  # Without the issuer's country only the place counts.
    at_home = country == session.data[TERMINAL_COUNTRY_CODE_9F1A]
    kind = session.transaction.kind
    if kind == TransactionType.CASH:
        yield "auc-no-cash", AUC.DOMESTIC_CASH if at_home else AUC.INTERNATIONAL_CASH
    if kind in (TransactionType.PURCHASE, TransactionType.CASHBACK):
        # Goods or services: a shop's terminal does not know which it sells, so either bit will do.
        home, abroad = AUC.DOMESTIC_GOODS | AUC.DOMESTIC_SERVICES, AUC.INTERNATIONAL_GOODS | AUC.INTERNATIONAL_SERVICES
        yield "auc-no-purchase", home if at_home else abroad
    if session.transaction.other_minor:
        yield "auc-no-cashback", AUC.DOMESTIC_CASHBACK if at_home else AUC.INTERNATIONAL_CASHBACK


def _dates(session: Session) -> None:
    """Spec: Book 3 §10.4.3; both days themselves are within."""
    today = card_date(session.data[TRANSACTION_DATE_9A], "transaction date")
    effective = session.data.get(APPLICATION_EFFECTIVE_DATE_5F25)
    if effective is None:
        session.note("effective-date-absent")
    elif card_date(effective, "effective date") > today:
        session.note(
            "not-yet-effective",
            APPLICATION_EFFECTIVE_DATE_5F25,
            TRANSACTION_DATE_9A,
            sets=TVR.APPLICATION_NOT_YET_EFFECTIVE,
        )
    else:
        session.note("effective", APPLICATION_EFFECTIVE_DATE_5F25, TRANSACTION_DATE_9A)
    if card_date(session.data[APPLICATION_EXPIRATION_DATE_5F24], "expiration date") < today:
        session.note("expired", APPLICATION_EXPIRATION_DATE_5F24, TRANSACTION_DATE_9A, sets=TVR.EXPIRED_APPLICATION)
    else:
        session.note("not-expired", APPLICATION_EXPIRATION_DATE_5F24, TRANSACTION_DATE_9A)
