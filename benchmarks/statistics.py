"""How often tables err, and how much they show: studies drawn from a model, none trained.

The score of row i differs from the reference's at seed s on conversation k by

    d_i + a_i(s) - a_0(s) + b_i(k) - b_0(k),

and what a table makes of it is computed as :mod:`study.stats` does, for many tables at once.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.timing import Figure
from study.stats.moderation import Moderated, moderate
from study.stats.spread import seeds_widening

Floats = NDArray[np.float64]
SEEDS = (3, 5, 10, 20)
CONVERSATIONS = (10, 31, 93, 280)
SHAPES = ("normal", "heavy-tailed", "skewed")
ROWS, SHOWN = 15, 5
LEVEL = 0.05
DROP = 20.0
ENOUGH = 10
"""Seeds that show nearly always when a row's scores are skewed."""
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
        collapse: ``(m,)`` share of a row's seeds that score :data:`DROP` points less, the others
            as much more that the mean stays.
        moderated: whether rows share their variances, as tables do.
    """

    seeds: int
    conversations: int
    shape: str = "normal"
    effects: tuple[float, ...] = (0.0,) * ROWS
    seed_sd: float = 1.0
    conversation_sd: float = 4.0
    spread: tuple[float, ...] = (1.0,) * ROWS
    collapse: tuple[float, ...] = (0.0,)
    moderated: bool = True


PLANTED = (3.0,) * SHOWN + (0.0,) * (ROWS - SHOWN)
UNEQUAL = tuple(np.linspace(0.5, 2.0, ROWS))
COLLAPSING = (1.0,) * (ROWS - 4) + (6.0,) * 4
"""Four rows whose scores lie six times as far apart; skewed, most seeds lie at their one end."""
PLANTED_SETTING: dict[str, Any] = {"effects": PLANTED, "seed_sd": 1.9, "conversation_sd": 1.0}
"""Five true differences of 3 points among 15 rows, seeds as far apart as in the quickstart."""


def rejections(setting: Setting, repeats: int, seed: int = 0) -> NDArray[np.bool_]:
    """``(repeats, m)`` rows that Holm's procedure calls different at the 5 % level."""
    return _decided(setting, repeats, seed)[0]


