"""Matplotlib figures as SVG elements that follow the page's colours."""

import io
import re
from dataclasses import dataclass
from typing import Any

import matplotlib
from markupsafe import Markup, escape
from matplotlib.figure import Figure

INK, MUTED, LINE, SURFACE = "#1f2933", "#5a6675", "#dfe4ea", "#fefefe"
BETTER, WORSE, EQUAL, UNCLEAR = "#16704f", "#a8331e", "#1f5fa8", "#5a6676"
_VARIABLES = {
    INK: "--ink",
    MUTED: "--muted",
    LINE: "--line",
    SURFACE: "--surface",
    BETTER: "--better",
    WORSE: "--worse",
    EQUAL: "--equivalent",
    UNCLEAR: "--not-shown",
}
"""Colours that the page chooses for light and for dark; others are drawn as they are."""
_STYLE = {
    "svg.fonttype": "none",  # words stay words: to be searched, copied and read aloud
    "svg.hashsalt": "report",
    "text.parse_math": False,
    "font.size": 9.0,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "grid.color": LINE,
    "axes.facecolor": "none",
}
_PIXELS = 96
"""CSS pixels in an inch."""


@dataclass(frozen=True)
class Picture:
    """A drawing on a page.

    Args:
        svg: an ``<svg>`` element.
        caption: what it shows and how to read it.
        width: its natural width in CSS pixels.
        small: whether several stand beside each other.
    """

    svg: Markup
    caption: str
    width: int
    small: bool = False


def styled() -> Any:
    """The look of all figures, as a context to draw in."""
    return matplotlib.rc_context(_STYLE)


def picture(
    figure: Figure, name: str, title: str, caption: str = "", *, small: bool = False
) -> Picture:
    """The figure as an element of the page.

    Args:
        figure: drawn within :func:`styled`.
        name: unique within the page, of letters, digits and hyphens.
        title: what it shows, for those who cannot see it.
        caption: what stands below it.
        small: whether several stand beside each other.
    """
    stream = io.StringIO()
    with styled():
        figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None})
    width = round(figure.get_size_inches()[0] * _PIXELS)
    return Picture(Markup(_element(stream.getvalue(), name, title)), caption, width, small)


def _element(svg: str, name: str, title: str) -> str:
    """The ``<svg>`` alone, with names of its own, a title, and nothing that points elsewhere."""
    svg = svg[svg.index("<svg") :].strip()
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<style[^>]*>.*?</style>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\bid="', f'id="{name}-', svg)
    svg = svg.replace("url(#", f"url(#{name}-").replace('xlink:href="#', f'href="#{name}-')
    for color, variable in _VARIABLES.items():
        svg = svg.replace(color, f"var({variable})")
    box = re.search(r'viewBox="[^"]*"', svg)
    start = f'<svg {box.group() if box else ""} role="img" aria-labelledby="{name}-title">'
    head = f'{start}<title id="{name}-title">{escape(title)}</title>'
    return head + svg[svg.index(">") + 1 :]
