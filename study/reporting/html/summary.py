"""The summary and the methods paragraph, in sentences."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from sslcl.errors import listed
from study.analysis.reading import PhaseReading
from study.reporting.comparison_table import ComparisonTable
from study.reporting.marks import NOT_CONVERGED, score_notes
from study.reporting.phrases import plural, points
from study.reporting.units import unit_of
from tracking.costs import COSTS
from tracking.records import Phase, Status
from tracking.rows import ComparisonRow

_NUMBERS = (
    "None", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten", "Eleven",
    "Twelve",
)  # fmt: skip
_NAMED = 5
"""Rows that a sentence names before it says how many more there are."""
_Counts = Mapping[tuple[Phase, Status], int]


def spelt(count: int) -> str:
    """The count as a sentence begins with it: in words up to twelve."""
    return _NUMBERS[count] if count < len(_NUMBERS) else f"{count:,}"


def summary_sentences(table: ComparisonTable, reading: PhaseReading) -> Iterator[str]:
    """The results in sentences: the reference's score, then the rows by verdict."""
    base = next((row for row in table.rows if row.is_reference), None)
    unit = table.unit
    if base is not None:
        spread = unit.spread(base.mean, base.sd)
        name = f" ({base.level})" if base.level else ""
        over = f"over {plural(base.n, 'seed')}"
        if table.metric in COSTS:
            yield f"{unit.heading}, of the reference{name}: {spread}, {over}."
        else:
            where = f"the test split of {reading.study_row.dataset}"
            yield f"The reference{name} scores {spread} {unit.title} on {where}, {over}."
    yield from verdicts([replace(row, verdict=table.verdict_of(row) or None) for row in table.rows])
    yield from score_notes(reading, table.metric, table.marks)
    if reading.study_row.environment.get("synthetic"):
        yield "The data are generated: these numbers show how the method behaves, on no real task."


def verdicts(rows: Sequence[ComparisonRow]) -> Iterator[str]:
    """One sentence for each verdict, with the rows it holds for."""
    tested = [row for row in rows if not row.is_reference and row.verdict is not None]
    if not tested:
        yield "No configuration could be tested against the reference."
        return
    total = len(tested)
    by_verdict = {
        name: sorted((r for r in tested if r.verdict == name), key=lambda r: r.difference or 0.0)
        for name in ("worse", "better", "equivalent", "not shown")
    }
    of = f"of {plural(total, 'change')}"
    sure = {"worse": by_verdict["worse"], "better": by_verdict["better"][::-1]}
    so_far = [row for row in tested if (row.verdict or "").endswith(("so far", NOT_CONVERGED))]
    if not any(sure.values()):
        yield f"None {of} makes the reference worse or better beyond doubt."
    for name, rows_of_verdict in sure.items():
        if rows_of_verdict:
            verb = "makes" if len(rows_of_verdict) == 1 else "make"
            yield (
                f"{spelt(len(rows_of_verdict))} {of} {verb} the reference {name} beyond doubt: "
                f"{_named(rows_of_verdict)}."
            )
    if so_far:
        names = listed([f"{row.cell} {row.verdict}" for row in so_far], _NAMED)
        yield f"Trained too short, and so no verdict yet: {names}."
    same, open_ = by_verdict["equivalent"], by_verdict["not shown"]
    if same:
        margin = points(f"{100 * (same[0].smallest_difference or 0.0):g}")
        verb = "is" if len(same) == 1 else "are"
        names = listed([row.cell for row in same], _NAMED)
        yield f"{spelt(len(same))} {verb} equivalent to it within {margin}: {names}."
    if open_:
        verb = "is" if len(open_) == 1 else "are"
        names = listed([row.cell for row in open_], _NAMED)
        yield (
            f"{spelt(len(open_))} {verb} not shown either way, which is no claim that there is no "
            f"difference: {names}."
        )


def search_words(counts: _Counts) -> str:
    """What the search did, or an empty string where there was none."""
    search = {status: n for (phase, status), n in counts.items() if phase is Phase.SEARCH}
    total = sum(search.values())
    if not total:
        return ""
    parts = [f"{n:,} {status.value.lower()}" for status, n in search.items() if n]
    return f"The search holds {plural(total, 'trial')}: {', '.join(parts)}."


def _named(rows: Sequence[ComparisonRow]) -> str:
    return listed([f"{row.cell} ({_difference(row)})" for row in rows], _NAMED)


def _difference(row: ComparisonRow) -> str:
    return unit_of(row.metric).number(row.difference, signed=True)
