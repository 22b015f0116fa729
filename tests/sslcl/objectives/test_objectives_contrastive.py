import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from sslcl.config import TrialConfig
from sslcl.errors import InputError
from sslcl.objectives import OBJECTIVES, Shape
from sslcl.objectives._contrastive import without_diagonal
from sslcl.objectives._focus import focused_positive, focused_positive_wide
from sslcl.testing.objective_cases import (
    MODALITIES,
    WIDTH,
    assert_same_value_and_gradient,
    batch,
    build_objective,
    configure,
)

PAIRED = ("supcon", "supcon_multiview", "swfc")


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def prior(classes: int) -> list[float]:
    total = classes * (classes + 1) / 2
    return [(classes - c) / total for c in range(classes)]


def literal_cross_entropy(logits: Tensor, labels: list[int]) -> Tensor:
    rows = []
    for row, label in zip(logits, labels, strict=True):
        rows.append(-torch.log(row[label].exp() / row.exp().sum()))
    return torch.stack(rows).sum() / len(labels)


def literal_contrastive(
    samples: Tensor, labels: list[int], scale: float, gamma: float, weights: list[float]
) -> Tensor:
    """Anchor by anchor and positive by positive."""
    total = samples.sum() * 0
    for i in range(len(labels)):
        others = [j for j in range(len(labels)) if j != i]
        terms = {
            j: (scale * (samples[i] @ samples[j]) / (samples[i].norm() * samples[j].norm())).exp()
            for j in others
        }
        positives = [j for j in others if labels[j] == labels[i]]
        for j in positives:
            p = terms[j] / torch.stack(list(terms.values())).sum()
            loss = -weights[labels[i]] * (1 - p) ** gamma * torch.log(p)
            total = total + loss / len(positives)
    return total / len(labels)


def literal_weights(classes: int, exponent: float) -> list[float]:
    powers = [(1 / share) ** exponent for share in prior(classes)]
    return [power / sum(powers) for power in powers]


SIZES = [(1, 4), (2, 2), (3, 4), (6, 3), (9, 5)]


@pytest.mark.parametrize(("size", "classes"), SIZES)
@pytest.mark.parametrize("name", PAIRED)
@pytest.mark.parametrize("exponents", [(0.0, 0.0), (2.4, 1.1)])
def test_contrastive_losses_equal_the_literal_sums(
    name: str, size: int, classes: int, exponents: tuple[float, float]
) -> None:
    gamma, alpha = exponents
    objective = build_objective(
        classes,
        objective=name,
        logit_scale="fixed",
        scale=2.5,
        focus_positive=gamma,
        class_weight_exponent=alpha,
        cross_entropy_weight=0.3,
    ).double()
    features, labels = batch(objective, size, classes)
    many = labels.tolist() * len(objective.views)
    focal = name == "swfc"
    shares = torch.tensor(prior(classes), dtype=torch.float32).double().tolist()
    powers = [share**-alpha for share in shares]
    # The weights are kept in single precision, as the class shares are.
    weights = objective.weights.tolist() if focal else [1.0] * classes  # type: ignore[operator]
    if focal:
        expected = [power / sum(powers) for power in powers]
        assert weights == pytest.approx(expected, rel=1e-6)
    pairs = literal_contrastive(features.flatten(0, 1), many, 2.5, gamma if focal else 0.0, weights)
    logits = objective.classifier(features[-1])  # type: ignore[operator]
    expected_loss = pairs + 0.3 * literal_cross_entropy(logits, labels.tolist())
    loss = objective(features, labels)
    assert_same_value_and_gradient(loss.total, expected_loss, [features, *objective.parameters()])
    torch.testing.assert_close(loss.terms["contrastive"], pairs.detach())


@pytest.mark.parametrize(("size", "classes"), SIZES)
@pytest.mark.parametrize("exponents", [(0.0, 0.0), (2.0, 0.5), (0.5, 1.0)])
@pytest.mark.parametrize("added", [0.0, 0.4])
def test_focal_equals_the_literal_loss(
    size: int, classes: int, exponents: tuple[float, float], added: float
) -> None:
    gamma, alpha = exponents
    objective = build_objective(
        classes,
        objective="focal",
        logit_scale="fixed",
        scale=1.7,
        focus_positive=gamma,
        class_weight_exponent=alpha,
        cross_entropy_weight=added,
    ).double()
    features, labels = batch(objective, size, classes)
    weights: list[float] = objective.weights.tolist()  # type: ignore[operator]
    shares = prior(classes)
    norm = sum(share * share**-alpha for share in shares)
    assert weights == pytest.approx([share**-alpha / norm for share in shares], rel=1e-6)

    logits = 1.7 * objective.classifier(features[-1])  # type: ignore[operator]
    total = logits.sum() * 0
    for row, label in zip(logits, labels.tolist(), strict=True):
        p = row[label].exp() / row.exp().sum()
        total = total - weights[label] * (1 - p) ** gamma * torch.log(p)
    expected = total / size + added * literal_cross_entropy(logits, labels.tolist())
    value = objective(features, labels).total
    assert_same_value_and_gradient(value, expected, [features, *objective.parameters()])


def test_focal_without_focus_and_weights_is_cross_entropy() -> None:
    objective = build_objective(objective="focal", focus_positive=0.0, class_weight_exponent=0.0)
    features, labels = batch(objective, 20)
    value = objective(features, labels).total
    torch.testing.assert_close(value, F.cross_entropy(objective.scores(features[-1]), labels))


