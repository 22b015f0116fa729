"""Matrices in colour with their numbers, above all the confusion matrix."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Matrix = NDArray[np.float64]
_LETTER = 0.075
"""Width of a letter in inches."""
_MOST_COUNTED = 12
"""Classes up to which a matrix has room for the counts beside the shares."""


@dataclass(frozen=True)
class Heatmap:
    """A matrix to draw, each entry as a coloured rectangle with its text.

    Args:
        values: ``(R, C)``; they choose the colours.
        rows, columns: names, ``R`` and ``C``.
        text: row and column index to the text of an entry.
        palette: name of a matplotlib colour map.
        limits: the values at its two ends.
        size: width and height of an entry in inches.
    """

    values: Matrix
    rows: Sequence[str]
    columns: Sequence[str]
    text: Callable[[int, int], str]
    palette: str
    limits: tuple[float, float]
    size: tuple[float, float] = (0.62, 0.46)

    def figure(self) -> "Figure":
        """The drawing; it belongs to no pyplot state, so threads may draw it."""
        import matplotlib as mpl
        from matplotlib.colors import Normalize
        from matplotlib.figure import Figure

        # Margins set by hand: a layout engine would double the time, and a study draws hundreds.
        left = 0.2 + _LETTER * min(40, max(map(len, self.rows)))
        head = 0.3 + 0.72 * _LETTER * min(30, max(map(len, self.columns)))
        wide, high = self.size[0] * len(self.columns), self.size[1] * len(self.rows)
        width, height = left + wide + max(0.3, head - 0.25), head + high + 0.1
        figure = Figure(figsize=(width, height))
        axes = figure.add_axes((left / width, 0.05 / height, wide / width, high / height))
        colours, scale = mpl.colormaps[self.palette], Normalize(*self.limits)
        shades = colours(scale(self.values))
        # Rectangles rather than an image: sharp at any size, and nothing is embedded.
        axes.pcolormesh(self.values, cmap=colours, norm=scale, edgecolors="none")
        axes.set_ylim(len(self.rows), 0)
        axes.set_yticks(np.arange(len(self.rows)) + 0.5, self.rows, parse_math=False)
        places = np.arange(len(self.columns)) + 0.5
        axes.set_xticks(places, self.columns, rotation=45, ha="left", parse_math=False)
        axes.xaxis.tick_top()
        axes.tick_params(length=0)
        axes.tick_params(axis="x", pad=2)
        for spine in axes.spines.values():
            spine.set_visible(False)
        for row, column in np.ndindex(*self.values.shape):
            axes.text(
                *(column + 0.5, row + 0.5, self.text(row, column)),
                ha="center",
                va="center",
                color=readable_on(shades[row, column]),
                size=8.5,
            )
        return figure


def confusion_heatmap(counts: NDArray[np.int64], label_names: Sequence[str]) -> Heatmap:
    """The confusion matrix: shares of the true class in per cent, with counts where there is room.

    Args:
        counts: ``(C, C)`` utterances, row = true class, column = predicted class.
        label_names: of the ``C`` classes.
    """
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    counted = len(label_names) <= _MOST_COUNTED

    def text(row: int, column: int) -> str:
        share = f"{100 * shares[row, column]:.0f}"
        if not counted or not counts[row, column]:
            return share
        return f"{share} %\n{counts[row, column]:,}"

    return Heatmap(shares, label_names, label_names, text, "Blues", (0.0, 1.0))


def readable_on(shade: Sequence[float] | Matrix) -> str:
    """Black or white, whichever has the greater contrast with an sRGB colour in [0, 1].

    Source: relative luminance and contrast ratio as in WCAG 2.2, which are equal for both at 0.179.
    """
    parts = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in shade[:3]]
    light = 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]
    return "#000000" if light > 0.179 else "#ffffff"
