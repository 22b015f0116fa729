"""What the Soft-HGR similarities share: centring over the batch, alignment and inference."""

from abc import abstractmethod

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from sslcl.similarities import Similarity, TrainStatistics, one_hot


def centred_picks(table: Int[Tensor, "R C"], share: Float[Tensor, " C"]) -> Float[Tensor, "R C C"]:
    """Candidate rows centred over the batch, as coefficients of the label embeddings.

    ``B[r, k, c] = [table[r, k] = c] - sum_l share_l [table[r, l] = c]``, so that the centred
    candidate of utterances of class ``k`` in row ``r`` is ``sum_c B[r, k, c] embeddings[c]``.

    Args:
        table: ``(R, C)`` int64 candidate rows.
        share: ``(C,)`` share of each class in the batch.

    Returns:
        ``(R, C, C)``.
    """
    picks = one_hot(table, len(share), share.dtype)
    return picks - torch.einsum("l,rlc->rc", share, picks).unsqueeze(1)


class SoftHGRBase(Similarity):
    """Alignment of centred features and candidates minus half a penalty.

    Soft-HGR (Wang et al., AAAI 2019, arXiv 1811.08979) maximises
    ``E[f'g] - 1/2 tr(cov(f) cov(g))`` over zero-mean ``f`` and ``g``.

    One utterance alone, or utterances that all have the same features, leave nothing after
    centring: every similarity is 0 and sends no gradient to features or embeddings. So does
    the positive row of a batch of a single class.
    """

    @abstractmethod
    def terms(
        self, features: Tensor, labels: Tensor, embeddings: Tensor, table: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Alignment ``(V, R, N)`` and penalty, which broadcasts against it.

        Arguments are those of :meth:`candidates`.
        """

    def candidates(
        self,
        features: Float[Tensor, "V N D"],
        labels: Int[Tensor, " N"],
        embeddings: Float[Tensor, "C D"],
        table: Int[Tensor, "R C"],
    ) -> Float[Tensor, "V R N"]:
        """Alignment minus half the penalty, ``(V, R, N)``."""
        alignment, penalty = self.terms(features, labels, embeddings, table)
        return alignment - penalty / 2

    def scores(
        self,
        features: Float[Tensor, "N D"],
        embeddings: Float[Tensor, "C D"],
        statistics: TrainStatistics,
    ) -> Float[Tensor, "N C"]:
        """Cosine of feature and label embedding, each less its mean over the training split.

        ``cos(f - feature_mean, g_k - sum_c class_prior_c g_c)``, ``(N, C)``.

        The rule is ours: the paper's is not known, and the training form says nothing about one
        utterance, since a candidate that is the same for the whole batch is centred to 0. The
        means of the training split take the place of the batch means that training subtracts.
        The penalty is left out, because it belongs to a batch. The mean of the embeddings lies
        near the frequent classes' own, so the length of a centred embedding tells mostly how
        rare its class is; dividing by it keeps rarity out of the score.
        """
        centred = features - statistics.feature_mean
        anchors = embeddings - statistics.class_prior @ embeddings
        return F.normalize(centred, dim=-1) @ F.normalize(anchors, dim=-1).T

    @torch.no_grad()
    def penalty_share(self, features: Tensor, labels: Tensor, embeddings: Tensor) -> Tensor | None:
        """Mean ``|penalty / 2|`` over mean ``|alignment|`` plus itself; 0 where both are 0."""
        positive = torch.arange(len(embeddings), device=labels.device).unsqueeze(0)
        alignment, penalty = self.terms(features.unsqueeze(0), labels, embeddings, positive)
        half = penalty.abs().mean() / 2
        whole = alignment.abs().mean() + half
        return half / whole.clamp(min=torch.finfo(whole.dtype).tiny)
