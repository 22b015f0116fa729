"""How often tables of costs err, and how much they show: costs drawn from a model, none measured.

What tables make of them is computed as :mod:`study.analysis.costs` does, for many tables at once.
"""

from itertools import product

import numpy as np
from numpy.typing import NDArray

from benchmarks.statistics import LEVEL, most, step_down
from benchmarks.timing import Figure
from study.stats.moderation import moderate

Floats = NDArray[np.float64]
SIZES = (1.0,) * 7 + (1.15,) * 3 + (0.5, 2.0, 2.0, 4.0, 8.0)
"""Of rows, in those of the reference: seven alike, three 15 % dearer, five far from it."""
KINDS = ("alike", "disturbed", "unlike")
SEEDS = (3, 5, 10)
REPEATS = 3000


def shown_rows(
    kind: str, seeds: int, repeats: int, *, moderated: bool = True, seed: int = 0
) -> NDArray[np.bool_]:
    """``(repeats, rows)`` rows whose corrected p-value is below 5 %.

    Args:
        kind: ``alike`` where all costs vary by 5 %; ``disturbed`` where now and then a trial takes
            much longer besides; ``unlike`` where cells vary by 2 to 12 %.
        seeds: S.
        repeats: tables.
        moderated: whether rows share their variances, as tables do.
        seed: of the random numbers.
    """
    from scipy import special

    rng = np.random.default_rng(seed)
    size = (repeats, len(SIZES) + 1, seeds)
    deviations = 0.05 * rng.standard_normal(size)
    if kind == "disturbed":
        deviations += np.log1p(rng.exponential(0.4, size) * (rng.random(size) < 0.15))
    if kind == "unlike":
        deviations *= np.exp(rng.uniform(np.log(0.4), np.log(2.4), (*size[:2], 1)))
    costs = np.exp(deviations)
    cells, base = costs[:, 1:] * np.array(SIZES)[:, None], costs[:, :1]
    differences = cells - base
    variances, freedom = differences.var(2, ddof=1), np.full(len(SIZES), seeds - 1.0)
    each = np.broadcast_to(freedom, variances.shape)
    if moderated:
        scales = cells.mean(2) ** 2 + base.mean(2) ** 2
        shared = moderate(variances / scales, freedom)
        variances, each = shared.variances * scales, shared.freedom
    distance = np.abs(differences.mean(2)) / np.sqrt(variances / seeds)
    p_values = 2 * special.stdtr(each, -distance)
    return step_down(lambda tests: p_values < LEVEL / tests, len(SIZES))


def family_wise_error(kind: str, seeds: int, repeats: int) -> float:
    """Share of tables that call a row dearer or cheaper which is as dear as the reference."""
    return float(shown_rows(kind, seeds, repeats)[:, :7].any(1).mean())


def power(seeds: int, repeats: int, *, moderated: bool = True) -> float:
    """Share of the rows that are 15 % dearer which are shown."""
    return float(shown_rows("alike", seeds, repeats, moderated=moderated)[:, 7:10].mean())


def figures(repeats: int = REPEATS) -> list[Figure]:
    """Family-wise error of every setting, and the power with and without moderation."""
    lines = []
    for kind, seeds in product(KINDS, SEEDS):
        error = family_wise_error(kind, seeds, repeats)
        name = f"family-wise error: costs {kind}, {seeds} seeds"
        lines.append(Figure(name, f"{100 * error:.1f} %", "5 %", error <= most(repeats)))
    for seeds in SEEDS:
        shown, before = (power(seeds, repeats, moderated=m) for m in (True, False))
        target = f"{100 * before:.1f} % with each row's own variance"
        name = f"power at 15 % of the cost, {seeds} seeds"
        lines.append(Figure(name, f"{100 * shown:.1f} %", target, shown > before - 0.03))
    return lines
