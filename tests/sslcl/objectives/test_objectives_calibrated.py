import math

import pytest
import torch
from torch import Tensor

from sslcl.augmentation import view_weights
from sslcl.errors import InputError
from sslcl.objectives import OBJECTIVES, Shape
from sslcl.objectives.sslcl_calibrated import HORIZON, SSLCLCalibrated
from sslcl.testing.objective_cases import (
    MODALITIES,
    WIDTH,
    assert_same_value_and_gradient,
    batch,
    build_objective,
    configure,
)

from . import reference_loss as reference


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def calibrated(classes: int = 4, **changes: object) -> SSLCLCalibrated:
    objective = build_objective(classes, objective="sslcl_calibrated", **changes).double()
    assert isinstance(objective, SSLCLCalibrated)
    return objective


def warmed(classes: int = 4, **changes: object) -> SSLCLCalibrated:
    """With moments and scale that some batches have left."""
    objective = calibrated(classes, **changes)
    for _ in range(5):
        objective(*batch(objective, 40, classes))
    return objective


def literal_logits(objective: SSLCLCalibrated, feature: Tensor, view: int, scale: float) -> Tensor:
    """``(C,)`` logits of one utterance, class by class."""
    vectors = [row / row.norm() for row in objective.embedding.vectors().unbind()]
    prior = objective.class_prior.tolist()
    mean = torch.stack([p * g for p, g in zip(prior, vectors, strict=True)]).sum(dim=0)
    f = feature / feature.norm() - objective.feature_means[view]
    logits = []
    for p, g in zip(prior, vectors, strict=True):
        cosine = f @ (g - mean) / (f.norm() * (g - mean).norm())
        logits.append(scale * cosine + math.log(p))
    return torch.stack(logits)


@pytest.mark.parametrize(("size", "classes"), [(1, 2), (1, 4), (3, 3), (17, 5)])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("augmentation", ["none", "text_plus_one"])
def test_equals_the_literal_loss(
    size: int, classes: int, training: bool, augmentation: str
) -> None:
    objective = warmed(
        classes,
        logit_scale="fixed",
        scale=6.0,
        augmentation=augmentation,
        label_label_weight=0.7,
        focus_negative=1.5,
        cross_entropy_weight=0.2,
    ).train(training)
    features, labels = batch(objective, size, classes)
    lambdas = view_weights(objective.views)
    total = features.sum() * 0
    for i, label in enumerate(labels.tolist()):
        for v, weight in enumerate(lambdas):
            z = literal_logits(objective, features[v, i], v, 6.0)
            p = z[label].exp() / z.exp().sum()
            total = total - weight * torch.log(p) / (sum(lambdas) * size)
        scores = objective.classifier(features[-1, i])
        total = total - 0.2 * torch.log(scores[label].exp() / scores.exp().sum()) / size
    units = reference.unit(objective.embedding.vectors())
    expected = total + 0.7 * reference.label_label(units, 1.5)
    parameters = list(objective.parameters())
    # Forward moves the running means, so the literal value was computed first.
    value = objective(features, labels).total
    assert_same_value_and_gradient(value, expected, [features, *parameters])


@pytest.mark.parametrize("training", [True, False])
def test_an_utterance_is_taught_alike_in_any_batch(training: bool) -> None:
    objective = warmed().train(training)
    features, labels = batch(objective, 12)
    frozen = objective.feature_means.clone()

    def taught(chosen: list[int]) -> tuple[Tensor, Tensor]:
        objective.feature_means.copy_(frozen)
        part = features.detach()[:, chosen].requires_grad_()
        loss = objective(part, labels[chosen])
        total = loss.total - 0.1 * loss.terms["label_label"]
        (gradient,) = torch.autograd.grad(loss.total, part)
        return total.detach() * len(chosen), gradient * len(chosen)

    alone = [taught([i]) for i in range(12)]
    together, gradients = taught(list(range(12)))
    torch.testing.assert_close(together, torch.stack([value for value, _ in alone]).sum())
    torch.testing.assert_close(gradients, torch.cat([g for _, g in alone], dim=1))


@pytest.mark.parametrize("mode", ["released", "fixed", "learned", "matched"])
def test_training_minimises_the_likelihood_of_the_scores(mode: str) -> None:
    objective = warmed(logit_scale=mode, scale=4.0, augmentation="none", label_label_weight=0.0)
    features, labels = batch(objective, 9)
    logs = objective.scores(features[-1]).log_softmax(dim=-1)
    expected = -torch.stack([logs[i, label] for i, label in enumerate(labels.tolist())]).mean()
    torch.testing.assert_close(objective(features, labels).total, expected)


