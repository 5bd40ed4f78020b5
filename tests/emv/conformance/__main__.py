"""`python -m conformance`: the report (make conformance) and the mutants (make mutation)."""

from __future__ import annotations

import argparse
import os
import sys

from conformance.mutation import DECIDING, OTHERS, print_mutation


def main(arguments: list[str] | None = None) -> int:
    """Exit status 0; 1 if a case failed, a requirement has neither case nor reason, a survivor is not explained."""
    parser = argparse.ArgumentParser(prog="python -m conformance", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    report = commands.add_parser("report", help="each requirement, its cases, their results")
    report.add_argument("--json", action="store_true", help="one object on one line")
    mutation = commands.add_parser("mutation", help="which mutants the cases kill")
    mutation.add_argument("modules", nargs="*", help="such as emv.cvm; else those that decide, with --matrix all")
    mutation.add_argument("--matrix", action="store_true", help="two killers of each mutant, and the idle cases")
    mutation.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args(arguments)
    if options.command == "mutation":
        modules = options.modules or [*DECIDING, *(OTHERS if options.matrix else ())]
        return print_mutation(modules, jobs=options.jobs, matrix=options.matrix)
    # Not above: a process that has imported the kernel cannot change it.
    from conformance.report import print_report

    return print_report(as_json=options.json)


if __name__ == "__main__":
    sys.exit(main())
