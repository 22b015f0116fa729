"""Classification scores from counts of true and predicted classes; numpy only.

The scores agree with scikit-learn's. They are here because they take any leading dimensions, as
permutation tests need it, and about a hundredth of scikit-learn's time for a single matrix.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


def confusion_matrix(labels: ArrayLike, predictions: ArrayLike, classes: int) -> Ints:
    """Count utterances by true class (row) and predicted class (column).

    Args:
        labels: ``(N,)`` class indices in ``[0, classes)``.
        predictions: ``(N,)`` class indices in ``[0, classes)``.
        classes: ``C``.

    Returns:
        ``(C, C)``.
    """
    rows, columns = np.asarray(labels, dtype=np.int64), np.asarray(predictions, dtype=np.int64)
    counts = np.bincount(rows * classes + columns, minlength=classes * classes)
    return counts.reshape(classes, classes)


def margins(confusion: Ints) -> Floats:
    """All that the scores read of ``(..., C, C)`` counts; they add up as the counts do.

    Returns:
        ``(..., 3, C)``: hits, labelled and predicted utterances of each class.
    """
    hits = np.diagonal(confusion, axis1=-2, axis2=-1)
    stacked = np.stack([hits, confusion.sum(axis=-1), confusion.sum(axis=-2)], axis=-2)
    return stacked.astype(np.float64)


def class_f1(counts: Floats) -> Floats:
    """F1 of each class, ``2 hits / (labelled + predicted)``, 0 where the class never occurs.

    Args:
        counts: ``(..., 3, C)`` :func:`margins`.

    Returns:
        ``(..., C)`` in [0, 1].
    """
    hits, labelled, predicted = _rows(counts)
    return _ratio(2.0 * hits, labelled + predicted)


def weighted_f1(counts: Floats) -> Floats:
    """Mean F1 of the classes, weighted by their labelled utterances, ``(...)`` in [0, 1]."""
    _, labelled, _ = _rows(counts)
    return _ratio((class_f1(counts) * labelled).sum(axis=-1), labelled.sum(axis=-1))


def macro_f1(counts: Floats) -> Floats:
    """Plain mean F1 of the classes that are labelled or predicted at all, ``(...)`` in [0, 1]."""
    _, labelled, predicted = _rows(counts)
    occurring = (labelled + predicted > 0).sum(axis=-1).astype(np.float64)
    return _ratio(class_f1(counts).sum(axis=-1), occurring)


def accuracy(counts: Floats) -> Floats:
    """Share of utterances whose prediction is their label, ``(...)`` in [0, 1]."""
    hits, labelled, _ = _rows(counts)
    return _ratio(hits.sum(axis=-1), labelled.sum(axis=-1))


SCORES: Mapping[str, Callable[[Floats], Floats]] = {
    "weighted_f1": weighted_f1,
    "macro_f1": macro_f1,
    "accuracy": accuracy,
}
"""The scores that every dataset has, by name; besides them there is ``f1:<class>``."""


def scores_of(confusion: Ints, label_names: Sequence[str]) -> dict[str, Floats]:
    """All scores of one or many confusion matrices.

    Args:
        confusion: ``(..., C, C)`` counts.
        label_names: ``C`` names of the classes.

    Returns:
        Those of :data:`SCORES` and ``f1:<class>`` for each class, ``(...)`` in [0, 1].

    Raises:
        ValueError: when there are not as many names as classes.
    """
    counts = margins(confusion)
    by_class = np.moveaxis(class_f1(counts), -1, 0)
    return {name: score(counts) for name, score in SCORES.items()} | {
        f"f1:{name}": f1 for name, f1 in zip(label_names, by_class, strict=True)
    }


def _rows(counts: Floats) -> tuple[Floats, Floats, Floats]:
    return counts[..., 0, :], counts[..., 1, :], counts[..., 2, :]


def _ratio(top: Floats, bottom: Floats) -> Floats:
    ratio: Floats = np.divide(top, bottom, out=np.zeros_like(top), where=bottom > 0)
    return ratio
