"""What twice the epochs gain on validation, cell by cell."""

from sslcl.learning.convergence import best_mean
from sslcl.training import SCORE
from study.analysis.reading import PhaseReading
from study.design.extension import extended
from tracking.ledger import Ledger
from tracking.records import Phase


def extension_gains(reading: PhaseReading) -> dict[str, float]:
    """Cell to the validation score that its extended trial gained, for the cells that have one.

    It compares the best running means of the extended trial and of the trial with the same seed:
    the best of twice as many single epochs is higher by chance alone.

    Args:
        reading: of an ablation, or a part of it; other phases have no extended trials.
    """
    if reading.phase is not Phase.ABLATE:
        return {}
    gains: dict[str, float] = {}
    for row in reading.ledger.trials(reading.study_row.name, phase=Phase.EXTEND):
        originals = reading.cells.get(row.cell, ()) if row.status.scored else ()
        for original in originals:
            epochs = original.epochs_run
            if epochs is not None and extended(original.config, epochs) == row.config:
                longer, own = (_curve(reading.ledger, trial.id) for trial in (row, original))
                gains[row.cell] = best_mean(longer) - best_mean(own)
    return gains


def _curve(ledger: Ledger, trial_id: str) -> list[float]:
    """Validation score of every epoch."""
    points = ledger.epoch_metrics(trial_id)
    return [point.value for point in points if point.metric == SCORE]