def test_classes_absent_from_the_batch_repel() -> None:
    objective = warmed(label_label_weight=0.0, logit_scale="fixed", scale=5.0)
    features, _ = batch(objective, 6)
    scores = objective.scores(features[-1])
    assert scores.isfinite().all()
    objective(features, torch.zeros(6, dtype=torch.long)).total.backward()
    gradient = objective.embedding.table.weight.grad
    assert gradient is not None
    assert (gradient.norm(dim=-1) > 0).all()
    # A step along the gradient lowers every class that is not there.
    with torch.no_grad():
        before = objective.scores(features[-1]).softmax(dim=-1)
        for parameter in objective.embedding.parameters():
            assert parameter.grad is not None
            parameter.sub_(0.05 * parameter.grad)
        after = objective.scores(features[-1]).softmax(dim=-1)
    assert (after[:, 0].mean() > before[:, 0].mean()).item()
    assert (after[:, 1:].mean(dim=0) < before[:, 1:].mean(dim=0)).all()


def test_size_of_logits_does_not_depend_on_the_number_of_utterances() -> None:
    objective = warmed(logit_scale="fixed", scale=1.0)
    spreads = [
        objective.eval()(*batch(objective, size)).terms["logit_std"].item()
        for size in (50, 800, 3200)
    ]
    assert max(spreads) / min(spreads) < 1.2


def test_no_tensor_is_larger_than_utterances_by_classes_or_width() -> None:
    objective = calibrated(7, augmentation="none")
    features, labels = batch(objective, 5_000, 7)
    largest = 0

    def note(tensor: Tensor) -> Tensor:
        nonlocal largest
        largest = max(largest, tensor.numel())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        objective(features, labels).total.backward()
    assert largest <= 5_000 * WIDTH


def test_running_means_move_by_the_utterance_and_rest_in_evaluation() -> None:
    objective = calibrated()
    features, labels = batch(objective, 30)
    objective(features, labels)
    units = torch.stack([reference.unit(view.detach()) for view in features])
    share = 1 - (1 - 1 / HORIZON) ** 30
    torch.testing.assert_close(objective.feature_means, share * units.mean(dim=1))
    kept = objective.feature_means.clone()
    objective.eval()(features, labels)
    objective.scores(features[-1])
    assert torch.equal(objective.feature_means, kept)


def test_one_utterance_over_and_over_stays_well_behaved() -> None:
    objective = calibrated()
    features, labels = batch(objective, 1)
    gradients = []
    for _ in range(60):
        (gradient,) = torch.autograd.grad(objective(features, labels).total, features)
        gradients.append(gradient.norm().item())
    assert all(math.isfinite(value) for value in gradients)
    assert max(gradients) < 10 * gradients[0]


def test_to_second_order_it_is_textbook_soft_hgr() -> None:
    """As the docstring argues, with the batch's own means in place of the running ones."""
    labels = torch.tensor([0, 0, 0, 1, 1, 2, 2, 2, 2, 2])
    n = len(labels)
    prior = torch.bincount(labels).double() / n
    features = 0.05 * torch.randn(n, WIDTH, dtype=torch.double)
    embeddings = torch.randn(3, WIDTH, dtype=torch.double)
    f, g = features - features.mean(dim=0), embeddings - prior @ embeddings
    t = f @ g.T
    likelihood = -(t + prior.log()).log_softmax(dim=-1)[range(n), labels] + prior[labels].log()
    trace = torch.trace(torch.cov(f.T, correction=0) @ torch.cov(g[labels].T, correction=0))
    alignment = torch.stack([f[i] @ g[labels[i]] for i in range(n)]).mean()
    soft_hgr = alignment - trace / 2
    assert abs(likelihood.mean() + soft_hgr) < 0.05 * abs(trace)


def test_a_class_without_training_utterances_is_never_predicted() -> None:
    shape = Shape(WIDTH, torch.tensor([0.6, 0.4, 0.0]), MODALITIES)
    config = configure(objective="sslcl_calibrated", logit_scale="fixed", scale=5.0)
    objective = OBJECTIVES.get("sslcl_calibrated")(config, shape)
    scores = objective.scores(torch.randn(50, WIDTH))
    assert scores.isfinite().all()
    assert (scores.argmax(dim=-1) < 2).all()


def test_fewer_than_two_classes_are_refused() -> None:
    with pytest.raises(InputError, match="sslcl_calibrated: 1 class, expected at least 2"):
        build_objective(1, objective="sslcl_calibrated")


def test_fields_that_only_matter_with_others() -> None:
    unread = OBJECTIVES.get("sslcl_calibrated").unread_fields
    assert {"similarity", "focus_positive", "class_weight_exponent"} <= unread(configure())
    assert "focus_negative" not in unread(configure())
    assert "focus_negative" in unread(configure(label_label_weight=0.0))
    assert "augmentation" in unread(configure(modalities=("text",)))
    assert "label_embedding_width" in unread(configure(label_embedding_depth=0))
