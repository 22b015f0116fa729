"""``--dry-run``: what a study would train, what it would cost and what it could show."""

import os
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace

from rich.console import Console
from rich.table import Table

from search_spaces.schema import Ablate, Assignment, Study
from sslcl.config import TrialConfig
from sslcl.data.folds import of_fold
from sslcl.data.types import Dataset
from study.analysis.next_looks import given_looks
from study.design.cell import Cell
from study.design.data_facts import DataFacts
from study.design.folds import aligned_cells, cells_of_parts, parts_of, plan_of_parts
from study.design.plan import (
    PhasePlan,
    PhaseSummary,
    Plan,
    Seconds,
    Winners,
    confirm_trials,
    extension_key,
    summarize,
)
from study.design.retune import searched_cells
from study.design.tuning import TunedCell, Tuning, search_of, searches_of
from study.execution.campaign import RETRIED
from study.execution.estimate import Estimate
from study.execution.forewarning import forewarnings
from study.execution.progress import duration
from study.execution.resources import ClusterResources
from study.execution.winner import (
    NothingToCompare,
    best_of_search,
    tuning_rows,
    winner_of_confirmation,
    winners_of_tuning,
)
from study.foreseen_power import expected_deviations, power_sentence
from study.reporting.phrases import folds_by
from tracking.home import Home
from tracking.ledger import Ledger
from tracking.records import Phase, Status
from tracking.rows import TrialRow


@dataclass(frozen=True)
class Progress:
    """How far the results database says that the study is.

    Args:
        rows: the trials of all studies, since one may have trained what another needs.
        done: ids and identities of the trials that a run would not train.
        winners: what its phases have decided so far, in each fold.
        sure: whether the reference is final; before the confirmation has ended it is the best of
            the search.
    """

    rows: Sequence[TrialRow] = ()
    done: Set[str] = frozenset()
    winners: Sequence[Winners] = (Winners(),)
    sure: bool = True


def show_plan(
    study: Study, dataset: Dataset, home: Home, resources: ClusterResources, console: Console
) -> None:
    """Print phases, cells, trials to train, time, and the smallest difference one could detect.

    Nothing is written; the results database is read if it is there.
    """
    data = DataFacts.of(dataset)
    ledger = Ledger.at(home) if home.has_results else None
    try:
        progress = _progress(ledger, study, data)
        deviations, source = expected_deviations(ledger, study, dataset)
    finally:
        if ledger is not None:
            ledger.close()
    planned = plan_of_parts(study, data, progress.winners)
    if not progress.sure:
        planned = replace(planned, phases=tuple(_provisional(phase) for phase in planned.phases))
    workers = resources.workers or max(int((os.cpu_count() or 1) / resources.cpus_per_trial), 1)
    estimate = Estimate(progress.rows, dataset)
    lines = summarize(planned, progress.done, _timed(study, estimate), workers)
    console.print(_table(study.name, lines))
    for phase in planned.phases:
        for note in phase.notes:
            console.print(f"{phase.phase.value}: {note}")
    if dataset.folds:
        console.print(_in_folds(study, dataset))
    first = of_fold(dataset, dataset.folds[0].name if dataset.folds else None)
    for warning in forewarnings(planned, first):
        console.print(warning)
    if study.ablate and (budget := _budget(planned, study.ablate)):
        console.print(budget)
    for phase, line in zip(planned.phases, lines, strict=True):
        if line.reserve:
            console.print(_in_looks(phase, line, len(study.questions)))
    console.print(_cost(lines, estimate.source, resources, workers))
    tested = sum(len(fold.test) for fold in dataset.folds) or len(dataset.test or ())
    console.print(power_sentence(planned, tested, study, (deviations, source)))


def _in_folds(study: Study, dataset: Dataset) -> str:
    """How many conversations train, validate and test in each fold."""
    counts = "; ".join(
        f"{fold.name}: {len(fold.train)} / {len(fold.validation)} / {len(fold.test)}"
        for fold in dataset.folds
    )
    searched = ", each with its own search" if study.search else ""
    return (
        f"{folds_by(len(dataset.folds), study.folds)}{searched}, scored together; conversations "
        f"that train / validate / test: {counts}"
    )


def _timed(study: Study, estimate: Estimate) -> Seconds:
    """How long a trial takes; those of a row's few values are not pruned, as in a search."""
    retunes = study.ablate is not None and study.ablate.retuned is not None

    def seconds(phase: Phase, config: TrialConfig) -> float:
        return estimate.seconds(Phase.ABLATE if retunes and phase is Phase.TUNE else phase, config)

    return seconds


