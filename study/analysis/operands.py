"""What one side of ``python -m study.compare`` names: a study, a cell of one, or a trial."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sslcl.errors import InputError, did_you_mean, unknown
from sslcl.metrics import confusion_matrix, scores_of
from study.analysis.reading import REPORTED, by_seed
from tracking.ledger import Ledger
from tracking.records import Evaluation, Phase
from tracking.rows import StudyRow, TrialRow


@dataclass(frozen=True)
class Side:
    """A cell of a study, or a trial as the only one of its own.

    Args:
        name: as tables write it.
        study_row: of its study.
        trials: its finished trials, one a seed; on folds one for each fold of a seed.
    """

    name: str
    study_row: StudyRow
    trials: tuple[TrialRow, ...]

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds of its trials."""
        return tuple(by_seed(self.trials))

    def evaluations(self, ledger: Ledger, split: str) -> list[Evaluation] | None:
        """The evaluation of every seed on ``split``; ``None`` where a trial has none.

        Predictions of all folds of a seed are scored together.
        """
        pooled: list[Evaluation] = []
        for trials in by_seed(self.trials).values():
            evaluations = [ledger.evaluation(trial.id, split) for trial in trials]
            known = [evaluation for evaluation in evaluations if evaluation is not None]
            if len(known) < len(evaluations):
                return None
            pooled.append(_together(known, self.study_row.label_names))
        return pooled


def _together(parts: Sequence[Evaluation], label_names: Sequence[str]) -> Evaluation:
    """The predictions of all folds as those of one model."""
    if len(parts) == 1:
        return parts[0]
    labels = [label for part in parts for label in part.labels]
    predictions = [one for part in parts for one in part.predictions]
    confusion = confusion_matrix(np.array(labels), np.array(predictions), len(label_names))
    return Evaluation(
        split=parts[0].split,
        metrics={name: float(score) for name, score in scores_of(confusion, label_names).items()},
        conversations=[one for part in parts for one in part.conversations],
        utterances=[one for part in parts for one in part.utterances],
        labels=labels,
        predictions=predictions,
    )


def resolve(ledger: Ledger, text: str) -> StudyRow | Side:
    """The study called ``text``, the cell ``STUDY:CELL``, or the trial whose id begins so.

    Raises:
        InputError: when it is none of these, or nothing of it has finished.
    """
    studies = {study.name: study for study in ledger.studies()}
    if text in studies:
        return studies[text]
    name, colon, cell = text.partition(":")
    if colon:
        if name not in studies:
            raise unknown("study", name, studies)
        return _cell(ledger, studies[name], cell)
    try:
        trial = ledger.trial(text)
    except InputError as error:
        if "ambiguous" in str(error):
            raise
        raise InputError(
            f"'{text}' is no study, no STUDY:CELL and no trial's id: {did_you_mean(text, studies)}"
        ) from None
    if not trial.status.scored:
        raise InputError(
            f"trial {trial.id[:12]} is {trial.status}: only finished trials can be compared"
        )
    return Side(trial.id[:12], studies[trial.study], (trial,))


def _cell(ledger: Ledger, study_row: StudyRow, cell: str) -> Side:
    names: dict[str, None] = {}
    for phase in REPORTED:
        trials = _finished(ledger, study_row.name, phase)
        names |= dict.fromkeys(trial.cell for trial in trials)
        own = _whole_seeds([trial for trial in trials if trial.cell == cell])
        if own:
            return Side(f"{study_row.name}:{cell}", study_row, own)
    raise unknown("cell", cell, names, f"the finished trials of '{study_row.name}'")


def _whole_seeds(trials: Sequence[TrialRow]) -> tuple[TrialRow, ...]:
    """The trials of the seeds that have all folds, fold by fold in the same order."""
    folds = list(dict.fromkeys(trial.config.fold for trial in trials))
    whole = [own for own in by_seed(trials).values() if len(own) == len(folds)]
    return tuple(t for own in whole for t in sorted(own, key=lambda t: folds.index(t.config.fold)))


def _finished(ledger: Ledger, study_name: str, phase: Phase) -> Sequence[TrialRow]:
    return [trial for trial in ledger.trials(study_name, phase=phase) if trial.status.scored]
