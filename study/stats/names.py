"""The names of scores and corrections, which command lines offer; imports nothing heavy."""

from typing import Literal, get_args

METRICS = ("weighted_f1", "macro_f1", "accuracy")
"""The metrics that every dataset has; besides them there is ``f1:<class>``."""
PROBE = "probe_"
"""Begins the name of a metric of the linear probe's predictions instead of the model's own."""
PROBE_METRICS = ("probe_weighted_f1",)
DEFAULT_METRIC = "weighted_f1"
Correction = Literal["holm", "bh"]
"""``holm`` bounds the chance of any false claim in a table, ``bh`` the share of false ones."""
CORRECTIONS: tuple[Correction, ...] = get_args(Correction)
CORRECTION_NAMES = {"holm": "Holm", "bh": "BH"}
"""As the headings of tables call them."""
