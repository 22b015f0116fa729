"""MMGCN: one graph over all utterances in all modalities, convolved deeply."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from sslcl.backbones import Backbone, BackboneShape
from sslcl.backbones._graphs import ModalityNodes, Streams, StreamSum, beside
from sslcl.backbones._parts import bidirectional
from sslcl.data.types import Batch, View
from sslcl.dropout import Dropout

ALPHA = 0.1
"""Share of the first layer's state in every layer."""
LAMBDA = 0.5
"""Decides how fast the weight of the learned map falls with depth."""


class MMGCNOptions(BaseModel):
    """Options of :class:`MMGCN`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    context_layers: int = Field(default=2, ge=1, le=4)
    """Layers of the text's sequential context."""
    layers: int = Field(default=4, ge=1, le=64)
    """Graph convolutions."""


@dataclass(frozen=True)
class Edges:
    """The normalised adjacency D^-1/2 A D^-1/2 of the graphs of all views, in its two parts.

    The assembled matrix would have ``(M T)^2`` entries a conversation, most of them zero.

    Args:
        within: ``(B, P, T, T)`` between the utterances of one stream.
        across: ``(B, T, P, P)`` between the modalities of one utterance in one view, zero
            elsewhere.
        streams: which modality of which view each of the ``P`` streams is.
    """

    within: Tensor
    across: Tensor
    streams: Streams

    def spread(self, h: Tensor) -> Tensor:
        """The product of the adjacency and the nodes ``(B, P, T, D)``, of the same shape."""
        return self.within.to(h.dtype) @ h + beside(self.across, h)  # (B, P, T, D)


def similarity_edges(x: Tensor, mask: Tensor, streams: Streams) -> Edges:
    """Edges weighted by angle, w(x, y) = 1 - acos(0.99999 cos(x, y)) / pi.

    There is an edge between all utterances of a conversation within a modality, and between all
    modalities of an utterance. A vector of zeros is at a right angle to all.

    Source: Hu et al. 2021 (arXiv 2107.06779).

    Args:
        x: ``(B, M, T, D)`` nodes.
        mask: ``(B, T)`` bool, true at utterances.
        streams: the streams that have these nodes.
    """
    # In bfloat16 the 0.99999 is 1, where the gradient of acos is infinite.
    with torch.autocast(x.device.type, enabled=False):
        unit = F.normalize(x.float(), dim=-1, eps=1e-6)  # (B, M, T, D)
        at_once = unit.transpose(1, 2)  # (B, T, M, D)
        pairs = (mask[:, :, None] & mask[:, None, :])[:, None]  # (B, 1, T, T)
        within = _angular(unit @ unit.mT) * pairs  # (B, M, T, T)
        across = _angular(at_once @ at_once.mT)  # (B, T, M, M)
        across = streams.split(streams.split(across, dim=2), dim=3)  # (B, T, P, P)
        across = across * (streams.linked(x.device) & mask[..., None, None])  # (B, T, P, P)
        degree = streams.split(within.sum(dim=-1)) + across.sum(dim=-1).mT  # (B, P, T)
        scale = degree.clamp(min=1e-6).rsqrt()  # (B, P, T)
        return Edges(
            streams.split(within) * scale[..., :, None] * scale[..., None, :],
            across * scale.mT[..., :, None] * scale.mT[..., None, :],
            streams,
        )


def _angular(cosine: Tensor) -> Tensor:
    return 1 - torch.acos(0.99999 * cosine) / math.pi


def layer_map(weight: Tensor, depth: int, alpha: float) -> Tensor:
    """What takes [p; h_0] to theta [p; h_0] W + (1 - theta) ((1 - alpha) p + alpha h_0) at once.

    theta = ln(lambda / l + 1) at depth l, with lambda = 0.5.

    Args:
        weight: W as a linear layer has it, ``(E, 2E)``.
        depth: ``l``, from 1.
        alpha: share of the first layer's state h_0.

    Returns:
        ``(E, 2E)``.
    """
    theta = math.log(LAMBDA / depth + 1)
    same = torch.eye(len(weight), dtype=weight.dtype, device=weight.device)  # (E, E)
    plain = torch.cat([(1 - alpha) * same, alpha * same], dim=1)  # (E, 2E)
    return theta * weight + (1 - theta) * plain


