"""Classification scores from counts of true and predicted classes; numpy only.

The scores agree with scikit-learn's. They are here because they take any leading dimensions, as
permutation tests need it, and about a hundredth of scikit-learn's time for a single matrix.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sslcl.learning.score_names import CLASS_F1, check_score, classes_left_out, signs_of

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


def unweighted_accuracy(counts: Floats) -> Floats:
    """Plain mean recall of the classes that are labelled at all, ``(...)`` in [0, 1]."""
    hits, labelled, _ = _rows(counts)
    return _ratio(_ratio(hits, labelled).sum(axis=-1), (labelled > 0).sum(axis=-1) * 1.0)


def micro_f1(counts: Floats) -> Floats:
    """F1 of all these classes pooled, ``2 hits / (labelled + predicted)``, ``(...)`` in [0, 1]."""
    hits, labelled, predicted = _rows(counts)
    return _ratio(2.0 * hits.sum(axis=-1), labelled.sum(axis=-1) + predicted.sum(axis=-1))


SCORES: Mapping[str, Callable[[Floats], Floats]] = {
    "weighted_f1": weighted_f1,
    "macro_f1": macro_f1,
    "accuracy": accuracy,
    "uar": unweighted_accuracy,
}
"""The scores that every dataset has; :class:`Score` has them all by name."""


@dataclass(frozen=True)
class Score:
    """A score of a confusion matrix, any of :mod:`sslcl.learning.score_names`.

    Args:
        name: of the score.
        classes: indices of the classes whose pooled F1 it is, for ``f1:`` and ``micro_f1-``.
        signs: of each class, for ``acc2_``; see :func:`sslcl.learning.score_names.signs_of`.
    """

    name: str
    classes: tuple[int, ...] = ()
    signs: tuple[int, ...] = ()

    @classmethod
    def named(cls, name: str, label_names: Sequence[str]) -> Self:
        """The score called ``name`` for these classes.

        Raises:
            InputError: naming the nearest score when there is none of that name.
        """
        check_score(name, label_names)
        if name.startswith(CLASS_F1):
            return cls(name, (list(label_names).index(name.removeprefix(CLASS_F1)),))
        if without := classes_left_out(name, label_names):
            kept = (index for index, label in enumerate(label_names) if label not in without)
            return cls(name, tuple(kept))
        return cls(name, signs=signs_of(label_names) if name.startswith("acc2_") else ())

    def margins(self, confusion: Ints) -> Floats:
        """What :meth:`score` reads of ``(..., C, C)`` counts; it adds up as the counts do.

        For Acc-2 the classes are first joined into two: has0 parts negative from not negative,
        non0 leaves out utterances labelled neutral and parts positive from not positive.

        Returns:
            ``(..., 3, G)``: hits, labelled and predicted utterances of each class or sign.
        """
        if not self.signs:
            return margins(confusion)
        signs = np.array(self.signs)
        upper = signs >= 0 if self.name == "acc2_has0" else signs > 0
        predicted = np.stack([~upper, upper]).astype(np.int64)
        labelled = predicted * (signs != 0) if self.name == "acc2_non0" else predicted
        return margins(labelled @ confusion @ predicted.T)

    def score(self, counts: Floats) -> Floats:
        """Scores in [0, 1] of ``(..., 3, G)`` :meth:`margins`; shape ``(...)``."""
        if self.classes:
            return micro_f1(counts[..., list(self.classes)])
        return SCORES.get(self.name, accuracy)(counts)

    def of(self, confusion: Ints) -> Floats:
        """Scores in [0, 1] of ``(..., C, C)`` counts; shape ``(...)``."""
        return self.score(self.margins(confusion))


def scores_of(confusion: Ints, label_names: Sequence[str], *more: str) -> dict[str, Floats]:
    """The general scores of one or many confusion matrices, and F1 of each class.

    Args:
        confusion: ``(..., C, C)`` counts.
        label_names: ``C`` names of the classes.
        more: names of further scores.

    Returns:
        Those of :data:`SCORES` and ``f1:<class>`` for each class, ``(...)`` in [0, 1].

    Raises:
        ValueError: when there are not as many names as classes.
    """
    counts = margins(confusion)
    by_class = np.moveaxis(class_f1(counts), -1, 0)
    general = {name: score(counts) for name, score in SCORES.items()} | {
        f"{CLASS_F1}{name}": f1 for name, f1 in zip(label_names, by_class, strict=True)
    }
    further = [Score.named(name, label_names) for name in more if name not in general]
    return general | {score.name: score.of(confusion) for score in further}


def _rows(counts: Floats) -> tuple[Floats, Floats, Floats]:
    return counts[..., 0, :], counts[..., 1, :], counts[..., 2, :]


def _ratio(top: Floats, bottom: Floats) -> Floats:
    ratio: Floats = np.divide(top, bottom, out=np.zeros_like(top), where=bottom > 0)
    return ratio
