"""DialogueGCN: a graph over the utterances, with relations by speaker and direction."""

from collections.abc import Sequence
from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from sslcl.backbones import Backbone, BackboneShape
from sslcl.backbones._parts import (
    ModalitySum,
    RelationalConv,
    bidirectional,
    by_view,
    masked_softmax,
    repeated,
    speaker_relations,
    window_edges,
)
from sslcl.backbones._recurrence import run_recurrent
from sslcl.data.types import Batch, View
from sslcl.dropout import Dropout

POSITIONS = 110
"""Positions of an utterance that :class:`PositionAttention` tells apart."""


class DialogueGCNOptions(BaseModel):
    """Options of :class:`DialogueGCN`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    layers: int = Field(default=2, ge=1, le=4)
    """Layers of the sequential context."""
    window_past: int = Field(default=10, ge=0)
    """Utterances back that an utterance hears."""
    window_future: int = Field(default=10, ge=0)
    """Utterances ahead that an utterance hears."""
    edges: Literal["content", "position"] = "content"
    """Edge weights from both utterances, as in the paper, or as released: see the backbone."""


class EdgeAttention(nn.Module):
    """Content-based edge weights, a_i = softmax over the j in the window of i of h_j' W h_i.

    What arrives at an utterance has weights that sum to 1, as in the paper. The released code
    has :class:`PositionAttention` in its place.

    Args:
        width: ``D`` of the nodes.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.bilinear = nn.Linear(width, width, bias=False)

    def forward(self, h: Tensor, edges: Tensor) -> Tensor:
        """``(B, T, T)`` weights from nodes ``(B, T, D)`` and edges ``(B, T, T)``."""
        return masked_softmax(self.bilinear(h) @ h.transpose(1, 2), edges)


class PositionAttention(nn.Module):
    """Position-based edge weights, a_ij = softmax over the hearers i of j of w_j' h_i.

    w_j belongs to the position of the source j in its conversation, whatever is said there. What
    leaves an utterance has weights that sum to 1; what arrives at one need not. There are
    :data:`POSITIONS` rows w, as released, where longer conversations fail; here the last row
    serves all later positions too.

    Source: the released code of DialogueGCN (Ghosal et al. 2019, arXiv 1908.11540), where the
    window of an utterance is whom it sends to; with windows as long back as ahead it is the same.

    Args:
        width: ``D`` of the nodes.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.row = nn.Linear(width, POSITIONS, bias=False)

    def forward(self, h: Tensor, edges: Tensor) -> Tensor:
        """``(B, T, T)`` weights from nodes ``(B, T, D)`` and edges ``(B, T, T)``."""
        position = torch.arange(h.shape[1], device=h.device).clamp(max=POSITIONS - 1)  # (T,)
        scores = self.row.weight[position] @ h.mT  # (B, T, T), of source and hearer
        return masked_softmax(scores, edges.mT).mT  # (B, T, T), of hearer and source


class GraphConv(nn.Module):
    """z_i = V_1 x_i + c + sum over the j in the window of i of V_2 x_j.

    Source: Morris et al. 2019, arXiv 1810.02244, without nonlinearity.

    Args:
        width: ``D`` of input and output.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.root = nn.Linear(width, width)
        self.neighbour = nn.Linear(width, width, bias=False)

    def forward(self, x: Tensor, edges: Tensor) -> Tensor:
        """``(B, T, D)`` from nodes ``(B, T, D)`` and edges ``(B, T, T)``."""
        sent = self.neighbour(x)  # (B, T, D)
        z: Tensor = self.root(x) + edges.to(sent.dtype) @ sent  # (B, T, D)
        return z


class DialogueGCN(Backbone):
    """Sequential context, then two graph convolutions over a window around each utterance.

    x_t = sum over m of W_m x_mt + b_m;  h = BiGRU(drop(x));  a_ij = softmax_j(h_j' W h_i);
    y = R-GCN(h, a) by relation;  z = GraphConv(y);  f_t = drop(ReLU(W_f [h_t; z_t] + b_f))

    The relation of an edge is (same speaker or another) x (earlier or not), four in all, where the
    paper has one for each ordered pair of participants, 2 P^2: 162 in MELD, most of them seen a
    handful of times, and tied to an index that only says who spoke first. The paper's 30 bases
    would keep those. With ``edges`` position, a is :class:`PositionAttention`, as released, in the
    place of :class:`EdgeAttention`, the paper's. An absent modality is a missing term of the first
    sum, its bias included. Exchanging two participants changes nothing.

    Source: Ghosal et al. 2019 (arXiv 1908.11540). Released: 2 layers of 100
    units a direction, graph 100, windows 10 and 10, dropout 0.4, Adam at 3e-4, batch 32. Published
    weighted F1 on IEMOCAP: 64.18, the epoch chosen on the test split (64.10 by the
    re-implementation with content-based weights, chosen on validation).
    """

    name = "dialogue_gcn"
    source = "Ghosal et al. 2019, arXiv 1908.11540; github.com/declare-lab/conv-emotion"
    published = {"IEMOCAP": 64.18}
    differs = (
        "edges weighted by content, as in the paper, with weights of what arrives that sum to 1; "
        "the released weights by position are an option; "
        "4 relations instead of one for each ordered pair of participants, each with a map of its "
        "own instead of a sum of 30 bases; no nodal attention before the last layer; GRU, packed"
    )
    Options = DialogueGCNOptions
    uses_speakers = True
    stacks_views = True

    def __init__(self, shape: BackboneShape[DialogueGCNOptions]) -> None:
        super().__init__(shape)
        widths, hidden_size, dropout = shape.widths, shape.hidden_size, shape.dropout
        self.output_width = hidden_size
        self.past, self.future = shape.options.window_past, shape.options.window_future
        self.fuse = ModalitySum(widths, hidden_size)
        self.context = bidirectional(
            nn.GRU, hidden_size, hidden_size, shape.options.layers, dropout
        )
        self.edge_attention: EdgeAttention | PositionAttention = EdgeAttention(2 * hidden_size)
        self.relational = RelationalConv(2 * hidden_size, hidden_size, relations=4)
        self.graph = GraphConv(hidden_size)
        self.out = nn.Linear(3 * hidden_size, hidden_size)
        self.drop = Dropout(dropout)
        if shape.options.edges == "position":  # last, so that all other weights are drawn alike
            self.edge_attention = PositionAttention(2 * hidden_size)

    def features(self, batch: Batch, views: Sequence[View]) -> Tensor:
        """``(V, N, H)`` features, ``H`` the hidden size."""
        x = self.drop(self.fuse(batch, views))  # (VB, T, H)
        batch = repeated(batch, len(views))
        h = run_recurrent(self.context, x, batch.lengths)  # (VB, T, 2H)
        edges = window_edges(batch.mask, self.past, self.future)  # (VB, T, T)
        weights = self.edge_attention(h, edges)  # (VB, T, T)
        weights = weights[:, None] * speaker_relations(batch.speakers)  # (VB, 4, T, T)
        z = self.graph(self.relational(h, weights), edges)  # (VB, T, H)
        joined = torch.cat([h, z], dim=-1)[batch.mask]  # (VN, 3H)
        features: Tensor = self.drop(self.out(joined).relu())  # (VN, H)
        return by_view(features, views)
