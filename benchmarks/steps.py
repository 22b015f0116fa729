"""What training costs: a step with four views over one without, evaluation, profiling, padding."""

import time
from collections.abc import Callable

import torch

from benchmarks.timing import Figure, at_most, of_pairs, seconds
from sslcl.backbones import BACKBONES
from sslcl.config import TrialConfig
from sslcl.data import load_dataset
from sslcl.data.types import Dataset
from sslcl.profiling import ProductCounter, countable, profile
from sslcl.training import Trainer

MOST_FOR_VIEWS = 1.8
MOST_FOR_EVALUATION = 0.10
MOST_FOR_PROFILING = 0.05
PAIRS = 7
EPOCHS = 20
"""Epochs of a trial to which its profiling is compared."""


def figures() -> list[Figure]:
    """One line for each backbone, then the shares of a trial that are not training."""
    torch.set_num_threads(1)
    dataset = load_dataset("synthetic")
    lines = [_views(name, dataset) for name in BACKBONES.names()]
    return [*lines, _evaluation(dataset), _profiling(dataset)]


def _views(name: str, dataset: Dataset) -> Figure:
    """An epoch of ``sslcl`` on four views over one of ``cross_entropy``."""
    both = [
        _training(TrialConfig(backbone=name, objective=objective), dataset)
        for objective in ("sslcl", "cross_entropy")
    ]
    for work in both:
        work()
    measured = of_pairs([(seconds(both[0]), seconds(both[1])) for _ in range(PAIRS)])
    more = products(name, "sslcl", dataset) / products(name, "cross_entropy", dataset)
    what = f"{name}: epoch of sslcl over cross-entropy (matrix products: {more:.2f}x)"
    return at_most(what, measured, MOST_FOR_VIEWS)


def products(name: str, objective: str, dataset: Dataset) -> int:
    """Floating-point operations of the matrix products of one training epoch."""
    train = _training(TrialConfig(backbone=name, objective=objective), dataset)
    with countable(), ProductCounter() as counter:
        train()
    return counter.operations


def _training(config: TrialConfig, dataset: Dataset) -> Callable[[], object]:
    trainer = Trainer(config.replace(epochs=1000, patience=1000), dataset)
    return trainer.train_epoch


def _evaluation(dataset: Dataset) -> Figure:
    """Scoring validation over training and scoring it."""
    trainer = Trainer(TrialConfig(epochs=1000, patience=1000), dataset)
    trainer.fit_epoch()
    pairs = []
    for _ in range(PAIRS):
        evaluating = seconds(trainer.validation)
        pairs.append((evaluating, seconds(trainer.train_epoch) + evaluating))
    return at_most("scoring validation, share of an epoch", of_pairs(pairs), MOST_FOR_EVALUATION)


def _profiling(dataset: Dataset) -> Figure:
    """Measuring latency and operations over a trial of :data:`EPOCHS` epochs."""
    trainer = Trainer(TrialConfig(epochs=1000, patience=1000), dataset)
    trainer.fit_epoch()
    split = dataset.test or dataset.validation

    def pair() -> tuple[float, float]:
        started = time.perf_counter()
        profile(trainer, split)
        profiling = time.perf_counter() - started
        return profiling, EPOCHS * seconds(trainer.fit_epoch)

    pair()
    what = f"profiling a trial, over {EPOCHS} epochs of it"
    return at_most(what, of_pairs([pair() for _ in range(PAIRS)]), MOST_FOR_PROFILING)
