"""Writing ledger rows to MLflow, exactly one run per trial however often and wherever we died."""

import hashlib
from collections import defaultdict
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tracking.mirror.client import FoundRun, Runs
from tracking.mirror.contents import (
    KIND_TAG,
    MATRIX_FILE,
    PAGE_FILE,
    PAGE_TAG,
    PARENT_TAG,
    REPORT_FILE,
    STUDY_FILE,
    TRIAL_TAG,
    RunContents,
    factor_names,
    study_contents,
    study_text,
    trial_contents,
)
from tracking.mirror.figures import classification_report, confusion_figure
from tracking.mirror.view import comparison_view
from tracking.records import Evaluation

if TYPE_CHECKING:
    from tracking.ledger import Ledger
    from tracking.rows import StudyRow, TrialRow

SPLITS = ("validation", "test", "probe")


@dataclass
class _Sent:
    """What this process knows to be in a run already."""

    epoch: int = 0
    status: str | None = None


@dataclass
class RunIndex:
    """The runs of an experiment by what they are for.

    Args:
        experiment: id of the experiment.
        parents: runs that stand for a study.
        trials: runs by trial id.
    """

    experiment: str
    parents: list[FoundRun] = field(default_factory=list)
    trials: dict[str, list[FoundRun]] = field(default_factory=lambda: defaultdict(list))

    @classmethod
    def read(cls, runs: Runs, experiment: str) -> "RunIndex":
        """The index of the experiment as it is now; runs that are not ours are left out."""
        index = cls(experiment)
        for run in runs.runs(experiment):
            if TRIAL_TAG in run.tags:
                index.trials[run.tags[TRIAL_TAG]].append(run)
            elif run.tags.get(KIND_TAG) == "study":
                index.parents.append(run)
        return index


def kept_of(found: list[FoundRun], recorded: str | None) -> FoundRun | None:
    """Which of several runs of one thing stays: the recorded one, else the oldest."""
    by_age = sorted(found, key=lambda run: (run.id != recorded, run.start, run.id))
    return by_age[0] if by_age else None


def data_of(row: "TrialRow", study_row: "StudyRow") -> str:
    """Fingerprint of the data a trial was planned on, else of the study's."""
    return row.data_fingerprint or study_row.data_fingerprint


def page_digest(page: Path | None) -> str:
    """SHA-256 of a study's HTML report; empty where there is none to deliver."""
    try:
        return hashlib.sha256(page.read_bytes()).hexdigest() if page else ""
    except OSError:
        return ""


def contents_of(
    ledger: "Ledger", row: "TrialRow", study_row: "StudyRow", parent: str
) -> RunContents:
    """The run of a trial, from the ledger."""
    found = ((split, ledger.evaluation(row.id, split)) for split in SPLITS)
    evaluations = {split: evaluation for split, evaluation in found if evaluation is not None}
    contents = trial_contents(
        row,
        factor_names(study_row.spec),
        ledger.epoch_metrics(row.id),
        evaluations,
        ledger.diagnostics(row.id),
    )
    return replace(contents, tags={**contents.tags, PARENT_TAG: parent})


