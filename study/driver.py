"""One study from its registration to its report: what ``python -m study.run`` calls."""

import json
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from search_spaces.changes import changes
from search_spaces.schema import Study
from sslcl.augmentation import views_of
from sslcl.command import INTERRUPTED
from sslcl.data.types import Dataset
from sslcl.errors import InputError
from sslcl.identity import code_fingerprint
from sslcl.learning.score_names import DEFAULT_SCORE, check_score, score_words
from sslcl.model import chosen_modalities
from study.analysis.comparisons import write_comparisons
from study.analysis.costs import known_metric
from study.analysis.looks import seed_looks
from study.analysis.next_looks import given_looks
from study.design.data_facts import DataFacts
from study.design.folds import parts_of
from study.design.looks import GivenLooks
from study.execution.campaign import Campaign
from study.execution.environment import environment
from study.execution.mlflow_session import TrackingSession
from study.execution.resources import ClusterResources, Halt
from study.execution.winner import NothingToCompare, best_trial
from study.execution.workspace import Workspace
from study.reporting.phrases import folds_by
from study.reporting.report import show_report
from study.saved_reports import save_reports
from tracking.comparisons import comparison_of, usual_address
from tracking.home import Home
from tracking.ledger import Ledger
from tracking.records import Phase, Status, StudyRecord
from tracking.rows import StudyRow

if TYPE_CHECKING:
    from study.execution.ray_cluster import Cluster

SWITCH_SECONDS = 0.0005
"""How long a thread of the driver works before another has its turn; Python's own is ten times as
long."""


@dataclass(frozen=True)
class Ending:
    """How a run ended.

    Args:
        files: the reports.
        trained: trials that were trained.
        why: it was stopped before its end; empty where it came to it.
        comparison: where MLflow shows the trials side by side; ``None`` where it has none.
    """

    files: Sequence[Path]
    trained: int
    why: str = ""
    comparison: str | None = None

    @property
    def words(self) -> str:
        """What is true now, and what to do, in one line."""
        trained = f"{self.trained} trials trained"
        if self.why:
            return f"stopped{self.why}: {trained}; run the same command again to go on"
        return f"done: {trained if self.trained else 'nothing left to train'}"


def run_study(
    study: Study, dataset: Dataset, home: Home, resources: ClusterResources, console: Console
) -> int:
    """Bring a study to its end and show its results.

    Returns:
        0, 1 when trials failed, 130 when a person stopped it.
    """
    ledger = Ledger.at(home)
    workspace = Workspace(home, ledger, console)
    halt = Halt(study.budget.hours * 3600 if study.budget.hours else None)
    describe_study(study, dataset, console)
    register(ledger, study, dataset, console)
    try:
        with TrackingSession(workspace, study.name) as tracking:

            @contextmanager
            def start_cluster() -> "Iterator[Cluster]":
                # Importing and starting Ray takes seconds that a finished study need not spend.
                from study.execution.machine.ray_start import start_ray

                tracking.start()
                # The mirror works in a thread of this process, and each of the many calls of the
                # database in the main thread would wait for its whole turn.
                sys.setswitchinterval(SWITCH_SECONDS)
                with console.status("starting Ray"):
                    start_ray(resources)
                    # Ray Tune needs what was imported while Ray started.
                    from study.execution.ray_cluster import Cluster

                    cluster = Cluster(resources, home)
                halt.listen([signal.SIGTERM])  # Ray takes it when it starts
                with cluster:
                    yield cluster

            campaign = Campaign(study, dataset, workspace, start_cluster, halt)
            with halt.listening(console):
                try:
                    campaign.run(judge_looks)
                except NothingToCompare as error:
                    console.print(str(error), style="red")
                except Exception:
                    # Ray wraps the interruption in errors of its own.
                    if halt.at_once:
                        raise KeyboardInterrupt from None
                    raise
            stopped = halt()
            set_status(ledger, study.name, "STOPPED" if stopped else "COMPLETE")
            write_comparisons(ledger, study.name)
            files = save_reports(ledger, study.name, home)
            if not stopped:
                tracking.log_winner(study, dataset)
        show_results(ledger, study, DataFacts.of(dataset), console)
        failed = name_failures(ledger, study.name, console)
        why = _why_stopped(study, halt) if stopped else ""
        compared = comparison_of(ledger, study.name, usual_address(home))
        where_next(study.name, home, Ending(files, campaign.trained, why, compared), console)
    finally:
        ledger.close()
    if halt.signalled:
        return INTERRUPTED
    return 1 if failed else 0