def _decided(
    setting: Setting, repeats: int, seed: int
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """``(repeats, m)`` rows that are rejected, and those some of whose seeds alone collapsed."""
    rng = np.random.default_rng(seed)
    difference, by_seed, by_conversation, mixed = _drawn(setting, rng, repeats)
    freedom = np.full(by_seed.shape[1:], setting.seeds - 1.0)
    shared = moderate(by_seed, freedom)
    if not setting.moderated:
        shared = unmoderated(by_seed, freedom)
    return holm_rejections(np.abs(difference), shared, by_conversation, setting), mixed


def unmoderated(variances: Floats, freedom: Floats) -> Moderated:
    """The rows with the variances that they came with."""
    none = np.zeros(variances.shape, dtype=bool)
    every = np.broadcast_to(freedom, variances.shape)
    return Moderated(variances, every, np.zeros(variances.shape[:-1]), ~none, none)


def _drawn(
    setting: Setting, rng: np.random.Generator, repeats: int
) -> tuple[Floats, Floats, Floats, NDArray[np.bool_]]:
    """Mean differences, their variances over seeds, the variance that conversations add, and the
    rows that collapsed with some of their seeds and not with others."""
    rows, root = len(setting.effects), np.sqrt(0.5)
    shared = "normal" if setting.shape == "skewed" else setting.shape

    def sides(count: int) -> tuple[Floats, Floats]:
        own = noise(rng, setting.shape, (repeats, rows, count))
        return root * own, root * noise(rng, shared, (repeats, 1, count))

    own, base = sides(setting.seeds)
    by_seed = setting.seed_sd * (own * np.array(setting.spread)[:, None] - base)
    share = np.broadcast_to(np.array(setting.collapse), rows)[:, None]
    collapsed = rng.random(by_seed.shape) < share if share.any() else np.zeros(by_seed.shape, bool)
    by_seed -= DROP * (collapsed - share)
    own, base = sides(setting.conversations)
    by_conversation = setting.conversation_sd * (own - base)
    difference = np.array(setting.effects) + by_seed.mean(2) + by_conversation.mean(2)
    between = by_conversation.var(2, ddof=1) / setting.conversations
    mixed = np.asarray(collapsed.any(2) & ~collapsed.all(2))
    return difference, by_seed.var(2, ddof=1), between, mixed


def noise(rng: np.random.Generator, shape: str, size: tuple[int, ...]) -> Floats:
    """Numbers of one of :data:`SHAPES`, of mean 0 and variance 1."""
    noise: Floats = rng.standard_normal(size)
    if shape == "heavy-tailed":
        noise = rng.standard_t(3, size) / np.sqrt(3)
    elif shape == "skewed":
        noise = rng.standard_exponential(size) - 1
    return noise


def holm_rejections(
    distance: Floats, shared: Moderated, between: Floats, setting: Setting
) -> NDArray[np.bool_]:
    """Rows that Holm's procedure rejects.

    Args:
        distance: ``(repeats, m)`` of the differences from 0.
        shared: variances of the differences over seeds.
        between: variance that conversations add to the mean differences.
        setting: what all this was drawn from.
    """
    from scipy import special

    freedom, seeds = shared.freedom, np.array(float(setting.seeds))
    widening = seeds_widening(freedom, seeds, shared.skewed)
    by_seed = shared.variances / setting.seeds

    def beyond(tests: int) -> NDArray[np.bool_]:
        level = LEVEL / tests / 2
        seed_t = widening * special.stdtrit(freedom, level)
        conversation_t = special.stdtrit(setting.conversations - 1, level)
        beyond: NDArray[np.bool_] = distance**2 > seed_t**2 * by_seed + conversation_t**2 * between
        return beyond

    return step_down(beyond, distance.shape[1])


def step_down(beyond: Callable[[int], NDArray[np.bool_]], rows: int) -> NDArray[np.bool_]:
    """Holm's procedure for many tables at once.

    Args:
        beyond: ``(repeats, rows)`` rows that are rejected at the level for so many tests.
        rows: of a table.
    """
    at = {tests: beyond(tests) for tests in range(1, rows + 1)}
    rejected = np.zeros_like(at[1])
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
    """Share of tables that call any row different which is not.

    Rows that can collapse count where some of their seeds did and others did not: of the others
    no statistic could know that they can.
    """
    rejected, mixed = _decided(setting, repeats, seed)
    steady = np.broadcast_to(np.array(setting.collapse) == 0, mixed.shape[1:])
    null = (np.array(setting.effects) == 0) & (mixed | steady)
    return float((rejected & null).any(1).mean())


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
    yield from _collapsing()


def _collapsing() -> Iterator[tuple[str, Setting]]:
    for seeds in SEEDS:
        for share in (0.1, 0.2, 0.3, 0.5):
            rows = (0.0,) * (ROWS - 4) + (share,) * 4
            name = f"4 rows seen to collapse with {100 * share:.0f} % of {seeds} seeds"
            yield name, Setting(seeds, 93, seed_sd=1.9, conversation_sd=1.0, collapse=rows)
        if seeds >= ENOUGH:
            yield f"4 collapsing skewed rows, {seeds} seeds", wide_and_skewed(seeds)


def wide_and_skewed(seeds: int) -> Setting:
    """Null rows of which four are :data:`COLLAPSING`, all skewed, whether seeds show it or not."""
    return Setting(seeds, 93, "skewed", seed_sd=1.9, conversation_sd=1.0, spread=COLLAPSING)


def figures(repeats: int = REPEATS) -> list[Figure]:
    """Family-wise error of every setting, and the power with and without moderation."""
    allowed = most(repeats)
    lines = []
    for name, setting in grid():
        error = family_wise_error(setting, repeats)
        lines.append(Figure(f"family-wise error: {name}", _percent(error), "5 %", error <= allowed))
    for seeds in (seeds for seeds in SEEDS if seeds < ENOUGH):
        error = family_wise_error(wide_and_skewed(seeds), repeats)
        name = f"family-wise error: 4 collapsing skewed rows, {seeds} seeds"
        lines.append(Figure(name, _percent(error), "none: see the notes of tables", holds=True))
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
            lines.append(Figure(name, _percent(shown), target, shown > before - 0.03))
    return lines


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
