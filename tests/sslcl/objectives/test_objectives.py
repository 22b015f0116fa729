import copy

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from sslcl.augmentation import view_weights
from sslcl.errors import InputError
from sslcl.objectives import OBJECTIVES, SSLCL_FIELDS
from sslcl.objectives._focus import focused_positive, log_one_minus_softmax
from sslcl.objectives._soft_hgr_loss import utterance_weights
from sslcl.objectives.sslcl import SSLCL
from sslcl.similarities import SIMILARITIES
from sslcl.testing.objective_cases import MODALITIES, WIDTH, batch, build_objective, configure

from . import reference_loss as reference


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def literal(objective: SSLCL, features: Tensor, labels: Tensor) -> Tensor:
    config = objective.config
    raw = objective.embedding.vectors()
    prepared, embeddings = features, raw
    if config.similarity != "dot":
        prepared = torch.stack([reference.unit(view) for view in features])
        embeddings = reference.unit(raw)
    focus = (config.focus_positive, config.focus_negative)
    lambdas = list(view_weights(objective.views))
    first = reference.sample_label(
        prepared,
        labels,
        embeddings,
        lambdas,
        focus,
        config.class_weight_exponent,
        config.similarity,
    )
    second = reference.label_label(reference.unit(raw), config.focus_negative)
    return first + config.label_label_weight * second


def assert_literal(objective: SSLCL, features: Tensor, labels: Tensor) -> None:
    leaves = [features, *objective.embedding.parameters()]
    value = objective(features, labels).total
    expected = literal(objective, features, labels)
    assert value.item() == pytest.approx(expected.item(), rel=1e-5)
    found = torch.autograd.grad(value, leaves)
    wanted = torch.autograd.grad(expected, leaves)
    for ours, theirs in zip(found, wanted, strict=True):
        assert (ours - theirs).norm() <= 1e-5 * theirs.norm()


CASES = [(n, c) for n in (2, 3, 10) for c in range(2, 8)]
CASES += [(50, 2), (50, 6), (200, 3), (200, 7), (1024, 4), (1024, 7)]


@pytest.mark.parametrize("augmentation", ["none", "text_plus_one"])
@pytest.mark.parametrize(("size", "classes"), CASES)
def test_sslcl_equals_the_literal_loss(size: int, classes: int, augmentation: str) -> None:
    objective = build_objective(
        classes, similarity="soft_hgr", logit_scale="released", augmentation=augmentation
    ).double()
    assert isinstance(objective, SSLCL)
    features = torch.randn(len(objective.views), size, WIDTH, dtype=torch.double)
    # Labels of all but the last class, which is absent from every batch of three classes or more.
    labels = torch.randint(max(classes - 1, 2), (size,))
    assert_literal(objective, features.requires_grad_(), labels)


@pytest.mark.parametrize("similarity", reference.SIMILARITIES)
@pytest.mark.parametrize("focus", [(0.0, 0.0), (2.0, 0.5), (1.0, 3.0)])
@pytest.mark.parametrize("alpha", [0.0, 1.2])
def test_every_similarity_and_exponent_equals_the_literal_loss(
    similarity: str, focus: tuple[float, float], alpha: float
) -> None:
    objective = build_objective(
        5,
        similarity=similarity,
        logit_scale="released",
        focus_positive=focus[0],
        focus_negative=focus[1],
        class_weight_exponent=alpha,
        label_label_weight=0.7,
        label_embedding_depth=0,
    ).double()
    assert isinstance(objective, SSLCL)
    features = torch.randn(4, 17, WIDTH, dtype=torch.double).requires_grad_()
    assert_literal(objective, features, torch.randint(5, (17,)))


def test_a_batch_of_twenty_thousand_utterances_needs_no_square_matrix() -> None:
    # One float32 matrix of 20,000 x 20,000 would take 1.6 GB, and each candidate needs several.
    objective = build_objective(7, similarity="soft_hgr", logit_scale="released")
    features, labels = batch(objective, 20_000, 7)
    largest = 0

    def note(tensor: Tensor) -> Tensor:
        nonlocal largest
        largest = max(largest, tensor.numel())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        total = objective(features, labels).total
    total.backward()
    assert features.grad is not None
    assert features.grad.isfinite().all()
    assert largest <= 20_000 * 128


def test_log_one_minus_softmax_is_exact_and_safe_at_the_ends() -> None:
    logits = torch.randn(5, 4, dtype=torch.double)
    expected = torch.log(1 - logits.softmax(dim=-1))
    torch.testing.assert_close(log_one_minus_softmax(logits), expected)
    extreme = torch.tensor([[500.0, 0.0, -500.0]], requires_grad=True)
    assert log_one_minus_softmax(extreme)[0, 0].item() == -500
    for exponent in (0.0, 0.5, 2.0):
        value = focused_positive(extreme, exponent)
        assert value.isfinite().all()
        (gradient,) = torch.autograd.grad(value.sum(), extreme)
        assert gradient.isfinite().all()


def test_weights_are_one_for_the_most_frequent_class() -> None:
    labels = torch.tensor([0, 0, 0, 0, 2, 2, 3])
    weights = utterance_weights(torch.tensor([4.0, 0.0, 2.0, 1.0, 0.0]), labels, 0.5)
    rare, rarest = 2**0.5, 4**0.5
    assert weights.tolist() == pytest.approx([1, 1, 1, 1, rare, rare, rarest])


