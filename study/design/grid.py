"""Full factorial."""

from itertools import product

from search_spaces.schema import Ablate, Assignment, Study
from study.design.cell import Cell, Cells, joined


def grid(study: Study, ablate: Ablate, reference: Assignment) -> Cells:
    """All combinations of the factors' levels, the other factors as in the reference.

    A cell's name leaves out the factors that are inactive under it.
    """
    cells: dict[str, Cell] = {}
    for levels in product(*(study.ablation_levels(name) for name in ablate.factors)):
        changed = dict(zip(ablate.factors, levels, strict=True))
        assignment = {**reference, **changed}
        read = {k: level for k, level in changed.items() if study.active(k, assignment)}
        cells.setdefault(joined(read), Cell(joined(read), assignment, read))
    return Cells(tuple(cells.values()))
