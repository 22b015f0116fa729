"""The critical-difference diagram: average ranks, and bars over methods that do not differ."""

from pathlib import Path
from textwrap import fill

import pandas as pd
import scikit_posthocs
from matplotlib.figure import Figure

from sslcl.files import whole_file
from study.reporting.figures.svg import BETTER, INK, MUTED
from study.stats.ranks import Ranking
from study.stats.verdicts import SIGNIFICANCE

_WIDTH, _LINE = 7.2, 0.24
"""Inches: of the picture and of a line of it."""


def save_rank_diagram(ranking: Ranking, path: Path, title: str = "") -> None:
    """Draw average ranks, the best at the left, and bars over what does not differ, into a PNG.

    The length of the critical difference stands above the axis.
    """
    count = len(ranking.methods)
    height = _LINE * (len(ranking.groups) + (count + 1) // 2 + 6)
    figure = Figure(figsize=(_WIDTH, height), dpi=200, facecolor="white")
    axes = figure.add_axes((0.24, 0.03, 0.52, 0.72))
    axes.set_xlim(1, count)
    axes.set_xticks(range(1, count + 1))
    text = {"size": 9, "parse_math": False}
    scikit_posthocs.critical_difference_diagram(
        dict(zip(ranking.methods, ranking.average_ranks, strict=True)),
        _significance(ranking),
        alpha=SIGNIFICANCE,
        ax=axes,
        label_fmt_left="{label}  {rank:.2f} ",
        label_fmt_right=" {rank:.2f}  {label}",
        label_props=text,
        elbow_props={"color": INK, "linewidth": 0.9},
        marker_props={"s": 12},
        crossbar_props={"color": MUTED, "linewidth": 4},
        text_h_margin=0.04 * count,
    )
    length = min(ranking.critical_difference, count - 1)
    axes.plot([1, 1 + length], [1.3, 1.3], color=BETTER, linewidth=2)
    axes.text(1 + length / 2, 1.45, "critical difference", size=7, color=BETTER, ha="center")
    axes.set_ylim(top=2)
    words = fill(ranking.words, 120)
    heading = f"{title}\n{words}" if title else words
    figure.text(0.012, 0.97, heading, size=7, color=INK, va="top", parse_math=False)
    with whole_file(path) as file:
        figure.savefig(file, format="png")


def _significance(ranking: Ranking) -> pd.DataFrame:
    """p-values of all pairs, 1 throughout where Friedman's test finds no difference."""
    matrix = pd.DataFrame(1.0, index=ranking.methods, columns=ranking.methods)
    if ranking.differ:
        for (better, worse), p_value in ranking.p_values.items():
            matrix.loc[better, worse] = matrix.loc[worse, better] = p_value
    return matrix
