"""Processing restrictions: version, usage control, dates. Nothing ends here; each finding is a bit of the
TVR.

Spec: EMV 4.4 Book 3 §10.4 (processing restrictions).
"""

from __future__ import annotations

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
    """Spec: Book 3 §10.4.2."""
    value = session.data.get(APPLICATION_USAGE_CONTROL_9F07)
    if value is None:
        return
    allowed = AUC(int.from_bytes(value, "big"))
    needed: list[AUC] = [AUC.ATM if session.terminal.cash_machine else AUC.OTHER_THAN_ATM]
    country = session.data.get(ISSUER_COUNTRY_CODE_5F28)
    if country is not None:
        domestic = country == session.data[TERMINAL_COUNTRY_CODE_9F1A]
        if session.transaction.kind == TransactionType.CASH:
            needed.append(AUC.DOMESTIC_CASH if domestic else AUC.INTERNATIONAL_CASH)
        elif session.transaction.kind in (TransactionType.PURCHASE, TransactionType.CASHBACK):
            # Goods or services: a shop's terminal does not know which it sells, so either bit will do.
            needed.append(
                AUC.DOMESTIC_GOODS | AUC.DOMESTIC_SERVICES
                if domestic
                else AUC.INTERNATIONAL_GOODS | AUC.INTERNATIONAL_SERVICES
            )
        if session.transaction.other_minor:
            needed.append(AUC.DOMESTIC_CASHBACK if domestic else AUC.INTERNATIONAL_CASHBACK)
    if any(not allowed & bits for bits in needed):
        session.tvr |= TVR.SERVICE_NOT_ALLOWED


def _dates(session: Session) -> None:
    """Spec: Book 3 §10.4.3."""
    today = card_date(session.data[TRANSACTION_DATE_9A], "transaction date")
    effective = session.data.get(APPLICATION_EFFECTIVE_DATE_5F25)
    if effective is not None and card_date(effective, "effective date") > today:
        session.tvr |= TVR.APPLICATION_NOT_YET_EFFECTIVE
    if card_date(session.data[APPLICATION_EXPIRATION_DATE_5F24], "expiration date") < today:
        session.tvr |= TVR.EXPIRED_APPLICATION
