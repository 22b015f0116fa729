"""MLflow compared with the ledger, and repaired from it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tracking.home import Home
from tracking.ledger import Ledger
from tracking.mirror.client import FoundRun, Runs
from tracking.mirror.contents import (
    DIGEST_LENGTH,
    MATRIX_FILE,
    PAGE_FILE,
    PAGE_TAG,
    REPORT_FILE,
    STUDY_FILE,
    Point,
    RunContents,
    study_contents,
)
from tracking.mirror.exporter import Exporter, RunIndex, contents_of, data_of, kept_of, page_digest
from tracking.records import Status
from tracking.rows import StudyRow, TrialRow

SHOWN = 50


class Repair(StrEnum):
    """What mends a difference."""

    PUSH = "push again"
    REBUILD = "delete and push again"
    DELETE = "delete"


@dataclass(frozen=True)
class MirrorDifference:
    """One thing in which MLflow and the ledger differ.

    Args:
        subject: name of the run.
        what: the thing.
        ledger: what the ledger says.
        mlflow: what MLflow says.
        repair: what mends it.
        trial: the ledger's trial, ``None`` for the study itself and for what it does not know.
        run: the MLflow run, if there is one.
    """

    subject: str
    what: str
    ledger: str
    mlflow: str
    repair: Repair
    trial: str | None = None
    run: str | None = None


@dataclass(frozen=True)
class MirrorComparison:
    """All differences of a study, and how much was compared."""

    differences: tuple[MirrorDifference, ...]
    trials: int
    points: int


def compare_mirror(
    ledger: Ledger, runs: Runs, study_name: str, page: Path | None = None
) -> MirrorComparison:
    """Compare every run of a study with the ledger, and its HTML report; writes nothing.

    Parameters and metric values that the ledger does not know are not differences: they are
    somebody's own. Values under a name that the ledger has must be the ledger's, all of them.
    """
    study_row = ledger.study(study_name)
    experiment = runs.find_experiment(study_name)
    index = RunIndex.read(runs, experiment) if experiment is not None else RunIndex("")
    _, recorded, _ = ledger.mirror_study(study_name)
    parent = kept_of(index.parents, recorded)
    differences = list(_study_differences(runs, study_row, index, parent, page))
    rows = {row.id: row for row in ledger.trials(study_name, current=None)}
    expected: dict[str, RunContents] = {}
    kept: dict[str, FoundRun] = {}
    for row in rows.values():
        found = index.trials.get(row.id, [])
        if Status(row.status) is Status.PLANNED and not found:
            continue
        expected[row.id] = contents_of(ledger, row, study_row, parent.id if parent else "")
        run = kept_of(found, ledger.mirror_run(row.id))
        if run is None:
            differences.append(_missing(row, expected[row.id]))
            continue
        kept[row.id] = run
        differences += [_surplus(twin, "second run") for twin in found if twin is not run]
    for trial in index.trials.keys() - rows.keys():
        differences += [_surplus(run, "trial not in the ledger") for run in index.trials[trial]]
    history = _history(runs, expected, kept)
    for trial, run in kept.items():
        row, contents = rows[trial], expected[trial]
        differences += _run_differences(study_row, row, contents, run, history[run.id])
        differences += _artifact_differences(runs, row, contents, run)
    points = sum(len(contents.points) for contents in expected.values())
    return MirrorComparison(tuple(differences), len(expected), points)


def repair(
    ledger: Ledger,
    runs: Runs,
    study_name: str,
    differences: Sequence[MirrorDifference],
    page: Path | None = None,
) -> None:
    """Mend ``differences`` from the ledger: the fewest deletions, then every trial pushed once."""
    for run in {item.run for item in differences if item.repair is not Repair.PUSH and item.run}:
        runs.delete(run)
    exporter = Exporter(ledger, runs, study_name, page)
    exporter.push_study(again=True)
    exporter.push_page(again=True)
    for trial in dict.fromkeys(item.trial for item in differences if item.trial is not None):
        exporter.push(ledger.trial(trial))


def _history(
    runs: Runs, expected: Mapping[str, RunContents], kept: Mapping[str, FoundRun]
) -> dict[str, list[Point]]:
    known = {
        trial: {point.key for point in contents.points} for trial, contents in expected.items()
    }
    return runs.history({run.id: run.keys & known[trial] for trial, run in kept.items()})


def _missing(row: TrialRow, contents: RunContents) -> MirrorDifference:
    return MirrorDifference(contents.name, "run", str(row.status), "none", Repair.PUSH, row.id)


def _surplus(run: FoundRun, why: str) -> MirrorDifference:
    name = run.tags.get("mlflow.runName", run.id)
    return MirrorDifference(name, why, "none", f"run {run.id[:8]}", Repair.DELETE, None, run.id)


def _study_differences(
    runs: Runs, study_row: StudyRow, index: RunIndex, parent: FoundRun | None, page: Path | None
) -> Iterator[MirrorDifference]:
    contents = study_contents(study_row)
    if parent is None:
        yield MirrorDifference(
            study_row.name, "run of the study", str(study_row.status), "none", Repair.PUSH
        )
        return
    yield from (_surplus(run, "second run of the study") for run in index.parents if run != parent)
    wanted = {"status": contents.status, **{f"tag {k}": v for k, v in contents.tags.items()}}
    given = {"status": parent.status, **{f"tag {k}": v for k, v in parent.tags.items()}}
    wanted["dataset"] = study_row.data_fingerprint[:DIGEST_LENGTH]
    given["dataset"] = wanted["dataset"] if wanted["dataset"] in parent.digests else "none"
    files = {STUDY_FILE}
    if digest := page_digest(page):
        wanted[f"tag {PAGE_TAG}"] = digest
        files.add(PAGE_FILE)
    for file in sorted(files - runs.artifacts(parent.id)):
        wanted[file], given[file] = "stored", "none"
    for what, value in wanted.items():
        if given.get(what) != value:
            shown = given.get(what, "none")
            yield MirrorDifference(study_row.name, what, value, shown, Repair.PUSH)


def _run_differences(
    study_row: StudyRow, row: TrialRow, wanted: RunContents, run: FoundRun, points: Sequence[Point]
) -> Iterator[MirrorDifference]:
    wanted_state = {"status": wanted.status} | {f"tag {k}": v for k, v in wanted.tags.items()}
    given_state = {"status": run.status} | {f"tag {k}": v for k, v in run.tags.items()}
    if wanted.end is not None:
        wanted_state["end"], given_state["end"] = str(wanted.end), str(run.end)
    digest = data_of(row, study_row)[:DIGEST_LENGTH]
    wanted_state["dataset"] = digest
    given_state["dataset"] = digest if digest in run.digests else ", ".join(run.digests) or "none"

    def difference(what: str, ledger: object, mlflow: object, mend: Repair) -> MirrorDifference:
        return MirrorDifference(wanted.name, what, str(ledger), str(mlflow), mend, row.id, run.id)

    for what, value in wanted_state.items():
        if given_state.get(what) != value:
            yield difference(what, value, given_state.get(what, "none"), Repair.PUSH)
    for name, value in wanted.params.items():
        given = run.params.get(name)
        if given != value:  # MLflow never changes a parameter
            mend = Repair.PUSH if given is None else Repair.REBUILD
            yield difference(f"param {name}", value, given or "none", mend)
    ours = {point.identity: point for point in wanted.points}
    theirs = {point.identity: point for point in points}
    for identity in sorted(ours.keys() - theirs.keys()):
        point = ours[identity]
        yield difference(f"{point.key} at {point.step}", point.value, "none", Repair.PUSH)
    for identity in sorted(theirs.keys() - ours.keys()):  # nor does it forget a value
        point = theirs[identity]
        yield difference(f"{point.key} at {point.step}", "none", point.value, Repair.REBUILD)


def _artifact_differences(
    runs: Runs, row: TrialRow, wanted: RunContents, run: FoundRun
) -> Iterator[MirrorDifference]:
    if wanted.evaluation is None:
        return
    for file in sorted({MATRIX_FILE, REPORT_FILE} - runs.artifacts(run.id)):
        yield MirrorDifference(wanted.name, file, "stored", "none", Repair.PUSH, row.id, run.id)


def show(comparison: MirrorComparison, study_name: str, console: Console) -> None:
    """Print the differences as a table."""
    table = Table(
        title=f"{study_name}: {len(comparison.differences)} differences", title_justify="left"
    )
    for column in ("run", "what", "ledger", "MLflow", "repair"):
        table.add_column(column, overflow="fold")
    for item in comparison.differences[:SHOWN]:
        table.add_row(item.subject, item.what, item.ledger, item.mlflow, str(item.repair))
    console.print(table)
    if len(comparison.differences) > SHOWN:
        console.print(f"... and {len(comparison.differences) - SHOWN} more")


def reconcile(
    ledger: Ledger, runs: Runs, home: Home, study_names: Sequence[str], *, check: bool
) -> bool:
    """Compare, print, repair unless ``check``, and compare again; whether all is equal at last.

    Args:
        ledger: the truth.
        runs: what MLflow has.
        home: where the studies' HTML reports are.
        study_names: the studies to compare.
        check: whether to write nothing.
    """
    console = Console(markup=False)
    equal, trials, points = True, 0, 0
    for name in study_names:
        page = home.page(name)
        comparison = compare_mirror(ledger, runs, name, page)
        if comparison.differences:
            show(comparison, name, console)
            if not check:
                repair(ledger, runs, name, comparison.differences, page)
                comparison = compare_mirror(ledger, runs, name, page)
                if comparison.differences:
                    console.print("left after the repair:")
                    show(comparison, name, console)
        equal = equal and not comparison.differences
        trials, points = trials + comparison.trials, points + comparison.points
    verdict = "equals" if equal else "differs from"
    console.print(f"MLflow {verdict} the ledger: {trials} trials, {points} metrics")
    return equal
