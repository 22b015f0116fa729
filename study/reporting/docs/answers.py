"""What a table decides, in sentences that carry their intervals."""

from collections.abc import Iterator

from sslcl.errors import listed
from study.reporting.comparison_table import ComparisonTable, asked, interval_text
from study.reporting.phrases import plural
from tracking.rows import ComparisonRow

_DECIDED = {"better": "Better than the reference", "worse": "Worse than the reference"}
_MOST_NAMED = 6
"""Rows that a sentence names before it says how many more there are."""


def answers(table: ComparisonTable) -> Iterator[str]:
    """A sentence for each planned question; without any, one for each verdict."""
    tested = [row for row in table.rows if not row.is_reference and row.difference is not None]
    planned = [row for row in tested if row.question is not None]
    if planned:
        for row in planned:
            yield f"{asked(row)} {_measured(table, row)}: {table.verdict_of(row)}."
        return
    if not tested:
        yield "Nothing could be tested against the reference."
        return
    by_verdict: dict[str, list[ComparisonRow]] = {}
    for row in tested:
        by_verdict.setdefault(table.verdict_of(row), []).append(row)
    if not _DECIDED.keys() & by_verdict.keys():
        yield f"None of {plural(len(tested), 'change')} is shown to be better or worse."
    for verdict, words in _DECIDED.items():
        if verdict in by_verdict:
            yield f"{words}: {_named(table, by_verdict.pop(verdict))}."
    for verdict, rows in by_verdict.items():
        yield f"{verdict.capitalize()}: {_named(table, rows)}."


def _named(table: ComparisonTable, rows: list[ComparisonRow]) -> str:
    rows = sorted(rows, key=lambda row: -abs(row.difference or 0.0))
    return listed([_measured(table, row) for row in rows], _MOST_NAMED)


def _measured(table: ComparisonTable, row: ComparisonRow) -> str:
    """Such as ``batch_size=8 +1.24 [-0.30, +2.78]``."""
    difference = table.unit.number(row.difference, signed=True)
    return f"{table.change_of(row)} {difference} {interval_text(row)}"
