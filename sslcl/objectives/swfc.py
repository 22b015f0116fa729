"""MultiEMO's sample-weighted focal contrastive loss."""

from torch import Tensor
from torch.nn import functional as F

from sslcl.objectives import ObjectiveConfig, Shape, class_weights, unread_except
from sslcl.objectives._contrastive import ContrastiveObjective, mean_over
from sslcl.objectives._focus import focused_positive_wide


class SWFC(ContrastiveObjective):
    """Contrastive learning that minds hard positives and rare classes.

    ::

        L = 1/N sum_i -w_{y_i} 1/|P_i| sum_{j in P_i} (1 - p_ij)^gamma log p_ij
            + cross_entropy_weight CE
        p_ij = exp(a cos(f_i, f_j)) / sum_{k != i} exp(a cos(f_i, f_k))
        w_c  = (N_train / n_c)^e / sum_k (N_train / n_k)^e

    ``P_i`` are the other utterances of the batch with the label of ``i``; anchors without any
    add 0. ``gamma`` is ``focus_positive``, ``e`` ``class_weight_exponent``, ``a`` the logit scale,
    the inverse temperature, ``n_c`` the utterances of class ``c`` in the training split. The
    weights sum to 1 over the classes, so that the loss is about ``1/C`` of SupCon's size; a class
    without training utterances weighs 0. Only the full view is used. MultiEMO's Soft-HGR loss
    between modalities is not a part of it.

    A single utterance has nobody to be compared with: the contrastive part is then exactly 0 and
    only CE trains (term ``anchors_without_positive`` is 1).

    Source: MultiEMO (Shi and Huang, ACL 2023) and its released code, which uses temperature 0.8 to
    1.4, ``gamma`` 2.0 to 2.4, ``e`` 1.1 to 1.2, and cross-entropy as heavy as, or half as heavy
    as, this loss.
    """

    name = "swfc"
    weights: Tensor

    def __init__(self, config: ObjectiveConfig, shape: Shape) -> None:
        super().__init__(config, shape)
        self.exponent = config.focus_positive
        weights = class_weights(shape.class_prior, config.class_weight_exponent)
        self.register_buffer("weights", F.normalize(weights, p=1, dim=0), persistent=False)

    def anchor_losses(self, logits: Tensor, positives: Tensor, labels: Tensor) -> Tensor:
        """Weighted mean focal loss of the positives, ``(M,)``."""
        focused = focused_positive_wide(logits, self.exponent)
        return -self.weights[labels] * mean_over(focused, positives)

    @classmethod
    def unread_fields(cls, config: ObjectiveConfig) -> frozenset[str]:
        """All that belong to other objectives, and ``scale`` where it is not applied."""
        return unread_except(
            config, "focus_positive", "class_weight_exponent", "cross_entropy_weight"
        )
