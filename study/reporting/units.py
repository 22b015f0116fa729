"""How the numbers of each metric are called, scaled and shown."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from study.analysis.costs import COSTS

MISSING = "–"


@dataclass(frozen=True)
class Unit:
    """What the values of a metric are shown in.

    Args:
        title: the metric in words.
        symbol: the unit, such as ``%``; empty for a plain count.
        difference: the unit of differences.
        scale: what a value is multiplied with before it is shown.
        decimals: digits after the point.
        more_is_better: the direction that a verdict calls ``better``.
    """

    title: str
    symbol: str = ""
    difference: str = ""
    scale: float = 1.0
    decimals: int = 2
    more_is_better: bool = True

    @property
    def heading(self) -> str:
        """Title and unit, such as ``Weighted F1, %``."""
        return f"{self.title}, {self.symbol}" if self.symbol else self.title

    def number(self, value: float | None, *, signed: bool = False) -> str:
        """``value`` in this unit, with a true minus sign and never a signed zero."""
        if value is None or math.isnan(value):
            return MISSING
        sign = "+" if signed else ""
        shown = f"{self.scale * value:{sign},.{self.decimals}f}"
        if float(shown.replace(",", "")) == 0:
            shown = f"{0:.{self.decimals}f}"
        return shown.replace("-", "−")

    def spread(self, mean: float | None, sd: float | None) -> str:
        """Mean and standard deviation, the latter where there is one."""
        known = sd is not None and not math.isnan(sd)
        return self.number(mean) + (f" ± {self.number(sd)}" if known else "")


_COSTS: Mapping[str, tuple[str, str, float, int]] = {
    "seconds": ("Training time", "s", 1.0, 2),
    "seconds_per_epoch": ("Time per epoch", "s", 1.0, 3),
    "utterances_per_second": ("Throughput", "utterances/s", 1.0, 0),
    "parameters": ("Parameters", "", 1.0, 0),
    "peak_memory_mb": ("Peak memory", "MB", 1.0, 1),
    "device_memory_mb": ("Device memory", "MB", 1.0, 1),
    "latency_p50_ms": ("Median latency", "ms", 1.0, 2),
    "latency_p95_ms": ("95 % latency", "ms", 1.0, 2),
    "flops_per_utterance": ("Operations", "MFLOP/utterance", 1e-6, 3),
}
"""Title, unit, scale and decimals."""


def unit_of(metric: str) -> Unit:
    """The unit of a score or a cost; scores are shown in per cent, differences in points.

    Example:
        >>> unit_of("weighted_f1").heading, unit_of("f1:joy").heading
        ('Weighted F1, %', 'F1 of joy, %')
        >>> unit_of("parameters").number(1234567.0)
        '1,234,567'
    """
    if metric in _COSTS:
        title, symbol, scale, decimals = _COSTS[metric]
        return Unit(title, symbol, symbol, scale, decimals, COSTS[metric])
    if metric.startswith("f1:"):
        title = f"F1 of {metric[3:]}"
    else:
        title = metric.replace("_", " ").capitalize().replace("f1", "F1")
    return Unit(title, "%", "percent points", 100.0)
