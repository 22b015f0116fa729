"""From the p-values of one table to what may be said of its rows."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from sslcl.errors import unknown
from sslcl.metrics import Floats
from study.stats.names import CORRECTIONS

SIGNIFICANCE = 0.05

Verdict = Literal["better", "worse", "equivalent", "not shown"]


def correct(p_values: Sequence[float], correction: str = "holm") -> list[float]:
    """p-values corrected over those of them that are not NaN; NaN stays NaN.

    Args:
        p_values: of one table.
        correction: ``holm`` (step-down, family-wise error rate) or ``bh`` (Benjamini and
            Hochberg, false discovery rate).

    Raises:
        InputError: for another correction.
    """
    if correction not in CORRECTIONS:
        raise unknown("correction", correction, CORRECTIONS)
    values = np.asarray(p_values, dtype=np.float64)
    corrected = np.full(values.shape, np.nan)
    known = ~np.isnan(values)
    if known.any():
        method = _holm if correction == "holm" else _benjamini_hochberg
        corrected[known] = method(values[known])
    return [float(p) for p in corrected]


def _holm(p_values: Floats) -> Floats:
    """The i-th smallest of m times m - i + 1, made to ascend, at most 1.

    statsmodels has it too, but collects garbage at every call, which takes a fraction of a second.
    """
    order = np.argsort(p_values)
    stepped = np.maximum.accumulate(p_values[order] * np.arange(len(order), 0, -1))
    corrected = np.empty_like(p_values)
    corrected[order] = np.minimum(stepped, 1.0)
    return corrected


def _benjamini_hochberg(p_values: Floats) -> Floats:
    from scipy.stats import false_discovery_control  # slow to import, and seldom asked for

    corrected: Floats = false_discovery_control(p_values)
    return corrected


def verdict(difference: float, p_corrected: float, p_equivalence: float) -> Verdict | None:
    """What a row shows at the 5 % level.

    ``equivalent`` where the difference is surely smaller than the smallest interesting one. This
    comes first: a difference can be surely there and surely negligible, and then it is
    ``equivalent``. Otherwise ``better`` or ``worse`` where it is surely there, by its sign; else
    ``not shown``, which is no claim that there is none.

    Each of the two tests is corrected over the table by itself, so with Holm's correction no more
    than 5 % of tables call any true difference of at least the smallest interesting one
    ``equivalent``, and no more than 5 % call any null difference ``better`` or ``worse``.

    Args:
        difference: cell - reference, where more is better.
        p_corrected: of no difference, corrected over the table.
        p_equivalence: of a difference worth having, corrected over the table; NaN where not
            tested.

    Returns:
        ``None`` where nothing can be said because ``p_corrected`` is NaN.
    """
    if np.isnan(p_corrected):
        return None
    if p_equivalence < SIGNIFICANCE:
        return "equivalent"
    if p_corrected < SIGNIFICANCE:
        return "better" if difference > 0 else "worse"
    return "not shown"
