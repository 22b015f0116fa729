"""The Gaussian kernel."""

from torch import Tensor

from sslcl.similarities._pairwise import PairwiseSimilarity
from sslcl.similarities.euclidean import squared_distances


class RBF(PairwiseSimilarity):
    """``exp(-||f - g||^2 / 2)`` of L2-normalised features and embeddings, in ``[e^-2, 1]``.

    The bandwidth, 1, is what the median rule of kernel methods gives for unit vectors: unrelated
    ones are orthogonal, at squared distance 2. Vectors as they are would need a bandwidth that
    follows their lengths, for want of which every kernel value and its gradient would be 0.

    On unit vectors it is ``exp(cos - 1)``, so that its prediction is the cosine's; only training
    differs, in that a candidate draws the harder the nearer it already is.

    Source: the kernel of Gretton et al., ALT 2005, with its median rule.
    """

    name = "rbf"

    def pairs(self, features: Tensor, embeddings: Tensor) -> Tensor:
        """``exp(-||f - g||^2 / 2)`` for every pair."""
        return (squared_distances(features, embeddings) / -2).exp()
