"""Two studies side by side: what their files say, and the cells that both have."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from search_spaces.changes import changes
from sslcl.errors import InputError
from study.analysis.costs import compare_costs, known_metric, values_of
from study.analysis.levels import flat
from study.analysis.reading import REPORTED, PhaseReading
from study.reporting.differences.tables import decided
from study.reporting.differences.trials import SideBySide
from study.reporting.phrases import interval_heading, latex_label, p_heading, plural
from study.reporting.table import Line, Table, TableSection
from study.reporting.units import MISSING, MetricUnit, p_text, unit_of
from study.stats.comparison import CellComparison, compare_cells
from study.stats.decisions import Decision, decide
from study.stats.metrics import Metric
from study.stats.names import DEFAULT_METRIC, metric_of
from study.stats.verdicts import SIGNIFICANCE
from tracking.costs import COSTS
from tracking.ledger import Ledger
from tracking.records import Phase

_FIRST, _SECOND = "A", "B"


@dataclass(frozen=True)
class _Common:
    """A cell that both studies have."""

    phase: Phase
    cell: str
    same: bool
    first: Mapping[int, float]
    second: Mapping[int, float]
    comparison: CellComparison | None


def compare_studies(
    ledger: Ledger, first: str, second: str, metric: str | None = None
) -> SideBySide:
    """Compare two studies: their files, and the means of the cells of the same name.

    Differences, ``B - A``, are paired by seed and by conversation where both were tested on the
    same data.

    Raises:
        InputError: for an unknown study or metric, or the same study twice.
    """
    if first == second:
        raise InputError(f"'{first}' and '{second}' are the same study: expected two")
    a, b = ledger.study(first), ledger.study(second)
    if metric is None:
        own_metrics = {metric_of(row.spec) for row in (a, b)}
        metric = own_metrics.pop() if len(own_metrics) == 1 else DEFAULT_METRIC
    known_metric(metric, a.label_names)
    own = ("study", "description")
    specs = [{k: v for k, v in row.spec.items() if k not in own} for row in (a, b)]
    differences = changes(*specs)
    lines = [f"A = {first}, B = {second}"]
    lines.append(f"Study files: {plural(len(differences), 'difference')}.")
    lines += [f"  {line}" for line in differences]
    if a.code_fingerprint != b.code_fingerprint:
        lines.append("The training code differs.")
    same = (a.data_fingerprint, a.label_names) == (b.data_fingerprint, b.label_names)
    if not same:
        lines.append(
            f"The data differ ({a.dataset} {a.data_fingerprint[:12]} and {b.dataset} "
            f"{b.data_fingerprint[:12]}): means stand side by side, and nothing can be paired."
        )
    common: list[_Common] = []
    for phase in REPORTED:
        ours, theirs = (PhaseReading.of(ledger, name, phase) for name in (first, second))
        if ours.cells and theirs.cells:
            common += _common(ours, theirs, metric, paired=same)
            lines += _alone(ours, theirs)
    if not common:
        lines.append("No finished cell is in both.")
    return SideBySide(tuple(lines), (_table(common, first, second, metric),))


def _common(a: PhaseReading, b: PhaseReading, metric: str, *, paired: bool) -> Iterator[_Common]:
    values = values_of(a, metric), values_of(b, metric)
    for cell in a.cells:
        if cell in b.cells:
            one, other = (flat(reading.cells[cell][0].config) for reading in (a, b))
            same = all(one.get(k) == other.get(k) for k in {*one, *other} - {"seed", "fold"})
            ours, theirs = values[0][cell], values[1][cell]
            comparison = None
            if paired and metric in COSTS:
                comparison = compare_costs({_FIRST: ours, _SECOND: theirs}, _FIRST)[_SECOND]
            elif paired:
                samples = {_FIRST: a.samples[cell], _SECOND: b.samples[cell]}
                scored = Metric.named(metric, a.study_row.label_names)
                comparison = compare_cells(samples, _FIRST, scored)[_SECOND]
            yield _Common(a.phase, cell, same, ours, theirs, comparison)


def _alone(a: PhaseReading, b: PhaseReading) -> Iterator[str]:
    for name, mine, other in ((_FIRST, a, b), (_SECOND, b, a)):
        only = [cell for cell in mine.cells if cell not in other.cells]
        if only:
            yield f"Only in {name} ({mine.phase.value}): {'; '.join(only)}."


def _table(common: list[_Common], first: str, second: str, metric: str) -> Table:
    unit = unit_of(metric)
    decisions = decide(
        {_key(c): c.comparison for c in common if c.comparison is not None},
        more_is_better=unit.more_is_better,
    )
    pairs = [(c, decisions.get(_key(c))) for c in common]
    sections = []
    for phase in dict.fromkeys(c.phase for c in common):
        lines = tuple(_line(c, decision, unit) for c, decision in pairs if c.phase is phase)
        sections.append(TableSection(phase.value, lines))
    notes = []
    if any(not c.same for c in common):
        notes.append("* the two configurations behind this name differ.")
    tests = sum(c.comparison is not None for c in common)
    return Table(
        title=f"{unit.title} of the cells in {first} (A) and {second} (B)",
        label=latex_label("compare", first, second),
        heading=(
            "",
            "Cell",
            "seeds",
            unit.in_unit("A"),
            unit.in_unit("B"),
            "B − A",
            interval_heading("holm"),
            p_heading("holm"),
        ),
        sections=tuple(sections),
        records=[_row(c, decision) for c, decision in pairs],
        caption=(
            "Mean ± sd over seeds; differences over the seeds in common"
            + ("" if metric in COSTS else ", paired by seed and conversation")
            + f"; p Holm-corrected over {plural(tests, 'comparison')}, every interval at the level "
            "at which that decides the row."
            if tests
            else "Mean ± sd over seeds."
        ),
        notes=tuple(notes),
    )


def _key(common: _Common) -> str:
    return f"{common.phase.value} {common.cell}"


def _line(common: _Common, decision: Decision | None, unit: MetricUnit) -> Line:
    comparison, shared = common.comparison, len(set(common.first) & set(common.second))
    sides = [_spread(common.first, unit), _spread(common.second, unit)]
    label = common.cell + ("" if common.same else " *")
    if comparison is None or decision is None:
        return Line(label, ("0", *sides, MISSING, MISSING, MISSING))
    interval = unit.interval(decision.ci_low, decision.ci_high)
    p_value = decision.p_corrected
    difference = unit.number(comparison.difference, signed=True)
    gain = comparison.difference if unit.more_is_better else -comparison.difference
    look = "" if not p_value < SIGNIFICANCE else "better" if gain > 0 else "worse"
    return Line(label, (str(shared), *sides, difference, interval, p_text(p_value)), look)


def _spread(values: Mapping[int, float], unit: MetricUnit) -> str:
    scores = np.fromiter(values.values(), np.float64)
    sd = float(scores.std(ddof=1)) if len(scores) > 1 else None
    return unit.spread(float(scores.mean()), sd) if len(scores) else MISSING


def _row(common: _Common, decision: Decision | None) -> dict[str, object]:
    row: dict[str, object] = {
        "phase": common.phase.value,
        "cell": common.cell,
        "same_configuration": common.same,
        "seeds_a": len(common.first),
        "seeds_b": len(common.second),
        "mean_a": float(np.mean(list(common.first.values()))) if common.first else None,
        "mean_b": float(np.mean(list(common.second.values()))) if common.second else None,
    }
    if common.comparison is not None and decision is not None:
        names = ("pairs", "difference", "ci_low", "ci_high", "p_value", "effect_size")
        row |= {name: getattr(common.comparison, name) for name in names}
        row |= decided(decision)
    return row
