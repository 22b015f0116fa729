"""Measures between utterance features and label embeddings."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from sslcl.registry import Registry
from sslcl.validation import LogitScaleMode


@dataclass(frozen=True)
class TrainStatistics:
    """What inference may know of the training split.

    Args:
        feature_mean: ``(D,)`` running mean of the training features as the similarity receives
            them, so L2-normalised where :attr:`Similarity.normalises` is true.
        class_prior: ``(C,)`` share of each class among the training utterances.
    """

    feature_mean: Tensor
    class_prior: Tensor


@dataclass(frozen=True)
class Contrast:
    """Similarities of a batch's utterances to the labels they are compared with.

    Args:
        positives: ``(V, N)``, every view with the utterance's own label.
        negatives: ``(C - 1, N)``, the last view with each wrong label once.
        penalty_share: see :meth:`Similarity.penalty_share`.
    """

    positives: Float[Tensor, "V N"]
    negatives: Float[Tensor, "C_1 N"]
    penalty_share: Tensor | None = None


class Similarity(nn.Module, ABC):
    """The contract of every similarity.

    Features and embeddings arrive L2-normalised, unless the similarity declines that with
    :attr:`normalises`. A *candidate row* assigns one class to every utterance of the batch;
    because the assignment depends on an utterance only through its own label, a row is given by
    ``C`` numbers: ``table[r, k]`` is the class that row ``r`` assigns to utterances whose label
    is ``k``. The positive row is ``table[r, k] = k``.

    Args:
        width: ``D``, the width of features and embeddings.
    """

    name: ClassVar[str]
    normalises: ClassVar[bool] = True
    """Whether the objective L2-normalises features and embeddings first."""
    logit_scale: ClassVar[LogitScaleMode] = "matched"
    """How it becomes logits where the configuration does not say."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width

    @abstractmethod
    def candidates(
        self, features: Tensor, labels: Tensor, embeddings: Tensor, table: Tensor
    ) -> Tensor:
        """Training form: similarity of every utterance to its candidate of every row.

        Args:
            features: ``(V, N, D)``, one slice a view.
            labels: ``(N,)`` int64 in ``[0, C)``.
            embeddings: ``(C, D)``.
            table: ``(R, C)`` int64, the candidate rows.

        Returns:
            ``(V, R, N)``.
        """

    def prepared(self, vectors: Float[Tensor, "*K D"]) -> Float[Tensor, "*K D"]:
        """``(..., D)`` features or embeddings as the other methods take them."""
        return F.normalize(vectors, dim=-1) if self.normalises else vectors

    def contrast(
        self,
        features: Float[Tensor, "V N D"],
        labels: Int[Tensor, " N"],
        embeddings: Float[Tensor, "C D"],
    ) -> Contrast:
        """The rows that SSLCL compares: the positive one and the released negative ones.

        Args:
            features: ``(V, N, D)``, one slice a view, not yet normalised.
            labels: ``(N,)`` int64 in ``[0, C)``.
            embeddings: ``(C, D)``, not yet normalised.
        """
        features, embeddings = self.prepared(features), self.prepared(embeddings)
        positive = torch.arange(len(embeddings), device=labels.device).unsqueeze(0)
        negative = negative_table(len(embeddings), labels.device)
        return Contrast(
            self.candidates(features, labels, embeddings, positive)[:, 0],
            self.candidates(features[-1:], labels, embeddings, negative)[0],
            self.penalty_share(features[-1], labels, embeddings),
        )

    @abstractmethod
    def scores(self, features: Tensor, embeddings: Tensor, statistics: TrainStatistics) -> Tensor:
        """Inference form: score of every class, independent of the rest of the batch.

        Args:
            features: ``(N, D)``.
            embeddings: ``(C, D)``.

        Returns:
            ``(N, C)``; the prediction is the class of the largest score.
        """

    @classmethod
    def largest_batch(cls, width: int, classes: int) -> float | None:
        """Utterances a batch may have before the penalty outweighs the alignment.

        Args:
            width: ``D``.
            classes: ``C``.

        Returns:
            ``None`` where batches of any size are fine.
        """
        return None

    def penalty_share(self, features: Tensor, labels: Tensor, embeddings: Tensor) -> Tensor | None:
        """How much of the similarity is its penalty, for a similarity that has one.

        The mean magnitude of the penalty over that of alignment and penalty together, in
        ``[0, 1]``, over the positive row; above one half the penalty outweighs the alignment.

        Args:
            features: ``(N, D)``.
            labels: ``(N,)``.
            embeddings: ``(C, D)``.

        Returns:
            A detached scalar, or ``None`` where there is no penalty.
        """
        return None


SIMILARITIES: Registry[Similarity] = Registry("similarity", "sslcl.similarities", Similarity)  # type: ignore[type-abstract]


def negative_table(classes: int, device: torch.device | None = None) -> Tensor:
    """The released negative candidate rows ``1 .. C - 1``, ``(C - 1, C)``.

    Row ``r`` holds class ``r``, but class 0 for utterances of class ``r`` themselves, so that
    each utterance meets each wrong class exactly once.
    """
    every = torch.arange(classes, device=device)
    rows = every[1:].unsqueeze(1).expand(-1, classes)
    return rows.masked_fill(rows == every, 0)


def one_hot(labels: Tensor, classes: int, dtype: torch.dtype) -> Tensor:
    """``(..., C)`` indicator of integer classes, computed without reading their values."""
    return (labels.unsqueeze(-1) == torch.arange(classes, device=labels.device)).to(dtype)
