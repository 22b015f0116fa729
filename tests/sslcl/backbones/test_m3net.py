"""M3Net's two propagations against explicit incidence and edge lists."""

from itertools import product
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import leaky_relu

from sslcl.backbones._graphs import Streams
from sslcl.backbones.m3net import HighFrequencyConv, Hypergraph, M3Net
from sslcl.data.types import Batch
from sslcl.testing.backbone_cases import built

WIDTH = 4
LENGTHS = (5, 1, 3)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def mask_of(lengths: tuple[int, ...]) -> Tensor:
    return torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]


def streams(which: list[int]) -> Streams:
    """Those of one view, whose modalities have these places among three."""
    names = ("text", "audio", "video")
    return Streams.of([frozenset(names[m] for m in which)], names)


def hyper(graph: Hypergraph, x: Tensor, which: list[int]) -> dict[tuple[int, int], Tensor]:
    """One conversation ``(M, T, D)``: nodes to edges, edges to nodes, by list of members."""
    modalities, length, _ = x.shape
    nodes = list(product(range(modalities), range(length)))
    edges = [[(m, t) for t in range(length)] for m in range(modalities)]
    edges += [[(m, t) for m in range(modalities)] for t in range(length)]
    weights = [graph.modality_weight[which[m]].exp() for m in range(modalities)]
    weights += [graph.utterance_weight.exp()] * length
    values = {(m, t): x[m, t] for m, t in nodes}
    for bias in graph.bias:
        means = []
        for members in edges:
            inside = [graph.node_weight[which[m]].exp() for m, _ in members]
            total = sum(g * values[node] for g, node in zip(inside, members, strict=True))
            means.append(total / sum(inside))
        update = {}
        for node in nodes:
            mine = [n for n, members in enumerate(edges) if node in members]
            mixed = sum(weights[n] * means[n] for n in mine) / sum(weights[n] for n in mine)
            update[node] = leaky_relu(mixed + bias, 0.01)
        values = update
    return values


def sharpen(conv: HighFrequencyConv, h: Tensor) -> Tensor:
    """One conversation ``(M, T, D)``, edge by edge with the degrees counted."""
    nodes = list(product(range(h.shape[0]), range(h.shape[1])))
    near = {i: [j for j in nodes if j != i and (j[0] == i[0] or j[1] == i[1])] for i in nodes}
    out = h.clone()
    w = torch.cat([conv.own.weight[0], conv.other.weight[0]])
    for i in nodes:
        for j in near[i]:
            gate = torch.tanh(w @ torch.cat([h[i], h[j]]) + conv.own.bias[0])
            out[i] = out[i] + gate * h[j] / (len(near[i]) * len(near[j])) ** 0.5
    return out


@pytest.mark.parametrize("which", [[0, 1, 2], [0, 2], [1]], ids=str)
def test_the_hypergraph_averages_nodes_to_edges_and_edges_to_nodes(which: list[int]) -> None:
    graph, x = Hypergraph(3, WIDTH, 2), torch.randn(3, len(which), 5, WIDTH)
    for parameter in graph.parameters():
        torch.nn.init.normal_(parameter)
    found = graph(x, mask_of(LENGTHS), streams(which))
    for n, length in enumerate(LENGTHS):
        for (m, t), expected in hyper(graph, x[n, :, :length], which).items():
            torch.testing.assert_close(found[n, m, t], expected, atol=1e-5, rtol=1e-5)


def test_at_first_a_layer_is_the_released_one_with_all_weights_one() -> None:
    graph, x = Hypergraph(3, WIDTH, 1), torch.randn(1, 3, 5, WIDTH)
    means = x.mean(2, keepdim=True) + x.mean(1, keepdim=True)
    found = graph(x, mask_of((5,)), streams([0, 1, 2]))
    torch.testing.assert_close(found, leaky_relu(means / 2), atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("modalities", [1, 3])
def test_a_high_frequency_layer_adds_signed_neighbours(modalities: int) -> None:
    conv, h = HighFrequencyConv(WIDTH), torch.randn(3, modalities, 5, WIDTH)
    found = conv(h, mask_of(LENGTHS), streams(list(range(modalities))))
    for n, length in enumerate(LENGTHS):
        expected = sharpen(conv, h[n, :, :length])
        torch.testing.assert_close(found[n, :, :length], expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("names", [("text", "audio"), ("text",), ("audio",)])
def test_features_join_both_graphs_over_the_nodes_of_the_view(names: tuple[str, ...]) -> None:
    widths = {"text": 3, "audio": 2}
    model: Any = built(M3Net, widths, WIDTH).eval()
    features = {m: torch.randn(1, 4, width) for m, width in widths.items()}
    speakers = torch.tensor([[0, 1, 1, 0]])
    batch = Batch(features, speakers, speakers, mask_of((4,)), torch.tensor([4]))
    nodes = []
    for name in names:
        x = model.nodes.project[name](features[name])
        x = model.nodes.context(x)[0] if name == "text" else x
        nodes.append(model.enter(x + model.speaker(speakers))[0])
    shared = hyper(model.hypergraph, torch.stack(nodes), [list(widths).index(m) for m in names])
    sharp = torch.stack(nodes)
    for conv in model.frequency:
        sharp = sharpen(conv, sharp)
    found = model.features(batch, [frozenset(names)])[0]
    for t in range(4):
        expected = sum(
            model.out.out[name](torch.cat([shared[m, t], sharp[m, t]]))
            for m, name in enumerate(names)
        ).relu()
        torch.testing.assert_close(found[t], expected, atol=1e-5, rtol=1e-4)
