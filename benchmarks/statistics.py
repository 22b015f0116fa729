"""How often tables err, and how much they show: studies drawn from a model, none trained.

The score of row i differs from the reference's at seed s on conversation k by

    d_i + a_i(s) - a_0(s) + b_i(k) - b_0(k),

and what a table makes of it is computed as :mod:`study.stats` does, for many tables at once.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.timing import Figure
from study.stats.moderation import moderate
from study.stats.spread import few_seeds_widening

Floats = NDArray[np.float64]
SEEDS = (3, 5, 10, 20)
CONVERSATIONS = (10, 31, 93, 280)
SHAPES = ("normal", "heavy-tailed", "skewed")
ROWS, SHOWN = 15, 5
LEVEL = 0.05
REPEATS = 2000


@dataclass(frozen=True)
class Setting:
    """What tables are drawn from; deviations in points.

    Args:
        seeds: S.
        conversations: K.
        shape: of what cells owe to seeds and conversations, one of :data:`SHAPES`: normal,
            Student's t with three degrees of freedom, or exponential in every row and normal in
            the reference.
        effects: ``(m,)`` true differences.
        seed_sd: of a difference from seed to seed.
        conversation_sd: of a difference from conversation to conversation.
        spread: ``(m,)`` what each row's own deviations over seeds are multiplied with.
        moderated: whether rows share their variances, as tables do.
    """

    seeds: int
    conversations: int
    shape: str = "normal"
    effects: tuple[float, ...] = (0.0,) * ROWS
    seed_sd: float = 1.0
    conversation_sd: float = 4.0
    spread: tuple[float, ...] = (1.0,) * ROWS
    moderated: bool = True


PLANTED = (3.0,) * SHOWN + (0.0,) * (ROWS - SHOWN)
UNEQUAL = tuple(np.linspace(0.5, 2.0, ROWS))
COLLAPSING = (1.0,) * (ROWS - 4) + (6.0,) * 4
PLANTED_SETTING: dict[str, Any] = {"effects": PLANTED, "seed_sd": 1.9, "conversation_sd": 1.0}
"""Five true differences of 3 points among 15 rows, seeds as far apart as in the quickstart."""


def rejections(setting: Setting, repeats: int, seed: int = 0) -> NDArray[np.bool_]:
    """``(repeats, m)`` rows that Holm's procedure calls different at the 5 % level."""
    rng = np.random.default_rng(seed)
    difference, by_seed, by_conversation = _drawn(setting, rng, repeats)
    freedom = np.full(by_seed.shape, setting.seeds - 1.0)
    if setting.moderated:
        shared = moderate(by_seed, freedom[0])
        by_seed, freedom = shared.variances, shared.freedom
    return holm_rejections(
        np.abs(difference), by_seed / setting.seeds, by_conversation, freedom, setting
    )


def _drawn(
    setting: Setting, rng: np.random.Generator, repeats: int
) -> tuple[Floats, Floats, Floats]:
    """Mean differences, their variances over seeds, and the variance that conversations add."""
    rows, root = len(setting.effects), np.sqrt(0.5)
    shared = "normal" if setting.shape == "skewed" else setting.shape

    def sides(count: int) -> tuple[Floats, Floats]:
        own = _noise(rng, setting.shape, (repeats, rows, count))
        return root * own, root * _noise(rng, shared, (repeats, 1, count))

    own, base = sides(setting.seeds)
    by_seed = setting.seed_sd * (own * np.array(setting.spread)[:, None] - base)
    own, base = sides(setting.conversations)
    by_conversation = setting.conversation_sd * (own - base)
    difference = np.array(setting.effects) + by_seed.mean(2) + by_conversation.mean(2)
    between = by_conversation.var(2, ddof=1) / setting.conversations
    return difference, by_seed.var(2, ddof=1), between


def _noise(rng: np.random.Generator, shape: str, size: tuple[int, ...]) -> Floats:
    """Of mean 0 and variance 1."""
    noise: Floats = rng.standard_normal(size)
    if shape == "heavy-tailed":
        noise = rng.standard_t(3, size) / np.sqrt(3)
    elif shape == "skewed":
        noise = rng.standard_exponential(size) - 1
    return noise


