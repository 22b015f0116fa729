"""Ratios of two ways to do one thing, measured in turns."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median, quantiles

Work = Callable[[], object]


@dataclass(frozen=True)
class Ratio:
    """Seconds of one thing over seconds of another.

    Args:
        median: over pairs of runs that followed each other.
        low, high: their quartiles.
    """

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.median:.3g} ({self.low:.3g} to {self.high:.3g})"


def ratio(numerator: Work, denominator: Work, pairs: int = 15, warm_up: int = 3) -> Ratio:
    """Time both in turns, so that what else the machine does befalls both alike.

    Args:
        numerator, denominator: called without arguments.
        pairs: at least two.
        warm_up: calls of each that do not count.
    """
    for _ in range(warm_up):
        numerator()
        denominator()
    return of_pairs([(seconds(numerator), seconds(denominator)) for _ in range(pairs)])


def of_pairs(pairs: Sequence[tuple[float, float]]) -> Ratio:
    """The ratio of paired durations."""
    ratios = [above / below for above, below in pairs]
    low, _, high = quantiles(ratios, n=4)
    return Ratio(median(ratios), low, high)


def seconds(work: Work) -> float:
    """Wall time of one call."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


@dataclass(frozen=True)
class Figure:
    """One line of the table of performance.

    Args:
        what: the thing measured.
        value: as shown.
        target: what it should be, in words.
        holds: whether it is.
    """

    what: str
    value: str
    target: str
    holds: bool


def at_least(what: str, measured: Ratio, least: float) -> Figure:
    """A ratio that should be large."""
    return Figure(what, f"{measured}x", f"at least {least:g}x", measured.median >= least)


def at_most(what: str, measured: Ratio, most: float) -> Figure:
    """A ratio that should be small."""
    return Figure(what, f"{measured}x", f"at most {most:g}x", measured.median <= most)
