"""A results database as large as years of studies leave it, written in bulk.

One study ``big``: a search, whose trials have validation scores and a few epochs, and a grid of
300 cells x 5 seeds with test predictions on 30 conversations of 25 utterances. The scores are
drawn, the tables and columns are the real ones.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from itertools import islice, product
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Table

from search_spaces.checks import parse_study
from sslcl.config import TrialConfig
from tracking.home import Home
from tracking.ledger import Ledger
from tracking.ledger.schema import (
    EPOCH_METRICS,
    EVALUATIONS,
    FINDINGS,
    PREDICTIONS,
    TRIALS,
    UTTERANCES,
    config_columns,
)
from tracking.records import StudyRecord

STUDY = "big"
LABELS = ("anger", "disgust", "fear", "joy", "neutral", "sadness", "surprise")
SEEDS = range(1001, 1006)
CONVERSATIONS, LENGTH = 30, 25
EPOCHS = 3
DATA = "d" * 64
STARTED, SECONDS = 1_700_000_000_000, 12.5
LEVELS: dict[str, list[Any]] = {
    "backbone": ["recurrent", "transformer", "dialogue_rnn", "dialogue_gcn", "mmgcn"],
    "similarity": ["soft_hgr", "dot", "cosine", "euclidean", "bilinear"],
    "hidden_size": [32, 64, 96, 128],
    "augmentation": ["none", "text_plus_one", "all_subsets"],
}
SPEC = {
    "study": STUDY,
    "factors": LEVELS,
    "search": {"trials": 1},
    "ablate": {"design": "grid", "factors": list(LEVELS), "seeds": len(SEEDS)},
}
Values = dict[str, Any]


def write(home: Path, trials: int) -> None:
    """Write a database of ``trials`` trials, at least the 1,500 of the grid, to ``home``."""
    ledger = Ledger.at(Home(home))
    ledger.put_study(
        StudyRecord(
            STUDY,
            spec=parse_study(SPEC, STUDY).canonical(),
            dataset="synthetic",
            data_fingerprint=DATA,
            label_names=LABELS,
            code_fingerprint="c" * 64,
            environment={"synthetic": True},
        )
    )
    rng = np.random.default_rng(0)
    # In the order of the keys, as a tree likes to grow.
    rows = sorted([*_grid(), *_search(trials - 1500, rng)], key=lambda row: row["id"])
    scores = np.clip(rng.normal(0.55, 0.08, (len(rows), len(LABELS) + 3)), 0, 1).round(6)
    gold = rng.integers(0, len(LABELS), CONVERSATIONS * LENGTH)
    for row, found in zip(rows, scores.tolist(), strict=True):
        row["score"] = found[0]
    tested = [i for i, row in enumerate(rows) if row["phase"] == "ablate"]
    insert(ledger, TRIALS, rows)
    insert(ledger, UTTERANCES, _utterances(gold))
    insert(ledger, EVALUATIONS, _evaluations(rows, scores.tolist(), tested))
    insert(ledger, EPOCH_METRICS, _epochs(rows))
    insert(ledger, FINDINGS, _findings(rows))
    insert(ledger, PREDICTIONS, _predictions(rows, tested, gold, rng))
    ledger.close()


def insert(ledger: Ledger, table: Table, rows: Iterable[Values]) -> None:
    """Insert ``rows``, which have the same keys, by the driver's own bulk statement."""
    connection = ledger.engine.raw_connection()
    try:
        cursor = connection.cursor()
        cursor.execute("BEGIN")
        waiting = iter(rows)
        while some := list(islice(waiting, 20_000)):
            names = ", ".join(some[0])
            holes = ", ".join("?" * len(some[0]))
            statement = f"INSERT INTO {table.name} ({names}) VALUES ({holes})"
            cursor.executemany(statement, [tuple(row.values()) for row in some])
        cursor.execute("COMMIT")
    finally:
        connection.close()


