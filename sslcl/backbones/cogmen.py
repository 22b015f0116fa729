"""COGMEN: a transformer for the global context, a relational graph for the local one."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from sslcl.backbones import Backbone, BackboneShape
from sslcl.backbones._parts import (
    ModalitySum,
    RelationalConv,
    Utterances,
    by_view,
    speaker_relations,
    window_edges,
)
from sslcl.backbones.transformer import EncoderBlock, check_heads
from sslcl.data.types import Batch, View
from sslcl.dropout import Dropout


class CogmenOptions(BaseModel):
    """Options of :class:`Cogmen`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    layers: int = Field(default=2, ge=1, le=12)
    """Encoder blocks of the global context."""
    heads: int = Field(default=4, ge=1)
    """Attention heads of the encoder blocks; they must divide the hidden size."""
    window_past: int = Field(default=5, ge=0)
    """Utterances back that an utterance hears."""
    window_future: int = Field(default=5, ge=0)
    """Utterances ahead that an utterance hears."""


def mean_by_relation(relations: Tensor, edges: Tensor) -> Tensor:
    """Edge weights 1 / c_ir, with c_ir the number of neighbours that i has under relation r.

    Args:
        relations: ``(B, R, T, T)`` bool.
        edges: ``(B, T, T)`` bool.

    Returns:
        ``(B, R, T, T)`` float; a row sums to 1, or to 0 where there is no such neighbour.
    """
    heard = (relations & edges[:, None]).float()  # (B, R, T, T)
    return heard / heard.sum(dim=-1, keepdim=True).clamp(min=1)


class TransformerConv(nn.Module):
    """Graph attention, z_i = W_1 x_i + b_1 + sum over j of a_ij (W_2 x_j + b_2).

    a_i = softmax over the j in the window of i of (W_3 x_i + b_3) . (W_4 x_j) / sqrt(D).

    Source: Shi et al. 2020 (arXiv 2009.03509), with one head.

    Args:
        width: ``D`` of input and output.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.root = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.query = nn.Linear(width, width)
        # A bias would add the same to all scores of an utterance, which a softmax cannot see.
        self.key = nn.Linear(width, width, bias=False)

    def forward(self, x: Tensor, edges: Tensor) -> Tensor:
        """``(B, T, D)`` from nodes ``(B, T, D)`` and edges ``(B, T, T)``."""
        # Padding hears itself, so that no softmax is over nothing.
        itself = torch.eye(x.shape[1], dtype=torch.bool, device=x.device)
        heard = F.scaled_dot_product_attention(
            self.query(x), self.key(x), self.value(x), attn_mask=edges | itself
        )  # (B, T, D)
        z: Tensor = self.root(x) + heard  # (B, T, D)
        return z


class Cogmen(Backbone):
    """Global context by self-attention, local context by a graph over a window.

    x_t = sum over m of W_m x_mt + b_m;  h = W_h LN(blocks(drop(x))) + b_h;
    y = R-GCN(h), mean by relation;  z = TransformerConv(y);  f_t = drop(LeakyReLU(LN(z_t)))

    The encoder knows no positions: order enters by the direction of the relations. These are (same
    speaker or another) x (earlier or not), as in ``dialogue_gcn`` and for the same reason, where
    the released code has one for each ordered pair of participants. Padded utterances are no keys
    of the attention and the last norm is over the features of one utterance; the released code has
    no mask and a batch norm, so that an utterance depends on its batch. An absent modality is a
    missing term of the sum, its bias included. Exchanging two participants changes nothing.

    Source: Joshi et al. 2022 (arXiv 2205.02455). Released: 2 post-norm blocks on the
    concatenated features, feature 100, windows 5 and 5, dropout 0.5, Adam at 1e-4, weight decay
    1e-8, batch 32. Published weighted F1 on IEMOCAP: 67.6 (from an aggregator's listing, the epoch
    chosen on validation).
    """

    name = "cogmen"
    source = "Joshi et al. 2022, arXiv 2205.02455; github.com/Exploration-Lab/COGMEN"
    published = {"IEMOCAP": 67.6}
    differs = (
        "padding is masked in the attention; pre-norm blocks at the hidden size, with a "
        "feed-forward of 4 times that, instead of post-norm ones at the width of the concatenated "
        "features with one of 2,048; "
        "layer norm instead of batch norm; relations by same or other speaker"
    )
    Options = CogmenOptions
    uses_speakers = True
    stacks_views = True

    def __init__(self, shape: BackboneShape[CogmenOptions]) -> None:
        super().__init__(shape)
        widths, hidden_size, dropout = shape.widths, shape.hidden_size, shape.dropout
        self.output_width = hidden_size
        self.past, self.future = shape.options.window_past, shape.options.window_future
        self.fuse = ModalitySum(widths, hidden_size)
        self.blocks = nn.ModuleList(
            EncoderBlock(hidden_size, shape.options.heads, dropout)
            for _ in range(shape.options.layers)
        )
        self.context = nn.Sequential(nn.LayerNorm(hidden_size), nn.Linear(hidden_size, hidden_size))
        self.relational = RelationalConv(hidden_size, hidden_size, relations=4)
        self.graph = TransformerConv(hidden_size)
        self.norm = nn.LayerNorm(hidden_size)
        self.drop = Dropout(dropout)

    @classmethod
    def check_size(cls, hidden_size: int, options: CogmenOptions) -> None:
        """Refuse a hidden size that is no multiple of the number of heads."""
        check_heads(cls.name, hidden_size, options.heads)

    def features(self, batch: Batch, views: Sequence[View]) -> Tensor:
        """``(V, N, H)`` features, ``H`` the hidden size."""
        x = self.drop(self.fuse.rows(batch, views))  # (VN, H)
        edges = window_edges(batch.mask, self.past, self.future)  # (B, T, T)
        weights = mean_by_relation(speaker_relations(batch.speakers), edges)  # (B, 4, T, T)
        edges, weights = edges.repeat(len(views), 1, 1), weights.repeat(len(views), 1, 1, 1)
        utterances = Utterances.of(batch.mask.repeat(len(views), 1))
        for block in self.blocks:
            x = block(x, utterances)  # (VN, H)
        h = utterances.padded(self.context(x))  # (VB, T, H)
        z = utterances.rows(self.graph(self.relational(h, weights), edges))  # (VN, H)
        features: Tensor = self.drop(F.leaky_relu(self.norm(z)))  # (VN, H)
        return by_view(features, views)
