"""Training objectives: from utterance features and labels to a scalar."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor, nn

from sslcl.backbones import View
from sslcl.config import TrialConfig
from sslcl.registry import Registry

SSLCL_FIELDS = frozenset(
    {
        "similarity",
        "focus_positive",
        "focus_negative",
        "class_weight_exponent",
        "label_label_weight",
        "cross_entropy_weight",
        "label_embedding_depth",
        "label_embedding_width",
        "label_embedding_dropout",
        "augmentation",
    }
)
"""Configuration fields of losses, label embeddings and views; some objectives read only a few."""


@dataclass(frozen=True)
class Shape:
    """What an objective must know of the data and the backbone.

    Args:
        width: ``D`` of the utterance features.
        class_prior: ``(C,)`` share of each class among the training utterances.
        modalities: names in the dataset's order.
    """

    width: int
    class_prior: Tensor
    modalities: tuple[str, ...]

    @property
    def classes(self) -> int:
        """The number of classes, ``C``."""
        return len(self.class_prior)


@dataclass(frozen=True)
class Loss:
    """The value to minimise and what it is made of.

    Args:
        total: scalar with gradient.
        terms: detached scalars worth logging, by name.
    """

    total: Tensor
    terms: Mapping[str, Tensor] = field(default_factory=dict)


class Objective(nn.Module, ABC):
    """The contract of every objective.

    Args:
        config: the trial.
        shape: widths, classes and modalities.
    """

    name: ClassVar[str]
    views: tuple[View, ...]
    """The views it needs features of, the full view last."""

    def __init__(self, config: TrialConfig, shape: Shape) -> None:
        super().__init__()
        self.views = (frozenset(shape.modalities),)

    @abstractmethod
    def forward(self, features: Tensor, labels: Tensor) -> Loss:
        """Loss of one batch.

        Args:
            features: ``(V, N, D)`` utterance features, one slice per view of :attr:`views`.
            labels: ``(N,)`` int64.
        """

    @abstractmethod
    def scores(self, features: Tensor) -> Tensor:
        """Inference: ``(N, C)`` class scores from ``(N, D)`` full-view features."""

    def label_vectors(self) -> Tensor | None:
        """``(C, D)`` label embeddings in evaluation mode, where the objective has them."""
        return None

    @classmethod
    def check(cls, config: TrialConfig) -> None:
        """Refuse a configuration that makes no sense for this objective.

        Raises:
            InputError: with the reason.
        """

    @classmethod
    def unread_fields(cls, config: TrialConfig) -> frozenset[str]:
        """Configuration fields that cannot change what this objective computes."""
        return frozenset()


OBJECTIVES: Registry[Objective] = Registry("objective", "sslcl.objectives", Objective)  # type: ignore[type-abstract]


def unread_except(config: TrialConfig, *read: str) -> frozenset[str]:
    """What an objective leaves unread that reads only ``read`` of :data:`SSLCL_FIELDS`.

    Contains ``scale`` too where the released logit scale, which is 1, ignores it.
    """
    idle = {"scale"} if config.logit_scale == "released" else set()
    return (SSLCL_FIELDS - set(read)) | idle


def class_weights(shares: Tensor, exponent: float) -> Tensor:
    """``(C,)`` weights ``share^-exponent``; 0 for a class without training utterances.

    Args:
        shares: ``(C,)`` share of each class among the training utterances.
        exponent: 0 weighs all classes alike.
    """
    return torch.where(shares > 0, shares**-exponent, 0.0)
