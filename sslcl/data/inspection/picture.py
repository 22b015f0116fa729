"""A corpus at a glance: one PNG."""

from functools import cache
from pathlib import Path

import numpy as np
from matplotlib import font_manager, rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import get_font

from sslcl.data.corpus import SPLITS
from sslcl.data.inspection.inspection import Inspection

_COLOURS = dict(zip(SPLITS, ("#2f6690", "#e0a030", "#7d8794"), strict=True))
_INK = "#1f2933"
_BINS = 30
_CJK = (
    *("Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans SC", "Source Han Sans SC"),
    *("WenQuanYi Zen Hei", "WenQuanYi Micro Hei", "Microsoft YaHei", "SimHei", "PingFang SC"),
    *("Hiragino Sans GB", "Arial Unicode MS", "Droid Sans Fallback", "Unifont"),
)
"""Fonts with Chinese."""


def draw(inspection: Inspection, path: Path) -> None:
    """Class shares of each task, lengths, and what is missing, into a PNG at ``path``.

    Chinese, Japanese and Korean are drawn where a font of theirs is installed; otherwise each
    character that has no picture is written as its number, such as ``U+9AD8``.
    """
    with rc_context({"font.family": [*_fonts(), "DejaVu Sans"]}):
        _draw(inspection, path)


def _draw(inspection: Inspection, path: Path) -> None:
    tasks = list(inspection.corpus.tasks)
    figure = Figure(figsize=(10, 3.2 * (len(tasks) + 1)), dpi=150, layout="constrained")
    grid = figure.add_gridspec(len(tasks) + 1, 2)
    for row, task in enumerate(tasks):
        _classes(figure.add_subplot(grid[row, :]), inspection, task)
    _lengths(figure.add_subplot(grid[-1, 0]), inspection)
    _missing(figure.add_subplot(grid[-1, 1]), inspection)
    figure.suptitle(
        f"{_plain_text(inspection.corpus.name)}: {len(inspection.corpus.table):,} utterances",
        color=_INK,
    )
    figure.savefig(path)


def _classes(axes: Axes, inspection: Inspection, task: str) -> None:
    names = inspection.corpus.task(task).classes
    width = 0.8 / len(SPLITS)
    for number, split in enumerate(SPLITS):
        counts = np.array(inspection.corpus.counts(task)[split])
        places = np.arange(len(names)) + (number - 1) * width
        label = f"{split} ({counts.sum():,})"
        bars = axes.bar(places, counts / counts.sum(), width, color=_COLOURS[split], label=label)
        axes.bar_label(bars, [f"{count:,}" for count in counts], fontsize=6, color=_INK)
    axes.set_xticks(range(len(names)), [_plain_text(name) for name in names], fontsize=8)
    axes.set_title(f"{_plain_text(task)}: share of each class, with counts", fontsize=9)
    axes.legend(fontsize=7, frameon=False)
    _plain(axes)


def _lengths(axes: Axes, inspection: Inspection) -> None:
    longest = max(int(lengths.max()) for lengths in inspection.lengths.values())
    step = -(-longest // _BINS)
    # Every bin holds the same number of whole lengths.
    edges = [0.5 + step * number for number in range(-(-longest // step) + 1)]
    parts = [inspection.lengths[split] for split in SPLITS]
    colours = [_COLOURS[split] for split in SPLITS]
    axes.hist(parts, edges, stacked=True, color=colours, label=SPLITS)
    axes.set_title("conversations by number of utterances", fontsize=9)
    axes.legend(fontsize=7, frameon=False)
    _plain(axes)


def _missing(axes: Axes, inspection: Inspection) -> None:
    rows = len(inspection.corpus.table)
    shares = {
        f"{_plain_text(name)}: empty": count / rows for name, count in inspection.missing.items()
    }
    for name, faults in inspection.features.items():
        shares[f"{_plain_text(name)} features: zero or constant"] = (
            faults.zero + faults.constant
        ) / rows
    bars = axes.barh(list(shares), list(shares.values()), color="#b3402a")
    axes.bar_label(bars, [f"{share:.1%}" for share in shares.values()], fontsize=7, padding=3)
    axes.set_xlim(0, 1.12)
    axes.invert_yaxis()
    axes.set_title("share of utterances without a value", fontsize=9)
    _plain(axes)


def _plain_text(name: str) -> str:
    """Short, on one line, without formulas, and of characters that can be drawn."""
    return _drawable(" ".join(name.split())[:20]).replace("$", r"\$")


@cache
def _fonts() -> tuple[str, ...]:
    """The first installed font that has Chinese."""
    installed = {font.name for font in font_manager.fontManager.ttflist}
    return tuple(name for name in _CJK if name in installed)[:1]


@cache
def _characters() -> frozenset[int]:
    fonts = [font_manager.findfont(name) for name in (*_fonts(), "DejaVu Sans")]
    return frozenset(code for font in fonts for code in get_font(font).get_charmap())


def _drawable(text: str) -> str:
    return "".join(c if ord(c) in _characters() else f"U+{ord(c):04X} " for c in text).strip()


def _plain(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=7)
