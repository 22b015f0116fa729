"""Linear centred kernel alignment."""

from torch import Tensor

from sslcl.similarities._batch_map import BatchMap, BatchMapSimilarity, class_sums

SMALLEST_NORM = 1e-7
"""A covariance of unit vectors below this Frobenius norm is rounding error."""


class CKA(BatchMapSimilarity):
    """Linear CKA of features and their labels' embeddings.

    ``CKA = ||X~' Y~||_F^2 / (||X~' X~||_F ||Y~' Y~||_F)``, in ``[0, 1]``, ``Y`` being the embedding
    of every utterance's label. It is the mean over the batch of ``x~_i' W y~_i`` with ::

        W = N X~' Y~ / (||X~' X~||_F ||Y~' Y~||_F)

    ``||Y~' Y~||_F^2 = sum_kl n_k n_l (g~_k . g~_l)^2``; only the features need a ``D x D`` product,
    O(V N D^2). Both norms, over ``N``, count as 1e-7 where they are less, so that a batch of one
    utterance or of one class gives 0.

    Source: Kornblith et al., ICML 2019, arXiv 1905.00414, section 3.
    """

    name = "cka"

    def batch_map(self, features: Tensor, members: Tensor, anchors: Tensor) -> BatchMap:
        """``N X~' Y~ / (||X~' X~||_F ||Y~' Y~||_F)`` of every view."""
        samples = len(members)
        share = members.mean(dim=0)
        own = _at_least((features.mT @ features / samples).square().sum(dim=(1, 2)))
        gram = anchors @ anchors.T
        theirs = _at_least(share @ gram.square() @ share)
        norms = (samples * own * theirs)[:, None, None]
        return BatchMap(class_sums(features, members) / norms, anchors)


def _at_least(squared_norm: Tensor) -> Tensor:
    # Clamped before the root, whose gradient at 0 is infinite.
    return squared_norm.clamp(min=SMALLEST_NORM**2).sqrt()
