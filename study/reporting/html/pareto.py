"""Score against cost: which configurations no other one beats in both."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, ScalarFormatter

from study.reporting.comparison_table import ComparisonTable
from study.reporting.figures.svg import BETTER, INK, MUTED, SURFACE, Picture, picture, styled
from study.reporting.html.elements import PageSection, plain_table
from study.reporting.units import metric_title, percent
from tracking.rows import ComparisonRow

_SIZE = (6.6, 3.6)
_WIDE = 8.0
"""Ratio of the dearest to the cheapest from which costs stand on a logarithmic scale."""


def front(rows: Sequence[ComparisonRow]) -> list[ComparisonRow]:
    """The rows for which no other is as cheap and as good, and better in one; cheapest first."""
    best: list[ComparisonRow] = []
    for row in sorted(rows, key=lambda r: (r.seconds or 0.0, -(r.mean or 0.0), r.cell)):
        if not best or (row.mean or 0.0) > (best[-1].mean or 0.0):
            best.append(row)
    return best


def pareto_section(table: ComparisonTable) -> PageSection:
    """Mean score on the test split against mean seconds of training a trial."""
    title = "Score against cost"
    rows = [row for row in table.rows if row.mean is not None and row.seconds]
    if len(rows) < 2:
        return PageSection(
            "cost", title, ["Fewer than two configurations have both score and cost."]
        )
    best = front(rows)
    score = metric_title(table.metric)
    front_table = plain_table(
        "Pareto front, the cheapest first",
        ("No.", "Configuration", "s/trial", f"{score}, %"),
        (
            (str(place), row.cell, f"{row.seconds:.1f}", percent(row.mean))
            for place, row in enumerate(best, start=1)
        ),
        words=("Configuration",),
    )
    words = [
        f"{len(best)} of {len(rows)} configurations are on the Pareto front: no other one trains "
        "as fast and scores as high. Means only; the verdicts say whether scores differ."
    ]
    return PageSection("cost", title, words, [_drawn(rows, best, score)], [front_table])


def _drawn(rows: Sequence[ComparisonRow], best: Sequence[ComparisonRow], score: str) -> Picture:
    with styled():
        figure = Figure(figsize=_SIZE)
        axes = figure.add_axes((0.1, 0.15, 0.87, 0.8))
        axes.grid(linewidth=0.8)
        axes.set_axisbelow(True)
        axes.margins(0.08)
        axes.set_xlabel("seconds of training per trial (mean)")
        axes.set_ylabel(f"{score}, %")
        _scale(axes, [row.seconds or 0.0 for row in rows])
        steps = [_place(row) for row in best]
        axes.step(*zip(*steps, strict=True), where="post", color=BETTER, linewidth=1.2)
        others = [_place(row) for row in rows if row not in best and not row.is_reference]
        for x, y in others:
            axes.plot(x, y, "o", markersize=6, markerfacecolor=SURFACE, markeredgecolor=MUTED)
        for number, (x, y) in enumerate(steps, start=1):
            axes.plot(x, y, "D", markersize=7, color=BETTER, zorder=3)
            axes.annotate(
                str(number), (x, y), (-7, 6), textcoords="offset points", weight="bold", ha="right"
            )
        for x, y in (_place(row) for row in rows if row.is_reference):
            axes.plot(x, y, "o", markersize=13, fillstyle="none", color=INK, zorder=2)
    caption = (
        "Diamonds, numbered as in the table below, are on the Pareto front; hollow marks are not. "
        "The large circle is the reference."
    )
    description = "Score against seconds per trial; on the Pareto front: " + ", ".join(
        row.cell for row in best
    )
    return picture(figure, "pareto", description, caption)


def _scale(axes: Axes, seconds: Sequence[float]) -> None:
    if max(seconds) / min(seconds) >= _WIDE:
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(ScalarFormatter())
        axes.xaxis.set_minor_formatter(NullFormatter())


def _place(row: ComparisonRow) -> tuple[float, float]:
    return row.seconds or 0.0, 100 * (row.mean or 0.0)
