"""Cross-entropy of a linear classifier: the baseline."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sslcl.config import TrialConfig
from sslcl.logit_scale import LogitScale, spread
from sslcl.objectives import SSLCL_FIELDS, Loss, Objective, Shape


class CrossEntropy(Objective):
    """Mean over utterances of ``-log softmax(a (W f + b))_y``, unweighted, on the full view.

    ``a`` is the logit scale. Computed in full precision whatever the precision of the features.
    """

    name = "cross_entropy"

    def __init__(self, config: TrialConfig, shape: Shape) -> None:
        super().__init__(config, shape)
        self.classifier = nn.Linear(shape.width, shape.classes)
        self.logit_scale = LogitScale(config.logit_scale, config.scale)

    def forward(self, features: Tensor, labels: Tensor) -> Loss:
        """Loss of ``(1, N, D)`` features; terms ``logit_std`` and ``logit_max``."""
        with torch.autocast(features.device.type, enabled=False):
            full = features[-1].to(self.classifier.weight.dtype)
            logits = self.logit_scale(self.classifier(full))  # (N, C)
            total = F.cross_entropy(logits, labels)
        seen = logits.detach()
        return Loss(total, {"logit_std": spread(seen), "logit_max": seen.abs().max()})

    def scores(self, features: Tensor) -> Tensor:
        """``(N, C)`` logits."""
        with torch.autocast(features.device.type, enabled=False):
            logits: Tensor = self.classifier(features.to(self.classifier.weight.dtype))
            return logits * self.logit_scale.factor()

    @classmethod
    def unread_fields(cls, config: TrialConfig) -> frozenset[str]:
        """All that belong to label embeddings, and ``scale`` where it is not applied."""
        return SSLCL_FIELDS | ({"scale"} if config.logit_scale == "released" else frozenset())
