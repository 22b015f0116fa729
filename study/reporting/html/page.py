"""The page: which sections it has, in which order, and how it is written."""

from collections.abc import Iterator
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from study.analysis.comparisons import REPORTED, PhaseReading
from study.reporting.comparison_table import (
    MISSING,
    Table,
    interval,
    metric_title,
    p_heading,
    p_text,
    percent,
)
from study.reporting.html.curves import curves_section
from study.reporting.html.elements import Cell, Entry, Grid, Kind, Section
from study.reporting.html.factors import effects_section, importance_section
from study.reporting.html.forest import MOST_ROWS, forest_picture
from study.reporting.html.heatmaps import confusion_section, gains_section, similarity_section
from study.reporting.html.pareto import pareto_section
from study.reporting.html.provenance import facts_section, failures_section, findings_section
from study.reporting.html.summary import search_words, summary
from study.reporting.report import report_table
from study.stats.metrics import METRICS
from tracking.home import Home
from tracking.ledger import Ledger
from tracking.ledger.summaries import status_counts
from tracking.rows import ComparisonRow, StudyRow

_MARK: dict[str, str] = {"better": "▲", "worse": "▼", "equivalent": "■", "not shown": "○"}
_KIND: dict[str, Kind] = {
    "better": "better",
    "worse": "worse",
    "equivalent": "equivalent",
    "not shown": "not-shown",
}


def html_report(ledger: Ledger, study: str, home: Path) -> str:
    """Everything that a study showed, as one HTML page that loads nothing.

    The same ledger gives the same page. What is drawn is bounded, so that the page stays small
    and quick however many trials the study has; what was left out is said where it was.

    Args:
        ledger: the results database.
        study: name of the study.
        home: its folder, to tell the command that makes the page again.

    Raises:
        InputError: for an unknown study.
    """
    row = ledger.study(study)
    readings = [PhaseReading.of(ledger, study, phase) for phase in REPORTED]
    sections = list(_sections(ledger, row, [r for r in readings if r.cells], home))
    environment = Environment(
        loader=PackageLoader("study.reporting.html", "."),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    style = environment.loader.get_source(environment, "style.css")[0]  # type: ignore[union-attr]
    page = environment.get_template("report.html.j2")
    return page.render(study=row, style=Markup(style), sections=sections)


def save_html(ledger: Ledger, study: str, home: Path) -> Path:
    """Write the page to ``home/reports/<study>/report.html``, whole or not at all."""
    path = Home(home).page(study)
    text = html_report(ledger, study, home)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)
    return path


def _sections(
    ledger: Ledger, study: StudyRow, readings: list[PhaseReading], home: Path
) -> Iterator[Section]:
    counts = status_counts(ledger.engine, study.name)
    searched = search_words(counts)
    if readings:
        reading = readings[0]
        table = report_table(ledger, study.name, phase=reading.phase)
        yield Section("summary", "Summary", [*summary(table, reading), searched], notes=table.notes)
        yield from _compared(ledger, reading, table)
        for other in readings[1:]:
            yield _tables(ledger, other, report_table(ledger, study.name, phase=other.phase))
    else:
        nothing = "No trial of the confirmation or the ablation has finished yet."
        yield Section("summary", "Summary", [nothing, searched])
    decided = importance_section(ledger, study)
    if decided is not None:
        yield decided
    yield findings_section(ledger, study)
    yield failures_section(ledger, study, counts)
    yield facts_section(study, counts, home)
    if readings:
        words = ["Ready to paste:"]
        yield Section("methods", "Methods", words, paste=table.methods)


def _compared(ledger: Ledger, reading: PhaseReading, table: Table) -> Iterator[Section]:
    """All that rests on the finished trials of one phase."""
    yield _tables(ledger, reading, table)
    yield _forest(table)
    effects = effects_section(reading, table.metric)
    if effects is not None:
        yield effects
    yield pareto_section(table)
    yield confusion_section(reading)
    yield gains_section(reading, [row.cell for row in table.rows if not row.is_reference])
    yield similarity_section(ledger, reading)
    yield curves_section(ledger, reading)


def _tables(ledger: Ledger, reading: PhaseReading, table: Table) -> Section:
    grids = [comparison_grid(table)]
    for metric in METRICS:
        if metric != table.metric:
            other = report_table(ledger, reading.study.name, phase=reading.phase, metric=metric)
            grids.append(comparison_grid(other, folded=True))
    title = table.title.partition(" of ")[0]
    return Section(reading.phase.value, title, grids=grids, notes=[table.caption])


def _forest(table: Table) -> Section:
    title, drawn = "Differences to the reference", forest_picture(table)
    if drawn is None:
        return Section("forest", title, ["There is no difference to draw."])
    left = sum(row.difference is not None and not row.is_reference for row in table.rows)
    left -= MOST_ROWS
    notes = [f"{left} more rows are not drawn; they are in the table."] if left > 0 else []
    return Section("forest", title, [], [drawn], notes=notes)


def comparison_grid(table: Table, *, folded: bool = False) -> Grid:
    """The comparison table with verdicts and effect sizes."""
    score = metric_title(table.metric)
    heading = (
        "Factor", "Level", "n", f"{score}, %", "Difference", "95 % CI", p_heading(table.rows),
        "Effect size", "Verdict", "s/trial",
    )  # fmt: skip
    rows: list[tuple[Entry, ...]] = []
    for factor, members in table.groups():
        level = table.reference_levels.get(factor)
        first = factor if level is None else f"{factor} ({level})"
        for index, row in enumerate(members):
            rows.append((first if index == 0 else "", row.level, *_numbers(row)))
    strong = frozenset(i for i, row in enumerate(table.rows) if row.is_reference)
    return Grid(f"{table.title}: {score}", heading, tuple(rows), 2, strong, folded)


def _numbers(row: ComparisonRow) -> tuple[Entry, ...]:
    spread = "" if row.sd is None else f" ± {percent(row.sd)}"
    size = MISSING if row.effect_size is None else f"{row.effect_size:+.2f}".replace("-", "−")
    verdict = row.verdict or ""
    return (
        str(row.n),
        percent(row.mean) + spread,
        percent(row.difference, signed=True),
        interval(row),
        p_text(row.p_corrected),
        size,
        Cell(f"{_MARK[verdict]} {verdict}", _KIND[verdict]) if verdict in _MARK else MISSING,
        MISSING if row.seconds is None else f"{row.seconds:.1f}",
    )
