"""Many datasets, several methods: which methods rank higher than chance would have it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
from scipy import stats

from sslcl.errors import InputError, unknown
from study.stats.metrics import Floats
from study.stats.verdicts import SIGNIFICANCE, correct

PostHoc = Literal["nemenyi", "wilcoxon"]
_POST_HOC = ("nemenyi", "wilcoxon")


@dataclass(frozen=True)
class Ranking:
    """How methods rank over datasets; methods are in order of their average rank, best first.

    Args:
        methods: their names.
        average_ranks: of each, 1 is best; ties share the mean of their ranks.
        datasets: how many the ranks are averaged over.
        friedman_p: of all methods ranking alike.
        critical_difference: of two average ranks at the 5 % level after Nemenyi.
        p_values: ``(method, method)``, the better ranked first, to the corrected p-value of the
            pair.
        groups: largest runs of at least two methods, no two of which can be told apart.
        post_hoc: what compares the pairs.
    """

    methods: tuple[str, ...]
    average_ranks: tuple[float, ...]
    datasets: int
    friedman_p: float
    critical_difference: float
    p_values: Mapping[tuple[str, str], float]
    groups: tuple[tuple[str, ...], ...]
    post_hoc: PostHoc

    @property
    def words(self) -> str:
        """What was tested, and whether the methods differ at all."""
        shown = self.friedman_p < SIGNIFICANCE
        p = "< 0.001" if self.friedman_p < 0.001 else f"= {self.friedman_p:.3f}"
        test = "Nemenyi's test" if self.post_hoc == "nemenyi" else "Wilcoxon's test after Holm"
        return (
            f"{len(self.methods)} methods ranked on {self.datasets} datasets: "
            f"{'they differ' if shown else 'no difference is shown'} (Friedman p {p}); pairs by "
            f"{test}, critical difference of average ranks {self.critical_difference:.2f}."
        )


def rank_methods(
    scores: Mapping[str, Mapping[str, float]],
    *,
    post_hoc: PostHoc = "nemenyi",
    more_is_better: bool = True,
) -> Ranking:
    """Rank methods on every dataset and test whether their average ranks differ.

    Friedman's test comes first: over N datasets and k methods it asks whether all rank alike. The
    pairs are compared by Nemenyi's test, which finds two methods different at the 5 % level where
    their average ranks differ by at least

        CD = q sqrt(k (k + 1) / (6 N))

    with q the 95 % quantile of the studentised range of k groups, infinite degrees of freedom,
    over sqrt(2); or by Wilcoxon's signed-rank test of the scores, Holm-corrected over the pairs,
    which does not depend on the other methods. A pair is told apart only where Friedman's test
    finds a difference at all. Datasets are the independent units: scores are means over seeds.

    Args:
        scores: dataset to method to score; every dataset has all methods.
        post_hoc: ``nemenyi`` or ``wilcoxon``.
        more_is_better: whether the highest score ranks first.

    Raises:
        InputError: for fewer than three methods or two datasets, or a score that is missing.

    Sources: Demšar, "Statistical comparisons of classifiers over multiple data sets", JMLR 7
    (2006); Benavoli, Corani and Mangili, "Should we really use post-hoc tests based on
    mean-ranks?", JMLR 17 (2016), for Wilcoxon's.
    """
    if post_hoc not in _POST_HOC:
        raise unknown("post-hoc test", post_hoc, _POST_HOC)
    methods, table = _table(scores)
    ranks = stats.rankdata(-table if more_is_better else table, axis=1)
    averages = ranks.mean(axis=0)
    order = np.argsort(averages, kind="stable")
    names = tuple(methods[i] for i in order)
    friedman_p = _friedman_p(table)
    pairs = _nemenyi(averages, len(table)) if post_hoc == "nemenyi" else _wilcoxon(table)
    p_values = {
        (methods[i], methods[j]): pairs[i, j] for i, j in combinations([int(o) for o in order], 2)
    }
    return Ranking(
        methods=names,
        average_ranks=tuple(float(averages[i]) for i in order),
        datasets=len(table),
        friedman_p=friedman_p,
        critical_difference=critical_difference(len(names), len(table)),
        p_values=p_values,
        groups=_groups(names, p_values, differ=friedman_p < SIGNIFICANCE),
        post_hoc=post_hoc,
    )


def critical_difference(methods: int, datasets: int) -> float:
    """Nemenyi's critical difference of average ranks at the 5 % level.

    Example:
        >>> round(critical_difference(4, 14), 2)
        1.25
    """
    quantile = stats.studentized_range.ppf(1 - SIGNIFICANCE, methods, math.inf) / math.sqrt(2)
    return float(quantile * _error(methods, datasets))


def _error(methods: int, datasets: int) -> float:
    """Standard error of a difference of two average ranks."""
    return math.sqrt(methods * (methods + 1) / (6 * datasets))


def _table(scores: Mapping[str, Mapping[str, float]]) -> tuple[list[str], Floats]:
    """Method names and ``(datasets, methods)`` scores."""
    methods = list(dict.fromkeys(name for row in scores.values() for name in row))
    if len(methods) < 3 or len(scores) < 2:
        raise InputError(
            f"{len(methods)} methods on {len(scores)} datasets: expected at least three methods "
            "on two datasets to rank; compare two methods by their intervals"
        )
    for dataset, row in scores.items():
        for method in methods:
            if method not in row or not math.isfinite(row[method]):
                raise InputError(
                    f"no score of '{method}' on '{dataset}': expected all methods on all datasets"
                )
    return methods, np.array([[row[method] for method in methods] for row in scores.values()])


def _friedman_p(table: Floats) -> float:
    if not np.ptp(table, axis=1).any():
        return 1.0
    return float(stats.friedmanchisquare(*table.T).pvalue)


def _nemenyi(averages: Floats, datasets: int) -> Floats:
    distances = np.abs(averages[:, None] - averages[None]) / _error(len(averages), datasets)
    tails: Floats = stats.studentized_range.sf(distances * math.sqrt(2), len(averages), math.inf)
    return tails


def _wilcoxon(table: Floats) -> Floats:
    pairs = list(combinations(range(table.shape[1]), 2))
    found = [_signed_rank_p(table[:, i] - table[:, j]) for i, j in pairs]
    matrix = np.ones((table.shape[1], table.shape[1]))
    for (i, j), p_value in zip(pairs, correct(found), strict=True):
        matrix[i, j] = matrix[j, i] = p_value
    return matrix


def _signed_rank_p(differences: Floats) -> float:
    return float(stats.wilcoxon(differences).pvalue) if differences.any() else 1.0


def _groups(
    names: tuple[str, ...], p_values: Mapping[tuple[str, str], float], *, differ: bool
) -> tuple[tuple[str, ...], ...]:
    """Largest runs of neighbours in which no pair is told apart."""
    if not differ:
        return (names,)
    runs: list[tuple[int, int]] = []
    for start in range(len(names)):
        end = start + 1
        while end < len(names) and all(
            p_values[other, names[end]] >= SIGNIFICANCE for other in names[start:end]
        ):
            end += 1
        if end - start > 1 and not any(first <= start and end <= last for first, last in runs):
            runs.append((start, end))
    return tuple(names[start:end] for start, end in runs)
