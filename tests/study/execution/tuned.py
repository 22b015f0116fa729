"""Studies of the design ``tuned``, and what must hold when one has run."""

from collections import Counter
from dataclasses import replace
from typing import Any

from search_spaces.schema import Study
from sslcl.data.types import Dataset
from study.design.tuning import TunedCell, tuned_cells
from study.execution.winner import best_of
from tracking.records import Phase, Status

from .simulated import DATA, make_study
from .simulator import World

TUNED: dict[str, Any] = {
    "base": {"epochs": 2, "hidden_size": 8, "label_embedding_width": 8},
    "search": None,
    "ablate": {
        "design": "tuned",
        "factors": ["objective"],
        "trials": 3,
        "seeds": 2,
        "reference": {"objective": "sslcl"},
    },
}
SEARCHED: dict[str, Any] = {
    **TUNED,
    "search": {"trials": 3, "sampler": "random"},
    "confirm": {"top": 1, "seeds": 2},
    "ablate": {**TUNED["ablate"], "reference": "winner"},
}
FACTORS: dict[str, Any] = {
    "objective": ["sslcl", "cross_entropy"],
    "similarity": {"levels": ["dot", "cosine"], "when": {"objective": ["sslcl"]}},
    "learning_rate": {"low": 1e-4, "high": 1e-2, "log": True},
}


def data_of(world: World, loaded: Dataset) -> Dataset:
    """Data that no other world has, so that nothing is found of theirs."""
    return replace(loaded, fingerprint=world.study.name)


def ablated(study: Study, **changes: Any) -> Study:
    """The study with changed keys of its ablation."""
    assert study.ablate is not None
    ablate = {**study.ablate.model_dump(), **changes}
    return make_study(**{**study.canonical(), "ablate": ablate})


def cells_of(
    study: Study, reference: dict[str, Any] | None = None
) -> tuple[list[TunedCell], tuple[str, ...]]:
    assert study.ablate is not None
    return tuned_cells(study, study.ablate, reference or {}, DATA)


def check(world: World, reference: dict[str, Any] | None = None) -> None:
    """Every cell has searched its budget, Optuna agrees, and its winner is trained and tested."""
    study, ledger = world.study, world.ledger
    assert study.ablate is not None
    cells, _ = cells_of(study, reference)
    for cell in cells:
        world.check(cell.tuning)
    rows = world.rows(None)
    assert all(row.status.final for row in rows)
    tune = [row for row in rows if row.phase is Phase.TUNE]
    assert len(tune) == len(cells) * study.ablate.tuning_trials
    assert all(ledger.evaluation(row.id, "test") is None for row in tune)
    for cell in cells:
        (winner,) = best_of(ledger, cell.tuning, 1)
        tested = [r for r in rows if r.phase is Phase.ABLATE and r.cell == cell.name]
        assert len(tested) == study.ablate.seeds
        for row in tested:
            assert row.config == study.config(winner, row.config.seed)
    complete = Counter(row.identity for row in rows if row.status is Status.COMPLETE)
    assert max(complete.values()) == 1, "the same trial was trained twice"
