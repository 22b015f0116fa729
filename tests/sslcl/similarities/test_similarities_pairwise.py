"""Pairwise similarities against their definitions, and what the logit scale makes of them."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from sslcl.config import TrialConfig
from sslcl.logit_scale import LogitScale, spread
from sslcl.objectives import Shape
from sslcl.objectives.sslcl import SSLCL
from sslcl.similarities import SIMILARITIES, Similarity, TrainStatistics, negative_table

WIDTH = 12
IEMOCAP_SHARES = (0.09, 0.15, 0.23, 0.15, 0.14, 0.24)


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def make(name: str, width: int = WIDTH) -> Similarity:
    return SIMILARITIES.get(name)(width).double()


def rows_of(classes: int) -> Tensor:
    return torch.cat([torch.arange(classes).unsqueeze(0), negative_table(classes)])


def units(*shape: int) -> Tensor:
    return F.normalize(torch.randn(*shape, dtype=torch.double), dim=-1)


DEFINITIONS: dict[str, Callable[[list[float], list[float]], float]] = {
    "euclidean": lambda f, g: -sum((a - b) ** 2 for a, b in zip(f, g, strict=True)),
    "rbf": lambda f, g: math.exp(-sum((a - b) ** 2 for a, b in zip(f, g, strict=True)) / 2),
    "bilinear": lambda f, g: sum(a * b for a, b in zip(f, g, strict=True)),
    "nt_xent": lambda f, g: (
        sum(a * b for a, b in zip(f, g, strict=True)) / (math.hypot(*f) * math.hypot(*g)) / 0.1
    ),
}


@pytest.mark.parametrize("name", DEFINITIONS)
def test_equals_the_definition_in_training_and_inference(name: str) -> None:
    similarity = make(name)
    features, embeddings = units(2, 7, WIDTH), units(4, WIDTH)
    if not similarity.normalises:
        features, embeddings = 3 * features, embeddings / 2
    labels, table = torch.randint(4, (7,)), torch.randint(4, (5, 4))
    define = DEFINITIONS[name]
    every = [
        [[define(f, g) for g in embeddings.tolist()] for f in view] for view in features.tolist()
    ]
    expected = [
        [[every[v][i][row[labels[i]]] for i in range(7)] for row in table.tolist()]
        for v in range(2)
    ]
    found = similarity.candidates(features, labels, embeddings, table)
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.double))
    statistics = TrainStatistics(features[0].mean(dim=0), torch.full((4,), 0.25))
    scores = similarity.scores(features[0], embeddings, statistics)
    torch.testing.assert_close(scores, torch.tensor(every[0], dtype=torch.double))


def test_bilinear_has_a_matrix_to_learn_that_starts_as_the_cosine() -> None:
    similarity = make("bilinear")
    (weight,) = similarity.parameters()
    features, embeddings = units(5, WIDTH), units(3, WIDTH)
    prior = torch.full((3,), 1 / 3)
    statistics = TrainStatistics(features.mean(dim=0), prior)
    found = similarity.scores(features, embeddings, statistics)
    torch.testing.assert_close(found, features @ embeddings.T)
    with torch.no_grad():
        weight.copy_(torch.randn(WIDTH, WIDTH))
    found = similarity.scores(features, embeddings, statistics)
    expected = torch.stack([torch.stack([f @ weight @ g for g in embeddings]) for f in features])
    torch.testing.assert_close(found, expected)
    found.square().sum().backward()
    assert weight.grad is not None
    assert weight.grad.all()


def test_lengths_count_for_the_distance_only() -> None:
    assert not SIMILARITIES.get("euclidean").normalises
    assert all(SIMILARITIES.get(name).normalises for name in ("rbf", "bilinear", "nt_xent"))


def test_euclidean_of_unit_vectors_is_the_cosine_but_for_scale_and_shift() -> None:
    features, embeddings, labels = units(1, 9, WIDTH), units(4, WIDTH), torch.arange(9) % 4
    distance = make("euclidean").candidates(features, labels, embeddings, rows_of(4))
    cosine = make("cosine").candidates(features, labels, embeddings, rows_of(4))
    torch.testing.assert_close(distance, 2 * cosine - 2)


def test_matched_scale_divides_the_temperature_out() -> None:
    features, embeddings, labels = units(1, 9, WIDTH), units(4, WIDTH), torch.arange(9) % 4

    def logits(name: str, mode: str) -> Tensor:
        found = make(name).candidates(features, labels, embeddings, rows_of(4))[0].T
        scaled: Tensor = LogitScale(mode, 2.0).double()(found)  # type: ignore[arg-type]
        return scaled

    torch.testing.assert_close(logits("nt_xent", "matched"), logits("cosine", "matched"))
    torch.testing.assert_close(logits("nt_xent", "released"), logits("cosine", "released") / 0.1)
    torch.testing.assert_close(logits("nt_xent", "fixed"), logits("cosine", "fixed") / 0.1)


def objective(name: str, **changes: Any) -> SSLCL:
    """SSLCL over 64 features and 7 classes of unequal shares, with two views."""
    config = TrialConfig.model_construct(
        similarity=name, label_embedding_dropout=0.0, augmentation="text_plus_one", **changes
    )
    prior = torch.arange(7, 0, -1) / 28
    return SSLCL(config, Shape(64, prior, ("text", "audio", "video")))


@pytest.mark.parametrize("name", SIMILARITIES.names())
@pytest.mark.parametrize("scale", [1.0, 5.0])
def test_matched_gives_every_similarity_the_same_spread_at_the_start(
    name: str, scale: float
) -> None:
    loss = objective(name, logit_scale="matched", scale=scale)
    features = torch.randn(len(loss.views), 60, 64)
    terms = loss(features, torch.randint(7, (60,))).terms
    torch.testing.assert_close(terms["logit_std"].item(), scale, rtol=1e-3, atol=0.0)


@pytest.mark.parametrize("name", SIMILARITIES.names())
@pytest.mark.parametrize("labels", [[3], [3] * 8, [0, 1], [0, 1, 2, 3, 4, 5, 6] * 5])
def test_any_batch_trains_in_single_precision(name: str, labels: list[int]) -> None:
    loss = objective(name, logit_scale="matched", scale=1.0)
    features = torch.randn(len(loss.views), len(labels), 64, requires_grad=True)
    loss(features, torch.tensor(labels)).total.backward()
    leaves = [features, *loss.parameters()]
    assert all(leaf.grad is None or leaf.grad.isfinite().all() for leaf in leaves)
    assert loss.eval().scores(torch.randn(3, 64)).isfinite().all()


def perfect(name: str, samples: int) -> Tensor:
    """Similarities ``(C, N)`` of features that lie at their labels' embeddings, D = 256, C = 6."""
    embeddings = units(6, 256)
    labels = torch.multinomial(torch.tensor(IEMOCAP_SHARES), samples, replacement=True)
    features = embeddings[labels].unsqueeze(0)
    return make(name, 256).candidates(features, labels, embeddings, rows_of(6))[0].detach()


