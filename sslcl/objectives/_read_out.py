"""How predictions are read from label embeddings or from features, once both are learnt."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from sslcl.learning.linear_probe import LinearProbe, fitted_scale
from sslcl.validation import Inference, ReadOutRule

RULES: tuple[ReadOutRule, ...] = ("similarity", "prior_adjusted", "probe")


class ReadOut(nn.Module):
    """What the read-out rules fit to the training split, as buffers of the model.

    Nothing here has a gradient, so the choice of the rule changes no weight of the model.

    Args:
        inference: a rule, or ``auto`` for whichever does best on validation.
        classes: ``C``.
        width: ``D``.
    """

    averaged: ClassVar[bool] = False
    place: Tensor
    scale: Tensor
    weight: Tensor
    bias: Tensor

    def __init__(self, inference: Inference, classes: int, width: int) -> None:
        super().__init__()
        self.rules: tuple[ReadOutRule, ...] = RULES if inference == "auto" else (inference,)
        self.register_buffer("place", torch.tensor(0))
        self.register_buffer("scale", torch.tensor(1.0))
        if "probe" in self.rules:
            self.register_buffer("weight", torch.zeros(classes, width))
            self.register_buffer("bias", torch.zeros(classes))

    @property
    def rule(self) -> ReadOutRule:
        """The rule that predicts."""
        return self.rules[int(self.place) if len(self.rules) > 1 else 0]

    def use(self, rule: ReadOutRule) -> None:
        """Predict by ``rule``, one of :attr:`rules`."""
        self.place.fill_(self.rules.index(rule))

    def fit_scale(self, similarities: Tensor, log_prior: Tensor, labels: Tensor) -> None:
        """See :func:`~sslcl.learning.linear_probe.fitted_scale`, whose arguments these are."""
        self.scale.fill_(fitted_scale(similarities, log_prior, labels))

    def fit_probe(self, features: Tensor, labels: Tensor) -> None:
        """See :meth:`~sslcl.learning.linear_probe.LinearProbe.fit`, whose arguments these are."""
        probe = LinearProbe.fit(features, labels, len(self.bias))
        weight = probe.weight / probe.std
        self.weight.copy_(weight)
        self.bias.copy_(probe.bias - weight @ probe.mean)
