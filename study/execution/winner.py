"""Who won, judged by validation scores alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from search_spaces.schema import Study
from study.design.ablation import Cell
from study.design.tuning import TunedCell, Tuning, search_of
from tracking.ledger import Ledger
from tracking.records import Phase
from tracking.rows import TrialRow


class NothingToCompare(RuntimeError):
    """No trial of a phase finished, so the next phase has nothing to start from."""


@dataclass(frozen=True)
class Winner:
    """The confirmed winner.

    Args:
        cell: its name in the confirmation.
        assignment: factor to level.
        score: mean validation score over its seeds, by the criterion of the study.
        best: the trial with the best validation score.
    """

    cell: str
    assignment: Mapping[str, Any]
    score: float
    best: TrialRow


def best_of_search(ledger: Ledger, study: Study, top: int) -> list[Mapping[str, Any]]:
    """The ``top`` different assignments with the best validation score in the search.

    A study without a search phase has one: its base configuration.
    """
    if study.search is None:
        return [{}]
    return best_of(ledger, search_of(study), top)


def best_trial(ledger: Ledger, study: Study) -> TrialRow:
    """The trial of the search with the best validation score; of equals, the first.

    Raises:
        NothingToCompare: when none of its trials finished.
    """
    rows = _scored(tuning_rows(ledger, search_of(study)), study, Phase.SEARCH)
    return max(sorted(rows, key=lambda row: row.number or 0), key=lambda row: row.score or 0.0)


def best_of(ledger: Ledger, tuning: Tuning, top: int) -> list[Mapping[str, Any]]:
    """The ``top`` different assignments with the best validation score in one search.

    Of equals, the one that was suggested first.

    In a cell only the first trials count, as many as its budget: a cell that was searched for
    longer under an earlier study file must not gain by it.

    Raises:
        NothingToCompare: when none of its trials finished.
    """
    drawn = sorted(tuning_rows(ledger, tuning), key=lambda row: row.number or 0)
    counted = drawn if tuning.cell is None else drawn[: tuning.settings.trials]
    rows = _scored(counted, tuning.study, tuning.phase, tuning.cell)
    best: dict[str, TrialRow] = {}
    for row in sorted(rows, key=lambda r: (-(r.score or 0.0), r.number or 0)):
        best.setdefault(row.identity, row)
    return [tuning.study.assignment(row.config) for row in list(best.values())[:top]]


def winners_of_tuning(
    ledger: Ledger, cells: Sequence[TunedCell]
) -> tuple[list[Cell], tuple[str, ...]]:
    """The winner of each cell's own search, and the names of other cells that have none.

    A cell with nothing to tune is its own winner.

    Raises:
        NothingToCompare: when the first one, the reference, has none.
    """
    won: list[Cell] = []
    without: list[str] = []
    for index, cell in enumerate(cells):
        try:
            best = best_of(ledger, cell.tuning, 1)[0] if cell.searched else cell.tuning.held
            won.append(cell.won(best))
        except NothingToCompare:
            if index == 0:
                raise
            without.append(cell.name)
    return won, tuple(without)


def winner_of_confirmation(ledger: Ledger, study: Study) -> Winner:
    """The confirmed configuration with the best mean validation score over its seeds.

    Of equals, the one that ranked higher in the search. In a study on folds each has its own.
    """
    rows = ledger.trials(study.name, phase=Phase.CONFIRM)
    trials = [row for row in rows if row.config.fold == study.fold]
    cells: dict[str, list[TrialRow]] = {row.cell: [] for row in trials}
    for row in _scored(trials, study, Phase.CONFIRM):
        cells[row.cell].append(row)
    means = {cell: fmean(row.score or 0.0 for row in rows) for cell, rows in cells.items() if rows}
    cell = max(means, key=lambda name: means[name])
    best = max(cells[cell], key=lambda row: row.score or 0.0)
    return Winner(cell, study.assignment(best.config), means[cell], best)


def tuning_rows(ledger: Ledger, tuning: Tuning) -> list[TrialRow]:
    """The trials of a search in its present space; those of an earlier one are left out."""
    return tuning.among(ledger.trials(tuning.study.name, phase=tuning.phase, current=None))


def _scored(
    trials: Sequence[TrialRow], study: Study, phase: Phase, cell: str | None = None
) -> list[TrialRow]:
    rows = [row for row in trials if row.status.scored]
    if not rows:
        which = f" with {cell}" if cell else ""
        raise NothingToCompare(
            f"no trial of the {phase.value} phase{which} of '{study.name}' finished: see "
            f"'select failure, message from trials where study = \"{study.name}\"'"
        )
    return rows
