"""Ranks, their test and their critical difference, against tables and libraries."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import stats as scipy_stats

from sslcl.errors import InputError
from study.reporting.figures.rank_diagram import save_rank_diagram
from study.stats.ranks import critical_difference, rank_methods

from .chance import most_false_positives

METHODS = ("one", "two", "three", "four")


def table(scores: np.ndarray) -> dict[str, dict[str, float]]:
    return {
        f"data{i}": {METHODS[j]: float(score) for j, score in enumerate(row)}
        for i, row in enumerate(scores)
    }


def test_ranks_worked_out_by_hand() -> None:
    scores = {
        "a": {"one": 0.9, "two": 0.8, "three": 0.8},
        "b": {"one": 0.7, "two": 0.6, "three": 0.5},
    }
    found = rank_methods(scores)
    assert (found.methods, found.average_ranks) == (("one", "two", "three"), (1.0, 2.25, 2.75))
    assert found.datasets == 2
    less = rank_methods(scores, more_is_better=False)
    assert less.methods == ("three", "two", "one")
    assert less.average_ranks == (1.25, 1.75, 3.0)


@pytest.mark.parametrize(
    ("methods", "quantile"),
    [(3, 2.343), (4, 2.569), (5, 2.728), (7, 2.949), (10, 3.164)],
)
def test_critical_difference_has_the_published_quantiles(methods: int, quantile: float) -> None:
    """Table 5(a) of Demšar (2006)."""
    expected = quantile * np.sqrt(methods * (methods + 1) / (6 * 12))
    assert critical_difference(methods, 12) == pytest.approx(expected, rel=1e-3)


def test_friedman_agrees_with_scipy_and_nemenyi_with_its_critical_difference() -> None:
    scores = np.random.default_rng(71).normal(size=(12, 4)) + np.array([0, 0.4, 1.0, 1.8])
    found = rank_methods(table(scores))
    assert found.friedman_p == pytest.approx(scipy_stats.friedmanchisquare(*scores.T).pvalue)
    ranks = dict(zip(found.methods, found.average_ranks, strict=True))
    assert found.methods[0] == "four"
    for (better, other), p_value in found.p_values.items():
        far = ranks[other] - ranks[better]
        assert far >= 0
        assert (p_value < 0.05) == (far > found.critical_difference)


def test_p_values_are_those_of_the_formula() -> None:
    """Nemenyi: the studentised range of sqrt(2) x rank difference / sqrt(k (k + 1) / (6 N))."""
    scores = np.random.default_rng(72).normal(size=(15, 4)).round(1) + np.array([0, 0, 0, 1.0])
    ranking = rank_methods(table(scores))
    ranks = dict(zip(METHODS, scipy_stats.rankdata(-scores, axis=1).mean(0), strict=True))
    error = np.sqrt(4 * 5 / (6 * 15))
    assert len(ranking.p_values) == 6
    for (better, worse), p_value in ranking.p_values.items():
        distance = abs(ranks[better] - ranks[worse]) / error
        expected = scipy_stats.studentized_range.sf(distance * np.sqrt(2), 4, np.inf)
        assert p_value == pytest.approx(expected, rel=1e-12)


def test_groups_are_the_largest_runs_that_cannot_be_told_apart() -> None:
    rng = np.random.default_rng(73)
    scores = rng.normal(0, 0.05, size=(30, 4)) + np.array([3.0, 2.0, 1.99, 0.0])
    found = rank_methods(table(scores))
    assert found.groups == (("two", "three"),) or found.groups == (("three", "two"),)
    chain = rng.normal(0, 1.0, size=(16, 4)) + np.array([2.1, 1.4, 0.7, 0.0])
    overlapping = rank_methods(table(chain)).groups
    assert len(overlapping) > 1
    assert set(overlapping[0]) & set(overlapping[1])
    assert not set(overlapping[0]) <= set(overlapping[1])


def test_methods_that_are_alike_are_told_apart_one_time_in_twenty() -> None:
    rng = np.random.default_rng(74)
    runs = 300
    wrong = friedman = 0
    for _ in range(runs):
        hard = rng.normal(0, 3, size=(10, 1))
        found = rank_methods(table(hard + rng.normal(size=(10, 4))))
        wrong += found.groups != (found.methods,)
        friedman += found.friedman_p < 0.05
    assert wrong / runs <= most_false_positives(runs)
    assert friedman / runs <= most_false_positives(runs)


def test_equal_scores_are_one_group() -> None:
    ranking = rank_methods(table(np.ones((5, 4))))
    assert (ranking.friedman_p, ranking.groups) == (1.0, (METHODS,))
    assert "no difference is shown (Friedman p = 1.000)" in ranking.words


def test_bad_input_is_told_in_one_line() -> None:
    whole = table(np.arange(8.0).reshape(2, 4))
    del whole["data1"]["two"]
    with pytest.raises(InputError, match="no score of 'two' on 'data1'"):
        rank_methods(whole)
    with pytest.raises(InputError, match="2 methods on 1 datasets: expected at least three"):
        rank_methods({"a": {"x": 1.0, "y": 2.0}})


def test_diagram_is_a_picture(tmp_path: Path) -> None:
    scores = np.random.default_rng(75).normal(size=(12, 4)) + np.array([0, 0.4, 1.0, 1.8])
    for name, values in (("differ", scores), ("alike", np.ones((5, 4)))):
        path = tmp_path / f"{name}.png"
        save_rank_diagram(rank_methods(table(values)), path, "Four methods")
        pixels = np.asarray(Image.open(path).convert("L"))
        assert pixels.shape[1] == 1440
        assert (pixels < 128).any(axis=1).mean() > 0.2
