"""Sentiment scores from -3 to 3 as classes: by sign, and in seven steps."""

import numpy as np
from numpy.typing import NDArray

from sslcl.data.corpus import Task

SENTIMENTS = ("negative", "neutral", "positive")
STEPS = (
    "strongly negative",
    "negative",
    "weakly negative",
    "neutral",
    "weakly positive",
    "positive",
    "strongly positive",
)
"""The words for -3 to 3 that annotators of CMU-MOSI were given (Zadeh et al., 2016)."""
BINARY = Task("sentiment2", ("negative", "positive"))
"""The sign; utterances whose score is 0 are context."""
TERNARY = Task("sentiment3", SENTIMENTS)
SEVEN = Task("sentiment7", STEPS)
"""The score cut to [-3, 3] and rounded, halves to the even number as NumPy rounds."""


def by_sign(scores: NDArray[np.float64]) -> list[str]:
    """A class of :data:`TERNARY` for each score."""
    return [SENTIMENTS[int(sign) + 1] for sign in np.sign(scores)]


def by_nonzero_sign(scores: NDArray[np.float64]) -> list[str | None]:
    """A class of :data:`BINARY` for each score, nothing for 0."""
    return [None if name == "neutral" else name for name in by_sign(scores)]


def by_step(scores: NDArray[np.float64]) -> list[str]:
    """A class of :data:`SEVEN` for each score."""
    return [STEPS[int(step) + 3] for step in np.rint(np.clip(scores, -3, 3))]


def are_seven_steps(scores: NDArray[np.float64]) -> bool:
    """Whether scores go beyond 1, as those from -3 to 3 do and those of CH-SIMS do not."""
    return bool((np.abs(scores) > 1).any())
