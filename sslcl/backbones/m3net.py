"""M3Net: a hypergraph for what utterances share, a signed graph for where they differ."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from sslcl.backbones import Backbone, BackboneShape
from sslcl.backbones._graphs import ModalityNodes, Streams, StreamSum, beside
from sslcl.backbones._parts import bidirectional, masked_softmax
from sslcl.data.types import Batch, View
from sslcl.dropout import Dropout


class M3NetOptions(BaseModel):
    """Options of :class:`M3Net`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    context_layers: int = Field(default=2, ge=1, le=4)
    """Layers of the text's sequential context."""
    hypergraph_layers: int = Field(default=3, ge=1, le=8)
    """Hypergraph convolutions."""
    frequency_layers: int = Field(default=4, ge=1, le=8)
    """Convolutions of the signed graph."""


class Hypergraph(nn.Module):
    """Convolutions over hyperedges that join a modality or an utterance.

    Nodes x_mt, utterance t in modality m. Edges: one for each modality, of all its utterances;
    one for each utterance, of all its modalities. A layer with bias b takes

    e_m = mean over t of x_mt;  e_t = sum over m of g_m x_mt / sum over m of g_m;
    x'_mt = LeakyReLU((w_m e_m + w_0 e_t) / (w_m + w_0) + b)

    The weights g_m of a node in its utterance's edge and w of the edges are exponentials of
    parameters, 1 at first, and shared by all layers. (Weights within a modality's edge would be
    alike for all its nodes and cancel.)

    Source: Chen et al. 2023 (CVPR), multivariate propagation: edges and nodes both averaged by
    weight, without a weight matrix, as in the released code.

    Args:
        modalities: most modalities, ``M``.
        width: ``D``.
        layers: convolutions.
    """

    def __init__(self, modalities: int, width: int, layers: int) -> None:
        super().__init__()
        self.node_weight = nn.Parameter(torch.zeros(modalities))
        self.modality_weight = nn.Parameter(torch.zeros(modalities))
        self.utterance_weight = nn.Parameter(torch.zeros(()))
        self.bias = nn.Parameter(torch.zeros(layers, width))

    def forward(self, x: Tensor, mask: Tensor, streams: Streams) -> Tensor:
        """Nodes after all layers, ``(B, P, T, D)``.

        Args:
            x: ``(B, P, T, D)`` nodes.
            mask: ``(B, T)`` bool, true at utterances.
            streams: which modality of which view each of the ``P`` streams is.
        """
        which = list(streams.modalities)
        scores = self.node_weight[which].expand(len(which), -1)  # (P, P)
        node = masked_softmax(scores, streams.together(x.device))  # (P, P)
        # w_m / (w_m + w_0) for weights that are exponentials.
        share = torch.sigmoid(self.modality_weight[which] - self.utterance_weight)  # (P)
        share = share[:, None, None]  # (P, 1, 1)
        mean = mask / mask.sum(dim=1, keepdim=True)  # (B, T)
        mean = mean[:, None, None].to(x.dtype)  # (B, 1, 1, T)
        mixed = ((1 - share[..., 0]) * node).to(x.dtype)  # (P, P)
        for bias in self.bias:
            of_modality = mean @ x  # (B, P, 1, D)
            of_utterance = (mixed @ x.flatten(2)).view_as(x)  # (B, P, T, D)
            x = F.leaky_relu(of_utterance + (share * of_modality + bias))  # (B, P, T, D)
        return x