@pytest.mark.parametrize("similarity", SIMILARITIES.names())
@pytest.mark.parametrize("mode", ["released", "fixed", "learned", "matched"])
def test_every_similarity_is_finite_and_trains_on_the_smallest_batches(
    similarity: str, mode: str
) -> None:
    objective = build_objective(similarity=similarity, logit_scale=mode, scale=3.0)
    objective.train()
    for labels in ([1], [2, 2, 2], [0, 1], [3, 0, 0, 1, 2]):
        features = torch.randn(len(objective.views), len(labels), WIDTH, requires_grad=True)
        objective.zero_grad()
        loss = objective(features, torch.tensor(labels))
        assert loss.total.isfinite()
        loss.total.backward()
        for leaf in (features, *objective.parameters()):
            assert leaf.grad is None or leaf.grad.isfinite().all()
        for term in loss.terms.values():
            assert term.ndim == 0
            assert not term.requires_grad
            assert term.isfinite()
    scores = objective.eval().scores(torch.randn(6, WIDTH))
    assert scores.shape == (6, 4)
    assert scores.isfinite().all()


def test_terms_add_up_and_name_what_is_in_the_loss() -> None:
    objective = build_objective(cross_entropy_weight=0.3, label_label_weight=0.2)
    assert isinstance(objective, SSLCL)
    features, labels = batch(objective, 12)
    loss = objective(features, labels)
    terms = loss.terms
    together = terms["sample_label"] + 0.2 * terms["label_label"] + 0.3 * terms["cross_entropy"]
    torch.testing.assert_close(loss.total.detach(), together)
    expected = F.cross_entropy(objective.classifier(features[-1]), labels)
    torch.testing.assert_close(terms["cross_entropy"], expected.detach())
    assert set(terms) == {
        "sample_label",
        "label_label",
        "cross_entropy",
        "logit_std",
        "logit_max",
        "penalty_share",
    }
    plain = build_objective(similarity="cosine")
    assert not {"penalty_share", "cross_entropy"} & set(plain(*batch(plain, 5)).terms)


def test_views_follow_the_augmentation() -> None:
    assert len(build_objective(augmentation="text_plus_one").views) == 4
    assert build_objective(augmentation="none").views == (frozenset(MODALITIES),)
    assert build_objective(objective="cross_entropy").views == (frozenset(MODALITIES),)


def test_label_vectors_are_unit_and_without_dropout_even_in_training() -> None:
    objective = build_objective(label_embedding_dropout=0.5).train()
    vectors = objective.label_vectors()
    assert vectors is not None
    torch.testing.assert_close(vectors.norm(dim=-1), torch.ones(4))
    again = objective.label_vectors()
    assert again is not None
    assert torch.equal(vectors, again)
    assert build_objective(objective="cross_entropy").label_vectors() is None


def test_feature_mean_follows_training_and_rests_in_evaluation() -> None:
    objective = build_objective()
    assert isinstance(objective, SSLCL)
    batches = [batch(objective, 7) for _ in range(4)]
    for features, labels in batches:
        objective(features, labels)
    means = [F.normalize(x[-1], dim=-1).mean(dim=0) for x, _ in batches]
    expected = torch.stack(means).mean(dim=0)
    torch.testing.assert_close(objective.feature_mean, expected.detach())
    kept = copy.deepcopy(objective.state_dict())
    objective.eval()(*batch(objective, 7))
    assert all(torch.equal(kept[name], value) for name, value in objective.state_dict().items())


def test_cross_entropy_is_the_scaled_classifiers() -> None:
    objective = build_objective(objective="cross_entropy", logit_scale="fixed", scale=2.5)
    features, labels = batch(objective, 8)
    scores = objective.scores(features[-1])
    expected = F.cross_entropy(scores, labels)
    torch.testing.assert_close(objective(features, labels).total, expected)
    torch.testing.assert_close(scores, 2.5 * objective.classifier(features[-1]))  # type: ignore[operator]


@pytest.mark.medium
@pytest.mark.parametrize("similarity", SIMILARITIES.names())
def test_sslcl_learns_separable_classes_and_predicts_them(similarity: str) -> None:
    objective = build_objective(similarity=similarity, augmentation="none", label_label_weight=1.0)
    encoder = torch.nn.Linear(WIDTH, WIDTH)
    labels = torch.randint(4, (64,))
    inputs = 3 * torch.eye(4, WIDTH)[labels] + 0.3 * torch.randn(64, WIDTH)
    parameters = [*objective.parameters(), *encoder.parameters()]
    optimiser = torch.optim.Adam(parameters, lr=1e-2)
    for _ in range(60):
        optimiser.zero_grad()
        objective(encoder(inputs).unsqueeze(0), labels).total.backward()
        optimiser.step()
    found = objective.eval().scores(encoder(inputs)).argmax(dim=-1)
    assert (found == labels).float().mean() > 0.95


def test_fewer_than_two_classes_are_refused() -> None:
    with pytest.raises(InputError, match="expected at least 2"):
        build_objective(1)


def test_one_modality_leaves_augmentation_unread() -> None:
    unread = OBJECTIVES.get("sslcl").unread_fields
    assert "augmentation" in unread(configure(modalities=("text",)))
    assert "augmentation" not in unread(configure())
    assert OBJECTIVES.get("cross_entropy").unread_fields(configure()) >= SSLCL_FIELDS
