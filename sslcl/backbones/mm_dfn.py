"""MM-DFN: the graph of MMGCN, with a memory that decides at each depth what to pass on."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.nn.functional import one_hot

from sslcl.backbones import Backbone, BackboneShape
from sslcl.backbones._graphs import ModalityNodes, Streams, StreamSum
from sslcl.backbones._parts import bidirectional
from sslcl.backbones._recurrence import LSTMGates
from sslcl.backbones.dialogue_crn import run_by_speaker
from sslcl.backbones.mmgcn import Edges, layer_map, similarity_edges
from sslcl.data.types import Batch, View
from sslcl.dropout import Dropout

ALPHA = 0.2
"""Share of the first layer's state in every layer."""


class MMDFNOptions(BaseModel):
    """Options of :class:`MMDFN`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    context_layers: int = Field(default=2, ge=1, le=4)
    """Layers of the text's context and of the participants' network."""
    layers: int = Field(default=16, ge=1, le=64)
    """Graph convolutions."""


class DynamicFusion(nn.Module):
    """GCNII under a recurrent memory for which depth is time.

    h_0 = ReLU(W x + b), q_1 = drop(h_0), u_0 = c_0 = 0; for l = 1 .. L:
    i, f, g, o = V [q_l; u_l-1] + d, one V for all depths;
    c_l = sigmoid(f) c_l-1 + sigmoid(i) tanh(g);  u_l = sigmoid(o) tanh(c_l);
    p = A u_l;  r = (1 - alpha) p + alpha h_0;  theta = ln(lambda / l + 1);
    q_l+1 = q_l + drop(ReLU(theta [p; h_0] W_l + (1 - theta) r))

    and the result is q_L+1.

    Source: Hu et al. 2022 (arXiv 2203.02385), the dynamic fusion module; alpha = 0.2, lambda = 0.5.

    Args:
        width: ``D`` of the input.
        output: ``E`` of the output.
        layers: ``L``.
        dropout: dropout probability.
    """

    def __init__(self, width: int, output: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.input = nn.Linear(width, output)
        self.gates = nn.Linear(2 * output, 4 * output)
        self.maps = nn.ModuleList(nn.Linear(2 * output, output, bias=False) for _ in range(layers))
        self.drop = Dropout(dropout)

    def forward(self, x: Tensor, edges: Edges) -> Tensor:
        """``(B, P, T, E)`` for the streams of the edges, from nodes ``(B, M, T, D)``."""
        first = edges.streams.split(torch.relu(self.input(self.drop(x))))  # (B, P, T, E)
        q: Tensor = self.drop(first)  # (B, P, T, E)
        u = cell = torch.zeros_like(q)  # (B, P, T, E)
        for depth, learned in enumerate(self.maps, start=1):
            weight: Tensor = learned.weight  # type: ignore[assignment]  # (E, 2E)
            gates = self.gates(torch.cat([q, u], dim=-1))  # (B, P, T, 4E)
            u, cell = LSTMGates.apply(gates, cell.to(gates.dtype))  # type: ignore[no-untyped-call]
            both = torch.cat([edges.spread(u), first], dim=-1)  # (B, P, T, 2E)
            joined = F.linear(both, layer_map(weight, depth, ALPHA))  # (B, P, T, E)
            q = q + self.drop(torch.relu(joined))  # (B, P, T, E)
        return q


class MMDFN(Backbone):
    """A node per utterance and modality; each knows its speaker's other utterances.

    y_m = drop(W_m x_m + b_m);  c_m = BiGRU(y_m) for text, y_m otherwise;
    n_m = c_m + a_m BiGRU_p(y_m), run over each participant's own utterances;
    h = :class:`DynamicFusion` over the angular edges of MMGCN between the n;
    f_t = drop(ReLU(sum over m of U_m [n_mt; h_mt] + e_m))

    ``text`` (or the first modality, where none is called so) has the context. BiGRU_p is one
    network for all participants and modalities. Its weights a_m are learned, from 1; the release
    tunes them by hand (audio, visual, text: 3, 0, 1 on IEMOCAP; 0.5, 0.5, 1.5 on MELD). Sequences
    are packed; the released code lets them read padding. An absent modality has no nodes in the
    graph and no term in the last sum, its bias included. Exchanging two participants changes
    nothing. The last line brings the 9 H node features, which the released code hands to its
    classifier, to the width that other backbones have. The residual q_l and the memory are always
    on; in the release they are a flag, off by default and needed for the published figures.

    Source: Hu et al. 2022 (arXiv 2203.02385). Released: context 2 x 100, graph 100, batch 32;
    IEMOCAP 16 or 32 layers, dropout 0.2 or 0.4, Adam at 1e-4 or 3e-4, L2 1e-4 or 2e-4; MELD 16 to
    64 layers, Adam at 5e-4 or 1e-3, L2 1e-4 or 5e-4. Published weighted F1: IEMOCAP 68.18, MELD
    59.46 (the epoch chosen on the test split).
    """

    name = "mm_dfn"
    source = "Hu et al. 2022, arXiv 2203.02385; github.com/zerohd4869/MM-DFN"
    published = {"IEMOCAP": 68.18, "MELD": 59.46}
    differs = (
        "sequences packed; learned weights of the speaker streams instead of hand-tuned ones; "
        "residual and memory always on; node features brought to one width"
    )
    Options = MMDFNOptions
    uses_speakers = True
    stacks_views = True

    def __init__(self, shape: BackboneShape[MMDFNOptions]) -> None:
        super().__init__(shape)
        widths, hidden_size, dropout = shape.widths, shape.hidden_size, shape.dropout
        self.output_width = hidden_size
        self.speakers = shape.speakers
        node = 2 * hidden_size
        context, self.party = (
            bidirectional(nn.GRU, node, hidden_size, shape.options.context_layers, dropout)
            for _ in range(2)
        )
        self.nodes = ModalityNodes(widths, node, context, dropout, drops_all=True)
        self.party_weight = nn.Parameter(torch.ones(len(widths)))
        self.graph = DynamicFusion(node, hidden_size, shape.options.layers, dropout)
        self.out = StreamSum(self.modalities, 3 * hidden_size, hidden_size)
        self.drop = Dropout(dropout)

    def features(self, batch: Batch, views: Sequence[View]) -> Tensor:
        """``(V, N, H)`` features, ``H`` the hidden size."""
        streams = Streams.of(views, self.modalities)
        x = self._nodes(batch, streams.names)  # (B, M, T, 2H)
        h = self.graph(x, similarity_edges(x, batch.mask, streams))  # (B, P, T, H)
        joined = torch.cat([streams.split(x), h], dim=-1)  # (B, P, T, 3H)
        features: Tensor = self.drop(self.out(joined, streams, batch.mask).relu())  # (V, N, H)
        return features

    def _nodes(self, batch: Batch, names: tuple[str, ...]) -> Tensor:
        """``(B, M, T, 2H)`` for the ``M`` modalities of ``names``."""
        y, nodes = self.nodes(batch, names)  # (B, M, T, 2H) each
        speaks = one_hot(batch.speakers, self.speakers) > 0  # (B, T, P)
        speaks = speaks & batch.mask[..., None]  # (B, T, P)
        speaks = speaks.repeat_interleave(len(names), dim=0)  # (BM, T, P)
        own = run_by_speaker(self.party, y.flatten(0, 1), speaks)  # (BM, T, 2H)
        share = self.party_weight[[self.modalities.index(name) for name in names]]  # (M)
        x: Tensor = nodes + share[:, None, None] * own.view_as(y)  # (B, M, T, 2H)
        return x
