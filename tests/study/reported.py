"""A study whose ablation has finished in the ledger, with predictions of known quality."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from sslcl.config import TrialConfig
from study.analysis.comparisons import Rules, score_rows
from study.analysis.reading import PhaseReading
from tracking.ledger import Ledger
from tracking.records import Evaluation, Outcome, Phase, PlannedTrial, StudyRecord
from tracking.rows import ComparisonRow

Cost = Callable[[str, int], Mapping[str, float]]

LABELS = ("anger", "joy", "neutral")
SEEDS = (1001, 1002, 1003, 1004, 1005)
CONVERSATIONS, LENGTH = 20, 10
GOLD = np.random.default_rng(0).integers(0, 3, CONVERSATIONS * LENGTH)
CELLS = {
    "reference": 0.7,
    "similarity=dot": 0.45,
    "batch_size=8": 0.7,
    "similarity=cosine": 0.69,
}


def planned(
    cell: str, seed: int, phase: Phase = Phase.ABLATE, base: Mapping[str, Any] | None = None
) -> PlannedTrial:
    changes = dict(part.split("=") for part in cell.split(", ")) if "=" in cell else {}
    config = TrialConfig.parse({**(base or {}), **changes, "seed": seed})
    name = f"{phase.value}-{cell}-{seed}"
    return PlannedTrial(name, phase, cell, config.digest(), config)


def outcome(rate: float, seed: int, cost: Mapping[str, float] | None = None) -> Outcome:
    """A trial right with probability ``rate``; the same seed errs alike at the same rate."""
    rng = np.random.default_rng(seed)
    wrong = rng.random(len(GOLD)) > rate
    predictions = np.where(wrong, (GOLD + rng.integers(1, 3, len(GOLD))) % 3, GOLD)
    test = Evaluation(
        split="test",
        metrics={"accuracy": float((predictions == GOLD).mean())},
        conversations=[f"c{i // LENGTH}" for i in range(len(GOLD))],
        utterances=[str(i) for i in range(len(GOLD))],
        labels=GOLD.tolist(),
        predictions=predictions.tolist(),
    )
    return Outcome(3, 5, rate + seed / 1e6, cost or {"seconds": 2.0 + seed % 10}, (test,))


def put_study(ledger: Ledger, name: str = "demo", spec: Mapping[str, Any] | None = None) -> None:
    ledger.put_study(
        StudyRecord(
            name,
            spec=spec or {},
            dataset="synthetic",
            data_fingerprint="d" * 64,
            label_names=LABELS,
            code_fingerprint="c" * 64,
            environment={"synthetic": True},
        )
    )


def begin(ledger: Ledger, trials: Sequence[PlannedTrial]) -> Iterator[PlannedTrial]:
    """Plan the trials of a phase, and start one after the other."""
    ledger.plan("demo", trials[0].phase, trials, replace=True)
    for trial in trials:
        ledger.start(trial.id)
        yield trial


def begin_ablation(ledger: Ledger) -> Iterator[PlannedTrial]:
    """Put the study, and start the trials of its cells and seeds one after the other."""
    put_study(ledger)
    yield from begin(ledger, [planned(cell, seed) for cell in CELLS for seed in SEEDS])


def fill(
    ledger: Ledger,
    trials: Sequence[PlannedTrial],
    rates: Mapping[str, float],
    cost: Cost | None = None,
) -> None:
    for trial in begin(ledger, trials):
        seed = trial.config.seed
        spent = cost(trial.cell, seed) if cost else None
        ledger.complete(trial.id, outcome(rates[trial.cell], seed, spent))


def rows_of_scores(
    ledger: Ledger,
    metric: str,
    *,
    smallest_difference: float | None = None,
    correction: str | None = None,
) -> list[ComparisonRow]:
    """The comparisons of the ablation, computed anew."""
    reading = PhaseReading.of(ledger, "demo", Phase.ABLATE)
    return score_rows(reading, metric, Rules.of(reading.study_row, smallest_difference, correction))


def known(value: float | None) -> float:
    """A number that must be there."""
    assert value is not None
    return value
