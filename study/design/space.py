"""The search space as Optuna draws from it."""

import math
from collections.abc import Mapping
from typing import Any

import optuna

from search_spaces.schema import Assignment, Categorical, Factor, Float, Integer
from sslcl.levels import level_of
from study.design.tuning import Tuning


def suggest(tuning: Tuning, trial: optuna.trial.BaseTrial) -> Mapping[str, Any]:
    """Draw a level for every factor that is drawn and is active given those before it."""
    study = tuning.study
    assignment: dict[str, Any] = dict(tuning.held)
    for name in study.factor_names:
        if not tuning.draws(name) or not study.active(name, assignment):
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


def declared(tuning: Tuning) -> Assignment:
    """The levels that drawn factors have in the search's start.

    Where it names none they are those of the study file's base, or else the configuration's. One
    that is not in the space is replaced: by the nearest value of a range, by the first of listed
    levels.
    """
    study = tuning.study
    base = dict(study.base_config(tuning.settings.seed))
    levels: dict[str, Any] = {}
    for name, factor in study.factors.items():
        if tuning.draws(name) and study.active(name, {**tuning.held, **levels}):
            start = (tuning.start or {}).get(name)
            levels[name] = _nearest(factor, level_of(base, name) if start is None else start)
    return levels


def draws(tuning: Tuning, levels: Assignment) -> bool:
    """Whether a search could draw ``levels``, which are those of the active factors."""
    study = tuning.study
    active = {name for name in study.factors if study.active(name, levels)}
    return active == set(levels) and all(
        _has(study.factors[name], level) if tuning.draws(name) else level == tuning.held.get(name)
        for name, level in levels.items()
    )


def _has(factor: Factor, level: Any) -> bool:
    if isinstance(factor, Categorical):
        return level in factor
    return level in factor and math.isclose(_nearest(factor, level), level)


def _nearest(factor: Factor, level: Any) -> Any:
    if isinstance(factor, Categorical):
        return level if level in factor.levels else factor.levels[0]
    if isinstance(level, bool) or not isinstance(level, int | float):
        return factor.low
    value = min(max(level, factor.low), factor.high)
    if factor.step is None:
        return value
    most = int((factor.high - factor.low) / factor.step + 1e-9)
    return factor.low + min(round((value - factor.low) / factor.step), most) * factor.step
