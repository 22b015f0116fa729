"""The dot product."""

from torch import Tensor

from sslcl.similarities._pairwise import PairwiseSimilarity


class Dot(PairwiseSimilarity):
    """``f . g`` of features and embeddings as they are, so that their lengths count.

    The objective L2-normalises for every similarity that lets it; normalised, the dot product
    would be the cosine.
    """

    name = "dot"
    normalises = False

    def pairs(self, features: Tensor, embeddings: Tensor) -> Tensor:
        """``f . g`` for every pair."""
        return features @ embeddings.T