def chosen(similarities: Tensor) -> float:
    """Share of utterances whose positive, the first row, beats all negatives."""
    return (similarities[0] > similarities[1:].amax(dim=0)).double().mean().item()


def test_the_released_form_shrinks_and_turns_round_as_the_batch_grows() -> None:
    """Perfect features; uniform over the six candidates is 0.16667."""
    found = {samples: perfect("soft_hgr", samples) for samples in (50, 800, 3200)}
    probability = {n: s.softmax(dim=0)[0].mean().item() for n, s in found.items()}
    assert probability[50] == pytest.approx(0.1693, abs=5e-4)
    assert probability[800] == pytest.approx(0.1668, abs=2e-4)
    assert probability[3200] < 1 / 6
    assert chosen(found[50]) == 1.0
    assert 0.4 < chosen(found[800]) < 0.85
    assert chosen(found[3200]) == 0.0
    ratio = (spread(found[50].T) / spread(found[800].T)).item()
    assert ratio == pytest.approx(800 / 50, rel=0.5)


@pytest.mark.parametrize("name", sorted({*SIMILARITIES.names()} - {"soft_hgr"}))
def test_the_others_keep_their_size_and_their_side(name: str) -> None:
    found = {samples: perfect(name, samples) for samples in (50, 800, 3200)}
    for similarities in found.values():
        assert chosen(similarities) == 1.0
    ratio = (spread(found[50].T) / spread(found[3200].T)).item()
    assert ratio == pytest.approx(1.0, rel=0.35)


@pytest.mark.parametrize("samples", [50, 3200])
def test_matched_scale_undoes_the_shrinking_but_not_the_turning_round(samples: int) -> None:
    found = LogitScale("matched", 1.0).double()(perfect("soft_hgr", samples).T)
    assert spread(found).item() == pytest.approx(1.0)
    assert chosen(found.T) == (1.0 if samples == 50 else 0.0)
