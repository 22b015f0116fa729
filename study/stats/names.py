"""The names of scores and corrections, which command lines offer; imports nothing heavy."""

from collections.abc import Mapping
from typing import Any, Literal, get_args

from sslcl.learning.score_names import DEFAULT_SCORE

METRICS = ("weighted_f1", "macro_f1", "accuracy")
"""The metrics whose tables every study gets; any score of :mod:`sslcl.learning.score_names` is
a metric."""
PROBE = "probe_"
"""Begins the name of a metric of the linear probe's predictions instead of the model's own."""
DEFAULT_METRIC = DEFAULT_SCORE
Correction = Literal["holm", "bh"]
"""``holm`` bounds the chance of any false claim in a table, ``bh`` the share of false ones."""
CORRECTIONS: tuple[Correction, ...] = get_args(Correction)
CORRECTION_NAMES = {"holm": "Holm", "bh": "BH"}
"""As the headings of tables call them."""


def metric_of(spec: Mapping[str, Any]) -> str:
    """The metric that a study is judged by: the criterion of its file.

    Args:
        spec: the study file, as the ledger keeps it.
    """
    return str(spec.get("criterion", DEFAULT_METRIC))


def shown_metric(spec: Mapping[str, Any]) -> str:
    """The metric whose table is shown first: ``report.metric`` of its file, else its criterion.

    Args:
        spec: the study file, as the ledger keeps it.
    """
    return str((spec.get("report") or {}).get("metric") or metric_of(spec))


def tables_of(spec: Mapping[str, Any]) -> tuple[str, ...]:
    """The metrics whose tables a study gets unasked, that of :func:`metric_of` among them."""
    return tuple(dict.fromkeys((*METRICS, metric_of(spec))))
