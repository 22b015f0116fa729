"""L_SL and L_LL of SSLCL under released Soft-HGR, as one function with its own gradient."""

from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd import Function

from sslcl.label_embedding import LabelEmbedding
from sslcl.objectives._focused_contrast import (
    Focus,
    focused_terms,
    label_columns,
    of_cosines,
    through_unit_rows,
    unit_rows,
)
from sslcl.similarities._soft_hgr_contrast import SoftHGRContrast, to_embeddings, to_features


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


class Seen(NamedTuple):
    """What :func:`soft_hgr_loss` computes on its way, without gradient; to be read only.

    Args:
        sample_label: scalar, L_SL.
        label_label: scalar, L_LL.
        logits: ``(V + C - 1, N)``, scaled.
        sizes: ``(2,)``, :attr:`SoftHGRContrast.sizes`.
        mean: ``(D,)`` mean of the last view's L2-normalised features.
    """

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
) -> tuple[Tensor, Seen]:
    """The loss of :class:`~sslcl.objectives.sslcl.SSLCL` without cross-entropy, a scalar.

    A small batch costs what its operations cost, each some microseconds whatever it computes, so
    all of it is one function here: nothing is normalised, gathered or laid out twice, and the
    gradient with respect to the logits is made with them. It runs in inference mode, in which
    operations do no bookkeeping for a gradient that is written out anyway.

    Args:
        features: ``(V, N, D)``, not normalised.
        labels: ``(N,)`` int64 in ``[0, C)``.
        embedding: gives the label embeddings, of 2 classes or more.
        factors: exponents and weights.
    """
    seen: list[Seen] = []
    total: Tensor = _SoftHGRLoss.apply(  # type: ignore[no-untyped-call]
        features, labels, embedding, factors, seen, *embedding.weights()
    )
    return total, seen[0]


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


class _Saved(NamedTuple):
    """What the gradient needs besides the features."""

    norms: Tensor
    units: Tensor
    to_logits: Tensor
    contrast: tuple[Tensor, ...]
    trace: list[Tensor]


class _SoftHGRLoss(Function):
    @staticmethod
    def forward(
        ctx: Any,
        features: Tensor,
        labels: Tensor,
        embedding: LabelEmbedding,
        *factors_seen_and_weights: Any,
    ) -> Tensor:
        factors, seen = factors_seen_and_weights[:2]
        with torch.inference_mode():
            result, ctx.saved = _result(features, labels, embedding, factors)
        seen.append(result)
        ctx.save_for_backward(features)
        ctx.embedding, ctx.label_label_weight = embedding, factors.label_label_weight
        # Autograd takes nothing that was made in inference mode, here and below.
        return torch.add(result.sample_label, result.label_label, alpha=factors.label_label_weight)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, from_total: Tensor) -> tuple[Tensor | None, ...]:
        (features,) = ctx.saved_tensors
        saved: _Saved = ctx.saved
        with torch.inference_mode():
            to_logits = saved.to_logits * from_total
            to_similarities, to_labels = to_logits.split_with_sizes(
                [features.shape[1], len(saved.units)], dim=1
            )
            to_units, rest = to_embeddings(features, saved.contrast, to_similarities)
            to_units.addmm_(of_cosines(to_labels), saved.units, alpha=ctx.label_label_weight)
        to_vectors = through_unit_rows(saved.norms, saved.units, to_units)
        to_weights = ctx.embedding.to_weights(saved.trace, to_vectors)
        return to_features(features, rest), None, None, None, None, *to_weights


def _result(
    features: Tensor, labels: Tensor, embedding: LabelEmbedding, factors: Factors
) -> tuple[Seen, _Saved]:
    """The loss in its two parts, and what its gradient needs."""
    views, samples, _ = features.shape
    vectors, trace = embedding.traced()
    norms, units = unit_rows(vectors)
    contrast = SoftHGRContrast.of(features, units, labels, factors.scale)
    logits = contrast.similarities
    weights = utterance_weights(contrast.shares, labels, factors.class_weight_exponent)
    weights = torch.addmm(
        weights, factors.candidate_weights, weights.unsqueeze(0), beta=0, alpha=-1 / samples
    )
    # The labels are further columns, so that both terms come from one set of operations.
    label_logits, label_weights = label_columns(units, views)
    terms, to_logits = focused_terms(
        torch.cat([logits, label_logits], dim=1),
        torch.cat([weights, label_weights], dim=1),
        views,
        factors.focus,
    )
    sample_terms, label_terms = terms.split_with_sizes([samples, len(units)], dim=1)
    mean = torch.addmv(
        units[0], features[-1].t(), contrast.inverse[-1, 0], beta=0, alpha=1 / samples
    )
    return (
        Seen(sample_terms.sum(), label_terms.sum(), logits, contrast.sizes, mean),
        _Saved(norms, units, to_logits, contrast.gradient, trace),
    )
