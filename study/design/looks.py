"""How many seeds each cell of an ablation has been given, look after look."""

from collections.abc import Mapping, Set
from dataclasses import dataclass, field

from search_spaces.schema import Ablate


@dataclass(frozen=True)
class GivenLooks:
    """How far the looks of an ablation have come.

    Args:
        given: cell to the looks that it has been given seeds for; 1 for a cell not in it.
        stopped: cells that get no more.
    """

    given: Mapping[str, int] = field(default_factory=dict)
    stopped: Set[str] = frozenset()

    def seeds(self, ablate: Ablate, cell: str) -> int:
        """Seeds that ``cell`` is to have now."""
        return ablate.seed_looks[self.given.get(cell, 1) - 1]

    def most_seeds(self, ablate: Ablate, cell: str) -> int:
        """Seeds that ``cell`` may come to have."""
        return self.seeds(ablate, cell) if cell in self.stopped else ablate.seed_looks[-1]


FIRST_LOOK = GivenLooks()
"""Every cell has been given the seeds of the first look."""
