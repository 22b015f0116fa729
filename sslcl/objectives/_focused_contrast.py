"""The focused sample-label loss of given logits, with its own gradient."""

from functools import lru_cache
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.autograd import Function


class Focus(NamedTuple):
    """Focusing exponents of positives and negatives, ``gamma+`` and ``gamma-``."""

    positive: float
    negative: float


def focused_contrast(
    logits: Float[Tensor, "N K"],
    view_weights: Float[Tensor, " V"],
    utterance_weights: Float[Tensor, " N"],
    focus: Focus,
) -> Float[Tensor, ""]:
    """L_SL of SSLCL, a scalar.

    With ``p`` the softmax of an utterance's logits, of which ``V`` are positives and ``R``
    negatives::

        L = -1/N sum_i w_i [ 1/V sum_v lambda_v (1 - p_iv)^gamma+ log p_iv
                             + 1/R sum_r p_ir^gamma- log(1 - p_ir) ]

    Args:
        logits: ``(N, V + R)``, the positives first.
        view_weights: ``(V,)``, ``lambda``.
        utterance_weights: ``(N,)``, ``w``.
        focus: the exponents.
    """
    samples, candidates = logits.shape
    weights = candidate_weights(view_weights, candidates - len(view_weights))
    weights = weights * (utterance_weights / -samples)
    loss: Tensor = _FocusedContrast.apply(logits, weights, len(view_weights), focus)  # type: ignore[no-untyped-call]
    return loss


def candidate_weights(
    view_weights: Float[Tensor, " V"], negatives: int
) -> Float[Tensor, "V+{negatives} 1"]:
    """Weights of the candidates' terms: ``lambda / V`` of the positives, ``1 / R`` of the others.

    Args:
        view_weights: ``(V,)``, ``lambda``.
        negatives: ``R``, at least 1.
    """
    others = view_weights.new_full((negatives,), 1 / negatives)
    return torch.cat([view_weights / len(view_weights), others]).unsqueeze(1)


class _FocusedContrast(Function):
    @staticmethod
    def forward(ctx: Any, logits: Tensor, weights: Tensor, positives: int, focus: Focus) -> Tensor:
        terms, to_logits = focused_terms(logits.T, weights, positives, focus)
        ctx.save_for_backward(to_logits)
        return terms.sum()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, from_loss: Tensor) -> tuple[Tensor, None, None, None]:
        (to_logits,) = ctx.saved_tensors
        return to_logits.T * from_loss, None, None, None


def label_discrimination(embeddings: Float[Tensor, "C D"], exponent: float) -> Float[Tensor, ""]:
    """How alike the label embeddings are, a scalar to minimise; L_LL of SSLCL.

    ``-1/C sum_k 1/(C-1) sum_{j != k} q_kj^exponent log(1 - q_kj)`` with ``q_k`` the softmax of 0,
    in place of ``k`` itself, and the cosines ``g_k . g_j``.

    Source: released code of SSLCL (arXiv 2310.16676), ``SSLCL_loss.py``.

    Args:
        embeddings: ``(C, D)``, ``C`` at least 2; need not be normalised.
        exponent: gamma-.
    """
    loss: Tensor = _LabelDiscrimination.apply(embeddings, exponent)  # type: ignore[no-untyped-call]
    return loss


class _LabelDiscrimination(Function):
    @staticmethod
    def forward(ctx: Any, embeddings: Tensor, exponent: float) -> Tensor:
        norms, units = unit_rows(embeddings)
        logits, weights = label_columns(units, 1)
        terms, to_logits = focused_terms(logits, weights, 1, Focus(0.0, exponent))
        ctx.save_for_backward(norms, units, to_logits)
        return terms.sum()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, from_loss: Tensor) -> tuple[Tensor, None]:
        norms, units, to_logits = ctx.saved_tensors
        to_units = torch.mm(of_cosines(to_logits * from_loss), units)
        return through_unit_rows(norms, units, to_units), None


def unit_rows(rows: Float[Tensor, "C D"]) -> tuple[Float[Tensor, "C 1"], Float[Tensor, "C D"]]:
    """Lengths of vectors, at least 1e-12, and the vectors divided by them."""
    norms = torch.linalg.vector_norm(rows, dim=-1, keepdim=True).clamp_(min=1e-12)
    return norms, rows / norms


def through_unit_rows(norms: Tensor, units: Tensor, to_units: Tensor) -> Tensor:
    """The gradient of vectors from that of :func:`unit_rows`."""
    along = (units * to_units).sum(dim=-1, keepdim=True)
    return torch.addcmul(to_units, units, along, value=-1).div_(norms)


