"""The Hilbert-Schmidt independence criterion."""

from torch import Tensor

from sslcl.similarities._batch_map import BatchMap, BatchMapSimilarity, class_sums


class HSIC(BatchMapSimilarity):
    """HSIC of features and their labels' embeddings, with linear kernels on unit vectors.

    ``HSIC = tr(K H L H) / (N - 1)^2`` with ``K = X X'``, ``L = Y Y'``, ``H`` the centring and
    ``Y`` the embedding of every utterance's label. It is ``||X~' Y~||_F^2 / (N - 1)^2``, hence
    the mean over the batch of ``x~_i' W y~_i`` with ::

        W = N / (N - 1)^2 X~' Y~ = N / (N - 1)^2 sum_k (sum of x~_j over class k) g~_k'

    in O(V N C D) and without a kernel matrix. Linear kernels see dependence of the first
    order only; any other kernel of the features would need all ``N x N`` of its values.
    ``N - 1`` counts as 1 where it is 0.

    Source: Gretton et al., ALT 2005, definition of the empirical HSIC.
    """

    name = "hsic"

    def batch_map(self, features: Tensor, members: Tensor, anchors: Tensor) -> BatchMap:
        """``N / (N - 1)^2 X~' Y~`` of every view."""
        samples = len(members)
        factor = samples / max(samples - 1, 1) ** 2
        return BatchMap(class_sums(features, members) * factor, anchors)
