"""Main effects and interactions of a factorial design as a table."""

from collections.abc import Iterator
from dataclasses import asdict

from sslcl.errors import InputError
from study.analysis.design_kind import CROSSED, is_factorial
from study.analysis.factorial import Effect, FactorialAnalysis, factorial_of
from study.analysis.reading import PhaseReading
from study.reporting.marks import convergence_note
from study.reporting.phrases import (
    interval_heading,
    latex_label,
    measured_on,
    p_heading,
    subset_notes,
)
from study.reporting.table import Line, Table, TableSection
from study.reporting.units import MetricUnit, decimal, metric_title, p_text, unit_of
from tracking.costs import COSTS


def effects_table(
    reading: PhaseReading, metric: str, correction: str | None = None, subset: str = ""
) -> Table:
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
            f"the {reading.phase.value} phase of '{reading.study_row.name}' does not cross its "
            f"factors: expected an ablation of the design {' or '.join(CROSSED)}"
        )
    analysis = factorial_of(reading, metric, correction=correction)
    return Table(
        title=f"Effects of the factors of {reading.study_row.name}",
        label=latex_label("effects", reading.study_row.name, metric),
        heading=(
            "",
            "Effect",
            "df",
            "F",
            "p of F",
            "partial η²",
            p_heading(analysis.correction),
            "Difference",
            interval_heading(analysis.correction),
        ),
        sections=tuple(_sections(analysis, metric)),
        records=_records(analysis),
        caption=_caption(reading, metric, analysis),
        notes=(
            *(assumption.words for assumption in analysis.checks),
            *analysis.notes,
            *subset_notes(subset),
            *convergence_note(reading, metric),
        ),
    )


def _sections(analysis: FactorialAnalysis, metric: str) -> Iterator[TableSection]:
    for name, order in (("main effects", 1), ("interactions", 2)):
        effects = [effect for effect in analysis.effects if len(effect.factors) == order]
        if effects:
            lines = (_line(e, unit_of(metric), cost=metric in COSTS) for e in effects)
            yield TableSection(name, tuple(lines))


def _line(effect: Effect, unit: MetricUnit, *, cost: bool) -> Line:
    pair = f" ({effect.levels[0]} → {effect.levels[1]})" if effect.levels else ""
    return Line(
        effect.name + pair,
        (
            str(effect.df),
            decimal(effect.f, 2),
            p_text(effect.p_value),
            decimal(effect.partial_eta_squared, 3),
            p_text(effect.p_corrected if cost else effect.p_crossed_corrected),
            unit.number(effect.difference, signed=True),
            unit.interval(effect.ci_low_corrected, effect.ci_high_corrected),
        ),
    )


def _caption(reading: PhaseReading, metric: str, analysis: FactorialAnalysis) -> str:
    error = unit_of(metric).number(analysis.residual_sd)
    variances = (
        f"variances over seeds are moderated across effects (prior df {analysis.prior_df:.1f})"
        if analysis.prior_df
        else "every effect has its own variance over seeds"
    )
    crossed = (
        f"The corrected p and the intervals allow for new seeds and new conversations; {variances}."
    )
    judged = "The tests speak of new seeds." if metric in COSTS else crossed
    return (
        f"Analysis of variance of {metric_title(metric)} on {measured_on(reading, metric)}: "
        f"{analysis.trials} trials, seeds as blocks, type II sums of squares, "
        f"{analysis.residual_df} degrees of freedom and sd {error} of the error. {judged} "
        "Differences are from the first level to the second, each with the interval at the level "
        "at which the correction decides its effect."
    )


def _records(analysis: FactorialAnalysis) -> list[dict[str, object]]:
    rows = []
    for effect in analysis.effects:
        row = {"effect": effect.name, **asdict(effect)}
        row |= {key: ", ".join(row[key]) for key in ("factors", "aliases", "levels")}
        rows.append(row)
    return rows
