"""`python -m conformance`: the report (make conformance) and the mutants (make mutation)."""

from __future__ import annotations

import argparse
import os
import sys

from conformance.matrix import print_mutation


def main(arguments: list[str] | None = None) -> int:
    """Exit status 0; 1 if a case failed, a requirement has neither case nor reason, a survivor is not explained."""
    parser = argparse.ArgumentParser(prog="python -m conformance", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    report = commands.add_parser("report", help="each requirement, its cases, their results")
    report.add_argument("--json", action="store_true", help="one object on one line")
    mutation = commands.add_parser("mutation", help="which mutants the cases kill")
    mutation.add_argument("modules", nargs="*", help="such as emv.cvm; else all of them, and what each case kills")
    mutation.add_argument("--write", action="store_true", help="write kills.toml")
    mutation.add_argument("--fresh", action="store_true", help="without what earlier runs kept in build/mutation")
    mutation.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args(arguments)
    if options.command == "mutation":
        return print_mutation(options.modules, jobs=options.jobs, write=options.write, fresh=options.fresh)
    # Not above: a process that has imported the kernel cannot change it.
    from conformance.report import print_report

    return print_report(as_json=options.json)


if __name__ == "__main__":
    sys.exit(main())
