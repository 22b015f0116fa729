"""Losses with gradients of their own equal what autograd makes of their formulas."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from sslcl.label_embedding import LabelEmbedding
from sslcl.objectives._focus import log_one_minus_softmax
from sslcl.objectives._focused_contrast import (
    Focus,
    candidate_weights,
    focused_contrast,
    label_discrimination,
)
from sslcl.objectives._soft_hgr_loss import Factors, soft_hgr_loss
from sslcl.objectives.sslcl import SSLCL
from sslcl.similarities import SIMILARITIES, Similarity
from sslcl.similarities._soft_hgr_contrast import soft_hgr_contrast
from sslcl.testing.objective_cases import batch, build_objective

from . import reference_loss as reference

EXPONENTS = [(0.0, 0.0), (2.0, 0.5), (0.5, 1.0), (1.0, 3.0)]
SHAPES = [(1, 5, 3, 4), (4, 9, 5, 6), (2, 1, 3, 4), (3, 2, 2, 3), (3, 6, 4, 1)]


def literal_focus(logits: Tensor, lambdas: Tensor, weights: Tensor, focus: Focus) -> Tensor:
    logs, rest = logits.log_softmax(dim=-1), log_one_minus_softmax(logits)
    views = len(lambdas)
    positives = (focus.positive * rest[:, :views]).exp() * logs[:, :views]
    negatives = (focus.negative * logs[:, views:]).exp() * rest[:, views:]
    return -(weights * ((positives * lambdas).mean(dim=-1) + negatives.mean(dim=-1))).mean()


@pytest.mark.parametrize("exponents", EXPONENTS)
@pytest.mark.parametrize("size", [1.0, 30.0, 150.0])
def test_the_focused_contrast_equals_the_formula(
    exponents: tuple[float, float], size: float
) -> None:
    torch.manual_seed(0)
    focus = Focus(*exponents)
    logits = (size * torch.randn(12, 7, dtype=torch.double)).requires_grad_()
    logits.data[0] = 0.0  # all alike: the largest is not one alone
    lambdas, weights = torch.rand(3, dtype=torch.double), torch.rand(12, dtype=torch.double)
    value = focused_contrast(logits, lambdas, weights, focus)
    expected = literal_focus(logits, lambdas, weights, focus)
    torch.testing.assert_close(value, expected, rtol=1e-12, atol=1e-12)
    (ours,) = torch.autograd.grad(value, logits)
    (theirs,) = torch.autograd.grad(expected, logits)
    torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("exponents", EXPONENTS)
def test_the_focused_contrast_is_finite_in_single_precision(
    exponents: tuple[float, float],
) -> None:
    logits = torch.tensor([[200.0, 0.0, -200.0], [-200.0, 0.0, 200.0]], requires_grad=True)
    value = focused_contrast(logits, torch.ones(1), torch.ones(2), Focus(*exponents))
    (gradient,) = torch.autograd.grad(value, logits)
    assert value.isfinite()
    assert gradient.isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float, torch.double])
def test_a_negative_that_is_far_above_all_others_is_still_pushed_down(dtype: torch.dtype) -> None:
    logits = torch.tensor([[0.0, 2000.0, -5.0]], dtype=dtype, requires_grad=True)
    value = focused_contrast(logits, torch.ones(1).to(dtype), torch.ones(1).to(dtype), Focus(0, 1))
    (gradient,) = torch.autograd.grad(value, logits)
    assert value > 2000  # the positive's part alone
    assert gradient.isfinite().all()
    assert gradient[0, 1] >= 1.5  # one from the positive, one half from the negative itself


@pytest.mark.parametrize("exponent", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("classes", [2, 3, 7])
def test_label_discrimination_equals_the_formula(classes: int, exponent: float) -> None:
    torch.manual_seed(classes)
    embeddings = torch.randn(classes, 5, dtype=torch.double, requires_grad=True)
    value = label_discrimination(embeddings, exponent)
    expected = reference.label_label(F.normalize(embeddings, dim=-1), exponent)
    torch.testing.assert_close(value, expected, rtol=1e-12, atol=1e-12)
    (ours,) = torch.autograd.grad(value, embeddings)
    (theirs,) = torch.autograd.grad(expected, embeddings)
    torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
def test_soft_hgr_from_two_products_equals_its_candidates(
    shape: tuple[int, int, int, int],
) -> None:
    torch.manual_seed(0)
    views, samples, classes, width = shape
    features = torch.randn(views, samples, width, dtype=torch.double, requires_grad=True)
    embeddings = torch.randn(classes, width, dtype=torch.double, requires_grad=True)
    labels = torch.randint(classes, (samples,))
    similarity = SIMILARITIES.get("soft_hgr")(width)
    fast = similarity.contrast(features, labels, embeddings)
    literal = Similarity.contrast(similarity, features, labels, embeddings)
    for ours, theirs in (
        (fast.positives, literal.positives),
        (fast.negatives, literal.negatives),
        (fast.penalty_share, literal.penalty_share),
    ):
        assert ours is not None
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-12, equal_nan=True)
    weights = torch.randn_like(fast.positives), torch.randn_like(fast.negatives)
    gradients = [
        torch.autograd.grad(
            (contrast.positives, contrast.negatives),
            (features, embeddings),
            weights,
            allow_unused=True,
            materialize_grads=True,
        )
        for contrast in (fast, literal)
    ]
    for ours, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("name", SIMILARITIES.names())
def test_the_rows_of_a_contrast_are_the_candidates(name: str) -> None:
    torch.manual_seed(0)
    similarity = SIMILARITIES.get(name)(6).double().eval()
    features = torch.randn(3, 11, 6, dtype=torch.double)
    embeddings, labels = torch.randn(4, 6, dtype=torch.double), torch.randint(4, (11,))
    fast = similarity.contrast(features, labels, embeddings)
    literal = Similarity.contrast(similarity, features, labels, embeddings)
    torch.testing.assert_close(fast.positives, literal.positives)
    torch.testing.assert_close(fast.negatives, literal.negatives)


def test_soft_hgr_keeps_no_tensor_of_the_size_of_the_features_but_the_features() -> None:
    features = torch.randn(2, 300, 64, requires_grad=True)
    labels = torch.randint(5, (300,))
    kept: list[Tensor] = []

    def keep(tensor: Tensor) -> Tensor:
        kept.append(tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        soft_hgr_contrast(features, F.normalize(torch.randn(5, 64), dim=-1), labels)
    large = [tensor for tensor in kept if tensor.numel() >= features.numel()]
    assert [tensor.data_ptr() for tensor in large] == [features.data_ptr()]


@pytest.mark.parametrize(("shape", "depth"), list(zip(SHAPES[:4], [0, 1, 2, 4], strict=True)))
def test_the_gradient_of_the_whole_loss_is_that_of_differences(
    shape: tuple[int, int, int, int], depth: int
) -> None:
    torch.manual_seed(0)
    views, samples, classes, width = shape
    embedding = LabelEmbedding(classes, width, 5, depth, dropout=0.4).double()
    features = torch.randn(views, samples, width, dtype=torch.double, requires_grad=True)
    labels = torch.randint(classes, (samples,))
    weights = candidate_weights(torch.rand(views, dtype=torch.double), classes - 1)
    factors = Factors(weights, Focus(2.0, 0.5), 0.7, 0.3, 20.0)

    def total(features: Tensor, *_: Tensor) -> Tensor:
        torch.manual_seed(1)
        return soft_hgr_loss(features, labels, embedding, factors)[0]

    leaves = (features, *embedding.parameters())
    assert torch.autograd.gradcheck(total, leaves, check_undefined_grad=False)


@pytest.mark.parametrize("depth", range(5))
@pytest.mark.parametrize("mode", ["released", "fixed"])
def test_the_whole_loss_equals_the_one_in_parts(
    depth: int, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run() -> list[Tensor]:
        torch.manual_seed(1)
        objective = build_objective(
            similarity="soft_hgr",
            logit_scale=mode,
            scale=30.0,
            label_embedding_depth=depth,
            label_embedding_dropout=0.4,
        ).double()
        assert isinstance(objective, SSLCL)
        monkeypatch.setattr(type(objective.logit_scale), "constant", whole)
        features, labels = batch(objective, 11)
        loss = objective(features, labels)
        gradients = torch.autograd.grad(loss.total, [features, *objective.embedding.parameters()])
        return [loss.total, *loss.terms.values(), objective.feature_mean, *gradients]

    whole = True
    together = run()
    whole = False
    for ours, theirs in zip(together, run(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("depth", range(5))
@pytest.mark.parametrize("dropout", [0.0, 0.4])
def test_gradients_of_the_whole_loss_can_be_changed_and_taken_twice(
    depth: int, dropout: float
) -> None:
    objective = build_objective(
        similarity="soft_hgr", label_embedding_depth=depth, label_embedding_dropout=dropout
    )
    features, labels = batch(objective, 11)
    leaves = [features, *objective.parameters()]
    total = objective(features, labels).total
    once = torch.autograd.grad(total, leaves, retain_graph=True)
    for ours, again in zip(once, torch.autograd.grad(total, leaves), strict=True):
        assert torch.equal(ours, again)
        ours.mul_(2.0)  # as clipping does
