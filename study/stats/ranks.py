"""Many datasets, several methods: which methods rank higher than chance would have it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import scikit_posthocs
from scipy import stats

from sslcl.errors import InputError
from sslcl.metrics import Floats
from study.stats.verdicts import SIGNIFICANCE


@dataclass(frozen=True)
class Ranking:
    """How methods rank over datasets; methods are in order of their average rank, best first.

    Args:
        methods: their names.
        average_ranks: of each, 1 is best; ties share the mean of their ranks.
        datasets: how many the ranks are averaged over.
        friedman_p: of all methods ranking alike.
        critical_difference: of two average ranks at the 5 % level after Nemenyi.
        p_values: ``(method, method)``, the better ranked first, to the p-value of Nemenyi's test.
        groups: largest runs of at least two methods of which no pair differs significantly.
    """

    methods: tuple[str, ...]
    average_ranks: tuple[float, ...]
    datasets: int
    friedman_p: float
    critical_difference: float
    p_values: Mapping[tuple[str, str], float]
    groups: tuple[tuple[str, ...], ...]

    @property
    def differ(self) -> bool:
        """Whether Friedman's test finds that the methods do not all rank alike."""
        return self.friedman_p < SIGNIFICANCE

    @property
    def words(self) -> str:
        """What was tested, and whether the methods differ at all."""
        p = "< 0.001" if self.friedman_p < 0.001 else f"= {self.friedman_p:.3f}"
        verdict = "they differ" if self.differ else "no difference is shown"
        return (
            f"{len(self.methods)} methods ranked on {self.datasets} datasets: {verdict} "
            f"(Friedman p {p}); pairs by Nemenyi's test, "
            f"critical difference of average ranks {self.critical_difference:.2f}."
        )


def rank_methods(
    scores: Mapping[str, Mapping[str, float]], *, more_is_better: bool = True
) -> Ranking:
    """Rank methods on every dataset and test whether their average ranks differ.

    Friedman's test comes first: over N datasets and k methods it asks whether all rank alike. The
    pairs are compared by Nemenyi's test, which finds two methods different at the 5 % level where
    their average ranks differ by at least

        CD = q sqrt(k (k + 1) / (6 N))

    with q the 95 % quantile of the studentised range of k groups, infinite degrees of freedom,
    over sqrt(2). A pair counts as different only where Friedman's test finds a difference at all.
    Datasets are the independent units: scores are means over seeds.

    Args:
        scores: dataset to method to score; every dataset has all methods.
        more_is_better: whether the highest score ranks first.

    Raises:
        InputError: for fewer than three methods or two datasets, or a score that is missing.

    Source: Demšar, "Statistical comparisons of classifiers over multiple data sets", JMLR 7 (2006).
    """
    methods, table = _table(scores)
    ranks = stats.rankdata(-table if more_is_better else table, axis=1)
    averages = ranks.mean(axis=0)
    order = np.argsort(averages, kind="stable")
    names = tuple(methods[i] for i in order)
    friedman_p = _friedman_p(table)
    pairs = scikit_posthocs.posthoc_nemenyi_friedman(table).to_numpy()
    p_values = {
        (methods[i], methods[j]): float(pairs[i, j])
        for i, j in combinations([int(place) for place in order], 2)
    }
    return Ranking(
        methods=names,
        average_ranks=tuple(float(averages[i]) for i in order),
        datasets=len(table),
        friedman_p=friedman_p,
        critical_difference=critical_difference(len(names), len(table)),
        p_values=p_values,
        groups=_groups(names, p_values, differ=friedman_p < SIGNIFICANCE),
    )


def critical_difference(methods: int, datasets: int) -> float:
    """Nemenyi's critical difference of average ranks at the 5 % level.

    Example:
        >>> round(critical_difference(4, 14), 2)
        1.25
    """
    quantile = stats.studentized_range.ppf(1 - SIGNIFICANCE, methods, math.inf) / math.sqrt(2)
    return float(quantile * math.sqrt(methods * (methods + 1) / (6 * datasets)))


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
