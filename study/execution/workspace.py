"""Where a run of a study keeps its results, and where it prints."""

from dataclasses import dataclass

from rich.console import Console

from tracking.home import Home
from tracking.ledger import Ledger


@dataclass(frozen=True)
class Workspace:
    """What every part of a run writes to.

    Args:
        home: the folder of everything that runs leave.
        ledger: the results database in it.
        console: where a person reads what is happening.
    """

    home: Home
    ledger: Ledger
    console: Console
