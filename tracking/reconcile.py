"""``python -m tracking.reconcile``: prove that MLflow equals the ledger, or repair it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from sslcl.command import OneLineCommand, fail
from tracking.home import Home, home_option
from tracking.ledger import Ledger
from tracking.mirror.client import FoundRun, MlflowRuns, Runs
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
from tracking.server import ServerError, serve

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


def compare(
    ledger: Ledger, runs: Runs, study_name: str, page: Path | None = None
) -> MirrorComparison:
    """Compare every run of a study with the ledger, and its HTML report; writes nothing.

    Parameters and metric values that the ledger does not know are not differences: they are
    somebody's own. Values under a name that the ledger has must be the ledger's, all of them.
    """
    study = ledger.study(study_name)
    experiment = runs.find_experiment(study_name)
    index = RunIndex.read(runs, experiment) if experiment is not None else RunIndex("")
    _, recorded, _ = ledger.mirror_study(study_name)
    parent = kept_of(index.parents, recorded)
    differences = list(_study_differences(runs, study, index, parent, page))
    rows = {row.id: row for row in ledger.trials(study_name, current=None)}
    expected: dict[str, RunContents] = {}
    kept: dict[str, FoundRun] = {}
    for row in rows.values():
        found = index.trials.get(row.id, [])
        if Status(row.status) is Status.PLANNED and not found:
            continue
        expected[row.id] = contents_of(ledger, row, study, parent.id if parent else "")
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
        differences += _run_differences(study, row, contents, run, history[run.id])
        differences += _artifact_differences(runs, row, contents, run)
    points = sum(len(contents.points) for contents in expected.values())
    return MirrorComparison(tuple(differences), len(expected), points)


def repair(
    ledger: Ledger,
    runs: Runs,
    study: str,
    differences: Sequence[MirrorDifference],
    page: Path | None = None,
) -> None:
    """Mend ``differences`` from the ledger: the fewest deletions, then every trial pushed once."""
    for run in {item.run for item in differences if item.repair is not Repair.PUSH and item.run}:
        runs.delete(run)
    exporter = Exporter(ledger, runs, study, page)
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
    runs: Runs, study: StudyRow, index: RunIndex, parent: FoundRun | None, page: Path | None
) -> Iterator[MirrorDifference]:
    contents = study_contents(study)
    if parent is None:
        yield MirrorDifference(
            study.name, "run of the study", str(study.status), "none", Repair.PUSH
        )
        return
    yield from (_surplus(run, "second run of the study") for run in index.parents if run != parent)
    wanted = {"status": contents.status, **{f"tag {k}": v for k, v in contents.tags.items()}}
    given = {"status": parent.status, **{f"tag {k}": v for k, v in parent.tags.items()}}
    wanted["dataset"] = study.data_fingerprint[:DIGEST_LENGTH]
    given["dataset"] = wanted["dataset"] if wanted["dataset"] in parent.digests else "none"
    files = {STUDY_FILE}
    if digest := page_digest(page):
        wanted[f"tag {PAGE_TAG}"] = digest
        files.add(PAGE_FILE)
    for file in sorted(files - runs.artifacts(parent.id)):
        wanted[file], given[file] = "stored", "none"
    for what, value in wanted.items():
        if given.get(what) != value:
            yield MirrorDifference(study.name, what, value, given.get(what, "none"), Repair.PUSH)


def _run_differences(
    study: StudyRow, row: TrialRow, wanted: RunContents, run: FoundRun, points: Sequence[Point]
) -> Iterator[MirrorDifference]:
    def difference(what: str, ledger: object, mlflow: object, mend: Repair) -> MirrorDifference:
        return MirrorDifference(wanted.name, what, str(ledger), str(mlflow), mend, row.id, run.id)

    if run.status != wanted.status:
        yield difference("status", wanted.status, run.status, Repair.PUSH)
    if wanted.end is not None and run.end != wanted.end:
        yield difference("end", wanted.end, run.end, Repair.PUSH)
    digest = data_of(row, study)[:DIGEST_LENGTH]
    if digest not in run.digests:
        yield difference("dataset", digest, ", ".join(run.digests) or "none", Repair.PUSH)
    for name, value in wanted.tags.items():
        if run.tags.get(name) != value:
            yield difference(f"tag {name}", value, run.tags.get(name, "none"), Repair.PUSH)
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


def show(comparison: MirrorComparison, study: str, console: Console) -> None:
    """Print the differences as a table."""
    table = Table(title=f"{study}: {len(comparison.differences)} differences", title_justify="left")
    for column in ("run", "what", "ledger", "MLflow", "repair"):
        table.add_column(column, overflow="fold")
    for item in comparison.differences[:SHOWN]:
        table.add_row(item.subject, item.what, item.ledger, item.mlflow, str(item.repair))
    console.print(table)
    if len(comparison.differences) > SHOWN:
        console.print(f"... and {len(comparison.differences) - SHOWN} more")


def reconcile(
    ledger: Ledger,
    runs: Runs,
    studies: Sequence[str],
    check: bool,
    console: Console,
    home: Home | None = None,
) -> bool:
    """Compare, print, repair unless ``check``, and compare again; whether all is equal at last.

    Args:
        home: where the studies' HTML reports are; they are left out where it is not given.
    """
    equal, trials, points = True, 0, 0
    for study in studies:
        page = home.page(study) if home else None
        comparison = compare(ledger, runs, study, page)
        if comparison.differences:
            show(comparison, study, console)
            if not check:
                repair(ledger, runs, study, comparison.differences, page)
                comparison = compare(ledger, runs, study, page)
                if comparison.differences:
                    console.print("left after the repair:")
                    show(comparison, study, console)
        equal = equal and not comparison.differences
        trials, points = trials + comparison.trials, points + comparison.points
    verdict = "equals" if equal else "differs from"
    console.print(f"MLflow {verdict} the ledger: {trials} trials, {points} metrics")
    return equal


@click.command(cls=OneLineCommand)
@home_option
@click.option("--study", "study_name", help="One study; all of them when left out.")
@click.option("--check", is_flag=True, help="Compare only, write nothing.")
def main(home: Home, study_name: str | None, check: bool) -> int:
    """Compare MLflow with the results database, and repair MLflow from it.

    Exit code 0: equal, 1: not equal, 2: bad input.
    """
    try:
        return _run(home, study_name, check)
    except ServerError as error:
        fail(str(error))


def _run(home: Home, study_name: str | None, check: bool) -> int:
    ledger = Ledger.at(home.require())
    try:
        names = [
            row.name for row in ([ledger.study(study_name)] if study_name else ledger.studies())
        ]
        with serve(home) as server:
            if not server.wait_ready():
                raise ServerError(f"no MLflow server answers at {server.uri}")
            return _compared(ledger, server.uri, names, check, home)
    finally:
        ledger.close()


def _compared(ledger: Ledger, uri: str, names: Sequence[str], check: bool, home: Home) -> int:
    runs = MlflowRuns(uri)
    from mlflow.exceptions import MlflowException

    try:
        return 0 if reconcile(ledger, runs, names, check, Console(), home) else 1
    except MlflowException as error:
        reason = str(error).splitlines()[0]
        raise ServerError(f"the MLflow server at {uri} failed: {reason}") from None


if __name__ == "__main__":
    main()
