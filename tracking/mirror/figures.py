"""A trial's predictions to look at: the confusion matrix and the scores by class."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from sslcl.metrics import confusion_matrix
from tracking.heatmap import confusion_heatmap

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from tracking.records import Evaluation


def confusion_figure(evaluation: "Evaluation", label_names: Sequence[str]) -> "Figure":
    """The confusion matrix of one evaluation, see :func:`tracking.heatmap.confusion_heatmap`."""
    labels, predictions = np.asarray(evaluation.labels), np.asarray(evaluation.predictions)
    counts = confusion_matrix(labels, predictions, len(label_names))
    figure = confusion_heatmap(counts, label_names).figure()
    words = f"{evaluation.split}, n = {counts.sum()}; rows: true class, columns: predicted"
    figure.text(0.02, 0.99, words, va="top", size=6)
    return figure


def classification_report(evaluation: "Evaluation", label_names: Sequence[str]) -> str:
    """Precision, recall, F1 and support of every class, their averages and the accuracy.

    A class that is never predicted has precision 0; one without utterances has recall 0.
    """
    from sklearn import metrics  # takes a second to import

    report: str = metrics.classification_report(
        evaluation.labels,
        evaluation.predictions,
        labels=range(len(label_names)),
        target_names=label_names,
        digits=4,
        zero_division=0.0,
    )
    return f"{evaluation.split} split\n\n{report}"
