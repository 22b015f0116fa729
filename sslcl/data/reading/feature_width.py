"""How many numbers describe an utterance in a published dictionary of features."""

from typing import Any

import numpy as np


def width_of(by_dialogue: Any) -> int:
    """Numbers an utterance in a dictionary of features; 0 when it is not one."""
    if not isinstance(by_dialogue, dict) or not by_dialogue:
        return 0
    rows = next(iter(by_dialogue.values()))
    try:
        return int(np.asarray(rows[0], dtype=np.float32).shape[0])
    except (IndexError, KeyError, OverflowError, TypeError, ValueError):
        return 0
