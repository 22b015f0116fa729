"""A trial's predictions to look at: the confusion matrix and the scores by class."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from tracking.records import Evaluation


def confusion_matrix(
    labels: Sequence[int], predictions: Sequence[int], classes: int
) -> npt.NDArray[np.int64]:
    """Counts of utterances, (classes, classes): row = true class, column = predicted class."""
    counts = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(counts, (np.asarray(labels, int), np.asarray(predictions, int)), 1)
    return counts


def confusion_figure(evaluation: "Evaluation", label_names: Sequence[str]) -> "Figure":
    """The confusion matrix drawn: colour is the share of the true class, text is the count.

    The figure belongs to no pyplot state, so threads may draw it.
    """
    from matplotlib.figure import Figure

    size = len(label_names)
    counts = confusion_matrix(evaluation.labels, evaluation.predictions, size)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    # Margins set by hand: a layout engine would double the time, and a study draws hundreds.
    cells, names, head = 0.6 * size, 0.5 + 0.08 * max(map(len, label_names)), 0.6
    width, height = max(names + cells + 0.2, 3.6), names + cells + head
    figure = Figure(figsize=(width, height))
    axes = figure.add_axes((names / width, names / height, cells / width, cells / height))
    axes.imshow(shares, cmap="Blues", vmin=0.0, vmax=1.0)
    axes.set_xticks(range(size), label_names, rotation=45, ha="right")
    axes.set_yticks(range(size), label_names)
    axes.set(xlabel="predicted", ylabel="true")
    figure.text(0.02, 1 - 0.3 / height, f"{evaluation.split}, n = {counts.sum()}")
    for row, column in np.ndindex(size, size):
        axes.text(
            *(column, row, str(counts[row, column])),
            ha="center",
            va="center",
            color="white" if shares[row, column] > 0.5 else "black",
        )
    return figure


def classification_report(evaluation: "Evaluation", label_names: Sequence[str]) -> str:
    """Precision, recall, F1 and support of every class, their averages and the accuracy.

    A class that is never predicted has precision 0; one without utterances has recall 0.
    """
    counts = confusion_matrix(evaluation.labels, evaluation.predictions, len(label_names))
    hits, support = np.diag(counts).astype(float), counts.sum(axis=1).astype(float)
    predicted = counts.sum(axis=0)
    precision = hits / np.maximum(predicted, 1)
    recall = hits / np.maximum(support, 1)
    f1 = 2 * hits / np.maximum(predicted + support, 1)
    scores = np.stack([precision, recall, f1], axis=1)
    total = max(support.sum(), 1.0)
    rows = [(name, *scores[at], support[at]) for at, name in enumerate(label_names)]
    rows.append(("macro average", *scores.mean(axis=0), support.sum()))
    rows.append(("weighted average", *(support @ scores / total), support.sum()))
    width = max(len(str(row[0])) for row in rows)
    head = f"{'':<{width}}  precision  recall      f1  support"
    lines = [
        f"{row[0]:<{width}}  {row[1]:9.4f}  {row[2]:6.4f}  {row[3]:6.4f}  {row[4]:7.0f}"
        for row in rows
    ]
    accuracy = f"accuracy {hits.sum() / total:.4f} on {evaluation.split}"
    return "\n".join([head, *lines, "", accuracy, ""])
