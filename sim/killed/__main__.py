"""`python -m sim.killed`: what `python -m sim killed` runs."""

from __future__ import annotations

import argparse
import sys

from sim.killed.command import add_arguments, run

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m sim.killed")
    add_arguments(parser)
    sys.exit(run(parser.parse_args()))
