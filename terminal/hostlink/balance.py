"""Field 54 of a balance's answer: account type (2), amount type (2), currency (3), C or D, amount (12).

Spec: docs/host-link.md §2 (F54).
"""

from __future__ import annotations

import re

from terminal.hostlink.codec import FrameError
from terminal.model import AMOUNT_MAX_MINOR, CNY, Money

_F54 = re.compile(r"[0-9]{4}(?P<currency>[0-9]{3})(?P<sign>[CD])(?P<amount>[0-9]{12})")


def read_balance(f54: str) -> Money:
    """The first amount; what is overdrawn (D) is negative. Raises FrameError for anything else.

    >>> str(read_balance("1002156C000000012850"))
    '128.50'
    """
    found = _F54.match(f54)
    if found is None or found["currency"] != CNY.numeric:
        raise FrameError(54, 0, "no amount in our currency")
    amount_minor = int(found["amount"])
    if amount_minor > AMOUNT_MAX_MINOR:
        raise FrameError(54, 8, "an amount that is too large")
    return Money(-amount_minor if found["sign"] == "D" else amount_minor)
