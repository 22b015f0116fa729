"""What a comparison could show: the power is 80 % where it is said to be."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import nct, t

from study.stats.comparison import Draws, Sample, compare_cells
from study.stats.metrics import Metric
from study.stats.power import Deviations, detectable_difference, observed_deviations
from study.stats.spread import few_seeds_widening

ACCURACY = Metric("accuracy")
UTTERANCES = 100_000
"""Of every conversation, so that counts can express any accuracy."""

few = settings(max_examples=30, deadline=None)
sds = st.floats(1e-4, 1.0)


def cells(differences: NDArray[np.float64]) -> dict[str, Sample]:
    """A reference that is right half of the time, and a cell better by ``(S, K)`` differences."""
    seeds = tuple(range(len(differences)))

    def sample(accuracy: NDArray[np.float64]) -> Sample:
        right = np.rint(accuracy * UTTERANCES).astype(np.int64)
        counts = np.zeros((*accuracy.shape, 2, 2), dtype=np.int64)
        counts[..., 0, 0], counts[..., 0, 1] = right, UTTERANCES - right
        return Sample(seeds, counts)

    return {"reference": sample(np.full(differences.shape, 0.5)), "cell": sample(0.5 + differences)}


def draw(
    rng: np.random.Generator, true: float, shape: tuple[int, int], sd: tuple[float, float, float]
) -> NDArray[np.float64]:
    """Differences with parts of the seed, of the conversation and of both, of these deviations."""
    by_seed, by_conversation = rng.normal(0, sd[0], (shape[0], 1)), rng.normal(0, sd[1], shape[1])
    return true + by_seed + by_conversation + rng.normal(0, sd[2], shape)


@pytest.mark.parametrize(
    ("shape", "sd"),
    [
        ((5, 30), (0.01, 0.04, 0.0)),
        ((5, 30), (0.002, 0.05, 0.02)),
        ((3, 100), (0.01, 0.02, 0.01)),
        ((10, 12), (0.01, 0.001, 0.01)),
    ],
)
def test_a_difference_of_that_size_is_found_four_times_in_five(
    shape: tuple[int, int], sd: tuple[float, float, float]
) -> None:
    """By the test that the tables use, on differences drawn as they vary in truth."""
    seeds, conversations = shape
    deviations = Deviations(math.hypot(sd[0], sd[2] / math.sqrt(conversations)), sd[1])
    true = detectable_difference(seeds, conversations, deviations)
    rng = np.random.default_rng(20)
    studies = 600
    found = sum(
        compare_cells(
            cells(draw(rng, true, shape, sd)), "reference", ACCURACY, draws=Draws(200, number)
        )["cell"].p_value
        < 0.05
        for number in range(studies)
    )
    # Three standard errors of a share of 600, and 2 % for what the bootstrap estimates.
    assert found / studies == pytest.approx(0.8, abs=0.07)


@few
@given(st.integers(2, 60), sds)
def test_without_variance_between_conversations_it_is_the_widened_paired_t_test(
    seeds: int, sd: float
) -> None:
    difference = detectable_difference(seeds, 20, Deviations(sd, 0.0))
    critical = few_seeds_widening(seeds - 1) * t.ppf(0.975, seeds - 1)
    statistic = nct(seeds - 1, difference / sd * math.sqrt(seeds))
    # The other tail is below 1e-5, and scipy cannot always tell it.
    assert statistic.sf(critical) == pytest.approx(0.8, abs=1e-3)


@settings(max_examples=10, deadline=None)
@given(st.integers(2, 20), st.integers(2, 60), sds, sds)
def test_more_seeds_more_conversations_and_less_spread_find_less(
    seeds: int, conversations: int, by_seed: float, by_conversation: float
) -> None:
    found = detectable_difference(seeds, conversations, Deviations(by_seed, by_conversation))
    less = (
        detectable_difference(seeds + 1, conversations, Deviations(by_seed, by_conversation)),
        detectable_difference(seeds, conversations + 1, Deviations(by_seed, by_conversation)),
        detectable_difference(seeds, conversations, Deviations(by_seed / 2, by_conversation)),
        detectable_difference(seeds, conversations, Deviations(by_seed, by_conversation / 2)),
    )
    assert all(0.0 < other <= found * (1 + 1e-9) for other in less)
    corrected = detectable_difference(
        seeds, conversations, Deviations(by_seed, by_conversation), 0.05 / 10
    )
    assert corrected > found
    assert detectable_difference(5, 30, Deviations(by_seed, by_conversation), rows=15) < (
        detectable_difference(5, 30, Deviations(by_seed, by_conversation))
    )


def test_what_cannot_be_told_from_chance() -> None:
    assert detectable_difference(1, 30, Deviations(0.01, 0.04)) == math.inf
    assert detectable_difference(5, 1, Deviations(0.01, 0.04)) == math.inf
    assert detectable_difference(5, 30, Deviations(0.0, 0.0)) == 0.0


def test_the_observed_deviations_is_the_true_one_on_average() -> None:
    rng = np.random.default_rng(3)
    sd = (0.01, 0.04, 0.03)
    found = [
        observed_deviations(cells(draw(rng, 0.02, (5, 30), sd)), "reference", ACCURACY)
        for _ in range(300)
    ]
    squares = np.mean([(s.seeds**2, s.conversations**2) for s in found if s], axis=0)
    assert squares == pytest.approx([sd[0] ** 2 + sd[2] ** 2 / 30, sd[1] ** 2], rel=0.1)


def test_the_jackknife_of_a_mean_is_the_mean_by_conversation() -> None:
    """Accuracy over conversations of one size is a mean, so its pseudo-values are the scores."""
    differences = np.random.default_rng(1).normal(0, 0.05, (4, 9)).round(4)
    found = observed_deviations(cells(differences), "reference", ACCURACY)
    assert found is not None
    assert found.seeds == pytest.approx(differences.mean(1).std(ddof=1))
    grand = differences.mean()
    both = sum(
        (differences[s, k] - differences[s].mean() - differences[:, k].mean() + grand) ** 2
        for s in range(4)
        for k in range(9)
    ) / (3 * 8)
    between = np.var([differences[:, k].mean() for k in range(9)], ddof=1)
    assert found.conversations == pytest.approx(math.sqrt(max(between - both / 4, 0)))


def test_of_several_cells_it_is_the_median() -> None:
    rng = np.random.default_rng(2)
    three = [cells(draw(rng, 0.0, (3, 8), (0.01, 0.03, 0.01))) for _ in range(3)]
    samples = {"reference": three[0]["reference"]}
    samples |= {f"cell{number}": one["cell"] for number, one in enumerate(three)}
    single = [observed_deviations(one, "reference", ACCURACY) for one in three]
    found = observed_deviations(samples, "reference", ACCURACY)
    assert found is not None
    assert found.seeds == sorted(one.seeds for one in single if one)[1]
    assert found.conversations == sorted(one.conversations for one in single if one)[1]


def test_cells_without_two_common_seeds_tell_nothing() -> None:
    made = cells(np.zeros((2, 5)))
    other = Sample((1, 7), made["cell"].confusion)
    assert observed_deviations({**made, "cell": other}, "reference", ACCURACY) is None
