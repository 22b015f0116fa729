"""What a difference between two cells is worth, with few seeds and few conversations.

The uncertainty that every interval and p-value here speaks of is that of *doing the whole thing
again*: training with new seeds and testing on new conversations from the same source. Utterances
of one conversation are never treated as independent, and neither are the seeds' results on one
test set.

An exact sign-flip test over the seeds alone would not do: it says nothing about conversations, and
with 5 seeds its smallest two-sided p-value is 2 / 2^5 = 0.0625, so it could never reach 0.05.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special
from statsmodels.stats.multitest import multipletests

from sslcl.errors import InputError, unknown
from study.metrics_from_confusion import Floats, Metric, margins

RESAMPLES = 2000
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Sample:
    """What one cell's trials predicted on one split.

    Args:
        seeds: ``S`` distinct seeds, one a trial.
        confusion: ``(S, K, C, C)`` counts per seed and conversation, label × prediction.
    """

    seeds: tuple[int, ...]
    confusion: NDArray[np.int64]

    def __post_init__(self) -> None:
        shape = self.confusion.shape
        if len(shape) != 4 or shape[0] != len(self.seeds) or shape[2] != shape[3]:
            raise InputError(
                f"confusion counts have shape {shape}: expected ({len(self.seeds)} seeds, "
                "conversations, classes, classes)"
            )
        if len(set(self.seeds)) != len(self.seeds):
            raise InputError(f"seeds {list(self.seeds)} are not distinct: expected one trial each")

    def scores(self, metric: Metric) -> Floats:
        """``(S,)`` score of every seed on the whole split."""
        return metric.score(margins(self.confusion).sum(1))


@dataclass(frozen=True)
class Comparison:
    """One cell against the reference; scores and differences in [0, 1], NaN where not estimable.

    Args:
        n: seeds of the cell.
        mean, sd: of the score over those seeds (sd with n - 1; NaN with one seed).
        pairs: seeds that cell and reference share; the fields below rest on these.
        difference: mean of the paired differences, cell - reference.
        ci_low, ci_high: its 95 % confidence interval.
        p_value: two-sided, of no difference; below 0.05 exactly when the interval excludes 0.
    """

    n: int
    mean: float
    sd: float
    pairs: int
    difference: float
    ci_low: float
    ci_high: float
    p_value: float

    @property
    def covers_seeds(self) -> bool:
        """Whether the interval speaks for new seeds too: one pair only tells of conversations."""
        return self.pairs > 1


def compare(
    cells: Mapping[str, Sample],
    reference: str,
    metric: Metric,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, Comparison]:
    """Compare every cell with the reference cell, paired by seed and by conversation.

    With d(s) the difference of the scores at seed s on the whole split, the estimate is its mean
    over the S common seeds. Seeds and conversations are crossed random factors, so its variance is

        V = V_seeds + (V_conversations - V_both)

    - ``V_seeds`` = variance of d(s) / S. It is what a bootstrap over seeds converges to after the
      S / (S - 1) inflation that a few seeds need, so no seeds have to be drawn.
    - ``V_conversations`` = variance of the mean difference when the K conversations are drawn anew
      with replacement, the same draw for all cells and seeds, times K / (K - 1).
    - ``V_both`` = the seed × conversation part, which is in both of these and must count once: the
      variance between seeds of the change that a draw makes, / S, times K / (K - 1).

    Each part gets the quantile of Student's t that its own number of draws from nature earns:

        half width^2 = t(S - 1)^2 V_seeds + t(K - 1)^2 max(0, V_conversations - V_both)

    and never less than t(K - 1)^2 V_conversations. For normal differences this covers at least the
    stated level whatever the sizes of the parts, which degrees of freedom after Satterthwaite do
    not (with 2 seeds they let 12 % false positives through); with 5 seeds it costs at most 11 % of
    width. The p-value is the level at which the interval just touches 0.

    With one common seed ``V_conversations`` is all there is (``covers_seeds`` is false); with one
    conversation, or no common seed, nothing can be said and the fields are NaN.

    Args:
        cells: name to sample, all on the same K conversations in the same order.
        reference: name of the cell that the others are compared with.
        metric: what is scored.
        resamples: draws of the conversations.
        seed: of the draws; the same call gives the same numbers.

    Sources: Owen, "The pigeonhole bootstrap", Annals of Applied Statistics 1 (2007), section 4,
    for the crossed variance and its double count; Banerjee, "Approximate confidence interval for
    linear functions of means of k populations when the population variances are not equal",
    Sankhya 22 (1960), for the combination.
    """
    if reference not in cells:
        raise unknown("cell", reference, cells)
    conversations = _same_conversations(cells)
    rng = np.random.default_rng(seed)
    draws = rng.multinomial(
        conversations, np.full(conversations, 1.0 / conversations), size=resamples
    ).astype(np.float64)
    scored = {name: _score(sample, metric, draws) for name, sample in cells.items()}
    base = cells[reference]
    return {
        name: _compare_one(sample, scored[name], base, scored[reference], conversations)
        for name, sample in cells.items()
    }


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down correction over the values that are not NaN; NaN stays NaN."""
    values = np.asarray(p_values, dtype=np.float64)
    corrected = np.full(values.shape, np.nan)
    known = ~np.isnan(values)
    if known.any():
        corrected[known] = multipletests(values[known], method="holm")[1]
    return [float(p) for p in corrected]


