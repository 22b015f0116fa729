"""Deep canonical correlation analysis."""

from typing import Any

import torch
from torch import Tensor

from sslcl.similarities._batch_map import BatchMap, BatchMapSimilarity, class_sums

RIDGE = 1e-2
"""Added to the eigenvalues of both covariances; the variances of a unit vector sum to 1."""
SMALLEST_SQUARE = 1e-4
"""Added to squared canonical correlations under the root, which is steep at 0."""
NUGGET = 1e-8
"""Keeps the Cholesky factor of a singular matrix with eigenvalues in [0, 1] regular."""


class DCCA(BatchMapSimilarity):
    """The sum of canonical correlations of features and their labels' embeddings.

    With ``S_x = X~' X~ / (N - 1) + r I``, ``S_y = Y~' Y~ / (N - 1) + r I``, r = 0.01, ``Y`` the
    embedding of every utterance's label, and ``T = S_x^-1/2 (X~' Y~ / (N - 1)) S_y^-1/2``, the
    criterion is the trace norm ``tr (T' T)^1/2``. With ``T = U diag(s) V'`` it is the batch mean
    of ``x~_i' W y~_i``::

        W = N / (N - 1) S_x^-1/2 U V' S_y^-1/2

    where ``s / (s^2 + 1e-4)^1/2`` stands for the ones between ``U`` and ``V'``, so that directions
    without correlation have a gradient.

    ``T`` has rank ``C - 1`` at most. With ``P`` (``C x D``) the class sums over
    ``(n_k (N - 1))^1/2``, ``Z`` the embeddings times ``(n_k / (N - 1))^1/2``,
    ``R = P S_x^-1 P'`` and ``K = Z Z' (Z Z' + r I)^-1``, both ``C x C``, ::

        W = N / (N - 1) S_x^-1 P' (K R)^-1/2 (Z Z' + r I)^-1 Z

    which solves one ``D x D`` system a view and is otherwise ``C x C``:
    O(V D^2 (N + D)). ``N - 1`` counts as 1 where it is 0.

    With more dimensions than utterances a small ``r`` would let any features be perfectly
    correlated with any labels. A large one leaves little but the cross-covariance.

    Source: Andrew et al., ICML 2013, section 3; the ridge is theirs, its size ours.
    """

    name = "dcca"

    def batch_map(self, features: Tensor, members: Tensor, anchors: Tensor) -> BatchMap:
        """``N / (N - 1) S_x^-1/2 U V' S_y^-1/2`` of every view."""
        samples = len(members)
        freedom = max(samples - 1, 1)
        counts = members.sum(dim=0).unsqueeze(-1)  # (C, 1)
        p = class_sums(features, members) / (counts.clamp(min=1) * freedom).sqrt()  # (V, C, D)
        z = anchors * (counts / freedom).sqrt()
        covariance = _with_ridge(features.mT @ features / freedom, RIDGE)
        # Not by Cholesky factors, whose backward pass costs several D x D products.
        solved = torch.linalg.solve(covariance, p.mT)  # (V, D, C)
        # In double precision, because these C x C matrices are singular but for rounding.
        wide = z.double()
        polar = _polar((p @ solved).double(), wide @ wide.T)
        return BatchMap(solved.mT * (samples / freedom), polar.to(z.dtype) @ z)


def _polar(r: Tensor, second: Tensor) -> Tensor:
    """``(K R)^-1/2 (Z Z' + r I)^-1`` from ``R`` ``(V, C, C)`` and ``Z Z'`` ``(C, C)``.

    With ``K = L L'``, ``(K R)^-1/2 = L (L' R L)^-1/2 L^-1``, whose root is that of a symmetric
    matrix.
    """
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(_with_ridge(second, RIDGE)))
    k = second @ inverse
    # Classes that are absent, and the centring, make K singular; L must not be.
    factor = torch.linalg.cholesky(_with_ridge((k + k.mT) / 2, NUGGET))
    inner = _with_ridge(factor.mT @ ((r + r.mT) / 2) @ factor, SMALLEST_SQUARE)
    right = torch.linalg.solve_triangular(factor, inverse, upper=False)
    polar: Tensor = factor @ inverse_root(inner) @ right
    return polar


def _with_ridge(matrix: Tensor, ridge: float) -> Tensor:
    return matrix + ridge * torch.eye(matrix.shape[-1], dtype=matrix.dtype, device=matrix.device)


class _InverseRoot(torch.autograd.Function):
    """The backward pass divides by sums of eigenvalues' roots and not by their differences.

    Automatic differentiation of the eigendecomposition does the latter, and classes of equal
    size give equal eigenvalues.
    """

    @staticmethod
    def forward(ctx: Any, matrix: Tensor) -> Tensor:
        values, vectors = torch.linalg.eigh(matrix)
        roots = values.clamp(min=SMALLEST_SQUARE / 2).sqrt()
        ctx.save_for_backward(roots, vectors)
        root: Tensor = (vectors / roots.unsqueeze(-2)) @ vectors.mT
        return root

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        roots, vectors = ctx.saved_tensors
        a, b = roots.unsqueeze(-1), roots.unsqueeze(-2)
        inner = vectors.mT @ gradient @ vectors / (a * b * (a + b))
        slope: Tensor = -vectors @ inner @ vectors.mT
        return slope


def inverse_root(matrix: Tensor) -> Tensor:
    """``A^-1/2`` of symmetric ``(..., C, C)`` matrices with eigenvalues of at least 1e-4."""
    root: Tensor = _InverseRoot.apply(matrix)  # type: ignore[no-untyped-call]
    return root
