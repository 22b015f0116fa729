"""Effects of a design are found at their size, not found where there are none, and told apart."""

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations, product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats as scipy_stats
from statsmodels.regression.linear_model import OLS
from statsmodels.stats.outliers_influence import OLSInfluence

from sslcl.errors import InputError
from study.analysis.factorial import Effect, FactorialAnalysis, Observation, analyse, factorial_of
from study.analysis.reading import PhaseReading
from study.stats.assumptions import check_assumptions
from tracking.home import Home
from tracking.ledger import Ledger
from tracking.records import Phase

from ..reported import SEEDS, fill, planned, put_study
from ..stats.chance import most_false_positives

Levels = Mapping[str, str]
GRID = [dict(zip("abc", levels, strict=True)) for levels in product("01", "xyz", "pq")]
HALF = [
    {"a": a, "b": b, "c": c, "d": str(int(a) ^ int(b) ^ int(c))}
    for a, b, c in product("01", repeat=3)
]
"""2^(4-1) with d = abc: main effects are clear, two-way interactions come in pairs."""


def observe(
    rng: np.random.Generator,
    cells: Sequence[Levels],
    mean: Callable[[Levels], float] = lambda levels: 0.0,
    *,
    seeds: int = 3,
    sd: float = 1.0,
) -> list[Observation]:
    blocks = rng.normal(0, 2, seeds)
    return [
        Observation(
            ", ".join(f"{k}={v}" for k, v in levels.items()),
            levels,
            seed,
            mean(levels) + blocks[seed] + rng.normal(0, sd),
        )
        for seed in range(seeds)
        for levels in cells
    ]


def by_name(found: FactorialAnalysis) -> dict[str, Effect]:
    return {effect.name: effect for effect in found.effects}


def residual_squares(rows: Sequence[Observation], terms: Sequence[tuple[str, ...]]) -> float:
    """Of a model with an indicator for every level, or pair of levels, and every seed."""
    columns = [[1.0] * len(rows)]
    columns += [[float(o.seed == seed) for o in rows] for seed in {o.seed for o in rows}]
    for term in terms:
        keys = [tuple(o.levels[name] for name in term) for o in rows]
        columns += [[float(key == level) for key in keys] for level in set(keys)]
    x, y = np.array(columns).T, np.array([o.score for o in rows])
    return float(((y - x @ np.linalg.lstsq(x, y)[0]) ** 2).sum())


def test_type_two_table_equals_its_definition_also_where_trials_are_missing() -> None:
    rng = np.random.default_rng(51)
    rows = observe(rng, GRID, lambda levels: 2.0 * (levels["b"] == "y"))
    del rows[3], rows[11]
    terms = [("a",), ("b",), ("c",), *combinations("abc", 2)]
    found = by_name(analyse(rows))
    error = residual_squares(rows, terms)
    df = len(rows) - (1 + 2 + 4 + 5)
    for term in terms:
        others = [t for t in terms if t != term and not set(term) < set(t)]
        squares = residual_squares(rows, others) - residual_squares(rows, [*others, term])
        effect = found[" × ".join(term)]
        assert effect.sum_of_squares == pytest.approx(squares)
        f = squares / effect.df / (error / df)
        assert effect.f == pytest.approx(f)
        assert effect.p_value == pytest.approx(scipy_stats.f.sf(f, effect.df, df))
        assert effect.partial_eta_squared == pytest.approx(squares / (squares + error))
    assert [e.df for e in found.values()] == [1, 2, 1, 2, 1, 2]


def test_no_effect_is_called_one_in_at_most_one_of_twenty_tables() -> None:
    rng = np.random.default_rng(52)
    runs, cells = 150, [levels for levels in GRID if levels["c"] == "p"]
    p_values = np.array(
        [[e.p_corrected for e in analyse(observe(rng, cells)).effects] for _ in range(runs)]
    )
    assert np.mean((p_values < 0.05).any(axis=1)) <= most_false_positives(runs)
    assert np.mean(p_values < 0.05, axis=0).max() <= most_false_positives(runs)


