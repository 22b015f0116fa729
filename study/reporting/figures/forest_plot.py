"""The forest plot: every difference with its interval and verdict, in one picture."""

from dataclasses import dataclass
from pathlib import Path
from textwrap import fill, shorten
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import blended_transform_factory

from sslcl.files import whole_file
from study.reporting.comparison_table import (
    ComparisonTable,
    interval_text,
    is_significant,
    shown_interval,
)
from study.reporting.figures.svg import (
    BETTER,
    EQUAL,
    INK,
    LINE,
    MUTED,
    SURFACE,
    UNCLEAR,
    WORSE,
    Picture,
    picture,
    styled,
)
from study.reporting.units import p_text
from study.stats.verdicts import SIGNIFICANCE
from tracking.rows import ComparisonRow

MOST_ROWS = 80
"""Rows that a page draws."""
_MARKS = {"better": ("^", BETTER), "worse": ("v", WORSE), "equivalent": ("s", EQUAL)}
"""Marker and colour of a verdict; others have a grey circle."""
_LEGEND = (
    f"▲ better, ▼ worse, ■ equivalent, ○ not shown; filled marks: corrected p < {SIGNIFICANCE}."
)
_WIDTH, _ROW = 9.2, 0.25
"""Inches: of the picture and of a line."""
_GAP = 0.35
"""Lines between two factors."""
_MARGIN, _LEVEL_X, _RIGHT = 0.012, 0.026, 0.575
_DIFFERENCE_X, _INTERVAL_X, _P_X, _VERDICT_X = 0.662, 0.806, 0.888, 0.988
"""Left end of factors and of levels, right end of the plotting area and of the numbers, all in
widths of the picture."""
_LETTER = 0.0077
"""Width of a letter in widths of the picture, rounded up."""
_LONGEST = 52
"""Letters of a name that stand on a line; longer ones have two."""
_SIZE = 8.2


def save_forest_plot(table: ComparisonTable, path: Path) -> None:
    """Draw the differences of ``table`` to the reference into a PNG, its title and notes around."""
    band = "" if _margin(table) is None else " Band: differences too small to be of interest."
    remarks = (f"{table.caption} {_LEGEND}{band}", *table.notes)
    note = "\n".join(fill(line, 180) for line in remarks)
    head, foot = 0.62, 0.66 + 0.125 * (note.count("\n") + 1)
    with styled():
        figure = _forest_figure(table, _lines(table), head, foot)
        height = figure.get_size_inches()[1]
        figure.text(
            *(_MARGIN, 1 - 0.22 / height, table.title), size=11.5, weight="bold", va="center"
        )
        figure.text(
            *(_MARGIN, 0.09 / height, note),
            size=6.4,
            color=MUTED,
            va="bottom",
            linespacing=1.35,
        )
        with whole_file(path) as file:
            figure.savefig(file, format="png", dpi=200, facecolor="white")


def forest_picture(table: ComparisonTable) -> Picture | None:
    """The forest plot of the first rows for a page; ``None`` where there is no difference."""
    lines = _lines(table, MOST_ROWS)
    rows = [line.row for line in lines if line.row is not None]
    if not rows:
        return None
    with styled():
        figure = _forest_figure(table, lines, head=0.35, foot=0.6)
    unit = table.unit
    caption = (
        f"{unit.title}: difference to the reference (vertical line) with the interval of its "
        "verdict. "
        f"{_LEGEND} The band is the smallest difference of interest."
    )
    differences = [
        f"{row.cell} {unit.number(row.difference, signed=True)} ({table.verdict_of(row)})"
        for row in rows
    ]
    words = f"Forest plot of differences to the reference: {'; '.join(differences)}"
    return picture(figure, f"forest-{table.label}", words, caption)


def _forest_figure(
    table: ComparisonTable, lines: "list[_Line]", head: float, foot: float
) -> Figure:
    """Differences by factor with their numbers; ``head`` and ``foot`` are room in inches."""
    last = lines[-1].place if lines else 0.0
    height = head + _ROW * (last + 1) + foot
    figure = Figure(figsize=(_WIDTH, height))
    left = _left(lines, table)
    axes = figure.add_axes((left, foot / height, _RIGHT - left, 1 - (foot + head) / height))
    _prepare(axes, table, last)
    for line in lines:
        if line.row is None:
            name = _write(axes, _MARGIN, line.place, line.factor, weight="bold")
            axes.annotate(line.level, (1, 0), xycoords=name, va="bottom", size=_SIZE, color=MUTED)
        else:
            _draw(axes, line.place, line.row, table)
    headings = {
        _DIFFERENCE_X: "difference",
        _INTERVAL_X: table.interval_heading,
        _P_X: table.p_heading,
        _VERDICT_X: "verdict",
    }
    for x, heading in headings.items():
        _write(axes, x, -1.0, heading, color=MUTED, ha="right")
    return figure


