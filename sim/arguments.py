"""Arguments that several of the simulator's commands take, and what is said of a file that cannot be had."""

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


def why(error: Exception) -> str:
    """Which file, and what is wrong with it, without the number that only a program wants.

    >>> why(FileNotFoundError(2, "No such file or directory", "mine.yaml")), why(ValueError("no YAML"))
    ('mine.yaml: No such file or directory', 'no YAML')
    """
    if not isinstance(error, OSError) or error.strerror is None:
        return str(error)
    return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
