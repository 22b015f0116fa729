"""What it would take to decide a row that is not shown, if its difference stays as it is."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from study.stats.comparison import CellComparison
from study.stats.decisions import Decision
from study.stats.spread import Spread

MOST_SEEDS = 1000
MOST_CONVERSATIONS = 100_000
"""Counts above which nobody would look."""


@dataclass(frozen=True)
class Need:
    """The counts that would decide a row; ``None`` where none would.

    Args:
        seeds: with the test conversations as they are.
        conversations: with the seeds as they are.
    """

    seeds: int | None
    conversations: int | None


def projected(spread: Spread, seeds: int, conversations: int) -> Spread:
    """The variance components with other counts of seeds and conversations.

    The part of both falls with each of the two, that of seeds alone and that of conversations
    alone with its own; what other rows lend stays.
    """
    fewer, shorter = spread.pairs / seeds, spread.conversations / conversations
    both = spread.both * fewer * shorter
    seeds_alone = max(0.0, spread.by_seed - spread.both) * fewer
    return replace(
        spread,
        by_seed=seeds_alone + min(spread.by_seed, spread.both) * fewer * shorter,
        by_conversation=spread.conversations_alone * shorter + both,
        both=both,
        pairs=seeds,
        conversations=conversations,
        freedom=spread.prior_freedom + seeds - 1,
    )


def reachable_half_width(spread: Spread, level: float) -> float:
    """Half the width of the interval with seeds without end, given the conversations."""
    without = replace(spread, by_seed=0.0, both=0.0, by_conversation=spread.conversations_alone)
    return without.half_width(level)


def need(comparison: CellComparison, decision: Decision, margin: float) -> Need | None:
    """What would decide the row as different, or as equivalent, whichever takes less.

    Args:
        comparison: of the row.
        decision: of the row; ``None`` is returned where it is not ``not shown``.
        margin: the smallest difference of interest.
    """
    spread = comparison.spread
    if decision.verdict != "not shown" or spread is None or spread.pairs < 2:
        return None
    distance = abs(comparison.difference)
    aims = [(distance, decision.level), (margin - distance, 2 * decision.equivalence_level)]

    def decides(seeds: int, conversations: int) -> bool:
        then = projected(spread, seeds, conversations)
        return any(room > then.half_width(level) for room, level in aims)

    return Need(
        _least(lambda count: decides(count, spread.conversations), spread.pairs, MOST_SEEDS),
        _least(
            lambda count: decides(spread.pairs, count), spread.conversations, MOST_CONVERSATIONS
        ),
    )


def _least(decides: Callable[[int], bool], now: int, most: int) -> int | None:
    """The smallest count above ``now`` that decides, by bisection."""
    if not decides(most):
        return None
    low, high = now, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if decides(middle) else (middle, high)
    return high
