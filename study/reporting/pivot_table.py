"""A table of means by two factors, and whether the two interact."""

from sslcl.errors import InputError
from study.analysis.design_kind import is_factorial
from study.analysis.factorial import Effect, factorial_of
from study.analysis.marginal_means import Crossing, Mean, cross
from study.analysis.reading import PhaseReading
from study.reporting.marks import convergence_note
from study.reporting.phrases import latex_label, measured_on, subset_notes
from study.reporting.table import Line, Table, TableSection
from study.reporting.units import MISSING, metric_title, p_equals, unit_of


def pivot_table(
    reading: PhaseReading, metric: str, row: str, column: str, subset: str = ""
) -> Table:
    """Means ± sd by the levels of two factors, the best marked, the interaction's test below.

    Args:
        reading: the phase.
        metric: a score or a cost.
        row, column: factors that vary over it.
        subset: the conditions that its trials were chosen by, in words.

    Raises:
        InputError: for an unknown factor or metric, or one factor given twice.
    """
    if row == column:
        raise InputError(f"--pivot {row} {column}: expected two different factors")
    crossing = cross(reading, metric, (row, column))
    best = _best(crossing, metric)
    columns = crossing.levels(1)
    lines = []
    for level in crossing.levels(0):
        cells = [_text(crossing.means.get((level, c)), metric, best) for c in columns]
        lines.append(Line(level, tuple(cells)))
    counts = sorted({mean.n for mean in crossing.means.values()})
    trials = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    title = f"{metric_title(metric)} of {reading.study_row.name} by {row} and {column}"
    unit = unit_of(metric)
    return Table(
        title=title,
        label=latex_label("pivot", reading.study_row.name, row, column, metric),
        heading=("", f"{row} \\ {column}", *columns),
        sections=(TableSection("", tuple(lines)),),
        records=_records(crossing, best),
        caption=(
            f"{unit.heading} on {measured_on(reading, metric)}: mean ± sd over seeds, averaged "
            f"over the other factors ({trials} trials a cell). * best."
        ),
        notes=(
            _interaction(reading, metric, row, column),
            *crossing.notes,
            *subset_notes(subset),
            *convergence_note(reading, metric),
        ),
    )


def _best(crossing: Crossing, metric: str) -> float:
    choose = max if unit_of(metric).more_is_better else min
    return choose(mean.mean for mean in crossing.means.values())


def _text(mean: Mean | None, metric: str, best: float) -> str:
    if mean is None:
        return MISSING
    return unit_of(metric).spread(mean.mean, mean.sd) + (" *" if mean.mean == best else "")


def _records(crossing: Crossing, best: float) -> list[dict[str, object]]:
    return [
        {
            **dict(zip(crossing.factors, levels, strict=True)),
            "n": mean.n,
            "seeds": len(mean.by_seed),
            "mean": mean.mean,
            "sd": mean.sd,
            "best": mean.mean == best,
        }
        for levels, mean in crossing.means.items()
    ]


def _interaction(reading: PhaseReading, metric: str, row: str, column: str) -> str:
    if not is_factorial(reading):
        return "Interaction not tested: the design does not cross its factors."
    try:
        analysis = factorial_of(reading, metric)
    except InputError as error:
        return f"Interaction not tested: {error}."
    for effect in analysis.effects:
        if set(effect.factors) == {row, column}:
            return _tested(effect, analysis.residual_df)
    return f"The design cannot tell the interaction of {row} and {column} from other effects."


def _tested(effect: Effect, error_df: int) -> str:
    if effect.f != effect.f:
        return f"Interaction {effect.name}: not tested, nothing is left for the error."
    said = f"F({effect.df}, {error_df}) = {effect.f:.2f}, p {p_equals(effect.p_value)}"
    if effect.p_crossed == effect.p_crossed:
        said += f" over new seeds; p {p_equals(effect.p_crossed)} over new conversations as well"
    alias = f"; not told apart from {', '.join(effect.aliases)}" if effect.aliases else ""
    return f"Interaction {effect.name}: {said}{alias}."
