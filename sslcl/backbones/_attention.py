"""Attention of one sequence over another, which the transformer fusions share.

Shapes: ``B`` conversations padded to ``T`` utterances; ``D`` the width; ``h`` heads.
"""

import torch.nn.functional as F
from torch import Tensor, nn


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
        heard = F.scaled_dot_product_attention(
            q,
            k,
            v,
            attn_mask=mask[:, None, None, :],
            dropout_p=self.dropout if self.training else 0.0,
        )  # (B, h, VT, D/h)
        merged: Tensor = self.merge(heard.transpose(1, 2).flatten(2))  # (B, VT, D)
        by_asker = merged.view(len(source), -1, *source.shape[1:])  # (B, V, T, D)
        return by_asker.transpose(0, 1).reshape(x.shape)
