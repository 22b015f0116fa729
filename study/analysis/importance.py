"""Which factors decided how well a search's trials did, and what the best have in common."""

import math
import statistics
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import optuna
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from optuna.trial import FixedTrial, FrozenTrial, create_trial

from search_spaces.factors import Categorical, level_name
from search_spaces.schema import Study
from sslcl.errors import InputError
from study.design.space import suggest
from study.design.tuning import search_of
from tracking.ledger import Ledger
from tracking.ledger.summaries import scored_search_trials
from tracking.rows import TrialRow

BEST = 0.1
"""The best of the trials: this share of them, but no fewer than :data:`FEWEST_BEST`."""
FEWEST_BEST = 5
MOST_TRIALS = 1500
"""Trials that importance is computed from; of more, an even sample."""
_FEWEST = 2 * FEWEST_BEST
_ROUGH = 50


@dataclass(frozen=True)
class FactorImportance:
    """One factor of a search.

    Args:
        factor: its name.
        importance: its share of the importance of all factors; they sum to 1.
        read_by: trials that read it, which for a conditional factor are not all.
        region: its levels in the best trials, in words.
    """

    factor: str
    importance: float
    read_by: int
    region: str


@dataclass(frozen=True)
class SearchImportance:
    """What a search shows of its factors.

    Args:
        factors: the most important first.
        trials: finished trials that it rests on.
        best: how many of them count as the best.
        notes: what a reader must know besides, in sentences.
    """

    factors: tuple[FactorImportance, ...]
    trials: int
    best: int
    notes: tuple[str, ...]


def search_importance(ledger: Ledger, study_name: str) -> SearchImportance:
    """:func:`importances` of the present search space of a study in the ledger.

    It rests on an even sample where there are more than :data:`MOST_TRIALS`, and a note says so.

    Raises:
        InputError: for an unknown study, or what :func:`importances` raises.
    """
    study = Study.model_validate(ledger.study(study_name).spec)
    if study.search is None:
        raise InputError(f"study '{study_name}' has no search: expected one to explain")
    sample, total = scored_search_trials(ledger.engine, study_name, MOST_TRIALS)
    search = search_of(study)
    own = [row for row in sample if row.id == search.id(row.number or 0)]
    result = importances(study, own)
    if len(sample) == total:
        return result
    note = f"From an even sample of {len(own):,} of {total:,} finished trials."
    return replace(result, notes=(*result.notes, note))


def importances(study: Study, trials: Sequence[TrialRow]) -> SearchImportance:
    """How important each searched factor was, judged by validation scores.

    PED-ANOVA asks how differently a factor is distributed among the best trials and among all, so
    importance means: for getting into the best. A conditional factor is judged where it is read,
    weighted by how often that is.

    Args:
        study: whose search it was.
        trials: of the search; those that did not finish, or were pruned, are left out.

    Raises:
        InputError: for too few finished trials, or scores that are all alike.

    Source: Watanabe, Bansal and Hutter, "PED-ANOVA: efficiently quantifying hyperparameter
    importance in arbitrary subspaces", IJCAI 2023.
    """
    scored = sorted(
        (t for t in trials if t.status.scored and math.isfinite(_score(t))),
        key=_score,
        reverse=True,
    )
    _refuse_too_little(study, scored)
    frozen = [_frozen(study, trial) for trial in scored]
    best = _best(scored)
    shares = _shares(frozen, best)
    return SearchImportance(
        factors=tuple(
            _factor(study, name, share, frozen, best)
            for name, share in sorted(shares.items(), key=lambda item: (-item[1], item[0]))
        ),
        trials=len(scored),
        best=best,
        notes=tuple(_notes(study, scored, best)),
    )


def _refuse_too_little(study: Study, scored: Sequence[TrialRow]) -> None:
    if len(scored) < _FEWEST:
        raise InputError(
            f"{len(scored)} finished search trials of '{study.name}': expected at least {_FEWEST} "
            "to say what is important"
        )
    if scored[0].score == scored[-1].score:
        raise InputError(
            f"all {len(scored)} search trials of '{study.name}' score {scored[0].score}: "
            "expected scores that differ"
        )


def _best(scored: Sequence[TrialRow]) -> int:
    """How many are the best, those that tie with the last of them included."""
    wanted = max(FEWEST_BEST, math.ceil(BEST * len(scored)))
    return sum(_score(trial) >= _score(scored[wanted - 1]) for trial in scored)


def _score(trial: TrialRow) -> float:
    return math.nan if trial.score is None else trial.score


def _frozen(study: Study, trial: TrialRow) -> FrozenTrial:
    """The trial as Optuna knew it: what was drawn, and from which distribution."""
    drawn = FixedTrial(study.assignment(trial.config))
    suggest(search_of(study), drawn)
    return create_trial(params=drawn.params, distributions=drawn.distributions, value=trial.score)


def _shares(frozen: Sequence[FrozenTrial], best: int) -> Mapping[str, float]:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    memory = optuna.create_study(direction="maximize")
    memory.add_trials(frozen)
    # Ties can make the best all of the trials but one; the target must stay below the whole.
    target = min(best / len(frozen), 0.99)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        evaluator = PedAnovaImportanceEvaluator(target_quantile=target)
        return get_param_importances(memory, evaluator=evaluator)


def _factor(
    study: Study, name: str, share: float, frozen: Sequence[FrozenTrial], best: int
) -> FactorImportance:
    readers = [trial for trial in frozen if name in trial.params]
    levels = tuple(trial.params[name] for trial in frozen[:best] if name in trial.params)
    everywhere = len(readers) == len(frozen)
    read = "" if everywhere else f"read by {len(levels)} of the {best} best; "
    if not levels:
        region = f"read by none of the {best} best"
    elif isinstance(study.factors[name], Categorical):
        region = read + _levels(levels, [trial.params[name] for trial in readers])
    else:
        region = read + _range(levels, study.factors[name])
    return FactorImportance(name, share, len(readers), region)


def _levels(best: Sequence[Any], readers: Sequence[Any]) -> str:
    """Such as ``dot in 7 of 10 (of all, 30 of 100); cosine in 3 of 10 (of all, 41 of 100)``."""
    overall = Counter(map(level_name, readers))
    return "; ".join(
        f"{level} in {count} of {len(best)} (of all, {overall[level]} of {len(readers)})"
        for level, count in Counter(map(level_name, best)).most_common()
    )


def _range(best: Sequence[Any], factor: Any) -> str:
    """Such as ``0.0008 to 0.003, median 0.0011 (searched 0.0001 to 0.01)``."""
    middle = statistics.median(best)
    return (
        f"{min(best):.3g} to {max(best):.3g}, median {middle:.3g} "
        f"(searched {factor.low:.3g} to {factor.high:.3g})"
    )


def _notes(study: Study, scored: Sequence[TrialRow], best: int) -> list[str]:
    notes = []
    if len(scored) < _ROUGH:
        notes.append(f"With {len(scored)} trials importances are rough.")
    if best > len(scored) / 2:
        notes.append(f"{best} trials share the best scores, which say little.")
    if study.search and study.search.fixed:
        notes.append(f"Not varied in the search: {', '.join(study.search.fixed)}.")
    return notes
