"""The label network: one vector per class."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn


class LabelEmbedding(nn.Module):
    """Learned label embeddings ``G`` of shape ``(C, D)``.

    The depth counts weight layers, the table of class vectors ``E`` being the first::

        0   G = E                                     E is C x D: free label vectors
        1   G = W E + b                               E is C x h: no hidden activation
        2   G = W ReLU(E) + b                         the paper's
        k   G = W ReLU(... W_2 ReLU(E) + b_2 ...) + b, k - 2 hidden layers of h x h in between

    Dropout acts on ``G``: in training, each forward draws one mask per class, which all
    utterances share. The objective L2-normalises ``G`` where its similarity wants that.

    Source: released code of SSLCL (arXiv 2310.16676) for depth 2.

    Args:
        classes: ``C``.
        width: ``D``.
        hidden: ``h``; not used at depth 0.
        depth: number of weight layers, from 0.
        dropout: probability of zeroing an entry of ``G``.
    """

    def __init__(self, classes: int, width: int, hidden: int, depth: int, dropout: float) -> None:
        super().__init__()
        self.table = nn.Embedding(classes, hidden if depth else width)
        layers: list[nn.Module] = []
        for _ in range(depth - 2):
            layers += [nn.ReLU(), nn.Linear(hidden, hidden)]
        if depth > 1:
            layers.append(nn.ReLU())
        if depth > 0:
            layers.append(nn.Linear(hidden, width))
        self.network = nn.Sequential(*layers)
        self._linear = [layer for layer in layers if isinstance(layer, nn.Linear)]
        self.dropout = nn.Dropout(dropout)

    def vectors(self) -> Float[Tensor, "C D"]:
        """``(C, D)`` without dropout, in training mode too."""
        embeddings: Tensor = self.network(self.table.weight)
        return embeddings

    def forward(self) -> Float[Tensor, "C D"]:
        """``(C, D)``, with dropout in training mode."""
        embeddings: Tensor = self.dropout(self.vectors())
        return embeddings

    def weights(self) -> list[Tensor]:
        """What :meth:`parameters` iterates over, read from the layers in a fraction of the time."""
        return [self.table.weight, *(p for x in self._linear for p in (x.weight, x.bias))]

    def traced(self) -> tuple[Float[Tensor, "C D"], list[Tensor]]:
        """What :meth:`forward` gives, and what :meth:`to_weights` needs to go back.

        For losses whose gradient is written out: to be called without recording gradients. Draws
        the same dropout.
        """
        x: Tensor = self.table.weight
        trace: list[Tensor] = []
        rectified, dropped = len(self.network) > 1, self.dropout.p
        for layer in self._linear:
            x = x.relu() if rectified else x
            trace.append(x)
            x = torch.addmm(layer.bias, x, layer.weight.t())
        if self.training and dropped > 0:
            kept = torch.empty_like(x).bernoulli_(1 - dropped).div_(1 - dropped)
            x = x * kept
            trace.append(kept)
        return x, trace

    def to_weights(self, trace: Sequence[Tensor], to_vectors: Float[Tensor, "C D"]) -> list[Tensor]:
        """The gradients of :meth:`weights`, in their order.

        Args:
            trace: of :meth:`traced`.
            to_vectors: ``(C, D)`` gradient of the vectors.
        """
        layers, rectified = self._linear, len(self.network) > 1
        gradients: list[Tensor] = []
        for kept in trace[len(layers) :]:
            to_vectors = to_vectors * kept
        for layer, given in zip(layers[::-1], trace[: len(layers)][::-1], strict=True):
            gradients = [to_vectors.t().mm(given), to_vectors.sum(dim=0), *gradients]
            to_vectors = to_vectors.mm(layer.weight)
            if rectified:  # a ReLU passes on what is above 0
                to_vectors.mul_(given.sign())
        return [to_vectors, *gradients]