@dataclass(frozen=True)
class _Scored:
    """Scores of one cell: ``(S,)`` on the split as it is, ``(B, S)`` on each draw."""

    whole: Floats
    drawn: Floats


def _same_conversations(cells: Mapping[str, Sample]) -> int:
    shapes = {sample.confusion.shape[1:] for sample in cells.values()}
    if len(shapes) != 1:
        raise InputError(f"cells differ in conversations or classes: found {sorted(shapes)}")
    count = int(next(iter(shapes))[0])
    if count == 0:
        raise InputError("the cells hold no conversations: expected at least one")
    return count


def _score(sample: Sample, metric: Metric, draws: Floats) -> _Scored:
    counts = margins(sample.confusion)
    seeds, conversations, rows, classes = counts.shape
    flat = counts.transpose(1, 0, 2, 3).reshape(conversations, -1)
    drawn = (draws @ flat).reshape(len(draws), seeds, rows, classes)
    return _Scored(metric.score(counts.sum(1)), metric.score(drawn))


def _compare_one(
    sample: Sample, scored: _Scored, base: Sample, base_scored: _Scored, conversations: int
) -> Comparison:
    common = sorted(set(sample.seeds) & set(base.seeds))
    mine = [sample.seeds.index(seed) for seed in common]
    theirs = [base.seeds.index(seed) for seed in common]
    whole = scored.whole[mine] - base_scored.whole[theirs]
    drawn = scored.drawn[:, mine] - base_scored.drawn[:, theirs]
    difference = float(whole.mean()) if common else np.nan
    low, high, p_value = _infer(difference, whole, drawn, conversations)
    n = len(sample.seeds)
    return Comparison(
        n=n,
        mean=float(scored.whole.mean()) if n else np.nan,
        sd=float(scored.whole.std(ddof=1)) if n > 1 else np.nan,
        pairs=len(common),
        difference=difference,
        ci_low=low,
        ci_high=high,
        p_value=p_value,
    )


def _infer(
    difference: float, whole: Floats, drawn: Floats, conversations: int
) -> tuple[float, float, float]:
    """Interval ends and p-value from ``(S,)`` differences and their ``(B, S)`` redraws."""
    pairs = len(whole)
    if pairs == 0 or conversations < 2:
        return np.nan, np.nan, np.nan
    small = conversations / (conversations - 1)
    by_conversation = float(drawn.mean(1).var(ddof=1)) * small
    by_seed = both = 0.0
    if pairs > 1:
        by_seed = float(whole.var(ddof=1)) / pairs
        both = float((drawn - whole).var(axis=1, ddof=1).mean()) / pairs * small
    parts = _Parts(by_seed, by_conversation, both, pairs, conversations)
    half = parts.half_width(1 - CONFIDENCE)
    # Differences that are equal but for rounding are the same difference.
    if half < 1e-12:
        return difference, difference, 1.0 if abs(difference) < 1e-12 else 0.0
    return difference - half, difference + half, parts.level_reaching(abs(difference))


@dataclass(frozen=True)
class _Parts:
    """Variance components of a mean difference and the counts that they rest on."""

    by_seed: float
    by_conversation: float
    both: float
    pairs: int
    conversations: int

    def half_width(self, level: float) -> float:
        """Half the width of the interval that misses with probability ``level``."""
        conversation_t = special.stdtrit(self.conversations - 1, level / 2) ** 2
        least = conversation_t * self.by_conversation
        if self.pairs < 2:
            return float(np.sqrt(least))
        seed_t = special.stdtrit(self.pairs - 1, level / 2) ** 2
        rest = max(0.0, self.by_conversation - self.both)
        return float(np.sqrt(max(seed_t * self.by_seed + conversation_t * rest, least)))

    def level_reaching(self, distance: float) -> float:
        """The level at which the half width is ``distance``: the two-sided p-value."""
        lowest = -300.0
        if self.half_width(np.exp(lowest)) <= distance:
            return 0.0
        root = optimize.brentq(lambda x: self.half_width(np.exp(x)) - distance, lowest, 0.0)
        return float(np.exp(root))
