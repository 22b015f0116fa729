"""MMGCN against the assembled adjacency matrix of its whole graph."""

import math
from typing import Any

import pytest
import torch

from sslcl.backbones.mmgcn import MMGCN, DeepGraph, similarity_edges
from sslcl.data.types import Batch
from sslcl.testing.backbone_cases import built

from .graph_loop import adjacency, streams

WIDTH = 4
MODALITIES = 3


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def test_spreading_is_a_product_with_the_normalised_adjacency() -> None:
    lengths = (5, 1, 3)
    x, h = torch.randn(3, MODALITIES, 5, WIDTH), torch.randn(3, MODALITIES, 5, 2)
    mask = torch.arange(5) < torch.tensor(lengths)[:, None]
    found = similarity_edges(x, mask, streams(x.shape[1])).spread(h)
    for n, length in enumerate(lengths):
        expected = adjacency(x[n, :, :length]) @ h[n, :, :length].flatten(0, 1)
        expected = expected.view(MODALITIES, length, 2)
        torch.testing.assert_close(found[n, :, :length], expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("layers", [1, 4, 64])
def test_deep_graph_is_its_equations(layers: int) -> None:
    graph: Any = DeepGraph(WIDTH, 3, layers, 0.3).eval()
    x = torch.randn(1, 2, 5, WIDTH)
    found = graph(x, similarity_edges(x, torch.ones(1, 5, dtype=torch.bool), streams(x.shape[1])))
    a = adjacency(x[0])
    h = first = graph.input(x[0].flatten(0, 1)).relu()
    for depth in range(1, layers + 1):
        theta = math.log(0.5 / depth + 1)
        p = a @ h
        r = 0.9 * p + 0.1 * first
        learned = torch.cat([p, first], 1) @ graph.maps[depth - 1].weight.T
        h = (theta * learned + (1 - theta) * r).relu()
    torch.testing.assert_close(found[0].flatten(0, 1), h, atol=1e-5, rtol=1e-4)


def test_a_vector_of_zeros_is_at_a_right_angle_to_all_and_has_a_finite_gradient() -> None:
    x = torch.randn(1, 2, 3, WIDTH)
    x[0, 1, 1] = 0
    x.requires_grad_()
    edges = similarity_edges(x, torch.ones(1, 3, dtype=torch.bool), streams(x.shape[1]))
    assert edges.within.isfinite().all()
    (edges.within.sum() + edges.across.sum()).backward()
    assert x.grad is not None
    assert x.grad.isfinite().all()


@pytest.mark.parametrize("view", [{"text", "audio"}, {"text"}, {"audio"}])
def test_features_are_a_sum_over_the_nodes_of_the_view(view: set[str]) -> None:
    model = built(MMGCN, {"text": 3, "audio": 2}, WIDTH).eval()
    features = {"text": torch.randn(1, 4, 3), "audio": torch.randn(1, 4, 2)}
    speakers, mask = torch.tensor([[0, 1, 1, 0]]), torch.ones(1, 4, dtype=torch.bool)
    batch = Batch(features, speakers, speakers, mask, torch.tensor([4]))
    nodes = {}
    for name in [m for m in ("text", "audio") if m in view]:
        x = model.nodes.project[name](features[name])
        x = model.nodes.context(x)[0] if name == "text" else x
        nodes[name] = x + model.speaker(speakers)
    x = torch.stack(list(nodes.values()), dim=1)
    h = model.graph(x, similarity_edges(x, mask, streams(x.shape[1])))
    expected = torch.zeros(())
    for m, name in enumerate(nodes):
        expected = expected + model.out.out[name](torch.cat([x[0, m], h[0, m]], -1))
    found = model.features(batch, [frozenset(view)])[0]
    torch.testing.assert_close(found, expected.relu(), atol=1e-5, rtol=1e-5)
