"""Cross-entropy of a linear classifier: the baseline."""

from collections.abc import Mapping

from torch import Tensor
from torch.nn import functional as F

from sslcl.objectives import ObjectiveConfig, unread_except
from sslcl.objectives._classifier import LinearObjective


class CrossEntropy(LinearObjective):
    """Mean over utterances of ``-log softmax(a (W f + b))_y``, unweighted, on the full view.

    ``a`` is the logit scale.
    """

    name = "cross_entropy"

    def loss(self, logits: Tensor, labels: Tensor) -> tuple[Tensor, Mapping[str, Tensor]]:
        """The mean negative log-likelihood."""
        return F.cross_entropy(logits, labels), {}

    @classmethod
    def unread_fields(cls, config: ObjectiveConfig) -> frozenset[str]:
        """All that belong to other objectives, and ``scale`` where it is not applied."""
        return unread_except(config)
