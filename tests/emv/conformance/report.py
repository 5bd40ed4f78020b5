"""`make conformance`: each requirement, the cases that show it, and what came of them."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass

from conformance.case import Case, cases
from conformance.matrix import kills, only_cases
from conformance.requirements import PROVENANCE, Requirement, requirements
from conformance.runner import run


@dataclass(frozen=True, slots=True)
class Report:
    """Every requirement with its cases; `failed` maps a case to what differed."""

    shown: dict[str, list[Case]]
    failed: dict[str, list[str]]

    def result(self, row: Requirement) -> str:
        if not self.shown[row.id]:
            return "no case" if row.no_case else "MISSING"
        return "FAILED" if any(case.id in self.failed for case in self.shown[row.id]) else "passed"


def make_report() -> Report:
    """Runs every case."""
    shown: dict[str, list[Case]] = {name: [] for name in requirements()}
    failed = {}
    for case in cases():
        for name in case.shows:
            shown[name].append(case)
        differences = run(case)
        if differences:
            failed[case.id] = differences
    return Report(shown, failed)


def _place(case: Case) -> str:
    """How a case earns its place."""
    if case.id in kills():
        return "kill a mutant that no other kills"
    return "are the only one of a requirement" if case.id in only_cases() else "say why they stand"


def counts(report: Report) -> dict[str, object]:
    rows = requirements().values()
    return {
        "requirements": len(rows),
        "by_provenance": {words: sum(row.provenance == word for row in rows) for word, words in PROVENANCE.items()},
        "section_not_sure": sum(row.section == "?" for row in rows),
        "results": dict(Counter(report.result(row) for row in rows)),
        "cases": dict(Counter(_place(case) for case in cases())),
        "cases_failed": len(report.failed),
    }


def print_table(report: Report) -> None:
    for row in requirements().values():
        print(f"{row.id:<22} {report.result(row):<8} {row.spec:<26} {PROVENANCE[row.provenance]}")
        print(f"    {row.says}")
        for case in report.shown[row.id]:
            print(f"    {'FAILED' if case.id in report.failed else 'passed'}  {case.id}")
            for difference in report.failed.get(case.id, []):
                print(f"            {difference}")
        if row.no_case:
            print(f"    no case: {row.no_case}")
    print()
    for word, value in counts(report).items():
        shown = ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else value
        print(f"{word.replace('_', ' '):<18} {shown}")


def print_json(report: Report) -> None:
    """One object on one line, as the other tools do it."""
    rows = [
        {
            "id": row.id,
            "spec": row.spec,
            "provenance": PROVENANCE[row.provenance],
            "says": row.says,
            "result": report.result(row),
            "cases": [case.id for case in report.shown[row.id]],
            "no_case": row.no_case,
        }
        for row in requirements().values()
    ]
    print(json.dumps({"requirements": rows, "failed": report.failed, **counts(report)}, ensure_ascii=False))


def print_report(*, as_json: bool) -> int:
    """Exit status 1 if a case failed or a requirement has neither case nor reason."""
    report = make_report()
    if as_json:
        print_json(report)
    else:
        print_table(report)
    missing = any(report.result(row) == "MISSING" for row in requirements().values())
    return 1 if report.failed or missing else 0
