"""How often tables of effects err, and how much they show: crossed designs drawn from a model.

The score of a cell at seed s on conversation k is the sum of what its levels are worth, what the
cell owes to the seed and what it owes to the conversation; what a table of effects makes of it is
computed as :mod:`study.stats.crossed_effects` does, for many tables at once.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.statistics import ENOUGH, LEVEL, SEEDS, most, noise, step_down, unmoderated
from benchmarks.timing import Figure
from study.stats.aliases import Term, coded_columns
from study.stats.crossed_effects import deviations, odd_cells
from study.stats.moderation import Moderated, moderate
from study.stats.spread import seeds_widening

Floats = NDArray[np.float64]
DESIGNS = ((2, 2), (3, 3), (2, 2, 2))
KINDS = ("alike", "one cell unlike", "one factor unlike")
REPEATS = 2000


@dataclass(frozen=True)
class Crossed:
    """What tables of effects are drawn from; deviations in points.

    Args:
        levels: of each factor.
        seeds: S.
        conversations: K.
        shape: of what cells owe to seeds and conversations, as in :mod:`benchmarks.statistics`.
        kind: how cells vary over seeds: ``alike``; ``one cell unlike``, six times as much;
            ``one factor unlike``, where each level of the first factor owes to a seed what all
            its cells share, twice as much as each cell owes by itself.
        effect: that the second level of the first factor is better by.
        moderated: whether effects share their variances, as tables do.
    """

    levels: tuple[int, ...] = (2, 2)
    seeds: int = 5
    conversations: int = 93
    shape: str = "normal"
    kind: str = "alike"
    effect: float = 0.0
    moderated: bool = True


SEED_SD, CONVERSATION_SD = 1.35, 0.7
"""Of one cell: differences of two vary as those of rows in :mod:`benchmarks.statistics`."""


def shown_effects(setting: Crossed, repeats: int, seed: int = 0) -> NDArray[np.bool_]:
    """``(repeats, effects)`` effects that Holm's procedure calls different from none at 5 %."""
    rng = np.random.default_rng(seed)
    cells = pd.DataFrame(
        [{f"f{i}": str(level) for i, level in enumerate(cell)} for cell in _cells(setting)]
    )
    weights = deviations(cells, list(coded_columns(cells, list(cells.columns))))
    rows = np.vstack(list(weights.values()))
    scores = _over_seeds(setting, rng, repeats)
    by_seed = np.einsum("mc,rcs->rms", rows, scores)
    size = (repeats, len(cells), setting.conversations)
    talks = CONVERSATION_SD * noise(rng, setting.shape, size)
    by_conversation = np.einsum("mc,rck->rmk", rows, talks)
    distance = np.abs(by_seed.mean(2) + by_conversation.mean(2))
    between = by_conversation.var(2, ddof=1) / setting.conversations
    scales = (rows**2).sum(1)
    variances, freedom = by_seed.var(2, ddof=1), np.full(len(rows), setting.seeds - 1.0)
    shared = unmoderated(variances / scales, freedom)
    if setting.moderated:
        odd = odd_cells(scores.var(2, ddof=1), setting.seeds - 1.0).any(1, keepdims=True)
        lent = moderate(variances / scales, freedom)
        shared = replace(
            shared,
            variances=np.where(odd, shared.variances, lent.variances),
            freedom=np.where(odd, shared.freedom, lent.freedom),
            skewed=odd | lent.skewed,
        )
    shared = replace(shared, variances=shared.variances * scales)
    return _holm(distance, shared, between, setting, weights)


def _cells(setting: Crossed) -> list[tuple[int, ...]]:
    return list(product(*map(range, setting.levels)))


def _over_seeds(setting: Crossed, rng: np.random.Generator, repeats: int) -> Floats:
    """``(repeats, cells, S)`` scores without what conversations add."""
    cells = _cells(setting)
    scores = noise(rng, setting.shape, (repeats, len(cells), setting.seeds))
    if setting.kind == "one cell unlike":
        scores[:, 0] *= 6
    if setting.kind == "one factor unlike":
        size = (repeats, setting.levels[0], setting.seeds)
        scores += 2 * noise(rng, setting.shape, size)[:, [cell[0] for cell in cells]]
    worth = np.array([setting.effect * (cell[0] == 1) for cell in cells])
    over_seeds: Floats = SEED_SD * scores + worth[:, None]
    return over_seeds


def _holm(
    distance: Floats,
    shared: Moderated,
    between: Floats,
    setting: Crossed,
    weights: dict[Term, Floats],
) -> NDArray[np.bool_]:
    """An effect's p-value is the least of its M deviations' times M; Holm's over effects."""
    from scipy import special

    widening = seeds_widening(shared.freedom, np.array(float(setting.seeds)), shared.skewed)
    counts = [len(rows) for rows in weights.values()]
    starts = np.cumsum([0, *counts[:-1]])
    each = np.repeat(counts, counts)

    def beyond(tests: int) -> NDArray[np.bool_]:
        level = LEVEL / tests / each / 2
        seed_t = widening * special.stdtrit(shared.freedom, level)
        conversation_t = special.stdtrit(setting.conversations - 1, level)
        by_seed = seed_t**2 * shared.variances / setting.seeds
        return np.logical_or.reduceat(
            distance**2 > by_seed + conversation_t**2 * between, starts, axis=1
        )

    return step_down(beyond, len(counts))


def grid() -> Iterator[tuple[str, Crossed]]:
    """Every setting in which the family-wise error must hold, with its name."""
    for levels, seeds, shape, kind in product(DESIGNS, SEEDS, ("normal", "skewed"), KINDS):
        if shape == "skewed" and kind == "one cell unlike" and seeds < ENOUGH:
            continue  # Few seeds may all lie at one end: nothing tells that the cell is unlike.
        name = f"{_design(levels)}, {seeds} seeds, {shape}, {kind}"
        yield name, Crossed(levels, seeds, shape=shape, kind=kind)


def family_wise_error(setting: Crossed, repeats: int, seed: int = 0) -> float:
    """Share of tables without effects that show any."""
    return float(shown_effects(setting, repeats, seed).any(1).mean())


def power(setting: Crossed, repeats: int, seed: int = 0) -> float:
    """Share of tables that show the effect of the first factor."""
    return float(shown_effects(setting, repeats, seed)[:, 0].mean())


def figures(repeats: int = REPEATS) -> list[Figure]:
    """Family-wise error of every setting, and the power with and without moderation."""
    lines = []
    for name, setting in grid():
        error = family_wise_error(setting, repeats)
        value = f"{100 * error:.1f} %"
        lines.append(Figure(f"family-wise error: {name}", value, "5 %", error <= most(repeats)))
    for levels, seeds in product(DESIGNS, SEEDS):
        setting = Crossed(levels, seeds, effect=3.0)
        shown, before = (power(replace(setting, moderated=m), repeats) for m in (True, False))
        name = f"power at 3 points, {_design(levels)}, {seeds} seeds"
        target = f"{100 * before:.1f} % with each effect's own variance"
        lines.append(Figure(name, f"{100 * shown:.1f} %", target, shown > before - 0.03))
    return lines


def _design(levels: tuple[int, ...]) -> str:
    return " x ".join(map(str, levels))
