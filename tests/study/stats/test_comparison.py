"""The intervals and tests hold what they promise, and the usual short cuts do not."""

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score

from sslcl.errors import InputError
from sslcl.metrics import margins
from study.stats.comparison import (
    CellComparison,
    Draws,
    Sample,
    compare_cells,
    standardised,
)
from study.stats.metrics import Metric
from study.stats.spread import spread_of

from .chance import ACCURACY, CLASSES, LABELS, most_false_positives, simulate, true_difference


def other(
    cells: dict[str, Sample], metric: Metric = ACCURACY, resamples: int = 300
) -> CellComparison:
    return compare_cells(cells, "reference", metric, draws=Draws(resamples))["other"]


def utterance_level_p(cells: dict[str, Sample]) -> float:
    """What treating all utterances of all seeds as independent would say of the accuracies."""
    hits = [np.trace(c.confusion.sum((0, 1))) for c in cells.values()]
    total = cells["reference"].confusion.sum()
    rates = np.array(hits) / total
    error = np.sqrt((rates * (1 - rates)).sum() / total)
    return float(2 * scipy_stats.norm.sf(abs(rates[1] - rates[0]) / error))


def seed_level_p(cells: dict[str, Sample]) -> float:
    """What a paired t-test over the seeds' scores on the one test set would say."""
    reference, changed = (c.scores(ACCURACY) for c in cells.values())
    return float(scipy_stats.ttest_rel(changed, reference).pvalue)


def seed_bootstrap_p(cells: dict[str, Sample]) -> float:
    """0 where the plain percentile bootstrap over the seeds excludes no difference, else 1."""
    reference, changed = (c.scores(ACCURACY) for c in cells.values())
    difference = changed - reference
    draws = np.random.default_rng(0).integers(len(difference), size=(500, len(difference)))
    low, high = np.percentile(difference[draws].mean(1), [2.5, 97.5])
    return float(low <= 0 <= high)


RUNS = 400
SCENARIOS: dict[str, dict[str, float]] = {
    "both": {},
    "seeds": {"seed_sd": 0.6, "conversation_sd": 0.05, "both_sd": 0.0},
    "conversations": {"seed_sd": 0.0, "conversation_sd": 0.7, "both_sd": 0.0},
    "interaction": {"seed_sd": 0.0, "conversation_sd": 0.0, "both_sd": 0.8},
    "two seeds": {"seeds": 2, "seed_sd": 0.6, "conversation_sd": 0.15},
    "few conversations": {"conversations": 12},
}


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_no_effect_is_called_an_effect_at_most_one_time_in_twenty(scenario: str) -> None:
    rng = np.random.default_rng(7)
    p_values = [other(simulate(rng, **SCENARIOS[scenario])).p_value for _ in range(RUNS)]
    assert np.mean(np.array(p_values) < 0.05) <= most_false_positives(RUNS)


@pytest.mark.parametrize("metric", ["weighted_f1", "macro_f1", "f1:joy"])
def test_the_same_holds_for_f1(metric: str) -> None:
    rng = np.random.default_rng(8)
    scored = Metric.named(metric, LABELS)
    p_values = [other(simulate(rng), scored).p_value for _ in range(RUNS)]
    assert np.mean(np.array(p_values) < 0.05) <= most_false_positives(RUNS)


@pytest.mark.parametrize("naive", [utterance_level_p, seed_level_p, seed_bootstrap_p])
def test_the_usual_short_cuts_fail_the_same_test(
    naive: Callable[[dict[str, Sample]], float],
) -> None:
    rng = np.random.default_rng(7)
    p_values = [naive(simulate(rng, conversation_sd=0.7)) for _ in range(RUNS)]
    assert np.mean(np.array(p_values) < 0.05) > 2 * most_false_positives(RUNS)


def test_seed_bootstrap_is_too_narrow_even_where_only_seeds_matter() -> None:
    rng = np.random.default_rng(9)
    p_values = [seed_bootstrap_p(simulate(rng, **SCENARIOS["seeds"])) for _ in range(RUNS)]
    assert np.mean(np.array(p_values) < 0.05) > most_false_positives(RUNS)


