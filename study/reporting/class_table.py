"""Precision, recall and F1 of the reference by class, as a table."""

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_fscore_support

from study.analysis.class_scores import f1_by_class
from study.analysis.reading import PhaseReading
from study.reporting.marks import convergence_note
from study.reporting.phrases import latex_label
from study.reporting.table import Line, Table, TableSection
from study.reporting.units import percent
from study.stats.names import DEFAULT_METRIC


def class_table(reading: PhaseReading) -> Table:
    """The classes on the test split, predicted by the reference with all its seeds.

    Precision and recall are of all seeds' predictions together; F1 is the mean over seeds, as in
    the comparison table.
    """
    sample, names = reading.samples[reading.reference], reading.study_row.label_names
    precision, recall, support = _pooled(sample.confusion.sum((0, 1)))
    f1 = f1_by_class(sample, names).mean(0)
    seeds = len(sample.seeds)
    lines = tuple(
        Line(name, (f"{support[i] // seeds:,}", *map(percent, (precision[i], recall[i], f1[i]))))
        for i, name in enumerate(names)
    )
    return Table(
        title="The reference by class; F1 is the mean over seeds",
        label=latex_label("classes", reading.study_row.name),
        heading=("", "Class", "Utterances", "Precision, %", "Recall, %", "F1, %"),
        sections=(TableSection("", lines),),
        records=(),
        caption="",
        notes=tuple(convergence_note(reading, DEFAULT_METRIC)),
    )


def _pooled(
    counts: NDArray[np.int64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Precision, recall and utterances of each class from ``(C, C)`` counts."""
    labels, predictions = np.indices(counts.shape)
    precision, recall, _, support = precision_recall_fscore_support(
        labels.ravel(),
        predictions.ravel(),
        labels=np.arange(len(counts)),
        sample_weight=counts.ravel(),
        zero_division=0.0,
    )
    return precision, recall, np.rint(support).astype(np.int64)
