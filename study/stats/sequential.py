"""Adding seeds in looks that were planned beforehand, at an error rate that is kept.

Whoever compares after 5 seeds, adds seeds where nothing is shown and compares again, tests several
times and finds false differences more often than the level says. So the level is spent: each look
gets a share of it, little at first, and all shares together are the level.

The looks' shares simply add up (Bonferroni over looks). Boundaries that use the correlation between
looks would be a little wider open, but are exact for normal estimates of known variance only. The
sum holds for p-values of any test that is valid at each look by itself: Student's t with 4 degrees
of freedom, variances shared between rows, conversations that all looks have in common, and scores
other than the one that decides when to stop.

Sources: Lan and DeMets, "Discrete sequential boundaries for clinical trials", Biometrika 70 (1983),
for the spending function, which resembles O'Brien and Fleming, Biometrics 35 (1979); Jennison and
Turnbull, "Group sequential methods with applications to clinical trials" (2000), chapter 4.4 for
nominal levels of t tests and chapter 9 for repeated confidence intervals; Maurer and Bretz,
"Multiple testing in group sequential trials using graphical approaches", Statistics in
Biopharmaceutical Research 5 (2013), for Holm's correction at every look.
"""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from itertools import pairwise

import numpy as np

from sslcl.errors import InputError
from study.stats.comparison import CellComparison
from study.stats.decisions import PlannedContrast, Side, decide
from study.stats.spread import CONFIDENCE, Spread
from study.stats.verdicts import SIGNIFICANCE

_LARGEST = 0.3
"""Levels above this are never tested at; up to it nominal levels grow with the overall level."""
SEEDS_LEVEL = 0.2
"""Of the two-sided interval for where more seeds could take a difference."""


class Stop(StrEnum):
    """Why a row gets no more seeds."""

    VERDICT = "verdict"
    NOT_DECIDABLE = "not decidable"
    """Not even infinitely many seeds would decide it on these test conversations."""
    OUT_OF_REACH = "out of reach"
    """Not even the seeds of the last look would decide it."""
    AT_MOST = "at most"
    NOTHING = "nothing to compare"


@dataclass(frozen=True)
class Look:
    """One planned comparison, with the seeds that a row has by then.

    Args:
        number: 1 for the first.
        seeds: of a row, all those of earlier looks among them.
        share: ``seeds`` as a part of those of the last look.
        before: ``share`` of the look before, 0 for the first.
    """

    number: int
    seeds: int
    share: float
    before: float

    def nominal(self, level: float) -> float:
        """The level to test at in this look when all looks together are to keep ``level``."""
        return spent(level, self.share) - spent(level, self.before)

    def tested_at(self, level: float) -> float:
        """:meth:`nominal`, continued above the levels that are ever tested at so that it grows."""
        if level <= _LARGEST:
            return self.nominal(level)
        top = self.nominal(_LARGEST)
        return top + (1 - top) * (level - _LARGEST) / (1 - _LARGEST)

    def overall(self, p_value: float) -> float:
        """The two-sided p-value over all looks, of one that was computed at this look alone.

        It is the level whose :meth:`nominal` is ``p_value``, so it is below 0.05 exactly when
        ``p_value`` is below ``nominal(0.05)``. NaN stays NaN.
        """
        if math.isnan(p_value) or p_value <= 0.0:
            return p_value
        from scipy import optimize  # takes as long to import as a whole report of stored rows

        top = self.nominal(_LARGEST)
        if p_value >= top:
            return _LARGEST + (1 - _LARGEST) * min(1.0, (p_value - top) / (1 - top))

        def excess(log_level: float) -> float:
            # Logarithms make it nearly a straight line.
            return math.log(max(self.nominal(math.exp(log_level)), 1e-320)) - math.log(
                max(p_value, 1e-300)
            )

        return math.exp(optimize.brentq(excess, -700.0, math.log(_LARGEST)))


def planned_looks(seeds: Sequence[int]) -> tuple[Look, ...]:
    """The looks at these numbers of seeds.

    Args:
        seeds: a row's seeds at each look, ascending; a single number is an ordinary comparison.
    """
    if not seeds or seeds[0] < 1 or any(later <= earlier for earlier, later in pairwise(seeds)):
        raise InputError(f"looks at {list(seeds)} seeds: expected ascending numbers above 0")
    shares = [count / seeds[-1] for count in seeds]
    return tuple(
        Look(number, count, share, before)
        for number, (count, share, before) in enumerate(
            zip(seeds, shares, [0.0, *shares], strict=False), start=1
        )
    )