class DeepGraph(nn.Module):
    """GCNII with separate maps for what is spread and what is remembered.

    h_0 = ReLU(W x + b); for l = 1 .. L: p = A drop(h_l-1); r = (1 - alpha) p + alpha h_0;
    h_l = ReLU(theta_l [p; h_0] W_l + (1 - theta_l) r), theta_l = ln(lambda / l + 1)

    Source: Chen et al. 2020 (arXiv 2007.02133), the variant GCNII*, as used by MMGCN;
    alpha = 0.1, lambda = 0.5.

    Args:
        width: ``D`` of the input.
        output: ``E`` of the output.
        layers: ``L``.
        dropout: dropout probability.
    """

    def __init__(self, width: int, output: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.input = nn.Linear(width, output)
        self.maps = nn.ModuleList(nn.Linear(2 * output, output, bias=False) for _ in range(layers))
        self.drop = Dropout(dropout)

    def forward(self, x: Tensor, edges: Edges) -> Tensor:
        """``(B, P, T, E)`` for the streams of the edges, from nodes ``(B, M, T, D)``."""
        h = first = edges.streams.split(torch.relu(self.input(self.drop(x))))  # (B, P, T, E)
        for depth, learned in enumerate(self.maps, start=1):
            weight: Tensor = learned.weight  # type: ignore[assignment]  # (E, 2E)
            both = torch.cat([edges.spread(self.drop(h)), first], dim=-1)  # (B, P, T, 2E)
            h = torch.relu(F.linear(both, layer_map(weight, depth, ALPHA)))  # (B, P, T, E)
        return h


class MMGCN(Backbone):
    """A node per utterance and modality; text has a sequential context, all know their speaker.

    x_m = W_m x_m + b_m, for text BiLSTM of that;  x_m += speaker_{s(t)};
    h = :class:`DeepGraph` over :func:`similarity_edges` of x;
    f_t = drop(ReLU(sum over m of U_m [x_mt; h_mt] + c_m))

    ``text`` (or the first modality, where none is called so) has the context. An absent modality
    has no nodes in the graph and no term in the last sum, its bias included. The speaker's
    embedding goes to every modality as in the paper; the released code adds it to text alone. The
    embeddings are by index of first speaking, so exchanging two participants changes the features.
    The last line brings the 9 H node features, which the released code hands to its classifier, to
    the width that other backbones have.

    Source: Hu et al. 2021 (arXiv 2107.06779). Released: text context 2 x 100, graph 100, 64 graph
    layers (its option for 4 is ignored), dropout 0.4, batch 16; IEMOCAP Adam at 3e-4, L2 3e-5; MELD
    Adam at 1e-3 with a focal loss that also raises the other classes. Published weighted F1:
    IEMOCAP 66.22, MELD 58.65 (the epoch chosen on the test split).
    """

    name = "mmgcn"
    source = "Hu et al. 2021, arXiv 2107.06779; github.com/hujingwen6666/MMGCN"
    published = {"IEMOCAP": 66.22, "MELD": 58.65}
    differs = (
        "speaker embeddings go to every modality, as in the paper; "
        "4 graph layers by default, 64 are hard-coded in the released code; one linear layer "
        "brings the feature to the common width, with dropout and ReLU after it instead of on "
        "the node features that it reads"
    )
    Options = MMGCNOptions
    uses_speakers = True
    names_speakers = True
    stacks_views = True

    def __init__(self, shape: BackboneShape[MMGCNOptions]) -> None:
        super().__init__(shape)
        widths, hidden_size, dropout = shape.widths, shape.hidden_size, shape.dropout
        self.output_width = hidden_size
        node = 2 * hidden_size
        context = bidirectional(nn.LSTM, node, hidden_size, shape.options.context_layers, dropout)
        self.nodes = ModalityNodes(widths, node, context, dropout, drops_all=False)
        self.speaker = nn.Embedding(shape.speakers, node)
        self.graph = DeepGraph(node, hidden_size, shape.options.layers, dropout)
        self.out = StreamSum(self.modalities, 3 * hidden_size, hidden_size)
        self.drop = Dropout(dropout)

    def features(self, batch: Batch, views: Sequence[View]) -> Tensor:
        """``(V, N, H)`` features, ``H`` the hidden size."""
        streams = Streams.of(views, self.modalities)
        _, x = self.nodes(batch, streams.names)  # (B, M, T, 2H)
        x = x + self.speaker(batch.speakers)[:, None]  # (B, M, T, 2H)
        h = self.graph(x, similarity_edges(x, batch.mask, streams))  # (B, P, T, H)
        joined = torch.cat([streams.split(x), h], dim=-1)  # (B, P, T, 3H)
        features: Tensor = self.drop(self.out(joined, streams, batch.mask).relu())  # (V, N, H)
        return features
