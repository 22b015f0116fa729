"""Released Soft-HGR of the rows that SSLCL compares, for several models at once.

Shapes: ``M`` models; ``V`` views; ``N`` rows, of which each model may lack some; ``C`` classes;
``D`` the width.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from sslcl.similarities._soft_hgr_contrast import SMALLEST_NORM


def stacked_soft_hgr(
    features: Tensor, embeddings: Tensor, members: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """:func:`~sslcl.similarities._soft_hgr_contrast.soft_hgr_contrast` of each model's own rows.

    Args:
        features: ``(M, V, N, D)``, not normalised.
        embeddings: ``(M, C, D)``, L2-normalised.
        members: ``(M, N, C)`` one-hot labels, zero where a model lacks the row.

    Returns:
        ``(M, V, N)`` positives and ``(M, N, C - 1)`` negatives, 0 where there is no row; then,
        without gradient, alignment and penalty of the last view's positives, ``(M, N)`` each.
    """
    positives, negatives, alignment, penalty = _StackedSoftHGR.apply(  # type: ignore[no-untyped-call]
        features, embeddings, members
    )
    return positives, negatives, alignment, penalty


class _StackedSoftHGR(Function):
    """The gradient is written out: wide tensors are read a few times only, not at every step."""

    @staticmethod
    def forward(
        ctx: Any, features: Tensor, embeddings: Tensor, members: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        width, classes = features.shape[-1], embeddings.shape[1]
        present = members.sum(dim=-1)[:, None, :, None]  # (M, 1, N, 1)
        counts = members.sum(dim=1)  # (M, C)
        samples = counts.sum(dim=-1).clamp(min=1)[:, None, None]  # (M, 1, 1)
        align, half = 1 / (samples - 1).clamp(min=1), 0.5 / max(width - 1, 1) ** 2
        inverse = torch.linalg.vector_norm(features, dim=-1, keepdim=True)
        inverse = inverse.clamp_(min=SMALLEST_NORM).reciprocal_().mul_(present)  # (M, V, N, 1)
        share = counts[:, None] / samples  # (M, 1, C)
        sums = (members[:, None] * inverse).mT @ features  # (M, V, C, D)
        mean = sums.sum(dim=2, keepdim=True).div_(samples[..., None])  # (M, V, 1, D)
        sums.addcmul_(counts[:, None, :, None], mean, value=-1)
        sums.sub_(sums.mean(dim=-1, keepdim=True))
        anchors = embeddings - share @ embeddings  # (M, C, D)
        rows = anchors - anchors.mean(dim=-1, keepdim=True)
        targets = torch.cat([anchors[:, None].expand_as(sums), sums], dim=2)  # (M, V, 2C, D)
        products = (
            (features @ targets.mT).mul_(inverse).addcmul_(mean @ targets.mT, present, value=-1)
        )  # (M, V, N, 2C)
        aligned, summed = products[..., :classes], products[..., classes:]
        gram = rows @ rows.mT  # (M, C, C)
        own_gram = members @ gram  # (M, N, C)
        alignment = (aligned * members[:, None]).sum(dim=-1).mul_(align)  # (M, V, N)
        penalty = (summed * own_gram[:, None]).sum(dim=-1).mul_(half)
        diagonal = gram.diagonal(dim1=1, dim2=2)
        squares = (diagonal[:, 1:] + diagonal[:, :1] - 2 * gram[:, 1:, 0]).mul_(half)[:, None]
        sides = ((share - members) * present[:, 0])[..., 1:]  # (M, N, C - 1)
        apart = (aligned[:, -1, :, 1:] - aligned[:, -1, :, :1]).mul_(align)
        negatives = apart.addcmul_(summed[:, -1, :, 1:], squares).mul_(sides)
        last = alignment[:, -1].clone(), penalty[:, -1].clone()
        ctx.save_for_backward(
            *(features, inverse, members, present, samples, align),
            *(share, targets, products, rows, own_gram, squares, sides),
        )
        ctx.half = half
        ctx.mark_non_differentiable(*last)
        ctx.set_materialize_grads(False)
        return alignment - penalty, negatives, *last

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, from_positives: Tensor, from_negatives: Tensor, *_: None
    ) -> tuple[Tensor, Tensor, None]:
        features, inverse, members, present, samples, align, *rest = ctx.saved_tensors
        share, targets, products, rows, own_gram, squares, sides = rest
        half, classes = ctx.half, members.shape[-1]
        summed = products[..., classes:]
        own = from_positives.unsqueeze(-1)  # (M, V, N, 1)
        wrong = from_negatives * sides  # (M, N, C - 1)
        aligned_wrong = wrong * align

        to_products = torch.cat(
            [(align * members)[:, None] * own, (-half * own_gram)[:, None] * own], dim=-1
        )  # (M, V, N, 2C)
        last = to_products[:, -1]
        last[..., 1:classes].add_(aligned_wrong)
        last[..., 0].sub_(aligned_wrong.sum(dim=-1))
        last[..., classes + 1 :].addcmul_(wrong, squares)
        mean = to_products.sum(dim=2, keepdim=True).div_(samples[..., None])
        to_products.addcmul_(mean, present, value=-1)

        to_targets = (to_products * inverse).mT @ features  # (M, V, 2C, D)
        to_sums = to_targets[:, :, classes:]
        to_sums = to_sums - to_sums.mean(dim=-1, keepdim=True)
        to_sums.sub_(share[:, None] @ to_sums)

        to_gram = members.mT @ (summed * own).sum(dim=1).mul_(-half)  # (M, C, C)
        to_squares = (wrong * summed[:, -1, :, 1:]).sum(dim=1).mul_(half)  # (M, C - 1)
        to_gram.diagonal(dim1=1, dim2=2)[:, 1:].add_(to_squares)
        to_gram[:, 0, 0] += to_squares.sum(dim=-1)
        to_gram[:, 1:, 0].sub_(to_squares, alpha=2)
        to_rows = (to_gram + to_gram.mT) @ rows  # (M, C, D)
        to_anchors = to_targets[:, :, :classes].sum(dim=1)
        to_anchors.add_(to_rows).sub_(to_rows.mean(dim=-1, keepdim=True))
        to_embeddings = to_anchors - share.mT * to_anchors.sum(dim=1, keepdim=True)

        every = members[:, None].expand(-1, features.shape[1], -1, -1)
        weights = torch.cat([to_products, every], dim=-1)  # (M, V, N, 3C)
        to_units = weights @ torch.cat([targets, to_sums], dim=2)  # (M, V, N, D)
        along = torch.linalg.vecdot(features, to_units).unsqueeze(-1).mul_(inverse.square())
        to_features = to_units.addcmul_(features, along, value=-1).mul_(inverse)
        return to_features, to_embeddings, None