def label_columns(units: Float[Tensor, "C D"], positives: int) -> tuple[Tensor, Tensor]:
    """Logits and weights, both ``(K, C)``, whose focused terms make :func:`label_discrimination`.

    A label is treated as an utterance: its last positive is itself, at 0 and without a term; its
    negatives are the cosines with the other labels, in the rows of
    :func:`~sslcl.similarities.negative_table`. Positives before the last one are out of reach. To
    be called without recording gradients.

    Args:
        units: ``(C, D)``, L2-normalised.
        positives: how many positives utterances have, at least 1; ``K`` is these and ``C - 1``.
    """
    own, above, weights = _label_constants(positives, len(units), units.dtype, units.device)
    cosines = torch.mm(units, units.t())
    return torch.cat([above, torch.where(own, cosines[0], cosines[1:])]), weights


def of_cosines(to_logits: Float[Tensor, "K C"]) -> Float[Tensor, "C C"]:
    """The matrix whose product with the unit vectors is their gradient.

    It may also hold multiples of the vectors themselves, which :func:`through_unit_rows` takes
    away.

    Args:
        to_logits: of :func:`label_columns`; it is changed.
    """
    by_pair = to_logits[-to_logits.shape[1] :]
    by_pair[0] = by_pair.diagonal()  # a label's own column is its cosine with class 0
    return by_pair + by_pair.t()


def focused_terms(
    logits: Float[Tensor, "K N"], weights: Float[Tensor, "K N"], positives: int, focus: Focus
) -> tuple[Float[Tensor, "K N"], Float[Tensor, "K N"]]:
    """Weighted focused terms, and the gradient of their sum with respect to the logits.

    With ``p`` the softmax over the candidates, the first axis, the term of a positive is
    ``(1 - p)^gamma+ log p`` and that of a negative ``p^gamma- log(1 - p)``. With ``s_k`` the sum
    of ``p_j`` over ``j != k`` ::

        log(1 - p_k)          = log s_k
        d log(1 - p_k) / dz_j = [j != k] p_j / s_k - p_j

    so that nothing cancels where ``p_k`` rounds to 1. Where even ``s_k`` would round to 0, which is
    beyond a distance of 69 between the largest logit and all others in single precision and of 690
    in double, it stays at its value there.

    To be called without recording gradients.

    Args:
        logits: ``(K, N)``, the positives first, ``K`` at least 2.
        weights: ``(K, N)``.
        positives: how many of the ``K`` candidates.
        focus: the exponents.
    """
    own, exponents, others = _constants(positives, len(logits), focus, logits.dtype, logits.device)
    logs = logits.log_softmax(dim=0)  # log p
    p = logs.exp()
    beside = torch.mm(others, p).clamp_(min=torch.finfo(p.dtype).tiny * 1e8)  # s
    rest = beside.log()
    # A term is exp(gamma * focusing) * focused.
    to_focused = torch.where(own, rest, logs).mul_(exponents).exp_().mul_(weights)
    terms = torch.where(own, logs, rest).mul_(to_focused)
    to_focusing = terms * exponents
    common = (to_focused + to_focusing).sum(dim=0, keepdim=True)
    to_rest = torch.where(own, to_focusing, to_focused).div_(beside)
    by_others = torch.addmm(common, others, to_rest, beta=-1)
    return terms, torch.where(own, to_focused, to_focusing).addcmul_(p, by_others)


@lru_cache(maxsize=32)
@torch.inference_mode(mode=False)
def _constants(
    positives: int, candidates: int, focus: Focus, dtype: torch.dtype, device: torch.device
) -> tuple[Bool[Tensor, "K 1"], Float[Tensor, "K 1"], Float[Tensor, "K K"]]:
    """Which candidates are positives, their exponents, and ones but for the diagonal."""
    own = (torch.arange(candidates, device=device) < positives).unsqueeze(1)
    exponents = torch.where(own, focus.positive, focus.negative).to(dtype)
    return (
        own,
        exponents,
        1 - torch.eye(candidates, dtype=dtype, device=device),
    )


_OUT_OF_REACH = -1e4
"""A logit so far below all cosines that its share of their softmax is 0; yet it is finite."""


@lru_cache(maxsize=32)
@torch.inference_mode(mode=False)
def _label_constants(
    positives: int, classes: int, dtype: torch.dtype, device: torch.device
) -> tuple[Tensor, Tensor, Tensor]:
    """Which negatives stand in a label's own column, logits of the positives, weights of all."""
    own = torch.eye(classes, dtype=torch.bool, device=device)[1:]  # (C - 1, C)
    above = torch.full((positives, classes), _OUT_OF_REACH, dtype=dtype, device=device)
    above[-1] = 0.0
    weights = torch.zeros(positives + classes - 1, classes, dtype=dtype, device=device)
    weights[positives:] = -1 / (classes * (classes - 1))
    return own, above, weights
