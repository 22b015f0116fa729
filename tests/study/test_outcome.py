"""What is kept of a trial: the test split is seen from the modalities that it is left."""

import pytest

from sslcl.config import TrialConfig
from sslcl.data import Dataset, load_dataset
from study.outcome import train
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