def test_focal_never_raises_the_wrong_classes() -> None:
    # The released ERC variant averages over all entries of onehot * log p, and does.
    objective = build_objective(objective="focal", logit_scale="released").double()
    logits = torch.randn(30, 4, dtype=torch.double, requires_grad=True)
    labels = torch.randint(4, (30,))
    total, _ = objective.loss(logits, labels)  # type: ignore[operator]
    (gradient,) = torch.autograd.grad(total, logits)
    wrong = ~F.one_hot(labels, 4).bool()
    assert (gradient[wrong] > 0).all()
    assert (gradient[~wrong] < 0).all()


@settings(max_examples=50, deadline=None)
@given(st.integers(2, 9), st.floats(0, 3), st.floats(0.1, 20), st.integers(0, 10_000))
def test_both_forms_of_the_focused_positive_agree(
    width: int, exponent: float, size: float, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits = size * torch.randn(6, width, dtype=torch.double, generator=generator)
    torch.testing.assert_close(
        focused_positive_wide(logits, exponent),
        focused_positive(logits, exponent),
        rtol=1e-4,
        atol=1e-7,
    )


@pytest.mark.parametrize("exponent", [0.0, 0.5, 2.4])
def test_focus_is_smooth_where_a_probability_is_one(exponent: float) -> None:
    for logits in (torch.zeros(3, 1), torch.tensor([[400.0, 0.0]])):
        leaf = logits.requires_grad_()
        value = focused_positive_wide(leaf, exponent)
        (gradient,) = torch.autograd.grad(value.sum(), leaf)
        assert value.isfinite().all()
        assert gradient.isfinite().all()


def test_without_diagonal_keeps_every_other_entry() -> None:
    for size in (1, 2, 5):
        square = torch.arange(size * size).view(size, size)
        expected = [[int(square[i, j]) for j in range(size) if j != i] for i in range(size)]
        assert without_diagonal(square).tolist() == expected


@pytest.mark.parametrize("name", ["supcon", "swfc"])
def test_one_utterance_trains_by_cross_entropy_and_says_so(name: str) -> None:
    objective = build_objective(objective=name, cross_entropy_weight=0.5)
    features, labels = batch(objective, 1)
    loss = objective(features, labels)
    assert loss.terms["anchors_without_positive"] == 1
    assert loss.terms["contrastive"] == 0
    torch.testing.assert_close(loss.total.detach(), 0.5 * loss.terms["cross_entropy"])
    loss.total.backward()
    assert features.grad is not None
    assert features.grad.abs().sum() > 0


def test_one_utterance_in_several_views_is_its_own_positive() -> None:
    objective = build_objective(objective="supcon_multiview", cross_entropy_weight=0.5)
    loss = objective(*batch(objective, 1))
    assert loss.terms["anchors_without_positive"] == 0
    # Three other views, all positive: at best each has a third of the probability.
    assert loss.terms["contrastive"] >= math.log(3)


def test_anchors_without_positive_is_their_share() -> None:
    objective = build_objective(objective="supcon", cross_entropy_weight=1.0)
    features, _ = batch(objective, 5)
    loss = objective(features, torch.tensor([0, 0, 1, 2, 3]))
    assert loss.terms["anchors_without_positive"].item() == pytest.approx(3 / 5)


@pytest.mark.parametrize("name", PAIRED)
def test_classifier_predicts_whatever_the_logit_scale(name: str) -> None:
    objective = build_objective(objective=name, cross_entropy_weight=1.0, scale=5.0)
    features, labels = batch(objective, 7)
    scores = objective.scores(features[-1])
    loss = objective(features, labels)
    torch.testing.assert_close(loss.terms["cross_entropy"], F.cross_entropy(scores, labels))


@pytest.mark.parametrize("name", PAIRED)
def test_no_weight_for_the_predicting_classifier_is_refused(name: str) -> None:
    with pytest.raises(InputError, match=f"cross_entropy_weight is 0: objective {name} has no"):
        TrialConfig.parse({"objective": name})
    TrialConfig.parse({"objective": name, "cross_entropy_weight": 0.4})


@pytest.mark.parametrize(
    ("change", "cause"),
    [({"augmentation": "none"}, "augmentation none"), ({"modalities": ("text",)}, "one modality")],
)
def test_multiview_without_masked_views_is_refused(change: dict[str, Any], cause: str) -> None:
    values = {"objective": "supcon_multiview", "cross_entropy_weight": 1.0, **change}
    with pytest.raises(InputError, match=f"{cause} leaves no masked view, expected .* supcon"):
        TrialConfig.parse(values)


@pytest.mark.parametrize("name", ["focal", "swfc"])
def test_a_class_without_training_utterances_weighs_nothing(name: str) -> None:
    shape = Shape(WIDTH, torch.tensor([0.6, 0.4, 0.0]), MODALITIES)
    config = configure(objective=name, cross_entropy_weight=1.0, class_weight_exponent=1.0)
    objective = OBJECTIVES.get(name)(config, shape)
    weights: Tensor = objective.weights  # type: ignore[assignment]
    assert weights.isfinite().all()
    assert weights[2] == 0
    assert objective(*batch(objective, 9, 2)).total.isfinite()


@pytest.mark.parametrize("name", ["supcon", "swfc"])
def test_features_of_one_class_draw_together(name: str) -> None:
    objective = build_objective(
        objective=name, cross_entropy_weight=1e-6, logit_scale="fixed", scale=5.0
    )
    labels = torch.arange(24) % 4
    features = torch.randn(1, 24, WIDTH).requires_grad_()
    optimiser = torch.optim.Adam([features], lr=0.1)
    for _ in range(60):
        optimiser.zero_grad()
        objective(features, labels).total.backward()
        optimiser.step()
    units = F.normalize(features[0].detach(), dim=-1)
    same = labels.unsqueeze(1) == labels
    cosines = units @ units.T
    assert cosines[same].min() > cosines[~same].max()
