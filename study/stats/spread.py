"""How much a mean difference varies, by seeds and by conversations, and the interval of that."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from sslcl.metrics import Floats
from study.stats.moderation import moderate

Row = TypeVar("Row", bound=Hashable)
CONFIDENCE = 0.95
NO_WIDTH = 1e-12
"""Differences that are equal but for rounding are the same difference."""


def spread_of(whole: Floats, drawn: Floats, conversations: int) -> "Spread | None":
    """Variance components from ``(S,)`` differences and their ``(B, S)`` redraws."""
    pairs = len(whole)
    if pairs == 0 or conversations < 2:
        return None
    small = conversations / (conversations - 1)
    by_conversation = float(drawn.mean(1).var(ddof=1)) * small
    by_seed = both = 0.0
    if pairs > 1:
        by_seed = float(whole.var(ddof=1)) / pairs
        both = float((drawn - whole).var(axis=1, ddof=1).mean()) / pairs * small
    return Spread(by_seed, by_conversation, both, pairs, conversations, widened=True)


def few_seeds_widening(freedom: Floats | float) -> Floats | float:
    """What Student's quantile of so many degrees of freedom f is multiplied with for seeds.

    1 + 1.35 / (f + 1)^2. Differences of scores are often skewed (now and then a seed collapses),
    and then three of them err more often than stated: 1.15 for 3 seeds and 1.05 for 5, without
    borrowing, keep the family-wise error of the grid that ``python -m benchmarks statistics``
    prints.
    """
    return 1.0 + 1.35 / (freedom + 1) ** 2


def seeds_widening(freedom: Floats, seeds: Floats, skewed: NDArray[np.bool_]) -> Floats:
    """What Student's quantile for seeds is multiplied with, in rows that may be skewed, too.

    That of :func:`few_seeds_widening`, and in skewed rows at least 1 + 2.5 / sqrt(S): what
    Student's t of exponential scores takes at the levels of a corrected table, from 2.4 for 3
    seeds to 1.6 for 20.

    Args:
        freedom: of the variance over seeds.
        seeds: S.
        skewed: rows that :func:`study.stats.moderation.moderate` takes to be so.
    """
    plain = few_seeds_widening(freedom)
    return np.where(skewed, np.maximum(plain, 1.0 + 2.5 / np.sqrt(seeds)), plain)


@dataclass(frozen=True)
class Spread:
    """Variance components of a mean difference and the counts that they rest on.

    Args:
        by_seed: variance of the mean difference for new seeds.
        by_conversation: for new conversations.
        both: the part that is in both of these.
        pairs: S, seeds that cell and reference share.
        conversations: K.
        freedom: degrees of freedom of ``by_seed``; S - 1 when left out.
        prior_freedom: how many of them other rows have lent.
        widened: whether few seeds get the wider interval of :func:`few_seeds_widening`.
        skewed: whether it is that of :func:`seeds_widening` for skewed scores.
    """

    by_seed: float
    by_conversation: float
    both: float
    pairs: int
    conversations: int
    freedom: float | None = None
    prior_freedom: float = 0.0
    widened: bool = False
    skewed: bool = False

    @property
    def seed_freedom(self) -> float:
        """Degrees of freedom of ``by_seed``."""
        return self.pairs - 1 if self.freedom is None else self.freedom

    def seed_quantile(self, level: float, seeds: float, freedom: float) -> float:
        """The quantile for so many seeds, widened as those of the row are."""
        from scipy import special

        widening = 1.0
        if self.widened:
            ends = (np.asarray(freedom), np.asarray(seeds), np.asarray(self.skewed))
            widening = float(seeds_widening(*ends))
        finite = freedom < np.inf
        tail = special.stdtrit(freedom, level / 2) if finite else special.ndtri(level / 2)
        return -widening * float(tail)

    @property
    def conversations_alone(self) -> float:
        """The variance for new conversations less what it shares with that for new seeds."""
        return max(0.0, self.by_conversation - self.both)

    def half_width(self, level: float) -> float:
        """Half the width of the interval that misses with probability ``level``."""
        from scipy import special

        conversation_t = special.stdtrit(self.conversations - 1, level / 2) ** 2
        least = conversation_t * self.by_conversation
        if self.pairs < 2:
            return float(np.sqrt(least))
        seed_t = self.seed_quantile(level, self.pairs, self.seed_freedom) ** 2
        rest = conversation_t * self.conversations_alone
        return float(np.sqrt(max(seed_t * self.by_seed + rest, least)))

    def level_reaching(self, distance: float) -> float:
        """The level at which the half width is ``distance``: the two-sided p-value."""
        from scipy import optimize

        lowest = -300.0
        if self.half_width(1 - CONFIDENCE) < NO_WIDTH:
            return 1.0 if distance < NO_WIDTH else 0.0
        if self.half_width(np.exp(lowest)) <= distance:
            return 0.0
        root = optimize.brentq(lambda x: self.half_width(np.exp(x)) - distance, lowest, 0.0)
        return float(np.exp(root))

    def p_equivalence(self, difference: float, margin: float) -> float:
        """The larger of the one-sided p-values of a true difference beyond ``±margin``."""
        if np.isnan(margin):
            return np.nan
        room = margin - abs(difference)
        outside = self.level_reaching(abs(room)) / 2
        return outside if room > 0 else 1 - outside


def moderated(
    spreads: Mapping[Row, Spread], scales: Mapping[Row, float] | None = None
) -> dict[Row, Spread]:
    """The rows of one table with their variances over seeds moderated across them.

    Args:
        spreads: row to spread, without the reference; rows with one pair stay as they are.
        scales: row to what its variance is in units of the one that all rows share, where rows
            are sums of scores with other weights; 1 for every row when left out.

    Source: see :func:`study.stats.moderation.moderate`.
    """
    rows = {name: spread for name, spread in spreads.items() if spread.pairs > 1}
    pairs = np.array([spread.pairs for spread in rows.values()], dtype=np.float64)
    scale = np.array([1.0 if scales is None else scales[name] for name in rows])
    variances = np.array([spread.by_seed for spread in rows.values()]) * pairs / scale
    shared = moderate(variances, pairs - 1)
    changed = {
        name: replace(
            spread,
            by_seed=float(shared.variances[i]) * float(scale[i]) / spread.pairs,
            freedom=float(shared.freedom[i]),
            prior_freedom=0.0 if shared.own[i] else float(shared.prior_freedom),
            skewed=bool(shared.skewed[i]),
        )
        for i, (name, spread) in enumerate(rows.items())
    }
    return {**spreads, **changed}
