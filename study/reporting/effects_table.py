"""Main effects and interactions of a factorial design as a table."""

import math
from dataclasses import asdict

from sslcl.errors import InputError
from study.analysis.comparisons import PhaseReading
from study.analysis.costs import COSTS
from study.analysis.design_kind import CROSSED, is_factorial
from study.analysis.factorial import Effect, FactorialAnalysis, factorial_of
from study.reporting.comparison_table import metric_title, p_text
from study.reporting.phrases import measured_on
from study.reporting.table import Line, Section, Sheet
from study.reporting.units import MISSING, Unit, unit_of
from study.stats.verdicts import CORRECTION_NAMES


def effects_below(
    reading: PhaseReading, metric: str, correction: str | None = None, subset: str = ""
) -> list[Sheet]:
    """What to show below the comparisons: the effects, if the phase has crossed factors.

    A part of a design, finished or chosen, in which nothing is crossed has none.
    """
    if not is_factorial(reading):
        return []
    try:
        return [effects_sheet(reading, metric, correction, subset)]
    except InputError:
        return []


def effects_sheet(
    reading: PhaseReading, metric: str, correction: str | None = None, subset: str = ""
) -> Sheet:
    """The analysis of :func:`study.analysis.factorial.factorial_of` as a table.

    Args:
        reading: the phase.
        metric: a score or a cost.
        correction: as the study says when left out.
        subset: the conditions that its trials were chosen by, in words.

    Raises:
        InputError: for a design that does not cross its factors, or as
            :func:`study.analysis.factorial.factorial_of`.
    """
    if not is_factorial(reading):
        raise InputError(
            f"the {reading.phase.value} phase of '{reading.study.name}' does not cross its "
            f"factors: expected an ablation of the design {' or '.join(CROSSED)}"
        )
    found = factorial_of(reading, metric, correction=correction)
    unit = unit_of(metric)
    kinds = {"main effects": 1, "interactions": 2}
    sections = [
        Section(
            name,
            tuple(
                _line(e, unit, cost=metric in COSTS)
                for e in found.effects
                if len(e.factors) == order
            ),
        )
        for name, order in kinds.items()
    ]
    return Sheet(
        title=f"Effects of the factors of {reading.study.name}",
        label=f"effects-{reading.study.name}-{metric}".replace("_", "-").replace(":", "-"),
        heading=(
            "",
            "Effect",
            "df",
            "F",
            "p of F",
            "partial η²",
            f"p ({CORRECTION_NAMES[found.correction]})",
            "Difference",
            "95 % CI",
        ),
        sections=tuple(section for section in sections if section.lines),
        records=_records(found),
        caption=_caption(reading, metric, found),
        notes=(
            *(check.words for check in found.checks),
            *found.notes,
            *([f"Only trials with {subset}."] if subset else []),
        ),
    )


def _line(effect: Effect, unit: Unit, *, cost: bool) -> Line:
    pair = f" ({effect.levels[0]} → {effect.levels[1]})" if effect.levels else ""
    bounds = [unit.number(value, signed=True) for value in (effect.ci_low, effect.ci_high)]
    known = not math.isnan(effect.ci_low)
    return Line(
        effect.name + pair,
        (
            str(effect.df),
            MISSING if math.isnan(effect.f) else f"{effect.f:.2f}",
            p_text(effect.p_value),
            _share(effect.partial_eta_squared),
            p_text(effect.p_corrected if cost else effect.p_crossed_corrected),
            unit.number(effect.difference, signed=True),
            f"[{', '.join(bounds)}]" if known else MISSING,
        ),
    )


def _share(value: float) -> str:
    return MISSING if math.isnan(value) else f"{value:.3f}"


def _caption(reading: PhaseReading, metric: str, found: FactorialAnalysis) -> str:
    error = unit_of(metric).number(found.residual_sd)
    crossed = "The corrected p and the intervals allow for new seeds and new conversations."
    judged = "The tests speak of new seeds." if metric in COSTS else crossed
    return (
        f"Analysis of variance of {metric_title(metric)} on {measured_on(reading, metric)}: "
        f"{found.trials} trials, seeds as blocks, type II sums of squares, {found.residual_df} "
        f"degrees of freedom and sd {error} of the error. {judged} Differences are from the first "
        "level to the second."
    )


def _records(found: FactorialAnalysis) -> list[dict[str, object]]:
    rows = []
    for effect in found.effects:
        row = {"effect": effect.name, **asdict(effect)}
        row |= {key: ", ".join(row[key]) for key in ("factors", "aliases", "levels")}
        rows.append(row)
    return rows
