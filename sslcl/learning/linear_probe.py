"""Linear read-outs of frozen features, fitted to the training split after training has ended."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

PENALTY = 1.0
"""Weight of half the squared coefficients against the summed cross-entropy."""
_STEPS = 100
_FLAT = 1e-5
"""Largest derivative of the mean loss at which the fit ends."""
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
        rows = F.pad((wide - mean) / std, (0, 1), value=1.0)  # (N, D + 1), the last for the bias
        share = 1 / len(rows)
        targets = F.one_hot(labels, classes).double()
        means = rows.T @ targets * share  # (D + 1, C)
        decay = rows.new_full((rows.shape[1], 1), PENALTY * share)
        decay[-1] = 0.0
        weight = torch.zeros_like(means, requires_grad=True)
        search = torch.optim.LBFGS(
            [weight],
            max_iter=_STEPS,
            tolerance_grad=_FLAT,
            tolerance_change=1e-10,
            line_search_fn="strong_wolfe",
        )

        @torch.no_grad()
        def closure() -> Tensor:
            # The gradient is written out: most of the time would be autograd's.
            w = weight.detach()
            logs = (rows @ w).log_softmax(dim=1)
            pull = decay * w
            weight.grad = torch.addmm(pull - means, rows.T, logs.exp(), alpha=share)
            return (pull * w).sum() / 2 - (logs * targets).sum() * share

        search.step(closure)  # type: ignore[no-untyped-call]
        fitted = weight.detach().T
        return cls(mean, std, fitted[:, :-1].contiguous(), fitted[:, -1].contiguous())

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
