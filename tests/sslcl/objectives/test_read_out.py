"""How ``sslcl`` reads predictions from what it has learnt."""

import pytest
import torch

from sslcl.config import TrialConfig
from sslcl.data import Dataset, load_dataset
from sslcl.learning.linear_probe import LinearProbe, fitted_scale
from sslcl.objectives.sslcl import SSLCL
from sslcl.training import Trainer


@pytest.fixture(scope="module")
def data() -> Dataset:
    return load_dataset("synthetic", {"conversations": 14})


def trained(data: Dataset, **fields: object) -> Trainer:
    base = {"hidden_size": 16, "epochs": 3, "batch_size": 3, "learning_rate": 5e-3}
    trainer = Trainer(TrialConfig.parse({**base, **fields}), data)
    while not trainer.finished:
        trainer.fit_epoch()
    trainer.restore_best()
    return trainer


def sslcl_of(trainer: Trainer) -> SSLCL:
    objective = trainer.model.objective
    assert isinstance(objective, SSLCL)
    return objective


@pytest.mark.parametrize("similarity", ["soft_hgr", "cosine", "dot", "rbf"])
def test_prior_adjusted_is_the_posterior_by_its_formula(data: Dataset, similarity: str) -> None:
    trainer = trained(data, similarity=similarity, inference="prior_adjusted")
    objective = sslcl_of(trainer)
    features, labels = trainer._training_features()
    f = objective.similarity.prepared(features)
    g = objective.similarity.prepared(objective.embedding.vectors()).detach()
    mean = sum(p * v for p, v in zip(objective.class_prior, g, strict=True))
    naive = torch.stack(
        [torch.stack([(row - objective.feature_mean) @ (v - mean) for v in g]) for row in f]
    )
    prior = objective.class_prior.clamp(min=1e-6).log()
    a = fitted_scale(naive, prior, labels)
    scores = objective.scores(features)
    torch.testing.assert_close(scores, (a * naive + prior).float(), rtol=1e-3, atol=1e-4)


def test_the_probe_rule_is_the_probe(data: Dataset) -> None:
    trainer = trained(data, inference="probe")
    features, labels = trainer._training_features()
    expected = LinearProbe.fit(features, labels, len(data.label_names)).scores(features)
    scores = sslcl_of(trainer).scores(features)
    torch.testing.assert_close(scores.double(), expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("rule", ["similarity", "prior_adjusted", "probe", "auto"])
def test_the_rule_changes_no_weight(data: Dataset, rule: str) -> None:
    def last(inference: str) -> dict[str, torch.Tensor]:
        fields = {"hidden_size": 16, "epochs": 2, "batch_size": 3, "inference": inference}
        trainer = Trainer(TrialConfig.parse(fields), data)
        while not trainer.finished:
            trainer.fit_epoch()
        return dict(trainer.model.named_parameters())

    for name, tensor in last("similarity").items():
        assert torch.equal(last(rule)[name], tensor), name


def test_auto_is_the_best_on_validation_in_every_epoch(data: Dataset) -> None:
    fields = {"hidden_size": 16, "epochs": 3, "batch_size": 3, "patience": 9}
    curves = {}
    for rule in ("similarity", "prior_adjusted", "probe", "auto"):
        trainer = Trainer(TrialConfig.parse({**fields, "inference": rule}), data)
        while not trainer.finished:
            trainer.fit_epoch()
        curves[rule] = trainer.scores
    fixed = [curves[rule] for rule in ("similarity", "prior_adjusted", "probe")]
    assert curves["auto"] == [max(scores) for scores in zip(*fixed, strict=True)]


@pytest.mark.parametrize("rule", ["prior_adjusted", "probe", "auto"])
def test_a_kept_model_predicts_as_it_did(data: Dataset, rule: str) -> None:
    trainer = trained(data, inference=rule)
    again = Trainer(trainer.config, data)
    again.model.load_state_dict(trainer.model.state_dict())
    assert data.test is not None
    one, two = (t.test(data.test).predictions.tolist() for t in (trainer, again))
    assert one == two


def test_the_probe_of_a_trial_is_that_of_its_features_and_leaves_the_model_alone(
    data: Dataset,
) -> None:
    trainer = trained(data, objective="cross_entropy")
    before = {name: tensor.clone() for name, tensor in trainer.model.state_dict().items()}
    assert data.test is not None
    told, tested = trainer.probe(data.test), trainer.test(data.test)
    assert told.labels.tolist() == tested.labels.tolist()
    assert told.positions.tolist() == tested.positions.tolist()
    features, labels = trainer._training_features()
    probe = LinearProbe.fit(features, labels, len(data.label_names))
    rows = trainer._rows(trainer._resident(data.test), trainer.model.features)
    expected = probe.scores(rows).argmax(dim=1)[torch.as_tensor(told.positions)]
    assert told.predictions.tolist() == expected.tolist()
    for name, tensor in trainer.model.state_dict().items():
        assert torch.equal(tensor, before[name]), name


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, "similarity"),
        ({"similarity": "cosine"}, "similarity"),
        ({"inference": "auto"}, "auto"),
        ({"objective": "sslcl_calibrated"}, "similarity"),
    ],
)
def test_the_rule_left_out_is_that_of_the_similarity(fields: dict[str, str], expected: str) -> None:
    assert TrialConfig.parse(fields).inference == expected
