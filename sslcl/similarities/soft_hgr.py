"""Soft-HGR as the released SSLCL code computes it."""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from sslcl.similarities import Contrast, one_hot
from sslcl.similarities._soft_hgr import SoftHGRBase, centred_picks
from sslcl.similarities._soft_hgr_contrast import soft_hgr_contrast


class SoftHGR(SoftHGRBase):
    """Soft-HGR with the covariance of samples rather than of features, as released.

    For one view ``X`` and one candidate row ``Y``, both ``(N, D)``, centred over the batch to
    ``x~`` and ``y~``, and then over their ``D`` entries to ``x^`` and ``y^``::

        s_i   = x~_i . y~_i / (N - 1)
        P_i   = [K_X K_Y]_ii,  K_X = X^ X^' / (D - 1),  K_Y = Y^ Y^' / (D - 1),  both N x N
        sim_i = s_i - P_i / 2

    Alignment and penalty are both per utterance. ``Y^`` has one distinct row per class, so with
    ``S_k`` the sum of ``x^_j`` over utterances of class ``k`` ::

        P_i = sum_k (x^_i . S_k) (y^_k . y^_{y_i}) / (D - 1)^2

    exactly, in O(V N D C) time and without an ``N x N`` matrix. ``N - 1`` and ``D - 1`` count
    as 1 where they are 0.

    Properties of the released form, kept: ``sim`` shrinks as 1/N, the penalty outgrows the
    alignment for large ``N``, and a class that is absent from the batch does not repel.

    Source: released code of SSLCL (arXiv 2310.16676), ``SSLCL_loss.py``.
    """

    name = "soft_hgr"
    logit_scale = "released"

    @classmethod
    def largest_batch(cls, width: int, classes: int) -> float | None:
        """``(D - 1) sqrt(2C)``: where the two are equal for aligned features and even classes."""
        return (width - 1) * math.sqrt(2 * classes)

    def terms(
        self, features: Tensor, labels: Tensor, embeddings: Tensor, table: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Alignment and penalty, each ``(V, R, N)``."""
        samples, width = features.shape[1:]
        members = one_hot(labels, len(embeddings), features.dtype)  # (N, C)
        picks = centred_picks(table, members.mean(dim=0))  # (R, C, C)
        x = features - features.mean(dim=1, keepdim=True)  # (V, N, D)
        alignment = torch.einsum("vnc,rnc->vrn", x @ embeddings.T, picks[:, labels])

        x = x - x.mean(dim=-1, keepdim=True)
        g = embeddings - embeddings.mean(dim=-1, keepdim=True)
        class_sums = torch.einsum("nk,vnd->vkd", members, x)  # (V, C, D)
        gram = picks @ (g @ g.T) @ picks.mT  # (R, C, C), y^_k . y^_l
        penalty = torch.einsum("vnk,rnk->vrn", x @ class_sums.mT, gram[:, labels])
        return alignment / max(samples - 1, 1), penalty / max(width - 1, 1) ** 2

    def contrast(
        self,
        features: Float[Tensor, "V N D"],
        labels: Int[Tensor, " N"],
        embeddings: Float[Tensor, "C D"],
    ) -> Contrast:
        """The same rows from two products; :meth:`candidates` is the literal twin."""
        positives, negatives, (alignment, penalty) = soft_hgr_contrast(
            features, F.normalize(embeddings, dim=-1), labels
        )
        return Contrast(positives, negatives, penalty_share(alignment, penalty))


def penalty_share(alignment: Tensor, penalty: Tensor) -> Tensor:
    """Size of the penalty over that of both; 0 where both are 0."""
    return penalty / (alignment + penalty).clamp_(min=torch.finfo(penalty.dtype).tiny)
