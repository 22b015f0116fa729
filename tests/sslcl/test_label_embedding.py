import pytest
import torch

from sslcl.label_embedding import LabelEmbedding


@pytest.mark.parametrize("depth", range(7))
def test_one_vector_per_class_at_every_depth(depth: int) -> None:
    network = LabelEmbedding(classes=5, width=12, hidden=8, depth=depth, dropout=0.0)
    vectors = network()
    assert vectors.shape == (5, 12)
    vectors.square().sum().backward()
    assert all(p.grad is not None and p.grad.any() for p in network.parameters())


@pytest.mark.parametrize("depth", range(7))
def test_depth_counts_weight_layers(depth: int) -> None:
    network = LabelEmbedding(classes=5, width=12, hidden=8, depth=depth, dropout=0.1)
    matrices = [tuple(p.shape) for p in network.parameters() if p.ndim == 2]
    expected = {
        0: [(5, 12)],
        1: [(5, 8), (12, 8)],
        2: [(5, 8), (12, 8)],
        3: [(5, 8), (8, 8), (12, 8)],
        4: [(5, 8), (8, 8), (8, 8), (12, 8)],
        5: [(5, 8), *[(8, 8)] * 3, (12, 8)],
        6: [(5, 8), *[(8, 8)] * 4, (12, 8)],
    }
    assert matrices == expected[depth]


def test_depth_two_is_the_papers_network() -> None:
    network = LabelEmbedding(classes=3, width=6, hidden=4, depth=2, dropout=0.0)
    table, weight, bias = network.parameters()
    expected = torch.stack([weight @ row.clamp(min=0) + bias for row in table])
    torch.testing.assert_close(network(), expected)


def test_depth_one_has_no_activation() -> None:
    network = LabelEmbedding(classes=3, width=6, hidden=4, depth=1, dropout=0.0)
    table, weight, bias = network.parameters()
    torch.testing.assert_close(network(), table @ weight.T + bias)


def test_dropout_acts_on_the_output_in_training_only() -> None:
    torch.manual_seed(0)
    network = LabelEmbedding(classes=6, width=200, hidden=8, depth=2, dropout=0.5)
    clean = network.vectors()
    noisy = network()
    kept = noisy != 0
    assert 0.3 < kept.float().mean() < 0.7
    torch.testing.assert_close(noisy[kept], 2 * clean[kept])
    torch.testing.assert_close(network.eval()(), clean)
