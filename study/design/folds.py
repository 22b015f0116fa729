"""A study on folds: the same phases once in every fold, and cells that go by one name in all.

Each fold has its own search on its own training and validation conversations, and so its own
winner: a configuration that is tested on a fold was chosen without any conversation that tests
there. The predictions of all folds are scored together, so a cell must exist in each of them.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from search_spaces.schema import Ablate, Assignment, Study
from sslcl.data.folds import with_folds
from sslcl.data.types import Dataset
from sslcl.errors import InputError
from sslcl.validation import Scalar
from study.design.ablation import ablation_cells, placeholder
from study.design.cell import REFERENCE, Cell, Cells
from study.design.data_facts import DataFacts
from study.design.plan import PhasePlan, Plan, Winners, plan
from tracking.records import PlannedTrial

_CROSSED = ("grid", "fractional")


def divided(study: Study, dataset: Dataset) -> tuple[Study, Dataset]:
    """Study and dataset with the folds that the study file asks for, else the data's own card.

    Raises:
        InputError: when the corpus cannot be divided so.
    """
    scheme = study.folds or dataset.own_folds
    if scheme is None:
        return study, dataset
    return study.model_copy(update={"folds": scheme}), with_folds(dataset, scheme)


def parts_of(study: Study, data: DataFacts) -> tuple[Study, ...]:
    """The study once for each fold; itself alone on the corpus's own splits."""
    return tuple(study.on_fold(fold) for fold in data.folds) or (study,)


def seed_by_seed(parts: Iterable[Sequence[PlannedTrial]]) -> list[PlannedTrial]:
    """The trials of all folds, seed by seed: an early stop leaves whole seeds."""
    trials = [trial for part in parts for trial in part]
    return sorted(trials, key=lambda trial: trial.config.seed)


def pinned(study: Study, ablate: Ablate, reference: Assignment) -> Assignment:
    """What the ablation goes around in one fold.

    Designs that cross their factors need the same levels in every fold: there the factors of the
    ablation are at the base's levels, or else at their first, whatever the fold's winner has.
    """
    if study.fold is None or ablate.reference != "winner" or ablate.design not in _CROSSED:
        return reference
    base = placeholder(study)
    return {**reference, **{name: _level(study, name, base) for name in ablate.factors}}


def _level(study: Study, factor: str, base: Assignment) -> Scalar:
    levels = study.ablation_levels(factor)
    return base[factor] if base[factor] in levels else levels[0]


def cells_of_parts(
    parts: Sequence[Study], ablate: Ablate, references: Sequence[Assignment], data: DataFacts
) -> list[Cells]:
    """The cells of the ablation in each fold, of the same names in the same order.

    Args:
        parts: see :func:`parts_of`.
        ablate: the phase and its design.
        references: what it goes around in each fold.
        data: tells which cells train the same.

    Returns:
        The cells of each fold, the first with the notes on all of them.
    """
    designed = [
        ablation_cells(part, ablate, pinned(part, ablate, reference), data)
        for part, reference in zip(parts, references, strict=True)
    ]
    if len(parts) == 1:
        return designed
    aligned = aligned_cells(parts, [cells.cells for cells in designed])
    notes = _in_fold(parts, [cells.notes for cells in designed])
    return [Cells(cells, () if at else notes) for at, cells in enumerate(aligned)]


def aligned_cells(
    parts: Sequence[Study], cells: Sequence[Sequence[Cell]]
) -> list[tuple[Cell, ...]]:
    """Every cell that one fold has, in all folds.

    A fold lacks a cell where the change that it is about changes nothing: the fold's winner has
    that level already, or does not read the factor, or lacks the component. There the cell trains
    what the reference trains, and is taken from it.

    Args:
        parts: the study in each fold.
        cells: those of each fold, the reference first.
    """
    if len(parts) == 1:
        return [tuple(own) for own in cells]
    named = {cell.name: cell for own in cells for cell in own}
    order = [REFERENCE, *(name for name in named if name != REFERENCE)]
    aligned = []
    for part, own in zip(parts, cells, strict=True):
        present = {cell.name: cell for cell in own}
        reference = present[REFERENCE]
        aligned.append(
            tuple(present.get(name) or _unchanged(part, reference, named[name]) for name in order)
        )
    return aligned


def _unchanged(part: Study, reference: Cell, like: Cell) -> Cell:
    """The cell that is about the same as ``like``, in a fold where that changes nothing."""
    levels = {name: level for name, level in like.changed.items() if name in part.factors}
    cell = Cell(like.name, {**reference.assignment, **levels}, like.changed, reference.overrides)
    try:
        cell.config(part, 0)
    except InputError:
        return replace(cell, assignment=reference.assignment)
    return cell


def _in_fold(parts: Sequence[Study], notes: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """Notes of all folds, each with the folds that it is about where these are not all."""
    folds: dict[str, list[str]] = {}
    for part, own in zip(parts, notes, strict=True):
        for note in own:
            folds.setdefault(note, []).append(str(part.fold))
    return tuple(
        note if len(where) == len(parts) else f"{note} (fold {', '.join(where)})"
        for note, where in folds.items()
    )


def plan_of_parts(study: Study, data: DataFacts, winners: Sequence[Winners]) -> Plan:
    """What the study will need in all folds together.

    Args:
        study: the study file.
        data: the data that it runs on.
        winners: what is known of earlier phases in each fold.
    """
    parts = parts_of(study, data)
    ablate = study.ablate
    if len(parts) == 1:
        return plan(study, data, winners[0])
    if ablate is not None and ablate.has_cells and not ablate.tunes_cells:
        around = [_around(p, ablate, w.reference) for p, w in zip(parts, winners, strict=True)]
        cells = cells_of_parts(parts, ablate, around, data)
        winners = [replace(w, cells=own) for w, own in zip(winners, cells, strict=True)]
    plans = [plan(part, data, own) for part, own in zip(parts, winners, strict=True)]
    phases = zip(*(own.phases for own in plans), strict=True)
    return Plan(study.name, tuple(_merged(parts, phase) for phase in phases))


def _around(part: Study, ablate: Ablate, reference: Assignment | None) -> Assignment:
    if ablate.reference != "winner":
        return ablate.reference
    if reference is None:
        return placeholder(part) if part.search else {}
    return reference


def _merged(parts: Sequence[Study], phases: Sequence[PhasePlan]) -> PhasePlan:
    """One phase of all folds."""
    named = list(zip(parts, phases, strict=True))

    def joined(get: Callable[[PhasePlan], Sequence[PlannedTrial]]) -> tuple[PlannedTrial, ...]:
        return tuple(_of_fold(t, str(part.fold)) for part, phase in named for t in get(phase))

    return replace(
        phases[0],
        cells=tuple(dict.fromkeys(cell for phase in phases for cell in phase.cells)),
        trials=joined(lambda phase: phase.trials),
        reserve=joined(lambda phase: phase.reserve),
        provisional=any(phase.provisional for phase in phases),
        notes=tuple(dict.fromkeys(note for phase in phases for note in phase.notes)),
    )


def _of_fold(trial: PlannedTrial, fold: str) -> PlannedTrial:
    """The trial with a stand-in for its identity, and for its id, that no other fold has."""
    if " " not in trial.identity:
        return trial
    stand_in = f"{trial.identity} in fold {fold}"
    return replace(
        trial, identity=stand_in, id=stand_in if trial.id == trial.identity else trial.id
    )
