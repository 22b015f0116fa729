"""Multi-head attention written as a loop, for the tests of what is built on it."""

import math

import torch
from torch import Tensor

from sslcl.backbones._attention import CrossAttention


def attend(attention: CrossAttention, x: Tensor, source: Tensor) -> Tensor:
    """``(T, D)`` for one conversation without padding, utterance by utterance, head by head."""
    length, width = x.shape
    part = width // attention.heads
    w_k, w_v = attention.key_value.weight.split(width)
    b_k, b_v = attention.key_value.bias.split(width)
    rows = []
    for t in range(length):
        q = attention.query(x[t])
        heads = []
        for h in range(attention.heads):
            at = slice(h * part, (h + 1) * part)
            scores = [q[at] @ (w_k @ s + b_k)[at] / math.sqrt(part) for s in source]
            weights = torch.stack(scores).exp()
            weights = weights / weights.sum()
            values = [(w_v @ s + b_v)[at] for s in source]
            heads.append(sum(a * v for a, v in zip(weights, values, strict=True)))
        rows.append(attention.merge(torch.cat(heads)))
    return torch.stack(rows)
