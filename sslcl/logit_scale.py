"""How similarities become logits."""

import math
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sslcl.validation import LogitScaleMode

SMALLEST_SPREAD = 1e-7
"""A spread up to here is rounding error of a batch whose candidates all look alike."""


def spread(logits: Float[Tensor, "N K"]) -> Float[Tensor, ""]:
    """Root mean square distance of logits from their utterance's mean, a scalar.

    It is the spread that the softmax sees: adding one number to all logits of an utterance
    changes neither.

    Args:
        logits: ``(N, K)``, candidates last.
    """
    return (logits - logits.mean(dim=-1, keepdim=True)).square().mean().sqrt()


class LogitScale(nn.Module):
    """Multiplies similarities by one positive number.

    Modes:
        * ``released``: 1, whatever ``scale`` is.
        * ``fixed``: ``scale``.
        * ``learned``: ``exp(a)``, ``a`` a parameter that starts at ``log(scale)``.
        * ``matched``: ``scale / s``, ``s`` being the :func:`spread` of the first training batch
          that has one; until then ``scale``. A batch without spread, such as a single utterance
          under Soft-HGR, is passed over. ``1 / s`` and whether it is known are buffers, so a
          loaded checkpoint goes on with the number it was trained with.

    Args:
        mode: one of the above.
        scale: a positive number.
    """

    averaged: ClassVar[bool] = False
    """Whether averaging the weights averages its buffers: no, they were set once."""
    inverse_spread: Tensor
    calibrated: Tensor

    def __init__(self, mode: LogitScaleMode, scale: float) -> None:
        super().__init__()
        self.mode = mode
        self.scale = 1.0 if mode == "released" else scale
        if mode == "learned":
            self.log_scale = nn.Parameter(torch.tensor(math.log(scale)))
        if mode == "matched":
            self.register_buffer("inverse_spread", torch.tensor(1.0))
            self.register_buffer("calibrated", torch.tensor(False))
            self._settled = False  # Asked of the buffer, on whichever device, only until it is.

    @property
    def constant(self) -> bool:
        """Whether the number is :attr:`scale`, whatever was seen or learnt."""
        return self.mode in ("released", "fixed")

    def factor(self) -> Tensor | float:
        """The number that :meth:`forward` multiplies by."""
        if self.mode == "learned":
            return self.log_scale.exp()
        if self.mode == "matched":
            return self.scale * self.inverse_spread
        return self.scale

    def forward(self, logits: Float[Tensor, "N K"]) -> Float[Tensor, "N K"]:
        """Scaled ``(N, K)`` logits; in training mode ``matched`` calibrates itself first."""
        if self.mode == "matched" and self.training and not self._settled:
            self._calibrate(logits.detach())
            self._settled = bool(self.calibrated)
        return logits * self.factor()

    @torch.no_grad()
    def _calibrate(self, logits: Tensor) -> None:
        found = spread(logits)
        usable = found.isfinite() & (found > SMALLEST_SPREAD) & ~self.calibrated
        self.inverse_spread.copy_(torch.where(usable, 1 / found, self.inverse_spread))
        self.calibrated |= usable
