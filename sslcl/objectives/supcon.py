"""Supervised contrastive learning between utterances."""

from torch import Tensor

from sslcl.objectives import ObjectiveConfig, unread_except
from sslcl.objectives._contrastive import ContrastiveObjective, mean_over


class SupCon(ContrastiveObjective):
    """Pulls utterances of one class together and pushes them from all others of the batch.

    ::

        L = 1/N sum_i -1/|P_i| sum_{j in P_i} log p_ij  +  cross_entropy_weight CE
        p_ij = exp(a cos(f_i, f_j)) / sum_{k != i} exp(a cos(f_i, f_k))

    ``P_i`` are the other utterances of the batch with the label of ``i``, ``a`` is the logit
    scale, the inverse temperature; anchors with empty ``P_i`` add 0. Only the full view is used.
    The features themselves are compared; there is no projection head.

    A single utterance has nobody to be compared with: the contrastive part is then exactly 0 and
    only CE trains (term ``anchors_without_positive`` is 1).

    Source: Khosla et al., NeurIPS 2020, arXiv 2004.11362, equation 2 (L_out); mean, not sum, over
    anchors.
    """

    name = "supcon"

    def anchor_losses(self, logits: Tensor, positives: Tensor, labels: Tensor) -> Tensor:
        """Mean negative log-probability of the positives, ``(M,)``."""
        return -mean_over(logits.log_softmax(dim=-1), positives)

    @classmethod
    def unread_fields(cls, config: ObjectiveConfig) -> frozenset[str]:
        """All that belong to other objectives, and ``scale`` where it is not applied."""
        return unread_except(config, "cross_entropy_weight")