@pytest.mark.parametrize("metric", ["accuracy", "weighted_f1"])
def test_intervals_cover_a_known_effect(metric: str) -> None:
    effect = {"effect": 0.5, "both_sd": 0.0}
    scored = Metric.named(metric, LABELS)
    truth = true_difference(scored, effect)
    rng = np.random.default_rng(10)
    intervals = [other(simulate(rng, **effect), scored) for _ in range(RUNS)]
    covered = np.mean([row.ci_low <= truth <= row.ci_high for row in intervals])
    assert 1 - most_false_positives(RUNS) <= covered <= 0.995
    assert truth > 0.05


def test_power_grows_with_the_effect() -> None:
    rng = np.random.default_rng(12)
    found = [
        np.mean([other(simulate(rng, effect=effect)).p_value < 0.05 for _ in range(100)])
        for effect in (0.0, 0.5, 1.2)
    ]
    assert found[0] < 0.15 < found[1] < found[2]
    assert found[2] > 0.9


@given(seed=st.integers(0, 10_000), seeds=st.integers(1, 6), effect=st.sampled_from([0.0, 0.4]))
@settings(max_examples=60, deadline=None)
def test_p_value_and_interval_agree(seed: int, seeds: int, effect: float) -> None:
    row = other(simulate(np.random.default_rng(seed), seeds=seeds, effect=effect), resamples=100)
    assert (row.p_value < 0.05) == (not row.ci_low <= 0 <= row.ci_high)
    assert row.ci_low <= row.difference <= row.ci_high
    assert 0 <= row.p_value <= 1


@given(
    labels=st.lists(st.integers(0, 2), min_size=1, max_size=40),
    seed=st.integers(0, 1000),
)
def test_metrics_agree_with_scikit_learn(labels: list[int], seed: int) -> None:
    predicted = np.random.default_rng(seed).integers(0, CLASSES, len(labels))
    counts = margins(confusion_matrix(labels, predicted, labels=range(CLASSES)))
    score = partial(f1_score, labels, predicted, zero_division=0)

    def ours(name: str) -> float:
        return float(Metric.named(name, LABELS).score(counts))

    assert ours("accuracy") == pytest.approx(accuracy_score(labels, predicted))
    assert ours("weighted_f1") == pytest.approx(score(average="weighted"))
    assert ours("macro_f1") == pytest.approx(score(average="macro"))
    assert ours("f1:joy") == pytest.approx(score(labels=[1], average="macro"))


def test_variance_parts_equal_a_literal_recomputation() -> None:
    """Interval of a small case, step by step from the definition, with loops."""
    cells = simulate(np.random.default_rng(3), seeds=4, conversations=8)
    resamples, seeds, count = 200, 4, 8
    draws = np.random.default_rng(0).multinomial(count, np.full(count, 1 / count), size=resamples)

    def difference(seed: int, weights: np.ndarray) -> float:
        scores = []
        for name in ("other", "reference"):
            confusion = sum(
                w * c for w, c in zip(weights, cells[name].confusion[seed], strict=True)
            )
            scores.append(np.trace(confusion) / confusion.sum())
        return float(scores[0] - scores[1])

    whole = np.array([difference(s, np.ones(count)) for s in range(seeds)])
    drawn = np.array([[difference(s, w) for s in range(seeds)] for w in draws])
    inflate = count / (count - 1)
    v_seeds = np.var(whole, ddof=1) / seeds
    v_conversations = np.var([row.mean() for row in drawn], ddof=1) * inflate
    v_both = np.mean([np.var(row - whole, ddof=1) for row in drawn]) / seeds * inflate
    t_seeds, t_conversations = (scipy_stats.t.ppf(0.975, k - 1) ** 2 for k in (seeds, count))
    half = np.sqrt(
        max(
            (1 + 1.35 / seeds**2) ** 2 * t_seeds * v_seeds
            + t_conversations * max(0.0, v_conversations - v_both),
            t_conversations * v_conversations,
        )
    )
    row = other(cells, resamples=resamples)
    assert row.difference == pytest.approx(whole.mean())
    assert row.ci_high - row.difference == pytest.approx(half)


