"""How the numbers of each metric are called, scaled and shown, and how p-values are."""

import math
from dataclasses import dataclass

from sslcl.learning.score_names import score_title
from study.stats.names import PROBE
from tracking.costs import COSTS

MISSING = "–"


@dataclass(frozen=True)
class MetricUnit:
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
        return self.in_unit(self.title)

    def in_unit(self, name: str) -> str:
        """``name`` with the unit after it, such as ``A, %``."""
        return f"{name}, {self.symbol}" if self.symbol else name

    def number(self, value: float | None, *, signed: bool = False) -> str:
        """``value`` in this unit, with a true minus sign and never a signed zero."""
        if value is None or math.isnan(value):
            return MISSING
        return decimal(self.scale * value, self.decimals, signed=signed)

    def spread(self, mean: float | None, sd: float | None) -> str:
        """Mean and standard deviation, the latter where there is one."""
        known = sd is not None and not math.isnan(sd)
        return self.number(mean) + (f" ± {self.number(sd)}" if known else "")

    def interval(self, low: float | None, high: float | None) -> str:
        """A confidence interval, such as ``[−1.20, +0.30]``; a dash where it is not known."""
        if low is None or high is None or math.isnan(low) or math.isnan(high):
            return MISSING
        return f"[{self.number(low, signed=True)}, {self.number(high, signed=True)}]"


def decimal(value: float | None, decimals: int, *, signed: bool = False) -> str:
    """``value`` with that many decimals, a true minus sign and never a signed zero.

    Example:
        >>> decimal(-1.234, 2), decimal(-0.001, 2), decimal(1234.5, 1, signed=True)
        ('−1.23', '0.00', '+1,234.5')
    """
    if value is None or math.isnan(value):
        return MISSING
    shown = f"{value:{'+' if signed else ''},.{decimals}f}"
    if float(shown.replace(",", "")) == 0:
        shown = f"{0:.{decimals}f}"
    return shown.replace("-", "−")


def p_text(value: float | None) -> str:
    """A p-value to three decimals; ``<0.001`` below that."""
    if value is None or math.isnan(value):
        return MISSING
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def p_equals(value: float) -> str:
    """A p-value as a sentence gives it, such as ``= 0.012`` or ``< 0.001``."""
    shown = p_text(value)
    return shown.replace("<", "< ") if shown.startswith("<") else f"= {shown}"


def unit_of(metric: str) -> MetricUnit:
    """The unit of a score or a cost; scores are shown in per cent, differences in points.

    Example:
        >>> unit_of("weighted_f1").heading, unit_of("f1:joy").heading
        ('Weighted F1, %', 'F1 of joy, %')
        >>> unit_of("parameters").number(1234567.0)
        '1,234,567'
    """
    if metric in COSTS:
        cost = COSTS[metric]
        return MetricUnit(
            title=cost.title,
            symbol=cost.unit,
            difference=cost.unit,
            scale=cost.scale,
            decimals=cost.decimals,
            more_is_better=cost.more_is_better,
        )
    title = score_title(metric.removeprefix(PROBE))
    if metric.startswith(PROBE):
        title = f"{title} of a linear probe"
    return MetricUnit(title, "%", "percent points", 100.0)


def metric_title(metric: str) -> str:
    """The metric in words.

    Example:
        >>> metric_title("weighted_f1"), metric_title("f1:joy"), metric_title("seconds")
        ('Weighted F1', 'F1 of joy', 'Training time')
    """
    return unit_of(metric).title


def percent(value: float | None, *, signed: bool = False) -> str:
    """A score in per cent with two decimals."""
    return unit_of("accuracy").number(value, signed=signed)
