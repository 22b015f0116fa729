"""The modality ``timing``: when, for how long and how fast somebody spoke.

Made from start and end times and the words, so that it is the same for every corpus that has them.
All features are finite whatever the times are. In each, ``d`` is the duration in seconds, ``n`` the
characters and ``w`` the words of the utterance, and ``k`` its place in the conversation, from 0:

==================  ===============================================================================
``log_duration``    ln d, d in seconds
``pause``           sign(p) ln(1 + |p|), p = start - end of the one before, in seconds, clipped to
                    ±10; 0 where unknown
``overlap``         share of the utterance during which the one before goes on, 0 to 1
``log_rate``        ln(n / d), characters per second, n / d clipped to 0.5 and 50
``log_words``       ln(1 + w)
``log_characters``  ln(1 + n)
``position``        ln(1 + k)
``repaired``        1 where the duration is an estimate, else 0
``no_pause``        1 where no pause is known: the first utterance, or a time missing, else 0
``backwards``       1 where the utterance starts before the one before does, else 0
==================  ===============================================================================

A duration is an estimate where start or end is missing or not finite, where it is below 0.1 s or
above 30 s, or where it would take more than 50 characters a second to speak. Nobody speaks so: the
times are wrong. The estimate is n / 14 seconds, at least 0.1 and at most 30, 14 characters a second
being the median of English television dialogue; the end becomes start + estimate.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sslcl.data.reading.texts import mend

NAMES = (
    "log_duration",
    "pause",
    "overlap",
    "log_rate",
    "log_words",
    "log_characters",
    "position",
    "repaired",
    "no_pause",
    "backwards",
)
"""The features, in the order of the columns."""
SHORTEST, LONGEST = 0.1, 30.0
"""Seconds within which a duration is believed."""
CHARACTERS_PER_SECOND = 14.0
"""Rate that a missing duration is estimated with."""
SLOWEST, FASTEST = 0.5, 50.0
"""Characters per second: a rate is clipped to these; a faster one is not believed."""
LONGEST_PAUSE = 10.0
"""Seconds that a pause is clipped to; longer ones are cuts between scenes."""

LATEST = 1e9
"""Seconds; a time beyond is none."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Intervals:
    """Times of ``N`` utterances with an estimate where they are missing or cannot be.

    Args:
        start: ``(N,)`` seconds, NaN where unknown.
        end: ``(N,)`` seconds, NaN where the start is unknown.
        duration: ``(N,)`` seconds, always known.
        repaired: ``(N,)`` bool, where the duration is an estimate.
    """

    start: Floats
    end: Floats
    duration: Floats
    repaired: NDArray[np.bool_]


def intervals(start: Floats, end: Floats, characters: Floats) -> Intervals:
    """Believe or estimate each duration; see the module.

    Args:
        start: ``(N,)`` seconds, NaN where unknown.
        end: likewise.
        characters: ``(N,)`` characters spoken.
    """
    given = end - start
    believed = (given >= SHORTEST) & (given <= LONGEST) & (characters <= FASTEST * given)
    estimate = np.clip(characters / CHARACTERS_PER_SECOND, SHORTEST, LONGEST)
    duration = np.where(believed, given, estimate)
    return Intervals(start, start + duration, duration, ~believed)


def timing_features(table: pd.DataFrame) -> NDArray[np.float32]:
    """The features of the module, ``(N, 10)`` in the order of :data:`NAMES`.

    Args:
        table: of a corpus, with ``conversation`` and, in seconds, NaN where unknown, ``start`` and
            ``end``; the utterances of a conversation together and in order. Without ``text``, n and
            w are 0.
    """
    characters, words = _sizes(table)
    times = intervals(_seconds(table["start"]), _seconds(table["end"]), characters)
    first = (table["conversation"] != table["conversation"].shift()).to_numpy(dtype=bool)
    before_start, before_end = (_previous(x, first) for x in (times.start, times.end))
    gap = times.start - before_end
    shared = np.minimum(times.end, before_end) - np.maximum(times.start, before_start)
    pause = np.clip(np.nan_to_num(gap, nan=0.0), -LONGEST_PAUSE, LONGEST_PAUSE)
    columns = {
        "log_duration": np.log(times.duration),
        "pause": np.sign(pause) * np.log1p(np.abs(pause)),
        "overlap": np.clip(np.nan_to_num(shared, nan=0.0), 0, times.duration) / times.duration,
        "log_rate": np.log(np.clip(characters / times.duration, SLOWEST, FASTEST)),
        "log_words": np.log1p(words),
        "log_characters": np.log1p(characters),
        "position": np.log1p(_places(first)),
        "repaired": times.repaired,
        "no_pause": np.isnan(gap),
        "backwards": times.start < before_start,
    }
    return np.column_stack([columns[name] for name in NAMES]).astype(np.float32)


def timing_notes(table: pd.DataFrame) -> Iterator[str]:
    """What had to be estimated and what looks wrong, counted, one line each.

    Args:
        table: as for :func:`timing_features`.
    """
    start, end = _seconds(table["start"]), _seconds(table["end"])
    characters, _ = _sizes(table)
    given = end - start
    plausible = (given >= SHORTEST) & (given <= LONGEST)
    repaired = intervals(start, end, characters).repaired
    counts = {
        "times are missing": np.isnan(given),
        f"durations are below {SHORTEST:g} s": given < SHORTEST,
        f"durations are above {LONGEST:g} s": given > LONGEST,
        f"durations would need over {FASTEST:g} characters a second": repaired & plausible,
    }
    for what, found in counts.items():
        if found.any():
            yield f"timing: {int(found.sum())} {what}; estimated from the text"
    backwards = int(timing_features(table)[:, NAMES.index("backwards")].sum())
    if backwards:
        yield f"timing: {backwards} utterances start before the one before them; kept as they are"


def _seconds(column: pd.Series) -> Floats:
    """Times, NaN where there is none or none that could be one."""
    times = column.to_numpy(dtype=np.float64, na_value=np.nan)
    return np.where(np.abs(times) <= LATEST, times, np.nan)


def _sizes(table: pd.DataFrame) -> tuple[Floats, Floats]:
    """Characters and words of each utterance, 0 where the table has no text."""
    if "text" not in table:
        return np.zeros(len(table)), np.zeros(len(table))
    known = [mend(text).strip() for text in table["text"].fillna("").astype(str)]
    characters, words = ([len(part) for part in parts] for parts in (known, map(str.split, known)))
    return np.array(characters, dtype=np.float64), np.array(words, dtype=np.float64)


def _places(first: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Place of each row in its conversation, from 0, where ``first`` marks the first rows."""
    rows = np.arange(len(first))
    return rows - np.maximum.accumulate(np.where(first, rows, 0))


def _previous(values: Floats, first: NDArray[np.bool_]) -> Floats:
    """The value of the row before, NaN in the first row of a conversation."""
    moved = np.append(np.nan, values[:-1])[: len(values)]
    return np.where(first, np.nan, moved)
