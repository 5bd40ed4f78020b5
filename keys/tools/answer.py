"""What a command answers: facts for programs and lines for people, both without any key."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Protocol

from keys.tools.key_input import Keyboard


@dataclass(frozen=True, slots=True)
class Answer:
    """`facts` is what --json prints."""

    facts: dict[str, object]
    lines: tuple[str, ...]


class Command(Protocol):
    """A module of commands. `run` raises KeyRefused and OSError for what is refused."""

    def add_arguments(self, command: str, parser: argparse.ArgumentParser) -> None: ...

    def run(self, args: argparse.Namespace, keyboard: Keyboard) -> Answer: ...
