"""What losses between utterances of one batch share."""

from abc import abstractmethod

import torch
from torch import Tensor
from torch.nn import functional as F

from sslcl.logit_scale import LogitScale, spread
from sslcl.objectives import Loss, ObjectiveConfig, Shape
from sslcl.objectives._classifier import WithCrossEntropy


def without_diagonal(square: Tensor) -> Tensor:
    """``(M, M)`` to ``(M, M - 1)``: every row without its own entry, in order."""
    size = len(square)
    return square.flatten()[1:].view(size - 1, size + 1)[:, :-1].reshape(size, size - 1)


class ContrastiveObjective(WithCrossEntropy):
    """A loss of cosines between the utterances of one batch, whose classifier predicts.

    Every *sample* (an utterance in one of the views) is an anchor, compared with all other
    samples of the batch, so that time and memory grow with the square of their number. The
    temperature is the inverse of the logit scale.

    An anchor without a positive, another sample of its class, adds 0 to the loss and counts in
    the mean; the share of such anchors is the term ``anchors_without_positive``. In a batch of
    one utterance in one view it is 1: then only cross-entropy teaches anything. In a batch of one
    class there is nothing to be pushed from: the loss only evens out the similarities.
    """

    classifier_predicts = True

    def __init__(self, config: ObjectiveConfig, shape: Shape) -> None:
        super().__init__(config, shape)
        self.logit_scale = LogitScale(config.logit_scale, config.scale)
        self.add_classifier(shape)

    @abstractmethod
    def anchor_losses(self, logits: Tensor, positives: Tensor, labels: Tensor) -> Tensor:
        """``(M,)`` losses of the anchors, 0 for those without a positive.

        Args:
            logits: ``(M, M - 1)`` scaled cosines of every sample to the others.
            positives: ``(M, M - 1)`` true where the other has the same label.
            labels: ``(M,)``.
        """

    def own_loss(self, features: Tensor, labels: Tensor) -> Loss:
        """Mean of :meth:`anchor_losses`.

        Terms: ``contrastive``, ``anchors_without_positive``, and ``logit_std`` and ``logit_max``
        of the scaled cosines, 0 for a single sample.
        """
        samples = F.normalize(features, dim=-1).flatten(end_dim=1)  # (M, D)
        every = labels.repeat(len(features))
        logits = self.logit_scale(without_diagonal(samples @ samples.T))
        positives = without_diagonal(every.unsqueeze(1) == every)
        total = self.anchor_losses(logits, positives, every).mean()
        seen = logits.detach()
        alone = seen.numel() == 0
        zero = seen.new_zeros(())
        terms = {
            "contrastive": total.detach(),
            "anchors_without_positive": (~positives.any(dim=-1)).to(seen.dtype).mean(),
            "logit_std": zero if alone else spread(seen),
            "logit_max": zero if alone else seen.abs().max(),
        }
        return Loss(total, terms)


def mean_over(values: Tensor, chosen: Tensor) -> Tensor:
    """Mean over the last axis of the ``chosen`` entries; 0 where there are none."""
    count = chosen.sum(dim=-1).clamp(min=1)
    return torch.where(chosen, values, 0).sum(dim=-1) / count
