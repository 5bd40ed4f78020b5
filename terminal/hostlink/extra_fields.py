"""The fields that only one kind of transaction has, for `card_request`'s `extra`: F62 of an order and an
instalment, F48 of a tip.

Acquirers fill field 62 each in their own way [A]; this is how we fill it.
Spec: docs/host-link.md §3.
"""

from __future__ import annotations

from collections.abc import Mapping

from terminal.hostlink.free_data import Terms, write_terms

CVV2_TAG = "CV"  # Then its length in three digits, as in field 59.
CVV2_DIGITS = 3


def cvv2_field(digits: bytes | bytearray) -> Mapping[int, str | bytes]:
    """F62 of an order whose cardholder has read out the number on the back of the card.

    >>> cvv2_field(b"123")
    {62: b'CV003123'}
    """
    return {62: CVV2_TAG.encode("ascii") + b"%03d" % len(digits) + bytes(digits)}


def instalment_field(terms: str, product: str, fee: str) -> Mapping[int, str | bytes]:
    """F62 of an instalment sale: number of months (2 digits), plan (30 characters), how the fee is paid (1 digit).

    >>> instalment_field("12", "SPRING", "0")[62]
    b'12SPRING                        0'
    """
    return {62: write_terms(Terms(terms, product, fee))}


def tip_field(amount_minor: int) -> Mapping[int, str | bytes]:
    """F48 of a tip: the tip, which field 4 says too.

    >>> tip_field(1000)
    {48: '000000001000'}
    """
    return {48: f"{amount_minor:012d}"}
