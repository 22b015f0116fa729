"""Which cells were cut short or left the zone where their method works, by their findings."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import fmean, stdev

from sslcl.diagnostics import STILL_IMPROVING
from sslcl.learning.convergence import best_mean
from sslcl.learning.score_names import validation_metric
from study.analysis.comparisons import Rules
from study.analysis.reading import PhaseReading
from study.design.extension import extended
from study.stats.names import DEFAULT_METRIC
from tracking.ledger import Ledger
from tracking.ledger.summaries import stored_scores, warnings_of_trials
from tracking.records import Phase
from tracking.rows import TrialRow

BEARING = (
    "penalty_share",
    "label_embedding_distance_min",
    "label_embedding_effective_rank",
    "logit_std",
    "gradient_norm",
    "below_adam_eps_share",
)
"""Findings that make a row a test of its settings rather than of its method."""
SMALLEST_GAP = 0.03
"""A probe that scores this much more than the predictions tells of a poor read-out."""


_ROUNDING = 1e-9


@dataclass(frozen=True)
class CellMarks:
    """What must be known of a cell before its row is believed.

    Args:
        trials: finished trials of the cell.
        improving: how many of them were still improving when training ended.
        faults: words of a warning, with its remedy, to how many trials it befell.
        gain: validation score that twice as many epochs gained, where that is more than the
            smallest difference of interest.
        collapsed: how many of the trials predict one class alone.
    """

    trials: int
    improving: int = 0
    faults: Mapping[str, int] = field(default_factory=dict)
    gain: float | None = None
    collapsed: int = 0


def cell_marks(reading: PhaseReading) -> dict[str, CellMarks]:
    """The marks of every cell that has any, in the order of the plan.

    Args:
        reading: the phase, or a part of it.
    """
    names = (STILL_IMPROVING, *BEARING)
    engine, study_name = reading.ledger.engine, reading.study_row.name
    warned = warnings_of_trials(engine, study_name, reading.phase, names)
    margin = Rules.of(reading.study_row).smallest_difference
    gains = {cell: gain for cell, gain in extension_gains(reading).items() if gain > margin}
    constant = constant_trials(reading)
    marks: dict[str, CellMarks] = {}
    for cell, trials in reading.cells.items():
        fired = [pair for trial in trials for pair in warned.get(trial.id, ())]
        improving = sum(name == STILL_IMPROVING for name, _ in fired)
        faults = Counter(words for name, words in fired if name != STILL_IMPROVING)
        collapsed = sum(trial.id in constant for trial in trials)
        if fired or collapsed or cell in gains:
            own = (improving, dict(faults), gains.get(cell), collapsed)
            marks[cell] = CellMarks(len(trials), *own)
    return marks


def constant_trials(reading: PhaseReading) -> set[str]:
    """Ids of the trials that give all test utterances the same class.

    With that class the label of a share a of the utterances, accuracy is a and weighted F1 is
    a 2a / (1 + a), which is how they are told without reading predictions.
    """
    engine, study_name = reading.ledger.engine, reading.study_row.name
    accuracies, scores = (
        stored_scores(engine, study_name, reading.phase, metric)
        for metric in ("accuracy", "weighted_f1")
    )
    return {
        trial
        for (trial, split), a in accuracies.items()
        if split == "test"
        and abs(scores.get((trial, split), -1.0) - 2 * a * a / (1 + a)) < _ROUNDING
    }


def extension_gains(reading: PhaseReading) -> dict[str, float]:
    """Cell to the validation score that its extended trial gained, for the cells that have one.

    It compares the best running means of the extended trial and of the trial with the same seed:
    the best of twice as many single epochs is higher by chance alone.

    Args:
        reading: of an ablation, or a part of it; other phases, and studies that do not ask for an
            extension check, have no extended trials.
    """
    ablate = reading.study_row.spec.get("ablate") or {}
    if reading.phase is not Phase.ABLATE or not ablate.get("extension_check"):
        return {}
    gains: dict[str, float] = {}
    for row in reading.extensions:
        originals = reading.cells.get(row.cell, ()) if row.status.scored else ()
        for original in originals:
            epochs = original.epochs_run
            if epochs is not None and extended(original.config, epochs) == row.config:
                own = _curve(reading.ledger, original)
                # One that went on from the trial's end has the second half only.
                longer = own | _curve(reading.ledger, row)
                gains[row.cell] = _best(longer) - _best(own)
    return gains


def probe_gaps(reading: PhaseReading) -> dict[str, tuple[float, float]]:
    """Cells whose features hold more than their predictions show.

    Cell to the mean weighted F1 of its predictions and of a linear probe of the same features,
    where the probe is better by at least :data:`SMALLEST_GAP` and two standard errors over seeds.
    Cells with trials that have no probe are left out.
    """
    engine, study_name = reading.ledger.engine, reading.study_row.name
    scores = stored_scores(engine, study_name, reading.phase, DEFAULT_METRIC)
    gaps = {}
    for cell, trials in reading.cells.items():
        pairs = [(scores.get((t.id, "test")), scores.get((t.id, "probe"))) for t in trials]
        known = [(own, probe) for own, probe in pairs if own is not None and probe is not None]
        if len(known) < len(pairs):
            continue
        by_trial = [probe - own for own, probe in known]
        error = stdev(by_trial) / len(known) ** 0.5 if len(known) > 1 else 0.0
        if fmean(by_trial) >= max(SMALLEST_GAP, 2 * error):
            own_scores, probe_scores = zip(*known, strict=True)
            gaps[cell] = (fmean(own_scores), fmean(probe_scores))
    return gaps


def _curve(ledger: Ledger, trial: TrialRow) -> dict[int, float]:
    """Epoch to its validation score by the trial's criterion."""
    criterion = validation_metric(trial.config.criterion)
    points = ledger.epoch_metrics(trial.id)
    return {point.epoch: point.value for point in points if point.metric == criterion}


def _best(curve: Mapping[int, float]) -> float:
    return best_mean([curve[epoch] for epoch in sorted(curve)])
