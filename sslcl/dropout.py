"""Dropout whose masks cost a fraction of those of PyTorch on the CPU."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

_LEVELS = 2**16
"""Values of one draw."""


def dropout(x: Tensor, probability: float | Tensor, training: bool) -> Tensor:
    """In training ``x k / (1 - p)``, k independently 0 with probability p and else 1.

    On the CPU, PyTorch draws one element at a time, which is up to a third of the time of a
    training step. Here four elements share a draw of 64 bits: p is rounded to a multiple of 2^-16
    and the result is scaled by the rounded one, so that its mean is exactly ``x``.

    Args:
        x: of any shape.
        probability: p, from 0 to 1; or, below 1, a tensor that broadcasts to ``x``, such as one
            number for each of several models.
        training: without it the result is ``x``.
    """
    if isinstance(probability, Tensor):
        return _dropped(x, probability) if training else x
    dropped = round(probability * _LEVELS)
    if x.device.type != "cpu" or not training or dropped in (0, _LEVELS):
        return F.dropout(x, probability, training)
    return _dropped(x, probability)


def _dropped(x: Tensor, probability: float | Tensor) -> Tensor:
    result: Tensor = _Dropped.apply(x, probability)[0]  # type: ignore[no-untyped-call]
    return result


class _Dropped(Function):
    """Elements times their factors; under :func:`torch.func.vmap`, drawn for all models at once."""

    @staticmethod
    def forward(x: Tensor, probability: float | Tensor) -> tuple[Tensor, Tensor]:
        factors = _keep_factors(x, probability)
        return x * factors, factors

    @staticmethod
    def setup_context(ctx: Any, inputs: Sequence[Any], output: Sequence[Tensor]) -> None:
        ctx.mark_non_differentiable(output[1])
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(output[1])

    @staticmethod
    def vmap(
        info: Any, in_dims: Sequence[int | None], x: Tensor, probability: float | Tensor
    ) -> tuple[tuple[Tensor, Tensor], tuple[int | None, int | None]]:
        models, own = in_dims
        if isinstance(probability, Tensor) and own is not None:
            x = x.expand(info.batch_size, *x.shape) if models is None else x.movedim(models, 0)
            models = 0
            probability = probability.view(-1, *(1,) * (x.dim() - 1))
        dropped, factors = _Dropped.apply(x, probability)  # type: ignore[no-untyped-call]
        return (dropped, factors), (models, models)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor, _: None) -> tuple[Tensor, None]:
        (factors,) = ctx.saved_tensors
        return grad * factors, None


def _keep_factors(like: Tensor, probability: float | Tensor) -> Tensor:
    """Factors k / (1 - p) in the shape of ``like``, four elements a draw; p is below 1."""
    dropped: Any  # A number, or whole numbers in a tensor.
    if isinstance(probability, Tensor):
        dropped = (probability * _LEVELS).round().clamp(max=_LEVELS - 1).int()
    else:
        dropped = round(probability * _LEVELS)
    count = like.numel()
    draws = torch.empty((count + 3) // 4, dtype=torch.int64, device=like.device)
    bits = draws.random_(-(2**63), None).view(torch.int16)[:count].view(like.shape)
    kept = (bits >= dropped - _LEVELS // 2).to(like.dtype)
    factors: Tensor = kept.mul_(_LEVELS / (_LEVELS - dropped))
    return factors


class Dropout(nn.Dropout):
    """:func:`dropout` as a module."""

    p: Any  # A number, or for a while a tensor of one for each of several models.

    def forward(self, x: Tensor) -> Tensor:
        """``x`` with some elements 0 and the others scaled, in training."""
        return dropout(x, self.p, self.training)
