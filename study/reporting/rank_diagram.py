"""The critical-difference diagram: average ranks on a line, and who cannot be told apart."""

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from study.reporting.forest_plot import BETTER, INK, UNCLEAR
from study.stats.ranks import Ranking

_WIDTH, _LINE = 7.2, 0.24
"""Inches: of the picture and of a line of it."""
_SIZE = 9
_BAR = 0.45
"""Lines between two bars of methods that cannot be told apart."""


def rank_diagram(ranking: Ranking, path: Path, title: str = "") -> None:
    """Draw average ranks, the best at the left, and bars over what cannot be told apart; a PNG.

    The length of the critical difference stands above the axis where Nemenyi's test was used.
    """
    count = len(ranking.methods)
    left = (count + 1) // 2
    bars = _BAR * len(ranking.groups)
    depth = bars + left + 0.8
    figure = Figure(figsize=(_WIDTH, _LINE * (depth + 5.0)), dpi=200, facecolor="white")
    axes = figure.add_axes((0.24, 0.0, 0.52, 1.0))
    axes.set_axis_off()
    axes.set_xlim(1, count)
    axes.set_ylim(depth, -5.0)
    _axis(axes, count)
    if ranking.post_hoc == "nemenyi":
        _difference(axes, min(ranking.critical_difference, count - 1))
    for place, group in enumerate(ranking.groups):
        ends = [
            ranking.average_ranks[ranking.methods.index(name)] for name in (group[0], group[-1])
        ]
        y = _BAR * (place + 1)
        reach = [ends[0] - 0.03, ends[1] + 0.03]
        axes.plot(reach, [y, y], color=UNCLEAR, linewidth=4, solid_capstyle="round", clip_on=False)
    for place, (name, rank) in enumerate(zip(ranking.methods, ranking.average_ranks, strict=True)):
        at_left = place < left
        y = bars + 0.8 + (place if at_left else count - 1 - place)
        _method(axes, name, rank, y, end=1 if at_left else count, at_left=at_left)
    heading = f"{title}\n{ranking.words}" if title else ranking.words
    figure.text(0.012, 1 - 0.06, heading, size=7, color=INK, va="top", wrap=True, parse_math=False)
    figure.savefig(path)


def _axis(axes: Axes, count: int) -> None:
    axes.plot([1, count], [0, 0], color=INK, linewidth=1.2, clip_on=False)
    for rank in range(1, count + 1):
        axes.plot([rank, rank], [0, -0.3], color=INK, linewidth=1.2, clip_on=False)
        axes.text(rank, -0.5, str(rank), size=_SIZE, color=INK, ha="center", va="bottom")


def _difference(axes: Axes, length: float) -> None:
    axes.plot([1, 1 + length], [-2.1, -2.1], color=BETTER, linewidth=2, clip_on=False)
    axes.text(
        1 + length / 2, -2.3, "critical difference", size=7, color=BETTER, ha="center", va="bottom"
    )


def _method(axes: Axes, name: str, rank: float, y: float, *, end: float, at_left: bool) -> None:
    axes.plot([rank, rank, end], [0, y, y], color=INK, linewidth=0.9, clip_on=False, zorder=1)
    text = f"{name}  {rank:.2f}" if at_left else f"{rank:.2f}  {name}"
    axes.annotate(
        text,
        (end, y),
        xytext=(-4 if at_left else 4, 0),
        textcoords="offset points",
        size=_SIZE,
        color=INK,
        ha="right" if at_left else "left",
        va="center",
        parse_math=False,
        annotation_clip=False,
    )
