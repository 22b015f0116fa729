"""The average is the bias-corrected exponential one, and training goes on as without it."""

import copy

import pytest
import torch
from torch import nn

from sslcl.config import TrialConfig
from sslcl.data import Dataset, load_dataset
from sslcl.learning.weight_average import WeightAverage
from sslcl.training import Trainer

FIELDS = {
    "dataset_options": {"conversations": 14},
    "hidden_size": 16,
    "epochs": 4,
    "batch_size": 3,
    "learning_rate": 5e-3,
}


@pytest.fixture(scope="module")
def data() -> Dataset:
    return load_dataset("synthetic", {"conversations": 14})


def config_of(**changes: object) -> TrialConfig:
    return TrialConfig.parse({**FIELDS, **changes})


@pytest.mark.parametrize("decay", [0.3, 0.98])
def test_it_is_the_weighted_mean_of_the_weights_after_each_step(decay: float) -> None:
    model = nn.Linear(3, 2)
    average = WeightAverage(model, decay)
    history = []
    for step in range(1, 30):
        with torch.no_grad():
            model.weight.normal_(generator=torch.Generator().manual_seed(step))
        average.update()
        history.append(model.weight.detach().double().clone())
        weights = [decay ** (step - i) for i in range(1, step + 1)]
        naive = sum(w * x for w, x in zip(weights, history, strict=True)) / sum(weights)
        own = model.weight.detach().clone()
        with average.in_place():
            torch.testing.assert_close(model.weight.double(), naive, rtol=1e-5, atol=1e-6)
        assert torch.equal(model.weight, own)


@pytest.mark.parametrize("objective", ["sslcl", "sslcl_calibrated", "cross_entropy"])
def test_training_itself_is_the_same_bits_with_and_without(data: Dataset, objective: str) -> None:
    with_average, without = (
        Trainer(config_of(objective=objective, weight_average=decay), data) for decay in (0.9, 0.0)
    )
    for _ in range(3):
        first, second = with_average.fit_epoch(), without.fit_epoch()
        assert first["train_loss"] == second["train_loss"]
        for name, tensor in without.model.state_dict().items():
            if ".read_out." not in name:  # fitted to the averaged model, for predictions alone
                assert torch.equal(with_average.model.state_dict()[name], tensor), name


def test_validation_scores_and_keeps_the_averaged_model(data: Dataset) -> None:
    trainer = Trainer(config_of(objective="sslcl_calibrated", weight_average=0.9), data)
    best = None
    while not trainer.finished:
        metrics = trainer.fit_epoch()
        assert trainer.average is not None
        with trainer.average.in_place():
            assert trainer.validation().metrics["weighted_f1"] == trainer.scores[-1]
            if trainer.best_epoch == trainer.epoch:
                best = copy.deepcopy(trainer.model.state_dict())
        assert metrics["validation_weighted_f1"] == trainer.scores[-1]
    trainer.restore_best()
    assert best is not None
    for name, tensor in trainer.model.state_dict().items():
        assert torch.equal(tensor, best[name]), name


def test_an_interrupted_trial_goes_on_with_its_average(data: Dataset) -> None:
    config = config_of(weight_average=0.95)
    whole = Trainer(config, data)
    while not whole.finished:
        whole.fit_epoch()
    first = Trainer(config, data)
    first.fit_epoch()
    state = first.state_dict()
    first.fit_epoch()  # what is done after saving must not reach what was saved
    second = Trainer(config, data)
    second.load_state_dict(state)
    while not second.finished:
        second.fit_epoch()
    assert second.scores == whole.scores
    assert second.steps == whole.steps
    for trainer in (whole, second):
        trainer.restore_best()
    for name, tensor in whole.model.state_dict().items():
        assert torch.equal(second.model.state_dict()[name], tensor), name


def test_a_logit_scale_set_on_the_first_batch_is_not_averaged(data: Dataset) -> None:
    trainer = Trainer(config_of(objective="sslcl_calibrated", weight_average=0.99), data)
    trainer.fit_epoch()
    assert trainer.average is not None
    live = trainer.model.state_dict()["objective.logit_scale.inverse_spread"].clone()
    with trainer.average.in_place():
        assert trainer.model.state_dict()["objective.logit_scale.inverse_spread"] == live