@dataclass(frozen=True)
class _Line:
    """One line of the picture: a row, or the name of a factor and its level in the reference."""

    place: float
    row: ComparisonRow | None = None
    factor: str = ""
    level: str = ""


def _lines(table: ComparisonTable, most: int | None = None) -> list[_Line]:
    """Top to bottom, of at most so many rows; those without a difference are left out."""
    lines: list[_Line] = []
    place, left = 0.0, len(table.rows) if most is None else most
    for factor, rows in table.groups():
        known = [row for row in rows if not row.is_reference and row.difference is not None]
        shown = known[:left]
        left -= len(shown)
        if not shown:
            continue
        level = table.reference_levels.get(factor)
        lines.append(_Line(place, None, factor, "" if level is None else f"  ({level})"))
        lines.extend(_Line(place + index, row) for index, row in enumerate(shown, start=1))
        place += len(shown) + 1 + _GAP
    return lines


def _left(lines: list[_Line], table: ComparisonTable) -> float:
    """Left end of the plotting area: right of the longest name, within reason."""
    names = [
        line.factor + line.level if line.row is None else table.label_of(line.row) for line in lines
    ]
    longest = max(map(len, names), default=0)
    return max(0.16, _LEVEL_X + _LETTER * min(longest, _LONGEST))


def _prepare(axes: Axes, table: ComparisonTable, last: float) -> None:
    axes.set_ylim(last + 0.5, -0.5)
    axes.set_yticks([])
    axes.axvline(0, color=INK, linewidth=1.0, zorder=1)
    axes.grid(axis="x", linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("left", "right", "top"):
        axes.spines[side].set_visible(False)
    axes.tick_params(axis="x", labelsize=8, length=3)
    if (margin := _margin(table)) is not None:
        axes.axvspan(-margin, margin, color=LINE, alpha=0.7, linewidth=0, zorder=0)
    what = f"{table.unit.title}: difference to the reference"
    measured = table.unit.difference
    axes.set_xlabel(f"{what}, {measured}" if measured else what, size=8.5, labelpad=4)
    axes.margins(x=0.06)


def _margin(table: ComparisonTable) -> float | None:
    """The smallest interesting difference of the table as it is shown."""
    known = {row.smallest_difference for row in table.rows if row.smallest_difference is not None}
    return table.unit.scale * known.pop() if len(known) == 1 else None


def _draw(axes: Axes, place: float, row: ComparisonRow, table: ComparisonTable) -> None:
    unit = table.unit
    points = 0.0 if row.difference is None else unit.scale * row.difference
    sure = is_significant(row)
    marker, color = _MARKS.get(row.verdict or "", ("o", UNCLEAR))
    low, high = shown_interval(row)
    if low is not None or high is not None:
        # The end that a one-sided question leaves open is drawn to the difference alone.
        ends = [points if end is None else unit.scale * end for end in (low, high)]
        axes.plot(ends, [place, place], color=color, linewidth=1.8, solid_capstyle="round")
    axes.plot(
        points,
        place,
        marker=marker,
        markersize=6.5,
        markerfacecolor=color if sure else SURFACE,
        markeredgecolor=color,
        markeredgewidth=1.5,
        zorder=3,
    )
    weight = "bold" if sure else "normal"
    name = shorten(table.label_of(row), 2 * _LONGEST - 8, placeholder=" ...")
    on_two = {"size": 0.8 * _SIZE, "linespacing": 1.0} if len(name) > _LONGEST else {}
    _write(axes, _LEVEL_X, place, fill(name, _LONGEST), **on_two)
    difference = unit.number(row.difference, signed=True)
    _write(axes, _DIFFERENCE_X, place, difference, ha="right", weight=weight)
    _write(axes, _INTERVAL_X, place, interval_text(row), ha="right")
    _write(axes, _P_X, place, p_text(row.p_corrected), ha="right", weight=weight)
    verdict = table.verdict_of(row) or "not tested"
    _write(axes, _VERDICT_X, place, verdict, ha="right", color=color, weight=weight)


def _write(axes: Axes, x: float, place: float, value: str, **style: Any) -> Text:
    """Text at ``x`` in widths of the picture, on line ``place``."""
    across = blended_transform_factory(axes.figure.transFigure, axes.transData)
    look = {
        "size": _SIZE,
        "va": "center_baseline",
        "transform": across,
        **style,
    }
    return axes.text(x, place, value, **look)
