"""The similarity of the normalised temperature-scaled cross-entropy (NT-Xent)."""

from torch import Tensor

from sslcl.similarities._pairwise import PairwiseSimilarity

TEMPERATURE = 0.1
"""The best of the source's comparison, its table 5."""


class NTXent(PairwiseSimilarity):
    """``cos(f, g) / 0.1``: NT-Xent's logits, with label embeddings in the place of samples.

    What NT-Xent has besides, a softmax over positives and negatives, is the objective's; its
    negatives are the other labels instead of the other samples, so that the batch size does not
    matter, and the objective's focusing exponents, class weights and negative term stay.

    The temperature is a constant, and the logit scale adds to it or divides it away. With ``scale``
    s the effective temperature is 0.1 under ``released``, 0.1 / s under ``fixed``, and 0.1 / s to
    start from under ``learned``. Under ``matched`` the spread of the first batch is divided out and
    the temperature with it: there the logits are those of ``cosine``.

    Source: Chen et al., ICML 2020, arXiv 2002.05709, equation 1.
    """

    name = "nt_xent"

    def pairs(self, features: Tensor, embeddings: Tensor) -> Tensor:
        """``f . g / 0.1`` for every pair; the vectors arrive with length 1."""
        return features @ embeddings.T / TEMPERATURE