def _sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _trial(phase: str, cell: str, ordinal: int, seed: int, changes: Values) -> Values:
    config = TrialConfig.model_construct(seed=seed, **changes)
    columns = config_columns(config)
    identity = _sha(json.dumps(columns))
    began = STARTED + ordinal * 15_000
    return {
        **columns,
        "id": _sha(f"{phase}/{cell}/{ordinal}"),
        "study": STUDY,
        "phase": phase,
        "cell": cell,
        "identity": identity,
        "number": ordinal if phase == "search" else None,
        "ordinal": ordinal,
        "data_fingerprint": DATA,
        "status": "COMPLETE",
        "config": json.dumps(config.model_dump(mode="json")),
        "best_epoch": EPOCHS - 1,
        "epochs_run": EPOCHS,
        "score": 0.0,
        "seconds": SECONDS + ordinal % 7,
        "seconds_per_epoch": (SECONDS + ordinal % 7) / EPOCHS,
        "utterances_per_second": 1800.0,
        "parameters": 40_000 + 100 * config.hidden_size,
        "peak_memory_mb": 512.0,
        "latency_p50_ms": 2.5 if phase == "ablate" else None,
        "latency_p95_ms": 4.0 if phase == "ablate" else None,
        "flops_per_utterance": 9e5 if phase == "ablate" else None,
        "worker": "node1:4711 cpu",
        "attempts": 1,
        "planned_at": STARTED,
        "started_at": began,
        "ended_at": began + 14_000,
        "revision": 5,
    }


def _grid() -> Iterator[Values]:
    cells = product(*LEVELS.values())
    for index, levels in enumerate(cells):
        changes = dict(zip(LEVELS, levels, strict=True))
        name = ", ".join(f"{factor}={level}" for factor, level in changes.items())
        for place, seed in enumerate(SEEDS):
            ordinal = index * len(SEEDS) + place
            yield _trial("ablate", name if index else "reference", ordinal, seed, changes)


def _search(trials: int, rng: np.random.Generator) -> Iterator[Values]:
    for ordinal in range(trials):
        changes = {name: levels[rng.integers(len(levels))] for name, levels in LEVELS.items()}
        changes["learning_rate"] = float(10 ** rng.uniform(-4, -2))
        yield _trial("search", f"trial {ordinal}", ordinal, 0, changes)


def _utterances(gold: np.ndarray[Any, Any]) -> Iterator[Values]:
    for place, label in enumerate(gold.tolist()):
        yield {
            "data_fingerprint": DATA,
            "split": "test",
            "position": place,
            "conversation": f"c{place // LENGTH}",
            "utterance": f"u{place % LENGTH}",
            "label": label,
        }


def _evaluations(
    rows: list[Values], scores: list[list[float]], tested: list[int]
) -> Iterator[Values]:
    names = ["weighted_f1", "macro_f1", "accuracy", *(f"f1:{name}" for name in LABELS)]
    both = set(tested)
    for i, (row, found) in enumerate(zip(rows, scores, strict=True)):
        for split in ("test", "validation") if i in both else ("validation",):
            for name, value in zip(names, found, strict=True):
                yield {"trial": row["id"], "split": split, "metric": name, "value": value}


def _epochs(rows: list[Values]) -> Iterator[Values]:
    for row in rows:
        for epoch, metric in product(
            range(1, EPOCHS + 1), ("train_loss", "validation_weighted_f1")
        ):
            value = 1 / epoch if metric == "train_loss" else row["score"] * epoch / EPOCHS
            own = {"trial": row["id"], "epoch": epoch, "metric": metric}
            yield own | {"value": value, "logged_at": row["started_at"] + epoch}


def _findings(rows: list[Values]) -> Iterator[Values]:
    for row in rows:
        fires = row["score"] < 0.4
        yield {
            "trial": row["id"],
            "name": "label_embedding_distance_min",
            "value": 0.05 if fires else 0.9,
            "warning": "the label embeddings have collapsed" if fires else None,
        }


def _predictions(
    rows: list[Values],
    tested: list[int],
    gold: np.ndarray[Any, Any],
    rng: np.random.Generator,
) -> Iterator[Values]:
    for i in tested:
        wrong = rng.random(len(gold)) > 0.5 + rows[i]["hidden_size"] / 1000
        found = np.where(wrong, rng.integers(0, len(LABELS), len(gold)), gold)
        for place, label in enumerate(found.tolist()):
            own = {"trial": rows[i]["id"], "split": "test"}
            yield own | {"position": place, "predicted": label}