class Exporter:
    """Writes one study's rows to MLflow.

    The runs of the experiment are read once, so a run that was created but never recorded is
    found again, and second runs of a trial are deleted. After any error call :meth:`forget`.

    Args:
        ledger: where rows come from and where delivery is recorded.
        runs: the MLflow server.
        study: name of the study, and of the experiment.
        page: where the study's HTML report is, once there is one.
    """

    def __init__(
        self, ledger: "Ledger", runs: Runs, study_name: str, page: Path | None = None
    ) -> None:
        self._ledger = ledger
        self._runs = runs
        self._study = study_name
        self._page = page
        self._delivered = ""  # digest of the report that the parent run has
        self._index: RunIndex | None = None
        self._parent: str | None = None
        self._sent: dict[str, _Sent] = {}
        self._fresh: set[str] = set()  # runs that were just created, with all their tags

    def forget(self) -> None:
        """Trust nothing known of the server any more: read it again on the next push."""
        self._index = None
        self._parent = None
        self._delivered = ""
        self._sent.clear()
        self._fresh.clear()

    def push_study(self, again: bool = False) -> bool:
        """Bring the parent run up to the study's row; whether anything was written.

        Args:
            again: write it even where it is recorded as delivered.
        """
        study = self._ledger.study(self._study)
        experiment, run, mirrored = self._ledger.mirror_study(self._study)
        index = self._indexed()
        parent = self._parent_run(study, run)
        current = mirrored >= study.revision
        if current and not again and (experiment, run) == (index.experiment, parent):
            return False
        contents = study_contents(study)
        self._runs.view(index.experiment, comparison_view(study.spec))
        self._runs.log(parent, {}, contents.tags, ())
        self._runs.text(parent, study_text(study), STUDY_FILE)
        self._runs.dataset(parent, study.dataset, study.data_fingerprint)
        self._runs.set_status(parent, contents.status, contents.end)
        self._ledger.set_mirror_study(self._study, index.experiment, parent, study.revision)
        return True

    def push_page(self, again: bool = False) -> str:
        """Store the HTML report with the parent run, unless it has this one.

        Args:
            again: store it even where it is recorded as delivered.

        Returns:
            Its digest, as :func:`page_digest` gives it.
        """
        digest = page_digest(self._page)
        if not digest or self._page is None:
            return digest
        study = self._ledger.study(self._study)
        _, recorded, _ = self._ledger.mirror_study(self._study)
        parent = self._parent_run(study, recorded)
        if again or digest != self._delivered:
            self._runs.text(parent, self._page.read_text(encoding="utf-8"), PAGE_FILE)
            self._runs.log(parent, {}, {PAGE_TAG: digest}, ())
            self._delivered = digest
        return digest

    def push(self, row: "TrialRow") -> None:
        """Bring the run of a trial up to ``row`` or what it has become, and record that it is."""
        study = self._ledger.study(self._study)
        _, recorded, _ = self._ledger.mirror_study(self._study)
        row, contents = self._read(row, study, self._parent_run(study, recorded))
        run = self._run_of(row, contents)
        sent = self._sent.get(run)
        after = sent.epoch if sent else 0
        points = [p for p in contents.points if p.step > after or p.timestamp == contents.end]
        params = {} if sent else contents.params
        self._runs.log(run, params, {} if run in self._fresh else contents.tags, points)
        self._fresh.discard(run)
        if sent is None:
            self._runs.dataset(run, row.config.dataset, data_of(row, study))
        if contents.evaluation is not None:
            self.push_evaluation(run, contents.evaluation, study.label_names)
        if sent is None or sent.status != contents.status or contents.end is not None:
            self._runs.set_status(run, contents.status, contents.end)
        last = max((p.step for p in contents.points), default=0)
        self._sent[run] = _Sent(last, contents.status)
        self._ledger.set_mirrored(row.id, row.revision)

    def _read(
        self, row: "TrialRow", study_row: "StudyRow", parent: str
    ) -> tuple["TrialRow", RunContents]:
        """A trial's row with its contents; read again where it has changed in the meantime.

        Scores of a trial that failed and was trained again would else be given to the failure.
        """
        while True:
            contents = contents_of(self._ledger, row, study_row, parent)
            now = self._ledger.trial(row.id)
            if now.revision == row.revision:
                return row, contents
            row = now

    def push_evaluation(self, run: str, evaluation: Evaluation, names: tuple[str, ...]) -> None:
        """Store the confusion matrix and the classification report."""
        self._runs.figure(run, confusion_figure(evaluation, names), MATRIX_FILE)
        self._runs.text(run, classification_report(evaluation, names), REPORT_FILE)

    def _indexed(self) -> RunIndex:
        if self._index is None:
            self._index = RunIndex.read(self._runs, self._runs.experiment(self._study))
        return self._index

    def _parent_run(self, study_row: "StudyRow", recorded: str | None) -> str:
        if self._parent is None:
            index = self._indexed()
            kept = kept_of(index.parents, recorded)
            for twin in index.parents:
                if twin is not kept:
                    self._runs.delete(twin.id)
            contents = study_contents(study_row)
            self._delivered = kept.tags.get(PAGE_TAG, "") if kept else ""
            self._parent = kept.id if kept else self._create(contents)
        return self._parent

    def _run_of(self, row: "TrialRow", contents: RunContents) -> str:
        found = self._indexed().trials
        recorded = self._ledger.mirror_run(row.id)
        kept = kept_of(found[row.id], recorded)
        for twin in found[row.id]:
            if twin is not kept:
                self._runs.delete(twin.id)
        if kept is None:
            run = self._create(contents)
            kept = FoundRun(run, "RUNNING", contents.start, None)
            self._fresh.add(run)
        if kept.id != recorded:
            self._ledger.set_mirror_run(row.id, kept.id)
        found[row.id] = [kept]
        return kept.id

    def _create(self, contents: RunContents) -> str:
        experiment = self._indexed().experiment
        return self._runs.create(experiment, contents.name, contents.start, contents.tags)
