"""The forest plot: every difference with its interval and verdict, by factor."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import blended_transform_factory

from study.reporting.comparison_table import Table, metric_title, percent
from study.reporting.html.elements import Picture
from study.reporting.html.svg import (
    BETTER,
    EQUAL,
    INK,
    LINE,
    MUTED,
    SURFACE,
    UNCLEAR,
    WORSE,
    picture,
    styled,
)
from tracking.rows import ComparisonRow

MOST_ROWS = 80
MARKS: dict[str | None, tuple[str, str, bool]] = {
    "better": ("^", BETTER, True),
    "worse": ("v", WORSE, True),
    "equivalent": ("s", EQUAL, True),
    "not shown": ("o", UNCLEAR, False),
}
"""Marker, colour and whether it is filled, by verdict."""
_WIDTH, _ROW, _HEAD, _FOOT = 7.4, 0.24, 0.1, 0.75
_LETTER = 0.068
"""Inches: of the picture, of a line, above and below the lines, and of a letter."""


@dataclass(frozen=True)
class _Line:
    place: float
    words: str
    row: ComparisonRow | None = None


def forest_picture(table: Table) -> Picture | None:
    """Differences to the reference in percent points; none where no row has one."""
    lines = list(_lines(table))
    if not any(line.row for line in lines):
        return None
    last = lines[-1].place
    left = min(2.7, 0.25 + _LETTER * max(len(line.words) for line in lines))
    height = _HEAD + _ROW * (last + 1) + _FOOT
    with styled():
        figure = Figure(figsize=(_WIDTH, height))
        area = (left / _WIDTH, _FOOT / height, 1 - (left + 1.05) / _WIDTH, _ROW * (last + 1))
        axes = figure.add_axes((*area[:3], area[3] / height))
        _prepare(axes, table, last)
        for line in lines:
            _write(axes, 0.02, line, line.words, weight="normal" if line.row else "bold")
            if line.row is not None:
                _draw(axes, line, line.row)
    marks = "▲ better, ▼ worse, ■ equivalent, ○ not shown"
    caption = (
        f"{metric_title(table.metric)}: difference to the reference (vertical line) with its 95 % "
        f"interval. {marks}. The band is the smallest difference of interest."
    )
    return picture(figure, f"forest-{table.label}", _in_words(lines), caption)


def _lines(table: Table) -> Iterator[_Line]:
    place, shown = 0.0, 0
    for factor, rows in table.groups():
        known = [r for r in rows if not r.is_reference and r.difference is not None]
        known = known[: max(0, MOST_ROWS - shown)]
        if not known:
            continue
        level = table.reference_levels.get(factor)
        yield _Line(place, factor if level is None else f"{factor} ({level})")
        for step, row in enumerate(known, start=1):
            yield _Line(place + step, row.level, row)
        place, shown = place + len(known) + 1.3, shown + len(known)


def _in_words(lines: list[_Line]) -> str:
    found = [
        f"{line.row.cell} {percent(line.row.difference, signed=True)} ({line.row.verdict})"
        for line in lines
        if line.row
    ]
    return "Forest plot of differences in percent points: " + "; ".join(found)


def _prepare(axes: Axes, table: Table, last: float) -> None:
    axes.set_ylim(last + 0.6, -0.6)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x", linewidth=0.8)
    axes.set_axisbelow(True)
    margins = {r.smallest_difference for r in table.rows if r.smallest_difference is not None}
    for margin in margins:
        axes.axvspan(-100 * margin, 100 * margin, color=LINE, alpha=0.7, linewidth=0, zorder=0)
    axes.axvline(0, color=INK, linewidth=1.0, zorder=1)
    axes.set_xlabel("difference to the reference, percent points")
    axes.margins(x=0.06)


def _draw(axes: Axes, line: _Line, row: ComparisonRow) -> None:
    marker, color, filled = MARKS.get(row.verdict, ("x", MUTED, True))
    if row.ci_low is not None and row.ci_high is not None:
        ends = [100 * row.ci_low, 100 * row.ci_high]
        axes.plot(ends, [line.place] * 2, color=color, linewidth=1.8, solid_capstyle="round")
    axes.plot(
        [100 * (row.difference or 0.0)],
        [line.place],
        marker=marker,
        markersize=7,
        markerfacecolor=color if filled else SURFACE,
        markeredgecolor=color,
        markeredgewidth=1.5,
        zorder=3,
    )
    _write(axes, 1 - 0.98 / _WIDTH, line, row.verdict or "not tested", color=color)


def _write(axes: Axes, x: float, line: _Line, words: str, **look: Any) -> None:
    """Text at ``x`` in widths of the picture."""
    across = blended_transform_factory(axes.figure.transFigure, axes.transData)
    indent = 0.012 if line.row and x < 0.5 else 0.0
    axes.text(x + indent, line.place, words, transform=across, va="center", **look)
