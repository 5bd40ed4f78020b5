"""`python -m conformance`: the report (make conformance) and the mutants (make mutation)."""

from __future__ import annotations

import argparse
import sys

from conformance.report import make_report, print_json, print_table
from conformance.requirements import requirements


def main(arguments: list[str] | None = None) -> int:
    """Exit status 0, 1 if a case failed or a requirement has neither case nor reason."""
    parser = argparse.ArgumentParser(prog="python -m conformance", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one object on one line")
    options = parser.parse_args(arguments)
    report = make_report()
    if options.json:
        print_json(report)
    else:
        print_table(report)
    bad = report.failed or any(report.result(row) == "MISSING" for row in requirements().values())
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