def spent(level: float, share: float) -> float:
    """How much of a two-sided ``level`` is spent when a ``share`` of all seeds are there.

    2 - 2 Phi(z / sqrt(share)), with z the normal quantile of 1 - level / 2: almost nothing early,
    and ``level`` at the end.
    """
    if share <= 0.0 or level <= 0.0:
        return 0.0
    from scipy import special

    return float(2 * special.ndtr(special.ndtri(level / 2) / math.sqrt(share)))


@dataclass(frozen=True)
class SpentSpread(Spread):
    """A spread whose intervals and levels are those of all looks together.

    Args:
        look: at which the row stopped, or stands.
    """

    look: Look = field(default_factory=lambda: planned_looks([1])[0])

    @classmethod
    def at(cls, spread: Spread, look: Look) -> "SpentSpread":
        """The spread of one comparison, as one of several looks."""
        return cls(**{item.name: getattr(spread, item.name) for item in fields(Spread)}, look=look)

    def half_width(self, level: float) -> float:
        """Half the width of the repeated interval that misses with probability ``level``."""
        return super().half_width(self.look.tested_at(level))


def at_look(compared: CellComparison, look: Look, margin: float) -> CellComparison:
    """A comparison with the interval and the p-values that all looks together allow.

    Args:
        compared: made from the seeds of the look as if there were no other looks.
        look: at which the row stopped, or stands.
        margin: the smallest interesting difference.

    Returns:
        The same with the interval of nominal level ``look.nominal(0.05)`` (a repeated confidence
        interval) and p-values over all looks.
    """
    spread = compared.spread
    if spread is None:
        return compared
    half = spread.half_width(look.nominal(1 - CONFIDENCE))
    one_sided = spread.p_equivalence(compared.difference, margin)
    return replace(
        compared,
        ci_low=compared.difference - half,
        ci_high=compared.difference + half,
        spread=SpentSpread.at(spread, look),
        p_value=look.overall(compared.p_value),
        p_equivalence=_one_sided(look, one_sided),
    )


def _one_sided(look: Look, p_value: float) -> float:
    # Beyond one half it is the other side that is small.
    if p_value > 0.5:
        return 1 - look.overall(2 * (1 - p_value)) / 2
    return look.overall(2 * p_value) / 2


def within_reach(
    compared: CellComparison, seeds: float, nominal: float, margin: float, side: Side = "two"
) -> bool:
    """Whether ``seeds`` seeds, in place of today's S, could lead to a verdict.

    The reachable interval is the one that so many seeds would leave, around a difference that lies,
    as far as today's seeds tell, within an 80 % interval of today's:

        half width^2 = t(f + seeds - S)^2 V_seeds S / seeds + t(K - 1)^2 (V_conversations - V_both)
        wander^2 = t(f)^2 V_seeds (1 - S / seeds)

    with f the degrees of freedom of V_seeds today. With infinitely many seeds only the
    conversations are left of the half width. A verdict is out of reach when no difference there is
    further than the half width from 0, nor nearer to 0 than the smallest interesting difference by
    the one-sided half width.

    Args:
        compared: the row today.
        seeds: S or more, or infinity.
        nominal: the level at which the row would be tested then.
        margin: the smallest interesting difference.
        side: which differences would be shown; those of one side at twice the level.
    """
    spread = compared.spread
    if spread is None or spread.pairs < 2:
        return spread is not None
    left = spread.pairs / seeds
    wander = _t(spread.seed_freedom, SEEDS_LEVEL) * math.sqrt(spread.by_seed * max(0.0, 1 - left))

    def half_width(level: float) -> float:
        by_conversation = spread.conversations_alone * _t(spread.conversations - 1, level) ** 2
        freedom = seeds - 1 + spread.prior_freedom
        seed_t = spread.seed_quantile(level, seeds, freedom)
        return math.sqrt(seed_t**2 * spread.by_seed * left + by_conversation)

    distance, one_sided = abs(compared.difference), half_width(min(1.0, 2 * nominal))
    towards = {"two": distance, "less": -compared.difference, "greater": compared.difference}[side]
    differs = towards + wander > (half_width(nominal) if side == "two" else one_sided)
    return differs or max(0.0, distance - wander) + one_sided < margin


