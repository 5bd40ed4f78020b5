"""`python -m sim certs`: the simulator's authority, the acquirer's certificate and the terminal's, in a folder.

What it prints is the piece of zhanggui.toml that makes a terminal use them, and the acquirer's command.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from sim.tls import VALID_DAYS, make_certificates


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="DIR", help="made if it is not there; old files are replaced")
    parser.add_argument("--json", action="store_true", help="the files as one JSON object")


def run(args: argparse.Namespace) -> int:
    """0: written; 1: cannot be written."""
    folder: Path = args.folder.absolute()
    try:
        files = make_certificates(folder)
    except OSError as error:
        print(f"certs: {error}", file=sys.stderr)
        return 1
    terminal = {
        "ca": str(files.ca),
        "cert": str(files.client),
        "key": str(files.client_key),
        "server_name": files.server_name,
    }
    if args.json:
        print(json.dumps({"folder": str(folder), "days": VALID_DAYS, "terminal": terminal}, ensure_ascii=False))
        return 0
    print(f"# {VALID_DAYS} 天有效，仅供试验 / valid for {VALID_DAYS} days, for trying things out only")
    print(f"# python -m sim acquirer --tls {folder} --client-cert")
    print("[link.tls]\non = true")
    for name, value in terminal.items():
        print(f"{name} = {json.dumps(value, ensure_ascii=False)}")
    return 0
