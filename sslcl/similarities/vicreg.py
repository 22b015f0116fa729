"""VICReg: variance, invariance and covariance."""

import torch
from torch import Tensor
from torch.nn import functional as F

from sslcl.similarities import Similarity, TrainStatistics, one_hot
from sslcl.similarities._soft_hgr import centred_picks
from sslcl.similarities.euclidean import squared_distances

INVARIANCE_WEIGHT = 25.0
VARIANCE_WEIGHT = 25.0
COVARIANCE_WEIGHT = 1.0
EPSILON = 1e-4
"""Added to variances under the root."""


class VICReg(Similarity):
    """VICReg between features and the candidates of a row, as its released code computes it.

    For one view ``X`` and one candidate row ``Y``, both ``(N, D)``, with unbiased (co)variances::

        sim_i = -25 ||x_i - y_i||^2 / D - 25 (v(X) + v(Y)) / 2 - (c(X) + c(Y))
        v(Z)  = 1/D sum_a max(0, 1 - (Var(z_a) + 1e-4)^1/2)
        c(Z)  = 1/D sum_{a != b} Cov(z_a, z_b)^2

    Invariance is per utterance, variance and covariance are one number per view and row, so the
    mean of ``sim_i`` over the batch is minus the loss of that view and row. Those numbers of ``X``
    are the same for all candidates of the full view, so the softmax sees them only where views
    differ; those of ``Y`` hold the label embeddings apart, a row with few distinct candidates
    being one with little variance.

    A row has one candidate per class, so with ``y~_k`` these, centred over the batch,
    ``sum_ab Cov(y_a, y_b)^2 = sum_kl n_k n_l (y~_k . y~_l)^2 / (N - 1)^2``. Only the features
    need a ``D x D`` product, O(V N D^2). ``N - 1`` counts as 1 where it is 0; one utterance, or
    one class in the positive row, has variance 0 and is penalised for it by a constant.

    Features and embeddings arrive as they are, since a standard deviation of 1 in every entry is
    what VICReg asks for. The paper's invariance term is not divided by ``D`` and its variance
    term is not halved; the released code does both, and the weights 25, 25, 1 are its.

    Source: Bardes et al., ICLR 2022, arXiv 2105.04906, equations 1 to 6; released code.
    """

    name = "vicreg"
    normalises = False

    def candidates(
        self, features: Tensor, labels: Tensor, embeddings: Tensor, table: Tensor
    ) -> Tensor:
        """Minus the three terms, ``(V, R, N)``."""
        every = squared_distances(features, embeddings).mT / self.width  # (V, C, N)
        chosen = table[:, labels].expand(len(features), -1, -1)
        invariance = torch.gather(every, 1, chosen)
        spread = _of_features(features)[:, None, None] + self._of_rows(
            labels, embeddings, table
        ).unsqueeze(-1)
        return -INVARIANCE_WEIGHT * invariance - spread

    def _of_rows(self, labels: Tensor, embeddings: Tensor, table: Tensor) -> Tensor:
        """``25/2 v(Y) + c(Y)`` of every row, ``(R,)``."""
        members = one_hot(labels, len(embeddings), embeddings.dtype)
        counts = members.sum(dim=0)
        freedom = max(len(labels) - 1, 1)
        rows = centred_picks(table, members.mean(dim=0)) @ embeddings  # (R, C, D)
        variance = counts @ rows.square() / freedom
        squares = (rows @ rows.mT).square() @ counts @ counts / freedom**2
        return _penalty(variance, squares)

    def scores(self, features: Tensor, embeddings: Tensor, statistics: TrainStatistics) -> Tensor:
        """The invariance term alone, ``-25 ||f - g_k||^2 / D``, ``(N, C)``.

        The other terms belong to a batch and are the same for all its utterances.
        """
        return -INVARIANCE_WEIGHT / self.width * squared_distances(features, embeddings)

    @torch.no_grad()
    def penalty_share(self, features: Tensor, labels: Tensor, embeddings: Tensor) -> Tensor | None:
        """Variance and covariance terms over all three; 0 where all are 0."""
        positive = torch.arange(len(embeddings), device=labels.device).unsqueeze(0)
        penalty = _of_features(features.unsqueeze(0)) + self._of_rows(labels, embeddings, positive)
        distance = (features - embeddings[labels]).square().mean()
        whole = INVARIANCE_WEIGHT * distance + penalty.squeeze()
        return penalty.squeeze() / whole.clamp(min=torch.finfo(whole.dtype).tiny)


def _of_features(features: Tensor) -> Tensor:
    """``25/2 v(X) + c(X)`` of every view, ``(V,)``."""
    freedom = max(features.shape[1] - 1, 1)
    x = features - features.mean(dim=1, keepdim=True)
    covariance = x.mT @ x / freedom
    variance = covariance.diagonal(dim1=1, dim2=2)
    return _penalty(variance, covariance.square().sum(dim=(1, 2)))


def _penalty(variance: Tensor, squares: Tensor) -> Tensor:
    """Weighted variance and covariance terms of one side.

    Args:
        variance: ``(..., D)``.
        squares: ``(...)``, the sum of all squared (co)variances.
    """
    width = variance.shape[-1]
    hinge = F.relu(1 - (variance + EPSILON).sqrt()).mean(dim=-1)
    off_diagonal = (squares - variance.square().sum(dim=-1)) / width
    return VARIANCE_WEIGHT / 2 * hinge + COVARIANCE_WEIGHT * off_diagonal
