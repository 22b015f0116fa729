"""The metric that a comparison is about: one score, chosen by name."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from sslcl.errors import unknown
from sslcl.learning.score_names import check_score, score_names
from sslcl.metrics import Score
from study.stats.names import DEFAULT_METRIC, PROBE


@dataclass(frozen=True)
class Metric(Score):
    """A score of the model's own predictions, or of those of the linear probe."""

    @classmethod
    def named(cls, name: str, label_names: Sequence[str]) -> Self:
        """The metric called ``name`` for these classes, whoever made the predictions.

        Raises:
            InputError: naming the nearest metric when there is none of that name.
        """
        check_metric(name, label_names)
        return super().named(name.removeprefix(PROBE), label_names)


def check_metric(name: str, label_names: Sequence[str], others: Sequence[str] = ()) -> None:
    """Refuse a metric that is no score of these classes and not among others, such as costs.

    Raises:
        InputError: naming the nearest metric.
    """
    known = score_names(label_names)
    own = name.removeprefix(PROBE)
    if name in others or own in known:
        return None
    if own.startswith("micro_f1"):
        return check_score(own, label_names)
    raise unknown("metric", name, (*known, f"{PROBE}{DEFAULT_METRIC}", *others))
