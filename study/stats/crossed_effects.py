"""Effects of a design for new seeds and new conversations, with the variance of the intervals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from sslcl.metrics import Floats
from study.stats.aliases import Term, coded_columns
from study.stats.comparison import Draws, Sample, redrawn, same_conversations
from study.stats.metrics import Metric
from study.stats.spread import CONFIDENCE, spread_of


@dataclass(frozen=True)
class CrossedEffect:
    """An effect with seeds and conversations as crossed random factors.

    Args:
        p_value: of no effect; NaN where nothing can be said.
        ci_low, ci_high: 95 % interval of the difference that a factor of two levels makes, second
            level - first; NaN for other effects.
    """

    p_value: float
    ci_low: float = np.nan
    ci_high: float = np.nan


def crossed_effects(
    cells: Mapping[str, Sample],
    levels: Mapping[str, Mapping[str, str]],
    terms: Sequence[Term],
    metric: Metric,
    draws: Draws | None = None,
) -> dict[Term, CrossedEffect]:
    """Test each effect of a model of the cells' scores.

    The test is that of :func:`study.stats.comparison.compare_cells`.

    An effect is a set of deviations of its levels (or pairs of levels) from their common mean, and
    each deviation is a weighted sum of the cells' scores, which has a variance like that of a
    difference between two cells. The p-value of the effect is the smallest of its deviations',
    times their number, deviations that are one another's negative counted once.

    Args:
        cells: name to sample; the seeds that all have in common are used.
        levels: cell to factor to level.
        terms: the effects in the model.
        metric: what is scored.
        draws: of the conversations, see :func:`study.stats.comparison.compare_cells`.
    """
    common = sorted(set.intersection(*(set(sample.seeds) for sample in cells.values())))
    scored = redrawn(cells, metric, draws)
    places = {name: [sample.seeds.index(s) for s in common] for name, sample in cells.items()}
    whole = np.stack([scored[name].whole[place] for name, place in places.items()])
    drawn = np.stack([scored[name].drawn[:, place] for name, place in places.items()])
    count = same_conversations(cells)
    return {
        term: _effect(weights, whole, drawn, count)
        for term, weights in _deviations(pd.DataFrame([levels[n] for n in cells]), terms).items()
    }


def _effect(weights: Floats, whole: Floats, drawn: Floats, count: int) -> CrossedEffect:
    """From ``(M, cells)`` weights, ``(cells, S)`` scores and ``(cells, B, S)`` redrawn ones."""
    p_values: list[float] = []
    low = high = np.nan
    for row in weights:
        each = row @ whole
        spread = spread_of(each, np.tensordot(row, drawn, 1), count)
        if spread is None:
            return CrossedEffect(np.nan)
        p_values.append(spread.level_reaching(abs(float(each.mean()))))
        if len(weights) == 1:
            # From the first level's deviation to the second's it is twice as far, and back.
            middle, half = -2 * float(each.mean()), 2 * spread.half_width(1 - CONFIDENCE)
            low, high = middle - half, middle + half
    return CrossedEffect(min(1.0, len(p_values) * min(p_values)), low, high)


def _deviations(levels: pd.DataFrame, terms: Sequence[Term]) -> dict[Term, Floats]:
    """Effect to ``(M, cells)`` weights of its deviations."""
    columns = coded_columns(levels, list(levels.columns))
    matrix = np.hstack([np.ones((len(levels), 1)), *(columns[term] for term in terms)])
    solve = np.linalg.pinv(matrix)
    weights: dict[Term, Floats] = {}
    start = 1
    for term in terms:
        own = columns[term]
        weights[term] = _without_negatives(own) @ solve[start : start + own.shape[1]]
        start += own.shape[1]
    return weights


def _without_negatives(rows: Floats) -> Floats:
    """The different rows, of those that are one another's negative only one."""
    kept: dict[tuple[float, ...], Floats] = {}
    for row in rows:
        if tuple(-row) not in kept:
            kept[tuple(row)] = row
    return np.array(list(kept.values()))
