"""A study of which everything is in the ledger that a report can show."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np

from search_spaces.checks import parse_study
from search_spaces.schema import Study
from sslcl.diagnostics import cosine_name
from sslcl.validation import Scalar
from study.design.data_facts import DataFacts
from study.design.tuning import search_of
from tracking.ledger import Ledger
from tracking.records import Diagnostic, FailureKind, Phase, PlannedTrial, StudyRecord

from ..reported import CELLS, LABELS, SEEDS, outcome, planned

SPEC: dict[str, Any] = {
    "study": "demo",
    "description": "What earns its place.",
    "base": {"epochs": 3, "similarity": "soft_hgr", "batch_size": 16},
    "factors": {
        "similarity": ["soft_hgr", "dot", "cosine"],
        "batch_size": [16, 8],
        "learning_rate": {"low": 1e-4, "high": 1e-2, "log": True},
    },
    "search": {"trials": 14, "sampler": "random"},
    "ablate": {"factors": ["similarity", "batch_size"], "seeds": 5},
}
DATA = DataFacts("d" * 64)
COLLAPSED = "the label embeddings of anger and joy have collapsed"


def cosine(seed: int, i: int, j: int) -> float:
    return 0.1 * (i + 1) - 0.2 * j + (seed - 1003) / 100


def put(
    ledger: Ledger, labels: Sequence[str] = LABELS, spec: Mapping[str, Any] | None = None
) -> Study:
    study = parse_study(dict(spec or SPEC), "demo.yaml")
    ledger.put_study(
        StudyRecord(
            study.name,
            spec=study.canonical(),
            dataset="synthetic",
            data_fingerprint="d" * 64,
            label_names=labels,
            code_fingerprint="c" * 64,
            environment={"synthetic": True, "python": "3.11", "commit": "0123abcd"},
        )
    )
    return study


def complete(
    ledger: Ledger, trial: PlannedTrial, rate: float, labels: Sequence[str] = LABELS
) -> None:
    """Train it: three epochs, predictions, cosines of the labels, and a warning on odd seeds."""
    seed = trial.config.seed
    ledger.start(trial.id)
    for epoch in (1, 2, 3):
        metrics = {"validation_weighted_f1": rate * epoch / 3 + (seed - 1000) / 100}
        ledger.record_epoch(trial.id, epoch, metrics)
    found = [
        Diagnostic(cosine_name(labels[i], labels[j]), cosine(seed, i, j))
        for i, j in combinations(range(len(labels)), 2)
    ]
    fired = COLLAPSED if seed % 2 else None
    found.append(Diagnostic("label_embedding_distance_min", 0.05, fired))
    done = outcome(rate, seed, {"seconds": 10 * rate + seed % 10})
    ledger.complete(trial.id, replace(done, diagnostics=tuple(found)))


def fill_rich(ledger: Ledger) -> None:
    study = put(ledger)
    rng = np.random.default_rng(3)
    for number in range(14):
        rate = float(10 ** rng.uniform(-4, -2))
        levels: dict[str, Scalar] = {"similarity": "dot", "batch_size": 16, "learning_rate": rate}
        trial = search_of(study).trial(number, levels, DATA)
        ledger.plan("demo", Phase.SEARCH, [trial], replace=False)
        ledger.start(trial.id)
        if number == 13:
            ledger.fail(trial.id, FailureKind.NAN, "epoch 2: train_loss is not finite")
        else:
            ledger.complete(trial.id, replace(outcome(0.5, number), score=rate, evaluations=()))
    trials = [planned(c, s, base={"epochs": 3}) for s in SEEDS for c in CELLS]
    ranks = [planned(c, s, Phase.CONFIRM) for s in SEEDS[:2] for c in ("rank1", "rank2")]
    ledger.plan("demo", Phase.CONFIRM, ranks, replace=True)
    ledger.plan("demo", Phase.ABLATE, trials, replace=True)
    for trial in (*ranks, *trials):
        complete(ledger, trial, CELLS.get(trial.cell, 0.7))