def _t(freedom: float, level: float) -> float:
    from scipy import special

    quantile = special.stdtrit(freedom, level / 2) if freedom < np.inf else special.ndtri(level / 2)
    return -float(quantile)


Compare = Callable[[Mapping[str, int]], Mapping[str, CellComparison]]
"""Compares rows with the reference by so many first seeds of each, as if there were no looks."""


@dataclass(frozen=True)
class Rule:
    """How rows are judged at every look.

    Args:
        looks: planned beforehand.
        margin: the smallest interesting difference.
        correction: over the rows, one of :data:`study.stats.names.CORRECTIONS`.
        planned: row to what was asked of it beforehand; these rows are corrected among themselves,
            and so are the others.
    """

    looks: tuple[Look, ...]
    margin: float
    correction: str = "holm"
    planned: Mapping[str, PlannedContrast] = field(default_factory=dict)

    def margin_of(self, row: str) -> float:
        """The smallest interesting difference of a row: that of its question, else the table's."""
        own = self.planned[row].smallest_difference if row in self.planned else None
        return self.margin if own is None else own

    def side_of(self, row: str) -> Side:
        """Which differences a row's test can show."""
        return self.planned[row].side if row in self.planned else "two"


@dataclass(frozen=True)
class Standing:
    """How far a row is.

    Args:
        look: the last one that it was judged at; 0 when its first is not complete.
        compared: at that look; ``None`` when there is nothing to compare.
        stop: why it gets no more seeds; ``None`` when it does.
    """

    look: int = 0
    compared: CellComparison | None = None
    stop: Stop | None = None


def follow(
    rows: Sequence[str], complete: Callable[[str, Look], bool], compare: Compare, rule: Rule
) -> dict[str, Standing]:
    """Judge rows look by look, as far as the looks are complete.

    This depends on nothing but results, so a run that was killed comes to the same decisions. At
    each look the rows that have not stopped are compared by all their seeds so far; a row that
    stops keeps the comparison at which it did. All rows of a family, stopped or not, are corrected
    together: the planned ones are one family, the others another, as in the table.

    Args:
        rows: those other than the reference.
        complete: whether a row, and the reference, have all their trials of a look.
        compare: makes the comparisons.
        rule: looks, margin, correction and planned rows.

    Returns:
        Where each row stands; ``look`` + 1 is the look that it needs next unless it has stopped.
    """
    standing = {row: Standing() for row in rows}
    for look in rule.looks:
        going = {row for row, now in standing.items() if now.stop is None}
        if not going or not all(complete(row, look) for row in going):
            break
        seeds = {
            row: look.seeds if row in going else rule.looks[now.look - 1].seeds
            for row, now in standing.items()
        }
        compared = compare(seeds)
        for row in going:
            found = compared.get(row)
            kept = None if found is None else at_look(found, look, rule.margin)
            standing[row] = Standing(look.number, kept)
        for row, stop in _stops(standing, going, look, rule).items():
            standing[row] = replace(standing[row], stop=stop)
    return standing


def _stops(
    standing: Mapping[str, Standing], going: Set[str], look: Look, rule: Rule
) -> dict[str, Stop | None]:
    """Whether the rows that were going on stop at ``look``, and why."""
    known = {name: now.compared for name, now in standing.items() if now.compared is not None}
    decisions = decide(known, rule.correction, rule.planned)
    stops: dict[str, Stop | None] = {}
    for name in going:
        if name not in known or known[name].spread is None:
            stops[name] = Stop.NOTHING
        elif decisions[name].verdict not in (None, "not shown"):
            stops[name] = Stop.VERDICT
        else:
            stops[name] = Stop.AT_MOST if look == rule.looks[-1] else None
    given_up = Counter(
        name in rule.planned
        for name, now in standing.items()
        if now.stop in (Stop.NOT_DECIDABLE, Stop.OUT_OF_REACH)
    )
    for name in [name for name, stop in stops.items() if stop is None]:
        # Holm's correction at its mildest: only given up rows of its family are in a row's way.
        level = SIGNIFICANCE / (1 + given_up[name in rule.planned])
        wanted = (rule.looks[-1].nominal(level), rule.margin_of(name), rule.side_of(name))
        if within_reach(known[name], rule.looks[-1].seeds, *wanted):
            continue
        ever = within_reach(known[name], math.inf, *wanted)
        stops[name] = Stop.OUT_OF_REACH if ever else Stop.NOT_DECIDABLE
    return stops
