"""Training objectives: from utterance features and labels to a scalar."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from sslcl.data.types import View
from sslcl.registry import Registry
from sslcl.validation import Inference, LogitScaleMode, ReadOutRule


@runtime_checkable
class ObjectiveConfig(Protocol):
    """The fields of a :class:`~sslcl.config.TrialConfig` that objectives may read.

    What they mean, and which values are allowed, is said there.
    """

    @property
    def modalities(self) -> tuple[str, ...] | None:
        """The modalities given to the model; all of the dataset's where ``None``."""

    @property
    def augmentation(self) -> str:
        """The set of masked-modality views."""

    @property
    def similarity(self) -> str:
        """Name of the measure between utterance features and label embeddings."""

    @property
    def logit_scale(self) -> LogitScaleMode:
        """How similarities become logits."""

    @property
    def scale(self) -> float:
        """The number that the logit scale refers to."""

    @property
    def inference(self) -> Inference:
        """How classes are predicted from label embeddings."""

    @property
    def focus_positive(self) -> float:
        """Focusing exponent of the positives."""

    @property
    def focus_negative(self) -> float:
        """Focusing exponent of the negatives."""

    @property
    def class_weight_exponent(self) -> float:
        """Exponent of the class weights."""

    @property
    def label_label_weight(self) -> float:
        """Weight of the label-label term."""

    @property
    def cross_entropy_weight(self) -> float:
        """Weight of the added cross-entropy."""

    @property
    def label_embedding_depth(self) -> int:
        """Layers of the label network."""

    @property
    def label_embedding_width(self) -> int:
        """Width of the label network's hidden layers."""

    @property
    def label_embedding_dropout(self) -> float:
        """Dropout on the label embeddings."""


OBJECTIVE_FIELDS = frozenset(name for name in vars(ObjectiveConfig) if not name.startswith("_"))
"""Names of the fields of :class:`ObjectiveConfig`."""
SSLCL_FIELDS = OBJECTIVE_FIELDS - {"modalities", "logit_scale", "scale"}
"""Fields of losses, label embeddings and views; some objectives read only a few of them."""


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

    def __init__(self, config: ObjectiveConfig, shape: Shape) -> None:
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

    @property
    def rules(self) -> tuple[ReadOutRule, ...]:
        """The read-out rules to choose from on validation; none for most objectives."""
        return ()

    @property
    def reads_training(self) -> bool:
        """Whether :meth:`scores` needs :meth:`fit_read_out` first."""
        return False

    def fit_read_out(self, features: Tensor, labels: Tensor) -> None:
        """Fit what :meth:`scores` reads, without a gradient to the model.

        Args:
            features: ``(N, D)`` full-view features of the training split, in evaluation mode.
            labels: ``(N,)``.
        """

    def use_rule(self, rule: ReadOutRule) -> None:
        """Predict by one of :attr:`rules` from now on."""

    def label_vectors(self) -> Tensor | None:
        """``(C, D)`` label embeddings in evaluation mode, where the objective has them."""
        return None

    @classmethod
    def check(cls, config: ObjectiveConfig) -> None:
        """Refuse a configuration that makes no sense for this objective.

        Raises:
            InputError: with the reason.
        """

    @classmethod
    def default_logit_scale(cls, similarity: str) -> LogitScaleMode:
        """The ``logit_scale`` of a configuration that does not say.

        Args:
            similarity: name of the configuration's similarity, whether or not it is read.
        """
        return "matched"

    @classmethod
    def unread_fields(cls, config: ObjectiveConfig) -> frozenset[str]:
        """Configuration fields that cannot change what this objective computes."""
        return frozenset()


OBJECTIVES: Registry[Objective] = Registry("objective", "sslcl.objectives", Objective)  # type: ignore[type-abstract]


def unread_except(config: ObjectiveConfig, *read: str) -> frozenset[str]:
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
