"""F1 of each class, and what a cell gains over the reference in each."""

from collections.abc import Sequence

import numpy as np

from sslcl.metrics import Floats
from study.analysis.reading import PhaseReading
from study.stats.comparison import Sample, paired
from study.stats.metrics import Metric


def f1_by_class(sample: Sample, label_names: Sequence[str]) -> Floats:
    """``(seeds, classes)`` F1 on the whole split."""
    scores = [sample.scores(Metric.named(f"f1:{name}", label_names)) for name in label_names]
    return np.stack(scores, axis=1)


def f1_gains(reading: PhaseReading, cell: str) -> Floats | None:
    """``(classes,)`` mean F1 - the reference's over their common seeds; ``None`` without any."""
    sample, base = reading.samples[cell], reading.samples[reading.reference]
    mine, theirs = paired(sample, base)
    if not mine:
        return None
    names = reading.study_row.label_names
    gains: Floats = (f1_by_class(sample, names)[mine] - f1_by_class(base, names)[theirs]).mean(0)
    return gains
