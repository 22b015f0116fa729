"""What fired, what failed, and what the study ran on."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from study.reporting.html.elements import Grid, Section
from tracking.ledger import Ledger
from tracking.ledger.summaries import Fired, failed_trials, warnings_fired
from tracking.records import Phase, Status
from tracking.rows import StudyRow

MOST_FAILURES = 50
MOST_WARNINGS = 100
_MOST_CELLS = 4
_HIDDEN = ("synthetic",)
Counts = Mapping[tuple[Phase, Status], int]


def findings_section(ledger: Ledger, study: StudyRow) -> Section:
    """The diagnostics that fired, by their words."""
    title = "Diagnostics that fired"
    grouped: dict[tuple[str, str], list[Fired]] = defaultdict(list)
    for fired in warnings_fired(ledger.engine, study.name):
        grouped[fired.name, fired.warning].append(fired)
    if not grouped:
        return Section("diagnostics", title, ["None of the trials has a warning."])
    ordered = sorted(grouped.items(), key=lambda item: (-sum(f.trials for f in item[1]), item[0]))
    rows = tuple(
        (warning, name, _where(found), f"{sum(f.trials for f in found):,}")
        for (name, warning), found in ordered[:MOST_WARNINGS]
    )
    heading = ("Warning", "Diagnostic", "Cells", "Trials")
    left = len(ordered) - len(rows)
    notes = [f"{left} rarer warnings are not listed."] if left else []
    words = ["What was measured at the chosen epoch of each trial, and its likely remedy."]
    grid = Grid("Warnings, the most frequent first", heading, rows, texts=3)
    return Section("diagnostics", title, words, grids=[grid], notes=notes)


def _where(found: Sequence[Fired]) -> str:
    phases: dict[Phase, list[Fired]] = defaultdict(list)
    for fired in found:
        phases[fired.phase].append(fired)
    parts = []
    for phase, some in phases.items():
        cells = [fired.cell for fired in some if fired.cell]
        more = len(cells) - _MOST_CELLS
        named = "; ".join(cells[:_MOST_CELLS]) + (f"; and {more} more" if more > 0 else "")
        parts.append(f"{phase.value}: {named}" if named else phase.value)
    return ". ".join(parts)


def failures_section(ledger: Ledger, study: StudyRow, counts: Counts) -> Section:
    """The trials that failed, and why."""
    title = "Failed trials"
    total = sum(n for (_, status), n in counts.items() if status is Status.FAILED)
    if not total:
        return Section("failures", title, ["None."])
    rows = tuple(
        (
            f"{row.phase.value} {row.cell}",
            str(row.config.seed),
            "" if row.failure is None else row.failure.value,
            row.message or "",
            row.id[:12],
        )
        for row in failed_trials(ledger.engine, study.name, MOST_FAILURES)
    )
    heading = ("Cell", "Seed", "Kind", "Message", "Trial")
    left = total - len(rows)
    notes = [f"{left:,} more failed trials are not listed."] if left > 0 else []
    words = [f"{total:,} trial{'' if total == 1 else 's'} failed; no table counts such trials."]
    grid = Grid("Failed trials", heading, rows, texts=5)
    return Section("failures", title, words, grids=[grid], notes=notes)


def facts_section(study: StudyRow, counts: Counts, home: Path) -> Section:
    """Data, code, versions and machine; and the trials by phase and status."""
    facts = tuple(_facts(study))
    statuses = [s for s in Status if any(status is s for _, status in counts)]
    trials = tuple(
        (phase.value, *(f"{counts.get((phase, s), 0):,}" for s in statuses))
        for phase in Phase
        if any(p is phase for p, _ in counts)
    )
    grids = [Grid("Data, code and environment", ("What", "Value"), facts, texts=2)]
    if trials:
        heading = ("Phase", *(s.value.lower() for s in statuses))
        grids.insert(0, Grid("Trials by phase and status", heading, trials))
    again = [f"python -m study.report {study.name} --home {home} --format html"]
    return Section("environment", "Environment and fingerprints", grids=grids, notes=again)


def _facts(study: StudyRow) -> Iterator[tuple[str, str]]:
    yield "study", study.name
    yield "status", study.status.lower()
    yield "started", f"{datetime.fromtimestamp(study.created_at / 1000, UTC):%Y-%m-%d %H:%M} UTC"
    yield "dataset", study.dataset
    yield "data fingerprint (SHA-256)", study.data_fingerprint
    yield "training code fingerprint (SHA-256)", study.code_fingerprint
    for name, value in study.environment.items():
        if name not in _HIDDEN:
            yield name.replace("_", " "), _plain(value)


def _plain(value: object) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
