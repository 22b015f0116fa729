"""The page of one study: question, answer, table, picture, methods, and how to repeat it."""

from collections.abc import Iterator
from pathlib import Path

from sslcl.files import write_whole
from study.analysis.reading import PhaseReading
from study.reporting.comparison_table import ComparisonTable
from study.reporting.docs.answers import answers
from study.reporting.figures.forest_plot import save_forest_plot
from study.reporting.formats import escape_markdown, render
from study.reporting.phrases import measured_on, plural
from study.reporting.report import ReportOptions, comparison_table, reading_of, tables_below
from tracking.costs import COSTS
from tracking.home import Home
from tracking.ledger import Ledger
from tracking.records import Phase
from tracking.rows import StudyRow


def save_page(ledger: Ledger, study_name: str, home: Home, path: Path) -> Path:
    """Write the page of a study, and its forest plot beside it under the same name.

    The same ledger gives the same page: nothing in it depends on when or where it is written.

    Args:
        ledger: the results database.
        study_name: name of the study.
        home: where effects are kept that take long to compute.
        path: the file to write, ending in ``.md``.

    Raises:
        InputError: for an unknown study, or when nothing has finished.
    """
    reading = reading_of(ledger, study_name)
    options = ReportOptions()
    table = comparison_table(reading, options)
    picture = path.with_suffix(".png")
    save_forest_plot(table, picture)
    parts = _parts(reading, table, picture.name)
    tables = [table.as_table(), *tables_below(reading, options, home)]
    text = "\n\n".join([*parts, *(render(each, "markdown").strip() for each in tables)])
    write_whole(path, f"{text}\n\n{_methods(reading, table)}\n")
    return path


def _parts(reading: PhaseReading, table: ComparisonTable, picture: str) -> Iterator[str]:
    study_row = reading.study_row
    yield f"# {escape_markdown(study_row.name)}"
    description = str(study_row.spec.get("description") or "")
    if description:
        yield f"*{escape_markdown(description)}*"
    yield "**Answer.** " + escape_markdown(" ".join(answers(table)))
    unit = table.unit
    what = f"points of {unit.title}"
    if table.metric in COSTS:
        direction = "more" if unit.more_is_better else "less"
        what = f"{unit.heading}, {direction} is better"
    yield escape_markdown(f"Differences in {what}, on {measured_on(reading, table.metric)}.")
    yield f"```sh\n{_command(study_row)}\n```"
    words = f"Differences to the reference with the interval of each verdict: {study_row.name}"
    yield f"![{escape_markdown(words)}]({picture})"


def _command(study_row: StudyRow) -> str:
    """What a reader types to repeat it."""
    needs = "" if study_row.environment.get("synthetic") else " --data-dir PATH"
    return f"python -m study.run {study_row.name}{needs}"


def _methods(reading: PhaseReading, table: ComparisonTable) -> str:
    study_row = reading.study_row
    rows = reading.ledger.trials(study_row.name)
    spent = sum(row.ended_at - row.started_at for row in rows if row.started_at and row.ended_at)
    phases = [
        f"{count} in phase {phase.value}"
        for phase in Phase
        if (count := sum(row.phase is phase for row in rows))
    ]
    facts = (
        f"{plural(len(rows), 'trial')} ({', '.join(phases)}), {spent / 3.6e6:.1f} hours of "
        f"workers' time. Data `{study_row.data_fingerprint[:12]}`, training code "
        f"`{study_row.code_fingerprint[:12]}`."
    )
    page = f"Written by `python -m study.report {study_row.name} --format docs`."
    return "\n\n".join(["## Methods", escape_markdown(table.methods), facts, page])
