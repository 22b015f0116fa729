"""Barlow Twins."""

import torch
from torch import Tensor

from sslcl.similarities import one_hot
from sslcl.similarities._batch_map import BatchMap, BatchMapSimilarity, class_sums

REDUNDANCY_WEIGHT = 0.0051
"""The weight of off-diagonal correlations, lambda, in the released code."""
EPSILON = 1e-5
"""Added to variances, as the released code's batch normalisation does."""


class BarlowTwins(BatchMapSimilarity):
    """Barlow Twins between features and their labels' embeddings.

    With features ``x^`` and embeddings of the labels ``y^`` standardised over the batch, entry by
    entry (biased variance plus 1e-5), and their cross-correlation ``C = X^' Y^ / N``,
    ``D x D``, the criterion is minus the published loss ::

        -sum_a (1 - C_aa)^2 - lambda sum_{a != b} C_ab^2,    lambda = 0.0051

    It is the batch mean of ``x^_i' A y^_i - D`` with
    ``A = diag(2 - C_aa) - lambda (C - diag(C_aa))``, so ``sim_i(c) = x~_i' W g~_c - D``, ``W``
    being ``A`` over the standard deviations of both sides. ``-D`` matters to no softmax.
    O(V N C D).

    Labels have at most ``C - 1`` independent directions, so for ``D >= C`` their own entries are
    correlated and the redundancy term cannot reach 0; for aligned features it outgrows the
    alignment at about ``D = (C - 1) / lambda``. Features and embeddings arrive as they are, since
    standardising takes the place of L2-normalising. In a batch of one utterance or one class there
    is nothing to standardise: all similarities are ``-D``.

    Source: Zbontar et al., ICML 2021, arXiv 2103.03230, equations 1 and 2; released code.
    """

    name = "barlow_twins"
    normalises = False

    def batch_map(self, features: Tensor, members: Tensor, anchors: Tensor) -> BatchMap:
        """``A`` over the standard deviations of features and labels, of every view."""
        left, right, own, theirs = _cross_correlation(features, members, anchors)
        # With one class alone the deviations are those of nothing.
        told = (members.sum(dim=0) > 0).sum() > 1
        own, theirs = (torch.where(told, deviation, torch.inf) for deviation in (own, theirs))
        weights = 2 - (1 - REDUNDANCY_WEIGHT) * (left * right).sum(dim=1)
        return BatchMap(
            -REDUNDANCY_WEIGHT * left / own, right / theirs, weights / (own.squeeze(1) * theirs)
        )

    def candidates(
        self, features: Tensor, labels: Tensor, embeddings: Tensor, table: Tensor
    ) -> Tensor:
        """``x~_i' W g~_c - D`` for the candidate ``c`` of every row, ``(V, R, N)``."""
        return super().candidates(features, labels, embeddings, table) - self.width

    @torch.no_grad()
    def penalty_share(self, features: Tensor, labels: Tensor, embeddings: Tensor) -> Tensor | None:
        """Redundancy term over both terms of the loss; 0 where both are 0."""
        members = one_hot(labels, len(embeddings), features.dtype)
        x = features - features.mean(dim=0)
        anchors = embeddings - members.mean(dim=0) @ embeddings
        left, right, _, _ = _cross_correlation(x, members, anchors)
        diagonal = (left * right).sum(dim=0)
        alignment = (1 - diagonal).square().sum()
        everything = ((left @ left.T) * (right @ right.T)).sum()
        redundancy = REDUNDANCY_WEIGHT * (everything - diagonal.square().sum())
        whole = alignment + redundancy
        return redundancy / whole.clamp(min=torch.finfo(whole.dtype).tiny)


def _cross_correlation(
    features: Tensor, members: Tensor, anchors: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The cross-correlation as two factors, and the standard deviations it is divided by.

    ``C = left' right``, ``(..., C, D)`` and ``(C, D)``, with deviations of features
    ``(..., 1, D)`` and of labels ``(D,)``, from features and anchors centred over the batch.
    """
    own = (features.square().mean(dim=-2, keepdim=True) + EPSILON).sqrt()
    theirs = (members.mean(dim=0) @ anchors.square() + EPSILON).sqrt()
    left = class_sums(features, members) / len(members) / own
    return left, anchors / theirs, own, theirs
