"""Matrices in colour with their numbers: confusions, gains of the classes, label similarity."""

from collections.abc import Callable, Sequence
from itertools import combinations
from statistics import fmean

import matplotlib
import numpy as np
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from sslcl.diagnostics import cosine_name
from study.analysis.comparisons import PhaseReading
from study.reporting.comparison_table import percent
from study.reporting.html.elements import Grid, Picture, Section
from study.reporting.html.svg import picture, styled
from study.stats.metrics import Metric
from tracking.ledger import Ledger

MOST_CELLS = 60
_MOST_COUNTED = 12
"""Classes up to which a matrix has room for the counts beside the shares."""
_LETTER = 0.075
Matrix = NDArray[np.float64]


def confusion_section(reading: PhaseReading) -> Section:
    """Predictions of the reference on the test split, over all its seeds."""
    names = reading.study.label_names
    sample = reading.samples[reading.reference]
    counts = sample.confusion.sum((0, 1))
    support = counts.sum(1)
    shares = counts / np.maximum(support[:, None], 1)
    counted = len(names) <= _MOST_COUNTED

    def words(i: int, j: int) -> str:
        share = f"{100 * shares[i, j]:.0f}"
        return f"{share} %\n{counts[i, j]:,}" if counted and counts[i, j] else share

    seeds = len(sample.seeds)
    told = f"{seeds} seed{'s' if seeds > 1 else ''}"
    drawn = _heat(
        shares, names, names, words, "confusion", "Blues", (0.0, 1.0), size=(0.62, 0.46),
        title="Confusion matrix of the reference: "
        + "; ".join(f"{n}: {100 * shares[i, i]:.0f} % right" for i, n in enumerate(names)),
        caption="Rows are the true classes, columns the predicted ones; the share is of the row"
        + (", the count below it of utterances over all seeds." if counted else ", in percent."),
    )  # fmt: skip
    words_ = [f"What the reference predicted on the test split, {told} together."]
    return Section("confusion", "Confusion matrix", words_, [drawn], [_by_class(reading, counts)])


def _by_class(reading: PhaseReading, counts: NDArray[np.int64]) -> Grid:
    hits, seeds = np.diag(counts), len(reading.samples[reading.reference].seeds)
    precision = hits / np.maximum(counts.sum(0), 1)
    recall = hits / np.maximum(counts.sum(1), 1)
    f1 = class_f1(reading, reading.reference).mean(0)
    rows = tuple(
        (name, f"{counts[i].sum() // seeds:,}", *map(percent, (precision[i], recall[i], f1[i])))
        for i, name in enumerate(reading.study.label_names)
    )
    heading = ("Class", "Utterances", "Precision, %", "Recall, %", "F1, %")
    return Grid("The reference by class; F1 is the mean over seeds", heading, rows)


def class_f1(reading: PhaseReading, cell: str) -> Matrix:
    """``(seeds, classes)`` F1 on the test split."""
    names, sample = reading.study.label_names, reading.samples[cell]
    scores = [sample.scores(Metric.named(f"f1:{name}", names)) for name in names]
    return np.stack(scores, axis=1)


def class_gains(reading: PhaseReading, cell: str) -> Matrix | None:
    """``(classes,)`` mean F1 - the reference's over their common seeds; ``None`` without any."""
    own, base = reading.samples[cell].seeds, reading.samples[reading.reference].seeds
    common = sorted(set(own) & set(base))
    if not common:
        return None
    mine = class_f1(reading, cell)[[own.index(seed) for seed in common]]
    theirs = class_f1(reading, reading.reference)[[base.index(seed) for seed in common]]
    gains: Matrix = (mine - theirs).mean(0)
    return gains


