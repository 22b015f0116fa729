"""Looks: their levels, when rows stop, and the error rates of whole ablations."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from benchmarks.sequential import ALLOWED, ERRORS, PRICES, simulate, surely_above
from sslcl.errors import InputError
from study.stats.comparison import CellComparison, summarise
from study.stats.decisions import PlannedContrast, Side, decide
from study.stats.sequential import (
    Look,
    Rule,
    Standing,
    Stop,
    at_look,
    follow,
    planned_looks,
    spent,
    within_reach,
)
from study.stats.spread import Spread

QUICK = (
    "no effect, skewed, looks of 3, 6, 12",
    "all rows 1 point apart, the margin of equivalence",
    "no effect, 3 planned, one-sided",
)
SLOW = pytest.mark.slow
MARGIN = 0.01
LOOKS = planned_looks((5, 10, 20))


def compared(
    difference: float, seed_sd: float, seeds: int = 5, conversation_sd: float = 0.0
) -> CellComparison:
    """A row with these standard errors at 93 conversations."""
    spread = Spread(seed_sd**2 / seeds, conversation_sd**2, 0.0, seeds, 93)
    return summarise(np.full(seeds, difference), np.full(seeds, difference), spread, MARGIN)


class TestLevels:
    def test_resemble_obrien_and_flemings(self) -> None:
        """Two-sided 5 % at a quarter, a half and all of the seeds."""
        expected = [2 * scipy_stats.norm.sf(1.959964 / np.sqrt(share)) for share in (0.25, 0.5, 1)]
        assert [spent(0.05, look.share) for look in LOOKS] == pytest.approx(expected, rel=1e-5)
        assert [spent(0.05, share) for share in (0.0, 1.0)] == pytest.approx([0.0, 0.05])

    @given(
        st.lists(st.integers(1, 60), min_size=1, max_size=6, unique=True),
        st.floats(1e-6, 0.3),
    )
    def test_of_all_looks_add_up_to_the_level(self, seeds: list[int], level: float) -> None:
        looks = planned_looks(sorted(seeds))
        assert sum(look.nominal(level) for look in looks) == pytest.approx(level, rel=1e-9)

    @given(st.floats(1e-12, 0.299))
    def test_and_p_values_are_two_sides_of_one_thing(self, level: float) -> None:
        for look in LOOKS:
            if look.nominal(level) > 1e-200:
                assert look.overall(look.nominal(level)) == pytest.approx(level, rel=1e-6)

    @given(st.floats(0.0, 1.0), st.floats(0.0, 1.0))
    def test_p_values_keep_their_order(self, one: float, other: float) -> None:
        low, high = sorted((one, other))
        for look in LOOKS:
            assert low <= look.overall(low) + 1e-9
            assert look.overall(low) <= look.overall(high) + 1e-9 <= 1 + 2e-9

    def test_a_single_look_is_an_ordinary_comparison(self) -> None:
        (look,) = planned_looks((20,))
        assert look == Look(1, 20, 1.0, 0.0)
        row = compared(0.02, 0.01)
        looked = at_look(row, look, MARGIN)
        for name in ("ci_low", "ci_high", "p_value", "p_equivalence"):
            assert getattr(looked, name) == pytest.approx(getattr(row, name), rel=1e-6)

    @pytest.mark.parametrize("seeds", [(), (0, 5), (5, 5), (10, 5)])
    def test_of_seeds_that_do_not_ascend_are_refused(self, seeds: tuple[int, ...]) -> None:
        with pytest.raises(InputError, match="expected ascending numbers above 0"):
            planned_looks(seeds)


class TestAComparison:
    @given(st.floats(-0.05, 0.05), st.sampled_from(LOOKS))
    def test_has_an_interval_without_0_exactly_when_it_is_shown(
        self, difference: float, look: Look
    ) -> None:
        row = at_look(compared(difference, 0.01, look.seeds), look, MARGIN)
        excludes = row.ci_low > 0 or row.ci_high < 0
        assert excludes == (row.p_value < 0.05) or row.p_value == pytest.approx(0.05, rel=1e-4)

    def test_has_the_widest_interval_early(self) -> None:
        widths = []
        for look in LOOKS:
            row = at_look(compared(0.0, 0.01), look, MARGIN)
            widths.append(row.ci_high - row.ci_low)
        assert widths == sorted(widths, reverse=True)


class TestReach:
    def test_of_rows_whose_conversations_hide_any_difference(self) -> None:
        hidden = compared(0.001, 0.001, conversation_sd=0.02)
        assert not within_reach(hidden, np.inf, 0.05, MARGIN)
        assert not within_reach(hidden, 20, 0.05, MARGIN)

    def test_of_rows_that_enough_seeds_would_show(self) -> None:
        assert within_reach(compared(0.03, 0.03, conversation_sd=0.005), 20, 0.05, MARGIN)

    def test_of_rows_that_enough_seeds_would_show_to_be_equal(self) -> None:
        row = compared(0.0, 0.03, conversation_sd=0.003)
        assert within_reach(row, np.inf, 0.05, MARGIN)
        assert not within_reach(row, 8, 0.005, MARGIN)

    def test_at_todays_seeds_is_what_today_shows(self) -> None:
        for difference in np.linspace(0.0, 0.05, 23):
            row = compared(float(difference), 0.02, conversation_sd=0.01)
            shown = row.p_value < 0.01 or row.p_equivalence < 0.01
            assert within_reach(row, 5, 0.01, MARGIN) == shown


def follow_made(
    truths: Mapping[str, float],
    looks: tuple[int, ...] = (5, 10, 20),
    complete: int = 99,
    planned: Mapping[str, PlannedContrast] | None = None,
) -> dict[str, Standing]:
    """Rows with these differences, without noise but for what their standard errors say."""

    def compare(seeds: Mapping[str, int]) -> dict[str, CellComparison]:
        return {row: compared(truths[row], 0.01, count, 0.002) for row, count in seeds.items()}

    rule = Rule(planned_looks(looks), MARGIN, planned=planned or {})
    return follow(list(truths), lambda row, look: look.number <= complete, compare, rule)


class TestRows:
    def test_stop_when_they_are_decided_or_out_of_reach(self) -> None:
        standing = follow_made({"large": 0.2, "middle": 0.016, "none": 0.0, "unclear": 0.006})
        assert [standing[row].stop for row in ("large", "middle")] == [Stop.VERDICT] * 2
        assert standing["large"].look < standing["middle"].look
        assert standing["unclear"].stop is not Stop.VERDICT

    def test_keep_the_comparison_at_which_they_stopped(self) -> None:
        standing = follow_made({"large": 0.2, "middle": 0.016})
        for now in standing.values():
            assert now.compared is not None
            assert now.compared.pairs == LOOKS[now.look - 1].seeds

    def test_wait_where_a_look_is_not_complete(self) -> None:
        standing = follow_made({"large": 0.2, "middle": 0.016}, complete=1)
        assert standing["middle"].look == 1
        assert standing["middle"].stop is None
        assert follow_made({"large": 0.2}, complete=0) == {"large": Standing()}

    def test_stop_at_the_last_look_in_any_case(self) -> None:
        standing = follow_made({"unclear": 0.006}, looks=(5,))
        assert standing["unclear"].stop is Stop.AT_MOST

    def test_with_nothing_to_compare_get_no_more_seeds(self) -> None:
        standing = follow(["gone"], lambda row, look: True, lambda seeds: {}, Rule(LOOKS, MARGIN))
        assert standing["gone"].stop is Stop.NOTHING

    def test_that_are_decided_stay_so_whatever_the_others_do(self) -> None:
        alone = follow_made({"large": 0.2})["large"]
        crowd = {f"none {number}": 0.004 for number in range(3)}
        assert follow_made({"large": 0.2, **crowd})["large"].stop is alone.stop is Stop.VERDICT


DIFFERENCES = st.lists(st.floats(-0.06, 0.06), min_size=1, max_size=4)


class TestFamilies:
    @given(DIFFERENCES, DIFFERENCES, st.sampled_from(["two", "less", "greater"]))
    @settings(max_examples=25, deadline=None)
    def test_stop_as_each_would_by_itself(
        self, asked: list[float], others: list[float], side: Side
    ) -> None:
        planned = {f"asked {i}": PlannedContrast("q", side) for i in range(len(asked))}
        first = dict(zip(planned, asked, strict=True))
        second = {f"other {i}": value for i, value in enumerate(others)}
        together = follow_made({**first, **second}, planned=planned)
        assert together == {**follow_made(first, planned=planned), **follow_made(second)}

    @given(DIFFERENCES, st.sampled_from(["two", "less", "greater"]))
    @settings(max_examples=25, deadline=None)
    def test_stop_by_the_verdicts_that_the_table_gives(
        self, differences: list[float], side: Side
    ) -> None:
        truths = {str(i): value for i, value in enumerate(differences)}
        planned = {"0": PlannedContrast("q", side, 0.02)}
        standing = follow_made(truths, planned=planned)
        shown = {row: now.compared for row, now in standing.items() if now.compared}
        for row, decision in decide(shown, planned=planned).items():
            if standing[row].stop is Stop.VERDICT:
                assert decision.verdict in ("better", "worse", "equivalent")
            elif standing[row].stop is Stop.AT_MOST:
                assert decision.verdict == "not shown"

    def test_have_smallest_differences_of_their_own(self) -> None:
        alone = follow_made({"row": 0.012})["row"]
        asked = follow_made({"row": 0.012}, planned={"row": PlannedContrast("q", "two", 0.05)})
        assert asked["row"].look < alone.look
        assert asked["row"].stop is Stop.VERDICT

    def test_of_one_side_are_out_of_reach_where_the_other_is_true(self) -> None:
        row = compared(0.03, 0.03, conversation_sd=0.005)
        assert within_reach(row, 20, 0.05, MARGIN)
        assert within_reach(row, 20, 0.05, MARGIN, "greater")
        assert not within_reach(row, 20, 0.05, MARGIN, "less")


class TestWholeAblations:
    """Fewer of the settings that ``python -m benchmarks looks`` prints."""

    @pytest.mark.parametrize(
        "name", [name if name in QUICK else pytest.param(name, marks=SLOW) for name in ERRORS]
    )
    def test_keep_the_family_wise_error(self, name: str) -> None:
        ablations = replace(ERRORS[name], studies=100)
        assert not surely_above(simulate(ablations).error, ALLOWED, ablations.studies)

    @pytest.mark.parametrize(
        "name",
        [name if name == "93 conversations" else pytest.param(name, marks=SLOW) for name in PRICES],
    )
    def test_take_fewer_trials_for_nearly_the_same_power(self, name: str) -> None:
        looked = simulate(replace(PRICES[name], studies=60))
        fixed = simulate(replace(PRICES[name], studies=60, looks=(20,)))
        assert looked.trials < fixed.trials
        assert looked.power >= 0.85 * fixed.power
        assert abs(looked.bias - fixed.bias) < 0.002, "points of F1 over 100"
        assert looked.covered >= 0.94
