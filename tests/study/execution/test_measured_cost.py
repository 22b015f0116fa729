"""What is measured and kept of a trial, and when."""

import pytest

from sslcl.config import TrialConfig
from sslcl.data import Dataset, load_dataset
from study.execution.trial import train
from tracking.costs import COSTS
from tracking.records import Evaluation, Outcome

OPTIONS = {"conversations": 14}


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return load_dataset("synthetic", OPTIONS)


def evaluation(outcome: Outcome, split: str) -> Evaluation:
    return next(found for found in outcome.evaluations if found.split == split)


def test_a_modality_missing_at_test_time_changes_the_test_evaluation_alone(
    dataset: Dataset,
) -> None:
    config = TrialConfig(dataset_options=OPTIONS, epochs=3, hidden_size=8, learning_rate=1e-2)
    _, whole = train(config, dataset)
    _, masked = train(config.replace(test_modalities=("audio", "video")), dataset)
    assert (masked.best_epoch, masked.score) == (whole.best_epoch, whole.score)
    assert evaluation(masked, "validation") == evaluation(whole, "validation")
    assert evaluation(masked, "test").predictions != evaluation(whole, "test").predictions
    assert evaluation(masked, "test").labels == evaluation(whole, "test").labels
    assert masked.diagnostics == whole.diagnostics


INFERENCE = {"latency_p50_ms", "latency_p95_ms", "flops_per_utterance"}


def test_inference_is_measured_of_tested_trials_alone() -> None:
    dataset = load_dataset("synthetic", {"conversations": 14})
    config = TrialConfig(epochs=2, hidden_size=8)
    _, searched = train(config, dataset.sealed())
    trainer, tested = train(config, dataset)
    assert set(tested.cost) - set(searched.cost) == INFERENCE
    assert set(tested.cost) <= set(COSTS)
    assert all(value > 0 for value in tested.cost.values())
    cost = tested.cost
    assert cost["seconds"] == trainer.seconds
    assert cost["seconds_per_epoch"] * tested.epochs == trainer.seconds
    utterances = sum(len(c) for c in dataset.train)
    assert abs(cost["utterances_per_second"] * cost["seconds_per_epoch"] - utterances) < 1e-6
    assert searched.score == tested.score
