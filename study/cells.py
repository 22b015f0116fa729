"""The cells of an ablation: named configurations around a reference."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import product

from search_spaces.factors import level_name
from search_spaces.schema import Ablate, Assignment, Categorical, Study
from sslcl.config import Scalar, TrialConfig

REFERENCE = "reference"
"""Name of the cell that the others of an ablation are compared with."""


@dataclass(frozen=True)
class Cell:
    """One configuration, whatever its seed.

    Args:
        name: unique within its phase; ``reference``, ``similarity=dot``, or several such joined.
        assignment: factor to level; what is inactive under it has no effect.
        changed: what its name says: the factors it is about and their levels.
    """

    name: str
    assignment: Assignment
    changed: Mapping[str, Scalar] = field(default_factory=dict)


@dataclass(frozen=True)
class Cells:
    """The cells of a phase, and what was left out of them and why."""

    cells: tuple[Cell, ...]
    notes: tuple[str, ...] = ()


def ablation_cells(
    study: Study, reference: Assignment, identify: Callable[[TrialConfig], str]
) -> Cells:
    """The cells of the study's ablation, the reference first.

    ``one_factor``: the reference, and one cell for every other level of every factor that is
    active under it. ``grid``: all combinations of the factors' levels, the other factors as in the
    reference; the combination that is the reference bears that name. Cells that compute the
    same thing appear once.

    Args:
        study: with an ablate phase.
        reference: factor to level; factors left out are as in the base.
        identify: from a configuration to the content hash of its trial.
    """
    if study.ablate is None:
        raise ValueError(f"study '{study.name}' has no ablate phase")
    make = _one_factor if study.ablate.design == "one_factor" else _grid
    found = make(study, study.ablate, reference)
    first: dict[str, Cell] = {}
    notes = list(found.notes)
    for cell in (Cell(REFERENCE, reference), *found.cells):
        config = study.config(cell.assignment, 0)
        same = first.setdefault(identify(config), cell)
        if same is not cell and study.config(same.assignment, 0) != config:
            notes.append(f"{cell.name}: left out, it trains the same as {same.name}")
    return Cells(tuple(first.values()), tuple(notes))


def placeholder(study: Study) -> dict[str, Scalar]:
    """An assignment that stands for a winner not yet known: the base where it is in the space."""
    base = study.assignment(study.base_config(0))
    found: dict[str, Scalar] = {}
    fixed = study.search.fixed if study.search else {}
    for name, factor in study.factors.items():
        if name in fixed:
            found[name] = fixed[name]
        elif name in base and base[name] in factor:
            found[name] = base[name]
        else:
            found[name] = factor.levels[0] if isinstance(factor, Categorical) else factor.low
    return found


def _one_factor(study: Study, ablate: Ablate, reference: Assignment) -> Cells:
    cells: list[Cell] = []
    notes: list[str] = []
    for name in ablate.factors:
        if not study.active(name, reference):
            notes.append(unread(study, name))
            continue
        cells += [
            Cell(joined({name: level}), {**reference, name: level}, {name: level})
            for level in study.ablation_levels(name)
        ]
    return Cells(tuple(cells), tuple(notes))


def _grid(study: Study, ablate: Ablate, reference: Assignment) -> Cells:
    cells: dict[str, Cell] = {}
    for levels in product(*(study.ablation_levels(name) for name in ablate.factors)):
        changed = dict(zip(ablate.factors, levels, strict=True))
        assignment = {**reference, **changed}
        read = {k: level for k, level in changed.items() if study.active(k, assignment)}
        cells.setdefault(joined(read), Cell(joined(read), assignment, read))
    return Cells(tuple(cells.values()))


def unread(study: Study, factor: str) -> str:
    """The note on a factor that does nothing in the reference."""
    unmet = ", ".join(
        f"{parent}={'|'.join(map(level_name, levels))}"
        for parent, levels in study.factors[factor].when.items()
    )
    return f"{factor}: skipped, the reference does not read it (it needs {unmet})"


def joined(levels: Mapping[str, Scalar]) -> str:
    """The name of the cell with these levels, e.g. ``objective=sslcl, similarity=dot``."""
    return ", ".join(f"{name}={level_name(level)}" for name, level in levels.items())
