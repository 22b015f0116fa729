"""MM-DFN's dynamic fusion against its recurrence over depth, and its nodes against a loop."""

import math

import pytest
import torch
from torch import Tensor, nn

from sslcl.backbones.mm_dfn import MMDFN, DynamicFusion
from sslcl.backbones.mmgcn import similarity_edges
from sslcl.data.types import Batch
from sslcl.testing.backbone_cases import built

from .graph_loop import adjacency, streams

WIDTH = 4
WIDTHS = {"text": 3, "audio": 2}


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def lstm_cell(gates: nn.Linear) -> nn.LSTMCell:
    """The memory as torch's own cell."""
    width = gates.in_features // 2
    cell = nn.LSTMCell(width, width)
    cell.weight_ih.data, cell.weight_hh.data = gates.weight.split(width, dim=1)
    cell.bias_ih.data, cell.bias_hh.data = gates.bias, torch.zeros_like(gates.bias)
    return cell


def fuse(graph: DynamicFusion, x: Tensor) -> Tensor:
    """The recurrence for one conversation ``(M, T, D)``: depth is the time of one LSTM."""
    a, cell = adjacency(x), lstm_cell(graph.gates)
    first: Tensor = graph.input(x.flatten(0, 1)).relu()
    q, state = first, None
    for depth, learned in enumerate(graph.maps, start=1):
        state = cell(q, state)
        theta = math.log(0.5 / depth + 1)
        p = a @ state[0]
        r = 0.8 * p + 0.2 * first
        assert isinstance(learned, nn.Linear)
        mapped = torch.cat([p, first], 1) @ learned.weight.T
        q = q + (theta * mapped + (1 - theta) * r).relu()
    return q.view(*x.shape[:2], -1)


@pytest.mark.parametrize("layers", [1, 3, 16])
def test_dynamic_fusion_is_a_memory_over_depth(layers: int) -> None:
    lengths = (5, 1, 3)
    graph, x = DynamicFusion(WIDTH, 3, layers, 0.3).eval(), torch.randn(3, 2, 5, WIDTH)
    mask = torch.arange(5) < torch.tensor(lengths)[:, None]
    found = graph(x, similarity_edges(x, mask, streams(x.shape[1])))
    for n, length in enumerate(lengths):
        expected = fuse(graph, x[n, :, :length])
        torch.testing.assert_close(found[n, :, :length], expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("names", [("text", "audio"), ("text",), ("audio",)])
def test_features_come_from_the_nodes_of_the_view_and_each_speakers_own_utterances(
    names: tuple[str, ...],
) -> None:
    model = built(MMDFN, WIDTHS, WIDTH, options={"layers": 2}).eval()
    model.party_weight.data = torch.tensor([0.5, 3.0])
    talk = [0, 1, 0, 2, 1]
    features = {m: torch.randn(1, 5, width) for m, width in WIDTHS.items()}
    speakers, mask = torch.tensor([talk]), torch.ones(1, 5, dtype=torch.bool)
    batch = Batch(features, speakers, speakers, mask, torch.tensor([5]))
    nodes = []
    for name in names:
        y = model.nodes.project[name](features[name][0])
        node = model.nodes.context(y[None])[0][0] if name == "text" else y
        node = node.clone()
        for party in set(talk):
            own = [t for t, s in enumerate(talk) if s == party]
            weight = model.party_weight[list(WIDTHS).index(name)]
            node[own] = node[own] + weight * model.party(y[own][None])[0][0]
        nodes.append(node)
    x = torch.stack(nodes)
    h = fuse(model.graph, x)
    expected = sum(
        model.out.out[name](torch.cat([x[m], h[m]], -1)) for m, name in enumerate(names)
    ).relu()
    found = model.features(batch, [frozenset(names)])[0]
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)