def _why_stopped(study: Study, halt: Halt) -> str:
    if halt.signalled:
        return " by you"
    return f", since its budget of {study.budget.hours:g} h is spent (budget: {{hours: ...}})"


def show_results(ledger: Ledger, study: Study, data: DataFacts, console: Console) -> None:
    """Print the tables of a study, or of one that only searches its best trial of each fold."""
    if study.confirm is not None or study.ablate is not None:
        show_report(ledger, study.name, console)
        return
    for part in parts_of(study, data):
        _show_best(ledger, part, console)


def _show_best(ledger: Ledger, study: Study, console: Console) -> None:
    try:
        best = best_trial(ledger, study)
    except NothingToCompare as error:
        console.print(str(error))
        return
    levels = ", ".join(f"{name}={value}" for name, value in study.assignment(best.config).items())
    fold = "" if study.fold is None else f" in fold {study.fold}"
    console.print(f"best of the search{fold}: {levels}")
    console.print(
        f"  validation {score_words(study.criterion)} {100 * (best.score or 0.0):.2f}, one seed, "
        "chosen for it: add "
        "confirm: {top: 3, seeds: 5} to the study file for scores of new seeds on the test split"
    )


def check_modalities(study: Study, dataset: Dataset) -> None:
    """Refuse a study that names a modality, or a view of some, which the dataset lacks.

    Raises:
        InputError: naming it.
    """
    base = study.base_config(seed=0)
    levels = {name: factor.probes() for name, factor in study.factors.items()}
    configs = [study.config({"modalities": level}, 0) for level in levels.get("modalities", ())]
    for config, augmentation in product(
        [base, *configs], [base.augmentation, *levels.get("augmentation", ())]
    ):
        views_of(str(augmentation), chosen_modalities(config, dataset))


def check_criterion(study: Study, dataset: Dataset) -> None:
    """Refuse a study whose criterion, or the metric of its report, the dataset cannot have.

    Raises:
        InputError: naming the nearest.
    """
    try:
        check_score(study.criterion, dataset.label_names)
    except InputError as error:
        raise InputError(f"criterion of study '{study.name}': {error}") from None
    if study.report.metric is not None:
        try:
            known_metric(study.report.metric, dataset.label_names)
        except InputError as error:
            raise InputError(f"report.metric of study '{study.name}': {error}") from None


def describe_study(study: Study, dataset: Dataset, console: Console) -> None:
    """Say what is about to run, and on what data."""
    kind = "synthetic" if dataset.synthetic else "real"
    parts = [
        f"{len(split)} {name} conversations"
        for name, split in (
            ("training", dataset.train),
            ("validation", dataset.validation),
            ("test", dataset.test or ()),
        )
    ]
    console.print(Text.assemble((study.name, "bold"), f": {study.description}"))
    if dataset.folds:
        tested = sum(len(fold.test) for fold in dataset.folds)
        parts = [
            f"{tested} conversations in {folds_by(len(dataset.folds), study.folds)}, each with "
            "its own test and validation conversations"
        ]
    console.print(f"data: {dataset.name} ({kind}): {', '.join(parts)}")
    if study.criterion != DEFAULT_SCORE:
        console.print(f"criterion: {score_words(study.criterion)}")


