"""Dropout has the distribution, the gradient and the repeatability that PyTorch's has."""

import pytest
import torch

from sslcl.dropout import Dropout, dropout


@pytest.mark.parametrize("probability", [0.1, 0.5, 0.9])
def test_elements_are_dropped_with_the_probability_and_the_mean_is_kept(probability: float) -> None:
    torch.manual_seed(0)
    y = dropout(torch.ones(1000, 400), probability, training=True)
    assert y.eq(0).float().mean().item() == pytest.approx(probability, abs=0.003)
    assert y.unique().tolist() == pytest.approx([0, 1 / (1 - probability)], rel=1e-4, abs=0)
    assert y.mean().item() == pytest.approx(1, abs=0.01)


def test_neighbours_are_dropped_independently() -> None:
    torch.manual_seed(0)
    kept = dropout(torch.ones(400_000), 0.5, training=True) > 0
    for distance in (1, 2, 3, 4, 8):
        both = (kept[distance:] & kept[:-distance]).float().mean().item()
        assert both == pytest.approx(0.25, abs=0.004)


def test_the_gradient_is_scaled_and_dropped_as_the_value() -> None:
    x = torch.rand(5, 3, 7, requires_grad=True)
    y = dropout(x, 0.4, training=True)
    y.sum().backward()
    assert x.grad is not None
    torch.testing.assert_close(y, x * x.grad)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_type_and_shape_stay_even_where_there_is_nothing(dtype: torch.dtype) -> None:
    for shape in ((), (0, 3), (5,), (2, 3, 1)):
        y = dropout(torch.ones(shape, dtype=dtype), 0.3, training=True)
        assert (y.shape, y.dtype) == (torch.Size(shape), dtype)


def test_probabilities_at_the_ends_drop_nothing_and_all() -> None:
    x = torch.rand(50)
    assert torch.equal(dropout(x, 0.0, training=True), x)
    assert torch.equal(dropout(x, 1.0, training=True), torch.zeros(50))


def test_a_seed_decides_what_is_dropped_and_evaluation_drops_nothing() -> None:
    module, x = Dropout(0.5), torch.rand(101)
    runs = []
    for _ in range(2):
        torch.manual_seed(3)
        runs.append(module(x))
    assert torch.equal(runs[0], runs[1])
    assert not torch.equal(runs[0], module(x))
    assert torch.equal(module.eval()(x), x)
