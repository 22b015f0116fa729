"""The search space as Optuna draws from it."""

from collections.abc import Mapping
from typing import Any

import optuna

from search_spaces.schema import Categorical, Float, Integer
from study.design.tuning import Tuning


def suggest(tuning: Tuning, trial: optuna.trial.BaseTrial) -> Mapping[str, Any]:
    """Draw a level for every factor that is not held and is active given those before it."""
    study = tuning.study
    assignment: dict[str, Any] = dict(tuning.held)
    for name in study.factor_names:
        if name in assignment or not study.active(name, assignment):
            continue
        factor = study.factors[name]
        if isinstance(factor, Categorical):
            assignment[name] = trial.suggest_categorical(name, list(factor.levels))
        elif isinstance(factor, Integer):
            assignment[name] = trial.suggest_int(
                name, factor.low, factor.high, step=factor.step or 1, log=factor.log
            )
        elif isinstance(factor, Float):
            assignment[name] = trial.suggest_float(
                name, factor.low, factor.high, step=factor.step, log=factor.log
            )
    return assignment
