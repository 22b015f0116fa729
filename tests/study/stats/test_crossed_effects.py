"""Effects hold for new conversations, where an analysis of the scores alone does not."""

from itertools import product

import numpy as np
import pandas as pd
import pytest

from study.analysis.factorial import Observation, analyse, with_conversations
from study.stats.aliases import Term
from study.stats.comparison import Draws, Sample, compare_cells
from study.stats.crossed_effects import crossed_effects, deviations, odd_cells
from study.stats.spread import Spread, moderated

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
    assert found["a",].interval(0.05)[0] > 0
    assert min(found["b",].p_value, found["a", "b"].p_value) > 0.05
    mixed = drawn(rng, {"a=1, b=z": 2.0}, **quiet)
    assert crossed_effects(mixed, LEVELS, TERMS, ACCURACY)["a", "b"].p_value < 0.01


def test_two_cells_of_one_factor_are_a_comparison() -> None:
    cells = drawn(np.random.default_rng(93), {"a=1, b=x": 0.5})
    two = {name: cells[name] for name in ("a=0, b=x", "a=1, b=x")}
    levels = {name: {"a": LEVELS[name]["a"]} for name in two}
    found = crossed_effects(two, levels, [("a",)], ACCURACY)["a",]
    row = compare_cells(two, "a=0, b=x", ACCURACY)["a=1, b=x"]
    assert found.difference == pytest.approx(row.difference)
    assert found.interval(0.05) == pytest.approx((row.ci_low, row.ci_high))
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
    assert (a.ci_low, a.ci_high) == pytest.approx(expected["a",].interval(0.05))
    assert found.prior_df == max(effect.prior_freedom for effect in expected.values())
    assert (a.ci_low + a.ci_high) / 2 == pytest.approx(a.difference)
    assert "rest on the 5 seeds that all cells have" in found.notes[-1]


@pytest.mark.parametrize("correction", ["holm", "bh"])
@pytest.mark.parametrize("shift", [0.0, 0.15, 0.3, 1.0])
def test_the_corrected_interval_excludes_0_exactly_when_the_corrected_p_value_is_small(
    correction: str, shift: float
) -> None:
    shifts = {name: shift for name in LEVELS if "a=1" in name}
    cells = drawn(np.random.default_rng(96), shifts)
    by_scores = analyse(observations(cells), correction=correction)
    both = with_conversations(by_scores, cells, LEVELS, ACCURACY)
    for analysis, p_name in ((by_scores, "p_corrected"), (both, "p_crossed_corrected")):
        a = analysis.effects[0]
        excludes = a.ci_low_corrected > 0 or a.ci_high_corrected < 0
        assert excludes == (getattr(a, p_name) < 0.05)
        assert a.ci_low_corrected <= a.ci_low < a.ci_high <= a.ci_high_corrected


def test_variances_are_shared_across_effects_in_the_unit_of_one_cell() -> None:
    """Where every effect's variance is its squared weights times one variance, that is kept."""
    cells = drawn(np.random.default_rng(97), seeds=12)
    weights = deviations(pd.DataFrame(list(LEVELS.values())), TERMS)
    scores = np.stack([sample.scores(ACCURACY) for sample in cells.values()])
    spreads = {
        (term, i): Spread(float((row @ scores).var(ddof=1)) / 12, 0.0, 0.0, 12, 30, widened=True)
        for term, rows in weights.items()
        for i, row in enumerate(rows)
    }
    scales = {(t, i): float(row @ row) for t, rows in weights.items() for i, row in enumerate(rows)}
    units = np.array([spread.by_seed / scales[key] for key, spread in spreads.items()])
    shared = moderated(spreads, scales)
    after = np.array([spread.by_seed / scales[key] for key, spread in shared.items()])
    assert np.ptp(np.log(after)) < np.ptp(np.log(units))
    found = crossed_effects(cells, LEVELS, TERMS, ACCURACY)["a",]
    assert found.spread is not None
    assert found.spread.by_seed == pytest.approx(4 * shared[("a",), 0].by_seed)
    assert found.spread.seed_freedom == shared[("a",), 0].seed_freedom > 11


def test_where_a_cell_is_odd_effects_keep_their_own_variances_and_are_widened() -> None:
    cells = drawn(np.random.default_rng(98), {}, seeds=10)
    name = "a=1, b=y"
    rng = np.random.default_rng(99)
    wild = cells[name].confusion.copy()
    for seed in range(0, 10, 3):
        rng.shuffle(wild[seed].reshape(len(wild[seed]), -1), axis=1)
    cells[name] = Sample(cells[name].seeds, wild)
    scores = np.stack([sample.scores(ACCURACY) for sample in cells.values()])
    assert list(odd_cells(scores.var(1, ddof=1), 9.0)).count(True) >= 1
    effect = crossed_effects(cells, LEVELS, TERMS, ACCURACY)["a",]
    assert effect.spread is not None
    assert (effect.prior_freedom, effect.spread.seed_freedom) == (0.0, 9)
    assert effect.spread.skewed
    weights = deviations(pd.DataFrame(list(LEVELS.values())), TERMS)["a",]
    own = (2 * weights[0] @ scores).var(ddof=1) / 10
    assert effect.spread.by_seed == pytest.approx(own)


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
