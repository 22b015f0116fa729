"""What is printed beside a verdict agrees with it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from study.stats.comparison import CellComparison, Draws, summarise
from study.stats.decisions import decide, decided_rows, deciding_levels
from study.stats.spread import Spread
from study.stats.verdicts import correct

from .chance import ACCURACY, simulate_cells

MARGIN = 0.01


def compared(differences: list[float], spread: float) -> dict[str, CellComparison]:
    rows = Spread(spread**2, spread**2 / 2, spread**2 / 8, 5, 40)
    return {
        str(i): summarise(np.zeros(5), np.full(5, difference), rows, MARGIN)
        for i, difference in enumerate(differences)
    }


@settings(max_examples=100, deadline=None)
@given(
    differences=st.lists(st.floats(-0.08, 0.08), min_size=1, max_size=12),
    spread=st.sampled_from([0.0005, 0.002, 0.01]),
    correction=st.sampled_from(["holm", "bh"]),
)
def test_intervals_exclude_zero_exactly_where_a_difference_is_shown(
    differences: list[float], spread: float, correction: str
) -> None:
    for decision in decide(compared(differences, spread), correction).values():
        excludes = not decision.ci_low <= 0 <= decision.ci_high
        assert excludes == (decision.p_corrected < 0.05)
        within = decision.equivalence_low > -MARGIN and decision.equivalence_high < MARGIN
        assert within == (decision.p_equivalence < 0.05)
        if decision.verdict == "not shown":
            assert not excludes
            assert not within


def test_levels_of_holm_by_hand() -> None:
    p_values = [0.04, 0.001, np.nan, 0.012, 0.3]
    assert correct(p_values)[1] == pytest.approx(0.004)
    # Rejected in turn at 0.05 / 4 and 0.05 / 3; the two that are left, at 0.05 / 2.
    expected = [0.05 / 2, 0.05 / 4, np.nan, 0.05 / 3, 0.05 / 2]
    assert deciding_levels(p_values, "holm") == pytest.approx(expected, nan_ok=True)
    assert deciding_levels([], "holm") == []


def test_levels_of_benjamini_and_hochberg_by_hand() -> None:
    levels = deciding_levels([0.001, 0.02, 0.9, 0.8], "bh")
    assert levels == pytest.approx([0.05 * 2 / 4] * 4)
    assert deciding_levels([0.9, 0.8], "bh") == pytest.approx([0.025] * 2)


def test_rows_carry_their_variances_and_unadjusted_intervals() -> None:
    effects = {"reference": 0.0, "same": 0.0, "better": 1.5, "other": 0.1, "more": -0.1}
    cells = simulate_cells(np.random.default_rng(4), effects)
    rows = decided_rows(cells, "reference", ACCURACY, draws=Draws(200))
    assert list(rows) == ["same", "better", "other", "more"]
    assert rows["better"].decision.verdict == "better"
    for row in rows.values():
        spread = row.comparison.spread
        assert spread is not None
        assert (row.seed_variance, row.conversation_variance) == (
            spread.by_seed,
            spread.conversations_alone,
        )
        assert row.decision.ci_high >= row.comparison.ci_high


def test_nothing_is_said_of_what_cannot_be_estimated() -> None:
    cells = simulate_cells(np.random.default_rng(4), {"reference": 0.0, "a": 0.0}, conversations=1)
    row = decided_rows(cells, "reference", ACCURACY)["a"]
    assert row.decision.verdict is None
    assert np.isnan([row.decision.ci_low, row.seed_variance]).all()
