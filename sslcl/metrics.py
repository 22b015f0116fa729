"""Classification scores from a confusion matrix."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


def confusion_matrix(labels: Ints, predictions: Ints, classes: int) -> Ints:
    """Count utterances by true class (row) and predicted class (column), ``(C, C)``."""
    pairs = labels.astype(np.int64) * classes + predictions.astype(np.int64)
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)


def class_f1(confusion: Ints) -> Floats:
    """F1 of each class, ``2 TP / (2 TP + FP + FN)``, 0 where the class never occurs.

    Args:
        confusion: ``(..., C, C)`` counts.

    Returns:
        ``(..., C)`` in [0, 1].
    """
    hits = np.diagonal(confusion, axis1=-2, axis2=-1).astype(np.float64)
    total = confusion.sum(axis=-1) + confusion.sum(axis=-2)
    f1: Floats = np.divide(2 * hits, total, out=np.zeros_like(hits), where=total > 0)
    return f1


def scores(confusion: Ints, label_names: Sequence[str]) -> dict[str, float]:
    """Scores of one evaluation, in [0, 1].

    Returns:
        ``weighted_f1`` (classes weighted by their support), ``macro_f1`` (classes that occur or
        are predicted, weighted alike), ``accuracy`` and ``f1:<class>`` for each class.
    """
    f1 = class_f1(confusion)
    support = confusion.sum(axis=1)
    present = (support + confusion.sum(axis=0)) > 0
    result = {
        "weighted_f1": float(np.average(f1, weights=support)) if support.sum() else 0.0,
        "macro_f1": float(f1[present].mean()) if present.any() else 0.0,
        "accuracy": float(np.trace(confusion) / max(confusion.sum(), 1)),
    }
    return result | {f"f1:{name}": float(v) for name, v in zip(label_names, f1, strict=True)}
