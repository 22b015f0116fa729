"""The cells of an ablation: named configurations around a reference."""

from search_spaces.schema import Ablate, Assignment, Categorical, Study
from sslcl.errors import InputError
from sslcl.validation import Scalar
from study.design.cell import REFERENCE, Cell, Cells
from study.design.data_facts import DataFacts
from study.design.fractional import fractional
from study.design.grid import grid
from study.design.leave_one_out import leave_one_out
from study.design.one_factor import one_factor

__all__ = ["REFERENCE", "Cell", "Cells", "ablation_cells", "placeholder"]

_VARYING = {"one_factor": one_factor, "grid": grid, "fractional": fractional}


def ablation_cells(study: Study, ablate: Ablate, reference: Assignment, data: DataFacts) -> Cells:
    """The cells of an ablation by its design, the reference first.

    ``one_factor``: one cell for every other level of every factor. ``grid``: all combinations of
    the factors' levels. ``fractional``: a few of the combinations of two levels of each.
    ``leave_one_out``: the reference without each component in turn. ``search``: none at all.
    Cells that compute the same thing appear once, under the name of the first.

    Args:
        study: the study file.
        ablate: the phase and its design.
        reference: factor to level; factors left out are as in the base.
        data: tells which cells train the same.
    """
    if not ablate.has_cells:
        return Cells(())
    designed = _designed(study, ablate, reference, data)
    first: dict[str, Cell] = {}
    notes = list(designed.notes)
    for cell in (Cell(REFERENCE, reference), *designed.cells):
        config = cell.config(study, 0)
        same = first.setdefault(data.identify(config), cell)
        # A row of a design that is the reference itself needs no note.
        itself = same.name == REFERENCE and same.config(study, 0) == config
        if same is not cell and not itself:
            notes.append(f"{cell.name}: left out, it trains the same as {same.name}")
    return Cells(tuple(first.values()), tuple(notes))


def placeholder(study: Study) -> dict[str, Scalar]:
    """An assignment that stands for a winner not yet known: the base where it is in the space."""
    base = study.assignment(study.base_config(0))
    levels: dict[str, Scalar] = {}
    fixed = study.search.fixed if study.search else {}
    for name, factor in study.factors.items():
        if name in fixed:
            levels[name] = fixed[name]
        elif name in base and base[name] in factor:
            levels[name] = base[name]
        else:
            levels[name] = factor.levels[0] if isinstance(factor, Categorical) else factor.low
    return levels


def _designed(study: Study, ablate: Ablate, reference: Assignment, data: DataFacts) -> Cells:
    if ablate.design == "leave_one_out":
        return leave_one_out(study, ablate, reference, data.modalities)
    if ablate.design not in _VARYING:
        raise InputError(f"ablate.design {ablate.design} has no cells of its own")
    return _VARYING[ablate.design](study, ablate, reference)
