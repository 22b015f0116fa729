"""The graph over modalities and utterances, entry by entry."""

import math

import torch
from torch import Tensor

from sslcl.backbones._graphs import Streams


def streams(modalities: int) -> Streams:
    """Those of one view that has all modalities."""
    names = tuple("abc"[:modalities])
    return Streams.of([frozenset(names)], names)


def adjacency(x: Tensor) -> Tensor:
    """D^-1/2 A D^-1/2 of one conversation, entry by entry; nodes ``(M T, D)``, modality first."""
    modalities, length, _ = x.shape
    size = modalities * length
    a = torch.zeros(size, size)
    for i in range(size):
        for j in range(size):
            if i // length == j // length or i % length == j % length:
                one, two = x[i // length, i % length], x[j // length, j % length]
                cosine = one @ two / (one.norm() * two.norm())
                a[i, j] = 1 - math.acos(0.99999 * cosine.item()) / math.pi
    degree = a.sum(1)
    return a / (degree[:, None] * degree[None, :]).sqrt()
