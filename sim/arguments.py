"""Arguments that several of the simulator's commands take."""

from __future__ import annotations

import argparse


def port_number(text: str) -> int:
    """A TCP port for argparse; 0 lets the system choose.

    >>> port_number("8086")
    8086

    Raises argparse.ArgumentTypeError.
    """
    if not text.isascii() or not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"a port is a number from 0 to 65535, not {text!r}")
    return int(text)
