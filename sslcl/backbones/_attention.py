"""Attention of one sequence over another, which the transformer fusions share.

Shapes: ``B`` conversations padded to ``T`` utterances; ``D`` the width; ``h`` heads.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sslcl.dropout import dropout


def attend(q: Tensor, k: Tensor, v: Tensor, mask: Tensor, probability: float | Tensor) -> Tensor:
    """o_t = sum over i of drop(softmax_i(q_t . k_i / sqrt(E))) v_i.

    Without dropout, and on accelerators, PyTorch has one kernel for it. On the CPU it has none with
    dropout; written out here, the weights are dropped by :func:`sslcl.dropout.dropout`.

    Args:
        q: ``(..., S, E)``.
        k: ``(..., T, E)``.
        v: ``(..., T, E)``.
        mask: bool, broadcasts to ``(..., S, T)``, true where t hears i; each t hears some i.
        probability: of dropping a weight, as :func:`sslcl.dropout.dropout` takes it; 0 in
            evaluation.

    Returns:
        ``(..., S, E)``.
    """
    if not isinstance(probability, Tensor) and (probability == 0 or q.device.type != "cpu"):
        return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, dropout_p=probability)
    scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)  # (..., S, T)
    lowest = torch.finfo(scores.dtype).min
    silence = torch.zeros_like(mask, dtype=scores.dtype).masked_fill_(~mask, lowest)
    weights = (scores + silence).softmax(dim=-1)  # (..., S, T)
    return dropout(weights, probability, training=True) @ v


class CrossAttention(nn.Module):
    """Multi-head attention of a sequence over the utterances of a source sequence.

    Head k of utterance t, with scores over the utterances i of the conversation:
    o_tk = sum over i of softmax_i((W_q x_t)_k . (W_k s_i)_k / sqrt(D/h)) (W_v s_i)_k;
    out_t = W_o [o_t1; ..; o_th] + b. All maps have biases.

    Source: Vaswani et al. 2017 (arXiv 1706.03762), section 3.2.

    Args:
        width: ``D`` of both sequences.
        heads: ``h``, a divisor of ``D``.
        dropout: dropout probability of the weights.
    """

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.dropout = dropout
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.merge = nn.Linear(width, width)

    def forward(self, x: Tensor, source: Tensor, mask: Tensor) -> Tensor:
        """What the queries hear, of their shape.

        Args:
            x: queries, ``(..., B, T, D)``: several may ask the same source.
            source: ``(B, T, D)``.
            mask: ``(B, T)`` of the source, true at utterances.
        """
        asks = x.reshape(-1, *source.shape).transpose(0, 1).flatten(1, 2)  # (B, VT, D)
        q = self.query(asks).unflatten(-1, (self.heads, -1)).transpose(1, 2)  # (B, h, VT, D/h)
        k, v = self.key_value(source).unflatten(-1, (2, self.heads, -1)).permute(2, 0, 3, 1, 4)
        probability = self.dropout if self.training else 0.0
        heard = attend(q, k, v, mask[:, None, None, :], probability)  # (B, h, VT, D/h)
        merged: Tensor = self.merge(heard.transpose(1, 2).flatten(2))  # (B, VT, D)
        by_asker = merged.view(len(source), -1, *source.shape[1:])  # (B, V, T, D)
        return by_asker.transpose(0, 1).reshape(x.shape)
