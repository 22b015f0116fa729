"""Effects of a design for new seeds and new conversations, with the variance of the intervals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sslcl.metrics import Floats
from study.stats.aliases import Term, coded_columns
from study.stats.comparison import Draws, Sample, redrawn, same_conversations
from study.stats.metrics import Metric
from study.stats.moderation import moderate
from study.stats.spread import Spread, moderated, spread_of


@dataclass(frozen=True)
class CrossedEffect:
    """An effect with seeds and conversations as crossed random factors.

    Args:
        p_value: of no effect; NaN where nothing can be said.
        prior_freedom: degrees of freedom that other effects have lent its variance over seeds.
        difference: that a factor of two levels makes, second level - first; NaN for other effects.
        spread: what that difference varies by; ``None`` for other effects.
    """

    p_value: float
    prior_freedom: float = 0.0
    difference: float = np.nan
    spread: Spread | None = None

    def interval(self, level: float) -> tuple[float, float]:
        """The interval of the difference that misses it with probability ``level``."""
        if self.spread is None or np.isnan(level):
            return np.nan, np.nan
        half = self.spread.half_width(level)
        return self.difference - half, self.difference + half


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
    difference between two cells. These variances over seeds are moderated across all deviations
    of all effects, each divided by the sum of its squared weights, which is what makes them alike
    where the cells vary alike. Every effect rests on all cells: where one of these varies far more
    than the others, as a cell that collapses with some seeds, effects keep their own variances and
    get the wider interval of skewed scores. The p-value of an effect is the smallest of its
    deviations', times their number, deviations that are one another's negative counted once.

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
    weights = deviations(pd.DataFrame([levels[n] for n in cells]), terms)
    means: dict[tuple[Term, int], float] = {}
    spreads: dict[tuple[Term, int], Spread] = {}
    for term, rows in weights.items():
        for place, row in enumerate(rows):
            each = row @ whole
            spread = spread_of(each, np.tensordot(row, drawn, 1), count)
            if spread is None:
                return {term: CrossedEffect(np.nan) for term in terms}
            means[term, place], spreads[term, place] = float(each.mean()), spread
    scales = {
        (term, i): float(row @ row) for term, rows in weights.items() for i, row in enumerate(rows)
    }
    shared = moderated(spreads, scales)
    if len(common) > 1 and odd_cells(whole.var(1, ddof=1), len(common) - 1).any():
        shared = {key: replace(spread, skewed=True) for key, spread in spreads.items()}
    return {
        term: _effect([(means[term, i], shared[term, i]) for i in range(len(rows))])
        for term, rows in weights.items()
    }


def odd_cells(variances: Floats, freedom: float) -> NDArray[np.bool_]:
    """Cells whose scores vary far more over seeds than those of the others.

    Args:
        variances: ``(..., cells)`` over seeds.
        freedom: of each, above 0.
    """
    return moderate(variances, np.full(variances.shape[-1], float(freedom))).skewed


def _effect(tested: Sequence[tuple[float, Spread]]) -> CrossedEffect:
    """From the mean and the spread of each of its deviations."""
    p_values = [spread.level_reaching(abs(mean)) for mean, spread in tested]
    p_value = min(1.0, len(p_values) * min(p_values))
    lent = max(spread.prior_freedom for _, spread in tested)
    if len(tested) > 1:
        return CrossedEffect(p_value, lent)
    # From the first level's deviation to the second's it is twice as far, and back.
    ((mean, spread),) = tested
    doubled = replace(
        spread,
        by_seed=4 * spread.by_seed,
        by_conversation=4 * spread.by_conversation,
        both=4 * spread.both,
    )
    return CrossedEffect(p_value, lent, -2 * mean, doubled)


def deviations(levels: pd.DataFrame, terms: Sequence[Term]) -> dict[Term, Floats]:
    """Effect to ``(M, cells)`` weights of its deviations.

    Args:
        levels: one row a cell, a column for each factor.
        terms: the effects in the model.
    """
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
