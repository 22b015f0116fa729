"""Variances borrow from rows like them, and from nothing else."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.special import digamma, polygamma

from study.stats.moderation import inverse_trigamma, moderate
from study.stats.spread import Spread, moderated


def by_the_book(variances: list[float], freedom: list[float]) -> list[tuple[float, float]]:
    """Variance and degrees of freedom of every row, row by row from the definition."""
    varied = [v > 1e-24 for v in variances]
    unbiased = sorted(
        v * d / stats.chi2.median(d)
        for v, d, known in zip(variances, freedom, varied, strict=True)
        if known
    )
    mean_freedom = float(np.mean(freedom))
    pooled = len(variances) * mean_freedom / (1 + (len(variances) - 1) / 4)
    own, lending = [], []
    for v, d, known in zip(variances, freedom, varied, strict=True):
        ratio = v / float(np.median(unbiased)) if unbiased else 0.0
        high, low = stats.f.sf(ratio, d, pooled), stats.f.cdf(ratio, d, pooled)
        odd = low < 0.001 / len(variances)
        own.append(not known or odd or high < 1 / 3)
        if known and not odd and high >= 0.05:
            lending.append(v)
    if len(lending) < 3:
        return list(zip(variances, freedom, strict=True))
    e = [
        math.log(v) - digamma(d / 2) + math.log(d / 2)
        for v, d, known in zip(variances, freedom, varied, strict=True)
        if known
    ]
    noise = float(np.mean([polygamma(1, d / 2) for d in freedom]))
    excess = np.var(e, ddof=1) - 0.75 * noise + noise * math.sqrt(2 / (len(e) - 1))
    prior = 2 * float(inverse_trigamma(np.array(max(excess, 1e-6)))) if excess > 0 else math.inf
    most = len(lending) * mean_freedom / (1 + (len(lending) - 1) / 4) - mean_freedom
    prior = min(prior, max(most, 0.0))
    common = float(np.mean(lending))
    return [
        (v, d) if alone else ((prior * common + d * v) / (prior + d), prior + d)
        for v, d, alone in zip(variances, freedom, own, strict=True)
    ]


@settings(max_examples=80, deadline=None)
@given(
    st.lists(
        st.tuples(st.one_of(st.just(0.0), st.floats(1e-3, 1e3)), st.integers(1, 20)),
        min_size=3,
        max_size=20,
    )
)
def test_moderation_equals_a_literal_recomputation(rows: list[tuple[float, int]]) -> None:
    variances, freedom = [v for v, _ in rows], [float(d) for _, d in rows]
    shared = moderate(np.array(variances), np.array(freedom))
    for i, (variance, total) in enumerate(by_the_book(variances, freedom)):
        assert shared.variances[i] == pytest.approx(variance)
        assert shared.freedom[i] == pytest.approx(total)
        assert shared.freedom[i] >= freedom[i]


@settings(max_examples=80, deadline=None)
@given(st.lists(st.floats(1e-3, 1e3), min_size=3, max_size=15), st.integers(2, 19))
def test_rows_far_above_the_median_are_skewed_and_with_them_all_high_ones(
    variances: list[float], freedom: int
) -> None:
    median = float(np.median(variances)) * freedom / stats.chi2.median(freedom)
    pooled = len(variances) * freedom / (1 + (len(variances) - 1) / 4)
    high = [stats.f.sf(v / median, freedom, pooled) for v in variances]
    expected = [min(high) < 0.01 and p < 1 / 3 for p in high]
    shared = moderate(np.array(variances), np.full(len(variances), float(freedom)))
    assert list(shared.skewed) == expected
    assert not (shared.skewed & ~shared.own).any()


@pytest.mark.parametrize("seeds", [3, 5, 10, 20])
def test_skewed_rows_have_wide_intervals(seeds: int) -> None:
    plain = Spread(0.4, 0.1, 0.0, seeds, 30, widened=True)
    skewed = replace(plain, skewed=True)
    quantile = stats.t.ppf(0.995, seeds - 1)
    by_conversation = 0.1 * stats.t.ppf(0.995, 29) ** 2
    for spread, widening in (
        (plain, 1 + 1.35 / seeds**2),
        (skewed, 1 + 2.5 / math.sqrt(seeds)),
    ):
        expected = math.sqrt(0.4 * (widening * quantile) ** 2 + by_conversation)
        assert spread.half_width(0.01) == pytest.approx(expected)


@given(st.floats(1e-5, 1e5))
def test_trigamma_is_inverted(value: float) -> None:
    assert polygamma(1, float(inverse_trigamma(np.array(value)))) == pytest.approx(value)


def test_many_tables_at_once_are_each_as_by_themselves() -> None:
    tables = np.random.default_rng(0).chisquare(4, (6, 15))
    together = moderate(tables, np.full(15, 4.0))
    for i, table in enumerate(tables):
        alone = moderate(table, np.full(15, 4.0))
        assert together.variances[i] == pytest.approx(alone.variances)
        assert together.prior_freedom[i] == pytest.approx(alone.prior_freedom)


def test_rows_that_agree_borrow_and_come_closer() -> None:
    variances = np.array([0.8, 1.0, 1.2, 0.9, 1.1, 1.05])
    shared = moderate(variances, np.full(6, 4.0))
    assert not shared.own[variances <= 1.1].any()
    assert np.ptp(shared.variances) < np.ptp(variances)
    assert shared.prior_freedom > 4


def test_rows_that_disagree_borrow_next_to_nothing() -> None:
    variances = np.array([1e-3, 1e-2, 1e-1, 1.0, 1e1, 1e2, 1e3, 1e4])
    assert moderate(variances, np.full(8, 4.0)).prior_freedom < 1


def test_a_row_of_unlike_variance_neither_lends_nor_borrows() -> None:
    variances = np.array([1.0, 0.9, 1.1, 1.05, 0.95, 1.0, 400.0])
    shared = moderate(variances, np.full(7, 4.0))
    assert shared.own[-1]
    assert (shared.variances[-1], shared.freedom[-1]) == (400.0, 4.0)
    assert shared.variances[:-1].max() < 1.2


def test_an_identical_cell_stands_apart() -> None:
    shared = moderate(np.array([1.0, 0.9, 1.1, 0.0]), np.full(4, 4.0))
    assert (shared.variances[-1], shared.freedom[-1]) == (0.0, 4.0)
    assert shared.prior_freedom > 0


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_one_or_two_rows_keep_their_own(rows: int) -> None:
    shared = moderate(np.ones(rows), np.full(rows, 4.0))
    assert shared.own.all()
    assert (shared.freedom == 4).all()
    assert shared.prior_freedom == 0


def test_a_row_with_one_pair_has_nothing_to_moderate() -> None:
    one = Spread(0.0, 1.0, 0.0, 1, 10)
    rows = {str(i): Spread(v, 1.0, 0.0, 5, 10) for i, v in enumerate((0.9, 1.0, 1.1))}
    shared = moderated({**rows, "one": one})
    assert shared["one"] == one
    assert shared["0"].seed_freedom > 4
    assert shared["0"].by_seed > 0.9
