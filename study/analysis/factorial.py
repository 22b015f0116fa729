"""Main effects and two-way interactions of a grid or a fraction of one.

The model is ordinary least squares on the trials' scores with sum-coded factors, their two-way
interactions and the seed as a fixed block. Where every cell has the same seeds, as planned, a
random seed effect gives the same F tests, and its variance could hardly be estimated from a few
seeds; so there is no mixed model, and none that may fail to converge.

The scores are those on one test set, so the F tests speak of new seeds and not of new
conversations, and where cells differ by conversation they claim too much. Where the predictions
are at hand, :mod:`study.stats.crossed_effects` tests the same effects for both.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from search_spaces.factors import level_name
from search_spaces.schema import Study
from sslcl.errors import InputError
from study.analysis.comparisons import Rules
from study.analysis.costs import values_of
from study.analysis.reading import PhaseReading, by_seed
from study.stats.aliases import Term, estimable, main_effects, term_name
from study.stats.assumptions import Check, check_assumptions
from study.stats.comparison import Sample
from study.stats.crossed_effects import CrossedEffect, crossed_effects
from study.stats.decisions import deciding_levels
from study.stats.metrics import Metric
from study.stats.spread import CONFIDENCE
from study.stats.verdicts import correct
from tracking.costs import COSTS

_FEW = 5
"""Degrees of freedom of the error below which tests have little power."""


@dataclass(frozen=True)
class Observation:
    """One trial of the design.

    Args:
        cell: name of its cell.
        levels: factor to level, the same factors for every trial.
        seed: its block.
        score: in the metric's units.
    """

    cell: str
    levels: Mapping[str, str]
    seed: int
    score: float


@dataclass(frozen=True)
class Effect:
    """One line of the analysis of variance; NaN where not estimable.

    Args:
        factors: one for a main effect, two for an interaction.
        df: its degrees of freedom.
        sum_of_squares: of type II, given all effects that do not contain it.
        f, p_value: of no effect.
        p_corrected: the same, corrected over the effects.
        partial_eta_squared: share of what the other effects leave, in [0, 1].
        aliases: effects that this one cannot be told apart from.
        levels: the two levels of a main effect that has two, else empty.
        difference: mean score at the second level - at the first, over all cells alike.
        ci_low, ci_high: its 95 % interval; for new seeds and new conversations where
            ``p_crossed`` is known, else for new seeds alone.
        ci_low_corrected, ci_high_corrected: the same at the level at which the correction decides
            the effect, so that it excludes 0 exactly when the corrected p-value is below 0.05
            (where ``p_crossed`` is not known, in balanced designs).
        p_crossed: of no effect, for new seeds and new conversations.
        p_crossed_corrected: the same, corrected over the effects; what to judge by.
    """

    factors: Term
    df: int
    sum_of_squares: float
    f: float
    p_value: float
    p_corrected: float
    partial_eta_squared: float
    aliases: tuple[str, ...] = ()
    levels: tuple[str, ...] = ()
    difference: float = np.nan
    ci_low: float = np.nan
    ci_high: float = np.nan
    ci_low_corrected: float = np.nan
    ci_high_corrected: float = np.nan
    p_crossed: float = np.nan
    p_crossed_corrected: float = np.nan

    @property
    def name(self) -> str:
        """Such as ``similarity`` or ``backbone × similarity``."""
        return term_name(self.factors)


@dataclass(frozen=True)
class FactorialAnalysis:
    """What a factorial design shows.

    Args:
        effects: main effects first, then interactions, each in the order of the factors.
        trials: scores that it rests on.
        seeds: blocks.
        residual_df: degrees of freedom left for the error.
        residual_sd: standard deviation of the error, in the metric's units.
        correction: over the effects.
        checks: the assumptions, tested.
        notes: what a reader must know besides, in sentences.
        prior_df: degrees of freedom that effects lend one another's variances over seeds, where
            they are tested for new conversations too.
    """

    effects: tuple[Effect, ...]
    trials: int
    seeds: int
    residual_df: int
    residual_sd: float
    correction: str
    checks: tuple[Check, ...]
    notes: tuple[str, ...]
    prior_df: float = 0.0


def factorial_of(
    reading: PhaseReading, metric: str, *, correction: str | None = None
) -> FactorialAnalysis:
    """Analyse the test scores or costs of an ablation phase whose design crosses its factors.

    A factor that a cell does not read counts there as at its level in the reference.

    Args:
        reading: the phase.
        metric: a score or one of :data:`tracking.costs.COSTS`.
        correction: as the study says when left out.

    Raises:
        InputError: for an unknown metric, when nothing has finished, or for a design in which
            there is nothing to cross.
    """
    study = Study.model_validate(reading.study_row.spec)
    if study.ablate is None or not reading.cells:
        raise InputError(f"no trial of the {reading.phase.value} phase of '{study.name}' finished")
    values = values_of(reading, metric)
    base = study.assignment(reading.cells[reading.reference][0].config)
    names = study.ablate.factors
    first = {name: base.get(name, study.ablation_levels(name)[0]) for name in names}
    observations: list[Observation] = []
    for cell, trials in reading.cells.items():
        for seed, of_seed in by_seed(trials).items():
            score = values[cell].get(seed)
            own = {**first, **study.assignment(of_seed[0].config)}
            levels = {name: level_name(own[name]) for name in names}
            if score is not None:
                observations.append(Observation(cell, levels, seed, score))
    analysis = analyse(
        observations, correction=correction or Rules.of(reading.study_row).correction
    )
    if metric in COSTS:
        return analysis
    measure = Metric.named(metric, reading.study_row.label_names)
    levels_of = {observation.cell: observation.levels for observation in observations}
    return with_conversations(analysis, reading.samples_of(metric), levels_of, measure)


def with_conversations(
    analysis: FactorialAnalysis,
    cells: Mapping[str, Sample],
    levels: Mapping[str, Mapping[str, str]],
    metric: Metric,
) -> FactorialAnalysis:
    """The analysis with its effects tested for new conversations, too.

    Args:
        analysis: of the scores of ``cells``.
        cells: name to sample.
        levels: cell to factor to level.
        metric: what the scores are.
    """
    terms = [effect.factors for effect in analysis.effects]
    crossed = crossed_effects(cells, levels, terms, metric)
    p_values = [crossed[term].p_value for term in terms]
    corrected = correct(p_values, analysis.correction)
    levels_of_tests = deciding_levels(p_values, analysis.correction)
    effects = [
        _crossed(effect, crossed[effect.factors], p, level)
        for effect, p, level in zip(analysis.effects, corrected, levels_of_tests, strict=True)
    ]
    shared = len(set.intersection(*(set(sample.seeds) for sample in cells.values())))
    note = (
        "F tests speak of new seeds on this test set; crossed p-values and intervals speak of new "
        f"conversations as well and rest on the {shared} seeds that all cells have."
    )
    lent = max(effect.prior_freedom for effect in crossed.values())
    notes = (*analysis.notes, note)
    return replace(analysis, effects=tuple(effects), notes=notes, prior_df=lent)


def analyse(observations: Sequence[Observation], *, correction: str = "holm") -> FactorialAnalysis:
    """Analysis of variance with main effects, two-way interactions and the seeds as blocks.

    Effects that the design cannot separate from what is in the model already are named as
    aliases and left out; all interactions are left out where they are only partly separable, or
    where nothing would be left for the error.

    Raises:
        InputError: for fewer than two factors that vary.
    """
    varying = _varying(observations)
    if len(varying) < 2:
        raise InputError(
            f"{len(varying)} of the factors vary over the finished trials: expected at least two, "
            "in a grid or fractional design"
        )
    data = _frame(observations, varying)
    separable = estimable(data, varying)
    model = _fit(data, separable.terms)
    notes = list(separable.notes)
    if model.df_resid < 1 and any(len(term) > 1 for term in separable.terms):
        notes.append("Nothing was left for the error, so interactions were pooled into it.")
        separable = main_effects(data, varying)
        notes += separable.notes
        model = _fit(data, separable.terms)
    notes += _limits(data, model)
    table = _table(data, model, separable.terms)
    p_values = [table[term]["p_value"] for term in separable.terms]
    corrected = correct(p_values, correction)
    decided_at = dict(zip(separable.terms, deciding_levels(p_values, correction), strict=True))
    return FactorialAnalysis(
        effects=tuple(
            Effect(
                factors=term,
                p_corrected=p,
                aliases=separable.aliases.get(term, ()),
                **table[term],
                **_difference(data, model, term, decided_at),
            )
            for term, p in zip(separable.terms, corrected, strict=True)
        ),
        trials=len(data),
        seeds=data["seed"].nunique(),
        residual_df=int(model.df_resid),
        residual_sd=float(np.sqrt(model.scale)) if model.df_resid > 0 else np.nan,
        correction=correction,
        checks=check_assumptions(model, data),
        notes=tuple(notes),
    )


def _crossed(effect: Effect, crossed: CrossedEffect, p_corrected: float, level: float) -> Effect:
    tested = replace(effect, p_crossed=crossed.p_value, p_crossed_corrected=p_corrected)
    if not effect.levels or crossed.spread is None:
        return tested
    low, high = crossed.interval(1 - CONFIDENCE)
    lowest, highest = crossed.interval(level)
    return replace(
        tested, ci_low=low, ci_high=high, ci_low_corrected=lowest, ci_high_corrected=highest
    )


def _varying(observations: Sequence[Observation]) -> list[str]:
    names = list(observations[0].levels) if observations else []
    return [name for name in names if len({o.levels[name] for o in observations}) > 1]


def _frame(observations: Sequence[Observation], factors: Sequence[str]) -> pd.DataFrame:
    """One row a trial; levels in the order in which they come."""
    rows = [{"cell": o.cell, "seed": o.seed, "score": o.score, **o.levels} for o in observations]
    data = pd.DataFrame(rows)
    for name in factors:
        data[name] = pd.Categorical(data[name], categories=data[name].unique())
    return data


def _coded(terms: Sequence[Term]) -> dict[str, str]:
    """Factor to its name in the formula, which cannot name one with a dot in it."""
    factors = [term[0] for term in terms if len(term) == 1]
    return {name: f"C(f{place}, Sum)" for place, name in enumerate(factors)}


def _fit(data: pd.DataFrame, terms: Sequence[Term]) -> Any:
    # Takes more than a second to import, which only this needs.
    import statsmodels.formula.api as smf

    coded = _coded(terms)
    plain = data.rename(columns={name: code[2:-6] for name, code in coded.items()})
    parts = ["C(seed, Sum)"] if data["seed"].nunique() > 1 else []
    parts += [":".join(coded[name] for name in term) for term in terms]
    return smf.ols(f"score ~ {' + '.join(parts)}", plain).fit()


def _table(data: pd.DataFrame, model: Any, terms: Sequence[Term]) -> dict[Term, dict[str, Any]]:
    """The fields of each effect that the analysis of variance gives."""
    from statsmodels.stats.anova import anova_lm

    if not _has_error(model):
        levels = {name: data[name].nunique() for term in terms for name in term}
        return {term: _line(math.prod(levels[name] - 1 for name in term)) for term in terms}
    coded = _coded(terms)
    anova = anova_lm(model, typ=2)
    error = float(anova.loc["Residual", "sum_sq"])
    lines: dict[Term, dict[str, Any]] = {}
    for term in terms:
        row = anova.loc[":".join(coded[name] for name in term)]
        lines[term] = _line(row["df"], row["sum_sq"], row["F"], row["PR(>F)"], error)
    return lines


def _line(
    df: float,
    squares: float = np.nan,
    f: float = np.nan,
    p_value: float = np.nan,
    error: float = np.nan,
) -> dict[str, Any]:
    return {
        "df": int(df),
        "sum_of_squares": float(squares),
        "f": float(f),
        "p_value": float(p_value),
        "partial_eta_squared": float(squares / (squares + error)),
    }


def _has_error(model: Any) -> bool:
    return bool(model.df_resid > 0 and model.ssr > 1e-18)


def _difference(
    data: pd.DataFrame, model: Any, term: Term, decided_at: Mapping[Term, float]
) -> dict[str, Any]:
    """What going from the first level of a factor with two to the second changes.

    Args:
        data: one row a trial.
        model: fitted to it.
        term: the effect.
        decided_at: every effect of the model to the level at which the correction decides it.
    """
    if len(term) > 1 or len(levels := tuple(data[term[0]].cat.categories)) != 2:
        return {}
    # Sum coding: the coefficient is the first level's distance from the middle of the two.
    name = f"{_coded(list(decided_at))[term[0]]}[S.{levels[0]}]"
    told = {"levels": levels, "difference": -2 * float(model.params[name])}
    if not _has_error(model):
        return told
    for suffix, level in (("", 1 - CONFIDENCE), ("_corrected", decided_at[term])):
        high, low = -2 * model.conf_int(level).loc[name]
        told |= {f"ci_low{suffix}": low, f"ci_high{suffix}": high}
    return told


def _limits(data: pd.DataFrame, model: Any) -> Iterator[str]:
    """What the number of trials does not allow."""
    if data["seed"].nunique() == 1:
        yield (
            "One seed for every cell: the error is what higher interactions leave, not the luck of "
            "the seeds."
        )
    if not _has_error(model):
        yield "Nothing is left for the error: effects are shown without any test."
    elif model.df_resid < _FEW:
        yield f"Only {int(model.df_resid)} degrees of freedom are left for the error: low power."
    seeds = data.groupby("cell")["seed"].nunique()
    if seeds.min() < data["seed"].nunique():
        yield "Not all cells have all seeds; type II sums of squares allow for it."
