"""What becomes of the machine while a study runs, told in one line instead of a traceback."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from sslcl.errors import InputError
from tracking.home import Home

_CONDITIONS = {
    r"No space left on device|database or disk is full|Disk quota exceeded": (
        "no room is left on the disk of '{home}': make room"
    ),
    r"Read-only file system|attempt to write a readonly database": (
        "'{home}' can no longer be written to: see to its disk"
    ),
    r"server closed the connection|terminating connection|the connection is (?:lost|closed)": (
        "the results database has gone in the midst of a step: see that it answers"
    ),
}
"""What an error says, and what a person can do."""


@contextmanager
def told_plainly(home: Home) -> Iterator[None]:
    """Name a condition of the machine that ends the block.

    Args:
        home: of the study that runs in the block.

    Raises:
        InputError: in place of an error that such a condition has caused.
    """
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        said = " ".join(_said(error))
        for pattern, words in _CONDITIONS.items():
            if re.search(pattern, said):
                what = words.format(home=home.folder)
                raise InputError(
                    f"{what}, and run the same command again to go on; what was finished is kept"
                ) from None
        raise


def _said(error: BaseException | None) -> Iterator[str]:
    """What an error says, and those that it came from; Ray puts one into the text of another."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield str(error)
        error = error.__cause__ or error.__context__
