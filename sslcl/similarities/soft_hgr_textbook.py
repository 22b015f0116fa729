"""Soft-HGR as its own paper defines it."""

import torch
from torch import Tensor

from sslcl.similarities import one_hot
from sslcl.similarities._soft_hgr import SoftHGRBase, centred_picks


class SoftHGRTextbook(SoftHGRBase):
    """Soft-HGR with the ``D x D`` covariance of features, as defined.

    For one view ``X`` and one candidate row ``Y``, both ``(N, D)`` and centred over the batch
    to ``x~`` and ``y~``::

        s_i   = N / (N - 1) x~_i . y~_i                      per utterance
        P     = tr(cov_X cov_Y),  cov_X = X~' X~ / (N - 1)   one number per view and row
        sim_i = s_i - P / 2

    The mean of ``sim_i`` over the batch is the Soft-HGR objective of that view and row with
    unbiased (co)variances; hence the factor ``N``, without which the full trace would stand
    against an ``N``-th of the alignment. Similarities so keep their size when ``N`` grows.

    With ``Q = E X~' X~ E'`` (``C x C``, ``E`` the label embeddings) and ``B`` the centred picks
    of the row, ``P = sum_k n_k B_k' Q B_k / (N - 1)^2``: neither ``N x N`` nor ``D x D`` is
    formed. ``N - 1`` counts as 1 where it is 0.

    Source: Wang et al., AAAI 2019, arXiv 1811.08979.
    """

    name = "soft_hgr_textbook"

    def terms(
        self, features: Tensor, labels: Tensor, embeddings: Tensor, table: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Alignment ``(V, R, N)`` and penalty ``(V, R, 1)``."""
        samples = features.shape[1]
        freedom = max(samples - 1, 1)
        members = one_hot(labels, len(embeddings), features.dtype)  # (N, C)
        picks = centred_picks(table, members.mean(dim=0))  # (R, C, C)
        x = features - features.mean(dim=1, keepdim=True)  # (V, N, D)
        products = x @ embeddings.T  # (V, N, C)
        alignment = torch.einsum("vnc,rnc->vrn", products, picks[:, labels])

        second = products.mT @ products  # (V, C, C)
        squares = torch.einsum("rkc,vcd,rkd->vrk", picks, second, picks)  # ||X~ y~_k||^2
        penalty = squares @ members.sum(dim=0)
        return alignment * (samples / freedom), penalty.unsqueeze(-1) / freedom**2
