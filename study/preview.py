"""``--dry-run``: what a study would train, what it would cost and what it could show."""

import os
from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from pathlib import Path
from statistics import fmean, median
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from search_spaces.schema import Assignment, Study
from sslcl.config import TrialConfig
from sslcl.data.types import Dataset
from sslcl.identity import trial_identity
from sslcl.training import Trainer
from study.campaign import RETRIED
from study.outcome import pick_device
from study.plan import (
    Identify,
    PhasePlan,
    Plan,
    confirm_trials,
    detectable_difference,
    plan,
    search_id,
    summary,
)
from study.progress import duration
from study.resources import Resources
from study.winner import NothingToCompare, best_of_search, search_rows, winner_of_confirmation
from tracking.ledger import Ledger
from tracking.records import Phase, Status
from tracking.rows import TrialRow

SUPPOSED_SD = 0.01
"""Standard deviation of paired differences, in weighted F1, supposed where nothing is known."""


def show_plan(
    study: Study, dataset: Dataset, home: Path, resources: Resources, console: Console
) -> None:
    """Print phases, cells, trials to train, time, and the smallest difference one could detect.

    Nothing is written; the results database is read if it is there.
    """

    def identify(config: TrialConfig) -> str:
        return trial_identity(config, dataset.fingerprint)

    ledger = Ledger.at(home) if (home / "results.db").is_file() else None
    try:
        rows = _rows(ledger)
        done = _settled(ledger, study, rows)
        reference, winners, sure = _known_winners(ledger, study, identify, done)
    finally:
        if ledger is not None:
            ledger.close()
    planned = plan(study, identify, reference, winners, tuple(dataset.modalities))
    if not sure:
        planned = replace(planned, phases=tuple(_provisional(phase) for phase in planned.phases))
    seconds, source = _seconds_per_trial(study, dataset, rows)
    workers = resources.workers or max(int((os.cpu_count() or 1) / resources.cpus_per_trial), 1)
    console.print(_table(planned, done, seconds, workers))
    for phase in planned.phases:
        for note in phase.notes:
            console.print(f"{phase.phase.value}: {note}")
    console.print(f"a trial takes about {seconds:.1f} s ({source}); {workers} at a time")
    console.print(_power(study, rows))


def _rows(ledger: Ledger | None) -> list[TrialRow]:
    """The trials of all studies: one may have trained what another needs."""
    if ledger is None:
        return []
    return [row for study in ledger.studies() for row in ledger.trials(study.name, current=None)]


def _settled(ledger: Ledger | None, study: Study, rows: Sequence[TrialRow]) -> set[str]:
    """Ids and identities of the trials that a run would not train."""
    complete = {row.identity for row in rows if row.status is Status.COMPLETE}
    if ledger is None or study.name not in {row.study for row in rows}:
        return complete
    fixed = {
        row.id
        for row in rows
        if row.phase is not Phase.SEARCH and row.status.final and row.failure not in RETRIED
    }
    searched = sum(row.status.final for row in search_rows(ledger, study))
    # The sampler's numbers may have gaps; the plan counts from 0.
    return complete | fixed | {search_id(study, number) for number in range(searched)}


def _known_winners(
    ledger: Ledger | None, study: Study, identify: Identify, done: Set[str]
) -> tuple[Assignment | None, Sequence[Assignment], bool]:
    """The ablation's reference and the configurations to confirm, where they are known.

    The third is whether the reference is sure; before the confirmation has ended it is the best
    of the search.
    """
    given: Assignment | None = None
    if study.ablate is not None and isinstance(study.ablate.reference, Mapping):
        given = study.ablate.reference
    winners: list[Assignment] = [{}]
    if study.search is not None:
        searched = {search_id(study, number) for number in range(study.search.trials)}
        if ledger is None or not searched <= done:
            return given, (), True
        try:
            winners = best_of_search(ledger, study, study.confirm.top if study.confirm else 1)
        except NothingToCompare:
            return given, (), True
    if given is not None or study.confirm is None or len(winners) == 1:
        return given or winners[0], winners, True
    confirmed = {trial.id for trial in confirm_trials(study, winners, identify)}
    if ledger is not None and confirmed <= done:
        try:
            return winner_of_confirmation(ledger, study).assignment, winners, True
        except NothingToCompare:
            pass
    return winners[0], winners, False


def _provisional(phase: PhasePlan) -> PhasePlan:
    return replace(phase, provisional=phase.provisional or phase.phase is Phase.ABLATE)


def _seconds_per_trial(
    study: Study, dataset: Dataset, rows: Sequence[TrialRow]
) -> tuple[float, str]:
    """Seconds of one trial: from finished trials like it, else from one epoch of the base."""
    base = study.base_config(seed=0)
    like = [
        row.seconds / row.epochs_run
        for row in rows
        if row.status in (Status.COMPLETE, Status.PRUNED)
        and row.seconds
        and row.epochs_run
        and row.config.dataset == study.dataset
    ]
    if like:
        return fmean(like) * base.epochs, f"from {len(like)} finished trials on this data"
    trainer = Trainer(base.replace(epochs=1), dataset.sealed(), pick_device())
    trainer.fit_epoch()
    return trainer.seconds * base.epochs, "from one epoch of the base configuration"


def _table(planned: Plan, done: set[str], seconds: float, workers: int) -> Table:
    table = Table(title=f"plan of {planned.study}: nothing has been started")
    for heading in ("phase", "cells", "seeds", "trials", "in the ledger", "to train", "time"):
        table.add_column(heading, justify="left" if heading == "phase" else "right")
    rows = summary(planned, done, seconds, workers)
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


def _counts(rows: Sequence[Any]) -> tuple[list[int], list[int], list[int]]:
    return (
        [row.trials for row in rows],
        [row.finished + row.shared for row in rows],
        [row.to_train for row in rows],
    )


def _power(study: Study, rows: Sequence[TrialRow]) -> str:
    """One sentence on what the ablation could show."""
    if study.ablate is None:
        return "no ablation is planned"
    seeds = study.ablate.seeds
    if seeds < 2:
        return "with one seed per cell no difference can be told from chance: use ablate.seeds"
    sd, source = _spread(study, rows)
    found = 100 * detectable_difference(seeds, sd)
    return (
        f"with {seeds} seeds per cell, differences from {found:.2f} points of weighted F1 on "
        f"would be found 4 times in 5 (seeds only, before correction; sd {100 * sd:.2f}, {source})"
    )


def _spread(study: Study, rows: Sequence[TrialRow]) -> tuple[float, str]:
    """Standard deviation of paired differences: from earlier ablation cells, else supposed."""
    scores: dict[tuple[str, str], list[float]] = {}
    for row in rows:
        if row.phase is Phase.ABLATE and row.study == study.name and row.score is not None:
            scores.setdefault((row.study, row.cell), []).append(row.score)
    spreads = [float(np.std(s, ddof=1)) for s in scores.values() if len(s) > 1]
    if spreads:
        return 2**0.5 * median(spreads), "from the validation scores of finished cells"
    return SUPPOSED_SD, "supposed"
