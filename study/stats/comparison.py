"""What a difference between two cells is worth, with few seeds and few conversations.

The uncertainty that every interval and p-value here speaks of is that of *doing the whole thing
again*: training with new seeds and testing on new conversations from the same source. Utterances
of one conversation are never treated as independent, and neither are the seeds' results on one
test set.

An exact sign-flip test over the seeds alone would not do: it says nothing about conversations, and
with 5 seeds its smallest two-sided p-value is 2 / 2^5 = 0.0625, so it could never reach 0.05. It
is reported beside this one all the same, see :mod:`study.stats.permutation`, and decides nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sslcl.errors import InputError, unknown
from sslcl.metrics import Floats
from study.stats.metrics import Metric
from study.stats.spread import CONFIDENCE, NO_WIDTH, Spread, moderated, spread_of

RESAMPLES = 2000
SMALLEST_DIFFERENCE = 0.01
"""The difference below which nobody would care, unless a study states another: one point."""


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
        return metric.score(metric.margins(self.confusion).sum(1))


@dataclass(frozen=True)
class CellComparison:
    """One cell against the reference; scores and differences in [0, 1], NaN where not estimable.

    Args:
        n: seeds of the cell.
        mean, sd: of the score over those seeds (sd with n - 1; NaN with one seed).
        pairs: seeds that cell and reference share; the fields below rest on these.
        difference: mean of the paired differences, cell - reference.
        ci_low, ci_high: its 95 % confidence interval.
        p_value: two-sided, of no difference; below 0.05 exactly when the interval excludes 0.
        effect_size: standardised paired difference, see :func:`standardised`.
        p_equivalence: of a difference at least as large as the smallest interesting one; below
            0.05 exactly when the 90 % interval lies within it on both sides.
        spread: what the difference varies by; ``None`` where nothing can be said of it.
    """

    n: int
    mean: float
    sd: float
    pairs: int
    difference: float
    ci_low: float
    ci_high: float
    p_value: float
    effect_size: float
    p_equivalence: float
    spread: Spread | None = None

    @property
    def covers_seeds(self) -> bool:
        """Whether the interval speaks for new seeds too: one pair covers conversations alone."""
        return self.pairs > 1


def compare_cells(
    cells: Mapping[str, Sample],
    reference: str,
    metric: Metric,
    *,
    smallest_difference: float = SMALLEST_DIFFERENCE,
    draws: "Draws | None" = None,
) -> dict[str, CellComparison]:
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

    ``V_seeds`` is then moderated across the rows of the table, see
    :func:`study.stats.moderation.moderate`, which leaves it df degrees of freedom, at least S - 1.
    Each part gets the quantile of Student's t of its own degrees of freedom:

        half width^2 = (w t(df))^2 V_seeds + t(K - 1)^2 max(0, V_conversations - V_both)

    and never less than t(K - 1)^2 V_conversations; w = 1 + 1.35 / (df + 1)^2 allows for
    skewed differences of few seeds, and more in rows whose seeds vary far more than those of the
    others, see :func:`study.stats.spread.seeds_widening`. For normal
    differences this covers at least the stated level whatever the sizes of the parts, which
    degrees of freedom after Satterthwaite do not (with 2 seeds they let 12 % false positives
    through). The p-value is the level at which the interval just touches 0.

    This is what a two-level bootstrap of seeds and conversations estimates, put right: that one
    converges to (S - 1)/S V_seeds + (K - 1)/K V_conversations + (S - 1)/S (K - 1)/K V_both, too
    little of the first two for few draws from nature, and the third part three times.

    Equivalence is two one-sided tests with the same interval: its p-value is the level a at which
    the 1 - 2a interval just touches the smallest interesting difference on the nearer side.

    With one common seed ``V_conversations`` is all there is (``covers_seeds`` is false); with one
    conversation, or no common seed, nothing can be said and the fields are NaN.

    Args:
        cells: name to sample, all on the same K conversations in the same order.
        reference: name of the cell that the others are compared with.
        metric: what is scored.
        smallest_difference: what a difference must reach to be of interest, above 0.
        draws: of the conversations; :data:`RESAMPLES` of them when left out.

    Sources: Owen, "The pigeonhole bootstrap", Annals of Applied Statistics 1 (2007), section 4,
    for the crossed variance and what the two-level bootstrap counts thrice; Banerjee, "Approximate
    confidence interval for linear functions of means of k populations when the population
    variances are not equal", Sankhya 22 (1960), for the combination; Schuirmann, "A comparison of
    the two one-sided tests procedure and the power approach", Journal of Pharmacokinetics and
    Biopharmaceutics 15 (1987), for equivalence.
    """
    if not smallest_difference > 0:
        raise InputError(
            f"the smallest interesting difference is {smallest_difference}: expected one above 0, "
            "such as 0.01 for one point"
        )
    if reference not in cells:
        raise unknown("cell", reference, cells)
    conversations = same_conversations(cells)
    scored = redrawn(cells, metric, draws)
    base = cells[reference]
    differences: dict[str, Floats] = {}
    spreads: dict[str, Spread] = {}
    for name, sample in cells.items():
        mine, theirs = paired(sample, base)
        differences[name] = scored[name].whole[mine] - scored[reference].whole[theirs]
        drawn = scored[name].drawn[:, mine] - scored[reference].drawn[:, theirs]
        spread = spread_of(differences[name], drawn, conversations)
        if spread is not None:
            spreads[name] = spread
    spreads |= moderated({n: spread for n, spread in spreads.items() if n != reference})
    return {
        name: summarise(scored[name].whole, whole, spreads.get(name), smallest_difference)
        for name, whole in differences.items()
    }


