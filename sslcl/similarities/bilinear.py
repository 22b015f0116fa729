"""The learned bilinear form."""

import torch
from torch import Tensor, nn

from sslcl.similarities._pairwise import PairwiseSimilarity


class Bilinear(PairwiseSimilarity):
    """``f' W g`` of L2-normalised features and embeddings, ``W`` a learned ``D x D`` matrix.

    ``W`` starts as the identity, hence as the cosine, and draws no random numbers. Nothing bounds
    its size, so it is a learned logit scale besides, whatever the logit scale is set to.

    Source: the general score of Luong et al., EMNLP 2015, arXiv 1508.04025.
    """

    name = "bilinear"

    def __init__(self, width: int) -> None:
        super().__init__(width)
        self.weight = nn.Parameter(torch.eye(width))

    def pairs(self, features: Tensor, embeddings: Tensor) -> Tensor:
        """``f' W g`` for every pair, in O(C D^2 + N C D)."""
        return features @ (self.weight @ embeddings.T)
