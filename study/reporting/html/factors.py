"""What decided the search, and what a crossed design says of its factors."""

import math

from sslcl.errors import InputError
from study.analysis.comparisons import PhaseReading
from study.analysis.design_kind import crosses
from study.analysis.factorial import Effect, factorial_of
from study.analysis.importance import search_importance
from study.reporting.comparison_table import MISSING, metric_title, p_text, percent
from study.reporting.html.elements import Cell, Grid, Section
from study.stats.verdicts import CORRECTION_NAMES
from tracking.ledger import Ledger
from tracking.rows import StudyRow


def importance_section(ledger: Ledger, study: StudyRow) -> Section | None:
    """Importance of the searched factors and where the best trials lie; ``None`` without search."""
    if not study.spec.get("search"):
        return None
    title = "Importance in the search"
    try:
        found = search_importance(ledger, study.name)
    except InputError as error:
        return Section("importance", title, [f"Not told: {error}."])
    words = [
        "How much each factor decided whether a trial came among the best, by validation score "
        f"({found.method}; the best are {found.best} of {found.trials:,} finished trials)."
    ]
    rows = tuple(
        (f.factor, f.region, Cell(f"{f.importance:.2f}", bar=f.importance), f"{f.read_by:,}")
        for f in found.factors
    )
    grid = Grid(
        "Factors, the most important first",
        ("Factor", "Among the best", "Importance", "Trials"),
        rows,
        texts=2,
    )
    return Section("importance", title, words, grids=[grid], notes=found.notes)


def effects_section(reading: PhaseReading, metric: str) -> Section | None:
    """Main effects and interactions; ``None`` where the design does not cross its factors."""
    if not crosses(reading.study):
        return None
    title = "Effects of the factors"
    try:
        found = factorial_of(reading, metric)
    except InputError as error:
        return Section("effects", title, [f"Not told: {error}."])
    correction = CORRECTION_NAMES.get(found.correction, found.correction)
    words = [
        f"Analysis of variance of {metric_title(metric)} over {found.trials} trials with "
        f"{found.seeds} seeds as blocks; {found.residual_df} degrees of freedom are left for the "
        "error."
    ]
    heading = ("Effect", "df", "F", "p", f"p ({correction})", "Partial η²", "Difference", "95 % CI")
    grid = Grid(
        "Main effects and two-way interactions", heading, tuple(_effect(e) for e in found.effects)
    )
    notes = [*(check.words for check in found.checks), *found.notes]
    notes += [f"{e.name} cannot be told from {', '.join(e.aliases)}." for e in found.effects
              if e.aliases]  # fmt: skip
    return Section("effects", title, words, grids=[grid], notes=notes)


def _effect(effect: Effect) -> tuple[str, ...]:
    known = not math.isnan(effect.ci_low)
    ends = (percent(effect.ci_low, signed=True), percent(effect.ci_high, signed=True))
    difference = percent(effect.difference, signed=True)
    if effect.levels and difference != MISSING:
        difference += f" ({effect.levels[1]} − {effect.levels[0]})"
    return (
        effect.name,
        str(effect.df),
        MISSING if math.isnan(effect.f) else f"{effect.f:.2f}",
        p_text(effect.p_value),
        p_text(effect.p_corrected),
        MISSING if math.isnan(effect.partial_eta_squared) else f"{effect.partial_eta_squared:.2f}",
        difference,
        f"[{ends[0]}, {ends[1]}]" if known else MISSING,
    )
