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
        loss, to_logits = focused_sum(logits.T, weights, positives, focus)
        ctx.save_for_backward(to_logits)
        return loss

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
        loss, to_cosines = label_label(units, exponent)
        ctx.save_for_backward(norms, units, to_cosines)
        return loss

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, from_loss: Tensor) -> tuple[Tensor, None]:
        norms, units, to_cosines = ctx.saved_tensors
        to_units = torch.mm(to_cosines + to_cosines.t(), units).mul_(from_loss)
        return through_unit_rows(norms, units, to_units), None


def unit_rows(rows: Float[Tensor, "C D"]) -> tuple[Float[Tensor, "C 1"], Float[Tensor, "C D"]]:
    """Lengths of vectors, at least 1e-12, and the vectors divided by them."""
    norms = torch.linalg.vector_norm(rows, dim=-1, keepdim=True).clamp_(min=1e-12)
    return norms, rows / norms


def through_unit_rows(norms: Tensor, units: Tensor, to_units: Tensor) -> Tensor:
    """The gradient of vectors from that of :func:`unit_rows`, in whose place it is put."""
    along = torch.linalg.vecdot(units, to_units).unsqueeze(-1)
    return to_units.addcmul_(units, along, value=-1).div_(norms)


def label_label(
    units: Float[Tensor, "C D"], exponent: float
) -> tuple[Float[Tensor, ""], Float[Tensor, "C C"]]:
    """:func:`label_discrimination` of unit vectors, and its gradient by their cosines.

    Cosines differ by 2 at most, so that no ``q`` comes near 1 and nothing cancels. To be called
    without recording gradients.
    """
    cosines = torch.mm(units, units.t()).fill_diagonal_(0.0)
    q = cosines.softmax(dim=0)
    rest = q.neg().log1p_()
    focusing = q.pow(exponent).mul_(_pair_weights(len(units), units.dtype, units.device))
    terms = focusing * rest
    loss = terms.sum()
    odds = rest.neg_().expm1_()  # q / (1 - q)
    to_logs = terms.mul_(exponent).addcmul_(focusing, odds, value=-1)
    to_cosines = to_logs.addcmul_(q, to_logs.sum(dim=0, keepdim=True), value=-1)
    return loss, to_cosines.fill_diagonal_(0.0)


def focused_sum(
    logits: Float[Tensor, "K N"], weights: Float[Tensor, "K N"], positives: int, focus: Focus
) -> tuple[Float[Tensor, ""], Float[Tensor, "K N"]]:
    """Weighted sum of focused terms, and its gradient with respect to the logits.

    With ``p`` the softmax over the candidates, the first axis, the term of a positive is
    ``(1 - p)^gamma+ log p`` and that of a negative ``p^gamma- log(1 - p)``. With ``e`` the
    exponentials of logits less the largest and ``s_k`` the sum of ``e_j`` over ``j != k`` ::

        log(1 - p_k)          = log s_k - log sum_j e_j
        d log(1 - p_k) / dz_j = [j != k] e_j / s_k - p_j

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
    logs = logits - logits.amax(dim=0, keepdim=True)
    e = logs.exp()
    beside = torch.mm(others, e).clamp_(min=torch.finfo(e.dtype).tiny * 1e8)  # s
    total = e.sum(dim=0, keepdim=True)
    log_total = total.log()
    logs.sub_(log_total)  # log p
    rest = beside.log().sub_(log_total)  # log(1 - p)
    # A term is exp(gamma * focusing) * focused.
    focusing, focused = torch.where(own, rest, logs), torch.where(own, logs, rest)
    to_focused = focusing.mul_(exponents).exp_().mul_(weights)
    terms = to_focused * focused
    loss = terms.sum()
    to_focusing = terms.mul_(exponents)
    common = (to_focused + to_focusing).sum(dim=0, keepdim=True).div_(total)
    to_logs = torch.where(own, to_focused, to_focusing)
    to_rest = torch.where(own, to_focusing, to_focused)
    by_others = torch.mm(others, to_rest.div_(beside)).sub_(common)
    return loss, to_logs.addcmul_(e, by_others)


@lru_cache(maxsize=32)
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


@lru_cache(maxsize=32)
def _pair_weights(classes: int, dtype: torch.dtype, device: torch.device) -> Float[Tensor, "C C"]:
    """``-1 / (C (C - 1))``, and 0 on the diagonal."""
    weights = torch.full((classes, classes), -1 / (classes * (classes - 1)), dtype=dtype)
    return weights.fill_diagonal_(0.0).to(device)
