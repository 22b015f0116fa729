"""The scores of every row on each fold alone, beside those of all folds together."""

import numpy as np

from study.analysis.reading import PhaseReading
from study.reporting.phrases import fold_words, latex_label
from study.reporting.table import Line, Table, TableSection
from study.reporting.units import unit_of
from study.stats.comparison import Sample
from study.stats.metrics import Metric


def fold_table(reading: PhaseReading, metric: str) -> Table:
    """Mean and standard deviation over seeds, by cell and fold.

    Args:
        reading: of a study on folds.
        metric: a score.

    Raises:
        InputError: for an unknown metric.
    """
    score = Metric.named(metric, reading.study_row.label_names)
    unit, together = unit_of(metric), reading.samples_of(metric)
    lines, records = [], []
    for cell, by_fold in reading.samples_by_fold(metric).items():
        samples = {**by_fold, "all": together[cell]}
        lines.append(Line(cell, tuple(unit.spread(*_spread(s, score)) for s in samples.values())))
        for fold, sample in samples.items():
            mean, sd = _spread(sample, score)
            records.append(
                {"cell": cell, "fold": fold, "n": len(sample.seeds), "mean": mean, "sd": sd}
            )
    return Table(
        title=f"{unit.title} by fold",
        label=latex_label(reading.phase.value, reading.study_row.name, metric, "folds"),
        heading=("", "Cell", *(unit.in_unit(name) for name in (*reading.folds, "all"))),
        sections=(TableSection("", tuple(lines)),),
        records=records,
        caption=(
            f"Mean ± sd over seeds, of {fold_words(reading)}; 'all' is the score of the "
            "predictions of all folds together, by which rows are compared. Folds differ in their "
            "conversations and nothing here is tested."
        ),
    )


def _spread(sample: Sample, metric: Metric) -> tuple[float | None, float | None]:
    scores = sample.scores(metric)
    sd = float(np.std(scores, ddof=1)) if len(scores) > 1 else None
    return (float(np.mean(scores)) if len(scores) else None), sd
