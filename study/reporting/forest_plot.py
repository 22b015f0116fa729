"""The forest plot: every difference with its interval, in one picture."""

from dataclasses import dataclass
from pathlib import Path
from textwrap import fill
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import blended_transform_factory

from study.reporting.comparison_table import (
    SIGNIFICANCE,
    Table,
    interval,
    is_significant,
    p_heading,
    p_text,
)
from study.reporting.units import Unit
from tracking.rows import ComparisonRow

Style = dict[str, Any]
BETTER, WORSE, UNCLEAR, INK, FAINT = "#1b7f5c", "#b3402a", "#7d8794", "#1f2933", "#e4e8ec"
EQUIVALENT = "#2f6fb0"
COLOURS = {"better": BETTER, "worse": WORSE, "equivalent": EQUIVALENT}
"""Of verdicts; what is not shown is grey."""
_WIDTH, _HEAD, _ROW = 9.2, 0.62, 0.25
"""Inches: of the picture, above the first line, and of a line."""
_GAP = 0.35
"""Lines between two factors."""
_MARGIN, _LEVEL_X, _RIGHT = 0.012, 0.026, 0.575
_DIFFERENCE_X, _INTERVAL_X, _P_X, _VERDICT_X = 0.662, 0.806, 0.888, 0.988
"""Left end of factors and of levels, right end of the plotting area and of the numbers, all in
widths of the picture."""
_LETTER = 0.0077
"""Width of a letter in widths of the picture, rounded up."""
_SIZE = 8.2


def forest_plot(table: Table, path: Path) -> None:
    """Draw the differences of ``table`` to the reference, grouped by factor, into a PNG.

    Filled marks are significant after correction; colours repeat the verdicts in words; the
    vertical line is the reference and the band around it the smallest interesting difference.
    """
    lines = _lines(table)
    last = lines[-1].place if lines else 0.0
    sure = f"Filled marks: corrected p < {SIGNIFICANCE}."
    if _margin(table) is not None:
        sure += " Band: differences too small to be of interest."
    note = "\n".join(fill(line, 180) for line in (f"{table.caption} {sure}", *table.notes))
    foot = 0.66 + 0.125 * (note.count("\n") + 1)
    height = _HEAD + _ROW * (last + 1) + foot
    figure = Figure(figsize=(_WIDTH, height), dpi=200, facecolor="white")
    left = _left(lines)
    area = (left, foot / height, _RIGHT - left, 1 - (foot + _HEAD) / height)
    axes = figure.add_axes(area)
    _prepare(axes, table, last)
    for line in lines:
        if line.row is None:
            name = _write(axes, _MARGIN, line.place, line.factor, weight="bold")
            axes.annotate(
                line.level,
                (1, 0),
                xycoords=name,
                va="bottom",
                size=_SIZE,
                color=UNCLEAR,
                parse_math=False,
            )
        else:
            _draw(axes, line.place, line.row, table.unit)
    headings = {
        _DIFFERENCE_X: "difference",
        _INTERVAL_X: "95 % CI",
        _P_X: p_heading(table.rows),
        _VERDICT_X: "verdict",
    }
    for x, heading in headings.items():
        _write(axes, x, -1.0, heading, color=UNCLEAR, ha="right")
    title: Style = {
        "parse_math": False,
        "size": 11.5,
        "weight": "bold",
        "color": INK,
        "va": "center",
    }
    figure.text(_MARGIN, 1 - 0.22 / height, table.title, **title)
    below: Style = {
        "parse_math": False,
        "size": 6.4,
        "color": UNCLEAR,
        "va": "bottom",
        "linespacing": 1.35,
    }
    figure.text(_MARGIN, 0.09 / height, note, **below)
    figure.savefig(path)


@dataclass(frozen=True)
class _Line:
    """One line of the picture: a row, or the name of a factor and its level in the reference."""

    place: float
    row: ComparisonRow | None = None
    factor: str = ""
    level: str = ""


def _lines(table: Table) -> list[_Line]:
    """Top to bottom; rows without a difference are left out."""
    lines: list[_Line] = []
    place = 0.0
    for factor, rows in table.groups():
        shown = [row for row in rows if not row.is_reference and row.difference is not None]
        if not shown:
            continue
        level = table.reference_levels.get(factor)
        lines.append(_Line(place, None, factor, "" if level is None else f"  ({level})"))
        lines.extend(_Line(place + index, row) for index, row in enumerate(shown, start=1))
        place += len(shown) + 1 + _GAP
    return lines


def _left(lines: list[_Line]) -> float:
    """Left end of the plotting area: right of the longest name, within reason."""
    names = [line.factor + line.level if line.row is None else line.row.level for line in lines]
    return min(0.42, max(0.16, _LEVEL_X + _LETTER * max(map(len, names), default=0)))


def _prepare(axes: Axes, table: Table, last: float) -> None:
    axes.set_ylim(last + 0.5, -0.5)
    axes.set_yticks([])
    axes.axvline(0, color=INK, linewidth=1.0, zorder=1)
    axes.grid(axis="x", color=FAINT, linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("left", "right", "top"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(UNCLEAR)
    axes.tick_params(axis="x", colors=INK, labelsize=8, length=3)
    if (margin := _margin(table)) is not None:
        axes.axvspan(-margin, margin, color=EQUIVALENT, alpha=0.08, linewidth=0, zorder=0)
    what = f"{table.unit.title}: difference to the reference"
    measured = table.unit.difference
    axes.set_xlabel(f"{what}, {measured}" if measured else what, size=8.5, color=INK, labelpad=4)
    axes.margins(x=0.06)


def _margin(table: Table) -> float | None:
    """The smallest interesting difference of the table as it is shown."""
    known = {row.smallest_difference for row in table.rows if row.smallest_difference is not None}
    return table.unit.scale * known.pop() if len(known) == 1 else None


def _draw(axes: Axes, place: float, row: ComparisonRow, unit: Unit) -> None:
    points = 0.0 if row.difference is None else unit.scale * row.difference
    sure = is_significant(row)
    color = COLOURS.get(row.verdict or "", UNCLEAR)
    if row.ci_low is not None and row.ci_high is not None:
        ends = [unit.scale * row.ci_low, unit.scale * row.ci_high]
        axes.plot(ends, [place, place], color=color, linewidth=1.8, solid_capstyle="round")
    axes.plot(
        points,
        place,
        marker="o",
        markersize=6,
        markerfacecolor=color if sure else "white",
        markeredgecolor=color,
        markeredgewidth=1.5,
        zorder=3,
    )
    weight = "bold" if sure else "normal"
    _write(axes, _LEVEL_X, place, row.level)
    difference = unit.number(row.difference, signed=True)
    _write(axes, _DIFFERENCE_X, place, difference, ha="right", weight=weight)
    _write(axes, _INTERVAL_X, place, interval(row), ha="right")
    _write(axes, _P_X, place, p_text(row.p_corrected), ha="right", weight=weight)
    _write(axes, _VERDICT_X, place, row.verdict or "", ha="right", color=color, weight=weight)


def _write(axes: Axes, x: float, place: float, value: str, **style: Any) -> Text:
    """Text at ``x`` in widths of the picture, on line ``place``."""
    across = blended_transform_factory(axes.figure.transFigure, axes.transData)
    look = {
        "color": INK,
        "size": _SIZE,
        "va": "center_baseline",
        "parse_math": False,
        "transform": across,
        **style,
    }
    return axes.text(x, place, value, **look)
