"""Where the commands of this package print."""

import sys

from rich.console import Console

from study.reporting.terminal import PLAIN_WIDTH


def person_console() -> Console:
    """Standard output for a person: no colours added to numbers, no line broken in a command.

    Text is printed as it is: square brackets in names of classes or files are no markup.
    """
    width = None if sys.stdout.isatty() else PLAIN_WIDTH
    return Console(highlight=False, soft_wrap=True, width=width, markup=False)
