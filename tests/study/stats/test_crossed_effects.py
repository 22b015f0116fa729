"""Effects hold for new conversations, where an analysis of the scores alone does not."""

from itertools import product

import numpy as np
import pytest

from study.analysis.factorial import Observation, analyse, with_conversations
from study.stats.aliases import Term
from study.stats.comparison import Draws, Sample, compare_cells
from study.stats.crossed_effects import crossed_effects

from .chance import ACCURACY, most_false_positives, simulate_cells

LEVELS = {f"a={a}, b={b}": {"a": a, "b": b} for a, b in product("01", "xyz")}
TERMS: list[Term] = [("a",), ("b",), ("a", "b")]


def drawn(
    rng: np.random.Generator, effects: dict[str, float] | None = None, **sizes: float
) -> dict[str, Sample]:
    shifts = dict.fromkeys(LEVELS, 0.0) | (effects or {})
    return simulate_cells(rng, shifts, **sizes)


def observations(cells: dict[str, Sample]) -> list[Observation]:
    return [
        Observation(name, LEVELS[name], seed, float(score))
        for name, sample in cells.items()
        for seed, score in zip(sample.seeds, sample.scores(ACCURACY), strict=True)
    ]


def test_no_effect_on_clustered_data_fails_the_scores_and_passes_here() -> None:
    rng = np.random.default_rng(91)
    runs, crossed, by_scores = 120, 0, 0
    for _ in range(runs):
        cells = drawn(rng, conversation_sd=0.7)
        found = crossed_effects(cells, LEVELS, TERMS, ACCURACY, draws=Draws(200))
        crossed += min(effect.p_value for effect in found.values()) * len(TERMS) < 0.05
        by_scores += min(e.p_corrected for e in analyse(observations(cells)).effects) < 0.05
    assert crossed / runs <= most_false_positives(runs)
    assert by_scores / runs > 2 * most_false_positives(runs)


def test_a_large_effect_and_an_interaction_are_found() -> None:
    rng = np.random.default_rng(92)
    quiet = {"conversation_sd": 0.1, "seed_sd": 0.1, "both_sd": 0.1}
    main = drawn(rng, {name: 1.0 for name in LEVELS if "a=1" in name}, **quiet)
    found = crossed_effects(main, LEVELS, TERMS, ACCURACY, draws=Draws(300))
    assert found["a",].p_value < 0.01
    assert found["a",].ci_low > 0
    assert min(found["b",].p_value, found["a", "b"].p_value) > 0.05
    mixed = drawn(rng, {"a=1, b=z": 2.0}, **quiet)
    assert crossed_effects(mixed, LEVELS, TERMS, ACCURACY)["a", "b"].p_value < 0.01


def test_two_cells_of_one_factor_are_a_comparison() -> None:
    cells = drawn(np.random.default_rng(93), {"a=1, b=x": 0.5})
    two = {name: cells[name] for name in ("a=0, b=x", "a=1, b=x")}
    levels = {name: {"a": LEVELS[name]["a"]} for name in two}
    found = crossed_effects(two, levels, [("a",)], ACCURACY)["a",]
    row = compare_cells(two, "a=0, b=x", ACCURACY)["a=1, b=x"]
    assert (found.ci_low, found.ci_high) == pytest.approx((row.ci_low, row.ci_high))
    assert found.p_value == pytest.approx(row.p_value)


def test_the_analysis_takes_them_over_and_says_so() -> None:
    cells = drawn(np.random.default_rng(94), {name: 1.0 for name in LEVELS if "a=1" in name})
    analysis = analyse(observations(cells))
    found = with_conversations(analysis, cells, LEVELS, ACCURACY)
    expected = crossed_effects(cells, LEVELS, TERMS, ACCURACY)
    for before, effect in zip(analysis.effects, found.effects, strict=True):
        assert effect.p_value == before.p_value
        assert effect.p_crossed == expected[effect.factors].p_value <= effect.p_crossed_corrected
    a = found.effects[0]
    assert (a.ci_low, a.ci_high) == (expected["a",].ci_low, expected["a",].ci_high)
    assert (a.ci_low + a.ci_high) / 2 == pytest.approx(a.difference)
    assert "rest on the 5 seeds that all cells have" in found.notes[-1]


def test_common_seeds_are_used_and_none_is_no_answer() -> None:
    cells = drawn(np.random.default_rng(95))
    name = "a=1, b=y"
    fewer = {**cells, name: Sample((0, 1, 2), cells[name].confusion[:3])}
    first = {n: Sample((0, 1, 2), c.confusion[:3]) for n, c in cells.items()}
    assert crossed_effects(fewer, LEVELS, TERMS, ACCURACY, draws=Draws(100)) == crossed_effects(
        first, LEVELS, TERMS, ACCURACY, draws=Draws(100)
    )
    apart = {**cells, name: Sample((7, 8, 9, 10, 11), cells[name].confusion)}
    found = crossed_effects(apart, LEVELS, TERMS, ACCURACY, draws=Draws(100))
    assert np.isnan([effect.p_value for effect in found.values()]).all()
