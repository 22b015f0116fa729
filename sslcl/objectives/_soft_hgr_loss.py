"""L_SL and L_LL of SSLCL under released Soft-HGR, as one function with its own gradient."""

from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd import Function

from sslcl.label_embedding import LabelEmbedding
from sslcl.objectives._focused_contrast import (
    Focus,
    focused_sum,
    label_label,
    through_unit_rows,
    unit_rows,
)
from sslcl.similarities._soft_hgr_contrast import SoftHGRContrast, to_features_and_units


class Factors(NamedTuple):
    """The numbers of an SSLCL loss.

    Args:
        candidate_weights: see :func:`~sslcl.objectives._focused_contrast.candidate_weights`.
        focus: the exponents of positives and negatives.
        class_weight_exponent: alpha.
        label_label_weight: beta.
        scale: what similarities are multiplied by.
    """

    candidate_weights: Float[Tensor, "K 1"]
    focus: Focus
    class_weight_exponent: float
    label_label_weight: float
    scale: float


class SoftHGRLoss(NamedTuple):
    """What :func:`soft_hgr_loss` returns; all but ``total`` without gradient.

    Args:
        total: scalar, L_SL and the weighted L_LL.
        sample_label: scalar, L_SL.
        label_label: scalar, L_LL.
        logits: ``(V + C - 1, N)``, scaled.
        sizes: ``(2,)``, :attr:`SoftHGRContrast.sizes`.
        mean: ``(D,)`` mean of the last view's L2-normalised features.
    """

    total: Float[Tensor, ""]
    sample_label: Float[Tensor, ""]
    label_label: Float[Tensor, ""]
    logits: Float[Tensor, "K N"]
    sizes: Float[Tensor, " 2"]
    mean: Float[Tensor, " D"]


def soft_hgr_loss(
    features: Float[Tensor, "V N D"],
    labels: Int[Tensor, " N"],
    embedding: LabelEmbedding,
    factors: Factors,
) -> SoftHGRLoss:
    """The loss of :class:`~sslcl.objectives.sslcl.SSLCL` without cross-entropy.

    A small batch costs what its operations cost, each some microseconds whatever it computes, so
    all of it is one function here: nothing is normalised, gathered or laid out twice, and the
    gradient with respect to the logits is made with them.

    Args:
        features: ``(V, N, D)``, not normalised.
        labels: ``(N,)`` int64 in ``[0, C)``.
        embedding: gives the label embeddings, of 2 classes or more.
        factors: exponents and weights.
    """
    return SoftHGRLoss(
        *_SoftHGRLoss.apply(  # type: ignore[no-untyped-call]
            features, labels, embedding, factors, *embedding.weights()
        )
    )


def utterance_weights(
    shares: Float[Tensor, " C"], labels: Int[Tensor, " N"], exponent: float
) -> Float[Tensor, " N"]:
    """``(N,)`` weights ``(N / n_c)^exponent`` within the batch over the smallest of them.

    Utterances of the batch's most frequent class get 1.

    Args:
        shares: ``(C,)`` share of each class in the batch, or anything proportional to it.
        labels: ``(N,)``.
        exponent: alpha; 0 weighs all utterances alike.
    """
    return (shares.max() / shares).pow_(exponent).index_select(0, labels)


class _SoftHGRLoss(Function):
    @staticmethod
    def forward(
        ctx: Any,
        features: Tensor,
        labels: Tensor,
        embedding: LabelEmbedding,
        *factors_and_parameters: Any,
    ) -> tuple[Tensor, ...]:
        factors: Factors = factors_and_parameters[0]
        views, samples, _ = features.shape
        vectors, trace = embedding.traced()
        norms, units = unit_rows(vectors)
        contrast = SoftHGRContrast.of(features, units, labels, factors.scale)
        logits = contrast.similarities
        weights = utterance_weights(contrast.shares, labels, factors.class_weight_exponent)
        focused, to_logits = focused_sum(
            logits, factors.candidate_weights * weights, views, factors.focus
        )
        sample_label = focused / -samples
        labels_alike, to_cosines = label_label(units, factors.focus.negative)
        mean = torch.mv(features[-1].t(), contrast.inverse[-1, 0]).div_(samples)
        ctx.save_for_backward(
            features, norms, units, to_logits, to_cosines, *contrast.gradient, *trace
        )
        ctx.embedding, ctx.label_label_weight = embedding, factors.label_label_weight
        ctx.traced = len(contrast.gradient)
        ctx.set_materialize_grads(False)
        seen = sample_label, labels_alike, logits, contrast.sizes, mean
        ctx.mark_non_differentiable(*seen)
        total = torch.add(sample_label, labels_alike, alpha=factors.label_label_weight)
        return total, *seen

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, from_total: Tensor, *_: Tensor | None) -> tuple[Tensor | None, ...]:
        features, norms, units, to_logits, to_cosines, *saved = ctx.saved_tensors
        to_logits = to_logits * (from_total / -to_logits.shape[1])
        contrast, trace = tuple(saved[: ctx.traced]), saved[ctx.traced :]
        to_features, to_units = to_features_and_units(features, contrast, to_logits)
        both_ways = (to_cosines + to_cosines.t()).mul_(from_total)
        to_units.addmm_(both_ways, units, alpha=ctx.label_label_weight)
        to_vectors = through_unit_rows(norms, units, to_units)
        to_weights = ctx.embedding.to_weights(trace, to_vectors)
        return to_features, None, None, None, *to_weights
