"""Released Soft-HGR of the rows that SSLCL compares, in few products and with its own gradient."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd import Function

SMALLEST_NORM = 1e-12
"""As :func:`torch.nn.functional.normalize` has it."""


def soft_hgr_contrast(
    features: Float[Tensor, "V N D"],
    embeddings: Float[Tensor, "C D"],
    members: Float[Tensor, "N C"],
) -> tuple[Float[Tensor, "V N"], Float[Tensor, "N C-1"], Float[Tensor, " 2"]]:
    """Released Soft-HGR of every view with the label, and of the last view with wrong labels.

    With ``x~`` the L2-normalised features less their batch mean, ``x^`` those less the mean of
    their ``D`` entries, ``g~`` and ``g^`` the label embeddings likewise, ``S_k`` the sum of ``x^``
    over utterances of class ``k``, ``pi_k`` the share of the class and ``h = 1 / (2 (D - 1)^2)``::

        positive_i   = x~_i . g~_{y_i} / (N - 1) - h sum_k (x^_i . S_k) (g^_k . g^_{y_i})
        negative_ir  = (pi_r - [y_i = r]) (x~_i . (g_r - g_0) / (N - 1)
                                           + h ||g^_r - g^_0||^2 x^_i . S_r)

    The second line is what centring leaves of a row that holds class ``r`` and class 0 alone,
    since the ``S_k`` sum to 0. ``N - 1`` and ``D - 1`` count as 1 where they are 0.

    Args:
        features: ``(V, N, D)``, not normalised.
        embeddings: ``(C, D)``.
        members: ``(N, C)`` one-hot labels.

    Returns:
        ``(V, N)`` positives, ``(N, C - 1)`` negatives, and ``(2,)``, without gradient: the mean
        magnitude of alignment and of penalty in the last view's positives.
    """
    contrast: tuple[Tensor, Tensor, Tensor] = _SoftHGRContrast.apply(  # type: ignore[no-untyped-call]
        features, embeddings, members
    )
    return contrast


class _SoftHGRContrast(Function):
    """The gradient is written out: autograd would keep and visit several times as many tensors."""

    @staticmethod
    def forward(
        ctx: Any, features: Tensor, embeddings: Tensor, members: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        samples, width = features.shape[1:]
        classes = len(embeddings)
        align, half = 1 / max(samples - 1, 1), 0.5 / max(width - 1, 1) ** 2
        inverse = torch.linalg.vector_norm(features, dim=-1, keepdim=True)
        inverse = inverse.clamp_(min=SMALLEST_NORM).reciprocal_()  # (V, N, 1)
        counts = members.sum(dim=0)
        share = counts / samples
        sums = (members * inverse).mT @ features  # (V, C, D)
        mean = sums.sum(dim=1, keepdim=True).div_(samples)
        sums.addcmul_(counts.unsqueeze(1), mean, value=-1)
        sums.sub_(sums.mean(dim=-1, keepdim=True))
        anchors = embeddings - share @ embeddings
        rows = anchors - anchors.mean(dim=-1, keepdim=True)
        targets = torch.cat([anchors.expand_as(sums), sums], dim=1)  # (V, 2C, D)
        products = (features @ targets.mT).mul_(inverse).sub_(mean @ targets.mT)  # (V, N, 2C)
        aligned, summed = products[..., :classes], products[..., classes:]
        gram = rows @ rows.T
        own_gram = members @ gram  # (N, C)
        alignment = (aligned * members).sum(dim=-1).mul_(align)
        penalty = (summed * own_gram).sum(dim=-1).mul_(half)
        diagonal = gram.diagonal()
        squares = (diagonal[1:] + diagonal[0] - 2 * gram[1:, 0]).mul_(half)  # (C - 1,)
        sides = (share - members)[:, 1:]
        apart = (aligned[-1, :, 1:] - aligned[-1, :, :1]).mul_(align)
        negatives = apart.addcmul_(summed[-1, :, 1:], squares).mul_(sides)
        sizes = torch.stack([alignment[-1].abs().mean(), penalty[-1].abs().mean()])
        ctx.save_for_backward(
            features, inverse, members, share, targets, products, rows, own_gram, squares, sides
        )
        ctx.factors = align, half
        ctx.mark_non_differentiable(sizes)
        return alignment - penalty, negatives, sizes

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(
        ctx: Any, from_positives: Tensor, from_negatives: Tensor, _: Tensor
    ) -> tuple[Tensor, Tensor, None]:
        features, inverse, members, share, targets, products, rows, own_gram, squares, sides = (
            ctx.saved_tensors
        )
        align, half = ctx.factors
        classes = members.shape[1]
        summed = products[..., classes:]
        own = from_positives.unsqueeze(-1)  # (V, N, 1)
        wrong = from_negatives * sides  # (N, C - 1)

        to_products = torch.cat([(align * members) * own, (-half * own_gram) * own], dim=-1)
        last = to_products[-1]
        last[:, 1:classes].add_(wrong, alpha=align)
        last[:, 0].sub_(wrong.sum(dim=-1), alpha=align)
        last[:, classes + 1 :].addcmul_(wrong, squares)
        to_products.sub_(to_products.mean(dim=1, keepdim=True))

        to_targets = (to_products * inverse).mT @ features  # (V, 2C, D)
        to_sums = to_targets[:, classes:]
        to_sums = to_sums - to_sums.mean(dim=-1, keepdim=True)
        to_sums.sub_((share @ to_sums).unsqueeze(1))

        to_gram = members.T @ (summed * own).sum(dim=0).mul_(-half)  # (C, C)
        to_squares = (wrong * summed[-1, :, 1:]).sum(dim=0).mul_(half)  # (C - 1,)
        to_gram.diagonal()[1:].add_(to_squares)
        to_gram[0, 0] += to_squares.sum()
        to_gram[1:, 0].sub_(to_squares, alpha=2)
        to_rows = (to_gram + to_gram.T) @ rows
        to_anchors = to_targets[:, :classes].sum(dim=0)
        to_anchors.add_(to_rows).sub_(to_rows.mean(dim=-1, keepdim=True))
        to_embeddings = to_anchors - share.unsqueeze(1) * to_anchors.sum(dim=0)

        weights = torch.cat([to_products, members.expand(len(features), -1, -1)], dim=-1)
        to_units = weights @ torch.cat([targets, to_sums], dim=1)  # (V, N, D)
        along = torch.linalg.vecdot(features, to_units).unsqueeze(-1).mul_(inverse.square())
        to_features = to_units.addcmul_(features, along, value=-1).mul_(inverse)
        return to_features, to_embeddings, None
