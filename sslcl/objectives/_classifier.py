"""What a linear classifier on utterance features does in an objective: it is it, or adds to it."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sslcl.errors import InputError
from sslcl.logit_scale import LogitScale, spread
from sslcl.objectives import Loss, Objective, ObjectiveConfig, Shape


class LinearObjective(Objective):
    """A loss of the logits ``z = a (W f + b)`` of the full view; ``a`` is the logit scale.

    Computed in full precision whatever the precision of the features. Any batch of one utterance
    or more is fine, because no utterance's loss depends on another.
    """

    def __init__(self, config: ObjectiveConfig, shape: Shape) -> None:
        super().__init__(config, shape)
        self.classifier = nn.Linear(shape.width, shape.classes)
        self.logit_scale = LogitScale(config.logit_scale, config.scale)

    @abstractmethod
    def loss(self, logits: Tensor, labels: Tensor) -> tuple[Tensor, Mapping[str, Tensor]]:
        """The scalar to minimise and further terms worth logging.

        Args:
            logits: ``(N, C)``.
            labels: ``(N,)``.
        """

    def forward(self, features: Tensor, labels: Tensor) -> Loss:
        """Loss of one batch; terms ``logit_std``, ``logit_max`` and those of :meth:`loss`."""
        with torch.autocast(features.device.type, enabled=False):
            full = features[-1].to(self.classifier.weight.dtype)
            logits = self.logit_scale(self.classifier(full))
            total, terms = self.loss(logits, labels)
        seen = logits.detach()
        own = {name: term.detach() for name, term in terms.items()}
        return Loss(total, {"logit_std": spread(seen), "logit_max": seen.abs().max(), **own})

    def scores(self, features: Tensor) -> Tensor:
        """``(N, C)`` logits."""
        with torch.autocast(features.device.type, enabled=False):
            logits: Tensor = self.classifier(features.to(self.classifier.weight.dtype))
            return logits * self.logit_scale.factor()


class WithCrossEntropy(Objective):
    """An objective to which the cross-entropy of a linear classifier may be added.

    ::

        L = own loss + cross_entropy_weight CE,   CE = 1/N sum_i -log softmax(W f_i + b)_{y_i}

    ``f`` are the full view's features as they are, neither normalised nor scaled. All is
    computed in full precision whatever the precision of the features.

    An objective either predicts by itself, so that CE only helps to shape the features, or sets
    :attr:`classifier_predicts`, and then a weight of 0 is refused: nothing would predict.
    Subclasses end their constructor with :meth:`add_classifier`, so that a seed starts all other
    parameters alike with and without it.
    """

    classifier_predicts: ClassVar[bool] = False
    """Whether predictions come from the classifier."""

    def __init__(self, config: ObjectiveConfig, shape: Shape) -> None:
        super().__init__(config, shape)
        self.cross_entropy_weight = config.cross_entropy_weight

    def add_classifier(self, shape: Shape) -> None:
        """Create the classifier, if the configuration has a use for it."""
        if self.classifier_predicts or self.cross_entropy_weight > 0:
            self.classifier = nn.Linear(shape.width, shape.classes)

    @abstractmethod
    def own_loss(self, features: Tensor, labels: Tensor) -> Loss:
        """The loss without cross-entropy, of features in the parameters' number format."""

    def forward(self, features: Tensor, labels: Tensor) -> Loss:
        """Loss of one batch; terms of :meth:`own_loss` and ``cross_entropy``, unweighted."""
        with torch.autocast(features.device.type, enabled=False):
            wide = features.to(self._dtype)
            own = self.own_loss(wide, labels)
            if self.cross_entropy_weight == 0:
                return own
            added = F.cross_entropy(self.classifier(wide[-1]), labels)
        total = own.total + self.cross_entropy_weight * added
        return Loss(total, {**own.terms, "cross_entropy": added.detach()})

    def scores(self, features: Tensor) -> Tensor:
        """``(N, C)`` logits of the classifier."""
        with torch.autocast(features.device.type, enabled=False):
            logits: Tensor = self.classifier(features.to(self._dtype))
            return logits

    @property
    def _dtype(self) -> torch.dtype:
        return next(self.parameters()).dtype

    @classmethod
    def check(cls, config: ObjectiveConfig) -> None:
        """Refuse ``cross_entropy_weight`` 0 where the classifier predicts.

        Raises:
            InputError: with the reason.
        """
        if cls.classifier_predicts and config.cross_entropy_weight == 0:
            raise InputError(
                f"cross_entropy_weight is 0: objective {cls.name} has no prediction rule of its "
                "own and predicts by the classifier, expected a weight above 0"
            )
