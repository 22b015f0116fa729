"""What fired, what failed, and what the study ran on."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

from sslcl.errors import listed
from study.reporting.html.elements import PageSection, plain_table
from study.reporting.phrases import plural
from tracking.home import Home
from tracking.ledger import Ledger
from tracking.ledger.summaries import Fired, failed_trials, warnings_fired
from tracking.records import Phase, Status
from tracking.rows import StudyRow

MOST_FAILURES = 50
MOST_WARNINGS = 100
_MOST_CELLS = 4
_HIDDEN = ("synthetic",)
_Counts = Mapping[tuple[Phase, Status], int]


def findings_section(ledger: Ledger, study_row: StudyRow) -> PageSection:
    """The diagnostics that fired, by their words."""
    title = "Diagnostics that fired"
    grouped: dict[tuple[str, str], list[Fired]] = defaultdict(list)
    for fired in warnings_fired(ledger.engine, study_row.name):
        grouped[fired.name, fired.warning].append(fired)
    if not grouped:
        return PageSection("diagnostics", title, ["None of the trials has a warning."])
    ordered = sorted(grouped.items(), key=lambda item: (-sum(f.trials for f in item[1]), item[0]))
    rows = [
        (warning, name, _where(fired), f"{sum(f.trials for f in fired):,}")
        for (name, warning), fired in ordered[:MOST_WARNINGS]
    ]
    heading = ("Warning", "Diagnostic", "Cells", "Trials")
    left = len(ordered) - len(rows)
    notes = [f"{left} rarer warnings are not listed."] if left else []
    words = ["What was measured at the chosen epoch of each trial, and its likely remedy."]
    table = plain_table("Warnings, the most frequent first", heading, rows, words=heading[1:3])
    return PageSection("diagnostics", title, words, tables=[table], notes=notes)


def _where(warnings: Sequence[Fired]) -> str:
    phases: dict[Phase, list[Fired]] = defaultdict(list)
    for fired in warnings:
        phases[fired.phase].append(fired)
    parts = []
    for phase, some in phases.items():
        cells = [fired.cell for fired in some if fired.cell]
        named = listed(cells, _MOST_CELLS)
        parts.append(f"{phase.value}: {named}" if named else phase.value)
    return ". ".join(parts)


def failures_section(ledger: Ledger, study_row: StudyRow, counts: _Counts) -> PageSection:
    """The trials that failed, and why."""
    title = "Failed trials"
    total = sum(n for (_, status), n in counts.items() if status is Status.FAILED)
    if not total:
        return PageSection("failures", title, ["None."])
    rows = tuple(
        (
            f"{row.phase.value} {row.cell}"
            + (f", fold {row.config.fold}" if row.config.fold else ""),
            str(row.config.seed),
            "" if row.failure is None else row.failure.value,
            row.message or "",
            row.id[:12],
        )
        for row in failed_trials(ledger.engine, study_row.name, MOST_FAILURES)
    )
    heading = ("Cell", "Seed", "Kind", "Message", "Trial")
    left = total - len(rows)
    notes = [f"{left:,} more failed trials are not listed."] if left > 0 else []
    words = [f"{plural(total, 'trial')} failed; no table counts such trials."]
    table = plain_table("Failed trials", heading, rows, words=heading[1:])
    return PageSection("failures", title, words, tables=[table], notes=notes)


def facts_section(study_row: StudyRow, counts: _Counts, home: Home) -> PageSection:
    """Data, code, versions and machine; and the trials by phase and status."""
    facts = tuple(_facts(study_row))
    statuses = [s for s in Status if any(status is s for _, status in counts)]
    trials = tuple(
        (phase.value, *(f"{counts.get((phase, s), 0):,}" for s in statuses))
        for phase in Phase
        if any(p is phase for p, _ in counts)
    )
    what = ("What", "Value")
    tables = [plain_table("Data, code and environment", what, facts, words=what[1:])]
    if trials:
        heading = ("Phase", *(s.value.lower() for s in statuses))
        tables.insert(0, plain_table("Trials by phase and status", heading, trials))
    again = [f"python -m study.report {study_row.name}{home.option} --format html"]
    return PageSection("environment", "Environment and fingerprints", tables=tables, notes=again)


def _facts(study_row: StudyRow) -> Iterator[tuple[str, str]]:
    yield "study", study_row.name
    yield "status", study_row.status.lower()
    yield (
        "started",
        f"{datetime.fromtimestamp(study_row.created_at / 1000, UTC):%Y-%m-%d %H:%M} UTC",
    )
    yield "dataset", study_row.dataset
    yield "data fingerprint (SHA-256)", study_row.data_fingerprint
    yield "training code fingerprint (SHA-256)", study_row.code_fingerprint
    for name, value in study_row.environment.items():
        if name not in _HIDDEN:
            yield name.replace("_", " "), _plain(value)


def _plain(value: object) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
