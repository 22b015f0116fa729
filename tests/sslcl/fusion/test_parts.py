"""The parts of fused training against what each model computes alone."""

import pytest
import torch

from sslcl.dropout import Dropout
from sslcl.fusion.functional import dropout_of
from sslcl.fusion.soft_hgr import stacked_soft_hgr
from sslcl.similarities import one_hot
from sslcl.similarities._soft_hgr_contrast import soft_hgr_contrast


def test_stacked_soft_hgr_is_that_of_each_model_over_its_own_rows() -> None:
    torch.manual_seed(0)
    features = torch.randn(3, 2, 7, 6, dtype=torch.double, requires_grad=True)
    raw = torch.randn(3, 4, 6, dtype=torch.double)
    embeddings = torch.nn.functional.normalize(raw, dim=-1).requires_grad_()
    classes = torch.randint(0, 4, (3, 7))
    members = one_hot(classes, 4, torch.double)
    rows = [7, 5, 1]
    for model, count in enumerate(rows):
        members[model, count:] = 0
    positives, negatives, *_ = stacked_soft_hgr(features, embeddings, members)
    pull, push = torch.randn_like(positives), torch.randn_like(negatives)
    total = (positives * pull).sum() + (negatives * push).sum()
    together = torch.autograd.grad(total, [features, embeddings])
    for model, count in enumerate(rows):
        mine = features[model, :, :count].detach().requires_grad_()
        labels = embeddings[model].detach().requires_grad_()
        alone, wrong, *_ = soft_hgr_contrast(mine, labels, classes[model, :count])
        torch.testing.assert_close(positives[model, :, :count], alone)
        torch.testing.assert_close(negatives[model, :count], wrong.T)
        assert not positives[model, :, count:].any()
        assert not negatives[model, count:].any()
        total = (alone * pull[model, :, :count]).sum() + (wrong.T * push[model, :count]).sum()
        of_features, of_labels = torch.autograd.grad(total, [mine, labels])
        torch.testing.assert_close(together[0][model, :, :count], of_features)
        torch.testing.assert_close(together[1][model], of_labels)
        assert not together[0][model, :, count:].any()


def test_models_draw_their_own_dropout() -> None:
    layer = Dropout(0.5)
    x = torch.ones(4, 64, requires_grad=True)
    dropped = torch.func.vmap(layer, randomness="different")(x)
    (gradient,) = torch.autograd.grad(dropped.sum(), x)
    assert torch.equal(dropped.detach(), gradient)
    assert len(dropped.unique(dim=0)) == 4


def test_models_draw_dropout_with_their_own_probabilities() -> None:
    probabilities = torch.tensor([0.0, 0.25, 0.75])
    x = torch.ones(20_000, 3, requires_grad=True)
    layer = Dropout(0.5)

    def own(x: torch.Tensor, probability: torch.Tensor) -> torch.Tensor:
        with dropout_of(layer, probability):
            dropped: torch.Tensor = layer(x)
        return dropped

    torch.manual_seed(0)
    dropped = torch.func.vmap(own, in_dims=(1, 0), randomness="different")(x, probabilities)
    assert layer.p == 0.5
    torch.testing.assert_close((dropped == 0).float().mean(dim=1), probabilities, atol=0.02, rtol=0)
    for model, probability in zip(dropped, probabilities, strict=True):
        assert model.amax().item() == pytest.approx(1 / (1 - probability.item()), rel=1e-4)
    (gradient,) = torch.autograd.grad(dropped.sum(), x)
    assert torch.equal(dropped.detach(), gradient.T)
