"""Similarities made of whole-batch criteria, against those criteria written out in full."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from sslcl.similarities import SIMILARITIES, Similarity, TrainStatistics, negative_table
from sslcl.similarities.dcca import inverse_root

from .reference_criteria import CRITERIA, dcca_criterion, literal_map, standardised, vicreg_side

WIDTH = 9
DEPENDENCE = ["cka", "dcca", "hsic"]
MAPPED = ["barlow_twins", *DEPENDENCE]
ALL = [*MAPPED, "vicreg"]


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def make(name: str, width: int = WIDTH) -> Similarity:
    return SIMILARITIES.get(name)(width).double()


def vectors(*shape: int, width: int = WIDTH) -> Tensor:
    rows = torch.randn(*shape, width, dtype=torch.double)
    return F.normalize(rows, dim=-1).requires_grad_()


def positive(classes: int) -> Tensor:
    return torch.arange(classes).unsqueeze(0)


def rows_of(classes: int) -> Tensor:
    return torch.cat([positive(classes), negative_table(classes)])


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("size", [4, 9, 40])
@pytest.mark.parametrize("classes", [2, 6])
def test_the_mean_over_the_batch_is_the_criterion(name: str, size: int, classes: int) -> None:
    features, embeddings = vectors(2, size), vectors(classes)
    labels = torch.arange(size) % min(classes, 4)  # with six classes, two are absent
    found = make(name).candidates(features, labels, embeddings, positive(classes))
    expected = torch.stack([CRITERIA[name](view, embeddings[labels]) for view in features])
    # Of dcca's singular matrices one is made regular.
    rtol, atol = (1e-5, 1e-6) if name == "dcca" else (1e-9, 1e-12)
    torch.testing.assert_close(found.mean(dim=(1, 2)), expected, rtol=rtol, atol=atol)
    if name == "dcca":
        return
    leaves = (features, embeddings)
    ours = torch.autograd.grad(found.mean(dim=(1, 2)).sum(), leaves)
    theirs = torch.autograd.grad(expected.sum(), leaves)
    torch.testing.assert_close(ours, theirs, rtol=1e-7, atol=1e-11)


def test_the_gradient_of_dcca_is_that_of_the_criterion() -> None:
    """By differences: the literal one's passes through equal eigenvalues."""
    features, embeddings, labels = vectors(1, 30), vectors(3), torch.arange(30) % 3
    similarity = make("dcca").eval()
    found = similarity.candidates(features, labels, embeddings, positive(3)).mean()
    found.backward()
    step = 1e-5
    for leaf in (features, embeddings):
        direction = torch.randn_like(leaf)
        change = torch.zeros((), dtype=torch.double)
        for sign in (1, -1):
            moved = [
                other.detach() + sign * step * direction if other is leaf else other.detach()
                for other in (features, embeddings)
            ]
            change += sign * dcca_criterion(moved[0][0], moved[1][labels])
        assert leaf.grad is not None
        torch.testing.assert_close(
            (leaf.grad * direction).sum(), change / (2 * step), rtol=2e-4, atol=1e-6
        )