def register(ledger: Ledger, study: Study, dataset: Dataset, console: Console) -> None:
    """Write the study to the ledger, and name what changed since the last run."""
    now = study.canonical()
    before = {row.name: row for row in ledger.studies()}.get(study.name)
    if before is not None:
        refuse_other_looks(ledger, before, study)
        for change in changes(dict(before.spec), now):
            console.print(f"changed since the last run: {change}")
        if before.data_fingerprint != dataset.fingerprint:
            console.print("changed since the last run: the data")
        if dict(before.spec) == now and before.data_fingerprint == dataset.fingerprint:
            return
    ledger.put_study(
        StudyRecord(
            study.name,
            spec=json.loads(json.dumps(now)),
            dataset=dataset.name,
            data_fingerprint=dataset.fingerprint,
            label_names=dataset.label_names,
            code_fingerprint=code_fingerprint(study.base_config(seed=0)),
            environment=environment() | {"synthetic": dataset.synthetic},
        )
    )


def judge_looks(ledger: Ledger, study_name: str, cells: Sequence[str]) -> GivenLooks:
    """How many looks each cell is given, after writing where each row stands to the ledger."""
    looks = given_looks(ledger, study_name, cells)
    if looks.given:
        write_comparisons(ledger, study_name)
    return looks


def refuse_other_looks(ledger: Ledger, before: StudyRow, study: Study) -> None:
    """Refuse to change looks whose results have been seen, or the questions that stop rows there.

    The error rate would not hold.

    Raises:
        InputError: naming the looks, or the questions, that the study began with.
    """
    specs = (before.spec, study.canonical())
    old, new = (seed_looks(spec, Phase.ABLATE) for spec in specs)
    asked, asks = (spec.get("questions") or {} for spec in specs)
    if not old or (new, asks) == (old, asked) or not ledger.trials(study.name, phase=Phase.ABLATE):
        return
    if asks != asked:
        raise InputError(
            f"questions of '{study.name}' cannot change any more: its looks stop rows by "
            f"{', '.join(map(repr, asked)) or 'none'} since its ablation began; expected these, "
            "or another name in 'study'"
        )
    raise InputError(
        f"ablate.seeds of '{study.name}' cannot change any more: its looks at "
        f"{', '.join(map(str, old))} seeds are fixed since its ablation began; expected these, "
        "or another name in 'study'"
    )


def set_status(ledger: Ledger, study_name: str, status: str) -> None:
    """Write how the study stands, unless the ledger says so already."""
    if ledger.study(study_name).status != status:
        ledger.set_study_status(study_name, status)


def name_failures(ledger: Ledger, study_name: str, console: Console) -> int:
    """Name the trials that failed, and why; how many there are."""
    failed = ledger.trials(study_name, status=Status.FAILED)
    if failed:
        console.print(f"{len(failed)} trials failed:", style="red")
    for row in failed[:10]:
        fold = "" if row.config.fold is None else f" fold {row.config.fold}"
        console.print(
            f"  {row.id[:12]}  {row.phase} {row.cell} seed {row.config.seed}{fold}: "
            f"{row.failure}: {row.message}"
        )
    if len(failed) > 10:
        console.print(f"  and {len(failed) - 10} more")
    return len(failed)


def where_next(study_name: str, home: Home, ending: Ending, console: Console) -> None:
    """The last lines of every run: where to look; the very last opens MLflow on a comparison."""
    console.print(ending.words)
    query = f"select * from ablation where study = '{study_name}'"
    rows = [
        ("results", home.sql(query)),
        ("trials", f"python -m tracking.server{home.option}"),
        ("search", f"optuna-dashboard {home.optuna_url}"),
        ("tables", f"python -m study.report {study_name}{home.option} --format latex"),
    ]
    for label, suffix in (("picture", ".png"), ("report", ".html")):
        rows[1:1] = [(label, str(path)) for path in ending.files if path.suffix == suffix][:1]
    if ending.comparison is not None:
        rows.append(("compare", f"{ending.comparison}  (while the server of 'trials' runs)"))
    for label, command in rows:
        console.print(f"  {label:<8} {command}", soft_wrap=True)
