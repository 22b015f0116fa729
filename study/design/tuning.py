"""What Optuna searches: the space of a study, or what one cell of an ablation leaves of it.

In the design ``tuned`` every cell is a search of its own: it holds the factors of the ablation at
its levels and tunes all others, with the same budget as every other cell. Then its winner is
trained with fresh seeds and tested. So no row is judged at settings that were tuned for another.
With ``ablate.retune`` a cell tunes a few factors only (:mod:`study.design.retune`).
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from search_spaces.schema import Ablate, Assignment, Search, Study
from sslcl.validation import Scalar
from study.design.cell import REFERENCE, Cell, joined, unread
from tracking.records import Phase, PlannedTrial
from tracking.rows import TrialRow

if TYPE_CHECKING:
    # Identities need the training code, which reports on finished searches do without.
    from study.design.data_facts import DataFacts


@dataclass(frozen=True)
class Tuning:
    """One search: a space, a budget, and what its trials are called.

    Args:
        study: the study file.
        phase: ``SEARCH``, or ``TUNE`` for the search of one cell.
        settings: trials, sampler, scheduler and seed.
        held: levels of the factors that are not drawn.
        cell: the levels that a cell is about, as its trials are called; ``None`` in the study's
            own search.
        start: levels of the first trial, of the only factors that are drawn; when left out, all
            that are not held are drawn, and the first trial has the levels of the study's base.
    """

    study: Study
    phase: Phase
    settings: Search
    held: Assignment
    cell: str | None = None
    start: Assignment | None = None

    def draws(self, factor: str) -> bool:
        """Whether trials differ in ``factor``, where it is active."""
        return factor not in self.held and (self.start is None or factor in self.start)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all that decides what a trial of a given assignment computes.

        That of a cell does not depend on the other levels of the factors that it holds: a level
        that is added to the ablation leaves the searches of the other cells as they are.
        """
        if self.cell is None:
            return self.study.space_digest()
        whole = self.study.canonical()
        kept = {key: whole[key] for key in ("dataset", "dataset_options", "modalities", "base")}
        kept |= self.study.fold_fields()
        factors = {
            name: [self.held[name], factor["when"]] if name in self.held else factor
            for name, factor in whole["factors"].items()
        }
        parts = [self.cell, kept, factors, self.settings.seed]
        parts += [] if self.start is None else [dict(self.start)]
        return digest_of(json.dumps(parts, sort_keys=True))

    @property
    def name(self) -> str:
        """Name of the Optuna study."""
        return "/".join(filter(None, (self.study.name, self.cell, self.digest)))

    def id(self, number: int) -> str:
        """The id of the trial with this number; a changed space gives other ids."""
        return digest_of(self.study.name, self.phase, self.digest, str(number))

    def trial(self, number: int, assignment: Assignment, data: "DataFacts") -> PlannedTrial:
        """The trial of one suggestion of the sampler, with the levels that are held.

        Args:
            number: the sampler's number of the suggestion.
            assignment: the suggestion, factor to level.
            data: gives the trial its identity.
        """
        config = self.study.config({**assignment, **self.held}, self.settings.seed)
        return PlannedTrial(
            id=self.id(number),
            phase=self.phase,
            cell=self.cell or f"trial{number}",
            identity=data.identify(config),
            config=config,
            number=number,
        )

    def among(self, rows: Iterable[TrialRow]) -> list[TrialRow]:
        """Those of ``rows`` that are trials of this search, in the given order."""
        return [row for row in rows if row.id == self.id(row.number or 0)]


@dataclass(frozen=True)
class TunedCell:
    """A row of the ablation and the search that gives it its settings.

    Args:
        name: as in the ablation, ``reference`` or e.g. ``objective=cross_entropy``.
        tuning: its search.
        changed: the factor it is about and its level; empty for the reference.
    """

    name: str
    tuning: Tuning
    changed: Mapping[str, Scalar] = field(default_factory=dict)

    @property
    def searched(self) -> bool:
        """Whether there is anything to tune."""
        return self.tuning.start is None or bool(self.tuning.start)

    def won(self, assignment: Assignment) -> Cell:
        """The cell with the assignment that won its search."""
        return Cell(self.name, assignment, self.changed)


def searches_of(cells: Iterable[TunedCell]) -> list[Tuning]:
    """The searches of the cells that have anything to tune."""
    return [cell.tuning for cell in cells if cell.searched]


def search_of(study: Study) -> Tuning:
    """The study's own search."""
    if study.search is None:
        raise ValueError(f"study '{study.name}' has no search phase")
    return Tuning(study, Phase.SEARCH, study.search, study.search.fixed)


def tuned_cells(
    study: Study, ablate: Ablate, reference: Assignment, data: "DataFacts"
) -> tuple[list[TunedCell], tuple[str, ...]]:
    """The cells of the design ``tuned``, the reference first, and what was left out and why.

    The reference holds all factors of the ablation at the levels they have in ``reference``; each
    other cell holds one of them at another level. Cells that search the same space appear once.

    Args:
        study: the study file.
        ablate: the phase whose design is ``tuned``.
        reference: factor to level; only the levels of the ablation's factors matter, those left
            out are as in the base.
        data: tells which cells search the same space.
    """
    around = study.assignment(study.config(reference, 0))
    first: dict[tuple[str, ...], TunedCell] = {}
    notes = [unread(study, name) for name in ablate.factors if name not in around]
    for changed in _changes(study, ablate, around):
        cell = _tuned_cell(study, ablate, around, changed)
        same = first.setdefault(_space(cell.tuning, data), cell)
        if same.tuning.cell != cell.tuning.cell:
            notes.append(f"{cell.name}: left out, it searches the same space as {same.name}")
    return list(first.values()), tuple(notes)


def _changes(study: Study, ablate: Ablate, around: Assignment) -> Iterator[Assignment]:
    yield {}
    for name in ablate.factors:
        if name in around:
            yield from ({name: level} for level in study.ablation_levels(name))


def _tuned_cell(study: Study, ablate: Ablate, around: Assignment, changed: Assignment) -> TunedCell:
    assignment = {**around, **changed}
    levels = {
        name: assignment[name]
        for name in ablate.factors
        if name in assignment and study.active(name, assignment)
    }
    settings = cell_settings(study, ablate)
    cell = joined(levels) or REFERENCE
    tuning = Tuning(study, Phase.TUNE, settings, {**settings.fixed, **levels}, cell)
    return TunedCell(joined(changed) or REFERENCE, tuning, changed)


def cell_settings(study: Study, ablate: Ablate) -> Search:
    """The study's search with the budget of a single cell."""
    settings = study.search or Search(trials=ablate.tuning_trials)
    return settings.model_copy(update={"trials": ablate.tuning_trials})


def _space(tuning: Tuning, data: "DataFacts") -> tuple[str, ...]:
    """A key that only equal spaces share: the identities at the base and at each tuned level."""
    free = {name: f for name, f in tuning.study.factors.items() if name not in tuning.held}
    probes: list[dict[str, Any]] = [{}]
    probes += [{name: level} for name, factor in free.items() for level in factor.probes()]
    return tuple(data.identify(tuning.study.config({**p, **tuning.held}, 0)) for p in probes)


def digest_of(*parts: str) -> str:
    """SHA-256 of some texts."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
