"""How commands open the results of a study that has run."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tracking.home import Home

if TYPE_CHECKING:
    from tracking.ledger import Ledger


@contextmanager
def opened(home: Home) -> "Iterator[Ledger]":
    """The existing results database of ``home``.

    Raises:
        InputError: where there is none; none is made.
    """
    home.require()
    from tracking.ledger import Ledger  # imports SQLAlchemy, which --help does not need

    ledger = Ledger.at(home)
    try:
        yield ledger
    finally:
        ledger.close()
