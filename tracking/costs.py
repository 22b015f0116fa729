"""What a trial costs: each measured cost with its column, unit and direction."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Cost:
    """One cost of a trial.

    Args:
        column: its name: in the results database, in a trial's row and on command lines.
        title: in words.
        unit: that it is shown in; empty for a plain count.
        decimals: digits after the point.
        scale: what a stored value is multiplied with before it is shown.
        more_is_better: whether a higher value is the better one.
    """

    column: str
    title: str
    unit: str
    decimals: int
    scale: float = 1.0
    more_is_better: bool = False


_ALL = (
    Cost("seconds", "Training time", "s", 2),
    Cost("seconds_per_epoch", "Time per epoch", "s", 3),
    Cost("utterances_per_second", "Throughput", "utterances/s", 0, more_is_better=True),
    Cost("parameters", "Parameters", "", 0),
    Cost("peak_memory_mb", "Peak memory", "MB", 1),
    Cost("device_memory_mb", "Device memory", "MB", 1),
    Cost("latency_p50_ms", "Median latency", "ms", 2),
    Cost("latency_p95_ms", "95 % latency", "ms", 2),
    Cost("flops_per_utterance", "Operations", "MFLOP/utterance", 3, scale=1e-6),
)
COSTS: Mapping[str, Cost] = {cost.column: cost for cost in _ALL}
"""Every cost by its column, in the order of the results database."""
