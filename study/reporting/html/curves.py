"""Learning curves: validation F1 by epoch, each cell beside the reference."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from sslcl.learning.score_names import score_words, validation_metric
from study.analysis.reading import PhaseReading
from study.reporting.figures.svg import EQUAL, MUTED, Picture, picture, styled
from study.reporting.html.elements import PageSection
from study.stats.names import metric_of
from tracking.ledger import Ledger
from tracking.rows import TrialRow

MOST_CURVES = 24
MOST_SEEDS = 10
_SIZE = (3.3, 2.1)


@dataclass(frozen=True)
class Curve:
    """Scores in [0, 1] by epoch, over the seeds that reached it."""

    epochs: tuple[int, ...]
    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


def curves_section(ledger: Ledger, reading: PhaseReading) -> PageSection:
    """One panel for each of the first cells."""
    title = "Learning curves"
    others = [cell for cell in reading.cells if cell != reading.reference]
    shown = others[: MOST_CURVES - 1]
    curves = {
        cell: curve
        for cell in (reading.reference, *shown)
        if (curve := curve_of(ledger, reading.cells[cell])).epochs
    }
    if reading.reference not in curves:
        return PageSection("curves", title, ["No epochs of the reference are recorded."])
    score = f"Validation {score_words(metric_of(reading.study_row.spec))}"
    words = [
        f"{score} by epoch. The solid line is the mean over seeds of the named "
        "configuration, the band its range; dashed: the reference."
    ]
    left = len(others) - len(shown)
    notes = [f"{left} more configurations are not drawn."] if left else []
    if any(len(trials) > MOST_SEEDS for trials in reading.cells.values()):
        notes.append(f"The first {MOST_SEEDS} seeds of each configuration are drawn.")
    named = [cell for cell in curves if cell != reading.reference] or [reading.reference]
    return PageSection(
        "curves", title, words, _panels(curves, named, reading.reference, score), notes=notes
    )


def curve_of(ledger: Ledger, trials: Sequence[TrialRow]) -> Curve:
    """Mean and range of the validation score of some trials."""
    values: dict[int, list[float]] = defaultdict(list)
    for trial in trials[:MOST_SEEDS]:
        for item in ledger.epoch_metrics(trial.id):
            if (
                item.metric == validation_metric(trial.config.criterion)
                and item.value == item.value
            ):
                values[item.epoch].append(item.value)
    epochs = sorted(values)
    return Curve(
        tuple(epochs),
        tuple(fmean(values[e]) for e in epochs),
        tuple(min(values[e]) for e in epochs),
        tuple(max(values[e]) for e in epochs),
    )


def _panels(
    curves: Mapping[str, Curve], named: Sequence[str], reference: str, score: str
) -> list[Picture]:
    lowest = 100 * min(min(curve.low) for curve in curves.values())
    highest = 100 * max(max(curve.high) for curve in curves.values())
    room = 0.05 * (highest - lowest) + 0.5
    panels = []
    for place, cell in enumerate(named):
        with styled():
            figure = Figure(figsize=_SIZE)
            axes = figure.add_axes((0.13, 0.2, 0.84, 0.75))
            axes.set_ylim(lowest - room, highest + room)
            axes.grid(axis="y", linewidth=0.8)
            axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
            axes.set_xlabel("epoch")
            _line(axes, curves[reference], MUTED, "--", 0.18)
            if cell != reference:
                _line(axes, curves[cell], EQUAL, "-", 0.22)
        curve = curves[cell]
        description = (
            f"{score} of {cell}: {100 * curve.mean[0]:.1f} after epoch "
            f"{curve.epochs[0]}, {100 * curve.mean[-1]:.1f} after epoch {curve.epochs[-1]}"
        )
        panels.append(picture(figure, f"curve-{place}", description, cell, small=True))
    return panels


def _line(axes: Axes, curve: Curve, color: str, style: str, shade: float) -> None:
    percent = [[100 * v for v in values] for values in (curve.mean, curve.low, curve.high)]
    axes.fill_between(curve.epochs, percent[1], percent[2], color=color, alpha=shade, linewidth=0)
    marker = "o" if len(curve.epochs) == 1 else ""
    axes.plot(curve.epochs, percent[0], style, color=color, linewidth=1.6, marker=marker)
