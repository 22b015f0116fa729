"""Comparisons of what trials cost: one value a trial, so there are seeds and no conversations."""

from collections.abc import Mapping, Sequence
from statistics import fmean

import numpy as np

from sslcl.errors import InputError, unknown
from study.analysis.comparisons import Rules, judged, rows_of
from study.analysis.reading import PhaseReading, by_seed
from study.stats.comparison import CellComparison, summarise
from study.stats.decisions import PlannedContrast
from study.stats.metrics import Metric, check_metric
from study.stats.permutation import sign_flip_p
from study.stats.spread import Spread, moderated
from tracking.costs import COSTS
from tracking.rows import ComparisonRow, TrialRow

_Floats = np.ndarray[tuple[int], np.dtype[np.float64]]


def values_of(reading: PhaseReading, metric: str) -> dict[str, dict[int, float]]:
    """Cell to seed to the value of any metric, a score on the test split or a cost.

    On folds the score is of all of them together, and the cost the mean of their trials.

    Raises:
        InputError: for an unknown metric, or a cost that no finished trial of the phase has.
    """
    known_metric(metric, reading.study_row.label_names)
    if metric in COSTS:
        values = {cell: _values(reading, cell, metric) for cell in reading.cells}
        if not any(values.values()):
            raise InputError(
                f"no finished trial of the {reading.phase.value} phase of "
                f"'{reading.study_row.name}' has '{metric}': expected a cost that was measured"
            )
        return values
    scored = Metric.named(metric, reading.study_row.label_names)
    return {
        cell: dict(zip(sample.seeds, map(float, sample.scores(scored)), strict=True))
        for cell, sample in reading.samples_of(metric).items()
    }


def known_metric(name: str, label_names: Sequence[str]) -> None:
    """Refuse a metric that is neither a score nor a cost, naming the nearest."""
    check_metric(name, label_names, tuple(COSTS))


def cost_rows(
    reading: PhaseReading, metric: str, correction: str | None = None
) -> list[ComparisonRow]:
    """The rows of a table of costs, in the cost's own unit; nothing is stored.

    Intervals are Student's t over the paired differences, with variances moderated across rows, and
    speak of new seeds on the same machine and data. Verdicts call less ``better`` but for
    throughput; nothing is tested for equivalence, since no smallest interesting difference is
    stated for costs. Planned questions are corrected among themselves, all two-sided.

    Args:
        reading: the phase.
        metric: one of :data:`tracking.costs.COSTS`.
        correction: as the study says when left out.

    Returns:
        The reference first, as :func:`study.analysis.comparisons.score_rows` does.

    Raises:
        InputError: for another metric, or one that no finished trial of the phase has.
    """
    if metric not in COSTS:
        raise unknown("cost", metric, COSTS)
    if not reading.cells:
        return []
    values = values_of(reading, metric)
    compared = compare_costs(values, reading.reference)
    flipped = {c: sign_flip_p(_differences(values[c], values[reading.reference])) for c in values}
    own = Rules.of(reading.study_row, correction=correction)
    # Sides and smallest differences of questions are those of scores.
    asked = tuple((parts, PlannedContrast(contrast.name)) for parts, contrast in own.questions)
    rules = Rules(np.nan, own.correction, asked)
    return judged(
        reading,
        rows_of(reading, metric, compared, flipped),
        compared,
        rules,
        more_is_better=COSTS[metric].more_is_better,
    )


def compare_costs(
    cells: Mapping[str, Mapping[int, float]], reference: str
) -> dict[str, CellComparison]:
    """Compare every cell's values with the reference's, paired by seed alone.

    The interval is mean ± t(df) sd / sqrt(S) over the S common seeds, the p-value that of the same
    test; NaN with fewer than two. Costs vary in proportion to their size, so a row's variance is
    divided by mean(cell)^2 + mean(reference)^2 before it is moderated across the rows of the table,
    see :func:`study.stats.moderation.moderate`, and multiplied by that again.

    Args:
        cells: cell to seed to value.
        reference: name of the cell that the others are compared with.
    """
    if reference not in cells:
        raise unknown("cell", reference, cells)
    differences = {name: _differences(values, cells[reference]) for name, values in cells.items()}
    spreads: dict[str, Spread] = {}
    for name, own in differences.items():
        if (pairs := len(own)) > 1:
            spreads[name] = Spread(float(own.var(ddof=1)) / pairs, 0.0, 0.0, pairs, pairs)
    sizes = {name: fmean(cells[name].values()) ** 2 for name in spreads}
    rows = {name: spread for name, spread in spreads.items() if name != reference}
    scales = {name: (sizes[name] + sizes[reference]) or 1.0 for name in rows}
    spreads |= moderated(rows, scales)
    return {
        name: summarise(
            np.fromiter(cells[name].values(), np.float64), own, spreads.get(name), np.nan
        )
        for name, own in differences.items()
    }


def _values(reading: PhaseReading, cell: str, metric: str) -> dict[int, float]:
    values: dict[int, float] = {}
    for seed, trials in by_seed(reading.cells[cell]).items():
        known = [_cost(trial, metric) for trial in trials]
        measured = [float(value) for value in known if value is not None]
        if len(measured) == len(trials):
            values[seed] = fmean(measured)
    return values


def _cost(trial: TrialRow, metric: str) -> float | None:
    measured: float | None = getattr(trial, metric, None)
    if measured is None and metric == "seconds_per_epoch" and trial.seconds is not None:
        return trial.seconds / trial.epochs_run if trial.epochs_run else None
    return measured


def _differences(values: Mapping[int, float], base: Mapping[int, float]) -> _Floats:
    return np.array([values[s] - base[s] for s in sorted(set(values) & set(base))], np.float64)
