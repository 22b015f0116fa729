"""An ablation with looks, scored by more than one kind of prediction."""

import numpy as np

from search_spaces.schema import FIRST_ABLATION_SEED
from study.analysis.looks import LookedAblation
from study.stats.comparison import Sample, compare_cells
from study.stats.metrics import Metric
from study.stats.sequential import Rule, at_look, planned_looks

LOOKS = planned_looks((3, 6))
METRIC = Metric.named("weighted_f1", ("no", "yes"))
MARGIN = 0.01


def sample(count: int, right: float, seed: int) -> Sample:
    """Predictions of so many seeds on 12 conversations, mostly right."""
    rng = np.random.default_rng(seed)
    hits = rng.binomial(8, right, size=(count, 12, 2))
    confusion = np.zeros((count, 12, 2, 2), dtype=np.int64)
    confusion[..., 0, 0], confusion[..., 1, 1] = hits[..., 0], hits[..., 1]
    confusion[..., 0, 1], confusion[..., 1, 0] = 8 - hits[..., 0], 8 - hits[..., 1]
    seeds = tuple(range(FIRST_ABLATION_SEED, FIRST_ABLATION_SEED + count))
    return Sample(seeds, confusion)


def test_scores_of_probes_are_those_of_the_probes_and_never_of_what_decided() -> None:
    own = {"reference": sample(6, 0.8, 0), "x=1": sample(3, 0.2, 1)}
    probes = {"reference": sample(6, 0.6, 2), "x=1": sample(3, 0.6, 3)}
    ended = {cell: set(one.seeds) for cell, one in own.items()}
    looked = LookedAblation(Rule(LOOKS, MARGIN), "reference", own, ended, ("no", "yes"))
    assert looked.standing["x=1"].stop is not None
    expected = compare_cells(probes, "reference", METRIC, smallest_difference=MARGIN)["x=1"]
    assert looked.compared(METRIC, probes)["x=1"] == at_look(expected, LOOKS[0], MARGIN)
    assert looked.compared(METRIC)["x=1"] == looked.standing["x=1"].compared
    assert looked.stopped(probes)["x=1"] is not None
    assert abs(looked.compared(METRIC, probes)["x=1"].difference) < 0.2
    assert looked.compared(METRIC)["x=1"].difference < -0.4
