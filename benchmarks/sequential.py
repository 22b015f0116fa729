"""``python -m benchmarks looks``: error, power, bias and price of seeds that are added in looks.

Whole ablations are made up at the level of scores and judged by the code that judges real ones.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from benchmarks.timing import Figure
from sslcl.metrics import Floats
from study.stats.comparison import CellComparison, summarise
from study.stats.decisions import PlannedContrast, Side, decide
from study.stats.sequential import Rule, Standing, Stop, follow, planned_looks
from study.stats.spread import Spread, moderated

Shape = Literal["normal", "heavy-tailed", "skewed"]


@dataclass(frozen=True)
class Ablations:
    """Made-up ablations, all drawn from one model; scores in points of F1 over 100.

    A row's score at seed s is mu + a(s) + mean over conversations of c(k), with a and c of the
    shape and the standard deviations below, and mu apart by ``effect`` for the first ``true`` rows.

    Args:
        studies: how many.
        rows: beside the reference.
        true: rows that differ from the reference.
        effect: by how much.
        looks: seeds of a row at each look.
        conversations: of the test split.
        shape: of the seeds' and conversations' effects.
        seed_sd: of a cell's score over seeds.
        conversation_sd: of a cell's score over conversations, apart from what all cells share.
        margin: the smallest interesting difference.
        planned: how many of the rows, from the first on, answer planned questions.
        side: which differences these questions ask about.
        seed: of the random numbers.
    """

    studies: int = 200
    rows: int = 15
    true: int = 5
    effect: float = 0.03
    looks: tuple[int, ...] = (5, 10, 20)
    conversations: int = 93
    shape: Shape = "normal"
    seed_sd: float = 0.01
    conversation_sd: float = 0.04
    margin: float = 0.01
    planned: int = 0
    side: Side = "two"
    seed: int = 0


@dataclass(frozen=True)
class Outcome:
    """What came of many ablations.

    Args:
        error: share of them with any false claim in a family, of the family with the most: a row
            called better or worse that does not differ, or in the wrong direction, or equivalent
            though it differs by the margin.
        power: share of the rows that differ which were called so.
        bias: mean of estimate less truth, over rows that stopped with a verdict of a difference.
        covered: share of the rows whose interval holds the truth.
        trials: a study's, on average, the reference's included.
        given_up: share of the rows that stopped as not decidable.
        lost: share of the rows that differ which stopped so.
    """

    error: float
    power: float
    bias: float
    covered: float
    trials: float
    given_up: float
    lost: float


def simulate(ablations: Ablations) -> Outcome:
    """Make up ablations and judge each of them look by look."""
    rng = np.random.default_rng(ablations.seed)
    truths = np.zeros(ablations.rows)
    truths[: ablations.true] = ablations.effect
    found = [_study(ablations, truths, rng) for _ in range(ablations.studies)]
    differs = truths != 0
    claims = np.array([one.claims for one in found])
    wrong = (np.sign(claims) != np.sign(truths)) & (claims != 0)
    equal = np.array([one.equal for one in found]) & (np.abs(truths) >= ablations.margin)
    estimates = np.array([one.estimates for one in found])
    claimed = claims != 0
    given_up = np.array([one.given_up for one in found])
    return Outcome(
        error=max(
            float((wrong | equal)[:, family].any(1).mean())
            for family in (slice(ablations.planned), slice(ablations.planned, None))
        ),
        power=float((claims[:, differs] > 0).mean()) if differs.any() else np.nan,
        bias=float((estimates - truths)[claimed].mean()) if claimed.any() else np.nan,
        covered=float(np.mean([one.covered for one in found])),
        trials=float(np.mean([one.trials for one in found])),
        given_up=float(given_up.mean()),
        lost=float(given_up[:, differs].mean()) if differs.any() else np.nan,
    )


FIXED = (20,)
LOOKS = (5, 10, 20)
_NO_EFFECT = Ablations(true=0, studies=400)
_AT_MARGIN = Ablations(true=15, effect=0.01, studies=400)
ERRORS: dict[str, Ablations] = {
    "no effect, 10 conversations": replace(_NO_EFFECT, conversations=10),
    "no effect, 31 conversations": replace(_NO_EFFECT, conversations=31),
    "no effect, 93 conversations": _NO_EFFECT,
    "no effect, 280 conversations": replace(_NO_EFFECT, conversations=280),
    "no effect, heavy-tailed": replace(_NO_EFFECT, shape="heavy-tailed"),
    "no effect, skewed": replace(_NO_EFFECT, shape="skewed"),
    "no effect, skewed, 280 conversations": replace(_NO_EFFECT, shape="skewed", conversations=280),
    "no effect, looks of 3, 6, 12": replace(_NO_EFFECT, looks=(3, 6, 12)),
    "no effect, skewed, looks of 3, 6, 12": replace(_NO_EFFECT, shape="skewed", looks=(3, 6, 12)),
    "no effect, 3 planned": replace(_NO_EFFECT, planned=3),
    "no effect, 3 planned, one-sided": replace(_NO_EFFECT, planned=3, side="greater"),
    "no effect, looks of 5, 10, 20, 30": replace(_NO_EFFECT, looks=(5, 10, 20, 30)),
    "all rows 1 point apart, the margin of equivalence": _AT_MARGIN,
    "the same, 280 conversations": replace(_AT_MARGIN, conversations=280),
    "the same, 280 conversations, skewed": replace(_AT_MARGIN, conversations=280, shape="skewed"),
}
"""Settings in which any claim, or any claim of equivalence, is false."""
PRICES: dict[str, Ablations] = {
    "31 conversations": Ablations(conversations=31),
    "93 conversations": Ablations(),
    "280 conversations": Ablations(conversations=280),
    "93 conversations, 5 planned": Ablations(planned=5),
    "93 conversations, 5 planned, one-sided": Ablations(planned=5, side="greater"),
}
"""Settings in which 5 of 15 rows are 3 points better, and the others are as the reference."""
ALLOWED = 0.05


def figures() -> list[Figure]:
    """Family-wise error in every setting, then what looks cost and find beside fixed seeds."""
    return [
        _levels(),
        *(_error(name, ablations) for name, ablations in ERRORS.items()),
        *(_price(name, ablations) for name, ablations in PRICES.items()),
    ]


def surely_above(share: float, allowed: float, studies: int) -> bool:
    """Whether a share seen in so many studies says that the true one is above ``allowed``."""
    return share > allowed + 1.64 * float(np.sqrt(allowed * (1 - allowed) / studies))


def _levels() -> Figure:
    levels = [look.nominal(ALLOWED) for look in planned_looks(LOOKS)]
    value = ", ".join(f"{100 * level:.2g} %" for level in levels)
    return Figure("levels of looks at 5, 10, 20 seeds", value, "5 % in all", sum(levels) <= 0.0501)


def _error(name: str, ablations: Ablations) -> Figure:
    error = simulate(ablations).error
    return Figure(
        f"tables with any false claim: {name}",
        f"{100 * error:.1f} %",
        f"at most {100 * ALLOWED:.0f} %, {ablations.studies} tables",
        not surely_above(error, ALLOWED, ablations.studies),
    )


def _price(name: str, ablations: Ablations) -> Figure:
    looked, fixed = (simulate(replace(ablations, looks=looks)) for looks in (LOOKS, FIXED))
    value = (
        f"{looked.trials:.0f} trials in place of {fixed.trials:.0f}; finds "
        f"{100 * looked.power:.0f} % in place of {100 * fixed.power:.0f} % of true differences; "
        f"estimates of those shown off by {100 * looked.bias:+.2f} in place of "
        f"{100 * fixed.bias:+.2f} points"
    )
    holds = looked.trials < fixed.trials and looked.power >= 0.85 * fixed.power
    target = "fewer trials, at least 85 % of the power"
    return Figure(f"looks at 5, 10, 20 seeds, not 20: {name}", value, target, holds)


@dataclass(frozen=True)
class _Found:
    claims: Floats
    equal: np.ndarray
    estimates: Floats
    covered: float
    given_up: np.ndarray
    trials: int


def _study(ablations: Ablations, truths: Floats, rng: np.random.Generator) -> _Found:
    rows = [str(row) for row in range(ablations.rows)]
    cells = (ablations.rows + 1, ablations.looks[-1])
    by_seed = ablations.seed_sd * _noise(rng, cells, ablations.shape)
    by_seed = by_seed[1:] - by_seed[0] + truths[:, None]
    talks = (ablations.rows + 1, ablations.conversations)
    talk = ablations.conversation_sd * _noise(rng, talks, ablations.shape)
    talk = talk[1:] - talk[0]
    whole = by_seed + talk.mean(1, keepdims=True)
    by_conversation = talk.var(1, ddof=1) / ablations.conversations

    def compare(seeds: Mapping[str, int]) -> dict[str, CellComparison]:
        differences = {row: whole[i, :count] for i, (row, count) in enumerate(seeds.items())}
        spreads = {
            row: Spread(
                float(own.var(ddof=1)) / len(own),
                float(by_conversation[i]),
                0.0,
                len(own),
                ablations.conversations,
                widened=True,
            )
            for i, (row, own) in enumerate(differences.items())
        }
        shared = moderated(spreads)
        return {
            row: summarise(own, own, shared[row], ablations.margin)
            for row, own in differences.items()
        }

    asked = {row: PlannedContrast(row, ablations.side) for row in rows[: ablations.planned]}
    rule = Rule(planned_looks(ablations.looks), ablations.margin, planned=asked)
    standing = follow(rows, lambda row, look: True, compare, rule)
    return _judged(standing, truths, rule)


def _judged(standing: Mapping[str, Standing], truths: Floats, rule: Rule) -> _Found:
    compared = {row: now.compared for row, now in standing.items() if now.compared is not None}
    verdicts = [one.verdict for one in decide(compared, planned=rule.planned).values()]
    signs = {"better": 1.0, "worse": -1.0}
    shown = list(compared.values())
    held = [one.ci_low <= truth <= one.ci_high for one, truth in zip(shown, truths, strict=True)]
    seeds = [rule.looks[now.look - 1].seeds for now in standing.values()]
    given_up = (Stop.NOT_DECIDABLE, Stop.OUT_OF_REACH)
    return _Found(
        claims=np.array([signs.get(str(said), 0.0) for said in verdicts]),
        equal=np.array([said == "equivalent" for said in verdicts]),
        estimates=np.array([one.difference for one in shown]),
        covered=float(np.mean(held)),
        given_up=np.array([now.stop in given_up for now in standing.values()]),
        trials=max(seeds) + sum(seeds),
    )


def _noise(rng: np.random.Generator, shape: tuple[int, int], kind: Shape) -> Floats:
    """Mean 0 and standard deviation 1."""
    drawn: dict[Shape, Callable[[], Floats]] = {
        "normal": lambda: rng.normal(size=shape),
        "heavy-tailed": lambda: rng.standard_t(4, shape) / np.sqrt(2.0),
        "skewed": lambda: rng.exponential(size=shape) - 1.0,
    }
    return drawn[kind]()
