"""The probe is the logistic regression it claims to be, and the fitted scale the best one."""

import math

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch.nn import functional as F

from sslcl.learning.linear_probe import LinearProbe, fitted_scale


def drawn(
    samples: int = 200, width: int = 6, classes: int = 4
) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    labels = torch.randint(classes, (samples,), generator=generator)
    centres = torch.randn(classes, width, generator=generator)
    noise = torch.randn(samples, width, generator=generator)
    return (centres[labels] + noise) * 3 + 5, labels


def test_the_probe_is_logistic_regression_on_standardised_features() -> None:
    features, labels = drawn()
    rows = features.double().numpy()
    standard = (rows - rows.mean(axis=0)) / rows.std(axis=0)
    expected = LogisticRegression(C=1.0, tol=1e-8, max_iter=10_000).fit(standard, labels.numpy())
    ours = LinearProbe.fit(features, labels, 4).scores(features).softmax(dim=1).numpy()
    np.testing.assert_allclose(ours, expected.predict_proba(standard), atol=2e-3)


def test_it_is_the_same_bits_again_and_gives_no_gradient() -> None:
    features, labels = drawn()
    wide = features.requires_grad_()
    with torch.no_grad():  # as in evaluation
        one, two = (LinearProbe.fit(wide, labels, 4) for _ in range(2))
    assert torch.equal(one.weight, two.weight)
    assert wide.grad is None
    assert not one.scores(wide).requires_grad


def test_constant_features_and_absent_classes_are_no_trouble() -> None:
    features, labels = drawn()
    features[:, 0] = 7.0
    probe = LinearProbe.fit(features, labels, 6)
    assert probe.scores(features).isfinite().all()
    assert int(probe.scores(features).argmax(dim=1).max()) < 4


@pytest.mark.parametrize("true", [0.1, 1.0, 30.0])
def test_the_scale_is_where_cross_entropy_is_least(true: float) -> None:
    generator = torch.Generator().manual_seed(2)
    similarities = torch.randn(500, 5, generator=generator) / true
    prior = torch.tensor([0.5, 0.2, 0.1, 0.1, 0.1]).log()
    shares = (true * similarities + prior).softmax(dim=1)
    labels = torch.multinomial(shares, 1, generator=generator).squeeze(1)

    def loss(a: float) -> float:
        return float(F.cross_entropy(a * similarities.double() + prior, labels))

    best = fitted_scale(similarities, prior, labels)
    grid = np.geomspace(best / 3, best * 3, 201)
    assert min(map(loss, grid)) >= loss(best) - 1e-12
    assert math.isclose(best, true, rel_tol=0.3)


def test_similarities_that_say_nothing_or_all_end_the_range() -> None:
    prior = torch.zeros(2)
    labels = torch.tensor([0, 1])
    right = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    assert fitted_scale(right, prior, labels) == 1e4
    assert fitted_scale(-right, prior, labels) == 1e-3
