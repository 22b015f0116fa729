"""Scores from counts of label and prediction, which add up over conversations."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sslcl.errors import unknown
from study.stats.names import METRICS

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Metric:
    """A score of a confusion matrix, agreeing with scikit-learn.

    Args:
        name: ``weighted_f1``, ``macro_f1``, ``accuracy`` or ``f1:<class>``.
        index: index of the class, for ``f1:<class>`` only.
    """

    name: str
    index: int | None = None

    @classmethod
    def named(cls, name: str, label_names: Sequence[str]) -> "Metric":
        """The metric called ``name`` for these classes.

        Raises:
            InputError: naming the nearest metric when there is none of that name.
        """
        if name in METRICS:
            return cls(name)
        by_class = {f"f1:{label}": index for index, label in enumerate(label_names)}
        if name not in by_class:
            raise unknown("metric", name, [*METRICS, *by_class])
        return cls(name, by_class[name])

    def score(self, counts: Floats) -> Floats:
        """Scores in [0, 1] of ``(..., 3, C)`` :func:`margins`; shape ``(...)``.

        F1 of a class is 2 hits / (labelled + predicted), 0 where that is 0 / 0; ``weighted_f1``
        weighs by the labelled counts; ``macro_f1`` averages the classes that are labelled or
        predicted at all.
        """
        hits, labelled, predicted = (counts[..., row, :] for row in range(3))
        if self.name == "accuracy":
            return _ratio(hits.sum(-1), labelled.sum(-1))
        f1 = _ratio(2.0 * hits, labelled + predicted)
        if self.index is not None:
            return f1[..., self.index]
        if self.name == "weighted_f1":
            return _ratio((f1 * labelled).sum(-1), labelled.sum(-1))
        return _ratio(f1.sum(-1), (labelled + predicted > 0).sum(-1).astype(np.float64))


def margins(confusion: NDArray[np.int64]) -> Floats:
    """All that the metrics read of ``(..., C, C)`` counts (label × prediction).

    Returns:
        ``(..., 3, C)``: hits, labelled and predicted per class; additive like the counts.
    """
    hits = np.diagonal(confusion, axis1=-2, axis2=-1)
    stacked = np.stack([hits, confusion.sum(-1), confusion.sum(-2)], axis=-2)
    return stacked.astype(np.float64)


def _ratio(top: Floats, bottom: Floats) -> Floats:
    return np.divide(top, bottom, out=np.zeros_like(top), where=bottom > 0)
