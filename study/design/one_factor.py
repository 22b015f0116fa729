"""One factor at a time."""

from search_spaces.schema import Ablate, Assignment, Study
from study.design.cell import Cell, Cells, joined, unread


def one_factor(study: Study, ablate: Ablate, reference: Assignment) -> Cells:
    """One cell for every level of every factor that is active under the reference.

    The other factors are as in the reference.
    """
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
