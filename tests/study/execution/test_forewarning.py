"""A plan is warned of before anything is trained, and what is said is what training would do."""

from math import ceil, sqrt

import pytest

from sslcl.config import TrialConfig
from sslcl.data import Dataset, load_dataset
from sslcl.training import Trainer
from study.design.plan import PhasePlan, Plan
from study.execution.forewarning import FEWEST_STEPS, forewarnings, steps_of
from tracking.records import Phase, PlannedTrial


@pytest.fixture(scope="module")
def data() -> Dataset:
    return load_dataset("synthetic", {"conversations": 28})


def warned(data: Dataset, **fields: object) -> str:
    config = TrialConfig.parse({"epochs": 400, "hidden_size": 16, **fields})
    trials = tuple(
        PlannedTrial(f"t{seed}", Phase.ABLATE, "similarity=soft_hgr", f"i{seed}", config)
        for seed in range(3)
    )
    phase = PhasePlan(Phase.ABLATE, ("similarity=soft_hgr",), (0, 1, 2), trials)
    return "\n".join(forewarnings(Plan("demo", (phase,)), data))


@pytest.mark.parametrize("batch_size", [1, 3, 5, 64])
def test_steps_are_those_that_training_takes(data: Dataset, batch_size: int) -> None:
    config = TrialConfig.parse({"epochs": 2, "hidden_size": 8, "batch_size": batch_size})
    trainer = Trainer(config, data)
    while not trainer.finished:
        trainer.fit_epoch()
    assert steps_of(config, data) == trainer.steps
    assert trainer.steps == 2 * ceil(len(data.train) / batch_size)


def test_few_steps_are_warned_of(data: Dataset) -> None:
    per_epoch = ceil(len(data.train) / 4)
    enough = ceil(FEWEST_STEPS / per_epoch)
    assert "warning" not in warned(data, epochs=enough, batch_size=4, hidden_size=96)
    words = warned(data, epochs=enough - 1, batch_size=4, hidden_size=96)
    assert f"at most {(enough - 1) * per_epoch} steps" in words
    assert "ablate similarity=soft_hgr" in words


@pytest.mark.parametrize("width", [8, 12, 16, 24, 48])
def test_a_batch_that_outgrows_the_width_is_warned_of(data: Dataset, width: int) -> None:
    utterances = sum(map(len, data.train)) / len(data.train) * 16
    too_many = utterances > (width - 1) * sqrt(2 * len(data.label_names))
    words = warned(data, batch_size=16, hidden_size=width)
    assert ("outweighs" in words) == too_many
    assert words.count("outweighs") <= 1  # once a cell, however many seeds


@pytest.mark.parametrize(
    "fields", [{"similarity": "cosine"}, {"objective": "cross_entropy"}, {"batch_size": 1}]
)
def test_other_losses_and_small_batches_are_not(data: Dataset, fields: dict[str, object]) -> None:
    assert "outweighs" not in warned(data, **{"batch_size": 16, "hidden_size": 8, **fields})