def gains_section(reading: PhaseReading, cells: Sequence[str]) -> Section:
    """F1 of each class in each cell against the reference."""
    title = "Gains by class"
    found = {cell: g for cell in cells if (g := class_gains(reading, cell)) is not None}
    if not found:
        return Section("gains", title, ["There is no configuration to compare the reference with."])
    shown = dict(list(found.items())[:MOST_CELLS])
    matrix = 100 * np.array(list(shown.values()))
    limit = max(1.0, float(np.abs(matrix).max()))
    drawn = _heat(
        matrix, list(shown), reading.study.label_names,
        lambda i, j: _signed(matrix[i, j]),
        "gains", "RdBu", (-limit, limit), size=(0.62, 0.27),
        title="Gain in F1 of each class over the reference, in percent points",
        caption="F1 of each class - the reference's, percent points, mean over the common seeds; "
        "red is worse, blue is better.",
    )  # fmt: skip
    left = len(found) - len(shown)
    notes = [f"{left} more configurations are not drawn."] if left else []
    words = ["Single numbers here are not tested: they show where a difference comes from."]
    return Section("gains", title, words, [drawn], notes=notes)


def _signed(value: float) -> str:
    shown = f"{value:+.1f}".replace("-", "−")
    return "0.0" if shown[1:] == "0.0" else shown


def similarity_section(ledger: Ledger, reading: PhaseReading) -> Section:
    """Cosines between the label embeddings of the reference."""
    title, names = "Similarity of the label embeddings", reading.study.label_names
    trials = reading.cells[reading.reference]
    measured = [{d.name: d.value for d in ledger.diagnostics(t.id)} for t in trials]
    matrix = np.eye(len(names))
    for i, j in combinations(range(len(names)), 2):
        values = [m[n] for m in measured if (n := cosine_name(names[i], names[j])) in m]
        if not values:
            why = "The reference has no label embeddings, or their cosines were not measured."
            return Section("labels", title, [why])
        matrix[i, j] = matrix[j, i] = fmean(values)
    drawn = _heat(
        matrix, names, names, lambda i, j: f"{matrix[i, j]:.2f}".replace("-", "−"),
        "labels", "RdBu", (-1.0, 1.0), size=(0.6, 0.42),
        title="Cosines between label embeddings of the reference",
        caption=f"Cosine at the chosen epoch, mean over {len(trials)} trials of the reference: 1 "
        "is the same direction, 0 is none in common, −1 is opposite.",
    )  # fmt: skip
    return Section("labels", title, [], [drawn])


def _heat(
    matrix: Matrix,
    rows: Sequence[str],
    columns: Sequence[str],
    words: Callable[[int, int], str],
    name: str,
    palette: str,
    limits: tuple[float, float],
    *,
    size: tuple[float, float],
    title: str,
    caption: str,
) -> Picture:
    """A matrix in colour; ``size`` is the width and height of one entry in inches."""
    left = 0.2 + _LETTER * min(40, max(map(len, rows)))
    head = 0.3 + 0.72 * _LETTER * min(30, max(map(len, columns)))
    wide, high = size[0] * len(columns), size[1] * len(rows)
    width, height = left + wide + max(0.3, head - 0.25), head + high + 0.1
    scale, colors = Normalize(*limits), matplotlib.colormaps[palette]
    with styled():
        figure = Figure(figsize=(width, height))
        axes = figure.add_axes((left / width, 0.05 / height, wide / width, high / height))
        shades = colors(scale(matrix))
        # Squares rather than an image: sharp at any size, and nothing is embedded.
        axes.pcolormesh(matrix, cmap=colors, norm=scale, edgecolors="none")
        axes.set_ylim(len(rows), 0)
        axes.set_yticks(np.arange(len(rows)) + 0.5, rows)
        axes.set_xticks(np.arange(len(columns)) + 0.5, columns, rotation=45, ha="left")
        axes.xaxis.tick_top()
        axes.tick_params(length=0)
        axes.tick_params(axis="x", pad=2)
        for spine in axes.spines.values():
            spine.set_visible(False)
        for i, j in np.ndindex(*matrix.shape):
            color = readable_on(shades[i, j])
            place = (j + 0.5, i + 0.5)
            axes.text(*place, words(i, j), ha="center", va="center", color=color, size=8.5)
    return picture(figure, name, title, caption)


def readable_on(shade: Sequence[float] | Matrix) -> str:
    """Black or white, whichever has the greater contrast with an sRGB colour in [0, 1].

    Source: relative luminance and contrast ratio as in WCAG 2.2, which are equal for both at 0.179.
    """
    parts = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in shade[:3]]
    light = 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]
    return "#000000" if light > 0.179 else "#ffffff"
