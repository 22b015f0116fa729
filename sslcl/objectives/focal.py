"""The focal loss of a linear classifier."""

from collections.abc import Mapping

from torch import Tensor
from torch.nn import functional as F

from sslcl.objectives import ObjectiveConfig, Shape, class_weights, unread_except
from sslcl.objectives._classifier import LinearObjective
from sslcl.objectives._focus import focused_positive


class Focal(LinearObjective):
    """Cross-entropy that fades where the classifier is already right.

    ::

        L = 1/N sum_i -alpha_{y_i} (1 - p_i)^gamma log p_i  +  cross_entropy_weight CE
        p_i = softmax(a (W f_i + b))_{y_i}
        alpha_c = pi_c^-e / sum_k pi_k^(1 - e)

    ``gamma`` is ``focus_positive``, ``e`` ``class_weight_exponent``, ``pi`` the class shares of
    the training split, ``a`` the logit scale; CE is the mean of ``-log p_i`` of the same
    classifier. The weights' mean over the training split is 1, so that ``e`` does not change
    the size of the loss; a class without training utterances weighs 0. With ``gamma = e = 0`` it
    is cross-entropy.

    ``p_i`` is the probability of the true class only. Released ERC code (DialogueCRN and M3Net on
    MELD) averages over all ``N C`` entries of ``onehot * log p`` instead, which pushes the wrong
    classes up as well; that is not reproduced.

    Source: Lin et al., ICCV 2017, arXiv 1708.02002, equation 5.
    """

    name = "focal"
    weights: Tensor

    def __init__(self, config: ObjectiveConfig, shape: Shape) -> None:
        super().__init__(config, shape)
        self.exponent = config.focus_positive
        self.cross_entropy_weight = config.cross_entropy_weight
        shares = shape.class_prior
        weights = class_weights(shares, config.class_weight_exponent)
        self.register_buffer("weights", weights / (shares @ weights), persistent=False)

    def loss(self, logits: Tensor, labels: Tensor) -> tuple[Tensor, Mapping[str, Tensor]]:
        """The loss; terms ``focal``, and ``cross_entropy`` where it is added, unweighted."""
        focused = focused_positive(logits, self.exponent)
        own = focused.gather(-1, labels.unsqueeze(-1)).squeeze(-1)  # (N,)
        focal = -(self.weights[labels] * own).mean()
        if self.cross_entropy_weight == 0:
            return focal, {"focal": focal}
        added = F.cross_entropy(logits, labels)
        total = focal + self.cross_entropy_weight * added
        return total, {"focal": focal, "cross_entropy": added}

    @classmethod
    def unread_fields(cls, config: ObjectiveConfig) -> frozenset[str]:
        """All that belong to other objectives, and ``scale`` where it is not applied."""
        return unread_except(
            config, "focus_positive", "class_weight_exponent", "cross_entropy_weight"
        )
