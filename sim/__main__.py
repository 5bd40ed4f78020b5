"""The simulator's command line: the panel, the parts of the world one by one, and days in virtual time."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

from sim.takes import instead
from terminal.tools.ending import exit_status

# name: (module with add_arguments(parser) and run(args), help)
COMMANDS = {
    "panel": ("sim.panel.command", "a working terminal in your browser, with the whole world around it"),
    "demo": ("sim.demo", "a short day without a browser; every screen and slip as PNG and text"),
    "day": ("sim.day", "a trading day in virtual time, from one seed"),
    "swarm": ("sim.swarm.command", "many worlds with every fault, each watched by checkers of money"),
    "replay": ("sim.swarm.replay", "a recording, or one world of the swarm, again to the byte"),
    "scenario": ("sim.scenario.command", "stories from files, told in virtual time; each says how it ended"),
    "api": ("sim.api.command", "a world over HTTP, for tests in any language"),
    "acquirer": ("sim.acquirer.command", "the acquirer on a TCP port"),
    "gateways": ("sim.gateways.command", "the wallets' own gateways, for a shop with contracts of its own"),
    "certify": ("sim.certify.command", "an acquirer's certification script against a terminal, and a signed report"),
    "gallery": ("sim.gallery.command", "every screen and slip on one page; what a change has made of them"),
    "proxy": ("sim.proxy", "a network that breaks, between any terminal and any host"),
    "legibility": ("sim.legibility", "how often a phone reads the codes that are drawn and printed"),
    "certs": ("sim.certs", "certificates of the simulator's authority for acquirer and terminal"),
    "key-host": ("sim.key_host_command", "the host that sends a terminal its key, by files"),
    "card": ("sim.card.command", "a virtual card in a vpcd reader"),
    "killed": ("sim.killed.command", "the terminal in a process of its own that dies at a chosen moment"),
    "handheld": ("sim.handheld", "the terminal with a twin on each wire, driven by JSON lines"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Only the module of the command that was asked for is imported."""
    words = list(sys.argv[1:] if argv is None else argv)
    parser = argparse.ArgumentParser(prog="python -m sim", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (module_name, words_of_help) in COMMANDS.items():
        command = commands.add_parser(name, help=words_of_help, description=words_of_help)
        if name in words[:1]:
            importlib.import_module(module_name).add_arguments(command)
    if words and not words[0].startswith("-") and words[0] not in COMMANDS:
        parser.error(f"there is no {words[0]}; {instead(words[0], COMMANDS)}")
    args = parser.parse_args(words)
    status: int = importlib.import_module(COMMANDS[args.command][0]).run(args)
    return status


if __name__ == "__main__":
    sys.exit(exit_status(main))
