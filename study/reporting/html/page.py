"""The page: which sections it has, in which order, and how it is written."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from sslcl.errors import InputError
from sslcl.files import write_whole
from study.analysis.design_kind import is_factorial
from study.analysis.reading import REPORTED, PhaseReading
from study.reporting.comparison_table import ComparisonTable
from study.reporting.figures.forest_plot import MOST_ROWS, forest_picture
from study.reporting.fold_table import fold_table
from study.reporting.html.curves import curves_section
from study.reporting.html.elements import PageSection
from study.reporting.html.heatmaps import confusion_section, gains_section, similarity_section
from study.reporting.html.pareto import pareto_section
from study.reporting.html.provenance import facts_section, failures_section, findings_section
from study.reporting.html.summary import search_words, summary_sentences
from study.reporting.html.templates import html_page
from study.reporting.importance_table import importance_table
from study.reporting.report import ReportOptions, comparison_table, effects_of
from study.reporting.table import Table
from study.stats.names import metric_of, tables_of
from tracking.costs import COSTS
from tracking.home import Home
from tracking.ledger import Ledger
from tracking.ledger.summaries import status_counts
from tracking.rows import StudyRow


def html_report(ledger: Ledger, study_name: str, home: Home) -> str:
    """Everything that a study showed, as one HTML page that loads nothing.

    The same ledger gives the same page. What is drawn is bounded, so that the page stays small
    and quick however many trials the study has; the page says what was left out.

    Args:
        ledger: the results database.
        study_name: name of the study.
        home: where it ran; effects are kept there, and the page names the command that makes it.

    Raises:
        InputError: for an unknown study.
    """
    study_row = ledger.study(study_name)
    readings = [PhaseReading.of(ledger, study_name, phase) for phase in REPORTED]
    sections = list(_sections(study_row, [r for r in readings if r.cells], ledger, home))
    return html_page(study_row, sections)


def save_html(ledger: Ledger, study_name: str, home: Home) -> Path:
    """Write the page to its place in the study's reports, whole or not at all."""
    path = home.page(study_name)
    write_whole(path, html_report(ledger, study_name, home))
    return path


def _sections(
    study_row: StudyRow, readings: list[PhaseReading], ledger: Ledger, home: Home
) -> Iterator[PageSection]:
    counts = status_counts(ledger.engine, study_row.name)
    searched = search_words(counts)
    methods = ""
    if readings:
        reading = readings[0]
        table = comparison_table(reading, ReportOptions())
        methods = table.methods
        yield PageSection("summary", "Summary", [*summary_sentences(table, reading), searched])
        yield from _compared(reading, table, home)
        for other in readings[1:]:
            yield _comparisons(other, comparison_table(other, ReportOptions()))
    else:
        nothing = "No trial of the confirmation or the ablation has finished yet."
        yield PageSection("summary", "Summary", [nothing, searched])
    if study_row.spec.get("search"):
        yield _importance(ledger, study_row.name)
    yield findings_section(ledger, study_row)
    yield failures_section(ledger, study_row, counts)
    yield facts_section(study_row, counts, home)
    if methods:
        yield PageSection("methods", "Methods", ["Ready to paste:"], paste=methods)


def _compared(reading: PhaseReading, table: ComparisonTable, home: Home) -> Iterator[PageSection]:
    """All that rests on the finished trials of one phase."""
    yield _comparisons(reading, table)
    scored = table
    if table.metric in COSTS:
        scored = comparison_table(reading, ReportOptions(metric=metric_of(reading.study_row.spec)))
    if len(reading.folds) > 1:
        folds = fold_table(reading, scored.metric)
        yield PageSection("folds", folds.title, tables=[folds])
    yield _forest(table)
    if is_factorial(reading):
        yield _effects(reading, home)
    yield pareto_section(scored)
    yield confusion_section(reading)
    yield gains_section(reading, [row.cell for row in table.rows if not row.is_reference])
    yield similarity_section(reading.ledger, reading)
    yield curves_section(reading.ledger, reading)


def _comparisons(reading: PhaseReading, table: ComparisonTable) -> PageSection:
    """The comparisons of a phase, those of the other metrics folded."""
    others = [
        comparison_table(reading, ReportOptions(metric=metric)).as_table()
        for metric in tables_of(reading.study_row.spec)
        if metric != table.metric
    ]
    folded = [
        replace(other, title=f"{other.title}: {other.heading[3].partition(',')[0]}")
        for other in others
    ]
    title = table.title.partition(" of ")[0]
    return PageSection(reading.phase.value, title, tables=[table.as_table()], folded=folded)


def _forest(table: ComparisonTable) -> PageSection:
    title, drawn = "Differences to the reference", forest_picture(table)
    if drawn is None:
        return PageSection("forest", title, ["There is no difference to draw."])
    differences = [r for r in table.rows if r.difference is not None and not r.is_reference]
    left = len(differences) - MOST_ROWS
    notes = [f"{left} more rows are not drawn; they are in the table."] if left > 0 else []
    return PageSection("forest", title, [], [drawn], notes=notes)


def _effects(reading: PhaseReading, home: Home) -> PageSection:
    def make() -> Table:
        return effects_of(reading, ReportOptions(), home)

    return _table_or_reason("effects", "Effects of the factors", make)


def _importance(ledger: Ledger, study_name: str) -> PageSection:
    def make() -> Table:
        return importance_table(ledger, study_name)

    return _table_or_reason("importance", "Importance in the search", make)


def _table_or_reason(anchor: str, title: str, make: Callable[[], Table]) -> PageSection:
    """The table, or why there is none."""
    try:
        return PageSection(anchor, title, tables=[make()])
    except InputError as error:
        return PageSection(anchor, title, [f"Not shown: {error}."])
