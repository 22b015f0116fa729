"""The focused sample-label loss of given logits, with its own gradient."""

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
    loss: Tensor = _FocusedContrast.apply(  # type: ignore[no-untyped-call]
        logits, view_weights, utterance_weights, focus
    )
    return loss


class _FocusedContrast(Function):
    @staticmethod
    def forward(
        ctx: Any, logits: Tensor, view_weights: Tensor, utterance_weights: Tensor, focus: Focus
    ) -> Tensor:
        views = len(view_weights)
        logs, rest, largest = log_softmaxes(logits)
        own, own_rest = logs[:, :views], rest[:, :views]
        wrong, wrong_rest = logs[:, views:], rest[:, views:]
        attraction = (own_rest * focus.positive).exp_()
        repulsion = (wrong * focus.negative).exp_()
        ctx.save_for_backward(
            logs, rest, largest, attraction, repulsion, view_weights, utterance_weights
        )
        ctx.focus = focus
        per_utterance = (attraction * own) @ (view_weights / views)
        per_utterance += (repulsion * wrong_rest).mean(dim=-1)
        return -(utterance_weights @ per_utterance) / len(logits)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, from_loss: Tensor) -> tuple[Tensor, None, None, None]:
        logs, rest, largest, attraction, repulsion, view_weights, weights = ctx.saved_tensors
        focus, views = ctx.focus, len(view_weights)
        negatives = logs.shape[-1] - views
        scale = (weights * (-from_loss / len(logs))).unsqueeze(-1)  # (N, 1)
        attraction = attraction * (view_weights / views)
        # Of log p and of log(1 - p), for positives and negatives.
        to_logs = torch.cat(
            [attraction, repulsion * rest[:, views:] * (focus.negative / negatives)], dim=-1
        )
        to_rest = torch.cat(
            [attraction * logs[:, :views] * focus.positive, repulsion / negatives], dim=-1
        )
        to_logits = _to_logits(logs, rest, largest, to_logs, to_rest)
        return to_logits.mul_(scale), None, None, None


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
        norms = torch.linalg.vector_norm(embeddings, dim=-1, keepdim=True).clamp_(min=1e-12)
        units = embeddings / norms
        logs, rest, largest = log_softmaxes((units @ units.T).fill_diagonal_(0.0))
        focused = (logs * exponent).exp_().fill_diagonal_(0.0)
        ctx.save_for_backward(norms, units, logs, rest, largest, focused)
        ctx.exponent = exponent
        return (focused * rest).sum() / (-len(units) * (len(units) - 1))

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, from_loss: Tensor) -> tuple[Tensor, None]:
        norms, units, logs, rest, largest, focused = ctx.saved_tensors
        to_logs = focused * rest * ctx.exponent
        to_cosines = _to_logits(logs, rest, largest, to_logs, focused).fill_diagonal_(0.0)
        to_cosines *= from_loss / (-len(units) * (len(units) - 1))
        to_units = (to_cosines + to_cosines.T) @ units
        along = torch.linalg.vecdot(units, to_units).unsqueeze(-1)
        return to_units.addcmul_(units, along, value=-1).div_(norms), None


def _to_logits(
    logs: Tensor, rest: Tensor, largest: Tensor, to_logs: Tensor, to_rest: Tensor
) -> Tensor:
    """The gradient of logits from those of ``log p`` and ``log(1 - p)``.

    ``d log(1 - p_k) / d z_j = p_k / (1 - p_k) (p_j - [j = k])``. For the largest ``p_k``, of which
    ``1 - p_k`` may be tiny, it is taken as ``p_j / (1 - p_k) - p_j`` of the others and ``-p_k`` of
    itself.
    """
    p = logs.exp()
    odds = (logs - rest).exp_().masked_fill_(largest, 0.0)
    direct = to_logs.addcmul(to_rest, odds, value=-1)
    of_largest = (to_rest * largest).sum(dim=-1, keepdim=True)
    rest_of_largest = (rest * largest).sum(dim=-1, keepdim=True)
    among_others = (logs - rest_of_largest).exp_().masked_fill_(largest, 0.0)
    common = direct.sum(dim=-1, keepdim=True).add_(of_largest)
    return direct.addcmul_(of_largest, among_others).addcmul_(p, common, value=-1)


def log_softmaxes(
    logits: Float[Tensor, "*N K"],
) -> tuple[Float[Tensor, "*N K"], Float[Tensor, "*N K"], Bool[Tensor, "*N K"]]:
    """``log p`` and ``log(1 - p)`` of ``p = softmax(logits)``, and where ``p`` is largest.

    ``1 - p`` of the largest, which may round to 0, is the sum of the others; that of the others,
    at least one half, is the difference.

    Args:
        logits: ``(..., N, K)``, ``K`` at least 2.
    """
    logs = logits.log_softmax(dim=-1)
    largest = torch.zeros_like(logs, dtype=torch.bool)
    largest.scatter_(-1, logs.argmax(dim=-1, keepdim=True), True)
    others = logs.masked_fill(largest, -torch.inf)
    rest = torch.log1p(-others.exp())
    return logs, torch.where(largest, others.logsumexp(dim=-1, keepdim=True), rest), largest