def _rows(ledger: Ledger | None) -> list[TrialRow]:
    """The trials of all studies: one may have trained what another needs."""
    if ledger is None:
        return []
    return [row for study in ledger.studies() for row in ledger.trials(study.name, current=None)]


def _progress(ledger: Ledger | None, study: Study, data: DataFacts) -> Progress:
    rows = _rows(ledger)
    done = _settled(rows) | {
        extension_key(row.cell)
        for row in rows
        if row.study == study.name
        and row.phase is Phase.EXTEND
        and row.current
        and row.status.final
        and row.failure not in RETRIED
    }
    if study.name not in {row.study for row in rows}:
        ledger = None
    parts = parts_of(study, data)
    known = [_part_progress(ledger, part, data, done) for part in parts]
    winners: Sequence[Winners] = [own for own, _ in known]
    if ledger is not None:
        winners = _with_looks(ledger, parts, data, _aligned(parts, winners))
    return Progress(rows, done, winners, all(sure for _, sure in known))


def _part_progress(
    ledger: Ledger | None, study: Study, data: DataFacts, done: set[str]
) -> tuple[Winners, bool]:
    """As :func:`_winners`, with those of tuning; adds what its searches have drawn to ``done``."""
    if ledger is not None and study.search is not None:
        done |= _drawn(ledger, search_of(study))
    winners, sure = _winners(ledger, study, data, done)
    ablate, reference = study.ablate, winners.reference
    if ledger and reference is not None and ablate and ablate.tunes_cells:
        cells, _ = searched_cells(study, ablate, reference, data)
        for tuning in searches_of(cells):
            done |= _drawn(ledger, tuning)
        if sure:
            winners = replace(winners, tuned=_tuned(ledger, cells, done))
    return winners, sure


def _aligned(parts: Sequence[Study], winners: Sequence[Winners]) -> list[Winners]:
    """The winners, with the cells of tuning of the same names in all folds once all are known."""
    if not all(own.tuned for own in winners):
        return [replace(own, tuned=()) for own in winners]
    tuned = aligned_cells(parts, [own.tuned for own in winners])
    return [replace(own, tuned=cells) for own, cells in zip(winners, tuned, strict=True)]


def _with_looks(
    ledger: Ledger, parts: Sequence[Study], data: DataFacts, winners: Sequence[Winners]
) -> Sequence[Winners]:
    """The winners with the looks that the cells around the reference have been given."""
    ablate = parts[0].ablate
    references = [own.reference for own in winners if own.reference is not None]
    if ablate is None or len(references) < len(parts) or len(ablate.seed_looks) == 1:
        return winners
    cells = winners[0].tuned
    if not ablate.tunes_cells and ablate.has_cells:
        cells = cells_of_parts(parts, ablate, references, data)[0].cells
    looks = given_looks(ledger, parts[0].name, [cell.name for cell in cells])
    return [replace(own, looks=looks) for own in winners]


def _settled(rows: Sequence[TrialRow]) -> set[str]:
    """Ids and identities of the trials that a run would not train, but for those of searches."""
    return {row.identity for row in rows if row.status is Status.COMPLETE} | {
        row.id
        for row in rows
        if not row.phase.searches and row.status.final and row.failure not in RETRIED
    }


def _drawn(ledger: Ledger, tuning: Tuning) -> set[str]:
    """As many ids of a search as it has trials that have ended."""
    ended = sum(row.status.final for row in tuning_rows(ledger, tuning))
    # The sampler's numbers may have gaps; the plan counts from 0.
    return {tuning.id(number) for number in range(ended)}


def _tuned(ledger: Ledger, cells: Sequence[TunedCell], done: Set[str]) -> Sequence[Cell]:
    """The winners of the cells' searches, once all of these have ended."""
    wanted = {t.id(n) for t in searches_of(cells) for n in range(t.settings.trials)}
    if not wanted <= done:
        return ()
    try:
        return winners_of_tuning(ledger, cells)[0]
    except NothingToCompare:
        return ()


