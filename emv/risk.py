"""Terminal risk management: the floor limit. What an online-only terminal gains nothing from is left out, and
said.

Random selection and velocity checking send offline transactions online; here every transaction goes online.

Spec: EMV 4.4 Book 3 §10.6 (terminal risk management), Book 4 §6.3.5.
"""

from __future__ import annotations

from emv.bits import AIP, TSI, TVR
from emv.session import Session
from emv.tags import APPLICATION_INTERCHANGE_PROFILE_82


def terminal_risk_management(session: Session) -> None:
    """Sets the TVR's fourth byte; TSI says that it was performed only if the floor limit was checked."""
    session.left_out("Random transaction selection")
    session.left_out("Velocity checking")
    session.left_out("Exception file")
    if session.transaction.forced_online:
        session.tvr |= TVR.MERCHANT_FORCED_ONLINE
    profile = AIP(int.from_bytes(session.data[APPLICATION_INTERCHANGE_PROFILE_82], "big"))
    if not profile & AIP.TERMINAL_RISK_MANAGEMENT:
        session.left_out("Terminal risk management")
        return
    # Equal to the limit exceeds it. Spec: Book 3 §10.6.1. No log of earlier payments by this card is kept
    # yet.
    if session.transaction.amount_minor >= session.selected().floor_limit_minor:
        session.tvr |= TVR.FLOOR_LIMIT_EXCEEDED
    session.tsi |= TSI.TERMINAL_RISK_MANAGEMENT_PERFORMED
    session.performed("Terminal risk management")
