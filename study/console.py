"""Where the commands of this package print."""

import sys

from rich.console import Console

PLAIN_WIDTH = 100
"""Columns where the output is a file or a pipe, which have no width of their own."""


def person_console() -> Console:
    """Standard output for a person: no colours added to numbers, no line broken in a command."""
    width = None if sys.stdout.isatty() else PLAIN_WIDTH
    return Console(highlight=False, soft_wrap=True, width=width)
