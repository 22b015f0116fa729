"""How long trials will take: from finished ones like them, else from a training step."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from statistics import fmean

from sslcl.config import TrialConfig
from sslcl.data.folds import of_fold
from sslcl.data.types import Dataset, Split
from sslcl.errors import Diverged
from sslcl.fusion.trainer import FusedTrainer
from sslcl.training import Trainer
from study.execution.trial import fused_trainer, pick_device
from tracking.records import Phase, Status
from tracking.rows import TrialRow


class Estimate:
    """Seconds of trials on one dataset.

    Args:
        rows: trials of the results database.
        dataset: the data; a training step is measured on it where no trial has finished.
    """

    def __init__(self, rows: Sequence[TrialRow], dataset: Dataset) -> None:
        ended = (Status.COMPLETE, Status.PRUNED)
        self._dataset = dataset
        self._rows = [
            row
            for row in rows
            if row.status in ended and row.seconds and row.config.dataset == dataset.name
        ]
        self._probed: dict[tuple[str, str, int], float] = {}

    @property
    def source(self) -> str:
        """Where the figures come from, in words."""
        if self._rows:
            known = f"from {len(self._rows)} finished trials on this data"
            return f"{known}, of the same backbone and objective where there are any"
        return "from one training step of each backbone and objective"

    def seconds(self, phase: Phase, config: TrialConfig) -> float:
        """Seconds of one trial of ``config``, or of one like it, in proportion to its epochs.

        In a search they are shorter by what was pruned in searches before.
        """
        if not self._rows:
            kind = (config.backbone, config.objective, len(config.fused_seeds))
            if kind not in self._probed:
                self._probed[kind] = seconds_per_epoch(config, self._dataset)
            return self._probed[kind] * config.epochs
        like = self._like(phase, config)
        return fmean((row.seconds or 0.0) / row.config.epochs for row in like) * config.epochs

    def _like(self, phase: Phase, config: TrialConfig) -> Sequence[TrialRow]:
        """The finished trials that are most like it."""
        wishes: tuple[Callable[[TrialRow], bool], ...] = (
            lambda row: row.phase.searches if phase.searches else row.status is Status.COMPLETE,
            lambda row: row.config.backbone == config.backbone,
            lambda row: row.config.objective == config.objective,
            lambda row: bool(row.config.fused_seeds) == bool(config.fused_seeds),
        )
        like: Sequence[TrialRow] = self._rows
        for wish in wishes:
            like = [row for row in like if wish(row)] or like
        return like


def seconds_per_epoch(config: TrialConfig, dataset: Dataset) -> float:
    """Seconds of an epoch, from one training step and its share of the validation split.

    Of a trial that is trained in a group it is its share of the group's.
    """
    dataset = of_fold(dataset, config.fold)
    batch = min(config.batch_size, len(dataset.train))
    share = batch / len(dataset.train)
    checked = max(round(share * len(dataset.validation)), 1)
    part = replace(
        dataset.sealed(),
        train=_spread(dataset.train, batch),
        validation=_spread(dataset.validation, checked),
    )
    short = config.replace(epochs=2, patience=2)
    trainer = (
        fused_trainer(short, part) if short.fused_seeds else Trainer(short, part, pick_device())
    )
    # The first step also pays for what is loaded and allocated once.
    _step(trainer)
    started = time.perf_counter()
    _step(trainer)
    return (time.perf_counter() - started) / share / max(len(config.fused_seeds), 1)


def _spread(split: Split, count: int) -> Split:
    """``count`` conversations evenly spaced over the split."""
    return tuple(split[index * len(split) // count] for index in range(count))


def _step(trainer: Trainer | FusedTrainer) -> None:
    # A batch may lack a class that the loss divides by; the time was spent all the same.
    with suppress(Diverged):
        trainer.fit_epoch()
