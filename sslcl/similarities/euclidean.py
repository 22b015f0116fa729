"""The negative squared Euclidean distance."""

from torch import Tensor

from sslcl.similarities._pairwise import PairwiseSimilarity


def squared_distances(features: Tensor, embeddings: Tensor) -> Tensor:
    """``||f - g||^2`` for every pair: ``(..., D)`` and ``(C, D)`` to ``(..., C)``.

    Expanded into products, so exact to rounding of the squared lengths.
    """
    lengths = features.square().sum(dim=-1, keepdim=True) + embeddings.square().sum(dim=-1)
    return lengths - 2 * features @ embeddings.T


class Euclidean(PairwiseSimilarity):
    """``-||f - g||^2`` of features and embeddings as they are, so that their lengths count.

    Between L2-normalised vectors it would be ``2 cos - 2``: the cosine under any logit scale.

    Source: the logits of prototypical networks (Snell et al., NeurIPS 2017, arXiv 1703.05175),
    with the label embedding as the prototype.
    """

    name = "euclidean"
    normalises = False

    def pairs(self, features: Tensor, embeddings: Tensor) -> Tensor:
        """``-||f - g||^2`` for every pair."""
        return -squared_distances(features, embeddings)