def test_interval_of_a_two_level_effect_covers_it_and_an_interaction_is_found() -> None:
    def mean(levels: Levels) -> float:
        return 1.0 * (levels["c"] == "q") + 3.0 * (levels["a"] == "1") * (levels["b"] == "z")

    rng = np.random.default_rng(53)
    tables = [by_name(analyse(observe(rng, GRID, mean, seeds=4))) for _ in range(60)]
    c, a = ([table[name] for table in tables] for name in ("c", "a"))
    assert c[0].levels == ("p", "q")
    # Averaged over the levels of the other factors alike: the interaction gives a third of 3.
    assert np.mean([e.difference for e in a]) == pytest.approx(1.0, abs=0.1)
    assert np.mean([e.ci_low <= 1.0 <= e.ci_high for e in c]) >= 1 - most_false_positives(60)
    assert np.mean([e.ci_low <= 1.0 <= e.ci_high for e in a]) >= 1 - most_false_positives(60)
    assert np.mean([table["a × b"].p_corrected < 0.05 for table in tables]) > 0.9
    assert np.mean([table["a × c"].p_corrected < 0.05 for table in tables]) < 0.15


def test_holm_over_the_effects_and_seeds_as_blocks() -> None:
    rows = observe(np.random.default_rng(54), GRID, sd=0.1)
    shifted = [Observation(o.cell, o.levels, o.seed, o.score + 100 * o.seed) for o in rows]
    first, second = analyse(rows), analyse(shifted)
    assert [e.f for e in second.effects] == pytest.approx([e.f for e in first.effects])
    assert all(e.p_corrected >= e.p_value for e in first.effects)
    assert (first.seeds, first.residual_df, first.correction) == (3, 36 - 12, "holm")
    assert analyse(rows, correction="bh").effects[0].p_corrected <= first.effects[0].p_corrected


def test_a_full_grid_has_no_aliases() -> None:
    found = analyse(observe(np.random.default_rng(55), GRID))
    assert all(effect.aliases == () for effect in found.effects)
    assert found.notes == ()


def test_half_fraction_names_the_interactions_that_come_in_pairs() -> None:
    found = by_name(analyse(observe(np.random.default_rng(56), HALF)))
    assert {name: effect.aliases for name, effect in found.items()} == {
        "a": (), "b": (), "c": (), "d": (),
        "a × b": ("c × d",), "a × c": ("b × d",), "a × d": ("b × c",),
    }  # fmt: skip


def test_a_main_effect_mixed_with_an_interaction_says_so() -> None:
    cells = [{"a": a, "b": b, "c": str(int(a) ^ int(b))} for a, b in product("01", repeat=2)]
    found = analyse(observe(np.random.default_rng(57), cells))
    assert [e.name for e in found.effects] == ["a", "b", "c"]
    assert [e.aliases for e in found.effects] == [("b × c",), ("a × c",), ("a × b",)]
    assert "c cannot be told apart from a × b." in found.notes


def test_interactions_spread_over_others_are_not_guessed_at() -> None:
    """Plackett and Burman's 12 runs: any interaction is a third of every other main effect."""
    row = [1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0]
    runs = [row[-k:] + row[:-k] if k else row for k in range(11)] + [[0] * 11]
    cells = [dict(zip("abcdef", map(str, run), strict=False)) for run in runs]
    found = analyse(observe(np.random.default_rng(58), cells, lambda v: 3.0 * (v["a"] == "1")))
    assert [e.name for e in found.effects] == list("abcdef")
    effects = by_name(found)
    assert effects["a"].p_corrected < 0.05 <= min(effects[n].p_corrected for n in "bcdef")
    assert "b × c" in effects["a"].aliases
    assert "a × b" not in effects["a"].aliases
    assert any("spread over one another" in note for note in found.notes)


def test_a_conditional_factor_costs_its_own_interaction_alone() -> None:
    cells = [c for c in GRID if not (c["a"] == "0" and c["b"] != "x")]
    found = analyse(observe(np.random.default_rng(59), cells))
    assert [e.name for e in found.effects] == ["a", "b", "c", "a × c", "b × c"]
    assert any("a × b" in note for note in found.notes)


def test_one_seed_is_analysed_and_says_what_its_error_is() -> None:
    found = analyse(observe(np.random.default_rng(60), GRID, seeds=1))
    assert found.residual_df == 12 - 10
    assert any(note.startswith("One seed for every cell") for note in found.notes)
    assert any("Only 2 degrees of freedom" in note for note in found.notes)
    assert [c.holds for c in found.checks] == [None, None, None]


def test_without_room_for_an_error_interactions_are_pooled_or_nothing_is_tested() -> None:
    rng = np.random.default_rng(61)
    square = [dict(zip("ab", levels, strict=True)) for levels in product("01", repeat=2)]
    pooled = analyse(observe(rng, square, seeds=1))
    assert [e.name for e in pooled.effects] == ["a", "b"]
    assert pooled.residual_df == 1
    assert any("pooled" in note for note in pooled.notes)
    three = [{**levels, "c": str(int(levels["a"]) ^ int(levels["b"]))} for levels in square]
    rows = observe(rng, three, seeds=1)
    bare = analyse(rows)
    assert np.isnan([e.p_value for e in bare.effects] + [bare.residual_sd]).all()
    scores = {
        o.levels["a"]: [p.score for p in rows if p.levels["a"] == o.levels["a"]] for o in rows
    }
    expected = np.mean(scores["1"]) - np.mean(scores["0"])
    assert by_name(bare)["a"].difference == pytest.approx(expected)
    assert any("without any test" in note for note in bare.notes)


