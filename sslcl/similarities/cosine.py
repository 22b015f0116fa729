"""The cosine."""

from torch import Tensor

from sslcl.similarities._pairwise import PairwiseSimilarity


class Cosine(PairwiseSimilarity):
    """``f . g`` of L2-normalised features and embeddings, in ``[-1, 1]``."""

    name = "cosine"

    def pairs(self, features: Tensor, embeddings: Tensor) -> Tensor:
        """``f . g`` for every pair; the vectors arrive with length 1."""
        return features @ embeddings.T
