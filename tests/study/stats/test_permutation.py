"""Exchanging cell and reference: exact where it says so, valid under its null, and no more."""

from itertools import product

import numpy as np
import pytest
from scipy import stats as scipy_stats

from sslcl.errors import InputError
from study.stats.comparison import Draws, Sample, compare_cells
from study.stats.metrics import Metric
from study.stats.permutation import permutation_tests, sign_flip_p, smallest_p

from .chance import ACCURACY, LABELS, most_false_positives, simulate


def p_of(cells: dict[str, Sample], metric: Metric = ACCURACY, draws: int = 999) -> float:
    return permutation_tests(cells, "reference", metric, draws=draws)["other"]


def difference(one: np.ndarray, two: np.ndarray, metric: Metric) -> float:
    """Mean over the seeds of the difference of ``(S, K, C, C)`` counts, without any margins."""
    scores = [[Sample((0,), counts[None]).scores(metric)[0] for counts in c] for c in (one, two)]
    return float(np.mean(scores[0]) - np.mean(scores[1]))


def naive_p(cells: dict[str, Sample], metric: Metric) -> float:
    """Both enumerations, one exchange after the other."""
    one, two = cells["other"].confusion, cells["reference"].confusion
    seeds, count = one.shape[:2]
    seen = abs(difference(one, two, metric)) - 1e-12
    single = [difference(one[[s]], two[[s]], metric) for s in range(seeds)]
    by_seed = [
        abs(np.mean([-d if flip else d for flip, d in zip(flips, single, strict=True)]))
        for flips in product((0, 1), repeat=seeds)
    ]
    by_conversation = []
    for flips in product((0, 1), repeat=count):
        swap = np.array(flips, dtype=bool)[None, :, None, None]
        moved = np.where(swap, two, one), np.where(swap, one, two)
        by_conversation.append(abs(difference(*moved, metric)))
    return max(float(np.mean(np.array(found) >= seen)) for found in (by_seed, by_conversation))


@pytest.mark.parametrize("metric", ["accuracy", "weighted_f1", "f1:joy"])
@pytest.mark.parametrize("effect", [0.0, 1.0])
def test_exact_where_there_are_few_exchanges(metric: str, effect: float) -> None:
    rng = np.random.default_rng(21)
    scored = Metric.named(metric, LABELS)
    cells = simulate(rng, seeds=3, conversations=7, effect=effect)
    assert p_of(cells, scored) == pytest.approx(naive_p(cells, scored))


def test_random_exchanges_come_near_the_exact_value() -> None:
    cells = simulate(np.random.default_rng(22), seeds=2, conversations=12, both_sd=0.0)
    single = {name: Sample((0,), cell.confusion[:1]) for name, cell in cells.items()}
    exact = p_of(single, draws=4095)
    drawn = [permutation_tests(single, "reference", ACCURACY, draws=999, seed=s) for s in range(20)]
    assert np.mean([d["other"] for d in drawn]) == pytest.approx(exact, abs=0.015)
    assert min(d["other"] for d in drawn) >= 1 / 1000


def test_sign_flips_agree_with_scipy() -> None:
    rng = np.random.default_rng(23)
    for size in (2, 5, 9):
        differences = rng.normal(0.3, 1.0, size)
        expected = scipy_stats.permutation_test(
            (differences,), np.mean, permutation_type="samples", n_resamples=np.inf
        )
        assert sign_flip_p(differences) == pytest.approx(expected.pvalue)
    assert sign_flip_p(np.full(5, 0.1)) == smallest_p(5) == 0.0625
    many = rng.normal(0.5, 1.0, 30)
    assert sign_flip_p(many) == pytest.approx(scipy_stats.ttest_1samp(many, 0).pvalue, abs=0.01)
    assert np.isnan(sign_flip_p(np.array([0.1])))


NULLS = {
    "seeds differ": {"seed_sd": 0.6, "conversation_sd": 0.0, "both_sd": 0.0},
    "conversations differ": {"seed_sd": 0.0, "conversation_sd": 0.7, "both_sd": 0.0},
    "their combinations differ": {"seed_sd": 0.0, "conversation_sd": 0.0, "both_sd": 0.8},
}


@pytest.mark.parametrize("null", NULLS)
def test_valid_under_its_null(null: str) -> None:
    """Eight seeds, so that p-values below 0.01 are within reach."""
    rng = np.random.default_rng(24)
    drawn = [simulate(rng, seeds=8, conversations=12, **NULLS[null]) for _ in range(300)]
    p_values = np.array([p_of(cells, draws=199) for cells in drawn])
    for level in (0.01, 0.05, 0.2):
        allowed = scipy_stats.binom.ppf(0.999, len(p_values), level) / len(p_values)
        assert np.mean(p_values <= level) <= allowed


def test_it_does_not_add_up_the_two_sources_and_the_interval_does() -> None:
    """Why it is a companion: with many seeds, what seeds and conversations add escapes it."""
    rng = np.random.default_rng(25)
    sizes = {"seeds": 14, "conversations": 25, "seed_sd": 0.5, "conversation_sd": 0.75}
    drawn = [simulate(rng, both_sd=0.0, **sizes) for _ in range(250)]
    exchanged = np.array([p_of(cells, draws=199) for cells in drawn])
    crossed = [
        compare_cells(c, "reference", ACCURACY, draws=Draws(200))["other"].p_value for c in drawn
    ]
    assert np.mean(exchanged <= 0.05) > most_false_positives(len(drawn))
    assert np.mean(np.array(crossed) < 0.05) <= most_false_positives(len(drawn))


def test_never_below_what_the_seeds_allow_and_small_for_a_large_effect() -> None:
    for seeds in (2, 5, 7):
        cells = simulate(np.random.default_rng(26), seeds=seeds, effect=3.0, seed_sd=0.1)
        assert p_of(cells) == pytest.approx(smallest_p(seeds))


def test_no_difference_and_what_cannot_be_known() -> None:
    cells = simulate(np.random.default_rng(27))
    twins = {**cells, "twin": cells["reference"]}
    assert permutation_tests(twins, "reference", ACCURACY, draws=99)["twin"] == 1.0
    apart = {**cells, "other": Sample((7, 8, 9, 10, 11), cells["other"].confusion)}
    assert np.isnan(p_of(apart))
    assert np.isnan(p_of(simulate(np.random.default_rng(27), conversations=1)))


def test_one_seed_exchanges_conversations_alone() -> None:
    cells = simulate(np.random.default_rng(28), seeds=1, effect=3.0)
    assert p_of(cells) == 1 / 1000


def test_other_cells_change_nothing_and_bad_names_are_told() -> None:
    cells = simulate(np.random.default_rng(29))
    assert p_of({**cells, "more": cells["other"]}) == p_of(cells)
    with pytest.raises(InputError, match="did you mean 'reference'"):
        permutation_tests(cells, "referense", ACCURACY)
