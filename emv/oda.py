"""Offline data authentication: not in yet, and therefore reported as not performed, never faked.

The terminal's 9F33 claims neither SDA, DDA, CDA nor XDA (`TerminalProfile` refuses it), so by the Books no
method is selected, TVR says so, TSI says nothing, and the terminal type is online only.

Spec: EMV 4.4 Book 3 §10.3 (offline data authentication).
"""

from __future__ import annotations

from emv.bits import TVR
from emv.commands import PinKey
from emv.session import Session


def offline_data_authentication(session: Session) -> None:
    """Sets the TVR's first bit, as when card and terminal share no method. Spec: Book 3 §10.3."""
    session.tvr |= TVR.OFFLINE_DATA_AUTHENTICATION_NOT_PERFORMED
    session.left_out("Offline data authentication")


def icc_pin_key(session: Session) -> PinKey | None:
    """The card's key for enciphering a PIN; none, because no certificate is checked yet. Spec: Book 2 §7.1."""
    session.left_out("Offline PIN encipherment")
    return None
