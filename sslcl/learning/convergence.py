"""Whether training has gone on long enough, told from its validation scores."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Literal

import numpy as np

StopRule = Literal["patience", "converged"]
"""When training ends before its last epoch: see :func:`waited_enough`."""
SMOOTHED = 5
"""Epochs whose mean score the rule ``converged`` follows."""
SHARE_WAITED = 1 / 3
"""Share of the epochs so far that the rule ``converged`` waits at least."""
FEWEST_IN_QUARTER = 4
NEAR_THE_END = 0.1
"""A best epoch in this last share of the epochs, or the last, is at the end."""
SMALLEST_GAIN = 0.01
"""Validation score gained over the last quarter that counts as a rise by itself."""


def last_rise(scores: Sequence[float], smoothed: int = 1) -> int:
    """The epoch, from 1, with the highest mean of the ``smoothed`` scores that end there.

    The first of them where several are equal; 0 without scores.
    """
    means = _running_means(scores, smoothed)
    return means.index(max(means)) + 1 if means else 0


def best_mean(scores: Sequence[float]) -> float:
    """The highest mean of :data:`SMOOTHED` scores in a row, or of fewer at the start.

    It grows less by chance alone than the highest score when a curve gets longer.

    Args:
        scores: validation score of every epoch, at least one.
    """
    return max(_running_means(scores, SMOOTHED))


def waited_enough(scores: Sequence[float], rule: StopRule, patience: int) -> bool:
    """Whether validation has not risen for so long that training should end.

    ``patience``: the last ``patience`` epochs brought no better score. ``converged``: neither the
    score nor its mean over :data:`SMOOTHED` epochs rose in the last ``patience`` epochs, the last
    :data:`SMOOTHED` nor the last third of all epochs, and the curve is not
    :attr:`Convergence.improving`, so that a noisy curve which still rises is not cut.

    Args:
        scores: validation score of every epoch so far.
        rule: one of the two.
        patience: epochs.
    """
    epoch = len(scores)
    if not epoch:
        return False
    if rule == "patience":
        return epoch - last_rise(scores) >= patience
    rise = max(last_rise(scores), last_rise(scores, SMOOTHED))
    waited = epoch - rise >= max(patience, SMOOTHED, ceil(SHARE_WAITED * epoch))
    return waited and not Convergence.of(scores).improving


@dataclass(frozen=True)
class Convergence:
    """How a curve of validation scores ended.

    Args:
        epochs_since_best: epochs after the best one.
        late_gain: rise over the last quarter of the epochs, at least four of them, along the
            least-squares line.
        late_gain_error: its standard error; infinite for fewer than three epochs.
        improving: whether the score was still rising at the end: the best epoch is the last or
            in the last tenth and the line rises, or the line rises by more than
            :data:`SMALLEST_GAIN` and two standard errors.
    """

    epochs_since_best: int
    late_gain: float
    late_gain_error: float
    improving: bool

    @classmethod
    def of(cls, scores: Sequence[float]) -> "Convergence":
        """How the curve ended.

        Args:
            scores: validation score of every epoch, at least one.
        """
        epochs = len(scores)
        gain, error = _line_gain(scores[-max(FEWEST_IN_QUARTER, ceil(epochs / 4)) :])
        since = epochs - last_rise(scores)
        at_the_end = since < max(1, NEAR_THE_END * epochs)
        clear = gain > SMALLEST_GAIN and gain > 2 * error
        # A single epoch has no line, and is its own best.
        rising = gain > 0 or epochs == 1
        return cls(since, gain, error, (at_the_end and rising) or clear)


def _running_means(scores: Sequence[float], smoothed: int) -> list[float]:
    return [
        sum(scores[max(0, end - smoothed) : end]) / min(smoothed, end)
        for end in range(1, len(scores) + 1)
    ]


def _line_gain(scores: Sequence[float]) -> tuple[float, float]:
    """Rise of the least-squares line from the first score to the last, and its standard error."""
    count = len(scores)
    if count < 2:
        return 0.0, float("inf")
    places = np.arange(count) - (count - 1) / 2
    values = np.asarray(scores, dtype=np.float64)
    squares = float(places @ places)
    slope = float(places @ values) / squares
    if count < 3:
        return slope * (count - 1), float("inf")
    residuals = values - values.mean() - slope * places
    error = float(residuals @ residuals / (count - 2) / squares) ** 0.5
    return slope * (count - 1), error * (count - 1)