def _winners(
    ledger: Ledger | None, study: Study, data: DataFacts, done: Set[str]
) -> tuple[Winners, bool]:
    """The winners of search and confirmation as far as they are known.

    The second is whether the reference is final; before the confirmation has ended it is the
    best of the search.
    """
    given: Assignment | None = None
    if study.ablate is not None and isinstance(study.ablate.reference, Mapping):
        given = study.ablate.reference
    winners: list[Assignment] = [{}]
    if study.search is not None:
        search = search_of(study)
        searched = {search.id(number) for number in range(study.search.trials)}
        if ledger is None or not searched <= done:
            return Winners(given), True
        try:
            winners = best_of_search(ledger, study, study.confirm.top if study.confirm else 1)
        except NothingToCompare:
            return Winners(given), True
    if given is not None or study.confirm is None or len(winners) == 1:
        return Winners(winners[0] if given is None else given, winners), True
    confirmed = {trial.id for trial in confirm_trials(study, study.confirm, winners, data)}
    if ledger is not None and confirmed <= done:
        try:
            return Winners(winner_of_confirmation(ledger, study).assignment, winners), True
        except NothingToCompare:
            pass
    return Winners(winners[0], winners), False


def _provisional(phase: PhasePlan) -> PhasePlan:
    return replace(
        phase,
        provisional=phase.provisional or phase.phase in (Phase.TUNE, Phase.ABLATE, Phase.EXTEND),
    )


def _table(study_name: str, rows: Sequence[PhaseSummary]) -> Table:
    table = Table(title=f"plan of {study_name}: nothing has been started")
    for heading in ("phase", "cells", "seeds", "trials", "in the ledger", "to train", "time"):
        table.add_column(heading, justify="left" if heading == "phase" else "right")
    for row in rows:
        table.add_row(
            row.phase.value + (" *" if row.provisional else ""),
            str(row.cells),
            str(row.seeds),
            str(row.trials),
            str(row.finished + row.shared),
            str(row.to_train),
            duration(row.seconds or 0.0),
        )
    table.add_section()
    total = sum(row.seconds or 0.0 for row in rows)
    table.add_row(
        "all", "", "", *(str(sum(c)) for c in _counts(rows)), duration(total), style="bold"
    )
    if any(row.provisional for row in rows):
        table.caption = "* depends on the winner of an earlier phase"
    return table


def _counts(rows: Sequence[PhaseSummary]) -> tuple[list[int], list[int], list[int]]:
    return (
        [row.trials for row in rows],
        [row.finished + row.shared for row in rows],
        [row.to_train for row in rows],
    )


def _in_looks(phase: PhasePlan, line: PhaseSummary, questions: int) -> str:
    """One sentence on the seeds that rows without a verdict may come to need."""
    seconds = (line.seconds or 0.0, (line.seconds or 0.0) + (line.reserve_seconds or 0.0))
    looks = ", ".join(map(str, phase.looks))
    return (
        f"{phase.phase.value}: seeds are added in looks of {looks} while rows have no verdict: "
        f"at least {line.to_train} trials are left to train, at most "
        f"{line.to_train + line.reserve}, in {' to '.join(map(duration, seconds))}"
        + ("; planned questions stop by their own correction" if questions else "")
    )


def _budget(planned: Plan, ablate: Ablate) -> str | None:
    """What each cell is given where cells have searches of their own."""
    for phase in planned.phases:
        if phase.phase is Phase.TUNE:
            cells = "; ".join(phase.cells)
            if ablate.retuned is None:
                return f"every cell is tuned by {ablate.tuning_trials} trials of its own: {cells}"
            return (
                f"every row is retuned over {', '.join(ablate.retuned.fields)} by "
                f"{ablate.tuning_trials} trials of its own, {len(phase.trials)} in all, fewer "
                f"where the search has tried the same: {cells}"
            )
    return None


def _cost(
    rows: Sequence[PhaseSummary], source: str, resources: ClusterResources, workers: int
) -> str:
    """One sentence on time: of a trial, and of the devices that are held meanwhile."""
    trials = sum(row.to_train for row in rows)
    if not trials:
        return "nothing is left to train"
    each = sum(row.work or 0.0 for row in rows) / trials
    hours = sum(row.seconds or 0.0 for row in rows) / 3600 * workers
    held = {"CPU": resources.cpus_per_trial, "GPU": resources.gpus_per_trial or 0.0}
    devices = " and ".join(
        f"{hours * share:.3g} {device}-hours" for device, share in held.items() if share
    )
    return f"a trial takes about {each:.1f} s ({source}); {workers} at a time hold {devices}"
