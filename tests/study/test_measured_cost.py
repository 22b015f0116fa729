"""What is measured of a trial, and when."""

from sslcl.config import TrialConfig
from sslcl.data import load_dataset
from study.outcome import train
from tracking.storing import COST_COLUMNS

INFERENCE = {"latency_p50_ms", "latency_p95_ms", "flops_per_utterance"}


def test_inference_is_measured_of_tested_trials_alone() -> None:
    dataset = load_dataset("synthetic", {"conversations": 14})
    config = TrialConfig(epochs=2, hidden_size=8)
    _, searched = train(config, dataset.sealed())
    trainer, tested = train(config, dataset)
    assert set(tested.cost) - set(searched.cost) == INFERENCE
    assert set(tested.cost) <= set(COST_COLUMNS)
    assert all(value > 0 for value in tested.cost.values())
    cost = tested.cost
    assert cost["seconds"] == trainer.seconds
    assert cost["seconds_per_epoch"] * tested.epochs == trainer.seconds
    utterances = sum(len(c) for c in dataset.train)
    assert abs(cost["utterances_per_second"] * cost["seconds_per_epoch"] - utterances) < 1e-6
    assert searched.score == tested.score
