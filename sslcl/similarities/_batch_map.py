"""What the similarities made of a whole batch's dependence measure share."""

from abc import abstractmethod
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from sslcl.similarities import Similarity, TrainStatistics, one_hot

MAP_MOMENTUM = 0.05
"""Weight of the newest batch in the running map, once 20 batches have been seen."""


class BatchMap(NamedTuple):
    """``W = left' right + diag(diagonal)`` of every view, of rank ``C`` but for the diagonal.

    Args:
        left: ``(V, C, D)``.
        right: ``(C, D)`` or ``(V, C, D)``.
        diagonal: ``(V, D)``, or ``None`` for 0.
    """

    left: Tensor
    right: Tensor
    diagonal: Tensor | None = None

    def pairs(self, features: Tensor, anchors: Tensor) -> Tensor:
        """``x' W g`` of ``(V, N, D)`` features and ``(C, D)`` anchors, ``(V, N, C)``."""
        mapped = (self.right @ anchors.T).mT @ self.left  # (V, C, D), W g
        if self.diagonal is not None:
            mapped = mapped + self.diagonal.unsqueeze(1) * anchors
        return features @ mapped.mT

    def of_last_view(self) -> Tensor:
        """``W`` of the last view, ``(D, D)``, detached."""
        right = self.right if self.right.ndim == 2 else self.right[-1]
        whole = self.left[-1].detach().T @ right.detach()
        return whole if self.diagonal is None else whole + self.diagonal[-1].detach().diag()


class BatchMapSimilarity(Similarity):
    """A criterion of a whole batch, told as what each utterance contributes to it.

    With ``x~`` the features of a view less their batch mean and ``g~_k`` the label embeddings
    less the mean embedding of the batch's labels, such a criterion is the batch mean of
    ``x~_i' W g~_{y_i}`` for a ``D x D`` map ``W`` that is itself a function of the view and the
    true labels. The similarity of utterance ``i`` to class ``c`` is ::

        sim_i(c) = x~_i' W g~_c

    so over the positive row its mean is the published criterion, gradient included, and any
    other class gives what the utterance would contribute with that label while the rest of the
    batch keeps its own.

    The criterion of a whole negative row, recomputed from that row's candidates, would not do.
    These criteria measure dependence: renaming the classes leaves HSIC, CKA and CCA as they are,
    so with two classes the wrong row ties with the right one whatever the features, and with
    more classes the utterances of class ``r`` prefer row ``r`` to their own labels even where
    features and labels agree perfectly. Barlow Twins' standardising leaves of a negative row's two
    distinct candidates only the signs of their difference.

    A class's own features are sure of the largest similarity where label embeddings are orthogonal;
    ``W`` is no distance, and correlated embeddings of unequal lengths under it may tie or cross.

    For inference a running mean of the full view's ``W`` over training batches is kept, one
    update for every call of :meth:`candidates` in training mode whose ``W`` is not 0; its
    starting value, the identity, counts for nothing thereafter. Batches of one utterance or one
    class have ``W = 0``.
    """

    running_map: Tensor
    maps_seen: Tensor

    def __init__(self, width: int) -> None:
        super().__init__(width)
        self.register_buffer("running_map", torch.eye(width))
        self.register_buffer("maps_seen", torch.tensor(0))

    @abstractmethod
    def batch_map(self, features: Tensor, members: Tensor, anchors: Tensor) -> BatchMap:
        """The map ``W`` of every view.

        Args:
            features: ``(V, N, D)``, centred over the batch.
            members: ``(N, C)`` one-hot labels.
            anchors: ``(C, D)`` label embeddings, centred over the labels of the batch.
        """

    def candidates(
        self,
        features: Float[Tensor, "V N D"],
        labels: Int[Tensor, " N"],
        embeddings: Float[Tensor, "C D"],
        table: Int[Tensor, "R C"],
    ) -> Float[Tensor, "V R N"]:
        """``x~_i' W g~_c`` for the candidate ``c`` of every row, ``(V, R, N)``."""
        members = one_hot(labels, len(embeddings), features.dtype)
        x = features - features.mean(dim=1, keepdim=True)
        anchors = embeddings - members.mean(dim=0) @ embeddings
        maps = self.batch_map(x, members, anchors)
        if self.training:
            self._remember(maps.of_last_view())
        every = maps.pairs(x, anchors).mT  # (V, C, N)
        chosen = table[:, labels].expand(len(features), -1, -1)
        return torch.gather(every, 1, chosen)

    @torch.no_grad()
    def _remember(self, newest: Tensor) -> None:
        says_something = newest.any()
        self.maps_seen += says_something
        weight = (1 / self.maps_seen.clamp(min=1)).clamp(min=MAP_MOMENTUM) * says_something
        self.running_map.lerp_(newest.to(self.running_map.dtype), weight.to(self.running_map.dtype))

    def scores(self, features: Tensor, embeddings: Tensor, statistics: TrainStatistics) -> Tensor:
        """Features along each class's mapped embedding, ``(N, C)``.

        ``(f - feature_mean) . w_k / ||w_k||`` with ``w_k = W (g_k - sum_c class_prior_c g_c)`` and
        ``W`` the running map: the training form with statistics of the training split, but for
        the length of ``w_k``. That is left out because the mean of the embeddings lies near the
        frequent classes' own, so it tells mostly how rare a class is.
        """
        centred = features - statistics.feature_mean
        anchors = embeddings - statistics.class_prior @ embeddings
        return centred @ F.normalize(anchors @ self.running_map.T, dim=-1).T


def class_sums(features: Tensor, members: Tensor) -> Tensor:
    """``(..., C, D)`` sums of the ``(..., N, D)`` features of each class's ``(N, C)`` members."""
    return members.T @ features
