"""Similarities that depend on one feature and one embedding alone."""

from abc import abstractmethod

import torch
from jaxtyping import Float, Int
from torch import Tensor

from sslcl.similarities import Contrast, Similarity, TrainStatistics, negative_table


class PairwiseSimilarity(Similarity):
    """A similarity whose training and inference forms are the same function of a pair.

    Batches of one utterance or of one class need no special treatment.
    """

    @abstractmethod
    def pairs(self, features: Tensor, embeddings: Tensor) -> Tensor:
        """``(..., C)`` similarities of ``(..., D)`` features to ``(C, D)`` embeddings."""

    def candidates(
        self,
        features: Float[Tensor, "V N D"],
        labels: Int[Tensor, " N"],
        embeddings: Float[Tensor, "C D"],
        table: Int[Tensor, "R C"],
    ) -> Float[Tensor, "V R N"]:
        """The candidate's entry of :meth:`pairs`, ``(V, R, N)``."""
        every = self.pairs(self.prepared(features), self.prepared(embeddings)).mT  # (V, C, N)
        chosen = table[:, labels].expand(len(features), -1, -1)  # (V, R, N)
        return torch.gather(every, 1, chosen)

    def contrast(
        self,
        features: Float[Tensor, "V N D"],
        labels: Int[Tensor, " N"],
        embeddings: Float[Tensor, "C D"],
    ) -> Contrast:
        """Entries of one call of :meth:`pairs`."""
        every = self.pairs(self.prepared(features), self.prepared(embeddings)).mT  # (V, C, N)
        own = labels.expand(len(features), 1, -1)
        wrong = negative_table(len(embeddings), labels.device)[:, labels]
        return Contrast(every.gather(1, own)[:, 0], every[-1].gather(0, wrong))

    def scores(
        self,
        features: Float[Tensor, "N D"],
        embeddings: Float[Tensor, "C D"],
        statistics: TrainStatistics,
    ) -> Float[Tensor, "N C"]:
        """:meth:`pairs` itself, ``(N, C)``."""
        return self.pairs(features, embeddings)