@pytest.mark.parametrize("name", MAPPED)
@pytest.mark.parametrize("size", [5, 50])
def test_a_candidate_gives_what_the_utterance_would_contribute(name: str, size: int) -> None:
    features, embeddings = vectors(2, size), vectors(4)
    labels, table = torch.arange(size) % 4, torch.randint(4, (5, 4))
    found = make(name).candidates(features, labels, embeddings, table)
    middle = embeddings[labels].mean(dim=0)
    for v, view in enumerate(features):
        x = view - view.mean(dim=0)
        w = literal_map(name, x, embeddings[labels] - middle)
        for r, row in enumerate(table):
            for i in range(size):
                expected = x[i] @ w @ (embeddings[row[labels[i]]] - middle)
                expected = expected - (WIDTH if name == "barlow_twins" else 0)
                torch.testing.assert_close(found[v, r, i], expected, rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("size", [2, 30])
def test_vicreg_is_its_three_terms_for_every_row(size: int) -> None:
    features, embeddings = 2 * vectors(2, size), 3 * vectors(4)
    labels, table = torch.arange(size) % 3, torch.randint(4, (5, 4))
    found = make("vicreg").candidates(features, labels, embeddings, table)
    for v, x in enumerate(features):
        for r, row in enumerate(table):
            y = embeddings[row[labels]]
            invariance = torch.stack([((a - b) ** 2).mean() for a, b in zip(x, y, strict=True)])
            expected = -25 * invariance - vicreg_side(x) - vicreg_side(y)
            torch.testing.assert_close(found[v, r], expected)


def test_penalty_shares_are_those_of_the_loss() -> None:
    features, embeddings, labels = vectors(20), vectors(4), torch.arange(20) % 4
    y = embeddings[labels]
    correlation = standardised(features).T @ standardised(y) / 20
    on = ((1 - correlation.diagonal()) ** 2).sum()
    off = 0.0051 * ((correlation**2).sum() - (correlation.diagonal() ** 2).sum())
    share = make("barlow_twins").penalty_share(features, labels, embeddings)
    torch.testing.assert_close(share, (off / (on + off)).detach())
    sides = vicreg_side(features) + vicreg_side(y)
    share = make("vicreg").penalty_share(features, labels, embeddings)
    torch.testing.assert_close(share, (sides / (sides + 25 * F.mse_loss(features, y))).detach())
    for name in DEPENDENCE:
        assert make(name).penalty_share(features, labels, embeddings) is None


@pytest.mark.parametrize("name", MAPPED)
@pytest.mark.parametrize("labels", [[1], [2, 2, 2, 2]])
def test_one_utterance_or_one_class_says_nothing(name: str, labels: list[int]) -> None:
    features, embeddings = vectors(2, len(labels)), vectors(3)
    similarity = make(name)
    found = similarity.candidates(features, torch.tensor(labels), embeddings, rows_of(3))
    expected = -WIDTH if name == "barlow_twins" else 0
    torch.testing.assert_close(found, torch.full_like(found, expected), rtol=0, atol=1e-9)
    found.sum().backward()
    for leaf in (features, embeddings):
        assert leaf.grad is not None
        assert leaf.grad.isfinite().all()


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("classes", [2, 6])
def test_aligned_features_prefer_their_label(name: str, classes: int) -> None:
    """Of unequal classes with orthogonal embeddings, one of the six being absent."""
    embeddings = torch.eye(classes, WIDTH, dtype=torch.double)
    labels = torch.cat([torch.full((3 * k + 2,), k) for k in range(max(classes - 1, 2))])
    features = embeddings[labels]
    similarity = make(name)
    found = similarity.candidates(features[None], labels, embeddings, rows_of(classes))[0]
    assert (found[0] > found[1:]).all()
    share = torch.bincount(labels, minlength=classes).double() / len(labels)
    statistics = TrainStatistics(features.mean(dim=0), share)
    scores = similarity.scores(features, embeddings, statistics)
    assert torch.equal(scores.argmax(dim=-1), labels)


@pytest.mark.parametrize("name", DEPENDENCE)
def test_inference_follows_features_that_agree_only_up_to_a_rotation(name: str) -> None:
    """The criteria do not see a rotation; the running map undoes it."""
    embeddings, labels = torch.eye(5, WIDTH, dtype=torch.double), torch.arange(40) % 5
    rotation = torch.linalg.qr(torch.randn(WIDTH, WIDTH, dtype=torch.double))[0]
    features = embeddings[labels] @ rotation
    statistics = TrainStatistics(features.mean(dim=0), torch.full((5,), 0.2, dtype=torch.double))
    similarity = make(name)
    before = similarity.scores(features, embeddings, statistics).argmax(dim=-1)
    found = similarity.candidates(features[None], labels, embeddings, rows_of(5))[0]
    after = similarity.scores(features, embeddings, statistics).argmax(dim=-1)
    assert (found[0] > found[1:]).all()
    assert not torch.equal(before, labels)
    assert torch.equal(after, labels)


def test_a_criterion_recomputed_from_a_wrong_row_would_tie_with_the_right_one() -> None:
    """Why candidates keep the map of the true labels: renaming two classes changes nothing."""
    features, embeddings = vectors(20), vectors(2)
    labels = torch.arange(20) % 2
    for name in DEPENDENCE:
        right = CRITERIA[name](features, embeddings[labels])
        wrong = CRITERIA[name](features, embeddings[1 - labels])
        torch.testing.assert_close(right, wrong)
        aligned = embeddings[labels][None]
        found = make(name).candidates(aligned, labels, embeddings, rows_of(2))[0]
        assert (found[0] > found[1]).all()


def running_map(similarity: Similarity) -> Tensor:
    learned = similarity.running_map
    assert isinstance(learned, Tensor)
    return learned


@pytest.mark.parametrize("name", MAPPED)
class TestRunningMap:
    def test_it_is_learned_in_training_only(self, name: str) -> None:
        similarity = make(name).eval()
        labels = torch.arange(12) % 3
        similarity.candidates(vectors(1, 12), labels, vectors(3), positive(3))
        assert torch.equal(running_map(similarity), torch.eye(WIDTH, dtype=torch.double))

    def test_the_first_batch_replaces_the_start_and_later_ones_are_averaged(
        self, name: str
    ) -> None:
        similarity = make(name)
        embeddings, labels = vectors(3), torch.arange(12) % 3
        maps = []
        for _ in range(2):
            views = vectors(2, 12)
            similarity.candidates(views, labels, embeddings, positive(3))
            x = views[-1] - views[-1].mean(dim=0)
            y = embeddings[labels] - embeddings[labels].mean(dim=0)
            maps.append(literal_map(name, x, y).detach())
        expected = (maps[0] + maps[1]) / 2
        torch.testing.assert_close(running_map(similarity), expected, rtol=1e-3, atol=1e-4)

    def test_a_batch_of_one_utterance_changes_nothing(self, name: str) -> None:
        similarity, embeddings = make(name), vectors(3)
        similarity.candidates(vectors(1, 12), torch.arange(12) % 3, embeddings, positive(3))
        before = running_map(similarity).clone()
        similarity.candidates(vectors(1, 1), torch.tensor([2]), embeddings, positive(3))
        assert torch.equal(running_map(similarity), before)

    def test_a_saved_one_goes_on(self, name: str) -> None:
        first, second = make(name), make(name)
        embeddings, labels = vectors(3), torch.arange(12) % 3
        first.candidates(vectors(1, 12), labels, embeddings, positive(3))
        second.load_state_dict(first.state_dict())
        more = vectors(1, 12)
        for similarity in (first, second):
            similarity.candidates(more, labels, embeddings, positive(3))
        assert torch.equal(running_map(first), running_map(second))


class Largest(TorchDispatchMode):
    """Remembers the number of entries of the largest tensor made."""

    entries = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        sizes = [leaf.numel() for leaf in tree_leaves(result) if isinstance(leaf, Tensor)]
        self.entries = max(self.entries, *sizes, 0)
        return result


@pytest.mark.parametrize("name", ALL)
def test_nothing_grows_with_the_square_of_the_batch(name: str) -> None:
    samples, classes = 2000, 7
    features, embeddings = vectors(2, samples), vectors(classes)
    labels = torch.arange(samples) % classes
    with Largest() as largest:
        found = make(name).candidates(features, labels, embeddings, rows_of(classes))
        found.square().sum().backward()
    assert largest.entries <= 2 * samples * max(WIDTH, classes**2)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("samples", [6, 60, 600])
def test_single_precision_agrees_with_double(name: str, samples: int) -> None:
    """With more dimensions than utterances, equal eigenvalues and an absent class, too."""
    width, classes = 128, 6
    embeddings = torch.eye(classes, width)
    labels = torch.arange(samples) % (classes - 1)
    noise = torch.randn(2, samples, width) / math.sqrt(width)
    features = F.normalize(embeddings[labels] + noise, dim=-1)
    found = []
    for kind in (torch.float32, torch.float64):
        x = features.to(kind, copy=True).requires_grad_()
        g = embeddings.to(kind, copy=True).requires_grad_()
        similarity = SIMILARITIES.get(name)(width).to(kind)
        values = similarity.candidates(x, labels, g, rows_of(classes))
        (values.log_softmax(dim=1)[:, 0].sum()).backward()
        assert x.grad is not None
        assert g.grad is not None
        found.append([values.detach().double(), x.grad.double(), g.grad.double()])
    for single, double in zip(*found, strict=True):
        assert single.isfinite().all()
        assert (single - double).norm() < 2e-3 * double.norm()


def test_inverse_root_and_its_gradient_with_equal_eigenvalues() -> None:
    basis = torch.linalg.qr(torch.randn(4, 4, dtype=torch.double))[0]
    matrix = (basis @ torch.diag(torch.tensor([2.0, 2.0, 2.0, 0.5]).double()) @ basis.T)[None]
    found = inverse_root(matrix)
    torch.testing.assert_close(found @ matrix @ found, torch.eye(4, dtype=torch.double)[None])
    matrix.requires_grad_()
    symmetric = lambda m: inverse_root((m + m.mT) / 2)  # noqa: E731
    assert torch.autograd.gradcheck(symmetric, (matrix,))
