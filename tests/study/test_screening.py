"""The screening of SSLCL's parts in benchmarks: what its variants compute, and its table."""

import numpy as np
import pytest
import torch

from benchmarks.objectives import (
    BASELINE,
    DATA,
    METHOD,
    VARIANTS,
    Data,
    Screening,
    ViewEnsemble,
    WithoutPrior,
    config_of,
    rows,
)
from sslcl.objectives.sslcl_calibrated import SSLCLCalibrated
from study.stats.comparison import Sample
from study.stats.metrics import Metric

SMALL = Data(
    "synthetic",
    [1e-3, 4e-3],
    {"hidden_size": 8, "epochs": 1, "batch_size": 4, "weight_average": 0.0},
    {"conversations": 14},
    validated_by={"conversations": 21},
)


def test_masked_views_predict_by_their_weighted_mean_posterior() -> None:
    (dataset,) = SMALL.load(None)
    trainer = ViewEnsemble(config_of(SMALL, VARIANTS[METHOD], dataset), dataset)
    trainer.fit_epoch()
    objective = trainer.model.objective
    assert isinstance(objective, SSLCLCalibrated)
    batches = list(trainer.validation_split.evaluation_batches())
    total = torch.zeros(sum(len(conversation) for conversation in dataset.validation), 7)
    with torch.no_grad():
        for view in objective.views:
            parts = [trainer.model.scores(batch, view) for batch in batches]
            posterior = trainer.validation_split.joined(parts).softmax(dim=-1)
            total += len(view) * posterior / sum(map(len, objective.views))
    assert trainer.validation().predictions.tolist() == total.argmax(dim=-1).tolist()


def test_without_prior_no_class_has_a_head_start() -> None:
    (dataset,) = SMALL.load(None)
    trainer = WithoutPrior(config_of(SMALL, VARIANTS[METHOD], dataset), dataset)
    prior = trainer.model.objective.get_buffer("class_prior")
    torch.testing.assert_close(prior, torch.full((7,), 1 / 7))


def test_every_variant_is_compared_on_the_same_conversations() -> None:
    screening = Screening(SMALL, None)
    assert len(screening.places) == len(SMALL.load(None)[0].validation) == 3
    samples, rates = {}, {}
    for name in (BASELINE, METHOD):
        rates[name], samples[name] = screening.sample(VARIANTS[name], 2)
    utterances = sum(len(c) for c in screening.datasets[0].validation)
    for sample in samples.values():
        assert sample.seeds == (1, 2)
        assert sample.confusion.sum(axis=(1, 2, 3)).tolist() == [utterances] * 2
    assert set(rates.values()) <= set(SMALL.rates)


def test_training_of_the_simulator_is_as_shipped() -> None:
    (screened,) = DATA["synthetic"].load(None)
    assert len(screened.train) == 120
    assert len(screened.validation) == 150
    assert screened.test is None


def test_the_table_has_a_difference_to_each_of_the_first_two() -> None:
    rng = np.random.default_rng(0)
    drawn = [rng.integers(0, 9, (3, 12, 2, 2)) for _ in range(3)]
    names = (BASELINE, METHOD, "other")
    samples = {n: Sample((1, 2, 3), c) for n, c in zip(names, drawn, strict=True)}
    metric = Metric.named("weighted_f1", ("no", "yes"))
    lines = rows(samples, dict.fromkeys(names, 0.001), metric)
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    means = [100 * samples[name].scores(metric).mean() for name in names]
    assert [row[0] for row in cells] == list(names)
    assert cells[0][3] == cells[1][4] == "-"
    assert float(cells[2][3].split()[0]) == pytest.approx(means[2] - means[0], abs=0.006)
    assert float(cells[2][4].split()[0]) == pytest.approx(means[2] - means[1], abs=0.006)