def standardised(differences: Floats) -> float:
    """Mean of ``(S,)`` paired differences in standard deviations of them, without bias.

    J(S - 1) mean / sd, where J(m) = Γ(m / 2) / (sqrt(m / 2) Γ((m - 1) / 2)) takes away what few
    pairs add. It says how large a difference is against the luck of the seeds, and nothing
    of conversations. NaN for fewer than three pairs or when all differences are equal.

    Source: Hedges, "Distribution theory for Glass's estimator of effect size and related
    estimators", Journal of Educational Statistics 6 (1981).
    """
    if len(differences) < 3:
        return np.nan
    sd = float(differences.std(ddof=1))
    if sd < NO_WIDTH:
        return np.nan
    from scipy import special  # takes as long to import as a whole report from stored rows

    freedom = (len(differences) - 1) / 2
    log_j = special.gammaln(freedom) - special.gammaln(freedom - 0.5) - np.log(freedom) / 2
    return float(np.exp(log_j) * differences.mean() / sd)


@dataclass(frozen=True)
class Draws:
    """How the conversations are drawn anew; the same draws give the same numbers.

    Args:
        count: how often.
        seed: of the random numbers.
    """

    count: int = RESAMPLES
    seed: int = 0


@dataclass(frozen=True)
class RedrawnScores:
    """Scores of one cell: ``(S,)`` on the split as it is, ``(B, S)`` on each draw."""

    whole: Floats
    drawn: Floats


def redrawn(
    cells: Mapping[str, Sample], metric: Metric, draws: Draws | None = None
) -> dict[str, RedrawnScores]:
    """Scores of all cells when the conversations are drawn anew, the same draws for all."""
    count = same_conversations(cells)
    draws = draws or Draws()
    rng = np.random.default_rng(draws.seed)
    drawn = rng.multinomial(count, np.full(count, 1.0 / count), size=draws.count)
    weights = drawn.astype(np.float64)
    return {name: _score(sample, metric, weights) for name, sample in cells.items()}


def same_conversations(cells: Mapping[str, Sample]) -> int:
    """How many conversations all the cells were tested on; an InputError where they differ."""
    shapes = {sample.confusion.shape[1:] for sample in cells.values()}
    if len(shapes) != 1:
        raise InputError(f"cells differ in conversations or classes: found {sorted(shapes)}")
    count = int(next(iter(shapes))[0])
    if count == 0:
        raise InputError("the cells hold no conversations: expected at least one")
    return count


def _score(sample: Sample, metric: Metric, draws: Floats) -> RedrawnScores:
    counts = metric.margins(sample.confusion)
    seeds, conversations, rows, classes = counts.shape
    flat = counts.transpose(1, 0, 2, 3).reshape(conversations, -1)
    drawn = (draws @ flat).reshape(len(draws), seeds, rows, classes)
    return RedrawnScores(metric.score(counts.sum(1)), metric.score(drawn))


def paired(sample: Sample, base: Sample) -> tuple[list[int], list[int]]:
    """Where the common seeds stand in ``sample`` and in ``base``, in ascending order of seed."""
    common = sorted(set(sample.seeds) & set(base.seeds))
    return [sample.seeds.index(s) for s in common], [base.seeds.index(s) for s in common]


def summarise(
    scores: Floats, differences: Floats, spread: Spread | None, smallest_difference: float
) -> CellComparison:
    """A comparison from ``(n,)`` scores, ``(S,)`` paired differences and what they vary by.

    Args:
        spread: ``None`` where nothing can be said of it.
        smallest_difference: what a difference must reach to be of interest; NaN for no such test.
    """
    difference = float(differences.mean()) if differences.size else np.nan
    half = p_value = p_equivalence = np.nan
    if spread is not None:
        half = spread.half_width(1 - CONFIDENCE)
        p_value = spread.level_reaching(abs(difference))
        p_equivalence = spread.p_equivalence(difference, smallest_difference)
    half = 0.0 if half < NO_WIDTH else half
    return CellComparison(
        n=len(scores),
        mean=float(scores.mean()) if scores.size else np.nan,
        sd=float(scores.std(ddof=1)) if len(scores) > 1 else np.nan,
        pairs=len(differences),
        difference=difference,
        ci_low=difference - half,
        ci_high=difference + half,
        p_value=p_value,
        effect_size=standardised(differences),
        p_equivalence=p_equivalence,
        spread=spread,
    )
