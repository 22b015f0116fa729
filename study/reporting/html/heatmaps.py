"""Matrices in colour with their numbers: confusions, gains of the classes, label similarity."""

from collections.abc import Sequence
from itertools import combinations
from statistics import fmean

import numpy as np

from sslcl.diagnostics import cosine_name
from study.analysis.class_scores import f1_gains
from study.analysis.reading import PhaseReading
from study.reporting.class_table import class_table
from study.reporting.figures.svg import Picture, picture, styled
from study.reporting.html.elements import PageSection
from study.reporting.phrases import plural
from study.reporting.units import decimal
from tracking.heatmap import Heatmap, confusion_heatmap
from tracking.ledger import Ledger

MOST_CELLS = 60


def confusion_section(reading: PhaseReading) -> PageSection:
    """Predictions of the reference on the test split, over all its seeds."""
    names, sample = reading.study_row.label_names, reading.samples[reading.reference]
    drawing = confusion_heatmap(sample.confusion.sum((0, 1)), names)
    right = (f"{n}: {100 * drawing.values[i, i]:.0f} % right" for i, n in enumerate(names))
    shown = _drawn(
        drawing,
        "confusion",
        f"Confusion matrix of the reference: {'; '.join(right)}",
        "Rows are the true classes, columns the predicted ones; the share is of the row, in per "
        "cent, and a count below it is of utterances over all seeds.",
    )
    seeds = plural(len(sample.seeds), "seed")
    words = [f"What the reference predicted on the test split, {seeds} together."]
    return PageSection("confusion", "Confusion matrix", words, [shown], [class_table(reading)])


def gains_section(reading: PhaseReading, cells: Sequence[str]) -> PageSection:
    """F1 of each class in each cell against the reference."""
    title = "Gains by class"
    gains = {cell: gain for cell in cells if (gain := f1_gains(reading, cell)) is not None}
    if not gains:
        nothing = "There is no configuration to compare the reference with."
        return PageSection("gains", title, [nothing])
    shown = dict(list(gains.items())[:MOST_CELLS])
    matrix = 100 * np.array(list(shown.values()))
    limit = max(1.0, float(np.abs(matrix).max()))
    drawing = Heatmap(
        matrix,
        list(shown),
        reading.study_row.label_names,
        lambda row, column: decimal(matrix[row, column], 1, signed=True),
        "RdBu",
        (-limit, limit),
        size=(0.62, 0.27),
    )
    drawn = _drawn(
        drawing,
        "gains",
        "Gain in F1 of each class over the reference, in percent points",
        "F1 of each class - the reference's, percent points, mean over the common seeds; red is "
        "worse, blue is better.",
    )
    left = len(gains) - len(shown)
    notes = [f"{left} more configurations are not drawn."] if left else []
    words = ["Single numbers here are not tested: they show where a difference comes from."]
    return PageSection("gains", title, words, [drawn], notes=notes)


def similarity_section(ledger: Ledger, reading: PhaseReading) -> PageSection:
    """Cosines between the label embeddings of the reference."""
    title, names = "Similarity of the label embeddings", reading.study_row.label_names
    trials = reading.cells[reading.reference]
    measured = [{d.name: d.value for d in ledger.diagnostics(t.id)} for t in trials]
    matrix = np.eye(len(names))
    for i, j in combinations(range(len(names)), 2):
        values = [m[n] for m in measured if (n := cosine_name(names[i], names[j])) in m]
        if not values:
            why = "The reference has no label embeddings, or their cosines were not measured."
            return PageSection("labels", title, [why])
        matrix[i, j] = matrix[j, i] = fmean(values)
    drawing = Heatmap(
        matrix,
        names,
        names,
        lambda row, column: decimal(matrix[row, column], 2),
        "RdBu",
        (-1.0, 1.0),
        size=(0.6, 0.42),
    )
    drawn = _drawn(
        drawing,
        "labels",
        "Cosines between label embeddings of the reference",
        f"Cosine at the chosen epoch, mean over {plural(len(trials), 'trial')} of the reference: 1 "
        "is the same direction, 0 is none in common, −1 is opposite.",
    )
    return PageSection("labels", title, [], [drawn])


def _drawn(drawing: Heatmap, name: str, title: str, caption: str) -> Picture:
    with styled():
        return picture(drawing.figure(), name, title, caption)
