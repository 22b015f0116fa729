"""What the ledger's tests are made of."""

import hashlib
from typing import Any

from sslcl.config import TrialConfig
from tracking.ledger import Ledger
from tracking.records import Diagnostic, Evaluation, Outcome, Phase, PlannedTrial, StudyRecord
from tracking.rows import ComparisonRow

DATA = "d" * 64


def put_study(ledger: Ledger, name: str = "s", **changes: Any) -> None:
    """Register a study with these changes to its record."""
    values: dict[str, Any] = {
        "spec": {"factors": {"b": 1, "a": 2}},
        "dataset": "synthetic",
        "data_fingerprint": DATA,
        "label_names": ("sad", "joy"),
        "code_fingerprint": "c" * 64,
        "environment": {"python": "3.11"},
    }
    ledger.put_study(StudyRecord(name, **(values | changes)))


def sha(text: str) -> str:
    """SHA-256 in hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def planned(
    cell: str = "reference",
    seed: int = 0,
    *,
    study_name: str = "s",
    phase: Phase = Phase.ABLATE,
    number: int | None = None,
    **config: Any,
) -> PlannedTrial:
    """A planned trial of any configuration."""
    made = TrialConfig(seed=seed, **config)
    identity = sha(made.digest() + DATA)
    trial_id = sha(f"{study_name}/{phase}/{cell}/{identity}/{number}")
    return PlannedTrial(trial_id, phase, cell, identity, made, number)


def evaluation(split: str = "validation", utterances: int = 4, flip: int = 0) -> Evaluation:
    """Predictions of two classes on a split, some of them flipped."""
    labels = [i % 2 for i in range(utterances)]
    return Evaluation(
        split=split,
        metrics={"weighted_f1": 0.5, "macro_f1": 0.4, "accuracy": 0.6, "f1:joy": 0.25},
        conversations=[f"{split}{i // 2}" for i in range(utterances)],
        utterances=[f"u{i}" for i in range(utterances)],
        labels=labels,
        predictions=[(label + flip) % 2 for label in labels],
    )


def outcome(score: float = 0.5, *, test: bool = False, utterances: int = 4) -> Outcome:
    """What a finished trial leaves."""
    splits = ("validation", "test") if test else ("validation",)
    return Outcome(
        best_epoch=2,
        epochs=3,
        score=score,
        cost={
            "seconds": 1.5,
            "parameters": 1234.0,
            "peak_memory_mb": 64.25,
            "utterances_per_second": 900.0,
        },
        evaluations=tuple(evaluation(split, utterances) for split in splits),
        diagnostics=(Diagnostic("logit_scale", 3.0), Diagnostic("gain", 0.0, "no gain")),
        worker="node1:4711 cpu",
    )


def comparison(cell: str, **changes: Any) -> ComparisonRow:
    """Comparison."""
    factor, _, level = cell.partition("=")
    values: dict[str, Any] = {
        "study": "s",
        "phase": Phase.ABLATE,
        "metric": "weighted_f1",
        "cell": cell,
        "factor": factor,
        "level": level,
        "is_reference": cell == "reference",
        "n": 5,
        "mean": 0.123456789,
    }
    return ComparisonRow(**(values | changes))


def run(ledger: Ledger, trial: PlannedTrial, made: Outcome | None = None) -> None:
    """Plan, start and complete a trial."""
    study = "s"
    ledger.plan(study, trial.phase, [trial], replace=False)
    ledger.start(trial.id)
    ledger.complete(trial.id, made or outcome())
