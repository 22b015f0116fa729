"""What designs are made of: named configurations."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from search_spaces.factors import level_name
from search_spaces.schema import Assignment, Study
from sslcl.config import TrialConfig
from sslcl.validation import Scalar

REFERENCE = "reference"
"""Name of the cell that the others of an ablation are compared with."""


@dataclass(frozen=True)
class Cell:
    """One configuration, whatever its seed.

    Args:
        name: unique within its phase: ``reference``, ``similarity=dot``, several such joined, or
            ``without context``.
        assignment: factor to level; what is inactive under it has no effect.
        changed: what its name says: the factors it is about and their levels.
        overrides: configuration fields set on top of the assignment, whether or not they are
            factors of the study.
    """

    name: str
    assignment: Assignment
    changed: Mapping[str, Scalar] = field(default_factory=dict)
    overrides: Mapping[str, Any] = field(default_factory=dict)

    def config(self, study: Study, seed: int) -> TrialConfig:
        """The cell's trial with this seed.

        Raises:
            InputError: when the cell makes no sense.
        """
        config = study.config(self.assignment, seed)
        return config.replace(**self.overrides) if self.overrides else config


@dataclass(frozen=True)
class Cells:
    """The cells of a phase, and what was left out of them and why."""

    cells: tuple[Cell, ...]
    notes: tuple[str, ...] = ()


def joined(levels: Mapping[str, Scalar]) -> str:
    """The name of a cell that is about these factors.

    Example:
        >>> joined({"similarity": "dot", "batch_size": 8})
        'similarity=dot, batch_size=8'
    """
    return ", ".join(f"{name}={level_name(level)}" for name, level in levels.items())


def unread(study: Study, factor: str) -> str:
    """The note on a factor that is inactive under the reference."""
    unmet = ", ".join(
        f"{parent}={'|'.join(map(level_name, levels))}"
        for parent, levels in study.factors[factor].when.items()
    )
    return f"{factor}: skipped, the reference does not read it (it needs {unmet})"
