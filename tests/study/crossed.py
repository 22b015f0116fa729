"""A grid of three factors that has finished in the ledger."""

from itertools import product
from pathlib import Path
from typing import Any

from tracking.home import Home
from tracking.ledger import Ledger

from .reported import SEEDS, fill, outcome, planned, put_study

BASE = {"similarity": "cosine", "batch_size": 8, "label_embedding_depth": 1}
LEVELS: dict[str, tuple[Any, ...]] = {
    "similarity": ("cosine", "dot", "soft_hgr"),
    "batch_size": (8, 16),
    "label_embedding_depth": (1, 2),
}
SPEC: dict[str, Any] = {
    "study": "demo",
    "factors": {name: {"levels": list(levels)} for name, levels in LEVELS.items()},
    "ablate": {"factors": list(LEVELS), "design": "grid"},
}


def rate_of(similarity: str, batch_size: int, depth: int) -> float:
    """Dot is bad at batch size 16 only; depth matters a little everywhere."""
    return 0.7 - 0.25 * (similarity == "dot" and batch_size == 16) - 0.04 * (depth == 2)


def cells() -> dict[str, tuple[Any, ...]]:
    """Cell to its levels."""
    found = {}
    for levels in product(*LEVELS.values()):
        name = ", ".join(f"{k}={v}" for k, v in zip(LEVELS, levels, strict=True))
        found["reference" if levels == tuple(BASE.values()) else name] = levels
    return found


def score_of(levels: tuple[Any, ...], seed: int) -> float:
    """Accuracy of the trial at these levels."""
    return outcome(rate_of(*levels), seed).evaluations[0].metrics["accuracy"]


def grid_ledger(home: Path, spec: dict[str, Any] | None = None) -> Ledger:
    ledger = Ledger.at(Home(home))
    put_study(ledger, spec=spec or SPEC)
    trials = [planned(cell, seed, base=BASE) for seed in SEEDS for cell in cells()]
    rates = {cell: rate_of(*levels) for cell, levels in cells().items()}
    fill(ledger, trials, rates, lambda cell, seed: {"seconds": 1.0 + seed % 10})
    return ledger
