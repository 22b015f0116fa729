"""From the comparisons of one table to decisions, each with the interval that belongs to it."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from study.stats.comparison import (
    SMALLEST_DIFFERENCE,
    CellComparison,
    Draws,
    Sample,
    compare_cells,
)
from study.stats.metrics import Metric
from study.stats.spread import NO_WIDTH
from study.stats.verdicts import SIGNIFICANCE, Verdict, correct, verdict

Interval = tuple[float, float]
_UNKNOWN: Interval = (np.nan, np.nan)


@dataclass(frozen=True)
class Decision:
    """What is said of a row, corrected over its table; NaN where nothing can be said.

    Args:
        p_corrected: of no difference.
        ci_low, ci_high: the interval at the level at which the correction decides the row, so it
            excludes 0 exactly when ``p_corrected`` is below 0.05.
        p_equivalence: of a difference worth having, corrected.
        equivalence_low, equivalence_high: the interval of the two one-sided tests at the level at
            which the correction decides them, so it lies within the smallest interesting
            difference exactly when ``p_equivalence`` is below 0.05.
        verdict: ``None`` where nothing can be said.
    """

    p_corrected: float
    ci_low: float
    ci_high: float
    p_equivalence: float
    equivalence_low: float
    equivalence_high: float
    verdict: Verdict | None


@dataclass(frozen=True)
class DecidedRow:
    """One row of a table.

    Args:
        comparison: by itself: the difference with its unadjusted interval and p-value.
        decision: beside the other rows.
        seed_variance: of the mean difference for new seeds, moderated.
        conversation_variance: for new conversations, less what it shares with that.
    """

    comparison: CellComparison
    decision: Decision
    seed_variance: float
    conversation_variance: float


def decided_rows(
    cells: Mapping[str, Sample],
    reference: str,
    metric: Metric,
    *,
    smallest_difference: float = SMALLEST_DIFFERENCE,
    draws: Draws | None = None,
) -> dict[str, DecidedRow]:
    """Compare the cells with the reference and decide with Holm's correction.

    The arguments are those of :func:`study.stats.comparison.compare_cells`, and so are the errors.

    Returns:
        Cell to row, of all cells but the reference.
    """
    compared = compare_cells(
        cells, reference, metric, smallest_difference=smallest_difference, draws=draws
    )
    del compared[reference]
    decisions = decide(compared)
    return {
        name: DecidedRow(
            one,
            decisions[name],
            np.nan if one.spread is None else one.spread.by_seed,
            np.nan if one.spread is None else one.spread.conversations_alone,
        )
        for name, one in compared.items()
    }


def decide(
    compared: Mapping[str, CellComparison],
    correction: str = "holm",
    *,
    more_is_better: bool = True,
) -> dict[str, Decision]:
    """Decide the rows of one table.

    With Holm's correction over m rows of which R are rejected, the j-th smallest p-value of those
    is decided at the level 0.05 / (m - j + 1), and the others are not rejected at
    0.05 / (m - R). With Benjamini and Hochberg's every row is decided at 0.05 max(R, 1) / m.
    The interval of a row is that of its level.

    Args:
        compared: row to comparison, without the reference.
        correction: one of :data:`study.stats.names.CORRECTIONS`.
        more_is_better: the direction that is called ``better``.

    Sources: Strassburger and Bretz, "Compatible simultaneous lower confidence bounds for the Holm
    procedure and other Bonferroni-based closed tests", Statistics in Medicine 27 (2008);
    Benjamini and Yekutieli, "False discovery rate-adjusted multiple confidence intervals for
    selected parameters", Journal of the American Statistical Association 100 (2005).

    Raises:
        InputError: for another correction.
    """
    p_values = correct([one.p_value for one in compared.values()], correction)
    equivalences = correct([one.p_equivalence for one in compared.values()], correction)
    levels = deciding_levels([one.p_value for one in compared.values()], correction)
    outside = deciding_levels([one.p_equivalence for one in compared.values()], correction)
    sign = 1.0 if more_is_better else -1.0
    decisions: dict[str, Decision] = {}
    for i, (name, one) in enumerate(compared.items()):
        low, high = interval(one, levels[i])
        within = interval(one, min(2 * outside[i], 1.0))
        said = verdict(sign * one.difference, p_values[i], equivalences[i])
        decisions[name] = Decision(p_values[i], low, high, equivalences[i], *within, said)
    return decisions


def interval(comparison: CellComparison, level: float) -> Interval:
    """The two-sided interval of a difference that misses it with probability ``level``."""
    spread = comparison.spread
    if spread is None or np.isnan(level):
        return _UNKNOWN
    half = spread.half_width(level)
    half = 0.0 if half < NO_WIDTH else half
    return comparison.difference - half, comparison.difference + half


def deciding_levels(p_values: list[float], correction: str) -> list[float]:
    """The level at which a correction decides each p-value; NaN stays NaN."""
    corrected = np.array(correct(p_values, correction))
    known = ~np.isnan(corrected)
    rejected = corrected < SIGNIFICANCE
    tests, hits = int(known.sum()), int(rejected.sum())
    levels = np.full(len(p_values), np.nan)
    if correction == "bh":
        levels[known] = SIGNIFICANCE * max(hits, 1) / max(tests, 1)
        return [float(level) for level in levels]
    levels[known] = SIGNIFICANCE / max(tests - hits, 1)
    ordered = sorted(np.flatnonzero(rejected), key=lambda i: p_values[i])
    for place, index in enumerate(ordered):
        levels[index] = SIGNIFICANCE / (tests - place)
    return [float(level) for level in levels]