@pytest.mark.parametrize("metric", ["accuracy", "weighted_f1"])
def test_two_level_bootstrap_estimates_the_same_and_counts_what_is_in_both_thrice(
    metric: str,
) -> None:
    scored = Metric.named(metric, LABELS)
    rng = np.random.default_rng(13)
    seeds, count, draws = 5, 20, 4000
    cells = simulate(rng, seeds=seeds, conversations=count, both_sd=1.0)
    one, two = margins(cells["other"].confusion), margins(cells["reference"].confusion)

    def differences(weights: np.ndarray) -> np.ndarray:
        return scored.score(np.tensordot(weights, one, (1, 1))) - scored.score(
            np.tensordot(weights, two, (1, 1))
        )

    drawn = differences(rng.multinomial(count, np.full(count, 1 / count), draws).astype(float))
    whole = differences(np.ones((1, count)))[0]
    spread = spread_of(whole, drawn, count)
    assert spread is not None
    again = differences(rng.multinomial(count, np.full(count, 1 / count), draws).astype(float))
    taken = rng.multinomial(seeds, np.full(seeds, 1 / seeds), draws) / seeds
    few_seeds, few_conversations = (seeds - 1) / seeds, (count - 1) / count
    predicted = (
        few_seeds * spread.by_seed
        + few_conversations * spread.by_conversation
        + few_seeds * few_conversations * spread.both
    )
    # The standard error of a variance from 4,000 draws is about 2 %.
    assert (again * taken).sum(1).var() == pytest.approx(predicted, rel=0.08)
    assert spread.both > 0.1 * predicted


def test_effect_size_is_unbiased_and_knows_its_limits() -> None:
    rng = np.random.default_rng(14)
    sizes = [standardised(rng.normal(0.7, 1.0, size=4)) for _ in range(20_000)]
    assert np.mean(sizes) == pytest.approx(0.7, abs=0.03)
    differences = np.array([0.01, 0.03, 0.02])
    # With two degrees of freedom the correction is 1 / sqrt(pi).
    assert standardised(differences) == pytest.approx(0.02 / 0.01 / np.sqrt(np.pi))
    assert np.isnan([standardised(np.array(few)) for few in ([], [0.1], [0.1, 0.2])]).all()
    assert np.isnan(standardised(np.full(5, 0.1)))


def test_identical_cells_differ_by_nothing() -> None:
    cells = simulate(np.random.default_rng(1))
    row = compare_cells({**cells, "twin": cells["reference"]}, "reference", ACCURACY)["twin"]
    assert (row.difference, row.ci_low, row.ci_high, row.p_value) == (0, 0, 0, 1)


def test_one_seed_speaks_for_conversations_only_and_says_so() -> None:
    row = other(simulate(np.random.default_rng(2), seeds=1))
    assert not row.covers_seeds
    assert np.isnan(row.sd)
    assert row.ci_low < row.difference < row.ci_high


def test_what_cannot_be_known_is_nan() -> None:
    one = simulate(np.random.default_rng(2), conversations=1)
    assert np.isnan([other(one).ci_low, other(one).p_value]).all()
    cells = simulate(np.random.default_rng(2))
    cells["other"] = Sample((10, 11, 12, 13, 14), cells["other"].confusion)
    apart = other(cells)
    assert apart.n == 5
    assert apart.pairs == 0
    assert np.isnan([apart.difference, apart.ci_high, apart.p_value]).all()


def test_pairs_are_the_common_seeds_in_any_order() -> None:
    cells = simulate(np.random.default_rng(4), seeds=5)
    full = cells["other"]
    kept = [4, 0, 2]
    cells["other"] = Sample((4, 0, 2), full.confusion[kept])
    row = other(cells)
    expected = full.scores(ACCURACY)[kept] - cells["reference"].scores(ACCURACY)[kept]
    assert (row.n, row.pairs) == (3, 3)
    assert row.difference == pytest.approx(expected.mean())


def test_deterministic_and_independent_of_the_other_cells() -> None:
    cells = simulate(np.random.default_rng(5))
    extra = {**cells, "more": simulate(np.random.default_rng(6))["other"]}
    assert other(cells) == other(cells)
    same_shape = {**extra, "more": cells["other"]}
    assert compare_cells(same_shape, "reference", ACCURACY, draws=Draws(300))["other"] == other(
        cells
    )


def test_bad_input_is_told_in_one_line() -> None:
    cells = simulate(np.random.default_rng(5), conversations=4)
    more = simulate(np.random.default_rng(5), conversations=5)
    with pytest.raises(InputError, match="differ in conversations"):
        compare_cells({**cells, "more": more["other"]}, "reference", ACCURACY)
    with pytest.raises(InputError, match="did you mean 'reference'"):
        compare_cells(cells, "referense", ACCURACY)
    with pytest.raises(InputError, match="did you mean 'f1:joy'"):
        Metric.named("f1:jo", LABELS)
    with pytest.raises(InputError, match="not distinct"):
        Sample((1, 1), np.zeros((2, 3, 2, 2), dtype=np.int64))
