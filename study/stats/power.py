"""What a comparison could show, before it is made."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import median

import numpy as np
from scipy import optimize, special

from sslcl.metrics import Floats
from study.stats.comparison import Sample
from study.stats.metrics import Metric
from study.stats.moderation import FEWEST_ROWS, shared_freedom
from study.stats.spread import few_seeds_widening

POWER = 0.8
"""Probability with which a difference of the size given is shown."""


@dataclass(frozen=True)
class Deviations:
    """How paired differences of a score in [0, 1] vary.

    Args:
        seeds: standard deviation, from seed to seed, of the difference on the whole split.
        conversations: standard deviation of what single conversations contribute: a test split
            of K conversations adds ``conversations``^2 / K to the variance of the mean difference.
    """

    seeds: float
    conversations: float


SUPPOSED = Deviations(seeds=0.01, conversations=0.04)
"""Weighted F1 where nothing is known: 1 point from seed to seed, 4 from conversation to
conversation, as in small corpora."""


def detectable_difference(
    seeds: int, conversations: int, deviations: Deviations, level: float = 0.05, *, rows: int = 1
) -> float:
    """The smallest true difference that a comparison shows with a probability of 80 %.

    The test is that of :func:`study.stats.comparison.compare_cells`. With S seeds, K
    conversations and normal differences the estimate is N(d, v_S + v_K), with
    v_S = ``deviations.seeds``^2 / S and v_K = ``deviations.conversations``^2 / K; the half width
    of its interval is

        h^2 = (w t(f))^2 v_S X_S / f + t(K - 1)^2 v_K X_K / (K - 1)

    with independent chi-squares X_S, X_K of f and K - 1 degrees of freedom. With one or two rows
    f = S - 1; more of them lend one another what
    :func:`study.stats.moderation.shared_freedom` says, where their variances are alike; w is
    :func:`study.stats.spread.few_seeds_widening`. The d returned has
    P(|estimate| > h) = 0.8. Without variance between conversations this is the power of the
    paired t-test, but for w. The interaction of seeds and conversations counts as part of
    ``deviations.seeds``, as it does in the test.

    Args:
        seeds: S; infinity is returned for fewer than two.
        conversations: K; the same.
        deviations: standard deviations, in the metric's units.
        level: two-sided; divide it by the number of comparisons for what survives Holm's
            correction at worst.
        rows: comparisons in the table.
    """
    if seeds < 2 or conversations < 2:
        return math.inf
    parts = (deviations.seeds**2 / seeds, deviations.conversations**2 / conversations)
    sd = math.sqrt(sum(parts))
    if sd == 0.0:
        return 0.0
    freedom = float(shared_freedom(np.array(rows if rows >= FEWEST_ROWS else 1), seeds - 1))
    widened = (few_seeds_widening(freedom) ** 2 * parts[0], parts[1])
    shares, weights = _half_widths(widened, (freedom, conversations - 1), level)

    def power(difference: float) -> float:
        above = special.ndtr((difference - shares) / sd)
        below = special.ndtr((-difference - shares) / sd)
        return float(((above + below) * weights).sum())

    highest = float(shares.max()) + 10 * sd
    return float(optimize.brentq(lambda d: power(d) - POWER, 0.0, highest, xtol=1e-9))


def _half_widths(
    parts: tuple[Floats | float, float], freedom: tuple[float, int], level: float
) -> tuple[Floats, Floats]:
    """Half widths of the interval at the nodes of a quadrature over both chi-squares, weighted."""
    nodes, weights = np.polynomial.legendre.leggauss(64)
    quantiles, weights = (nodes + 1) / 2, weights / 2
    squares = [
        special.stdtrit(df, level / 2) ** 2 * part * 2 * special.gammaincinv(df / 2, quantiles) / df
        for part, df in zip(parts, freedom, strict=True)
    ]
    return np.sqrt(squares[0][:, None] + squares[1]), weights[:, None] * weights


def observed_deviations(
    samples: Mapping[str, Sample], reference: str, metric: Metric
) -> Deviations | None:
    """How the differences to the reference vary in cells that have been tested.

    Of each cell: ``seeds`` as defined; ``conversations`` from the jackknife's pseudo-values
    p(s, k) = K d(s) - (K - 1) d(s without k), as the variance between conversations in the
    two-way layout of seeds and conversations, less its share of the interaction. Of several
    cells the median. ``None`` where no cell shares two seeds and two conversations with the
    reference.
    """
    base = samples[reference]
    pairs = (_of_pair(s, base, metric) for name, s in samples.items() if name != reference)
    return _median(deviations for deviations in pairs if deviations is not None)


def _of_pair(sample: Sample, base: Sample, metric: Metric) -> Deviations | None:
    common = sorted(set(sample.seeds) & set(base.seeds))
    if len(common) < 2 or sample.confusion.shape[1] < 2:
        return None
    (whole, without), (base_whole, base_without) = (
        _scores(one, [one.seeds.index(seed) for seed in common], metric) for one in (sample, base)
    )
    count = sample.confusion.shape[1]
    by_seed = whole - base_whole
    pseudo = count * by_seed[:, None] - (count - 1) * (without - base_without)
    rest = pseudo - pseudo.mean(0) - pseudo.mean(1, keepdims=True) + pseudo.mean()
    both = float((rest**2).sum()) / ((len(common) - 1) * (count - 1))
    between = float(pseudo.mean(0).var(ddof=1)) - both / len(common)
    return Deviations(float(by_seed.std(ddof=1)), math.sqrt(max(between, 0.0)))


def _scores(sample: Sample, rows: list[int], metric: Metric) -> tuple[Floats, Floats]:
    """``(S,)`` scores on the whole split and ``(S, K)`` without each of the conversations."""
    counts = metric.margins(sample.confusion[rows])
    total = counts.sum(1)
    return metric.score(total), metric.score(total[:, None] - counts)


def _median(deviations: Iterable[Deviations]) -> Deviations | None:
    every = list(deviations)
    if not every:
        return None
    return Deviations(median(d.seeds for d in every), median(d.conversations for d in every))