def holm_rejections(
    distance: Floats, by_seed: Floats, between: Floats, freedom: Floats, setting: Setting
) -> NDArray[np.bool_]:
    """Rows that Holm's procedure rejects, from ``(repeats, m)`` distances from 0 and variances."""
    from scipy import special

    def beyond(tests: int) -> NDArray[np.bool_]:
        level = LEVEL / tests / 2
        seed_t = few_seeds_widening(freedom) * special.stdtrit(freedom, level)
        conversation_t = special.stdtrit(setting.conversations - 1, level)
        beyond: NDArray[np.bool_] = distance**2 > seed_t**2 * by_seed + conversation_t**2 * between
        return beyond

    rows = distance.shape[1]
    at = {tests: beyond(tests) for tests in range(1, rows + 1)}
    rejected = np.zeros(distance.shape, dtype=bool)
    for _ in range(rows):
        left = rows - rejected.sum(1)
        more = rejected.copy()
        for tests in set(left.tolist()) - {0}:
            more[left == tests] |= at[tests][left == tests]
        if (more == rejected).all():
            break
        rejected = more
    return rejected


def family_wise_error(setting: Setting, repeats: int, seed: int = 0) -> float:
    """Share of tables that call any row different which is not."""
    null = np.array(setting.effects) == 0
    return float(rejections(setting, repeats, seed)[:, null].any(1).mean())


def power(setting: Setting, repeats: int, seed: int = 0) -> float:
    """Share of the true differences that are shown."""
    true = np.array(setting.effects) != 0
    return float(rejections(setting, repeats, seed)[:, true].mean())


def most(repeats: int) -> float:
    """5 % and what chance adds to it in one of 1,000 simulations of this size."""
    from scipy import stats

    return float(stats.binom.ppf(0.999, repeats, LEVEL)) / repeats


def grid() -> Iterator[tuple[str, Setting]]:
    """Every setting in which the family-wise error must hold, with its name."""
    for shape in SHAPES:
        for seeds in SEEDS:
            for conversations in CONVERSATIONS:
                name = f"{shape}, {seeds} seeds, {conversations} conversations"
                yield name, Setting(seeds, conversations, shape)
    kinds: dict[str, dict[str, Any]] = {
        "rows of unequal variance": {"spread": UNEQUAL},
        "4 collapsing rows": {"spread": COLLAPSING},
        "5 true of 15": {"effects": PLANTED},
        "5 true of 15, unequal variance": {"effects": PLANTED, "spread": UNEQUAL},
        "3 rows": {"effects": (0.0,) * 3, "spread": (1.0,) * 3},
        "3 skewed rows": {"effects": (0.0,) * 3, "spread": (1.0,) * 3, "shape": "skewed"},
        "1 skewed row": {"effects": (0.0,), "spread": (1.0,), "shape": "skewed"},
    }
    for kind, changes in kinds.items():
        for seeds in SEEDS:
            changed = {"seed_sd": 1.9, "conversation_sd": 1.0, **changes}
            yield f"{kind}, {seeds} seeds", Setting(seeds, 93, **changed)


def figures(repeats: int = REPEATS) -> list[Figure]:
    """Family-wise error of every setting, and the power with and without moderation."""
    allowed = most(repeats)
    lines = []
    for name, setting in grid():
        error = family_wise_error(setting, repeats)
        lines.append(Figure(f"family-wise error: {name}", _percent(error), "5 %", error <= allowed))
    kinds: dict[str, dict[str, Any]] = {
        "": {},
        ", unequal variance": {"spread": UNEQUAL},
        ", 4 collapsing rows": {"spread": COLLAPSING},
    }
    for kind, changes in kinds.items():
        for seeds in SEEDS:
            setting = Setting(seeds, 93, **{**PLANTED_SETTING, **changes})
            alone = Setting(seeds, 93, **{**PLANTED_SETTING, **changes}, moderated=False)
            shown, before = power(setting, repeats), power(alone, repeats)
            name = f"power at 3 points, {seeds} seeds{kind}"
            target = f"{_percent(before)} with each row's own variance"
            lines.append(Figure(name, _percent(shown), target, shown > before - 0.02))
    return lines


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
