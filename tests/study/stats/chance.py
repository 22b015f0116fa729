"""Studies made up by chance, with effects of known size on classes, conversations and seeds."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats as scipy_stats

from study.stats.comparison import Sample
from study.stats.metrics import Metric

CLASSES = 3
ACCURACY = Metric("accuracy")
LABELS = ("anger", "joy", "neutral")


@dataclass(frozen=True)
class Chance:
    """How much there is of everything, and by how much it varies in log-odds."""

    seeds: int = 5
    conversations: int = 30
    seed_sd: float = 0.2
    conversation_sd: float = 0.5
    both_sd: float = 0.2


def simulate(rng: np.random.Generator, *, effect: float = 0.0, **chance: Any) -> dict[str, Sample]:
    """Two cells as of :func:`simulate_cells`; ``effect`` is that of cell ``other``."""
    return simulate_cells(rng, {"reference": 0.0, "other": effect}, **chance)


def simulate_cells(
    rng: np.random.Generator, effects: Mapping[str, float], **chance: Any
) -> dict[str, Sample]:
    """Cells whose log-odds of a hit have seed, conversation and seed × conversation effects.

    Difficulty of conversations and utterances is shared by all cells; the effect of a cell is
    added to its log-odds. ``chance`` are the fields of :class:`Chance`.
    """
    sizes = Chance(**chance)
    seeds, conversations = sizes.seeds, sizes.conversations
    lengths = rng.integers(5, 30, size=conversations)
    owner = np.repeat(np.arange(conversations), lengths)
    classes = np.array([rng.dirichlet([4.0, 2.0, 1.0]) for _ in range(conversations)])
    labels = (rng.random(len(owner))[:, None] > classes.cumsum(1)[owner]).sum(1) % CLASSES
    easy = 1.0 + rng.normal(0, 0.8, conversations)[owner] + rng.normal(0, 1.0, len(owner))
    cells = {}
    for name, shift in effects.items():
        logit = (
            easy
            + shift
            + rng.normal(0, sizes.conversation_sd, conversations)[owner]
            + rng.normal(0, sizes.seed_sd, (seeds, 1))
            + rng.normal(0, sizes.both_sd, (seeds, conversations))[:, owner]
        )
        hit = rng.random(logit.shape) < 1 / (1 + np.exp(-logit))
        wrong = (labels + rng.integers(1, CLASSES, logit.shape)) % CLASSES
        cells[name] = sample(owner, labels, np.where(hit, labels, wrong), conversations)
    return cells


def sample(owner: np.ndarray, labels: np.ndarray, predicted: np.ndarray, count: int) -> Sample:
    confusion = np.zeros((len(predicted), count, CLASSES, CLASSES), dtype=np.int64)
    seed = np.arange(len(predicted))[:, None]
    np.add.at(confusion, (seed, owner, labels, predicted), 1)
    return Sample(tuple(range(len(predicted))), confusion)


def most_false_positives(runs: int) -> float:
    """5 % and what chance adds to it in one of 1,000 simulations of this size."""
    return float(scipy_stats.binom.ppf(0.999, runs, 0.05)) / runs


def true_difference(metric: Metric, effect: Mapping[str, Any]) -> float:
    """The difference on very many conversations, averaged over very many seeds."""
    rng = np.random.default_rng(11)
    values = []
    for _ in range(100):
        cells = simulate(rng, seeds=1, conversations=1500, **effect)
        values.append(cells["other"].scores(metric)[0] - cells["reference"].scores(metric)[0])
    return float(np.mean(values))