class HighFrequencyConv(nn.Module):
    """Graph convolution with signed gates, which can sharpen differences between neighbours.

    h'_i = h_i + (1 / d) sum over the neighbours j of i of tanh(w . [h_i; h_j] + c) h_j

    Neighbours are the other utterances in the same modality and the same utterance in the other
    modalities: d = T - 1 + M - 1 for every node of a conversation, so d_i^-1/2 d_j^-1/2 = 1 / d.

    Source: Chen et al. 2023 (CVPR), multi-frequency propagation.

    Args:
        width: ``D``.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.own = nn.Linear(width, 1)
        self.other = nn.Linear(width, 1, bias=False)

    def forward(self, h: Tensor, mask: Tensor, streams: Streams) -> Tensor:
        """Nodes after the layer, ``(B, P, T, D)``.

        Args:
            h: ``(B, P, T, D)`` nodes.
            mask: ``(B, T)`` bool, true at utterances.
            streams: which modality of which view each of the ``P`` streams is.
        """
        linked = streams.linked(h.device)  # (P, P)
        degree = mask.sum(dim=1)[:, None] - 1 + linked.sum(dim=1)  # (B, P)
        scale = 1 / degree.clamp(min=1)[..., None, None]  # (B, P, 1, 1)
        own, other = self.own(h), self.other(h)  # (B, P, T, 1) each
        itself = torch.eye(h.shape[2], dtype=torch.bool, device=h.device)  # (T, T)
        pairs = (mask[:, None, :] & ~itself)[:, None] * scale  # (B, P, T, T)
        within = torch.tanh(own + other.mT) * pairs  # (B, P, T, T)
        own, other = own.transpose(1, 2), other.transpose(1, 2)  # (B, T, P, 1) each
        across = torch.tanh(own + other.mT) * (linked * scale[..., 0].mT[..., None])
        return h + within.to(h.dtype) @ h + beside(across, h)


class M3Net(Backbone):
    """A node per utterance and modality, seen by a hypergraph and by a signed graph side by side.

    x_m = drop(W_m x_m + b_m), for text BiGRU of that;  x_m += speaker_{s(t)};  y = W x + b;
    f_t = drop(ReLU(sum over m of U_m [:class:`Hypergraph`(y)_mt; z_mt] + c_m)), where z is y after
    the layers of :class:`HighFrequencyConv`.

    ``text`` (or the first modality, where none is called so) has the context. An absent modality
    has no nodes in either graph and no term in the last sum, its bias included. The embeddings of
    speakers are by index of first speaking, so exchanging two participants changes the features;
    they go to every modality, where the released code adds them to text alone.

    In the released code the weights of the hypergraph belong to positions in the batch, up to a
    fixed number, and those of edges stand in the denominator only: here they belong to modality
    and kind of edge, and both sums are weighted. At first, with all weights 1, the two agree.
    Sequences are packed, and there is no normalisation of inputs over padding. The last line brings
    the 6 H node features, which go to the released classifier, to the width that other backbones
    have.

    Source: Chen et al. 2023, "Multivariate, Multi-frequency and Multimodal" (CVPR). Released:
    features 512 (IEMOCAP) or 1024 (MELD), graph 512, 3 hypergraph layers, 4 (MELD 3) signed ones,
    Adam at 1e-4, L2 3e-5, batch 16, dropout 0.5 (MELD 0.4). Published weighted F1 on IEMOCAP: about
    72 by its users' account, who find 69.5 to 70.7 (the epoch chosen on the test split).
    """

    name = "m3net"
    source = (
        "Chen et al. 2023, CVPR, pp. 10761-10770; github.com/feiyuchen7/M3NET; "
        "its figure as users report it"
    )
    published = {"IEMOCAP": 72.0}
    differs = (
        "hypergraph weights by modality and kind of edge instead of position in the batch, in both "
        "sums; sequences packed; speakers in every modality; no normalisation over padding; "
        "node features brought to one width"
    )
    Options = M3NetOptions
    uses_speakers = True
    names_speakers = True
    stacks_views = True

    def __init__(self, shape: BackboneShape[M3NetOptions]) -> None:
        super().__init__(shape)
        widths, hidden_size, dropout = shape.widths, shape.hidden_size, shape.dropout
        self.output_width = hidden_size
        node = 2 * hidden_size
        context = bidirectional(nn.GRU, node, hidden_size, shape.options.context_layers, dropout)
        self.nodes = ModalityNodes(widths, node, context, dropout, drops_all=True)
        self.speaker = nn.Embedding(shape.speakers, node)
        self.enter = nn.Linear(node, hidden_size)
        self.hypergraph = Hypergraph(len(widths), hidden_size, shape.options.hypergraph_layers)
        self.frequency = nn.ModuleList(
            HighFrequencyConv(hidden_size) for _ in range(shape.options.frequency_layers)
        )
        self.out = StreamSum(self.modalities, 2 * hidden_size, hidden_size)
        self.drop = Dropout(dropout)

    def features(self, batch: Batch, views: Sequence[View]) -> Tensor:
        """``(V, N, H)`` features, ``H`` the hidden size."""
        streams = Streams.of(views, self.modalities)
        _, x = self.nodes(batch, streams.names)  # (B, M, T, 2H)
        y = self.enter(x + self.speaker(batch.speakers)[:, None])  # (B, M, T, H)
        z = y = streams.split(y)  # (B, P, T, H)
        for layer in self.frequency:
            z = layer(z, batch.mask, streams)  # (B, P, T, H)
        joined = torch.cat([self.hypergraph(y, batch.mask, streams), z], dim=-1)  # (B, P, T, 2H)
        features: Tensor = self.drop(self.out(joined, streams, batch.mask).relu())  # (V, N, H)
        return features
