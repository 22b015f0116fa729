"""Linear read-outs of frozen features, fitted to the training split after training has ended."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

PENALTY = 1.0
"""Weight of half the squared coefficients against the summed cross-entropy."""
_STEPS = 100
_SMALLEST_STD = 1e-6
_SCALES = (1e-3, 1e4)
"""Between these the scale of similarities is looked for."""
_HALVINGS = 60


@dataclass(frozen=True)
class LinearProbe:
    """``z = W (f - mean) / std + b``, multinomial logistic regression on standardised features.

    Args:
        mean, std: ``(D,)`` of the training features.
        weight: ``(C, D)``.
        bias: ``(C,)``.
    """

    mean: Tensor
    std: Tensor
    weight: Tensor
    bias: Tensor

    @classmethod
    def fit(cls, features: Tensor, labels: Tensor, classes: int) -> "LinearProbe":
        """Minimise ``sum CE + PENALTY / 2 ||W||^2`` by L-BFGS from zero, in double precision.

        Args:
            features: ``(N, D)``, which get no gradient.
            labels: ``(N,)`` int64.
            classes: ``C``.

        Source: linear probes as of Alain and Bengio (arXiv 1610.01644), with the penalty that
        scikit-learn's logistic regression has by default.
        """
        wide = features.detach().double()
        mean, std = wide.mean(dim=0), wide.std(dim=0, unbiased=False)
        std = torch.where(std > _SMALLEST_STD, std, torch.ones_like(std))
        rows = (wide - mean) / std
        weight = torch.zeros(classes, rows.shape[1], dtype=torch.float64, device=rows.device)
        bias = torch.zeros(classes, dtype=torch.float64, device=rows.device)
        weight.requires_grad_(), bias.requires_grad_()
        search = torch.optim.LBFGS(
            [weight, bias],
            max_iter=_STEPS,
            tolerance_grad=1e-6,
            tolerance_change=1e-10,
            line_search_fn="strong_wolfe",
        )

        def closure() -> Tensor:
            search.zero_grad()
            loss = F.cross_entropy(rows @ weight.T + bias, labels)
            loss = loss + PENALTY / 2 / len(rows) * weight.square().sum()
            loss.backward()  # type: ignore[no-untyped-call]
            return loss

        with torch.enable_grad():
            search.step(closure)  # type: ignore[no-untyped-call]
        return cls(mean, std, weight.detach(), bias.detach())

    def scores(self, features: Tensor) -> Tensor:
        """``(N, C)`` logits of ``(N, D)`` features."""
        rows = (features.detach().double() - self.mean) / self.std
        return rows @ self.weight.T + self.bias


def fitted_scale(similarities: Tensor, log_prior: Tensor, labels: Tensor) -> float:
    """The ``a`` that minimises the cross-entropy of ``a s + log pi``.

    The loss is convex in ``a``, so its slope is halved to zero; an end of the range where the
    slope has one sign on all of it.

    Args:
        similarities: ``s``, ``(N, C)``.
        log_prior: ``(C,)``.
        labels: ``(N,)``.
    """
    s, prior = similarities.detach().double(), log_prior.double()
    own = s.gather(1, labels.unsqueeze(1)).squeeze(1)

    def slope(a: float) -> float:
        expected = ((a * s + prior).softmax(dim=1) * s).sum(dim=1)
        return float((expected - own).mean())

    low, high = _SCALES
    if slope(low) >= 0:
        return low
    if slope(high) <= 0:
        return high
    for _ in range(_HALVINGS):
        middle = math.sqrt(low * high)
        low, high = (low, middle) if slope(middle) > 0 else (middle, high)
    return math.sqrt(low * high)
