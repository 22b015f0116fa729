"""Focusing, log-probabilities weighted by how far each is from certain, and its use on labels."""

import torch
from torch import Tensor


def log_one_minus_softmax(logits: Tensor) -> Tensor:
    """``log(1 - softmax(logits))`` over the last axis, finite and smooth for any finite logits.

    It is the log-sum-exp of the other entries minus that of all, in ``K^2`` time and memory.

    Args:
        logits: ``(..., K)``, ``K`` at least 2.
    """
    itself = torch.eye(logits.shape[-1], dtype=torch.bool, device=logits.device)
    others = logits.unsqueeze(-2).masked_fill(itself, -torch.inf).logsumexp(dim=-1)
    return others - logits.logsumexp(dim=-1, keepdim=True)


def focused_positive(logits: Tensor, exponent: float) -> Tensor:
    """``(1 - p)^exponent log p`` with ``p = softmax(logits)`` over the last axis."""
    return (exponent * log_one_minus_softmax(logits)).exp() * logits.log_softmax(dim=-1)


def focused_positive_wide(logits: Tensor, exponent: float) -> Tensor:
    """:func:`focused_positive` in linear memory, for a last axis as long as a batch.

    ``1 - p`` is taken from ``log p`` and is 0 below the rounding error of the
    number format; there, as for a single candidate, value and gradient are 0 to that precision.
    """
    logs = logits.log_softmax(dim=-1)
    rest = -torch.expm1(logs.clamp(max=-torch.finfo(logs.dtype).eps))
    return (exponent * rest.log()).exp() * logs
