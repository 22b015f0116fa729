"""COGMEN's graph against loops over nodes and relations."""

import pytest
import torch

from sslcl.backbones._parts import Utterances, window_edges
from sslcl.backbones.cogmen import Cogmen, TransformerConv
from sslcl.data.types import Batch
from sslcl.testing.backbone_cases import built

WIDTH = 4


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def window(t: int, length: int, past: int, future: int) -> list[int]:
    return [j for j in range(length) if t - past <= j <= t + future]


def test_graph_attention_is_a_softmax_over_the_window() -> None:
    lengths = (6, 1, 3)
    conv, x = TransformerConv(WIDTH), torch.randn(3, 6, WIDTH)
    mask = torch.arange(6) < torch.tensor(lengths)[:, None]
    found = conv(x, window_edges(mask, past=2, future=1))
    for n, length in enumerate(lengths):
        for i in range(length):
            heard = window(i, length, past=2, future=1)
            query = conv.query(x[n, i])
            powers = [(query @ conv.key(x[n, j]) / WIDTH**0.5).exp() for j in heard]
            expected = conv.root(x[n, i])
            for j, power in zip(heard, powers, strict=True):
                expected = expected + power / sum(powers) * conv.value(x[n, j])
            torch.testing.assert_close(found[n, i], expected, atol=1e-5, rtol=1e-5)


def test_cogmen_averages_its_neighbours_by_relation() -> None:
    lengths, past, future = (6, 2), 2, 1
    options = {"window_past": past, "window_future": future, "layers": 1, "heads": 2}
    model = built(Cogmen, {"text": 3}, WIDTH, options=options).eval()
    speakers = torch.tensor([[0, 1, 0, 0, 2, 1], [0, 1, 0, 0, 0, 0]])
    mask = torch.arange(6) < torch.tensor(lengths)[:, None]
    x = torch.randn(2, 6, 3)
    batch = Batch({"text": x}, speakers, speakers, mask, torch.tensor(lengths))
    found = model.features(batch, [frozenset(["text"])])[0].split(lengths)
    for n, length in enumerate(lengths):
        alone = torch.ones(1, length, dtype=torch.bool)
        u = model.blocks[0](model.fuse.project["text"](x[n, :length]), Utterances.of(alone))
        h = model.context(u)
        rows = []
        for i in range(length):
            y = model.relational.root(h[i])
            for relation in range(4):
                neighbours = [
                    j
                    for j in window(i, length, past, future)
                    if relation == 2 * int(speakers[n, i] != speakers[n, j]) + int(j >= i)
                ]
                for j in neighbours:
                    y = y + h[j] @ model.relational.relation[relation] / len(neighbours)
            rows.append(y)
        z = model.graph(torch.stack(rows)[None], window_edges(alone, past, future))[0]
        expected = torch.nn.functional.leaky_relu(model.norm(z))
        torch.testing.assert_close(found[n], expected, atol=1e-5, rtol=1e-5)
