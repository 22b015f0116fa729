"""How large a share of a GPU each trial is given, by the memory that the first of its kind took."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from sslcl.config import TrialConfig
from tracking.records import PlannedTrial

WHOLE = 1.0
MARGIN = 1.25
"""What a trial is given beside what one of its kind took at most, as a factor."""
MOST = 32
"""Trials on a GPU at most."""
_STEPS = 10_000
"""Ray counts GPUs in so many parts, and rounds to the nearest."""
_WITHOUT_MEMORY = frozenset(
    {"criterion", "epochs", "fold", "inference", "patience", "schedule", "seed", "stop"}
)
"""Fields without a decimal point that change no tensor's size."""


@dataclass(frozen=True)
class GpuMemory:
    """What a process took of its GPU.

    Args:
        peak: bytes at most, the driver's own for the process among them.
        total: bytes of the GPU.
    """

    peak: int
    total: int


Gauge = Callable[[torch.device], GpuMemory | None]
"""Measures the memory that a trial has taken so far on a device; ``None`` where it is no GPU."""


def gpu_memory(device: torch.device) -> GpuMemory | None:
    """The memory that this process has taken of its GPU since the trial began.

    What others hold at the moment is counted as well, so that it is measured with the GPU for
    one's own.
    """
    if device.type != "cuda":
        return None
    free, total = torch.cuda.mem_get_info(device)
    beside = max(total - free - torch.cuda.memory_reserved(device), 0)
    return GpuMemory(torch.cuda.max_memory_reserved(device) + beside, total)


def limit_memory(device: torch.device, share: float) -> None:
    """Have this process run out of memory by itself before it takes a neighbour's."""
    if device.type == "cuda" and share < WHOLE:
        torch.cuda.set_per_process_memory_fraction(share, device)


def kind_of(config: TrialConfig) -> str:
    """What trials of like memory have in common: all fields but seeds and rates.

    Numbers with a decimal point, such as learning rate and dropout, change no tensor's size.
    """
    values = {k: v for k, v in config.canonical().items() if k not in _WITHOUT_MEMORY}
    return json.dumps(_without_rates(values), sort_keys=True)


def _without_rates(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_rates(v) for k, v in value.items() if not isinstance(v, float)}
    return value


def share_for(memory: GpuMemory) -> float:
    """The share of a GPU for trials that take so much: the whole, or one of several equal parts.

    Rounded down to what Ray counts, so that the parts fit together::

        n = floor(total / (MARGIN peak)), from 1 to MOST;  share = floor(10000 / n) / 10000
    """
    beside_each_other = min(int(memory.total / max(MARGIN * memory.peak, 1)), MOST)
    return _part(beside_each_other)


def _part(number: int) -> float:
    return WHOLE if number < 2 else _STEPS // number / _STEPS


class GpuPacking:
    """Which share of a GPU each trial is given.

    The first of a kind is given a whole one and measured; those after it are given what it took
    and a margin. One that runs out of memory is tried again with twice its share, up to a whole
    GPU, and so are all of its kind from then on.

    Args:
        gpus: that the cluster has.
    """

    def __init__(self, gpus: float) -> None:
        self._gpus = gpus
        self._shares: dict[str, float] = {}
        self._held: dict[str, float] = {}

    def share(self, trial: PlannedTrial) -> float:
        """The share that the trial would be given now."""
        return self._shares.get(kind_of(trial.config), WHOLE)

    def begin(self, trial: PlannedTrial) -> float | None:
        """Give the trial its share; ``None`` if there is no room before another ends."""
        share = self.share(trial)
        if self._held and sum(self._held.values()) + share > self._gpus + 1e-9:
            return None
        self._held[trial.id] = share
        return share

    def measured(self, trial: PlannedTrial, memory: GpuMemory) -> None:
        """Take note of what a trial has taken so far, if it has a whole GPU."""
        if self._held.get(trial.id) != WHOLE:
            return
        kind, share = kind_of(trial.config), share_for(memory)
        self._shares[kind] = max(share, self._shares.get(kind, 0.0))

    def end(self, trial: PlannedTrial, *, out_of_memory: bool = False) -> bool:
        """Take the trial's share back; whether it is to be tried again with a larger one."""
        share = self._held.pop(trial.id, WHOLE)
        if not out_of_memory or share >= WHOLE:
            return False
        kind = kind_of(trial.config)
        # Ray's steps make two halves of 0.4999 less than a whole.
        doubled = WHOLE if share > WHOLE / 2 - 2 / _STEPS else 2 * share
        self._shares[kind] = max(self._shares.get(kind, 0.0), doubled)
        return True
