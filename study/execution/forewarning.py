"""What is known to go wrong with a plan before anything is trained: large batches, few steps."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil

import torch

from sslcl.config import TrialConfig
from sslcl.data.types import Dataset
from sslcl.errors import listed
from sslcl.model import SSLCLModel
from sslcl.similarities import SIMILARITIES
from study.design.plan import PhasePlan, Plan
from tracking.records import Phase

FEWEST_STEPS = 100
"""With fewer steps than this, rows mostly tell which cell learns fastest."""
_MOST_NAMED = 4


@dataclass(frozen=True)
class Planned:
    """One kind of trial of a plan.

    Args:
        name: phase and cell, or the phase of a search.
        config: what would be trained, or one like it.
    """

    name: str
    config: TrialConfig


def forewarnings(planned: Plan, dataset: Dataset) -> Iterator[str]:
    """Sentences on the steps of a trial, and on every batch that is too large for its loss.

    Args:
        planned: what a run would train.
        dataset: the data.
    """
    asked = [phase for phase in planned.phases if phase.phase is not Phase.EXTEND]
    kinds = [kind for phase in asked for kind in _kinds(phase)]
    if not kinds:
        return
    yield _steps(kinds, dataset)
    widths: dict[str, int] = {}
    for kind in kinds:
        if warning := _batch_warning(kind, dataset, widths):
            yield warning


def steps_of(config: TrialConfig, dataset: Dataset) -> int:
    """Optimiser steps of a trial that trains all its epochs."""
    return config.epochs * ceil(len(dataset.train) / config.batch_size)


def _kinds(phase: PhasePlan) -> Iterator[Planned]:
    """One trial for each cell, since the seeds of a cell differ in nothing else."""
    seen = set()
    for trial in phase.trials:
        cell = "" if phase.phase.searches else trial.cell
        if cell not in seen:
            seen.add(cell)
            yield Planned(f"{phase.phase.value} {cell}".strip(), trial.config)


def _steps(kinds: Sequence[Planned], dataset: Dataset) -> str:
    """How many steps trials take at most, and who takes few."""
    steps = {kind.name: steps_of(kind.config, dataset) for kind in kinds}
    fewest, most = min(steps.values()), max(steps.values())
    span = f"{most:,}" if fewest == most else f"{fewest:,} to {most:,}"
    few = [name for name, count in steps.items() if count < FEWEST_STEPS]
    if not few:
        return f"a trial takes at most {span} steps"
    return (
        f"warning: a trial takes at most {span} steps, fewer than {FEWEST_STEPS} for "
        f"{listed(few, _MOST_NAMED)}: such rows tell how fast a setting learns. Raise epochs or "
        "lower batch_size"
    )


def _batch_warning(kind: Planned, dataset: Dataset, widths: dict[str, int]) -> str | None:
    """What is wrong with batches of that many utterances under the similarity, if anything."""
    config = kind.config
    if "similarity" not in config.canonical():
        return None
    width = _width(config, dataset, widths)
    largest = SIMILARITIES.get(config.similarity).largest_batch(width, len(dataset.label_names))
    lengths = sum(len(conversation) for conversation in dataset.train) / len(dataset.train)
    utterances = lengths * min(config.batch_size, len(dataset.train))
    if largest is None or utterances <= largest:
        return None
    return (
        f"warning: {kind.name}: batches of about {utterances:.0f} utterances, but the penalty of "
        f"{config.similarity} outweighs its alignment above {largest:.0f}, which is "
        f"(D - 1) sqrt(2C) for features of width {width}: use a smaller batch_size or a larger "
        "hidden_size"
    )


def _width(config: TrialConfig, dataset: Dataset, widths: dict[str, int]) -> int:
    """``D`` of the features that the configuration's backbone gives."""
    key = f"{config.backbone} {config.hidden_size} {config.backbone_options} {config.modalities}"
    if key not in widths:
        with torch.random.fork_rng(devices=()):
            widths[key] = SSLCLModel(config, dataset).backbone.output_width
    return widths[key]
