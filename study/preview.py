"""``--dry-run``: what a study would train, what it would cost and what it could show."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean, median
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from search_spaces.schema import Study
from sslcl.config import TrialConfig
from sslcl.data.types import Dataset
from sslcl.identity import trial_identity
from sslcl.training import Trainer
from study.outcome import pick_device
from study.plan import Plan, detectable_difference, plan, summary
from study.progress import duration
from study.resources import Resources
from study.winner import NothingToCompare, best_of_search, winner_of_confirmation
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
    ledger = Ledger.at(home) if (home / "results.db").is_file() else None
    rows = _finished(ledger)
    try:
        reference, winners = _known_winners(ledger, study)
    finally:
        if ledger is not None:
            ledger.close()

    def identify(config: TrialConfig) -> str:
        return trial_identity(config, dataset.fingerprint)

    planned = plan(study, identify, reference, winners)
    done = {row.identity for row in rows} | {row.id for row in rows}
    seconds, source = _seconds_per_trial(study, dataset, rows)
    workers = resources.workers or max(int((os.cpu_count() or 1) / resources.cpus_per_trial), 1)
    console.print(_table(planned, done, seconds, workers))
    for phase in planned.phases:
        for note in phase.notes:
            console.print(f"{phase.phase.value}: {note}")
    console.print(f"a trial takes about {seconds:.1f} s ({source}); {workers} at a time")
    console.print(_power(study, rows))


def _finished(ledger: Ledger | None) -> list[TrialRow]:
    if ledger is None:
        return []
    return [
        row
        for study in ledger.studies()
        for row in ledger.trials(study.name)
        if row.status in (Status.COMPLETE, Status.PRUNED, Status.CACHED)
    ]


def _known_winners(
    ledger: Ledger | None, study: Study
) -> tuple[Mapping[str, Any] | None, Sequence[Mapping[str, Any]]]:
    """The ablation's reference and the configurations to confirm, where they are known."""
    ablate = study.ablate
    given: Mapping[str, Any] | None = None
    if ablate is not None and isinstance(ablate.reference, Mapping):
        given = ablate.reference
    if ledger is None or study.name not in {row.name for row in ledger.studies()}:
        return given, ()
    try:
        winners = best_of_search(ledger, study, study.confirm.top if study.confirm else 1)
        if given is None and study.confirm is not None:
            given = winner_of_confirmation(ledger, study).assignment
    except NothingToCompare:
        return given, ()
    return given or winners[0], winners


def _seconds_per_trial(
    study: Study, dataset: Dataset, rows: Sequence[TrialRow]
) -> tuple[float, str]:
    """Seconds of one trial: from finished trials like it, else from one epoch of the base."""
    base = study.base_config(seed=0)
    like = [
        row.seconds / row.epochs_run
        for row in rows
        if row.seconds and row.epochs_run and row.config.dataset == study.dataset
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
