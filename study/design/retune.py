"""Rows that tune a few factors anew, such as the rate of a backbone or the scale of a similarity.

A level that is tried at settings that were tuned for another one is judged by accident. With
``ablate: {design: one_factor, retune: [learning_rate]}`` every row, the reference too, gets a
small search of its own over just these factors: the same number of trials, all trained to their
end, on the seed of the search, judged by validation. All other factors stay as the design puts
them. Then the row is trained with fresh seeds at the values that won. Where a row does not read
one of them, as cross-entropy reads no ``label_label_weight``, it is not searched there.
"""

from collections.abc import Mapping, Sequence
from itertools import product

from search_spaces.schema import Ablate, Assignment, Study
from sslcl.validation import Scalar
from study.design.ablation import ablation_cells
from study.design.cell import Cell
from study.design.data_facts import DataFacts
from study.design.tuning import TunedCell, Tuning, cell_settings, tuned_cells
from tracking.records import Phase


def searched_cells(
    study: Study, ablate: Ablate, reference: Assignment, data: DataFacts
) -> tuple[list[TunedCell], tuple[str, ...]]:
    """The cells of an ablation with their own searches, the reference first, and notes.

    Args:
        study: the study file.
        ablate: the phase; its design tunes cells.
        reference: factor to level; factors left out are as in the base.
        data: tells which cells train the same.
    """
    if ablate.retuned is None:
        return tuned_cells(study, ablate, reference, data)
    designed = ablation_cells(study, ablate, reference, data)
    fields = ablate.retuned.fields
    cells = [_retuned(study, ablate, fields, cell) for cell in designed.cells]
    return cells, (*designed.notes, *_unread(fields, cells))


def _retuned(study: Study, ablate: Ablate, fields: Sequence[str], cell: Cell) -> TunedCell:
    levels = {**cell.assignment, **study.assignment(cell.config(study, 0))}
    start = {name: levels[name] for name in _read(study, levels, fields)}
    held = {name: level for name, level in levels.items() if name not in start}
    tuning = Tuning(study, Phase.TUNE, cell_settings(study, ablate), held, cell.name, start)
    return TunedCell(cell.name, tuning, cell.changed)


def _read(study: Study, levels: Assignment, fields: Sequence[str]) -> list[str]:
    """Those of ``fields`` that change what a cell computes, at some values of the others."""
    active = [name for name in fields if name in levels and study.active(name, levels)]
    values = {name: study.factors[name].probes() for name in active}
    return [name for name in active if _matters(study, levels, name, values)]


def _matters(
    study: Study, levels: Assignment, name: str, values: Mapping[str, Sequence[Scalar]]
) -> bool:
    others = [other for other in values if other != name]
    for beside in product(*(values[other] for other in others)):
        assignment = {**levels, **dict(zip(others, beside, strict=True))}
        configs = [study.config({**assignment, name: value}, 0) for value in values[name]]
        if len({config.digest() for config in configs}) > 1:
            return True
    return False


def _unread(fields: Sequence[str], cells: Sequence[TunedCell]) -> list[str]:
    """One note for each field that some cells do not read."""
    notes = []
    for name in fields:
        without = [cell.name for cell in cells if not cell.tuning.draws(name)]
        if without:
            notes.append(f"{name}: not retuned where it is not read: {'; '.join(without)}")
    return notes
