"""What would decide a row is the least that does, and nothing where nothing would."""

import numpy as np
import pytest

from study.stats.comparison import CellComparison, summarise
from study.stats.decisions import decide
from study.stats.reachable import Need, need, projected, reachable_half_width
from study.stats.spread import Spread

MARGIN = 0.01


def row(difference: float, spread: Spread) -> CellComparison:
    return summarise(np.zeros(spread.pairs), np.full(spread.pairs, difference), spread, MARGIN)


def need_of(difference: float, spread: Spread) -> Need | None:
    one = row(difference, spread)
    return need(one, decide({"a": one})["a"], MARGIN)


def test_the_least_number_of_seeds_decides_and_one_less_does_not() -> None:
    spread = Spread(1e-4, 2e-5, 1e-5, 5, 40)
    counts = need_of(0.02, spread)
    assert counts is not None
    assert counts.seeds is not None
    assert projected(spread, counts.seeds, 40).half_width(0.05) < 0.02
    assert projected(spread, counts.seeds - 1, 40).half_width(0.05) >= 0.02


def test_where_conversations_are_too_few_no_number_of_seeds_decides() -> None:
    spread = Spread(1e-6, 4e-4, 0.0, 5, 10)
    assert reachable_half_width(spread, 0.05) > 0.03
    counts = need_of(0.03, spread)
    assert counts is not None
    assert counts.seeds is None
    assert counts.conversations is not None
    assert counts.conversations > 10


def test_equivalence_may_be_what_is_decided_first() -> None:
    counts = need_of(0.0, Spread(4e-5, 4e-6, 0.0, 5, 40))
    assert counts is not None
    assert counts.seeds is not None
    assert counts.seeds < 40


@pytest.mark.parametrize("difference", [0.5, -0.5])
def test_a_row_that_is_decided_needs_nothing(difference: float) -> None:
    assert need_of(difference, Spread(1e-4, 2e-5, 1e-5, 5, 40)) is None


def test_projecting_to_the_same_counts_changes_nothing() -> None:
    spread = Spread(1e-4, 5e-5, 1e-5, 5, 40, freedom=9.0, prior_freedom=5.0, widened=True)
    same = projected(spread, 5, 40)
    assert same.half_width(0.05) == pytest.approx(spread.half_width(0.05))
    assert projected(spread, 10**6, 40).half_width(0.05) == pytest.approx(
        reachable_half_width(spread, 0.05), rel=1e-3
    )
