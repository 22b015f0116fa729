"""Importance finds the factor that matters, conditional or not, and what the best had of it."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest

from search_spaces.schema import Study
from sslcl.errors import InputError
from study.analysis.importance import SearchImportance, importances, search_importance
from study.design.space import suggest
from study.design.tuning import search_of
from tracking.records import Phase, Status
from tracking.rows import TrialRow

from ..execution.mortal import open_ledger
from ..execution.simulated import DATA, make_study, outcome, put_study

Score = Callable[[dict[str, Any]], float]


def searched(study: Study, score: Score, count: int = 120, noise: float = 0.05) -> list[TrialRow]:
    """Finished trials with random levels."""
    rng = np.random.default_rng(81)
    sampler = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=81))
    rows = []
    for number in range(count):
        assignment = dict(suggest(search_of(study), sampler.ask()))
        planned = search_of(study).trial(number, assignment, DATA)
        value = score(assignment) + rng.normal(0, noise)
        rows.append(
            TrialRow(
                id=planned.id,
                study=study.name,
                phase=Phase.SEARCH,
                cell=planned.cell,
                identity=planned.identity,
                config=planned.config,
                status=Status.COMPLETE,
                number=number,
                score=value,
            )
        )
    return rows


def ranked(found: SearchImportance) -> dict[str, float]:
    return {factor.factor: factor.importance for factor in found.factors}


@pytest.fixture(scope="module")
def study() -> Study:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return make_study()


def flat() -> Study:
    factors = {
        "similarity": ["dot", "cosine"],
        "learning_rate": {"low": 1e-4, "high": 1e-2, "log": True},
        "batch_size": {"low": 4, "high": 32},
    }
    return make_study(factors=factors)


def near_one_thousandth(levels: dict[str, Any]) -> float:
    return 0.8 - abs(math.log10(levels["learning_rate"]) + 3) / 3


def test_important_factor_is_first_with_a_conditional_one_beside_it(study: Study) -> None:
    found = importances(study, searched(study, near_one_thousandth))
    shares = ranked(found)
    assert found.factors[0].factor == "learning_rate"
    assert shares["learning_rate"] > 0.6
    assert sum(shares.values()) == pytest.approx(1)
    assert set(shares) == {"learning_rate", "objective", "similarity"}
    assert (found.trials, found.best) == (120, 12)


def test_important_conditional_factor_is_found_where_it_is_read(study: Study) -> None:
    def score(levels: dict[str, Any]) -> float:
        return 0.9 if levels.get("similarity") == "dot" else 0.4

    found = importances(study, searched(study, score))
    assert ranked(found)["learning_rate"] < 0.3
    factors = {factor.factor: factor for factor in found.factors}
    assert factors["similarity"].read_by < 120
    assert factors["similarity"].region.startswith("read by 12 of the 12 best; dot in 12 of 12")
    assert "objective" in {found.factors[0].factor, found.factors[1].factor}


def test_factor_that_none_of_the_best_reads_says_so(study: Study) -> None:
    rows = searched(study, lambda levels: float(levels["objective"] == "cross_entropy"))
    found = {factor.factor: factor for factor in importances(study, rows).factors}
    assert found["similarity"].region == "read by none of the 12 best"
    assert found["similarity"].importance == 0
    assert found["objective"].region.startswith("cross_entropy in 12 of 12 (of all, ")


def test_best_region_of_a_number_is_its_range_in_the_best(study: Study) -> None:
    rows = searched(study, near_one_thousandth, noise=0.0)
    factor = importances(study, rows).factors[0]
    best = sorted(rows, key=lambda row: -(row.score or 0))[:12]
    rates = [row.config.learning_rate for row in best]
    assert factor.region == (
        f"{min(rates):.3g} to {max(rates):.3g}, median {np.median(rates):.3g} "
        "(searched 0.0001 to 0.01)"
    )


def test_unfinished_and_fixed_are_left_out() -> None:
    space = make_study(search={"trials": 4, "sampler": "random", "fixed": {"objective": "sslcl"}})
    rows = searched(space, near_one_thousandth, 30)
    pruned = [replace(row, status=Status.PRUNED, score=9.0) for row in rows[:5]]
    found = importances(space, [*pruned, *rows[5:]])
    assert found.trials == 25
    assert set(ranked(found)) == {"learning_rate", "similarity"}
    assert found.notes == (
        "With 25 trials importances are rough.",
        "Not varied in the search: objective.",
    )


def test_same_call_same_numbers_and_ties_count_as_best(study: Study) -> None:
    rows = searched(study, lambda levels: float(levels["objective"] == "sslcl"), noise=0.0)
    found = importances(study, rows)
    assert found == importances(study, rows)
    assert found.best == sum(row.score == 1.0 for row in rows)


def test_what_cannot_be_told_is_said_in_one_line(study: Study) -> None:
    rows = searched(study, near_one_thousandth, 20)
    with pytest.raises(InputError, match="9 finished search trials of 'sim': expected at least 10"):
        importances(study, rows[:9])
    with pytest.raises(InputError, match="expected scores that differ"):
        importances(study, searched(study, lambda levels: 0.5, 20, 0.0))


def test_search_in_the_ledger(tmp_path: Path, study: Study) -> None:
    ledger = open_ledger(tmp_path)
    put_study(ledger, study)
    rows = searched(study, near_one_thousandth, 15)
    planned = [
        search_of(study).trial(row.number or 0, study.assignment(row.config), DATA) for row in rows
    ]
    ledger.plan(study.name, Phase.SEARCH, planned, replace=True)
    for trial in planned:
        ledger.start(trial.id)
        ledger.complete(trial.id, outcome(trial.config, 3))
    found = search_importance(ledger, study.name)
    assert found.trials == 15
    ledger.close()
