"""The metric that a comparison is about: one score, chosen by name."""

from collections.abc import Sequence
from dataclasses import dataclass

from sslcl.errors import unknown
from sslcl.metrics import SCORES, Floats, class_f1
from study.stats.names import PROBE, PROBE_METRICS

METRICS = tuple(SCORES)
"""The metrics that every dataset has; besides them there is ``f1:<class>``."""


@dataclass(frozen=True)
class Metric:
    """A score of a confusion matrix, see :mod:`sslcl.metrics` for the formulas.

    Args:
        name: ``weighted_f1``, ``macro_f1``, ``accuracy`` or ``f1:<class>``.
        index: index of the class, for ``f1:<class>`` only.
    """

    name: str
    index: int | None = None

    @classmethod
    def named(cls, name: str, label_names: Sequence[str]) -> "Metric":
        """The metric called ``name`` for these classes, whoever made the predictions.

        Raises:
            InputError: naming the nearest metric when there is none of that name.
        """
        if name in METRICS:
            return cls(name)
        if name in PROBE_METRICS:
            return cls(name.removeprefix(PROBE))
        by_class = {f"f1:{label}": index for index, label in enumerate(label_names)}
        if name not in by_class:
            raise unknown("metric", name, [*METRICS, *PROBE_METRICS, *by_class])
        return cls(name, by_class[name])

    def score(self, counts: Floats) -> Floats:
        """Scores in [0, 1] of ``(..., 3, C)`` :func:`~sslcl.metrics.margins`; shape ``(...)``."""
        if self.index is not None:
            return class_f1(counts)[..., self.index]
        return SCORES[self.name](counts)
