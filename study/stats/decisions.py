"""From the comparisons of one table to decisions, each with the interval that belongs to it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

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
Side = Literal["two", "less", "greater"]
"""Which differences a test can show: any, or those below or above 0 alone."""
_UNKNOWN: Interval = (np.nan, np.nan)


@dataclass(frozen=True)
class PlannedContrast:
    """A comparison that a study was made for.

    Args:
        name: of the question.
        side: which differences would answer it.
        smallest_difference: the smallest of interest; that of the table when left out.
    """

    name: str
    side: Side = "two"
    smallest_difference: float | None = None


@dataclass(frozen=True)
class Decision:
    """What is said of a row, corrected over its table; NaN where nothing can be said.

    Args:
        p_corrected: of no difference.
        ci_low, ci_high: the interval at the level at which the correction decides the row, so it
            excludes 0 exactly when ``p_corrected`` is below 0.05; NaN at the end that a one-sided
            test leaves open.
        p_equivalence: of a difference worth having, corrected.
        equivalence_low, equivalence_high: the interval of the two one-sided tests at the level at
            which the correction decides them, so it lies within the smallest interesting
            difference exactly when ``p_equivalence`` is below 0.05.
        verdict: ``None`` where nothing can be said.
        level, equivalence_level: at which the correction decides the two tests.
    """

    p_corrected: float
    ci_low: float
    ci_high: float
    p_equivalence: float
    equivalence_low: float
    equivalence_high: float
    verdict: Verdict | None
    level: float = np.nan
    equivalence_level: float = np.nan


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
    planned: Mapping[str, PlannedContrast] | None = None,
    *,
    more_is_better: bool = True,
) -> dict[str, Decision]:
    """Decide the rows of one table, planned ones among themselves and the others likewise.

    With Holm's correction over m rows of which R are rejected, the j-th smallest p-value of those
    is decided at the level 0.05 / (m - j + 1), and the others are not rejected at
    0.05 / (m - R). With Benjamini and Hochberg's every row is decided at 0.05 max(R, 1) / m.
    The interval of a row is that of its level.

    Args:
        compared: row to comparison, without the reference.
        correction: one of :data:`study.stats.names.CORRECTIONS`.
        planned: row to what was asked of it beforehand.
        more_is_better: the direction that is called ``better``.

    Sources: Strassburger and Bretz, "Compatible simultaneous lower confidence bounds for the Holm
    procedure and other Bonferroni-based closed tests", Statistics in Medicine 27 (2008);
    Benjamini and Yekutieli, "False discovery rate-adjusted multiple confidence intervals for
    selected parameters", Journal of the American Statistical Association 100 (2005).

    Raises:
        InputError: for another correction.
    """
    planned = planned or {}
    families = (
        {name: one for name, one in compared.items() if name in planned},
        {name: one for name, one in compared.items() if name not in planned},
    )
    decided: dict[str, Decision] = {}
    for family in families:
        decided |= _decide_family(family, correction, planned, more_is_better=more_is_better)
    return {name: decided[name] for name in compared}


def _decide_family(
    family: Mapping[str, CellComparison],
    correction: str,
    planned: Mapping[str, PlannedContrast],
    *,
    more_is_better: bool,
) -> dict[str, Decision]:
    asked = {name: planned.get(name, PlannedContrast(name)) for name in family}
    raw = [_p_value(one, asked[name].side) for name, one in family.items()]
    raw_outside = [_p_outside(one, asked[name]) for name, one in family.items()]
    p_values, equivalences = correct(raw, correction), correct(raw_outside, correction)
    levels = deciding_levels(raw, correction)
    outside = deciding_levels(raw_outside, correction)
    sign = 1.0 if more_is_better else -1.0
    decisions: dict[str, Decision] = {}
    for i, (name, one) in enumerate(family.items()):
        low, high = _sided(one, asked[name].side, levels[i])
        within = interval(one, 2 * outside[i])
        said = verdict(sign * one.difference, p_values[i], equivalences[i])
        ends = (p_values[i], low, high, equivalences[i], *within)
        decisions[name] = Decision(*ends, said, levels[i], outside[i])
    return decisions


def _p_value(comparison: CellComparison, side: Side) -> float:
    """Of no difference, or of none to the side asked about."""
    if side == "two" or np.isnan(comparison.p_value):
        return comparison.p_value
    towards = comparison.difference < 0 if side == "less" else comparison.difference > 0
    return comparison.p_value / 2 if towards else 1 - comparison.p_value / 2


def _p_outside(comparison: CellComparison, asked: PlannedContrast) -> float:
    """Of a difference worth having, by the question's own measure."""
    if asked.smallest_difference is None or comparison.spread is None:
        return comparison.p_equivalence
    return comparison.spread.p_equivalence(comparison.difference, asked.smallest_difference)


def _sided(comparison: CellComparison, side: Side, level: float) -> Interval:
    if side == "two":
        return interval(comparison, level)
    low, high = interval(comparison, 2 * level)
    return (np.nan, high) if side == "less" else (low, np.nan)


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