def test_scores_that_do_not_vary_are_told_not_tested() -> None:
    rows = [Observation(str(levels), levels, seed, 0.5) for levels in GRID for seed in range(3)]
    found = analyse(rows)
    assert np.isnan([e.p_value for e in found.effects]).all()
    assert any("Nothing is left for the error" in note for note in found.notes)


def test_assumptions_that_fail_are_told_in_words() -> None:
    rng = np.random.default_rng(62)
    good = {c.name: c for c in analyse(observe(rng, GRID, seeds=6)).checks}
    assert all(check.holds for check in good.values())
    assert "Shapiro-Wilk p = " in good["normal residuals"].words
    rows = observe(rng, GRID, seeds=6)
    rows[5] = Observation(rows[5].cell, rows[5].levels, rows[5].seed, rows[5].score + 15)
    odd = {c.name: c for c in analyse(rows).checks}
    assert not odd["no outliers"].holds
    assert f"{rows[5].cell} seed {rows[5].seed}" in odd["no outliers"].words
    assert not odd["normal residuals"].holds
    loud = [
        Observation(o.cell, o.levels, o.seed, o.score + rng.normal(0, 12) * (o.levels["b"] == "z"))
        for o in observe(rng, GRID, seeds=8)
    ]
    assert not {c.name: c for c in analyse(loud).checks}["equal variances"].holds
    few = {c.name: c for c in analyse(observe(rng, GRID, seeds=2)).checks}
    assert few["equal variances"].holds is None


def test_outliers_are_judged_by_leaving_them_out() -> None:
    rng = np.random.default_rng(64)
    x = np.column_stack([np.ones(20), rng.normal(size=(20, 2))])
    model = OLS(rng.standard_t(3, size=20), x).fit()
    expected = OLSInfluence(model).resid_studentized_external
    p_values = 20 * 2 * scipy_stats.t.sf(np.abs(expected), 16)
    data = pd.DataFrame({"cell": ["one", "two"] * 10, "seed": range(20)})
    found = {c.name: c for c in check_assumptions(model, data)}["no outliers"]
    assert found.p_value == pytest.approx(min(1.0, p_values.min()))


def test_fewer_than_two_varying_factors_are_refused() -> None:
    cells = [{"a": a, "b": "x"} for a in "01"]
    with pytest.raises(InputError, match="1 of the factors vary"):
        analyse(observe(np.random.default_rng(63), cells))
    with pytest.raises(InputError, match="expected at least two"):
        analyse([])


def test_a_grid_in_the_ledger(tmp_path: Path) -> None:
    spec = {
        "study": "demo",
        "factors": {"similarity": {"levels": ["cosine", "dot"]}, "batch_size": {"levels": [8, 16]}},
        "ablate": {"factors": ["similarity", "batch_size"], "design": "grid"},
    }
    rates = {
        "reference": 0.7,
        "similarity=cosine, batch_size=16": 0.7,
        "similarity=dot, batch_size=8": 0.5,
        "similarity=dot, batch_size=16": 0.5,
    }
    ledger = Ledger.at(Home(tmp_path))
    put_study(ledger, spec=spec)
    base = {"similarity": "cosine", "batch_size": 8}
    fill(ledger, [planned(cell, seed, base=base) for seed in SEEDS for cell in rates], rates)
    reading = PhaseReading.of(ledger, "demo", Phase.ABLATE)
    ledger.close()
    found = factorial_of(reading, "accuracy")
    effects = by_name(found)
    assert list(effects) == ["similarity", "batch_size", "similarity × batch_size"]
    assert effects["similarity"].levels == ("cosine", "dot")
    assert effects["similarity"].difference == pytest.approx(-0.2, abs=0.05)
    assert effects["similarity"].p_corrected < 0.001
    assert effects["batch_size"].difference == pytest.approx(0, abs=1e-9)
    assert (found.trials, found.seeds) == (20, 5)
    assert effects["similarity"].ci_low < -0.1 > effects["similarity"].ci_high > -0.3
    assert effects["similarity"].p_crossed_corrected < 0.05
    assert effects["batch_size"].p_crossed == 1
