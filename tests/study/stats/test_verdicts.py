"""A verdict is wrong no more often than it says, over a whole table."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from sslcl.errors import InputError
from study.stats.comparison import CellComparison, Draws, compare_cells
from study.stats.spread import Spread
from study.stats.verdicts import correct, verdict

from .chance import ACCURACY, most_false_positives, simulate, simulate_cells, true_difference

RUNS = 300


def verdicts(found: dict[str, CellComparison], correction: str = "holm") -> dict[str, str | None]:
    rows = {name: row for name, row in found.items() if name != "reference"}
    p = correct([row.p_value for row in rows.values()], correction)
    equal = correct([row.p_equivalence for row in rows.values()], correction)
    return {
        name: verdict(row.difference, p[i], equal[i]) for i, (name, row) in enumerate(rows.items())
    }


@pytest.mark.parametrize("correction", ["holm", "bh"])
def test_tables_without_an_effect_claim_one_in_at_most_one_of_twenty(correction: str) -> None:
    rng = np.random.default_rng(31)
    names = ["reference", *(f"cell{i}" for i in range(6))]
    wrong = uncorrected = 0
    for _ in range(RUNS):
        cells = simulate_cells(rng, dict.fromkeys(names, 0.0))
        found = compare_cells(cells, "reference", ACCURACY, draws=Draws(200))
        wrong += bool({"better", "worse"} & set(verdicts(found, correction).values()))
        uncorrected += any(row.p_value < 0.05 for row in found.values())
    assert wrong / RUNS <= most_false_positives(RUNS)
    assert uncorrected / RUNS > most_false_positives(RUNS)


@pytest.mark.parametrize("direction", [1, -1])
def test_a_difference_at_the_margin_is_called_equivalent_one_time_in_twenty(direction: int) -> None:
    effect = {"effect": 0.3 * direction, "both_sd": 0.0, "conversation_sd": 0.1, "seed_sd": 0.1}
    truth = true_difference(ACCURACY, effect)
    rng = np.random.default_rng(32)
    margin: dict[str, Any] = {"smallest_difference": abs(truth), "draws": Draws(300)}
    rows = [
        compare_cells(simulate(rng, **effect), "reference", ACCURACY, **margin)["other"]
        for _ in range(RUNS)
    ]
    called = np.mean([row.p_equivalence < 0.05 for row in rows])
    assert 0.005 < called <= most_false_positives(RUNS)


def test_no_effect_is_found_equivalent_where_the_data_can_tell() -> None:
    rng = np.random.default_rng(33)
    quiet = {"seed_sd": 0.02, "conversation_sd": 0.02, "both_sd": 0.0, "conversations": 60}
    margin: dict[str, Any] = {"smallest_difference": 0.05, "draws": Draws(200)}
    found = [
        verdicts(compare_cells(simulate(rng, **quiet), "reference", ACCURACY, **margin))["other"]
        for _ in range(50)
    ]
    assert found.count("equivalent") > 45


@given(
    parts=st.tuples(*[st.floats(1e-6, 1e-3)] * 3),
    counts=st.tuples(st.integers(1, 8), st.integers(2, 50)),
    difference=st.floats(-0.1, 0.1),
    margin=st.floats(0.001, 0.2),
)
def test_equivalence_is_shown_exactly_when_the_ninety_percent_interval_lies_within(
    parts: tuple[float, float, float], counts: tuple[int, int], difference: float, margin: float
) -> None:
    spread = Spread(*parts, *counts)
    half = spread.half_width(0.10)
    within = -margin < difference - half and difference + half < margin
    p_value = spread.p_equivalence(difference, margin)
    assert (p_value < 0.05) == within
    assert 0 <= p_value <= 1


def test_equal_predictions_are_equivalent() -> None:
    cells = simulate(np.random.default_rng(35))
    found = compare_cells({**cells, "twin": cells["reference"]}, "reference", ACCURACY)
    assert found["twin"].p_equivalence == 0
    assert verdicts(found)["twin"] == "equivalent"


@pytest.mark.parametrize(
    ("difference", "p", "equivalence", "expected"),
    [
        (0.02, 0.01, 0.9, "better"),
        (-0.02, 0.01, 0.9, "worse"),
        (0.001, 0.01, 0.01, "equivalent"),
        (0.001, 0.6, 0.01, "equivalent"),
        (0.02, 0.05, 0.05, "not shown"),
        (0.02, 0.01, float("nan"), "better"),
        (float("nan"), float("nan"), float("nan"), None),
    ],
)
def test_verdict_in_words(
    difference: float, p: float, equivalence: float, expected: str | None
) -> None:
    assert verdict(difference, p, equivalence) == expected


def test_corrections_skip_what_is_not_known() -> None:
    values = [0.01, float("nan"), 0.04, 0.03]
    assert correct(values) == pytest.approx([0.03, np.nan, 0.06, 0.06], nan_ok=True)
    # Benjamini and Hochberg by hand: 0.01 * 3 / 1, then the least of 0.03 * 3 / 2 and 0.04.
    assert correct(values, "bh") == pytest.approx([0.03, np.nan, 0.04, 0.04], nan_ok=True)
    assert correct([]) == []


@pytest.mark.parametrize("count", [1, 2, 30])
def test_corrections_agree_with_statsmodels(count: int) -> None:
    values = np.random.default_rng(37).uniform(0, 0.2, count).round(2)
    for ours, theirs in (("holm", "holm"), ("bh", "fdr_bh")):
        assert correct(list(values), ours) == pytest.approx(multipletests(values, method=theirs)[1])


def test_bad_input_is_told_in_one_line() -> None:
    with pytest.raises(InputError, match="did you mean 'holm'"):
        correct([0.1], "holn")
    cells = simulate(np.random.default_rng(36))
    for margin in (0.0, -0.01, float("nan")):
        with pytest.raises(InputError, match="expected one above 0"):
            compare_cells(cells, "reference", ACCURACY, smallest_difference=margin)
